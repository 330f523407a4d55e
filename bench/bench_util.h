/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What the programs of bench/ share: the points file, questions drawn from it, medians, a peer run as a child process,
 * and the JSON lines. Points: pts.bin (f64 lon, lat) in $FANE_BENCH_DIR, default /tmp/fane-bench; node peers find their
 * packages there too. A missing peer is said on standard error and leaves its figure out.
 */
#ifndef BENCH_BENCH_UTIL_H
#define BENCH_BENCH_UTIL_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static inline struct bench_point *bench_points(size_t *n)
{
    char path[1024];
    bench_path(path, "pts.bin");
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "bench: no %s; make it there: cc -O2 points.c -lm -o points && ./points 1500000\n", path);
        exit(77);
    }
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
    fprintf(stderr, "bench: the peer %s did not run; its npm packages belong in %s\n", script, bench_dir());
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
