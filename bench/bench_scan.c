/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The space-time permutation scan of data/scan/big_synthetic, 999 replications, with 1, 2 and 4 threads, from files
 * read to clusters found. The peer, SaTScan 10.3.2, cannot be installed here: its figures are those that came with the
 * data (4 processes; the one for half of all cases is extrapolated from 99 replications) and its report is what our
 * statistic must equal. The maxima of all replications must have the same bits with any number of threads.
 */
#include "bench_util.h"

#include "base/file.h"
#include "watch/satscan.h"

struct input {
    struct prm prm;
    struct prm_plan plan;
    struct satscan_places places;
    struct satscan_cases cases;
};

static void must(enum rc rc, const struct err *err)
{
    if (rc == RC_OK)
        return;
    fprintf(stderr, "bench_scan: %s\n", err->text);
    exit(1);
}

static struct str shared_file(const char *name, struct arena *mem)
{
    const char *shared = getenv("FANE_SHARED");
    struct str text;
    struct err err = {0};
    const char *path = shared ? str_printf(mem, "%s/data/scan/big_synthetic/%s", shared, name).p
                              : str_printf(mem, "%s/../shared/data/scan/big_synthetic/%s", bench_source(), name).p;
    if (!file_is_there(path)) {
        fprintf(stderr, "bench_scan: no %s; set FANE_SHARED\n", path);
        exit(77);
    }
    must(file_read(path, SATSCAN_DATA_MAX, mem, &text, &err), &err);
    return text;
}

static void input_read(struct arena *mem, bool within_50_km, struct input *in)
{
    struct err err = {0};
    must(prm_read(STR("a.prm"), shared_file("a.prm", mem), mem, &in->prm, &err), &err);
    must(prm_set(&in->prm, within_50_km ? "UseDistanceFromCenterOption=y" : "UseDistanceFromCenterOption=n", mem, &err),
         &err);
    must(prm_set(&in->prm, "MaxSpatialSizeInDistanceFromCenter=50", mem, &err), &err);
    must(prm_set(&in->prm, "MonteCarloReps=999", mem, &err), &err);
    must(prm_plan(&in->prm, &in->plan, &err), &err);
    must(satscan_read_places(STR("a.geo"), shared_file("a.geo", mem), in->plan.coordinates, mem, &in->places, &err),
         &err);
    must(satscan_read_cases(STR("a.cas"), shared_file("a.cas", mem), &in->plan, &in->places, mem, &in->cases, &err),
         &err);
}

static double run(bool within_50_km, uint32_t threads, struct sha256 *maxima)
{
    static struct input in;
    struct arena mem;
    struct watch_result r;
    struct err err = {0};
    arena_init(&mem);
    int64_t from = clock_monotonic_us();
    input_read(&mem, within_50_km, &in);
    in.plan.params.threads = threads;
    struct watch_points points = {in.plan.coordinates, in.places.n, in.places.a, in.places.b};
    struct watch_cases cases = {in.cases.n, in.cases.at};
    must(watch_scan_stp(&points, &cases, &in.plan.params, &mem, &r, &err), &err);
    double seconds = (double)(clock_monotonic_us() - from) / 1e6;
    char statistic[32];
    snprintf(statistic, sizeof statistic, "%.6f", r.clusters_n ? r.clusters[0].statistic : 0);
    struct str report = shared_file("satscan-report-50km.txt", &mem);
    if (!str_contains(report, str_printf(&mem, "Test statistic........: %s", statistic)) ||
        strcmp(statistic, "92.083246") != 0 || r.clusters[0].observed != 40 ||
        fabs(r.clusters[0].expected - 1.53) > 0.005) {
        fprintf(stderr, "bench_scan: statistic %s is not SaTScan's\n", statistic);
        exit(1);
    }
    *maxima = sha256_of(r.maxima, r.replications * sizeof *r.maxima);
    arena_fini(&mem);
    return seconds;
}

static void bench(const char *name, bool within_50_km, double peer_s)
{
    static const uint32_t threads[] = {1, 2, 4};
    struct sha256 first = {0}, again;
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        double seconds[BENCH_RUNS];
        for (int i = 0; i < BENCH_RUNS; i++) {
            seconds[i] = run(within_50_km, threads[t], &again);
            if (t == 0 && i == 0)
                first = again;
            if (!sha256_is_equal(first, again)) {
                fprintf(stderr, "bench_scan: %u threads give other maxima\n", threads[t]);
                exit(1);
            }
        }
        double s = bench_median(seconds, BENCH_RUNS);
        printf("{\"name\":\"%s\",\"unit\":\"s\",\"threads\":%u,\"ours\":%.4g,\"peer_name\":\"SaTScan 10.3.2, 4 "
               "processes, published "
               "with the data\",\"peer\":%g,\"times_faster\":%.4g,\"statistic\":92.083246,\"peak_mb\":%.0f}\n",
               name, threads[t], s, peer_s, peer_s / s, bench_peak_mb());
        fflush(stdout);
    }
}

int main(void)
{
    fprintf(stderr,
            "bench_scan: SaTScan cannot be installed here; its figures are from the data's README and the targets\n");
    bench("scan_50_km", true, 30.7);
    bench("scan_half_of_cases", false, 430);
    return 0;
}
