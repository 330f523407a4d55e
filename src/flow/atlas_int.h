/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What atlas.c and follower.c share.
 */
#ifndef FLOW_ATLAS_INT_H
#define FLOW_ATLAS_INT_H

#include <stdatomic.h>

#include "flow/atlas.h"

enum { FLOW_PATH_BYTES = 4096 };
void flow_atlas_path(const char *dir, char out[FLOW_PATH_BYTES]);

struct flow_build {
    struct store *store;
    const char *dir;
    const struct flow_projection *projections;
    size_t projections_n, threads;
    const atomic_bool *stop; /* NULL: never */
};
/* One pass for the atlas and all projections; none of them is in use afterwards. *seq: the change they are of. */
MUST_CHECK enum rc flow_atlas_build_all(const struct flow_build *b, int64_t *seq, struct err *err);

/* Opens the image on disk, when so little was touched since that it can be laid over; nothing is laid over yet. */
MUST_CHECK enum rc flow_atlas_try(struct store *st, const char *dir, struct arena *mem, struct atlas **out,
                                  struct sites_touched *touched, int64_t *seq, struct err *err);

/* The site as the atlas takes it, in *room. */
struct flow_atlas_site {
    struct atlas_site site;
    char labels[ATLAS_LABELS_BYTES];
};
struct atlas_change flow_atlas_change(const struct sites_now *now, struct flow_atlas_site *room);

#endif
