/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * UUIDs and short codes. Crockford base32: https://www.crockford.com/base32.html (check symbol = value mod 37).
 */
#include "base/id.h"

#include "base/rng.h"

#include <stdatomic.h>
#include <string.h>

static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";

struct uuid uuid_random(void)
{
    struct uuid u;
    rng_bytes(u.b, sizeof u.b);
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40);
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
    return u;
}

/* Millisecond and a 12-bit counter in one number, so that ids of one process only rise. */
struct uuid uuid_v7(struct instant now)
{
    static atomic_uint_least64_t last;
    uint64_t want = (uint64_t)(now.us < 0 ? 0 : now.us) / 1000 << 12, seen = atomic_load(&last), next;
    do {
        next = want > seen ? want : seen + 1;
    } while (!atomic_compare_exchange_weak(&last, &seen, next));
    struct uuid u;
    rng_bytes(u.b, sizeof u.b);
    uint64_t ms = next >> 12;
    for (int i = 0; i < 6; i++)
        u.b[i] = (uint8_t)(ms >> (40 - 8 * i));
    u.b[6] = (uint8_t)(0x70 | ((next >> 8) & 0x0f));
    u.b[7] = (uint8_t)next;
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
    return u;
}

bool uuid_is_equal(struct uuid a, struct uuid b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

bool uuid_is_nil(struct uuid a)
{
    return uuid_is_equal(a, (struct uuid){{0}});
}

bool uuid_parse(struct str s, struct uuid *out)
{
    char hex[32];
    size_t n = 0;
    if (s.n != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (s.p[i] != '-')
                return false;
        } else {
            hex[n++] = s.p[i];
        }
    }
    return str_unhex((struct str){hex, 32}, out->b, 16);
}

void uuid_text(struct uuid u, char out[UUID_TEXT_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < 16;
         i++) { /* measured (bench_raw): faster than all digits at once and moved to their places */
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = hex[u.b[i] >> 4];
        *out++ = hex[u.b[i] & 15];
    }
}

struct str uuid_format(struct arena *mem, struct uuid u)
{
    char *z = arena_alloc(mem, UUID_TEXT_BYTES + 1);
    uuid_text(u, z);
    z[UUID_TEXT_BYTES] = 0;
    return (struct str){z, UUID_TEXT_BYTES};
}

static int symbol_value(char c)
{
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 32);
    if (c == 'O')
        c = '0';
    if (c == 'I' || c == 'L')
        c = '1';
    const char *at = c ? strchr(ALPHABET, c) : NULL;
    return at ? (int)(at - ALPHABET) : -1;
}

/* Symbols of s without dashes and spaces into values; false on a stranger or more than max. */
static bool symbols_read(struct str s, int *values, size_t max, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '-' || s.p[i] == ' ')
            continue;
        int v = symbol_value(s.p[i]);
        if (v < 0 || *count == max)
            return false;
        values[(*count)++] = v;
    }
    return true;
}

uint64_t code_random(void)
{
    uint64_t v;
    rng_bytes(&v, sizeof v);
    return v & ((UINT64_C(1) << 40) - 1);
}

struct str code_format(struct arena *mem, uint64_t code)
{
    char z[12];
    for (int i = 0; i < 8; i++)
        z[i + (i >= 4)] = ALPHABET[code >> (35 - 5 * i) & 31];
    z[4] = '-';
    z[9] = '-';
    z[10] = ALPHABET[code % 37];
    return str_copy(mem, (struct str){z, 11});
}

bool code_parse(struct str s, uint64_t *out)
{
    int v[9];
    size_t n;
    if (!symbols_read(s, v, 9, &n) || n != 9)
        return false;
    uint64_t code = 0;
    for (int i = 0; i < 8; i++) {
        if (v[i] > 31)
            return false;
        code = code << 5 | (uint64_t)v[i];
    }
    if (code % 37 != (uint64_t)v[8])
        return false;
    *out = code;
    return true;
}

static int mod37(const uint8_t bits[16])
{
    int r = 0;
    for (int i = 0; i < 16; i++)
        r = (r * 256 + bits[i]) % 37;
    return r;
}

struct str secret128_format(struct arena *mem, const uint8_t bits[16])
{
    char z[40];
    size_t n = 0;
    for (int i = 0; i < 26; i++) {
        int v = 0;
        for (int k = 0; k < 5; k++) { /* 130 bits: two zero bits lead */
            int bit = i * 5 + k - 2;
            v = v << 1 | (bit >= 0 ? bits[bit / 8] >> (7 - bit % 8) & 1 : 0);
        }
        if (i && i % 5 == 0)
            z[n++] = '-';
        z[n++] = ALPHABET[v];
    }
    z[n++] = ALPHABET[mod37(bits)];
    return str_copy(mem, (struct str){z, n});
}

bool secret128_parse(struct str s, uint8_t bits[16])
{
    int v[27];
    size_t n;
    uint8_t b[16] = {0};
    if (!symbols_read(s, v, 27, &n) || n != 27 || v[0] > 7)
        return false;
    for (int i = 0; i < 26; i++) {
        if (v[i] > 31)
            return false;
        for (int k = 0; k < 5; k++) {
            int bit = i * 5 + k - 2;
            if (bit >= 0 && (v[i] >> (4 - k) & 1))
                b[bit / 8] |= (uint8_t)(1 << (7 - bit % 8));
        }
    }
    if (mod37(b) != v[26])
        return false;
    memcpy(bits, b, 16);
    return true;
}
