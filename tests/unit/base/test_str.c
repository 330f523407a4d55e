/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Text: slices, UTF-8, numbers, encodings, the growing buffer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/str.h"

static void cut_trim_and_compare(void **state)
{
    (void)state;
    struct str head, rest;
    assert_true(str_cut(STR("a=b=c"), '=', &head, &rest));
    assert_true(str_is_equal(head, STR("a")) && str_is_equal(rest, STR("b=c")));
    assert_false(str_cut(STR("abc"), '=', &head, &rest));
    assert_true(str_is_equal(head, STR("abc")) && str_is_empty(rest));
    assert_true(str_is_equal(str_trim(STR(" \t\r\nx y \v")), STR("x y")));
    assert_true(str_compare(STR("a"), STR("ab")) < 0 && str_compare(STR("b"), STR("ab")) > 0);
    assert_true(str_contains(STR("abcabd"), STR("abd")) && !str_contains(STR("ab"), STR("abd")));
    assert_int_equal(str_slice(STR("abc"), 2, 99).n, 1);
    assert_int_equal(str_slice(STR("abc"), 5, 2).n, 0);
}

static void utf8_is_strict(void **state)
{
    (void)state;
    assert_true(str_is_utf8(STR("caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x95\x8c")));
    static const char *const BAD[] = {"\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xff",     "\xe6\x97",     "\x80"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_false(str_is_utf8(str_of(BAD[i])));
    assert_int_equal(str_clip(STR("a\xc3\xa9"), 2).n, 1);
    assert_int_equal(str_clip(STR("a\xc3\xa9"), 3).n, 3);
}

static void numbers_take_the_whole_string(void **state)
{
    (void)state;
    int64_t i;
    double d;
    assert_true(str_parse_i64(STR("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(str_parse_i64(STR("9223372036854775807"), &i) && i == INT64_MAX);
    assert_false(str_parse_i64(STR("9223372036854775808"), &i));
    assert_false(str_parse_i64(STR(""), &i));
    assert_false(str_parse_i64(STR("1 "), &i));
    assert_false(str_parse_i64(STR("-"), &i));
    assert_true(str_parse_f64(STR("-1.5e-3"), &d));
    assert_true(d == -1.5e-3);
    static const char *const BAD[] = {"nan", "inf", "0x10", "1e999", "1,5", "1.5 ", ".", "e5", "1e", ""};
    for (size_t k = 0; k < sizeof BAD / sizeof BAD[0]; k++)
        assert_false(str_parse_f64(str_of(BAD[k]), &d));
}

static void hex_and_base64_round_trip(void **state)
{
    (void)state;
    struct arena mem;
    arena_init(&mem);
    struct prng r;
    prng_seed(&r, 7);
    for (size_t n = 0; n < 70; n++) {
        unsigned char data[70], back[70];
        struct str out;
        for (size_t i = 0; i < n; i++)
            data[i] = (unsigned char)prng_u64(&r);
        assert_true(str_unhex(str_hex(&mem, data, n), back, n));
        assert_memory_equal(data, back, n);
        assert_true(str_unbase64(str_base64(&mem, data, n), &mem, &out));
        assert_int_equal(out.n, n);
        assert_memory_equal(data, out.p, n);
    }
    struct str out;
    assert_true(str_is_equal(str_base64(&mem, "foobar", 6), STR("Zm9vYmFy"))); /* RFC 4648, section 10 */
    assert_false(str_unbase64(STR("Zm9=YmFy"), &mem, &out));
    assert_false(str_unbase64(STR("Zm9"), &mem, &out));
    arena_fini(&mem);
}

static void buffer_grows_and_keeps_its_cap(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    buf_add_z(&b, "12345");
    buf_add_z(&b, "67890");
    assert_false(buf_is_over(&b));
    buf_add_char(&b, 'x');
    assert_true(buf_is_over(&b));
    assert_true(str_is_equal(buf_str(&b), STR("1234567890")));
    buf_fini(&b);
    buf_init(&b, 0);
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d,", i);
    buf_printf(&b, "%0600d", 7); /* longer than the small buffer inside */
    assert_int_equal(b.n, 10 * 2 + 90 * 3 + 900 * 4 + 600);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_trim_and_compare),           cmocka_unit_test(utf8_is_strict),
        cmocka_unit_test(numbers_take_the_whole_string),  cmocka_unit_test(hex_and_base64_round_trip),
        cmocka_unit_test(buffer_grows_and_keeps_its_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
