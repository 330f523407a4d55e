/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of reports and the outbox.
 */
#include "incidents/reports_int.h"

#include "ledger/ledger.h"

#include <string.h>

#define COLUMNS "id, public_id, receipt_hash, received_us, updated_us, state, cipher, key_slot"

enum rc report_store_insert(struct store_tx *tx, const struct report_row *r, bool *is_new, struct err *err)
{
    static const struct store_sql SQL = {.common =
                                             "INSERT INTO report (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                                             " ON CONFLICT (receipt_hash) DO NOTHING"};
    int64_t changed;
    struct store_arg args[] = {SA_UUID(r->id),
                               SA_UUID(r->public_id),
                               SA_BLOB(r->receipt_hash.b, sizeof r->receipt_hash.b),
                               SA_TIME(r->received),
                               SA_TIME(r->updated),
                               SA_TEXT(r->state),
                               SA_BLOB(r->cipher.p, r->cipher.n),
                               SA_INT(r->key_slot)};
    TRY(store_exec(tx, &SQL, args, SA_N(args), &changed, err));
    *is_new = changed == 1;
    return RC_OK;
}

static void row_read(struct store_rows *rows, struct arena *mem, struct report_row *out)
{
    struct str hash = store_blob(rows, 2);
    *out = (struct report_row){.id = store_uuid(rows, 0),
                               .public_id = store_uuid(rows, 1),
                               .received = {store_int(rows, 3)},
                               .updated = {store_int(rows, 4)}};
    if (hash.n == sizeof out->receipt_hash.b)
        memcpy(out->receipt_hash.b, hash.p, hash.n);
    out->state = str_copy(mem, store_text(rows, 5));
    out->cipher = str_copy(mem, store_blob(rows, 6));
    out->key_slot = store_int(rows, 7);
}

static enum rc one(struct store_tx *tx, const struct store_sql *sql, struct store_arg key, struct arena *mem,
                   struct report_row *out, struct err *err)
{
    struct store_rows *rows;
    TRY(store_query(tx, sql, &key, 1, &rows, err));
    bool found = store_next(rows);
    if (found)
        row_read(rows, mem, out);
    TRY(store_finish(rows, err));
    return found ? RC_OK : err_set(err, RC_NOT_FOUND, "no such report; if it was by receipt, check for a typing error");
}

enum rc report_store_by_receipt(struct store_tx *tx, struct sha256 hash, struct arena *mem, struct report_row *out,
                                struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT " COLUMNS " FROM report WHERE receipt_hash = ?1"};
    return one(tx, &SQL, SA_BLOB(hash.b, sizeof hash.b), mem, out, err);
}

enum rc report_store_by_public_id(struct store_tx *tx, struct uuid public_id, struct arena *mem, struct report_row *out,
                                  struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT " COLUMNS " FROM report WHERE public_id = ?1"};
    return one(tx, &SQL, SA_UUID(public_id), mem, out, err);
}

/* Cursor: time and id of the last row. */
struct str report_store_cursor(const struct report_row *last, struct arena *mem)
{
    struct str id = uuid_format(mem, last->id);
    return str_printf(mem, "%lld." STR_FMT, (long long)last->received.us, STR_ARG(id));
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

enum rc report_store_list(struct store_tx *tx, struct str state, struct str cursor, size_t limit, struct arena *mem,
                          struct report_row **out, size_t *n, int64_t *matched, struct err *err)
{
    static const struct store_sql COUNT = {.common = "SELECT count(*) FROM report WHERE (?1 = '' OR state = ?1)"};
    static const struct store_sql PAGE = {
        .common = "SELECT " COLUMNS " FROM report WHERE (?1 = '' OR state = ?1) AND (received_us, id) < (?2, ?3)"
                  " ORDER BY received_us DESC, id DESC LIMIT ?4"};
    int64_t us;
    struct uuid id;
    struct store_rows *rows;
    TRY(cursor_read(cursor, &us, &id, err));
    struct store_arg args[] = {SA_TEXT(state.p ? state : STR("")), SA_INT(us), SA_UUID(id), SA_INT(limit)};
    TRY(store_get_int(tx, &COUNT, args, 1, matched, err));
    struct report_row *items = ARENA_NEW_N(mem, struct report_row, limit);
    size_t got = 0;
    TRY(store_query(tx, &PAGE, args, SA_N(args), &rows, err));
    while (got < limit && store_next(rows))
        row_read(rows, mem, &items[got++]);
    TRY(store_finish(rows, err));
    *out = items;
    *n = got;
    return RC_OK;
}

enum rc report_store_set_state(struct store_tx *tx, struct uuid id, struct str state, struct instant now,
                               struct err *err)
{
    static const struct store_sql SQL = {.common = "UPDATE report SET state = ?2, updated_us = ?3 WHERE id = ?1"};
    struct store_arg args[] = {SA_UUID(id), SA_TEXT(state), SA_TIME(now)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

enum rc report_store_note(struct store_tx *tx, struct uuid id, struct uuid report, struct uuid account,
                          struct instant now, struct str from, struct str to, struct str cipher, int64_t key_slot,
                          struct err *err)
{
    static const struct store_sql SQL = {
        .common = "INSERT INTO report_note (id, report, account, at_us, from_state, to_state, cipher, key_slot)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};
    struct store_arg args[] = {SA_UUID(id),
                               SA_UUID(report),
                               SA_UUID(account),
                               SA_TIME(now),
                               SA_TEXT(from),
                               SA_TEXT(to),
                               cipher.n ? SA_BLOB(cipher.p, cipher.n) : SA_NULL,
                               cipher.n ? SA_INT(key_slot) : SA_NULL};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

enum rc outbox_store_add(struct store_tx *tx, struct str topic, struct uuid object, struct instant now, struct err *err)
{
    static const struct store_sql SQL = {.common =
                                             "INSERT INTO outbox (id, topic, object, at_us) VALUES (?1, ?2, ?3, ?4)"};
    struct uuid id = uuid_v7(now);
    struct store_arg args[] = {SA_UUID(id), SA_TEXT(topic), SA_UUID(object), SA_TIME(now)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

/* ---- verify ---- */

static enum rc check_reports(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT id, cipher FROM report ORDER BY id"};
    (void)ctx;
    return ledger_check_ciphers(tx, &SQL, put, sink, err);
}

static enum rc check_notes(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT id, cipher FROM report_note ORDER BY id"};
    (void)ctx;
    return ledger_check_ciphers(tx, &SQL, put, sink, err);
}

void reports_add_checkers(struct ledger *l)
{
    ledger_add_checker(l, "report", check_reports, NULL);
    ledger_add_checker(l, "report_note", check_notes, NULL);
}
