/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SHA-256 and HMAC by libsodium.
 */
#include "base/hash.h"

#include <sodium.h>
#include <string.h>

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct sha256_state), "state fits");

struct sha256 sha256_of(const void *data, size_t n)
{
    struct sha256 h;
    crypto_hash_sha256(h.b, data, n);
    return h;
}

void sha256_begin(struct sha256_state *s)
{
    crypto_hash_sha256_init((crypto_hash_sha256_state *)(void *)s->opaque);
}

void sha256_add(struct sha256_state *s, const void *data, size_t n)
{
    crypto_hash_sha256_update((crypto_hash_sha256_state *)(void *)s->opaque, data, n);
}

struct sha256 sha256_end(struct sha256_state *s)
{
    struct sha256 h;
    crypto_hash_sha256_final((crypto_hash_sha256_state *)(void *)s->opaque, h.b);
    return h;
}

struct sha256 hmac_sha256(const void *key, size_t key_n, const void *data, size_t n)
{
    crypto_auth_hmacsha256_state s;
    struct sha256 h;
    crypto_auth_hmacsha256_init(&s, key, key_n);
    crypto_auth_hmacsha256_update(&s, data, n);
    crypto_auth_hmacsha256_final(&s, h.b);
    return h;
}

bool mem_is_equal_secret(const void *a, const void *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}

bool sha256_is_equal(struct sha256 a, struct sha256 b)
{
    return mem_is_equal_secret(a.b, b.b, sizeof a.b);
}

struct str sha256_hex(struct arena *mem, struct sha256 h)
{
    return str_hex(mem, h.b, sizeof h.b);
}
