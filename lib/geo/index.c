/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Building the packed tree, and boxes. Distances are in index_near.c.
 */
#include "geo/index.h"

#include <math.h>
#include <string.h>

#include "base/threads.h"

enum { FAN = GEO_INDEX_FAN };
#define PI 3.14159265358979323846

int32_t geo_e7(double deg)
{
    double v = round(deg * 1e7);
    return v >= 1.8e9 ? 1800000000 : v <= -1.8e9 ? -1800000000 : (int32_t)v;
}

struct geo_point geo_index_point(const struct geo_index *ix, size_t i)
{
    return (struct geo_point){.lat_deg = ix->lat_e7[i] / 1e7, .lon_deg = ix->lon_e7[i] / 1e7};
}

static size_t groups(size_t n)
{
    return (n + FAN - 1) / FAN;
}

/* Where each level's blocks begin; at[levels] is the total. */
static int level_layout(size_t n, size_t at[GEO_INDEX_LEVELS_MAX + 1])
{
    ENSURE(n <= GEO_INDEX_POINTS_MAX);
    int levels = 0;
    size_t nodes = groups(n), total = 0;
    at[0] = 0;
    while (nodes > 0) {
        total += groups(nodes);
        at[++levels] = total;
        if (nodes <= FAN)
            break;
        nodes = groups(nodes);
    }
    return levels;
}

size_t geo_index_blocks(size_t n)
{
    size_t at[GEO_INDEX_LEVELS_MAX + 1];
    return at[level_layout(n, at)];
}

void geo_index_init(struct geo_index *ix, const int32_t *lat_e7, const int32_t *lon_e7, size_t n,
                    const struct geo_index_block *blocks)
{
    *ix = (struct geo_index){.lat_e7 = lat_e7, .lon_e7 = lon_e7, .n = n, .blocks = blocks};
    ix->levels = level_layout(n, ix->level_at);
}

/* --- build --------------------------------------------------------------------------------------------------- */

struct build {
    const int32_t *lat, *lon;
    size_t n;
    struct geo_index_block *blocks;
};

/* Bounds that hold nothing: no box touches them and every point is far. */
static void node_clear(struct geo_index_block *b, size_t k)
{
    b->lat_min[k] = b->lon_min[k] = INT32_MAX;
    b->lat_max[k] = b->lon_max[k] = INT32_MIN;
    for (int a = 0; a < 3; a++) {
        b->lo[a][k] = 9.0F;
        b->hi[a][k] = -9.0F;
    }
}

static int32_t min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t max32(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static void node_add_point(struct geo_index_block *b, size_t k, int32_t lat, int32_t lon)
{
    double la = lat * (PI / 180e7), lo = lon * (PI / 180e7);
    double v[3] = {cos(la) * cos(lo), cos(la) * sin(lo), sin(la)};
    b->lat_min[k] = min32(b->lat_min[k], lat);
    b->lat_max[k] = max32(b->lat_max[k], lat);
    b->lon_min[k] = min32(b->lon_min[k], lon);
    b->lon_max[k] = max32(b->lon_max[k], lon);
    for (int a = 0; a < 3; a++) { /* one float step outwards, as the cast rounds to nearest */
        b->lo[a][k] = fminf(b->lo[a][k], nextafterf((float)v[a], -9.0F));
        b->hi[a][k] = fmaxf(b->hi[a][k], nextafterf((float)v[a], 9.0F));
    }
}

static void node_add_node(struct geo_index_block *b, size_t k, const struct geo_index_block *c, size_t j)
{
    b->lat_min[k] = min32(b->lat_min[k], c->lat_min[j]);
    b->lat_max[k] = max32(b->lat_max[k], c->lat_max[j]);
    b->lon_min[k] = min32(b->lon_min[k], c->lon_min[j]);
    b->lon_max[k] = max32(b->lon_max[k], c->lon_max[j]);
    for (int a = 0; a < 3; a++) {
        b->lo[a][k] = fminf(b->lo[a][k], c->lo[a][j]);
        b->hi[a][k] = fmaxf(b->hi[a][k], c->hi[a][j]);
    }
}

static void build_bottom(void *ctx, size_t block, size_t worker)
{
    (void)worker;
    const struct build *w = ctx;
    struct geo_index_block *b = &w->blocks[block];
    for (size_t k = 0; k < FAN; k++) {
        size_t from = (block * FAN + k) * FAN;
        node_clear(b, k);
        for (size_t i = from; i < from + FAN && i < w->n; i++)
            node_add_point(b, k, w->lat[i], w->lon[i]);
    }
}

void geo_index_build(const int32_t *lat_e7, const int32_t *lon_e7, size_t n, size_t threads,
                     struct geo_index_block *blocks)
{
    size_t at[GEO_INDEX_LEVELS_MAX + 1];
    int levels = level_layout(n, at);
    struct build w = {.lat = lat_e7, .lon = lon_e7, .n = n, .blocks = blocks};
    if (levels > 0)
        threads_for(threads, at[1], build_bottom, &w);
    for (int l = 1; l < levels; l++) {
        size_t below = at[l] - at[l - 1];
        for (size_t i = 0; i < at[l + 1] - at[l]; i++) {
            for (size_t k = 0; k < FAN; k++) {
                node_clear(&blocks[at[l] + i], k);
                for (size_t j = 0; i * FAN + k < below && j < FAN; j++)
                    node_add_node(&blocks[at[l] + i], k, &blocks[at[l - 1] + i * FAN + k], j);
            }
        }
    }
}

/* --- boxes --------------------------------------------------------------------------------------------------- */

struct box_e7 {
    int32_t south, north, west, east;
};

struct box_walk {
    const struct geo_index *ix;
    struct box_e7 b;
    geo_each_fn fn;
    void *ctx;
    size_t count;
};

/* An edge that is a whole 1e-7 degree but for rounding is that; others go inwards, where the next points are. */
static int32_t edge_e7(double deg, double (*inwards)(double))
{
    double v = deg * 1e7, near = round(v);
    v = fabs(v - near) < 1e-3 ? near : inwards(v);
    return (int32_t)fmax(-1.8e9, fmin(1.8e9, v));
}

static size_t slice_count(const struct box_walk *w, size_t from, size_t to)
{
    const int32_t *lat = w->ix->lat_e7, *lon = w->ix->lon_e7;
    struct box_e7 b = w->b;
    int32_t n = 0; /* as wide as the points, so that the loop becomes vector code */
    for (size_t i = from; i < to; i++)
        n += (lat[i] >= b.south) & (lat[i] <= b.north) & (lon[i] >= b.west) & (lon[i] <= b.east);
    return (size_t)n;
}

/* Bit k: node k of the block is touched by the box; in *inside: it lies wholly in it. */
static uint32_t block_touch(const struct geo_index_block *n, const struct box_e7 *b, uint32_t *inside)
{
    uint8_t t[FAN], in[FAN];
    uint32_t touched = 0, whole = 0;
    for (size_t k = 0; k < FAN; k++) {
        t[k] = (n->lat_max[k] >= b->south) & (n->lat_min[k] <= b->north) & (n->lon_max[k] >= b->west) &
               (n->lon_min[k] <= b->east);
        in[k] = (n->lat_min[k] >= b->south) & (n->lat_max[k] <= b->north) & (n->lon_min[k] >= b->west) &
                (n->lon_max[k] <= b->east);
    }
    for (size_t k = 0; k < FAN; k++) {
        touched |= (uint32_t)t[k] << k;
        whole |= (uint32_t)(t[k] & in[k]) << k;
    }
    *inside = whole;
    return touched;
}

/* Points [from, to) of node k of block i at a level (1 = bottom). */
static void node_slice(const struct geo_index *ix, int level, size_t i, size_t k, size_t *from, size_t *to)
{
    size_t at = (i * FAN + k) << 4 * level;
    size_t end = at + ((size_t)1 << 4 * level);
    *from = at < ix->n ? at : ix->n;
    *to = end < ix->n ? end : ix->n;
}

static void count_block(struct box_walk *w, int level, size_t i)
{
    uint32_t inside, touched = block_touch(&w->ix->blocks[w->ix->level_at[level - 1] + i], &w->b, &inside);
    for (; touched; touched &= touched - 1) {
        size_t k = (size_t)__builtin_ctz(touched), from, to;
        node_slice(w->ix, level, i, k, &from, &to);
        if (from >= to)
            continue; /* X2 */
        if (inside >> k & 1)
            w->count += to - from;
        else if (level == 1)
            w->count += slice_count(w, from, to);
        else
            count_block(w, level - 1, i * FAN + k);
    }
}

static bool each_slice(struct box_walk *w, size_t from, size_t to)
{
    const int32_t *lat = w->ix->lat_e7, *lon = w->ix->lon_e7;
    struct box_e7 b = w->b;
    for (size_t i = from; i < to; i++) {
        bool in = (lat[i] >= b.south) & (lat[i] <= b.north) & (lon[i] >= b.west) & (lon[i] <= b.east);
        if (in && !w->fn(w->ctx, (uint32_t)i, 0))
            return false;
    }
    return true;
}

static bool each_block(struct box_walk *w, int level, size_t i)
{
    uint32_t inside, touched = block_touch(&w->ix->blocks[w->ix->level_at[level - 1] + i], &w->b, &inside);
    for (; touched; touched &= touched - 1) {
        size_t k = (size_t)__builtin_ctz(touched), from, to;
        node_slice(w->ix, level, i, k, &from, &to);
        if (from >= to)
            continue;
        if (level == 1 ? !each_slice(w, from, to) : !each_block(w, level - 1, i * FAN + k))
            return false;
    }
    return true;
}

/* One or two plain boxes. */
static size_t box_parts(const struct geo_box *b, struct box_e7 out[2])
{
    struct box_e7 e = {.south = edge_e7(b->south_deg, ceil),
                       .north = edge_e7(b->north_deg, floor),
                       .west = edge_e7(b->west_deg, ceil),
                       .east = edge_e7(b->east_deg, floor)};
    out[0] = out[1] = e;
    if (b->west_deg <= b->east_deg)
        return 1;
    out[0].east = 1800000000;
    out[1].west = -1800000000;
    return 2;
}

size_t geo_index_count_box(const struct geo_index *ix, const struct geo_box *b)
{
    struct box_e7 parts[2];
    struct box_walk w = {.ix = ix};
    size_t n = box_parts(b, parts);
    for (size_t k = 0; ix->levels > 0 && k < n; k++) {
        w.b = parts[k];
        count_block(&w, ix->levels, 0);
    }
    return w.count;
}

void geo_index_each_box(const struct geo_index *ix, const struct geo_box *b, geo_each_fn fn, void *ctx)
{
    struct box_e7 parts[2];
    struct box_walk w = {.ix = ix, .fn = fn, .ctx = ctx};
    size_t n = box_parts(b, parts);
    for (size_t k = 0; ix->levels > 0 && k < n; k++) {
        w.b = parts[k];
        if (!each_block(&w, ix->levels, 0))
            return;
    }
}
