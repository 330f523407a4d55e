/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * JPEG in and out, by libjpeg-turbo. Its errors jump: whatever a function of the library is called in owns nothing but
 * what is freed after the jump.
 */
#include "picture/picture_int.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

enum { EXIF_MARKER = JPEG_APP0 + 1, EIGHTHS = 8 };

struct failure {
    struct jpeg_error_mgr base; /* first: the library knows no more of it */
    jmp_buf out;
    char text[JMSG_LENGTH_MAX];
};

static void on_error(j_common_ptr c)
{
    struct failure *f = (struct failure *)c->err;
    c->err->format_message(c, f->text);
    longjmp(f->out, 1);
}

/* Most warnings are of damage that a viewer can live with, and that cameras make; grey where the picture should be is not. */
static void on_warning(j_common_ptr c, int level)
{
    if (level < 0 && (c->err->msg_code == JWRN_JPEG_EOF || c->err->msg_code == JWRN_HIT_MARKER))
        on_error(c);
}

static void on_progress(j_common_ptr c)
{
    if (((j_decompress_ptr)c)->input_scan_number > PICTURE_SCANS_MAX) {
        struct failure *f = (struct failure *)c->err;
        snprintf(f->text, sizeof f->text, "more than %d scans", PICTURE_SCANS_MAX);
        longjmp(f->out, 1);
    }
}

static void failure_init(struct failure *f)
{
    memset(f, 0, sizeof *f);
    jpeg_std_error(&f->base);
    f->base.error_exit = on_error;
    f->base.emit_message = on_warning;
}

static enum rc damaged(const struct failure *f, struct err *err)
{
    return err_set(err, RC_INVALID, "the JPEG is damaged: %s", f->text);
}

static void open_head(struct jpeg_decompress_struct *d, struct str file)
{
    jpeg_create_decompress(d);
    jpeg_mem_src(d, (const unsigned char *)file.p, file.n);
    jpeg_save_markers(d, EXIF_MARKER, 0xFFFF);
    jpeg_read_header(d, TRUE);
}

static enum rc head_check(j_decompress_ptr d, struct err *err)
{
    TRY(picture_check(d->image_width, d->image_height,
                      jpeg_has_multiple_scans(d) ? PICTURE_PIXELS_MAX : PICTURE_PLAIN_PIXELS_MAX, err));
    if (d->jpeg_color_space == JCS_CMYK || d->jpeg_color_space == JCS_YCCK)
        return err_set(err, RC_INVALID,
                       "the JPEG is in inks for a press (CMYK); save it in colours for a screen (RGB)");
    return RC_OK;
}

enum rc jpeg_size(struct str file, int *width, int *height, struct err *err)
{
    struct jpeg_decompress_struct d;
    struct failure f;
    failure_init(&f);
    d.err = &f.base;
    if (setjmp(f.out)) {
        jpeg_destroy_decompress(&d);
        return damaged(&f, err);
    }
    open_head(&d, file);
    enum rc rc = head_check(&d, err);
    *width = (int)d.image_width;
    *height = (int)d.image_height;
    jpeg_destroy_decompress(&d);
    return rc;
}

static int orientation_of(j_decompress_ptr d)
{
    for (jpeg_saved_marker_ptr m = d->marker_list; m; m = m->next) {
        struct str s = {(const char *)m->data, m->data_length};
        if (m->marker == EXIF_MARKER && str_starts_with(s, (struct str){"Exif\0\0", 6}))
            return exif_orientation(str_slice(s, 6, s.n));
    }
    return ORIENTATION_UPRIGHT;
}

/* The smallest size of eighths that is not smaller than the copy. */
static void scale_choose(j_decompress_ptr d)
{
    unsigned longer = d->image_width > d->image_height ? d->image_width : d->image_height;
    d->scale_denom = EIGHTHS;
    d->scale_num = 1;
    while (d->scale_num < EIGHTHS && longer * d->scale_num < PICTURE_WHOLE_PX * (unsigned)EIGHTHS)
        d->scale_num *= 2; /* 1, 2, 4, 8: those the library is fast at */
}

static void rows_read(j_decompress_ptr d, struct pixels *out)
{
    while (d->output_scanline < d->output_height) {
        JSAMPROW row = out->rgb + (size_t)d->output_scanline * (size_t)out->width * 3;
        jpeg_read_scanlines(d, &row, 1);
    }
}

enum rc jpeg_read(struct str file, struct pixels *out, int *orientation, struct err *err)
{
    struct jpeg_decompress_struct d;
    struct jpeg_progress_mgr progress = {.progress_monitor = on_progress};
    struct failure f;
    failure_init(&f);
    d.err = &f.base;
    out->rgb = NULL;
    if (setjmp(f.out)) {
        jpeg_destroy_decompress(&d);
        pixels_free(out);
        return damaged(&f, err);
    }
    open_head(&d, file);
    d.progress = &progress;
    enum rc rc = head_check(&d, err);
    if (rc == RC_OK) {
        *orientation = orientation_of(&d);
        d.out_color_space = JCS_RGB;
        scale_choose(&d);
        jpeg_start_decompress(&d);
        rc = pixels_make((int)d.output_width, (int)d.output_height, out, err);
    }
    if (rc == RC_OK) {
        rows_read(&d, out);
        jpeg_finish_decompress(&d);
    }
    jpeg_destroy_decompress(&d);
    return rc;
}

/* ---- out ---- */

static void write_all(j_compress_ptr c, const struct pixels *p)
{
    c->image_width = (JDIMENSION)p->width;
    c->image_height = (JDIMENSION)p->height;
    c->input_components = 3;
    c->in_color_space = JCS_RGB;
    jpeg_set_defaults(c);
    jpeg_set_quality(c, PICTURE_QUALITY, TRUE);
    jpeg_simple_progression(c); /* shown coarsely while it comes, and smaller */
    jpeg_start_compress(c, TRUE);
    while (c->next_scanline < c->image_height) {
        JSAMPROW row = p->rgb + (size_t)c->next_scanline * (size_t)p->width * 3;
        jpeg_write_scanlines(c, &row, 1);
    }
    jpeg_finish_compress(c);
}

enum rc jpeg_write(const struct pixels *p, struct arena *mem, struct str *out, struct err *err)
{
    struct jpeg_compress_struct c;
    struct failure f;
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    failure_init(&f);
    c.err = &f.base;
    if (setjmp(f.out)) {
        jpeg_destroy_compress(&c);
        free(bytes);
        return err_set(err, RC_NOMEM, "the copy of the picture cannot be made: %s", f.text);
    }
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &bytes, &n);
    write_all(&c, p);
    jpeg_destroy_compress(&c);
    *out = str_copy(mem, (struct str){(const char *)bytes, n});
    free(bytes);
    return RC_OK;
}
