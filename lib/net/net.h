/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * HTTP/1.1 server behind a narrow interface: libmicrohttpd (epoll, a pool of threads) below, requests and responses as
 * plain structs above. Not for TLS and HTTP/2: those are a reverse proxy's.
 *
 * Invariants:
 *   H1 everything a client controls has a cap: connections, header block, URI, parameters, body per route, the time from
 *      the first byte of a request to its last, the time to take the response, the length of the work queue.
 *   H2 no client address is read, stored, logged or handed up. The room logs its start and stop, nothing of a request.
 *   H3 a request that was taken is answered, also while stopping; until `deadline` when the client does not take it.
 *   H4 what is wrong with a request is answered with problem+json that tells the client about the request only.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum {
    NET_URI_MAX = 4096,
    NET_HEADER_BLOCK_MAX = 16384, /* request line and headers; libmicrohttpd's memory for one connection */
    NET_PARAMS_MAX = 64,
    NET_HEADERS_OUT_MAX = 16,
    NET_DRAIN_MAX = 1 << 20, /* of a body over its cap so much is read and dropped, so that the answer can be seen */
};

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_OTHER };
const char *http_method_name(enum http_method m);

struct http_param {
    struct str name, value;
};

struct http_request {
    enum http_method method; /* HEAD stays HEAD: answer as to GET, the body is not sent */
    struct str path;         /* decoded, UTF-8, begins with / */
    struct str body;
    struct arena *mem; /* freed when the response has gone */
    const void *route; /* what admit left for handle */
    int64_t began_us;  /* monotonic, when the headers were complete */
    size_t waiting;    /* requests in the work queue when this one came */
    struct http_param *params;
    size_t params_n;
    struct str (*lookup)(void *ctx, const char *name); /* headers; NULL in no request made by the server */
    void *lookup_ctx;
};

/* Value of a query parameter, decoded; false when it is not there. */
bool http_query(const struct http_request *req, const char *name, struct str *value);
/* As above; empty when it is not there. */
struct str http_query_or_empty(const struct http_request *req, const char *name);
struct str http_header(const struct http_request *req, const char *name); /* trimmed; empty when not there */
struct str http_cookie(const struct http_request *req, const char *name);
/* Does Content-Type say this media type (parameters ignored)? */
bool http_is_type(const struct http_request *req, const char *type);
bool http_accepts_gzip(const struct http_request *req);
bool http_etag_matches(struct str if_none_match, struct str etag); /* weak comparison, lists, * */

/* Splits and decodes a request target (path, then parameters) into req. RC_TOO_LARGE over NET_URI_MAX, RC_INVALID for
 * bad escapes, NUL, text that is not UTF-8, a parameter twice or too many of them. */
MUST_CHECK enum rc http_target_parse(struct str target, struct arena *mem, struct http_request *req, struct err *err);

struct http_out_header {
    const char *name;
    struct str value;
};
struct http_prepared;
struct http_response {
    int status;
    const char *type;
    struct str body;       /* in the request's arena or longer-lived */
    struct str gzip;       /* the same packed, or empty */
    bool is_packed_lazily; /* may be packed here when that pays */
    struct str etag;       /* quoted, or empty */
    const char *cache;     /* Cache-Control; NULL: no-store */
    struct http_out_header headers[NET_HEADERS_OUT_MAX];
    size_t headers_n;
    bool close; /* the connection ends after it */
    const struct http_prepared *prepared;
    struct buf owned;
    void (*release)(void *ctx); /* called when the body is not needed any more; NULL ok */
    void *release_ctx;
};
void http_answer(struct http_response *res, int status, const char *type, struct str body);
/* Takes over what the buffer holds; the buffer is empty after it. */
void http_answer_buf(struct http_response *res, int status, const char *type, struct buf *b);
void http_answer_empty(struct http_response *res, int status);
/* Name and value must live as long as the request's arena; no line breaks (ENSURE). */
void http_add_header(struct http_response *res, const char *name, struct str value);
void http_answer_problem(struct http_response *res, int status, const char *code, const char *detail);
void http_answer_err(struct http_response *res, const struct err *err);

struct http_admission {
    size_t body_max; /* over it: 413. 0: no body */
    bool may_block;  /* handle runs in a worker thread, not in one that serves connections */
    const void *route;
};

struct http_app {
    void *ctx;
    /* Headers are there, the body is not. False: *res is already the answer. */
    bool (*admit)(void *ctx, const struct http_request *req, struct http_admission *adm, struct http_response *res);
    void (*handle)(void *ctx, struct http_request *req, struct http_response *res);
    /* After each answer was made (not yet sent): for metrics. route NULL: none was found. May be NULL. */
    void (*done)(void *ctx, const void *route, int status, int64_t took_us);
    /* Headers every response carries, as `Content-Security-Policy`; called once per response. May be NULL. */
    void (*decorate)(void *ctx, struct http_response *res);
};

/* A response made once and sent many times (embedded files); decorated as app says. Body, gzip, etag must outlive it. */
struct http_prepared *http_prepare(const struct http_app *app, const struct http_response *like);
void http_prepared_free(struct http_prepared *p);

struct http_options {
    const char *listen;  /* "127.0.0.1:8080", "[::1]:8080", "localhost:0" (0: any free port) */
    int threads;         /* that serve connections; 0: one per processor, at least 2 */
    int workers;         /* that may block; 0: 64 (as many writers share one commit) */
    int queue_max;       /* requests waiting for a worker, then 503; 0: 4096 */
    int connections_max; /* 0: 4096, less when the process may not open so many files */
    int request_ms;      /* from connection or last answer to a complete request; 0: 20,000 */
    int send_ms;         /* for a client to take an answer; 0: 120,000 */
};

struct http_server;
MUST_CHECK enum rc http_server_start(const struct http_options *opt, const struct http_app *app,
                                     struct http_server **out, struct err *err);
int http_server_port(const struct http_server *s);
const char *http_server_where(const struct http_server *s); /* "http://127.0.0.1:8080" */
size_t http_server_waiting(const struct http_server *s);
/* Stops accepting, answers what was taken (with Connection: close), waits at most deadline_ms, then ends the rest.
 * Returns how many requests were cut off. Frees s. */
int http_server_stop(struct http_server *s, int deadline_ms);

#endif
