/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Time to windows, and everything of the data that stays the same when days are permuted.
 */
#include "watch/watch_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/threads.h"

struct watch_params watch_params_default(void)
{
    return (struct watch_params){.analysis = WATCH_PROSPECTIVE,
                                 .unit = WATCH_DAY,
                                 .length = 1,
                                 .max_percent = 50,
                                 .max_is_percent = true,
                                 .max_time_percent = 50,
                                 .min_units = 1,
                                 .cases_least = 2,
                                 .replications = 999,
                                 .seed = 12345678,
                                 .secondary = WATCH_NO_SHARED_PLACES};
}

static int month_days(int year, int month)
{
    struct civil_date next = {month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1};
    return date_from_days(date_to_days(next) - 1).day;
}

/* First day of the time that lies `count` units before `day`; a day its month does not have becomes the month's last.
 */
static int64_t units_before(int64_t day, enum watch_unit unit, int64_t count)
{
    if (unit == WATCH_DAY)
        return day - count;
    struct civil_date d = date_from_days(day);
    int64_t months = (int64_t)d.year * 12 + d.month - 1 - count * (unit == WATCH_YEAR ? 12 : 1);
    struct civil_date out = {(int)(months / 12), (int)(months % 12) + 1, d.day};
    int most = month_days(out.year, out.month);
    out.day = out.day < most ? out.day : most;
    return date_to_days(out);
}

/* Units of time in the study period, counted back from its end; the first may be a fraction. */
static double study_units(const struct watch_params *p)
{
    int64_t end = p->end_day + 1, n = 0;
    while (n < WATCH_INTERVALS_MAX && units_before(end, p->unit, n + 1) >= p->start_day)
        n++;
    int64_t cut = units_before(end, p->unit, n), before = units_before(end, p->unit, n + 1);
    return (double)n + (double)(cut - p->start_day) / (double)(cut - before);
}

static enum rc params_check(const struct watch_params *p, struct err *err)
{
    static const struct civil_date first = {1, 1, 1}, last = {9999, 12, 31};
    if (p->analysis != WATCH_PROSPECTIVE)
        return err_set(err, RC_UNSUPPORTED, "only the prospective space-time permutation scan is supported");
    if (p->start_day > p->end_day || p->start_day < date_to_days(first) + 3650 || p->end_day > date_to_days(last))
        return err_set(err, RC_INVALID, "the study period ends before it starts, or lies outside the calendar");
    if (p->end_day - p->start_day >= (int64_t)WATCH_INTERVALS_MAX)
        return err_set(err, RC_TOO_LARGE, "the study period is longer than %d days", WATCH_INTERVALS_MAX);
    if (p->length < 1 || p->length > WATCH_INTERVALS_MAX || p->unit > WATCH_YEAR)
        return err_set(err, RC_INVALID, "time aggregation length %u is outside [1, %d]", p->length,
                       WATCH_INTERVALS_MAX);
    if (!(p->max_percent > 0 && p->max_percent <= 50))
        return err_set(err, RC_INVALID, "maximum spatial size %g %% is outside (0, 50]", p->max_percent);
    if (!(p->max_distance >= 0 && isfinite(p->max_distance)))
        return err_set(err, RC_INVALID, "maximum spatial size %g is not a distance", p->max_distance);
    if (p->max_is_percent && !(p->max_time_percent > 0 && p->max_time_percent <= 90))
        return err_set(err, RC_INVALID, "maximum temporal size %g %% is outside (0, 90]", p->max_time_percent);
    if (p->cases_least < 2)
        return err_set(err, RC_INVALID, "the least number of cases in a cluster is 2, not %u", p->cases_least);
    if (p->replications > WATCH_REPLICATIONS_MAX)
        return err_set(err, RC_TOO_LARGE, "%u replications: at most %d", p->replications, WATCH_REPLICATIONS_MAX);
    if (p->threads > WATCH_THREADS_MAX)
        return err_set(err, RC_TOO_LARGE, "%u threads: at most %d", p->threads, WATCH_THREADS_MAX);
    return RC_OK;
}

static enum rc points_check(const struct watch_points *points, struct err *err)
{
    if (points->n == 0)
        return err_set(err, RC_INVALID, "there are no places");
    if (points->n > WATCH_PLACES_MAX)
        return err_set(err, RC_TOO_LARGE, "%zu places: at most %d", points->n, WATCH_PLACES_MAX);
    for (size_t i = 0; i < points->n; i++) {
        double a = points->a[i], b = points->b[i];
        if (points->kind == WATCH_LAT_LON && !(fabs(a) <= 90 && fabs(b) <= 180))
            return err_set(err, RC_INVALID, "place %zu: latitude %g, longitude %g is no place on earth", i, a, b);
        if (!(fabs(a) <= 1e12 && fabs(b) <= 1e12)) /* squares of differences must stay finite */
            return err_set(err, RC_INVALID, "place %zu: coordinates %g, %g are out of range", i, a, b);
    }
    return RC_OK;
}

static enum rc cases_check(const struct watch_points *points, const struct watch_cases *cases,
                           const struct watch_params *p, struct err *err)
{
    uint64_t total = 0;
    for (size_t i = 0; i < cases->n; i++) {
        const struct watch_case *c = &cases->at[i];
        if (c->place >= points->n)
            return err_set(err, RC_INVALID, "case row %zu names place %u of %zu", i, c->place, points->n);
        if (c->day < p->start_day || c->day > p->end_day)
            return err_set(err, RC_INVALID, "case row %zu lies outside the study period", i);
        total += c->count;
        if (total > WATCH_CASES_MAX)
            return err_set(err, RC_TOO_LARGE, "more than %d cases", WATCH_CASES_MAX);
    }
    if (total == 0)
        return err_set(err, RC_INVALID, "there are no cases");
    return RC_OK;
}

/* Number of window lengths: how many intervals fit into the longest cluster, and into the study period. */
static enum rc windows_count(const struct watch_params *p, struct field *f, struct err *err)
{
    double units = study_units(p);
    double longest = p->max_is_percent ? floor(units * p->max_time_percent / 100) : p->max_units;
    double cut = floor(longest / p->length), intervals = ceil(units / p->length);
    if (cut > intervals)
        cut = intervals;
    double least = ceil((double)p->min_units / p->length);
    if (cut < 1 || least > cut)
        return err_set(err, RC_INVALID, "no window is left: the longest holds %g intervals, the shortest %g", cut,
                       least);
    f->windows = (uint32_t)cut;
    f->window_least = least > 1 ? (uint32_t)least - 1 : 0;
    return RC_OK;
}

static void windows_start(const struct watch_params *p, struct field *f, struct arena *mem)
{
    f->window_start = ARENA_NEW_N(mem, int64_t, f->windows);
    for (uint32_t w = 0; w < f->windows; w++) {
        int64_t start = units_before(p->end_day + 1, p->unit, (int64_t)(w + 1) * p->length);
        f->window_start[w] = start < p->start_day ? p->start_day : start;
    }
}

/* The shortest window that holds the day, or f->windows. */
static uint32_t age_of(const struct field *f, int64_t day)
{
    uint32_t low = 0, high = f->windows;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (f->window_start[mid] <= day)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

/* Alive cases by age, and the slots by tie rank: the order of rows must not reach the replications. */
static void alive_collect(struct field *f, const struct watch_cases *cases, struct arena *mem)
{
    uint32_t *start = mem_array((size_t)f->windows + 2, sizeof *start);
    for (size_t i = 0; i < cases->n; i++)
        start[age_of(f, cases->at[i].day) + 1] += cases->at[i].count;
    for (uint32_t w = 0; w <= f->windows; w++)
        start[w + 1] += start[w];
    f->alive = start[f->windows];
    f->within = ARENA_NEW_N(mem, uint32_t, f->windows);
    for (uint32_t w = 0; w < f->windows; w++)
        f->within[w] = start[w + 1];
    f->alive_age = ARENA_NEW_N(mem, uint32_t, (size_t)f->alive + 1);
    f->alive_place = ARENA_NEW_N(mem, uint32_t, (size_t)f->alive + 1);
    for (size_t i = 0; i < cases->n; i++) {
        uint32_t age = age_of(f, cases->at[i].day);
        for (uint32_t k = 0; age < f->windows && k < cases->at[i].count; k++) {
            uint32_t at = start[age]++;
            f->alive_age[at] = age;
            f->alive_place[at] = f->places.of_point[cases->at[i].place];
        }
    }
    free(start);
}

static void slots_fill(struct field *f, struct arena *mem)
{
    uint32_t *by_rank = mem_array(f->places.n, sizeof *by_rank), n = 0;
    for (uint32_t i = 0; i < f->places.n; i++)
        by_rank[f->places.tie_rank[i]] = i;
    f->slots = ARENA_NEW_N(mem, uint32_t, f->total);
    for (uint32_t r = 0; r < f->places.n; r++)
        for (uint32_t k = 0; k < f->cases_of[by_rank[r]]; k++)
            f->slots[n++] = by_rank[r];
    free(by_rank);
}

enum rc field_build(const struct watch_points *points, const struct watch_cases *cases,
                    const struct watch_params *params, struct arena *mem, struct field *out, struct err *err)
{
    struct field f = {.cases_least = params->cases_least};
    TRY(params_check(params, err));
    TRY(points_check(points, err));
    TRY(cases_check(points, cases, params, err));
    TRY(windows_count(params, &f, err));
    places_build(points, mem, &f.places);
    f.cases_of = ARENA_NEW_N(mem, uint32_t, f.places.n);
    for (size_t i = 0; i < cases->n; i++) {
        f.cases_of[f.places.of_point[cases->at[i].place]] += cases->at[i].count;
        f.total += cases->at[i].count;
    }
    windows_start(params, &f, mem);
    alive_collect(&f, cases, mem);
    slots_fill(&f, mem);
    /* the small addend keeps 50 % of an even total exact after the division */
    uint32_t n_cap = (uint32_t)floor(f.total * params->max_percent / 100 + 1e-9);
    enum rc rc = places_lists(&f, places_reach2(&f.places, params->max_distance), n_cap, params->threads, err);
    if (rc != RC_OK) {
        places_lists_free(&f);
        return rc;
    }
    *out = f;
    return RC_OK;
}

void field_free(struct field *f)
{
    places_lists_free(f);
}
