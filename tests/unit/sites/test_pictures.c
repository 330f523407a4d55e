/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Pictures of sites: what is asked of one, who sees it, that it goes and comes with its site, that it is kept and taken
 * away in the ledger's sight (the fixture verifies rows and bytes after each test).
 */
#include "sites_fixture.h"

#include "sites/join.h"
#include "sites/pictures.h"
#include "sites/visibility.h"

static const struct viewer REVIEWER = {.account = {{2}}, .role = ROLE_REVIEWER};
static const struct viewer NAMELESS = {.role = ROLE_REVIEWER};

static void import_as(struct registry *r, const char *source, const char *rows)
{
    struct sites_import_report p;
    struct sites_file_options o = {.import = {.source = str_of(source), .temp_dir = r->dir}};
    static const char MAP[] =
        "{\"source\":{\"name\":\"x\",\"licence\":\"CC0-1.0\"},\"delimiter\":\";\",\"fields\":{\"id\":"
        "\"id\",\"name\":\"name\",\"lat\":\"lat\",\"lon\":\"lon\",\"wikidata\":\"wikidata\"},"
        "\"constant\":{\"kind\":\"CHU\",\"religion\":\"christian\"}}";
    struct str csv = str_printf(&r->mem, "id;name;lat;lon;wikidata\n%s", rows);
    o.map = written(r, "map.json", MAP, strlen(MAP));
    OK(sites_import_file(r->st, written(r, "rows.csv", csv.p, csv.n), &o, &p, &r->err));
}

static struct site *seen_by(struct registry *r, const char *external, const struct viewer *viewer)
{
    struct site *s;
    OK(sites_find_external(r->st, str_of(external), &SITES_ADMIN, &r->mem, &s, &r->err));
    OK(sites_find_id(r->st, s->id, viewer, &r->mem, &s, &r->err));
    return s;
}

static struct picture_draft draft(struct registry *r, const char *external)
{
    return (struct picture_draft){.site = seen_by(r, external, &SITES_ADMIN)->id,
                                  .licence = STR("cc-by-sa-4.0"),
                                  .credit = STR(" Fatima al-Fihri "),
                                  .source_url = STR("https://commons.wikimedia.org/wiki/File:X.jpg"),
                                  .alt = STR("A courtyard"),
                                  .alt_lang = STR("en"),
                                  .whole = {STR("the whole picture"), 1600, 1200},
                                  .small = {STR("the small one"), 480, 360}};
}

static struct uuid added(struct registry *r, const char *external)
{
    struct picture_draft d = draft(r, external);
    struct uuid id;
    OK(pictures_add(r->st, &d, &REVIEWER, &id, &r->err));
    return id;
}

static size_t listed(struct registry *r, const char *external, const struct viewer *viewer, struct picture **out)
{
    size_t n;
    OK(pictures_of(r->st, seen_by(r, external, viewer), &r->mem, out, &n, &r->err));
    return n;
}

static enum rc jpeg(struct registry *r, struct uuid id, bool is_small, const struct viewer *viewer, struct str *out)
{
    struct sha256 digest;
    enum rc rc = pictures_jpeg(r->st, id, is_small, viewer, &r->mem, out, &digest, &r->err);
    if (rc == RC_OK)
        assert_true(sha256_is_equal(digest, sha256_of(out->p, out->n)));
    return rc;
}

static void added_and_shown(struct registry *r)
{
    struct picture *list;
    struct str bytes;
    import_as(r, "osm", "node/1;St Mary;51.5;-0.1;\n");
    assert_int_equal(listed(r, "node/1", &VIEWER_PUBLIC, &list), 0);
    struct uuid id = added(r, "node/1");
    assert_int_equal(listed(r, "node/1", &VIEWER_PUBLIC, &list), 1);
    assert_true(uuid_is_equal(list[0].public_id, id));
    assert_true(str_is_equal(list[0].licence, STR("CC-BY-SA-4.0")) &&
                str_is_equal(list[0].credit, STR("Fatima al-Fihri")));
    assert_true(str_is_equal(list[0].alt, STR("A courtyard")) && str_is_equal(list[0].alt_lang, STR("en")));
    assert_true(list[0].width == 1600 && list[0].height == 1200 && list[0].small_width == 480);
    OK(jpeg(r, id, false, &VIEWER_PUBLIC, &bytes));
    assert_true(str_is_equal(bytes, STR("the whole picture")));
    OK(jpeg(r, id, true, &VIEWER_PUBLIC, &bytes));
    assert_true(str_is_equal(bytes, STR("the small one")));
    assert_int_equal(jpeg(r, uuid_random(), true, &VIEWER_PUBLIC, &bytes), RC_NOT_FOUND);
    for (int i = 1; i < PICTURES_PER_SITE_MAX; i++)
        added(r, "node/1");
    assert_int_equal(listed(r, "node/1", &VIEWER_PUBLIC, &list), PICTURES_PER_SITE_MAX);
    assert_true(uuid_is_equal(list[0].public_id, id)); /* the oldest first */
    struct picture_draft d = draft(r, "node/1");
    assert_int_equal(pictures_add(r->st, &d, &REVIEWER, &id, &r->err), RC_TOO_LARGE);
}

static void refused(struct registry *r)
{
    struct uuid id;
    import_as(r, "osm", "node/1;St Mary;51.5;-0.1;\n");
    static const struct str LICENCES[] = {
        {"", 0}, {"CC-BY-NC-4.0", 12}, {"CC-BY-ND-4.0", 12}, {"copyright", 9}, {"CC-BY", 5}};
    static const char *const SOURCES[] = {
        "http://example.org/x",      "https://", "https://a b", "javascript:alert(1)", "https://x.example/\"onload",
        "data:image/png;base64,xxxx"};
    static const char *const LANGS[] = {"e", "en_GB", "-en", "e n", "abcdefghijklmnopqrstuvwxyz-abcdefghijklm"};
    struct picture_draft d = draft(r, "node/1");
    assert_int_equal(pictures_add(r->st, &d, &VIEWER_PUBLIC, &id, &r->err), RC_DENIED);
    assert_int_equal(pictures_add(r->st, &d, &NAMELESS, &id, &r->err), RC_DENIED);
#define REFUSED(change)                                                                                                \
    do {                                                                                                               \
        d = draft(r, "node/1");                                                                                        \
        change;                                                                                                        \
        assert_int_not_equal(pictures_add(r->st, &d, &REVIEWER, &id, &r->err), RC_OK);                                 \
        assert_true(strlen(r->err.text) > 10);                                                                         \
    } while (0)
    for (size_t i = 0; i < sizeof LICENCES / sizeof LICENCES[0]; i++)
        REFUSED(d.licence = LICENCES[i]);
    for (size_t i = 0; i < sizeof SOURCES / sizeof SOURCES[0]; i++)
        REFUSED(d.source_url = str_of(SOURCES[i]));
    for (size_t i = 0; i < sizeof LANGS / sizeof LANGS[0]; i++)
        REFUSED(d.alt_lang = str_of(LANGS[i]));
    REFUSED(d.credit = STR("  "));
    REFUSED(d.credit = STR("one\ntwo"));
    REFUSED(d.credit = STR("\xff"));
    REFUSED(d.whole.jpeg = STR_NONE);
    REFUSED(d.small.jpeg = ((struct str){d.small.jpeg.p, PICTURE_JPEG_MAX + 1}));
    REFUSED(d.site = uuid_random());
    char *large = arena_alloc(&r->mem, PICTURE_ALT_MAX + 2);
    memset(large, 'a', PICTURE_ALT_MAX + 1);
    REFUSED(d.alt = str_of(large));
    assert_int_equal(rows_of(r, "site_picture"), 0);
    assert_int_equal(rows_of(r, "site_picture_bytes"), 0);
}

/* P1: it goes with its site, and comes again. */
static void guarded(struct registry *r)
{
    struct picture *list;
    struct str bytes;
    import_as(r, "osm", "node/1;St Mary;51.5;-0.1;\nnode/2;St Peter;52.5;-0.1;\n");
    struct uuid id = added(r, "node/1"), site = seen_by(r, "node/1", &SITES_ADMIN)->id;
    added(r, "node/2");
    static const enum visibility LESS[] = {VISIBILITY_COARSE, VISIBILITY_HIDDEN};
    for (size_t i = 0; i < 2; i++) {
        OK(sites_set_visibility(r->st, site, LESS[i], STR("asked"), &SITES_ADMIN, &r->err));
        assert_int_equal(jpeg(r, id, false, &VIEWER_PUBLIC, &bytes), RC_NOT_FOUND);
        char text[sizeof r->err.text];
        strcpy(text, r->err.text);
        assert_int_equal(jpeg(r, uuid_random(), false, &VIEWER_PUBLIC, &bytes), RC_NOT_FOUND);
        assert_string_equal(text, r->err.text); /* as if there were none */
        OK(jpeg(r, id, false, &REVIEWER, &bytes));
        assert_int_equal(listed(r, "node/1", &REVIEWER, &list), 1);
    }
    OK(sites_set_visibility(r->st, site, VISIBILITY_COARSE, STR("asked"), &SITES_ADMIN, &r->err));
    assert_int_equal(listed(r, "node/1", &VIEWER_PUBLIC, &list), 0);
    OK(sites_set_visibility(r->st, site, VISIBILITY_PUBLIC, STR("safe again"), &SITES_ADMIN, &r->err));
    OK(jpeg(r, id, true, &VIEWER_PUBLIC, &bytes));
    assert_int_equal(listed(r, "node/1", &VIEWER_PUBLIC, &list), 1);
}

static void of_joined_sites(struct registry *r)
{
    struct picture *list;
    struct joins_page page;
    struct joins_report p;
    import_as(r, "osm", "node/1;St Mary's Church;51.5;-0.1;Q77\n");
    import_as(r, "register", "r1;St Mary's Church;51.5;-0.1;Q77\n");
    added(r, "node/1");
    added(r, "r1");
    OK(joins_run(r->st, &(struct joins_options){.is_whole = true}, &p, &r->err));
    assert_true(uuid_is_equal(seen_by(r, "r1", &VIEWER_PUBLIC)->id, seen_by(r, "node/1", &VIEWER_PUBLIC)->id));
    assert_int_equal(listed(r, "r1", &VIEWER_PUBLIC, &list), 2);
    OK(joins_list(r->st, &REVIEWER, STR("joined"), STR_NONE, 10, &r->mem, &page, &r->err));
    OK(joins_undo(r->st, &REVIEWER, page.items[0].public_id, STR("two buildings"), &r->err));
    assert_int_equal(listed(r, "r1", &VIEWER_PUBLIC, &list), 1);
    assert_int_equal(listed(r, "node/1", &VIEWER_PUBLIC, &list), 1);
}

static void taken_away(struct registry *r)
{
    struct picture *list;
    struct str bytes;
    import_as(r, "osm", "node/1;St Mary;51.5;-0.1;\n");
    struct uuid id = added(r, "node/1"), other = added(r, "node/1");
    assert_int_equal(pictures_remove(r->st, id, STR("wrong church"), &VIEWER_PUBLIC, &r->err), RC_DENIED);
    assert_int_equal(pictures_remove(r->st, id, STR("  "), &REVIEWER, &r->err), RC_INVALID);
    OK(pictures_remove(r->st, id, STR("wrong church"), &REVIEWER, &r->err));
    assert_int_equal(pictures_remove(r->st, id, STR("wrong church"), &REVIEWER, &r->err), RC_NOT_FOUND);
    assert_int_equal(jpeg(r, id, false, &SITES_ADMIN, &bytes), RC_NOT_FOUND);
    OK(jpeg(r, other, false, &VIEWER_PUBLIC, &bytes));
    assert_int_equal(listed(r, "node/1", &VIEWER_PUBLIC, &list), 1);
    assert_int_equal(rows_of(r, "site_picture"), 2);
    assert_int_equal(rows_of(r, "site_picture_bytes"), 2);
    assert_int_equal(number_of(r, "SELECT count(*) FROM site_picture WHERE reason = 'wrong church'"), 1);
}

static enum rc run_sql(struct store_tx *tx, void *ctx, struct err *err)
{
    struct store_sql sql = {ctx};
    return store_exec(tx, &sql, NULL, 0, NULL, err);
}

/* Whatever is changed behind the ledger's back, of the row or of the bytes, verify tells. */
static void tampered(struct registry *r)
{
    static const char *const CHANGES[][2] = {
        {"UPDATE site_picture SET credit = 'x'", "UPDATE site_picture SET credit = 'Fatima al-Fihri'"},
        {"UPDATE site_picture SET licence = 'CC0-1.0'", "UPDATE site_picture SET licence = 'CC-BY-SA-4.0'"},
        {"UPDATE site_picture_bytes SET size = size + 2", "UPDATE site_picture_bytes SET size = size - 2"},
        {"UPDATE site_picture_bytes SET size = 5 - size", "UPDATE site_picture_bytes SET size = 5 - size"},
        {"UPDATE site_picture SET removed_us = 5", "UPDATE site_picture SET removed_us = NULL"}};
    struct ledger_report report;
    import_as(r, "osm", "node/1;St Mary;51.5;-0.1;\n");
    added(r, "node/1");
    for (size_t i = 0; i < sizeof CHANGES / sizeof CHANGES[0]; i++) {
        OK(store_write(r->st, run_sql, (void *)(uintptr_t)CHANGES[i][0], &r->err));
        assert_int_equal(ledger_verify(r->ledger, &report, &r->err), RC_DAMAGED);
        OK(store_write(r->st, run_sql, (void *)(uintptr_t)CHANGES[i][1], &r->err));
        OK(ledger_verify(r->ledger, &report, &r->err));
    }
}

#define EACH(name)                                                                                                     \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        on_each_engine(name);                                                                                          \
    }
EACH(added_and_shown)
EACH(refused)
EACH(guarded)
EACH(of_joined_sites)
EACH(taken_away)
EACH(tampered)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_added_and_shown), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_guarded),         cmocka_unit_test(test_of_joined_sites),
                                       cmocka_unit_test(test_taken_away),      cmocka_unit_test(test_tampered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
