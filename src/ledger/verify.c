/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * ledger_verify: one pass over all entries on one snapshot, checkpoints alongside, then the state rows. Nothing stored is
 * believed: each entry's bytes are rebuilt from its columns, each hash from the bytes, each root from the hashes.
 */
#include "base/file.h"
#include "ledger/ledger_int.h"
#include "ledger/verify_int.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRY_PAGE = 2048, CHECKPOINT_PAGE = 256 };

struct verify {
    struct ledger *l;
    struct ledger_report *report;
    struct arena mem;   /* one entry's or one page's */
    struct arena pages; /* checkpoints of the page at hand */
    struct merkle tree;
    struct sha256 chain;
    struct digest_table *digests;
    struct stored_checkpoint stored[CHECKPOINT_PAGE];
    size_t stored_n, stored_at;
    bool has_file;
    struct checkpoint file; /* what DIR/ledger/checkpoint says */
};

/* Names the entry in report and text; the reason is in err already. */
static enum rc blame(struct verify *v, const struct entry *e, struct err *err)
{
    struct arena tmp;
    arena_init(&tmp);
    struct str id = uuid_format(&tmp, e->id);
    v->report->bad_id = e->id;
    if (e->has_seq) {
        v->report->bad_entry = (int64_t)v->tree.size;
        err_add(err, "ledger entry %llu (id " STR_FMT "): ", (unsigned long long)v->tree.size, STR_ARG(id));
    } else {
        err_add(err, "ledger entry without position (id " STR_FMT "): ", STR_ARG(id));
    }
    arena_fini(&tmp);
    return RC_DAMAGED;
}

static enum rc check_place(struct verify *v, const struct entry *e, struct err *err)
{
    struct arena tmp;
    if (e->seq == (int64_t)v->tree.size)
        return RC_OK;
    if (e->seq > (int64_t)v->tree.size) {
        v->report->bad_entry = (int64_t)v->tree.size;
        return err_set(err, RC_DAMAGED, "ledger entry %llu is missing: the next one has position %lld",
                       (unsigned long long)v->tree.size, (long long)e->seq);
    }
    arena_init(&tmp); /* below what was counted so far: there is a unique index, so only below 0 */
    v->report->bad_id = e->id;
    err_set(err, RC_DAMAGED, "ledger entry with id " STR_FMT " has the impossible position %lld",
            STR_ARG(uuid_format(&tmp, e->id)), (long long)e->seq);
    arena_fini(&tmp);
    return RC_DAMAGED;
}

/* Position 0 says whose ledger this is. */
static enum rc check_first(struct verify *v, const struct entry *e, struct err *err)
{
    if (!str_is_equal(e->action, STR("instance.create")))
        return err_set(err, RC_DAMAGED, "it is not instance.create");
    if (!str_is_equal(key_of_first(e->bytes, &v->mem), note_key_format(&v->mem, &v->l->key)))
        return err_set(err, RC_DAMAGED, "its verifier key is not the one in keys/");
    return RC_OK;
}

static enum rc check_hashes(struct verify *v, const struct entry *e, struct err *err)
{
    struct str detail;
    TRY(entry_check_bytes(e, &detail, &v->mem, err));
    if (!sha256_is_equal(merkle_leaf(e->bytes.p, e->bytes.n), e->leaf))
        return err_set(err, RC_DAMAGED, "its leaf hash is not that of its bytes");
    if (!e->has_seq)
        return e->has_chain ? err_set(err, RC_DAMAGED, "it has a chain hash without a position") : RC_OK;
    if (!e->has_chain || !sha256_is_equal(chain_next(v->chain, e->leaf), e->chain))
        return err_set(err, RC_DAMAGED, "its chain hash does not follow from the entry before");
    return v->tree.size == 0 ? check_first(v, e, err) : RC_OK;
}

static enum rc check_root(struct verify *v, const struct checkpoint *c, const char *where, struct err *err)
{
    if (sha256_is_equal(merkle_root(&v->tree), c->root) && str_is_equal(c->origin, v->l->key.name))
        return RC_OK;
    return err_set(err, RC_DAMAGED, "%s of %llu entries: the root is not that of the entries now here", where,
                   (unsigned long long)c->size);
}

/* Form and signature; exactly one signature, ours, so that no byte of the row goes unchecked. */
static enum rc checkpoint_open(struct verify *v, struct str bytes, struct checkpoint *out, struct err *err)
{
    struct note *n = ARENA_NEW(&v->mem, struct note);
    TRY(note_parse(bytes, &v->mem, n, err));
    TRY(note_verify(n, &v->l->key, err));
    if (n->signatures_n != 1)
        return err_set(err, RC_DAMAGED, "it has %zu signatures, not one", n->signatures_n);
    return checkpoint_parse(n->text, &v->mem, out, err);
}

static enum rc check_stored(struct verify *v, const struct stored_checkpoint *s, struct err *err)
{
    struct checkpoint c;
    if (checkpoint_open(v, s->note, &c, err) != RC_OK) {
        err_add(err, "checkpoint of %lld entries: ", (long long)s->size);
        return RC_DAMAGED;
    }
    if ((int64_t)c.size != s->size || s->size <= 0)
        return err_set(err, RC_DAMAGED, "checkpoint of %lld entries: its note speaks of %llu", (long long)s->size,
                       (unsigned long long)c.size);
    v->report->checkpoints++;
    return check_root(v, &c, "checkpoint", err);
}

static enum rc check_checkpoints_here(struct verify *v, struct err *err)
{
    while (v->stored_at < v->stored_n && v->stored[v->stored_at].size <= (int64_t)v->tree.size)
        TRY(check_stored(v, &v->stored[v->stored_at++], err));
    if (v->has_file && v->file.size == v->tree.size)
        return check_root(v, &v->file, "the file ledger/checkpoint", err);
    return RC_OK;
}

static enum rc check_entry(void *ctx, const struct entry *e, struct err *err)
{
    struct verify *v = ctx;
    arena_reset(&v->mem);
    if (e->has_seq)
        TRY(check_place(v, e, err));
    if (check_hashes(v, e, err) != RC_OK)
        return blame(v, e, err);
    digest_table_put(v->digests, e);
    if (!e->has_seq) {
        v->report->unsequenced++;
        return RC_OK;
    }
    v->chain = e->chain;
    merkle_add(&v->tree, e->leaf);
    v->report->entries++;
    return check_checkpoints_here(v, err);
}

/* Entries up to the last checkpoint of the page at hand, or to the end. */
static enum rc check_span(struct verify *v, struct store_tx *tx, struct entry_page *page, int64_t until, bool *is_end,
                          struct err *err)
{
    while (!*is_end && (int64_t)v->tree.size < until) {
        int64_t left = until - (int64_t)v->tree.size;
        page->max = left < ENTRY_PAGE ? (size_t)left : ENTRY_PAGE;
        TRY(entries_page(tx, page, check_entry, v, err));
        *is_end = page->n < page->max;
    }
    return RC_OK;
}

static enum rc check_sequenced(struct verify *v, struct store_tx *tx, struct err *err)
{
    struct entry_page page = {.from_start = true};
    bool is_end = false, is_first = true, is_last;
    int64_t after = 0;
    do {
        arena_reset(&v->pages);
        v->stored_at = 0;
        TRY(checkpoints_find(tx, after, is_first, CHECKPOINT_PAGE, &v->pages, v->stored, &v->stored_n, err));
        is_last = v->stored_n < CHECKPOINT_PAGE;
        is_first = false;
        after = is_last ? INT64_MAX : v->stored[v->stored_n - 1].size;
        TRY(check_span(v, tx, &page, after, &is_end, err));
        if (v->stored_at < v->stored_n) {
            v->report->bad_entry = (int64_t)v->tree.size;
            return err_set(err, RC_DAMAGED, "ledger entry %llu is missing: a checkpoint was signed over %lld entries",
                           (unsigned long long)v->tree.size, (long long)v->stored[v->stored_at].size);
        }
    } while (!is_last);
    if (v->has_file && v->file.size > v->tree.size) {
        v->report->bad_entry = (int64_t)v->tree.size;
        return err_set(err, RC_DAMAGED,
                       "ledger entry %llu is missing: the file ledger/checkpoint was signed over %llu entries",
                       (unsigned long long)v->tree.size, (unsigned long long)v->file.size);
    }
    return RC_OK;
}

static enum rc check_unsequenced(struct verify *v, struct store_tx *tx, struct err *err)
{
    struct entry_page page = {.from_start = true, .max = ENTRY_PAGE};
    do
        TRY(entries_page_unsequenced(tx, &page, check_entry, v, err));
    while (page.n == page.max);
    return RC_OK;
}

static enum rc check_state(struct verify *v, struct store_tx *tx, struct err *err)
{
    struct tree_state s;
    uint8_t want[MERKLE_FRONTIER_BYTES], have[MERKLE_FRONTIER_BYTES];
    int64_t rows;
    TRY(state_find(tx, &s, err));
    TRY(states_count(tx, &rows, err));
    if (rows != (v->tree.size ? 1 : 0) || s.is_there != (v->tree.size > 0))
        return err_set(err, RC_DAMAGED, "ledger_state has %lld rows%s", (long long)rows,
                       s.is_there ? "" : ", none with id 1");
    if (s.tree.size != v->tree.size) {
        v->report->bad_entry = (int64_t)(s.tree.size < v->tree.size ? s.tree.size : v->tree.size);
        return err_set(err, RC_DAMAGED, "ledger_state counts %llu entries, there are %llu: entry %lld is %s",
                       (unsigned long long)s.tree.size, (unsigned long long)v->tree.size,
                       (long long)v->report->bad_entry, s.tree.size < v->tree.size ? "inserted" : "missing");
    }
    size_t n = merkle_save(&v->tree, want), m = merkle_save(&s.tree, have);
    if (n != m || memcmp(want, have, n) != 0)
        return err_set(err, RC_DAMAGED, "ledger_state: the frontier is not that of the entries");
    if (!sha256_is_equal(s.chain, v->chain))
        return err_set(err, RC_DAMAGED, "ledger_state: the chain hash is not that of the last entry");
    return RC_OK;
}

static enum rc check_counts(struct verify *v, struct store_tx *tx, struct err *err)
{
    int64_t sequenced, unsequenced;
    TRY(entries_count(tx, &sequenced, &unsequenced, err));
    if (sequenced == v->report->entries && unsequenced == v->report->unsequenced)
        return RC_OK;
    return err_set(err, RC_DAMAGED, "ledger_entry has %lld rows, %lld could be read in order: an index is damaged",
                   (long long)(sequenced + unsequenced), (long long)(v->report->entries + v->report->unsequenced));
}

static enum rc verify_run(struct store_tx *tx, void *ctx, struct err *err)
{
    struct verify *v = ctx;
    TRY(check_sequenced(v, tx, err));
    v->report->root = merkle_root(&v->tree);
    TRY(check_unsequenced(v, tx, err));
    TRY(check_state(v, tx, err));
    TRY(check_counts(v, tx, err));
    return digest_table_check(v->digests, tx, v->report, err);
}

/* Read before the snapshot is taken: the database may only be ahead of it. A missing file is met by the checkpoints in
 * the database; one that is there must be whole. */
static enum rc file_open(struct verify *v, struct arena *mem, struct err *err)
{
    struct str bytes;
    enum rc rc = file_read(str_printf(mem, "%s/ledger/checkpoint", v->l->dir).p, NOTE_SIZE_MAX, mem, &bytes, err);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    TRY(rc);
    if (checkpoint_open(v, bytes, &v->file, err) != RC_OK) {
        err_add(err, "the file %s/ledger/checkpoint: ", v->l->dir);
        return RC_DAMAGED;
    }
    v->file.origin = str_copy(mem, v->file.origin);
    v->has_file = true;
    return RC_OK;
}

/* Everything but the store's snapshot; tests run it inside a transaction that they spoil. */
enum rc ledger_verify_in(struct ledger *l, struct store_tx *tx, struct ledger_report *out, struct err *err)
{
    struct arena mem;
    struct verify *v = mem_alloc(sizeof *v);
    arena_init(&mem);
    v->l = l;
    v->report = out;
    arena_init(&v->mem);
    arena_init(&v->pages);
    v->digests = digest_table_new(l->checkers, l->checkers_n);
    *out = (struct ledger_report){.bad_entry = -1, .root = merkle_root(&v->tree)};
    enum rc rc = file_open(v, &mem, err);
    if (rc == RC_OK)
        rc = tx ? verify_run(tx, v, err) : store_read(l->store, verify_run, v, err);
    digest_table_free(v->digests);
    arena_fini(&v->pages);
    arena_fini(&v->mem);
    arena_fini(&mem);
    free(v);
    return rc;
}

enum rc ledger_verify(struct ledger *l, struct ledger_report *out, struct err *err)
{
    return ledger_verify_in(l, NULL, out, err);
}
