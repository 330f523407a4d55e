/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Areas: holes and islands by nesting, repair, size, the antimeridian, and above all the point: inside by GEOS's own
 * judgement for every shape, handmade and random. WKB: what is written is read again; damage is refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <geos_c.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "geo/polygon.h"

static GEOSContextHandle_t geos;
static struct geo_geos *gg;

static struct geo_ring ring(const struct geo_point *at, size_t n)
{
    return (struct geo_ring){at, n};
}
#define RING(...)                                                                                                      \
    ring((struct geo_point[]){__VA_ARGS__}, sizeof((struct geo_point[]){__VA_ARGS__}) / sizeof(struct geo_point))

/* What GEOS says of the result; its area in square degrees. */
static double check(const struct geo_area *a)
{
    GEOSWKBReader *reader = GEOSWKBReader_create_r(geos);
    GEOSGeometry *g = GEOSWKBReader_read_r(geos, reader, (const unsigned char *)a->wkb.p, a->wkb.n);
    assert_non_null(g);
    assert_int_equal(GEOSisValid_r(geos, g), 1);
    GEOSGeometry *p = GEOSGeom_createPointFromXY_r(geos, a->inside.lon_deg, a->inside.lat_deg);
    assert_int_equal(GEOSContains_r(geos, g, p), 1);
    double area = 0;
    GEOSArea_r(geos, g, &area);
    assert_true(geo_shape_points(&a->shape) <= GEO_FOOTPRINT_POINTS_MAX);
    GEOSGeom_destroy_r(geos, p);
    GEOSGeom_destroy_r(geos, g);
    GEOSWKBReader_destroy_r(geos, reader);
    return area;
}

static struct geo_area make(const struct geo_ring *r, size_t n, struct arena *mem)
{
    struct geo_area a;
    struct err err;
    if (geo_area_make(gg, r, n, mem, &a, &err) != RC_OK)
        fail_msg("%s", err.text);
    return a;
}

static void refused(const struct geo_ring *r, size_t n)
{
    struct arena mem;
    struct geo_area a;
    struct err err;
    arena_init(&mem);
    assert_int_equal(geo_area_make(gg, r, n, &mem, &a, &err), RC_INVALID);
    arena_fini(&mem);
}

static void square_and_its_centroid(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem);
    struct geo_ring r = RING({10, 20}, {10, 20.001}, {10.001, 20.001}, {10.001, 20}, {10, 20});
    struct geo_area a = make(&r, 1, &mem);
    assert_true(a.is_centroid && !a.is_repaired && !a.is_simplified);
    assert_true(fabs(a.inside.lat_deg - 10.0005) < 1e-9 && fabs(a.inside.lon_deg - 20.0005) < 1e-9);
    assert_true(fabs(check(&a) - 1e-6) < 1e-12);
    arena_fini(&mem);
}

static void u_shape(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem);
    struct geo_ring r = RING({0, 0}, {0, 3}, {3, 3}, {3, 2.9}, {0.1, 2.9}, {0.1, 0.1}, {3, 0.1}, {3, 0}, {0, 0});
    struct geo_area a = make(&r, 1, &mem);
    assert_false(a.is_centroid);
    check(&a);
    arena_fini(&mem);
}

static void ring_with_hole(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem);
    struct geo_ring r[] = {RING({1, 1}, {1, 3}, {3, 3}, {3, 1}, {1, 1}), RING({0, 0}, {0, 4}, {4, 4}, {4, 0}, {0, 0})};
    struct geo_area a = make(r, 2, &mem);
    assert_false(a.is_centroid); /* it lies in the hole */
    assert_int_equal(a.shape.polygons_n, 1);
    assert_int_equal(a.shape.polygons[0].n, 2);
    assert_true(fabs(check(&a) - 12) < 1e-9);
    arena_fini(&mem);
}

static void islands_in_holes_and_several_outers(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem);
    struct geo_ring r[] = {RING({0, 0}, {0, 10}, {10, 10}, {10, 0}, {0, 0}),
                           RING({1, 1}, {9, 1}, {9, 9}, {1, 9}, {1, 1}), RING({2, 2}, {2, 8}, {8, 8}, {8, 2}, {2, 2}),
                           RING({3, 3}, {7, 3}, {7, 7}, {3, 7}, {3, 3}),
                           RING({0, 20}, {0, 21}, {1, 21}, {1, 20}, {0, 20})};
    struct geo_area a = make(r, 5, &mem);
    assert_int_equal(a.shape.polygons_n, 3);
    assert_true(fabs(check(&a) - (100 - 64 + 36 - 16 + 1)) < 1e-9);
    arena_fini(&mem);
}

static void touching_and_sharing_outers(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem);
    struct geo_ring corner[] = {RING({0, 0}, {0, 1}, {1, 1}, {1, 0}, {0, 0}),
                                RING({1, 1}, {1, 2}, {2, 2}, {2, 1}, {1, 1})};
    struct geo_area a = make(corner, 2, &mem);
    assert_true(fabs(check(&a) - 2) < 1e-9);
    assert_false(a.is_repaired);
    struct geo_ring edge[] = {RING({0, 0}, {0, 1}, {1, 1}, {1, 0}, {0, 0}),
                              RING({0, 1}, {0, 2}, {1, 2}, {1, 1}, {0, 1})};
    a = make(edge, 2, &mem);
    assert_true(fabs(check(&a) - 2) < 1e-9);
    arena_fini(&mem);
}

static void crossing_itself(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem);
    struct geo_ring bow = RING({0, 0}, {2, 2}, {2, 0}, {0, 2}, {0, 0});
    struct geo_area a = make(&bow, 1, &mem);
    assert_true(a.is_repaired);
    assert_int_equal(a.shape.polygons_n, 2);
    assert_true(fabs(check(&a) - 2) < 1e-9);
    struct geo_ring spike = RING({0, 0}, {0, 2}, {0, 4}, {0, 2}, {2, 2}, {2, 0}, {0, 0});
    a = make(&spike, 1, &mem);
    assert_true(fabs(check(&a) - 4) < 1e-9);
    arena_fini(&mem);
}

static void no_area(void **state)
{
    (void)state;
    struct geo_ring line = RING({0, 0}, {1, 1}, {0, 0});
    struct geo_ring flat = RING({0, 0}, {1, 1}, {2, 2}, {0, 0});
    struct geo_ring point = RING({1, 1}, {1, 1}, {1, 1}, {1, 1});
    struct geo_ring none = {NULL, 0};
    refused(&line, 1);
    refused(&flat, 1);
    refused(&point, 1);
    refused(&none, 1);
    refused(NULL, 0);
}

static void over_the_antimeridian(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem);
    struct geo_ring r = RING({-17, 179.9}, {-17, -179.9}, {-16.9, -179.9}, {-16.9, 179.9}, {-17, 179.9});
    struct geo_area a = make(&r, 1, &mem);
    assert_int_equal(a.shape.polygons_n, 2);
    assert_true(fabs(check(&a) - 0.02) < 1e-9);
    for (size_t i = 0; i < a.shape.rings_n; i++)
        for (size_t k = 0; k < a.shape.rings[i].n; k++)
            assert_true(fabs(a.shape.rings[i].at[k].lon_deg) >= 179.9 - 1e-9 &&
                        fabs(a.shape.rings[i].at[k].lon_deg) <= 180);
    struct geo_ring two[] = {RING({1, 179.5}, {1, 180}, {2, 180}, {2, 179.5}, {1, 179.5}),
                             RING({1, -180}, {1, -179.5}, {2, -179.5}, {2, -180}, {1, -180})};
    a = make(two, 2, &mem);
    assert_true(fabs(check(&a) - 1) < 1e-9);
    arena_fini(&mem);
}

static void too_many_points(void **state)
{
    enum { N = 30000 };
    struct arena mem;
    (void)state;
    arena_init(&mem);
    struct geo_point *at = ARENA_NEW_N(&mem, struct geo_point, N + 1);
    for (int i = 0; i < N; i++) {
        double t = 2 * acos(-1) * i / N, d = 0.02 + 0.004 * cos(40 * t) + 1e-6 * cos(5000 * t);
        at[i] = (struct geo_point){50 + d * sin(t), 8 + d * cos(t)};
    }
    at[N] = at[0];
    struct geo_ring r = {at, N + 1};
    struct geo_area a = make(&r, 1, &mem);
    assert_true(a.is_simplified);
    assert_true(fabs(check(&a) / fabs(geo_ring_area(&r)) - 1) < 0.01);
    arena_fini(&mem);
}

/* Every edge crosses nearly every other: repairing it would cost memory for each crossing. */
static void hostile_star(void **state)
{
    enum { N = 1999 };
    struct geo_point at[N + 1];
    (void)state;
    for (int i = 0; i < N; i++) {
        double t = 2 * acos(-1) * ((i * 999) % N) / N;
        at[i] = (struct geo_point){sin(t), cos(t)};
    }
    at[N] = at[0];
    struct geo_ring r = {at, N + 1};
    refused(&r, 1);
}

/* Random rings, most of them crossing themselves, in sets of one to four. */
static void random_rings(void **state)
{
    enum { ROUNDS = 1500, POINTS = 24 };
    struct prng rng;
    size_t made = 0, repaired = 0, not_centroid = 0;
    (void)state;
    prng_seed(&rng, 99);
    printf("seed 99\n");
    for (int round = 0; round < ROUNDS; round++) {
        struct arena mem;
        struct geo_ring r[4];
        struct geo_area a;
        struct err err;
        arena_init(&mem);
        size_t n = 1 + (size_t)prng_below(&rng, 4);
        double scale = round % 2 ? 1e-4 : 1, lon = round % 5 == 0 ? 180 : 20;
        for (size_t i = 0; i < n; i++) {
            size_t k = 3 + (size_t)prng_below(&rng, POINTS - 3);
            struct geo_point *at = ARENA_NEW_N(&mem, struct geo_point, k + 1);
            bool star = prng_below(&rng, 2); /* around a centre: does not cross itself */
            for (size_t j = 0; j < k; j++) {
                double t = 2 * acos(-1) * ((double)j + 0.5 * prng_unit(&rng)) / (double)k, d = 0.05 + prng_unit(&rng);
                double y = star ? d * sin(t) : prng_unit(&rng), x = star ? d * cos(t) : prng_unit(&rng);
                at[j] = (struct geo_point){y * scale, lon + x * scale};
                at[j].lon_deg -= at[j].lon_deg > 180 ? 360 : 0;
            }
            at[k] = at[0];
            r[i] = (struct geo_ring){at, k + 1};
        }
        if (geo_area_make(gg, r, n, &mem, &a, &err) == RC_OK) {
            made++;
            repaired += a.is_repaired;
            not_centroid += !a.is_centroid;
            check(&a);
        }
        arena_fini(&mem);
    }
    printf("%zu made, %zu repaired, %zu not by centroid\n", made, repaired, not_centroid);
    assert_true(made > ROUNDS * 9 / 10 && repaired > 100 && not_centroid > 50);
}

static void wkb_there_and_back(void **state)
{
    struct arena mem;
    struct geo_shape s;
    struct err err;
    (void)state;
    arena_init(&mem);
    struct geo_ring r[] = {RING({0, 0}, {4, 0}, {4, 4}, {0, 4}, {0, 0}), RING({1, 1}, {1, 3}, {3, 3}, {3, 1}, {1, 1}),
                           RING({0, 20}, {0, 21}, {1, 21}, {1, 20}, {0, 20})};
    struct geo_area a = make(r, 3, &mem);
    assert_int_equal(geo_wkb_read(a.wkb, &mem, &s, &err), RC_OK);
    assert_int_equal(s.polygons_n, 2);
    assert_int_equal(s.rings_n, 3);
    struct str again = geo_wkb_write(&s, &mem);
    assert_true(str_is_equal(again, a.wkb));
    assert_true(geo_ring_area(&s.rings[0]) > 0); /* outer rings counterclockwise, holes clockwise */
    assert_true(geo_ring_area(&s.rings[1]) < 0);
    for (size_t cut = 0; cut < a.wkb.n; cut++)
        assert_int_equal(geo_wkb_read(str_slice(a.wkb, 0, cut), &mem, &s, &err), RC_DAMAGED);
    assert_int_equal(geo_wkb_read(str_printf(&mem, STR_FMT "x", STR_ARG(STR(""))), &mem, &s, &err), RC_DAMAGED);
    char *bytes = arena_copy(&mem, a.wkb.p, a.wkb.n);
    bytes[1] = 1; /* a point */
    assert_int_equal(geo_wkb_read((struct str){bytes, a.wkb.n}, &mem, &s, &err), RC_UNSUPPORTED);
    assert_int_equal(geo_wkb_read(STR("\1\3\0\0\0\377\377\377\377"), &mem, &s, &err), RC_TOO_LARGE);
    assert_int_equal(geo_wkb_read(STR("\1\3\0\0\0\1\0\0\0\377\377\377\177"), &mem, &s, &err), RC_DAMAGED);
    arena_fini(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(square_and_its_centroid),
        cmocka_unit_test(u_shape),
        cmocka_unit_test(ring_with_hole),
        cmocka_unit_test(islands_in_holes_and_several_outers),
        cmocka_unit_test(touching_and_sharing_outers),
        cmocka_unit_test(crossing_itself),
        cmocka_unit_test(no_area),
        cmocka_unit_test(over_the_antimeridian),
        cmocka_unit_test(too_many_points),
        cmocka_unit_test(hostile_star),
        cmocka_unit_test(random_rings),
        cmocka_unit_test(wkb_there_and_back),
    };
    geos = GEOS_init_r();
    gg = geo_geos_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    geo_geos_free(gg);
    GEOS_finish_r(geos);
    return failed;
}
