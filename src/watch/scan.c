/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The scan from inputs to report: real data, replications, and which clusters are worth saying.
 */
#include "watch/watch_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/threads.h"

struct candidate {
    struct best best;
    uint32_t centre, last; /* place farthest from the centre */
    uint32_t places;       /* in the circle; counted only for ties */
};

static int candidate_compare(const void *pa, const void *pb)
{
    const struct candidate *l = pa, *r = pb;
    if (l->best.value != r->best.value)
        return l->best.value > r->best.value ? -1 : 1;
    if (l->places != r->places)
        return l->places < r->places ? -1 : 1;
    return l->centre < r->centre ? -1 : 1;
}

/* Order: falling statistic; ties: fewer places, then the earlier centre, as SaTScan. Counting the places of a circle is
 * dear, so it is done for ties only. */
static size_t candidates_sort(const struct field *f, const struct best *best, double least, struct candidate *out,
                              uint32_t *scratch)
{
    size_t n = 0;
    for (uint32_t c = 0; c < f->places.n; c++)
        if (best[c].value >= least)
            out[n++] = (struct candidate){best[c], c, f->lists[c].at[best[c].entry].place, 0};
    qsort(out, n, sizeof *out, candidate_compare);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && out[j].best.value == out[i].best.value; j++)
            ;
        if (j - i == 1)
            continue;
        for (size_t k = i; k < j; k++)
            out[k].places = places_members(&f->places, out[k].centre, out[k].last, scratch);
        qsort(out + i, j - i, sizeof *out, candidate_compare);
    }
    return n;
}

static double largest_km(const struct places *p, const uint32_t *members, uint32_t n)
{
    enum { SPAN_MEMBERS_MAX = 4096 }; /* it is a number to print: not worth a quadratic minute */
    double most = 0;
    if (n > SPAN_MEMBERS_MAX)
        return NAN;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = i + 1; j < n; j++) {
            double d2 = places_distance2(p, members[i], members[j]);
            most = d2 > most ? d2 : most;
        }
    return places_km(p, most);
}

static double days_between(const struct watch_params *p)
{
    static const double days[] = {[WATCH_DAY] = 1, [WATCH_MONTH] = 30.436875, [WATCH_YEAR] = 365.2425};
    return p->days_between_runs > 0 ? p->days_between_runs : p->length * days[p->unit];
}

static void cluster_fill(const struct field *f, const struct watch_params *p, const struct candidate *c,
                         const uint32_t *members, uint32_t members_n, struct arena *mem, struct watch_cluster *out)
{
    const struct places *pl = &f->places;
    uint64_t product = (uint64_t)f->lists[c->centre].at[c->best.entry].n * f->within[c->best.window];
    *out = (struct watch_cluster){.centre = pl->first_point[c->centre],
                                  .start_day = f->window_start[c->best.window],
                                  .end_day = p->end_day,
                                  .observed = c->best.observed,
                                  .statistic = c->best.value,
                                  .expected = (double)product / f->total,
                                  .p = NAN,
                                  .gumbel_p = NAN,
                                  .recurrence_days = NAN};
    out->radius_km = places_km(pl, places_distance2(pl, c->centre, c->last));
    out->span_km = largest_km(pl, members, members_n);
    for (uint32_t i = 0; i < members_n; i++)
        out->members_n += pl->points_start[members[i] + 1] - pl->points_start[members[i]];
    out->members = ARENA_NEW_N(mem, uint32_t, out->members_n);
    size_t n = 0;
    for (uint32_t i = 0; i < members_n; i++)
        for (uint32_t k = pl->points_start[members[i]]; k < pl->points_start[members[i] + 1]; k++)
            out->members[n++] = pl->points[k];
}

static uint32_t rank_of(const double *maxima, uint32_t n, double value)
{
    uint32_t rank = 1;
    for (uint32_t i = 0; i < n; i++)
        rank += maxima[i] >= value;
    return rank;
}

double watch_gumbel_p(const double *maxima, size_t n, double x)
{
    double mean = 0, square = 0;
    if (n < 99)
        return NAN;
    for (size_t i = 0; i < n; i++)
        mean += maxima[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        square += (maxima[i] - mean) * (maxima[i] - mean);
    if (square <= 1e-20 * (double)n * mean * mean) /* all equal, but for rounding */
        return NAN;
    double beta = sqrt(6 * square / ((double)n - 1)) / 3.14159265358979323846;
    double mu = mean - 0.57721566490153286 * beta;
    return -expm1(-exp((mu - x) / beta));
}

/* What no replication stays below is not reported, nor what is nearly nothing: SaTScan's rule. */
static double statistic_least(const double *maxima, uint32_t n)
{
    double least = INFINITY;
    for (uint32_t i = 0; i < n; i++)
        least = maxima[i] < least ? maxima[i] : least;
    least = n > 0 ? nextafter(least, INFINITY) : 0;
    return least > WATCH_STATISTIC_LEAST ? least : WATCH_STATISTIC_LEAST;
}

static bool takes_new_places(const struct watch_params *p, uint8_t *taken, const uint32_t *members, uint32_t n)
{
    if (p->secondary == WATCH_ALL_CENTRES)
        return true;
    for (uint32_t i = 0; i < n; i++)
        if (taken[members[i]])
            return false;
    for (uint32_t i = 0; i < n; i++)
        taken[members[i]] = 1;
    return true;
}

static void clusters_choose(const struct field *f, const struct watch_params *p, const struct candidate *all, size_t n,
                            uint32_t *scratch, struct arena *mem, struct watch_result *r)
{
    uint32_t most = p->clusters_most && p->clusters_most < WATCH_CLUSTERS_MAX ? p->clusters_most : WATCH_CLUSTERS_MAX;
    uint8_t *taken = mem_array(f->places.n, 1);
    r->clusters = ARENA_NEW_N(mem, struct watch_cluster, most);
    for (size_t i = 0; i < n && r->clusters_n < most; i++) {
        uint32_t rank = rank_of(r->maxima, p->replications, all[i].best.value);
        uint32_t members = places_members(&f->places, all[i].centre, all[i].last, scratch);
        if (!takes_new_places(p, taken, scratch, members))
            continue;
        struct watch_cluster *c = &r->clusters[r->clusters_n++];
        cluster_fill(f, p, &all[i], scratch, members, mem, c);
        if (p->replications == 0)
            continue;
        c->rank = rank;
        c->p = (double)rank / (p->replications + 1.0);
        c->gumbel_p = watch_gumbel_p(r->maxima, p->replications, c->statistic);
        c->recurrence_days = days_between(p) / c->p;
    }
    free(taken);
}

static void report(const struct field *f, const struct watch_params *p, const struct engine_options *opt,
                   struct arena *mem, struct watch_result *r)
{
    struct best *best = mem_array(f->places.n, sizeof *best);
    struct candidate *all = mem_array(f->places.n, sizeof *all);
    uint32_t *scratch = mem_array(f->places.n, sizeof *scratch);
    engine_observed(f, p->threads, opt, best);
    size_t n = candidates_sort(f, best, statistic_least(r->maxima, p->replications), all, scratch);
    clusters_choose(f, p, all, n, scratch, mem, r);
    free(best);
    free(all);
    free(scratch);
}

enum rc watch_scan_with(const struct watch_points *points, const struct watch_cases *cases,
                        const struct watch_params *params, const struct engine_options *opt, struct arena *mem,
                        struct watch_result *out, struct err *err)
{
    struct watch_params p = *params;
    struct field f;
    if (p.threads == 0)
        p.threads = (uint32_t)(threads_online() < WATCH_THREADS_MAX ? threads_online() : WATCH_THREADS_MAX);
    TRY(field_build(points, cases, &p, mem, &f, err));
    struct watch_result r = {.places = f.places.n,
                             .cases = f.total,
                             .windows = f.windows - f.window_least,
                             .circles = f.entries,
                             .replications = p.replications,
                             .seed = p.seed};
    r.inputs = watch_inputs_hash(points, cases, params);
    r.maxima = ARENA_NEW_N(mem, double, (size_t)p.replications + 1);
    engine_maxima(&f, &p, opt, r.maxima);
    report(&f, &p, opt, mem, &r);
    field_free(&f);
    *out = r;
    return RC_OK;
}

enum rc watch_scan_stp(const struct watch_points *points, const struct watch_cases *cases,
                       const struct watch_params *params, struct arena *mem, struct watch_result *out, struct err *err)
{
    static const struct engine_options usual = {0};
    return watch_scan_with(points, cases, params, &usual, mem, out, err);
}

static enum rc cluster_same(const struct watch_cluster *a, const struct watch_cluster *b, size_t i, struct err *err)
{
    if (a->centre != b->centre || a->members_n != b->members_n ||
        memcmp(a->members, b->members, a->members_n * sizeof *a->members) != 0)
        return err_set(err, RC_DAMAGED, "cluster %zu has other places in the replay", i + 1);
    if (a->start_day != b->start_day || a->end_day != b->end_day || a->observed != b->observed ||
        a->statistic != b->statistic || a->rank != b->rank)
        return err_set(err, RC_DAMAGED, "cluster %zu has other numbers in the replay", i + 1);
    return RC_OK;
}

static enum rc result_same(const struct watch_result *was, const struct watch_result *now, struct err *err)
{
    if (!sha256_is_equal(was->inputs, now->inputs))
        return err_set(err, RC_DAMAGED, "the inputs or parameters are not those of the run");
    if (was->clusters_n != now->clusters_n)
        return err_set(err, RC_DAMAGED, "the run had %zu clusters, the replay has %zu", was->clusters_n,
                       now->clusters_n);
    for (size_t i = 0; i < was->clusters_n; i++)
        TRY(cluster_same(&was->clusters[i], &now->clusters[i], i, err));
    for (uint32_t r = 0; r < now->replications; r++)
        if (was->maxima && was->maxima[r] != now->maxima[r])
            return err_set(err, RC_DAMAGED, "replication %u has another maximum in the replay", r + 1);
    return RC_OK;
}

enum rc watch_replay_stp(const struct watch_points *points, const struct watch_cases *cases,
                         const struct watch_params *params, const struct watch_result *was, struct err *err)
{
    struct arena mem;
    struct watch_result now;
    arena_init(&mem);
    enum rc rc = watch_scan_stp(points, cases, params, &mem, &now, err);
    if (rc == RC_OK)
        rc = result_same(was, &now, err);
    arena_fini(&mem);
    return rc;
}
