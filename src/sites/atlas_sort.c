/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Radix sort of keys with their indexes, stable: once by the highest digit, then each bucket by itself, on all threads
 * and mostly within a cache.
 */
#include <string.h>

#include "base/threads.h"
#include "sites/atlas_int.h"

enum { DIGIT = 11, BUCKETS = 1 << DIGIT, SMALL_DIGIT = 8, SMALL = 4096, TINY = 48 };

struct sort {
    uint64_t *keys, *tmp_keys;
    uint32_t *idx, *tmp_idx;
    size_t at[BUCKETS + 1];
    int bits; /* still to be sorted by */
};

struct column {
    uint64_t *key;
    uint32_t *idx;
};

static void pass(struct column from, struct column to, size_t n, int shift, int digit)
{
    size_t at[BUCKETS], mask = ((size_t)1 << digit) - 1, sum = 0;
    memset(at, 0, (mask + 1) * sizeof *at);
    for (size_t i = 0; i < n; i++)
        at[from.key[i] >> shift & mask]++;
    for (size_t d = 0; d <= mask; d++) {
        size_t c = at[d];
        at[d] = sum;
        sum += c;
    }
    for (size_t i = 0; i < n; i++) {
        size_t k = at[from.key[i] >> shift & mask]++;
        to.key[k] = from.key[i];
        to.idx[k] = from.idx[i];
    }
}

static void insertion(struct column c, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t key = c.key[i];
        uint32_t idx = c.idx[i];
        size_t j = i;
        for (; j > 0 && c.key[j - 1] > key; j--) {
            c.key[j] = c.key[j - 1];
            c.idx[j] = c.idx[j - 1];
        }
        c.key[j] = key;
        c.idx[j] = idx;
    }
}

/* The bucket lies in tmp and ends in keys. Passes go to and fro, so an even number begins with a copy. */
static void sort_bucket(void *ctx, size_t k, size_t worker)
{
    (void)worker;
    const struct sort *s = ctx;
    size_t from = s->at[k], n = s->at[k + 1] - from;
    struct column a = {s->tmp_keys + from, s->tmp_idx + from}, b = {s->keys + from, s->idx + from};
    int digit = n < SMALL ? SMALL_DIGIT : DIGIT, passes = n <= TINY ? 0 : (s->bits + digit - 1) / digit;
    if (n == 0)
        return;
    if (passes % 2 == 0) {
        memcpy(b.key, a.key, n * sizeof *a.key);
        memcpy(b.idx, a.idx, n * sizeof *a.idx);
        struct column c = a;
        a = b;
        b = c;
    }
    for (int i = 0; i < passes; i++) {
        pass(a, b, n, i * digit, digit);
        struct column c = a;
        a = b;
        b = c;
    }
    if (n <= TINY)
        insertion(a, n);
}

void atlas_sort(uint64_t *keys, uint32_t *idx, uint64_t *tmp_keys, uint32_t *tmp_idx, size_t n, int bits,
                size_t threads)
{
    struct sort s = {.keys = keys, .idx = idx, .tmp_keys = tmp_keys, .tmp_idx = tmp_idx};
    s.bits = bits > DIGIT ? bits - DIGIT : 0;
    for (size_t i = 0; i < n; i++)
        s.at[(keys[i] >> s.bits & (BUCKETS - 1)) + 1]++;
    for (size_t d = 0; d < BUCKETS; d++)
        s.at[d + 1] += s.at[d];
    pass((struct column){keys, idx}, (struct column){tmp_keys, tmp_idx}, n, s.bits, DIGIT);
    threads_for(n < SMALL ? 1 : threads, BUCKETS, sort_bucket, &s);
}
