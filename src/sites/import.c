/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See import.h. Two passes: the reader's drafts are laid aside sorted by external id; then that stream and the stored
 * records, in the same order, are merged, so that what is new, changed, unchanged and gone falls out in one walk. While
 * the store's writer commits one batch, the next is prepared on all processors.
 */
#include "sites/import_int.h"
#include "sites/house_rules.h"
#include "sites/suggest.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/threads.h"

enum { BATCHES = 2, CHUNK = 256, RENAMES_MAX = 3 };

struct sites_import {
    struct store *st;
    struct sites_import_options opt;
    struct arena mem; /* the options' strings */
    struct areas *own_areas;
    const struct areas *areas;
    struct vocab *vocab;
    struct guard *guard;
    struct house_rules *house;
    struct spool *spool;
    struct site_sink sink;
    struct buf draft;
    struct release_row release;
    struct sites_import_report report;
    int64_t began_us;
    bool finished;
};

static struct str kept(struct sites_import *im, struct str s)
{
    return str_is_empty(s) ? STR_NONE : str_copy(&im->mem, s);
}

static enum rc text_check(const char *what, struct str s, struct err *err)
{
    if (s.n > IMPORT_TEXT_MAX || !str_is_utf8(s) || (s.n && memchr(s.p, 0, s.n)))
        return err_set(err, RC_INVALID, "the %s must be UTF-8 text of at most %d bytes", what, IMPORT_TEXT_MAX);
    return RC_OK;
}

static enum rc options_check(const struct sites_import_options *o, struct err *err)
{
    if (str_is_empty(o->source) || o->source.n > IMPORT_SOURCE_MAX)
        return err_set(err, RC_INVALID, "a source has a name of 1 to %d bytes; give one with --source",
                       IMPORT_SOURCE_MAX);
    if (str_is_equal(o->source, STR(SUGGEST_SOURCE))) /* an import would call accepted suggestions gone */
        return err_set(err, RC_INVALID,
                       "the source \"" SUGGEST_SOURCE "\" holds accepted suggestions; give another --source");
    TRY(text_check("source", o->source, err));
    TRY(text_check("licence", o->licence, err));
    TRY(text_check("attribution", o->attribution, err));
    TRY(text_check("url", o->url, err));
    TRY(text_check("label", o->label, err));
    return text_check("format", o->format, err);
}

static void progress(struct sites_import *im, enum import_phase phase, uint64_t done, uint64_t total)
{
    if (im->opt.progress)
        im->opt.progress(im->opt.ctx, phase, done, total);
}

static void rejected(struct sites_import *im, int64_t line, struct str id, const char *reason)
{
    im->report.rejected++;
    if (im->opt.rejected)
        im->opt.rejected(im->opt.ctx, line, id, reason);
}

/* ---- the sink ---- */

static enum rc sink_draft(void *ctx, const struct site_draft *d, struct err *err)
{
    struct sites_import *im = ctx;
    struct site_draft whole = *d;
    if (str_is_empty(d->class_code))
        whole.class_code = vocab_class_of_kind(im->vocab, d->kind);
    im->report.read++;
    const char *fault = record_fault(&whole, im->vocab);
    if (fault) {
        rejected(im, d->line, d->external_id, fault);
        return RC_OK;
    }
    buf_clear(&im->draft);
    record_encode(&whole, &im->draft);
    struct spool_record r = {.key = d->external_id,
                             .line = d->line,
                             .version = d->version,
                             .flags = d->keeps_place ? SPOOL_KEEPS_PLACE : 0,
                             .payload = buf_str(&im->draft)};
    return spool_add(im->spool, &r, err);
}

static enum rc sink_gone(void *ctx, int64_t line, struct str external_id, int64_t version, struct err *err)
{
    struct sites_import *im = ctx;
    struct spool_record r = {.key = external_id, .line = line, .version = version, .flags = SPOOL_GONE};
    return spool_add(im->spool, &r, err);
}

static void merge_rejected(void *ctx, int64_t line, struct str id, const char *reason)
{
    rejected(ctx, line, id, reason);
}

static enum rc sink_reject(void *ctx, int64_t line, struct str external_id, const char *reason, struct err *err)
{
    (void)err;
    struct sites_import *im = ctx;
    im->report.read++;
    rejected(im, line, external_id, reason);
    return RC_OK;
}

static void sink_progress(void *ctx, uint64_t done, uint64_t total)
{
    progress(ctx, IMPORT_READING, done, total);
}

/* Changes are changes to something. */
static enum rc source_must_be(struct sites_import *im, struct err *err)
{
    struct uuid source;
    TRY(import_source_find(im->st, im->opt.source, &source, err));
    if (uuid_is_nil(source))
        return err_set(err, RC_NOT_FOUND,
                       "there is no source \"" STR_FMT
                       "\" that the changes could apply to; import an extract as that first",
                       STR_ARG(im->opt.source));
    return RC_OK;
}

static enum rc parts_make(struct sites_import *im, struct err *err)
{
    TRY(vocab_new(&im->vocab, err));
    TRY(house_rules_new(&im->house, err));
    if (im->opt.visibility != VISIBILITY_HIDDEN)
        im->guard = guard_new(im->opt.visibility);
    if (!im->areas) {
        TRY(areas_load(im->st, &im->own_areas, err));
        im->areas = im->own_areas;
    }
    if (im->opt.is_change)
        TRY(source_must_be(im, err));
    return spool_new(im->opt.temp_dir, im->opt.memory_max, &im->spool, err);
}

enum rc sites_import_begin(struct store *st, const struct sites_import_options *opt, struct sites_import **out,
                           struct err *err)
{
    TRY(options_check(opt, err));
    struct sites_import *im = mem_alloc(sizeof *im);
    im->st = st;
    im->began_us = clock_monotonic_us();
    arena_init(&im->mem);
    buf_init(&im->draft, 0);
    im->opt = *opt;
    im->opt.source = kept(im, opt->source);
    im->opt.licence = kept(im, opt->licence);
    im->opt.attribution = kept(im, opt->attribution);
    im->opt.url = kept(im, opt->url);
    im->release.label = kept(im, opt->label);
    im->release.format = kept(im, opt->format);
    im->areas = opt->areas;
    im->sink = (struct site_sink){sink_draft, sink_reject, sink_progress, im, opt->is_change ? sink_gone : NULL};
    enum rc rc = parts_make(im, err);
    if (rc == RC_OK)
        *out = im;
    else
        sites_import_free(im);
    return rc;
}

struct site_sink *sites_import_sink(struct sites_import *im)
{
    return &im->sink;
}

void sites_import_set_digest(struct sites_import *im, struct sha256 digest)
{
    im->release.digest = digest;
}

void sites_import_set_resumed(struct sites_import *im, int64_t blobs)
{
    im->report.resumed = blobs;
}

void sites_import_set_source(struct sites_import *im, struct str licence, struct str attribution, struct str url)
{
    if (str_is_empty(im->opt.licence))
        im->opt.licence = kept(im, licence);
    if (str_is_empty(im->opt.attribution))
        im->opt.attribution = kept(im, attribution);
    if (str_is_empty(im->opt.url))
        im->opt.url = kept(im, url);
}

void sites_import_free(struct sites_import *im)
{
    if (!im)
        return;
    spool_free(im->spool);
    vocab_free(im->vocab);
    guard_free(im->guard);
    house_rules_free(im->house);
    areas_free(im->own_areas);
    buf_fini(&im->draft);
    arena_fini(&im->mem);
    free(im);
}

/* ---- preparing a batch on all processors ---- */

struct prepare {
    struct sites_import *im;
    struct import_batch *b;
    struct arena *arenas; /* one per chunk; live as long as the batch is written */
    pthread_mutex_t lock;
    enum rc rc;
    struct err err;
};

/* The record as it would be had the file told its place: with the stored one. */
static enum rc place_keep(struct import_item *it, struct arena *mem, struct err *err)
{
    struct site_draft d;
    struct buf b;
    TRY(record_decode(it->bytes, mem, &d, err));
    d.has_place = it->stored_place.has_place;
    d.lat_deg = it->stored_place.lat_deg;
    d.lon_deg = it->stored_place.lon_deg;
    d.precision_m = it->stored_place.precision_m;
    d.footprint_wkb = it->stored_place.footprint;
    buf_init(&b, 0);
    record_encode(&d, &b);
    it->bytes = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return RC_OK;
}

static enum import_act act_of(const struct import_item *it)
{
    if (!it->is_in_file)
        return it->is_gone_before ? IMPORT_SAME : IMPORT_GONE;
    if (!it->is_stored)
        return IMPORT_ADD;
    return it->is_gone_before || !sha256_is_equal(it->digest, it->stored_digest) ? IMPORT_UPDATE : IMPORT_SAME;
}

/* Every kept record is counted by its class, so it is read even when it has not changed. */
static enum rc item_read(struct prepare *p, struct import_item *it, struct arena *mem, struct err *err)
{
    if (it->act != IMPORT_SAME && !p->im->opt.dry_run) {
        TRY(record_rows_make(it->key, it->bytes, p->im->vocab, p->im->areas, mem, &it->rows, err));
        it->rows.is_guarded |= house_rules_hides(p->im->house, it->rows.search);
        return RC_OK;
    }
    struct site_draft d;
    TRY(record_decode(it->bytes, mem, &d, err));
    it->rows.class_code = d.class_code;
    return RC_OK;
}

static enum rc item_prepare(struct prepare *p, struct import_item *it, struct arena *mem, struct err *err)
{
    if (it->keeps_place && it->is_stored)
        TRY(place_keep(it, mem, err));
    it->digest = it->is_in_file ? sha256_of(it->bytes.p, it->bytes.n) : it->stored_digest;
    it->act = act_of(it);
    return it->is_in_file ? item_read(p, it, mem, err) : RC_OK;
}

static void prepare_chunk(void *ctx, size_t chunk, size_t worker)
{
    (void)worker;
    struct prepare *p = ctx;
    struct err err;
    enum rc rc = RC_OK;
    size_t end = (chunk + 1) * CHUNK < p->b->n ? (chunk + 1) * CHUNK : p->b->n;
    for (size_t i = chunk * CHUNK; i < end && rc == RC_OK; i++) {
        struct import_item *it = &p->b->items[i];
        rc = item_prepare(p, it, &p->arenas[chunk], &err);
    }
    if (rc == RC_OK)
        return;
    pthread_mutex_lock(&p->lock);
    p->rc = rc;
    p->err = err;
    pthread_mutex_unlock(&p->lock);
}

static void class_count(struct sites_import_report *r, struct str code)
{
    size_t i = 0;
    while (i < r->classes_n && !str_is_equal(str_of(r->by_class[i].code), code))
        i++;
    if (i == IMPORT_CLASSES_MAX)
        return;
    if (i == r->classes_n) {
        snprintf(r->by_class[i].code, sizeof r->by_class[i].code, STR_FMT, STR_ARG(code));
        r->classes_n++;
    }
    r->by_class[i].n++;
}

static int cell_compare(const void *a, const void *b)
{
    const struct import_item *x = *(struct import_item *const *)a, *y = *(struct import_item *const *)b;
    if (x->rows.cell != y->rows.cell)
        return x->rows.cell < y->rows.cell ? -1 : 1;
    return str_compare(x->key, y->key);
}

/* Inner ids rise with the cell, so that the rows of a batch and its stretch of the index by place are written in order;
 * only the public ids are random. */
static void ids_give(struct import_batch *b)
{
    b->by_cell = arena_array(&b->mem, b->added ? (size_t)b->added : 1, sizeof *b->by_cell);
    b->by_cell_n = 0;
    for (size_t i = 0; i < b->n; i++)
        if (b->items[i].act == IMPORT_ADD)
            b->by_cell[b->by_cell_n++] = &b->items[i];
    qsort(b->by_cell, b->by_cell_n, sizeof *b->by_cell, cell_compare);
    for (size_t i = 0; i < b->by_cell_n; i++)
        b->by_cell[i]->site = uuid_v7(b->now);
    import_batch_rename(b);
}

static void batch_count(struct sites_import *im, struct import_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct import_item *it = &b->items[i];
        b->added += it->act == IMPORT_ADD;
        b->updated += it->act == IMPORT_UPDATE;
        b->gone += it->act == IMPORT_GONE;
        b->unchanged += it->act == IMPORT_SAME && it->is_in_file;
        im->report.unplaced += it->is_in_file && it->keeps_place;
        b->reversioned += it->is_version_new && (it->act == IMPORT_SAME || it->act == IMPORT_GONE);
        if (it->is_in_file)
            class_count(&im->report, it->rows.class_code);
    }
    ids_give(b);
    im->report.added += b->added;
    im->report.updated += b->updated;
    im->report.unchanged += b->unchanged;
    im->report.gone += b->gone;
}

enum { CHUNKS_MAX = (IMPORT_BATCH_RECORDS + CHUNK - 1) / CHUNK };

static enum rc batch_prepare(struct sites_import *im, struct import_batch *b, struct arena *arenas, struct err *err)
{
    struct prepare p = {.im = im, .b = b, .arenas = arenas, .lock = PTHREAD_MUTEX_INITIALIZER};
    for (size_t i = 0; i < CHUNKS_MAX; i++)
        arena_reset(&arenas[i]);
    threads_for(0, (b->n + CHUNK - 1) / CHUNK, prepare_chunk, &p);
    if (p.rc != RC_OK) {
        *err = p.err;
        return p.rc;
    }
    batch_count(im, b);
    return RC_OK;
}

/* ---- the pipeline: one batch with the writer, one being prepared ---- */

struct lane {
    struct import_batch batch;
    struct arena arenas[CHUNKS_MAX];
    bool out; /* with the writer */
    bool done;
    enum rc rc;
    struct err err;
};

struct pipe {
    struct lane lanes[BATCHES];
    pthread_mutex_t lock;
    pthread_cond_t end;
};

struct lane_done {
    struct pipe *pipe;
    struct lane *lane;
};

static void batch_done(void *ctx, enum rc rc, const struct err *err)
{
    struct lane_done *d = ctx;
    pthread_mutex_lock(&d->pipe->lock);
    d->lane->rc = rc;
    if (rc != RC_OK)
        d->lane->err = *err;
    d->lane->done = true;
    pthread_cond_signal(&d->pipe->end);
    pthread_mutex_unlock(&d->pipe->lock);
}

/* An id that was taken fails the batch as a whole (bulk loads take new rows only): it gets others. */
static enum rc write_again(struct sites_import *im, struct import_batch *b, struct err *err)
{
    enum rc rc = RC_CONFLICT;
    for (int i = 0; i < RENAMES_MAX && rc == RC_CONFLICT; i++) {
        import_batch_rename(b);
        rc = store_write(im->st, import_batch_write, b, err);
    }
    return rc;
}

static enum rc lane_wait(struct sites_import *im, struct pipe *p, struct lane *lane, struct err *err)
{
    if (!lane->out)
        return RC_OK;
    pthread_mutex_lock(&p->lock);
    while (!lane->done)
        pthread_cond_wait(&p->end, &p->lock);
    pthread_mutex_unlock(&p->lock);
    lane->out = false;
    if (lane->rc == RC_CONFLICT && lane->batch.added > 0)
        return write_again(im, &lane->batch, err);
    if (lane->rc != RC_OK)
        *err = lane->err;
    return lane->rc;
}

static enum rc lane_send(struct sites_import *im, struct pipe *p, struct lane *lane, struct lane_done *done,
                         struct err *err)
{
    const struct import_batch *b = &lane->batch;
    if (im->opt.dry_run || b->added + b->updated + b->gone + b->reversioned == 0)
        return RC_OK;
    *done = (struct lane_done){p, lane};
    lane->done = false;
    TRY(store_submit(im->st, import_batch_write, &lane->batch, batch_done, done, err));
    lane->out = true;
    return RC_OK;
}

static enum rc batches_run(struct sites_import *im, struct import_merge *m, struct pipe *p, struct err *err)
{
    struct lane_done done[BATCHES];
    enum rc rc = RC_OK;
    size_t turn = 0;
    for (int64_t number = 1; rc == RC_OK; number++, turn = (turn + 1) % BATCHES) {
        struct lane *lane = &p->lanes[turn];
        rc = lane_wait(im, p, lane, err);
        if (rc != RC_OK)
            break;
        lane->batch.number = number;
        lane->batch.actor = im->opt.actor;
        lane->batch.release = &im->release;
        lane->batch.visibility = im->opt.visibility;
        lane->batch.guard = im->guard;
        rc = import_merge_fill(m, &lane->batch, err);
        if (rc == RC_OK)
            rc = import_stored_places(im->st, im->release.source, &lane->batch, err);
        if (rc != RC_OK || lane->batch.n == 0)
            break;
        rc = batch_prepare(im, &lane->batch, lane->arenas, err);
        if (rc == RC_OK)
            rc = lane_send(im, p, lane, &done[turn], err);
        progress(im, IMPORT_APPLYING, import_merge_done(m), spool_count(im->spool));
    }
    for (size_t i = 0; i < BATCHES; i++) { /* what is with the writer still uses our memory */
        struct err second;
        enum rc last = lane_wait(im, p, &p->lanes[(turn + i) % BATCHES], rc == RC_OK ? err : &second);
        rc = rc == RC_OK ? last : rc;
    }
    return rc;
}

static enum rc batches(struct sites_import *im, struct uuid source, struct err *err)
{
    struct import_merge *m = NULL;
    struct merge_options o = {.st = im->st,
                              .spool = im->spool,
                              .source = source,
                              .is_change = im->opt.is_change,
                              .rejected = merge_rejected,
                              .ctx = im};
    struct pipe *p = mem_alloc(sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->end, NULL);
    for (size_t i = 0; i < BATCHES; i++) {
        arena_init(&p->lanes[i].batch.mem);
        for (size_t k = 0; k < CHUNKS_MAX; k++)
            arena_init(&p->lanes[i].arenas[k]);
    }
    enum rc rc = import_merge_new(&o, &m, err);
    if (rc == RC_OK)
        rc = batches_run(im, m, p, err);
    if (rc == RC_OK)
        im->report.read += import_merge_late(m);
    import_merge_free(m);
    for (size_t i = 0; i < BATCHES; i++) {
        arena_fini(&p->lanes[i].batch.mem);
        for (size_t k = 0; k < CHUNKS_MAX; k++)
            arena_fini(&p->lanes[i].arenas[k]);
    }
    pthread_cond_destroy(&p->end);
    pthread_mutex_destroy(&p->lock);
    free(p);
    return rc;
}

static enum rc release_begin(struct sites_import *im, struct err *err)
{
    struct import_open o = {.source_name = im->opt.source,
                            .licence = im->opt.licence,
                            .attribution = im->opt.attribution,
                            .url = im->opt.url,
                            .actor = im->opt.actor,
                            .now = clock_now(),
                            .release = &im->release};
    TRY(import_writer_tune(im->st, err));
    return import_release_open(im->st, &o, err);
}

static enum rc release_end(struct sites_import *im, struct err *err)
{
    const struct sites_import_report *r = &im->report;
    im->release.finished = clock_now();
    im->release.read = r->read;
    im->release.sites = r->sites;
    im->release.added = r->added;
    im->release.updated = r->updated;
    im->release.unchanged = r->unchanged;
    im->release.gone = r->gone;
    im->release.rejected = r->rejected;
    return import_release_close(im->st, &im->release, im->opt.actor, err);
}

static int class_compare(const void *a, const void *b)
{
    return strcmp(((const struct import_class *)a)->code, ((const struct import_class *)b)->code);
}

enum rc sites_import_finish(struct sites_import *im, struct sites_import_report *out, struct err *err)
{
    ENSURE(!im->finished);
    im->finished = true;
    struct uuid source;
    im->report.is_change = im->opt.is_change;
    TRY(import_source_find(im->st, im->opt.source, &source,
                           err)); /* before a new one is made: nothing to compare with */
    im->release.source = source;
    if (!im->opt.dry_run)
        TRY(release_begin(im, err));
    TRY(batches(im, source, err));
    im->report.sites = im->report.added + im->report.updated + im->report.unchanged;
    ENSURE(im->report.read == im->report.sites + im->report.rejected);
    if (!im->opt.dry_run) {
        TRY(release_end(im, err));
        im->report.release = im->release.id;
    }
    qsort(im->report.by_class, im->report.classes_n, sizeof im->report.by_class[0], class_compare);
    im->report.seconds = (double)(clock_monotonic_us() - im->began_us) / 1e6;
    *out = im->report;
    return RC_OK;
}

void sites_import_report_json(struct json_out *j, const struct sites_import_report *r)
{
    json_begin_object(j);
    json_put_i64(j, "read", r->read);
    json_put_i64(j, "sites", r->sites);
    json_put_i64(j, "added", r->added);
    json_put_i64(j, "updated", r->updated);
    json_put_i64(j, "unchanged", r->unchanged);
    json_put_i64(j, "gone", r->gone);
    json_put_i64(j, "rejected", r->rejected);
    if (r->is_change)
        json_put_i64(j, "unplaced", r->unplaced);
    if (r->resumed)
        json_put_i64(j, "resumed", r->resumed);
    json_put_f64(j, "seconds", r->seconds, 3);
    json_key(j, "by_class");
    json_begin_object(j);
    for (size_t i = 0; i < r->classes_n; i++)
        json_put_i64(j, r->by_class[i].code, r->by_class[i].n);
    json_end_object(j);
    json_end_object(j);
}
