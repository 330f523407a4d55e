/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Which of many polygons holds a point, and which edge is nearest. A grid of quarter degrees: each cell knows the areas
 * that hold one reference point of it, and the edges that touch it. A query walks from that point along one horizontal
 * and one vertical leg inside the cell and flips an area at each of its edges crossed: most cells have no edge at all.
 *   X1 vertices are whole 10^-7 degrees; reference lines and queries lie half a unit beside, so no leg meets a vertex.
 *   X2 read-only after area_layer_build.
 */
#ifndef SITES_AREAS_INDEX_H
#define SITES_AREAS_INDEX_H

#include "geo/wkb.h"

enum { AREA_NONE = -1 };

/* What a layer knows of one area; strings live as long as the layer. */
struct area_info {
    struct str code;    /* of a division: ISO 3166-2, or "" */
    struct str country; /* alpha-2, or "" */
    struct str name, note;
    bool is_disputed;
};

struct area_layer;
struct area_layer *area_layer_new(void);
void area_layer_free(struct area_layer *l);
/* Copies. RC_TOO_LARGE over AREAS_FEATURES_MAX or AREAS_VERTICES_MAX. */
MUST_CHECK enum rc area_layer_add(struct area_layer *l, const struct area_info *info, const struct geo_shape *shape,
                                  struct err *err);
/* Cost: O(edges and cells they touch). */
void area_layer_build(struct area_layer *l);
int area_layer_count(const struct area_layer *l);
const struct area_info *area_layer_info(const struct area_layer *l, int area);
/* The first area that holds p and, when country is not empty, belongs to it. */
int area_layer_find(const struct area_layer *l, struct geo_point p, struct str country);
/* The area with the nearest edge within radius_m; country as above. distance_m is untouched with AREA_NONE. */
int area_layer_near(const struct area_layer *l, struct geo_point p, double radius_m, struct str country,
                    double *distance_m);

#endif
