/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The ledger: every change writes one entry in its own transaction (I1). Entries are canonical JSON (RFC 8785). A
 * sequencer gives each its position, chains it, adds it to a Merkle tree (RFC 9162 hashing) and signs checkpoints
 * (C2SP tlog-checkpoint as a signed note, Ed25519) within a second. `fane verify` needs no network.
 *
 * Invariants:
 *   L1 an entry's bytes never change; leaf hash = SHA-256(0x00 || bytes).
 *   L2 positions are 0, 1, 2 ... without gaps; chain[i] = SHA-256(chain[i-1] || leaf[i]), chain[-1] = 32 zero bytes.
 *   L3 an entry holds no personal content: digests of ciphertext only (I8).
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "base/clock.h"
#include "base/hash.h"
#include "base/id.h"
#include "store/store.h"

/* What happened, to be made an entry. */
struct ledger_event {
    const char *action;       /* "report.receive", "site.import", "warning.approve" ... verb in the present */
    const char *object_kind;  /* "report", "site", "release", ... */
    struct uuid object;
    struct uuid actor;        /* account; nil = the system itself, or the public for intake */
    struct instant at;
    struct sha256 digest;     /* of the state row(s) as written, or of the ciphertext; zero = none */
    struct str detail;        /* canonical-izable JSON object, or empty: small, no personal content */
};

struct ledger;

/* dir holds the signing key (created mode 0600 when missing) under dir/keys. origin names this instance in checkpoints.
 * Adds the sequencer to the store's commit hooks. Keep it open as long as the store. */
MUST_CHECK enum rc ledger_open(struct store *st, const char *dir, const char *origin, struct ledger **out,
                               struct err *err);
void ledger_close(struct ledger *l);

/* In the change's own transaction (I1). */
MUST_CHECK enum rc ledger_append(struct store_tx *tx, const struct ledger_event *ev, struct err *err);

/* Signs a checkpoint over all sequenced entries if there are new ones. Called once a second by `fane serve`, and at the
 * end of every other command that writes. */
MUST_CHECK enum rc ledger_checkpoint(struct ledger *l, struct err *err);

struct ledger_report {
    int64_t entries;       /* sequenced */
    int64_t unsequenced;
    int64_t checkpoints;
    int64_t objects;       /* state rows and blobs whose digest was compared */
    int64_t bad_entry;     /* position of the first bad entry, -1 when none */
    struct sha256 root;
};
/* Recomputes every hash, the chain, the tree at each checkpoint, each signature. RC_DAMAGED names the first bad entry in
 * err and in out->bad_entry. */
MUST_CHECK enum rc ledger_verify(struct ledger *l, struct ledger_report *out, struct err *err);

#endif
