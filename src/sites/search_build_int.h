/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What the two halves of building an image of the search share: search_gather.c and search_write.c.
 */
#ifndef SITES_SEARCH_BUILD_INT_H
#define SITES_SEARCH_BUILD_INT_H

#include "sites/search_int.h"

enum { GROUPS_MAX = 32, ATTRIBUTES_MAX = 48, CUT_SLOTS_MAX = 128 };

/* A site as it is laid aside: a head, then names with their slots. */
struct record_head {
    struct uuid id;
    int32_t lat, lon;
    uint16_t names, terms;
};
struct record_name {
    uint8_t ordinal, words;
    uint16_t n;
};
struct record_slot {
    uint32_t term; /* in the order they came */
    uint8_t word, span;
};

struct builder_term {
    uint64_t at; /* into the pool */
    uint32_t hash;
    uint8_t n;
};
struct builder_site {
    uint64_t at; /* where it is laid aside */
    uint32_t bytes;
    uint8_t significance;
};

struct search_builder {
    const struct search_words *words;
    struct search_cutter *cutter;
    struct arena mem; /* of the site at hand */
    struct builder_term *terms;
    size_t terms_n, terms_size;
    char *pool;
    size_t pool_n, pool_size;
    uint32_t *table; /* hash table of 1 + term */
    size_t table_size;
    struct builder_site *sites;
    size_t sites_n, sites_size;
    int spool;       /* -1: all of it stays in laid */
    struct buf laid; /* what is not in the spool yet */
    uint64_t laid_at;
    size_t record_n;
    unsigned char record[sizeof(struct record_head) + (SEARCH_NAMES_MAX + 2) * sizeof(struct record_name) +
                         SEARCH_SITE_TERMS_MAX * sizeof(struct record_slot)];
};

struct str search_builder_term(const struct search_builder *b, uint32_t term);
/* The i-th site that came into b->record. */
MUST_CHECK enum rc search_builder_read(struct search_builder *b, size_t i, struct err *err);

#endif
