/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Tiles and TileJSON. Site tiles show the public view to everyone and come from the cache; incident tiles come from a
 * projection per kind of viewer (incident_layer.h); hotspots are for reviewers.
 */
#include "tiles/tiles.h"

#include <stdlib.h>
#include <string.h>

#include "api/api_int.h"
#include "tiles/ground.h"
#include "tiles/tiles_cache.h"
#include "wire/gzip.h"
#include "sites/sites.h"

#define TILE_TYPE "application/vnd.mapbox-vector-tile"
enum { TILE_RAW_MAX = 64 << 20 };

static enum rc read_number(struct str s, uint32_t *out, struct err *err)
{
    int64_t v;
    if (!str_parse_i64(s, &v) || v < 0 || v > INT32_MAX || (s.n > 1 && s.p[0] == '0'))
        return err_set(err, RC_NOT_FOUND, "A tile's address is z/x/y.mvt, in whole numbers.");
    *out = (uint32_t)v;
    return RC_OK;
}

enum rc api_tile_query(const struct api_call *call, struct tiles_query *q, struct err *err)
{
    uint32_t z = 0;
    TRY(read_number(call->segments[0], &z, err));
    TRY(read_number(call->segments[1], &q->x, err));
    TRY(read_number(call->segments[2], &q->y, err));
    q->z = z <= TILES_ZOOM_MAX ? (int)z : TILES_ZOOM_MAX + 1;
    enum rc rc = tiles_query_check(q, err);
    if (rc == RC_INVALID)
        err->rc = rc = RC_NOT_FOUND; /* an address of nothing, not a bad parameter */
    return rc;
}

/* religion=CODE of the vocabulary, buffer=320 for clients that clip at the edge; nothing else, so that the cache cannot be
 * filled with variants. */
static enum rc read_variant(struct api_call *call, struct tiles_query *q, struct err *err)
{
    struct str buffer;
    TRY(API_KNOWN(call, err, "religion", "buffer"));
    q->religion = http_query_or_empty(call->req, "religion");
    if (q->religion.n && !vocab_is_religion(call->server->words, q->religion))
        return err_set(err, RC_INVALID, "religion: not a code of the vocabulary");
    if (http_query(call->req, "buffer", &buffer)) {
        if (!str_is_equal(buffer, STR("0")) && !str_is_equal(buffer, STR("320")))
            return err_set(err, RC_INVALID, "buffer: 0 or 320");
        q->buffer = buffer.n == 1 ? 0 : TILES_RING;
    }
    return RC_OK;
}

static void release_blob(void *ctx)
{
    tile_blob_put(ctx);
}

/* Tiles are kept packed; a client that does not take gzip is rare and gets them unpacked. */
enum rc api_tile_answer(struct api_call *call, struct str packed, struct err *err)
{
    struct http_response *res = call->res;
    struct str plain = packed;
    if (packed.n == 0) {
        http_answer_empty(res, 204);
        return RC_OK;
    }
    if (!http_accepts_gzip(call->req))
        TRY(gzip_unpack(packed, TILE_RAW_MAX, call->mem, &plain, err));
    http_answer(res, 200, TILE_TYPE, plain);
    res->gzip = packed;
    return RC_OK;
}

enum rc api_tiles_sites(struct api_call *call, struct err *err)
{
    struct api_server *s = call->server;
    struct tiles_query q = {0};
    TRY(api_tile_query(call, &q, err));
    TRY(read_variant(call, &q, err));
    const struct atlas *a = atlas_ref_get(call->app->atlas);
    if (!a)
        return err_set(err, RC_BUSY, "The map of sites is being built; try again in a moment.");
    struct tiles_maker *maker = tile_rooms_take(s->tiles);
    const struct tile_blob *blob = tiles_cache_sites(tile_rooms_cache(s->tiles), maker, a, &q);
    tile_rooms_give(s->tiles, maker);
    atlas_ref_put(call->app->atlas, a);
    call->res->release = release_blob;
    call->res->release_ctx = (void *)(uintptr_t)blob;
    call->res->etag = str_of(blob->etag);
    call->res->cache =
        "public, no-cache"; /* asked for again by ETag each time: what was hidden must not stay on maps */
    return api_tile_answer(call, blob->gzip, err);
}

enum rc api_tiles_incidents(struct api_call *call, struct err *err)
{
    struct api_server *s = call->server;
    struct tiles_query q = {0};
    TRY(api_tile_query(call, &q, err));
    TRY(api_known_params(call, NULL, 0, err));
    bool is_public = call->viewer.role == ROLE_PUBLIC;
    struct incident_layer *layer = tile_rooms_incidents(s->tiles, is_public);
    TRY(incident_layer_refresh(layer, call->app->store, &call->viewer, err));
    struct tiles_maker *maker = tile_rooms_take(s->tiles);
    tiles_begin(maker, &q);
    incident_layer_add(layer, maker, &q, call->mem);
    struct str packed = tiles_gzip(maker, tiles_end(maker), TILES_GZIP_LEVEL);
    packed = str_copy(call->mem, packed);
    tile_rooms_give(s->tiles, maker);
    if (is_public) {
        call->res->etag = str_printf(call->mem, "\"%016llx\"", (unsigned long long)str_hash(packed));
        call->res->cache = "public, no-cache"; /* as tiles of sites: what was hidden must not stay on maps */
    }
    return api_tile_answer(call, packed, err);
}

static const struct tiles_field INCIDENT_FIELDS[] = {
    {"count", "Number"},        {"id", "String"},      {"title", "String"},    {"date", "String"},   {"type", "String"},
    {"verification", "String"}, {"coarse", "Boolean"}, {"severity", "Number"}, {"killed", "Number"},
};
static const struct tiles_layer INCIDENT_LAYERS[] = {
    {"incidents", "Incidents aimed at sites and their people, verified; coarse for the public", INCIDENT_FIELDS, 9},
    {"context", "Conflict events near sites, not aimed at one; coarse for the public", INCIDENT_FIELDS, 9},
};
static const struct tiles_field HOTSPOT_FIELDS[] = {
    {"id", "String"},    {"observed", "Number"}, {"expected", "Number"}, {"p", "Number"},
    {"start", "String"}, {"end", "String"},      {"stream", "String"},   {"radius_km", "Number"}};
static const struct tiles_layer HOTSPOT_LAYER = {
    "hotspots", "Clusters of the latest scan, drawn large enough to be seen", HOTSPOT_FIELDS, 8};

enum rc api_tiles_json(struct api_call *call, struct err *err)
{
    struct str name = call->segments[0];
    struct tiles_json t = {.name = "Fane", .layers_n = 1};
    if (str_is_equal(name, STR("sites"))) {
        t.layers = tiles_sites_layer();
    } else if (str_is_equal(name, STR("incidents"))) {
        t.layers = INCIDENT_LAYERS;
        t.layers_n = 2;
    } else if (str_is_equal(name, STR("ground"))) {
        t.layers = tiles_ground_layer();
    } else if (str_is_equal(name, STR("hotspots")) && call->viewer.role >= ROLE_REVIEWER) {
        t.layers = &HOTSPOT_LAYER;
    } else {
        return err_set(err, RC_NOT_FOUND, "There is nothing under this address.");
    }
    t.url = str_printf(call->mem, "%s/tiles/" STR_FMT "/{z}/{x}/{y}.mvt", call->server->url, STR_ARG(name));
    TRY(sites_attribution(call->app->store, call->mem, &t.attribution, err));
    tiles_json_write(&t, &call->buf);
    http_answer_buf(call->res, 200, "application/json", &call->buf);
    return RC_OK;
}
