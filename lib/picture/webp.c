/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * WebP in, by libwebp.
 */
#include "picture/picture_int.h"

#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>

enum { RIFF_HEAD = 12, CHUNK_HEAD = 8 };

static enum rc features(struct str file, WebPBitstreamFeatures *out, struct err *err)
{
    if (WebPGetFeatures((const uint8_t *)file.p, file.n, out) != VP8_STATUS_OK)
        return err_set(err, RC_INVALID, "the WebP is damaged");
    if (out->has_animation)
        return err_set(err, RC_INVALID, "the WebP moves; save one picture of it");
    return picture_check(out->width, out->height, PICTURE_PIXELS_MAX, err);
}

enum rc webp_size(struct str file, int *width, int *height, struct err *err)
{
    WebPBitstreamFeatures f;
    TRY(features(file, &f, err));
    *width = f.width;
    *height = f.height;
    return RC_OK;
}

/* Chunks of RIFF: four letters, length, padded to even. Some writers keep the head of a JPEG's block. */
static int orientation_of(struct str s)
{
    for (s = str_slice(s, RIFF_HEAD, s.n); s.n >= CHUNK_HEAD;) {
        const unsigned char *p = (const unsigned char *)s.p;
        size_t n = p[4] | (size_t)p[5] << 8 | (size_t)p[6] << 16 | (size_t)p[7] << 24;
        if (n > s.n - CHUNK_HEAD)
            break;
        struct str body = str_slice(s, CHUNK_HEAD, CHUNK_HEAD + n);
        if (str_starts_with(s, STR("EXIF")))
            return exif_orientation(str_starts_with(body, (struct str){"Exif\0\0", 6}) ? str_slice(body, 6, body.n)
                                                                                       : body);
        size_t step = CHUNK_HEAD + n + (n & 1);
        s = str_slice(s, step < s.n ? step : s.n, s.n);
    }
    return ORIENTATION_UPRIGHT;
}

static void on_white(const uint8_t *rgba, struct pixels *out)
{
    size_t n = (size_t)out->width * (size_t)out->height;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 3; k++) {
            unsigned a = rgba[4 * i + 3];
            out->rgb[3 * i + (size_t)k] = (uint8_t)((rgba[4 * i + (size_t)k] * a + 255 * (255 - a) + 127) / 255);
        }
}

enum rc webp_read(struct str file, struct pixels *out, int *orientation, struct err *err)
{
    WebPBitstreamFeatures f;
    out->rgb = NULL;
    TRY(features(file, &f, err));
    TRY(pixels_make(f.width, f.height, out, err));
    *orientation = orientation_of(file);
    if (!f.has_alpha) {
        size_t size = (size_t)f.width * (size_t)f.height * 3;
        if (WebPDecodeRGBInto((const uint8_t *)file.p, file.n, out->rgb, size, f.width * 3))
            return RC_OK;
    } else {
        int w, h;
        uint8_t *rgba = WebPDecodeRGBA((const uint8_t *)file.p, file.n, &w, &h);
        if (rgba && w == out->width && h == out->height) {
            on_white(rgba, out);
            WebPFree(rgba);
            return RC_OK;
        }
        WebPFree(rgba);
    }
    pixels_free(out);
    return err_set(err, RC_INVALID, "the WebP is damaged");
}
