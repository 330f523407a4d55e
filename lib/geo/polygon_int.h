/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Private to the areas: shapes through GEOS and back.
 */
#ifndef GEO_POLYGON_INT_H
#define GEO_POLYGON_INT_H

#include "geo/polygon.h"

/* Each replaces *s by a shape in the arena. RC_INVALID when nothing with an area is left. */
bool geos_is_valid(struct geo_geos *g, const struct geo_shape *s);
MUST_CHECK enum rc geos_make_valid(struct geo_geos *g, struct geo_shape *s, struct arena *mem, struct err *err);
MUST_CHECK enum rc geos_simplify(struct geo_geos *g, struct geo_shape *s, size_t max_points, struct arena *mem,
                                 struct err *err);
/* Longitudes in [0, 360) become parts within [-180, 180]. */
MUST_CHECK enum rc geos_cut_at_180(struct geo_geos *g, struct geo_shape *s, struct arena *mem, struct err *err);

#endif
