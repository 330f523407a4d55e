/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Log-in, sessions, log-out.
 *
 *   attempt --reserve()--> counted as failed --argon2id--> wrong: stays counted
 *                |                              right: admit() forgets the count, makes a session, writes the ledger
 *                +-- within the wait: RC_BUSY, not counted, so that nobody can stretch it (P4)
 *
 * An attempt is counted before it is tried: many at once get no more tries than one after another. Names that no account
 * has are counted and hashed the same way (P2).
 */
#include "people/people_int.h"

#include "base/log.h"
#include "base/rng.h"

#include <sodium.h>
#include <string.h>

enum { TOUCH_S = 60 }; /* a session's last use is stored at most once a minute */
#define S_US INT64_C(1000000)

struct sha256 throttle_key(const struct people *p, struct str folded_name)
{
    return vault_keyed_hash(p->vault, "login name", folded_name.p, folded_name.n);
}

static int64_t wait_us(int64_t failures)
{
    int64_t over = failures - LOGIN_FREE_FAILURES;
    if (over < 0)
        return 0;
    return (over < 6 && (INT64_C(1) << over) < LOGIN_WAIT_MAX_S ? INT64_C(1) << over : LOGIN_WAIT_MAX_S) * S_US;
}

struct login {
    struct people *p;
    struct str name; /* folded; empty when no account can have it */
    struct sha256 key;
    int64_t now_us;
    struct arena *mem;
    bool is_there;
    struct account_row r;
    struct sha256 token_hash;
};

/* Write function: may this attempt be made? Then it counts. */
static enum rc reserve(struct store_tx *tx, void *ctx, struct err *err)
{
    struct login *l = ctx;
    struct throttle t;
    TRY(throttle_forget(tx, l->now_us - LOGIN_FORGET_S * S_US, err));
    TRY(throttle_find(tx, l->key, &t, err));
    int64_t left = t.last_us + wait_us(t.failures) - l->now_us;
    if (t.failures && left > 0)
        return err_set(err, RC_BUSY, "too many failed attempts for this name; try again in %lld seconds",
                       (long long)((left + S_US - 1) / S_US));
    TRY(throttle_put(tx, l->key, (struct throttle){t.failures + 1, l->now_us}, err));
    l->is_there = false;
    if (l->name.n == 0)
        return RC_OK;
    enum rc rc = account_find_name(tx, l->name, l->mem, &l->r, err);
    l->is_there = rc == RC_OK;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc refused(struct err *err)
{
    return err_set(err, RC_UNAUTHENTICATED, "name or password is wrong");
}

/* Write function. The account is read again: it may have been disabled while the password was hashed. */
static enum rc admit(struct store_tx *tx, void *ctx, struct err *err)
{
    struct login *l = ctx;
    struct account_row now;
    TRY(account_find(tx, l->r.a.id, l->mem, &now, err));
    if (now.a.is_disabled || !str_is_equal(now.password, l->r.password))
        return refused(err);
    l->r = now;
    TRY(throttle_remove(tx, l->key, err));
    TRY(sessions_remove_over(tx, l->now_us, l->now_us - SESSION_IDLE_S * S_US, err));
    TRY(session_insert(tx, l->token_hash, now.a.id, l->now_us, l->now_us + SESSION_MAX_S * S_US, err));
    struct ledger_event ev = {
        .action = "account.login", .object_kind = "account", .object = now.a.id, .actor = now.a.id, .at = {l->now_us}};
    return ledger_append(tx, &ev, err);
}

static struct sha256 token_hash(const struct people *p, const uint8_t token[16])
{
    return vault_keyed_hash(p->vault, "session", token, 16);
}

static void session_fill(const struct people *p, struct session *s, const uint8_t token[16], const struct account *a,
                         int64_t expires_us)
{
    struct sha256 csrf = vault_keyed_hash(p->vault, "csrf", token, 16);
    memset(s, 0, sizeof *s);
    sodium_bin2hex(s->csrf, sizeof s->csrf, csrf.b, sizeof csrf.b);
    s->viewer = (struct viewer){.account = a->id, .org = a->org, .role = a->role};
    s->public_id = a->public_id;
    s->name = a->name;
    s->expires.us = expires_us;
}

enum rc people_login(struct people *p, struct str name, struct str password, struct arena *mem, struct session *out,
                     struct err *err)
{
    struct login l = {.p = p, .now_us = clock_now().us, .mem = mem};
    uint8_t token[16];
    bool is_right = false;
    if (name_fold(name, mem, &l.name, NULL) != RC_OK)
        l.name = STR_NONE;
    l.key = throttle_key(p, l.name.n ? l.name : str_clip(name, PASSWORD_MAX));
    TRY(store_write(p->store, reserve, &l, err));
    TRY(password_verify(p, password, l.is_there ? l.r.password.p : p->dummy, &is_right, err));
    if (!is_right || !l.is_there || l.r.a.is_disabled)
        return refused(err);
    rng_bytes(token, sizeof token);
    l.token_hash = token_hash(p, token);
    TRY(store_write(p->store, admit, &l, err));
    session_fill(p, out, token, &l.r.a, l.now_us + SESSION_MAX_S * S_US);
    sodium_bin2hex(out->token, sizeof out->token, token, sizeof token);
    sodium_memzero(token, sizeof token);
    return RC_OK;
}

struct lookup {
    struct sha256 hash;
    struct arena *mem;
    int64_t now_us;
    struct session_row s;
    struct account_row r;
};

static enum rc over(struct err *err)
{
    return err_set(err, RC_UNAUTHENTICATED, "the session is over; sign in again");
}

static enum rc lookup(struct store_tx *tx, void *ctx, struct err *err)
{
    struct lookup *l = ctx;
    TRY(session_find(tx, l->hash, &l->s, err));
    if (l->now_us >= l->s.expires_us || l->now_us - l->s.seen_us > SESSION_IDLE_S * S_US)
        return over(err);
    enum rc rc = account_find(tx, l->s.account, l->mem, &l->r, err);
    if (rc == RC_NOT_FOUND || (rc == RC_OK && l->r.a.is_disabled))
        return over(err);
    return rc;
}

static enum rc touch(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct lookup *l = ctx;
    return session_touch(tx, l->hash, l->now_us, err);
}

enum rc people_session_find(struct people *p, struct str token, struct arena *mem, struct session *out, struct err *err)
{
    uint8_t bytes[16];
    struct lookup l = {.mem = mem, .now_us = clock_now().us};
    if (!str_unhex(token, bytes, sizeof bytes))
        return over(err);
    l.hash = token_hash(p, bytes);
    TRY(store_read(p->store, lookup, &l, err));
    if (l.now_us - l.s.seen_us > TOUCH_S * S_US) {
        struct err e = {0}; /* a session that could not be touched ends sooner; the request goes on */
        if (store_write(p->store, touch, &l, &e) != RC_OK)
            log_line(LOG_WARN, "people.touch", "rc=%s", rc_name(e.rc));
    }
    session_fill(p, out, bytes, &l.r.a, l.s.expires_us);
    sodium_memzero(bytes, sizeof bytes);
    return RC_OK;
}

bool session_is_csrf(const struct session *s, struct str given)
{
    return given.n == CSRF_CHARS && mem_is_equal_secret(given.p, s->csrf, CSRF_CHARS);
}

static enum rc logout(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct lookup *l = ctx;
    struct session_row s;
    enum rc rc = session_find(tx, l->hash, &s, err);
    if (rc == RC_UNAUTHENTICATED)
        return RC_OK;
    TRY(rc);
    TRY(session_remove(tx, l->hash, err));
    struct ledger_event ev = {.action = "account.logout",
                              .object_kind = "account",
                              .object = s.account,
                              .actor = s.account,
                              .at = {l->now_us}};
    return ledger_append(tx, &ev, err);
}

enum rc people_logout(struct people *p, struct str token, struct err *err)
{
    uint8_t bytes[16];
    struct lookup l = {.now_us = clock_now().us};
    if (!str_unhex(token, bytes, sizeof bytes))
        return RC_OK;
    l.hash = token_hash(p, bytes);
    return store_write(p->store, logout, &l, err);
}
