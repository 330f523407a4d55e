/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The JSON writer: separators, escapes, damaged text, numbers; what it writes, jansson reads back.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "wire/json_out.h"

#define LIT(z)                                                                                                         \
    {                                                                                                                  \
        "" z, sizeof(z) - 1                                                                                            \
    }

static void check(struct buf *b, const char *expected)
{
    buf_add_char(b, '\0');
    assert_string_equal(b->p, expected);
    buf_fini(b);
}

static void test_nesting(void **state)
{
    (void)state;
    struct buf b;
    struct json_out j;
    buf_init(&b, 0);
    json_out_init(&j, &b);
    json_begin_object(&j);
    json_key(&j, "a");
    json_begin_array(&j);
    json_i64(&j, 1);
    json_begin_object(&j);
    json_end_object(&j);
    json_nil(&j);
    json_end_array(&j);
    json_put_bool(&j, "b", true);
    json_put_str_opt(&j, "gone", STR_NONE);
    json_put_i64(&j, "least", INT64_MIN);
    json_key(&j, "z");
    json_z(&j, NULL);
    json_end_object(&j);
    check(&b, "{\"a\":[1,{},null],\"b\":true,\"least\":-9223372036854775808,\"z\":null}");
}

static void write_str(struct buf *b, struct str s)
{
    struct json_out j;
    buf_init(b, 0);
    json_out_init(&j, b);
    json_str(&j, s);
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *out;
    } CASES[] = {
        {LIT("plain"), "\"plain\""},
        {LIT("q\" b\\ t\t n\n r\r f\f b\b v\v e\x1b"), "\"q\\\" b\\\\ t\\t n\\n r\\r f\\f b\\b v\\u000b e\\u001b\""},
        {{"a\0b", 3}, "\"a\\u0000b\""},
        {LIT("\xC3\xA9 \xE2\x98\xAA \xF0\x9F\x95\x8C"), "\"\xC3\xA9 \xE2\x98\xAA \xF0\x9F\x95\x8C\""},
        {LIT("a\xFFz"), "\"a\xEF\xBF\xBDz\""},
        {LIT("\xE2\x98"), "\"\xEF\xBF\xBD\""},                             /* cut sequence: one replacement */
        {LIT("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* a surrogate: one per byte */
        {LIT("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},                 /* overlong */
        {LIT("\xF4\x90\x80\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* over U+10FFFF */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct buf b;
        write_str(&b, CASES[i].in);
        check(&b, CASES[i].out);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        double v;
        int decimals;
        const char *out;
    } CASES[] = {
        {0, 6, "0"},
        {-0.0, 6, "0"},
        {1.5, 6, "1.5"},
        {-1.25, 1, "-1.3"},
        {2.0, 3, "2"},
        {0.001, 2, "0"},
        {-0.06, 1, "-0.1"},
        {123.456789, 6, "123.456789"},
        {1000, 0, "1000"},
        {0.000001, 6, "0.000001"},
        {99.9999999, 2, "100"},
        {NAN, 2, "null"},
        {INFINITY, 2, "null"},
        {-INFINITY, 2, "null"},
        {10.05, 2, "10.05"},
        {500, 12, "500"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct buf b;
        struct json_out j;
        buf_init(&b, 0);
        json_out_init(&j, &b);
        json_f64(&j, CASES[i].v, CASES[i].decimals);
        check(&b, CASES[i].out);
    }
}

/* Any bytes and any double: what is written is JSON, and numbers come back within half a unit of the last place. */
static void test_round_trip(void **state)
{
    (void)state;
    const uint64_t seed = 20240117;
    struct prng r;
    prng_seed(&r, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 20000; i++) {
        char bytes[24];
        size_t n = prng_below(&r, sizeof bytes);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (char)prng_below(&r, 256);
        double v = ldexp(prng_unit(&r) - 0.5, (int)prng_below(&r, 2000) - 1000);
        struct buf b;
        struct json_out j;
        buf_init(&b, 0);
        json_out_init(&j, &b);
        json_begin_array(&j);
        json_str(&j, (struct str){bytes, n});
        json_f64(&j, v, 9);
        json_end_array(&j);
        json_t *back = json_loadb(b.p, b.n, JSON_ALLOW_NUL, NULL);
        assert_non_null(back);
        double got = json_number_value(json_array_get(back, 1));
        assert_true(fabs(got - v) <= 0.5000001e-9 + fabs(v) * 1e-15);
        if (str_is_utf8((struct str){bytes, n})) {
            assert_int_equal(json_string_length(json_array_get(back, 0)), n);
            assert_memory_equal(json_string_value(json_array_get(back, 0)), bytes, n);
        }
        json_decref(back);
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
