/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Lines of places: joining pieces that share end nodes into closed rings, and the plain measures of rings and lines.
 * Planar in degrees (longitude not scaled) unless a name says metres; no GEOS here, no holes: polygon.h.
 */
#ifndef GEO_RING_H
#define GEO_RING_H

#include "base/arena.h"
#include "geo/geo.h"

/* A line whose nodes have ids; two pieces meet where an end of each has the same id. */
struct geo_piece {
    const int64_t *ids;
    const struct geo_point *at;
    size_t n;
};
/* Closed: the first place stands again as the last. */
struct geo_ring {
    const struct geo_point *at;
    size_t n;
};
struct geo_rings {
    struct geo_ring *rings;
    size_t n;
    size_t loose; /* pieces that closed into no ring */
};

/* Each piece is used once. Where more than two ends meet the rings are split at that node, so touching rings come out
 * apart. Rings appear in the order of their first piece closed; the same input gives the same rings.
 * Cost: O(n log n) in pieces, plus the copying of places. */
void geo_rings_join(const struct geo_piece *pieces, size_t n, struct arena *mem, struct geo_rings *out);

double geo_ring_area(const struct geo_ring *r); /* square degrees; above 0 when counterclockwise */
/* Even-odd; what lies on an edge may come out either way. */
bool geo_ring_holds(const struct geo_ring *r, struct geo_point p);
/* No edge meets another except neighbours at their shared place; no place twice. Cost: O(n^2), for short rings. */
bool geo_ring_is_simple(const struct geo_ring *r);
/* Pairs of edges that properly cross, counted until `enough`. Cost: O(n^2). */
size_t geo_ring_crossings(const struct geo_ring *rings, size_t n, size_t enough);

/* The place half-way along the line by length, and that length on the sphere. n > 0. */
struct geo_point geo_line_middle(const struct geo_point *at, size_t n, double *length_m);

#endif
