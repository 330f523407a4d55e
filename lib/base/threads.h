/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Threads for work that divides: a parallel loop over chunks. Mutexes and conditions are pthread's own.
 */
#ifndef BASE_THREADS_H
#define BASE_THREADS_H

#include <stddef.h>

size_t threads_online(void); /* processors this process may use, >= 1 */

/* Calls fn(ctx, i, worker) once for each i in [0, count) on up to `threads` threads (0 = threads_online()); worker is
 * in [0, threads). Order is not defined; the call returns when all are done. */
void threads_for(size_t threads, size_t count, void (*fn)(void *ctx, size_t i, size_t worker), void *ctx);

#endif
