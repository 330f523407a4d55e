/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See areas_index.h. Even-odd crossing (Shimrat, Algorithm 112, CACM 5(8), 1962) over the edges of one cell only.
 */
#include "sites/areas_index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sites/areas.h"

#define UNITS 1e7 /* per degree */
enum { CELLS_PER_DEG = 4, W = 360 * CELLS_PER_DEG, H = 180 * CELLS_PER_DEG };
#define CELL_UNITS  (UNITS / CELLS_PER_DEG)
#define SLACK_UNITS 4.0 /* an edge this near a cell counts as touching it */

struct edge {
    int32_t ax, ay, bx, by;
    int32_t area;
};

struct area_layer {
    struct arena mem;
    struct area_info *infos;
    int n, size;
    struct edge *edges;
    size_t edges_n, edges_size;
    uint32_t *start;                     /* W * H + 1: refs of cell c are refs[start[c] .. start[c + 1]) */
    uint32_t *refs;                      /* edge numbers; rising, so the edges of one area stand together */
    uint32_t *set;                       /* of each cell: index into set_at */
    uint32_t *set_at, sets_n, sets_size; /* set s holds ids[set_at[s] .. set_at[s + 1]) */
    int32_t *ids;
    size_t ids_n, ids_size;
    uint32_t *table; /* sets by hash of their ids; UINT32_MAX: free */
    uint32_t table_size;
};

struct area_layer *area_layer_new(void)
{
    struct area_layer *l = mem_alloc(sizeof *l);
    arena_init(&l->mem);
    return l;
}

void area_layer_free(struct area_layer *l)
{
    if (!l)
        return;
    arena_fini(&l->mem);
    free(l->infos);
    free(l->edges);
    free(l->start);
    free(l->refs);
    free(l->set);
    free(l->set_at);
    free(l->ids);
    free(l->table);
    free(l);
}

int area_layer_count(const struct area_layer *l)
{
    return l->n;
}

const struct area_info *area_layer_info(const struct area_layer *l, int area)
{
    return &l->infos[area];
}

static int32_t unit_of(double deg)
{
    return (int32_t)lround(deg * UNITS);
}

enum rc area_layer_add(struct area_layer *l, const struct area_info *info, const struct geo_shape *shape,
                       struct err *err)
{
    size_t points = geo_shape_points(shape);
    if (l->n == AREAS_FEATURES_MAX || l->edges_n + points > AREAS_VERTICES_MAX)
        return err_set(err, RC_TOO_LARGE, "more than %d areas or %d vertices", AREAS_FEATURES_MAX, AREAS_VERTICES_MAX);
    if (l->n == l->size) {
        l->size = l->size ? 2 * l->size : 256;
        l->infos = mem_realloc(l->infos, (size_t)l->size * sizeof *l->infos);
    }
    if (l->edges_n + points > l->edges_size) {
        l->edges_size = 2 * (l->edges_n + points);
        l->edges = mem_realloc(l->edges, l->edges_size * sizeof *l->edges);
    }
    l->infos[l->n] = (struct area_info){.code = str_copy(&l->mem, info->code),
                                        .country = str_copy(&l->mem, info->country),
                                        .name = str_copy(&l->mem, info->name),
                                        .note = str_copy(&l->mem, info->note),
                                        .is_disputed = info->is_disputed};
    for (size_t r = 0; r < shape->rings_n; r++)
        for (size_t i = 0; i + 1 < shape->rings[r].n; i++) {
            struct geo_point a = shape->rings[r].at[i], b = shape->rings[r].at[i + 1];
            struct edge e = {unit_of(a.lon_deg), unit_of(a.lat_deg), unit_of(b.lon_deg), unit_of(b.lat_deg), l->n};
            if (e.ax != e.bx || e.ay != e.by)
                l->edges[l->edges_n++] = e;
        }
    l->n++;
    return RC_OK;
}

static int clamp(double v, int below)
{
    return v < 0 ? 0 : v >= below ? below - 1 : (int)v;
}

static int column_of(double x)
{
    return clamp((x + 180 * UNITS) / CELL_UNITS, W);
}

static int row_of(double y)
{
    return clamp((y + 90 * UNITS) / CELL_UNITS, H);
}

static double cell_west(int column)
{
    return column * CELL_UNITS - 180 * UNITS;
}

static double cell_south(int row)
{
    return row * CELL_UNITS - 90 * UNITS;
}

/* The reference point (X1). */
static double centre_x(int column)
{
    return floor(cell_west(column) + CELL_UNITS / 2) + 0.5;
}

static double centre_y(int row)
{
    return floor(cell_south(row) + CELL_UNITS / 2) + 0.5;
}

/* Calls for every cell the edge touches, a little generously, row by row. */
typedef void (*cell_fn)(struct area_layer *l, uint32_t cell, uint32_t edge);

static void edge_cells(struct area_layer *l, uint32_t number, cell_fn fn)
{
    struct edge e = l->edges[number];
    double low = fmin(e.ay, e.by), high = fmax(e.ay, e.by);
    for (int row = row_of(low - SLACK_UNITS); row <= row_of(high + SLACK_UNITS); row++) {
        double from = fmax(low, cell_south(row) - SLACK_UNITS), to = fmin(high, cell_south(row + 1) + SLACK_UNITS);
        double x1 = e.ax, x2 = e.bx;
        if (e.ay != e.by) {
            double slope = ((double)e.bx - e.ax) / ((double)e.by - e.ay);
            x1 = e.ax + (from - e.ay) * slope;
            x2 = e.ax + (to - e.ay) * slope;
        }
        int last = column_of(fmax(x1, x2) + SLACK_UNITS);
        for (int column = column_of(fmin(x1, x2) - SLACK_UNITS); column <= last; column++)
            fn(l, (uint32_t)(row * W + column), number);
    }
}

static void cell_count(struct area_layer *l, uint32_t cell, uint32_t edge)
{
    (void)edge;
    l->start[cell + 1]++;
}

static void cell_put(struct area_layer *l, uint32_t cell, uint32_t edge)
{
    l->refs[l->start[cell]++] = edge;
}

static void refs_build(struct area_layer *l)
{
    const size_t cells = (size_t)W * H;
    l->start = mem_array(cells + 1, sizeof *l->start);
    for (size_t i = 0; i < l->edges_n; i++)
        edge_cells(l, (uint32_t)i, cell_count);
    for (size_t c = 0; c < cells; c++)
        l->start[c + 1] += l->start[c];
    l->refs = mem_array(l->start[cells] ? l->start[cells] : 1, sizeof *l->refs);
    for (size_t i = 0; i < l->edges_n; i++)
        edge_cells(l, (uint32_t)i, cell_put);
    memmove(l->start + 1, l->start, cells * sizeof *l->start); /* cell_put moved each to the next one's start */
    l->start[0] = 0;
}

/* Sets of areas, each kept once. */
struct set_now {
    int32_t *ids; /* rising */
    size_t n;
};

static uint32_t set_hash(const int32_t *ids, size_t n)
{
    return (uint32_t)str_hash((struct str){(const char *)ids, n * sizeof *ids});
}

static bool set_is(const struct area_layer *l, uint32_t s, const struct set_now *now)
{
    size_t n = l->set_at[s + 1] - l->set_at[s];
    return n == now->n && (n == 0 || memcmp(l->ids + l->set_at[s], now->ids, n * sizeof *now->ids) == 0);
}

static void table_put(struct area_layer *l, uint32_t s)
{
    uint32_t i = set_hash(l->ids + l->set_at[s], l->set_at[s + 1] - l->set_at[s]) & (l->table_size - 1);
    while (l->table[i] != UINT32_MAX)
        i = (i + 1) & (l->table_size - 1);
    l->table[i] = s;
}

static void table_grow(struct area_layer *l)
{
    free(l->table);
    l->table_size = l->table_size ? 2 * l->table_size : 1024;
    l->table = mem_array(l->table_size, sizeof *l->table);
    memset(l->table, 0xff, l->table_size * sizeof *l->table);
    for (uint32_t s = 0; s < l->sets_n; s++)
        table_put(l, s);
}

static uint32_t set_intern(struct area_layer *l, const struct set_now *now)
{
    if (2 * (l->sets_n + 1) > l->table_size)
        table_grow(l);
    uint32_t i = set_hash(now->ids, now->n) & (l->table_size - 1);
    for (; l->table[i] != UINT32_MAX; i = (i + 1) & (l->table_size - 1))
        if (set_is(l, l->table[i], now))
            return l->table[i];
    if (l->sets_n + 2 > l->sets_size) {
        l->sets_size = l->sets_size ? 2 * l->sets_size : 1024;
        l->set_at = mem_realloc(l->set_at, l->sets_size * sizeof *l->set_at);
    }
    if (l->ids_n + now->n > l->ids_size) {
        l->ids_size = 2 * (l->ids_n + now->n);
        l->ids = mem_realloc(l->ids, l->ids_size * sizeof *l->ids);
    }
    if (now->n)
        memcpy(l->ids + l->ids_n, now->ids, now->n * sizeof *now->ids);
    l->set_at[l->sets_n] = (uint32_t)l->ids_n;
    l->ids_n += now->n;
    l->set_at[l->sets_n + 1] = (uint32_t)l->ids_n;
    l->table[i] = l->sets_n;
    return l->sets_n++;
}

static void set_flip(struct set_now *now, int32_t area)
{
    size_t i = 0;
    while (i < now->n && now->ids[i] < area)
        i++;
    if (i < now->n && now->ids[i] == area) {
        memmove(now->ids + i, now->ids + i + 1, (now->n - i - 1) * sizeof *now->ids);
        now->n--;
    } else {
        memmove(now->ids + i + 1, now->ids + i, (now->n - i) * sizeof *now->ids);
        now->ids[i] = area;
        now->n++;
    }
}

static bool crosses_horizontal(const struct edge *e, double y, double x1, double x2)
{
    if ((e->ay > y) == (e->by > y))
        return false;
    double x = e->ax + (y - e->ay) * ((double)e->bx - e->ax) / ((double)e->by - e->ay);
    return (x > x1) != (x > x2);
}

static bool crosses_vertical(const struct edge *e, double x, double y1, double y2)
{
    if ((e->ax > x) == (e->bx > x))
        return false;
    double y = e->ay + (x - e->ax) * ((double)e->by - e->ay) / ((double)e->bx - e->ax);
    return (y > y1) != (y > y2);
}

/* One straight leg through one cell. */
static void leg(struct area_layer *l, int column, int row, bool is_horizontal, double at, double from, double to,
                struct set_now *now)
{
    size_t c = (size_t)row * W + (size_t)column;
    for (uint32_t i = l->start[c]; i < l->start[c + 1]; i++) {
        const struct edge *e = &l->edges[l->refs[i]];
        if (is_horizontal ? crosses_horizontal(e, at, from, to) : crosses_vertical(e, at, from, to))
            set_flip(now, e->area);
    }
}

/* From reference point to reference point: down the first column from the north, then along each row. */
static void sets_build(struct area_layer *l)
{
    struct set_now column = {mem_array((size_t)l->n + 1, sizeof(int32_t)), 0};
    struct set_now row = {mem_array((size_t)l->n + 1, sizeof(int32_t)), 0};
    double x0 = centre_x(0), y0 = centre_y(H - 1);
    for (size_t i = 0; i < l->edges_n; i++) /* up to beyond the pole, where there is nothing */
        if (crosses_vertical(&l->edges[i], x0, y0, 91 * UNITS))
            set_flip(&column, l->edges[i].area);
    l->set = mem_array((size_t)W * H, sizeof *l->set);
    for (int j = H - 1; j >= 0; j--) {
        if (j < H - 1) {
            leg(l, 0, j + 1, false, x0, centre_y(j + 1), cell_south(j + 1), &column);
            leg(l, 0, j, false, x0, cell_south(j + 1), centre_y(j), &column);
        }
        row.n = column.n;
        memcpy(row.ids, column.ids, column.n * sizeof *row.ids);
        uint32_t s = l->set[(size_t)j * W] = set_intern(l, &row);
        for (int i = 1; i < W; i++) {
            size_t c = (size_t)j * W + (size_t)i;
            if (l->start[c - 1] != l->start[c + 1]) { /* edges here or in the cell before */
                leg(l, i - 1, j, true, centre_y(j), centre_x(i - 1), cell_west(i), &row);
                leg(l, i, j, true, centre_y(j), cell_west(i), centre_x(i), &row);
                s = set_intern(l, &row);
            }
            l->set[c] = s;
        }
    }
    free(column.ids);
    free(row.ids);
}

void area_layer_build(struct area_layer *l)
{
    refs_build(l);
    sets_build(l);
}

static bool is_wanted(const struct area_layer *l, int32_t area, struct str country)
{
    return str_is_empty(country) || str_is_equal(l->infos[area].country, country);
}

static bool set_has(const struct area_layer *l, uint32_t s, int32_t area)
{
    for (uint32_t i = l->set_at[s]; i < l->set_at[s + 1]; i++)
        if (l->ids[i] == area)
            return true;
    return false;
}

int area_layer_find(const struct area_layer *l, struct geo_point p, struct str country)
{
    double x = floor(p.lon_deg * UNITS) + 0.5, y = floor(p.lat_deg * UNITS) + 0.5; /* X1 */
    int column = column_of(x), row = row_of(y);
    size_t c = (size_t)row * W + (size_t)column;
    double cx = centre_x(column), cy = centre_y(row);
    uint32_t s = l->set[c], from = l->set_at[s], to = l->set_at[s + 1];
    int best = AREA_NONE;
    for (uint32_t i = l->start[c]; i < l->start[c + 1];) {
        int32_t area = l->edges[l->refs[i]].area;
        bool flip = false;
        for (; i < l->start[c + 1] && l->edges[l->refs[i]].area == area; i++) {
            const struct edge *e = &l->edges[l->refs[i]];
            flip ^= crosses_horizontal(e, cy, cx, x) ^ crosses_vertical(e, x, cy, y);
        }
        if (flip != set_has(l, s, area) && is_wanted(l, area, country))
            best = best == AREA_NONE || area < best ? area : best;
        for (; from < to && l->ids[from] < area; from++) /* those without an edge here hold the whole cell */
            if (is_wanted(l, l->ids[from], country))
                best = best == AREA_NONE || l->ids[from] < best ? l->ids[from] : best;
        from += from < to && l->ids[from] == area;
    }
    for (; from < to; from++)
        if (is_wanted(l, l->ids[from], country))
            best = best == AREA_NONE || l->ids[from] < best ? l->ids[from] : best;
    return best;
}

/* Squared metres from the origin to the edge, on the plane that touches the sphere at p. */
static double edge_distance2(const struct edge *e, double x, double y, double mx, double my)
{
    double ax = (e->ax - x) * mx, ay = (e->ay - y) * my, dx = ((double)e->bx - e->ax) * mx,
           dy = ((double)e->by - e->ay) * my;
    double t = -(ax * dx + ay * dy) / (dx * dx + dy * dy + 1e-30);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    ax += t * dx;
    ay += t * dy;
    return ax * ax + ay * ay;
}

int area_layer_near(const struct area_layer *l, struct geo_point p, double radius_m, struct str country,
                    double *distance_m)
{
    const double metres = EARTH_RADIUS_M * 3.14159265358979323846 / 180 / UNITS;
    double x = p.lon_deg * UNITS, y = p.lat_deg * UNITS, my = metres,
           shrink = cos(p.lat_deg * 3.14159265358979323846 / 180);
    double mx = metres * (shrink > 0.01 ? shrink : 0.01); /* nearer the pole than 64 km there is no border */
    double best = radius_m * radius_m;
    int found = AREA_NONE;
    int west = (int)floor((x - radius_m / mx + 180 * UNITS) / CELL_UNITS),
        east = (int)floor((x + radius_m / mx + 180 * UNITS) / CELL_UNITS);
    for (int row = row_of(y - radius_m / my); row <= row_of(y + radius_m / my); row++)
        for (int column = west; column <= east; column++) {
            int turn = column < 0 ? -1 : column >= W ? 1 : 0; /* over the antimeridian */
            size_t c = (size_t)row * W + (size_t)(column - turn * W);
            for (uint32_t i = l->start[c]; i < l->start[c + 1]; i++) {
                const struct edge *e = &l->edges[l->refs[i]];
                double d = edge_distance2(e, x - turn * 360 * UNITS, y, mx, my);
                if (d <= best && is_wanted(l, e->area, country)) {
                    best = d;
                    found = e->area;
                }
            }
        }
    if (found != AREA_NONE)
        *distance_m = sqrt(best);
    return found;
}
