/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The only source of randomness. rng_bytes is the operating system's (through libsodium), for ids, keys, receipts.
 * struct prng is a seeded, reproducible generator (xoshiro256** seeded by splitmix64) for simulations and tests.
 * Source: D. Blackman and S. Vigna, Scrambled linear pseudorandom number generators, ACM TOMS 47(4), 2021.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

void rng_bytes(void *out, size_t n);

struct prng {
    uint64_t s[4];
};
void prng_seed(struct prng *r, uint64_t seed);
uint64_t prng_u64(struct prng *r);
uint64_t prng_below(struct prng *r, uint64_t n); /* uniform in [0, n), n > 0, without bias */
double prng_unit(struct prng *r);                /* uniform in [0, 1) */
double prng_normal(struct prng *r);              /* mean 0, variance 1 */

#endif
