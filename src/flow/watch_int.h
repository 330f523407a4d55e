/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Private to the room: SQL of runs and clusters.
 */
#ifndef FLOW_WATCH_INT_H
#define FLOW_WATCH_INT_H

#include "base/hash.h"
#include "flow/watch_run.h"

struct run_row {
    struct uuid id, public_id;
    struct str stream, parameters, maxima;
    int64_t as_of_day, events, left_out, places, replications;
    bool is_past, has_synthetic;
    uint64_t seed;
    struct sha256 inputs_hash;
    struct instant at;
};
struct cluster_row {
    struct uuid id, public_id, run, warning; /* inner ids */
    int64_t place;                           /* in the run, strongest first */
    double lat_deg, lon_deg, radius_km;
    int64_t start_day, end_day, observed, members;
    double expected, statistic, p, recurrence_days;
};

MUST_CHECK enum rc run_store_insert(struct store_tx *tx, const struct run_row *r, struct err *err);
MUST_CHECK enum rc cluster_store_insert(struct store_tx *tx, const struct cluster_row *c, struct err *err);

#endif
