/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Likeness of folded words. See similar.h. Optimal string alignment distance (Boytsov, Indexing Methods for Approximate
 * Dictionary Searching, 2011, section 2) in three rows.
 */
#include "text/similar.h"

#include <string.h>

#define LEAST       0.7 /* what is less alike is another word */
#define CUT_LETTERS 3

static int least_of(int a, int b)
{
    return a < b ? a : b;
}

/* Edits from a to b, or most + 1 when there are more. Both at most TEXT_WORD_MAX long. */
static int edits(struct str a, struct str b, int most)
{
    int rows[3][TEXT_WORD_MAX + 1];
    int *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.n; j++)
        last[j] = (int)j;
    for (size_t i = 1; i <= a.n; i++) {
        int best = now[0] = (int)i;
        for (size_t j = 1; j <= b.n; j++) {
            int cost = a.p[i - 1] != b.p[j - 1];
            now[j] = least_of(least_of(last[j] + 1, now[j - 1] + 1), last[j - 1] + cost);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                now[j] = least_of(now[j], before[j - 2] + 1);
            best = least_of(best, now[j]);
        }
        if (best > most)
            return most + 1;
        int *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b.n];
}

double text_edit_similarity(struct str a, struct str b, double least)
{
    a = str_slice(a, 0, TEXT_WORD_MAX);
    b = str_slice(b, 0, TEXT_WORD_MAX);
    size_t longer = a.n > b.n ? a.n : b.n;
    if (longer == 0)
        return 1;
    int most = (int)((1 - least) * (double)longer + 1e-9);
    size_t apart = a.n > b.n ? a.n - b.n : b.n - a.n;
    if (apart > (size_t)most)
        return 0;
    int n = edits(a, b, most);
    return n > most ? 0 : 1 - (double)n / (double)longer;
}

/* b p: Arabic has no p. v f: Arabic has no v. c k q g: as scripts without one of them write it. 0: vowels
 * and h, w, y (Arabic writes long vowels so) are left out. */
static char class_of(char c)
{
    static const char CLASSES[26] = {0,   'b', 'k', 't', 0,   'f', 'k', 0, 0,   'j', 'k', 'l', 'm',
                                     'n', 0,   'b', 'k', 'r', 's', 't', 0, 'f', 0,   's', 0,   's'};
    return c >= 'a' && c <= 'z' ? CLASSES[c - 'a'] : c;
}

struct str text_skeleton(struct str word, char out[TEXT_WORD_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < word.n && n < TEXT_WORD_MAX; i++) {
        char c = class_of(word.p[i]);
        if (word.p[i] == 'p' && i + 1 < word.n && word.p[i + 1] == 'h')
            c = 'f';
        if (i == 0 && c == 0)
            c = word.p[i] == 'h' ? 0 : 'a';
        if (c && (n == 0 || out[n - 1] != c))
            out[n++] = c;
    }
    return (struct str){out, n};
}

static double by_sound(struct str a, struct str b)
{
    char x[TEXT_WORD_MAX], y[TEXT_WORD_MAX];
    struct str p = text_skeleton(a, x), q = text_skeleton(b, y);
    if (p.n < 2 || q.n < 2 || p.p[0] != q.p[0])
        return 0;
    return TEXT_SOUND_MOST * text_edit_similarity(p, q, LEAST);
}

static bool is_cut(struct str shorter, struct str longer)
{
    return shorter.n >= CUT_LETTERS && shorter.n < longer.n && str_starts_with(longer, shorter);
}

double text_word_similarity(struct str a, struct str b)
{
    if (str_is_equal(a, b))
        return 1;
    double best = text_edit_similarity(a, b, LEAST);
    if (best < TEXT_CUT && (is_cut(a, b) || is_cut(b, a)))
        best = TEXT_CUT;
    if (best < TEXT_SOUND_MOST) {
        double sound = by_sound(a, b);
        best = sound > best ? sound : best;
    }
    return best >= LEAST ? best : 0;
}
