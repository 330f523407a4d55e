/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What a search needs to know of the scripts of a text: where words begin and end, and which scripts write none; Chinese
 * characters in one form. ICU does the work.
 */
#ifndef TEXT_SCRIPT_H
#define TEXT_SCRIPT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum text_spacing {
    TEXT_SPACED,  /* words stand apart */
    TEXT_HAN,     /* Chinese characters and kana: no spaces, a character says much */
    TEXT_UNSPACED /* Thai, Lao, Khmer, Myanmar: no spaces, letters */
};
struct text_run {
    struct str text; /* letters, digits and their marks only */
    enum text_spacing spacing;
    bool is_hyphened; /* TEXT_HYPHEN stood right before it */
};
/* Stands for a hyphen between two letters where folding would make it a space (a private-use character, in UTF-8). */
#define TEXT_HYPHEN "\xee\x80\x80"

/* The next run of letters and digits of one spacing; false at the end. */
bool text_next_run(struct str *rest, struct text_run *out);
/* How many characters (code points); the byte offset of the i-th, or the length. Text is UTF-8. */
size_t text_characters(struct str s);
size_t text_offset(struct str s, size_t i);

struct text_simplifier; /* one per thread */
MUST_CHECK enum rc text_simplifier_new(struct text_simplifier **out, struct err *err);
void text_simplifier_free(struct text_simplifier *t);
/* Traditional Chinese characters as simplified ones; other text as it is. */
struct str text_simplify(struct text_simplifier *t, struct str s, struct arena *mem);

#endif
