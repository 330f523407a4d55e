/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of runs and clusters.
 */
#include "flow/watch_int.h"

enum rc run_store_insert(struct store_tx *tx, const struct run_row *r, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "INSERT INTO watch_run (id, public_id, stream, method, as_of_day, is_past, has_synthetic, seed,"
                  " parameters, inputs_hash, events, left_out, places, replications, maxima, at_us)"
                  " VALUES (?1, ?2, ?3, 'space-time permutation, prospective', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
                  " ?13, ?14, ?15)"};
    struct store_arg args[] = {SA_UUID(r->id), SA_UUID(r->public_id), SA_TEXT(r->stream), SA_INT(r->as_of_day),
                               SA_INT(r->is_past), SA_INT(r->has_synthetic), SA_INT(r->seed), SA_TEXT(r->parameters),
                               SA_BLOB(r->inputs_hash.b, sizeof r->inputs_hash.b), SA_INT(r->events),
                               SA_INT(r->left_out), SA_INT(r->places), SA_INT(r->replications),
                               SA_BLOB(r->maxima.p, r->maxima.n), SA_TIME(r->at)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

enum rc cluster_store_insert(struct store_tx *tx, const struct cluster_row *c, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "INSERT INTO watch_cluster (id, public_id, run, place, lat, lon, radius_km, start_day, end_day, observed,"
                  " expected, statistic, p, recurrence_days, members, warning)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"};
    struct store_arg args[] = {SA_UUID(c->id), SA_UUID(c->public_id), SA_UUID(c->run), SA_INT(c->place),
                               SA_REAL(c->lat_deg), SA_REAL(c->lon_deg), SA_REAL(c->radius_km), SA_INT(c->start_day),
                               SA_INT(c->end_day), SA_INT(c->observed), SA_REAL(c->expected), SA_REAL(c->statistic),
                               SA_REAL(c->p), SA_REAL(c->recurrence_days), SA_INT(c->members),
                               uuid_is_nil(c->warning) ? SA_NULL : SA_UUID(c->warning)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

enum rc flow_watch_clusters(struct store_tx *tx, const struct viewer *viewer, struct arena *mem,
                            struct watch_found **out, size_t *n, struct err *err)
{
    static const struct store_sql SQL = {
        .common =
            "SELECT c.public_id, r.public_id, w.public_id, r.stream, c.lat, c.lon, c.radius_km, c.start_day, c.end_day,"
            " c.observed, c.members, c.expected, c.statistic, c.p, c.recurrence_days, r.as_of_day, r.seed,"
            " r.replications, r.events, r.inputs_hash"
            " FROM watch_run r JOIN watch_cluster c ON c.run = r.id LEFT JOIN warning w ON w.id = c.warning"
            " WHERE NOT EXISTS (SELECT 1 FROM watch_run o WHERE o.stream = r.stream AND (o.at_us, o.id) > (r.at_us, r.id))"
            " ORDER BY c.statistic DESC, c.id LIMIT ?1"};
    struct store_arg args[] = {SA_INT(CLUSTERS_PAGE_MAX)};
    struct store_rows *rows;
    if (policy_view(viewer, &(struct policy_object){.kind = POLICY_CLUSTER}) != VIEW_FULL)
        return err_set(err, RC_DENIED, "clusters are for reviewers");
    struct watch_found *items = ARENA_NEW_N(mem, struct watch_found, CLUSTERS_PAGE_MAX);
    size_t got = 0;
    TRY(store_query(tx, &SQL, args, 1, &rows, err));
    while (got < CLUSTERS_PAGE_MAX && store_next(rows)) {
        struct watch_found *f = &items[got++];
        *f = (struct watch_found){.public_id = store_uuid(rows, 0), .run_public_id = store_uuid(rows, 1),
                                  .warning = store_uuid(rows, 2), .lat_deg = store_real(rows, 4),
                                  .lon_deg = store_real(rows, 5), .radius_km = store_real(rows, 6),
                                  .start_day = store_int(rows, 7), .end_day = store_int(rows, 8),
                                  .observed = store_int(rows, 9), .members = store_int(rows, 10),
                                  .expected = store_real(rows, 11), .statistic = store_real(rows, 12),
                                  .p = store_real(rows, 13), .recurrence_days = store_real(rows, 14),
                                  .as_of_day = store_int(rows, 15), .seed = store_int(rows, 16),
                                  .replications = store_int(rows, 17), .events = store_int(rows, 18)};
        f->stream = str_copy(mem, store_text(rows, 3));
        struct str hash = store_blob(rows, 19);
        f->inputs_hash = str_hex(mem, hash.p, hash.n);
    }
    TRY(store_finish(rows, err));
    *out = items;
    *n = got;
    return RC_OK;
}
