/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The tree against the vectors that Certificate Transparency implementations share (eight leaves, roots of each size),
 * and proofs of every pair of sizes up to 70, each spoiled in every place.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ledger/merkle.h"

static const struct {
    const char *bytes;
    size_t n;
} LEAVES[8] = {{"", 0},
               {"\x00", 1},
               {"\x10", 1},
               {"\x20\x21", 2},
               {"\x30\x31", 2},
               {"\x40\x41\x42\x43", 4},
               {"\x50\x51\x52\x53\x54\x55\x56\x57", 8},
               {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16}};

static const char *const ROOTS[9] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                                     "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                     "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                     "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                     "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                     "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                     "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                     "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                     "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

static struct sha256 hex(const char *z)
{
    struct sha256 h;
    assert_true(str_unhex(str_of(z), h.b, 32));
    return h;
}

static void assert_hash(struct sha256 a, const char *want)
{
    struct sha256 b = hex(want);
    assert_memory_equal(a.b, b.b, 32);
}

static void test_hashes(void **state)
{
    (void)state;
    assert_hash(merkle_leaf("", 0), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    assert_hash(merkle_leaf("L123456", 7), "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
    struct merkle t = {0};
    assert_hash(merkle_root(&t), ROOTS[0]);
    for (int i = 0; i < 8; i++) {
        merkle_add(&t, merkle_leaf(LEAVES[i].bytes, LEAVES[i].n));
        assert_hash(merkle_root(&t), ROOTS[i + 1]);
    }
}

static void leaves_fill(struct sha256 *leaves, size_t n)
{
    for (size_t i = 0; i < n; i++)
        leaves[i] = i < 8 ? merkle_leaf(LEAVES[i].bytes, LEAVES[i].n) : merkle_leaf(&i, sizeof i);
}

/* Published paths of the eight-leaf tree. */
static void test_known_proofs(void **state)
{
    (void)state;
    struct sha256 leaves[8], proof[MERKLE_PROOF_MAX];
    leaves_fill(leaves, 8);
    assert_int_equal(merkle_prove_inclusion(leaves, 8, 0, proof), 3);
    assert_hash(proof[0], "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
    assert_hash(proof[1], "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e");
    assert_hash(proof[2], "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4");
    assert_int_equal(merkle_prove_consistency(leaves, 8, 6, proof), 3);
    assert_hash(proof[0], "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a");
    assert_hash(proof[1], "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0");
    assert_hash(proof[2], "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7");
    assert_int_equal(merkle_prove_consistency(leaves, 5, 2, proof), 2);
    assert_hash(proof[0], "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e");
    assert_hash(proof[1], "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b");
}

enum { MANY = 70 };

static struct sha256 root_at(const struct sha256 *leaves, size_t n)
{
    struct merkle t = {0};
    for (size_t i = 0; i < n; i++)
        merkle_add(&t, leaves[i]);
    return merkle_root(&t);
}

static void test_inclusion(void **state)
{
    (void)state;
    struct sha256 leaves[MANY], proof[MERKLE_PROOF_MAX];
    leaves_fill(leaves, MANY);
    for (size_t n = 1; n <= MANY; n++)
        for (size_t i = 0; i < n; i++) {
            struct sha256 root = root_at(leaves, n);
            size_t k = merkle_prove_inclusion(leaves, n, i, proof);
            assert_true(merkle_is_included(leaves[i], i, n, proof, k, root));
            assert_false(merkle_is_included(leaves[(i + 1) % MANY], i, n, proof, k, root));
            assert_false(merkle_is_included(leaves[i], n, n, proof, k, root));
            if (k)
                assert_false(merkle_is_included(leaves[i], i, n, proof, k - 1, root));
            assert_false(merkle_is_included(leaves[i], i, n, proof, k + 1, root));
            for (size_t j = 0; j < k; j++) {
                proof[j].b[j % 32] ^= 1;
                assert_false(merkle_is_included(leaves[i], i, n, proof, k, root));
                proof[j].b[j % 32] ^= 1;
            }
        }
}

static void test_consistency(void **state)
{
    (void)state;
    struct sha256 leaves[MANY], proof[MERKLE_PROOF_MAX];
    leaves_fill(leaves, MANY);
    for (size_t n = 1; n <= MANY; n++)
        for (size_t old = 1; old <= n; old++) {
            struct sha256 a = root_at(leaves, old), b = root_at(leaves, n), bad = a;
            size_t k = merkle_prove_consistency(leaves, n, old, proof);
            assert_true(merkle_is_consistent(old, n, proof, k, a, b));
            bad.b[31] ^= 1;
            assert_false(merkle_is_consistent(old, n, proof, k, bad, b));
            assert_false(merkle_is_consistent(old, n, proof, k, a, bad));
            assert_false(merkle_is_consistent(n + 1, n, proof, k, a, b));
            for (size_t j = 0; j < k; j++) {
                proof[j].b[7] ^= 0x80;
                assert_false(merkle_is_consistent(old, n, proof, k, a, b));
                proof[j].b[7] ^= 0x80;
            }
        }
    assert_true(merkle_is_consistent(0, 5, NULL, 0, hex(ROOTS[0]), hex(ROOTS[5])));
}

static void test_save_load(void **state)
{
    (void)state;
    uint8_t bytes[MERKLE_FRONTIER_BYTES];
    struct merkle t = {0}, back;
    struct err err;
    for (uint64_t i = 0; i < 300; i++) {
        size_t n = merkle_save(&t, bytes);
        assert_int_equal(merkle_load(t.size, (struct str){(char *)bytes, n}, &back, &err), RC_OK);
        struct sha256 leaf = merkle_leaf(&i, sizeof i);
        merkle_add(&t, leaf);
        merkle_add(&back, leaf);
        assert_memory_equal(merkle_root(&t).b, merkle_root(&back).b, 32);
        assert_int_equal(merkle_load(t.size + 2, (struct str){(char *)bytes, n + 32 + 1}, &back, &err), RC_DAMAGED);
    }
    assert_int_equal(merkle_load(UINT64_MAX, STR_NONE, &back, &err), RC_DAMAGED);
    assert_int_equal(merkle_load(3, (struct str){(char *)bytes, 32}, &back, &err), RC_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hashes), cmocka_unit_test(test_known_proofs),
                                       cmocka_unit_test(test_inclusion), cmocka_unit_test(test_consistency),
                                       cmocka_unit_test(test_save_load)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
