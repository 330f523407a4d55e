/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The contract of store.h, on both engines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pg_server.h"

static const struct store_sql CREATE = {
    .sqlite = "CREATE TABLE IF NOT EXISTS thing(k INTEGER PRIMARY KEY, t TEXT, r REAL, b BLOB, f INTEGER) STRICT",
    .postgres = "CREATE TABLE IF NOT EXISTS thing(k BIGINT PRIMARY KEY, t TEXT, r DOUBLE PRECISION, b BYTEA, f SMALLINT)"};
static const struct store_sql INSERT = {"INSERT INTO thing(k, t, r, b, f) VALUES (?1, ?2, ?3, ?4, ?5)", NULL, NULL};
static const struct store_sql COUNT = {"SELECT count(*) FROM thing", NULL, NULL};

#define must(call)                                      \
    do {                                                \
        struct err err = {0};                           \
        enum rc rc_ = (call);                           \
        if (rc_ != RC_OK)                               \
            fail_msg("%s: %s", rc_name(rc_), err.text); \
    } while (0)

static enum rc create(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    return store_exec(tx, &CREATE, NULL, 0, NULL, err);
}

static enum rc add(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct store_arg a[] = {SA_INT(*(int64_t *)ctx), SA_TEXT(STR("x")), SA_REAL(1.5), SA_NULL, SA_INT(1)};
    return store_exec(tx, &INSERT, a, SA_N(a), NULL, err);
}

static enum rc count(struct store_tx *tx, void *ctx, struct err *err)
{
    return store_get_int(tx, &COUNT, NULL, 0, ctx, err);
}

static void write_and_read(struct store_test *t, void *ctx)
{
    (void)ctx;
    int64_t n = 0;
    must(store_write(t->st, create, NULL, &err));
    for (int64_t i = 0; i < 10; i++)
        must(store_write(t->st, add, &i, &err));
    must(store_read(t->st, count, &n, &err));
    assert_int_equal(n, 10);
    store_close(t->st);
    t->st = NULL;
    must(store_open(t->where, NULL, &t->st, &err));
    must(store_read(t->st, count, &n, &err));
    assert_int_equal(n, 10);
}

static void test_write_and_read(void **state)
{
    (void)state;
    store_test_each_engine(write_and_read, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
