-- SPDX-License-Identifier: AGPL-3.0-or-later
-- What people without an account say about the registry: corrections and missing sites.

-- Everything they wrote, also which site they mean, is in `cipher`, sealed under a key of its own (vault slot). state:
-- received, accepted, rejected. is_urgent: asks that a site be shown no more; such come first.
CREATE TABLE suggestion (
    id {blob} NOT NULL PRIMARY KEY,
    public_id {blob} NOT NULL UNIQUE,
    receipt_hash {blob} NOT NULL UNIQUE,
    received_us {int64} NOT NULL,
    updated_us {int64} NOT NULL,
    state {text} NOT NULL,
    is_urgent {bool} NOT NULL,
    cipher {blob} NOT NULL,
    key_slot {int64} NOT NULL
) {strict};
CREATE INDEX suggestion_queue ON suggestion (state, is_urgent, received_us, id);

-- The one decision on each, its reason sealed; site: the one it changed or made, NULL when it was rejected.
CREATE TABLE suggestion_decision (
    id {blob} NOT NULL PRIMARY KEY,
    suggestion {blob} NOT NULL UNIQUE REFERENCES suggestion (id),
    account {blob} NOT NULL,
    at_us {int64} NOT NULL,
    state {text} NOT NULL,
    site {blob},
    cipher {blob},
    key_slot {int64}
) {strict};
