/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Makes small OSM PBF files for tests: any blob, block or group, right or wrong. Not a writer for anybody else.
 */
#ifndef TESTS_PBF_MAKE_H
#define TESTS_PBF_MAKE_H

#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/str.h"

static inline void mk_varint(struct buf *b, uint64_t v)
{
    while (v >= 0x80) {
        buf_add_char(b, (char)(v | 0x80));
        v >>= 7;
    }
    buf_add_char(b, (char)v);
}

static inline uint64_t mk_zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static inline void mk_number(struct buf *b, unsigned field, uint64_t v)
{
    mk_varint(b, field << 3);
    mk_varint(b, v);
}

static inline void mk_bytes(struct buf *b, unsigned field, struct str s)
{
    mk_varint(b, field << 3 | 2);
    mk_varint(b, s.n);
    buf_add_str(b, s);
}

/* Takes the inner buffer's content and empties it. */
static inline void mk_sub(struct buf *b, unsigned field, struct buf *inner)
{
    mk_bytes(b, field, buf_str(inner));
    buf_fini(inner);
    buf_init(inner, 0);
}

/* A packed list; deltas: each the difference to the one before, zigzag. */
static inline void mk_list(struct buf *b, unsigned field, const int64_t *v, size_t n, bool deltas)
{
    struct buf list;
    int64_t last = 0;
    buf_init(&list, 0);
    for (size_t i = 0; i < n; i++) {
        mk_varint(&list, deltas ? mk_zigzag(v[i] - last) : (uint64_t)v[i]);
        last = v[i];
    }
    mk_sub(b, field, &list);
    buf_fini(&list);
}

enum mk_packing { MK_RAW, MK_ZLIB, MK_LZ4 };

static inline void mk_pack(struct buf *blob, enum mk_packing how, struct str plain)
{
    size_t room = plain.n + plain.n / 10 + 1000;
    char *p = malloc(room);
    uLongf n = room;
    if (how == MK_ZLIB)
        compress((Bytef *)p, &n, (const Bytef *)plain.p, plain.n);
    else if (how == MK_LZ4)
        n = (uLongf)LZ4_compress_default(plain.p, p, (int)plain.n, (int)room);
    if (how == MK_RAW) {
        mk_bytes(blob, 1, plain);
    } else {
        mk_number(blob, 2, plain.n);
        mk_bytes(blob, how == MK_ZLIB ? 3 : 6, (struct str){p, n});
    }
    free(p);
}

/* Length, BlobHeader, Blob. */
static inline void mk_file_blob(struct buf *file, const char *type, struct str blob)
{
    struct buf head;
    buf_init(&head, 0);
    mk_bytes(&head, 1, str_of(type));
    mk_number(&head, 3, blob.n);
    char n[4] = {(char)(head.n >> 24), (char)(head.n >> 16), (char)(head.n >> 8), (char)head.n};
    buf_add(file, n, 4);
    buf_add_str(file, buf_str(&head));
    buf_add_str(file, blob);
    buf_fini(&head);
}

static inline void mk_file_add(struct buf *file, const char *type, enum mk_packing how, struct str plain)
{
    struct buf blob;
    buf_init(&blob, 0);
    mk_pack(&blob, how, plain);
    mk_file_blob(file, type, buf_str(&blob));
    buf_fini(&blob);
}

static inline void mk_file_header(struct buf *file, const char *feature)
{
    struct buf b;
    buf_init(&b, 0);
    mk_bytes(&b, 4, STR("OsmSchema-V0.6"));
    mk_bytes(&b, 4, STR("DenseNodes"));
    if (feature)
        mk_bytes(&b, 4, str_of(feature));
    mk_file_add(file, "OSMHeader", MK_ZLIB, buf_str(&b));
    buf_fini(&b);
}

/* A table of texts from a NULL-ended list; number 0 is the empty text. */
static inline void mk_texts(struct buf *block, const char *const *texts)
{
    struct buf t;
    buf_init(&t, 0);
    mk_bytes(&t, 1, STR(""));
    for (; *texts; texts++)
        mk_bytes(&t, 1, str_of(*texts));
    mk_sub(block, 1, &t);
    buf_fini(&t);
}

#endif
