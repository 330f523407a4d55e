/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Search as you type over the names of sites in every language, their countries and divisions, faith, kind and short
 * code; forgiving of spelling and of transliteration (docs/adr/0010-search.md). A projection (I4): a memory-mapped image
 * of the public view, with the sites touched since in a small one in memory over it; the same code over both stores.
 * Invariants:
 *   F1 the image and the delta hold what the public may know and nothing else (I3): no HIDDEN site, COARSE ones at
 *      their grid's place. Every hit is read from the store and goes through sites_view before it is given out, so an
 *      image that is behind never shows what was hidden since.
 *   F2 what only this viewer may see is looked up apart, for viewers who may see more than the public does.
 *   F3 the work of one query is bounded, whatever the text and however many sites: see search_rank.c.
 *   F4 a file that is damaged is refused on opening (RC_DAMAGED: rebuild); one made to deceive gives wrong answers,
 *      never a stray read.
 */
#ifndef SITES_SEARCH_H
#define SITES_SEARCH_H

#include "geo/geo.h"
#include "sites/touched.h"

enum {
    SEARCH_TEXT_MAX = 200, /* bytes of a query; longer ones are refused */
    SEARCH_WORDS_MAX = 10, /* words of a query that are looked at */
    SEARCH_LIMIT_MAX = 50  /* hits of one query */
};

/* --- building and following ------------------------------------------------------------------------------------ */

/* Writes the image of the public view to path, atomically and durably. revision: what search_open compares (at most 63
 * bytes). */
MUST_CHECK enum rc search_build(struct store *st, const char *path, struct str revision, struct err *err);
/* The same for whoever makes the pass over all public sites himself: begin, add each with its names read, end. Memory:
 * 16 bytes a site and 60 a word while it gathers; then 96 MB and 32 bytes a site. */
struct search_making;
MUST_CHECK enum rc search_making_begin(struct store *st, const char *path, const char *revision,
                                       struct search_making **out, struct err *err);
MUST_CHECK enum rc search_making_add(struct search_making *m, const struct site *site, struct err *err);
/* m is gone afterwards. keep false: nothing is written. */
MUST_CHECK enum rc search_making_end(struct search_making *m, bool keep, struct err *err);

/* The current image and the sites touched since; many readers, one writer at a time. Empty until search_open. */
struct search;
MUST_CHECK enum rc search_new(struct search **out, struct err *err);
void search_free(struct search *s); /* no query may be under way; NULL ok */
/* Takes the image at path into use, while queries run. Touched sites of changes up to seq are forgotten, the rest holds
 * on top. Errors: RC_NOT_FOUND, RC_IO; RC_DAMAGED (also: another version of the format or of the words), RC_CONFLICT
 * (another revision; revision NULL: any): build it anew. */
MUST_CHECK enum rc search_open(struct search *s, const char *path, const char *revision, int64_t seq, struct err *err);
/* A site as it is now, at change seq (touched.h); takes effect with search_show. */
void search_touch(struct search *s, const struct sites_now *now, int64_t seq);
MUST_CHECK enum rc search_show(struct search *s, struct err *err);

struct search_stats {
    size_t sites, words, bytes, touched;
    char revision[64];
};
void search_stats(struct search *s, struct search_stats *out);

/* --- asking ----------------------------------------------------------------------------------------------------- */

struct search_options {
    const struct viewer *viewer;
    bool has_near; /* those nearer weigh more */
    struct geo_point near;
    struct str lang;           /* BCP 47: the name given where no name of the site matched; may be empty */
    struct str religion, kind; /* only these; empty: any */
    size_t limit;              /* 1 to SEARCH_LIMIT_MAX */
};
struct search_hit {
    struct site site; /* names are read; as the viewer may know it */
    enum view view;
    struct str matched; /* the name that matched best; the site's own when it was not a name that matched */
    double score;       /* 0 to 1.5; only to compare hits of one answer */
};
/* Best first. The last word may be unfinished. A short code finds its site. A text without letters or digits finds
 * nothing. Errors: RC_BUSY before the first search_open; RC_TOO_LARGE for a text over its cap, RC_INVALID for one that is not UTF-8 or a limit out of range. */
MUST_CHECK enum rc search_query(struct search *s, struct store *st, struct str text, const struct search_options *opt,
                                struct arena *mem, struct search_hit **out, size_t *n, struct err *err);

#endif
