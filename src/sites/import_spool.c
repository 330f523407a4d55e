/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See import_spool.h. External merge sort (Knuth, The Art of Computer Programming 3, 5.4.1): runs as large as the
 * memory allows, one merge over all of them with a binary heap.
 */
#include "sites/import_spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMORY_DEFAULT = 64 << 20, MEMORY_LEAST = 1 << 16, READ_LEAST = 1 << 14, READ_MOST = 1 << 20 };

/* In memory and in the file: this, the key, the payload. */
struct head {
    uint32_t key_n, payload_n;
    uint32_t flags, unused;
    int64_t line, version;
    uint64_t seq;
};

struct run {
    off_t at, end; /* what has not been read into bytes yet */
    char *bytes;   /* read window */
    size_t size, from, to;
    struct spool_record now;
    bool more;
};

struct spool {
    int fd;
    off_t file_n;
    char *arena; /* records being collected */
    size_t used, size;
    uint32_t *order; /* offsets / 8 into the arena */
    size_t n, order_size;
    uint64_t seq;
    struct run *runs;
    size_t runs_n;
    size_t *heap;
    size_t heap_n;
    size_t next; /* without runs: position in order */
    bool turned, started;
};

static enum rc temp_open(const char *dir, int *out, struct err *err)
{
    struct arena mem;
    arena_init(&mem);
    if (!dir || !*dir)
        dir = getenv("TMPDIR");
    if (!dir || !*dir)
        dir = "/tmp";
    char *path = str_z(&mem, str_printf(&mem, "%s/fane-import-XXXXXX", dir));
    int fd = mkstemp(path);
    enum rc rc = RC_OK;
    if (fd < 0)
        rc = err_set(err, RC_IO, "cannot make a temporary file in %s: %s; set TMPDIR to a folder with room", dir,
                     strerror(errno));
    else
        unlink(path);
    arena_fini(&mem);
    *out = fd;
    return rc;
}

enum rc spool_new(const char *dir, size_t memory_max, struct spool **out, struct err *err)
{
    int fd;
    TRY(temp_open(dir, &fd, err));
    struct spool *s = mem_alloc(sizeof *s);
    s->fd = fd;
    s->size = memory_max ? memory_max : MEMORY_DEFAULT;
    s->size = s->size < MEMORY_LEAST ? MEMORY_LEAST : s->size;
    s->arena = mem_realloc(NULL, s->size); /* not zeroed: pages are taken as they are written */
    *out = s;
    return RC_OK;
}

void spool_free(struct spool *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->runs_n; i++)
        free(s->runs[i].bytes);
    free(s->runs);
    free(s->heap);
    free(s->order);
    free(s->arena);
    close(s->fd);
    free(s);
}

uint64_t spool_count(const struct spool *s)
{
    return s->seq;
}

static size_t whole(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static struct spool_record record_at(const char *p)
{
    struct head h;
    memcpy(&h, p, sizeof h);
    return (struct spool_record){.key = {p + sizeof h, h.key_n},
                                 .flags = h.flags,
                                 .line = h.line,
                                 .version = h.version,
                                 .seq = h.seq,
                                 .payload = {p + sizeof h + h.key_n, h.payload_n}};
}

static int record_compare(const struct spool_record *a, const struct spool_record *b)
{
    int c = str_compare(a->key, b->key);
    if (c != 0)
        return c;
    if (a->version != b->version)
        return a->version > b->version ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* Merge sort of the offsets: qsort_r is not POSIX 2008, and this one is stable in time. */
static void order_sort(const char *arena, uint32_t *a, uint32_t *tmp, size_t n)
{
    if (n < 2)
        return;
    size_t half = n / 2, i = 0, j = half, k = 0;
    order_sort(arena, a, tmp, half);
    order_sort(arena, a + half, tmp, n - half);
    while (i < half && j < n) {
        struct spool_record x = record_at(arena + (size_t)a[i] * 8), y = record_at(arena + (size_t)a[j] * 8);
        tmp[k++] = record_compare(&x, &y) <= 0 ? a[i++] : a[j++];
    }
    while (i < half)
        tmp[k++] = a[i++];
    memcpy(a, tmp, k * sizeof *a);
}

static void arena_sort(struct spool *s)
{
    uint32_t *tmp = mem_array(s->n ? s->n : 1, sizeof *tmp);
    order_sort(s->arena, s->order, tmp, s->n);
    free(tmp);
}

static enum rc file_write(struct spool *s, const char *p, size_t n, struct err *err)
{
    while (n > 0) {
        ssize_t got = pwrite(s->fd, p, n, s->file_n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_set(err, RC_IO, "cannot write the temporary file: %s; set TMPDIR to a folder with room",
                           strerror(errno));
        p += got;
        n -= (size_t)got;
        s->file_n += got;
    }
    return RC_OK;
}

static size_t record_size(const char *p)
{
    struct head h;
    memcpy(&h, p, sizeof h);
    return whole(sizeof h + h.key_n + h.payload_n);
}

static enum rc run_write(struct spool *s, struct err *err)
{
    if (s->runs_n == SPOOL_RUNS_MAX || s->file_n > SPOOL_BYTES_MAX)
        return err_set(err, RC_TOO_LARGE, "the import needs over %d sorted runs; give it more memory or split the file",
                       SPOOL_RUNS_MAX);
    arena_sort(s);
    off_t at = s->file_n;
    struct buf out;
    buf_init(&out, 0);
    enum rc rc = RC_OK;
    for (size_t i = 0; i < s->n && rc == RC_OK; i++) {
        const char *p = s->arena + (size_t)s->order[i] * 8;
        buf_add(&out, p, record_size(p));
        if (out.n >= READ_MOST || i + 1 == s->n) {
            rc = file_write(s, out.p, out.n, err);
            buf_clear(&out);
        }
    }
    buf_fini(&out);
    s->runs = mem_realloc(s->runs, (s->runs_n + 1) * sizeof *s->runs);
    s->runs[s->runs_n++] = (struct run){.at = at, .end = s->file_n};
    s->used = s->n = 0;
    return rc;
}

enum rc spool_add(struct spool *s, const struct spool_record *r, struct err *err)
{
    ENSURE(!s->turned);
    size_t need = whole(sizeof(struct head) + r->key.n + r->payload.n);
    if (r->key.n > SPOOL_RECORD_MAX || r->payload.n > SPOOL_RECORD_MAX || need > SPOOL_RECORD_MAX)
        return err_set(err, RC_TOO_LARGE, "line %lld: the record is larger than %u bytes", (long long)r->line,
                       SPOOL_RECORD_MAX);
    if (s->used + need > s->size && s->n > 0)
        TRY(run_write(s, err));
    if (need > s->size) {
        s->size = need;
        s->arena = mem_realloc(s->arena, s->size);
    }
    if (s->n == s->order_size) {
        s->order_size = s->order_size ? 2 * s->order_size : 4096;
        s->order = mem_realloc(s->order, s->order_size * sizeof *s->order);
    }
    struct head h = {.key_n = (uint32_t)r->key.n,
                     .payload_n = (uint32_t)r->payload.n,
                     .flags = r->flags,
                     .line = r->line,
                     .version = r->version,
                     .seq = s->seq++};
    char *p = s->arena + s->used;
    memset(p + need - 8, 0, 8);
    memcpy(p, &h, sizeof h);
    memcpy(p + sizeof h, r->key.p, r->key.n);
    if (r->payload.n)
        memcpy(p + sizeof h + r->key.n, r->payload.p, r->payload.n);
    s->order[s->n++] = (uint32_t)(s->used / 8);
    s->used += need;
    return RC_OK;
}

/* Makes at least `need` bytes readable at run->from. */
static enum rc run_fill(struct spool *s, struct run *r, size_t need, struct err *err)
{
    if (r->to - r->from >= need)
        return RC_OK;
    memmove(r->bytes, r->bytes + r->from, r->to - r->from);
    r->to -= r->from;
    r->from = 0;
    if (need > r->size) {
        r->size = need;
        r->bytes = mem_realloc(r->bytes, r->size);
    }
    while (r->to < need) {
        size_t want = r->size - r->to;
        if ((off_t)want > r->end - r->at)
            want = (size_t)(r->end - r->at);
        ssize_t got = want ? pread(s->fd, r->bytes + r->to, want, r->at) : 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_set(err, RC_IO, "cannot read the temporary file back: %s", got ? strerror(errno) : "cut short");
        r->to += (size_t)got;
        r->at += got;
    }
    return RC_OK;
}

static enum rc run_next(struct spool *s, struct run *r, struct err *err)
{
    r->more = r->from < r->to || r->at < r->end;
    if (!r->more)
        return RC_OK;
    TRY(run_fill(s, r, sizeof(struct head), err));
    size_t n = record_size(r->bytes + r->from);
    TRY(run_fill(s, r, n, err));
    r->now = record_at(r->bytes + r->from);
    r->from += n;
    return RC_OK;
}

static bool is_before(const struct spool *s, size_t a, size_t b)
{
    return record_compare(&s->runs[a].now, &s->runs[b].now) < 0;
}

static void heap_sink(struct spool *s, size_t i)
{
    for (;;) {
        size_t least = i, left = 2 * i + 1;
        for (size_t c = left; c < left + 2 && c < s->heap_n; c++)
            if (is_before(s, s->heap[c], s->heap[least]))
                least = c;
        if (least == i)
            return;
        size_t t = s->heap[i];
        s->heap[i] = s->heap[least];
        s->heap[least] = t;
        i = least;
    }
}

enum rc spool_turn(struct spool *s, struct err *err)
{
    s->turned = true;
    if (s->runs_n == 0) {
        arena_sort(s);
        return RC_OK;
    }
    if (s->n > 0)
        TRY(run_write(s, err));
    size_t window = s->size / s->runs_n;
    window = window > READ_MOST ? READ_MOST : window < READ_LEAST ? READ_LEAST : window;
    free(s->arena);
    s->arena = NULL;
    s->heap = mem_array(s->runs_n, sizeof *s->heap);
    for (size_t i = 0; i < s->runs_n; i++) {
        struct run *r = &s->runs[i];
        r->size = window;
        r->bytes = mem_realloc(NULL, window);
        TRY(run_next(s, r, err));
        if (r->more)
            s->heap[s->heap_n++] = i;
    }
    for (size_t i = s->heap_n; i-- > 0;)
        heap_sink(s, i);
    return RC_OK;
}

enum rc spool_next(struct spool *s, struct spool_record *out, bool *more, struct err *err)
{
    ENSURE(s->turned);
    if (s->runs_n == 0) {
        *more = s->next < s->n;
        if (*more)
            *out = record_at(s->arena + (size_t)s->order[s->next++] * 8);
        return RC_OK;
    }
    if (s->started) { /* the record given last is the top run's window; only now may it move */
        struct run *r = &s->runs[s->heap[0]];
        TRY(run_next(s, r, err));
        if (!r->more)
            s->heap[0] = s->heap[--s->heap_n];
        heap_sink(s, 0);
    }
    *more = s->heap_n > 0;
    s->started = *more;
    if (*more)
        *out = s->runs[s->heap[0]].now;
    return RC_OK;
}
