/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * One pointer for many readers, replaced while they read. A split reference count: `current` holds the slot in use and
 * how often it was got since it was put there, in one word, so that getting is one atomic addition; puts are counted in
 * the slot itself. When a slot is replaced, what was got is added to its own count; whoever brings that to zero closes
 * it.
 *
 *   free --set--> current --set--> draining --last put--> free        (set: atlas_ref_set, put: atlas_ref_put)
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/arena.h"
#include "sites/atlas_int.h"

enum { SLOTS = 16, COUNT_BITS = 56 };
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)
/* Keeps a current slot's own count above zero: more gets than this cannot be open at once. */
#define BIAS (INT64_C(1) << 40)

struct slot {
    struct atlas *atlas;
    _Atomic int64_t open; /* BIAS - puts while current; gets - puts while draining */
    atomic_bool is_used;
};

struct atlas_ref {
    _Atomic uint64_t current; /* slot << COUNT_BITS | gets */
    struct slot slots[SLOTS];
};

struct atlas_ref *atlas_ref_new(void)
{
    struct atlas_ref *r = mem_alloc(sizeof *r);
    atomic_store(&r->slots[0].is_used, true); /* slot 0 starts as an empty current one */
    atomic_store(&r->slots[0].open, BIAS);
    return r;
}

static void slot_close(struct slot *s)
{
    atlas_close(s->atlas);
    s->atlas = NULL;
    atomic_store(&s->is_used, false);
}

void atlas_ref_free(struct atlas_ref *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        atlas_close(r->slots[i].atlas);
    free(r);
}

static struct slot *slot_claim(struct atlas_ref *r, uint64_t *index)
{
    for (uint64_t i = 0; i < SLOTS; i++) {
        bool free_one = false;
        if (atomic_compare_exchange_strong(&r->slots[i].is_used, &free_one, true)) {
            *index = i;
            return &r->slots[i];
        }
    }
    return NULL;
}

enum rc atlas_ref_set(struct atlas_ref *r, struct atlas *a, struct err *err)
{
    uint64_t index;
    struct slot *s = slot_claim(r, &index);
    if (!s)
        return err_set(err, RC_BUSY, "%d older images of the atlas are still being read; try again", SLOTS - 1);
    s->atlas = a;
    if (a)
        a->slot = (unsigned)index;
    atomic_store(&s->open, BIAS);
    uint64_t old = atomic_exchange(&r->current, index << COUNT_BITS);
    struct slot *was = &r->slots[old >> COUNT_BITS];
    int64_t change = (int64_t)(old & COUNT_MASK) - BIAS;
    if (atomic_fetch_add(&was->open, change) + change == 0)
        slot_close(was);
    return RC_OK;
}

const struct atlas *atlas_ref_get(struct atlas_ref *r)
{
    struct slot *s = &r->slots[atomic_fetch_add(&r->current, 1) >> COUNT_BITS];
    if (s->atlas)
        return s->atlas;
    if (atomic_fetch_sub(&s->open, 1) == 1) /* nothing to hold on to: put back at once */
        slot_close(s);
    return NULL;
}

void atlas_ref_put(struct atlas_ref *r, const struct atlas *a)
{
    if (!a)
        return;
    struct slot *s = &r->slots[a->slot];
    if (atomic_fetch_sub(&s->open, 1) == 1)
        slot_close(s);
}
