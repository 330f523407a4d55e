/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * argon2id by libsodium. Each hash holds its memory for its time, so only a few run at once and the queue is short: a
 * flood of log-ins costs its senders a refusal, not the machine its memory.
 */
#include "people/people_int.h"

#include <sodium.h>
#include <string.h>

enum { WAITING_MAX = 32 };

_Static_assert(HASH_TEXT_MAX >= crypto_pwhash_STRBYTES, "a hash text fits");

static enum rc turn_take(struct people *p, struct err *err)
{
    enum rc rc = RC_OK;
    pthread_mutex_lock(&p->lock);
    if (p->hashing >= p->opt.password_parallel && p->waiting >= WAITING_MAX) {
        rc = err_set(err, RC_BUSY, "too many people are signing in at this moment; try again in a few seconds");
    } else {
        p->waiting++;
        while (p->hashing >= p->opt.password_parallel)
            pthread_cond_wait(&p->is_free, &p->lock);
        p->waiting--;
        p->hashing++;
    }
    pthread_mutex_unlock(&p->lock);
    return rc;
}

static void turn_give(struct people *p)
{
    pthread_mutex_lock(&p->lock);
    p->hashing--;
    pthread_cond_signal(&p->is_free);
    pthread_mutex_unlock(&p->lock);
}

enum rc password_hash(struct people *p, struct str password, char out[HASH_TEXT_MAX], struct err *err)
{
    char z[PASSWORD_NORMAL_MAX];
    size_t n = 0;
    TRY(password_normal(password, z, &n, err));
    enum rc rc = turn_take(p, err);
    if (rc == RC_OK) {
        memset(out, 0, HASH_TEXT_MAX);
        if (crypto_pwhash_str_alg(out, z, n, p->opt.password_ops, p->opt.password_bytes,
                                  crypto_pwhash_ALG_ARGON2ID13) != 0)
            rc = err_set(err, RC_NOMEM, "no %zu bytes of memory to hash a password", p->opt.password_bytes);
        turn_give(p);
    }
    sodium_memzero(z, sizeof z);
    return rc;
}

enum rc password_verify(struct people *p, struct str password, const char *hash, bool *is_right, struct err *err)
{
    char z[PASSWORD_NORMAL_MAX];
    size_t n = 0;
    if (password_normal(password, z, &n, NULL) != RC_OK)
        n = 0; /* cannot be anybody's; takes its time all the same */
    enum rc rc = turn_take(p, err);
    if (rc == RC_OK) {
        *is_right = crypto_pwhash_str_verify(hash, z, n) == 0;
        turn_give(p);
    }
    sodium_memzero(z, sizeof z);
    return rc;
}
