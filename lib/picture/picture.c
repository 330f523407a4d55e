/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See picture.h.
 */
#include "picture/picture_int.h"

struct format {
    bool (*is_it)(struct str file);
    enum rc (*size)(struct str file, int *width, int *height, struct err *err);
    enum rc (*read)(struct str file, struct pixels *out, int *orientation, struct err *err);
};

static bool is_jpeg(struct str f)
{
    return str_starts_with(f, STR("\xff\xd8\xff"));
}
static bool is_png(struct str f)
{
    return str_starts_with(f, STR("\x89PNG\r\n\x1a\n"));
}
static bool is_webp(struct str f)
{
    return f.n >= 12 && str_starts_with(f, STR("RIFF")) && str_starts_with(str_slice(f, 8, f.n), STR("WEBP"));
}

static const struct format FORMATS[] = {
    {is_jpeg, jpeg_size, jpeg_read}, {is_png, png_size, png_read}, {is_webp, webp_size, webp_read}};

static enum rc format_of(struct str file, const struct format **out, struct err *err)
{
    if (file.n > PICTURE_BYTES_MAX)
        return err_set(err, RC_TOO_LARGE, "the picture has more than %d MB; save it smaller", PICTURE_BYTES_MAX >> 20);
    for (size_t i = 0; i < sizeof FORMATS / sizeof FORMATS[0]; i++)
        if (FORMATS[i].is_it(file)) {
            *out = &FORMATS[i];
            return RC_OK;
        }
    return err_set(err, RC_INVALID, "no JPEG, PNG or WebP");
}

enum rc picture_check(int64_t width, int64_t height, int64_t pixels_max, struct err *err)
{
    if (width < 1 || height < 1)
        return err_set(err, RC_INVALID, "the picture has no width or no height");
    if (width > PICTURE_SIDE_MAX || height > PICTURE_SIDE_MAX || width * height > pixels_max)
        return err_set(err, RC_TOO_LARGE,
                       "the picture has %lld by %lld pixels, at most %lld million are read; save it smaller",
                       (long long)width, (long long)height, (long long)(pixels_max / 1000000));
    return RC_OK;
}

enum rc picture_size(struct str file, int *width, int *height, struct err *err)
{
    const struct format *f;
    TRY(format_of(file, &f, err));
    return f->size(file, width, height, err);
}

static enum rc copy_make(const struct pixels *p, int side, struct arena *mem, struct picture_copy *out, struct err *err)
{
    struct pixels small;
    TRY(pixels_fit(p, side, &small, err));
    *out = (struct picture_copy){.width = small.width, .height = small.height};
    enum rc rc = jpeg_write(&small, mem, &out->jpeg, err);
    pixels_free(&small);
    return rc;
}

/* Made smaller first, then turned: fewer pixels to turn. */
static enum rc upright(const struct pixels *p, int orientation, struct pixels *out, struct err *err)
{
    struct pixels small;
    TRY(pixels_fit(p, PICTURE_WHOLE_PX, &small, err));
    enum rc rc = pixels_turn(&small, orientation, out, err);
    pixels_free(&small);
    return rc;
}

enum rc picture_copies(struct str file, struct arena *mem, struct picture_copy *whole, struct picture_copy *small,
                       struct err *err)
{
    const struct format *f;
    struct pixels read, up;
    int orientation = ORIENTATION_UPRIGHT;
    TRY(format_of(file, &f, err));
    TRY(f->read(file, &read, &orientation, err));
    enum rc rc = upright(&read, orientation, &up, err);
    pixels_free(&read);
    TRY(rc);
    rc = copy_make(&up, PICTURE_WHOLE_PX, mem, whole, err);
    if (rc == RC_OK)
        rc = copy_make(&up, PICTURE_SMALL_PX, mem, small, err);
    pixels_free(&up);
    return rc;
}
