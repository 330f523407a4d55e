-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Records of one site from several sources, joined and taken apart again.

-- A site joined to another keeps its row with status 'merged', is shown nowhere, and names the site it shows under: always
-- the kept one itself, never one that was joined in turn.
ALTER TABLE site ADD COLUMN merged_into {blob};
CREATE INDEX site_merged ON site (merged_into) WHERE merged_into IS NOT NULL;

-- The row (and footprint) that each site of a joined group would have alone: what its own source says. Imports write here;
-- the row of the kept site is composed of these. Taking apart puts it back, byte for byte. Who may see it is not in it.
CREATE TABLE site_own (
    site {blob} NOT NULL PRIMARY KEY,
    class {text} NOT NULL,
    kind {text} NOT NULL,
    religion {text} NOT NULL,
    denomination {text} NOT NULL,
    name {text} NOT NULL,
    names {text} NOT NULL,
    search {text} NOT NULL,
    lat {real},
    lon {real},
    cell {int64} NOT NULL,
    precision_m {real} NOT NULL,
    country {text} NOT NULL,
    admin1 {text} NOT NULL,
    is_disputed {bool} NOT NULL,
    heritage {text} NOT NULL,
    whs_year {int64} NOT NULL,
    wikidata {text} NOT NULL,
    unesco {text} NOT NULL,
    status {text} NOT NULL,
    is_unverified {bool} NOT NULL,
    is_synthetic {bool} NOT NULL,
    note {text} NOT NULL,
    updated_us {int64} NOT NULL,
    wkb {blob}
) {strict_keyed};
CREATE INDEX site_own_updated ON site_own (updated_us);

-- Two sites that may be one. a < b. state: open (put before a person), joined, separate. kept, away: the two kept sites as
-- they were joined; kept_*: who could see the first of them before. account: who decided, NULL the machine.
CREATE TABLE join_pair (
    id {blob} NOT NULL PRIMARY KEY,
    public_id {blob} NOT NULL UNIQUE,
    a {blob} NOT NULL,
    b {blob} NOT NULL,
    state {text} NOT NULL,
    score {real} NOT NULL,
    reasons {text} NOT NULL,
    account {blob},
    at_us {int64} NOT NULL,
    reason {text} NOT NULL,
    kept {blob},
    away {blob},
    kept_visibility {int64} NOT NULL,
    kept_coarse_m {int64} NOT NULL,
    UNIQUE (a, b)
) {strict};
CREATE INDEX join_pair_state ON join_pair (state, score, public_id);
CREATE INDEX join_pair_away ON join_pair (away) WHERE away IS NOT NULL;
CREATE INDEX join_pair_b ON join_pair (b);

-- Up to which change of the registry (site_change.seq) records have been compared. One row, id 1.
CREATE TABLE join_state (
    id {int64} NOT NULL PRIMARY KEY,
    seq {int64} NOT NULL
) {strict};
