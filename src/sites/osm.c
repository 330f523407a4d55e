/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The OSM reader: passes, then drafts in batches that threads prepare and one thread hands over. See osm.h.
 */
#include "sites/osm_int.h"

#include "base/asset.h"
#include "base/threads.h"

#include <stdlib.h>

enum { BATCH = 1024, WORKERS_MAX = 256 };

/* One object's outcome: a draft or a reason. */
struct outcome {
    struct site_draft draft;
    const char *reason;
    bool is_deleted; /* of a change: said apart */
};

struct emit {
    const struct osm_job *job;
    size_t first; /* of the batch, in job->found */
    size_t workers;
    struct arena *mem;      /* per worker; emptied after each batch */
    struct geo_geos **geos; /* per worker */
    struct outcome *out;
};

struct str osm_external_id(enum osm_kind kind, int64_t id, struct arena *mem)
{
    static const char *const KIND[] = {"node", "way", "relation"};
    return str_printf(mem, "%s/%lld", KIND[kind], (long long)id);
}

static const char *reason_of(const struct osm_job *job, const struct osm_found *f, struct str id, struct arena *mem)
{
    const struct osm_latest *later = osm_later_than(job, f);
    if (later && later->version != f->version)
        return str_printf(mem, "duplicate of " STR_FMT ": version %lld in the file counts, this is version %lld",
                          STR_ARG(id), (long long)later->version, (long long)f->version)
            .p;
    if (later)
        return str_printf(mem, "duplicate of " STR_FMT ": it stands again later in the file", STR_ARG(id)).p;
    if (!f->is_visible)
        return "deleted: the file says that the object is no more";
    return f->verdict.is_site ? NULL : f->verdict.reason;
}

static void draft_place(struct emit *e, const struct osm_found *f, size_t worker, struct site_draft *d)
{
    struct osm_place place;
    struct arena *mem = &e->mem[worker];
    osm_place_make(e->job, f, e->geos[worker], mem, &place);
    d->has_place = place.has_place;
    d->lat_deg = place.at.lat_deg;
    d->lon_deg = place.at.lon_deg;
    d->precision_m = place.precision_m;
    d->footprint_wkb = place.wkb;
    d->keeps_place = e->job->is_change && !osm_place_is_whole(e->job, f);
    if (place.note.n && !d->keeps_place)
        d->note = d->note.n ? str_printf(mem, STR_FMT "; " STR_FMT, STR_ARG(d->note), STR_ARG(place.note)) : place.note;
}

static void outcome_make(void *ctx, size_t i, size_t worker)
{
    struct emit *e = ctx;
    const struct osm_found *f = e->job->found[e->first + i];
    struct arena *mem = &e->mem[worker];
    struct outcome *o = &e->out[i];
    *o = (struct outcome){
        .draft = {.line = f->line, .version = f->version, .external_id = osm_external_id(f->kind, f->id, mem)}};
    o->reason = reason_of(e->job, f, o->draft.external_id, mem);
    o->is_deleted = e->job->is_change && !f->is_visible;
    if (o->reason)
        return;
    osm_tags_fill(f->tags, f->tags_n, &f->verdict, mem, &o->draft);
    draft_place(e, f, worker, &o->draft);
}

static enum rc outcome_give(const struct outcome *o, const struct site_sink *sink, struct site_read_count *count,
                            struct err *err)
{
    if (o->is_deleted)
        return RC_OK;
    count->read++;
    if (o->reason) {
        count->rejected++;
        return sink->reject ? sink->reject(sink->ctx, o->draft.line, o->draft.external_id, o->reason, err) : RC_OK;
    }
    count->drafts++;
    return sink->draft(sink->ctx, &o->draft, err);
}

static enum rc emit_batches(struct emit *e, const struct site_sink *sink, struct site_read_count *count,
                            struct err *err)
{
    for (; e->first < e->job->found_n; e->first += BATCH) {
        size_t n = e->job->found_n - e->first < BATCH ? e->job->found_n - e->first : BATCH;
        threads_for(e->workers, n, outcome_make, e);
        for (size_t i = 0; i < n; i++)
            TRY(outcome_give(&e->out[i], sink, count, err));
        for (size_t w = 0; w < e->workers; w++)
            arena_reset(&e->mem[w]);
    }
    return RC_OK;
}

static enum rc emit_all(const struct osm_job *job, size_t workers, const struct site_sink *sink,
                        struct site_read_count *count, struct err *err)
{
    struct emit e = {.job = job,
                     .workers = workers,
                     .mem = mem_array(workers, sizeof *e.mem),
                     .geos = mem_array(workers, sizeof *e.geos),
                     .out = mem_array(BATCH, sizeof *e.out)};
    for (size_t w = 0; w < workers; w++) {
        arena_init(&e.mem[w]);
        e.geos[w] = geo_geos_new();
    }
    enum rc rc = emit_batches(&e, sink, count, err);
    for (size_t w = 0; w < workers; w++) {
        geo_geos_free(e.geos[w]);
        arena_fini(&e.mem[w]);
    }
    free(e.out);
    free(e.geos);
    free(e.mem);
    return rc;
}

static size_t workers_of(const struct osm_options *opt)
{
    size_t n = opt->threads ? opt->threads : threads_online();
    return n > WORKERS_MAX ? WORKERS_MAX : n;
}

static enum rc read_source(struct osm_source *source, const struct osm_rules *rules, size_t workers, bool is_change,
                           const struct site_sink *sink, struct site_read_count *count, struct err *err)
{
    struct osm_job job = {.rules = rules, .source = source, .is_change = is_change};
    enum rc rc = osm_job_collect(&job, err);
    if (rc == RC_OK)
        rc = emit_all(&job, workers, sink, count, err);
    if (rc == RC_OK && is_change)
        rc = osm_change_gone(&job, sink, err);
    osm_job_drop(&job);
    return rc;
}

static struct sha256 rules_digest(const struct osm_options *opt)
{
    struct str text = opt->rules.n ? opt->rules : asset_text("data/religious-features.json");
    return sha256_of(text.p, text.n);
}

enum rc sites_read_osm(const char *path, enum osm_format format, const struct osm_options *opt,
                       const struct site_sink *sink, struct site_read_count *count, struct err *err)
{
    static const struct osm_options NO_OPTIONS = {0};
    struct osm_rules *rules = NULL;
    struct osm_source *source = NULL;
    struct site_read_count seen = {0};
    opt = opt ? opt : &NO_OPTIONS;
    enum rc rc = osm_rules_new(opt->rules, &rules, err);
    if (rc == RC_OK)
        rc = osm_source_open(path, format, opt, sink, &source, err);
    if (rc == RC_OK && opt->journal)
        rc = osm_source_resume(source, opt->journal, rules, rules_digest(opt), err);
    if (rc == RC_OK)
        rc = read_source(source, rules, workers_of(opt), opt->is_change, sink, &seen, err);
    if (rc == RC_OK) {
        seen.resumed = (int64_t)osm_source_resumed(source);
        *count = seen;
    }
    osm_source_close(source);
    osm_rules_free(rules);
    return rc;
}
