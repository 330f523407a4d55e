/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See vocab.h. A few dozen entries: linear search over arrays that fit the cache beats a table of hashes.
 */
#include "sites/vocab.h"

#include <stdlib.h>

#include "base/asset.h"
#include "wire/json_in.h"

enum { VOCAB_BYTES_MAX = 1 << 20, VOCAB_ENTRIES_MAX = 500, WORD_MAX = 64 };

struct pair {
    struct str from, to;
};
struct kind {
    struct str code, class_code, religion;
};
struct vocab {
    struct arena mem;
    struct str *religions;
    size_t religions_n;
    struct pair *aliases;
    size_t aliases_n;
    struct kind *kinds;
    size_t kinds_n;
    struct str *classes;
    size_t classes_n;
};

static enum rc document(const char *asset, json_t **out, const json_t **entries, struct err *err)
{
    TRY(json_in_object(asset_text(asset), VOCAB_BYTES_MAX, out, err));
    *entries = json_object_get(*out, "entries");
    if (!json_is_array(*entries) || json_array_size(*entries) > VOCAB_ENTRIES_MAX) {
        json_decref(*out);
        return err_set(err, RC_DAMAGED, "%s: \"entries\" is not a list of at most %d", asset, VOCAB_ENTRIES_MAX);
    }
    return RC_OK;
}

static struct str kept(struct vocab *v, const json_t *object, const char *key)
{
    return str_copy(&v->mem, json_str_or_empty(object, key));
}

static enum rc religions_load(struct vocab *v, struct err *err)
{
    json_t *doc;
    const json_t *entries;
    TRY(document("data/vocab/religions.json", &doc, &entries, err));
    v->religions_n = json_array_size(entries);
    v->religions = ARENA_NEW_N(&v->mem, struct str, v->religions_n);
    for (size_t i = 0; i < v->religions_n; i++)
        v->religions[i] = kept(v, json_array_get(entries, i), "code");
    json_t *aliases = json_object_get(doc, "aliases");
    v->aliases = ARENA_NEW_N(&v->mem, struct pair, json_object_size(aliases));
    const char *key;
    json_t *value;
    json_object_foreach(aliases, key, value) v->aliases[v->aliases_n++] =
        (struct pair){str_copy(&v->mem, str_of(key)), str_copy(&v->mem, str_of(json_string_value(value)))};
    json_decref(doc);
    return RC_OK;
}

static enum rc kinds_load(struct vocab *v, struct err *err)
{
    json_t *doc;
    const json_t *entries;
    TRY(document("data/vocab/site-kinds.json", &doc, &entries, err));
    v->kinds_n = json_array_size(entries);
    v->kinds = ARENA_NEW_N(&v->mem, struct kind, v->kinds_n);
    for (size_t i = 0; i < v->kinds_n; i++) {
        const json_t *e = json_array_get(entries, i);
        v->kinds[i] = (struct kind){kept(v, e, "code"), kept(v, e, "class"), kept(v, e, "religion")};
    }
    const json_t *classes = json_object_get(doc, "classes");
    v->classes_n = json_array_size(classes);
    v->classes = ARENA_NEW_N(&v->mem, struct str, v->classes_n);
    for (size_t i = 0; i < v->classes_n; i++)
        v->classes[i] = str_copy(&v->mem, str_of(json_string_value(json_array_get(classes, i))));
    json_decref(doc);
    return RC_OK;
}

enum rc vocab_new(struct vocab **out, struct err *err)
{
    struct vocab *v = mem_alloc(sizeof *v);
    arena_init(&v->mem);
    enum rc rc = religions_load(v, err);
    if (rc == RC_OK)
        rc = kinds_load(v, err);
    if (rc == RC_OK)
        *out = v;
    else
        vocab_free(v);
    return rc;
}

void vocab_free(struct vocab *v)
{
    if (!v)
        return;
    arena_fini(&v->mem);
    free(v);
}

static struct str religion_exact(const struct vocab *v, struct str word)
{
    for (size_t i = 0; i < v->religions_n; i++)
        if (str_is_equal_nocase(v->religions[i], word))
            return v->religions[i];
    for (size_t i = 0; i < v->aliases_n; i++)
        if (str_is_equal_nocase(v->aliases[i].from, word))
            return v->aliases[i].to;
    return STR_NONE;
}

/* "Protestant Episcopal": the first word that is an alias or a code decides. */
static struct str religion_phrase(const struct vocab *v, struct str said)
{
    struct str found = religion_exact(v, said), word;
    while (str_is_empty(found) && !str_is_empty(said)) {
        str_cut(said, ' ', &word, &said);
        found = religion_exact(v, str_trim(word));
    }
    return found;
}

struct str vocab_religion(const struct vocab *v, struct str said)
{
    struct str found = STR_NONE, part;
    bool some = false;
    while (!str_is_empty(said)) {
        str_cut(said, ';', &part, &said);
        part = str_trim(part);
        if (str_is_empty(part) || str_is_equal_nocase(part, STR("unknown")))
            continue;
        some = true;
        struct str one = religion_phrase(v, part);
        if (!str_is_empty(found) && !str_is_empty(one) && !str_is_equal(one, found))
            return STR("multifaith");
        found = str_is_empty(one) ? found : one;
    }
    return some && str_is_empty(found) ? STR("other") : found;
}

static bool is_among(const struct str *list, size_t n, struct str code)
{
    for (size_t i = 0; i < n; i++)
        if (str_is_equal(list[i], code))
            return true;
    return false;
}

bool vocab_is_religion(const struct vocab *v, struct str code)
{
    return is_among(v->religions, v->religions_n, code);
}

bool vocab_is_class(const struct vocab *v, struct str code)
{
    return is_among(v->classes, v->classes_n, code);
}

static const struct kind *kind_find(const struct vocab *v, struct str code)
{
    for (size_t i = 0; i < v->kinds_n; i++)
        if (str_is_equal(v->kinds[i].code, code))
            return &v->kinds[i];
    return NULL;
}

bool vocab_is_kind(const struct vocab *v, struct str code)
{
    return kind_find(v, code) != NULL;
}

struct str vocab_class_of_kind(const struct vocab *v, struct str kind)
{
    const struct kind *k = kind_find(v, kind);
    return k ? k->class_code : STR_NONE;
}

/* Classes that hold one kind only: the first kind of that class that implies no faith. */
static struct str kind_of_class(const struct vocab *v, struct str class_code)
{
    if (str_is_equal(class_code, STR("place_of_worship")) || str_is_equal(class_code, STR("other")))
        return STR_NONE;
    for (size_t i = 0; i < v->kinds_n; i++)
        if (str_is_equal(v->kinds[i].class_code, class_code) && str_is_empty(v->kinds[i].religion))
            return v->kinds[i].code;
    return STR_NONE;
}

struct str vocab_kind_for(const struct vocab *v, struct str class_code, struct str religion)
{
    struct str kind = kind_of_class(v, class_code);
    for (size_t i = 0; i < v->kinds_n && str_is_empty(kind) && !str_is_empty(religion); i++)
        if (str_is_equal(v->kinds[i].religion, religion))
            kind = v->kinds[i].code;
    return str_is_empty(kind) ? STR("OTHER") : kind;
}
