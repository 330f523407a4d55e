/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See sites_geojson.h.
 */
#include "sites/sites_geojson.h"

enum { DECIMALS = 7 }; /* a centimetre; what OpenStreetMap itself keeps */

enum rc geojson_point(const json_t *c, struct geo_point *out, struct err *err)
{
    const json_t *lon = json_array_get(c, 0), *lat = json_array_get(c, 1);
    if (!json_is_number(lon) || !json_is_number(lat))
        return err_set(err, RC_INVALID, "a position is not [longitude, latitude]");
    return geo_point_make(json_number_value(lat), json_number_value(lon), out, err);
}

static enum rc ring_read(const json_t *c, struct arena *mem, struct geo_ring *out, struct err *err)
{
    size_t n = json_array_size(c);
    if (n < 3)
        return err_set(err, RC_INVALID, "a ring has fewer than 3 positions");
    if (n > GEO_WKB_POINTS_MAX)
        return err_set(err, RC_TOO_LARGE, "a ring has more than %d positions", GEO_WKB_POINTS_MAX);
    struct geo_point *at = ARENA_NEW_N(mem, struct geo_point, n + 1);
    for (size_t i = 0; i < n; i++)
        TRY(geojson_point(json_array_get(c, i), &at[i], err));
    if (at[0].lat_deg != at[n - 1].lat_deg || at[0].lon_deg != at[n - 1].lon_deg)
        at[n++] = at[0];
    if (n < 4)
        return err_set(err, RC_INVALID, "a ring has fewer than 4 positions");
    *out = (struct geo_ring){at, n};
    return RC_OK;
}

static size_t rings_of(const json_t *polygons)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(polygons); i++)
        n += json_array_size(json_array_get(polygons, i));
    return n;
}

static enum rc polygons_read(const json_t *polygons, struct arena *mem, struct geo_shape *out, struct err *err)
{
    size_t n = json_array_size(polygons), rings = rings_of(polygons);
    if (n == 0 || rings == 0)
        return err_set(err, RC_INVALID, "the polygon has no ring");
    if (n > GEO_WKB_POLYGONS_MAX || rings > GEO_WKB_RINGS_MAX)
        return err_set(err, RC_TOO_LARGE, "more than %d polygons or %d rings", GEO_WKB_POLYGONS_MAX, GEO_WKB_RINGS_MAX);
    struct geo_shape s = {.polygons = ARENA_NEW_N(mem, struct geo_polygon, n),
                          .rings = ARENA_NEW_N(mem, struct geo_ring, rings)};
    for (size_t i = 0; i < n; i++) {
        const json_t *polygon = json_array_get(polygons, i);
        if (!json_is_array(polygon) || json_array_size(polygon) == 0)
            return err_set(err, RC_INVALID, "polygon %zu has no ring", i + 1);
        s.polygons[s.polygons_n++] = (struct geo_polygon){s.rings_n, json_array_size(polygon)};
        for (size_t k = 0; k < json_array_size(polygon); k++)
            TRY(ring_read(json_array_get(polygon, k), mem, &s.rings[s.rings_n++], err));
    }
    *out = s;
    return RC_OK;
}

enum rc geojson_shape(const json_t *geometry, struct arena *mem, struct geo_shape *out, struct err *err)
{
    struct str type = str_of(json_string_value(json_object_get(geometry, "type")));
    const json_t *c = json_object_get(geometry, "coordinates");
    if (str_is_equal(type, STR("MultiPolygon")))
        return polygons_read(c, mem, out, err);
    if (!str_is_equal(type, STR("Polygon")))
        return err_set(err, RC_INVALID, "the geometry is not a Polygon or MultiPolygon");
    json_t *one = json_array();
    json_array_append(one, (json_t *)(uintptr_t)c); /* counted, not changed */
    enum rc rc = polygons_read(one, mem, out, err);
    json_decref(one);
    return rc;
}

static void put_position(struct json_out *j, struct geo_point p)
{
    json_begin_array(j);
    json_f64(j, p.lon_deg, DECIMALS);
    json_f64(j, p.lat_deg, DECIMALS);
    json_end_array(j);
}

void geojson_put_point(struct json_out *j, struct geo_point p)
{
    json_begin_object(j);
    json_put_str(j, "type", STR("Point"));
    json_key(j, "coordinates");
    put_position(j, p);
    json_end_object(j);
}

static void put_polygon(struct json_out *j, const struct geo_shape *s, const struct geo_polygon *p)
{
    json_begin_array(j);
    for (size_t r = p->first; r < p->first + p->n; r++) {
        json_begin_array(j);
        for (size_t i = 0; i < s->rings[r].n; i++)
            put_position(j, s->rings[r].at[i]);
        json_end_array(j);
    }
    json_end_array(j);
}

void geojson_put_shape(struct json_out *j, const struct geo_shape *s)
{
    bool is_one = s->polygons_n == 1;
    json_begin_object(j);
    json_put_str(j, "type", is_one ? STR("Polygon") : STR("MultiPolygon"));
    json_key(j, "coordinates");
    if (!is_one)
        json_begin_array(j);
    for (size_t i = 0; i < s->polygons_n; i++)
        put_polygon(j, s, &s->polygons[i]);
    if (!is_one)
        json_end_array(j);
    json_end_object(j);
}

void geojson_put_wkb(struct json_out *j, struct str wkb)
{
    struct arena mem;
    struct geo_shape s;
    struct err err;
    arena_init(&mem);
    if (str_is_empty(wkb) || geo_wkb_read(wkb, &mem, &s, &err) != RC_OK)
        json_nil(j);
    else
        geojson_put_shape(j, &s);
    arena_fini(&mem);
}
