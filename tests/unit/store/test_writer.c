/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Group commit, hooks, deadlines and crashes, each on both engines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "thing.h"

#define THREADS 64
#define EACH    40

/* A gate that holds the writer inside a job, so that a batch of known jobs gathers behind it. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool entered, open;
};

static void gate_init(struct gate *g)
{
    *g = (struct gate){.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
}

static enum rc wait_at_gate(struct store_tx *tx, void *ctx, struct err *err)
{
    struct gate *g = ctx;
    (void)tx, (void)err;
    pthread_mutex_lock(&g->lock);
    g->entered = true;
    pthread_cond_broadcast(&g->cond);
    while (!g->open)
        pthread_cond_wait(&g->cond, &g->lock);
    pthread_mutex_unlock(&g->lock);
    return RC_OK;
}

static void gate_open(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->cond);
    pthread_mutex_unlock(&g->lock);
}

struct call {
    struct store *st;
    store_fn fn;
    void *ctx;
    enum rc rc;
    struct err err;
    pthread_t thread;
};

static void *do_call(void *arg)
{
    struct call *c = arg;
    c->rc = store_write(c->st, c->fn, c->ctx, &c->err);
    return NULL;
}

static void call_start(struct call *c, struct store *st, store_fn fn, void *ctx)
{
    *c = (struct call){.st = st, .fn = fn, .ctx = ctx};
    pthread_create(&c->thread, NULL, do_call, c);
}

static enum rc call_end(struct call *c)
{
    pthread_join(c->thread, NULL);
    return c->rc;
}

static void wait_queued(struct store *st, int64_t n)
{
    while (store_stats(st).queued < n)
        clock_sleep_us(200);
}

/* Holds the writer and returns when it is held. */
static void hold(struct call *c, struct store *st, struct gate *g)
{
    gate_init(g);
    call_start(c, st, wait_at_gate, g);
    pthread_mutex_lock(&g->lock);
    while (!g->entered)
        pthread_cond_wait(&g->cond, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

/* --- group commit ------------------------------------------------------------------------------ */

struct crowd {
    struct store *st;
    atomic_int next;
};

static void *crowd_member(void *arg)
{
    struct crowd *c = arg;
    for (int i = 0; i < EACH; i++) {
        int64_t k = atomic_fetch_add(&c->next, 1);
        must(store_write(c->st, thing_add, &k, &mine));
    }
    return NULL;
}

static void crowd(struct store_test *t, void *ctx)
{
    (void)ctx;
    struct crowd c = {.st = t->st};
    pthread_t threads[THREADS];
    thing_make(t->st);
    struct store_stats before = store_stats(t->st);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, crowd_member, &c);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    struct store_stats after = store_stats(t->st);
    assert_int_equal(after.jobs - before.jobs, THREADS * EACH);
    assert_true(after.commits - before.commits < THREADS * EACH / 2);
    assert_int_equal(after.queued, 0);
    store_close(t->st);
    must(store_open(t->where, NULL, &t->st, &mine));
    assert_int_equal(thing_count(t->st), THREADS * EACH);
}

/* A job that counts its runs and may fail after writing. */
struct counted {
    int64_t k;
    int runs;
    enum rc fails;
    bool before; /* fails before writing anything */
};

static enum rc counted(struct store_tx *tx, void *ctx, struct err *err)
{
    struct counted *c = ctx;
    c->runs++;
    if (c->before)
        return err_set(err, c->fails, "%d before", (int)c->k);
    TRY(thing_add(tx, &c->k, err));
    return c->fails ? err_set(err, c->fails, "%d after", (int)c->k) : RC_OK;
}

/* One batch: ok, fails before writing, ok [, fails after writing, duplicate key], ok. */
static void batch_of(struct store *st, struct counted *jobs, size_t n)
{
    struct gate g;
    struct call gate_call, calls[8];
    hold(&gate_call, st, &g);
    for (size_t i = 0; i < n; i++) {
        call_start(&calls[i], st, counted, &jobs[i]);
        wait_queued(st, (int64_t)i + 1);
    }
    gate_open(&g);
    assert_int_equal(call_end(&gate_call), RC_OK);
    for (size_t i = 0; i < n; i++) {
        enum rc want = jobs[i].fails;
        assert_int_equal(call_end(&calls[i]), want);
        if (want && want != RC_CONFLICT)
            assert_int_equal(calls[i].err.text[0], '0' + jobs[i].k);
    }
}

static void neighbours(struct store_test *t, void *ctx)
{
    (void)ctx;
    struct counted quiet[] = {{.k = 1}, {.k = 2, .fails = RC_DENIED, .before = true}, {.k = 3}};
    struct counted loud[] = {
        {.k = 4}, {.k = 5, .fails = RC_DENIED}, {.k = 6}, {.k = 6, .fails = RC_CONFLICT}, {.k = 7}};
    thing_make(t->st);
    batch_of(t->st, quiet, 3);
    assert_int_equal(thing_count(t->st), 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(quiet[i].runs, 1); /* what wrote nothing disturbs nobody */
    struct store_stats before = store_stats(t->st);
    loud[3].fails = RC_OK; /* the duplicate fails by its statement, not by its word */
    loud[3].k = 6;
    struct gate g;
    struct call gate_call, calls[5];
    hold(&gate_call, t->st, &g);
    for (int i = 0; i < 5; i++) {
        call_start(&calls[i], t->st, counted, &loud[i]);
        wait_queued(t->st, i + 1);
    }
    gate_open(&g);
    assert_int_equal(call_end(&gate_call), RC_OK);
    static const enum rc WANT[] = {RC_OK, RC_DENIED, RC_OK, RC_CONFLICT, RC_OK};
    for (int i = 0; i < 5; i++)
        assert_int_equal(call_end(&calls[i]), WANT[i]);
    assert_int_equal(thing_count(t->st), 5);
    assert_int_equal(loud[0].runs, 2); /* S2: once quick, once careful */
    struct store_stats after = store_stats(t->st);
    assert_int_equal(after.jobs - before.jobs, 4);
    assert_true(after.rollbacks > before.rollbacks);
}

struct handed {
    atomic_int left, ok;
};

static void handed_done(void *ctx, enum rc rc, const struct err *err)
{
    struct handed *h = ctx;
    (void)err;
    atomic_fetch_add(&h->ok, rc == RC_OK);
    atomic_fetch_sub(&h->left, 1);
}

static void submitted(struct store_test *t, void *ctx)
{
    (void)ctx;
    static int64_t keys[300];
    struct handed h = {.left = 300};
    thing_make(t->st);
    for (int i = 0; i < 300; i++) {
        keys[i] = i / 2; /* each twice */
        must(store_submit(t->st, thing_add, &keys[i], handed_done, &h, &mine));
    }
    store_close(t->st); /* waits for them all */
    assert_int_equal(atomic_load(&h.left), 0);
    assert_int_equal(atomic_load(&h.ok), 150);
    must(store_open(t->where, NULL, &t->st, &mine));
    assert_int_equal(thing_count(t->st), 150);
}

/* --- hooks ------------------------------------------------------------------------------------- */

struct hooked {
    struct store *st;
    char seen[64];
    size_t n;
    enum rc fails;
    int64_t key; /* written by the hook */
    atomic_int after;
};

static enum rc hook_a(struct store_tx *tx, void *ctx, struct err *err)
{
    struct hooked *h = ctx;
    h->seen[h->n++] = 'a';
    int64_t k = --h->key; /* a hook may run again with its batch, too */
    return thing_add(tx, &k, err);
}

static enum rc hook_b(struct store_tx *tx, void *ctx, struct err *err)
{
    struct hooked *h = ctx;
    int64_t n = 0;
    h->seen[h->n++] = 'b';
    TRY(thing_count_fn(tx, &n, err)); /* S3: sees the jobs and hook a */
    if (n < 2)
        return err_set(err, RC_DAMAGED, "hook b sees %d rows", (int)n);
    return h->fails ? err_set(err, h->fails, "hook b refuses") : RC_OK;
}

static void hook_after(void *ctx)
{
    atomic_fetch_add(&((struct hooked *)ctx)->after, 1);
}

static void hooks(struct store_test *t, void *ctx)
{
    (void)ctx;
    struct hooked h = {.st = t->st};
    struct err err = {0};
    int64_t k = 1;
    struct counted fails = {.k = 5, .fails = RC_DENIED};
    thing_make(t->st);
    store_add_commit_hook(t->st, hook_a, &h);
    store_add_commit_hook(t->st, hook_b, &h);
    store_add_after_hook(t->st, hook_after, &h);
    must(store_write(t->st, thing_add, &k, &mine));
    assert_string_equal(h.seen, "ab");
    assert_int_equal(atomic_load(&h.after), 1);
    assert_int_equal(thing_count(t->st), 2);
    assert_int_equal(store_write(t->st, counted, &fails, &err), RC_DENIED);
    assert_string_equal(h.seen, "ab"); /* nothing to commit, no hooks */
    h.fails = RC_IO;
    k = 2;
    assert_int_equal(store_write(t->st, thing_add, &k, &err), RC_IO);
    assert_string_equal(err.text, "hook b refuses");
    assert_int_equal(atomic_load(&h.after), 1);
    assert_int_equal(thing_count(t->st), 2);
    h.fails = RC_OK;
    must(store_write(t->st, thing_add, &k, &mine));
    assert_int_equal(thing_count(t->st), 4);
}

/* --- deadlines --------------------------------------------------------------------------------- */

#define SHORT_MS 400

static struct store *open_impatient(const char *where)
{
    struct store *st = NULL;
    must(store_open(where, &(struct store_options){.busy_ms = SHORT_MS}, &st, &mine));
    return st;
}

/* Another store on the same database, as another process would be, holds the writer's lock. */
static void locked(struct store_test *t, void *ctx)
{
    (void)ctx;
    struct gate g;
    struct call c;
    struct err err = {0};
    int64_t k = 1;
    thing_make(t->st);
    struct store *other = open_impatient(t->where);
    hold(&c, t->st, &g);
    assert_int_equal(store_write(other, thing_add, &k, &err), RC_BUSY);
    assert_int_equal(thing_count(other), 0); /* readers do not mind (S4) */
    gate_open(&g);
    assert_int_equal(call_end(&c), RC_OK);
    must(store_write(other, thing_add, &k, &mine));
    assert_int_equal(thing_count(t->st), 1);
    store_close(other);
}

/* The writer of the same store is busy: a caller that only waits its turn leaves when its time is over. */
static void queue_deadline(struct store_test *t, void *ctx)
{
    (void)ctx;
    struct gate g;
    struct call c;
    struct err err = {0};
    int64_t k = 1;
    thing_make(t->st);
    struct store *st = open_impatient(t->where);
    hold(&c, st, &g);
    assert_int_equal(store_write(st, thing_add, &k, &err), RC_BUSY);
    assert_int_equal(store_stats(st).queued, 0);
    gate_open(&g);
    assert_int_equal(call_end(&c), RC_OK);
    assert_int_equal(thing_count(st), 0);
    store_close(st);
}

static const struct store_sql FOREVER = {
    .sqlite = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    .postgres = "SELECT count(*) FROM generate_series(1, 1000000000000)"};

static enum rc forever(struct store_tx *tx, void *ctx, struct err *err)
{
    int64_t n;
    (void)ctx;
    return store_get_int(tx, &FOREVER, NULL, 0, &n, err);
}

static void slow_statement(struct store_test *t, void *ctx)
{
    (void)ctx;
    struct err err = {0};
    int64_t k = 1;
    thing_make(t->st);
    struct store *st = open_impatient(t->where);
    assert_int_equal(store_read(st, forever, NULL, &err), RC_BUSY);
    assert_int_equal(store_write(st, forever, NULL, &err), RC_BUSY);
    must(store_write(st, thing_add, &k, &mine));
    assert_int_equal(thing_count(st), 1);
    store_close(st);
}

/* --- PostgreSQL: frozen, killed ---------------------------------------------------------------- */

static const struct store_sql PID = {.postgres = "SELECT pg_backend_pid()"};

static enum rc backend(struct store_tx *tx, void *ctx, struct err *err)
{
    return store_get_int(tx, &PID, NULL, 0, ctx, err);
}

struct victim {
    int64_t k;
    int signal;
    pid_t pid;
    int runs;
};

/* Its own server process is struck in the middle of the transaction. */
static enum rc strike(struct store_tx *tx, void *ctx, struct err *err)
{
    struct victim *v = ctx;
    int64_t pid, n;
    TRY(backend(tx, &pid, err));
    if (v->runs++ == 0) {
        v->pid = (pid_t)pid;
        kill(v->pid, v->signal);
    }
    TRY(thing_add(tx, &v->k, err));
    return thing_count_fn(tx, &n, err);
}

static void frozen_server(void **state)
{
    (void)state;
    if (!pg_server_is_there())
        skip();
    const char *url = pg_server_new_database();
    struct store *st = open_impatient(url), *patient = NULL;
    struct victim v = {.k = 1, .signal = SIGSTOP};
    struct err err = {0};
    must(store_migrate(st, &mine));
    thing_make(st);
    assert_int_equal(store_write(st, strike, &v, &err), RC_BUSY); /* a blocking call would never come back */
    v.k = 2;
    v.signal = 0;
    assert_int_equal(store_write(st, strike, &v, &err), RC_BUSY); /* the frozen one holds the writer's lock */
    kill(v.pid, SIGCONT);
    must(store_open(url, NULL, &patient, &mine));
    must(store_write(patient, thing_add, &v.k, &mine));
    assert_int_equal(thing_count(patient), 1);
    store_close(patient);
    store_close(st);
}

static void lost_server_process(void **state)
{
    (void)state;
    if (!pg_server_is_there())
        skip();
    struct store *st = NULL;
    struct victim v = {.k = 1, .signal = SIGTERM};
    must(store_open(pg_server_new_database(), NULL, &st, &mine));
    must(store_migrate(st, &mine));
    thing_make(st);
    must(store_write(st, strike, &v, &mine)); /* on a new connection, without its caller noticing */
    assert_int_equal(v.runs, 2);
    assert_int_equal(thing_count(st), 1);
    int64_t pid = 0;
    must(store_read(st, backend, &pid, &mine));
    kill((pid_t)pid, SIGTERM);
    clock_sleep_us(200000);
    assert_int_equal(thing_count(st), 1); /* the pooled reader is replaced */
    store_close(st);
}

/* --- kill -9
 * --------------------------------------------------------------------------------------------------------------------
 */

struct told {
    struct store *st;
    int fd;
    atomic_int *next;
};

static void *write_and_tell(void *arg)
{
    struct told *c = arg;
    for (;;) {
        int64_t k = atomic_fetch_add(c->next, 1);
        struct err err;
        if (store_write(c->st, thing_add, &k, &err) != RC_OK || write(c->fd, &k, sizeof k) != sizeof k)
            _exit(3);
    }
}

static _Noreturn void crash_child(const char *where, int fd, int first)
{
    struct store *st = NULL;
    struct err err;
    atomic_int next = first;
    pthread_t t;
    if (store_open(where, NULL, &st, &err) != RC_OK)
        _exit(2);
    struct told c = {st, fd, &next};
    for (int i = 0; i < 8; i++)
        pthread_create(&t, NULL, write_and_tell, &c);
    for (;;)
        pause();
}

static const struct store_sql HAS = {"SELECT count(*) FROM thing WHERE k = ?1", NULL, NULL};
struct acked {
    int64_t k[100000];
    size_t n;
};

static enum rc all_there(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct acked *a = ctx;
    for (size_t i = 0; i < a->n; i++) {
        const struct store_arg arg[] = {SA_INT(a->k[i])};
        int64_t n = 0;
        TRY(store_get_int(tx, &HAS, arg, 1, &n, err));
        if (n != 1)
            return err_set(err, RC_DAMAGED, "row %d was acknowledged and is not there", (int)a->k[i]);
    }
    return RC_OK;
}

static void crash(struct store_test *t, void *ctx)
{
    struct prng *rng = ctx;
    static struct acked acked;
    acked.n = 0;
    thing_make(t->st);
    store_close(t->st);
    t->st = NULL;
    for (int round = 0; round < 4; round++) {
        int p[2];
        assert_int_equal(pipe(p), 0);
        pid_t child = fork();
        if (child == 0)
            crash_child(t->where, p[1], round * 1000000);
        close(p[1]);
        size_t stop = acked.n + 1 + prng_below(rng, 400);
        bool killed = false;
        while (acked.n < 100000 && read(p[0], &acked.k[acked.n], sizeof(int64_t)) == sizeof(int64_t))
            if (++acked.n >= stop && !killed) {
                kill(child, SIGKILL);
                killed = true;
            }
        close(p[0]);
        int status = 0;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        must(store_open(t->where, NULL, &t->st, &mine));
        must(store_read(t->st, all_there, &acked, &mine));
        store_close(t->st);
        t->st = NULL;
    }
    assert_true(acked.n >= 4);
}

static void test_crash(void **state)
{
    struct prng rng;
    (void)state;
    uint64_t seed = (uint64_t)clock_monotonic_us();
    printf("seed %llu\n", (unsigned long long)seed);
    prng_seed(&rng, seed);
    pg_server_is_there(); /* before the first fork, so that no child owns a server */
    store_test_each_engine(crash, &rng);
}

#define BOTH(name)                                                                                                     \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        store_test_each_engine(name, NULL);                                                                            \
    }
BOTH(crowd)
BOTH(neighbours)
BOTH(submitted)
BOTH(hooks)
BOTH(locked)
BOTH(queue_deadline)
BOTH(slow_statement)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crowd),          cmocka_unit_test(test_neighbours), cmocka_unit_test(test_submitted),
        cmocka_unit_test(test_hooks),          cmocka_unit_test(test_locked),     cmocka_unit_test(test_queue_deadline),
        cmocka_unit_test(test_slow_statement), cmocka_unit_test(frozen_server),   cmocka_unit_test(lost_server_process),
        cmocka_unit_test(test_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
