/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The atlas and the registry: building, opening, and laying over. See atlas.h. The thread that follows is in follower.c.
 */
#include "flow/atlas_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

void flow_atlas_path(const char *dir, char out[FLOW_PATH_BYTES])
{
    snprintf(out, FLOW_PATH_BYTES, "%s/atlas/sites.atlas", dir);
}

static void revision_of(const struct sites_change *c, char out[FLOW_REVISION_BYTES])
{
    snprintf(out, FLOW_REVISION_BYTES, "%lld.%lld", (long long)c->seq, (long long)c->at.us);
}

enum rc flow_atlas_revision(struct store *st, char out[FLOW_REVISION_BYTES], struct err *err)
{
    struct sites_change last;
    TRY(sites_change_last(st, &last, err));
    revision_of(&last, out);
    return RC_OK;
}

/* ---- building ---- */

/* How well a name's tag fits a language: 3 it is the language, 2 the language in some script or country, 0 not, nor other
 * names (x-alt and the like). */
static int fit(struct str tag, struct str lang)
{
    if (str_is_equal(tag, lang))
        return 3;
    bool is_of_it = tag.n > lang.n && str_starts_with(tag, lang) && tag.p[lang.n] == '-';
    return is_of_it && !str_contains(tag, STR("-x-")) ? 2 : 0;
}

static struct str label_of(const struct site *s, struct str lang)
{
    struct str best = STR_NONE;
    int most = 0;
    for (size_t i = 0; i < s->names_n && most < 3; i++) {
        int mine = fit(s->names[i].lang, lang);
        if (mine > most) {
            most = mine;
            best = s->names[i].text;
        }
    }
    return str_clip(best, ATLAS_NAME_MAX);
}

static struct str labels_of(const struct site *s, char room[ATLAS_LABELS_BYTES])
{
    size_t n = 0;
    for (size_t k = 0; k < ATLAS_LABELS && s->names_n > 0; k++) {
        struct str label = label_of(s, str_of(ATLAS_LABEL_LANGS[k]));
        if (str_is_empty(label) || str_is_equal(label, s->name))
            continue;
        room[n++] = (char)k;
        room[n++] = (char)label.n;
        memcpy(room + n, label.p, label.n);
        n += label.n;
    }
    return (struct str){room, n};
}

struct atlas_change flow_atlas_change(const struct sites_now *now, struct flow_atlas_site *room)
{
    const struct site *s = now->site;
    if (!s)
        return (struct atlas_change){.public_id = now->public_id};
    room->site = (struct atlas_site){
        .public_id = s->public_id,
        .lat_deg = s->lat_deg,
        .lon_deg = s->lon_deg,
        .name = s->name,
        .religion = s->religion,
        .kind = s->kind,
        .class_code = s->class_code,
        .labels = labels_of(s, room->labels),
        .flags = (s->is_coarse ? ATLAS_COARSE : 0u) | (s->is_synthetic ? ATLAS_SYNTHETIC : 0u) |
                 (s->is_unverified ? ATLAS_UNVERIFIED : 0u) | (s->is_disputed ? ATLAS_DISPUTED : 0u)};
    return (struct atlas_change){.public_id = now->public_id, .site = &room->site};
}

struct pass {
    struct atlas_builder *builder;
    const struct flow_build *b;
};

/* Only what the public may know comes here: sites_each_public has asked the policy (I3). */
static enum rc add_site(void *ctx, const struct site *s, struct err *err)
{
    struct pass *p = ctx;
    struct flow_atlas_site room;
    struct sites_now now = {.id = s->id, .public_id = s->public_id, .site = s};
    if (p->b->stop && atomic_load(p->b->stop))
        return err_set(err, RC_BUSY, "stopped");
    for (size_t i = 0; i < p->b->projections_n; i++)
        TRY(p->b->projections[i].add(p->b->projections[i].ctx, s, err));
    return atlas_builder_add(p->builder, flow_atlas_change(&now, &room).site, err);
}

static enum rc begin_all(const struct flow_build *b, const char *revision, int64_t seq, size_t *begun, struct err *err)
{
    for (*begun = 0; *begun < b->projections_n; (*begun)++)
        TRY(b->projections[*begun].begin(b->projections[*begun].ctx, revision, seq, err));
    return RC_OK;
}

enum rc flow_atlas_build_all(const struct flow_build *b, int64_t *seq, struct err *err)
{
    char revision[FLOW_REVISION_BYTES], path[FLOW_PATH_BYTES];
    int64_t began = clock_monotonic_us();
    struct sites_change last;
    size_t begun;
    /* The revision is read first: what changes while we build is touched after it, and laid over (F1). */
    TRY(sites_change_last(b->store, &last, err));
    revision_of(&last, revision);
    flow_atlas_path(b->dir, path);
    struct pass p = {.builder = atlas_builder_new(), .b = b};
    enum rc rc = begin_all(b, revision, last.seq, &begun, err);
    if (rc == RC_OK)
        rc = sites_each_public(b->store, true, add_site, &p, err);
    int64_t read = clock_monotonic_us();
    if (rc == RC_OK)
        rc = atlas_builder_write(p.builder, path, str_of(revision), b->threads, err);
    for (size_t i = 0; i < begun; i++) {
        struct err second;
        enum rc end = b->projections[i].end(b->projections[i].ctx, rc == RC_OK, rc == RC_OK ? err : &second);
        rc = rc == RC_OK ? end : rc;
    }
    atlas_builder_free(p.builder);
    TRY(rc);
    *seq = last.seq;
    log_line(LOG_INFO, "atlas.build", "revision=%s read_ms=%lld ms=%lld", revision, (long long)(read - began) / 1000,
             (long long)(clock_monotonic_us() - began) / 1000);
    return RC_OK;
}

static enum rc build_atlas(struct store *st, const char *dir, struct err *err)
{
    int64_t seq;
    struct flow_build b = {.store = st, .dir = dir};
    return flow_atlas_build_all(&b, &seq, err);
}

/* ---- opening ---- */

/* The change that the image is of; RC_CONFLICT when it is not one of this registry. */
static enum rc image_change(struct store *st, const struct atlas *a, int64_t *seq, struct err *err)
{
    struct atlas_info info;
    struct sites_change c;
    struct str seq_text, at_text;
    atlas_info(a, &info);
    if (!str_cut(info.revision, '.', &seq_text, &at_text) || !str_parse_i64(seq_text, &c.seq) ||
        !str_parse_i64(at_text, &c.at.us))
        return err_set(err, RC_CONFLICT, "the atlas is not of a registry");
    struct instant at = {0};
    if (c.seq > 0) {
        enum rc rc = sites_change_find(st, c.seq, &at, err);
        if (rc == RC_NOT_FOUND)
            return err_set(err, RC_CONFLICT, "the atlas is of another registry");
        TRY(rc);
    }
    *seq = c.seq;
    return at.us == c.at.us ? RC_OK : err_set(err, RC_CONFLICT, "the atlas is of another registry");
}

enum rc flow_atlas_try(struct store *st, const char *dir, struct arena *mem, struct atlas **out,
                       struct sites_touched *touched, int64_t *seq, struct err *err)
{
    char path[FLOW_PATH_BYTES];
    struct atlas *a;
    flow_atlas_path(dir, path);
    enum rc rc = atlas_open(path, &a, err);
    if (rc == RC_DAMAGED)
        log_line(LOG_WARN, "atlas.damaged", "error=\"%s\"", err->text);
    TRY(rc);
    rc = image_change(st, a, seq, err);
    if (rc == RC_OK)
        rc = sites_touched_since(st, *seq, mem, touched, err);
    if (rc == RC_OK && (touched->is_whole || touched->is_lost || touched->n > FLOW_NOTED_MAX))
        rc = err_set(err, RC_CONFLICT, "the atlas is of a registry too long ago");
    if (rc != RC_OK) {
        atlas_close(a);
        return rc;
    }
    *out = a;
    return RC_OK;
}

struct laying {
    struct arena mem;
    struct atlas_change *changes;
    struct atlas_site *sites;
    size_t n;
};

static enum rc lay_one(void *ctx, const struct sites_now *now, struct err *err)
{
    struct laying *l = ctx;
    struct atlas_site *s = &l->sites[l->n];
    struct flow_atlas_site room;
    (void)err;
    l->changes[l->n] = flow_atlas_change(now, &room);
    if (!l->changes[l->n].site) {
        l->n++;
        return RC_OK;
    }
    *s = room.site;
    l->changes[l->n].site = s;
    s->name = str_copy(&l->mem, s->name);
    s->religion = str_copy(&l->mem, s->religion);
    s->kind = str_copy(&l->mem, s->kind);
    s->class_code = str_copy(&l->mem, s->class_code);
    s->labels = str_copy(&l->mem, s->labels);
    l->n++;
    return RC_OK;
}

/* Takes a over. */
static enum rc lay_over(struct store *st, struct atlas *a, const struct sites_touched *t, struct atlas **out,
                        struct err *err)
{
    struct laying l = {0};
    arena_init(&l.mem);
    l.changes = ARENA_NEW_N(&l.mem, struct atlas_change, t->n);
    l.sites = ARENA_NEW_N(&l.mem, struct atlas_site, t->n);
    enum rc rc = sites_each_now(st, t->ids, t->n, lay_one, &l, err);
    if (rc == RC_OK)
        rc = atlas_overlay(a, l.changes, l.n, 0, out, err);
    atlas_close(a);
    arena_fini(&l.mem);
    return rc;
}

enum rc flow_atlas_open(struct store *st, const char *dir, struct atlas **out, bool *was_built, struct err *err)
{
    char path[FLOW_PATH_BYTES];
    struct sites_touched touched;
    struct atlas *a;
    struct arena mem;
    int64_t seq;
    arena_init(&mem);
    enum rc rc = flow_atlas_try(st, dir, &mem, &a, &touched, &seq, err);
    if (rc == RC_OK && touched.n > 0)
        rc = lay_over(st, a, &touched, &a, err);
    arena_fini(&mem);
    if (was_built)
        *was_built = rc != RC_OK;
    if (rc == RC_OK) {
        *out = a;
        return RC_OK;
    }
    TRY(build_atlas(st, dir, err));
    flow_atlas_path(dir, path);
    return atlas_open(path, out, err);
}
