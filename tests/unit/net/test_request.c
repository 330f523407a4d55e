/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What a request says: targets, parameters, cookies, encodings, entity tags; the listen address.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/net_int.h"

static struct str lookup_one(void *ctx, const char *name)
{
    const char *const *pair = ctx;
    return strcmp(pair[0], name) == 0 ? str_of(pair[1]) : STR_NONE;
}

static struct http_request with_header(const char **pair)
{
    return (struct http_request){.lookup = lookup_one, .lookup_ctx = pair};
}

static void test_targets(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path, *a;
        enum rc rc;
    } CASES[] = {
        {"/", "/", NULL, RC_OK},
        {"/x/y?a=1&b=2", "/x/y", "1", RC_OK},
        {"/x?b=&a=caf%C3%A9+bar%2B&&", "/x", "caf\xC3\xA9 bar+", RC_OK},
        {"/x?a", "/x", "", RC_OK},
        {"/a+b%20c", "/a+b c", NULL, RC_OK},
        {"http://host:80/p?a=2", "/p", "2", RC_OK},
        {"https://host?a=2", NULL, NULL, RC_INVALID},
        {"https://host", "/", NULL, RC_OK},
        {"*", NULL, NULL, RC_INVALID},
        {"", NULL, NULL, RC_INVALID},
        {"/x%", NULL, NULL, RC_INVALID},
        {"/x%4", NULL, NULL, RC_INVALID},
        {"/x%4g", NULL, NULL, RC_INVALID},
        {"/x%00y", NULL, NULL, RC_INVALID},
        {"/x?a=%00", NULL, NULL, RC_INVALID},
        {"/x%FF", NULL, NULL, RC_INVALID},
        {"/x?a=1&a=2", NULL, NULL, RC_INVALID},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct arena mem;
        struct http_request req = {0};
        struct err err = {0};
        struct str a;
        arena_init(&mem);
        enum rc rc = http_target_parse(str_of(CASES[i].target), &mem, &req, &err);
        if (rc != CASES[i].rc)
            fail_msg("%s: %s", CASES[i].target, err.text);
        if (rc == RC_OK) {
            assert_true(str_is_equal(req.path, str_of(CASES[i].path)));
            assert_int_equal(http_query(&req, "a", &a), CASES[i].a != NULL);
            if (CASES[i].a)
                assert_true(str_is_equal(a, str_of(CASES[i].a)));
        }
        arena_fini(&mem);
    }
}

static void test_target_caps(void **state)
{
    (void)state;
    static char text[NET_URI_MAX + 2];
    struct arena mem;
    struct http_request req = {0};
    struct err err;
    arena_init(&mem);
    memset(text, 'a', sizeof text);
    text[0] = '/';
    assert_int_equal(http_target_parse((struct str){text, NET_URI_MAX}, &mem, &req, &err), RC_OK);
    assert_int_equal(http_target_parse((struct str){text, NET_URI_MAX + 1}, &mem, &req, &err), RC_TOO_LARGE);
    size_t n = (size_t)snprintf(text, sizeof text, "/?");
    for (int i = 0; i <= NET_PARAMS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "&p%d", i);
    assert_int_equal(http_target_parse((struct str){text, n}, &mem, &req, &err), RC_INVALID);
    arena_fini(&mem);
}

static void test_cookies(void **state)
{
    (void)state;
    const char *pair[] = {"Cookie", "a=1; fane_session=abc==; b=\"x\"; fane_session=later; bare"};
    struct http_request req = with_header(pair);
    assert_true(str_is_equal(http_cookie(&req, "fane_session"), STR("abc==")));
    assert_true(str_is_equal(http_cookie(&req, "a"), STR("1")));
    assert_true(str_is_empty(http_cookie(&req, "session")));
    assert_true(str_is_empty(http_cookie(&req, "bare")));
}

static void test_encodings(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool yes;
    } CASES[] = {
        {"gzip", true},      {"br, gzip;q=0.5", true},
        {"GZIP", true},      {"*", true},
        {"", false},         {"br", false},
        {"gzip;q=0", false}, {"gzip; q=0.000, br", false},
        {"*;q=0", false},    {"gzip;q=0, *", false},
        {"identity", false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const char *pair[] = {"Accept-Encoding", CASES[i].header};
        struct http_request req = with_header(pair);
        if (http_accepts_gzip(&req) != CASES[i].yes)
            fail_msg("%s", CASES[i].header);
    }
}

static void test_etags(void **state)
{
    (void)state;
    assert_true(http_etag_matches(STR("\"a\""), STR("\"a\"")));
    assert_true(http_etag_matches(STR("W/\"a\", \"b\""), STR("\"b\"")));
    assert_true(http_etag_matches(STR("\"x\",W/\"a\""), STR("\"a\"")));
    assert_true(http_etag_matches(STR("*"), STR("\"a\"")));
    assert_false(http_etag_matches(STR("\"a"), STR("\"a\"")));
    assert_false(http_etag_matches(STR(""), STR("\"a\"")));
    assert_false(http_etag_matches(STR("*"), STR("")));
}

static void test_types(void **state)
{
    (void)state;
    const char *pair[] = {"Content-Type", "Application/JSON ; charset=utf-8"};
    struct http_request req = with_header(pair);
    assert_true(http_is_type(&req, "application/json"));
    assert_false(http_is_type(&req, "text/plain"));
}

static void test_listen(void **state)
{
    (void)state;
    static const char *const BAD[] = {"",    "8080",          "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000",
                                      ":80", "no such host:1"};
    struct err err;
    int fd, port;
    char shown[128];
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_int_equal(listen_open(BAD[i], &fd, &port, shown, sizeof shown, &err), RC_INVALID);
    assert_int_equal(listen_open("127.0.0.1:0", &fd, &port, shown, sizeof shown, &err), RC_OK);
    assert_true(port > 0);
    int again;
    snprintf(shown, sizeof shown, "127.0.0.1:%d", port);
    assert_int_equal(listen_open(shown, &again, &port, shown, sizeof shown, &err), RC_IO);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),   cmocka_unit_test(test_target_caps), cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_encodings), cmocka_unit_test(test_etags),       cmocka_unit_test(test_types),
        cmocka_unit_test(test_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
