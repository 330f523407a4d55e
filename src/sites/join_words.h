/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What the comparison of records knows of words: which words of names are the same in other languages and how much each
 * tells (data/join-words.json), which denominations and kinds can be one place in two mouths (data/join-faiths.json).
 * Read once, then only looked at, from any thread.
 */
#ifndef SITES_JOIN_WORDS_H
#define SITES_JOIN_WORDS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "text/fold.h"

enum { JOIN_NAME_WORDS_MAX = 16 }; /* of one name; later ones are not compared */

struct join_words;
MUST_CHECK enum rc join_words_new(struct join_words **out, struct err *err); /* from the assets */
void join_words_free(struct join_words *w);

/* A name as it is compared: "2laurentius 0church", words brought to one spelling, each led by what it tells: 0 next to
 * nothing, 1 little, 2 much. Empty when nothing is left. */
struct str join_name_make(const struct join_words *w, struct text_folder *folder, struct str name, struct arena *mem);

struct join_likeness {
    double alike;    /* 0: nothing in common, 1: the same */
    double weight;   /* of the words they share: 0.05 for "church", 1 and more for a name of its own */
    bool is_telling; /* both say something besides what kind of building it is */
};
/* Two names that join_name_make made. */
struct join_likeness join_names_compare(const struct join_words *w, struct str a, struct str b);

enum join_fit { JOIN_SAME, JOIN_KIN, JOIN_SILENT, JOIN_STRANGERS };
/* Denominations as sources write them; several between ";" fit by their best. */
enum join_fit join_denominations_fit(const struct join_words *w, struct str a, struct str b);
/* Codes of kinds. JOIN_SILENT when one is empty or OTHER. */
enum join_fit join_kinds_fit(const struct join_words *w, struct str a, struct str b);

#endif
