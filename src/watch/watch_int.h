/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Private to the room: what the steps of the scan hand to one another.
 *   places.c   points -> places, distances, circles around every centre
 *   scan.c     time -> windows; the scan of the real data, reported clusters
 *   ladder.c   the statistic turned into integer thresholds
 *   engine.c   maxima of the replications
 *   bounds.c   what large circles cannot exceed
 *   kernel.c   the inner loop, by vector unit
 */
#ifndef WATCH_WATCH_INT_H
#define WATCH_WATCH_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/rng.h"
#include "watch/watch.h"

/* Places of the scan: points with equal coordinates joined. */
struct places {
    enum watch_coordinates kind;
    uint32_t n;
    uint32_t *of_point;              /* point -> place */
    uint32_t *first_point;           /* place -> first point with its coordinates */
    uint32_t *points, *points_start; /* points of place i: points[points_start[i] .. points_start[i + 1]) in order */
    double *x, *y, *z;               /* unit sphere, or the plane with z = 0 */
    uint32_t *tie_rank;              /* order by x, y, z: which of two equally distant places comes first */
};

/* One more place taken into a circle; n = cases in the circle then, over all time. */
struct entry {
    uint32_t place, n;
};
struct list {
    struct entry *at;
    uint32_t len;
};

/* Everything that a permutation of the days leaves unchanged. */
struct field {
    struct places places;
    uint32_t *cases_of; /* place -> cases */
    uint32_t total;     /* all cases */
    struct list *lists; /* per centre; only places with cases stand in it */
    uint64_t entries;
    uint32_t n_most; /* largest n in any list */
    uint32_t windows,
        window_least;      /* window w holds the last w + 1 intervals; those under window_least are no windows */
    uint32_t *within;      /* cases in window w */
    int64_t *window_start; /* its first day */
    uint32_t cases_least;
    uint32_t alive;                    /* cases of the longest window */
    uint32_t *alive_age, *alive_place; /* the real ones: interval back from the end, and place */
    uint32_t *slots;                   /* place of each case, by tie rank: what a permutation draws from */
};

void places_build(const struct watch_points *points, struct arena *mem, struct places *out);
double places_distance2(const struct places *p, uint32_t i, uint32_t j);
double places_km(const struct places *p, double distance2);
/* Largest squared distance of a circle of max_distance (infinity when that is 0). */
double places_reach2(const struct places *p, double max_distance);
MUST_CHECK enum rc places_lists(struct field *f, double reach2, uint32_t n_cap, uint32_t threads, struct err *err);
void places_lists_free(struct field *f);
/* All places not farther from the centre than `last` in the order of the circles. out holds places->n. */
uint32_t places_members(const struct places *p, uint32_t centre, uint32_t last, uint32_t *out);

/* Thresholds. Step s stands for the level s * LADDER_STEP; its row for n gives, per window, the largest count whose
 * statistic stays below the level (never too large: a count over it is looked at exactly).
 *
 * Counts are kept in bytes: a count of hundreds is near what is expected, so what is kept is count - base + offset,
 * where base follows the expectation in blocks of n. What leaves a byte's range saturates and is noticed: at the top it
 * passes every threshold, at the bottom ladder_shift says so. Where a byte cannot do, 16 bits without base are used. */
#define LADDER_STEP 0.25
enum { LADDER_STEPS = 40 };
enum cell { CELL_U8 = 1, CELL_U16 = 2, CELL_NONE = 0 };
struct ladder {
    const struct field *f;
    enum cell cell;
    size_t stride;  /* bytes of a row: a multiple of 32 */
    unsigned shift; /* row index is n >> shift */
    size_t rows;
    uint32_t offset, blocks, block_cases; /* block_cases: expectation a block spans; 0 when there is only one */
    uint32_t *block;                      /* row -> block, growing */
    uint32_t *base;                       /* [block * windows + w] */
    pthread_mutex_t lock;
    _Atomic(void *) step[LADDER_STEPS + 1];
    void *full_only; /* rows that only a saturated count passes */
};
/* The smallest cell that does and is not under `least`; CELL_NONE: counts are too large or windows too many. */
void ladder_init(struct ladder *l, const struct field *f, enum cell least);
void ladder_fini(struct ladder *l);
const void *ladder_rows(struct ladder *l, unsigned step); /* thread-safe, built on first use */
unsigned ladder_step_of(double statistic);
/* Count of window w in a state that stands at n. */
uint32_t ladder_count(const struct ladder *l, const void *state, uint32_t n, uint32_t w);
bool ladder_is_full(const struct ladder *l, const void *state, uint32_t w);

/* The inner loop. Walks a list from entry `from`, adding the events of each place to the states of their replications;
 * stops after the first entry at which some state passed the thresholds of its replication, and returns its index, or
 * len. `passed` then holds who did, passed_n of them. `least` is rows of a step that no replication of the batch is
 * below: one row serves all events of an entry, and only what passes it is held against the own thresholds. */
struct walk {
    const struct entry *at;
    size_t len;
    const uint32_t *first;  /* place -> its events, in events[first[p] .. first[p + 1]) */
    const uint16_t *events; /* replication << 8 | age */
    void *state;            /* stride bytes per replication, all set to the offset */
    uint32_t replications;
    const void *unit;        /* stride bytes per age: 1 in each window that holds it */
    const void *least;       /* ladder rows */
    const void *const *rows; /* per replication: ladder rows of its step */
    const struct ladder *ladder;
    uint32_t block;  /* of the states */
    bool *is_full;   /* per replication: its states can no longer be trusted */
    uint8_t *passed; /* room for 256 */
    size_t passed_n;
};
struct kernel {
    size_t (*walk)(struct walk *w, size_t from);
    size_t (*walk_one)(struct walk *w, size_t from); /* the same for a single replication */
    /* Whether the state of replication r is over its own thresholds for n. */
    bool (*is_over)(struct walk *w, uint32_t r, uint32_t n);
};
struct kernel kernel_for(enum cell cell, size_t stride, bool plain);

/* Bounds of groups of centres; bounds.c. */
struct group {
    uint32_t from, end; /* centres[from .. end) of the bounds */
    struct list list;   /* empty when the group has one centre or no circle over split cases */
    uint32_t split_at;  /* its entries with n <= split */
};
struct bounds {
    const struct field *f;
    uint32_t split, n;
    uint32_t *centres; /* neighbours together */
    struct group *groups;
};
void bounds_init(struct bounds *b, const struct field *f, uint32_t split, uint32_t threads);
void bounds_fini(struct bounds *b);

/* How to compute; for tests and the benchmark. Results are the same (W1). */
struct engine_options {
    bool no_vectors;
    bool no_bounds;
    uint32_t split; /* circles over so many cases are bounded first; 0 = default */
    bool words;     /* 16-bit cells even where bytes do */
    uint32_t batch; /* replications that share a walk; 0 = default */
    bool reference; /* scalar event scan with the formula at every count */
};
/* out[replications] */
void engine_maxima(const struct field *f, const struct watch_params *p, const struct engine_options *opt, double *out);
/* The days of replication r: places of the alive cases, one per alive_age. slots is a copy of f->slots that comes back
 * unchanged; undo and out hold f->alive. */
void engine_permute(const struct field *f, uint64_t seed, uint32_t r, uint32_t *slots, uint32_t *undo, uint32_t *out);

/* Best window of one centre for given alive cases; value 0 when there is none. */
struct best {
    double value;
    uint32_t window, entry, observed;
};
/* The real data, every centre. */
void engine_observed(const struct field *f, uint32_t threads, const struct engine_options *opt, struct best *out);
/* first/ages: the alive cases by place. count is f->windows long. The formula at every count: the oracle. */
struct best engine_list_plain(const struct field *f, const struct list *l, const uint32_t *first, const uint32_t *ages,
                              uint32_t *count);

MUST_CHECK enum rc field_build(const struct watch_points *points, const struct watch_cases *cases,
                               const struct watch_params *params, struct arena *mem, struct field *out,
                               struct err *err);
void field_free(struct field *f);
MUST_CHECK enum rc watch_scan_with(const struct watch_points *points, const struct watch_cases *cases,
                                   const struct watch_params *params, const struct engine_options *opt,
                                   struct arena *mem, struct watch_result *out, struct err *err);

#endif
