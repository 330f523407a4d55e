/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The scan against brute force on random small data sets: places and days that repeat, places on a grid (equal
 * distances), one place only, counts over 1 and over what a byte holds, more windows than days. What brute force takes
 * from the code under test is the formula (tested on its own) and which days a replication deals out. Every way of
 * computing must give the same bits: 1 to 4 threads, with and without vectors, bytes or words, bounds or none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "watch/watch_int.h"

enum { SETS = 2400, PLACES = 24, ROWS = 90, DAYS = 330, REPLICATIONS = 12 };

struct set {
    double a[PLACES], b[PLACES];
    struct watch_case rows[ROWS];
    struct watch_points points;
    struct watch_cases cases;
    struct watch_params params;
};

static struct prng rng;
static uint64_t seed;

static uint32_t below(uint32_t n)
{
    return (uint32_t)prng_below(&rng, n);
}

static int seed_rng(void **state)
{
    (void)state;
    const char *given = getenv("FANE_SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)clock_monotonic_us();
    printf("seed %llu (FANE_SEED replays)\n", (unsigned long long)seed);
    prng_seed(&rng, seed);
    return 0;
}

static void make_places(struct set *s, bool even)
{
    bool grid = !even && below(2), one = !even && below(20) == 0;
    s->points.kind = below(2) ? WATCH_LAT_LON : WATCH_CARTESIAN;
    s->points.n = even ? PLACES : 1 + below(PLACES);
    s->points.a = s->a;
    s->points.b = s->b;
    for (size_t i = 0; i < s->points.n; i++) {
        s->a[i] = one ? 7 : grid ? (double)below(4) : prng_unit(&rng) * 10 - 5;
        s->b[i] = one ? 7 : grid ? (double)below(4) : prng_unit(&rng) * 10 - 5;
        if (i > 0 && !even && below(6) == 0) { /* the same place again */
            uint32_t k = below((uint32_t)i);
            s->a[i] = s->a[k];
            s->b[i] = s->b[k];
        }
    }
}

static void make_cases(struct set *s, bool even)
{
    bool many = below(8) == 0, halves = even && below(3) == 0, few_days = !even && below(3) == 0,
         one_day = !even && below(25) == 0;
    uint32_t days = (uint32_t)(s->params.end_day - s->params.start_day + 1);
    s->cases.n = even ? ROWS : 1 + below(ROWS);
    s->cases.at = s->rows;
    for (size_t i = 0; i < s->cases.n; i++)
        s->rows[i] = (struct watch_case){even ? (uint32_t)(i % s->points.n) : below((uint32_t)s->points.n),
                                         even   ? 5 + below(40)
                                         : many ? below(120)
                                                : 1 + below(3),
                                         s->params.end_day - (one_day ? 0 : below(few_days && days > 4 ? 4 : days))};
    for (size_t i = 0; halves && i < s->cases.n; i++) /* counts far under what is expected */
        s->rows[i].day = s->rows[i].place % 2 ? s->params.start_day : s->params.end_day - below(2);
    s->rows[0].count = 2;
}

static void make_set(struct set *s)
{
    struct watch_params p = watch_params_default();
    bool even = below(6) == 0; /* hundreds expected, no place much bigger than the others */
    uint32_t shape = below(120), days = shape == 0 ? DAYS : shape < 15 ? 40 + below(40) : 2 + below(30);
    memset(s, 0, sizeof *s);
    p.start_day = 18000 + below(400);
    p.end_day = p.start_day + days - 1;
    p.unit = below(6) ? WATCH_DAY : WATCH_MONTH;
    p.length = p.unit == WATCH_DAY ? 1 + below(3) : 1;
    p.max_is_percent = below(4) == 0;
    p.max_time_percent = 90;
    p.max_units = p.length + below(p.unit == WATCH_DAY ? days + 10 : 3);
    p.min_units = 1 + below(2);
    p.max_percent = below(2) ? 50 : 5 + below(45);
    p.max_distance = below(2) ? 0 : s->points.kind == WATCH_LAT_LON ? 50 + below(400) : 1 + below(4);
    p.cases_least = 2 + below(2);
    p.replications = below(REPLICATIONS + 1);
    p.seed = prng_u64(&rng);
    p.threads = 1;
    p.secondary = below(3) ? WATCH_NO_SHARED_PLACES : WATCH_ALL_CENTRES;
    s->params = p;
    if (shape == 0) {
        s->params.unit = WATCH_DAY;
        s->params.length = 1;
        s->params.max_is_percent = false;
        s->params.max_units = 257 + below(40);
    } else if (even) {
        s->params.max_is_percent = false;
        s->params.max_units = days / 8 + below(days / 2) + 1;
        s->params.max_distance = 0;
        s->params.max_percent = 50;
    }
    make_places(s, even);
    make_cases(s, even);
}

/* --- brute force --- */

struct brute {
    const struct set *s;
    uint32_t n, of_point[PLACES], first[PLACES]; /* places joined */
    double x[PLACES], y[PLACES], z[PLACES], reach2;
    uint32_t windows, least, total, n_cap, cases_of[PLACES];
    int64_t start[DAYS + 1]; /* first day of each window */
    uint32_t within[DAYS + 1];
};

static void brute_places(struct brute *b)
{
    const struct set *s = b->s;
    for (size_t i = 0; i < s->points.n; i++) {
        size_t k = 0;
        while (s->a[k] != s->a[i] || s->b[k] != s->b[i])
            k++;
        if (k < i) {
            b->of_point[i] = b->of_point[k];
            continue;
        }
        double lat = s->a[i] * 0.017453292519943295, lon = s->b[i] * 0.017453292519943295;
        bool sphere = s->points.kind == WATCH_LAT_LON;
        b->x[b->n] = sphere ? cos(lat) * cos(lon) : s->a[i];
        b->y[b->n] = sphere ? cos(lat) * sin(lon) : s->b[i];
        b->z[b->n] = sphere ? sin(lat) : 0;
        b->first[b->n] = (uint32_t)i;
        b->of_point[i] = b->n++;
    }
    double d = s->params.max_distance, chord = 2 * sin(d / 2 / WATCH_EARTH_KM);
    b->reach2 = d == 0 ? INFINITY : s->points.kind == WATCH_LAT_LON ? chord * chord : d * d;
}

static int64_t months_back(int64_t day, int months)
{
    struct civil_date d = date_from_days(day);
    for (d.month -= months; d.month < 1; d.month += 12)
        d.year--;
    while (!date_is_valid(d))
        d.day--;
    return date_to_days(d);
}

/* Windows counted one by one; false when none is left. */
static bool brute_windows(struct brute *b)
{
    const struct watch_params *p = &b->s->params;
    double units = 0;
    int64_t end = p->end_day + 1, from = end;
    for (int k = 1; from > p->start_day; k++) {
        int64_t next = p->unit == WATCH_DAY ? end - k : months_back(end, k);
        units += next >= p->start_day ? 1 : (double)(from - p->start_day) / (double)(from - next);
        from = next;
    }
    double longest = p->max_is_percent ? floor(units * p->max_time_percent / 100) : p->max_units;
    b->windows = (uint32_t)floor(longest / p->length);
    if (b->windows > ceil(units / p->length))
        b->windows = (uint32_t)ceil(units / p->length);
    b->least = (p->min_units + p->length - 1) / p->length;
    if (b->windows < 1 || b->least > b->windows)
        return false;
    for (uint32_t w = 1; w <= b->windows; w++) {
        int64_t day = p->unit == WATCH_DAY ? end - (int64_t)w * p->length : months_back(end, (int)(w * p->length));
        b->start[w] = day < p->start_day ? p->start_day : day;
        b->within[w] = 0;
        for (size_t i = 0; i < b->s->cases.n; i++)
            b->within[w] += b->s->rows[i].day >= b->start[w] ? b->s->rows[i].count : 0;
    }
    for (size_t i = 0; i < b->s->cases.n; i++) {
        b->total += b->s->rows[i].count;
        b->cases_of[b->of_point[b->s->rows[i].place]] += b->s->rows[i].count;
    }
    b->n_cap = 0;
    while ((b->n_cap + 1) * 100.0 <= b->total * p->max_percent + 1e-9)
        b->n_cap++;
    return true;
}

static double distance2(const struct brute *b, uint32_t i, uint32_t j)
{
    double dx = b->x[i] - b->x[j], dy = b->y[i] - b->y[j], dz = b->z[i] - b->z[j];
    return dx * dx + dy * dy + dz * dz;
}

static bool is_nearer(const struct brute *b, uint32_t c, uint32_t i, uint32_t j)
{
    double di = distance2(b, c, i), dj = distance2(b, c, j);
    if (di != dj)
        return di < dj;
    if (b->x[i] != b->x[j])
        return b->x[i] < b->x[j];
    return b->y[i] != b->y[j] ? b->y[i] < b->y[j] : b->z[i] < b->z[j];
}

static void brute_order(const struct brute *b, uint32_t centre, uint32_t *order)
{
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t k = i;
        for (; k > 0 && is_nearer(b, centre, i, order[k - 1]); k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
}

struct zone {
    double value;
    uint32_t centre, places, window, observed, n, order[PLACES];
};

/* in[place][w]: cases of the place in window w. */
static struct zone brute_centre(const struct brute *b, uint32_t centre, uint32_t in[PLACES][DAYS + 1])
{
    struct zone best = {.centre = centre};
    uint32_t order[PLACES], n = 0;
    brute_order(b, centre, order);
    for (uint32_t k = 0; k < b->n; k++) {
        n += b->cases_of[order[k]];
        if (distance2(b, centre, order[k]) > b->reach2 || n > b->n_cap)
            break;
        for (uint32_t w = b->windows; w >= b->least; w--) {
            uint32_t c = 0;
            for (uint32_t i = 0; i <= k; i++)
                c += in[order[i]][w];
            double v = c < b->s->params.cases_least ? 0 : watch_statistic(b->total, c, (uint64_t)n * b->within[w]);
            if (v > best.value)
                best = (struct zone){.value = v, .centre = centre, .places = k + 1, .window = w, .observed = c, .n = n};
        }
    }
    memcpy(best.order, order, sizeof order);
    return best;
}

static double brute_replication(const struct brute *b, const struct field *f, uint32_t r)
{
    static uint32_t in[PLACES][DAYS + 1];
    uint32_t *slots = mem_array(f->total, sizeof *slots), *undo = mem_array(f->alive + 1, sizeof *undo);
    uint32_t *drawn = mem_array(f->alive + 1, sizeof *drawn);
    double most = 0;
    memcpy(slots, f->slots, f->total * sizeof *slots);
    engine_permute(f, b->s->params.seed, r, slots, undo, drawn);
    assert_memory_equal(slots, f->slots, f->total * sizeof *slots);
    memset(in, 0, sizeof in);
    for (uint32_t i = 0; i < f->alive; i++)
        for (uint32_t w = f->alive_age[i] + 1; w <= b->windows; w++)
            in[drawn[i]][w]++;
    for (uint32_t c = 0; c < b->n; c++) {
        double v = brute_centre(b, c, in).value;
        most = v > most ? v : most;
    }
    free(slots);
    free(undo);
    free(drawn);
    return most;
}

static int zone_compare(const void *pa, const void *pb)
{
    const struct zone *l = pa, *r = pb;
    if (l->value != r->value)
        return l->value > r->value ? -1 : 1;
    return l->places != r->places ? (l->places < r->places ? -1 : 1) : l->centre < r->centre ? -1 : 1;
}

static void check_cluster(const struct brute *b, const struct zone *z, const struct watch_cluster *c)
{
    uint32_t k = 0;
    assert_true(c->statistic == z->value);
    assert_int_equal(c->centre, b->first[z->centre]);
    assert_int_equal(c->observed, z->observed);
    assert_int_equal(c->start_day, b->start[z->window]);
    assert_int_equal(c->end_day, b->s->params.end_day);
    assert_true(fabs(c->expected - (double)z->n * b->within[z->window] / b->total) < 1e-9);
    for (uint32_t i = 0; i < z->places; i++)
        for (size_t p = 0; p < b->s->points.n; p++)
            if (b->of_point[p] == z->order[i])
                assert_int_equal(c->members[k++], p);
    assert_int_equal(c->members_n, k);
}

static void check_clusters(const struct brute *b, const struct watch_result *r)
{
    static uint32_t in[PLACES][DAYS + 1];
    struct zone zones[PLACES];
    bool taken[PLACES] = {0};
    size_t found = 0;
    memset(in, 0, sizeof in);
    for (size_t i = 0; i < b->s->cases.n; i++)
        for (uint32_t w = 1; w <= b->windows; w++)
            in[b->of_point[b->s->rows[i].place]][w] += b->s->rows[i].day >= b->start[w] ? b->s->rows[i].count : 0;
    for (uint32_t c = 0; c < b->n; c++)
        zones[c] = brute_centre(b, c, in);
    qsort(zones, b->n, sizeof *zones, zone_compare);
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t rank = 1;
        bool is_free = true;
        for (uint32_t k = 0; k < r->replications; k++)
            rank += r->maxima[k] >= zones[i].value;
        if (zones[i].value < WATCH_STATISTIC_LEAST || (r->replications > 0 && rank > r->replications))
            break;
        for (uint32_t k = 0; k < zones[i].places && b->s->params.secondary == WATCH_NO_SHARED_PLACES; k++)
            is_free &= !taken[zones[i].order[k]];
        if (!is_free)
            continue;
        for (uint32_t k = 0; k < zones[i].places; k++)
            taken[zones[i].order[k]] = true;
        assert_true(found < r->clusters_n);
        check_cluster(b, &zones[i], &r->clusters[found]);
        assert_int_equal(r->clusters[found].rank, r->replications > 0 ? rank : 0);
        found++;
    }
    assert_int_equal(found, r->clusters_n);
}

static void check_same(const struct watch_result *a, const struct watch_result *b)
{
    assert_memory_equal(a->maxima, b->maxima, a->replications * sizeof *a->maxima);
    assert_int_equal(a->clusters_n, b->clusters_n);
    assert_true(sha256_is_equal(a->inputs, b->inputs));
    for (size_t i = 0; i < a->clusters_n; i++) {
        assert_true(a->clusters[i].statistic == b->clusters[i].statistic);
        assert_int_equal(a->clusters[i].centre, b->clusters[i].centre);
        assert_int_equal(a->clusters[i].members_n, b->clusters[i].members_n);
    }
}

static void check_ways(const struct set *s, const struct watch_result *r, struct arena *mem)
{
    struct err err = {0};
    for (int i = 0; i < 3; i++) {
        struct engine_options way = {.no_vectors = below(2),
                                     .no_bounds = below(3) == 0,
                                     .words = below(3) == 0,
                                     .reference = below(8) == 0,
                                     .split = below(2) ? 1 + below(8) : 0,
                                     .batch = below(3) ? 0 : 1 + below(4)};
        struct watch_params p = s->params;
        struct watch_result other;
        p.threads = 1 + below(4);
        assert_int_equal(watch_scan_with(&s->points, &s->cases, &p, &way, mem, &other, &err), RC_OK);
        check_same(r, &other);
    }
}

/* Sets whose counts were kept in bytes over a base, in words, in neither: each must have been met. */
static uint32_t met_base, met_words, met_none;

static void meet(const struct field *f)
{
    struct ladder l;
    ladder_init(&l, f, CELL_U8);
    met_base += l.block_cases > 0;
    met_words += l.cell == CELL_U16;
    met_none += l.cell == CELL_NONE;
    ladder_fini(&l);
}

static void check_set(const struct set *s)
{
    struct brute b = {.s = s};
    struct arena mem;
    struct err err = {0};
    struct watch_result r;
    struct field f;
    arena_init(&mem);
    brute_places(&b);
    bool has_windows = brute_windows(&b);
    enum rc rc = watch_scan_stp(&s->points, &s->cases, &s->params, &mem, &r, &err);
    assert_int_equal(rc, has_windows ? RC_OK : RC_INVALID);
    if (has_windows) {
        assert_int_equal(field_build(&s->points, &s->cases, &s->params, &mem, &f, &err), RC_OK);
        for (uint32_t i = 0; i < r.replications; i++)
            assert_true(r.maxima[i] == brute_replication(&b, &f, i));
        check_clusters(&b, &r);
        if (f.alive > 0 && f.n_most > 0)
            meet(&f);
        check_ways(s, &r, &mem);
        field_free(&f);
    }
    arena_fini(&mem);
}

static void test_against_brute_force(void **state)
{
    static struct set s;
    (void)state;
    for (int i = 0; i < SETS; i++) {
        make_set(&s);
        check_set(&s);
    }
    printf("%u sets over a base, %u in words, %u in neither\n", met_base, met_words, met_none);
    assert_true(met_base > 0 && met_words > 0 && met_none > 0);
}

/* --- kernels side by side --- */

struct walked {
    uint8_t state[1024];
    size_t stops[4096], n;
    bool is_full;
};

/* Walks one list of the real days with one kernel, through all stops. */
static void walk_list(struct ladder *l, const struct list *list, const uint32_t *first, const uint16_t *events,
                      const void *unit, size_t (*walk)(struct walk *, size_t), struct walked *out)
{
    uint8_t *state = aligned_alloc(64, 1024), passed[256];
    const void *rows[1] = {ladder_rows(l, 4)};
    struct walk w = {.at = list->at,
                     .len = list->len,
                     .first = first,
                     .events = events,
                     .state = state,
                     .replications = 1,
                     .unit = unit,
                     .least = rows[0],
                     .rows = rows,
                     .ladder = l,
                     .is_full = &out->is_full,
                     .passed = passed};
    out->n = 0;
    out->is_full = false;
    memset(state, l->cell == CELL_U8 ? (int)l->offset : 0, 1024);
    for (size_t i = 0; (i = walk(&w, i)) < w.len; i++)
        out->stops[out->n++] = i;
    memcpy(out->state, state, 1024);
    free(state);
}

static void check_kernels(const struct field *f)
{
    static struct walked a, b;
    struct ladder l;
    ladder_init(&l, f, CELL_U8);
    if (l.cell != CELL_NONE && l.stride <= 1024) {
        uint32_t *first = mem_array(f->places.n + 1, sizeof *first), *fill = mem_array(f->places.n + 1, sizeof *fill);
        uint16_t *events = mem_array(f->alive + 1, sizeof *events);
        uint8_t *unit = aligned_alloc(64, (f->windows * l.stride + 63) / 64 * 64);
        memset(unit, 0, f->windows * l.stride);
        for (uint32_t i = 0; i < f->alive; i++)
            first[f->alive_place[i] + 1]++;
        for (uint32_t p = 0; p < f->places.n; p++)
            fill[p + 1] = first[p + 1] += first[p];
        for (uint32_t i = 0; i < f->alive; i++)
            events[fill[f->alive_place[i]]++] = (uint16_t)f->alive_age[i];
        for (uint32_t age = 0; age < f->windows; age++)
            for (uint32_t w = age > f->window_least ? age : f->window_least; w < f->windows; w++)
                unit[age * l.stride + w * l.cell] = 1; /* little-endian words */
        struct kernel plain = kernel_for(l.cell, l.stride, true), fast = kernel_for(l.cell, l.stride, false);
        for (uint32_t c = 0; c < f->places.n; c++) {
            walk_list(&l, &f->lists[c], first, events, unit, plain.walk, &a);
            size_t (*const others[])(struct walk *, size_t) = {plain.walk_one, fast.walk, fast.walk_one};
            for (size_t k = 0; k < 3; k++) {
                walk_list(&l, &f->lists[c], first, events, unit, others[k], &b);
                assert_int_equal(a.n, b.n);
                assert_memory_equal(a.stops, b.stops, a.n * sizeof *a.stops);
                if (k < 2) { /* the third moves its base only when an event comes */
                    assert_memory_equal(a.state, b.state, sizeof a.state);
                    assert_int_equal(a.is_full, b.is_full);
                }
            }
        }
        free(first);
        free(fill);
        free(events);
        free(unit);
    }
    ladder_fini(&l);
}

static void test_kernels_agree(void **state)
{
    static struct set s;
    (void)state;
    for (int i = 0; i < SETS / 4; i++) {
        struct arena mem;
        struct err err = {0};
        struct field f;
        make_set(&s);
        arena_init(&mem);
        if (field_build(&s.points, &s.cases, &s.params, &mem, &f, &err) == RC_OK) {
            if (f.alive > 0 && f.n_most > 0)
                check_kernels(&f);
            field_free(&f);
        }
        arena_fini(&mem);
    }
}

/* The order of rows must not reach the replications, nor the digest. */
static void test_row_order_does_not_matter(void **state)
{
    static struct set s;
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct arena mem;
        struct err err = {0};
        struct watch_result a, b;
        make_set(&s);
        arena_init(&mem);
        if (watch_scan_stp(&s.points, &s.cases, &s.params, &mem, &a, &err) == RC_OK) {
            for (size_t k = s.cases.n - 1; k > 0; k--) {
                uint32_t j = below((uint32_t)k + 1);
                struct watch_case t = s.rows[k];
                s.rows[k] = s.rows[j];
                s.rows[j] = t;
            }
            assert_int_equal(watch_scan_stp(&s.points, &s.cases, &s.params, &mem, &b, &err), RC_OK);
            check_same(&a, &b);
        }
        arena_fini(&mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_brute_force),
        cmocka_unit_test(test_kernels_agree),
        cmocka_unit_test(test_row_order_does_not_matter),
    };
    return cmocka_run_group_tests(tests, seed_rng, NULL);
}
