/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Layer "ground" of vector tiles: the cells of shared ground (sites/ground.h) as squares.
 */
#ifndef TILES_GROUND_H
#define TILES_GROUND_H

#include "sites/ground.h"
#include "tiles/tiles.h"

/* Between tiles_begin and tiles_end. Cells never cross a tile's edge, so there is no margin: the query's is ignored. */
void tiles_add_ground(struct tiles_maker *t, const struct ground *g);
const struct tiles_layer *tiles_ground_layer(void);

#endif
