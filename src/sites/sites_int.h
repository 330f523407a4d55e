/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside the registry: rows and pages as sites_store.c and sites_list_store.c read them.
 */
#ifndef SITES_SITES_INT_H
#define SITES_SITES_INT_H

#include "base/hash.h"
#include "sites/sites.h"

/* Columns of a whole site, from `site s`. */
#define SITE_ROW                                                                                                       \
    "s.id, s.public_id, s.class, s.kind, s.religion, s.denomination, s.name, s.lat, s.lon, s.cell, "                   \
    "s.precision_m, s.country, s.admin1, s.is_disputed, s.heritage, s.whs_year, s.wikidata, s.unesco, s.status, "      \
    "s.visibility, s.is_unverified, s.is_synthetic, s.note, s.created_us, s.updated_us, s.coarse_m, "                  \
    "CASE WHEN " SITE_IS_CLOSED " THEN 1 ELSE 0 END, s.start_date, s.names"
enum { SITE_ROW_COLUMNS = 29, SITE_ROW_NAMES = SITE_ROW_COLUMNS - 1 };
/* Whether the country of `site s` is closed. Both parts are constants of the statement: with no closed country it costs
 * nothing per row. Every statement for the public that goes by shown_cell says NOT of it. */
#define SITE_IS_CLOSED "(EXISTS (SELECT 1 FROM country_closed) AND s.country IN (SELECT iso2 FROM country_closed))"

/* Texts are copied into mem. The true place: ask sites_view next. */
struct site sites_row(struct store_rows *rows, bool want_names, struct arena *mem);

/* Where a page goes on. */
struct sites_key {
    int64_t cell;
    struct uuid id;
};
#define SITES_KEY_FIRST ((struct sites_key){.cell = INT64_MIN})

/* A filter as SQL takes it. */
struct sites_where {
    struct sites_filter filter;
    struct str like; /* folded, escaped, with % at both ends; "" = any */
    bool want_names;
    bool is_inside; /* this viewer sees true places */
    int most;       /* highest visibility this viewer sees */
};
struct sites_where sites_where_of(const struct sites_filter *filter, const struct viewer *viewer, struct arena *mem);
/* Up to `limit` sites with a key in [first, last] after `after`, in the order of the key; sites_view has been asked. */
MUST_CHECK enum rc sites_range_read(struct store_tx *tx, const struct sites_where *w, const struct viewer *viewer,
                                    int64_t first, int64_t last, struct sites_key after, size_t limit,
                                    struct arena *mem, struct site *out, struct sites_key *keys, size_t *n,
                                    struct err *err);
MUST_CHECK enum rc sites_range_count(struct store_tx *tx, const struct sites_where *w, int64_t first, int64_t last,
                                     int64_t *out, struct err *err);
/* Key ranges of the filter, in the order of a list: without a box everything, those without a place last. */
enum { SITES_RANGES_MAX = 16 };
struct sites_range {
    int64_t first, last;
};
size_t sites_ranges(const struct sites_filter *filter, struct sites_range out[SITES_RANGES_MAX]);

/* In the transaction of every change of sites, with the inner ids of those it touched (what the feed of touched.h
 * tells of them is their state when it is asked). ids NULL, or more than SITES_TOUCHED_MAX: projections are built anew,
 * so name them wherever they are few. */
MUST_CHECK enum rc sites_changed(struct store_tx *tx, struct instant at, const struct uuid *ids, size_t n,
                                 struct err *err);
/* The same for a change that takes from the public more sites than can be named: until projections are built anew,
 * they must show nothing. */
MUST_CHECK enum rc sites_withdrawn(struct store_tx *tx, struct instant at, struct err *err);

/* The place of a site, as far as it decides where it is shown. */
struct sites_place {
    bool has_place;
    double lat_deg, lon_deg;
    bool is_away; /* sites_is_away of its status */
};
/* gone, or joined to another: shown nowhere. */
bool sites_is_away(struct str status);
/* The columns shown_cell, shown_lat, shown_lon: the one rule for them. */
struct sites_shown {
    struct store_arg cell, lat, lon;
};
struct sites_shown sites_shown_of(const struct sites_place *p, enum visibility v, int64_t coarse_m);

#endif
