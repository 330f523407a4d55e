/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Points to places, and the circles around every centre: for each place the others by distance, with the cases gathered
 * so far. Places without cases change no count, so only those with cases are kept in the lists; they are members again
 * when a cluster is reported.
 */
#include "watch/watch_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/threads.h"

static const double RADIANS = 0.017453292519943295;

static void place_vector(struct places *p, uint32_t i, double a, double b)
{
    if (p->kind == WATCH_CARTESIAN) {
        p->x[i] = a;
        p->y[i] = b;
        p->z[i] = 0;
        return;
    }
    double lat = a * RADIANS, lon = b * RADIANS;
    p->x[i] = cos(lat) * cos(lon);
    p->y[i] = cos(lat) * sin(lon);
    p->z[i] = sin(lat);
}

struct located {
    double a, b;
    uint32_t point;
};

static int located_compare(const void *pa, const void *pb)
{
    const struct located *l = pa, *r = pb;
    if (l->a != r->a)
        return l->a < r->a ? -1 : 1;
    if (l->b != r->b)
        return l->b < r->b ? -1 : 1;
    return l->point < r->point ? -1 : 1;
}

struct ranked {
    double x, y, z;
    uint32_t place;
};

static int ranked_compare(const void *pa, const void *pb)
{
    const struct ranked *l = pa, *r = pb;
    if (l->x != r->x)
        return l->x < r->x ? -1 : 1;
    if (l->y != r->y)
        return l->y < r->y ? -1 : 1;
    if (l->z != r->z)
        return l->z < r->z ? -1 : 1;
    return l->place < r->place ? -1 : 1;
}

/* Places are numbered in the order in which their first point appears. */
static uint32_t *join_equal(const struct watch_points *points, struct arena *mem, uint32_t *count)
{
    struct located *sorted = mem_array(points->n, sizeof *sorted);
    uint32_t *leader = ARENA_NEW_N(mem, uint32_t, points->n), *of_point = ARENA_NEW_N(mem, uint32_t, points->n), n = 0;
    for (size_t i = 0; i < points->n; i++) /* + 0.0 turns -0.0 into 0.0 */
        sorted[i] = (struct located){points->a[i] + 0.0, points->b[i] + 0.0, (uint32_t)i};
    qsort(sorted, points->n, sizeof *sorted, located_compare);
    for (size_t i = 0; i < points->n; i++) {
        bool same = i > 0 && sorted[i].a == sorted[i - 1].a && sorted[i].b == sorted[i - 1].b;
        leader[sorted[i].point] = same ? leader[sorted[i - 1].point] : sorted[i].point;
    }
    for (size_t i = 0; i < points->n; i++)
        of_point[i] = leader[i] == i ? n++ : of_point[leader[i]];
    free(sorted);
    *count = n;
    return of_point;
}

static void list_points(struct places *p, size_t points_n, struct arena *mem)
{
    p->points = ARENA_NEW_N(mem, uint32_t, points_n);
    p->points_start = ARENA_NEW_N(mem, uint32_t, (size_t)p->n + 1);
    for (size_t i = 0; i < points_n; i++)
        p->points_start[p->of_point[i] + 1]++;
    for (uint32_t i = 0; i < p->n; i++)
        p->points_start[i + 1] += p->points_start[i];
    uint32_t *fill = mem_array((size_t)p->n + 1, sizeof *fill);
    memcpy(fill, p->points_start, ((size_t)p->n + 1) * sizeof *fill);
    for (size_t i = 0; i < points_n; i++)
        p->points[fill[p->of_point[i]]++] = (uint32_t)i;
    free(fill);
}

static void rank_ties(struct places *p, struct arena *mem)
{
    struct ranked *all = mem_array(p->n, sizeof *all);
    for (uint32_t i = 0; i < p->n; i++)
        all[i] = (struct ranked){p->x[i], p->y[i], p->z[i], i};
    qsort(all, p->n, sizeof *all, ranked_compare);
    p->tie_rank = ARENA_NEW_N(mem, uint32_t, p->n);
    for (uint32_t i = 0; i < p->n; i++)
        p->tie_rank[all[i].place] = i;
    free(all);
}

void places_build(const struct watch_points *points, struct arena *mem, struct places *out)
{
    struct places p = {.kind = points->kind};
    p.of_point = join_equal(points, mem, &p.n);
    list_points(&p, points->n, mem);
    p.first_point = ARENA_NEW_N(mem, uint32_t, p.n);
    p.x = ARENA_NEW_N(mem, double, p.n);
    p.y = ARENA_NEW_N(mem, double, p.n);
    p.z = ARENA_NEW_N(mem, double, p.n);
    for (uint32_t i = 0; i < p.n; i++) {
        uint32_t first = p.first_point[i] = p.points[p.points_start[i]];
        place_vector(&p, i, points->a[first], points->b[first]);
    }
    rank_ties(&p, mem);
    *out = p;
}

double places_distance2(const struct places *p, uint32_t i, uint32_t j)
{
    double dx = p->x[i] - p->x[j], dy = p->y[i] - p->y[j], dz = p->z[i] - p->z[j];
    return dx * dx + dy * dy + dz * dz;
}

double places_km(const struct places *p, double distance2)
{
    if (p->kind == WATCH_CARTESIAN)
        return sqrt(distance2);
    double half_chord = sqrt(distance2) / 2;
    return 2 * WATCH_EARTH_KM * asin(half_chord < 1 ? half_chord : 1);
}

double places_reach2(const struct places *p, double max_distance)
{
    if (max_distance <= 0)
        return INFINITY;
    if (p->kind == WATCH_CARTESIAN)
        return max_distance * max_distance;
    double half_angle = max_distance / (2 * WATCH_EARTH_KM);
    if (half_angle >= 1.5707963267948966)
        return INFINITY;
    double chord = 2 * sin(half_angle);
    return chord * chord;
}

/* Sorting by distance. A key is 32 bits of the order over 32 bits of the place: first the upper half of the squared
 * distance (a non-negative double orders as an integer), in runs of equals the lower half, then the tie rank. */
struct order {
    const struct places *p;
    double *d2; /* by place */
    uint64_t *a, *b;
};

static uint64_t d2_bits(const struct order *o, uint32_t place)
{
    uint64_t bits;
    memcpy(&bits, &o->d2[place], sizeof bits);
    return bits;
}

static uint64_t key_near(const struct order *o, uint32_t place)
{
    return (d2_bits(o, place) & UINT64_C(0xffffffff00000000)) | place;
}

static uint64_t key_exact(const struct order *o, uint32_t place)
{
    return d2_bits(o, place) << 32 | place;
}

static uint64_t key_tie(const struct order *o, uint32_t place)
{
    return (uint64_t)o->p->tie_rank[place] << 32 | place;
}

static void radix_pass(const uint64_t *from, uint64_t *to, size_t n, unsigned shift)
{
    uint32_t count[2048] = {0};
    for (size_t i = 0; i < n; i++)
        count[(from[i] >> shift) & 2047]++;
    for (uint32_t d = 0, at = 0; d < 2048; d++) {
        uint32_t c = count[d];
        count[d] = at;
        at += c;
    }
    for (size_t i = 0; i < n; i++)
        to[count[(from[i] >> shift) & 2047]++] = from[i];
}

/* By the upper half only matters; n keys of a, b is scratch. */
static void sort_upper(uint64_t *a, uint64_t *b, size_t n)
{
    if (n > 96) { /* measured: bench/scan; below, insertion is faster */
        radix_pass(a, b, n, 32);
        radix_pass(b, a, n, 43);
        radix_pass(a, b, n, 54);
        memcpy(a, b, n * sizeof *a);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        uint64_t x = a[i];
        size_t j = i;
        for (; j > 0 && x < a[j - 1]; j--)
            a[j] = a[j - 1];
        a[j] = x;
    }
}

static void sort_runs(struct order *o, size_t from, size_t to, uint64_t (*rekey)(const struct order *, uint32_t),
                      bool last)
{
    for (size_t i = from, j; i < to; i = j) {
        for (j = i + 1; j < to && o->a[j] >> 32 == o->a[i] >> 32; j++)
            ;
        if (j - i == 1)
            continue;
        for (size_t k = i; k < j; k++)
            o->a[k] = rekey(o, (uint32_t)o->a[k]);
        sort_upper(o->a + i, o->b, j - i);
        if (!last)
            sort_runs(o, i, j, key_tie, true);
    }
}

/* o->a holds n key_near()s; afterwards its lower halves are the places in order. */
static void order_sort(struct order *o, size_t n)
{
    sort_upper(o->a, o->b, n);
    sort_runs(o, 0, n, key_exact, false);
}

static bool comes_before(const struct order *o, uint32_t i, uint32_t j)
{
    if (o->d2[i] != o->d2[j])
        return o->d2[i] < o->d2[j];
    return o->p->tie_rank[i] < o->p->tie_rank[j];
}

struct list_job {
    struct field *f;
    double reach2;
    uint32_t n_cap;
    const uint32_t *with_cases;
    uint32_t with_cases_n;
    const double *x, *y, *z; /* of places with cases, packed for a straight loop */
    struct order *orders;
    atomic_uint_least64_t entries;
};

static size_t gather(struct list_job *j, struct order *o, uint32_t centre)
{
    const struct places *p = &j->f->places;
    double cx = p->x[centre], cy = p->y[centre], cz = p->z[centre];
    size_t n = 0;
    for (uint32_t k = 0; k < j->with_cases_n; k++) {
        double dx = j->x[k] - cx, dy = j->y[k] - cy, dz = j->z[k] - cz;
        double d2 = dx * dx + dy * dy + dz * dz;
        if (d2 > j->reach2)
            continue;
        o->d2[j->with_cases[k]] = d2;
        o->a[n++] = key_near(o, j->with_cases[k]);
    }
    return n;
}

static void list_build(void *ctx, size_t centre, size_t worker)
{
    struct list_job *j = ctx;
    struct order *o = &j->orders[worker];
    if (atomic_load(&j->entries) > WATCH_ENTRIES_MAX)
        return;
    size_t n = gather(j, o, (uint32_t)centre), len = 0;
    order_sort(o, n);
    uint64_t sum = 0;
    while (len < n && sum + j->f->cases_of[(uint32_t)o->a[len]] <= j->n_cap)
        sum += j->f->cases_of[(uint32_t)o->a[len++]];
    struct list *l = &j->f->lists[centre];
    l->at = mem_array(len, sizeof *l->at);
    l->len = (uint32_t)len;
    sum = 0;
    for (size_t i = 0; i < len; i++) {
        uint32_t place = (uint32_t)o->a[i];
        sum += j->f->cases_of[place];
        l->at[i] = (struct entry){place, (uint32_t)sum};
    }
    atomic_fetch_add(&j->entries, len);
}

static uint32_t pack_places(struct list_job *j, const struct places *p, const uint32_t *cases_of, struct arena *mem)
{
    uint32_t *with = ARENA_NEW_N(mem, uint32_t, p->n), n = 0;
    double *x = ARENA_NEW_N(mem, double, p->n), *y = ARENA_NEW_N(mem, double, p->n),
           *z = ARENA_NEW_N(mem, double, p->n);
    for (uint32_t i = 0; i < p->n; i++)
        if (cases_of[i] > 0) {
            x[n] = p->x[i];
            y[n] = p->y[i];
            z[n] = p->z[i];
            with[n++] = i;
        }
    j->with_cases = with;
    j->x = x;
    j->y = y;
    j->z = z;
    return n;
}

enum rc places_lists(struct field *f, double reach2, uint32_t n_cap, uint32_t threads, struct err *err)
{
    struct arena mem;
    arena_init(&mem);
    struct list_job j = {.f = f, .reach2 = reach2, .n_cap = n_cap};
    j.with_cases_n = pack_places(&j, &f->places, f->cases_of, &mem);
    j.orders = ARENA_NEW_N(&mem, struct order, threads);
    for (uint32_t t = 0; t < threads; t++)
        j.orders[t] = (struct order){.p = &f->places,
                                     .d2 = ARENA_NEW_N(&mem, double, f->places.n),
                                     .a = ARENA_NEW_N(&mem, uint64_t, j.with_cases_n),
                                     .b = ARENA_NEW_N(&mem, uint64_t, j.with_cases_n)};
    f->lists = mem_array(f->places.n, sizeof *f->lists);
    threads_for(threads, f->places.n, list_build, &j);
    f->entries = atomic_load(&j.entries);
    arena_fini(&mem);
    for (uint32_t i = 0; i < f->places.n; i++)
        if (f->lists[i].len && f->lists[i].at[f->lists[i].len - 1].n > f->n_most)
            f->n_most = f->lists[i].at[f->lists[i].len - 1].n;
    if (f->entries > WATCH_ENTRIES_MAX)
        return err_set(err, RC_TOO_LARGE, "more than %d circles: lower the maximum spatial size", WATCH_ENTRIES_MAX);
    return RC_OK;
}

void places_lists_free(struct field *f)
{
    for (uint32_t i = 0; f->lists && i < f->places.n; i++)
        free(f->lists[i].at);
    free(f->lists);
    f->lists = NULL;
}

uint32_t places_members(const struct places *p, uint32_t centre, uint32_t last, uint32_t *out)
{
    struct order o = {.p = p,
                      .d2 = mem_array(p->n, sizeof(double)),
                      .a = mem_array(p->n, sizeof(uint64_t)),
                      .b = mem_array(p->n, sizeof(uint64_t))};
    for (uint32_t i = 0; i < p->n; i++)
        o.d2[i] = places_distance2(p, centre, i);
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n; i++)
        if (!comes_before(&o, last, i))
            o.a[n++] = key_near(&o, i);
    order_sort(&o, n);
    for (uint32_t i = 0; i < n; i++)
        out[i] = (uint32_t)o.a[i];
    free(o.d2);
    free(o.a);
    free(o.b);
    return n;
}
