/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Gathering sites and writing the atlas file. Memory is what bounds it: 32 bytes a site and the texts while gathering;
 * each column is dropped as soon as it is in the file, and only two zooms of marks are held at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/threads.h"
#include "sites/atlas_int.h"

enum { SINK_BYTES = 1 << 20 };
#define POOL_MAX UINT32_MAX

/* --- gathering ------------------------------------------------------------------------------------------------ */

struct atlas_builder *atlas_builder_new(void)
{
    struct atlas_builder *b = mem_alloc(sizeof *b);
    b->pool_size = 1 << 16;
    b->pool = mem_alloc(b->pool_size);
    b->pool_n = 1; /* the empty text */
    b->texts_size = 1 << 12;
    b->texts = mem_array(b->texts_size, sizeof *b->texts);
    b->combo_table_size = 1 << 8;
    b->combo_table = mem_array(b->combo_table_size, sizeof *b->combo_table);
    return b;
}

void atlas_builder_free(struct atlas_builder *b)
{
    if (!b)
        return;
    free(b->sites);
    free(b->ids);
    free(b->pool);
    free(b->texts);
    free(b->combos);
    free(b->combo_table);
    free(b);
}

struct str atlas_builder_text(const struct atlas_builder *b, uint32_t at)
{
    return (struct str){b->pool + at + 1, (unsigned char)b->pool[at]};
}

/* Words of 8 bytes through the multiply-and-fold of FNV's kind: names are hashed by the million. */
static uint32_t text_hash(struct str s)
{
    uint64_t h = s.n, w;
    for (; s.n >= 8; s.p += 8, s.n -= 8) {
        memcpy(&w, s.p, 8);
        h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
    }
    w = 0;
    memcpy(&w, s.p, s.n);
    h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(h >> 32 ^ h);
}

static void texts_grow(struct atlas_builder *b)
{
    size_t size = b->texts_size * 2;
    struct atlas_text_slot *table = mem_array(size, sizeof *table);
    for (size_t i = 0; i < b->texts_size; i++) {
        if (b->texts[i].at == 0)
            continue;
        size_t h = b->texts[i].hash & (size - 1);
        while (table[h].at)
            h = (h + 1) & (size - 1);
        table[h] = b->texts[i];
    }
    free(b->texts);
    b->texts = table;
    b->texts_size = size;
}

enum rc atlas_builder_text_add(struct atlas_builder *b, struct str s, uint32_t *out, struct err *err)
{
    if (s.n == 0) {
        *out = 0;
        return RC_OK;
    }
    uint32_t hash = text_hash(s);
    size_t h = hash & (b->texts_size - 1);
    for (; b->texts[h].at; h = (h + 1) & (b->texts_size - 1))
        if (b->texts[h].hash == hash && str_is_equal(atlas_builder_text(b, b->texts[h].at), s)) {
            *out = b->texts[h].at;
            return RC_OK;
        }
    if (b->pool_n + s.n + 1 > POOL_MAX)
        return err_set(err, RC_TOO_LARGE, "the atlas holds at most 4 GiB of names");
    if (b->pool_n + s.n + 1 > b->pool_size) {
        b->pool_size += b->pool_size / 2;
        b->pool = mem_realloc(b->pool, b->pool_size);
    }
    *out = (uint32_t)b->pool_n;
    b->texts[h] = (struct atlas_text_slot){.hash = hash, .at = *out};
    b->pool[b->pool_n] = (char)s.n;
    memcpy(b->pool + b->pool_n + 1, s.p, s.n);
    b->pool_n += s.n + 1;
    if (++b->texts_n * 3 > b->texts_size * 2)
        texts_grow(b);
    return RC_OK;
}

static bool combo_is_equal(struct atlas_combo a, struct atlas_combo b)
{
    return a.religion == b.religion && a.kind == b.kind && a.class_code == b.class_code && a.flags == b.flags;
}

static size_t combo_slot(const struct atlas_builder *b, struct atlas_combo c)
{
    size_t mask = b->combo_table_size - 1;
    size_t h = text_hash((struct str){(const char *)&c, sizeof c}) & mask;
    while (b->combo_table[h] && !combo_is_equal(b->combos[b->combo_table[h] - 1], c))
        h = (h + 1) & mask;
    return h;
}

static uint32_t combo_add(struct atlas_builder *b, struct atlas_combo c)
{
    size_t h = combo_slot(b, c);
    if (b->combo_table[h])
        return b->combo_table[h] - 1;
    if (b->combos_n == b->combos_size) {
        b->combos_size = b->combos_size ? b->combos_size * 2 : 64;
        b->combos = mem_realloc(b->combos, b->combos_size * sizeof *b->combos);
    }
    b->combos[b->combos_n++] = c;
    b->combo_table[h] = (uint32_t)b->combos_n;
    if (b->combos_n * 2 > b->combo_table_size) {
        b->combo_table_size *= 2;
        free(b->combo_table);
        b->combo_table = mem_array(b->combo_table_size, sizeof *b->combo_table);
        for (size_t i = 0; i < b->combos_n; i++)
            b->combo_table[combo_slot(b, b->combos[i])] = (uint32_t)i + 1;
    }
    return (uint32_t)b->combos_n - 1;
}

/* Most names are, and need no closer look. */
static bool is_ascii(struct str s)
{
    uint64_t w, any = 0;
    for (; s.n >= 8; s.p += 8, s.n -= 8) {
        memcpy(&w, s.p, 8);
        any |= w;
    }
    for (size_t i = 0; i < s.n; i++)
        any |= (unsigned char)s.p[i];
    return !(any & UINT64_C(0x8080808080808080));
}

struct str atlas_clean_name(struct str s, char room[ATLAS_NAME_MAX])
{
    struct str clipped = str_clip(s, ATLAS_NAME_MAX);
    if (is_ascii(clipped) || str_is_utf8(clipped))
        return clipped;
    clipped = str_slice(s, 0, ATLAS_NAME_MAX);
    for (size_t i = 0; i < clipped.n; i++)
        room[i] = (unsigned char)clipped.p[i] < 0x80 ? clipped.p[i] : '?';
    return (struct str){room, clipped.n};
}

static enum rc code_check(struct str s, const char *what, struct err *err)
{
    if (s.n > ATLAS_CODE_MAX || !(is_ascii(s) || str_is_utf8(s)))
        return err_set(err, RC_INVALID, "a site's %s is not UTF-8 of at most %d bytes", what, ATLAS_CODE_MAX);
    return RC_OK;
}

enum rc atlas_builder_add(struct atlas_builder *b, const struct atlas_site *s, struct err *err)
{
    struct geo_point p;
    struct atlas_combo c = {.flags = s->flags};
    struct atlas_staged site;
    TRY(geo_point_make(s->lat_deg, s->lon_deg, &p, err));
    TRY(code_check(s->religion, "religion", err));
    TRY(code_check(s->kind, "kind", err));
    TRY(code_check(s->class_code, "class", err));
    if (b->n >= GEO_INDEX_POINTS_MAX)
        return err_set(err, RC_TOO_LARGE, "the atlas holds at most %u sites", GEO_INDEX_POINTS_MAX);
    TRY(atlas_builder_text_add(b, s->religion, &c.religion, err));
    TRY(atlas_builder_text_add(b, s->kind, &c.kind, err));
    TRY(atlas_builder_text_add(b, s->class_code, &c.class_code, err));
    TRY(atlas_name_add(b, s, &site.name, err));
    site.lat = geo_e7(p.lat_deg);
    site.lon = geo_e7(p.lon_deg);
    site.combo = combo_add(b, c);
    if (b->n == b->size) {
        b->size = b->size ? b->size + b->size / 2 : 4096;
        b->sites = mem_realloc(b->sites, b->size * sizeof *b->sites);
        b->ids = mem_realloc(b->ids, b->size * sizeof *b->ids);
    }
    b->sites[b->n] = site;
    b->ids[b->n++] = s->public_id;
    return RC_OK;
}

/* --- the file --------------------------------------------------------------------------------------------------- */

struct sink {
    int fd;
    const char *path;
    char *buf;
    size_t n;
    uint64_t at; /* of the file, the buffer included */
    struct atlas_header h;
    enum rc rc; /* the first failure; what follows is then not written */
    struct err *err;
};

static void sink_write(struct sink *s, const char *p, size_t bytes)
{
    while (s->rc == RC_OK && bytes > 0) {
        ssize_t n = write(s->fd, p, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            s->rc = err_set(s->err, RC_IO, "cannot write %s: %s", s->path, strerror(errno));
            return;
        }
        p += n;
        bytes -= (size_t)n;
    }
}

static void sink_flush(struct sink *s)
{
    sink_write(s, s->buf, s->n);
    s->n = 0;
}

static void sink_put(struct sink *s, const void *data, size_t bytes)
{
    s->at += bytes;
    if (bytes > SINK_BYTES - s->n) {
        sink_flush(s);
        if (bytes >= SINK_BYTES) { /* whole columns need no copy */
            sink_write(s, data, bytes);
            return;
        }
    }
    if (bytes)
        memcpy(s->buf + s->n, data, bytes);
    s->n += bytes;
}

static void section_begin(struct sink *s, int section)
{
    static const char zeros[64];
    sink_put(s, zeros, (size_t)(-s->at & 63));
    s->h.sections[section].at = s->at;
}

static void section_end(struct sink *s, int section)
{
    s->h.sections[section].bytes = s->at - s->h.sections[section].at;
}

static void section_put(struct sink *s, int section, const void *data, size_t bytes)
{
    section_begin(s, section);
    sink_put(s, data, bytes);
    section_end(s, section);
}

/* --- columns ---------------------------------------------------------------------------------------------------- */

struct write {
    struct atlas_builder *b;
    struct sink sink;
    size_t threads;
    uint64_t *cells; /* in the builder's order, then rising */
    uint32_t *order; /* the builder's number of each site in file order */
    uint32_t *combo; /* in file order */
    uint32_t *religion_of, *religion_text;
    uint32_t religions;
};

enum { BATCH = 8192 };

static void make_cells(void *ctx, size_t batch, size_t worker)
{
    (void)worker;
    struct write *w = ctx;
    for (size_t i = batch * BATCH; i < (batch + 1) * BATCH && i < w->b->n; i++) {
        const struct atlas_staged *s = &w->b->sites[i];
        w->cells[i] = geo_cell_of((struct geo_point){.lat_deg = s->lat / 1e7, .lon_deg = s->lon / 1e7});
        w->order[i] = (uint32_t)i;
    }
}

static void order_sites(struct write *w)
{
    size_t n = w->b->n;
    free(w->b->texts); /* not asked for any more; its room is what the sort needs */
    w->b->texts = NULL;
    w->cells = mem_array(n + 1, sizeof *w->cells);
    w->order = mem_array(n + 1, sizeof *w->order);
    threads_for(w->threads, (n + BATCH - 1) / BATCH, make_cells, w);
    uint64_t *tmp = mem_array(n + 1, sizeof *tmp);
    uint32_t *tmp_order = mem_array(n + 1, sizeof *tmp_order);
    atlas_sort(w->cells, w->order, tmp, tmp_order, n, 62, w->threads);
    free(tmp);
    free(tmp_order);
}

static void write_records(struct write *w)
{
    section_begin(&w->sink, SEC_RECORD);
    for (size_t i = 0; i < w->b->n; i++) {
        const struct atlas_staged *s = &w->b->sites[w->order[i]];
        struct atlas_record r = {.id = w->b->ids[w->order[i]], .name = s->name, .combo = s->combo};
        sink_put(&w->sink, &r, sizeof r);
    }
    section_end(&w->sink, SEC_RECORD);
}

static void write_places(struct write *w)
{
    size_t n = w->b->n, blocks_n;
    int32_t *lat = mem_array(n + 1, sizeof *lat), *lon = mem_array(n + 1, sizeof *lon);
    w->combo = mem_array(n + 1, sizeof *w->combo);
    for (size_t i = 0; i < n; i++) {
        const struct atlas_staged *s = &w->b->sites[w->order[i]];
        lat[i] = s->lat;
        lon[i] = s->lon;
        w->combo[i] = s->combo;
    }
    free(w->b->sites);
    w->b->sites = NULL;
    section_put(&w->sink, SEC_LAT, lat, n * sizeof *lat);
    section_put(&w->sink, SEC_LON, lon, n * sizeof *lon);
    struct geo_index_block *blocks = geo_index_build(w->cells, lat, lon, n, w->threads, &blocks_n);
    section_put(&w->sink, SEC_INDEX, blocks, blocks_n * sizeof *blocks);
    w->sink.h.index_blocks = blocks_n;
    free(blocks);
    free(lat);
    free(lon);
}

/* The sites by public id: 62 bits of it are sorted by, the rest decides among the few that share them. */
static void write_by_id(struct write *w, const struct uuid *ids, size_t n)
{
    uint64_t *keys = mem_array(n + 1, sizeof *keys), *tmp = mem_array(n + 1, sizeof *tmp);
    uint32_t *idx = mem_array(n + 1, sizeof *idx), *tmp_idx = mem_array(n + 1, sizeof *tmp_idx);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < 8; k++)
            keys[i] = keys[i] << 8 | ids[w->order[i]].b[k];
        keys[i] >>= 2;
        idx[i] = (uint32_t)i;
    }
    atlas_sort(keys, idx, tmp, tmp_idx, n, 62, w->threads);
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && keys[k] == keys[k - 1] &&
                           memcmp(&ids[w->order[idx[k]]], &ids[w->order[idx[k - 1]]], sizeof *ids) < 0;
             k--) {
            uint32_t at = idx[k];
            idx[k] = idx[k - 1];
            idx[k - 1] = at;
        }
    section_put(&w->sink, SEC_BY_ID, idx, n * sizeof *idx);
    free(keys);
    free(tmp);
    free(idx);
    free(tmp_idx);
}

static int by_text(struct str a, struct str b)
{
    int d = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return d ? d : (a.n > b.n) - (a.n < b.n);
}

/* Dense numbers for the religions in the order of their texts, 0 for none (the empty text), so that shares can be
 * counted in an array and a tie is decided alike in every image. Few: insertion will do. */
static void number_religions(struct write *w, const struct atlas_builder *b)
{
    w->religion_of = mem_array(b->combos_n + 1, sizeof *w->religion_of);
    w->religion_text = mem_array(b->combos_n + 1, sizeof *w->religion_text);
    w->religions = 1;
    for (size_t i = 0; i < b->combos_n; i++) {
        uint32_t text = b->combos[i].religion, k = w->religions;
        int d = 1;
        while (k > 0 && (d = by_text(atlas_builder_text(b, w->religion_text[k - 1]), atlas_builder_text(b, text))) > 0)
            k--;
        if (d == 0)
            continue;
        memmove(&w->religion_text[k + 1], &w->religion_text[k], (w->religions - k) * sizeof *w->religion_text);
        w->religion_text[k] = text;
        w->religions++;
    }
    for (size_t i = 0; i < b->combos_n; i++)
        while (w->religion_text[w->religion_of[i]] != b->combos[i].religion)
            w->religion_of[i]++;
    section_put(&w->sink, SEC_RELIGIONS, w->religion_text, w->religions * sizeof *w->religion_text);
    w->sink.h.religions = w->religions;
}

static void write_level(struct write *w, const struct atlas_marks *m, size_t below)
{
    int sec = SEC_LEVEL0 + m->z * LEVEL_SECTIONS;
    w->sink.h.marks[m->z] = m->n;
    w->sink.h.clusters[m->z] = m->clusters;
    section_put(&w->sink, sec + LEVEL_BANDS, m->bands, (atlas_bands(m->z) + 1) * sizeof *m->bands);
    section_begin(&w->sink, sec + LEVEL_MARK);
    for (size_t i = 0; i < m->n; i++) {
        struct atlas_placed mark = {.x = m->x[i], .y = m->y[i], .ref = m->ref[i]};
        sink_put(&w->sink, &mark, sizeof mark);
    }
    section_end(&w->sink, sec + LEVEL_MARK);
    section_put(&w->sink, sec + LEVEL_COUNT, m->count, m->clusters * sizeof *m->count);
    section_begin(&w->sink, sec + LEVEL_RELIGION);
    for (size_t c = 0; c < m->clusters; c++) {
        uint32_t religion = atlas_marks_religion(m, c);
        sink_put(&w->sink, &religion, sizeof religion);
    }
    section_end(&w->sink, sec + LEVEL_RELIGION);
    section_put(&w->sink, sec + LEVEL_FROM, m->from, below * sizeof *m->from);
    section_put(&w->sink, sec + LEVEL_SHARE_AT, m->share_at, (m->clusters + 1) * sizeof *m->share_at);
    section_put(&w->sink, sec + LEVEL_SHARES, m->shares, m->share_at[m->clusters] * sizeof *m->shares);
    w->sink.h.shares[m->z] = m->share_at[m->clusters];
}

static void write_levels(struct write *w)
{
    struct atlas_marks below, level;
    struct atlas_joining j = {
        .combo = w->combo, .religion_of = w->religion_of, .religions = w->religions, .threads = w->threads};
    atlas_marks_of_sites(w->cells, w->b->n, w->threads, &below);
    free(w->cells);
    w->cells = NULL;
    for (int z = ATLAS_ZOOM_CLUSTERS; z >= 0; z--) {
        size_t n = below.n;
        atlas_marks_join(&j, &below, &level);
        atlas_marks_fini(&below);
        write_level(w, &level, n);
        below = level;
    }
    atlas_marks_fini(&below);
}

static void write_sections(struct write *w)
{
    static const char page[ATLAS_PAGE];
    struct atlas_builder *b = w->b;
    w->sink.h.sites = b->n;
    w->sink.h.combos = b->combos_n;
    sink_put(&w->sink, page, sizeof page);
    section_put(&w->sink, SEC_POOL, b->pool, b->pool_n);
    section_put(&w->sink, SEC_COMBOS, b->combos, b->combos_n * sizeof *b->combos);
    number_religions(w, b);
    free(b->pool);
    b->pool = NULL;
    order_sites(w);
    section_put(&w->sink, SEC_CELL, w->cells, b->n * sizeof *w->cells);
    write_records(w);
    write_by_id(w, b->ids, b->n);
    free(b->ids);
    b->ids = NULL;
    write_places(w);
    free(w->order);
    w->order = NULL;
    write_levels(w);
}

/* --- closing ---------------------------------------------------------------------------------------------------- */

/* The digests are taken from the file as it is, so that what was written is what is vouched for. */
static enum rc seal(struct write *w)
{
    struct sink *s = &w->sink;
    section_begin(s, SEC_DIGESTS);
    uint64_t at = s->at;
    sink_flush(s);
    TRY(s->rc);
    size_t chunks = atlas_chunks(at);
    struct sha256 *digests = mem_array(chunks + 1, sizeof *digests);
    s->rc = atlas_digest_chunks(s->fd, at, w->threads, digests, s->err);
    if (s->rc != RC_OK) {
        free(digests);
        return s->rc;
    }
    sink_put(s, digests, chunks * sizeof *digests);
    sink_flush(s);
    section_end(s, SEC_DIGESTS);
    s->h.file_bytes = s->at;
    char page[ATLAS_PAGE] = {0};
    memcpy(page, &s->h, sizeof s->h);
    struct sha256_state state;
    sha256_begin(&state);
    sha256_add(&state, page, sizeof page);
    sha256_add(&state, digests, chunks * sizeof *digests);
    struct sha256 all = sha256_end(&state);
    free(digests);
    memcpy(((struct atlas_header *)(void *)page)->digest, all.b, sizeof all.b);
    if (s->rc == RC_OK && pwrite(s->fd, page, sizeof page, 0) != (ssize_t)sizeof page)
        return err_set(s->err, RC_IO, "cannot write %s: %s", s->path, strerror(errno));
    if (s->rc == RC_OK && fsync(s->fd) != 0)
        return err_set(s->err, RC_IO, "cannot fsync %s: %s", s->path, strerror(errno));
    return s->rc;
}

enum rc atlas_builder_write(struct atlas_builder *b, const char *path, struct str revision, size_t threads,
                            struct err *err)
{
    char tmp[4096];
    ENSURE(b->pool != NULL); /* not spent */
    if (revision.n > ATLAS_REVISION_MAX)
        return err_set(err, RC_INVALID, "the atlas's revision is over %d bytes", ATLAS_REVISION_MAX);
    if ((size_t)snprintf(tmp, sizeof tmp, "%s.tmp", path) >= sizeof tmp)
        return err_set(err, RC_INVALID, "path %s is too long", path);
    struct write w = {.b = b, .threads = threads, .sink = {.path = tmp, .err = err}};
    TRY(file_open_alone(tmp, &w.sink.fd, err));
    w.sink.buf = mem_alloc(SINK_BYTES);
    w.sink.h = (struct atlas_header){.version = ATLAS_VERSION, .byte_order = ATLAS_BYTE_ORDER};
    memcpy(w.sink.h.magic, ATLAS_MAGIC, sizeof w.sink.h.magic);
    if (revision.n)
        memcpy(w.sink.h.revision, revision.p, revision.n);
    write_sections(&w);
    enum rc rc = seal(&w);
    if (rc == RC_OK)
        rc = file_put_in_place(tmp, path, err);
    if (rc != RC_OK)
        unlink(tmp);
    if (close(w.sink.fd) != 0 && rc == RC_OK) /* only now: the lock covers the renaming */
        rc = err_set(err, RC_IO, "cannot close %s: %s", path, strerror(errno));
    free(w.sink.buf);
    free(w.combo);
    free(w.religion_of);
    free(w.religion_text);
    return rc;
}
