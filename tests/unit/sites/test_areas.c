/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Areas: the grid against brute force, known places, the five kilometres, disputed land, and a loaded file.
 */
#include "sites_fixture.h"

#include <math.h>

#include "base/asset.h"
#include "base/rng.h"
#include "geo/polygon.h"
#include "sites/areas_index.h"

/* ---- fast == brute force, on made-up polygons ---- */

enum { SHAPES = 60, POINTS = 40000 };

static struct geo_shape star(struct prng *r, struct arena *mem)
{
    size_t n = 3 + prng_below(r, 60);
    double lon = -170 + 340 * prng_unit(r), lat = -80 + 160 * prng_unit(r),
           size = 0.05 + 8 * prng_unit(r) * prng_unit(r);
    struct geo_point *at = ARENA_NEW_N(mem, struct geo_point, n + 1);
    for (size_t i = 0; i < n; i++) {
        double turn = 6.283185307179586 * (double)i / (double)n, d = size * (0.3 + 0.7 * prng_unit(r));
        at[i] = (struct geo_point){lat + d * sin(turn), lon + d * cos(turn)};
        at[i].lat_deg = at[i].lat_deg > 90 ? 90 : at[i].lat_deg < -90 ? -90 : round(at[i].lat_deg * 1e7) / 1e7;
        at[i].lon_deg = at[i].lon_deg > 180 ? 180 : at[i].lon_deg < -180 ? -180 : round(at[i].lon_deg * 1e7) / 1e7;
    }
    at[n] = at[0];
    struct geo_ring *ring = ARENA_NEW(mem, struct geo_ring);
    struct geo_polygon *polygon = ARENA_NEW(mem, struct geo_polygon);
    *ring = (struct geo_ring){at, n + 1};
    *polygon = (struct geo_polygon){0, 1};
    return (struct geo_shape){polygon, 1, ring, 1};
}

static void test_brute_force(void **state)
{
    (void)state;
    struct prng r;
    struct arena mem;
    struct err err;
    uint64_t seed = (uint64_t)clock_monotonic_us();
    struct geo_shape shapes[SHAPES];
    struct area_layer *l = area_layer_new();
    size_t inside = 0;
    fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
    prng_seed(&r, seed);
    arena_init(&mem);
    for (int i = 0; i < SHAPES; i++) {
        struct area_info info = {.country = STR("XX")};
        shapes[i] = star(&r, &mem);
        assert_int_equal(area_layer_add(l, &info, &shapes[i], &err), RC_OK);
    }
    area_layer_build(l);
    for (int i = 0; i < POINTS; i++) {
        const struct geo_ring *near = shapes[prng_below(&r, SHAPES)].rings;
        struct geo_point p = near->at[prng_below(&r, near->n)];
        p.lat_deg += prng_normal(&r) * 0.5;
        p.lon_deg += prng_normal(&r) * 0.5;
        if (fabs(p.lat_deg) > 90 || fabs(p.lon_deg) > 180)
            continue;
        int want = AREA_NONE;
        for (int k = SHAPES - 1; k >= 0; k--)
            want = geo_shape_holds(&shapes[k], p) ? k : want;
        inside += want != AREA_NONE;
        assert_int_equal(area_layer_find(l, p, STR_NONE), want);
    }
    assert_true(inside > POINTS / 20);
    area_layer_free(l);
    arena_fini(&mem);
}

/* ---- the program's countries ---- */

static struct areas *builtin(void)
{
    struct areas *a;
    struct err err = {0};
    if (!asset_find(STR("web/areas/countries.geojson"))) {
        fprintf(stderr, "skipped: the web build (web/tools/areas.mjs) has not made countries.geojson\n");
        return NULL;
    }
    if (areas_load(NULL, &a, &err) != RC_OK)
        fail_msg("%s", err.text);
    return a;
}

static void test_known_places(void **state)
{
    (void)state;
    static const struct {
        double lat, lon;
        const char *claimed, *country;
        bool is_disputed;
    } PLACES[] = {
        {48.853, 2.3499, "", "FR", false},     {21.4225, 39.8262, "", "SA", false},
        {42.5078, 1.5211, "", "AD", false},    {51.5138, -0.0984, "", "GB", false},
        {-41.2865, 174.7762, "", "NZ", false}, {40.7585, -73.9760, "", "US", false},
        {35.6586, 139.7454, "", "JP", false},  {27.1751, 78.0421, "IN", "IN", false},
        {-16.5, 179.99, "", "FJ", false},      {41.9022, 12.4534, "VA", "VA", false},
        {44.95, 34.1, "", "UA", true},         {42.6629, 21.1655, "", "XK", true},
        {35.2, 33.37, "", "CY", true},         {9.56, 44.06, "", "SO", true},
        {35.42, 77.1, "", "", true},           {4.9224, -52.3135, "GF", "GF", false},
        {50.0, -30.0, "", "", false},          {-89.9, 12.0, "", "AQ", false},
        {66.2, -172.0, "", "RU", false},       {71.2, -179.5, "", "RU", false},
        {65.5, 178.0, "", "RU", false},        {-16.8, -179.97, "", "FJ", false},
        {-80.0, 0.0, "", "AQ", false},         {66.0, 0.0, "", "", false},
        {-10.49, 105.63, "", "CX", false},     {45.21, 36.71, "", "RU", false},
        {46.6, 32.6, "", "UA", false},         {44.6, 33.52, "RU", "UA", true},
        {27.15, -13.2, "", "EH", true},        {27.9, -12.9, "", "MA", false},
        {31.7766, 35.2342, "", "", true},      {31.7788, 35.2256, "IL", "", true},
        {31.7043, 35.2076, "", "PS", false},   {32.0853, 34.7818, "", "IL", false},
        {33.27, 35.77, "", "SY", true},        {32.79, 35.53, "", "IL", false},
        {33.207, 35.57, "", "IL", false},      {34.09, 74.8, "", "IN", true},
        {32.73, 74.86, "", "IN", true},        {34.16, 77.58, "", "IN", true},
        {31.62, 74.877, "", "IN", false},      {32.22, 76.32, "", "IN", false},
        {32.27, 75.65, "", "IN", false},       {34.37, 73.47, "", "PK", true},
        {35.92, 74.31, "", "PK", true},        {33.15, 73.75, "", "PK", true},
        {32.93, 73.73, "", "PK", false},       {33.69, 73.06, "", "PK", false},
        {32.49, 74.53, "", "PK", false},       {34.91, 73.65, "", "PK", false},
        {27.586, 91.866, "", "IN", true},      {26.144, 91.736, "", "IN", false},
        {27.47, 94.91, "", "IN", false},       {43.0, 41.02, "", "GE", true},
        {42.51, 41.87, "", "GE", false},       {42.23, 43.97, "", "GE", true},
        {41.98, 44.11, "", "GE", false},       {-51.695, -57.86, "", "FK", true},
        {22.2, 36.5, "", "EG", true},          {24.09, 32.9, "", "EG", false},
    };
    struct areas *a = builtin();
    if (!a)
        return;
    for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0]; i++) {
        struct area_place p;
        areas_locate(a, (struct geo_point){PLACES[i].lat, PLACES[i].lon}, str_of(PLACES[i].claimed), &p);
        if (!str_is_equal(p.country, str_of(PLACES[i].country)) || p.is_disputed != PLACES[i].is_disputed)
            fail_msg("%g %g: \"%.*s\" disputed %d instead of \"%s\"", PLACES[i].lat, PLACES[i].lon, (int)p.country.n,
                     p.country.p, p.is_disputed, PLACES[i].country);
        assert_true((p.note.n > 20) == PLACES[i].is_disputed);
    }
    areas_free(a);
}

/* Strasbourg stands at a border: the French side, claimed by either neighbour; and a pier off the coast. */
static void test_five_kilometres(void **state)
{
    (void)state;
    struct areas *a = builtin();
    struct area_place p;
    double d;
    if (!a)
        return;
    struct geo_point town = {48.5734, 7.7521}, sea = {51.2, 2.5}, far = {48.5734, 7.2};
    areas_locate(a, town, STR("DE"), &p);
    assert_true(str_is_equal(p.country, STR("DE")));
    areas_locate(a, far, STR("DE"), &p);
    assert_true(str_is_equal(p.country, STR("FR")));
    assert_int_equal(areas_check(a, town, STR("FR"), &d), AREA_INSIDE);
    assert_true(d == 0);
    assert_int_equal(areas_check(a, town, STR("DE"), &d), AREA_NEAR);
    assert_true(d > 0 && d <= AREAS_NEAR_M);
    assert_int_equal(areas_check(a, far, STR("DE"), &d), AREA_OUTSIDE);
    assert_true(d == -1);
    assert_int_equal(areas_check(a, town, STR("ZZ"), NULL), AREA_UNKNOWN);
    assert_int_equal(areas_check(a, (struct geo_point){42.6629, 21.1655}, STR("XK"), NULL), AREA_DISPUTED);
    assert_int_equal(areas_check(a, (struct geo_point){35.42, 77.1}, STR("IN"), NULL), AREA_DISPUTED);
    areas_locate(a, sea, STR_NONE, &p); /* out of reach of any coast */
    assert_true(str_is_equal(p.country, STR_NONE));
    int found = 0;
    for (double lon = 2.5; lon < 3.2;
         lon += 0.01) { /* going east along 51.2 N one comes within reach before one lands */
        areas_locate(a, (struct geo_point){51.2, lon}, STR_NONE, &p);
        found += str_is_equal(p.country, STR("BE")) &&
                 areas_check(a, (struct geo_point){51.2, lon}, STR("BE"), &d) == AREA_NEAR;
    }
    assert_true(found >= 3);
    areas_free(a);
}

/* ---- loaded files ---- */

static const char SQUARES[] =
    "{\"type\":\"FeatureCollection\",\"features\":["
    "{\"type\":\"Feature\",\"properties\":{\"iso_3166_2\":\"FR-75\",\"iso_a2\":\"FR\",\"name\":\"Paris\"},\"geometry\":"
    "{\"type\":"
    "\"Polygon\",\"coordinates\":[[[2.2,48.8],[2.5,48.8],[2.5,48.95],[2.2,48.95],[2.2,48.8]]]}},\n"
    "{\"type\":\"Feature\",\"properties\":{\"iso_3166_2\":\"FR-X1\",\"iso_a2\":\"-1\",\"adm0_a3\":\"FRA\",\"name\":"
    "\"By three\"},"
    "\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[5,45],[6,45],[6,46],[5,46],[5,45]]]}},\n"
    "{\"type\":\"Feature\",\"properties\":{\"iso_3166_2\":\"-99-X9~\",\"iso_a2\":\"-99\",\"adm0_a3\":\"KAS\"},"
    "\"geometry\":{\"type\":"
    "\"Polygon\",\"coordinates\":[[[7,45],[8,45],[8,46],[7,46],[7,45]]]}},\n"
    "{\"type\":\"Feature\",\"properties\":{\"what\":1},\"geometry\":null},\n"
    "{\"type\":\"Feature\",\"properties\":{\"iso_a2\":\"FR\"},\"geometry\":{\"type\":\"Point\",\"coordinates\":[1,2]}}]"
    "}";

static void refused_area(void *ctx, int64_t line, const char *reason)
{
    (void)line;
    assert_true(strlen(reason) > 5);
    ++*(int *)ctx;
}

static void loaded(struct registry *r)
{
    static const char ONE[] = "area_code,area_name,faith,osm_type,osm_id,name,denomination,lon,lat,source_tier\n"
                              "x,y,Christian,node,1,Notre-Dame,,2.3499,48.853,osm\n";
    struct sites_import_report p;
    struct areas_report report;
    struct areas *a;
    int refused = 0;
    int64_t changed;
    const char *squares = written(r, "squares.geojson", SQUARES, sizeof SQUARES - 1);
    OK(import_path(r, written(r, "one.csv", ONE, sizeof ONE - 1), "", false, &p, NULL));
    OK(areas_import_file(r->st, squares, refused_area, &refused, &report, &r->err));
    assert_true(report.read == 5 && report.areas == 3 && report.rejected == 2 && refused == 2 && report.admin1 == 3);
    OK(areas_import_file(r->st, squares, NULL, NULL, &report, &r->err)); /* a set of the same name is replaced */
    assert_int_equal(rows_of(r, "area"), 3);
    assert_int_equal(rows_of(r, "area_set"), 2);
    OK(areas_load(r->st, &a, &r->err));
    OK(areas_assign(r->st, a, &changed, &r->err));
    bool has_countries = asset_find(STR("web/areas/countries.geojson")) != NULL;
    assert_int_equal(changed, 1);
    struct site *s;
    OK(sites_find_external(r->st, STR("node/1"), &VIEWER_PUBLIC, &r->mem, &s, &r->err));
    assert_true(str_is_equal(s->admin1, has_countries ? STR("FR-75") : STR("")));
    OK(areas_assign(r->st, a, &changed, &r->err));
    assert_int_equal(changed, 0);
    areas_free(a);
    const char *bad = written(r, "bad.geojson", SQUARES, sizeof SQUARES - 40);
    assert_int_not_equal(areas_import_file(r->st, bad, NULL, NULL, &report, &r->err), RC_OK);
    assert_int_equal(rows_of(r, "area_set"), 2);
}

static void natural_earth(struct registry *r)
{
    const char *path = shared(r, "areas/ne-10m-admin1.geojson");
    struct areas_report report;
    struct areas *a;
    struct area_place p;
    if (!path)
        return;
    OK(areas_import_file(r->st, path, NULL, NULL, &report, &r->err));
    fprintf(stderr, "areas: %lld read, %lld kept, %lld rejected, %.2f s\n", (long long)report.read,
            (long long)report.areas, (long long)report.rejected, report.seconds);
    assert_int_equal(report.read, 4596);
    assert_int_equal(report.areas + report.rejected, 4596);
    int64_t t0 = clock_monotonic_us();
    OK(areas_load(r->st, &a, &r->err));
    int64_t t1 = clock_monotonic_us();
    struct prng rng;
    prng_seed(&rng, 1);
    int hits = 0;
    for (int i = 0; i < 200000; i++) {
        struct geo_point at = {36 + 20 * prng_unit(&rng), -5 + 40 * prng_unit(&rng)};
        areas_locate(a, at, STR_NONE, &p);
        hits += p.admin1.n > 0;
    }
    int64_t t2 = clock_monotonic_us();
    fprintf(stderr, "areas: loaded in %.0f ms, %.2f us a point, %d in a division\n", (double)(t1 - t0) / 1000,
            (double)(t2 - t1) / 200000, hits);
    assert_true(hits > 100000);
    areas_locate(a, (struct geo_point){52.52, 13.405}, STR_NONE, &p);
    assert_true(str_is_equal(p.country, STR("DE")) && str_is_equal(p.admin1, STR("DE-BE")));
    areas_locate(a, (struct geo_point){-36.85, 174.76}, STR_NONE, &p);
    assert_true(str_is_equal(p.admin1, STR("NZ-AUK")));
    areas_free(a);
}

static void test_loaded(void **s)
{
    (void)s;
    on_each_engine(loaded);
}

static void test_natural_earth(void **s)
{
    (void)s;
    on_each_engine(natural_earth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_brute_force), cmocka_unit_test(test_known_places),
                                       cmocka_unit_test(test_five_kilometres), cmocka_unit_test(test_loaded),
                                       cmocka_unit_test(test_natural_earth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
