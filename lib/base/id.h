/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Ids. Inside: UUIDv7 (RFC 9562), sorted by time. What leaves the instance: random ids (a v7 id tells the
 * millisecond of a report) and, for people, a short code in Crockford base32 with its check symbol (mod 37).
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"

struct uuid {
    uint8_t b[16];
};

struct uuid uuid_v7(struct instant now); /* also strictly increasing within one process */
struct uuid uuid_random(void);           /* version 4 */
bool uuid_is_equal(struct uuid a, struct uuid b);
bool uuid_is_nil(struct uuid a);
bool uuid_parse(struct str s, struct uuid *out); /* 36 characters with dashes, either case */
enum { UUID_TEXT_BYTES = 36 };
void uuid_text(struct uuid u, char out[UUID_TEXT_BYTES]); /* lower case, not ended by a zero */
struct str uuid_format(struct arena *mem, struct uuid u);

/* Short code of 40 random bits, 8 symbols + check symbol, shown as XXXX-XXXX-C. */
uint64_t code_random(void); /* uniform in [0, 2^40) */
struct str code_format(struct arena *mem, uint64_t code);
bool code_parse(struct str s, uint64_t *out); /* forgiving as Crockford says: case, I L O, dashes; check must hold */

/* 128 random bits as 26 Crockford symbols + check, in groups of 5 (receipts). */
struct str secret128_format(struct arena *mem, const uint8_t bits[16]);
bool secret128_parse(struct str s, uint8_t bits[16]);

#endif
