/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Sites as the world's map programs ask for them (OGC API - Features): by box, by equality, by a filter, page by page.
 * What everybody may see and nothing else, whoever asks.
 *
 * Invariants:
 *   F1 a condition works on what is shown (I3): a COARSE site is found at its grid's centre only, a HIDDEN one never,
 *      and no condition can be put on a field that a coarse site keeps back.
 *   F2 a filter becomes conditions of the program's own with parameters; no byte of it stands in SQL.
 *   F3 what a site does not say (an empty faith, kind, name) is null: no comparison holds for it, negated or not; only
 *      IS NULL does. (Kleene's three values, as CQL2 and SQL have them.)
 */
#ifndef SITES_SITE_FEATURES_H
#define SITES_SITE_FEATURES_H

#include "sites/sites.h"
#include "wire/cql.h"

enum {
    FEATURES_TEXT_MAX = 400,    /* bytes of a text compared with */
    FEATURES_WILDCARDS_MAX = 10 /* % in one pattern */
};

struct features_query {
    bool has_box; /* sites without a place are in every box (OGC 17-069r4, /req/core/fc-bbox-response) */
    struct geo_box box;
    struct str faith, kind, name; /* equal to; empty: any */
    const struct cql *filter;     /* NULL: any; its properties are faith, kind, name */
};
struct features_page {
    struct site *sites; /* names are read */
    size_t n;
    struct str next; /* cursor; empty: this was the last */
    int64_t matched; /* of all pages; -1 on any page but the first, and where counting would read every name */
};
/* In the order of their cells, those without a place last. limit: 1 to SITES_LIMIT_MAX. RC_INVALID: a cursor that is
 * none, a property that cannot be asked for, a value of the wrong type. */
MUST_CHECK enum rc features_list(struct store *st, const struct features_query *query, struct str cursor, size_t limit,
                                 struct arena *mem, struct features_page *out, struct err *err);
/* Is the name asked for? Then every row may have to be read: there is no index of names. */
bool features_reads_names(const struct features_query *query);
/* A filter's properties and types without running it. */
MUST_CHECK enum rc features_check(const struct cql *filter, struct err *err);

#endif
