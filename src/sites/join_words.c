/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See join_words.h. Words are a sorted table; families of denominations are bits.
 */
#include "sites/join_words.h"

#include <stdlib.h>
#include <string.h>

#include "base/asset.h"
#include "text/similar.h"
#include "wire/json_in.h"

enum { ASSET_MAX = 1 << 20, WORDS_MAX = 4096, FAMILIES_MAX = 64, ENDING_STEM = 4, ENDINGS_MAX = 32 };
enum { TELLS_NOTHING, TELLS_LITTLE, TELLS_MUCH, TELLS };

struct word {
    struct str word, is; /* is: the spelling it is brought to */
    int tells;
};
struct denomination {
    struct str word, is;
    uint64_t families;
};
struct kind_pair {
    struct str a, b;
    enum join_fit fit;
};
struct join_words {
    struct arena mem;
    struct word *words; /* sorted */
    size_t words_n;
    struct word *endings;
    size_t endings_n;
    struct denomination *faiths;
    size_t faiths_n;
    struct kind_pair *kinds;
    size_t kinds_n;
    double weights[TELLS];
};

/* ---- reading the tables ---- */

static int word_compare(const void *a, const void *b)
{
    return str_compare(((const struct word *)a)->word, ((const struct word *)b)->word);
}

static const struct word *word_find(const struct join_words *w, struct str word)
{
    struct word key = {.word = word};
    return bsearch(&key, w->words, w->words_n, sizeof *w->words, word_compare);
}

static struct str kept(struct join_words *w, const json_t *s)
{
    return str_copy(&w->mem, str_of(json_string_value(s)));
}

static struct word *word_add(struct join_words *w, struct str word, struct str is)
{
    ENSURE(w->words_n < WORDS_MAX); /* our own asset */
    w->words[w->words_n] = (struct word){.word = word, .is = is, .tells = TELLS_MUCH};
    return &w->words[w->words_n++];
}

static void same_load(struct join_words *w, const json_t *lists)
{
    size_t i, k;
    json_t *list, *s;
    json_array_foreach(lists, i, list)
    {
        struct str first = kept(w, json_array_get(list, 0));
        json_array_foreach(list, k, s) word_add(w, kept(w, s), first);
    }
}

/* What a word tells goes with the spelling it is brought to. */
static void tells_load(struct join_words *w, const json_t *list, int tells)
{
    size_t i, n = w->words_n;
    json_t *s;
    json_array_foreach(list, i, s)
    {
        struct str word = kept(w, s);
        bool found = false;
        for (size_t k = 0; k < n; k++)
            if (str_is_equal(w->words[k].is, word)) {
                w->words[k].tells = tells;
                found = true;
            }
        if (!found)
            word_add(w, word, word)->tells = tells;
    }
}

static enum rc names_load(struct join_words *w, struct err *err)
{
    json_t *doc;
    TRY(json_in_object(asset_text("data/join-words.json"), ASSET_MAX, &doc, err));
    const json_t *weights = json_object_get(doc, "weights");
    w->weights[TELLS_NOTHING] = json_f64_or_nan(weights, "generic");
    w->weights[TELLS_LITTLE] = json_f64_or_nan(weights, "common");
    w->weights[TELLS_MUCH] = json_f64_or_nan(weights, "other");
    w->words = ARENA_NEW_N(&w->mem, struct word, WORDS_MAX);
    same_load(w, json_object_get(doc, "same"));
    tells_load(w, json_object_get(doc, "generic"), TELLS_NOTHING);
    tells_load(w, json_object_get(doc, "common"), TELLS_LITTLE);
    qsort(w->words, w->words_n, sizeof *w->words, word_compare);
    w->endings = ARENA_NEW_N(&w->mem, struct word, ENDINGS_MAX);
    const char *ending;
    json_t *is;
    json_object_foreach(json_object_get(doc, "endings"), ending, is)
    {
        ENSURE(w->endings_n < ENDINGS_MAX);
        w->endings[w->endings_n++] = (struct word){.word = str_copy(&w->mem, str_of(ending)), .is = kept(w, is)};
    }
    json_decref(doc);
    return RC_OK;
}

static struct denomination *faith_make(struct join_words *w, struct str word)
{
    for (size_t i = 0; i < w->faiths_n; i++)
        if (str_is_equal(w->faiths[i].word, word))
            return &w->faiths[i];
    ENSURE(w->faiths_n < WORDS_MAX);
    w->faiths[w->faiths_n] = (struct denomination){.word = word, .is = word};
    return &w->faiths[w->faiths_n++];
}

static void families_load(struct join_words *w, const json_t *families)
{
    const char *name;
    json_t *list, *s;
    size_t i;
    int bit = 0;
    void *at = json_object_iter((json_t *)families);
    for (; at; at = json_object_iter_next((json_t *)families, at), bit++) {
        name = json_object_iter_key(at);
        list = json_object_iter_value(at);
        ENSURE(name && bit < FAMILIES_MAX);
        json_array_foreach(list, i, s) faith_make(w, kept(w, s))->families |= UINT64_C(1) << bit;
    }
}

static void faiths_same(struct join_words *w, const json_t *lists)
{
    size_t i, k;
    json_t *list, *s;
    json_array_foreach(lists, i, list)
    {
        struct str first = kept(w, json_array_get(list, 0));
        uint64_t families = 0;
        json_array_foreach(list, k, s) families |= faith_make(w, kept(w, s))->families;
        json_array_foreach(list, k, s)
        {
            struct denomination *d = faith_make(w, kept(w, s));
            d->is = first;
            d->families = families;
        }
    }
}

static void kinds_load(struct join_words *w, const json_t *lists, enum join_fit fit)
{
    size_t i;
    json_t *list;
    json_array_foreach(lists, i, list) for (size_t a = 0; a < json_array_size(list);
                                            a++) for (size_t b = a + 1; b < json_array_size(list); b++)
    {
        ENSURE(w->kinds_n < WORDS_MAX);
        w->kinds[w->kinds_n++] =
            (struct kind_pair){kept(w, json_array_get(list, a)), kept(w, json_array_get(list, b)), fit};
    }
}

static enum rc faiths_load(struct join_words *w, struct err *err)
{
    json_t *doc;
    TRY(json_in_object(asset_text("data/join-faiths.json"), ASSET_MAX, &doc, err));
    w->faiths = ARENA_NEW_N(&w->mem, struct denomination, WORDS_MAX);
    families_load(w, json_object_get(doc, "families"));
    faiths_same(w, json_object_get(doc, "same"));
    w->kinds = ARENA_NEW_N(&w->mem, struct kind_pair, WORDS_MAX);
    kinds_load(w, json_object_get(doc, "near_kinds"), JOIN_KIN);
    kinds_load(w, json_object_get(doc, "far_kinds"), JOIN_STRANGERS);
    json_decref(doc);
    return RC_OK;
}

enum rc join_words_new(struct join_words **out, struct err *err)
{
    struct join_words *w = mem_alloc(sizeof *w);
    arena_init(&w->mem);
    enum rc rc = names_load(w, err);
    if (rc == RC_OK)
        rc = faiths_load(w, err);
    if (rc == RC_OK)
        *out = w;
    else
        join_words_free(w);
    return rc;
}

void join_words_free(struct join_words *w)
{
    if (!w)
        return;
    arena_fini(&w->mem);
    free(w);
}

/* ---- names ---- */

/* "marys" and "mary" are one; "cross" keeps its end. */
static struct str singular(struct str s)
{
    bool has_s = s.n >= 4 && s.p[s.n - 1] == 's' && s.p[s.n - 2] != 's';
    return has_s ? str_slice(s, 0, s.n - 1) : s;
}

static void word_put(const struct join_words *w, struct str word, struct buf *out)
{
    const struct word *known = word_find(w, word);
    if (!known)
        known = word_find(w, singular(word));
    if (out->n)
        buf_add_char(out, ' ');
    buf_add_char(out, (char)('0' + (known ? known->tells : TELLS_MUCH)));
    buf_add_str(out, singular(known ? known->is : word));
}

/* Cuts the ending of a compound off; *is is the word it stands for. */
static bool compound(const struct join_words *w, struct str *word, struct str *is)
{
    for (size_t i = 0; i < w->endings_n; i++)
        if (word->n >= w->endings[i].word.n + ENDING_STEM && str_ends_with(*word, w->endings[i].word)) {
            *word = str_slice(*word, 0, word->n - w->endings[i].word.n);
            *is = w->endings[i].is;
            return true;
        }
    return false;
}

static bool is_arabic(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0xD8 && (unsigned char)s.p[i] <= 0xDB) /* U+0600 to U+06FF */
            return true;
    return false;
}

/* In Arabic script the article is written with its word; elsewhere it is a word of its own, or assimilated. */
static struct str without_article(struct str word)
{
    bool has = word.n >= 5 && str_starts_with(word, STR("al"));
    return has ? str_slice(word, 2, word.n) : word;
}

struct str join_name_make(const struct join_words *w, struct text_folder *folder, struct str name, struct arena *mem)
{
    struct str rest = text_fold(folder, name, mem), word, is;
    struct buf out;
    bool has_articles = is_arabic(name);
    buf_init(&out, 0);
    for (int n = 0; n < JOIN_NAME_WORDS_MAX && text_next_word(&rest, &word); n++) {
        word = has_articles ? without_article(word) : word;
        bool is_known = word_find(w, word) != NULL;
        bool is_compound = !is_known && compound(w, &word, &is);
        word_put(w, word, &out);
        if (is_compound)
            word_put(w, is, &out);
    }
    struct str made = str_copy(mem, buf_str(&out));
    buf_fini(&out);
    return made;
}

struct words_of {
    struct str word[2 * JOIN_NAME_WORDS_MAX];
    double weight[2 * JOIN_NAME_WORDS_MAX];
    size_t n;
    double sum;
    bool is_telling;
};

static void words_take(const struct join_words *w, struct str name, struct words_of *out)
{
    struct str word;
    out->n = 0;
    out->sum = 0;
    out->is_telling = false;
    while (out->n < 2 * JOIN_NAME_WORDS_MAX && text_next_word(&name, &word)) {
        int tells = word.p[0] - '0';
        out->word[out->n] = str_slice(word, 1, word.n);
        out->weight[out->n] = w->weights[tells];
        out->sum += w->weights[tells];
        out->is_telling |= tells != TELLS_NOTHING;
        out->n++;
    }
}

/* Each word of the one with the likest word of the other that is still free; heavier words choose first only in so far as
 * names put them anywhere: names are short, and a word has rarely two like it. */
static double shared_weight(const struct words_of *a, const struct words_of *b)
{
    uint64_t taken = 0;
    double shared = 0;
    for (size_t i = 0; i < a->n; i++) {
        double best = 0;
        size_t at = 0;
        for (size_t k = 0; k < b->n && best < 1; k++) {
            double alike = taken & (UINT64_C(1) << k) ? 0 : text_word_similarity(a->word[i], b->word[k]);
            if (alike > best) {
                best = alike;
                at = k;
            }
        }
        if (best <= 0)
            continue;
        taken |= UINT64_C(1) << at;
        shared += best * best * (a->weight[i] + b->weight[at]) / 2;
    }
    return shared;
}

/* The whole names as one word each: where one source writes together what another writes apart. */
static double run_together(const struct words_of *a, const struct words_of *b)
{
    char x[TEXT_WORD_MAX], y[TEXT_WORD_MAX];
    const struct words_of *of[2] = {a, b};
    struct str s[2] = {{x, 0}, {y, 0}};
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < of[i]->n; k++) {
            struct str word = of[i]->word[k];
            size_t n = word.n < TEXT_WORD_MAX - s[i].n ? word.n : TEXT_WORD_MAX - s[i].n;
            memcpy((i ? y : x) + s[i].n, word.p, n);
            s[i].n += n;
        }
    return text_edit_similarity(s[0], s[1], 0.8);
}

struct join_likeness join_names_compare(const struct join_words *w, struct str a, struct str b)
{
    struct words_of x, y;
    words_take(w, a, &x);
    words_take(w, b, &y);
    if (x.n == 0 || y.n == 0)
        return (struct join_likeness){0};
    double shared = shared_weight(&x, &y), less = x.sum < y.sum ? x.sum : y.sum;
    double both = 2 * shared / (x.sum + y.sum), within = less > 0 ? shared / less : 0;
    double alike = 0.6 * both + 0.4 * (within > 1 ? 1 : within);
    double together = run_together(&x, &y);
    if (together > alike) {
        alike = together;
        shared = together * less;
    }
    return (struct join_likeness){alike > 1 ? 1 : alike, shared, x.is_telling && y.is_telling};
}

/* ---- denominations and kinds ---- */

static const struct denomination *denomination_of(const struct join_words *w, struct str said)
{
    for (size_t i = 0; i < w->faiths_n; i++)
        if (str_is_equal_nocase(w->faiths[i].word, said))
            return &w->faiths[i];
    return NULL;
}

static enum join_fit one_fit(const struct join_words *w, struct str a, struct str b)
{
    if (str_is_equal_nocase(a, b))
        return JOIN_SAME;
    const struct denomination *x = denomination_of(w, a), *y = denomination_of(w, b);
    if (!x || !y)
        return JOIN_SILENT;
    if (str_is_equal(x->is, y->is))
        return JOIN_SAME;
    return x->families & y->families ? JOIN_KIN : JOIN_STRANGERS;
}

enum join_fit join_denominations_fit(const struct join_words *w, struct str a, struct str b)
{
    enum join_fit best = JOIN_STRANGERS;
    if (str_is_empty(a) || str_is_empty(b))
        return JOIN_SILENT;
    for (struct str rest = a, x; rest.n && best != JOIN_SAME;) {
        str_cut(rest, ';', &x, &rest);
        for (struct str others = b, y; others.n;) {
            str_cut(others, ';', &y, &others);
            enum join_fit fit = one_fit(w, str_trim(x), str_trim(y));
            best = fit < best ? fit : best;
        }
    }
    return best;
}

static bool is_either(const struct kind_pair *p, struct str a, struct str b)
{
    bool any = str_is_equal(p->b, STR("*"));
    return (str_is_equal(p->a, a) && (any || str_is_equal(p->b, b))) ||
           (str_is_equal(p->a, b) && (any || str_is_equal(p->b, a)));
}

enum join_fit join_kinds_fit(const struct join_words *w, struct str a, struct str b)
{
    if (str_is_equal(a, b) && !str_is_equal(a, STR("OTHER")))
        return JOIN_SAME;
    for (size_t i = 0; i < w->kinds_n; i++)
        if (is_either(&w->kinds[i], a, b))
            return w->kinds[i].fit;
    bool is_silent =
        str_is_empty(a) || str_is_empty(b) || str_is_equal(a, STR("OTHER")) || str_is_equal(b, STR("OTHER"));
    return is_silent ? JOIN_SILENT : JOIN_STRANGERS;
}
