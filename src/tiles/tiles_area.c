/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Areas as polygons of a tile. Longitudes are unrolled along the ring, so that one over the antimeridian is whole; it
 * is then drawn in each turn of the earth that the tile may see.
 */
#include <math.h>
#include <stdlib.h>

#include "tiles/tiles_int.h"

enum {
    CIRCLE_POINTS = 64,
    MARGIN = 64 /* units drawn beyond the tile, so that no outline runs along its edge */
};
#define PI 3.14159265358979323846

/* Unit square of the map; x is not wrapped. Latitudes beyond the map go to its edge. */
static struct mvt_xy place(double lat_deg, double lon_deg)
{
    double lat = fmin(MERCATOR_MAX_LAT_DEG, fmax(-MERCATOR_MAX_LAT_DEG, lat_deg)), s = sin(lat * (PI / 180));
    return (struct mvt_xy){(lon_deg + 180) / 360, 0.5 - log((1 + s) / (1 - s)) / (4 * PI)};
}

/* The nearest longitude to `by` that is the same meridian. */
static double unrolled(double lon_deg, double by)
{
    return lon_deg - 360 * round((lon_deg - by) / 360);
}

static size_t ring_of(const struct tiles_area *a, struct mvt_xy *out)
{
    double by = a->ring[0].lon_deg;
    ENSURE(a->ring_n <= MVT_RING_MAX);
    for (size_t i = 0; i < a->ring_n; i++) {
        by = unrolled(a->ring[i].lon_deg, by);
        out[i] = place(a->ring[i].lat_deg, by);
    }
    return a->ring_n;
}

/* Everything beyond the circle's near edge: what a map that is cut at 85 degrees can show of a polar cap. */
static size_t cap_of(const struct tiles_area *a, double reach_deg, struct mvt_xy *out)
{
    bool is_north = a->centre.lat_deg + reach_deg >= 90, is_south = a->centre.lat_deg - reach_deg <= -90;
    double south = is_south ? -90 : a->centre.lat_deg - reach_deg,
           north = is_north ? 90 : a->centre.lat_deg + reach_deg;
    out[0] = place(south, -180);
    out[1] = place(north, -180);
    out[2] = place(north, 180);
    out[3] = place(south, 180);
    return 4;
}

static size_t circle_of(const struct tiles_area *a, struct mvt_xy *out)
{
    double reach_deg = a->radius_m / EARTH_RADIUS_M * (180 / PI);
    if (fabs(a->centre.lat_deg) + reach_deg >= 90)
        return cap_of(a, reach_deg, out);
    for (size_t i = 0; i < CIRCLE_POINTS; i++) {
        struct geo_point p = geo_destination(a->centre, 360.0 * (double)i / CIRCLE_POINTS, a->radius_m);
        out[i] = place(p.lat_deg, unrolled(p.lon_deg, a->centre.lon_deg));
    }
    return CIRCLE_POINTS;
}

static void add_area(struct tiles_maker *t, const struct tiles_area *a)
{
    const struct tiles_query *q = &t->q;
    double tiles = ldexp(1, q->z);
    size_t n = a->ring_n ? ring_of(a, t->ring) : circle_of(a, t->ring);
    for (size_t i = 0; i < n; i++) {
        t->ring[i].x = (t->ring[i].x * tiles - q->x) * TILES_EXTENT;
        t->ring[i].y = (t->ring[i].y * tiles - q->y) * TILES_EXTENT;
    }
    struct mvt_ring ring = {.p = t->ring, .n = n};
    uint32_t tags[2 * TILES_PROPS_MAX];
    size_t tags_n = tiles_tags(t, a->props, a->props_n, tags);
    for (size_t i = 0; i < n; i++)
        t->ring[i].x -= tiles * TILES_EXTENT;
    for (int turn = -1; turn <= 1; turn++) {
        mvt_polygon(t->mvt, &ring, 1, -MARGIN, TILES_EXTENT + MARGIN, tags, tags_n);
        for (size_t i = 0; i < n; i++)
            t->ring[i].x += tiles * TILES_EXTENT;
    }
}

void tiles_add_areas(struct tiles_maker *t, struct str layer, const struct tiles_area *areas, size_t n)
{
    if (!t->ring)
        t->ring = mem_array(MVT_RING_MAX, sizeof *t->ring);
    mvt_layer_begin(t->mvt, layer, TILES_EXTENT);
    for (size_t i = 0; i < n; i++)
        add_area(t, &areas[i]);
    mvt_layer_end(t->mvt);
}
