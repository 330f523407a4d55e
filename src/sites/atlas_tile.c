/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What a tile shows. Below ATLAS_ZOOM_MAX a tile with its margin touches at most five bands of its level, in each a run
 * of rising x; at ATLAS_ZOOM_MAX it is one range of cells, its margin a few more.
 */
#include <stdlib.h>
#include <string.h>

#include "sites/atlas_int.h"

#define WORLD INT64_C(0x80000000) /* pixels round the earth at zoom 31 */

struct listing {
    const struct atlas *a;
    int z;
    int64_t x0, y0;     /* the tile's corner */
    int64_t west, east; /* pixels wanted, the last one excluded; relative to no wrap */
    int64_t north, south;
    int64_t shift; /* added to a pixel's x: a margin beyond the antimeridian */
    atlas_mark_fn fn;
    void *ctx;
    size_t n;
};

static int32_t units(int64_t pixels, int z)
{
    return (int32_t)(pixels >> (31 - 12 - z)); /* rounds down for negative ones too, as both compilers shift them */
}

static void give_site(struct listing *l, int64_t x, int64_t y, uint32_t site)
{
    struct atlas_mark m = {
        .x = units(x + l->shift - l->x0, l->z), .y = units(y - l->y0, l->z), .count = 1, .site = site};
    l->n++;
    l->fn(l->ctx, &m);
}

static void give_mark(struct listing *l, const struct atlas_level *v, const struct atlas_placed *p)
{
    uint32_t c = p->ref & ~ATLAS_IS_CLUSTER;
    if (!(p->ref & ATLAS_IS_CLUSTER)) {
        if (p->ref < l->a->sites + atlas_added(l->a)) /* A3 */
            give_site(l, p->x, p->y, p->ref);
        return;
    }
    if (c >= v->clusters)
        return;
    struct atlas_mark m = {.x = units((int64_t)p->x + l->shift - l->x0, l->z),
                           .y = units((int64_t)p->y - l->y0, l->z),
                           .count = v->count[c],
                           .religion = atlas_religion(l->a, v->religion[c])};
    l->n++;
    l->fn(l->ctx, &m);
}

/* First mark in [from, to) whose x is not below v. */
static size_t lower_bound(const struct atlas_placed *m, size_t from, size_t to, int64_t v)
{
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (m[mid].x < v)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

/* A run's records are asked for together, before the first is used: their misses overlap (measured: bench_tiles). */
static void fetch_ahead(const struct atlas *a, const struct atlas_placed *m)
{
    if (m->ref < a->sites)
        __builtin_prefetch(&a->record[m->ref]);
}

/* touched: marks not to give; NULL: none. */
static void list_band(struct listing *l, const struct atlas_level *v, const uint8_t *touched, uint32_t band)
{
    size_t end = v->bands[band + 1], from = v->bands[band];
    if (end > v->marks || from > end)
        return; /* A3 */
    int64_t west = l->west - l->shift, east = l->east - l->shift;
    size_t first = lower_bound(v->mark, from, end, west), last = first;
    for (; last < end && v->mark[last].x < east; last++)
        fetch_ahead(l->a, &v->mark[last]);
    for (size_t i = first; i < last; i++)
        if (v->mark[i].y >= l->north && v->mark[i].y < l->south && !(touched && atlas_bit(touched, i)))
            give_mark(l, v, &v->mark[i]);
}

static void list_level(struct listing *l)
{
    const struct atlas_delta *d = l->a->delta;
    uint32_t first = atlas_band_of(l->z, (uint32_t)l->north), last = atlas_band_of(l->z, (uint32_t)(l->south - 1));
    for (uint32_t b = first; b <= last; b++)
        list_band(l, &l->a->levels[l->z], d ? d->touched[l->z] : NULL, b);
    for (uint32_t b = first; d && b <= last; b++)
        list_band(l, &d->levels[l->z], NULL, b);
}

/* --- every site by itself ---------------------------------------------------------------------------------------- */

static void list_cells(struct listing *l, uint64_t first, uint64_t last)
{
    for (struct atlas_walk w = atlas_walk_from(l->a, first, last); atlas_walk_next(&w);) {
        struct geo_merc m = geo_cell_merc(w.cell);
        int64_t x = (int64_t)m.x + l->shift;
        if (x >= l->west && x < l->east && m.y >= l->north && m.y < l->south)
            give_site(l, m.x, m.y, w.index);
    }
}

enum { PIECE_ZOOM = ATLAS_ZOOM_MAX + 2 }; /* a margin of up to 1024 units is one quarter of a tile wide */

/* The tile itself, then the pieces around it that its margin reaches. */
static void list_sites(struct listing *l, uint32_t x, uint32_t y, bool is_ring)
{
    uint64_t first, last;
    if (!is_ring) {
        geo_tile_range(l->z, x, y, &first, &last);
        list_cells(l, first, last);
        return;
    }
    const int shift = 31 - PIECE_ZOOM, per_tile = 1 << (PIECE_ZOOM - ATLAS_ZOOM_MAX);
    for (int64_t py = l->north >> shift; py <= (l->south - 1) >> shift; py++)
        for (int64_t px = (l->west - l->shift) >> shift; px <= (l->east - l->shift - 1) >> shift; px++) {
            bool is_inside = l->shift == 0 && px / per_tile == x && py / per_tile == y;
            if (is_inside || px < 0 || px >= INT64_C(1) << PIECE_ZOOM)
                continue;
            geo_tile_range(PIECE_ZOOM, (uint32_t)px, (uint32_t)py, &first, &last);
            list_cells(l, first, last);
        }
}

static struct listing listing_of(const struct atlas *a, int z, uint32_t x, uint32_t y, uint32_t buffer,
                                 atlas_mark_fn fn, void *ctx)
{
    int64_t side = WORLD >> z, margin = (side * (int64_t)buffer) / ATLAS_EXTENT;
    struct listing l = {.a = a, .z = z, .x0 = x * side, .y0 = y * side, .fn = fn, .ctx = ctx};
    l.west = l.x0 - margin;
    l.east = l.x0 + side + margin;
    l.north = l.y0 > margin ? l.y0 - margin : 0;
    l.south = l.y0 + side + margin < WORLD ? l.y0 + side + margin : WORLD;
    return l;
}

size_t atlas_tile(const struct atlas *a, int z, uint32_t x, uint32_t y, uint32_t buffer, atlas_mark_fn fn, void *ctx)
{
    ENSURE(z >= 0 && z <= ATLAS_ZOOM_MAX && x >> z == 0 && y >> z == 0 && buffer <= ATLAS_BUFFER_MAX);
    struct listing l = listing_of(a, z, x, y, buffer, fn, ctx);
    bool is_last = z == ATLAS_ZOOM_MAX;
    if (is_last)
        list_sites(&l, x, y, false);
    if (is_last && buffer > 0)
        list_sites(&l, x, y, true);
    if (!is_last)
        list_level(&l);
    /* Across the antimeridian; at zoom 0 that would be the tile's own marks again. */
    for (int side = -1; z > 0 && buffer > 0 && side <= 1; side += 2) {
        l.shift = side * WORLD;
        if (side < 0 ? l.west >= 0 : l.east <= WORLD)
            continue;
        if (is_last)
            list_sites(&l, x, y, true);
        else
            list_level(&l);
    }
    return l.n;
}

void atlas_each_place(const struct atlas *a, int z, atlas_place_fn fn, void *ctx)
{
    ENSURE(z >= 0 && z <= ATLAS_ZOOM_MAX);
    if (z == ATLAS_ZOOM_MAX) {
        for (struct atlas_walk w = atlas_walk_from(a, 0, INT64_MAX); atlas_walk_next(&w);) {
            struct geo_merc m = geo_cell_merc(w.cell);
            fn(ctx, m.x, m.y);
        }
        return;
    }
    const struct atlas_level *l = &a->levels[z], *own = a->delta ? &a->delta->levels[z] : NULL;
    for (size_t i = 0; i < l->marks; i++)
        if (!own || !atlas_bit(a->delta->touched[z], i))
            fn(ctx, l->mark[i].x & INT32_MAX, l->mark[i].y & INT32_MAX); /* A3 */
    for (size_t i = 0; own && i < own->marks; i++)
        fn(ctx, own->mark[i].x, own->mark[i].y);
}

/* --- one religion ------------------------------------------------------------------------------------------------ */

enum { GRID = 16 };

struct grid_cell {
    uint64_t x, y;
    uint32_t count, site;
};

static void give_grid(struct listing *l, const struct grid_cell *g, struct str religion)
{
    for (size_t k = 0; k < GRID * GRID; k++) {
        if (g[k].count == 0)
            continue;
        struct atlas_mark m = {.x = units((int64_t)(g[k].x / g[k].count) - l->x0, l->z),
                               .y = units((int64_t)(g[k].y / g[k].count) - l->y0, l->z),
                               .count = g[k].count,
                               .site = g[k].site,
                               .religion = religion};
        l->n++;
        l->fn(l->ctx, &m);
    }
}

size_t atlas_tile_of_religion(const struct atlas *a, int z, uint32_t x, uint32_t y, struct str religion,
                              atlas_mark_fn fn, void *ctx)
{
    ENSURE(z >= 0 && z <= ATLAS_ZOOM_MAX && x >> z == 0 && y >> z == 0);
    struct listing l = listing_of(a, z, x, y, 0, fn, ctx);
    struct grid_cell grid[GRID * GRID] = {{0}};
    uint64_t first, last;
    uint8_t *wanted = mem_alloc(a->combos_n + 1);
    for (size_t c = 0; c < a->combos_n; c++)
        wanted[c] = str_is_equal(atlas_pool_str(a, a->combos[c].religion), religion);
    geo_tile_range(z, x, y, &first, &last);
    for (struct atlas_walk w = atlas_walk_from(a, first, last); atlas_walk_next(&w);) {
        uint32_t combo = atlas_record_of(a, w.index)->combo;
        if (combo >= a->combos_n || !wanted[combo])
            continue;
        struct geo_merc m = geo_cell_merc(w.cell);
        if (z == ATLAS_ZOOM_MAX) {
            give_site(&l, m.x, m.y, w.index);
            continue;
        }
        int down = 31 - z - 4; /* 16 cells on a side */
        struct grid_cell *g = &grid[(m.y >> down) % GRID * GRID + (m.x >> down) % GRID];
        g->x += m.x;
        g->y += m.y;
        g->site = w.index;
        g->count++;
    }
    free(wanted);
    give_grid(&l, grid, religion);
    return l.n;
}
