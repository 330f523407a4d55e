/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What every subcommand shares: options, the data directory, output. One file per subcommand, cmd_<name>.c, kept thin:
 * options in, a call to a flow or a room, words or JSON out.
 *   C1 stdout holds only what was asked for (with --json only the JSON); progress, rejections, counts go to stderr.
 *   C2 the exit code is rc_exit_code() of what the command returns; its err text is printed once, by main.
 */
#ifndef FANE_CLI_H
#define FANE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "ledger/ledger.h"
#include "ledger/vault.h"
#include "store/store.h"

struct cli {
    const char *data_dir; /* --data, else $FANE_DATA, else ./fane-data */
    bool json;            /* --json */
    struct arena mem;     /* lives as long as the command */
};

enum cli_kind { CLI_FLAG, CLI_TEXT, CLI_INT, CLI_REAL, CLI_LIST };
struct cli_list {
    const char *items[64];
    size_t n;
};
/* `to` points to bool, const char *, int64_t, double or struct cli_list. */
struct cli_option {
    const char *name; /* "--threads" */
    enum cli_kind kind;
    void *to;
};

/* Reads options (anywhere among the words, `--opt value` or `--opt=value`, `--` ends them) and leaves the other words in
 * words[0..*words_n). --data and --json are always known. argv[0] is the subcommand's name.
 * RC_INVALID names the unknown option, the missing value, or more than words_max words. */
MUST_CHECK enum rc cli_parse(struct cli *cli, int argc, char **argv, const struct cli_option *options, size_t options_n,
                             const char **words, size_t words_max, size_t *words_n, struct err *err);

/* The data directory, open: store migrated, ledger and vault ready. */
struct instance {
    struct store *store;
    struct ledger *ledger;
    struct vault *vault;
    const char *dir;
    bool is_looking; /* set by a command that must leave the ledger as it is: no checkpoint at the end */
};
enum instance_mode {
    INSTANCE_MAKE, /* `fane init`: creates what is missing */
    INSTANCE_OPEN  /* everybody else: RC_NOT_FOUND with the advice to run `fane init` when there is none */
};
MUST_CHECK enum rc instance_open(struct cli *cli, enum instance_mode mode, struct instance *out, struct err *err);
/* Signs a checkpoint when something was written (not when in->is_looking), then closes. */
void instance_close(struct instance *in);

/* --as ACCOUNT; NULL: the operator of the machine, whom the ledger cannot name. */
struct viewer;
MUST_CHECK enum rc cli_actor(struct instance *in, const char *account, struct viewer *out, struct err *err);

/* A line of progress on stderr when it is a terminal, at most ten times a second; NULL text ends the line. */
void cli_progress(const char *fmt, ...) PRINTF_LIKE(1, 2);
void cli_progress_end(void);
/* Writes to stdout; RC_IO when that fails (a full disk, a closed pipe). */
MUST_CHECK enum rc cli_print(struct str text, struct err *err);

struct command {
    const char *name;
    enum rc (*run)(struct cli *cli, int argc, char **argv, struct err *err);
    const char *usage; /* one line */
};
extern const struct command COMMANDS[]; /* ends with a NULL name */

enum rc cmd_init(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_serve(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_import(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_export(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_export_tiles(struct cli *cli, int argc, char **argv, struct err *err); /* of cmd_export */
enum rc cmd_join(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_near(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_search(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_scan(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_watch(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_warning(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_seed(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_backup(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_restore(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_verify(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_site(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_site_picture(struct cli *cli, int argc, char **argv, struct err *err); /* of cmd_site */
enum rc cmd_country(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_user(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_org(struct cli *cli, int argc, char **argv, struct err *err);
enum rc cmd_bench(struct cli *cli, int argc, char **argv, struct err *err);

#endif
