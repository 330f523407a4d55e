/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See house_rules.h.
 */
#include "sites/house_rules.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/asset.h"
#include "sites/sites.h"
#include "wire/json_in.h"

struct words {
    struct str at[HOUSE_WORDS_MAX]; /* folded */
    size_t n;
};
struct house_rules {
    struct arena mem;
    struct words hide, unless;
};

static enum rc words_read(struct house_rules *h, const json_t *rule, const char *key, struct words *out,
                          struct err *err)
{
    json_t *list;
    TRY(json_in_array(rule, "/born_hidden_names", key, JSON_REQUIRED, &list, err));
    if (json_array_size(list) > HOUSE_WORDS_MAX)
        return err_set(err, RC_TOO_LARGE, "house rules: over %d words", HOUSE_WORDS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *word = json_array_get(list, i);
        struct str text = {json_string_value(word), json_string_length(word)};
        out->at[out->n] = text.p ? sites_fold(&h->mem, text) : STR_NONE;
        if (str_is_empty(out->at[out->n++]))
            return err_set(err, RC_INVALID, "house rules: /born_hidden_names/%s, entry %zu is no word", key, i + 1);
    }
    return RC_OK;
}

enum rc house_rules_new(struct house_rules **out, struct err *err)
{
    json_t *doc, *rule;
    TRY(json_in_object(asset_text("data/house-rules.json"), HOUSE_RULES_FILE_MAX, &doc, err));
    struct house_rules *h = mem_alloc(sizeof *h);
    arena_init(&h->mem);
    enum rc rc = json_in_sub(doc, "", "born_hidden_names", JSON_REQUIRED, &rule, err);
    if (rc == RC_OK)
        rc = words_read(h, rule, "words", &h->hide, err);
    if (rc == RC_OK)
        rc = words_read(h, rule, "unless", &h->unless, err);
    json_decref(doc);
    if (rc == RC_OK)
        *out = h;
    else
        house_rules_free(h);
    return rc;
}

void house_rules_free(struct house_rules *h)
{
    if (!h)
        return;
    arena_fini(&h->mem);
    free(h);
}

static bool is_edge(char c)
{
    return c == ' ' || c == '\n';
}

/* Whole words, but in scripts that write no spaces: there anywhere in the name. */
static bool has_word(struct str name, struct str word)
{
    bool spaced = (unsigned char)word.p[0] < 0x80;
    for (size_t i = 0; i + word.n <= name.n; i++) {
        if (!str_is_equal((struct str){name.p + i, word.n}, word))
            continue;
        bool starts = i == 0 || is_edge(name.p[i - 1]), ends = i + word.n == name.n || is_edge(name.p[i + word.n]);
        if (!spaced || (starts && ends))
            return true;
    }
    return false;
}

static bool has_any(struct str name, const struct words *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (has_word(name, w->at[i]))
            return true;
    return false;
}

bool house_rules_hides(const struct house_rules *h, struct str search)
{
    struct str name;
    while (search.n) {
        str_cut(search, '\n', &name, &search);
        if (has_any(name, &h->hide) && !has_any(name, &h->unless))
            return true;
    }
    return false;
}
