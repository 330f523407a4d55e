/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SHA-256, HMAC-SHA-256 and constant-time comparison (libsodium underneath).
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct sha256 {
    uint8_t b[32];
};

struct sha256 sha256_of(const void *data, size_t n);
struct sha256 hmac_sha256(const void *key, size_t key_n, const void *data, size_t n);
bool sha256_is_equal(struct sha256 a, struct sha256 b); /* constant time */
struct str sha256_hex(struct arena *mem, struct sha256 h);
bool mem_is_equal_secret(const void *a, const void *b, size_t n); /* constant time */

/* In pieces. */
struct sha256_state {
    _Alignas(16) unsigned char opaque[128];
};
void sha256_begin(struct sha256_state *s);
void sha256_add(struct sha256_state *s, const void *data, size_t n);
struct sha256 sha256_end(struct sha256_state *s);

#endif
