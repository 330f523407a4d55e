/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The whole pyramid z0-14 of the bench's points into one PMTiles file, gzipped, fsync included. The peer, tippecanoe,
 * is not in Debian 12: its published figures stand in the targets; where the program is on the path, it is run. The
 * answer is checked by reading the file back with tests/cli/pmtiles_test.py: every zoom's counts are the points.
 */
#include "bench_util.h"
#include "tiles/pmtiles.h"

static struct atlas *build(const struct bench_point *p, size_t n)
{
    struct atlas_builder *b = atlas_builder_new();
    struct atlas *a;
    struct err err;
    struct prng r;
    char path[1024];
    prng_seed(&r, 1);
    bench_path(path, "pyramid.atlas");
    for (size_t i = 0; i < n; i++) {
        char name[32];
        struct atlas_site s = {.lat_deg = p[i].lat,
                               .lon_deg = p[i].lon,
                               .religion = STR("christian"),
                               .kind = STR("CHU"),
                               .class_code = STR("place_of_worship")};
        snprintf(name, sizeof name, "Site %zu", i);
        s.name = str_of(name);
        for (size_t k = 0; k < 16; k++)
            s.public_id.b[k] = (uint8_t)prng_u64(&r);
        ENSURE(atlas_builder_add(b, &s, &err) == RC_OK);
    }
    ENSURE(atlas_builder_write(b, path, STR("bench"), 0, &err) == RC_OK);
    atlas_builder_free(b);
    ENSURE(atlas_open(path, &a, &err) == RC_OK);
    unlink(path);
    return a;
}

static double run(const struct atlas *a, const char *path, size_t threads, struct pmtiles_report *r)
{
    double took[BENCH_RUNS];
    struct pmtiles_options opt = {.name = STR("bench"), .threads = threads};
    struct err err;
    for (int i = 0; i < BENCH_RUNS; i++) {
        double cpu_s = clock_cpu_s();
        int64_t from = clock_monotonic_us();
        ENSURE(pmtiles_write(a, path, &opt, r, &err) == RC_OK);
        took[i] = (double)(clock_monotonic_us() - from) / 1e6;
        fprintf(stderr, "pyramid: %llu tiles, %.1f MB, %.2f s, %.2f s of processor time\n",
                (unsigned long long)r->tiles, (double)r->bytes / 1e6, took[i], clock_cpu_s() - cpu_s);
    }
    return bench_median(took, BENCH_RUNS);
}

/* Seconds; 0 where it is not installed. */
static double peer(void)
{
    char command[4096];
    if (system("command -v tippecanoe >/dev/null 2>&1") != 0) {
        fprintf(stderr, "bench_pyramid: tippecanoe is not here; its figures stand in the targets (171-187 s)\n");
        return 0;
    }
    snprintf(command, sizeof command,
             "tippecanoe -q -f -z14 -r1 --cluster-distance=10 -o %s/peer.pmtiles %s/pts.geojsonl", bench_dir(),
             bench_dir());
    int64_t from = clock_monotonic_us();
    return system(command) == 0 ? (double)(clock_monotonic_us() - from) / 1e6 : 0;
}

int main(void)
{
    char path[1024], command[4096];
    size_t n;
    struct pmtiles_report r;
    struct bench_point *p = bench_points(&n);
    bench_sort_by_cell(p, n);
    struct atlas *a = build(p, n);
    free(p);
    bench_path(path, "bench.pmtiles");
    double took = run(a, path, 4, &r), theirs = peer();
    snprintf(command, sizeof command, "python3 %s/tests/cli/pmtiles_test.py - --file %s %zu >&2", bench_source(), path,
             n);
    ENSURE(r.sites == n && system(command) == 0);
    bench_line("pyramid_pmtiles_gzip_4_threads", "s", took, theirs > 0 ? "tippecanoe" : NULL, theirs);
    bench_line("pyramid_tiles", "per_s", (double)r.tiles / took, NULL, 0);
    atlas_close(a);
    return 0;
}
