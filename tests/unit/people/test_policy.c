/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The policy against a reference rule written apart from it, over every combination; and that no higher role sees less,
 * no unknown value is granted, and coarse points keep their promise.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "base/rng.h"
#include "geo/geo.h"
#include "people/policy.h"

static const struct uuid ALICE = {{1}}, BOB = {{2}}, NOBODY = {{0}};

/* What the design says, sentence by sentence: first who may see it whole, then who coarse; the rest is denied. */
static enum view reference(const struct viewer *v, const struct policy_object *o)
{
    const bool reviewer = v->role == ROLE_REVIEWER || v->role == ROLE_COORDINATOR || v->role == ROLE_ADMINISTRATOR;
    const bool admin = v->role == ROLE_ADMINISTRATOR;
    const bool anyone = reviewer || v->role == ROLE_PUBLIC;
    const bool self = !uuid_is_nil(v->account) && uuid_is_equal(v->account, o->owner) && anyone;
    const bool seen = o->visibility == VISIBILITY_PUBLIC || o->visibility == VISIBILITY_COARSE;
    const bool known = o->verification >= -1 && o->verification <= 4;
    const bool open = !o->is_country_closed;
    const bool full[] = {[POLICY_SITE] = (anyone && open && o->visibility == VISIBILITY_PUBLIC) ||
                                         (reviewer && (seen || o->visibility == VISIBILITY_HIDDEN)),
                         [POLICY_INCIDENT] = reviewer && known,
                         [POLICY_CONTEXT] = reviewer,
                         [POLICY_REPORT] = reviewer,
                         [POLICY_CLUSTER] = reviewer,
                         [POLICY_WARNING] = reviewer,
                         [POLICY_LEDGER] = reviewer,
                         [POLICY_ACCOUNT] = admin || self};
    const bool coarse[] = {[POLICY_SITE] = anyone && seen && open,
                           [POLICY_INCIDENT] =
                               anyone && (o->verification == 3 || o->verification == 4) && !o->is_of_hidden,
                           [POLICY_CONTEXT] = anyone && !o->is_of_hidden,
                           [POLICY_REPORT] = false,
                           [POLICY_CLUSTER] = false,
                           [POLICY_WARNING] = anyone && o->is_approved && o->is_scope_public,
                           [POLICY_LEDGER] = false,
                           [POLICY_ACCOUNT] = false};
    if ((int)o->kind < POLICY_SITE || o->kind > POLICY_ACCOUNT)
        return VIEW_DENIED;
    return full[o->kind] ? VIEW_FULL : coarse[o->kind] ? VIEW_COARSE : VIEW_DENIED;
}

/* Calls fn for every object, values one beyond each end included. */
static size_t each_object(void (*fn)(const struct policy_object *o))
{
    const struct uuid owners[] = {NOBODY, ALICE, BOB};
    size_t n = 0;
    for (int kind = -1; kind <= POLICY_ACCOUNT + 1; kind++)
        for (int visibility = -1; visibility <= VISIBILITY_HIDDEN + 1; visibility++)
            for (int verification = -2; verification <= 5; verification++)
                for (int bits = 0; bits < 16; bits++)
                    for (size_t i = 0; i < 3; i++, n++) {
                        struct policy_object o = {.kind = (enum policy_kind)kind,
                                                  .visibility = (enum visibility)visibility,
                                                  .verification = verification,
                                                  .is_approved = bits & 1,
                                                  .is_scope_public = bits >> 1 & 1,
                                                  .is_country_closed = bits >> 2 & 1,
                                                  .is_of_hidden = bits >> 3 & 1,
                                                  .owner = owners[i]};
                        fn(&o);
                    }
    return n;
}

static void compare(const struct policy_object *o)
{
    const struct uuid accounts[] = {NOBODY, ALICE};
    for (int role = -1; role <= ROLE_ADMINISTRATOR + 1; role++)
        for (size_t i = 0; i < 2; i++) {
            struct viewer v = {.account = accounts[i], .role = (enum role)role};
            enum view got = policy_view(&v, o), want = reference(&v, o);
            if (got != want)
                fail_msg("role %d kind %d visibility %d verification %d approved %d public %d: %d, not %d", role,
                         o->kind, o->visibility, o->verification, o->is_approved, o->is_scope_public, got, want);
        }
}

static void test_reference(void **state)
{
    (void)state;
    assert_int_equal(each_object(compare), 10 * 5 * 8 * 16 * 3);
}

static void rises(const struct policy_object *o)
{
    const struct uuid accounts[] = {NOBODY, ALICE};
    for (size_t i = 0; i < 2; i++)
        for (int role = ROLE_PUBLIC; role < ROLE_ADMINISTRATOR; role++) {
            struct viewer low = {.account = accounts[i], .role = (enum role)role}, high = low;
            high.role = (enum role)(role + 1);
            assert_true(policy_view(&low, o) <= policy_view(&high, o));
        }
}

static void test_monotone(void **state)
{
    (void)state;
    each_object(rises);
    for (int act = -1; act <= ACT_CLOSE_COUNTRY + 1; act++)
        for (int role = ROLE_PUBLIC; role < ROLE_ADMINISTRATOR; role++) {
            struct viewer low = {.account = ALICE, .role = (enum role)role}, high = low;
            high.role = (enum role)(role + 1);
            assert_true(policy_may(&low, (enum act)act) <= policy_may(&high, (enum act)act));
        }
}

/* Rows: acts. Columns: public, reviewer, coordinator, administrator; then administrator without an account. */
static void test_acts(void **state)
{
    (void)state;
    static const bool MAY[][5] = {[ACT_REPORT] = {1, 1, 1, 1, 1},         [ACT_REVIEW_REPORT] = {0, 1, 1, 1, 0},
                                  [ACT_EDIT_INCIDENT] = {0, 1, 1, 1, 0},  [ACT_RUN_WATCH] = {0, 1, 1, 1, 1},
                                  [ACT_DECIDE_WARNING] = {0, 0, 1, 1, 0}, [ACT_IMPORT] = {0, 0, 0, 1, 1},
                                  [ACT_MANAGE_PEOPLE] = {0, 0, 0, 1, 1},  [ACT_NARROW_SITE] = {0, 0, 1, 1, 1},
                                  [ACT_REVIEW_SITE] = {0, 0, 1, 1, 0},    [ACT_WIDEN_SITE] = {0, 0, 0, 1, 1},
                                  [ACT_CLOSE_COUNTRY] = {0, 0, 0, 1, 1},  [ACT_EDIT_PICTURES] = {0, 1, 1, 1, 1}};
    for (int act = 0; act <= ACT_CLOSE_COUNTRY; act++)
        for (int column = 0; column < 5; column++) {
            struct viewer v = {.account = column < 4 ? ALICE : NOBODY, .role = (enum role)(column < 4 ? column : 3)};
            assert_int_equal(policy_may(&v, (enum act)act), MAY[act][column]);
        }
    struct viewer odd = {.account = ALICE, .role = (enum role)99};
    assert_false(policy_may(&odd, ACT_REPORT));
    assert_false(policy_may(&(struct viewer){.account = ALICE, .role = ROLE_ADMINISTRATOR}, (enum act)99));
}

/* Always inside the same grid cell, the same for every point of it, and itself unmoved. */
static void test_coarse_points(void **state)
{
    (void)state;
    struct prng r;
    prng_seed(&r, 11);
    print_message("seed 11\n");
    double before = 0, after = 0;
    for (int i = 0; i < 200000; i++) {
        double lat = prng_unit(&r) * 170 - 85, lon = prng_unit(&r) * 360 - 180, la, lo, la2, lo2;
        policy_coarse_point(lat, lon, &la, &lo);
        struct geo_merc a = geo_merc_of((struct geo_point){lat, lon}), b = geo_merc_of((struct geo_point){la, lo});
        assert_int_equal(a.x >> 20, b.x >> 20);
        assert_int_equal(a.y >> 20, b.y >> 20);
        struct geo_box box = geo_tile_box(POLICY_COARSE_ZOOM, a.x >> 20, a.y >> 20);
        assert_true(fabs(lo - (box.west_deg + box.east_deg) / 2) < 1e-6);
        policy_coarse_point(la, lo, &la2, &lo2);
        assert_true(la == la2 && lo == lo2);
        policy_coarse_point(lat + 1e-9, lon, &la2, &lo2);
        before += la != la2;
        after++;
    }
    assert_true(before / after < 0.001); /* neighbours share a cell */
    static const double ODD[][2] = {{90, 180}, {-90, -180}, {0, 0}, {NAN, NAN}, {1e300, -1e300}};
    for (size_t i = 0; i < sizeof ODD / sizeof *ODD; i++) {
        double la, lo;
        policy_coarse_point(ODD[i][0], ODD[i][1], &la, &lo);
        assert_true(la > -86 && la < 86 && lo > -180 && lo < 180);
    }
}

/* Worked out apart from the program: rows of 0.45 degree from 90 S; in each, columns of 50 km at its narrower edge. Never to change: what was
 * published stays published. */
static void test_cells_of_always(void **state)
{
    (void)state;
    static const struct {
        double lat, lon;
        int precision;
        double want_lat, want_lon;
    } ALWAYS[] = {
        {0, 0, 50000, 0.225, 0.2250000},
        {48.8530, 2.3499, 10000, 48.8250000, 2.4045802},
        {48.8530, 2.3499, 1000, 48.8565000, 2.3564885},
        {-33.8600, 151.2111, 5000, -33.8625000, 151.2054381},
        {89.9, 12, 1000, 90, 0},
        {-90, 0, 1000, -90, 0},
        {10, 180, 1000, 10.0035, -179.9954257},
        {10, -180, 1000, 10.0035, -179.9954257},
    };
    for (size_t i = 0; i < sizeof ALWAYS / sizeof *ALWAYS; i++) {
        struct policy_cell c = policy_cell_of(ALWAYS[i].lat, ALWAYS[i].lon, ALWAYS[i].precision);
        if (fabs(c.lat_deg - ALWAYS[i].want_lat) > 1.01e-7 || fabs(c.lon_deg - ALWAYS[i].want_lon) > 1.01e-7)
            fail_msg("row %zu: %.7f %.7f", i, c.lat_deg, c.lon_deg);
    }
}

static double lon_apart(double a, double b)
{
    double d = fabs(a - b);
    return d > 180 ? 360 - d : d;
}

/* Every cell is at least the precision wide and high; the point is within reach; the centre is its own cell's centre; a
 * finer cell's centre is in the same coarser cell as the point. */
static void test_cells(void **state)
{
    (void)state;
    struct prng r;
    prng_seed(&r, 12);
    print_message("seed 12\n");
    for (int i = 0; i < 200000; i++) {
        double lat = asin(prng_unit(&r) * 2 - 1) * 180 / 3.14159265358979323846, lon = prng_unit(&r) * 360 - 180;
        struct policy_cell coarser = {0};
        for (int k = POLICY_PRECISIONS - 1; k >= 0; k--) {
            int m = POLICY_LADDER_M[k];
            struct policy_cell c = policy_cell_of(lat, lon, m), again = policy_cell_of(c.lat_deg, c.lon_deg, m);
            assert_true(again.lat_deg == c.lat_deg && again.lon_deg == c.lon_deg && again.reach_m == c.reach_m);
            assert_true(geo_distance_m((struct geo_point){lat, lon}, (struct geo_point){c.lat_deg, c.lon_deg}) <=
                        c.reach_m);
            assert_true(c.reach_m >= m * 0.7);
            assert_true(fabs(lat) > 80 || c.reach_m < m * 0.8); /* half the diagonal, and little more */
            struct policy_cell up = policy_cell_of(c.lat_deg, c.lon_deg, POLICY_PRECISION_MAX_M);
            if (k < POLICY_PRECISIONS - 1)
                assert_true(up.lat_deg == coarser.lat_deg && up.lon_deg == coarser.lon_deg);
            else
                coarser = c;
        }
    }
}

/* Walks out of a cell on each side: it is never narrower than it says. */
static void test_cells_are_wide(void **state)
{
    (void)state;
    struct prng r;
    prng_seed(&r, 13);
    for (int i = 0; i < 20000; i++) {
        double lat = prng_unit(&r) * 178 - 89, lon = prng_unit(&r) * 360 - 180;
        int m = POLICY_LADDER_M[prng_below(&r, POLICY_PRECISIONS)];
        struct policy_cell c = policy_cell_of(lat, lon, m);
        struct geo_point at = {c.lat_deg, c.lon_deg};
        if (fabs(c.lat_deg) == 90)
            continue;
        for (int bearing = 0; bearing < 360; bearing += 90) {
            struct geo_point near = geo_destination(at, bearing, m * 0.4999);
            struct policy_cell same = policy_cell_of(near.lat_deg, near.lon_deg, m);
            assert_true(same.lat_deg == c.lat_deg && lon_apart(same.lon_deg, c.lon_deg) < 1e-9);
        }
    }
}

/* No machine's cosine may cut a row into another number of columns. */
static void test_cells_do_not_hang_on_rounding(void **state)
{
    (void)state;
    const double rad = 3.14159265358979323846 / 180;
    for (int edge = 1; edge < 200; edge++) {
        double columns = 2 * 180 * rad * EARTH_RADIUS_M * cos(edge * 0.45 * rad) / POLICY_PRECISION_MAX_M;
        assert_true(fabs(columns - round(columns)) > 1e-6);
    }
    assert_false(policy_is_precision(2000));
    struct policy_cell odd = policy_cell_of(48.85, 2.35, 7), most = policy_cell_of(48.85, 2.35, POLICY_PRECISION_MAX_M);
    assert_true(odd.lat_deg == most.lat_deg && odd.lon_deg == most.lon_deg);
    odd = policy_cell_of(NAN, NAN, 1000);
    assert_true(odd.lat_deg >= -90 && odd.lat_deg <= 90 && odd.lon_deg >= -180 && odd.lon_deg <= 180);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference),
                                       cmocka_unit_test(test_monotone),
                                       cmocka_unit_test(test_acts),
                                       cmocka_unit_test(test_coarse_points),
                                       cmocka_unit_test(test_cells_of_always),
                                       cmocka_unit_test(test_cells),
                                       cmocka_unit_test(test_cells_are_wide),
                                       cmocka_unit_test(test_cells_do_not_hang_on_rounding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
