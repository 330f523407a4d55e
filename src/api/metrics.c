/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Counters and their Prometheus text (exposition format 0.0.4).
 */
#include "api/metrics.h"

/* Upper bounds in microseconds: a cached tile is far below the first, a sign-in between the last ones. */
static const int64_t BOUNDS_US[METRICS_BUCKETS] = {100,   250,   500,    1000,   2500,    5000,    10000,
                                                   25000, 50000, 100000, 250000, 1000000, 5000000, 30000000};

void metrics_count(struct api_metrics *m, size_t route, int status, int64_t took_us)
{
    struct route_metrics *r = &m->routes[route < METRICS_ROUTES_MAX ? route : METRICS_ROUTES_MAX];
    int class = status / 100, bucket = 0;
    while (bucket < METRICS_BUCKETS && took_us > BOUNDS_US[bucket])
        bucket++;
    atomic_fetch_add_explicit(&r->by_class[class >= 1 && class <= 5 ? class : 0], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->bucket[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->sum_us, took_us, memory_order_relaxed);
}

static void write_counts(struct route_metrics *r, const char *name, struct buf *out)
{
    for (int class = 1; class <= 5; class ++) {
        int64_t n = atomic_load(&r->by_class[class]);
        if (n)
            buf_printf(out, "fane_http_requests_total{route=\"%s\",status=\"%dxx\"} %lld\n", name, class, (long long)n);
    }
}

static void write_histogram(struct route_metrics *r, const char *name, struct buf *out)
{
    int64_t sum = 0;
    for (int i = 0; i <= METRICS_BUCKETS; i++)
        sum += atomic_load(&r->bucket[i]);
    if (sum == 0)
        return;
    int64_t below = 0;
    for (int i = 0; i < METRICS_BUCKETS; i++) {
        below += atomic_load(&r->bucket[i]);
        buf_printf(out, "fane_http_request_seconds_bucket{route=\"%s\",le=\"%g\"} %lld\n", name,
                   (double)BOUNDS_US[i] / 1e6, (long long)below);
    }
    below += atomic_load(&r->bucket[METRICS_BUCKETS]);
    buf_printf(out, "fane_http_request_seconds_bucket{route=\"%s\",le=\"+Inf\"} %lld\n", name, (long long)below);
    buf_printf(out, "fane_http_request_seconds_sum{route=\"%s\"} %.6f\n", name, (double)atomic_load(&r->sum_us) / 1e6);
    buf_printf(out, "fane_http_request_seconds_count{route=\"%s\"} %lld\n", name, (long long)below);
}

static void write_one(struct buf *out, const char *name, const char *type, const char *help, int64_t value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %lld\n", name, help, name, type, name, (long long)value);
}

static void each_route(struct api_metrics *m, const char *const *names, size_t n, struct buf *out,
                       void (*write)(struct route_metrics *, const char *, struct buf *))
{
    for (size_t i = 0; i < METRICS_ROUTES_MAX && i < n; i++)
        write(&m->routes[i], names[i], out);
    write(&m->routes[METRICS_ROUTES_MAX], "other", out);
}

void metrics_write(struct api_metrics *m, const char *const *names, size_t names_n, const struct metrics_gauges *g,
                   struct buf *out)
{
    buf_add_z(out, "# HELP fane_http_requests_total Answered requests.\n# TYPE fane_http_requests_total counter\n");
    each_route(m, names, names_n, out, write_counts);
    buf_add_z(out, "# HELP fane_http_request_seconds From complete headers to the answer made.\n"
                   "# TYPE fane_http_request_seconds histogram\n");
    each_route(m, names, names_n, out, write_histogram);
    write_one(out, "fane_reports_received_total", "counter", "Reports made durable.",
              atomic_load(&m->reports_received));
    write_one(out, "fane_reports_refused_total", "counter", "Reports refused as not valid.",
              atomic_load(&m->reports_refused));
    write_one(out, "fane_proofs_asked_total", "counter", "Reports answered with a challenge.",
              atomic_load(&m->proofs_asked));
    write_one(out, "fane_proofs_accepted_total", "counter", "Challenges met.", atomic_load(&m->proofs_accepted));
    write_one(out, "fane_http_waiting", "gauge", "Requests in the work queue.", (int64_t)g->waiting);
    write_one(out, "fane_store_commits_total", "counter", "Durable commits.", g->store.commits);
    write_one(out, "fane_store_jobs_total", "counter", "Changes made durable.", g->store.jobs);
    write_one(out, "fane_store_retries_total", "counter", "Batches run again.", g->store.retries);
    write_one(out, "fane_store_rollbacks_total", "counter", "Transactions rolled back.", g->store.rollbacks);
    write_one(out, "fane_store_queued", "gauge", "Changes waiting for the writer.", g->store.queued);
}
