/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The single writer and its group commit. Callers put jobs in a queue; the writer's thread takes what has gathered
 * (while the last commit was in flight), runs each job in one transaction, then the commit hooks, commits once, and
 * wakes each caller with its own result.
 *
 *                        one failed after changing something, or lost the transaction
 *   queue --take_batch--> quick ------------------------------------------------------> careful (savepoint per job)
 *                          |  ^-- engine says again: 40001, lost connection ...             |
 *                          v                                                                v
 *                    hooks, commit -----------------> settle: every job gets its own result, in its caller's hands
 *
 *   W1 a job is told RC_OK only after the commit that holds it returned (S1).
 *   W2 when a batch runs again every job of it runs again, and when its commit fails for good all of its jobs fail: no
 *      result that was computed beside changes which never happened is ever handed out.
 *   W3 a caller's job lies on the caller's stack, so a caller leaves early only while its job is still queued.
 */
#include "store/store_int.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST_US 1000
#define BACKOFF_LAST_US  100000

struct job {
    store_fn fn;
    void *ctx;
    struct err *err; /* the caller's; may be NULL */
    enum rc rc;
    bool taken;   /* out of the queue, for the writer; under queue_lock */
    bool is_done; /* under lock */
    bool alone;
    int64_t limit_ms; /* per statement, when alone */
    store_done done;  /* store_submit: the job is on the heap */
    void *done_ctx;
    struct err own_err;
    struct job *prev, *next;
    struct job *left, *right; /* callers to be woken by this one's caller */
    pthread_mutex_t lock;
    pthread_cond_t cond;
};

struct batch {
    struct job *head;
    size_t n;
    bool alone;
};

enum outcome { BATCH_DONE, BATCH_CAREFUL, BATCH_AGAIN, BATCH_FAILED };

/* --- one batch --------------------------------------------------------------------------------- */

static enum rc job_finish(struct store_tx *tx, struct job *j, enum rc rc)
{
    store_tx_close_rows(tx);
    if (rc == RC_OK && tx->failed != RC_OK) { /* S5 */
        rc = tx->failed;
        if (j->err)
            *j->err = tx->err;
    }
    if (tx->saved && !tx->c->broken) {
        struct err e;
        enum rc back = tx->c->d->save(tx->c, rc == RC_OK ? SAVE_RELEASE : SAVE_BACK, &e);
        if (back == RC_OK)
            tx->c->lost = false;
        else if (rc == RC_OK)
            rc = err_set(j->err, back, "%s", e.text);
    }
    return rc;
}

/* True: the job's result stands beside the others'. False: the whole transaction has to go. */
static bool job_run(struct store *st, struct job *j, bool careful)
{
    struct store_tx tx = {.st = st, .c = st->wc, .write = true, .careful = careful};
    st->wc->again = false;
    enum rc rc = j->fn(&tx, j->ctx, j->err);
    j->rc = job_finish(&tx, j, rc);
    if (st->wc->broken || st->wc->lost || (j->rc != RC_OK && st->wc->again))
        return false;
    return j->rc == RC_OK || careful || !tx.dirty;
}

static enum rc run_hooks(struct store *st, struct err *err)
{
    for (size_t i = 0; i < st->n_hooks; i++) {
        struct store_tx tx = {.st = st, .c = st->wc, .write = true};
        enum rc rc = st->hooks[i].fn(&tx, st->hooks[i].ctx, err);
        store_tx_close_rows(&tx);
        if (rc == RC_OK && tx.failed != RC_OK)
            rc = err_set(err, tx.failed, "%s", tx.err.text);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum outcome undone(struct store *st, enum outcome otherwise)
{
    bool again = st->wc->again;
    st->d->rollback(st->wc);
    st->wc->open = false;
    pthread_mutex_lock(&st->queue_lock);
    st->stats.rollbacks++;
    pthread_mutex_unlock(&st->queue_lock);
    return again ? BATCH_AGAIN : otherwise;
}

static enum rc have_conn(struct store *st, struct err *err)
{
    if (st->wc && st->wc->broken) {
        st->d->close(st->wc);
        st->wc = NULL;
    }
    return st->wc ? RC_OK : store_conn_open(st, CONN_WRITE, &st->wc, err);
}

/* A job whose result cannot stand beside the others': they all run again, with savepoints; or it was alone and the
 * result is its own. */
static enum outcome job_spoiled(struct store *st, struct batch *b, struct job *j, bool careful, struct err *err)
{
    bool own = b->n == 1 && j->rc != RC_OK && !st->wc->deferred;
    if (j->rc == RC_OK)
        (void)err_set(err, RC_IO, "the transaction was lost");
    else
        (void)err_set(err, j->rc, "%s", j->err->text);
    return undone(st, own ? BATCH_DONE : careful ? BATCH_FAILED : BATCH_CAREFUL);
}

static enum outcome run_jobs(struct store *st, struct batch *b, bool careful, bool *any, struct err *err)
{
    st->wc->may_defer = !careful;
    st->wc->deferred = false;
    for (struct job *j = b->head; j; j = j->next) {
        if (!job_run(st, j, careful))
            return job_spoiled(st, b, j, careful, err);
        *any = *any || j->rc == RC_OK;
    }
    if (st->d->settle && st->d->settle(st->wc, err) != RC_OK)
        return undone(st, careful ? BATCH_FAILED : BATCH_CAREFUL);
    return BATCH_DONE;
}

/* Runs the jobs, the hooks and the commit once. err: why, unless BATCH_DONE. */
static enum outcome batch_try(struct store *st, struct batch *b, bool careful, struct err *err)
{
    bool any = false;
    enum rc rc = have_conn(st, err);
    if (rc != RC_OK)
        return rc == RC_IO ? BATCH_AGAIN : BATCH_FAILED; /* a server that restarts refuses for a while */
    st->wc->limit_ms = b->alone && b->head->limit_ms ? b->head->limit_ms : st->opt.busy_ms;
    if (st->d->begin(st->wc, err) != RC_OK)
        return st->wc->again ? BATCH_AGAIN : BATCH_FAILED;
    st->wc->open = true;
    enum outcome got = run_jobs(st, b, careful, &any, err);
    if (got != BATCH_DONE || !st->wc->open)
        return got;
    if (!any)
        return undone(st, BATCH_DONE);
    if (!b->alone && run_hooks(st, err) != RC_OK)
        return undone(st, BATCH_FAILED);
    if (st->d->commit(st->wc, err) != RC_OK)
        return undone(st, BATCH_FAILED);
    return BATCH_DONE;
}

static void batch_failed(struct batch *b, const struct err *why)
{
    for (struct job *j = b->head; j; j = j->next) {
        j->rc = why->rc;
        if (j->err)
            *j->err = *why;
    }
}

static void count_retry(struct store *st, const struct err *why, int turn)
{
    log_line(LOG_DEBUG, "store.retry", "turn=%d rc=%s", turn, rc_name(why->rc));
    pthread_mutex_lock(&st->queue_lock);
    st->stats.retries++;
    pthread_mutex_unlock(&st->queue_lock);
}

static void batch_run(struct store *st, struct batch *b)
{
    int64_t until = clock_monotonic_us() + (int64_t)st->opt.busy_ms * 1000, pause = BACKOFF_FIRST_US;
    bool careful = false;
    for (int turn = 1;; turn++) {
        struct err why = {0};
        enum outcome got = batch_try(st, b, careful, &why);
        if (got == BATCH_DONE)
            return;
        if (got == BATCH_FAILED || (got == BATCH_AGAIN && clock_monotonic_us() + pause >= until)) {
            batch_failed(b, &why);
            return;
        }
        count_retry(st, &why, turn);
        if (got == BATCH_CAREFUL) {
            careful = true;
            continue;
        }
        clock_sleep_us(pause);
        pause = pause * 2 < BACKOFF_LAST_US ? pause * 2 : BACKOFF_LAST_US;
    }
}

/* --- the thread ----------------------------------------------------------------------------------------------------
 */

/* Under queue_lock. A job that must be alone is a batch by itself. */
static struct batch take_batch(struct store *st)
{
    struct batch b = {.head = st->head};
    struct job *last = NULL, *j = st->head;
    for (; j && b.n < (size_t)st->opt.batch_max && !(j->alone && b.n); j = j->next) {
        j->taken = true;
        b.alone = j->alone;
        last = j;
        b.n++;
        if (j->alone) {
            j = j->next;
            break;
        }
    }
    if (last)
        last->next = NULL;
    st->head = j;
    if (j)
        j->prev = NULL;
    else
        st->tail = NULL;
    st->queued -= b.n;
    return b;
}

static void job_wake(struct job *j)
{
    if (!j)
        return;
    pthread_mutex_lock(&j->lock);
    j->is_done = true;
    pthread_cond_signal(&j->cond);
    pthread_mutex_unlock(&j->lock);
}

/* The waiting callers become a binary tree: the writer wakes the root, each caller the two below it, so that the next
 * batch need not wait for a system call per caller. Jobs without a waiting caller are done here. */
static struct job *wake_tree(struct batch *b, struct job **list)
{
    size_t n = 0;
    for (struct job *j = b->head, *next; j; j = next) {
        next = j->next;
        if (j->done) {
            j->done(j->done_ctx, j->rc, j->err);
            free(j);
        } else {
            list[n++] = j;
        }
    }
    for (size_t i = 0; i < n; i++) {
        list[i]->left = 2 * i + 1 < n ? list[2 * i + 1] : NULL;
        list[i]->right = 2 * i + 2 < n ? list[2 * i + 2] : NULL;
    }
    return n ? list[0] : NULL;
}

static void batch_settle(struct store *st, struct batch *b)
{
    int64_t ok = 0;
    for (struct job *j = b->head; j; j = j->next)
        ok += j->rc == RC_OK;
    pthread_mutex_lock(&st->queue_lock);
    st->stats.commits += ok > 0;
    st->stats.jobs += ok;
    pthread_mutex_unlock(&st->queue_lock);
    for (size_t i = 0; ok && i < st->n_afters; i++)
        st->afters[i].after(st->afters[i].ctx);
    job_wake(wake_tree(b, st->wake_list));
}

static void *writer_main(void *arg)
{
    struct store *st = arg;
    for (;;) {
        pthread_mutex_lock(&st->queue_lock);
        while (!st->head && !st->stop)
            pthread_cond_wait(&st->queue_work, &st->queue_lock);
        struct batch b = take_batch(st);
        pthread_mutex_unlock(&st->queue_lock);
        if (!b.n)
            return NULL;
        pthread_mutex_lock(&st->gate);
        batch_run(st, &b);
        pthread_mutex_unlock(&st->gate);
        checker_after_commit(st);
        batch_settle(st, &b);
    }
}

enum rc writer_start(struct store *st, struct err *err)
{
    st->wake_list = mem_array((size_t)st->opt.batch_max, sizeof(struct job *));
    int e = pthread_create(&st->writer, NULL, writer_main, st);
    if (e != 0)
        return err_set(err, RC_NOMEM, "cannot start the store's writer: %s", strerror(e));
    st->has_writer = true;
    return RC_OK;
}

void writer_stop(struct store *st)
{
    if (!st->has_writer)
        return;
    pthread_mutex_lock(&st->queue_lock);
    st->stop = true;
    pthread_cond_signal(&st->queue_work);
    pthread_mutex_unlock(&st->queue_lock);
    pthread_join(st->writer, NULL);
    free(st->wake_list);
    st->wake_list = NULL;
    st->has_writer = false;
}

/* --- callers ---------------------------------------------------------------------------------------------------------
 */

static enum rc enqueue(struct store *st, struct job *j, struct err *err)
{
    if (!st->has_writer)
        return err_set(err, RC_UNSUPPORTED, "the store was opened for reading only");
    if (pthread_equal(st->writer, pthread_self()))
        return err_set(err, RC_INVALID, "store_write was called inside a write function");
    pthread_mutex_lock(&st->queue_lock);
    bool stopped = st->stop, idle = st->head == NULL;
    if (!stopped) {
        j->prev = st->tail;
        *(st->tail ? &st->tail->next : &st->head) = j;
        st->tail = j;
        st->queued++;
        if (idle)
            pthread_cond_signal(&st->queue_work);
    }
    pthread_mutex_unlock(&st->queue_lock);
    return stopped ? err_set(err, RC_BUSY, "the store is closing") : RC_OK;
}

/* True when it was still waiting its turn: it is out of the queue then. */
static bool withdraw(struct store *st, struct job *j)
{
    pthread_mutex_lock(&st->queue_lock);
    bool waiting = !j->taken;
    if (waiting) {
        *(j->prev ? &j->prev->next : &st->head) = j->next;
        *(j->next ? &j->next->prev : &st->tail) = j->prev;
        st->queued--;
    }
    pthread_mutex_unlock(&st->queue_lock);
    return waiting;
}

static void job_wait(struct store *st, struct job *j, int64_t limit_ms)
{
    struct timespec until = store_timespec(clock_monotonic_us() + limit_ms * 1000);
    bool patient = false;
    pthread_mutex_lock(&j->lock);
    while (!j->is_done) {
        if (patient) {
            pthread_cond_wait(&j->cond, &j->lock);
        } else if (pthread_cond_timedwait(&j->cond, &j->lock, &until) == ETIMEDOUT && !j->is_done) {
            pthread_mutex_unlock(&j->lock);
            bool out = withdraw(st, j);
            pthread_mutex_lock(&j->lock);
            if (out) {
                j->rc = err_set(j->err, RC_BUSY, "the writer was busy for %lld ms; try again", (long long)limit_ms);
                break;
            }
            patient = true; /* it runs: its own statements have deadlines (W3) */
        }
    }
    pthread_mutex_unlock(&j->lock);
}

static bool reads_here(struct store *st)
{
    bool reads = false;
    pthread_mutex_lock(&st->pool_lock);
    for (int i = 0; i < st->opt.readers; i++)
        reads = reads || (st->slots[i].busy && pthread_equal(st->slots[i].owner, pthread_self()));
    pthread_mutex_unlock(&st->pool_lock);
    return reads;
}

static enum rc write_job(struct store *st, struct job *j, int64_t wait_ms)
{
    if (reads_here(st))
        return err_set(j->err, RC_INVALID, "store_write was called inside a read function");
    pthread_mutex_init(&j->lock, NULL);
    store_cond_init(&j->cond);
    enum rc rc = enqueue(st, j, j->err);
    if (rc == RC_OK) {
        job_wait(st, j, wait_ms);
        job_wake(j->left); /* both are NULL when it was withdrawn */
        job_wake(j->right);
        rc = j->rc;
    }
    pthread_cond_destroy(&j->cond);
    pthread_mutex_destroy(&j->lock);
    return rc;
}

enum rc store_write(struct store *st, store_fn fn, void *ctx, struct err *err)
{
    struct job j = {.fn = fn, .ctx = ctx, .err = err, .rc = RC_IO};
    if (!err)
        j.err = &j.own_err;
    return write_job(st, &j, st->opt.busy_ms);
}

enum rc store_write_alone(struct store *st, store_fn fn, void *ctx, int64_t limit_ms, struct err *err)
{
    struct job j = {.fn = fn, .ctx = ctx, .err = err, .rc = RC_IO, .alone = true, .limit_ms = limit_ms};
    if (!err)
        j.err = &j.own_err;
    return write_job(st, &j, limit_ms);
}

enum rc store_submit(struct store *st, store_fn fn, void *ctx, store_done done, void *done_ctx, struct err *err)
{
    struct job *j = mem_alloc(sizeof *j);
    *j = (struct job){.fn = fn, .ctx = ctx, .done = done, .done_ctx = done_ctx, .rc = RC_IO};
    j->err = &j->own_err;
    enum rc rc = enqueue(st, j, err);
    if (rc != RC_OK)
        free(j);
    return rc;
}
