/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Whole compressed blobs. See inflate.h.
 */
#include "wire/inflate.h"

#include "base/arena.h"

#include <libdeflate.h>
#include <limits.h>
#include <lz4.h>
#include <stdlib.h>

struct inflater {
    struct libdeflate_decompressor *d;
};

struct inflater *inflater_new(void)
{
    struct inflater *z = mem_alloc(sizeof *z);
    z->d = libdeflate_alloc_decompressor();
    ENSURE(z->d != NULL);
    return z;
}

void inflater_free(struct inflater *z)
{
    if (!z)
        return;
    libdeflate_free_decompressor(z->d);
    free(z);
}

enum rc inflate_zlib(struct inflater *z, struct str in, void *out, size_t out_n, struct err *err)
{
    size_t used = 0, got = 0;
    switch (libdeflate_zlib_decompress_ex(z->d, in.p, in.n, out, out_n, &used, &got)) {
    case LIBDEFLATE_SUCCESS:
        break;
    case LIBDEFLATE_INSUFFICIENT_SPACE:
        return err_set(err, RC_DAMAGED, "the zlib data expands to more than the %zu bytes announced", out_n);
    default:
        return err_set(err, RC_DAMAGED, "the zlib data is damaged or cut short");
    }
    if (got != out_n)
        return err_set(err, RC_DAMAGED, "the zlib data expands to %zu bytes, %zu were announced", got, out_n);
    if (used != in.n)
        return err_set(err, RC_DAMAGED, "%zu bytes follow the zlib data", in.n - used);
    return RC_OK;
}

enum rc inflate_lz4(struct str in, void *out, size_t out_n, struct err *err)
{
    if (in.n > INT_MAX || out_n > INT_MAX)
        return err_set(err, RC_TOO_LARGE, "the LZ4 data is over 2 GiB");
    int got = LZ4_decompress_safe(in.p, out, (int)in.n, (int)out_n);
    if (got < 0)
        return err_set(err, RC_DAMAGED, "the LZ4 data is damaged or expands to more than the %zu bytes announced",
                       out_n);
    if ((size_t)got != out_n)
        return err_set(err, RC_DAMAGED, "the LZ4 data expands to %d bytes, %zu were announced", got, out_n);
    return RC_OK;
}
