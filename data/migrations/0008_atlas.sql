-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Which sites each change touched, so that projections follow by reading those alone. touched_n: how many rows of
-- site_touched belong to the change; -1: too many to name, or unknown (all changes before this migration).
ALTER TABLE site_change ADD COLUMN touched_n {int64} NOT NULL DEFAULT -1;

-- Of the latest changes only: older rows are dropped as new ones come.
CREATE TABLE site_touched (
    seq {int64} NOT NULL,
    site {blob} NOT NULL,
    PRIMARY KEY (seq, site)
) {strict_keyed};
