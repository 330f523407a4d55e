/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside the report of changes: a page of it, read by import_changes_store.c.
 */
#ifndef SITES_IMPORT_CHANGES_INT_H
#define SITES_IMPORT_CHANGES_INT_H

#include "base/arena.h"
#include "sites/import_changes.h"

enum { CHANGES_PAGE = 4096 };

struct change_side {
    struct str raw, names, footprint;
};
struct change_row {
    struct str external_id, name;
    struct uuid public_id;
    bool is_added, is_gone, has_past;
    struct change_side now, past;
};
struct change_page {
    struct uuid source, release; /* source: filled in by changes_source_find */
    struct str after;            /* keys of the page lie above it */
    struct str last;             /* and up to this; empty: the end */
    struct arena mem;
    struct change_row *rows;
    size_t n;
};
MUST_CHECK enum rc changes_source_find(struct store *st, struct uuid release, struct uuid *source, struct err *err);
MUST_CHECK enum rc changes_page_read(struct store *st, struct change_page *p, struct err *err);

#endif
