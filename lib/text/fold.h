/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Names in any script made comparable: transliterated to Latin, accents dropped, lower case, punctuation to spaces, single
 * spaces. For search and matching only; what people read is never folded. ICU does the work.
 */
#ifndef TEXT_FOLD_H
#define TEXT_FOLD_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum { TEXT_FOLD_MAX = 4000 }; /* bytes of input folded; the rest is cut */

struct text_folder; /* one per thread: ICU's transliterator is not shared */
MUST_CHECK enum rc text_folder_new(struct text_folder **out, struct err *err);
void text_folder_free(struct text_folder *f);
/* Cost: about 1 us per character outside ASCII; ASCII goes a short way. */
struct str text_fold(struct text_folder *f, struct str s, struct arena *mem);

/* The next word of folded text; false at the end. */
bool text_next_word(struct str *rest, struct str *word);

#endif
