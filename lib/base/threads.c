/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A parallel loop: workers take the next index from an atomic counter.
 */
#include "base/threads.h"

#include "base/arena.h"
#include "base/err.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct loop {
    void (*fn)(void *ctx, size_t i, size_t worker);
    void *ctx;
    size_t count;
    atomic_size_t next;
};

struct worker {
    struct loop *loop;
    size_t index;
    pthread_t thread;
};

size_t threads_online(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (size_t)n;
}

static void *run(void *arg)
{
    struct worker *w = arg;
    for (;;) {
        size_t i = atomic_fetch_add(&w->loop->next, 1);
        if (i >= w->loop->count)
            return NULL;
        w->loop->fn(w->loop->ctx, i, w->index);
    }
}

void threads_for(size_t threads, size_t count, void (*fn)(void *ctx, size_t i, size_t worker), void *ctx)
{
    if (threads == 0)
        threads = threads_online();
    if (threads > count)
        threads = count;
    if (threads == 0)
        return;
    struct loop loop = {.fn = fn, .ctx = ctx, .count = count};
    struct worker *w = mem_array(threads, sizeof *w);
    for (size_t i = 0; i < threads; i++)
        w[i] = (struct worker){.loop = &loop, .index = i};
    for (size_t i = 1; i < threads; i++)
        ENSURE(pthread_create(&w[i].thread, NULL, run, &w[i]) == 0);
    run(&w[0]);
    for (size_t i = 1; i < threads; i++)
        pthread_join(w[i].thread, NULL);
    free(w);
}
