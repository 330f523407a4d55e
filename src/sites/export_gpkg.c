/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Sites as a GeoPackage. See export.h; the file itself is store/gpkg.h's.
 */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "geo/wkb.h"
#include "sites/export_int.h"
#include "store/gpkg.h"
#include "wire/osm_date.h"

#define DUBLIN_CORE "http://purl.org/dc/terms/"

static const struct gpkg_column SITE_COLUMNS[] = {{"id", GPKG_TEXT},
                                                  {"code", GPKG_TEXT},
                                                  {"name", GPKG_TEXT},
                                                  {"names", GPKG_TEXT},
                                                  {"class", GPKG_TEXT},
                                                  {"kind", GPKG_TEXT},
                                                  {"religion", GPKG_TEXT},
                                                  {"denomination", GPKG_TEXT},
                                                  {"precision_m", GPKG_REAL},
                                                  {"coarse", GPKG_BOOLEAN},
                                                  {"country", GPKG_TEXT},
                                                  {"admin1", GPKG_TEXT},
                                                  {"disputed", GPKG_BOOLEAN},
                                                  {"heritage", GPKG_TEXT},
                                                  {"whs_year", GPKG_INTEGER},
                                                  {"start_date", GPKG_TEXT},
                                                  {"start_earliest", GPKG_INTEGER},
                                                  {"start_latest", GPKG_INTEGER},
                                                  {"wikidata", GPKG_TEXT},
                                                  {"unesco", GPKG_TEXT},
                                                  {"status", GPKG_TEXT},
                                                  {"visibility", GPKG_TEXT},
                                                  {"unverified", GPKG_BOOLEAN},
                                                  {"synthetic", GPKG_BOOLEAN},
                                                  {"note", GPKG_TEXT},
                                                  {"source", GPKG_TEXT},
                                                  {"licence", GPKG_TEXT},
                                                  {"attribution", GPKG_TEXT},
                                                  {"release", GPKG_TEXT},
                                                  {"external_id", GPKG_TEXT},
                                                  {"updated", GPKG_DATETIME}};
static const struct gpkg_column FOOTPRINT_COLUMNS[] = {{"site", GPKG_TEXT}, {"name", GPKG_TEXT}};
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const struct gpkg_layer SITES_LAYER = {.name = "sites",
                                              .title = "Religious sites",
                                              .description = "One point per site; where coarse is true, the centre of "
                                                             "a cell of a fixed grid.",
                                              .geometry = "POINT",
                                              .columns = SITE_COLUMNS,
                                              .n = COUNT(SITE_COLUMNS)};
static const struct gpkg_layer FOOTPRINTS_LAYER = {.name = "footprints",
                                                   .title = "Footprints of religious sites",
                                                   .description = "The ground a site covers; site is its id.",
                                                   .geometry = "GEOMETRY",
                                                   .columns = FOOTPRINT_COLUMNS,
                                                   .n = COUNT(FOOTPRINT_COLUMNS)};

struct package {
    struct gpkg *file;
    int sites, footprints;
    int64_t rows;
    struct arena mem; /* of one row */
    struct buf names;
};

static struct str names_of(struct package *x, const struct site *s)
{
    struct json_out j;
    buf_clear(&x->names);
    json_out_init(&j, &x->names);
    json_begin_object(&j);
    for (size_t i = 0; i < s->names_n; i++) {
        bool is_first = true;
        for (size_t k = 0; k < i; k++)
            is_first = is_first && !str_is_equal(s->names[k].lang, s->names[i].lang);
        if (!is_first)
            continue;
        json_key_str(&j, str_is_empty(s->names[i].lang) ? STR("und") : s->names[i].lang);
        json_str(&j, s->names[i].text);
    }
    json_end_object(&j);
    return buf_str(&x->names);
}

/* A DATETIME of a GeoPackage has thousandths. */
static struct str datetime_of(struct arena *mem, struct instant t)
{
    struct str s = instant_format_s(mem, t);
    return str_printf(mem, STR_FMT ".%03dZ", STR_ARG(str_slice(s, 0, s.n - 1)), (int)(t.us % 1000000 / 1000));
}

static struct gpkg_box bounds_of(const struct geo_shape *s)
{
    struct gpkg_box b = {180, 90, -180, -90};
    for (size_t r = 0; r < s->rings_n; r++)
        for (size_t i = 0; i < s->rings[r].n; i++) {
            struct geo_point p = s->rings[r].at[i];
            b = (struct gpkg_box){fmin(b.west_deg, p.lon_deg), fmin(b.south_deg, p.lat_deg),
                                  fmax(b.east_deg, p.lon_deg), fmax(b.north_deg, p.lat_deg)};
        }
    return b;
}

static enum rc footprint_row(struct package *x, const struct site *s, struct str id, struct str wkb, struct err *err)
{
    struct geo_shape shape;
    if (str_is_empty(wkb))
        return RC_OK;
    TRY(geo_wkb_read(wkb, &x->mem, &shape, err));
    struct gpkg_box box = bounds_of(&shape);
    const struct store_arg args[] = {SA_TEXT(id), SA_TEXT_OPT(s->name)};
    return gpkg_row(x->file, x->footprints, wkb, &box, args, err);
}

static enum rc row(void *ctx, const struct site *s, const struct export_site *e, struct err *err)
{
    struct package *x = ctx;
    arena_reset(&x->mem);
    struct str id = uuid_format(&x->mem, s->public_id);
    struct osm_years y = {0};
    bool has = osm_date_parse(s->start_date, &y);
    const struct store_arg args[COUNT(SITE_COLUMNS)] = {
        SA_TEXT(id),
        SA_TEXT(code_format(&x->mem, s->code)),
        SA_TEXT_OPT(s->name),
        SA_TEXT(names_of(x, s)),
        SA_TEXT_OPT(s->class_code),
        SA_TEXT_OPT(s->kind),
        SA_TEXT_OPT(s->religion),
        SA_TEXT_OPT(s->denomination),
        s->has_place ? SA_REAL(s->precision_m) : SA_NULL,
        SA_INT(s->is_coarse),
        SA_TEXT_OPT(s->country),
        SA_TEXT_OPT(s->admin1),
        SA_INT(s->is_disputed),
        SA_TEXT_OPT(s->heritage),
        s->whs_year ? SA_INT(s->whs_year) : SA_NULL,
        SA_TEXT_OPT(s->start_date),
        has && y.earliest != OSM_DATE_NO_EARLIEST ? SA_INT(y.earliest) : SA_NULL,
        has && y.latest != OSM_DATE_NO_LATEST ? SA_INT(y.latest) : SA_NULL,
        SA_TEXT_OPT(s->wikidata),
        SA_TEXT_OPT(s->unesco),
        SA_TEXT_OPT(s->status),
        SA_TEXT(export_visibility_word(s->visibility)),
        SA_INT(s->is_unverified),
        SA_INT(s->is_synthetic),
        SA_TEXT_OPT(s->note),
        SA_TEXT_OPT(e->source),
        SA_TEXT_OPT(e->licence),
        SA_TEXT_OPT(e->attribution),
        SA_TEXT_OPT(e->release),
        SA_TEXT_OPT(e->external_id),
        SA_TEXT(datetime_of(&x->mem, s->updated))};
    x->rows++;
    TRY(gpkg_point_row(x->file, x->sites, s->has_place, s->lat_deg, s->lon_deg, args, err));
    return footprint_row(x, s, id, e->footprint, err);
}

static enum rc note(struct package *x, struct store *st, struct err *err)
{
    struct str rights;
    struct json_out j;
    arena_reset(&x->mem);
    TRY(sites_attribution(st, &x->mem, &rights, err));
    buf_clear(&x->names);
    json_out_init(&j, &x->names);
    json_begin_object(&j);
    json_put_str(&j, "title", str_of(SITES_LAYER.title));
    json_put_str(&j, "rights", rights);
    json_put_str(&j, "created", instant_format_s(&x->mem, clock_now()));
    json_put_i64(&j, "extent", x->rows);
    json_put_str(&j, "description", STR("Licence and attribution of each row stand in its own columns."));
    json_end_object(&j);
    return gpkg_note(x->file, "application/json", DUBLIN_CORE, buf_str(&x->names), err);
}

static enum rc fill(struct package *x, struct store *st, const struct sites_filter *filter, const struct viewer *viewer,
                    struct err *err)
{
    struct export_page *p = mem_alloc(sizeof *p);
    struct arena mem;
    arena_init(&mem);
    arena_init(&p->mem);
    p->viewer = viewer;
    p->where = sites_where_of(filter, viewer, &mem);
    p->where.want_names = true;
    enum rc rc = gpkg_layer_add(x->file, &SITES_LAYER, &x->sites, err);
    if (rc == RC_OK)
        rc = gpkg_layer_add(x->file, &FOOTPRINTS_LAYER, &x->footprints, err);
    if (rc == RC_OK)
        rc = export_walk(st, filter, p, true, row, x, err);
    if (rc == RC_OK)
        rc = note(x, st, err);
    arena_fini(&p->mem);
    arena_fini(&mem);
    free(p);
    return rc;
}

enum rc sites_export_gpkg(struct store *st, const struct sites_filter *filter, const struct viewer *viewer,
                          const char *path, struct sites_export_report *out, struct err *err)
{
    struct package x = {0};
    struct gpkg_done done;
    struct err second;
    TRY(gpkg_new(path, &x.file, err));
    arena_init(&x.mem);
    buf_init(&x.names, 0);
    enum rc rc = fill(&x, st, filter, viewer, err);
    enum rc end = gpkg_finish(x.file, rc == RC_OK, &done, rc == RC_OK ? err : &second);
    rc = rc == RC_OK ? end : rc;
    if (rc == RC_OK)
        *out = (struct sites_export_report){x.rows, done.bytes, done.digest};
    arena_fini(&x.mem);
    buf_fini(&x.names);
    return rc;
}
