/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * GET /api/v1/ground and /tiles/ground/{z}/{x}/{y}.mvt. The same for every viewer: the atlas holds the public view.
 */
#include <pthread.h>
#include <stdlib.h>

#include "api/api_int.h"
#include "api/ground_room.h"
#include "tiles/ground.h"

enum { DEFAULT_LIMIT = 200, LIMIT_MAX = 1000 };

/* ---- the grid between requests ---- */

struct ground_held {
    struct ground *ground;
    uint64_t generation;
    size_t readers;
    bool is_old; /* whoever puts it back last frees it */
};
struct ground_room {
    pthread_mutex_t lock;
    pthread_cond_t made;
    struct ground_held *now;
    bool is_making;
    /* of who is making */
    struct ground *image;
    struct sha256 image_digest;
};

struct ground_room *ground_room_new(void)
{
    struct ground_room *r = mem_alloc(sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->made, NULL);
    return r;
}

static void held_free(struct ground_held *h)
{
    if (!h)
        return;
    ground_free(h->ground);
    free(h);
}

void ground_room_free(struct ground_room *r)
{
    if (!r)
        return;
    held_free(r->now);
    ground_free(r->image);
    pthread_cond_destroy(&r->made);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* The image is counted once, changes laid over it by their cells. */
static struct ground *ground_make(struct ground_room *r, const struct atlas *a, struct sha256 image_digest)
{
    if (!r->image || !sha256_is_equal(r->image_digest, image_digest)) {
        ground_free(r->image);
        r->image = ground_of_image(a);
        r->image_digest = image_digest;
    }
    return ground_now(r->image, a);
}

/* Under the lock, which is let go while the grid is being made. */
static void make(struct ground_room *r, const struct atlas *a, const struct atlas_info *info)
{
    struct ground_held *fresh = mem_alloc(sizeof *fresh), *old;
    r->is_making = true;
    pthread_mutex_unlock(&r->lock);
    fresh->ground = ground_make(r, a, info->digest);
    fresh->generation = info->generation;
    pthread_mutex_lock(&r->lock);
    old = r->now;
    r->now = fresh;
    r->is_making = false;
    if (old && old->readers == 0)
        held_free(old);
    else if (old)
        old->is_old = true;
    pthread_cond_broadcast(&r->made);
}

const struct ground *ground_room_get(struct ground_room *r, const struct atlas *a, struct ground_held **held)
{
    struct atlas_info info;
    atlas_info(a, &info);
    pthread_mutex_lock(&r->lock);
    while (r->is_making &&
           (!r->now || r->now->generation != info.generation)) /* what was hidden is not counted meanwhile */
        pthread_cond_wait(&r->made, &r->lock);
    if ((!r->now || r->now->generation != info.generation) && !r->is_making)
        make(r, a, &info);
    *held = r->now;
    r->now->readers++;
    pthread_mutex_unlock(&r->lock);
    return (*held)->ground;
}

void ground_room_put(struct ground_room *r, struct ground_held *held)
{
    pthread_mutex_lock(&r->lock);
    bool is_last = --held->readers == 0 && held->is_old;
    pthread_mutex_unlock(&r->lock);
    if (is_last)
        held_free(held);
}

/* ---- answers ---- */

static enum rc take(struct api_call *call, const struct ground **g, struct ground_held **held, struct err *err)
{
    const struct atlas *a = atlas_ref_get(call->app->atlas);
    if (!a)
        return err_set(err, RC_BUSY, "The index of sites is being built; try again in a moment.");
    *g = ground_room_get(call->server->ground, a, held);
    atlas_ref_put(call->app->atlas, a);
    return RC_OK;
}

enum rc api_tiles_ground(struct api_call *call, struct err *err)
{
    struct tiles_query q = {0};
    const struct ground *g;
    struct ground_held *held;
    TRY(api_tile_query(call, &q, err));
    TRY(api_known_params(call, NULL, 0, err));
    TRY(take(call, &g, &held, err));
    struct tiles_maker *maker = tile_rooms_take(call->server->tiles);
    tiles_begin(maker, &q);
    tiles_add_ground(maker, g);
    ground_room_put(call->server->ground, held);
    struct str raw = tiles_end(maker), packed = STR_NONE;
    if (raw.n)
        packed = str_copy(call->mem, tiles_gzip(maker, raw, TILES_GZIP_LEVEL));
    tile_rooms_give(call->server->tiles, maker);
    call->res->etag = str_printf(call->mem, "\"%016llx\"", (unsigned long long)str_hash(packed));
    call->res->cache = "public, no-cache";
    return api_tile_answer(call, packed, err);
}

static void write_cell(struct json_out *j, const struct ground_cell *c)
{
    struct geo_box b = ground_cell_box(c->key);
    const double edges[] = {b.west_deg, b.south_deg, b.east_deg, b.north_deg};
    json_begin_object(j);
    json_key(j, "bbox");
    json_begin_array(j);
    for (size_t i = 0; i < 4; i++)
        json_f64(j, edges[i], 7);
    json_end_array(j);
    json_put_i64(j, "faiths", c->faiths);
    json_put_i64(j, "sites", c->sites);
    json_put_i64(j, "known", c->known);
    json_put_f64(j, "diversity", c->diversity, 4);
    json_end_object(j);
}

static void write_list(struct api_call *call, const struct ground_cell *cells, size_t n, uint32_t next, size_t matched)
{
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_key(j, "cells");
    json_begin_array(j);
    for (size_t i = 0; i < n; i++)
        write_cell(j, &cells[i]);
    api_page_end(j, next == UINT32_MAX ? STR_NONE : str_printf(call->mem, "%lu", (unsigned long)next),
                 (int64_t)matched);
    api_json_end(call, 200);
}

enum rc api_ground_list(struct api_call *call, struct err *err)
{
    struct geo_box box = {-180, -90, 180, 90};
    const struct ground *g;
    struct ground_held *held;
    struct str cursor;
    int64_t from = 0;
    uint32_t next;
    size_t limit, matched;
    bool has_box;
    TRY(API_KNOWN(call, err, "bbox", "limit", "cursor"));
    TRY(api_box(call, &has_box, &box, err));
    TRY(api_limit(call, DEFAULT_LIMIT, LIMIT_MAX, &limit, err));
    if (http_query(call->req, "cursor", &cursor) && (!str_parse_i64(cursor, &from) || from < 0 || from >= UINT32_MAX))
        return err_set(err, RC_INVALID, "cursor: not one that this server gave; ask without it to begin again");
    TRY(take(call, &g, &held, err));
    struct ground_cell *cells = ARENA_NEW_N(call->mem, struct ground_cell, limit);
    size_t n = ground_in_box(g, &box, (uint32_t)from, limit, cells, &next, &matched);
    ground_room_put(call->server->ground, held);
    write_list(call, cells, n, next, matched);
    return RC_OK;
}

void api_put_shared_ground(struct json_out *j, struct api_call *call, bool is_exact, struct geo_point p)
{
    const struct atlas *a = is_exact ? atlas_ref_get(call->app->atlas) : NULL;
    json_key(j, "shared_ground");
    if (!a) {
        json_nil(j);
        return;
    }
    struct ground_sum s = ground_at(a, p);
    atlas_ref_put(call->app->atlas, a);
    json_begin_object(j);
    json_put_i64(j, "faiths", s.faiths);
    json_put_i64(j, "sites", s.sites);
    json_put_i64(j, "known", s.known);
    json_key(j, "diversity");
    if (s.known)
        json_f64(j, s.diversity, 4);
    else
        json_nil(j);
    json_put_i64(j, "radius_m", GROUND_RADIUS_M);
    json_end_object(j);
}
