/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * GET /healthz (the store answers a read), /metrics, /openapi.json.
 */
#include "api/api_int.h"
#include "base/asset.h"

static enum rc read_one(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql ONE = {.common = "SELECT 1"};
    return store_get_int(tx, &ONE, NULL, 0, ctx, err);
}

enum rc api_healthz(struct api_call *call, struct err *err)
{
    int64_t one = 0;
    TRY(store_read(call->app->store, read_one, &one, err));
    ENSURE(one == 1);
    http_answer(call->res, 200, "application/json", STR("{\"status\":\"ok\"}"));
    return RC_OK;
}

enum rc api_metrics_get(struct api_call *call, struct err *err)
{
    struct api_server *s = call->server;
    struct metrics_gauges g = {store_stats(call->app->store), call->req->waiting};
    (void)err;
    metrics_write(&s->metrics, s->route_names, api_routes_count(), &g, &call->buf);
    http_answer_buf(call->res, 200, "text/plain; version=0.0.4; charset=utf-8", &call->buf);
    return RC_OK;
}

enum rc api_openapi(struct api_call *call, struct err *err)
{
    const struct asset *a = asset_find(STR("data/openapi.json"));
    if (!a)
        return err_set(err, RC_NOT_FOUND, "this build holds no API description");
    http_answer(call->res, 200, "application/json", (struct str){(const char *)a->p, a->n});
    call->res->gzip = (struct str){(const char *)a->gzip, a->gzip_n};
    call->res->etag = str_of(a->etag);
    call->res->cache = "public, max-age=300";
    return RC_OK;
}
