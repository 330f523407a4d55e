/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside of the JSON walker, for json_items.c.
 */
#ifndef WIRE_JSON_STREAM_INT_H
#define WIRE_JSON_STREAM_INT_H

#include "wire/json_stream.h"

enum { BLOCK_SIZE = 1 << 16, KEY_MAX = 1 << 16 };

struct json_stream {
    struct byte_source src;
    char *block;
    size_t at, have; /* in the block */
    uint64_t base;   /* offset of the block's first byte */
    int64_t line;
    uint64_t objects; /* bit d: level d is an object, else an array */
    int depth;
    bool fresh; /* just entered: no comma before the first element */
    bool started, ended;
    bool copying, keying; /* block[copy_from..at) belongs to copy, block[key_from..at) to key */
    size_t copy_from, key_from;
    struct buf copy, key;
};

enum rc json_stream_fail(const struct json_stream *js, enum rc rc, const char *what, struct err *err);
void json_stream_copy_begin(struct json_stream *js);
enum rc json_stream_copy_out(struct json_stream *js, struct err *err);

#endif
