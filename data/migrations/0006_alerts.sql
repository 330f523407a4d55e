-- Warnings: drafted by the machine, decided by a person. What a draft was made with never changes; the decision is added.
CREATE TABLE warning (
    id {blob} NOT NULL PRIMARY KEY,
    public_id {blob} NOT NULL UNIQUE,
    code {int64} NOT NULL UNIQUE,
    subject {text} NOT NULL UNIQUE,
    status {text} NOT NULL,
    headline {text} NOT NULL,
    evidence {text} NOT NULL,
    area {text} NOT NULL,
    lat {real} NOT NULL,
    lon {real} NOT NULL,
    radius_km {real} NOT NULL,
    start_day {int64} NOT NULL,
    end_day {int64} NOT NULL,
    observed {int64} NOT NULL,
    expected {real} NOT NULL,
    p {real} NOT NULL,
    created_us {int64} NOT NULL,
    state {text} NOT NULL,
    scope {text} NOT NULL,
    decided_by {blob},
    decided_name {text} NOT NULL,
    decided_us {int64},
    expires_us {int64},
    reason {text} NOT NULL,
    cap {text} NOT NULL
) {strict};
CREATE INDEX warning_state ON warning (state, created_us, id);
CREATE INDEX warning_public ON warning (scope, state, decided_us);
