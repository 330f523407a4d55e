/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * GET /api/v1/sites/{id}/qr.svg: the site's permalink as a QR code (ISO/IEC 18004), for print and for a sign at a door.
 * The address holds the public id, not the short code: two sites may share a code, and a sign outlives many imports.
 */
#include <errno.h>
#include <qrencode.h>

#include "api/api_int.h"
#include "sites/sites.h"

enum {
    QUIET = 4,              /* modules left empty on every side, ISO/IEC 18004 section 6.3.8 */
    ADDRESS_BYTES_MAX = 400 /* public addresses are under 256; a code of more could not be read from paper */
};

/* One path for all dark modules: each run of a row is a rectangle one module high. */
static void write_modules(struct buf *b, const QRcode *code)
{
    for (int y = 0; y < code->width; y++) {
        const unsigned char *row = code->data + (size_t)y * (size_t)code->width;
        for (int x = 0; x < code->width; x++) {
            int from = x;
            while (x < code->width && row[x] & 1)
                x++;
            if (x > from)
                buf_printf(b, "M%d %dh%dv1h-%dz", from + QUIET, y + QUIET, x - from, x - from);
        }
    }
}

/* White is drawn, not left out: the code must be read on a dark page too. */
static void write_svg(struct buf *b, const QRcode *code)
{
    int side = code->width + 2 * QUIET;
    buf_printf(
        b,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
        "shape-rendering=\"crispEdges\"><rect width=\"%d\" height=\"%d\" fill=\"#fff\"/><path fill=\"#000\" d=\"",
        side, side, side * 8, side * 8, side, side);
    write_modules(b, code);
    buf_add_z(b, "\"/></svg>\n");
}

static enum rc encode(struct str address, QRcode **out, struct err *err)
{
    if (address.n > ADDRESS_BYTES_MAX)
        return err_set(err, RC_TOO_LARGE, "the address of this server is too long for a QR code");
    /* Level M: 15 % of the code may be dirt. Bytes as they are: an address has lower case. */
    *out = QRcode_encodeData((int)address.n, (const unsigned char *)address.p, 0, QR_ECLEVEL_M);
    if (*out)
        return RC_OK;
    return err_set(err, errno == ENOMEM ? RC_NOMEM : RC_IO, "cannot make a QR code of %zu bytes", address.n);
}

enum rc api_sites_qr(struct api_call *call, struct err *err)
{
    struct site *site;
    QRcode *code;
    TRY(api_known_params(call, NULL, 0, err));
    TRY(sites_find(call->app->store, call->segments[0], &call->viewer, call->mem, &site, err));
    if (sites_view(&call->viewer, site) == VIEW_DENIED)
        return err_set(err, RC_NOT_FOUND, "There is nothing under this address.");
    struct str address =
        str_printf(call->mem, "%s/site/" STR_FMT, call->server->url, STR_ARG(uuid_format(call->mem, site->public_id)));
    TRY(encode(address, &code, err));
    buf_clear(&call->buf);
    write_svg(&call->buf, code);
    QRcode_free(code);
    if (call->viewer.role == ROLE_PUBLIC) { /* kept, but asked about each time: a site hidden now is gone now */
        call->res->etag = str_printf(call->mem, "\"q%016llx\"", (unsigned long long)str_hash(address));
        call->res->cache = "no-cache";
    }
    http_answer_buf(call->res, 200, "image/svg+xml", &call->buf);
    return RC_OK;
}
