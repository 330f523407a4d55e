/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Byte streams: plain and gzip files, members, damage, caps and bombs, peeking.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/rng.h"
#include "wire/gzip.h"

static enum rc drain(struct input *in, size_t step, struct buf *out, struct err *err)
{
    char block[4096];
    for (size_t got = 1; got > 0;) {
        enum rc rc = input_read(in, block, step, &got, err);
        if (rc != RC_OK)
            return rc;
        buf_add(out, block, got);
    }
    return RC_OK;
}

static struct str packed_lines(struct arena *mem, struct str *plain)
{
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < 5000; i++)
        buf_printf(&b, "line %d of some text\n", i * 7919);
    *plain = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return gzip_pack(*plain, 6, mem);
}

static void test_pack_and_unpack(void **state)
{
    (void)state;
    struct arena mem;
    struct str plain, packed, back;
    struct err err;
    arena_init(&mem);
    packed = packed_lines(&mem, &plain);
    assert_true(packed.n > 0 && packed.n < plain.n);
    assert_int_equal(gzip_unpack(packed, plain.n, &mem, &back, &err), RC_OK);
    assert_true(str_is_equal(plain, back));
    assert_int_equal(gzip_unpack(packed, plain.n - 1, &mem, &back, &err), RC_TOO_LARGE);
    assert_int_equal(gzip_unpack(plain, 1 << 20, &mem, &back, &err), RC_DAMAGED);
    assert_int_equal(gzip_pack(STR("tiny"), 6, &mem).n, 0);
    arena_fini(&mem);
}

static void test_members_and_padding(void **state)
{
    (void)state;
    struct arena mem;
    struct str plain, packed;
    struct err err = {0};
    struct buf two, out;
    struct input *in;
    arena_init(&mem);
    packed = packed_lines(&mem, &plain);
    buf_init(&two, 0);
    buf_init(&out, 0);
    buf_add_str(&two, packed);
    buf_add_str(&two, packed);
    buf_add(&two, "\0\0\0\0\0", 5);
    assert_int_equal(input_open_memory(buf_str(&two), NULL, &in, &err), RC_OK);
    assert_true(input_is_gzip(in));
    assert_int_equal(drain(in, 777, &out, &err), RC_OK);
    assert_int_equal(out.n, 2 * plain.n);
    assert_int_equal(input_taken(in), two.n);
    input_close(in);
    buf_add_z(&two, "trailer");
    assert_int_equal(input_open_memory(buf_str(&two), NULL, &in, &err), RC_OK);
    assert_int_equal(drain(in, 777, &out, &err), RC_DAMAGED);
    input_close(in);
    buf_fini(&two);
    buf_fini(&out);
    arena_fini(&mem);
}

/* Cut anywhere, or with any byte changed: an error, never silence. (Some header bytes mean nothing: they may pass, but
 * then with the right text.) */
static void test_damage(void **state)
{
    (void)state;
    struct arena mem;
    struct str plain, packed, back;
    const uint64_t seed = 11;
    struct prng r;
    prng_seed(&r, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    arena_init(&mem);
    packed = packed_lines(&mem, &plain);
    for (int i = 0; i < 300; i++) {
        struct err err = {0};
        size_t cut = 2 + prng_below(&r, packed.n - 2);
        assert_int_equal(gzip_unpack(str_slice(packed, 0, cut), 1 << 20, &mem, &back, &err), RC_DAMAGED);
        assert_non_null(strstr(err.text, "compressed byte"));
        struct str copy = str_copy(&mem, packed);
        ((char *)(uintptr_t)copy.p)[prng_below(&r, copy.n)] ^= (char)(1 << prng_below(&r, 8));
        if (gzip_unpack(copy, 1 << 20, &mem, &back, &err) == RC_OK)
            assert_true(str_is_equal(back, plain));
    }
    arena_fini(&mem);
}

static void test_bomb(void **state)
{
    (void)state;
    static char zeros[1 << 16];
    z_stream z = {0};
    static unsigned char out[1 << 20];
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = out;
    z.avail_out = sizeof out;
    for (int i = 0; i < 2048; i++) { /* 128 MB in 130 KB */
        z.next_in = (unsigned char *)zeros;
        z.avail_in = sizeof zeros;
        assert_int_equal(deflate(&z, i == 2047 ? Z_FINISH : Z_NO_FLUSH), i == 2047 ? Z_STREAM_END : Z_OK);
    }
    struct input *in;
    struct err err = {0};
    struct buf sink;
    buf_init(&sink, 0);
    assert_int_equal(input_open_memory((struct str){(char *)out, sizeof out - z.avail_out}, NULL, &in, &err), RC_OK);
    assert_int_equal(drain(in, 4096, &sink, &err), RC_TOO_LARGE);
    assert_non_null(strstr(err.text, "bomb"));
    assert_true(sink.n <= INPUT_RATIO_FREE + (32 << 20));
    input_close(in);
    buf_fini(&sink);
    deflateEnd(&z);
}

static void test_peek_and_cap(void **state)
{
    (void)state;
    struct input *in;
    struct str seen;
    struct err err;
    struct buf out;
    buf_init(&out, 0);
    assert_int_equal(input_open_memory(STR("0123456789"), NULL, &in, &err), RC_OK);
    assert_int_equal(input_peek(in, 4, &seen, &err), RC_OK);
    assert_true(str_is_equal(seen, STR("0123")));
    char two[2];
    size_t got;
    assert_int_equal(input_read(in, two, 2, &got, &err), RC_OK);
    assert_int_equal(input_peek(in, 100, &seen, &err), RC_OK);
    assert_true(str_is_equal(seen, STR("23456789")));
    assert_int_equal(drain(in, 3, &out, &err), RC_OK);
    assert_true(str_is_equal(buf_str(&out), STR("23456789")));
    input_close(in);
    struct input_options opt = {.cap = 5};
    assert_int_equal(input_open_memory(STR("0123456789"), &opt, &in, &err), RC_OK);
    assert_int_equal(drain(in, 3, &out, &err), RC_TOO_LARGE);
    input_close(in);
    assert_int_equal(input_open("/nowhere/at-all", NULL, &in, &err), RC_NOT_FOUND);
    buf_fini(&out);
}

static void test_pipe(void **state)
{
    (void)state;
    struct arena mem;
    struct str plain, packed;
    struct err err = {0};
    struct input *in;
    struct buf out;
    int pair[2], saved = dup(0);
    arena_init(&mem);
    buf_init(&out, 0);
    packed = packed_lines(&mem, &plain);
    assert_int_equal(pipe(pair), 0);
    assert_int_equal(write(pair[1], packed.p, 1), 1);
    dup2(pair[0], 0);
    /* the second magic byte is there only after the first was read; the pipe holds the whole text */
    assert_true(packed.n < 60000);
    assert_int_equal(write(pair[1], packed.p + 1, packed.n - 1), (ssize_t)packed.n - 1);
    close(pair[1]);
    assert_int_equal(input_open("-", NULL, &in, &err), RC_OK);
    assert_int_equal(drain(in, 4096, &out, &err), RC_OK);
    assert_true(str_is_equal(buf_str(&out), plain));
    input_close(in);
    dup2(saved, 0);
    close(saved);
    close(pair[0]);
    buf_fini(&out);
    arena_fini(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pack_and_unpack), cmocka_unit_test(test_members_and_padding),
        cmocka_unit_test(test_damage),          cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_peek_and_cap),    cmocka_unit_test(test_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
