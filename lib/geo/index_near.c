/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Nearest and within, on the sphere, by the haversine
 *     h = sin^2(dlat / 2) + cos(lat) cos(lat') sin^2(dlon / 2),    h = sin^2(d / 2).
 * Source: R. W. Sinnott, Virtues of the haversine, Sky and Telescope 68(2), 1984.
 * A node's lower bound takes each factor at its least over the node: the gap in latitude, the gap in longitude the
 * shorter way round, the least cosine. So neither poles nor the antimeridian are special. Points are ranked by h
 * itself, whose differences are exact in 1e-7 degrees. The loops over 16 have no branches, so that compilers make
 * vectors of them (measured: bench_near, four times).
 */
#include "geo/index.h"

#include <math.h>
#include <stdlib.h>

enum { FAN = GEO_INDEX_FAN };
#define PI        3.14159265358979323846
#define E7_RAD    (PI / 180e7)
#define NEARBY_E7 28e7 /* half of it is 0.244 rad */

struct probe {
    double lat_e7, lon_e7, cos_lat, sin_lat;
};

static struct probe probe_of(struct geo_point p)
{
    double la = p.lat_deg * (PI / 180);
    return (struct probe){
        .lat_e7 = p.lat_deg * 1e7, .lon_e7 = p.lon_deg * 1e7, .cos_lat = fmax(0, cos(la)), .sin_lat = sin(la)};
}

/* Sine on [-pi/2, pi/2] by its Taylor series to x^21, whose rest is below 2^-53 there; unlike libm's it runs on whole
 * vectors. The short one, to x^13, does for |x| <= 1/4. */
static inline double sin_short(double x)
{
    double z = x * x;
    double p = 1.0 / 6227020800.0;
    p = p * z - 1.0 / 39916800.0;
    p = p * z + 1.0 / 362880.0;
    p = p * z - 1.0 / 5040.0;
    p = p * z + 1.0 / 120.0;
    p = p * z - 1.0 / 6.0;
    return x + x * z * p;
}

static inline double sin_long(double x)
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

/* The other latitude's cosine comes from the half difference: cos(lat + 2a) with sin(a) known. */
static inline double haversine_of(const struct probe *q, double sin_a, double sin_b)
{
    double aa = sin_a * sin_a;
    double c = q->cos_lat * (1 - 2 * aa) - q->sin_lat * (2 * sin_a * sqrt(1 - aa));
    return aa + q->cos_lat * c * (sin_b * sin_b);
}

static inline double half_lat(const struct probe *q, int32_t lat_e7)
{
    return (lat_e7 - q->lat_e7) * (E7_RAD / 2);
}

static inline double half_lon(const struct probe *q, int32_t lon_e7)
{
    return PI / 2 - fabs(fabs(lon_e7 - q->lon_e7) * (E7_RAD / 2) - PI / 2); /* the shorter way round */
}

static inline double haversine(const struct probe *q, int32_t lat_e7, int32_t lon_e7)
{
    return haversine_of(q, sin_long(half_lat(q, lat_e7)), sin_long(half_lon(q, lon_e7)));
}

static void haversines(const struct probe *q, const int32_t *lat, const int32_t *lon, double out[FAN])
{
    for (size_t i = 0; i < FAN; i++)
        out[i] = haversine(q, lat[i], lon[i]);
}

/* For points whose latitudes and longitudes differ from the probe's by at most NEARBY_E7. */
static void haversines_nearby(const struct probe *q, const int32_t *lat, const int32_t *lon, double out[FAN])
{
    for (size_t i = 0; i < FAN; i++)
        out[i] = haversine_of(q, sin_short(half_lat(q, lat[i])), sin_short((lon[i] - q->lon_e7) * (E7_RAD / 2)));
}

/* At most sin^2(x): the alternating series of sin^2, cut after a negative term. */
static inline float sin2_under(float x)
{
    float z = x * x;
    return z * (1.0F - z * (1.0F / 3.0F - z * (2.0F / 45.0F - z * (1.0F / 315.0F))));
}

/* 0 for what is negative. */
static inline float positive(float v)
{
    return 0.5F * (v + fabsf(v));
}

/* Lower bounds of the haversine to 16 nodes. A float holds 1e-7 degrees to 64; 512 covers all the rounding here (5 m).
 */
static void block_bounds(const struct geo_index_block *b, const struct probe *q, float out[FAN])
{
    const float lat = (float)q->lat_e7, lon = (float)q->lon_e7, c = (float)q->cos_lat * 0.999999F;
    for (size_t k = 0; k < FAN; k++) {
        float s = (float)b->lat_min[k], n = (float)b->lat_max[k], w = (float)b->lon_min[k], e = (float)b->lon_max[k];
        float up = fabsf(lat - 0.5F * (s + n)) - 0.5F * (n - s), to = fabsf(lon - 0.5F * (w + e));
        float half = 0.5F * (e - w);
        float near = positive(to - half), round = 3.6e9F - (to + half); /* the other way, past the far edge */
        float across = 0.5F * (near + round - fabsf(near - round));
        float a = sin2_under(positive(up - 512) * (float)(E7_RAD / 2));
        float o = sin2_under(positive(across - 512) * (float)(E7_RAD / 2));
        out[k] = (positive(a) + c * b->cos_min[k] * positive(o)) * 0.999998F;
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

static bool node_is_nearby(const struct geo_index_block *b, size_t k, const struct probe *q)
{
    double most = fmax(fmax(fabs(b->lat_min[k] - q->lat_e7), fabs(b->lat_max[k] - q->lat_e7)),
                       fmax(fabs(b->lon_min[k] - q->lon_e7), fabs(b->lon_max[k] - q->lon_e7)));
    return most <= NEARBY_E7;
}

/* The leaf of node k. All 16 lanes are worked even when it is not full; what lies behind it is not looked at. */
static void near_points(struct near_walk *w, const struct geo_index_block *b, size_t k)
{
    double h[FAN];
    const struct geo_index *ix = w->ix;
    size_t from = b->from[k], n = b->from[k + 1] - from;
    if (ix->n - from < FAN)
        for (size_t i = 0; i < n; i++)
            h[i] = haversine(&w->q, ix->lat_e7[from + i], ix->lon_e7[from + i]);
    else if (node_is_nearby(b, k, &w->q))
        haversines_nearby(&w->q, ix->lat_e7 + from, ix->lon_e7 + from, h);
    else
        haversines(&w->q, ix->lat_e7 + from, ix->lon_e7 + from, h);
    for (size_t i = 0; i < n; i++)
        if (h[i] <= w->worst && (w->n < w->want || h[i] < w->best[0].distance_m))
            near_offer(w, from + i, h[i]);
}

static size_t least_of(const float v[FAN])
{
    size_t best = 0;
    for (size_t k = 1; k < FAN; k++)
        best = v[k] < v[best] ? k : best;
    return best;
}

/* Children by rising bound until none can matter: few are ever asked for, so they are picked, not sorted. */
static void near_block(struct near_walk *w, const struct geo_index_block *b)
{
    float bound[FAN];
    block_bounds(b, &w->q, bound);
    for (size_t k = b->n; k < FAN; k++)
        bound[k] = INFINITY;
    for (size_t left = b->n; left > 0; left--) {
        size_t k = least_of(bound);
        if (!(bound[k] <= w->worst))
            break;
        bound[k] = INFINITY;
        if (b->level == 1)
            near_points(w, b, k);
        else
            near_block(w, &w->ix->blocks[b->child_at + k]);
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
    if (n == 0 || ix->n == 0 || !(max_m >= 0))
        return 0;
    struct near_walk w = {
        .ix = ix, .q = probe_of(p), .best = out, .want = n, .worst = haversine_of_m(max_m), .keep = keep, .ctx = ctx};
    near_block(&w, &ix->blocks[ix->blocks_n - 1]);
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

static bool within_points(struct within_walk *w, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (haversine(&w->q, w->ix->lat_e7[i], w->ix->lon_e7[i]) > w->most)
            continue;
        double d = geo_distance_m(w->p, geo_index_point(w->ix, i));
        if (d <= w->radius_m && !w->fn(w->ctx, (uint32_t)i, d))
            return false;
    }
    return true;
}

static bool within_block(struct within_walk *w, const struct geo_index_block *b)
{
    float bound[FAN];
    block_bounds(b, &w->q, bound);
    for (size_t k = 0; k < b->n; k++) {
        if (bound[k] > w->most)
            continue;
        if (b->level == 1 ? !within_points(w, b->from[k], b->from[k + 1])
                          : !within_block(w, &w->ix->blocks[b->child_at + k]))
            return false;
    }
    return true;
}

void geo_index_within(const struct geo_index *ix, struct geo_point p, double radius_m, geo_each_fn fn, void *ctx)
{
    if (ix->n == 0 || !(radius_m >= 0))
        return;
    struct within_walk w = {.ix = ix,
                            .q = probe_of(p),
                            .p = p,
                            .radius_m = radius_m,
                            .most = haversine_of_m(radius_m),
                            .fn = fn,
                            .ctx = ctx};
    within_block(&w, &ix->blocks[ix->blocks_n - 1]);
}
