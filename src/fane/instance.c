/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A data directory: fane.db, or a file `store` that holds a postgresql:// URL; keys/, ledger/, atlas/.
 */
#include "fane/cli.h"

#include "base/file.h"
#include "base/log.h"
#include "sites/visibility.h"

enum { STORE_URL_MAX = 4096, DIR_MODE = 0700 };

static const char *path_of(struct cli *cli, const char *name)
{
    return str_printf(&cli->mem, "%s/%s", cli->data_dir, name).p;
}

/* Where the database is: the URL in DIR/store, else DIR/fane.db. */
static enum rc store_where(struct cli *cli, const char **out, struct err *err)
{
    const char *pointer = path_of(cli, "store");
    if (!file_is_there(pointer)) {
        *out = path_of(cli, "fane.db");
        return RC_OK;
    }
    struct str url;
    TRY(file_read(pointer, STORE_URL_MAX, &cli->mem, &url, err));
    url = str_trim(url);
    if (!str_starts_with(url, STR("postgresql://")) && !str_starts_with(url, STR("postgres://")))
        return err_set(err, RC_INVALID, "%s must hold one line, a postgresql:// URL", pointer);
    *out = str_z(&cli->mem, url);
    return RC_OK;
}

static enum rc dir_make(struct cli *cli, struct err *err)
{
    static const char *const FOLDERS[] = {"keys", "ledger", "atlas"};
    TRY(file_make_dir(cli->data_dir, DIR_MODE, err));
    for (size_t i = 0; i < sizeof FOLDERS / sizeof FOLDERS[0]; i++)
        TRY(file_make_dir(path_of(cli, FOLDERS[i]), DIR_MODE, err));
    return file_sync_dir(cli->data_dir, err);
}

enum rc instance_open(struct cli *cli, enum instance_mode mode, struct instance *out, struct err *err)
{
    struct instance in = {.dir = cli->data_dir};
    const char *where = NULL;
    TRY(store_where(cli, &where, err));
    bool is_there = file_is_there(path_of(cli, "keys"));
    /* New keys would be made for data that others seal: what comes next could be read with neither. */
    if (!is_there && file_is_there(where))
        return err_set(
            err, RC_NOT_FOUND,
            "%s has no keys: restore them with: fane restore KEYS-FILE --data %s (where they are lost, make the "
            "folder %s/keys: then it opens with new ones, and what was sealed cannot be read)",
            cli->data_dir, cli->data_dir, cli->data_dir);
    if (mode == INSTANCE_OPEN && !is_there)
        return err_set(err, RC_NOT_FOUND, "no data directory at %s; make one with: fane init --data %s", cli->data_dir,
                       cli->data_dir);
    if (mode == INSTANCE_MAKE)
        TRY(dir_make(cli, err));
    else
        TRY(file_make_dir(path_of(cli, "atlas"), DIR_MODE, err)); /* may be deleted whole (I4) */
    enum rc rc = store_open(where, NULL, &in.store, err);
    if (rc == RC_OK)
        rc = store_migrate(in.store, err);
    if (rc == RC_OK)
        rc = vault_open(in.store, cli->data_dir, &in.vault, err);
    if (rc == RC_OK)
        rc = ledger_open(in.store, cli->data_dir, "fane.local", &in.ledger, err);
    if (rc == RC_OK)
        rc = visibility_settle(in.store, err);
    if (rc == RC_OK)
        *out = in;
    else
        instance_close(&in);
    return rc;
}

void instance_close(struct instance *in)
{
    struct err err;
    if (in->ledger && !in->is_looking && ledger_checkpoint(in->ledger, &err) != RC_OK)
        log_line(LOG_WARN, "ledger.checkpoint", "error=\"%s\"", err.text);
    store_close(in->store); /* its writer calls into the ledger and the vault, so it goes first */
    ledger_close(in->ledger);
    vault_close(in->vault);
    *in = (struct instance){0};
}
