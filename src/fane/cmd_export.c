/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane export sites|incidents --format geojson|csv
 */
#include "fane/cli.h"

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
static enum rc target_open(struct cli *cli, const char *path, struct target *t, struct err *err)
{
    *t = (struct target){.file = stdout, .path = path};
    if (!path)
        return RC_OK;
    t->temporary = str_z(&cli->mem, str_printf(&cli->mem, "%s.part", path));
    t->file = fopen(t->temporary, "wbx");
    if (!t->file)
        return err_set(err, RC_IO, "cannot make %s: %s", t->temporary, strerror(errno));
    return RC_OK;
}

static enum rc target_close(struct target *t, enum rc rc, struct err *err)
{
    if (rc == RC_OK && fflush(t->file) != 0)
        rc = err_set(err, RC_IO, "cannot write: %s", strerror(errno));
    if (!t->path)
        return rc;
    if (rc == RC_OK && fsync(fileno(t->file)) != 0)
        rc = err_set(err, RC_IO, "cannot fsync %s: %s", t->temporary, strerror(errno));
    fclose(t->file);
    if (rc == RC_OK && rename(t->temporary, t->path) != 0)
        rc = err_set(err, RC_IO, "cannot rename %s: %s", t->temporary, strerror(errno));
    if (rc != RC_OK)
        unlink(t->temporary);
    return rc;
}

struct exported {
    int64_t rows;
    struct sha256 digest;
};

static enum rc export_sites(struct instance *in, const struct export_words *w, bool is_geojson,
                            const struct geo_box *box, const struct viewer *viewer, struct target *t,
                            struct exported *out, struct err *err)
{
    struct sites_export_options opt = {.format = is_geojson ? SITES_EXPORT_GEOJSON : SITES_EXPORT_CSV, .guard = true};
    struct sites_export_report r;
    if (w->bbox) {
        opt.filter.has_box = true;
        opt.filter.box = *box;
    }
    TRY(sites_export(in->store, &opt, viewer, write_bytes, t, &r, err));
    *out = (struct exported){r.rows, r.digest};
    return RC_OK;
}

static enum rc export_incidents(struct instance *in, const struct export_words *w, bool is_geojson,
                                const struct geo_box *box, const struct viewer *viewer, struct target *t,
                                struct exported *out, struct err *err)
{
    struct incident_filter filter = {.context = w->context};
    struct incident_export_report r;
    if (w->bbox) {
        filter.has_box = true;
        filter.box = *box;
    }
    TRY(incidents_export(in->store, viewer, &filter, is_geojson ? INCIDENT_EXPORT_GEOJSON : INCIDENT_EXPORT_CSV,
                         write_str, t, &r, err));
    *out = (struct exported){r.rows, r.digest};
    return RC_OK;
}

static enum rc export_to(struct cli *cli, struct instance *in, const char *what, const struct export_words *w,
                         const struct geo_box *box, struct err *err)
{
    bool is_geojson = strcmp(w->format, "geojson") == 0, is_sites = strcmp(what, "sites") == 0;
    struct viewer viewer;
    struct target t;
    struct exported done = {0};
    TRY(viewer_read(in, w->account, &viewer, err));
    TRY(target_open(cli, w->out, &t, err));
    enum rc rc = is_sites ? export_sites(in, w, is_geojson, box, &viewer, &t, &done, err)
                          : export_incidents(in, w, is_geojson, box, &viewer, &t, &done, err);
    TRY(target_close(&t, rc, err));
    struct str digest = sha256_hex(&cli->mem, done.digest);
    fprintf(stderr, "%lld rows, SHA-256 " STR_FMT "\n", (long long)done.rows, STR_ARG(digest));
    return RC_OK;
}

enum rc cmd_export(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct export_words w = {.format = "geojson"};
    const struct cli_option options[] = {{"--format", CLI_TEXT, &w.format}, {"--bbox", CLI_TEXT, &w.bbox},
                                         {"--out", CLI_TEXT, &w.out},       {"--as", CLI_TEXT, &w.account},
                                         {"--context", CLI_FLAG, &w.context}};
    const char *what = "";
    size_t n;
    struct instance in;
    struct geo_box box = {0};
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), &what, 1, &n, err));
    if (strcmp(what, "sites") != 0 && strcmp(what, "incidents") != 0)
        return err_set(err, RC_INVALID, "say what: fane export sites, or fane export incidents");
    if (strcmp(w.format, "gpkg") == 0)
        return err_set(err, RC_UNSUPPORTED, "GeoPackage is not written by this version; --format geojson or csv");
    if (strcmp(w.format, "geojson") != 0 && strcmp(w.format, "csv") != 0)
        return err_set(err, RC_INVALID, "--format must be geojson or csv, not '%s'", w.format);
    if (w.bbox)
        TRY(box_read(w.bbox, &box, err));
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    in.is_looking = true;
    enum rc rc = export_to(cli, &in, what, &w, &box, err);
    instance_close(&in);
    return rc;
}
