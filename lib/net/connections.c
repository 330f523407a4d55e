/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Deadlines of connections. libmicrohttpd's own timeout starts again with each byte, which a client that sends one byte
 * every few seconds can live from; here a request has one deadline for all of its bytes, and so has the taking of an
 * answer. A late connection is shut down; libmicrohttpd then sees its end and closes it.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/net_int.h"

enum { SCAN_MS = 250 };

static void shut_late(struct connections *cs)
{
    int64_t now = clock_monotonic_us();
    bool drain = atomic_load(&cs->drain);
    for (struct connection *c = cs->head; c; c = c->next)
        if (atomic_load(&c->deadline_us) < now || (drain && !atomic_load(&c->is_busy)))
            shutdown(c->fd, SHUT_RDWR); /* the descriptor is open: a record is removed before it is closed */
}

static void *reap(void *ctx)
{
    struct connections *cs = ctx;
    pthread_mutex_lock(&cs->lock);
    while (!cs->stop) {
        pthread_mutex_unlock(&cs->lock);
        clock_sleep_us(SCAN_MS * 1000);
        pthread_mutex_lock(&cs->lock);
        shut_late(cs);
    }
    pthread_mutex_unlock(&cs->lock);
    return NULL;
}

void connections_start(struct connections *cs)
{
    pthread_mutex_init(&cs->lock, NULL);
    ENSURE(pthread_create(&cs->reaper, NULL, reap, cs) == 0);
}

void connections_stop(struct connections *cs)
{
    pthread_mutex_lock(&cs->lock);
    cs->stop = true;
    pthread_mutex_unlock(&cs->lock);
    pthread_join(cs->reaper, NULL);
    pthread_mutex_destroy(&cs->lock);
}

struct connection *connection_add(struct connections *cs, int fd, int64_t deadline_us)
{
    struct connection *c = mem_alloc(sizeof *c);
    c->fd = fd;
    atomic_init(&c->deadline_us, deadline_us);
    pthread_mutex_lock(&cs->lock);
    atomic_fetch_add(&cs->count, 1);
    c->next = cs->head;
    if (c->next)
        c->next->prev = c;
    cs->head = c;
    pthread_mutex_unlock(&cs->lock);
    return c;
}

void connection_remove(struct connections *cs, struct connection *c)
{
    pthread_mutex_lock(&cs->lock);
    atomic_fetch_sub(&cs->count, 1);
    if (c->prev)
        c->prev->next = c->next;
    else
        cs->head = c->next;
    if (c->next)
        c->next->prev = c->prev;
    pthread_mutex_unlock(&cs->lock);
    free(c);
}
