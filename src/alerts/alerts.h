/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Warnings and the alerts they become. The machine drafts and shows why; a person decides (I5); approval makes a CAP 1.2
 * document that never changes afterwards.
 *
 *   (none) --warnings_draft--> draft --warnings_approve--> approved
 *                                \-----warnings_reject---> rejected       a decision is final
 *
 * Invariants:
 *   W1 status (Actual, Test, Exercise) is fixed when the draft is made, from what the run was made of; approving cannot
 *      change it, and the document takes it from the row. As of the past, synthetic data or a drill is never Actual.
 *   W2 a decision needs a named account whose role may decide; the ledger entry names it.
 *   W3 the feed holds only what is approved, of scope Public, and not expired; what leaves with scope Public has a coarse
 *      area (policy_coarse_point), in the document too.
 */
#ifndef ALERTS_ALERTS_H
#define ALERTS_ALERTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "people/policy.h"
#include "store/store.h"
#include "wire/json_out.h"

enum {
    WARNINGS_PAGE_MAX = 200,
    WARNING_REASON_MAX = 2000, /* bytes */
    WARNING_ADDRESSES_MAX = 1000,
    WARNING_EVIDENCE_MAX = 64 * 1024,
    WARNING_VALID_DAYS = 7, /* an approved alert expires so long after it was sent */
    WARNING_COARSE_KM = 14  /* added to the radius of a coarse area: half a grid cell's diagonal at the equator */
};

enum alert_status { ALERT_ACTUAL, ALERT_TEST, ALERT_EXERCISE };
const char *alert_status_name(enum alert_status s); /* "Actual", "Test", "Exercise" */

/* What a run was made of decides what its warnings may be (W1). */
enum alert_status alert_status_of(bool is_as_of_past, bool has_synthetic, bool is_drill);

struct warning {
    struct uuid id, public_id;
    uint64_t code;
    struct str subject; /* what it is about: one cluster of one run; the same subject is drafted once */
    enum alert_status status;
    struct str headline; /* English; the document has its own in six languages */
    struct str evidence; /* JSON object: the cluster's numbers, its events, the run's parameters */
    struct str area;     /* words: "Aleppo, SY"; coarse enough for everybody */
    double lat_deg, lon_deg, radius_km;
    bool is_coarse; /* the place is the grid's */
    int64_t start_day, end_day;
    int64_t observed;
    double expected, p;
    struct instant created;
    struct str state; /* draft, approved, rejected */
    struct str scope; /* Public, Restricted, Private; empty while draft */
    struct uuid decided_by;
    struct str decided_name;
    struct instant decided, expires; /* 0 while draft */
    struct str reason;
};

/* In the transaction that stores the run. id, public_id, code, created, state are made here. *is_new is false, and nothing
 * is written, when the subject was drafted before. */
MUST_CHECK enum rc warnings_draft(struct store_tx *tx, const struct warning *w, struct uuid *id, bool *is_new,
                                  struct err *err);

struct warning_page {
    struct warning *items;
    size_t n;
    int64_t matched;
    struct str next;
};
/* Newest first. state empty: any. The public gets approved ones of scope Public, coarse, without evidence. */
MUST_CHECK enum rc warnings_list(struct store_tx *tx, const struct viewer *viewer, struct str state, struct str cursor,
                                 size_t limit, struct arena *mem, struct warning_page *out, struct err *err);
/* By public id or short code. RC_NOT_FOUND also when the viewer may not know of it. */
MUST_CHECK enum rc warnings_find(struct store_tx *tx, const struct viewer *viewer, struct str id_or_code,
                                 struct arena *mem, struct warning *out, struct err *err);
/* The CAP document, application/cap+xml. RC_NOT_FOUND before approval, and for who may not see it. */
MUST_CHECK enum rc warnings_document(struct store_tx *tx, const struct viewer *viewer, struct str id_or_code,
                                     struct arena *mem, struct str *xml, struct err *err);

struct warning_decision {
    struct str scope;     /* approve: Public, Restricted or Private */
    struct str addresses; /* approve, Private: whom it is for, as CAP wants them (needed) */
    struct str reason;    /* reject: needed; approve: may be empty */
    struct str account;   /* name of the one who decides, for the row and the page */
    struct str sender;    /* CAP sender: no spaces, commas, < or & */
    struct str base_url;  /* of this instance, without a slash at the end; empty: no web links in the document */
};
/* Errors: RC_DENIED, RC_NOT_FOUND, RC_CONFLICT when it was decided before, RC_INVALID. */
MUST_CHECK enum rc warnings_approve(struct store *st, const struct viewer *viewer, struct str id_or_code,
                                    const struct warning_decision *d, struct err *err);
MUST_CHECK enum rc warnings_reject(struct store *st, const struct viewer *viewer, struct str id_or_code,
                                   const struct warning_decision *d, struct err *err);

/* Atom 1.0 (RFC 4287) of what W3 says, newest first, each entry linking to its document under base_url. */
MUST_CHECK enum rc warnings_feed(struct store_tx *tx, struct str base_url, struct str sender, struct arena *mem,
                                 struct str *xml, struct err *err);

void warning_json(struct json_out *j, const struct warning *w, enum view view, struct str base_url);
/* For `fane verify`: each warning's row against its latest entry. */
struct ledger;
void warnings_add_checker(struct ledger *l);

#endif
