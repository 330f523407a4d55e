/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Suggestions: sending one and asking its state need no account, no cookie and no token; the queue and the decision do.
 * What was sent is never logged, and a receipt stands in bodies only, never in an address.
 */
#include "sites/suggest.h"

#include "api/api_int.h"
#include "wire/json_in.h"

enum { DEFAULT_LIMIT = 50, RECEIPT_MAX = 64, BYTES_PER_CHARACTER = 4 };

static enum rc read_names(const json_t *changes, struct arena *mem, struct suggestion_draft *d, struct err *err)
{
    json_t *names = NULL, *text;
    const char *lang;
    TRY(json_in_sub(changes, "/changes", "names", JSON_OPTIONAL, &names, err));
    if (!names)
        return RC_OK;
    if (json_object_size(names) > SUGGEST_NAMES_MAX)
        return err_set(err, RC_TOO_LARGE, "/changes/names: over %d names", SUGGEST_NAMES_MAX);
    struct site_name *all = ARENA_NEW_N(mem, struct site_name, json_object_size(names) + 1);
    json_object_foreach(names, lang, text)
    {
        if (!json_is_string(text))
            return err_set(err, RC_INVALID, "/changes/names: a name must be a text");
        all[d->names_n++] = (struct site_name){str_of(lang), {json_string_value(text), json_string_length(text)}};
    }
    d->names = all;
    return RC_OK;
}

/* A typing error must not silently be no change. */
static enum rc check_members(const json_t *object, const char *at, const char *const *known, size_t n, struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t i = 0;
        while (i < n && !str_is_equal(str_of(key), str_of(known[i])))
            i++;
        if (i == n)
            return err_set(err, RC_INVALID, "%s/" STR_FMT ": there is no such member", at,
                           STR_ARG(str_clip(str_of(key), 40)));
    }
    return RC_OK;
}

static enum rc read_changes(const json_t *body, struct arena *mem, struct suggestion_draft *d, struct err *err)
{
    static const char *const KNOWN[] = {"names", "religion", "denomination",  "kind", "status",
                                        "note",  "closed",   "not_religious", "hide"};
    static const char AT[] = "/changes";
    json_t *c = NULL;
    TRY(json_in_sub(body, "", "changes", JSON_OPTIONAL, &c, err));
    if (!c)
        return RC_OK;
    TRY(check_members(c, AT, KNOWN, sizeof KNOWN / sizeof *KNOWN, err));
    TRY(read_names(c, mem, d, err));
    TRY(json_in_str(c, AT, "religion", JSON_OPTIONAL, 64, &d->religion, err));
    TRY(json_in_str(c, AT, "kind", JSON_OPTIONAL, 64, &d->kind, err));
    TRY(json_in_str(c, AT, "status", JSON_OPTIONAL, 64, &d->status, err));
    TRY(json_in_str(c, AT, "denomination", JSON_OPTIONAL, SUGGEST_DENOMINATION_MAX * BYTES_PER_CHARACTER,
                    &d->denomination, err));
    TRY(json_in_str(c, AT, "note", JSON_OPTIONAL, SUGGEST_NOTE_MAX * BYTES_PER_CHARACTER, &d->note, err));
    TRY(json_in_bool(c, AT, "closed", JSON_OPTIONAL, &d->is_closed, err));
    TRY(json_in_bool(c, AT, "not_religious", JSON_OPTIONAL, &d->is_not_religious, err));
    return json_in_bool(c, AT, "hide", JSON_OPTIONAL, &d->wants_hidden, err);
}

static enum rc draft_of(const json_t *body, struct arena *mem, struct suggestion_draft *d, struct err *err)
{
    static const char *const KNOWN[] = {"site", "changes", "text", "lat", "lon", "licence", "proof"};
    struct str licence = STR(SUGGEST_LICENCE);
    TRY(check_members(body, "", KNOWN, sizeof KNOWN / sizeof *KNOWN, err));
    TRY(json_in_str(body, "", "licence", JSON_OPTIONAL, 64, &licence, err));
    if (!str_is_equal(licence, STR(SUGGEST_LICENCE)))
        return err_set(err, RC_INVALID, "/licence: what is suggested is given as " SUGGEST_LICENCE);
    TRY(json_in_str(body, "", "site", JSON_OPTIONAL, SUGGEST_SITE_MAX, &d->site, err));
    TRY(json_in_str(body, "", "text", JSON_OPTIONAL, SUGGEST_TEXT_MAX * BYTES_PER_CHARACTER, &d->text, err));
    TRY(api_read_place(body, &d->lat_deg, &d->lon_deg, &d->has_place, err));
    return read_changes(body, mem, d, err);
}

static enum rc receive(struct api_call *call, const json_t *body, struct str *receipt, struct err *err)
{
    struct suggestion_draft draft = {0};
    uint8_t key[API_KEY_BYTES];
    bool has_key;
    TRY(api_sending_key(call, key, &has_key, err));
    TRY(draft_of(body, call->mem, &draft, err));
    return suggest_receive(call->app->store, call->app->vault, &draft, call->server->words, has_key ? key : NULL,
                           call->mem, receipt, err);
}

enum rc api_suggestions_post(struct api_call *call, struct err *err)
{
    json_t *body;
    struct str receipt;
    TRY(api_body(call, &body, err));
    if (api_wants_proof(call, body, "suggestion")) {
        json_decref(body);
        return RC_OK;
    }
    enum rc rc = receive(call, body, &receipt, err);
    json_decref(body);
    TRY(rc);
    api_send_receipt(call, receipt);
    return RC_OK;
}

enum rc api_suggestions_status(struct api_call *call, struct err *err)
{
    json_t *body;
    struct str receipt = STR_NONE;
    struct suggestion_status status;
    TRY(api_body(call, &body, err));
    enum rc rc = json_in_str(body, "", "receipt", JSON_REQUIRED, RECEIPT_MAX, &receipt, err);
    if (rc == RC_OK)
        rc = suggest_status(call->app->store, call->app->vault, receipt, call->mem, &status, err);
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

/* ---- the queue ---- */

struct listing {
    struct api_call *call;
    struct str state, cursor;
    size_t limit;
    struct suggestion_page page;
};

static enum rc read_page(struct store_tx *tx, void *ctx, struct err *err)
{
    struct listing *l = ctx;
    return suggest_list(tx, l->call->app->vault, &l->call->viewer, l->state, l->cursor, l->limit, l->call->mem,
                        &l->page, err);
}

static void write_changes(struct json_out *j, const struct suggestion_draft *d)
{
    json_key(j, "changes");
    json_begin_object(j);
    json_key(j, "names");
    json_begin_object(j);
    for (size_t i = 0; i < d->names_n; i++) {
        json_key_str(j, d->names[i].lang);
        json_str(j, d->names[i].text);
    }
    json_end_object(j);
    json_put_str_opt(j, "religion", d->religion);
    json_put_str_opt(j, "kind", d->kind);
    json_put_str_opt(j, "denomination", d->denomination);
    json_put_str_opt(j, "status", d->status);
    json_put_str_opt(j, "note", d->note);
    json_put_bool(j, "closed", d->is_closed);
    json_put_bool(j, "not_religious", d->is_not_religious);
    json_put_bool(j, "hide", d->wants_hidden);
    json_end_object(j);
}

/* The site it speaks of as this reviewer may see it now; null when it is not there, or not for them. */
static enum rc write_site(struct json_out *j, struct api_call *call, struct str id, struct err *err)
{
    struct site *site;
    enum view view = VIEW_DENIED;
    enum rc rc = id.n ? sites_find(call->app->store, id, &call->viewer, call->mem, &site, err) : RC_NOT_FOUND;
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    if (rc == RC_OK)
        view = sites_view(&call->viewer, site);
    json_key(j, "site");
    if (view == VIEW_DENIED)
        json_nil(j);
    else
        sites_json(j, site, view);
    return RC_OK;
}

static enum rc write_suggestion(struct json_out *j, struct api_call *call, const struct suggestion *s, struct err *err)
{
    const struct suggestion_draft *d = &s->draft;
    json_begin_object(j);
    json_put_str(j, "id", uuid_format(call->mem, s->public_id));
    json_put_str(j, "state", s->state);
    json_put_bool(j, "urgent", s->is_urgent);
    json_put_str(j, "received", instant_format_s(call->mem, s->received));
    json_put_str(j, "updated", instant_format_s(call->mem, s->updated));
    json_put_bool(j, "erased", s->is_erased);
    if (!s->is_erased) {
        json_put_bool(j, "missing", d->site.n == 0);
        json_put_str_opt(j, "site_id", d->site);
        TRY(write_site(j, call, d->site, err));
        write_changes(j, d);
        if (d->has_place) {
            json_put_f64(j, "lat", d->lat_deg, 7);
            json_put_f64(j, "lon", d->lon_deg, 7);
        }
        json_put_str_opt(j, "text", d->text);
    }
    json_end_object(j);
    return RC_OK;
}

enum rc api_suggestions_list(struct api_call *call, struct err *err)
{
    static const char *const STATES[] = {"", "received", "accepted", "rejected"};
    struct listing l = {.call = call};
    bool is_known = false;
    TRY(API_KNOWN(call, err, "state", "limit", "cursor"));
    TRY(api_limit(call, DEFAULT_LIMIT, SUGGEST_PAGE_MAX, &l.limit, err));
    l.state = http_query_or_empty(call->req, "state");
    l.cursor = http_query_or_empty(call->req, "cursor");
    for (size_t i = 0; i < sizeof STATES / sizeof *STATES; i++)
        is_known = is_known || str_is_equal(l.state, str_of(STATES[i]));
    if (!is_known)
        return err_set(err, RC_INVALID, "state: received, accepted or rejected");
    TRY(store_read(call->app->store, read_page, &l, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_key(j, "suggestions");
    json_begin_array(j);
    for (size_t i = 0; i < l.page.n; i++)
        TRY(write_suggestion(j, call, &l.page.items[i], err));
    api_page_end(j, l.page.next, l.page.matched);
    api_json_end(call, 200);
    return RC_OK;
}

static enum rc decide(struct api_call *call, const json_t *body, struct uuid id, bool *accept, struct uuid *site,
                      struct err *err)
{
    struct suggestion_decision d = {.reason = STR_NONE};
    const json_t *said = json_object_get(body, "accept");
    if (!said)
        return err_set(err, RC_INVALID, "/accept: missing");
    TRY(json_in_bool(body, "", "accept", JSON_REQUIRED, &d.accept, err));
    TRY(json_in_str(body, "", "reason", JSON_OPTIONAL, SUGGEST_REASON_MAX, &d.reason, err));
    *accept = d.accept;
    return suggest_decide(call->app->store, call->app->vault, &call->viewer, id, &d, site, err);
}

enum rc api_suggestions_decide(struct api_call *call, struct err *err)
{
    json_t *body;
    struct uuid id, site = {{0}};
    bool accept = false;
    TRY(api_id(call->segments[0], &id, err));
    TRY(api_body(call, &body, err));
    enum rc rc = decide(call, body, id, &accept, &site, err);
    json_decref(body);
    TRY(rc);
    if (accept) /* it may hide a site */
        TRY(api_sites_settled(call, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_put_str(j, "id", uuid_format(call->mem, id));
    json_put_str(j, "state", accept ? STR("accepted") : STR("rejected"));
    json_key(j, "site");
    if (uuid_is_nil(site))
        json_nil(j);
    else
        json_str(j, uuid_format(call->mem, site));
    json_end_object(j);
    api_json_end(call, 200);
    return RC_OK;
}
