/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Shared ground against brute force: circles, cells of every zoom, boxes; poles and antimeridian among them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ground_brute.h"

enum { N = 3000 };

static struct prng rng;
static struct made_site *made;
static struct atlas *atlas;
static struct ground *ground;
static struct brute_cell *cells;
static size_t cells_n;

static int setup(void **state)
{
    (void)state;
    char path[1024];
    struct err err = {0};
    prng_seed(&rng, made_seed());
    made = made_sites(&rng, N);
    made_path(path, "ground");
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

static void test_circles(void **state)
{
    (void)state;
    size_t shared = 0;
    for (int t = 0; t < 400; t++) {
        struct geo_point p = t % 2 ? made[prng_below(&rng, N)].at : made_point(&rng);
        uint32_t of[BRUTE_RELIGIONS] = {0}, sites = 0;
        for (size_t i = 0; i < N; i++) {
            double far_m = geo_distance_m(p, made[i].at);
            if (fabs(far_m - GROUND_RADIUS_M) < 1e-6)
                goto next; /* a millionth of a metre from the edge: either answer is right */
            if (far_m <= GROUND_RADIUS_M && brute_is_counted(&made[i])) {
                of[made[i].religion]++;
                sites++;
            }
        }
        struct ground_sum want = brute_sum(of, sites), got = ground_at(atlas, p);
        assert_int_equal(got.sites, want.sites);
        assert_int_equal(got.known, want.known);
        assert_int_equal(got.faiths, want.faiths);
        assert_true(fabs(got.diversity - want.diversity) < 1e-12);
        shared += got.faiths >= 2;
    next:;
    }
    assert_true(shared > 50); /* or the test looked at nothing */
}

static void assert_cell(const struct ground_cell *got, struct ground_cell want)
{
    assert_int_equal(got->sites, want.sites);
    assert_int_equal(got->known, want.known);
    assert_int_equal(got->places, want.places);
    assert_int_equal(got->faiths, want.faiths);
    assert_true(fabs(got->diversity - want.diversity) < 1e-9);
}

/* Every tile of a zoom that any cell lies in, and what it shows. */
static void check_zoom(int z)
{
    int zoom = ground_cell_zoom(z);
    size_t places = 0;
    for (size_t i = 0; i < cells_n; i++) {
        uint32_t x = cells[i].x >> (15 - z), y = cells[i].y >> (15 - z);
        bool is_first = true;
        size_t n;
        for (size_t k = 0; k < i && is_first; k++)
            is_first = cells[k].x >> (15 - z) != x || cells[k].y >> (15 - z) != y;
        if (!is_first)
            continue;
        const struct ground_cell *got = ground_tile(ground, z, x, y, &n);
        assert_true(n > 0 && n <= 1 << (2 * GROUND_TILE_ZOOMS));
        for (size_t k = 0; k < n; k++) {
            struct geo_merc m = geo_cell_merc((uint64_t)got[k].key << (62 - 2 * zoom));
            uint32_t cx = m.x >> (31 - zoom), cy = m.y >> (31 - zoom);
            assert_int_equal(cx >> (zoom - z), x);
            assert_int_equal(cy >> (zoom - z), y);
            assert_true(k == 0 || got[k - 1].key < got[k].key);
            assert_cell(&got[k], brute_joined(cells, cells_n, zoom, cx, cy));
            places += got[k].places;
        }
    }
    assert_int_equal(places, cells_n); /* none is missing, none twice */
}

static void test_every_zoom(void **state)
{
    (void)state;
    assert_true(cells_n > 20);
    for (int z = 0; z <= ATLAS_ZOOM_MAX; z++)
        check_zoom(z);
}

static bool touches(const struct brute_cell *c, const struct geo_box *b)
{
    uint32_t x0, y0, x1, y1;
    brute_cell((struct geo_point){b->north_deg, b->west_deg}, &x0, &y0);
    brute_cell((struct geo_point){b->south_deg, b->east_deg}, &x1, &y1);
    bool is_row = c->y >= y0 && c->y <= y1;
    return is_row && (b->west_deg <= b->east_deg ? c->x >= x0 && c->x <= x1 : c->x >= x0 || c->x <= x1);
}

static void check_box(const struct geo_box *b, size_t page)
{
    struct ground_cell *got = mem_array(page, sizeof *got);
    size_t want = 0, seen = 0, matched, n;
    uint32_t next = 0, last = 0;
    for (size_t i = 0; i < cells_n; i++)
        want += touches(&cells[i], b);
    do {
        n = ground_in_box(ground, b, next, page, got, &next, &matched);
        assert_int_equal(matched, want);
        for (size_t i = 0; i < n; i++) {
            assert_true(seen + i == 0 || got[i].key > last);
            last = got[i].key;
            struct geo_box at = ground_cell_box(got[i].key);
            uint32_t x, y;
            brute_cell((struct geo_point){(at.north_deg + at.south_deg) / 2, (at.west_deg + at.east_deg) / 2}, &x, &y);
            assert_cell(&got[i], brute_joined(cells, cells_n, 15, x, y));
        }
        seen += n;
    } while (next != UINT32_MAX);
    assert_int_equal(seen, want);
    free(got);
}

static void test_boxes(void **state)
{
    (void)state;
    static const struct geo_box FIXED[] = {{-180, -90, 180, 90}, {170, -30, -170, 10},  {0, 40, 5, 50},
                                           {180, -20, -180, 0},  {-180, -90, 180, -85}, {2.3, 48.8, 2.31, 48.81}};
    for (size_t i = 0; i < sizeof FIXED / sizeof *FIXED; i++)
        for (size_t page = 1; page <= 1000; page *= 10)
            check_box(&FIXED[i], page);
    for (int i = 0; i < 200; i++) {
        struct geo_point a = made_point(&rng), b = made_point(&rng);
        struct geo_box box = {a.lon_deg, fmin(a.lat_deg, b.lat_deg), b.lon_deg, fmax(a.lat_deg, b.lat_deg)};
        check_box(&box, 100);
    }
}

static void write_and_open(const struct made_site *s, size_t n, struct atlas **out)
{
    char path[1024];
    struct err err = {0};
    made_path(path, "ground-small");
    assert_int_equal(made_write(s, n, path, 1, &err), RC_OK);
    assert_int_equal(atlas_open(path, out, &err), RC_OK);
    unlink(path);
}

/* By hand: three sites of two faiths, one unknown, one coarse. */
static void test_by_hand(void **state)
{
    (void)state;
    const struct geo_point here = {50, 10};
    struct made_site s[] = {{.at = here, .religion = 1},
                            {.at = here, .religion = 1},
                            {.at = here, .religion = 2},
                            {.at = here, .religion = 0},
                            {.at = here, .religion = 3, .flags = ATLAS_COARSE}};
    struct atlas *a;
    size_t n;
    for (uint8_t i = 0; i < 5; i++)
        s[i].id.b[0] = i;
    write_and_open(s, 5, &a);
    struct ground_sum sum = ground_at(a, here);
    assert_int_equal(sum.sites, 4);
    assert_int_equal(sum.known, 3);
    assert_int_equal(sum.faiths, 2);
    assert_true(fabs(sum.diversity - (1 - 4.0 / 9 - 1.0 / 9)) < 1e-15);
    struct ground *g = ground_of_image(a);
    const struct ground_cell *c = ground_tile(g, 0, 0, 0, &n);
    assert_int_equal(n, 1);
    assert_int_equal(c->sites, 4);
    ground_free(g);
    atlas_close(a);
    write_and_open(s, 2, &a); /* one faith only */
    g = ground_of_image(a);
    assert_null(ground_tile(g, 0, 0, 0, &n));
    assert_int_equal(n, 0);
    assert_int_equal(ground_at(a, here).faiths, 1);
    ground_free(g);
    atlas_close(a);
    write_and_open(s, 0, &a); /* an empty registry */
    g = ground_of_image(a);
    ground_tile(g, 14, 5, 5, &n);
    assert_int_equal(n, 0);
    assert_int_equal(ground_at(a, here).sites, 0);
    ground_free(g);
    atlas_close(a);
}

static void assert_same_as(const struct ground *g, const struct made_site *s, size_t n)
{
    static const struct geo_box WORLD = {-180, -90, 180, 90};
    size_t want_n, matched;
    struct brute_cell *want = brute_cells(s, n, &want_n);
    struct ground_cell *got = mem_array(want_n + 1, sizeof *got);
    uint32_t next;
    assert_int_equal(ground_in_box(g, &WORLD, 0, want_n + 1, got, &next, &matched), want_n);
    assert_int_equal(matched, want_n);
    for (size_t i = 0; i < want_n; i++) {
        struct geo_merc m = geo_cell_merc((uint64_t)got[i].key << 32);
        assert_cell(&got[i], brute_joined(want, want_n, 15, m.x >> 16, m.y >> 16));
    }
    free(got);
    free(want);
}

/* Sites that go, move, change their faith or come: over the image as if it had been made anew. */
static void test_changes(void **state)
{
    (void)state;
    enum { CHANGES = 400 };
    struct made_site *now = mem_array(N + CHANGES, sizeof *now), *more = made_sites(&rng, CHANGES);
    struct atlas_change *changes = mem_array(2 * CHANGES, sizeof *changes);
    struct atlas_site *sites = mem_array(CHANGES, sizeof *sites);
    size_t n = N, changes_n = 0;
    struct atlas *over;
    struct err err;
    memcpy(now, made, N * sizeof *now);
    for (size_t i = 0; i < CHANGES; i++) {
        size_t at = prng_below(&rng, n);
        int what = (int)prng_below(&rng, 3);
        if (what == 0) { /* gone: nothing of it is left */
            changes[changes_n++] = (struct atlas_change){now[at].id, NULL};
            now[at] = now[--n];
            continue;
        }
        struct made_site *s = what == 1 ? &now[at] : &now[n++];
        struct uuid id = what == 1 ? s->id : more[i].id;
        *s = more[i];
        s->id = id;
        sites[i] = (struct atlas_site){.public_id = s->id,
                                       .lat_deg = s->at.lat_deg,
                                       .lon_deg = s->at.lon_deg,
                                       .religion = str_of(made_religions[s->religion]),
                                       .kind = STR("CHU"),
                                       .class_code = STR("place_of_worship"),
                                       .flags = s->flags};
        changes[changes_n++] = (struct atlas_change){s->id, &sites[i]};
    }
    assert_int_equal(atlas_overlay(atlas, changes, changes_n, 1, &over, &err), RC_OK);
    struct ground *g = ground_now(ground, over), *image = ground_of_image(over), *same = ground_now(ground, atlas);
    assert_same_as(g, now, n);
    assert_same_as(image, made, N);
    assert_same_as(same, made, N);
    for (int t = 0; t < 50; t++) {
        struct geo_point p = now[prng_below(&rng, n)].at;
        struct ground_sum got = ground_at(over, p);
        uint32_t sites_near = 0;
        for (size_t i = 0; i < n; i++)
            sites_near += brute_is_counted(&now[i]) && geo_distance_m(p, now[i].at) <= GROUND_RADIUS_M;
        assert_int_equal(got.sites, sites_near);
    }
    ground_free(g);
    ground_free(image);
    ground_free(same);
    atlas_close(over);
    free(now);
    free(more);
    free(changes);
    free(sites);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_circles), cmocka_unit_test(test_every_zoom), cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_by_hand), cmocka_unit_test(test_changes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
