/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Suggestions: what somebody without an account says about the registry, a correction of a site or a site that is
 * missing. Reviewed by a person before anything of it shows (I5).
 *
 *   G1 suggest_receive returns only when state row, ledger entry and outbox row are durable together (I1, I2).
 *   G2 everything they wrote is sealed (vault), the site they mean too; nothing about the sender is taken. The receipt has
 *      128 random bits and is stored only as a keyed hash.
 *   G3 receiving looks no site up: what is answered, and how fast, is the same for a site that is public, hidden or none.
 *   G4 what is accepted becomes a record of a source of its own (SUGGEST_SOURCE, CC0): each source's fields stay apart,
 *      and a later import does not undo it. Hiding is a decision on visibility like any other.
 *
 * States:  received --suggest_decide--> accepted | rejected
 */
#ifndef SITES_SUGGEST_H
#define SITES_SUGGEST_H

#include "base/arena.h"
#include "ledger/vault.h"
#include "sites/sites.h"
#include "sites/vocab.h"

#define SUGGEST_SOURCE      "community"
#define SUGGEST_LICENCE     "CC0-1.0"
#define SUGGEST_ATTRIBUTION "Suggestions from the public, reviewed"

enum {
    SUGGEST_TEXT_MAX = 4000, /* characters */
    SUGGEST_NOTE_MAX = 500,  /* characters of the note a site shows */
    SUGGEST_NAMES_MAX = 20,
    SUGGEST_NAME_MAX = 200, /* characters */
    SUGGEST_LANG_MAX = 35,  /* bytes of a language tag, RFC 5646 section 4.4.1 */
    SUGGEST_DENOMINATION_MAX = 100,
    SUGGEST_REASON_MAX = 1000, /* bytes */
    SUGGEST_PAGE_MAX = 100,
    SUGGEST_SITE_MAX = 64, /* bytes of an id or code */
    SUGGEST_CONTENT_MAX = 256 << 10
};

/* What is empty, or false, is not spoken of. */
struct suggestion_draft {
    struct str site; /* public id or code of the site to correct; empty: a site that is missing */
    const struct site_name *names;
    size_t names_n;
    struct str religion, kind; /* codes of the vocabulary */
    struct str denomination;
    struct str status; /* present, disused, abandoned, ruins */
    struct str note;
    bool is_closed;        /* not in use any more: status disused, unless a status is given */
    bool is_not_religious; /* no religious site at all */
    bool wants_hidden;     /* should be shown to nobody: somebody may come to harm */
    bool has_place;
    double lat_deg, lon_deg;
    struct str text; /* to the reviewer; never shown */
};
/* Everything that could be wrong with it. RC_INVALID with the member's path; RC_TOO_LARGE. */
MUST_CHECK enum rc suggest_check(const struct suggestion_draft *draft, const struct vocab *words, struct err *err);

/* key: 16 random bytes of the sender's by which a second attempt at the same sending is known and answered with the
 * same receipt; NULL: none. */
MUST_CHECK enum rc suggest_receive(struct store *st, struct vault *v, const struct suggestion_draft *draft,
                                   const struct vocab *words, const uint8_t *key, struct arena *mem,
                                   struct str *receipt, struct err *err);

struct suggestion_status {
    struct str state;
    struct instant received, updated;
};
/* RC_NOT_FOUND for anything that is no receipt of ours. */
MUST_CHECK enum rc suggest_status(struct store *st, struct vault *v, struct str receipt, struct arena *mem,
                                  struct suggestion_status *out, struct err *err);

struct suggestion {
    struct uuid public_id;
    struct str state;
    struct instant received, updated;
    bool is_urgent, is_erased; /* erased: its key was destroyed, the draft is empty */
    struct suggestion_draft draft;
};
struct suggestion_page {
    struct suggestion *items;
    size_t n;
    int64_t matched;
    struct str next;
};
/* Urgent ones first, then the oldest first. state empty: received. Reviewers and above, RC_DENIED for others. */
MUST_CHECK enum rc suggest_list(struct store_tx *tx, struct vault *v, const struct viewer *viewer, struct str state,
                                struct str cursor, size_t limit, struct arena *mem, struct suggestion_page *out,
                                struct err *err);

struct suggestion_decision {
    bool accept;
    struct str reason; /* needed to reject */
};
/* Errors: RC_NOT_FOUND no such suggestion; RC_CONFLICT it has been decided, its content was erased, or the site it
 * speaks of is not there (any more); RC_DENIED: needs a reviewer's account, and a coordinator's where accepting hides a
 * site. site: the public id of the one it changed or made; nil when rejected. */
MUST_CHECK enum rc suggest_decide(struct store *st, struct vault *v, const struct viewer *viewer, struct uuid public_id,
                                  const struct suggestion_decision *decision, struct uuid *site, struct err *err);

/* For `fane verify`: each suggestion's and each decision's sealed content against its ledger entry. */
void suggest_add_checkers(struct ledger *l);

#endif
