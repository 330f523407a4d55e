/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Points in a shape. A point is in it when a ray eastwards from it meets an odd number of edges. On the way down the
 * tree each node keeps the edges that a ray from a point of it can meet: those of its latitudes that are not wholly west
 * of it. When none of them comes near the node itself, all its points lie on the same side.
 */
#include "geo/index_shape.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"

enum { FAN = GEO_INDEX_FAN };
#define MARGIN 1e-9 /* degrees: far above rounding, far below 1e-7 */

struct edge {
    struct geo_point a, b;
    double south, north, west, east;
};

struct node_box {
    double south, north, west, east;
};

struct shape_walk {
    const struct geo_index *ix;
    struct edge *edges;
    uint32_t *lists; /* of edges; each level's follow those of the one above */
    geo_each_fn fn;
    void *ctx;
    size_t count;
};

static struct edge *edges_of(const struct geo_shape *s, size_t *n)
{
    struct edge *edges = mem_array(geo_shape_points(s) + 1, sizeof *edges);
    *n = 0;
    for (size_t r = 0; r < s->rings_n; r++)
        for (size_t i = 1; i < s->rings[r].n; i++) {
            struct geo_point a = s->rings[r].at[i - 1], b = s->rings[r].at[i];
            edges[(*n)++] = (struct edge){.a = a,
                                          .b = b,
                                          .south = fmin(a.lat_deg, b.lat_deg),
                                          .north = fmax(a.lat_deg, b.lat_deg),
                                          .west = fmin(a.lon_deg, b.lon_deg),
                                          .east = fmax(a.lon_deg, b.lon_deg)};
        }
    return edges;
}

/* The arithmetic of geo_ring_holds. */
static bool is_met(const struct edge *e, struct geo_point p)
{
    struct geo_point a = e->a, b = e->b;
    return (a.lat_deg > p.lat_deg) != (b.lat_deg > p.lat_deg) &&
           p.lon_deg < a.lon_deg + (p.lat_deg - a.lat_deg) / (b.lat_deg - a.lat_deg) * (b.lon_deg - a.lon_deg);
}

static bool holds(const struct shape_walk *w, const uint32_t *list, size_t n, size_t point)
{
    struct geo_point p = geo_index_point(w->ix, point);
    bool in = false;
    for (size_t i = 0; i < n; i++)
        in ^= is_met(&w->edges[list[i]], p);
    return in;
}

static struct node_box box_of(const struct geo_index_block *b, size_t k)
{
    return (struct node_box){b->lat_min[k] / 1e7 - MARGIN, b->lat_max[k] / 1e7 + MARGIN, b->lon_min[k] / 1e7 - MARGIN,
                             b->lon_max[k] / 1e7 + MARGIN};
}

/* Edges along a parallel are met by no ray, but the sides change there: they count as near.
 * Those that matter to the node go to `to`; *is_near: one of them may cut it. */
static size_t edges_for(const struct shape_walk *w, const struct node_box *b, const uint32_t *list, size_t n,
                        uint32_t *to, bool *is_near)
{
    size_t kept = 0;
    *is_near = false;
    for (size_t i = 0; i < n; i++) {
        const struct edge *e = &w->edges[list[i]];
        if (e->north < b->south || e->south > b->north || e->east < b->west)
            continue;
        to[kept++] = list[i];
        *is_near = *is_near || e->west <= b->east;
    }
    return kept;
}

static bool take(struct shape_walk *w, size_t from, size_t to)
{
    if (!w->fn) {
        w->count += to - from;
        return true;
    }
    for (size_t i = from; i < to; i++)
        if (!w->fn(w->ctx, (uint32_t)i, 0))
            return false;
    return true;
}

static bool take_some(struct shape_walk *w, const uint32_t *list, size_t n, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (holds(w, list, n, i) && !take(w, i, i + 1))
            return false;
    return true;
}

static bool walk_block(struct shape_walk *w, const struct geo_index_block *b, uint32_t *list, size_t n)
{
    for (size_t k = 0; k < b->n; k++) {
        struct node_box box = box_of(b, k);
        uint32_t *mine = list + n;
        bool is_near;
        size_t m = edges_for(w, &box, list, n, mine, &is_near);
        if (m == 0)
            continue;
        if (!is_near        ? holds(w, mine, m, b->from[k]) && !take(w, b->from[k], b->from[k + 1])
            : b->level == 1 ? !take_some(w, mine, m, b->from[k], b->from[k + 1])
                            : !walk_block(w, &w->ix->blocks[b->child_at + k], mine, m))
            return false;
    }
    return true;
}

static size_t walk(const struct geo_index *ix, const struct geo_shape *s, geo_each_fn fn, void *ctx)
{
    struct shape_walk w = {.ix = ix, .fn = fn, .ctx = ctx};
    size_t n;
    if (ix->n == 0)
        return 0;
    w.edges = edges_of(s, &n);
    w.lists = mem_array((n + 1) * (GEO_INDEX_LEVELS_MAX + 1), sizeof *w.lists);
    for (size_t i = 0; i < n; i++)
        w.lists[i] = (uint32_t)i;
    walk_block(&w, &ix->blocks[ix->blocks_n - 1], w.lists, n);
    free(w.lists);
    free(w.edges);
    return w.count;
}

void geo_index_each_in_shape(const struct geo_index *ix, const struct geo_shape *s, geo_each_fn fn, void *ctx)
{
    walk(ix, s, fn, ctx);
}

size_t geo_index_count_in_shape(const struct geo_index *ix, const struct geo_shape *s)
{
    return walk(ix, s, NULL, NULL);
}
