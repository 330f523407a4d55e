/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The layer "ground": every cell of a tile is where and what brute force says, and none is missing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../sites/ground_brute.h"
#include "mvt_read.h"
#include "tiles/ground.h"

enum { N = 2000 };

static struct made_site *made;
static struct atlas *atlas;
static struct ground *ground;
static struct brute_cell *cells;
static size_t cells_n;
static struct read_layer layers[2];

static int setup(void **state)
{
    (void)state;
    char path[1024];
    struct err err = {0};
    struct prng rng;
    prng_seed(&rng, made_seed());
    made = made_sites(&rng, N);
    made_path(path, "tiles-ground");
    if (made_write(made, N, path, 0, &err) != RC_OK || atlas_open(path, &atlas, &err) != RC_OK) {
        printf("%s\n", err.text);
        return 1;
    }
    unlink(path);
    ground = ground_of_image(atlas);
    cells = brute_cells(made, N, &cells_n);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ground_free(ground);
    atlas_close(atlas);
    free(made);
    free(cells);
    return 0;
}

static double prop(const struct read_layer *l, const struct read_feature *f, const char *key)
{
    const struct read_value *v = read_prop(l, f, key);
    assert_non_null(v);
    return v->number;
}

static size_t check_tile(struct tiles_maker *t, int z, uint32_t x, uint32_t y)
{
    const struct tiles_query q = {.z = z, .x = x, .y = y};
    int zoom = z < 10 ? z + 5 : 15; /* as the layer's description says */
    double side = ldexp(4096, z - zoom);
    size_t places = 0;
    tiles_begin(t, &q);
    tiles_add_ground(t, ground);
    assert_int_equal(read_tile(tiles_end(t), layers, 2), 1);
    assert_true(str_is_equal(layers[0].name, STR("ground")));
    for (size_t i = 0; i < layers[0].n; i++) {
        const struct read_feature *f = &layers[0].f[i];
        assert_int_equal(f->type, 3);
        assert_true(f->rings == 1 && f->points == 4 && f->area == 2 * side * side);
        uint32_t cx = (x << (zoom - z)) + (uint32_t)(f->x / side), cy = (y << (zoom - z)) + (uint32_t)(f->y / side);
        assert_true(f->x == ((double)cx - ldexp(x, zoom - z)) * side &&
                    f->y == ((double)cy - ldexp(y, zoom - z)) * side);
        struct ground_cell want = brute_joined(cells, cells_n, zoom, cx, cy);
        assert_true(prop(&layers[0], f, "faiths") == want.faiths && want.faiths >= 2);
        assert_true(prop(&layers[0], f, "sites") == want.sites);
        assert_true(prop(&layers[0], f, "places") == want.places);
        assert_true(fabs(prop(&layers[0], f, "diversity") - want.diversity) <= 0.50001e-4);
        places += want.places;
    }
    return places;
}

static void test_tiles(void **state)
{
    (void)state;
    struct tiles_maker *t = tiles_maker_new();
    for (int z = 0; z <= TILES_ZOOM_MAX; z++) {
        size_t places = 0;
        for (size_t i = 0; i < cells_n; i++) {
            uint32_t x = cells[i].x >> (15 - z), y = cells[i].y >> (15 - z);
            bool is_first = true;
            for (size_t k = 0; k < i && is_first; k++)
                is_first = cells[k].x >> (15 - z) != x || cells[k].y >> (15 - z) != y;
            if (is_first)
                places += check_tile(t, z, x, y);
        }
        assert_int_equal(places, cells_n);
    }
    tiles_begin(t, &(struct tiles_query){.z = 14, .x = 1, .y = 8000}); /* the middle of the Pacific */
    tiles_add_ground(t, ground);
    assert_int_equal(tiles_end(t).n, 0);
    tiles_maker_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tiles)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
