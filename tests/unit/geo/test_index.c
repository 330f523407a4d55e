/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The packed point index against brute force: random, clustered, stacked points, poles and the antimeridian.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "geo/index_shape.h"
#include "geo/polygon.h"

enum { MOST = 3000, QUESTIONS = 60 };

static struct prng rng;

struct cloud {
    int32_t lat[MOST], lon[MOST];
    struct geo_index_block *blocks;
    size_t blocks_n;
    struct geo_index ix;
};

static int seed_rng(void **state)
{
    (void)state;
    const char *given = getenv("FANE_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)clock_monotonic_us();
    printf("seed %llu (FANE_SEED replays)\n", (unsigned long long)seed);
    prng_seed(&rng, seed);
    return 0;
}

static double between(double lo, double hi)
{
    return lo + prng_unit(&rng) * (hi - lo);
}

/* Kinds of places where an index breaks; several of each in one cloud. */
static struct geo_point any_point(void)
{
    switch (prng_below(&rng, 8)) {
    case 0:
        return (struct geo_point){between(89.9, 90), between(-180, 180)};
    case 1:
        return (struct geo_point){between(-90, -89.9), between(-180, 180)};
    case 2:
        return (struct geo_point){between(-18, -16), between(179.9, 180)};
    case 3:
        return (struct geo_point){between(-18, -16), between(-180, -179.9)};
    case 4:
        return (struct geo_point){31.7767, 35.2345}; /* a stack */
    case 5:
        return (struct geo_point){between(48, 49), between(2, 3)};
    case 6:
        return (struct geo_point){prng_below(&rng, 2) ? 90 : -90, between(-180, 180)};
    default:
        return (struct geo_point){between(-90, 90), between(-180, 180)};
    }
}

struct placed {
    uint64_t cell;
    int32_t lat, lon;
};

static int by_cell(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    return (x->cell > y->cell) - (x->cell < y->cell);
}

static struct cloud *cloud_new(size_t n)
{
    static struct placed p[MOST];
    static uint64_t cells[MOST];
    struct cloud *c = mem_alloc(sizeof *c);
    for (size_t i = 0; i < n; i++) {
        struct geo_point g = any_point();
        p[i] = (struct placed){geo_cell_of(g), geo_e7(g.lat_deg), geo_e7(g.lon_deg)};
    }
    if (prng_below(&rng, 4)) /* or in no order: slower, never wrong */
        qsort(p, n, sizeof *p, by_cell);
    for (size_t i = 0; i < n; i++) {
        cells[i] = p[i].cell;
        c->lat[i] = p[i].lat;
        c->lon[i] = p[i].lon;
    }
    c->blocks = geo_index_build(cells, c->lat, c->lon, n, 2, &c->blocks_n);
    assert_true(geo_index_init(&c->ix, c->lat, c->lon, n, c->blocks, c->blocks_n));
    return c;
}

static void cloud_free(struct cloud *c)
{
    free(c->blocks);
    free(c);
}

static size_t any_size(void)
{
    static const size_t edges[] = {0, 1, 2, 15, 16, 17, 255, 256, 257, 2000};
    return prng_below(&rng, 2) ? edges[prng_below(&rng, 10)] : 1 + prng_below(&rng, MOST);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool keep_odd(void *ctx, uint32_t i)
{
    (void)ctx;
    return i % 2;
}

static void check_near(const struct cloud *c, struct geo_point p)
{
    static struct geo_near got[GEO_NEAR_MAX];
    static double all[MOST];
    size_t want = 1 + prng_below(&rng, prng_below(&rng, 4) ? 20 : GEO_NEAR_MAX), n = 0;
    double max_m = prng_below(&rng, 2) ? INFINITY : pow(10, between(0, 7.5));
    geo_keep_fn keep = prng_below(&rng, 3) ? NULL : keep_odd;
    for (size_t i = 0; i < c->ix.n; i++) {
        double d = geo_distance_m(p, geo_index_point(&c->ix, i));
        if (d <= max_m && (!keep || i % 2))
            all[n++] = d;
    }
    qsort(all, n, sizeof *all, by_value);
    size_t k = geo_index_near(&c->ix, p, want, max_m, keep, NULL, got);
    assert_int_equal(k, want < n ? want : n);
    for (size_t i = 0; i < k; i++) {
        assert_true(got[i].index < c->ix.n && (!keep || got[i].index % 2));
        assert_true(fabs(got[i].distance_m - all[i]) <= 1e-6);
        assert_true(got[i].distance_m == geo_distance_m(p, geo_index_point(&c->ix, got[i].index)));
        for (size_t j = 0; i < 30 && j < i; j++)
            assert_true(got[j].index != got[i].index);
    }
}

static void nearest_equals_brute_force(void **state)
{
    (void)state;
    for (int round = 0; round < 60; round++) {
        struct cloud *c = cloud_new(any_size());
        for (int i = 0; i < QUESTIONS; i++)
            check_near(c, any_point());
        cloud_free(c);
    }
}

struct seen {
    size_t n, stop;
    int64_t last;
    bool hit[MOST];
};

static bool see(void *ctx, uint32_t index, double distance_m)
{
    (void)distance_m;
    struct seen *s = ctx;
    assert_true(index < MOST && !s->hit[index]);
    s->hit[index] = true;
    s->n++;
    return s->n != s->stop;
}

static void within_equals_brute_force(void **state)
{
    (void)state;
    static struct seen s;
    for (int round = 0; round < 60; round++) {
        struct cloud *c = cloud_new(any_size());
        for (int i = 0; i < QUESTIONS; i++) {
            struct geo_point p = any_point();
            double r = pow(10, between(-1, 7.4));
            memset(&s, 0, sizeof s);
            geo_index_within(&c->ix, p, r, see, &s);
            for (size_t k = 0; k < c->ix.n; k++)
                assert_int_equal(s.hit[k], geo_distance_m(p, geo_index_point(&c->ix, k)) <= r);
        }
        cloud_free(c);
    }
}

static struct geo_box any_box(const struct cloud *c)
{
    struct geo_point a = any_point(), b = any_point();
    if (c->ix.n && prng_below(&rng, 2)) /* an edge on a point: it counts */
        a = geo_index_point(&c->ix, prng_below(&rng, c->ix.n));
    struct geo_box box = {.west_deg = a.lon_deg,
                          .south_deg = fmin(a.lat_deg, b.lat_deg),
                          .east_deg = b.lon_deg,
                          .north_deg = fmax(a.lat_deg, b.lat_deg)};
    if (prng_below(&rng, 8) == 0)
        box = (struct geo_box){-180, -90, 180, 90};
    return box;
}

static void boxes_equal_brute_force(void **state)
{
    (void)state;
    static struct seen s;
    for (int round = 0; round < 60; round++) {
        struct cloud *c = cloud_new(any_size());
        for (int i = 0; i < QUESTIONS; i++) {
            struct geo_box b = any_box(c);
            size_t want = 0;
            memset(&s, 0, sizeof s);
            geo_index_each_box(&c->ix, &b, see, &s);
            for (size_t k = 0; k < c->ix.n; k++) {
                bool in = geo_box_contains(&b, geo_index_point(&c->ix, k));
                want += in;
                assert_int_equal(s.hit[k], in);
            }
            assert_int_equal(geo_index_count_box(&c->ix, &b), want);
        }
        cloud_free(c);
    }
}

/* Stars with holes, bands along the antimeridian and round the poles, slivers, corners on points. */
static size_t any_ring(const struct cloud *c, struct geo_point *at, size_t points)
{
    struct geo_point centre = any_point();
    double reach = pow(10, between(-4, 2));
    for (size_t i = 0; i < points; i++) {
        double r = reach * between(0.2, 1), angle = 6.283185307179586 * (double)i / (double)points;
        at[i] = (struct geo_point){fmax(-90, fmin(90, centre.lat_deg + r * sin(angle))),
                                   fmax(-180, fmin(180, centre.lon_deg + 2 * r * cos(angle)))};
        if (prng_below(&rng, 10) == 0)
            at[i] = geo_index_point(&c->ix, prng_below(&rng, c->ix.n));
    }
    at[points] = at[0];
    return points + 1;
}

struct in_shape {
    const struct cloud *c;
    const struct geo_shape *s;
    size_t at, n;
};

/* Every point between the last one given and this one must be outside. */
static bool check_inside(void *ctx, uint32_t index, double distance_m)
{
    struct in_shape *q = ctx;
    (void)distance_m;
    for (; q->at < index; q->at++)
        assert_false(geo_shape_holds(q->s, geo_index_point(&q->c->ix, q->at)));
    assert_true(geo_shape_holds(q->s, geo_index_point(&q->c->ix, q->at++)));
    q->n++;
    return true;
}

static void shapes_equal_brute_force(void **state)
{
    (void)state;
    static struct geo_point at[8][64];
    for (int turn = 0; turn < 12; turn++) {
        struct cloud *c = cloud_new(turn < 3 ? (size_t)turn + 1 : 1 + prng_below(&rng, MOST));
        for (int i = 0; i < QUESTIONS; i++) {
            struct geo_ring rings[8];
            struct geo_shape s = {.rings = rings, .rings_n = prng_below(&rng, 8)};
            for (size_t k = 0; k < s.rings_n; k++)
                rings[k] = (struct geo_ring){at[k], any_ring(c, at[k], 3 + prng_below(&rng, 60))};
            struct in_shape q = {.c = c, .s = &s};
            geo_index_each_in_shape(&c->ix, &s, check_inside, &q);
            for (; q.at < c->ix.n; q.at++)
                assert_false(geo_shape_holds(&s, geo_index_point(&c->ix, q.at)));
            assert_int_equal(geo_index_count_in_shape(&c->ix, &s), q.n);
        }
        cloud_free(c);
    }
}

static void a_visitor_may_stop(void **state)
{
    (void)state;
    static struct seen s;
    struct cloud *c = cloud_new(2000);
    struct geo_box world = {-180, -90, 180, 90};
    s = (struct seen){.stop = 5};
    geo_index_each_box(&c->ix, &world, see, &s);
    assert_int_equal(s.n, 5);
    s = (struct seen){.stop = 7};
    geo_index_within(&c->ix, (struct geo_point){0, 0}, 3e7, see, &s);
    assert_int_equal(s.n, 7);
    cloud_free(c);
}

/* X2: whatever the blocks hold, they are refused or do no harm (ASan) and every walk ends. */
static void damaged_blocks_do_no_harm(void **state)
{
    (void)state;
    static struct seen s;
    static struct geo_near got[10];
    struct cloud *c = cloud_new(2000);
    size_t bytes = c->blocks_n * sizeof *c->blocks, refused = 0;
    unsigned char *raw = (unsigned char *)c->blocks;
    for (int i = 0; i < 4000; i++) {
        size_t at = prng_below(&rng, bytes);
        unsigned char was = raw[at];
        raw[at] ^= (unsigned char)(1 + prng_below(&rng, 255));
        struct geo_box b = any_box(c);
        if (!geo_index_init(&c->ix, c->lat, c->lon, 2000, c->blocks, c->blocks_n)) {
            refused++;
            raw[at] = was;
            continue;
        }
        geo_index_near(&c->ix, any_point(), 10, INFINITY, NULL, NULL, got);
        assert_true(geo_index_count_box(&c->ix, &b) <= 4000);
        memset(&s, 0, sizeof s);
        geo_index_within(&c->ix, any_point(), 1e6, see, &s);
    }
    assert_true(refused > 100);
    assert_false(geo_index_init(&c->ix, c->lat, c->lon, 1999, c->blocks, c->blocks_n));
    assert_false(geo_index_init(&c->ix, c->lat, c->lon, 2000, c->blocks, c->blocks_n - 1));
    assert_false(geo_index_init(&c->ix, c->lat, c->lon, 2000, c->blocks, 0));
    assert_false(geo_index_init(&c->ix, c->lat, c->lon, 0, c->blocks, c->blocks_n));
    cloud_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_equals_brute_force), cmocka_unit_test(within_equals_brute_force),
        cmocka_unit_test(boxes_equal_brute_force),    cmocka_unit_test(shapes_equal_brute_force),
        cmocka_unit_test(a_visitor_may_stop),         cmocka_unit_test(damaged_blocks_do_no_harm),
    };
    return cmocka_run_group_tests(tests, seed_rng, NULL);
}
