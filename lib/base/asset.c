/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Look-up in the table that tools/embed.py writes, sorted by path.
 */
#include "base/asset.h"

#include "base/err.h"

#include <string.h>

extern const struct asset asset_table[];
extern const unsigned long asset_count;

const struct asset *asset_at(size_t i)
{
    return i < asset_count ? &asset_table[i] : NULL;
}

const struct asset *asset_find(struct str path)
{
    size_t lo = 0, hi = asset_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = str_compare(str_of(asset_table[mid].path), path);
        if (c == 0)
            return &asset_table[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

struct str asset_text(const char *path)
{
    const struct asset *a = asset_find(str_of(path));
    ENSURE(a != NULL);
    return (struct str){(const char *)a->p, a->n};
}
