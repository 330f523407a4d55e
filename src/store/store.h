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
 *   S4 reads run on a snapshot of their own and never wait for the writer.
 *
 * SQL is portable (no triggers, sequences, JSON paths, LIKE without lower()); parameters are ?1 ?2 ... in every
 * dialect (the PostgreSQL driver rewrites them to $n). Migrations may use the type words {int64} {real} {text} {blob}
 * {bool} and end CREATE TABLE with {strict}.
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
};

enum store_type { STORE_NULL, STORE_INT, STORE_REAL, STORE_TEXT, STORE_BLOB };
struct store_arg {
    enum store_type type;
    int64_t i;
    double r;
    struct str s; /* borrowed until the statement has run */
};
#define SA_NULL ((struct store_arg){.type = STORE_NULL})
#define SA_INT(x) ((struct store_arg){.type = STORE_INT, .i = (int64_t)(x)})
#define SA_REAL(x) ((struct store_arg){.type = STORE_REAL, .r = (x)})
#define SA_TEXT(x) ((struct store_arg){.type = STORE_TEXT, .s = (x)})
/* NULL when the string is empty */
#define SA_TEXT_OPT(x) ((struct store_arg){.type = (x).n ? STORE_TEXT : STORE_NULL, .s = (x)})
#define SA_BLOB(data, len) \
    ((struct store_arg){.type = STORE_BLOB, .s = {.p = (const char *)(data), .n = (len)}})
/* u must be an lvalue that outlives the call */
#define SA_UUID(u) SA_BLOB((u).b, sizeof(u).b)
#define SA_TIME(t) SA_INT((t).us)
#define SA_N(args) (sizeof(args) / sizeof((args)[0]))

struct store_options {
    int busy_ms;           /* how long a statement or commit may take before RC_BUSY; 0: 10,000 */
    int readers;           /* read connections; 0: 4 */
    bool read_only;
    int batch_max;         /* most jobs in one group commit; 0: 512 */
};

/* where: a file path (SQLite) or a postgresql:// URL. Does not migrate. */
MUST_CHECK enum rc store_open(const char *where, const struct store_options *opt, struct store **out, struct err *err);
void store_close(struct store *st); /* waits for the writer's queue; NULL ok */
enum store_engine store_engine(const struct store *st);

/* Runs every numbered migration (asset data/migrations/NNNN_room.sql) not yet run, in order, each in one transaction.
 * Errors: RC_UNSUPPORTED when the database is newer than this program; RC_DAMAGED when a run one has changed since. */
MUST_CHECK enum rc store_migrate(struct store *st, struct err *err);

typedef enum rc (*store_fn)(struct store_tx *tx, void *ctx, struct err *err);

/* Queues fn for the single writer and waits until its commit is durable (S1-S3). Thread-safe. */
MUST_CHECK enum rc store_write(struct store *st, store_fn fn, void *ctx, struct err *err);
/* Runs fn on a read snapshot in the calling thread. Thread-safe; nests never. */
MUST_CHECK enum rc store_read(struct store *st, store_fn fn, void *ctx, struct err *err);

/* Hooks that run inside each group commit, after its jobs and before COMMIT, on the writer's thread, in the order they
 * were added (the ledger's sequencer, the vault's fsync). A failing hook fails the whole batch. Add before first write. */
void store_add_commit_hook(struct store *st, store_fn hook, void *ctx);
/* Hooks after a durable commit (wake the projections). Must not write. */
void store_add_after_hook(struct store *st, void (*hook)(void *ctx), void *ctx);

/* Statements. n arguments bind to ?1..?n. */
MUST_CHECK enum rc store_exec(struct store_tx *tx, const struct store_sql *sql, const struct store_arg *args, size_t n,
                              int64_t *changed /* may be NULL */, struct err *err);
/* while (store_next(rows)) { ... store_int(rows, 0) ... }  rc = store_finish(rows, err);  always call store_finish. */
MUST_CHECK enum rc store_query(struct store_tx *tx, const struct store_sql *sql, const struct store_arg *args, size_t n,
                               struct store_rows **out, struct err *err);
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

struct store_stats {
    int64_t commits, jobs, retries, rollbacks;
};
struct store_stats store_stats(struct store *st);
/* PASSIVE checkpoint on SQLite, nothing on PostgreSQL. Off the commit path: a background thread calls it. */
MUST_CHECK enum rc store_checkpoint(struct store *st, struct err *err);

#endif
