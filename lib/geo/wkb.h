/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Areas as polygons with holes, and their well-known binary form: little-endian, two dimensions, POLYGON (3) or
 * MULTIPOLYGON (6), x = longitude. Both byte orders are read; other types, Z, M and SRIDs are refused by number.
 * Source: OGC 06-103r4, Simple Feature Access part 1, section 8.
 */
#ifndef GEO_WKB_H
#define GEO_WKB_H

#include "base/str.h"
#include "geo/ring.h"

enum { GEO_WKB_POLYGONS_MAX = 1 << 16, GEO_WKB_RINGS_MAX = 1 << 16, GEO_WKB_POINTS_MAX = 1 << 22 };

/* rings[first .. first + n): the outer ring, then its holes. */
struct geo_polygon {
    size_t first, n;
};
struct geo_shape {
    struct geo_polygon *polygons;
    size_t polygons_n;
    struct geo_ring *rings;
    size_t rings_n;
};

size_t geo_shape_points(const struct geo_shape *s);
/* Polygon when there is one, else multipolygon. Outer rings come out counterclockwise, holes clockwise (RFC 7946). */
struct str geo_wkb_write(const struct geo_shape *s, struct arena *mem);
/* RC_DAMAGED: cut short, bytes left over, a ring that is not closed, a place outside the world; RC_UNSUPPORTED: another
 * type; RC_TOO_LARGE: over the caps. */
MUST_CHECK enum rc geo_wkb_read(struct str wkb, struct arena *mem, struct geo_shape *out, struct err *err);

#endif
