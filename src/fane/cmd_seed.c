/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane seed [--synthetic N]
 */
#include "fane/cli.h"

#include "flow/search.h"
#include "flow/imports.h"

#include <stdio.h>

#define SYNTHETIC_RANDOM_SEED 1

static void progress(void *ctx, enum import_phase phase, uint64_t done, uint64_t total)
{
    (void)ctx;
    cli_progress("%s %llu of %llu", phase == IMPORT_READING ? "making" : "applying", (unsigned long long)done,
                 (unsigned long long)total);
}

static enum rc seed_print(const struct cli *cli, const struct sites_import_report *sites,
                          const struct incident_import_report *incidents, struct err *err)
{
    struct buf b;
    struct json_out j;
    buf_init(&b, 0);
    if (cli->json) {
        json_out_init(&j, &b);
        json_begin_object(&j);
        json_key(&j, "sites");
        sites_import_report_json(&j, sites);
        if (incidents) {
            json_put_i64(&j, "incidents", incidents->incidents);
            json_put_i64(&j, "linked", incidents->linked);
        }
        json_end_object(&j);
        buf_add_char(&b, '\n');
    } else {
        buf_printf(&b, "%lld sites (%lld added, %lld updated)", (long long)sites->sites, (long long)sites->added,
                   (long long)sites->updated);
        if (incidents)
            buf_printf(&b, ", %lld incidents (%lld linked to a site)", (long long)incidents->incidents,
                       (long long)incidents->linked);
        buf_add_z(&b, "\n");
    }
    enum rc rc = cli_print(buf_str(&b), err);
    buf_fini(&b);
    return rc;
}

enum rc cmd_seed(struct cli *cli, int argc, char **argv, struct err *err)
{
    int64_t synthetic = 0, random_seed = SYNTHETIC_RANDOM_SEED;
    const struct cli_option options[] = {{"--synthetic", CLI_INT, &synthetic},
                                         {"--random-seed", CLI_INT, &random_seed}};
    size_t n;
    struct instance in;
    struct flow_seed_report report;
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), NULL, 0, &n, err));
    if (synthetic < 0)
        return err_set(err, RC_INVALID, "--synthetic wants how many sites to make");
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    enum rc rc = synthetic
                     ? flow_seed_synthetic(in.store, synthetic, (uint64_t)random_seed, progress, &report.sites, err)
                     : flow_seed(in.store, &report, err);
    cli_progress_end();
    if (rc == RC_OK)
        rc = flow_images_follow(in.store, in.dir, err);
    if (rc == RC_OK)
        rc = seed_print(cli, &report.sites, synthetic ? NULL : &report.incidents, err);
    instance_close(&in);
    return rc;
}
