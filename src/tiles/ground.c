/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Cells of shared ground as polygons. See ground.h.
 */
#include "tiles/ground.h"

#include <math.h>

#include "tiles/tiles_int.h"

/* As it is written: two equal cells share one value, and nobody reads more of it. */
#define DIVERSITY_STEPS 1e4

static void add_cell(struct tiles_maker *t, const struct ground_cell *c, int zoom, const uint32_t *keys)
{
    const struct tiles_query *q = &t->q;
    struct geo_merc at = geo_cell_merc((uint64_t)c->key << (62 - 2 * zoom));
    uint32_t side = TILES_EXTENT >> (zoom - q->z), mask = (UINT32_C(1) << (zoom - q->z)) - 1;
    double x = (at.x >> (31 - zoom) & mask) * side, y = (at.y >> (31 - zoom) & mask) * side;
    const struct mvt_xy corners[] = {{x, y}, {x + side, y}, {x + side, y + side}, {x, y + side}};
    const struct mvt_ring ring = {corners, 4};
    const uint32_t tags[] = {keys[0], mvt_uint(t->mvt, c->faiths),
                             keys[1], mvt_uint(t->mvt, c->sites),
                             keys[2], mvt_f64(t->mvt, round(c->diversity * DIVERSITY_STEPS) / DIVERSITY_STEPS),
                             keys[3], mvt_uint(t->mvt, c->places)};
    mvt_polygon(t->mvt, &ring, 1, 0, TILES_EXTENT, tags, sizeof tags / sizeof *tags);
}

void tiles_add_ground(struct tiles_maker *t, const struct ground *g)
{
    size_t n;
    const struct ground_cell *cells = ground_tile(g, t->q.z, t->q.x, t->q.y, &n);
    mvt_layer_begin(t->mvt, STR("ground"), TILES_EXTENT);
    const uint32_t keys[] = {mvt_key(t->mvt, STR("faiths")), mvt_key(t->mvt, STR("sites")),
                             mvt_key(t->mvt, STR("diversity")), mvt_key(t->mvt, STR("places"))};
    for (size_t i = 0; i < n; i++)
        add_cell(t, &cells[i], ground_cell_zoom(t->q.z), keys);
    mvt_layer_end(t->mvt);
}

const struct tiles_layer *tiles_ground_layer(void)
{
    static const struct tiles_field fields[] = {
        {"faiths", "Number"}, {"sites", "Number"}, {"diversity", "Number"}, {"places", "Number"}};
    static const struct tiles_layer layer = {
        "ground",
        "Shared ground: cells of a fixed grid (Web Mercator, zoom 15) where sites of two faiths or more stand. diversity "
        "is the Gini-Simpson index over the religions of the sites whose religion is known, 0 to 1: counts of sites, not "
        "of people, and coarse with few sites. Below zoom 10 cells are summed up: places says how many, sites adds up, "
        "faiths is the most that one of them has, diversity their mean weighted by sites of known religion.",
        fields, sizeof fields / sizeof *fields};
    return &layer;
}
