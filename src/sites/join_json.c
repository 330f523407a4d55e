/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A pair as reviewers read it: both sites side by side, whole, with the sources of each.
 */
#include "sites/join_int.h"

struct row_read {
    struct uuid site;
    struct arena *mem;
    struct site *out;
    bool found;
};

static enum rc row_read(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {"SELECT " SITE_ROW " FROM site s WHERE s.id = ?1"};
    struct row_read *r = ctx;
    struct store_rows *rows;
    struct store_arg args[] = {SA_UUID(r->site)};
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    r->found = store_next(rows);
    if (r->found)
        *r->out = sites_row(rows, true, r->mem);
    return store_finish(rows, err);
}

/* Of an open pair the site that shows; of a decided one the very row, so that what was joined can still be compared. */
static enum rc side_read(struct store *st, const struct viewer *viewer, const struct join_pair *p, struct uuid id,
                         struct arena *mem, struct site **out, enum view *view, struct err *err)
{
    struct row_read r = {.site = id, .mem = mem, .out = ARENA_NEW(mem, struct site)};
    if (str_is_equal(p->state, STR("open"))) {
        enum rc rc = sites_find_id(st, id, viewer, mem, out, err);
        *view = rc != RC_OK ? VIEW_DENIED : (*out)->is_coarse ? VIEW_COARSE : VIEW_FULL;
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    }
    TRY(store_read(st, row_read, &r, err));
    *view = r.found ? sites_view(viewer, r.out) : VIEW_DENIED;
    *out = r.out;
    return RC_OK;
}

static enum rc side_json(struct json_out *j, struct store *st, const char *key, const struct site *s, enum view view,
                         struct arena *mem, struct err *err)
{
    struct sites_source *sources;
    size_t n;
    TRY(sites_sources(st, s, mem, &sources, &n, err));
    json_key(j, key);
    json_begin_object(j);
    sites_json_members(j, s, view);
    json_key(j, "sources");
    json_begin_array(j);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(j);
        json_put_str(j, "source", sources[i].source);
        json_put_str(j, "licence", sources[i].licence);
        json_put_str_opt(j, "external_id", sources[i].external_id);
        json_end_object(j);
    }
    json_end_array(j);
    json_end_object(j);
    return RC_OK;
}

enum rc joins_pair_json(struct json_out *j, struct store *st, const struct viewer *viewer, const struct join_pair *p,
                        struct arena *mem, bool *shown, struct err *err)
{
    struct site *a, *b;
    enum view see_a, see_b;
    *shown = false;
    TRY(side_read(st, viewer, p, p->a, mem, &a, &see_a, err));
    TRY(side_read(st, viewer, p, p->b, mem, &b, &see_b, err));
    if (see_a == VIEW_DENIED || see_b == VIEW_DENIED)
        return RC_OK;
    json_begin_object(j);
    json_put_str(j, "id", uuid_format(mem, p->public_id));
    json_put_str(j, "state", p->state);
    json_put_f64(j, "score", p->score, 4);
    json_key(j, "reasons");
    json_raw(j, p->reasons);
    json_put_bool(j, "by_person", !uuid_is_nil(p->account));
    json_put_str(j, "at", instant_format(mem, p->at));
    json_put_str_opt(j, "reason", p->reason);
    if (a->has_place && b->has_place && !a->is_coarse && !b->is_coarse)
        json_put_f64(
            j, "distance_m",
            geo_distance_m((struct geo_point){a->lat_deg, a->lon_deg}, (struct geo_point){b->lat_deg, b->lon_deg}), 1);
    TRY(side_json(j, st, "a", a, see_a, mem, err));
    TRY(side_json(j, st, "b", b, see_b, mem, err));
    json_end_object(j);
    *shown = true;
    return RC_OK;
}
