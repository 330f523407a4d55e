/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Exact maxima of the replications: the event scan. Batches of replications share a walk along the list of each centre;
 * every alive case that a circle takes in is one event: one vector of window counts moves and is held against integer
 * thresholds. Only what passes is computed. A first pass over a sample of the centres finds how high each maximum
 * stands; then replications are dealt into batches by that, so that one row of thresholds suits a whole batch.
 *
 * Invariants:
 *   E1 a circle's count is complete at the last event of its last place, so looking after each place is enough;
 *      between places n only grows and the statistic of the same count only falls.
 *   E2 levels, batches and the order of work decide only what is skipped, never a maximum: a threshold lies under
 *      the level, the level not over the maximum so far, and whatever passes is computed by watch_statistic.
 *   E3 a replication whose counts left the range of their cells is done again with wider ones, at last with the
 *      formula at every count.
 */
#include "watch/watch_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/threads.h"

enum { BATCH_MAX = 128, ROUND_MAX = 4096, BATCH_EVENTS_MAX = 64 * 1000 * 1000 };
/* measured: bench/scan */
enum { SAMPLE_SHARE = 64 };

/* Vectors should not straddle cache lines. measured: bench/scan, unaligned states cost a third. */
static void *lines_alloc(size_t size)
{
    size_t whole = (size + 63) / 64 * 64;
    void *p = aligned_alloc(64, whole ? whole : 64);
    ENSURE(p != NULL);
    return memset(p, 0, whole ? whole : 64);
}

/* Replications, or one set of real days, with their events by place. */
struct batch {
    uint32_t n;
    uint32_t replications[BATCH_MAX];
    double best[BATCH_MAX];
    uint8_t step[BATCH_MAX];     /* ladder step of best */
    const void *rows[BATCH_MAX]; /* its rows */
    bool is_full[BATCH_MAX];     /* E3 */
    uint32_t *first;
    uint16_t *events;
};

struct worker {
    void *state;
    uint32_t *slots, *undo, *drawn, *fill, *count;
    uint8_t passed[BATCH_MAX];
};

struct engine {
    const struct field *f;
    const struct engine_options *opt;
    struct kernel kernel;
    struct ladder ladder;
    uint8_t *unit;
    struct worker *workers;
    uint64_t seed;
    uint32_t threads, batch_size, batches_n;
    struct batch *batches;
    uint32_t from, replications; /* those of this round: from, from + 1, ... */
    double *maxima;
    bool *todo, *is_full;               /* a count saturated: to be done the long way */
    uint32_t pass_from, pass_to;
};

void engine_permute(const struct field *f, uint64_t seed, uint32_t r, uint32_t *slots, uint32_t *undo, uint32_t *out)
{
    struct prng mix, g;
    prng_seed(&mix, seed);
    prng_seed(&g, prng_u64(&mix) ^ (UINT64_C(0xd1342543de82ef95) * ((uint64_t)r + 1)));
    for (uint32_t i = 0; i < f->alive; i++) { /* Fisher-Yates, only as far as alive cases need it */
        uint32_t j = undo[i] = i + (uint32_t)prng_below(&g, f->total - i), place = slots[j];
        slots[j] = slots[i];
        slots[i] = out[i] = place;
    }
    for (uint32_t i = f->alive; i-- > 0;) {
        uint32_t place = slots[i];
        slots[i] = slots[undo[i]];
        slots[undo[i]] = place;
    }
}

/* Events of a place stand in the order of the alive cases, not of replications: two of the same replication in a row
 * would wait for each other's store. measured: bench/scan */
static void batch_build(struct engine *e, struct batch *b, struct worker *w)
{
    const struct field *f = e->f;
    size_t n = b->n;
    b->first = mem_array((size_t)f->places.n + 1, sizeof *b->first);
    b->events = mem_array(f->alive * n + 1, sizeof *b->events);
    uint32_t *drawn = mem_array(f->alive * n + 1, sizeof *drawn);
    for (size_t k = 0; k < n; k++) {
        engine_permute(f, e->seed, e->from + b->replications[k], w->slots, w->undo, w->drawn);
        for (size_t i = 0; i < f->alive; i++) {
            drawn[i * n + k] = w->drawn[i];
            b->first[w->drawn[i] + 1]++;
        }
    }
    for (uint32_t p = 0; p < f->places.n; p++)
        b->first[p + 1] += b->first[p];
    memcpy(w->fill, b->first, (size_t)f->places.n * sizeof *w->fill);
    for (size_t i = 0; i < f->alive; i++)
        for (size_t k = 0; k < n; k++)
            b->events[w->fill[drawn[i * n + k]]++] = (uint16_t)(k << 8 | f->alive_age[i]);
    free(drawn);
}

static void batch_fini(struct batch *b)
{
    free(b->first);
    free(b->events);
    b->first = NULL;
    b->events = NULL;
}

static unsigned batch_least(const struct batch *b)
{
    unsigned least = LADDER_STEPS;
    for (uint32_t k = 0; k < b->n; k++)
        least = b->step[k] < least ? b->step[k] : least;
    return least;
}

static struct walk walk_begin(struct engine *e, struct worker *w, struct batch *b, const struct list *l)
{
    if (e->ladder.cell == CELL_U8)
        memset(w->state, (int)e->ladder.offset, b->n * e->ladder.stride);
    else
        memset(w->state, 0, b->n * e->ladder.stride);
    return (struct walk){.at = l->at, .len = l->len, .first = b->first, .events = b->events, .state = w->state,
                         .replications = b->n, .unit = e->unit, .least = ladder_rows(&e->ladder, batch_least(b)),
                         .rows = b->rows, .ladder = &e->ladder, .is_full = b->is_full, .passed = w->passed};
}

static void best_set(struct engine *e, struct batch *b, uint32_t r, double value)
{
    b->best[r] = value;
    b->step[r] = (uint8_t)ladder_step_of(value);
    b->rows[r] = ladder_rows(&e->ladder, b->step[r]);
}

/* Every window of one state; longest first, as SaTScan looks at them, so a tie keeps the longer. */
static bool look(struct engine *e, const struct walk *k, struct batch *b, uint32_t r, uint32_t n, struct best *best)
{
    const struct field *f = e->f;
    const char *state = (const char *)k->state + r * e->ladder.stride;
    bool better = false;
    for (uint32_t w = f->windows; w-- > f->window_least;) {
        uint32_t c = ladder_count(&e->ladder, state, n, w);
        b->is_full[r] |= ladder_is_full(&e->ladder, state, w);
        if (c < f->cases_least)
            continue;
        double v = watch_statistic(f->total, c, (uint64_t)n * f->within[w]);
        if (v > best->value) {
            *best = (struct best){.value = v, .window = w, .observed = c};
            better = true;
        }
    }
    return better;
}

/* Exact: raises the best of each replication of the batch. */
static void scan_exact(struct engine *e, struct worker *w, struct batch *b, const struct list *l)
{
    struct walk k = walk_begin(e, w, b, l);
    for (size_t i = 0; (i = e->kernel.walk(&k, i)) < l->len; i++) {
        for (size_t p = 0; p < k.passed_n; p++) {
            uint32_t r = k.passed[p];
            struct best best = {.value = b->best[r]};
            if (look(e, &k, b, r, l->at[i].n, &best))
                best_set(e, b, r, best.value);
        }
        k.least = ladder_rows(&e->ladder, batch_least(b));
    }
}

struct best engine_list_plain(const struct field *f, const struct list *l, const uint32_t *first, const uint32_t *ages,
                              uint32_t *count)
{
    struct best best = {0};
    memset(count, 0, f->windows * sizeof *count);
    for (uint32_t i = 0; i < l->len; i++) {
        uint32_t place = l->at[i].place;
        if (first[place] == first[place + 1])
            continue;
        for (uint32_t v = first[place]; v < first[place + 1]; v++)
            for (uint32_t w = ages[v]; w < f->windows; w++)
                count[w]++;
        for (uint32_t w = f->windows; w-- > f->window_least;) {
            if (count[w] < f->cases_least)
                continue;
            double v = watch_statistic(f->total, count[w], (uint64_t)l->at[i].n * f->within[w]);
            if (v > best.value)
                best = (struct best){v, w, i, count[w]};
        }
    }
    return best;
}

/* Alive cases by place, for engine_list_plain. first: places + 1, ages: alive. */
static void plain_sort(const struct field *f, const uint32_t *places, uint32_t *first, uint32_t *fill, uint32_t *ages)
{
    memset(first, 0, ((size_t)f->places.n + 1) * sizeof *first);
    for (uint32_t i = 0; i < f->alive; i++)
        first[places[i] + 1]++;
    for (uint32_t p = 0; p < f->places.n; p++)
        first[p + 1] += first[p];
    memcpy(fill, first, (size_t)f->places.n * sizeof *fill);
    for (uint32_t i = 0; i < f->alive; i++)
        ages[fill[places[i]]++] = f->alive_age[i];
}

static void plain_replication(void *ctx, size_t r, size_t worker)
{
    struct engine *e = ctx;
    struct worker *w = &e->workers[worker];
    if (!e->todo[r])
        return;
    uint32_t *first = mem_array((size_t)e->f->places.n + 1, sizeof *first);
    uint32_t *ages = mem_array((size_t)e->f->alive + 1, sizeof *ages);
    engine_permute(e->f, e->seed, e->from + (uint32_t)r, w->slots, w->undo, w->drawn);
    plain_sort(e->f, w->drawn, first, w->fill, ages);
    e->maxima[r] = 0;
    for (uint32_t c = 0; c < e->f->places.n; c++) {
        struct best b = engine_list_plain(e->f, &e->f->lists[c], first, ages, w->count);
        if (b.value > e->maxima[r])
            e->maxima[r] = b.value;
    }
    free(first);
    free(ages);
}

/* --- rounds --- */

static uint32_t gcd(uint32_t a, uint32_t b)
{
    return b ? gcd(b, a % b) : a;
}

/* A stride near n / golden ratio without common factor: any stretch of centre numbers i * stride mod n is spread out. */
static uint32_t spread_stride(uint32_t n)
{
    uint32_t s = (uint32_t)(n * 0.6180339887) + 1;
    while (gcd(s, n) != 1)
        s++;
    return s;
}

static void batch_keep(struct engine *e, const struct batch *b)
{
    for (uint32_t k = 0; k < b->n; k++) {
        e->maxima[b->replications[k]] = b->best[k];
        if (b->is_full[k])
            e->is_full[b->replications[k]] = true;
    }
}

/* Centres i * stride mod n for i of this pass. */
static void pass_exact(void *ctx, size_t batch, size_t worker)
{
    struct engine *e = ctx;
    struct batch *b = &e->batches[batch];
    uint32_t n = e->f->places.n, stride = spread_stride(n);
    batch_build(e, b, &e->workers[worker]);
    for (uint32_t i = e->pass_from; i < e->pass_to; i++)
        scan_exact(e, &e->workers[worker], b, &e->f->lists[(uint32_t)((uint64_t)i * stride % n)]);
    batch_keep(e, b);
    batch_fini(b);
}

/* --- driver --- */

struct valued {
    double value;
    uint32_t replication;
};

static int valued_compare(const void *pa, const void *pb)
{
    const struct valued *l = pa, *r = pb;
    return l->value != r->value ? (l->value < r->value ? -1 : 1) : l->replication < r->replication ? -1 : 1;
}

/* Batches of the replications to do, with like maxima together, so that one level suits all of a batch. */
static void batches_deal(struct engine *e)
{
    struct valued *all = mem_array(e->replications, sizeof *all);
    uint32_t n = 0;
    for (uint32_t r = 0; r < e->replications; r++)
        if (e->todo[r])
            all[n++] = (struct valued){e->maxima[r], r};
    qsort(all, n, sizeof *all, valued_compare);
    e->batches_n = (n + e->batch_size - 1) / e->batch_size;
    memset(e->batches, 0, e->batches_n * sizeof *e->batches);
    for (uint32_t i = 0; i < n; i++) {
        struct batch *b = &e->batches[i / e->batch_size];
        b->replications[b->n] = all[i].replication;
        best_set(e, b, b->n++, all[i].value);
    }
    free(all);
}

static void run_passes(struct engine *e)
{
    uint32_t n = e->f->places.n, ends[] = {n / SAMPLE_SHARE, n};
    memset(e->is_full, 0, e->replications * sizeof *e->is_full);
    e->pass_from = 0;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        e->pass_to = ends[i];
        batches_deal(e);
        if (e->pass_to > e->pass_from)
            threads_for(e->threads, e->batches_n, pass_exact, e);
        e->pass_from = e->pass_to;
    }
}

static void workers_init(struct engine *e)
{
    const struct field *f = e->f;
    e->workers = mem_array(e->threads, sizeof *e->workers);
    for (uint32_t t = 0; t < e->threads; t++) {
        struct worker *w = &e->workers[t];
        w->state = lines_alloc((size_t)e->batch_size * e->ladder.stride);
        w->slots = mem_array(f->total, sizeof *w->slots);
        memcpy(w->slots, f->slots, f->total * sizeof *w->slots);
        w->undo = mem_array((size_t)f->alive + 1, sizeof *w->undo);
        w->drawn = mem_array((size_t)f->alive + 1, sizeof *w->drawn);
        w->fill = mem_array((size_t)f->places.n + 1, sizeof *w->fill);
        w->count = mem_array(f->windows, sizeof *w->count);
    }
}

static void unit_init(struct engine *e)
{
    const struct field *f = e->f;
    e->unit = lines_alloc(f->windows * e->ladder.stride);
    for (uint32_t age = 0; age < f->windows; age++)
        for (uint32_t w = age > f->window_least ? age : f->window_least; w < f->windows; w++) {
            if (e->ladder.cell == CELL_U8)
                e->unit[age * e->ladder.stride + w] = 1;
            else if (e->ladder.cell == CELL_U16)
                ((uint16_t *)(void *)e->unit)[age * e->ladder.stride / 2 + w] = 1;
        }
}

/* States of a batch should stay in the first-level cache. */
static uint32_t batch_size_for(size_t stride, uint32_t alive)
{
    uint32_t size = stride <= 64 ? 128 : stride <= 128 ? 64 : 32;
    while (size > 1 && (uint64_t)size * alive > BATCH_EVENTS_MAX)
        size /= 2;
    return size;
}

static void engine_init(struct engine *e, const struct field *f, const struct engine_options *opt, uint32_t threads,
                        enum cell least)
{
    *e = (struct engine){.f = f, .opt = opt, .threads = threads};
    ladder_init(&e->ladder, f, opt->words && least == CELL_U8 ? CELL_U16 : least);
    e->kernel = kernel_for(e->ladder.cell, e->ladder.stride, opt->no_vectors);
    e->batch_size = batch_size_for(e->ladder.stride, f->alive);
    workers_init(e);
    unit_init(e);
}

static void engine_fini(struct engine *e)
{
    for (uint32_t t = 0; t < e->threads; t++) {
        struct worker *w = &e->workers[t];
        free(w->state);
        free(w->slots);
        free(w->undo);
        free(w->drawn);
        free(w->fill);
        free(w->count);
    }
    free(e->workers);
    free(e->is_full);
    free(e->batches);
    free(e->unit);
    ladder_fini(&e->ladder);
}

/* The replications of todo; those that need wider cells stay in it. */
static void engine_round(const struct field *f, const struct watch_params *p, const struct engine_options *opt,
                         enum cell least, uint32_t from, uint32_t n, bool *todo, double *out)
{
    struct engine e;
    engine_init(&e, f, opt, p->threads, least);
    e.seed = p->seed;
    e.from = from;
    e.replications = n;
    e.todo = todo;
    e.maxima = out;
    e.is_full = mem_array(n, sizeof *e.is_full);
    e.batches = mem_array((n + e.batch_size - 1) / e.batch_size, sizeof *e.batches);
    if (least == CELL_NONE || opt->reference || e.ladder.cell == CELL_NONE)
        threads_for(e.threads, n, plain_replication, &e);
    else
        run_passes(&e);
    for (uint32_t r = 0; r < n; r++) {
        todo[r] = e.is_full[r];
        out[r] = e.is_full[r] ? 0 : out[r];
    }
    engine_fini(&e);
}

static bool any_is(const bool *todo, uint32_t n)
{
    return memchr(todo, true, n * sizeof *todo) != NULL;
}

void engine_maxima(const struct field *f, const struct watch_params *p, const struct engine_options *opt, double *out)
{
    static const enum cell wider[] = {CELL_U8, CELL_U16, CELL_NONE};
    memset(out, 0, p->replications * sizeof *out);
    if (p->replications == 0 || f->alive == 0 || f->n_most == 0)
        return;
    bool *todo = mem_array(ROUND_MAX, sizeof *todo);
    for (uint32_t from = 0; from < p->replications; from += ROUND_MAX) {
        uint32_t n = p->replications - from < ROUND_MAX ? p->replications - from : ROUND_MAX;
        memset(todo, true, n * sizeof *todo);
        for (size_t i = 0; i < sizeof wider / sizeof wider[0] && any_is(todo, n); i++)
            engine_round(f, p, opt, wider[i], from, n, todo, out + from);
    }
    free(todo);
}

/* --- the real data --- */

struct observed_job {
    struct engine *e;
    uint32_t *first, *ages;
    uint16_t *events;
    struct best *out;
};

static void observed_centre(void *ctx, size_t centre, size_t worker)
{
    struct observed_job *j = ctx;
    struct engine *e = j->e;
    struct worker *w = &e->workers[worker];
    const struct list *l = &e->f->lists[centre];
    struct best best = {0};
    bool is_full = e->ladder.cell == CELL_NONE || e->opt->reference;
    if (!is_full) {
        struct batch real = {.n = 1, .first = j->first, .events = j->events};
        best_set(e, &real, 0, 0);
        struct walk k = walk_begin(e, w, &real, l);
        for (size_t i = 0; (i = e->kernel.walk(&k, i)) < l->len; i++)
            if (look(e, &k, &real, 0, l->at[i].n, &best)) {
                best.entry = (uint32_t)i;
                best_set(e, &real, 0, best.value);
                k.least = real.rows[0];
            }
        is_full = real.is_full[0];
    }
    j->out[centre] = is_full ? engine_list_plain(e->f, l, j->first, j->ages, w->count) : best;
}

void engine_observed(const struct field *f, uint32_t threads, const struct engine_options *opt, struct best *out)
{
    memset(out, 0, f->places.n * sizeof *out);
    if (f->alive == 0 || f->n_most == 0)
        return;
    struct engine e;
    engine_init(&e, f, opt, threads, CELL_U8);
    struct observed_job j = {.e = &e, .out = out};
    j.first = mem_array((size_t)f->places.n + 1, sizeof *j.first);
    j.ages = mem_array((size_t)f->alive + 1, sizeof *j.ages);
    plain_sort(f, f->alive_place, j.first, e.workers[0].fill, j.ages);
    j.events = mem_array((size_t)f->alive + 1, sizeof *j.events);
    for (uint32_t i = 0; i < f->alive; i++)
        j.events[i] = (uint16_t)(j.ages[i] & 255);
    threads_for(threads, f->places.n, observed_centre, &j);
    free(j.ages);
    free(j.first);
    free(j.events);
    engine_fini(&e);
}
