/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Second half of building an image of the search: terms sorted, sites by falling significance, then the sections one by
 * one. Lists of sites per term are made by passes over the names of all sites, each pass for as many terms as fit
 * POSTINGS_PASS, so that memory does not follow the number of postings.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sites/atlas_int.h"
#include "sites/search_build_int.h"

enum {
    SINK_BYTES = 1 << 18,
    POSTINGS_PASS = 24 << 20, /* postings held at once: 96 MB */
    SOUND_LETTERS_MAX = 24,   /* longer words are found by their beginning only */
    NEAR_LEAST = 3            /* consonants from which one may be wrong */
};

/* Bytes of the image, in a file or in memory. Two parts are written side by side, so each stream has its own place. */
struct target {
    int fd; /* -1: memory */
    unsigned char *p;
    size_t n, size;
    struct search_header h;
    enum rc rc;
    struct err *err;
};
struct stream {
    struct target *to;
    uint64_t at; /* of the buffer's first byte */
    size_t n;
    unsigned char buf[SINK_BYTES];
};

static void target_write(struct target *t, uint64_t at, const void *data, size_t n)
{
    if (t->rc != RC_OK)
        return;
    if (t->fd >= 0) {
        if (pwrite(t->fd, data, n, (off_t)at) != (ssize_t)n)
            t->rc = err_set(t->err, RC_IO, "cannot write the image of the search: %s", strerror(errno));
        return;
    }
    if (at + n > t->size) {
        size_t size = 2 * (size_t)(at + n);
        t->p = mem_realloc(t->p, size);
        memset(t->p + t->size, 0, size - t->size);
        t->size = size;
    }
    memcpy(t->p + at, data, n);
    t->n = at + n > t->n ? (size_t)(at + n) : t->n;
}

static void stream_flush(struct stream *s)
{
    if (s->n)
        target_write(s->to, s->at, s->buf, s->n);
    s->at += s->n;
    s->n = 0;
}

static uint64_t stream_at(const struct stream *s)
{
    return s->at + s->n;
}

static void stream_put(struct stream *s, const void *data, size_t n)
{
    while (n > 0) {
        size_t part = n < SINK_BYTES - s->n ? n : SINK_BYTES - s->n;
        memcpy(s->buf + s->n, data, part);
        s->n += part;
        data = (const char *)data + part;
        n -= part;
        if (s->n == SINK_BYTES)
            stream_flush(s);
    }
}

static void section_begin(struct stream *s, int k)
{
    static const char zeros[64];
    stream_put(s, zeros, (size_t)(-stream_at(s) & 63));
    s->to->h.sections[k].at = stream_at(s);
}

static void section_end(struct stream *s, int k)
{
    s->to->h.sections[k].bytes = stream_at(s) - s->to->h.sections[k].at;
}

static void section_put(struct stream *s, int k, const void *data, size_t n)
{
    section_begin(s, k);
    stream_put(s, data, n);
    section_end(s, k);
}

static size_t varint_make(unsigned char out[5], uint32_t v)
{
    size_t n = 0;
    for (; v >= 128; v >>= 7)
        out[n++] = (unsigned char)(v | 128);
    out[n++] = (unsigned char)v;
    return n;
}

static void varint_put(struct stream *s, uint32_t v)
{
    unsigned char b[5];
    stream_put(s, b, varint_make(b, v));
}

struct write {
    struct search_builder *b;
    struct target target;
    struct stream *s;
    uint32_t *rank;           /* of each term as it came */
    uint32_t *order;          /* terms by rank */
    struct search_term *info; /* by rank */
    uint32_t *site_order;     /* sites by falling significance */
};

/* --- orders ------------------------------------------------------------------------------------------------------ */

struct sort_key {
    struct str text;
    uint32_t index;
};

static int by_term(const void *a, const void *b)
{
    return str_compare(((const struct sort_key *)a)->text, ((const struct sort_key *)b)->text);
}

static void order_terms(struct write *w)
{
    size_t n = w->b->terms_n;
    struct sort_key *keys = mem_array(n + 1, sizeof *keys);
    for (uint32_t t = 0; t < n; t++)
        keys[t] = (struct sort_key){search_builder_term(w->b, t), t};
    qsort(keys, n, sizeof *keys, by_term);
    w->rank = mem_array(n + 1, sizeof *w->rank);
    w->order = mem_array(n + 1, sizeof *w->order);
    w->info = mem_array(n + 1, sizeof *w->info);
    for (uint32_t i = 0; i < n; i++) {
        w->order[i] = keys[i].index;
        w->rank[keys[i].index] = i;
    }
    free(keys);
}

/* By counting; those alike stay in the order they came, which is that of their cells. */
static void order_sites(struct write *w)
{
    size_t counts[257] = {0}, n = w->b->sites_n;
    w->site_order = mem_array(n + 1, sizeof *w->site_order);
    for (size_t i = 0; i < n; i++)
        counts[256 - w->b->sites[i].significance]++;
    for (int k = 1; k < 257; k++)
        counts[k] += counts[k - 1];
    for (size_t i = 0; i < n; i++)
        w->site_order[counts[255 - w->b->sites[i].significance]++] = (uint32_t)i;
}

/* --- sites and their names ------------------------------------------------------------------------------------------ */

static void forward_name(struct write *w, const struct record_name *name, const unsigned char *slots)
{
    unsigned char head[2] = {name->ordinal, name->words};
    int word = -1;
    stream_put(w->s, head, sizeof head);
    varint_put(w->s, name->n);
    for (size_t i = 0; i < name->n; i++) {
        struct record_slot s;
        memcpy(&s, slots + i * sizeof s, sizeof s);
        unsigned where = s.span != 1 || (s.word != word && s.word != word + 1) ? 2 : s.word == word ? 1 : 0;
        unsigned char place[2] = {s.word, s.span};
        varint_put(w->s, w->rank[s.term] << 2 | where);
        if (where == 2)
            stream_put(w->s, place, sizeof place);
        word = s.word;
    }
}

/* Counts each term once a site, too. */
static void forward_site(struct write *w, uint32_t *last, uint32_t number, struct search_site *out)
{
    const struct search_builder *b = w->b;
    const unsigned char *p = b->record + sizeof(struct record_head);
    struct record_head head;
    memcpy(&head, b->record, sizeof head);
    uint64_t at = stream_at(w->s) - w->target.h.sections[SS_FORWARD].at;
    *out = (struct search_site){.id = head.id,
                                .lat = head.lat,
                                .lon = head.lon,
                                .forward = (uint32_t)at,
                                .names = (uint8_t)head.names,
                                .terms = head.terms};
    for (unsigned i = 0; i < head.names; i++) {
        struct record_name name;
        memcpy(&name, p, sizeof name);
        p += sizeof name;
        forward_name(w, &name, p);
        for (unsigned k = 0; k < name.n; k++, p += sizeof(struct record_slot)) {
            struct record_slot s;
            memcpy(&s, p, sizeof s);
            if (last[s.term] != number + 1) {
                last[s.term] = number + 1;
                w->info[w->rank[s.term]].count++;
            }
        }
    }
}

static enum rc write_sites(struct write *w)
{
    struct search_builder *b = w->b;
    struct stream *sites = mem_alloc(sizeof *sites);
    uint32_t *last = mem_array(b->terms_n + 1, sizeof *last);
    w->target.h.sections[SS_SITES] = (struct search_section_at){SEARCH_PAGE, b->sites_n * sizeof(struct search_site)};
    sites->to = &w->target;
    sites->at = SEARCH_PAGE;
    w->s->at = SEARCH_PAGE + b->sites_n * sizeof(struct search_site);
    section_begin(w->s, SS_FORWARD);
    enum rc rc = RC_OK;
    for (uint32_t i = 0; i < b->sites_n && rc == RC_OK; i++) {
        struct search_site site;
        rc = search_builder_read(b, w->site_order[i], w->target.err);
        if (rc != RC_OK)
            break;
        forward_site(w, last, i, &site);
        site.significance = b->sites[w->site_order[i]].significance;
        stream_put(sites, &site, sizeof site);
        if (stream_at(w->s) - w->target.h.sections[SS_FORWARD].at > UINT32_MAX - UINT16_MAX)
            rc = err_set(w->target.err, RC_TOO_LARGE, "the names of all sites are over 4 GB");
    }
    section_end(w->s, SS_FORWARD);
    stream_flush(sites);
    stream_flush(w->s);
    free(sites);
    free(last);
    return rc == RC_OK ? w->target.rc : rc;
}

/* What is written so far, to be read again. */
static enum rc so_far(struct write *w, struct search_image *im)
{
    stream_flush(w->s);
    TRY(w->target.rc);
    *im = (struct search_image){.map = {w->target.p, w->target.n}, .h = &w->target.h, .sites = w->b->sites_n};
    if (w->target.fd >= 0) {
        im->map.n = (size_t)w->s->at;
        void *p = mmap(NULL, im->map.n, PROT_READ, MAP_SHARED, w->target.fd, 0);
        if (p == MAP_FAILED)
            return err_set(w->target.err, RC_IO, "cannot map the image of the search: %s", strerror(errno));
        im->map.p = p;
    }
    im->site = (const void *)(im->map.p + w->target.h.sections[SS_SITES].at);
    im->forward = im->map.p + w->target.h.sections[SS_FORWARD].at;
    im->forward_n = (size_t)w->target.h.sections[SS_FORWARD].bytes;
    return RC_OK;
}

static void so_far_end(struct write *w, struct search_image *im)
{
    if (w->target.fd >= 0)
        munmap((void *)(uintptr_t)im->map.p, im->map.n);
}

/* --- postings --------------------------------------------------------------------------------------------------------- */

/* Collects the smallest sites of all terms under one beginning. */
struct top {
    char prefix[SEARCH_TERM_MAX];
    size_t prefix_n;
    uint32_t first, terms;
    uint64_t postings;
    uint32_t sites[2 * SEARCH_TOP], n, most; /* most: none above it can be among the smallest */
};
struct tops {
    struct top levels[SEARCH_TOP_CHARACTERS];
    struct search_top *list;
    size_t n, size;
    uint32_t *sites;
    size_t sites_n, sites_size;
};

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void top_settle(struct top *t)
{
    uint32_t n = 0;
    qsort(t->sites, t->n, sizeof *t->sites, by_number);
    for (uint32_t i = 0; i < t->n; i++)
        if (n == 0 || t->sites[n - 1] != t->sites[i])
            t->sites[n++] = t->sites[i];
    t->n = n < SEARCH_TOP ? n : SEARCH_TOP;
    if (n >= SEARCH_TOP)
        t->most = t->sites[SEARCH_TOP - 1];
}

static void top_close(struct tops *all, struct top *t, uint32_t end)
{
    if (t->terms > 1 && t->postings > SEARCH_TOP_OVER) {
        top_settle(t);
        if (all->n == all->size) {
            all->size = all->size ? 2 * all->size : 64;
            all->list = mem_realloc(all->list, all->size * sizeof *all->list);
        }
        if (all->sites_n + t->n > all->sites_size) {
            all->sites_size = 2 * all->sites_size + SEARCH_TOP;
            all->sites = mem_realloc(all->sites, all->sites_size * sizeof *all->sites);
        }
        all->list[all->n++] = (struct search_top){t->first, end, (uint32_t)all->sites_n, t->n};
        memcpy(all->sites + all->sites_n, t->sites, t->n * sizeof *t->sites);
        all->sites_n += t->n;
    }
    t->terms = t->n = 0;
    t->postings = 0;
    t->most = SEARCH_NONE;
}

/* text empty: the end. */
static void tops_term(struct tops *all, uint32_t term, struct str text, const uint32_t *sites, uint32_t n)
{
    size_t characters = text_characters(text);
    for (size_t l = 0; l < SEARCH_TOP_CHARACTERS; l++) {
        struct top *t = &all->levels[l];
        struct str prefix = str_slice(text, 0, text_offset(text, l + 1));
        if (t->terms && !str_is_equal(prefix, (struct str){t->prefix, t->prefix_n}))
            top_close(all, t, term);
        if (characters <= l || (unsigned char)text.p[0] < ' ')
            continue;
        if (t->terms++ == 0) {
            t->first = term;
            t->prefix_n = prefix.n;
            memcpy(t->prefix, prefix.p, prefix.n);
        }
        t->postings += n;
        for (uint32_t i = 0; i < n && sites[i] <= t->most; i++) {
            if (t->n == 2 * SEARCH_TOP)
                top_settle(t);
            t->sites[t->n++] = sites[i];
        }
    }
}

static void list_put(struct write *w, const uint32_t *sites, uint32_t n)
{
    uint32_t blocks = (n + SEARCH_BLOCK_SITES - 1) / SEARCH_BLOCK_SITES, at = 0, bytes = 0;
    unsigned char b[5];
    for (uint32_t k = 0; blocks > 1 && k < blocks; k++) {
        uint32_t end = (k + 1) * SEARCH_BLOCK_SITES < n ? (k + 1) * SEARCH_BLOCK_SITES : n;
        for (uint32_t i = k * SEARCH_BLOCK_SITES; i < end; i++) {
            bytes += (uint32_t)varint_make(b, sites[i] - at);
            at = sites[i];
        }
        uint32_t skip[2] = {at, bytes};
        stream_put(w->s, skip, sizeof skip);
    }
    at = 0;
    for (uint32_t i = 0; i < n; i++) {
        varint_put(w->s, sites[i] - at);
        at = sites[i];
    }
}

/* Sites of terms [first, end), one list after the other. */
static void lists_fill(const struct write *w, const struct search_image *im, uint32_t first, uint32_t end,
                       const uint32_t *starts, uint32_t *filled, uint32_t *sites)
{
    struct search_name *name = mem_alloc(sizeof *name);
    memset(filled, 0, (end - first) * sizeof *filled);
    for (uint32_t i = 0; i < w->b->sites_n; i++) {
        struct search_reader r;
        search_names_begin(&r, im, i);
        while (search_names_next(&r, name))
            for (unsigned k = 0; k < name->n; k++) {
                uint32_t t = name->slots[k].term;
                if (t < first || t >= end)
                    continue;
                uint32_t *list = sites + starts[t - first], *n = &filled[t - first];
                if (*n == 0 || list[*n - 1] != i)
                    list[(*n)++] = i;
            }
    }
    free(name);
}

static enum rc lists_write(struct write *w, uint32_t first, uint32_t end, const uint32_t *starts, const uint32_t *sites,
                           struct tops *tops)
{
    for (uint32_t t = first; t < end; t++) {
        uint64_t at = stream_at(w->s) - w->target.h.sections[SS_POSTINGS].at;
        if (at > UINT32_MAX)
            return err_set(w->target.err, RC_TOO_LARGE, "the lists of the search are over 4 GB");
        w->info[t].at = (uint32_t)at;
        list_put(w, sites + starts[t - first], w->info[t].count);
        tops_term(tops, t, search_builder_term(w->b, w->order[t]), sites + starts[t - first], w->info[t].count);
    }
    return w->target.rc;
}

static enum rc postings_passes(struct write *w, const struct search_image *im, struct tops *tops)
{
    uint32_t terms = (uint32_t)w->b->terms_n;
    uint32_t *starts = mem_array((size_t)terms + 1, sizeof *starts),
             *filled = mem_array((size_t)terms + 1, sizeof *filled);
    enum rc rc = RC_OK;
    for (uint32_t first = 0, end; first < terms && rc == RC_OK; first = end) {
        uint32_t n = 0;
        for (end = first; end < terms && (end == first || n + w->info[end].count <= POSTINGS_PASS); end++) {
            starts[end - first] = n;
            n += w->info[end].count;
        }
        uint32_t *sites = mem_array((size_t)n + 1, sizeof *sites);
        lists_fill(w, im, first, end, starts, filled, sites);
        rc = lists_write(w, first, end, starts, sites, tops);
        free(sites);
    }
    tops_term(tops, terms, STR_NONE, NULL, 0);
    free(starts);
    free(filled);
    return rc;
}

static int by_first(const void *a, const void *b)
{
    const struct search_top *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return (x->end < y->end) - (x->end > y->end);
}

static enum rc write_postings(struct write *w)
{
    struct search_image im;
    struct tops *tops = mem_alloc(sizeof *tops);
    for (size_t l = 0; l < SEARCH_TOP_CHARACTERS; l++)
        tops->levels[l].most = SEARCH_NONE;
    section_begin(w->s, SS_POSTINGS);
    enum rc rc = so_far(w, &im);
    if (rc == RC_OK) {
        if (w->target.fd < 0) { /* what is written moves the memory: read a copy */
            unsigned char *copy = mem_alloc(im.map.n + 1);
            memcpy(copy, im.map.p, im.map.n);
            im.site = (const void *)(copy + ((const unsigned char *)im.site - im.map.p));
            im.forward = copy + (im.forward - im.map.p);
            im.map.p = copy;
        }
        rc = postings_passes(w, &im, tops);
        if (w->target.fd < 0)
            free((void *)(uintptr_t)im.map.p);
        else
            so_far_end(w, &im);
    }
    section_end(w->s, SS_POSTINGS);
    if (tops->n)
        qsort(tops->list, tops->n, sizeof *tops->list, by_first);
    section_put(w->s, SS_TOPS, tops->list, tops->n * sizeof *tops->list);
    section_put(w->s, SS_TOP_SITES, tops->sites, tops->sites_n * sizeof *tops->sites);
    section_put(w->s, SS_INFO, w->info, w->b->terms_n * sizeof *w->info);
    free(tops->list);
    free(tops->sites);
    free(tops);
    return rc;
}

/* --- the dictionary ------------------------------------------------------------------------------------------------------ */

static void write_terms(struct write *w)
{
    size_t n = w->b->terms_n, blocks_n = 0;
    uint32_t *blocks = mem_array(n / SEARCH_BLOCK_TERMS + 1, sizeof *blocks);
    struct str before = STR_NONE;
    section_begin(w->s, SS_TERMS);
    for (size_t i = 0; i < n; i++) {
        struct str t = search_builder_term(w->b, w->order[i]);
        unsigned char head[2] = {0};
        if (i % SEARCH_BLOCK_TERMS == 0)
            blocks[blocks_n++] = (uint32_t)(stream_at(w->s) - w->target.h.sections[SS_TERMS].at);
        else
            while (head[0] < t.n && head[0] < before.n && t.p[head[0]] == before.p[head[0]])
                head[0]++;
        head[1] = (unsigned char)(t.n - head[0]);
        stream_put(w->s, head, 2);
        stream_put(w->s, t.p + head[0], head[1]);
        before = t;
    }
    section_end(w->s, SS_TERMS);
    section_put(w->s, SS_BLOCKS, blocks, blocks_n * sizeof *blocks);
    free(blocks);
}

/* --- sounds ---------------------------------------------------------------------------------------------------------------- */

struct sound_row {
    uint64_t key;
    uint32_t count, term;
};

static int by_sound(const void *a, const void *b)
{
    const struct sound_row *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return (x->term > y->term) - (x->term < y->term);
}

static bool is_sounded(struct str t)
{
    for (size_t i = 0; i < t.n; i++)
        if (!(t.p[i] >= 'a' && t.p[i] <= 'z'))
            return false;
    return t.n > 1 && t.n <= SOUND_LETTERS_MAX;
}

static void sounds_put(struct write *w, int section, struct sound_row *rows, size_t n)
{
    if (n)
        qsort(rows, n, sizeof *rows, by_sound);
    section_begin(w->s, section);
    for (size_t i = 0; i < n; i++) {
        struct search_sound s = {{(uint32_t)(rows[i].key >> 32), (uint32_t)rows[i].key}, rows[i].term};
        stream_put(w->s, &s, sizeof s);
    }
    section_end(w->s, section);
}

/* A skeleton without each of its consonants leads to the whole one, for those that are misspelt by one. */
static size_t near_make(const struct sound_row *rows, size_t n, struct sound_row **out)
{
    struct sound_row *near = NULL;
    size_t near_n = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned length = text_sound_length(rows[i].key);
        if ((i > 0 && rows[i].key == rows[i - 1].key) || length < NEAR_LEAST)
            continue;
        if (near_n + length > size) {
            size = 2 * size + 1024;
            near = mem_realloc(near, size * sizeof *near);
        }
        uint64_t before = 0;
        for (unsigned k = 0; k < length; k++) {
            uint64_t key = text_sound_without(rows[i].key, k);
            if (key != before)
                near[near_n++] = (struct sound_row){key, rows[i].count, (uint32_t)i};
            before = key;
        }
    }
    *out = near;
    return near_n;
}

static void write_sounds(struct write *w)
{
    size_t n = 0, near_n;
    struct sound_row *rows = mem_array(w->b->terms_n + 1, sizeof *rows), *near;
    for (uint32_t i = 0; i < w->b->terms_n; i++) {
        struct str t = search_builder_term(w->b, w->order[i]);
        uint64_t key = is_sounded(t) ? text_sound(t) : 0;
        if (key)
            rows[n++] = (struct sound_row){key, w->info[i].count, i};
    }
    sounds_put(w, SS_SOUNDS, rows, n);
    near_n = near_make(rows, n, &near);
    sounds_put(w, SS_NEAR, near, near_n);
    free(near);
    free(rows);
}

/* --- sites by id and by place ------------------------------------------------------------------------------------------------ */

struct id_row {
    struct uuid id;
    uint32_t site;
};
static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct id_row *)a)->id.b, ((const struct id_row *)b)->id.b, sizeof(struct uuid));
}

static void write_by_id(struct write *w, const struct search_image *im)
{
    struct id_row *rows = mem_array(im->sites + 1, sizeof *rows);
    for (uint32_t i = 0; i < im->sites; i++)
        rows[i] = (struct id_row){im->site[i].id, i};
    qsort(rows, im->sites, sizeof *rows, by_id);
    section_begin(w->s, SS_BY_ID);
    for (size_t i = 0; i < im->sites; i++)
        stream_put(w->s, &rows[i].site, sizeof rows[i].site);
    section_end(w->s, SS_BY_ID);
    free(rows);
}

struct cell_row {
    uint64_t cell;
    uint32_t site;
};
static int by_cell(const void *a, const void *b)
{
    const struct cell_row *x = a, *y = b;
    if (x->cell != y->cell)
        return x->cell < y->cell ? -1 : 1;
    return (x->site > y->site) - (x->site < y->site);
}

static void write_by_cell(struct write *w, const struct search_image *im)
{
    size_t n = 0;
    struct cell_row *rows = mem_array(im->sites + 1, sizeof *rows);
    for (uint32_t i = 0; i < im->sites; i++)
        if (im->site[i].lat != SEARCH_NOWHERE)
            rows[n++] =
                (struct cell_row){geo_cell_of((struct geo_point){im->site[i].lat * 1e-7, im->site[i].lon * 1e-7}), i};
    qsort(rows, n, sizeof *rows, by_cell);
    section_begin(w->s, SS_BY_CELL);
    for (size_t i = 0; i < n; i++)
        stream_put(w->s, &rows[i].site, sizeof rows[i].site);
    section_end(w->s, SS_BY_CELL);
    free(rows);
}

/* Rows are sorted from a copy in memory, so that what is written may move. */
static enum rc write_orders(struct write *w)
{
    struct search_image im;
    TRY(so_far(w, &im));
    struct search_site *sites = mem_array(im.sites + 1, sizeof *sites);
    memcpy(sites, im.site, im.sites * sizeof *sites);
    so_far_end(w, &im);
    im.site = sites;
    write_by_id(w, &im);
    write_by_cell(w, &im);
    free(sites);
    return w->target.rc;
}

/* --- all of it -------------------------------------------------------------------------------------------------------------- */

static enum rc write_all(struct write *w, struct str phrases)
{
    w->target.h = (struct search_header){.version = SEARCH_VERSION,
                                         .byte_order = ATLAS_BYTE_ORDER,
                                         .sites = w->b->sites_n,
                                         .terms = w->b->terms_n,
                                         .words_hash = search_words_hash()};
    memcpy(w->target.h.magic, SEARCH_MAGIC, sizeof w->target.h.magic);
    static const unsigned char page[SEARCH_PAGE];
    target_write(&w->target, 0, page, sizeof page);
    order_terms(w);
    order_sites(w);
    TRY(write_sites(w));
    TRY(write_postings(w));
    write_terms(w);
    write_sounds(w);
    TRY(write_orders(w));
    section_put(w->s, SS_PHRASES, phrases.p, phrases.n);
    section_begin(w->s, SS_DIGESTS);
    stream_flush(w->s);
    return w->target.rc;
}

static void write_end(struct write *w)
{
    free(w->rank);
    free(w->order);
    free(w->info);
    free(w->site_order);
    free(w->s);
}

enum rc search_builder_image(struct search_builder *b, struct search_image **out, struct err *err)
{
    struct write w = {.b = b, .target = {.fd = -1, .err = err}, .s = mem_alloc(sizeof *w.s)};
    w.s->to = &w.target;
    enum rc rc = write_all(&w, STR_NONE);
    struct search_image *im = mem_alloc(sizeof *im);
    if (rc == RC_OK) {
        w.target.h.file_bytes = w.target.n;
        target_write(&w.target, 0, &w.target.h, sizeof w.target.h);
        rc = search_attach(im, (struct file_map){w.target.p, w.target.n}, err);
    }
    im->is_owned = true;
    im->map = (struct file_map){w.target.p, w.target.n};
    write_end(&w);
    if (rc == RC_OK)
        *out = im;
    else
        search_image_close(im);
    return rc;
}

static enum rc seal(struct write *w)
{
    struct target *t = &w->target;
    uint64_t at = t->h.sections[SS_DIGESTS].at;
    size_t chunks = atlas_chunks(at);
    struct sha256 *digests = mem_array(chunks + 1, sizeof *digests);
    enum rc rc = atlas_digest_chunks(t->fd, at, 0, digests, t->err);
    if (rc == RC_OK) {
        unsigned char page[SEARCH_PAGE] = {0};
        struct sha256_state state;
        stream_put(w->s, digests, chunks * sizeof *digests);
        stream_flush(w->s);
        section_end(w->s, SS_DIGESTS);
        t->h.file_bytes = w->s->at;
        memcpy(page, &t->h, sizeof t->h);
        sha256_begin(&state);
        sha256_add(&state, page, sizeof page);
        sha256_add(&state, digests, chunks * sizeof *digests);
        struct sha256 all = sha256_end(&state);
        memcpy(page + offsetof(struct search_header, digest), all.b, sizeof all.b);
        target_write(t, 0, page, sizeof page);
        rc = t->rc;
    }
    free(digests);
    if (rc == RC_OK && fsync(t->fd) != 0)
        rc = err_set(t->err, RC_IO, "cannot fsync the image of the search: %s", strerror(errno));
    return rc;
}

enum rc search_builder_write(struct search_builder *b, const char *path, struct str revision, struct str phrases,
                             struct err *err)
{
    char tmp[4096];
    if (revision.n > SEARCH_REVISION_MAX)
        return err_set(err, RC_INVALID, "the image's revision is over %d bytes", SEARCH_REVISION_MAX);
    if ((size_t)snprintf(tmp, sizeof tmp, "%s.tmp", path) >= sizeof tmp)
        return err_set(err, RC_INVALID, "path %s is too long", path);
    struct write w = {.b = b, .target = {.err = err}};
    TRY(file_open_alone(tmp, &w.target.fd, err));
    w.s = mem_alloc(sizeof *w.s);
    w.s->to = &w.target;
    enum rc rc = write_all(&w, phrases);
    if (rc == RC_OK && revision.n)
        memcpy(w.target.h.revision, revision.p, revision.n);
    if (rc == RC_OK)
        rc = seal(&w);
    if (rc == RC_OK)
        rc = file_put_in_place(tmp, path, err);
    if (rc != RC_OK)
        unlink(tmp);
    if (close(w.target.fd) != 0 && rc == RC_OK) /* only now: the lock covers the renaming */
        rc = err_set(err, RC_IO, "cannot close %s: %s", path, strerror(errno));
    write_end(&w);
    return rc;
}
