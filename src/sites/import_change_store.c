/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of change files: the place that a stored record has, for records whose new version does not tell it.
 */
#include "sites/import_int.h"

#include <jansson.h>
#include <math.h>

#include "wire/json_in.h"

static const struct store_sql PLACE_SQL = {
    "SELECT r.raw, CASE WHEN o.site IS NULL THEN f.wkb ELSE o.wkb END, CASE WHEN o.site IS NULL THEN s.lat ELSE o.lat "
    "END, CASE WHEN o.site IS NULL THEN s.lon ELSE o.lon END FROM site_source r JOIN site s ON s.id = r.site "
    "LEFT JOIN site_own o ON o.site = r.site LEFT JOIN site_footprint f ON f.site = r.site WHERE r.source = ?1 AND r.external_id = ?2"};

enum { RAW_MAX = 1 << 20 };
#define RAW_STEP_DEG 1e-9

struct places {
    struct uuid source;
    struct import_batch *b;
};

static enum rc place_of_raw(struct str raw, struct import_place *out, struct err *err)
{
    json_t *doc;
    TRY(json_in_object(raw, RAW_MAX, &doc, err));
    const json_t *lat = json_object_get(doc, "lat"), *lon = json_object_get(doc, "lon");
    out->has_place = json_is_number(lat) && json_is_number(lon);
    out->lat_deg = out->has_place ? json_number_value(lat) : 0;
    out->lon_deg = out->has_place ? json_number_value(lon) : 0;
    out->precision_m = json_number_value(json_object_get(doc, "precision_m"));
    json_decref(doc);
    return RC_OK;
}

/* The raw text has nine decimals; the site has all bits, unless several records of one site tell different places. */
static void place_refine(struct import_place *p, double lat_deg, double lon_deg)
{
    if (!p->has_place || fabs(p->lat_deg - lat_deg) > RAW_STEP_DEG || fabs(p->lon_deg - lon_deg) > RAW_STEP_DEG)
        return;
    p->lat_deg = lat_deg;
    p->lon_deg = lon_deg;
}

static enum rc place_read(struct store_tx *tx, struct uuid source, struct import_item *it, struct arena *mem,
                          struct err *err)
{
    struct store_rows *rows;
    struct store_arg args[] = {SA_UUID(source), SA_TEXT(it->key)};
    TRY(store_query(tx, &PLACE_SQL, args, SA_N(args), &rows, err));
    enum rc rc = RC_OK;
    if (store_next(rows)) {
        struct import_place *p = &it->stored_place;
        rc = place_of_raw(store_text(rows, 0), p, err);
        place_refine(p, store_real(rows, 2), store_real(rows, 3));
        p->footprint = str_copy(mem, store_blob(rows, 1));
    }
    struct err second;
    enum rc end = store_finish(rows, rc == RC_OK ? err : &second);
    return rc == RC_OK ? end : rc;
}

static enum rc places_read(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct places *p = ctx;
    for (size_t i = 0; i < p->b->n; i++) {
        struct import_item *it = &p->b->items[i];
        if (it->keeps_place && it->is_stored)
            TRY(place_read(tx, p->source, it, &p->b->mem, err));
    }
    return RC_OK;
}

enum rc import_stored_places(struct store *st, struct uuid source, struct import_batch *b, struct err *err)
{
    struct places p = {source, b};
    bool any = false;
    for (size_t i = 0; i < b->n && !any; i++)
        any = b->items[i].keeps_place && b->items[i].is_stored;
    return any ? store_read(st, places_read, &p, err) : RC_OK;
}
