/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Exact maxima of the replications: the event scan. Batches of replications share a walk along the list of each centre;
 * every alive case that a circle takes in is one event: one vector of window counts moves and is held against integer
 * thresholds. Only what passes is computed. Passes, each of which starts from the maxima of the last and deals the
 * replications into batches by them, so that one row of thresholds suits a whole batch:
 *   1. sample: a few centres, whole lists. Finds levels.
 *   2. small : circles of at most `split` cases, around every centre; all circles where there are no bounds.
 *   3. bound : the larger circles of a group of centres at once (bounds.c); notes which replications could have more.
 *   4. rescan: those, centre by centre.
 *
 * Invariants:
 *   E1 a circle's count is complete at the last event of its last place, so looking after each place is enough;
 *      between places n only grows and the statistic of the same count only falls.
 *   E2 levels, batches and the order of work decide only what is skipped, never a maximum: a threshold lies under
 *      the level, the level not over the maximum so far, and whatever passes is computed by watch_statistic.
 *   E3 a replication whose counts left the range of their cells is done again with wider ones, at last with the
 *      formula at every count.
 *   E4 a circle of more than split cases all of whose events came at bound entries of at most split cases is seen by
 *      the look between the two parts of the bound list.
 */
#include "watch/watch_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/threads.h"

enum {
    BATCH_MAX = 128,
    ROUND_MAX = 4096,
    BATCH_EVENTS_MAX = 32 * 1000 * 1000,
    ROUND_EVENTS_MAX = 256 * 1000 * 1000,
    ROUND_FLAGS_MAX = 256 * 1000 * 1000
};
/* measured: bench/scan */
enum { SAMPLE_SHARE = 64, CHUNK_CENTRES = 512, CHUNK_GROUPS = 64, SPLIT_EXPECTED = 24 };

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
    bool *todo, *is_full;        /* E3 */
    pthread_mutex_t lock;        /* best and is_full of batches, while pieces of work end */
    const struct bounds *bounds; /* NULL: none */
    uint8_t *flags;              /* [group * replications + replication]: could have a larger circle over its best */
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
    return (struct walk){.at = l->at,
                         .len = l->len,
                         .first = b->first,
                         .events = b->events,
                         .state = w->state,
                         .replications = b->n,
                         .unit = e->unit,
                         .least = ladder_rows(&e->ladder, batch_least(b)),
                         .rows = b->rows,
                         .ladder = &e->ladder,
                         .is_full = b->is_full,
                         .passed = w->passed};
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
    size_t (*walk)(struct walk *, size_t) = b->n == 1 ? e->kernel.walk_one : e->kernel.walk;
    for (size_t i = 0; (i = walk(&k, i)) < l->len; i++) {
        for (size_t p = 0; p < k.passed_n; p++) {
            uint32_t r = k.passed[p];
            struct best best = {.value = b->best[r]};
            if (look(e, &k, b, r, l->at[i].n, &best))
                best_set(e, b, r, best.value);
        }
        k.least = ladder_rows(&e->ladder, batch_least(b));
    }
}

static void flag_passed(struct engine *e, struct batch *b, const struct walk *k, uint8_t *flags, const void **rows)
{
    for (size_t p = 0; p < k->passed_n; p++) {
        flags[b->replications[k->passed[p]]] = 1;
        rows[k->passed[p]] = e->ladder.full_only; /* enough said of it */
    }
}

/* Notes which replications could have a better circle of more than split cases in this group. Full counts are looked
 * for all the way: a base moved under one would hide it. */
static void scan_bound(struct engine *e, struct worker *w, struct batch *b, uint32_t group)
{
    const struct group *g = &e->bounds->groups[group];
    uint8_t *flags = e->flags + (size_t)group * e->replications;
    struct walk k = walk_begin(e, w, b, &g->list);
    const void *own[BATCH_MAX], *full[BATCH_MAX], *least = k.least;
    memcpy(own, b->rows, sizeof own);
    for (uint32_t r = 0; r < b->n; r++)
        full[r] = e->ladder.full_only;
    k.rows = full;
    k.least = e->ladder.full_only;
    k.len = g->split_at;
    for (size_t i = 0; (i = e->kernel.walk(&k, i)) < k.len; i++)
        flag_passed(e, b, &k, flags, own);
    k.rows = own;
    for (uint32_t r = 0; r < b->n; r++) /* E4 */
        if (e->kernel.is_over(&k, r, e->bounds->split + 1)) {
            flags[b->replications[r]] = 1;
            own[r] = e->ladder.full_only;
        }
    k.least = least;
    k.len = g->list.len;
    for (size_t i = g->split_at; (i = e->kernel.walk(&k, i)) < k.len; i++)
        flag_passed(e, b, &k, flags, own);
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

/* A stride near n / golden ratio without common factor: any stretch of centre numbers i * stride mod n is spread out.
 */
static uint32_t spread_stride(uint32_t n)
{
    uint32_t s = (uint32_t)(n * 0.6180339887) + 1;
    while (gcd(s, n) != 1)
        s++;
    return s;
}

static uint32_t small_len(const struct list *l, uint32_t split)
{
    uint32_t low = 0, high = l->len;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (l->at[mid].n <= split)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void pass_build(void *ctx, size_t batch, size_t worker)
{
    struct engine *e = ctx;
    batch_build(e, &e->batches[batch], &e->workers[worker]);
}

/* A piece of work has its own copy of the batch's maxima, and returns what it raised. */
static struct batch batch_take(struct engine *e, const struct batch *b)
{
    pthread_mutex_lock(&e->lock);
    struct batch own = *b;
    pthread_mutex_unlock(&e->lock);
    return own;
}

static void batch_return(struct engine *e, struct batch *b, const struct batch *own)
{
    pthread_mutex_lock(&e->lock);
    for (uint32_t k = 0; k < b->n; k++) {
        if (own->best[k] > b->best[k])
            best_set(e, b, k, own->best[k]);
        b->is_full[k] |= own->is_full[k];
    }
    pthread_mutex_unlock(&e->lock);
}

/* Whole lists of the centres i * stride mod n, spread over the field. */
static void pass_sample(void *ctx, size_t batch, size_t worker)
{
    struct engine *e = ctx;
    uint32_t n = e->f->places.n, stride = spread_stride(n);
    for (uint32_t i = 0; i < n / SAMPLE_SHARE; i++)
        scan_exact(e, &e->workers[worker], &e->batches[batch], &e->f->lists[(uint32_t)((uint64_t)i * stride % n)]);
}

static void pass_all(void *ctx, size_t piece, size_t worker)
{
    struct engine *e = ctx;
    struct batch *b = &e->batches[piece % e->batches_n], own = batch_take(e, b);
    uint32_t from = (uint32_t)(piece / e->batches_n) * CHUNK_CENTRES, n = e->f->places.n;
    for (uint32_t i = from; i < from + CHUNK_CENTRES && i < n; i++)
        scan_exact(e, &e->workers[worker], &own, &e->f->lists[i]);
    batch_return(e, b, &own);
}

static void pass_small(void *ctx, size_t piece, size_t worker)
{
    struct engine *e = ctx;
    struct batch *b = &e->batches[piece % e->batches_n], own = batch_take(e, b);
    uint32_t from = (uint32_t)(piece / e->batches_n) * CHUNK_GROUPS;
    for (uint32_t g = from; g < from + CHUNK_GROUPS && g < e->bounds->n; g++) {
        const struct group *group = &e->bounds->groups[g];
        for (uint32_t i = group->from; i < group->end; i++) {
            const struct list *l = &e->f->lists[e->bounds->centres[i]];
            struct list part = {l->at, group->list.len ? small_len(l, e->bounds->split) : l->len};
            scan_exact(e, &e->workers[worker], &own, &part);
        }
    }
    batch_return(e, b, &own);
}

static void pass_bound(void *ctx, size_t piece, size_t worker)
{
    struct engine *e = ctx;
    struct batch *b = &e->batches[piece % e->batches_n], own = batch_take(e, b);
    uint32_t from = (uint32_t)(piece / e->batches_n) * CHUNK_GROUPS;
    for (uint32_t g = from; g < from + CHUNK_GROUPS && g < e->bounds->n; g++)
        if (e->bounds->groups[g].list.len)
            scan_bound(e, &e->workers[worker], &own, g);
    batch_return(e, b, &own);
}

static void pass_rescan(void *ctx, size_t r, size_t worker)
{
    struct engine *e = ctx;
    struct batch one = {.n = 1, .replications = {(uint32_t)r}};
    best_set(e, &one, 0, e->maxima[r]);
    for (uint32_t g = 0; g < e->bounds->n && e->todo[r] && !e->is_full[r]; g++) {
        if (!e->flags[(size_t)g * e->replications + r])
            continue;
        if (!one.first)
            batch_build(e, &one, &e->workers[worker]);
        for (uint32_t i = e->bounds->groups[g].from; i < e->bounds->groups[g].end; i++)
            scan_exact(e, &e->workers[worker], &one, &e->f->lists[e->bounds->centres[i]]);
    }
    e->maxima[r] = one.best[0];
    e->is_full[r] |= one.is_full[0];
    batch_fini(&one);
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

static void batches_keep(struct engine *e)
{
    for (uint32_t i = 0; i < e->batches_n; i++) {
        struct batch *b = &e->batches[i];
        for (uint32_t k = 0; k < b->n; k++) {
            e->maxima[b->replications[k]] = b->best[k];
            e->is_full[b->replications[k]] |= b->is_full[k];
        }
        batch_fini(b);
    }
}

static void run_pass(struct engine *e, size_t units, size_t units_per_piece,
                     void (*pass)(void *ctx, size_t piece, size_t worker))
{
    batches_deal(e);
    threads_for(e->threads, e->batches_n, pass_build, e);
    threads_for(e->threads, (units + units_per_piece - 1) / units_per_piece * e->batches_n, pass, e);
    batches_keep(e);
}

static void run_passes(struct engine *e)
{
    uint32_t n = e->f->places.n;
    memset(e->is_full, 0, e->replications * sizeof *e->is_full);
    if (n >= SAMPLE_SHARE)
        run_pass(e, 1, 1, pass_sample);
    if (!e->bounds) {
        run_pass(e, n, CHUNK_CENTRES, pass_all);
        return;
    }
    run_pass(e, e->bounds->n, CHUNK_GROUPS, pass_small);
    e->flags = mem_array(e->bounds->n, e->replications);
    run_pass(e, e->bounds->n, CHUNK_GROUPS, pass_bound);
    threads_for(e->threads, e->replications, pass_rescan, e);
    free(e->flags);
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
    pthread_mutex_init(&e->lock, NULL);
    ladder_init(&e->ladder, f, opt->words && least == CELL_U8 ? CELL_U16 : least);
    e->kernel = kernel_for(e->ladder.cell, e->ladder.stride, opt->no_vectors);
    e->batch_size = opt->batch ? opt->batch : batch_size_for(e->ladder.stride, f->alive);
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
    pthread_mutex_destroy(&e->lock);
    ladder_fini(&e->ladder);
}

/* The replications of todo; those that need wider cells stay in it. */
static void engine_round(const struct field *f, const struct watch_params *p, const struct engine_options *opt,
                         const struct bounds *bounds, enum cell least, uint32_t from, uint32_t n, bool *todo,
                         double *out)
{
    struct engine e;
    engine_init(&e, f, opt, p->threads, least);
    e.seed = p->seed;
    e.bounds = bounds;
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

/* Replications at a time: their events and flags must fit into memory. */
static uint32_t round_size(const struct field *f, const struct bounds *b)
{
    uint64_t n = ROUND_MAX;
    if (n * f->alive > ROUND_EVENTS_MAX)
        n = ROUND_EVENTS_MAX / f->alive;
    if (b && n * b->n > ROUND_FLAGS_MAX)
        n = ROUND_FLAGS_MAX / b->n;
    return n > 0 ? (uint32_t)n : 1;
}

/* From so many cases on, SPLIT_EXPECTED are expected in the longest window: there neighbours' circles are alike. */
static uint32_t split_of(const struct field *f, const struct engine_options *opt)
{
    double n = (double)SPLIT_EXPECTED * f->total / f->within[f->windows - 1];
    return opt->split ? opt->split : n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

void engine_maxima(const struct field *f, const struct watch_params *p, const struct engine_options *opt, double *out)
{
    static const enum cell wider[] = {CELL_U8, CELL_U16, CELL_NONE};
    memset(out, 0, p->replications * sizeof *out);
    if (p->replications == 0 || f->alive == 0 || f->n_most == 0)
        return;
    struct bounds bounds;
    uint32_t split = split_of(f, opt);
    bool has_bounds = !opt->no_bounds && !opt->reference && split < f->n_most;
    if (has_bounds)
        bounds_init(&bounds, f, split, p->threads);
    uint32_t round = round_size(f, has_bounds ? &bounds : NULL);
    bool *todo = mem_array(round, sizeof *todo);
    for (uint32_t from = 0; from < p->replications; from += round) {
        uint32_t n = p->replications - from < round ? p->replications - from : round;
        memset(todo, true, n * sizeof *todo);
        for (size_t i = 0; i < sizeof wider / sizeof wider[0] && any_is(todo, n); i++)
            engine_round(f, p, opt, has_bounds ? &bounds : NULL, wider[i], from, n, todo, out + from);
    }
    if (has_bounds)
        bounds_fini(&bounds);
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
