/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The watch over what is in the store: events out of the incidents room, the scan of the watch room, runs and clusters
 * kept, warnings drafted in the alerts room. The machine drafts; people decide (I5).
 *
 * Two streams are scanned apart: incidents, and context events. An event counts when its day is known and its place is
 * good to WATCH_PLACE_MAX_M; how many were left out is kept with the run. The scan is prospective, over the
 * WATCH_STUDY_DAYS up to the day asked for, with circles to WATCH_RADIUS_KM and windows to WATCH_WINDOW_DAYS.
 *
 * False alarms: a draft needs a recurrence interval of WATCH_RECURRENCE_DAYS, that is p <= 1 / WATCH_RECURRENCE_DAYS by
 * Monte Carlo rank. If nothing is going on, a stream scanned once a day gives at most one such cluster in that many days
 * on average; both streams together two.
 *
 * A run as of an earlier day takes the events dated up to that day, as the store has them now: what was recorded later is
 * in it. Its warnings have status Exercise.
 */
#ifndef FLOW_WATCH_RUN_H
#define FLOW_WATCH_RUN_H

#include "base/id.h"
#include "people/policy.h"
#include "store/store.h"
#include "wire/json_out.h"

#define WATCH_RADIUS_KM   50.0
#define WATCH_PLACE_MAX_M 25000.0
enum {
    WATCH_STUDY_DAYS = 365,
    WATCH_WINDOW_DAYS = 30,
    WATCH_CASES_LEAST = 3,   /* events in a cluster */
    WATCH_EVENTS_LEAST = 10, /* in the study period, or the stream is not scanned */
    WATCH_REPLICATIONS = 999,
    WATCH_RECURRENCE_DAYS = 365,
    WATCH_SEED = 1,
    WATCH_RUN_EVENTS_MAX = 1000000,
    CLUSTERS_PAGE_MAX = 200
};

struct watch_run_options {
    int64_t as_of_day; /* days since 1970-01-01; the last day scanned */
    bool is_drill;
    uint64_t seed;         /* 0: WATCH_SEED */
    uint32_t replications; /* 0: WATCH_REPLICATIONS */
    uint32_t threads;      /* 0: all */
    struct uuid actor;     /* nil: the system */
};

struct watch_stream_report {
    const char *stream; /* "incidents", "context" */
    int64_t events, left_out;
    bool was_scanned;
    int64_t clusters, significant, drafted;
    double seconds;
    struct uuid run; /* public id; nil when not scanned */
};
enum { WATCH_STREAMS = 2 };
struct watch_run_report {
    struct watch_stream_report streams[WATCH_STREAMS];
};
/* Errors: RC_INVALID for a day in the future, RC_TOO_LARGE over WATCH_RUN_EVENTS_MAX. */
MUST_CHECK enum rc flow_watch_run(struct store *st, const struct watch_run_options *opt, struct watch_run_report *out,
                                  struct err *err);

/* A cluster with its run, as reviewers see it. */
struct watch_found {
    struct uuid public_id, run_public_id, warning; /* warning: public id, nil when none was drafted */
    struct str stream;
    double lat_deg, lon_deg, radius_km;
    int64_t start_day, end_day, observed, members;
    double expected, statistic, p, recurrence_days;
    int64_t as_of_day, seed, replications, events;
    struct str inputs_hash; /* hexadecimal */
};
struct watch_found_page {
    struct watch_found *items;
    size_t n;
    struct str next; /* cursor; empty: this was the last */
};
/* Of the latest run of each stream, strongest first. cursor empty: the first page. limit: 1 to CLUSTERS_PAGE_MAX.
 * RC_DENIED for who may not see clusters; RC_INVALID for a cursor that is none. */
MUST_CHECK enum rc flow_watch_clusters(struct store_tx *tx, const struct viewer *viewer, struct str cursor,
                                       size_t limit, struct arena *mem, struct watch_found_page *out, struct err *err);
void flow_watch_found_json(struct json_out *j, const struct watch_found *f);

#endif
