/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The contract of store.h, each test on both engines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "thing.h"

/* --- arguments and results -------------------------------------------------------------------------------------------
 */

static const struct store_sql GET = {"SELECT k, t, r, b, f FROM thing WHERE k = ?1", NULL, NULL};

struct value_case {
    struct store_arg t, r, b;
    int64_t k;
};

static enum rc put_value(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct value_case *v = ctx;
    const struct store_arg a[] = {SA_INT(v->k), v->t, v->r, v->b, SA_INT(1)};
    int64_t changed = -1;
    enum rc rc = store_exec(tx, &THING_INSERT, a, SA_N(a), &changed, err);
    if (rc == RC_OK)
        assert_int_equal(changed, 1);
    return rc;
}

static void same(struct store_rows *r, int col, const struct store_arg *want)
{
    struct str got;
    assert_int_equal(store_is_null(r, col), want->type == STORE_NULL);
    if (want->type == STORE_REAL)
        assert_true(store_real(r, col) == want->r);
    if (want->type != STORE_TEXT && want->type != STORE_BLOB)
        return;
    got = want->type == STORE_TEXT ? store_text(r, col) : store_blob(r, col);
    assert_non_null(got.p);
    assert_int_equal(got.n, want->s.n);
    if (got.n)
        assert_memory_equal(got.p, want->s.p, got.n);
}

static enum rc get_value(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct value_case *v = ctx;
    const struct store_arg a[] = {SA_INT(v->k)};
    struct store_rows *r;
    TRY(store_query(tx, &GET, a, 1, &r, err));
    assert_true(store_next(r));
    assert_int_equal(store_int(r, 0), v->k);
    same(r, 1, &v->t);
    same(r, 2, &v->r);
    same(r, 3, &v->b);
    assert_int_equal(store_int(r, 4), 1);
    assert_true(store_is_null(r, 5)); /* there is no such column */
    assert_false(store_next(r));
    return store_finish(r, err);
}

static void values(struct store_test *t, void *ctx)
{
    (void)ctx;
    static char big[1 << 20];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 7 + (i >> 8));
    const struct value_case cases[] = {
        {SA_NULL, SA_NULL, SA_NULL, 1},
        {SA_TEXT(STR("")), SA_REAL(0.0), SA_BLOB("", 0), 2},
        {SA_TEXT(STR_NONE), SA_REAL(-0.1), SA_BLOB(NULL, 0), 3},
        {SA_TEXT(STR("مسجد 寺 \xF0\x9F\x95\x8D")), SA_REAL(1.7976931348623157e308), SA_BLOB("\0\xff\0", 3), 4},
        {SA_TEXT_OPT(STR("")), SA_REAL(4.9406564584124654e-324), SA_BLOB(big, sizeof big), INT64_MAX},
        {SA_TEXT(STR("?1 ' \" -- \\ $1")), SA_NULL_OF(STORE_REAL), SA_NULL_OF(STORE_BLOB), INT64_MIN},
    };
    thing_make(t->st);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        must(store_write(t->st, put_value, (void *)&cases[i], &mine));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        must(store_read(t->st, get_value, (void *)&cases[i], &mine));
}

static void refused_values(struct store_test *t, void *ctx)
{
    (void)ctx;
    static const struct {
        struct store_arg t, r;
        const char *says;
    } CASES[] = {
        {{.type = STORE_TEXT, .s = {"a\0b", 3}}, {.type = STORE_REAL}, "?2 of a statement holds a NUL"},
        {{.type = STORE_TEXT, .s = {"a\xff", 2}}, {.type = STORE_REAL}, "?2 of a statement is not UTF-8"},
        {{.type = STORE_NULL}, {.type = STORE_REAL, .r = NAN}, "?3 of a statement is not a finite number"},
        {{.type = STORE_NULL}, {.type = STORE_REAL, .r = INFINITY}, "?3 of a statement is not a finite number"},
    };
    thing_make(t->st);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct value_case v = {CASES[i].t, CASES[i].r, SA_NULL, (int64_t)i};
        struct err err = {0};
        assert_int_equal(store_write(t->st, put_value, &v, &err), RC_INVALID);
        assert_non_null(strstr(err.text, CASES[i].says));
    }
    assert_int_equal(thing_count(t->st), 0);
}

/* --- statements -------------------------------------------------------------------------------- */

static const struct store_sql SWAPPED = {"SELECT ?2 - ?1 + 0 * ?2, '?9 -- ?8' /* ?7 */ -- ?6", NULL, NULL};
static const struct store_sql TAKE_NONE = {"SELECT 1", NULL, NULL};
static const struct store_sql WRONG = {"SELEKT 1", NULL, NULL};
static const struct store_sql PUT_SAME = {"INSERT INTO thing(k) VALUES (1) ON CONFLICT (k) DO NOTHING", NULL, NULL};
static const struct store_sql IS_NULL = {"SELECT CASE WHEN ?1 IS NULL THEN 1 ELSE 0 END", NULL, NULL};
static const struct store_sql SUM = {"SELECT sum(k), sum(r), max(t), count(*) FROM thing", NULL, NULL};
static const struct store_sql ORDERED = {"SELECT t FROM thing ORDER BY t", NULL, NULL};

static enum rc statements(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    int64_t n = 0;
    struct err e;
    const struct store_arg two[] = {SA_INT(10), SA_INT(50)}, none[] = {SA_NULL_OF(STORE_TEXT)},
                           some[] = {SA_TEXT(STR("x"))};
    TRY(store_get_int(tx, &SWAPPED, two, 2, &n, err));
    assert_int_equal(n, 40); /* parameters go by number, not by place */
    TRY(store_get_int(tx, &IS_NULL, none, 1, &n, err));
    assert_int_equal(n, 1);
    TRY(store_get_int(tx, &IS_NULL, some, 1, &n, err));
    assert_int_equal(n, 0);
    assert_false(store_is_writing(tx));
    assert_int_equal(store_exec(tx, &PUT_SAME, NULL, 0, NULL, &e), RC_INVALID);
    return RC_OK;
}

static enum rc wrong_count(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct store_arg two[] = {SA_INT(1), SA_INT(2)};
    int64_t n;
    (void)ctx;
    return store_get_int(tx, &TAKE_NONE, two, 1, &n, err);
}

static enum rc wrong_sql(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    return store_exec(tx, &WRONG, NULL, 0, NULL, err);
}

static enum rc put_twice(struct store_tx *tx, void *ctx, struct err *err)
{
    int64_t *changed = ctx;
    TRY(store_exec(tx, &PUT_SAME, NULL, 0, &changed[0], err));
    return store_exec(tx, &PUT_SAME, NULL, 0, &changed[1], err);
}

static void run_statements(struct store_test *t, void *ctx)
{
    (void)ctx;
    int64_t changed[2] = {-1, -1}, k = 1;
    struct err err = {0};
    thing_make(t->st);
    assert_int_equal(store_read(t->st, statements, NULL, &err), RC_INVALID); /* S5: its forbidden change counts */
    assert_non_null(strstr(err.text, "reading transaction"));
    assert_int_equal(store_read(t->st, wrong_count, NULL, &err), RC_INVALID);
    assert_non_null(strstr(err.text, "takes 0 arguments, 1 were given"));
    assert_int_equal(store_write(t->st, wrong_sql, NULL, &err), RC_INVALID);
    must(store_write(t->st, put_twice, changed, &mine));
    assert_int_equal(changed[0], 1);
    assert_int_equal(changed[1], 0);
    assert_int_equal(store_write(t->st, thing_add, &k, &err), RC_CONFLICT);
    assert_null(strstr(err.text, "(1)")); /* S6 */
    assert_int_equal(thing_count(t->st), 1);
}

/* NULL first, then another type in the same place: a prepared statement must not keep the first guess. */
static void types_change(struct store_test *t, void *ctx)
{
    (void)ctx;
    thing_make(t->st);
    for (int64_t k = 0; k < 20; k++) {
        struct value_case v = {k % 3 ? SA_TEXT(STR("x")) : SA_NULL, k % 2 ? SA_NULL : SA_REAL(2.5), SA_NULL, k};
        must(store_write(t->st, put_value, &v, &mine));
        must(store_read(t->st, get_value, &v, &mine));
    }
}

static enum rc sums(struct store_tx *tx, void *ctx, struct err *err)
{
    struct store_rows *r;
    (void)ctx;
    TRY(store_query(tx, &SUM, NULL, 0, &r, err));
    assert_true(store_next(r));
    assert_int_equal(store_int(r, 0), INT64_C(9007199254740993) + 7); /* not exact in a double */
    assert_true(store_real(r, 1) == 3.0);
    assert_true(str_is_equal(store_text(r, 2), STR("x")));
    assert_int_equal(store_int(r, 3), 2);
    return store_finish(r, err);
}

static enum rc misread(struct store_tx *tx, void *ctx, struct err *err)
{
    struct store_rows *r;
    (void)ctx;
    TRY(store_query(tx, &SUM, NULL, 0, &r, err));
    assert_true(store_next(r));
    assert_int_equal(store_text(r, 0).n, 0);
    return store_finish(r, err);
}

static void aggregates(struct store_test *t, void *ctx)
{
    (void)ctx;
    int64_t ks[] = {INT64_C(9007199254740993), 7};
    struct err err = {0};
    thing_make(t->st);
    for (int i = 0; i < 2; i++)
        must(store_write(t->st, thing_add, &ks[i], &mine));
    must(store_read(t->st, sums, NULL, &mine));
    assert_int_equal(store_read(t->st, misread, NULL, &err), RC_INVALID);
    assert_non_null(strstr(err.text, "column 0"));
}

static enum rc check_order(struct store_tx *tx, void *ctx, struct err *err)
{
    static const char *const WANT[] = {"A", "B", "a", "b", "\xC3\xA4"};
    struct store_rows *r;
    (void)ctx;
    TRY(store_query(tx, &ORDERED, NULL, 0, &r, err));
    for (int i = 0; i < 5; i++) {
        assert_true(store_next(r));
        assert_true(str_is_equal(store_text(r, 0), str_of(WANT[i])));
    }
    return store_finish(r, err);
}

static void text_order(struct store_test *t, void *ctx)
{
    static const char *const TEXTS[] = {"b", "\xC3\xA4", "A", "a", "B"};
    (void)ctx;
    thing_make(t->st);
    for (int64_t i = 0; i < 5; i++) {
        struct value_case v = {SA_TEXT(str_of(TEXTS[i])), SA_NULL, SA_NULL, i};
        must(store_write(t->st, put_value, &v, &mine));
    }
    must(store_read(t->st, check_order, NULL, &mine));
}

/* --- many rows --------------------------------------------------------------------------------- */

static const struct store_sql ALL = {"SELECT k FROM thing ORDER BY k", NULL, NULL};
static const struct store_sql ONE = {"SELECT k FROM thing WHERE k = ?1", NULL, NULL};
#define MANY 1000

static enum rc put_many(struct store_tx *tx, void *ctx, struct err *err)
{
    static struct store_arg a[MANY * 5];
    int64_t changed = 0;
    (void)ctx;
    for (int i = 0; i < MANY; i++) {
        const struct store_arg row[] = {SA_INT(i), i % 2 ? SA_NULL : SA_TEXT(STR("even")), SA_REAL(i), SA_NULL,
                                        SA_INT(0)};
        memcpy(&a[5 * i], row, sizeof row);
    }
    TRY(store_exec_many(tx, &THING_INSERT, a, 5, MANY, &changed, err));
    assert_int_equal(changed, MANY);
    return store_exec_many(tx, &THING_INSERT, a, 5, 0, NULL, err);
}

/* Queries inside a query, on the same connection; some results are left before their end. */
static enum rc nested(struct store_tx *tx, void *ctx, struct err *err)
{
    struct store_rows *all, *one;
    int64_t want = 0;
    (void)ctx;
    TRY(store_query(tx, &ALL, NULL, 0, &all, err));
    while (store_next(all)) {
        const struct store_arg a[] = {SA_INT(store_int(all, 0))};
        assert_int_equal(a[0].i, want++);
        TRY(store_query(tx, &ONE, a, 1, &one, err));
        assert_true(store_next(one));
        assert_int_equal(store_int(one, 0), a[0].i);
        TRY(store_finish(one, err));
    }
    assert_int_equal(want, MANY);
    TRY(store_finish(all, err));
    TRY(store_query(tx, &ALL, NULL, 0, &all, err));
    TRY(store_query(tx, &ALL, NULL, 0, &one, err)); /* the same statement twice at once */
    assert_true(store_next(one) && store_next(all) && store_next(all));
    assert_int_equal(store_int(all, 0), 1);
    assert_int_equal(store_int(one, 0), 0);
    return RC_OK; /* both left open: the store closes them */
}

static void many_rows(struct store_test *t, void *ctx)
{
    (void)ctx;
    thing_make(t->st);
    must(store_write(t->st, put_many, NULL, &mine));
    must(store_read(t->st, nested, NULL, &mine));
    must(store_write(t->st, nested, NULL, &mine));
    must(store_read(t->st, nested, NULL, &mine));
}

struct bulk_case {
    int64_t from, n;
    bool keep;
    struct store_arg odd; /* the last row's text */
};

static enum rc bulk(struct store_tx *tx, void *ctx, struct err *err)
{
    static const char *const COLUMNS[] = {"k", "t", "r", "b", "f"};
    const struct bulk_case *c = ctx;
    struct store_bulk *b;
    int64_t rows = -1;
    enum rc rc = RC_OK;
    TRY(store_bulk_open(tx, "thing", COLUMNS, 5, &b, err));
    for (int64_t i = 0; i < c->n && rc == RC_OK; i++) {
        const struct store_arg a[] = {SA_INT(c->from + i), i == c->n - 1 ? c->odd : SA_NULL, SA_REAL(0.5),
                                      SA_BLOB("\0\1", 2), SA_INT(1)};
        rc = store_bulk_row(b, a, err);
    }
    if (rc != RC_OK) {
        struct err ignored;
        assert_int_equal(store_bulk_close(b, false, NULL, &ignored), rc); /* S5: the first failure stays */
        return rc;
    }
    TRY(store_bulk_close(b, c->keep, &rows, err));
    assert_int_equal(rows, c->keep ? c->n : -1);
    return RC_OK;
}

static void bulk_load(struct store_test *t, void *ctx)
{
    (void)ctx;
    struct err err = {0};
    struct bulk_case c = {0, 20000, true, SA_TEXT(STR("last"))}, none = {0, 0, true, SA_NULL},
                     twice = {5, 1, true, SA_NULL}, given_up = {90000, 3, false, SA_NULL},
                     bad = {90000, 3, true, {.type = STORE_TEXT, .s = {"\0", 1}}};
    thing_make(t->st);
    must(store_write(t->st, bulk, &c, &mine));
    must(store_write(t->st, bulk, &none, &mine));
    assert_int_equal(store_write(t->st, bulk, &twice, &err), RC_CONFLICT);
    assert_int_equal(store_write(t->st, bulk, &given_up, &err), RC_CONFLICT);
    assert_int_equal(store_write(t->st, bulk, &bad, &err), RC_INVALID);
    assert_int_equal(thing_count(t->st), 20000);
    c.from = 50000;
    must(store_write(t->st, bulk, &c, &mine));
    assert_int_equal(thing_count(t->st), 40000);
}

/* --- transactions ------------------------------------------------------------------------------ */

static enum rc add_then_fail(struct store_tx *tx, void *ctx, struct err *err)
{
    TRY(thing_add(tx, ctx, err));
    return err_set(err, RC_DENIED, "changed its mind");
}

/* Ignores that its second statement failed. */
static enum rc add_and_ignore(struct store_tx *tx, void *ctx, struct err *err)
{
    struct err ignored;
    TRY(thing_add(tx, ctx, err));
    if (thing_add(tx, ctx, &ignored) == RC_OK)
        return err_set(err, RC_IO, "a duplicate was taken");
    return RC_OK;
}

static void failing_job(struct store_test *t, void *ctx)
{
    (void)ctx;
    int64_t k = 1;
    struct err err = {0};
    thing_make(t->st);
    assert_int_equal(store_write(t->st, add_then_fail, &k, &err), RC_DENIED);
    assert_string_equal(err.text, "changed its mind");
    assert_int_equal(thing_count(t->st), 0);
    /* S5; with PostgreSQL the duplicate may be met only after both calls have answered */
    enum rc rc = store_write(t->st, add_and_ignore, &k, &err);
    assert_int_equal(rc, RC_CONFLICT);
    assert_int_equal(thing_count(t->st), 0);
    must(store_write(t->st, thing_add, &k, &mine));
    assert_int_equal(thing_count(t->st), 1);
}

struct nest {
    struct store *st;
    enum rc write, read;
};

static enum rc nest(struct store_tx *tx, void *ctx, struct err *err)
{
    struct nest *n = ctx;
    struct err e;
    int64_t k = 9;
    (void)tx, (void)err;
    n->write = store_write(n->st, thing_add, &k, &e);
    n->read = store_read(n->st, thing_count_fn, &k, &e);
    return RC_OK;
}

static void nesting(struct store_test *t, void *ctx)
{
    (void)ctx;
    struct nest in_write = {.st = t->st}, in_read = {.st = t->st};
    thing_make(t->st);
    must(store_write(t->st, nest, &in_write, &mine));
    must(store_read(t->st, nest, &in_read, &mine));
    assert_int_equal(in_write.write, RC_INVALID);
    assert_int_equal(in_write.read, RC_INVALID);
    assert_int_equal(in_read.write, RC_INVALID);
    assert_int_equal(in_read.read, RC_INVALID);
    assert_int_equal(thing_count(t->st), 0);
}

struct snapshot {
    struct store *st;
    int64_t k, before, after;
};

static void *add_elsewhere(void *arg)
{
    struct snapshot *s = arg;
    must(store_write(s->st, thing_add, &s->k, &mine));
    return NULL;
}

/* The write happens after the reader began and before it first looks. */
static enum rc look_twice(struct store_tx *tx, void *ctx, struct err *err)
{
    struct snapshot *s = ctx;
    pthread_t t;
    pthread_create(&t, NULL, add_elsewhere, s);
    pthread_join(t, NULL);
    TRY(thing_count_fn(tx, &s->before, err));
    s->k++;
    pthread_create(&t, NULL, add_elsewhere, s);
    pthread_join(t, NULL);
    return thing_count_fn(tx, &s->after, err);
}

static void snapshots(struct store_test *t, void *ctx)
{
    (void)ctx;
    struct snapshot s = {.st = t->st, .k = 1};
    thing_make(t->st);
    must(store_read(t->st, look_twice, &s, &mine));
    assert_int_equal(s.before, 0);
    assert_int_equal(s.after, 0);
    assert_int_equal(thing_count(t->st), 2);
}

static void read_only(struct store_test *t, void *ctx)
{
    (void)ctx;
    int64_t k = 1;
    struct err err = {0};
    thing_make(t->st);
    must(store_write(t->st, thing_add, &k, &mine));
    store_close(t->st);
    must(store_open(t->where, &(struct store_options){.read_only = true}, &t->st, &mine));
    assert_int_equal(thing_count(t->st), 1);
    assert_int_equal(store_write(t->st, thing_add, &k, &err), RC_UNSUPPORTED);
    must(store_checkpoint(t->st, &mine));
}

#define EACH(name)                                                                                                     \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        store_test_each_engine(name, NULL);                                                                            \
    }
EACH(values)
EACH(refused_values)
EACH(run_statements)
EACH(types_change)
EACH(aggregates)
EACH(text_order)
EACH(many_rows)
EACH(bulk_load)
EACH(failing_job)
EACH(nesting)
EACH(snapshots)
EACH(read_only)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),         cmocka_unit_test(test_refused_values),
        cmocka_unit_test(test_run_statements), cmocka_unit_test(test_types_change),
        cmocka_unit_test(test_aggregates),     cmocka_unit_test(test_text_order),
        cmocka_unit_test(test_many_rows),      cmocka_unit_test(test_bulk_load),
        cmocka_unit_test(test_failing_job),    cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_snapshots),      cmocka_unit_test(test_read_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
