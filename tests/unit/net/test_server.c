/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The server over real sockets: keep-alive, HEAD, conditional and packed answers, caps, slow and malformed clients, the
 * blocking pool, and stopping under load.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/net.h"

enum { BODY_MAX = 2000 };
static char big[20000];

struct fixture {
    struct http_server *server;
    struct http_prepared *prepared;
    int port;
    _Atomic int handled, done;
};

static bool admit(void *ctx, const struct http_request *req, struct http_admission *adm, struct http_response *res)
{
    (void)ctx;
    if (str_is_equal(req->path, STR("/none"))) {
        http_answer_problem(res, 404, "not-found", "There is nothing here.");
        return false;
    }
    adm->body_max = req->method == HTTP_POST ? BODY_MAX : 0;
    adm->may_block = str_starts_with(req->path, STR("/slow"));
    adm->route = req;
    return true;
}

static void handle(void *ctx, struct http_request *req, struct http_response *res)
{
    struct fixture *f = ctx;
    atomic_fetch_add(&f->handled, 1);
    if (str_is_equal(req->path, STR("/big"))) {
        http_answer(res, 200, "text/plain; charset=utf-8", (struct str){big, sizeof big});
        res->etag = STR("\"t1\"");
        res->cache = "public, max-age=60";
    } else if (str_is_equal(req->path, STR("/prepared"))) {
        res->prepared = f->prepared;
    } else if (req->method == HTTP_POST) {
        if (str_is_equal(req->path, STR("/slow")))
            clock_sleep_us(20000);
        http_answer(res, 201, "text/plain", str_copy(req->mem, req->body));
    } else {
        http_answer(res, 200, "text/plain", str_printf(req->mem, "path=" STR_FMT, STR_ARG(req->path)));
    }
}

static void done(void *ctx, const void *route, int status, int64_t took_us)
{
    struct fixture *f = ctx;
    (void)route;
    assert_true(status >= 200 || status == 0);
    assert_true(took_us >= 0);
    atomic_fetch_add(&f->done, 1);
}

static void decorate(void *ctx, struct http_response *res)
{
    (void)ctx;
    http_add_header(res, "X-Content-Type-Options", STR("nosniff"));
}

static int start(struct fixture *f, struct http_options opt)
{
    struct err err = {0};
    struct http_app app = {f, admit, handle, done, decorate};
    opt.listen = "127.0.0.1:0";
    if (http_server_start(&opt, &app, &f->server, &err) != RC_OK)
        fail_msg("%s", err.text);
    f->port = http_server_port(f->server);
    struct http_response like = {.status = 200,
                                 .type = "text/plain",
                                 .body = STR("plain"),
                                 .gzip = STR("packed"),
                                 .etag = STR("\"p\""),
                                 .cache = "max-age=9"};
    f->prepared = http_prepare(&app, &like);
    memset(big, 'x', sizeof big);
    return 0;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    return start(f, (struct http_options){.request_ms = 700, .send_ms = 2000});
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->server)
        http_server_stop(f->server, 2000);
    http_prepared_free(f->prepared);
    free(f);
    return 0;
}

static int dial(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool say(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        text += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* One answer: head and as much body as Content-Length says (none for HEAD). False at the connection's end. */
static bool hear(int fd, bool is_head, char *out, size_t size, size_t *body_at)
{
    size_t n = 0, want = 0;
    char *end = NULL;
    out[0] = '\0';
    for (;;) {
        if (!end && (end = strstr(out, "\r\n\r\n"))) {
            const char *length = strstr(out, "Content-Length: ");
            *body_at = (size_t)(end - out) + 4;
            want = *body_at + (length && !is_head ? (size_t)atol(length + 16) : 0);
        }
        if (end && n >= want)
            return true;
        if (n + 1 >= size)
            return false;
        ssize_t got = recv(fd, out + n, end ? want - n : 1, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
        out[n] = '\0';
    }
}

static char answer[65536];

static int ask(int fd, const char *text, size_t *body_at)
{
    assert_true(say(fd, text, strlen(text)));
    if (!hear(fd, strncmp(text, "HEAD", 4) == 0, answer, sizeof answer, body_at))
        return -1;
    return atoi(answer + 9);
}

static bool is_closed(int fd)
{
    char c;
    return recv(fd, &c, 1, 0) <= 0;
}

static void test_keep_alive(void **state)
{
    struct fixture *f = *state;
    size_t at;
    int fd = dial(f->port);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(ask(fd, "GET /a%20b?x=1 HTTP/1.1\r\nHost: t\r\n\r\n", &at), 200);
        assert_string_equal(answer + at, "path=/a b");
        assert_non_null(strstr(answer, "X-Content-Type-Options: nosniff"));
        assert_non_null(strstr(answer, "Cache-Control: no-store"));
    }
    assert_int_equal(ask(fd, "HEAD /big HTTP/1.1\r\nHost: t\r\n\r\n", &at), 200);
    assert_non_null(strstr(answer, "Content-Length: 20000"));
    assert_int_equal(ask(fd, "GET /none HTTP/1.1\r\nHost: t\r\n\r\n", &at), 404);
    assert_non_null(strstr(answer, "application/problem+json"));
    assert_int_equal(ask(fd, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello", &at), 201);
    assert_string_equal(answer + at, "hello");
    assert_int_equal(ask(fd, "POST /slow HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nlater", &at), 201);
    assert_string_equal(answer + at, "later");
    assert_int_equal(atomic_load(&f->done), 54);
    close(fd);
}

static void test_two_requests_at_once(void **state)
{
    struct fixture *f = *state;
    size_t at;
    int fd = dial(f->port);
    const char *two =
        "POST /slow HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\noneGET /two HTTP/1.1\r\nHost: t\r\n\r\n";
    assert_true(say(fd, two, strlen(two)));
    assert_true(hear(fd, false, answer, sizeof answer, &at));
    assert_string_equal(answer + at, "one");
    assert_true(hear(fd, false, answer, sizeof answer, &at));
    assert_string_equal(answer + at, "path=/two");
    close(fd);
}

static void test_conditional_and_packed(void **state)
{
    struct fixture *f = *state;
    size_t at;
    int fd = dial(f->port);
    assert_int_equal(ask(fd, "GET /big HTTP/1.1\r\nHost: t\r\n\r\n", &at), 200);
    assert_non_null(strstr(answer, "ETag: \"t1\""));
    assert_non_null(strstr(answer, "Vary: Accept-Encoding"));
    assert_null(strstr(answer, "Content-Encoding"));
    assert_int_equal(ask(fd, "GET /big HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip\r\n\r\n", &at), 200);
    assert_non_null(strstr(answer, "Content-Encoding: gzip"));
    assert_non_null(strstr(answer, "ETag: \"t1-gz\""));
    assert_int_equal((unsigned char)answer[at], 0x1F);
    assert_int_equal(ask(fd, "GET /big HTTP/1.1\r\nHost: t\r\nIf-None-Match: \"t1-gz\"\r\n\r\n", &at), 304);
    assert_non_null(strstr(answer, "ETag: \"t1\""));
    assert_int_equal(ask(fd, "GET /big HTTP/1.1\r\nHost: t\r\nIf-None-Match: \"t2\"\r\n\r\n", &at), 200);
    assert_int_equal(ask(fd, "GET /prepared HTTP/1.1\r\nHost: t\r\n\r\n", &at), 200);
    assert_string_equal(answer + at, "plain");
    assert_int_equal(ask(fd, "GET /prepared HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip\r\n\r\n", &at), 200);
    assert_string_equal(answer + at, "packed");
    assert_int_equal(ask(fd, "GET /prepared HTTP/1.1\r\nHost: t\r\nIf-None-Match: W/\"p\"\r\n\r\n", &at), 304);
    close(fd);
}

static void test_body_caps(void **state)
{
    struct fixture *f = *state;
    static char text[BODY_MAX + 4096];
    size_t at;
    int before = atomic_load(&f->handled), fd = dial(f->port);
    int n = snprintf(text, sizeof text, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n", BODY_MAX + 1);
    memset(text + n, 'y', BODY_MAX + 1);
    text[n + BODY_MAX + 1] = '\0';
    assert_int_equal(ask(fd, text, &at), 413);
    /* it was dropped, not kept: the connection goes on */
    n = snprintf(text, sizeof text, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n", BODY_MAX);
    memset(text + n, 'z', BODY_MAX);
    text[n + BODY_MAX] = '\0';
    assert_int_equal(ask(fd, text, &at), 201);
    close(fd);
    fd = dial(f->port);
    assert_int_equal(ask(fd, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999\r\n\r\n", &at), 413);
    assert_true(is_closed(fd));
    close(fd);
    fd = dial(f->port);
    assert_int_equal(ask(fd, "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n", &at), 411);
    close(fd);
    fd = dial(f->port);
    assert_int_equal(ask(fd, "GET /x HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\nx", &at), 413);
    close(fd);
    assert_int_equal(atomic_load(&f->handled), before + 1);
}

static void test_long_addresses(void **state)
{
    struct fixture *f = *state;
    static char text[60000];
    size_t at;
    int n = snprintf(text, sizeof text, "GET /"), fd = dial(f->port);
    memset(text + n, 'a', NET_URI_MAX);
    snprintf(text + n + NET_URI_MAX, 100, " HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(ask(fd, text, &at), 414);
    close(fd);
    fd = dial(f->port);
    memset(text + n, 'a', 50000);
    snprintf(text + n + 50000, 100, " HTTP/1.1\r\nHost: t\r\n\r\n");
    int status = ask(fd, text, &at);
    assert_true(status == 414 || status == 431 || status == 413 || status == -1);
    close(fd);
    fd = dial(f->port);
    n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: t\r\nX-Long: ");
    memset(text + n, 'a', 50000);
    snprintf(text + n + 50000, 100, "\r\n\r\n");
    status = ask(fd, text, &at);
    assert_true(status == 431 || status == 413 || status == -1);
    close(fd);
    assert_int_equal(atomic_load(&f->handled), 0);
}

static void test_malformed(void **state)
{
    struct fixture *f = *state;
    static const char *const CASES[] = {
        "\r\n\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\x02\x01\x01",
        "GET /%00 HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /x?%zz HTTP/1.1\r\nHost: t\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        size_t at;
        int fd = dial(f->port);
        assert_true(say(fd, CASES[i], strlen(CASES[i])));
        shutdown(fd, SHUT_WR);
        if (hear(fd, false, answer, sizeof answer, &at) && atoi(answer + 9) < 400)
            fail_msg("case %zu got %.20s", i, answer);
        close(fd);
    }
    size_t at;
    int fd = dial(f->port); /* and it lives */
    assert_int_equal(ask(fd, "GET /ok HTTP/1.1\r\nHost: t\r\n\r\n", &at), 200);
    close(fd);
    assert_int_equal(atomic_load(&f->handled), 1);
}

/* A byte now and then does not keep a connection: neither in the headers nor in the body; an idle one ends too. */
static void test_slow_clients(void **state)
{
    struct fixture *f = *state;
    int header = dial(f->port), body = dial(f->port), idle = dial(f->port);
    const char *start_of_body = "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\n";
    assert_true(say(header, "GET / HTTP/1.1\r\n", 16));
    assert_true(say(body, start_of_body, strlen(start_of_body)));
    bool header_open = true, body_open = true;
    int64_t began = clock_monotonic_us();
    while ((header_open || body_open) && clock_monotonic_us() - began < 20 * 1000000) {
        char c;
        clock_sleep_us(100000);
        header_open = header_open && say(header, "X", 1) && recv(header, &c, 1, MSG_DONTWAIT) != 0;
        body_open = body_open && say(body, "x", 1) && recv(body, &c, 1, MSG_DONTWAIT) != 0;
    }
    assert_false(header_open);
    assert_false(body_open);
    assert_true(is_closed(idle));
    assert_int_equal(atomic_load(&f->handled), 0);
    close(header);
    close(body);
    close(idle);
}

/* One that takes no answer is shut in the end, and others are served meanwhile. */
static void test_client_that_does_not_read(void **state)
{
    struct fixture *f = *state;
    int small = 4096, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    const char *get = "GET /big HTTP/1.1\r\nHost: t\r\n\r\n";
    for (int i = 0; i < 1000; i++)
        if (send(fd, get, strlen(get), MSG_NOSIGNAL | MSG_DONTWAIT) <= 0)
            break;
    int64_t began = clock_monotonic_us();
    bool ended = false;
    while (!ended && clock_monotonic_us() - began < 20 * 1000000) {
        size_t at;
        int other = dial(f->port);
        assert_int_equal(ask(other, "GET /ok HTTP/1.1\r\nHost: t\r\n\r\n", &at), 200);
        close(other);
        clock_sleep_us(100000);
        ended = send(fd, get, strlen(get), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN;
    }
    assert_true(ended);
    close(fd);
}

struct load {
    int port;
    _Atomic bool stop;
    _Atomic int answered, broken, torn;
};

static void *client(void *ctx)
{
    struct load *l = ctx;
    const char *post = "POST /slow HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nwork";
    char *out = malloc(8192);
    while (!atomic_load(&l->stop)) {
        size_t at;
        int fd = dial(l->port);
        if (fd < 0)
            break;
        for (;;) {
            if (!say(fd, post, strlen(post)))
                break;
            if (!hear(fd, false, out, 8192, &at)) {
                atomic_fetch_add(out[0] ? &l->torn : &l->broken, 1);
                break;
            }
            assert_string_equal(out + at, "work");
            atomic_fetch_add(&l->answered, 1);
            if (strstr(out, "Connection: close"))
                break;
        }
        close(fd);
    }
    free(out);
    return NULL;
}

/* Every request that was handled is answered whole; the port is free afterwards. */
static void test_stop_under_load(void **state)
{
    struct fixture *f = *state;
    struct load l = {.port = f->port};
    pthread_t threads[32];
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, client, &l), 0);
    while (atomic_load(&l.answered) < 200)
        clock_sleep_us(1000);
    assert_int_equal(http_server_stop(f->server, 5000), 0);
    f->server = NULL;
    atomic_store(&l.stop, true);
    for (size_t i = 0; i < 32; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&l.torn), 0);
    assert_int_equal(atomic_load(&l.answered), atomic_load(&f->handled));
    assert_int_equal(dial(f->port), -1);
}

static void test_queue_is_bounded(void **state)
{
    struct fixture *f = *state;
    http_server_stop(f->server, 1000);
    http_prepared_free(f->prepared);
    start(f, (struct http_options){.workers = 1, .queue_max = 2});
    const char *post = "POST /slow HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nwork";
    int fd[40], busy = 0, fine = 0;
    for (int i = 0; i < 40; i++) {
        fd[i] = dial(f->port);
        assert_true(say(fd[i], post, strlen(post)));
    }
    for (int i = 0; i < 40; i++) {
        size_t at;
        assert_true(hear(fd[i], false, answer, sizeof answer, &at));
        int status = atoi(answer + 9);
        busy += status == 503;
        fine += status == 201;
        assert_true(status != 503 || strstr(answer, "Retry-After"));
        close(fd[i]);
    }
    assert_int_equal(busy + fine, 40);
    assert_true(busy > 0 && fine > 0);
}

#define WITH_SERVER(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(test_keep_alive),
        WITH_SERVER(test_two_requests_at_once),
        WITH_SERVER(test_conditional_and_packed),
        WITH_SERVER(test_body_caps),
        WITH_SERVER(test_long_addresses),
        WITH_SERVER(test_malformed),
        WITH_SERVER(test_slow_clients),
        WITH_SERVER(test_client_that_does_not_read),
        WITH_SERVER(test_stop_under_load),
        WITH_SERVER(test_queue_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
