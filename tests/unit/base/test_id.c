/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Ids, short codes, receipts, hashes, randomness, arenas, threads, files.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/asset.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/rng.h"
#include "base/threads.h"

static void uuids_rise_and_round_trip(void **state)
{
    (void)state;
    struct arena mem;
    arena_init(&mem);
    struct uuid last = uuid_v7(clock_now()), back;
    for (int i = 0; i < 20000; i++) { /* more than the counter's 4,096 in one millisecond */
        struct uuid u = uuid_v7((struct instant){1});
        assert_true(memcmp(u.b, last.b, 8) > 0);
        assert_int_equal(u.b[6] >> 4, 7);
        last = u;
    }
    assert_true(uuid_parse(uuid_format(&mem, last), &back) && uuid_is_equal(back, last));
    assert_false(uuid_parse(STR("018f0000-0000-7000-8000-00000000000g"), &back));
    assert_false(uuid_parse(STR("018f0000"), &back));
    assert_int_equal(uuid_random().b[6] >> 4, 4);
    arena_fini(&mem);
}

static void codes_catch_every_single_typing_error(void **state)
{
    (void)state;
    static const char SYMBOLS[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    struct arena mem;
    arena_init(&mem);
    uint64_t code = UINT64_C(0x123456789a), got;
    struct str s = code_format(&mem, code);
    assert_true(code_parse(s, &got) && got == code);
    assert_true(code_parse(str_lower(&mem, s), &got) && got == code);
    for (size_t i = 0; i < 9; i++) {
        for (size_t k = 0; k < 32; k++) {
            char *z = str_z(&mem, s);
            if (z[i] == '-' || z[i] == SYMBOLS[k])
                continue;
            z[i] = SYMBOLS[k];
            assert_false(code_parse(str_of(z), &got));
        }
    }
    arena_fini(&mem);
}

static void receipts_round_trip_and_catch_errors(void **state)
{
    (void)state;
    struct arena mem;
    arena_init(&mem);
    for (int i = 0; i < 2000; i++) {
        uint8_t bits[16], back[16];
        rng_bytes(bits, sizeof bits);
        if (i < 2)
            memset(bits, i ? 0xff : 0, sizeof bits);
        struct str s = secret128_format(&mem, bits);
        assert_true(secret128_parse(s, back));
        assert_memory_equal(bits, back, 16);
        char *z = str_z(&mem, s);
        size_t at = (size_t)i % s.n;
        if (z[at] != '-') {
            z[at] = z[at] == '7' ? '8' : '7';
            assert_false(secret128_parse(str_of(z), back));
        }
    }
    uint8_t out[16];
    assert_false(secret128_parse(STR(""), out));
    arena_fini(&mem);
}

static void hashes_match_published_vectors(void **state)
{
    (void)state;
    struct arena mem;
    arena_init(&mem);
    /* FIPS 180-4 example "abc"; RFC 4231 test case 2. */
    assert_true(str_is_equal(sha256_hex(&mem, sha256_of("abc", 3)),
                             STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")));
    assert_true(str_is_equal(sha256_hex(&mem, hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28)),
                             STR("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")));
    struct sha256_state s;
    sha256_begin(&s);
    sha256_add(&s, "a", 1);
    sha256_add(&s, "bc", 2);
    assert_true(sha256_is_equal(sha256_end(&s), sha256_of("abc", 3)));
    arena_fini(&mem);
}

static void random_numbers_are_even(void **state)
{
    (void)state;
    struct prng r;
    prng_seed(&r, 1);
    int counts[7] = {0};
    double sum = 0, squares = 0;
    for (int i = 0; i < 70000; i++) {
        counts[prng_below(&r, 7)]++;
        double x = prng_normal(&r);
        sum += x;
        squares += x * x;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], 9600, 10400); /* 10,000 +- 4 standard deviations */
    assert_true(sum / 70000 > -0.02 && sum / 70000 < 0.02);
    assert_true(squares / 70000 > 0.97 && squares / 70000 < 1.03);
}

static void arenas_zero_align_and_reuse(void **state)
{
    (void)state;
    struct arena mem;
    arena_init(&mem);
    for (int round = 0; round < 3; round++) {
        for (size_t n = 0; n < 300; n++) {
            unsigned char *p = arena_alloc(&mem, n * 997 % 40000);
            assert_int_equal((uintptr_t)p % 16, 0);
            for (size_t i = 0; i < n * 997 % 40000; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xaa, n * 997 % 40000);
        }
        arena_reset(&mem);
        assert_int_equal(mem.used, 0);
    }
    arena_fini(&mem);
}

static void mark(void *ctx, size_t i, size_t worker)
{
    atomic_int *seen = ctx;
    assert_true(worker < 5);
    atomic_fetch_add(&seen[i], 1);
}

static void parallel_loops_do_each_index_once(void **state)
{
    (void)state;
    static atomic_int seen[10000];
    threads_for(5, 10000, mark, seen);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(atomic_load(&seen[i]), 1);
    threads_for(5, 0, mark, seen);
}

static void files_are_replaced_whole(void **state)
{
    (void)state;
    struct arena mem;
    struct err err;
    struct str got;
    struct file_map map;
    arena_init(&mem);
    char dir[] = "/tmp/fane-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    const char *path = str_printf(&mem, "%s/f", dir).p;
    assert_int_equal(file_read(path, 10, &mem, &got, &err), RC_NOT_FOUND);
    assert_int_equal(file_replace(path, STR("one"), 0600, &err), RC_OK);
    assert_int_equal(file_replace(path, STR("second"), 0600, &err), RC_OK);
    assert_int_equal(file_read(path, 10, &mem, &got, &err), RC_OK);
    assert_true(str_is_equal(got, STR("second")));
    assert_int_equal(file_read(path, 5, &mem, &got, &err), RC_TOO_LARGE);
    assert_int_equal(file_map_open(path, &map, &err), RC_OK);
    assert_int_equal(map.n, 6);
    file_map_close(&map);
    assert_int_equal(file_replace("/nowhere/at/all", STR("x"), 0600, &err), RC_IO);
    unlink(path);
    rmdir(dir);
    arena_fini(&mem);
}

static void assets_are_found_by_path(void **state)
{
    (void)state;
    const struct asset *a = asset_find(STR("data/migrations/README.md"));
    assert_non_null(a);
    assert_true(a->n > 0 && strncmp(a->type, "text/plain", 10) == 0 && a->etag[0] == '"');
    assert_null(asset_find(STR("data/migrations/READM")));
    const char *last = "";
    size_t i = 0;
    for (const struct asset *each; (each = asset_at(i)); i++) {
        assert_true(strcmp(last, each->path) < 0);
        last = each->path;
    }
    assert_true(i > 0);
}

static void errors_keep_text_and_context(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(err_set(&err, RC_INVALID, "latitude %g is outside", 91.0), RC_INVALID);
    assert_int_equal(err_add(&err, "line %d: ", 7), RC_INVALID);
    assert_string_equal(err.text, "line 7: latitude 91 is outside");
    for (int rc = 0; rc < RC_COUNT_; rc++) {
        assert_non_null(rc_name((enum rc)rc));
        assert_true((rc_exit_code((enum rc)rc) == 0) == (rc == RC_OK));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuids_rise_and_round_trip),
        cmocka_unit_test(codes_catch_every_single_typing_error),
        cmocka_unit_test(receipts_round_trip_and_catch_errors),
        cmocka_unit_test(hashes_match_published_vectors),
        cmocka_unit_test(random_numbers_are_even),
        cmocka_unit_test(arenas_zero_align_and_reuse),
        cmocka_unit_test(parallel_loops_do_each_index_once),
        cmocka_unit_test(files_are_replaced_whole),
        cmocka_unit_test(assets_are_found_by_path),
        cmocka_unit_test(errors_keep_text_and_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
