/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The atlas as it is now: an image and the changes since it was made. One writer at a time notes changes and shows them,
 * and hands in a new image when one has been built; readers get what is shown from the atlas_ref, and never wait for
 * the writer, nor it for them.
 *
 *   image of change 7 + changes 8..12  --set(image of change 10)-->  image of change 10 + changes 11, 12
 */
#ifndef SITES_ATLAS_LIVE_H
#define SITES_ATLAS_LIVE_H

#include "sites/atlas.h"

struct atlas_live;
struct atlas_live *atlas_live_new(void);
void atlas_live_free(struct atlas_live *l); /* no reader may hold anything any more; NULL ok */

/* For readers: atlas_ref_get and atlas_ref_put only. */
struct atlas_ref *atlas_live_ref(struct atlas_live *l);

/* For the writer. Everything is copied. seq: the number of the change, never lower than one given before. */
void atlas_live_note(struct atlas_live *l, const struct atlas_change *c, int64_t seq);
/* Shows what was noted. RC_BUSY: 15 older handles are still being read, try again; other errors as atlas_overlay.
 * Nothing is shown then that was not before. */
MUST_CHECK enum rc atlas_live_show(struct atlas_live *l, struct err *err);
/* A new image, of the registry at change seq: what was noted with a higher number holds on it, the rest is forgotten,
 * and both are shown in one step. `image` is taken over, whatever comes of it. */
MUST_CHECK enum rc atlas_live_set(struct atlas_live *l, struct atlas *image, int64_t seq, struct err *err);
/* Forgets everything and shows nothing, until the next atlas_live_set. */
void atlas_live_clear(struct atlas_live *l);
/* Sites noted since the image. */
size_t atlas_live_noted(const struct atlas_live *l);

#endif
