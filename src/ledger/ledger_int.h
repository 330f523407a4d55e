/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Private to the ledger: the entry as a row and as bytes, the statements, the handle.
 */
#ifndef LEDGER_LEDGER_INT_H
#define LEDGER_LEDGER_INT_H

#include <pthread.h>

#include "ledger/ledger.h"
#include "ledger/merkle.h"
#include "ledger/note.h"

enum {
    SEQUENCE_CHUNK = 1024, /* entries given a place by one statement */
    ENTRY_CODE_MAX = 64,   /* bytes of an action or object kind */
    CHECKERS_MAX = 32,
    PATH_SIZE = 4096
};

/* One entry, as stored. detail is canonical JSON or empty. */
struct entry {
    struct uuid id;
    bool has_seq, has_actor, has_digest, has_chain;
    int64_t seq;
    struct instant at;
    struct str action, object_kind;
    struct uuid actor, object;
    struct sha256 digest, leaf, chain;
    struct str bytes;
};

struct tree_state {
    bool is_there;
    struct merkle tree;
    struct sha256 chain;
};

struct checker {
    char kind[ENTRY_CODE_MAX + 1];
    ledger_check_fn fn;
    void *ctx;
};

struct ledger {
    struct store *store;
    char dir[PATH_SIZE];
    struct arena mem; /* what lives as long as the handle */
    struct note_key key;
    bool can_sign;
    uint8_t secret_key[64];
    pthread_mutex_t checkpoint_lock; /* one checkpoint at a time within this process */
    bool is_file_current;            /* under checkpoint_lock: DIR/ledger/checkpoint holds file_size */
    int64_t file_size;
    struct checker checkers[CHECKERS_MAX];
    size_t checkers_n;
    /* the sequencer's, on the writer's thread only */
    struct uuid ids[SEQUENCE_CHUNK];
    struct sha256 leaves[SEQUENCE_CHUNK];
    uint8_t places[SEQUENCE_CHUNK * 48];
};

/* entry.c: bytes of an entry and what they say. */

/* Fills e->bytes (in room, of ENTRY_BASE_MAX + detail.n bytes) and e->leaf from the other fields and the canonical
 * detail. */
enum { ENTRY_BASE_MAX = 704 };
void entry_encode(struct entry *e, struct str detail, char *room);
/* RC_DAMAGED unless the bytes are exactly what entry_encode makes of the columns, with some canonical detail. */
MUST_CHECK enum rc entry_check_bytes(const struct entry *e, struct str *detail, struct arena *mem, struct err *err);
MUST_CHECK enum rc entry_check_event(const struct ledger_event *ev, struct err *err);
struct sha256 chain_next(struct sha256 chain, struct sha256 leaf);

/* key.c: the signing key and who vouches for it. first_bytes: entry at position 0, or empty when there is none; a key is
 * made only while there are no entries at all. */
MUST_CHECK enum rc key_open(struct ledger *l, const char *origin, bool has_entries, struct str first_bytes,
                            struct err *err);
/* The verifier key text the entry at position 0 holds; empty when it holds none. */
struct str key_of_first(struct str bytes, struct arena *mem);

/* ledger_store.c */
MUST_CHECK enum rc entry_insert(struct store_tx *tx, const struct entry *e, struct err *err);
MUST_CHECK enum rc state_find(struct store_tx *tx, struct tree_state *out, struct err *err);
MUST_CHECK enum rc state_put(struct store_tx *tx, const struct tree_state *s, int64_t old_size, struct err *err);
/* Unsequenced entries in order of id: at most max ids and leaves. */
MUST_CHECK enum rc unsequenced_find(struct store_tx *tx, size_t max, struct uuid *ids, struct sha256 *leaves, size_t *n,
                                    struct err *err);
/* Places for n entries from first_seq on; places holds n records of id (16) and chain (32). */
MUST_CHECK enum rc places_put(struct store_tx *tx, int64_t first_seq, const uint8_t *places, size_t n, struct err *err);
enum { PLACE_BYTES = 48 };
/* PostgreSQL: one sequencer at a time; false when another transaction is at it. */
MUST_CHECK enum rc sequencer_lock(struct store_tx *tx, bool *is_ours, struct err *err);
MUST_CHECK enum rc checkpoint_find_last(struct store_tx *tx, struct arena *mem, int64_t *size, struct str *note,
                                        struct err *err); /* size -1 when there is none */
MUST_CHECK enum rc checkpoint_insert(struct store_tx *tx, int64_t size, struct str note, struct err *err);
struct stored_checkpoint {
    int64_t size;
    struct str note;
};
MUST_CHECK enum rc checkpoints_find(struct store_tx *tx, int64_t after_size, bool from_start, size_t max,
                                    struct arena *mem, struct stored_checkpoint *out, size_t *n, struct err *err);
/* Hands entries to fn, whose view is borrowed for the call: sequenced ones with after_seq < seq (all when from_start), at
 * most max; or the unsequenced with id > after_id. */
typedef enum rc (*entry_fn)(void *ctx, const struct entry *e, struct err *err);
struct entry_page {
    bool from_start;
    int64_t after_seq;
    struct uuid after_id;
    size_t max, n; /* n: how many there were */
};
MUST_CHECK enum rc entries_page(struct store_tx *tx, struct entry_page *page, entry_fn fn, void *ctx, struct err *err);
MUST_CHECK enum rc entries_page_unsequenced(struct store_tx *tx, struct entry_page *page, entry_fn fn, void *ctx,
                                            struct err *err);
MUST_CHECK enum rc entries_count(struct store_tx *tx, int64_t *sequenced, int64_t *unsequenced, struct err *err);
MUST_CHECK enum rc entries_any(struct store_tx *tx, bool *out, struct err *err);
MUST_CHECK enum rc states_count(struct store_tx *tx, int64_t *n, struct err *err);
/* bytes of the entry at position 0; empty when there is none. is_whole (may be NULL): they have the leaf hash beside. */
MUST_CHECK enum rc first_entry_find(struct store_tx *tx, struct arena *mem, struct str *bytes, bool *is_whole,
                                    struct err *err);

#endif
