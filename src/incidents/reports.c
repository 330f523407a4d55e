/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Intake and review of reports. See reports.h. The sealed content is the JSON {"lat","lon","text","type"}.
 */
#include "incidents/reports.h"

#include "base/asset.h"
#include "base/rng.h"
#include "geo/geo.h"
#include "incidents/reports_int.h"
#include "ledger/ledger.h"
#include "wire/json_in.h"
#include "wire/json_out.h"

#include <string.h>

static size_t characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

static enum rc check_type(const struct code_list *types, struct str type, struct err *err)
{
    struct code_list *own = NULL;
    if (type.n == 0)
        return RC_OK;
    if (!types)
        TRY(code_list_new(asset_text("data/vocab/incident-types.json"), &own, err));
    bool known = code_list_has(types ? types : own, type);
    code_list_free(own);
    return known ? RC_OK : err_set(err, RC_INVALID, "/type: not a code of incident-types; leave it out if unsure");
}

enum rc report_check(const struct report_draft *d, struct err *err)
{
    struct geo_point p;
    if (!str_is_utf8(d->text) || memchr(d->text.n ? d->text.p : "", 0, d->text.n))
        return err_set(err, RC_INVALID, "/text: must be UTF-8 without NUL");
    if (str_trim(d->text).n == 0)
        return err_set(err, RC_INVALID, "/text: say in a few words what happened");
    if (characters(d->text) > REPORT_TEXT_MAX)
        return err_set(err, RC_TOO_LARGE, "/text: over %d characters; send the rest as a second report",
                       REPORT_TEXT_MAX);
    if (d->has_place)
        TRY(geo_point_make(d->lat_deg, d->lon_deg, &p, err));
    return check_type(d->types, d->type, err);
}

static struct str content_write(const struct report_draft *d, struct arena *mem)
{
    struct buf b;
    struct json_out j;
    buf_init(&b, 0);
    json_out_init(&j, &b);
    json_begin_object(&j);
    if (d->has_place) {
        json_put_f64(&j, "lat", d->lat_deg, 7);
        json_put_f64(&j, "lon", d->lon_deg, 7);
    }
    json_put_str(&j, "text", d->text);
    json_put_str_opt(&j, "type", d->type);
    json_end_object(&j);
    struct str out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return out;
}

struct receive {
    struct report_row row;
    struct sha256 digest;
};

static enum rc receive_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct receive *r = ctx;
    bool is_new;
    struct ledger_event ev = {.action = "report.receive",
                              .object_kind = "report",
                              .object = r->row.id,
                              .at = r->row.received,
                              .digest = r->digest};
    TRY(report_store_insert(tx, &r->row, &is_new, err));
    if (!is_new)
        return RC_OK;
    TRY(outbox_store_add(tx, STR("report.received"), r->row.id, r->row.received, err));
    return ledger_append(tx, &ev, err);
}

/* R2 */
static void receipt_bits(const struct vault *v, const uint8_t *key, struct str content, struct arena *mem,
                         uint8_t bits[16])
{
    if (!key) {
        rng_bytes(bits, 16);
        return;
    }
    struct str from = str_printf(mem, STR_FMT STR_FMT, STR_ARG(str_hex(mem, key, REPORT_KEY_BYTES)), STR_ARG(content));
    struct sha256 h = vault_keyed_hash(v, "report.key", from.p, from.n);
    memcpy(bits, h.b, 16);
}

enum rc report_receive(struct store *st, struct vault *v, const struct report_draft *draft, struct arena *mem,
                       struct str *receipt, struct err *err)
{
    struct receive r = {0};
    uint8_t bits[16];
    TRY(report_check(draft, err));
    struct str content = content_write(draft, mem);
    receipt_bits(v, draft->key, content, mem, bits);
    struct instant now = clock_now();
    r.row = (struct report_row){.id = uuid_v7(now),
                                .public_id = uuid_random(),
                                .received = now,
                                .updated = now,
                                .state = STR("received"),
                                .receipt_hash = vault_keyed_hash(v, "receipt", bits, sizeof bits)};
    TRY(vault_seal(v, r.row.id, content, mem, &r.row.cipher, &r.row.key_slot, err));
    r.digest = sha256_of(r.row.cipher.p, r.row.cipher.n);
    TRY(store_write(st, receive_fn, &r, err));
    *receipt = secret128_format(mem, bits);
    return RC_OK;
}

/* ---- state of one ---- */

struct find_by_receipt {
    struct sha256 hash;
    struct report_row row;
    struct arena *mem;
};

static enum rc find_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct find_by_receipt *f = ctx;
    return report_store_by_receipt(tx, f->hash, f->mem, &f->row, err);
}

enum rc report_status(struct store *st, struct vault *v, struct str receipt, struct arena *mem,
                      struct report_status *out, struct err *err)
{
    uint8_t bits[16];
    struct find_by_receipt f = {.mem = mem};
    if (receipt.n > 64 || !secret128_parse(receipt, bits))
        return err_set(err, RC_NOT_FOUND, "no report has this receipt; check it for a typing error");
    f.hash = vault_keyed_hash(v, "receipt", bits, sizeof bits);
    TRY(store_read(st, find_fn, &f, err));
    *out = (struct report_status){f.row.state, f.row.received, f.row.updated};
    return RC_OK;
}

/* ---- the desk ---- */

static enum rc content_read(struct str json, struct arena *mem, struct report *out, struct err *err)
{
    json_t *doc;
    TRY(json_in_object(json, REPORT_TEXT_MAX * 8, &doc, err));
    out->text = str_copy(mem, json_str_or_empty(doc, "text"));
    out->type = str_copy(mem, json_str_or_empty(doc, "type"));
    out->has_place = json_object_get(doc, "lat") != NULL;
    if (out->has_place) {
        out->lat_deg = json_f64_or_nan(doc, "lat");
        out->lon_deg = json_f64_or_nan(doc, "lon");
    }
    json_decref(doc);
    return RC_OK;
}

enum rc reports_list(struct store_tx *tx, struct vault *v, const struct viewer *viewer, struct str state,
                     struct str cursor, size_t limit, struct arena *mem, struct report_page *out, struct err *err)
{
    struct report_row *rows;
    size_t n;
    struct report_page page = {0};
    if (policy_view(viewer, &(struct policy_object){.kind = POLICY_REPORT}) != VIEW_FULL)
        return err_set(err, RC_DENIED, "reports are for reviewers");
    if (limit == 0 || limit > REPORTS_PAGE_MAX)
        limit = REPORTS_PAGE_MAX;
    TRY(report_store_list(tx, state, cursor, limit + 1, mem, &rows, &n, &page.matched, err));
    if (n > limit) {
        n = limit;
        page.next = report_store_cursor(&rows[n - 1], mem);
    }
    page.items = ARENA_NEW_N(mem, struct report, n);
    for (size_t i = 0; i < n; i++) {
        struct report *r = &page.items[page.n++];
        struct str plain;
        *r = (struct report){.public_id = rows[i].public_id,
                             .state = rows[i].state,
                             .received = rows[i].received,
                             .updated = rows[i].updated};
        enum rc rc = vault_unseal(v, rows[i].id, rows[i].key_slot, rows[i].cipher, mem, &plain, err);
        if (rc == RC_NOT_FOUND)
            r->is_erased = true; /* its key was destroyed: nothing to show, and that is right */
        else if (rc != RC_OK)
            return rc;
        else
            TRY(content_read(plain, mem, r, err));
    }
    *out = page;
    return RC_OK;
}

static bool is_step(struct str from, struct str to)
{
    static const char *const STEPS[][2] = {
        {"received", "in_review"}, {"received", "closed"}, {"in_review", "closed"}, {"closed", "in_review"}};
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++)
        if (str_is_equal(from, str_of(STEPS[i][0])) && str_is_equal(to, str_of(STEPS[i][1])))
            return true;
    return false;
}

struct review {
    const struct viewer *viewer;
    struct uuid public_id, note_id;
    struct str to_state, cipher;
    int64_t key_slot;
    struct arena *mem;
};

static enum rc review_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct review *r = ctx;
    struct report_row row;
    struct instant now = clock_now();
    TRY(report_store_by_public_id(tx, r->public_id, r->mem, &row, err));
    if (!is_step(row.state, r->to_state))
        return err_set(err, RC_CONFLICT, "a report that is " STR_FMT " cannot become " STR_FMT, STR_ARG(row.state),
                       STR_ARG(r->to_state));
    TRY(report_store_set_state(tx, row.id, r->to_state, now, err));
    TRY(report_store_note(tx, r->note_id, row.id, r->viewer->account, now, row.state, r->to_state, r->cipher,
                          r->key_slot, err));
    struct sha256 digest = sha256_of(r->cipher.n ? r->cipher.p : "", r->cipher.n);
    struct ledger_event ev = {.action = "report.review",
                              .object_kind = "report_note",
                              .object = r->note_id,
                              .actor = r->viewer->account,
                              .at = now,
                              .digest = digest,
                              .detail = str_printf(r->mem, "{\"from\":\"" STR_FMT "\",\"to\":\"" STR_FMT "\"}",
                                                   STR_ARG(row.state), STR_ARG(r->to_state))};
    return ledger_append(tx, &ev, err);
}

enum rc report_review(struct store *st, struct vault *v, const struct viewer *viewer, struct uuid public_id,
                      struct str to_state, struct str note, struct err *err)
{
    struct arena mem;
    struct review r = {
        .viewer = viewer, .public_id = public_id, .note_id = uuid_v7(clock_now()), .to_state = to_state, .mem = &mem};
    if (!policy_may(viewer, ACT_REVIEW_REPORT) || uuid_is_nil(viewer->account))
        return err_set(err, RC_DENIED, "reviewing a report needs a reviewer's account");
    if (!str_is_utf8(note) || note.n > REPORT_NOTE_MAX)
        return err_set(err, RC_INVALID, "/note: must be UTF-8 of at most %d bytes", REPORT_NOTE_MAX);
    arena_init(&mem);
    enum rc rc = note.n ? vault_seal(v, r.note_id, note, &mem, &r.cipher, &r.key_slot, err) : RC_OK;
    if (rc == RC_OK)
        rc = store_write(st, review_fn, &r, err);
    arena_fini(&mem);
    return rc;
}
