/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane import sites|incidents|areas FILE|-
 */
#include "fane/cli.h"

#include "base/file.h"
#include "flow/imports.h"
#include "flow/search.h"
#include "sites/import_changes.h"
#include "sites/join.h"

#include <stdio.h>
#include <string.h>

enum { MAP_BYTES_MAX = 64 * 1024 };

struct import_words {
    const char *format, *map, *source, *licence, *changes;
    bool context, dry_run, no_join;
    int64_t threads;
};

static void rejected(void *ctx, int64_t line, struct str id, const char *reason)
{
    (void)ctx;
    cli_progress_end();
    if (line > 0)
        fprintf(stderr, "rejected line %lld%s" STR_FMT ": %s\n", (long long)line, id.n ? " " : "", STR_ARG(id), reason);
    else
        fprintf(stderr, "rejected " STR_FMT ": %s\n", STR_ARG(id), reason);
}

static void rejected_area(void *ctx, int64_t line, const char *reason)
{
    rejected(ctx, line, STR(""), reason);
}

/* What the line of progress needs: the rate is that of the last seconds, as what an interrupted run had read goes by at
 * once. */
struct import_clock {
    enum import_phase phase;
    int64_t window_us;
    uint64_t window_done;
    double rate; /* bytes or records a second; 0: not known yet */
};
enum { RATE_WINDOW_US = 2000000, RATE_FIRST_US = 200000 };

static void clock_turn(struct import_clock *c, enum import_phase phase, uint64_t done)
{
    int64_t now = clock_monotonic_us(), window = now - c->window_us;
    if (c->window_us == 0 || phase != c->phase || done < c->window_done) {
        *c = (struct import_clock){.phase = phase, .window_us = now, .window_done = done};
    } else if (window >= RATE_WINDOW_US || (c->rate == 0 && window >= RATE_FIRST_US)) {
        c->rate = (double)(done - c->window_done) * 1e6 / (double)window;
        c->window_us = now;
        c->window_done = done;
    }
}

/* "reading 41 %, 412 MB/s, about 3 s left", "applying 7 %, 81,000 sites/s, about 40 s left" */
static void progress(void *ctx, enum import_phase phase, uint64_t done, uint64_t total)
{
    struct import_clock *c = ctx;
    clock_turn(c, phase, done);
    const char *what = phase == IMPORT_READING ? "reading" : "applying";
    double share = total ? 100.0 * (double)done / (double)total : 0;
    if (c->rate <= 0 || !total)
        cli_progress("%s %3.0f %%", what, share);
    else
        cli_progress("%s %3.0f %%, %.0f %s, about %.0f s left", what, share,
                     phase == IMPORT_READING ? c->rate / 1e6 : c->rate, phase == IMPORT_READING ? "MB/s" : "sites/s",
                     (double)(total - (done < total ? done : total)) / c->rate);
}

static enum rc print_json(struct buf *b, struct err *err)
{
    buf_add_char(b, '\n');
    enum rc rc = cli_print(buf_str(b), err);
    buf_fini(b);
    return rc;
}

static enum rc sites_print(const struct cli *cli, const struct sites_import_report *r, struct err *err)
{
    struct buf b;
    buf_init(&b, 0);
    if (cli->json) {
        struct json_out j;
        json_out_init(&j, &b);
        sites_import_report_json(&j, r);
        return print_json(&b, err);
    }
    buf_printf(&b,
               "%lld read, %lld sites: %lld added, %lld updated, %lld unchanged; %lld gone, %lld rejected; %.2f s\n",
               (long long)r->read, (long long)r->sites, (long long)r->added, (long long)r->updated,
               (long long)r->unchanged, (long long)r->gone, (long long)r->rejected, r->seconds);
    if (r->resumed)
        buf_printf(&b, "  %8lld blobs of the file had been read by the run that was interrupted\n",
                   (long long)r->resumed);
    if (r->unplaced)
        buf_printf(
            &b, "  %8lld of them where they stood before, or as near as known: the change file lacks nodes of them\n",
            (long long)r->unplaced);
    for (size_t i = 0; i < r->classes_n; i++)
        buf_printf(&b, "  %8lld %s\n", (long long)r->by_class[i].n, r->by_class[i].code);
    enum rc rc = cli_print(buf_str(&b), err);
    buf_fini(&b);
    return rc;
}

/* The import, and what it changed in a file that is open before it begins: a typing error costs no hours. */
static enum rc sites_import_told(struct store *st, const char *path, const struct import_words *w,
                                 const struct sites_file_options *opt, struct sites_import_report *report,
                                 struct err *err)
{
    struct changes_file *f = NULL;
    int64_t n;
    if (!w->changes)
        return sites_import_file(st, path, opt, report, err);
    if (w->dry_run)
        return err_set(err, RC_INVALID, "--changes tells what was changed; a --dry-run changes nothing");
    TRY(changes_open(w->changes, &f, err));
    enum rc rc = sites_import_file(st, path, opt, report, err);
    if (rc == RC_OK)
        rc = changes_write(f, st, report->release, &n, err);
    changes_close(f);
    return rc;
}

static void joining(void *ctx, const char *what, int64_t done, int64_t total)
{
    (void)ctx;
    cli_progress("%s %lld of %lld", what, (long long)done, (long long)total);
}

/* What came in may be what another source has told of already. */
static enum rc sites_join(struct instance *in, struct err *err)
{
    struct joins_report report;
    struct joins_options opt = {.progress = joining};
    enum rc rc = joins_run(in->store, &opt, &report, err);
    cli_progress_end();
    if (rc != RC_OK) {
        err_add(err, "the import is complete, joining it with other sources is not: fane join run");
        return rc;
    }
    if (report.joined + report.opened > 0)
        fprintf(stderr, "%lld joined with records of other sources, %lld put before a person: fane join list\n",
                (long long)report.joined, (long long)report.opened);
    return RC_OK;
}

static enum rc import_sites(struct cli *cli, struct instance *in, const char *path, const struct import_words *w,
                            struct err *err)
{
    struct sites_import_report report;
    struct import_clock turn = {0};
    struct sites_file_options opt = {.journal_dir = str_printf(&cli->mem, "%s/import", in->dir).p,
                                     .format = w->format,
                                     .map = w->map,
                                     .import = {.source = str_of(w->source),
                                                .licence = str_of(w->licence),
                                                .dry_run = w->dry_run,
                                                .progress = progress,
                                                .rejected = rejected,
                                                .ctx = &turn}};
    opt.threads = (size_t)w->threads;
    TRY(sites_import_told(in->store, path, w, &opt, &report, err));
    cli_progress_end();
    bool is_changed = !w->dry_run && report.added + report.updated + report.gone > 0;
    if (is_changed && !w->no_join)
        TRY(sites_join(in, err));
    if (is_changed)
        TRY(flow_images_follow(in->store, in->dir, err));
    return sites_print(cli, &report, err);
}

static void incident_progress(void *ctx, int64_t done, int64_t total)
{
    (void)ctx;
    cli_progress("linking %lld of %lld", (long long)done, (long long)total);
}

static enum rc incidents_print(const struct cli *cli, const struct incident_import_report *r, double seconds,
                               struct err *err)
{
    struct buf b;
    buf_init(&b, 0);
    if (cli->json) {
        struct json_out j;
        json_out_init(&j, &b);
        json_begin_object(&j);
        json_put_i64(&j, "read", r->read);
        json_put_i64(&j, "incidents", r->incidents);
        json_put_i64(&j, "added", r->added);
        json_put_i64(&j, "updated", r->updated);
        json_put_i64(&j, "unchanged", r->unchanged);
        json_put_i64(&j, "rejected", r->rejected);
        json_put_i64(&j, "linked", r->linked);
        json_put_f64(&j, "seconds", seconds, 3);
        json_end_object(&j);
        return print_json(&b, err);
    }
    buf_printf(&b,
               "%lld read, %lld kept: %lld added, %lld updated, %lld unchanged; %lld linked, %lld rejected; %.2f s\n",
               (long long)r->read, (long long)r->incidents, (long long)r->added, (long long)r->updated,
               (long long)r->unchanged, (long long)r->linked, (long long)r->rejected, seconds);
    enum rc rc = cli_print(buf_str(&b), err);
    buf_fini(&b);
    return rc;
}

static enum rc import_incidents(struct cli *cli, struct instance *in, const char *path, const struct import_words *w,
                                struct err *err)
{
    struct incident_import_report report;
    struct incident_import_options opt = {.source = str_of(w->source),
                                          .licence = str_of(w->licence),
                                          .is_context = w->context,
                                          .dry_run = w->dry_run,
                                          .reject = rejected};
    int64_t began = clock_monotonic_us();
    if (w->format && strcmp(w->format, "ucdp-ged") == 0)
        opt.format = INCIDENT_UCDP_GED;
    else if (w->format && strcmp(w->format, "csv") == 0)
        opt.format = INCIDENT_CSV;
    else
        return err_set(err, RC_INVALID, "--format must be ucdp-ged or csv");
    if (w->map)
        TRY(file_read(w->map, MAP_BYTES_MAX, &cli->mem, &opt.map_json, err));
    TRY(flow_import_incidents(in->store, path, &opt, incident_progress, &report, err));
    cli_progress_end();
    return incidents_print(cli, &report, (double)(clock_monotonic_us() - began) / 1e6, err);
}

static enum rc import_areas(const struct cli *cli, struct instance *in, const char *path, struct err *err)
{
    struct areas_report r;
    struct areas *areas;
    int64_t changed = 0;
    struct buf b;
    struct json_out j;
    TRY(areas_import_file(in->store, path, rejected_area, NULL, &r, err));
    TRY(areas_load(in->store, &areas, err));
    enum rc rc = areas_assign(in->store, areas, &changed, err);
    areas_free(areas);
    if (rc != RC_OK)
        return rc;
    buf_init(&b, 0);
    if (!cli->json) {
        buf_printf(
            &b, "%lld read, %lld areas: %lld countries, %lld divisions; %lld rejected; %lld sites placed anew; %.2f s",
            (long long)r.read, (long long)r.areas, (long long)r.countries, (long long)r.admin1, (long long)r.rejected,
            (long long)changed, r.seconds);
        return print_json(&b, err);
    }
    json_out_init(&j, &b);
    json_begin_object(&j);
    json_put_i64(&j, "read", r.read);
    json_put_i64(&j, "areas", r.areas);
    json_put_i64(&j, "countries", r.countries);
    json_put_i64(&j, "admin1", r.admin1);
    json_put_i64(&j, "rejected", r.rejected);
    json_put_i64(&j, "sites_changed", changed);
    json_put_f64(&j, "seconds", r.seconds, 3);
    json_end_object(&j);
    return print_json(&b, err);
}

enum rc cmd_import(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct import_words w = {0};
    const struct cli_option options[] = {
        {"--format", CLI_TEXT, &w.format},   {"--map", CLI_TEXT, &w.map},         {"--changes", CLI_TEXT, &w.changes},
        {"--source", CLI_TEXT, &w.source},   {"--licence", CLI_TEXT, &w.licence}, {"--context", CLI_FLAG, &w.context},
        {"--dry-run", CLI_FLAG, &w.dry_run}, {"--threads", CLI_INT, &w.threads},  {"--no-join", CLI_FLAG, &w.no_join}};
    const char *words[2];
    size_t n;
    struct instance in;
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), words, 2, &n, err));
    if (n != 2)
        return err_set(err, RC_INVALID, "say what and which file: fane import sites|incidents|areas FILE");
    if (w.threads < 0 || w.threads > 256)
        return err_set(err, RC_INVALID, "--threads wants 1 to 256");
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    enum rc rc;
    if (strcmp(words[0], "sites") == 0)
        rc = import_sites(cli, &in, words[1], &w, err);
    else if (strcmp(words[0], "incidents") == 0)
        rc = import_incidents(cli, &in, words[1], &w, err);
    else if (strcmp(words[0], "areas") == 0)
        rc = import_areas(cli, &in, words[1], err);
    else
        rc = err_set(err, RC_INVALID, "cannot import '%s'; sites, incidents or areas", words[0]);
    instance_close(&in);
    return rc;
}
