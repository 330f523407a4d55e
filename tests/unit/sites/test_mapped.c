/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Readers with a map: formats, signs, places, tags, and what a hostile file meets.
 */
#include "sites_fixture.h"

#include "sites/mapped.h"

struct seen {
    struct arena mem;
    struct site_draft last;
    struct str name, id, religion, why;
    int64_t drafts, rejected, line;
};

static enum rc on_draft(void *ctx, const struct site_draft *d, struct err *err)
{
    struct seen *s = ctx;
    (void)err;
    s->drafts++;
    s->last = *d;
    s->last.footprint_wkb = str_copy(&s->mem, d->footprint_wkb);
    s->last.class_code = str_copy(&s->mem, d->class_code);
    s->last.kind = str_copy(&s->mem, d->kind);
    s->last.country = str_copy(&s->mem, d->country);
    s->last.wikidata = str_copy(&s->mem, d->wikidata);
    s->name = d->names_n ? str_copy(&s->mem, d->names[d->names_n - 1].text) : STR_NONE;
    s->id = str_copy(&s->mem, d->external_id);
    s->religion = str_copy(&s->mem, d->religion);
    return RC_OK;
}

static enum rc on_reject(void *ctx, int64_t line, struct str id, const char *why, struct err *err)
{
    struct seen *s = ctx;
    (void)id;
    (void)err;
    s->rejected++;
    s->line = line;
    s->why = str_copy(&s->mem, str_of(why));
    return RC_OK;
}

static enum rc read_text(struct seen *s, struct str text, const char *map, struct err *err)
{
    struct input *in;
    struct site_read_count count;
    struct site_sink sink = {on_draft, on_reject, NULL, s};
    struct mapped_options opt = {.map = str_of(map)};
    *s = (struct seen){.mem = s->mem};
    arena_reset(&s->mem);
    assert_int_equal(input_open_memory(text, NULL, &in, err), RC_OK);
    enum rc rc = mapped_read(in, &opt, &sink, &count, err);
    input_close(in);
    if (rc == RC_OK) {
        assert_int_equal(count.read, count.drafts + count.rejected);
        assert_int_equal(count.drafts, s->drafts);
        assert_int_equal(count.rejected, s->rejected);
    }
    return rc;
}

static void reads(struct seen *s, const char *text, const char *map, int64_t drafts, int64_t rejected)
{
    struct err err = {0};
    enum rc rc = read_text(s, str_of(text), map, &err);
    if (rc != RC_OK)
        fail_msg("%s: %s", rc_name(rc), err.text);
    if (s->drafts != drafts || s->rejected != rejected)
        fail_msg("%lld drafts, %lld rejected (%.*s) of %s", (long long)s->drafts, (long long)s->rejected, (int)s->why.n,
                 s->why.p, text);
}

static void fails(struct seen *s, struct str text, const char *map, enum rc want, const char *says)
{
    struct err err = {0};
    enum rc rc = read_text(s, text, map, &err);
    if (rc != want || !strstr(err.text, says))
        fail_msg("%s \"%s\" instead of %s \"%s\"", rc_name(rc), err.text, rc_name(want), says);
}

#define MAP(rest) "{\"fields\":{\"id\":\"i\",\"name\":\"n\"" rest "},\"constant\":{\"class\":\"cemetery\"}}"

static void test_csv(void **state)
{
    struct seen *s = *state;
    reads(s, "i;n;y;x\n1;A;51,5;-0,25\n",
          "{\"delimiter\":\";\",\"decimal\":\",\",\"fields\":{\"id\":\"i\",\"name\":\"n\",\"lat\":\"y\","
          "\"lon\":\"x\"},\"constant\":{\"kind\":\"MOS\",\"country\":\"gb\"}}",
          1, 0);
    assert_true(s->last.lat_deg == 51.5 && s->last.lon_deg == -0.25);
    assert_true(str_is_equal(s->last.kind, STR("MOS")) && str_is_equal(s->last.country, STR("GB")));
    reads(s, "i\tn\tw\r\n1\tA\tPoint(19.9598 50.0422)\r\n2\tB\t\r\n3\tC\tPOINT EMPTY\r\n", MAP(",\"wkt\":\"w\""), 3, 0);
    assert_false(s->last.has_place);
    reads(s, "i,n,w\n1,A,\"POLYGON((0 0, 4 0, 4 4, 0 4, 0 0),(1 1,3 1,3 3,1 3,1 1))\"\n", MAP(",\"wkt\":\"w\""), 1, 0);
    assert_true(s->last.footprint_wkb.n > 100);
    bool in_hole = s->last.lat_deg > 1 && s->last.lat_deg < 3 && s->last.lon_deg > 1 && s->last.lon_deg < 3;
    assert_false(in_hole);
    reads(s, "i,n,w\n1,A,SRID=4326;POINT(1 2)\n2,B,SRID=3857;POINT(1 2)\n", MAP(",\"wkt\":\"w\""), 1, 1);
    assert_int_equal(s->line, 3);
    reads(s, "i,n,w\n1,A,POINT(1 2 3 4 5)\n2,B,LINESTRING(1 2)\n3,C,POINT(200 2)\n4,D,POINT(1 2\n",
          MAP(",\"wkt\":\"w\""), 0, 4);
    reads(s, "i,n,name:fr,name:ar\n1,A,Un,واحد\n",
          "{\"fields\":{\"id\":\"i\",\"name\":\"n\",\"name:*\":\"name:*\"},\"constant\":"
          "{\"class\":\"cemetery\"}}",
          1, 0);
    assert_int_equal(s->last.names_n, 3);
    assert_true(str_is_equal(s->name, STR("واحد")));
    reads(s, "a,b,n\n1,2,A\n,3,B\n",
          "{\"fields\":{\"id\":[\"a\",\"b\"],\"name\":\"n\"},\"constant\":{\"class\":\"cemetery\"}}", 1, 1);
    assert_true(str_is_equal(s->id, STR("1/2")) && str_is_equal(s->why, STR("no id")));
}

static void test_maps(void **state)
{
    struct seen *s = *state;
    struct str text = STR("i,n\n1,A\n");
    fails(s, text, "{", RC_INVALID, "the map");
    fails(s, text, "{\"fields\":{\"name\":\"n\"},\"constant\":{\"class\":\"cemetery\"}}", RC_INVALID, "/fields/id");
    fails(s, text, "{\"fields\":{\"id\":\"i\"}}", RC_INVALID, "what the rows are");
    fails(s, text, "{\"fields\":{\"id\":\"i\",\"colour\":\"n\"}}", RC_INVALID, "colour");
    fails(s, text, "{\"fields\":{\"id\":\"q\"},\"constant\":{\"class\":\"cemetery\"}}", RC_INVALID, "\"q\"");
    fails(s, text, "{\"fields\":{\"id\":\"i\",\"lat\":\"n\"},\"constant\":{\"class\":\"cemetery\"}}", RC_INVALID,
          "lat and lon");
    fails(s, text, "{\"delimiter\":\"::\",\"fields\":{\"id\":\"i\"},\"constant\":{\"class\":\"cemetery\"}}", RC_INVALID,
          "delimiter");
    fails(s, text, "", RC_INVALID, "--map");
    fails(s, STR(" \n"), "", RC_INVALID, "empty");
}

static void test_geojson(void **state)
{
    struct seen *s = *state;
    reads(s,
          "{\"type\":\"FeatureCollection\",\"features\":["
          "{\"type\":\"Feature\",\"id\":\"way/"
          "7\",\"properties\":{\"amenity\":\"place_of_worship\",\"religion\":\"muslim\",\"name\":"
          "\"A\",\"name:ar\":\"ب\"},\"geometry\":{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[2,0],[2,2],[0,2],"
          "[0,0]]]]}},"
          "{\"type\":\"Feature\",\"id\":\"way/"
          "8\",\"properties\":{\"amenity\":\"school\",\"religion\":\"muslim\"},\"geometry\":null},"
          "{\"type\":\"Feature\",\"id\":\"way/"
          "9\",\"properties\":{\"amenity\":\"place_of_worship\"},\"geometry\":{\"type\":"
          "\"LineString\",\"coordinates\":[[0,0],[1,1]]}},"
          "{\"type\":\"Nothing\"}]}",
          "", 1, 3);
    assert_true(str_is_equal(s->id, STR("way/7")) && str_is_equal(s->religion, STR("muslim")) && s->last.names_n == 2);
    assert_true(s->last.lat_deg > 0 && s->last.lat_deg < 2 && s->last.footprint_wkb.n > 50);
    reads(s,
          "{\"type\":\"Feature\",\"properties\":{\"@id\":\"node/"
          "1\",\"historic\":\"wayside_cross\"},\"geometry\":{\"type\":\"Point\","
          "\"coordinates\":[10.5,50.25,300]}}",
          "", 1, 0);
    assert_true(str_is_equal(s->last.class_code, STR("wayside")) && s->last.lon_deg == 10.5 &&
                s->last.lat_deg == 50.25);
    reads(s,
          "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"properties\":{\"ref\":5,\"t\":{\"en\":"
          "\"Deep\"}},"
          "\"geometry\":{\"type\":\"Point\",\"coordinates\":[]}}]}",
          "{\"fields\":{\"id\":\"ref\",\"name:en\":\"t.en\"},\"constant\":{\"kind\":\"SYN\"}}", 1, 0);
    assert_true(str_is_equal(s->id, STR("5")) && str_is_equal(s->name, STR("Deep")) && !s->last.has_place);
}

static void test_json(void **state)
{
    struct seen *s = *state;
    reads(s, "[{\"ref\":\"http://www.wikidata.org/entity/Q5\",\"y\":1.5,\"x\":2,\"n\":\"Q5\"},{\"ref\":null},3]",
          "{\"fields\":{\"id\":\"ref\",\"wikidata\":\"ref\",\"name\":\"n\",\"lat\":\"y\",\"lon\":\"x\"},\"constant\":{"
          "\"class\":\"cemetery\"}}",
          1, 2);
    assert_true(str_is_equal(s->id, STR("Q5")) && str_is_equal(s->last.wikidata, STR("Q5")) && s->last.names_n == 0);
    reads(s, "{\"i\":1,\"n\":\"A\"}\n{\"i\":2,\"n\":\"B\"}\n", MAP(""), 2, 0); /* lines */
    reads(s, "[]", MAP(""), 0, 0);
}

/* ---- hostile files: a clear error, and memory that does not follow the file ---- */

static void test_hostile(void **state)
{
    struct seen *s = *state;
    struct buf big;
    fails(s, (struct str){"i,n\n1,a\0b\n", 10}, MAP(""), RC_DAMAGED, "NUL");
    buf_init(&big, 0);
    buf_add_z(&big, "i,n\n1,");
    memset(buf_reserve(&big, 10 << 20), 'x', 10 << 20);
    buf_commit(&big, 10 << 20);
    fails(s, buf_str(&big), MAP(""), RC_TOO_LARGE, "line 2");
    buf_clear(&big);
    memset(buf_reserve(&big, 64 << 20), '[', 64 << 20);
    buf_commit(&big, 64 << 20);
    fails(s, buf_str(&big), MAP(""), RC_TOO_LARGE, "deep");
    buf_clear(&big);
    for (int i = 0; i < 501; i++)
        buf_printf(&big, "c%d,", i);
    buf_add_z(&big, "i,n\n");
    fails(s, buf_str(&big), MAP(""), RC_TOO_LARGE, "column");
    buf_fini(&big);
    fails(s, STR("[{\"i\":1,"), MAP(""), RC_DAMAGED, "byte");
    fails(s, STR("i,n\n1,\"open\n"), MAP(""), RC_DAMAGED, "line 2");
}

static int setup(void **state)
{
    struct seen *s = mem_alloc(sizeof *s);
    arena_init(&s->mem);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct seen *s = *state;
    arena_fini(&s->mem);
    free(s);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_csv), cmocka_unit_test(test_maps),
                                       cmocka_unit_test(test_geojson), cmocka_unit_test(test_json),
                                       cmocka_unit_test(test_hostile)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
