/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See changes.h. The ids come from the change feed (touched.h), in rising order of the inner id; here they are looked at
 * as the public sees them, some at a time. A cursor is the number the first page gave, a dot, and the last site named.
 */
#include "sites/changes.h"

#include <stdlib.h>

#include "sites/sites_int.h"
#include "sites/touched.h"

enum { CHUNK = 32, SEEN = SITE_ROW_COLUMNS };

#define IDS                                                                                                            \
    "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, " \
    "?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32)"
static const struct store_sql SITES_SQL = {"SELECT " SITE_ROW ", CASE WHEN s.shown_cell IS NOT NULL THEN 1 ELSE 0 END "
                                           "FROM site s WHERE s.id IN " IDS " ORDER BY s.id"};
static const struct store_sql DECISIONS_SQL = {"SELECT site, at_us, visibility_before FROM site_visibility "
                                               "WHERE site IN " IDS " ORDER BY site, at_us DESC, id DESC"};
static const struct store_sql TIMES_SQL = {"SELECT at_us FROM site_change WHERE seq > ?1 ORDER BY at_us"};
static const struct store_sql ID_SQL = {"SELECT id FROM site WHERE public_id = ?1"};

struct look {
    const struct uuid *ids;
    size_t n, at; /* at: the next to be looked at */
    int64_t since;
    int64_t *times; /* of the changes after `since`, rising: each row a change wrote carries its time */
    size_t times_n;
    struct str cursor_id;
    size_t limit;
    struct arena *mem;
    struct changes_page page;
    struct uuid last; /* public id of the last one named */
    bool is_full;     /* there is one more than the page holds */
};

static bool is_of_later_change(const struct look *l, int64_t at_us)
{
    size_t low = 0, high = l->times_n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (l->times[mid] < at_us)
            low = mid + 1;
        else
            high = mid;
    }
    return low < l->times_n && l->times[low] == at_us;
}

struct candidate {
    struct site site;
    bool is_seen;
    enum visibility then; /* what it was at `since` */
};

/* D2. A closed country is a reset when it closes, so what is closed now was closed then. */
static bool was_seen(const struct look *l, const struct candidate *c)
{
    return !c->site.is_country_closed && !is_of_later_change(l, c->site.created.us) && c->then != VISIBILITY_HIDDEN;
}

static void take(struct look *l, const struct candidate *c)
{
    struct changes_page *p = &l->page;
    if ((!c->is_seen && !was_seen(l, c)) || l->is_full)
        return;
    l->is_full = p->sites_n + p->removed_n == l->limit;
    if (l->is_full)
        return;
    l->last = c->site.public_id;
    if (c->is_seen)
        p->sites[p->sites_n++] = c->site;
    else
        p->removed[p->removed_n++] = c->site.public_id;
}

static enum rc candidates_read(struct store_tx *tx, struct look *l, const struct store_arg *ids, struct candidate *out,
                               size_t *n, struct err *err)
{
    struct store_rows *rows;
    *n = 0;
    TRY(store_query(tx, &SITES_SQL, ids, CHUNK, &rows, err));
    while (*n < CHUNK && store_next(rows)) {
        struct candidate *c = &out[(*n)++];
        *c = (struct candidate){.site = sites_row(rows, true, l->mem)};
        c->then = c->site.visibility;
        c->is_seen = store_int(rows, SEEN) != 0 && sites_view(&VIEWER_PUBLIC, &c->site) != VIEW_DENIED;
    }
    TRY(store_finish(rows, err));
    /* Newest decision first: the last one taken is the oldest behind `since`. */
    TRY(store_query(tx, &DECISIONS_SQL, ids, CHUNK, &rows, err));
    while (store_next(rows)) {
        struct uuid site = store_uuid(rows, 0);
        for (size_t i = 0; i < *n; i++)
            if (uuid_is_equal(out[i].site.id, site) && is_of_later_change(l, store_int(rows, 1)))
                out[i].then = (enum visibility)store_int(rows, 2);
    }
    return store_finish(rows, err);
}

static enum rc look_at(struct store_tx *tx, struct look *l, struct err *err)
{
    struct store_arg ids[CHUNK];
    struct candidate *c = ARENA_NEW_N(l->mem, struct candidate, CHUNK);
    size_t n;
    for (size_t i = 0; i < CHUNK; i++)
        ids[i] = SA_UUID(l->ids[l->at + i < l->n ? l->at + i : l->n - 1]);
    TRY(candidates_read(tx, l, ids, c, &n, err));
    for (size_t i = 0; i < n; i++)
        take(l, &c[i]);
    l->at += CHUNK;
    return RC_OK;
}

/* Behind a gap of SITES_TOUCHED_KEPT changes with ids the feed is lost, but changes without any may be more. */
static enum rc times_read(struct store_tx *tx, struct look *l, struct err *err)
{
    static const struct store_sql COUNT = {"SELECT count(*) FROM site_change WHERE seq > ?1"};
    struct store_arg args[] = {SA_INT(l->since)};
    struct store_rows *rows;
    int64_t count;
    TRY(store_get_int(tx, &COUNT, args, SA_N(args), &count, err));
    l->times = ARENA_NEW_N(l->mem, int64_t, (size_t)count + 1);
    l->times_n = 0;
    TRY(store_query(tx, &TIMES_SQL, args, SA_N(args), &rows, err));
    while (l->times_n < (size_t)count && store_next(rows))
        l->times[l->times_n++] = store_int(rows, 0);
    return store_finish(rows, err);
}

static int uuid_order(struct uuid a, struct uuid b)
{
    return str_compare((struct str){(const char *)a.b, 16}, (struct str){(const char *)b.b, 16});
}

/* Whether some page of this question named it: an id that none did is as good as one that never was. */
static enum rc is_named(struct store_tx *tx, const struct look *l, struct uuid id, bool *out, struct err *err)
{
    struct store_arg ids[CHUNK];
    struct candidate *c = ARENA_NEW_N(l->mem, struct candidate, CHUNK);
    struct look of = *l;
    size_t n;
    for (size_t i = 0; i < CHUNK; i++)
        ids[i] = SA_UUID(id);
    TRY(candidates_read(tx, &of, ids, c, &n, err));
    *out = n == 1 && (c[0].is_seen || was_seen(l, &c[0]));
    return RC_OK;
}

/* Behind the site that the cursor names. */
static enum rc skip(struct store_tx *tx, struct look *l, struct err *err)
{
    struct uuid public_id, id = {{0}};
    struct store_rows *rows;
    l->at = 0;
    if (str_is_empty(l->cursor_id))
        return RC_OK;
    bool found = uuid_parse(l->cursor_id, &public_id);
    if (found) {
        struct store_arg args[] = {SA_UUID(public_id)};
        TRY(store_query(tx, &ID_SQL, args, SA_N(args), &rows, err));
        found = store_next(rows);
        id = found ? store_uuid(rows, 0) : id;
        TRY(store_finish(rows, err));
    }
    if (found)
        TRY(is_named(tx, l, id, &found, err));
    if (!found)
        return err_set(err, RC_INVALID, "the cursor is not one given out here; begin again without it");
    while (l->at < l->n && uuid_order(l->ids[l->at], id) <= 0)
        l->at++;
    return RC_OK;
}

static enum rc look_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;
    struct changes_page *p = &l->page;
    p->sites_n = p->removed_n = 0;
    l->is_full = false;
    TRY(times_read(tx, l, err));
    TRY(skip(tx, l, err));
    while (l->at < l->n && !l->is_full)
        TRY(look_at(tx, l, err));
    return RC_OK;
}

static enum rc cursor_read(struct str cursor, int64_t *seq, struct str *id, struct err *err)
{
    struct str head;
    if (str_is_empty(cursor))
        return RC_OK;
    if (!str_cut(cursor, '.', &head, id) || !str_parse_i64(head, seq) || *seq < 0)
        return err_set(err, RC_INVALID, "the cursor is not one given out here; begin again without it");
    return RC_OK;
}

static enum rc list(struct store *st, struct look *l, struct err *err)
{
    l->page.sites = ARENA_NEW_N(l->mem, struct site, l->limit);
    l->page.removed = ARENA_NEW_N(l->mem, struct uuid, l->limit);
    TRY(store_read(st, look_fn, l, err));
    if (l->is_full) {
        struct str id = uuid_format(l->mem, l->last);
        l->page.next = str_printf(l->mem, "%lld." STR_FMT, (long long)l->page.seq, STR_ARG(id));
    }
    return RC_OK;
}

enum rc changes_since(struct store *st, int64_t since, struct str cursor, size_t limit, struct arena *mem,
                      struct changes_page *out, struct err *err)
{
    struct look l = {.since = since, .limit = limit, .mem = mem};
    struct sites_touched touched;
    if (since < 0 || limit == 0 || limit > CHANGES_LIMIT_MAX)
        return err_set(err, RC_INVALID, "since: 0 or more; limit: 1 to %d", CHANGES_LIMIT_MAX);
    if (since == 0) { /* whoever begins reads everything first */
        struct sites_change last;
        TRY(sites_change_last(st, &last, err));
        *out = (struct changes_page){.seq = last.seq, .is_reset = true};
        return RC_OK;
    }
    TRY(sites_touched_since(st, since, mem, &touched, err));
    l.page.seq = touched.seq;
    TRY(cursor_read(cursor, &l.page.seq, &l.cursor_id,
                    err)); /* what came after the first page is the next question's */
    l.ids = touched.ids;
    l.n = touched.n;
    l.page.is_reset = touched.is_whole || touched.is_lost;
    if (!l.page.is_reset) /* with nothing touched, too: a cursor is judged alike, whatever hidden sites did */
        TRY(list(st, &l, err));
    *out = l.page;
    return RC_OK;
}
