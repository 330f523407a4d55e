/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Byte streams: where the readers of this room get their bytes, and files opened as such, plain or gzip by content.
 * Not for random access. A damaged or bomb-like gzip file fails; it never gives bytes that did not verify as a whole
 * without the reader learning of it by an error before the end.
 */
#ifndef WIRE_GZIP_H
#define WIRE_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Gives up to n bytes; *got = 0 only at the end. */
struct byte_source {
    enum rc (*read)(void *ctx, void *out, size_t n, size_t *got, struct err *err);
    void *ctx;
};

enum {
    INPUT_PEEK_MAX = 65536, /* bytes input_peek can show */
    INPUT_RATIO_MAX = 250,  /* plain bytes per compressed byte, once over INPUT_RATIO_FREE; XML of maps is near 15 */
    INPUT_RATIO_FREE = 8 << 20
};

struct input;
struct input_options {
    uint64_t cap; /* most plain bytes; 0: no cap of its own */
};
/* path "-" is standard input. gzip (also of several members) is recognised by its first bytes. opt may be NULL. */
MUST_CHECK enum rc input_open(const char *path, const struct input_options *opt, struct input **out, struct err *err);
/* Over bytes that outlive the input. */
MUST_CHECK enum rc input_open_memory(struct str bytes, const struct input_options *opt, struct input **out,
                                     struct err *err);
void input_close(struct input *in);
/* Errors: RC_IO, RC_DAMAGED (with the compressed offset), RC_TOO_LARGE over the cap or the ratio. */
MUST_CHECK enum rc input_read(struct input *in, void *out, size_t n, size_t *got, struct err *err);
/* The next min(n, INPUT_PEEK_MAX, rest) plain bytes without taking them; borrowed until the next call on `in`. */
MUST_CHECK enum rc input_peek(struct input *in, size_t n, struct str *out, struct err *err);
struct byte_source input_source(struct input *in);
bool input_is_gzip(const struct input *in);
/* For progress: bytes of the file taken so far, and its size (0 when not known, as of a pipe). */
uint64_t input_taken(const struct input *in);
uint64_t input_size(const struct input *in);

/* A source over memory: *left is what has not been read yet. */
struct byte_source str_source(struct str *left);

/* gzip in one piece, for responses; level 1..12 (libdeflate). The result lies in the arena; empty when it would not be
 * smaller. */
struct str gzip_pack(struct str plain, int level, struct arena *mem);
/* Errors: RC_DAMAGED, RC_TOO_LARGE over cap. */
MUST_CHECK enum rc gzip_unpack(struct str packed, size_t cap, struct arena *mem, struct str *plain, struct err *err);

#endif
