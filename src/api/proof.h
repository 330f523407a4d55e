/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Proof of work for reports, asked only under load: a cost that one sender does not notice and a flood does.
 *
 * A challenge is stateless: the server signs the time and the difficulty it asked for. The client finds a nonce so
 * that SHA-256(challenge ":" nonce) begins with `bits` zero bits. An answer counts once, within PROOF_WINDOW_S.
 */
#ifndef API_PROOF_H
#define API_PROOF_H

#include <pthread.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/str.h"
#include "ledger/vault.h"

enum {
    PROOF_WINDOW_S = 300,
    PROOF_BITS_LEAST = 16, /* measured: 65,536 hashes are about 50 ms in a phone's browser */
    PROOF_BITS_MOST = 22,
    PROOF_USED_MAX = 65536, /* answers remembered for the window; when there is no room left an answer is refused */
    PROOF_NONCE_MAX = 64
};

struct proof_used;
struct proof {
    const struct vault *vault;
    size_t from_waiting; /* queue length from which a proof is asked for */
    pthread_mutex_t lock;
    struct proof_used *used;
};
void proof_init(struct proof *p, const struct vault *vault, size_t from_waiting);
void proof_fini(struct proof *p);
/* 0: none is needed. */
int proof_bits_for(const struct proof *p, size_t waiting);
struct str proof_challenge(const struct proof *p, int bits, struct instant now, struct arena *mem);
/* Was this challenge ours, is it young enough, is the work it asked for done, and is it the first time? One given out
 * when the load was less still counts. */
bool proof_accept(struct proof *p, struct str challenge, struct str nonce, struct instant now);

#endif
