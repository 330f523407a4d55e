/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Joining pieces into rings: any order and direction, touching rings, loose ends, and cut-up grids put together again.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "base/rng.h"
#include "geo/ring.h"

enum { W = 100 }; /* node id = y * W + x + 1, place = (y, x) */

static struct geo_piece piece(struct arena *mem, size_t n, const int64_t *ids)
{
    struct geo_point *at = ARENA_NEW_N(mem, struct geo_point, n);
    for (size_t i = 0; i < n; i++)
        at[i] = (struct geo_point){(double)((ids[i] - 1) / W), (double)((ids[i] - 1) % W)};
    return (struct geo_piece){ids, at, n};
}

#define ID(x, y)        ((y)*W + (x) + 1)
#define PIECE(mem, ...) piece((mem), sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

static double area_of(const struct geo_rings *r)
{
    double sum = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct geo_ring *g = &r->rings[i];
        assert_true(g->n >= 3);
        assert_true(g->at[0].lat_deg == g->at[g->n - 1].lat_deg && g->at[0].lon_deg == g->at[g->n - 1].lon_deg);
        sum += fabs(geo_ring_area(g));
    }
    return sum;
}

static void one_closed_piece(void **state)
{
    struct arena mem;
    struct geo_rings r;
    (void)state;
    arena_init(&mem);
    struct geo_piece p = PIECE(&mem, ID(0, 0), ID(2, 0), ID(2, 3), ID(0, 3), ID(0, 0));
    geo_rings_join(&p, 1, &mem, &r);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.loose, 0);
    assert_true(area_of(&r) == 6);
    geo_rings_join(NULL, 0, &mem, &r);
    assert_int_equal(r.n, 0);
    arena_fini(&mem);
}

static void pieces_in_any_order(void **state)
{
    struct arena mem;
    struct geo_rings r;
    (void)state;
    arena_init(&mem);
    struct geo_piece p[] = {PIECE(&mem, ID(4, 4), ID(0, 4)), PIECE(&mem, ID(4, 0), ID(0, 0)),
                            PIECE(&mem, ID(0, 0), ID(0, 4)), PIECE(&mem, ID(4, 4), ID(4, 2), ID(4, 0))};
    geo_rings_join(p, 4, &mem, &r);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.rings[0].n, 6);
    assert_true(area_of(&r) == 16);
    arena_fini(&mem);
}

static void touching_rings_come_apart(void **state)
{
    struct arena mem;
    struct geo_rings r;
    (void)state;
    arena_init(&mem);
    /* two squares that share the node (2,2), and a third on the first at (0,0): four ends meet there */
    struct geo_piece p[] = {PIECE(&mem, ID(2, 2), ID(2, 0), ID(0, 0)), PIECE(&mem, ID(2, 2), ID(4, 2), ID(4, 4)),
                            PIECE(&mem, ID(0, 0), ID(0, 2), ID(2, 2)), PIECE(&mem, ID(4, 4), ID(2, 4), ID(2, 2))};
    geo_rings_join(p, 4, &mem, &r);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.rings[0].n, 5);
    assert_int_equal(r.rings[1].n, 5);
    assert_true(area_of(&r) == 8);
    arena_fini(&mem);
}

static void loose_ends_are_left_out(void **state)
{
    struct arena mem;
    struct geo_rings r;
    (void)state;
    arena_init(&mem);
    /* a square with a spike, a line apart, a piece of one node */
    struct geo_piece p[] = {PIECE(&mem, ID(9, 9), ID(2, 2)), PIECE(&mem, ID(2, 2), ID(2, 0), ID(0, 0)),
                            PIECE(&mem, ID(0, 0), ID(0, 2), ID(2, 2)), PIECE(&mem, ID(20, 20), ID(21, 20)),
                            PIECE(&mem, ID(30, 30))};
    geo_rings_join(p, 5, &mem, &r);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.loose, 3);
    assert_true(area_of(&r) == 4);
    geo_rings_join(p, 2, &mem, &r);
    assert_int_equal(r.n, 0);
    assert_int_equal(r.loose, 2);
    arena_fini(&mem);
}

/* Squares in a row, each sharing a corner with the next, cut into pieces at random, shuffled and turned: as many rings
 * of the same area must come out. */
static void cut_up_squares(void **state)
{
    enum { SQUARES = 12, ROUNDS = 500 };
    struct prng rng;
    (void)state;
    prng_seed(&rng, 3);
    printf("seed 3\n");
    for (int round = 0; round < ROUNDS; round++) {
        struct arena mem;
        struct geo_piece p[SQUARES * 4];
        struct geo_rings r;
        size_t n = 0;
        arena_init(&mem);
        for (int s = 0; s < SQUARES; s++) {
            int64_t corner[5] = {ID(s, s), ID(s + 1, s), ID(s + 1, s + 1), ID(s, s + 1), ID(s, s)};
            for (size_t from = 0; from < 4;) {
                size_t len = 1 + (size_t)prng_below(&rng, 4 - from);
                int64_t *ids = ARENA_NEW_N(&mem, int64_t, len + 1);
                bool turn = prng_below(&rng, 2);
                for (size_t i = 0; i <= len; i++)
                    ids[turn ? len - i : i] = corner[from + i];
                p[n++] = piece(&mem, len + 1, ids);
                from += len;
            }
        }
        for (size_t i = n; i > 1; i--) {
            size_t k = (size_t)prng_below(&rng, i);
            struct geo_piece swap = p[i - 1];
            p[i - 1] = p[k];
            p[k] = swap;
        }
        geo_rings_join(p, n, &mem, &r);
        assert_int_equal(r.n, SQUARES);
        assert_int_equal(r.loose, 0);
        assert_true(area_of(&r) == SQUARES);
        arena_fini(&mem);
    }
}

static struct geo_ring ring(const struct geo_point *at, size_t n)
{
    return (struct geo_ring){at, n};
}
#define RING(...)                                                                                                      \
    ring((struct geo_point[]){__VA_ARGS__}, sizeof((struct geo_point[]){__VA_ARGS__}) / sizeof(struct geo_point))

static void simple_or_not(void **state)
{
    (void)state;
    struct geo_ring square = RING({0, 0}, {0, 1}, {1, 1}, {1, 0}, {0, 0});
    struct geo_ring bow = RING({0, 0}, {1, 1}, {1, 0}, {0, 1}, {0, 0});
    struct geo_ring spike = RING({0, 0}, {0, 2}, {0, 1}, {1, 1}, {0, 0});
    struct geo_ring touch = RING({0, 0}, {0, 2}, {2, 2}, {0, 1}, {2, 0}, {0, 0});
    struct geo_ring straight = RING({0, 0}, {0, 1}, {0, 2}, {2, 2}, {0, 0});
    struct geo_ring twice = RING({0, 0}, {0, 1}, {0, 1}, {1, 1}, {0, 0});
    assert_true(geo_ring_is_simple(&square));
    assert_true(geo_ring_is_simple(&straight));
    assert_false(geo_ring_is_simple(&bow));
    assert_false(geo_ring_is_simple(&spike));
    assert_false(geo_ring_is_simple(&touch));
    assert_false(geo_ring_is_simple(&twice));
    assert_int_equal(geo_ring_crossings(&bow, 1, 100), 1);
    assert_int_equal(geo_ring_crossings(&square, 1, 100), 0);
    assert_true(geo_ring_holds(&square, (struct geo_point){0.5, 0.5}));
    assert_false(geo_ring_holds(&square, (struct geo_point){0.5, 1.5}));
    assert_true(geo_ring_area(&square) == 1);
}

static void middle_of_a_line(void **state)
{
    double m;
    (void)state;
    struct geo_point east[] = {{0, 0}, {0, 1}, {0, 4}};
    struct geo_point p = geo_line_middle(east, 3, &m);
    assert_true(fabs(p.lat_deg) < 1e-12 && fabs(p.lon_deg - 2) < 1e-9);
    assert_true(fabs(m - 4 * 111195.08) < 5);
    struct geo_point dateline[] = {{0, 179}, {0, -179}};
    p = geo_line_middle(dateline, 2, &m);
    assert_true(fabs(fabs(p.lon_deg) - 180) < 1e-9);
    p = geo_line_middle(east, 1, &m);
    assert_true(m == 0 && p.lon_deg == 0);
    struct geo_point same[] = {{5, 5}, {5, 5}};
    p = geo_line_middle(same, 2, &m);
    assert_true(p.lat_deg == 5 && p.lon_deg == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_closed_piece),
        cmocka_unit_test(pieces_in_any_order),
        cmocka_unit_test(touching_rings_come_apart),
        cmocka_unit_test(loose_ends_are_left_out),
        cmocka_unit_test(cut_up_squares),
        cmocka_unit_test(simple_or_not),
        cmocka_unit_test(middle_of_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
