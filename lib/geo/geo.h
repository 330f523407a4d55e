/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Places on the earth: WGS 84 degrees; distances great-circle on a sphere of EARTH_RADIUS_M unless a name says
 * ellipsoid; Web Mercator tiles; 62-bit Morton cells (design: a tile is one contiguous key range at every zoom).
 */
#ifndef GEO_GEO_H
#define GEO_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Mean radius R1 of the GRS 80 ellipsoid (Moritz 1980). */
#define EARTH_RADIUS_M 6371008.8
/* Latitude at which square Web Mercator ends. */
#define MERCATOR_MAX_LAT_DEG 85.0511287798066

struct geo_point {
    double lat_deg, lon_deg;
};
/* west > east means the box crosses the antimeridian. */
struct geo_box {
    double west_deg, south_deg, east_deg, north_deg;
};

/* RC_INVALID outside [-90, 90] x [-180, 180], NaN too. */
MUST_CHECK enum rc geo_point_make(double lat_deg, double lon_deg, struct geo_point *out, struct err *err);
MUST_CHECK enum rc geo_box_make(double west, double south, double east, double north, struct geo_box *out,
                                struct err *err);
bool geo_box_contains(const struct geo_box *b, struct geo_point p); /* edges count */
double geo_distance_m(struct geo_point a, struct geo_point b);
/* The box that holds every point within radius_m (whole longitudes near a pole). */
struct geo_box geo_box_around(struct geo_point p, double radius_m);
/* Where one comes after distance_m on the initial bearing. */
struct geo_point geo_destination(struct geo_point p, double bearing_deg, double distance_m);

/* Web Mercator position at zoom 31, each in [0, 2^31). Latitudes beyond the square clamp to its edge. */
struct geo_merc {
    uint32_t x, y;
};
struct geo_merc geo_merc_of(struct geo_point p);
struct geo_point geo_merc_point(struct geo_merc m); /* centre of the zoom-31 pixel */

/* Morton key: bit 2i+1 = y bit i, bit 2i = x bit i; fits 62 bits, so it is never negative as int64. */
uint64_t geo_cell_of(struct geo_point p);
uint64_t geo_cell_from_merc(struct geo_merc m);
struct geo_merc geo_cell_merc(uint64_t cell);
/* Key range [*first, *last] of tile z/x/y, 0 <= z <= 31. */
void geo_tile_range(int z, uint32_t x, uint32_t y, uint64_t *first, uint64_t *last);
/* Covers a box by at most max_ranges sorted, disjoint key ranges (false positives possible, misses never). */
struct geo_range {
    uint64_t first, last;
};
size_t geo_box_ranges(const struct geo_box *b, struct geo_range *out, size_t max_ranges);

/* Tile bounds in degrees. */
struct geo_box geo_tile_box(int z, uint32_t x, uint32_t y);

#endif
