/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * data/house-rules.json, the part that looks at names: which records are born HIDDEN by what they are called, whatever
 * format they came in. The part that looks at tags is compiled with the other rules on tags (osm_rules.h).
 */
#ifndef SITES_HOUSE_RULES_H
#define SITES_HOUSE_RULES_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

enum { HOUSE_RULES_FILE_MAX = 256 << 10, HOUSE_WORDS_MAX = 200 };

struct house_rules;
MUST_CHECK enum rc house_rules_new(struct house_rules **out, struct err *err);
void house_rules_free(struct house_rules *h);
/* search: the names of a record, folded, each behind a line feed. Any thread. */
bool house_rules_hides(const struct house_rules *h, struct str search);

#endif
