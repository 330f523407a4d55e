/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Arena: a chain of blocks, newest first; big allocations get a block of their own.
 */
#include "base/arena.h"

#include "base/err.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_ALIGN = 16, ARENA_BLOCK = 64 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    size_t used;
    size_t pad_; /* keeps data[] aligned to 16 */
    unsigned char data[];
};

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr, "fane: out of memory (asked for %zu bytes)\n", size);
    abort();
}

void *mem_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        out_of_memory(size);
    return p;
}

void *mem_realloc(void *old, size_t size)
{
    void *p = realloc(old, size ? size : 1);
    if (!p)
        out_of_memory(size);
    return p;
}

void *mem_array(size_t count, size_t size)
{
    ENSURE(size == 0 || count <= SIZE_MAX / size);
    return mem_alloc(count * size);
}

void arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

void arena_fini(struct arena *a)
{
    struct arena_block *b = a->head;
    while (b) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
    arena_init(a);
}

void arena_reset(struct arena *a)
{
    struct arena_block *keep = NULL, *b = a->head;
    while (b) {
        struct arena_block *next = b->next;
        if (!keep && b->size == ARENA_BLOCK)
            keep = b;
        else
            free(b);
        b = next;
    }
    if (keep) {
        keep->next = NULL;
        keep->used = 0;
    }
    a->head = keep;
    a->used = 0;
    a->held = keep ? keep->size : 0;
}

static struct arena_block *block_add(struct arena *a, size_t size)
{
    struct arena_block *b = malloc(sizeof *b + size);
    if (!b)
        out_of_memory(size);
    *b = (struct arena_block){.next = a->head, .size = size};
    a->head = b;
    a->held += size;
    if (a->held > a->peak)
        a->peak = a->held;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    ENSURE(size <= SIZE_MAX / 2);
    size_t need = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (need == 0)
        need = ARENA_ALIGN;
    a->used += need;
#ifdef FANE_ARENA_MALLOC
    struct arena_block *b = block_add(a, size ? size : 1);
    b->used = size;
    return memset(b->data, 0, b->size);
#else
    struct arena_block *b = a->head;
    if (!b || b->size - b->used < need) {
        if (need > ARENA_BLOCK / 4 && b) { /* its own block, behind the head, so the head's rest stays in use */
            struct arena_block *big = block_add(a, need);
            a->head = b;
            big->next = b->next;
            b->next = big;
            big->used = need;
            return memset(big->data, 0, need);
        }
        b = block_add(a, need > ARENA_BLOCK ? need : ARENA_BLOCK);
    }
    void *p = b->data + b->used;
    b->used += need;
    return memset(p, 0, need);
#endif
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    ENSURE(size == 0 || count <= SIZE_MAX / 2 / size);
    return arena_alloc(a, count * size);
}

void *arena_copy(struct arena *a, const void *data, size_t size)
{
    void *p = arena_alloc(a, size);
    if (size)
        memcpy(p, data, size);
    return p;
}

void *arena_grow(struct arena *a, void *old, size_t old_size, size_t new_size)
{
    void *p = arena_alloc(a, new_size);
    if (old && old_size)
        memcpy(p, old, old_size < new_size ? old_size : new_size);
    return p;
}
