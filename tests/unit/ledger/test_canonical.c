/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Canonical JSON against RFC 8785's own tables.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "ledger/canonical.h"

static double of_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* RFC 8785, appendix B; then ECMAScript's thresholds and powers of two, as V8 prints them. */
static const struct {
    uint64_t bits;
    const char *text;
} NUMBERS[] = {
    {UINT64_C(0x0000000000000000), "0"},
    {UINT64_C(0x8000000000000000), "0"},
    {UINT64_C(0x0000000000000001), "5e-324"},
    {UINT64_C(0x8000000000000001), "-5e-324"},
    {UINT64_C(0x7fefffffffffffff), "1.7976931348623157e+308"},
    {UINT64_C(0xffefffffffffffff), "-1.7976931348623157e+308"},
    {UINT64_C(0x4340000000000000), "9007199254740992"},
    {UINT64_C(0xc340000000000000), "-9007199254740992"},
    {UINT64_C(0x4430000000000000), "295147905179352830000"},
    {UINT64_C(0x44b52d02c7e14af5), "9.999999999999997e+22"},
    {UINT64_C(0x44b52d02c7e14af6), "1e+23"},
    {UINT64_C(0x44b52d02c7e14af7), "1.0000000000000001e+23"},
    {UINT64_C(0x444b1ae4d6e2ef4e), "999999999999999700000"},
    {UINT64_C(0x444b1ae4d6e2ef4f), "999999999999999900000"},
    {UINT64_C(0x444b1ae4d6e2ef50), "1e+21"},
    {UINT64_C(0x3eb0c6f7a0b5ed8c), "9.999999999999997e-7"},
    {UINT64_C(0x3eb0c6f7a0b5ed8d), "0.000001"},
    {UINT64_C(0x41b3de4355555553), "333333333.3333332"},
    {UINT64_C(0x41b3de4355555554), "333333333.33333325"},
    {UINT64_C(0x41b3de4355555555), "333333333.3333333"},
    {UINT64_C(0x41b3de4355555556), "333333333.3333334"},
    {UINT64_C(0x41b3de4355555557), "333333333.33333343"},
    {UINT64_C(0xbecbf647612f3696), "-0.0000033333333333333333"},
    {UINT64_C(0x43143ff3c1cb0959), "1424953923781206.2"},
    {UINT64_C(0x3d30000000000000), "5.684341886080802e-14"}, /* 2^-44: the next decimal up, not the nearest */
    {UINT64_C(0x0010000000000000), "2.2250738585072014e-308"},
    {UINT64_C(0x0370000000000000), "4.008336720017946e-292"}};

static void test_numbers(void **state)
{
    (void)state;
    char z[CANONICAL_NUMBER_MAX];
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        canonical_number(of_bits(NUMBERS[i].bits), z);
        assert_string_equal(z, NUMBERS[i].text);
    }
}

/* Any double is read back as itself from what is printed. */
static void test_numbers_round_trip(void **state)
{
    (void)state;
    struct prng r;
    char z[CANONICAL_NUMBER_MAX];
    prng_seed(&r, 8785);
    print_message("seed 8785\n");
    for (int i = 0; i < 50000; i++) {
        double v = of_bits(prng_u64(&r));
        if (!isfinite(v))
            continue;
        size_t n = canonical_number(v, z);
        assert_int_equal(n, strlen(z));
        assert_true(strtod(z, NULL) == v);
    }
}

static struct str canonical(struct arena *mem, const char *json)
{
    struct str out;
    struct err err;
    if (canonical_json(str_of(json), mem, &out, &err) != RC_OK)
        fail_msg("%s: %s", json, err.text);
    return out;
}

static const struct {
    const char *in, *out;
} TEXTS[] = {
    {"{}", "{}"},
    {" [ 1 , 2.50 , 1e2, -0 , -0.0, 1E-7 ] ", "[1,2.5,100,0,0,1e-7]"},
    {"{\"b\":1,\"a\":{\"d\":null,\"c\":[true,false]}}", "{\"a\":{\"c\":[true,false],\"d\":null},\"b\":1}"},
    /* RFC 8785 section 3.2.2 */
    {"{\"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],"
     " \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\", \"literals\": [null, true, false]}",
     "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
     "\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"},
    /* RFC 8785 section 3.2.3: sorting by UTF-16, U+1F600 before U+FB33 */
    {"{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\",\"1\":\"One\","
     "\"\\ud83d\\ude00\":\"Emoji\",\"\\u0080\":\"Control\",\"\\u00f6\":\"Latin\"}",
     "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\",\"\xc3\xb6\":\"Latin\",\"\xe2\x82\xac\":\"Euro Sign\","
     "\"\xf0\x9f\x98\x80\":\"Emoji\",\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}"},
    {"\"\\b\\t\\n\\f\\r\\u000b\\u001f\\u007f\"", "\"\\b\\t\\n\\f\\r\\u000b\\u001f\x7f\""},
    {"9007199254740992", "9007199254740992"},
};

static void test_texts(void **state)
{
    (void)state;
    struct arena mem;
    arena_init(&mem);
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        struct str out = canonical(&mem, TEXTS[i].in);
        assert_string_equal(out.p, TEXTS[i].out);
        assert_string_equal(canonical(&mem, out.p).p, TEXTS[i].out); /* C1 */
    }
    arena_fini(&mem);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {"",
                                      "{",
                                      "{\"a\":1,\"a\":2}",
                                      "9007199254740993",
                                      "-9007199254740993",
                                      "123456789012345678901234567890",
                                      "1e999",
                                      "\"\\u0000\"",
                                      "\"\\ud800\"",
                                      "\"\xff\"",
                                      "NaN",
                                      "[1]x",
                                      "01",
                                      "90071992547409928.654",
                                      "1e20"};
    struct arena mem;
    struct str out;
    struct err err;
    arena_init(&mem);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        err.text[0] = 0;
        if (canonical_json(str_of(BAD[i]), &mem, &out, &err) != RC_INVALID)
            fail_msg("accepted: %s", BAD[i]);
        assert_true(err.text[0]);
    }
    char deep[200];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    assert_int_equal(canonical_json((struct str){deep, 200}, &mem, &out, &err), RC_INVALID);
    arena_fini(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_numbers_round_trip),
                                       cmocka_unit_test(test_texts), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
