/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The image of the search and what its parts share. Private to search*.c.
 *
 * Sites are numbered by falling significance, so every list of sites, cut anywhere, has lost the least significant ones.
 * Terms are the words of names (as folded, and as transliterated to Latin letters), pieces of names in scripts without
 * spaces, and attributes (kind, faith, country, group of words that mean the same), sorted bytewise, so that a beginning
 * of a word is a range of terms.
 *
 * File: header (one page), sections, digests of chunks as in the atlas. Little-endian; sections begin at multiples of 64.
 */
#ifndef SITES_SEARCH_INT_H
#define SITES_SEARCH_INT_H

#include "base/file.h"
#include "base/hash.h"
#include "sites/search.h"
#include "text/fold.h"
#include "text/script.h"
#include "text/sound.h"

enum {
    SEARCH_VERSION = 1,
    SEARCH_PAGE = 4096,
    SEARCH_REVISION_MAX = 63,
    SEARCH_TERM_MAX = 48,      /* bytes of a term; longer words are cut */
    SEARCH_NAMES_MAX = 60,     /* names of a site that are searched */
    SEARCH_NAME_RUNS_MAX = 24, /* runs of letters of a name, and words: a character of a run without spaces is one */
    SEARCH_NAME_WORDS_MAX = 64,
    SEARCH_SITE_TERMS_MAX = 600,
    SEARCH_BLOCK_TERMS = 16,   /* terms under one beginning in the dictionary */
    SEARCH_BLOCK_SITES = 128,  /* postings under one entry of a skip table */
    SEARCH_TOP = 4096,         /* sites kept for a beginning that many terms share */
    SEARCH_TOP_OVER = 16384,   /* postings from which a beginning has such a list */
    SEARCH_TOP_CHARACTERS = 4, /* longest beginning that may have one */
    SEARCH_GROUPS_MAX = 128,
    SEARCH_PHRASE_WORDS = 4
};
#define SEARCH_MAGIC     "FANESRCH"
#define SEARCH_NOWHERE   INT32_MIN
#define SEARCH_NONE      UINT32_MAX
#define SEARCH_SITES_MAX UINT32_C(0x7fffffff)
#define SEARCH_TERMS_MAX (UINT32_C(1) << 30) /* two bits go with a term's number */

/* Beginnings of terms that are no words. */
#define SEARCH_IS_KIND    "\x01k"
#define SEARCH_IS_FAITH   "\x01r"
#define SEARCH_IS_COUNTRY "\x01c"
#define SEARCH_IS_ADMIN                                                                                                \
    "\x01"                                                                                                             \
    "a"
#define SEARCH_IS_GROUP "\x01w"

enum search_section {
    SS_SITES,   /* struct search_site */
    SS_FORWARD, /* per site: its names and their terms */
    SS_BLOCKS,  /* uint32 per block of terms: where it begins in SS_TERMS */
    SS_TERMS,   /* front-coded */
    SS_INFO,    /* struct search_term */
    SS_POSTINGS,
    SS_TOPS,      /* struct search_top, by first term, longer ranges first */
    SS_TOP_SITES, /* uint32 */
    SS_SOUNDS,    /* struct search_sound: each Latin term by its skeleton; rising key, then falling count */
    SS_NEAR,      /* struct search_sound: skeletons less one consonant; term: index of the whole one in SS_SOUNDS */
    SS_BY_ID,     /* uint32 sites by public id */
    SS_BY_CELL,   /* uint32 sites that have a place, by cell */
    SS_PHRASES,   /* text: words, tab, weight, tab, terms parted by tabs; lines sorted by the words */
    SS_DIGESTS,
    SS_COUNT
};

struct search_section_at {
    uint64_t at, bytes;
};
struct search_header {
    char magic[8];
    uint32_t version, byte_order;
    uint64_t file_bytes;
    uint64_t sites, terms;
    uint64_t words_hash; /* of the vocabulary it was made with */
    char revision[SEARCH_REVISION_MAX + 1];
    struct search_section_at sections[SS_COUNT];
    uint8_t digest[32]; /* SHA-256 of this page with zeros here, then of the chunk digests */
};
_Static_assert(sizeof(struct search_header) <= SEARCH_PAGE, "the header is one page");

struct search_site {
    struct uuid id;
    int32_t lat, lon;            /* 1e-7 degree as the public may know it; SEARCH_NOWHERE */
    uint32_t forward;            /* into SS_FORWARD */
    uint8_t significance, names; /* 255ths; how many names */
    uint16_t terms;              /* of all names and the attributes */
};
struct search_term {
    uint32_t at; /* into SS_POSTINGS */
    uint32_t count;
};
struct search_top {
    uint32_t first, end; /* terms [first, end) */
    uint32_t at, n;      /* into SS_TOP_SITES */
};
struct search_sound {
    uint32_t key[2]; /* a skeleton, high word first: so that 12 bytes need no padding */
    uint32_t term;
};

struct search_image {
    struct file_map map;
    const struct search_header *h;
    size_t sites, terms, blocks_n, forward_n, term_bytes, postings_n, tops_n, top_sites_n, sounds_n, near_n, placed_n;
    const struct search_site *site;
    const unsigned char *forward, *term_text, *postings;
    const uint32_t *blocks, *top_sites, *by_id, *by_cell;
    const struct search_term *info;
    const struct search_top *tops;
    const struct search_sound *sounds, *near;
    struct str phrases;
    bool is_owned; /* bytes on the heap: free them */
};

/* Attaches to bytes that stay where they are and checks their shape, not their digest. */
MUST_CHECK enum rc search_attach(struct search_image *im, struct file_map bytes, struct err *err);
MUST_CHECK enum rc search_image_open(const char *path, uint64_t words_hash, const char *revision,
                                     struct search_image **out, struct err *err);
void search_image_close(struct search_image *im); /* NULL ok */

/* The i-th term into buf (SEARCH_TERM_MAX bytes). */
struct str search_term_text(const struct search_image *im, uint32_t term, char buf[SEARCH_TERM_MAX]);
/* SEARCH_NONE when there is none. */
uint32_t search_term_find(const struct search_image *im, struct str text);
/* The first term not below `text`. */
uint32_t search_term_bound(const struct search_image *im, struct str text);
/* Terms [*first, *end) that begin so. */
void search_term_range(const struct search_image *im, struct str prefix, uint32_t *first, uint32_t *end);
uint32_t search_site_find(const struct search_image *im, struct uuid id); /* SEARCH_NONE */
static inline uint64_t search_sound_key(const struct search_sound *s)
{
    return (uint64_t)s->key[0] << 32 | s->key[1];
}
/* The first entry whose key is not below. */
size_t search_sound_bound(const struct search_sound *list, size_t n, uint64_t key);

/* Postings of one term, rising. */
struct search_cursor {
    const struct search_image *im;
    const unsigned char *p, *end;        /* of the block being read */
    const unsigned char *skips, *blocks; /* the skip table; where blocks begin */
    uint32_t at, left, left_in_block, block, blocks_n;
    uint32_t site; /* the current one; SEARCH_NONE at the end */
};
void search_cursor_begin(struct search_cursor *c, const struct search_image *im, uint32_t term);
void search_cursor_next(struct search_cursor *c);
void search_cursor_seek(struct search_cursor *c, uint32_t least); /* to the first one >= least */

/* A name of a site in SS_FORWARD: its ordinal in the registry's list and its terms with the words each stands for. */
struct search_slot {
    uint32_t term;
    uint8_t word, span;
};
struct search_name {
    unsigned ordinal, n, words; /* ordinal SEARCH_ATTRIBUTES: kind, faith, place, groups */
    struct search_slot slots[SEARCH_SITE_TERMS_MAX];
};
enum { SEARCH_OWN_NAME = 254, SEARCH_ATTRIBUTES = 255 };
struct search_reader {
    const unsigned char *p, *end;
    unsigned left;
};
void search_names_begin(struct search_reader *r, const struct search_image *im, uint32_t site);
bool search_names_next(struct search_reader *r, struct search_name *out);

/* --- words ------------------------------------------------------------------------------------------------------- */

/* Cuts texts into terms. One per thread. */
struct search_cutter;
MUST_CHECK enum rc search_cutter_new(struct search_cutter **out, struct err *err);
void search_cutter_free(struct search_cutter *c);

struct search_piece {
    struct str term;
    unsigned run;        /* which run of letters it comes from */
    unsigned word, span; /* which words of the text it stands for: a character of a run without spaces is a word too */
    bool is_gram;        /* some characters of a run without spaces */
    bool is_latin;       /* letters a-z and digits: may be compared by sound */
};
struct search_cut {
    struct search_piece *pieces;
    size_t n;
    unsigned runs, words;
    struct str run[SEARCH_NAME_RUNS_MAX]; /* as folded; clipped to SEARCH_TERM_MAX */
};
/* Everything in mem. */
void search_cut(struct search_cutter *c, struct str text, struct arena *mem, struct search_cut *out);

/* The vocabulary: groups of words that mean the same (data/search/words.json). Only looked at once made. */
struct search_words;
MUST_CHECK enum rc search_words_new(struct search_words **out, struct err *err);
void search_words_free(struct search_words *w);
uint64_t search_words_hash(void); /* of the file, without reading it */
/* Attribute terms of the groups whose words stand in the text, each once, after the n that are there; at most `most`. */
size_t search_words_of(const struct search_words *w, const struct search_cut *cut, struct str *terms, size_t n,
                       size_t most);
/* Lines for SS_PHRASES: groups, and names of countries as ICU has them. area_phrase adds a division's name. */
struct search_phrases;
struct search_phrases *search_phrases_new(void);
void search_phrases_free(struct search_phrases *p);
void search_phrases_add(struct search_phrases *p, struct search_cutter *c, struct str words, double weight,
                        struct str terms);
void search_phrases_add_all(struct search_phrases *p, struct search_cutter *c, const struct search_words *w);
struct str search_phrases_text(struct search_phrases *p); /* sorted; lives as long as p */

/* --- building ------------------------------------------------------------------------------------------------------ */

struct search_builder;
/* spool: a file that sites are laid aside in while they come, made and removed here; NULL: in memory (for few). */
MUST_CHECK enum rc search_builder_new(const struct search_words *words, struct search_cutter *cutter, const char *spool,
                                      struct search_builder **out, struct err *err);
void search_builder_free(struct search_builder *b);
/* A site as the public may know it (sites_view has been asked), with its names. */
MUST_CHECK enum rc search_builder_add(struct search_builder *b, const struct site *s, struct err *err);
/* To a file; the builder is spent. */
MUST_CHECK enum rc search_builder_write(struct search_builder *b, const char *path, struct str revision,
                                        struct str phrases, struct err *err);
/* Into memory. */
MUST_CHECK enum rc search_builder_image(struct search_builder *b, struct search_image **out, struct err *err);

/* --- ranking ------------------------------------------------------------------------------------------------------- */

struct search_ask {
    struct str text;
    const struct search_cut *cut; /* the text's */
    bool has_near;
    struct geo_point near;
    struct str religion, kind;
    size_t limit;
    struct str phrases; /* of the image on disk */
};
struct search_found {
    uint32_t site;
    struct uuid id;
    unsigned ordinal; /* of the name; SEARCH_ATTRIBUTES: none */
    double score;
};
/* Best first; the same score: the more significant. Returns how many, at most ask->limit. */
size_t search_rank(const struct search_image *im, const struct search_ask *ask,
                   const uint64_t *out_bits /* sites left out; NULL: none */, struct arena *mem,
                   struct search_found *found);

/* --- SQL (search_store.c) -------------------------------------------------------------------------------------------- */

/* By public ids, as this viewer may know them; views[i] is VIEW_DENIED where he may not, or there is none. */
MUST_CHECK enum rc search_store_hits(struct store *st, const struct uuid *public_ids, size_t n,
                                     const struct viewer *viewer, struct arena *mem, struct site *out, enum view *views,
                                     struct err *err);
/* HIDDEN sites that this viewer may see, with one of the words in a name; at most `most`. None for who may see none. */
MUST_CHECK enum rc search_store_hidden(struct store *st, const struct viewer *viewer, const struct str *words, size_t n,
                                       size_t most, sites_each_fn fn, void *ctx, struct err *err);
/* Names of first-level divisions. */
typedef void (*search_area_fn)(void *ctx, struct str code, struct str name);
MUST_CHECK enum rc search_store_areas(struct store *st, search_area_fn fn, void *ctx, struct err *err);

#endif
