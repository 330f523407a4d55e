/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Shape and building of the packed tree, and boxes. Distances are in index_near.c.
 */
#include "geo/index.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
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

/* --- shape --------------------------------------------------------------------------------------------------- */

/* One block of a level: its nodes carry on where the block before ended (points *from, children *child). */
static bool block_is_sound(const struct geo_index *ix, size_t i, uint32_t *from, uint32_t *child)
{
    const struct geo_index_block *b = &ix->blocks[i];
    if (b->n == 0 || b->n > FAN || b->from[0] != *from)
        return false;
    if (b->level > 1 && (b->child_at != *child || b->n > i - *child))
        return false;
    for (uint32_t k = 0; k < b->n; k++) {
        if (b->from[k + 1] <= b->from[k] || b->from[k + 1] > ix->n)
            return false;
        if (b->level == 1 && b->from[k + 1] - b->from[k] > FAN)
            return false;
        if (b->level > 1) {
            const struct geo_index_block *c = &ix->blocks[b->child_at + k];
            if (c->level != b->level - 1 || c->from[0] != b->from[k] || c->from[c->n] != b->from[k + 1])
                return false;
        }
    }
    *from = b->from[b->n];
    *child += b->level > 1 ? b->n : 0;
    return true;
}

bool geo_index_init(struct geo_index *ix, const int32_t *lat_e7, const int32_t *lon_e7, size_t n,
                    const struct geo_index_block *blocks, size_t blocks_n)
{
    *ix = (struct geo_index){.lat_e7 = lat_e7, .lon_e7 = lon_e7, .n = n, .blocks = blocks, .blocks_n = blocks_n};
    if (n > GEO_INDEX_POINTS_MAX || (n == 0) != (blocks_n == 0))
        return false;
    uint32_t from = 0, child = 0, level = 1;
    for (size_t i = 0; i < blocks_n; i++) {
        if (blocks[i].level !=
            level) { /* a level ends: it must have covered all points, and the one below all blocks */
            if (i == 0 || blocks[i].level != level + 1 || level == GEO_INDEX_LEVELS_MAX || from != n)
                return false;
            level++;
            from = 0;
        }
        if (!block_is_sound(ix, i, &from, &child))
            return false;
    }
    return n == 0 || (from == n && child == blocks_n - 1);
}

/* --- build --------------------------------------------------------------------------------------------------- */

/* Measured: bench_near. With 8 a question walked 22 blocks and 18 leaves and the tree took 4 MB for 1.5M points; with 2
 * it walks 8 and 6, and takes 6.6 MB. */
enum { FILL_MIN = 2 };

struct build {
    const uint64_t *cells;
    const int32_t *lat, *lon;
    size_t n;
    struct geo_index_block *blocks;
    size_t at; /* first block of the level being bounded */
};

/* How many of the items at starts[0..left) (points they begin at; starts[left] is the end) make the next group: of the
 * ends from FILL_MIN on, the one with the farthest jump. */
static size_t group_size(const uint64_t *cells, const uint32_t *starts, size_t left)
{
    if (left <= FAN)
        return left;
    size_t best = FAN;
    uint64_t jump = 0;
    for (size_t k = FAN; k >= FILL_MIN; k--) {
        uint64_t j = cells[starts[k]] ^ cells[starts[k] - 1];
        if (j > jump) {
            jump = j;
            best = k;
        }
    }
    return best;
}

/* Unused nodes hold nothing: no box touches them, and a walk by distance stops at n. */
static void node_clear(struct geo_index_block *b, size_t k)
{
    b->lat_min[k] = b->lon_min[k] = INT32_MAX;
    b->lat_max[k] = b->lon_max[k] = INT32_MIN;
    b->cos_min[k] = 1;
}

static int32_t min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t max32(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static void node_add(struct geo_index_block *b, size_t k, int32_t lat_min, int32_t lat_max, int32_t lon_min,
                     int32_t lon_max)
{
    b->lat_min[k] = min32(b->lat_min[k], lat_min);
    b->lat_max[k] = max32(b->lat_max[k], lat_max);
    b->lon_min[k] = min32(b->lon_min[k], lon_min);
    b->lon_max[k] = max32(b->lon_max[k], lon_max);
}

static void node_close(struct geo_index_block *b, size_t k)
{
    double far = fmax(fabs((double)b->lat_min[k]), fabs((double)b->lat_max[k]));
    b->cos_min[k] =
        (float)fmax(0, cos(far * (PI / 180e7)) * (1 - 1e-6) - 1e-7); /* below the cosine in spite of rounding */
}

static void build_block(void *ctx, size_t i, size_t worker)
{
    (void)worker;
    const struct build *w = ctx;
    struct geo_index_block *b = &w->blocks[w->at + i];
    for (size_t k = 0; k < FAN; k++) {
        node_clear(b, k);
        if (k >= b->n)
            continue;
        const struct geo_index_block *c = &w->blocks[b->child_at + k];
        for (size_t p = b->from[k]; b->level == 1 && p < b->from[k + 1]; p++)
            node_add(b, k, w->lat[p], w->lat[p], w->lon[p], w->lon[p]);
        for (size_t j = 0; b->level > 1 && j < c->n; j++)
            node_add(b, k, c->lat_min[j], c->lat_max[j], c->lon_min[j], c->lon_max[j]);
        node_close(b, k);
    }
}

/* Cuts the points into leaves: their first points, and n at the end. */
static size_t cut_leaves(const struct build *w, uint32_t *starts)
{
    uint32_t window[FAN + 1];
    size_t leaves = 0;
    for (size_t p = 0; p < w->n;) {
        size_t left = w->n - p;
        for (uint32_t k = 0; k <= FAN; k++)
            window[k] = (uint32_t)p + k;
        starts[leaves++] = (uint32_t)p;
        p += group_size(w->cells, window, left);
    }
    starts[leaves] = (uint32_t)w->n;
    return leaves;
}

/* Cuts nodes into blocks of a level at w->at; starts then holds the first points of the blocks. */
static size_t cut_blocks(const struct build *w, uint32_t level, size_t child, uint32_t *starts, size_t nodes)
{
    size_t blocks = 0;
    for (size_t i = 0; i < nodes; blocks++) {
        struct geo_index_block *b = &w->blocks[w->at + blocks];
        b->n = (uint32_t)group_size(w->cells, starts + i, nodes - i);
        b->level = level;
        b->child_at = level > 1 ? (uint32_t)(child + i) : 0;
        for (size_t k = 0; k <= b->n; k++)
            b->from[k] = starts[i + k];
        i += b->n;
    }
    for (size_t i = 0; i < blocks; i++)
        starts[i] = w->blocks[w->at + i].from[0];
    starts[blocks] = (uint32_t)w->n;
    return blocks;
}

/* Groups hold FILL_MIN or more but for the last of a level. */
static size_t blocks_at_most(size_t n)
{
    size_t nodes = n / FILL_MIN + 1, total = 0;
    for (int l = 0; l < GEO_INDEX_LEVELS_MAX; l++) {
        nodes = nodes / FILL_MIN + 1;
        total += nodes;
    }
    return total;
}

struct geo_index_block *geo_index_build(const uint64_t *cells, const int32_t *lat_e7, const int32_t *lon_e7, size_t n,
                                        size_t threads, size_t *blocks_n)
{
    ENSURE(n <= GEO_INDEX_POINTS_MAX);
    *blocks_n = 0;
    if (n == 0)
        return NULL;
    struct build w = {.cells = cells, .lat = lat_e7, .lon = lon_e7, .n = n};
    w.blocks = mem_array(blocks_at_most(n), sizeof *w.blocks);
    uint32_t *starts = mem_array(n / FILL_MIN + 3, sizeof *starts);
    size_t nodes = cut_leaves(&w, starts), child = 0;
    for (uint32_t level = 1; nodes > 0; level++) {
        size_t blocks = cut_blocks(&w, level, child, starts, nodes);
        threads_for(threads, blocks, build_block, &w);
        child = w.at;
        w.at += blocks;
        nodes = blocks > 1 ? blocks : 0;
    }
    free(starts);
    *blocks_n = w.at;
    return mem_realloc(w.blocks, w.at * sizeof *w.blocks);
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

static uint32_t node_mask(const struct geo_index_block *b)
{
    return (UINT32_C(1) << b->n) - 1;
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

static void count_block(struct box_walk *w, const struct geo_index_block *b)
{
    uint32_t inside, touched = block_touch(b, &w->b, &inside) & node_mask(b);
    for (; touched; touched &= touched - 1) {
        size_t k = (size_t)__builtin_ctz(touched);
        if (inside >> k & 1)
            w->count += b->from[k + 1] - b->from[k];
        else if (b->level == 1)
            w->count += slice_count(w, b->from[k], b->from[k + 1]);
        else
            count_block(w, &w->ix->blocks[b->child_at + k]);
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

static bool each_block(struct box_walk *w, const struct geo_index_block *b)
{
    uint32_t inside, touched = block_touch(b, &w->b, &inside) & node_mask(b);
    for (; touched; touched &= touched - 1) {
        size_t k = (size_t)__builtin_ctz(touched);
        if (b->level == 1 ? !each_slice(w, b->from[k], b->from[k + 1])
                          : !each_block(w, &w->ix->blocks[b->child_at + k]))
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
    for (size_t k = 0; ix->n > 0 && k < n; k++) {
        w.b = parts[k];
        count_block(&w, &ix->blocks[ix->blocks_n - 1]);
    }
    return w.count;
}

void geo_index_each_box(const struct geo_index *ix, const struct geo_box *b, geo_each_fn fn, void *ctx)
{
    struct box_e7 parts[2];
    struct box_walk w = {.ix = ix, .fn = fn, .ctx = ctx};
    size_t n = box_parts(b, parts);
    for (size_t k = 0; ix->n > 0 && k < n; k++) {
        w.b = parts[k];
        if (!each_block(&w, &ix->blocks[ix->blocks_n - 1]))
            return;
    }
}
