/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Well-known text of points and areas, as spreadsheets and query services write it.
 * Source: OGC 06-103r4, Simple Feature Access part 1, section 7. x = longitude; Z and M values are dropped.
 */
#include "sites/mapped_int.h"

struct wkt {
    const char *p, *end;
    struct arena *mem;
    size_t points;
};

static void space(struct wkt *w)
{
    while (w->p < w->end && (*w->p == ' ' || (*w->p >= '\t' && *w->p <= '\r')))
        w->p++;
}

static bool take(struct wkt *w, char c)
{
    space(w);
    if (w->p < w->end && *w->p == c) {
        w->p++;
        return true;
    }
    return false;
}

static struct str word(struct wkt *w)
{
    space(w);
    const char *from = w->p;
    while (w->p < w->end && ((*w->p >= 'A' && *w->p <= 'Z') || (*w->p >= 'a' && *w->p <= 'z')))
        w->p++;
    return (struct str){from, (size_t)(w->p - from)};
}

static bool number(struct wkt *w, double *out)
{
    space(w);
    const char *from = w->p;
    while (w->p < w->end && ((*w->p >= '0' && *w->p <= '9') || *w->p == '.' || *w->p == '-' || *w->p == '+' ||
                             *w->p == 'e' || *w->p == 'E'))
        w->p++;
    return str_parse_f64((struct str){from, (size_t)(w->p - from)}, out);
}

static enum rc position(struct wkt *w, struct geo_point *out, struct err *err)
{
    double lon, lat, more;
    if (!number(w, &lon) || !number(w, &lat))
        return err_set(err, RC_INVALID, "the WKT has a position that is not two numbers");
    for (int i = 0; i < 2; i++)
        if (space(w), w->p < w->end && *w->p != ',' && *w->p != ')' && !number(w, &more))
            return err_set(err, RC_INVALID, "the WKT has something after a position");
    if (++w->points > MAPPED_WKT_POINTS_MAX)
        return err_set(err, RC_TOO_LARGE, "the WKT has more than %d positions", MAPPED_WKT_POINTS_MAX);
    return geo_point_make(lat, lon, out, err);
}

static enum rc syntax(struct err *err, const char *what)
{
    return err_set(err, RC_INVALID, "the WKT lacks %s", what);
}

static enum rc ring(struct wkt *w, struct geo_ring *out, struct err *err)
{
    size_t n = 0, size = 0;
    struct geo_point *at = NULL;
    if (!take(w, '('))
        return syntax(err, "( before a ring");
    do {
        if (n + 1 >= size) {
            size_t old = size;
            size = size ? 2 * size : 64;
            at = arena_grow(w->mem, at, old * sizeof *at, size * sizeof *at);
        }
        TRY(position(w, &at[n++], err));
    } while (take(w, ','));
    if (!take(w, ')'))
        return syntax(err, ") after a ring");
    if (n < 3)
        return err_set(err, RC_INVALID, "the WKT has a ring of fewer than 3 positions");
    if (at[0].lat_deg != at[n - 1].lat_deg || at[0].lon_deg != at[n - 1].lon_deg)
        at[n++] = at[0];
    *out = (struct geo_ring){at, n};
    return RC_OK;
}

static enum rc polygon(struct wkt *w, struct mapped_place *out, struct err *err)
{
    if (!take(w, '('))
        return syntax(err, "( before a polygon");
    do {
        if (out->rings_n == GEO_AREA_RINGS_MAX)
            return err_set(err, RC_TOO_LARGE, "the WKT has more than %d rings", GEO_AREA_RINGS_MAX);
        TRY(ring(w, &out->rings[out->rings_n], err));
        out->rings_n++;
    } while (take(w, ','));
    return take(w, ')') ? RC_OK : syntax(err, ") after a polygon");
}

static enum rc polygons(struct wkt *w, struct mapped_place *out, struct err *err)
{
    if (!take(w, '('))
        return syntax(err, "( before the polygons");
    do
        TRY(polygon(w, out, err));
    while (take(w, ','));
    return take(w, ')') ? RC_OK : syntax(err, ") after the polygons");
}

static enum rc shape(struct wkt *w, struct mapped_place *out, struct err *err)
{
    struct str type = word(w), z = word(w);
    if (str_is_equal_nocase(z, STR("EMPTY")))
        return RC_OK;
    if (str_is_equal_nocase(type, STR("POINT"))) {
        if (!take(w, '('))
            return syntax(err, "( after POINT");
        TRY(position(w, &out->point, err));
        out->has_place = true;
        return take(w, ')') ? RC_OK : syntax(err, ") after the point");
    }
    bool is_multi = str_is_equal_nocase(type, STR("MULTIPOLYGON"));
    if (!is_multi && !str_is_equal_nocase(type, STR("POLYGON")))
        return err_set(err, RC_INVALID, "the WKT is not POINT, POLYGON or MULTIPOLYGON");
    out->rings = ARENA_NEW_N(w->mem, struct geo_ring, GEO_AREA_RINGS_MAX);
    TRY(is_multi ? polygons(w, out, err) : polygon(w, out, err));
    out->has_place = true;
    return RC_OK;
}

enum rc mapped_wkt_parse(struct str text, struct arena *mem, struct mapped_place *out, struct err *err)
{
    struct str head, rest;
    struct mapped_place place = {0};
    text = str_trim(text);
    if (str_starts_with(text, STR("SRID=")) && str_cut(text, ';', &head, &rest)) {
        if (!str_is_equal(head, STR("SRID=4326")))
            return err_set(err, RC_UNSUPPORTED, "the WKT is not in WGS 84 (SRID 4326)");
        text = rest;
    }
    if (!str_is_empty(text)) {
        struct wkt w = {text.p, text.p + text.n, mem, 0};
        TRY(shape(&w, &place, err));
        space(&w);
        if (w.p != w.end)
            return syntax(err, "its end: something follows");
    }
    *out = place;
    return RC_OK;
}
