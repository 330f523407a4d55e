/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Early warning statistics: pure functions, arrays in, arrays out. Here: the prospective space-time permutation scan
 * with circular windows, as SaTScan defines it, and the helpers that turn events into its arrays. No files, no clock,
 * no database, no randomness but the seed's.
 *
 * Invariants:
 *   W1 the same arrays, parameters and seed give the same bits, whatever the thread count, the compiler and the
 *      vector unit.
 *   W2 the maximum of each replication is exact over all circles and windows; nothing is approximated.
 *   W3 the statistic is computed from the integers (observed, n * cases in the window), so clusters that tie
 *      mathematically tie in bits.
 *
 * Source: M. Kulldorff, R. Heffernan, J. Hartman, R. Assuncao, F. Mostashari, A space-time permutation scan statistic
 * for disease outbreak detection, PLoS Medicine 2(3), 2005. Conventions are SaTScan's: docs/adr/0007-scan.md.
 */
#ifndef WATCH_WATCH_H
#define WATCH_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"

/* Caps on what may be asked for. */
enum {
    WATCH_PLACES_MAX = 200 * 1000,
    WATCH_CASES_MAX = 4 * 1000 * 1000, /* sum of counts */
    WATCH_REPLICATIONS_MAX = 99999,
    WATCH_INTERVALS_MAX = 100 * 1000, /* time aggregation units in the study period */
    WATCH_THREADS_MAX = 256,
    WATCH_CLUSTERS_MAX = 500,             /* reported at most, as SaTScan keeps */
    WATCH_ENTRIES_MAX = 300 * 1000 * 1000 /* circles in all: the sum over centres */
};

/* SaTScan measures on a sphere of this radius: of its printed radii, 53.13 km (ucdp_car_2013) fits no other usual one.
 */
#define WATCH_EARTH_KM 6367.0
/* Clusters below are not reported, as in SaTScan. */
#define WATCH_STATISTIC_LEAST 0.001

enum watch_coordinates { WATCH_LAT_LON, WATCH_CARTESIAN };
/* n places: a = latitude or x, b = longitude or y. Places with equal coordinates are one place of the scan. */
struct watch_points {
    enum watch_coordinates kind;
    size_t n;
    const double *a, *b;
};
/* count cases at points[place] on a day (days since 1970-01-01). Rows may repeat. */
struct watch_case {
    uint32_t place;
    uint32_t count;
    int64_t day;
};
struct watch_cases {
    size_t n;
    const struct watch_case *at;
};

enum watch_analysis { WATCH_PROSPECTIVE, WATCH_RETROSPECTIVE };
enum watch_unit { WATCH_DAY, WATCH_MONTH, WATCH_YEAR };
/* Which clusters after the most likely one are reported. */
enum watch_secondary { WATCH_NO_SHARED_PLACES, WATCH_ALL_CENTRES };

struct watch_params {
    enum watch_analysis analysis;
    int64_t start_day, end_day; /* the study period, both included */
    enum watch_unit unit;       /* time is cut into intervals of `length` units, counted back from the end */
    uint32_t length;
    double max_percent;  /* circles hold at most this percentage of all cases, (0, 50] */
    double max_distance; /* and reach at most so far: km, or units of x and y; 0 = no limit */
    bool max_is_percent; /* longest window: max_units of time, or max_time_percent of the study period */
    double max_time_percent;
    uint32_t max_units;
    uint32_t min_units;   /* shortest window, in units of time */
    uint32_t cases_least; /* a cluster has at least so many cases; SaTScan's default is 2 */
    uint32_t replications;
    uint64_t seed;
    uint32_t threads; /* 0 = all */
    enum watch_secondary secondary;
    uint32_t clusters_most;   /* 0 = WATCH_CLUSTERS_MAX */
    double days_between_runs; /* for recurrence; 0 = one interval */
};
/* The defaults above filled in; the study period is the caller's. */
struct watch_params watch_params_default(void);

struct watch_cluster {
    uint32_t centre;   /* index into points */
    double radius_km;  /* great circle to the farthest member; units of x and y when cartesian */
    double span_km;    /* between the two members farthest apart */
    uint32_t *members; /* indexes into points, by distance from the centre */
    size_t members_n;
    int64_t start_day, end_day;
    uint32_t observed;
    double expected;
    double statistic;       /* log likelihood ratio */
    uint32_t rank;          /* 1 + replications whose maximum is not below; 0 without replications */
    double p;               /* rank / (replications + 1); NaN without replications */
    double gumbel_p;        /* tail of a Gumbel fitted by moments to the maxima; an extra; NaN under 99 of them */
    double recurrence_days; /* days between runs / p; NaN without replications */
};

struct watch_result {
    struct watch_cluster *clusters; /* by falling statistic; ties: fewer places, then the earlier centre */
    size_t clusters_n;
    uint32_t places; /* after equal coordinates were joined */
    uint32_t cases;
    uint32_t windows; /* lengths scanned */
    uint64_t circles;
    uint32_t replications;
    uint64_t seed;
    double *maxima;       /* of each replication, in order; replay compares them */
    struct sha256 inputs; /* watch_inputs_hash */
};

/* Scans for clusters that are alive on end_day, high counts only.
 * Errors: RC_UNSUPPORTED retrospective; RC_INVALID a place or day out of range, no cases, parameters that leave no
 *         window; RC_TOO_LARGE over a cap.
 * Memory: results live in mem; about 8 bytes per circle besides.
 * Cost  : circles * cases of the alive windows / places * replications, pruned; bench/scan. */
MUST_CHECK enum rc watch_scan_stp(const struct watch_points *points, const struct watch_cases *cases,
                                  const struct watch_params *params, struct arena *mem, struct watch_result *out,
                                  struct err *err);

/* Runs the scan again and compares clusters, maxima and inputs hash with an earlier result. RC_DAMAGED names the first
 * difference. */
MUST_CHECK enum rc watch_replay_stp(const struct watch_points *points, const struct watch_cases *cases,
                                    const struct watch_params *params, const struct watch_result *was, struct err *err);

/* SHA-256 over a canonical form of the inputs: places by coordinates, cases by place and day with counts summed, and
 * every parameter that changes the result (threads do not). The order of rows does not matter. */
struct sha256 watch_inputs_hash(const struct watch_points *points, const struct watch_cases *cases,
                                const struct watch_params *params);

/* Events as an incident register has them: one place and day each. */
struct watch_event {
    double lat_deg, lon_deg;
    int64_t day;
};
/* Joins events with exactly equal coordinates into places (in order of first appearance) and counts per place and day;
 * place_of[i] tells the place of event i. Events outside [start_day, end_day] are left out: place_of UINT32_MAX. */
struct watch_arrays {
    struct watch_points points;
    struct watch_cases cases;
    uint32_t *place_of;
    size_t kept;
};
MUST_CHECK enum rc watch_from_events(const struct watch_event *events, size_t n, int64_t start_day, int64_t end_day,
                                     struct arena *mem, struct watch_arrays *out, struct err *err);

/* Poisson log likelihood ratio of `observed` cases where total cases spread by margins expect product / total.
 * 0 unless observed exceeds that. */
double watch_statistic(uint32_t total, uint32_t observed, uint64_t product);
/* P(maximum >= x) of a Gumbel distribution fitted by moments to n simulated maxima; NaN when n < 99 or all are equal.
 * Source: A. M. Abrams, K. Kleinman, M. Kulldorff, Gumbel based p-value approximations for spatial scan statistics,
 * International Journal of Health Geographics 9:61, 2010. */
double watch_gumbel_p(const double *maxima, size_t n, double x);

#endif
