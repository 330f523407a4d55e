-- SPDX-License-Identifier: AGPL-3.0-or-later
-- The version that the source itself gives a record (of OpenStreetMap objects); 0 where it has none. A change file never
-- overwrites a newer version with an older one.
ALTER TABLE site_source ADD COLUMN version {int64} NOT NULL DEFAULT 0;
