/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The web app: files of the binary under "web/", answered from memory. A path that is neither a file nor one of the
 * server's own gives the app's page, which knows its own addresses.
 */
#include <stdlib.h>
#include <string.h>

#include "api/api_int.h"
#include "base/asset.h"

/* Names made by the build carry a hash of the content: what they name never changes. */
static bool is_hashed(struct str path)
{
    return str_starts_with(path, STR("web/assets/"));
}

static struct http_prepared *prepare_one(const struct http_app *http, const struct asset *a)
{
    struct str path = str_of(a->path);
    struct http_response like = {
        .status = 200,
        .type = a->type,
        .body = {(const char *)a->p, a->n},
        .gzip = {(const char *)a->gzip, a->gzip_n},
        .etag = str_of(a->etag),
        .cache = is_hashed(path) ? "public, max-age=31536000, immutable" : "no-cache",
    };
    return http_prepare(http, &like);
}

void api_files_prepare(struct api_server *s, const struct http_app *http)
{
    while (asset_at(s->files_n))
        s->files_n++;
    s->files = mem_array(s->files_n ? s->files_n : 1, sizeof *s->files);
    for (size_t i = 0; i < s->files_n; i++)
        if (str_starts_with(str_of(asset_at(i)->path), STR("web/")))
            s->files[i] = prepare_one(http, asset_at(i));
}

void api_files_free(struct api_server *s)
{
    for (size_t i = 0; i < s->files_n; i++)
        http_prepared_free(s->files[i]);
    free(s->files);
}

static const struct http_prepared *file_peek(struct api_server *s, struct str path)
{
    const struct asset *a = asset_find(path);
    return a ? s->files[a - asset_at(0)] : NULL;
}

/* Addresses of the server's own, of which an unknown one is an error and not a page. */
static bool is_reserved(struct str path)
{
    static const char *const PREFIXES[] = {"/api/", "/tiles/", "/feeds/", "/alerts/", "/assets/", "/basemap/", "/ogc/"};
    for (size_t i = 0; i < sizeof PREFIXES / sizeof PREFIXES[0]; i++)
        if (str_starts_with(path, str_of(PREFIXES[i])))
            return true;
    struct str last = path, rest;
    while (str_cut(last, '/', &(struct str){0}, &rest))
        last = rest;
    return str_contains(last, STR(".")); /* a file that is not there */
}

bool api_files_answer(struct api_server *s, const struct http_request *req, struct http_response *res)
{
    struct str path = str_printf(req->mem, "web" STR_FMT, STR_ARG(req->path));
    res->prepared = file_peek(s, path);
    if (!res->prepared && !is_reserved(req->path))
        res->prepared = file_peek(s, STR("web/index.html"));
    res->status = res->prepared ? 200 : 0;
    return res->prepared != NULL;
}
