/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * State rows against the ledger. An open-addressing table keyed by (kind, object id).
 */
#include "ledger/verify_int.h"

#include <stdlib.h>
#include <string.h>

struct slot {
    bool is_used, is_seen;
    uint8_t kind;
    int64_t seq; /* -1: not sequenced */
    struct uuid object, entry;
    struct sha256 digest;
};

struct digest_table {
    const struct checker *checkers;
    size_t checkers_n;
    struct slot *slots;
    size_t size, n; /* size is a power of two */
    /* while a checker runs */
    size_t kind;
    struct ledger_report *report;
};

struct digest_table *digest_table_new(const struct checker *checkers, size_t n)
{
    struct digest_table *t = mem_alloc(sizeof *t);
    t->checkers = checkers;
    t->checkers_n = n;
    t->size = 64;
    t->slots = mem_array(t->size, sizeof *t->slots);
    return t;
}

void digest_table_free(struct digest_table *t)
{
    if (!t)
        return;
    free(t->slots);
    free(t);
}

/* Where (kind, object) lies or would lie. */
static struct slot *slot_at(struct slot *slots, size_t size, size_t kind, struct uuid object)
{
    size_t i = (size_t)str_hash((struct str){(const char *)object.b, sizeof object.b}) + kind;
    for (;; i++) {
        struct slot *s = &slots[i & (size - 1)];
        if (!s->is_used || (s->kind == kind && uuid_is_equal(s->object, object)))
            return s;
    }
}

static void table_grow(struct digest_table *t)
{
    struct slot *old = t->slots;
    size_t old_size = t->size;
    t->size *= 2;
    t->slots = mem_array(t->size, sizeof *t->slots);
    for (size_t i = 0; i < old_size; i++)
        if (old[i].is_used)
            *slot_at(t->slots, t->size, old[i].kind, old[i].object) = old[i];
    free(old);
}

void digest_table_put(struct digest_table *t, const struct entry *e)
{
    if (!e->has_digest)
        return;
    for (size_t k = 0; k < t->checkers_n; k++) {
        if (!str_is_equal(e->object_kind, str_of(t->checkers[k].kind)))
            continue;
        struct slot *s = slot_at(t->slots, t->size, k, e->object);
        t->n += !s->is_used;
        *s = (struct slot){.is_used = true,
                           .kind = (uint8_t)k,
                           .seq = e->has_seq ? e->seq : -1,
                           .object = e->object,
                           .entry = e->id,
                           .digest = e->digest};
        if (t->n * 10 > t->size * 7)
            table_grow(t);
    }
}

static enum rc blame_slot(struct digest_table *t, const struct slot *s, const char *what, struct err *err)
{
    struct arena mem;
    arena_init(&mem);
    t->report->bad_entry = s->seq;
    t->report->bad_id = s->entry;
    err_set(err, RC_DAMAGED, "%s " STR_FMT " %s ledger entry %lld (id " STR_FMT ")", t->checkers[s->kind].kind,
            STR_ARG(uuid_format(&mem, s->object)), what, (long long)s->seq, STR_ARG(uuid_format(&mem, s->entry)));
    arena_fini(&mem);
    return RC_DAMAGED;
}

/* One state row, from a checker. */
static enum rc state_row(void *sink, struct uuid object, struct sha256 digest, struct err *err)
{
    struct digest_table *t = sink;
    struct slot *s = slot_at(t->slots, t->size, t->kind, object);
    t->report->objects++;
    if (!s->is_used) {
        struct arena mem;
        arena_init(&mem);
        err_set(err, RC_DAMAGED, "%s " STR_FMT " is in the database but no ledger entry speaks of it",
                t->checkers[t->kind].kind, STR_ARG(uuid_format(&mem, object)));
        arena_fini(&mem);
        return RC_DAMAGED;
    }
    s->is_seen = true;
    if (!sha256_is_equal(s->digest, digest))
        return blame_slot(t, s, "is not as it was written with", err);
    return RC_OK;
}

enum rc digest_table_check(struct digest_table *t, struct store_tx *tx, struct ledger_report *report, struct err *err)
{
    const struct sha256 gone = LEDGER_DIGEST_GONE;
    t->report = report;
    for (t->kind = 0; t->kind < t->checkers_n; t->kind++)
        TRY(t->checkers[t->kind].fn(tx, t->checkers[t->kind].ctx, state_row, t, err));
    for (size_t i = 0; i < t->size; i++) {
        const struct slot *s = &t->slots[i];
        if (s->is_used && !s->is_seen && !sha256_is_equal(s->digest, gone))
            return blame_slot(t, s, "has no row any more; it was written with", err);
    }
    return RC_OK;
}
