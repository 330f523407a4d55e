/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Incidents as a GeoPackage, through the policy of the viewer; the file itself is store/gpkg.h's.
 */
#include "incidents/incidents.h"

#include "store/gpkg.h"
#include "wire/json_out.h"

#define DUBLIN_CORE "http://purl.org/dc/terms/"

static const struct gpkg_column COLUMNS[] = {
    {"id", GPKG_TEXT},           {"code", GPKG_TEXT},           {"title", GPKG_TEXT},       {"date", GPKG_DATE},
    {"date_end", GPKG_DATE},     {"date_precision", GPKG_TEXT}, {"context", GPKG_BOOLEAN},  {"type", GPKG_TEXT},
    {"method", GPKG_TEXT},       {"target", GPKG_TEXT},         {"bias", GPKG_TEXT},        {"severity", GPKG_TEXT},
    {"verification", GPKG_TEXT}, {"precision", GPKG_TEXT},      {"radius_m", GPKG_REAL},    {"country", GPKG_TEXT},
    {"disputed", GPKG_BOOLEAN},  {"place", GPKG_TEXT},          {"killed", GPKG_INTEGER},   {"injured", GPKG_INTEGER},
    {"source", GPKG_TEXT},       {"unverified", GPKG_BOOLEAN},  {"synthetic", GPKG_BOOLEAN}};
enum { COLUMNS_N = sizeof COLUMNS / sizeof COLUMNS[0] };

static const struct gpkg_layer LAYER = {.name = "incidents",
                                        .title = "Incidents at religious sites",
                                        .description = "One point per incident; radius_m is how far off it may be.",
                                        .geometry = "POINT",
                                        .columns = COLUMNS,
                                        .n = COLUMNS_N};

struct package {
    struct gpkg *file;
    int layer;
    int64_t rows;
    struct arena mem; /* of one row */
    const struct viewer *viewer;
    const struct incident_filter *filter;
};

static struct store_arg toll(int64_t n)
{
    return n < 0 ? SA_NULL : SA_INT(n);
}

static enum rc row(void *ctx, const struct incident *in, struct err *err)
{
    struct package *x = ctx;
    arena_reset(&x->mem);
    const struct store_arg args[COLUMNS_N] = {SA_TEXT(uuid_format(&x->mem, in->public_id)),
                                              SA_TEXT(code_format(&x->mem, in->code)),
                                              SA_TEXT_OPT(in->title),
                                              SA_TEXT(date_format(&x->mem, date_from_days(in->start_day))),
                                              SA_TEXT(date_format(&x->mem, date_from_days(in->end_day))),
                                              SA_TEXT_OPT(in->date_precision),
                                              SA_INT(in->is_context),
                                              SA_TEXT_OPT(in->type),
                                              SA_TEXT_OPT(in->method),
                                              SA_TEXT_OPT(in->target),
                                              SA_TEXT_OPT(in->bias),
                                              in->severity >= 0 ? SA_TEXT(str_printf(&x->mem, "S%d", in->severity))
                                                                : SA_NULL,
                                              SA_TEXT_OPT(in->verification),
                                              SA_TEXT_OPT(in->precision),
                                              SA_REAL(in->radius_m),
                                              SA_TEXT_OPT(in->country),
                                              SA_INT(in->is_disputed),
                                              SA_TEXT_OPT(in->place),
                                              toll(in->killed),
                                              toll(in->injured),
                                              SA_TEXT_OPT(in->source_text),
                                              SA_INT(in->is_unverified),
                                              SA_INT(in->is_synthetic)};
    x->rows++;
    return gpkg_point_row(x->file, x->layer, in->has_place, in->lat_deg, in->lon_deg, args, err);
}

static enum rc read_all(struct store_tx *tx, void *ctx, struct err *err)
{
    struct package *x = ctx;
    return incidents_each(tx, x->viewer, x->filter, row, x, err);
}

static enum rc note(struct package *x, struct err *err)
{
    struct json_out j;
    struct buf b;
    buf_init(&b, 0);
    json_out_init(&j, &b);
    json_begin_object(&j);
    json_put_str(&j, "title", str_of(LAYER.title));
    json_put_str(&j, "created", instant_format_s(&x->mem, clock_now()));
    json_put_i64(&j, "extent", x->rows);
    json_put_str(&j, "description", STR("The work that states an incident stands in its column source."));
    json_end_object(&j);
    enum rc rc = gpkg_note(x->file, "application/json", DUBLIN_CORE, buf_str(&b), err);
    buf_fini(&b);
    return rc;
}

enum rc incidents_export_gpkg(struct store *st, const struct viewer *viewer, const struct incident_filter *filter,
                              const char *path, struct incident_export_report *out, struct err *err)
{
    struct package x = {.viewer = viewer, .filter = filter};
    struct gpkg_done done;
    struct err second;
    TRY(gpkg_new(path, &x.file, err));
    arena_init(&x.mem);
    enum rc rc = gpkg_layer_add(x.file, &LAYER, &x.layer, err);
    if (rc == RC_OK)
        rc = store_read(st, read_all, &x, err);
    if (rc == RC_OK)
        rc = note(&x, err);
    enum rc end = gpkg_finish(x.file, rc == RC_OK, &done, rc == RC_OK ? err : &second);
    rc = rc == RC_OK ? end : rc;
    if (rc == RC_OK)
        *out = (struct incident_export_report){x.rows, done.digest};
    arena_fini(&x.mem);
    return rc;
}
