/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of the report of changes. The records of a source are walked in pages of keys, so that no statement grows with the
 * source.
 */
#include "sites/import_changes_int.h"

static const struct store_sql SOURCE_SQL = {"SELECT source FROM source_release WHERE id = ?1"};
static const struct store_sql LAST_SQL = {
    "SELECT max(k.external_id) FROM (SELECT external_id FROM site_source WHERE source = ?1 AND external_id > ?2 "
    "ORDER BY external_id LIMIT ?3) k"};
static const struct store_sql ROWS_SQL = {
    "SELECT r.external_id, CASE WHEN r.first_release = ?4 THEN 1 ELSE 0 END, CASE WHEN r.gone_release = ?4 THEN 1 ELSE 0 END, "
    "s.public_id, s.name, r.raw, COALESCE(o.names, s.names), CASE WHEN o.site IS NULL THEN f.wkb ELSE o.wkb END, "
    "CASE WHEN p.source IS NULL THEN 0 ELSE 1 END, p.raw, p.names, p.footprint "
    "FROM site_source r JOIN site s ON s.id = r.site LEFT JOIN site_own o ON o.site = r.site "
    "LEFT JOIN site_footprint f ON f.site = r.site "
    "LEFT JOIN site_source_past p ON p.source = r.source AND p.external_id = r.external_id AND p.until_release = ?4 "
    "WHERE r.source = ?1 AND r.external_id > ?2 AND r.external_id <= ?3 "
    "AND (r.first_release = ?4 OR r.last_release = ?4 OR r.gone_release = ?4) ORDER BY r.external_id"};

struct source_ask {
    struct uuid release, source;
};

static enum rc source_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct source_ask *a = ctx;
    struct store_rows *rows;
    struct store_arg args[] = {SA_UUID(a->release)};
    TRY(store_query(tx, &SOURCE_SQL, args, SA_N(args), &rows, err));
    bool found = store_next(rows);
    if (found)
        a->source = store_uuid(rows, 0);
    TRY(store_finish(rows, err));
    return found ? RC_OK : err_set(err, RC_NOT_FOUND, "there is no such release");
}

enum rc changes_source_find(struct store *st, struct uuid release, struct uuid *source, struct err *err)
{
    struct source_ask a = {.release = release};
    TRY(store_read(st, source_read, &a, err));
    *source = a.source;
    return RC_OK;
}

static enum rc last_read(struct store_tx *tx, struct change_page *p, struct err *err)
{
    struct store_rows *rows;
    struct store_arg args[] = {SA_UUID(p->source), SA_TEXT(p->after), SA_INT(CHANGES_PAGE)};
    TRY(store_query(tx, &LAST_SQL, args, SA_N(args), &rows, err));
    if (store_next(rows) && !store_is_null(rows, 0))
        p->last = str_copy(&p->mem, store_text(rows, 0));
    return store_finish(rows, err);
}

static struct change_row row_of(struct store_rows *rows, struct arena *mem)
{
    return (struct change_row){.external_id = str_copy(mem, store_text(rows, 0)),
                               .is_added = store_int(rows, 1) != 0,
                               .is_gone = store_int(rows, 2) != 0,
                               .public_id = store_uuid(rows, 3),
                               .name = str_copy(mem, store_text(rows, 4)),
                               .now = {str_copy(mem, store_text(rows, 5)), str_copy(mem, store_text(rows, 6)),
                                       str_copy(mem, store_blob(rows, 7))},
                               .has_past = store_int(rows, 8) != 0,
                               .past = {str_copy(mem, store_text(rows, 9)), str_copy(mem, store_text(rows, 10)),
                                        str_copy(mem, store_blob(rows, 11))}};
}

static enum rc page_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct change_page *p = ctx;
    struct store_rows *rows;
    p->n = 0;
    p->last = STR_NONE;
    TRY(last_read(tx, p, err));
    if (str_is_empty(p->last))
        return RC_OK;
    struct store_arg args[] = {SA_UUID(p->source), SA_TEXT(p->after), SA_TEXT(p->last), SA_UUID(p->release)};
    p->rows = ARENA_NEW_N(&p->mem, struct change_row, CHANGES_PAGE);
    TRY(store_query(tx, &ROWS_SQL, args, SA_N(args), &rows, err));
    while (p->n < CHANGES_PAGE && store_next(rows))
        p->rows[p->n++] = row_of(rows, &p->mem);
    return store_finish(rows, err);
}

enum rc changes_page_read(struct store *st, struct change_page *p, struct err *err)
{
    return store_read(st, page_read, p, err);
}
