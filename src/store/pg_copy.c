/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Bulk load by COPY in its binary format. Source: PostgreSQL 15 documentation, COPY, "Binary Format".
 */
#include "store/pg_int.h"

#include <stdlib.h>
#include <string.h>

#define COPY_CHUNK (64u << 10)

struct pg_bulk {
    struct store_bulk base;
    struct buf out;
    Oid types[STORE_COLUMNS_MAX];
    size_t n;
};

static void list_columns(struct buf *b, const char *const *columns, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "%s%s", i ? "," : "", columns[i]);
}

static enum rc send_chunk(struct pg_conn *c, struct buf *b, struct err *err)
{
    pg_arm(c);
    for (;;) {
        int put = PQputCopyData(c->pg, b->p, (int)b->n);
        if (put < 0)
            return pg_broken(c, RC_IO, "bulk load", err);
        TRY(pg_flush(c, err));
        if (put > 0)
            break;
    }
    buf_clear(b);
    return RC_OK;
}

static enum rc start(struct pg_conn *c, struct pg_bulk *k, const char *table, const char *const *columns, size_t n,
                     struct err *err)
{
    static const char SIGNATURE[] = "PGCOPY\n\377\r\n"; /* with its NUL: 11 bytes */
    PGresult *r = NULL;
    buf_printf(&k->out, "SELECT ");
    list_columns(&k->out, columns, n);
    buf_printf(&k->out, " FROM %s LIMIT 0", table);
    buf_add(&k->out, "", 1);
    TRY(pg_run(c, k->out.p, "bulk load", &r, err));
    for (size_t i = 0; i < n; i++)
        k->types[i] = PQftype(r, (int)i);
    PQclear(r);
    buf_clear(&k->out);
    buf_printf(&k->out, "COPY %s(", table);
    list_columns(&k->out, columns, n);
    buf_printf(&k->out, ") FROM STDIN (FORMAT binary)");
    buf_add(&k->out, "", 1);
    TRY(pg_run(c, k->out.p, "bulk load", NULL, err));
    buf_clear(&k->out);
    buf_add(&k->out, SIGNATURE, 11);
    pg_put32(&k->out, 0); /* flags */
    pg_put32(&k->out, 0); /* header extension */
    return RC_OK;
}

enum rc pg_bulk_open(struct conn *base, const char *table, const char *const *columns, size_t n,
                     struct store_bulk **out, struct err *err)
{
    struct pg_conn *c = (struct pg_conn *)base;
    TRY(pg_settle(c, err));
    struct pg_bulk *k = mem_alloc(sizeof *k);
    buf_init(&k->out, 0);
    k->n = n;
    enum rc rc = start(c, k, table, columns, n, err);
    if (rc != RC_OK) {
        buf_fini(&k->out);
        free(k);
        return rc;
    }
    *out = &k->base;
    return RC_OK;
}

enum rc pg_bulk_row(struct conn *base, struct store_bulk *b, const struct store_arg *args, struct err *err)
{
    struct pg_bulk *k = (struct pg_bulk *)b;
    size_t before = k->out.n;
    pg_put16(&k->out, (uint16_t)k->n);
    for (size_t i = 0; i < k->n; i++) {
        enum rc rc = pg_encode_field(&k->out, &args[i], k->types[i], err);
        if (rc != RC_OK) {
            k->out.n = before;
            return err_add(err, "column %zu: ", i + 1);
        }
    }
    return k->out.n < COPY_CHUNK ? RC_OK : send_chunk((struct pg_conn *)base, &k->out, err);
}

static enum rc end(struct pg_conn *c, struct pg_bulk *k, bool keep, struct err *err)
{
    if (c->base.broken)
        return err_set(err, RC_IO, "the connection was lost in a bulk load");
    pg_put16(&k->out, UINT16_MAX);
    if (keep)
        TRY(send_chunk(c, &k->out, err));
    pg_arm(c);
    while (PQputCopyEnd(c->pg, keep ? NULL : "given up") == 0)
        TRY(pg_flush(c, err));
    struct err ignored;
    enum rc rc = pg_finish_command(c, "bulk load", NULL, keep ? err : &ignored);
    return keep || c->base.broken ? rc : RC_OK;
}

enum rc pg_bulk_close(struct conn *base, struct store_bulk *b, bool keep, struct err *err)
{
    struct pg_bulk *k = (struct pg_bulk *)b;
    enum rc rc = end((struct pg_conn *)base, k, keep, err);
    buf_fini(&k->out);
    free(k);
    return rc;
}
