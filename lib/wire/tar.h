/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Headers of tar archives (POSIX.1-1988 ustar), in one form only: plain files, mode 0600, owner 0, time 0. The same name
 * and size always give the same 512 bytes, and nothing else is read: a header with one bit changed is refused. Any tar
 * unpacks what is written here; this does not read what others write.
 */
#ifndef WIRE_TAR_H
#define WIRE_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { TAR_BLOCK = 512, TAR_NAME_MAX = 99 };
#define TAR_SIZE_MAX (INT64_C(1) << 60)

/* name: 1..TAR_NAME_MAX bytes without NUL; size in [0, TAR_SIZE_MAX]. Sizes from 8 GiB on are in base 256, as GNU tar
 * and bsdtar write them. */
void tar_header_write(struct str name, int64_t size, uint8_t out[TAR_BLOCK]);
/* False unless it is, byte for byte, what tar_header_write makes of some name and size. name: NUL-terminated. */
bool tar_header_read(const uint8_t in[TAR_BLOCK], char name[TAR_NAME_MAX + 1], int64_t *size);
/* Zero bytes after a member of that size. */
static inline int64_t tar_padding(int64_t size)
{
    return (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
}

#endif
