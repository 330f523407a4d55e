/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Makers and projections for tiles. Incidents lie sorted by cell, so a tile is one range of the array and the cells of
 * its grid are runs within it.
 */
#include "api/tile_rooms.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "geo/geo.h"
#include "incidents/incidents.h"

enum {
    MAKERS_KEPT = 64,
    GRID_ZOOMS = 5,
    ZOOM_OF_CELLS = 31,
    POINT_PROPS = 9,
    TITLE_SHOWN = 200,
    READ_SHARE = 20 /* reading takes at most a twentieth of the time, however many there are */
};

struct point {
    uint64_t cell;
    struct geo_point at;
    struct uuid public_id;
    int64_t day, killed;
    int severity;
    bool is_coarse;
    struct str title, type, verification;
};
struct points {
    struct point *at;
    size_t n, size;
};
struct incident_layer {
    pthread_rwlock_t lock;
    struct arena mem; /* texts */
    struct points incidents, context;
    int64_t jobs_seen, fresh_until_us;
    bool is_made;
};
struct tile_rooms {
    pthread_mutex_t lock;
    struct tiles_maker *makers[MAKERS_KEPT];
    size_t makers_n;
    struct tiles_cache *cache;
    struct incident_layer for_public, for_reviewers;
};

/* ---- makers ---- */

struct tile_rooms *tile_rooms_new(size_t cache_bytes)
{
    struct tile_rooms *t = mem_alloc(sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    t->cache = tiles_cache_new(cache_bytes);
    pthread_rwlock_init(&t->for_public.lock, NULL);
    pthread_rwlock_init(&t->for_reviewers.lock, NULL);
    arena_init(&t->for_public.mem);
    arena_init(&t->for_reviewers.mem);
    return t;
}

static void layer_fini(struct incident_layer *l)
{
    free(l->incidents.at);
    free(l->context.at);
    arena_fini(&l->mem);
    pthread_rwlock_destroy(&l->lock);
}

void tile_rooms_free(struct tile_rooms *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->makers_n; i++)
        tiles_maker_free(t->makers[i]);
    tiles_cache_free(t->cache);
    layer_fini(&t->for_public);
    layer_fini(&t->for_reviewers);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

struct tiles_maker *tile_rooms_take(struct tile_rooms *t)
{
    pthread_mutex_lock(&t->lock);
    struct tiles_maker *m = t->makers_n ? t->makers[--t->makers_n] : NULL;
    pthread_mutex_unlock(&t->lock);
    return m ? m : tiles_maker_new();
}

void tile_rooms_give(struct tile_rooms *t, struct tiles_maker *maker)
{
    pthread_mutex_lock(&t->lock);
    bool kept = t->makers_n < MAKERS_KEPT;
    if (kept)
        t->makers[t->makers_n++] = maker;
    pthread_mutex_unlock(&t->lock);
    if (!kept)
        tiles_maker_free(maker);
}

struct tiles_cache *tile_rooms_cache(struct tile_rooms *t)
{
    return t->cache;
}

struct incident_layer *tile_rooms_incidents(struct tile_rooms *t, bool is_public)
{
    return is_public ? &t->for_public : &t->for_reviewers;
}

static void layer_forget(struct incident_layer *l)
{
    pthread_rwlock_wrlock(&l->lock);
    l->is_made = false;
    pthread_rwlock_unlock(&l->lock);
}

void tile_rooms_forget(struct tile_rooms *t)
{
    layer_forget(&t->for_public);
    layer_forget(&t->for_reviewers);
}

/* ---- reading incidents ---- */

struct reading {
    struct incident_layer *layer;
    const struct viewer *viewer;
    struct points *to;
    struct incident_filter filter;
};

static enum rc keep_one(void *ctx, const struct incident *in, struct err *err)
{
    struct reading *r = ctx;
    struct points *to = r->to;
    struct policy_object object = incident_policy_object(in);
    enum view view = policy_view(r->viewer, &object);
    double lat, lon;
    (void)err;
    if (view == VIEW_DENIED || !incident_place(in, view, &lat, &lon))
        return RC_OK;
    if (to->n == to->size) {
        to->size = to->size ? to->size * 2 : 256;
        to->at = mem_realloc(to->at, to->size * sizeof *to->at);
    }
    struct geo_point at = {.lat_deg = lat, .lon_deg = lon};
    to->at[to->n++] = (struct point){.cell = geo_cell_of(at),
                                     .at = at,
                                     .public_id = in->public_id,
                                     .day = in->start_day,
                                     .killed = in->killed,
                                     .severity = in->severity,
                                     .is_coarse = view == VIEW_COARSE,
                                     .title = str_copy(&r->layer->mem, str_clip(in->title, TITLE_SHOWN)),
                                     .type = str_copy(&r->layer->mem, in->type),
                                     .verification = str_copy(&r->layer->mem, in->verification)};
    return RC_OK;
}

static enum rc read_all(struct store_tx *tx, void *ctx, struct err *err)
{
    struct reading *r = ctx;
    r->to->n = 0;
    return incidents_each(tx, r->viewer, &r->filter, keep_one, r, err);
}

static int by_cell(const void *a, const void *b)
{
    const struct point *p = a, *q = b;
    if (p->cell != q->cell)
        return p->cell < q->cell ? -1 : 1;
    if (p->day != q->day)
        return p->day > q->day ? -1 : 1;
    return memcmp(p->public_id.b, q->public_id.b, sizeof p->public_id.b);
}

static enum rc read_one_kind(struct incident_layer *l, struct store *st, const struct viewer *viewer, bool context,
                             struct points *to, struct err *err)
{
    struct reading r = {.layer = l, .viewer = viewer, .to = to, .filter = {.context = context}};
    TRY(store_read(st, read_all, &r, err));
    if (to->n > 0)
        qsort(to->at, to->n, sizeof *to->at, by_cell);
    return RC_OK;
}

static bool is_fresh(const struct incident_layer *l, int64_t jobs)
{
    return l->is_made && (l->jobs_seen == jobs || clock_monotonic_us() < l->fresh_until_us);
}

static enum rc read_both(struct incident_layer *l, struct store *st, const struct viewer *viewer, int64_t jobs,
                         struct err *err)
{
    int64_t began = clock_monotonic_us();
    arena_reset(&l->mem);
    l->is_made = false;
    TRY(read_one_kind(l, st, viewer, false, &l->incidents, err));
    TRY(read_one_kind(l, st, viewer, true, &l->context, err));
    l->jobs_seen = jobs;
    int64_t now = clock_monotonic_us(), took = now - began, age = INCIDENT_LAYER_AGE_S * INT64_C(1000000);
    l->fresh_until_us = now + (age > took * READ_SHARE ? age : took * READ_SHARE);
    l->is_made = true;
    return RC_OK;
}

enum rc incident_layer_refresh(struct incident_layer *l, struct store *st, const struct viewer *viewer, struct err *err)
{
    int64_t jobs = store_stats(st).jobs; /* before reading: what comes meanwhile is read the next time */
    enum rc rc = RC_OK;
    pthread_rwlock_rdlock(&l->lock);
    bool fresh = is_fresh(l, jobs);
    pthread_rwlock_unlock(&l->lock);
    if (fresh)
        return RC_OK;
    pthread_rwlock_wrlock(&l->lock);
    if (!is_fresh(l, jobs))
        rc = read_both(l, st, viewer, jobs, err);
    pthread_rwlock_unlock(&l->lock);
    return rc;
}

/* ---- tiles ---- */

static size_t first_at(const struct points *p, uint64_t cell)
{
    size_t lo = 0, hi = p->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (p->at[mid].cell < cell)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct tiles_prop text(const char *key, struct str s)
{
    return (struct tiles_prop){.key = key, .type = TILES_STR, .s = s};
}

static struct tiles_prop number(const char *key, int64_t v)
{
    return (struct tiles_prop){.key = key, .type = TILES_INT, .i = v};
}

static struct tiles_point single(const struct point *p, struct arena *mem)
{
    struct tiles_prop *props = ARENA_NEW_N(mem, struct tiles_prop, POINT_PROPS);
    size_t n = 0;
    props[n++] = number("count", 1);
    props[n++] = text("id", uuid_format(mem, p->public_id));
    props[n++] = text("title", p->title);
    props[n++] = text("date", date_format(mem, date_from_days(p->day)));
    props[n++] = text("type", p->type);
    props[n++] = text("verification", p->verification);
    props[n++] = (struct tiles_prop){.key = "coarse", .type = TILES_BOOL, .b = p->is_coarse};
    if (p->severity >= 0)
        props[n++] = number("severity", p->severity);
    if (p->killed >= 0)
        props[n++] = number("killed", p->killed);
    return (struct tiles_point){p->at, props, n};
}

static struct tiles_point cluster(const struct point *p, size_t n, struct arena *mem)
{
    struct tiles_prop *props = ARENA_NEW_N(mem, struct tiles_prop, 1);
    struct geo_point mean = {0};
    for (size_t i = 0; i < n; i++) { /* within one cell: no antimeridian between them */
        mean.lat_deg += p[i].at.lat_deg / (double)n;
        mean.lon_deg += p[i].at.lon_deg / (double)n;
    }
    props[0] = number("count", (int64_t)n);
    return (struct tiles_point){mean, props, 1};
}

static void add_layer(const struct points *all, struct str name, struct tiles_maker *maker, const struct tiles_query *q,
                      struct arena *mem)
{
    int grid = 2 * (ZOOM_OF_CELLS - q->z - GRID_ZOOMS);
    uint64_t first, last;
    geo_tile_range(q->z, q->x, q->y, &first, &last);
    size_t from = first_at(all, first), to = first_at(all, last + 1), n = 0;
    if (from == to)
        return;
    struct tiles_point *points = ARENA_NEW_N(mem, struct tiles_point, to - from);
    for (size_t i = from; i < to;) {
        size_t end = i + 1;
        while (q->z < TILES_ZOOM_MAX && end < to && all->at[end].cell >> grid == all->at[i].cell >> grid)
            end++;
        points[n++] = end - i == 1 ? single(&all->at[i], mem) : cluster(&all->at[i], end - i, mem);
        i = end;
    }
    tiles_add_points(maker, name, points, n);
}

void incident_layer_add(struct incident_layer *l, struct tiles_maker *maker, const struct tiles_query *q,
                        struct arena *mem)
{
    pthread_rwlock_rdlock(&l->lock);
    add_layer(&l->incidents, STR("incidents"), maker, q, mem);
    add_layer(&l->context, STR("context"), maker, q, mem);
    pthread_rwlock_unlock(&l->lock);
}
