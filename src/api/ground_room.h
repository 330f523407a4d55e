/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The grid of shared ground between requests: made anew when the atlas has changed (I4), lent to many readers.
 */
#ifndef API_GROUND_ROOM_H
#define API_GROUND_ROOM_H

#include "sites/ground.h"

struct ground_room;
struct ground_room *ground_room_new(void);
void ground_room_free(struct ground_room *r); /* nothing may be lent any more */
/* The grid of this atlas; while another thread makes it, the one before. Give it back with ground_room_put. */
struct ground_held;
const struct ground *ground_room_get(struct ground_room *r, const struct atlas *a, struct ground_held **held);
void ground_room_put(struct ground_room *r, struct ground_held *held);

#endif
