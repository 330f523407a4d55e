/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The thread that keeps the atlas and the projections beside it up with the registry. It alone writes to them; a build
 * runs on a thread of its own and touches nothing that is in use, so that a hidden site is gone within a poll even while
 * an import of millions is on its way.
 */
#include "flow/atlas_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* A long import says "whole" with each batch: a build begins when it has been still for one poll, and at the latest
 * after so many. */
enum { PATIENCE_POLLS = 40, REST_POLLS = 20, SLICE_US = 50000, HURRY_US = 1000 };

struct flow_follower {
    struct flow_follower_options opt;
    struct flow_build build;
    int64_t seq;           /* all changes up to this one are shown, or lie in a build that is due */
    int64_t whole_seq;     /* the last change that asks for a build; one of a lower number does not do */
    int64_t withdrawn_seq; /* an image of a lower number shows what is not public any more: never taken into use */
    int64_t image_seq;     /* of the image in use */
    int64_t image_us;      /* since when, by the monotonic clock */
    bool is_unshown;       /* noted, but not shown yet */
    int64_t show_from_us;  /* an overlay that took long is not made anew at once */
    int waited;
    int rest;                  /* polls until a build that failed is tried again */
    _Atomic int64_t shown_seq; /* all changes up to this one are in what the readers hold */
    atomic_int waiting;        /* in flow_follower_sync: polls follow one another, builds begin at once */
    atomic_bool stop;
    pthread_t thread, builder;
    bool has_thread, has_builder;
    atomic_bool is_built; /* the builder is done; what follows is then ours */
    enum rc built_rc;
    int64_t built_seq;
    struct err built_err;
};

/* ---- touched sites ---- */

struct noting {
    struct flow_follower *f;
    int64_t seq;
};

static enum rc note_one(void *ctx, const struct sites_now *now, struct err *err)
{
    struct noting *n = ctx;
    struct flow_atlas_site room;
    struct atlas_change c = flow_atlas_change(now, &room);
    const struct flow_follower_options *o = &n->f->opt;
    atlas_live_note(o->live, &c, n->seq);
    for (size_t i = 0; i < o->projections_n; i++)
        TRY(o->projections[i].touched(o->projections[i].ctx, now, n->seq, err));
    return RC_OK;
}

/* While a run names hundreds of thousands of sites, each overlay takes seconds: then no more than a third of the time
 * goes into them, unless somebody waits to see a site gone. */
static bool may_show(const struct flow_follower *f)
{
    return clock_monotonic_us() >= f->show_from_us || atomic_load(&f->waiting) > 0;
}

static enum rc show(struct flow_follower *f, struct err *err)
{
    f->is_unshown = true;
    int64_t began = clock_monotonic_us();
    enum rc rc = atlas_live_show(f->opt.live, err);
    int64_t now = clock_monotonic_us();
    f->show_from_us = now - began > FLOW_POLL_US ? now + 2 * (now - began) : 0;
    if (rc == RC_DAMAGED) { /* better no map for the seconds of a build than one that shows what was hidden */
        atlas_live_clear(f->opt.live);
        f->image_seq = -1; /* below any whole_seq: a build is due */
    }
    TRY(rc);
    for (size_t i = 0; i < f->opt.projections_n; i++)
        TRY(f->opt.projections[i].applied(f->opt.projections[i].ctx, f->seq, err));
    f->is_unshown = false;
    return RC_OK;
}

static enum rc take_touched(struct flow_follower *f, const struct sites_touched *t, struct err *err)
{
    struct noting n = {.f = f, .seq = t->seq};
    if (t->is_lost) {
        log_line(LOG_WARN, "atlas.lost", "since=%lld now=%lld", (long long)f->seq, (long long)t->seq);
        if (t->seq < f->seq) /* another registry than the one shown: an older one was put in its place */
            atlas_live_clear(f->opt.live);
        f->image_seq = -1;
    }
    if (t->is_whole || t->is_lost)
        f->whole_seq = t->seq;
    if (t->is_withdrawn) {
        log_line(LOG_INFO, "atlas.withdrawn", "seq=%lld", (long long)t->seq);
        atlas_live_clear(f->opt.live);
        f->image_seq = -1; /* a build is due at once */
        f->withdrawn_seq = t->seq;
    }
    if (t->n > 0) {
        TRY(sites_each_now(f->opt.store, t->ids, t->n, note_one, &n, err));
        f->is_unshown = true;
    }
    f->seq = t->seq;
    return f->is_unshown && may_show(f) ? show(f, err) : RC_OK;
}

/* *is_still: nothing has changed since the last poll. */
static enum rc look(struct flow_follower *f, bool *is_still, struct err *err)
{
    struct sites_change last;
    struct sites_touched t;
    struct arena mem;
    TRY(sites_change_last(f->opt.store, &last, err));
    *is_still = last.seq == f->seq;
    if (*is_still)
        return f->is_unshown && may_show(f) ? show(f, err) : RC_OK;
    arena_init(&mem);
    enum rc rc = sites_touched_since(f->opt.store, f->seq, &mem, &t, err);
    if (rc == RC_OK)
        rc = take_touched(f, &t, err);
    arena_fini(&mem);
    return rc;
}

/* ---- builds ---- */

static void *build(void *arg)
{
    struct flow_follower *f = arg;
    f->built_rc = flow_atlas_build_all(&f->build, &f->built_seq, &f->built_err);
    atomic_store(&f->is_built, true);
    return NULL;
}

/* The new image and the projections' are shown with all that was touched since. */
static enum rc take_over(struct flow_follower *f, int64_t seq, struct err *err)
{
    char path[FLOW_PATH_BYTES];
    struct atlas *a;
    flow_atlas_path(f->opt.dir, path);
    TRY(atlas_open(path, &a, err));
    f->is_unshown = true;
    enum rc rc = atlas_live_set(f->opt.live, a, seq, err);
    f->image_seq = seq;
    f->image_us = clock_monotonic_us();
    for (size_t i = 0; i < f->opt.projections_n && rc == RC_OK; i++)
        rc = f->opt.projections[i].swap(f->opt.projections[i].ctx, seq, err);
    f->is_unshown = rc != RC_OK;
    return rc;
}

static enum rc end_build(struct flow_follower *f, struct err *err)
{
    pthread_join(f->builder, NULL);
    f->has_builder = false;
    atomic_store(&f->is_built, false);
    if (f->built_rc != RC_OK) {
        f->rest = REST_POLLS;
        *err = f->built_err;
        return f->built_rc;
    }
    if (f->built_seq < f->withdrawn_seq)
        return RC_OK; /* the next poll begins another */
    return take_over(f, f->built_seq, err);
}

static enum rc begin_build(struct flow_follower *f, struct err *err)
{
    f->waited = 0;
    if (pthread_create(&f->builder, NULL, build, f) != 0)
        return err_set(err, RC_NOMEM, "cannot start a thread");
    f->has_builder = true;
    return RC_OK;
}

bool flow_follower_is_building(const struct flow_follower *f)
{
    return f->has_builder;
}

static enum rc look_after_builds(struct flow_follower *f, bool is_still, struct err *err)
{
    if (f->has_builder)
        return atomic_load(&f->is_built) ? end_build(f, err) : RC_OK;
    size_t noted = atlas_live_noted(f->opt.live);
    bool is_due = f->whole_seq > f->image_seq, is_heavy = noted > FLOW_NOTED_MAX;
    bool is_old = noted > 0 && clock_monotonic_us() - f->image_us >= f->opt.image_age_us;
    if ((!is_due && !is_heavy && !is_old) || (f->rest > 0 && f->rest-- > 0))
        return RC_OK;
    bool is_patient = !is_still && atomic_load(&f->waiting) == 0;
    if (is_patient && ++f->waited < PATIENCE_POLLS && f->image_seq >= 0)
        return RC_OK;
    return begin_build(f, err);
}

enum rc flow_follower_poll(struct flow_follower *f, struct err *err)
{
    bool is_still = true;
    struct err second;
    enum rc rc = look(f, &is_still, err);
    enum rc builds = look_after_builds(f, is_still, rc == RC_OK ? err : &second);
    if (!f->is_unshown && f->whole_seq <= f->image_seq)
        atomic_store(&f->shown_seq, f->seq);
    return rc == RC_OK ? builds : rc;
}

enum rc flow_follower_sync(struct flow_follower *f, struct err *err)
{
    struct sites_change last;
    int64_t until = clock_monotonic_us() + FLOW_SYNC_MAX_US;
    TRY(sites_change_last(f->opt.store, &last, err));
    atomic_fetch_add(&f->waiting, 1);
    while (atomic_load(&f->shown_seq) < last.seq && clock_monotonic_us() < until && !atomic_load(&f->stop))
        clock_sleep_us(HURRY_US);
    atomic_fetch_sub(&f->waiting, 1);
    if (atomic_load(&f->shown_seq) >= last.seq)
        return RC_OK;
    return err_set(err, RC_BUSY, "It is done in the store, but the map has not followed yet; look again in a moment.");
}

/* ---- beginning and end ---- */

static enum rc open_projections(struct flow_follower *f, const struct atlas *a, struct err *err)
{
    struct atlas_info info;
    char revision[FLOW_REVISION_BYTES];
    atlas_info(a, &info);
    snprintf(revision, sizeof revision, STR_FMT, STR_ARG(info.revision));
    for (size_t i = 0; i < f->opt.projections_n; i++)
        TRY(f->opt.projections[i].open(f->opt.projections[i].ctx, revision, err));
    return RC_OK;
}

/* What is on disk, with what was touched since. */
static enum rc open_as_it_is(struct flow_follower *f, struct err *err)
{
    struct sites_touched t;
    struct arena mem;
    struct atlas *a;
    int64_t seq;
    arena_init(&mem);
    enum rc rc = flow_atlas_try(f->opt.store, f->opt.dir, &mem, &a, &t, &seq, err);
    if (rc == RC_OK) {
        rc = open_projections(f, a, err);
        if (rc == RC_OK) {
            struct noting n = {.f = f, .seq = t.seq};
            f->seq = t.seq;
            f->image_seq = f->whole_seq = seq;
            f->image_us = clock_monotonic_us();
            rc = sites_each_now(f->opt.store, t.ids, t.n, note_one, &n, err);
        }
        if (rc == RC_OK)
            rc = atlas_live_set(f->opt.live, a, seq, err);
        else
            atlas_close(a);
        if (rc == RC_OK && t.n > 0)
            rc = show(f, err);
    }
    arena_fini(&mem);
    return rc;
}

enum rc flow_follower_open(const struct flow_follower_options *opt, struct flow_follower **out, struct err *err)
{
    struct flow_follower *f = mem_alloc(sizeof *f);
    bool is_still;
    f->opt = *opt;
    if (f->opt.image_age_us == 0)
        f->opt.image_age_us = FLOW_IMAGE_AGE_US;
    f->build = (struct flow_build){.store = opt->store,
                                   .dir = opt->dir,
                                   .projections = opt->projections,
                                   .projections_n = opt->projections_n,
                                   .threads = opt->threads,
                                   .stop = &f->stop};
    enum rc rc = open_as_it_is(f, err);
    if (rc != RC_OK) {
        int64_t seq;
        rc = flow_atlas_build_all(&f->build, &seq, err);
        if (rc == RC_OK)
            rc = take_over(f, seq, err);
        if (rc == RC_OK) {
            f->seq = f->whole_seq = seq;
            rc = look(f, &is_still, err); /* what was touched during the build */
        }
    }
    if (rc != RC_OK) {
        free(f);
        return rc;
    }
    *out = f;
    return RC_OK;
}

static void *follow(void *arg)
{
    struct flow_follower *f = arg;
    struct err err;
    while (!atomic_load(&f->stop)) {
        if (flow_follower_poll(f, &err) != RC_OK)
            log_line(LOG_ERROR, "atlas.follow", "error=\"%s\"", err.text);
        clock_sleep_us(HURRY_US);
        for (int slept = 0; slept < FLOW_POLL_US && !atomic_load(&f->stop) && !atomic_load(&f->waiting);
             slept += SLICE_US)
            clock_sleep_us(SLICE_US);
    }
    return NULL;
}

enum rc flow_follower_start(struct flow_follower *f, struct err *err)
{
    if (pthread_create(&f->thread, NULL, follow, f) != 0)
        return err_set(err, RC_NOMEM, "cannot start a thread");
    f->has_thread = true;
    return RC_OK;
}

void flow_follower_close(struct flow_follower *f)
{
    if (!f)
        return;
    atomic_store(&f->stop, true);
    if (f->has_thread)
        pthread_join(f->thread, NULL);
    if (f->has_builder)
        pthread_join(f->builder, NULL);
    free(f);
}
