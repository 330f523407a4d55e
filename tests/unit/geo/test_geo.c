/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * geo.c against tests/vectors/geo_*.csv and against definitions on random points.
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
#include "geo/geo.h"

enum { ROUNDS = 20000 };

static struct prng rng;

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

/* Uniform on the map; now and then exactly on an edge, as that is where bounds break. */
static struct geo_point any_point(void)
{
    static const double lons[] = {-180, 180, 0, 90}, lats[] = {-90, 90, 0, MERCATOR_MAX_LAT_DEG, -MERCATOR_MAX_LAT_DEG};
    struct geo_point p = {.lat_deg = between(-90, 90), .lon_deg = between(-180, 180)};
    if (prng_below(&rng, 16) == 0)
        p.lon_deg = lons[prng_below(&rng, 4)];
    if (prng_below(&rng, 16) == 0)
        p.lat_deg = lats[prng_below(&rng, 5)];
    return p;
}

/* Calls fn with the first four numbers of each row and the fifth field. */
static void each_vector(const char *name, void (*fn)(const double v[5], const char *source))
{
    char path[1024], line[512];
    snprintf(path, sizeof path, "%s/tests/vectors/%s", getenv("FANE_SOURCE") ? getenv("FANE_SOURCE") : ".", name);
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("cannot read %s: run it through `meson test`, or set FANE_SOURCE", path);
    int rows = 0;
    while (fgets(line, sizeof line, f)) {
        double v[5] = {0};
        int at = 0;
        int got = sscanf(line, "%lf,%lf,%lf,%lf,%n%lf", &v[0], &v[1], &v[2], &v[3], &at, &v[4]);
        if (got < 4)
            continue;
        fn(v, line + at);
        rows++;
    }
    fclose(f);
    assert_true(rows >= 10);
}

static void check_distance(const double v[5], const char *source)
{
    struct geo_point a = {v[0], v[1]}, b = {v[2], v[3]};
    double got = geo_distance_m(a, b);
    if (!(fabs(got - v[4]) <= 1e-6 + 1e-12 * v[4]))
        fail_msg("%.9g,%.9g to %.9g,%.9g: %.9f m, expected %.9f (%s)", v[0], v[1], v[2], v[3], got, v[4], source);
    assert_true(fabs(geo_distance_m(b, a) - got) <= 1e-6);
}

static void distances_equal_the_vectors(void **state)
{
    (void)state;
    each_vector("geo_distance.csv", check_distance);
}

static void check_mercator(const double v[5], const char *source)
{
    struct geo_merc m = geo_merc_of((struct geo_point){v[0], v[1]});
    double slack = strstr(source, "centimetre") ? 1 : 0;
    if (fabs(m.x - v[2]) > slack || fabs(m.y - v[3]) > slack)
        fail_msg("%.9g,%.9g: pixel %u,%u, expected %.0f,%.0f (%s)", v[0], v[1], m.x, m.y, v[2], v[3], source);
}

static void mercator_equals_the_vectors(void **state)
{
    (void)state;
    each_vector("geo_mercator.csv", check_mercator);
}

static void points_outside_the_earth_are_refused(void **state)
{
    (void)state;
    static const double bad[][2] = {{90.1, 0}, {-90.1, 0}, {0, 180.1}, {0, -180.1}, {NAN, 0}, {0, NAN}, {INFINITY, 0}};
    struct geo_point p = {1, 2};
    struct geo_box b;
    struct err err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(geo_point_make(bad[i][0], bad[i][1], &p, &err), RC_INVALID);
    assert_true(p.lat_deg == 1 && p.lon_deg == 2);
    assert_int_equal(geo_point_make(90, -180, &p, &err), RC_OK);
    assert_int_equal(geo_box_make(-10, 5, 10, 4, &b, &err), RC_INVALID);
    assert_int_equal(geo_box_make(-10, NAN, 10, 4, &b, &err), RC_INVALID);
    assert_int_equal(geo_box_make(170, -5, -170, 4, &b, &err), RC_OK);
    assert_true(geo_box_contains(&b, (struct geo_point){0, 180}) && geo_box_contains(&b, (struct geo_point){0, -170}));
    assert_false(geo_box_contains(&b, (struct geo_point){0, 0}));
}

static uint64_t slow_cell(struct geo_merc m)
{
    uint64_t c = 0;
    for (int i = 0; i < 31; i++)
        c |= (uint64_t)(m.x >> i & 1) << 2 * i | (uint64_t)(m.y >> i & 1) << (2 * i + 1);
    return c;
}

static void cells_interleave_and_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct geo_merc m = {(uint32_t)(prng_u64(&rng) >> 33), (uint32_t)(prng_u64(&rng) >> 33)};
        uint64_t c = geo_cell_from_merc(m);
        assert_true(c == slow_cell(m) && c < UINT64_C(1) << 62);
        struct geo_merc back = geo_cell_merc(c);
        assert_true(back.x == m.x && back.y == m.y);
        struct geo_merc again = geo_merc_of(geo_merc_point(m));
        assert_true(again.x == m.x && again.y == m.y);
    }
}

static void a_tile_is_one_range(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct geo_merc m = geo_merc_of(any_point());
        int z = (int)prng_below(&rng, 32);
        uint32_t x = (uint32_t)prng_below(&rng, UINT64_C(1) << z), y = (uint32_t)prng_below(&rng, UINT64_C(1) << z);
        if (i % 2) { /* mostly the tile of the point or its neighbour */
            x = m.x >> (31 - z);
            y = m.y >> (31 - z);
            x ^= (uint32_t)prng_below(&rng, 2) & ((UINT32_C(1) << z) - 1);
        }
        uint64_t first, last, c = geo_cell_from_merc(m);
        geo_tile_range(z, x, y, &first, &last);
        bool inside = m.x >> (31 - z) == x && m.y >> (31 - z) == y;
        assert_int_equal(c >= first && c <= last, inside);
    }
    uint64_t first, last;
    geo_tile_range(0, 0, 0, &first, &last);
    assert_true(first == 0 && last == (UINT64_C(1) << 62) - 1);
}

static void tile_boxes_hold_their_pixels(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        int z = (int)prng_below(&rng, 20);
        uint32_t x = (uint32_t)prng_below(&rng, UINT64_C(1) << z), y = (uint32_t)prng_below(&rng, UINT64_C(1) << z);
        struct geo_box b = geo_tile_box(z, x, y);
        uint32_t side = UINT32_C(1) << (31 - z);
        struct geo_merc m = {(x << (31 - z)) + (uint32_t)prng_below(&rng, side),
                             (y << (31 - z)) + (uint32_t)prng_below(&rng, side)};
        assert_true(geo_box_contains(&b, geo_merc_point(m)));
    }
    struct geo_box world = geo_tile_box(0, 0, 0);
    assert_true(fabs(world.north_deg - MERCATOR_MAX_LAT_DEG) < 1e-9 && world.west_deg == -180 && world.east_deg == 180);
}

static struct geo_box any_box(void)
{
    struct geo_point a = any_point(), b = any_point();
    if (prng_below(&rng, 2)) { /* small */
        b.lat_deg = fmin(90, a.lat_deg + prng_unit(&rng) * prng_unit(&rng));
        b.lon_deg = a.lon_deg + prng_unit(&rng) * prng_unit(&rng);
        if (b.lon_deg > 180)
            b.lon_deg -= 360;
    }
    return (struct geo_box){.west_deg = a.lon_deg,
                            .south_deg = fmin(a.lat_deg, b.lat_deg),
                            .east_deg = b.lon_deg,
                            .north_deg = fmax(a.lat_deg, b.lat_deg)};
}

static struct geo_point point_in(const struct geo_box *b)
{
    double east = b->east_deg >= b->west_deg ? b->east_deg : b->east_deg + 360;
    double lon = between(b->west_deg, east);
    struct geo_point p = {.lat_deg = between(b->south_deg, b->north_deg), .lon_deg = lon > 180 ? lon - 360 : lon};
    uint64_t corner = prng_below(&rng, 8);
    if (corner == 0)
        p = (struct geo_point){b->south_deg, b->west_deg};
    if (corner == 1)
        p = (struct geo_point){b->north_deg, b->east_deg};
    return p;
}

static void box_ranges_never_miss(void **state)
{
    (void)state;
    static const size_t maxes[] = {1, 2, 3, 5, 16, 64, 256, 1000};
    struct geo_range r[1000];
    for (int i = 0; i < ROUNDS; i++) {
        struct geo_box b = any_box();
        size_t max = maxes[prng_below(&rng, 8)], n = geo_box_ranges(&b, r, max), hits = 0;
        assert_true(n >= 1 && n <= max);
        for (size_t k = 0; k < n; k++) {
            assert_true(r[k].first <= r[k].last && r[k].last < UINT64_C(1) << 62);
            assert_true(k == 0 || r[k].first > r[k - 1].last + 1);
        }
        struct geo_point p = point_in(&b);
        if (!geo_box_contains(&b, p)) /* rounding put it outside */
            continue;
        uint64_t c = geo_cell_of(p);
        for (size_t k = 0; k < n; k++)
            hits += c >= r[k].first && c <= r[k].last;
        if (hits != 1)
            fail_msg("box %.17g,%.17g,%.17g,%.17g by %zu ranges misses %.17g,%.17g", b.west_deg, b.south_deg,
                     b.east_deg, b.north_deg, max, p.lat_deg, p.lon_deg);
    }
}

/* More ranges must fit better, else every box would be the whole world and still never miss. */
static void box_ranges_are_tight(void **state)
{
    (void)state;
    struct geo_range r[64];
    struct geo_box b = {.west_deg = 2.2, .south_deg = 48.8, .east_deg = 2.4, .north_deg = 48.9};
    struct geo_box pacific = {.west_deg = 179.9, .south_deg = -17.1, .east_deg = -179.9, .north_deg = -16.9};
    const struct geo_box *boxes[] = {&b, &pacific};
    for (size_t k = 0; k < 2; k++) {
        struct geo_merc nw = geo_merc_of((struct geo_point){boxes[k]->north_deg, boxes[k]->west_deg});
        struct geo_merc se = geo_merc_of((struct geo_point){boxes[k]->south_deg, boxes[k]->east_deg});
        double area = (double)((se.x - nw.x) & 0x7fffffff) * (se.y - nw.y), covered = 0;
        size_t n = geo_box_ranges(boxes[k], r, 64);
        for (size_t i = 0; i < n; i++)
            covered += (double)(r[i].last - r[i].first + 1);
        assert_true(covered >= area && covered < 1.3 * area);
    }
}

static void a_box_around_holds_the_circle(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct geo_point c = any_point();
        double r = pow(10, between(-2, 7.3)), d = prng_below(&rng, 2) ? r * prng_unit(&rng) : r * (1 - 1e-12);
        struct geo_box b = geo_box_around(c, r);
        struct geo_point p = geo_destination(c, between(-720, 720), d);
        assert_true(p.lat_deg >= -90 && p.lat_deg <= 90 && p.lon_deg >= -180 && p.lon_deg <= 180);
        assert_true(fabs(geo_distance_m(c, p) - d) < 1e-6 + d * 1e-9);
        if (!geo_box_contains(&b, p))
            fail_msg("%.17g,%.17g within %.9g m of %.17g,%.17g is outside its box", p.lat_deg, p.lon_deg, r, c.lat_deg,
                     c.lon_deg);
    }
    struct geo_box b = geo_box_around((struct geo_point){0, 0}, 111195);
    assert_true(b.north_deg < 1.001 && b.east_deg < 1.001 && b.west_deg > -1.001);
    b = geo_box_around((struct geo_point){10, 179.9}, 50e3);
    assert_true(b.west_deg > b.east_deg);
    b = geo_box_around((struct geo_point){89.9, 0}, 50e3);
    assert_true(b.west_deg == -180 && b.east_deg == 180 && b.north_deg == 90 && b.south_deg > 89);
    static const double all[] = {NAN, INFINITY, 20015115, 1e9};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        b = geo_box_around((struct geo_point){0, 0}, all[i]);
        assert_true(b.south_deg == -90 && b.west_deg == -180);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_equal_the_vectors),
        cmocka_unit_test(mercator_equals_the_vectors),
        cmocka_unit_test(points_outside_the_earth_are_refused),
        cmocka_unit_test(cells_interleave_and_come_back),
        cmocka_unit_test(a_tile_is_one_range),
        cmocka_unit_test(tile_boxes_hold_their_pixels),
        cmocka_unit_test(box_ranges_never_miss),
        cmocka_unit_test(box_ranges_are_tight),
        cmocka_unit_test(a_box_around_holds_the_circle),
    };
    return cmocka_run_group_tests(tests, seed_rng, NULL);
}
