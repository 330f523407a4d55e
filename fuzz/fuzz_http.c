/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What a client writes and we parse ourselves: request target, then a header value as cookies, encodings, entity tags
 * and a media type. The first line is the target, the rest the header.
 */
#include <stdint.h>
#include <string.h>

#include "net/net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct str lookup_any(void *ctx, const char *name)
{
    (void)name;
    return *(struct str *)ctx;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str all = {(const char *)data, n}, target, header;
    struct arena mem;
    struct err err;
    arena_init(&mem);
    str_cut(all, '\n', &target, &header);
    struct http_request req = {.lookup = lookup_any, .lookup_ctx = &header};
    if (http_target_parse(target, &mem, &req, &err) == RC_OK) {
        ENSURE(req.path.n >= 1 && req.path.p[0] == '/' && req.path.n <= target.n + 1 && str_is_utf8(req.path));
        ENSURE(!memchr(req.path.p, 0, req.path.n) && req.params_n <= NET_PARAMS_MAX);
        for (size_t i = 0; i < req.params_n; i++) {
            ENSURE(str_is_utf8(req.params[i].name) && str_is_utf8(req.params[i].value));
            for (size_t k = 0; k < i; k++)
                ENSURE(!str_is_equal(req.params[i].name, req.params[k].name));
        }
    }
    struct str cookie = http_cookie(&req, "fane_session");
    ENSURE(cookie.n == 0 || (cookie.p >= header.p && cookie.p + cookie.n <= header.p + header.n));
    ENSURE(!http_etag_matches(header, STR("\"a\"")) || header.n > 0);
    http_accepts_gzip(&req);
    http_is_type(&req, "application/json");
    arena_fini(&mem);
    return 0;
}
