/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * GET /api/v1/incidents, /api/v1/incidents/{id}
 */
#include "incidents/incidents.h"

#include "api/api_int.h"

enum { DEFAULT_LIMIT = 50 };

struct listing {
    struct api_call *call;
    struct incident_filter filter;
    struct str cursor;
    size_t limit;
    struct incident_page page;
};

static enum rc read_page(struct store_tx *tx, void *ctx, struct err *err)
{
    struct listing *l = ctx;
    return incidents_list(tx, &l->call->viewer, &l->filter, l->cursor, l->limit, l->call->mem, &l->page, err);
}

static enum rc read_filter(struct api_call *call, struct listing *l, struct err *err)
{
    struct incident_filter *f = &l->filter;
    TRY(API_KNOWN(call, err, "bbox", "since", "until", "type", "context", "verified", "limit", "cursor"));
    TRY(api_box(call, &f->has_box, &f->box, err));
    TRY(api_day(call, "since", &f->from_day, err));
    TRY(api_day(call, "until", &f->to_day, err));
    if (f->from_day && !f->to_day)
        f->to_day = INT32_MAX;
    if (f->to_day && !f->from_day)
        f->from_day = INT32_MIN;
    TRY(api_flag(call, "context", &f->context, err));
    TRY(api_flag(call, "verified", &f->only_verified, err));
    TRY(api_limit(call, DEFAULT_LIMIT, INCIDENTS_PAGE_MAX, &l->limit, err));
    f->type = http_query_or_empty(call->req, "type");
    l->cursor = http_query_or_empty(call->req, "cursor");
    return RC_OK;
}

enum rc api_incidents_list(struct api_call *call, struct err *err)
{
    struct listing l = {.call = call};
    TRY(read_filter(call, &l, err));
    TRY(store_read(call->app->store, read_page, &l, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_key(j, "incidents");
    json_begin_array(j);
    for (size_t i = 0; i < l.page.n; i++) {
        struct policy_object object = incident_policy_object(&l.page.items[i]);
        enum view view = policy_view(&call->viewer, &object);
        if (view != VIEW_DENIED)
            incident_json(j, &l.page.items[i], view);
    }
    api_page_end(j, l.page.next, l.page.matched);
    api_json_end(call, 200);
    return RC_OK;
}

struct finding {
    struct api_call *call;
    struct uuid id;
    struct incident found;
};

static enum rc read_one(struct store_tx *tx, void *ctx, struct err *err)
{
    struct finding *f = ctx;
    return incidents_find(tx, &f->call->viewer, f->id, f->call->mem, &f->found, err);
}

enum rc api_incidents_get(struct api_call *call, struct err *err)
{
    struct finding f = {.call = call};
    TRY(api_known_params(call, NULL, 0, err));
    TRY(api_id(call->segments[0], &f.id, err));
    enum rc rc = store_read(call->app->store, read_one, &f, err);
    if (rc == RC_NOT_FOUND) /* none, or none that this viewer may know of: the same words */
        return err_set(err, RC_NOT_FOUND, "There is nothing under this address.");
    TRY(rc);
    struct policy_object object = incident_policy_object(&f.found);
    enum view view = policy_view(&call->viewer, &object);
    if (view == VIEW_DENIED)
        return err_set(err, RC_NOT_FOUND, "There is nothing under this address.");
    incident_json(api_json_begin(call), &f.found, view);
    api_json_end(call, 200);
    return RC_OK;
}
