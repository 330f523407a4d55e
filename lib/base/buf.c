/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The growing byte buffer of str.h.
 */
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t cap)
{
    *b = (struct buf){.cap = cap};
}

void buf_fini(struct buf *b)
{
    free(b->p);
    buf_init(b, b->cap);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->over = false;
}

char *buf_reserve(struct buf *b, size_t n)
{
    ENSURE(n <= SIZE_MAX / 4 && b->n <= SIZE_MAX / 4);
    if (b->cap && (b->n + n > b->cap || b->over)) {
        b->over = true;
        return NULL;
    }
    if (b->n + n + 1 > b->size) {
        size_t size = b->size ? b->size : 256;
        while (size < b->n + n + 1)
            size *= 2;
        b->p = mem_realloc(b->p, size);
        b->size = size;
    }
    return b->p + b->n;
}

void buf_commit(struct buf *b, size_t n)
{
    ENSURE(b->n + n < b->size || (n == 0));
    b->n += n;
}

void buf_add(struct buf *b, const void *data, size_t n)
{
    if (n == 0)
        return;
    char *to = buf_reserve(b, n);
    if (!to)
        return;
    memcpy(to, data, n);
    b->n += n;
}

void buf_add_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_add_z(struct buf *b, const char *z)
{
    buf_add(b, z, strlen(z));
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    char small[256];
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    ENSURE(n >= 0);
    if ((size_t)n < sizeof small) {
        buf_add(b, small, (size_t)n);
    } else {
        char *to = buf_reserve(b, (size_t)n + 1);
        if (to) {
            vsnprintf(to, (size_t)n + 1, fmt, again);
            b->n += (size_t)n;
        }
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

struct str buf_str(const struct buf *b)
{
    return (struct str){b->p ? b->p : "", b->n};
}

bool buf_is_over(const struct buf *b)
{
    return b->over;
}
