/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Canonical JSON (RFC 8785): one spelling per value, so that equal values hash equally. Members sorted by UTF-16 code
 * units, numbers as ECMAScript prints them, no white space.
 *   C1 output of canonical_json is a fixed point: canonical_json of it gives the same bytes.
 *   C2 what cannot be carried without loss is refused, not rounded: numbers between 2^53 and 1e21 (they would read back as integers
 *      no double tells apart), duplicate members, U+0000, text that is not UTF-8.
 */
#ifndef LEDGER_CANONICAL_H
#define LEDGER_CANONICAL_H

#include <stdbool.h>

#include "base/str.h"

enum {
    CANONICAL_DEPTH_MAX = 32,         /* arrays and objects within one another */
    CANONICAL_SIZE_MAX = 1024 * 1024, /* bytes of input */
    CANONICAL_NUMBER_MAX = 32         /* bytes canonical_number writes at most, with its NUL */
};

/* Any JSON text into its canonical form. RC_INVALID tells line and column of what is refused. */
MUST_CHECK enum rc canonical_json(struct str json, struct arena *mem, struct str *out, struct err *err);

/* ECMAScript Number::toString of a finite double (ECMA-262, 6.1.6.1.20); returns the length. NaN and infinity are a
 * caller's bug (ENSURE). */
size_t canonical_number(double v, char out[CANONICAL_NUMBER_MAX]);

/* Order of two UTF-8 strings by UTF-16 code units: <0, 0, >0. */
int canonical_compare(struct str a, struct str b);

/* A JSON string with its quotes, escaped as RFC 8785 section 3.2.2.2 says; s must be UTF-8. */
void canonical_add_string(struct buf *b, struct str s);

#endif
