/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Who may see a site, and changing that: PUBLIC, COARSE with a precision of POLICY_LADDER_M, HIDDEN; the review of what
 * took effect at once; countries that are not published; and the guard that keeps a hidden site hidden when it comes in
 * again under another id. What a viewer sees is policy.h's and sites_view's; what may be changed by whom is decided here.
 *
 * Invariants:
 *   V1 every change has a reason and an entry in the ledger, in its own transaction (I1).
 *   V2 showing less takes effect with the commit; showing more needs an administrator, or a review that reverts.
 *   V3 an import never widens: it does not touch the visibility of sites it knows, and what looks like a guarded site
 *      is born as guarded as that one and put to review.
 *   V4 sites of a closed country stay in the store, and are denied to the public by the policy itself.
 */
#ifndef SITES_VISIBILITY_H
#define SITES_VISIBILITY_H

#include "sites/sites.h"

enum { VISIBILITY_PAGE_MAX = 200, VISIBILITY_COUNTRIES_MAX = 300 };

struct visibility_change {
    struct uuid site; /* inner id */
    enum visibility to;
    int64_t coarse_m; /* of COARSE; 0: as the site has it */
    struct str reason;
};
struct visibility_done {
    enum visibility before, after;
    int64_t coarse_m;
    bool is_changed;    /* false: it was so already, and nothing was written */
    struct uuid review; /* public id of the review that this opened; nil: none is needed */
};
/* Errors: RC_DENIED (V2), RC_INVALID (no reason, a precision that is not on the ladder), RC_NOT_FOUND. */
MUST_CHECK enum rc visibility_set(struct store *st, const struct visibility_change *c, const struct viewer *actor,
                                  struct visibility_done *out, struct err *err);

/* ---- reviews ---- */

struct visibility_review {
    struct uuid id;   /* public */
    struct uuid site; /* inner */
    struct str why;   /* narrowed, like_guarded */
    enum visibility visibility, back;
    int64_t coarse_m, back_coarse_m;
    struct uuid asked_by, like_site, decided_by; /* inner; nil: none */
    struct str asked_reason, state, reason;
    struct instant opened, decided;
};
struct visibility_page {
    struct visibility_review *items;
    size_t n;
    struct str next;
};
/* state: open, kept, reverted; empty: all. Oldest first. Reviewers and above; others are denied. */
MUST_CHECK enum rc visibility_reviews(struct store *st, const struct viewer *viewer, struct str state,
                                      struct str cursor, size_t limit, struct arena *mem, struct visibility_page *out,
                                      struct err *err);
struct visibility_verdict {
    struct uuid review; /* public id */
    bool keep;          /* else the site is again what it was, or what it would have been born */
    struct str reason;
};
/* By a named account, not the one that asked (an administrator may). Errors: RC_CONFLICT when it was decided before, or
 * when the site has been changed since and so cannot be reverted. *site: what may look different now. */
MUST_CHECK enum rc visibility_decide(struct store *st, const struct visibility_verdict *v, const struct viewer *actor,
                                     struct uuid *site, struct err *err);

/* ---- countries ---- */

struct country_change {
    struct str iso2; /* of data/areas/iso-3166.csv */
    bool publish;
    struct str reason;
};
/* *changed: false when it was so already. Costs one row however many sites the country has. */
MUST_CHECK enum rc country_set(struct store *st, const struct country_change *c, const struct viewer *actor,
                               bool *changed, struct err *err);
struct country_closed {
    struct str iso2, reason;
    struct instant since;
    struct uuid actor;
    int64_t sites; /* held back: in the store and not gone, PUBLIC or COARSE */
};
MUST_CHECK enum rc countries_closed(struct store *st, const struct viewer *viewer, struct arena *mem,
                                    struct country_closed **out, size_t *n, struct err *err);

/* ---- the guard of imports ---- */

/* What is guarded (COARSE or HIDDEN, gone ones too), by place; lives as long as one import. */
struct guard;
/* born: of the import; what is guarded no more than that is left out. */
struct guard *guard_new(enum visibility born);
void guard_free(struct guard *g);
/* A new record as the guard compares it. */
struct guard_ask {
    bool has_place;
    double lat_deg, lon_deg;
    struct str religion; /* "" unknown */
    struct str search;   /* as the column of that name: each folded name behind a line feed */
    enum visibility visibility;
    int64_t coarse_m; /* what it would be born with */
};
struct guard_hit {
    struct uuid like;
    enum visibility visibility;
    int64_t coarse_m;
};
/* In the transaction that will insert the records: reads what is guarded if that has changed since the last call. */
MUST_CHECK enum rc guard_refresh(struct guard *g, struct store_tx *tx, struct err *err);
/* Is there a guarded site near it with a like name, and is it guarded more than the record would be? Then true. Errs
 * towards guarding: no name on one side counts as like when very near and not of another religion. */
bool guard_match(const struct guard *g, const struct guard_ask *ask, struct guard_hit *out);
/* Opens the review of one that was born guarded so, with its ledger entry. born: what it would have been. */
MUST_CHECK enum rc guard_review(struct store_tx *tx, struct uuid site, const struct guard_hit *hit,
                                enum visibility born, int64_t born_coarse_m, struct instant at, struct err *err);

/* ---- upkeep ---- */

/* Once after store_migrate: brings shown places of an older grid onto the present one. Nothing to do: one look. */
MUST_CHECK enum rc visibility_settle(struct store *st, struct err *err);
/* In a transaction that has set places of sites by the default precision: those updated at `at` that have another one get
 * theirs. */
MUST_CHECK enum rc visibility_reshow(struct store_tx *tx, struct instant at, struct err *err);

#endif
