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
    const char *action;      /* "report.receive", "site.import", "warning.approve" ... verb in the present */
    const char *object_kind; /* "report", "site", "release", ... */
    struct uuid object;
    struct uuid actor; /* account; nil = the system itself, or the public for intake */
    struct instant at;
    struct sha256 digest; /* of the state row(s) as written, or of the ciphertext; zero = none */
    struct str detail;    /* JSON object, or empty: small, no personal content; made canonical here */
};
enum { LEDGER_DETAIL_MAX = 16 * 1024 };

struct ledger;

/* dir holds the signing key dir/keys/ledger.key (created mode 0600 while the ledger is still empty), the verifier key
 * dir/keys/ledger.pub and the latest checkpoint dir/ledger/checkpoint. origin names this instance in checkpoints, a URL
 * without its scheme ("fane.example.org/ledger"); once there is a key, the key's own name counts and origin may be NULL.
 * Adds the sequencer to the store's commit hooks: open before the first write, keep as long as the store. The entry at
 * position 0, "instance.create", is made by the sequencer itself and holds the verifier key.
 * Errors: RC_CONFLICT when the key is not the one of position 0; RC_INVALID for an origin that cannot name a key.
 * Without the signing key but with entries it opens for reading and verify; checkpoints are refused. */
MUST_CHECK enum rc ledger_open(struct store *st, const char *dir, const char *origin, struct ledger **out,
                               struct err *err);
void ledger_close(struct ledger *l);

/* In the change's own transaction (I1). */
MUST_CHECK enum rc ledger_append(struct store_tx *tx, const struct ledger_event *ev, struct err *err);

/* Puts what is left unsequenced in its place, then signs a checkpoint over all entries if there are new ones: a row first,
 * then dir/ledger/checkpoint. Thread-safe. Called once a second by `fane serve`, and at the
 * end of every other command that writes. */
MUST_CHECK enum rc ledger_checkpoint(struct ledger *l, struct err *err);

/* Which state a digest speaks of is the room's business: a checker streams (object id, digest of its row as it is now)
 * of every object of one kind, and verify holds each against the latest entry of that object that carries a digest. A row
 * without such an entry, an entry without its row, and a difference are all damage. An object removed on purpose has a
 * last entry with LEDGER_DIGEST_GONE. */
#define LEDGER_DIGEST_GONE                                                                                             \
    ((struct sha256){                                                                                                  \
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,               \
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}})
typedef enum rc (*ledger_digest_fn)(void *sink, struct uuid object, struct sha256 digest, struct err *err);
typedef enum rc (*ledger_check_fn)(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err);
/* A checker's work where the digest is that of a ciphertext: sql gives (id, cipher) of every row. */
MUST_CHECK enum rc ledger_check_ciphers(struct store_tx *tx, const struct store_sql *sql, ledger_digest_fn put,
                                        void *sink, struct err *err);
/* Before verify, at most 32 kinds; object_kind as in the entries. */
void ledger_add_checker(struct ledger *l, const char *object_kind, ledger_check_fn fn, void *ctx);

struct ledger_report {
    int64_t entries; /* sequenced */
    int64_t unsequenced;
    int64_t checkpoints;
    int64_t objects;    /* state rows and blobs whose digest was compared */
    int64_t bad_entry;  /* position of the first bad entry, -1 when none or when it has no position */
    struct uuid bad_id; /* its id as found; nil when none or missing */
    struct sha256 root;
};
/* Recomputes every hash, the chain, the tree at each checkpoint, each signature, and compares the state rows of the
 * checkers, on one snapshot. RC_DAMAGED names the first bad entry in err and in out; counts hold up to there. */
MUST_CHECK enum rc ledger_verify(struct ledger *l, struct ledger_report *out, struct err *err);

/* For metrics and the ledger page. */
struct ledger_head {
    int64_t entries; /* sequenced */
    struct sha256 root;
    struct str verifier; /* verifier key text, for partners */
    struct str note;     /* latest signed checkpoint, empty when none */
};
MUST_CHECK enum rc ledger_head(struct ledger *l, struct arena *mem, struct ledger_head *out, struct err *err);

#endif
