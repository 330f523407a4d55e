/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See cql.h. Recursive descent over one token of look-ahead; depth grows only with "(" and NOT, and is capped.
 */
#include "wire/cql.h"

#include <string.h>

enum token_kind { T_END, T_NAME, T_QUOTED, T_TEXT, T_NUMBER, T_SIGN };

struct token {
    enum token_kind kind;
    struct str text; /* of T_TEXT and T_QUOTED: what is inside, unescaped */
    size_t at;
};

struct parse {
    struct str s;
    size_t i;
    struct token now;
    int depth;
    size_t terms, values;
    struct arena *mem;
    struct err *err;
};

static enum rc parse_or(struct parse *p, struct cql **out);

static enum rc wrong(struct parse *p, const char *wanted)
{
    struct str seen = str_clip(p->now.text, 30);
    if (p->now.kind == T_END)
        return err_set(p->err, RC_INVALID, "the filter ends where %s should stand", wanted);
    return err_set(p->err, RC_INVALID, "filter, byte %zu: %s should stand where '" STR_FMT "' does", p->now.at, wanted,
                   STR_ARG(seen));
}

/* ---- tokens ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || (unsigned char)c >= 0x80;
}

static bool is_name_part(char c)
{
    return is_name_start(c) || is_digit(c) || c == '.';
}

static char peek_at(const struct parse *p, size_t i)
{
    return i < p->s.n ? p->s.p[i] : '\0';
}

/* Up to the closing quote; a doubled one, or one behind a backslash in a text, is a character. */
static enum rc read_quoted(struct parse *p, char quote, struct token *t)
{
    char *to = arena_alloc(p->mem, p->s.n - p->i + 1);
    size_t n = 0;
    for (size_t i = p->i + 1; i < p->s.n; i++) {
        char c = p->s.p[i], after = peek_at(p, i + 1);
        bool is_escape = (c == quote && after == quote) || (c == '\\' && quote == '\'' && after == quote);
        if (c == quote && !is_escape) {
            *t = (struct token){quote == '\'' ? T_TEXT : T_QUOTED, {to, n}, p->i + 1};
            p->i = i + 1;
            return RC_OK;
        }
        i += is_escape;
        to[n++] = p->s.p[i];
    }
    return err_set(p->err, RC_INVALID, "filter, byte %zu: a quote that is never closed", p->i + 1);
}

static size_t skip_digits(const struct parse *p, size_t i)
{
    while (is_digit(peek_at(p, i)))
        i++;
    return i;
}

static void read_number(struct parse *p, struct token *t)
{
    size_t i = p->i + (peek_at(p, p->i) == '-' || peek_at(p, p->i) == '+');
    i = skip_digits(p, i);
    if (peek_at(p, i) == '.')
        i = skip_digits(p, i + 1);
    if (peek_at(p, i) == 'e' || peek_at(p, i) == 'E') {
        size_t sign = peek_at(p, i + 1) == '-' || peek_at(p, i + 1) == '+';
        if (is_digit(peek_at(p, i + 1 + sign)))
            i = skip_digits(p, i + 1 + sign);
    }
    *t = (struct token){T_NUMBER, str_slice(p->s, p->i, i), p->i + 1};
    p->i = i;
}

static bool is_number_start(const struct parse *p)
{
    char c = peek_at(p, p->i), after = peek_at(p, p->i + 1);
    return is_digit(c) || ((c == '-' || c == '+' || c == '.') && (is_digit(after) || (c != '.' && after == '.')));
}

static void read_sign(struct parse *p, struct token *t)
{
    char c = p->s.p[p->i], after = peek_at(p, p->i + 1);
    size_t n = (c == '<' && (after == '=' || after == '>')) || (c == '>' && after == '=') ? 2 : 1;
    *t = (struct token){T_SIGN, str_slice(p->s, p->i, p->i + n), p->i + 1};
    p->i += n;
}

static enum rc next(struct parse *p)
{
    while (p->i < p->s.n && strchr(" \t\r\n", p->s.p[p->i]))
        p->i++;
    if (p->i >= p->s.n) {
        p->now = (struct token){T_END, STR_NONE, p->s.n + 1};
        return RC_OK;
    }
    char c = p->s.p[p->i];
    if (c == '\'' || c == '"')
        return read_quoted(p, c, &p->now);
    if (is_number_start(p)) {
        read_number(p, &p->now);
    } else if (is_name_start(c)) {
        size_t i = p->i;
        while (i < p->s.n && is_name_part(p->s.p[i]))
            i++;
        p->now = (struct token){T_NAME, str_slice(p->s, p->i, i), p->i + 1};
        p->i = i;
    } else {
        read_sign(p, &p->now);
    }
    return RC_OK;
}

static bool is_word(const struct parse *p, const char *word)
{
    return p->now.kind == T_NAME && str_is_equal_nocase(p->now.text, str_of(word));
}

static bool is_sign(const struct parse *p, const char *sign)
{
    return p->now.kind == T_SIGN && str_is_equal(p->now.text, str_of(sign));
}

static enum rc expect_sign(struct parse *p, const char *sign, const char *wanted)
{
    return is_sign(p, sign) ? next(p) : wrong(p, wanted);
}

/* ---- predicates ---- */

static struct cql *node(struct parse *p, enum cql_op op)
{
    struct cql *c = ARENA_NEW(p->mem, struct cql);
    c->op = op;
    c->at = p->now.at;
    return c;
}

/* DATE('2026-03-31'), TIMESTAMP('...'): the word is the current token. */
static enum rc parse_instant(struct parse *p, enum cql_type type, struct cql_value *out)
{
    TRY(next(p));
    TRY(expect_sign(p, "(", "'('"));
    if (p->now.kind != T_TEXT)
        return wrong(p, "a text in quotes");
    *out = (struct cql_value){type, p->now.text};
    TRY(next(p));
    return expect_sign(p, ")", "')'");
}

static enum rc parse_literal(struct parse *p, struct cql_value *out)
{
    if (++p->values > CQL_VALUES_MAX)
        return err_set(p->err, RC_TOO_LARGE, "the filter has more than %d values", CQL_VALUES_MAX);
    if (is_word(p, "DATE"))
        return parse_instant(p, CQL_DATE, out);
    if (is_word(p, "TIMESTAMP"))
        return parse_instant(p, CQL_TIMESTAMP, out);
    if (p->now.kind == T_TEXT)
        *out = (struct cql_value){CQL_TEXT, p->now.text};
    else if (p->now.kind == T_NUMBER)
        *out = (struct cql_value){CQL_NUMBER, p->now.text};
    else if (is_word(p, "TRUE") || is_word(p, "FALSE"))
        *out = (struct cql_value){CQL_BOOLEAN, p->now.text};
    else
        return wrong(p, "a value ('text' in single quotes, or a number)");
    return next(p);
}

static enum rc parse_one_value(struct parse *p, struct cql *c)
{
    c->values = ARENA_NEW(p->mem, struct cql_value);
    c->values_n = 1;
    return parse_literal(p, c->values);
}

static enum rc parse_list(struct parse *p, struct cql *c)
{
    c->values = ARENA_NEW_N(p->mem, struct cql_value, CQL_VALUES_MAX - p->values + 1);
    TRY(expect_sign(p, "(", "'('"));
    for (;;) {
        TRY(parse_literal(p, &c->values[c->values_n]));
        c->values_n++;
        if (!is_sign(p, ","))
            return expect_sign(p, ")", "',' or ')'");
        TRY(next(p));
    }
}

static enum rc parse_comparison(struct parse *p, struct cql *c)
{
    static const struct {
        const char *sign;
        enum cql_op op;
    } SIGNS[] = {{"=", CQL_EQUAL},       {"<>", CQL_NOT_EQUAL}, {"<", CQL_LESS},
                 {"<=", CQL_LESS_EQUAL}, {">", CQL_GREATER},    {">=", CQL_GREATER_EQUAL}};
    for (size_t i = 0; i < sizeof SIGNS / sizeof SIGNS[0]; i++)
        if (is_sign(p, SIGNS[i].sign)) {
            c->op = SIGNS[i].op;
            TRY(next(p));
            return parse_one_value(p, c);
        }
    return wrong(p, "a comparison (= <> < <= > >= LIKE IN IS)");
}

static enum rc parse_like(struct parse *p, struct cql *c)
{
    c->op = CQL_LIKE;
    TRY(next(p));
    TRY(parse_one_value(p, c));
    if (c->values[0].type != CQL_TEXT)
        return err_set(p->err, RC_INVALID, "filter, byte %zu: LIKE wants a pattern in quotes", c->at);
    return RC_OK;
}

static enum rc parse_is_null(struct parse *p, struct cql *c)
{
    c->op = CQL_IS_NULL;
    TRY(next(p));
    c->is_negated = is_word(p, "NOT");
    if (c->is_negated)
        TRY(next(p));
    return is_word(p, "NULL") ? next(p) : wrong(p, "NULL");
}

/* Behind a property. */
static enum rc parse_condition(struct parse *p, struct cql *c)
{
    if (is_word(p, "IS"))
        return parse_is_null(p, c);
    c->is_negated = is_word(p, "NOT");
    if (c->is_negated)
        TRY(next(p));
    if (is_word(p, "LIKE"))
        return parse_like(p, c);
    if (is_word(p, "IN")) {
        c->op = CQL_IN;
        TRY(next(p));
        return parse_list(p, c);
    }
    if (is_word(p, "BETWEEN"))
        return err_set(p->err, RC_UNSUPPORTED, "filter, byte %zu: BETWEEN is not done here; use >= and <=", p->now.at);
    return c->is_negated ? wrong(p, "LIKE or IN") : parse_comparison(p, c);
}

static enum rc parse_predicate(struct parse *p, struct cql **out)
{
    if (p->now.kind != T_NAME && p->now.kind != T_QUOTED)
        return wrong(p, "a property");
    if (++p->terms > CQL_TERMS_MAX)
        return err_set(p->err, RC_TOO_LARGE, "the filter has more than %d conditions", CQL_TERMS_MAX);
    bool is_literal = p->now.kind == T_NAME && (is_word(p, "TRUE") || is_word(p, "FALSE"));
    struct cql *c = node(p, is_literal && is_word(p, "FALSE") ? CQL_FALSE : CQL_TRUE);
    *out = c;
    c->property = is_literal ? STR_NONE : p->now.text;
    TRY(next(p));
    if (is_literal)
        return RC_OK;
    if (is_sign(p, "("))
        return err_set(p->err, RC_UNSUPPORTED, "filter, byte %zu: functions are not done here", c->at);
    return parse_condition(p, c);
}

/* ---- AND, OR, NOT ---- */

static enum rc deeper(struct parse *p)
{
    if (++p->depth > CQL_DEPTH_MAX)
        return err_set(p->err, RC_TOO_LARGE, "the filter is nested deeper than %d", CQL_DEPTH_MAX);
    return next(p);
}

static enum rc parse_factor(struct parse *p, struct cql **out)
{
    if (is_word(p, "NOT")) {
        *out = node(p, CQL_NOT);
        TRY(deeper(p));
        TRY(parse_factor(p, &(*out)->first));
    } else if (is_sign(p, "(")) {
        TRY(deeper(p));
        TRY(parse_or(p, out));
        TRY(expect_sign(p, ")", "')'"));
    } else {
        return parse_predicate(p, out);
    }
    p->depth--;
    return RC_OK;
}

/* One part alone stands for itself; several hang below one node, however many. */
static enum rc parse_chain(struct parse *p, const char *word, enum cql_op op,
                           enum rc (*part)(struct parse *p, struct cql **out), struct cql **out)
{
    struct cql *first;
    TRY(part(p, &first));
    *out = first;
    if (!is_word(p, word))
        return RC_OK;
    struct cql *c = node(p, op), **tail = &c->first;
    *tail = first;
    tail = &first->next;
    while (is_word(p, word)) {
        TRY(next(p));
        TRY(part(p, tail));
        tail = &(*tail)->next;
    }
    *out = c;
    return RC_OK;
}

static enum rc parse_and(struct parse *p, struct cql **out)
{
    return parse_chain(p, "AND", CQL_AND, parse_factor, out);
}

static enum rc parse_or(struct parse *p, struct cql **out)
{
    return parse_chain(p, "OR", CQL_OR, parse_and, out);
}

enum rc cql_parse(struct str text, struct arena *mem, const struct cql **out, struct err *err)
{
    struct parse p = {.s = text, .mem = mem, .err = err};
    struct cql *root;
    if (text.n > CQL_BYTES_MAX)
        return err_set(err, RC_TOO_LARGE, "the filter is longer than %d bytes", CQL_BYTES_MAX);
    if (!str_is_utf8(text) || (text.n && memchr(text.p, 0, text.n)))
        return err_set(err, RC_INVALID, "the filter is not UTF-8 text");
    TRY(next(&p));
    TRY(parse_or(&p, &root));
    if (p.now.kind != T_END)
        return wrong(&p, "AND, OR or the end");
    *out = root;
    return RC_OK;
}
