/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL that reads many sites in the order of their keys. Two ways: as the public sees them (shown_cell, one index), and
 * as those inside see them (true places; what is guarded comes from a small index of its own and is merged in).
 */
#include "sites/sites_int.h"

#include <stdlib.h>
#include <string.h>

/* ?1 first ?2 last ?3 cell ?4 id ?5 religion ?6 kind ?7 class ?8 country ?9 like ?10 has box ?11 west ?12 south ?13
 * east ?14 north ?15 most ?16 heritage ?17 limit */
#define FILTERS                                                                                                        \
    " AND (?5 = '' OR s.religion = ?5) AND (?6 = '' OR s.kind = ?6) AND (?7 = '' OR s.class = ?7) "                    \
    "AND (?8 = '' OR s.country = ?8) AND (?16 = 0 OR s.whs_year <> 0 OR s.heritage <> '')"
#define LIKE " AND (?9 = '' OR s.search LIKE ?9 ESCAPE '\\')"
#define BOX(lat, lon)                                                                                                  \
    " AND (?10 = 0 OR (" lat " >= ?12 AND " lat " <= ?14 AND ((?11 <= ?13 AND " lon " >= ?11 AND " lon " <= ?13) "     \
    "OR (?11 > ?13 AND (" lon " >= ?11 OR " lon " <= ?13)))))"
#define SHOWN_BOX BOX("COALESCE(s.shown_lat, s.lat)", "COALESCE(s.shown_lon, s.lon)")
#define TRUE_BOX  BOX("s.lat", "s.lon")
#define SHOWN_KEY " s.shown_cell BETWEEN ?1 AND ?2 AND (s.shown_cell, s.id) > (?3, ?4)"
#define OPEN      " AND NOT " SITE_IS_CLOSED
#define GUARDED                                                                                                                    \
    " s.visibility <> 0 AND s.visibility <= ?15 AND s.status NOT IN ('gone', 'merged') AND s.cell BETWEEN ?1 AND ?2 AND (s.cell, " \
    "s.id) > "                                                                                                                     \
    "(?3, ?4)"

static const struct store_sql SHOWN_SQL = {"SELECT " SITE_ROW ", s.shown_cell AS k FROM site s WHERE" SHOWN_KEY
                                           " AND s.visibility <= ?15" OPEN FILTERS LIKE SHOWN_BOX
                                           " ORDER BY s.shown_cell, s.id LIMIT ?17"};
static const struct store_sql INSIDE_SQL = {"SELECT " SITE_ROW ", s.shown_cell AS k FROM site s WHERE" SHOWN_KEY
                                            " AND s.visibility = 0" FILTERS LIKE TRUE_BOX " UNION ALL SELECT " SITE_ROW
                                            ", s.cell AS k FROM site s WHERE" GUARDED FILTERS LIKE TRUE_BOX
                                            " ORDER BY k, id LIMIT ?17"};
static const struct store_sql COUNT_SHOWN_SQL = {"SELECT count(*) FROM site s WHERE" SHOWN_KEY
                                                 " AND s.visibility <= ?15" OPEN FILTERS LIKE SHOWN_BOX};
static const struct store_sql COUNT_INSIDE_SQL = {
    "SELECT (SELECT count(*) FROM site s WHERE" SHOWN_KEY " AND s.visibility = 0" FILTERS LIKE TRUE_BOX
    ") + (SELECT count(*) FROM site s WHERE" GUARDED FILTERS LIKE TRUE_BOX ")"};
/* Without a box and a text the index alone answers; only COARSE and PUBLIC rows have a shown cell. */
static const struct store_sql COUNT_INDEX_SQL = {
    "SELECT count(*) FROM site s WHERE s.shown_cell BETWEEN ?1 AND ?2 AND (?3 = '' OR s.religion = ?3) AND "
    "(?4 = '' OR s.kind = ?4) AND (?5 = '' OR s.class = ?5) AND (?6 = '' OR s.country = ?6)" OPEN};

enum { WHERE_ARGS = 17 };

static void where_args(const struct sites_where *w, int64_t first, int64_t last, const struct sites_key *after,
                       size_t limit, struct store_arg *out)
{
    const struct sites_filter *f = &w->filter;
    /* SQLite begins its walk of the index at the BETWEEN, not at the row value: without this each page walks all before
     * it (measured: a million sites read to the end in pages of 1,024 took 350 s). */
    first = after->cell > first ? after->cell : first;
    const struct store_arg args[WHERE_ARGS] = {SA_INT(first),
                                               SA_INT(last),
                                               SA_INT(after->cell),
                                               SA_UUID(after->id),
                                               SA_TEXT(f->religion),
                                               SA_TEXT(f->kind),
                                               SA_TEXT(f->class_code),
                                               SA_TEXT(f->country),
                                               SA_TEXT(w->like),
                                               SA_INT(f->has_box),
                                               SA_REAL(f->box.west_deg),
                                               SA_REAL(f->box.south_deg),
                                               SA_REAL(f->box.east_deg),
                                               SA_REAL(f->box.north_deg),
                                               SA_INT(w->most),
                                               SA_INT(f->is_heritage),
                                               SA_INT(limit)};
    memcpy(out, args, sizeof args);
}

enum rc sites_range_read(struct store_tx *tx, const struct sites_where *w, const struct viewer *viewer, int64_t first,
                         int64_t last, struct sites_key after, size_t limit, struct arena *mem, struct site *out,
                         struct sites_key *keys, size_t *n, struct err *err)
{
    struct store_rows *rows;
    struct store_arg args[WHERE_ARGS];
    where_args(w, first, last, &after, limit, args);
    *n = 0;
    TRY(store_query(tx, w->is_inside ? &INSIDE_SQL : &SHOWN_SQL, args, WHERE_ARGS, &rows, err));
    while (*n < limit && store_next(rows)) {
        out[*n] = sites_row(rows, w->want_names, mem);
        keys[*n] = (struct sites_key){store_int(rows, SITE_ROW_COLUMNS), out[*n].id};
        if (sites_view(viewer, &out[*n]) == VIEW_DENIED)
            return store_finish(rows, err) == RC_OK ? err_set(err, RC_DAMAGED, "a site is listed that may not be seen")
                                                    : err->rc;
        (*n)++;
    }
    return store_finish(rows, err);
}

static enum rc count_by_index(struct store_tx *tx, const struct sites_where *w, int64_t first, int64_t last,
                              int64_t *out, struct err *err)
{
    const struct sites_filter *f = &w->filter;
    const struct store_arg args[] = {SA_INT(first),    SA_INT(last),           SA_TEXT(f->religion),
                                     SA_TEXT(f->kind), SA_TEXT(f->class_code), SA_TEXT(f->country)};
    return store_get_int(tx, &COUNT_INDEX_SQL, args, SA_N(args), out, err);
}

enum rc sites_range_count(struct store_tx *tx, const struct sites_where *w, int64_t first, int64_t last, int64_t *out,
                          struct err *err)
{
    struct store_arg args[WHERE_ARGS];
    struct sites_key begin = SITES_KEY_FIRST;
    if (!w->is_inside && w->most == VISIBILITY_COARSE && !w->filter.has_box && !w->filter.is_heritage &&
        str_is_empty(w->like))
        return count_by_index(tx, w, first, last, out, err);
    where_args(w, first, last, &begin, 0, args);
    return store_get_int(tx, w->is_inside ? &COUNT_INSIDE_SQL : &COUNT_SHOWN_SQL, args, WHERE_ARGS - 1, out, err);
}

/* ---- a page ---- */

static const struct store_sql ID_SQL = {"SELECT " SITE_ROW " FROM site s WHERE s.public_id = ?1"};

/* What leaves names a site by its random id, never by the inner one. */
static struct str cursor_format(struct arena *mem, const struct sites_key *key, struct uuid public_id)
{
    uint8_t b[24];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)((uint64_t)key->cell >> (56 - 8 * i));
    memcpy(b + 8, public_id.b, 16);
    return str_hex(mem, b, sizeof b);
}

/* One whose site is hidden by now goes on from its cell, like one of a site that never was: neither tells of it. */
static enum rc cursor_parse(struct store_tx *tx, const struct viewer *viewer, struct str text, struct arena *mem,
                            struct sites_key *out, struct err *err)
{
    uint8_t b[24];
    uint64_t cell = 0;
    struct store_rows *rows;
    if (!str_unhex(text, b, sizeof b))
        return err_set(err, RC_INVALID, "the cursor is not one given out here; begin again without it");
    for (int i = 0; i < 8; i++)
        cell = cell << 8 | b[i];
    struct store_arg args[] = {SA_BLOB(b + 8, 16)};
    TRY(store_query(tx, &ID_SQL, args, SA_N(args), &rows, err));
    *out = (struct sites_key){.cell = (int64_t)cell};
    if (store_next(rows)) {
        struct site s = sites_row(rows, false, mem);
        if (sites_view(viewer, &s) != VIEW_DENIED)
            out->id = s.id;
    }
    return store_finish(rows, err);
}

struct list {
    struct sites_where where;
    const struct viewer *viewer;
    struct str cursor;
    size_t limit;
    bool want_matched;
    struct arena *mem;
    struct sites_page page;
};

/* Whether a range lies wholly before the key, in the order of a list: placeless ones (-1) come last. */
static bool is_done(const struct sites_range *r, const struct sites_key *after)
{
    bool key_is_last = after->cell < 0, range_is_last = r->first < 0;
    return key_is_last != range_is_last ? key_is_last : r->last < after->cell;
}

static enum rc list_count(struct store_tx *tx, struct list *l, const struct sites_range *ranges, size_t n,
                          struct err *err)
{
    l->page.matched = -1;
    if (!l->want_matched)
        return RC_OK;
    l->page.matched = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t found;
        TRY(sites_range_count(tx, &l->where, ranges[i].first, ranges[i].last, &found, err));
        l->page.matched += found;
    }
    return RC_OK;
}

static enum rc list_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct list *l = ctx;
    struct sites_range ranges[SITES_RANGES_MAX];
    struct sites_key after = SITES_KEY_FIRST;
    bool is_first = str_is_empty(l->cursor);
    size_t n = sites_ranges(&l->where.filter, ranges), got = 0, want = l->limit + 1;
    struct site *sites = ARENA_NEW_N(l->mem, struct site, want);
    struct sites_key *keys = ARENA_NEW_N(l->mem, struct sites_key, want);
    if (!is_first)
        TRY(cursor_parse(tx, l->viewer, l->cursor, l->mem, &after, err));
    for (size_t i = 0; i < n && got < want; i++) {
        size_t more;
        if (!is_first && is_done(&ranges[i], &after))
            continue;
        bool is_within = !is_first && after.cell >= ranges[i].first && after.cell <= ranges[i].last;
        TRY(sites_range_read(tx, &l->where, l->viewer, ranges[i].first, ranges[i].last,
                             is_within ? after : SITES_KEY_FIRST, want - got, l->mem, sites + got, keys + got, &more,
                             err));
        got += more;
    }
    l->page.n = got < l->limit ? got : l->limit;
    l->page.sites = sites;
    l->page.next =
        got > l->limit ? cursor_format(l->mem, &keys[l->limit - 1], sites[l->limit - 1].public_id) : STR_NONE;
    return list_count(tx, l, ranges, n, err);
}

enum rc sites_list(struct store *st, const struct sites_filter *filter, const struct viewer *viewer, struct str cursor,
                   size_t limit, bool want_matched, struct arena *mem, struct sites_page *out, struct err *err)
{
    if (limit == 0 || limit > SITES_LIMIT_MAX)
        return err_set(err, RC_INVALID, "the limit must be 1 to %d", SITES_LIMIT_MAX);
    if (filter && filter->q.n > SITES_QUERY_MAX)
        return err_set(err, RC_TOO_LARGE, "the search text is longer than %d bytes", SITES_QUERY_MAX);
    struct list l = {.where = sites_where_of(filter, viewer, mem),
                     .viewer = viewer,
                     .cursor = cursor,
                     .limit = limit,
                     .want_matched = want_matched,
                     .mem = mem};
    l.where.want_names = true;
    TRY(store_read(st, list_read, &l, err));
    *out = l.page;
    return RC_OK;
}

/* ---- everything the public may know of, for the atlas ---- */

enum { EACH_PAGE = 4096 };

struct each {
    struct sites_where where;
    struct sites_key after;
    struct arena mem;
    struct site sites[EACH_PAGE];
    struct sites_key keys[EACH_PAGE];
    size_t n;
};

static enum rc each_page(struct store_tx *tx, void *ctx, struct err *err)
{
    struct each *e = ctx;
    arena_reset(&e->mem);
    return sites_range_read(tx, &e->where, &VIEWER_PUBLIC, 0, INT64_MAX, e->after, EACH_PAGE, &e->mem, e->sites,
                            e->keys, &e->n, err);
}

enum rc sites_each_public(struct store *st, bool want_names, sites_each_fn fn, void *ctx, struct err *err)
{
    struct each *e = mem_alloc(sizeof *e);
    arena_init(&e->mem);
    e->where = sites_where_of(NULL, &VIEWER_PUBLIC, &e->mem);
    e->where.want_names = want_names;
    e->after = SITES_KEY_FIRST;
    enum rc rc;
    do {
        rc = store_read(st, each_page, e, err);
        for (size_t i = 0; i < e->n && rc == RC_OK; i++)
            rc = fn(ctx, &e->sites[i], err);
        e->after = e->n ? e->keys[e->n - 1] : e->after;
    } while (rc == RC_OK && e->n == EACH_PAGE);
    arena_fini(&e->mem);
    free(e);
    return rc;
}
