/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * From struct http_response to what libmicrohttpd sends: conditional requests, gzip, headers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/net_int.h"
#include "wire/gzip.h"
#include "wire/problem.h"

enum {
    PACK_MIN = 1024, /* below it the headers weigh more than what is saved */
    PACK_LEVEL = 4   /* measured: bench/bench_http: level 6 takes twice the time for 3 % */
};

/* Sent in both forms and for "not modified". */
struct http_prepared {
    struct MHD_Response *plain, *packed, *same;
    struct http_response like;
};

void http_answer(struct http_response *res, int status, const char *type, struct str body)
{
    res->status = status;
    res->type = type;
    res->body = body;
    res->is_packed_lazily = true;
}

void http_answer_buf(struct http_response *res, int status, const char *type, struct buf *b)
{
    buf_fini(&res->owned);
    res->owned = *b;
    buf_init(b, b->cap);
    http_answer(res, status, type, buf_str(&res->owned));
}

void http_answer_empty(struct http_response *res, int status)
{
    http_answer(res, status, NULL, STR_NONE);
}

void http_add_header(struct http_response *res, const char *name, struct str value)
{
    ENSURE(res->headers_n < NET_HEADERS_OUT_MAX);
    ENSURE(value.n == 0 || (!memchr(value.p, '\n', value.n) && !memchr(value.p, '\r', value.n)));
    res->headers[res->headers_n++] = (struct http_out_header){name, value};
}

void http_answer_problem(struct http_response *res, int status, const char *code, const char *detail)
{
    struct buf b;
    buf_init(&b, 0);
    problem_write(&b, status, problem_title(status), code, str_of(detail), NULL);
    http_answer_buf(res, status, PROBLEM_TYPE, &b);
    res->etag = STR_NONE;
    res->cache = NULL;
}

void http_answer_err(struct http_response *res, const struct err *err)
{
    struct buf b;
    buf_init(&b, 0);
    problem_from_err(&b, err);
    http_answer_buf(res, rc_http_status(err->rc), PROBLEM_TYPE, &b);
    res->etag = STR_NONE;
    res->cache = NULL;
    if (err->rc == RC_BUSY)
        http_add_header(res, "Retry-After", STR("1"));
}

static void add(struct MHD_Response *r, const char *name, struct str value)
{
    char small[1024];
    char *z = value.n < sizeof small ? small : mem_alloc(value.n + 1);
    memcpy(z, value.p, value.n);
    z[value.n] = '\0';
    MHD_add_response_header(r, name, z);
    if (z != small)
        free(z);
}

/* Two encodings are two representations, so their strong tags differ. */
static void add_etag(struct MHD_Response *r, struct str etag, bool packed)
{
    char tag[128];
    if (etag.n < 2 || etag.n + 4 > sizeof tag)
        return;
    if (packed)
        snprintf(tag, sizeof tag, "%.*s-gz\"", (int)etag.n - 1, etag.p);
    else
        snprintf(tag, sizeof tag, STR_FMT, STR_ARG(etag));
    MHD_add_response_header(r, "ETag", tag);
}

static bool is_same(const struct http_request *req, struct str etag)
{
    char packed[128];
    struct str asked = http_header(req, "If-None-Match");
    if (asked.n == 0 || etag.n < 2 || etag.n + 4 > sizeof packed ||
        (req->method != HTTP_GET && req->method != HTTP_HEAD))
        return false;
    snprintf(packed, sizeof packed, "%.*s-gz\"", (int)etag.n - 1, etag.p);
    return http_etag_matches(asked, etag) || http_etag_matches(asked, str_of(packed));
}

static bool is_text_type(const char *type)
{
    static const char *const KINDS[] = {"text/",
                                        "application/json",
                                        "application/problem+json",
                                        "application/geo+json",
                                        "application/atom+xml",
                                        "application/cap+xml",
                                        "application/xml",
                                        "image/svg+xml",
                                        "application/manifest+json",
                                        "application/vnd.mapbox-vector-tile",
                                        "application/openapi+json"};
    for (size_t i = 0; type && i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (strncmp(type, KINDS[i], strlen(KINDS[i])) == 0)
            return true;
    return false;
}

static bool may_pack(const struct http_response *res)
{
    return res->is_packed_lazily && res->body.n >= PACK_MIN && is_text_type(res->type);
}

enum form { FORM_PLAIN, FORM_PACKED, FORM_SAME };

static struct MHD_Response *make(const struct http_app *app, bool is_last, struct http_response *res, enum form form)
{
    struct str body = form == FORM_PLAIN ? res->body : form == FORM_PACKED ? res->gzip : STR_NONE;
    struct MHD_Response *r = MHD_create_response_from_buffer(body.n, body.n ? (void *)(uintptr_t)body.p : (void *)"",
                                                             MHD_RESPMEM_PERSISTENT);
    if (!r)
        return NULL;
    size_t own = res->headers_n;
    if (app->decorate)
        app->decorate(app->ctx, res);
    for (size_t i = 0; i < res->headers_n; i++)
        add(r, res->headers[i].name, res->headers[i].value);
    res->headers_n = own;
    if (res->type && form != FORM_SAME)
        MHD_add_response_header(r, "Content-Type", res->type);
    if (form == FORM_PACKED)
        MHD_add_response_header(r, "Content-Encoding", "gzip");
    if (res->gzip.n || may_pack(res))
        MHD_add_response_header(r, "Vary", "Accept-Encoding");
    add_etag(r, res->etag, form == FORM_PACKED);
    MHD_add_response_header(r, "Cache-Control", res->cache ? res->cache : "no-store");
    if (res->close || is_last)
        MHD_add_response_header(r, "Connection", "close");
    return r;
}

static struct MHD_Response *prepared_form(const struct http_prepared *p, const struct http_request *req, int *status)
{
    *status = p->like.status;
    if (is_same(req, p->like.etag)) {
        *status = 304;
        return p->same;
    }
    return p->packed && http_accepts_gzip(req) ? p->packed : p->plain;
}

struct MHD_Response *response_make(struct http_server *s, const struct http_request *req, struct http_response *res,
                                   int *status, bool *is_shared)
{
    bool is_last = atomic_load(&s->draining);
    *is_shared = res->prepared && !is_last;
    if (*is_shared)
        return prepared_form(res->prepared, req, status);
    if (res->prepared) { /* draining: the same with Connection: close */
        void (*release)(void *) = res->release;
        void *ctx = res->release_ctx;
        *res = res->prepared->like;
        res->release = release;
        res->release_ctx = ctx;
    }
    *status = res->status;
    bool is_fine = res->status >= 200 && res->status < 300;
    if (is_fine && is_same(req, res->etag)) {
        *status = 304;
        return make(&s->app, is_last, res, FORM_SAME);
    }
    bool wants = http_accepts_gzip(req);
    if (wants && !res->gzip.n && may_pack(res))
        res->gzip = gzip_pack(res->body, PACK_LEVEL, req->mem);
    return make(&s->app, is_last, res, wants && res->gzip.n ? FORM_PACKED : FORM_PLAIN);
}

struct http_prepared *http_prepare(const struct http_app *app, const struct http_response *like)
{
    struct http_prepared *p = mem_alloc(sizeof *p);
    p->like = *like;
    p->plain = make(app, false, &p->like, FORM_PLAIN);
    p->same = make(app, false, &p->like, FORM_SAME);
    p->packed = like->gzip.n ? make(app, false, &p->like, FORM_PACKED) : NULL;
    ENSURE(p->plain && p->same && (p->packed || !like->gzip.n));
    return p;
}

void http_prepared_free(struct http_prepared *p)
{
    if (!p)
        return;
    MHD_destroy_response(p->plain);
    MHD_destroy_response(p->same);
    if (p->packed)
        MHD_destroy_response(p->packed);
    free(p);
}
