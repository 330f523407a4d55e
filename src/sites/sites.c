/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Rules of the registry without SQL: what a viewer sees of a site, the ranges of a filter, the JSON of a site.
 */
#include "sites/sites_int.h"
#include "wire/osm_date.h"

enum { DECIMALS = 7 };

static void coarsen(struct site *s)
{
    s->is_coarse = true;
    s->wikidata = s->unesco = s->note = s->admin1 = s->start_date =
        STR_NONE; /* each leads to the true place, or narrows it down */
    if (!s->has_place)
        return;
    struct policy_cell cell = policy_cell_of(s->lat_deg, s->lon_deg, s->coarse_m);
    s->lat_deg = cell.lat_deg;
    s->lon_deg = cell.lon_deg;
    s->cell = (int64_t)geo_cell_of((struct geo_point){s->lat_deg, s->lon_deg});
    s->precision_m = s->precision_m > cell.reach_m ? s->precision_m : cell.reach_m;
}

enum view sites_view(const struct viewer *viewer, struct site *site)
{
    struct policy_object object = {
        .kind = POLICY_SITE, .visibility = site->visibility, .is_country_closed = site->is_country_closed};
    enum view view = policy_view(viewer, &object);
    if (view == VIEW_COARSE)
        coarsen(site);
    return view;
}

bool sites_is_away(struct str status)
{
    return str_is_equal(status, STR("gone")) || str_is_equal(status, STR("merged"));
}

struct sites_shown sites_shown_of(const struct sites_place *p, enum visibility v, int64_t coarse_m)
{
    struct sites_shown shown = {SA_NULL_OF(STORE_INT), SA_NULL_OF(STORE_REAL), SA_NULL_OF(STORE_REAL)};
    struct geo_point at = {p->lat_deg, p->lon_deg};
    bool is_coarse = v == VISIBILITY_COARSE;
    if (p->is_away || (!is_coarse && v != VISIBILITY_PUBLIC))
        return shown;
    shown.cell = SA_INT(-1);
    if (!p->has_place)
        return shown;
    if (is_coarse) {
        struct policy_cell cell = policy_cell_of(at.lat_deg, at.lon_deg, coarse_m);
        at = (struct geo_point){cell.lat_deg, cell.lon_deg};
        shown.lat = SA_REAL(at.lat_deg);
        shown.lon = SA_REAL(at.lon_deg);
    }
    shown.cell = SA_INT((int64_t)geo_cell_of(at));
    return shown;
}

static bool sees(const struct viewer *viewer, enum visibility v, enum view view)
{
    struct policy_object object = {.kind = POLICY_SITE, .visibility = v};
    return policy_view(viewer, &object) == view;
}

/* % _ and \ mean themselves. */
static struct str like_of(struct str q, struct arena *mem)
{
    q = sites_fold(mem, q);
    if (str_is_empty(q))
        return STR_NONE;
    char *p = arena_alloc(mem, 2 * q.n + 3), *to = p;
    *to++ = '%';
    for (size_t i = 0; i < q.n; i++) {
        if (q.p[i] == '%' || q.p[i] == '_' || q.p[i] == '\\')
            *to++ = '\\';
        *to++ = q.p[i];
    }
    *to++ = '%';
    return (struct str){p, (size_t)(to - p)};
}

struct sites_where sites_where_of(const struct sites_filter *filter, const struct viewer *viewer, struct arena *mem)
{
    struct sites_where w = {.like = STR_NONE, .most = VISIBILITY_PUBLIC};
    if (filter)
        w.filter = *filter;
    w.like = like_of(w.filter.q, mem);
    w.is_inside = sees(viewer, VISIBILITY_COARSE, VIEW_FULL);
    if (!sees(viewer, VISIBILITY_COARSE, VIEW_DENIED))
        w.most = VISIBILITY_COARSE;
    if (w.is_inside && sees(viewer, VISIBILITY_HIDDEN, VIEW_FULL))
        w.most = VISIBILITY_HIDDEN;
    return w;
}

size_t sites_ranges(const struct sites_filter *filter, struct sites_range out[SITES_RANGES_MAX])
{
    if (!filter || !filter->has_box) {
        out[0] = (struct sites_range){0, INT64_MAX};
        out[1] = (struct sites_range){-1, -1};
        return 2;
    }
    struct geo_range ranges[SITES_RANGES_MAX];
    size_t n = geo_box_ranges(&filter->box, ranges, SITES_RANGES_MAX);
    for (size_t i = 0; i < n; i++)
        out[i] = (struct sites_range){(int64_t)ranges[i].first, (int64_t)ranges[i].last};
    return n;
}

/* ---- JSON ---- */

static bool is_listed_before(const struct site *s, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (str_is_equal(s->names[k].lang, s->names[i].lang))
            return true;
    return false;
}

static void names_json(struct json_out *j, const struct site *s)
{
    json_key(j, "names");
    json_begin_object(j);
    for (size_t i = 0; i < s->names_n; i++) {
        if (is_listed_before(s, i))
            continue;
        json_key_str(j, str_is_empty(s->names[i].lang) ? STR("und") : s->names[i].lang); /* BCP 47: undetermined */
        json_str(j, s->names[i].text);
    }
    json_end_object(j);
}

static void place_json(struct json_out *j, const struct site *s)
{
    static const char *const KEYS[] = {"lat", "lon", "precision_m"};
    const double values[] = {s->lat_deg, s->lon_deg, s->precision_m};
    const int decimals[] = {DECIMALS, DECIMALS, 1};
    for (int i = 0; i < 3; i++) {
        json_key(j, KEYS[i]);
        if (s->has_place)
            json_f64(j, values[i], decimals[i]);
        else
            json_nil(j);
    }
}

static void year_json(struct json_out *j, const char *key, bool has, int year)
{
    json_key(j, key);
    if (has)
        json_i64(j, year);
    else
        json_nil(j);
}

void sites_start_json(struct json_out *j, const struct site *s)
{
    struct osm_years y = {0};
    bool has = osm_date_parse(s->start_date, &y);
    year_json(j, "start_earliest", has && y.earliest != OSM_DATE_NO_EARLIEST, y.earliest);
    year_json(j, "start_latest", has && y.latest != OSM_DATE_NO_LATEST, y.latest);
    json_put_bool(j, "start_about", has && y.is_about);
}

void sites_json_members(struct json_out *j, const struct site *s, enum view view)
{
    struct arena mem;
    ENSURE(view != VIEW_DENIED && (view != VIEW_COARSE || s->is_coarse));
    arena_init(&mem);
    json_put_str(j, "id", uuid_format(&mem, s->public_id));
    json_put_str(j, "code", code_format(&mem, s->code));
    arena_fini(&mem);
    json_put_str(j, "name", s->name);
    names_json(j, s);
    json_put_str(j, "religion", s->religion);
    json_put_str(j, "denomination", s->denomination);
    json_put_str(j, "kind", s->kind);
    json_put_str(j, "class", s->class_code);
    place_json(j, s);
    json_put_bool(j, "coarse", s->is_coarse);
    json_put_str(j, "country", s->country);
    json_put_str(j, "admin1", s->admin1);
    json_put_bool(j, "disputed", s->is_disputed);
    json_put_str(j, "heritage", s->heritage);
    json_key(j, "whs_year");
    if (s->whs_year)
        json_i64(j, s->whs_year);
    else
        json_nil(j);
    json_put_str(j, "start_date", s->start_date);
    sites_start_json(j, s);
    json_put_str(j, "wikidata", s->wikidata);
    json_put_str(j, "status", s->status);
    json_put_bool(j, "unverified", s->is_unverified);
    json_put_bool(j, "synthetic", s->is_synthetic);
}

void sites_json(struct json_out *j, const struct site *site, enum view view)
{
    json_begin_object(j);
    sites_json_members(j, site, view);
    json_end_object(j);
}
