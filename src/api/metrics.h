/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Counters for GET /metrics in the Prometheus text format: requests by route and status class, how long they took,
 * reports, commits. Nothing in them tells one client from another.
 */
#ifndef API_METRICS_H
#define API_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/str.h"
#include "store/store.h"

enum { METRICS_ROUTES_MAX = 64, METRICS_BUCKETS = 14 };

struct route_metrics {
    _Atomic int64_t by_class[6];                 /* 1xx .. 5xx at 1..5 */
    _Atomic int64_t bucket[METRICS_BUCKETS + 1]; /* the last: over the largest bound */
    _Atomic int64_t sum_us;
};
struct api_metrics {
    struct route_metrics routes[METRICS_ROUTES_MAX + 1]; /* the last: files and unknown paths */
    _Atomic int64_t reports_received, reports_refused, proofs_asked, proofs_accepted;
};
/* route: index in the table, or METRICS_ROUTES_MAX. */
void metrics_count(struct api_metrics *m, size_t route, int status, int64_t took_us);
struct metrics_gauges {
    struct store_stats store;
    size_t waiting;
};
/* names: the routes' labels. */
void metrics_write(struct api_metrics *m, const char *const *names, size_t names_n, const struct metrics_gauges *g,
                   struct buf *out);

#endif
