/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The one door to the database. Two engines behind it: SQLite (WAL, synchronous=FULL) and PostgreSQL 15 (libpq,
 * asynchronous with our own deadline). Only this room includes sqlite3.h or libpq-fe.h; SQL lives in *_store.c files.
 *
 * Invariants:
 *   S1 store_write returns RC_OK only after the change is durable (I2). Many callers share one commit (group commit).
 *   S2 a write function may be called more than once (retry, a neighbour's failure in the same batch): it changes
 *      nothing but the transaction and its own ctx, and sets ctx outputs anew each time it runs.
 *   S3 the function sees all earlier writes; if it returns anything but RC_OK nothing of it is kept.
 *   S4 reads run on a snapshot of their own, taken when store_read begins, and never wait for the writer.
 *   S5 a statement that failed loses its transaction: the function returns that error, and when it does not, its job
 *      fails with it all the same. (What may already be there is written with ON CONFLICT.)
 *   S6 no parameter of a statement is ever logged or put into an error text: it may be a secret.
 *
 * Errors of statements: RC_CONFLICT unique or foreign key violated; RC_INVALID another constraint, bad SQL, a bad
 * argument; RC_TOO_LARGE; RC_BUSY lock or deadline (try again); RC_DAMAGED; RC_IO.
 *
 * SQL is portable (no triggers, sequences, JSON paths, deferred constraints, LIKE without lower()); parameters are
 * ?1 ?2 ... in every dialect (the PostgreSQL driver rewrites them to $n). Migrations may use the type words {int64}
 * {real} {text} {blob} {bool} and end CREATE TABLE with {strict}, or {strict_keyed} where rows are found by a BLOB or
 * composite primary key (WITHOUT ROWID on SQLite). Text sorts bytewise on both engines.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

struct store;
struct store_tx;   /* one transaction, reading or writing */
struct store_rows; /* an open result */

enum store_engine { STORE_SQLITE, STORE_POSTGRES };

/* A statement: the common text, or a text per dialect where the logic truly differs. Declared static const; its address
 * is the key of the prepared-statement cache. */
struct store_sql {
    const char *common;
    const char *sqlite;   /* NULL: common */
    const char *postgres; /* NULL: common */
    bool is_once;         /* the text was put together for this call, of parts in the code only: not cached */
};

enum store_type { STORE_NULL, STORE_INT, STORE_REAL, STORE_TEXT, STORE_BLOB };
struct store_arg {
    enum store_type type;
    int64_t i;
    double r;
    struct str s; /* borrowed until the statement has run */
};
#define SA_NULL ((struct store_arg){.type = STORE_NULL})
/* A NULL of a type: PostgreSQL wants to know it where the statement itself does not say (`?1 IS NULL`). */
#define SA_NULL_OF(t) ((struct store_arg){.type = STORE_NULL, .i = (t)})
#define SA_INT(x)     ((struct store_arg){.type = STORE_INT, .i = (int64_t)(x)})
#define SA_REAL(x)    ((struct store_arg){.type = STORE_REAL, .r = (x)})
#define SA_TEXT(x)    ((struct store_arg){.type = STORE_TEXT, .s = (x)})
/* NULL when the string is empty */
#define SA_TEXT_OPT(x)     ((struct store_arg){.type = (x).n ? STORE_TEXT : STORE_NULL, .i = STORE_TEXT, .s = (x)})
#define SA_BLOB(data, len) ((struct store_arg){.type = STORE_BLOB, .s = {.p = (const char *)(data), .n = (len)}})
/* u must be an lvalue that outlives the call */
#define SA_UUID(u) SA_BLOB((u).b, sizeof(u).b)
#define SA_TIME(t) SA_INT((t).us)
#define SA_N(args) (sizeof(args) / sizeof((args)[0]))

struct store_options {
    int busy_ms;    /* how long a statement, a commit, or waiting in the queue may take before RC_BUSY; 0: 10,000 */
    int readers;    /* read connections; 0: 4; at most 256 */
    bool read_only; /* no writer: store_write and store_migrate are refused */
    int batch_max;  /* most jobs in one group commit; 0: 512 */
};

/* where: a file path (SQLite, created mode 0600 when missing) or a postgresql:// URL. Does not migrate.
 * Errors: RC_DAMAGED when the file is not Fane's or is cut short; RC_UNSUPPORTED when the server would not make commits
 * durable (fsync or synchronous_commit off), is older than 15, or has an encoding other than UTF8. */
MUST_CHECK enum rc store_open(const char *where, const struct store_options *opt, struct store **out, struct err *err);
void store_close(struct store *st); /* waits for the writer's queue; NULL ok */
enum store_engine store_engine(const struct store *st);
enum store_engine store_tx_engine(const struct store_tx *tx);
bool store_is_writing(const struct store_tx *tx);

/* Runs every numbered migration (asset data/migrations/NNNN_room.sql) not yet run, in order, each in one transaction.
 * Errors: RC_UNSUPPORTED when the database is newer than this program; RC_DAMAGED when a run one has changed since. */
MUST_CHECK enum rc store_migrate(struct store *st, struct err *err);

typedef enum rc (*store_fn)(struct store_tx *tx, void *ctx, struct err *err);

/* Queues fn for the single writer and waits until its commit is durable (S1-S3). Thread-safe. Not from inside a write
 * or read function (RC_INVALID). RC_BUSY: nothing was changed, except when the text says that the outcome of a commit
 * is not known (a PostgreSQL server lost at that very moment): so every write carries an idempotency key. */
MUST_CHECK enum rc store_write(struct store *st, store_fn fn, void *ctx, struct err *err);
/* The same without waiting: done(done_ctx, rc, err) is called once, on the writer's thread, after the durable commit or
 * the failure; it must be short and must not call the store. */
typedef void (*store_done)(void *done_ctx, enum rc rc, const struct err *err);
MUST_CHECK enum rc store_submit(struct store *st, store_fn fn, void *ctx, store_done done, void *done_ctx,
                                struct err *err);
/* Runs fn on a read snapshot in the calling thread. Thread-safe; nests never (RC_INVALID). A long reader keeps SQLite's
 * write-ahead log from being reused: page through what is large. */
MUST_CHECK enum rc store_read(struct store *st, store_fn fn, void *ctx, struct err *err);

/* Hooks that run inside each group commit, after its jobs and before COMMIT, on the writer's thread, in the order they
 * were added (the ledger's sequencer, the vault's fsync). A failing hook fails the whole batch. Add before first write.
 */
void store_add_commit_hook(struct store *st, store_fn hook, void *ctx);
/* Hooks after a durable commit (wake the projections). Must not write. */
void store_add_after_hook(struct store *st, void (*hook)(void *ctx), void *ctx);

/* Statements. n arguments bind to ?1..?n. */
MUST_CHECK enum rc store_exec(struct store_tx *tx, const struct store_sql *sql, const struct store_arg *args, size_t n,
                              int64_t *changed /* may be NULL */, struct err *err);
/* while (store_next(rows)) { ... store_int(rows, 0) ... }  rc = store_finish(rows, err);  always call store_finish. */
MUST_CHECK enum rc store_query(struct store_tx *tx, const struct store_sql *sql, const struct store_arg *args, size_t n,
                               struct store_rows **out, struct err *err);
/* The same statement for `rows` rows of n arguments each (args[row * n + i]): one round trip for many. */
MUST_CHECK enum rc store_exec_many(struct store_tx *tx, const struct store_sql *sql, const struct store_arg *args,
                                   size_t n, size_t rows, int64_t *changed /* may be NULL */, struct err *err);
bool store_next(struct store_rows *rows);
MUST_CHECK enum rc store_finish(struct store_rows *rows, struct err *err); /* reports what store_next met */
bool store_is_null(struct store_rows *rows, int col);
int64_t store_int(struct store_rows *rows, int col); /* 0 when NULL */
double store_real(struct store_rows *rows, int col);
struct str store_text(struct store_rows *rows, int col); /* borrowed until the next call on rows; empty when NULL */
struct str store_blob(struct store_rows *rows, int col);
struct uuid store_uuid(struct store_rows *rows, int col); /* nil when NULL or not 16 bytes */
/* One row, one integer; RC_NOT_FOUND when there is no row. */
MUST_CHECK enum rc store_get_int(struct store_tx *tx, const struct store_sql *sql, const struct store_arg *args,
                                 size_t n, int64_t *out, struct err *err);

/* Bulk load: new rows only (a duplicate fails the whole transaction), the fastest way in (COPY on PostgreSQL). Nothing
 * else may run on tx between open and close. table and columns are names from the code, never from input. */
struct store_bulk;
MUST_CHECK enum rc store_bulk_open(struct store_tx *tx, const char *table, const char *const *columns, size_t n,
                                   struct store_bulk **out, struct err *err);
MUST_CHECK enum rc store_bulk_row(struct store_bulk *b, const struct store_arg *args, struct err *err); /* n of them */
/* Always call it. keep = false gives up: RC_OK here, but the transaction fails (S5). rows may be NULL. */
MUST_CHECK enum rc store_bulk_close(struct store_bulk *b, bool keep, int64_t *rows, struct err *err);

struct store_stats {
    int64_t commits, jobs, retries, rollbacks; /* jobs: run to a durable commit; retries: batches run again */
    int64_t queued;                            /* waiting now */
};
struct store_stats store_stats(struct store *st);
/* Copies SQLite's write-ahead log into the database file; nothing on PostgreSQL. A thread of the store does so by
 * itself when the log has grown (off the commit path); call it for a tidy end of an import or before a copy of the
 * file. */
MUST_CHECK enum rc store_checkpoint(struct store *st, struct err *err);

#endif
