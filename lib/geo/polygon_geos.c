/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Shapes through GEOS and back. Every handle lives inside one function; GEOS's own messages become error texts.
 */
#include "geo/polygon_int.h"

#include <geos_c.h>
#include <stdlib.h>
#include <string.h>

struct geo_geos {
    GEOSContextHandle_t h;
    char text[200];
};

static void on_error(const char *message, void *ctx)
{
    struct geo_geos *g = ctx;
    struct str m = str_clip(str_of(message), sizeof g->text - 1);
    memcpy(g->text, m.p, m.n);
    g->text[m.n] = 0;
}

struct geo_geos *geo_geos_new(void)
{
    struct geo_geos *g = mem_alloc(sizeof *g);
    g->h = GEOS_init_r();
    ENSURE(g->h != NULL);
    GEOSContext_setErrorMessageHandler_r(g->h, on_error, g);
    return g;
}

void geo_geos_free(struct geo_geos *g)
{
    if (!g)
        return;
    GEOS_finish_r(g->h);
    free(g);
}

static enum rc failed(const struct geo_geos *g, struct err *err)
{
    return err_set(err, RC_INVALID, "the outline cannot be repaired: %s",
                   g->text[0] ? g->text : "nothing is left of it");
}

/* --- to GEOS ------------------------------------------------------------------------------------------------------- */

static GEOSGeometry *to_ring(struct geo_geos *g, const struct geo_ring *r)
{
    GEOSCoordSequence *c = GEOSCoordSeq_create_r(g->h, (unsigned)r->n, 2);
    if (!c)
        return NULL;
    for (size_t i = 0; i < r->n; i++)
        GEOSCoordSeq_setXY_r(g->h, c, (unsigned)i, r->at[i].lon_deg, r->at[i].lat_deg);
    return GEOSGeom_createLinearRing_r(g->h, c); /* takes c */
}

static void destroy_all(struct geo_geos *g, GEOSGeometry **v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        GEOSGeom_destroy_r(g->h, v[i]);
}

static GEOSGeometry *to_polygon(struct geo_geos *g, const struct geo_shape *s, const struct geo_polygon *p)
{
    GEOSGeometry **rings = mem_array(p->n, sizeof *rings), *out = NULL;
    size_t n = 0;
    while (n < p->n && (rings[n] = to_ring(g, &s->rings[p->first + n])))
        n++;
    if (n == p->n)
        out = GEOSGeom_createPolygon_r(g->h, rings[0], rings + 1, (unsigned)(n - 1)); /* takes the rings */
    else
        destroy_all(g, rings, n);
    free(rings);
    return out;
}

static GEOSGeometry *to_geos(struct geo_geos *g, const struct geo_shape *s)
{
    g->text[0] = 0;
    if (s->polygons_n == 1)
        return to_polygon(g, s, &s->polygons[0]);
    GEOSGeometry **parts = mem_array(s->polygons_n, sizeof *parts), *out = NULL;
    size_t n = 0;
    while (n < s->polygons_n && (parts[n] = to_polygon(g, s, &s->polygons[n])))
        n++;
    if (n == s->polygons_n)
        out = GEOSGeom_createCollection_r(g->h, GEOS_MULTIPOLYGON, parts, (unsigned)n); /* takes the parts */
    else
        destroy_all(g, parts, n);
    free(parts);
    return out;
}

/* --- from GEOS ----------------------------------------------------------------------------------------------------- */

struct reader {
    struct geo_geos *g;
    struct arena *mem;
    struct geo_shape *out;
    size_t polygons_size, rings_size;
    double shift; /* added to longitudes */
};

static bool from_ring(struct reader *r, const GEOSGeometry *ring)
{
    const GEOSCoordSequence *c = GEOSGeom_getCoordSeq_r(r->g->h, ring);
    unsigned n = 0;
    if (!c || !GEOSCoordSeq_getSize_r(r->g->h, c, &n) || n < 4 || r->out->rings_n == r->rings_size)
        return false;
    struct geo_point *at = ARENA_NEW_N(r->mem, struct geo_point, n);
    for (unsigned i = 0; i < n; i++) {
        GEOSCoordSeq_getXY_r(r->g->h, c, i, &at[i].lon_deg, &at[i].lat_deg);
        at[i].lon_deg += r->shift;
    }
    r->out->rings[r->out->rings_n++] = (struct geo_ring){at, n};
    return true;
}

static bool from_polygon(struct reader *r, const GEOSGeometry *p)
{
    int holes = GEOSGetNumInteriorRings_r(r->g->h, p);
    if (holes < 0 || r->out->polygons_n == r->polygons_size)
        return false;
    r->out->polygons[r->out->polygons_n++] = (struct geo_polygon){r->out->rings_n, (size_t)holes + 1};
    bool ok = from_ring(r, GEOSGetExteriorRing_r(r->g->h, p));
    for (int i = 0; ok && i < holes; i++)
        ok = from_ring(r, GEOSGetInteriorRingN_r(r->g->h, p, i));
    return ok;
}

static void count(struct geo_geos *g, const GEOSGeometry *geom, size_t *polygons, size_t *rings)
{
    int type = GEOSGeomTypeId_r(g->h, geom);
    if (type == GEOS_POLYGON && !GEOSisEmpty_r(g->h, geom)) {
        *polygons += 1;
        *rings += 1 + (size_t)GEOSGetNumInteriorRings_r(g->h, geom);
    } else if (type == GEOS_MULTIPOLYGON || type == GEOS_GEOMETRYCOLLECTION) {
        for (int i = 0; i < GEOSGetNumGeometries_r(g->h, geom); i++)
            count(g, GEOSGetGeometryN_r(g->h, geom, i), polygons, rings);
    }
}

/* Polygons only: the lines and points that a repair leaves over are no area. */
static bool from_any(struct reader *r, const GEOSGeometry *geom)
{
    int type = GEOSGeomTypeId_r(r->g->h, geom);
    if (type == GEOS_POLYGON)
        return GEOSisEmpty_r(r->g->h, geom) || from_polygon(r, geom);
    bool ok = true;
    if (type == GEOS_MULTIPOLYGON || type == GEOS_GEOMETRYCOLLECTION)
        for (int i = 0; ok && i < GEOSGetNumGeometries_r(r->g->h, geom); i++)
            ok = from_any(r, GEOSGetGeometryN_r(r->g->h, geom, i));
    return ok;
}

/* Adds the polygons of `geom` to a shape that has room for `more` of each. Takes geom, which may be NULL. */
static bool shape_from(struct geo_geos *g, GEOSGeometry *const *geoms, const double *shifts, size_t n,
                       struct arena *mem, struct geo_shape *s)
{
    struct geo_shape shape = {0};
    struct reader r = {.g = g, .mem = mem, .out = &shape};
    for (size_t i = 0; i < n; i++) {
        if (!geoms[i])
            return false;
        count(g, geoms[i], &r.polygons_size, &r.rings_size);
    }
    shape.polygons = ARENA_NEW_N(mem, struct geo_polygon, r.polygons_size + 1);
    shape.rings = ARENA_NEW_N(mem, struct geo_ring, r.rings_size + 1);
    for (size_t i = 0; i < n; i++) {
        r.shift = shifts ? shifts[i] : 0;
        if (!from_any(&r, geoms[i]))
            return false;
    }
    if (!shape.polygons_n)
        return false;
    *s = shape;
    return true;
}

/* --- operations ---------------------------------------------------------------------------------------------------- */

bool geos_is_valid(struct geo_geos *g, const struct geo_shape *s)
{
    GEOSGeometry *in = to_geos(g, s);
    bool valid = in && GEOSisValid_r(g->h, in) == 1;
    GEOSGeom_destroy_r(g->h, in);
    return valid;
}

enum rc geos_make_valid(struct geo_geos *g, struct geo_shape *s, struct arena *mem, struct err *err)
{
    GEOSGeometry *in = to_geos(g, s);
    GEOSMakeValidParams *how = GEOSMakeValidParams_create_r(g->h);
    /* by structure: outers merged, holes taken off. The other method takes minutes on outlines of a hundred crossings. */
    GEOSMakeValidParams_setMethod_r(g->h, how, GEOS_MAKE_VALID_STRUCTURE);
    GEOSMakeValidParams_setKeepCollapsed_r(g->h, how, 0);
    GEOSGeometry *out = in ? GEOSMakeValidWithParams_r(g->h, in, how) : NULL;
    GEOSMakeValidParams_destroy_r(g->h, how);
    bool ok = shape_from(g, &out, NULL, 1, mem, s);
    GEOSGeom_destroy_r(g->h, out);
    GEOSGeom_destroy_r(g->h, in);
    return ok ? RC_OK : failed(g, err);
}

enum rc geos_simplify(struct geo_geos *g, struct geo_shape *s, size_t max_points, struct arena *mem, struct err *err)
{
    enum { TRIES = 24 }; /* the tolerance doubles: from 1e-6 degrees (10 cm) past the size of a continent */
    GEOSGeometry *in = to_geos(g, s);
    bool ok = in != NULL;
    double tolerance = 1e-6;
    struct geo_shape now = *s;
    for (int i = 0; ok && i < TRIES && geo_shape_points(&now) > max_points; i++, tolerance *= 2) {
        GEOSGeometry *out = GEOSTopologyPreserveSimplify_r(g->h, in, tolerance);
        ok = shape_from(g, &out, NULL, 1, mem, &now);
        GEOSGeom_destroy_r(g->h, out);
    }
    GEOSGeom_destroy_r(g->h, in);
    if (!ok)
        return failed(g, err);
    if (geo_shape_points(&now) > max_points)
        return err_set(err, RC_TOO_LARGE, "the outline has too many parts to be simplified");
    *s = now;
    return RC_OK;
}

static GEOSGeometry *clip(struct geo_geos *g, const GEOSGeometry *in, double west, double east)
{
    GEOSGeometry *box = GEOSGeom_createRectangle_r(g->h, west, -90, east, 90);
    GEOSGeometry *out = box && in ? GEOSIntersection_r(g->h, in, box) : NULL;
    GEOSGeom_destroy_r(g->h, box);
    return out;
}

enum rc geos_cut_at_180(struct geo_geos *g, struct geo_shape *s, struct arena *mem, struct err *err)
{
    static const double SHIFTS[] = {0, -360};
    GEOSGeometry *in = to_geos(g, s);
    GEOSGeometry *halves[] = {clip(g, in, 0, 180), clip(g, in, 180, 360)};
    bool ok = shape_from(g, halves, SHIFTS, 2, mem, s);
    destroy_all(g, halves, 2);
    GEOSGeom_destroy_r(g->h, in);
    return ok ? RC_OK : failed(g, err);
}
