/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Spherical distances, Web Mercator and Morton keys. See geo.h.
 * Invariant:
 *   G1 geo_merc_of never decreases in longitude and never increases in latitude beyond one pixel of rounding, so a
 *      box widened by one pixel holds the pixel of every point of the box.
 */
#include "geo/geo.h"

#include <math.h>
#include <string.h>

#define PI        3.14159265358979323846
#define RAD(deg)  ((deg) * (PI / 180.0))
#define DEG(rad)  ((rad) * (180.0 / PI))
#define MERC_SIZE 2147483648.0 /* 2^31 pixels on a side */
#define MERC_LAST UINT32_C(0x7fffffff)
#define MERC_ZOOM 31

enum { BOX_NODES_MAX = 256 }; /* ranges one box is ever cut into */

enum rc geo_point_make(double lat_deg, double lon_deg, struct geo_point *out, struct err *err)
{
    if (!(lat_deg >= -90.0 && lat_deg <= 90.0)) /* negated: NaN must fail too */
        return err_set(err, RC_INVALID, "latitude %g is outside [-90, 90]", lat_deg);
    if (!(lon_deg >= -180.0 && lon_deg <= 180.0))
        return err_set(err, RC_INVALID, "longitude %g is outside [-180, 180]", lon_deg);
    *out = (struct geo_point){.lat_deg = lat_deg, .lon_deg = lon_deg};
    return RC_OK;
}

enum rc geo_box_make(double west, double south, double east, double north, struct geo_box *out, struct err *err)
{
    struct geo_point sw, ne;
    TRY(geo_point_make(south, west, &sw, err));
    TRY(geo_point_make(north, east, &ne, err));
    if (south > north)
        return err_set(err, RC_INVALID, "the box's south edge %g lies north of its north edge %g", south, north);
    *out = (struct geo_box){.west_deg = west, .south_deg = south, .east_deg = east, .north_deg = north};
    return RC_OK;
}

bool geo_box_contains(const struct geo_box *b, struct geo_point p)
{
    if (!(p.lat_deg >= b->south_deg && p.lat_deg <= b->north_deg))
        return false;
    if (b->west_deg <= b->east_deg)
        return p.lon_deg >= b->west_deg && p.lon_deg <= b->east_deg;
    return p.lon_deg >= b->west_deg || p.lon_deg <= b->east_deg;
}

/* The arctangent form, as the haversine loses digits near the antipode and the cosine form loses them nearby.
 * Source: T. Vincenty, Direct and inverse solutions of geodesics on the ellipsoid, Survey Review 23(176), 1975,
 * equations 14-16 with flattening zero. */
double geo_distance_m(struct geo_point a, struct geo_point b)
{
    double la = RAD(a.lat_deg), lb = RAD(b.lat_deg), dl = RAD(b.lon_deg - a.lon_deg);
    double sa = sin(la), ca = cos(la), sb = sin(lb), cb = cos(lb), sd = sin(dl), cd = cos(dl);
    double u = cb * sd, v = ca * sb - sa * cb * cd;
    return EARTH_RADIUS_M * atan2(sqrt(u * u + v * v), sa * sb + ca * cb * cd);
}

static double lon_wrap(double lon_deg)
{
    if (lon_deg > 180.0)
        return lon_deg - 360.0;
    return lon_deg < -180.0 ? lon_deg + 360.0 : lon_deg;
}

static double lat_clamp(double lat_deg)
{
    return fmin(90.0, fmax(-90.0, lat_deg));
}

struct geo_box geo_box_around(struct geo_point p, double radius_m)
{
    const double slack_deg = 1e-9; /* a tenth of a millimetre, far above the rounding here */
    struct geo_box whole = {.west_deg = -180.0, .south_deg = -90.0, .east_deg = 180.0, .north_deg = 90.0};
    double r = fmax(0.0, radius_m) / EARTH_RADIUS_M;
    if (!(r < PI) || isnan(radius_m))
        return whole;
    double south = p.lat_deg - DEG(r) - slack_deg, north = p.lat_deg + DEG(r) + slack_deg;
    whole.south_deg = lat_clamp(south);
    whole.north_deg = lat_clamp(north);
    if (south <= -90.0 || north >= 90.0)
        return whole;
    /* The meridian tangent to the circle: sin(dlon) = sin(r) / cos(lat). */
    double s = sin(r) / cos(RAD(p.lat_deg));
    double dlon = s < 1.0 ? DEG(asin(s)) * (1 + 1e-12) + slack_deg : 180.0;
    /* Near 90 degrees asin turns rounding of 1e-16 into 1e-8. */
    if (s > 0.999999)
        dlon += 1e-6;
    if (dlon >= 180.0)
        return whole;
    whole.west_deg = lon_wrap(p.lon_deg - dlon);
    whole.east_deg = lon_wrap(p.lon_deg + dlon);
    return whole;
}

struct geo_point geo_destination(struct geo_point p, double bearing_deg, double distance_m)
{
    double d = distance_m / EARTH_RADIUS_M, la = RAD(p.lat_deg), br = RAD(bearing_deg);
    double x = cos(la) * cos(d) - sin(la) * sin(d) * cos(br); /* towards the meridian of p, in the equator's plane */
    double y = sin(d) * sin(br);                              /* eastwards */
    double z = sin(la) * cos(d) + cos(la) * sin(d) * cos(br); /* to the north pole */
    return (struct geo_point){.lat_deg = lat_clamp(DEG(atan2(z, sqrt(x * x + y * y)))),
                              .lon_deg = lon_wrap(remainder(p.lon_deg + DEG(atan2(y, x)), 360.0))};
}

static uint32_t pixel_of(double unit)
{
    double v = floor(unit * MERC_SIZE);
    if (!(v > 0.0))
        return 0;
    return v >= MERC_SIZE ? MERC_LAST : (uint32_t)v;
}

/* EPSG:3857 (Snyder, Map Projections: a working manual, USGS 1987, equation 7-2a), scaled to a unit square with the
 * origin north-west. */
struct geo_merc geo_merc_of(struct geo_point p)
{
    double s = sin(RAD(p.lat_deg));
    double y = 0.5 - log((1.0 + s) / (1.0 - s)) / (4.0 * PI); /* at a pole infinite; pixel_of clamps */
    return (struct geo_merc){.x = pixel_of((p.lon_deg + 180.0) / 360.0), .y = pixel_of(y)};
}

static double merc_lon(double unit)
{
    return unit * 360.0 - 180.0;
}

static double merc_lat(double unit)
{
    return DEG(atan(sinh(PI * (1.0 - 2.0 * unit))));
}

struct geo_point geo_merc_point(struct geo_merc m)
{
    return (struct geo_point){.lat_deg = merc_lat((m.y + 0.5) / MERC_SIZE),
                              .lon_deg = merc_lon((m.x + 0.5) / MERC_SIZE)};
}

/* Bits of v to the even places, by doubling the gaps: half as fast as pdep, and on every machine.
 * Source: H. S. Warren, Hacker's Delight, 2nd ed., 2012, section 7-2 (perfect shuffle). */
static uint64_t spread(uint64_t v)
{
    v = (v | v << 16) & UINT64_C(0x0000ffff0000ffff);
    v = (v | v << 8) & UINT64_C(0x00ff00ff00ff00ff);
    v = (v | v << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    v = (v | v << 2) & UINT64_C(0x3333333333333333);
    return (v | v << 1) & UINT64_C(0x5555555555555555);
}

static uint32_t gather(uint64_t v)
{
    v &= UINT64_C(0x5555555555555555);
    v = (v | v >> 1) & UINT64_C(0x3333333333333333);
    v = (v | v >> 2) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    v = (v | v >> 4) & UINT64_C(0x00ff00ff00ff00ff);
    v = (v | v >> 8) & UINT64_C(0x0000ffff0000ffff);
    return (uint32_t)(v | v >> 16);
}

uint64_t geo_cell_from_merc(struct geo_merc m)
{
    return spread(m.x & MERC_LAST) | spread(m.y & MERC_LAST) << 1;
}

uint64_t geo_cell_of(struct geo_point p)
{
    return geo_cell_from_merc(geo_merc_of(p));
}

struct geo_merc geo_cell_merc(uint64_t cell)
{
    return (struct geo_merc){.x = gather(cell), .y = gather(cell >> 1)};
}

void geo_tile_range(int z, uint32_t x, uint32_t y, uint64_t *first, uint64_t *last)
{
    ENSURE(z >= 0 && z <= MERC_ZOOM && (uint64_t)x >> z == 0 && (uint64_t)y >> z == 0);
    int shift = 2 * (MERC_ZOOM - z);
    *first = (spread(x) | spread(y) << 1) << shift;
    *last = *first + ((UINT64_C(1) << shift) - 1);
}

struct geo_box geo_tile_box(int z, uint32_t x, uint32_t y)
{
    double n = ldexp(1.0, z);
    return (struct geo_box){.west_deg = merc_lon(x / n),
                            .south_deg = merc_lat((y + 1.0) / n),
                            .east_deg = merc_lon((x + 1.0) / n),
                            .north_deg = merc_lat(y / n)};
}

/* --- boxes as key ranges ------------------------------------------------------------------------------------- */

/* One or two rectangles of pixels, edges included; two when the box crosses the antimeridian. */
struct pixel_rects {
    uint32_t x0[2], x1[2], y0, y1;
    int n;
};

struct node {
    uint64_t first; /* key of the quadtree node's corner */
    uint64_t waste; /* pixels of the node outside the box; 0 once it need not be split */
    int level;      /* its side is 2^level pixels */
};

static struct pixel_rects rects_of(const struct geo_box *b)
{
    struct geo_merc nw = geo_merc_of((struct geo_point){.lat_deg = b->north_deg, .lon_deg = b->west_deg});
    struct geo_merc se = geo_merc_of((struct geo_point){.lat_deg = b->south_deg, .lon_deg = b->east_deg});
    uint32_t west = nw.x - (nw.x > 0), east = se.x + (se.x < MERC_LAST); /* G1 */
    struct pixel_rects r = {.y0 = nw.y - (nw.y > 0), .y1 = se.y + (se.y < MERC_LAST), .n = 1};
    r.x0[0] = west;
    r.x1[0] = east;
    if (b->west_deg > b->east_deg && west > east) {
        r.n = 2;
        r.x0[0] = 0;
        r.x0[1] = west;
        r.x1[1] = MERC_LAST;
    } else if (b->west_deg > b->east_deg) { /* all but a sliver */
        r.x0[0] = 0;
        r.x1[0] = MERC_LAST;
    }
    return r;
}

static uint64_t overlap(uint32_t a0, uint32_t a1, uint32_t b0, uint32_t b1)
{
    uint32_t lo = a0 > b0 ? a0 : b0, hi = a1 < b1 ? a1 : b1;
    return lo > hi ? 0 : (uint64_t)hi - lo + 1;
}

/* Fills n->waste; false when the node holds nothing of the box. */
static bool node_measure(const struct pixel_rects *r, struct node *n)
{
    struct geo_merc c = geo_cell_merc(n->first);
    uint32_t last = (UINT32_C(1) << n->level) - 1;
    uint64_t h = overlap(c.y, c.y + last, r->y0, r->y1), covered = 0;
    for (int i = 0; i < r->n; i++)
        covered += h * overlap(c.x, c.x + last, r->x0[i], r->x1[i]);
    n->waste = (UINT64_C(1) << 2 * n->level) - covered;
    return covered > 0;
}

/* Splits nodes[i] into those of its four children that hold something; keeps it whole when they do not fit. */
static size_t node_split(const struct pixel_rects *r, struct node *nodes, size_t i, size_t count, size_t max)
{
    struct node kids[4];
    size_t n = 0;
    for (uint64_t k = 0; k < 4; k++) {
        int level = nodes[i].level - 1;
        kids[n] = (struct node){.first = nodes[i].first + (k << 2 * level), .level = level};
        n += node_measure(r, &kids[n]);
    }
    if (count + n - 1 > max) {
        nodes[i].waste = 0;
        return count;
    }
    nodes[i] = kids[0];
    memcpy(nodes + count, kids + 1, (n - 1) * sizeof kids[0]);
    return count + n - 1;
}

static size_t most_wasteful(const struct node *nodes, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (nodes[i].waste > nodes[best].waste)
            best = i;
    return best;
}

static void sort_by_key(struct node *nodes, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct node n = nodes[i];
        size_t j = i;
        for (; j > 0 && nodes[j - 1].first > n.first; j--)
            nodes[j] = nodes[j - 1];
        nodes[j] = n;
    }
}

/* Always cuts where it saves the most keys, so few ranges already fit well. */
size_t geo_box_ranges(const struct geo_box *b, struct geo_range *out, size_t max_ranges)
{
    struct node nodes[BOX_NODES_MAX] = {{.first = 0, .level = MERC_ZOOM}};
    struct pixel_rects r = rects_of(b);
    size_t count = 1, max = max_ranges < BOX_NODES_MAX ? max_ranges : BOX_NODES_MAX, n = 0;
    ENSURE(max_ranges > 0);
    if (r.y0 > r.y1 || !node_measure(&r, &nodes[0]))
        return 0;
    for (;;) {
        size_t i = most_wasteful(nodes, count);
        if (nodes[i].waste == 0)
            break;
        count = node_split(&r, nodes, i, count, max);
    }
    sort_by_key(nodes, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t last = nodes[i].first + ((UINT64_C(1) << 2 * nodes[i].level) - 1);
        if (n > 0 && out[n - 1].last + 1 == nodes[i].first)
            out[n - 1].last = last;
        else
            out[n++] = (struct geo_range){.first = nodes[i].first, .last = last};
    }
    return n;
}
