/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Areas from rings. See polygon.h; GEOS itself is called in polygon_geos.c.
 *
 * Path of one area: clean rings -> nest -> is it valid? (one short ring: own test; else GEOS) -> repair -> simplify ->
 * cut at the antimeridian -> point inside -> WKB.
 */
#include "geo/polygon_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIMPLE_TEST_MAX = 160,     /* edges of a ring tested for simplicity here; below it, cheaper than GEOS */
    CROSSING_TEST_MAX = 20000, /* points compared pair by pair when counting crossings */
    LEVELS = 24,               /* latitudes tried for a point inside */
};
/* Square degrees of a ring's box; about a tenth of a square metre at the equator. Below it there is no area. */
static const double AREA_MIN = 1e-11;
/* Least distance in degrees of the point from an edge: a hundred times the rounding of doubles near 180. */
static const double MARGIN = 3e-12;

/* --- cleaning ------------------------------------------------------------------------------------------------------ */

static bool is_same(struct geo_point a, struct geo_point b)
{
    return a.lat_deg == b.lat_deg && a.lon_deg == b.lon_deg;
}

/* Of the box, as the area of a ring that crosses itself may cancel out. */
static double box_area(const struct geo_ring *r)
{
    struct geo_point lo = r->at[0], hi = r->at[0];
    for (size_t i = 1; i < r->n; i++) {
        lo.lat_deg = fmin(lo.lat_deg, r->at[i].lat_deg);
        hi.lat_deg = fmax(hi.lat_deg, r->at[i].lat_deg);
        lo.lon_deg = fmin(lo.lon_deg, r->at[i].lon_deg);
        hi.lon_deg = fmax(hi.lon_deg, r->at[i].lon_deg);
    }
    return (hi.lat_deg - lo.lat_deg) * (hi.lon_deg - lo.lon_deg);
}

/* Copies without repeated places; false when fewer than three are left or they enclose nothing. */
static bool ring_clean(const struct geo_ring *in, struct arena *mem, struct geo_ring *out)
{
    struct geo_point *at = ARENA_NEW_N(mem, struct geo_point, in->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < in->n; i++)
        if (n == 0 || !is_same(at[n - 1], in->at[i]))
            at[n++] = in->at[i];
    if (n > 1 && !is_same(at[0], at[n - 1]))
        at[n++] = at[0];
    *out = (struct geo_ring){at, n};
    return n >= 4 && box_area(out) > AREA_MIN;
}

/* Rings on both sides of the antimeridian are moved to lie between 0 and 360 degrees. */
static bool shift_east(struct geo_ring *rings, size_t n)
{
    double west = 180, east = -180;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < rings[i].n; k++) {
            west = fmin(west, rings[i].at[k].lon_deg);
            east = fmax(east, rings[i].at[k].lon_deg);
        }
    if (east - west <= 180)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct geo_point *at = (struct geo_point *)(uintptr_t)rings[i].at; /* ring_clean made them */
        for (size_t k = 0; k < rings[i].n; k++)
            at[k].lon_deg += at[k].lon_deg < 0 ? 360 : 0;
    }
    return true;
}

/* --- a point inside ------------------------------------------------------------------------------------------------ */

bool geo_shape_holds(const struct geo_shape *s, struct geo_point p)
{
    bool in = false;
    for (size_t i = 0; i < s->rings_n; i++)
        in ^= geo_ring_holds(&s->rings[i], p);
    return in;
}

static double edge_distance(struct geo_point a, struct geo_point b, struct geo_point p)
{
    double dx = b.lon_deg - a.lon_deg, dy = b.lat_deg - a.lat_deg, d2 = dx * dx + dy * dy;
    double t = d2 > 0 ? ((p.lon_deg - a.lon_deg) * dx + (p.lat_deg - a.lat_deg) * dy) / d2 : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return hypot(p.lon_deg - a.lon_deg - t * dx, p.lat_deg - a.lat_deg - t * dy);
}

/* Inside, and off every edge by more than rounding can move it. */
static bool is_well_inside(const struct geo_shape *s, struct geo_point p)
{
    if (!geo_shape_holds(s, p))
        return false;
    for (size_t i = 0; i < s->rings_n; i++)
        for (size_t k = 1; k < s->rings[i].n; k++)
            if (edge_distance(s->rings[i].at[k - 1], s->rings[i].at[k], p) < MARGIN)
                return false;
    return true;
}

/* Centroid of the area, holes taken off. Moments about the first place keep the digits. */
static bool centroid(const struct geo_shape *s, struct geo_point *out)
{
    struct geo_point o = s->rings[0].at[0];
    double area = 0, mx = 0, my = 0;
    for (size_t p = 0; p < s->polygons_n; p++)
        for (size_t k = 0; k < s->polygons[p].n; k++) {
            const struct geo_ring *r = &s->rings[s->polygons[p].first + k];
            double sign = (geo_ring_area(r) > 0) == (k == 0) ? 1 : -1;
            for (size_t i = 1; i < r->n; i++) {
                double x0 = r->at[i - 1].lon_deg - o.lon_deg, y0 = r->at[i - 1].lat_deg - o.lat_deg;
                double x1 = r->at[i].lon_deg - o.lon_deg, y1 = r->at[i].lat_deg - o.lat_deg;
                double c = sign * (x0 * y1 - x1 * y0);
                area += c;
                mx += c * (x0 + x1);
                my += c * (y0 + y1);
            }
        }
    if (!(area > 0))
        return false;
    *out = (struct geo_point){o.lat_deg + my / (3 * area), o.lon_deg + mx / (3 * area)};
    return isfinite(out->lat_deg) && isfinite(out->lon_deg);
}

static int f64_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The widest stretch of the shape along one latitude: its middle and width. xs has room for every edge. */
static double widest_at(const struct geo_shape *s, double lat, double *xs, struct geo_point *out)
{
    size_t n = 0;
    double best = 0;
    for (size_t i = 0; i < s->rings_n; i++)
        for (size_t k = 1; k < s->rings[i].n; k++) {
            struct geo_point a = s->rings[i].at[k - 1], b = s->rings[i].at[k];
            if ((a.lat_deg > lat) != (b.lat_deg > lat))
                xs[n++] = a.lon_deg + (lat - a.lat_deg) / (b.lat_deg - a.lat_deg) * (b.lon_deg - a.lon_deg);
        }
    qsort(xs, n, sizeof *xs, f64_compare);
    for (size_t i = 0; i + 1 < n; i += 2)
        if (xs[i + 1] - xs[i] > best) {
            best = xs[i + 1] - xs[i];
            *out = (struct geo_point){lat, xs[i] + best / 2};
        }
    return best;
}

/* A point of a broad part: latitudes half-way between neighbouring ones of the shape's places, so no level touches a
 * corner; the tallest gaps first, as thin ones hold nothing. */
struct gap {
    double height, middle;
};

static int gap_compare(const void *a, const void *b)
{
    const struct gap *x = a, *y = b;
    if (x->height != y->height)
        return x->height > y->height ? -1 : 1;
    return (x->middle > y->middle) - (x->middle < y->middle);
}

static bool broad_point(const struct geo_shape *s, struct arena *mem, struct geo_point *out)
{
    size_t points = geo_shape_points(s), n = 0, gaps_n = 0;
    double *ys = ARENA_NEW_N(mem, double, points + 1), *xs = ARENA_NEW_N(mem, double, points + 1), best = 0;
    struct gap *gaps = ARENA_NEW_N(mem, struct gap, points + 1);
    for (size_t i = 0; i < s->rings_n; i++)
        for (size_t k = 0; k < s->rings[i].n; k++)
            ys[n++] = s->rings[i].at[k].lat_deg;
    qsort(ys, n, sizeof *ys, f64_compare);
    for (size_t i = 1; i < n; i++)
        if (ys[i] > ys[i - 1])
            gaps[gaps_n++] = (struct gap){ys[i] - ys[i - 1], ys[i - 1] + (ys[i] - ys[i - 1]) / 2};
    qsort(gaps, gaps_n, sizeof *gaps, gap_compare);
    for (size_t i = 0; i < gaps_n && i < LEVELS; i++) {
        struct geo_point p;
        double width = widest_at(s, gaps[i].middle, xs, &p);
        double room = fmin(width, gaps[i].height);
        if (room > best && is_well_inside(s, p)) {
            best = room;
            *out = p;
        }
    }
    return best > 0;
}

static bool point_choose(const struct geo_shape *s, struct arena *mem, struct geo_area *out)
{
    struct geo_point c;
    out->is_centroid = centroid(s, &c) && is_well_inside(s, c);
    if (out->is_centroid) {
        out->inside = c;
        return true;
    }
    return broad_point(s, mem, &out->inside);
}

/* --- nesting ------------------------------------------------------------------------------------------------------- */

struct nest {
    struct geo_ring ring;
    double area;            /* above 0 */
    struct geo_point probe; /* well inside this ring alone */
    size_t depth, parent;
    size_t polygon; /* number of the polygon it begins, for even depth */
};

static int nest_compare(const void *a, const void *b)
{
    const struct nest *x = a, *y = b;
    return x->area != y->area ? (x->area > y->area ? -1 : 1) : 0;
}

/* For each ring, biggest first: in how many bigger ones it lies, and the smallest of these. */
static void nest_depths(struct nest *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        v[i].depth = 0;
        for (size_t k = 0; k < i; k++)
            if (geo_ring_holds(&v[k].ring, v[i].probe)) {
                v[i].depth++;
                v[i].parent = k; /* sorted by area: the last one found is the smallest */
            }
    }
}

static void shape_of_nest(struct nest *v, size_t n, struct arena *mem, struct geo_shape *out)
{
    *out = (struct geo_shape){.polygons = ARENA_NEW_N(mem, struct geo_polygon, n),
                              .rings = ARENA_NEW_N(mem, struct geo_ring, n),
                              .rings_n = n};
    for (size_t i = 0; i < n; i++)
        if (v[i].depth % 2 == 0) {
            v[i].polygon = out->polygons_n++;
            out->polygons[v[i].polygon].n = 1;
        } else {
            v[i].polygon = v[v[i].parent].polygon;
            out->polygons[v[i].polygon].n++;
        }
    for (size_t p = 0, first = 0; p < out->polygons_n; p++) {
        out->polygons[p].first = first;
        first += out->polygons[p].n;
        out->polygons[p].n = 0;
    }
    for (size_t i = 0; i < n; i++) { /* outers come before their holes: bigger */
        struct geo_polygon *p = &out->polygons[v[i].polygon];
        out->rings[p->first + p->n++] = v[i].ring;
    }
}

/* False when no ring has a point inside. Rings that enclose nothing are dropped. */
static bool rings_nest(const struct geo_ring *rings, size_t n, struct arena *mem, struct geo_shape *out)
{
    struct nest *v = ARENA_NEW_N(mem, struct nest, n + 1);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        struct nest one = {.ring = rings[i], .area = fabs(geo_ring_area(&rings[i]))};
        struct geo_polygon polygon = {0, 1};
        struct geo_shape alone = {&polygon, 1, &one.ring, 1};
        if (n == 1 || broad_point(&alone, mem, &one.probe))
            v[kept++] = one;
    }
    if (kept == 0)
        return false;
    qsort(v, kept, sizeof *v, nest_compare);
    nest_depths(v, kept);
    shape_of_nest(v, kept, mem, out);
    return true;
}

/* --- the whole path ------------------------------------------------------------------------------------------------ */

static bool is_plainly_valid(const struct geo_shape *s)
{
    return s->rings_n == 1 && s->rings[0].n <= SIMPLE_TEST_MAX && geo_ring_is_simple(&s->rings[0]);
}

static bool is_repairable(const struct geo_shape *s)
{
    return geo_shape_points(s) <= CROSSING_TEST_MAX &&
           geo_ring_crossings(s->rings, s->rings_n, GEO_AREA_CROSSINGS_MAX) < GEO_AREA_CROSSINGS_MAX;
}

static enum rc shape_repair(struct geo_geos *g, struct geo_shape *s, struct arena *mem, struct geo_area *out,
                            struct err *err)
{
    if (is_plainly_valid(s) || geos_is_valid(g, s))
        return RC_OK;
    if (!is_repairable(s))
        return err_set(err, RC_INVALID, "the outline crosses itself too often to be repaired");
    out->is_repaired = true;
    return geos_make_valid(g, s, mem, err);
}

static enum rc shape_finish(struct geo_geos *g, struct geo_shape *s, bool is_shifted, struct arena *mem,
                            struct geo_area *out, struct err *err)
{
    TRY(shape_repair(g, s, mem, out, err));
    if (geo_shape_points(s) > GEO_FOOTPRINT_POINTS_MAX) {
        TRY(geos_simplify(g, s, GEO_FOOTPRINT_POINTS_MAX, mem, err));
        out->is_simplified = true;
        if (!geos_is_valid(g, s)) /* parts are simplified one by one and may come to overlap */
            TRY(geos_make_valid(g, s, mem, err));
    }
    if (is_shifted)
        TRY(geos_cut_at_180(g, s, mem, err));
    if (!point_choose(s, mem, out))
        return err_set(err, RC_INVALID, "the outline encloses no area");
    out->shape = *s;
    out->wkb = geo_wkb_write(s, mem);
    return RC_OK;
}

enum rc geo_area_make(struct geo_geos *g, const struct geo_ring *rings, size_t n, struct arena *mem,
                      struct geo_area *out, struct err *err)
{
    struct geo_area area = {0};
    struct geo_shape shape;
    size_t points = 0, kept = 0;
    for (size_t i = 0; i < n; i++)
        points += rings[i].n;
    if (n > GEO_AREA_RINGS_MAX || points > GEO_AREA_POINTS_MAX || n * points > GEO_AREA_NEST_MAX)
        return err_set(err, RC_TOO_LARGE, "the area has %zu rings and %zu points, over the limit", n, points);
    struct geo_ring *clean = ARENA_NEW_N(mem, struct geo_ring, n + 1);
    for (size_t i = 0; i < n; i++)
        kept += ring_clean(&rings[i], mem, &clean[kept]);
    bool shifted = shift_east(clean, kept);
    if (!rings_nest(clean, kept, mem, &shape))
        return err_set(err, RC_INVALID, "the outline encloses no area");
    TRY(shape_finish(g, &shape, shifted, mem, &area, err));
    *out = area;
    return RC_OK;
}
