/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Worker threads for what may wait for the disk: a bounded queue, first come first served.
 */
#include <stdlib.h>

#include "net/net_int.h"

static struct exchange *take(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    while (!p->head && !p->stop)
        pthread_cond_wait(&p->wake, &p->lock);
    struct exchange *x = p->head;
    if (x) {
        p->head = x->next;
        if (!p->head)
            p->tail = NULL;
        atomic_fetch_sub(&p->waiting, 1);
    }
    pthread_mutex_unlock(&p->lock);
    return x;
}

static void *work(void *ctx)
{
    struct pool *p = ctx;
    for (struct exchange *x; (x = take(p));)
        p->run(x);
    return NULL;
}

enum rc pool_start(struct pool *p, int threads, size_t queue_max, void (*run)(struct exchange *x), struct err *err)
{
    *p = (struct pool){.queue_max = queue_max, .run = run};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->threads = mem_array((size_t)threads, sizeof *p->threads);
    for (; p->threads_n < threads; p->threads_n++)
        if (pthread_create(&p->threads[p->threads_n], NULL, work, p) != 0) {
            pool_stop(p);
            pool_fini(p);
            return err_set(err, RC_NOMEM, "the system gives no more threads after %d of %d", p->threads_n, threads);
        }
    return RC_OK;
}

bool pool_put(struct pool *p, struct exchange *x)
{
    pthread_mutex_lock(&p->lock);
    bool ok = !p->stop && atomic_load(&p->waiting) < p->queue_max;
    if (ok) {
        x->next = NULL;
        if (p->tail)
            p->tail->next = x;
        else
            p->head = x;
        p->tail = x;
        atomic_fetch_add(&p->waiting, 1);
        pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->lock);
    return ok;
}

void pool_stop(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->threads_n; i++)
        pthread_join(p->threads[i], NULL);
}

void pool_fini(struct pool *p)
{
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    free(p->threads);
}
