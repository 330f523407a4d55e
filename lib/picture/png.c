/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * PNG in, by libpng, whose errors jump.
 */
#include "picture/picture_int.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

enum { CHUNKS_MAX = 64, CHUNK_BYTES_MAX = 1 << 20 };

struct reader {
    struct str rest;
    jmp_buf out;
    char text[120];
    png_structp png;
    png_infop info;
    png_bytepp rows; /* malloc */
};

static void on_error(png_structp png, png_const_charp text)
{
    struct reader *r = png_get_error_ptr(png);
    strncpy(r->text, text, sizeof r->text - 1);
    longjmp(r->out, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
    struct reader *r = png_get_io_ptr(png);
    if (n > r->rest.n)
        png_error(png, "it ends early");
    memcpy(to, r->rest.p, n);
    r->rest = str_slice(r->rest, n, r->rest.n);
}

static void reader_end(struct reader *r)
{
    if (r->png)
        png_destroy_read_struct(&r->png, &r->info, NULL);
    free(r->rows);
}

static enum rc reader_open(struct reader *r, struct str file, struct err *err)
{
    *r = (struct reader){.rest = file};
    r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, on_error, on_warning);
    r->info = r->png ? png_create_info_struct(r->png) : NULL;
    if (r->info)
        return RC_OK;
    reader_end(r);
    return err_set(err, RC_NOMEM, "no memory for a reader of PNG");
}

static void head_read(struct reader *r)
{
    png_set_read_fn(r->png, r, on_read);
    png_set_user_limits(r->png, PICTURE_SIDE_MAX, PICTURE_SIDE_MAX);
    png_set_chunk_cache_max(r->png, CHUNKS_MAX);
    png_set_chunk_malloc_max(r->png, CHUNK_BYTES_MAX);
    png_read_info(r->png, r->info);
}

static enum rc damaged(const struct reader *r, struct err *err)
{
    return err_set(err, RC_INVALID, "the PNG is damaged: %s", r->text);
}

static enum rc head_check(const struct reader *r, struct err *err)
{
    return picture_check(png_get_image_width(r->png, r->info), png_get_image_height(r->png, r->info),
                         PICTURE_PIXELS_MAX, err);
}

enum rc png_size(struct str file, int *width, int *height, struct err *err)
{
    struct reader r;
    TRY(reader_open(&r, file, err));
    if (setjmp(r.out)) {
        reader_end(&r);
        return damaged(&r, err);
    }
    head_read(&r);
    enum rc rc = head_check(&r, err);
    *width = (int)png_get_image_width(r.png, r.info);
    *height = (int)png_get_image_height(r.png, r.info);
    reader_end(&r);
    return rc;
}

/* Whatever it was: eight bits of red, green, blue; where it is transparent, white shows. */
static void ask_for_rgb(struct reader *r)
{
    static const png_color_16 WHITE = {.red = 255, .green = 255, .blue = 255, .gray = 255};
    png_set_expand(r->png); /* palettes, small greys, tRNS */
    png_set_strip_16(r->png);
    png_set_gray_to_rgb(r->png);
    png_set_background(r->png, &WHITE, PNG_BACKGROUND_GAMMA_SCREEN, 0, 1.0);
    png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
}

static int orientation_of(struct reader *r)
{
    png_bytep exif;
    png_uint_32 n;
    return png_get_eXIf_1(r->png, r->info, &n, &exif) ? exif_orientation((struct str){(const char *)exif, n})
                                                      : ORIENTATION_UPRIGHT;
}

static enum rc rows_make(struct reader *r, struct pixels *out, struct err *err)
{
    if (png_get_rowbytes(r->png, r->info) != (size_t)png_get_image_width(r->png, r->info) * 3)
        return err_set(err, RC_INVALID, "the PNG has colours of a kind that is not known here");
    TRY(pixels_make((int)png_get_image_width(r->png, r->info), (int)png_get_image_height(r->png, r->info), out, err));
    r->rows = mem_alloc((size_t)out->height * sizeof *r->rows);
    for (int y = 0; y < out->height; y++)
        r->rows[y] = out->rgb + (size_t)y * (size_t)out->width * 3;
    return RC_OK;
}

enum rc png_read(struct str file, struct pixels *out, int *orientation, struct err *err)
{
    struct reader r;
    out->rgb = NULL;
    TRY(reader_open(&r, file, err));
    if (setjmp(r.out)) {
        reader_end(&r);
        pixels_free(out);
        return damaged(&r, err);
    }
    head_read(&r);
    enum rc rc = head_check(&r, err);
    if (rc == RC_OK) {
        ask_for_rgb(&r);
        rc = rows_make(&r, out, err);
    }
    if (rc == RC_OK) {
        png_read_image(r.png, r.rows);
        png_read_end(r.png, r.info);
        *orientation = orientation_of(&r);
    }
    reader_end(&r);
    return rc;
}
