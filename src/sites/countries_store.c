/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of the switch of a country. A closed country is one row that every statement for the public, and the policy, look
 * at: nothing is rewritten, however many sites it has, and opening it again shows what was shown before.
 */
#include "sites/areas_int.h"
#include "sites/visibility_int.h"

struct switching {
    struct switch_row row;
    bool changed;
};

static enum rc is_closed(struct store_tx *tx, struct str iso2, bool *out, struct err *err)
{
    static const struct store_sql SQL = {"SELECT count(*) FROM country_closed WHERE iso2 = ?1"};
    struct store_arg args[] = {SA_TEXT(iso2)};
    int64_t n;
    TRY(store_get_int(tx, &SQL, args, SA_N(args), &n, err));
    *out = n > 0;
    return RC_OK;
}

static enum rc switch_entry(struct store_tx *tx, const struct switch_row *r, struct err *err)
{
    struct arena mem;
    arena_init(&mem);
    struct ledger_event ev = {.action = r->is_published ? "country.publish" : "country.unpublish",
                              .object_kind = "country_switch",
                              .object = r->id,
                              .actor = r->actor,
                              .at = r->at,
                              .digest = switch_row_digest(r),
                              .detail = str_printf(&mem, "{\"country\":\"" STR_FMT "\"}", STR_ARG(r->iso2))};
    enum rc rc = ledger_append(tx, &ev, err);
    arena_fini(&mem);
    return rc;
}

static enum rc throw_it(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql ADD_SQL = {
        "INSERT INTO country_switch (id, iso2, is_published, at_us, actor, reason) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};
    static const struct store_sql CLOSE_SQL = {"INSERT INTO country_closed (iso2, switch_id) VALUES (?1, ?2)"};
    static const struct store_sql OPEN_SQL = {"DELETE FROM country_closed WHERE iso2 = ?1"};
    struct switching *s = ctx;
    const struct switch_row *r = &s->row;
    bool closed;
    TRY(is_closed(tx, r->iso2, &closed, err));
    s->changed = closed == r->is_published;
    if (!s->changed)
        return RC_OK;
    struct store_arg add[] = {SA_UUID(r->id), SA_TEXT(r->iso2),  SA_INT(r->is_published),
                              SA_TIME(r->at), SA_UUID(r->actor), SA_TEXT(r->reason)};
    struct store_arg flip[] = {SA_TEXT(r->iso2), SA_UUID(r->id)};
    TRY(store_exec(tx, &ADD_SQL, add, SA_N(add), NULL, err));
    if (r->is_published)
        TRY(store_exec(tx, &OPEN_SQL, flip, 1, NULL, err));
    else
        TRY(store_exec(tx, &CLOSE_SQL, flip, 2, NULL, err));
    TRY(switch_entry(tx, r, err));
    return r->is_published ? sites_changed(tx, r->at, NULL, 0, err) : sites_withdrawn(tx, r->at, err);
}

static enum rc iso2_check(struct str iso2, struct err *err)
{
    struct iso_codes *codes;
    TRY(iso_codes_new(&codes, err));
    bool known = iso_codes_has(codes, iso2);
    iso_codes_free(codes);
    return known ? RC_OK : err_set(err, RC_INVALID, "a country is named by its two capital letters of ISO 3166-1");
}

enum rc country_set(struct store *st, const struct country_change *c, const struct viewer *actor, bool *changed,
                    struct err *err)
{
    struct instant now = clock_now();
    struct switching s = {.row = {.id = uuid_v7(now),
                                  .actor = actor->account,
                                  .iso2 = c->iso2,
                                  .reason = c->reason,
                                  .is_published = c->publish,
                                  .at = now}};
    if (!policy_may(actor, ACT_CLOSE_COUNTRY))
        return err_set(err, RC_DENIED, "to stop or begin publishing a country needs an administrator");
    TRY(iso2_check(c->iso2, err));
    TRY(visibility_reason(&s.row.reason, err));
    TRY(store_write(st, throw_it, &s, err));
    *changed = s.changed;
    return RC_OK;
}

struct closed_read {
    struct arena *mem;
    struct country_closed *list;
    size_t n;
};

static enum rc closed_read(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {
        "SELECT c.iso2, w.reason, w.at_us, w.actor, (SELECT count(*) FROM site s WHERE s.shown_cell IS NOT NULL AND "
        "s.country = c.iso2) FROM country_closed c JOIN country_switch w ON w.id = c.switch_id ORDER BY c.iso2 LIMIT ?1"};
    struct closed_read *c = ctx;
    struct store_rows *rows;
    struct store_arg args[] = {SA_INT(VISIBILITY_COUNTRIES_MAX)};
    c->n = 0;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (c->n < VISIBILITY_COUNTRIES_MAX && store_next(rows))
        c->list[c->n++] = (struct country_closed){.iso2 = str_copy(c->mem, store_text(rows, 0)),
                                                  .reason = str_copy(c->mem, store_text(rows, 1)),
                                                  .since = {store_int(rows, 2)},
                                                  .actor = store_uuid(rows, 3),
                                                  .sites = store_int(rows, 4)};
    return store_finish(rows, err);
}

enum rc countries_closed(struct store *st, const struct viewer *viewer, struct arena *mem, struct country_closed **out,
                         size_t *n, struct err *err)
{
    struct closed_read c = {.mem = mem};
    if (policy_view(viewer, &(struct policy_object){.kind = POLICY_LEDGER}) != VIEW_FULL)
        return err_set(err, RC_DENIED, "which countries are closed is for reviewers");
    c.list = ARENA_NEW_N(mem, struct country_closed, VISIBILITY_COUNTRIES_MAX);
    TRY(store_read(st, closed_read, &c, err));
    *out = c.list;
    *n = c.n;
    return RC_OK;
}

enum rc switch_rows_check(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    static const struct store_sql SQL = {
        "SELECT id, actor, iso2, reason, is_published, at_us FROM country_switch ORDER BY id"};
    struct store_rows *rows;
    enum rc rc = RC_OK;
    (void)ctx;
    TRY(store_query(tx, &SQL, NULL, 0, &rows, err));
    while (rc == RC_OK && store_next(rows)) {
        struct switch_row r = {.id = store_uuid(rows, 0),
                               .actor = store_uuid(rows, 1),
                               .iso2 = store_text(rows, 2),
                               .reason = store_text(rows, 3),
                               .is_published = store_int(rows, 4) != 0,
                               .at = {store_int(rows, 5)}};
        rc = put(sink, r.id, switch_row_digest(&r), err);
    }
    struct err second;
    enum rc end = store_finish(rows, rc == RC_OK ? err : &second);
    return rc == RC_OK ? end : rc;
}
