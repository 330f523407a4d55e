/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Groups of neighbouring centres and the list that bounds all their circles: it takes each place at the least n at
 * which any centre of the group takes it. When it has taken all places up to n, it holds every circle of the group with
 * at most n cases. A bound serves only as long as it holds little more than its circles, so a centre joins a group only
 * while that is so for all circles over `split` cases; smaller circles are scanned one by one.
 */
#include "watch/watch_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/threads.h"
#include "geo/geo.h"

enum { CHUNK = 64 }; /* centres in whose run groups are formed; fixed, so that groups do not depend on threads */
static const double SLACK =
    1.5; /* surplus allowed, in standard deviations of the expected count; measured: bench/scan */

struct placed {
    uint64_t cell;
    uint32_t centre;
};

static int placed_compare(const void *pa, const void *pb)
{
    const struct placed *l = pa, *r = pb;
    return l->cell != r->cell ? (l->cell < r->cell ? -1 : 1) : l->centre < r->centre ? -1 : l->centre > r->centre;
}

static uint32_t on_axis(double v, double low, double high)
{
    return high > low ? (uint32_t)((v - low) / (high - low) * 2147483647.0) : 0;
}

/* Centres along a Z curve over the two longer axes: near in the order is mostly near on the ground. */
static void order_centres(const struct places *p, uint32_t *out)
{
    const double *axis[3] = {p->x, p->y, p->z};
    double low[3], high[3];
    int drop = 2;
    for (int a = 0; a < 3; a++) {
        low[a] = high[a] = axis[a][0];
        for (uint32_t i = 1; i < p->n; i++) {
            low[a] = axis[a][i] < low[a] ? axis[a][i] : low[a];
            high[a] = axis[a][i] > high[a] ? axis[a][i] : high[a];
        }
    }
    for (int a = 0; a < 2; a++)
        if (high[a] - low[a] < high[drop] - low[drop])
            drop = a;
    int u = drop == 0 ? 1 : 0, v = drop == 2 ? 1 : 2;
    struct placed *all = mem_array(p->n, sizeof *all);
    for (uint32_t i = 0; i < p->n; i++) {
        struct geo_merc m = {on_axis(axis[u][i], low[u], high[u]), on_axis(axis[v][i], low[v], high[v])};
        all[i] = (struct placed){geo_cell_from_merc(m), i};
    }
    qsort(all, p->n, sizeof *all, placed_compare);
    for (uint32_t i = 0; i < p->n; i++)
        out[i] = all[i].centre;
    free(all);
}

/* A group in the making. */
struct making {
    const struct field *f;
    uint32_t split;
    double surplus;               /* allowed at n: surplus * sqrt(n) */
    uint32_t *least;              /* place -> least n, 0 = not in the group */
    uint32_t *cases_at;           /* n -> cases of the places whose least n it is */
    uint32_t *touched, touched_n; /* places in the group */
    struct entry *undo;           /* place and its least n before the last centre joined */
    uint32_t undo_n;
};

static void join(struct making *m, uint32_t centre)
{
    const struct list *l = &m->f->lists[centre];
    m->undo_n = 0;
    for (uint32_t k = 0; k < l->len; k++) {
        uint32_t place = l->at[k].place, was = m->least[place], n = l->at[k].n;
        if (was != 0 && was <= n)
            continue;
        m->undo[m->undo_n++] = (struct entry){place, was};
        if (was == 0)
            m->touched[m->touched_n++] = place;
        else
            m->cases_at[was] -= m->f->cases_of[place];
        m->cases_at[n] += m->f->cases_of[place];
        m->least[place] = n;
    }
}

static void leave(struct making *m)
{
    for (uint32_t k = m->undo_n; k-- > 0;) {
        uint32_t place = m->undo[k].place, was = m->undo[k].n;
        m->cases_at[m->least[place]] -= m->f->cases_of[place];
        if (was == 0)
            m->touched_n--;
        else
            m->cases_at[was] += m->f->cases_of[place];
        m->least[place] = was;
    }
}

static bool is_tight(const struct making *m)
{
    uint64_t held = 0;
    for (uint32_t n = 0; n <= m->f->n_most; n++) {
        held += m->cases_at[n];
        if (n > m->split && m->cases_at[n] > 0 && (double)held - n > m->surplus * sqrt(n))
            return false;
    }
    return true;
}

/* Writes the group's list, sorted by n through counting, and empties the making. */
static void finish(struct making *m, struct group *g)
{
    uint32_t *start = mem_array((size_t)m->f->n_most + 2, sizeof *start);
    for (uint32_t k = 0; k < m->touched_n; k++)
        start[m->least[m->touched[k]] + 1]++;
    for (uint32_t n = 0; n <= m->f->n_most; n++)
        start[n + 1] += start[n];
    if (g->end - g->from > 1 && start[m->split + 1] < m->touched_n) {
        g->split_at = start[m->split + 1];
        g->list = (struct list){mem_array(m->touched_n, sizeof *g->list.at), m->touched_n};
    }
    for (uint32_t k = 0; k < m->touched_n; k++) {
        uint32_t place = m->touched[k], n = m->least[place];
        if (g->list.len)
            g->list.at[start[n]++] = (struct entry){place, n};
        m->least[place] = 0;
        m->cases_at[n] = 0;
    }
    m->touched_n = 0;
    free(start);
}

struct bounds_job {
    struct bounds *b;
    double surplus;
    struct group *slots; /* CHUNK per chunk; unused ones have from == end */
};

static void chunk_build(void *ctx, size_t chunk, size_t worker)
{
    struct bounds_job *j = ctx;
    const struct field *f = j->b->f;
    uint32_t from = (uint32_t)chunk * CHUNK, end = from + CHUNK < f->places.n ? from + CHUNK : f->places.n;
    struct making m = {.f = f, .split = j->b->split, .surplus = j->surplus};
    struct group *g = &j->slots[chunk * CHUNK];
    (void)worker;
    m.least = mem_array(f->places.n, sizeof *m.least);
    m.touched = mem_array(f->places.n, sizeof *m.touched);
    m.undo = mem_array(f->places.n, sizeof *m.undo);
    m.cases_at = mem_array((size_t)f->n_most + 1, sizeof *m.cases_at);
    g->from = from;
    for (uint32_t i = from; i < end; i++) {
        join(&m, j->b->centres[i]);
        if (i > g->from && !is_tight(&m)) {
            leave(&m);
            g->end = i;
            finish(&m, g++);
            g->from = i;
            join(&m, j->b->centres[i]);
        }
    }
    g->end = end;
    finish(&m, g);
    free(m.least);
    free(m.touched);
    free(m.undo);
    free(m.cases_at);
}

void bounds_init(struct bounds *b, const struct field *f, uint32_t split, uint32_t threads)
{
    *b = (struct bounds){.f = f, .split = split};
    uint32_t chunks = (f->places.n + CHUNK - 1) / CHUNK;
    struct bounds_job j = {.b = b};
    j.surplus = SLACK * sqrt((double)f->total / f->within[f->windows - 1]);
    j.slots = mem_array((size_t)chunks * CHUNK, sizeof *j.slots);
    b->centres = mem_array(f->places.n, sizeof *b->centres);
    order_centres(&f->places, b->centres);
    threads_for(threads, chunks, chunk_build, &j);
    for (size_t i = 0; i < (size_t)chunks * CHUNK; i++)
        if (j.slots[i].end > j.slots[i].from)
            j.slots[b->n++] = j.slots[i];
    b->groups = j.slots;
}

void bounds_fini(struct bounds *b)
{
    for (uint32_t g = 0; g < b->n; g++)
        free(b->groups[g].list.at);
    free(b->groups);
    free(b->centres);
}
