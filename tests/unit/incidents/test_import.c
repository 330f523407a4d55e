/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Importing incidents from real files, twice, damaged, and what the public then sees. On both engines.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/asset.h"
#include "base/file.h"
#include "incidents/incidents.h"
#include "pg_server.h"

static const char *shared(const char *path)
{
    static char full[4096];
    const char *root = getenv("FANE_SHARED");
    snprintf(full, sizeof full, "%s/data/%s", root ? root : ".", path);
    if (access(full, R_OK) == 0)
        return full;
    print_message("SKIPPED: no real data at %s\n", full);
    return NULL;
}

static void count_rejects(void *ctx, int64_t line, struct str id, const char *reason)
{
    (void)line, (void)id;
    assert_true(reason && reason[0]);
    ++*(int *)ctx;
}

static struct incident_import_report import_ok(struct store *st, const char *path,
                                               const struct incident_import_options *opt)
{
    struct incident_import_report r;
    struct err err = {0};
    enum rc rc = incidents_import_file(st, path, opt, NULL, &r, &err);
    if (rc != RC_OK)
        print_error("%s\n", err.text);
    assert_int_equal(rc, RC_OK);
    assert_true(r.read == r.incidents + r.rejected);
    assert_true(r.incidents == r.added + r.updated + r.unchanged);
    return r;
}

static enum rc count_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    return incidents_count(tx, true, ctx, err);
}

static int64_t context_count(struct store *st)
{
    int64_t n = -1;
    struct err err;
    assert_int_equal(store_read(st, count_fn, &n, &err), RC_OK);
    return n;
}

static void ucdp_on(struct store_test *t, void *ctx)
{
    struct store *st = t->st;
    (void)ctx;
    const char *path = shared("incidents/ucdp-ged-syria-2016-2017.csv");
    int rejects = 0;
    struct incident_import_options opt = {
        .format = INCIDENT_UCDP_GED, .is_context = true, .reject = count_rejects, .reject_ctx = &rejects};
    if (!path)
        return;
    opt.dry_run = true;
    struct incident_import_report r = import_ok(st, path, &opt);
    assert_int_equal(r.added, 11757);
    assert_int_equal(context_count(st), 0);
    opt.dry_run = false;
    r = import_ok(st, path, &opt);
    assert_int_equal(r.read, 11757);
    assert_int_equal(r.added, 11757);
    assert_int_equal(r.rejected, rejects);
    assert_int_equal(context_count(st), 11757);
    r = import_ok(st, path, &opt);
    assert_int_equal(r.unchanged, 11757);
    assert_int_equal(r.added + r.updated, 0);
}

static void ucdp_comes_in_whole_and_once(void **state)
{
    (void)state;
    store_test_each_engine(ucdp_on, NULL);
}

/* A file cut short or holding a NUL changes nothing. */
static void damaged_on(struct store_test *t, void *ctx)
{
    struct store *st = t->st;
    (void)ctx;
    const char *path = shared("incidents/ucdp-ged-syria-2016-2017.csv");
    struct incident_import_options opt = {.format = INCIDENT_UCDP_GED, .is_context = true};
    struct incident_import_report r;
    struct err err;
    struct arena mem;
    struct str text;
    if (!path)
        return;
    arena_init(&mem);
    assert_int_equal(file_read(path, 1 << 24, &mem, &text, &err), RC_OK);
    char name[] = "/tmp/fane-test-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    char *bytes = str_z(&mem, text);
    bytes[text.n / 2] = 0;
    assert_int_equal(write(fd, bytes, text.n), (ssize_t)text.n);
    assert_int_equal(incidents_import_file(st, name, &opt, NULL, &r, &err), RC_DAMAGED);
    assert_non_null(strstr(err.text, "line"));
    assert_int_equal(context_count(st), 0);
    /* Cut within a quoted field: the quote is never closed. */
    assert_int_equal(ftruncate(fd, 0), 0);
    size_t at = 600;
    while (text.p[at] != '"')
        at++;
    assert_int_equal(pwrite(fd, text.p, at + 2, 0), (ssize_t)(at + 2));
    assert_int_not_equal(incidents_import_file(st, name, &opt, NULL, &r, &err), RC_OK);
    assert_int_equal(context_count(st), 0);
    close(fd);
    unlink(name);
    arena_fini(&mem);
}

static void damaged_files_change_nothing(void **state)
{
    (void)state;
    store_test_each_engine(damaged_on, NULL);
}

static void medellin_on(struct store_test *t, void *ctx)
{
    struct store *st = t->st;
    (void)ctx;
    static const char MAP[] =
        "{\"delimiter\":\";\",\"decimal\":\",\",\"fields\":{\"date\":\"fecha_hecho\",\"lat\":\"latitud\",\"lon\":\"longitud\"},"
        "\"constant\":{\"title\":\"Homicide\",\"precision\":\"L1\",\"verification\":\"V4\"}}";
    const char *path = shared("incidents/medellin_homicides.csv");
    int rejects = 0;
    struct incident_import_options opt = {.format = INCIDENT_CSV,
                                          .map_json = str_of(MAP),
                                          .source = STR("medellin"),
                                          .is_context = true,
                                          .reject = count_rejects,
                                          .reject_ctx = &rejects};
    if (!path)
        return;
    struct incident_import_report r = import_ok(st, path, &opt);
    assert_int_equal(r.read, 9360);
    assert_int_equal(r.rejected, rejects);
    assert_true(r.incidents > 9000);
}

static void a_mapping_reads_decimal_commas(void **state)
{
    (void)state;
    store_test_each_engine(medellin_on, NULL);
}

static void nypd_on(struct store_test *t, void *ctx)
{
    struct store *st = t->st;
    (void)ctx;
    static const char MAP[] =
        "{\"fields\":{\"id\":\"Full Complaint ID\",\"date\":\"Record Create Date\",\"place\":\"County\","
        "\"title\":\"Bias Motive Description\"},"
        "\"constant\":{\"date_format\":\"MM/DD/YYYY\",\"precision\":\"L3\",\"verification\":\"V4\"}}";
    const char *path = shared("incidents/nypd_hate_crimes.csv");
    struct incident_import_options opt = {.format = INCIDENT_CSV, .map_json = str_of(MAP), .source = STR("nypd")};
    if (!path)
        return;
    struct incident_import_report r = import_ok(st, path, &opt);
    assert_int_equal(r.read, 2406);
    assert_int_equal(r.incidents, 2200); /* 206 rows repeat a complaint id */
    assert_int_equal(r.rejected, 206);
    opt.map_json = STR("{\"fields\":{\"date\":\"No Such Column\"}}");
    struct err err;
    assert_int_equal(incidents_import_file(st, path, &opt, NULL, &r, &err), RC_INVALID);
    assert_non_null(strstr(err.text, "No Such Column"));
}

static void rows_without_a_place_are_kept(void **state)
{
    (void)state;
    store_test_each_engine(nypd_on, NULL);
}

/* ---- what the public sees ---- */

static const char FEW[] = "id,date,lat,lon,v,title,k\n"
                          "a,2020-01-01,33.5138,36.2765,V3,one,\n"
                          "b,2020-01-02,33.5138,36.2765,V2,two,3\n"
                          "c,2020-01-03,33.5138,36.2765,XF,three,\n"
                          "d,2020-01-04,-17.7,179.99,V4,four,0\n"
                          "e,2020-01-05,,,V4,five,\n"
                          "f,2020-13-05,1,1,V4,six,\n"
                          "g,2020-01-05,91,1,V4,seven,\n"
                          "a,2020-01-01,33.5138,36.2765,V3,again,\n";
static const char FEW_MAP[] =
    "{\"fields\":{\"id\":\"id\",\"date\":\"date\",\"lat\":\"lat\",\"lon\":\"lon\",\"verification\":\"v\","
    "\"title\":\"title\",\"killed\":\"k\"},\"constant\":{\"place\":\"12 Narrow Street\",\"precision\":\"L0\"}}";

struct asked {
    struct viewer viewer;
    struct incident_filter filter;
    struct str cursor;
    size_t limit;
    struct arena mem;
    struct incident_page page;
};

static enum rc list_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct asked *a = ctx;
    return incidents_list(tx, &a->viewer, &a->filter, a->cursor, a->limit, &a->mem, &a->page, err);
}

static struct incident_page ask(struct store *st, struct asked *a)
{
    struct err err;
    assert_int_equal(store_read(st, list_fn, a, &err), RC_OK);
    return a->page;
}

static void few_are_imported(struct store *st)
{
    char name[] = "/tmp/fane-test-XXXXXX";
    int fd = mkstemp(name), rejects = 0;
    assert_int_equal(write(fd, FEW, sizeof FEW - 1), (ssize_t)(sizeof FEW - 1));
    close(fd);
    struct incident_import_options opt = {
        .format = INCIDENT_CSV, .map_json = str_of(FEW_MAP), .reject = count_rejects, .reject_ctx = &rejects};
    struct incident_import_report r = import_ok(st, name, &opt);
    unlink(name);
    assert_int_equal(r.read, 8);
    assert_int_equal(r.rejected, 3);
    assert_int_equal(rejects, 3);
}

static void a_reviewer_sees_all(struct store *st, struct asked *a)
{
    a->viewer = (struct viewer){.role = ROLE_REVIEWER, .account = {{1}}};
    struct incident_page p = ask(st, a);
    assert_int_equal(p.matched, 5);
    assert_int_equal(p.n, 5);
    assert_true(str_is_equal(p.items[0].title, STR("five")) && !p.items[0].has_place);
    assert_true(p.items[3].killed == 3 && p.items[4].killed == -1 && p.items[1].killed == 0);
}

static void the_public_sees_coarse_places(struct store *st, struct asked *a)
{
    struct incident_page p = ask(st, a);
    assert_int_equal(p.matched, 3); /* V3 and above */
    assert_int_equal(p.n, 3);
    const struct incident *one = &p.items[2];
    double lat, lon;
    policy_coarse_point(33.5138, 36.2765, &lat, &lon);
    assert_true(one->lat_deg == lat && one->lon_deg == lon && lat != 33.5138);
    assert_int_equal(one->place.n, 0);
    assert_true(one->radius_m >= INCIDENT_COARSE_RADIUS_M);

    /* Ever smaller boxes around the true place find nothing; around the coarse one they do. */
    for (double d = 1; d > 1e-6; d /= 4) {
        a->filter =
            (struct incident_filter){.has_box = true, .box = {36.2765 - d, 33.5138 - d, 36.2765 + d, 33.5138 + d}};
        bool holds_coarse = geo_box_contains(&a->filter.box, (struct geo_point){lat, lon});
        assert_int_equal(ask(st, a).matched, holds_coarse ? 1 : 0);
    }
    a->filter.box = (struct geo_box){lon - 1e-6, lat - 1e-6, lon + 1e-6, lat + 1e-6};
    assert_int_equal(ask(st, a).matched, 1);
}

static void few_on(struct store_test *t, void *ctx)
{
    struct store *st = t->st;
    (void)ctx;
    struct asked a = {0};
    arena_init(&a.mem);
    few_are_imported(st);
    a_reviewer_sees_all(st, &a);
    a.viewer = VIEWER_PUBLIC;
    the_public_sees_coarse_places(st, &a);

    /* Over the antimeridian, and by days. */
    a.filter = (struct incident_filter){.has_box = true, .box = {179, -20, -179, -15}};
    assert_int_equal(ask(st, &a).matched, 1);
    a.filter = (struct incident_filter){.from_day = date_to_days((struct civil_date){2020, 1, 4}),
                                        .to_day = date_to_days((struct civil_date){2020, 1, 4})};
    assert_int_equal(ask(st, &a).matched, 1);

    /* Paging one by one gives each once. */
    a.filter = (struct incident_filter){0};
    a.limit = 1;
    int seen = 0;
    struct incident_page p;
    do {
        p = ask(st, &a);
        seen += (int)p.n;
        a.cursor = p.next;
    } while (p.next.n);
    assert_int_equal(seen, 3);
    struct err err;
    a.cursor = STR("not a cursor");
    assert_int_equal(store_read(st, list_fn, &a, &err), RC_INVALID);
    arena_fini(&a.mem);
}

static void the_public_sees_verified_and_coarse(void **state)
{
    (void)state;
    store_test_each_engine(few_on, NULL);
}

static void seed_on(struct store_test *t, void *ctx)
{
    struct store *st = t->st;
    (void)ctx;
    struct incident_import_options opt = {.format = INCIDENT_CSV, .source = STR("seed")};
    struct incident_import_report r;
    struct err err = {0};
    enum rc rc = incidents_import_seed(st, asset_text("data/seed/incidents.csv"), &opt, NULL, &r, &err);
    if (rc != RC_OK)
        print_error("%s\n", err.text);
    assert_int_equal(rc, RC_OK);
    assert_int_equal(r.rejected, 0);
    assert_true(r.added >= 60);
}

static void the_seed_comes_in_whole(void **state)
{
    (void)state;
    store_test_each_engine(seed_on, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ucdp_comes_in_whole_and_once),        cmocka_unit_test(damaged_files_change_nothing),
        cmocka_unit_test(a_mapping_reads_decimal_commas),      cmocka_unit_test(rows_without_a_place_are_kept),
        cmocka_unit_test(the_public_sees_verified_and_coarse), cmocka_unit_test(the_seed_comes_in_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
