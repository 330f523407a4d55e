/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Import of a source, on both engines: the real files first, then editions, duplicates, damage, and a kill.
 */
#include "sites_fixture.h"

#include <signal.h>
#include <sys/wait.h>

static struct site *by_external(struct registry *r, const char *id, const struct viewer *viewer)
{
    struct site *s;
    enum rc rc = sites_find_external(r->st, str_of(id), viewer, &r->mem, &s, &r->err);
    return rc == RC_OK ? s : NULL;
}

/* ---- real files ---- */

static void the_file(struct registry *r, const char *name, int64_t read, int64_t sites, struct sites_import_report *out)
{
    const char *path = shared(r, name);
    struct refused refused = {0};
    if (!path)
        return;
    OK(import_path(r, path, "", false, out, &refused));
    print_report(name, out);
    assert_int_equal(out->read, read);
    assert_int_equal(out->sites, sites);
    assert_int_equal(out->read, out->sites + out->rejected);
    assert_int_equal(out->rejected, refused.n);
    assert_int_equal(out->added, sites);
    struct sites_import_report again;
    OK(import_path(r, path, "", false, &again, NULL));
    assert_int_equal(again.unchanged, sites);
    assert_int_equal(again.added + again.updated + again.gone, 0);
    buf_fini(&refused.text);
}

static void real_tables(struct registry *r)
{
    struct sites_import_report p = {0};
    the_file(r, "sites/uk-osm-half.csv", 17868, 17864, &p);
    the_file(r, "sites/wikidata-cemeteries-half.csv", 2622, 2610, &p);
    the_file(r, "sites/nyc-cemeteries.geojson", 111, 111, &p);
    if (p.read == 0)
        return;
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE cell = -1"), 732);
    assert_int_equal(number_of(r, "SELECT count(*) FROM site_footprint"), 108);
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE country = 'GB' AND class = 'place_of_worship'"),
                     17864);
}

static void real_new_zealand(struct registry *r)
{
    struct sites_import_report p = {0};
    struct refused refused = {0};
    const char *path = shared(r, "sites/nz-osm.json");
    if (!path)
        return;
    OK(import_path(r, path, "", false, &p, &refused));
    print_report("nz-osm.json", &p);
    fprintf(stderr, "%.600s\n", refused.text.p);
    assert_int_equal(p.read, 4718);
    assert_int_equal(p.read, p.sites + p.rejected);
    assert_int_equal(class_of(&p, "place_of_worship"), 3370); /* by the tag */
    struct sites_filter f = {.q = STR("kindergarten")};
    struct sites_page page;
    OK(sites_list(r->st, &f, &VIEWER_PUBLIC, STR_NONE, 10, true, &r->mem, &page, &r->err));
    /* one is tagged as used for worship, and the tag counts; the other three of that name or trade are no sites */
    assert_int_equal(page.matched, 1);
    assert_true(str_is_equal(page.sites[0].class_code, STR("place_of_worship")));
    assert_null(by_external(r, "node/279233670", &SITES_ADMIN));
    assert_true(refused_has(&refused, "2: A place of teaching or care"));
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE name LIKE 'Place of Worship %'"), 0);
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE country = 'NZ'"), p.sites);
    buf_fini(&refused.text);
}

static void real_osm(struct registry *r)
{
    struct sites_import_report p;
    const char *older = shared(r, "osm/andorra-2013.osm.pbf"), *newer = shared(r, "osm/andorra-2025.osm.pbf");
    if (!older || !newer)
        return;
    OK(import_path(r, older, "andorra", false, &p, NULL));
    print_report("andorra-2013", &p);
    assert_int_equal(class_of(&p, "place_of_worship"), 11);
    int64_t before = p.sites;
    OK(import_path(r, newer, "andorra", false, &p, NULL));
    print_report("andorra-2025", &p);
    assert_int_equal(class_of(&p, "place_of_worship"), 63);
    assert_int_equal(p.updated + p.unchanged, 8);
    assert_int_equal(p.gone, before - 8);
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE status = 'gone'"), p.gone);
    assert_int_equal(rows_of(r, "site"), p.sites + p.gone);
    assert_true(number_of(r, "SELECT count(*) FROM site WHERE country = 'AD'") > p.sites * 9 / 10);
    assert_int_equal(number_of(r, "SELECT count(*) FROM source WHERE licence = 'ODbL-1.0'"), 1);
}

static void real_seed(struct registry *r)
{
    struct sites_import_report p;
    const char *path = in_tree(r, "data/seed/sites.csv");
    struct refused refused = {0};
    if (!file_is_there(path))
        return;
    OK(import_path(r, path, "", false, &p, &refused));
    print_report("seed", &p);
    if (refused.n)
        fprintf(stderr, "%.*s\n", (int)refused.text.n, refused.text.p);
    assert_int_equal(p.rejected, 0);
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE country = ''"),
                     number_of(r, "SELECT count(*) FROM site s WHERE country = '' AND is_disputed = 1"));
    buf_fini(&refused.text);
}

/* ---- editions ---- */

#define HEAD "ref;title;title_ar;y;x;what\n"
static const char MAP[] = "{\"delimiter\":\";\",\"decimal\":\",\",\"source\":{\"name\":\"town\",\"licence\":\"CC0-1."
                          "0\"},\"fields\":{\"id\":\"ref\","
                          "\"name\":\"title\",\"name:ar\":\"title_ar\",\"lat\":\"y\",\"lon\":\"x\",\"kind\":\"what\"}}";

static enum rc import_text(struct registry *r, const char *text, bool dry_run, struct sites_import_report *p,
                           struct refused *refused)
{
    struct sites_file_options o = {.map = written(r, "map.json", MAP, strlen(MAP))};
    o.import.temp_dir = r->dir;
    o.import.dry_run = dry_run;
    o.import.rejected = refused ? on_refused : NULL;
    o.import.ctx = refused;
    return sites_import_file(r->st, written(r, "town.csv", text, strlen(text)), &o, p, &r->err);
}

static void editions(struct registry *r)
{
    struct sites_import_report p;
    OK(import_text(r, HEAD "a;Old Church;;51,5;-0,1;CHU\nb;Mosque;مسجد;51,6;-0,2;MOS\nc;No place;;;;CHU\n", false, &p,
                   NULL));
    assert_int_equal(p.added, 3);
    struct uuid a = by_external(r, "a", &VIEWER_PUBLIC)->id;
    struct site *b = by_external(r, "b", &VIEWER_PUBLIC), *c = by_external(r, "c", &VIEWER_PUBLIC);
    assert_int_equal(b->names_n, 2);
    assert_true(str_is_equal(b->names[1].lang, STR("ar")));
    assert_true(str_is_equal(b->religion, STR("")) && str_is_equal(b->country, STR("GB")));
    assert_false(c->has_place);
    assert_int_equal(c->cell, -1);

    OK(import_text(r, HEAD "a;New Church;;51,5;-0,1;CHU\nc;No place;;;;CHU\nd;Chapel;;51,7;-0,3;CHA\n", true, &p,
                   NULL));
    assert_true(p.added == 1 && p.updated == 1 && p.unchanged == 1 && p.gone == 1 && p.sites == 3);
    assert_int_equal(rows_of(r, "site"), 3); /* a dry run changes nothing */
    assert_int_equal(rows_of(r, "source_release"), 1);

    OK(import_text(r, HEAD "a;New Church;;51,5;-0,1;CHU\nc;No place;;;;CHU\nd;Chapel;;51,7;-0,3;CHA\n", false, &p,
                   NULL));
    assert_true(p.added == 1 && p.updated == 1 && p.unchanged == 1 && p.gone == 1);
    assert_true(uuid_is_equal(by_external(r, "a", &VIEWER_PUBLIC)->id, a));
    assert_true(str_is_equal(by_external(r, "a", &VIEWER_PUBLIC)->name, STR("New Church")));
    assert_true(str_is_equal(by_external(r, "b", &VIEWER_PUBLIC)->status, STR("gone")));
    assert_int_equal(rows_of(r, "site_source_past"), 1);

    OK(import_text(r, HEAD "a;New Church;;51,5;-0,1;CHU\nb;Mosque;مسجد;51,6;-0,2;MOS\n", false, &p, NULL));
    assert_true(p.updated == 1 && p.unchanged == 1 && p.gone == 2 && p.added == 0);
    assert_true(uuid_is_equal(by_external(r, "b", &VIEWER_PUBLIC)->id, b->id)); /* comes back as itself */
    assert_true(str_is_equal(by_external(r, "b", &VIEWER_PUBLIC)->status, STR("present")));
    struct sites_page page;
    OK(sites_list(r->st, NULL, &VIEWER_PUBLIC, STR_NONE, 10, true, &r->mem, &page, &r->err));
    assert_int_equal(page.matched, 2); /* what is gone is not listed */
}

static void duplicates(struct registry *r)
{
    struct sites_import_report p;
    struct refused refused = {0};
    OK(import_text(
        r,
        HEAD "a;One;;51,5;-0,1;CHU\nb;Two;;51,6;-0,2;CHU\na;Again;;51,5;-0,1;CHU\nx;Bad;;91;0;CHU\n;No id;;1;1;CHU\n"
             "y;Odd;;1;1;XXX\nz;Half;;abc;1;CHU\n",
        false, &p, &refused));
    assert_int_equal(p.read, 7);
    assert_int_equal(p.sites, 2);
    assert_true(refused_has(&refused, "4: duplicate of line 2"));
    assert_true(refused_has(&refused, "5: latitude 91"));
    assert_true(refused_has(&refused, "6: no id"));
    assert_true(refused_has(&refused, "7: its kind is not"));
    assert_true(refused_has(&refused, "8: the latitude \"abc\" is not a number"));
    assert_true(str_is_equal(by_external(r, "a", &VIEWER_PUBLIC)->name, STR("One")));
    buf_fini(&refused.text);
}

/* ---- what people hid stays hidden ---- */

static void hidden_stays(struct registry *r)
{
    struct sites_import_report p;
    struct sites_page page;
    OK(import_text(r, HEAD "a;One;;51,5;-0,1;CHU\nb;Two;;51,6;-0,2;CHU\n", false, &p, NULL));
    struct uuid a = by_external(r, "a", &VIEWER_PUBLIC)->id;
    assert_int_equal(sites_hide(r->st, a, STR("asked by the community"), &VIEWER_PUBLIC, &r->err), RC_DENIED);
    assert_int_equal(sites_hide(r->st, a, STR(" "), &SITES_ADMIN, &r->err), RC_INVALID);
    OK(sites_hide(r->st, a, STR("asked by the community"), &SITES_ADMIN, &r->err));
    assert_null(by_external(r, "a", &VIEWER_PUBLIC));
    OK(import_text(r, HEAD "a;One, moved;;51,55;-0,15;CHU\nb;Two;;51,6;-0,2;CHU\n", false, &p, NULL));
    assert_int_equal(p.updated, 1);
    assert_null(by_external(r, "a", &VIEWER_PUBLIC));
    OK(sites_list(r->st, NULL, &VIEWER_PUBLIC, STR_NONE, 10, true, &r->mem, &page, &r->err));
    assert_int_equal(page.matched, 1);
    assert_int_equal(page.n, 1);
    OK(sites_list(r->st, NULL, &SITES_ADMIN, STR_NONE, 10, true, &r->mem, &page, &r->err));
    assert_int_equal(page.matched, 2);

    OK(sites_set_visibility(r->st, a, VISIBILITY_COARSE, STR("agreed"), &SITES_ADMIN, &r->err));
    struct site *s = by_external(r, "a", &VIEWER_PUBLIC);
    assert_true(s->is_coarse && s->lat_deg != 51.55 && s->precision_m > 1000);
    OK(import_text(r, HEAD "a;One, again;;52,55;-1,15;CHU\nb;Two;;51,6;-0,2;CHU\n", false, &p, NULL));
    struct policy_cell shown = policy_cell_of(52.55, -1.15, POLICY_PRECISION_DEFAULT_M);
    s = by_external(r, "a", &VIEWER_PUBLIC);
    assert_true(s->is_coarse && s->lat_deg == shown.lat_deg && s->lon_deg == shown.lon_deg);
    /* it is found by where it is shown, not by where it is */
    struct sites_filter f = {.has_box = true, .box = {-1.151, 52.549, -1.149, 52.551}};
    OK(sites_list(r->st, &f, &VIEWER_PUBLIC, STR_NONE, 10, true, &r->mem, &page, &r->err));
    assert_int_equal(page.matched + (int64_t)page.n, 0);
    OK(sites_list(r->st, &f, &SITES_ADMIN, STR_NONE, 10, true, &r->mem, &page, &r->err));
    assert_int_equal(page.matched, 1);
    f.box = (struct geo_box){shown.lon_deg - 1e-4, shown.lat_deg - 1e-4, shown.lon_deg + 1e-4, shown.lat_deg + 1e-4};
    OK(sites_list(r->st, &f, &VIEWER_PUBLIC, STR_NONE, 10, true, &r->mem, &page, &r->err));
    assert_int_equal(page.matched, 1);
}

/* ---- damage leaves everything as it was ---- */

static void damage(struct registry *r)
{
    static const char NUL_CSV[] = "id,code,class,kind,visibility,is_coarse,name,lat,lon\na,b\0c\n";
    static const struct {
        const char *name, *text;
        size_t n;
    } BAD[] = {
        {"nul.csv", NUL_CSV, sizeof NUL_CSV - 1},
        {"cut.geojson",
         "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"id\":\"node/1\",\"properties\":"
         "{\"amenity\":\"place_of_worship\"},\"geometry\":{\"type\":\"Point\",\"coordinates\":[1,2]}},",
         0},
        {"quote.csv",
         "area_code,area_name,faith,osm_type,osm_id,name,denomination,lon,lat,source_tier\na,b,Muslim,node,1,\"open",
         0},
        {"empty.csv", "", 0},
        {"unknown.csv", "a,b\n1,2\n", 0},
        {"text.json", "[{\"a\":1},", 0},
        {"bad.osm.pbf", "\0\0\0\x0d\x0a\x09OSMHeader\x18\x0a", 14},
        {"bad.osm", "<osm version=\"0.6\"><node id=", 0}};
    struct sites_import_report p;
    OK(import_text(r, HEAD "a;One;;51,5;-0,1;CHU\n", false, &p, NULL));
    int64_t change, count, releases = rows_of(r, "source_release");
    OK(sites_public_state(r->st, &count, &change, &r->err));
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        const char *path = written(r, BAD[i].name, BAD[i].text, BAD[i].n ? BAD[i].n : strlen(BAD[i].text));
        enum rc rc = import_path(r, path, "", false, &p, NULL);
        assert_int_not_equal(rc, RC_OK);
        assert_true(strlen(r->err.text) > 10);
        int64_t change2, count2;
        OK(sites_public_state(r->st, &count2, &change2, &r->err));
        assert_true(change2 == change && count2 == count);
        assert_int_equal(rows_of(r, "source_release"), releases);
        assert_int_equal(rows_of(r, "source"), 1);
    }
}

/* ---- more than the memory given, with runs on disk ---- */

enum { MANY = 50000 };

static enum rc many(struct sites_import *im, int seed, int stop, struct err *err)
{
    struct site_sink *sink = sites_import_sink(im);
    for (int i = 0; i < MANY && i != stop; i++) {
        char id[32], name[64];
        int k = (int)((unsigned)i * 7919u % MANY); /* in no order */
        snprintf(id, sizeof id, "node/%d", k);
        snprintf(name, sizeof name, "Temple %d of %d", k, k % 10 == 0 ? seed : 0);
        struct site_name n = {STR_NONE, str_of(name)};
        struct site_draft d = {.external_id = str_of(id),
                               .line = i + 1,
                               .class_code = STR("place_of_worship"),
                               .kind = STR("TEM-HIN"),
                               .religion = STR("hindu"),
                               .names = &n,
                               .names_n = 1,
                               .has_place = true,
                               .lat_deg = 10 + (k % 1000) * 0.01,
                               .lon_deg = 76 + (k / 1000) * 0.1};
        TRY(sink->draft(sink->ctx, &d, err));
    }
    return RC_OK;
}

static enum rc import_many(struct registry *r, int seed, struct sites_import_report *p)
{
    struct sites_import_options o = {
        .source = STR("many"), .label = STR("many"), .temp_dir = r->dir, .memory_max = 1 << 17};
    struct sites_import *im;
    enum rc rc = sites_import_begin(r->st, &o, &im, &r->err);
    if (rc != RC_OK)
        return rc;
    rc = many(im, seed, -1, &r->err);
    if (rc == RC_OK)
        rc = sites_import_finish(im, p, &r->err);
    sites_import_free(im);
    return rc;
}

static void runs_on_disk(struct registry *r)
{
    struct sites_import_report p;
    OK(import_many(r, 1, &p));
    assert_int_equal(p.added, MANY);
    assert_int_equal(rows_of(r, "site"), MANY);
    OK(import_many(r, 2, &p));
    assert_int_equal(p.updated, MANY / 10);
    assert_int_equal(p.unchanged, MANY - MANY / 10);
    assert_int_equal(number_of(r, "SELECT count(*) FROM source_release WHERE state = 'closed'"), 2);
}

/* ---- killed in the middle, run again ---- */

static void kill_me(void *ctx, enum import_phase phase, uint64_t done, uint64_t total)
{
    (void)ctx;
    (void)total;
    if (phase == IMPORT_APPLYING && done > MANY * 3 / 4)
        raise(SIGKILL);
}

static void killed_child(struct registry *r)
{
    struct sites_import_options o = {
        .source = STR("many"), .label = STR("many"), .temp_dir = r->dir, .progress = kill_me};
    struct sites_import_report p;
    struct sites_import *im;
    struct ledger *ledger;
    OK(store_open(r->where, NULL, &r->st, &r->err));
    OK(ledger_open(r->st, r->dir, NULL, &ledger, &r->err));
    OK(sites_import_begin(r->st, &o, &im, &r->err));
    OK(many(im, 1, -1, &r->err));
    OK(sites_import_finish(im, &p, &r->err));
    _exit(0);
}

static void killed(struct registry *r)
{
    struct sites_import_report p;
    int status;
    store_close(r->st); /* no thread and no lock of ours crosses the fork */
    ledger_close(r->ledger);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        killed_child(r);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    OK(store_open(r->where, NULL, &r->st, &r->err));
    registry_open(r);
    assert_int_equal(number_of(r, "SELECT count(*) FROM source_release WHERE state = 'open'"), 1);
    int64_t there = rows_of(r, "site");
    assert_true(there > 0 && there < MANY);
    OK(import_many(r, 1, &p));
    assert_int_equal(p.unchanged, there);
    assert_int_equal(p.added, MANY - there);
    assert_int_equal(rows_of(r, "site"), MANY);
    assert_int_equal(rows_of(r, "source_release"), 1);
    assert_int_equal(number_of(r, "SELECT count(*) FROM source_release WHERE state = 'closed'"), 1);
}

#define ON_EACH(name)                                                                                                  \
    static void test_##name(void **s)                                                                                  \
    {                                                                                                                  \
        (void)s;                                                                                                       \
        on_each_engine(name);                                                                                          \
    }
ON_EACH(real_tables)
ON_EACH(real_new_zealand)
ON_EACH(real_osm)
ON_EACH(real_seed)
ON_EACH(editions)
ON_EACH(duplicates)
ON_EACH(hidden_stays)
ON_EACH(damage)
ON_EACH(runs_on_disk)
ON_EACH(killed)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_real_tables),  cmocka_unit_test(test_real_new_zealand),
                                       cmocka_unit_test(test_real_osm),     cmocka_unit_test(test_real_seed),
                                       cmocka_unit_test(test_editions),     cmocka_unit_test(test_duplicates),
                                       cmocka_unit_test(test_hidden_stays), cmocka_unit_test(test_damage),
                                       cmocka_unit_test(test_runs_on_disk), cmocka_unit_test(test_killed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
