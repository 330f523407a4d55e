/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See search.h.
 */
#include "flow/search.h"

#include "base/clock.h"
#include "base/log.h"
#include "flow/atlas_int.h"

#include <stdio.h>
#include <stdlib.h>

struct flow_search {
    struct store *store;
    struct search *search;
    struct search_making *making; /* the building thread's own */
    char path[FLOW_PATH_BYTES];
    int64_t began;
};

static void search_path(const char *dir, char out[FLOW_PATH_BYTES])
{
    snprintf(out, FLOW_PATH_BYTES, "%s/atlas/sites.search", dir);
}

enum rc flow_search_new(struct store *st, const char *dir, struct flow_search **out, struct err *err)
{
    struct search *search;
    TRY(search_new(&search, err));
    struct flow_search *f = mem_alloc(sizeof *f);
    f->store = st;
    f->search = search;
    search_path(dir, f->path);
    *out = f;
    return RC_OK;
}

void flow_search_free(struct flow_search *f)
{
    struct err err;
    if (!f)
        return;
    if (f->making && search_making_end(f->making, false, &err) != RC_OK)
        log_line(LOG_WARN, "search.build", "error=\"%s\"", err.text);
    search_free(f->search);
    free(f);
}

struct search *flow_search_handle(struct flow_search *f)
{
    return f->search;
}

static enum rc open_image(void *ctx, const char *revision, struct err *err)
{
    struct flow_search *f = ctx;
    enum rc rc = search_open(f->search, f->path, revision, 0, err);
    if (rc == RC_DAMAGED)
        log_line(LOG_WARN, "search.damaged", "error=\"%s\"", err->text);
    return rc;
}

static enum rc begin(void *ctx, const char *revision, int64_t seq, struct err *err)
{
    struct flow_search *f = ctx;
    (void)seq;
    f->began = clock_monotonic_us();
    return search_making_begin(f->store, f->path, revision, &f->making, err);
}

static enum rc add(void *ctx, const struct site *site, struct err *err)
{
    struct flow_search *f = ctx;
    return search_making_add(f->making, site, err);
}

static enum rc end(void *ctx, bool keep, struct err *err)
{
    struct flow_search *f = ctx;
    struct search_making *m = f->making;
    int64_t read = clock_monotonic_us();
    f->making = NULL;
    TRY(search_making_end(m, keep, err));
    if (keep)
        log_line(LOG_INFO, "search.build", "write_ms=%lld ms=%lld", (long long)(clock_monotonic_us() - read) / 1000,
                 (long long)(clock_monotonic_us() - f->began) / 1000);
    return RC_OK;
}

static enum rc swap(void *ctx, int64_t seq, struct err *err)
{
    struct flow_search *f = ctx;
    return search_open(f->search, f->path, NULL, seq, err);
}

static enum rc touched(void *ctx, const struct sites_now *now, int64_t seq, struct err *err)
{
    struct flow_search *f = ctx;
    (void)err;
    search_touch(f->search, now, seq);
    return RC_OK;
}

static enum rc applied(void *ctx, int64_t seq, struct err *err)
{
    struct flow_search *f = ctx;
    (void)seq;
    return search_show(f->search, err);
}

struct flow_projection flow_search_projection(struct flow_search *f)
{
    return (struct flow_projection){f, open_image, begin, add, end, swap, touched, applied};
}

/* --- for who asks once ----------------------------------------------------------------------------------------------- */

struct noting {
    struct search *search;
    int64_t seq;
};
static enum rc note(void *ctx, const struct sites_now *now, struct err *err)
{
    struct noting *n = ctx;
    (void)err;
    search_touch(n->search, now, n->seq);
    return RC_OK;
}

static enum rc is_of_registry(struct store *st, int64_t seq, struct str at_text, struct err *err)
{
    struct instant at = {0};
    int64_t said;
    if (seq > 0 && sites_change_find(st, seq, &at, err) != RC_OK)
        return err_set(err, RC_CONFLICT, "the search's image is of another registry");
    return str_parse_i64(at_text, &said) && said == at.us
               ? RC_OK
               : err_set(err, RC_CONFLICT, "the search's image is of another registry");
}

/* The image on disk, when so little was touched since that it can be laid over. */
static enum rc open_with_touched(struct store *st, const char *path, struct search *s, struct err *err)
{
    struct sites_touched t;
    struct search_stats stats;
    struct arena mem;
    int64_t seq;
    struct str seq_text, rest;
    TRY(search_open(s, path, NULL, 0, err));
    search_stats(s, &stats);
    if (!str_cut(str_of(stats.revision), '.', &seq_text, &rest) || !str_parse_i64(seq_text, &seq))
        return err_set(err, RC_CONFLICT, "the search's image is not of a registry");
    TRY(is_of_registry(st, seq, rest, err));
    arena_init(&mem);
    enum rc rc = sites_touched_since(st, seq, &mem, &t, err);
    if (rc == RC_OK && (t.is_whole || t.is_lost || t.n > FLOW_NOTED_MAX))
        rc = err_set(err, RC_CONFLICT, "the search's image is of a registry too long ago");
    struct noting n = {s, seq + 1};
    if (rc == RC_OK && t.n > 0)
        rc = sites_each_now(st, t.ids, t.n, note, &n, err);
    arena_fini(&mem);
    return rc == RC_OK ? search_show(s, err) : rc;
}

enum rc flow_search_open(struct store *st, const char *dir, struct search **out, struct err *err)
{
    char path[FLOW_PATH_BYTES], revision[FLOW_REVISION_BYTES];
    struct search *s;
    search_path(dir, path);
    TRY(search_new(&s, err));
    enum rc rc = open_with_touched(st, path, s, err);
    if (rc != RC_OK) { /* missing, damaged or stale */
        search_free(s);
        TRY(search_new(&s, err));
        rc = flow_atlas_revision(st, revision, err);
        if (rc == RC_OK)
            rc = search_build(st, path, str_of(revision), err);
        if (rc == RC_OK)
            rc = search_open(s, path, revision, 0, err);
    }
    if (rc == RC_OK)
        *out = s;
    else
        search_free(s);
    return rc;
}

enum rc flow_images_follow(struct store *st, const char *dir, struct err *err)
{
    struct flow_search *search;
    struct flow_follower *f = NULL;
    TRY(flow_search_new(st, dir, &search, err));
    struct flow_projection projection = flow_search_projection(search);
    struct flow_follower_options opt = {
        .store = st, .dir = dir, .live = atlas_live_new(), .projections = &projection, .projections_n = 1};
    enum rc rc = flow_follower_open(&opt, &f, err);
    flow_follower_close(f);
    flow_search_free(search);
    atlas_live_free(opt.live);
    return rc;
}
