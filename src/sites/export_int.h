/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside the export: a page of sites with what stands beside them.
 */
#ifndef SITES_EXPORT_INT_H
#define SITES_EXPORT_INT_H

#include "sites/export.h"
#include "sites/sites_int.h"

enum { EXPORT_PAGE = 1024 };

struct export_site {
    struct str source, licence, attribution, release, external_id, footprint;
};
struct export_page {
    struct arena mem; /* of this page */
    struct sites_where where;
    const struct viewer *viewer;
    struct sites_range range;
    struct sites_key after;
    bool want_extras;
    struct site sites[EXPORT_PAGE];
    struct sites_key keys[EXPORT_PAGE];
    struct export_site *extras;
    size_t n;
};
/* A store_fn: the page after `after` in `range`. */
enum rc export_page_read(struct store_tx *tx, void *ctx, struct err *err);

/* All pages of the filter's ranges, in the order of a list; what fn is handed is borrowed for the call. */
typedef enum rc (*export_fn)(void *ctx, const struct site *s, const struct export_site *extra, struct err *err);
MUST_CHECK enum rc export_walk(struct store *st, const struct sites_filter *filter, struct export_page *p,
                               bool want_extras, export_fn fn, void *ctx, struct err *err);
struct str export_visibility_word(enum visibility v);

#endif
