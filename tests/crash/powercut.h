/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A file layer that remembers what a power cut could lose. powercut.c is preloaded into the server and keeps, in a file
 * mapped shared (so it outlives kill -9), every write that no fsync has covered yet, with the bytes before and after.
 * powercut_apply.c then makes the disk what it might be after the cut: it takes all of them back, and puts an arbitrary
 * part of them in again, some torn at a sector.
 *
 * Modelled: writes and truncations of regular files under $POWERCUT_DIR. Not modelled: creating, renaming and unlinking
 * count as done at once; memory-mapped writes are not followed (SQLite's -shm, which is rebuilt after a crash).
 */
#ifndef POWERCUT_H
#define POWERCUT_H

#include <stdint.h>

enum {
    POWERCUT_FILES = 64,
    POWERCUT_PATH = 512,
    POWERCUT_SECTOR = 512,
};
#define POWERCUT_JOURNAL_BYTES (UINT64_C(1) << 30)
#define POWERCUT_MAGIC         UINT64_C(0x706f776572637574)

struct powercut_file {
    uint64_t device, inode;
    char path[POWERCUT_PATH];
};

/* old_n bytes stood at offset before (fewer than new_n at the file's end), new_n were written; both follow the record.
 * A truncation has new_n = 0, is_truncate set, and the bytes it cut off as old. */
struct powercut_record {
    uint64_t sequence;
    uint32_t file;
    uint32_t is_truncate;
    uint64_t offset;
    uint64_t size_before; /* of the file */
    uint64_t old_n, new_n;
};

struct powercut_journal {
    uint64_t magic;
    uint64_t next_sequence;
    uint64_t used; /* bytes of records after this head */
    uint64_t files_n;
    uint64_t writes, syncs, dropped; /* totals, to show that the layer was at work */
    struct powercut_file files[POWERCUT_FILES];
};

static inline uint64_t powercut_record_bytes(const struct powercut_record *r)
{
    return (sizeof *r + r->old_n + r->new_n + 7) & ~UINT64_C(7);
}

#endif
