/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of warnings.
 */
#include "alerts/alerts_int.h"

#include <string.h>

#define COLUMNS                                                                                                        \
    "id, public_id, code, subject, status, headline, evidence, area, lat, lon, radius_km, start_day, end_day,"         \
    " observed, expected, p, created_us, state, scope, decided_by, decided_name, decided_us, expires_us, reason, cap"

enum rc warning_store_insert(struct store_tx *tx, const struct warning *w, struct err *err)
{
    static const struct store_sql SQL = {.common =
                                             "INSERT INTO warning (" COLUMNS
                                             ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
                                             " ?15, ?16, ?17, 'draft', '', NULL, '', NULL, NULL, '', '')"};
    struct store_arg args[] = {SA_UUID(w->id),
                               SA_UUID(w->public_id),
                               SA_INT(w->code),
                               SA_TEXT(w->subject),
                               SA_TEXT(str_of(alert_status_name(w->status))),
                               SA_TEXT(w->headline),
                               SA_TEXT(w->evidence),
                               SA_TEXT(w->area),
                               SA_REAL(w->lat_deg),
                               SA_REAL(w->lon_deg),
                               SA_REAL(w->radius_km),
                               SA_INT(w->start_day),
                               SA_INT(w->end_day),
                               SA_INT(w->observed),
                               SA_REAL(w->expected),
                               SA_REAL(w->p),
                               SA_TIME(w->created)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

static enum alert_status status_read(struct str s)
{
    if (str_is_equal(s, STR("Actual")))
        return ALERT_ACTUAL;
    return str_is_equal(s, STR("Test")) ? ALERT_TEST : ALERT_EXERCISE; /* what is not recognised is never Actual */
}

static struct str text(struct store_rows *rows, int col, struct arena *mem)
{
    return str_copy(mem, store_text(rows, col));
}

static void row_read(struct store_rows *rows, struct arena *mem, struct warning_row *out)
{
    struct str status = store_text(rows, 4);
    *out = (struct warning_row){.w = {.status = status_read(status)}};
    out->w.id = store_uuid(rows, 0);
    out->w.public_id = store_uuid(rows, 1);
    out->w.code = (uint64_t)store_int(rows, 2);
    out->w.subject = text(rows, 3, mem);
    out->w.headline = text(rows, 5, mem);
    out->w.evidence = text(rows, 6, mem);
    out->w.area = text(rows, 7, mem);
    out->w.lat_deg = store_real(rows, 8);
    out->w.lon_deg = store_real(rows, 9);
    out->w.radius_km = store_real(rows, 10);
    out->w.start_day = store_int(rows, 11);
    out->w.end_day = store_int(rows, 12);
    out->w.observed = store_int(rows, 13);
    out->w.expected = store_real(rows, 14);
    out->w.p = store_real(rows, 15);
    out->w.created = (struct instant){store_int(rows, 16)};
    out->w.state = text(rows, 17, mem);
    out->w.scope = text(rows, 18, mem);
    out->w.decided_by = store_uuid(rows, 19);
    out->w.decided_name = text(rows, 20, mem);
    out->w.decided = (struct instant){store_int(rows, 21)};
    out->w.expires = (struct instant){store_int(rows, 22)};
    out->w.reason = text(rows, 23, mem);
    out->cap = text(rows, 24, mem);
}

enum rc warning_store_find(struct store_tx *tx, struct str id_or_code, struct arena *mem, struct warning_row *out,
                           struct err *err)
{
    static const struct store_sql BY_ID = {.common = "SELECT " COLUMNS " FROM warning WHERE public_id = ?1"};
    static const struct store_sql BY_CODE = {.common = "SELECT " COLUMNS " FROM warning WHERE code = ?1"};
    struct uuid id = {{0}};
    uint64_t code = 0;
    bool by_id = uuid_parse(id_or_code, &id), found = false;
    struct store_rows *rows;
    if (!by_id && !code_parse(id_or_code, &code))
        return err_set(err, RC_NOT_FOUND, "no such warning");
    struct store_arg key = by_id ? SA_UUID(id) : SA_INT(code);
    TRY(store_query(tx, by_id ? &BY_ID : &BY_CODE, &key, 1, &rows, err));
    if ((found = store_next(rows)))
        row_read(rows, mem, out);
    TRY(store_finish(rows, err));
    return found ? RC_OK : err_set(err, RC_NOT_FOUND, "no such warning");
}

enum rc warning_store_by_subject(struct store_tx *tx, struct str subject, struct uuid *id, bool *found, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT id FROM warning WHERE subject = ?1"};
    struct store_arg args[] = {SA_TEXT(subject)};
    struct store_rows *rows;
    TRY(store_query(tx, &SQL, args, 1, &rows, err));
    if ((*found = store_next(rows)))
        *id = store_uuid(rows, 0);
    return store_finish(rows, err);
}

enum rc warning_store_decide(struct store_tx *tx, const struct warning_row *row, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "UPDATE warning SET state = ?2, scope = ?3, decided_by = ?4, decided_name = ?5, decided_us = ?6,"
                  " expires_us = ?7, reason = ?8, cap = ?9 WHERE id = ?1 AND state = 'draft'"};
    const struct warning *w = &row->w;
    int64_t changed;
    struct store_arg args[] = {SA_UUID(w->id),
                               SA_TEXT(w->state),
                               SA_TEXT(w->scope),
                               SA_UUID(w->decided_by),
                               SA_TEXT(w->decided_name),
                               SA_TIME(w->decided),
                               w->expires.us ? SA_TIME(w->expires) : SA_NULL,
                               SA_TEXT(w->reason),
                               SA_TEXT(row->cap.p ? row->cap : STR(""))};
    TRY(store_exec(tx, &SQL, args, SA_N(args), &changed, err));
    return changed == 1 ? RC_OK : err_set(err, RC_CONFLICT, "somebody else decided on this warning");
}

struct str warning_store_cursor(const struct warning *last, struct arena *mem)
{
    struct str id = uuid_format(mem, last->public_id);
    return str_printf(mem, "%lld." STR_FMT, (long long)last->created.us, STR_ARG(id));
}

static enum rc cursor_read(struct str cursor, int64_t *us, struct uuid *id, struct err *err)
{
    struct str head, rest;
    *us = INT64_MAX;
    memset(id->b, 0xff, sizeof id->b);
    if (cursor.n && (!str_cut(cursor, '.', &head, &rest) || !str_parse_i64(head, us) || !uuid_parse(rest, id)))
        return err_set(err, RC_INVALID, "cursor: not one that this server gave; ask without it to begin again");
    return RC_OK;
}

#define WHERE                                                                                                          \
    " (?1 = '' OR state = ?1) AND (?2 = 0 OR (state = 'approved' AND scope = 'Public'))"                               \
    " AND (?3 = 0 OR expires_us > ?3)"

enum rc warning_store_list(struct store_tx *tx, const struct warning_query *q, struct arena *mem, struct warning **out,
                           size_t *n, int64_t *matched, struct err *err)
{
    static const struct store_sql COUNT = {.common = "SELECT count(*) FROM warning WHERE" WHERE};
    static const struct store_sql PAGE = {.common = "SELECT " COLUMNS " FROM warning WHERE" WHERE
                                                    " AND (created_us, public_id) < (?4, ?5)"
                                                    " ORDER BY created_us DESC, public_id DESC LIMIT ?6"};
    int64_t us;
    struct uuid id;
    struct store_rows *rows;
    struct warning_row row;
    TRY(cursor_read(q->cursor, &us, &id, err));
    struct store_arg args[] = {SA_TEXT(q->state.p ? q->state : STR("")),
                               SA_INT(q->is_public),
                               SA_INT(q->alive_at_us),
                               SA_INT(us),
                               SA_UUID(id),
                               SA_INT(q->limit)};
    TRY(store_get_int(tx, &COUNT, args, 3, matched, err));
    struct warning *items = ARENA_NEW_N(mem, struct warning, q->limit);
    size_t got = 0;
    TRY(store_query(tx, &PAGE, args, SA_N(args), &rows, err));
    while (got < q->limit && store_next(rows)) {
        row_read(rows, mem, &row);
        items[got++] = row.w;
    }
    TRY(store_finish(rows, err));
    *out = items;
    *n = got;
    return RC_OK;
}

enum rc warning_store_each(struct store_tx *tx,
                           enum rc (*fn)(void *ctx, const struct warning_row *row, struct err *err), void *ctx,
                           struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT " COLUMNS " FROM warning ORDER BY id"};
    struct store_rows *rows;
    struct arena mem;
    struct warning_row row;
    enum rc rc = RC_OK;
    arena_init(&mem);
    TRY(store_query(tx, &SQL, NULL, 0, &rows, err));
    while (rc == RC_OK && store_next(rows)) {
        arena_reset(&mem);
        row_read(rows, &mem, &row);
        rc = fn(ctx, &row, err);
    }
    struct err ended;
    enum rc finish = store_finish(rows, &ended);
    arena_fini(&mem);
    return rc != RC_OK || finish == RC_OK ? rc : err_set(err, finish, "%s", ended.text);
}
