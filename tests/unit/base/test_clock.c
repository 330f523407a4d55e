/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Dates and instants.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static void every_day_round_trips(void **state)
{
    (void)state;
    struct civil_date d = {1, 1, 1};
    int64_t first = date_to_days(d), last = date_to_days((struct civil_date){9999, 12, 31});
    for (int64_t day = first; day <= last; day++) {
        d = date_from_days(day);
        assert_true(date_is_valid(d));
        assert_true(date_to_days(d) == day);
    }
    assert_int_equal(date_to_days((struct civil_date){1970, 1, 1}), 0);
    assert_int_equal(date_to_days((struct civil_date){2000, 3, 1}), 11017);
}

static void real_dates_only(void **state)
{
    (void)state;
    struct civil_date d;
    assert_true(date_parse(STR("2024-02-29"), &d));
    static const char *const BAD[] = {"2023-02-29", "2024-13-01",  "2024-00-10", "2024-1-01",
                                      "0000-01-01", "2024-01-01x", "1900-02-29"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_false(date_parse(str_of(BAD[i]), &d));
}

static void instants_read_and_write(void **state)
{
    (void)state;
    struct arena mem;
    struct instant t;
    arena_init(&mem);
    assert_true(instant_parse(STR("2019-03-15T13:40:00.25+13:00"), &t));
    assert_true(str_is_equal(instant_format(&mem, t), STR("2019-03-15T00:40:00.250000Z")));
    assert_true(str_is_equal(instant_format_s(&mem, t), STR("2019-03-15T00:40:00Z")));
    assert_true(str_is_equal(instant_format_cap(&mem, t), STR("2019-03-15T00:40:00-00:00")));
    assert_true(instant_parse(STR("1969-12-31T23:59:59.999999Z"), &t) && t.us == -1);
    assert_true(str_is_equal(instant_format(&mem, t), STR("1969-12-31T23:59:59.999999Z")));
    assert_true(instant_parse(STR("2019-03-15"), &t));
    static const char *const BAD[] = {"2019-03-15T24:00:00Z",     "2019-03-15T00:00:00",   "2019-03-15T00:00:00.Z",
                                      "2019-03-15T00:00:00+1:00", "2019-03-15T00:00:00Zx", ""};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_false(instant_parse(str_of(BAD[i]), &t));
    arena_fini(&mem);
}

static void the_clock_can_be_set(void **state)
{
    (void)state;
    clock_set((struct instant){42});
    assert_true(clock_now().us == 42);
    clock_unset();
    assert_true(clock_now().us > INT64_C(1600000000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_round_trips),
        cmocka_unit_test(real_dates_only),
        cmocka_unit_test(instants_read_and_write),
        cmocka_unit_test(the_clock_can_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
