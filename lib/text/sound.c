/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See sound.h. The classes are wide on purpose: what they find is judged by text_edits afterwards.
 */
#include "text/sound.h"

#include <string.h>

enum { NONE, P, T, K, S, M, N, L, R };

/* Pairs first: the second letter is part of the sound. */
static unsigned sound_of(struct str w, size_t i, size_t *used)
{
    char c = w.p[i], next = i + 1 < w.n ? w.p[i + 1] : 0;
    *used = 1;
    if (next == 'h' && (c == 's' || c == 'z' || c == 't' || c == 'd' || c == 'p' || c == 'k' || c == 'g' || c == 'c')) {
        *used = 2;
        return c == 's' || c == 'z' ? S : c == 't' || c == 'd' ? T : c == 'p' ? P : K;
    }
    if (next == 's' && c == 't') {
        *used = 2;
        return S;
    }
    switch (c) {
    case 'b':
    case 'p':
    case 'f':
    case 'v':
        return P;
    case 't':
    case 'd':
        return T;
    case 'k':
    case 'c':
    case 'q':
    case 'g':
    case 'x':
        return K;
    case 's':
    case 'z':
        return S;
    case 'm':
        return M;
    case 'n':
        return N;
    case 'l':
        return L;
    case 'r':
        return R;
    case 'h':
        return i == 0 ? K : NONE; /* "khram", "hram" */
    default:
        return NONE;
    }
}

uint64_t text_sound(struct str word)
{
    uint64_t key = 0;
    unsigned n = 0, last = NONE;
    for (size_t i = 0, used; i < word.n && n < TEXT_SKELETON_MAX; i += used) {
        unsigned s = sound_of(word, i, &used);
        if (s != NONE && s != last)
            key |= (uint64_t)s << (60 - 4 * n++);
        last = s;
    }
    return key;
}

unsigned text_sound_length(uint64_t key)
{
    unsigned n = 0;
    while (n < TEXT_SKELETON_MAX && key >> (60 - 4 * n) & 15)
        n++;
    return n;
}

uint64_t text_sound_without(uint64_t key, unsigned i)
{
    uint64_t before = i ? key & ~(UINT64_MAX >> (4 * i)) : 0;
    uint64_t after = i + 1 < TEXT_SKELETON_MAX ? (key & (UINT64_MAX >> (4 * (i + 1)))) << 4 : 0;
    return before | after;
}

uint64_t text_sound_last(uint64_t key)
{
    unsigned n = text_sound_length(key);
    return n < TEXT_SKELETON_MAX ? key | UINT64_MAX >> (4 * n) : key;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Letters that come and go between spellings cost half of what the others do. */
static unsigned cost(char c)
{
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y' || c == 'w' || c == 'h' || c == 'j' ? 1
                                                                                                                    : 2;
}

static unsigned cost_change(char a, char b)
{
    return a == b ? 0 : cost(a) > cost(b) ? cost(a) : cost(b);
}

/* Three rows of the table; of the one returned, [j] is the distance of a to the first j bytes of b. */
static const unsigned char *edit_row(struct str a, struct str b, unsigned char rows[3][TEXT_EDITS_MAX + 1])
{
    rows[0][0] = 0;
    for (size_t j = 1; j <= b.n; j++)
        rows[0][j] = (unsigned char)(rows[0][j - 1] + cost(b.p[j - 1]));
    for (size_t i = 1; i <= a.n; i++) {
        unsigned char *row = rows[i % 3], *above = rows[(i + 2) % 3], *higher = rows[(i + 1) % 3];
        unsigned gone = cost(a.p[i - 1]);
        row[0] = (unsigned char)(above[0] + gone);
        for (size_t j = 1; j <= b.n; j++) {
            unsigned d = least(row[j - 1] + cost(b.p[j - 1]), above[j] + gone);
            d = least(d, above[j - 1] + cost_change(a.p[i - 1], b.p[j - 1]));
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                d = least(d, higher[j - 2] + 2u);
            row[j] = (unsigned char)d;
        }
    }
    return rows[a.n % 3];
}

unsigned text_edits(struct str a, struct str b, unsigned most)
{
    unsigned char rows[3][TEXT_EDITS_MAX + 1];
    a = str_slice(a, 0, TEXT_EDITS_MAX);
    b = str_slice(b, 0, TEXT_EDITS_MAX);
    if ((a.n > b.n ? a.n - b.n : b.n - a.n) > most)
        return most + 1;
    return least(edit_row(a, b, rows)[b.n], most + 1);
}

unsigned text_edits_prefix(struct str a, struct str b, unsigned most, size_t *used)
{
    unsigned char rows[3][TEXT_EDITS_MAX + 1];
    unsigned best = most + 1;
    a = str_slice(a, 0, TEXT_EDITS_MAX);
    b = str_slice(b, 0, TEXT_EDITS_MAX < a.n + most ? TEXT_EDITS_MAX : a.n + most);
    const unsigned char *row = edit_row(a, b, rows);
    *used = 0;
    for (size_t j = 0; j <= b.n; j++) {
        if (row[j] < best) {
            best = row[j];
            *used = j;
        }
    }
    return best;
}

static struct str consonants(struct str s, char buf[TEXT_EDITS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < s.n && n < TEXT_EDITS_MAX; i++)
        if (cost(s.p[i]) > 1 && (n == 0 || buf[n - 1] != s.p[i]))
            buf[n++] = s.p[i];
    return (struct str){buf, n};
}

bool text_is_unvowelled(struct str s)
{
    size_t vowels = 0;
    for (size_t i = 0; i < s.n; i++)
        vowels += s.p[i] == 'a' || s.p[i] == 'e' || s.p[i] == 'i' || s.p[i] == 'o' || s.p[i] == 'u';
    return s.n >= 3 && 4 * vowels <= s.n;
}

unsigned text_edits_consonants(struct str a, struct str b, unsigned most)
{
    char x[TEXT_EDITS_MAX], y[TEXT_EDITS_MAX];
    return text_edits(consonants(a, x), consonants(b, y), most);
}
