/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * JSON files item by item: every shape, the real files, damage with its place, caps, and agreement with jansson on
 * what JSON is, with the text arriving in blocks of any size.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "wire/json_stream.h"

/* Gives at most `step` bytes at a time; after the text `padding` bytes of `fill`. */
struct drip {
    struct str left;
    size_t step;
    char fill;
    uint64_t padding, taken;
};

static enum rc drip_read(void *ctx, void *out, size_t n, size_t *got, struct err *err)
{
    struct drip *d = ctx;
    (void)err;
    n = d->step && n > d->step ? d->step : n;
    if (d->left.n > 0) {
        *got = n < d->left.n ? n : d->left.n;
        memcpy(out, d->left.p, *got);
        d->left = str_slice(d->left, *got, d->left.n);
    } else {
        *got = n < d->padding ? n : (size_t)d->padding;
        memset(out, d->fill, *got);
        d->padding -= *got;
    }
    d->taken += *got;
    return RC_OK;
}

struct seen {
    int64_t items, faults;
    int64_t last_line;
    uint64_t last_offset;
    char last[256], fault[256];
    int64_t stop_at;
};

static enum rc see(void *ctx, const struct json_item *item, struct err *err)
{
    struct seen *s = ctx;
    s->items++;
    assert_true((item->value == NULL) == (item->fault != NULL));
    assert_int_equal(item->index, s->items);
    s->faults += item->fault != NULL;
    s->last_line = item->line;
    s->last_offset = item->offset;
    snprintf(s->last, sizeof s->last, STR_FMT, STR_ARG(str_clip(item->bytes, 200)));
    if (item->fault)
        snprintf(s->fault, sizeof s->fault, "%s", item->fault);
    return s->items == s->stop_at ? err_set(err, RC_CONFLICT, "stopped") : RC_OK;
}

static enum rc each(struct str text, size_t step, struct seen *s, struct err *err)
{
    struct drip d = {.left = text, .step = step};
    int64_t items = -1;
    *s = (struct seen){0};
    enum rc rc = json_each_item((struct byte_source){drip_read, &d}, see, s, &items, err);
    assert_int_equal(items, s->items);
    return rc;
}

static void test_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t items, line;
        const char *last;
    } CASES[] = {
        {"[]", 0, 0, ""},
        {"\xEF\xBB\xBF [ {\"a\":1},\n {\"b\":[1,{}]} ]", 2, 2, "{\"b\":[1,{}]}"},
        {"{\"type\":\"FeatureCollection\",\"crs\":{\"x\":[1]},\n\"features\":[\n{\"type\":\"Feature\"}],\"z\":{}}", 1,
         3, "{\"type\":\"Feature\"}"},
        {"{\"version\":0.6,\"elements\":[{\"id\":1},{\"id\":2},{\"id\":3}]}", 3, 1, "{\"id\":3}"},
        {"{\"one\": \"object\"}", 1, 1, "{\"one\": \"object\"}"},
        {"{\"features\": {\"not\":\"an array\"}}", 1, 1, "{\"features\": {\"not\":\"an array\"}}"},
        {"{\"a\":1}\n{\"a\":2}\n\n{\"a\":3}\n", 3, 4, "{\"a\":3}"},
        {"\x1e{\"a\":1}\n\x1e{\"a\":2}\n", 2, 2, "{\"a\":2}"},
        {"{\"\\u0066eatures\":[{\"k\":1}]}", 1, 1, "{\"k\":1}"},
        {"{}", 1, 1, "{}"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        for (size_t step = 0; step < 4; step++) {
            struct seen s;
            struct err err = {0};
            assert_int_equal(each(str_of(CASES[i].text), step, &s, &err), RC_OK);
            assert_int_equal(s.items, CASES[i].items);
            assert_int_equal(s.faults, 0);
            assert_int_equal(s.last_line, CASES[i].line);
            assert_string_equal(s.last, CASES[i].last);
        }
}

static void test_faults_of_one_item(void **state)
{
    (void)state;
    static const char *const CASES[] = {
        "[{\"a\":1,\"a\":2},{}]",   "[{\"n\":1e999},{}]",       "[7,{}]",
        "[{\"t\":\"\\u0000\"},{}]", "[{\"t\":\"\\ud800\"},{}]", "[{\"n\":99999999999999999999},{}]",
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct seen s;
        struct err err = {0};
        assert_int_equal(each(str_of(CASES[i]), 0, &s, &err), RC_OK);
        assert_int_equal(s.items, 2);
        assert_int_equal(s.faults, 1);
        assert_true(s.fault[0] != '\0');
    }
}

static void test_damage_has_a_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
        enum rc rc;
    } CASES[] = {
        {"", "no JSON", RC_DAMAGED},
        {"  \n ", "line 2", RC_DAMAGED},
        {"[{\"a\":1}\n{\"b\":2}]", "line 2, byte offset 9: ',' or ']' expected, not '{'", RC_DAMAGED},
        {"[{\"a\":1},]", "byte offset 9", RC_DAMAGED},
        {"[{\"a\":1,}]", "byte offset 8", RC_DAMAGED},
        {"[{a:1}]", "not 'a'", RC_DAMAGED},
        {"[{\"a\" 1}]", "':' expected", RC_DAMAGED},
        {"[{\"a\":01}]", "not '1'", RC_DAMAGED},
        {"[{\"a\":1.}]", "a digit", RC_DAMAGED},
        {"[{\"a\":-}]", "a digit", RC_DAMAGED},
        {"[{\"a\":1e+}]", "a digit", RC_DAMAGED},
        {"[{\"a\":tru}]", "true, false or null", RC_DAMAGED},
        {"[{\"a\":\"\\x\"}]", "escape", RC_DAMAGED},
        {"[{\"a\":\"\\u12g4\"}]", "hexadecimal", RC_DAMAGED},
        {"[{\"a\":\"\n\"}]", "string", RC_DAMAGED},
        {"[{\"a\":\"\xFF\"}]", "byte offset 7: UTF-8", RC_DAMAGED},
        {"[{\"a\":\"\xC3\"}]", "UTF-8", RC_DAMAGED},
        {"[{\"a\":\"\xED\xA0\x80\"}]", "UTF-8", RC_DAMAGED},
        {"[{\"a\":1}", "the text ends", RC_DAMAGED},
        {"{\"features\":[{\"a\":\"unfinished", "the text ends", RC_DAMAGED},
        {"{\"skipped\":[1,2", "the text ends", RC_DAMAGED},
        {"[{}}", "not '}'", RC_DAMAGED},
        {"{\"features\":[],\"features\":[]}", "second collection", RC_INVALID},
        {"%PDF-1.5", "not '%'", RC_DAMAGED},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        for (size_t step = 0; step < 3; step++) {
            struct seen s;
            struct err err = {0};
            assert_int_equal(each(str_of(CASES[i].text), step, &s, &err), CASES[i].rc);
            if (!strstr(err.text, CASES[i].says))
                fail_msg("%s: \"%s\" does not say \"%s\"", CASES[i].text, err.text, CASES[i].says);
        }
}

static void test_gigabyte_of_brackets(void **state)
{
    (void)state;
    struct drip d = {.fill = '[', .padding = UINT64_C(1) << 30};
    struct seen s = {0};
    struct err err = {0};
    assert_int_equal(json_each_item((struct byte_source){drip_read, &d}, see, &s, NULL, &err), RC_TOO_LARGE);
    assert_non_null(strstr(err.text, "byte offset 64"));
    assert_true(d.taken <= 1 << 16);
    /* as deep in a skipped member */
    d = (struct drip){.left = STR("{\"x\":"), .fill = '[', .padding = UINT64_C(1) << 30};
    assert_int_equal(json_each_item((struct byte_source){drip_read, &d}, see, &s, NULL, &err), RC_TOO_LARGE);
    assert_true(d.taken <= 1 << 17);
}

static void test_item_cap(void **state)
{
    (void)state;
    struct drip d = {.left = STR("[{\"a\":\""), .fill = 'x', .padding = UINT64_C(1) << 30};
    struct seen s = {0};
    struct err err = {0};
    assert_int_equal(json_each_item((struct byte_source){drip_read, &d}, see, &s, NULL, &err), RC_TOO_LARGE);
    assert_true(d.taken <= JSON_ITEM_MAX + (1 << 18));
    d = (struct drip){.left = STR("{\""), .fill = 'k', .padding = UINT64_C(1) << 30};
    assert_int_equal(json_each_item((struct byte_source){drip_read, &d}, see, &s, NULL, &err), RC_TOO_LARGE);
    assert_true(d.taken <= 1 << 26);
}

static void test_caller_can_stop(void **state)
{
    (void)state;
    struct str text = STR("[{},{},{}]");
    struct seen s = {.stop_at = 2};
    struct err err = {0};
    assert_int_equal(json_each_item(str_source(&text), see, &s, NULL, &err), RC_CONFLICT);
    assert_int_equal(s.items, 2);
}

static struct seen read_real(const char *name, bool features)
{
    char path[1024];
    struct input *in;
    struct err err = {0};
    struct seen s = {0};
    const char *root = getenv("FANE_SHARED");
    snprintf(path, sizeof path, "%s/data/%s", root ? root : "/nowhere", name);
    if (input_open(path, NULL, &in, &err) != RC_OK) {
        print_message("skipped: %s\n", err.text);
        skip();
    }
    enum rc rc = features ? geojson_each_feature(input_source(in), see, &s, NULL, &err)
                          : json_each_item(input_source(in), see, &s, NULL, &err);
    if (rc != RC_OK)
        fail_msg("%s: %s", name, err.text);
    input_close(in);
    return s;
}

static void test_real_files(void **state)
{
    (void)state;
    struct seen s = read_real("sites/nz-osm.json", false);
    assert_int_equal(s.items, 4718);
    assert_int_equal(s.faults, 0);
    s = read_real("sites/nyc-cemeteries.geojson", true);
    assert_int_equal(s.items, 111);
    assert_int_equal(s.faults, 0);
    s = read_real("areas/ne-50m-countries.geojson", true);
    assert_int_equal(s.items, 241);
    s = read_real("linkage/overture-poi-pairs.jsonl", false);
    assert_true(s.items > 1000);
    assert_int_equal(s.faults, 0);
    s = read_real("sites/nz-osm.json", true); /* items, but no features */
    assert_int_equal(s.faults, s.items);
}

static void random_value(struct prng *r, struct buf *b, int depth)
{
    static const char *const PARTS[] = {"1",     "-0.5e3", "\"a\"", "\"\\u00e9\"", "true", "null", "\"\xC3\xA9\"",
                                        "false", "0"};
    uint64_t kind = prng_below(r, depth > 4 ? 6 : 10);
    if (kind < 6) {
        buf_add_z(b, PARTS[prng_below(r, sizeof PARTS / sizeof PARTS[0])]);
        return;
    }
    buf_add_char(b, kind < 8 ? '[' : '{');
    for (uint64_t i = 0, n = prng_below(r, 4); i < n; i++) {
        if (i)
            buf_add_z(b, ", ");
        if (kind >= 8)
            buf_printf(b, "\"k%llu\":", (unsigned long long)i);
        random_value(r, b, depth + 1);
    }
    buf_add_char(b, kind < 8 ? ']' : '}');
}

/* Valid text and text with a byte changed: the walker and jansson agree on what is JSON. */
static void test_agrees_with_jansson(void **state)
{
    (void)state;
    const uint64_t seed = 7;
    int refused = 0;
    struct prng r;
    prng_seed(&r, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 30000; i++) {
        struct buf b;
        buf_init(&b, 0);
        buf_add_char(&b, '[');
        random_value(&r, &b, 0);
        buf_add_char(&b, ']');
        if (i % 3)
            b.p[prng_below(&r, b.n)] = "[]{},:\"0a\\ \xC3-"[prng_below(&r, 13)];
        struct str left = buf_str(&b), text;
        struct err err = {0};
        struct drip d = {.left = left, .step = prng_below(&r, 5)};
        struct json_stream *js = json_stream_new((struct byte_source){drip_read, &d});
        enum json_kind kind;
        enum rc rc = json_stream_value(js, &text, &err);
        if (rc == RC_OK)
            rc = json_stream_peek(js, &kind, &err) == RC_OK && kind == JSON_KIND_END ? RC_OK : RC_DAMAGED;
        json_t *v = json_loadb(b.p, b.n, JSON_DECODE_ANY, NULL);
        if ((v != NULL) != (rc == RC_OK))
            fail_msg("disagree on " STR_FMT ": %s", STR_ARG(buf_str(&b)), err.text);
        refused += v == NULL;
        json_decref(v);
        json_stream_free(js);
        buf_fini(&b);
    }
    assert_true(refused > 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_faults_of_one_item),
        cmocka_unit_test(test_damage_has_a_place),
        cmocka_unit_test(test_gigabyte_of_brackets),
        cmocka_unit_test(test_item_cap),
        cmocka_unit_test(test_caller_can_stop),
        cmocka_unit_test(test_real_files),
        cmocka_unit_test(test_agrees_with_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
