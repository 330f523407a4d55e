/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane export tiles --format pmtiles: the whole pyramid for a static host. What the public may see, whoever asks.
 */
#include "fane/cli.h"

#include "flow/atlas.h"
#include "sites/sites.h"
#include "tiles/pmtiles.h"

#include <stdio.h>
#include <string.h>

enum { THREADS_MAX = 256 };

static enum rc write_pyramid(struct cli *cli, struct instance *in, const char *path, size_t threads, struct err *err)
{
    struct pmtiles_options opt = {.name = STR("Fane: religious sites"), .threads = threads};
    struct pmtiles_report r;
    struct atlas *a;
    TRY(sites_attribution(in->store, &cli->mem, &opt.attribution, err));
    TRY(flow_atlas_open(in->store, in->dir, &a, NULL, err));
    enum rc rc = pmtiles_write(a, path, &opt, &r, err);
    atlas_close(a);
    TRY(rc);
    fprintf(stderr, "%llu sites, %llu tiles, %llu bytes, SHA-256 " STR_FMT "\n", (unsigned long long)r.sites,
            (unsigned long long)r.tiles, (unsigned long long)r.bytes, STR_ARG(sha256_hex(&cli->mem, r.digest)));
    return RC_OK;
}

enum rc cmd_export_tiles(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *format = "pmtiles", *out = NULL, *what = "";
    int64_t threads = 0;
    const struct cli_option options[] = {
        {"--format", CLI_TEXT, &format}, {"--out", CLI_TEXT, &out}, {"--threads", CLI_INT, &threads}};
    size_t n;
    struct instance in;
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), &what, 1, &n, err));
    if (strcmp(format, "pmtiles") != 0)
        return err_set(err, RC_INVALID, "--format of tiles must be pmtiles, not '%s'", format);
    if (!out)
        return err_set(err, RC_INVALID, "tiles are written to a file: name it with --out");
    if (threads < 0 || threads > THREADS_MAX)
        return err_set(err, RC_INVALID, "--threads wants 0 (all) to %d", THREADS_MAX);
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    in.is_looking = true;
    enum rc rc = write_pyramid(cli, &in, out, (size_t)threads, err);
    instance_close(&in);
    return rc;
}
