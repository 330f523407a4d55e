/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Merkle tree hashing, frontier and proofs. Source: B. Laurie, E. Messeri, R. Stradling, RFC 9162, 2021, section 2.1.
 */
#include "ledger/merkle.h"

#include <string.h>

struct sha256 merkle_leaf(const void *data, size_t n)
{
    struct sha256_state s;
    sha256_begin(&s);
    sha256_add(&s, "\0", 1);
    sha256_add(&s, data, n);
    return sha256_end(&s);
}

struct sha256 merkle_node(struct sha256 left, struct sha256 right)
{
    uint8_t b[65] = {1};
    memcpy(b + 1, left.b, 32);
    memcpy(b + 33, right.b, 32);
    return sha256_of(b, sizeof b);
}

void merkle_add(struct merkle *t, struct sha256 leaf)
{
    int level = 0;
    for (; t->size >> level & 1; level++)
        leaf = merkle_node(t->node[level], leaf);
    ENSURE(level < MERKLE_LEVELS);
    t->node[level] = leaf;
    t->size++;
}

struct sha256 merkle_root(const struct merkle *t)
{
    struct sha256 root = sha256_of("", 0);
    bool has_root = false;
    for (int level = 0; level < MERKLE_LEVELS; level++) {
        if (!(t->size >> level & 1))
            continue;
        root = has_root ? merkle_node(t->node[level], root) : t->node[level];
        has_root = true;
    }
    return root;
}

size_t merkle_save(const struct merkle *t, uint8_t out[MERKLE_FRONTIER_BYTES])
{
    size_t n = 0;
    for (int level = MERKLE_LEVELS - 1; level >= 0; level--)
        if (t->size >> level & 1) {
            memcpy(out + n, t->node[level].b, 32);
            n += 32;
        }
    return n;
}

enum rc merkle_load(uint64_t size, struct str bytes, struct merkle *out, struct err *err)
{
    struct merkle t = {.size = size};
    size_t n = 0;
    if (size >> MERKLE_LEVELS)
        return err_set(err, RC_DAMAGED, "tree size %llu is not possible", (unsigned long long)size);
    for (int level = MERKLE_LEVELS - 1; level >= 0; level--) {
        if (!(size >> level & 1))
            continue;
        if (n + 32 > bytes.n)
            break;
        memcpy(t.node[level].b, bytes.p + n, 32);
        n += 32;
    }
    if (n != bytes.n || n != 32 * (size_t)__builtin_popcountll(size))
        return err_set(err, RC_DAMAGED, "frontier of %zu bytes does not fit a tree of %llu entries", bytes.n,
                       (unsigned long long)size);
    *out = t;
    return RC_OK;
}

/* Largest power of two below n, n > 1. */
static size_t split(size_t n)
{
    size_t k = 1;
    while (k * 2 < n)
        k *= 2;
    return k;
}

static struct sha256 root_of(const struct sha256 *leaves, size_t n)
{
    struct merkle t = {0};
    for (size_t i = 0; i < n; i++)
        merkle_add(&t, leaves[i]);
    return merkle_root(&t);
}

size_t merkle_prove_inclusion(const struct sha256 *leaves, size_t n, size_t index, struct sha256 out[MERKLE_PROOF_MAX])
{
    ENSURE(index < n);
    size_t count = 0;
    struct sha256 down[MERKLE_PROOF_MAX];
    while (n > 1) { /* from the root down; the proof lists the leaf's sibling first */
        size_t k = split(n);
        bool is_left = index < k;
        down[count++] = is_left ? root_of(leaves + k, n - k) : root_of(leaves, k);
        leaves = is_left ? leaves : leaves + k;
        index = is_left ? index : index - k;
        n = is_left ? k : n - k;
    }
    for (size_t i = 0; i < count; i++)
        out[i] = down[count - 1 - i];
    return count;
}

size_t merkle_prove_consistency(const struct sha256 *leaves, size_t n, size_t old_n,
                                struct sha256 out[MERKLE_PROOF_MAX])
{
    ENSURE(old_n > 0 && old_n <= n);
    size_t count = 0;
    bool is_whole = true; /* the old tree is a complete subtree so far */
    struct sha256 down[MERKLE_PROOF_MAX];
    while (old_n != n) {
        size_t k = split(n);
        if (old_n <= k) {
            down[count++] = root_of(leaves + k, n - k);
            n = k;
        } else {
            down[count++] = root_of(leaves, k);
            leaves += k;
            n -= k;
            old_n -= k;
            is_whole = false;
        }
    }
    if (!is_whole)
        down[count++] = root_of(leaves, n);
    for (size_t i = 0; i < count; i++)
        out[i] = down[count - 1 - i];
    return count;
}

bool merkle_is_included(struct sha256 leaf, uint64_t index, uint64_t size, const struct sha256 *proof, size_t proof_n,
                        struct sha256 root)
{
    if (index >= size)
        return false;
    uint64_t fn = index, sn = size - 1;
    struct sha256 r = leaf;
    for (size_t i = 0; i < proof_n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            r = merkle_node(proof[i], r);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            r = merkle_node(r, proof[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && sha256_is_equal(r, root);
}

/* Steps 4 to 7 of section 2.1.4.2: both roots from the proof's first hash on. */
static bool consistent_walk(uint64_t fn, uint64_t sn, struct sha256 first, const struct sha256 *proof, size_t proof_n,
                            struct sha256 old_root, struct sha256 new_root)
{
    struct sha256 fr = first, sr = first;
    for (size_t i = 0; i < proof_n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            fr = merkle_node(proof[i], fr);
            sr = merkle_node(proof[i], sr);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            sr = merkle_node(sr, proof[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && sha256_is_equal(fr, old_root) && sha256_is_equal(sr, new_root);
}

bool merkle_is_consistent(uint64_t old_size, uint64_t new_size, const struct sha256 *proof, size_t proof_n,
                          struct sha256 old_root, struct sha256 new_root)
{
    if (old_size > new_size)
        return false;
    if (old_size == new_size)
        return proof_n == 0 && sha256_is_equal(old_root, new_root);
    if (old_size == 0) /* anything extends the empty tree */
        return proof_n == 0 && sha256_is_equal(old_root, sha256_of("", 0));
    bool is_power = (old_size & (old_size - 1)) == 0;
    if (!is_power && proof_n == 0)
        return false;
    uint64_t fn = old_size - 1, sn = new_size - 1;
    while (fn & 1) {
        fn >>= 1;
        sn >>= 1;
    }
    return is_power ? consistent_walk(fn, sn, old_root, proof, proof_n, old_root, new_root)
                    : consistent_walk(fn, sn, proof[0], proof + 1, proof_n - 1, old_root, new_root);
}
