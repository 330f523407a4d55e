/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A copy of the database as it is at one moment, while others go on reading and writing.
 */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include "store/store.h"

typedef void (*store_backup_progress)(void *ctx, int64_t pages_done, int64_t pages);

/* Copies one snapshot into a new file at path (made anew, mode 0600, not synced): no commit is in it by half. Neither
 * waits for the writer nor holds it up; the write-ahead log is not reused until the copy is whole. progress may be NULL.
 * Errors: RC_UNSUPPORTED on PostgreSQL, which has tools of its own for this; RC_IO. What is at path afterwards is then
 * not to be used. */
MUST_CHECK enum rc store_backup(struct store *st, const char *path, store_backup_progress progress, void *ctx,
                                struct err *err);

#endif
