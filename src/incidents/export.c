/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Incidents out, as GeoJSON (RFC 7946) or CSV, streamed through the policy of the viewer.
 */
#include "incidents/incidents.h"

#include "wire/csv.h"

struct export
{
    enum incident_export_format format;
    const struct viewer *viewer;
    incident_write_fn write;
    void *ctx;
    struct sha256_state digest;
    int64_t rows;
};

static enum rc flush(struct export *x, struct str bytes, struct err *err)
{
    sha256_add(&x->digest, bytes.p ? bytes.p : "", bytes.n);
    return x->write(x->ctx, bytes, err);
}

static void feature_write(const struct export *x, const struct incident *in, struct buf *b)
{
    struct policy_object object = incident_policy_object(in);
    struct json_out j;
    json_out_init(&j, b);
    json_begin_object(&j);
    json_put_str(&j, "type", STR("Feature"));
    json_key(&j, "geometry");
    if (in->has_place) {
        json_begin_object(&j);
        json_put_str(&j, "type", STR("Point"));
        json_key(&j, "coordinates");
        json_begin_array(&j);
        json_f64(&j, in->lon_deg, 7);
        json_f64(&j, in->lat_deg, 7);
        json_end_array(&j);
        json_end_object(&j);
    } else {
        json_nil(&j);
    }
    json_key(&j, "properties");
    incident_json(&j, in, policy_view(x->viewer, &object));
    json_end_object(&j);
}

static void csv_header(struct csv_out *c)
{
    static const char *const COLUMNS[] = {"id",           "code",  "title",  "date",      "date_end", "date_precision",
                                          "context",      "type",  "method", "target",    "bias",     "severity",
                                          "verification", "lat",   "lon",    "precision", "radius_m", "country",
                                          "disputed",     "place", "killed", "injured",   "source",   "unverified",
                                          "synthetic"};
    for (size_t i = 0; i < sizeof COLUMNS / sizeof COLUMNS[0]; i++)
        csv_out_str(c, str_of(COLUMNS[i]));
    csv_out_end(c);
}

static void csv_toll(struct csv_out *c, int64_t toll)
{
    if (toll < 0)
        csv_out_str(c, STR(""));
    else
        csv_out_i64(c, toll);
}

static void csv_place(struct csv_out *c, const struct incident *in)
{
    if (in->has_place) {
        csv_out_f64(c, in->lat_deg, 7);
        csv_out_f64(c, in->lon_deg, 7);
    } else {
        csv_out_str(c, STR(""));
        csv_out_str(c, STR(""));
    }
}

static void csv_row_write(const struct incident *in, struct buf *b, struct arena *mem)
{
    struct csv_out c;
    csv_out_init(&c, b, ',', true);
    csv_out_str(&c, uuid_format(mem, in->public_id));
    csv_out_str(&c, code_format(mem, in->code));
    csv_out_str(&c, in->title);
    csv_out_str(&c, date_format(mem, date_from_days(in->start_day)));
    csv_out_str(&c, date_format(mem, date_from_days(in->end_day)));
    csv_out_str(&c, in->date_precision);
    csv_out_str(&c, in->is_context ? STR("1") : STR("0"));
    const struct str codes[] = {in->type, in->method, in->target, in->bias};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        csv_out_str(&c, codes[i]);
    csv_out_str(&c, in->severity >= 0 ? str_printf(mem, "S%d", in->severity) : STR(""));
    csv_out_str(&c, in->verification);
    csv_place(&c, in);
    csv_out_str(&c, in->precision);
    csv_out_f64(&c, in->radius_m, 0);
    csv_out_str(&c, in->country);
    csv_out_str(&c, in->is_disputed ? STR("1") : STR("0"));
    csv_out_str(&c, in->place);
    csv_toll(&c, in->killed);
    csv_toll(&c, in->injured);
    csv_out_str(&c, in->source_text);
    csv_out_str(&c, in->is_unverified ? STR("1") : STR("0"));
    csv_out_str(&c, in->is_synthetic ? STR("1") : STR("0"));
    csv_out_end(&c);
}

static enum rc one(void *ctx, const struct incident *in, struct err *err)
{
    struct export *x = ctx;
    struct buf b;
    struct arena mem;
    buf_init(&b, 0);
    arena_init(&mem);
    if (x->format == INCIDENT_EXPORT_GEOJSON) {
        if (x->rows)
            buf_add_z(&b, ",\n");
        feature_write(x, in, &b);
    } else {
        csv_row_write(in, &b, &mem);
    }
    x->rows++;
    enum rc rc = flush(x, buf_str(&b), err);
    arena_fini(&mem);
    buf_fini(&b);
    return rc;
}

struct export_read {
    struct export *x;
    const struct incident_filter *filter;
};

static enum rc read_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct export_read *r = ctx;
    return incidents_each(tx, r->x->viewer, r->filter, one, r->x, err);
}

enum rc incidents_export(struct store *st, const struct viewer *viewer, const struct incident_filter *filter,
                         enum incident_export_format format, incident_write_fn write, void *ctx,
                         struct incident_export_report *out, struct err *err)
{
    struct export x = {.format = format, .viewer = viewer, .write = write, .ctx = ctx};
    struct export_read r = {&x, filter};
    bool geojson = format == INCIDENT_EXPORT_GEOJSON;
    struct buf b;
    struct csv_out c;
    sha256_begin(&x.digest);
    buf_init(&b, 0);
    csv_out_init(&c, &b, ',', true);
    if (geojson)
        buf_add_z(&b, "{\"type\":\"FeatureCollection\",\"features\":[\n");
    else
        csv_header(&c);
    enum rc rc = flush(&x, buf_str(&b), err);
    buf_fini(&b);
    if (rc == RC_OK)
        rc = store_read(st, read_fn, &r, err);
    if (rc == RC_OK && geojson)
        rc = flush(&x, STR("\n]}\n"), err);
    if (rc == RC_OK)
        *out = (struct incident_export_report){x.rows, sha256_end(&x.digest)};
    return rc;
}
