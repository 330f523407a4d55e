/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The route table: matching, and data/openapi.json says exactly the same routes, bodies and needs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "api/api_int.h"
#include "base/asset.h"

static const char *handler_of(enum http_method m, const char *path, struct str *first)
{
    struct api_match found = api_routes_match(m, str_of(path));
    if (first)
        *first = found.segments[0];
    return found.route ? found.route->pattern : NULL;
}

static void test_matching(void **state)
{
    (void)state;
    struct str id;
    assert_string_equal(handler_of(HTTP_GET, "/healthz", NULL), "/healthz");
    assert_string_equal(handler_of(HTTP_HEAD, "/healthz", NULL), "/healthz");
    assert_null(handler_of(HTTP_GET, "/healthz/", NULL));
    assert_null(handler_of(HTTP_GET, "/", NULL));
    assert_string_equal(handler_of(HTTP_GET, "/api/v1/sites", NULL), "/api/v1/sites");
    assert_string_equal(handler_of(HTTP_GET, "/api/v1/sites/abc", &id), "/api/v1/sites/{id}");
    assert_true(str_is_equal(id, STR("abc")));
    assert_null(handler_of(HTTP_GET, "/api/v1/sites/", NULL));
    assert_null(handler_of(HTTP_GET, "/api/v1/sites/a/b", NULL));
    assert_string_equal(handler_of(HTTP_POST, "/api/v1/reports/status", NULL), "/api/v1/reports/status");
    assert_string_equal(handler_of(HTTP_POST, "/api/v1/reports/x/review", &id), "/api/v1/reports/{id}/review");
    assert_true(str_is_equal(id, STR("x")));
    struct api_match m = api_routes_match(HTTP_PUT, STR("/api/v1/reports"));
    assert_null(m.route);
    assert_true(m.is_path_known);
    assert_string_equal(m.allow, "GET, HEAD, POST");
}

static void test_every_change_is_guarded(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_routes_count(); i++) {
        const struct api_route *r = &API_ROUTES[i];
        bool changes = r->method != HTTP_GET;
        bool is_free =
            strcmp(r->pattern, "/api/v1/reports") == 0 || strcmp(r->pattern, "/api/v1/reports/status") == 0 ||
            strcmp(r->pattern, "/api/v1/suggestions") == 0 || strcmp(r->pattern, "/api/v1/suggestions/status") == 0 ||
            (strcmp(r->pattern, "/api/v1/session") == 0 && r->method == HTTP_POST);
        assert_int_equal((r->flags & API_NO_CSRF) != 0, changes && is_free);
        assert_true((r->body_max > 0) == (r->method == HTTP_POST));
        assert_true(r->body_max <= API_BODY_REPORT);
        /* what needs a role must look at who asks */
        assert_false(r->access != API_OPEN && (r->flags & API_ANY_VIEWER));
        assert_true(i < METRICS_ROUTES_MAX);
    }
}

static const json_t *operation_of(const json_t *doc, const struct api_route *r)
{
    char method[16];
    size_t i = 0;
    for (const char *m = http_method_name(r->method); *m; m++)
        method[i++] = (char)tolower((unsigned char)*m);
    method[i] = '\0';
    return json_object_get(json_object_get(json_object_get(doc, "paths"), r->pattern), method);
}

static void test_openapi_says_the_same(void **state)
{
    (void)state;
    struct str text = asset_text("data/openapi.json");
    json_error_t why;
    json_t *doc = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &why);
    if (!doc)
        fail_msg("data/openapi.json: line %d: %s", why.line, why.text);
    assert_true(strncmp(json_string_value(json_object_get(doc, "openapi")), "3.1.", 4) == 0);
    size_t described = 0;
    const char *path;
    json_t *item;
    json_object_foreach(json_object_get(doc, "paths"), path, item) described += json_object_size(item);
    assert_int_equal(described, api_routes_count());
    for (size_t i = 0; i < api_routes_count(); i++) {
        const struct api_route *r = &API_ROUTES[i];
        const json_t *op = operation_of(doc, r);
        if (!op)
            fail_msg("data/openapi.json has no %s %s", http_method_name(r->method), r->pattern);
        assert_non_null(json_object_get(op, "operationId"));
        assert_non_null(json_object_get(op, "responses"));
        assert_true((json_object_get(op, "requestBody") != NULL) == (r->body_max > 0));
        if (r->access != API_OPEN && !json_object_get(op, "security"))
            fail_msg("%s %s needs a session; data/openapi.json does not say so", http_method_name(r->method),
                     r->pattern);
    }
    json_decref(doc);
}

static void test_metrics_text(void **state)
{
    (void)state;
    static struct api_metrics m;
    static const char *const NAMES[] = {"GET /a", "POST /b"};
    struct metrics_gauges g = {.store = {.commits = 7}, .waiting = 3};
    struct buf b;
    metrics_count(&m, 0, 200, 90);
    metrics_count(&m, 0, 404, 900);
    metrics_count(&m, 1, 201, 99000000);
    metrics_count(&m, METRICS_ROUTES_MAX + 5, 500, 1);
    buf_init(&b, 0);
    metrics_write(&m, NAMES, 2, &g, &b);
    buf_add_char(&b, '\0');
    static const char *const LINES[] = {
        "fane_http_requests_total{route=\"GET /a\",status=\"2xx\"} 1\n",
        "fane_http_requests_total{route=\"GET /a\",status=\"4xx\"} 1\n",
        "fane_http_requests_total{route=\"other\",status=\"5xx\"} 1\n",
        "fane_http_request_seconds_bucket{route=\"GET /a\",le=\"0.0001\"} 1\n",
        "fane_http_request_seconds_bucket{route=\"GET /a\",le=\"0.001\"} 2\n",
        "fane_http_request_seconds_bucket{route=\"POST /b\",le=\"30\"} 0\n",
        "fane_http_request_seconds_bucket{route=\"POST /b\",le=\"+Inf\"} 1\n",
        "fane_http_request_seconds_count{route=\"POST /b\"} 1\n",
        "fane_store_commits_total 7\n",
        "fane_http_waiting 3\n",
    };
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++)
        if (!strstr(b.p, LINES[i]))
            fail_msg("missing: %s", LINES[i]);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_every_change_is_guarded),
        cmocka_unit_test(test_openapi_says_the_same),
        cmocka_unit_test(test_metrics_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
