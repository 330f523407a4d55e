/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * OGC API - Features, Part 1 and a part of Part 3: the landing page, what is conformed to, the API's own description,
 * the collections and what of them can be asked for. The features are in ogc_items.c.
 */
#include <string.h>

#include "api/ogc_int.h"
#include "base/asset.h"
#include "sites/sites.h"
#include "wire/json_in.h"

#define JSON         "application/json"
#define GEOJSON      "application/geo+json"
#define OPENAPI      "application/vnd.oai.openapi+json;version=3.0"
#define SCHEMA       "application/schema+json"
#define QUERYABLES   "http://www.opengis.net/def/rel/ogc/1.0/queryables"
#define FEATURES_1   "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
#define FEATURES_3   "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/"
#define CQL2         "http://www.opengis.net/spec/cql2/1.0/conf/"
#define URL_MARK     "@URL@"
#define AREAS_CREDIT "Natural Earth (public domain), and the sets loaded here, each under its own terms"

enum { OPENAPI_MAX = 1 << 20 };

static const char *const CONFORMS[] = {FEATURES_1 "core",       FEATURES_1 "geojson",
                                       FEATURES_1 "html",       FEATURES_1 "oas30",
                                       FEATURES_3 "queryables", FEATURES_3 "queryables-query-parameters",
                                       FEATURES_3 "filter",     FEATURES_3 "features-filter",
                                       CQL2 "cql2-text",        CQL2 "basic-cql2"};
enum { CONFORMS_N = sizeof CONFORMS / sizeof CONFORMS[0] };

const struct ogc_about OGC_ABOUT[2] = {
    [OGC_SITES] = {"sites", "Religious sites",
                   "Sites of every faith, as anyone may see them. Where a site stands only within a cell of a fixed "
                   "grid, \"coarse\" is true and the point is the cell's centre."},
    [OGC_AREAS] = {"areas", "Countries and divisions",
                   "Administrative areas by which sites are counted. Lines and codes imply no opinion on the status of "
                   "any territory; what is disputed says so."}};

enum rc ogc_collection_of(const struct api_call *call, enum ogc_collection *out, struct err *err)
{
    for (int i = OGC_SITES; i <= OGC_AREAS; i++)
        if (str_is_equal(call->segments[0], str_of(OGC_ABOUT[i].id))) {
            *out = (enum ogc_collection)i;
            return RC_OK;
        }
    return err_set(err, RC_NOT_FOUND, "There is no such collection; there are sites and areas.");
}

/* ---- landing page ---- */

static void landing_html(struct api_call *call)
{
    static const struct {
        const char *path, *text;
    } LINKS[] = {{"/collections", "Collections: sites and areas"},
                 {"/api?f=html", "What can be asked, and how"},
                 {"/api?f=json", "The same for programs (OpenAPI 3.0)"},
                 {"/conformance", "Standards kept"}};
    struct xml_out x;
    ogc_html_begin(call, &x, "Fane: religious sites as open data", STR_NONE, NULL);
    xml_begin(&x, "ul");
    for (size_t i = 0; i < sizeof LINKS / sizeof LINKS[0]; i++) {
        xml_begin(&x, "li");
        ogc_html_link(&x, ogc_url(call, "%s", LINKS[i].path), str_of(LINKS[i].text));
        xml_end(&x);
    }
    xml_end(&x);
    ogc_html_end(call, &x);
}

enum rc api_ogc_landing(struct api_call *call, struct err *err)
{
    enum ogc_format format;
    TRY(API_KNOWN(call, err, "f"));
    TRY(ogc_format(call, &format, err));
    if (format == OGC_HTML) {
        landing_html(call);
    } else {
        struct json_out *j = api_json_begin(call);
        json_begin_object(j);
        json_put_str(j, "title", STR("Fane"));
        json_put_str(j, "description", STR("Religious sites of every faith and the areas they lie in."));
        json_key(j, "links");
        json_begin_array(j);
        ogc_put_self_links(j, call, format, JSON);
        ogc_put_link(j, "service-desc", OPENAPI, "The API, for programs", ogc_url(call, "/api?f=json"));
        ogc_put_link(j, "service-doc", "text/html", "The API, for people", ogc_url(call, "/api?f=html"));
        ogc_put_link(j, "conformance", JSON, "Standards kept", ogc_url(call, "/conformance"));
        ogc_put_link(j, "data", JSON, "Collections", ogc_url(call, "/collections"));
        json_end_array(j);
        json_end_object(j);
    }
    ogc_answer(call, format, JSON);
    return RC_OK;
}

/* ---- conformance ---- */

enum rc api_ogc_conformance(struct api_call *call, struct err *err)
{
    enum ogc_format format;
    struct xml_out x;
    TRY(API_KNOWN(call, err, "f"));
    TRY(ogc_format(call, &format, err));
    if (format == OGC_HTML) {
        ogc_html_begin(call, &x, "Standards kept", ogc_url(call, "%s", ""), "Start");
        xml_begin(&x, "ul");
        for (size_t i = 0; i < CONFORMS_N; i++)
            xml_put(&x, "li", str_of(CONFORMS[i]));
        xml_end(&x);
        ogc_html_end(call, &x);
    } else {
        struct json_out *j = api_json_begin(call);
        json_begin_object(j);
        json_key(j, "conformsTo");
        json_begin_array(j);
        for (size_t i = 0; i < CONFORMS_N; i++)
            json_z(j, CONFORMS[i]);
        json_end_array(j);
        json_end_object(j);
    }
    ogc_answer(call, format, JSON);
    return RC_OK;
}

/* ---- the API's own description ---- */

enum rc api_ogc_prepare(struct api_server *s, struct err *err)
{
    struct str text = asset_text("data/ogc-openapi.json");
    const char *mark = text.n ? strstr(text.p, URL_MARK) : NULL;
    if (!mark)
        return err_set(err, RC_DAMAGED, "data/ogc-openapi.json has no %s", URL_MARK);
    s->ogc = ARENA_NEW(&s->mem, struct ogc_room);
    s->ogc->openapi[0] = (struct str){text.p, (size_t)(mark - text.p)};
    s->ogc->openapi[1] = str_slice(text, s->ogc->openapi[0].n + sizeof URL_MARK - 1, text.n);
    return area_shelf_new(&s->ogc->shelf, err);
}

void api_ogc_free(struct api_server *s)
{
    if (s->ogc)
        area_shelf_free(s->ogc->shelf);
}

/* Each path with its summary and parameters, out of the same document. */
static void describe_path(struct xml_out *x, const char *path, const json_t *get)
{
    size_t i;
    json_t *parameter;
    xml_put(x, "h2", str_of(path));
    xml_put(x, "p", json_str_or_empty(get, "summary"));
    if (json_array_size(json_object_get(get, "parameters")) == 0)
        return;
    xml_begin(x, "table");
    xml_put(x, "caption", STR("Parameters"));
    json_array_foreach(json_object_get(get, "parameters"), i, parameter)
        ogc_html_row(x, json_str_or_empty(parameter, "name").p, json_str_or_empty(parameter, "description"));
    xml_end(x);
}

static enum rc describe(struct api_call *call, struct err *err)
{
    json_t *doc, *item;
    const char *path;
    struct xml_out x;
    TRY(json_in_object(buf_str(&call->buf), OPENAPI_MAX, &doc, err));
    ogc_html_begin(call, &x, "What can be asked, and how", ogc_url(call, "%s", ""), "Start");
    json_object_foreach(json_object_get(doc, "paths"), path, item)
        describe_path(&x, path, json_object_get(item, "get"));
    ogc_html_end(call, &x);
    json_decref(doc);
    return RC_OK;
}

enum rc api_ogc_api(struct api_call *call, struct err *err)
{
    enum ogc_format format;
    TRY(API_KNOWN(call, err, "f"));
    TRY(ogc_format(call, &format, err));
    const struct ogc_room *room = call->server->ogc;
    buf_add_str(&call->buf, room->openapi[0]);
    buf_printf(&call->buf, "%s/ogc", call->server->url);
    buf_add_str(&call->buf, room->openapi[1]);
    if (format == OGC_HTML)
        TRY(describe(call, err));
    ogc_answer(call, format, OPENAPI);
    return RC_OK;
}

/* ---- collections ---- */

static void put_extent(struct json_out *j)
{
    static const int WORLD[] = {-180, -90, 180, 90};
    json_key(j, "extent");
    json_begin_object(j);
    json_key(j, "spatial");
    json_begin_object(j);
    json_key(j, "bbox");
    json_begin_array(j);
    json_begin_array(j);
    for (int i = 0; i < 4; i++)
        json_i64(j, WORLD[i]);
    json_end_array(j);
    json_end_array(j);
    json_put_str(j, "crs", STR(OGC_CRS84));
    json_end_object(j);
    json_end_object(j);
}

static void put_collection(struct json_out *j, const struct api_call *call, enum ogc_collection c,
                           enum ogc_format format, struct str credit, bool is_alone)
{
    const struct ogc_about *a = &OGC_ABOUT[c];
    json_begin_object(j);
    json_put_str(j, "id", str_of(a->id));
    json_put_str(j, "title", str_of(a->title));
    json_put_str(j, "description", str_of(a->text));
    json_put_str_opt(j, "attribution", credit);
    put_extent(j);
    json_put_str(j, "itemType", STR("feature"));
    json_key(j, "crs");
    json_begin_array(j);
    json_z(j, OGC_CRS84);
    json_end_array(j);
    json_key(j, "links");
    json_begin_array(j);
    if (is_alone)
        ogc_put_self_links(j, call, format, JSON);
    else
        ogc_put_link(j, "self", JSON, a->title, ogc_url(call, "/collections/%s", a->id));
    ogc_put_link(j, "items", GEOJSON, a->title, ogc_url(call, "/collections/%s/items?f=json", a->id));
    ogc_put_link(j, "items", "text/html", a->title, ogc_url(call, "/collections/%s/items?f=html", a->id));
    if (c == OGC_SITES)
        ogc_put_link(j, QUERYABLES, SCHEMA, "What a filter may ask for",
                     ogc_url(call, "/collections/sites/queryables"));
    json_end_array(j);
    json_end_object(j);
}

static void describe_collection(struct xml_out *x, const struct api_call *call, enum ogc_collection c,
                                struct str credit)
{
    const struct ogc_about *a = &OGC_ABOUT[c];
    xml_put(x, "p", str_of(a->text));
    xml_begin(x, "ul");
    xml_begin(x, "li");
    ogc_html_link(x, ogc_url(call, "/collections/%s/items", a->id), STR("Look at them, page by page"));
    xml_end(x);
    if (c == OGC_SITES) {
        xml_begin(x, "li");
        ogc_html_link(x, ogc_url(call, "/collections/sites/queryables"), STR("What a filter may ask for"));
        xml_end(x);
    }
    xml_end(x);
    xml_put_opt(x, "p", credit.n ? str_printf(call->mem, "Sources: " STR_FMT, STR_ARG(credit)) : STR_NONE);
}

static enum rc credits_read(struct api_call *call, struct str out[2], struct err *err)
{
    out[OGC_AREAS] = STR(AREAS_CREDIT);
    return sites_attribution(call->app->store, call->mem, &out[OGC_SITES], err);
}

enum rc api_ogc_collections(struct api_call *call, struct err *err)
{
    enum ogc_format format;
    struct str credits[2];
    struct xml_out x;
    TRY(API_KNOWN(call, err, "f"));
    TRY(ogc_format(call, &format, err));
    TRY(credits_read(call, credits, err));
    if (format == OGC_HTML) {
        ogc_html_begin(call, &x, "Collections", ogc_url(call, "%s", ""), "Start");
        for (int i = OGC_SITES; i <= OGC_AREAS; i++) {
            xml_begin(&x, "h2");
            ogc_html_link(&x, ogc_url(call, "/collections/%s", OGC_ABOUT[i].id), str_of(OGC_ABOUT[i].title));
            xml_end(&x);
            describe_collection(&x, call, (enum ogc_collection)i, credits[i]);
        }
        ogc_html_end(call, &x);
    } else {
        struct json_out *j = api_json_begin(call);
        json_begin_object(j);
        json_key(j, "links");
        json_begin_array(j);
        ogc_put_self_links(j, call, format, JSON);
        json_end_array(j);
        json_key(j, "collections");
        json_begin_array(j);
        for (int i = OGC_SITES; i <= OGC_AREAS; i++)
            put_collection(j, call, (enum ogc_collection)i, format, credits[i], false);
        json_end_array(j);
        json_end_object(j);
    }
    ogc_answer(call, format, JSON);
    return RC_OK;
}

enum rc api_ogc_collection(struct api_call *call, struct err *err)
{
    enum ogc_format format;
    enum ogc_collection c;
    struct str credits[2];
    struct xml_out x;
    TRY(ogc_collection_of(call, &c, err));
    TRY(API_KNOWN(call, err, "f"));
    TRY(ogc_format(call, &format, err));
    TRY(credits_read(call, credits, err));
    if (format == OGC_HTML) {
        ogc_html_begin(call, &x, OGC_ABOUT[c].title, ogc_url(call, "/collections"), "Collections");
        describe_collection(&x, call, c, credits[c]);
        ogc_html_end(call, &x);
    } else {
        put_collection(api_json_begin(call), call, c, format, credits[c], true);
    }
    ogc_answer(call, format, JSON);
    return RC_OK;
}

/* ---- queryables ---- */

static const struct {
    const char *name, *title, *text;
} QUERYABLE[] = {{"faith", "Faith", "Code of the religion, as \"buddhist\"."},
                 {"kind", "Kind", "Code of the kind of site, as \"MOSQUE\"."},
                 {"name", "Name", "The name shown when no language is asked for, letter by letter as it is written."}};
enum { QUERYABLES_N = sizeof QUERYABLE / sizeof QUERYABLE[0] };

static void queryables_json(struct api_call *call)
{
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_put_str(j, "$schema", STR("https://json-schema.org/draft/2020-12/schema"));
    json_put_str(j, "$id", ogc_url(call, "/collections/sites/queryables"));
    json_put_str(j, "type", STR("object"));
    json_put_str(j, "title", str_of(OGC_ABOUT[OGC_SITES].title));
    json_key(j, "properties");
    json_begin_object(j);
    for (size_t i = 0; i < QUERYABLES_N; i++) {
        json_key(j, QUERYABLE[i].name);
        json_begin_object(j);
        json_put_str(j, "title", str_of(QUERYABLE[i].title));
        json_put_str(j, "description", str_of(QUERYABLE[i].text));
        json_put_str(j, "type", STR("string"));
        json_end_object(j);
    }
    json_end_object(j);
    json_put_bool(j, "additionalProperties", false);
    json_end_object(j);
}

enum rc api_ogc_queryables(struct api_call *call, struct err *err)
{
    enum ogc_format format;
    enum ogc_collection c;
    struct xml_out x;
    TRY(ogc_collection_of(call, &c, err));
    if (c != OGC_SITES)
        return err_set(err, RC_NOT_FOUND, "This collection takes no filter.");
    TRY(API_KNOWN(call, err, "f"));
    TRY(ogc_format(call, &format, err));
    if (format == OGC_HTML) {
        ogc_html_begin(call, &x, "What a filter may ask for", ogc_url(call, "/collections/sites"), "Religious sites");
        xml_begin(&x, "table");
        xml_put(&x, "caption", STR("Properties; what a site does not state is NULL, and no comparison holds for it"));
        for (size_t i = 0; i < QUERYABLES_N; i++)
            ogc_html_row(&x, QUERYABLE[i].name, str_of(QUERYABLE[i].text));
        xml_end(&x);
        ogc_html_end(call, &x);
    } else {
        queryables_json(call);
    }
    ogc_answer(call, format, SCHEMA);
    return RC_OK;
}
