/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Candidates against every pair compared by hand, the words of names, scores and their reasons, the choice among rivals, and
 * the row composed of several. Pure: no store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "geo/geo.h"
#include "sites/join_candidates.h"
#include "sites/join_choose.h"
#include "sites/join_compose.h"
#include "sites/join_score.h"

static uint64_t seed_said(void)
{
    const char *given = getenv("FANE_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)clock_monotonic_us();
    printf("seed %llu (FANE_SEED replays)\n", (unsigned long long)seed);
    return seed;
}

/* ---- candidates ---- */

enum { POINTS = 3000 };

struct found {
    uint8_t *seen; /* by a * POINTS + b, a < b */
    uint64_t pairs, twice;
};

static void on_pair(void *ctx, uint32_t a, uint32_t b)
{
    struct found *f = ctx;
    size_t at = a < b ? (size_t)a * POINTS + b : (size_t)b * POINTS + a;
    f->pairs++;
    f->twice += f->seen[at]++;
}

/* Clusters: a city, a village in the north, both sides of the antimeridian, the edge of the square of Mercator. */
static struct geo_point place(struct prng *r)
{
    static const struct geo_point AT[] = {{51.5, -0.1},    {69.6, 18.9}, {-17, 179.999},
                                          {-17, -179.999}, {84.9, 10},   {0, 0}};
    struct geo_point c = AT[prng_below(r, 6)];
    double spread_m = 1500, lat = c.lat_deg + spread_m * prng_normal(r) / 111195;
    double lon = c.lon_deg + spread_m * prng_normal(r) / 111195 / cos(c.lat_deg * 3.14159265358979 / 180);
    lon = lon > 180 ? lon - 360 : lon < -180 ? lon + 360 : lon;
    return (struct geo_point){fmin(lat, 85), lon};
}

static void candidates_are_all_near_pairs(void **state)
{
    (void)state;
    struct prng r;
    struct join_point *p = mem_array(POINTS, sizeof *p);
    struct geo_point *at = mem_array(POINTS, sizeof *at);
    struct join_point *own = mem_array(POINTS, sizeof *own);
    struct found f = {.seen = mem_array((size_t)POINTS * POINTS, 1)};
    uint64_t missing = 0, wrong = 0, near = 0;
    prng_seed(&r, seed_said());
    for (uint32_t i = 0; i < POINTS; i++) {
        at[i] = place(&r);
        float reach = prng_below(&r, 10) ? 0 : (float)(1500 * prng_unit(&r));
        own[i] = p[i] = (struct join_point){geo_cell_of(at[i]), i, (uint32_t)prng_below(&r, 3), reach};
    }
    join_points_sort(p, POINTS);
    struct join_candidates_report report = join_candidates(p, POINTS, on_pair, &f);
    assert_int_equal(report.crowded, 0);
    assert_int_equal(report.pairs, f.pairs);
    assert_int_equal(f.twice, 0);
    for (size_t a = 0; a < POINTS; a++)
        for (size_t b = a + 1; b < POINTS; b++) {
            double reach = fmin(JOIN_REACH_MAX_M, JOIN_RADIUS_M + (double)own[a].reach_m + (double)own[b].reach_m);
            double d = geo_distance_m(at[a], at[b]);
            bool is_seen = f.seen[a * POINTS + b] != 0, is_one = own[a].source == own[b].source;
            near += !is_one && d <= reach;
            missing += !is_one && d < 0.998 * reach && !is_seen; /* the plane of Mercator is true to a thousandth */
            wrong += is_seen && (is_one || d > 1.002 * reach);
        }
    printf("%llu pairs near, %llu found\n", (unsigned long long)near, (unsigned long long)f.pairs);
    assert_true(near > 1000);
    assert_int_equal(missing, 0);
    assert_int_equal(wrong, 0);
    free(f.seen);
    free(own);
    free(at);
    free(p);
}

static void on_count(void *ctx, uint32_t a, uint32_t b)
{
    (void)a;
    (void)b;
    ++*(uint64_t *)ctx;
}

/* Many in one spot: bounded work, and said. One source: no work at all. */
static void a_crowd_is_cut_and_said(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct join_point *p = mem_array(N, sizeof *p);
    uint64_t pairs = 0;
    for (uint32_t i = 0; i < N; i++)
        p[i] = (struct join_point){geo_cell_of((struct geo_point){48.8, 2.3}), i, i % 2, 0};
    join_points_sort(p, N);
    struct join_candidates_report r = join_candidates(p, N, on_count, &pairs);
    assert_true(r.crowded > N / 2);
    assert_true(pairs > 0 && pairs <= (uint64_t)N * JOIN_CROWD_MAX);
    for (uint32_t i = 0; i < N; i++)
        p[i].source = 7;
    pairs = 0;
    r = join_candidates(p, N, on_count, &pairs);
    assert_int_equal(r.crowded, 0);
    assert_int_equal(pairs, 0);
    r = join_candidates(p, 0, on_count, &pairs);
    assert_int_equal(r.pairs, 0);
    free(p);
}

/* ---- words and scores ---- */

struct tables {
    struct join_words *words;
    struct text_folder *folder;
    struct arena mem;
};

static void tables_open(struct tables *t)
{
    struct err err;
    arena_init(&t->mem);
    assert_int_equal(join_words_new(&t->words, &err), RC_OK);
    assert_int_equal(text_folder_new(&t->folder, &err), RC_OK);
}

static void tables_close(struct tables *t)
{
    join_words_free(t->words);
    text_folder_free(t->folder);
    arena_fini(&t->mem);
}

static struct join_likeness compare(struct tables *t, const char *a, const char *b)
{
    return join_names_compare(t->words, join_name_make(t->words, t->folder, str_of(a), &t->mem),
                              join_name_make(t->words, t->folder, str_of(b), &t->mem));
}

static void names_across_scripts(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        double least, most;
    } PAIRS[] = {
        {"St Mary's Church", "Saint Mary", 0.9, 1},
        {"St. Laurentiuskirche", "Church of St Lawrence", 0.9, 1},
        {"Казанский собор", "Kazan Cathedral", 0.7, 1},
        {"Храм Святого Николая", "St Nicholas Church", 0.8, 1},
        {"مسجد النور", "Masjid An-Nur", 0.7, 1},
        {"ΑΓΙΑ ΣΟΦΙΑ", "Hagia Sophia", 0.8, 1},
        {"Hanworth Methodist Church", "Hanworth Meth. Ch", 0.9, 1},
        {"Sankt Josefskirchlein", "Sankt-Josefs-Kirchlein", 0.95, 1},
        {"St Peter's Church", "St Paul's Church", 0, 0.3},
        {"Ebenezer Baptist Church", "Bethel Baptist Church", 0, 0.6},
        {"Al Noor Mosque", "Linwood Islamic Centre", 0, 0.2},
    };
    struct tables t;
    tables_open(&t);
    for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
        struct join_likeness l = compare(&t, PAIRS[i].a, PAIRS[i].b), back = compare(&t, PAIRS[i].b, PAIRS[i].a);
        if (l.alike < PAIRS[i].least || l.alike > PAIRS[i].most)
            fail_msg("%s | %s: %.2f", PAIRS[i].a, PAIRS[i].b, l.alike);
        assert_true(fabs(l.alike - back.alike) < 0.02);
    }
    assert_false(compare(&t, "Church", "The Parish Church").is_telling);
    assert_true(compare(&t, "Kazan Cathedral", "Kazan Cathedral").weight > compare(&t, "St Mary", "St Mary").weight);
    assert_true(compare(&t, "", "St Mary").alike <= 0);
    tables_close(&t);
}

static void faiths_and_kinds(void **state)
{
    (void)state;
    struct tables t;
    tables_open(&t);
    assert_int_equal(join_denominations_fit(t.words, STR("catholic"), STR("roman_catholic")), JOIN_SAME);
    assert_int_equal(join_denominations_fit(t.words, STR("anglican;methodist"), STR("methodist")), JOIN_SAME);
    assert_int_equal(join_denominations_fit(t.words, STR("protestant"), STR("lutheran")), JOIN_KIN);
    assert_int_equal(join_denominations_fit(t.words, STR("anglican"), STR("catholic")), JOIN_STRANGERS);
    assert_int_equal(join_denominations_fit(t.words, STR("anglican"), STR("what nobody knows")), JOIN_SILENT);
    assert_int_equal(join_denominations_fit(t.words, STR(""), STR("anglican")), JOIN_SILENT);
    assert_int_equal(join_kinds_fit(t.words, STR("CHU"), STR("CHU")), JOIN_SAME);
    assert_int_equal(join_kinds_fit(t.words, STR("CAT"), STR("CHU")), JOIN_KIN);
    assert_int_equal(join_kinds_fit(t.words, STR("CEM"), STR("CHU")), JOIN_STRANGERS);
    assert_int_equal(join_kinds_fit(t.words, STR("MOS"), STR("SYN")), JOIN_STRANGERS);
    assert_int_equal(join_kinds_fit(t.words, STR("MOS"), STR("OTHER")), JOIN_SILENT);
    tables_close(&t);
}

static struct join_side side(struct tables *t, const char *name, double lat)
{
    return (struct join_side){.names = join_name_make(t->words, t->folder, str_of(name), &t->mem),
                              .class_code = STR("place_of_worship"),
                              .kind = STR("CHU"),
                              .religion = STR("christian"),
                              .has_place = true,
                              .lat_deg = lat,
                              .lon_deg = 7,
                              .precision_m = 10};
}

static double scored(struct tables *t, const struct join_side *a, const struct join_side *b)
{
    struct join_score_options opt = {0};
    double one = join_score(t->words, a, b, &opt, NULL), other = join_score(t->words, b, a, &opt, NULL);
    assert_true(fabs(one - other) < 1e-9);
    return one;
}

/* Each piece of evidence moves the sum the way it should, and is said. */
static void evidence_adds_up(void **state)
{
    (void)state;
    struct tables t;
    struct buf b;
    tables_open(&t);
    struct join_side x = side(&t, "St Gertrude", 48), y = side(&t, "St Gertrude", 48.0003), z = y;
    double base = scored(&t, &x, &y);
    z.lat_deg = 48.002;
    assert_true(scored(&t, &x, &z) < base);
    z = side(&t, "St Boniface", 48.0003);
    assert_true(scored(&t, &x, &z) < base - 10);
    z = y;
    z.religion = STR("muslim");
    assert_true(scored(&t, &x, &z) < base - 10);
    z.religion = STR_NONE;
    assert_true(scored(&t, &x, &z) < base && scored(&t, &x, &z) > base - 4);
    z = y;
    z.kind = STR("CEM");
    z.class_code = STR("cemetery");
    assert_true(scored(&t, &x, &z) < base - 10);
    z = y;
    x.wikidata = z.wikidata = STR("Q1");
    assert_true(scored(&t, &x, &z) > base + 20);
    z.wikidata = STR("Q2");
    assert_true(scored(&t, &x, &z) < base - 10);
    x.wikidata = STR_NONE;
    z = y;
    x.osm = STR("node/1 way/2");
    z.osm = STR("way/2");
    assert_true(scored(&t, &x, &z) > base + 20);
    struct join_score_options without = {.without_osm_ids = true};
    assert_true(fabs(join_score(t.words, &x, &z, &without, NULL) - base) < 1e-9);
    z.lat_deg = 49; /* a renumbered id: 100 km away it is no evidence */
    assert_true(scored(&t, &x, &z) < 0);
    z = y;
    z.is_synthetic = true;
    assert_true(scored(&t, &x, &z) < -50);
    buf_init(&b, 0);
    join_score(t.words, &x, &y, &without, &b);
    assert_true(str_contains(buf_str(&b), STR("\"what\":\"distance\",\"value\":\"33 m\"")));
    assert_true(str_contains(buf_str(&b), STR("\"what\":\"name\",\"value\":\"1.00\"")));
    buf_fini(&b);
    assert_true(fabs(join_probability(0) - 0.5) < 1e-12 && join_probability(10) > 0.9);
    tables_close(&t);
}

/* ---- the choice ---- */

/* Records 0 to 9 are of one source, 10 to 19 of another, 20 to 29 of a third. */
static bool meets(void *ctx, uint32_t a, uint32_t b)
{
    (void)ctx;
    return a / 10 == b / 10;
}

static bool is_apart(void *ctx, uint32_t a, uint32_t b)
{
    (void)ctx;
    return (a == 5 && b == 15) || (a == 15 && b == 5);
}

static double any_score(void *ctx, uint32_t a, uint32_t b)
{
    (void)ctx;
    return a + b == 8 + 28 ? -30 : 10;
}

static enum join_outcome outcome_of(const struct join_choice *c, size_t n, uint32_t a, uint32_t b)
{
    for (size_t i = 0; i < n; i++)
        if (c[i].a == a && c[i].b == b)
            return c[i].outcome;
    return JOIN_SEPARATE;
}

static void rivals_stand_against_each_other(void **state)
{
    (void)state;
    struct join_choice c[] = {
        {.a = 0, .b = 10, .score = 25},  {.a = 0, .b = 11, .score = 20},
        {.a = 1, .b = 11, .score = 22},                                  /* each its own */
        {.a = 2, .b = 12, .score = 25},  {.a = 2, .b = 13, .score = 24}, /* nobody knows */
        {.a = 4, .b = 14, .score = 7},                                   /* may be */
        {.a = 5, .b = 15, .score = 40},                                  /* said to be two */
        {.a = 6, .b = 16, .score = 25},  {.a = 6, .b = 26, .score = 25},
        {.a = 16, .b = 26, .score = 25},                                  /* three are one */
        {.a = 8, .b = 18, .score = 25},  {.a = 18, .b = 28, .score = 24}, /* the third speaks against the first */
    };
    enum { N = sizeof c / sizeof *c };
    struct join_world w = {.records_n = 30, .meets = meets, .is_apart = is_apart, .score = any_score};
    join_choose(c, N, &w);
    assert_int_equal(outcome_of(c, N, 0, 10), JOIN_JOINED);
    assert_int_equal(outcome_of(c, N, 1, 11), JOIN_JOINED);
    assert_int_equal(outcome_of(c, N, 0, 11), JOIN_SEPARATE);
    assert_int_equal(outcome_of(c, N, 2, 12), JOIN_REVIEW);
    assert_int_equal(outcome_of(c, N, 2, 13), JOIN_REVIEW);
    assert_int_equal(outcome_of(c, N, 4, 14), JOIN_REVIEW);
    assert_int_equal(outcome_of(c, N, 5, 15), JOIN_SEPARATE);
    int joined = (outcome_of(c, N, 6, 16) == JOIN_JOINED) + (outcome_of(c, N, 6, 26) == JOIN_JOINED) +
                 (outcome_of(c, N, 16, 26) == JOIN_JOINED);
    assert_int_equal(joined, 2); /* the third pair follows from two */
    assert_int_equal(outcome_of(c, N, 8, 18), JOIN_JOINED);
    assert_int_equal(outcome_of(c, N, 18, 28), JOIN_REVIEW);
}

/* ---- the composed row ---- */

static struct join_row row(uint8_t id, const char *source, const char *licence, const char *name)
{
    struct join_row r = {.site = {{id}},
                         .created = {id},
                         .class_code = STR("place_of_worship"),
                         .kind = STR("CHU"),
                         .religion = STR("christian"),
                         .name = str_of(name),
                         .has_place = true,
                         .lat_deg = id,
                         .precision_m = 10,
                         .country = STR("AD"),
                         .status = STR("present"),
                         .is_unverified = true,
                         .updated = {id},
                         .source = str_of(source),
                         .licence = str_of(licence)};
    return r;
}

static void fields_by_precedence(void **state)
{
    (void)state;
    struct join_rules *rules;
    struct join_row out, turned;
    struct arena mem;
    struct err err;
    arena_init(&mem);
    assert_int_equal(join_rules_new(&rules, &err), RC_OK);
    struct join_row r[3] = {row(1, "andorra", "ODbL-1.0", "Sant Joan"), row(2, "unesco-whc", "x", "Old Churches"),
                            row(3, "national register", "CC0", "Sant Joan de Caselles")};
    r[0].names = STR("\tSant Joan\nru\tСан-Жоан\n");
    r[1].names = STR("en\tOld Churches\n");
    r[2].names = STR("\tSant Joan de Caselles\nen\tSaint John\n");
    r[1].precision_m = 3000;
    r[1].unesco = STR("1160");
    r[1].whs_year = 2004;
    r[0].heritage = STR("2");
    r[0].start_date = STR("1823"); /* read off a map; the register knows better */
    r[2].start_date = STR("C11..C12");
    r[0].wkb = STR("polygon");
    r[2].denomination = STR("roman_catholic");
    r[1].is_unverified = false;
    join_compose(rules, r, 3, r[0].site, (struct instant){9}, &mem, &out);
    assert_true(str_is_equal(out.name, STR("Sant Joan de Caselles"))); /* the register's */
    assert_true(str_is_equal(out.names, STR("\tSant Joan de Caselles\nen\tSaint John\nx-alt\tSant Joan\nru\tСан-Жоан\n"
                                            "en-x-alt\tOld Churches\n")));
    assert_true(str_contains(out.search, STR("sant joan de caselles")) &&
                str_contains(out.search, STR("old churches")));
    assert_true(out.lat_deg > 0.5 && out.lat_deg < 1.5); /* the place of OpenStreetMap, not of the inscription */
    assert_true(str_is_equal(out.unesco, STR("1160")) && out.whs_year == 2004 && out.heritage.n == 0);
    assert_true(str_is_equal(out.denomination, STR("roman_catholic")));
    assert_true(str_is_equal(out.start_date, STR("C11..C12")));
    assert_true(str_is_equal(out.wkb, STR("polygon")));
    assert_false(out.is_unverified);
    assert_int_equal(out.updated.us, 9);
    struct join_row other[3] = {r[2], r[0], r[1]};
    join_compose(rules, other, 3, r[0].site, (struct instant){9}, &mem, &turned);
    assert_true(str_is_equal(out.names, turned.names) && str_is_equal(out.name, turned.name));
    r[2].status = STR("gone");
    join_compose(rules, r, 3, r[0].site, (struct instant){9}, &mem, &out);
    assert_true(str_is_equal(out.name, STR("Sant Joan")) && str_is_equal(out.status, STR("present")));
    r[0].status = r[1].status = STR("gone");
    join_compose(rules, r, 3, r[0].site, (struct instant){9}, &mem, &out);
    assert_true(str_is_equal(out.status, STR("gone")) && out.name.n > 0);
    /* disputed, and one source names no country on purpose: none is shown */
    r[2].is_disputed = true;
    r[2].country = STR_NONE;
    join_compose(rules, r, 3, r[0].site, (struct instant){9}, &mem, &out);
    assert_true(out.is_disputed && out.country.n == 0);
    join_rules_free(rules);
    arena_fini(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(candidates_are_all_near_pairs),
                                       cmocka_unit_test(a_crowd_is_cut_and_said),
                                       cmocka_unit_test(names_across_scripts),
                                       cmocka_unit_test(faiths_and_kinds),
                                       cmocka_unit_test(evidence_adds_up),
                                       cmocka_unit_test(rivals_stand_against_each_other),
                                       cmocka_unit_test(fields_by_precedence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
