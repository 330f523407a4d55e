/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * POST /api/v1/sites/{id}/hide, /api/v1/sites/{id}/visibility; GET /api/v1/visibility/reviews and their decision;
 * GET /api/v1/countries, POST /api/v1/countries/{iso2}. An answer is given when every outlet of this process shows it.
 */
#include "sites/visibility.h"

#include "api/api_int.h"
#include "wire/json_in.h"

enum { REVIEWS_DEFAULT = 50, WORD_MAX = 20 };

static const char *const WORDS[] = {
    [VISIBILITY_PUBLIC] = "public", [VISIBILITY_COARSE] = "coarse", [VISIBILITY_HIDDEN] = "hidden"};

enum rc api_sites_settled(struct api_call *call, struct err *err)
{
    const struct app *a = call->app;
    tile_rooms_forget(call->server->tiles); /* incidents of hidden sites are in there */
    return a->sites_changed ? a->sites_changed(a->sites_changed_ctx, err) : RC_OK;
}

static void put_level(struct json_out *j, enum visibility v, int64_t coarse_m)
{
    json_put_str(j, "visibility", str_of(WORDS[v]));
    json_key(j, "precision_m");
    if (v == VISIBILITY_COARSE && coarse_m)
        json_i64(j, coarse_m);
    else
        json_nil(j);
}

void api_put_visibility(struct json_out *j, const struct site *s)
{
    put_level(j, s->visibility, s->coarse_m);
    json_put_bool(j, "country_published", !s->is_country_closed);
}

static void put_id(struct json_out *j, const char *key, struct uuid id, struct arena *mem)
{
    json_key(j, key);
    if (uuid_is_nil(id))
        json_nil(j);
    else
        json_str(j, uuid_format(mem, id));
}

/* ---- one site ---- */

static enum rc set(struct api_call *call, struct visibility_change *c, struct err *err)
{
    struct site *site;
    struct visibility_done done;
    TRY(sites_find(call->app->store, call->segments[0], &call->viewer, call->mem, &site, err));
    c->site = site->id;
    TRY(visibility_set(call->app->store, c, &call->viewer, &done, err));
    if (done.is_changed)
        TRY(api_sites_settled(call, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    put_id(j, "id", site->public_id, call->mem);
    put_level(j, done.after, done.coarse_m);
    json_put_bool(j, "changed", done.is_changed);
    put_id(j, "review", done.review, call->mem);
    json_end_object(j);
    api_json_end(call, 200);
    return RC_OK;
}

enum rc api_sites_hide(struct api_call *call, struct err *err)
{
    json_t *body;
    struct visibility_change c = {.to = VISIBILITY_HIDDEN};
    TRY(api_body(call, &body, err));
    enum rc rc = json_in_str(body, "", "reason", JSON_REQUIRED, SITES_REASON_MAX, &c.reason, err);
    if (rc == RC_OK)
        rc = set(call, &c, err);
    json_decref(body);
    return rc;
}

static enum rc read_level(const json_t *body, struct visibility_change *c, struct err *err)
{
    struct str word;
    TRY(json_in_str(body, "", "visibility", JSON_REQUIRED, WORD_MAX, &word, err));
    TRY(json_in_i64(body, "", "precision_m", JSON_OPTIONAL, &c->coarse_m, err));
    TRY(json_in_str(body, "", "reason", JSON_REQUIRED, SITES_REASON_MAX, &c->reason, err));
    for (int v = 0; v < 3; v++)
        if (str_is_equal(word, str_of(WORDS[v]))) {
            c->to = (enum visibility)v;
            return RC_OK;
        }
    return err_set(err, RC_INVALID, "visibility: public, coarse or hidden");
}

enum rc api_sites_visibility(struct api_call *call, struct err *err)
{
    json_t *body;
    struct visibility_change c = {0};
    TRY(api_body(call, &body, err));
    enum rc rc = read_level(body, &c, err);
    if (rc == RC_OK)
        rc = set(call, &c, err);
    json_decref(body);
    return rc;
}

/* ---- reviews ---- */

static void put_account(struct json_out *j, const char *key, struct uuid id, struct api_call *call)
{
    struct account a;
    struct err quiet;
    bool found =
        !uuid_is_nil(id) && people_find_account(call->app->people, &VIEWER_SYSTEM, id, call->mem, &a, &quiet) == RC_OK;
    json_key(j, key);
    if (found)
        json_str(j, a.name);
    else
        json_nil(j);
}

static enum rc put_site(struct json_out *j, const char *key, struct uuid id, struct api_call *call, struct err *err)
{
    struct site *site = NULL;
    enum rc rc =
        uuid_is_nil(id) ? RC_NOT_FOUND : sites_find_id(call->app->store, id, &call->viewer, call->mem, &site, err);
    enum view view = rc == RC_OK ? sites_view(&call->viewer, site) : VIEW_DENIED;
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    json_key(j, key);
    if (view == VIEW_DENIED)
        json_nil(j);
    else
        sites_json(j, site, view);
    return RC_OK;
}

static void put_time(struct json_out *j, const char *key, struct instant at, struct arena *mem)
{
    json_key(j, key);
    if (at.us)
        json_str(j, instant_format_s(mem, at));
    else
        json_nil(j);
}

static enum rc put_review(struct json_out *j, const struct visibility_review *r, struct api_call *call, struct err *err)
{
    json_begin_object(j);
    put_id(j, "id", r->id, call->mem);
    json_put_str(j, "why", r->why);
    json_put_str(j, "state", r->state);
    put_level(j, r->visibility, r->coarse_m);
    json_key(j, "before");
    json_begin_object(j);
    put_level(j, r->back, r->back_coarse_m);
    json_end_object(j);
    put_account(j, "asked_by", r->asked_by, call);
    json_put_str(j, "asked_reason", r->asked_reason);
    put_time(j, "opened", r->opened, call->mem);
    put_account(j, "decided_by", r->decided_by, call);
    put_time(j, "decided", r->decided, call->mem);
    json_put_str(j, "reason", r->reason);
    TRY(put_site(j, "site", r->site, call, err));
    TRY(put_site(j, "like", r->like_site, call, err));
    json_end_object(j);
    return RC_OK;
}

enum rc api_visibility_reviews(struct api_call *call, struct err *err)
{
    struct visibility_page page;
    size_t limit;
    TRY(API_KNOWN(call, err, "state", "limit", "cursor"));
    TRY(api_limit(call, REVIEWS_DEFAULT, VISIBILITY_PAGE_MAX, &limit, err));
    TRY(visibility_reviews(call->app->store, &call->viewer, http_query_or_empty(call->req, "state"),
                           http_query_or_empty(call->req, "cursor"), limit, call->mem, &page, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_key(j, "reviews");
    json_begin_array(j);
    for (size_t i = 0; i < page.n; i++)
        TRY(put_review(j, &page.items[i], call, err));
    api_page_end(j, page.next, -1);
    api_json_end(call, 200);
    return RC_OK;
}

static enum rc decide(struct api_call *call, const json_t *body, struct err *err)
{
    struct visibility_verdict v = {.keep = true};
    struct uuid site;
    TRY(api_id(call->segments[0], &v.review, err));
    TRY(json_in_bool(body, "", "keep", JSON_REQUIRED, &v.keep, err));
    TRY(json_in_str(body, "", "reason", JSON_REQUIRED, SITES_REASON_MAX, &v.reason, err));
    TRY(visibility_decide(call->app->store, &v, &call->viewer, &site, err));
    if (!v.keep)
        TRY(api_sites_settled(call, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    put_id(j, "id", v.review, call->mem);
    json_put_str(j, "state", v.keep ? STR("kept") : STR("reverted"));
    json_end_object(j);
    api_json_end(call, 200);
    return RC_OK;
}

enum rc api_visibility_decide(struct api_call *call, struct err *err)
{
    json_t *body;
    TRY(api_body(call, &body, err));
    enum rc rc = decide(call, body, err);
    json_decref(body);
    return rc;
}

/* ---- countries ---- */

enum rc api_countries_list(struct api_call *call, struct err *err)
{
    struct country_closed *closed;
    size_t n;
    TRY(api_known_params(call, NULL, 0, err));
    TRY(countries_closed(call->app->store, &call->viewer, call->mem, &closed, &n, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_key(j, "unpublished");
    json_begin_array(j);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(j);
        json_put_str(j, "country", closed[i].iso2);
        json_put_str(j, "reason", closed[i].reason);
        put_time(j, "since", closed[i].since, call->mem);
        put_account(j, "by", closed[i].actor, call);
        json_put_i64(j, "sites", closed[i].sites);
        json_end_object(j);
    }
    json_end_array(j);
    json_end_object(j);
    api_json_end(call, 200);
    return RC_OK;
}

static enum rc throw_switch(struct api_call *call, const json_t *body, struct err *err)
{
    struct country_change c = {.iso2 = call->segments[0]};
    bool changed;
    TRY(json_in_bool(body, "", "published", JSON_REQUIRED, &c.publish, err));
    TRY(json_in_str(body, "", "reason", JSON_REQUIRED, SITES_REASON_MAX, &c.reason, err));
    TRY(country_set(call->app->store, &c, &call->viewer, &changed, err));
    if (changed)
        TRY(api_sites_settled(call, err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_put_str(j, "country", c.iso2);
    json_put_bool(j, "published", c.publish);
    json_put_bool(j, "changed", changed);
    json_end_object(j);
    api_json_end(call, 200);
    return RC_OK;
}

enum rc api_countries_set(struct api_call *call, struct err *err)
{
    json_t *body;
    TRY(api_body(call, &body, err));
    enum rc rc = throw_switch(call, body, err);
    json_decref(body);
    return rc;
}
