/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Private to the rules: the compiled table, filled by osm_rules_load.c, used by osm_rules.c.
 */
#ifndef SITES_OSM_RULES_INT_H
#define SITES_OSM_RULES_INT_H

#include <jansson.h>

#include "base/arena.h"
#include "sites/osm_rules.h"

/* Texts as small numbers: open addressing, never over half full. Number 0 is "not in the table". */
enum { RULES_SLOTS = 1 << 14 };
struct numbers {
    struct {
        struct str text;
        uint16_t key, word;
    } slots[RULES_SLOTS];
    uint16_t keys_n, words_n;
    size_t used;
};

struct condition {
    uint16_t key;
    bool is_any;
    const uint16_t *words;
    size_t words_n;
    const char *reason; /* of exceptions */
};
struct rule {
    struct str class_code, code; /* code: kind, status or religion, as the list says; "" none */
    const struct condition *when, *unless;
    size_t when_n, unless_n;
    const struct str *name_words; /* lower case */
    size_t name_words_n;
    const char *name_reason;
};
struct rule_list {
    struct rule *v;
    size_t n;
};

struct osm_rules {
    struct arena mem;
    json_t *doc, *house;
    struct numbers numbers;
    struct osm_filter *filter;
    struct rule_list rules, kinds, statuses, hints, guards;
};

uint16_t numbers_key(const struct numbers *t, struct str s);
uint16_t numbers_word(const struct numbers *t, struct str s);
MUST_CHECK enum rc rules_load(struct osm_rules *r, struct err *err);

#endif
