/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See join_candidates.h.
 */
#include "sites/join_candidates.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "geo/geo.h"

/* A tile of this zoom is 611 m wide at the equator, so that up to 49 degrees of latitude one row of neighbours is enough. */
enum { ZOOM = 16, SIDE = 1 << ZOOM, TILE_BITS = 31 - ZOOM, STEPS_MAX = 64 };
#define PI              3.14159265358979323846
#define CIRCUMFERENCE_M (2 * PI * EARTH_RADIUS_M)
#define WORLD           2147483648.0 /* positions along one side */

struct walk {
    const struct join_point *p;
    size_t n;
    join_pair_fn fn;
    void *ctx;
    struct join_candidates_report report;
    size_t hints[STEPS_MAX + 1][2 * STEPS_MAX + 1]; /* per neighbour: where its last run began */
};

/* Metres of the ground per position there. */
static double scale_at(uint32_t y)
{
    double s = PI * (1 - 2 * ((double)y + 0.5) / WORLD);
    return CIRCUMFERENCE_M / WORLD / cosh(s);
}

static double reach_of(const struct join_point *a, const struct join_point *b)
{
    double r = JOIN_RADIUS_M + (double)a->reach_m + (double)b->reach_m;
    return r < JOIN_REACH_MAX_M ? r : JOIN_REACH_MAX_M;
}

static bool is_near(const struct join_point *a, const struct join_point *b)
{
    struct geo_merc x = geo_cell_merc(a->cell), y = geo_cell_merc(b->cell);
    double dx = fabs((double)x.x - (double)y.x), dy = (double)x.y - (double)y.y;
    dx = dx > WORLD / 2 ? WORLD - dx : dx;
    double scale = scale_at(x.y), reach = reach_of(a, b);
    return (dx * dx + dy * dy) * scale * scale <= reach * reach;
}

/* The first point of [from, n) with a cell of at least `cell`, galloping from `at`. */
static size_t seek(const struct walk *w, size_t at, uint64_t cell)
{
    size_t lo = 0, hi = w->n, step = 1;
    at = at < w->n ? at : w->n - 1;
    if (w->p[at].cell < cell) {
        lo = at + 1;
        for (; at + step < w->n; step *= 2) {
            if (w->p[at + step].cell >= cell) {
                hi = at + step;
                break;
            }
            lo = at + step + 1;
        }
    } else {
        hi = at;
        for (; step <= at; step *= 2) {
            if (w->p[at - step].cell < cell) {
                lo = at - step + 1;
                break;
            }
            hi = at - step;
        }
    }
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (w->p[mid].cell < cell)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* A run of the array: the points of one tile. */
struct run {
    size_t from, to;
    uint32_t source;
    bool is_mixed; /* of several sources */
};

static struct run run_of(const struct walk *w, size_t from, uint64_t last_cell)
{
    struct run r = {.from = from, .to = from};
    while (r.to < w->n && w->p[r.to].cell <= last_cell) {
        r.is_mixed |= r.to > from && w->p[r.to].source != r.source;
        r.source = w->p[r.to].source;
        r.to++;
    }
    return r;
}

static void one_with(struct walk *w, size_t i, size_t from, size_t to)
{
    const struct join_point *a = &w->p[i];
    if (to - from > JOIN_CROWD_MAX) {
        w->report.crowded++;
        to = from + JOIN_CROWD_MAX;
    }
    for (size_t k = from; k < to; k++)
        if (w->p[k].source != a->source && is_near(a, &w->p[k])) {
            w->report.pairs++;
            w->fn(w->ctx, a->record, w->p[k].record);
        }
}

static void tile_within(struct walk *w, const struct run *r)
{
    if (!r->is_mixed)
        return;
    for (size_t i = r->from; i < r->to; i++)
        one_with(w, i, i + 1, r->to);
}

static void tile_with(struct walk *w, const struct run *r, uint32_t x, uint32_t y, size_t *hint)
{
    uint64_t first, last;
    geo_tile_range(ZOOM, x, y, &first, &last);
    *hint = seek(w, *hint, first);
    struct run other = run_of(w, *hint, last);
    if (other.from == other.to || (!r->is_mixed && !other.is_mixed && r->source == other.source))
        return;
    for (size_t i = r->from; i < r->to; i++)
        one_with(w, i, other.from, other.to);
}

/* How many tiles away something within reach_m can lie from a tile of this row. */
static int steps_at(uint32_t tile_y, double reach_m)
{
    uint32_t y = tile_y << TILE_BITS, below = y + ((UINT32_C(1) << TILE_BITS) - 1);
    double width = fmin(scale_at(y), scale_at(below)) * (double)(1 << TILE_BITS);
    double steps = ceil(reach_m / width);
    return steps < 1 ? 1 : steps > STEPS_MAX ? STEPS_MAX : (int)steps;
}

static void tile_around(struct walk *w, const struct run *r)
{
    struct geo_merc m = geo_cell_merc(w->p[r->from].cell);
    uint32_t x = m.x >> TILE_BITS, y = m.y >> TILE_BITS;
    int steps = steps_at(y, JOIN_RADIUS_M);
    tile_within(w, r);
    for (int dy = 0; dy <= steps && y + (uint32_t)dy < SIDE; dy++)
        for (int dx = dy ? -steps : 1; dx <= steps; dx++)
            tile_with(w, r, (uint32_t)((int)x + dx) & (SIDE - 1), y + (uint32_t)dy, &w->hints[dy][dx + STEPS_MAX]);
}

/* What the walk by tiles does not reach of a point whose place is vague. Two such points meet from the first alone. */
static void vague_with(struct walk *w, size_t i, uint32_t x, uint32_t y, size_t *hint)
{
    const struct join_point *a = &w->p[i];
    uint64_t first, last;
    geo_tile_range(ZOOM, x, y, &first, &last);
    *hint = seek(w, *hint, first);
    size_t seen = 0;
    for (size_t k = *hint; k < w->n && w->p[k].cell <= last; k++) {
        const struct join_point *b = &w->p[k];
        if (b->source == a->source || (b->reach_m > 0 && k < i) || !is_near(a, b))
            continue;
        if (++seen > JOIN_CROWD_MAX) {
            w->report.crowded++;
            return;
        }
        w->report.pairs++;
        w->fn(w->ctx, a->record, b->record);
    }
}

static void vague_around(struct walk *w, size_t i)
{
    struct geo_merc m = geo_cell_merc(w->p[i].cell);
    int x = (int)(m.x >> TILE_BITS), y = (int)(m.y >> TILE_BITS), steps = steps_at((uint32_t)y, JOIN_REACH_MAX_M);
    for (int dy = -steps; dy <= steps; dy++) {
        if (y + dy < 0 || y + dy >= SIDE)
            continue;
        int walked = steps_at((uint32_t)(dy < 0 ? y + dy : y), JOIN_RADIUS_M); /* the upper row looked down so far */
        for (int dx = -steps; dx <= steps; dx++) {
            if (abs(dx) <= walked && abs(dy) <= walked)
                continue;
            vague_with(w, i, (uint32_t)(x + dx) & (SIDE - 1), (uint32_t)(y + dy), &w->hints[abs(dy)][dx + STEPS_MAX]);
        }
    }
}

struct join_candidates_report join_candidates(const struct join_point *points, size_t n, join_pair_fn fn, void *ctx)
{
    struct walk *w = mem_alloc(sizeof *w);
    *w = (struct walk){.p = points, .n = n, .fn = fn, .ctx = ctx};
    for (size_t at = 0; at < n;) {
        struct geo_merc m = geo_cell_merc(points[at].cell);
        uint64_t first, last;
        geo_tile_range(ZOOM, m.x >> TILE_BITS, m.y >> TILE_BITS, &first, &last);
        struct run r = run_of(w, at, last);
        tile_around(w, &r);
        at = r.to;
    }
    for (size_t i = 0; i < n; i++)
        if (points[i].reach_m > 0)
            vague_around(w, i);
    struct join_candidates_report report = w->report;
    free(w);
    return report;
}

static int point_compare(const void *a, const void *b)
{
    const struct join_point *x = a, *y = b;
    if (x->cell != y->cell)
        return x->cell < y->cell ? -1 : 1;
    return x->record < y->record ? -1 : x->record > y->record;
}

void join_points_sort(struct join_point *points, size_t n)
{
    qsort(points, n, sizeof *points, point_compare);
}
