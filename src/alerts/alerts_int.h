/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Private to the room: SQL of warnings, and the making of a warning's document.
 */
#ifndef ALERTS_ALERTS_INT_H
#define ALERTS_ALERTS_INT_H

#include "alerts/alerts.h"
#include "base/hash.h"

struct warning_row {
    struct warning w;
    struct str cap;
};

MUST_CHECK enum rc warning_store_insert(struct store_tx *tx, const struct warning *w, struct err *err);
/* RC_NOT_FOUND when there is none. Keys: a public id or a short code. */
MUST_CHECK enum rc warning_store_find(struct store_tx *tx, struct str id_or_code, struct arena *mem,
                                      struct warning_row *out, struct err *err);
MUST_CHECK enum rc warning_store_by_subject(struct store_tx *tx, struct str subject, struct uuid *id, bool *found,
                                            struct err *err);
/* From draft to state; RC_CONFLICT when it is no draft any more. */
MUST_CHECK enum rc warning_store_decide(struct store_tx *tx, const struct warning_row *row, struct err *err);

struct warning_query {
    struct str state;    /* empty: any */
    bool is_public;      /* approved ones of scope Public only */
    int64_t alive_at_us; /* not expired then; 0: whenever */
    struct str cursor;
    size_t limit;
};
MUST_CHECK enum rc warning_store_list(struct store_tx *tx, const struct warning_query *q, struct arena *mem,
                                      struct warning **out, size_t *n, int64_t *matched, struct err *err);
struct str warning_store_cursor(const struct warning *last, struct arena *mem);
MUST_CHECK enum rc warning_store_each(struct store_tx *tx,
                                      enum rc (*fn)(void *ctx, const struct warning_row *row, struct err *err),
                                      void *ctx, struct err *err);

/* Over every column. */
struct sha256 warning_digest(const struct warning_row *row);
/* From context events, not from incidents: the subject begins with the stream it was found in. */
bool warning_is_context(const struct warning *w);
/* The area as the public may have it. */
void warning_make_coarse(struct warning *w);

/* document.c: the CAP document of a warning whose decision is filled in. */
MUST_CHECK enum rc warning_document_make(const struct warning *w, const struct warning_decision *d, struct arena *mem,
                                         struct str *xml, struct err *err);

#endif
