/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The OSM XML reader: objects and their places, deleted and negative ones, what is refused by name, entity bombs, gzip
 * bombs, caps, truncation at every byte.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/osm_xml.h"

static enum rc on_object(void *ctx, const struct osm_object *o, struct err *err)
{
    struct buf *log = ctx;
    (void)err;
    buf_printf(log, "%lld:%c%lld v%lld%s", (long long)o->line, "nwr"[o->kind], (long long)o -> id,
               (long long)o -> version, o -> is_visible ? "" : " gone");
    if (o->kind == OSM_NODE)
        buf_printf(log, " @%d,%d", o->at.lat_e7, o->at.lon_e7);
    for (size_t i = 0; i < o->tags_n; i++)
        buf_printf(log, " " STR_FMT "=" STR_FMT, STR_ARG(o->tags[i].key), STR_ARG(o->tags[i].value));
    for (size_t i = 0; i < o->refs_n; i++)
        buf_printf(log, " >%lld%s", (long long)o->refs[i], o->ref_at ? "@" : "");
    for (size_t i = 0; i < o->members_n; i++)
        buf_printf(log, " %c%lld:" STR_FMT, "nwr"[o->members[i].kind], (long long)o -> members[i].ref,
                   STR_ARG(o->members[i].role));
    buf_add_z(log, "\n");
    return RC_OK;
}

static enum rc scan_as(bool is_change, struct byte_source in, struct buf *log, struct osm_seen *seen, struct err *err)
{
    static const struct str ENTRIES[] = {{"amenity=place_of_worship", 24}, {"religion", 8}};
    static const int64_t IDS[] = {-4, 2};
    struct osm_filter *f;
    assert_int_equal(osm_filter_new(ENTRIES, 2, &f, err), RC_OK);
    struct osm_want want = {.kinds = 7, .filter = f, .ids = {IDS}, .ids_n = {2}, .is_change = is_change};
    enum rc rc = osm_xml_scan(in, &want, on_object, log, seen, err);
    osm_filter_free(f);
    return rc;
}

static enum rc scan(struct byte_source in, struct buf *log, struct osm_seen *seen, struct err *err)
{
    return scan_as(false, in, log, seen, err);
}

static enum rc scan_text(struct str text, struct buf *log, struct err *err)
{
    struct osm_seen seen[OSM_KINDS];
    return scan(str_source(&text), log, seen, err);
}

static void expect(struct str text, const char *want)
{
    struct buf log;
    struct err err = {0};
    buf_init(&log, 0);
    if (scan_text(text, &log, &err) != RC_OK)
        fail_msg("%s", err.text);
    buf_add_char(&log, 0);
    assert_string_equal(log.p, want);
    buf_fini(&log);
}

static void expect_error(struct str text, enum rc rc, const char *why)
{
    struct buf log;
    struct err err = {0};
    buf_init(&log, 0);
    enum rc got = scan_text(text, &log, &err);
    if (got != rc || !strstr(err.text, why))
        fail_msg("wanted %s \"%s\", got %s \"%s\"", rc_name(rc), why, rc_name(got), err.text);
    buf_fini(&log);
}

#define SAMPLE                                                                                                         \
    "<?xml version='1.0' encoding='UTF-8'?>\n<osm version='0.6' generator='test'>\n<note>data</note>\n"                \
    "<bounds minlat='1' minlon='1' maxlat='2' maxlon='2'/>\n"                                                          \
    "<node id='1' version='2' lat='42.5' lon='-1.5000001'><tag k='religion' v='a &amp; b'/></node>\n"                  \
    "<node id='2' lat='1.0E-5' lon='180'/>\n"                                                                          \
    "<node id='-4' lat='91' lon='0'/>\n"                                                                               \
    "<node id='5' visible='false' version='9'><tag k='religion' v='x'/></node>\n"                                      \
    "<node id='6' action='delete' lat='0' lon='0'><tag k='religion' v='x'/></node>\n"                                  \
    "<way id='7' version='1'><nd ref='1'/><nd ref='-4'/><tag k='amenity' v='place_of_worship'/></way>\n"               \
    "<way id='8'><nd ref='1' lat='1' lon='1'/><nd ref='2' lat='2' lon='2'/><tag k='religion' v=''/></way>\n"           \
    "<way id='9'><nd ref='1'/><tag k='building' v='yes'/></way>\n"                                                     \
    "<relation id='10'><member type='way' ref='7' role='outer'/><member type='node' ref='-4' role=''/>"                \
    "<member type='relation' ref='3' role='&lt;x'/><tag k='religion' v='y'/></relation>\n</osm>\n"

static void objects(void **state)
{
    (void)state;
    expect(STR(SAMPLE), "5:n1 v2 @425000000,-15000001 religion=a & b\n"
                        "6:n2 v0 @100,1800000000\n"
                        "7:n-4 v0 @2147483647,2147483647\n"
                        "8:n5 v9 gone @2147483647,2147483647 religion=x\n"
                        "9:n6 v0 gone @0,0 religion=x\n"
                        "10:w7 v1 amenity=place_of_worship >1 >-4\n"
                        "11:w8 v0 religion= >1@ >2@\n"
                        "13:r10 v0 religion=y w7:outer n-4: r3:<x\n");
    expect(STR("<osm/>"), "");
}

static void what_was_seen(void **state)
{
    struct osm_seen seen[OSM_KINDS];
    struct str text = STR(SAMPLE);
    struct buf log;
    struct err err;
    (void)state;
    buf_init(&log, 0);
    assert_int_equal(scan(str_source(&text), &log, seen, &err), RC_OK);
    assert_int_equal(seen[OSM_NODE].n, 5);
    assert_false(seen[OSM_NODE].is_rising);
    assert_int_equal(seen[OSM_NODE].least, -4);
    assert_int_equal(seen[OSM_WAY].n, 3);
    assert_true(seen[OSM_WAY].is_rising);
    buf_fini(&log);
}

static void refused(void **state)
{
    (void)state;
    expect_error(STR("<osmChange version='0.6'><create/></osmChange>"), RC_UNSUPPORTED, "osmChange");
    expect_error(STR("<kml/>"), RC_INVALID, "outermost element is not <osm>");
    expect_error(STR("\n\n<osm><node lat='1' lon='1'/></osm>"), RC_DAMAGED, "id");
    expect_error(STR("<osm><node id='x'/></osm>"), RC_DAMAGED, "line 1");
    expect_error(STR("<osm><way id='1'><nd/></way></osm>"), RC_DAMAGED, "ref");
    expect_error(STR("<osm><way id='1'><tag k='a'/></way></osm>"), RC_DAMAGED, "<tag>");
    expect_error(STR("<osm><relation id='1'><member type='area' ref='1'/></relation></osm>"), RC_DAMAGED, "<member>");
    expect_error(STR("<osm><node id='1'></way></osm>"), RC_DAMAGED, "well-formed");
    expect_error(STR("<osm><node id='1' lat='&nope;'/></osm>"), RC_DAMAGED, "well-formed");
    expect_error(STR(""), RC_DAMAGED, "");
    expect_error(STR("not xml"), RC_DAMAGED, "well-formed");
    expect_error(STR("<osm><node id='1'><tag k='a' v='\xFF\xFE'/></node></osm>"), RC_DAMAGED, "well-formed");
}

static void entity_bombs(void **state)
{
    (void)state;
    expect_error(
        STR("<?xml version='1.0'?><!DOCTYPE osm [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>"
            "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]><osm><node id='1'><tag k='religion' v='&c;'/></node></osm>"),
        RC_UNSUPPORTED, "<!DOCTYPE>");
    expect_error(STR("<!DOCTYPE osm SYSTEM 'file:///etc/passwd'><osm/>"), RC_UNSUPPORTED, "<!DOCTYPE>");
    expect_error(STR("<!DOCTYPE osm [<!ENTITY x SYSTEM 'http://localhost/'>]><osm>&x;</osm>"), RC_UNSUPPORTED,
                 "<!DOCTYPE>");
}

/* Bytes made as they are asked for: head, then `fill` again and again. */
struct endless {
    struct str head;
    const char *fill;
    uint64_t left;
};

static enum rc endless_read(void *ctx, void *out, size_t n, size_t *got, struct err *err)
{
    struct endless *e = ctx;
    size_t at = 0, k = strlen(e->fill);
    (void)err;
    if (e->head.n) {
        at = e->head.n;
        memcpy(out, e->head.p, at);
        e->head.n = 0;
    }
    while (at + k <= n && e->left >= k) {
        memcpy((char *)out + at, e->fill, k);
        at += k;
        e->left -= k;
    }
    *got = at;
    return RC_OK;
}

static void expect_endless(const char *head, const char *fill, enum rc rc, const char *why)
{
    struct endless e = {str_of(head), fill, UINT64_C(4) << 30};
    struct byte_source in = {endless_read, &e};
    struct osm_seen seen[OSM_KINDS];
    struct buf log;
    struct err err = {0};
    buf_init(&log, 0);
    enum rc got = scan(in, &log, seen, &err);
    if (got != rc || !strstr(err.text, why))
        fail_msg("wanted %s \"%s\", got %s \"%s\"", rc_name(rc), why, rc_name(got), err.text);
    assert_true(e.left > UINT64_C(3) << 30); /* given up early */
    buf_fini(&log);
}

static void caps(void **state)
{
    (void)state;
    expect_endless("<osm><node id='1' lat='", "1", RC_DAMAGED, "");
    expect_endless("<osm>", "<a>", RC_TOO_LARGE, "16 deep");
    expect_endless("<osm><node id='1'>", "<tag k='k' v='v'/>", RC_TOO_LARGE, "5,000 tags");
    expect_endless("<osm><way id='1'>", "<nd ref='1'/>", RC_TOO_LARGE, "262,144 nodes");
    expect_endless("<osm><relation id='1'>", "<member type='way' ref='1' role=''/>", RC_TOO_LARGE, "262,144 members");
    expect_endless(
        "<osm><relation id='1'>",
        "<member type='way' ref='1' role='"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'/>",
        RC_TOO_LARGE, "8 MiB");
}

static void gzip_bomb(void **state)
{
    struct arena mem;
    struct input *in;
    struct osm_seen seen[OSM_KINDS];
    struct buf plain, log;
    struct err err = {0};
    (void)state;
    arena_init(&mem);
    buf_init(&plain, 0), buf_init(&log, 0);
    buf_add_z(&plain, "<osm><!--");
    while (plain.n < 60 << 20)
        buf_add_z(&plain, "                                                                ");
    buf_add_z(&plain, "--></osm>");
    struct str packed = gzip_pack(buf_str(&plain), 9, &mem);
    assert_true(packed.n > 0);
    assert_int_equal(input_open_memory(packed, NULL, &in, &err), RC_OK);
    assert_int_equal(scan(input_source(in), &log, seen, &err), RC_TOO_LARGE);
    input_close(in);
    buf_fini(&plain), buf_fini(&log);
    arena_fini(&mem);
}

static void truncation_at_every_byte(void **state)
{
    struct str whole = STR(SAMPLE);
    (void)state;
    for (size_t cut = 0; cut < whole.n - 2; cut++) { /* the last byte but one ends </osm> */
        struct buf log;
        struct err err = {0};
        char *copy = malloc(cut + 1);
        buf_init(&log, 0);
        memcpy(copy, whole.p, cut);
        enum rc rc = scan_text((struct str){copy, cut}, &log, &err);
        assert_true(rc == RC_DAMAGED || rc == RC_INVALID); /* "<os" is taken for an element of that name */
        assert_true(err.text[0] != 0);
        free(copy);
        buf_fini(&log);
    }
}

/* --- changes ------------------------------------------------------------------------------------------------------- */

#define CHANGE                                                                                                         \
    "<osmChange version='0.6'>\n<create><node id='2' version='1' lat='1' lon='2'/>\n"                                  \
    "<way id='7' version='1'><nd ref='2'/><tag k='religion' v='y'/></way></create>\n"                                  \
    "<modify><node id='5' version='3' lat='1' lon='1'><tag k='name' v='x'/></node>\n"                                  \
    "<way id='8' version='2'><nd ref='1'/><tag k='building' v='yes'/></way></modify>\n<note>n</note>\n"                \
    "<delete><node id='6' version='4' lat='1' lon='1'/>\n<relation id='9' version='5'><member type='way' "             \
    "ref='7' role=''/></relation></delete>\n</osmChange>\n"

static enum rc scan_change(struct str text, struct buf *log, struct err *err)
{
    struct osm_seen seen[OSM_KINDS];
    buf_init(log, 0);
    return scan_as(true, str_source(&text), log, seen, err);
}

static void expect_change_error(struct str text, enum rc rc, const char *why)
{
    struct buf log;
    struct err err = {0};
    enum rc got = scan_change(text, &log, &err);
    if (got != rc || !strstr(err.text, why))
        fail_msg("wanted %s \"%s\", got %s \"%s\"", rc_name(rc), why, rc_name(got), err.text);
    buf_fini(&log);
}

static void changes(void **state)
{
    struct buf log;
    struct err err = {0};
    (void)state;
    if (scan_change(STR(CHANGE), &log, &err) != RC_OK)
        fail_msg("%s", err.text);
    buf_add_char(&log, 0);
    assert_string_equal(log.p, "2:n2 v1 @10000000,20000000\n3:w7 v1 religion=y >2\n4:n5 v3 @10000000,10000000\n"
                               "5:w8 v2\n7:n6 v4 gone @10000000,10000000\n8:r9 v5 gone\n");
    buf_fini(&log);
    expect_change_error(STR("<osm version='0.6'></osm>"), RC_INVALID, "not <osmChange>");
    expect_change_error(STR("<osmChange><node id='1'/></osmChange>"), RC_DAMAGED, "stands outside");
    expect_change_error(STR("<osmChange><create/><way id='1'/></osmChange>"), RC_DAMAGED, "stands outside");
    expect_change_error(STR("<osmChange><augment><way id='1'/></augment></osmChange>"), RC_DAMAGED, "stands outside");
    expect_change_error(STR("<osmChange><create><modify><way id='1'/></modify></create></osmChange>"), RC_DAMAGED,
                        "stands outside");
    expect_change_error(STR("<osmChange><create><way id='1'><node id='2'/></way></create></osmChange>"), RC_DAMAGED,
                        "stands outside");
    expect_change_error(
        STR("<osmChange><create><create><create><create><create><create><create><create><create><create>"
            "<create><create><create><create><create><create><create>"),
        RC_TOO_LARGE, "16 deep");
}

static void change_truncated_at_every_byte(void **state)
{
    struct str whole = STR(CHANGE);
    (void)state;
    for (size_t cut = 0; cut < whole.n - 2; cut++) {
        struct buf log;
        struct err err = {0};
        enum rc rc = scan_change(str_slice(whole, 0, cut), &log, &err);
        assert_true(rc == RC_DAMAGED || rc == RC_INVALID);
        assert_true(err.text[0] != 0);
        buf_fini(&log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects),
        cmocka_unit_test(what_was_seen),
        cmocka_unit_test(refused),
        cmocka_unit_test(entity_bombs),
        cmocka_unit_test(caps),
        cmocka_unit_test(gzip_bomb),
        cmocka_unit_test(truncation_at_every_byte),
        cmocka_unit_test(changes),
        cmocka_unit_test(change_truncated_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
