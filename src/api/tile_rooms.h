/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What tiles need between requests: makers lent to one thread at a time, the cache of site tiles, and the projections of
 * incidents as the public and as reviewers may see them (I3, I4).
 */
#ifndef API_TILE_ROOMS_H
#define API_TILE_ROOMS_H

#include "people/policy.h"
#include "store/store.h"
#include "tiles/tiles.h"
#include "tiles/tiles_cache.h"

struct tile_rooms;
struct tile_rooms *tile_rooms_new(size_t cache_bytes);
void tile_rooms_free(struct tile_rooms *t);
struct tiles_maker *tile_rooms_take(struct tile_rooms *t); /* give it back soon */
void tile_rooms_give(struct tile_rooms *t, struct tiles_maker *maker);
struct tiles_cache *tile_rooms_cache(struct tile_rooms *t);

/* Incidents and context events with a place, in the order of their cells, as one kind of viewer sees them. */
struct incident_layer;
/* The projections of incidents are read anew at the next question, however young they are. */
void tile_rooms_forget(struct tile_rooms *t);
struct incident_layer *tile_rooms_incidents(struct tile_rooms *t, bool is_public);
/* Reads them anew when the store has changed since, at most every INCIDENT_LAYER_AGE_S, less often
 * when they are so many that reading takes long. All viewers given to one layer
 * must be the public, or all reviewers and above. */
enum { INCIDENT_LAYER_AGE_S = 3 };
MUST_CHECK enum rc incident_layer_refresh(struct incident_layer *l, struct store *st, const struct viewer *viewer,
                                          struct err *err);
/* Layers "incidents" and "context": below the last zoom one mark per cell of a 32 x 32 grid, with `count`. */
void incident_layer_add(struct incident_layer *l, struct tiles_maker *maker, const struct tiles_query *q,
                        struct arena *mem);

#endif
