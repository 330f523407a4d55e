/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Controlled vocabularies: {"about", "entries": [{"code", "labels": {lang: text}, ...}]}. Read once, then only looked at,
 * from any thread.
 */
#ifndef WIRE_CODE_LIST_H
#define WIRE_CODE_LIST_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

enum { CODE_LIST_BYTES_MAX = 1 << 20 };

struct code_list;
/* Errors: RC_INVALID names what is missing or stands twice. */
MUST_CHECK enum rc code_list_new(struct str json, struct code_list **out, struct err *err);
void code_list_free(struct code_list *list);
bool code_list_has(const struct code_list *list, struct str code);
const json_t *code_list_entry(const struct code_list *list, struct str code); /* borrowed; NULL when unknown */
struct str code_list_label(const struct code_list *list, struct str code, const char *lang); /* empty when unknown */

#endif
