/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Radix sort of keys with their indexes: several times faster than qsort on millions, and stable.
 */
#include <string.h>

#include "sites/atlas_int.h"

enum { DIGIT = 11, BUCKETS = 1 << DIGIT };

static void pass(const uint64_t *keys, const uint32_t *idx, uint64_t *to_keys, uint32_t *to_idx, size_t n, int shift)
{
    size_t at[BUCKETS] = {0}, sum = 0;
    for (size_t i = 0; i < n; i++)
        at[keys[i] >> shift & (BUCKETS - 1)]++;
    for (size_t d = 0; d < BUCKETS; d++) {
        size_t c = at[d];
        at[d] = sum;
        sum += c;
    }
    for (size_t i = 0; i < n; i++) {
        size_t to = at[keys[i] >> shift & (BUCKETS - 1)]++;
        to_keys[to] = keys[i];
        to_idx[to] = idx[i];
    }
}

void atlas_sort(uint64_t *keys, uint32_t *idx, uint64_t *tmp_keys, uint32_t *tmp_idx, size_t n, int bits)
{
    if (n < 2)
        return;
    uint64_t *k[2] = {keys, tmp_keys};
    uint32_t *x[2] = {idx, tmp_idx};
    int at = 0;
    for (int shift = 0; shift < bits; shift += DIGIT, at = !at)
        pass(k[at], x[at], k[!at], x[!at], n, shift);
    if (at) {
        memcpy(keys, tmp_keys, n * sizeof *keys);
        memcpy(idx, tmp_idx, n * sizeof *idx);
    }
}
