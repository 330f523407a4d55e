/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Private to people: text rules, password hashing, SQL.
 */
#ifndef PEOPLE_PEOPLE_INT_H
#define PEOPLE_PEOPLE_INT_H

#include <pthread.h>

#include "people/people.h"

enum { NAME_BYTES_MAX = 4 * PEOPLE_NAME_MAX, HASH_TEXT_MAX = 128, PASSWORD_NORMAL_MAX = 4 * PASSWORD_MAX };

struct people {
    struct store *store;
    struct vault *vault;
    struct people_options opt;
    char dummy[HASH_TEXT_MAX]; /* hash of nobody's password, checked when there is no such account (P2) */
    pthread_mutex_t lock;      /* hashing: memory for only so many at a time */
    pthread_cond_t is_free;
    int hashing, waiting;
};

/* names.c. name_fold: NFKC, case folded, checked. */
MUST_CHECK enum rc name_fold(struct str name, struct arena *mem, struct str *out, struct err *err);
MUST_CHECK enum rc org_name_check(struct str name, struct arena *mem, struct str *out, struct err *err);
/* NFC into out, without policy. RC_INVALID when it is not UTF-8 or too long. */
MUST_CHECK enum rc password_normal(struct str password, char out[PASSWORD_NORMAL_MAX], size_t *n, struct err *err);
MUST_CHECK enum rc password_check(struct str password, struct str folded_name, struct err *err);

/* password.c: both wait for their turn; RC_BUSY when too many wait. */
MUST_CHECK enum rc password_hash(struct people *p, struct str password, char out[HASH_TEXT_MAX], struct err *err);
MUST_CHECK enum rc password_verify(struct people *p, struct str password, const char *hash, bool *is_right,
                                   struct err *err);

/* people_store.c */
struct account_row {
    struct account a;
    struct str password;
};
MUST_CHECK enum rc org_insert(struct store_tx *tx, const struct org *o, struct err *err);
MUST_CHECK enum rc org_is_there(struct store_tx *tx, struct uuid id, bool *out, struct err *err);
MUST_CHECK enum rc orgs_find(struct store_tx *tx, struct str after_name, struct uuid after, size_t max,
                             struct arena *mem, struct org *out, size_t *n, struct err *err);
MUST_CHECK enum rc org_find_public(struct store_tx *tx, struct uuid public_id, struct arena *mem, struct org *out,
                                   struct err *err);
MUST_CHECK enum rc account_insert(struct store_tx *tx, const struct account_row *r, struct err *err);
MUST_CHECK enum rc account_update(struct store_tx *tx, const struct account_row *r, struct err *err);
/* RC_NOT_FOUND when there is none. */
MUST_CHECK enum rc account_find(struct store_tx *tx, struct uuid id, struct arena *mem, struct account_row *out,
                                struct err *err);
MUST_CHECK enum rc account_find_name(struct store_tx *tx, struct str name, struct arena *mem, struct account_row *out,
                                     struct err *err);
MUST_CHECK enum rc accounts_find(struct store_tx *tx, struct str after_name, size_t max, struct arena *mem,
                                 struct account_row *out, size_t *n, struct err *err);
MUST_CHECK enum rc administrators_count(struct store_tx *tx, struct uuid except, int64_t *n, struct err *err);
struct sha256 account_digest(const struct account_row *r);
struct sha256 org_digest(const struct org *o);

struct throttle {
    int64_t failures, last_us;
};
MUST_CHECK enum rc throttle_find(struct store_tx *tx, struct sha256 name_hash, struct throttle *out, struct err *err);
MUST_CHECK enum rc throttle_put(struct store_tx *tx, struct sha256 name_hash, struct throttle t, struct err *err);
MUST_CHECK enum rc throttle_remove(struct store_tx *tx, struct sha256 name_hash, struct err *err);
MUST_CHECK enum rc throttle_forget(struct store_tx *tx, int64_t before_us, struct err *err);

struct session_row {
    struct uuid account;
    int64_t seen_us, expires_us;
};
MUST_CHECK enum rc session_insert(struct store_tx *tx, struct sha256 token_hash, struct uuid account, int64_t now_us,
                                  int64_t expires_us, struct err *err);
MUST_CHECK enum rc session_find(struct store_tx *tx, struct sha256 token_hash, struct session_row *out,
                                struct err *err);
MUST_CHECK enum rc session_touch(struct store_tx *tx, struct sha256 token_hash, int64_t now_us, struct err *err);
MUST_CHECK enum rc session_remove(struct store_tx *tx, struct sha256 token_hash, struct err *err);
MUST_CHECK enum rc sessions_remove_of(struct store_tx *tx, struct uuid account, struct err *err);
MUST_CHECK enum rc sessions_remove_over(struct store_tx *tx, int64_t expired_before_us, int64_t idle_before_us,
                                        struct err *err);

/* login.c */
struct sha256 throttle_key(const struct people *p, struct str folded_name);

#endif
