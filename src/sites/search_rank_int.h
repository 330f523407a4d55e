/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A query as terms: search_expand.c makes it, search_rank.c finds sites with it.
 */
#ifndef SITES_SEARCH_RANK_INT_H
#define SITES_SEARCH_RANK_INT_H

#include "sites/search_int.h"

enum {
    QUERY_UNITS_MAX = 24,   /* words, and pieces of words without spaces */
    QUERY_OPTIONS_MAX = 640 /* terms or ranges of terms that stand for some unit */
};

/* Terms [first, end) that stand for the units of the mask, as well as `weight` says. */
struct query_option {
    uint32_t first, end, mask;
    float weight;
};
/* A word of the query, or a piece of one. */
struct query_unit {
    float weight; /* how much it counts */
    unsigned run;
    bool is_last; /* may be unfinished */
};
struct query {
    struct query_unit units[QUERY_UNITS_MAX];
    struct query_option options[QUERY_OPTIONS_MAX];
    unsigned units_n, options_n;
};

void search_expand(const struct search_image *im, const struct search_ask *ask, struct arena *mem, struct query *out);

#endif
