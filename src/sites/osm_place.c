/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The place of one found object. Falls back step by step, each with a precision that says so:
 *   area whole -> point inside, footprint        0 (as good as the map)
 *   area with members or nodes missing, some ring closed -> point inside, footprint      the reach of the known part
 *   line -> its middle                           half its length
 *   no ring, group of objects -> middle of the known places                              the reach of the known part
 *   nothing known -> no place
 */
#include "sites/osm_int.h"

#include <math.h>
#include <string.h>

/* Metres. A line shorter than this is as good as a point; a part is missing, so at least this uncertain. */
static const double LINE_SHORT_M = 10, PART_MISSING_M = 100, MOST_MISSING_M = 1000;

static struct geo_point point_of(struct osm_coord c)
{
    return (struct geo_point){c.lat_e7 / 1e7, c.lon_e7 / 1e7};
}

/* The nodes of a way that the file has, in order. */
struct trace {
    int64_t *ids;
    struct geo_point *at;
    size_t n, missing;
};

static struct trace trace_of(const struct osm_job *job, const int64_t *refs, const struct osm_coord *ref_at, size_t n,
                             struct arena *mem)
{
    struct trace t = {.ids = ARENA_NEW_N(mem, int64_t, n), .at = ARENA_NEW_N(mem, struct geo_point, n)};
    for (size_t i = 0; i < n; i++) {
        struct osm_coord c = ref_at ? ref_at[i] : osm_spot_at(job, refs[i]);
        if (!osm_is_somewhere(c)) {
            t.missing++;
            continue;
        }
        t.ids[t.n] = refs[i];
        t.at[t.n++] = point_of(c);
    }
    return t;
}

/* --- middles ------------------------------------------------------------------------------------------------------- */

/* Places summed as directions from the earth's centre, so that the antimeridian is no edge. */
struct cloud {
    struct geo_point *v;
    size_t n, size;
    struct arena *mem;
};

static void cloud_add(struct cloud *c, struct geo_point p)
{
    if (c->n == c->size) {
        size_t size = c->size ? 2 * c->size : 64;
        c->v = arena_grow(c->mem, c->v, c->size * sizeof *c->v, size * sizeof *c->v);
        c->size = size;
    }
    c->v[c->n++] = p;
}

static struct geo_point cloud_middle(const struct cloud *c)
{
    const double rad = acos(-1) / 180;
    double x = 0, y = 0, z = 0;
    for (size_t i = 0; i < c->n; i++) {
        double lat = c->v[i].lat_deg * rad, lon = c->v[i].lon_deg * rad;
        x += cos(lat) * cos(lon);
        y += cos(lat) * sin(lon);
        z += sin(lat);
    }
    if (hypot(hypot(x, y), z) < 1e-9) /* places all round the world have no middle */
        return c->v[0];
    return (struct geo_point){atan2(z, hypot(x, y)) / rad, atan2(y, x) / rad};
}

static double cloud_reach_m(const struct cloud *c, struct geo_point from)
{
    double most = 0;
    for (size_t i = 0; i < c->n; i++)
        most = fmax(most, geo_distance_m(from, c->v[i]));
    return most;
}

static void place_middle(const struct cloud *c, double least_m, struct osm_place *out)
{
    if (c->n == 0)
        return;
    out->has_place = true;
    out->at = cloud_middle(c);
    double reach = cloud_reach_m(c, out->at);
    out->precision_m = reach < LINE_SHORT_M && least_m == 0 ? 0 : ceil(fmax(reach, least_m));
}

static void cloud_of_trace(struct cloud *c, const struct trace *t)
{
    bool closed = t->n > 1 && t->ids[0] == t->ids[t->n - 1];
    for (size_t i = closed; i < t->n; i++)
        cloud_add(c, t->at[i]);
}

static void place_area(const struct geo_area *area, struct osm_place *out)
{
    out->has_place = true;
    out->at = area->inside;
    out->wkb = area->wkb;
}

/* --- ways ---------------------------------------------------------------------------------------------------------- */

static void place_line(const struct trace *t, struct osm_place *out)
{
    double length_m;
    out->has_place = true;
    out->at = geo_line_middle(t->at, t->n, &length_m);
    out->precision_m = length_m / 2 < LINE_SHORT_M ? 0 : ceil(length_m / 2);
}

static void place_way(const struct osm_job *job, const struct osm_found *f, struct geo_geos *g, struct arena *mem,
                      struct osm_place *out)
{
    struct trace t = trace_of(job, f->refs, f->ref_at, f->refs_n, mem);
    struct geo_ring ring = {t.at, t.n};
    struct geo_area area;
    struct err ignored; /* an outline that encloses nothing is a line */
    if (t.missing) {
        struct cloud c = {.mem = mem};
        out->note = str_printf(mem, "%zu of %zu nodes are missing in the file", t.missing, f->refs_n);
        cloud_of_trace(&c, &t);
        place_middle(&c, PART_MISSING_M, out);
    } else if (f->form == OSM_FORM_AREA && geo_area_make(g, &ring, 1, mem, &area, &ignored) == RC_OK) {
        place_area(&area, out);
    } else if (t.n) {
        place_line(&t, out);
    }
}

/* --- relations ----------------------------------------------------------------------------------------------------- */

struct gather {
    const struct osm_job *job;
    struct arena *mem;
    struct geo_piece *pieces;
    size_t pieces_n;
    struct cloud cloud; /* every known node of every member */
    size_t ways, missing;
};

static void gather_way(struct gather *g, int64_t id, bool is_ring)
{
    const struct osm_line *way = osm_line_at(&g->job->ways, id);
    g->ways++;
    if (!way || way->refs_n == 0) {
        g->missing++;
        return;
    }
    struct trace t = trace_of(g->job, way->refs, way->ref_at, way->refs_n, g->mem);
    cloud_of_trace(&g->cloud, &t);
    if (t.missing)
        g->missing++;
    else if (is_ring)
        g->pieces[g->pieces_n++] = (struct geo_piece){t.ids, t.at, t.n};
}

static bool is_ring_part(const struct osm_found *f, const struct osm_part *p)
{
    return f->form == OSM_FORM_AREA ? p->role == OSM_ROLE_RING
                                    : f->form == OSM_FORM_BUILDING && p->role == OSM_ROLE_OUTLINE;
}

/* A way listed twice counts once: the edge would close on itself. */
static bool is_listed_before(const struct osm_found *f, size_t i)
{
    enum { LOOK_BACK = 2000 };
    for (size_t k = i > LOOK_BACK ? i - LOOK_BACK : 0; k < i; k++)
        if (f->parts[k].kind == OSM_WAY && f->parts[k].ref == f->parts[i].ref)
            return true;
    return false;
}

static void gather_node(struct gather *g, int64_t id)
{
    struct osm_coord c = osm_spot_at(g->job, id);
    if (osm_is_somewhere(c))
        cloud_add(&g->cloud, point_of(c));
}

/* A group in a group adds its ways and nodes; deeper ones are not followed. */
static void gather_group(struct gather *g, int64_t id)
{
    const struct osm_line *group = osm_line_at(&g->job->groups, id);
    for (size_t i = 0; group && i < group->parts_n; i++)
        if (group->parts[i].kind == OSM_WAY)
            gather_way(g, group->parts[i].ref, false);
        else if (group->parts[i].kind == OSM_NODE)
            gather_node(g, group->parts[i].ref);
}

static void gather_parts(struct gather *g, const struct osm_found *f)
{
    bool is_area = f->form == OSM_FORM_AREA;
    for (size_t i = 0; i < f->parts_n; i++) {
        const struct osm_part *p = &f->parts[i];
        if (p->kind == OSM_WAY && (!is_area || is_ring_part(f, p)) && !is_listed_before(f, i))
            gather_way(g, p->ref, is_ring_part(f, p));
        else if (p->kind == OSM_RELATION && !is_area)
            gather_group(g, p->ref);
    }
    for (size_t i = 0; i < f->parts_n; i++) /* nodes of an area are labels: only when nothing better is known */
        if (f->parts[i].kind == OSM_NODE && (!is_area || g->cloud.n == 0))
            gather_node(g, f->parts[i].ref);
}

static bool place_rings(const struct gather *g, struct geo_geos *geos, struct osm_place *out)
{
    struct geo_rings rings;
    struct geo_area area;
    struct err ignored; /* what cannot be built falls back to the middle */
    geo_rings_join(g->pieces, g->pieces_n, g->mem, &rings);
    if (rings.n == 0 || geo_area_make(geos, rings.rings, rings.n, g->mem, &area, &ignored) != RC_OK)
        return false;
    place_area(&area, out);
    if (g->missing || rings.loose) {
        out->note = str_printf(g->mem, "the outline is incomplete in the file: %zu of %zu ways missing, %zu loose",
                               g->missing, g->ways, rings.loose);
        out->precision_m = ceil(fmax(cloud_reach_m(&g->cloud, out->at), PART_MISSING_M));
    }
    return true;
}

static void place_relation(const struct osm_job *job, const struct osm_found *f, struct geo_geos *geos,
                           struct arena *mem, struct osm_place *out)
{
    struct gather g = {
        .job = job, .mem = mem, .pieces = ARENA_NEW_N(mem, struct geo_piece, f->parts_n), .cloud = {.mem = mem}};
    gather_parts(&g, f);
    if (g.pieces_n && place_rings(&g, geos, out))
        return;
    if (g.missing)
        out->note = str_printf(mem, "%zu of %zu member ways are missing in the file", g.missing, g.ways);
    else if (f->form == OSM_FORM_AREA)
        out->note = STR("its outline does not close");
    place_middle(&g.cloud, g.missing ? MOST_MISSING_M : f->form == OSM_FORM_AREA ? PART_MISSING_M : 0, out);
}

void osm_place_make(const struct osm_job *job, const struct osm_found *f, struct geo_geos *g, struct arena *mem,
                    struct osm_place *out)
{
    *out = (struct osm_place){0};
    if (f->kind == OSM_WAY) {
        place_way(job, f, g, mem, out);
    } else if (f->kind == OSM_RELATION) {
        place_relation(job, f, g, mem, out);
    } else if (osm_is_somewhere(f->at)) {
        out->has_place = true;
        out->at = point_of(f->at);
    }
}
