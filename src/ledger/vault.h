/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The key store of I8: one key per piece of personal content, in files outside the database, its WAL and its ordinary
 * backups, so that destroying a key erases the content everywhere while the ledger still verifies.
 *   V1 a key made in a transaction is on disk (fdatasync) before that transaction commits (store commit hook).
 *   V2 a destroyed key is overwritten in place and fsynced before vault_destroy returns.
 * Content is sealed with XChaCha20-Poly1305 (libsodium), fresh nonce, the object's id as associated data.
 */
#ifndef LEDGER_VAULT_H
#define LEDGER_VAULT_H

#include "base/hash.h"
#include "base/id.h"
#include "store/store.h"

struct vault;

enum { VAULT_PLAIN_MAX = 64 * 1024 * 1024 }; /* bytes of one sealed piece */

/* dir/keys/master.key (made while there is no vault yet) and dir/keys/vault.bin. Adds its fsync to the store's commit
 * hooks: open before the first write, close after the store. Several processes may have it open.
 * Errors: RC_DAMAGED when master.key is missing beside a vault, or does not belong to it; RC_DENIED when others may read
 * the key file. */
MUST_CHECK enum rc vault_open(struct store *st, const char *dir, struct vault **out, struct err *err);
void vault_close(struct vault *v);
/* Encrypts under a new key of its own; *slot says where the key lies and is stored beside the ciphertext. Safe to call
 * from a write function (S2) or before it; an unused slot is only waste. Thread-safe. */
MUST_CHECK enum rc vault_seal(struct vault *v, struct uuid object, struct str plain, struct arena *mem,
                              struct str *cipher, int64_t *slot, struct err *err);
/* RC_NOT_FOUND when the key was destroyed, RC_DAMAGED when the ciphertext does not authenticate. */
MUST_CHECK enum rc vault_unseal(struct vault *v, struct uuid object, int64_t slot, struct str cipher, struct arena *mem,
                                struct str *plain, struct err *err);
/* Idempotent: RC_OK too when it was destroyed before. RC_NOT_FOUND for a slot that was never used. */
MUST_CHECK enum rc vault_destroy(struct vault *v, int64_t slot, struct err *err);
/* A keyed hash under the instance's own secret (receipts, session tokens): HMAC-SHA-256 with a purpose label. */
struct sha256 vault_keyed_hash(const struct vault *v, const char *purpose, const void *data, size_t n);

/* For verify: every record read, its checksum and its seal tried. A record torn by a crash was never committed: nothing
 * refers to it, it is counted and left alone. */
struct vault_report {
    int64_t live, destroyed, torn;
};
MUST_CHECK enum rc vault_check(struct vault *v, struct vault_report *out, struct err *err);

#endif
