/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Clean copies of a picture from outside: decoded, turned upright, made smaller and encoded anew as JPEG, so that nothing
 * of the file comes through but what can be seen: no place or time of the camera (EXIF), no thumbnail that was there
 * before somebody cut the picture, no comments, no colour profile, no bytes after its end.
 *
 *   K1 a copy holds no metadata of the file. Colours of a wide profile (Display P3) are taken for sRGB, and look a little
 *      paler; transparent parts are white.
 *   K2 memory is bounded by the caps below, whatever the file says of itself: they are read from its head before anything
 *      is decoded. At most about 6 bytes a pixel for a JPEG of several scans, 4 for a WebP, 3 for a PNG; a plain JPEG is
 *      decoded at half, a quarter or an eighth of its size.
 *   K3 pure: no file, no network, no state. A process that serves others should not decode what strangers send; see
 *      docs/adr/0015-pictures.md.
 */
#ifndef PICTURE_PICTURE_H
#define PICTURE_PICTURE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum {
    PICTURE_BYTES_MAX = 20 << 20,
    PICTURE_SIDE_MAX = 30000,            /* pixels */
    PICTURE_PLAIN_PIXELS_MAX = 64000000, /* of a JPEG in one scan */
    PICTURE_PIXELS_MAX = 24000000,       /* of anything else */
    PICTURE_SCANS_MAX = 100,             /* of a JPEG; real ones have about ten, each costs a pass over all */
    PICTURE_WHOLE_PX = 1600,             /* the longer side of the copies, never made larger than it was */
    PICTURE_SMALL_PX = 480,
    PICTURE_QUALITY = 82 /* libjpeg's scale */
};

struct picture_copy {
    struct str jpeg; /* in mem */
    int width, height;
};

/* What the head of a JPEG, PNG or WebP says: before it is turned upright. RC_INVALID when it is none of them, damaged, or
 * over a cap, with words for the person who chose the file. */
MUST_CHECK enum rc picture_size(struct str file, int *width, int *height, struct err *err);

/* Both copies. RC_INVALID as above; also for moving pictures, and for JPEGs in inks (CMYK). RC_NOMEM. Of 12 million pixels a
 * JPEG takes 0.2 to 0.5 s, a PNG 0.5 s, a WebP 0.2 s, with 40 to 70 MB (measured, one core, whole process). */
MUST_CHECK enum rc picture_copies(struct str file, struct arena *mem, struct picture_copy *whole,
                                  struct picture_copy *small, struct err *err);

#endif
