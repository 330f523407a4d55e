/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Exports: what is written can be read back, by us and by GDAL; the policy; boxes over the antimeridian; counts,
 * digest.
 */
#include "sites_fixture.h"

#include <sys/wait.h>

#include "sites/export.h"
#include "wire/json_in.h"

static enum rc keep(void *ctx, const void *data, size_t n, struct err *err)
{
    (void)err;
    buf_add(ctx, data, n);
    return RC_OK;
}

static enum rc refuse(void *ctx, const void *data, size_t n, struct err *err)
{
    (void)ctx;
    (void)data;
    (void)n;
    return err_set(err, RC_IO, "the disk is full");
}

static struct sites_export_report export_to(struct registry *r, enum sites_export_format format,
                                            const struct sites_filter *filter, const struct viewer *viewer,
                                            struct buf *out)
{
    struct sites_export_options o = {.format = format};
    struct sites_export_report report;
    if (filter)
        o.filter = *filter;
    buf_clear(out);
    OK(sites_export(r->st, &o, viewer, keep, out, &report, &r->err));
    assert_int_equal(report.bytes, out->n);
    struct sha256 digest = sha256_of(out->p, out->n);
    assert_true(sha256_is_equal(digest, report.digest));
    return report;
}

static const char TOWN[] =
    "{\"type\":\"FeatureCollection\",\"features\":["
    "{\"type\":\"Feature\",\"id\":\"way/"
    "1\",\"properties\":{\"amenity\":\"place_of_worship\",\"religion\":\"christian\",\"name\":"
    "\"Saint \\\"Quote\\\", "
    "comma\",\"name:ar\":\"كنيسة\",\"name:zh-Hant\":\"教堂\",\"wikidata\":\"Q1\"},\"geometry\":{\"type\":\"Polygon\","
    "\"coordinates\":[[[179.9,-16.6],[179.95,-16.6],[179.95,-16.55],[179.9,-16.55],[179.9,-16.6]]]}},"
    "{\"type\":\"Feature\",\"id\":\"node/"
    "2\",\"properties\":{\"amenity\":\"place_of_worship\",\"religion\":\"hindu\",\"start_date\":\"~C13\",\"name\":\"=SUM(A1)\"},"
    "\"geometry\":{\"type\":\"Point\",\"coordinates\":[-179.95,-16.5]}},"
    "{\"type\":\"Feature\",\"id\":\"node/3\",\"properties\":{\"amenity\":\"place_of_worship\",\"religion\":\"muslim\",\"start_date\":\"some day\"},"
    "\"geometry\":{\"type\":\"Point\",\"coordinates\":[2.35,48.85]}},"
    "{\"type\":\"Feature\",\"id\":\"node/"
    "4\",\"properties\":{\"amenity\":\"place_of_worship\",\"religion\":\"jewish\",\"name\":\"Nowhere\"},"
    "\"geometry\":null}]}";

static void town(struct registry *r)
{
    struct sites_import_report p;
    OK(import_path(r, written(r, "town.geojson", TOWN, sizeof TOWN - 1), "town", false, &p, NULL));
    assert_int_equal(p.added, 4);
}

static struct site *external(struct registry *r, const char *id)
{
    struct site *s;
    OK(sites_find_external(r->st, str_of(id), &SITES_ADMIN, &r->mem, &s, &r->err));
    return s;
}

/* Of the one that has a date; "some day" is none. */
static bool started_of(const json_t *p)
{
    struct str text = json_str_or_empty(p, "start_date");
    const json_t *from = json_object_get(p, "start_earliest"), *to = json_object_get(p, "start_latest");
    if (str_is_empty(text)) {
        assert_true(json_is_null(from) && json_is_null(to) && json_is_false(json_object_get(p, "start_about")));
        return false;
    }
    assert_true(str_is_equal(text, STR("~C13")) && json_is_true(json_object_get(p, "start_about")));
    assert_true(json_integer_value(from) == 1201 && json_integer_value(to) == 1300);
    return true;
}

static void geojson(struct registry *r)
{
    struct buf out;
    json_t *doc;
    buf_init(&out, 0);
    town(r);
    struct sites_export_report report = export_to(r, SITES_EXPORT_GEOJSON, NULL, &VIEWER_PUBLIC, &out);
    assert_int_equal(report.rows, 4);
    OK(json_in_parse(buf_str(&out), 1 << 20, &doc, &r->err));
    json_t *features = json_object_get(doc, "features");
    assert_int_equal(json_array_size(features), 4);
    int points = 0, footprints = 0, names = 0, started = 0;
    for (size_t i = 0; i < 4; i++) {
        const json_t *f = json_array_get(features, i), *p = json_object_get(f, "properties");
        points += json_is_object(json_object_get(f, "geometry"));
        footprints += json_is_object(json_object_get(p, "footprint"));
        names += (int)json_object_size(json_object_get(p, "names"));
        assert_true(str_is_equal(json_str_or_empty(p, "source"), STR("town")));
        assert_true(json_str_or_empty(p, "external_id").n > 4);
        started += started_of(p);
    }
    assert_true(points == 3 && footprints == 1 && names == 5 && started == 1);
    json_decref(doc);

    struct sites_filter pacific = {.has_box = true, .box = {179, -17, -179, -16}};
    assert_int_equal(export_to(r, SITES_EXPORT_GEOJSON, &pacific, &VIEWER_PUBLIC, &out).rows, 2);
    struct sites_filter hindu = {.religion = STR("hindu")};
    assert_int_equal(export_to(r, SITES_EXPORT_GEOJSON, &hindu, &VIEWER_PUBLIC, &out).rows, 1);

    struct sites_export_options o = {.format = SITES_EXPORT_GEOJSON};
    assert_int_equal(sites_export(r->st, &o, &VIEWER_PUBLIC, refuse, NULL, &report, &r->err), RC_IO);
    buf_fini(&out);
}

static void guarded(struct registry *r)
{
    struct buf out;
    buf_init(&out, 0);
    town(r);
    OK(sites_hide(r->st, external(r, "node/3")->id, STR("asked"), &SITES_ADMIN, &r->err));
    OK(sites_set_visibility(r->st, external(r, "way/1")->id, VISIBILITY_COARSE, STR("asked"), &SITES_ADMIN, &r->err));
    for (int format = 0; format < 2; format++) {
        assert_int_equal(export_to(r, (enum sites_export_format)format, NULL, &VIEWER_PUBLIC, &out).rows, 3);
        assert_false(str_contains(buf_str(&out), STR("node/3")));
        assert_false(str_contains(buf_str(&out), STR("way/1"))); /* an id of the map is a place */
        assert_false(str_contains(buf_str(&out), STR("\"Q1\"")) || str_contains(buf_str(&out), STR(",Q1,")));
        assert_int_equal(export_to(r, (enum sites_export_format)format, NULL, &SITES_ADMIN, &out).rows, 4);
        assert_true(str_contains(buf_str(&out), STR("way/1")));
    }
    buf_fini(&out);
}

/* Into an empty registry and out again: the same facts. */
static void round_trip(struct registry *r)
{
    struct buf out, again;
    struct sites_import_report p;
    buf_init(&out, 0);
    buf_init(&again, 0);
    town(r);
    for (int format = 0; format < 2; format++) {
        const char *name = format ? "back.csv" : "back.geojson", *source = format ? "back-csv" : "back-geojson";
        struct refused refused = {0};
        export_to(r, (enum sites_export_format)format, NULL, &VIEWER_PUBLIC, &out);
        const char *path = written(r, name, out.p, out.n);
        OK(import_path(r, path, source, true, &p, &refused));
        if (p.sites != 4)
            fail_msg("%s: %lld sites; %.*s", name, (long long)p.sites, (int)refused.text.n, refused.text.p);
        assert_int_equal(p.read, 4);
        buf_fini(&refused.text);
    }
    struct sites_export_options o = {.format = SITES_EXPORT_CSV, .guard = true};
    struct sites_export_report report;
    OK(sites_export(r->st, &o, &VIEWER_PUBLIC, keep, &again, &report, &r->err));
    assert_true(str_contains(buf_str(&again), STR("'=SUM(A1)")));
    buf_fini(&out);
    buf_fini(&again);
}

static void gdal(struct registry *r)
{
    struct buf out;
    if (system("command -v ogrinfo >/dev/null 2>&1") != 0) {
        fprintf(stderr, "skipped: GDAL's ogrinfo is not installed (package gdal-bin)\n");
        return;
    }
    buf_init(&out, 0);
    town(r);
    for (int format = 0; format < 2; format++) {
        export_to(r, (enum sites_export_format)format, NULL, &VIEWER_PUBLIC, &out);
        const char *path = written(r, format ? "o.csv" : "o.geojson", out.p, out.n);
        const char *cmd = str_printf(&r->mem, "ogrinfo -ro -so -al '%s' 2>&1 | grep -q 'Feature Count: 4'", path).p;
        assert_int_equal(system(cmd), 0);
    }
    buf_fini(&out);
}

/* ---- lists: pages, cursors, search ---- */

static void pages(struct registry *r)
{
    struct sites_import_report p;
    struct sites_page page;
    const char *path = in_tree(r, "data/seed/sites.csv");
    if (!file_is_there(path))
        return;
    OK(import_path(r, path, "", false, &p, NULL));
    struct str cursor = STR_NONE;
    int64_t got = 0;
    do {
        OK(sites_list(r->st, NULL, &VIEWER_PUBLIC, cursor, 37, true, &r->mem, &page, &r->err));
        assert_int_equal(page.matched, p.sites);
        got += (int64_t)page.n;
        for (size_t i = 1; i < page.n; i++)
            assert_true(page.sites[i].cell >= page.sites[i - 1].cell || page.sites[i].cell < 0);
        cursor = page.next;
    } while (!str_is_empty(cursor));
    assert_int_equal(got, p.sites);
    assert_int_equal(sites_list(r->st, NULL, &VIEWER_PUBLIC, STR("nonsense"), 5, true, &r->mem, &page, &r->err),
                     RC_INVALID);
    assert_int_equal(sites_list(r->st, NULL, &VIEWER_PUBLIC, STR_NONE, 0, true, &r->mem, &page, &r->err), RC_INVALID);

    static const char *const QUERIES[] = {"SAINT PETER'S", "st peters bas", "sagrada fam\xC3\xADlia",
                                          "SAGRADA FAMILIA"};
    int64_t found = 0;
    for (size_t i = 0; i < 4; i++) {
        struct sites_filter f = {.q = str_of(QUERIES[i])};
        OK(sites_list(r->st, &f, &VIEWER_PUBLIC, STR_NONE, 10, true, &r->mem, &page, &r->err));
        found += page.matched > 0;
        assert_true(page.matched < 20);
    }
    assert_true(found >= 2);
    struct sites_filter none = {.q = STR("100%_\\")};
    OK(sites_list(r->st, &none, &VIEWER_PUBLIC, STR_NONE, 10, true, &r->mem, &page, &r->err));
    assert_int_equal(page.matched, 0);

    struct sites_filter listed = {.religion = STR("muslim"), .is_heritage = true};
    OK(sites_list(r->st, &listed, &VIEWER_PUBLIC, STR_NONE, 500, true, &r->mem, &page, &r->err));
    assert_true(page.matched > 5 && page.matched == (int64_t)page.n);
    for (size_t i = 0; i < page.n; i++)
        assert_true(page.sites[i].whs_year != 0 || page.sites[i].heritage.n > 0);
    int64_t listed_n = page.matched;

    struct sites_filter muslim = {.religion = STR("muslim"), .class_code = STR("place_of_worship")};
    OK(sites_list(r->st, &muslim, &VIEWER_PUBLIC, STR_NONE, 500, true, &r->mem, &page, &r->err));
    assert_true(page.matched > 10 && page.matched == (int64_t)page.n && page.matched > listed_n);
    struct site *s = &page.sites[0], *one;
    OK(sites_find(r->st, uuid_format(&r->mem, s->public_id), &VIEWER_PUBLIC, &r->mem, &one, &r->err));
    assert_true(uuid_is_equal(one->id, s->id));
    OK(sites_find(r->st, code_format(&r->mem, s->code), &VIEWER_PUBLIC, &r->mem, &one, &r->err));
    assert_true(uuid_is_equal(one->id, s->id) && one->names_n == s->names_n);
    assert_int_equal(sites_find(r->st, STR("0000-0000-0"), &VIEWER_PUBLIC, &r->mem, &one, &r->err), RC_NOT_FOUND);
    struct sites_source *sources;
    size_t n;
    OK(sites_sources(r->st, s, &r->mem, &sources, &n, &r->err));
    assert_true(n == 1 && str_is_equal(sources[0].source, STR("fane-seed")) && sources[0].external_id.n > 3);
}

static enum rc count_one(void *ctx, const struct site *s, struct err *err)
{
    int64_t *state = ctx; /* count, last cell */
    (void)err;
    assert_true(s->has_place && s->cell >= state[1]);
    state[0]++;
    state[1] = s->cell;
    return RC_OK;
}

static void each_public(struct registry *r)
{
    int64_t state[2] = {0, 0}, count, change, change2;
    town(r);
    OK(sites_public_state(r->st, &count, &change, &r->err));
    OK(sites_each_public(r->st, false, count_one, state, &r->err));
    assert_int_equal(state[0], 3);
    assert_int_equal(count, 3);
    OK(sites_hide(r->st, external(r, "node/3")->id, STR("asked"), &SITES_ADMIN, &r->err));
    state[0] = state[1] = 0;
    OK(sites_each_public(r->st, false, count_one, state, &r->err));
    OK(sites_public_state(r->st, &count, &change2, &r->err));
    assert_true(state[0] == 2 && count == 2 && change2 > change);
}

static void folding(struct registry *r)
{
    static const char *const SAME[][2] = {{"Église Saint-Étienne", "eglise saint etienne"},
                                          {"مَسْجِد", "مسجد"},
                                          {"بَيْت לֶחֶם", "بيت לחם"},
                                          {"ＣＨＵＲＣＨ", "church"},
                                          {"Straße", "STRASSE"},
                                          {"Kraków", "krakow"},
                                          {"Łódź", "lodz"},
                                          {"ΑΓΙΑ ΣΟΦΙΑ", "αγια σοφια"},
                                          {"  a \t b ", "a b"},
                                          {"الإسلام", "الاسلام"},
                                          {"O’Brien", "obrien"}};
    for (size_t i = 0; i < sizeof SAME / sizeof SAME[0]; i++) {
        struct str a = sites_fold(&r->mem, str_of(SAME[i][0])), b = sites_fold(&r->mem, str_of(SAME[i][1]));
        if (!str_is_equal(a, b))
            fail_msg("%s folds to %.*s, %s to %.*s", SAME[i][0], (int)a.n, a.p, SAME[i][1], (int)b.n, b.p);
    }
    struct str a = sites_fold(&r->mem, STR("हिन्दी")), b = sites_fold(&r->mem, STR("हनद"));
    assert_false(str_is_equal(a, b)); /* vowel signs are letters */
}

#define ON_EACH(name)                                                                                                  \
    static void test_##name(void **s)                                                                                  \
    {                                                                                                                  \
        (void)s;                                                                                                       \
        on_each_engine(name);                                                                                          \
    }
ON_EACH(geojson)
ON_EACH(guarded)
ON_EACH(round_trip)
ON_EACH(gdal)
ON_EACH(pages)
ON_EACH(each_public)
ON_EACH(folding)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_geojson),    cmocka_unit_test(test_guarded),
                                       cmocka_unit_test(test_round_trip), cmocka_unit_test(test_gdal),
                                       cmocka_unit_test(test_pages),      cmocka_unit_test(test_each_public),
                                       cmocka_unit_test(test_folding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
