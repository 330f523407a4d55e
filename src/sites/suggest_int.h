/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside suggestions: rows and their SQL, content as bytes, and what accepting does.
 */
#ifndef SITES_SUGGEST_INT_H
#define SITES_SUGGEST_INT_H

#include "base/hash.h"
#include "sites/suggest.h"

struct suggestion_row {
    struct uuid id, public_id;
    struct sha256 receipt_hash;
    struct instant received, updated;
    struct str state;
    bool is_urgent;
    struct str cipher;
    int64_t key_slot;
};
struct suggestion_decision_row {
    struct uuid id, suggestion, account, site; /* site nil: NULL */
    struct instant at;
    struct str state, cipher;
    int64_t key_slot;
};

/* is_new false: there is one with this receipt already, and nothing was written. */
MUST_CHECK enum rc suggest_store_insert(struct store_tx *tx, const struct suggestion_row *r, bool *is_new,
                                        struct err *err);
MUST_CHECK enum rc suggest_store_by_receipt(struct store_tx *tx, struct sha256 hash, struct arena *mem,
                                            struct suggestion_row *out, struct err *err);
MUST_CHECK enum rc suggest_store_by_public_id(struct store_tx *tx, struct uuid public_id, struct arena *mem,
                                              struct suggestion_row *out, struct err *err);
MUST_CHECK enum rc suggest_store_list(struct store_tx *tx, struct str state, struct str cursor, size_t limit,
                                      struct arena *mem, struct suggestion_row **out, size_t *n, int64_t *matched,
                                      struct err *err);
struct str suggest_store_cursor(const struct suggestion_row *last, struct arena *mem);
MUST_CHECK enum rc suggest_store_decide(struct store_tx *tx, const struct suggestion_decision_row *d, struct err *err);

/* The draft as the JSON that is sealed, and back; what comes back borrows from mem. */
struct str suggest_content_write(const struct suggestion_draft *d, struct arena *mem);
MUST_CHECK enum rc suggest_content_read(struct str json, struct arena *mem, struct suggestion_draft *out,
                                        struct err *err);

/* ---- the record of an accepted one (suggest_apply.c) ---- */

struct community_fields {
    const struct site_name *names;
    size_t names_n;
    struct str religion, kind, denomination, status, note;
    bool has_place;
    double lat_deg, lon_deg;
};
/* The community's record with this id; site nil when there is none. What it says now goes to *said. */
struct community_stored {
    struct uuid site;
    struct sha256 digest;
    struct community_fields said;
};
MUST_CHECK enum rc community_store_find(struct store_tx *tx, struct uuid source, struct str key, struct arena *mem,
                                        struct community_stored *out, struct err *err);
/* The source SUGGEST_SOURCE, made when it is not there. */
MUST_CHECK enum rc community_store_source(struct store_tx *tx, struct instant now, struct uuid *out, struct err *err);
struct release_row;
MUST_CHECK enum rc community_store_release_open(struct store_tx *tx, const struct release_row *r, struct err *err);
MUST_CHECK enum rc community_store_release_close(struct store_tx *tx, const struct release_row *r, struct err *err);
/* Who may see the record alone, should it ever be taken apart from the site: no more than may see that. */
MUST_CHECK enum rc community_store_see_as(struct store_tx *tx, struct uuid record, struct uuid site, struct err *err);
MUST_CHECK enum rc community_store_public_id(struct store_tx *tx, struct uuid site, struct uuid *out, struct err *err);

#endif
