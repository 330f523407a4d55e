/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * How alike two words are that text_fold made: by spelling (Damerau's edits, adjacent letters swapped count once), by sound
 * (consonants in classes that survive the usual transliterations), or one being the other cut short.
 */
#ifndef TEXT_SIMILAR_H
#define TEXT_SIMILAR_H

#include "base/str.h"

enum { TEXT_WORD_MAX = 48 }; /* bytes compared of one word; the rest is cut */

/* 1 - edits / length of the longer; 0 as soon as it would fall below `least`. 1 when both are empty.
 * Cost: O(n * edits). */
double text_edit_similarity(struct str a, struct str b, double least);

/* Consonant classes, doubled ones once, vowels left out but for one at the beginning: "petros" and "butrus" give the same.
 * At most TEXT_WORD_MAX bytes, written to out. */
struct str text_skeleton(struct str word, char out[TEXT_WORD_MAX]);

/* The best of the three, 0 to 1: spelling as it is; sound at most TEXT_SOUND_MOST, for words of two consonants or more that
 * begin alike; cut short ("meth" of "methodist", three letters at least) TEXT_CUT. Below 0.7 it is 0: no likeness. */
#define TEXT_SOUND_MOST 0.88
#define TEXT_CUT        0.85
double text_word_similarity(struct str a, struct str b);

#endif
