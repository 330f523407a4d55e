/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Migrations, on both engines: order, once only, changed, newer, missing, failing in the middle, two at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/asset.h"
#include "store/store_int.h"
#include "thing.h"

#define FIRST "data/migrations/0001_store.sql"

static struct migration first(void)
{
    return (struct migration){1, "0001_store.sql", asset_text(FIRST)};
}

#define MIGRATION(number, name, text) ((struct migration){number, name, {text, sizeof(text) - 1}})

static const struct store_sql RUN = {"SELECT count(*) FROM schema_migration WHERE applied_us > 0", NULL, NULL};
static const struct store_sql A = {"SELECT sum(x) FROM a", NULL, NULL};

static enum rc get(struct store_tx *tx, void *ctx, struct err *err)
{
    int64_t *n = ctx;
    TRY(store_get_int(tx, &RUN, NULL, 0, &n[0], err));
    return n[0] > 1 ? store_get_int(tx, &A, NULL, 0, &n[1], err) : RC_OK;
}

static void assert_state(struct store *st, int64_t run, int64_t sum)
{
    int64_t n[2] = {-1, -1};
    must(store_read(st, get, n, &mine));
    assert_int_equal(n[0], run);
    if (run > 1)
        assert_int_equal(n[1], sum);
}

static const char CREATE_A[] =
    "-- a; comment\nCREATE TABLE a (x {int64} NOT NULL, t {text}, r {real}, b {blob}, f {bool}) {strict};\n"
    "INSERT INTO a(x, t) VALUES (1, 'semi;colon -- and {words}');;\n/* ; */";
static const char ADD_A[] = "INSERT INTO a(x) SELECT sum(x) + 10 FROM a";
static const char HALF[] =
    "INSERT INTO a(x) VALUES (100); CREATE TABLE c (y {int64}) {strict}; INSERT INTO nowhere(x) VALUES (1);";
static const char WHOLE[] = "INSERT INTO a(x) VALUES (100); CREATE TABLE c (y {int64}) {strict};";

static void order(struct store_test *t, void *ctx)
{
    (void)ctx;
    struct err err = {0};
    struct migration list[] = {first(), MIGRATION(2, "0002_a.sql", CREATE_A), MIGRATION(5, "0005_b.sql", ADD_A)};
    must(store_migrate_list(t->st, list, 1, &mine));
    assert_state(t->st, 1, 0);
    must(store_migrate_list(t->st, list, 3, &mine));
    assert_state(t->st, 3, 12);
    must(store_migrate_list(t->st, list, 3, &mine)); /* once only */
    assert_state(t->st, 3, 12);
    struct migration swapped[] = {list[0], list[2], list[1]};
    assert_int_equal(store_migrate_list(t->st, swapped, 3, &err), RC_INVALID);
    assert_string_equal(err.text, "migrations 0005_b.sql and 0002_a.sql are out of order");
}

static void changed(struct store_test *t, void *ctx)
{
    (void)ctx;
    struct err err = {0};
    struct migration list[] = {first(), MIGRATION(2, "0002_a.sql", CREATE_A), MIGRATION(3, "0003_b.sql", ADD_A)};
    must(store_migrate_list(t->st, list, 3, &mine));
    struct migration edited[] = {list[0], MIGRATION(2, "0002_a.sql", "SELECT 1"), list[2]};
    assert_int_equal(store_migrate_list(t->st, edited, 3, &err), RC_DAMAGED);
    assert_non_null(strstr(err.text, "migration 2 (0002_a.sql) has changed"));
    assert_int_equal(store_migrate_list(t->st, list, 2, &err), RC_UNSUPPORTED); /* an older program */
    assert_non_null(strstr(err.text, "migration 3 (0003_b.sql), this program knows only up to 2"));
    struct migration late[] = {list[0], list[1], MIGRATION(4, "0004_x.sql", ADD_A)};
    assert_int_equal(store_migrate_list(t->st, late, 3, &err), RC_UNSUPPORTED);
    assert_non_null(strstr(err.text, "migration 3 (0003_b.sql), which this program does not have"));
    struct migration between[] = {list[0], list[1], MIGRATION(3, "0003_b.sql", ADD_A),
                                  MIGRATION(4, "0004_x.sql", ADD_A)};
    must(store_migrate_list(t->st, between, 4, &mine));
    assert_state(t->st, 4, 34);
}

/* What ran before a statement that fails is taken back, and the next start goes on from there. */
static void fails_in_the_middle(struct store_test *t, void *ctx)
{
    (void)ctx;
    struct err err = {0};
    struct migration bad[] = {first(), MIGRATION(2, "0002_a.sql", CREATE_A), MIGRATION(3, "0003_c.sql", HALF)};
    assert_int_equal(store_migrate_list(t->st, bad, 3, &err), RC_INVALID);
    assert_non_null(strstr(err.text, "migration 3 (0003_c.sql): "));
    assert_state(t->st, 2, 1);
    bad[2].sql = STR("CREATE TABLE q (y {number})");
    assert_int_equal(store_migrate_list(t->st, bad, 3, &err), RC_INVALID);
    assert_non_null(strstr(err.text, "{number} is no type word"));
    bad[2].sql = STR("INSERT INTO a(x, t) VALUES (1, 'open)");
    assert_int_equal(store_migrate_list(t->st, bad, 3, &err), RC_INVALID);
    assert_non_null(strstr(err.text, "never ends"));
    store_close(t->st);
    must(store_open(t->where, NULL, &t->st, &mine));
    struct migration good[] = {bad[0], bad[1], MIGRATION(3, "0003_c.sql", WHOLE)};
    must(store_migrate_list(t->st, good, 3, &mine));
    assert_state(t->st, 3, 101);
}

static void missing_below(struct store_test *t, void *ctx)
{
    (void)ctx;
    struct err err = {0};
    struct migration list[] = {first(), MIGRATION(2, "0002_a.sql", CREATE_A), MIGRATION(4, "0004_b.sql", ADD_A)};
    must(store_migrate_list(t->st, list, 3, &mine));
    struct migration more[] = {list[0], list[1], MIGRATION(3, "0003_new.sql", ADD_A), list[2]};
    assert_int_equal(store_migrate_list(t->st, more, 4, &err), RC_UNSUPPORTED);
    assert_non_null(strstr(err.text, "migration 3 (0003_new.sql) is missing in the database below 4"));
}

struct racer {
    const char *where;
    pthread_t thread;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    struct migration list[] = {first(), MIGRATION(2, "0002_a.sql", CREATE_A), MIGRATION(3, "0003_b.sql", ADD_A)};
    struct store *st = NULL;
    must(store_open(r->where, NULL, &st, &mine));
    must(store_migrate_list(st, list, 3, &mine));
    store_close(st);
    return NULL;
}

static void two_at_once(struct store_test *t, void *ctx)
{
    (void)ctx;
    struct racer r[4];
    store_close(t->st);
    t->st = NULL;
    for (int i = 0; i < 4; i++) {
        r[i].where = t->where;
        pthread_create(&r[i].thread, NULL, race, &r[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(r[i].thread, NULL);
    must(store_open(t->where, NULL, &t->st, &mine));
    assert_state(t->st, 3, 12);
}

static void all_assets(struct store_test *t, void *ctx)
{
    (void)ctx;
    must(store_migrate(t->st, &mine));
    must(store_migrate(t->st, &mine));
}

#define BARE(name)                                                                                                     \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        store_test_each_engine_bare(name, NULL);                                                                       \
    }
BARE(order)
BARE(changed)
BARE(fails_in_the_middle)
BARE(missing_below)
BARE(two_at_once)
BARE(all_assets)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_fails_in_the_middle),
        cmocka_unit_test(test_missing_below),
        cmocka_unit_test(test_two_at_once),
        cmocka_unit_test(test_all_assets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
