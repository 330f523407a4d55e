/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * XML: what is written is read back; bombs, document types and damage are refused with their line.
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
#include "wire/xml_in.h"
#include "wire/xml_out.h"

#define LIT(z)                                                                                                         \
    {                                                                                                                  \
        "" z, sizeof(z) - 1                                                                                            \
    }

struct trace {
    struct buf b;
    struct xml_place place;
    int64_t elements;
    struct str stop_at;
};

static enum rc on_begin(void *ctx, struct str ns, struct str name, const struct xml_attribute *attrs, size_t n,
                        struct err *err)
{
    struct trace *t = ctx;
    t->elements++;
    buf_printf(&t->b, "<" STR_FMT, STR_ARG(name));
    if (ns.n)
        buf_printf(&t->b, "{" STR_FMT "}", STR_ARG(ns));
    for (size_t i = 0; i < n; i++)
        buf_printf(&t->b, " " STR_FMT "=" STR_FMT, STR_ARG(attrs[i].name), STR_ARG(attrs[i].value));
    buf_add_char(&t->b, '>');
    if (str_is_equal(name, STR("stop")))
        return err_set(err, RC_CONFLICT, "line %lld", (long long)t->place.line);
    return RC_OK;
}

static enum rc on_text(void *ctx, struct str text, struct err *err)
{
    (void)err;
    buf_add_str(&((struct trace *)ctx)->b, text);
    return RC_OK;
}

static enum rc on_end(void *ctx, struct str ns, struct str name, struct err *err)
{
    (void)ns;
    (void)err;
    buf_printf(&((struct trace *)ctx)->b, "</" STR_FMT ">", STR_ARG(name));
    return RC_OK;
}

static enum rc trace(struct str text, uint64_t cap, struct trace *t, struct err *err)
{
    *t = (struct trace){0};
    struct xml_handler h = {on_begin, on_text, on_end, t};
    struct xml_limits limits = {cap};
    buf_init(&t->b, 0);
    enum rc rc = xml_read(str_source(&text), &limits, &h, &t->place, err);
    buf_add_char(&t->b, '\0');
    return rc;
}

static void test_reads(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *out;
    } CASES[] = {
        {LIT("<a/>"), "<a></a>"},
        {LIT("<?xml version='1.0'?><!-- c --><a x='1' y=\"&lt;&amp;&#233;\">t&gt;<b>u</b></a>"),
         "<a x=1 y=<&\xC3\xA9>t><b>u</b></a>"},
        {LIT("<a xmlns='urn:x'><p:b xmlns:p='urn:y' p:k='v'/></a>"), "<a{urn:x}><b{urn:y} k=v></b></a>"},
        {LIT("<a><![CDATA[<raw>&]]></a>"), "<a><raw>&</a>"},
        {LIT("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE9</a>"), "<a>\xC3\xA9</a>"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct trace t;
        struct err err = {0};
        if (trace(CASES[i].in, 0, &t, &err) != RC_OK)
            fail_msg("case %zu: %s", i, err.text);
        assert_string_equal(t.b.p, CASES[i].out);
        buf_fini(&t.b);
    }
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *says;
        enum rc rc;
    } CASES[] = {
        {LIT("<?xml version='1.0'?>\n<!DOCTYPE l [<!ENTITY a 'x'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;'>]>\n<l>&c;</l>"),
         "line 2: a document type", RC_UNSUPPORTED},
        {LIT("<!DOCTYPE l [<!ENTITY a SYSTEM 'file:///etc/hostname'>]>\n<l>&a;</l>"), "line 1: a document type",
         RC_UNSUPPORTED},
        {LIT("\n\n<!DOCTYPE l SYSTEM 'http://127.0.0.1/x.dtd'><l/>"), "line 3", RC_UNSUPPORTED},
        {LIT("<!DOCTYPE l><l/>"), "document type", RC_UNSUPPORTED},
        {LIT("<l>\n&unknown;</l>"), "line 2", RC_DAMAGED},
        {LIT("<l a='&unknown;'/>"), "line 1", RC_DAMAGED},
        {LIT("<a>\n<b></a>"), "line 2", RC_DAMAGED},
        {LIT("<a><b>"), "line 1", RC_DAMAGED},
        {LIT(""), "", RC_DAMAGED},
        {LIT("<a>\xFF</a>"), "line 1", RC_DAMAGED},
        {LIT("<a>\x01</a>"), "line 1", RC_DAMAGED},
        {LIT("<a x='1' x='2'/>"), "line 1", RC_DAMAGED},
        {LIT("<a/><b/>"), "line 1", RC_DAMAGED},
        {LIT("<a>\n<b>\n<stop/></b></a>"), "line 3", RC_CONFLICT},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct trace t;
        struct err err = {0};
        enum rc rc = trace(CASES[i].in, 0, &t, &err);
        if (rc != CASES[i].rc || !strstr(err.text, CASES[i].says))
            fail_msg("case %zu: rc %d, \"%s\"", i, rc, err.text);
        buf_fini(&t.b);
    }
}

static void test_caps(void **state)
{
    (void)state;
    struct buf b;
    struct trace t;
    struct err err = {0};
    buf_init(&b, 0);
    for (int i = 0; i < 100000; i++)
        buf_add_z(&b, "<a>");
    assert_int_equal(trace(buf_str(&b), 0, &t, &err), RC_TOO_LARGE);
    assert_int_equal(t.elements, XML_DEPTH_MAX);
    buf_fini(&t.b);
    buf_clear(&b);
    buf_add_z(&b, "<a");
    for (int i = 0; i < 300; i++)
        buf_printf(&b, " k%d='v'", i);
    buf_add_z(&b, "/>");
    assert_int_equal(trace(buf_str(&b), 0, &t, &err), RC_TOO_LARGE);
    buf_fini(&t.b);
    assert_int_equal(trace(buf_str(&b), 500, &t, &err), RC_TOO_LARGE);
    buf_fini(&t.b);
    buf_clear(&b);
    buf_add_z(&b, "<a k='");
    for (int i = 0; i < 3 << 20; i++)
        buf_add_char(&b, 'x');
    buf_add_z(&b, "'/>");
    assert_int_equal(trace(buf_str(&b), 0, &t, &err), RC_TOO_LARGE);
    buf_fini(&t.b);
    buf_fini(&b);
}

static void test_real_osm(void **state)
{
    (void)state;
    char path[1024];
    const char *root = getenv("FANE_SHARED");
    struct input *in;
    struct err err = {0};
    struct trace t = {0};
    struct xml_handler h = {on_begin, NULL, NULL, &t};
    snprintf(path, sizeof path, "%s/data/osm/monaco.osm.gz", root ? root : "/nowhere");
    if (input_open(path, NULL, &in, &err) != RC_OK) {
        print_message("skipped: %s\n", err.text);
        skip();
    }
    if (xml_read(input_source(in), NULL, &h, &t.place, &err) != RC_OK)
        fail_msg("%s", err.text);
    assert_true(t.elements > 10000);
    assert_true(input_is_gzip(in));
    buf_fini(&t.b);
    input_close(in);
}

static void test_writes(void **state)
{
    (void)state;
    struct buf b;
    struct xml_out x;
    buf_init(&b, 0);
    xml_out_init(&x, &b, true);
    xml_begin(&x, "a");
    xml_attr(&x, "k", STR("<\"&\n"));
    xml_put(&x, "b", STR("1 < 2 & \"3\" ]]> \x01 \xFF \xEF\xBF\xBF"));
    xml_begin(&x, "c");
    xml_end(&x);
    xml_put_opt(&x, "d", STR_NONE);
    xml_end(&x);
    buf_add_char(&b, '\0');
    assert_string_equal(b.p,
                        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a k=\"&lt;&quot;&amp;&#10;\">\n"
                        "  <b>1 &lt; 2 &amp; \"3\" ]]&gt; \xEF\xBF\xBD \xEF\xBF\xBD \xEF\xBF\xBD</b>\n  <c/>\n</a>\n");
    buf_fini(&b);
}

/* Any bytes become a well-formed document, and text that is XML's comes back as it was. */
static void test_round_trip(void **state)
{
    (void)state;
    const uint64_t seed = 5;
    struct prng r;
    prng_seed(&r, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 5000; i++) {
        char bytes[20];
        size_t n = prng_below(&r, sizeof bytes);
        bool plain = i % 2;
        for (size_t k = 0; k < n; k++)
            bytes[k] = plain ? "ab<>&\"' \n\r\t]"[prng_below(&r, 12)] : (char)prng_below(&r, 256);
        struct buf b;
        struct xml_out x;
        struct trace t;
        struct err err = {0};
        buf_init(&b, 0);
        xml_out_init(&x, &b, false);
        xml_begin(&x, "a");
        xml_attr(&x, "k", (struct str){bytes, n});
        xml_text(&x, (struct str){bytes, n});
        xml_end(&x);
        if (trace(buf_str(&b), 0, &t, &err) != RC_OK)
            fail_msg("%s in " STR_FMT, err.text, STR_ARG(buf_str(&b)));
        if (plain) {
            struct buf want;
            buf_init(&want, 0);
            buf_printf(&want, "<a k=%.*s>%.*s</a>", (int)n, bytes, (int)n, bytes);
            buf_add_char(&want, '\0');
            assert_string_equal(t.b.p, want.p);
            buf_fini(&want);
        }
        buf_fini(&t.b);
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),    cmocka_unit_test(test_refuses), cmocka_unit_test(test_caps),
        cmocka_unit_test(test_real_osm), cmocka_unit_test(test_writes),  cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
