/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The atlas follows the registry (I4): built from the public view; opened when its revision is one of this registry's,
 * with the sites touched since laid over it; built anew when it is missing, damaged, of another registry, or when too
 * much has changed to be laid over.
 *
 *   poll: what was touched? --few--> note, show                      (a quarter of a second)
 *                           --"whole", or many noted--> build beside --> set, with what was touched meanwhile
 */
#ifndef FLOW_ATLAS_H
#define FLOW_ATLAS_H

#include "flow/projection.h"
#include "sites/atlas_live.h"
#include "store/store.h"

enum {
    FLOW_REVISION_BYTES = ATLAS_REVISION_MAX + 1,
    FLOW_POLL_US = 250000,
    FLOW_IMAGE_AGE_US = 600000000, /* what is laid over joins less well, and words still count what was hidden since */
    FLOW_NOTED_MAX = 8192 /* sites laid over before the image is built anew; measured: an overlay of so many takes
                           * about 100 ms */
};
/* What names a state of the registry: the last change's number and time. */
MUST_CHECK enum rc flow_atlas_revision(struct store *st, char out[FLOW_REVISION_BYTES], struct err *err);

/* The atlas of this moment, for a program that asks once. *was_built tells whether it had to be built first (may be
 * NULL). */
MUST_CHECK enum rc flow_atlas_open(struct store *st, const char *dir, struct atlas **out, bool *was_built,
                                   struct err *err);

struct flow_follower;
struct flow_follower_options {
    struct store *store;
    const char *dir;
    struct atlas_live *live; /* what the readers hold; the follower is its only writer */
    const struct flow_projection *projections;
    size_t projections_n;
    size_t threads;       /* of a build; 0 = all */
    int64_t image_age_us; /* an image that anything is laid over is built anew after so long; 0 = FLOW_IMAGE_AGE_US */
};
/* Opens or builds the atlas and all projections and shows them. The options are borrowed until the end. */
MUST_CHECK enum rc flow_follower_open(const struct flow_follower_options *opt, struct flow_follower **out,
                                      struct err *err);
/* From now on a thread polls every FLOW_POLL_US until the end. */
MUST_CHECK enum rc flow_follower_start(struct flow_follower *f, struct err *err);
/* One poll, for who started no thread: looks, notes and shows, begins a build on a thread of its own when one is due,
 * takes over one that is done. Errors are not final: the next poll tries again. */
MUST_CHECK enum rc flow_follower_poll(struct flow_follower *f, struct err *err);
/* Returns when every image in use shows what the store held at the call, while the thread runs: soon for touched sites,
 * after a build for a change that is "whole". Any thread. RC_BUSY after FLOW_SYNC_MAX_US: the images may be behind. */
enum { FLOW_SYNC_MAX_US = 60000000 };
MUST_CHECK enum rc flow_follower_sync(struct flow_follower *f, struct err *err);
bool flow_follower_is_building(const struct flow_follower *f);
/* Waits for a build to end its page. NULL ok. The readers' handle stays. */
void flow_follower_close(struct flow_follower *f);

#endif
