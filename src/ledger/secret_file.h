/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Private to the ledger: files that hold a secret, made once, mode 0600, whole or not at all.
 */
#ifndef LEDGER_SECRET_FILE_H
#define LEDGER_SECRET_FILE_H

#include "base/err.h"
#include "base/str.h"

/* Makes path with bytes, fsynced with its folder. RC_CONFLICT when it is there already (whoever made it won). */
MUST_CHECK enum rc secret_file_make(const char *path, struct str bytes, struct err *err);
/* Reads at most size bytes; RC_NOT_FOUND when there is none, RC_DENIED when others may read it. */
MUST_CHECK enum rc secret_file_read(const char *path, char *out, size_t size, size_t *n, struct err *err);

#endif
