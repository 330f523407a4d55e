/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * How many points lie in a box, one core, beside the STRtree of GEOS, which hands out each hit. Boxes around points of
 * the data, two sizes: about 217 and about 3,500 hits in the mean. Every count must agree.
 */
#include "bench_util.h"

#include <geos_c.h>

enum { QUESTIONS = 20000 };

static size_t hits_of[QUESTIONS];

static void count_hit(void *item, void *ctx)
{
    (void)item;
    ++*(size_t *)ctx;
}

static GEOSGeometry *box_geometry(const struct geo_box *b)
{
    return GEOSGeom_createRectangle(b->west_deg, b->south_deg, b->east_deg, b->north_deg);
}

static void notice(const char *fmt, ...)
{
    (void)fmt;
}

static double run_ours(const struct geo_index *ix, const struct geo_box *q, size_t n)
{
    int64_t from = clock_monotonic_us();
    for (size_t i = 0; i < n; i++)
        hits_of[i] = geo_index_count_box(ix, &q[i]);
    return (double)n / ((double)(clock_monotonic_us() - from) / 1e6);
}

/* Only the queries are timed, not the making of their envelopes. */
static double run_geos(GEOSSTRtree *tree, GEOSGeometry *const *q, size_t n, size_t *differ)
{
    int64_t from = clock_monotonic_us();
    for (size_t i = 0; i < n; i++) {
        size_t hits = 0;
        GEOSSTRtree_query(tree, q[i], count_hit, &hits);
        *differ += hits != hits_of[i];
    }
    return (double)n / ((double)(clock_monotonic_us() - from) / 1e6);
}

static GEOSSTRtree *geos_tree(const struct bench_index *b)
{
    GEOSSTRtree *tree = GEOSSTRtree_create(16);
    for (size_t i = 0; i < b->ix.n; i++) {
        struct geo_point p = geo_index_point(&b->ix, i);
        GEOSGeometry *g = GEOSGeom_createPointFromXY(p.lon_deg, p.lat_deg);
        GEOSSTRtree_insert(tree, g, g);
    }
    return tree;
}

static int bench_size(const struct bench_index *b, GEOSSTRtree *tree, double half_deg, size_t n, const char *name)
{
    static struct geo_box q[QUESTIONS];
    static GEOSGeometry *g[QUESTIONS];
    struct prng rng;
    double ours[BENCH_RUNS], peer[BENCH_RUNS], hits = 0;
    size_t differ = 0;
    prng_seed(&rng, 11);
    for (size_t i = 0; i < n; i++) {
        struct geo_point c = geo_index_point(&b->ix, prng_below(&rng, b->ix.n));
        double h = half_deg * (0.25 + 1.5 * prng_unit(&rng));
        q[i] = (struct geo_box){fmax(-180, c.lon_deg - h), fmax(-90, c.lat_deg - h), fmin(180, c.lon_deg + h),
                                fmin(90, c.lat_deg + h)};
        g[i] = box_geometry(&q[i]);
    }
    for (int i = 0; i < BENCH_RUNS; i++) {
        ours[i] = run_ours(&b->ix, q, n);
        peer[i] = run_geos(tree, g, n, &differ);
    }
    for (size_t i = 0; i < n; i++)
        hits += (double)hits_of[i];
    fprintf(stderr, "%s: %.0f hits in the mean\n", name, hits / (double)n);
    if (differ)
        return fprintf(stderr, "bench_box: %zu counts differ\n", differ), 1;
    bench_line(name, "per_s", bench_median(ours, BENCH_RUNS), "GEOS STRtree", bench_median(peer, BENCH_RUNS));
    return 0;
}

/* Boxes round the poles and over the antimeridian, which the peer cannot do, by every point. */
static bool check(const struct geo_index *ix)
{
    static const struct geo_box hard[] = {{170, -90, -150, 90},     {-180, 60, 180, 90},  {100, -90, 99, -60},
                                          {179.9, -20, -179.9, 70}, {-180, -90, 180, 90}, {20, 40, 20.5, 40.5}};
    for (size_t k = 0; k < sizeof hard / sizeof *hard; k++) {
        size_t n = 0;
        for (size_t i = 0; i < ix->n; i++)
            n += geo_box_contains(&hard[k], geo_index_point(ix, i));
        if (geo_index_count_box(ix, &hard[k]) != n)
            return false;
    }
    return true;
}

int main(void)
{
    struct bench_index b;
    size_t n;
    struct bench_point *p = bench_points(&n);
    bench_index_make(p, n, &b);
    if (!check(&b.ix)) {
        fprintf(stderr, "bench_box: a count is not that of looking at every point\n");
        return 1;
    }
    initGEOS(notice, notice);
    GEOSSTRtree *tree = geos_tree(&b);
    return bench_size(&b, tree, 0.045, QUESTIONS, "count_box_small") |
           bench_size(&b, tree, 0.24, 4000, "count_box_large");
}
