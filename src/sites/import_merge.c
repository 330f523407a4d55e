/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The walk of the import: the file's records, sorted by key, and the stored ones in the same order. A whole edition meets
 * every stored record; a change looks only at the keys that it lists, and skips in the store from one to the next.
 */
#include "sites/import_int.h"

#include <stdio.h>
#include <stdlib.h>

enum { PAGE_LEAST = 64 }; /* rows asked for when the keys of a change lie far apart */

struct import_merge {
    struct merge_options opt;
    struct arena page_mem;
    struct stored_record *page;
    size_t page_n, page_i;
    size_t met; /* records of the file since the page was read */
    bool page_last;
    struct spool_record now;
    bool has_now;
    struct arena last_mem;
    struct str last_key;
    int64_t last_line;
    bool has_last;
    uint64_t done;
    int64_t late;
};

/* ---- the stored records ---- */

static enum rc page_read(struct import_merge *m, const struct stored_ask *ask, struct err *err)
{
    struct arena mem;
    arena_init(&mem);
    enum rc rc = import_stored_page(m->opt.st, ask, &mem, &m->page, &m->page_n, err);
    arena_fini(&m->page_mem);
    m->page_mem = mem;
    m->page_i = 0;
    m->met = 0;
    m->page_last = rc != RC_OK || m->page_n < ask->most;
    return rc;
}

/* The next stored record is at page_i when there is one. */
static enum rc stored_fill(struct import_merge *m, struct err *err)
{
    if (m->page_i < m->page_n || m->page_last)
        return RC_OK;
    struct stored_ask ask = {.source = m->opt.source, .most = STORED_PAGE};
    ask.key = m->page_n ? m->page[m->page_n - 1].external_id : STR("");
    return page_read(m, &ask, err);
}

/* Of a change: the first stored record that is not before the file's. Pages are as large as the last one was of use. */
static enum rc stored_seek(struct import_merge *m, struct err *err)
{
    if (!m->has_now)
        return RC_OK;
    while (m->page_i < m->page_n && str_compare(m->page[m->page_i].external_id, m->now.key) < 0)
        m->page_i++;
    if (m->page_i < m->page_n || m->page_last)
        return RC_OK;
    struct stored_ask ask = {.source = m->opt.source, .key = m->now.key, .with_key = true, .most = 2 * m->met};
    ask.most = ask.most < PAGE_LEAST ? PAGE_LEAST : ask.most > STORED_PAGE ? STORED_PAGE : ask.most;
    return page_read(m, &ask, err);
}

/* ---- the file's records ---- */

static void remember(struct import_merge *m)
{
    arena_reset(&m->last_mem);
    m->last_key = str_copy(&m->last_mem, m->now.key);
    m->last_line = m->now.line;
    m->has_last = true;
}

/* The next record of the file; repeated ones are refused on the way. */
static enum rc file_next(struct import_merge *m, struct err *err)
{
    for (;;) {
        TRY(spool_next(m->opt.spool, &m->now, &m->has_now, err));
        if (!m->has_now || !m->has_last || !str_is_equal(m->now.key, m->last_key))
            break;
        char why[80] = "another version of the same object counts";
        if (m->last_line > 0)
            snprintf(why, sizeof why, "duplicate of line %lld", (long long)m->last_line);
        m->opt.rejected(m->opt.ctx, m->now.line, m->now.key, why);
    }
    m->met++;
    if (m->has_now)
        remember(m);
    return RC_OK;
}

/* M6. Without a version on both sides there is no order, and the file is believed. */
static bool is_outdated(const struct import_merge *m, const struct stored_record *s)
{
    bool is_back = s->is_gone && !(m->now.flags & SPOOL_GONE);
    if (!m->opt.is_change || m->now.version == 0 || s->version == 0)
        return false;
    return m->now.version < s->version || (is_back && m->now.version == s->version);
}

static void outdated(struct import_merge *m, const struct stored_record *s)
{
    char why[120];
    snprintf(why, sizeof why, "version %lld is not newer than version %lld, which is stored%s",
             (long long)m->now.version, (long long)s->version, s->is_gone ? " as gone" : "");
    m->late += (m->now.flags & SPOOL_GONE) != 0;
    m->opt.rejected(m->opt.ctx, m->now.line, m->now.key, why);
}

/* ---- both ---- */

static void item_of_stored(const struct stored_record *s, struct import_batch *b, struct import_item *it)
{
    it->is_stored = true;
    it->key = str_copy(&b->mem, s->external_id);
    it->site = s->site;
    it->stored_digest = s->digest;
    it->stored_version = it->version = s->version;
    it->is_gone_before = s->is_gone;
}

static void item_of_file(const struct import_merge *m, struct import_batch *b, struct import_item *it)
{
    it->is_in_file = !(m->now.flags & SPOOL_GONE);
    it->keeps_place = m->now.flags & SPOOL_KEEPS_PLACE;
    it->key = str_copy(&b->mem, m->now.key);
    it->bytes = str_copy(&b->mem, m->now.payload);
    b->bytes += it->bytes.n;
    it->version = m->now.version;
    it->is_version_new = it->is_stored && it->version != it->stored_version;
}

static enum rc batch_take(struct import_merge *m, struct import_batch *b, struct err *err)
{
    const struct stored_record *s = m->page_i < m->page_n ? &m->page[m->page_i] : NULL;
    int c = !s ? -1 : !m->has_now ? 1 : str_compare(m->now.key, s->external_id);
    struct import_item *it = &b->items[b->n];
    *it = (struct import_item){0};
    if (c > 0) {
        item_of_stored(s, b, it);
        b->n++;
        m->page_i++;
        return RC_OK;
    }
    if (c == 0 && is_outdated(m, s)) {
        outdated(m, s);
    } else if (c == 0 || !(m->now.flags & SPOOL_GONE)) { /* what never was stored cannot go */
        if (c == 0)
            item_of_stored(s, b, it);
        item_of_file(m, b, it);
        b->n++;
    }
    m->page_i += c == 0;
    m->done++;
    return file_next(m, err);
}

enum rc import_merge_fill(struct import_merge *m, struct import_batch *b, struct err *err)
{
    arena_reset(&b->mem);
    *b = (struct import_batch){.mem = b->mem,
                               .number = b->number,
                               .release = b->release,
                               .actor = b->actor,
                               .now = clock_now(),
                               .visibility = b->visibility,
                               .guard = b->guard};
    b->items = ARENA_NEW_N(&b->mem, struct import_item, IMPORT_BATCH_RECORDS);
    while (b->n < IMPORT_BATCH_RECORDS && b->bytes < IMPORT_BATCH_BYTES) {
        TRY(m->opt.is_change ? stored_seek(m, err) : stored_fill(m, err));
        if (!m->has_now && (m->opt.is_change || m->page_i == m->page_n))
            break;
        TRY(batch_take(m, b, err));
    }
    return RC_OK;
}

enum rc import_merge_new(const struct merge_options *opt, struct import_merge **out, struct err *err)
{
    struct import_merge *m = mem_alloc(sizeof *m);
    m->opt = *opt;
    m->page_last = uuid_is_nil(opt->source);
    arena_init(&m->page_mem);
    arena_init(&m->last_mem);
    enum rc rc = spool_turn(opt->spool, err);
    if (rc == RC_OK)
        rc = file_next(m, err);
    if (rc == RC_OK)
        *out = m;
    else
        import_merge_free(m);
    return rc;
}

void import_merge_free(struct import_merge *m)
{
    if (!m)
        return;
    arena_fini(&m->page_mem);
    arena_fini(&m->last_mem);
    free(m);
}

uint64_t import_merge_done(const struct import_merge *m)
{
    return m->done;
}

int64_t import_merge_late(const struct import_merge *m)
{
    return m->late;
}
