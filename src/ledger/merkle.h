/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Merkle tree of a transparency log, hashed as RFC 9162 section 2.1 (and RFC 6962) says: leaf = SHA-256(0x00 || bytes),
 * node = SHA-256(0x01 || left || right), root of nothing = SHA-256(""). Pure; nothing is stored here.
 */
#ifndef LEDGER_MERKLE_H
#define LEDGER_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

enum { MERKLE_LEVELS = 62, MERKLE_FRONTIER_BYTES = MERKLE_LEVELS * 32, MERKLE_PROOF_MAX = 2 * MERKLE_LEVELS };

/* The roots of the full subtrees a tree of `size` leaves is made of, one per set bit of size: all that appending and the
 * root need. node[i] covers 2^i leaves. */
struct merkle {
    uint64_t size;
    struct sha256 node[MERKLE_LEVELS];
};

struct sha256 merkle_leaf(const void *data, size_t n);
struct sha256 merkle_node(struct sha256 left, struct sha256 right);
void merkle_add(struct merkle *t, struct sha256 leaf); /* O(log n), on average two hashes */
struct sha256 merkle_root(const struct merkle *t);     /* O(log n) */

/* The nodes in use, largest subtree first; returns bytes written. */
size_t merkle_save(const struct merkle *t, uint8_t out[MERKLE_FRONTIER_BYTES]);
/* RC_DAMAGED when the length does not fit the size. */
MUST_CHECK enum rc merkle_load(uint64_t size, struct str bytes, struct merkle *out, struct err *err);

/* Proofs over leaves[0..n): RFC 9162 sections 2.1.3.1 and 2.1.4.1. Return the number of hashes. O(n). */
size_t merkle_prove_inclusion(const struct sha256 *leaves, size_t n, size_t index, struct sha256 out[MERKLE_PROOF_MAX]);
size_t merkle_prove_consistency(const struct sha256 *leaves, size_t n, size_t old_n,
                                struct sha256 out[MERKLE_PROOF_MAX]);
/* RFC 9162 sections 2.1.3.2 and 2.1.4.2. */
bool merkle_is_included(struct sha256 leaf, uint64_t index, uint64_t size, const struct sha256 *proof, size_t proof_n,
                        struct sha256 root);
bool merkle_is_consistent(uint64_t old_size, uint64_t new_size, const struct sha256 *proof, size_t proof_n,
                          struct sha256 old_root, struct sha256 new_root);

#endif
