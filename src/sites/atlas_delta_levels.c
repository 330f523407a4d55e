/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The clusters of an overlay, zoom by zoom from below. Each zoom knows what has become of marks of the zoom below it:
 * those of the image that changed or vanished, and fresh ones. A mark of this zoom that one of them is part of is put
 * together anew from its members as they are now; a fresh one joins the nearest mark within the radius, or a fresh mark
 * before it, or stands for itself. So by induction from the sites up:
 *   L1 each site that is there is in exactly one mark of each zoom, and a mark's count, mean and religion are those of
 *      its members (A1); one that is gone is in none.
 *   L2 what no change reaches is as in the image, and is not looked at.
 * Marks are joined less tightly than a new build would join them, never less truly.
 */
#include <stdlib.h>
#include <string.h>

#include "sites/atlas_int.h"

#define NO_MARK UINT32_MAX

/* A mark as it is now. count 0: there is none any more. */
struct node {
    uint32_t x, y, count;
    uint32_t site;                    /* with count 1 */
    const struct atlas_share *shares; /* with a greater one */
    size_t shares_n;
};

struct change {
    uint32_t mark; /* of the image */
    struct node now;
};

/* A mark of this zoom that is put together anew. */
struct group {
    uint32_t mark; /* of the image; NO_MARK: a fresh one */
    uint32_t x, y; /* where its first member stands, for a fresh one */
    struct node *members;
    size_t n, size;
};

struct work {
    struct atlas *a;
    struct atlas_delta *d;
    struct arena mem;
    const uint32_t *religion_of; /* by combination */
    uint32_t *tally, *met;       /* by religion; those met */
    struct change *changes;      /* of the zoom below, by rising mark */
    size_t changes_n;
    struct node *fresh; /* of the zoom below, by rising x */
    size_t fresh_n;
    int z;
    struct group *groups;
    size_t groups_n, groups_size, fresh_from; /* fresh groups come last */
    uint32_t *slots;                          /* hash table of 1 + group, by mark */
    size_t slots_n;
    struct err *err;
};

static enum rc contradiction(struct work *w)
{
    return err_set(w->err, RC_DAMAGED, "the atlas contradicts itself at zoom %d; build it anew", w->z);
}

/* --- marks of the image ------------------------------------------------------------------------------------------ */

static uint32_t radius_of(int z)
{
    return (uint32_t)ATLAS_RADIUS << (31 - 12 - z);
}

/* Mark k of zoom z, or site k above ATLAS_ZOOM_CLUSTERS, as the image has it. False: A3. */
static bool image_node(const struct atlas *a, int z, uint32_t k, struct node *out)
{
    if (z == ATLAS_ZOOM_MAX) {
        struct geo_merc m = geo_cell_merc(a->cell[k]);
        *out = (struct node){.x = m.x, .y = m.y, .count = 1, .site = k};
        return true;
    }
    const struct atlas_level *l = &a->levels[z];
    struct atlas_placed p = l->mark[k];
    *out = (struct node){.x = p.x, .y = p.y, .count = 1, .site = p.ref};
    if (!(p.ref & ATLAS_IS_CLUSTER))
        return p.ref < a->sites;
    uint32_t c = p.ref & ~ATLAS_IS_CLUSTER;
    if (c >= l->clusters || l->share_at[c] > l->share_at[c + 1] || l->share_at[c + 1] > l->shares_n)
        return false;
    out->count = l->count[c];
    out->shares = l->shares + l->share_at[c];
    out->shares_n = l->share_at[c + 1] - l->share_at[c];
    for (size_t i = 0; i < out->shares_n; i++)
        if (out->shares[i].religion >= a->religions_n)
            return false;
    return true;
}

static int by_mark(const void *pa, const void *pb)
{
    uint32_t a = ((const struct change *)pa)->mark, b = ((const struct change *)pb)->mark;
    return (a > b) - (a < b);
}

static const struct change *change_of(const struct work *w, uint32_t mark)
{
    struct change key = {.mark = mark};
    return w->changes_n ? bsearch(&key, w->changes, w->changes_n, sizeof key, by_mark) : NULL;
}

/* Calls fn for the marks of zoom z in the square of `reach` around x, y. */
typedef void (*mark_fn)(void *ctx, uint32_t mark);

static void each_in_band(const struct atlas_level *l, uint32_t band, int64_t west, int64_t east, int64_t north,
                         int64_t south, mark_fn fn, void *ctx)
{
    size_t from = l->bands[band], to = l->bands[band + 1], end = to;
    if (end > l->marks || from > end)
        return; /* A3 */
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (l->mark[mid].x < west)
            from = mid + 1;
        else
            to = mid;
    }
    for (; from < end && l->mark[from].x <= east; from++)
        if (l->mark[from].y >= north && l->mark[from].y <= south)
            fn(ctx, (uint32_t)from);
}

enum { PIECE_ZOOM = 15 }; /* a square of 4 radii of zoom 13 is 1.25 of its tiles wide */

static void each_site_near(const struct atlas *a, int64_t west, int64_t east, int64_t north, int64_t south, mark_fn fn,
                           void *ctx)
{
    const int shift = 31 - PIECE_ZOOM;
    for (int64_t py = north >> shift; py <= south >> shift; py++)
        for (int64_t px = west >> shift; px <= east >> shift; px++) {
            uint64_t first, last;
            geo_tile_range(PIECE_ZOOM, (uint32_t)px, (uint32_t)py, &first, &last);
            for (size_t i = atlas_cell_bound(a->cell, a->sites, 0, first); i < a->sites && a->cell[i] <= last; i++)
                fn(ctx, (uint32_t)i);
        }
}

static void each_near(const struct atlas *a, int z, uint32_t x, uint32_t y, int64_t reach, mark_fn fn, void *ctx)
{
    const int64_t edge = INT32_MAX;
    int64_t west = x - reach, east = x + reach, north = y - reach, south = y + reach;
    west = west < 0 ? 0 : west;
    north = north < 0 ? 0 : north;
    east = east > edge ? edge : east;
    south = south > edge ? edge : south;
    if (z == ATLAS_ZOOM_MAX) {
        each_site_near(a, west, east, north, south, fn, ctx);
        return;
    }
    uint32_t first = atlas_band_of(z, (uint32_t)north), last = atlas_band_of(z, (uint32_t)south);
    for (uint32_t b = first; b <= last; b++)
        each_in_band(&a->levels[z], b, west, east, north, south, fn, ctx);
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

static void group_add(struct work *w, struct group *g, const struct node *n)
{
    if (g->n == g->size) {
        size_t size = g->size ? g->size * 2 : 4;
        g->members = arena_grow(&w->mem, g->members, g->size * sizeof *n, size * sizeof *n);
        g->size = size;
    }
    g->members[g->n++] = *n;
}

static struct group *group_new(struct work *w, uint32_t mark)
{
    if (w->groups_n == w->groups_size) {
        size_t size = w->groups_size ? w->groups_size * 2 : 64;
        w->groups = arena_grow(&w->mem, w->groups, w->groups_size * sizeof *w->groups, size * sizeof *w->groups);
        w->groups_size = size;
    }
    w->groups[w->groups_n] = (struct group){.mark = mark};
    return &w->groups[w->groups_n++];
}

static uint32_t *slot_of(const struct work *w, uint32_t mark)
{
    size_t h = (mark * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (w->slots_n - 1);
    while (w->slots[h] && w->groups[w->slots[h] - 1].mark != mark)
        h = (h + 1) & (w->slots_n - 1);
    return &w->slots[h];
}

struct gathering {
    struct work *w;
    struct group *g;
    uint64_t count; /* of the members as the image has them */
    bool is_sound;
};

static void gather_member(void *ctx, uint32_t k)
{
    struct gathering *t = ctx;
    struct work *w = t->w;
    struct node n;
    if (w->a->levels[w->z].from[k] != t->g->mark)
        return;
    if (!image_node(w->a, w->z + 1, k, &n)) {
        t->is_sound = false;
        return;
    }
    t->count += n.count;
    const struct change *c = change_of(w, k);
    if (c)
        n = c->now;
    if (n.count)
        group_add(w, t->g, &n);
}

/* The group of a mark of the image, its members as they are now. All of them lie within two radii: one from the mark
 * that took them to each, one from there to the mean. */
static enum rc group_of(struct work *w, uint32_t mark, struct group **out)
{
    struct node was;
    uint32_t *slot = slot_of(w, mark);
    if (*slot) {
        *out = &w->groups[*slot - 1];
        return RC_OK;
    }
    if (mark >= w->a->levels[w->z].marks || !image_node(w->a, w->z, mark, &was))
        return contradiction(w);
    struct group *g = group_new(w, mark);
    *slot = (uint32_t)w->groups_n;
    struct gathering t = {.w = w, .g = g, .is_sound = true};
    each_near(w->a, w->z + 1, was.x, was.y, 2 * (int64_t)radius_of(w->z) + 1, gather_member, &t);
    *out = g;
    return t.is_sound && t.count == was.count ? RC_OK : contradiction(w);
}

static void group_mean(const struct group *g, uint32_t *x, uint32_t *y, uint64_t *count)
{
    uint64_t sum_x = 0, sum_y = 0, n = 0;
    for (size_t i = 0; i < g->n; i++) {
        sum_x += (uint64_t)g->members[i].x * g->members[i].count;
        sum_y += (uint64_t)g->members[i].y * g->members[i].count;
        n += g->members[i].count;
    }
    *x = n ? (uint32_t)(sum_x / n) : 0;
    *y = n ? (uint32_t)(sum_y / n) : 0;
    *count = n;
}

/* --- fresh marks --------------------------------------------------------------------------------------------------- */

static uint64_t distance2(uint32_t ax, uint32_t ay, uint32_t bx, uint32_t by)
{
    int64_t dx = (int64_t)ax - bx, dy = (int64_t)ay - by;
    return (uint64_t)(dx * dx + dy * dy);
}

struct seeking {
    const struct work *w;
    uint32_t x, y, best;
    uint64_t least;
};

static void seek_mark(void *ctx, uint32_t mark)
{
    struct seeking *s = ctx;
    const struct work *w = s->w;
    uint32_t at = *slot_of(w, mark), x = w->a->levels[w->z].mark[mark].x, y = w->a->levels[w->z].mark[mark].y;
    uint64_t count = 1;
    if (at)
        group_mean(&w->groups[at - 1], &x, &y, &count);
    uint64_t d = distance2(s->x, s->y, x, y);
    if (count == 0 || d > s->least || (d == s->least && s->best != NO_MARK))
        return;
    s->best = mark;
    s->least = d;
}

static struct group *fresh_group_near(const struct work *w, const struct node *n, uint64_t most)
{
    for (size_t i = w->groups_n; i > w->fresh_from; i--) {
        struct group *g = &w->groups[i - 1];
        if ((uint64_t)(n->x - g->x) * (n->x - g->x) > most) /* they were begun by rising x */
            break;
        if (distance2(n->x, n->y, g->x, g->y) <= most)
            return g;
    }
    return NULL;
}

/* First to marks of the image; what finds none is left in w->fresh for the second pass, so that fresh groups are last. */
static enum rc place_fresh(struct work *w)
{
    uint64_t r = radius_of(w->z), most = r * r;
    size_t left = 0;
    for (size_t i = 0; i < w->fresh_n; i++) {
        const struct node *n = &w->fresh[i];
        struct seeking s = {.w = w, .x = n->x, .y = n->y, .best = NO_MARK, .least = most};
        struct group *g;
        each_near(w->a, w->z, n->x, n->y, (int64_t)r, seek_mark, &s);
        if (s.best == NO_MARK) {
            w->fresh[left++] = *n;
            continue;
        }
        TRY(group_of(w, s.best, &g));
        group_add(w, g, n);
    }
    w->fresh_from = w->groups_n;
    for (size_t i = 0; i < left; i++) {
        const struct node *n = &w->fresh[i];
        struct group *g = fresh_group_near(w, n, most);
        if (!g) {
            g = group_new(w, NO_MARK);
            g->x = n->x;
            g->y = n->y;
        }
        group_add(w, g, n);
    }
    return RC_OK;
}

/* --- what the groups have become ----------------------------------------------------------------------------------- */

static void tally_add(struct work *w, size_t *n, uint32_t religion, uint32_t count)
{
    if (w->tally[religion] == 0)
        w->met[(*n)++] = religion;
    w->tally[religion] += count;
}

static uint32_t religion_of(const struct work *w, uint32_t site)
{
    uint32_t combo = atlas_record_of(w->a, site)->combo;
    return combo < w->a->combos_n ? w->religion_of[combo] : 0; /* A3 */
}

static struct node group_node(struct work *w, const struct group *g)
{
    struct node out = {0};
    uint64_t count;
    size_t n = 0;
    if (g->n == 1)
        return g->members[0];
    group_mean(g, &out.x, &out.y, &count);
    out.count = (uint32_t)count;
    if (count == 0)
        return out;
    for (size_t i = 0; i < g->n; i++) {
        const struct node *m = &g->members[i];
        if (m->count == 1)
            tally_add(w, &n, religion_of(w, m->site), 1);
        for (size_t k = 0; m->count > 1 && k < m->shares_n; k++)
            tally_add(w, &n, m->shares[k].religion, m->shares[k].count);
    }
    struct atlas_share *shares = arena_array(&w->mem, n, sizeof *shares);
    for (size_t i = 0; i < n; i++) {
        shares[i] = (struct atlas_share){.religion = w->met[i], .count = w->tally[w->met[i]]};
        w->tally[w->met[i]] = 0;
    }
    out.shares = shares;
    out.shares_n = n;
    return out;
}

/* As atlas_marks_religion, whose numbers go by text; a religion that only the overlay knows has a higher one, and its
 * text decides. */
static bool is_before(const struct atlas *a, uint32_t x, uint32_t y)
{
    struct str s = atlas_religion(a, x), t = atlas_religion(a, y);
    int d = memcmp(s.p, t.p, s.n < t.n ? s.n : t.n);
    return d ? d < 0 : s.n < t.n;
}

static uint32_t most_frequent(const struct atlas *a, const struct node *n)
{
    struct atlas_share best = {0};
    for (size_t i = 0; i < n->shares_n; i++) {
        struct atlas_share s = n->shares[i];
        if (s.religion != 0 &&
            (s.count > best.count || (s.count == best.count && is_before(a, s.religion, best.religion))))
            best = s;
    }
    return best.religion;
}

struct placed_node {
    uint64_t key; /* band, x */
    struct node node;
};

static int by_key(const void *pa, const void *pb)
{
    const struct placed_node *a = pa, *b = pb;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return (a->node.y > b->node.y) - (a->node.y < b->node.y);
}

/* The overlay's own marks of this zoom, in the order the tiles want. */
static void write_level(struct work *w, struct placed_node *nodes, size_t n)
{
    struct atlas_level *l = &w->d->levels[w->z];
    struct atlas_placed *mark = mem_array(n + 1, sizeof *mark);
    uint32_t *bands = mem_array(atlas_bands(w->z) + 1, sizeof *bands), *count = mem_array(n + 1, sizeof *count);
    uint32_t *religion = mem_array(n + 1, sizeof *religion), clusters = 0;
    qsort(nodes, n, sizeof *nodes, by_key);
    for (size_t i = 0; i < n; i++) {
        const struct node *k = &nodes[i].node;
        mark[i] = (struct atlas_placed){.x = k->x, .y = k->y, .ref = k->site};
        bands[atlas_band_of(w->z, k->y) + 1]++;
        if (k->count == 1)
            continue;
        mark[i].ref = ATLAS_IS_CLUSTER | clusters;
        count[clusters] = k->count;
        religion[clusters++] = most_frequent(w->a, k);
    }
    for (uint32_t b = 0; b < atlas_bands(w->z); b++)
        bands[b + 1] += bands[b];
    *l = (struct atlas_level){
        .marks = n, .clusters = clusters, .mark = mark, .bands = bands, .count = count, .religion = religion};
}

static int by_x(const void *pa, const void *pb)
{
    const struct node *a = pa, *b = pb;
    if (a->x != b->x)
        return a->x < b->x ? -1 : 1;
    if (a->y != b->y)
        return a->y < b->y ? -1 : 1;
    return (a->site > b->site) - (a->site < b->site);
}

/* The groups of this zoom become the changes and the fresh marks that the zoom above looks at. */
static void close_zoom(struct work *w)
{
    size_t groups = w->groups_n, n = 0;
    struct change *changes = arena_array(&w->mem, groups + 1, sizeof *changes);
    struct node *fresh = arena_array(&w->mem, groups + 1, sizeof *fresh);
    struct placed_node *nodes = arena_array(&w->mem, groups + 1, sizeof *nodes);
    w->changes_n = w->fresh_n = 0;
    for (size_t i = 0; i < groups; i++) {
        const struct group *g = &w->groups[i];
        struct node now = group_node(w, g);
        if (g->mark == NO_MARK) {
            fresh[w->fresh_n++] = now;
        } else {
            changes[w->changes_n++] = (struct change){g->mark, now};
            atlas_bit_set(w->d->touched[w->z], g->mark);
        }
        if (now.count)
            nodes[n++] = (struct placed_node){(uint64_t)atlas_band_of(w->z, now.y) << 31 | now.x, now};
    }
    w->d->touched_n[w->z] = w->changes_n;
    qsort(changes, w->changes_n, sizeof *changes, by_mark);
    qsort(fresh, w->fresh_n, sizeof *fresh, by_x);
    w->changes = changes;
    w->fresh = fresh;
    write_level(w, nodes, n);
}

static enum rc work_zoom(struct work *w)
{
    size_t most = w->changes_n + w->fresh_n;
    const uint32_t *from = w->a->levels[w->z].from;
    w->d->touched[w->z] = mem_alloc(w->a->levels[w->z].marks / 8 + 1);
    w->groups = NULL;
    w->groups_n = w->groups_size = 0;
    for (w->slots_n = 64; w->slots_n < most * 2; w->slots_n *= 2)
        ;
    w->slots = ARENA_NEW_N(&w->mem, uint32_t, w->slots_n);
    for (size_t i = 0; i < w->changes_n; i++) {
        struct group *g;
        TRY(group_of(w, from[w->changes[i].mark], &g));
    }
    TRY(place_fresh(w));
    close_zoom(w);
    return RC_OK;
}

/* --- from the sites up --------------------------------------------------------------------------------------------- */

static void begin_with_sites(struct work *w)
{
    const struct atlas_delta *d = w->d;
    w->changes = arena_array(&w->mem, d->removed.n + 1, sizeof *w->changes);
    w->fresh = arena_array(&w->mem, d->added.n + 1, sizeof *w->fresh);
    for (size_t i = 0; i < d->removed.n; i++)
        w->changes[i] = (struct change){.mark = d->removed_at[i]};
    for (size_t i = 0; i < d->added.n; i++) {
        struct geo_merc m = geo_cell_merc(d->added.cell[i]);
        w->fresh[i] = (struct node){.x = m.x, .y = m.y, .count = 1, .site = (uint32_t)(w->a->sites + i)};
    }
    w->changes_n = d->removed.n;
    w->fresh_n = d->added.n;
    qsort(w->fresh, w->fresh_n, sizeof *w->fresh, by_x);
}

static enum rc number_religions(struct work *w)
{
    const struct atlas *a = w->a;
    uint32_t *of = arena_array(&w->mem, a->combos_n + 1, sizeof *of);
    if (a->religions_n == 0)
        return contradiction(w);
    for (size_t i = 0; i < a->combos_n; i++)
        for (size_t k = 1; k < a->religions_n && of[i] == 0; k++)
            of[i] = a->religions[k] == a->combos[i].religion ? (uint32_t)k : 0;
    w->religion_of = of;
    w->tally = ARENA_NEW_N(&w->mem, uint32_t, a->religions_n);
    w->met = ARENA_NEW_N(&w->mem, uint32_t, a->religions_n);
    return RC_OK;
}

/* --- dirty tiles --------------------------------------------------------------------------------------------------- */

struct dirt {
    uint64_t *tiles;
    size_t n, size;
};

static void dirt_add(struct dirt *d, int z, int64_t tx, int64_t ty)
{
    int64_t side = INT64_C(1) << z;
    if (ty < 0 || ty >= side)
        return;
    if (d->n == d->size) {
        d->size = d->size ? d->size * 2 : 256;
        d->tiles = mem_realloc(d->tiles, d->size * sizeof *d->tiles);
    }
    uint32_t x = (uint32_t)((tx + side) % side);
    d->tiles[d->n++] = geo_cell_from_merc((struct geo_merc){x << (31 - z), (uint32_t)ty << (31 - z)});
}

/* Every tile whose proper or margin holds the place. */
static void dirt_around(struct dirt *d, int z, uint32_t x, uint32_t y)
{
    int64_t margin = (INT64_C(1) << (31 - z)) / ATLAS_EXTENT * ATLAS_BUFFER_MAX;
    for (int64_t ty = (y - margin) >> (31 - z); ty <= (y + margin) >> (31 - z); ty++)
        for (int64_t tx = (x - margin) >> (31 - z); tx <= (x + margin) >> (31 - z); tx++)
            dirt_add(d, z, tx, ty);
}

static void dirt_of_places(struct dirt *d, int z, const struct atlas_places *p)
{
    for (size_t i = 0; i < p->n; i++) {
        struct geo_merc m = geo_cell_merc(p->cell[i]);
        dirt_around(d, z, m.x, m.y);
    }
}

static int by_value(const void *pa, const void *pb)
{
    uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;
    return (a > b) - (a < b);
}

/* Marks taken away and put in, and the sites themselves: tiles of one religion are counted from these. */
static void note_dirty(const struct atlas *a, struct atlas_delta *d, int z)
{
    struct dirt t = {0};
    size_t n = 0;
    dirt_of_places(&t, z, &d->removed);
    dirt_of_places(&t, z, &d->added);
    if (z < ATLAS_LEVELS) {
        for (size_t i = 0; i < d->levels[z].marks; i++)
            dirt_around(&t, z, d->levels[z].mark[i].x, d->levels[z].mark[i].y);
        for (size_t i = 0; i < a->levels[z].marks / 8 + 1; i++)
            for (unsigned bits = d->touched[z][i]; bits; bits &= bits - 1) {
                const struct atlas_placed *p = &a->levels[z].mark[i * 8 + (size_t)__builtin_ctz(bits)];
                dirt_around(&t, z, p->x, p->y);
            }
    }
    if (t.n)
        qsort(t.tiles, t.n, sizeof *t.tiles, by_value);
    for (size_t i = 0; i < t.n; i++)
        if (n == 0 || t.tiles[n - 1] != t.tiles[i])
            t.tiles[n++] = t.tiles[i];
    d->dirty[z] = t.tiles;
    d->dirty_n[z] = n;
}

uint64_t atlas_tile_generation(const struct atlas *a, int z, uint32_t x, uint32_t y)
{
    uint64_t image, cell;
    memcpy(&image, a->digest.b, sizeof image);
    if (!a->delta)
        return image;
    cell = geo_cell_from_merc((struct geo_merc){x << (31 - z), y << (31 - z)});
    bool is_dirty =
        a->delta->dirty_n[z] && bsearch(&cell, a->delta->dirty[z], a->delta->dirty_n[z], sizeof cell, by_value);
    return is_dirty ? a->delta->generation : image;
}

enum rc atlas_delta_levels(struct atlas *a, struct err *err)
{
    struct work w = {.a = a, .d = a->delta, .z = ATLAS_ZOOM_MAX, .err = err};
    arena_init(&w.mem);
    enum rc rc = number_religions(&w);
    if (rc == RC_OK)
        begin_with_sites(&w);
    for (w.z = ATLAS_ZOOM_CLUSTERS; w.z >= 0 && rc == RC_OK; w.z--)
        rc = work_zoom(&w);
    arena_fini(&w.mem);
    for (int z = 0; z <= ATLAS_ZOOM_MAX && rc == RC_OK; z++)
        note_dirty(a, a->delta, z);
    return rc;
}
