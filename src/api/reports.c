/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Reports: sending one and asking its state need no account, no cookie and no token; the desk's list and review do. What
 * was sent is never logged, and a receipt stands in bodies only, never in an address.
 */
#include "incidents/reports.h"

#include "api/api_int.h"
#include "wire/json_in.h"
#include "wire/problem.h"

enum { DEFAULT_LIMIT = 50, RECEIPT_MAX = 64, STATE_MAX = 32 };

/* Under load: 429 with what to do. */
static void ask_for_proof(struct api_call *call, int bits, const char *what)
{
    struct buf b;
    struct json_out j;
    struct str challenge = proof_challenge(&call->server->proof, bits, clock_now(), call->mem);
    buf_init(&b, 0);
    problem_write(
        &b, 429, problem_title(429), "proof-needed",
        str_printf(call->mem,
                   "Many %ss are coming in. Find a nonce so that SHA-256 of challenge:nonce begins with `bits` "
                   "zero bits, and send the %s again with \"proof\": {\"challenge\", \"nonce\"}.",
                   what, what),
        &j);
    json_key(&j, "proof");
    json_begin_object(&j);
    json_put_str(&j, "algorithm", STR("sha-256"));
    json_put_str(&j, "challenge", challenge);
    json_put_i64(&j, "bits", bits);
    json_put_i64(&j, "expires_in_s", PROOF_WINDOW_S);
    json_end_object(&j);
    json_end_object(&j);
    http_answer_buf(call->res, 429, PROBLEM_TYPE, &b);
    http_add_header(call->res, "Retry-After", STR("1"));
    atomic_fetch_add(&call->server->metrics.proofs_asked, 1);
}

static bool has_proof(struct api_call *call, const json_t *body)
{
    struct str challenge = json_str_or_empty(json_object_get(body, "proof"), "challenge");
    struct str nonce = json_str_or_empty(json_object_get(body, "proof"), "nonce");
    if (!challenge.n || !proof_accept(&call->server->proof, challenge, nonce, clock_now()))
        return false;
    atomic_fetch_add(&call->server->metrics.proofs_accepted, 1);
    return true;
}

bool api_wants_proof(struct api_call *call, const json_t *body, const char *what)
{
    int bits = proof_bits_for(&call->server->proof, call->req->waiting);
    if (bits == 0 || has_proof(call, body))
        return false;
    ask_for_proof(call, bits, what);
    return true;
}

static enum rc draft_of(const json_t *body, struct report_draft *d, struct err *err)
{
    TRY(json_in_str(body, "", "text", JSON_REQUIRED, (size_t)REPORT_TEXT_MAX * 4, &d->text, err));
    TRY(json_in_str(body, "", "type", JSON_OPTIONAL, 64, &d->type, err));
    return api_read_place(body, &d->lat_deg, &d->lon_deg, &d->has_place, err);
}

static enum rc receive(struct api_call *call, const json_t *body, struct str *receipt, struct err *err)
{
    struct report_draft draft = {.types = call->server->report_types};
    uint8_t key[REPORT_KEY_BYTES];
    bool has_key;
    TRY(api_sending_key(call, key, &has_key, err));
    draft.key = has_key ? key : NULL;
    TRY(draft_of(body, &draft, err));
    return report_receive(call->app->store, call->app->vault, &draft, call->mem, receipt, err);
}

enum rc api_reports_post(struct api_call *call, struct err *err)
{
    json_t *body;
    struct str receipt;
    TRY(api_body(call, &body, err));
    if (api_wants_proof(call, body, "report")) {
        json_decref(body);
        return RC_OK;
    }
    enum rc rc = receive(call, body, &receipt, err);
    json_decref(body);
    if (rc != RC_OK) {
        atomic_fetch_add(&call->server->metrics.reports_refused, 1);
        return rc;
    }
    atomic_fetch_add(&call->server->metrics.reports_received, 1);
    api_send_receipt(call, receipt);
    return RC_OK;
}

enum rc api_reports_status(struct api_call *call, struct err *err)
{
    json_t *body;
    struct str receipt = STR_NONE;
    struct report_status status;
    TRY(api_body(call, &body, err));
    enum rc rc = json_in_str(body, "", "receipt", JSON_REQUIRED, RECEIPT_MAX, &receipt, err);
    if (rc == RC_OK)
        rc = report_status(call->app->store, call->app->vault, receipt, call->mem, &status, err);
    json_decref(body);
    TRY(rc);
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_put_str(j, "state", status.state);
    json_put_str(j, "received", instant_format_s(call->mem, status.received));
    json_put_str(j, "updated", instant_format_s(call->mem, status.updated));
    json_end_object(j);
    api_json_end(call, 200);
    return RC_OK;
}

struct listing {
    struct api_call *call;
    struct str state, cursor;
    size_t limit;
    struct report_page page;
};

static enum rc read_page(struct store_tx *tx, void *ctx, struct err *err)
{
    struct listing *l = ctx;
    return reports_list(tx, l->call->app->vault, &l->call->viewer, l->state, l->cursor, l->limit, l->call->mem,
                        &l->page, err);
}

static void write_report(struct json_out *j, const struct report *r, struct arena *mem)
{
    json_begin_object(j);
    json_put_str(j, "id", uuid_format(mem, r->public_id));
    json_put_str(j, "state", r->state);
    json_put_str(j, "received", instant_format_s(mem, r->received));
    json_put_str(j, "updated", instant_format_s(mem, r->updated));
    json_put_bool(j, "erased", r->is_erased);
    if (!r->is_erased)
        json_put_str(j, "text", r->text);
    json_put_str_opt(j, "type", r->type);
    if (r->has_place) {
        json_put_f64(j, "lat", r->lat_deg, 7);
        json_put_f64(j, "lon", r->lon_deg, 7);
    }
    json_end_object(j);
}

enum rc api_reports_list(struct api_call *call, struct err *err)
{
    struct listing l = {.call = call};
    const struct policy_object object = {.kind = POLICY_REPORT};
    if (policy_view(&call->viewer, &object) != VIEW_FULL)
        return err_set(err, RC_DENIED, "Reports are for reviewers.");
    TRY(API_KNOWN(call, err, "state", "limit", "cursor"));
    TRY(api_limit(call, DEFAULT_LIMIT, REPORTS_PAGE_MAX, &l.limit, err));
    l.state = http_query_or_empty(call->req, "state");
    l.cursor = http_query_or_empty(call->req, "cursor");
    TRY(store_read(call->app->store, read_page, &l, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_key(j, "reports");
    json_begin_array(j);
    for (size_t i = 0; i < l.page.n; i++)
        write_report(j, &l.page.items[i], call->mem);
    api_page_end(j, l.page.next, l.page.matched);
    api_json_end(call, 200);
    return RC_OK;
}

enum rc api_reports_review(struct api_call *call, struct err *err)
{
    json_t *body;
    struct uuid id;
    struct str state = STR_NONE, note = STR_NONE;
    TRY(api_id(call->segments[0], &id, err));
    TRY(api_body(call, &body, err));
    enum rc rc = json_in_str(body, "", "state", JSON_REQUIRED, STATE_MAX, &state, err);
    if (rc == RC_OK)
        rc = json_in_str(body, "", "note", JSON_OPTIONAL, (size_t)REPORT_NOTE_MAX * 4, &note, err);
    if (rc == RC_OK)
        rc = report_review(call->app->store, call->app->vault, &call->viewer, id, state, note, err);
    if (rc == RC_OK) {
        struct json_out *j = api_json_begin(call);
        json_begin_object(j);
        json_put_str(j, "id", uuid_format(call->mem, id));
        json_put_str(j, "state", state);
        json_end_object(j);
        api_json_end(call, 200);
    }
    json_decref(body);
    return rc;
}
