/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Events to arrays, and the digest of arrays and parameters.
 */
#include "watch/watch_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add_u64(struct sha256_state *s, uint64_t v)
{
    uint8_t b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)(v >> (8 * i));
    sha256_add(s, b, sizeof b);
}

static void add_f64(struct sha256_state *s, double v)
{
    uint64_t bits;
    v += 0.0; /* -0.0 is 0.0 */
    memcpy(&bits, &v, sizeof bits);
    add_u64(s, bits);
}

struct spot {
    double a, b;
    uint32_t point;
};

static int spot_compare(const void *pa, const void *pb)
{
    const struct spot *l = pa, *r = pb;
    if (l->a != r->a)
        return l->a < r->a ? -1 : 1;
    if (l->b != r->b)
        return l->b < r->b ? -1 : 1;
    return l->point < r->point ? -1 : l->point > r->point;
}

static int case_compare(const void *pa, const void *pb)
{
    const struct watch_case *l = pa, *r = pb;
    if (l->place != r->place)
        return l->place < r->place ? -1 : 1;
    return l->day < r->day ? -1 : l->day > r->day;
}

/* rank[point]: equal coordinates, equal rank. */
static void add_places(struct sha256_state *s, const struct watch_points *points, uint32_t *rank)
{
    struct spot *all = mem_array(points->n, sizeof *all);
    uint32_t n = 0;
    for (size_t i = 0; i < points->n; i++)
        all[i] = (struct spot){points->a[i] + 0.0, points->b[i] + 0.0, (uint32_t)i};
    qsort(all, points->n, sizeof *all, spot_compare);
    for (size_t i = 0; i < points->n; i++) {
        bool is_new = i == 0 || all[i].a != all[i - 1].a || all[i].b != all[i - 1].b;
        n += is_new;
        rank[all[i].point] = n;
        if (!is_new)
            continue;
        add_f64(s, all[i].a);
        add_f64(s, all[i].b);
    }
    add_u64(s, n);
    free(all);
}

static void add_cases(struct sha256_state *s, const struct watch_points *points, const struct watch_cases *cases,
                      const uint32_t *rank)
{
    struct watch_case *all = mem_array(cases->n, sizeof *all);
    for (size_t i = 0; i < cases->n; i++) {
        all[i] = cases->at[i];
        all[i].place = all[i].place < points->n ? rank[all[i].place] : UINT32_MAX;
    }
    qsort(all, cases->n, sizeof *all, case_compare);
    for (size_t i = 0, j; i < cases->n; i = j) {
        uint64_t count = 0;
        for (j = i; j < cases->n && case_compare(&all[i], &all[j]) == 0; j++)
            count += all[j].count;
        if (count == 0)
            continue;
        add_u64(s, all[i].place);
        add_u64(s, (uint64_t)all[i].day);
        add_u64(s, count);
    }
    free(all);
}

static void add_params(struct sha256_state *s, const struct watch_params *p)
{
    add_u64(s, p->analysis);
    add_u64(s, (uint64_t)p->start_day);
    add_u64(s, (uint64_t)p->end_day);
    add_u64(s, p->unit);
    add_u64(s, p->length);
    add_f64(s, p->max_percent);
    add_f64(s, p->max_distance);
    add_u64(s, p->max_is_percent);
    add_f64(s, p->max_is_percent ? p->max_time_percent : p->max_units);
    add_u64(s, p->min_units);
    add_u64(s, p->cases_least);
    add_u64(s, p->replications);
    add_u64(s, p->seed);
    add_u64(s, p->secondary);
    add_u64(s, p->clusters_most);
    add_f64(s, p->days_between_runs);
}

struct sha256 watch_inputs_hash(const struct watch_points *points, const struct watch_cases *cases,
                                const struct watch_params *params)
{
    static const char domain[] = "fane watch space-time permutation 1";
    struct sha256_state s;
    uint32_t *rank = mem_array(points->n, sizeof *rank);
    sha256_begin(&s);
    sha256_add(&s, domain, sizeof domain);
    add_u64(&s, points->kind);
    add_places(&s, points, rank);
    add_cases(&s, points, cases, rank);
    add_params(&s, params);
    free(rank);
    return sha256_end(&s);
}

/* Leader of event i: the first event with its coordinates; numbered as leaders appear. */
static uint32_t *events_lead(const struct watch_event *events, size_t n, const bool *keep)
{
    struct spot *all = mem_array(n, sizeof *all);
    uint32_t *leader = mem_array(n, sizeof *leader);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (keep[i])
            all[kept++] = (struct spot){events[i].lat_deg + 0.0, events[i].lon_deg + 0.0, (uint32_t)i};
    qsort(all, kept, sizeof *all, spot_compare);
    for (size_t i = 0; i < kept; i++) {
        bool same = i > 0 && all[i].a == all[i - 1].a && all[i].b == all[i - 1].b;
        leader[all[i].point] = same ? leader[all[i - 1].point] : all[i].point;
    }
    free(all);
    return leader;
}

static size_t cases_join(struct watch_case *rows, size_t n)
{
    size_t out = 0;
    qsort(rows, n, sizeof *rows, case_compare);
    for (size_t i = 0; i < n; i++) {
        if (out > 0 && case_compare(&rows[out - 1], &rows[i]) == 0)
            rows[out - 1].count += rows[i].count;
        else
            rows[out++] = rows[i];
    }
    return out;
}

static enum rc events_check(const struct watch_event *events, size_t n, struct err *err)
{
    if (n > WATCH_CASES_MAX)
        return err_set(err, RC_TOO_LARGE, "%zu events: at most %d", n, WATCH_CASES_MAX);
    for (size_t i = 0; i < n; i++)
        if (!(fabs(events[i].lat_deg) <= 90 && fabs(events[i].lon_deg) <= 180))
            return err_set(err, RC_INVALID, "event %zu: latitude %g, longitude %g is no place on earth", i,
                           events[i].lat_deg, events[i].lon_deg);
    return RC_OK;
}

enum rc watch_from_events(const struct watch_event *events, size_t n, int64_t start_day, int64_t end_day,
                          struct arena *mem, struct watch_arrays *out, struct err *err)
{
    TRY(events_check(events, n, err));
    bool *keep = mem_array(n, sizeof *keep);
    for (size_t i = 0; i < n; i++)
        keep[i] = events[i].day >= start_day && events[i].day <= end_day;
    uint32_t *leader = events_lead(events, n, keep), places = 0;
    struct watch_arrays r = {.place_of = ARENA_NEW_N(mem, uint32_t, n)};
    double *a = ARENA_NEW_N(mem, double, n), *b = ARENA_NEW_N(mem, double, n);
    struct watch_case *rows = ARENA_NEW_N(mem, struct watch_case, n);
    for (size_t i = 0; i < n; i++) {
        r.place_of[i] = UINT32_MAX;
        if (!keep[i])
            continue;
        if (leader[i] == i) {
            a[places] = events[i].lat_deg + 0.0;
            b[places] = events[i].lon_deg + 0.0;
            r.place_of[i] = places++;
        } else {
            r.place_of[i] = r.place_of[leader[i]];
        }
        rows[r.kept++] = (struct watch_case){r.place_of[i], 1, events[i].day};
    }
    r.points = (struct watch_points){WATCH_LAT_LON, places, a, b};
    r.cases = (struct watch_cases){cases_join(rows, r.kept), rows};
    free(keep);
    free(leader);
    *out = r;
    return RC_OK;
}
