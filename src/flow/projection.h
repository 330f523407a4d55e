/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A second image of the public view that follows the registry together with the atlas (I4): built from the same pass
 * over all public sites, fed with the same touched sites, put into use at the same moment. Given to flow_follower_start
 * (flow/atlas.h); the follower is the only caller.
 *
 *   open ----RC_OK---------------------------+
 *     | anything else                        v
 *     +--> begin, add..., end(keep) --> swap --> touched, touched, ... --> (begin ... swap) --> ...
 *
 * While a new image is built (begin, add, end: on a thread of their own, one build at a time) the old one stays in use
 * and `touched` and readers go on. What was touched with a number above the new image's was fed before swap: keep it,
 * and apply it to the new image too.
 */
#ifndef FLOW_PROJECTION_H
#define FLOW_PROJECTION_H

#include "sites/touched.h"

struct flow_projection {
    void *ctx;
    /* RC_OK: its image on disk is whole and of this revision, and is now in use. */
    enum rc (*open)(void *ctx, const char *revision, struct err *err);
    /* A new image of the registry at change seq begins. revision: what open will be asked for. */
    enum rc (*begin)(void *ctx, const char *revision, int64_t seq, struct err *err);
    /* One public site, as the public may see it, all its names read. Borrowed. In the order of cells; a site that moves
     * during the pass may come twice or never, and is then among the touched ones. */
    enum rc (*add)(void *ctx, const struct site *site, struct err *err);
    /* keep: write it (beside the one in use, atomically); false: give it up. */
    enum rc (*end)(void *ctx, bool keep, struct err *err);
    /* The image that end wrote is used from now on. Forget what was touched with numbers up to its seq; the rest holds
     * on top of it. */
    enum rc (*swap)(void *ctx, int64_t seq, struct err *err);
    /* A site as it is now, at change seq; now->site NULL: not public (any more). May come again for the same site: the
     * last one holds. */
    enum rc (*touched)(void *ctx, const struct sites_now *now, int64_t seq, struct err *err);
    /* All of a poll's touched sites were given: show them. */
    enum rc (*applied)(void *ctx, int64_t seq, struct err *err);
};

#endif
