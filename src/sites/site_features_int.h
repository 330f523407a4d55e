/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside features: conditions as SQL text and its parameters.
 */
#ifndef SITES_SITE_FEATURES_INT_H
#define SITES_SITE_FEATURES_INT_H

#include "sites/site_features.h"

enum { FEATURES_ARGS_MAX = CQL_VALUES_MAX + 16 };

struct features_sql {
    enum store_engine engine;
    struct arena *mem;
    struct buf text; /* the caller's to end */
    struct store_arg args[FEATURES_ARGS_MAX];
    size_t n;
};
/* " AND (...)" of the filter. */
MUST_CHECK enum rc features_filter_add(struct features_sql *q, const struct cql *filter, struct err *err);
/* " AND column = ?": nothing for an empty text. */
void features_equal_add(struct features_sql *q, const char *property, struct str text);
/* The pattern of CQL2 as the engine's own: GLOB for SQLite, whose LIKE takes A for a. */
struct str features_pattern(struct str like, enum store_engine engine, struct arena *mem);

#endif
