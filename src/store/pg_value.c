/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Values in PostgreSQL's binary formats (big-endian integers, IEEE doubles, bytes as they are). Results may also hold
 * numeric, which sum() over integers gives.
 */
#include "store/pg_int.h"

#include <math.h>
#include <string.h>

static void put64(unsigned char *p, uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8)
        p[i] = (unsigned char)v;
}

static uint64_t get_be(const char *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

void pg_put32(struct buf *b, uint32_t v)
{
    unsigned char p[8];
    put64(p, v);
    buf_add(b, p + 4, 4);
}

void pg_put16(struct buf *b, uint16_t v)
{
    unsigned char p[8];
    put64(p, v);
    buf_add(b, p + 6, 2);
}

Oid pg_type_of(const struct store_arg *a)
{
    static const Oid OIDS[] = {[STORE_NULL] = 0,
                               [STORE_INT] = PG_INT8,
                               [STORE_REAL] = PG_FLOAT8,
                               [STORE_TEXT] = PG_TEXT,
                               [STORE_BLOB] = PG_BYTEA};
    enum store_type t = a->type == STORE_NULL ? (enum store_type)a->i : a->type;
    return OIDS[t <= STORE_BLOB ? t : STORE_NULL];
}

static void fixed_of(const struct store_arg *a, unsigned char out[8])
{
    uint64_t v;
    if (a->type == STORE_INT)
        v = (uint64_t)a->i;
    else
        memcpy(&v, &a->r, 8);
    put64(out, v);
}

void pg_params_set(struct pg_params *p, const struct store_arg *args, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct store_arg *a = &args[i];
        p->formats[i] = 1;
        p->lengths[i] = a->type == STORE_TEXT || a->type == STORE_BLOB ? (int)a->s.n : 8;
        p->values[i] = NULL;
        if (a->type == STORE_INT || a->type == STORE_REAL) {
            fixed_of(a, p->fixed[i]);
            p->values[i] = (const char *)p->fixed[i];
        } else if (a->type != STORE_NULL) {
            p->values[i] = a->s.p ? a->s.p : "";
        }
    }
}

/* Base 10,000 digits. Source: PostgreSQL 15, src/backend/utils/adt/numeric.c, numeric_send. */
static void decode_numeric(const char *p, int n, struct store_arg *out)
{
    if (n < 8)
        return;
    int digits = (int)get_be(p, 2), weight = (int16_t)get_be(p + 2, 2), sign = (int)get_be(p + 4, 2);
    bool whole = weight < 4 && digits <= weight + 1; /* up to 10^16 is exact in both */
    int64_t i = 0;
    double r = 0;
    if (sign == 0xC000 || n < 8 + 2 * digits) { /* NaN */
        *out = SA_REAL(NAN);
        return;
    }
    for (int k = 0; k < digits; k++)
        r += (double)get_be(p + 8 + 2 * k, 2) * pow(10000.0, weight - k);
    for (int k = 0; whole && k <= weight; k++)
        i = i * 10000 + (k < digits ? (int64_t)get_be(p + 8 + 2 * k, 2) : 0);
    *out = whole ? SA_INT(sign ? -i : i) : SA_REAL(sign ? -r : r);
}

void pg_decode(const PGresult *res, int row, int col, struct store_arg *out)
{
    *out = SA_NULL;
    if (col < 0 || col >= PQnfields(res) || PQgetisnull(res, row, col))
        return;
    const char *p = PQgetvalue(res, row, col);
    int n = PQgetlength(res, row, col);
    uint64_t bits = n == 8 ? get_be(p, 8) : 0;
    float single;
    uint32_t low = n == 4 ? (uint32_t)get_be(p, 4) : 0;
    switch (PQftype(res, col)) {
    case PG_INT8:
        *out = SA_INT(bits);
        return;
    case PG_INT4:
        *out = SA_INT((int32_t)low);
        return;
    case PG_INT2:
        *out = SA_INT((int16_t)get_be(p, 2));
        return;
    case PG_BOOL:
        *out = SA_INT(p[0] != 0);
        return;
    case PG_FLOAT8:
        out->type = STORE_REAL;
        memcpy(&out->r, &bits, 8);
        return;
    case PG_FLOAT4:
        memcpy(&single, &low, 4);
        *out = SA_REAL((double)single);
        return;
    case PG_NUMERIC:
        decode_numeric(p, n, out);
        return;
    case PG_BYTEA:
        out->type = STORE_BLOB;
        break;
    default: /* text, varchar, name, unknown: their binary form is the text */
        out->type = STORE_TEXT;
        break;
    }
    out->s = (struct str){p, (size_t)n};
}

static enum rc encode_int(struct buf *b, int64_t v, Oid column, struct err *err)
{
    unsigned char p[8];
    unsigned n = column == PG_INT8 ? 8 : column == PG_INT4 ? 4 : 2;
    int64_t most = n == 8 ? INT64_MAX : n == 4 ? INT32_MAX : INT16_MAX;
    if (v > most || v < -most - 1)
        return err_set(err, RC_INVALID, "an integer does not fit its column in a bulk load");
    put64(p, (uint64_t)v);
    pg_put32(b, n);
    buf_add(b, p + 8 - n, n);
    return RC_OK;
}

enum rc pg_encode_field(struct buf *b, const struct store_arg *a, Oid column, struct err *err)
{
    unsigned char p[8];
    struct store_arg real = *a;
    if (a->type == STORE_NULL) {
        pg_put32(b, UINT32_MAX);
        return RC_OK;
    }
    bool integer = column == PG_INT8 || column == PG_INT4 || column == PG_INT2;
    if (a->type == STORE_INT && integer)
        return encode_int(b, a->i, column, err);
    if (column == PG_FLOAT8 && (a->type == STORE_REAL || a->type == STORE_INT)) {
        if (a->type == STORE_INT)
            real = SA_REAL((double)a->i);
        fixed_of(&real, p);
        pg_put32(b, 8);
        buf_add(b, p, 8);
        return RC_OK;
    }
    if ((a->type == STORE_TEXT && (column == PG_TEXT || column == PG_VARCHAR)) ||
        (a->type == STORE_BLOB && column == PG_BYTEA)) {
        pg_put32(b, (uint32_t)a->s.n);
        buf_add_str(b, a->s);
        return RC_OK;
    }
    return err_set(err, RC_INVALID, "a value has another type than its column in a bulk load (type %u)", column);
}
