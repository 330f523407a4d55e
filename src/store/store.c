/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The door itself: opening, reading on a snapshot, statements and their results. Writing is in writer.c. What each
 * engine does is behind the driver table; nothing here knows SQLite or PostgreSQL beyond choosing one.
 */
#include "store/store_int.h"

#include "base/log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define READERS_MAX 256

void store_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(c, &a);
    pthread_condattr_destroy(&a);
}

struct timespec store_timespec(int64_t us)
{
    return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}

/* --- open and close ---------------------------------------------------------------------------- */

static bool is_url(const char *where)
{
    struct str s = str_of(where);
    return str_starts_with(s, STR("postgresql://")) || str_starts_with(s, STR("postgres://"));
}

enum rc store_conn_open(struct store *st, enum conn_kind kind, struct conn **out, struct err *err)
{
    struct conn_options o = {st->where, kind, st->opt.read_only, st->opt.busy_ms};
    return st->d->open(&o, out, err);
}

static void store_free(struct store *st)
{
    for (int i = 0; i < st->opt.readers; i++)
        if (st->slots[i].c)
            st->d->close(st->slots[i].c);
    if (st->wc)
        st->d->close(st->wc); /* last: SQLite's last connection tidies the log away */
    pthread_mutex_destroy(&st->pool_lock);
    pthread_mutex_destroy(&st->queue_lock);
    pthread_mutex_destroy(&st->gate);
    pthread_mutex_destroy(&st->check_lock);
    pthread_cond_destroy(&st->pool_free);
    pthread_cond_destroy(&st->queue_work);
    pthread_cond_destroy(&st->check_work);
    free(st->slots);
    free(st->where);
    free(st);
}

static struct store *store_new(const char *where, const struct store_options *opt)
{
    struct store *st = mem_alloc(sizeof *st);
    size_t n = strlen(where) + 1;
    st->where = memcpy(mem_alloc(n), where, n);
    st->d = is_url(where) ? &postgres_driver : &sqlite_driver;
    st->opt = opt ? *opt : (struct store_options){0};
    st->opt.busy_ms = st->opt.busy_ms > 0 ? st->opt.busy_ms : 10000;
    st->opt.readers = st->opt.readers > 0 ? st->opt.readers : 4;
    st->opt.readers = st->opt.readers < READERS_MAX ? st->opt.readers : READERS_MAX;
    st->opt.batch_max = st->opt.batch_max > 0 ? st->opt.batch_max : 512;
    st->slots = mem_array((size_t)st->opt.readers, sizeof *st->slots);
    pthread_mutex_init(&st->pool_lock, NULL);
    pthread_mutex_init(&st->queue_lock, NULL);
    pthread_mutex_init(&st->gate, NULL);
    pthread_mutex_init(&st->check_lock, NULL);
    store_cond_init(&st->pool_free);
    store_cond_init(&st->queue_work);
    store_cond_init(&st->check_work);
    return st;
}

enum rc store_open(const char *where, const struct store_options *opt, struct store **out, struct err *err)
{
    if (!where || !*where)
        return err_set(err, RC_INVALID, "the database's place is empty: give a file or a postgresql:// URL");
    struct store *st = store_new(where, opt);
    bool read_only = st->opt.read_only;
    enum rc rc = store_conn_open(st, read_only ? CONN_READ : CONN_WRITE, read_only ? &st->slots[0].c : &st->wc, err);
    if (rc == RC_OK && !read_only)
        rc = writer_start(st, err);
    if (rc == RC_OK && !read_only && st->d->engine == STORE_SQLITE)
        rc = checker_start(st, err);
    if (rc != RC_OK) {
        writer_stop(st);
        store_free(st);
        return rc;
    }
    *out = st;
    return RC_OK;
}

void store_close(struct store *st)
{
    if (!st)
        return;
    writer_stop(st);
    checker_stop(st);
    store_free(st);
}

enum store_engine store_engine(const struct store *st)
{
    return st->d->engine;
}

enum store_engine store_tx_engine(const struct store_tx *tx)
{
    return tx->c->d->engine;
}

bool store_is_writing(const struct store_tx *tx)
{
    return tx->write;
}

struct store_stats store_stats(struct store *st)
{
    pthread_mutex_lock(&st->queue_lock);
    struct store_stats s = st->stats;
    s.queued = (int64_t)st->queued;
    pthread_mutex_unlock(&st->queue_lock);
    return s;
}

static void add_hook(struct store *st, struct store_hook *list, size_t *n, struct store_hook h)
{
    pthread_mutex_lock(&st->queue_lock);
    ENSURE(*n < STORE_HOOKS_MAX);
    list[(*n)++] = h;
    pthread_mutex_unlock(&st->queue_lock);
}

void store_add_commit_hook(struct store *st, store_fn hook, void *ctx)
{
    add_hook(st, st->hooks, &st->n_hooks, (struct store_hook){.fn = hook, .ctx = ctx});
}

void store_add_after_hook(struct store *st, void (*hook)(void *ctx), void *ctx)
{
    add_hook(st, st->afters, &st->n_afters, (struct store_hook){.after = hook, .ctx = ctx});
}

/* --- reading ----------------------------------------------------------------------------------- */

static struct store_slot *free_slot(struct store *st)
{
    struct store_slot *found = NULL;
    for (int i = 0; i < st->opt.readers; i++) {
        struct store_slot *s = &st->slots[i];
        if (!s->busy && (!found || (s->c && !found->c))) /* one that is open, rather than opening another */
            found = s;
    }
    return found;
}

static bool reads_already(const struct store *st)
{
    for (int i = 0; i < st->opt.readers; i++)
        if (st->slots[i].busy && pthread_equal(st->slots[i].owner, pthread_self()))
            return true;
    return false;
}

static enum rc slot_take(struct store *st, struct store_slot **out, struct err *err)
{
    enum rc rc = RC_OK;
    struct timespec until = store_timespec(clock_monotonic_us() + (int64_t)st->opt.busy_ms * 1000);
    pthread_mutex_lock(&st->pool_lock);
    if (reads_already(st))
        rc = err_set(err, RC_INVALID, "store_read was called inside a read function");
    while (rc == RC_OK && !(*out = free_slot(st)))
        if (pthread_cond_timedwait(&st->pool_free, &st->pool_lock, &until) != 0)
            rc = err_set(err, RC_BUSY, "all %d read connections stayed in use for %d ms", st->opt.readers,
                         st->opt.busy_ms);
    if (rc == RC_OK) {
        (*out)->busy = true;
        (*out)->owner = pthread_self();
    }
    pthread_mutex_unlock(&st->pool_lock);
    return rc;
}

static void slot_give(struct store *st, struct store_slot *s)
{
    if (s->c && s->c->broken) {
        st->d->close(s->c);
        s->c = NULL;
    }
    pthread_mutex_lock(&st->pool_lock);
    s->busy = false;
    pthread_cond_signal(&st->pool_free);
    pthread_mutex_unlock(&st->pool_lock);
}

/* A pooled connection may have died since it was last used: that costs one more try, on a new one. */
static enum rc read_begin(struct store *st, struct store_slot *s, struct err *err)
{
    bool used = s->c != NULL;
    for (int turn = 0;; turn++) {
        if (!s->c)
            TRY(store_conn_open(st, CONN_READ, &s->c, err));
        enum rc rc = st->d->begin(s->c, err);
        if (rc == RC_OK || !s->c->broken || !used || turn > 0)
            return rc;
        st->d->close(s->c);
        s->c = NULL;
    }
}

static bool on_writer(struct store *st)
{
    return st->has_writer && pthread_equal(st->writer, pthread_self());
}

enum rc store_read(struct store *st, store_fn fn, void *ctx, struct err *err)
{
    struct store_slot *s = NULL;
    if (on_writer(st))
        return err_set(err, RC_INVALID, "store_read was called inside a write function");
    TRY(slot_take(st, &s, err));
    enum rc rc = read_begin(st, s, err);
    if (rc == RC_OK) {
        struct store_tx tx = {.st = st, .c = s->c};
        rc = fn(&tx, ctx, err);
        store_tx_close_rows(&tx);
        if (rc == RC_OK && tx.failed != RC_OK) {
            if (err)
                *err = tx.err;
            rc = tx.failed;
        }
        st->d->rollback(s->c);
    }
    slot_give(st, s);
    return rc;
}

/* --- statements -------------------------------------------------------------------------------- */

/* What no engine can hold, or one of them would take for something else: SQLite makes NULL of NaN. */
enum rc store_check_args(const struct store_arg *args, size_t n, struct err *err)
{
    if (n > STORE_PARAMS_MAX)
        return err_set(err, RC_TOO_LARGE, "a statement has %zu arguments; at most %d are allowed", n, STORE_PARAMS_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct store_arg *a = &args[i];
        if (a->type == STORE_REAL && !isfinite(a->r))
            return err_set(err, RC_INVALID, "argument ?%zu of a statement is not a finite number", i + 1);
        if (a->type != STORE_TEXT && a->type != STORE_BLOB)
            continue;
        if (a->s.n > STORE_VALUE_MAX)
            return err_set(err, RC_TOO_LARGE, "argument ?%zu of a statement has %zu bytes; at most %u are allowed",
                           i + 1, a->s.n, STORE_VALUE_MAX);
        if (a->type == STORE_TEXT && a->s.n && memchr(a->s.p, 0, a->s.n))
            return err_set(err, RC_INVALID, "text for argument ?%zu of a statement holds a NUL character", i + 1);
        if (a->type == STORE_TEXT && !str_is_utf8(a->s))
            return err_set(err, RC_INVALID, "text for argument ?%zu of a statement is not UTF-8", i + 1);
    }
    return RC_OK;
}

/* S5: the first failure stays with the transaction. */
static enum rc keep_failure(struct store_tx *tx, enum rc rc, const struct err *err)
{
    if (rc != RC_OK && tx->failed == RC_OK) {
        tx->failed = rc;
        if (err)
            tx->err = *err;
        else
            (void)err_set(&tx->err, rc, "a statement of this transaction failed");
    }
    return rc;
}

static enum rc before(struct store_tx *tx, const struct store_arg *args, size_t n, size_t rows, struct err *err)
{
    for (size_t i = 0; i < rows; i++)
        TRY(store_check_args(args + i * n, n, err));
    if (tx->failed != RC_OK)
        return err_set(err, tx->failed, "an earlier statement of this transaction failed: %.700s", tx->err.text);
    if (!tx->careful || tx->saved)
        return RC_OK;
    tx->saved = true;
    return tx->c->d->save(tx->c, SAVE_SET, err);
}

static const struct store_arg NO_ARGS = {0}; /* so that no pointer below is NULL */

static enum rc may_write(struct store_tx *tx, struct err *err)
{
    return tx->write ? RC_OK : err_set(err, RC_INVALID, "a change was tried in a reading transaction");
}

enum rc store_exec_many(struct store_tx *tx, const struct store_sql *sql, const struct store_arg *args, size_t n,
                        size_t rows, int64_t *changed, struct err *err)
{
    struct err mine;
    err = err ? err : &mine;
    args = args ? args : &NO_ARGS;
    enum rc rc = may_write(tx, err);
    if (rc == RC_OK)
        rc = before(tx, args, n, rows, err);
    if (rc == RC_OK && rows == 1)
        rc = tx->c->d->exec(tx->c, sql, args, n, changed, err);
    else if (rc == RC_OK)
        rc = tx->c->d->exec_many(tx->c, sql, args, n, rows, changed, err);
    tx->dirty = true;
    return keep_failure(tx, rc, err);
}

enum rc store_exec(struct store_tx *tx, const struct store_sql *sql, const struct store_arg *args, size_t n,
                   int64_t *changed, struct err *err)
{
    return store_exec_many(tx, sql, args, n, 1, changed, err);
}

enum rc store_query(struct store_tx *tx, const struct store_sql *sql, const struct store_arg *args, size_t n,
                    struct store_rows **out, struct err *err)
{
    struct err mine;
    err = err ? err : &mine;
    struct store_rows *r = NULL;
    args = args ? args : &NO_ARGS;
    enum rc rc = before(tx, args, n, 1, err);
    if (rc == RC_OK)
        rc = tx->c->d->query(tx->c, sql, args, n, &r, err);
    if (rc != RC_OK)
        return keep_failure(tx, rc, err);
    tx->dirty = tx->dirty || r->writes;
    r->tx = tx;
    r->next = tx->open;
    tx->open = r;
    *out = r;
    return RC_OK;
}

bool store_next(struct store_rows *r)
{
    if (r->rc != RC_OK)
        return false;
    r->on_row = r->c->d->next(r);
    if (r->rc != RC_OK)
        (void)keep_failure(r->tx, r->rc, &r->err);
    return r->on_row;
}

enum rc store_finish(struct store_rows *r, struct err *err)
{
    if (!r)
        return RC_OK;
    struct store_rows **at = &r->tx->open;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    enum rc rc = r->rc;
    if (rc != RC_OK && err)
        *err = r->err;
    r->c->d->finish(r);
    return rc;
}

void store_tx_close_rows(struct store_tx *tx)
{
    while (tx->open) {
        log_line(LOG_DEBUG, "store.rows", "note=\"a result was left open\"");
        if (store_finish(tx->open, NULL) != RC_OK)
            continue; /* kept by the transaction */
    }
}

static void misread(struct store_rows *r, int col, const char *as)
{
    if (r->rc == RC_OK)
        r->rc = err_set(&r->err, RC_INVALID, "column %d of a result was read as %s, which it is not", col, as);
}

static struct store_arg value(struct store_rows *r, int col)
{
    struct store_arg a = SA_NULL;
    if (r->on_row)
        r->c->d->column(r, col, &a);
    return a;
}

bool store_is_null(struct store_rows *r, int col)
{
    return value(r, col).type == STORE_NULL;
}

int64_t store_int(struct store_rows *r, int col)
{
    struct store_arg a = value(r, col);
    if (a.type == STORE_INT)
        return a.i;
    if (a.type == STORE_REAL && a.r == floor(a.r) && fabs(a.r) < 0x1p63)
        return (int64_t)a.r;
    if (a.type != STORE_NULL)
        misread(r, col, "an integer");
    return 0;
}

double store_real(struct store_rows *r, int col)
{
    struct store_arg a = value(r, col);
    if (a.type == STORE_REAL)
        return a.r;
    if (a.type == STORE_INT)
        return (double)a.i;
    if (a.type != STORE_NULL)
        misread(r, col, "a number");
    return 0;
}

static struct str bytes(struct store_rows *r, int col, enum store_type type, const char *as)
{
    struct store_arg a = value(r, col);
    if (a.type == type)
        return a.s;
    if (a.type != STORE_NULL)
        misread(r, col, as);
    return STR("");
}

struct str store_text(struct store_rows *r, int col)
{
    return bytes(r, col, STORE_TEXT, "text");
}

struct str store_blob(struct store_rows *r, int col)
{
    return bytes(r, col, STORE_BLOB, "bytes");
}

struct uuid store_uuid(struct store_rows *r, int col)
{
    struct uuid u = {0};
    struct str b = store_blob(r, col);
    if (b.n == sizeof u.b)
        memcpy(u.b, b.p, sizeof u.b);
    return u;
}

enum rc store_get_int(struct store_tx *tx, const struct store_sql *sql, const struct store_arg *args, size_t n,
                      int64_t *out, struct err *err)
{
    struct store_rows *r;
    TRY(store_query(tx, sql, args, n, &r, err));
    bool found = store_next(r);
    int64_t v = found ? store_int(r, 0) : 0;
    TRY(store_finish(r, err));
    if (!found)
        return err_set(err, RC_NOT_FOUND, "no such row");
    *out = v;
    return RC_OK;
}

/* --- bulk load --------------------------------------------------------------------------------- */

enum rc store_bulk_open(struct store_tx *tx, const char *table, const char *const *columns, size_t n,
                        struct store_bulk **out, struct err *err)
{
    struct err mine;
    err = err ? err : &mine;
    ENSURE(n > 0 && n <= STORE_COLUMNS_MAX);
    enum rc rc = may_write(tx, err);
    if (rc == RC_OK)
        rc = before(tx, NULL, 0, 0, err);
    if (rc == RC_OK)
        rc = tx->c->d->bulk_open(tx->c, table, columns, n, out, err);
    tx->dirty = true;
    if (rc != RC_OK)
        return keep_failure(tx, rc, err);
    (*out)->tx = tx;
    (*out)->columns = n;
    (*out)->rows = 0;
    return RC_OK;
}

enum rc store_bulk_row(struct store_bulk *b, const struct store_arg *args, struct err *err)
{
    struct err mine;
    err = err ? err : &mine;
    enum rc rc = before(b->tx, args, b->columns, 1, err);
    if (rc == RC_OK)
        rc = b->tx->c->d->bulk_row(b->tx->c, b, args, err);
    b->rows += rc == RC_OK;
    return keep_failure(b->tx, rc, err);
}

enum rc store_bulk_close(struct store_bulk *b, bool keep, int64_t *rows, struct err *err)
{
    if (!b)
        return RC_OK;
    struct err mine;
    struct store_tx *tx = b->tx;
    int64_t n = b->rows;
    err = err ? err : &mine;
    enum rc rc = tx->c->d->bulk_close(tx->c, b, keep && tx->failed == RC_OK, err);
    if (rc == RC_OK && tx->failed != RC_OK)
        rc = err_set(err, tx->failed, "%s", tx->err.text);
    else if (rc == RC_OK && !keep)
        (void)keep_failure(tx, err_set(err, RC_CONFLICT, "a bulk load was given up"), err);
    if (rc == RC_OK && keep && rows)
        *rows = n;
    return keep_failure(tx, rc, err);
}
