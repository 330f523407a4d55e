/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Pictures from outside: what is taken comes out as JPEGs of the sizes that are told, and are read again. Large ones are
 * left to the caps' own tests, so that many small ones are tried.
 */
#include "picture/picture.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str file = {(const char *)data, n};
    struct arena mem;
    struct err err;
    struct picture_copy whole, small;
    int w, h, w2, h2;
    if (picture_size(file, &w, &h, &err) != RC_OK || (int64_t)w * h > 1 << 16)
        return 0;
    arena_init(&mem);
    if (picture_copies(file, &mem, &whole, &small, &err) == RC_OK) {
        ENSURE(picture_size(whole.jpeg, &w2, &h2, &err) == RC_OK && w2 == whole.width && h2 == whole.height);
        ENSURE((w2 == w && h2 == h) || (w2 == h && h2 == w) || w > PICTURE_WHOLE_PX || h > PICTURE_WHOLE_PX);
        ENSURE(small.width <= PICTURE_SMALL_PX && small.height <= PICTURE_SMALL_PX && small.jpeg.n > 0);
    }
    arena_fini(&mem);
    return 0;
}
