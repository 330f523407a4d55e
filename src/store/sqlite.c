/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The SQLite driver: one connection, its prepared statements, its transaction. WAL with synchronous=FULL: the commit
 * that returned has been fsynced. No checkpoint runs on this path (checkpoint.c). Opened without SQLite's own mutexes,
 * as a connection is used by one thread at a time.
 */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_BYTES  100   /* https://www.sqlite.org/fileformat2.html, section 1.3 */
#define PROGRESS_STEP 20000 /* virtual machine steps between two looks at the clock: under a millisecond */
#define BUSY_SLEEP_US 2000

struct sq_conn {
    struct conn base;
    sqlite3 *db;
    struct stmt_map cache;
    int64_t deadline_us;
    int64_t wal_pages;
    sqlite3_stmt *begin, *touch, *commit, *rollback, *save, *release, *back;
};

struct sq_stmt {
    sqlite3_stmt *s;
    bool busy; /* an open result has it; sqlite3_stmt_busy is true only after its first step */
};

struct sq_rows {
    struct store_rows base;
    sqlite3_stmt *stmt;
    struct sq_stmt *cached; /* NULL: stmt is its own */
};

struct sq_bulk {
    struct store_bulk base;
    sqlite3_stmt *stmt;
};

static struct sq_conn *sq(struct conn *c)
{
    return (struct sq_conn *)c;
}

static void arm(struct sq_conn *c)
{
    c->deadline_us = clock_monotonic_us() + c->base.limit_ms * 1000;
}

static int on_busy(void *ctx, int count)
{
    struct sq_conn *c = ctx;
    if (clock_monotonic_us() >= c->deadline_us)
        return 0;
    clock_sleep_us(count < 4 ? 100 << count : BUSY_SLEEP_US);
    return 1;
}

static int on_progress(void *ctx)
{
    return clock_monotonic_us() >= ((struct sq_conn *)ctx)->deadline_us;
}

static int on_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
    (void)db, (void)name;
    ((struct sq_conn *)ctx)->wal_pages = pages;
    return SQLITE_OK;
}

int64_t sqlite_wal_pages(const struct conn *c)
{
    return ((const struct sq_conn *)c)->wal_pages;
}

static enum rc class_of(int code)
{
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return RC_CONFLICT;
    default:
        break;
    }
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT:
        return RC_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return RC_DAMAGED;
    case SQLITE_NOMEM:
        return RC_NOMEM;
    case SQLITE_TOOBIG:
        return RC_TOO_LARGE;
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
        return RC_IO;
    default:
        return RC_INVALID;
    }
}

/* SQLite's own texts name tables and columns, never values. */
static enum rc fail(struct sq_conn *c, const char *what, struct err *err)
{
    int code = sqlite3_extended_errcode(c->db);
    enum rc rc = class_of(code);
    const char *why = sqlite3_errmsg(c->db);
    if ((code & 0xff) == SQLITE_BUSY)
        why = "another process holds the database, or has changed it since this snapshot";
    else if ((code & 0xff) == SQLITE_INTERRUPT)
        why = "over the time allowed";
    return err_set(err, rc, "database: %s: %s (SQLite %d)", what, why, code);
}

/* After a failure in a transaction: SQLite gives some up by itself (full disk, I/O error),
 * https://sqlite.org/c3ref/errcode */
static enum rc fail_in_tx(struct sq_conn *c, const char *what, struct err *err)
{
    enum rc rc = fail(c, what, err);
    if (sqlite3_get_autocommit(c->db))
        c->base.lost = true;
    return rc;
}

/* --- opening ----------------------------------------------------------------------------------- */

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The file's size against the pages its header counts; with a log beside it the header may be ahead of the file. */
static enum rc check_length(const char *path, const unsigned char *h, int64_t bytes, struct err *err)
{
    int64_t page = (int64_t)h[16] << 8 | h[17], pages = be32(h + 28);
    char wal[4096];
    struct stat ws;
    snprintf(wal, sizeof wal, "%s-wal", path);
    bool logged = stat(wal, &ws) == 0 && ws.st_size > 0;
    page = page == 1 ? 65536 : page;
    if (!logged && be32(h + 24) == be32(h + 92) && bytes < page * pages)
        return err_set(err, RC_DAMAGED, "%s is cut short: %lld bytes of %lld; restore it from a backup", path,
                       (long long)bytes, (long long)(page * pages));
    return RC_OK;
}

/* Reads through SQLite's own handle: a descriptor of ours on the same file would, when closed, drop the POSIX locks
 * that other connections of this process hold on it. */
static enum rc check_header(struct sq_conn *c, const char *path, struct err *err)
{
    unsigned char h[HEADER_BYTES];
    sqlite3_file *f = NULL;
    sqlite3_int64 bytes = 0;
    if (sqlite3_file_control(c->db, "main", SQLITE_FCNTL_FILE_POINTER, &f) != SQLITE_OK || !f || !f->pMethods ||
        f->pMethods->xFileSize(f, &bytes) != SQLITE_OK)
        return err_set(err, RC_IO, "cannot look at the database %s", path);
    if (bytes == 0)
        return RC_OK; /* new, or a crash came before the first page */
    if (bytes < HEADER_BYTES || f->pMethods->xRead(f, h, HEADER_BYTES, 0) != SQLITE_OK ||
        memcmp(h, "SQLite format 3", 16) != 0)
        return err_set(err, RC_DAMAGED, "%s is not a database: it does not begin as an SQLite file does", path);
    if (be32(h + 68) != STORE_APPLICATION_ID)
        return err_set(err, RC_DAMAGED, "%s is an SQLite database, but not one of Fane's (application id %08x)", path,
                       be32(h + 68));
    return check_length(path, h, bytes, err);
}

/* Made by us and not by SQLite, so that it is never readable by others, not even for a moment. Its log inherits the
 * mode. */
static enum rc make_file(const char *path, bool read_only, struct err *err)
{
    struct stat s;
    if (stat(path, &s) == 0)
        return S_ISREG(s.st_mode) ? RC_OK : err_set(err, RC_INVALID, "%s is not a file", path);
    if (errno == ENOENT && read_only)
        return err_set(err, RC_NOT_FOUND, "there is no database %s; make one with `fane init`", path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST)
        return err_set(err, RC_IO, "cannot make the database %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return RC_OK;
}

static enum rc run_text(struct sq_conn *c, const char *text, struct err *err)
{
    arm(c);
    if (sqlite3_exec(c->db, text, NULL, NULL, NULL) != SQLITE_OK)
        return fail_in_tx(c, text, err);
    return RC_OK;
}

static enum rc get_text(struct sq_conn *c, const char *sql, char *out, size_t size, struct err *err)
{
    sqlite3_stmt *s = NULL;
    arm(c);
    out[0] = 0;
    if (sqlite3_prepare_v2(c->db, sql, -1, &s, NULL) != SQLITE_OK)
        return fail(c, sql, err);
    int step = sqlite3_step(s);
    enum rc rc = RC_OK;
    if (step == SQLITE_ROW)
        snprintf(out, size, "%s", (const char *)sqlite3_column_text(s, 0));
    else if (step != SQLITE_DONE)
        rc = fail(c, sql, err);
    sqlite3_finalize(s);
    return rc;
}

/* The application id is written before WAL is switched on, so it stands in the file itself and check_header sees it. */
static enum rc make_wal(struct sq_conn *c, const char *path, struct err *err)
{
    char mode[16], id[16];
    TRY(get_text(c, "PRAGMA journal_mode", mode, sizeof mode, err));
    if (strcmp(mode, "wal") == 0)
        return RC_OK;
    TRY(run_text(c, "BEGIN IMMEDIATE", err));
    enum rc rc = get_text(c, "PRAGMA application_id", id, sizeof id, err);
    if (rc == RC_OK && strcmp(id, "0") == 0)
        rc = run_text(c, "PRAGMA application_id = 1178684997", err); /* STORE_APPLICATION_ID */
    if (rc == RC_OK)
        rc = run_text(c, "COMMIT", err);
    if (rc != RC_OK) {
        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
        return rc;
    }
    TRY(get_text(c, "PRAGMA journal_mode = WAL", mode, sizeof mode, err));
    if (strcmp(mode, "wal") != 0)
        return err_set(err, RC_UNSUPPORTED,
                       "%s cannot use a write-ahead log (journal mode %s): is it on a network disk?", path, mode);
    return RC_OK;
}

static enum rc prepare(struct sq_conn *c, const char *text, bool keep, sqlite3_stmt **out, struct err *err)
{
    const char *tail = NULL;
    if (sqlite3_prepare_v3(c->db, text, -1, keep ? SQLITE_PREPARE_PERSISTENT : 0, out, &tail) != SQLITE_OK)
        return fail_in_tx(c, text, err);
    if (!*out)
        return err_set(err, RC_INVALID, "an empty SQL statement");
    return RC_OK;
}

static void drop_stmt(void *stmt)
{
    sqlite3_finalize(((struct sq_stmt *)stmt)->s);
    free(stmt);
}

static void sq_close(struct conn *base)
{
    struct sq_conn *c = sq(base);
    if (!c)
        return;
    stmt_map_fini(&c->cache, drop_stmt);
    sqlite3_stmt *own[] = {c->begin, c->touch, c->commit, c->rollback, c->save, c->release, c->back};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        sqlite3_finalize(own[i]);
    sqlite3_close_v2(c->db);
    free(c);
}

static enum rc open_db(struct sq_conn *c, const struct conn_options *o, struct err *err)
{
    int flags = o->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (sqlite3_open_v2(o->where, &c->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return c->db ? fail(c, o->where, err) : err_set(err, RC_NOMEM, "no memory for a database connection");
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_handler(c->db, on_busy, c);
    sqlite3_progress_handler(c->db, PROGRESS_STEP, on_progress, c);
    sqlite3_limit(c->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL); /* "x" is a name; a typo must not become a string */
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    return RC_OK;
}

/* temp_store: what spills over stays in memory, so that nothing of a report ever lies in /var/tmp. */
static enum rc set_up(struct sq_conn *c, const struct conn_options *o, struct err *err)
{
    TRY(check_header(c, o->where, err));
    if (!o->read_only)
        TRY(make_wal(c, o->where, err));
    TRY(run_text(c,
                 "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
                 "PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 0; PRAGMA cell_size_check = ON;"
                 "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384",
                 err));
    if (o->kind == CONN_WRITE) {
        sqlite3_wal_hook(c->db, on_wal, c);
        TRY(prepare(c, "BEGIN IMMEDIATE", true, &c->begin, err));
    } else {
        TRY(prepare(c, "BEGIN", true, &c->begin, err));
        if (o->kind == CONN_READ)
            TRY(run_text(c, "PRAGMA query_only = ON", err));
    }
    TRY(prepare(c, "SELECT 1 FROM sqlite_schema LIMIT 1", true, &c->touch, err));
    TRY(prepare(c, "COMMIT", true, &c->commit, err));
    TRY(prepare(c, "ROLLBACK", true, &c->rollback, err));
    TRY(prepare(c, "SAVEPOINT job", true, &c->save, err));
    TRY(prepare(c, "RELEASE job", true, &c->release, err));
    return prepare(c, "ROLLBACK TO job", true, &c->back, err);
}

static enum rc sq_open(const struct conn_options *o, struct conn **out, struct err *err)
{
    TRY(make_file(o->where, o->read_only, err));
    struct sq_conn *c = mem_alloc(sizeof *c);
    c->base = (struct conn){.d = &sqlite_driver, .kind = o->kind, .limit_ms = o->limit_ms};
    enum rc rc = open_db(c, o, err);
    if (rc == RC_OK)
        rc = set_up(c, o, err);
    if (rc != RC_OK) {
        sq_close(&c->base);
        return rc;
    }
    *out = &c->base;
    return RC_OK;
}

/* --- transactions ------------------------------------------------------------------------------ */

static enum rc run(struct sq_conn *c, sqlite3_stmt *s, const char *what, struct err *err)
{
    arm(c);
    int step = sqlite3_step(s);
    enum rc rc = step == SQLITE_DONE || step == SQLITE_ROW ? RC_OK : fail_in_tx(c, what, err);
    sqlite3_reset(s);
    return rc;
}

/* A reader's snapshot begins with its first read, so that is done here. */
static enum rc sq_begin(struct conn *base, struct err *err)
{
    struct sq_conn *c = sq(base);
    base->lost = base->again = false;
    TRY(run(c, c->begin, "begin", err));
    base->lost = false;
    if (base->kind != CONN_READ)
        return RC_OK;
    enum rc rc = run(c, c->touch, "begin", err);
    if (rc != RC_OK)
        base->d->rollback(base);
    return rc;
}

static enum rc sq_commit(struct conn *base, struct err *err)
{
    return run(sq(base), sq(base)->commit, "commit", err);
}

static void sq_rollback(struct conn *base)
{
    struct sq_conn *c = sq(base);
    struct err ignored;
    if (!sqlite3_get_autocommit(c->db) && run(c, c->rollback, "rollback", &ignored) != RC_OK)
        base->broken = true;
    base->lost = false;
}

static enum rc sq_save(struct conn *base, enum save_step step, struct err *err)
{
    struct sq_conn *c = sq(base);
    if (step == SAVE_SET)
        return run(c, c->save, "savepoint", err);
    if (step == SAVE_BACK)
        TRY(run(c, c->back, "rollback to savepoint", err));
    return run(c, c->release, "release savepoint", err);
}

/* --- statements -------------------------------------------------------------------------------- */

static void let_go(sqlite3_stmt *s, struct sq_stmt *cached)
{
    if (!cached) {
        sqlite3_finalize(s);
        return;
    }
    sqlite3_reset(s);
    cached->busy = false;
}

/* *cached: NULL when the statement is the caller's own (its cached one is in use, or the cache is full). */
static enum rc get_stmt(struct sq_conn *c, const struct store_sql *sql, size_t n, sqlite3_stmt **out,
                        struct sq_stmt **cached, struct err *err)
{
    const char *text = store_sql_text(sql, STORE_SQLITE);
    struct sq_stmt *have = sql->is_once ? NULL : stmt_map_get(&c->cache, sql, text);
    struct sq_stmt *keep = have && !have->busy ? have : NULL;
    sqlite3_stmt *s = keep ? keep->s : NULL;
    if (!s) {
        TRY(prepare(c, text, !sql->is_once, &s, err));
        if (!have && !sql->is_once) {
            keep = mem_alloc(sizeof *keep);
            keep->s = s;
            if (!stmt_map_put(&c->cache, sql, text, keep)) {
                free(keep);
                keep = NULL;
            }
        }
    }
    int want = sqlite3_bind_parameter_count(s);
    if (want != (int)n) {
        let_go(s, keep);
        return err_set(err, RC_INVALID, "a statement takes %d arguments, %zu were given: %s", want, n, text);
    }
    if (keep)
        keep->busy = true;
    *out = s;
    *cached = keep;
    return RC_OK;
}

static int bind_one(sqlite3_stmt *s, int at, const struct store_arg *a, sqlite3_destructor_type life)
{
    const char *p = a->s.p ? a->s.p : "";
    switch (a->type) {
    case STORE_INT:
        return sqlite3_bind_int64(s, at, a->i);
    case STORE_REAL:
        return sqlite3_bind_double(s, at, a->r);
    case STORE_TEXT:
        return sqlite3_bind_text64(s, at, p, a->s.n, life, SQLITE_UTF8);
    case STORE_BLOB:
        return sqlite3_bind_blob64(s, at, p, a->s.n, life);
    case STORE_NULL:
        break;
    }
    return sqlite3_bind_null(s, at);
}

static enum rc bind(struct sq_conn *c, sqlite3_stmt *s, const struct store_arg *args, size_t n,
                    sqlite3_destructor_type life, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (bind_one(s, (int)i + 1, &args[i], life) != SQLITE_OK)
            return fail(c, "bind", err);
    return RC_OK;
}

static enum rc step_to_end(struct sq_conn *c, sqlite3_stmt *s, int64_t *changed, struct err *err)
{
    int step;
    arm(c);
    do {
        step = sqlite3_step(s);
    } while (step == SQLITE_ROW);
    if (step != SQLITE_DONE)
        return fail_in_tx(c, sqlite3_sql(s), err);
    *changed += sqlite3_stmt_readonly(s) ? 0 : sqlite3_changes64(c->db);
    return RC_OK;
}

static enum rc sq_exec_many(struct conn *base, const struct store_sql *sql, const struct store_arg *args, size_t n,
                            size_t rows, int64_t *changed, struct err *err)
{
    struct sq_conn *c = sq(base);
    sqlite3_stmt *s;
    struct sq_stmt *cached;
    int64_t sum = 0;
    TRY(get_stmt(c, sql, n, &s, &cached, err));
    enum rc rc = RC_OK;
    for (size_t i = 0; i < rows && rc == RC_OK; i++) {
        rc = bind(c, s, args + i * n, n, SQLITE_STATIC, err);
        if (rc == RC_OK)
            rc = step_to_end(c, s, &sum, err);
        sqlite3_reset(s);
    }
    let_go(s, cached);
    if (rc == RC_OK && changed)
        *changed = sum;
    return rc;
}

static enum rc sq_exec(struct conn *base, const struct store_sql *sql, const struct store_arg *args, size_t n,
                       int64_t *changed, struct err *err)
{
    return sq_exec_many(base, sql, args, n, 1, changed, err);
}

static enum rc sq_query(struct conn *base, const struct store_sql *sql, const struct store_arg *args, size_t n,
                        struct store_rows **out, struct err *err)
{
    struct sq_conn *c = sq(base);
    sqlite3_stmt *s;
    struct sq_stmt *cached;
    TRY(get_stmt(c, sql, n, &s, &cached, err));
    enum rc rc = bind(c, s, args, n, SQLITE_TRANSIENT, err); /* rows may outlive the arguments */
    if (rc != RC_OK) {
        let_go(s, cached);
        return rc;
    }
    struct sq_rows *r = mem_alloc(sizeof *r);
    *r = (struct sq_rows){.base = {.c = base, .writes = !sqlite3_stmt_readonly(s)}, .stmt = s, .cached = cached};
    *out = &r->base;
    return RC_OK;
}

static bool sq_next(struct store_rows *base)
{
    struct sq_rows *r = (struct sq_rows *)base;
    struct sq_conn *c = sq(base->c);
    arm(c);
    int step = sqlite3_step(r->stmt);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        base->rc = fail_in_tx(c, sqlite3_sql(r->stmt), &base->err);
    return step == SQLITE_ROW;
}

static void sq_column(struct store_rows *base, int col, struct store_arg *out)
{
    sqlite3_stmt *s = ((struct sq_rows *)base)->stmt;
    *out = SA_NULL;
    switch (sqlite3_column_type(s, col)) {
    case SQLITE_INTEGER:
        *out = SA_INT(sqlite3_column_int64(s, col));
        return;
    case SQLITE_FLOAT:
        *out = SA_REAL(sqlite3_column_double(s, col));
        return;
    case SQLITE_TEXT:
        out->type = STORE_TEXT;
        out->s.p = (const char *)sqlite3_column_text(s, col);
        break;
    case SQLITE_BLOB:
        out->type = STORE_BLOB;
        out->s.p = sqlite3_column_blob(s, col);
        break;
    default:
        return;
    }
    out->s.n = (size_t)sqlite3_column_bytes(s, col);
    if (!out->s.p)
        out->s.p = "";
}

static void sq_finish(struct store_rows *base)
{
    struct sq_rows *r = (struct sq_rows *)base;
    let_go(r->stmt, r->cached);
    free(r);
}

static enum rc sq_script(struct conn *base, struct str text, struct err *err)
{
    struct sq_conn *c = sq(base);
    sqlite3_stmt *s = NULL;
    int64_t changed = 0;
    arm(c);
    if (sqlite3_prepare_v2(c->db, text.p, (int)text.n, &s, NULL) != SQLITE_OK)
        return fail_in_tx(c, "prepare", err);
    enum rc rc = s ? step_to_end(c, s, &changed, err) : RC_OK;
    sqlite3_finalize(s);
    return rc;
}

/* --- bulk load: a prepared insert row by row is the fastest SQLite has ------------------------- */

static enum rc sq_bulk_open(struct conn *base, const char *table, const char *const *columns, size_t n,
                            struct store_bulk **out, struct err *err)
{
    struct buf b;
    struct sq_bulk *k = mem_alloc(sizeof *k);
    buf_init(&b, 0);
    buf_printf(&b, "INSERT INTO %s(", table);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%s", i ? "," : "", columns[i]);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s?%zu", i ? "," : ") VALUES (", i + 1);
    buf_add(&b, ")", 2); /* with its NUL */
    enum rc rc = prepare(sq(base), b.p, false, &k->stmt, err);
    buf_fini(&b);
    if (rc != RC_OK) {
        free(k);
        return rc;
    }
    *out = &k->base;
    return RC_OK;
}

static enum rc sq_bulk_row(struct conn *base, struct store_bulk *b, const struct store_arg *args, struct err *err)
{
    struct sq_bulk *k = (struct sq_bulk *)b;
    int64_t changed = 0;
    TRY(bind(sq(base), k->stmt, args, b->columns, SQLITE_STATIC, err));
    enum rc rc = step_to_end(sq(base), k->stmt, &changed, err);
    sqlite3_reset(k->stmt);
    return rc;
}

static enum rc sq_bulk_close(struct conn *base, struct store_bulk *b, bool keep, struct err *err)
{
    (void)base, (void)keep, (void)err;
    sqlite3_finalize(((struct sq_bulk *)b)->stmt);
    free(b);
    return RC_OK;
}

enum rc sqlite_checkpoint(struct conn *base, int64_t *log, int64_t *done, struct err *err)
{
    struct sq_conn *c = sq(base);
    int n_log = 0, n_done = 0;
    arm(c);
    int code = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &n_log, &n_done);
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) /* busy: another process is at it */
        return fail(c, "checkpoint", err);
    *log = n_log > 0 ? n_log : 0;
    *done = n_done > 0 ? n_done : 0;
    return RC_OK;
}

const struct driver sqlite_driver = {
    .engine = STORE_SQLITE,
    .open = sq_open,
    .close = sq_close,
    .begin = sq_begin,
    .commit = sq_commit,
    .rollback = sq_rollback,
    .save = sq_save,
    .exec = sq_exec,
    .exec_many = sq_exec_many,
    .query = sq_query,
    .next = sq_next,
    .column = sq_column,
    .finish = sq_finish,
    .script = sq_script,
    .bulk_open = sq_bulk_open,
    .bulk_row = sq_bulk_row,
    .bulk_close = sq_bulk_close,
};
