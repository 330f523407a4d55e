/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Shared ground. See ground.h. Sites lie by Morton key in the atlas, so a cell of the grid is a run of them, and cells
 * of a smaller zoom are runs of cells.
 */
#include "sites/ground.h"

#include <stdlib.h>

#include "sites/atlas_int.h"

enum { CELL_SHIFT = 62 - 2 * GROUND_CELL_ZOOM };

struct level {
    struct ground_cell *cells;
    size_t n, size;
};
struct ground {
    struct level levels[GROUND_LEVELS]; /* [i]: cells of zoom i + GROUND_TILE_ZOOMS */
};

/* ---- counting ---- */

/* The religions met so far, and how many sites of each are in the set being counted. */
struct count {
    const struct atlas *atlas;
    uint32_t *faith_of; /* [combination]: 0 not looked at yet, 1 no faith, else 2 + its number */
    struct str *codes;  /* [number] */
    uint32_t *of_faith;
    uint32_t n;
    uint32_t sites, known, different;
};

static void count_init(struct count *c, const struct atlas *a)
{
    *c = (struct count){.atlas = a, .faith_of = mem_array(a->combos_n + 1, sizeof *c->faith_of)};
}

static void count_fini(struct count *c)
{
    free(c->faith_of);
    free(c->codes);
    free(c->of_faith);
}

static uint32_t faith_number(struct count *c, struct str code)
{
    uint32_t k = 0;
    if (code.n == 0 || str_is_equal(code, STR("none")))
        return 1;
    while (k < c->n && !str_is_equal(c->codes[k], code))
        k++;
    if (k == c->n) {
        c->n++;
        c->codes = mem_realloc(c->codes, c->n * sizeof *c->codes);
        c->of_faith = mem_realloc(c->of_faith, c->n * sizeof *c->of_faith);
        c->codes[k] = code;
        c->of_faith[k] = 0;
    }
    return k + 2;
}

static void count_site(struct count *c, size_t index)
{
    uint32_t combo = atlas_record_of(c->atlas, index)->combo;
    if (combo >= c->atlas->combos_n || (c->atlas->combos[combo].flags & ATLAS_COARSE))
        return;
    if (c->faith_of[combo] == 0)
        c->faith_of[combo] = faith_number(c, atlas_pool_str(c->atlas, c->atlas->combos[combo].religion));
    c->sites++;
    if (c->faith_of[combo] == 1)
        return;
    c->known++;
    c->different += c->of_faith[c->faith_of[combo] - 2]++ == 0;
}

/* The sum of what was counted; c counts from nothing again. */
static struct ground_sum count_take(struct count *c)
{
    struct ground_sum s = {.sites = c->sites, .known = c->known, .faiths = c->different};
    double squares = 0;
    for (size_t i = 0; i < c->n; i++) {
        squares += (double)c->of_faith[i] * c->of_faith[i];
        c->of_faith[i] = 0;
    }
    if (c->known)
        s.diversity = 1 - squares / ((double)c->known * c->known);
    c->sites = c->known = c->different = 0;
    return s;
}

static bool count_near(void *ctx, uint32_t index, double distance_m)
{
    (void)distance_m;
    count_site(ctx, index);
    return true;
}

struct ground_sum ground_at(const struct atlas *a, struct geo_point p)
{
    struct count c;
    count_init(&c, a);
    atlas_within(a, p, GROUND_RADIUS_M, count_near, &c);
    struct ground_sum s = count_take(&c);
    count_fini(&c);
    return s;
}

/* ---- the grid ---- */

static struct ground_cell *level_add(struct level *l, uint32_t key)
{
    if (l->n == l->size) {
        l->size = l->size ? l->size * 2 : 256;
        l->cells = mem_realloc(l->cells, l->size * sizeof *l->cells);
    }
    l->cells[l->n] = (struct ground_cell){.key = key};
    return &l->cells[l->n++];
}

/* What was counted, when it is shared ground. */
static void level_add_counted(struct level *l, uint32_t key, struct count *c)
{
    bool is_shared = c->different >= 2;
    struct ground_sum s = count_take(c);
    if (is_shared)
        *level_add(l, key) = (struct ground_cell){key, s.sites, s.known, 1, s.faiths, s.diversity};
}

/* Of the image alone. */
static void level_of_sites(struct level *l, const struct atlas *image)
{
    struct count c;
    count_init(&c, image);
    for (size_t i = 0, end; i < image->sites; i = end) {
        uint64_t key = image->cell[i] >> CELL_SHIFT;
        for (end = i + 1; end < image->sites && image->cell[end] >> CELL_SHIFT == key; end++)
            ;
        if (end - i == 1) /* most: their records need not be read */
            continue;
        for (size_t k = i; k < end; k++)
            count_site(&c, k);
        level_add_counted(l, (uint32_t)key, &c);
    }
    count_fini(&c);
}

/* ---- changes since the image ---- */

/* Cells that a site left or came to, rising, each once. */
struct dirty {
    const struct atlas_places *removed, *added;
    size_t r, n;
};

static bool dirty_next(struct dirty *d, uint32_t *key)
{
    bool has_removed = d->r < d->removed->n, has_added = d->n < d->added->n;
    if (!has_removed && !has_added)
        return false;
    uint64_t r = has_removed ? d->removed->cell[d->r] >> CELL_SHIFT : UINT64_MAX;
    uint64_t n = has_added ? d->added->cell[d->n] >> CELL_SHIFT : UINT64_MAX;
    *key = (uint32_t)(r < n ? r : n);
    while (d->r < d->removed->n && d->removed->cell[d->r] >> CELL_SHIFT == *key)
        d->r++;
    while (d->n < d->added->n && d->added->cell[d->n] >> CELL_SHIFT == *key)
        d->n++;
    return true;
}

static void recount(struct level *l, struct count *c, uint32_t key)
{
    uint64_t first = (uint64_t)key << CELL_SHIFT;
    struct atlas_walk w = atlas_walk_from(c->atlas, first, first + ((UINT64_C(1) << CELL_SHIFT) - 1));
    while (atlas_walk_next(&w))
        count_site(c, w.index);
    level_add_counted(l, key, c);
}

static void level_of_changes(struct level *l, const struct level *image, const struct atlas *a)
{
    struct dirty d = {.removed = &a->delta->removed, .added = &a->delta->added};
    struct count c;
    size_t at = 0;
    count_init(&c, a);
    for (uint32_t key; dirty_next(&d, &key);) {
        for (; at < image->n && image->cells[at].key < key; at++)
            *level_add(l, image->cells[at].key) = image->cells[at];
        at += at < image->n && image->cells[at].key == key;
        recount(l, &c, key);
    }
    for (; at < image->n; at++)
        *level_add(l, image->cells[at].key) = image->cells[at];
    count_fini(&c);
}

static void level_of_finer(struct level *l, const struct level *finer)
{
    struct ground_cell *at = NULL;
    for (size_t i = 0; i < finer->n; i++) {
        const struct ground_cell *c = &finer->cells[i];
        if (!at || at->key != c->key >> 2)
            at = level_add(l, c->key >> 2);
        at->sites += c->sites;
        at->places += c->places;
        at->faiths = c->faiths > at->faiths ? c->faiths : at->faiths;
        at->diversity = (at->diversity * at->known + c->diversity * c->known) / ((double)at->known + c->known);
        at->known += c->known;
    }
}

static void level_trim(struct level *l)
{
    if (l->n > 0 && l->n < l->size)
        l->cells = mem_realloc(l->cells, l->n * sizeof *l->cells);
    l->size = l->n;
}

static void levels_fill(struct ground *g)
{
    for (int i = GROUND_LEVELS - 2; i >= 0; i--)
        level_of_finer(&g->levels[i], &g->levels[i + 1]);
    for (int i = 0; i < GROUND_LEVELS; i++)
        level_trim(&g->levels[i]);
}

struct ground *ground_of_image(const struct atlas *a)
{
    struct ground *g = mem_alloc(sizeof *g);
    level_of_sites(&g->levels[GROUND_LEVELS - 1], &a->file->plain);
    levels_fill(g);
    return g;
}

struct ground *ground_now(const struct ground *image, const struct atlas *a)
{
    struct ground *g = mem_alloc(sizeof *g);
    const struct level *cells = &image->levels[GROUND_LEVELS - 1];
    if (a->delta)
        level_of_changes(&g->levels[GROUND_LEVELS - 1], cells, a);
    else
        for (size_t i = 0; i < cells->n; i++)
            *level_add(&g->levels[GROUND_LEVELS - 1], cells->cells[i].key) = cells->cells[i];
    levels_fill(g);
    return g;
}

void ground_free(struct ground *g)
{
    if (!g)
        return;
    for (int i = 0; i < GROUND_LEVELS; i++)
        free(g->levels[i].cells);
    free(g);
}

/* ---- asking ---- */

int ground_cell_zoom(int z)
{
    return z + GROUND_TILE_ZOOMS < GROUND_CELL_ZOOM ? z + GROUND_TILE_ZOOMS : GROUND_CELL_ZOOM;
}

/* The first cell with a key of at least `key`. */
static size_t level_from(const struct level *l, uint64_t key)
{
    size_t lo = 0, hi = l->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (l->cells[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct ground_cell *ground_tile(const struct ground *g, int z, uint32_t x, uint32_t y, size_t *n)
{
    int zoom = ground_cell_zoom(z);
    const struct level *l = &g->levels[zoom - GROUND_TILE_ZOOMS];
    uint64_t first, last;
    *n = 0;
    if (z > zoom) /* a tile smaller than a cell shows none */
        return NULL;
    geo_tile_range(z, x, y, &first, &last);
    size_t from = level_from(l, first >> (62 - 2 * zoom)), to = level_from(l, (last >> (62 - 2 * zoom)) + 1);
    *n = to - from;
    return l->cells ? l->cells + from : NULL;
}

static struct geo_merc cell_place(uint32_t key)
{
    struct geo_merc m = geo_cell_merc((uint64_t)key << CELL_SHIFT);
    return (struct geo_merc){m.x >> (31 - GROUND_CELL_ZOOM), m.y >> (31 - GROUND_CELL_ZOOM)};
}

struct geo_box ground_cell_box(uint32_t key)
{
    struct geo_merc m = cell_place(key);
    return geo_tile_box(GROUND_CELL_ZOOM, m.x, m.y);
}

/* The box in whole cells, both ends in. */
struct cells {
    uint32_t x_from, x_to, y_from, y_to;
    bool is_across; /* the antimeridian */
};

static struct cells cells_of(const struct geo_box *b)
{
    struct geo_merc nw = geo_merc_of((struct geo_point){b->north_deg, b->west_deg}),
                    se = geo_merc_of((struct geo_point){b->south_deg, b->east_deg});
    const int shift = 31 - GROUND_CELL_ZOOM;
    return (struct cells){nw.x >> shift, se.x >> shift, nw.y >> shift, se.y >> shift, b->west_deg > b->east_deg};
}

static bool cells_have(const struct cells *c, struct geo_merc m)
{
    if (m.y < c->y_from || m.y > c->y_to)
        return false;
    bool from = m.x >= c->x_from, to = m.x <= c->x_to;
    return c->is_across ? from || to : from && to;
}

size_t ground_in_box(const struct ground *g, const struct geo_box *box, uint32_t from, size_t max,
                     struct ground_cell *out, uint32_t *next, size_t *matched)
{
    const struct level *l = &g->levels[GROUND_LEVELS - 1];
    struct cells c = cells_of(box);
    size_t n = 0;
    *next = UINT32_MAX;
    *matched = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (!cells_have(&c, cell_place(l->cells[i].key)))
            continue;
        ++*matched;
        if (l->cells[i].key < from)
            continue;
        if (n < max)
            out[n++] = l->cells[i];
        else if (*next == UINT32_MAX)
            *next = l->cells[i].key;
    }
    return n;
}
