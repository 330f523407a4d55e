/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Judging tagged objects. See osm_rules.h.
 */
#include "sites/osm_rules_int.h"

#include "base/asset.h"
#include "wire/json_in.h"

#include <stdlib.h>

enum { FACETS_MAX = 64, PARTS_MAX = 8 }; /* tags of one object that any rule speaks of; parts of one value looked at */

enum rc osm_rules_new(struct str json, struct osm_rules **out, struct err *err)
{
    struct osm_rules *r = mem_alloc(sizeof *r);
    arena_init(&r->mem);
    enum rc rc =
        json_in_object(json.n ? json : asset_text("data/religious-features.json"), OSM_RULES_FILE_MAX, &r->doc, err);
    if (rc != RC_OK)
        err_add(err, "religious features: ");
    if (rc == RC_OK)
        rc = json_in_object(asset_text("data/house-rules.json"), OSM_RULES_FILE_MAX, &r->house, err);
    if (rc == RC_OK)
        rc = rules_load(r, err);
    if (rc != RC_OK)
        osm_rules_free(r);
    else
        *out = r;
    return rc;
}

void osm_rules_free(struct osm_rules *r)
{
    if (!r)
        return;
    osm_filter_free(r->filter);
    json_decref(r->doc);
    json_decref(r->house);
    arena_fini(&r->mem);
    free(r);
}

const struct osm_filter *osm_rules_filter(const struct osm_rules *r)
{
    return r->filter;
}

/* --- one object, its texts as numbers ------------------------------------------------------------------------------ */

struct facet {
    uint16_t words[PARTS_MAX]; /* numbers of the parts some rule names */
    size_t words_n;
};
struct object {
    uint8_t facet_of[OSM_RULES_KEYS_MAX + 1]; /* key number -> 1 + facet */
    struct facet facets[FACETS_MAX];
    size_t facets_n;
    struct str name;
};

static void parts_number(const struct osm_rules *r, struct str value, struct facet *f)
{
    struct str part, rest = value;
    bool more = true;
    while (more && f->words_n < PARTS_MAX) {
        more = str_cut(rest, ';', &part, &rest);
        uint16_t word = numbers_word(&r->numbers, str_trim(part));
        if (word)
            f->words[f->words_n++] = word;
    }
}

static void object_number(const struct osm_rules *r, const struct osm_tag *tags, size_t n, struct object *o)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t key = numbers_key(&r->numbers, tags[i].key);
        if (str_is_equal(tags[i].key, STR("name")))
            o->name = tags[i].value;
        if (!key || o->facet_of[key] || o->facets_n == FACETS_MAX)
            continue;
        parts_number(r, tags[i].value, &o->facets[o->facets_n]);
        o->facet_of[key] = (uint8_t)++o->facets_n;
    }
}

static bool holds(const struct object *o, const struct condition *c)
{
    if (!o->facet_of[c->key])
        return false;
    if (c->is_any)
        return true;
    const struct facet *f = &o->facets[o->facet_of[c->key] - 1];
    for (size_t i = 0; i < f->words_n; i++)
        for (size_t k = 0; k < c->words_n; k++)
            if (f->words[i] == c->words[k])
                return true;
    return false;
}

static bool when_holds(const struct object *o, const struct rule *rule)
{
    for (size_t i = 0; i < rule->when_n; i++)
        if (!holds(o, &rule->when[i]))
            return false;
    return true;
}

/* Letters, digits and every byte of other scripts: a word of the list never ends inside one of them. */
static bool is_word_byte(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 0x80 || (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z');
}

static bool name_has_word(struct str name, struct str word)
{
    for (size_t i = 0; word.n && i + word.n <= name.n; i++) {
        struct str here = {name.p + i, word.n};
        bool starts = i == 0 || !is_word_byte(name.p[i - 1]);
        bool ends = i + word.n == name.n || !is_word_byte(name.p[i + word.n]);
        if (starts && ends && str_is_equal_nocase(here, word))
            return true;
    }
    return false;
}

/* Why a rule whose conditions hold still refuses; NULL when it takes the object. */
static const char *exception_of(const struct object *o, const struct rule *rule)
{
    for (size_t i = 0; i < rule->unless_n; i++)
        if (holds(o, &rule->unless[i]))
            return rule->unless[i].reason ? rule->unless[i].reason : "The table of religious features excludes it.";
    for (size_t i = 0; i < rule->name_words_n; i++)
        if (name_has_word(o->name, rule->name_words[i]))
            return rule->name_reason ? rule->name_reason : "Its name says that it is something else.";
    return NULL;
}

static const struct rule *first_match(const struct object *o, const struct rule_list *list, const char **reason)
{
    for (size_t i = 0; i < list->n; i++) {
        if (!when_holds(o, &list->v[i]))
            continue;
        const char *why = exception_of(o, &list->v[i]);
        if (!why)
            return &list->v[i];
        if (reason && !*reason)
            *reason = why;
    }
    return NULL;
}

static struct str code_of(const struct object *o, const struct rule_list *list)
{
    const struct rule *rule = first_match(o, list, NULL);
    return rule ? rule->code : STR("");
}

struct osm_verdict osm_rules_judge(const struct osm_rules *r, const struct osm_tag *tags, size_t n)
{
    struct osm_verdict v = {.is_read = osm_filter_passes(r->filter, tags, n)};
    struct object o = {0};
    if (!v.is_read)
        return v;
    object_number(r, tags, n, &o);
    const struct rule *rule = first_match(&o, &r->rules, &v.reason);
    if (!rule) {
        v.reason = v.reason ? v.reason : "No rule of the table of religious features takes an object with these tags.";
        return v;
    }
    v.is_site = true;
    v.reason = NULL;
    v.class_code = rule->class_code;
    v.kind = rule->code.n ? rule->code : code_of(&o, &r->kinds);
    if (!v.kind.n)
        v.kind = STR("OTHER");
    v.status = code_of(&o, &r->statuses);
    v.religion_hint = code_of(&o, &r->hints);
    v.is_guarded = first_match(&o, &r->guards, NULL) != NULL;
    return v;
}

bool osm_rules_has_key(const struct osm_rules *r, struct str key)
{
    return numbers_key(&r->numbers, key) != 0;
}
