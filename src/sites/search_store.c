/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of the search: the rows of its hits, hidden sites for those who may see them, names of divisions.
 */
#include "sites/search_int.h"
#include "sites/sites_int.h"

static const struct store_sql HIT_SQL = {"SELECT " SITE_ROW " FROM site s WHERE s.public_id = ?1"};
static const struct store_sql HIDDEN_SQL = {"SELECT " SITE_ROW
                                            " FROM site s WHERE s.visibility <> 0 AND s.visibility = 2 "
                                            "AND s.status <> 'gone' AND s.status <> 'merged' AND (s.search LIKE ?1 "
                                            "ESCAPE '\\' OR (?2 <> '' AND s.search LIKE ?2 ESCAPE '\\')) LIMIT ?3"};
static const struct store_sql AREAS_SQL = {
    "SELECT a.code, a.name FROM area a JOIN area_set s ON s.id = a.area_set WHERE s.replaced_us IS NULL AND a.level = 1 "
    "ORDER BY a.id LIMIT ?1"};

struct hits {
    const struct uuid *ids;
    size_t n;
    const struct viewer *viewer;
    struct arena *mem;
    struct site *out;
    enum view *views;
};

static enum rc hits_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct hits *h = ctx;
    for (size_t i = 0; i < h->n; i++) {
        struct store_rows *rows;
        struct store_arg args[] = {SA_UUID(h->ids[i])};
        h->views[i] = VIEW_DENIED;
        TRY(store_query(tx, &HIT_SQL, args, SA_N(args), &rows, err));
        if (store_next(rows)) {
            h->out[i] = sites_row(rows, true, h->mem);
            if (!sites_is_away(h->out[i].status))
                h->views[i] = sites_view(h->viewer, &h->out[i]);
        }
        TRY(store_finish(rows, err));
    }
    return RC_OK;
}

enum rc search_store_hits(struct store *st, const struct uuid *public_ids, size_t n, const struct viewer *viewer,
                          struct arena *mem, struct site *out, enum view *views, struct err *err)
{
    struct hits h = {public_ids, n, viewer, mem, out, views};
    return n ? store_read(st, hits_read, &h, err) : RC_OK;
}

struct hidden {
    struct sites_where words[2];
    size_t most;
    const struct viewer *viewer;
    sites_each_fn fn;
    void *ctx;
};

static enum rc hidden_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct hidden *h = ctx;
    struct store_rows *rows;
    struct arena mem;
    enum rc rc = RC_OK;
    struct store_arg args[] = {SA_TEXT(h->words[0].like), SA_TEXT(h->words[1].like), SA_INT(h->most)};
    TRY(store_query(tx, &HIDDEN_SQL, args, SA_N(args), &rows, err));
    arena_init(&mem);
    while (rc == RC_OK && store_next(rows)) {
        arena_reset(&mem);
        struct site s = sites_row(rows, true, &mem);
        if (sites_view(h->viewer, &s) != VIEW_DENIED)
            rc = h->fn(h->ctx, &s, err);
    }
    arena_fini(&mem);
    struct err second;
    enum rc end = store_finish(rows, rc == RC_OK ? err : &second);
    return rc == RC_OK ? end : rc;
}

/* The two longest words decide: that all of them stand somewhere is the ranking's to judge. */
enum rc search_store_hidden(struct store *st, const struct viewer *viewer, const struct str *words, size_t n,
                            size_t most, sites_each_fn fn, void *ctx, struct err *err)
{
    struct arena mem;
    struct str longest[2] = {{0}};
    struct hidden h = {.most = most, .viewer = viewer, .fn = fn, .ctx = ctx};
    for (size_t i = 0; i < n; i++) {
        if (words[i].n > longest[0].n) {
            longest[1] = longest[0];
            longest[0] = words[i];
        } else if (words[i].n > longest[1].n) {
            longest[1] = words[i];
        }
    }
    arena_init(&mem);
    enum rc rc = RC_OK;
    for (int i = 0; i < 2; i++) {
        struct sites_filter f = {.q = longest[i]};
        h.words[i] = sites_where_of(&f, viewer, &mem);
    }
    if (longest[0].n && h.words[0].most == VISIBILITY_HIDDEN)
        rc = store_read(st, hidden_read, &h, err);
    arena_fini(&mem);
    return rc;
}

struct areas_read {
    search_area_fn fn;
    void *ctx;
};

static enum rc areas_read(struct store_tx *tx, void *ctx, struct err *err)
{
    enum { AREAS_MAX = 100000 };
    const struct areas_read *a = ctx;
    struct store_rows *rows;
    struct store_arg args[] = {SA_INT(AREAS_MAX)};
    TRY(store_query(tx, &AREAS_SQL, args, SA_N(args), &rows, err));
    while (store_next(rows))
        a->fn(a->ctx, store_text(rows, 0), store_text(rows, 1));
    return store_finish(rows, err);
}

enum rc search_store_areas(struct store *st, search_area_fn fn, void *ctx, struct err *err)
{
    struct areas_read a = {fn, ctx};
    return store_read(st, areas_read, &a, err);
}
