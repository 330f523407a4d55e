/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The ledger's SQL. See ledger_int.h.
 */
#include "ledger/ledger_int.h"

#include <string.h>

static bool blob_read(struct store_rows *rows, int col, void *out, size_t n)
{
    struct str s = store_blob(rows, col);
    memset(out, 0, n);
    if (s.n != n)
        return false;
    memcpy(out, s.p, n);
    return true;
}

enum rc entry_insert(struct store_tx *tx, const struct entry *e, struct err *err)
{
    static const struct store_sql SQL = {
        .common =
            "INSERT INTO ledger_entry (id, seq, at_us, action, actor, object_kind, object, digest, bytes, leaf, chain)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"};
    struct store_arg args[] = {SA_UUID(e->id),
                               e->has_seq ? SA_INT(e->seq) : SA_NULL,
                               SA_TIME(e->at),
                               SA_TEXT(e->action),
                               e->has_actor ? SA_UUID(e->actor) : SA_NULL,
                               SA_TEXT(e->object_kind),
                               SA_UUID(e->object),
                               e->has_digest ? SA_BLOB(e->digest.b, 32) : SA_NULL,
                               SA_TEXT(e->bytes),
                               SA_BLOB(e->leaf.b, 32),
                               e->has_chain ? SA_BLOB(e->chain.b, 32) : SA_NULL};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

static enum rc state_read(struct store_rows *rows, struct tree_state *s, struct err *err)
{
    int64_t size = store_int(rows, 0);
    s->is_there = true;
    if (size < 0 || !blob_read(rows, 1, s->chain.b, 32))
        return err_set(err, RC_DAMAGED, "the row of ledger_state is damaged; run `fane verify`");
    if (merkle_load((uint64_t)size, store_blob(rows, 2), &s->tree, err) != RC_OK)
        return err_add(err, "ledger_state");
    return RC_OK;
}

enum rc state_find(struct store_tx *tx, struct tree_state *out, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT size, chain, frontier FROM ledger_state WHERE id = 1"};
    struct store_rows *rows;
    struct tree_state s = {0};
    TRY(store_query(tx, &SQL, NULL, 0, &rows, err));
    enum rc rc = RC_OK;
    while (rc == RC_OK && store_next(rows))
        rc = state_read(rows, &s, err);
    enum rc rc2 = store_finish(rows, rc == RC_OK ? err : NULL);
    rc = rc == RC_OK ? rc2 : rc;
    if (rc == RC_OK)
        *out = s;
    return rc;
}

enum rc state_put(struct store_tx *tx, const struct tree_state *s, int64_t old_size, struct err *err)
{
    static const struct store_sql INSERT = {
        .common = "INSERT INTO ledger_state (id, size, chain, frontier) VALUES (1, ?1, ?2, ?3)"};
    static const struct store_sql UPDATE = {
        .common = "UPDATE ledger_state SET size = ?1, chain = ?2, frontier = ?3 WHERE id = 1 AND size = ?4"};
    uint8_t frontier[MERKLE_FRONTIER_BYTES];
    size_t n = merkle_save(&s->tree, frontier);
    struct store_arg args[] = {SA_INT(s->tree.size), SA_BLOB(s->chain.b, 32), SA_BLOB(frontier, n), SA_INT(old_size)};
    int64_t changed;
    if (!s->is_there)
        return store_exec(tx, &INSERT, args, 3, NULL, err);
    TRY(store_exec(tx, &UPDATE, args, SA_N(args), &changed, err));
    if (changed != 1)
        return err_set(err, RC_BUSY, "another writer moved the ledger meanwhile; try again");
    return RC_OK;
}

enum rc unsequenced_find(struct store_tx *tx, size_t max, struct uuid *ids, struct sha256 *leaves, size_t *n,
                         struct err *err)
{
    static const struct store_sql SQL = {
        .common = "SELECT id, leaf FROM ledger_entry WHERE seq IS NULL ORDER BY id LIMIT ?1"};
    struct store_arg args[] = {SA_INT(max)};
    struct store_rows *rows;
    size_t count = 0;
    bool is_good = true;
    TRY(store_query(tx, &SQL, args, 1, &rows, err));
    while (count < max && store_next(rows)) {
        is_good = is_good && blob_read(rows, 0, ids[count].b, 16) && blob_read(rows, 1, leaves[count].b, 32);
        count++;
    }
    TRY(store_finish(rows, err));
    if (!is_good)
        return err_set(err, RC_DAMAGED, "a ledger entry without a position is damaged; run `fane verify`");
    *n = count;
    return RC_OK;
}

/* One statement for any number of rows: the places travel as one blob that the engine cuts up. */
enum rc places_put(struct store_tx *tx, int64_t first_seq, const uint8_t *places, size_t n, struct err *err)
{
    static const struct store_sql SQL = {
        .sqlite = "WITH RECURSIVE g (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM g WHERE i + 1 < ?3)"
                  " UPDATE ledger_entry SET seq = ?2 + g.i, chain = substr(?1, g.i * 48 + 17, 32)"
                  " FROM g WHERE ledger_entry.id = substr(?1, g.i * 48 + 1, 16)",
        .postgres = "UPDATE ledger_entry SET seq = CAST(?2 AS bigint) + g.i,"
                    " chain = substr(CAST(?1 AS bytea), g.i * 48 + 17, 32)"
                    " FROM generate_series(0, CAST(?3 AS bigint)::int - 1) AS g (i)"
                    " WHERE ledger_entry.id = substr(CAST(?1 AS bytea), g.i * 48 + 1, 16)"};
    struct store_arg args[] = {SA_BLOB(places, n * PLACE_BYTES), SA_INT(first_seq), SA_INT(n)};
    int64_t changed;
    TRY(store_exec(tx, &SQL, args, SA_N(args), &changed, err));
    if (changed != (int64_t)n)
        return err_set(err, RC_DAMAGED, "of %zu ledger entries %lld could be given a position", n, (long long)changed);
    return RC_OK;
}

enum rc sequencer_lock(struct store_tx *tx, bool *is_ours, struct err *err)
{
    /* the number spells "FANELEDG"; any constant does that no other lock of ours uses */
    static const struct store_sql SQL = {
        .common = "SELECT CASE WHEN pg_try_advisory_xact_lock(5062413515680465991) THEN 1 ELSE 0 END"};
    int64_t got;
    TRY(store_get_int(tx, &SQL, NULL, 0, &got, err));
    *is_ours = got == 1;
    return RC_OK;
}

enum rc checkpoints_find(struct store_tx *tx, int64_t after_size, bool from_start, size_t max, struct arena *mem,
                         struct stored_checkpoint *out, size_t *n, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "SELECT size, note FROM ledger_checkpoint WHERE size > ?1 ORDER BY size LIMIT ?2"};
    struct store_arg args[] = {SA_INT(from_start ? INT64_MIN : after_size), SA_INT(max)};
    struct store_rows *rows;
    size_t count = 0;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (count < max && store_next(rows)) {
        out[count].size = store_int(rows, 0);
        out[count++].note = str_copy(mem, store_text(rows, 1));
    }
    TRY(store_finish(rows, err));
    *n = count;
    return RC_OK;
}

enum rc checkpoint_find_last(struct store_tx *tx, struct arena *mem, int64_t *size, struct str *note, struct err *err)
{
    static const struct store_sql SQL = {.common =
                                             "SELECT size, note FROM ledger_checkpoint ORDER BY size DESC LIMIT 1"};
    struct store_rows *rows;
    int64_t s = -1;
    struct str text = STR_NONE;
    TRY(store_query(tx, &SQL, NULL, 0, &rows, err));
    while (store_next(rows)) {
        s = store_int(rows, 0);
        text = str_copy(mem, store_text(rows, 1));
    }
    TRY(store_finish(rows, err));
    *size = s;
    *note = text;
    return RC_OK;
}

enum rc checkpoint_insert(struct store_tx *tx, int64_t size, struct str note, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "INSERT INTO ledger_checkpoint (size, note) VALUES (?1, ?2) ON CONFLICT (size) DO NOTHING"};
    struct store_arg args[] = {SA_INT(size), SA_TEXT(note)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

#define ENTRY_COLUMNS "id, seq, at_us, action, actor, object_kind, object, digest, bytes, leaf, chain"

static enum rc entry_read(struct store_rows *rows, struct entry *e, struct err *err)
{
    *e = (struct entry){.seq = store_int(rows, 1),
                        .has_seq = !store_is_null(rows, 1),
                        .at = {store_int(rows, 2)},
                        .action = store_text(rows, 3),
                        .has_actor = !store_is_null(rows, 4),
                        .object_kind = store_text(rows, 5),
                        .has_digest = !store_is_null(rows, 7),
                        .bytes = store_text(rows, 8),
                        .has_chain = !store_is_null(rows, 10)};
    bool is_good = blob_read(rows, 0, e->id.b, 16) && (!e->has_actor || blob_read(rows, 4, e->actor.b, 16)) &&
                   blob_read(rows, 6, e->object.b, 16) && (!e->has_digest || blob_read(rows, 7, e->digest.b, 32)) &&
                   blob_read(rows, 9, e->leaf.b, 32) && (!e->has_chain || blob_read(rows, 10, e->chain.b, 32));
    if (!is_good)
        return err_set(err, RC_DAMAGED, "a column has a wrong length");
    return RC_OK;
}

/* The row is handed on even when damaged, so that whoever counts positions names it. */
static enum rc page_run(struct store_tx *tx, const struct store_sql *sql, const struct store_arg *args, size_t args_n,
                        struct entry_page *page, entry_fn fn, void *ctx, struct err *err)
{
    struct store_rows *rows;
    TRY(store_query(tx, sql, args, args_n, &rows, err));
    enum rc rc = RC_OK;
    page->n = 0;
    while (rc == RC_OK && store_next(rows)) {
        struct entry e;
        bool is_whole = entry_read(rows, &e, NULL) == RC_OK;
        page->n++;
        page->after_seq = e.seq;
        page->after_id = e.id;
        page->from_start = false;
        if (!is_whole)
            e.bytes = STR_NONE; /* no entry has empty bytes: every check of it fails */
        rc = fn(ctx, &e, err);
    }
    enum rc rc2 = store_finish(rows, rc == RC_OK ? err : NULL);
    return rc == RC_OK ? rc2 : rc;
}

enum rc entries_page(struct store_tx *tx, struct entry_page *page, entry_fn fn, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT " ENTRY_COLUMNS
                                                   " FROM ledger_entry WHERE seq > ?1 ORDER BY seq LIMIT ?2"};
    struct store_arg args[] = {SA_INT(page->from_start ? INT64_MIN : page->after_seq), SA_INT(page->max)};
    return page_run(tx, &SQL, args, SA_N(args), page, fn, ctx, err);
}

enum rc entries_page_unsequenced(struct store_tx *tx, struct entry_page *page, entry_fn fn, void *ctx, struct err *err)
{
    static const struct store_sql FIRST = {.common = "SELECT " ENTRY_COLUMNS
                                                     " FROM ledger_entry WHERE seq IS NULL ORDER BY id LIMIT ?1"};
    static const struct store_sql NEXT = {
        .common = "SELECT " ENTRY_COLUMNS " FROM ledger_entry WHERE seq IS NULL AND id > ?2 ORDER BY id LIMIT ?1"};
    struct uuid after = page->after_id;
    struct store_arg args[] = {SA_INT(page->max), SA_UUID(after)};
    return page->from_start ? page_run(tx, &FIRST, args, 1, page, fn, ctx, err)
                            : page_run(tx, &NEXT, args, 2, page, fn, ctx, err);
}

enum rc entries_count(struct store_tx *tx, int64_t *sequenced, int64_t *unsequenced, struct err *err)
{
    static const struct store_sql PLACED = {.common = "SELECT count(*) FROM ledger_entry WHERE seq IS NOT NULL"};
    static const struct store_sql ALL = {.common = "SELECT count(*) FROM ledger_entry"};
    int64_t placed, all;
    TRY(store_get_int(tx, &PLACED, NULL, 0, &placed, err));
    TRY(store_get_int(tx, &ALL, NULL, 0, &all, err));
    *sequenced = placed;
    *unsequenced = all - placed;
    return RC_OK;
}

enum rc entries_any(struct store_tx *tx, bool *out, struct err *err)
{
    static const struct store_sql SQL = {.common =
                                             "SELECT CASE WHEN EXISTS (SELECT 1 FROM ledger_entry) THEN 1 ELSE 0 END"};
    int64_t any;
    TRY(store_get_int(tx, &SQL, NULL, 0, &any, err));
    *out = any != 0;
    return RC_OK;
}

enum rc states_count(struct store_tx *tx, int64_t *n, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT count(*) FROM ledger_state"};
    return store_get_int(tx, &SQL, NULL, 0, n, err);
}

enum rc first_entry_find(struct store_tx *tx, struct arena *mem, struct str *bytes, bool *is_whole, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT bytes, leaf FROM ledger_entry WHERE seq = 0"};
    struct store_rows *rows;
    struct str s = STR_NONE;
    bool is_good = true;
    TRY(store_query(tx, &SQL, NULL, 0, &rows, err));
    while (store_next(rows)) {
        struct sha256 leaf;
        s = str_copy(mem, store_text(rows, 0));
        is_good = blob_read(rows, 1, leaf.b, 32) && sha256_is_equal(merkle_leaf(s.p, s.n), leaf);
    }
    TRY(store_finish(rows, err));
    *bytes = s;
    if (is_whole)
        *is_whole = is_good;
    return RC_OK;
}

enum rc ledger_check_ciphers(struct store_tx *tx, const struct store_sql *sql, ledger_digest_fn put, void *sink,
                             struct err *err)
{
    struct store_rows *rows;
    enum rc rc = RC_OK;
    TRY(store_query(tx, sql, NULL, 0, &rows, err));
    while (rc == RC_OK && store_next(rows)) {
        struct str cipher = store_blob(rows, 1);
        rc = put(sink, store_uuid(rows, 0), sha256_of(cipher.p ? cipher.p : "", cipher.n), err);
    }
    struct err ended;
    enum rc finish = store_finish(rows, &ended);
    return rc != RC_OK || finish == RC_OK ? rc : err_set(err, finish, "%s", ended.text);
}
