/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The words sources use, brought to the codes of data/vocab: religions and kinds of site. Read once, then only looked
 * at, from any thread. What is not listed becomes "other"; the source's own word stays in its record.
 */
#ifndef SITES_VOCAB_H
#define SITES_VOCAB_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct vocab;
MUST_CHECK enum rc vocab_new(struct vocab **out, struct err *err); /* from the assets */
void vocab_free(struct vocab *v);

/* Code of a religion as somebody wrote it, in any case: a listed code, an alias, a phrase with an alias among its
 * words, several of them ("a;b", different ones: multifaith); "" for nothing or "unknown"; else "other". Borrowed from
 * v. */
struct str vocab_religion(const struct vocab *v, struct str said);
bool vocab_is_religion(const struct vocab *v, struct str code);
bool vocab_is_kind(const struct vocab *v, struct str code);
bool vocab_is_class(const struct vocab *v, struct str code);
struct str vocab_class_of_kind(const struct vocab *v, struct str kind); /* "" when unknown */
/* The kind when nobody named one: what the class is alone, else the faith's own house, else OTHER. */
struct str vocab_kind_for(const struct vocab *v, struct str class_code, struct str religion);

#endif
