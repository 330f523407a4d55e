/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What the watch found, for reviewers: GET /api/v1/clusters, the tiles of hotspots, and POST /api/v1/watch/run.
 */
#include <math.h>

#include "api/api_int.h"
#include "base/clock.h"
#include "flow/watch_run.h"
#include "tiles/tiles.h"
#include "wire/gzip.h"
#include "wire/json_in.h"

enum { DAY_TEXT_MAX = 10, HOTSPOT_PROPS = 8, LEAST_UNITS = 64 };
#define PI 3.14159265358979323846

struct found {
    struct api_call *call;
    struct str cursor;
    size_t limit;
    struct watch_found_page page;
};

static enum rc read_found(struct store_tx *tx, void *ctx, struct err *err)
{
    struct found *f = ctx;
    return flow_watch_clusters(tx, &f->call->viewer, f->cursor, f->limit, f->call->mem, &f->page, err);
}

static enum rc find_clusters(struct api_call *call, struct found *f, struct err *err)
{
    const struct policy_object object = {.kind = POLICY_CLUSTER};
    if (policy_view(&call->viewer, &object) != VIEW_FULL)
        return err_set(err, RC_DENIED, "Clusters are for reviewers.");
    f->call = call;
    return store_read(call->app->store, read_found, f, err);
}

enum rc api_clusters_list(struct api_call *call, struct err *err)
{
    struct found f = {0};
    TRY(API_KNOWN(call, err, "limit", "cursor"));
    TRY(api_limit(call, CLUSTERS_PAGE_MAX, CLUSTERS_PAGE_MAX, &f.limit, err));
    f.cursor = http_query_or_empty(call->req, "cursor");
    TRY(find_clusters(call, &f, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_key(j, "clusters");
    json_begin_array(j);
    for (size_t i = 0; i < f.page.n; i++)
        flow_watch_found_json(j, &f.page.items[i]);
    api_page_end(j, f.page.next, -1);
    api_json_end(call, 200);
    return RC_OK;
}

/* A hotspot of one town would be less than a pixel on the map of the world and could be neither seen nor touched: drawn
 * areas have at least LEAST_UNITS of radius. The property radius_km says the truth. */
static double drawn_radius_m(const struct watch_found *w, int z)
{
    double tile_m = 40075016.686 * cos(w->lat_deg * PI / 180) / (double)(1 << z); /* WGS 84 equator */
    double least_m = tile_m * LEAST_UNITS / TILES_EXTENT;
    return w->radius_km * 1000 > least_m ? w->radius_km * 1000 : least_m;
}

static struct tiles_area area_of(const struct watch_found *w, int z, struct arena *mem)
{
    struct tiles_prop *p = ARENA_NEW_N(mem, struct tiles_prop, HOTSPOT_PROPS);
    p[0] = (struct tiles_prop){.key = "id", .type = TILES_STR, .s = uuid_format(mem, w->public_id)};
    p[1] = (struct tiles_prop){.key = "observed", .type = TILES_INT, .i = w->observed};
    p[2] = (struct tiles_prop){.key = "expected", .type = TILES_F64, .f = w->expected};
    p[3] = (struct tiles_prop){.key = "p", .type = TILES_F64, .f = w->p};
    p[4] = (struct tiles_prop){.key = "start", .type = TILES_STR, .s = date_format(mem, date_from_days(w->start_day))};
    p[5] = (struct tiles_prop){.key = "end", .type = TILES_STR, .s = date_format(mem, date_from_days(w->end_day))};
    p[6] = (struct tiles_prop){.key = "stream", .type = TILES_STR, .s = w->stream};
    p[7] = (struct tiles_prop){.key = "radius_km", .type = TILES_F64, .f = w->radius_km};
    return (struct tiles_area){.centre = {.lat_deg = w->lat_deg, .lon_deg = w->lon_deg},
                               .radius_m = drawn_radius_m(w, z),
                               .props = p,
                               .props_n = HOTSPOT_PROPS};
}

enum rc api_tiles_hotspots(struct api_call *call, struct err *err)
{
    struct api_server *s = call->server;
    struct tiles_query q = {0};
    struct found f = {.limit = CLUSTERS_PAGE_MAX}; /* the strongest; more would hide one another */
    TRY(api_tile_query(call, &q, err));
    TRY(api_known_params(call, NULL, 0, err));
    TRY(find_clusters(call, &f, err));
    struct tiles_area *areas = ARENA_NEW_N(call->mem, struct tiles_area, f.page.n ? f.page.n : 1);
    for (size_t i = 0; i < f.page.n; i++)
        areas[i] = area_of(&f.page.items[i], q.z, call->mem);
    struct tiles_maker *maker = tile_rooms_take(s->tiles);
    tiles_begin(maker, &q);
    tiles_add_areas(maker, STR("hotspots"), areas, f.page.n);
    struct str packed = str_copy(call->mem, tiles_gzip(maker, tiles_end(maker), TILES_GZIP_LEVEL));
    tile_rooms_give(s->tiles, maker);
    return api_tile_answer(call, packed, err);
}

static void write_stream(struct json_out *j, const struct watch_stream_report *r, struct arena *mem)
{
    json_begin_object(j);
    json_put_str(j, "stream", str_of(r->stream));
    json_put_i64(j, "events", r->events);
    json_put_i64(j, "left_out", r->left_out);
    json_put_bool(j, "scanned", r->was_scanned);
    json_put_i64(j, "clusters", r->clusters);
    json_put_i64(j, "significant", r->significant);
    json_put_i64(j, "drafted", r->drafted);
    json_put_f64(j, "seconds", r->seconds, 3);
    if (!uuid_is_nil(r->run))
        json_put_str(j, "run", uuid_format(mem, r->run));
    json_end_object(j);
}

static enum rc read_day(struct api_call *call, int64_t *day, struct err *err)
{
    json_t *body;
    struct str said = STR_NONE;
    struct civil_date d;
    TRY(api_body(call, &body, err));
    enum rc rc = json_in_str(body, "", "as_of", JSON_OPTIONAL, DAY_TEXT_MAX, &said, err);
    *day = date_to_days(instant_date(clock_now()));
    if (rc == RC_OK && said.n) {
        if (date_parse(said, &d))
            *day = date_to_days(d);
        else
            rc = err_set(err, RC_INVALID, "/as_of: a date as 2026-03-31, or null for today");
    }
    json_decref(body);
    return rc;
}

/* A run takes all processors, so there is one at a time. */
static enum rc run_alone(struct api_call *call, const struct watch_run_options *opt, struct watch_run_report *report,
                         struct err *err)
{
    if (atomic_exchange(&call->server->is_watching, true))
        return err_set(err, RC_BUSY, "A run is under way; its result will be in the list of clusters.");
    enum rc rc = flow_watch_run(call->app->store, opt, report, err);
    atomic_store(&call->server->is_watching, false);
    return rc;
}

enum rc api_watch_run(struct api_call *call, struct err *err)
{
    struct watch_run_options opt = {.actor = call->viewer.account};
    struct watch_run_report report = {0};
    if (!policy_may(&call->viewer, ACT_RUN_WATCH))
        return err_set(err, RC_DENIED, "Running the watch is for reviewers.");
    TRY(read_day(call, &opt.as_of_day, err));
    TRY(run_alone(call, &opt, &report, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_put_str(j, "as_of", date_format(call->mem, date_from_days(opt.as_of_day)));
    json_key(j, "streams");
    json_begin_array(j);
    for (int i = 0; i < WATCH_STREAMS; i++)
        write_stream(j, &report.streams[i], call->mem);
    json_end_array(j);
    json_end_object(j);
    api_json_end(call, 200);
    return RC_OK;
}
