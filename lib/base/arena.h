/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Memory of one request, job or tile: many small allocations, freed whole. Not for long-lived objects (_new/_free).
 * Invariants:
 *   A1 what arena_alloc returns is zeroed and aligned to 16 bytes.
 *   A2 allocation never fails softly: memory running out aborts with a message, as a half-built answer is worse;
 *      whoever handles input of unknown size caps it first.
 * Built with -Darena_malloc=true every allocation is its own malloc, so that ASan sees overruns.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *head;
    size_t used; /* bytes handed out since init or reset */
    size_t peak; /* most bytes ever held from malloc */
    size_t held;
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a);  /* frees all; the arena may be used again */
void arena_reset(struct arena *a); /* forgets all, keeps one block for reuse */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t count, size_t size); /* aborts on count*size overflow */
void *arena_copy(struct arena *a, const void *data, size_t size);
/* Grows an array that may be the last allocation: copies when it must. Old bytes kept, new ones zero. */
void *arena_grow(struct arena *a, void *old, size_t old_size, size_t new_size);

#define ARENA_NEW(a, type)      ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_NEW_N(a, type, n) ((type *)arena_array((a), (n), sizeof(type)))

/* malloc family that aborts when memory runs out; for _new functions. */
void *mem_alloc(size_t size); /* zeroed */
void *mem_realloc(void *p, size_t size);
void *mem_array(size_t count, size_t size); /* zeroed */

#endif
