/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What the ledger costs on SQLite: rows written through the store's door with and without an entry each, in commits of
 * 512; verify over all of it; and the Merkle tree alone. No peer: the ratio is to the same rows without the ledger.
 * Asserts that verify finds every entry.
 *
 *   bench_ledger [FOLDER]    where the data lies (default: a new folder under /tmp, which may be memory)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ledger/ledger.h"
#include "ledger/merkle.h"

enum { BATCH = 512, BATCHES = 400, RUNS = 3 };

static const struct store_sql CREATE = {
    .common = "CREATE TABLE IF NOT EXISTS bench(id BLOB PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL) STRICT"};
static const struct store_sql INSERT = {.common = "INSERT INTO bench(id, at, body) VALUES (?1, ?2, ?3)"};

static void must(enum rc rc, const struct err *err)
{
    if (rc == RC_OK)
        return;
    fprintf(stderr, "bench_ledger: %s\n", err->text);
    exit(1);
}

static enum rc create(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    return store_exec(tx, &CREATE, NULL, 0, NULL, err);
}

struct batch {
    bool with_ledger;
    const char *detail;
};

static enum rc batch(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct batch *b = ctx;
    static const char body[376];
    for (int i = 0; i < BATCH; i++) {
        struct uuid id = uuid_v7(clock_now());
        struct store_arg args[] = {SA_UUID(id), SA_INT(i), SA_BLOB(body, sizeof body)};
        struct ledger_event ev = {.action = "report.receive",
                                  .object_kind = "report",
                                  .object = id,
                                  .at = clock_now(),
                                  .digest = sha256_of(body, sizeof body),
                                  .detail = str_of(b->detail)};
        TRY(store_exec(tx, &INSERT, args, SA_N(args), NULL, err));
        if (b->with_ledger)
            TRY(ledger_append(tx, &ev, err));
    }
    return RC_OK;
}

static double write_all(struct store *st, bool with_ledger, const char *detail)
{
    struct batch b = {with_ledger, detail};
    struct err err;
    int64_t from = clock_monotonic_us();
    for (int i = 0; i < BATCHES; i++)
        must(store_write(st, batch, &b, &err), &err);
    return (double)BATCH * BATCHES / ((double)(clock_monotonic_us() - from) / 1e6);
}

static struct store *fresh(const char *dir, int n, bool with_ledger, struct ledger **l)
{
    char path[600], sub[512];
    struct store *st;
    struct err err;
    snprintf(sub, sizeof sub, "%s/%d-%d", dir, n, with_ledger);
    snprintf(path, sizeof path, "mkdir -p %s", sub);
    ENSURE(system(path) == 0);
    snprintf(path, sizeof path, "%s/fane.db", sub);
    must(store_open(path, NULL, &st, &err), &err);
    must(store_migrate(st, &err), &err);
    must(store_write(st, create, NULL, &err), &err);
    if (with_ledger)
        must(ledger_open(st, sub, "bench.example/ledger", l, &err), &err);
    return st;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v)
{
    qsort(v, RUNS, sizeof *v, compare);
    return v[RUNS / 2];
}

static double tree_alone(void)
{
    struct merkle t = {0};
    struct sha256 leaf = merkle_leaf("x", 1);
    int64_t from = clock_monotonic_us();
    for (int i = 0; i < 1000000; i++)
        merkle_add(&t, leaf);
    ENSURE(t.size == 1000000);
    return 1e12 / (double)(clock_monotonic_us() - from);
}

int main(int argc, char **argv)
{
    char made[] = "/tmp/bench-ledger-XXXXXX";
    const char *dir = argc > 1 ? argv[1] : mkdtemp(made);
    double bare[RUNS], plain[RUNS], detail[RUNS], verify[RUNS];
    struct ledger *l = NULL;
    struct ledger_report r;
    struct err err;
    log_set_level(LOG_WARN);
    for (int i = 0; i < RUNS; i++) {
        struct store *st = fresh(dir, i, false, NULL);
        bare[i] = write_all(st, false, "");
        store_close(st);
        st = fresh(dir, i, true, &l);
        plain[i] = write_all(st, true, "");
        detail[i] = write_all(st, true, "{\"rows\":12,\"source\":\"osm\",\"counts\":{\"added\":5,\"gone\":1}}");
        must(ledger_checkpoint(l, &err), &err);
        int64_t from = clock_monotonic_us();
        must(ledger_verify(l, &r, &err), &err);
        verify[i] = (double)r.entries / ((double)(clock_monotonic_us() - from) / 1e6);
        ENSURE(r.entries == 2 * BATCH * BATCHES + 1);
        store_close(st);
        ledger_close(l);
    }
    double b = median(bare), p = median(plain);
    printf("{\"name\":\"ledger_rows_without\",\"rows_s\":%.0f}\n", b);
    printf(
        "{\"name\":\"ledger_rows_with\",\"rows_s\":%.0f,\"rows_s_with_detail\":%.0f,\"ratio\":%.2f,\"us_per_entry\":%.2f}\n",
        p, median(detail), p / b, 1e6 / p - 1e6 / b);
    printf("{\"name\":\"ledger_verify\",\"entries\":%lld,\"entries_s\":%.0f}\n", (long long)r.entries, median(verify));
    printf("{\"name\":\"ledger_tree\",\"leaves_s\":%.0f}\n", tree_alone());
    return 0;
}
