/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Opening, checking and reading the image of the search. What is read from a section is looked at before it is used: an
 * image that was made to deceive gives wrong answers, never a stray read (F4).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sites/atlas_int.h"
#include "sites/search_int.h"

_Static_assert((int)ATLAS_PAGE == (int)SEARCH_PAGE, "the digests of chunks are the atlas's");

/* --- shape ------------------------------------------------------------------------------------------------------- */

static enum rc check_header(struct file_map bytes, struct err *err)
{
    const struct search_header *h = (const void *)bytes.p;
    if (bytes.n < SEARCH_PAGE || memcmp(h->magic, SEARCH_MAGIC, sizeof h->magic) != 0)
        return err_set(err, RC_DAMAGED, "this is no image of the search");
    if (h->version != SEARCH_VERSION || h->byte_order != ATLAS_BYTE_ORDER)
        return err_set(err, RC_DAMAGED,
                       "the image is of version %u or another byte order; this program reads version %d", h->version,
                       SEARCH_VERSION);
    if (h->file_bytes != bytes.n)
        return err_set(err, RC_DAMAGED, "the image should have %llu bytes and has %zu",
                       (unsigned long long)h->file_bytes, bytes.n);
    if (h->sites > SEARCH_SITES_MAX || h->terms > SEARCH_TERMS_MAX ||
        memchr(h->revision, 0, sizeof h->revision) == NULL)
        return err_set(err, RC_DAMAGED, "the image's header is out of bounds");
    return RC_OK;
}

/* A section's bytes, which must be whole items of `size`; NULL when it does not fit. */
static const void *section(const struct search_image *im, int k, size_t size, size_t *items)
{
    struct search_section_at s = im->h->sections[k];
    uint64_t end = k == SS_DIGESTS ? im->map.n : im->h->sections[SS_DIGESTS].at;
    if (s.at < SEARCH_PAGE || s.at % 64 != 0 || s.at > end || s.bytes > end - s.at || s.bytes % size != 0 ||
        s.bytes / size > UINT32_MAX)
        return NULL;
    *items = (size_t)(s.bytes / size);
    return im->map.p + s.at;
}

static bool attach_sections(struct search_image *im)
{
    size_t sites = 0, infos = 0, ids = 0, digests = 0, phrases = 0;
    im->site = section(im, SS_SITES, sizeof *im->site, &sites);
    im->forward = section(im, SS_FORWARD, 1, &im->forward_n);
    im->blocks = section(im, SS_BLOCKS, sizeof *im->blocks, &im->blocks_n);
    im->term_text = section(im, SS_TERMS, 1, &im->term_bytes);
    im->info = section(im, SS_INFO, sizeof *im->info, &infos);
    im->postings = section(im, SS_POSTINGS, 1, &im->postings_n);
    im->tops = section(im, SS_TOPS, sizeof *im->tops, &im->tops_n);
    im->top_sites = section(im, SS_TOP_SITES, sizeof *im->top_sites, &im->top_sites_n);
    im->sounds = section(im, SS_SOUNDS, sizeof *im->sounds, &im->sounds_n);
    im->near = section(im, SS_NEAR, sizeof *im->near, &im->near_n);
    im->by_id = section(im, SS_BY_ID, sizeof *im->by_id, &ids);
    im->by_cell = section(im, SS_BY_CELL, sizeof *im->by_cell, &im->placed_n);
    im->phrases.p = section(im, SS_PHRASES, 1, &phrases);
    im->phrases.n = phrases;
    im->sites = (size_t)im->h->sites;
    im->terms = (size_t)im->h->terms;
    return im->site && im->forward && im->blocks && im->term_text && im->info && im->postings && im->tops &&
           im->top_sites && im->sounds && im->near && im->by_id && im->by_cell && im->phrases.p &&
           section(im, SS_DIGESTS, 32, &digests) && sites == im->sites && infos == im->terms && ids == im->sites &&
           im->blocks_n == (im->terms + SEARCH_BLOCK_TERMS - 1) / SEARCH_BLOCK_TERMS;
}

enum rc search_attach(struct search_image *im, struct file_map bytes, struct err *err)
{
    TRY(check_header(bytes, err));
    *im = (struct search_image){.map = bytes, .h = (const void *)bytes.p};
    if (!attach_sections(im))
        return err_set(err, RC_DAMAGED, "a section of the image is out of bounds");
    return RC_OK;
}

/* --- digest -------------------------------------------------------------------------------------------------------- */

static enum rc check_chunks(int fd, const struct search_image *im, struct err *err)
{
    struct search_section_at s = im->h->sections[SS_DIGESTS];
    size_t chunks = atlas_chunks(s.at);
    if (s.bytes != chunks * sizeof(struct sha256))
        return err_set(err, RC_DAMAGED, "the list of digests is cut short");
    struct sha256 *got = mem_array(chunks + 1, sizeof *got), all;
    enum rc rc = atlas_digest_chunks(fd, s.at, 0, got, err);
    if (rc == RC_OK && memcmp(got, im->map.p + s.at, s.bytes) != 0)
        rc = err_set(err, RC_DAMAGED, "the image does not match its digests");
    free(got);
    TRY(rc);
    struct search_header page[1 + SEARCH_PAGE / sizeof(struct search_header)];
    struct sha256_state state;
    memcpy(page, im->map.p, SEARCH_PAGE);
    memset(page->digest, 0, sizeof page->digest);
    sha256_begin(&state);
    sha256_add(&state, page, SEARCH_PAGE);
    sha256_add(&state, im->map.p + s.at, s.bytes);
    all = sha256_end(&state);
    return memcmp(all.b, im->h->digest, sizeof all.b) == 0
               ? RC_OK
               : err_set(err, RC_DAMAGED, "the header does not match the image's digest");
}

static enum rc check_whole(const char *path, struct search_image *im, uint64_t words_hash, const char *revision,
                           struct err *err)
{
    TRY(search_attach(im, im->map, err));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, RC_IO, "cannot open: %s", strerror(errno));
    enum rc rc = check_chunks(fd, im, err);
    close(fd);
    TRY(rc);
    if (im->h->words_hash != words_hash)
        return err_set(err, RC_DAMAGED, "the image was made with another vocabulary");
    if (revision && strcmp(im->h->revision, revision) != 0)
        return err_set(err, RC_CONFLICT, "the image is of an older registry");
    return RC_OK;
}

enum rc search_image_open(const char *path, uint64_t words_hash, const char *revision, struct search_image **out,
                          struct err *err)
{
    struct search_image *im = mem_alloc(sizeof *im);
    enum rc rc = file_map_open(path, &im->map, err);
    if (rc == RC_OK)
        rc = check_whole(path, im, words_hash, revision, err);
    if (rc == RC_OK) {
        *out = im;
        return RC_OK;
    }
    search_image_close(im);
    return err_add(err, "%s: ", path);
}

void search_image_close(struct search_image *im)
{
    if (!im)
        return;
    if (im->is_owned)
        free((void *)(uintptr_t)im->map.p);
    else if (im->map.p)
        file_map_close(&im->map);
    free(im);
}

/* --- terms --------------------------------------------------------------------------------------------------------- */

/* Walks the terms of one block. */
struct walk {
    const unsigned char *p, *end;
    char text[SEARCH_TERM_MAX];
    size_t n;
};

static bool walk_next(struct walk *w)
{
    if (w->end - w->p < 2)
        return false;
    size_t shared = w->p[0], more = w->p[1];
    if (shared > w->n || shared + more > SEARCH_TERM_MAX || (size_t)(w->end - w->p) < 2 + more)
        return false;
    memcpy(w->text + shared, w->p + 2, more);
    w->n = shared + more;
    w->p += 2 + more;
    return true;
}

static struct walk walk_begin(const struct search_image *im, uint32_t block)
{
    size_t at = block < im->blocks_n ? im->blocks[block] : im->term_bytes;
    if (at > im->term_bytes)
        at = im->term_bytes;
    return (struct walk){.p = im->term_text + at, .end = im->term_text + im->term_bytes};
}

struct str search_term_text(const struct search_image *im, uint32_t term, char buf[SEARCH_TERM_MAX])
{
    struct walk w = walk_begin(im, term / SEARCH_BLOCK_TERMS);
    if (term >= im->terms)
        return STR_NONE;
    for (uint32_t i = 0; i <= term % SEARCH_BLOCK_TERMS; i++)
        if (!walk_next(&w))
            return STR_NONE;
    memcpy(buf, w.text, w.n);
    return (struct str){buf, w.n};
}

uint32_t search_term_bound(const struct search_image *im, struct str text)
{
    uint32_t lo = 0, hi = (uint32_t)im->blocks_n;
    while (lo < hi) { /* the first block that begins above or at it */
        uint32_t mid = lo + (hi - lo) / 2;
        struct walk w = walk_begin(im, mid);
        if (walk_next(&w) && str_compare((struct str){w.text, w.n}, text) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0)
        return 0;
    struct walk w = walk_begin(im, lo - 1);
    uint32_t term = (lo - 1) * SEARCH_BLOCK_TERMS, end = lo * SEARCH_BLOCK_TERMS;
    while (term < end && term < im->terms && walk_next(&w) && str_compare((struct str){w.text, w.n}, text) < 0)
        term++;
    return term;
}

uint32_t search_term_find(const struct search_image *im, struct str text)
{
    char buf[SEARCH_TERM_MAX];
    uint32_t term = search_term_bound(im, text);
    return term < im->terms && str_is_equal(search_term_text(im, term, buf), text) ? term : SEARCH_NONE;
}

void search_term_range(const struct search_image *im, struct str prefix, uint32_t *first, uint32_t *end)
{
    char beyond[SEARCH_TERM_MAX];
    prefix = str_slice(prefix, 0, SEARCH_TERM_MAX);
    *first = search_term_bound(im, prefix);
    *end = (uint32_t)im->terms;
    size_t n = prefix.n;
    memcpy(beyond, prefix.p, n);
    while (n > 0 && (unsigned char)beyond[n - 1] == 0xff)
        n--;
    if (n > 0) {
        beyond[n - 1] = (char)((unsigned char)beyond[n - 1] + 1);
        *end = search_term_bound(im, (struct str){beyond, n});
    }
    if (*end < *first)
        *end = *first;
}

uint32_t search_site_find(const struct search_image *im, struct uuid id)
{
    size_t lo = 0, hi = im->sites;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        uint32_t site = im->by_id[mid];
        if (site >= im->sites)
            return SEARCH_NONE;
        int order = memcmp(im->site[site].id.b, id.b, sizeof id.b);
        if (order == 0)
            return site;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return SEARCH_NONE;
}

size_t search_sound_bound(const struct search_sound *list, size_t n, uint64_t key)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (search_sound_key(&list[mid]) < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* --- postings -------------------------------------------------------------------------------------------------------- */

static uint32_t varint(const unsigned char **p, const unsigned char *end)
{
    uint32_t v = 0;
    for (unsigned shift = 0; *p < end && shift < 35; shift += 7) {
        unsigned char b = *(*p)++;
        v |= (uint32_t)(b & 127) << (shift < 32 ? shift : 31);
        if (b < 128)
            break;
    }
    return v;
}

static uint32_t word_at(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Places the cursor before the first site of a block. */
static void block_begin(struct search_cursor *c, uint32_t block)
{
    const unsigned char *end = c->im->postings + c->im->postings_n;
    uint32_t from = block ? word_at(c->skips + 8 * (size_t)(block - 1) + 4) : 0;
    size_t room = (size_t)(end - c->blocks);
    c->block = block;
    c->p = c->blocks + (from < room ? from : room);
    c->at = block ? word_at(c->skips + 8 * (size_t)(block - 1)) : 0;
    c->left_in_block = c->left - block * SEARCH_BLOCK_SITES;
    if (c->left_in_block > SEARCH_BLOCK_SITES)
        c->left_in_block = SEARCH_BLOCK_SITES;
}

void search_cursor_begin(struct search_cursor *c, const struct search_image *im, uint32_t term)
{
    *c = (struct search_cursor){.im = im, .site = SEARCH_NONE};
    if (term >= im->terms || im->info[term].at > im->postings_n || im->info[term].count == 0)
        return;
    c->end = im->postings + im->postings_n;
    c->left = im->info[term].count;
    c->blocks_n = c->left > SEARCH_BLOCK_SITES ? (c->left + SEARCH_BLOCK_SITES - 1) / SEARCH_BLOCK_SITES : 1;
    c->skips = im->postings + im->info[term].at;
    c->blocks = c->skips;
    if (c->blocks_n > 1) {
        if ((size_t)(c->end - c->skips) / 8 < c->blocks_n)
            return;
        c->blocks += 8 * (size_t)c->blocks_n;
    }
    block_begin(c, 0);
    search_cursor_next(c);
}

void search_cursor_next(struct search_cursor *c)
{
    if (c->left_in_block == 0) {
        if (c->block + 1 >= c->blocks_n) {
            c->site = SEARCH_NONE;
            return;
        }
        block_begin(c, c->block + 1);
    }
    c->left_in_block--;
    c->at += varint(&c->p, c->end);
    c->site = c->at < c->im->sites ? c->at : SEARCH_NONE;
    if (c->site == SEARCH_NONE) { /* damaged: the list ends here */
        c->left_in_block = 0;
        c->blocks_n = 0;
    }
}

void search_cursor_seek(struct search_cursor *c, uint32_t least)
{
    if (c->site == SEARCH_NONE || c->site >= least)
        return;
    if (c->blocks_n > 1 && word_at(c->skips + 8 * (size_t)c->block) < least) {
        uint32_t lo = c->block + 1, hi = c->blocks_n;
        while (lo < hi) { /* the first block whose last site is not below */
            uint32_t mid = lo + (hi - lo) / 2;
            if (word_at(c->skips + 8 * (size_t)mid) < least)
                lo = mid + 1;
            else
                hi = mid;
        }
        if (lo == c->blocks_n) {
            c->site = SEARCH_NONE;
            c->left_in_block = 0;
            c->blocks_n = 0;
            return;
        }
        block_begin(c, lo);
        search_cursor_next(c);
    }
    while (c->site < least && c->site != SEARCH_NONE)
        search_cursor_next(c);
}

/* --- names of a site -------------------------------------------------------------------------------------------------- */

void search_names_begin(struct search_reader *r, const struct search_image *im, uint32_t site)
{
    *r = (struct search_reader){0};
    if (site >= im->sites || im->site[site].forward > im->forward_n)
        return;
    r->p = im->forward + im->site[site].forward;
    r->end = im->forward + im->forward_n;
    r->left = im->site[site].names;
}

/* ordinal, words, terms; then for each term its number with two bits that say where it stands: 0 the next word, 1 the
 * same word as the one before, 2 word and span follow. */
bool search_names_next(struct search_reader *r, struct search_name *out)
{
    if (r->left == 0 || r->end - r->p < 4)
        return false;
    r->left--;
    out->ordinal = *r->p++;
    out->words = *r->p++;
    uint32_t n = varint(&r->p, r->end);
    int word = -1;
    if (n > SEARCH_SITE_TERMS_MAX)
        return false;
    for (out->n = 0; out->n < n; out->n++) {
        uint32_t v = varint(&r->p, r->end);
        struct search_slot *s = &out->slots[out->n];
        *s = (struct search_slot){v >> 2, 0, 1};
        if ((v & 3) == 2 && r->end - r->p >= 2) {
            word = *r->p++;
            s->span = *r->p++;
        } else if ((v & 3) == 0) {
            word++;
        }
        s->word = (uint8_t)(word < 0 ? 0 : word);
    }
    return true;
}
