/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of the guard of imports: what is guarded, and the review of what came in like it.
 */
#include "sites/visibility_int.h"

/* What was born guarded changes the count, what people decided is newer: nothing else changes the set but a move. */
static enum rc mark_read(struct store_tx *tx, const struct guard *g, int64_t *count, struct uuid *last, struct err *err)
{
    static const struct store_sql COUNT_SQL = {"SELECT count(*) FROM site WHERE visibility <> 0 AND visibility > ?1"};
    static const struct store_sql LAST_SQL = {"SELECT id FROM site_visibility ORDER BY id DESC LIMIT 1"};
    struct store_arg args[] = {SA_INT(g->born)};
    struct store_rows *rows;
    TRY(store_get_int(tx, &COUNT_SQL, args, SA_N(args), count, err));
    TRY(store_query(tx, &LAST_SQL, NULL, 0, &rows, err));
    *last = store_next(rows) ? store_uuid(rows, 0) : (struct uuid){{0}};
    return store_finish(rows, err);
}

static enum rc all_read(struct store_tx *tx, struct guard *g, struct err *err)
{
    static const struct store_sql SQL = {"SELECT id, visibility, coarse_m, lat, lon, religion, search FROM site WHERE "
                                         "visibility <> 0 AND visibility > ?1 AND lat IS NOT NULL AND lon IS NOT NULL"};
    struct store_arg args[] = {SA_INT(g->born)};
    struct store_rows *rows;
    arena_reset(&g->mem);
    g->n = 0;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (store_next(rows)) {
        struct guarded item = {.id = store_uuid(rows, 0),
                               .visibility = (enum visibility)store_int(rows, 1),
                               .coarse_m = store_int(rows, 2),
                               .at = {store_real(rows, 3), store_real(rows, 4)},
                               .religion = store_text(rows, 5)};
        struct str religion = str_copy(&g->mem, item.religion); /* borrowed until the next column is read */
        item.religion = religion;
        item.search = store_text(rows, 6);
        guard_add(g, &item);
    }
    guard_sort(g);
    return store_finish(rows, err);
}

enum rc guard_refresh(struct guard *g, struct store_tx *tx, struct err *err)
{
    int64_t count;
    struct uuid last;
    TRY(mark_read(tx, g, &count, &last, err));
    if (count == g->count && uuid_is_equal(last, g->last))
        return RC_OK;
    g->count = -1;
    TRY(all_read(tx, g, err));
    g->count = count;
    g->last = last;
    return RC_OK;
}

enum rc guard_review(struct store_tx *tx, struct uuid site, const struct guard_hit *hit, enum visibility born,
                     int64_t born_coarse_m, struct instant at, struct err *err)
{
    struct review_row r = {.id = uuid_v7(at),
                           .public_id = uuid_random(),
                           .site = site,
                           .like_site = hit->like,
                           .why = STR("like_guarded"),
                           .asked_reason = STR(""),
                           .state = STR("open"),
                           .visibility = (int)hit->visibility,
                           .coarse_m = hit->visibility == VISIBILITY_COARSE ? hit->coarse_m : 0,
                           .back_visibility = (int)born,
                           .back_coarse_m = born == VISIBILITY_COARSE ? born_coarse_m : 0,
                           .opened = at};
    return review_add(tx, &r, err);
}
