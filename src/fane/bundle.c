/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Backup files. See bundle.h. Both ways run over the file once, with one running digest for the whole and one for the
 * member at hand.
 */
#include "fane/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "wire/json_in.h"
#include "wire/json_out.h"

enum { PIECE = 1 << 20, HEX = 64, SEAL_BYTES = HEX + 1, PATH_SIZE = 4096, END_BLOCKS = 2 };
#define MANIFEST    "manifest.json"
#define SEAL        "manifest.sha256"
#define FORMAT_NAME "fane-backup-1"

static const char *const KIND_NAMES[] = {[BUNDLE_DATA] = "data", [BUNDLE_KEYS] = "keys"};
static const char *const MEMBERS[][BUNDLE_MEMBERS_MAX] = {
    [BUNDLE_DATA] = {"fane.db", "ledger/checkpoint"},
    [BUNDLE_KEYS] = {"keys/master.key", "keys/vault.bin", "keys/ledger.key", "keys/ledger.pub"}};

/* Names of one kind only, each once, in their order, the first among them. */
static bool are_members(enum bundle_kind kind, const struct bundle *b)
{
    size_t at = 0;
    for (size_t i = 0; i < b->n; i++) {
        while (at < BUNDLE_MEMBERS_MAX && MEMBERS[kind][at] && strcmp(MEMBERS[kind][at], b->members[i].name) != 0)
            at++;
        if (at == BUNDLE_MEMBERS_MAX || !MEMBERS[kind][at] || (i == 0 && at != 0))
            return false;
        at++;
    }
    return b->n > 0;
}

/* ---- the manifest ---- */

static struct str manifest_write(const struct bundle *b, struct arena *mem)
{
    struct buf text;
    struct json_out j;
    buf_init(&text, 0);
    json_out_init(&j, &text);
    json_begin_object(&j);
    json_put_str(&j, "format", STR(FORMAT_NAME));
    json_put_str(&j, "kind", str_of(KIND_NAMES[b->kind]));
    json_put_i64(&j, "made_us", b->made.us);
    json_put_str(&j, "program", str_of(b->program));
    json_key(&j, "members");
    json_begin_array(&j);
    for (size_t i = 0; i < b->n; i++) {
        json_begin_object(&j);
        json_put_str(&j, "name", str_of(b->members[i].name));
        json_put_i64(&j, "bytes", b->members[i].bytes);
        json_put_str(&j, "sha256", sha256_hex(mem, b->members[i].digest));
        json_end_object(&j);
    }
    json_end_array(&j);
    json_end_object(&j);
    buf_add_char(&text, '\n');
    struct str out = str_copy(mem, buf_str(&text));
    buf_fini(&text);
    return out;
}

/* Kind, time and version are taken from it; that it says of the members what was read is checked by writing it anew. */
static bool manifest_is_of(struct str text, struct bundle *b, struct arena *mem)
{
    struct err err;
    json_t *doc;
    if (json_in_object(text, BUNDLE_MANIFEST_MAX, &doc, &err) != RC_OK)
        return false;
    struct str kind = json_str_or_empty(doc, "kind"), program = json_str_or_empty(doc, "program");
    b->kind = str_is_equal(kind, STR("keys")) ? BUNDLE_KEYS : BUNDLE_DATA;
    b->made.us = json_integer_value(json_object_get(doc, "made_us"));
    snprintf(b->program, sizeof b->program, STR_FMT, STR_ARG(str_clip(program, BUNDLE_VERSION_MAX)));
    json_decref(doc);
    return are_members(b->kind, b) && str_is_equal(manifest_write(b, mem), text);
}

/* ---- writing ---- */

struct writing {
    int fd;
    const char *path;
    struct sha256_state all;
    int64_t bytes;
    uint8_t *piece;
};

static enum rc put(struct writing *w, const void *data, size_t n, struct err *err)
{
    const uint8_t *p = data;
    sha256_add(&w->all, p, n);
    w->bytes += (int64_t)n;
    while (n > 0) {
        ssize_t done = write(w->fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return err_set(err, RC_IO, "cannot write %s: %s", w->path, strerror(errno));
        p += done;
        n -= (size_t)done;
    }
    return RC_OK;
}

static enum rc put_padding(struct writing *w, int64_t size, struct err *err)
{
    static const uint8_t ZERO[TAR_BLOCK];
    return put(w, ZERO, (size_t)tar_padding(size), err);
}

static enum rc put_bytes(struct writing *w, const char *name, struct str bytes, struct err *err)
{
    uint8_t head[TAR_BLOCK];
    tar_header_write(str_of(name), (int64_t)bytes.n, head);
    TRY(put(w, head, sizeof head, err));
    TRY(put(w, bytes.p, bytes.n, err));
    return put_padding(w, (int64_t)bytes.n, err);
}

static enum rc copy_in(struct writing *w, int from, const char *path, int64_t size, struct sha256 *digest,
                       struct err *err)
{
    struct sha256_state s;
    int64_t left = size;
    sha256_begin(&s);
    while (left > 0) {
        ssize_t n = read(from, w->piece, left < PIECE ? (size_t)left : PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(err, RC_IO, "cannot read %s to its end: %s", path,
                           n < 0 ? strerror(errno) : "it became shorter");
        sha256_add(&s, w->piece, (size_t)n);
        TRY(put(w, w->piece, (size_t)n, err));
        left -= n;
    }
    *digest = sha256_end(&s);
    return put_padding(w, size, err);
}

/* The vault's file is appended to under flock (vault.c). */
static bool is_lockable(const struct bundle_source *from)
{
    return strcmp(from->name, "keys/vault.bin") == 0;
}

static enum rc put_file(struct writing *w, const struct bundle_source *from, struct bundle_member *out, struct err *err)
{
    uint8_t head[TAR_BLOCK];
    struct stat st;
    int fd = open(from->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (is_lockable(from) && flock(fd, LOCK_SH) != 0) || fstat(fd, &st) != 0) {
        int e = errno;
        if (fd >= 0)
            close(fd);
        return err_set(err, e == ENOENT ? RC_NOT_FOUND : RC_IO, "cannot read %s: %s", from->path, strerror(e));
    }
    snprintf(out->name, sizeof out->name, "%s", from->name);
    out->bytes = st.st_size;
    tar_header_write(str_of(out->name), out->bytes, head);
    enum rc rc = put(w, head, sizeof head, err);
    if (rc == RC_OK)
        rc = copy_in(w, fd, from->path, out->bytes, &out->digest, err);
    close(fd);
    return rc;
}

static enum rc put_end(struct writing *w, const struct bundle *b, struct arena *mem, struct err *err)
{
    static const uint8_t ZERO[TAR_BLOCK * END_BLOCKS];
    TRY(put_bytes(w, MANIFEST, manifest_write(b, mem), err));
    struct sha256_state so_far = w->all;
    struct str seal = str_printf(mem, STR_FMT "\n", STR_ARG(sha256_hex(mem, sha256_end(&so_far))));
    TRY(put_bytes(w, SEAL, seal, err));
    return put(w, ZERO, sizeof ZERO, err);
}

static enum rc put_all(struct writing *w, const struct bundle_source *sources, size_t n, struct bundle *b,
                       struct err *err)
{
    struct arena mem;
    enum rc rc = RC_OK;
    sha256_begin(&w->all);
    for (b->n = 0; b->n < n && rc == RC_OK; b->n++)
        rc = put_file(w, &sources[b->n], &b->members[b->n], err);
    arena_init(&mem);
    if (rc == RC_OK) {
        ENSURE(are_members(b->kind, b));
        rc = put_end(w, b, &mem, err);
    }
    arena_fini(&mem);
    b->bytes = w->bytes;
    return rc;
}

/* Held open and locked, so that two backups to one name do not mix. */
static enum rc part_open(const char *part, int *out, struct err *err)
{
    int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(err, RC_IO, "cannot create %s: %s", part, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return err_set(err, RC_BUSY, "another backup is being written to %s", part);
    }
    if (ftruncate(fd, 0) != 0 || fchmod(fd, 0600) != 0) {
        int e = errno;
        close(fd);
        return err_set(err, RC_IO, "cannot empty %s: %s", part, strerror(e));
    }
    *out = fd;
    return RC_OK;
}

static enum rc sync_folder_of(const char *path, struct err *err)
{
    char dir[PATH_SIZE];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = 0;
    return file_sync_dir(slash ? dir : ".", err);
}

static enum rc part_name(int fd, const char *part, const char *path, struct err *err)
{
    if (fsync(fd) != 0)
        return err_set(err, RC_IO, "cannot sync %s: %s", part, strerror(errno));
    if (link(part, path) != 0) {
        if (errno == EEXIST)
            return err_set(err, RC_CONFLICT, "%s is there already; a backup is never written over", path);
        return err_set(err, RC_IO, "cannot make %s: %s", path, strerror(errno));
    }
    unlink(part);
    return sync_folder_of(path, err);
}

enum rc bundle_write(const char *path, enum bundle_kind kind, const struct bundle_source *sources, size_t n,
                     struct bundle *out, struct err *err)
{
    char part[PATH_SIZE];
    struct bundle b = {.kind = kind, .made = clock_now()};
    struct writing w = {.path = part};
    ENSURE(n <= BUNDLE_MEMBERS_MAX);
    snprintf(b.program, sizeof b.program, "%s", FANE_VERSION);
    if ((size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
        return err_set(err, RC_INVALID, "the path is too long");
    if (file_is_there(path))
        return err_set(err, RC_CONFLICT, "%s is there already; a backup is never written over", path);
    TRY(part_open(part, &w.fd, err));
    w.piece = mem_alloc(PIECE);
    enum rc rc = put_all(&w, sources, n, &b, err);
    if (rc == RC_OK)
        rc = part_name(w.fd, part, path, err);
    if (rc != RC_OK)
        unlink(part);
    close(w.fd);
    free(w.piece);
    if (rc == RC_OK)
        *out = b;
    return rc;
}

/* ---- reading ---- */

struct reading {
    int fd;
    const char *path, *dir;
    struct sha256_state all;
    int64_t at;
    uint8_t *piece;
    struct bundle *b;
    struct arena mem;
};

static enum rc damaged(const struct reading *r, const char *what, struct err *err)
{
    return err_set(err, RC_DAMAGED, "%s is no whole backup of Fane: at byte %lld %s", r->path, (long long)r->at, what);
}

/* All n bytes; *n less than asked only where the file ends. */
static enum rc get_some(struct reading *r, void *to, size_t *n, struct err *err)
{
    size_t got = 0;
    while (got < *n) {
        ssize_t k = read(r->fd, (uint8_t *)to + got, *n - got);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return err_set(err, RC_IO, "cannot read %s: %s", r->path, strerror(errno));
        if (k == 0)
            break;
        got += (size_t)k;
    }
    *n = got;
    return RC_OK;
}

static enum rc get(struct reading *r, void *to, size_t n, struct err *err)
{
    size_t got = n;
    TRY(get_some(r, to, &got, err));
    if (got < n)
        return damaged(r, "it ends too soon", err);
    sha256_add(&r->all, to, n);
    r->at += (int64_t)n;
    return RC_OK;
}

static enum rc get_padding(struct reading *r, int64_t size, struct err *err)
{
    uint8_t pad[TAR_BLOCK];
    size_t n = (size_t)tar_padding(size);
    TRY(get(r, pad, n, err));
    for (size_t i = 0; i < n; i++)
        if (pad[i] != 0)
            return damaged(r, "there is something between two members", err);
    return RC_OK;
}

/* `to` -1: not written anywhere. */
static enum rc copy_out(struct reading *r, int to, struct bundle_member *m, struct err *err)
{
    struct sha256_state s;
    sha256_begin(&s);
    for (int64_t left = m->bytes; left > 0;) {
        size_t n = left < PIECE ? (size_t)left : PIECE;
        TRY(get(r, r->piece, n, err));
        sha256_add(&s, r->piece, n);
        errno = 0;
        if (to >= 0 && write(to, r->piece, n) != (ssize_t)n)
            return err_set(err, RC_IO, "cannot write %s/%s: %s", r->dir, m->name,
                           errno ? strerror(errno) : "short write");
        left -= (int64_t)n;
    }
    m->digest = sha256_end(&s);
    return get_padding(r, m->bytes, err);
}

static enum rc file_make(struct reading *r, const char *name, int *out, struct err *err)
{
    char path[PATH_SIZE];
    const char *slash = strchr(name, '/'); /* names are of MEMBERS: one folder at most */
    if (slash) {
        if ((size_t)snprintf(path, sizeof path, "%s/%.*s", r->dir, (int)(slash - name), name) >= sizeof path)
            return err_set(err, RC_INVALID, "the path is too long");
        TRY(file_make_dir(path, 0700, err));
    }
    if ((size_t)snprintf(path, sizeof path, "%s/%s", r->dir, name) >= sizeof path)
        return err_set(err, RC_INVALID, "the path is too long");
    *out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return *out >= 0 ? RC_OK : err_set(err, RC_IO, "cannot create %s: %s", path, strerror(errno));
}

static bool is_member_name(const char *name)
{
    for (size_t k = 0; k < sizeof MEMBERS / sizeof *MEMBERS; k++)
        for (size_t i = 0; i < BUNDLE_MEMBERS_MAX; i++)
            if (MEMBERS[k][i] && strcmp(name, MEMBERS[k][i]) == 0)
                return true;
    return false;
}

static enum rc get_member(struct reading *r, struct bundle_member *m, struct err *err)
{
    int to = -1;
    if (!is_member_name(m->name))
        return damaged(r, "is a member that backups do not have", err);
    if (r->dir)
        TRY(file_make(r, m->name, &to, err));
    enum rc rc = copy_out(r, to, m, err);
    if (to >= 0 && rc == RC_OK && fsync(to) != 0)
        rc = err_set(err, RC_IO, "cannot sync %s/%s: %s", r->dir, m->name, strerror(errno));
    if (to >= 0)
        close(to);
    return rc;
}

static enum rc get_text(struct reading *r, int64_t size, struct str *out, struct err *err)
{
    char *text = arena_alloc(&r->mem, (size_t)size + 1);
    TRY(get(r, text, (size_t)size, err));
    *out = (struct str){text, (size_t)size};
    return get_padding(r, size, err);
}

static enum rc get_seal(struct reading *r, struct err *err)
{
    struct sha256_state so_far = r->all;
    struct str want = str_printf(&r->mem, STR_FMT "\n", STR_ARG(sha256_hex(&r->mem, sha256_end(&so_far)))), seal;
    uint8_t head[TAR_BLOCK], again[TAR_BLOCK], end[TAR_BLOCK * END_BLOCKS], over;
    size_t more = 1;
    TRY(get(r, head, sizeof head, err));
    tar_header_write(STR(SEAL), SEAL_BYTES, again);
    if (memcmp(head, again, sizeof head) != 0)
        return damaged(r, "its seal should be", err);
    TRY(get_text(r, SEAL_BYTES, &seal, err));
    if (!str_is_equal(seal, want))
        return damaged(r, "its seal is not that of what comes before", err);
    TRY(get(r, end, sizeof end, err));
    for (size_t i = 0; i < sizeof end; i++)
        if (end[i] != 0)
            return damaged(r, "it should have ended", err);
    TRY(get_some(r, &over, &more, err));
    return more == 0 ? RC_OK : damaged(r, "it should have ended", err);
}

static enum rc get_all(struct reading *r, struct err *err)
{
    for (r->b->n = 0;; r->b->n++) {
        uint8_t head[TAR_BLOCK];
        struct bundle_member m = {.bytes = 0};
        struct str manifest;
        TRY(get(r, head, sizeof head, err));
        if (!tar_header_read(head, m.name, &m.bytes))
            return damaged(r, "no member begins", err);
        if (strcmp(m.name, MANIFEST) == 0) {
            if (m.bytes > BUNDLE_MANIFEST_MAX)
                return damaged(r, "its manifest is too long", err);
            TRY(get_text(r, m.bytes, &manifest, err));
            if (!manifest_is_of(manifest, r->b, &r->mem))
                return damaged(r, "its manifest is not of these members", err);
            return get_seal(r, err);
        }
        if (r->b->n == BUNDLE_MEMBERS_MAX)
            return damaged(r, "is a member too many", err);
        TRY(get_member(r, &m, err));
        r->b->members[r->b->n] = m;
    }
}

enum rc bundle_read(const char *path, const char *dir, struct bundle *out, struct err *err)
{
    struct bundle b = {.n = 0};
    struct reading r = {.path = path, .dir = dir, .b = &b};
    r.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r.fd < 0)
        return err_set(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "cannot open %s: %s", path, strerror(errno));
    arena_init(&r.mem);
    sha256_begin(&r.all);
    r.piece = mem_alloc(PIECE);
    enum rc rc = get_all(&r, err);
    b.bytes = r.at;
    free(r.piece);
    arena_fini(&r.mem);
    close(r.fd);
    if (rc == RC_OK)
        *out = b;
    return rc;
}

/* ---- folders on their way ---- */

enum rc bundle_scratch_make(const char *path, struct arena *mem, const char **out, struct err *err)
{
    struct str p = str_of(path);
    while (p.n > 1 && p.p[p.n - 1] == '/')
        p.n--;
    char *dir = (char *)(uintptr_t)str_printf(mem, STR_FMT ".XXXXXX", STR_ARG(p)).p;
    if (!mkdtemp(dir))
        return err_set(err, RC_IO, "cannot make a folder beside %s: %s", path, strerror(errno));
    *out = dir;
    return RC_OK;
}

void bundle_scratch_drop(const char *dir)
{
    static const char *const NAMES[] = {"fane.db",
                                        "fane.db-wal",
                                        "fane.db-shm",
                                        "ledger/checkpoint",
                                        "keys/master.key",
                                        "keys/vault.bin",
                                        "keys/ledger.key",
                                        "keys/ledger.pub",
                                        "ledger",
                                        "keys",
                                        "atlas"};
    char path[PATH_SIZE];
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, NAMES[i]) < sizeof path)
            remove(path);
    rmdir(dir);
}
