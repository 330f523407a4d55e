/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The OSM reader's file: opening (by content, streams laid aside first) and passes over PBF blobs or over XML.
 *
 * Which blobs hold which kind is guessed from a few probes, taking the file to be sorted by kind as nearly all are; each
 * pass checks what it sees against the guess. A wrong guess costs one more start, after which every blob's kinds are
 * known from having been read.
 */
#include "sites/osm_source.h"

#include "base/threads.h"
#include "wire/gzip.h"
#include "wire/osm_pbf.h"
#include "wire/osm_xml.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KINDS_ALL = OSM_BIT(OSM_NODE) | OSM_BIT(OSM_WAY) | OSM_BIT(OSM_RELATION),
    GUESS_MIN = 16, /* blobs; in shorter files everything may be anywhere */
    THREADS_MAX = 256,
    COPY_CHUNK = 1 << 18,
};
#define SPOOL_MAX (UINT64_C(1) << 40)

struct osm_source {
    int fd;
    char path[64]; /* of fd, to open it again; or use name */
    const char *name;
    uint64_t bytes;
    enum osm_format format;
    size_t threads;
    const struct site_sink *sink;
    atomic_uint_fast64_t bytes_done;
    uint64_t bytes_total;
    struct osm_pbf *pbf;
    struct osm_pbf_reader **readers;
    unsigned char *kinds; /* per blob: what it may hold; grows exact as blobs are read */
    bool is_guessed;
    struct osm_journal *journal; /* NULL: none */
    struct buf *records;         /* per worker: the objects of a blob, for the journal */
    unsigned passes;             /* begun; numbers them in the journal */
    atomic_uint_fast64_t resumed;
};

/* --- opening ------------------------------------------------------------------------------------------------------- */

static enum rc write_all(int fd, const char *p, size_t n, struct err *err)
{
    while (n) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return err_set(err, RC_IO, "cannot lay the stream aside in a temporary file: %s", strerror(errno));
        p += put;
        n -= (size_t)put;
    }
    return RC_OK;
}

static enum rc copy_stream(int from, int to, struct err *err)
{
    char *chunk = mem_alloc(COPY_CHUNK);
    enum rc rc = RC_OK;
    for (uint64_t total = 0; rc == RC_OK;) {
        ssize_t got = read(from, chunk, COPY_CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = err_set(err, RC_IO, "cannot read the stream: %s", strerror(errno));
        if (got <= 0)
            break;
        total += (uint64_t)got;
        rc = total > SPOOL_MAX ? err_set(err, RC_TOO_LARGE, "the stream is over 1 TiB")
                               : write_all(to, chunk, (size_t)got, err);
    }
    free(chunk);
    return rc;
}

/* Replaces s->fd, a stream, by an unnamed file with its content. */
static enum rc spool(struct osm_source *s, const char *dir, struct err *err)
{
    char name[4096];
    dir = dir ? dir : getenv("TMPDIR");
    dir = dir && *dir ? dir : "/tmp";
    if ((size_t)snprintf(name, sizeof name, "%s/fane-osm-XXXXXX", dir) >= sizeof name)
        return err_set(err, RC_INVALID, "the temporary folder's path is too long");
    int to = mkstemp(name);
    if (to < 0)
        return err_set(err, RC_IO, "cannot make a temporary file in %s: %s", dir, strerror(errno));
    unlink(name);
    fcntl(to, F_SETFD, FD_CLOEXEC);
    enum rc rc = copy_stream(s->fd, to, err);
    if (s->fd != STDIN_FILENO)
        close(s->fd);
    s->fd = to;
    return rc;
}

static const struct {
    const char *magic;
    size_t n;
    const char *what;
} FOREIGN[] = {
    {"BZh", 3, "a bzip2 file; unpack it first"},
    {"\xFD"
     "7zXZ",
     5, "an xz file; unpack it first"},
    {"\x28\xB5\x2F\xFD", 4, "a Zstandard file; unpack it first"},
    {"PK\x03\x04", 4, "a zip archive; unpack it first"},
    {"\x04\x22\x4D\x18", 4, "an LZ4 file; unpack it first"},
};

static bool is_xml_start(const unsigned char *p, size_t n)
{
    if (n >= 2 && ((p[0] == 0x1F && p[1] == 0x8B) || (p[0] == 0xFE && p[1] == 0xFF) || (p[0] == 0xFF && p[1] == 0xFE)))
        return true; /* gzip; UTF-16 */
    size_t i = n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r' || p[i] == '\n'))
        i++;
    return i < n && p[i] == '<';
}

static enum rc sniff(struct osm_source *s, struct err *err)
{
    unsigned char head[64] = {0};
    ssize_t n = pread(s->fd, head, sizeof head, 0);
    if (n < 0)
        return err_set(err, RC_IO, "cannot read %s: %s", s->name, strerror(errno));
    if (n == 0)
        return err_set(err, RC_DAMAGED, "%s is empty", s->name);
    for (size_t i = 0; i < sizeof FOREIGN / sizeof *FOREIGN; i++)
        if ((size_t)n >= FOREIGN[i].n && memcmp(head, FOREIGN[i].magic, FOREIGN[i].n) == 0)
            return err_set(err, RC_UNSUPPORTED, "%s is %s", s->name, FOREIGN[i].what);
    if (s->format == OSM_FORMAT_ANY)
        s->format = is_xml_start(head, (size_t)n) ? OSM_FORMAT_XML : OSM_FORMAT_PBF;
    return RC_OK;
}

static enum rc open_fd(struct osm_source *s, const char *path, const struct osm_options *opt, struct err *err)
{
    struct stat st;
    bool is_stdin = strcmp(path, "-") == 0;
    s->name = is_stdin ? "standard input" : path;
    s->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0)
        return err_set(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "cannot open %s: %s", path, strerror(errno));
    if (is_stdin || fstat(s->fd, &st) != 0 || !S_ISREG(st.st_mode))
        TRY(spool(s, opt->temp_dir, err));
    if (fstat(s->fd, &st) != 0)
        return err_set(err, RC_IO, "cannot look at %s: %s", s->name, strerror(errno));
    s->bytes = (uint64_t)st.st_size;
    snprintf(s->path, sizeof s->path, "/proc/self/fd/%d", s->fd);
    return sniff(s, err);
}

static size_t threads_of(const struct osm_options *opt, enum osm_format format)
{
    size_t n = opt->threads ? opt->threads : threads_online();
    return format == OSM_FORMAT_XML ? 1 : n > THREADS_MAX ? THREADS_MAX : n;
}

static enum rc open_pbf(struct osm_source *s, struct err *err);

enum rc osm_source_open(const char *path, enum osm_format format, const struct osm_options *opt,
                        const struct site_sink *sink, struct osm_source **out, struct err *err)
{
    struct osm_source *s = mem_alloc(sizeof *s);
    s->fd = -1;
    s->format = format;
    s->sink = sink;
    enum rc rc = open_fd(s, path, opt, err);
    if (rc == RC_OK) {
        s->threads = threads_of(opt, s->format);
        s->bytes_total = s->bytes * (s->format == OSM_FORMAT_XML ? OSM_KINDS : 1);
        if (s->format == OSM_FORMAT_PBF)
            rc = open_pbf(s, err);
    }
    if (rc != RC_OK)
        osm_source_close(s);
    else
        *out = s;
    return rc;
}

void osm_source_close(struct osm_source *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->readers && i < s->threads; i++)
        osm_pbf_reader_free(s->readers[i]);
    for (size_t i = 0; s->records && i < s->threads; i++)
        buf_fini(&s->records[i]);
    free(s->records);
    osm_journal_close(s->journal);
    free(s->readers);
    free(s->kinds);
    osm_pbf_free(s->pbf);
    if (s->fd > STDERR_FILENO)
        close(s->fd);
    free(s);
}

size_t osm_source_threads(const struct osm_source *s)
{
    return s->threads;
}

enum rc osm_source_resume(struct osm_source *s, const char *path, const struct osm_rules *rules,
                          struct sha256 rules_digest, struct err *err)
{
    if (s->format != OSM_FORMAT_PBF)
        return RC_OK;
    TRY(osm_journal_open(path, s->fd, osm_pbf_blob_count(s->pbf), rules, rules_digest, &s->journal, err));
    s->records = mem_array(s->threads, sizeof *s->records);
    for (size_t i = 0; i < s->threads; i++)
        buf_init(&s->records[i], 0);
    return RC_OK;
}

uint64_t osm_source_resumed(const struct osm_source *s)
{
    return atomic_load(&s->resumed);
}

static void progress(struct osm_source *s)
{
    uint64_t done = atomic_load(&s->bytes_done);
    if (s->sink->progress)
        s->sink->progress(s->sink->ctx, done < s->bytes_total ? done : s->bytes_total, s->bytes_total);
}

/* --- PBF: the guess ------------------------------------------------------------------------------------------------ */

static enum rc probe(struct osm_source *s, size_t blob, struct err *err)
{
    static const struct osm_want NOTHING = {0};
    struct osm_pbf_seen seen;
    if (s->kinds[blob] != KINDS_ALL)
        return RC_OK;
    TRY(osm_pbf_scan(s->pbf, s->readers[0], blob, &NOTHING, NULL, NULL, &seen, err));
    s->kinds[blob] = (unsigned char)seen.kinds;
    return RC_OK;
}

/* First blob that holds something of `kinds`, if the file is sorted. */
static enum rc boundary(struct osm_source *s, unsigned kinds, size_t *out, struct err *err)
{
    size_t lo = 0, hi = osm_pbf_blob_count(s->pbf);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        TRY(probe(s, mid, err));
        if (s->kinds[mid] & kinds)
            hi = mid;
        else
            lo = mid + 1;
    }
    *out = lo;
    return RC_OK;
}

static enum rc guess(struct osm_source *s, struct err *err)
{
    size_t n = osm_pbf_blob_count(s->pbf), ways, relations;
    TRY(boundary(s, OSM_BIT(OSM_WAY) | OSM_BIT(OSM_RELATION), &ways, err));
    TRY(boundary(s, OSM_BIT(OSM_RELATION), &relations, err));
    for (size_t i = 0; i < n; i++)
        if (s->kinds[i] == KINDS_ALL) /* not probed */
            s->kinds[i] = i < ways ? OSM_BIT(OSM_NODE) : i < relations ? OSM_BIT(OSM_WAY) : OSM_BIT(OSM_RELATION);
    s->is_guessed = true;
    return RC_OK;
}

static enum rc open_pbf(struct osm_source *s, struct err *err)
{
    enum rc rc = osm_pbf_open(s->fd, &s->pbf, err);
    if (rc != RC_OK)
        return err_add(err, "%s: ", s->name);
    size_t n = osm_pbf_blob_count(s->pbf);
    s->readers = mem_array(s->threads, sizeof *s->readers);
    for (size_t i = 0; i < s->threads; i++)
        s->readers[i] = osm_pbf_reader_new();
    s->kinds = mem_alloc(n + 1);
    memset(s->kinds, KINDS_ALL, n);
    if (n >= GUESS_MIN && guess(s, err) != RC_OK)
        return err_add(err, "%s: ", s->name);
    return RC_OK;
}

/* --- PBF: a pass --------------------------------------------------------------------------------------------------- */

struct pass {
    struct osm_source *s;
    unsigned number;
    enum osm_kind kind;
    const struct osm_want *want;
    osm_object_fn fn;
    void *const *ctxs;
    size_t *blobs;
    struct osm_pbf_seen *seen; /* per entry of blobs */
    atomic_size_t failed;      /* least index that failed, SIZE_MAX none; later ones need not be done */
    atomic_bool is_wrong;      /* the guess */
    pthread_mutex_t lock;
    struct err err; /* of failed */
};

static void pass_fail(struct pass *p, size_t i, const struct err *err)
{
    pthread_mutex_lock(&p->lock);
    if (i < atomic_load(&p->failed)) {
        atomic_store(&p->failed, i);
        p->err = *err;
    }
    pthread_mutex_unlock(&p->lock);
}

/* Passes each object on and writes it down. */
struct recorder {
    osm_object_fn fn;
    void *ctx;
    const struct osm_journal *journal;
    struct buf *out;
};

static enum rc on_recorded(void *ctx, const struct osm_object *o, struct err *err)
{
    struct recorder *r = ctx;
    osm_journal_put(r->journal, r->out, o);
    return r->fn(r->ctx, o, err);
}

static enum rc blob_read(struct pass *p, size_t i, size_t worker, struct err *err)
{
    struct osm_source *s = p->s;
    size_t blob = p->blobs[i];
    if (!s->journal)
        return osm_pbf_scan(s->pbf, s->readers[worker], blob, p->want, p->fn, p->ctxs[worker], &p->seen[i], err);
    struct recorder r = {p->fn, p->ctxs[worker], s->journal, &s->records[worker]};
    buf_clear(r.out);
    TRY(osm_pbf_scan(s->pbf, s->readers[worker], blob, p->want, on_recorded, &r, &p->seen[i], err));
    struct journal_blob b = {
        .pass = p->number, .blob = blob, .kinds = p->seen[i].kinds, .seen = p->seen[i].of[p->kind]};
    return osm_journal_add(s->journal, &b, r.out, err);
}

static enum rc blob_replay(struct pass *p, size_t i, size_t worker, struct err *err)
{
    struct journal_blob b = {.pass = p->number, .blob = p->blobs[i]};
    TRY(osm_journal_replay(p->s->journal, &b, p->fn, p->ctxs[worker], err));
    p->seen[i] = (struct osm_pbf_seen){.kinds = b.kinds};
    p->seen[i].of[p->kind] = b.seen;
    atomic_fetch_add(&p->s->resumed, 1);
    return RC_OK;
}

static void pass_blob(void *ctx, size_t i, size_t worker)
{
    struct pass *p = ctx;
    struct osm_source *s = p->s;
    struct err err = {0};
    if (i > atomic_load(&p->failed) || atomic_load(&p->is_wrong))
        return;
    size_t blob = p->blobs[i];
    bool is_known = s->journal && osm_journal_has(s->journal, p->number, blob);
    if ((is_known ? blob_replay : blob_read)(p, i, worker, &err) != RC_OK)
        pass_fail(p, i, &err);
    else if (p->seen[i].kinds & ~(unsigned)s->kinds[blob])
        atomic_store(&p->is_wrong, true);
    atomic_fetch_add(&s->bytes_done, osm_pbf_blob_bytes(s->pbf, blob));
    if (worker == 0)
        progress(s);
}

static size_t blobs_choose(const struct osm_source *s, enum osm_kind kind, size_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < osm_pbf_blob_count(s->pbf); i++)
        if (s->kinds[i] & OSM_BIT(kind))
            out[n++] = i;
    return n;
}

static void pass_learn(struct pass *p, size_t n, struct osm_seen *seen)
{
    *seen = (struct osm_seen){.is_rising = true};
    for (size_t i = 0; i < n; i++) {
        p->s->kinds[p->blobs[i]] = (unsigned char)p->seen[i].kinds;
        osm_seen_join(seen, &p->seen[i].of[p->kind]);
    }
}

static enum rc pass_pbf(struct pass *p, struct osm_seen *seen, bool *redo, struct err *err)
{
    struct osm_source *s = p->s;
    size_t all = osm_pbf_blob_count(s->pbf);
    p->blobs = mem_array(all, sizeof *p->blobs);
    size_t n = blobs_choose(s, p->kind, p->blobs);
    p->seen = mem_array(n, sizeof *p->seen);
    atomic_init(&p->failed, SIZE_MAX);
    pthread_mutex_init(&p->lock, NULL);
    threads_for(s->threads, n, pass_blob, p);
    pthread_mutex_destroy(&p->lock);
    enum rc rc = RC_OK;
    *redo = atomic_load(&p->is_wrong);
    if (*redo) {
        memset(s->kinds, KINDS_ALL, all);
        s->is_guessed = false;
        atomic_store(&s->bytes_done, 0);
    } else if (atomic_load(&p->failed) != SIZE_MAX) {
        *err = p->err;
        rc = err_add(err, "%s: ", s->name);
    } else {
        pass_learn(p, n, seen);
        progress(s); /* the one worker that tells may have had the first blobs only */
    }
    free(p->seen);
    free(p->blobs);
    return rc;
}

/* --- XML ----------------------------------------------------------------------------------------------------------- */

struct xml_bytes {
    struct osm_source *s;
    struct input *in;
    uint64_t before, last;
};

static enum rc xml_read(void *ctx, void *out, size_t n, size_t *got, struct err *err)
{
    struct xml_bytes *x = ctx;
    TRY(input_read(x->in, out, n, got, err));
    uint64_t taken = x->before + input_taken(x->in);
    if (taken - x->last > COPY_CHUNK) {
        x->last = taken;
        atomic_store(&x->s->bytes_done, taken);
        progress(x->s);
    }
    return RC_OK;
}

static enum rc pass_xml(struct pass *p, struct osm_seen *seen, struct err *err)
{
    struct osm_source *s = p->s;
    struct osm_seen all[OSM_KINDS];
    struct xml_bytes x = {.s = s, .before = atomic_load(&s->bytes_done)};
    struct byte_source in = {xml_read, &x};
    TRY(input_open(s->path, NULL, &x.in, err));
    enum rc rc = osm_xml_scan(in, p->want, p->fn, p->ctxs[0], all, err);
    input_close(x.in);
    atomic_store(&s->bytes_done, x.before + s->bytes);
    progress(s);
    if (rc != RC_OK)
        return err_add(err, "%s: ", s->name);
    *seen = all[p->kind];
    seen->is_rising = seen->is_rising || seen->n == 0;
    return RC_OK;
}

enum rc osm_source_pass(struct osm_source *s, enum osm_kind kind, const struct osm_want *want, osm_object_fn fn,
                        void *const *ctxs, struct osm_seen *seen, bool *redo, struct err *err)
{
    struct pass p = {.s = s, .number = s->passes++, .kind = kind, .want = want, .fn = fn, .ctxs = ctxs};
    *redo = false;
    return s->format == OSM_FORMAT_PBF ? pass_pbf(&p, seen, redo, err) : pass_xml(&p, seen, err);
}
