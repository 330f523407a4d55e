/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside of picture: one file per format, scale.c for what follows. Errors of the libraries become RC_INVALID.
 */
#ifndef PICTURE_PICTURE_INT_H
#define PICTURE_PICTURE_INT_H

#include <stdint.h>

#include "picture/picture.h"

/* Three bytes a pixel (red, green, blue), row by row without gaps. */
struct pixels {
    uint8_t *rgb; /* malloc; NULL: none */
    int width, height;
};
MUST_CHECK enum rc pixels_make(int width, int height, struct pixels *out, struct err *err);
void pixels_free(struct pixels *p);

/* Sides and pixels against the caps; words for the person. */
MUST_CHECK enum rc picture_check(int64_t width, int64_t height, int64_t pixels_max, struct err *err);

enum { ORIENTATION_UPRIGHT = 1 }; /* 1 to 8 as EXIF counts them */
/* What a TIFF block of EXIF says of orientation (JEITA CP-3451, tag 0x0112 of the first directory); upright when it says
 * nothing that can be read. */
int exif_orientation(struct str tiff);

/* Each gives pixels at least as large as the copy wants, or as the picture is, and how it is turned. */
MUST_CHECK enum rc jpeg_size(struct str file, int *width, int *height, struct err *err);
MUST_CHECK enum rc jpeg_read(struct str file, struct pixels *out, int *orientation, struct err *err);
MUST_CHECK enum rc png_size(struct str file, int *width, int *height, struct err *err);
MUST_CHECK enum rc png_read(struct str file, struct pixels *out, int *orientation, struct err *err);
MUST_CHECK enum rc webp_size(struct str file, int *width, int *height, struct err *err);
MUST_CHECK enum rc webp_read(struct str file, struct pixels *out, int *orientation, struct err *err);

MUST_CHECK enum rc jpeg_write(const struct pixels *p, struct arena *mem, struct str *out, struct err *err);

/* Made smaller so that its longer side is at most `side`: each new pixel is the mean of the area it covers. */
MUST_CHECK enum rc pixels_fit(const struct pixels *p, int side, struct pixels *out, struct err *err);
/* Upright. */
MUST_CHECK enum rc pixels_turn(const struct pixels *p, int orientation, struct pixels *out, struct err *err);

#endif
