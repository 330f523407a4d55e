/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * UTF-8 well-formedness byte by byte, for the writers and readers of this room.
 * Source: The Unicode Standard, version 15.0, table 3-7; replacement of maximal subparts as in its section 3.9.
 */
#ifndef WIRE_UTF8_INT_H
#define WIRE_UTF8_INT_H

#include <stdbool.h>
#include <stddef.h>

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Length of the sequence that starts with `lead`, 0 when no sequence does; [*low, *high] is what the second byte may be. */
static inline int utf8_lead(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xBF;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF) {
        *low = lead == 0xE0 ? 0xA0 : 0x80;
        *high = lead == 0xED ? 0x9F : 0xBF;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        *low = lead == 0xF0 ? 0x90 : 0x80;
        *high = lead == 0xF4 ? 0x8F : 0xBF;
        return 4;
    }
    return 0;
}

/* How many bytes at p belong together, and in *whole whether they are one well-formed sequence. n > 0. */
static inline size_t utf8_take(const char *p, size_t n, bool *whole)
{
    unsigned char low, high;
    int want = utf8_lead((unsigned char)p[0], &low, &high);
    size_t have = 1;
    *whole = want == 1;
    if (want < 2)
        return 1;
    while (have < n && have < (size_t)want) {
        unsigned char c = (unsigned char)p[have];
        if (c < low || c > high)
            return have;
        low = 0x80;
        high = 0xBF;
        have++;
    }
    *whole = have == (size_t)want;
    return have;
}

/* Bytes of the well-formed sequence at p, 0 when there is none. */
static inline size_t utf8_sequence(const char *p, size_t n)
{
    bool whole;
    size_t have = utf8_take(p, n, &whole);
    return whole ? have : 0;
}

/* Bytes to be replaced by one U+FFFD when utf8_sequence gave 0. */
static inline size_t utf8_bad_prefix(const char *p, size_t n)
{
    bool whole;
    return utf8_take(p, n, &whole);
}

#endif
