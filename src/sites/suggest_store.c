/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of suggestions.
 */
#include <string.h>

#include "sites/suggest_int.h"

#define COLUMNS "id, public_id, receipt_hash, received_us, updated_us, state, is_urgent, cipher, key_slot"

enum rc suggest_store_insert(struct store_tx *tx, const struct suggestion_row *r, bool *is_new, struct err *err)
{
    static const struct store_sql SQL = {.common = "INSERT INTO suggestion (" COLUMNS
                                                   ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
                                                   " ON CONFLICT (receipt_hash) DO NOTHING"};
    static const struct store_sql OUTBOX = {
        .common = "INSERT INTO outbox (id, topic, object, at_us) VALUES (?1, 'suggestion.received', ?2, ?3)"};
    struct uuid outbox = uuid_v7(r->received);
    int64_t changed;
    struct store_arg args[] = {SA_UUID(r->id),
                               SA_UUID(r->public_id),
                               SA_BLOB(r->receipt_hash.b, sizeof r->receipt_hash.b),
                               SA_TIME(r->received),
                               SA_TIME(r->updated),
                               SA_TEXT(r->state),
                               SA_INT(r->is_urgent),
                               SA_BLOB(r->cipher.p, r->cipher.n),
                               SA_INT(r->key_slot)};
    TRY(store_exec(tx, &SQL, args, SA_N(args), &changed, err));
    *is_new = changed == 1;
    if (!*is_new)
        return RC_OK;
    struct store_arg out[] = {SA_UUID(outbox), SA_UUID(r->id), SA_TIME(r->received)};
    return store_exec(tx, &OUTBOX, out, SA_N(out), NULL, err);
}

static void row_read(struct store_rows *rows, struct arena *mem, struct suggestion_row *out)
{
    struct str hash = store_blob(rows, 2);
    *out = (struct suggestion_row){.id = store_uuid(rows, 0),
                                   .public_id = store_uuid(rows, 1),
                                   .received = {store_int(rows, 3)},
                                   .updated = {store_int(rows, 4)}};
    if (hash.n == sizeof out->receipt_hash.b)
        memcpy(out->receipt_hash.b, hash.p, hash.n);
    out->state = str_copy(mem, store_text(rows, 5));
    out->is_urgent = store_int(rows, 6) != 0;
    out->cipher = str_copy(mem, store_blob(rows, 7));
    out->key_slot = store_int(rows, 8);
}

static enum rc one(struct store_tx *tx, const struct store_sql *sql, struct store_arg key, struct arena *mem,
                   struct suggestion_row *out, struct err *err)
{
    struct store_rows *rows;
    TRY(store_query(tx, sql, &key, 1, &rows, err));
    bool found = store_next(rows);
    if (found)
        row_read(rows, mem, out);
    TRY(store_finish(rows, err));
    return found ? RC_OK
                 : err_set(err, RC_NOT_FOUND, "no such suggestion; if it was by receipt, check for a typing error");
}

enum rc suggest_store_by_receipt(struct store_tx *tx, struct sha256 hash, struct arena *mem, struct suggestion_row *out,
                                 struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT " COLUMNS " FROM suggestion WHERE receipt_hash = ?1"};
    return one(tx, &SQL, SA_BLOB(hash.b, sizeof hash.b), mem, out, err);
}

enum rc suggest_store_by_public_id(struct store_tx *tx, struct uuid public_id, struct arena *mem,
                                   struct suggestion_row *out, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT " COLUMNS " FROM suggestion WHERE public_id = ?1"};
    return one(tx, &SQL, SA_UUID(public_id), mem, out, err);
}

/* ---- the queue ---- */

/* Cursor: urgency, time and id of the last row. */
struct str suggest_store_cursor(const struct suggestion_row *last, struct arena *mem)
{
    struct str id = uuid_format(mem, last->id);
    return str_printf(mem, "%d.%lld." STR_FMT, last->is_urgent, (long long)last->received.us, STR_ARG(id));
}

static enum rc cursor_read(struct str cursor, int64_t *urgent, int64_t *us, struct uuid *id, struct err *err)
{
    struct str head, rest, tail;
    *urgent = 1;
    *us = INT64_MIN;
    *id = (struct uuid){{0}};
    if (cursor.n == 0)
        return RC_OK;
    if (!str_cut(cursor, '.', &head, &rest) || !str_parse_i64(head, urgent) || (*urgent != 0 && *urgent != 1) ||
        !str_cut(rest, '.', &head, &tail) || !str_parse_i64(head, us) || !uuid_parse(tail, id))
        return err_set(err, RC_INVALID, "cursor: not one that this server gave; ask without it to begin again");
    return RC_OK;
}

/* One urgency at a time, so that each page is a slice of the index. */
static enum rc slice_read(struct store_tx *tx, const struct store_arg *args, size_t limit, struct arena *mem,
                          struct suggestion_row *out, size_t *n, struct err *err)
{
    static const struct store_sql PAGE = {
        .common =
            "SELECT " COLUMNS " FROM suggestion WHERE state = ?1 AND is_urgent = ?2 AND (received_us, id) > (?3, ?4)"
            " ORDER BY received_us, id LIMIT ?5"};
    struct store_rows *rows;
    TRY(store_query(tx, &PAGE, args, 5, &rows, err));
    while (*n < limit && store_next(rows))
        row_read(rows, mem, &out[(*n)++]);
    return store_finish(rows, err);
}

enum rc suggest_store_list(struct store_tx *tx, struct str state, struct str cursor, size_t limit, struct arena *mem,
                           struct suggestion_row **out, size_t *n, int64_t *matched, struct err *err)
{
    static const struct store_sql COUNT = {.common = "SELECT count(*) FROM suggestion WHERE state = ?1"};
    int64_t urgent, us;
    struct uuid id;
    TRY(cursor_read(cursor, &urgent, &us, &id, err));
    struct suggestion_row *items = ARENA_NEW_N(mem, struct suggestion_row, limit);
    size_t got = 0;
    for (; urgent >= 0 && got < limit; urgent--) {
        struct store_arg args[] = {SA_TEXT(state), SA_INT(urgent), SA_INT(us), SA_UUID(id), SA_INT(limit - got)};
        TRY(slice_read(tx, args, limit, mem, items, &got, err));
        us = INT64_MIN;
        id = (struct uuid){{0}};
    }
    struct store_arg key = SA_TEXT(state);
    TRY(store_get_int(tx, &COUNT, &key, 1, matched, err));
    *out = items;
    *n = got;
    return RC_OK;
}

enum rc suggest_store_decide(struct store_tx *tx, const struct suggestion_decision_row *d, struct err *err)
{
    static const struct store_sql STATE = {
        .common = "UPDATE suggestion SET state = ?2, updated_us = ?3 WHERE id = ?1 AND state = 'received'"};
    static const struct store_sql DECISION = {
        .common = "INSERT INTO suggestion_decision (id, suggestion, account, at_us, state, site, cipher, key_slot)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};
    int64_t changed;
    struct store_arg state[] = {SA_UUID(d->suggestion), SA_TEXT(d->state), SA_TIME(d->at)};
    TRY(store_exec(tx, &STATE, state, SA_N(state), &changed, err));
    if (changed != 1)
        return err_set(err, RC_CONFLICT, "this suggestion has been decided already");
    bool has_reason = d->cipher.n > 0;
    struct store_arg args[] = {SA_UUID(d->id),
                               SA_UUID(d->suggestion),
                               SA_UUID(d->account),
                               SA_TIME(d->at),
                               SA_TEXT(d->state),
                               uuid_is_nil(d->site) ? SA_NULL_OF(STORE_BLOB) : SA_UUID(d->site),
                               has_reason ? SA_BLOB(d->cipher.p, d->cipher.n) : SA_NULL_OF(STORE_BLOB),
                               has_reason ? SA_INT(d->key_slot) : SA_NULL_OF(STORE_INT)};
    return store_exec(tx, &DECISION, args, SA_N(args), NULL, err);
}

/* ---- verify ---- */

static enum rc check_suggestions(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT id, cipher FROM suggestion ORDER BY id"};
    (void)ctx;
    return ledger_check_ciphers(tx, &SQL, put, sink, err);
}

static enum rc check_decisions(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT id, cipher FROM suggestion_decision ORDER BY id"};
    (void)ctx;
    return ledger_check_ciphers(tx, &SQL, put, sink, err);
}

void suggest_add_checkers(struct ledger *l)
{
    ledger_add_checker(l, "suggestion", check_suggestions, NULL);
    ledger_add_checker(l, "suggestion_decision", check_decisions, NULL);
}
