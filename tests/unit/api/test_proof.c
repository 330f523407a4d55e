/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Proof of work: only what the server gave out, in time, with the work done, once. Cost grows with the load.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/proof.h"
#include "base/file.h"

struct fixture {
    char dir[64];
    struct store *store;
    struct vault *vault;
    struct proof proof;
    struct arena mem;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err err = {0};
    char path[128];
    *state = f;
    arena_init(&f->mem);
    snprintf(f->dir, sizeof f->dir, "/tmp/fane-proof-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(path, sizeof path, "%s/keys", f->dir);
    assert_int_equal(file_make_dir(path, 0700, &err), RC_OK);
    snprintf(path, sizeof path, "%s/fane.db", f->dir);
    assert_int_equal(store_open(path, NULL, &f->store, &err), RC_OK);
    assert_int_equal(store_migrate(f->store, &err), RC_OK);
    assert_int_equal(vault_open(f->store, f->dir, &f->vault, &err), RC_OK);
    proof_init(&f->proof, f->vault, 100);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];
    proof_fini(&f->proof);
    store_close(f->store);
    vault_close(f->vault);
    arena_fini(&f->mem);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static struct str solve(struct fixture *f, struct str challenge, int bits)
{
    for (int64_t nonce = 0;; nonce++) {
        struct str n = str_printf(&f->mem, "%lld", (long long)nonce);
        struct str all = str_printf(&f->mem, STR_FMT ":" STR_FMT, STR_ARG(challenge), STR_ARG(n));
        struct sha256 h = sha256_of(all.p, all.n);
        int zeros = 0;
        while (zeros < 256 && !(h.b[zeros / 8] >> (7 - zeros % 8) & 1))
            zeros++;
        if (zeros >= bits)
            return n;
    }
}

static void test_asked_only_under_load(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(proof_bits_for(&f->proof, 0), 0);
    assert_int_equal(proof_bits_for(&f->proof, 99), 0);
    assert_int_equal(proof_bits_for(&f->proof, 100), PROOF_BITS_LEAST);
    assert_int_equal(proof_bits_for(&f->proof, 400), PROOF_BITS_LEAST + 2);
    assert_int_equal(proof_bits_for(&f->proof, 1 << 30), PROOF_BITS_MOST);
}

static void test_once_and_in_time(void **state)
{
    struct fixture *f = *state;
    struct instant now = {.us = INT64_C(1700000000) * 1000000}, late = now, early = now;
    struct str c = proof_challenge(&f->proof, PROOF_BITS_LEAST, now, &f->mem), n = solve(f, c, PROOF_BITS_LEAST);
    late.us += (int64_t)(PROOF_WINDOW_S + 1) * 1000000;
    early.us -= 1000000;
    assert_false(proof_accept(&f->proof, c, n, late));
    assert_false(proof_accept(&f->proof, c, n, early));
    assert_true(proof_accept(&f->proof, c, n, now));
    assert_false(proof_accept(&f->proof, c, n, now));
    struct str other = proof_challenge(&f->proof, PROOF_BITS_LEAST, now, &f->mem);
    assert_true(proof_accept(&f->proof, other, solve(f, other, PROOF_BITS_LEAST), now));
}

static void test_forged(void **state)
{
    struct fixture *f = *state;
    struct instant now = {.us = INT64_C(1700000000) * 1000000};
    struct str c = proof_challenge(&f->proof, PROOF_BITS_LEAST, now, &f->mem);
    for (size_t i = 0; i < c.n; i++) { /* each byte is signed, the difficulty too */
        struct str bad = str_copy(&f->mem, c);
        ((char *)(uintptr_t)bad.p)[i] = bad.p[i] == '0' ? '1' : '0';
        assert_false(proof_accept(&f->proof, bad, solve(f, bad, 8), now));
    }
    assert_false(proof_accept(&f->proof, c, STR(""), now));
    assert_false(proof_accept(&f->proof, STR(""), STR("1"), now));
    assert_false(proof_accept(&f->proof, str_slice(c, 0, c.n - 2), STR("1"), now));
    /* work that was not done: some nonce of the first few does not fit, surely */
    int fits = 0;
    for (int i = 0; i < 64; i++)
        fits += proof_accept(&f->proof, c, str_printf(&f->mem, "x%d", i), now);
    assert_true(fits <= 1);
}

/* However many are used, none counts twice; when there is no room to remember they are refused. */
static void test_memory_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct instant now = {.us = INT64_C(1700000000) * 1000000};
    for (int i = 0; i < 20; i++) {
        struct str c = proof_challenge(&f->proof, PROOF_BITS_LEAST, now, &f->mem), n = solve(f, c, PROOF_BITS_LEAST);
        assert_true(proof_accept(&f->proof, c, n, now));
        assert_false(proof_accept(&f->proof, c, n, now));
        arena_reset(&f->mem);
    }
}

#define WITH(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_asked_only_under_load),
        WITH(test_once_and_in_time),
        WITH(test_forged),
        WITH(test_memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
