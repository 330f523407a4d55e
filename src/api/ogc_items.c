/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Features below /ogc: pages of a collection, and one of them. Sites go through features_list and sites_find as the
 * public (F1 of site_features.h); neither sites nor areas have a time of their own, so datetime is read, and every
 * feature matches it (OGC 17-069r4, /req/core/fc-time-response, C).
 */
#include <math.h>

#include "api/ogc_int.h"
#include "sites/site_features.h"
#include "sites/sites_geojson.h"

#define GEOJSON "application/geo+json"
enum {
    DEFAULT_LIMIT = 100,
    HTML_NAME_MAX = 200,
    NAMES_MAX = 2 /* that read names at once: each may read every row, and others need the store's readers too */
};

struct items {
    struct api_call *call;
    enum ogc_collection collection;
    enum ogc_format format;
    struct features_query query;
    size_t limit;
    struct str cursor;
    struct features_page sites;
    struct area_list areas;
};

/* ---- parameters ---- */

/* Over the most is the most (fc-limit-response-1); CRS84 has two axes, heights of a box of six numbers say nothing. */
static enum rc read_limit(struct items *it, struct err *err)
{
    size_t most = it->collection == OGC_SITES ? SITES_LIMIT_MAX : AREAS_LIMIT_MAX;
    struct str s;
    int64_t n = DEFAULT_LIMIT;
    if (http_query(it->call->req, "limit", &s) && (!str_parse_i64(s, &n) || n < 1))
        return err_set(err, RC_INVALID, "limit: a whole number from 1");
    it->limit = n < (int64_t)most ? (size_t)n : most;
    return RC_OK;
}

static enum rc read_box(struct items *it, struct err *err)
{
    struct str rest, part;
    double v[6];
    int n = 0;
    bool more = true;
    if (!http_query(it->call->req, "bbox", &rest))
        return RC_OK;
    for (; n < 6 && more; n++) {
        more = str_cut(rest, ',', &part, &rest);
        if (!str_parse_f64(part, &v[n]))
            return err_set(err, RC_INVALID, "bbox: numbers between commas, west,south,east,north in degrees");
    }
    if (more || (n != 4 && n != 6))
        return err_set(err, RC_INVALID, "bbox: four numbers, or six with heights");
    it->query.has_box = true;
    enum rc rc = geo_box_make(v[0], v[1], v[n == 6 ? 3 : 2], v[n == 6 ? 4 : 3], &it->query.box, err);
    return rc == RC_OK ? rc : err_add(err, "bbox: ");
}

static bool read_instant(struct str s, int64_t *us)
{
    struct instant t;
    struct civil_date d;
    if (date_parse(s, &d)) {
        *us = date_to_days(d) * 86400 * 1000000;
        return true;
    }
    bool ok = instant_parse(s, &t);
    if (ok)
        *us = t.us;
    return ok;
}

static enum rc check_datetime(const struct api_call *call, struct err *err)
{
    struct str s, head, tail;
    int64_t from = INT64_MIN, to = INT64_MAX;
    if (!http_query(call->req, "datetime", &s))
        return RC_OK;
    bool is_interval = str_cut(s, '/', &head, &tail);
    bool open_head = is_interval && (head.n == 0 || str_is_equal(head, STR("..")));
    bool open_tail = is_interval && (tail.n == 0 || str_is_equal(tail, STR("..")));
    bool ok = (open_head || read_instant(head, &from)) && (!is_interval || open_tail || read_instant(tail, &to));
    if (!ok || from > to || (open_head && open_tail))
        return err_set(err, RC_INVALID,
                       "datetime: as 2026-03-31T12:00:00Z, or two with / between, one of them may be ..");
    return RC_OK;
}

static enum rc read_filter(struct items *it, struct err *err)
{
    const struct http_request *req = it->call->req;
    struct str filter, lang, crs;
    it->query.faith = http_query_or_empty(req, "faith");
    it->query.kind = http_query_or_empty(req, "kind");
    it->query.name = http_query_or_empty(req, "name");
    if (http_query(req, "filter-lang", &lang) && !str_is_equal(lang, STR("cql2-text")))
        return err_set(err, RC_INVALID, "filter-lang: cql2-text");
    if (http_query(req, "filter-crs", &crs) && !str_is_equal(crs, STR(OGC_CRS84)))
        return err_set(err, RC_INVALID, "filter-crs: %s", OGC_CRS84);
    if (!http_query(req, "filter", &filter))
        return RC_OK;
    enum rc rc = cql_parse(filter, it->call->mem, &it->query.filter, err);
    if (rc == RC_UNSUPPORTED) /* 415 is for bodies; to OGC a filter that is not done is a bad request */
        err->rc = rc = RC_INVALID;
    TRY(rc);
    return features_check(it->query.filter, err);
}

static enum rc read_params(struct items *it, struct err *err)
{
    TRY(ogc_collection_of(it->call, &it->collection, err));
    if (it->collection == OGC_SITES)
        TRY(API_KNOWN(it->call, err, "f", "bbox", "datetime", "limit", "cursor", "faith", "kind", "name", "filter",
                      "filter-lang", "filter-crs"));
    else
        TRY(API_KNOWN(it->call, err, "f", "bbox", "datetime", "limit", "cursor"));
    TRY(ogc_format(it->call, &it->format, err));
    TRY(read_limit(it, err));
    TRY(read_box(it, err));
    TRY(check_datetime(it->call, err));
    it->cursor = http_query_or_empty(it->call->req, "cursor");
    return it->collection == OGC_SITES ? read_filter(it, err) : RC_OK;
}

static enum rc read_sites(struct items *it, struct err *err)
{
    struct api_call *call = it->call;
    _Atomic int *names = &call->server->ogc->names;
    bool is_slow = features_reads_names(&it->query);
    enum rc rc;
    if (is_slow && atomic_fetch_add(names, 1) >= NAMES_MAX)
        rc = err_set(err, RC_BUSY, "Other questions about names are being answered; try again in a moment.");
    else
        rc = features_list(call->app->store, &it->query, it->cursor, it->limit, call->mem, &it->sites, err);
    if (is_slow)
        atomic_fetch_sub(names, 1);
    return rc;
}

static enum rc read_page(struct items *it, struct err *err)
{
    struct api_call *call = it->call;
    if (it->collection == OGC_SITES)
        return read_sites(it, err);
    return areas_list(call->server->ogc->shelf, call->app->store, it->query.has_box ? &it->query.box : NULL, it->cursor,
                      it->limit, call->mem, &it->areas, err);
}

/* ---- GeoJSON ---- */

static void put_names(struct json_out *j, const struct site *s)
{
    json_key(j, "names");
    json_begin_object(j);
    for (size_t i = 0; i < s->names_n; i++) {
        bool is_first = true;
        for (size_t k = 0; k < i; k++)
            is_first = is_first && !str_is_equal(s->names[k].lang, s->names[i].lang);
        if (is_first) {
            json_key_str(j, str_is_empty(s->names[i].lang) ? STR("und") : s->names[i].lang);
            json_str(j, s->names[i].text);
        }
    }
    json_end_object(j);
}

static void put_site_properties(struct json_out *j, const struct site *s, struct arena *mem)
{
    json_begin_object(j);
    json_put_str(j, "code", code_format(mem, s->code));
    ogc_put_text(j, "name", s->name);
    ogc_put_text(j, "faith", s->religion);
    ogc_put_text(j, "denomination", s->denomination);
    ogc_put_text(j, "kind", s->kind);
    ogc_put_text(j, "class", s->class_code);
    json_key(j, "precision_m");
    if (s->has_place)
        json_i64(j, (int64_t)ceil(s->precision_m)); /* whole, so that readers of one page do not guess another type */
    else
        json_nil(j);
    json_put_bool(j, "coarse", s->is_coarse);
    ogc_put_text(j, "country", s->country);
    ogc_put_text(j, "admin1", s->admin1);
    json_put_bool(j, "disputed", s->is_disputed);
    ogc_put_text(j, "heritage", s->heritage);
    json_key(j, "whs_year");
    if (s->whs_year)
        json_i64(j, s->whs_year);
    else
        json_nil(j);
    ogc_put_text(j, "start_date", s->start_date);
    sites_start_json(j, s);
    ogc_put_text(j, "wikidata", s->wikidata);
    ogc_put_text(j, "status", s->status);
    json_put_bool(j, "unverified", s->is_unverified);
    json_put_bool(j, "synthetic", s->is_synthetic);
    put_names(j, s);
    json_end_object(j);
}

/* Leaves the object open: one feature alone has links too. */
static void begin_site(struct json_out *j, const struct site *s, struct arena *mem)
{
    json_begin_object(j);
    json_put_str(j, "type", STR("Feature"));
    json_put_str(j, "id", uuid_format(mem, s->public_id));
    json_key(j, "geometry");
    if (s->has_place)
        geojson_put_point(j, (struct geo_point){s->lat_deg, s->lon_deg});
    else
        json_nil(j);
    json_key(j, "properties");
    put_site_properties(j, s, mem);
}

static struct str level_word(const struct area_item *a)
{
    return a->level == AREA_ADMIN1 ? STR("division") : STR("country");
}

static void begin_area(struct json_out *j, const struct area_item *a)
{
    json_begin_object(j);
    json_put_str(j, "type", STR("Feature"));
    json_put_str(j, "id", a->id);
    json_key(j, "geometry");
    geojson_put_wkb(j, a->wkb);
    json_key(j, "properties");
    json_begin_object(j);
    ogc_put_text(j, "name", a->info.name);
    json_put_str(j, "level", level_word(a));
    ogc_put_text(j, "country", a->info.country);
    ogc_put_text(j, "code", a->info.code);
    json_put_bool(j, "disputed", a->info.is_disputed);
    ogc_put_text(j, "note", a->info.note);
    ogc_put_text(j, "set", a->set);
    json_end_object(j);
}

static void put_page_links(struct json_out *j, const struct items *it, struct str next)
{
    const struct ogc_about *a = &OGC_ABOUT[it->collection];
    json_key(j, "links");
    json_begin_array(j);
    ogc_put_self_links(j, it->call, it->format, GEOJSON);
    if (next.n)
        ogc_put_link(j, "next", GEOJSON, "The next page",
                     ogc_same_url(it->call, http_query_or_empty(it->call->req, "f"), next));
    ogc_put_link(j, "collection", "application/json", a->title, ogc_url(it->call, "/collections/%s", a->id));
    json_end_array(j);
}

static void items_json(const struct items *it)
{
    bool is_sites = it->collection == OGC_SITES;
    size_t n = is_sites ? it->sites.n : it->areas.n;
    int64_t matched = is_sites ? it->sites.matched : it->areas.matched;
    struct json_out *j = api_json_begin(it->call);
    json_begin_object(j);
    json_put_str(j, "type", STR("FeatureCollection"));
    put_page_links(j, it, is_sites ? it->sites.next : it->areas.next);
    if (matched >= 0)
        json_put_i64(j, "numberMatched", matched);
    json_put_i64(j, "numberReturned", (int64_t)n);
    json_key(j, "features");
    json_begin_array(j);
    for (size_t i = 0; i < n; i++) {
        if (is_sites)
            begin_site(j, &it->sites.sites[i], it->call->mem);
        else
            begin_area(j, &it->areas.items[i]);
        json_end_object(j);
    }
    json_end_array(j);
    json_end_object(j);
}

/* ---- HTML ---- */

static void head_row(struct xml_out *x, const char *const *names, size_t n)
{
    xml_begin(x, "tr");
    for (size_t i = 0; i < n; i++) {
        xml_begin(x, "th");
        xml_attr(x, "scope", STR("col"));
        xml_text(x, str_of(names[i]));
        xml_end(x);
    }
    xml_end(x);
}

/* The first cell leads to the feature. */
static void item_row(struct xml_out *x, struct str href, const struct str *cells, size_t n)
{
    xml_begin(x, "tr");
    for (size_t i = 0; i < n; i++) {
        struct str text = str_is_empty(cells[i]) ? STR("not stated") : str_clip(cells[i], HTML_NAME_MAX);
        if (i > 0) {
            xml_put(x, "td", text);
            continue;
        }
        xml_begin(x, "td");
        ogc_html_link(x, href, text);
        xml_end(x);
    }
    xml_end(x);
}

static struct str place_text(const struct site *s, struct arena *mem)
{
    if (!s->has_place)
        return STR("none");
    return str_printf(mem, "%.5f, %.5f%s", s->lat_deg, s->lon_deg, s->is_coarse ? " (centre of a grid cell)" : "");
}

static void sites_table(struct xml_out *x, const struct items *it)
{
    static const char *const HEAD[] = {"Name", "Faith", "Kind", "Country", "Latitude, longitude"};
    head_row(x, HEAD, 5);
    for (size_t i = 0; i < it->sites.n; i++) {
        const struct site *s = &it->sites.sites[i];
        struct str id = uuid_format(it->call->mem, s->public_id);
        const struct str cells[] = {s->name.n ? s->name : code_format(it->call->mem, s->code), s->religion, s->kind,
                                    s->country, place_text(s, it->call->mem)};
        item_row(x, ogc_url(it->call, "/collections/sites/items/" STR_FMT, STR_ARG(id)), cells, 5);
    }
}

static void areas_table(struct xml_out *x, const struct items *it)
{
    static const char *const HEAD[] = {"Name", "Level", "Country", "Code"};
    head_row(x, HEAD, 4);
    for (size_t i = 0; i < it->areas.n; i++) {
        const struct area_item *a = &it->areas.items[i];
        const struct str cells[] = {a->info.name.n ? a->info.name : a->id, level_word(a), a->info.country,
                                    a->info.code};
        item_row(x, ogc_url(it->call, "/collections/areas/items/" STR_FMT, STR_ARG(a->id)), cells, 4);
    }
}

static void items_html(const struct items *it)
{
    bool is_sites = it->collection == OGC_SITES;
    const struct ogc_about *a = &OGC_ABOUT[it->collection];
    struct str next = is_sites ? it->sites.next : it->areas.next;
    int64_t matched = is_sites ? it->sites.matched : it->areas.matched;
    struct xml_out x;
    ogc_html_begin(it->call, &x, a->title, ogc_url(it->call, "/collections/%s", a->id), "About this collection");
    xml_begin(&x, "table");
    xml_put(&x, "caption",
            matched >= 0 ? str_printf(it->call->mem, "%lld in all, %zu on this page", (long long)matched,
                                      is_sites ? it->sites.n : it->areas.n)
                         : STR("A page of them"));
    if (is_sites)
        sites_table(&x, it);
    else
        areas_table(&x, it);
    xml_end(&x);
    if (next.n) {
        xml_begin(&x, "p");
        ogc_html_link(&x, ogc_same_url(it->call, http_query_or_empty(it->call->req, "f"), next), STR("Next page"));
        xml_end(&x);
    }
    ogc_html_end(it->call, &x);
}

enum rc api_ogc_items(struct api_call *call, struct err *err)
{
    struct items it = {.call = call};
    TRY(read_params(&it, err));
    TRY(read_page(&it, err));
    if (it.format == OGC_HTML)
        items_html(&it);
    else
        items_json(&it);
    ogc_answer(call, it.format, GEOJSON);
    return RC_OK;
}

/* ---- one ---- */

static void put_item_links(struct json_out *j, const struct api_call *call, enum ogc_collection c, enum ogc_format f)
{
    json_key(j, "links");
    json_begin_array(j);
    ogc_put_self_links(j, call, f, GEOJSON);
    ogc_put_link(j, "collection", "application/json", OGC_ABOUT[c].title,
                 ogc_url(call, "/collections/%s", OGC_ABOUT[c].id));
    json_end_array(j);
    json_end_object(j);
}

static void site_html(struct api_call *call, const struct site *s)
{
    struct xml_out x;
    struct str name = s->name.n ? s->name : code_format(call->mem, s->code);
    ogc_html_begin(call, &x, str_z(call->mem, name), ogc_url(call, "/collections/sites/items"), "Religious sites");
    xml_begin(&x, "table");
    ogc_html_row(&x, "Code", code_format(call->mem, s->code));
    ogc_html_row(&x, "Faith", s->religion);
    ogc_html_row(&x, "Denomination", s->denomination);
    ogc_html_row(&x, "Kind", s->kind);
    ogc_html_row(&x, "Latitude, longitude", place_text(s, call->mem));
    ogc_html_row(&x, "Country", s->country);
    ogc_html_row(&x, "Heritage", s->heritage);
    ogc_html_row(&x, "Built", s->start_date);
    ogc_html_row(&x, "Status", s->status);
    xml_end(&x);
    ogc_html_end(call, &x);
}

static void area_html(struct api_call *call, const struct area_item *a)
{
    struct xml_out x;
    ogc_html_begin(call, &x, str_z(call->mem, a->info.name.n ? a->info.name : a->id),
                   ogc_url(call, "/collections/areas/items"), "Countries and divisions");
    xml_begin(&x, "table");
    ogc_html_row(&x, "Level", level_word(a));
    ogc_html_row(&x, "Country", a->info.country);
    ogc_html_row(&x, "Code", a->info.code);
    ogc_html_row(&x, "Disputed", a->info.is_disputed ? STR("yes") : STR("no"));
    ogc_html_row(&x, "Note", a->info.note);
    xml_end(&x);
    ogc_html_end(call, &x);
}

static enum rc site_item(struct api_call *call, enum ogc_format format, struct err *err)
{
    struct uuid id;
    struct site *site;
    TRY(api_id(call->segments[1], &id, err));
    enum rc rc = sites_find(call->app->store, call->segments[1], &VIEWER_PUBLIC, call->mem, &site, err);
    if (rc == RC_NOT_FOUND)
        return err_set(err, RC_NOT_FOUND, "There is nothing under this address.");
    TRY(rc);
    if (format == OGC_HTML) {
        site_html(call, site);
        return RC_OK;
    }
    struct json_out *j = api_json_begin(call);
    begin_site(j, site, call->mem);
    put_item_links(j, call, OGC_SITES, format);
    return RC_OK;
}

static enum rc area_item(struct api_call *call, enum ogc_format format, struct err *err)
{
    struct area_item a;
    TRY(areas_find(call->server->ogc->shelf, call->app->store, call->segments[1], call->mem, &a, err));
    if (format == OGC_HTML) {
        area_html(call, &a);
        return RC_OK;
    }
    struct json_out *j = api_json_begin(call);
    begin_area(j, &a);
    put_item_links(j, call, OGC_AREAS, format);
    return RC_OK;
}

enum rc api_ogc_item(struct api_call *call, struct err *err)
{
    enum ogc_format format;
    enum ogc_collection c;
    TRY(ogc_collection_of(call, &c, err));
    TRY(API_KNOWN(call, err, "f"));
    TRY(ogc_format(call, &format, err));
    TRY(c == OGC_SITES ? site_item(call, format, err) : area_item(call, format, err));
    ogc_answer(call, format, GEOJSON);
    return RC_OK;
}
