/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Well-known binary of polygons. See wkb.h.
 */
#include "geo/wkb.h"

#include <string.h>

enum { WKB_POLYGON = 3, WKB_MULTIPOLYGON = 6, HEAD = 5 };

size_t geo_shape_points(const struct geo_shape *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->rings_n; i++)
        n += s->rings[i].n;
    return n;
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

static unsigned char *put_u32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        *p++ = (unsigned char)(v >> (8 * i));
    return p;
}

static unsigned char *put_f64(unsigned char *p, double d)
{
    uint64_t v;
    memcpy(&v, &d, sizeof v);
    p = put_u32(p, (uint32_t)v);
    return put_u32(p, (uint32_t)(v >> 32));
}

static unsigned char *put_head(unsigned char *p, uint32_t type, size_t n)
{
    *p++ = 1; /* little-endian */
    return put_u32(put_u32(p, type), (uint32_t)n);
}

static unsigned char *put_ring(unsigned char *p, const struct geo_ring *r, bool outer)
{
    bool turn = (geo_ring_area(r) > 0) != outer;
    p = put_u32(p, (uint32_t)r->n);
    for (size_t i = 0; i < r->n; i++) {
        struct geo_point at = r->at[turn ? r->n - 1 - i : i];
        p = put_f64(put_f64(p, at.lon_deg), at.lat_deg);
    }
    return p;
}

struct str geo_wkb_write(const struct geo_shape *s, struct arena *mem)
{
    size_t size = HEAD + 4 + s->polygons_n * (HEAD + 4) + s->rings_n * 4 + geo_shape_points(s) * 16;
    unsigned char *start = arena_alloc(mem, size), *p = start;
    if (s->polygons_n != 1)
        p = put_head(p, WKB_MULTIPOLYGON, s->polygons_n);
    for (size_t i = 0; i < s->polygons_n; i++) {
        p = put_head(p, WKB_POLYGON, s->polygons[i].n);
        for (size_t k = 0; k < s->polygons[i].n; k++)
            p = put_ring(p, &s->rings[s->polygons[i].first + k], k == 0);
    }
    return (struct str){(const char *)start, (size_t)(p - start)};
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

struct wkb {
    const unsigned char *p, *end;
    bool is_big;
    struct arena *mem;
    struct geo_shape *out;
    size_t polygons_size, rings_size, points;
    struct err *err;
};

static enum rc cut(struct wkb *w)
{
    return err_set(w->err, RC_DAMAGED, "the geometry is cut short");
}

static uint64_t get(struct wkb *w, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)w->p[i] << 8 * (w->is_big ? n - 1 - i : i);
    w->p += n;
    return v;
}

static double get_f64(struct wkb *w)
{
    uint64_t v = get(w, 8);
    double d;
    memcpy(&d, &v, sizeof d);
    return d;
}

static enum rc head(struct wkb *w, uint32_t *type, uint32_t *n)
{
    if (w->end - w->p < HEAD + 4)
        return cut(w);
    if (*w->p > 1)
        return err_set(w->err, RC_DAMAGED, "the geometry has no byte order");
    w->is_big = *w->p++ == 0;
    *type = (uint32_t)get(w, 4);
    *n = (uint32_t)get(w, 4);
    return RC_OK;
}

static enum rc ring(struct wkb *w)
{
    if (w->end - w->p < 4)
        return cut(w);
    size_t n = (size_t)get(w, 4);
    if (n > (size_t)(w->end - w->p) / 16)
        return cut(w);
    w->points += n;
    if (w->points > GEO_WKB_POINTS_MAX)
        return err_set(w->err, RC_TOO_LARGE, "the geometry has over 4 million points");
    struct geo_point *at = ARENA_NEW_N(w->mem, struct geo_point, n);
    for (size_t i = 0; i < n; i++) {
        double lon = get_f64(w), lat = get_f64(w);
        TRY(geo_point_make(lat, lon, &at[i], w->err));
    }
    if (n < 4 || at[0].lat_deg != at[n - 1].lat_deg || at[0].lon_deg != at[n - 1].lon_deg)
        return err_set(w->err, RC_DAMAGED, "a ring of the geometry is not closed or has under 4 points");
    struct geo_shape *o = w->out;
    if (o->rings_n == w->rings_size) {
        size_t size = w->rings_size ? 2 * w->rings_size : 8;
        o->rings = arena_grow(w->mem, o->rings, w->rings_size * sizeof *o->rings, size * sizeof *o->rings);
        w->rings_size = size;
    }
    o->rings[o->rings_n++] = (struct geo_ring){at, n};
    return RC_OK;
}

static enum rc polygon(struct wkb *w, uint32_t rings_n)
{
    struct geo_shape *o = w->out;
    if (o->rings_n + (size_t)rings_n > GEO_WKB_RINGS_MAX || o->polygons_n == GEO_WKB_POLYGONS_MAX)
        return err_set(w->err, RC_TOO_LARGE, "the geometry has over 65,536 rings or polygons");
    if (o->polygons_n == w->polygons_size) {
        size_t size = w->polygons_size ? 2 * w->polygons_size : 4;
        o->polygons =
            arena_grow(w->mem, o->polygons, w->polygons_size * sizeof *o->polygons, size * sizeof *o->polygons);
        w->polygons_size = size;
    }
    o->polygons[o->polygons_n++] = (struct geo_polygon){o->rings_n, rings_n};
    for (uint32_t i = 0; i < rings_n; i++)
        TRY(ring(w));
    return RC_OK;
}

static enum rc parts(struct wkb *w, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t type = 0, rings_n = 0;
        TRY(head(w, &type, &rings_n));
        if (type != WKB_POLYGON)
            return err_set(w->err, RC_DAMAGED, "a multipolygon holds geometry type %u", (unsigned)type);
        TRY(polygon(w, rings_n));
    }
    return RC_OK;
}

enum rc geo_wkb_read(struct str wkb, struct arena *mem, struct geo_shape *out, struct err *err)
{
    const unsigned char *p = (const unsigned char *)wkb.p;
    struct geo_shape shape = {0};
    struct wkb w = {.p = p, .end = wkb.n ? p + wkb.n : p, .mem = mem, .out = &shape, .err = err};
    uint32_t type = 0, n = 0;
    TRY(head(&w, &type, &n));
    if (type != WKB_POLYGON && type != WKB_MULTIPOLYGON)
        return err_set(err, RC_UNSUPPORTED, "geometry type %u is not a polygon or multipolygon", (unsigned)type);
    TRY(type == WKB_POLYGON ? polygon(&w, n) : parts(&w, n));
    if (w.p != w.end)
        return err_set(err, RC_DAMAGED, "%zu bytes follow the geometry", (size_t)(w.end - w.p));
    *out = shape;
    return RC_OK;
}
