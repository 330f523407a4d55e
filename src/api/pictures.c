/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * GET /api/v1/pictures/{id}/{size}.jpg
 */
#include "sites/pictures.h"

#include "api/api_int.h"

static struct str etag_of(struct arena *mem, const struct sha256 *digest)
{
    struct buf b;
    buf_init(&b, 0);
    buf_add_char(&b, '"');
    for (int i = 0; i < 16; i++)
        buf_printf(&b, "%02x", digest->b[i]);
    buf_add_char(&b, '"');
    struct str out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return out;
}

enum rc api_pictures_get(struct api_call *call, struct err *err)
{
    struct uuid id;
    struct str jpeg;
    struct sha256 digest;
    bool is_small = str_is_equal(call->segments[1], STR("small"));
    TRY(api_known_params(call, NULL, 0, err));
    TRY(api_id(call->segments[0], &id, err));
    enum rc rc = RC_NOT_FOUND;
    if (is_small || str_is_equal(call->segments[1], STR("whole")))
        rc = pictures_jpeg(call->app->store, id, is_small, &call->viewer, call->mem, &jpeg, &digest, err);
    if (rc == RC_NOT_FOUND)
        return err_set(err, RC_NOT_FOUND, "There is nothing under this address.");
    TRY(rc);
    if (call->viewer.role == ROLE_PUBLIC) { /* kept, but asked about each time: a site hidden now is gone now (P1) */
        call->res->etag = etag_of(call->mem, &digest);
        call->res->cache = "no-cache";
    }
    buf_clear(&call->buf);
    buf_add_str(&call->buf, jpeg);
    http_answer_buf(call->res, 200, "image/jpeg", &call->buf);
    return RC_OK;
}
