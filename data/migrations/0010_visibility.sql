-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Who may see a site: how coarse, what is reviewed afterwards, countries that are not published.

-- Metres of the ladder of policy.h; says something of COARSE sites only.
ALTER TABLE site ADD COLUMN coarse_m {int64} NOT NULL DEFAULT 10000;
-- Of each change; 0 in those made before there was a ladder.
ALTER TABLE site_visibility ADD COLUMN coarse_m_before {int64} NOT NULL DEFAULT 0;
ALTER TABLE site_visibility ADD COLUMN coarse_m {int64} NOT NULL DEFAULT 0;

-- Sites whose shown_* are of an older grid; emptied when the registry is next opened.
CREATE TABLE site_regrid (
    site {blob} NOT NULL PRIMARY KEY
) {strict_keyed};
INSERT INTO site_regrid (site) SELECT id FROM site WHERE visibility = 1;

-- What took effect at once and is looked at afterwards. why: narrowed (somebody asked to show less), like_guarded (it
-- came in looking like a site that is guarded, and was born as guarded as that one). decision: the row of site_visibility, of
-- narrowed ones. like_site: the guarded one. back_*: what reverting gives. state: open, kept, reverted.
CREATE TABLE visibility_review (
    id {blob} NOT NULL PRIMARY KEY,
    public_id {blob} NOT NULL UNIQUE,
    site {blob} NOT NULL,
    why {text} NOT NULL,
    decision {blob},
    like_site {blob},
    visibility {int64} NOT NULL,
    coarse_m {int64} NOT NULL,
    back_visibility {int64} NOT NULL,
    back_coarse_m {int64} NOT NULL,
    asked_by {blob},
    asked_reason {text} NOT NULL,
    opened_us {int64} NOT NULL,
    state {text} NOT NULL,
    decided_by {blob},
    decided_us {int64},
    reason {text} NOT NULL
) {strict};
CREATE INDEX visibility_review_state ON visibility_review (state, opened_us, public_id);
CREATE INDEX visibility_review_site ON visibility_review (site, state);

-- Each throw of a country's switch, and the countries that are closed now.
CREATE TABLE country_switch (
    id {blob} NOT NULL PRIMARY KEY,
    iso2 {text} NOT NULL,
    is_published {bool} NOT NULL,
    at_us {int64} NOT NULL,
    actor {blob} NOT NULL,
    reason {text} NOT NULL
) {strict};
CREATE TABLE country_closed (
    iso2 {text} NOT NULL PRIMARY KEY,
    switch_id {blob} NOT NULL
) {strict_keyed};
-- What is guarded, for the guard of imports; and what has another precision than the usual one.
CREATE INDEX site_kept_back ON site (visibility, id) WHERE visibility <> 0;
CREATE INDEX site_coarse_other ON site (updated_us) WHERE visibility = 1 AND coarse_m <> 10000;
