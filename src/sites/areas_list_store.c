/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of the list of areas.
 */
#include "sites/areas_list_int.h"

#define AREA_ROW                                                                                                       \
    "SELECT a.id, a.level, a.code, a.country, a.name, a.is_disputed, a.wkb, s.name FROM area a "                       \
    "JOIN area_set s ON s.id = a.area_set WHERE s.replaced_us IS NULL AND "

static void row_take(struct areas_read *r, struct store_rows *rows)
{
    struct uuid id = store_uuid(rows, 0);
    r->ids[r->n] = id;
    r->items[r->n++] = (struct area_item){.id = uuid_format(r->mem, id),
                                          .level = store_int(rows, 1) == AREA_ADMIN1 ? AREA_ADMIN1 : AREA_COUNTRY,
                                          .info = {.code = str_copy(r->mem, store_text(rows, 2)),
                                                   .country = str_copy(r->mem, store_text(rows, 3)),
                                                   .name = str_copy(r->mem, store_text(rows, 4)),
                                                   .is_disputed = store_int(rows, 5) != 0},
                                          .set = str_copy(r->mem, store_text(rows, 7)),
                                          .wkb = str_copy(r->mem, store_blob(rows, 6))};
}

enum rc areas_list_page(struct store_tx *tx, void *read, struct err *err)
{
    static const struct store_sql SQL = {AREA_ROW "a.id > ?1 ORDER BY a.id LIMIT ?2"};
    struct areas_read *r = read;
    struct store_rows *rows;
    struct store_arg args[] = {SA_UUID(r->after), SA_INT(AREAS_LIST_PAGE)};
    r->n = 0;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (r->n < AREAS_LIST_PAGE && store_next(rows))
        row_take(r, rows);
    return store_finish(rows, err);
}

enum rc areas_list_one(struct store_tx *tx, void *read, struct err *err)
{
    static const struct store_sql SQL = {AREA_ROW "a.id = ?1"};
    struct areas_read *r = read;
    struct store_rows *rows;
    struct store_arg args[] = {SA_UUID(r->after)};
    r->n = 0;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (r->n < 1 && store_next(rows))
        row_take(r, rows);
    return store_finish(rows, err);
}

enum rc areas_list_count(struct store_tx *tx, void *read, struct err *err)
{
    static const struct store_sql SQL = {
        "SELECT count(*) FROM area a JOIN area_set s ON s.id = a.area_set WHERE s.replaced_us IS NULL"};
    struct areas_read *r = read;
    return store_get_int(tx, &SQL, NULL, 0, &r->count, err);
}
