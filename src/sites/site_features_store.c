/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of features: keyset pages over the index of what is shown. The shown place is the only one a condition sees (F1).
 */
#include "sites/site_features_int.h"

#include <string.h>

#include "sites/sites_int.h"

/* Only what the public may see has a shown cell. With nothing but columns of the index site_shown a count, and the
 * search for the rows of a faith or kind, never touch the table. */
#define WHERE                                                                                                          \
    " FROM site s WHERE s.shown_cell BETWEEN ?1 AND ?2 AND (s.shown_cell, s.id) > (?3, ?4) AND NOT " SITE_IS_CLOSED
#define LAT "COALESCE(s.shown_lat, s.lat)"
#define LON "COALESCE(s.shown_lon, s.lon)"
enum { KEY_ARGS = 4, RANGES_MAX = SITES_RANGES_MAX + 1 };

struct list {
    const struct features_query *query;
    enum store_engine engine;
    struct sites_where where; /* the public's */
    struct str cursor;
    size_t limit;
    struct arena *mem;
    struct features_page page;
};

/* ---- cursor ---- */

/* The shown cell and the random id: both stood on the page. */
static struct str cursor_format(struct arena *mem, int64_t cell, struct uuid public_id)
{
    uint8_t b[24];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)((uint64_t)cell >> (56 - 8 * i));
    memcpy(b + 8, public_id.b, 16);
    return str_hex(mem, b, sizeof b);
}

/* A site that is not shown there (any more) reads as one that never was: the list goes on with its cell, and the answer
 * is the same whether it is hidden, gone, or made up. */
static enum rc cursor_parse(struct store_tx *tx, struct str text, struct sites_key *out, struct err *err)
{
    static const struct store_sql SQL = {
        "SELECT s.id FROM site s WHERE s.public_id = ?1 AND s.shown_cell = ?2 AND NOT " SITE_IS_CLOSED};
    uint8_t b[24];
    uint64_t cell = 0;
    struct store_rows *rows;
    *out = SITES_KEY_FIRST;
    if (str_is_empty(text))
        return RC_OK;
    if (!str_unhex(text, b, sizeof b))
        return err_set(err, RC_INVALID, "the cursor is not one given out here; begin again without it");
    for (int i = 0; i < 8; i++)
        cell = cell << 8 | b[i];
    struct store_arg args[] = {SA_BLOB(b + 8, 16), SA_INT((int64_t)cell)};
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    *out = (struct sites_key){(int64_t)cell, store_next(rows) ? store_uuid(rows, 0) : (struct uuid){{0}}};
    return store_finish(rows, err);
}

/* ---- statements ---- */

static void box_add(struct features_sql *q, const struct geo_box *b)
{
    const double sides[] = {b->south_deg, b->north_deg, b->west_deg, b->east_deg};
    size_t at = q->n;
    for (int i = 0; i < 4; i++)
        q->args[q->n++] = SA_REAL(sides[i]);
    buf_printf(&q->text, " AND " LAT " >= ?%zu AND " LAT " <= ?%zu AND (" LON " >= ?%zu %s " LON " <= ?%zu)", at + 1,
               at + 2, at + 3, b->west_deg > b->east_deg ? "OR" : "AND", at + 4);
}

/* What is the same for every range: the text and all arguments behind the key's. */
static enum rc where_add(struct features_sql *q, const struct list *l, bool in_box, struct err *err)
{
    q->n = KEY_ARGS;
    if (in_box)
        box_add(q, &l->query->box);
    features_equal_add(q, "faith", l->query->faith);
    features_equal_add(q, "kind", l->query->kind);
    features_equal_add(q, "name", l->query->name);
    return features_filter_add(q, l->query->filter, err);
}

static void key_bind(struct features_sql *q, const struct sites_range *r, const struct sites_key *after)
{
    q->args[0] = SA_INT(after->cell > r->first ? after->cell : r->first); /* where the walk of the index begins */
    q->args[1] = SA_INT(r->last);
    q->args[2] = SA_INT(after->cell);
    q->args[3] = SA_UUID(after->id);
}

static enum rc rows_take(struct store_rows *rows, struct list *l, int64_t *cells, struct err *err)
{
    struct features_page *p = &l->page;
    while (p->n <= l->limit && store_next(rows)) {
        struct site *s = &p->sites[p->n];
        *s = sites_row(rows, true, l->mem);
        cells[p->n] = store_int(rows, SITE_ROW_COLUMNS);
        if (sites_view(&VIEWER_PUBLIC, s) == VIEW_DENIED)
            return store_finish(rows, err) == RC_OK ? err_set(err, RC_DAMAGED, "a site is listed that may not be seen")
                                                    : err->rc;
        p->n++;
    }
    return store_finish(rows, err);
}

static enum rc range_read(struct store_tx *tx, struct list *l, const struct sites_range *r,
                          const struct sites_key *after, int64_t *cells, struct err *err)
{
    struct features_sql *q = ARENA_NEW(l->mem, struct features_sql);
    struct store_rows *rows;
    q->engine = l->engine;
    q->mem = l->mem;
    buf_init(&q->text, 0);
    buf_add_z(&q->text, "SELECT " SITE_ROW ", s.shown_cell AS k" WHERE);
    enum rc rc = where_add(q, l, l->query->has_box && r->first >= 0, err);
    if (rc == RC_OK) {
        key_bind(q, r, after);
        q->args[q->n++] = SA_INT(l->limit + 1 - l->page.n);
        buf_printf(&q->text, " ORDER BY s.shown_cell, s.id LIMIT ?%zu", q->n);
        struct str text = str_copy(l->mem, buf_str(&q->text));
        struct store_sql sql = {.common = text.p, .is_once = true};
        rc = store_query(tx, &sql, q->args, q->n, &rows, err);
    }
    buf_fini(&q->text);
    return rc == RC_OK ? rows_take(rows, l, cells, err) : rc;
}

static enum rc range_count(struct store_tx *tx, struct list *l, const struct sites_range *r, int64_t *out,
                           struct err *err)
{
    const struct features_query *f = l->query;
    const struct sites_key begin = SITES_KEY_FIRST;
    if (!f->has_box && !f->filter && str_is_empty(f->faith) && str_is_empty(f->kind) && str_is_empty(f->name))
        return sites_range_count(tx, &l->where, r->first, r->last, out, err);
    struct features_sql *q = ARENA_NEW(l->mem, struct features_sql);
    q->engine = l->engine;
    q->mem = l->mem;
    buf_init(&q->text, 0);
    buf_add_z(&q->text, "SELECT count(*)" WHERE);
    enum rc rc = where_add(q, l, f->has_box && r->first >= 0, err);
    if (rc == RC_OK) {
        key_bind(q, r, &begin);
        struct str text = str_copy(l->mem, buf_str(&q->text));
        struct store_sql sql = {.common = text.p, .is_once = true};
        rc = store_get_int(tx, &sql, q->args, q->n, out, err);
    }
    buf_fini(&q->text);
    return rc;
}

/* ---- a page ---- */

/* Key ranges of the box, and those without a place, last. */
static size_t ranges_of(const struct features_query *f, struct sites_range out[RANGES_MAX])
{
    const struct sites_filter box = {.has_box = f->has_box, .box = f->box};
    size_t n = sites_ranges(&box, out);
    if (f->has_box)
        out[n++] = (struct sites_range){-1, -1};
    return n;
}

static bool is_done(const struct sites_range *r, const struct sites_key *after)
{
    bool key_is_last = after->cell == -1, range_is_last = r->first < 0;
    return key_is_last != range_is_last ? key_is_last : r->last < after->cell;
}

static enum rc count_all(struct store_tx *tx, struct list *l, const struct sites_range *ranges, size_t n,
                         struct err *err)
{
    bool is_whole = str_is_empty(l->page.next);
    int64_t sum = 0;
    l->page.matched = is_whole ? (int64_t)l->page.n : -1;
    if (!str_is_empty(l->cursor))
        l->page.matched = -1;
    if (!str_is_empty(l->cursor) || is_whole || features_reads_names(l->query))
        return RC_OK;
    for (size_t i = 0; i < n; i++) {
        int64_t found;
        TRY(range_count(tx, l, &ranges[i], &found, err));
        sum += found;
    }
    l->page.matched = sum;
    return RC_OK;
}

static enum rc list_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct list *l = ctx;
    struct sites_range ranges[RANGES_MAX];
    struct sites_key after;
    size_t n = ranges_of(l->query, ranges);
    bool is_first = str_is_empty(l->cursor);
    int64_t *cells = ARENA_NEW_N(l->mem, int64_t, l->limit + 1);
    l->engine = store_tx_engine(tx);
    l->page = (struct features_page){.sites = ARENA_NEW_N(l->mem, struct site, l->limit + 1)};
    TRY(cursor_parse(tx, l->cursor, &after, err));
    for (size_t i = 0; i < n && l->page.n <= l->limit; i++) {
        const struct sites_key begin = SITES_KEY_FIRST;
        bool is_within = !is_first && after.cell >= ranges[i].first && after.cell <= ranges[i].last;
        if (is_first || !is_done(&ranges[i], &after))
            TRY(range_read(tx, l, &ranges[i], is_within ? &after : &begin, cells, err));
    }
    if (l->page.n > l->limit) {
        l->page.n = l->limit;
        l->page.next = cursor_format(l->mem, cells[l->limit - 1], l->page.sites[l->limit - 1].public_id);
    }
    return count_all(tx, l, ranges, n, err);
}

enum rc features_list(struct store *st, const struct features_query *query, struct str cursor, size_t limit,
                      struct arena *mem, struct features_page *out, struct err *err)
{
    if (limit == 0 || limit > SITES_LIMIT_MAX)
        return err_set(err, RC_INVALID, "the limit must be 1 to %d", SITES_LIMIT_MAX);
    if (query->name.n > FEATURES_TEXT_MAX || query->faith.n > FEATURES_TEXT_MAX || query->kind.n > FEATURES_TEXT_MAX)
        return err_set(err, RC_TOO_LARGE, "a text longer than %d bytes", FEATURES_TEXT_MAX);
    struct list l = {.query = query,
                     .where = sites_where_of(NULL, &VIEWER_PUBLIC, mem),
                     .cursor = cursor,
                     .limit = limit,
                     .mem = mem};
    TRY(store_read(st, list_read, &l, err));
    *out = l.page;
    return RC_OK;
}
