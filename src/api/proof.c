/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Challenges: 16 random bytes, 8 of time (seconds), 1 of difficulty, 16 of the keyed hash over these; as hex.
 */
#include "api/proof.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

enum {
    RANDOM_N = 16,
    SIGNED_N = RANDOM_N + 8 + 1,
    MAC_N = 16,
    CHALLENGE_N = SIGNED_N + MAC_N,
    SETS = PROOF_USED_MAX / 8
};

/* Used challenges: sets of eight slots chosen by the challenge's own random bytes, the oldest of a set replaced. */
struct proof_used {
    uint8_t random[RANDOM_N];
    int64_t until_s;
};

void proof_init(struct proof *p, const struct vault *vault, size_t from_waiting)
{
    *p = (struct proof){.vault = vault, .from_waiting = from_waiting};
    pthread_mutex_init(&p->lock, NULL);
    p->used = mem_array(PROOF_USED_MAX, sizeof *p->used);
}

void proof_fini(struct proof *p)
{
    pthread_mutex_destroy(&p->lock);
    free(p->used);
}

int proof_bits_for(const struct proof *p, size_t waiting)
{
    int bits = PROOF_BITS_LEAST;
    if (waiting < p->from_waiting)
        return 0;
    for (size_t n = p->from_waiting ? p->from_waiting : 1; n * 2 <= waiting && bits < PROOF_BITS_MOST; n *= 2)
        bits++;
    return bits;
}

static void sign(const struct proof *p, uint8_t *challenge)
{
    struct sha256 mac = vault_keyed_hash(p->vault, "report.proof", challenge, SIGNED_N);
    memcpy(challenge + SIGNED_N, mac.b, MAC_N);
}

static void put_time(uint8_t *at, int64_t seconds)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)((uint64_t)seconds >> (56 - 8 * i));
}

static int64_t get_time(const uint8_t *at)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | at[i];
    return (int64_t)v;
}

struct str proof_challenge(const struct proof *p, int bits, struct instant now, struct arena *mem)
{
    uint8_t c[CHALLENGE_N];
    rng_bytes(c, RANDOM_N);
    put_time(c + RANDOM_N, now.us / 1000000);
    c[RANDOM_N + 8] = (uint8_t)bits;
    sign(p, c);
    return str_hex(mem, c, sizeof c);
}

static bool has_zero_bits(struct sha256 h, int bits)
{
    int i = 0;
    for (; bits >= 8; bits -= 8)
        if (h.b[i++] != 0)
            return false;
    return bits == 0 || h.b[i] >> (8 - bits) == 0;
}

static bool is_work_done(struct str challenge, struct str nonce, int bits)
{
    struct sha256_state s;
    sha256_begin(&s);
    sha256_add(&s, challenge.p, challenge.n);
    sha256_add(&s, ":", 1);
    sha256_add(&s, nonce.p, nonce.n);
    return has_zero_bits(sha256_end(&s), bits);
}

/* True the first time within the window. */
static bool use_once(struct proof *p, const uint8_t *challenge, int64_t now_s)
{
    size_t set = ((size_t)challenge[0] << 8 | challenge[1]) % SETS;
    struct proof_used *slot = &p->used[set * 8], *oldest = slot;
    bool is_first = true;
    pthread_mutex_lock(&p->lock);
    for (int i = 0; i < 8; i++) {
        if (slot[i].until_s >= now_s && memcmp(slot[i].random, challenge, RANDOM_N) == 0)
            is_first = false;
        if (slot[i].until_s < oldest->until_s)
            oldest = &slot[i];
    }
    if (is_first && oldest->until_s >= now_s) /* the set is full of live ones: refusing is safe, forgetting is not */
        is_first = false;
    if (is_first) {
        memcpy(oldest->random, challenge, RANDOM_N);
        oldest->until_s = now_s + PROOF_WINDOW_S;
    }
    pthread_mutex_unlock(&p->lock);
    return is_first;
}

bool proof_accept(struct proof *p, struct str challenge, struct str nonce, struct instant now)
{
    uint8_t c[CHALLENGE_N], mac[MAC_N];
    int64_t now_s = now.us / 1000000;
    if (nonce.n == 0 || nonce.n > PROOF_NONCE_MAX || !str_unhex(challenge, c, sizeof c))
        return false;
    memcpy(mac, c + SIGNED_N, MAC_N);
    sign(p, c);
    if (!mem_is_equal_secret(mac, c + SIGNED_N, MAC_N))
        return false;
    int64_t made_s = get_time(c + RANDOM_N);
    int bits = c[RANDOM_N + 8];
    if (made_s > now_s || now_s - made_s > PROOF_WINDOW_S || bits < PROOF_BITS_LEAST)
        return false;
    return is_work_done(challenge, nonce, bits) && use_once(p, c, now_s);
}
