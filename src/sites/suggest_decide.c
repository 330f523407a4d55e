/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What a person decides on a suggestion. Accepting one that asks for a site to be hidden is a decision on visibility,
 * taken before the suggestion is closed: should the second step fail, the site is hidden and the suggestion still open,
 * never the other way round.
 */
#include "sites/suggest_apply.h"
#include "sites/suggest_int.h"
#include "sites/visibility.h"

struct deciding {
    struct store *st;
    struct vault *v;
    const struct viewer *viewer;
    const struct suggestion_decision *said;
    struct arena *mem;
    struct suggestion_row row;
    struct suggestion_draft draft;
    struct site *site; /* the one it speaks of, when accepted; NULL: a missing one */
    struct uuid decision_id;
    struct str cipher;
    int64_t key_slot;
    struct community *change; /* NULL: nothing to write but the decision */
    struct uuid made;         /* public id of what was changed or made */
};

static enum rc row_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct deciding *d = ctx;
    return suggest_store_by_public_id(tx, d->row.public_id, d->mem, &d->row, err);
}

static enum rc read_it(struct deciding *d, struct err *err)
{
    struct str plain;
    TRY(store_read(d->st, row_fn, d, err));
    if (!str_is_equal(d->row.state, STR("received")))
        return err_set(err, RC_CONFLICT, "this suggestion has been decided already");
    enum rc rc = vault_unseal(d->v, d->row.id, d->row.key_slot, d->row.cipher, d->mem, &plain, err);
    if (rc == RC_NOT_FOUND && !d->said->accept)
        return RC_OK; /* what was erased can only be rejected */
    if (rc == RC_NOT_FOUND)
        return err_set(err, RC_CONFLICT, "what this suggestion said was erased; it can only be rejected");
    TRY(rc);
    return suggest_content_read(plain, d->mem, &d->draft, err);
}

static enum rc find_site(struct deciding *d, struct err *err)
{
    if (d->draft.site.n == 0)
        return RC_OK;
    enum rc rc = sites_find(d->st, d->draft.site, d->viewer, d->mem, &d->site, err);
    if (rc == RC_NOT_FOUND)
        return err_set(err, RC_CONFLICT, "there is no such site, or not for you; reject the suggestion or hand it on");
    return rc;
}

/* What nobody should see, and what is no religious site, is kept and hidden: a later import cannot bring it back. */
static enum rc hide(struct deciding *d, struct err *err)
{
    struct visibility_done done;
    if (!d->draft.wants_hidden && !d->draft.is_not_religious)
        return RC_OK;
    struct visibility_change c = {.site = d->site->id, .to = VISIBILITY_HIDDEN};
    c.reason = d->said->reason.n       ? d->said->reason
               : d->draft.wants_hidden ? STR("a suggestion from the public, accepted: to be hidden")
                                       : STR("a suggestion from the public, accepted: not a religious site");
    enum rc rc = visibility_set(d->st, &c, d->viewer, &done, err);
    if (rc == RC_DENIED)
        return err_set(err, RC_DENIED, "accepting this hides a site; that needs a coordinator");
    return rc;
}

static enum rc decide_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct deciding *d = ctx;
    struct instant now = clock_now();
    struct suggestion_decision_row row = {.id = d->decision_id,
                                          .suggestion = d->row.id,
                                          .account = d->viewer->account,
                                          .at = now,
                                          .cipher = d->cipher,
                                          .key_slot = d->key_slot,
                                          .state = d->said->accept ? STR("accepted") : STR("rejected")};
    d->made = (struct uuid){{0}};
    if (d->said->accept && d->site) {
        row.site = d->site->id;
        d->made = d->site->public_id;
    }
    if (d->change)
        TRY(community_write(tx, d->change, d->viewer->account, now, &row.site, &d->made, err));
    TRY(suggest_store_decide(tx, &row, err));
    struct ledger_event ev = {.action = d->said->accept ? "suggestion.accept" : "suggestion.reject",
                              .object_kind = "suggestion_decision",
                              .object = d->decision_id,
                              .actor = d->viewer->account,
                              .at = now,
                              .digest = sha256_of(d->cipher.n ? d->cipher.p : "", d->cipher.n)};
    return ledger_append(tx, &ev, err);
}

static enum rc accept(struct deciding *d, struct err *err)
{
    TRY(find_site(d, err));
    TRY(hide(d, err));
    return community_new(d->st, &d->draft, d->site, d->row.public_id, d->mem, &d->change, err);
}

static enum rc decide(struct deciding *d, struct err *err)
{
    TRY(read_it(d, err));
    if (d->said->accept)
        TRY(accept(d, err));
    if (d->said->reason.n)
        TRY(vault_seal(d->v, d->decision_id, d->said->reason, d->mem, &d->cipher, &d->key_slot, err));
    return store_write(d->st, decide_fn, d, err);
}

static enum rc check(const struct viewer *viewer, const struct suggestion_decision *said, struct err *err)
{
    if (!policy_may(viewer, ACT_REVIEW_REPORT) || uuid_is_nil(viewer->account))
        return err_set(err, RC_DENIED, "deciding on a suggestion needs a reviewer's account");
    if (!str_is_utf8(said->reason) || said->reason.n > SUGGEST_REASON_MAX)
        return err_set(err, RC_INVALID, "/reason: must be UTF-8 of at most %d bytes", SUGGEST_REASON_MAX);
    if (!said->accept && str_trim(said->reason).n == 0)
        return err_set(err, RC_INVALID, "/reason: missing: say why it is rejected");
    return RC_OK;
}

enum rc suggest_decide(struct store *st, struct vault *v, const struct viewer *viewer, struct uuid public_id,
                       const struct suggestion_decision *decision, struct uuid *site, struct err *err)
{
    struct arena mem;
    struct deciding d = {
        .st = st, .v = v, .viewer = viewer, .said = decision, .mem = &mem, .row = {.public_id = public_id}};
    TRY(check(viewer, decision, err));
    arena_init(&mem);
    d.decision_id = uuid_v7(clock_now());
    enum rc rc = decide(&d, err);
    if (rc == RC_OK)
        *site = d.made;
    community_free(d.change);
    arena_fini(&mem);
    return rc;
}
