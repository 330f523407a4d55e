/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SaTScan's files: what is understood, what is refused and how it says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "watch/satscan.h"

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

#define BASE                                                                                                           \
    "[Input]\n;comment\nCaseFile=c.cas\nCoordinatesFile=c.geo\nStartDate=2024/1/1\nEndDate=2024/12/31\n"               \
    "[Analysis]\nAnalysisType=4\nModelType=2\nMaxTemporalSizeInterpretation=1\nMaxTemporalSize=7\n"

static enum rc plan_of(const char *text, const char *set, struct prm_plan *plan, struct err *err)
{
    struct prm prm;
    enum rc rc = prm_read(STR("a.prm"), str_of(text), &mem, &prm, err);
    if (rc == RC_OK && set)
        rc = prm_set(&prm, set, &mem, err);
    return rc == RC_OK ? prm_plan(&prm, plan, err) : rc;
}

static void test_plan(void **state)
{
    (void)state;
    struct prm_plan p;
    struct err err = {0};
    assert_int_equal(plan_of("\xef\xbb\xbf" BASE, NULL, &p, &err), RC_OK);
    assert_int_equal(p.params.start_day, date_to_days((struct civil_date){2024, 1, 1}));
    assert_int_equal(p.params.end_day, date_to_days((struct civil_date){2024, 12, 31}));
    assert_int_equal(p.params.replications, 999);
    assert_int_equal(p.params.cases_least, 2);
    assert_int_equal(p.params.max_units, 7);
    assert_false(p.params.max_is_percent);
    assert_true(p.params.max_distance == 0);
    assert_int_equal(p.coordinates, WATCH_LAT_LON);
    assert_true(str_is_equal(p.case_file, STR("c.cas")));
    assert_int_equal(plan_of(BASE "MonteCarloReps=99\r\nUseDistanceFromCenterOption=Y\r\n"
                                  "maxspatialsizeindistancefromcenter=12.5\r\nCoordinatesType=0\r\n"
                                  "RandomizationSeed=5\r\nNumberParallelProcesses=2\r\nTimeAggregationUnits=2\r\n"
                                  "TimeAggregationLength=3\r\nCriteriaForReportingSecondaryClusters=5\r\n"
                                  "ProspectiveFrequencyType=2\r\nProspectiveFrequency=2\r\n",
                             NULL, &p, &err),
                     RC_OK);
    assert_int_equal(p.params.replications, 99);
    assert_true(p.params.max_distance == 12.5);
    assert_int_equal(p.coordinates, WATCH_CARTESIAN);
    assert_int_equal(p.params.seed, 5);
    assert_int_equal(p.params.threads, 2);
    assert_int_equal(p.params.unit, WATCH_MONTH);
    assert_int_equal(p.params.length, 3);
    assert_int_equal(p.params.secondary, WATCH_ALL_CENTRES);
    assert_true(p.params.days_between_runs == 14);
    assert_int_equal(plan_of(BASE "MonteCarloReps=99\n", "MonteCarloReps=9", &p, &err), RC_OK);
    assert_int_equal(p.params.replications, 9);
}

static void test_prm_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *set;
        enum rc rc;
        const char *says;
    } rows[] = {
        {BASE "Nonsense=1\n", NULL, RC_INVALID, "a.prm:12: 'Nonsense' is not a SaTScan parameter"},
        {BASE "no equals sign\n", NULL, RC_INVALID, "a.prm:12: 'no equals sign' is not KEY=VALUE"},
        {BASE "CaseFile=again\n", NULL, RC_INVALID, "a.prm:12: CaseFile was already given in line 3"},
        {BASE "CaseFile2=b.cas\n", NULL, RC_UNSUPPORTED, "a.prm:12: CaseFile2=b.cas is not supported"},
        {BASE "CaseFile-SourceType=1\n", NULL, RC_UNSUPPORTED, "CaseFile-SourceType=1"},
        {BASE, "ModelType=0", RC_UNSUPPORTED, "--set: ModelType=0 is not supported yet by this version"},
        {BASE, "AnalysisType=3", RC_UNSUPPORTED, "--set: AnalysisType=3 is not supported yet by this version"},
        {BASE, "ModelType=11", RC_INVALID, "whole number from 0 to 10"},
        {BASE "SpatialWindowShapeType=1\n", NULL, RC_UNSUPPORTED, "a.prm:12: SpatialWindowShapeType=1"},
        {BASE "AdjustForWeeklyTrends=y\n", NULL, RC_UNSUPPORTED, "AdjustForWeeklyTrends=y"},
        {BASE "ScanAreas=3\n", NULL, RC_UNSUPPORTED, "ScanAreas=1 is"},
        {BASE "PrecisionCaseTimes=1\n", NULL, RC_UNSUPPORTED, "PrecisionCaseTimes=1"},
        {BASE "TimeAggregationUnits=4\n", NULL, RC_UNSUPPORTED, "TimeAggregationUnits=4"},
        {BASE "IncludeClusters=2\n", NULL, RC_UNSUPPORTED, "IncludeClusters=2"},
        {BASE "CriteriaForReportingSecondaryClusters=3\n", NULL, RC_UNSUPPORTED, "geographical overlap"},
        {BASE "MonteCarloReps=many\n", NULL, RC_INVALID, "a.prm:12: MonteCarloReps=many: must be a whole number"},
        {BASE "MonteCarloReps=100000\n", NULL, RC_INVALID, "to 99999"},
        {BASE "UseDistanceFromCenterOption=2\n", NULL, RC_INVALID, "must be y or n"},
        {BASE, "StartDate=2024/2/30", RC_INVALID, "must be a date"},
        {BASE, "MaxTemporalSize=0", RC_INVALID, "above 0"},
        {BASE, "CoordinatesFile=", RC_INVALID, "names no file"},
        {BASE, "Nothing", RC_INVALID, "--set: 'Nothing' is not KEY=VALUE"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prm_plan p;
        struct err err = {0};
        assert_int_equal(plan_of(rows[i].text, rows[i].set, &p, &err), rows[i].rc);
        if (!strstr(err.text, rows[i].says))
            fail_msg("'%s' does not say '%s'", err.text, rows[i].says);
    }
    struct prm prm;
    struct err err = {0};
    assert_int_equal(prm_read(STR("a.prm"), (struct str){"CaseFile=a\0b\n", 13}, &mem, &prm, &err), RC_INVALID);
    assert_non_null(strstr(err.text, "a.prm:1: a zero byte"));
}

static void test_places(void **state)
{
    (void)state;
    struct satscan_places p;
    struct err err = {0};
    assert_int_equal(satscan_read_places(STR("a.geo"),
                                         STR("\xef\xbb\xbf  b 10 20\r\n\n\"a b\"\t-1.5\t2e1\nb 10.0 20\n"),
                                         WATCH_LAT_LON, &mem, &p, &err),
                     RC_OK);
    assert_int_equal(p.n, 2);
    assert_true(str_is_equal(p.ids[0], STR("a b")));
    assert_true(p.a[0] == -1.5 && p.b[0] == 20);
    assert_true(str_is_equal(p.ids[1], STR("b")));
    static const struct {
        const char *text;
        enum watch_coordinates kind;
        const char *says;
    } rows[] = {
        {"a 1 2\nb 91 2\n", WATCH_LAT_LON, "a.geo:2: field 2 '91': latitude is outside"},
        {"a 1 181\n", WATCH_LAT_LON, "a.geo:1: field 3 '181': longitude is outside"},
        {"a 1 x\n", WATCH_LAT_LON, "a.geo:1: field 3 'x': is not a number"},
        {"a nan 1\n", WATCH_LAT_LON, "a.geo:1: field 2 'nan': is not a number"},
        {"a 1\n", WATCH_LAT_LON, "a.geo:1: expected: id, latitude, longitude"},
        {"a 1 2 3\n", WATCH_CARTESIAN, "a.geo:1: expected: id, x, y (more dimensions"},
        {"a 1e13 2\n", WATCH_CARTESIAN, "a.geo:1: field 2 '1e13': coordinates are out of range"},
        {"a 1 2 3 4 5 6 7 8 9\n", WATCH_CARTESIAN, "a.geo:1: too many fields"},
        {"a 1 2\nb 1 2\na 1 3\n", WATCH_CARTESIAN, "a.geo:3: place 'a' stood in line 1 with other coordinates"},
        {"\"a 1 2\n", WATCH_CARTESIAN, "a.geo:1: a quote is not closed"},
        {"\"\" 1 2\n", WATCH_CARTESIAN, "a.geo:1: the id is empty"},
        {"\n \n", WATCH_CARTESIAN, "a.geo: holds no place"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(satscan_read_places(STR("a.geo"), str_of(rows[i].text), rows[i].kind, &mem, &p, &err),
                         RC_INVALID);
        if (!strstr(err.text, rows[i].says))
            fail_msg("'%s' does not say '%s'", err.text, rows[i].says);
    }
}

static enum rc read_cases(const char *text, const char *set, struct satscan_cases *out, struct err *err)
{
    struct prm_plan plan;
    struct satscan_places places;
    assert_int_equal(plan_of(BASE, set, &plan, err), RC_OK);
    assert_int_equal(satscan_read_places(STR("a.geo"), STR("b 1 2\na 1 3\n"), WATCH_LAT_LON, &mem, &places, err),
                     RC_OK);
    return satscan_read_cases(STR("a.cas"), str_of(text), &plan, &places, &mem, out, err);
}

static void test_cases(void **state)
{
    (void)state;
    struct satscan_cases c;
    struct err err = {0};
    assert_int_equal(read_cases("b 3 2024/5/1\na\t1\t2024-05-02\nb 0 2024/5/3", NULL, &c, &err), RC_OK);
    assert_int_equal(c.n, 3);
    assert_int_equal(c.at[0].place, 1); /* places stand in the order of their ids */
    assert_int_equal(c.at[0].count, 3);
    assert_int_equal(c.at[1].day, date_to_days((struct civil_date){2024, 5, 2}));
    static const struct {
        const char *text;
        enum rc rc;
        const char *says;
    } rows[] = {
        {"b 1 2024/5/1\nz 1 2024/5/1\n", RC_INVALID, "a.cas:2: field 1 'z': this place has no coordinates"},
        {"b x 2024/5/1\n", RC_INVALID, "a.cas:1: field 2 'x': is not a number of cases"},
        {"b -1 2024/5/1\n", RC_INVALID, "a.cas:1: field 2 '-1'"},
        {"b 1.5 2024/5/1\n", RC_INVALID, "a.cas:1: field 2 '1.5'"},
        {"b 1 2024/13/1\n", RC_INVALID, "a.cas:1: field 3 '2024/13/1': is not a date"},
        {"b 1 5/1/2024\n", RC_INVALID, "is not a date, YYYY/MM/DD"},
        {"b 1 2023/12/31\n", RC_INVALID, "a.cas:1: field 3 '2023/12/31': lies outside the study period"},
        {"b 1\n", RC_INVALID, "a.cas:1: expected: id, number of cases, date"},
        {"b 1 2024/5/1 2\n", RC_UNSUPPORTED, "a.cas:1: field 4 '2': covariates"},
        {"b 0 2024/5/1\n", RC_INVALID, "a.cas: holds no case"},
        {"b 4000000 2024/5/1\nb 1 2024/5/1\n", RC_TOO_LARGE, "a.cas:2: field 2 '1': too many cases"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(read_cases(rows[i].text, NULL, &c, &err), rows[i].rc);
        if (!strstr(err.text, rows[i].says))
            fail_msg("'%s' does not say '%s'", err.text, rows[i].says);
    }
    assert_int_equal(read_cases("b 1 2023/1/1\nb 1 2024/5/1\n", "StudyPeriodCheckType=1", &c, &err), RC_OK);
    assert_int_equal(c.dropped_outside_period, 1);
    assert_int_equal(read_cases("z 1 2024/1/1\nb 1 2024/5/1\n", "GeographicalCoordinatesCheckType=1", &c, &err), RC_OK);
    assert_int_equal(c.dropped_unknown_places, 1);
    assert_int_equal(c.n, 1);
}

static void test_dates(void **state)
{
    (void)state;
    static const char *const bad[] = {"",         "2024",      "2024/1",    "2024/1/1/1", "24/1/1", "2024/001/1",
                                      "2024/1-1", "2023/2/29", "2024/ 1/1", "+024/1/1",   "2024/1/"};
    int64_t day;
    assert_true(satscan_parse_date(STR("2024/2/29"), &day));
    assert_int_equal(day, date_to_days((struct civil_date){2024, 2, 29}));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(satscan_parse_date(str_of(bad[i]), &day));
}

static void test_report(void **state)
{
    (void)state;
    struct satscan_places places;
    struct satscan_cases cases = {.dropped_unknown_places = 4};
    struct prm_plan plan;
    struct err err = {0};
    double maxima[] = {1.25, 2};
    struct watch_cluster cluster = {.centre = 1,
                                    .radius_km = 2.5,
                                    .span_km = NAN,
                                    .members = (uint32_t[]){1, 0},
                                    .members_n = 2,
                                    .start_day = 19723,
                                    .end_day = 19725,
                                    .observed = 4,
                                    .expected = 0.5,
                                    .statistic = 3.25,
                                    .rank = 1,
                                    .p = 0.25,
                                    .gumbel_p = NAN,
                                    .recurrence_days = 4};
    struct watch_result r = {.clusters = &cluster, .clusters_n = 1, .replications = 2, .seed = 7, .maxima = maxima};
    struct buf b;
    assert_int_equal(plan_of(BASE, NULL, &plan, &err), RC_OK);
    assert_int_equal(satscan_read_places(STR("a.geo"), STR("=b\"c 1 2\na 1 3\n"), WATCH_LAT_LON, &mem, &places, &err),
                     RC_OK);
    buf_init(&b, 0);
    satscan_write_report(&plan, &places, &cases, &r, 0.5, &b);
    assert_true(str_contains(buf_str(&b), STR("2024-01-01 to 2024-01-03, around a (1, 3), radius 2.50 km")));
    assert_true(str_contains(buf_str(&b), STR("4 rows without coordinates")));
    assert_true(str_contains(buf_str(&b), STR("p = 0.25 (rank 1 of 3)")));
    buf_clear(&b);
    satscan_write_clusters_csv(&places, &r, &b);
    assert_true(
        str_contains(buf_str(&b), STR("1,\"a\",1,3,2.5000,,2024-01-01,2024-01-03,2,3.250000,0.250000,,4.00,4,0.5")));
    buf_clear(&b);
    satscan_write_members_csv(&places, &r, &b);
    assert_true(str_contains(buf_str(&b), STR("1,\"'=b\"\"c\",1,2\r\n")));
    buf_clear(&b);
    satscan_write_maxima(&r, &b);
    assert_true(str_is_equal(buf_str(&b), STR("1.250000\n2.000000\n")));
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plan, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prm_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cases, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_report, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
