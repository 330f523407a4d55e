/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane scan FILE.prm: SaTScan's parameter file, its data files beside it, the answer on stdout. Nothing is ever written
 * next to the inputs or to the file's own ResultsFile; --out DIR gets tables of its own names, and may not be a folder
 * that an input or the ResultsFile lies in.
 */
#include "fane/cli.h"

#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "watch/satscan.h"
#include "wire/json_out.h"

struct scan_job {
    struct prm prm;
    struct prm_plan plan;
    struct satscan_places places;
    struct satscan_cases cases;
    struct watch_result result;
    double seconds;
};

/* A file named in the parameter file lies in that file's folder unless its path is absolute. */
static const char *beside(struct arena *mem, const char *prm, struct str name)
{
    const char *slash = strrchr(prm, '/');
    if (name.p[0] == '/' || !slash)
        return str_z(mem, name);
    return str_printf(mem, "%.*s/" STR_FMT, (int)(slash - prm), prm, STR_ARG(name)).p;
}

static enum rc job_read(struct cli *cli, const char *path, const struct cli_list *set, struct scan_job *j,
                        struct err *err)
{
    struct str text;
    TRY(file_read(path, SATSCAN_PRM_MAX, &cli->mem, &text, err));
    TRY(prm_read(str_of(path), text, &cli->mem, &j->prm, err));
    for (size_t i = 0; i < set->n; i++)
        TRY(prm_set(&j->prm, set->items[i], &cli->mem, err));
    TRY(prm_plan(&j->prm, &j->plan, err));
    const char *geo = beside(&cli->mem, path, j->plan.coordinates_file);
    TRY(file_read(geo, SATSCAN_DATA_MAX, &cli->mem, &text, err));
    TRY(satscan_read_places(str_of(geo), text, j->plan.coordinates, &cli->mem, &j->places, err));
    const char *cas = beside(&cli->mem, path, j->plan.case_file);
    TRY(file_read(cas, SATSCAN_DATA_MAX, &cli->mem, &text, err));
    return satscan_read_cases(str_of(cas), text, &j->plan, &j->places, &cli->mem, &j->cases, err);
}

static void write_cluster(struct json_out *out, struct arena *mem, const struct scan_job *j,
                          const struct watch_cluster *c)
{
    json_begin_object(out);
    json_put_f64(out, "statistic", c->statistic, 6);
    json_put_f64(out, "p", c->p, 6);
    json_put_i64(out, "rank", c->rank);
    json_put_f64(out, "gumbel_p", c->gumbel_p, 9);
    json_put_i64(out, "observed", c->observed);
    json_put_f64(out, "expected", c->expected, 6);
    json_put_str(out, "start", date_format(mem, date_from_days(c->start_day)));
    json_put_str(out, "end", date_format(mem, date_from_days(c->end_day)));
    json_put_str(out, "centre", j->places.ids[c->centre]);
    json_put_f64(out, j->plan.coordinates == WATCH_LAT_LON ? "lat" : "x", j->places.a[c->centre], 9);
    json_put_f64(out, j->plan.coordinates == WATCH_LAT_LON ? "lon" : "y", j->places.b[c->centre], 9);
    json_key(out, "members");
    json_begin_array(out);
    for (size_t i = 0; i < c->members_n; i++)
        json_str(out, j->places.ids[c->members[i]]);
    json_end_array(out);
    json_put_f64(out, "radius_km", c->radius_km, 6);
    json_put_f64(out, "span_km", c->span_km, 6);
    json_put_f64(out, "recurrence_days", c->recurrence_days, 3);
    json_end_object(out);
}

static void write_json(struct cli *cli, const struct scan_job *j, struct buf *b)
{
    struct json_out out;
    json_out_init(&out, b);
    json_begin_object(&out);
    json_key(&out, "clusters");
    json_begin_array(&out);
    for (size_t i = 0; i < j->result.clusters_n; i++)
        write_cluster(&out, &cli->mem, j, &j->result.clusters[i]);
    json_end_array(&out);
    json_put_i64(&out, "replications", j->result.replications);
    json_put_f64(&out, "seconds", j->seconds, 6);
    json_put_i64(&out, "seed", (int64_t)j->result.seed);
    json_put_i64(&out, "places", j->result.places);
    json_put_i64(&out, "cases", j->result.cases);
    json_put_i64(&out, "left_out", (int64_t)(j->cases.dropped_outside_period + j->cases.dropped_unknown_places));
    json_put_str(&out, "inputs_hash", sha256_hex(&cli->mem, j->result.inputs));
    json_end_object(&out);
    buf_add_char(b, '\n');
}

static enum rc write_table(struct arena *mem, const char *dir, const char *name, struct buf *b, struct err *err)
{
    enum rc rc = file_replace(str_printf(mem, "%s/%s", dir, name).p, buf_str(b), 0644, err);
    buf_clear(b);
    return rc;
}

static bool lies_in(struct arena *mem, const char *file, const char *dir)
{
    struct stat a, b;
    const char *slash = strrchr(file, '/');
    const char *folder = !slash ? "." : slash == file ? "/" : str_z(mem, (struct str){file, (size_t)(slash - file)});
    return stat(folder, &a) == 0 && stat(dir, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static enum rc out_check(struct cli *cli, const char *dir, const char *prm, const struct scan_job *j, struct err *err)
{
    const char *const files[] = {prm, beside(&cli->mem, prm, j->plan.case_file),
                                 beside(&cli->mem, prm, j->plan.coordinates_file),
                                 j->plan.results_file.n ? beside(&cli->mem, prm, j->plan.results_file) : prm};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (lies_in(&cli->mem, files[i], dir))
            return err_set(err, RC_INVALID, "--out %s: '%s' lies there; name another folder", dir, files[i]);
    return RC_OK;
}

static enum rc write_out(struct cli *cli, const char *dir, const struct scan_job *j, struct err *err)
{
    struct buf b;
    TRY(file_make_dir(dir, 0755, err));
    buf_init(&b, 0);
    satscan_write_clusters_csv(&j->places, &j->result, &b);
    enum rc rc = write_table(&cli->mem, dir, "clusters.csv", &b, err);
    satscan_write_members_csv(&j->places, &j->result, &b);
    if (rc == RC_OK)
        rc = write_table(&cli->mem, dir, "members.csv", &b, err);
    buf_clear(&b);
    satscan_write_maxima(&j->result, &b);
    if (rc == RC_OK)
        rc = write_table(&cli->mem, dir, "simulated-statistics.txt", &b, err);
    buf_fini(&b);
    return rc;
}

static enum rc answer(struct cli *cli, const struct scan_job *j, struct err *err)
{
    struct buf b;
    buf_init(&b, 0);
    if (cli->json)
        write_json(cli, j, &b);
    else
        satscan_write_report(&j->plan, &j->places, &j->cases, &j->result, j->seconds, &b);
    enum rc rc = cli_print(buf_str(&b), err);
    buf_fini(&b);
    return rc;
}

enum rc cmd_scan(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *file = NULL, *out = NULL;
    int64_t threads = -1;
    struct cli_list set = {0};
    size_t n = 0;
    const struct cli_option options[] = {
        {"--threads", CLI_INT, &threads}, {"--set", CLI_LIST, &set}, {"--out", CLI_TEXT, &out}};
    TRY(cli_parse(cli, argc, argv, options, sizeof options / sizeof options[0], &file, 1, &n, err));
    if (n != 1)
        return err_set(err, RC_INVALID, "name one parameter file: fane scan FILE.prm");
    if (threads < -1 || threads > WATCH_THREADS_MAX)
        return err_set(err, RC_INVALID, "--threads must be from 0 (all) to %d", WATCH_THREADS_MAX);
    int64_t from = clock_monotonic_us();
    struct scan_job *j = ARENA_NEW(&cli->mem, struct scan_job);
    TRY(job_read(cli, file, &set, j, err));
    if (out)
        TRY(out_check(cli, out, file, j, err));
    if (threads >= 0)
        j->plan.params.threads = (uint32_t)threads;
    struct watch_points points = {j->plan.coordinates, j->places.n, j->places.a, j->places.b};
    struct watch_cases cases = {j->cases.n, j->cases.at};
    cli_progress("scanning %zu places, %u replications", j->places.n, j->plan.params.replications);
    enum rc rc = watch_scan_stp(&points, &cases, &j->plan.params, &cli->mem, &j->result, err);
    cli_progress_end();
    TRY(rc);
    j->seconds = (double)(clock_monotonic_us() - from) / 1e6;
    if (out)
        TRY(write_out(cli, out, j, err));
    return answer(cli, j, err);
}
