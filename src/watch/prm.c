/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SaTScan's parameter file: INI lines KEY=VALUE, ';' comments, [sections]. KEYS is the whole truth about what each
 * parameter means here:
 *   USED  read by prm_plan
 *   ONLY  honoured at this one value; any other would change the result and is refused by name
 *   FREE  output, or subordinate to a parameter that is refused: any value
 */
#include "watch/satscan.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum use { USED, ONLY, FREE };
enum key {
    CASE_FILE,
    COORDINATES_FILE,
    PRECISION,
    START_DATE,
    END_DATE,
    COORDINATES_TYPE,
    ANALYSIS_TYPE,
    MODEL_TYPE,
    TIME_UNITS,
    TIME_LENGTH,
    RESULTS_FILE,
    PERIOD_CHECK,
    PLACES_CHECK,
    MAX_PERCENT,
    USE_DISTANCE,
    MAX_DISTANCE,
    MIN_TIME,
    MAX_TIME_KIND,
    MAX_TIME,
    CLUSTERS_KIND,
    CASES_LEAST,
    REPLICATIONS,
    FREQUENCY_KIND,
    FREQUENCY,
    SECONDARY,
    PROCESSES,
    SEED
};

static const struct {
    const char *name;
    enum use use;
    const char *value; /* default, or the only one honoured */
} KEYS[] = {
    [CASE_FILE] = {"CaseFile", USED, ""},
    [COORDINATES_FILE] = {"CoordinatesFile", USED, ""},
    [PRECISION] = {"PrecisionCaseTimes", USED, "3"},
    [START_DATE] = {"StartDate", USED, ""},
    [END_DATE] = {"EndDate", USED, ""},
    [COORDINATES_TYPE] = {"CoordinatesType", USED, "1"},
    [ANALYSIS_TYPE] = {"AnalysisType", USED, "1"},
    [MODEL_TYPE] = {"ModelType", USED, "0"},
    [TIME_UNITS] = {"TimeAggregationUnits", USED, "3"},
    [TIME_LENGTH] = {"TimeAggregationLength", USED, "1"},
    [RESULTS_FILE] = {"ResultsFile", USED, ""},
    [PERIOD_CHECK] = {"StudyPeriodCheckType", USED, "0"},
    [PLACES_CHECK] = {"GeographicalCoordinatesCheckType", USED, "0"},
    [MAX_PERCENT] = {"MaxSpatialSizeInPopulationAtRisk", USED, "50"},
    [USE_DISTANCE] = {"UseDistanceFromCenterOption", USED, "n"},
    [MAX_DISTANCE] = {"MaxSpatialSizeInDistanceFromCenter", USED, "1"},
    [MIN_TIME] = {"MinimumTemporalClusterSize", USED, "1"},
    [MAX_TIME_KIND] = {"MaxTemporalSizeInterpretation", USED, "0"},
    [MAX_TIME] = {"MaxTemporalSize", USED, "50"},
    [CLUSTERS_KIND] = {"IncludeClusters", USED, "0"},
    [CASES_LEAST] = {"MinimumCasesInHighRateClusters", USED, "2"},
    [REPLICATIONS] = {"MonteCarloReps", USED, "999"},
    [FREQUENCY_KIND] = {"ProspectiveFrequencyType", USED, "0"},
    [FREQUENCY] = {"ProspectiveFrequency", USED, "1"},
    [SECONDARY] = {"CriteriaForReportingSecondaryClusters", USED, "0"},
    [PROCESSES] = {"NumberParallelProcesses", USED, "0"},
    [SEED] = {"RandomizationSeed", USED, "12345678"},
    {"ScanAreas", ONLY, "1"},
    {"UseGridFile", ONLY, "n"},
    {"UseLocationsNetworkFile", ONLY, "n"},
    {"UseNeighborsFile", ONLY, "n"},
    {"UseMetaLocationsFile", ONLY, "n"},
    {"MultipleCoordinatesType", ONLY, "0"},
    {"MultipleLocationsFile", ONLY, ""},
    {"UseMaxCirclePopulationFileOption", ONLY, "n"},
    {"IncludePurelyTemporal", ONLY, "n"},
    {"SpatialWindowShapeType", ONLY, "0"},
    {"IsotonicScan", ONLY, "0"},
    {"IncludePurelySpatial", ONLY, "n"},
    {"RiskLimitHighClusters", ONLY, "n"},
    {"TimeTrendAdjustmentType", ONLY, "0"},
    {"AdjustForWeeklyTrends", ONLY, "n"},
    {"SpatialAdjustmentType", ONLY, "0"},
    {"UseAdjustmentsByRRFile", ONLY, "n"},
    {"AdjustForEarlierAnalyses", ONLY, "n"},
    {"IterativeScan", ONLY, "n"},
    {"PerformStandardDrilldown", ONLY, "n"},
    {"PerformBernoulliDrilldown", ONLY, "n"},
    {"CalculateOliveira", ONLY, "n"},
    {"CalculateOliviera", ONLY, "n"},
    {"PerformPowerEvaluation", ONLY, "n"},
    {"ReportHierarchicalClusters", ONLY, "y"},
    {"ReportGiniClusters", ONLY, "n"},
    {"UseReportOnlySmallerClusters", ONLY, "n"},
    {"SimulatedDataMethodType", ONLY, "0"},
    {"RandomlyGenerateSeed", ONLY, "n"},
    {"ControlFile", FREE, NULL},
    {"PopulationFile", FREE, NULL},
    {"GridFile", FREE, NULL},
    {"OutputGoogleEarthKML", FREE, NULL},
    {"OutputShapefiles", FREE, NULL},
    {"OutputCartesianGraph", FREE, NULL},
    {"MostLikelyClusterEachCentroidASCII", FREE, NULL},
    {"MostLikelyClusterEachCentroidDBase", FREE, NULL},
    {"MostLikelyClusterCaseInfoEachCentroidASCII", FREE, NULL},
    {"MostLikelyClusterCaseInfoEachCentroidDBase", FREE, NULL},
    {"CensusAreasReportedClustersASCII", FREE, NULL},
    {"CensusAreasReportedClustersDBase", FREE, NULL},
    {"IncludeRelativeRisksCensusAreasASCII", FREE, NULL},
    {"IncludeRelativeRisksCensusAreasDBase", FREE, NULL},
    {"SaveSimLLRsASCII", FREE, NULL},
    {"SaveSimLLRsDBase", FREE, NULL},
    {"OutputGoogleMaps", FREE, NULL},
    {"MultipleDataSetsPurposeType", FREE, NULL},
    {"DataSet1-Name", FREE, NULL},
    {"LocationsNetworkFilename", FREE, NULL},
    {"NeighborsFilename", FREE, NULL},
    {"MetaLocationsFilename", FREE, NULL},
    {"MaxSpatialSizeInMaxCirclePopulationFile", FREE, NULL},
    {"MaxCirclePopulationFile", FREE, NULL},
    {"NonCompactnessPenalty", FREE, NULL},
    {"IntervalStartRange", FREE, NULL},
    {"IntervalEndRange", FREE, NULL},
    {"RiskThresholdHighClusters", FREE, NULL},
    {"RiskLimitLowClusters", FREE, NULL},
    {"RiskThresholdLowClusters", FREE, NULL},
    {"MinimumCasesInLowRateClusters", FREE, NULL},
    {"TimeTrendPercentage", FREE, NULL},
    {"TimeStratifiedAdjLength", FREE, NULL},
    {"TimeTrendType", FREE, NULL},
    {"AdjustmentsByKnownRelativeRisksFilename", FREE, NULL},
    {"PValueReportType", FREE, NULL}, /* p is always the Monte Carlo rank over all replications, Gumbel beside it */
    {"EarlyTerminationThreshold", FREE, NULL},
    {"ReportGumbel", FREE, NULL},
    {"ProspectiveStartDate", FREE, NULL},
    {"IterativeScanMaxIterations", FREE, NULL},
    {"IterativeScanMaxPValue", FREE, NULL},
    {"DrilldownMinimumClusterLocations", FREE, NULL},
    {"DrilldownMinimumClusterCases", FREE, NULL},
    {"DrilldownClusterCutoff", FREE, NULL},
    {"NumBootstrapReplications", FREE, NULL},
    {"OliveiraPvalueCutoff", FREE, NULL},
    {"NumOlivieraSets", FREE, NULL},
    {"OlivieraPvalueCutoff", FREE, NULL},
    {"PowerEvaluationsMethod", FREE, NULL},
    {"PowerEvaluationTotalCases", FREE, NULL},
    {"CriticalValueType", FREE, NULL},
    {"CriticalValue05", FREE, NULL},
    {"CriticalValue01", FREE, NULL},
    {"CriticalValue001", FREE, NULL},
    {"PowerEstimationType", FREE, NULL},
    {"NumberPowerReplications", FREE, NULL},
    {"AlternativeHypothesisFilename", FREE, NULL},
    {"PowerEvaluationsSimulationMethod", FREE, NULL},
    {"PowerEvaluationsSimulationSourceFilename", FREE, NULL},
    {"ReportPowerEvaluationSimulationData", FREE, NULL},
    {"PowerEvaluationsSimulationOutputFilename", FREE, NULL},
    {"LaunchMapViewer", FREE, NULL},
    {"LaunchKMLViewer", FREE, NULL},
    {"CompressKMLtoKMZ", FREE, NULL},
    {"IncludeClusterLocationsKML", FREE, NULL},
    {"ThresholdLocationsSeparateKML", FREE, NULL},
    {"GiniIndexClusterReportingType", FREE, NULL},
    {"SpatialMaxima", FREE, NULL},
    {"GiniIndexClustersPValueCutOff", FREE, NULL},
    {"ReportGiniIndexCoefficents", FREE, NULL},
    {"MaxSpatialSizeInPopulationAtRisk_Reported", FREE, NULL},
    {"UseMaxCirclePopulationFileOption_Reported", FREE, NULL},
    {"MaxSizeInMaxCirclePopulationFile_Reported", FREE, NULL},
    {"UseDistanceFromCenterOption_Reported", FREE, NULL},
    {"MaxSpatialSizeInDistanceFromCenter_Reported", FREE, NULL},
    {"OutputTemporalGraphHTML", FREE, NULL},
    {"TemporalGraphReportType", FREE, NULL},
    {"TemporalGraphMostMLC", FREE, NULL},
    {"TemporalGraphSignificanceCutoff", FREE, NULL},
    {"CriticalValue", FREE, NULL},
    {"ReportClusterRank", FREE, NULL},
    {"PrintAsciiColumnHeaders", FREE, NULL},
    {"ResultsTitle", FREE, NULL},
    {"CutoffClusterLinelistCSV", FREE, NULL},
    {"LineListIndividualCache", FREE, NULL},
    {"EmailAlwaysSummary", FREE, NULL},
    {"EmailAlwaysRecipients", FREE, NULL},
    {"EmailCutoffSummary", FREE, NULL},
    {"EmailCutoffRecipients", FREE, NULL},
    {"EmailCutoffValue", FREE, NULL},
    {"EmailAttachResults", FREE, NULL},
    {"EmailIncludeResults", FREE, NULL},
    {"CustomEmail", FREE, NULL},
    {"CustomEmailSubjectLine", FREE, NULL},
    {"CustomEmailMessageBody", FREE, NULL},
    {"EllipseShapes", FREE, NULL},
    {"EllipseAngles", FREE, NULL},
    {"SimulatedDataInputFilename", FREE, NULL},
    {"PrintSimulatedDataToFile", FREE, NULL},
    {"SimulatedDataOutputFilename", FREE, NULL},
    {"SuppressWarnings", FREE, NULL},
    {"LogRunToHistoryFile", FREE, NULL},
    {"ExecutionType", FREE, NULL},
    {"Version", FREE, NULL},
};
enum { KEYS_N = sizeof KEYS / sizeof KEYS[0] };
_Static_assert(sizeof KEYS / sizeof KEYS[0] <= (size_t)SATSCAN_KEYS_MAX, "struct prm is too small");

static int key_find(struct str name)
{
    for (int k = 0; k < KEYS_N; k++)
        if (str_is_equal_nocase(name, str_of(KEYS[k].name)))
            return k;
    return -1;
}

/* Keys that come once per data set, or describe a source to import: known to SaTScan, not to us. */
static bool is_known_family(struct str name)
{
    static const char *const families[] = {"CaseFile",
                                           "ControlFile",
                                           "PopulationFile",
                                           "DataSet",
                                           "Polygon",
                                           "CoordinatesFile",
                                           "GridFile",
                                           "MaxCirclePopulationFile",
                                           "AdjustmentsByKnownRelativeRisksFilename",
                                           "AlternativeHypothesisFilename"};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        size_t n = strlen(families[i]);
        if (name.n > n && str_is_equal_nocase(str_slice(name, 0, n), str_of(families[i])) &&
            ((name.p[n] >= '0' && name.p[n] <= '9') || name.p[n] == '-'))
            return true;
    }
    return false;
}

/* "file.prm:12: " or "--set: ", as context for what follows. */
static void where(const struct prm *p, uint32_t line, char *out, size_t size)
{
    if (line == UINT32_MAX)
        snprintf(out, size, "--set: ");
    else if (line == 0)
        snprintf(out, size, STR_FMT ": ", STR_ARG(str_clip(p->name, 300)));
    else
        snprintf(out, size, STR_FMT ":%u: ", STR_ARG(str_clip(p->name, 300)), line);
}

static enum rc assign(struct prm *p, struct str text, uint32_t line, struct err *err)
{
    struct str key, value;
    char at[340];
    where(p, line, at, sizeof at);
    if (!str_cut(text, '=', &key, &value))
        return err_set(err, RC_INVALID, "%s'" STR_FMT "' is not KEY=VALUE", at, STR_ARG(str_clip(text, 80)));
    key = str_trim(key);
    value = str_trim(value);
    int k = key_find(key);
    if (k < 0 && is_known_family(key)) {
        if (value.n == 0)
            return RC_OK;
        return err_set(err, RC_UNSUPPORTED,
                       "%s" STR_FMT "=" STR_FMT " is not supported yet by this version: one data set "
                       "in SaTScan's own text format is",
                       at, STR_ARG(str_clip(key, 80)), STR_ARG(str_clip(value, 80)));
    }
    if (k < 0)
        return err_set(err, RC_INVALID, "%s'" STR_FMT "' is not a SaTScan parameter", at, STR_ARG(str_clip(key, 80)));
    if (line != UINT32_MAX && p->line[k] != 0)
        return err_set(err, RC_INVALID, "%s%s was already given in line %u", at, KEYS[k].name, p->line[k]);
    p->value[k] = value;
    p->line[k] = line;
    return RC_OK;
}

enum rc prm_read(struct str name, struct str text, struct arena *mem, struct prm *out, struct err *err)
{
    struct prm *p = ARENA_NEW(mem, struct prm);
    struct str rest = text, line;
    p->name = name;
    if (text.n > SATSCAN_PRM_MAX)
        return err_set(err, RC_TOO_LARGE, STR_FMT ": a parameter file is at most %d bytes", STR_ARG(name),
                       SATSCAN_PRM_MAX);
    if (str_starts_with(rest, STR("\xef\xbb\xbf")))
        rest = str_slice(rest, 3, rest.n);
    for (uint32_t n = 1; rest.n > 0; n++) {
        str_cut(rest, '\n', &line, &rest);
        line = str_trim(line);
        if (memchr(line.p, 0, line.n))
            return err_set(err, RC_INVALID, STR_FMT ":%u: a zero byte: this is not a text file", STR_ARG(name), n);
        if (line.n == 0 || line.p[0] == ';')
            continue;
        if (line.p[0] == '[' && line.p[line.n - 1] == ']')
            continue;
        TRY(assign(p, line, n, err));
    }
    *out = *p;
    return RC_OK;
}

enum rc prm_set(struct prm *p, const char *assignment, struct arena *mem, struct err *err)
{
    return assign(p, str_copy(mem, str_of(assignment)), UINT32_MAX, err);
}

/* --- from values to a plan --- */

static struct str value_of(const struct prm *p, enum key k)
{
    return p->line[k] == 0 ? str_of(KEYS[k].value) : p->value[k];
}

static enum rc refuse(const struct prm *p, int k, struct str value, const char *instead, struct err *err)
{
    char at[340];
    where(p, p->line[k], at, sizeof at);
    return err_set(err, RC_UNSUPPORTED, "%s%s=" STR_FMT " is not supported yet by this version: %s is", at,
                   KEYS[k].name, STR_ARG(str_clip(value, 80)), instead);
}

static enum rc bad_value(const struct prm *p, enum key k, const char *what, struct err *err)
{
    char at[340];
    where(p, p->line[k], at, sizeof at);
    return err_set(err, RC_INVALID, "%s%s=" STR_FMT ": %s", at, KEYS[k].name, STR_ARG(str_clip(value_of(p, k), 80)),
                   what);
}

static enum rc get_int(const struct prm *p, enum key k, int64_t low, int64_t high, int64_t *out, struct err *err)
{
    char what[80];
    if (str_parse_i64(value_of(p, k), out) && *out >= low && *out <= high)
        return RC_OK;
    snprintf(what, sizeof what, "must be a whole number from %lld to %lld", (long long)low, (long long)high);
    return bad_value(p, k, what, err);
}

static enum rc get_real(const struct prm *p, enum key k, double *out, struct err *err)
{
    if (str_parse_f64(value_of(p, k), out) && *out > 0)
        return RC_OK;
    return bad_value(p, k, "must be a number above 0", err);
}

static enum rc get_flag(const struct prm *p, enum key k, bool *out, struct err *err)
{
    struct str v = value_of(p, k);
    *out = str_is_equal_nocase(v, STR("y"));
    if (*out || str_is_equal_nocase(v, STR("n")))
        return RC_OK;
    return bad_value(p, k, "must be y or n", err);
}

static enum rc get_date(const struct prm *p, enum key k, int64_t *out, struct err *err)
{
    if (satscan_parse_date(value_of(p, k), out))
        return RC_OK;
    return bad_value(p, k, "must be a date, YYYY/MM/DD", err);
}

static enum rc check_model(const struct prm *p, struct err *err)
{
    static const char *const only = "space-time permutation (ModelType=2), prospective (AnalysisType=4)";
    int64_t analysis, model;
    TRY(get_int(p, ANALYSIS_TYPE, 1, 7, &analysis, err));
    TRY(get_int(p, MODEL_TYPE, 0, 10, &model, err));
    if (analysis != 4)
        return refuse(p, ANALYSIS_TYPE, value_of(p, ANALYSIS_TYPE), only, err);
    if (model != 2)
        return refuse(p, MODEL_TYPE, value_of(p, MODEL_TYPE), only, err);
    return RC_OK;
}

static enum rc check_only(const struct prm *p, struct err *err)
{
    for (int k = 0; k < KEYS_N; k++)
        if (KEYS[k].use == ONLY && p->line[k] != 0 && !str_is_equal_nocase(p->value[k], str_of(KEYS[k].value))) {
            char instead[120];
            snprintf(instead, sizeof instead, "%s=%s", KEYS[k].name, KEYS[k].value);
            return refuse(p, k, p->value[k], instead, err);
        }
    return RC_OK;
}

static enum rc plan_time(const struct prm *p, struct prm_plan *out, struct err *err)
{
    int64_t v, kind;
    if (!str_is_equal(value_of(p, PRECISION), STR("3")))
        return refuse(p, PRECISION, value_of(p, PRECISION), "days (PrecisionCaseTimes=3)", err);
    TRY(get_date(p, START_DATE, &out->params.start_day, err));
    TRY(get_date(p, END_DATE, &out->params.end_day, err));
    TRY(get_int(p, TIME_UNITS, 0, 4, &v, err));
    if (v == 0 || v == 4)
        return refuse(p, TIME_UNITS, value_of(p, TIME_UNITS), "years, months or days (1, 2, 3)", err);
    out->params.unit = v == 1 ? WATCH_YEAR : v == 2 ? WATCH_MONTH : WATCH_DAY;
    TRY(get_int(p, TIME_LENGTH, 1, WATCH_INTERVALS_MAX, &v, err));
    out->params.length = (uint32_t)v;
    TRY(get_int(p, MIN_TIME, 1, WATCH_INTERVALS_MAX, &v, err));
    out->params.min_units = (uint32_t)v;
    TRY(get_int(p, MAX_TIME_KIND, 0, 1, &kind, err));
    out->params.max_is_percent = kind == 0;
    if (kind == 0)
        return get_real(p, MAX_TIME, &out->params.max_time_percent, err);
    double units;
    TRY(get_real(p, MAX_TIME, &units, err));
    if (units > WATCH_INTERVALS_MAX)
        return bad_value(p, MAX_TIME, "is too long", err);
    out->params.max_units = (uint32_t)units;
    return RC_OK;
}

static enum rc plan_space(const struct prm *p, struct prm_plan *out, struct err *err)
{
    int64_t kind, secondary, least;
    bool use_distance;
    TRY(get_int(p, COORDINATES_TYPE, 0, 1, &kind, err));
    out->coordinates = kind == 1 ? WATCH_LAT_LON : WATCH_CARTESIAN;
    TRY(get_real(p, MAX_PERCENT, &out->params.max_percent, err));
    TRY(get_flag(p, USE_DISTANCE, &use_distance, err));
    if (use_distance)
        TRY(get_real(p, MAX_DISTANCE, &out->params.max_distance, err));
    TRY(get_int(p, SECONDARY, 0, 5, &secondary, err));
    if (secondary != 0 && secondary != 5)
        return refuse(p, SECONDARY, value_of(p, SECONDARY), "no geographical overlap (0) or no restriction (5)", err);
    out->params.secondary = secondary == 0 ? WATCH_NO_SHARED_PLACES : WATCH_ALL_CENTRES;
    TRY(get_int(p, CASES_LEAST, 2, WATCH_CASES_MAX, &least, err));
    out->params.cases_least = (uint32_t)least;
    return RC_OK;
}

static enum rc plan_inference(const struct prm *p, struct prm_plan *out, struct err *err)
{
    static const double days[] = {0, 1, 7, 30.436875, 91.310625, 365.2425};
    int64_t v, kind;
    TRY(get_int(p, REPLICATIONS, 0, WATCH_REPLICATIONS_MAX, &v, err));
    out->params.replications = (uint32_t)v;
    TRY(get_int(p, SEED, 0, INT64_MAX, &v, err));
    out->params.seed = (uint64_t)v;
    TRY(get_int(p, PROCESSES, 0, WATCH_THREADS_MAX, &v, err));
    out->params.threads = (uint32_t)v;
    TRY(get_int(p, FREQUENCY_KIND, 0, 5, &kind, err));
    TRY(get_int(p, FREQUENCY, 1, 10000, &v, err));
    out->params.days_between_runs = days[kind] * (double)v;
    TRY(get_int(p, CLUSTERS_KIND, 0, 2, &kind, err));
    if (kind == 2)
        return refuse(p, CLUSTERS_KIND, value_of(p, CLUSTERS_KIND), "alive windows (0 or 1)", err);
    return RC_OK;
}

enum rc prm_plan(const struct prm *p, struct prm_plan *out, struct err *err)
{
    struct prm_plan plan = {.params = watch_params_default()};
    int64_t relaxed_time, relaxed_places;
    TRY(check_model(p, err));
    TRY(check_only(p, err));
    TRY(plan_time(p, &plan, err));
    TRY(plan_space(p, &plan, err));
    TRY(plan_inference(p, &plan, err));
    TRY(get_int(p, PERIOD_CHECK, 0, 1, &relaxed_time, err));
    TRY(get_int(p, PLACES_CHECK, 0, 1, &relaxed_places, err));
    plan.drop_outside_period = relaxed_time == 1;
    plan.drop_unknown_places = relaxed_places == 1;
    plan.case_file = value_of(p, CASE_FILE);
    plan.coordinates_file = value_of(p, COORDINATES_FILE);
    plan.results_file = value_of(p, RESULTS_FILE);
    if (plan.case_file.n == 0)
        return bad_value(p, CASE_FILE, "names no file", err);
    if (plan.coordinates_file.n == 0)
        return bad_value(p, COORDINATES_FILE, "names no file", err);
    *out = plan;
    return RC_OK;
}
