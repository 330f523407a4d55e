/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Religious sites with geometry out of a PBF file, beside osmium tags-filter with references on the same file and the
 * same filter (run as a child). MB are compressed bytes. The answers agree when both find the same number of objects with
 * amenity=place_of_worship.
 *   bench_pbf FILE.osm.pbf [THREADS] [RUNS]        FILE: tools/make-bench-pbf.sh
 * BENCH_NO_PEER=1 leaves osmium out.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/asset.h"
#include "base/clock.h"
#include "sites/osm.h"
#include "wire/json_in.h"

enum { RUNS_MAX = 9, ARGS_MAX = 400, PEAK_MAX_KB = 200 * 1024 };

struct tally {
    int64_t drafts, worship, areas;
    double sum; /* of places: the work cannot be left out */
};

static enum rc on_draft(void *ctx, const struct site_draft *d, struct err *err)
{
    struct tally *t = ctx;
    (void)err;
    t->drafts++;
    t->worship += str_is_equal(d->class_code, STR("place_of_worship"));
    t->areas += d->footprint_wkb.n > 0;
    t->sum += d->lat_deg + d->lon_deg + (double)d->names_n;
    return RC_OK;
}

static double ours(const char *path, size_t threads, struct tally *t)
{
    struct site_sink sink = {.draft = on_draft, .ctx = t};
    struct osm_options opt = {.threads = threads};
    struct site_read_count count;
    struct err err;
    *t = (struct tally){0};
    int64_t from = clock_monotonic_us();
    if (sites_read_osm(path, OSM_FORMAT_PBF, &opt, &sink, &count, &err) != RC_OK) {
        fprintf(stderr, "bench_pbf: %s\n", err.text);
        exit(1);
    }
    return (double)(clock_monotonic_us() - from) / 1e6;
}

/* Runs a command; out_fd takes its standard output. Seconds, or -1 when it cannot be run. */
static double child(const char *const *argv, int out_fd)
{
    int64_t from = clock_monotonic_us();
    pid_t pid = fork();
    if (pid == 0) {
        if (out_fd >= 0)
            dup2(out_fd, STDOUT_FILENO);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return -1;
    return (double)(clock_monotonic_us() - from) / 1e6;
}

/* The first filter as osmium likes it best: values of one key in one expression. Neighbours in the list share keys. */
static int expressions(const json_t *filter, struct arena *mem, const char **argv, int n)
{
    struct str last = STR(""), key, value;
    for (size_t i = 0; i < json_array_size(filter) && n < ARGS_MAX - 1; i++) {
        struct str entry = str_of(json_string_value(json_array_get(filter, i)));
        if (str_cut(entry, '=', &key, &value) && str_is_equal(key, last))
            argv[n - 1] = str_printf(mem, "%s," STR_FMT, argv[n - 1], STR_ARG(value)).p;
        else
            argv[n++] = str_z(mem, entry);
        last = value.n ? key : STR("");
    }
    return n;
}

static double peer(const char *path)
{
    static const char *argv[ARGS_MAX] = {"osmium", "tags-filter", "--no-progress", "--overwrite", "-o", NULL};
    char out[] = "/tmp/fane-bench-peer-XXXXXX.osm.pbf";
    json_t *doc;
    struct arena mem;
    struct err err;
    int n = 6, fd = mkstemps(out, 8);
    if (fd < 0 || json_in_object(asset_text("data/religious-features.json"), 1 << 20, &doc, &err) != RC_OK)
        return -1;
    arena_init(&mem);
    argv[5] = out;
    argv[n++] = path;
    n = expressions(json_object_get(doc, "first_filter"), &mem, argv, n);
    argv[n] = NULL;
    double s = child(argv, -1);
    unlink(out);
    close(fd);
    arena_fini(&mem);
    json_decref(doc);
    return s;
}

static int64_t peer_worship(const char *path)
{
    const char *argv[] = {"osmium", "tags-filter", "--no-progress", "-R", "-f", "opl", "-o", "-", path,
                          "amenity=place_of_worship", NULL};
    FILE *f = tmpfile();
    int64_t lines = 0;
    if (!f || child(argv, fileno(f)) < 0)
        return -1;
    rewind(f);
    for (int c; (c = getc(f)) != EOF;)
        lines += c == '\n';
    fclose(f);
    return lines;
}

/* Processor seconds: what a busy machine does not change. */
static double cpu_s(const struct rusage *u)
{
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) + (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    struct stat st;
    struct tally t = {0};
    struct rusage self, children;
    double mine[RUNS_MAX], theirs[RUNS_MAX];
    if (argc < 2 || stat(argv[1], &st) != 0) {
        fprintf(stderr, "bench_pbf: FILE.osm.pbf [THREADS] [RUNS]; make the file with tools/make-bench-pbf.sh\n");
        return argc < 2 ? 2 : 0;
    }
    size_t threads = argc > 2 ? (size_t)atoi(argv[2]) : 4;
    int runs = argc > 3 ? atoi(argv[3]) : 3;
    runs = runs < 1 ? 1 : runs > RUNS_MAX ? RUNS_MAX : runs;
    double mb = (double)st.st_size / 1e6;
    for (int i = 0; i < runs; i++)
        mine[i] = ours(argv[1], threads, &t);
    qsort(mine, (size_t)runs, sizeof *mine, compare);
    getrusage(RUSAGE_SELF, &self);
    double s = mine[runs / 2];
    printf("{\"name\":\"pbf_sites\",\"n\":%lld,\"areas\":%lld,\"threads\":%zu,\"mb\":%.1f,\"s\":%.3f,\"mb_per_s\":%.1f,"
           "\"cpu_s\":%.3f,\"peak_bytes\":%lld}\n", (long long)t.drafts, (long long)t.areas, threads, mb, s, mb / s,
           cpu_s(&self) / runs, (long long)self.ru_maxrss * 1024);
    fflush(stdout);
    if (self.ru_maxrss > PEAK_MAX_KB) {
        fprintf(stderr, "bench_pbf: over 200 MB of memory\n");
        return 1;
    }
    if (getenv("BENCH_NO_PEER"))
        return 0;
    for (int i = 0; i < runs; i++)
        if ((theirs[i] = peer(argv[1])) < 0) {
            fprintf(stderr, "bench_pbf: osmium is not installed, no peer\n");
            return 0;
        }
    qsort(theirs, (size_t)runs, sizeof *theirs, compare);
    getrusage(RUSAGE_CHILDREN, &children);
    double p = theirs[runs / 2];
    int64_t worship = peer_worship(argv[1]);
    printf("{\"name\":\"pbf_sites\",\"peer\":\"osmium tags-filter\",\"s\":%.3f,\"mb_per_s\":%.1f,\"cpu_s\":%.3f,"
           "\"peak_bytes\":%lld,\"ratio\":%.2f}\n", p, mb / p, cpu_s(&children) / runs,
           (long long)children.ru_maxrss * 1024, p / s);
    if (worship != t.worship) {
        fprintf(stderr, "bench_pbf: %lld places of worship, osmium finds %lld\n", (long long)t.worship, (long long)worship);
        return 1;
    }
    return 0;
}
