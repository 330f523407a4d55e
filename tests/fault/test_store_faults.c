/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Fails the n-th write, sync or truncate of SQLite for n = 1, 2, ... until a whole run passes without meeting the
 * fault; after each: reopen, compare with what was acknowledged, integrity check. The same with a power cut that drops
 * or tears what was not synced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <unistd.h>

#include "base/rng.h"
#include "fault_vfs.h"
#include "thing.h"

#define WRITES 12
#define AFTER  1000 /* key of the write after the fault */
#define N_MOST 2000

struct run {
    char path[256];
    struct store *st;
    bool acked[WRITES];
    bool after;
};

static const struct store_sql HAS = {"SELECT count(*) FROM thing WHERE k = ?1", NULL, NULL};

static enum rc check(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct run *r = ctx;
    for (int64_t k = 0; k < WRITES + 1; k++) {
        const struct store_arg a[] = {SA_INT(k < WRITES ? k : AFTER)};
        int64_t n = 0;
        TRY(store_get_int(tx, &HAS, a, 1, &n, err));
        if ((k < WRITES ? r->acked[k] : r->after) && n != 1)
            return err_set(err, RC_DAMAGED, "row %d was acknowledged and is not there", (int)k);
    }
    return RC_OK;
}

static void integrity(const char *path)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(s, 0), "ok");
    sqlite3_finalize(s);
    sqlite3_close(db);
}

/* Rows of several pages, and checkpoints between, so that every kind of write is met. */
static void work(struct run *r)
{
    static char text[9000];
    struct err err;
    memset(text, 'y', sizeof text);
    for (int64_t k = 0; k < WRITES; k++) {
        struct thing_text row = {k, {text, 1 + (size_t)k * 700}};
        r->acked[k] = store_write(r->st, thing_add_text, &row, &err) == RC_OK;
        if (k % 4 == 3 && store_checkpoint(r->st, &err) != RC_OK)
            continue; /* it may fail; nothing acknowledged may be lost by it */
    }
}

static bool one_run(enum fault_kind kind, int64_t n, uint64_t seed)
{
    static unsigned count;
    static const char *dir;
    struct run r = {0};
    struct err err = {0};
    dir = dir ? dir : store_test_dir();
    snprintf(r.path, sizeof r.path, "%s/%u.db", dir, ++count);
    must(store_open(r.path, NULL, &r.st, &mine));
    thing_make(r.st);
    fault_vfs_arm(kind, n);
    work(&r);
    bool met = true;
    if (kind == FAULT_ONCE || kind == FAULT_FULL) { /* the store is well again without being reopened */
        met = fault_vfs_disarm();
        struct thing_text row = {AFTER, STR("after")};
        if (store_write(r.st, thing_add_text, &row, &err) != RC_OK)
            fail_msg("n = %d: after the fault: %s", (int)n, err.text);
        r.after = true;
    }
    store_close(r.st);
    if (kind == FAULT_CUT)
        met = fault_vfs_cut(seed + (uint64_t)n);
    else if (kind == FAULT_STAYS)
        met = fault_vfs_disarm();
    must(store_open(r.path, NULL, &r.st, &mine));
    if (store_read(r.st, check, &r, &err) != RC_OK)
        fail_msg("kind %d, n = %d, seed %llu: %s", (int)kind, (int)n, (unsigned long long)seed, err.text);
    store_close(r.st);
    integrity(r.path);
    unlink(r.path);
    return met;
}

static void all_of(enum fault_kind kind, uint64_t seed)
{
    int64_t n = 1;
    while (n < N_MOST && one_run(kind, n, seed))
        n++;
    assert_true(n > WRITES); /* at least a sync per acknowledged write was met */
    assert_true(n < N_MOST);
    printf("kind %d: %d faults\n", (int)kind, (int)n - 1);
}

static void fails_once(void **state)
{
    (void)state;
    all_of(FAULT_ONCE, 0);
}

static void disk_full(void **state)
{
    (void)state;
    all_of(FAULT_FULL, 0);
}

static void fails_from_then_on(void **state)
{
    (void)state;
    all_of(FAULT_STAYS, 0);
}

static void power_cut(void **state)
{
    (void)state;
    uint64_t seed = (uint64_t)clock_monotonic_us();
    printf("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 3; i++)
        all_of(FAULT_CUT, seed + (uint64_t)i * 100003);
}

int main(void)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 1); /* what is durable is decided by the fault layer, not by a disk */
    fault_vfs_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_once),
        cmocka_unit_test(disk_full),
        cmocka_unit_test(fails_from_then_on),
        cmocka_unit_test(power_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
