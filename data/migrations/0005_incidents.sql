-- Reports, incidents, their links to sites, and the outbox.

-- What somebody sent. Everything they wrote is in `cipher`, sealed under a key of its own (vault slot).
CREATE TABLE report (
    id {blob} NOT NULL PRIMARY KEY,
    public_id {blob} NOT NULL UNIQUE,
    receipt_hash {blob} NOT NULL UNIQUE,
    received_us {int64} NOT NULL,
    updated_us {int64} NOT NULL,
    state {text} NOT NULL,
    cipher {blob} NOT NULL,
    key_slot {int64} NOT NULL
) {strict};
CREATE INDEX report_state ON report (state, received_us, id);

-- What reviewers noted while they decided; sealed like the report.
CREATE TABLE report_note (
    id {blob} NOT NULL PRIMARY KEY,
    report {blob} NOT NULL REFERENCES report (id),
    account {blob} NOT NULL,
    at_us {int64} NOT NULL,
    from_state {text} NOT NULL,
    to_state {text} NOT NULL,
    cipher {blob},
    key_slot {int64}
) {strict};
CREATE INDEX report_note_report ON report_note (report, at_us, id);

-- What a change causes to happen later. Written in the change's own transaction (I1); polled.
CREATE TABLE outbox (
    id {blob} NOT NULL PRIMARY KEY,
    topic {text} NOT NULL,
    object {blob} NOT NULL,
    at_us {int64} NOT NULL,
    done_us {int64}
) {strict};
CREATE INDEX outbox_open ON outbox (done_us, at_us, id);

-- One import of incidents.
CREATE TABLE incident_release (
    id {blob} NOT NULL PRIMARY KEY,
    source {text} NOT NULL,
    licence {text} NOT NULL,
    format {text} NOT NULL,
    digest {blob} NOT NULL,
    started_us {int64} NOT NULL,
    finished_us {int64},
    counts {text}
) {strict};

-- What is believed to have happened (is_context = 0), and conflict near sites that was not aimed at one (1).
CREATE TABLE incident (
    id {blob} NOT NULL PRIMARY KEY,
    public_id {blob} NOT NULL UNIQUE,
    code {int64} NOT NULL UNIQUE,
    source {text} NOT NULL,
    external_id {text} NOT NULL,
    release {blob} NOT NULL,
    digest {blob} NOT NULL,
    is_context {bool} NOT NULL,
    context_kind {text} NOT NULL,
    title {text} NOT NULL,
    type {text} NOT NULL,
    method {text} NOT NULL,
    target {text} NOT NULL,
    bias {text} NOT NULL,
    severity {int64} NOT NULL,
    verification {text} NOT NULL,
    start_day {int64} NOT NULL,
    end_day {int64} NOT NULL,
    date_precision {text} NOT NULL,
    has_place {bool} NOT NULL,
    lat {real} NOT NULL,
    lon {real} NOT NULL,
    cell {int64} NOT NULL,
    coarse_lat {real} NOT NULL,
    coarse_lon {real} NOT NULL,
    precision_code {text} NOT NULL,
    radius_m {real} NOT NULL,
    country {text} NOT NULL,
    disputed {bool} NOT NULL,
    place {text} NOT NULL,
    killed {int64},
    injured {int64},
    source_text {text} NOT NULL,
    source_read {bool} NOT NULL,
    unverified {bool} NOT NULL,
    synthetic {bool} NOT NULL,
    raw {text} NOT NULL,
    created_us {int64} NOT NULL,
    updated_us {int64} NOT NULL,
    UNIQUE (source, external_id)
) {strict};
CREATE INDEX incident_time ON incident (is_context, start_day, id);
CREATE INDEX incident_cell ON incident (is_context, cell);

-- Incident to site, with the score and its reasons. No link is better than a wrong one.
CREATE TABLE incident_link (
    incident {blob} NOT NULL REFERENCES incident (id),
    site {blob} NOT NULL,
    score {real} NOT NULL,
    reasons {text} NOT NULL,
    decided_by {blob},
    at_us {int64} NOT NULL,
    PRIMARY KEY (incident, site)
) {strict};
CREATE INDEX incident_link_site ON incident_link (site, incident);
