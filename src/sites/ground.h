/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Shared ground: where sites of several faiths stand within walking distance of one another. Computed from the atlas
 * alone, so from what the public may know (I3): a hidden site never counts. A coarse one stays out too, as the place it
 * shows is its grid cell's, which says nothing of who its neighbours are.
 *
 * The measure, over a set of sites:
 *   sites      how many there are, whatever is known of their religion
 *   known      those whose religion is known: a code other than "none"
 *   faiths     how many different codes among these; multifaith is one of them
 *   diversity  the Gini-Simpson index over these, 1 - sum of (n_i / known)^2: how likely two of them, drawn with
 *              replacement, are of different religions. 0 with one faith; at most 1 - 1/faiths. Counts are of known
 *              sites, not of people, and with few sites it moves in large steps: two sites give 0 or 0.5.
 * Source: C. Gini, Variabilita e mutabilita, 1912; E. H. Simpson, Measurement of Diversity, Nature 163, 688 (1949).
 *
 * Two sets are measured: the circle of GROUND_RADIUS_M around a place (ground_at), and the cells of a fixed grid, the
 * Web Mercator cells of zoom GROUND_CELL_ZOOM (1,223 m wide at the equator, half of that at 60 degrees), which never
 * move and never overlap (struct ground). A cell counts as shared ground with two faiths or more; others are left out.
 */
#ifndef SITES_GROUND_H
#define SITES_GROUND_H

#include "geo/geo.h"
#include "sites/atlas.h"

enum {
    GROUND_RADIUS_M = 1000,
    GROUND_CELL_ZOOM = 15,
    GROUND_TILE_ZOOMS = 5, /* a tile shows cells this many zooms deeper, 32 on a side, but none below the cell zoom */
    GROUND_LEVELS = GROUND_CELL_ZOOM - GROUND_TILE_ZOOMS + 1
};

struct ground_sum {
    uint32_t sites, known, faiths;
    double diversity; /* 0 when nothing is known */
};
/* Of the sites within GROUND_RADIUS_M, great-circle on the sphere of EARTH_RADIUS_M. */
struct ground_sum ground_at(const struct atlas *a, struct geo_point p);

/* A cell of the grid, or several summed up in a larger one for small zooms: sites and known are sums over the cells of
 * shared ground in it, `places` how many of these there are, faiths the most that one of them has, diversity their mean
 * weighted by known. */
struct ground_cell {
    uint32_t key; /* Morton key of the cell at its zoom */
    uint32_t sites, known, places, faiths;
    double diversity;
};

struct ground;
/* Of the image that a is a handle on, without the changes laid over it. Cost: one pass over its sites. */
struct ground *ground_of_image(const struct atlas *a);
/* As it is now: what ground_of_image gave for this image (info.digest), with the changes. Cost: the sites of the cells that
 * changes touch, and a pass over the cells. */
struct ground *ground_now(const struct ground *image, const struct atlas *a);
void ground_free(struct ground *g); /* NULL ok */

/* Zoom of the cells that tiles of zoom z show. */
int ground_cell_zoom(int z);
/* Cells of a tile, by rising key; at most 4^GROUND_TILE_ZOOMS. Borrowed from g. z in [0, 31]. */
const struct ground_cell *ground_tile(const struct ground *g, int z, uint32_t x, uint32_t y, size_t *n);

/* Cells of zoom GROUND_CELL_ZOOM that touch the box (a place on the earth beyond the map's 85 degrees is of the last
 * row), by rising key, from the first key >= from on: at most max. *next: the key to go on from; UINT32_MAX: no more.
 * matched: how many in all, from the first. */
size_t ground_in_box(const struct ground *g, const struct geo_box *box, uint32_t from, size_t max,
                     struct ground_cell *out, uint32_t *next, size_t *matched);
/* Where a cell of GROUND_CELL_ZOOM lies. */
struct geo_box ground_cell_box(uint32_t key);

#endif
