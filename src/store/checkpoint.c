/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Keeps SQLite's write-ahead log bounded without a checkpoint on the commit path. A thread copies the log into the
 * database on a connection of its own while commits go on (PASSIVE); what was added meanwhile is copied with the writer
 * held for that moment (the gate), so the next commit begins the log anew. A reader that stays in an old snapshot keeps
 * the log from being reused: it grows until the reader ends, and is cut back to journal_size_limit after that.
 */
#include "store/store_int.h"

#include "base/log.h"

#include <string.h>

#define WAL_DUE_PAGES  4096  /* 16 MB */
#define WAL_TAIL_PAGES 256   /* 1 MB: what may be copied with the writer held, a few milliseconds */
#define WAL_HARD_PAGES 32768 /* 128 MB: from here on the writer is held for however much it is */
#define PASSES_MAX     4     /* copies beside a writer that never pauses, before it is held after all */

static enum rc pass(struct store *st, int64_t *log, int64_t *left, struct err *err)
{
    int64_t done = 0;
    TRY(sqlite_checkpoint(st->check_conn, log, &done, err));
    *left = *log - done;
    return RC_OK;
}

/* Under check_lock. */
static enum rc copy_log(struct store *st, struct err *err)
{
    int64_t log = 0, left = 0;
    if (!st->check_conn)
        TRY(store_conn_open(st, CONN_CHECKPOINT, &st->check_conn, err));
    for (int i = 0; i < PASSES_MAX; i++) {
        TRY(pass(st, &log, &left, err));
        if (left <= WAL_TAIL_PAGES || log > WAL_HARD_PAGES)
            break;
    }
    pthread_mutex_lock(&st->gate);
    enum rc rc = pass(st, &log, &left, err);
    pthread_mutex_unlock(&st->gate);
    return rc;
}

enum rc store_checkpoint(struct store *st, struct err *err)
{
    if (st->d->engine != STORE_SQLITE || st->opt.read_only)
        return RC_OK;
    pthread_mutex_lock(&st->check_lock);
    enum rc rc = copy_log(st, err);
    pthread_mutex_unlock(&st->check_lock);
    return rc;
}

static void *checker_main(void *arg)
{
    struct store *st = arg;
    pthread_mutex_lock(&st->check_lock);
    while (!st->check_stop) {
        if (!st->check_due) {
            pthread_cond_wait(&st->check_work, &st->check_lock);
            continue;
        }
        struct err err = {0};
        st->check_due = false;
        if (copy_log(st, &err) != RC_OK)
            log_line(LOG_WARN, "store.checkpoint", "error=\"%s\"", err.text);
    }
    pthread_mutex_unlock(&st->check_lock);
    return NULL;
}

void checker_after_commit(struct store *st)
{
    if (!st->has_checker || !st->wc || sqlite_wal_pages(st->wc) < WAL_DUE_PAGES)
        return;
    if (pthread_mutex_trylock(&st->check_lock) != 0)
        return; /* it is at work: the writer never waits for it here */
    st->check_due = true;
    pthread_cond_signal(&st->check_work);
    pthread_mutex_unlock(&st->check_lock);
}

enum rc checker_start(struct store *st, struct err *err)
{
    int e = pthread_create(&st->checker, NULL, checker_main, st);
    if (e != 0)
        return err_set(err, RC_NOMEM, "cannot start the store's checkpointer: %s", strerror(e));
    st->has_checker = true;
    return RC_OK;
}

void checker_stop(struct store *st)
{
    if (st->has_checker) {
        pthread_mutex_lock(&st->check_lock);
        st->check_stop = true;
        pthread_cond_signal(&st->check_work);
        pthread_mutex_unlock(&st->check_lock);
        pthread_join(st->checker, NULL);
        st->has_checker = false;
    }
    if (st->check_conn)
        st->d->close(st->check_conn);
    st->check_conn = NULL;
}
