/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The JSON writer of json_out.h. Text is copied in spans of bytes that need no escaping.
 */
#include "wire/json_out.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "wire/utf8_int.h"

void json_out_init(struct json_out *j, struct buf *b)
{
    *j = (struct json_out){.b = b, .first = {true}};
}

/* Puts the comma that a value or key at this place needs. */
static void separate(struct json_out *j)
{
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    if (!j->first[j->depth])
        buf_add_char(j->b, ',');
    j->first[j->depth] = false;
}

static void open_level(struct json_out *j, char c)
{
    separate(j);
    ENSURE(j->depth + 1 < JSON_OUT_DEPTH);
    buf_add_char(j->b, c);
    j->first[++j->depth] = true;
}

static void close_level(struct json_out *j, char c)
{
    ENSURE(j->depth > 0 && !j->after_key);
    j->depth--;
    buf_add_char(j->b, c);
}

void json_begin_object(struct json_out *j)
{
    open_level(j, '{');
}

void json_end_object(struct json_out *j)
{
    close_level(j, '}');
}

void json_begin_array(struct json_out *j)
{
    open_level(j, '[');
}

void json_end_array(struct json_out *j)
{
    close_level(j, ']');
}

static void add_escape(struct buf *b, unsigned char c)
{
    static const char SHORT[] = "btnvfr"; /* 8..13; \v has no short form in JSON */
    char out[8];
    if (c == '"' || c == '\\')
        snprintf(out, sizeof out, "\\%c", c);
    else if (c >= 8 && c <= 13 && c != 11)
        snprintf(out, sizeof out, "\\%c", SHORT[c - 8]);
    else
        snprintf(out, sizeof out, "\\u%04x", c);
    buf_add_z(b, out);
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void add_quoted(struct buf *b, struct str s)
{
    buf_add_char(b, '"');
    size_t from = 0, i = 0;
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_plain(c)) {
            i++;
            continue;
        }
        size_t good = c < 0x80 ? 0 : utf8_sequence(s.p + i, s.n - i);
        if (good) {
            i += good;
            continue;
        }
        buf_add(b, s.p + from, i - from);
        if (c < 0x80) {
            add_escape(b, c);
            i++;
        } else {
            buf_add_z(b, UTF8_REPLACEMENT);
            i += utf8_bad_prefix(s.p + i, s.n - i);
        }
        from = i;
    }
    if (i > from)
        buf_add(b, s.p + from, i - from);
    buf_add_char(b, '"');
}

void json_key_str(struct json_out *j, struct str key)
{
    ENSURE(j->depth > 0 && !j->after_key);
    separate(j);
    add_quoted(j->b, key);
    buf_add_char(j->b, ':');
    j->after_key = true;
}

void json_key(struct json_out *j, const char *key)
{
    json_key_str(j, str_of(key));
}

void json_str(struct json_out *j, struct str s)
{
    separate(j);
    add_quoted(j->b, s);
}

void json_z(struct json_out *j, const char *z)
{
    if (z)
        json_str(j, str_of(z));
    else
        json_nil(j);
}

/* Digits of v, at least `width` of them, ending at `end`; returns their start. */
static char *put_digits(char *end, uint64_t v, int width)
{
    do {
        *--end = (char)('0' + v % 10);
        v /= 10;
        width--;
    } while (v || width > 0);
    return end;
}

void json_i64(struct json_out *j, int64_t v)
{
    char out[24], *end = out + sizeof out;
    char *at = put_digits(end, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 1);
    if (v < 0)
        *--at = '-';
    separate(j);
    buf_add(j->b, at, (size_t)(end - at));
}

/* v = whole * 10^-decimals, trailing zeros of the fraction dropped. */
static void add_decimal(struct buf *b, int64_t whole, int decimals)
{
    uint64_t v = whole < 0 ? 0 - (uint64_t)whole : (uint64_t)whole;
    char out[64], *end = out + sizeof out, *at = end;
    for (; decimals > 0 && v % 10 == 0; decimals--)
        v /= 10;
    if (decimals > 0) {
        uint64_t fraction = 0, unit = 1;
        for (int i = 0; i < decimals; i++, v /= 10, unit *= 10)
            fraction += v % 10 * unit;
        at = put_digits(at, fraction, decimals);
        *--at = '.';
    }
    at = put_digits(at, v, 1);
    if (whole < 0)
        *--at = '-';
    buf_add(b, at, (size_t)(end - at));
}

void json_f64(struct json_out *j, double v, int decimals)
{
    static const double POWER[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};
    ENSURE(decimals >= 0 && decimals < (int)(sizeof POWER / sizeof POWER[0]));
    double scaled = v * POWER[decimals];
    if (!isfinite(v)) {
        json_nil(j);
        return;
    }
    separate(j);
    if (fabs(scaled) < 9007199254740992.0) /* 2^53: below it the integer holds the rounded value exactly */
        add_decimal(j->b, llround(scaled), decimals);
    else
        buf_printf(j->b, "%.17g", v);
}

void json_bool(struct json_out *j, bool v)
{
    json_raw(j, v ? STR("true") : STR("false"));
}

void json_nil(struct json_out *j)
{
    json_raw(j, STR("null"));
}

void json_raw(struct json_out *j, struct str json)
{
    separate(j);
    buf_add_str(j->b, json);
}

void json_put_str(struct json_out *j, const char *key, struct str s)
{
    json_key(j, key);
    json_str(j, s);
}

void json_put_str_opt(struct json_out *j, const char *key, struct str s)
{
    if (s.n)
        json_put_str(j, key, s);
}

void json_put_i64(struct json_out *j, const char *key, int64_t v)
{
    json_key(j, key);
    json_i64(j, v);
}

void json_put_f64(struct json_out *j, const char *key, double v, int decimals)
{
    json_key(j, key);
    json_f64(j, v, decimals);
}

void json_put_bool(struct json_out *j, const char *key, bool v)
{
    json_key(j, key);
    json_bool(j, v);
}
