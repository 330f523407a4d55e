/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Vocabularies over jansson; an object from code to entry makes the look-up.
 */
#include "wire/code_list.h"

#include "wire/json_in.h"

#include <stdlib.h>

struct code_list {
    json_t *document;
    json_t *by_code;
};

static enum rc index_entries(struct code_list *list, struct err *err)
{
    json_t *entries, *entry;
    size_t i;
    TRY(json_in_array(list->document, "", "entries", JSON_REQUIRED, &entries, err));
    json_array_foreach(entries, i, entry)
    {
        const char *code = json_string_value(json_object_get(entry, "code"));
        if (!code || !code[0])
            return err_set(err, RC_INVALID, "/entries/%zu: no code", i);
        if (json_object_get(list->by_code, code))
            return err_set(err, RC_INVALID, "/entries/%zu: code %s stands twice", i, code);
        json_object_set(list->by_code, code, entry);
    }
    return RC_OK;
}

enum rc code_list_new(struct str json, struct code_list **out, struct err *err)
{
    struct code_list *list = mem_alloc(sizeof *list);
    enum rc rc = json_in_object(json, CODE_LIST_BYTES_MAX, &list->document, err);
    if (rc == RC_OK) {
        list->by_code = json_object();
        rc = index_entries(list, err);
    }
    if (rc == RC_OK)
        *out = list;
    else
        code_list_free(list);
    return rc;
}

void code_list_free(struct code_list *list)
{
    if (!list)
        return;
    json_decref(list->by_code);
    json_decref(list->document);
    free(list);
}

const json_t *code_list_entry(const struct code_list *list, struct str code)
{
    return code.n ? json_object_getn(list->by_code, code.p, code.n) : NULL;
}

bool code_list_has(const struct code_list *list, struct str code)
{
    return code_list_entry(list, code) != NULL;
}

struct str code_list_label(const struct code_list *list, struct str code, const char *lang)
{
    const json_t *entry = code_list_entry(list, code);
    return entry ? json_str_or_empty(json_object_get(entry, "labels"), lang) : STR("");
}
