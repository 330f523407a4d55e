/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane restore. All is unpacked, checked and synced in a folder beside its place, then gets its name by one rename: there
 * is no moment at which a data directory is there by half.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fane/bundle.h"
#include "fane/verify.h"

static enum rc sync_parent_of(const char *path, struct arena *mem, struct err *err)
{
    struct str p = str_of(path), head = STR_NONE;
    while (p.n > 1 && p.p[p.n - 1] == '/')
        p.n--;
    for (size_t i = 0; i < p.n; i++)
        if (p.p[i] == '/')
            head = str_slice(p, 0, i ? i : 1);
    return file_sync_dir(head.n ? str_z(mem, head) : ".", err);
}

/* rename(2) takes the place of an empty folder, and of nothing else. */
static enum rc put_in_place(const char *from, const char *to, struct arena *mem, struct err *err)
{
    if (rename(from, to) == 0)
        return sync_parent_of(to, mem, err);
    if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
        return err_set(err, RC_CONFLICT, "%s is not empty: restore into a folder that is new or empty", to);
    return err_set(err, RC_IO, "cannot make %s: %s", to, strerror(errno));
}

static enum rc check_free(const char *dir, struct err *err)
{
    if (!file_is_there(dir) || rmdir(dir) == 0) /* an empty folder may go: it is made again */
        return RC_OK;
    return err_set(err, RC_CONFLICT, "%s is not empty: restore into a folder that is new or empty", dir);
}

static enum rc restore_data(struct cli *cli, const char *path, const char *scratch, struct err *err)
{
    struct bundle b;
    struct ledger_report report;
    TRY(bundle_read(path, scratch, &b, err));
    TRY(verify_unpacked(scratch, &report, err));
    TRY(file_make_dir(str_printf(&cli->mem, "%s/ledger", scratch).p, 0700, err));
    TRY(file_make_dir(str_printf(&cli->mem, "%s/atlas", scratch).p, 0700, err));
    TRY(file_sync_dir(str_printf(&cli->mem, "%s/ledger", scratch).p, err));
    TRY(file_sync_dir(scratch, err));
    return put_in_place(scratch, cli->data_dir, &cli->mem, err);
}

static enum rc restore_keys(struct cli *cli, const char *path, const char *scratch, struct err *err)
{
    struct bundle b;
    const char *keys = str_printf(&cli->mem, "%s/keys", scratch).p;
    TRY(bundle_read(path, scratch, &b, err));
    TRY(file_sync_dir(keys, err));
    return put_in_place(keys, str_printf(&cli->mem, "%s/keys", cli->data_dir).p, &cli->mem, err);
}

static enum rc restore(struct cli *cli, const char *path, struct err *err)
{
    struct bundle b;
    const char *scratch;
    TRY(bundle_read(path, NULL, &b, err)); /* nothing is made before all of it has been read */
    const char *to = b.kind == BUNDLE_KEYS ? str_printf(&cli->mem, "%s/keys", cli->data_dir).p : cli->data_dir;
    if (b.kind == BUNDLE_KEYS && !file_is_there(cli->data_dir))
        return err_set(err, RC_NOT_FOUND, "%s is not there: restore the data first, then its keys", cli->data_dir);
    TRY(check_free(to, err));
    TRY(bundle_scratch_make(to, &cli->mem, &scratch, err));
    enum rc rc = b.kind == BUNDLE_KEYS ? restore_keys(cli, path, scratch, err) : restore_data(cli, path, scratch, err);
    bundle_scratch_drop(scratch); /* what has found its place is not there any more */
    TRY(rc);
    const char *next = b.kind == BUNDLE_KEYS ? "" : "; now its keys: fane restore KEYS-FILE";
    return cli->json
               ? cli_print(str_printf(&cli->mem, "{\"kind\":\"%s\"}\n", b.kind == BUNDLE_KEYS ? "keys" : "data"), err)
               : cli_print(str_printf(&cli->mem, "restored %s%s\n", to, next), err);
}

enum rc cmd_restore(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *path = NULL;
    size_t n;
    TRY(cli_parse(cli, argc, argv, NULL, 0, &path, 1, &n, err));
    if (n == 0)
        return err_set(err, RC_INVALID, "fane restore wants the file to read: fane restore FILE [--data DIR]");
    return restore(cli, path, err);
}
