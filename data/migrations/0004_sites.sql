-- SPDX-License-Identifier: AGPL-3.0-or-later
-- The registry of sites: sources, their releases, sites, names, what each source said, and areas.

-- Where records come from.
CREATE TABLE source (
    id {blob} NOT NULL PRIMARY KEY,
    name {text} NOT NULL UNIQUE,
    licence {text} NOT NULL,
    attribution {text} NOT NULL,
    url {text} NOT NULL,
    created_us {int64} NOT NULL
) {strict};

-- One import of one source. state: open while batches are applied, closed when all are in, broken when another import
-- of the source began before this one was closed.
CREATE TABLE source_release (
    id {blob} NOT NULL PRIMARY KEY,
    source {blob} NOT NULL REFERENCES source (id),
    label {text} NOT NULL,
    format {text} NOT NULL,
    digest {blob} NOT NULL,
    state {text} NOT NULL,
    started_us {int64} NOT NULL,
    finished_us {int64},
    read_n {int64} NOT NULL,
    sites_n {int64} NOT NULL,
    added_n {int64} NOT NULL,
    updated_n {int64} NOT NULL,
    unchanged_n {int64} NOT NULL,
    gone_n {int64} NOT NULL,
    rejected_n {int64} NOT NULL
) {strict};
CREATE INDEX source_release_source ON source_release (source, started_us, id);

-- A site as it is shown. Its short code is the first 40 bits of public_id. names: lines of a language tag (empty: the local
-- name), a tab, and the name; in the row itself because every list wants them. cell: Morton key of the true place, -1 without one. shown_*: the place the public may know
-- (the true one; the grid's centre for COARSE; NULL for HIDDEN). visibility: 0 public, 1 coarse, 2 hidden.
CREATE TABLE site (
    id {blob} NOT NULL PRIMARY KEY,
    public_id {blob} NOT NULL UNIQUE,
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
    shown_cell {int64},
    shown_lat {real},
    shown_lon {real},
    country {text} NOT NULL,
    admin1 {text} NOT NULL,
    is_disputed {bool} NOT NULL,
    heritage {text} NOT NULL,
    whs_year {int64} NOT NULL,
    wikidata {text} NOT NULL,
    unesco {text} NOT NULL,
    status {text} NOT NULL,
    visibility {int64} NOT NULL,
    is_unverified {bool} NOT NULL,
    is_synthetic {bool} NOT NULL,
    note {text} NOT NULL,
    created_us {int64} NOT NULL,
    updated_us {int64} NOT NULL
) {strict_keyed};
-- Lists, counts and the atlas run over this index alone.
CREATE INDEX site_shown ON site (shown_cell, id, religion, kind, class, country);
CREATE INDEX site_guarded ON site (cell, id) WHERE visibility <> 0;

-- Polygon or multipolygon, WGS 84, little-endian WKB.
CREATE TABLE site_footprint (
    site {blob} NOT NULL PRIMARY KEY,
    wkb {blob} NOT NULL
) {strict_keyed};

-- What one source says, as it said it. One record makes one site; several records of one site are joined later, so
-- several rows may name one site. last_release: the last one that brought something new.
CREATE TABLE site_source (
    source {blob} NOT NULL,
    external_id {text} NOT NULL,
    site {blob} NOT NULL,
    digest {blob} NOT NULL,
    first_release {blob} NOT NULL,
    last_release {blob} NOT NULL,
    gone_release {blob},
    source_text {text} NOT NULL,
    raw {text} NOT NULL,
    PRIMARY KEY (source, external_id)
) {strict_keyed};
CREATE INDEX site_source_site ON site_source (site);

-- Records as they were before a release changed or dropped them (I8).
CREATE TABLE site_source_past (
    source {blob} NOT NULL,
    external_id {text} NOT NULL,
    until_release {blob} NOT NULL,
    site {blob} NOT NULL,
    digest {blob} NOT NULL,
    since_release {blob} NOT NULL,
    raw {text} NOT NULL,
    names {text} NOT NULL,
    footprint {blob},
    PRIMARY KEY (source, external_id, until_release)
) {strict_keyed};

-- Each change of who may see a site, with its reason.
CREATE TABLE site_visibility (
    id {blob} NOT NULL PRIMARY KEY,
    site {blob} NOT NULL,
    at_us {int64} NOT NULL,
    actor {blob} NOT NULL,
    visibility_before {int64} NOT NULL,
    visibility {int64} NOT NULL,
    reason {text} NOT NULL
) {strict};
CREATE INDEX site_visibility_site ON site_visibility (site, at_us, id);

-- One row for each transaction that changed sites, numbered in the order of commits: tells whether an image of the
-- registry is stale.
CREATE TABLE site_change (
    seq {int64} NOT NULL PRIMARY KEY,
    at_us {int64} NOT NULL
) {strict};

-- Administrative areas loaded from a file; a set of the same name is replaced as a whole.
CREATE TABLE area_set (
    id {blob} NOT NULL PRIMARY KEY,
    name {text} NOT NULL,
    digest {blob} NOT NULL,
    areas_n {int64} NOT NULL,
    created_us {int64} NOT NULL,
    replaced_us {int64}
) {strict};
-- level: 0 country, 1 first-level division.
CREATE TABLE area (
    id {blob} NOT NULL PRIMARY KEY,
    area_set {blob} NOT NULL REFERENCES area_set (id),
    level {int64} NOT NULL,
    code {text} NOT NULL,
    country {text} NOT NULL,
    name {text} NOT NULL,
    is_disputed {bool} NOT NULL,
    wkb {blob} NOT NULL
) {strict};
CREATE INDEX area_by_set ON area (area_set, id);
