-- Organisations, accounts, sessions. Names are stored as compared (NFKC, case folded); passwords as argon2id strings;
-- session tokens and the names of failed log-ins only as keyed hashes.
CREATE TABLE org (
    id {blob} NOT NULL PRIMARY KEY,
    public_id {blob} NOT NULL UNIQUE,
    name {text} NOT NULL,
    created_us {int64} NOT NULL
) {strict};

CREATE TABLE account (
    id {blob} NOT NULL PRIMARY KEY,
    public_id {blob} NOT NULL UNIQUE,
    org {blob} REFERENCES org (id),
    name {text} NOT NULL UNIQUE,
    role {int64} NOT NULL,
    password {text} NOT NULL,
    is_disabled {bool} NOT NULL,
    created_us {int64} NOT NULL
) {strict};

CREATE TABLE session (
    token_hash {blob} NOT NULL PRIMARY KEY,
    account {blob} NOT NULL REFERENCES account (id),
    created_us {int64} NOT NULL,
    seen_us {int64} NOT NULL,
    expires_us {int64} NOT NULL
) {strict};
CREATE INDEX session_account ON session (account);
CREATE INDEX session_expires ON session (expires_us);

CREATE TABLE login_throttle (
    name_hash {blob} NOT NULL PRIMARY KEY,
    failures {int64} NOT NULL,
    last_us {int64} NOT NULL
) {strict};
CREATE INDEX login_throttle_last ON login_throttle (last_us);
