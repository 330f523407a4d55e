/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A filter as conditions (F2, F3): every piece of SQL below stands in this file; what came from outside is a parameter.
 */
#include "sites/site_features_int.h"

#include <string.h>

static const struct property {
    const char *name, *column;
} PROPERTIES[] = {{"faith", "NULLIF(s.religion, '')"}, {"kind", "NULLIF(s.kind, '')"}, {"name", "NULLIF(s.name, '')"}};

static const struct property *property_find(struct str name)
{
    for (size_t i = 0; i < sizeof PROPERTIES / sizeof PROPERTIES[0]; i++)
        if (str_is_equal(name, str_of(PROPERTIES[i].name)))
            return &PROPERTIES[i];
    return NULL;
}

static size_t wildcards_of(struct str pattern)
{
    size_t n = 0;
    for (size_t i = 0; i < pattern.n; i++)
        n += pattern.p[i] == '%';
    return n;
}

static enum rc values_check(const struct cql *c, struct err *err)
{
    for (size_t i = 0; i < c->values_n; i++) {
        if (c->values[i].type != CQL_TEXT)
            return err_set(err, RC_INVALID, "filter, byte %zu: " STR_FMT " is a text; compare it with one in 'quotes'",
                           c->at, STR_ARG(c->property));
        if (c->values[i].text.n > FEATURES_TEXT_MAX)
            return err_set(err, RC_TOO_LARGE, "filter, byte %zu: a text longer than %d bytes", c->at,
                           FEATURES_TEXT_MAX);
    }
    if (c->op == CQL_LIKE && wildcards_of(c->values[0].text) > FEATURES_WILDCARDS_MAX)
        return err_set(err, RC_TOO_LARGE, "filter, byte %zu: more than %d wildcards", c->at, FEATURES_WILDCARDS_MAX);
    return RC_OK;
}

enum rc features_check(const struct cql *filter, struct err *err)
{
    for (const struct cql *kid = filter->first; kid; kid = kid->next)
        TRY(features_check(kid, err));
    if (filter->op < CQL_EQUAL)
        return RC_OK;
    if (!property_find(filter->property))
        return err_set(err, RC_INVALID,
                       "filter, byte %zu: there is no property '" STR_FMT
                       "' to ask for; there are faith, kind and name",
                       filter->at, STR_ARG(str_clip(filter->property, 40)));
    return values_check(filter, err);
}

static bool filter_reads_names(const struct cql *filter)
{
    for (const struct cql *kid = filter->first; kid; kid = kid->next)
        if (filter_reads_names(kid))
            return true;
    return filter->op >= CQL_EQUAL && str_is_equal(filter->property, STR("name"));
}

bool features_reads_names(const struct features_query *query)
{
    return !str_is_empty(query->name) || (query->filter && filter_reads_names(query->filter));
}

/* ---- patterns ---- */

static void glob_add(struct buf *b, char c)
{
    if (c == '*' || c == '?' || c == '[')
        buf_printf(b, "[%c]", c);
    else
        buf_add_char(b, c);
}

static void like_add(struct buf *b, char c)
{
    if (c == '%' || c == '_' || c == '\\')
        buf_add_char(b, '\\');
    buf_add_char(b, c);
}

struct str features_pattern(struct str like, enum store_engine engine, struct arena *mem)
{
    bool is_glob = engine == STORE_SQLITE;
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < like.n; i++) {
        bool is_escaped = like.p[i] == '\\' && i + 1 < like.n;
        i += is_escaped;
        char c = like.p[i];
        if (!is_escaped && (c == '%' || c == '_'))
            buf_add_char(&b, !is_glob ? c : c == '%' ? '*' : '?');
        else if (is_glob)
            glob_add(&b, c);
        else
            like_add(&b, c);
    }
    struct str out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return out;
}

/* ---- conditions ---- */

static void arg_add(struct features_sql *q, struct str text)
{
    ENSURE(q->n < FEATURES_ARGS_MAX);
    q->args[q->n++] = SA_TEXT(text);
    buf_printf(&q->text, "?%zu", q->n);
}

static void predicate_add(struct features_sql *q, const struct cql *c)
{
    static const char *const SIGNS[] = {
        [CQL_EQUAL] = " = ",       [CQL_NOT_EQUAL] = " <> ", [CQL_LESS] = " < ",
        [CQL_LESS_EQUAL] = " <= ", [CQL_GREATER] = " > ",    [CQL_GREATER_EQUAL] = " >= ",
        [CQL_LIKE] = " LIKE ",     [CQL_IN] = " IN (",       [CQL_IS_NULL] = " IS NULL"};
    bool is_glob = c->op == CQL_LIKE && q->engine == STORE_SQLITE;
    buf_printf(&q->text, "(%s%s%s", c->is_negated ? "NOT " : "", property_find(c->property)->column,
               is_glob ? " GLOB " : SIGNS[c->op]);
    for (size_t i = 0; i < c->values_n; i++) {
        struct str text = c->values[i].text;
        buf_add_z(&q->text, i ? ", " : "");
        arg_add(q, c->op == CQL_LIKE ? features_pattern(text, q->engine, q->mem) : text);
    }
    if (c->op == CQL_LIKE && !is_glob)
        buf_add_z(&q->text, " ESCAPE '\\'");
    buf_add_z(&q->text, c->op == CQL_IN ? "))" : ")");
}

static void condition_add(struct features_sql *q, const struct cql *c)
{
    if (c->op >= CQL_EQUAL) {
        predicate_add(q, c);
        return;
    }
    if (!c->first) {
        buf_add_z(&q->text, c->op == CQL_TRUE ? "(1 = 1)" : "(1 = 0)");
        return;
    }
    buf_add_z(&q->text, c->op == CQL_NOT ? "(NOT " : "(");
    for (const struct cql *kid = c->first; kid; kid = kid->next) {
        buf_add_z(&q->text, kid == c->first ? "" : c->op == CQL_AND ? " AND " : " OR ");
        condition_add(q, kid);
    }
    buf_add_z(&q->text, ")");
}

enum rc features_filter_add(struct features_sql *q, const struct cql *filter, struct err *err)
{
    if (!filter)
        return RC_OK;
    TRY(features_check(filter, err));
    buf_add_z(&q->text, " AND ");
    condition_add(q, filter);
    return RC_OK;
}

void features_equal_add(struct features_sql *q, const char *property, struct str text)
{
    if (str_is_empty(text))
        return;
    buf_printf(&q->text, " AND %s = ", property_find(str_of(property))->column);
    arg_add(q, text);
}
