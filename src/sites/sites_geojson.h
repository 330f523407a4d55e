/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Geometry of GeoJSON (RFC 7946) to and from this program's shapes. Positions are longitude, latitude; heights are
 * dropped.
 */
#ifndef SITES_GEOJSON_H
#define SITES_GEOJSON_H

#include <jansson.h>

#include "geo/wkb.h"
#include "wire/json_out.h"

/* A "Point" position. RC_INVALID says what is wrong. */
MUST_CHECK enum rc geojson_point(const json_t *coordinates, struct geo_point *out, struct err *err);
/* The rings of a Polygon or MultiPolygon as written; a ring that is not closed is closed. RC_INVALID, RC_TOO_LARGE. */
MUST_CHECK enum rc geojson_shape(const json_t *geometry, struct arena *mem, struct geo_shape *out, struct err *err);
void geojson_put_point(struct json_out *j, struct geo_point p);
void geojson_put_shape(struct json_out *j, const struct geo_shape *s);
/* A geometry object of a stored footprint; null when it is empty or cannot be read. */
void geojson_put_wkb(struct json_out *j, struct str wkb);

#endif
