/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The search over both stores: the table of queries with the sites they should find, names and beginnings of names as
 * queries, who may see what, touched sites, damaged images.
 */
#include "sites_fixture.h"

#include <math.h>

#include "base/clock.h"
#include "base/rng.h"
#include "sites/search_int.h"
#include "wire/csv.h"

/* What was measured; a change that finds less fails. All levels with the sites of the shared data around them. */
#define LEAST_AT_1 0.89
#define LEAST_AT_5 0.96

static struct search *built(struct registry *r)
{
    struct search *s;
    const char *path = str_printf(&r->mem, "%s/sites.search", r->dir).p;
    OK(search_build(r->st, path, STR("test"), &r->err));
    OK(search_new(&s, &r->err));
    OK(search_open(s, path, "test", 0, &r->err));
    return s;
}

static size_t ask(struct registry *r, struct search *s, struct str text, const struct viewer *viewer, size_t limit,
                  struct search_hit **hits)
{
    struct search_options o = {.viewer = viewer, .limit = limit};
    size_t n;
    OK(search_query(s, r->st, text, &o, &r->mem, hits, &n, &r->err));
    return n;
}

/* --- the table ------------------------------------------------------------------------------------------------------ */

struct tally {
    int asked, at_1, at_5, skipped;
};

static struct uuid external(struct registry *r, struct str id)
{
    struct site *s;
    struct err err;
    return sites_find_external(r->st, id, &SITES_ADMIN, &r->mem, &s, &err) == RC_OK ? s->public_id : (struct uuid){{0}};
}

static bool is_expected(struct registry *r, const struct site *s, struct str expected)
{
    struct str one, kind;
    while (expected.n) {
        str_cut(expected, ';', &one, &expected);
        if (str_starts_with(one, STR("kind="))) {
            kind = str_slice(one, 5, one.n);
            if (str_is_equal(s->kind, kind))
                return true;
        } else if (uuid_is_equal(external(r, one), s->public_id)) {
            return true;
        }
    }
    return false;
}

static void one_query(struct registry *r, struct search *s, struct str query, struct str expected, struct tally *t)
{
    enum { AT = 5 };
    struct search_hit *hits;
    size_t n = ask(r, s, query, &VIEWER_PUBLIC, AT, &hits), place = 0;
    while (place < n && !is_expected(r, &hits[place].site, expected))
        place++;
    t->asked++;
    t->at_1 += n > 0 && place == 0;
    t->at_5 += place < n;
    if (place > 0 || n == 0)
        fprintf(stderr, "  %s: " STR_FMT " (" STR_FMT ") first: " STR_FMT " %.3f\n",
                place < n ? str_printf(&r->mem, "place %zu", place + 1).p : "not found", STR_ARG(query),
                STR_ARG(expected), STR_ARG(n ? hits[0].matched : STR("nothing")), n ? hits[0].score : 0.0);
}

static void import_all(struct registry *r)
{
    static const char *const SHARED[] = {"osm/andorra-2025.osm.pbf", "osm/monaco-2021.osm.pbf", "osm/helsinki-2019.osm.pbf",
                                         "osm/liechtenstein-2015.osm.pbf", "sites/uk-osm-half.csv"};
    struct sites_import_report report;
    OK(import_path(r, in_tree(r, "data/seed/sites.csv"), "seed", false, &report, NULL));
    OK(import_path(r, in_tree(r, "tests/vectors/search_sites.geojson"), "extra", false, &report, NULL));
    for (size_t i = 0; i < sizeof SHARED / sizeof SHARED[0]; i++) {
        const char *path = shared(r, SHARED[i]);
        if (path)
            OK(import_path(r, path, SHARED[i], false, &report, NULL));
    }
}

static void table(struct registry *r)
{
    struct tally t = {0};
    struct str text, line, query, expected;
    import_all(r);
    int64_t began = clock_monotonic_us();
    struct search *s = built(r);
    struct search_stats stats;
    search_stats(s, &stats);
    fprintf(stderr, "search: %zu sites, %zu words, %zu bytes, built in %lld ms\n", stats.sites, stats.words, stats.bytes,
            (long long)(clock_monotonic_us() - began) / 1000);
    OK(file_read(in_tree(r, "tests/vectors/search_queries.tsv"), 1 << 20, &r->mem, &text, &r->err));
    began = clock_monotonic_us();
    while (text.n) {
        str_cut(text, '\n', &line, &text);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        str_cut(line, '\t', &query, &line);
        str_cut(line, '\t', &expected, &line);
        one_query(r, s, query, expected, &t);
    }
    fprintf(stderr, "search on %s: %d queries, recall at 1 %.3f, at 5 %.3f, %lld ms\n",
            r->engine == STORE_SQLITE ? "SQLite" : "PostgreSQL", t.asked, (double)t.at_1 / t.asked,
            (double)t.at_5 / t.asked, (long long)(clock_monotonic_us() - began) / 1000);
    assert_true(t.asked >= 150);
    assert_true(t.at_5 >= LEAST_AT_5 * t.asked);
    assert_true(t.at_1 >= LEAST_AT_1 * t.asked);
    search_free(s);
}

static void the_table_of_queries_finds_its_sites(void **state)
{
    (void)state;
    on_each_engine(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_queries_finds_its_sites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
