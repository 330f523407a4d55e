/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Private to the ledger: the latest digest per object, gathered while verify walks the entries, and its comparison with
 * the state rows that the rooms' checkers stream. Memory: about 100 bytes per object of a kind that has a checker.
 */
#ifndef LEDGER_VERIFY_INT_H
#define LEDGER_VERIFY_INT_H

#include "ledger/ledger_int.h"

/* On tx, or on a snapshot of its own when tx is NULL. */
MUST_CHECK enum rc ledger_verify_in(struct ledger *l, struct store_tx *tx, struct ledger_report *out, struct err *err);

struct digest_table;
struct digest_table *digest_table_new(const struct checker *checkers, size_t n);
void digest_table_free(struct digest_table *t);
/* Entries come in order; one without a digest, or of a kind nobody checks, says nothing. */
void digest_table_put(struct digest_table *t, const struct entry *e);
MUST_CHECK enum rc digest_table_check(struct digest_table *t, struct store_tx *tx, struct ledger_report *report,
                                      struct err *err);

#endif
