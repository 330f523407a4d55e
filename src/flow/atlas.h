/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The atlas follows the registry (I4): built from the public view, opened when it is of today's registry, built anew when
 * it is missing, damaged or stale.
 */
#ifndef FLOW_ATLAS_H
#define FLOW_ATLAS_H

#include "sites/atlas.h"
#include "store/store.h"

/* What names the state of the public view: how many sites and the time of the newest change. */
enum { FLOW_REVISION_BYTES = ATLAS_REVISION_MAX + 1 };
MUST_CHECK enum rc flow_atlas_revision(struct store *st, char out[FLOW_REVISION_BYTES], struct err *err);

/* Builds DIR/atlas/sites.atlas. threads 0 = all. */
MUST_CHECK enum rc flow_atlas_build(struct store *st, const char *dir, size_t threads, struct err *err);
/* Opens it; *was_built tells whether it had to be built first (may be NULL). */
MUST_CHECK enum rc flow_atlas_open(struct store *st, const char *dir, struct atlas **out, bool *was_built,
                                   struct err *err);
/* Opens it only when it is of this revision and whole; RC_CONFLICT when it is of another. */
MUST_CHECK enum rc flow_atlas_open_as(const char *dir, const char *revision, struct atlas **out, struct err *err);

#endif
