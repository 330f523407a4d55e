/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The server: libmicrohttpd's callbacks turned into exchanges.
 *
 *              headers            body            run / a worker runs it          sent or given up
 *   on_uri --> PHASE_NEW --> PHASE_BODY --> PHASE_WORKING --> PHASE_ANSWERED --> PHASE_SENT --> on_completed frees it
 *                  \____ refused by admit or by a cap ____________^
 *
 * While a worker runs it the connection is suspended: libmicrohttpd calls us again only after it was resumed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/threads.h"
#include "net/net_int.h"

enum {
    WORKERS = 64,
    QUEUE_MAX = 4096,
    SPARE_MAX = 256,
    CONNECTIONS_MAX = 4096,
    CONNECTIONS_SPARE = 16,
    FILES_KEPT = 128, /* for the database, keys, logs */
    REQUEST_MS = 20000,
    SEND_MS = 120000,
    TARGET_KEPT = NET_URI_MAX + 1,
    DRAIN_GRACE_MS = 300 /* an idle connection may send one more request before it is shut */
};

/* ---- exchanges ---- */

static struct str lookup_header(void *ctx, const char *name)
{
    const char *value = NULL;
    size_t n = 0;
    if (MHD_lookup_connection_value_n(ctx, MHD_HEADER_KIND, name, strlen(name), &value, &n) != MHD_YES || !value)
        return STR_NONE;
    return (struct str){value, n};
}

static void set_deadline(struct exchange *x, int64_t ms)
{
    if (x->connection)
        atomic_store(&x->connection->deadline_us, ms < 0 ? INT64_MAX : clock_monotonic_us() + ms * 1000);
}

/* Exchanges are used again with the first block of their arena: making and clearing it anew for each request was a tenth
 * of the work of a cached tile (bench/bench_http). */
static struct exchange *exchange_take(struct http_server *s)
{
    pthread_mutex_lock(&s->spare_lock);
    struct exchange *x = s->spare;
    if (x) {
        s->spare = x->next;
        s->spare_n--;
    }
    pthread_mutex_unlock(&s->spare_lock);
    if (!x) {
        x = mem_alloc(sizeof *x);
        arena_init(&x->mem);
    }
    x->server = s;
    x->next = NULL;
    return x;
}

static void exchange_free(struct exchange *x)
{
    arena_fini(&x->mem);
    free(x);
}

static void exchange_give(struct exchange *x)
{
    struct http_server *s = x->server;
    arena_reset(&x->mem);
    *x = (struct exchange){.mem = x->mem};
    pthread_mutex_lock(&s->spare_lock);
    bool kept = s->spare_n < SPARE_MAX;
    if (kept) {
        x->next = s->spare;
        s->spare = x;
        s->spare_n++;
    }
    pthread_mutex_unlock(&s->spare_lock);
    if (!kept)
        exchange_free(x);
}

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct exchange *x = exchange_take(cls);
    struct str target = str_of(uri);
    x->mhd = mhd;
    if (target.n > TARGET_KEPT)
        target.n = TARGET_KEPT; /* enough to be refused */
    x->target = str_copy(&x->mem, target);
    return x;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **req_cls, enum MHD_RequestTerminationCode why)
{
    struct exchange *x = *req_cls;
    struct http_server *s = cls;
    (void)mhd;
    (void)why;
    if (!x)
        return;
    ENSURE(x->phase != PHASE_WORKING);
    set_deadline(x, s->request_ms);
    if (x->connection)
        atomic_store(&x->connection->is_busy, false);
    if (x->is_counted)
        atomic_fetch_sub(&s->active, 1);
    if (x->res.release)
        x->res.release(x->res.release_ctx);
    buf_fini(&x->res.owned);
    buf_fini(&x->body);
    exchange_give(x);
    *req_cls = NULL;
}

static enum http_method method_of(const char *name)
{
    for (int m = HTTP_GET; m < HTTP_OTHER; m++)
        if (strcmp(name, http_method_name((enum http_method)m)) == 0)
            return (enum http_method)m;
    return HTTP_OTHER;
}

static void finish(struct exchange *x)
{
    struct http_server *s = x->server;
    if (s->app.done)
        s->app.done(s->app.ctx, x->adm.route, x->res.status, clock_monotonic_us() - x->req.began_us);
}

static void run(struct exchange *x)
{
    struct http_server *s = x->server;
    x->req.body = buf_str(&x->body);
    s->app.handle(s->app.ctx, &x->req, &x->res);
    ENSURE(x->res.status != 0 || x->res.prepared);
    finish(x);
}

/* In a worker's thread. */
static void run_and_resume(struct exchange *x)
{
    run(x);
    x->phase = PHASE_ANSWERED;
    MHD_resume_connection(x->mhd);
}

/* ---- admission ---- */

/* Length of the body; RC_INVALID when it cannot be told before it is read. */
static enum rc body_length(const struct exchange *x, uint64_t *out, struct err *err)
{
    struct str length = http_header(&x->req, "Content-Length");
    int64_t n = 0;
    if (http_header(&x->req, "Transfer-Encoding").n)
        return err_set(err, RC_INVALID, "a body needs a Content-Length here");
    if (length.n && (!str_parse_i64(length, &n) || n < 0))
        return err_set(err, RC_INVALID, "Content-Length is no number");
    *out = (uint64_t)n;
    return RC_OK;
}

/* False: the answer is made. */
static bool check_body(struct exchange *x)
{
    struct err err;
    uint64_t n = 0;
    if (body_length(x, &n, &err) != RC_OK) {
        http_answer_problem(&x->res, 411, "length-required", err.text);
        x->res.close = true;
        return false;
    }
    if (n <= x->adm.body_max)
        return true;
    char text[120];
    snprintf(text, sizeof text, "The body has %llu bytes; at most %zu are taken here.", (unsigned long long)n,
             x->adm.body_max);
    http_answer_problem(&x->res, 413, "too-large", text);
    x->res.close = n > NET_DRAIN_MAX;
    return false;
}

static bool admit(struct exchange *x, const char *method)
{
    struct http_server *s = x->server;
    struct err err;
    x->req = (struct http_request){.method = method_of(method),
                                   .mem = &x->mem,
                                   .began_us = clock_monotonic_us(),
                                   .waiting = atomic_load(&s->pool.waiting),
                                   .lookup = lookup_header,
                                   .lookup_ctx = x->mhd};
    enum rc rc = http_target_parse(x->target, &x->mem, &x->req, &err);
    if (rc != RC_OK) {
        http_answer_problem(&x->res, rc == RC_TOO_LARGE ? 414 : 400, rc_name(rc), err.text);
        x->res.close = true;
        return false;
    }
    if (!s->app.admit(s->app.ctx, &x->req, &x->adm, &x->res))
        return false;
    x->req.route = x->adm.route;
    return check_body(x);
}

/* The first call: headers only. An answer to a request whose body is still to come waits until that was dropped, as the
 * client may not read before it has written; only a body too long for that ends the connection. */
static enum MHD_Result begin(struct exchange *x, const char *method)
{
    struct http_server *s = x->server;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    x->connection = info ? info->socket_context : NULL;
    if (x->connection)
        atomic_store(&x->connection->is_busy, true);
    set_deadline(x, s->request_ms);
    atomic_fetch_add(&s->active, 1);
    x->is_counted = true;
    x->phase = PHASE_BODY;
    if (admit(x, method))
        return MHD_YES;
    finish(x);
    x->phase = PHASE_ANSWERED;
    return MHD_YES;
}

static enum MHD_Result send_answer(struct exchange *x)
{
    int status;
    bool is_shared;
    struct MHD_Response *r = response_make(x->server, &x->req, &x->res, &status, &is_shared);
    if (!r)
        return MHD_NO;
    set_deadline(x, x->server->send_ms);
    x->phase = PHASE_SENT;
    enum MHD_Result ok = MHD_queue_response(x->mhd, (unsigned)status, r);
    if (!is_shared)
        MHD_destroy_response(r);
    return ok;
}

static enum MHD_Result take_body(struct exchange *x, const char *data, size_t *n)
{
    if (x->phase == PHASE_BODY && x->body.n + *n <= x->adm.body_max)
        buf_add(&x->body, data, *n);
    else
        x->dropped += *n;
    *n = 0;
    return x->dropped <= NET_DRAIN_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result work(struct exchange *x)
{
    struct http_server *s = x->server;
    set_deadline(x, -1);
    if (!x->adm.may_block) {
        run(x);
        return send_answer(x);
    }
    x->phase = PHASE_WORKING;
    MHD_suspend_connection(x->mhd);
    if (pool_put(&s->pool, x))
        return MHD_YES;
    struct err err = {0};
    err_set(&err, RC_BUSY, "The server has more work than it can queue; try again in a moment.");
    http_answer_err(&x->res, &err);
    finish(x);
    x->phase = PHASE_ANSWERED;
    MHD_resume_connection(x->mhd);
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **req_cls)
{
    struct exchange *x = *req_cls;
    (void)cls;
    (void)mhd;
    (void)url;
    (void)version;
    if (!x)
        return MHD_NO;
    switch (x->phase) {
    case PHASE_NEW:
        if (begin(x, method) != MHD_YES)
            return MHD_NO;
        return x->phase == PHASE_ANSWERED && x->res.close ? send_answer(x) : MHD_YES;
    case PHASE_BODY:
        return *n ? take_body(x, data, n) : work(x);
    case PHASE_ANSWERED:
        return *n ? take_body(x, data, n) : send_answer(x);
    default:
        return MHD_NO;
    }
}

/* ---- connections ---- */

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *s = cls;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_context)
            connection_remove(&s->connections, *socket_context);
        *socket_context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    int fd = info ? info->connect_fd : -1;
    if (fd < 0)
        return;
    *socket_context = connection_add(&s->connections, fd, clock_monotonic_us() + (int64_t)s->request_ms * 1000);
}

/* ---- start and stop ---- */

static int connections_allowed(int wanted)
{
    struct rlimit limit;
    if (wanted <= 0)
        wanted = CONNECTIONS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < (rlim_t)wanted + FILES_KEPT)
        wanted = limit.rlim_cur > 2 * FILES_KEPT ? (int)limit.rlim_cur - FILES_KEPT : FILES_KEPT;
    return wanted;
}

static struct MHD_Daemon *start_daemon(struct http_server *s)
{
    /* its own limit is wider than ours, which the acceptor keeps, so that ours is the one met */
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_SUSPEND_RESUME | MHD_USE_TURBO | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET,
        0, NULL, NULL, on_request, s, MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->connections_max + CONNECTIONS_SPARE,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)NET_HEADER_BLOCK_MAX, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

static void stop_daemons(struct http_server *s)
{
    for (int i = 0; i < s->daemons_n; i++)
        MHD_stop_daemon(s->daemons[i]);
    free(s->daemons);
}

static enum rc start_daemons(struct http_server *s, const struct http_options *opt, struct err *err)
{
    int threads = opt->threads > 0 ? opt->threads : (int)threads_online();
    if (threads < 2)
        threads = 2;
    s->connections_max = connections_allowed(opt->connections_max);
    s->daemons = mem_array((size_t)threads, sizeof(struct MHD_Daemon *));
    for (; s->daemons_n < threads; s->daemons_n++)
        if (!(s->daemons[s->daemons_n] = start_daemon(s))) {
            stop_daemons(s);
            return err_set(err, RC_IO, "the HTTP server could not start at %s", s->where);
        }
    return RC_OK;
}

static enum rc start_serving(struct http_server *s, const struct http_options *opt, int fd, struct err *err)
{
    TRY(start_daemons(s, opt, err));
    enum rc rc = acceptor_start(&s->acceptor, fd, s, err);
    if (rc != RC_OK)
        stop_daemons(s);
    return rc;
}

enum rc http_server_start(const struct http_options *opt, const struct http_app *app, struct http_server **out,
                          struct err *err)
{
    struct http_server *s = mem_alloc(sizeof *s);
    s->app = *app;
    pthread_mutex_init(&s->spare_lock, NULL);
    s->request_ms = opt->request_ms > 0 ? opt->request_ms : REQUEST_MS;
    s->send_ms = opt->send_ms > 0 ? opt->send_ms : SEND_MS;
    int fd;
    enum rc rc = listen_open(opt->listen, &fd, &s->port, s->where, sizeof s->where, err);
    if (rc != RC_OK) {
        free(s);
        return rc;
    }
    connections_start(&s->connections);
    rc = pool_start(&s->pool, opt->workers > 0 ? opt->workers : WORKERS,
                    opt->queue_max > 0 ? (size_t)opt->queue_max : QUEUE_MAX, run_and_resume, err);
    if (rc == RC_OK) {
        rc = start_serving(s, opt, fd, err);
        if (rc != RC_OK) {
            pool_stop(&s->pool);
            pool_fini(&s->pool);
        }
    }
    if (rc != RC_OK) {
        connections_stop(&s->connections);
        close(fd);
        free(s);
        return rc;
    }
    log_line(LOG_INFO, "http.start", "where=%s", s->where);
    *out = s;
    return RC_OK;
}

int http_server_port(const struct http_server *s)
{
    return s->port;
}

const char *http_server_where(const struct http_server *s)
{
    return s->where;
}

size_t http_server_waiting(const struct http_server *s)
{
    return atomic_load(&s->pool.waiting);
}

int http_server_stop(struct http_server *s, int deadline_ms)
{
    int64_t began = clock_monotonic_us(), end = began + (int64_t)deadline_ms * 1000;
    atomic_store(&s->draining, true);
    acceptor_stop(&s->acceptor);
    while (clock_monotonic_us() < end) {
        int64_t waited_ms = (clock_monotonic_us() - began) / 1000;
        if (waited_ms > DRAIN_GRACE_MS) {
            atomic_store(&s->connections.drain, true);
            if (atomic_load(&s->active) == 0)
                break;
        }
        clock_sleep_us(5000);
    }
    pool_stop(&s->pool); /* what a worker has begun is finished: a suspended connection cannot be dropped */
    for (int i = 0; i < 100 && atomic_load(&s->active) > 0; i++)
        clock_sleep_us(5000); /* the last answers leave */
    int cut = atomic_load(&s->active);
    stop_daemons(s);
    pool_fini(&s->pool);
    connections_stop(&s->connections);
    log_line(LOG_INFO, "http.stop", "cut=%d", cut);
    for (struct exchange *x; (x = s->spare);) {
        s->spare = x->next;
        exchange_free(x);
    }
    pthread_mutex_destroy(&s->spare_lock);
    free(s);
    return cut;
}
