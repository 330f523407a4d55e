/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The text of SQL, as far as the store must understand it: where quotes and comments are, where a statement ends, type
 * words, and parameters. Not a parser: everything else is the engine's. Dollar quotes and E'' strings are not portable
 * and not known here; comments do not nest.
 */
#include "store/store_int.h"

#include <stdlib.h>
#include <string.h>

/* The index behind the quoted text or comment that begins at i; i when none begins; SIZE_MAX when it never ends. A
 * doubled quote reads as two neighbouring strings, which comes to the same. */
static size_t skip_quiet(struct str s, size_t i)
{
    const char *p = s.p + i, *end = s.p + s.n, *q;
    if (*p == '\'' || *p == '"') {
        q = memchr(p + 1, *p, (size_t)(end - p - 1));
        return q ? (size_t)(q - s.p) + 1 : SIZE_MAX;
    }
    if (end - p < 2)
        return i;
    if (p[0] == '-' && p[1] == '-') {
        q = memchr(p, '\n', (size_t)(end - p));
        return q ? (size_t)(q - s.p) + 1 : s.n;
    }
    if (p[0] == '/' && p[1] == '*') {
        for (q = p + 2; q + 1 < end; q++)
            if (q[0] == '*' && q[1] == '/')
                return (size_t)(q - s.p) + 2;
        return SIZE_MAX;
    }
    return i;
}

static enum rc never_ends(struct str s, size_t at, struct err *err)
{
    struct str head = str_slice(s, at, at + 40);
    return err_set(err, RC_INVALID, "a quote or comment in the SQL never ends: " STR_FMT, STR_ARG(head));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

enum rc sql_next(struct str *rest, struct str *statement, struct err *err)
{
    struct str s = *rest;
    size_t start = SIZE_MAX, i = 0;
    while (i < s.n) {
        size_t to = skip_quiet(s, i);
        if (to == SIZE_MAX)
            return never_ends(s, i, err);
        bool comment = to > i && s.p[i] != '\'' && s.p[i] != '"';
        if (to == i && s.p[i] == ';') {
            if (start != SIZE_MAX)
                break;
        } else if (start == SIZE_MAX && !comment && !is_space(s.p[i])) {
            start = i;
        }
        i = to > i ? to : i + 1;
    }
    *statement = start == SIZE_MAX ? STR_NONE : str_trim(str_slice(s, start, i));
    *rest = str_slice(s, i < s.n ? i + 1 : s.n, s.n);
    return RC_OK;
}

static const struct {
    const char *word, *sqlite, *postgres;
} WORDS[] = {
    {"int64", "INTEGER", "BIGINT"},
    {"real", "REAL", "DOUBLE PRECISION"},
    {"text", "TEXT", "TEXT COLLATE \"C\""}, /* bytewise order, as SQLite's */
    {"blob", "BLOB", "BYTEA"},
    {"bool", "INTEGER", "SMALLINT"},
    {"strict", "STRICT", ""},
    {"strict_keyed", "STRICT, WITHOUT ROWID", ""}, /* rows lie in the primary key itself */
};

static enum rc expand_word(struct str s, size_t i, enum store_engine engine, struct buf *out, size_t *to,
                           struct err *err)
{
    const char *end = memchr(s.p + i, '}', s.n - i);
    struct str word = str_slice(s, i + 1, end ? (size_t)(end - s.p) : s.n);
    for (size_t k = 0; end && k < sizeof WORDS / sizeof WORDS[0]; k++)
        if (str_is_equal(word, str_of(WORDS[k].word))) {
            buf_add_z(out, engine == STORE_SQLITE ? WORDS[k].sqlite : WORDS[k].postgres);
            *to = (size_t)(end - s.p) + 1;
            return RC_OK;
        }
    word = str_clip(word, 40);
    return err_set(err, RC_INVALID, "{" STR_FMT "} is no type word of migrations", STR_ARG(word));
}

enum rc sql_expand(struct str s, enum store_engine engine, struct buf *out, struct err *err)
{
    for (size_t i = 0; i < s.n;) {
        size_t to = skip_quiet(s, i);
        if (to == SIZE_MAX)
            return never_ends(s, i, err);
        if (to == i && s.p[i] == '{') {
            TRY(expand_word(s, i, engine, out, &to, err));
        } else {
            to = to > i ? to : i + 1;
            buf_add(out, s.p + i, to - i);
        }
        i = to;
    }
    return RC_OK;
}

enum rc sql_number(struct str s, struct buf *out, size_t *params, struct err *err)
{
    *params = 0;
    for (size_t i = 0; i < s.n;) {
        size_t to = skip_quiet(s, i);
        if (to == SIZE_MAX)
            return never_ends(s, i, err);
        to = to > i ? to : i + 1;
        if (s.p[i] == '?') {
            size_t number = 0;
            for (; to < s.n && s.p[to] >= '0' && s.p[to] <= '9' && number <= STORE_PARAMS_MAX; to++)
                number = number * 10 + (size_t)(s.p[to] - '0');
            if (number == 0 || number > STORE_PARAMS_MAX)
                return err_set(err, RC_INVALID, "parameters are written ?1 to ?%d in SQL", STORE_PARAMS_MAX);
            *params = number > *params ? number : *params;
            buf_printf(out, "$%zu", number);
        } else {
            buf_add(out, s.p + i, to - i);
        }
        i = to;
    }
    return RC_OK;
}

static size_t slot_of(const struct stmt_map *m, const struct store_sql *key)
{
    uint64_t h = (uint64_t)(uintptr_t)key * UINT64_C(0x9E3779B97F4A7C15); /* Fibonacci hashing, Knuth TAOCP 3, 6.4 */
    size_t i = (size_t)(h >> 32) & (m->size - 1);
    while (m->slots[i].key && m->slots[i].key != key)
        i = (i + 1) & (m->size - 1);
    return i;
}

void *stmt_map_get(const struct stmt_map *m, const struct store_sql *key, const char *text)
{
    if (m->size == 0)
        return NULL;
    const struct stmt_slot *s = &m->slots[slot_of(m, key)];
    return s->key && s->text == text ? s->stmt : NULL;
}

bool stmt_map_put(struct stmt_map *m, const struct store_sql *key, const char *text, void *stmt)
{
    if (m->size && m->slots[slot_of(m, key)].key)
        return false; /* the address serves another text by now: that one stays */
    if (m->n >= STORE_CACHE_MAX)
        return false;
    if (2 * (m->n + 1) > m->size) {
        struct stmt_map wide = {.size = m->size ? 2 * m->size : 64, .n = m->n};
        wide.slots = mem_array(wide.size, sizeof *wide.slots);
        for (size_t i = 0; i < m->size; i++)
            if (m->slots[i].key)
                wide.slots[slot_of(&wide, m->slots[i].key)] = m->slots[i];
        free(m->slots);
        *m = wide;
    }
    m->slots[slot_of(m, key)] = (struct stmt_slot){key, text, stmt};
    m->n++;
    return true;
}

void stmt_map_fini(struct stmt_map *m, void (*drop)(void *stmt))
{
    for (size_t i = 0; i < m->size; i++)
        if (m->slots[i].key)
            drop(m->slots[i].stmt);
    free(m->slots);
    *m = (struct stmt_map){0};
}
