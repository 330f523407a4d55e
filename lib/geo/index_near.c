/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Nearest and within, on the sphere. Nodes are bounded by chords to a box of unit vectors, which is never more than the
 * true distance; points are ranked by the haversine, whose differences are exact in 1e-7 degrees.
 */
#include "geo/index.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { FAN = GEO_INDEX_FAN };
#define PI      3.14159265358979323846
#define E7_RAD  (PI / 180e7)

struct probe {
    double lat_e7, lon_e7, cos_lat;
    float v[3];
};

static struct probe probe_of(struct geo_point p)
{
    double la = p.lat_deg * (PI / 180), lo = p.lon_deg * (PI / 180);
    return (struct probe){.lat_e7 = p.lat_deg * 1e7,
                          .lon_e7 = p.lon_deg * 1e7,
                          .cos_lat = cos(la),
                          .v = {(float)(cos(la) * cos(lo)), (float)(cos(la) * sin(lo)), (float)sin(la)}};
}

/* Sine on [0, pi/2] by its Taylor series to x^21, whose rest is below 2^-53 there; unlike libm's it runs on whole vectors. */
static inline double sin_part(double x)
{
    double z = x * x;
    double p = 1.0 / 51090942171709440000.0;
    p = p * z - 1.0 / 121645100408832000.0;
    p = p * z + 1.0 / 355687428096000.0;
    p = p * z - 1.0 / 1307674368000.0;
    p = p * z + 1.0 / 6227020800.0;
    p = p * z - 1.0 / 39916800.0;
    p = p * z + 1.0 / 362880.0;
    p = p * z - 1.0 / 5040.0;
    p = p * z + 1.0 / 120.0;
    p = p * z - 1.0 / 6.0;
    return x + x * z * p;
}

/* Haversine of the angle to one point: sin^2(d / 2).
 * Source: R. W. Sinnott, Virtues of the haversine, Sky and Telescope 68(2), 1984. */
static inline double haversine(const struct probe *q, int32_t lat_e7, int32_t lon_e7)
{
    double a = fabs(lat_e7 - q->lat_e7) * (E7_RAD / 2), b = fabs(lon_e7 - q->lon_e7) * (E7_RAD / 2);
    b = b > PI / 2 ? PI - b : b;
    double sa = sin_part(a), sb = sin_part(b), c = sin_part(PI / 2 - fabs((double)lat_e7) * E7_RAD);
    return sa * sa + q->cos_lat * c * (sb * sb);
}

static void haversines(const struct probe *q, const int32_t *lat, const int32_t *lon, double out[FAN])
{
    for (size_t i = 0; i < FAN; i++)
        out[i] = haversine(q, lat[i], lon[i]);
}

/* Lower bounds of the haversine to 16 nodes. 1e-7 covers the probe's rounding to float. */
static void block_bounds(const struct geo_index_block *b, const struct probe *q, float out[FAN])
{
    for (size_t k = 0; k < FAN; k++) {
        float sum = 0;
        for (int a = 0; a < 3; a++) {
            float under = b->lo[a][k] - q->v[a], over = q->v[a] - b->hi[a][k];
            float d = (under > over ? under : over) - 1e-7F;
            d = d > 0 ? d : 0;
            sum += d * d;
        }
        out[k] = sum * (0.25F * (1 - 4 * FLT_EPSILON)); /* chord^2 = 4 haversine */
    }
}

/* --- nearest ------------------------------------------------------------------------------------------------- */

/* Max-heap of the best so far, in the caller's array; distance_m holds the haversine until the end. */
struct near_walk {
    const struct geo_index *ix;
    struct probe q;
    struct geo_near *best;
    size_t n, want;
    double worst; /* nothing above it matters any more */
    geo_keep_fn keep;
    void *ctx;
};

static void heap_down(struct geo_near *h, size_t n, struct geo_near v)
{
    size_t i = 0;
    for (size_t c; (c = 2 * i + 1) < n; i = c) {
        if (c + 1 < n && h[c + 1].distance_m > h[c].distance_m)
            c++;
        if (h[c].distance_m <= v.distance_m)
            break;
        h[i] = h[c];
    }
    h[i] = v;
}

static void heap_up(struct geo_near *h, size_t i, struct geo_near v)
{
    for (; i > 0 && h[(i - 1) / 2].distance_m < v.distance_m; i = (i - 1) / 2)
        h[i] = h[(i - 1) / 2];
    h[i] = v;
}

static void near_offer(struct near_walk *w, size_t index, double h)
{
    struct geo_near v = {.index = (uint32_t)index, .distance_m = h};
    if (w->keep && !w->keep(w->ctx, v.index))
        return;
    if (w->n < w->want)
        heap_up(w->best, w->n++, v);
    else
        heap_down(w->best, w->n, v);
    if (w->n == w->want && w->best[0].distance_m < w->worst)
        w->worst = w->best[0].distance_m;
}

static void near_points(struct near_walk *w, size_t from)
{
    double h[FAN];
    size_t n = w->ix->n - from < FAN ? w->ix->n - from : FAN;
    if (n == FAN)
        haversines(&w->q, w->ix->lat_e7 + from, w->ix->lon_e7 + from, h);
    else
        for (size_t i = 0; i < n; i++)
            h[i] = haversine(&w->q, w->ix->lat_e7[from + i], w->ix->lon_e7[from + i]);
    for (size_t i = 0; i < n; i++)
        if (h[i] <= w->worst && (w->n < w->want || h[i] < w->best[0].distance_m))
            near_offer(w, from + i, h[i]);
}

/* Those children that can still matter, nearest first. */
static size_t near_order(const float bound[FAN], double worst, uint8_t order[FAN])
{
    size_t n = 0;
    for (uint8_t k = 0; k < FAN; k++) {
        if (bound[k] > worst)
            continue;
        size_t i = n++;
        for (; i > 0 && bound[order[i - 1]] > bound[k]; i--)
            order[i] = order[i - 1];
        order[i] = k;
    }
    return n;
}

static void near_block(struct near_walk *w, int level, size_t i)
{
    float bound[FAN];
    uint8_t order[FAN];
    block_bounds(&w->ix->blocks[w->ix->level_at[level - 1] + i], &w->q, bound);
    size_t n = near_order(bound, w->worst, order);
    for (size_t k = 0; k < n && bound[order[k]] <= w->worst; k++) {
        size_t child = i * FAN + order[k];
        if (child << 4 * level >= w->ix->n)
            continue; /* X2 */
        if (level == 1)
            near_points(w, child * FAN);
        else
            near_block(w, level - 1, child);
    }
}

static int by_distance(const void *pa, const void *pb)
{
    const struct geo_near *a = pa, *b = pb;
    if (a->distance_m != b->distance_m)
        return a->distance_m < b->distance_m ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* Haversine of a distance; a little more, so that rounding never loses the edge. */
static double haversine_of_m(double m)
{
    double half = m / (2 * EARTH_RADIUS_M);
    if (!(half < PI / 2))
        return INFINITY;
    return sin(half) * sin(half) * (1 + 1e-9);
}

size_t geo_index_near(const struct geo_index *ix, struct geo_point p, size_t n, double max_m, geo_keep_fn keep,
                      void *ctx, struct geo_near *out)
{
    ENSURE(n <= GEO_NEAR_MAX);
    if (n == 0 || ix->levels == 0 || !(max_m >= 0))
        return 0;
    struct near_walk w = {.ix = ix,
                          .q = probe_of(p),
                          .best = out,
                          .want = n,
                          .worst = haversine_of_m(max_m),
                          .keep = keep,
                          .ctx = ctx};
    near_block(&w, ix->levels, 0);
    for (size_t i = 0; i < w.n; i++)
        out[i].distance_m = geo_distance_m(p, geo_index_point(ix, out[i].index));
    qsort(out, w.n, sizeof *out, by_distance);
    while (w.n > 0 && out[w.n - 1].distance_m > max_m)
        w.n--;
    return w.n;
}

/* --- within -------------------------------------------------------------------------------------------------- */

struct within_walk {
    const struct geo_index *ix;
    struct probe q;
    struct geo_point p;
    double radius_m, most;
    geo_each_fn fn;
    void *ctx;
};

static bool within_points(struct within_walk *w, size_t from)
{
    for (size_t i = from; i < from + FAN && i < w->ix->n; i++) {
        if (haversine(&w->q, w->ix->lat_e7[i], w->ix->lon_e7[i]) > w->most)
            continue;
        double d = geo_distance_m(w->p, geo_index_point(w->ix, i));
        if (d <= w->radius_m && !w->fn(w->ctx, (uint32_t)i, d))
            return false;
    }
    return true;
}

static bool within_block(struct within_walk *w, int level, size_t i)
{
    float bound[FAN];
    block_bounds(&w->ix->blocks[w->ix->level_at[level - 1] + i], &w->q, bound);
    for (size_t k = 0; k < FAN; k++) {
        size_t child = i * FAN + k;
        if (bound[k] > w->most || child << 4 * level >= w->ix->n)
            continue;
        if (level == 1 ? !within_points(w, child * FAN) : !within_block(w, level - 1, child))
            return false;
    }
    return true;
}

void geo_index_within(const struct geo_index *ix, struct geo_point p, double radius_m, geo_each_fn fn, void *ctx)
{
    if (ix->levels == 0 || !(radius_m >= 0))
        return;
    struct within_walk w = {.ix = ix,
                            .q = probe_of(p),
                            .p = p,
                            .radius_m = radius_m,
                            .most = haversine_of_m(radius_m),
                            .fn = fn,
                            .ctx = ctx};
    within_block(&w, ix->levels, 0);
}
