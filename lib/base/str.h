/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Text as pointer and length (not NUL-terminated unless said), and a growing byte buffer. No Unicode tables here:
 * folding and transliteration belong to ICU's users. All parsers take the whole string or fail.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){("" literal), sizeof(literal) - 1})
#define STR_NONE     ((struct str){0})
#define STR_FMT      "%.*s"
#define STR_ARG(s)   (int)(s).n, (s).p ? (s).p : ""

struct str str_of(const char *z); /* NULL gives an empty string */
bool str_is_empty(struct str s);
bool str_is_equal(struct str a, struct str b);
bool str_is_equal_nocase(struct str a, struct str b); /* ASCII letters only */
int str_compare(struct str a, struct str b);          /* bytewise, as memcmp then length */
bool str_starts_with(struct str s, struct str prefix);
bool str_ends_with(struct str s, struct str suffix);
bool str_contains(struct str s, struct str needle);
struct str str_trim(struct str s);                          /* ASCII white space at both ends */
struct str str_slice(struct str s, size_t from, size_t to); /* clamped */
/* Cuts at the first `sep`: *head before it, *rest after it. False when there is none (head = s, rest empty). */
bool str_cut(struct str s, char sep, struct str *head, struct str *rest);
struct str str_copy(struct arena *mem, struct str s); /* the copy is NUL-terminated too */
char *str_z(struct arena *mem, struct str s);         /* NUL-terminated copy */
struct str str_printf(struct arena *mem, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct str str_lower(struct arena *mem, struct str s); /* ASCII */
bool str_is_utf8(struct str s);                        /* well formed, no surrogates, no overlong forms */
/* Cut to at most max bytes without splitting a UTF-8 sequence. */
struct str str_clip(struct str s, size_t max);

/* Whole-string numbers; false on anything else, out of range, NaN or infinity. Locale-independent. */
bool str_parse_i64(struct str s, int64_t *out);
bool str_parse_f64(struct str s, double *out);

struct str str_hex(struct arena *mem, const void *data, size_t n); /* lower case */
bool str_unhex(struct str s, void *out, size_t n);                 /* exactly 2n hex digits */
struct str str_base64(struct arena *mem, const void *data, size_t n);
bool str_unbase64(struct str s, struct arena *mem, struct str *out);

/* A growing buffer on the heap; buf_fini frees. Never over `cap` bytes when cap > 0: then writes are dropped
 * and buf_is_over() tells. */
struct buf {
    char *p;
    size_t n, size, cap;
    bool over;
};
void buf_init(struct buf *b, size_t cap);
void buf_fini(struct buf *b);
void buf_clear(struct buf *b);
void buf_add(struct buf *b, const void *data, size_t n);
void buf_add_str(struct buf *b, struct str s);
void buf_add_z(struct buf *b, const char *z);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
char *buf_reserve(struct buf *b, size_t n); /* room for n more bytes; NULL when over cap; then buf_commit */
void buf_commit(struct buf *b, size_t n);
struct str buf_str(const struct buf *b);
bool buf_is_over(const struct buf *b);

/* FNV-1a 64 with a final mix; for tables, never for secrets or integrity. */
uint64_t str_hash(struct str s);

#endif
