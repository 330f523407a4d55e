/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * api_serve: from a request to its route's handler and back; and the headers every answer carries.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_int.h"
#include "base/asset.h"
#include "base/clock.h"
#include "base/log.h"
#include "wire/code_list.h"

enum { TILES_CACHE_BYTES = 128 << 20, PROOF_WAITING = 512, STOP_MS = 10000, TICK_US = 1000000, LOOK_US = 20000 };

#define PAGE_POLICY API_PAGE_LOADS "form-action 'self'; frame-ancestors 'none'"
#define DATA_POLICY "default-src 'none'; frame-ancestors 'none'"

static bool is_page(const char *type)
{
    return type && (strncmp(type, "text/html", 9) == 0 || strncmp(type, "text/javascript", 15) == 0);
}

static bool has_policy(const struct http_response *res)
{
    for (size_t i = 0; i < res->headers_n; i++)
        if (strcmp(res->headers[i].name, "Content-Security-Policy") == 0)
            return true;
    return false;
}

static void decorate(void *ctx, struct http_response *res)
{
    (void)ctx;
    if (!has_policy(res)) { /* the page that others may frame brings its own (files.c) */
        http_add_header(res, "Content-Security-Policy", is_page(res->type) ? STR(PAGE_POLICY) : STR(DATA_POLICY));
        http_add_header(res, "X-Frame-Options", STR("DENY"));
    }
    http_add_header(res, "X-Content-Type-Options", STR("nosniff"));
    http_add_header(res, "Referrer-Policy", STR("no-referrer"));
    http_add_header(res, "Permissions-Policy", STR("geolocation=(self), camera=(), microphone=(), browsing-topics=()"));
    http_add_header(res, "Cross-Origin-Opener-Policy", STR("same-origin"));
}

/* What only people inside may ask is counted together: how often somebody hid a site is nobody's business. */
static size_t route_index(const void *route)
{
    const struct api_match *m = route;
    return m && m->route->access == API_OPEN ? (size_t)(m->route - API_ROUTES) : METRICS_ROUTES_MAX;
}

static void count(void *ctx, const void *route, int status, int64_t took_us)
{
    struct api_server *s = ctx;
    metrics_count(&s->metrics, route_index(route), status ? status : 200, took_us);
}

/* False: answered. The path decides alone; nothing here reads the store. */
static bool admit(void *ctx, const struct http_request *req, struct http_admission *adm, struct http_response *res)
{
    struct api_server *s = ctx;
    struct api_match m = api_routes_match(req->method, req->path);
    if (!atomic_load(&s->is_ready)) {
        http_answer_problem(res, 503, "busy", "The server is starting; try again in a moment.");
        http_add_header(res, "Retry-After", STR("1"));
        return false;
    }
    if (m.route) {
        adm->route = arena_copy(req->mem, &m, sizeof m);
        adm->body_max = m.route->body_max;
        adm->may_block = !(m.route->flags & API_INLINE);
        return true;
    }
    if (m.is_path_known) {
        http_answer_problem(res, 405, "method-not-allowed", "This address does not take that method.");
        http_add_header(res, "Allow", str_of(m.allow));
        return false;
    }
    bool is_read = req->method == HTTP_GET || req->method == HTTP_HEAD;
    if (!is_read || !api_files_answer(s, req, res))
        http_answer_problem(res, 404, "not-found", "There is nothing under this address.");
    return false;
}

static void handle(void *ctx, struct http_request *req, struct http_response *res)
{
    struct api_server *s = ctx;
    const struct api_match *m = req->route;
    struct err err = {0};
    struct api_call call = {.server = s, .app = s->app, .req = req, .res = res, .route = m->route, .mem = req->mem};
    memcpy(call.segments, m->segments, sizeof call.segments);
    buf_init(&call.buf, 0);
    enum rc rc = api_access_check(&call, &err);
    if (rc == RC_OK)
        rc = m->route->handle(&call, &err);
    if (rc != RC_OK) {
        if (rc == RC_IO || rc == RC_NOMEM || rc == RC_DAMAGED) /* a fault of ours: its text is for the log only */
            log_line(LOG_ERROR, "api.error", "route=\"%s\" rc=%s what=\"%s\"", m->route->pattern, rc_name(rc),
                     err.text);
        if (rc == RC_UNAUTHENTICATED)
            http_add_header(res, "WWW-Authenticate", STR("Cookie realm=\"fane\""));
        if (rc == RC_DAMAGED)
            err_set(&err, RC_IO, "damaged");
        http_answer_err(res, &err);
    }
    buf_fini(&call.buf);
}

static bool is_loopback(const char *where)
{
    struct str s = str_of(where);
    return str_starts_with(s, STR("http://127.")) || str_starts_with(s, STR("http://localhost:")) ||
           str_starts_with(s, STR("http://[::1]:"));
}

/* CAP forbids spaces, commas, < and & in it; a colon would be a port's. */
static void make_sender(struct api_server *s)
{
    const char *host = strstr(s->url, "://");
    if (s->app->sender) {
        snprintf(s->sender, sizeof s->sender, "%s", s->app->sender);
        return;
    }
    host = host ? host + 3 : s->url;
    snprintf(s->sender, sizeof s->sender, "fane@%.*s", (int)strcspn(host, "/: ,<&"), host);
}

static void name_routes(struct api_server *s)
{
    s->route_names = ARENA_NEW_N(&s->mem, const char *, api_routes_count());
    for (size_t i = 0; i < api_routes_count(); i++)
        s->route_names[i] =
            str_printf(&s->mem, "%s %s", http_method_name(API_ROUTES[i].method), API_ROUTES[i].pattern).p;
}

static enum rc prepare(struct api_server *s, const struct api_options *opt, struct err *err)
{
    const struct http_app app = {s, admit, handle, count, decorate};
    const struct http_options http = {.listen = opt->listen,
                                      .threads = opt->threads,
                                      .workers = opt->workers,
                                      .connections_max = opt->connections_max,
                                      .request_ms = opt->request_ms};
    TRY(api_vocab_prepare(s, err));
    TRY(vocab_new(&s->words, err));
    TRY(code_list_new(asset_text("data/vocab/incident-types.json"), &s->report_types, err));
    TRY(api_ogc_prepare(s, err));
    api_files_prepare(s, &app);
    name_routes(s);
    TRY(http_server_start(&http, &app, &s->http, err));
    const char *where = s->app->public_url ? s->app->public_url : http_server_where(s->http);
    snprintf(s->url, sizeof s->url, "%s", where);
    make_sender(s);
    s->cookie_is_secure = str_starts_with(str_of(where), STR("https://")) || !is_loopback(http_server_where(s->http));
    atomic_store(&s->is_ready, true);
    return RC_OK;
}

static void serve(struct api_server *s, const struct api_options *opt, const _Atomic bool *stop)
{
    int64_t next = clock_monotonic_us() + TICK_US;
    if (opt->ready)
        opt->ready(opt->ctx, http_server_where(s->http), http_server_port(s->http));
    while (!atomic_load(stop)) {
        clock_sleep_us(LOOK_US);
        if (clock_monotonic_us() < next)
            continue;
        next += TICK_US;
        if (opt->tick)
            opt->tick(opt->ctx);
    }
}

enum rc api_serve(struct app *app, const struct api_options *opt, const _Atomic bool *stop, struct err *err)
{
    struct api_server *s = mem_alloc(sizeof *s);
    s->app = app;
    arena_init(&s->mem);
    proof_init(&s->proof, app->vault, app->proof_waiting ? app->proof_waiting : PROOF_WAITING);
    s->tiles = tile_rooms_new(TILES_CACHE_BYTES);
    s->ground = ground_room_new();
    enum rc rc = prepare(s, opt, err);
    if (rc == RC_OK) {
        serve(s, opt, stop);
        http_server_stop(s->http, opt->stop_ms > 0 ? opt->stop_ms : STOP_MS);
    }
    api_files_free(s);
    api_ogc_free(s);
    tile_rooms_free(s->tiles);
    ground_room_free(s->ground);
    vocab_free(s->words);
    code_list_free(s->report_types);
    proof_fini(&s->proof);
    arena_fini(&s->mem);
    free(s);
    return rc;
}
