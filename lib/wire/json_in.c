/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Small documents through jansson (json_in.h).
 */
#include "wire/json_in.h"

#include <math.h>
#include <string.h>

/* jansson recurses; its own limit is 2048 levels. Brackets in strings do not count. */
static bool is_too_deep(struct str s)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']'))
            depth--;
        if (depth > JSON_IN_DEPTH_MAX)
            return true;
    }
    return false;
}

enum rc json_in_parse(struct str text, size_t cap, json_t **out, struct err *err)
{
    json_error_t why;
    if (text.n > cap)
        return err_set(err, RC_TOO_LARGE, "the JSON document has %zu bytes; at most %zu are read", text.n, cap);
    if (is_too_deep(text))
        return err_set(err, RC_TOO_LARGE, "the JSON document is nested deeper than %d levels", JSON_IN_DEPTH_MAX);
    if (text.n && memchr(text.p, 0, text.n)) /* jansson overlooks some NUL bytes between tokens */
        return err_set(err, RC_INVALID, "not JSON: a NUL byte");
    json_t *v = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!v)
        return err_set(err, RC_INVALID, "not JSON: line %d, column %d: %s", why.line, why.column, why.text);
    *out = v;
    return RC_OK;
}

enum rc json_in_object(struct str text, size_t cap, json_t **out, struct err *err)
{
    json_t *v;
    TRY(json_in_parse(text, cap, &v, err));
    if (!json_is_object(v)) {
        json_decref(v);
        return err_set(err, RC_INVALID, "the JSON document is not an object: write {...}");
    }
    *out = v;
    return RC_OK;
}

/* *v = NULL when an optional member is missing or null. */
static enum rc member(const json_t *object, const char *at, const char *key, enum json_need need, json_t **v,
                      struct err *err)
{
    *v = json_object_get(object, key);
    if (json_is_null(*v))
        *v = NULL;
    if (!*v && need == JSON_REQUIRED)
        return err_set(err, RC_INVALID, "%s/%s: missing", at, key);
    return RC_OK;
}

static enum rc wrong(const char *at, const char *key, const char *what, struct err *err)
{
    return err_set(err, RC_INVALID, "%s/%s: not %s", at, key, what);
}

enum rc json_in_str(const json_t *object, const char *at, const char *key, enum json_need need, size_t max,
                    struct str *out, struct err *err)
{
    json_t *v;
    TRY(member(object, at, key, need, &v, err));
    if (!v)
        return RC_OK;
    if (!json_is_string(v))
        return wrong(at, key, "a string", err);
    if (json_string_length(v) > max)
        return err_set(err, RC_TOO_LARGE, "%s/%s: %zu bytes; at most %zu", at, key, json_string_length(v), max);
    *out = (struct str){json_string_value(v), json_string_length(v)};
    return RC_OK;
}

enum rc json_in_f64(const json_t *object, const char *at, const char *key, enum json_need need, double *out,
                    struct err *err)
{
    json_t *v;
    TRY(member(object, at, key, need, &v, err));
    if (!v)
        return RC_OK;
    if (!json_is_number(v))
        return wrong(at, key, "a number", err);
    *out = json_number_value(v);
    return RC_OK;
}

enum rc json_in_i64(const json_t *object, const char *at, const char *key, enum json_need need, int64_t *out,
                    struct err *err)
{
    json_t *v;
    TRY(member(object, at, key, need, &v, err));
    if (!v)
        return RC_OK;
    if (!json_is_integer(v))
        return wrong(at, key, "a whole number", err);
    *out = json_integer_value(v);
    return RC_OK;
}

enum rc json_in_bool(const json_t *object, const char *at, const char *key, enum json_need need, bool *out,
                     struct err *err)
{
    json_t *v;
    TRY(member(object, at, key, need, &v, err));
    if (!v)
        return RC_OK;
    if (!json_is_boolean(v))
        return wrong(at, key, "true or false", err);
    *out = json_is_true(v);
    return RC_OK;
}

enum rc json_in_array(const json_t *object, const char *at, const char *key, enum json_need need, json_t **out,
                      struct err *err)
{
    json_t *v;
    TRY(member(object, at, key, need, &v, err));
    if (!v)
        return RC_OK;
    if (!json_is_array(v))
        return wrong(at, key, "an array", err);
    *out = v;
    return RC_OK;
}

enum rc json_in_sub(const json_t *object, const char *at, const char *key, enum json_need need, json_t **out,
                    struct err *err)
{
    json_t *v;
    TRY(member(object, at, key, need, &v, err));
    if (!v)
        return RC_OK;
    if (!json_is_object(v))
        return wrong(at, key, "an object", err);
    *out = v;
    return RC_OK;
}

struct str json_str_or_empty(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

double json_f64_or_nan(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}
