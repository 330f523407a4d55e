/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Imports that span rooms. See imports.h.
 */
#include "flow/imports.h"

#include "base/asset.h"
#include "flow/link.h"
#include "flow/synthetic.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SEED_SOURCE  "seed"
#define SEED_LICENCE "CC0-1.0"

struct incident_world {
    struct store *st;
    struct areas *areas;
    void (*progress)(void *ctx, int64_t done, int64_t total);
};

static void locate(void *ctx, struct incident *in, struct arena *mem)
{
    const struct incident_world *w = ctx;
    struct area_place place;
    areas_locate(w->areas, (struct geo_point){in->lat_deg, in->lon_deg}, in->country, &place);
    if (in->country.n == 0)
        in->country = str_copy(mem, place.country);
    in->is_disputed |= place.is_disputed;
}

static enum rc link_one(void *ctx, struct incident *in, struct arena *mem, struct err *err)
{
    const struct incident_world *w = ctx;
    return flow_link_incident(w->st, in, mem, err);
}

static void progress_one(void *ctx, int64_t done, int64_t total)
{
    const struct incident_world *w = ctx;
    if (w->progress)
        w->progress(NULL, done, total);
}

enum rc flow_import_incidents(struct store *st, const char *path, const struct incident_import_options *opt,
                              void (*progress)(void *ctx, int64_t done, int64_t total),
                              struct incident_import_report *out, struct err *err)
{
    struct incident_world w = {.st = st, .progress = progress};
    struct incident_helpers helpers = {&w, locate, link_one, progress_one};
    TRY(areas_load(st, &w.areas, err));
    enum rc rc = incidents_import_file(st, path, opt, &helpers, out, err);
    areas_free(w.areas);
    return rc;
}

/* The registry reads files; the seed lies in the binary. */
static enum rc seed_sites(struct store *st, struct sites_import_report *out, struct err *err)
{
    char path[] = "/tmp/fane-seed-XXXXXX.csv";
    struct str csv = asset_text("data/seed/sites.csv");
    int fd = mkstemps(path, 4);
    if (fd < 0 || write(fd, csv.p, csv.n) != (ssize_t)csv.n) {
        if (fd >= 0)
            close(fd);
        unlink(path);
        return err_set(err, RC_IO, "cannot write a temporary file in /tmp");
    }
    close(fd);
    struct sites_file_options opt = {.format = "csv",
                                     .import = {.source = STR(SEED_SOURCE),
                                                .licence = STR(SEED_LICENCE),
                                                .attribution = STR("Fane seed"),
                                                .visibility = VISIBILITY_PUBLIC}};
    enum rc rc = sites_import_file(st, path, &opt, out, err);
    unlink(path);
    return rc;
}

enum rc flow_seed(struct store *st, struct flow_seed_report *out, struct err *err)
{
    struct flow_seed_report report;
    struct incident_world w = {.st = st};
    struct incident_helpers helpers = {&w, locate, link_one, NULL};
    struct incident_import_options opt = {
        .format = INCIDENT_CSV, .source = STR(SEED_SOURCE), .licence = STR(SEED_LICENCE)};
    TRY(seed_sites(st, &report.sites, err));
    TRY(areas_load(st, &w.areas, err));
    enum rc rc =
        incidents_import_seed(st, asset_text("data/seed/incidents.csv"), &opt, &helpers, &report.incidents, err);
    areas_free(w.areas);
    if (rc == RC_OK)
        *out = report;
    return rc;
}

enum rc flow_seed_synthetic(struct store *st, int64_t count, uint64_t random_seed, import_progress_fn progress,
                            struct sites_import_report *out, struct err *err)
{
    struct sites_import_options opt = {.source = STR(SYNTHETIC_SOURCE),
                                       .licence = STR(SEED_LICENCE),
                                       .attribution = STR("synthetic, stands for no real place"),
                                       .label = STR("synthetic"),
                                       .format = STR("synthetic"),
                                       .visibility = VISIBILITY_PUBLIC,
                                       .progress = progress};
    struct sites_import *im;
    char what[64];
    int n = snprintf(what, sizeof what, "synthetic %lld %llu", (long long)count, (unsigned long long)random_seed);
    TRY(sites_import_begin(st, &opt, &im, err));
    sites_import_set_digest(im, sha256_of(what, (size_t)n));
    enum rc rc = flow_synthetic_sites(count, random_seed, sites_import_sink(im), err);
    if (rc == RC_OK)
        rc = sites_import_finish(im, out, err);
    sites_import_free(im);
    return rc;
}
