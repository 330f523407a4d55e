-- Runs of the watch and what they found.
CREATE TABLE watch_run (
    id {blob} NOT NULL PRIMARY KEY,
    public_id {blob} NOT NULL UNIQUE,
    stream {text} NOT NULL,
    method {text} NOT NULL,
    as_of_day {int64} NOT NULL,
    is_past {bool} NOT NULL,
    has_synthetic {bool} NOT NULL,
    seed {int64} NOT NULL,
    parameters {text} NOT NULL,
    inputs_hash {blob} NOT NULL,
    events {int64} NOT NULL,
    left_out {int64} NOT NULL,
    places {int64} NOT NULL,
    replications {int64} NOT NULL,
    maxima {blob} NOT NULL,
    at_us {int64} NOT NULL
) {strict};
CREATE INDEX watch_run_time ON watch_run (at_us, id);

CREATE TABLE watch_cluster (
    id {blob} NOT NULL PRIMARY KEY,
    public_id {blob} NOT NULL UNIQUE,
    run {blob} NOT NULL REFERENCES watch_run (id),
    place {int64} NOT NULL,
    lat {real} NOT NULL,
    lon {real} NOT NULL,
    radius_km {real} NOT NULL,
    start_day {int64} NOT NULL,
    end_day {int64} NOT NULL,
    observed {int64} NOT NULL,
    expected {real} NOT NULL,
    statistic {real} NOT NULL,
    p {real} NOT NULL,
    recurrence_days {real} NOT NULL,
    members {int64} NOT NULL,
    warning {blob}
) {strict};
CREATE INDEX watch_cluster_run ON watch_cluster (run, place);
