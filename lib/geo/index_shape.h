/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The point index and areas: which points lie in a shape. As geo_shape_holds decides, point by point (even-odd over all
 * rings, edges straight in degrees), so a shape over the antimeridian must be cut there (polygon.h, G2), and one round a
 * pole closed along it.
 */
#ifndef GEO_INDEX_SHAPE_H
#define GEO_INDEX_SHAPE_H

#include "geo/index.h"
#include "geo/wkb.h"

/* Each point in the shape, by rising index; distance_m is 0. Cost: nodes that no edge comes near are taken or left whole;
 * the others look at the edges of their latitudes. */
void geo_index_each_in_shape(const struct geo_index *ix, const struct geo_shape *s, geo_each_fn fn, void *ctx);
size_t geo_index_count_in_shape(const struct geo_index *ix, const struct geo_shape *s);

#endif
