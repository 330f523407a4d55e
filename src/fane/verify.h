/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What `fane verify` checks, of a data directory and of a backup's members unpacked in a folder.
 */
#ifndef FANE_VERIFY_H
#define FANE_VERIFY_H

#include "fane/cli.h"

/* Every room's rows against the ledger. */
MUST_CHECK enum rc verify_rows(struct store *st, struct vault *v, struct ledger *l, struct ledger_report *out,
                               struct err *err);
/* A folder with fane.db and ledger/checkpoint of a backup: brings the database to this program's schema, then
 * verify_rows. Afterwards nothing but these two is in it. */
MUST_CHECK enum rc verify_unpacked(const char *dir, struct ledger_report *out, struct err *err);

#endif
