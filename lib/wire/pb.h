/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Reads the protocol buffers wire format from bytes in memory, without a schema and without copying: a cursor moves
 * from field to field. Not a writer, and no message types. The bytes may be hostile:
 *   P1 a cursor never reads past its end and never moves back;
 *   P2 every failure leaves the cursor at the byte where the broken field or number starts;
 *   P3 lengths are compared with what is left before they are used, so no addition can overflow.
 * Source: Protocol Buffers documentation, "Encoding" (varints of at most 10 bytes, wire types 0, 1, 2 and 5; the groups
 * 3 and 4 are deprecated and refused).
 */
#ifndef WIRE_PB_H
#define WIRE_PB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { PB_VARINT_MAX = 10 }; /* bytes of the longest varint */

enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };
enum pb_step { PB_BAD = -1, PB_END = 0, PB_FIELD = 1 };

struct pb {
    const unsigned char *p, *end;
};

struct pb_field {
    uint32_t number; /* 1 .. 2^29 - 1 */
    enum pb_wire wire;
    uint64_t value;   /* of PB_VARINT, PB_FIXED64, PB_FIXED32 */
    struct str bytes; /* of PB_BYTES; borrowed */
};

static inline struct pb pb_of(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    return (struct pb){p, s.n ? p + s.n : p};
}

static inline size_t pb_left(const struct pb *c)
{
    return (size_t)(c->end - c->p);
}

bool pb_varint_slow(struct pb *c, uint64_t *out);

/* One varint. False when it is cut short or does not fit 64 bits. Padded forms (80 00) are legal and read as they are. */
static inline bool pb_varint(struct pb *c, uint64_t *out)
{
    const unsigned char *p = c->p;
    if (c->end - p >= 2) {
        if (p[0] < 0x80) {
            *out = p[0];
            c->p = p + 1;
            return true;
        }
        if (p[1] < 0x80) {
            *out = (uint64_t)(p[0] & 0x7F) | (uint64_t)p[1] << 7;
            c->p = p + 2;
            return true;
        }
    }
    return pb_varint_slow(c, out);
}

static inline int64_t pb_zigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* One varint when at least 8 bytes are left, without a branch on its length: lengths that vary at random are what makes
 * the plain loop slow (measured: bench/pbf). Elsewhere, and for 9 and 10 bytes, the plain way. */
static inline bool pb_varint_mixed(struct pb *c, uint64_t *out)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t w;
    if (c->end - c->p >= 8) {
        __builtin_memcpy(&w, c->p, 8);
        uint64_t stop = ~w & UINT64_C(0x8080808080808080);
        if (stop) {
            c->p += (__builtin_ctzll(stop) >> 3) + 1;
            w &= stop ^ (stop - 1); /* up to and with the last byte */
            w = (w & UINT64_C(0x007F007F007F007F)) | (w & UINT64_C(0x7F007F007F007F00)) >> 1;
            w = (w & UINT64_C(0x00003FFF00003FFF)) | (w & UINT64_C(0x3FFF00003FFF0000)) >> 2;
            *out = (w & UINT64_C(0x000000000FFFFFFF)) | (w & UINT64_C(0x0FFFFFFF00000000)) >> 4;
            return true;
        }
    }
#endif
    return pb_varint(c, out);
}

/* The next field of a message; PB_BAD on a truncated or overlong number, a field number 0 or above 2^29 - 1, a wire type
 * other than the four, or a length over what is left. */
enum pb_step pb_next(struct pb *c, struct pb_field *out);

/* The same, with the common case in line: a key of one byte and a length or number of one or two. */
static inline enum pb_step pb_next_quick(struct pb *c, struct pb_field *out)
{
    const unsigned char *p = c->p;
    if (c->end - p < 3 || p[0] < 8 || p[0] >= 0x80 || ((p[0] & 7) != PB_BYTES && (p[0] & 7) != PB_VARINT))
        return pb_next(c, out);
    struct pb at = {p + 1, c->end};
    uint64_t v;
    if (at.p[0] >= 0x80 && at.p[1] >= 0x80)
        return pb_next(c, out);
    (void)pb_varint(&at, &v);
    bool is_bytes = (p[0] & 7) == PB_BYTES;
    if (is_bytes && v > (uint64_t)(at.end - at.p))
        return PB_BAD;
    out->number = p[0] >> 3;
    out->wire = (enum pb_wire)(p[0] & 7);
    if (!is_bytes) {
        out->value = v;
    } else {
        out->bytes = (struct str){(const char *)at.p, (size_t)v};
        at.p += v;
    }
    c->p = at.p;
    return PB_FIELD;
}

/* Why pb_next said PB_BAD at this place, for the error text. */
const char *pb_fault(const struct pb *c);

#endif
