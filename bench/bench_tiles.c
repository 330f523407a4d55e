/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Clustered tiles of 1.5M points, one core, beside supercluster + vt-pbf (npm) on the same tiles: a point drawn at
 * random, a zoom from 0 to 14. "cold": nothing is kept from tile to tile. "ring": a margin of 320 units, as
 * supercluster's tiles have. Our features carry more (a 36-byte id, kind, class). Both must count every point in the
 * tile of zoom 0, and ours in every whole zoom looked at.
 */
#include "bench_util.h"

#include "sites/atlas.h"
#include "tiles/tiles.h"

enum { TILES = 60000, PEER_TILES = 20000 };

struct question {
    uint32_t z, x, y;
};

static struct question questions[TILES];
static double took_us[TILES];

static double build(const struct bench_point *p, size_t n, const char *path)
{
    static const char *const religions[] = {"christian", "muslim", "hindu",  "buddhist", "jewish",
                                            "shinto",    "sikh",   "taoist", "other"};
    struct prng r;
    struct err err;
    char name[40];
    prng_seed(&r, 3);
    int64_t from = clock_monotonic_us();
    struct atlas_builder *b = atlas_builder_new();
    for (size_t i = 0; i < n; i++) {
        struct atlas_site s = {.lat_deg = p[i].lat,
                               .lon_deg = p[i].lon,
                               .religion = str_of(religions[prng_below(&r, 9)]),
                               .kind = STR("CHU"),
                               .class_code = STR("place_of_worship")};
        uint64_t id[2] = {prng_u64(&r), prng_u64(&r)};
        memcpy(&s.public_id, id, sizeof id);
        s.name = (struct str){name, (size_t)snprintf(name, sizeof name, "Place of worship %zu", i + 1)};
        ENSURE(atlas_builder_add(b, &s, &err) == RC_OK);
    }
    fprintf(stderr, "gathered after %.2f s\n", (double)(clock_monotonic_us() - from) / 1e6);
    if (atlas_builder_write(b, path, STR("bench"), 0, &err) != RC_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    atlas_builder_free(b);
    return (double)(clock_monotonic_us() - from) / 1e6;
}

static void draw(const struct bench_point *p, size_t n)
{
    struct prng r;
    prng_seed(&r, 5);
    for (size_t i = 0; i < TILES; i++) {
        size_t k = prng_below(&r, n);
        struct geo_merc m = geo_merc_of((struct geo_point){p[k].lat, p[k].lon});
        uint32_t z = (uint32_t)prng_below(&r, 15);
        questions[i] = (struct question){z, m.x >> (31 - z), m.y >> (31 - z)};
    }
    bench_save("tile_questions.bin", questions, PEER_TILES * sizeof *questions);
}

/* gzip 0: none. Returns tiles/s; the 99th percentile and mean size beside it. */
static double run(struct tiles_maker *t, const struct atlas *a, uint32_t buffer, int gzip, double *p99_us,
                  double *bytes)
{
    double cpu_s = clock_cpu_s();
    int64_t from = clock_monotonic_us(), last = from;
    *bytes = 0;
    for (size_t i = 0; i < TILES; i++) {
        struct tiles_query q = {.z = (int)questions[i].z, .x = questions[i].x, .y = questions[i].y, .buffer = buffer};
        tiles_begin(t, &q);
        tiles_add_sites(t, a);
        struct str s = tiles_end(t);
        if (gzip)
            s = tiles_gzip(t, s, gzip);
        *bytes += (double)s.n / TILES;
        int64_t now = clock_monotonic_us();
        took_us[i] = (double)(now - last);
        last = now;
    }
    double rate = TILES / ((double)(last - from) / 1e6);
    fprintf(stderr, "  %.0f tiles per second of processor time\n", TILES / (clock_cpu_s() - cpu_s));
    qsort(took_us, TILES, sizeof *took_us, bench_by_double);
    *p99_us = took_us[TILES * 99 / 100];
    return rate;
}

static double run_median(struct tiles_maker *t, const struct atlas *a, const char *name, uint32_t buffer, int gzip,
                         double *p99_us)
{
    double rates[BENCH_RUNS], p99[BENCH_RUNS], bytes;
    for (int i = 0; i < BENCH_RUNS; i++)
        rates[i] = run(t, a, buffer, gzip, &p99[i], &bytes);
    *p99_us = bench_median(p99, BENCH_RUNS);
    double rate = bench_median(rates, BENCH_RUNS);
    fprintf(stderr, "%s: %.0f tiles/s, p99 %.0f us, %.0f bytes in the mean\n", name, rate, *p99_us, bytes);
    return rate;
}

static void add_count(void *ctx, const struct atlas_mark *m)
{
    *(uint64_t *)ctx += m->count;
}

static void check_counts(const struct atlas *a, size_t n)
{
    for (int z = 0; z <= 8; z++) {
        uint64_t sum = 0;
        for (uint32_t x = 0; x < UINT32_C(1) << z; x++)
            for (uint32_t y = 0; y < UINT32_C(1) << z; y++)
                atlas_tile(a, z, x, y, 0, add_count, &sum);
        ENSURE(sum == n);
    }
}

/* What the process holds now, not its peak while building. */
static double resident_mb(void)
{
    long pages = 0, skip;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &skip, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

int main(void)
{
    static const char *const names[] = {"rate", "p99_us", "load_s", "mb", "count_z0"};
    char path[1024];
    struct atlas *a;
    struct err err;
    size_t n;
    double peer[5] = {0}, p99, ring_p99;
    struct bench_point *p = bench_points(&n);
    bench_path(path, "bench.atlas");
    double load_s = build(p, n, path), peak_mb = bench_peak_mb() - (double)(n * sizeof *p) / 1e6;
    draw(p, n);
    free(p);
    double before_mb = resident_mb();
    int64_t from = clock_monotonic_us();
    ENSURE(atlas_open(path, &a, &err) == RC_OK);
    double open_s = (double)(clock_monotonic_us() - from) / 1e6;
    check_counts(a, n);
    struct tiles_maker *t = tiles_maker_new();
    double plain = run_median(t, a, "plain", 0, 0, &p99);
    double ring = run_median(t, a, "ring", TILES_RING, 0, &ring_p99);
    double gz1 = run_median(t, a, "ring, gzip 1", TILES_RING, 1, &p99);
    double gz6 = run_median(t, a, "ring, gzip 6", TILES_RING, 6, &p99);
    double serving_mb = resident_mb() - before_mb;
    bool has_peer = bench_peer("supercluster.mjs", "", names, peer, 5);
    if (has_peer && peer[4] != (double)n) {
        fprintf(stderr, "bench_tiles: the peer counts %.0f of %zu points at zoom 0\n", peer[4], n);
        return 1;
    }
    const char *who = has_peer ? "supercluster + vt-pbf" : NULL;
    bench_line("tiles_cold", "per_s", plain, NULL, 0);
    bench_line("tiles_cold_ring", "per_s", ring, who, peer[0]);
    bench_line("tiles_cold_ring_p99", "us", ring_p99, who, peer[1]);
    bench_line("tiles_cold_ring_gzip1", "per_s", gz1, NULL, 0);
    bench_line("tiles_cold_ring_gzip6", "per_s", gz6, NULL, 0);
    bench_line("tiles_build_to_fsync", "s", load_s, who, peer[2]);
    bench_line("tiles_open", "s", open_s, NULL, 0);
    bench_line("tiles_build_peak", "MB", peak_mb, who, peer[3]);
    bench_line("tiles_serving_memory", "MB", serving_mb, who, peer[3]);
    tiles_maker_free(t);
    atlas_close(a);
    return 0;
}
