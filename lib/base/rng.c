/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Randomness: the system's, and the seeded generator of simulations.
 */
#include "base/rng.h"

#include "base/err.h"

#include <math.h>
#include <sodium.h>

void rng_bytes(void *out, size_t n)
{
    ENSURE(sodium_init() >= 0);
    randombytes_buf(out, n);
}

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void prng_seed(struct prng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t prng_u64(struct prng *r)
{
    uint64_t *s = r->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

/* Source: D. Lemire, Fast random integer generation in an interval, ACM TOMACS 29(1), 2019, algorithm 5. */
uint64_t prng_below(struct prng *r, uint64_t n)
{
    ENSURE(n > 0);
    __extension__ typedef unsigned __int128 u128;
    u128 m = (u128)prng_u64(r) * n;
    if ((uint64_t)m < n) {
        uint64_t least = (0 - n) % n;
        while ((uint64_t)m < least)
            m = (u128)prng_u64(r) * n;
    }
    return (uint64_t)(m >> 64);
}

double prng_unit(struct prng *r)
{
    return (double)(prng_u64(r) >> 11) * 0x1p-53;
}

double prng_normal(struct prng *r)
{
    double a = 1.0 - prng_unit(r), b = prng_unit(r); /* Box-Muller */
    return sqrt(-2.0 * log(a)) * cos(6.283185307179586 * b);
}
