/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane export sites|incidents --format geojson|csv|gpkg
 */
#include "fane/cli.h"

#include "base/file.h"
#include "incidents/incidents.h"
#include "people/people.h"
#include "sites/export.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct export_words {
    const char *format, *bbox, *out, *account;
    bool context;
};

/* W,S,E,N */
static enum rc box_read(const char *text, struct geo_box *out, struct err *err)
{
    double side[4];
    struct str rest = str_of(text), one;
    for (int i = 0; i < 4; i++) {
        bool more = str_cut(rest, ',', &one, &rest);
        if (more != (i < 3) || !str_parse_f64(str_trim(one), &side[i]))
            return err_set(err, RC_INVALID, "--bbox wants west,south,east,north in degrees, not '%s'", text);
    }
    return geo_box_make(side[0], side[1], side[2], side[3], out, err);
}

static enum rc viewer_read(struct instance *in, const char *account, struct viewer *out, struct err *err)
{
    struct people *p;
    *out = VIEWER_PUBLIC;
    if (!account)
        return RC_OK;
    TRY(people_open(in->store, in->vault, NULL, &p, err));
    enum rc rc = people_find_viewer(p, str_of(account), out, err);
    people_close(p);
    return rc;
}

struct target {
    FILE *file;
    const char *path; /* NULL: standard output */
    char *temporary;
};

static enum rc write_bytes(void *ctx, const void *data, size_t n, struct err *err)
{
    struct target *t = ctx;
    if (fwrite(data, 1, n, t->file) != n)
        return err_set(err, RC_IO, "cannot write %s: %s", t->path ? t->path : "to standard output", strerror(errno));
    return RC_OK;
}

static enum rc write_str(void *ctx, struct str bytes, struct err *err)
{
    return write_bytes(ctx, bytes.p ? bytes.p : "", bytes.n, err);
}

/* A named file appears whole or not at all. */
static enum rc target_open(struct cli *cli, const char *path, bool is_stream, struct target *t, struct err *err)
{
    *t = (struct target){.file = stdout, .path = path};
    if (!path)
        return RC_OK;
    t->temporary = str_z(&cli->mem, str_printf(&cli->mem, "%s.part", path));
    t->file = is_stream ? fopen(t->temporary, "wbx") : NULL;
    if (!is_stream) /* whoever writes it makes, syncs and on failure removes it */
        return RC_OK;
    if (!t->file)
        return err_set(err, RC_IO, "cannot make %s: %s", t->temporary, strerror(errno));
    return RC_OK;
}

static enum rc sync_folder(struct cli *cli, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    struct str folder = slash ? (struct str){path, slash == path ? 1 : (size_t)(slash - path)} : STR(".");
    return file_sync_dir(str_z(&cli->mem, folder), err);
}

static enum rc target_close(struct cli *cli, struct target *t, enum rc rc, struct err *err)
{
    if (t->file && rc == RC_OK && fflush(t->file) != 0)
        rc = err_set(err, RC_IO, "cannot write: %s", strerror(errno));
    if (!t->path)
        return rc;
    if (t->file && rc == RC_OK && fsync(fileno(t->file)) != 0)
        rc = err_set(err, RC_IO, "cannot fsync %s: %s", t->temporary, strerror(errno));
    if (t->file)
        fclose(t->file);
    if (rc != RC_OK) {
        if (t->file) /* else whoever wrote it has removed it, or it was somebody else's */
            unlink(t->temporary);
        return rc;
    }
    if (rename(t->temporary, t->path) == 0)
        return sync_folder(cli, t->path, err);
    rc = err_set(err, RC_IO, "cannot rename %s: %s", t->temporary, strerror(errno));
    unlink(t->temporary);
    return rc;
}

struct exported {
    int64_t rows;
    struct sha256 digest;
};

struct job {
    struct instance *in;
    const struct export_words *words;
    struct geo_box box;
    struct viewer viewer;
    struct target target;
    struct exported done;
};

static bool is_format(const struct job *x, const char *format)
{
    return strcmp(x->words->format, format) == 0;
}

static enum rc export_sites(struct job *x, struct err *err)
{
    struct sites_export_options opt = {.format = is_format(x, "csv") ? SITES_EXPORT_CSV : SITES_EXPORT_GEOJSON,
                                       .guard = true};
    struct sites_export_report r;
    opt.filter.has_box = x->words->bbox != NULL;
    opt.filter.box = x->box;
    if (is_format(x, "gpkg"))
        TRY(sites_export_gpkg(x->in->store, &opt.filter, &x->viewer, x->target.temporary, &r, err));
    else
        TRY(sites_export(x->in->store, &opt, &x->viewer, write_bytes, &x->target, &r, err));
    x->done = (struct exported){r.rows, r.digest};
    return RC_OK;
}

static enum rc export_incidents(struct job *x, struct err *err)
{
    struct incident_filter filter = {.context = x->words->context, .has_box = x->words->bbox != NULL, .box = x->box};
    enum incident_export_format format = is_format(x, "csv") ? INCIDENT_EXPORT_CSV : INCIDENT_EXPORT_GEOJSON;
    struct incident_export_report r;
    if (is_format(x, "gpkg"))
        TRY(incidents_export_gpkg(x->in->store, &x->viewer, &filter, x->target.temporary, &r, err));
    else
        TRY(incidents_export(x->in->store, &x->viewer, &filter, format, write_str, &x->target, &r, err));
    x->done = (struct exported){r.rows, r.digest};
    return RC_OK;
}

static enum rc export_to(struct cli *cli, struct job *x, const char *what, struct err *err)
{
    TRY(viewer_read(x->in, x->words->account, &x->viewer, err));
    TRY(target_open(cli, x->words->out, !is_format(x, "gpkg"), &x->target, err));
    enum rc rc = strcmp(what, "sites") == 0 ? export_sites(x, err) : export_incidents(x, err);
    TRY(target_close(cli, &x->target, rc, err));
    struct str digest = sha256_hex(&cli->mem, x->done.digest);
    fprintf(stderr, "%lld rows, SHA-256 " STR_FMT "\n", (long long)x->done.rows, STR_ARG(digest));
    return RC_OK;
}

static enum rc words_check(const struct export_words *w, const char *what, struct err *err)
{
    static const char *const FORMATS[] = {"geojson", "csv", "gpkg"};
    bool is_known = false;
    for (size_t i = 0; i < SA_N(FORMATS); i++)
        is_known = is_known || strcmp(w->format, FORMATS[i]) == 0;
    if (strcmp(what, "sites") != 0 && strcmp(what, "incidents") != 0)
        return err_set(err, RC_INVALID, "say what: fane export sites, fane export incidents, or fane export tiles");
    if (!is_known)
        return err_set(err, RC_INVALID, "--format must be geojson, csv or gpkg, not '%s'", w->format);
    if (strcmp(w->format, "gpkg") == 0 && !w->out)
        return err_set(err, RC_INVALID, "a GeoPackage is a database and cannot be streamed: name a file with --out");
    return RC_OK;
}

enum rc cmd_export(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct export_words w = {.format = "geojson"};
    const struct cli_option options[] = {{"--format", CLI_TEXT, &w.format},
                                         {"--bbox", CLI_TEXT, &w.bbox},
                                         {"--out", CLI_TEXT, &w.out},
                                         {"--as", CLI_TEXT, &w.account},
                                         {"--context", CLI_FLAG, &w.context}};
    const char *what = "";
    size_t n;
    struct instance in;
    struct job job = {.in = &in, .words = &w};
    if (argc > 1 && strcmp(argv[1], "tiles") == 0)
        return cmd_export_tiles(cli, argc, argv, err);
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), &what, 1, &n, err));
    TRY(words_check(&w, what, err));
    if (w.bbox)
        TRY(box_read(w.bbox, &job.box, err));
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    in.is_looking = true;
    enum rc rc = export_to(cli, &job, what, err);
    instance_close(&in);
    return rc;
}
