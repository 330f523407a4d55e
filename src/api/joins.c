/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * GET /api/v1/joins: pairs of records that may be one site, both side by side. POST .../{id}/decide and .../{id}/undo: what
 * a reviewer says of them.
 */
#include "sites/join.h"

#include "api/api_int.h"
#include "wire/json_in.h"

enum { JOINS_DEFAULT = 20 };

enum rc api_joins_list(struct api_call *call, struct err *err)
{
    struct joins_page page;
    size_t limit;
    bool shown;
    TRY(API_KNOWN(call, err, "state", "limit", "cursor"));
    TRY(api_limit(call, JOINS_DEFAULT, JOINS_PAGE_MAX, &limit, err));
    struct str state = http_query_or_empty(call->req, "state");
    TRY(joins_list(call->app->store, &call->viewer, str_is_empty(state) ? STR("open") : state,
                   http_query_or_empty(call->req, "cursor"), limit, call->mem, &page, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_key(j, "joins");
    json_begin_array(j);
    for (size_t i = 0; i < page.n; i++)
        TRY(joins_pair_json(j, call->app->store, &call->viewer, &page.items[i], call->mem, &shown, err));
    api_page_end(j, page.next, -1);
    api_json_end(call, 200);
    return RC_OK;
}

/* As it stands after the decision, once every outlet of this process shows it. */
static enum rc answer(struct api_call *call, struct uuid id, struct err *err)
{
    struct join_pair pair;
    bool shown;
    TRY(api_sites_settled(call, err));
    TRY(joins_find(call->app->store, &call->viewer, id, call->mem, &pair, err));
    struct json_out *j = api_json_begin(call);
    TRY(joins_pair_json(j, call->app->store, &call->viewer, &pair, call->mem, &shown, err));
    if (!shown)
        return err_set(err, RC_NOT_FOUND, "There is nothing under this address.");
    api_json_end(call, 200);
    return RC_OK;
}

/* Only a pair whose two sites this viewer may know of. */
static enum rc may_decide(struct api_call *call, struct uuid id, struct err *err)
{
    struct join_pair pair;
    struct json_out j;
    struct buf b;
    bool shown = false;
    buf_init(&b, 0);
    json_out_init(&j, &b);
    enum rc rc = joins_find(call->app->store, &call->viewer, id, call->mem, &pair, err);
    if (rc == RC_OK)
        rc = joins_pair_json(&j, call->app->store, &call->viewer, &pair, call->mem, &shown, err);
    buf_fini(&b);
    if (rc == RC_OK && !shown)
        rc = err_set(err, RC_NOT_FOUND, "There is nothing under this address.");
    return rc;
}

enum rc api_joins_decide(struct api_call *call, struct err *err)
{
    json_t *body;
    struct uuid id;
    struct str reason = STR_NONE;
    bool same = false;
    TRY(api_id(call->segments[0], &id, err));
    TRY(may_decide(call, id, err));
    TRY(api_body(call, &body, err));
    enum rc rc = json_in_bool(body, "", "same", JSON_REQUIRED, &same, err);
    if (rc == RC_OK)
        rc = json_in_str(body, "", "reason", same ? JSON_OPTIONAL : JSON_REQUIRED, JOIN_REASON_MAX, &reason, err);
    if (rc == RC_OK)
        rc = joins_decide(call->app->store, &call->viewer, id, same, reason, err);
    json_decref(body);
    TRY(rc);
    TRY(api_sites_settled(call, err));
    return answer(call, id, err);
}

enum rc api_joins_undo(struct api_call *call, struct err *err)
{
    json_t *body;
    struct uuid id;
    struct str reason;
    TRY(api_id(call->segments[0], &id, err));
    TRY(may_decide(call, id, err));
    TRY(api_body(call, &body, err));
    enum rc rc = json_in_str(body, "", "reason", JSON_REQUIRED, JOIN_REASON_MAX, &reason, err);
    if (rc == RC_OK)
        rc = joins_undo(call->app->store, &call->viewer, id, reason, err);
    json_decref(body);
    TRY(rc);
    TRY(api_sites_settled(call, err));
    return answer(call, id, err);
}
