/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside the PostgreSQL driver. pg_wire.c: the connection, waiting with a deadline, errors. pg_value.c: values on the
 * wire. pg_copy.c: bulk load. postgres.c: transactions and statements.
 *
 *   P1 nothing here blocks: every wait is a poll with the connection's deadline, and a connection whose deadline passed
 *      is thrown away (a frozen server keeps its TCP connection acknowledged for ever).
 *   P2 an error text has the server's primary message only, never its detail, which quotes values (S6).
 */
#ifndef STORE_PG_INT_H
#define STORE_PG_INT_H

#include <libpq-fe.h>

#include "store/store_int.h"

/* Source: PostgreSQL 15, src/include/catalog/pg_type.dat */
#define PG_BOOL    16
#define PG_BYTEA   17
#define PG_INT8    20
#define PG_INT2    21
#define PG_INT4    23
#define PG_TEXT    25
#define PG_FLOAT4  700
#define PG_FLOAT8  701
#define PG_VARCHAR 1043
#define PG_NUMERIC 1700

struct pg_conn {
    struct conn base;
    PGconn *pg;
    const char *where; /* the store's */
    struct stmt_map cache;
    unsigned names; /* statements prepared so far */
    int64_t deadline_us;
    struct pg_rows *streaming; /* its rows are still arriving */
    size_t deferred;           /* statements sent ahead, answers not read (pipeline mode) */
    struct uuid writer;        /* row of store_writer */
    int64_t batch;
    int64_t opened_ms; /* limit_ms that the session was set to */
    bool marks;        /* store_writer exists */
    bool ending;       /* a reader's ROLLBACK was sent, its answer not read */
};

struct pg_rows {
    struct store_rows base;
    PGresult **queue; /* arrived, not yet looked at: [at, n) */
    size_t at, n, size;
    PGresult *now;
    int row;
    bool complete; /* nothing more will arrive */
};

/* pg_wire.c */
MUST_CHECK enum rc pg_connect(struct pg_conn *c, struct err *err);
void pg_arm(struct pg_conn *c);
MUST_CHECK enum rc pg_flush(struct pg_conn *c, struct err *err);
/* The next result; NULL at the end of one command's. The caller clears it. */
MUST_CHECK enum rc pg_result(struct pg_conn *c, PGresult **out, struct err *err);
/* The send functions of libpq return 1 or 0. */
MUST_CHECK enum rc pg_sent(struct pg_conn *c, int ok, struct err *err);
/* A failed result's class and text; sets base.lost and base.again. RC_OK when the result is none of the failed ones. */
MUST_CHECK enum rc pg_judge(struct pg_conn *c, const PGresult *r, const char *what, struct err *err);
/* Reads the results of one command to the end; the last non-empty one goes to *last (may be NULL). First failure wins.
 */
MUST_CHECK enum rc pg_finish_command(struct pg_conn *c, const char *what, PGresult **last, struct err *err);
/* Simple protocol: several statements, no arguments. */
MUST_CHECK enum rc pg_run(struct pg_conn *c, const char *text, const char *what, PGresult **last, struct err *err);
enum rc pg_broken(struct pg_conn *c, enum rc rc, const char *what, struct err *err);

/* postgres.c */
MUST_CHECK enum rc pg_settle(struct pg_conn *c, struct err *err); /* nothing under way any more */

/* pg_value.c */
struct pg_params {
    const char *values[STORE_PARAMS_MAX];
    int lengths[STORE_PARAMS_MAX], formats[STORE_PARAMS_MAX];
    unsigned char fixed[STORE_PARAMS_MAX][8];
};
Oid pg_type_of(const struct store_arg *a); /* 0: a NULL of no type */
void pg_params_set(struct pg_params *p, const struct store_arg *args, size_t n);
void pg_decode(const PGresult *r, int row, int col, struct store_arg *out);
/* One binary field of COPY for a column of this type. */
MUST_CHECK enum rc pg_encode_field(struct buf *b, const struct store_arg *a, Oid column, struct err *err);
void pg_put32(struct buf *b, uint32_t v);
void pg_put16(struct buf *b, uint16_t v);

/* pg_copy.c */
MUST_CHECK enum rc pg_bulk_open(struct conn *c, const char *table, const char *const *columns, size_t n,
                                struct store_bulk **out, struct err *err);
MUST_CHECK enum rc pg_bulk_row(struct conn *c, struct store_bulk *b, const struct store_arg *args, struct err *err);
MUST_CHECK enum rc pg_bulk_close(struct conn *c, struct store_bulk *b, bool keep, struct err *err);

#endif
