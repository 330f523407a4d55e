/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The connection to PostgreSQL breaks while COMMIT is on its way: before the server got it, or after it was done and
 * before we were told. A proxy on a socket of its own stands between and cuts at the right moment. Either way the
 * caller hears RC_OK, the row is there once, and nothing was done twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "thing.h"

enum cut { CUT_NOT, CUT_BEFORE, CUT_AFTER };

struct proxy {
    struct sockaddr_un from, to;
    int listener;
    atomic_int cut; /* what happens at the next COMMIT */
    atomic_int cuts;
};

struct pair {
    struct proxy *p;
    int client, server;
};

static int to_server(const struct proxy *p)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)&p->to, sizeof p->to) != 0)
        abort();
    return fd;
}

static bool has(const char *data, ssize_t n, const char *word)
{
    return n > 0 && str_contains((struct str){data, (size_t)n}, str_of(word));
}

static bool pass(int from, int to, char *data, ssize_t *n)
{
    *n = read(from, data, 65536);
    return *n > 0 && write(to, data, (size_t)*n) == *n;
}

static void *forward(void *arg)
{
    struct pair x = *(struct pair *)arg;
    static _Thread_local char data[65536];
    bool cut_after = false;
    ssize_t n;
    free(arg);
    for (;;) {
        struct pollfd f[2] = {{.fd = x.client, .events = POLLIN}, {.fd = x.server, .events = POLLIN}};
        if (poll(f, 2, -1) < 0)
            break;
        if (f[0].revents) {
            n = recv(x.client, data, sizeof data, MSG_PEEK);
            bool commit = has(data, n, "; COMMIT"); /* not READ COMMITTED */
            int cut = commit ? atomic_exchange(&x.p->cut, CUT_NOT) : CUT_NOT;
            if (cut != CUT_NOT)
                atomic_fetch_add(&x.p->cuts, 1);
            if (cut == CUT_BEFORE || !pass(x.client, x.server, data, &n))
                break;
            cut_after = cut == CUT_AFTER;
        }
        if (f[1].revents) {
            if (cut_after) {
                n = read(x.server, data, sizeof data);
                if (n <= 0 || has(data, n, "COMMIT"))
                    break; /* it is done, and nobody will be told */
            } else if (!pass(x.server, x.client, data, &n)) {
                break;
            }
        }
    }
    close(x.client);
    close(x.server);
    return NULL;
}

static void *proxy_main(void *arg)
{
    struct proxy *p = arg;
    for (;;) {
        pthread_t t;
        struct pair *x = mem_alloc(sizeof *x);
        *x = (struct pair){.p = p, .client = accept(p->listener, NULL, NULL)};
        if (x->client < 0)
            abort();
        x->server = to_server(p);
        pthread_create(&t, NULL, forward, x);
        pthread_detach(t);
    }
}

/* url: postgresql:///tN?host=DIR&user=fane. Returns the same through the proxy. */
static void proxy_start(struct proxy *p, const char *url, char *out, size_t size)
{
    const char *host = strstr(url, "host=") + 5, *end = strchr(host, '&'), *dir = store_test_dir();
    pthread_t t;
    p->to.sun_family = p->from.sun_family = AF_UNIX;
    snprintf(p->to.sun_path, sizeof p->to.sun_path, "%.*s/.s.PGSQL.5432", (int)(end - host), host);
    snprintf(p->from.sun_path, sizeof p->from.sun_path, "%s/.s.PGSQL.5432", dir);
    snprintf(out, size, "%.*s%s%s", (int)(host - url), url, dir, end);
    p->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&p->from, sizeof p->from), 0);
    assert_int_equal(listen(p->listener, 16), 0);
    pthread_create(&t, NULL, proxy_main, p);
}

struct counted {
    int64_t k;
    int runs;
};

static enum rc counted(struct store_tx *tx, void *ctx, struct err *err)
{
    struct counted *c = ctx;
    c->runs++;
    return thing_add(tx, &c->k, err);
}

static void lost_commit(void **state)
{
    (void)state;
    static struct proxy p; /* its threads outlive the test */
    char url[512];
    struct store *st = NULL;
    if (!pg_server_is_there())
        skip();
    proxy_start(&p, pg_server_new_database(), url, sizeof url);
    must(store_open(url, NULL, &st, &mine));
    must(store_migrate(st, &mine));
    thing_make(st);
    static const struct {
        enum cut cut;
        int runs;
    } CASES[] = {{CUT_NOT, 1}, {CUT_AFTER, 1}, {CUT_BEFORE, 2}, {CUT_AFTER, 1}, {CUT_NOT, 1}, {CUT_BEFORE, 2}};
    for (int64_t i = 0; i < 6; i++) {
        struct counted c = {.k = i};
        atomic_store(&p.cut, CASES[i].cut);
        must(store_write(st, counted, &c, &mine));
        assert_int_equal(c.runs, CASES[i].runs);
        assert_int_equal(atomic_load(&p.cut), CUT_NOT);
        assert_int_equal(thing_count(st), i + 1);
    }
    assert_int_equal(atomic_load(&p.cuts), 4);
    store_close(st);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {cmocka_unit_test(lost_commit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
