/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The text work: splitting, type words, parameters, and the map of prepared statements.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/store_int.h"

static void splitting(void **state)
{
    (void)state;
    static const char *const WANT[] = {"SELECT ';', \"a;b\" -- ;\n FROM t", "INSERT INTO x VALUES ('it''s; /* no */')",
                                       "/* c; */ -- d;\n SELECT 2", NULL};
    struct str rest =
        STR("  ;;\n-- only; a comment\nSELECT ';', \"a;b\" -- ;\n FROM t;\n INSERT INTO x VALUES ('it''s; /* no */') ;"
            "/* c; */ -- d;\n SELECT 2\n ; -- the end;");
    struct str one;
    struct err err = {0};
    for (int i = 0;; i++) {
        assert_int_equal(sql_next(&rest, &one, &err), RC_OK);
        if (!WANT[i]) {
            assert_int_equal(one.n, 0);
            break;
        }
        const char *tail = i == 2 ? "SELECT 2" : WANT[i]; /* comments before a statement are left out */
        assert_true(str_is_equal(one, str_of(tail)));
    }
}

static void open_quotes(void **state)
{
    static const char *const BAD[] = {"SELECT 'a", "SELECT \"a", "SELECT 1 /* a", "SELECT 'a''", "/*/"};
    struct err err = {0};
    struct str one;
    struct buf b;
    size_t n;
    (void)state;
    buf_init(&b, 0);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct str s = str_of(BAD[i]);
        assert_int_equal(sql_number(s, &b, &n, &err), RC_INVALID);
        assert_int_equal(sql_expand(s, STORE_SQLITE, &b, &err), RC_INVALID);
        assert_int_equal(sql_next(&s, &one, &err), RC_INVALID);
        assert_non_null(strstr(err.text, "never ends"));
    }
    buf_fini(&b);
}

static void words(void **state)
{
    (void)state;
    struct buf b;
    struct err err = {0};
    struct str in =
        STR("CREATE TABLE t(a {int64}, b {text} NOT NULL, c {blob}, d {real}, e {bool}, f '{text}') {strict} -- {x}");
    buf_init(&b, 0);
    assert_int_equal(sql_expand(in, STORE_SQLITE, &b, &err), RC_OK);
    assert_true(str_is_equal(buf_str(&b), STR("CREATE TABLE t(a INTEGER, b TEXT NOT NULL, c BLOB, d REAL, e INTEGER,"
                                              " f '{text}') STRICT -- {x}")));
    buf_clear(&b);
    assert_int_equal(sql_expand(in, STORE_POSTGRES, &b, &err), RC_OK);
    assert_true(str_is_equal(buf_str(&b), STR("CREATE TABLE t(a BIGINT, b TEXT COLLATE \"C\" NOT NULL, c BYTEA,"
                                              " d DOUBLE PRECISION, e SMALLINT, f '{text}')  -- {x}")));
    assert_int_equal(sql_expand(STR("{"), STORE_SQLITE, &b, &err), RC_INVALID);
    assert_int_equal(sql_expand(STR("{}"), STORE_SQLITE, &b, &err), RC_INVALID);
    buf_fini(&b);
}

static void numbers(void **state)
{
    (void)state;
    struct buf b;
    struct err err = {0};
    size_t n = 0;
    buf_init(&b, 0);
    assert_int_equal(sql_number(STR("?1+?12 '?3' \"?4\" -- ?5\n/*?6*/?2"), &b, &n, &err), RC_OK);
    assert_true(str_is_equal(buf_str(&b), STR("$1+$12 '?3' \"?4\" -- ?5\n/*?6*/$2")));
    assert_int_equal(n, 12);
    assert_int_equal(sql_number(STR("?"), &b, &n, &err), RC_INVALID);
    assert_int_equal(sql_number(STR("?0"), &b, &n, &err), RC_INVALID);
    assert_int_equal(sql_number(STR("?1000"), &b, &n, &err), RC_INVALID);
    assert_int_equal(sql_number(STR("?99999999999999999999999"), &b, &n, &err), RC_INVALID);
    buf_fini(&b);
}

static int dropped;
static void drop(void *stmt)
{
    dropped += *(int *)stmt;
}

static void statement_map(void **state)
{
    (void)state;
    static struct store_sql keys[STORE_CACHE_MAX + 1];
    static const char TEXT[] = "x", OTHER[] = "y";
    static int one = 1;
    struct stmt_map m = {0};
    assert_null(stmt_map_get(&m, &keys[0], TEXT));
    for (int i = 0; i < STORE_CACHE_MAX; i++)
        assert_true(stmt_map_put(&m, &keys[i], TEXT, &one));
    for (int i = 0; i < STORE_CACHE_MAX; i++)
        assert_ptr_equal(stmt_map_get(&m, &keys[i], TEXT), &one);
    assert_false(stmt_map_put(&m, &keys[STORE_CACHE_MAX], TEXT, &one));
    assert_null(stmt_map_get(&m, &keys[STORE_CACHE_MAX], TEXT));
    assert_null(stmt_map_get(&m, &keys[7], OTHER)); /* the same address, another statement */
    assert_false(stmt_map_put(&m, &keys[7], OTHER, &one));
    stmt_map_fini(&m, drop);
    assert_int_equal(dropped, STORE_CACHE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splitting), cmocka_unit_test(open_quotes),   cmocka_unit_test(words),
        cmocka_unit_test(numbers),   cmocka_unit_test(statement_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
