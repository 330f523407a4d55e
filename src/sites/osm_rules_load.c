/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The table of religious features, from its JSON to compiled rules. Everything is borrowed from the document, which
 * lives as long as the rules.
 */
#include "sites/osm_rules_int.h"

#include "wire/json_in.h"

/* --- numbers for texts --------------------------------------------------------------------------------------------- */

static size_t slot_of(const struct numbers *t, struct str s)
{
    size_t i = str_hash(s) % RULES_SLOTS;
    while (t->slots[i].text.p && !str_is_equal(t->slots[i].text, s))
        i = (i + 1) % RULES_SLOTS;
    return i;
}

uint16_t numbers_key(const struct numbers *t, struct str s)
{
    return t->slots[slot_of(t, s)].key;
}

uint16_t numbers_word(const struct numbers *t, struct str s)
{
    return t->slots[slot_of(t, s)].word;
}

static enum rc number_add(struct numbers *t, struct str s, bool is_key, uint16_t *out, struct err *err)
{
    size_t i = slot_of(t, s);
    uint16_t *have = is_key ? &t->slots[i].key : &t->slots[i].word;
    uint16_t *count = is_key ? &t->keys_n : &t->words_n;
    if (!*have) {
        if (*count == (is_key ? OSM_RULES_KEYS_MAX : OSM_RULES_WORDS_MAX))
            return err_set(err, RC_TOO_LARGE, "over %u different %s", (unsigned)*count, is_key ? "keys" : "values");
        t->slots[i].text = s;
        *have = ++*count;
    }
    *out = *have;
    return RC_OK;
}

/* --- conditions ---------------------------------------------------------------------------------------------------- */

static struct str text_of(const json_t *j)
{
    return json_is_string(j) ? (struct str){json_string_value(j), json_string_length(j)} : STR_NONE;
}

static enum rc condition_load(struct osm_rules *r, const json_t *j, struct condition *out, struct err *err)
{
    struct str key = text_of(json_object_get(j, "key"));
    const json_t *values = json_object_get(j, "values");
    if (!key.n || json_array_size(values) == 0)
        return err_set(err, RC_INVALID, "a condition lacks \"key\" or \"values\"");
    TRY(number_add(&r->numbers, key, true, &out->key, err));
    uint16_t *words = ARENA_NEW_N(&r->mem, uint16_t, json_array_size(values));
    for (size_t i = 0; i < json_array_size(values); i++) {
        struct str value = text_of(json_array_get(values, i));
        if (!value.n)
            return err_set(err, RC_INVALID, "a value of \"" STR_FMT "\" is not a text", STR_ARG(key));
        if (str_is_equal(value, STR("*")))
            out->is_any = true;
        else
            TRY(number_add(&r->numbers, value, false, &words[out->words_n++], err));
    }
    out->words = words;
    out->reason = json_string_value(json_object_get(j, "reason"));
    return RC_OK;
}

static enum rc conditions_load(struct osm_rules *r, const json_t *list, const struct condition **out, size_t *n,
                               struct err *err)
{
    size_t count = json_array_size(list);
    struct condition *v = ARENA_NEW_N(&r->mem, struct condition, count);
    if (list && !json_is_array(list))
        return err_set(err, RC_INVALID, "its conditions are not a list");
    for (size_t i = 0; i < count; i++)
        TRY(condition_load(r, json_array_get(list, i), &v[i], err));
    *out = v;
    *n = count;
    return RC_OK;
}

static void name_words_load(struct osm_rules *r, const json_t *j, struct rule *out)
{
    const json_t *words = json_object_get(j, "words");
    struct str *v = ARENA_NEW_N(&r->mem, struct str, json_array_size(words));
    for (size_t i = 0; i < json_array_size(words); i++)
        v[i] = str_lower(&r->mem, text_of(json_array_get(words, i)));
    out->name_words = v;
    out->name_words_n = json_array_size(words);
    out->name_reason = json_string_value(json_object_get(j, "reason"));
}

static enum rc rule_load(struct osm_rules *r, const json_t *j, const char *code_key, struct rule *out, struct err *err)
{
    out->class_code = text_of(json_object_get(j, "class"));
    out->code = text_of(json_object_get(j, code_key));
    TRY(conditions_load(r, json_object_get(j, "when"), &out->when, &out->when_n, err));
    TRY(conditions_load(r, json_object_get(j, "unless"), &out->unless, &out->unless_n, err));
    if (out->when_n == 0)
        return err_set(err, RC_INVALID, "it has no \"when\"");
    name_words_load(r, json_object_get(j, "unless_name_words"), out);
    return RC_OK;
}

static enum rc list_load(struct osm_rules *r, const json_t *doc, const char *name, const char *code_key, bool has_class,
                         struct rule_list *out, struct err *err)
{
    const json_t *list = json_object_get(doc, name);
    out->v = ARENA_NEW_N(&r->mem, struct rule, json_array_size(list));
    for (; out->n < json_array_size(list); out->n++) {
        struct rule *rule = &out->v[out->n];
        enum rc rc = rule_load(r, json_array_get(list, out->n), code_key, rule, err);
        if (rc == RC_OK && (has_class ? !rule->class_code.n : !rule->code.n))
            rc = err_set(err, RC_INVALID, "it lacks its %s", has_class ? "class" : code_key);
        if (rc != RC_OK)
            return err_add(err, "religious features, %s, entry %zu: ", name, out->n + 1);
    }
    return RC_OK;
}

static enum rc filter_load(struct osm_rules *r, struct err *err)
{
    const json_t *list = json_object_get(r->doc, "first_filter");
    struct str *entries = ARENA_NEW_N(&r->mem, struct str, json_array_size(list));
    for (size_t i = 0; i < json_array_size(list); i++)
        entries[i] = text_of(json_array_get(list, i));
    if (osm_filter_new(entries, json_array_size(list), &r->filter, err) != RC_OK)
        return err_add(err, "religious features, first_filter: ");
    return RC_OK;
}

enum rc rules_load(struct osm_rules *r, struct err *err)
{
    TRY(filter_load(r, err));
    TRY(list_load(r, r->doc, "rules", "kind", true, &r->rules, err));
    TRY(list_load(r, r->doc, "kind_rules", "kind", false, &r->kinds, err));
    TRY(list_load(r, r->doc, "status", "status", false, &r->statuses, err));
    TRY(list_load(r, r->doc, "religion_hints", "religion", false, &r->hints, err));
    TRY(list_load(r, r->house, "born_hidden", "reason", false, &r->guards, err));
    if (r->guards.n == 0)
        return err_set(err, RC_INVALID, "house rules: nothing is born hidden");
    if (r->rules.n == 0)
        return err_set(err, RC_INVALID, "religious features: no rules");
    return RC_OK;
}
