/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of the change feed. See touched.h.
 */
#include "sites/touched.h"

#include <stdlib.h>
#include <string.h>

#include "sites/sites_int.h"

/* Writers come one after another on both engines, so MAX + 1 is the order of commits. */
static const struct store_sql CHANGED_SQL = {
    "INSERT INTO site_change (seq, at_us, touched_n) SELECT COALESCE(MAX(seq), 0) + 1, ?1, ?2 FROM site_change"};
static const struct store_sql LAST_SQL = {"SELECT seq, at_us FROM site_change ORDER BY seq DESC LIMIT 1"};
static const struct store_sql FIND_SQL = {"SELECT at_us FROM site_change WHERE seq = ?1"};
static const struct store_sql TOUCH_SQL = {
    "INSERT INTO site_touched (seq, site) SELECT MAX(seq), ?1 FROM site_change ON CONFLICT (seq, site) DO NOTHING",
    "INSERT INTO site_touched (seq, site) SELECT MAX(seq), ?1 FROM site_change WHERE 1 ON CONFLICT (seq, site) DO "
    "NOTHING", /* SQLite's grammar reads ON as a join's without a WHERE */
    NULL};
static const struct store_sql PRUNE_SQL = {
    "DELETE FROM site_touched WHERE seq <= (SELECT MAX(seq) FROM site_change) - ?1"};

enum { WHOLE = -1, WITHDRAWN = -2 }; /* in touched_n */

enum rc sites_withdrawn(struct store_tx *tx, struct instant at, struct err *err)
{
    struct store_arg change[] = {SA_TIME(at), SA_INT(WITHDRAWN)};
    return store_exec(tx, &CHANGED_SQL, change, SA_N(change), NULL, err);
}

enum rc sites_changed(struct store_tx *tx, struct instant at, const struct uuid *ids, size_t n, struct err *err)
{
    bool is_named = ids && n <= SITES_TOUCHED_MAX;
    struct store_arg change[] = {SA_TIME(at), SA_INT(is_named ? (int64_t)n : WHOLE)},
                     kept[] = {SA_INT(SITES_TOUCHED_KEPT)};
    TRY(store_exec(tx, &CHANGED_SQL, change, SA_N(change), NULL, err));
    if (is_named && n > 0) {
        struct arena mem;
        arena_init(&mem);
        struct store_arg *args = arena_array(&mem, n, sizeof *args);
        for (size_t i = 0; i < n; i++)
            args[i] = SA_UUID(ids[i]);
        enum rc rc = store_exec_many(tx, &TOUCH_SQL, args, 1, n, NULL, err);
        arena_fini(&mem);
        TRY(rc);
    }
    return store_exec(tx, &PRUNE_SQL, kept, SA_N(kept), NULL, err);
}

/* ---- the last change ---- */

static enum rc last_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct sites_change *c = ctx;
    struct store_rows *rows;
    *c = (struct sites_change){0};
    TRY(store_query(tx, &LAST_SQL, NULL, 0, &rows, err));
    if (store_next(rows))
        *c = (struct sites_change){store_int(rows, 0), {store_int(rows, 1)}};
    return store_finish(rows, err);
}

enum rc sites_change_last(struct store *st, struct sites_change *out, struct err *err)
{
    struct sites_change c;
    TRY(store_read(st, last_read, &c, err));
    *out = c;
    return RC_OK;
}

struct change_find {
    int64_t seq, at_us;
};

static enum rc find_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct change_find *f = ctx;
    struct store_arg args[] = {SA_INT(f->seq)};
    return store_get_int(tx, &FIND_SQL, args, SA_N(args), &f->at_us, err);
}

enum rc sites_change_find(struct store *st, int64_t seq, struct instant *at, struct err *err)
{
    struct change_find f = {.seq = seq};
    TRY(store_read(st, find_read, &f, err));
    at->us = f.at_us;
    return RC_OK;
}

/* ---- touched since ---- */

/* ?1 since ?2 the last one whose ids are not kept */
static const struct store_sql STATE_SQL = {
    "SELECT COALESCE(SUM(CASE WHEN touched_n < 0 THEN 1 ELSE 0 END), 0), "
    "COALESCE(SUM(CASE WHEN touched_n > 0 AND seq <= ?2 THEN 1 ELSE 0 END), 0), "
    "COALESCE(SUM(CASE WHEN touched_n > 0 THEN touched_n ELSE 0 END), 0), "
    "COALESCE(SUM(CASE WHEN touched_n = -2 THEN 1 ELSE 0 END), 0) FROM site_change WHERE seq > ?1"};
static const struct store_sql IDS_SQL = {"SELECT DISTINCT site FROM site_touched WHERE seq > ?1 ORDER BY site"};

struct since {
    int64_t seq;
    struct arena *mem;
    struct sites_touched out;
};

static enum rc since_ids(struct store_tx *tx, struct since *s, int64_t named, struct err *err)
{
    struct store_rows *rows;
    struct store_arg args[] = {SA_INT(s->seq)};
    s->out.ids = ARENA_NEW_N(s->mem, struct uuid, (size_t)named + 1);
    TRY(store_query(tx, &IDS_SQL, args, SA_N(args), &rows, err));
    while (s->out.n < (size_t)named && store_next(rows))
        s->out.ids[s->out.n++] = store_uuid(rows, 0);
    return store_finish(rows, err);
}

static enum rc since_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct since *s = ctx;
    struct sites_change last;
    struct store_rows *rows;
    int64_t whole = 0, lost = 0, named = 0, withdrawn = 0;
    s->out = (struct sites_touched){0};
    TRY(last_read(tx, &last, err));
    s->out.seq = last.seq;
    s->out.is_lost = s->seq > last.seq;
    if (s->seq >= last.seq)
        return RC_OK;
    struct store_arg args[] = {SA_INT(s->seq), SA_INT(last.seq - SITES_TOUCHED_KEPT)};
    TRY(store_query(tx, &STATE_SQL, args, SA_N(args), &rows, err));
    if (store_next(rows)) {
        whole = store_int(rows, 0);
        lost = store_int(rows, 1);
        named = store_int(rows, 2);
        withdrawn = store_int(rows, 3);
    }
    TRY(store_finish(rows, err));
    s->out.is_whole = whole > 0;
    s->out.is_withdrawn = withdrawn > 0;
    s->out.is_lost = lost > 0 || named > SITES_TOUCHED_LIST_MAX;
    return s->out.is_lost ? RC_OK : since_ids(tx, s, named, err);
}

enum rc sites_touched_since(struct store *st, int64_t seq, struct arena *mem, struct sites_touched *out,
                            struct err *err)
{
    struct since s = {.seq = seq, .mem = mem};
    TRY(store_read(st, since_read, &s, err));
    *out = s.out;
    return RC_OK;
}

/* ---- as they are now ---- */

static const struct store_sql NOW_SQL = {"SELECT " SITE_ROW ", s.shown_cell FROM site s WHERE s.id = ?1"};

enum { NOW_PAGE = 256 };

struct now_page {
    struct arena mem;
    const struct uuid *ids;
    size_t n;
    struct sites_now now[NOW_PAGE];
    size_t found;
};

static enum rc now_one(struct store_tx *tx, struct now_page *p, struct uuid id, struct err *err)
{
    struct store_rows *rows;
    struct store_arg args[] = {SA_UUID(id)};
    TRY(store_query(tx, &NOW_SQL, args, SA_N(args), &rows, err));
    if (store_next(rows)) {
        struct site *s = ARENA_NEW(&p->mem, struct site);
        *s = sites_row(rows, true, &p->mem);
        bool is_shown = !store_is_null(rows, SITE_ROW_COLUMNS) && store_int(rows, SITE_ROW_COLUMNS) >= 0;
        struct uuid public_id = s->public_id;
        is_shown = is_shown && sites_view(&VIEWER_PUBLIC, s) != VIEW_DENIED;
        p->now[p->found++] = (struct sites_now){.id = id, .public_id = public_id, .site = is_shown ? s : NULL};
    }
    return store_finish(rows, err);
}

static enum rc now_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct now_page *p = ctx;
    arena_reset(&p->mem);
    p->found = 0;
    for (size_t i = 0; i < p->n; i++)
        TRY(now_one(tx, p, p->ids[i], err));
    return RC_OK;
}

enum rc sites_each_now(struct store *st, const struct uuid *ids, size_t n, sites_now_fn fn, void *ctx, struct err *err)
{
    struct now_page *p = mem_alloc(sizeof *p);
    enum rc rc = RC_OK;
    arena_init(&p->mem);
    for (size_t at = 0; at < n && rc == RC_OK; at += NOW_PAGE) {
        p->ids = ids + at;
        p->n = n - at < NOW_PAGE ? n - at : NOW_PAGE;
        rc = store_read(st, now_read, p, err);
        for (size_t i = 0; i < p->found && rc == RC_OK; i++)
            rc = fn(ctx, &p->now[i], err);
    }
    arena_fini(&p->mem);
    free(p);
    return rc;
}
