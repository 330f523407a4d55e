/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Tiles against the sites and points they were made of, read by the test's own reader and by GDAL where it is
 * installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libdeflate.h>

#include "../sites/atlas_fixture.h"
#include "mvt_read.h"
#include "tiles/tiles.h"

enum { N = 3000 };

static struct prng rng;
static struct made_site *made;
static struct atlas *atlas;
static struct read_layer layers[3];

static int setup(void **state)
{
    (void)state;
    char path[1024];
    struct err err = {0};
    prng_seed(&rng, made_seed());
    made = made_sites(&rng, N);
    made_path(path, "tiles");
    if (made_write(made, N, path, 0, &err) != RC_OK || atlas_open(path, &atlas, &err) != RC_OK) {
        printf("%s\n", err.text);
        return 1;
    }
    unlink(path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    atlas_close(atlas);
    free(made);
    return 0;
}

static struct str sites_tile(struct tiles_maker *t, struct tiles_query q)
{
    struct err err;
    assert_int_equal(tiles_query_check(&q, &err), RC_OK);
    tiles_begin(t, &q);
    tiles_add_sites(t, atlas);
    return tiles_end(t);
}

static const struct made_site *made_by_id(struct str id)
{
    struct uuid u;
    assert_true(id.n == 36 && uuid_parse(id, &u));
    for (size_t i = 0; i < N; i++)
        if (uuid_is_equal(made[i].id, u))
            return &made[i];
    fail_msg("no site has the id " STR_FMT, STR_ARG(id));
    return NULL;
}

static bool prop_is(const struct read_layer *l, const struct read_feature *f, const char *key, const char *want)
{
    const struct read_value *v = read_prop(l, f, key);
    return *want ? v && str_is_equal(v->s, str_of(want)) : v == NULL;
}

/* A feature of one site says what the site is and stands where it lies. */
static void check_site(const struct read_layer *l, const struct read_feature *f, struct tiles_query q)
{
    static const char *const flags[] = {"coarse", "synthetic", "unverified"};
    const struct made_site *s = made_by_id(read_prop(l, f, "id")->s);
    struct geo_merc m = geo_merc_of(s->at);
    int64_t side = INT64_C(1) << (31 - q.z);
    double x = floor((double)(m.x - q.x * side) * 4096 / (double)side),
           y = floor((double)(m.y - q.y * side) * 4096 / (double)side);
    assert_true(f->x == x || f->x == x + 4096 * ldexp(1, q.z) || f->x == x - 4096 * ldexp(1, q.z));
    assert_true(f->y == y);
    assert_true(prop_is(l, f, "name", s->name) && prop_is(l, f, "religion", made_religions[s->religion]));
    for (int k = 0; k < ATLAS_LABELS; k++) {
        char key[16];
        snprintf(key, sizeof key, "name_%s", ATLAS_LABEL_LANGS[k]);
        assert_true(prop_is(l, f, key, q.z >= TILES_LABELS_ZOOM ? s->label[k] : ""));
    }
    assert_true(prop_is(l, f, "kind", "CHU") && prop_is(l, f, "class", "place_of_worship"));
    for (unsigned k = 0; k < 3; k++) {
        const struct read_value *v = read_prop(l, f, flags[k]);
        assert_true(s->flags >> k & 1 ? v && v->type == 7 && v->number == 1 : v == NULL);
    }
}

static double check_tile(struct tiles_query q, struct str bytes)
{
    double sum = 0;
    if (read_tile(bytes, layers, 3) == 0)
        return 0;
    struct read_layer *l = &layers[0];
    assert_true(str_is_equal(l->name, STR("sites")) && l->extent == 4096);
    for (size_t i = 0; i < l->n; i++) {
        const struct read_feature *f = &l->f[i];
        double count = read_prop(l, f, "count")->number, b = q.buffer;
        assert_true(f->x >= -b && f->x < 4096 + b && f->y >= -b && f->y < 4096 + b);
        assert_true(count >= 1 && (count > 1 ? read_prop(l, f, "id") == NULL : read_prop(l, f, "id") != NULL));
        if (count == 1)
            check_site(l, f, q);
        if (f->x >= 0 && f->x < 4096 && f->y >= 0 && f->y < 4096)
            sum += count;
    }
    return sum;
}

/* At each zoom, by walking down only into tiles whose parents' region holds something: the whole world for 0..5. */
static void counts_add_up_over_tiles(void **state)
{
    (void)state;
    struct tiles_maker *t = tiles_maker_new();
    for (int z = 0; z <= 5; z++)
        for (uint32_t buffer = 0; buffer <= TILES_RING; buffer += TILES_RING) {
            double sum = 0;
            for (uint32_t x = 0; x < UINT32_C(1) << z; x++)
                for (uint32_t y = 0; y < UINT32_C(1) << z; y++) {
                    struct tiles_query q = {.z = z, .x = x, .y = y, .buffer = buffer};
                    sum += check_tile(q, sites_tile(t, q));
                }
            assert_true(sum == N);
        }
    tiles_maker_free(t);
}

static void the_last_zoom_holds_every_site(void **state)
{
    (void)state;
    struct tiles_maker *t = tiles_maker_new();
    for (int i = 0; i < 300; i++) {
        struct geo_merc m = geo_merc_of(made[prng_below(&rng, N)].at);
        struct tiles_query q = {.z = 14, .x = m.x >> 17, .y = m.y >> 17, .buffer = i % 2 ? TILES_RING : 0};
        size_t want = 0, inside = 0;
        for (size_t k = 0; k < N; k++) {
            struct geo_merc p = geo_merc_of(made[k].at);
            want += p.x >> 17 == q.x && p.y >> 17 == q.y;
        }
        assert_true(check_tile(q, sites_tile(t, q)) == (double)want);
        for (size_t k = 0; k < layers[0].n; k++) {
            const struct read_feature *f = &layers[0].f[k];
            inside += f->x >= 0 && f->x < 4096 && f->y >= 0 && f->y < 4096;
        }
        assert_int_equal(inside, want);
    }
    tiles_maker_free(t);
}

static void a_filter_counts_one_religion(void **state)
{
    (void)state;
    struct tiles_maker *t = tiles_maker_new();
    size_t want = 0;
    for (size_t k = 0; k < N; k++)
        want += made[k].religion == 3;
    struct tiles_query q = {.religion = STR("hindu")};
    tiles_begin(t, &q);
    tiles_add_sites(t, atlas);
    assert_int_equal(read_tile(tiles_end(t), layers, 3), 1);
    double sum = 0;
    for (size_t i = 0; i < layers[0].n; i++) {
        sum += read_prop(&layers[0], &layers[0].f[i], "count")->number;
        assert_true(prop_is(&layers[0], &layers[0].f[i], "religion", "hindu"));
    }
    assert_true(sum == (double)want);
    tiles_maker_free(t);
}

static void impossible_tiles_are_refused(void **state)
{
    (void)state;
    static const struct tiles_query bad[] = {{.z = -1},
                                             {.z = 15},
                                             {.z = 3, .x = 8},
                                             {.z = 3, .y = 8},
                                             {.z = 0, .x = 1},
                                             {.buffer = TILES_BUFFER_MAX + 1},
                                             {.z = 14, .x = UINT32_MAX}};
    struct err err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tiles_query_check(&bad[i], &err), RC_INVALID);
    struct tiles_query good = {.z = 14, .x = 16383, .y = 16383, .buffer = TILES_BUFFER_MAX};
    assert_int_equal(tiles_query_check(&good, &err), RC_OK);
}

static void small_layers_keep_their_properties(void **state)
{
    (void)state;
    struct tiles_maker *t = tiles_maker_new();
    const struct tiles_prop props[] = {{"title", TILES_STR, .s = STR("Fire at night")},
                                       {"killed", TILES_INT, .i = 3},
                                       {"place", TILES_STR, .s = STR("")},
                                       {"score", TILES_F64, .f = 0.25},
                                       {"coarse", TILES_BOOL, .b = true}};
    const struct tiles_point points[] = {{{10, 179.999}, props, 5}, {{10, -179.999}, props, 5}, {{10, 0}, NULL, 0}};
    struct tiles_query q = {.z = 1, .x = 0, .y = 0, .buffer = TILES_RING};
    tiles_begin(t, &q);
    tiles_add_points(t, STR("incidents"), points, 3);
    tiles_add_points(t, STR("context"), points + 2, 1);
    assert_int_equal(read_tile(tiles_end(t), layers, 3), 2);
    struct read_layer *l = &layers[0];
    assert_true(str_is_equal(l->name, STR("incidents")) && l->n == 3); /* 0 lies at 4096: in the margin */
    assert_true(l->f[0].x == -1 && l->f[1].x == 0 && l->f[2].x == 4096);
    assert_true(str_is_equal(read_prop(l, &l->f[0], "title")->s, STR("Fire at night")));
    assert_true(read_prop(l, &l->f[0], "killed")->number == 3 && read_prop(l, &l->f[0], "score")->number == 0.25);
    assert_true(read_prop(l, &l->f[0], "coarse")->type == 7 && read_prop(l, &l->f[0], "place") == NULL);
    assert_true(str_is_equal(layers[1].name, STR("context")) && layers[1].n == 1);
    q = (struct tiles_query){.z = 0};
    tiles_begin(t, &q);
    tiles_add_points(t, STR("incidents"), points, 3);
    assert_int_equal(read_tile(tiles_end(t), layers, 3), 1);
    assert_int_equal(layers[0].n, 3);
    tiles_maker_free(t);
}

/* Doubled area at zoom 0 in units, summed over all tiles of a zoom, margins cut away by asking for none: here by the
 * tile's own square. */
static double area_seen(struct tiles_maker *t, const struct tiles_area *a, int z)
{
    double sum = 0;
    for (uint32_t x = 0; x < UINT32_C(1) << z; x++)
        for (uint32_t y = 0; y < UINT32_C(1) << z; y++) {
            struct tiles_query q = {.z = z, .x = x, .y = y};
            tiles_begin(t, &q);
            tiles_add_areas(t, STR("warnings"), a, 1);
            if (read_tile(tiles_end(t), layers, 3) == 0)
                continue;
            for (size_t i = 0; i < layers[0].n; i++) {
                assert_true(layers[0].f[i].type == 3);
                sum += layers[0].f[i].area;
            }
        }
    return sum;
}

static void areas_cross_the_antimeridian_and_poles(void **state)
{
    (void)state;
    struct tiles_maker *t = tiles_maker_new();
    struct tiles_area here = {.centre = {0, 20}, .radius_m = 500e3}, fiji = {.centre = {0, 179.9}, .radius_m = 500e3};
    double a = area_seen(t, &here, 0), b = area_seen(t, &fiji, 0);
    double r = 500e3 / (2 * 3.14159265358979 * EARTH_RADIUS_M) * 4096;
    assert_true(fabs(a / (2 * 3.14159265 * r * r) - 1) < 0.02); /* near the equator a circle is one */
    assert_true(b >= 0.99 * a);                                 /* and the margin shows a little twice */
    struct tiles_area pole = {.centre = {88, 0}, .radius_m = 500e3};
    assert_true(area_seen(t, &pole, 0) > 0);
    const struct geo_point box[] = {{-20, 175}, {-20, -175}, {-10, -175}, {-10, 175}},
                           plain[] = {{-20, 15}, {-20, 25}, {-10, 25}, {-10, 15}};
    struct tiles_area ring = {.ring = box, .ring_n = 4}, same = {.ring = plain, .ring_n = 4};
    double c = area_seen(t, &ring, 0), d = area_seen(t, &same, 0);
    assert_true(d > 0 && c >= d && c < 2.5 * d);
    assert_true(area_seen(t, &same, 3) / 64 >= d); /* tiles overlap by their margins */
    tiles_maker_free(t);
}

static void gzip_comes_back(void **state)
{
    (void)state;
    struct tiles_maker *t = tiles_maker_new();
    for (int level = 1; level <= 12; level += 5) {
        struct str raw = sites_tile(t, (struct tiles_query){.z = 2, .x = 2, .y = 1}), gz = tiles_gzip(t, raw, level);
        char *back = mem_alloc(raw.n + 1);
        size_t n;
        struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
        assert_int_equal(libdeflate_gzip_decompress(d, gz.p, gz.n, back, raw.n, &n), LIBDEFLATE_SUCCESS);
        assert_true(n == raw.n && memcmp(back, raw.p, n) == 0 && gz.n < raw.n);
        libdeflate_free_decompressor(d);
        free(back);
    }
    tiles_maker_free(t);
}

static void tilejson_names_the_layer(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    struct tiles_json j = {.name = "Sites",
                           .url = STR("http://h/tiles/sites/{z}/{x}/{y}.mvt"),
                           .layers = tiles_sites_layer(),
                           .layers_n = 1};
    tiles_json_write(&j, &b);
    struct str s = buf_str(&b);
    assert_true(str_contains(s, STR("\"tilejson\":\"3.0.0\"")) && str_contains(s, STR("\"tiles\":[\"http://h/tiles")));
    assert_true(str_contains(s, STR("\"vector_layers\":[{\"id\":\"sites\"")) &&
                str_contains(s, STR("\"count\":\"Number\"")));
    assert_true(str_contains(s, STR("\"maxzoom\":14")) && str_contains(s, STR("-85.051129")));
    buf_fini(&b);
}

/* --- GDAL
 * ------------------------------------------------------------------------------------------------------------- */

static void save(const char *path, struct str s)
{
    FILE *f = fopen(path, "wb");
    assert_true(f && fwrite(s.p, 1, s.n, f) == s.n && fclose(f) == 0);
}

/* Feature count and sum of `count` as ogrinfo prints them. */
static void ask_gdal(const char *path, long *features, long *sum)
{
    char cmd[2048], line[1024];
    snprintf(cmd, sizeof cmd, "ogrinfo -ro -al %s 2>&1", path);
    FILE *p = popen(cmd, "r");
    *features = *sum = 0;
    while (p && fgets(line, sizeof line, p)) {
        long v;
        if (sscanf(line, "Feature Count: %ld", features) == 1)
            continue;
        if (sscanf(line, " count (Integer) = %ld", &v) == 1 || sscanf(line, " count (Integer64) = %ld", &v) == 1)
            *sum += v;
    }
    assert_true(p && pclose(p) == 0);
}

static void gdal_reads_the_tiles(void **state)
{
    (void)state;
    if (system("ogrinfo --version >/dev/null 2>&1") != 0) {
        printf("skipped: ogrinfo (gdal-bin) is not installed\n");
        skip();
    }
    char dir[1024], path[1200], cmd[1400];
    long features, sum, want = 0;
    struct tiles_maker *t = tiles_maker_new();
    made_path(dir, "gdal");
    struct geo_merc m = geo_merc_of((struct geo_point){31.7767, 35.2345});
    snprintf(cmd, sizeof cmd, "mkdir -p %s/14/%u", dir, m.x >> 17);
    assert_int_equal(system(cmd), 0);
    snprintf(path, sizeof path, "%s/0.mvt", dir);
    save(path, sites_tile(t, (struct tiles_query){.buffer = TILES_RING}));
    ask_gdal(path, &features, &sum);
    assert_int_equal(sum, N);
    struct atlas_info info;
    atlas_info(atlas, &info);
    assert_int_equal(features, info.marks[0]);
    for (size_t k = 0; k < N; k++) {
        struct geo_merc p = geo_merc_of(made[k].at);
        want += p.x >> 17 == m.x >> 17 && p.y >> 17 == m.y >> 17;
    }
    snprintf(path, sizeof path, "%s/14/%u/%u.mvt", dir, m.x >> 17, m.y >> 17);
    save(path, sites_tile(t, (struct tiles_query){.z = 14, .x = m.x >> 17, .y = m.y >> 17}));
    ask_gdal(path, &features, &sum);
    assert_true(want > 50);
    assert_int_equal(features, want);
    assert_int_equal(sum, want);
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    assert_int_equal(system(cmd), 0);
    tiles_maker_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_add_up_over_tiles),
        cmocka_unit_test(the_last_zoom_holds_every_site),
        cmocka_unit_test(a_filter_counts_one_religion),
        cmocka_unit_test(impossible_tiles_are_refused),
        cmocka_unit_test(small_layers_keep_their_properties),
        cmocka_unit_test(areas_cross_the_antimeridian_and_poles),
        cmocka_unit_test(gzip_comes_back),
        cmocka_unit_test(tilejson_names_the_layer),
        cmocka_unit_test(gdal_reads_the_tiles),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
