/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See tar.h. Offsets: POSIX.1-2017, pax, "ustar Interchange Format".
 */
#include "wire/tar.h"

#include <string.h>

enum {
    AT_MODE = 100,
    AT_UID = 108,
    AT_GID = 116,
    AT_SIZE = 124,
    SIZE_N = 12,
    AT_MTIME = 136,
    AT_SUM = 148,
    SUM_N = 8,
    AT_TYPE = 156,
    AT_MAGIC = 257,
    AT_DEVICE = 329 /* major, minor: 8 digits each */
};
#define OCTAL_SIZE_MAX ((INT64_C(1) << 33) - 1) /* eleven digits */

/* n - 1 octal digits and a NUL. */
static void put_octal(uint8_t *at, int n, uint64_t v)
{
    at[n - 1] = 0;
    for (int i = n - 2; i >= 0; i--, v >>= 3)
        at[i] = (uint8_t)('0' + (v & 7));
}

static void put_size(uint8_t *at, int64_t size)
{
    if (size <= OCTAL_SIZE_MAX) {
        put_octal(at, SIZE_N, (uint64_t)size);
        return;
    }
    memset(at, 0, SIZE_N);
    at[0] = 0x80;
    for (int i = 0; i < 8; i++)
        at[SIZE_N - 1 - i] = (uint8_t)((uint64_t)size >> (8 * i));
}

static int64_t get_size(const uint8_t *at)
{
    uint64_t v = 0;
    if (at[0] & 0x80) {
        for (int i = SIZE_N - 8; i < SIZE_N; i++)
            v = v << 8 | at[i];
    } else {
        for (int i = 0; i < SIZE_N - 1; i++)
            v = v << 3 | (at[i] & 7);
    }
    return v <= (uint64_t)TAR_SIZE_MAX ? (int64_t)v : -1;
}

void tar_header_write(struct str name, int64_t size, uint8_t out[TAR_BLOCK])
{
    uint32_t sum = 0;
    ENSURE(name.n > 0 && name.n <= TAR_NAME_MAX && size >= 0 && size <= TAR_SIZE_MAX);
    memset(out, 0, TAR_BLOCK);
    memcpy(out, name.p, name.n);
    put_octal(out + AT_MODE, 8, 0600);
    put_octal(out + AT_UID, 8, 0);
    put_octal(out + AT_GID, 8, 0);
    put_size(out + AT_SIZE, size);
    put_octal(out + AT_MTIME, 12, 0);
    out[AT_TYPE] = '0';
    memcpy(out + AT_MAGIC, "ustar\00000", 8);
    put_octal(out + AT_DEVICE, 8, 0);
    put_octal(out + AT_DEVICE + 8, 8, 0);
    memset(out + AT_SUM, ' ', SUM_N);
    for (int i = 0; i < TAR_BLOCK; i++)
        sum += out[i];
    put_octal(out + AT_SUM, SUM_N - 1, sum); /* six digits, NUL, and the space that is there */
}

bool tar_header_read(const uint8_t in[TAR_BLOCK], char name[TAR_NAME_MAX + 1], int64_t *size)
{
    uint8_t again[TAR_BLOCK];
    const uint8_t *end = memchr(in, 0, TAR_NAME_MAX + 1);
    int64_t n = get_size(in + AT_SIZE);
    if (!end || end == in || n < 0)
        return false;
    tar_header_write((struct str){(const char *)in, (size_t)(end - in)}, n, again);
    if (memcmp(in, again, TAR_BLOCK) != 0)
        return false;
    memcpy(name, in, (size_t)(end - in) + 1);
    *size = n;
    return true;
}
