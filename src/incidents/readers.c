/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * One row of somebody's CSV to one incident: UCDP GED, any CSV with a mapping, and our own seed.
 * UCDP GED columns: Sundberg and Melander, Introducing the UCDP Georeferenced Event Dataset, JPR 50(4), 2013, and its
 * codebook; its precision codes are kept in `raw` and read through data/vocab/ucdp-precision.json.
 */
#include "incidents/incidents_int.h"

#include "wire/csv_map.h"
#include "wire/json_in.h"

#include <stdio.h>

/* ---- shared ---- */

/* A row by column name; missing columns were refused when the file was opened. */
struct row_view {
    const struct csv *csv;
    const struct csv_row *row;
};

static struct str column(const struct row_view *v, const char *name)
{
    int i = csv_column_find(v->csv, str_of(name));
    return i >= 0 && (size_t)i < v->row->n ? str_trim(v->row->fields[i]) : STR("");
}

static enum rc need_columns(const struct csv *csv, const char *const *names, size_t n, const char *what,
                            struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (csv_column_find(csv, str_of(names[i])) < 0)
            return err_set(err, RC_INVALID, "line 1: not %s: there is no column '%s'", what, names[i]);
    return RC_OK;
}

static const char *set_place(struct incident *in, struct str lat, struct str lon)
{
    struct geo_point p;
    double lat_deg, lon_deg;
    if (lat.n == 0 && lon.n == 0)
        return NULL; /* kept without a place, never drawn */
    if (!str_parse_f64(lat, &lat_deg) || !str_parse_f64(lon, &lon_deg))
        return "latitude or longitude is not a number";
    if (geo_point_make(lat_deg, lon_deg, &p, NULL) != RC_OK)
        return "latitude or longitude is out of range";
    in->has_place = true;
    in->lat_deg = p.lat_deg;
    in->lon_deg = p.lon_deg;
    return NULL;
}

static const char *set_days(struct incident *in, struct str start, struct str end)
{
    struct civil_date a, b;
    if (!date_parse(str_slice(start, 0, 10), &a))
        return "the date is not YYYY-MM-DD";
    b = a;
    if (end.n && !date_parse(str_slice(end, 0, 10), &b))
        return "the end date is not YYYY-MM-DD";
    in->start_day = date_to_days(a);
    in->end_day = date_to_days(b);
    return NULL;
}

/* Empty leaves *out (unknown). */
static const char *set_toll(struct str s, int64_t *out)
{
    int64_t v;
    if (s.n == 0)
        return NULL;
    if (!str_parse_i64(s, &v) || v < 0 || v > 10000000)
        return "a number of killed or injured is not a whole number from 0";
    *out = v;
    return NULL;
}

static double radius_of(const struct code_list *precision, struct str code)
{
    return json_number_value(json_object_get(code_list_entry(precision, code), "radius_m"));
}

typedef const char *(*row_fn)(struct incident_stage *s, const struct row_view *v, void *ctx, struct incident *in);

/* Every row becomes an incident or a rejection; `read` counts both. */
static enum rc each_row(struct incident_stage *s, struct csv *csv, row_fn fn, void *ctx, struct err *err)
{
    struct csv_row row;
    bool more;
    for (;;) {
        TRY(csv_next(csv, &row, &more, err));
        if (!more)
            return RC_OK;
        s->report->read++;
        struct row_view v = {csv, &row};
        struct incident in = stage_blank(s, row.line);
        const char *why = row.fault ? row.fault : fn(s, &v, ctx, &in);
        if (!why)
            why = stage_check_codes(s, &in);
        if (why)
            stage_reject(s, row.line, in.external_id, why);
        else
            TRY(stage_add(s, &in, err));
    }
}

/* ---- UCDP GED ---- */

/* Entry "where-3" of the table, for field value 3. NULL when the code is not of the codebook. */
static const json_t *ucdp_code(struct incident_stage *s, const char *prefix, struct str value)
{
    char code[32];
    if (value.n == 0 || value.n > 2)
        return NULL;
    snprintf(code, sizeof code, "%s-" STR_FMT, prefix, STR_ARG(value));
    return code_list_entry(s->codes.ucdp, str_of(code));
}

static const char *ucdp_precision(struct incident_stage *s, const struct row_view *v, struct incident *in)
{
    const json_t *where = ucdp_code(s, "where", column(v, "where_prec"));
    const json_t *when = ucdp_code(s, "date", column(v, "date_prec"));
    if (!where)
        return "where_prec is not 1 to 7";
    if (!when)
        return "date_prec is not 1 to 5";
    in->precision = json_str_or_empty(where, "location_precision");
    in->radius_m = json_number_value(json_object_get(where, "radius_m"));
    in->date_precision = json_str_or_empty(when, "date_precision");
    return NULL;
}

static struct str ucdp_kind(struct str type_of_violence)
{
    if (str_is_equal(type_of_violence, STR("1")))
        return STR("state-based");
    if (str_is_equal(type_of_violence, STR("2")))
        return STR("non-state");
    return str_is_equal(type_of_violence, STR("3")) ? STR("one-sided") : STR("");
}

static struct str ucdp_raw(struct incident_stage *s, const struct row_view *v)
{
    static const char *const KEPT[] = {
        "type_of_violence", "where_prec",       "date_prec", "event_clarity", "low", "best", "high",
        "deaths_civilians", "number_of_sources"};
    struct buf b;
    struct json_out j;
    buf_init(&b, INCIDENT_RAW_MAX);
    json_out_init(&j, &b);
    json_begin_object(&j);
    for (size_t i = 0; i < sizeof KEPT / sizeof KEPT[0]; i++)
        json_put_str(&j, KEPT[i], column(v, KEPT[i]));
    json_end_object(&j);
    struct str raw = str_copy(&s->mem, buf_str(&b));
    buf_fini(&b);
    return raw;
}

static const char *ucdp_row(struct incident_stage *s, const struct row_view *v, void *ctx, struct incident *in)
{
    (void)ctx;
    const char *why;
    in->external_id = column(v, "id");
    in->context_kind = ucdp_kind(column(v, "type_of_violence"));
    if (in->context_kind.n == 0)
        return "type_of_violence is not 1, 2 or 3";
    if ((why = ucdp_precision(s, v, in)) || (why = set_place(in, column(v, "latitude"), column(v, "longitude"))) ||
        (why = set_days(in, column(v, "date_start"), column(v, "date_end"))) ||
        (why = set_toll(column(v, "best"), &in->killed)))
        return why;
    if (!in->has_place)
        return "no latitude and longitude";
    /* Neutral words made from the codes: headlines name parties, and a name is no finding. */
    in->title = str_printf(&s->mem, "Armed conflict event (" STR_FMT ")", STR_ARG(in->context_kind));
    in->place = column(v, "where_coordinates");
    in->verification = STR("V3"); /* UCDP codes an event from its sources and resolves their differences */
    in->source_text = STR("UCDP Georeferenced Event Dataset");
    in->raw = ucdp_raw(s, v);
    if (!in->is_context)
        in->context_kind = STR("");
    return NULL;
}

enum rc read_ucdp(struct incident_stage *s, struct csv *csv, struct err *err)
{
    static const char *const NEEDED[] = {"id",        "type_of_violence", "where_prec",       "latitude",
                                         "longitude", "date_prec",        "date_start",       "date_end",
                                         "best",      "event_clarity",    "where_coordinates"};
    TRY(need_columns(csv, NEEDED, sizeof NEEDED / sizeof NEEDED[0], "UCDP GED", err));
    return each_row(s, csv, ucdp_row, NULL, err);
}

/* ---- mapped CSV ---- */

static const char *mapped_place(const struct csv_map *map, const struct csv_row *row, struct incident *in)
{
    struct geo_point p;
    double lat, lon;
    struct str lat_text = csv_map_text(map, row, "lat"), lon_text = csv_map_text(map, row, "lon");
    if (lat_text.n == 0 && lon_text.n == 0)
        return NULL;
    if (!csv_map_f64(map, row, "lat", &lat) || !csv_map_f64(map, row, "lon", &lon))
        return "lat or lon is not a number (mind the mapping's decimal sign)";
    if (geo_point_make(lat, lon, &p, NULL) != RC_OK)
        return "lat or lon is out of range";
    in->has_place = true;
    in->lat_deg = lat;
    in->lon_deg = lon;
    return NULL;
}

/* YYYY-MM-DD[...], or with the mapping's constant date_format "MM/DD/YYYY" or "DD/MM/YYYY". */
static const char *mapped_date(struct incident_stage *s, const struct csv_map *map, const struct csv_row *row,
                               const char *field, struct str *out)
{
    struct str d = csv_map_text(map, row, field), f = csv_map_text(map, row, "date_format");
    *out = d;
    if (f.n == 0 || d.n == 0 || str_is_equal(f, STR("YYYY-MM-DD")))
        return NULL;
    bool month_first = str_is_equal(f, STR("MM/DD/YYYY"));
    if (!month_first && !str_is_equal(f, STR("DD/MM/YYYY")))
        return "date_format is not YYYY-MM-DD, MM/DD/YYYY or DD/MM/YYYY";
    if (d.n < 10)
        return "the date does not fit date_format";
    const char *day = month_first ? d.p + 3 : d.p, *month = month_first ? d.p : d.p + 3;
    *out = str_printf(&s->mem, "%.4s-%.2s-%.2s", d.p + 6, month, day);
    return NULL;
}

static void mapped_codes(const struct csv_map *map, const struct csv_row *row, struct incident *in)
{
    const struct {
        const char *field;
        struct str *to;
    } texts[] = {{"title", &in->title},         {"type", &in->type},
                 {"method", &in->method},       {"target", &in->target},
                 {"bias", &in->bias},           {"verification", &in->verification},
                 {"precision", &in->precision}, {"date_precision", &in->date_precision},
                 {"country", &in->country},     {"place", &in->place},
                 {"source", &in->source_text},  {"context_kind", &in->context_kind},
                 {"site_id", &in->site_key}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct str value = csv_map_text(map, row, texts[i].field);
        if (value.n)
            *texts[i].to = value;
    }
}

static const char *severity_read(struct str s, int *out)
{
    if (s.n == 0)
        return NULL;
    if (s.n != 2 || s.p[0] != 'S' || s.p[1] < '0' || s.p[1] > '5')
        return "severity is not S0 to S5";
    *out = s.p[1] - '0';
    return NULL;
}

struct mapped {
    struct csv_map map;
    bool has_id;
};

static const char *mapped_row(struct incident_stage *s, const struct row_view *v, void *ctx, struct incident *in)
{
    struct mapped *m = ctx;
    struct str start, end = STR("");
    const char *why;
    in->precision = STR("L1");
    in->external_id =
        m->has_id ? csv_map_text(&m->map, v->row, "id") : str_printf(&s->mem, "line-%lld", (long long)v->row->line);
    mapped_codes(&m->map, v->row, in);
    if ((why = mapped_place(&m->map, v->row, in)) || (why = mapped_date(s, &m->map, v->row, "date", &start)) ||
        (why = mapped_date(s, &m->map, v->row, "date_end", &end)) || (why = set_days(in, start, end)) ||
        (why = set_toll(csv_map_text(&m->map, v->row, "killed"), &in->killed)) ||
        (why = set_toll(csv_map_text(&m->map, v->row, "injured"), &in->injured)) ||
        (why = severity_read(csv_map_text(&m->map, v->row, "severity"), &in->severity)))
        return why;
    in->radius_m = radius_of(s->codes.precision, in->precision);
    double radius;
    if (csv_map_f64(&m->map, v->row, "radius_m", &radius) && radius > 0 && radius < 2e7)
        in->radius_m = radius;
    return NULL;
}

enum rc read_mapped(struct incident_stage *s, struct csv *csv, struct str map_json, struct err *err)
{
    struct mapped m;
    if (map_json.n == 0)
        return err_set(err, RC_INVALID, "a CSV of incidents needs --map MAP.json; see fane-import(1)");
    TRY(csv_map_parse(map_json, &s->mem, &m.map, err));
    TRY(csv_map_bind(&m.map, csv, err));
    if (!csv_map_has(&m.map, "date"))
        return err_set(err, RC_INVALID, "mapping: the field 'date' is needed");
    m.has_id = csv_map_has(&m.map, "id");
    return each_row(s, csv, mapped_row, &m, err);
}

/* ---- the seed ---- */

static bool is_yes(struct str s)
{
    return str_is_equal_nocase(s, STR("yes"));
}

static const char *seed_row(struct incident_stage *s, const struct row_view *v, void *ctx, struct incident *in)
{
    (void)ctx;
    const char *why;
    const struct {
        const char *name;
        struct str *to;
    } texts[] = {{"id", &in->external_id},
                 {"title", &in->title},
                 {"type", &in->type},
                 {"method", &in->method},
                 {"target", &in->target},
                 {"bias", &in->bias},
                 {"verification", &in->verification},
                 {"precision", &in->precision},
                 {"date_precision", &in->date_precision},
                 {"country", &in->country},
                 {"place", &in->place},
                 {"source", &in->source_text},
                 {"site_id", &in->site_key}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i].to = column(v, texts[i].name);
    in->source_read = is_yes(column(v, "source_read"));
    in->is_unverified = !in->source_read;
    in->is_disputed = is_yes(column(v, "disputed"));
    if ((why = set_place(in, column(v, "lat"), column(v, "lon"))) || (why = set_days(in, column(v, "date"), STR(""))) ||
        (why = set_toll(column(v, "killed"), &in->killed)) || (why = set_toll(column(v, "injured"), &in->injured)) ||
        (why = severity_read(column(v, "severity"), &in->severity)))
        return why;
    if (in->is_unverified && (in->killed >= 0 || in->injured >= 0))
        return "a toll without a source that was read";
    if (in->is_unverified && incident_verification_rank(in->verification) > 1)
        return "verification above V1 without a source that was read";
    in->radius_m = radius_of(s->codes.precision, in->precision);
    return NULL;
}

enum rc read_seed(struct incident_stage *s, struct csv *csv, struct err *err)
{
    static const char *const NEEDED[] = {"id",  "title",     "date", "date_precision", "country", "lat",
                                         "lon", "precision", "type", "verification",   "source",  "source_read"};
    TRY(need_columns(csv, NEEDED, sizeof NEEDED / sizeof NEEDED[0], "the seed of incidents", err));
    return each_row(s, csv, seed_row, NULL, err);
}
