/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * For tests: an SQLite file layer over the system's own that fails on command and can play a power cut: then every
 * write not yet fsynced is kept, dropped, or torn at a 512-byte boundary, by chance. Registered as the default layer,
 * so the product is not changed for it.
 */
#ifndef TESTS_FAULT_VFS_H
#define TESTS_FAULT_VFS_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_ONCE,  /* one operation fails, the next ones work */
    FAULT_FULL,  /* one write says that the disk is full */
    FAULT_STAYS, /* from then on every operation fails */
    FAULT_CUT,   /* the same, and fault_vfs_cut() then loses what was not synced */
};

void fault_vfs_install(void);
/* The n-th write, sync or truncate from now fails (1 is the next one). */
void fault_vfs_arm(enum fault_kind kind, int64_t n);
/* Works again. Returns whether the fault had happened. */
bool fault_vfs_disarm(void);
/* After FAULT_CUT, with every connection closed: what the disk has when the power comes back. Works again after it. */
bool fault_vfs_cut(uint64_t seed);

#endif
