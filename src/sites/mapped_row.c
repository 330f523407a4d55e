/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * One row, of whatever format, made a draft: fields by the map, places in four notations, tags judged by the table of
 * religious features. What is wrong with a row rejects the row, never the file.
 */
#include "sites/mapped_int.h"

#include <string.h>

#include "sites/osm_tags.h"
#include "sites/sites_geojson.h"
#include "wire/json_in.h"

enum rc mapped_run_init(struct mapped_run *run, const struct mapped_map *map, const struct site_sink *sink,
                        struct site_read_count *count, struct err *err)
{
    *run = (struct mapped_run){.map = map, .sink = sink, .count = count};
    arena_init(&run->mem);
    run->geos = geo_geos_new();
    return map && mapped_map_has(map, FIELD_TAGS) ? osm_rules_new(STR_NONE, &run->rules, err) : RC_OK;
}

void mapped_run_fini(struct mapped_run *run)
{
    osm_rules_free(run->rules);
    geo_geos_free(run->geos);
    arena_fini(&run->mem);
}

enum rc mapped_reject(struct mapped_run *run, int64_t line, struct str id, const char *why, struct err *err)
{
    run->count->read++;
    run->count->rejected++;
    return run->sink->reject(run->sink->ctx, line, id, why, err);
}

/* ---- values ---- */

static const json_t *member(const json_t *object, struct str path, struct arena *mem)
{
    const json_t *v = json_object_get(object, str_z(mem, path));
    struct str head, rest;
    if (v || !str_cut(path, '.', &head, &rest))
        return v;
    return member(json_object_get(object, str_z(mem, head)), rest, mem);
}

static const json_t *json_of(const struct mapped_row *row, struct str column, struct arena *mem)
{
    if (str_is_equal(column, STR("$id")))
        return json_object_get(row->feature, "id");
    if (str_is_equal(column, STR("$"))) {
        const json_t *tags = json_object_get(row->record, "tags");
        return json_is_object(tags) ? tags : row->record;
    }
    return member(row->record, column, mem);
}

static struct str json_text(const json_t *v, struct arena *mem)
{
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_STRING:
        return str_trim((struct str){json_string_value(v), json_string_length(v)});
    case JSON_INTEGER:
        return str_printf(mem, "%lld", (long long)json_integer_value(v));
    case JSON_REAL:
        return str_printf(mem, "%.17g", json_real_value(v));
    case JSON_TRUE:
        return STR("yes");
    case JSON_FALSE:
        return STR("no");
    default:
        return STR_NONE;
    }
}

static struct str column_text(struct mapped_run *run, const struct mapped_row *row, const struct mapped_field *f,
                              size_t k)
{
    if (row->csv)
        return f->index[k] >= 0 && (size_t)f->index[k] < row->csv->n ? str_trim(row->csv->fields[f->index[k]])
                                                                     : STR_NONE;
    return json_text(json_of(row, f->columns[k], &run->mem), &run->mem);
}

/* Several columns are joined; one of them empty makes the whole empty. */
static struct str field_text(struct mapped_run *run, const struct mapped_row *row, const struct mapped_field *f)
{
    if (f->columns_n == 0)
        return f->constant;
    struct str out = column_text(run, row, f, 0);
    for (size_t k = 1; k < f->columns_n && !str_is_empty(out); k++) {
        struct str more = column_text(run, row, f, k);
        out = str_is_empty(more) ? STR_NONE : str_printf(&run->mem, STR_FMT "/" STR_FMT, STR_ARG(out), STR_ARG(more));
    }
    return out;
}

/* The first that is not empty. */
static struct str text_of(struct mapped_run *run, const struct mapped_row *row, enum field field)
{
    struct str out = STR_NONE;
    for (size_t i = 0; i < run->map->n && str_is_empty(out); i++)
        if (run->map->fields[i].field == field)
            out = field_text(run, row, &run->map->fields[i]);
    return out;
}

static const json_t *object_of(struct mapped_run *run, const struct mapped_row *row, enum field field)
{
    for (size_t i = 0; i < run->map->n && !row->csv; i++)
        if (run->map->fields[i].field == field && run->map->fields[i].columns_n == 1)
            return json_of(row, run->map->fields[i].columns[0], &run->mem);
    return NULL;
}

static bool is_yes(struct str s)
{
    return str_is_equal_nocase(s, STR("yes")) || str_is_equal_nocase(s, STR("true")) || str_is_equal(s, STR("1")) ||
           str_is_equal_nocase(s, STR("y"));
}

/* "http://www.wikidata.org/entity/Q42" is Q42. */
static struct str entity_tail(struct str s)
{
    if (!str_contains(s, STR("wikidata.org/")))
        return s;
    size_t i = s.n;
    while (i > 0 && s.p[i - 1] != '/')
        i--;
    return str_slice(s, i, s.n);
}

static bool is_qid(struct str s)
{
    int64_t n;
    return s.n >= 2 && s.n <= 20 && s.p[0] == 'Q' && str_parse_i64(str_slice(s, 1, s.n), &n) && n > 0;
}

/* A label service gives the id where it knows no name; an export wrote "Place of Worship 27811316". */
static bool is_made_up(const struct mapped_map *map, struct str name)
{
    int64_t n;
    struct str prefix = map->unnamed_prefix;
    return is_qid(name) || (!str_is_empty(prefix) && str_starts_with(name, prefix) &&
                            str_parse_i64(str_slice(name, prefix.n, name.n), &n));
}

static bool number_of(const struct mapped_map *map, struct arena *mem, struct str s, double *out)
{
    if (map->decimal == ',' && s.n < 64) {
        char *p = str_z(mem, s);
        for (size_t i = 0; i < s.n; i++)
            p[i] = p[i] == ',' ? '.' : p[i];
        s = (struct str){p, s.n};
    }
    return str_parse_f64(s, out);
}

/* ---- the draft ---- */

/* Why a row is refused; empty text: it is not. */
struct why {
    char text[200];
};

static bool refuse(struct why *why, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool refuse(struct why *why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why->text, sizeof why->text, fmt, ap);
    va_end(ap);
    return false;
}

/* Exports put the name beside the tags; the rules look at it. */
static size_t tag_name(struct mapped_run *run, const struct mapped_row *row, struct osm_tag *tags, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_is_equal(tags[i].key, STR("name")))
            return 0;
    struct str name = text_of(run, row, FIELD_NAME);
    if (n == MAPPED_TAGS_MAX || str_is_empty(name) || is_made_up(run->map, name))
        return 0;
    tags[n] = (struct osm_tag){STR("name"), name};
    return 1;
}

static bool tags_take(struct mapped_run *run, const struct mapped_row *row, struct site_draft *d, struct why *why)
{
    if (!run->rules)
        return true;
    const json_t *object = object_of(run, row, FIELD_TAGS);
    struct osm_tag *tags = ARENA_NEW_N(&run->mem, struct osm_tag, MAPPED_TAGS_MAX);
    size_t n = 0;
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        struct str text = json_text(v, &run->mem);
        if (str_is_empty(text) || key[0] == '@')
            continue;
        if (n == MAPPED_TAGS_MAX)
            return refuse(why, "more than %d tags", MAPPED_TAGS_MAX);
        tags[n++] = (struct osm_tag){str_of(key), text};
    }
    if (n == 0)
        return refuse(why, "no tags: nothing says what it is");
    n += tag_name(run, row, tags, n);
    struct osm_verdict verdict = osm_rules_judge(run->rules, tags, n);
    if (!verdict.is_site)
        return refuse(why, "%s", verdict.reason ? verdict.reason : "no tag of data/religious-features.json");
    osm_tags_fill(tags, n, &verdict, &run->mem, d);
    return true;
}

struct names {
    struct site_name at[SITE_NAMES_MAX];
    size_t n;
};

static bool name_put(struct names *names, struct str lang, struct str text)
{
    text = str_trim(text);
    if (str_is_empty(text))
        return true;
    for (size_t i = 0; i < names->n; i++)
        if (str_is_equal(names->at[i].lang, lang))
            return true;
    if (names->n == SITE_NAMES_MAX)
        return false;
    names->at[names->n++] = (struct site_name){lang, text};
    return true;
}

static bool names_object(struct mapped_run *run, const struct mapped_row *row, struct names *names)
{
    const char *key;
    json_t *v;
    const json_t *object = object_of(run, row, FIELD_NAMES);
    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        bool is_default = strcmp(key, "und") == 0; /* as sites_json writes the name without a language */
        if (!name_put(names, is_default ? STR_NONE : str_of(key), json_text(v, &run->mem)))
            return false;
    }
    return true;
}

static bool names_take(struct mapped_run *run, const struct mapped_row *row, struct site_draft *d, struct why *why)
{
    struct names *names = ARENA_NEW(&run->mem, struct names);
    bool ok = true;
    for (size_t i = 0; i < d->names_n; i++)
        ok &= name_put(names, d->names[i].lang, d->names[i].text);
    if (mapped_map_has(run->map, FIELD_NAMES))
        ok &= names_object(run, row, names);
    bool has_any = names->n > 0;
    for (size_t i = 0; i < run->map->n; i++) {
        const struct mapped_field *f = &run->map->fields[i];
        if (f->field != FIELD_NAME)
            continue;
        struct str text = field_text(run, row, f);
        bool is_shown_again = has_any && str_is_empty(f->lang) && mapped_map_has(run->map, FIELD_NAMES);
        if (!is_made_up(run->map, text) && !is_shown_again)
            ok &= name_put(names, f->lang, text);
    }
    struct str local = text_of(run, row, FIELD_NAME_LOCAL);
    ok &= name_put(names, text_of(run, row, FIELD_NAME_LOCAL_LANG), local);
    d->names = names->at;
    d->names_n = names->n;
    return ok || refuse(why, "more than %d names", SITE_NAMES_MAX);
}

static bool area_take(struct mapped_run *run, const struct geo_ring *rings, size_t n, struct site_draft *d,
                      struct why *why)
{
    struct geo_area area;
    struct err err;
    if (geo_area_make(run->geos, rings, n, &run->mem, &area, &err) != RC_OK)
        return refuse(why, "its area: %.160s", err.text);
    d->has_place = true;
    d->lat_deg = area.inside.lat_deg;
    d->lon_deg = area.inside.lon_deg;
    d->footprint_wkb = area.wkb;
    return true;
}

static bool point_take(struct geo_point p, struct site_draft *d)
{
    d->has_place = true;
    d->lat_deg = p.lat_deg;
    d->lon_deg = p.lon_deg;
    return true;
}

static bool geometry_take(struct mapped_run *run, const json_t *geometry, struct site_draft *d, struct why *why)
{
    struct str type = json_str_or_empty(geometry, "type");
    struct err err;
    struct geo_point p;
    struct geo_shape shape;
    if (str_is_equal(type, STR("Point"))) {
        const json_t *c = json_object_get(geometry, "coordinates");
        if (json_is_array(c) && json_array_size(c) == 0)
            return true; /* RFC 7946, section 3.1: may be read as null */
        return geojson_point(c, &p, &err) == RC_OK ? point_take(p, d) : refuse(why, "%.180s", err.text);
    }
    if (!str_is_equal(type, STR("Polygon")) && !str_is_equal(type, STR("MultiPolygon")))
        return refuse(why, "a geometry of type " STR_FMT " is no place; Point, Polygon and MultiPolygon are",
                      STR_ARG(str_clip(type, 40)));
    if (geojson_shape(geometry, &run->mem, &shape, &err) != RC_OK)
        return refuse(why, "%.180s", err.text);
    return area_take(run, shape.rings, shape.rings_n, d, why);
}

static bool wkt_take(struct mapped_run *run, struct str text, struct site_draft *d, struct why *why)
{
    struct mapped_place place;
    struct err err;
    if (mapped_wkt_parse(text, &run->mem, &place, &err) != RC_OK)
        return refuse(why, "%.180s", err.text);
    if (!place.has_place)
        return true;
    return place.rings_n ? area_take(run, place.rings, place.rings_n, d, why) : point_take(place.point, d);
}

/* The outline beside a point that the source has chosen itself, as in our own exports. */
static bool footprint_take(struct mapped_run *run, const struct mapped_row *row, struct site_draft *d, struct why *why)
{
    const json_t *geometry = object_of(run, row, FIELD_FOOTPRINT);
    if (!json_is_object(geometry) || !d->has_place || d->footprint_wkb.n)
        return true;
    const double lat_deg = d->lat_deg, lon_deg = d->lon_deg;
    bool ok = geometry_take(run, geometry, d, why);
    d->lat_deg = lat_deg;
    d->lon_deg = lon_deg;
    return ok;
}

static bool place_take(struct mapped_run *run, const struct mapped_row *row, struct site_draft *d, struct why *why)
{
    const json_t *geometry = json_object_get(row->feature, "geometry");
    if (json_is_object(geometry))
        return geometry_take(run, geometry, d, why);
    if (mapped_map_has(run->map, FIELD_WKT))
        return wkt_take(run, text_of(run, row, FIELD_WKT), d, why);
    struct str lat = text_of(run, row, FIELD_LAT), lon = text_of(run, row, FIELD_LON);
    if (str_is_empty(lat) && str_is_empty(lon))
        return true;
    struct geo_point p;
    if (!number_of(run->map, &run->mem, lat, &p.lat_deg))
        return refuse(why, "the latitude \"" STR_FMT "\" is not a number", STR_ARG(str_clip(lat, 60)));
    if (!number_of(run->map, &run->mem, lon, &p.lon_deg))
        return refuse(why, "the longitude \"" STR_FMT "\" is not a number", STR_ARG(str_clip(lon, 60)));
    struct err err;
    if (geo_point_make(p.lat_deg, p.lon_deg, &p, &err) != RC_OK)
        return refuse(why, "%.180s", err.text);
    return point_take(p, d);
}

/* A field overrides what the tags gave only where it says something. */
static void text_take(struct mapped_run *run, const struct mapped_row *row, enum field field, struct str *to)
{
    struct str s = text_of(run, row, field);
    if (!str_is_empty(s))
        *to = s;
}

static struct str upper2(struct arena *mem, struct str s)
{
    if (s.n != 2)
        return s;
    char *p = str_z(mem, s);
    for (int i = 0; i < 2; i++)
        p[i] = p[i] >= 'a' && p[i] <= 'z' ? (char)(p[i] - 32) : p[i];
    return (struct str){p, 2};
}

static void texts_take(struct mapped_run *run, const struct mapped_row *row, struct site_draft *d)
{
    text_take(run, row, FIELD_CLASS, &d->class_code);
    text_take(run, row, FIELD_KIND, &d->kind);
    if (str_is_empty(d->religion))
        text_take(run, row, FIELD_RELIGION, &d->religion);
    if (str_is_empty(d->denomination))
        text_take(run, row, FIELD_DENOMINATION, &d->denomination);
    if (str_is_equal_nocase(d->religion, STR("unknown")))
        d->religion = STR_NONE;
    d->religion = str_lower(&run->mem, d->religion);
    text_take(run, row, FIELD_COUNTRY, &d->country);
    d->country = upper2(&run->mem, d->country);
    text_take(run, row, FIELD_WIKIDATA, &d->wikidata);
    d->wikidata = entity_tail(d->wikidata);
    d->wikidata = is_qid(d->wikidata) ? d->wikidata : STR_NONE;
    text_take(run, row, FIELD_HERITAGE, &d->heritage);
    text_take(run, row, FIELD_UNESCO, &d->unesco_id);
    text_take(run, row, FIELD_START_DATE, &d->start_date);
    text_take(run, row, FIELD_STATUS, &d->status);
    if (str_is_equal(d->status, STR("present")))
        d->status = STR_NONE;
    text_take(run, row, FIELD_NOTE, &d->note);
    text_take(run, row, FIELD_SOURCE_TEXT, &d->source_text);
}

static bool numbers_take(struct mapped_run *run, const struct mapped_row *row, struct site_draft *d, struct why *why)
{
    struct str precision = text_of(run, row, FIELD_PRECISION), year = text_of(run, row, FIELD_WHS_YEAR);
    int64_t y = 0;
    if (!str_is_empty(precision) && !number_of(run->map, &run->mem, precision, &d->precision_m))
        return refuse(why, "the precision \"" STR_FMT "\" is not a number", STR_ARG(str_clip(precision, 60)));
    if (!str_is_empty(year) && (!str_parse_i64(year, &y) || y < 0 || y > 9999))
        return refuse(why, "the World Heritage year \"" STR_FMT "\" is not a year", STR_ARG(str_clip(year, 60)));
    d->whs_year = y ? (int)y : d->whs_year;
    d->is_disputed |= is_yes(text_of(run, row, FIELD_DISPUTED));
    d->is_synthetic |= is_yes(text_of(run, row, FIELD_SYNTHETIC));
    d->is_unverified |= is_yes(text_of(run, row, FIELD_UNVERIFIED));
    if (mapped_map_has(run->map, FIELD_SOURCE_READ))
        d->is_unverified |= !is_yes(text_of(run, row, FIELD_SOURCE_READ));
    return true;
}

enum rc mapped_row_take(struct mapped_run *run, const struct mapped_row *row, struct err *err)
{
    struct site_draft d = {.line = row->line};
    struct why why;
    arena_reset(&run->mem);
    d.external_id = entity_tail(text_of(run, row, FIELD_ID));
    bool ok = !str_is_empty(d.external_id) || refuse(&why, "no id");
    ok = ok && tags_take(run, row, &d, &why) && names_take(run, row, &d, &why) && place_take(run, row, &d, &why) &&
         footprint_take(run, row, &d, &why) && numbers_take(run, row, &d, &why);
    if (!ok)
        return mapped_reject(run, row->line, d.external_id, why.text, err);
    texts_take(run, row, &d);
    if (str_is_empty(d.class_code) && str_is_empty(d.kind))
        return mapped_reject(run, row->line, d.external_id, "neither class nor kind: nothing says what it is", err);
    run->count->read++;
    run->count->drafts++;
    return run->sink->draft(run->sink->ctx, &d, err);
}
