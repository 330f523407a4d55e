-- SPDX-License-Identifier: AGPL-3.0-or-later
-- When a site was built, as its source says it, in a form that lib/wire/osm_date.h understands; empty otherwise.
ALTER TABLE site ADD COLUMN start_date {text} NOT NULL DEFAULT '';
ALTER TABLE site_own ADD COLUMN start_date {text} NOT NULL DEFAULT '';
