/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Appending, the sequencer, checkpoints. See ledger.h; the bytes of an entry are entry.c's, SQL is ledger_store.c's.
 *
 *   appended (no seq) --sequence()--> in the tree (seq, chain) --ledger_checkpoint()--> under a signature
 */
#include "base/file.h"
#include "base/log.h"
#include "ledger/canonical.h"
#include "ledger/ledger_int.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct entry entry_of_event(const struct ledger_event *ev)
{
    static const struct sha256 NONE = {{0}};
    return (struct entry){.id = uuid_v7(clock_now()),
                          .at = ev->at,
                          .action = str_of(ev->action),
                          .object_kind = str_of(ev->object_kind),
                          .has_actor = !uuid_is_nil(ev->actor),
                          .actor = ev->actor,
                          .object = ev->object,
                          .has_digest = memcmp(ev->digest.b, NONE.b, sizeof NONE.b) != 0,
                          .digest = ev->digest};
}

static enum rc append_with_detail(struct store_tx *tx, struct entry *e, struct str detail, struct err *err)
{
    struct arena mem;
    struct str canonical;
    arena_init(&mem);
    enum rc rc = canonical_json(detail, &mem, &canonical, err);
    if (rc == RC_OK && canonical.p[0] != '{')
        rc = err_set(err, RC_INVALID, "the detail of a ledger entry is a JSON object");
    if (rc == RC_OK) {
        entry_encode(e, canonical, arena_alloc(&mem, ENTRY_BASE_MAX + canonical.n));
        rc = entry_insert(tx, e, err);
    }
    arena_fini(&mem);
    return rc;
}

enum rc ledger_append(struct store_tx *tx, const struct ledger_event *ev, struct err *err)
{
    TRY(entry_check_event(ev, err));
    struct entry e = entry_of_event(ev);
    if (ev->detail.n)
        return append_with_detail(tx, &e, ev->detail, err);
    char room[ENTRY_BASE_MAX];
    entry_encode(&e, STR_NONE, room);
    return entry_insert(tx, &e, err);
}

static void place(struct tree_state *s, struct sha256 leaf)
{
    s->chain = chain_next(s->chain, leaf);
    merkle_add(&s->tree, leaf);
}

static struct str first_detail(const struct ledger *l, struct arena *mem)
{
    struct buf b;
    buf_init(&b, 0);
    buf_add_z(&b, "{\"origin\":");
    canonical_add_string(&b, l->key.name);
    buf_add_z(&b, ",\"verifier\":");
    canonical_add_string(&b, note_key_format(mem, &l->key));
    buf_add_char(&b, '}');
    struct str detail = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return detail;
}

/* Position 0: who signs this ledger. */
static enum rc create_first(struct ledger *l, struct store_tx *tx, struct tree_state *s, struct err *err)
{
    struct arena mem;
    struct str before, detail;
    arena_init(&mem);
    struct ledger_event ev = {.action = "instance.create", .object_kind = "instance", .at = clock_now()};
    struct entry e = entry_of_event(&ev);
    e.object = e.id;
    enum rc rc = first_entry_find(tx, &mem, &before, NULL, err);
    if (rc == RC_OK && before.n)
        rc = err_set(err, RC_DAMAGED, "the ledger has entries but its row in ledger_state is gone; run `fane verify`");
    if (rc == RC_OK) {
        detail = first_detail(l, &mem);
        entry_encode(&e, detail, arena_alloc(&mem, ENTRY_BASE_MAX + detail.n));
        place(s, e.leaf);
        e.has_seq = e.has_chain = true;
        e.chain = s->chain;
        rc = entry_insert(tx, &e, err);
    }
    arena_fini(&mem);
    return rc;
}

static enum rc sequence_chunk(struct ledger *l, struct store_tx *tx, struct tree_state *s, size_t n, struct err *err)
{
    int64_t first = (int64_t)s->tree.size;
    for (size_t i = 0; i < n; i++) {
        place(s, l->leaves[i]);
        memcpy(l->places + i * PLACE_BYTES, l->ids[i].b, 16);
        memcpy(l->places + i * PLACE_BYTES + 16, s->chain.b, 32);
    }
    return places_put(tx, first, l->places, n, err);
}

/* Commit hook (L2): orders what this and earlier transactions appended by id, which follows time. */
static enum rc sequence(struct store_tx *tx, void *ctx, struct err *err)
{
    struct ledger *l = ctx;
    struct tree_state s;
    size_t n;
    if (store_engine(l->store) == STORE_POSTGRES) {
        bool is_ours;
        TRY(sequencer_lock(tx, &is_ours, err));
        if (!is_ours)
            return RC_OK; /* the next commit, or the next checkpoint, finds them */
    }
    TRY(state_find(tx, &s, err));
    int64_t old_size = (int64_t)s.tree.size;
    if (!s.is_there)
        TRY(create_first(l, tx, &s, err));
    do {
        TRY(unsequenced_find(tx, SEQUENCE_CHUNK, l->ids, l->leaves, &n, err));
        if (n)
            TRY(sequence_chunk(l, tx, &s, n, err));
    } while (n == SEQUENCE_CHUNK);
    return (int64_t)s.tree.size > old_size ? state_put(tx, &s, old_size, err) : RC_OK;
}

struct peek {
    struct arena *mem;
    struct tree_state state;
    bool has_unsequenced;
    int64_t last_size;
    struct str last_note;
};

static enum rc peek(struct store_tx *tx, void *ctx, struct err *err)
{
    struct peek *p = ctx;
    struct uuid id;
    struct sha256 leaf;
    size_t n;
    TRY(state_find(tx, &p->state, err));
    TRY(unsequenced_find(tx, 1, &id, &leaf, &n, err));
    p->has_unsequenced = n > 0;
    return checkpoint_find_last(tx, p->mem, &p->last_size, &p->last_note, err);
}

/* What opening looks at: little, so that a damaged ledger can still be opened and verified. */
struct first {
    struct arena *mem;
    struct str bytes;
    bool is_whole, has_entries;
};

static enum rc first_look(struct store_tx *tx, void *ctx, struct err *err)
{
    struct first *f = ctx;
    TRY(entries_any(tx, &f->has_entries, err));
    return first_entry_find(tx, f->mem, &f->bytes, &f->is_whole, err);
}

static enum rc first_check(struct ledger *l, const struct first *f, struct err *err)
{
    if (f->bytes.n == 0 || str_is_equal(key_of_first(f->bytes, &l->mem), note_key_format(&l->mem, &l->key)))
        return RC_OK;
    if (!f->is_whole)
        return err_set(err, RC_DAMAGED, "ledger entry 0 (instance.create): its leaf hash is not that of its bytes");
    return err_set(err, RC_CONFLICT, "%s/keys does not hold the key this ledger began with (entry 0); restore keys/",
                   l->dir);
}

static enum rc open_parts(struct ledger *l, const char *origin, struct err *err)
{
    struct first f = {.mem = &l->mem};
    char path[PATH_SIZE];
    TRY(store_read(l->store, first_look, &f, err));
    TRY(key_open(l, origin, f.has_entries, f.bytes, err));
    TRY(first_check(l, &f, err));
    if (snprintf(path, sizeof path, "%s/ledger", l->dir) >= (int)sizeof path)
        return err_set(err, RC_INVALID, "the data directory's path is too long: %s", l->dir);
    return file_make_dir(path, 0755, err);
}

enum rc ledger_open(struct store *st, const char *dir, const char *origin, struct ledger **out, struct err *err)
{
    if (sodium_init() < 0)
        return err_set(err, RC_IO, "libsodium cannot start");
    struct ledger *l = mem_alloc(sizeof *l);
    l->store = st;
    arena_init(&l->mem);
    pthread_mutex_init(&l->checkpoint_lock, NULL);
    enum rc rc = RC_OK;
    if (snprintf(l->dir, sizeof l->dir, "%s", dir) >= (int)sizeof l->dir)
        rc = err_set(err, RC_INVALID, "the data directory's path is too long");
    if (rc == RC_OK)
        rc = open_parts(l, origin, err);
    if (rc != RC_OK) {
        ledger_close(l);
        return rc;
    }
    store_add_commit_hook(st, sequence, l);
    *out = l;
    return RC_OK;
}

void ledger_close(struct ledger *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->checkpoint_lock);
    arena_fini(&l->mem);
    sodium_memzero(l->secret_key, sizeof l->secret_key);
    free(l);
}

static enum rc do_nothing(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)tx, (void)ctx, (void)err;
    return RC_OK;
}

struct sign {
    struct ledger *l;
    struct arena *mem;
    int64_t size;
    struct str note;
};

/* Write function: S2 holds, as signing is deterministic and outputs are set anew. */
static enum rc sign(struct store_tx *tx, void *ctx, struct err *err)
{
    struct sign *s = ctx;
    struct tree_state state;
    TRY(state_find(tx, &state, err));
    TRY(checkpoint_find_last(tx, s->mem, &s->size, &s->note, err));
    if ((int64_t)state.tree.size <= s->size)
        return RC_OK;
    struct checkpoint c = {.origin = s->l->key.name, .size = state.tree.size, .root = merkle_root(&state.tree)};
    TRY(note_sign(checkpoint_format(s->mem, &c), &s->l->key, s->l->secret_key, s->mem, &s->note, err));
    s->size = (int64_t)c.size;
    return checkpoint_insert(tx, s->size, s->note, err);
}

/* Size the checkpoint file speaks of; 0 when there is none. A damaged one counts as none: verify tells. */
static enum rc file_size_read(struct ledger *l, struct arena *mem, int64_t *size, struct err *err)
{
    struct note *n = ARENA_NEW(mem, struct note);
    struct checkpoint c = {.size = 0};
    struct str bytes;
    enum rc rc = file_read(str_printf(mem, "%s/ledger/checkpoint", l->dir).p, NOTE_SIZE_MAX, mem, &bytes, err);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    if (rc == RC_OK && note_parse(bytes, mem, n, NULL) == RC_OK && note_verify(n, &l->key, NULL) == RC_OK &&
        checkpoint_parse(n->text, mem, &c, NULL) != RC_OK)
        c.size = 0;
    *size = (int64_t)c.size;
    return RC_OK;
}

/* The file is the witness of entries cut off: it never goes back. */
static enum rc file_write(struct ledger *l, struct arena *mem, int64_t size, struct str note, int64_t file_size,
                          struct err *err)
{
    if (file_size > size)
        return err_set(
            err, RC_DAMAGED,
            "%s/ledger/checkpoint speaks of %lld entries, the database has %lld: entries were lost, or an older"
            " database was put back; run `fane verify`",
            l->dir, (long long)file_size, (long long)size);
    if (l->is_file_current && l->file_size == size)
        return RC_OK;
    TRY(file_replace(str_printf(mem, "%s/ledger/checkpoint", l->dir).p, note, 0644, err));
    l->is_file_current = true;
    l->file_size = size;
    return RC_OK;
}

static enum rc checkpoint_run(struct ledger *l, struct arena *mem, struct err *err)
{
    struct peek p = {.mem = mem};
    struct sign s = {.l = l, .mem = mem};
    int64_t file_size = l->file_size;
    if (!l->is_file_current) /* before the database, which only grows */
        TRY(file_size_read(l, mem, &file_size, err));
    TRY(store_read(l->store, peek, &p, err));
    if (!p.state.is_there || p.has_unsequenced) {
        TRY(store_write(l->store, do_nothing, NULL, err)); /* the hook does it */
        TRY(store_read(l->store, peek, &p, err));
    }
    s.size = p.last_size;
    s.note = p.last_note;
    if ((int64_t)p.state.tree.size > p.last_size) {
        if (!l->can_sign)
            return err_set(err, RC_NOT_FOUND, "%s/keys/ledger.key is missing: no checkpoint can be signed; restore it",
                           l->dir);
        TRY(store_write(l->store, sign, &s, err));
    }
    return s.size > 0 ? file_write(l, mem, s.size, s.note, file_size, err) : RC_OK;
}

enum rc ledger_checkpoint(struct ledger *l, struct err *err)
{
    struct arena mem;
    arena_init(&mem);
    pthread_mutex_lock(&l->checkpoint_lock);
    enum rc rc = checkpoint_run(l, &mem, err);
    pthread_mutex_unlock(&l->checkpoint_lock);
    arena_fini(&mem);
    return rc;
}

enum rc ledger_head(struct ledger *l, struct arena *mem, struct ledger_head *out, struct err *err)
{
    struct peek p = {.mem = mem};
    TRY(store_read(l->store, peek, &p, err));
    *out = (struct ledger_head){.entries = (int64_t)p.state.tree.size,
                                .root = merkle_root(&p.state.tree),
                                .verifier = note_key_format(mem, &l->key),
                                .note = p.last_note};
    return RC_OK;
}

void ledger_add_checker(struct ledger *l, const char *object_kind, ledger_check_fn fn, void *ctx)
{
    ENSURE(l->checkers_n < CHECKERS_MAX && strlen(object_kind) <= ENTRY_CODE_MAX);
    struct checker *c = &l->checkers[l->checkers_n++];
    snprintf(c->kind, sizeof c->kind, "%s", object_kind);
    c->fn = fn;
    c->ctx = ctx;
}
