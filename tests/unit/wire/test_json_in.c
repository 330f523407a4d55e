/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Small JSON documents: caps, duplicates, getters with their paths; problem documents.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "wire/json_in.h"
#include "wire/problem.h"

static void test_documents(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
        enum rc rc;
    } CASES[] = {
        {"{\"a\":1}", "", RC_OK},
        {"[1]", "not an object", RC_INVALID},
        {"", "not JSON", RC_INVALID},
        {"{\"a\":1,\"a\":2}", "duplicate", RC_INVALID},
        {"{\"a\":\"\\u0000\"}", "not JSON", RC_INVALID},
        {"{\"a\":\n}", "line 2", RC_INVALID},
        {"{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}", "at most 64", RC_TOO_LARGE},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "deeper", RC_TOO_LARGE},
        {"{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\"}", "", RC_OK},
    };
    json_t *none;
    struct err nul = {0};
    assert_int_equal(json_in_parse((struct str){"[true\0]", 7}, 64, &none, &nul), RC_INVALID);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        json_t *v = NULL;
        struct err err = {0};
        enum rc rc = json_in_object(str_of(CASES[i].text), 64, &v, &err);
        if (rc != CASES[i].rc || !strstr(err.text, CASES[i].says))
            fail_msg("case %zu: rc %d \"%s\"", i, rc, err.text);
        json_decref(v);
    }
}

static void test_getters(void **state)
{
    (void)state;
    json_t *v;
    struct err err = {0};
    struct str s = STR("kept");
    double f = 7;
    int64_t i = 7;
    bool b = false;
    json_t *sub = NULL;
    assert_int_equal(
        json_in_object(STR("{\"t\":\"x\",\"n\":1.5,\"i\":3,\"y\":true,\"z\":null,\"l\":[],\"o\":{\"k\":1}}"), 1000, &v,
                       &err),
        RC_OK);
    assert_int_equal(json_in_str(v, "", "t", JSON_REQUIRED, 10, &s, &err), RC_OK);
    assert_true(str_is_equal(s, STR("x")));
    assert_int_equal(json_in_str(v, "", "t", JSON_REQUIRED, 0, &s, &err), RC_TOO_LARGE);
    assert_int_equal(json_in_str(v, "", "z", JSON_OPTIONAL, 10, &s, &err), RC_OK);
    assert_true(str_is_equal(s, STR("x")));
    assert_int_equal(json_in_str(v, "", "z", JSON_REQUIRED, 10, &s, &err), RC_INVALID);
    assert_string_equal(err.text, "/z: missing");
    assert_int_equal(json_in_f64(v, "", "n", JSON_REQUIRED, &f, &err), RC_OK);
    assert_true(f == 1.5);
    assert_int_equal(json_in_f64(v, "", "i", JSON_REQUIRED, &f, &err), RC_OK);
    assert_int_equal(json_in_f64(v, "", "t", JSON_OPTIONAL, &f, &err), RC_INVALID);
    assert_string_equal(err.text, "/t: not a number");
    assert_int_equal(json_in_i64(v, "", "n", JSON_REQUIRED, &i, &err), RC_INVALID);
    assert_int_equal(json_in_i64(v, "", "i", JSON_REQUIRED, &i, &err), RC_OK);
    assert_int_equal(i, 3);
    assert_int_equal(json_in_bool(v, "", "y", JSON_REQUIRED, &b, &err), RC_OK);
    assert_true(b);
    assert_int_equal(json_in_bool(v, "/deep", "i", JSON_REQUIRED, &b, &err), RC_INVALID);
    assert_string_equal(err.text, "/deep/i: not true or false");
    assert_int_equal(json_in_array(v, "", "l", JSON_REQUIRED, &sub, &err), RC_OK);
    assert_int_equal(json_in_array(v, "", "o", JSON_REQUIRED, &sub, &err), RC_INVALID);
    assert_int_equal(json_in_sub(v, "", "o", JSON_REQUIRED, &sub, &err), RC_OK);
    assert_int_equal(json_in_sub(v, "", "l", JSON_REQUIRED, &sub, &err), RC_INVALID);
    assert_true(isnan(json_f64_or_nan(v, "t")));
    assert_true(str_is_empty(json_str_or_empty(v, "i")));
    json_decref(v);
}

static void test_problems(void **state)
{
    (void)state;
    struct buf b;
    struct err err;
    buf_init(&b, 0);
    err_set(&err, RC_INVALID, "/lat: not a number");
    problem_from_err(&b, &err);
    buf_add_char(&b, '\0');
    assert_string_equal(b.p, "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"code\":\"invalid\","
                             "\"detail\":\"/lat: not a number\"}");
    buf_clear(&b);
    err_set(&err, RC_IO, "disk I/O error in /srv/secret/fane.db");
    problem_from_err(&b, &err);
    buf_add_char(&b, '\0');
    assert_null(strstr(b.p, "secret"));
    assert_non_null(strstr(b.p, "500"));
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_getters),
        cmocka_unit_test(test_problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
