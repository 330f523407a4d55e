/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Text as pointer and length. See str.h.
 */
#include "base/str.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct str str_of(const char *z)
{
    return z ? (struct str){z, strlen(z)} : STR("");
}

bool str_is_empty(struct str s)
{
    return s.n == 0;
}

bool str_is_equal(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool str_is_equal_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

int str_compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_starts_with(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends_with(struct str s, struct str suffix)
{
    return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

bool str_contains(struct str s, struct str needle)
{
    if (needle.n == 0)
        return true;
    for (size_t i = 0; i + needle.n <= s.n; i++)
        if (s.p[i] == needle.p[0] && memcmp(s.p + i, needle.p, needle.n) == 0)
            return true;
    return false;
}

static bool ascii_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n && ascii_is_space(s.p[0]))
        s.p++, s.n--;
    while (s.n && ascii_is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct str str_slice(struct str s, size_t from, size_t to)
{
    to = to > s.n ? s.n : to;
    from = from > to ? to : from;
    return (struct str){s.p ? s.p + from : s.p, to - from};
}

bool str_cut(struct str s, char sep, struct str *head, struct str *rest)
{
    const char *at = s.n ? memchr(s.p, sep, s.n) : NULL;
    if (!at) {
        *head = s;
        *rest = STR_NONE;
        return false;
    }
    size_t n = (size_t)(at - s.p);
    *head = (struct str){s.p, n};
    *rest = (struct str){at + 1, s.n - n - 1};
    return true;
}

char *str_z(struct arena *mem, struct str s)
{
    char *z = arena_alloc(mem, s.n + 1);
    if (s.n)
        memcpy(z, s.p, s.n);
    z[s.n] = 0;
    return z;
}

struct str str_copy(struct arena *mem, struct str s)
{
    return (struct str){str_z(mem, s), s.n};
}

struct str str_printf(struct arena *mem, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    ENSURE(n >= 0);
    char *p = arena_alloc(mem, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return (struct str){p, (size_t)n};
}

struct str str_lower(struct arena *mem, struct str s)
{
    char *z = str_z(mem, s);
    for (size_t i = 0; i < s.n; i++)
        z[i] = ascii_lower(z[i]);
    return (struct str){z, s.n};
}

/* Length of the well-formed UTF-8 sequence at p, or 0. Source: Unicode 15, table 3-7. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    unsigned char a = p[0];
    if (a < 0x80)
        return 1;
    if (a < 0xC2 || a > 0xF4)
        return 0;
    size_t len = a < 0xE0 ? 2 : a < 0xF0 ? 3 : 4;
    if (n < len)
        return 0;
    unsigned char lo = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80;
    unsigned char hi = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < lo || p[1] > hi)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

bool str_is_utf8(struct str s)
{
    for (size_t i = 0; i < s.n;) {
        size_t len = utf8_sequence((const unsigned char *)s.p + i, s.n - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

struct str str_clip(struct str s, size_t max)
{
    if (s.n <= max)
        return s;
    size_t n = max;
    while (n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80)
        n--;
    return (struct str){s.p, n};
}

bool str_parse_i64(struct str s, int64_t *out)
{
    size_t i = 0;
    bool neg = false;
    if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
        neg = s.p[i++] == '-';
    if (i == s.n)
        return false;
    uint64_t v = 0, limit = neg ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    for (; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        uint64_t d = (uint64_t)(s.p[i] - '0');
        if (v > (limit - d) / 10)
            return false;
        v = v * 10 + d;
    }
    *out = neg ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* Only [+-]digits[.digits][e[+-]digits]: strtod alone would take hexadecimal, "inf" and "nan". */
static bool is_plain_number(struct str s)
{
    size_t i = 0, digits = 0;
    if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
        i++;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
        digits++;
    if (i < s.n && s.p[i] == '.')
        for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
            digits++;
    if (digits == 0)
        return false;
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
            i++;
        size_t from = i;
        while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
            i++;
        if (i == from)
            return false;
    }
    return i == s.n;
}

bool str_parse_f64(struct str s, double *out)
{
    char z[64];
    if (s.n >= sizeof z || !is_plain_number(s))
        return false;
    memcpy(z, s.p, s.n);
    z[s.n] = 0;
    double v = strtod(z, NULL); /* the program never calls setlocale, so the point is '.' */
    if (!isfinite(v))
        return false;
    *out = v;
    return true;
}

struct str str_hex(struct arena *mem, const void *data, size_t n)
{
    static const char DIGITS[] = "0123456789abcdef";
    const unsigned char *p = data;
    char *z = arena_alloc(mem, 2 * n + 1);
    for (size_t i = 0; i < n; i++) {
        z[2 * i] = DIGITS[p[i] >> 4];
        z[2 * i + 1] = DIGITS[p[i] & 15];
    }
    z[2 * n] = 0;
    return (struct str){z, 2 * n};
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool str_unhex(struct str s, void *out, size_t n)
{
    unsigned char *p = out;
    if (s.n != 2 * n)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (hex_value(s.p[i]) < 0)
            return false;
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)(hex_value(s.p[2 * i]) << 4 | hex_value(s.p[2 * i + 1]));
    return true;
}

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct str str_base64(struct arena *mem, const void *data, size_t n)
{
    const unsigned char *p = data;
    char *z = arena_alloc(mem, (n + 2) / 3 * 4 + 1);
    size_t o = 0;
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)p[i] << 16 | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
        z[o++] = BASE64[v >> 18];
        z[o++] = BASE64[v >> 12 & 63];
        z[o++] = i + 1 < n ? BASE64[v >> 6 & 63] : '=';
        z[o++] = i + 2 < n ? BASE64[v & 63] : '=';
    }
    z[o] = 0;
    return (struct str){z, o};
}

bool str_unbase64(struct str s, struct arena *mem, struct str *out)
{
    if (s.n % 4 != 0)
        return false;
    size_t pad = 0;
    while (pad < 2 && pad < s.n && s.p[s.n - 1 - pad] == '=')
        pad++;
    unsigned char *p = arena_alloc(mem, s.n / 4 * 3 + 1);
    size_t o = 0;
    unsigned v = 0;
    for (size_t i = 0; i < s.n; i++) {
        const char *at = s.p[i] ? strchr(BASE64, s.p[i]) : NULL;
        if (!at && !(s.p[i] == '=' && i >= s.n - pad))
            return false;
        v = v << 6 | (at ? (unsigned)(at - BASE64) : 0);
        if (i % 4 == 3) {
            p[o++] = (unsigned char)(v >> 16);
            p[o++] = (unsigned char)(v >> 8);
            p[o++] = (unsigned char)v;
            v = 0;
        }
    }
    *out = (struct str){(const char *)p, o - pad};
    return true;
}

uint64_t str_hash(struct str s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
    h ^= h >> 32;
    h *= UINT64_C(0xd6e8feb86659fd93);
    return h ^ h >> 32;
}
