/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Durable rows through the store's door (targets.md, "durable report intake"): 400-byte rows, on SQLite and PostgreSQL,
 * by 64 waiting threads, by jobs handed in without waiting in commits of 100 and 1,000, and by one caller at a time.
 * The peer: pgbench, 16 and 64 clients, each row its own commit, on the same server and table. Every figure is the
 * median of RUNS; the rows are counted after reopening.
 *
 *   bench_store [FOLDER]     where the SQLite file lies (default: a new folder under /tmp, which may be memory)
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/rng.h"
#include "pg_server.h"

#define RUNS      3
#define THREADS   64
#define ROW_BYTES 400
#define IN_FLIGHT 4000
#define PGBENCH   "/usr/lib/postgresql/15/bin/pgbench"

static const struct store_sql CREATE = {
    .sqlite = "CREATE TABLE bench(id BLOB PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL) STRICT",
    .postgres = "CREATE TABLE bench(id BYTEA PRIMARY KEY, at BIGINT NOT NULL, body BYTEA NOT NULL)"};
static const struct store_sql INSERT = {"INSERT INTO bench(id, at, body) VALUES (?1, ?2, ?3)", NULL, NULL};
static const struct store_sql COUNT = {"SELECT count(*) FROM bench", NULL, NULL};

#define IDS_MAX (1 << 20)

static unsigned char body[ROW_BYTES - 24];
static struct uuid ids[IDS_MAX]; /* made before the clock runs, as callers make them outside the writer */
static atomic_uint next_id;

static void fresh_ids(void)
{
    for (size_t i = 0; i < IDS_MAX; i++)
        ids[i] = uuid_v7(clock_now());
    atomic_store(&next_id, 0);
}

static void must(enum rc rc, const struct err *err)
{
    if (rc == RC_OK)
        return;
    fprintf(stderr, "bench_store: %s\n", err->text);
    exit(1);
}

static enum rc create(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    return store_exec(tx, &CREATE, NULL, 0, NULL, err);
}

static enum rc count(struct store_tx *tx, void *ctx, struct err *err)
{
    return store_get_int(tx, &COUNT, NULL, 0, ctx, err);
}

/* ctx: how many rows. */
static enum rc add(struct store_tx *tx, void *ctx, struct err *err)
{
    for (int i = *(int *)ctx; i > 0; i--) {
        struct instant now = clock_now();
        struct uuid id = ids[atomic_fetch_add(&next_id, 1) % IDS_MAX];
        const struct store_arg a[] = {SA_UUID(id), SA_TIME(now), SA_BLOB(body, sizeof body)};
        TRY(store_exec(tx, &INSERT, a, SA_N(a), NULL, err));
    }
    return RC_OK;
}

static enum rc bulk(struct store_tx *tx, void *ctx, struct err *err)
{
    static const char *const COLUMNS[] = {"id", "at", "body"};
    struct store_bulk *b;
    TRY(store_bulk_open(tx, "bench", COLUMNS, 3, &b, err));
    enum rc rc = RC_OK;
    for (int i = *(int *)ctx; i > 0 && rc == RC_OK; i--) {
        struct instant now = clock_now();
        struct uuid id = ids[atomic_fetch_add(&next_id, 1) % IDS_MAX];
        const struct store_arg a[] = {SA_UUID(id), SA_TIME(now), SA_BLOB(body, sizeof body)};
        rc = store_bulk_row(b, a, err);
    }
    enum rc end = store_bulk_close(b, rc == RC_OK, NULL, rc == RC_OK ? err : NULL);
    return rc != RC_OK ? rc : end;
}

/* --- one run ----------------------------------------------------------------------------------- */

struct run {
    struct store *st;
    store_fn fn;
    int rows_per_job, jobs_per_thread;
    atomic_int open, failed;
    int64_t *wait_us; /* of every job, or NULL */
    atomic_size_t n_waits;
};

static void *caller(void *arg)
{
    struct run *r = arg;
    struct err err;
    for (int i = 0; i < r->jobs_per_thread; i++) {
        int64_t from = clock_monotonic_us();
        must(store_write(r->st, r->fn, &r->rows_per_job, &err), &err);
        r->wait_us[atomic_fetch_add(&r->n_waits, 1)] = clock_monotonic_us() - from;
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void line(const char *name, int64_t rows, double s, const struct store_stats *before,
                 const struct store_stats *after, int64_t p99_us)
{
    int64_t commits = after->commits - before->commits;
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("{\"name\":\"%s\",\"n\":%lld,\"ns_op\":%.0f,\"rows_s\":%.0f,\"commits\":%lld,\"rows_per_commit\":%.1f,"
           "\"p99_us\":%lld,\"peak_bytes\":%lld}\n",
           name, (long long)rows, s * 1e9 / (double)rows, (double)rows / s, (long long)commits,
           commits ? (double)rows / (double)commits : 0.0, (long long)p99_us, (long long)u.ru_maxrss * 1024);
    fflush(stdout);
}

static double waiting(struct store *st, store_fn fn, int threads, int jobs, int rows, int64_t *p99)
{
    struct run r = {.st = st, .fn = fn, .rows_per_job = rows, .jobs_per_thread = jobs};
    pthread_t t[THREADS];
    r.wait_us = calloc((size_t)(threads * jobs), sizeof *r.wait_us);
    int64_t from = clock_monotonic_us();
    for (int i = 0; i < threads; i++)
        pthread_create(&t[i], NULL, caller, &r);
    for (int i = 0; i < threads; i++)
        pthread_join(t[i], NULL);
    int64_t us = clock_monotonic_us() - from;
    qsort(r.wait_us, r.n_waits, sizeof *r.wait_us, by_size);
    *p99 = r.wait_us[r.n_waits * 99 / 100];
    free(r.wait_us);
    return (double)us * 1e-6;
}

static void on_done(void *ctx, enum rc rc, const struct err *err)
{
    struct run *r = ctx;
    must(rc, err);
    atomic_fetch_sub(&r->open, 1);
}

static double handing_in(struct store *st, int jobs)
{
    struct run r = {.st = st, .rows_per_job = 1};
    struct err err;
    int64_t from = clock_monotonic_us();
    for (int i = 0; i < jobs; i++) {
        while (atomic_load(&r.open) >= IN_FLIGHT)
            clock_sleep_us(200);
        atomic_fetch_add(&r.open, 1);
        must(store_submit(st, add, &r.rows_per_job, on_done, &r, &err), &err);
    }
    while (atomic_load(&r.open) > 0)
        clock_sleep_us(200);
    return (double)(clock_monotonic_us() - from) * 1e-6;
}

/* --- the table of cases ------------------------------------------------------------------------ */

struct bench_case {
    const char *name;
    int threads; /* 0: handed in without waiting */
    int batch_max;
    int jobs, rows; /* per thread, per job */
    store_fn fn;
};

static const struct bench_case LITE[] = {
    {"store_sqlite_1_caller", 1, 0, 4000, 1, add},         {"store_sqlite_64_callers", THREADS, 0, 4000, 1, add},
    {"store_sqlite_batch_100", 0, 100, 300000, 1, add},    {"store_sqlite_batch_1000", 0, 1000, 500000, 1, add},
    {"store_sqlite_100_rows_a_job", 1, 1, 2000, 100, add}, {"store_sqlite_bulk", 1, 0, 10, 50000, bulk},
};
static const struct bench_case POSTGRES[] = {
    {"store_pg_1_caller", 1, 0, 2000, 1, add},        {"store_pg_64_callers", THREADS, 0, 2000, 1, add},
    {"store_pg_batch_1", THREADS, 1, 100, 1, add},    {"store_pg_batch_100", 0, 100, 100000, 1, add},
    {"store_pg_batch_1000", 0, 1000, 200000, 1, add}, {"store_pg_bulk", 1, 0, 10, 50000, bulk},
};

static void run_case(const char *where, const struct bench_case *b)
{
    double s[RUNS];
    int64_t p99[RUNS] = {0}, n = 0, had = 0;
    struct err err;
    struct store *st;
    struct store_options opt = {.batch_max = b->batch_max};
    must(store_open(where, &opt, &st, &err), &err);
    must(store_read(st, count, &had, &err), &err);
    struct store_stats before = store_stats(st), after;
    for (int i = 0; i < RUNS; i++) {
        fresh_ids();
        s[i] = b->threads ? waiting(st, b->fn, b->threads, b->jobs, b->rows, &p99[i]) : handing_in(st, b->jobs);
        if (i == 0)
            after = store_stats(st);
    }
    store_close(st);
    int64_t rows = (int64_t)(b->threads ? b->threads : 1) * b->jobs * b->rows;
    must(store_open(where, NULL, &st, &err), &err);
    must(store_read(st, count, &n, &err), &err);
    store_close(st);
    if (n - had != rows * RUNS) {
        fprintf(stderr, "bench_store: %s: %lld rows acknowledged, %lld there\n", b->name, (long long)(rows * RUNS),
                (long long)(n - had));
        exit(1);
    }
    for (int i = 0; i < RUNS; i++)
        for (int k = i + 1; k < RUNS; k++)
            if (s[k] < s[i]) {
                double x = s[i];
                s[i] = s[k];
                s[k] = x;
            }
    qsort(p99, RUNS, sizeof *p99, by_size);
    line(b->name, rows, s[RUNS / 2], &before, &after, p99[RUNS / 2]);
}

static void make_table(const char *where)
{
    struct err err;
    struct store *st;
    must(store_open(where, NULL, &st, &err), &err);
    must(store_migrate(st, &err), &err);
    must(store_write(st, create, NULL, &err), &err);
    store_close(st);
}

/* Every client's row is a commit of its own, prepared, with a random 16-byte id. */
static void peer(const char *url, const char *dir, int clients)
{
    char script[256], cmd[1024], text[256];
    double tps = 0;
    snprintf(script, sizeof script, "%s/peer.sql", dir);
    FILE *f = fopen(script, "w");
    if (!f)
        return;
    fprintf(f,
            "INSERT INTO bench(id, at, body) VALUES (decode(md5(random()::text), 'hex'), 1,"
            " decode(repeat('00', %zu), 'hex'))\n",
            sizeof body);
    fclose(f);
    snprintf(cmd, sizeof cmd, PGBENCH " -n -M prepared -c %d -j 4 -T 4 -f %s '%s' 2>/dev/null", clients, script, url);
    FILE *p = popen(cmd, "r");
    while (p && fgets(text, sizeof text, p))
        sscanf(text, "tps = %lf", &tps);
    if (!p || pclose(p) != 0 || tps <= 0)
        return;
    printf("{\"name\":\"peer_pgbench_%d_clients\",\"n\":%.0f,\"ns_op\":%.0f,\"rows_s\":%.0f,\"rows_per_commit\":1.0}\n",
           clients, tps * 4, 1e9 / tps, tps);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char path[512];
    const char *dir = argc > 1 ? argv[1] : store_test_dir();
    rng_bytes(body, sizeof body);
    snprintf(path, sizeof path, "%s/bench-store-%d.db", dir, (int)getpid());
    make_table(path);
    for (size_t i = 0; i < sizeof LITE / sizeof LITE[0]; i++)
        run_case(path, &LITE[i]);
    unlink(path);
    if (!pg_server_is_there())
        return 0;
    const char *url = pg_server_new_database();
    make_table(url);
    peer(url, store_test_dir(), 16);
    peer(url, store_test_dir(), 64);
    for (size_t i = 0; i < sizeof POSTGRES / sizeof POSTGRES[0]; i++)
        run_case(url, &POSTGRES[i]);
    return 0;
}
