/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Private to the room: SQL of reports and the outbox.
 */
#ifndef INCIDENTS_REPORTS_INT_H
#define INCIDENTS_REPORTS_INT_H

#include "base/hash.h"
#include "incidents/reports.h"

struct report_row {
    struct uuid id, public_id;
    struct sha256 receipt_hash;
    struct instant received, updated;
    struct str state;
    struct str cipher;
    int64_t key_slot;
};

/* is_new: false when a report with this receipt is there already; then nothing was written. */
MUST_CHECK enum rc report_store_insert(struct store_tx *tx, const struct report_row *row, bool *is_new,
                                       struct err *err);
MUST_CHECK enum rc report_store_by_receipt(struct store_tx *tx, struct sha256 hash, struct arena *mem,
                                           struct report_row *out, struct err *err);
MUST_CHECK enum rc report_store_by_public_id(struct store_tx *tx, struct uuid public_id, struct arena *mem,
                                             struct report_row *out, struct err *err);
MUST_CHECK enum rc report_store_list(struct store_tx *tx, struct str state, struct str cursor, size_t limit,
                                     struct arena *mem, struct report_row **out, size_t *n, int64_t *matched,
                                     struct err *err);
struct str report_store_cursor(const struct report_row *last, struct arena *mem);
MUST_CHECK enum rc report_store_set_state(struct store_tx *tx, struct uuid id, struct str state, struct instant now,
                                          struct err *err);
MUST_CHECK enum rc report_store_note(struct store_tx *tx, struct uuid id, struct uuid report, struct uuid account,
                                     struct instant now, struct str from, struct str to, struct str cipher,
                                     int64_t key_slot, struct err *err);
MUST_CHECK enum rc outbox_store_add(struct store_tx *tx, struct str topic, struct uuid object, struct instant now,
                                    struct err *err);

#endif
