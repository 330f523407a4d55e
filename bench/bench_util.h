/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What the programs of bench/ share: the points file, questions drawn from it, medians, a peer run as a child process,
 * and the JSON lines. Points: pts.bin (f64 lon, lat) in $FANE_BENCH_DIR, default /tmp/fane-bench, made there when it is
 * missing; node peers find their packages there too. A missing peer is said on standard error and leaves its figure
 * out.
 */
#ifndef BENCH_BENCH_UTIL_H
#define BENCH_BENCH_UTIL_H

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "geo/index.h"

enum { BENCH_RUNS = 3 };

struct bench_point {
    double lon, lat;
};

static inline const char *bench_dir(void)
{
    const char *d = getenv("FANE_BENCH_DIR");
    return d ? d : "/tmp/fane-bench";
}

static inline const char *bench_source(void)
{
    const char *d = getenv("FANE_SOURCE");
    return d ? d : ".";
}

static inline void bench_path(char out[1024], const char *name)
{
    snprintf(out, 1024, "%s/%s", bench_dir(), name);
}

/* Where there is no file of points: 20,000 places of very unequal size in the inhabited parts of the earth, each
 * scattered around its middle, some of it far. Fixed seed, so that every machine measures the same. */
static inline void bench_make_points(const char *path, size_t n)
{
    enum { PLACES = 20000 };
    static const double parts[][4] = {{68, 8, 90, 31},    {-10, 36, 30, 58},  {-124, 27, -70, 48},  {95, -9, 126, 20},
                                      {100, 22, 141, 41}, {-17, -34, 40, 15}, {-110, -34, -38, 30}, {30, 22, 60, 41}};
    static double x[PLACES], y[PLACES], sum[PLACES];
    struct prng r;
    prng_seed(&r, 20);
    for (size_t i = 0; i < PLACES; i++) {
        const double *p = parts[prng_below(&r, sizeof parts / sizeof *parts)];
        x[i] = p[0] + prng_unit(&r) * (p[2] - p[0]);
        y[i] = p[1] + prng_unit(&r) * (p[3] - p[1]);
        sum[i] = (i ? sum[i - 1] : 0) + pow((double)i + 1, -0.85);
    }
    FILE *f = fopen(path, "wb");
    ENSURE(f != NULL);
    for (size_t i = 0; i < n; i++) {
        double at = prng_unit(&r) * sum[PLACES - 1], spread = prng_below(&r, 7) ? 1 : 12;
        size_t lo = 0, hi = PLACES - 1;
        while (lo < hi) {
            size_t mid = (lo + hi) / 2;
            if (sum[mid] < at)
                lo = mid + 1;
            else
                hi = mid;
        }
        spread *= 0.012 + 0.22 * pow((double)lo + 1, -0.425);
        struct bench_point p = {fmax(-179.9, fmin(179.9, x[lo] + spread * prng_normal(&r))),
                                fmax(-84, fmin(84, y[lo] + 0.8 * spread * prng_normal(&r)))};
        p = (struct bench_point){geo_e7(p.lon) / 1e7, geo_e7(p.lat) / 1e7};
        ENSURE(fwrite(&p, sizeof p, 1, f) == 1);
    }
    ENSURE(fclose(f) == 0);
}

static inline struct bench_point *bench_points(size_t *n)
{
    char path[1024];
    bench_path(path, "pts.bin");
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "bench: making 1.5 million points in %s\n", path);
        ENSURE(mkdir(bench_dir(), 0700) == 0 || errno == EEXIST);
        bench_make_points(path, 1500000);
    }
    FILE *f = fopen(path, "rb");
    ENSURE(f != NULL);
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f) / sizeof(struct bench_point);
    rewind(f);
    struct bench_point *p = mem_array(*n, sizeof *p);
    ENSURE(fread(p, sizeof *p, *n, f) == *n);
    fclose(f);
    return p;
}

static inline void bench_save(const char *name, const void *data, size_t bytes)
{
    char path[1024];
    bench_path(path, name);
    FILE *f = fopen(path, "wb");
    ENSURE(f && fwrite(data, 1, bytes, f) == bytes && fclose(f) == 0);
}

static inline int bench_by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static inline int bench_by_cell(const void *a, const void *b)
{
    const struct bench_point *p = a, *q = b;
    uint64_t x = geo_cell_of((struct geo_point){p->lat, p->lon}), y = geo_cell_of((struct geo_point){q->lat, q->lon});
    return (x > y) - (x < y);
}

/* In the order of their cells, as the registry gives its sites to the atlas: names of neighbours are then neighbours in
 * memory too. */
static inline void bench_sort_by_cell(struct bench_point *p, size_t n)
{
    qsort(p, n, sizeof *p, bench_by_cell);
}

/* The points as an index in Morton order. */
struct bench_index {
    uint64_t *cells;
    int32_t *lat, *lon;
    struct geo_index_block *blocks;
    struct geo_index ix;
};

static inline void bench_index_make(const struct bench_point *p, size_t n, struct bench_index *out)
{
    struct {
        uint64_t cell, i;
    } *keys = mem_array(n, sizeof *keys);
    for (size_t i = 0; i < n; i++) {
        keys[i].cell = geo_cell_of((struct geo_point){p[i].lat, p[i].lon});
        keys[i].i = i;
    }
    qsort(keys, n, sizeof *keys, bench_by_key);
    out->lat = mem_array(n, sizeof *out->lat);
    out->lon = mem_array(n, sizeof *out->lon);
    out->cells = mem_array(n, sizeof *out->cells);
    for (size_t i = 0; i < n; i++) {
        out->cells[i] = keys[i].cell;
        out->lat[i] = geo_e7(p[keys[i].i].lat);
        out->lon[i] = geo_e7(p[keys[i].i].lon);
    }
    free(keys);
    size_t blocks_n;
    out->blocks = geo_index_build(out->cells, out->lat, out->lon, n, 0, &blocks_n);
    ENSURE(geo_index_init(&out->ix, out->lat, out->lon, n, out->blocks, blocks_n));
}

static inline int bench_by_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double bench_median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, bench_by_double);
    return v[n / 2];
}

/* Runs `node SCRIPT ARGS` from bench/peers with the packages of the bench folder and reads `name value` pairs from its
 * standard output: out[i] for names[i]. False when the peer cannot run here. */
static inline bool bench_peer(const char *script, const char *args, const char *const *names, double *out, size_t n)
{
    char cmd[4096], line[512], key[64];
    size_t got = 0;
    snprintf(cmd, sizeof cmd, "cp %s/bench/peers/%s %s/ 2>/dev/null && cd %s && node %s %s", bench_source(), script,
             bench_dir(), bench_dir(), script, args);
    FILE *f = popen(cmd, "r");
    double v;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%63s %lf", key, &v) == 2)
            for (size_t i = 0; i < n; i++)
                if (strcmp(key, names[i]) == 0) {
                    out[i] = v;
                    got++;
                }
    if (f && pclose(f) == 0 && got == n)
        return true;
    fprintf(stderr,
            "bench: the peer %s did not run; npm install --prefix %s supercluster@9 vt-pbf@3 "
            "geokdbush@2 kdbush@4\n",
            script, bench_dir());
    return false;
}

static inline void bench_line(const char *name, const char *unit, double ours, const char *peer_name, double peer)
{
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"ours\":%.6g", name, unit, ours);
    if (peer_name)
        printf(",\"peer_name\":\"%s\",\"peer\":%.6g,\"ratio\":%.3g", peer_name, peer, ours / peer);
    printf("}\n");
    fflush(stdout);
}

static inline double bench_peak_mb(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    double kb = 0;
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kb = strtod(line + 6, NULL);
    if (f)
        fclose(f);
    return kb / 1024;
}

#endif
