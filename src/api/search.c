/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * GET /api/v1/search
 */
#include "sites/search.h"

#include "api/api_int.h"

enum { SEARCH_DEFAULT = 10 };

static enum rc options_read(struct api_call *call, struct search_options *o, struct err *err)
{
    struct str said;
    bool has_lat = http_query(call->req, "lat", &said), has_lon = http_query(call->req, "lon", &said);
    TRY(api_limit(call, SEARCH_DEFAULT, SEARCH_LIMIT_MAX, &o->limit, err));
    o->religion = http_query_or_empty(call->req, "religion");
    o->kind = http_query_or_empty(call->req, "kind");
    o->lang = http_query_or_empty(call->req, "lang");
    o->viewer = &call->viewer;
    o->has_near = has_lat || has_lon;
    if (!o->has_near)
        return RC_OK;
    double lat, lon;
    TRY(api_number(call, "lat", &lat, err));
    TRY(api_number(call, "lon", &lon, err));
    return geo_point_make(lat, lon, &o->near, err);
}

enum rc api_search(struct api_call *call, struct err *err)
{
    enum { SCORE_DECIMALS = 3 };
    struct search_options o = {0};
    struct search_hit *hits;
    size_t n;
    TRY(API_KNOWN(call, err, "q", "lat", "lon", "lang", "religion", "kind", "limit"));
    TRY(options_read(call, &o, err));
    if (!call->app->search)
        return err_set(err, RC_BUSY, "The index of the search is being built; try again in a moment.");
    TRY(search_query(call->app->search, call->app->store, http_query_or_empty(call->req, "q"), &o, call->mem, &hits, &n,
                     err));
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_key(j, "hits");
    json_begin_array(j);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(j);
        sites_json_members(j, &hits[i].site, hits[i].view);
        json_put_str(j, "matched", hits[i].matched);
        json_put_f64(j, "score", hits[i].score, SCORE_DECIMALS);
        json_end_object(j);
    }
    json_end_array(j);
    json_end_object(j);
    api_json_end(call, 200);
    return RC_OK;
}
