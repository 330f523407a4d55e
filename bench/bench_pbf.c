/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Religious sites with geometry out of a PBF file, beside two programs on the same file and the same filter, run as
 * children: osmium tags-filter with references, which copies the objects out, and osm2pgsql (flex output), which builds
 * their geometry and loads it into PostgreSQL. MB are compressed bytes. The answers agree when we and osmium find the same
 * number of objects with amenity=place_of_worship; osm2pgsql finds 3 in 100 fewer, why is not
 * known; its number is printed.
 *   bench_pbf FILE.osm.pbf [THREADS] [RUNS]        FILE: tools/make-bench-pbf.sh
 * BENCH_NO_PEER=1 leaves the peers out. Beside the reader alone stands the whole import, as `fane import sites` makes it: digest,
 * journal, ledger, a fresh SQLite registry, to the last fsync; osm2pgsql is compared with that.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/asset.h"
#include "base/clock.h"
#include "base/file.h"
#include "ledger/ledger.h"
#include "pg_server.h"
#include "sites/import.h"
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

/* --- the whole import ----------------------------------------------------------------------------------------------- */

static void must(enum rc rc, const struct err *err)
{
    if (rc == RC_OK)
        return;
    fprintf(stderr, "bench_pbf: %s\n", err->text);
    exit(1);
}

static double imported(const char *path, size_t threads, struct sites_import_report *r)
{
    char dir[] = "/tmp/fane-bench-XXXXXX", db[64], keys[64], roots[64], journals[64], command[80];
    struct store *st;
    struct ledger *ledger;
    struct err err;
    if (!mkdtemp(dir))
        exit(1);
    snprintf(db, sizeof db, "%s/fane.db", dir);
    snprintf(keys, sizeof keys, "%s/keys", dir);
    snprintf(roots, sizeof roots, "%s/ledger", dir);
    snprintf(journals, sizeof journals, "%s/import", dir);
    must(file_make_dir(keys, 0700, &err), &err);
    must(file_make_dir(roots, 0700, &err), &err);
    must(store_open(db, NULL, &st, &err), &err);
    must(store_migrate(st, &err), &err);
    must(ledger_open(st, dir, "bench.example/ledger", &ledger, &err), &err);
    struct sites_file_options o = {
        .threads = threads, .journal_dir = journals, .import = {.source = STR("bench"), .temp_dir = dir}};
    int64_t from = clock_monotonic_us();
    must(sites_import_file(st, path, &o, r, &err), &err);
    double s = (double)(clock_monotonic_us() - from) / 1e6;
    store_close(st);
    ledger_close(ledger);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command) == 0 ? s : -1;
}

static double import_print(const char *path, size_t threads, double mb, const struct tally *t)
{
    struct sites_import_report r;
    struct rusage self;
    double s = imported(path, threads, &r);
    getrusage(RUSAGE_SELF, &self);
    printf(
        "{\"name\":\"pbf_import\",\"n\":%lld,\"threads\":%zu,\"mb\":%.1f,\"s\":%.3f,\"mb_per_s\":%.1f,\"peak_bytes\":%lld}\n",
        (long long)r.added, threads, mb, s, mb / s, (long long)self.ru_maxrss * 1024);
    fflush(stdout);
    if (r.added != t->drafts) {
        fprintf(stderr, "bench_pbf: %lld sites imported of %lld\n", (long long)r.added, (long long)t->drafts);
        exit(1);
    }
    return s;
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

/* --- osm2pgsql ------------------------------------------------------------------------------------------------------ */

static const char LUA_HEAD[] =
    "local t = osm2pgsql.define_table({name = 'site', ids = {type = 'any', type_column = 'osm_type', id_column = 'osm_id'},\n"
    "  columns = {{column = 'worship', type = 'bool'}, {column = 'name', type = 'text'},\n"
    "             {column = 'geom', type = 'geometry', projection = 4326}}})\nlocal wanted = {\n";
static const char LUA_TAIL[] =
    "}\nlocal function take(o, make)\n"
    "  for key, value in pairs(o.tags) do\n"
    "    local w = wanted[key]\n"
    "    if w == true or (w and w[value]) then\n"
    "      t:insert({worship = o.tags.amenity == 'place_of_worship', name = o.tags.name, geom = make(o)})\n"
    "      return\n    end\n  end\nend\n"
    "function osm2pgsql.process_node(o) take(o, function(x) return x:as_point() end) end\n"
    "function osm2pgsql.process_way(o)\n"
    "  take(o, function(x) if x.is_closed then return x:as_polygon() end return x:as_linestring() end)\nend\n"
    "function osm2pgsql.process_relation(o)\n"
    "  take(o, function(x) if x.tags.type == 'multipolygon' or x.tags.type == 'boundary' then return x:as_multipolygon() end "
    "return nil end)\nend\n";

/* The first filter as a table of keys; neighbours in the list share keys. */
static void lua_write(const json_t *filter, FILE *f)
{
    struct str last = STR(""), key, value;
    fputs(LUA_HEAD, f);
    for (size_t i = 0; i < json_array_size(filter); i++) {
        bool has_value = str_cut(str_of(json_string_value(json_array_get(filter, i))), '=', &key, &value);
        if (last.n && !(has_value && str_is_equal(key, last)))
            fputs("},\n", f);
        if (!has_value)
            fprintf(f, "  ['" STR_FMT "'] = true,\n", STR_ARG(key));
        else if (!str_is_equal(key, last))
            fprintf(f, "  ['" STR_FMT "'] = {", STR_ARG(key));
        if (has_value)
            fprintf(f, "['" STR_FMT "'] = true, ", STR_ARG(value));
        last = has_value ? key : STR("");
    }
    fprintf(f, "%s%s", last.n ? "},\n" : "", LUA_TAIL);
}

static bool lua_make(const char *path)
{
    json_t *doc;
    struct err err;
    FILE *f = fopen(path, "w");
    if (!f || json_in_object(asset_text("data/religious-features.json"), 1 << 20, &doc, &err) != RC_OK)
        return false;
    lua_write(json_object_get(doc, "first_filter"), f);
    json_decref(doc);
    return fclose(f) == 0;
}

/* Seconds, or -1 when osm2pgsql or PostGIS is not there. *worship: what it found. */
static double loader(const char *path, size_t threads, int64_t *worship)
{
    char lua[] = "/tmp/fane-bench-XXXXXX.lua", processes[40];
    int fd = mkstemps(lua, 4), null = open("/dev/null", O_WRONLY);
    double s = -1;
    if (system("osm2pgsql --version >/dev/null 2>&1") != 0 || fd < 0 || !lua_make(lua) || !pg_server_is_there())
        return -1;
    const char *db = pg_server_new_database();
    const char *postgis[] = {"psql", "-qX", "-d", db, "-c", "CREATE EXTENSION postgis", NULL};
    snprintf(processes, sizeof processes, "--number-processes=%zu", threads);
    const char *load[] = {"osm2pgsql",
                          "--log-level=error",
                          "--log-progress=false",
                          "-d",
                          db,
                          "-O",
                          "flex",
                          "-S",
                          lua,
                          "-C",
                          "2000",
                          processes,
                          path,
                          NULL};
    const char *count[] = {"psql", "-qXtA", "-d", db, "-c", "SELECT count(*) FROM site WHERE worship", NULL};
    FILE *out = tmpfile();
    if (out && child(postgis, null) >= 0 && (s = child(load, null)) >= 0 && child(count, fileno(out)) >= 0) {
        rewind(out);
        if (fscanf(out, "%" SCNd64, worship) != 1)
            s = -1;
    }
    if (out)
        fclose(out);
    unlink(lua);
    close(fd);
    close(null);
    return s;
}

/* --- both ------------------------------------------------------------------------------------------------------------ */

static int64_t peer_worship(const char *path)
{
    const char *argv[] = {
        "osmium", "tags-filter", "--no-progress", "-R", "-f", "opl", "-o", "-", path, "amenity=place_of_worship", NULL};
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
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
           (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* False when its answer is another one. */
static bool peers_run(const char *path, size_t threads, int runs, double mine, double import, double mb,
                      const struct tally *t)
{
    double theirs[RUNS_MAX];
    struct rusage children;
    int64_t worship = 0;
    for (int i = 0; i < runs; i++)
        if ((theirs[i] = peer(path)) < 0) {
            fprintf(stderr, "bench_pbf: osmium is not installed, no peer\n");
            return true;
        }
    qsort(theirs, (size_t)runs, sizeof *theirs, compare);
    getrusage(RUSAGE_CHILDREN, &children);
    double p = theirs[runs / 2];
    printf("{\"name\":\"pbf_sites\",\"peer\":\"osmium tags-filter\",\"s\":%.3f,\"mb_per_s\":%.1f,\"cpu_s\":%.3f,"
           "\"peak_bytes\":%lld,\"ratio\":%.2f}\n",
           p, mb / p, cpu_s(&children) / runs, (long long)children.ru_maxrss * 1024, p / mine);
    fflush(stdout);
    if ((worship = peer_worship(path)) != t->worship) {
        fprintf(stderr, "bench_pbf: %lld places of worship, osmium finds %lld\n", (long long)t->worship,
                (long long)worship);
        return false;
    }
    if ((p = loader(path, threads, &worship)) < 0) {
        fprintf(stderr, "bench_pbf: osm2pgsql or PostGIS is not installed, one peer only\n");
        return true;
    }
    printf(
        "{\"name\":\"pbf_import\",\"peer\":\"osm2pgsql flex\",\"s\":%.3f,\"mb_per_s\":%.1f,\"worship\":%lld,\"our_worship\":%lld,"
        "\"ratio\":%.2f}\n",
        p, mb / p, (long long)worship, (long long)t->worship, p / import);
    return true;
}

int main(int argc, char **argv)
{
    struct stat st;
    struct tally t = {0};
    struct rusage self;
    double mine[RUNS_MAX];
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
    double s = mine[runs / 2], cpu = cpu_s(&self) / runs;
    printf("{\"name\":\"pbf_sites\",\"n\":%lld,\"areas\":%lld,\"threads\":%zu,\"mb\":%.1f,\"s\":%.3f,\"mb_per_s\":%.1f,"
           "\"cpu_s\":%.3f,\"mb_per_cpu_s\":%.1f,\"peak_bytes\":%lld}\n",
           (long long)t.drafts, (long long)t.areas, threads, mb, s, mb / s, cpu, mb / cpu,
           (long long)self.ru_maxrss * 1024);
    fflush(stdout);
    if (self.ru_maxrss > PEAK_MAX_KB) {
        fprintf(stderr, "bench_pbf: over 200 MB of memory\n");
        return 1;
    }
    double import = import_print(argv[1], threads, mb, &t);
    return getenv("BENCH_NO_PEER") || peers_run(argv[1], threads, runs, s, import, mb, &t) ? 0 : 1;
}
