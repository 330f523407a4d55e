/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What a request says: its target, parameters and the few headers that are looked at. No libmicrohttpd here.
 */
#include <string.h>

#include "net/net.h"

const char *http_method_name(enum http_method m)
{
    static const char *const NAMES[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"};
    return NAMES[m];
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum rc decode(struct str s, bool plus_is_space, struct arena *mem, struct str *out, struct err *err)
{
    char *p = arena_alloc(mem, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int high = i + 2 < s.n ? hex_value(s.p[i + 1]) : -1, low = i + 2 < s.n ? hex_value(s.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return err_set(err, RC_INVALID, "the address holds a %% that two hexadecimal digits do not follow");
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0')
            return err_set(err, RC_INVALID, "the address holds a NUL");
        p[n++] = c;
    }
    *out = (struct str){p, n};
    return str_is_utf8(*out) ? RC_OK : err_set(err, RC_INVALID, "the address is not UTF-8 text");
}

static enum rc add_param(struct http_request *req, struct str part, struct arena *mem, struct err *err)
{
    struct str name, value;
    struct http_param p;
    if (part.n == 0)
        return RC_OK;
    if (req->params_n == NET_PARAMS_MAX)
        return err_set(err, RC_INVALID, "the address has more than %d parameters", NET_PARAMS_MAX);
    str_cut(part, '=', &name, &value);
    TRY(decode(name, true, mem, &p.name, err));
    TRY(decode(value, true, mem, &p.value, err));
    for (size_t i = 0; i < req->params_n; i++)
        if (str_is_equal(req->params[i].name, p.name)) /* which one counts would be a guess */
            return err_set(err, RC_INVALID, "the parameter %.40s is there twice", str_z(mem, p.name));
    req->params[req->params_n++] = p;
    return RC_OK;
}

/* http://host/path -> /path; RFC 9112 section 3.2.2 asks servers to take it. */
static struct str without_authority(struct str target)
{
    struct str http = STR("http://"), https = STR("https://");
    size_t skip = str_starts_with(target, http) ? http.n : str_starts_with(target, https) ? https.n : 0;
    if (skip == 0)
        return target;
    while (skip < target.n && target.p[skip] != '/' && target.p[skip] != '?')
        skip++;
    return skip == target.n ? STR("/") : str_slice(target, skip, target.n);
}

enum rc http_target_parse(struct str target, struct arena *mem, struct http_request *req, struct err *err)
{
    struct str path, query;
    if (target.n > NET_URI_MAX)
        return err_set(err, RC_TOO_LARGE, "the address has over %d bytes", NET_URI_MAX);
    str_cut(without_authority(target), '?', &path, &query);
    if (path.n == 0 || path.p[0] != '/')
        return err_set(err, RC_INVALID, "the address does not begin with /");
    TRY(decode(path, false, mem, &req->path, err));
    req->params = ARENA_NEW_N(mem, struct http_param, query.n ? NET_PARAMS_MAX : 1);
    req->params_n = 0;
    while (query.n > 0) {
        struct str part, rest;
        str_cut(query, '&', &part, &rest);
        TRY(add_param(req, part, mem, err));
        query = rest;
    }
    return RC_OK;
}

bool http_query(const struct http_request *req, const char *name, struct str *value)
{
    for (size_t i = 0; i < req->params_n; i++)
        if (str_is_equal(req->params[i].name, str_of(name))) {
            *value = req->params[i].value;
            return true;
        }
    return false;
}

struct str http_query_or_empty(const struct http_request *req, const char *name)
{
    struct str value = STR_NONE;
    http_query(req, name, &value);
    return value;
}

struct str http_header(const struct http_request *req, const char *name)
{
    return req->lookup ? str_trim(req->lookup(req->lookup_ctx, name)) : STR_NONE;
}

struct str http_cookie(const struct http_request *req, const char *name)
{
    struct str rest = http_header(req, "Cookie");
    while (rest.n > 0) {
        struct str pair, key, value;
        str_cut(rest, ';', &pair, &rest);
        if (str_cut(str_trim(pair), '=', &key, &value) && str_is_equal(key, str_of(name)))
            return value;
    }
    return STR_NONE;
}

bool http_is_type(const struct http_request *req, const char *type)
{
    struct str head, rest;
    str_cut(http_header(req, "Content-Type"), ';', &head, &rest);
    return str_is_equal_nocase(str_trim(head), str_of(type));
}

/* "gzip;q=0" says no. */
static bool is_refused(struct str params)
{
    struct str name, value;
    double q;
    str_cut(str_trim(params), '=', &name, &value);
    return str_is_equal_nocase(str_trim(name), STR("q")) && str_parse_f64(str_trim(value), &q) && q <= 0;
}

bool http_accepts_gzip(const struct http_request *req)
{
    struct str rest = http_header(req, "Accept-Encoding");
    bool star = false;
    while (rest.n > 0) {
        struct str item, coding, params;
        str_cut(rest, ',', &item, &rest);
        str_cut(item, ';', &coding, &params);
        coding = str_trim(coding);
        if (str_is_equal_nocase(coding, STR("gzip")) || str_is_equal_nocase(coding, STR("x-gzip")))
            return !is_refused(params);
        if (str_is_equal(coding, STR("*")))
            star = !is_refused(params);
    }
    return star;
}

static struct str without_weak(struct str etag)
{
    return str_starts_with(etag, STR("W/")) ? str_slice(etag, 2, etag.n) : etag;
}

bool http_etag_matches(struct str if_none_match, struct str etag)
{
    struct str rest = str_trim(if_none_match);
    if (etag.n == 0 || rest.n == 0)
        return false;
    if (str_is_equal(rest, STR("*")))
        return true;
    while (rest.n > 0) {
        struct str item;
        str_cut(rest, ',', &item, &rest); /* no tag of ours holds a comma */
        if (str_is_equal(without_weak(str_trim(item)), without_weak(etag)))
            return true;
    }
    return false;
}
