/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A backup as one file: a tar (wire/tar.h) of its members, then manifest.json with the SHA-256 of each, then
 * manifest.sha256 with that of every byte before. Nothing in it is free to change: whatever byte is flipped, cut off or
 * added, bundle_read refuses the file. That it was made by whom one thinks is not told by it, but by the signatures of the
 * ledger inside (fane verify --bundle).
 *
 *   data   fane.db, ledger/checkpoint (when the ledger had one)            never the keys (I8)
 *   keys   keys/master.key, keys/vault.bin, keys/ledger.key, keys/ledger.pub
 */
#ifndef FANE_BUNDLE_H
#define FANE_BUNDLE_H

#include "base/clock.h"
#include "base/hash.h"
#include "wire/tar.h"

enum bundle_kind { BUNDLE_DATA, BUNDLE_KEYS };
enum { BUNDLE_MEMBERS_MAX = 4, BUNDLE_MANIFEST_MAX = 8192, BUNDLE_VERSION_MAX = 31 };

struct bundle_member {
    char name[TAR_NAME_MAX + 1];
    int64_t bytes;
    struct sha256 digest;
};
struct bundle {
    enum bundle_kind kind;
    struct instant made;
    char program[BUNDLE_VERSION_MAX + 1]; /* the version that made it */
    struct bundle_member members[BUNDLE_MEMBERS_MAX];
    size_t n;
    int64_t bytes; /* of the whole file */
};

/* Where a member's bytes come from. */
struct bundle_source {
    const char *name, *path;
};
/* Writes PATH.part (mode 0600), syncs it and names it path; never over a file that is there (RC_CONFLICT). Members in the
 * order of the kind, the first of them always. One writer at a time per path (RC_BUSY). Killed at any moment it leaves
 * either nothing under path or the whole; what it leaves under PATH.part is written over by the next. */
MUST_CHECK enum rc bundle_write(const char *path, enum bundle_kind kind, const struct bundle_source *sources, size_t n,
                                struct bundle *out, struct err *err);
/* Reads and checks all of it; dir not NULL: members are written under dir as they are read, synced, their folders made.
 * RC_DAMAGED says at which byte it stops being a backup; what lies under dir is then not to be used. */
MUST_CHECK enum rc bundle_read(const char *path, const char *dir, struct bundle *out, struct err *err);

/* A folder beside `path` for files on their way (PATH.XXXXXX), and its end with all that restoring puts there. */
MUST_CHECK enum rc bundle_scratch_make(const char *path, struct arena *mem, const char **out, struct err *err);
void bundle_scratch_drop(const char *dir);

#endif
