/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * From a text to terms: words as folded, the same in Latin letters, and pieces of what is written without spaces. Names
 * and queries go the same way, so what is odd in a transliteration is odd on both sides.
 */
#include "sites/search_int.h"

#include <stdlib.h>
#include <string.h>

enum {
    HAN_GRAM = 2, /* characters of a piece: two Chinese characters say as much as a word */
    UNSPACED_GRAM = 3,
    CUT_TEXT_MAX = 400, /* bytes of a name that are looked at */
    CUT_PIECES_MAX = 256,
    CACHE_WORDS = 1 << 17 /* transliterations remembered: words of names come again and again */
};

struct cached {
    struct str word, latin;
};
struct search_cutter {
    struct text_folder *folder;
    struct text_simplifier *simplifier;
    struct arena mem;     /* of the cache */
    struct cached *cache; /* open addressing, never over half full */
    size_t cached_n;
};

enum rc search_cutter_new(struct search_cutter **out, struct err *err)
{
    struct search_cutter *c = mem_alloc(sizeof *c);
    arena_init(&c->mem);
    enum rc rc = text_folder_new(&c->folder, err);
    if (rc == RC_OK)
        rc = text_simplifier_new(&c->simplifier, err);
    if (rc == RC_OK)
        *out = c;
    else
        search_cutter_free(c);
    return rc;
}

void search_cutter_free(struct search_cutter *c)
{
    if (!c)
        return;
    text_folder_free(c->folder);
    text_simplifier_free(c->simplifier);
    arena_fini(&c->mem);
    free(c->cache);
    free(c);
}

static struct cached *cache_slot(struct search_cutter *c, struct str word)
{
    if (!c->cache)
        c->cache = mem_array(CACHE_WORDS, sizeof *c->cache);
    if (c->cached_n > CACHE_WORDS / 2) {
        memset(c->cache, 0, CACHE_WORDS * sizeof *c->cache);
        arena_reset(&c->mem);
        c->cached_n = 0;
    }
    size_t i = str_hash(word) % CACHE_WORDS;
    while (c->cache[i].word.n && !str_is_equal(c->cache[i].word, word))
        i = (i + 1) % CACHE_WORDS;
    return &c->cache[i];
}

/* Words in Latin letters; a run without spaces may become several. */
static struct str latin_of(struct search_cutter *c, struct str run, struct arena *mem)
{
    struct cached *slot = cache_slot(c, run);
    if (!slot->word.n) {
        struct str latin = text_fold(c->folder, run, mem);
        *slot = (struct cached){str_copy(&c->mem, run), str_copy(&c->mem, latin)};
        c->cached_n++;
    }
    return slot->latin;
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* A hyphen between two letters becomes TEXT_HYPHEN, which folding keeps. */
static struct str mark_hyphens(struct str s, struct arena *mem)
{
    char *p = arena_alloc(mem, 3 * s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool is_wide =
            i + 2 < s.n && s.p[i] == '\xe2' && s.p[i + 1] == '\x80' && (s.p[i + 2] == '\x90' || s.p[i + 2] == '\x91');
        if (s.p[i] != '-' && !is_wide) {
            p[n++] = s.p[i];
            continue;
        }
        memcpy(p + n, TEXT_HYPHEN, 3);
        n += 3;
        i += is_wide ? 2 : 0;
    }
    return (struct str){p, n};
}

static void piece_add(struct search_cut *cut, struct search_piece piece)
{
    piece.term = str_clip(piece.term, SEARCH_TERM_MAX);
    if (cut->n < CUT_PIECES_MAX && piece.term.n > 0)
        cut->pieces[cut->n++] = piece;
}

static struct str without_spaces(struct str s, struct arena *mem)
{
    char *p = arena_alloc(mem, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ')
            p[n++] = s.p[i];
    return (struct str){p, n};
}

/* As it is and, when that differs, in Latin letters. Letters that ICU has no transliteration for are left as they are
 * and would be the word again, spoilt: only what became ASCII counts. */
static void spaced_add(struct search_cutter *c, struct search_cut *cut, struct search_piece at, struct str word,
                       struct arena *mem)
{
    at.term = word;
    at.is_latin = is_ascii(word);
    piece_add(cut, at);
    if (at.is_latin)
        return;
    at.term = without_spaces(latin_of(c, word, mem), mem);
    at.is_latin = is_ascii(at.term);
    if (at.is_latin)
        piece_add(cut, at);
}

/* The article is written with the word in Arabic and Hebrew, and left out as often as not. */
static struct str without_article(struct str word)
{
    enum { LEAST_LETTERS = 3 };
    static const char ARABIC[] = "\xd8\xa7\xd9\x84", HEBREW[] = "\xd7\x94"; /* alef lam; he */
    size_t skip = str_starts_with(word, str_of(ARABIC)) ? 4 : str_starts_with(word, str_of(HEBREW)) ? 2 : 0;
    return skip && word.n >= skip + 2 * LEAST_LETTERS ? str_slice(word, skip, word.n) : STR_NONE;
}

static void cut_spaced(struct search_cutter *c, struct search_cut *cut, struct str word, struct arena *mem)
{
    struct search_piece at = {.run = cut->runs, .word = cut->words, .span = 1};
    spaced_add(c, cut, at, word, mem);
    struct str bare = without_article(word);
    if (bare.n)
        spaced_add(c, cut, at, bare, mem);
    cut->words++;
}

/* "senso-ji" is typed "sensoji" too. */
static void join_hyphened(struct search_cut *cut, struct str word, struct arena *mem)
{
    struct str before = cut->run[cut->runs - 1];
    struct search_piece at = {.run = cut->runs - 1, .word = cut->words - 1, .span = 2};
    at.term = str_printf(mem, STR_FMT STR_FMT, STR_ARG(before), STR_ARG(word));
    at.is_latin = is_ascii(at.term);
    piece_add(cut, at);
}

static void cut_latin_words(struct search_cut *cut, struct search_piece at, struct str latin, unsigned characters)
{
    struct str word, rest = latin;
    unsigned n = 0, i = 0;
    while (text_next_word(&rest, &word))
        n++;
    while (text_next_word(&latin, &word)) {
        unsigned from = i * characters / n, to = (i + 1) * characters / n;
        struct search_piece p = {.term = word, .run = at.run, .word = at.word + from, .is_latin = is_ascii(word)};
        p.span = to > from ? to - from : 1;
        if (p.is_latin)
            piece_add(cut, p);
        i++;
    }
}

/* Each character with those after it: every part of the run is the beginning of some piece. */
static void cut_unspaced(struct search_cutter *c, struct search_cut *cut, struct text_run *run, struct arena *mem)
{
    bool is_han = run->spacing == TEXT_HAN;
    unsigned gram = is_han ? HAN_GRAM : UNSPACED_GRAM, n = (unsigned)text_characters(run->text);
    if (n > SEARCH_NAME_WORDS_MAX - cut->words)
        n = SEARCH_NAME_WORDS_MAX - cut->words;
    struct search_piece at = {.run = cut->runs, .word = cut->words, .span = n};
    for (unsigned i = 0; i < n; i++) {
        struct search_piece p = {.run = cut->runs, .word = cut->words + i, .span = 1, .is_gram = true};
        p.term = str_slice(run->text, text_offset(run->text, i), text_offset(run->text, i + gram));
        piece_add(cut, p);
    }
    struct str latin = latin_of(c, run->text, mem);
    if (!is_han)
        cut_latin_words(cut, at, latin, n);
    at.term = without_spaces(latin, mem);
    at.is_latin = is_ascii(at.term);
    if (at.is_latin && is_han)
        piece_add(cut, at);
    cut->words += n;
}

void search_cut(struct search_cutter *c, struct str text, struct arena *mem, struct search_cut *out)
{
    *out = (struct search_cut){.pieces = ARENA_NEW_N(mem, struct search_piece, CUT_PIECES_MAX)};
    struct str rest = sites_fold(mem, mark_hyphens(str_clip(text, CUT_TEXT_MAX), mem));
    struct text_run run;
    while (out->runs < SEARCH_NAME_RUNS_MAX && out->words < SEARCH_NAME_WORDS_MAX && text_next_run(&rest, &run)) {
        if (run.spacing == TEXT_HAN)
            run.text = text_simplify(c->simplifier, run.text, mem);
        if (run.is_hyphened && out->runs > 0 && run.spacing == TEXT_SPACED)
            join_hyphened(out, run.text, mem);
        out->run[out->runs] = str_clip(run.text, SEARCH_TERM_MAX);
        if (run.spacing == TEXT_SPACED)
            cut_spaced(c, out, run.text, mem);
        else
            cut_unspaced(c, out, &run, mem);
        out->runs++;
    }
}
