/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Whole files: read with a cap, map read-only, replace atomically and durably (write, fsync, rename, fsync folder).
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

MUST_CHECK enum rc file_read(const char *path, size_t cap, struct arena *mem, struct str *out, struct err *err);
MUST_CHECK enum rc file_replace(const char *path, struct str bytes, int mode, struct err *err);
MUST_CHECK enum rc file_make_dir(const char *path, int mode, struct err *err); /* ok when it is there */
MUST_CHECK enum rc file_sync_dir(const char *path, struct err *err);
bool file_is_there(const char *path);

struct file_map {
    const unsigned char *p;
    size_t n;
};
MUST_CHECK enum rc file_map_open(const char *path, struct file_map *out, struct err *err); /* read-only, shared */
void file_map_close(struct file_map *m);

/* For an image that takes long to write and that two programs may be making: opens tmp, empty, with a lock that the caller
 * holds until it closes *fd, which it does after file_put_in_place. The second waits for the first. */
MUST_CHECK enum rc file_open_alone(const char *tmp, int *fd, struct err *err);
/* Renames tmp to path and syncs the folder. tmp has been synced. */
MUST_CHECK enum rc file_put_in_place(const char *tmp, const char *path, struct err *err);

#endif
