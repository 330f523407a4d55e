/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * GET /api/v1/sites, /api/v1/sites/{id}, /api/v1/near
 */
#include "sites/sites.h"

#include "api/api_int.h"
#include "incidents/incidents.h"
#include "sites/atlas.h"
#include "sites/ground.h"
#include "sites/pictures.h"
#include "sites/sites_geojson.h"

enum { DEFAULT_LIMIT = 50, INCIDENTS_SHOWN = 50, NEIGHBOURS_SHOWN = 12, NEAR_DEFAULT = 10, NEAR_MAX = 100 };
#define NEIGHBOUR_M 2000.0

enum rc api_sites_list(struct api_call *call, struct err *err)
{
    struct sites_filter f = {0};
    struct sites_page page;
    size_t limit;
    TRY(API_KNOWN(call, err, "bbox", "religion", "kind", "class", "country", "heritage", "q", "limit", "cursor"));
    TRY(api_flag(call, "heritage", &f.is_heritage, err));
    TRY(api_box(call, &f.has_box, &f.box, err));
    TRY(api_limit(call, DEFAULT_LIMIT, SITES_LIMIT_MAX, &limit, err));
    f.religion = http_query_or_empty(call->req, "religion");
    f.kind = http_query_or_empty(call->req, "kind");
    f.class_code = http_query_or_empty(call->req, "class");
    f.country = http_query_or_empty(call->req, "country");
    f.q = http_query_or_empty(call->req, "q");
    struct str cursor = http_query_or_empty(call->req, "cursor");
    TRY(sites_list(call->app->store, &f, &call->viewer, cursor, limit, true, call->mem, &page, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_key(j, "sites");
    json_begin_array(j);
    for (size_t i = 0; i < page.n; i++) {
        enum view view = sites_view(&call->viewer, &page.sites[i]);
        if (view != VIEW_DENIED)
            sites_json(j, &page.sites[i], view);
    }
    api_page_end(j, page.next, page.matched);
    api_json_end(call, 200);
    return RC_OK;
}

static void write_sources(struct json_out *j, const struct sites_source *s, size_t n, struct arena *mem)
{
    json_key(j, "sources");
    json_begin_array(j);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(j);
        json_put_str(j, "source", s[i].source);
        json_put_str(j, "licence", s[i].licence);
        json_put_str_opt(j, "attribution", s[i].attribution);
        json_put_str_opt(j, "url", s[i].url);
        json_put_str(j, "release", s[i].release);
        json_put_str_opt(j, "external_id", s[i].external_id);
        json_put_str(j, "imported", instant_format_s(mem, s[i].imported));
        json_put_str_opt(j, "text", s[i].text);
        json_put_bool(j, "gone", s[i].is_gone);
        json_end_object(j);
    }
    json_end_array(j);
}

struct site_incidents {
    struct api_call *call;
    struct uuid site;
    struct incident *items;
    size_t n;
};

static enum rc read_incidents(struct store_tx *tx, void *ctx, struct err *err)
{
    struct site_incidents *s = ctx;
    return incidents_of_site(tx, &s->call->viewer, s->site, INCIDENTS_SHOWN, s->call->mem, &s->items, &s->n, err);
}

static void write_incidents(struct json_out *j, const struct site_incidents *s)
{
    json_key(j, "incidents");
    json_begin_array(j);
    for (size_t i = 0; i < s->n; i++) {
        struct policy_object object = incident_policy_object(&s->items[i]);
        enum view view = policy_view(&s->call->viewer, &object);
        if (view != VIEW_DENIED)
            incident_json(j, &s->items[i], view);
    }
    json_end_array(j);
}

static void write_neighbour(struct json_out *j, const struct atlas_site *n, double distance_m, struct arena *mem)
{
    json_begin_object(j);
    json_put_str(j, "id", uuid_format(mem, n->public_id));
    json_put_str(j, "name", n->name);
    json_put_str(j, "religion", n->religion);
    json_put_str(j, "kind", n->kind);
    json_put_f64(j, "distance_m", distance_m, 0);
    json_end_object(j);
}

struct neighbours {
    const struct atlas *atlas;
    const struct site *site;
};

static bool is_of_another_faith(void *ctx, uint32_t index)
{
    const struct neighbours *of = ctx;
    struct atlas_site n;
    atlas_site(of->atlas, index, &n);
    return n.religion.n > 0 && !str_is_equal(n.religion, of->site->religion) &&
           !uuid_is_equal(n.public_id, of->site->public_id);
}

/* Those of other faiths within reach, nearest first. The atlas holds the public view, so anyone may see them. */
static void write_neighbours(struct json_out *j, struct api_call *call, const struct site *site)
{
    struct geo_near near[NEIGHBOURS_SHOWN];
    const struct atlas *a = atlas_ref_get(call->app->atlas);
    struct neighbours of = {a, site};
    struct geo_point p = {.lat_deg = site->lat_deg, .lon_deg = site->lon_deg};
    size_t n = 0;
    if (a && site->has_place)
        n = atlas_nearest(a, p, NEIGHBOURS_SHOWN, NEIGHBOUR_M, is_of_another_faith, &of, near);
    json_key(j, "neighbours");
    json_begin_array(j);
    for (size_t i = 0; i < n; i++) {
        struct atlas_site neighbour;
        atlas_site(a, near[i].index, &neighbour);
        write_neighbour(j, &neighbour, near[i].distance_m, call->mem);
    }
    json_end_array(j);
    atlas_ref_put(call->app->atlas, a);
}

static void write_footprint(struct json_out *j, struct str wkb)
{
    json_key(j, "footprint");
    if (wkb.n)
        geojson_put_wkb(j, wkb);
    else
        json_nil(j);
}

enum rc api_sites_get(struct api_call *call, struct err *err)
{
    struct site *site;
    struct sites_source *sources;
    struct picture *pictures;
    size_t sources_n, pictures_n;
    struct str wkb;
    TRY(sites_find(call->app->store, call->segments[0], &call->viewer, call->mem, &site, err));
    enum view view = sites_view(&call->viewer, site);
    if (view == VIEW_DENIED)
        return err_set(err, RC_NOT_FOUND, "There is nothing under this address.");
    TRY(sites_sources(call->app->store, site, call->mem, &sources, &sources_n, err));
    TRY(sites_footprint(call->app->store, site, call->mem, &wkb, err));
    TRY(pictures_of(call->app->store, site, call->mem, &pictures, &pictures_n, err));
    struct site_incidents incidents = {.call = call, .site = site->id};
    if (view == VIEW_FULL) /* an incident has a grid of its own: two cells of one place would narrow it down */
        TRY(store_read(call->app->store, read_incidents, &incidents, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    sites_json_members(j, site, view);
    json_put_str(j, "note", view == VIEW_FULL ? site->note : STR_NONE); /* may tell the place */
    if (call->viewer.role >= ROLE_REVIEWER)
        api_put_visibility(j, site);
    write_footprint(j, wkb);
    pictures_json(j, pictures, pictures_n);
    write_sources(j, sources, sources_n, call->mem);
    write_incidents(j, &incidents);
    write_neighbours(j, call, site);
    api_put_shared_ground(j, call, site->has_place && view == VIEW_FULL && site->precision_m <= GROUND_RADIUS_M,
                          (struct geo_point){site->lat_deg, site->lon_deg});
    json_end_object(j);
    api_json_end(call, 200);
    return RC_OK;
}

/* The site as the store has it now: the atlas may be a moment behind. */
static enum rc write_near(struct json_out *j, struct api_call *call, const struct atlas_site *at, double distance_m,
                          struct err *err)
{
    struct site *site;
    enum rc rc =
        sites_find(call->app->store, uuid_format(call->mem, at->public_id), &call->viewer, call->mem, &site, err);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    TRY(rc);
    enum view view = sites_view(&call->viewer, site);
    if (view == VIEW_DENIED)
        return RC_OK;
    json_begin_object(j);
    sites_json_members(j, site, view);
    json_put_f64(j, "distance_m", distance_m, 1);
    json_end_object(j);
    return RC_OK;
}

static enum rc write_nearest(struct api_call *call, const struct atlas *a, struct geo_point p, size_t n,
                             struct err *err)
{
    struct geo_near *near = ARENA_NEW_N(call->mem, struct geo_near, n);
    size_t found = atlas_near(a, p, n, near);
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_key(j, "sites");
    json_begin_array(j);
    for (size_t i = 0; i < found; i++) {
        struct atlas_site at;
        atlas_site(a, near[i].index, &at);
        TRY(write_near(j, call, &at, near[i].distance_m, err));
    }
    json_end_array(j);
    json_end_object(j);
    api_json_end(call, 200);
    return RC_OK;
}

enum rc api_near(struct api_call *call, struct err *err)
{
    double lat, lon;
    struct geo_point p;
    int64_t n = NEAR_DEFAULT;
    struct str said;
    TRY(API_KNOWN(call, err, "lat", "lon", "n"));
    TRY(api_number(call, "lat", &lat, err));
    TRY(api_number(call, "lon", &lon, err));
    TRY(geo_point_make(lat, lon, &p, err));
    if (http_query(call->req, "n", &said) && (!str_parse_i64(said, &n) || n < 1 || n > NEAR_MAX))
        return err_set(err, RC_INVALID, "n: a whole number from 1 to %d", NEAR_MAX);
    const struct atlas *a = atlas_ref_get(call->app->atlas);
    if (!a)
        return err_set(err, RC_BUSY, "The index of sites is being built; try again in a moment.");
    enum rc rc = write_nearest(call, a, p, (size_t)n, err);
    atlas_ref_put(call->app->atlas, a);
    return rc;
}
