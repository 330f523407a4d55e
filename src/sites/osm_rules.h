/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * data/religious-features.json compiled: which tagged objects are religious sites, of which class and kind. For any
 * source that has OpenStreetMap tags (PBF, XML, JSON exports). Read once, then only looked at, from any thread.
 *   R1 rules are tried in order and the first that matches decides;
 *   R2 what no rule takes has the reason of the first rule whose conditions held but which made an exception.
 */
#ifndef SITES_OSM_RULES_H
#define SITES_OSM_RULES_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "wire/osm.h"

enum {
    OSM_RULES_FILE_MAX = 1 << 20,
    OSM_RULES_KEYS_MAX = 250,  /* different keys in all rules */
    OSM_RULES_WORDS_MAX = 4000 /* different values in all rules */
};

struct osm_rules;
/* json: the file's text; empty: the one built in. The house rules are always those built in. RC_INVALID says which rule is wrong. */
MUST_CHECK enum rc osm_rules_new(struct str json, struct osm_rules **out, struct err *err);
void osm_rules_free(struct osm_rules *r);
/* The first filter, for readers that look at many objects. Lives as long as the rules. */
const struct osm_filter *osm_rules_filter(const struct osm_rules *r);

/* Whether some rule looks at this key. */
bool osm_rules_has_key(const struct osm_rules *r, struct str key);

/* Texts are borrowed from the rules. */
struct osm_verdict {
    bool is_read; /* passes the first filter */
    bool is_site;
    const char *reason; /* why not, when read and no site */
    struct str class_code, kind, status;
    bool is_guarded;          /* the house rules hide it: data/house-rules.json */
    struct str religion_hint; /* what a building tells when no religion tag does; "" */
};
struct osm_verdict osm_rules_judge(const struct osm_rules *r, const struct osm_tag *tags, size_t n);

#endif
