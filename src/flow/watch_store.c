/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of runs and clusters.
 */
#include "flow/watch_int.h"

#include <float.h>

enum rc run_store_insert(struct store_tx *tx, const struct run_row *r, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "INSERT INTO watch_run (id, public_id, stream, method, as_of_day, is_past, has_synthetic, seed,"
                  " parameters, inputs_hash, events, left_out, places, replications, maxima, at_us)"
                  " VALUES (?1, ?2, ?3, 'space-time permutation, prospective', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
                  " ?13, ?14, ?15)"};
    struct store_arg args[] = {SA_UUID(r->id),
                               SA_UUID(r->public_id),
                               SA_TEXT(r->stream),
                               SA_INT(r->as_of_day),
                               SA_INT(r->is_past),
                               SA_INT(r->has_synthetic),
                               SA_INT(r->seed),
                               SA_TEXT(r->parameters),
                               SA_BLOB(r->inputs_hash.b, sizeof r->inputs_hash.b),
                               SA_INT(r->events),
                               SA_INT(r->left_out),
                               SA_INT(r->places),
                               SA_INT(r->replications),
                               SA_BLOB(r->maxima.p, r->maxima.n),
                               SA_TIME(r->at)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

enum rc cluster_store_insert(struct store_tx *tx, const struct cluster_row *c, struct err *err)
{
    static const struct store_sql SQL = {
        .common =
            "INSERT INTO watch_cluster (id, public_id, run, place, lat, lon, radius_km, start_day, end_day, observed,"
            " expected, statistic, p, recurrence_days, members, warning)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"};
    struct store_arg args[] = {SA_UUID(c->id),        SA_UUID(c->public_id),
                               SA_UUID(c->run),       SA_INT(c->place),
                               SA_REAL(c->lat_deg),   SA_REAL(c->lon_deg),
                               SA_REAL(c->radius_km), SA_INT(c->start_day),
                               SA_INT(c->end_day),    SA_INT(c->observed),
                               SA_REAL(c->expected),  SA_REAL(c->statistic),
                               SA_REAL(c->p),         SA_REAL(c->recurrence_days),
                               SA_INT(c->members),    uuid_is_nil(c->warning) ? SA_NULL : SA_UUID(c->warning)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

/* Where a page begins: behind this cluster. */
struct behind {
    double statistic;
    struct uuid id;
};

static enum rc cursor_read(struct store_tx *tx, struct str cursor, struct behind *out, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT statistic, id FROM watch_cluster WHERE public_id = ?1"};
    struct uuid public_id;
    struct store_rows *rows;
    *out = (struct behind){.statistic = DBL_MAX};
    if (str_is_empty(cursor))
        return RC_OK;
    if (!uuid_parse(cursor, &public_id))
        return err_set(err, RC_INVALID, "cursor: not one that this server gave; ask without it to begin again");
    struct store_arg args[] = {SA_UUID(public_id)};
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    bool found = store_next(rows);
    if (found)
        *out = (struct behind){store_real(rows, 0), store_uuid(rows, 1)};
    TRY(store_finish(rows, err));
    return found ? RC_OK
                 : err_set(err, RC_INVALID, "cursor: not one that this server gave; ask without it to begin again");
}

static void found_take(struct store_rows *rows, struct arena *mem, struct watch_found *f)
{
    *f = (struct watch_found){.public_id = store_uuid(rows, 0),
                              .run_public_id = store_uuid(rows, 1),
                              .warning = store_uuid(rows, 2),
                              .lat_deg = store_real(rows, 4),
                              .lon_deg = store_real(rows, 5),
                              .radius_km = store_real(rows, 6),
                              .start_day = store_int(rows, 7),
                              .end_day = store_int(rows, 8),
                              .observed = store_int(rows, 9),
                              .members = store_int(rows, 10),
                              .expected = store_real(rows, 11),
                              .statistic = store_real(rows, 12),
                              .p = store_real(rows, 13),
                              .recurrence_days = store_real(rows, 14),
                              .as_of_day = store_int(rows, 15),
                              .seed = store_int(rows, 16),
                              .replications = store_int(rows, 17),
                              .events = store_int(rows, 18)};
    f->stream = str_copy(mem, store_text(rows, 3));
    struct str hash = store_blob(rows, 19);
    f->inputs_hash = str_hex(mem, hash.p, hash.n);
}

enum rc flow_watch_clusters(struct store_tx *tx, const struct viewer *viewer, struct str cursor, size_t limit,
                            struct arena *mem, struct watch_found_page *out, struct err *err)
{
    static const struct store_sql SQL = {
        .common =
            "SELECT c.public_id, r.public_id, w.public_id, r.stream, c.lat, c.lon, c.radius_km, c.start_day, c.end_day,"
            " c.observed, c.members, c.expected, c.statistic, c.p, c.recurrence_days, r.as_of_day, r.seed,"
            " r.replications, r.events, r.inputs_hash"
            " FROM watch_run r JOIN watch_cluster c ON c.run = r.id LEFT JOIN warning w ON w.id = c.warning"
            " WHERE NOT EXISTS (SELECT 1 FROM watch_run o WHERE o.stream = r.stream AND (o.at_us, o.id) > (r.at_us, r.id))"
            " AND (c.statistic < ?2 OR (c.statistic = ?2 AND c.id > ?3))"
            " ORDER BY c.statistic DESC, c.id LIMIT ?1"};
    struct store_rows *rows;
    struct behind behind;
    struct watch_found_page page = {0};
    if (policy_view(viewer, &(struct policy_object){.kind = POLICY_CLUSTER}) != VIEW_FULL)
        return err_set(err, RC_DENIED, "clusters are for reviewers");
    ENSURE(limit > 0 && limit <= CLUSTERS_PAGE_MAX);
    TRY(cursor_read(tx, cursor, &behind, err));
    struct store_arg args[] = {SA_INT(limit + 1), SA_REAL(behind.statistic), SA_UUID(behind.id)};
    page.items = ARENA_NEW_N(mem, struct watch_found, limit + 1);
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (page.n <= limit && store_next(rows))
        found_take(rows, mem, &page.items[page.n++]);
    TRY(store_finish(rows, err));
    if (page.n > limit)
        page.next = uuid_format(mem, page.items[--page.n - 1].public_id);
    *out = page;
    return RC_OK;
}
