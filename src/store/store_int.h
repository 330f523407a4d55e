/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside the store: the driver table that sqlite.c and postgres.c fill, the transaction and its rows, the text work on
 * SQL, and the doors that only tests use (a list of migrations of their own).
 *
 * A driver does what one connection can do. It never retries, queues or locks between threads: store.c (open, reads),
 * writer.c (group commit) and migrate.c do that, once, for both engines.
 */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H

#include <pthread.h>

#include "base/hash.h"
#include "store/store.h"

#define STORE_VALUE_MAX      (64u << 20) /* bytes of one text or blob */
#define STORE_PARAMS_MAX     999         /* arguments of one statement: SQLite's own older limit */
#define STORE_CACHE_MAX      1024        /* prepared statements kept per connection */
#define STORE_COLUMNS_MAX    128         /* columns of one bulk load */
#define STORE_APPLICATION_ID 0x46414E45  /* "FANE" in the SQLite header */

enum conn_kind { CONN_WRITE, CONN_READ, CONN_CHECKPOINT };

/* What each driver's connection begins with. */
struct conn {
    const struct driver *d;
    enum conn_kind kind;
    int64_t limit_ms; /* how long one statement or commit may take */
    bool open;        /* the writer: in a transaction */
    bool broken;      /* close it and open another */
    bool lost;        /* the engine gave the transaction up: only rollback (or rollback to a savepoint) is left */
    bool again;       /* the last failure may pass when the whole transaction is run again at once */
    bool may_defer;   /* exec may answer before the server has (writer.c; a later failure makes the batch run again) */
    bool deferred;    /* it did, in this transaction */
};

struct store_rows {
    struct conn *c;
    struct store_tx *tx;
    struct store_rows *next; /* open results of the transaction */
    enum rc rc;              /* what store_next met */
    struct err err;
    bool on_row;
    bool writes; /* INSERT ... RETURNING and the like */
};

struct store_tx {
    struct store *st;
    struct conn *c;
    bool write;
    bool careful;   /* a savepoint before the first statement of each job */
    bool saved;     /* it is set */
    bool dirty;     /* a statement of this job has changed something */
    enum rc failed; /* first statement of this job that failed; the job fails with it (S5) */
    struct err err;
    struct store_rows *open;
};

enum save_step { SAVE_SET, SAVE_RELEASE, SAVE_BACK };

struct conn_options {
    const char *where;
    enum conn_kind kind;
    bool read_only;
    int64_t limit_ms;
};

/* A row of values for store_bulk: the driver copies what it keeps. */
struct store_bulk {
    struct store_tx *tx;
    size_t columns;
    int64_t rows;
};

struct driver {
    enum store_engine engine;
    enum rc (*open)(const struct conn_options *opt, struct conn **out, struct err *err);
    void (*close)(struct conn *c); /* NULL ok; never waits */
    enum rc (*begin)(struct conn *c, struct err *err);
    enum rc (*commit)(struct conn *c, struct err *err);
    void (*rollback)(struct conn *c);
    enum rc (*save)(struct conn *c, enum save_step step, struct err *err);
    enum rc (*settle)(struct conn *c, struct err *err); /* waits for what was deferred; NULL: nothing ever is */
    enum rc (*exec)(struct conn *c, const struct store_sql *sql, const struct store_arg *args, size_t n,
                    int64_t *changed, struct err *err);
    /* The same statement for `rows` rows of n arguments each, as few round trips as the engine allows. */
    enum rc (*exec_many)(struct conn *c, const struct store_sql *sql, const struct store_arg *args, size_t n,
                         size_t rows, int64_t *changed, struct err *err);
    enum rc (*query)(struct conn *c, const struct store_sql *sql, const struct store_arg *args, size_t n,
                     struct store_rows **out, struct err *err);
    bool (*next)(struct store_rows *r);                                   /* false: end, or r->rc says why */
    void (*column)(struct store_rows *r, int col, struct store_arg *out); /* borrowed until next; out of range: NULL */
    void (*finish)(struct store_rows *r);                                 /* frees it */
    enum rc (*script)(struct conn *c, struct str statement,
                      struct err *err); /* one statement, no arguments, not cached */
    enum rc (*bulk_open)(struct conn *c, const char *table, const char *const *columns, size_t n,
                         struct store_bulk **out, struct err *err);
    enum rc (*bulk_row)(struct conn *c, struct store_bulk *b, const struct store_arg *args, struct err *err);
    enum rc (*bulk_close)(struct conn *c, struct store_bulk *b, bool keep, struct err *err); /* frees b */
};

extern const struct driver sqlite_driver, postgres_driver;

static inline const char *store_sql_text(const struct store_sql *sql, enum store_engine engine)
{
    const char *own = engine == STORE_SQLITE ? sql->sqlite : sql->postgres;
    return own ? own : sql->common;
}

/* arg.c: what no engine takes: NaN, NUL or bad UTF-8 in text, too large, too many. */
MUST_CHECK enum rc store_check_args(const struct store_arg *args, size_t n, struct err *err);

/* sql.c: the text of statements. Quotes and comments are respected by all three. */
MUST_CHECK enum rc sql_next(struct str *rest, struct str *statement, struct err *err); /* empty statement: the end */
MUST_CHECK enum rc sql_expand(struct str text, enum store_engine engine, struct buf *out, struct err *err);
MUST_CHECK enum rc sql_number(struct str text, struct buf *out, size_t *params, struct err *err); /* ?N to $N */

/* Prepared statements by the address of their store_sql. No removal; full at STORE_CACHE_MAX. */
struct stmt_slot {
    const struct store_sql *key;
    const char *text; /* as it was when prepared: another text at the same address is not this statement */
    void *stmt;
};
struct stmt_map {
    struct stmt_slot *slots;
    size_t size, n;
};
void *stmt_map_get(const struct stmt_map *m, const struct store_sql *key, const char *text);
bool stmt_map_put(struct stmt_map *m, const struct store_sql *key, const char *text, void *stmt); /* false: full */
void stmt_map_fini(struct stmt_map *m, void (*drop)(void *stmt));

/* migrate.c */
struct migration {
    int number;
    const char *name; /* file name */
    struct str sql;
};
/* list: in rising order; the first creates schema_migration. */
MUST_CHECK enum rc store_migrate_list(struct store *st, const struct migration *list, size_t n, struct err *err);

/* writer.c */
struct writer;
struct store_hook {
    store_fn fn;
    void (*after)(void *ctx);
    void *ctx;
};
#define STORE_HOOKS_MAX 16

/* Runs alone in its transaction, without hooks, with its own limit per statement (migrations). */
MUST_CHECK enum rc store_write_alone(struct store *st, store_fn fn, void *ctx, int64_t limit_ms, struct err *err);

struct store_slot {
    struct conn *c;
    pthread_t owner;
    bool busy;
};

struct job;
struct store {
    const struct driver *d;
    char *where;
    struct store_options opt;

    pthread_mutex_t pool_lock; /* slots */
    pthread_cond_t pool_free;
    struct store_slot *slots;

    pthread_mutex_t queue_lock; /* head, tail, queued, stop, stats, hooks */
    pthread_cond_t queue_work;
    struct job *head, *tail;
    size_t queued;
    bool stop, has_writer;
    pthread_t writer;
    struct store_stats stats;
    struct store_hook hooks[STORE_HOOKS_MAX], afters[STORE_HOOKS_MAX];
    size_t n_hooks, n_afters;

    pthread_mutex_t gate;   /* held during a batch, and for the last stretch of a checkpoint */
    struct job **wake_list; /* room for a batch; the writer's thread only */
    struct conn *wc;        /* the writer's connection; the writer's thread only, after open */

    pthread_mutex_t check_lock; /* one checkpoint at a time; check_conn, check_due, check_stop */
    pthread_cond_t check_work;
    bool check_due, check_stop, has_checker;
    pthread_t checker;
    struct conn *check_conn;
};

MUST_CHECK enum rc writer_start(struct store *st, struct err *err);
void writer_stop(struct store *st);
MUST_CHECK enum rc store_conn_open(struct store *st, enum conn_kind kind, struct conn **out, struct err *err);
void store_tx_close_rows(struct store_tx *tx);
void store_cond_init(pthread_cond_t *c); /* on the monotonic clock */
struct timespec store_timespec(int64_t monotonic_us);

/* checkpoint.c: SQLite's write-ahead log is bounded by a thread of the store's own. */
MUST_CHECK enum rc checker_start(struct store *st, struct err *err);
void checker_stop(struct store *st);
void checker_after_commit(struct store *st); /* wakes it when the log has grown */

/* sqlite.c */
int64_t sqlite_wal_pages(const struct conn *c); /* after the last commit of this connection */
/* PASSIVE. log, done: frames in the log, frames copied. */
MUST_CHECK enum rc sqlite_checkpoint(struct conn *c, int64_t *log, int64_t *done, struct err *err);

#endif
