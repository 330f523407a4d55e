/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What the pages below /ogc share: which form is wanted, links, the frame of an HTML page.
 */
#include <stdarg.h>

#include "api/ogc_int.h"
#include "base/hash.h"

enum { ACCEPT_MAX = 4096 };

/* ---- the form ---- */

struct wish { /* RFC 9110, 12.5.1: the most specific range that matches decides */
    double q;
    int specific; /* 0: none yet, 1: any, 2: type, 3: type and subtype */
};

static void wish_add(struct wish *w, int specific, double q)
{
    if (specific > w->specific || (specific == w->specific && q > w->q))
        *w = (struct wish){q, specific};
}

static double q_of(struct str params)
{
    struct str one;
    double q;
    while (params.n) {
        str_cut(params, ';', &one, &params);
        one = str_trim(one);
        if (one.n > 2 && (one.p[0] | 0x20) == 'q' && one.p[1] == '=' && str_parse_f64(str_slice(one, 2, one.n), &q))
            return q;
    }
    return 1;
}

static bool is_json_type(struct str type)
{
    return str_is_equal_nocase(type, STR("application/json")) ||
           str_is_equal_nocase(type, STR("application/geo+json")) ||
           str_is_equal_nocase(type, STR("application/schema+json")) ||
           str_is_equal_nocase(type, STR("application/vnd.oai.openapi+json"));
}

static bool prefers_html(struct str accept)
{
    struct wish html = {0}, json = {0};
    struct str range, type, params;
    accept = str_clip(accept, ACCEPT_MAX);
    while (accept.n) {
        str_cut(accept, ',', &range, &accept);
        str_cut(range, ';', &type, &params);
        double q = q_of(params);
        type = str_trim(type);
        if (is_json_type(type))
            wish_add(&json, 3, q);
        else if (str_is_equal_nocase(type, STR("application/*")))
            wish_add(&json, 2, q);
        else if (str_is_equal_nocase(type, STR("text/html")))
            wish_add(&html, 3, q);
        else if (str_is_equal_nocase(type, STR("text/*")))
            wish_add(&html, 2, q);
        else if (str_is_equal(type, STR("*/*"))) {
            wish_add(&json, 1, q);
            wish_add(&html, 1, q);
        }
    }
    return html.q > json.q;
}

enum rc ogc_format(const struct api_call *call, enum ogc_format *out, struct err *err)
{
    struct str f;
    if (!http_query(call->req, "f", &f)) {
        *out = prefers_html(http_header(call->req, "Accept")) ? OGC_HTML : OGC_JSON;
        return RC_OK;
    }
    *out = str_is_equal(f, STR("html")) ? OGC_HTML : OGC_JSON;
    return *out == OGC_HTML || str_is_equal(f, STR("json")) ? RC_OK : err_set(err, RC_INVALID, "f: json or html");
}

void ogc_answer(struct api_call *call, enum ogc_format format, const char *json_type)
{
    struct sha256 h = sha256_of(call->buf.p, call->buf.n);
    call->res->etag = str_printf(call->mem, "\"" STR_FMT "\"", STR_ARG(str_hex(call->mem, h.b, 12)));
    call->res->cache = "no-cache"; /* kept, but asked about each time */
    http_add_header(call->res, "Vary", STR("Accept"));
    http_answer_buf(call->res, 200, format == OGC_HTML ? "text/html; charset=utf-8" : json_type, &call->buf);
}

/* ---- addresses ---- */

struct str ogc_url(const struct api_call *call, const char *path, ...)
{
    struct buf b;
    va_list ap;
    buf_init(&b, 0);
    buf_printf(&b, "%s/ogc", call->server->url);
    va_start(ap, path);
    buf_vprintf(&b, path, ap);
    va_end(ap);
    struct str url = str_copy(call->mem, buf_str(&b));
    buf_fini(&b);
    return url;
}

/* RFC 3986: all but the unreserved. */
static void add_encoded(struct buf *b, struct str s, bool is_path)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                        c == '.' || c == '_' || c == '~' || (is_path && c == '/') || (!is_path && c == ',');
        if (is_plain)
            buf_add_char(b, c);
        else
            buf_printf(b, "%%%02X", (unsigned)(unsigned char)c);
    }
}

static void add_param(struct buf *b, bool *any, struct str name, struct str value)
{
    if (str_is_empty(value))
        return;
    buf_add_char(b, *any ? '&' : '?');
    add_encoded(b, name, false);
    buf_add_char(b, '=');
    add_encoded(b, value, false);
    *any = true;
}

struct str ogc_same_url(const struct api_call *call, struct str f, struct str cursor)
{
    const struct http_request *req = call->req;
    struct buf b;
    bool any = false;
    buf_init(&b, 0);
    buf_add_z(&b, call->server->url);
    add_encoded(&b, req->path, true);
    for (size_t i = 0; i < req->params_n; i++)
        if (!str_is_equal(req->params[i].name, STR("f")) && !str_is_equal(req->params[i].name, STR("cursor")))
            add_param(&b, &any, req->params[i].name, req->params[i].value);
    add_param(&b, &any, STR("cursor"), cursor);
    add_param(&b, &any, STR("f"), f);
    struct str url = str_copy(call->mem, buf_str(&b));
    buf_fini(&b);
    return url;
}

void ogc_put_link(struct json_out *j, const char *rel, const char *type, const char *title, struct str href)
{
    json_begin_object(j);
    json_put_str(j, "href", href);
    json_put_str(j, "rel", str_of(rel));
    json_put_str(j, "type", str_of(type));
    json_put_str(j, "title", str_of(title));
    json_end_object(j);
}

void ogc_put_self_links(struct json_out *j, const struct api_call *call, enum ogc_format format, const char *json_type)
{
    struct str f = http_query_or_empty(call->req, "f"), cursor = http_query_or_empty(call->req, "cursor");
    bool is_html = format == OGC_HTML;
    ogc_put_link(j, "self", is_html ? "text/html" : json_type, "This document", ogc_same_url(call, f, cursor));
    ogc_put_link(j, "alternate", is_html ? json_type : "text/html", is_html ? "As JSON" : "As a page",
                 ogc_same_url(call, is_html ? STR("json") : STR("html"), cursor));
}

void ogc_put_text(struct json_out *j, const char *key, struct str s)
{
    json_key(j, key);
    if (str_is_empty(s))
        json_nil(j);
    else
        json_str(j, s);
}

/* ---- HTML ---- */

/* Plain elements in their natural order, no script, no style: the browser's own look, light or dark. */
void ogc_html_begin(struct api_call *call, struct xml_out *x, const char *title, struct str parent_url,
                    const char *parent)
{
    buf_clear(&call->buf);
    xml_out_init(x, &call->buf, true);
    buf_clear(&call->buf); /* HTML has no XML declaration */
    buf_add_z(&call->buf, "<!DOCTYPE html>");
    xml_begin(x, "html");
    xml_attr(x, "lang", STR("en"));
    xml_begin(x, "head");
    xml_raw(x, STR("<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
                   "<meta name=\"color-scheme\" content=\"light dark\">"));
    xml_put(x, "title", str_of(title));
    xml_end(x);
    xml_begin(x, "body");
    if (parent) {
        xml_begin(x, "nav");
        xml_attr(x, "aria-label", STR("Way here"));
        ogc_html_link(x, parent_url, str_of(parent));
        xml_end(x);
    }
    xml_begin(x, "main");
    xml_put(x, "h1", str_of(title));
}

void ogc_html_link(struct xml_out *x, struct str href, struct str text)
{
    xml_begin(x, "a");
    xml_attr(x, "href", href);
    xml_text(x, text);
    xml_end(x);
}

void ogc_html_row(struct xml_out *x, const char *name, struct str value)
{
    xml_begin(x, "tr");
    xml_begin(x, "th");
    xml_attr(x, "scope", STR("row"));
    xml_text(x, str_of(name));
    xml_end(x);
    xml_put(x, "td", str_is_empty(value) ? STR("not stated") : value);
    xml_end(x);
}

void ogc_html_end(const struct api_call *call, struct xml_out *x)
{
    xml_end(x); /* main */
    xml_begin(x, "footer");
    xml_begin(x, "p");
    ogc_html_link(x, ogc_same_url(call, STR("json"), http_query_or_empty(call->req, "cursor")),
                  STR("This page as JSON"));
    xml_end(x);
    xml_end(x);
    xml_end(x); /* body */
    xml_end(x); /* html */
    ENSURE(x->depth == 0);
}
