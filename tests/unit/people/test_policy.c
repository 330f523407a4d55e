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
    const bool full[] = {[POLICY_SITE] = (anyone && o->visibility == VISIBILITY_PUBLIC) ||
                                         (reviewer && (seen || o->visibility == VISIBILITY_HIDDEN)),
                         [POLICY_INCIDENT] = reviewer && known,
                         [POLICY_CONTEXT] = reviewer,
                         [POLICY_REPORT] = reviewer,
                         [POLICY_CLUSTER] = reviewer,
                         [POLICY_WARNING] = reviewer,
                         [POLICY_LEDGER] = reviewer,
                         [POLICY_ACCOUNT] = admin || self};
    const bool coarse[] = {[POLICY_SITE] = anyone && seen,
                           [POLICY_INCIDENT] = anyone && (o->verification == 3 || o->verification == 4),
                           [POLICY_CONTEXT] = anyone,
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
                for (int bits = 0; bits < 4; bits++)
                    for (size_t i = 0; i < 3; i++, n++) {
                        struct policy_object o = {.kind = (enum policy_kind)kind,
                                                  .visibility = (enum visibility)visibility,
                                                  .verification = verification,
                                                  .is_approved = bits & 1,
                                                  .is_scope_public = bits >> 1,
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
                fail_msg("role %d kind %d visibility %d verification %d approved %d public %d: %d, not %d", role, o->kind,
                         o->visibility, o->verification, o->is_approved, o->is_scope_public, got, want);
        }
}

static void test_reference(void **state)
{
    (void)state;
    assert_int_equal(each_object(compare), 10 * 5 * 8 * 4 * 3);
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
    for (int act = -1; act <= ACT_MANAGE_PEOPLE + 1; act++)
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
                                  [ACT_MANAGE_PEOPLE] = {0, 0, 0, 1, 1}};
    for (int act = 0; act <= ACT_MANAGE_PEOPLE; act++)
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference), cmocka_unit_test(test_monotone),
                                       cmocka_unit_test(test_acts), cmocka_unit_test(test_coarse_points)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
