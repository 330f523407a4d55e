/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Clusters, zoom by zoom from below: each mark of zoom z is a mark of zoom z + 1 or several of them joined, so counts
 * stay exact (A1) and clusters nest. The rule is the greedy one of supercluster: a mark not yet taken takes all others
 * not yet taken within ATLAS_RADIUS units of this zoom, and they are shown at their weighted mean.
 *
 * In parallel, with the same outcome for any number of threads: the world is cut into stripes of whole bands. A band of
 * the level below is 1024 units of this zoom high, more than two radii, so stripes with one between them never reach
 * for the same mark: first the even ones, then the odd ones.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/threads.h"
#include "sites/atlas_int.h"

enum { STRIPES_MAX = 256, SMALL = 4096 /* marks below which threads cost more than they bring */ };

/* What one stripe gives, before the parts are put together. */
struct part {
    size_t n, size, clusters, clusters_size, shares_n, shares_size;
    uint32_t *x, *y, *ref;
    uint32_t *count, *share_at;
    struct atlas_share *shares;
};

struct tally { /* members by religion, per worker */
    uint32_t *count, *touched;
    size_t touched_n;
};

struct join {
    const struct atlas_joining *j;
    const struct atlas_marks *in;
    struct part *parts;
    struct tally *tallies;
    uint8_t *taken;
    uint8_t *stripe_of; /* of each mark: the stripe whose mark it became part of, and that mark's number there */
    uint32_t *local_of;
    uint32_t bands_per_stripe, stripes, phase;
    uint32_t radius; /* in zoom-31 pixels */
    int z;
};

static void *grown(void *p, size_t need, size_t *size, size_t item)
{
    if (need <= *size)
        return p;
    *size = need > *size * 2 ? need : *size * 2;
    return mem_realloc(p, *size * item);
}

static void part_add_mark(struct part *p, uint32_t x, uint32_t y, uint32_t ref)
{
    if (p->n == p->size) {
        size_t size = p->size ? p->size * 2 : 256;
        p->x = mem_realloc(p->x, size * sizeof *p->x);
        p->y = mem_realloc(p->y, size * sizeof *p->y);
        p->ref = mem_realloc(p->ref, size * sizeof *p->ref);
        p->size = size;
    }
    p->x[p->n] = x;
    p->y[p->n] = y;
    p->ref[p->n++] = ref;
}

/* Opens a cluster in the part; its shares follow by part_add_share. */
static uint32_t part_add_cluster(struct part *p, uint32_t count)
{
    if (p->clusters == p->clusters_size) {
        size_t size = p->clusters_size ? p->clusters_size * 2 : 256;
        p->count = mem_realloc(p->count, size * sizeof *p->count);
        p->share_at = mem_realloc(p->share_at, size * sizeof *p->share_at);
        p->clusters_size = size;
    }
    p->count[p->clusters] = count;
    p->share_at[p->clusters] = (uint32_t)p->shares_n;
    return ATLAS_IS_CLUSTER | (uint32_t)p->clusters++;
}

static void part_add_share(struct part *p, struct atlas_share s)
{
    p->shares = grown(p->shares, p->shares_n + 1, &p->shares_size, sizeof *p->shares);
    p->shares[p->shares_n++] = s;
}

static void part_fini(struct part *p)
{
    free(p->x);
    free(p->y);
    free(p->ref);
    free(p->count);
    free(p->share_at);
    free(p->shares);
}

static void tally_add(struct tally *t, uint32_t religion, uint32_t count)
{
    if (t->count[religion] == 0)
        t->touched[t->touched_n++] = religion;
    t->count[religion] += count;
}

static uint32_t mark_count(const struct atlas_marks *m, uint32_t ref)
{
    return ref & ATLAS_IS_CLUSTER ? m->count[ref & ~ATLAS_IS_CLUSTER] : 1;
}

static void tally_mark(const struct join *w, struct tally *t, uint32_t ref)
{
    if (!(ref & ATLAS_IS_CLUSTER)) {
        tally_add(t, w->j->religion_of[w->j->combo[ref]], 1);
        return;
    }
    size_t c = ref & ~ATLAS_IS_CLUSTER;
    for (size_t i = w->in->share_at[c]; i < w->in->share_at[c + 1]; i++)
        tally_add(t, w->in->shares[i].religion, w->in->shares[i].count);
}

static void tally_into(struct tally *t, struct part *p)
{
    for (size_t i = 0; i < t->touched_n; i++) {
        part_add_share(p, (struct atlas_share){.religion = t->touched[i], .count = t->count[t->touched[i]]});
        t->count[t->touched[i]] = 0;
    }
    t->touched_n = 0;
}

/* A mark that stays as it is. */
static void keep_mark(const struct join *w, struct part *p, size_t i)
{
    uint32_t ref = w->in->ref[i];
    if (ref & ATLAS_IS_CLUSTER) {
        size_t c = ref & ~ATLAS_IS_CLUSTER;
        ref = part_add_cluster(p, w->in->count[c]);
        for (size_t k = w->in->share_at[c]; k < w->in->share_at[c + 1]; k++)
            part_add_share(p, w->in->shares[k]);
    }
    part_add_mark(p, w->in->x[i], w->in->y[i], ref);
}

struct sum {
    uint64_t x, y, count; /* positions weighted by count: 2^31 places times 2^31 sites fit */
    size_t members;
};

/* Mark i becomes part of the mark that its stripe adds next. */
static void mark_taken(const struct join *w, const struct part *p, size_t i)
{
    w->taken[i] = 1;
    w->stripe_of[i] = (uint8_t)(p - w->parts);
    w->local_of[i] = (uint32_t)p->n;
}

static void take(const struct join *w, const struct part *p, struct tally *t, struct sum *s, size_t i)
{
    uint32_t ref = w->in->ref[i];
    uint64_t count = mark_count(w->in, ref);
    mark_taken(w, p, i);
    s->x += w->in->x[i] * count;
    s->y += w->in->y[i] * count;
    s->count += count;
    s->members++;
    tally_mark(w, t, ref);
}

static bool is_near(const struct join *w, size_t i, size_t k)
{
    int64_t dx = (int64_t)w->in->x[i] - w->in->x[k], dy = (int64_t)w->in->y[i] - w->in->y[k], r = w->radius;
    return dx * dx + dy * dy <= r * r;
}

/* Takes what lies near mark i in one band. lo[band] only moves on, as the marks of a band come by rising x. Distance is
 * asked before `taken`: what is out of reach may be another stripe's to change. */
static void take_from_band(const struct join *w, const struct part *p, struct tally *t, struct sum *s, size_t i,
                           uint32_t band, size_t *lo)
{
    const struct atlas_marks *in = w->in;
    uint32_t x = in->x[i], west = x > w->radius ? x - w->radius : 0, east = x + w->radius;
    size_t end = in->bands[band + 1];
    while (*lo < end && in->x[*lo] < west)
        ++*lo;
    for (size_t k = *lo; k < end && in->x[k] <= east; k++) {
        if (k == i || !is_near(w, i, k) || w->taken[k])
            continue;
        if (s->members == 0)
            take(w, p, t, s, i);
        take(w, p, t, s, k);
    }
}

static void join_mark(const struct join *w, struct part *p, struct tally *t, size_t i, uint32_t band, size_t lo[3])
{
    uint32_t y = w->in->y[i], height = UINT32_C(1) << (30 - w->in->z), top = band * height;
    struct sum s = {0};
    if (band > 0 && y - top < w->radius)
        take_from_band(w, p, t, &s, i, band - 1, &lo[0]);
    take_from_band(w, p, t, &s, i, band, &lo[1]);
    if (band + 1 < atlas_bands(w->in->z) && top + (height - 1) - y < w->radius)
        take_from_band(w, p, t, &s, i, band + 1, &lo[2]);
    if (s.members == 0) {
        mark_taken(w, p, i);
        keep_mark(w, p, i);
        return;
    }
    uint32_t ref = part_add_cluster(p, (uint32_t)s.count);
    tally_into(t, p);
    part_add_mark(p, (uint32_t)(s.x / s.count), (uint32_t)(s.y / s.count), ref);
}

static void join_stripe(void *ctx, size_t k, size_t worker)
{
    struct join *w = ctx;
    uint32_t stripe = (uint32_t)k * 2 + w->phase, bands = atlas_bands(w->in->z);
    uint32_t from = stripe * w->bands_per_stripe, to = from + w->bands_per_stripe;
    for (uint32_t b = from; b < to && b < bands; b++) {
        size_t lo[3] = {b > 0 ? w->in->bands[b - 1] : 0, w->in->bands[b], w->in->bands[b + 1]};
        for (size_t i = w->in->bands[b]; i < w->in->bands[b + 1]; i++)
            if (!w->taken[i])
                join_mark(w, &w->parts[stripe], &w->tallies[worker], i, b, lo);
    }
}

/* --- putting together ----------------------------------------------------------------------------------------- */

/* Orders marks by band and x and notes where the bands begin. x, y, ref are replaced. rank, when not NULL, gets the new
 * number of each. */
static void order_marks(struct atlas_marks *m, size_t threads, uint32_t *rank)
{
    uint64_t *keys = mem_array(m->n + 1, sizeof *keys), *tmp = mem_array(m->n + 1, sizeof *tmp);
    uint32_t *idx = mem_array(m->n + 1, sizeof *idx), *tmp_idx = mem_array(m->n + 1, sizeof *tmp_idx);
    m->bands = mem_array(atlas_bands(m->z) + 1, sizeof *m->bands);
    for (size_t i = 0; i < m->n; i++) {
        keys[i] = (uint64_t)atlas_band_of(m->z, m->y[i]) << 31 | m->x[i];
        idx[i] = (uint32_t)i;
        m->bands[atlas_band_of(m->z, m->y[i]) + 1]++;
    }
    for (uint32_t b = 0; b < atlas_bands(m->z); b++)
        m->bands[b + 1] += m->bands[b];
    atlas_sort(keys, idx, tmp, tmp_idx, m->n, 31 + m->z + 1, threads);
    free(tmp);
    uint32_t **columns[] = {&m->y, &m->ref};
    for (size_t c = 0; c < 2; c++) {
        for (size_t i = 0; i < m->n; i++)
            tmp_idx[i] = (*columns[c])[idx[i]];
        uint32_t *old = *columns[c];
        *columns[c] = tmp_idx;
        tmp_idx = old;
    }
    for (size_t i = 0; i < m->n; i++)
        m->x[i] = (uint32_t)(keys[i] & 0x7fffffff);
    for (size_t i = 0; rank && i < m->n; i++)
        rank[idx[i]] = (uint32_t)i;
    free(keys);
    free(idx);
    free(tmp_idx);
}

static void append_part(struct atlas_marks *m, const struct part *p, size_t shares)
{
    for (size_t i = 0; i < p->n; i++) {
        m->x[m->n + i] = p->x[i];
        m->y[m->n + i] = p->y[i];
        m->ref[m->n + i] = p->ref[i] & ATLAS_IS_CLUSTER ? p->ref[i] + (uint32_t)m->clusters : p->ref[i];
    }
    for (size_t c = 0; c < p->clusters; c++) {
        m->count[m->clusters + c] = p->count[c];
        m->share_at[m->clusters + c] = p->share_at[c] + (uint32_t)shares;
    }
    if (p->shares_n)
        memcpy(m->shares + shares, p->shares, p->shares_n * sizeof *p->shares);
    m->n += p->n;
    m->clusters += p->clusters;
}

static void gather_parts(struct join *w, struct atlas_marks *out)
{
    size_t n = 0, clusters = 0, shares = 0;
    for (uint32_t k = 0; k < w->stripes; k++) {
        n += w->parts[k].n;
        clusters += w->parts[k].clusters;
        shares += w->parts[k].shares_n;
    }
    *out = (struct atlas_marks){.z = w->z,
                                .x = mem_array(n + 1, sizeof(uint32_t)),
                                .y = mem_array(n + 1, sizeof(uint32_t)),
                                .ref = mem_array(n + 1, sizeof(uint32_t)),
                                .count = mem_array(clusters + 1, sizeof(uint32_t)),
                                .share_at = mem_array(clusters + 1, sizeof(uint32_t)),
                                .shares = mem_array(shares + 1, sizeof(struct atlas_share))};
    shares = 0;
    for (uint32_t k = 0; k < w->stripes; k++) {
        append_part(out, &w->parts[k], shares);
        shares += w->parts[k].shares_n;
        part_fini(&w->parts[k]);
    }
    out->share_at[out->clusters] = (uint32_t)shares;
}

void atlas_marks_of_sites(const uint64_t *cells, size_t n, size_t threads, struct atlas_marks *out)
{
    *out = (struct atlas_marks){.z = ATLAS_ZOOM_MAX,
                                .n = n,
                                .x = mem_array(n + 1, sizeof(uint32_t)),
                                .y = mem_array(n + 1, sizeof(uint32_t)),
                                .ref = mem_array(n + 1, sizeof(uint32_t))};
    for (size_t i = 0; i < n; i++) {
        struct geo_merc m = geo_cell_merc(cells[i]);
        out->x[i] = m.x;
        out->y[i] = m.y;
        out->ref[i] = (uint32_t)i;
    }
    order_marks(out, threads, NULL);
}

/* Where each mark of the zoom below has gone. */
static void note_origins(const struct join *w, const uint32_t *rank, const uint32_t *first, struct atlas_marks *out)
{
    const struct atlas_marks *in = w->in;
    bool is_sites = in->z == ATLAS_ZOOM_MAX; /* then by the site's number, not the mark's */
    out->from = mem_array(in->n + 1, sizeof *out->from);
    for (size_t i = 0; i < in->n; i++)
        out->from[is_sites ? in->ref[i] : i] = rank[first[w->stripe_of[i]] + w->local_of[i]];
}

void atlas_marks_join(const struct atlas_joining *j, const struct atlas_marks *in, struct atlas_marks *out)
{
    struct join w = {.j = j, .in = in, .z = in->z - 1};
    size_t threads = in->n < SMALL ? 1 : j->threads ? j->threads : threads_online();
    uint32_t bands = atlas_bands(in->z);
    w.radius = (uint32_t)ATLAS_RADIUS << (31 - 12 - w.z); /* a unit is 2^-12 of a tile */
    w.bands_per_stripe = bands / STRIPES_MAX + 1;
    w.stripes = (bands + w.bands_per_stripe - 1) / w.bands_per_stripe;
    w.parts = mem_array(w.stripes, sizeof *w.parts);
    w.taken = mem_alloc(in->n + 1);
    w.stripe_of = mem_alloc(in->n + 1);
    w.local_of = mem_array(in->n + 1, sizeof *w.local_of);
    w.tallies = mem_array(threads, sizeof *w.tallies);
    for (size_t i = 0; i < threads; i++) {
        w.tallies[i].count = mem_array(j->religions, sizeof(uint32_t));
        w.tallies[i].touched = mem_array(j->religions, sizeof(uint32_t));
    }
    for (w.phase = 0; w.phase < 2; w.phase++)
        threads_for(threads, (w.stripes + 1 - w.phase) / 2, join_stripe, &w);
    uint32_t first[STRIPES_MAX + 1] = {0};
    for (uint32_t k = 0; k < w.stripes; k++)
        first[k + 1] = first[k] + (uint32_t)w.parts[k].n;
    gather_parts(&w, out);
    uint32_t *rank = mem_array(out->n + 1, sizeof *rank);
    order_marks(out, threads, rank);
    note_origins(&w, rank, first, out);
    free(rank);
    for (size_t i = 0; i < threads; i++) {
        free(w.tallies[i].count);
        free(w.tallies[i].touched);
    }
    free(w.tallies);
    free(w.taken);
    free(w.stripe_of);
    free(w.local_of);
    free(w.parts);
}

void atlas_marks_fini(struct atlas_marks *m)
{
    free(m->x);
    free(m->y);
    free(m->ref);
    free(m->bands);
    free(m->count);
    free(m->share_at);
    free(m->shares);
    free(m->from);
    *m = (struct atlas_marks){0};
}

uint32_t atlas_marks_religion(const struct atlas_marks *m, size_t cluster)
{
    struct atlas_share best = {0};
    for (size_t i = m->share_at[cluster]; i < m->share_at[cluster + 1]; i++) {
        struct atlas_share s = m->shares[i];
        if (s.religion != 0 && (s.count > best.count || (s.count == best.count && s.religion < best.religion)))
            best = s;
    }
    return best.religion;
}
