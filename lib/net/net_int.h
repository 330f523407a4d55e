/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside of the HTTP server: its parts and who owns what.
 *   server.c       libmicrohttpd's callbacks; an exchange per request, owned from its first line to its completion
 *   connections.c  one record per connection with a deadline; the reaper shuts those that are late
 *   pool.c         worker threads and their bounded queue
 *   response.c     struct http_response -> MHD_Response
 *   request.c      target, parameters, headers; knows nothing of libmicrohttpd
 *   listen.c       the listening socket
 *   acceptor.c     the thread that accepts and deals connections out evenly
 */
#ifndef NET_NET_INT_H
#define NET_NET_INT_H

#include <microhttpd.h>
#include <pthread.h>

#include "net/net.h"

struct exchange;

/* ---- listen.c ---- */
MUST_CHECK enum rc listen_open(const char *where, int *fd, int *port, char *shown, size_t shown_n, struct err *err);

/* ---- acceptor.c ---- */
struct acceptor {
    int fd;
    int wake[2]; /* a byte in it ends the thread */
    int next;    /* daemon to get the next connection */
    pthread_t thread;
    struct http_server *server;
};
MUST_CHECK enum rc acceptor_start(struct acceptor *a, int fd, struct http_server *server, struct err *err);
/* Takes what already waits at the socket, then closes it. */
void acceptor_stop(struct acceptor *a);

/* ---- connections.c ---- */
struct connection {
    int fd;
    _Atomic int64_t deadline_us; /* INT64_MAX while the server itself is at work on it */
    _Atomic bool is_busy;        /* between the first line of a request and the end of its answer */
    struct connection *prev, *next;
};
struct connections {
    pthread_mutex_t lock;
    struct connection *head;
    pthread_t reaper;
    _Atomic int count;
    bool stop;
    _Atomic bool drain; /* idle ones are shut too */
};
void connections_start(struct connections *cs);
void connections_stop(struct connections *cs);
struct connection *connection_add(struct connections *cs, int fd, int64_t deadline_us);
void connection_remove(struct connections *cs, struct connection *c);

/* ---- pool.c ---- */
struct pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct exchange *head, *tail;
    size_t queue_max;
    _Atomic size_t waiting;
    pthread_t *threads;
    int threads_n;
    bool stop;
    void (*run)(struct exchange *x);
};
enum rc pool_start(struct pool *p, int threads, size_t queue_max, void (*run)(struct exchange *x), struct err *err);
bool pool_put(struct pool *p, struct exchange *x); /* false: full or stopping */
void pool_stop(struct pool *p); /* runs what is queued, then ends the threads; puts fail from then on */
void pool_fini(struct pool *p);

/* ---- server.c ---- */
enum phase { PHASE_NEW, PHASE_BODY, PHASE_WORKING, PHASE_ANSWERED, PHASE_SENT };
struct exchange {
    struct http_server *server;
    struct MHD_Connection *mhd;
    struct connection *connection;
    struct arena mem;
    struct str target;
    struct http_request req;
    struct http_response res;
    struct http_admission adm;
    struct buf body;
    size_t dropped; /* body bytes over the cap */
    enum phase phase;
    bool is_counted;
    struct exchange *next; /* in the pool's queue, or among the spare ones */
};
struct http_server {
    struct http_app app;
    struct MHD_Daemon **daemons; /* one per thread that serves connections */
    int daemons_n;
    struct connections connections;
    struct pool pool;
    struct acceptor acceptor;
    int port, connections_max;
    int request_ms, send_ms;
    char where[128];
    pthread_mutex_t spare_lock;
    struct exchange *spare;
    int spare_n;
    _Atomic bool draining;
    _Atomic int active; /* exchanges whose answer has not gone */
};

/* ---- response.c ---- */
/* The response for this request: negotiated, decorated. NULL when memory ran out. The caller destroys it after
 * queueing, unless it is shared. */
struct MHD_Response *response_make(struct http_server *s, const struct http_request *req, struct http_response *res,
                                   int *status, bool *is_shared);

#endif
