/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Reports: what somebody sent, without an account. Kept sealed (vault); the receipt opens its state later.
 *
 *   R1 report_receive returns only when state row, ledger entry and outbox row are durable together (I1, I2).
 *   R2 the receipt has 128 random bits and is stored only as a keyed hash.
 *      Of a report sent with a key the receipt follows from key and content by the vault's secret, so that a second
 *      attempt finds the first, changes nothing and is answered alike. Another content under the same key is another
 *      report: a key that was drawn badly loses nobody's.
 *   R3 nothing about the sender is taken: no address, no agent, no cookie.
 *
 * States:  received --review--> in_review --review--> closed
 *              \___________________review______________^ |
 *                             in_review <---review--------
 */
#ifndef INCIDENTS_REPORTS_H
#define INCIDENTS_REPORTS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/id.h"
#include "base/str.h"
#include "ledger/vault.h"
#include "people/policy.h"
#include "store/store.h"
#include "wire/code_list.h"

enum { REPORT_KEY_BYTES = 16 };
enum { REPORT_TEXT_MAX = 20000, REPORT_NOTE_MAX = 4000, REPORTS_PAGE_MAX = 200 }; /* bytes of UTF-8 are 4 times that */

struct report_draft {
    struct str text; /* 1..REPORT_TEXT_MAX characters */
    bool has_place;
    double lat_deg, lon_deg;
    struct str type;    /* code of incident-types, or empty */
    const uint8_t *key; /* REPORT_KEY_BYTES random ones of the sender's, the same for each attempt; NULL: none */
    const struct code_list *types; /* data/vocab/incident-types.json, when the caller has read it; NULL: read here */
};

/* Everything that could be wrong with what was sent. RC_INVALID with the member's path. */
MUST_CHECK enum rc report_check(const struct report_draft *draft, struct err *err);
MUST_CHECK enum rc report_receive(struct store *st, struct vault *v, const struct report_draft *draft,
                                  struct arena *mem, struct str *receipt, struct err *err);

struct report_status {
    struct str state;
    struct instant received, updated;
};
/* RC_NOT_FOUND for anything that is no receipt of ours; how long it takes does not tell which. */
MUST_CHECK enum rc report_status(struct store *st, struct vault *v, struct str receipt, struct arena *mem,
                                 struct report_status *out, struct err *err);

struct report {
    struct uuid public_id;
    struct str state;
    struct instant received, updated;
    struct str text, type; /* empty when the content was erased */
    bool has_place, is_erased;
    double lat_deg, lon_deg;
};
struct report_page {
    struct report *items;
    size_t n;
    int64_t matched;
    struct str next;
};
/* Newest first; reviewers and above, RC_DENIED for others. state empty: any. */
MUST_CHECK enum rc reports_list(struct store_tx *tx, struct vault *v, const struct viewer *viewer, struct str state,
                                struct str cursor, size_t limit, struct arena *mem, struct report_page *out,
                                struct err *err);
/* RC_CONFLICT when the state machine has no such step. */
MUST_CHECK enum rc report_review(struct store *st, struct vault *v, const struct viewer *viewer, struct uuid public_id,
                                 struct str to_state, struct str note, struct err *err);
/* For `fane verify`: each report's and each note's sealed content against its ledger entry. */
struct ledger;
void reports_add_checkers(struct ledger *l);

#endif
