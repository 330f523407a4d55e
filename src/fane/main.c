/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane: one binary, subcommands. Prints the error of a failed command once and turns its rc into the exit code.
 */
#include "fane/cli.h"

#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef FANE_VERSION
#error "the build sets FANE_VERSION"
#endif

const struct command COMMANDS[] = {
    {"init", cmd_init, "init                                    make a data directory (again is harmless)"},
    {"serve", cmd_serve, "serve [--listen ADDR:PORT]              API, map and workers in one process"},
    {"import", cmd_import, "import sites|incidents|areas FILE|-     read a source into the store; see fane-import(1)"},
    {"export", cmd_export, "export sites|incidents --format F       write what the public may see (or all, with --as)"},
    {"join", cmd_join, "join run|list|same|different|undo ID     the same site from several sources"},
    {"near", cmd_near, "near LAT LON [--n 10]                   nearest sites"},
    {"search", cmd_search, "search TEXT [--near LAT,LON] [--n 10]   sites by name, place, faith, kind or code"},
    {"scan", cmd_scan, "scan FILE.prm                           space-time scan of SaTScan's own files"},
    {"watch", cmd_watch, "watch run [--as-of DATE]                scan what is in the store; drafts warnings"},
    {"warning", cmd_warning, "warning list|approve ID|reject ID       decide on drafted warnings"},
    {"seed", cmd_seed, "seed [--synthetic N]                    load the seed, or N synthetic sites"},
    {"verify", cmd_verify, "verify [--bundle FILE]                  check the ledger and what it covers"},
    {"backup", cmd_backup,
     "backup [--keys] FILE                    one file of the data, or apart from it of the keys"},
    {"restore", cmd_restore, "restore FILE                            a data directory, or its keys, from a backup"},
    {"site", cmd_site,
     "site hide|coarse|show|picture ...        who may see a site (kept over every import); its pictures"},
    {"country", cmd_country, "country unpublish|publish ISO2|list     a whole country's sites"},
    {"user", cmd_user, "user add|list|password|role|disable     accounts"},
    {"org", cmd_org, "org add|list                            organisations"},
    {"bench", cmd_bench, "bench NAME                              measure this machine"},
    {NULL, NULL, NULL},
};

static void usage(FILE *to)
{
    fputs("usage: fane COMMAND [OPTIONS] [--data DIR] [--json]\n\n", to);
    for (const struct command *c = COMMANDS; c->name; c++)
        fprintf(to, "  fane %s\n", c->usage);
    fputs("\n--data DIR is the data directory (else $FANE_DATA, else ./fane-data).\n", to);
}

static const struct command *command_find(const char *name)
{
    for (const struct command *c = COMMANDS; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a closed reader is an error of write(2), not the end of us */
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        usage(argc < 2 ? stderr : stdout);
        return argc < 2 ? rc_exit_code(RC_INVALID) : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("fane " FANE_VERSION);
        return 0;
    }
    const struct command *c = command_find(argv[1]);
    if (!c) {
        fprintf(stderr, "fane: no command '%s'\n", argv[1]);
        usage(stderr);
        return rc_exit_code(RC_INVALID);
    }
    const char *data = getenv("FANE_DATA");
    struct cli cli = {.data_dir = data && data[0] ? data : "./fane-data"};
    struct err err = {0};
    arena_init(&cli.mem);
    log_set_level(strcmp(c->name, "serve") == 0 ? LOG_INFO : LOG_WARN); /* a command's words are its own */
    enum rc rc = c->run(&cli, argc - 1, argv + 1, &err);
    cli_progress_end();
    if (rc != RC_OK)
        fprintf(stderr, "fane %s: %s\n", c->name, err.text);
    arena_fini(&cli.mem);
    return rc_exit_code(rc);
}
