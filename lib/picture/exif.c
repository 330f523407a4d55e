/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The one thing of EXIF that is needed: which way is up. A TIFF header, then a directory of twelve-byte entries.
 */
#include "picture/picture_int.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY = 12 };

struct tiff {
    struct str s;
    bool is_little;
};

static bool u16_at(const struct tiff *t, size_t at, unsigned *out)
{
    if (at > t->s.n || t->s.n - at < 2)
        return false;
    unsigned a = (unsigned char)t->s.p[at], b = (unsigned char)t->s.p[at + 1];
    *out = t->is_little ? b << 8 | a : a << 8 | b;
    return true;
}

static bool u32_at(const struct tiff *t, size_t at, size_t *out)
{
    unsigned a, b;
    if (!u16_at(t, at, &a) || !u16_at(t, at + 2, &b))
        return false;
    *out = t->is_little ? (size_t)b << 16 | a : (size_t)a << 16 | b;
    return true;
}

int exif_orientation(struct str s)
{
    struct tiff t = {s, str_starts_with(s, STR("II"))};
    size_t at;
    unsigned magic, n;
    if ((!t.is_little && !str_starts_with(s, STR("MM"))) || !u16_at(&t, 2, &magic) || magic != 42 ||
        !u32_at(&t, 4, &at) || !u16_at(&t, at, &n))
        return ORIENTATION_UPRIGHT;
    for (unsigned i = 0; i < n; i++) {
        size_t entry = at + 2 + (size_t)i * ENTRY;
        unsigned tag, type, value;
        if (!u16_at(&t, entry, &tag) || !u16_at(&t, entry + 2, &type) || !u16_at(&t, entry + 8, &value))
            break;
        if (tag == TAG_ORIENTATION)
            return type == TYPE_SHORT && value >= 1 && value <= 8 ? (int)value : ORIENTATION_UPRIGHT;
    }
    return ORIENTATION_UPRIGHT;
}
