/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * From a query to the terms of an image that may be meant: the word itself, words that begin so, the same sound spelt
 * otherwise, two words in one, words of other languages that mean the same, countries. How well each stands for the
 * word is its weight; docs/adr/0010-search.md has how they were chosen.
 */
#include <math.h>
#include <string.h>

#include "sites/search_rank_int.h"

enum {
    FUZZY_KEPT = 24,    /* terms of one word by sound */
    FUZZY_LOOKED = 768, /* terms compared by spelling for one word */
    FUZZY_LEAST = 3,    /* letters of a word that may be misspelt */
    PREFIX_LEAST = 3,   /* letters from which a finished word may stand for a longer one */
    PHRASE_LEAST = 3,   /* bytes from which an unfinished phrase is looked up */
    PHRASES_BEGUN = 6,  /* phrases that begin as the query does */
    PHRASE_BYTES_MAX = 200,
    LINE_TERMS_MAX = 12
};
#define W_EXACT       1.0F
#define W_LATIN       0.97F /* by way of a transliteration */
#define W_JOINED      0.93F
#define W_BEGUN       0.85F /* the word being typed */
#define W_PART        0.75F /* a finished word that is the beginning of another */
#define W_MEANT       0.85F /* by the vocabulary */
#define W_MEANT_BEGUN 0.7F
#define W_SOUND       0.85F /* less W_SOUND_EDITS times the share of letters that differ */
#define W_SOUND_EDITS 0.7F
#define W_NEAR        0.75F /* one consonant differs too */
#define W_NEAR_EDITS  0.7F
#define W_SOUND_BEGUN 0.72F

struct expanding {
    const struct search_image *im;
    const struct search_cut *cut;
    struct query *q;
    struct str phrases;
    unsigned unit_of_run[SEARCH_NAME_RUNS_MAX]; /* the first; QUERY_UNITS_MAX: none */
    unsigned units_of_run[SEARCH_NAME_RUNS_MAX];
};

static void option_add(struct query *q, uint32_t first, uint32_t end, uint32_t mask, float weight)
{
    if (first < end && mask && q->options_n < QUERY_OPTIONS_MAX)
        q->options[q->options_n++] = (struct query_option){first, end, mask, weight};
}

static uint32_t mask_of_run(const struct expanding *x, unsigned run)
{
    uint32_t units = x->units_of_run[run];
    return units ? ((UINT32_C(1) << units) - 1) << x->unit_of_run[run] : 0;
}

/* Rare words say more. A word that no name has says as much as any: it may be misspelt. */
static float rarity(const struct search_image *im, uint32_t term)
{
    double n = (double)im->sites + 1;
    if (term == SEARCH_NONE || n < 3)
        return 1;
    return (float)(0.5 + 0.5 * log(n / (im->info[term].count + 0.5)) / log(n));
}

/* --- the word itself ------------------------------------------------------------------------------------------------ */

static void exact_and_begun(struct expanding *x, struct str text, uint32_t mask, bool is_last, float exact)
{
    uint32_t first, end, term = search_term_find(x->im, text);
    if (term != SEARCH_NONE)
        option_add(x->q, term, term + 1, mask, exact);
    if (!is_last && text_characters(text) < PREFIX_LEAST)
        return;
    search_term_range(x->im, text, &first, &end);
    first += first < end && term == first;
    option_add(x->q, first, end, mask, exact * (is_last ? W_BEGUN : W_PART));
}

/* --- by sound ------------------------------------------------------------------------------------------------------- */

struct fuzzy {
    struct query_option best[FUZZY_KEPT];
    unsigned n, looked;
    struct str word;
    uint32_t mask;
};

static void fuzzy_keep(struct fuzzy *f, uint32_t term, float weight)
{
    unsigned worst = 0;
    for (unsigned i = 0; i < f->n; i++) {
        if (f->best[i].first == term) {
            f->best[i].weight = f->best[i].weight > weight ? f->best[i].weight : weight;
            return;
        }
        worst = f->best[i].weight < f->best[worst].weight ? i : worst;
    }
    unsigned at = f->n < FUZZY_KEPT ? f->n++ : worst;
    if (at == worst && f->n == FUZZY_KEPT && f->best[at].first && f->best[at].weight >= weight)
        return;
    f->best[at] = (struct query_option){term, term + 1, f->mask, weight};
}

/* As text_edits counts: 2 a letter. */
static unsigned edits_allowed(size_t letters)
{
    return letters <= 4 ? 2 : letters <= 7 ? 4 : letters <= 11 ? 6 : 8;
}

static void fuzzy_look(struct expanding *x, struct fuzzy *f, uint32_t term, bool same_sound)
{
    char buf[SEARCH_TERM_MAX];
    struct str t = search_term_text(x->im, term, buf);
    unsigned most = edits_allowed(f->word.n);
    if (t.n == 0 || str_is_equal(t, f->word))
        return;
    unsigned edits = text_is_unvowelled(t) ? 1 + text_edits_consonants(f->word, t, most) : text_edits(f->word, t, most);
    if (edits > most)
        return;
    float share = (float)edits / (float)(2 * (f->word.n > t.n ? f->word.n : t.n));
    float w = same_sound ? W_SOUND - W_SOUND_EDITS * share : W_NEAR - W_NEAR_EDITS * share;
    if (t.p[0] != f->word.p[0])
        w *= 0.85F; /* people get the first letter right */
    fuzzy_keep(f, term, w);
}

static void sounds_look(struct expanding *x, struct fuzzy *f, uint64_t key, bool same_sound)
{
    size_t i = search_sound_bound(x->im->sounds, x->im->sounds_n, key);
    for (; i < x->im->sounds_n && search_sound_key(&x->im->sounds[i]) == key && f->looked < FUZZY_LOOKED;
         i++, f->looked++)
        fuzzy_look(x, f, x->im->sounds[i].term, same_sound);
}

/* Skeletons that become `key` when they lose a consonant. */
static void near_look(struct expanding *x, struct fuzzy *f, uint64_t key)
{
    size_t i = search_sound_bound(x->im->near, x->im->near_n, key);
    for (; i < x->im->near_n && search_sound_key(&x->im->near[i]) == key && f->looked < FUZZY_LOOKED;
         i++, f->looked++) {
        uint32_t at = x->im->near[i].term;
        if (at < x->im->sounds_n)
            sounds_look(x, f, search_sound_key(&x->im->sounds[at]), false);
    }
}

/* The word being typed: any word whose beginning sounds so. */
static void begun_look(struct expanding *x, struct fuzzy *f, uint64_t key)
{
    uint64_t last = text_sound_last(key);
    char buf[SEARCH_TERM_MAX];
    size_t i = search_sound_bound(x->im->sounds, x->im->sounds_n, key), used;
    for (unsigned n = 0; i < x->im->sounds_n && n < FUZZY_LOOKED && search_sound_key(&x->im->sounds[i]) <= last;
         i++, n++) {
        struct str t = search_term_text(x->im, x->im->sounds[i].term, buf);
        unsigned most = edits_allowed(f->word.n);
        unsigned edits = text_edits_prefix(f->word, t, most, &used);
        if (edits > 0 && edits <= most && used >= FUZZY_LEAST)
            fuzzy_keep(f, x->im->sounds[i].term, W_SOUND_BEGUN - W_NEAR_EDITS * (float)edits / (float)(2 * f->word.n));
    }
}

static void by_sound(struct expanding *x, struct str word, uint32_t mask, bool is_last)
{
    enum { BEGUN_LEAST = 2, NEAR_LEAST = 2 };
    struct fuzzy f = {.word = word, .mask = mask};
    uint64_t key = text_sound(word), before = 0;
    unsigned n = text_sound_length(key);
    if (word.n < FUZZY_LEAST || n == 0)
        return;
    sounds_look(x, &f, key, true);
    near_look(x, &f, key);
    for (unsigned i = 0; i < n && n >= NEAR_LEAST; i++) {
        uint64_t less = text_sound_without(key, i);
        if (less == before || less == 0)
            continue;
        before = less;
        sounds_look(x, &f, less, false);
        if (n > NEAR_LEAST)
            near_look(x, &f, less);
    }
    if (is_last && n >= BEGUN_LEAST && word.n > FUZZY_LEAST)
        begun_look(x, &f, key);
    for (unsigned i = 0; i < f.n; i++)
        option_add(x->q, f.best[i].first, f.best[i].end, f.best[i].mask, f.best[i].weight);
}

/* --- units ------------------------------------------------------------------------------------------------------------- */

static unsigned gram_characters(struct str run)
{
    return (unsigned char)run.p[0] >= 0xe3 && !(run.p[0] == '\xe3' && (unsigned char)run.p[1] < 0x81) ? 2 : 3;
}

static unsigned unit_add(struct query *q, unsigned run, float weight, bool is_last)
{
    if (q->units_n < QUERY_UNITS_MAX)
        q->units[q->units_n++] = (struct query_unit){weight, run, is_last};
    return q->units_n - 1;
}

/* A piece that is cut short by the run's end says nothing that the one before it does not, unless it is the only one. */
static bool is_short(const struct search_cut *cut, const struct search_piece *p)
{
    struct str run = cut->run[p->run];
    return p->is_gram && text_characters(p->term) < gram_characters(run) &&
           text_characters(run) >= gram_characters(run) && p->term.p != run.p;
}

static void units_make(struct expanding *x, unsigned last_run, bool is_open)
{
    const struct search_cut *cut = x->cut;
    for (unsigned r = 0; r < cut->runs; r++) {
        unsigned grams = 0;
        x->unit_of_run[r] = x->q->units_n;
        for (size_t i = 0; i < cut->n; i++)
            grams += cut->pieces[i].run == r && cut->pieces[i].is_gram && !is_short(cut, &cut->pieces[i]);
        unsigned n = grams ? grams : 1;
        bool is_last = is_open && r == last_run;
        for (unsigned k = 0; k < n && x->q->units_n < QUERY_UNITS_MAX; k++)
            unit_add(x->q, r, 1.0F / (float)n, is_last && k + 1 == n);
        x->units_of_run[r] = x->q->units_n - x->unit_of_run[r];
    }
}

/* The first rarity that is asked for decides: of the word as it was typed. */
static void weigh(struct expanding *x, unsigned run, uint32_t term)
{
    for (unsigned u = 0; u < x->units_of_run[run]; u++)
        x->q->units[x->unit_of_run[run] + u].weight *= rarity(x->im, term);
}

static void pieces_expand(struct expanding *x)
{
    unsigned gram[SEARCH_NAME_RUNS_MAX] = {0};
    bool weighed[SEARCH_NAME_RUNS_MAX] = {false};
    for (size_t i = 0; i < x->cut->n; i++) {
        const struct search_piece *p = &x->cut->pieces[i];
        if (x->units_of_run[p->run] == 0 || is_short(x->cut, p))
            continue;
        uint32_t mask = mask_of_run(x, p->run);
        unsigned unit = x->unit_of_run[p->run];
        bool is_last = x->q->units[unit + x->units_of_run[p->run] - 1].is_last;
        if (p->is_gram) {
            unit += gram[p->run]++;
            if (unit >= x->q->units_n)
                continue;
            mask = UINT32_C(1) << unit;
            bool is_whole = text_characters(p->term) >= gram_characters(p->term);
            exact_and_begun(x, p->term, mask, !is_whole || x->q->units[unit].is_last, W_EXACT);
            continue;
        }
        bool is_typed = str_is_equal(p->term, x->cut->run[p->run]);
        exact_and_begun(x, p->term, mask, is_last, is_typed ? W_EXACT : W_LATIN);
        if (p->is_latin)
            by_sound(x, p->term, mask, is_last);
        if (!weighed[p->run])
            weigh(x, p->run, search_term_find(x->im, p->term));
        weighed[p->run] = true;
    }
}

/* "shao lin" for "shaolin"; and what stood apart by a hyphen is joined by the cutter itself. */
static void joins_expand(struct expanding *x, struct arena *mem)
{
    for (unsigned r = 0; r + 1 < x->cut->runs; r++) {
        struct str both = str_printf(mem, STR_FMT STR_FMT, STR_ARG(x->cut->run[r]), STR_ARG(x->cut->run[r + 1]));
        uint32_t mask = mask_of_run(x, r) | mask_of_run(x, r + 1), first, end;
        uint32_t term = search_term_find(x->im, both);
        bool is_last = x->units_of_run[r + 1] > 0 && x->q->units[x->unit_of_run[r + 1]].is_last;
        if (term != SEARCH_NONE)
            option_add(x->q, term, term + 1, mask, W_JOINED);
        if (!is_last || both.n < 2 * PREFIX_LEAST)
            continue;
        search_term_range(x->im, both, &first, &end);
        option_add(x->q, first, end, mask, W_JOINED * W_BEGUN);
    }
}

/* --- the vocabulary and places --------------------------------------------------------------------------------------------- */

static struct str line_at(struct str text, size_t at)
{
    while (at > 0 && text.p[at - 1] != '\n')
        at--;
    const char *end = memchr(text.p + at, '\n', text.n - at);
    return (struct str){text.p + at, end ? (size_t)(end - text.p) - at : text.n - at};
}

/* Where the first line begins whose words are not below. */
static size_t line_bound(struct str text, struct str words)
{
    size_t lo = 0, hi = text.n;
    while (lo < hi) {
        struct str line = line_at(text, lo + (hi - lo) / 2), head, rest;
        str_cut(line, '\t', &head, &rest);
        size_t begin = (size_t)(line.p - text.p);
        if (str_compare(head, words) < 0)
            lo = begin + line.n + 1;
        else
            hi = begin;
    }
    return lo < text.n ? lo : text.n;
}

static void line_expand(struct expanding *x, struct str line, unsigned from, unsigned n, bool is_whole)
{
    struct str words, weight_text, term;
    double weight;
    uint32_t mask = 0;
    str_cut(line, '\t', &words, &line);
    str_cut(line, '\t', &weight_text, &line);
    if (!str_parse_f64(weight_text, &weight))
        return;
    for (unsigned r = from; r < from + n; r++) {
        mask |= mask_of_run(x, r);
        for (unsigned u = 0; is_whole && u < x->units_of_run[r]; u++) {
            struct query_unit *unit = &x->q->units[x->unit_of_run[r] + u];
            float most = (float)weight / (float)x->units_of_run[r];
            unit->weight = unit->weight < most ? unit->weight : most;
        }
    }
    for (int i = 0; i < LINE_TERMS_MAX && line.n > 0; i++) {
        str_cut(line, '\t', &term, &line);
        uint32_t t = search_term_find(x->im, term);
        if (t != SEARCH_NONE)
            option_add(x->q, t, t + 1, mask, is_whole ? W_MEANT : W_MEANT_BEGUN);
    }
}

static void phrase_expand(struct expanding *x, struct str words, unsigned from, unsigned n, bool is_last)
{
    unsigned begun = 0;
    for (size_t at = line_bound(x->phrases, words); at < x->phrases.n;) {
        struct str line = line_at(x->phrases, at), head, rest;
        str_cut(line, '\t', &head, &rest);
        bool is_whole = str_is_equal(head, words);
        if (!is_whole &&
            (!is_last || words.n < PHRASE_LEAST || begun++ == PHRASES_BEGUN || !str_starts_with(head, words)))
            break;
        line_expand(x, line, from, n, is_whole);
        at = (size_t)(line.p - x->phrases.p) + line.n + 1;
    }
}

static void phrases_expand(struct expanding *x)
{
    const struct search_cut *cut = x->cut;
    for (unsigned from = 0; from < cut->runs; from++) {
        char text[PHRASE_BYTES_MAX];
        size_t len = 0;
        for (unsigned n = 1; n <= SEARCH_PHRASE_WORDS && from + n <= cut->runs; n++) {
            struct str run = cut->run[from + n - 1];
            if (len + run.n + 1 > sizeof text)
                break;
            if (n > 1)
                text[len++] = ' ';
            memcpy(text + len, run.p, run.n);
            len += run.n;
            unsigned r = from + n - 1;
            bool is_last = x->units_of_run[r] > 0 && x->q->units[x->unit_of_run[r] + x->units_of_run[r] - 1].is_last;
            phrase_expand(x, (struct str){text, len}, from, n, is_last);
        }
    }
}

/* Whether the text ends in the middle of a word, as far as one can tell. */
static bool is_open(struct str text)
{
    return text.n > 0 && text.p[text.n - 1] != ' ';
}

void search_expand(const struct search_image *im, const struct search_ask *ask, struct arena *mem, struct query *out)
{
    struct search_cut cut = *ask->cut;
    if (cut.runs > SEARCH_WORDS_MAX)
        cut.runs = SEARCH_WORDS_MAX;
    size_t n = 0;
    while (n < cut.n && cut.pieces[n].run < cut.runs)
        n++;
    cut.n = n;
    out->units_n = out->options_n = 0;
    struct expanding x = {.im = im, .cut = &cut, .q = out, .phrases = ask->phrases};
    if (cut.runs == 0)
        return;
    units_make(&x, cut.runs - 1, is_open(ask->text));
    pieces_expand(&x);
    joins_expand(&x, mem);
    phrases_expand(&x);
}
