/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Pairs of records of different sources within 400 m, a million records of two sources, one core each: sorting and one walk
 * over Morton cells, beside PostGIS (GiST over geography, ST_DWithin on the sphere, in a self join). PostGIS did not end in
 * nine minutes for the million, so that the two are compared on the 50,000 of a strip of longitudes, as dense as the whole.
 * Ours are distances on the Mercator plane, true to a thousandth there, so the counts may differ by pairs at the very edge:
 * at most 2 in 1,000.
 *
 * usage: bench_join [RECORDS [OF THEM FOR BOTH]]
 */
#include "bench_util.h"

#include "pg_server.h"
#include "sites/join_candidates.h"

enum { RECORDS = 1000000, STRIP = 50000 };

static void on_pair(void *ctx, uint32_t a, uint32_t b)
{
    (void)a;
    (void)b;
    ++*(uint64_t *)ctx;
}

/* Which of the two sources a record is of. */
static unsigned source_of(size_t i)
{
    return (unsigned)((i * UINT64_C(0x9E3779B97F4A7C15)) >> 63);
}

static double run_ours(const struct bench_point *at, size_t n, uint64_t *pairs)
{
    struct join_point *p = mem_array(n, sizeof *p);
    int64_t from = clock_monotonic_us();
    for (size_t i = 0; i < n; i++)
        p[i] = (struct join_point){geo_cell_of((struct geo_point){at[i].lat, at[i].lon}), (uint32_t)i, source_of(i), 0};
    join_points_sort(p, n);
    *pairs = 0;
    struct join_candidates_report r = join_candidates(p, n, on_pair, pairs);
    double seconds = (double)(clock_monotonic_us() - from) / 1e6;
    ENSURE(r.crowded == 0);
    free(p);
    return seconds;
}

/* One statement by psql; the first number it prints. */
static double sql(const char *url, const char *statement, double *seconds)
{
    char cmd[4096], line[256] = "";
    snprintf(
        cmd, sizeof cmd,
        "psql -X -q -At -v ON_ERROR_STOP=1 -c \"SET max_parallel_workers_per_gather=0\" -c "
        "\"SET max_parallel_maintenance_workers=0\" -c \"SET work_mem='256MB'\" -c \"SET maintenance_work_mem='256MB'\" "
        "-c \"%s\" '%s'",
        statement, url);
    int64_t from = clock_monotonic_us();
    FILE *f = popen(cmd, "r");
    if (!f || !fgets(line, sizeof line, f))
        line[0] = 0;
    if (f && pclose(f) != 0)
        return -1;
    *seconds = (double)(clock_monotonic_us() - from) / 1e6;
    return strtod(line, NULL);
}

static bool run_peer(const struct bench_point *at, size_t n, double *load_s, double *join_s, double *pairs)
{
    char path[1024], copy[2048];
    double s;
    if (!pg_server_is_there())
        return false;
    const char *url = pg_server_new_database();
    bench_path(path, "join.csv");
    FILE *f = fopen(path, "w");
    ENSURE(f != NULL);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%zu,%u,SRID=4326;POINT(%.7f %.7f)\n", i, source_of(i), at[i].lon, at[i].lat);
    ENSURE(fclose(f) == 0);
    if (sql(url, "CREATE EXTENSION postgis", &s) < 0)
        return false;
    snprintf(copy, sizeof copy, "\\copy p FROM '%s' CSV", path);
    *load_s = 0;
    if (sql(url, "CREATE TABLE p (id int, source int, g geography(Point, 4326))", &s) < 0 || sql(url, copy, &s) < 0)
        return false;
    *load_s += s;
    if (sql(url, "CREATE INDEX ON p USING gist (g)", &s) < 0)
        return false;
    *load_s += s;
    if (sql(url, "ANALYZE p", &s) < 0)
        return false;
    *load_s += s;
    *pairs = sql(url,
                 "SELECT count(*) FROM p a JOIN p b ON ST_DWithin(a.g, b.g, 400, false) WHERE a.id < b.id AND a.source "
                 "<> b.source",
                 join_s);
    remove(path);
    return *pairs >= 0;
}

static int by_longitude(const void *a, const void *b)
{
    const struct bench_point *x = a, *y = b;
    return x->lon < y->lon ? -1 : x->lon > y->lon;
}

static double median_ours(const struct bench_point *p, size_t n, uint64_t *pairs)
{
    double ours[BENCH_RUNS];
    for (int i = 0; i < BENCH_RUNS; i++)
        ours[i] = run_ours(p, n, pairs);
    fprintf(stderr, "%zu records, %llu pairs\n", n, (unsigned long long)*pairs);
    return bench_median(ours, BENCH_RUNS);
}

int main(int argc, char **argv)
{
    size_t have, n = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : RECORDS;
    size_t strip = argc > 2 ? (size_t)strtoull(argv[2], NULL, 10) : STRIP;
    struct bench_point *p = bench_points(&have);
    double load_s = 0, join_s = 0, found = 0;
    uint64_t pairs = 0;
    n = n < have ? n : have;
    strip = strip < n ? strip : n;
    double before_mb = bench_peak_mb(), million_s = median_ours(p, n, &pairs), mb = bench_peak_mb() - before_mb;
    qsort(p, n, sizeof *p, by_longitude);
    const struct bench_point *in_strip = p + (n - strip) / 2;
    double seconds = median_ours(in_strip, strip, &pairs);
    bool has_peer = run_peer(in_strip, strip, &load_s, &join_s, &found);
    if (!has_peer)
        fprintf(stderr, "bench: PostGIS did not run; apt-get install postgresql-15-postgis-3\n");
    if (has_peer && fabs(found - (double)pairs) > 0.002 * (double)pairs)
        return fprintf(stderr, "bench_join: PostGIS finds %.0f pairs\n", found), 1;
    if (has_peer)
        fprintf(stderr, "PostGIS: %.1f s to load and index besides; %.0f pairs\n", load_s, found);
    bench_line("join_candidates_million", "s", million_s, NULL, 0);
    bench_line("join_candidates_strip", "s", seconds, has_peer ? "PostGIS ST_DWithin self join" : NULL, join_s);
    bench_line("join_candidates_peak_mb", "mb", mb, NULL, 0);
    free(p);
    return 0;
}
