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

/* The next field of a message; PB_BAD on a truncated or overlong number, a field number 0 or above 2^29 - 1, a wire type
 * other than the four, or a length over what is left. */
enum pb_step pb_next(struct pb *c, struct pb_field *out);

/* Why pb_next said PB_BAD at this place, for the error text. */
const char *pb_fault(const struct pb *c);

#endif
