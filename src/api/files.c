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

/* The map in a frame of another site. Nobody is signed in there: the session's cookie is SameSite=Strict, and the page has
 * no form; so there is nothing that a page around it could make somebody click. */
#define FRAMED_PAGE   "web/index.html"
#define FRAMED_PATH   "/embed"
#define FRAMED_POLICY API_PAGE_LOADS "form-action 'none'; frame-ancestors *"

static struct http_response response_of(const struct asset *a)
{
    struct str path = str_of(a->path);
    return (struct http_response){
        .status = 200,
        .type = a->type,
        .body = {(const char *)a->p, a->n},
        .gzip = {(const char *)a->gzip, a->gzip_n},
        .etag = str_of(a->etag),
        .cache = is_hashed(path) ? "public, max-age=31536000, immutable" : "no-cache",
    };
}

static struct http_prepared *prepare_one(const struct http_app *http, const struct asset *a)
{
    struct http_response like = response_of(a);
    return http_prepare(http, &like);
}

static struct http_prepared *prepare_framed(const struct http_app *http)
{
    const struct asset *a = asset_find(STR(FRAMED_PAGE));
    if (!a)
        return NULL;
    struct http_response like = response_of(a);
    http_add_header(&like, "Content-Security-Policy", STR(FRAMED_POLICY));
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
    s->framed = prepare_framed(http);
}

void api_files_free(struct api_server *s)
{
    for (size_t i = 0; i < s->files_n; i++)
        http_prepared_free(s->files[i]);
    free(s->files);
    http_prepared_free(s->framed);
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
    res->prepared = str_is_equal(req->path, STR(FRAMED_PATH)) ? s->framed : file_peek(s, path);
    if (!res->prepared && !is_reserved(req->path))
        res->prepared = file_peek(s, STR("web/index.html"));
    res->status = res->prepared ? 200 : 0;
    return res->prepared != NULL;
}
