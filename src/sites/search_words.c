/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The vocabulary of the search: groups of words that mean the same, and phrases that name a country or a division. The
 * names of countries are ICU's, in the languages below.
 */
#include "sites/search_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uloc.h>
#include <unicode/ustring.h>

#include "base/asset.h"
#include "wire/json_in.h"

enum { WORDS_BYTES_MAX = 1 << 20, TABLE = 1 << 13, WORDS_MAX = TABLE / 2, PHRASE_BYTES_MAX = 200 };
#define WORDS_ASSET    "data/search/words.json"
#define COUNTRY_WEIGHT 0.7

/* Spoken by four in five people, and the languages of most sites. */
static const char *const LANGUAGES[] = {"en", "ar", "zh", "zh_Hant", "fr", "ru", "es", "de", "it", "pt", "nl", "pl",
                                        "cs", "hu", "ro", "el",      "tr", "fa", "ur", "he", "hi", "bn", "ta", "te",
                                        "th", "vi", "id", "ms",      "ja", "ko", "uk", "sv", "da", "fi", "sw", "am"};

struct group {
    struct str id, term;
    double weight;
    struct str terms; /* the group's own, those of its kinds and faiths, parted by tabs */
};
struct entry {
    struct str phrase;  /* folded words, one space between; "" free */
    uint64_t groups[2]; /* a bit each */
};
struct search_words {
    struct arena mem;
    json_t *doc;
    struct group groups[SEARCH_GROUPS_MAX];
    size_t groups_n;
    struct entry *table;
    size_t entries_n;
};

uint64_t search_words_hash(void)
{
    const struct asset *a = asset_find(STR(WORDS_ASSET));
    ENSURE(a != NULL);
    return str_hash(str_of(a->etag));
}

static struct entry *entry_of(const struct search_words *w, struct str phrase)
{
    size_t i = str_hash(phrase) % TABLE;
    while (w->table[i].phrase.n && !str_is_equal(w->table[i].phrase, phrase))
        i = (i + 1) % TABLE;
    return &w->table[i];
}

static void entry_add(struct search_words *w, struct str phrase, size_t group)
{
    struct entry *e = entry_of(w, phrase);
    if (!phrase.n || (!e->phrase.n && w->entries_n == WORDS_MAX))
        return;
    if (!e->phrase.n) {
        e->phrase = str_copy(&w->mem, phrase);
        w->entries_n++;
    }
    e->groups[group / 64] |= UINT64_C(1) << (group % 64);
}

/* The runs from..from+n with one space between them. */
static struct str phrase_of(const struct search_cut *cut, unsigned from, unsigned n, char out[PHRASE_BYTES_MAX])
{
    size_t len = 0;
    for (unsigned i = from; i < from + n; i++) {
        if (len + cut->run[i].n + 1 > PHRASE_BYTES_MAX)
            return STR_NONE;
        if (i > from)
            out[len++] = ' ';
        memcpy(out + len, cut->run[i].p, cut->run[i].n);
        len += cut->run[i].n;
    }
    return (struct str){out, len};
}

/* The Latin forms of all runs with one space between; "" when one has none. */
static struct str latin_phrase_of(const struct search_cut *cut, char out[PHRASE_BYTES_MAX])
{
    size_t len = 0;
    unsigned run = 0;
    for (size_t i = 0; i < cut->n && run < cut->runs; i++) {
        const struct search_piece *p = &cut->pieces[i];
        if (p->run != run || !p->is_latin || p->span > 1 || len + p->term.n + 1 > PHRASE_BYTES_MAX)
            continue;
        if (run++ > 0)
            out[len++] = ' ';
        memcpy(out + len, p->term.p, p->term.n);
        len += p->term.n;
    }
    return run == cut->runs ? (struct str){out, len} : STR_NONE;
}

/* Both forms of a word of the vocabulary: as it is, and as it is typed in Latin letters. */
typedef void (*phrase_fn)(void *ctx, struct str phrase);
static void phrase_forms(struct search_cutter *c, struct str said, phrase_fn fn, void *ctx)
{
    struct arena mem;
    struct search_cut cut;
    char native[PHRASE_BYTES_MAX], latin[PHRASE_BYTES_MAX];
    arena_init(&mem);
    search_cut(c, said, &mem, &cut);
    struct str a = phrase_of(&cut, 0, cut.runs, native), b = latin_phrase_of(&cut, latin);
    if (a.n)
        fn(ctx, a);
    if (b.n && !str_is_equal(a, b))
        fn(ctx, b);
    arena_fini(&mem);
}

struct adding {
    struct search_words *w;
    size_t group;
};
static void add_form(void *ctx, struct str phrase)
{
    struct adding *a = ctx;
    entry_add(a->w, phrase, a->group);
}

static struct str terms_of(struct search_words *w, const json_t *g, struct str own)
{
    static const char *const KEYS[] = {"kinds", "religions"}, *const BEGIN[] = {SEARCH_IS_KIND, SEARCH_IS_FAITH};
    struct str all = own;
    for (int k = 0; k < 2; k++) {
        const json_t *codes = json_object_get(g, KEYS[k]);
        for (size_t i = 0; i < json_array_size(codes); i++)
            all = str_printf(&w->mem, STR_FMT "\t%s%s", STR_ARG(all), BEGIN[k],
                             json_string_value(json_array_get(codes, i)));
    }
    return all;
}

static enum rc group_load(struct search_words *w, struct search_cutter *c, const json_t *g, struct err *err)
{
    struct group *to = &w->groups[w->groups_n];
    struct adding adding = {w, w->groups_n};
    const json_t *words = json_object_get(g, "words");
    to->id = json_str_or_empty(g, "id");
    to->weight = json_f64_or_nan(g, "weight");
    if (!to->id.n || to->id.n + 2 > SEARCH_TERM_MAX || !(to->weight >= 0 && to->weight <= 1))
        return err_set(err, RC_DAMAGED, WORDS_ASSET ": group %zu has no id or no weight from 0 to 1", w->groups_n);
    to->term = str_printf(&w->mem, SEARCH_IS_GROUP STR_FMT, STR_ARG(to->id));
    to->terms = terms_of(w, g, to->term);
    for (size_t i = 0; i < json_array_size(words); i++)
        phrase_forms(c, str_of(json_string_value(json_array_get(words, i))), add_form, &adding);
    w->groups_n++;
    return RC_OK;
}

static enum rc words_load(struct search_words *w, struct err *err)
{
    struct search_cutter *c;
    TRY(json_in_object(asset_text(WORDS_ASSET), WORDS_BYTES_MAX, &w->doc, err));
    const json_t *groups = json_object_get(w->doc, "groups");
    if (json_array_size(groups) == 0 || json_array_size(groups) > SEARCH_GROUPS_MAX)
        return err_set(err, RC_DAMAGED, WORDS_ASSET ": \"groups\" is not a list of 1 to %d", SEARCH_GROUPS_MAX);
    TRY(search_cutter_new(&c, err));
    enum rc rc = RC_OK;
    for (size_t i = 0; i < json_array_size(groups) && rc == RC_OK; i++)
        rc = group_load(w, c, json_array_get(groups, i), err);
    search_cutter_free(c);
    return rc;
}

enum rc search_words_new(struct search_words **out, struct err *err)
{
    struct search_words *w = mem_alloc(sizeof *w);
    arena_init(&w->mem);
    w->table = mem_array(TABLE, sizeof *w->table);
    enum rc rc = words_load(w, err);
    if (rc == RC_OK)
        *out = w;
    else
        search_words_free(w);
    return rc;
}

void search_words_free(struct search_words *w)
{
    if (!w)
        return;
    json_decref(w->doc);
    arena_fini(&w->mem);
    free(w->table);
    free(w);
}

size_t search_words_of(const struct search_words *w, const struct search_cut *cut, struct str *terms, size_t n,
                       size_t most)
{
    uint64_t found[2] = {0};
    char buf[PHRASE_BYTES_MAX];
    for (unsigned i = 0; i < cut->runs; i++)
        for (unsigned k = 1; k <= SEARCH_PHRASE_WORDS && i + k <= cut->runs; k++) {
            const struct entry *e = entry_of(w, phrase_of(cut, i, k, buf));
            found[0] |= e->groups[0];
            found[1] |= e->groups[1];
        }
    for (size_t g = 0; g < w->groups_n; g++) {
        bool is_new = found[g / 64] >> (g % 64) & 1;
        for (size_t i = 0; i < n && is_new; i++)
            is_new = !str_is_equal(terms[i], w->groups[g].term);
        if (is_new && n < most)
            terms[n++] = w->groups[g].term;
    }
    return n;
}

/* --- phrases ------------------------------------------------------------------------------------------------------ */

struct search_phrases {
    struct arena mem;
    struct str *lines;
    size_t n, size;
    struct buf text;
};

struct search_phrases *search_phrases_new(void)
{
    struct search_phrases *p = mem_alloc(sizeof *p);
    arena_init(&p->mem);
    buf_init(&p->text, 0);
    return p;
}

void search_phrases_free(struct search_phrases *p)
{
    if (!p)
        return;
    arena_fini(&p->mem);
    buf_fini(&p->text);
    free(p->lines);
    free(p);
}

struct phrase_line {
    struct search_phrases *p;
    double weight;
    struct str terms;
};
static void add_line(void *ctx, struct str phrase)
{
    struct phrase_line *l = ctx;
    struct search_phrases *p = l->p;
    if (p->n == p->size) {
        p->size = p->size ? 2 * p->size : 1024;
        p->lines = mem_realloc(p->lines, p->size * sizeof *p->lines);
    }
    p->lines[p->n++] =
        str_printf(&p->mem, STR_FMT "\t%.2f\t" STR_FMT "\n", STR_ARG(phrase), l->weight, STR_ARG(l->terms));
}

void search_phrases_add(struct search_phrases *p, struct search_cutter *c, struct str words, double weight,
                        struct str terms)
{
    struct phrase_line l = {p, weight, terms};
    phrase_forms(c, words, add_line, &l);
}

static void country_add(struct search_phrases *p, struct search_cutter *c, struct str alpha2)
{
    char country[8], utf8[PHRASE_BYTES_MAX];
    struct str term = str_printf(&p->mem, SEARCH_IS_COUNTRY STR_FMT, STR_ARG(alpha2));
    snprintf(country, sizeof country, "und_" STR_FMT, STR_ARG(alpha2));
    for (size_t i = 0; i < sizeof LANGUAGES / sizeof LANGUAGES[0]; i++) {
        UChar name[PHRASE_BYTES_MAX];
        int32_t n, bytes = 0;
        UErrorCode e = U_ZERO_ERROR;
        n = uloc_getDisplayCountry(country, LANGUAGES[i], name, PHRASE_BYTES_MAX, &e);
        u_strToUTF8(utf8, (int32_t)sizeof utf8, &bytes, name, n, &e);
        if (U_SUCCESS(e) && bytes > 2) /* two letters: ICU has no name for it */
            search_phrases_add(p, c, (struct str){utf8, (size_t)bytes}, COUNTRY_WEIGHT, term);
    }
}

static void countries_add(struct search_phrases *p, struct search_cutter *c, const struct search_words *w)
{
    struct str rest = asset_text("data/areas/iso-3166.csv"), line, cell;
    const char *code;
    const json_t *words;
    str_cut(rest, '\n', &line, &rest); /* the head */
    while (rest.n) {
        str_cut(rest, '\n', &line, &rest);
        str_cut(line, ',', &cell, &line);
        str_cut(line, ',', &cell, &line);
        if (cell.n == 2)
            country_add(p, c, cell);
    }
    json_object_foreach(json_object_get(w->doc, "countries"), code, words)
    {
        struct str term = str_printf(&p->mem, SEARCH_IS_COUNTRY "%s", code);
        for (size_t i = 0; i < json_array_size(words); i++)
            search_phrases_add(p, c, str_of(json_string_value(json_array_get(words, i))), COUNTRY_WEIGHT, term);
    }
}

void search_phrases_add_all(struct search_phrases *p, struct search_cutter *c, const struct search_words *w)
{
    for (size_t i = 0; i < TABLE; i++)
        for (size_t g = 0; g < w->groups_n && w->table[i].phrase.n; g++) {
            struct phrase_line l = {p, w->groups[g].weight, w->groups[g].terms};
            if (w->table[i].groups[g / 64] >> (g % 64) & 1)
                add_line(&l, w->table[i].phrase);
        }
    countries_add(p, c, w);
}

static int by_text(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

struct str search_phrases_text(struct search_phrases *p)
{
    buf_clear(&p->text);
    if (p->n)
        qsort(p->lines, p->n, sizeof *p->lines, by_text);
    for (size_t i = 0; i < p->n; i++)
        if (i == 0 || !str_is_equal(p->lines[i], p->lines[i - 1]))
            buf_add_str(&p->text, p->lines[i]);
    return buf_str(&p->text);
}
