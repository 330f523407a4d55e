/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See verify.h.
 */
#include "fane/verify.h"

#include <stdio.h>
#include <unistd.h>

#include "alerts/alerts.h"
#include "base/file.h"
#include "incidents/reports.h"
#include "people/people.h"
#include "sites/sites.h"
#include "sites/suggest.h"

enum { PATH_SIZE = 4096 };

enum rc verify_rows(struct store *st, struct vault *v, struct ledger *l, struct ledger_report *out, struct err *err)
{
    struct people *people = NULL;
    TRY(people_open(st, v, NULL, &people, err));
    sites_ledger_checkers(l);
    suggest_add_checkers(l);
    reports_add_checkers(l);
    warnings_add_checker(l);
    people_add_checkers(people, l);
    enum rc rc = ledger_verify(l, out, err);
    people_close(people);
    return rc;
}

struct opened {
    struct store *store;
    struct vault *vault;
    struct ledger *ledger;
};

static enum rc open_all(const char *dir, struct opened *o, struct err *err)
{
    char path[PATH_SIZE];
    if ((size_t)snprintf(path, sizeof path, "%s/fane.db", dir) >= sizeof path)
        return err_set(err, RC_INVALID, "the path is too long");
    TRY(store_open(path, NULL, &o->store, err));
    TRY(store_migrate(o->store, err));
    snprintf(path, sizeof path, "%s/keys", dir);
    TRY(file_make_dir(path, 0700, err));
    TRY(vault_open(o->store, dir, &o->vault, err));
    return ledger_open(o->store, dir, NULL, &o->ledger, err);
}

/* Keys that rooms make for themselves where there are none: nobody's, and in the way of the true ones. */
static void drop_keys(const char *dir)
{
    static const char *const NAMES[] = {"keys/master.key", "keys/vault.bin", "keys/ledger.key", "keys/ledger.pub",
                                        "keys"};
    char path[PATH_SIZE];
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, NAMES[i]) < sizeof path)
            remove(path);
}

enum rc verify_unpacked(const char *dir, struct ledger_report *out, struct err *err)
{
    struct opened o = {0};
    enum rc rc = open_all(dir, &o, err);
    if (rc == RC_OK)
        rc = verify_rows(o.store, o.vault, o.ledger, out, err);
    store_close(o.store);
    ledger_close(o.ledger);
    vault_close(o.vault);
    drop_keys(dir);
    return rc;
}
