/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Warnings: the list, the two decisions, the CAP document and the feed. A person decides (I5), and is named.
 */
#include "alerts/alerts.h"

#include <string.h>

#include "api/api_int.h"
#include "wire/json_in.h"

enum { DEFAULT_LIMIT = 50, SCOPE_MAX = 16, ADDRESSES_MAX = WARNING_ADDRESSES_MAX };

static struct policy_object object_of(const struct warning *w)
{
    return (struct policy_object){.kind = POLICY_WARNING,
                                  .is_approved = str_is_equal(w->state, STR("approved")),
                                  .is_scope_public = str_is_equal(w->scope, STR("Public"))};
}

static bool write_one(struct json_out *j, const struct api_call *call, const struct warning *w)
{
    struct policy_object object = object_of(w);
    enum view view = policy_view(&call->viewer, &object);
    if (view != VIEW_DENIED)
        warning_json(j, w, view, str_of(call->server->url));
    return view != VIEW_DENIED;
}

struct reading {
    struct api_call *call;
    struct str key, cursor, state; /* key: of one */
    size_t limit;
    struct warning_page page;
    struct warning one;
    struct str text;
};

static enum rc read_page(struct store_tx *tx, void *ctx, struct err *err)
{
    struct reading *r = ctx;
    return warnings_list(tx, &r->call->viewer, r->state, r->cursor, r->limit, r->call->mem, &r->page, err);
}

static enum rc read_one(struct store_tx *tx, void *ctx, struct err *err)
{
    struct reading *r = ctx;
    return warnings_find(tx, &r->call->viewer, r->key, r->call->mem, &r->one, err);
}

static enum rc read_document(struct store_tx *tx, void *ctx, struct err *err)
{
    struct reading *r = ctx;
    return warnings_document(tx, &r->call->viewer, r->key, r->call->mem, &r->text, err);
}

static enum rc read_feed(struct store_tx *tx, void *ctx, struct err *err)
{
    struct reading *r = ctx;
    return warnings_feed(tx, str_of(r->call->server->url), str_of(r->call->server->sender), r->call->mem, &r->text,
                         err);
}

enum rc api_warnings_list(struct api_call *call, struct err *err)
{
    struct reading r = {.call = call};
    TRY(API_KNOWN(call, err, "state", "limit", "cursor"));
    TRY(api_limit(call, DEFAULT_LIMIT, WARNINGS_PAGE_MAX, &r.limit, err));
    r.state = http_query_or_empty(call->req, "state");
    r.cursor = http_query_or_empty(call->req, "cursor");
    TRY(store_read(call->app->store, read_page, &r, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_key(j, "warnings");
    json_begin_array(j);
    for (size_t i = 0; i < r.page.n; i++)
        write_one(j, call, &r.page.items[i]);
    api_page_end(j, r.page.next, r.page.matched);
    api_json_end(call, 200);
    return RC_OK;
}

/* As it stands after a decision. */
static enum rc answer_one(struct api_call *call, struct err *err)
{
    struct reading r = {.call = call, .key = call->segments[0]};
    TRY(store_read(call->app->store, read_one, &r, err));
    struct json_out *j = api_json_begin(call);
    if (!write_one(j, call, &r.one))
        return err_set(err, RC_NOT_FOUND, "There is nothing under this address.");
    api_json_end(call, 200);
    return RC_OK;
}

typedef enum rc (*decide_fn)(struct store *st, const struct viewer *viewer, struct str id_or_code,
                             const struct warning_decision *d, struct err *err);

static enum rc decide(struct api_call *call, decide_fn fn, enum json_need scope, enum json_need reason, struct err *err)
{
    json_t *body;
    struct warning_decision d = {
        .account = call->session.name, .sender = str_of(call->server->sender), .base_url = str_of(call->server->url)};
    TRY(api_body(call, &body, err));
    enum rc rc = json_in_str(body, "", "scope", scope, SCOPE_MAX, &d.scope, err);
    if (rc == RC_OK)
        rc = json_in_str(body, "", "addresses", JSON_OPTIONAL, ADDRESSES_MAX, &d.addresses, err);
    if (rc == RC_OK)
        rc = json_in_str(body, "", "reason", reason, WARNING_REASON_MAX, &d.reason, err);
    if (rc == RC_OK)
        rc = fn(call->app->store, &call->viewer, call->segments[0], &d, err);
    json_decref(body);
    TRY(rc);
    return answer_one(call, err);
}

enum rc api_warnings_approve(struct api_call *call, struct err *err)
{
    return decide(call, warnings_approve, JSON_REQUIRED, JSON_OPTIONAL, err);
}

enum rc api_warnings_reject(struct api_call *call, struct err *err)
{
    return decide(call, warnings_reject, JSON_OPTIONAL, JSON_REQUIRED, err);
}

enum rc api_cap_get(struct api_call *call, struct err *err)
{
    struct reading r = {.call = call, .key = call->segments[0]};
    TRY(store_read(call->app->store, read_document, &r, err));
    http_answer(call->res, 200, "application/cap+xml; charset=utf-8", r.text);
    call->res->cache = call->viewer.role == ROLE_PUBLIC ? "no-cache" : NULL;
    return RC_OK;
}

enum rc api_feed_atom(struct api_call *call, struct err *err)
{
    struct reading r = {.call = call};
    TRY(store_read(call->app->store, read_feed, &r, err));
    http_answer(call->res, 200, "application/atom+xml; charset=utf-8", r.text);
    call->res->cache = "no-cache";
    return RC_OK;
}
