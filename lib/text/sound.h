/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * How alike two words sound and look, for names written in letters that are not their own. Pure; words are folded Latin
 * (text/fold.h), other bytes are passed over.
 */
#ifndef TEXT_SOUND_H
#define TEXT_SOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
    TEXT_SKELETON_MAX = 16, /* consonants kept of a word */
    TEXT_EDITS_MAX = 64     /* bytes of a word that text_edits compares; longer ones are cut */
};

/* The consonants of a word in classes of those that spellings and transliterations mix up (k c q g x kh, t d th, p b f v,
 * s z sh ts, ...), doubles single, vowels h j w y dropped, but an h that begins is a k; 4 bits each, the first in the highest. So keys sort as the
 * skeletons do, and a beginning of one is a range of keys. 0: no consonants. */
uint64_t text_sound(struct str word);
unsigned text_sound_length(uint64_t key);
/* Without its i-th consonant, i < length. */
uint64_t text_sound_without(uint64_t key, unsigned i);
/* The highest key that begins as this one does. */
uint64_t text_sound_last(uint64_t key);

/* What it costs to make a of b by insertions, deletions, changes and swaps of neighbours (optimal string alignment): 2
 * each, 1 where only vowels and h j w y are concerned; `most` + 1 when it is more than that. */
unsigned text_edits(struct str a, struct str b, unsigned most);
/* The same against the best beginning of `b`; *used is how long that is. */
unsigned text_edits_prefix(struct str a, struct str b, unsigned most, size_t *used);
/* Hardly any vowel: from a script that leaves them out. */
bool text_is_unvowelled(struct str s);
/* As text_edits, of the consonants alone, doubles single. */
unsigned text_edits_consonants(struct str a, struct str b, unsigned most);

#endif
