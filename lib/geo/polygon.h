/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Areas from rings: which ring is a hole of which, repair of rings that cross themselves, a point that stands for the
 * area, and a footprint of bounded size. The only user of GEOS in the project; simple rings never reach it.
 *   G1 the point lies strictly inside the footprint handed out (not on its edge), holes and several parts included;
 *   G2 an area over the antimeridian is cut there: no footprint has an edge longer than half the world.
 * Not for geodesy: planar in degrees, which is right for areas the size of a site.
 */
#ifndef GEO_POLYGON_H
#define GEO_POLYGON_H

#include "geo/wkb.h"

enum {
    GEO_FOOTPRINT_POINTS_MAX = 2000, /* 32 KB of WKB; more is simplified */
    GEO_AREA_RINGS_MAX = 2000,
    GEO_AREA_POINTS_MAX = 1 << 20,
    GEO_AREA_NEST_MAX = 200000000, /* rings times points: the cost of finding what lies in what */
    GEO_AREA_CROSSINGS_MAX = 2000, /* of invalid rings: repair costs memory for each */
};

/* One thread's GEOS. */
struct geo_geos;
struct geo_geos *geo_geos_new(void);
void geo_geos_free(struct geo_geos *g);

struct geo_area {
    struct geo_point inside;
    bool is_centroid;   /* inside is the centroid; else a point of a broad part */
    bool is_repaired;   /* rings crossed themselves or one another */
    bool is_simplified; /* over the cap of points */
    struct geo_shape shape;
    struct str wkb;
};

/* rings: closed, any direction, any order; nesting decides what is a hole (a ring in an odd number of others).
 * RC_INVALID: they enclose nothing, or cross too often to be repaired; RC_TOO_LARGE: over the caps. */
MUST_CHECK enum rc geo_area_make(struct geo_geos *g, const struct geo_ring *rings, size_t n, struct arena *mem,
                                 struct geo_area *out, struct err *err);

/* Even-odd over all rings; what lies on an edge may come out either way. */
bool geo_shape_holds(const struct geo_shape *s, struct geo_point p);

#endif
