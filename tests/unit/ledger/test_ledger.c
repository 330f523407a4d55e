/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The ledger on a store: what is appended verifies; what is changed by one bit, removed, swapped, inserted or cut off is
 * named. The exhaustive part spoils rows inside one transaction and rolls it back.
 */
#include "ledger_fixture.h"

#include <pthread.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/rng.h"
#include "ledger/ledger_int.h"
#include "ledger/verify_int.h"

static const struct uuid ACTOR = {{0xaa, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

/* --- writing ------------------------------------------------------------------------------------------------------- */

struct append {
    int first, n;
    enum rc end; /* what the function returns after appending */
    const char *detail;
};

static enum rc append(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct append *a = ctx;
    for (int i = a->first; i < a->first + a->n; i++) {
        struct ledger_event ev = {.action = i % 2 ? "toy.change" : "toy.make",
                                  .object_kind = "toy",
                                  .object = {{7, (uint8_t)i, (uint8_t)(i >> 8), 1}},
                                  .at = {1700000000000000 + i}};
        if (i % 3)
            ev.actor = ACTOR;
        if (i % 3 != 1)
            ev.digest = sha256_of(&i, sizeof i);
        if (i % 2)
            ev.detail = a->detail ? str_of(a->detail) : STR("{\"z\": 1.50, \"a\": [\"\\u00e9\", null]}");
        TRY(ledger_append(tx, &ev, err));
    }
    return a->end == RC_OK ? RC_OK : err_set(err, a->end, "as asked");
}

static void add(struct world *w, int first, int n)
{
    OK(store_write(w->store, append, &(struct append){.first = first, .n = n}, &w->err));
}

static struct ledger_report verified(struct world *w)
{
    struct ledger_report r;
    OK(ledger_verify(w->ledger, &r, &w->err));
    return r;
}

static void test_append_and_verify(struct world *w)
{
    struct ledger_report r = verified(w);
    assert_int_equal(r.entries, 0);
    OK(ledger_checkpoint(w->ledger, &w->err)); /* an empty ledger gets its first entry */
    r = verified(w);
    assert_int_equal(r.entries, 1);
    assert_int_equal(r.checkpoints, 1);
    add(w, 0, 5);
    add(w, 5, 4);
    OK(ledger_checkpoint(w->ledger, &w->err));
    OK(ledger_checkpoint(w->ledger, &w->err)); /* nothing new: no second one */
    r = verified(w);
    assert_int_equal(r.entries, 10);
    assert_int_equal(r.unsequenced, 0);
    assert_int_equal(r.checkpoints, 2);
    assert_int_equal(r.bad_entry, -1);
    struct ledger_head h;
    OK(ledger_head(w->ledger, &w->mem, &h, &w->err));
    assert_int_equal(h.entries, 10);
    assert_memory_equal(h.root.b, r.root.b, 32);
    world_stop(w);
    world_start(w);
    assert_memory_equal(verified(w).root.b, r.root.b, 32);
}

/* The checkpoint file is a note that other tools can check with keys/ledger.pub. */
static void test_checkpoint_file(struct world *w)
{
    struct str note, pub;
    struct note n;
    struct note_key key;
    struct checkpoint c;
    struct stat st;
    add(w, 0, 3);
    OK(ledger_checkpoint(w->ledger, &w->err));
    OK(file_read(str_printf(&w->mem, "%s/ledger/checkpoint", w->dir).p, 4096, &w->mem, &note, &w->err));
    OK(file_read(str_printf(&w->mem, "%s/keys/ledger.pub", w->dir).p, 4096, &w->mem, &pub, &w->err));
    OK(note_key_parse(str_trim(pub), &w->mem, &key, &w->err));
    OK(note_parse(note, &w->mem, &n, &w->err));
    OK(note_verify(&n, &key, &w->err));
    OK(checkpoint_parse(n.text, &w->mem, &c, &w->err));
    assert_int_equal(c.size, 4);
    assert_true(str_is_equal(c.origin, STR("test.example/ledger")));
    assert_memory_equal(c.root.b, verified(w).root.b, 32);
    assert_int_equal(stat(str_printf(&w->mem, "%s/keys/ledger.key", w->dir).p, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(str_printf(&w->mem, "%s/keys", w->dir).p, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void test_refused_events(struct world *w)
{
    static const char *const BAD[] = {"[1]", "{", "{\"a\":9007199254740993}", "1", "{\"a\":1,\"a\":1}"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct append a = {.first = 1, .n = 1, .detail = BAD[i]};
        assert_int_equal(store_write(w->store, append, &a, &w->err), RC_INVALID);
    }
    struct err err;
    const struct ledger_event good = {.action = "a.b", .object_kind = "toy", .at = {1}};
    struct ledger_event ev = good;
    assert_int_equal(entry_check_event(&good, &err), RC_OK);
    ev.action = "Bad Action";
    assert_int_equal(entry_check_event(&ev, &err), RC_INVALID);
    ev = good;
    ev.object_kind = NULL;
    assert_int_equal(entry_check_event(&ev, &err), RC_INVALID);
    ev = good;
    ev.at.us = -1;
    assert_int_equal(entry_check_event(&ev, &err), RC_INVALID);
    ev = good;
    ev.detail.n = LEDGER_DETAIL_MAX + 1;
    assert_int_equal(entry_check_event(&ev, &err), RC_TOO_LARGE);
}

/* A change that fails leaves no entry (I1, S3). */
static void test_failed_change(struct world *w)
{
    add(w, 0, 1);
    struct append a = {.first = 1, .n = 3, .end = RC_CONFLICT};
    assert_int_equal(store_write(w->store, append, &a, &w->err), RC_CONFLICT);
    assert_int_equal(verified(w).entries, 2);
}

static void test_more_than_a_chunk(struct world *w)
{
    add(w, 0, 2 * SEQUENCE_CHUNK + 7);
    OK(ledger_checkpoint(w->ledger, &w->err));
    struct ledger_report r = verified(w);
    assert_int_equal(r.entries, 2 * SEQUENCE_CHUNK + 8);
    assert_int_equal(r.unsequenced, 0);
}

static void *many_writes(void *ctx)
{
    struct world *w = ctx;
    for (int i = 0; i < 50; i++) {
        struct err err;
        if (store_write(w->store, append, &(struct append){.first = i, .n = 2}, &err) != RC_OK)
            return w;
        if (i % 10 == 0 && ledger_checkpoint(w->ledger, &err) != RC_OK)
            return w;
    }
    return NULL;
}

static void test_many_writers(struct world *w)
{
    pthread_t t[8];
    for (int i = 0; i < 8; i++)
        pthread_create(&t[i], NULL, many_writes, w);
    for (int i = 0; i < 8; i++) {
        void *bad;
        pthread_join(t[i], &bad);
        assert_null(bad);
    }
    assert_int_equal(verified(w).entries, 1 + 8 * 50 * 2);
}

/* --- spoiling ------------------------------------------------------------------------------------------------------ */

enum { NONE = -1, SMALL = 9 };

struct spoil {
    struct world *w;
    int64_t flips, skipped;
};

struct column {
    const char *table, *key, *name;
    struct store_sql select, update;
};

#define COLUMN(t, k, c)                                                                                                \
    {                                                                                                                  \
        t, k, c, {.common = "SELECT " c " FROM " t " WHERE " k " = ?1"},                                               \
        {                                                                                                              \
            .common = "UPDATE " t " SET " c " = ?2 WHERE " k " = ?1"                                                   \
        }                                                                                                              \
    }
#define ENTRY(c) COLUMN("ledger_entry", "id", c)
/* Every column of every table of the ledger. Rows of ledger_entry are found by id. */
static const struct column COLUMNS[] = {ENTRY("id"),
                                        ENTRY("seq"),
                                        ENTRY("at_us"),
                                        ENTRY("action"),
                                        ENTRY("actor"),
                                        ENTRY("object_kind"),
                                        ENTRY("object"),
                                        ENTRY("digest"),
                                        ENTRY("bytes"),
                                        ENTRY("leaf"),
                                        ENTRY("chain"),
                                        COLUMN("ledger_state", "id", "id"),
                                        COLUMN("ledger_state", "id", "size"),
                                        COLUMN("ledger_state", "id", "chain"),
                                        COLUMN("ledger_state", "id", "frontier"),
                                        COLUMN("ledger_checkpoint", "size", "size"),
                                        COLUMN("ledger_checkpoint", "size", "note")};
enum { COLUMNS_N = sizeof COLUMNS / sizeof *COLUMNS };

/* The value of one cell; type as its column has it. */
struct cell {
    enum store_type type;
    int64_t i;
    struct str s;
};

static enum store_type column_type(const struct column *c)
{
    static const char *const INTS[] = {"seq", "at_us", "size"}, *const TEXTS[] = {"action", "object_kind", "bytes",
                                                                                  "note"};
    for (size_t i = 0; i < 3; i++)
        if (strcmp(c->name, INTS[i]) == 0)
            return STORE_INT;
    for (size_t i = 0; i < 4; i++)
        if (strcmp(c->name, TEXTS[i]) == 0)
            return STORE_TEXT;
    return strcmp(c->table, "ledger_state") == 0 && strcmp(c->name, "id") == 0 ? STORE_INT : STORE_BLOB;
}

static enum rc cell_find(struct store_tx *tx, const struct column *c, struct store_arg key, struct arena *mem,
                         struct cell *out, struct err *err)
{
    struct store_rows *rows;
    TRY(store_query(tx, &c->select, &key, 1, &rows, err));
    *out = (struct cell){.type = STORE_NULL};
    if (store_next(rows) && !store_is_null(rows, 0)) {
        out->type = column_type(c);
        out->i = out->type == STORE_INT ? store_int(rows, 0) : 0;
        out->s = out->type == STORE_TEXT   ? str_copy(mem, store_text(rows, 0))
                 : out->type == STORE_BLOB ? str_copy(mem, store_blob(rows, 0))
                                           : STR_NONE;
    }
    return store_finish(rows, err);
}

static struct store_arg cell_arg(const struct cell *c)
{
    return c->type == STORE_INT    ? SA_INT(c->i)
           : c->type == STORE_TEXT ? SA_TEXT(c->s)
           : c->type == STORE_BLOB ? SA_BLOB(c->s.p, c->s.n)
                                   : SA_NULL;
}

static enum rc cell_put(struct store_tx *tx, const struct column *c, struct store_arg key, struct store_arg value,
                        struct err *err)
{
    struct store_arg args[] = {key, value};
    int64_t changed;
    TRY(store_exec(tx, &c->update, args, 2, &changed, err));
    assert_int_equal(changed, 1);
    return RC_OK;
}

/* One spoilt cell: verify must fail and, for an entry, name it. */
static void must_blame(struct spoil *s, struct store_tx *tx, const struct column *c, struct store_arg key,
                       int64_t position, size_t byte)
{
    struct ledger_report r;
    struct err err = {0};
    enum rc rc = ledger_verify_in(s->w->ledger, tx, &r, &err);
    if (rc != RC_DAMAGED)
        fail_msg("%s.%s, row %lld, byte %zu: flipped, verify says %s %s", c->table, c->name, (long long)position, byte,
                 rc_name(rc), err.text);
    if (strcmp(c->table, "ledger_entry") != 0) {
        s->flips++;
        return;
    }
    bool is_by_id =
        r.bad_entry == NONE && memcmp(r.bad_id.b, key.s.p, 16) == 0; /* of no, or of an impossible position */
    if (r.bad_entry != position && !is_by_id)
        fail_msg("entry.%s, row %lld, byte %zu: blamed %lld: %s", c->name, (long long)position, byte,
                 (long long)r.bad_entry, err.text);
    s->flips++;
}

/* What lies where after byte i was flipped; false when the engine could not store it (a NUL in a text). */
static bool flipped(const struct cell *c, size_t i, struct arena *mem, struct cell *out)
{
    *out = *c;
    if (c->type == STORE_INT) {
        out->i = (int64_t)((uint64_t)c->i ^ UINT64_C(0x80) << (8 * i)); /* high bits: beside no neighbour's position */
        return true;
    }
    out->s = str_copy(mem, c->s);
    char *at = (char *)(uintptr_t)out->s.p + i;
    *at ^= 1; /* ASCII stays ASCII, UTF-8 stays UTF-8 */
    return c->type != STORE_TEXT || *at != 0;
}

static enum rc spoil_cell(struct spoil *s, struct store_tx *tx, const struct column *c, struct store_arg key,
                          int64_t position, struct err *err)
{
    struct arena mem;
    struct cell was, now;
    arena_init(&mem);
    enum rc rc = cell_find(tx, c, key, &mem, &was, err);
    size_t n = was.type == STORE_INT ? 8 : was.s.n;
    bool is_key = strcmp(c->name, c->key) == 0;
    /* a PostgreSQL server answers slower: of the long texts every fifth byte, which SQLite's run covers whole */
    size_t step = s->w->engine == STORE_POSTGRES && n > 100 ? 5 : 1;
    for (size_t i = 0; i < n && rc == RC_OK; i += step) {
        if (!flipped(&was, i, &mem, &now)) {
            s->skipped++;
            continue;
        }
        rc = cell_put(tx, c, key, cell_arg(&now), err);
        if (rc != RC_OK)
            break;
        must_blame(s, tx, c, is_key ? cell_arg(&now) : key, position, i);
        rc = cell_put(tx, c, is_key ? cell_arg(&now) : key, cell_arg(&was), err);
    }
    arena_fini(&mem);
    return rc;
}

static struct store_arg something(const struct column *c)
{
    return SA_BLOB("0123456789abcdef0123456789abcdef", strcmp(c->name, "actor") == 0 ? 16 : 32);
}

/* NULL where something was, something where NULL was. */
static enum rc spoil_null(struct spoil *s, struct store_tx *tx, const struct column *c, struct store_arg key,
                          int64_t position, struct err *err)
{
    struct arena mem;
    struct cell was;
    arena_init(&mem);
    enum rc rc = cell_find(tx, c, key, &mem, &was, err);
    if (rc == RC_OK)
        rc = cell_put(tx, c, key, was.type == STORE_NULL ? something(c) : SA_NULL_OF(column_type(c)), err);
    if (rc == RC_OK) {
        must_blame(s, tx, c, key, position, 0);
        rc = cell_put(tx, c, key, cell_arg(&was), err);
    }
    arena_fini(&mem);
    return rc;
}

struct ids {
    struct uuid id[64];
    int64_t seq[64];
    size_t n;
};

static enum rc ids_find(struct store_tx *tx, struct ids *out, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "SELECT id, seq FROM ledger_entry ORDER BY CASE WHEN seq IS NULL THEN 1 ELSE 0 END, seq"};
    struct store_rows *rows;
    TRY(store_query(tx, &SQL, NULL, 0, &rows, err));
    out->n = 0;
    while (out->n < 64 && store_next(rows)) {
        out->id[out->n] = store_uuid(rows, 0);
        out->seq[out->n++] = store_is_null(rows, 1) ? NONE : store_int(rows, 1);
    }
    return store_finish(rows, err);
}

static bool is_nullable(const struct column *c)
{
    return strcmp(c->name, "seq") == 0 || strcmp(c->name, "actor") == 0 || strcmp(c->name, "digest") == 0 ||
           (strcmp(c->name, "chain") == 0 && strcmp(c->table, "ledger_entry") == 0);
}

static enum rc spoil_entry_row(struct spoil *s, struct store_tx *tx, struct uuid id, int64_t seq, struct err *err)
{
    for (size_t k = 0; k < COLUMNS_N; k++) {
        const struct column *c = &COLUMNS[k];
        if (strcmp(c->table, "ledger_entry") != 0)
            continue;
        TRY(spoil_cell(s, tx, c, SA_UUID(id), seq, err));
        if (is_nullable(c) && !(strcmp(c->name, "seq") == 0 && seq == NONE))
            TRY(spoil_null(s, tx, c, SA_UUID(id), seq, err));
    }
    return RC_OK;
}

static enum rc spoil_all(struct store_tx *tx, void *ctx, struct err *err)
{
    struct spoil *s = ctx;
    struct ids ids;
    s->flips = s->skipped = 0;
    TRY(append(tx, &(struct append){.first = 100, .n = 1}, err)); /* unsequenced while this transaction lasts */
    TRY(ids_find(tx, &ids, err));
    assert_int_equal(ids.n, SMALL + 1);
    for (size_t i = 0; i < ids.n; i++)
        TRY(spoil_entry_row(s, tx, ids.id[i], ids.seq[i], err));
    for (size_t k = 0; k < COLUMNS_N; k++) {
        const struct column *c = &COLUMNS[k];
        if (strcmp(c->table, "ledger_state") == 0)
            TRY(spoil_cell(s, tx, c, SA_INT(1), NONE, err));
        if (strcmp(c->table, "ledger_checkpoint") == 0)
            for (int64_t size = 4; size <= SMALL; size += 5)
                TRY(spoil_cell(s, tx, c, SA_INT(size), NONE, err));
    }
    struct ledger_report r;
    TRY(ledger_verify_in(s->w->ledger, tx, &r, err)); /* everything was put back */
    return err_set(err, RC_CONFLICT, "roll back");
}

/* Nine entries, checkpoints over four and over nine. */
static void make_small(struct world *w)
{
    add(w, 0, 3);
    OK(ledger_checkpoint(w->ledger, &w->err));
    add(w, 3, 5);
    OK(ledger_checkpoint(w->ledger, &w->err));
    assert_int_equal(verified(w).entries, SMALL);
}

static void test_every_byte_of_every_column(struct world *w)
{
    make_small(w);
    struct spoil s = {.w = w};
    enum rc rc = store_write(w->store, spoil_all, &s, &w->err);
    if (rc != RC_CONFLICT)
        fail_msg("%s", w->err.text);
    assert_true(s.flips > (w->engine == STORE_SQLITE ? 4000 : 1500));
    print_message("%lld bytes flipped, each one named\n", (long long)s.flips);
    assert_int_equal(verified(w).entries, SMALL);
}

/* The same through the public door, once: committed, found, named in words. */
static enum rc flip_one(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    static const struct store_sql SQL = {.common = "UPDATE ledger_entry SET action = 'toy.mbke' WHERE seq = 5"};
    return store_exec(tx, &SQL, NULL, 0, NULL, err);
}

static void test_named_in_words(struct world *w)
{
    struct ledger_report r;
    make_small(w);
    OK(store_write(w->store, flip_one, NULL, &w->err));
    assert_int_equal(ledger_verify(w->ledger, &r, &w->err), RC_DAMAGED);
    assert_int_equal(r.bad_entry, 5);
    assert_non_null(strstr(w->err.text, "ledger entry 5"));
    assert_false(uuid_is_nil(r.bad_id));
}

/* --- rows removed, swapped, inserted ------------------------------------------------------------------------------- */

static void must_fail(struct world *w, struct store_tx *tx, int64_t position, const char *what)
{
    struct ledger_report r;
    struct err err = {0};
    enum rc rc = ledger_verify_in(w->ledger, tx, &r, &err);
    if (rc != RC_DAMAGED || r.bad_entry != position)
        fail_msg("%s %lld: %s, blamed %lld: %s", what, (long long)position, rc_name(rc), (long long)r.bad_entry,
                 err.text);
}

struct op {
    struct world *w;
    int64_t at;
};

static enum rc remove_row(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct op *op = ctx;
    static const struct store_sql SQL = {.common = "DELETE FROM ledger_entry WHERE seq = ?1"};
    struct store_arg args[] = {SA_INT(op->at)};
    TRY(store_exec(tx, &SQL, args, 1, NULL, err));
    must_fail(op->w, tx, op->at, "removed");
    return err_set(err, RC_CONFLICT, "roll back");
}

static enum rc swap_rows(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct op *op = ctx;
    static const struct store_sql AWAY = {.common = "UPDATE ledger_entry SET seq = -5 WHERE seq = ?1"},
                                  DOWN = {.common = "UPDATE ledger_entry SET seq = ?1 WHERE seq = ?1 + 1"},
                                  BACK = {.common = "UPDATE ledger_entry SET seq = ?1 + 1 WHERE seq = -5"};
    struct store_arg args[] = {SA_INT(op->at)};
    TRY(store_exec(tx, &AWAY, args, 1, NULL, err));
    TRY(store_exec(tx, &DOWN, args, 1, NULL, err));
    TRY(store_exec(tx, &BACK, args, 1, NULL, err));
    must_fail(op->w, tx, op->at, "swapped");
    return err_set(err, RC_CONFLICT, "roll back");
}

/* A row made with care: its own bytes, leaf and chain right, put after the last. */
static enum rc insert_row(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct op *op = ctx;
    struct tree_state s;
    char room[ENTRY_BASE_MAX];
    TRY(state_find(tx, &s, err));
    struct entry e = {.id = {{1}},
                      .has_seq = true,
                      .has_chain = true,
                      .seq = op->at,
                      .at = {5},
                      .action = STR("toy.make"),
                      .object_kind = STR("toy"),
                      .object = {{9}}};
    entry_encode(&e, STR_NONE, room);
    e.chain = chain_next(s.chain, e.leaf);
    TRY(entry_insert(tx, &e, err));
    must_fail(op->w, tx, op->at < 0 ? NONE : op->at, "inserted");
    return err_set(err, RC_CONFLICT, "roll back");
}

static enum rc second_state(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct op *op = ctx;
    static const struct store_sql SQL = {.common = "INSERT INTO ledger_state (id, size, chain, frontier)"
                                                   " SELECT 2, size, chain, frontier FROM ledger_state"};
    TRY(store_exec(tx, &SQL, NULL, 0, NULL, err));
    must_fail(op->w, tx, NONE, "second state row");
    return err_set(err, RC_CONFLICT, "roll back");
}

static enum rc drop_checkpoint(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct op *op = ctx;
    static const struct store_sql SQL = {.common = "DELETE FROM ledger_state"};
    TRY(store_exec(tx, &SQL, NULL, 0, NULL, err));
    must_fail(op->w, tx, NONE, "state row gone");
    return err_set(err, RC_CONFLICT, "roll back");
}

static void test_rows_moved(struct world *w)
{
    make_small(w);
    struct op op = {.w = w};
    for (op.at = 0; op.at < SMALL; op.at++) {
        assert_int_equal(store_write(w->store, remove_row, &op, &w->err), RC_CONFLICT);
        if (op.at + 1 < SMALL)
            assert_int_equal(store_write(w->store, swap_rows, &op, &w->err), RC_CONFLICT);
    }
    op.at = SMALL;
    assert_int_equal(store_write(w->store, insert_row, &op, &w->err), RC_CONFLICT);
    op.at = -7;
    assert_int_equal(store_write(w->store, insert_row, &op, &w->err), RC_CONFLICT);
    assert_int_equal(store_write(w->store, second_state, &op, &w->err), RC_CONFLICT);
    assert_int_equal(store_write(w->store, drop_checkpoint, &op, &w->err), RC_CONFLICT);
    assert_int_equal(verified(w).entries, SMALL);
}

/* Somebody with the database cuts the last entries off and puts everything in it right again, as an older copy would
 * be: within the database nothing is wrong. The file beside it tells. */
struct cut {
    struct tree_state s;
    int64_t keep;
};

static enum rc cut_leaf(void *ctx, const struct entry *e, struct err *err)
{
    struct cut *c = ctx;
    (void)err;
    c->s.chain = e->chain;
    merkle_add(&c->s.tree, e->leaf);
    return RC_OK;
}

static enum rc cut_tail(struct store_tx *tx, void *ctx, struct err *err)
{
    struct cut *c = ctx;
    static const struct store_sql ENTRIES = {.common = "DELETE FROM ledger_entry WHERE seq >= ?1"},
                                  CHECKPOINTS = {.common = "DELETE FROM ledger_checkpoint WHERE size > ?1"};
    struct store_arg args[] = {SA_INT(c->keep)};
    c->s = (struct tree_state){.is_there = true};
    TRY(store_exec(tx, &ENTRIES, args, 1, NULL, err));
    TRY(store_exec(tx, &CHECKPOINTS, args, 1, NULL, err));
    struct entry_page page = {.from_start = true, .max = 100};
    TRY(entries_page(tx, &page, cut_leaf, c, err));
    return state_put(tx, &c->s, SMALL, err);
}

static void test_tail_cut_off(struct world *w)
{
    struct ledger_report r;
    make_small(w);
    struct cut c = {.keep = 6};
    OK(store_write(w->store, cut_tail, &c, &w->err));
    assert_int_equal(ledger_verify(w->ledger, &r, &w->err), RC_DAMAGED);
    assert_int_equal(r.bad_entry, 6);
    assert_non_null(strstr(w->err.text, "ledger/checkpoint"));
    world_stop(w); /* a new process does not paper over it by writing the file anew */
    world_start(w);
    assert_int_equal(ledger_checkpoint(w->ledger, &w->err), RC_DAMAGED);
    add(w, 200, 20);
    assert_int_equal(ledger_verify(w->ledger, &r, &w->err), RC_DAMAGED); /* grown past it again: another root */
}

static void test_checkpoint_file_spoilt(struct world *w)
{
    struct str note, path = str_printf(&w->mem, "%s/ledger/checkpoint", w->dir);
    struct ledger_report r;
    make_small(w);
    OK(file_read(path.p, 4096, &w->mem, &note, &w->err));
    for (size_t i = 0; i < note.n; i++) {
        struct str bad = str_copy(&w->mem, note);
        ((char *)(uintptr_t)bad.p)[i] ^= 1;
        OK(file_replace(path.p, bad, 0644, &w->err));
        assert_int_equal(ledger_verify(w->ledger, &r, &w->err), RC_DAMAGED);
    }
    OK(file_replace(path.p, note, 0644, &w->err));
    verified(w);
    unlink(path.p);
    verified(w);
    add(w, 50, 1);
    OK(ledger_checkpoint(w->ledger, &w->err)); /* a file somebody removed comes back with the next one */
    assert_true(file_is_there(path.p));
}

/* --- keys ---------------------------------------------------------------------------------------------------------- */

static void test_keys(struct world *w)
{
    struct str key, path = str_printf(&w->mem, "%s/keys/ledger.key", w->dir),
                    away = str_printf(&w->mem, "%s.away", path.p);
    struct ledger *l;
    make_small(w);
    OK(file_read(path.p, 4096, &w->mem, &key, &w->err));
    assert_true(str_starts_with(key, STR("PRIVATE+KEY+test.example/ledger+")));
    /* gone: verify works, a checkpoint of something new is refused */
    assert_int_equal(rename(path.p, away.p), 0);
    OK(ledger_open(w->store, w->dir, NULL, &l, &w->err));
    struct ledger_report r;
    OK(ledger_verify(l, &r, &w->err));
    add(w, 20, 1);
    assert_int_equal(ledger_checkpoint(l, &w->err), RC_NOT_FOUND);
    assert_false(file_is_there(path.p)); /* and nobody made a new one */
    /* readable by others */
    OK(file_replace(path.p, key, 0644, &w->err));
    struct ledger *none = NULL;
    assert_int_equal(ledger_open(w->store, w->dir, NULL, &none, &w->err), RC_DENIED);
    unlink(path.p);
    /* another instance's */
    unlink(str_printf(&w->mem, "%s/keys/ledger.pub", w->dir).p);
    OK(file_replace(path.p, STR("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n"),
                    0600, &w->err));
    assert_int_equal(ledger_open(w->store, w->dir, NULL, &none, &w->err), RC_CONFLICT);
    OK(file_replace(path.p, STR("nonsense"), 0600, &w->err));
    assert_int_equal(ledger_open(w->store, w->dir, NULL, &none, &w->err), RC_DAMAGED);
    assert_null(none);
    store_close(w->store); /* the second handle's hook lives as long as the store */
    ledger_close(l);
    ledger_close(w->ledger);
    vault_close(w->vault);
    unlink(path.p);
    unlink(str_printf(&w->mem, "%s/keys/ledger.pub", w->dir).p);
    assert_int_equal(rename(away.p, path.p), 0);
    world_start(w);
}

/* Entry 0 is looked at when the ledger is opened: changed, it is named there too; moved, it can still be verified. */
static enum rc spoil_first(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql
        BYTES = {.common = "UPDATE ledger_entry SET bytes = replace(bytes, '+', '-') WHERE seq = 0"},
        MOVE = {.common = "UPDATE ledger_entry SET seq = 99 WHERE seq = 0"};
    return store_exec(tx, *(bool *)ctx ? &BYTES : &MOVE, NULL, 0, NULL, err);
}

static void test_first_entry_spoilt(struct world *w)
{
    struct ledger *l = NULL;
    struct ledger_report r;
    make_small(w);
    OK(store_write(w->store, spoil_first, &(bool){true}, &w->err));
    assert_int_equal(ledger_open(w->store, w->dir, NULL, &l, &w->err), RC_DAMAGED);
    assert_non_null(strstr(w->err.text, "ledger entry 0"));
    OK(store_write(w->store, spoil_first, &(bool){false}, &w->err));
    assert_int_equal(rename(str_printf(&w->mem, "%s/keys/ledger.key", w->dir).p, str_printf(&w->mem, "%s/k", w->dir).p),
                     0);
    OK(ledger_open(w->store, w->dir, NULL, &l, &w->err));
    assert_false(
        file_is_there(str_printf(&w->mem, "%s/keys/ledger.key", w->dir).p)); /* no new key: there are entries */
    assert_int_equal(ledger_verify(l, &r, &w->err), RC_DAMAGED);
    assert_int_equal(r.bad_entry, 0);
    store_close(w->store);
    ledger_close(l);
    ledger_close(w->ledger);
    vault_close(w->vault);
    assert_int_equal(rename(str_printf(&w->mem, "%s/k", w->dir).p, str_printf(&w->mem, "%s/keys/ledger.key", w->dir).p),
                     0);
    world_start(w);
}

/* --- state rows ---------------------------------------------------------------------------------------------------- */

/* A toy room: its state is the array here, its digests those that append() writes. */
struct toys {
    int first, n;
    int broken, extra;
};

static enum rc toy_check(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    const struct toys *t = ctx;
    (void)tx;
    for (int i = t->first; i < t->first + t->n; i++) {
        struct sha256 d = sha256_of(&i, sizeof i);
        if (i % 3 == 1)
            continue; /* these entries carry no digest */
        if (i == t->broken)
            d.b[0] ^= 1;
        TRY(put(sink, (struct uuid){{7, (uint8_t)i, (uint8_t)(i >> 8), 1}}, d, err));
    }
    return t->extra ? put(sink, (struct uuid){{8}}, sha256_of("", 0), err) : RC_OK;
}

static enum rc toy_gone(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    struct ledger_event ev = {.action = "toy.remove",
                              .object_kind = "toy",
                              .object = {{7, 2, 0, 1}},
                              .at = {1},
                              .digest = LEDGER_DIGEST_GONE};
    return ledger_append(tx, &ev, err);
}

static void test_state_rows(struct world *w)
{
    struct ledger_report r;
    struct toys t = {.first = 0, .n = 200, .broken = -1};
    add(w, 0, 200);
    ledger_add_checker(w->ledger, "toy", toy_check, &t);
    r = verified(w);
    assert_int_equal(r.objects, 133);
    t.broken = 5;
    assert_int_equal(ledger_verify(w->ledger, &r, &w->err), RC_DAMAGED);
    assert_int_equal(r.bad_entry, 6); /* its latest entry: position 0 is instance.create */
    t.broken = -1;
    t.extra = 1;
    assert_int_equal(ledger_verify(w->ledger, &r, &w->err), RC_DAMAGED);
    assert_non_null(strstr(w->err.text, "no ledger entry"));
    t.extra = 0;
    t.n = 199; /* the last has no digest */
    verified(w);
    t.first = 3; /* rows 0 and 2 are gone */
    assert_int_equal(ledger_verify(w->ledger, &r, &w->err), RC_DAMAGED);
    t.first = 1; /* row 0 is gone, 2 is back */
    assert_int_equal(ledger_verify(w->ledger, &r, &w->err), RC_DAMAGED);
    assert_int_equal(r.bad_entry, 1);
    add(w, 0, 1);
    t.first = 0;
    verified(w);
    OK(store_write(w->store, toy_gone, NULL, &w->err));
    assert_int_equal(ledger_verify(w->ledger, &r, &w->err), RC_DAMAGED); /* removed, it says, but the row is there */
}

int main(void)
{
    static const struct world_test TESTS[] = {WORLD_TEST(test_append_and_verify),
                                              WORLD_TEST(test_checkpoint_file),
                                              WORLD_TEST(test_refused_events),
                                              WORLD_TEST(test_failed_change),
                                              WORLD_TEST(test_more_than_a_chunk),
                                              WORLD_TEST(test_many_writers),
                                              WORLD_TEST(test_every_byte_of_every_column),
                                              WORLD_TEST(test_named_in_words),
                                              WORLD_TEST(test_rows_moved),
                                              WORLD_TEST(test_tail_cut_off),
                                              WORLD_TEST(test_checkpoint_file_spoilt),
                                              WORLD_TEST(test_keys),
                                              WORLD_TEST(test_first_entry_spoilt),
                                              WORLD_TEST(test_state_rows)};
    return worlds_run(TESTS, sizeof TESTS / sizeof *TESTS);
}
