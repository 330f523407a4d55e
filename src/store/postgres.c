/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The PostgreSQL driver: transactions and statements over libpq.
 *
 *   - Writers of all processes take one advisory lock at BEGIN and run READ COMMITTED, so each statement sees all that
 *     was committed before the lock was given (S3); a REPEATABLE READ snapshot would be older than the lock.
 *   - Readers run REPEATABLE READ, READ ONLY.
 *   - Statements are prepared once per connection for the types of their arguments.
 *   - A change whose count nobody asks for is sent ahead in pipeline mode and judged later (may_defer).
 *   - COMMIT also writes the batch's number into store_writer: when the connection breaks at that moment, commit asks a
 *     new one whether the number is there. No number there once the lock is ours: it did not happen.
 */
#include "store/pg_int.h"

#include "base/rng.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LOCK_KEY     "1178684997" /* STORE_APPLICATION_ID */
#define VARIANTS_MAX 4
#define DEFER_MAX    256
#define ASK_AGAIN_US 50000
#define FORGET_US    DAY_US

/* One prepared form of a statement; the others of the same statement have other types. */
struct pg_stmt {
    struct pg_stmt *next;
    char name[16];
    size_t n;
    Oid types[];
};

static struct pg_conn *pg(struct conn *c)
{
    return (struct pg_conn *)c;
}

/* --- what is under way ------------------------------------------------------------------------- */

static void rows_push(struct pg_rows *r, PGresult *res)
{
    if (r->n == r->size) {
        r->size = r->size ? 2 * r->size : 16;
        r->queue = mem_realloc(r->queue, r->size * sizeof *r->queue);
    }
    r->queue[r->n++] = res;
}

/* Another statement is coming while rows still arrive: they are kept here first. */
static enum rc drain(struct pg_conn *c, struct err *err)
{
    struct pg_rows *r = c->streaming;
    PGresult *res;
    pg_arm(c);
    for (;;) {
        TRY(pg_result(c, &res, err));
        if (!res)
            break;
        rows_push(r, res);
    }
    r->complete = true;
    c->streaming = NULL;
    return RC_OK;
}

static enum rc read_pipeline(struct pg_conn *c, int64_t *changed, struct err *err)
{
    enum rc first = RC_OK;
    PGresult *r;
    for (;;) {
        enum rc rc = pg_result(c, &r, first == RC_OK ? err : NULL);
        if (rc != RC_OK)
            return first == RC_OK ? rc : first;
        if (!r && PQstatus(c->pg) == CONNECTION_BAD)
            return pg_broken(c, RC_IO, "receive", first == RC_OK ? err : NULL);
        if (!r)
            continue; /* between two commands */
        bool sync = PQresultStatus(r) == PGRES_PIPELINE_SYNC;
        if (!sync && first == RC_OK)
            first = pg_judge(c, r, "a change", err);
        if (!sync && first == RC_OK && changed)
            *changed += strtoll(PQcmdTuples(r), NULL, 10);
        PQclear(r);
        if (sync)
            return first;
    }
}

static enum rc end_pipeline(struct pg_conn *c, int64_t *changed, struct err *err)
{
    c->deferred = 0;
    pg_arm(c);
    TRY(pg_sent(c, PQpipelineSync(c->pg), err));
    enum rc rc = read_pipeline(c, changed, err);
    if (!c->base.broken && !PQexitPipelineMode(c->pg))
        return pg_broken(c, RC_IO, "pipeline", rc == RC_OK ? err : NULL);
    return rc;
}

enum rc pg_settle(struct pg_conn *c, struct err *err)
{
    if (c->base.broken)
        return err_set(err, RC_IO, "the connection to the database server was lost");
    if (c->streaming)
        TRY(drain(c, err));
    if (PQpipelineStatus(c->pg) != PQ_PIPELINE_OFF)
        return end_pipeline(c, NULL, err);
    if (c->ending) {
        c->ending = false;
        pg_arm(c);
        return pg_finish_command(c, "rollback", NULL, err);
    }
    return RC_OK;
}

static enum rc settle(struct conn *base, struct err *err)
{
    return pg_settle(pg(base), err);
}

/* --- opening ----------------------------------------------------------------------------------- */

static void drop_stmt(void *stmt)
{
    for (struct pg_stmt *s = stmt, *next; s; s = next) {
        next = s->next;
        free(s);
    }
}

static void pg_close(struct conn *base)
{
    struct pg_conn *c = pg(base);
    if (!c)
        return;
    stmt_map_fini(&c->cache, drop_stmt);
    PQfinish(c->pg);
    free(c);
}

static enum rc forget_old_writers(struct pg_conn *c, struct err *err)
{
    char text[128];
    snprintf(text, sizeof text, "DELETE FROM store_writer WHERE at_us < %lld", (long long)(clock_now().us - FORGET_US));
    return c->marks ? pg_run(c, text, "session", NULL, err) : RC_OK;
}

static enum rc pg_open(const struct conn_options *o, struct conn **out, struct err *err)
{
    struct pg_conn *c = mem_alloc(sizeof *c);
    c->base = (struct conn){.d = &postgres_driver, .kind = o->kind, .limit_ms = o->limit_ms};
    c->where = o->where;
    c->opened_ms = o->limit_ms;
    c->writer = uuid_random();
    enum rc rc = pg_connect(c, err);
    if (rc == RC_OK && o->kind == CONN_WRITE && !o->read_only)
        rc = forget_old_writers(c, err);
    if (rc != RC_OK) {
        pg_close(&c->base);
        return rc;
    }
    *out = &c->base;
    return RC_OK;
}

/* --- transactions ------------------------------------------------------------------------------ */

static enum rc pg_begin(struct conn *base, struct err *err)
{
    struct pg_conn *c = pg(base);
    char own[160] = "", text[320];
    base->lost = base->again = false;
    TRY(pg_settle(c, err));
    if (base->limit_ms != c->opened_ms)
        snprintf(own, sizeof own, "SET LOCAL statement_timeout = %lld; SET LOCAL lock_timeout = %lld;",
                 (long long)base->limit_ms, (long long)base->limit_ms);
    if (base->kind == CONN_WRITE)
        snprintf(text, sizeof text,
                 "BEGIN ISOLATION LEVEL READ COMMITTED; %s SELECT pg_advisory_xact_lock(" LOCK_KEY ")", own);
    else
        snprintf(text, sizeof text, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1");
    enum rc rc = pg_run(c, text, "begin", NULL, err);
    if (rc != RC_OK && !base->broken) {
        bool again = base->again;
        base->d->rollback(base);
        base->again = again;
    }
    return rc;
}

/* Whether the mark of our batch is in the database. locked: what is not there now will never be. */
static enum rc read_mark(struct pg_conn *c, bool locked, bool *there, struct err *err)
{
    struct arena mem;
    PGresult *r = NULL;
    arena_init(&mem);
    struct str q = str_printf(&mem, "SELECT 1 FROM store_writer WHERE id = '\\x" STR_FMT "' AND batch = %lld",
                              STR_ARG(str_hex(&mem, c->writer.b, sizeof c->writer.b)), (long long)c->batch);
    enum rc rc = locked ? pg_run(c, "BEGIN; SELECT pg_advisory_xact_lock(" LOCK_KEY ")", "commit", NULL, err) : RC_OK;
    if (rc == RC_OK)
        rc = pg_run(c, q.p, "commit", &r, err);
    if (rc == RC_OK)
        *there = PQntuples(r) > 0;
    PQclear(r);
    if (rc == RC_OK && locked)
        rc = pg_run(c, "ROLLBACK", "commit", NULL, err);
    arena_fini(&mem);
    return rc;
}

static enum rc connect_again(struct pg_conn *c, struct err *err)
{
    stmt_map_fini(&c->cache, drop_stmt);
    PQfinish(c->pg);
    c->pg = NULL;
    c->streaming = NULL;
    c->base.broken = c->base.lost = c->base.again = c->ending = false;
    return pg_connect(c, err);
}

/* The connection broke while COMMIT was under way. */
static enum rc find_out(struct pg_conn *c, struct err *err)
{
    int64_t until = clock_monotonic_us() + c->base.limit_ms * 1000;
    struct err why;
    bool there = false;
    do {
        if (connect_again(c, &why) == RC_OK && (read_mark(c, false, &there, &why) == RC_OK) &&
            (there || read_mark(c, true, &there, &why) == RC_OK)) {
            c->base.again = !there;
            return there ? RC_OK : err_set(err, RC_IO, "the connection was lost before the commit");
        }
        clock_sleep_us(ASK_AGAIN_US);
    } while (clock_monotonic_us() < until);
    c->base.broken = c->base.lost = true;
    c->base.again = false;
    return err_set(err, RC_BUSY,
                   "the connection was lost in the commit, and its outcome is not known: ask again with the same key");
}

static enum rc send_commit(struct pg_conn *c, PGresult **r, struct err *err)
{
    struct arena mem;
    if (!c->marks)
        return pg_run(c, "COMMIT", "commit", r, err);
    arena_init(&mem);
    struct str text = str_printf(
        &mem,
        "INSERT INTO store_writer(id, batch, at_us) VALUES ('\\x" STR_FMT "', %lld, %lld)"
        " ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, at_us = excluded.at_us; COMMIT",
        STR_ARG(str_hex(&mem, c->writer.b, sizeof c->writer.b)), (long long)++c->batch, (long long)clock_now().us);
    enum rc rc = pg_run(c, text.p, "commit", r, err);
    arena_fini(&mem);
    return rc;
}

/* Before the first migration there is no table for marks. */
static void look_for_marks(struct pg_conn *c)
{
    struct err e;
    PGresult *r = NULL;
    if (!c->marks && pg_run(c, "SELECT to_regclass('store_writer') IS NOT NULL", "session", &r, &e) == RC_OK)
        c->marks = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
}

static enum rc pg_commit(struct conn *base, struct err *err)
{
    struct pg_conn *c = pg(base);
    PGresult *r = NULL;
    TRY(pg_settle(c, err)); /* fails before COMMIT was sent: nothing happened */
    enum rc rc = send_commit(c, &r, err);
    if (rc == RC_OK && strcmp(PQcmdStatus(r), "COMMIT") != 0) /* "ROLLBACK": a statement had failed */
        rc = err_set(err, RC_INVALID, "a failed transaction was to be committed");
    PQclear(r);
    if (rc != RC_OK && base->broken && c->marks)
        rc = find_out(c, err);
    if (rc == RC_OK)
        look_for_marks(c);
    return rc;
}

static void pg_rollback(struct conn *base)
{
    struct pg_conn *c = pg(base);
    struct err e;
    if (base->broken)
        return;
    if (pg_settle(c, &e) != RC_OK && base->broken)
        return;
    PGTransactionStatusType s = PQtransactionStatus(c->pg);
    if (s == PQTRANS_ACTIVE) { /* a bulk load was left open */
        base->broken = true;
    } else if (s != PQTRANS_IDLE && base->kind == CONN_READ) {
        c->ending = PQsendQuery(c->pg, "ROLLBACK") == 1 && PQflush(c->pg) >= 0;
        base->broken = !c->ending;
    } else if (s != PQTRANS_IDLE && pg_run(c, "ROLLBACK", "rollback", NULL, &e) != RC_OK) {
        base->broken = true;
    }
    base->lost = false;
}

static enum rc pg_save(struct conn *base, enum save_step step, struct err *err)
{
    static const char *const TEXT[] = {
        [SAVE_SET] = "SAVEPOINT job", [SAVE_RELEASE] = "RELEASE job", [SAVE_BACK] = "ROLLBACK TO job; RELEASE job"};
    enum rc rc = pg_settle(pg(base), err);
    if (rc != RC_OK && (base->broken || step != SAVE_BACK))
        return rc;
    return pg_run(pg(base), TEXT[step], "savepoint", NULL, err);
}

/* --- statements -------------------------------------------------------------------------------- */

/* A NULL of no type fits anything. */
static bool fits(const struct pg_stmt *s, const struct store_arg *args, size_t n)
{
    for (size_t i = 0; i < n && i < s->n; i++) {
        Oid t = pg_type_of(&args[i]);
        if (t && s->types[i] != t)
            return false;
    }
    return true;
}

/* Types of the arguments; of an untyped NULL what an earlier form had. */
static void choose_types(struct pg_stmt *s, const struct pg_stmt *earlier, const struct store_arg *args)
{
    for (size_t i = 0; i < s->n; i++) {
        s->types[i] = pg_type_of(&args[i]);
        for (const struct pg_stmt *e = earlier; e && !s->types[i]; e = e->next)
            s->types[i] = e->types[i];
    }
}

static enum rc prepare(struct pg_conn *c, const char *text, struct pg_stmt *s, struct err *err)
{
    struct buf b;
    size_t params;
    buf_init(&b, 0);
    enum rc rc = sql_number(str_of(text), &b, &params, err);
    buf_add(&b, "", 1);
    if (rc == RC_OK && params != s->n)
        rc = err_set(err, RC_INVALID, "a statement takes %zu arguments, %zu were given: %s", params, s->n, text);
    if (rc == RC_OK)
        rc = pg_settle(c, err);
    if (rc == RC_OK) {
        pg_arm(c);
        rc = pg_sent(c, PQsendPrepare(c->pg, s->name, b.p, (int)s->n, s->types), err);
    }
    if (rc == RC_OK)
        rc = pg_finish_command(c, text, NULL, err);
    buf_fini(&b);
    return rc;
}

static size_t count_forms(const struct pg_stmt *s)
{
    size_t n = 0;
    for (; s; s = s->next)
        n++;
    return n;
}

/* *once: not kept, the caller frees it. */
static enum rc get_stmt(struct pg_conn *c, const struct store_sql *sql, const struct store_arg *args, size_t n,
                        struct pg_stmt **out, bool *once, struct err *err)
{
    const char *text = store_sql_text(sql, STORE_POSTGRES);
    struct pg_stmt *first = sql->is_once ? NULL : stmt_map_get(&c->cache, sql, text);
    *once = false;
    for (struct pg_stmt *s = first; s; s = s->next)
        if (s->n == n && fits(s, args, n)) {
            *out = s;
            return RC_OK;
        }
    if (first && first->n != n)
        return err_set(err, RC_INVALID, "a statement takes %zu arguments, %zu were given: %s", first->n, n, text);
    struct pg_stmt *s = mem_alloc(sizeof *s + n * sizeof s->types[0]);
    s->n = n;
    choose_types(s, first, args);
    bool keep = first ? count_forms(first) < VARIANTS_MAX : c->cache.n < STORE_CACHE_MAX && !sql->is_once;
    if (keep)
        snprintf(s->name, sizeof s->name, "s%u", ++c->names);
    enum rc rc = prepare(c, text, s, err);
    if (rc != RC_OK) {
        free(s);
        return rc;
    }
    if (keep && first) {
        s->next = first->next;
        first->next = s;
    } else if (!keep || !stmt_map_put(&c->cache, sql, text, s)) {
        *once = true;
    }
    *out = s;
    return RC_OK;
}

static enum rc send_one(struct pg_conn *c, const struct pg_stmt *s, const struct store_arg *args, size_t n,
                        struct err *err)
{
    struct pg_params p;
    pg_params_set(&p, args, n);
    return pg_sent(c, PQsendQueryPrepared(c->pg, s->name, (int)n, p.values, p.lengths, p.formats, 1), err);
}

static enum rc send_many(struct pg_conn *c, const struct pg_stmt *s, const struct store_arg *args, size_t n,
                         size_t rows, int64_t *sum, struct err *err)
{
    for (size_t i = 0; i < rows; i++) {
        if (PQpipelineStatus(c->pg) == PQ_PIPELINE_OFF) {
            TRY(pg_settle(c, err));
            if (!PQenterPipelineMode(c->pg))
                return pg_broken(c, RC_IO, "pipeline", err);
        }
        TRY(send_one(c, s, args + i * n, n, err));
        if (++c->deferred >= DEFER_MAX)
            TRY(end_pipeline(c, sum, err));
    }
    return RC_OK;
}

/* All rows must fit one form of the statement, so the form is looked for row by row when they differ in type. */
static size_t same_form(const struct pg_stmt *s, const struct store_arg *args, size_t n, size_t rows)
{
    size_t k = 1;
    while (k < rows && fits(s, args + k * n, n))
        k++;
    return k;
}

static enum rc pg_exec_many(struct conn *base, const struct store_sql *sql, const struct store_arg *args, size_t n,
                            size_t rows, int64_t *changed, struct err *err)
{
    struct pg_conn *c = pg(base);
    int64_t sum = 0;
    bool wait = changed || !base->may_defer;
    if (wait)
        TRY(pg_settle(c, err)); /* so that what is counted and judged is ours */
    for (size_t at = 0; at < rows;) {
        struct pg_stmt *s;
        bool once;
        TRY(get_stmt(c, sql, args + at * n, n, &s, &once, err));
        size_t k = once ? 1 : same_form(s, args + at * n, n, rows - at);
        enum rc rc = send_many(c, s, args + at * n, n, k, &sum, err);
        if (once)
            free(s);
        if (rc != RC_OK)
            return rc;
        at += k;
        if (once)
            TRY(PQpipelineStatus(c->pg) == PQ_PIPELINE_OFF ? RC_OK : end_pipeline(c, &sum, err));
    }
    if (wait && PQpipelineStatus(c->pg) != PQ_PIPELINE_OFF)
        TRY(end_pipeline(c, &sum, err));
    base->deferred = base->deferred || !wait;
    if (changed)
        *changed = sum;
    return RC_OK;
}

static enum rc pg_exec(struct conn *base, const struct store_sql *sql, const struct store_arg *args, size_t n,
                       int64_t *changed, struct err *err)
{
    struct pg_conn *c = pg(base);
    struct pg_stmt *s;
    bool once;
    PGresult *r = NULL;
    if (!changed && base->may_defer)
        return pg_exec_many(base, sql, args, n, 1, NULL, err);
    TRY(pg_settle(c, err));
    TRY(get_stmt(c, sql, args, n, &s, &once, err));
    pg_arm(c);
    enum rc rc = send_one(c, s, args, n, err);
    if (once)
        free(s);
    if (rc == RC_OK)
        rc = pg_finish_command(c, store_sql_text(sql, STORE_POSTGRES), &r, err);
    if (rc == RC_OK && changed)
        *changed = strtoll(PQcmdTuples(r), NULL, 10);
    PQclear(r);
    return rc;
}

static bool only_reads(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    return strncasecmp(text, "select", 6) == 0;
}

static enum rc pg_query(struct conn *base, const struct store_sql *sql, const struct store_arg *args, size_t n,
                        struct store_rows **out, struct err *err)
{
    struct pg_conn *c = pg(base);
    struct pg_stmt *s;
    bool once;
    TRY(pg_settle(c, err));
    TRY(get_stmt(c, sql, args, n, &s, &once, err));
    pg_arm(c);
    enum rc rc = send_one(c, s, args, n, err);
    if (once)
        free(s);
    if (rc == RC_OK && !PQsetSingleRowMode(c->pg))
        rc = pg_broken(c, RC_IO, "query", err);
    if (rc == RC_OK)
        rc = pg_flush(c, err);
    if (rc != RC_OK)
        return rc;
    struct pg_rows *r = mem_alloc(sizeof *r);
    *r = (struct pg_rows){.base = {.c = base, .writes = !only_reads(store_sql_text(sql, STORE_POSTGRES))}};
    c->streaming = r;
    *out = &r->base;
    return RC_OK;
}

static enum rc rows_more(struct pg_rows *r, struct err *err)
{
    struct pg_conn *c = pg(r->base.c);
    r->now = NULL;
    r->row = 0;
    if (r->at < r->n) {
        r->now = r->queue[r->at++];
        return RC_OK;
    }
    if (r->complete)
        return RC_OK;
    pg_arm(c);
    TRY(pg_result(c, &r->now, err));
    if (!r->now) {
        r->complete = true;
        c->streaming = NULL;
    }
    return RC_OK;
}

static bool pg_next(struct store_rows *base)
{
    struct pg_rows *r = (struct pg_rows *)base;
    r->row++;
    for (;;) {
        if (r->now && r->row < PQntuples(r->now))
            return true;
        PQclear(r->now);
        r->now = NULL;
        if (base->c->broken) {
            base->rc = err_set(&base->err, RC_IO, "the connection to the database server was lost");
            return false;
        }
        base->rc = rows_more(r, &base->err);
        if (base->rc == RC_OK && r->now)
            base->rc = pg_judge(pg(base->c), r->now, "query", &base->err);
        if (base->rc != RC_OK || !r->now)
            return false;
    }
}

static void pg_column(struct store_rows *base, int col, struct store_arg *out)
{
    struct pg_rows *r = (struct pg_rows *)base;
    pg_decode(r->now, r->row, col, out);
}

/* What is left of the answer has to be read, or the next command would meet it. */
static void pg_finish(struct store_rows *base)
{
    struct pg_rows *r = (struct pg_rows *)base;
    struct pg_conn *c = pg(base->c);
    struct err e;
    PQclear(r->now);
    while (!r->complete && !base->c->broken && rows_more(r, &e) == RC_OK)
        PQclear(r->now);
    while (r->at < r->n)
        PQclear(r->queue[r->at++]);
    if (c->streaming == r)
        c->streaming = NULL;
    free(r->queue);
    free(r);
}

static enum rc pg_script(struct conn *base, struct str text, struct err *err)
{
    struct arena mem;
    arena_init(&mem);
    enum rc rc = pg_settle(pg(base), err);
    if (rc == RC_OK)
        rc = pg_run(pg(base), str_z(&mem, text), "statement", NULL, err);
    arena_fini(&mem);
    return rc;
}

const struct driver postgres_driver = {
    .engine = STORE_POSTGRES,
    .open = pg_open,
    .close = pg_close,
    .begin = pg_begin,
    .commit = pg_commit,
    .rollback = pg_rollback,
    .save = pg_save,
    .settle = settle,
    .exec = pg_exec,
    .exec_many = pg_exec_many,
    .query = pg_query,
    .next = pg_next,
    .column = pg_column,
    .finish = pg_finish,
    .script = pg_script,
    .bulk_open = pg_bulk_open,
    .bulk_row = pg_bulk_row,
    .bulk_close = pg_bulk_close,
};
