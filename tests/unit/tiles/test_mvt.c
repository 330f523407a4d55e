/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The MVT writer read back by an independent reader.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mvt_read.h"
#include "wire/mvt.h"

static struct read_layer layers[3];

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    struct mvt *m = mvt_new();
    mvt_tile_begin(m);
    mvt_layer_begin(m, STR("empty"), 4096);
    mvt_key(m, STR("unused"));
    mvt_layer_end(m);
    mvt_layer_begin(m, STR("things"), 512);
    uint32_t k[6], tags[12];
    static const char *const names[] = {"text", "uint", "int", "real", "yes", "no"};
    for (size_t i = 0; i < 6; i++)
        k[i] = mvt_key(m, str_of(names[i]));
    assert_int_equal(mvt_key(m, STR("int")), k[2]);
    uint32_t v[] = {mvt_str(m, STR("مسجد")), mvt_uint(m, UINT64_MAX >> 11),
                    mvt_int(m, -5000000000), mvt_f64(m, 92.083246),
                    mvt_bool(m, true),       mvt_bool(m, false)};
    for (size_t i = 0; i < 6; i++) {
        tags[2 * i] = k[i];
        tags[2 * i + 1] = v[i];
    }
    mvt_point(m, -320, 4415, tags, 12);
    mvt_point(m, INT32_MAX, INT32_MIN, NULL, 0);
    mvt_layer_end(m);
    assert_int_equal(read_tile(mvt_tile_end(m), layers, 3), 1);
    struct read_layer *l = &layers[0];
    assert_true(str_is_equal(l->name, STR("things")) && l->extent == 512 && l->n == 2);
    assert_true(l->f[0].x == -320 && l->f[0].y == 4415 && l->f[1].x == INT32_MAX && l->f[1].y == INT32_MIN);
    assert_true(str_is_equal(read_prop(l, &l->f[0], "text")->s, STR("مسجد")));
    assert_true(read_prop(l, &l->f[0], "uint")->number == (double)(UINT64_MAX >> 11));
    assert_true(read_prop(l, &l->f[0], "int")->number == -5000000000.0);
    assert_true(read_prop(l, &l->f[0], "real")->number == 92.083246);
    assert_true(read_prop(l, &l->f[0], "yes")->number == 1 && read_prop(l, &l->f[0], "no")->number == 0);
    assert_null(read_prop(l, &l->f[1], "text"));
    mvt_free(m);
}

/* Lengths of a feature of one byte and of two: from none to the most tags, with numbers of one, two and three bytes. */
static void features_of_every_length(void **state)
{
    (void)state;
    struct mvt *m = mvt_new();
    static const uint32_t numbers[] = {3, 300, 20000};
    mvt_tile_begin(m);
    mvt_layer_begin(m, STR("long"), 4096);
    uint32_t key = mvt_key(m, STR("n")), tags[MVT_TAGS_MAX];
    for (uint64_t i = 0; i <= numbers[2]; i++)
        assert_int_equal(mvt_uint(m, i), i);
    for (size_t k = 0; k < 3; k++)
        for (size_t n = 0; n <= MVT_TAGS_MAX; n += 2) {
            for (size_t i = 0; i < n; i += 2) {
                tags[i] = key;
                tags[i + 1] = numbers[k];
            }
            mvt_point(m, (int32_t)n - 30, INT32_MIN + (int32_t)k, tags, n);
        }
    mvt_layer_end(m);
    assert_int_equal(read_tile(mvt_tile_end(m), layers, 3), 1);
    assert_int_equal(layers[0].n, 3 * (MVT_TAGS_MAX / 2 + 1));
    for (size_t f = 0; f < layers[0].n; f++) {
        const struct read_feature *got = &layers[0].f[f];
        size_t k = f / (MVT_TAGS_MAX / 2 + 1), n = f % (MVT_TAGS_MAX / 2 + 1) * 2;
        assert_true(got->tags_n == n && got->x == (double)n - 30 && got->y == (double)INT32_MIN + (double)k);
        assert_true(n == 0 || (got->tags[n - 2] == key && got->tags[n - 1] == numbers[k]));
    }
    mvt_free(m);
}

/* Also over more values than the first table holds, and in the next layer numbers start anew. */
static void equal_values_are_written_once(void **state)
{
    (void)state;
    struct mvt *m = mvt_new();
    char text[32];
    for (int tile = 0; tile < 3; tile++) {
        mvt_tile_begin(m);
        mvt_layer_begin(m, STR("a"), 4096);
        for (int round = 0; round < 2; round++)
            for (uint32_t i = 0; i < 3000; i++) {
                struct str s = {text, (size_t)snprintf(text, sizeof text, "value %u", i)};
                assert_int_equal(mvt_str(m, s), 2 * i);
                assert_int_equal(mvt_uint(m, i), 2 * i + 1);
            }
        assert_int_equal(mvt_bool(m, true), 6000); /* not the number 1 */
        assert_int_equal(mvt_int(m, 1), 6001);
        mvt_point(m, 1, 2, NULL, 0);
        mvt_layer_end(m);
        assert_int_equal(read_tile(mvt_tile_end(m), layers, 3), 1);
        assert_int_equal(layers[0].values_n, 6002);
    }
    mvt_tile_begin(m);
    assert_int_equal(mvt_tile_end(m).n, 0);
    mvt_free(m);
    mvt_free(NULL);
}

static size_t polygon(const struct mvt_ring *rings, size_t n, double lo, double hi, bool *is_written)
{
    struct mvt *m = mvt_new();
    mvt_tile_begin(m);
    mvt_layer_begin(m, STR("areas"), 4096);
    *is_written = mvt_polygon(m, rings, n, lo, hi, NULL, 0);
    mvt_layer_end(m);
    size_t got = read_tile(mvt_tile_end(m), layers, 3);
    mvt_free(m);
    return got;
}

static void polygons_are_cut_and_wound(void **state)
{
    (void)state;
    struct mvt_xy square[] = {{-100, -100}, {-100, 100}, {100, 100}, {100, -100}}, back[4];
    struct mvt_xy hole[] = {{10, 10}, {20, 10}, {20, 20}, {10, 20}};
    bool is_written;
    for (size_t i = 0; i < 4; i++)
        back[i] = square[3 - i];
    for (int way = 0; way < 2; way++) {
        struct mvt_ring rings[] = {{way ? back : square, 4}, {hole, 4}};
        assert_int_equal(polygon(rings, 2, -64, 4160, &is_written), 1);
        assert_true(is_written && layers[0].f[0].rings == 2);
        assert_true(layers[0].f[0].area == 2 * (164.0 * 164 - 100)); /* cut to -64..100 */
    }
    struct mvt_ring whole = {(struct mvt_xy[]){{-1e9, -1e9}, {1e9, -1e9}, {1e9, 1e9}, {-1e9, 1e9}}, 4};
    assert_int_equal(polygon(&whole, 1, -64, 4160, &is_written), 1);
    assert_true(layers[0].f[0].area == 2 * 4224.0 * 4224 && layers[0].f[0].points == 4);
    struct mvt_ring outside = {(struct mvt_xy[]){{5000, 0}, {6000, 0}, {6000, 500}}, 3};
    assert_int_equal(polygon(&outside, 1, -64, 4160, &is_written), 0);
    assert_false(is_written);
    struct mvt_ring speck = {(struct mvt_xy[]){{7.1, 7.1}, {7.2, 7.1}, {7.2, 7.3}}, 3};
    assert_int_equal(polygon(&speck, 1, -64, 4160, &is_written), 0);
    assert_false(is_written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(features_of_every_length),
        cmocka_unit_test(equal_values_are_written_once),
        cmocka_unit_test(polygons_are_cut_and_wound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
