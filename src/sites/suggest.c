/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Intake, state and queue of suggestions. See suggest.h; deciding is suggest_decide.c.
 */
#include <string.h>

#include "base/rng.h"
#include "sites/suggest_int.h"

struct receive {
    struct suggestion_row row;
    struct sha256 digest;
};

static enum rc receive_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct receive *r = ctx;
    bool is_new;
    struct ledger_event ev = {.action = "suggestion.receive",
                              .object_kind = "suggestion",
                              .object = r->row.id,
                              .at = r->row.received,
                              .digest = r->digest};
    TRY(suggest_store_insert(tx, &r->row, &is_new, err));
    return is_new ? ledger_append(tx, &ev, err) : RC_OK;
}

/* Of a sending with a key the receipt follows from it, so that a second attempt gets the same one and finds the first. */
static void receipt_bits(const struct vault *v, const uint8_t *key, uint8_t bits[16])
{
    if (!key) {
        rng_bytes(bits, 16);
        return;
    }
    struct sha256 h = vault_keyed_hash(v, "suggestion.key", key, 16);
    memcpy(bits, h.b, 16);
}

enum rc suggest_receive(struct store *st, struct vault *v, const struct suggestion_draft *draft,
                        const struct vocab *words, const uint8_t *key, struct arena *mem, struct str *receipt,
                        struct err *err)
{
    struct receive r = {0};
    uint8_t bits[16];
    TRY(suggest_check(draft, words, err));
    receipt_bits(v, key, bits);
    struct instant now = clock_now();
    r.row = (struct suggestion_row){.id = uuid_v7(now),
                                    .public_id = uuid_random(),
                                    .received = now,
                                    .updated = now,
                                    .state = STR("received"),
                                    .is_urgent = draft->wants_hidden,
                                    .receipt_hash = vault_keyed_hash(v, "suggestion.receipt", bits, sizeof bits)};
    TRY(vault_seal(v, r.row.id, suggest_content_write(draft, mem), mem, &r.row.cipher, &r.row.key_slot, err));
    r.digest = sha256_of(r.row.cipher.p, r.row.cipher.n);
    TRY(store_write(st, receive_fn, &r, err));
    *receipt = secret128_format(mem, bits);
    return RC_OK;
}

/* ---- state of one ---- */

struct find_by_receipt {
    struct sha256 hash;
    struct suggestion_row row;
    struct arena *mem;
};

static enum rc find_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct find_by_receipt *f = ctx;
    return suggest_store_by_receipt(tx, f->hash, f->mem, &f->row, err);
}

enum rc suggest_status(struct store *st, struct vault *v, struct str receipt, struct arena *mem,
                       struct suggestion_status *out, struct err *err)
{
    uint8_t bits[16];
    struct find_by_receipt f = {.mem = mem};
    if (receipt.n > 64 || !secret128_parse(receipt, bits))
        return err_set(err, RC_NOT_FOUND, "no suggestion has this receipt; check it for a typing error");
    f.hash = vault_keyed_hash(v, "suggestion.receipt", bits, sizeof bits);
    TRY(store_read(st, find_fn, &f, err));
    *out = (struct suggestion_status){f.row.state, f.row.received, f.row.updated};
    return RC_OK;
}

/* ---- the queue ---- */

static enum rc item_of(struct vault *v, const struct suggestion_row *row, struct arena *mem, struct suggestion *out,
                       struct err *err)
{
    struct str plain;
    *out = (struct suggestion){.public_id = row->public_id,
                               .state = row->state,
                               .received = row->received,
                               .updated = row->updated,
                               .is_urgent = row->is_urgent};
    enum rc rc = vault_unseal(v, row->id, row->key_slot, row->cipher, mem, &plain, err);
    out->is_erased = rc == RC_NOT_FOUND; /* its key was destroyed: nothing to show, and that is right */
    if (out->is_erased)
        return RC_OK;
    TRY(rc);
    return suggest_content_read(plain, mem, &out->draft, err);
}

enum rc suggest_list(struct store_tx *tx, struct vault *v, const struct viewer *viewer, struct str state,
                     struct str cursor, size_t limit, struct arena *mem, struct suggestion_page *out, struct err *err)
{
    struct suggestion_row *rows;
    struct suggestion_page page = {0};
    size_t n;
    if (policy_view(viewer, &(struct policy_object){.kind = POLICY_REPORT}) != VIEW_FULL)
        return err_set(err, RC_DENIED, "suggestions are for reviewers");
    if (limit == 0 || limit > SUGGEST_PAGE_MAX)
        limit = SUGGEST_PAGE_MAX;
    TRY(suggest_store_list(tx, state.n ? state : STR("received"), cursor, limit + 1, mem, &rows, &n, &page.matched,
                           err));
    if (n > limit) {
        n = limit;
        page.next = suggest_store_cursor(&rows[n - 1], mem);
    }
    page.items = ARENA_NEW_N(mem, struct suggestion, n);
    for (; page.n < n; page.n++)
        TRY(item_of(v, &rows[page.n], mem, &page.items[page.n], err));
    *out = page;
    return RC_OK;
}
