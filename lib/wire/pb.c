/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Protocol buffers, the slow paths. See pb.h.
 */
#include "wire/pb.h"

bool pb_varint_slow(struct pb *c, uint64_t *out)
{
    uint64_t v = 0;
    const unsigned char *p = c->p;
    for (unsigned i = 0; i < PB_VARINT_MAX && p < c->end; i++) {
        uint64_t b = *p++;
        if (i == PB_VARINT_MAX - 1 && b > 1)
            return false;
        v |= (b & 0x7F) << (7 * i);
        if (b < 0x80) {
            *out = v;
            c->p = p;
            return true;
        }
    }
    return false;
}

static bool fixed(struct pb *c, unsigned n, uint64_t *out)
{
    if (pb_left(c) < n)
        return false;
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)c->p[i] << (8 * i);
    c->p += n;
    *out = v;
    return true;
}

static bool bytes(struct pb *c, struct str *out)
{
    uint64_t n;
    if (!pb_varint(c, &n) || n > pb_left(c))
        return false;
    *out = (struct str){(const char *)c->p, (size_t)n};
    c->p += n;
    return true;
}

static bool value(struct pb *c, struct pb_field *f)
{
    switch (f->wire) {
    case PB_VARINT:
        return pb_varint(c, &f->value);
    case PB_FIXED64:
        return fixed(c, 8, &f->value);
    case PB_FIXED32:
        return fixed(c, 4, &f->value);
    case PB_BYTES:
        return bytes(c, &f->bytes);
    }
    return false;
}

enum pb_step pb_next(struct pb *c, struct pb_field *out)
{
    if (c->p == c->end)
        return PB_END;
    struct pb at = *c;
    uint64_t key;
    if (!pb_varint(&at, &key) || key >> 3 == 0 || key >> 3 >= UINT64_C(1) << 29)
        return PB_BAD;
    struct pb_field f = {.number = (uint32_t)(key >> 3), .wire = (enum pb_wire)(key & 7)};
    if (!value(&at, &f))
        return PB_BAD;
    *out = f;
    *c = at;
    return PB_FIELD;
}

const char *pb_fault(const struct pb *c)
{
    struct pb at = *c;
    uint64_t key, n;
    if (!pb_varint(&at, &key))
        return pb_left(c) < PB_VARINT_MAX ? "a number is cut short" : "a number is longer than 64 bits";
    if (key >> 3 == 0 || key >> 3 >= UINT64_C(1) << 29)
        return "a field number is out of range";
    if ((key & 7) == 3 || (key & 7) == 4)
        return "groups (wire types 3 and 4) are not used by this format";
    if ((key & 7) > 5)
        return "a field has an unknown wire type";
    if ((key & 7) == PB_BYTES && pb_varint(&at, &n) && n > pb_left(&at))
        return "a length goes past the end";
    return "a value is cut short or longer than 64 bits";
}
