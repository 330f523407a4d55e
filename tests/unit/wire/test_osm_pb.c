/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The protocol buffers reader: every length of varint, padded and overlong ones, truncation at each byte, wrong wire
 * types; the quick paths agree with the plain ones on random bytes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "wire/pb.h"
#include "pbf_make.h"

#define BYTES(...) ((struct str){(const char *)(unsigned char[]){__VA_ARGS__}, sizeof(unsigned char[]){__VA_ARGS__}})

static bool varint(struct str s, uint64_t *out, size_t *used)
{
    struct pb c = pb_of(s);
    bool ok = pb_varint(&c, out);
    *used = s.n - pb_left(&c);
    return ok;
}

static void varints_of_every_length(void **state)
{
    (void)state;
    for (int bit = 0; bit < 64; bit++)
        for (int more = -1; more <= 1; more++) {
            uint64_t want = (UINT64_C(1) << bit) + (uint64_t)more, got;
            size_t used;
            struct buf b;
            buf_init(&b, 0);
            mk_varint(&b, want);
            size_t n = b.n;
            buf_add(&b, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9); /* what follows is not read */
            assert_true(varint(buf_str(&b), &got, &used));
            assert_true(got == want);
            assert_int_equal(used, n);
            struct pb c = pb_of(buf_str(&b));
            assert_true(pb_varint_mixed(&c, &got));
            assert_true(got == want && buf_str(&b).n - pb_left(&c) == n);
            for (size_t cut = 0; cut < n; cut++) {
                assert_false(varint(str_slice(buf_str(&b), 0, cut), &got, &used));
                assert_int_equal(used, 0);
            }
            buf_fini(&b);
        }
}

static void overlong_varints(void **state)
{
    uint64_t v;
    size_t used;
    (void)state;
    assert_true(varint(BYTES(0x81, 0x80, 0x00), &v, &used)); /* padded, legal */
    assert_int_equal(v, 1);
    assert_true(varint(BYTES(0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01), &v, &used));
    assert_true(v == UINT64_MAX);
    assert_false(varint(BYTES(0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02), &v, &used));
    assert_false(varint(BYTES(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00), &v, &used));
    assert_int_equal(used, 0);
}

static void zigzag_numbers(void **state)
{
    static const int64_t VALUES[] = {0, -1, 1, -2, 2, INT64_MAX, INT64_MIN, 1234567890123, -1234567890123};
    (void)state;
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++)
        assert_true(pb_zigzag(mk_zigzag(VALUES[i])) == VALUES[i]);
}

static void fields_of_every_wire(void **state)
{
    (void)state;
    struct pb c =
        pb_of(BYTES(0x08, 0x96, 0x01, 0x12, 0x02, 'h', 'i', 0x19, 1, 0, 0, 0, 0, 0, 0, 0x80, 0x25, 1, 2, 3, 4));
    struct pb_field f;
    assert_int_equal(pb_next(&c, &f), PB_FIELD);
    assert_true(f.number == 1 && f.wire == PB_VARINT && f.value == 150);
    assert_int_equal(pb_next(&c, &f), PB_FIELD);
    assert_true(f.number == 2 && f.wire == PB_BYTES && str_is_equal(f.bytes, STR("hi")));
    assert_int_equal(pb_next(&c, &f), PB_FIELD);
    assert_true(f.number == 3 && f.wire == PB_FIXED64 && f.value == UINT64_C(0x8000000000000001));
    assert_int_equal(pb_next(&c, &f), PB_FIELD);
    assert_true(f.number == 4 && f.wire == PB_FIXED32 && f.value == 0x04030201);
    assert_int_equal(pb_next(&c, &f), PB_END);
    assert_int_equal(pb_next(&c, &f), PB_END);
}

static void bad(struct str s, const char *why)
{
    struct pb c = pb_of(s);
    struct pb_field f = {.number = 77};
    assert_int_equal(pb_next(&c, &f), PB_BAD);
    assert_int_equal(f.number, 77); /* untouched */
    assert_true((const char *)c.p == s.p);
    if (strstr(pb_fault(&c), why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", pb_fault(&c), why);
    assert_int_equal(pb_next_quick(&c, &f), PB_BAD);
    assert_true((const char *)c.p == s.p);
}

static void bad_fields(void **state)
{
    (void)state;
    bad(BYTES(0x80), "cut short");
    bad(BYTES(0x00, 0x01), "field number");
    bad(BYTES(0x0B, 0x01, 0x01), "groups");
    bad(BYTES(0x0C, 0x01, 0x01), "groups");
    bad(BYTES(0x0E, 0x01, 0x01), "unknown wire type");
    bad(BYTES(0x0F, 0x01, 0x01), "unknown wire type");
    bad(BYTES(0x12, 0x03, 'h', 'i'), "past the end");
    bad(BYTES(0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 'h'), "past the end");
    bad(BYTES(0x09, 1, 2, 3, 4, 5, 6, 7), "cut short");
    bad(BYTES(0x0D, 1, 2, 3), "cut short");
    bad(BYTES(0x08), "cut short");
    bad(BYTES(0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x00), "field number"); /* above 2^29 - 1 */
}

static void quick_is_plain(void **state)
{
    struct prng r;
    unsigned char bytes[24];
    (void)state;
    prng_seed(&r, 20);
    printf("seed 20\n");
    for (int i = 0; i < 300000; i++) {
        size_t n = prng_below(&r, sizeof bytes + 1);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (unsigned char)(prng_below(&r, 3) ? prng_below(&r, 40) : prng_below(&r, 256));
        struct pb a = {bytes, bytes + n}, b = a;
        for (enum pb_step s = PB_FIELD; s == PB_FIELD;) {
            struct pb_field x = {0}, y = {0};
            s = pb_next(&a, &x);
            assert_int_equal(s, pb_next_quick(&b, &y));
            assert_true(a.p == b.p);
            assert_true(x.number == y.number && x.wire == y.wire && x.value == y.value && x.bytes.p == y.bytes.p &&
                        x.bytes.n == y.bytes.n);
        }
        uint64_t v = 0, w = 0;
        struct pb p = {bytes, bytes + n}, q = p;
        assert_int_equal(pb_varint(&p, &v), pb_varint_mixed(&q, &w));
        assert_true(v == w && p.p == q.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_of_every_length), cmocka_unit_test(overlong_varints), cmocka_unit_test(zigzag_numbers),
        cmocka_unit_test(fields_of_every_wire),    cmocka_unit_test(bad_fields),       cmocka_unit_test(quick_is_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
