/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside of visibility: its rules (visibility.c) and its SQL (visibility_store.c, countries_store.c, guard_store.c).
 */
#ifndef SITES_VISIBILITY_INT_H
#define SITES_VISIBILITY_INT_H

#include "base/hash.h"
#include "sites/sites_int.h"
#include "sites/visibility.h"

/* A row of site_visibility. */
struct visibility_row {
    struct uuid id, site, actor;
    struct instant at;
    int before, after;
    int64_t coarse_before, coarse_after; /* 0: of no meaning */
    struct str reason;
};
/* A row of visibility_review; ids inner but for public_id. */
struct review_row {
    struct uuid id, public_id, site, decision, like_site, asked_by, decided_by;
    struct str why, asked_reason, state, reason;
    int visibility, back_visibility;
    int64_t coarse_m, back_coarse_m;
    struct instant opened, decided; /* decided.us 0: NULL */
};
struct switch_row {
    struct uuid id, actor;
    struct str iso2, reason;
    bool is_published;
    struct instant at;
};
struct sha256 visibility_row_digest(const struct visibility_row *r);
struct sha256 review_row_digest(const struct review_row *r);
struct sha256 switch_row_digest(const struct switch_row *r);

/* How much is kept back: 0 public, then the ladder, then hidden; what is not known: over hidden. */
int visibility_rank(enum visibility v, int64_t coarse_m);
/* A reason trimmed and checked. */
MUST_CHECK enum rc visibility_reason(struct str *reason, struct err *err);

MUST_CHECK enum rc review_add(struct store_tx *tx, const struct review_row *r, struct err *err);

/* ledger_check_fn */
enum rc visibility_rows_check(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err);
enum rc review_rows_check(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err);
enum rc switch_rows_check(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err);

/* ---- the guard ---- */

struct guarded {
    uint64_t key; /* tile of GUARD_ZOOM: y, then x */
    struct geo_point at;
    struct uuid id;
    enum visibility visibility;
    int64_t coarse_m;
    struct str religion, search;
};
struct guard {
    enum visibility born; /* only what is guarded more than this is kept */
    struct arena mem;
    struct guarded *items; /* by key */
    size_t n, size;
    int64_t count;    /* as the store said when it was read; -1: never */
    struct uuid last; /* newest decision then */
};
void guard_add(struct guard *g, const struct guarded *item); /* texts are copied */
void guard_sort(struct guard *g);

#endif
