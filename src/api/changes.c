/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * GET /api/v1/changes: what a copy of the public registry must take over. The same for everyone (D1-D3 of changes.h).
 */
#include "sites/changes.h"

#include "api/api_int.h"

enum { DEFAULT_LIMIT = 500 };

static void write_page(struct api_call *call, const struct changes_page *p)
{
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_put_i64(j, "seq", p->seq);
    json_put_bool(j, "reset", p->is_reset);
    json_key(j, "sites");
    json_begin_array(j);
    for (size_t i = 0; i < p->sites_n; i++)
        sites_json(j, &p->sites[i], p->sites[i].is_coarse ? VIEW_COARSE : VIEW_FULL);
    json_end_array(j);
    json_key(j, "removed");
    json_begin_array(j);
    for (size_t i = 0; i < p->removed_n; i++)
        json_str(j, uuid_format(call->mem, p->removed[i]));
    api_page_end(j, p->next, -1);
    api_json_end(call, 200);
}

enum rc api_changes(struct api_call *call, struct err *err)
{
    struct changes_page page;
    struct str said;
    int64_t since;
    size_t limit;
    TRY(API_KNOWN(call, err, "since", "limit", "cursor"));
    if (!http_query(call->req, "since", &said) || !str_parse_i64(said, &since) || since < 0)
        return err_set(err, RC_INVALID, "since: the number \"seq\" of an earlier answer, or 0 to begin");
    TRY(api_limit(call, DEFAULT_LIMIT, CHANGES_LIMIT_MAX, &limit, err));
    TRY(changes_since(call->app->store, since, http_query_or_empty(call->req, "cursor"), limit, call->mem, &page, err));
    write_page(call, &page);
    return RC_OK;
}
