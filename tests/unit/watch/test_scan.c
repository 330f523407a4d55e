/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The scan against SaTScan 10.3.2 on the cases of $FANE_SHARED/data/scan, and what small examples say.
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
#include "base/file.h"
#include "watch/satscan.h"
#include "watch/watch_int.h"

struct loaded {
    struct prm prm;
    struct prm_plan plan;
    struct satscan_places places;
    struct satscan_cases cases;
    struct watch_points points;
    struct watch_cases rows;
};

static struct arena mem;

static int setup(void **state)
{
    (void)state;
    arena_init(&mem);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&mem);
    return 0;
}

static struct str read_shared(const char *folder, const char *name)
{
    const char *shared = getenv("FANE_SHARED");
    struct str text;
    struct err err = {0};
    const char *path = str_printf(&mem, "%s/data/scan/%s/%s", shared ? shared : ".", folder, name).p;
    if (!file_is_there(path)) {
        printf("skipped: no %s\n", path);
        skip();
    }
    assert_int_equal(file_read(path, 1 << 24, &mem, &text, &err), RC_OK);
    return text;
}

static struct loaded *load(const char *folder, const char *prm, const char *const *set)
{
    struct loaded *l = ARENA_NEW(&mem, struct loaded);
    struct err err = {0};
    assert_int_equal(prm_read(str_of(prm), read_shared(folder, prm), &mem, &l->prm, &err), RC_OK);
    for (; *set; set++)
        assert_int_equal(prm_set(&l->prm, *set, &mem, &err), RC_OK);
    assert_int_equal(prm_plan(&l->prm, &l->plan, &err), RC_OK);
    struct str geo = read_shared(folder, str_z(&mem, l->plan.coordinates_file));
    assert_int_equal(satscan_read_places(STR("geo"), geo, l->plan.coordinates, &mem, &l->places, &err), RC_OK);
    struct str cas = read_shared(folder, str_z(&mem, l->plan.case_file));
    assert_int_equal(satscan_read_cases(STR("cas"), cas, &l->plan, &l->places, &mem, &l->cases, &err), RC_OK);
    l->points = (struct watch_points){l->plan.coordinates, l->places.n, l->places.a, l->places.b};
    l->rows = (struct watch_cases){l->cases.n, l->cases.at};
    return l;
}

static struct watch_result scan(const struct loaded *l, const struct engine_options *opt)
{
    struct watch_result r;
    struct err err = {0};
    assert_int_equal(watch_scan_with(&l->points, &l->rows, &l->plan.params, opt, &mem, &r, &err), RC_OK);
    return r;
}

/* What SaTScan's report says of a cluster. */
struct reported {
    const char *members, *start, *end, *statistic, *radius, *expected;
    uint32_t observed;
};

static void check_text(const char *want, const char *fmt, double v)
{
    char got[64];
    snprintf(got, sizeof got, fmt, v);
    assert_string_equal(got, want);
}

static void check_cluster(const struct loaded *l, const struct watch_cluster *c, const struct reported *want)
{
    struct buf members;
    buf_init(&members, 0);
    for (size_t i = 0; i < c->members_n; i++)
        buf_printf(&members, "%s" STR_FMT, i ? ", " : "", STR_ARG(l->places.ids[c->members[i]]));
    buf_add_char(&members, 0);
    assert_string_equal(members.p, want->members);
    buf_fini(&members);
    assert_string_equal(date_format(&mem, date_from_days(c->start_day)).p, want->start);
    assert_string_equal(date_format(&mem, date_from_days(c->end_day)).p, want->end);
    assert_int_equal(c->observed, want->observed);
    check_text(want->statistic, "%.6f", c->statistic);
    double expected = strtod(want->expected, NULL); /* printed with two decimals, or two digits under 0.1 */
    assert_true(fabs(c->expected - expected) < (expected < 0.1 ? 0.00051 : 0.0051));
    check_text(want->radius, want->radius[1] ? "%.2f" : "%.0f", c->radius_km);
}

static void check_report(const struct loaded *l, const struct watch_result *r, const struct reported *want, size_t n)
{
    assert_int_equal(r->clusters_n, n);
    for (size_t i = 0; i < n; i++)
        check_cluster(l, &r->clusters[i], &want[i]);
}

/* Monte Carlo error of a rank p is sqrt(p (1 - p) / n) in each of the two runs; four of them. */
static void check_p(double ours, uint32_t n_ours, double theirs, uint32_t n_theirs)
{
    double se = sqrt(theirs * (1 - theirs) * (1.0 / n_ours + 1.0 / n_theirs));
    assert_true(fabs(ours - theirs) < 4 * se + 2.0 / n_theirs);
}

static const char *const NO_SET[] = {NULL};
static const struct engine_options USUAL = {0};

static void test_nyc(void **state)
{
    (void)state;
    static const struct reported want[] = {
        {"11418, 11415, 11419, 11435, 11416, 11421, 11451, 11375, 11417", "2001-11-22", "2001-11-24", "3.845418",
         "2.90", "0.67", 4},
        {"11372", "2001-11-24", "2001-11-24", "3.164201", "0", "0.16", 2},
        {"10472", "2001-11-23", "2001-11-24", "2.137259", "0", "0.29", 2},
    };
    struct loaded *l = load("nyc_stp_prospective", "nyc_stp_prospective.prm", NO_SET);
    struct watch_result r = scan(l, &USUAL);
    check_report(l, &r, want, 3);
    assert_int_equal(r.places, 192);
    assert_int_equal(r.cases, 194);
    check_p(r.clusters[0].p, 999, 0.255, 207);
    check_p(r.clusters[1].p, 999, 0.577, 207);
    check_p(r.clusters[2].p, 999, 0.966, 207);
}

static void test_ucdp(void **state)
{
    (void)state;
    static const struct reported want[] = {
        {"L0002, L0015, L0008", "2013-12-02", "2013-12-31", "5.680771", "53.13", "11.13", 23},
        {"L0023, L0028, L0022, L0024, L0036", "2013-12-07", "2013-12-31", "1.828859", "49.04", "1.88", 5},
    };
    struct loaded *l = load("ucdp_car_2013_stp_prospective", "ucdp_car_2013_stp_prospective.prm", NO_SET);
    struct watch_result r = scan(l, &USUAL);
    check_report(l, &r, want, 2);
    check_p(r.clusters[0].p, 999, 0.010, 999);
    check_p(r.clusters[1].p, 999, 0.844, 999);
    assert_true(fabs(r.clusters[0].recurrence_days - 1 / r.clusters[0].p) < 1e-9);
    assert_true(fabs(r.clusters[0].span_km - 53.13) < 0.005);
    assert_true(fabs(r.clusters[1].span_km - 87.50) < 0.005);
}

/* Their simulated maxima and ours come from one distribution: Kolmogorov-Smirnov, far beyond any usual level. */
static void test_maxima_are_distributed_as_theirs(void **state)
{
    (void)state;
    struct loaded *l = load("ucdp_car_2013_stp_prospective", "ucdp_car_2013_stp_prospective.prm",
                            (const char *const[]){"MonteCarloReps=9999", NULL});
    struct str text = read_shared("ucdp_car_2013_stp_prospective", "ucdp_car_2013_stp_prospective.llr.txt"), line;
    struct watch_result r = scan(l, &USUAL);
    double theirs[2000], most = 0;
    size_t n = 0;
    for (; text.n && n < 2000; n++) {
        str_cut(text, '\n', &line, &text);
        assert_true(str_parse_f64(str_trim(line), &theirs[n]));
    }
    assert_int_equal(n, 999);
    for (size_t i = 0; i < n; i++) {
        double below_ours = 0, below_theirs = 0;
        for (uint32_t k = 0; k < r.replications; k++)
            below_ours += r.maxima[k] <= theirs[i] + 5e-7;
        for (size_t k = 0; k < n; k++)
            below_theirs += theirs[k] <= theirs[i];
        double d = fabs(below_ours / r.replications - below_theirs / (double)n);
        most = d > most ? d : most;
    }
    assert_true(most < 2.2 * sqrt((double)(n + r.replications) / ((double)n * r.replications))); /* p about 1e-4 */
    assert_true(fabs(watch_gumbel_p(theirs, n, 5.680771) - r.clusters[0].p) < 0.01);
}

static const char *const WITHIN_50_KM[] = {"UseDistanceFromCenterOption=y", "MaxSpatialSizeInDistanceFromCenter=50",
                                           "MonteCarloReps=999", NULL};

static void test_big(void **state)
{
    (void)state;
    static const struct reported want[] = {
        {"1518, 17, 4657, 2963, 1391, 2607, 3086, 4563, 2378, 4796, 4428, 1099, 3847, 4424, 3267, 3664, 2966, 4797, "
         "3403, "
         "1068, 4916, 26, 316, 2549, 2102, 1404",
         "2025-12-26", "2025-12-31", "92.083246", "8.31", "1.53", 40},
        {"209, 3525, 59, 2024, 2344, 3373, 4546, 1917, 1268, 180, 1394, 1363, 2312, 2849, 949, 2368, 1999, 988, 2342, "
         "941, "
         "1967, 3566, 4046, 4375, 2777, 2538, 1164, 1759, 1894, 4118, 1044, 4376, 3233, 4254, 4329, 4991, 2109, 1976, "
         "1638, "
         "612, 4903, 250, 1729, 2128, 2636, 901, 2310, 3533, 1323, 1383",
         "2025-12-03", "2025-12-31", "7.560414", "27.55", "6.11", 18},
        {"2557", "2025-12-17", "2025-12-31", "7.223060", "0", "0.26", 4},
        {"4944, 2088, 956, 4552, 4181, 1926, 4987, 4784, 147, 4963, 3806, 4688, 4971", "2025-12-13", "2025-12-31",
         "7.018906", "5.94", "1.47", 8},
        {"4660, 1290, 3185, 4373, 5, 3215, 2176, 4211, 3750", "2025-12-07", "2025-12-31", "6.579421", "38.95", "0.85",
         6},
        {"4320, 1567", "2025-12-29", "2025-12-31", "6.530691", "2.09", "0.028", 2},
    };
    static const double p[] = {0.001, 0.858, 0.936, 0.961, 0.988, 0.991};
    struct loaded *l = load("big_synthetic", "a.prm", WITHIN_50_KM);
    struct watch_result r = scan(l, &USUAL);
    assert_true(r.clusters_n >= 5); /* the sixth has p = 0.991: whether it is reported is a matter of the seed */
    for (size_t i = 0; i < r.clusters_n && i < 6; i++) {
        check_cluster(l, &r.clusters[i], &want[i]);
        check_p(r.clusters[i].p, 999, p[i], 999);
    }
    assert_int_equal(r.clusters[0].rank, 1);
}

/* The bits of all maxima, whatever the threads, vectors, cells and bounds; few of them by the formula at every count.
 */
static void test_big_same_bits(void **state)
{
    (void)state;
    static const struct engine_options ways[] = {
        {0}, {0}, {0}, {.no_vectors = true}, {.no_bounds = true}, {.words = true}};
    struct loaded *l = load("big_synthetic", "a.prm", WITHIN_50_KM), *half = load("big_synthetic", "a.prm", NO_SET);
    uint32_t most = getenv("FANE_SCAN_WHOLE") ? 999 : 100; /* the whole takes a minute where coverage is counted */
    half->plan.params.replications = 10;
    l->plan.params.replications = most;
    struct watch_result first = scan(l, &USUAL), first_half = scan(half, &USUAL);
    for (uint32_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        half->plan.params.threads = l->plan.params.threads = i < 4 ? i + 1 : 2;
        l->plan.params.replications = ways[i].no_vectors ? 50 : most;
        struct watch_result r = scan(l, &ways[i]);
        assert_memory_equal(r.maxima, first.maxima, r.replications * sizeof *r.maxima);
        if (i < 2)
            continue; /* without a set the lists take most of the time, whatever is done with them */
        struct watch_result r_half = scan(half, &ways[i]);
        assert_memory_equal(r_half.maxima, first_half.maxima, r_half.replications * sizeof *r_half.maxima);
    }
    static const struct engine_options reference = {.reference = true};
    l->plan.params.replications = 12;
    l->plan.params.threads = 2;
    struct watch_result r = scan(l, &reference);
    assert_memory_equal(r.maxima, first.maxima, 12 * sizeof *r.maxima);
}

/* The other cases ask for models of a later version: refused by name, with the line. */
static void test_other_models_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"nm_st_poisson_retro", "AnalysisType=3"},
                                           {"nm_spatial_poisson", "AnalysisType=1"},
                                           {"humberside_spatial_bernoulli", "AnalysisType=1"},
                                           {"ny_leukemia_spatial_latlon", "AnalysisType=1"}};
    for (size_t i = 0; i < 4; i++) {
        struct prm prm;
        struct prm_plan plan;
        struct err err = {0};
        const char *name = str_printf(&mem, "%s.prm", cases[i][0]).p;
        assert_int_equal(prm_read(str_of(name), read_shared(cases[i][0], name), &mem, &prm, &err), RC_OK);
        assert_int_equal(prm_plan(&prm, &plan, &err), RC_UNSUPPORTED);
        assert_non_null(strstr(err.text, cases[i][1]));
        assert_non_null(strstr(err.text, ".prm:25: "));
        assert_non_null(strstr(err.text, "space-time permutation"));
    }
}

/* --- small examples --- */

static const double LAT[] = {10, 10, 50, 10}, LON[] = {20, 20.1, 60, 20};
static const struct watch_points FOUR = {WATCH_LAT_LON, 4, LAT, LON}; /* the last is where the first is */

static struct watch_params ten_days(void)
{
    struct watch_params p = watch_params_default();
    p.start_day = 20000;
    p.end_day = 20009;
    p.max_is_percent = false;
    p.max_units = 3;
    p.replications = 99;
    p.threads = 1;
    return p;
}

static void test_statistic(void **state)
{
    (void)state;
    assert_true(fabs(watch_statistic(194, 4, 130) - 3.845418) < 5e-7); /* nyc: 130 / 194 = 0.670103 */
    assert_true(watch_statistic(100, 5, 500) == 0);                    /* as expected */
    assert_true(watch_statistic(100, 4, 500) == 0);                    /* fewer */
    assert_true(fabs(watch_statistic(10, 10, 50) - 10 * log(2)) < 1e-12);
    assert_true(watch_statistic(600, 6, 6 * 4) == watch_statistic(600, 6, 3 * 8)); /* W3 */
}

static void test_gumbel(void **state)
{
    (void)state;
    double maxima[999];
    struct prng rng;
    prng_seed(&rng, 3);
    for (int i = 0; i < 999; i++) /* mu 5, beta 0.8 */
        maxima[i] = 5 - 0.8 * log(-log(prng_unit(&rng)));
    double p = watch_gumbel_p(maxima, 999, 8);
    assert_true(fabs(p - -expm1(-exp((5 - 8) / 0.8))) < 0.006);
    assert_true(watch_gumbel_p(maxima, 999, 100) > 0);
    assert_true(isnan(watch_gumbel_p(maxima, 98, 8)));
    for (int i = 0; i < 999; i++)
        maxima[i] = 4;
    assert_true(isnan(watch_gumbel_p(maxima, 999, 8)));
}

static void test_joined_places(void **state)
{
    (void)state;
    static const struct watch_case rows[] = {{0, 2, 20009}, {3, 3, 20008}, {2, 10, 20001}, {1, 1, 20004}};
    struct watch_cases cases = {4, rows};
    struct watch_params p = ten_days();
    struct watch_result r;
    struct err err = {0};
    assert_int_equal(watch_scan_stp(&FOUR, &cases, &p, &mem, &r, &err), RC_OK);
    assert_int_equal(r.places, 3);
    assert_int_equal(r.cases, 16);
    assert_int_equal(r.clusters[0].observed, 5);
    assert_int_equal(r.clusters[0].members_n, 2); /* both points of the joined place, in order */
    assert_int_equal(r.clusters[0].members[0], 0);
    assert_int_equal(r.clusters[0].members[1], 3);
    assert_int_equal(r.clusters[0].start_day, 20007); /* 2 and 3 days say the same: the longer, as SaTScan */
}

static void check_refused(const struct watch_points *points, const struct watch_cases *cases,
                          const struct watch_params *p, enum rc rc, const char *says)
{
    struct watch_result r = {.seed = 77};
    struct err err = {0};
    assert_int_equal(watch_scan_stp(points, cases, p, &mem, &r, &err), rc);
    if (!strstr(err.text, says))
        fail_msg("'%s' does not say '%s'", err.text, says);
    assert_int_equal(r.seed, 77);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct watch_case good[] = {{0, 2, 20009}}, place[] = {{9, 1, 20009}}, day[] = {{0, 1, 20010}},
                                   none[] = {{0, 0, 20009}}, many[] = {{0, WATCH_CASES_MAX, 20009}, {1, 1, 20009}};
    struct watch_cases cases = {1, good};
    struct watch_params p = ten_days();
    check_refused(&FOUR, &(struct watch_cases){1, place}, &p, RC_INVALID, "names place 9 of 4");
    check_refused(&FOUR, &(struct watch_cases){1, day}, &p, RC_INVALID, "outside the study period");
    check_refused(&FOUR, &(struct watch_cases){1, none}, &p, RC_INVALID, "no cases");
    check_refused(&FOUR, &(struct watch_cases){2, many}, &p, RC_TOO_LARGE, "more than");
    check_refused(&(struct watch_points){WATCH_LAT_LON, 0, LAT, LON}, &cases, &p, RC_INVALID, "no places");
    check_refused(&(struct watch_points){WATCH_LAT_LON, 4, LON, (double[]){200, 1, 1, 1}}, &cases, &p, RC_INVALID,
                  "place 0");
    check_refused(&(struct watch_points){WATCH_CARTESIAN, 1, (double[]){NAN}, LON}, &cases, &p, RC_INVALID, "place 0");
    struct watch_params q = p;
    q.analysis = WATCH_RETROSPECTIVE;
    check_refused(&FOUR, &cases, &q, RC_UNSUPPORTED, "prospective");
    q = p;
    q.end_day = q.start_day - 1;
    check_refused(&FOUR, &cases, &q, RC_INVALID, "study period");
    q = p;
    q.max_units = 0;
    check_refused(&FOUR, &cases, &q, RC_INVALID, "no window");
    q = p;
    q.max_percent = 51;
    check_refused(&FOUR, &cases, &q, RC_INVALID, "spatial size");
    q = p;
    q.cases_least = 1;
    check_refused(&FOUR, &cases, &q, RC_INVALID, "least number");
    q = p;
    q.replications = WATCH_REPLICATIONS_MAX + 1;
    check_refused(&FOUR, &cases, &q, RC_TOO_LARGE, "replications");
}

static void test_without_replications(void **state)
{
    (void)state;
    static const struct watch_case rows[] = {{0, 3, 20009}, {2, 10, 20001}};
    struct watch_params p = ten_days();
    struct watch_result r;
    struct err err = {0};
    p.replications = 0;
    assert_int_equal(watch_scan_stp(&FOUR, &(struct watch_cases){2, rows}, &p, &mem, &r, &err), RC_OK);
    assert_int_equal(r.clusters_n, 1);
    assert_int_equal(r.clusters[0].rank, 0);
    assert_true(isnan(r.clusters[0].p) && isnan(r.clusters[0].recurrence_days) && isnan(r.clusters[0].gumbel_p));
}

/* Nothing in the last days, or one place with more than half of all cases: no cluster, no failure. */
static void test_nothing_to_find(void **state)
{
    (void)state;
    static const struct watch_case old[] = {{0, 3, 20001}, {1, 1, 20002}}, one[] = {{0, 30, 20009}};
    struct watch_params p = ten_days();
    struct watch_result r;
    struct err err = {0};
    assert_int_equal(watch_scan_stp(&FOUR, &(struct watch_cases){2, old}, &p, &mem, &r, &err), RC_OK);
    assert_int_equal(r.clusters_n, 0);
    assert_int_equal(watch_scan_stp(&FOUR, &(struct watch_cases){1, one}, &p, &mem, &r, &err), RC_OK);
    assert_int_equal(r.clusters_n, 0);
}

static void test_hash_and_replay(void **state)
{
    (void)state;
    static const struct watch_case rows[] = {{0, 2, 20009}, {3, 1, 20009}, {2, 10, 20001}, {1, 1, 20004}},
                                   same[] = {{1, 1, 20004}, {2, 10, 20001}, {0, 3, 20009}, {2, 0, 20003}},
                                   other[] = {{1, 1, 20004}, {2, 10, 20001}, {0, 3, 20008}};
    struct watch_cases a = {4, rows}, b = {4, same}, c = {3, other};
    struct watch_params p = ten_days(), q = ten_days();
    struct watch_result r;
    struct err err = {0};
    struct sha256 h = watch_inputs_hash(&FOUR, &a, &p);
    assert_true(sha256_is_equal(h, watch_inputs_hash(&FOUR, &b, &p)));
    assert_false(sha256_is_equal(h, watch_inputs_hash(&FOUR, &c, &p)));
    q.threads = 3;
    assert_true(sha256_is_equal(h, watch_inputs_hash(&FOUR, &a, &q)));
    q.seed++;
    assert_false(sha256_is_equal(h, watch_inputs_hash(&FOUR, &a, &q)));
    assert_int_equal(watch_scan_stp(&FOUR, &a, &p, &mem, &r, &err), RC_OK);
    assert_int_equal(watch_replay_stp(&FOUR, &a, &p, &r, &err), RC_OK);
    assert_int_equal(watch_replay_stp(&FOUR, &c, &p, &r, &err), RC_DAMAGED);
    r.maxima[50] += 1;
    assert_int_equal(watch_replay_stp(&FOUR, &a, &p, &r, &err), RC_DAMAGED);
    assert_non_null(strstr(err.text, "replication 51"));
}

static void test_events(void **state)
{
    (void)state;
    static const struct watch_event events[] = {{10, 20, 20005}, {11, 20, 20005},    {10, 20, 20005},
                                                {10, 20, 20006}, {0.0, -0.0, 20007}, {-0.0, 0.0, 20007},
                                                {10, 20, 19999}};
    struct watch_arrays a;
    struct err err = {0};
    assert_int_equal(watch_from_events(events, 7, 20000, 20009, &mem, &a, &err), RC_OK);
    assert_int_equal(a.points.n, 3);
    assert_int_equal(a.kept, 6);
    assert_int_equal(a.cases.n, 4);
    assert_int_equal(a.cases.at[0].count, 2);
    assert_int_equal(a.place_of[3], 0);
    assert_int_equal(a.place_of[4], 2);
    assert_int_equal(a.place_of[5], 2);
    assert_int_equal(a.place_of[6], UINT32_MAX);
    static const struct watch_event bad[] = {{91, 0, 20000}};
    assert_int_equal(watch_from_events(bad, 1, 20000, 20009, &mem, &a, &err), RC_INVALID);
    assert_int_equal(watch_from_events(NULL, 0, 20000, 20009, &mem, &a, &err), RC_OK);
    assert_int_equal(a.points.n, 0);
}

/* Many places at one distance from a centre, and thousands nearly so: the order stays exact. */
static void test_equal_distances(void **state)
{
    (void)state;
    enum { N = 4000 };
    double *x = ARENA_NEW_N(&mem, double, N), *y = ARENA_NEW_N(&mem, double, N);
    uint32_t members[N];
    struct places p;
    struct prng rng;
    prng_seed(&rng, 9);
    for (int i = 1; i < N; i++) {
        x[i] = 1e6 + (double)prng_below(&rng, 5);
        y[i] = (double)prng_below(&rng, 2001) - 1000;
    }
    places_build(&(struct watch_points){WATCH_CARTESIAN, N, x, y}, &mem, &p);
    uint32_t far = 0;
    for (uint32_t i = 1; i < p.n; i++)
        if (places_distance2(&p, 0, i) > places_distance2(&p, 0, far) ||
            (places_distance2(&p, 0, i) == places_distance2(&p, 0, far) && p.tie_rank[i] > p.tie_rank[far]))
            far = i;
    assert_int_equal(places_members(&p, 0, far, members), p.n);
    for (uint32_t i = 1; i < p.n; i++) {
        double a = places_distance2(&p, 0, members[i - 1]), b = places_distance2(&p, 0, members[i]);
        assert_true(a < b || (a == b && p.tie_rank[members[i - 1]] < p.tie_rank[members[i]]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nyc, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ucdp, setup, teardown),
        cmocka_unit_test_setup_teardown(test_maxima_are_distributed_as_theirs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_big, setup, teardown),
        cmocka_unit_test_setup_teardown(test_big_same_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_models_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_statistic, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gumbel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_joined_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_replications, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_to_find, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hash_and_replay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equal_distances, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
