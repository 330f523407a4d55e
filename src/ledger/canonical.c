/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Canonical JSON: jansson reads, this file writes. See canonical.h.
 */
#include "ledger/canonical.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t INTEGER_MAX = INT64_C(9007199254740992); /* 2^53: beyond it doubles skip integers */

/* Decimal digits and exponent of |v|: v = 0.d1d2d3... * 10^point. */
struct decimal {
    char digits[18];
    int n, point;
};

static struct decimal decimal_read(const char *e_format)
{
    struct decimal d = {.n = 0};
    const char *p = e_format;
    for (; *p && *p != 'e'; p++)
        if (*p >= '0' && *p <= '9')
            d.digits[d.n++] = *p;
    d.point = atoi(p + 1) + 1;
    while (d.n > 1 && d.digits[d.n - 1] == '0')
        d.n--;
    return d;
}

static double decimal_value(const struct decimal *d)
{
    char z[40];
    snprintf(z, sizeof z, "%.*se%d", d->n, d->digits, d->point - d->n);
    return strtod(z, NULL);
}

/* One more in the last of `k` digits. */
static struct decimal decimal_next(struct decimal d, int k)
{
    while (d.n < k)
        d.digits[d.n++] = '0';
    int i = d.n - 1;
    while (i >= 0 && d.digits[i] == '9')
        d.digits[i--] = '0';
    if (i >= 0) {
        d.digits[i]++;
    } else {
        memmove(d.digits + 1, d.digits, (size_t)d.n - 1);
        d.digits[0] = '1';
        d.point++;
    }
    return d;
}

/* The fewest digits that read back as v; of equally few the nearest. Rounding correctly to k digits gives the nearest,
 * except at a power of two, where the interval that reads back as v is wider above than below: there the next decimal
 * up may do although the nearest does not. */
static struct decimal decimal_shortest(double v)
{
    int exponent;
    bool is_power = frexp(v, &exponent) == 0.5;
    struct decimal d = {.n = 0};
    for (int k = 1; k <= 17; k++) {
        char z[40];
        snprintf(z, sizeof z, "%.*e", k - 1, v);
        d = decimal_read(z);
        if (decimal_value(&d) == v)
            return d;
        if (is_power && k < 17) {
            struct decimal up = decimal_next(d, k);
            if (decimal_value(&up) == v)
                return up;
        }
    }
    return d; /* 17 digits always read back */
}

size_t canonical_number(double v, char out[CANONICAL_NUMBER_MAX])
{
    ENSURE(isfinite(v));
    if (v == 0.0) { /* negative zero too */
        memcpy(out, "0", 2);
        return 1;
    }
    struct decimal d = decimal_shortest(fabs(v));
    const char *sign = v < 0 ? "-" : "";
    int n = 0, size = CANONICAL_NUMBER_MAX;
    if (d.n <= d.point && d.point <= 21)
        n = snprintf(out, (size_t)size, "%s%.*s%.*s", sign, d.n, d.digits, d.point - d.n, "000000000000000000000");
    else if (0 < d.point && d.point <= 21)
        n = snprintf(out, (size_t)size, "%s%.*s.%.*s", sign, d.point, d.digits, d.n - d.point, d.digits + d.point);
    else if (-6 < d.point && d.point <= 0)
        n = snprintf(out, (size_t)size, "%s0.%.*s%.*s", sign, -d.point, "00000", d.n, d.digits);
    else if (d.n == 1)
        n = snprintf(out, (size_t)size, "%s%ce%+d", sign, d.digits[0], d.point - 1);
    else
        n = snprintf(out, (size_t)size, "%s%c.%.*se%+d", sign, d.digits[0], d.n - 1, d.digits + 1, d.point - 1);
    ENSURE(n > 0 && n < size);
    return (size_t)n;
}

/* UTF-8 keeps code point order; UTF-16 puts U+E000..U+FFFF (lead bytes EE, EF) after the surrogate pairs of
 * U+10000 and up (lead bytes F0..F4). Where the first difference is not between two such lead bytes, bytes decide. */
int canonical_compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n, i = 0;
    while (i < n && a.p[i] == b.p[i])
        i++;
    if (i == n)
        return a.n < b.n ? -1 : a.n > b.n;
    unsigned x = (unsigned char)a.p[i], y = (unsigned char)b.p[i];
    if (x >= 0xee && y >= 0xee && (x >= 0xf0) != (y >= 0xf0))
        return x >= 0xf0 ? -1 : 1;
    return x < y ? -1 : 1;
}

void canonical_add_string(struct buf *b, struct str s)
{
    static const char SHORT[] = "btnvfr"; /* for 8..13; 11 has no short form */
    buf_add_char(b, '"');
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(b, s.p + from, i - from);
        from = i + 1;
        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c >= 8 && c <= 13 && c != 11)
            buf_printf(b, "\\%c", SHORT[c - 8]);
        else
            buf_printf(b, "\\u%04x", c);
    }
    buf_add(b, s.p + from, s.n - from);
    buf_add_char(b, '"');
}

struct member {
    struct str key;
    json_t *value;
};

static int member_compare(const void *a, const void *b)
{
    return canonical_compare(((const struct member *)a)->key, ((const struct member *)b)->key);
}

static enum rc emit(struct buf *b, json_t *v, int depth, struct err *err);

static enum rc emit_object(struct buf *b, json_t *v, int depth, struct err *err)
{
    size_t n = 0;
    struct member *members = mem_array(json_object_size(v) + 1, sizeof *members);
    const char *key;
    json_t *value;
    json_object_foreach(v, key, value) members[n++] = (struct member){str_of(key), value};
    qsort(members, n, sizeof *members, member_compare);
    enum rc rc = RC_OK;
    buf_add_char(b, '{');
    for (size_t i = 0; i < n && rc == RC_OK; i++) {
        if (i)
            buf_add_char(b, ',');
        canonical_add_string(b, members[i].key);
        buf_add_char(b, ':');
        rc = emit(b, members[i].value, depth + 1, err);
    }
    buf_add_char(b, '}');
    free(members);
    return rc;
}

static enum rc emit_array(struct buf *b, json_t *v, int depth, struct err *err)
{
    size_t i;
    json_t *item;
    buf_add_char(b, '[');
    json_array_foreach(v, i, item)
    {
        if (i)
            buf_add_char(b, ',');
        TRY(emit(b, item, depth + 1, err));
    }
    buf_add_char(b, ']');
    return RC_OK;
}

static enum rc emit_integer(struct buf *b, json_int_t v, struct err *err)
{
    if (v > INTEGER_MAX || v < -INTEGER_MAX)
        return err_set(err, RC_INVALID, "number %lld is beyond 2^53; write it as a string", (long long)v);
    buf_printf(b, "%lld", (long long)v);
    return RC_OK;
}

/* ECMAScript prints a double below 1e21 without an exponent; beyond 2^53 that would read back as an integer we refuse. */
static enum rc emit_real(struct buf *b, double v, struct err *err)
{
    char number[CANONICAL_NUMBER_MAX];
    if (fabs(v) > (double)INTEGER_MAX && fabs(v) < 1e21)
        return err_set(err, RC_INVALID, "number %.17g is beyond 2^53; write it as a string", v);
    buf_add(b, number, canonical_number(v, number));
    return RC_OK;
}

static enum rc emit(struct buf *b, json_t *v, int depth, struct err *err)
{
    if (depth > CANONICAL_DEPTH_MAX)
        return err_set(err, RC_INVALID, "JSON is nested deeper than %d", CANONICAL_DEPTH_MAX);
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return emit_object(b, v, depth, err);
    case JSON_ARRAY:
        return emit_array(b, v, depth, err);
    case JSON_STRING:
        canonical_add_string(b, (struct str){json_string_value(v), json_string_length(v)});
        return RC_OK;
    case JSON_INTEGER:
        return emit_integer(b, json_integer_value(v), err);
    case JSON_REAL:
        return emit_real(b, json_real_value(v), err);
    case JSON_TRUE:
        buf_add_z(b, "true");
        return RC_OK;
    case JSON_FALSE:
        buf_add_z(b, "false");
        return RC_OK;
    case JSON_NULL:
        buf_add_z(b, "null");
        return RC_OK;
    }
    return err_set(err, RC_INVALID, "JSON value of an unknown type");
}

enum rc canonical_json(struct str json, struct arena *mem, struct str *out, struct err *err)
{
    json_error_t je;
    if (json.n > CANONICAL_SIZE_MAX)
        return err_set(err, RC_TOO_LARGE, "JSON of %zu bytes is over %d", json.n, CANONICAL_SIZE_MAX);
    json_t *v = json_loadb(json.p ? json.p : "", json.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
    if (!v)
        return err_set(err, RC_INVALID, "JSON, line %d column %d: %s", je.line, je.column, je.text);
    struct buf b;
    buf_init(&b, 0);
    enum rc rc = emit(&b, v, 1, err);
    if (rc == RC_OK)
        *out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    json_decref(v);
    return rc;
}
