/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Whole compressed blobs of known size (zlib by libdeflate, LZ4 block format by liblz4). Not for streams: gzip of
 * unknown length is wire/gzip.h.
 *   N1 never writes past out_n bytes, whatever the input claims: a bomb is an error, not an allocation;
 *   N2 success means exactly out_n bytes came out, all of the input was used, and (zlib) the Adler-32 was right.
 * Sources: RFC 1950, RFC 1951; LZ4 Block Format Description.
 */
#ifndef WIRE_INFLATE_H
#define WIRE_INFLATE_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

/* One thread's decompressor. */
struct inflater;
struct inflater *inflater_new(void);
void inflater_free(struct inflater *z);

/* RC_DAMAGED: not a sound stream, more or fewer bytes than out_n, or bytes left over. */
MUST_CHECK enum rc inflate_zlib(struct inflater *z, struct str in, void *out, size_t out_n, struct err *err);
MUST_CHECK enum rc inflate_lz4(struct str in, void *out, size_t out_n, struct err *err);

#endif
