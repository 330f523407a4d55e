/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * First half of building an image: sites come one by one, their names are cut into terms, and what is known of each is
 * laid aside; in memory stay the terms themselves and a few bytes a site. search_write.c does the rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sites/search_build_int.h"

enum { SPOOL_BUFFER = 1 << 20 };

enum rc search_builder_new(const struct search_words *words, struct search_cutter *cutter, const char *spool,
                           struct search_builder **out, struct err *err)
{
    int fd = -1;
    if (spool) {
        fd = open(spool, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
            return err_set(err, RC_IO, "cannot create %s: %s", spool, strerror(errno));
        unlink(spool); /* gone whatever happens */
    }
    struct search_builder *b = mem_alloc(sizeof *b);
    *b = (struct search_builder){.words = words, .cutter = cutter, .spool = fd};
    arena_init(&b->mem);
    buf_init(&b->laid, 0);
    b->table_size = 1 << 12;
    b->table = mem_array(b->table_size, sizeof *b->table);
    *out = b;
    return RC_OK;
}

void search_builder_free(struct search_builder *b)
{
    if (!b)
        return;
    if (b->spool >= 0)
        close(b->spool);
    arena_fini(&b->mem);
    buf_fini(&b->laid);
    free(b->table);
    free(b->terms);
    free(b->pool);
    free(b->sites);
    free(b);
}

/* --- terms ------------------------------------------------------------------------------------------------------- */

struct str search_builder_term(const struct search_builder *b, uint32_t term)
{
    return (struct str){b->pool + b->terms[term].at, b->terms[term].n};
}

static void table_grow(struct search_builder *b)
{
    size_t size = 2 * b->table_size;
    uint32_t *table = mem_array(size, sizeof *table);
    for (uint32_t t = 0; t < b->terms_n; t++) {
        size_t i = b->terms[t].hash & (size - 1);
        while (table[i])
            i = (i + 1) & (size - 1);
        table[i] = t + 1;
    }
    free(b->table);
    b->table = table;
    b->table_size = size;
}

static uint32_t term_add(struct search_builder *b, struct str text, uint32_t hash)
{
    if (b->terms_n == b->terms_size) {
        b->terms_size = b->terms_size ? 2 * b->terms_size : 1024;
        b->terms = mem_realloc(b->terms, b->terms_size * sizeof *b->terms);
    }
    if (b->pool_n + text.n > b->pool_size) {
        b->pool_size = b->pool_size ? 2 * b->pool_size : 1 << 16;
        b->pool = mem_realloc(b->pool, b->pool_size);
    }
    memcpy(b->pool + b->pool_n, text.p, text.n);
    b->terms[b->terms_n] = (struct builder_term){.at = b->pool_n, .hash = hash, .n = (uint8_t)text.n};
    b->pool_n += text.n;
    return (uint32_t)b->terms_n++;
}

static uint32_t term_of(struct search_builder *b, struct str text)
{
    uint32_t hash = (uint32_t)str_hash(text);
    text = str_slice(text, 0, SEARCH_TERM_MAX);
    if (2 * b->terms_n >= b->table_size)
        table_grow(b);
    size_t i = hash & (b->table_size - 1);
    for (; b->table[i]; i = (i + 1) & (b->table_size - 1)) {
        uint32_t t = b->table[i] - 1;
        if (b->terms[t].hash == hash && str_is_equal(search_builder_term(b, t), text))
            return t;
    }
    b->table[i] = term_add(b, text, hash) + 1;
    return b->table[i] - 1;
}

/* --- a site ------------------------------------------------------------------------------------------------------- */

/* What makes people look for a site: listed, known elsewhere, named in many languages. It orders what matches alike, so
 * only the order matters; the weights are this project's choice. */
static uint8_t significance(const struct site *s)
{
    enum { LANGUAGES_MAX = 20, MOST = 255 };
    if (s->is_synthetic)
        return 0;
    int n = 10 + (int)(s->names_n < LANGUAGES_MAX ? s->names_n : LANGUAGES_MAX) * 3;
    n += s->whs_year ? 100 : 0;
    n += s->heritage.n ? 30 : 0;
    n += s->wikidata.n ? 30 : 0;
    n += str_is_equal(s->class_code, STR("place_of_worship")) || str_is_equal(s->class_code, STR("monastery")) ? 15 : 0;
    n += str_is_equal(s->kind, STR("CAT")) ? 10 : 0;
    n += str_is_equal(s->status, STR("present")) ? 5 : 0;
    n -= s->name.n ? 0 : 10;
    return (uint8_t)(n > MOST ? MOST : n);
}

static void record_add(struct search_builder *b, const void *data, size_t n)
{
    ENSURE(b->record_n + n <= sizeof b->record); /* SEARCH_NAMES_MAX and SEARCH_SITE_TERMS_MAX see to it */
    memcpy(b->record + b->record_n, data, n);
    b->record_n += n;
}

static void record_name(struct search_builder *b, struct record_head *head, unsigned ordinal, unsigned words,
                        const struct record_slot *slots, size_t n)
{
    struct record_name name = {(uint8_t)ordinal, (uint8_t)words, (uint16_t)n};
    record_add(b, &name, sizeof name);
    record_add(b, slots, n * sizeof *slots);
    head->names++;
    head->terms = (uint16_t)(head->terms + n);
}

static void name_take(struct search_builder *b, struct record_head *head, unsigned ordinal, struct str text,
                      struct str *groups, size_t *groups_n)
{
    struct search_cut cut;
    struct record_slot slots[CUT_SLOTS_MAX];
    size_t n = 0;
    search_cut(b->cutter, text, &b->mem, &cut);
    for (size_t i = 0; i < cut.n && n < CUT_SLOTS_MAX && head->terms + n < SEARCH_SITE_TERMS_MAX - ATTRIBUTES_MAX; i++)
        slots[n++] = (struct record_slot){term_of(b, cut.pieces[i].term), (uint8_t)cut.pieces[i].word,
                                          (uint8_t)cut.pieces[i].span};
    if (n > 0)
        record_name(b, head, ordinal, cut.words, slots, n);
    *groups_n = search_words_of(b->words, &cut, groups, *groups_n, GROUPS_MAX);
}

struct attributes {
    struct record_slot slots[ATTRIBUTES_MAX];
    size_t n;
};

static void attribute_add(struct search_builder *b, struct attributes *a, struct str term)
{
    if (a->n == ATTRIBUTES_MAX)
        return;
    a->slots[a->n] = (struct record_slot){term_of(b, term), (uint8_t)a->n, 1};
    a->n++;
}

static void attributes_take(struct search_builder *b, struct record_head *head, const struct site *s,
                            const struct str *groups, size_t groups_n)
{
    struct attributes a = {.n = 0};
    const struct str values[] = {s->kind, s->religion, s->country, s->admin1};
    static const char *const BEGIN[] = {SEARCH_IS_KIND, SEARCH_IS_FAITH, SEARCH_IS_COUNTRY, SEARCH_IS_ADMIN};
    for (size_t i = 0; i < 4; i++)
        if (values[i].n)
            attribute_add(b, &a, str_printf(&b->mem, "%s" STR_FMT, BEGIN[i], STR_ARG(values[i])));
    for (size_t i = 0; i < groups_n; i++)
        attribute_add(b, &a, groups[i]);
    struct search_cut cut;
    search_cut(b->cutter, s->denomination, &b->mem, &cut); /* "roman_catholic" */
    for (size_t i = 0; i < cut.n; i++)
        attribute_add(b, &a, cut.pieces[i].term);
    if (a.n > 0)
        record_name(b, head, SEARCH_ATTRIBUTES, (unsigned)a.n, a.slots, a.n);
}

static bool is_repeated(const struct site *s, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (str_is_equal(s->names[k].text, s->names[i].text))
            return true;
    return false;
}

static void names_take(struct search_builder *b, struct record_head *head, const struct site *s)
{
    struct str groups[GROUPS_MAX];
    size_t groups_n = 0, n = s->names_n < SEARCH_NAMES_MAX ? s->names_n : SEARCH_NAMES_MAX;
    bool has_own = s->name.n == 0;
    for (size_t i = 0; i < n; i++) {
        has_own = has_own || str_is_equal(s->names[i].text, s->name);
        if (!is_repeated(s, i))
            name_take(b, head, (unsigned)i, s->names[i].text, groups, &groups_n);
    }
    if (!has_own)
        name_take(b, head, SEARCH_OWN_NAME, s->name, groups, &groups_n);
    attributes_take(b, head, s, groups, groups_n);
}

static enum rc spool_flush(struct search_builder *b, struct err *err)
{
    for (size_t done = 0; done < b->laid.n;) {
        ssize_t n = write(b->spool, b->laid.p + done, b->laid.n - done);
        if (n < 0 && errno != EINTR)
            return err_set(err, RC_IO, "cannot lay sites aside for the search: %s", strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
    buf_clear(&b->laid);
    return RC_OK;
}

enum rc search_builder_add(struct search_builder *b, const struct site *s, struct err *err)
{
    struct record_head head = {.id = s->public_id, .lat = SEARCH_NOWHERE, .lon = SEARCH_NOWHERE};
    arena_reset(&b->mem);
    if (s->has_place) {
        head.lat = (int32_t)(s->lat_deg * 1e7 + (s->lat_deg < 0 ? -0.5 : 0.5));
        head.lon = (int32_t)(s->lon_deg * 1e7 + (s->lon_deg < 0 ? -0.5 : 0.5));
    }
    if (b->sites_n == SEARCH_SITES_MAX || b->terms_n > SEARCH_TERMS_MAX - SEARCH_SITE_TERMS_MAX)
        return err_set(err, RC_TOO_LARGE, "more sites or words than an image of the search holds");
    b->record_n = sizeof head;
    names_take(b, &head, s);
    memcpy(b->record, &head, sizeof head);
    if (b->sites_n == b->sites_size) {
        b->sites_size = b->sites_size ? 2 * b->sites_size : 1024;
        b->sites = mem_realloc(b->sites, b->sites_size * sizeof *b->sites);
    }
    b->sites[b->sites_n++] = (struct builder_site){b->laid_at, (uint32_t)b->record_n, significance(s)};
    b->laid_at += b->record_n;
    buf_add(&b->laid, b->record, b->record_n);
    return b->spool >= 0 && b->laid.n >= SPOOL_BUFFER ? spool_flush(b, err) : RC_OK;
}

enum rc search_builder_read(struct search_builder *b, size_t i, struct err *err)
{
    const struct builder_site *s = &b->sites[i];
    if (b->spool < 0) {
        memcpy(b->record, b->laid.p + s->at, s->bytes);
        return RC_OK;
    }
    if (b->laid.n)
        TRY(spool_flush(b, err));
    if (pread(b->spool, b->record, s->bytes, (off_t)s->at) != (ssize_t)s->bytes)
        return err_set(err, RC_IO, "cannot read what was laid aside for the search");
    return RC_OK;
}
