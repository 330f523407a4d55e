/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See fault_vfs.h. Each write first saves what it overwrites; a sync forgets what was saved for its file. The
 * shared-memory file of the WAL is volatile by nature and removed at a cut.
 */
#include "fault_vfs.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/str.h"

#define SECTOR    512
#define PATH_MAX_ 256

struct undo {
    struct undo *next; /* the older one */
    char path[PATH_MAX_];
    int64_t at, size; /* size of the file before; at < 0: a truncation to undo */
    size_t n, had;    /* bytes written; bytes of them that were there before */
    unsigned char old[];
};

static struct {
    pthread_mutex_t lock;
    sqlite3_vfs vfs, *real;
    enum fault_kind kind;
    int64_t left; /* 0: not armed */
    bool happened, dead;
    struct undo *undo;
} F = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct fault_file {
    sqlite3_file base;
    char path[PATH_MAX_];
    sqlite3_file *real; /* behind this struct */
};

static sqlite3_file *real(sqlite3_file *f)
{
    return ((struct fault_file *)f)->real;
}

/* Whether this operation goes wrong. */
static bool strikes(void)
{
    pthread_mutex_lock(&F.lock);
    bool now = F.left > 0 && --F.left == 0;
    if (now) {
        F.happened = true;
        F.dead = F.kind == FAULT_STAYS || F.kind == FAULT_CUT;
    }
    now = now || F.dead;
    pthread_mutex_unlock(&F.lock);
    return now;
}

static void push(struct undo *u)
{
    pthread_mutex_lock(&F.lock);
    u->next = F.undo;
    F.undo = u;
    pthread_mutex_unlock(&F.lock);
}

static void forget(const char *path)
{
    pthread_mutex_lock(&F.lock);
    for (struct undo **at = &F.undo; *at;) {
        struct undo *u = *at;
        if (path && strcmp(u->path, path) != 0) {
            at = &u->next;
            continue;
        }
        *at = u->next;
        free(u);
    }
    pthread_mutex_unlock(&F.lock);
}

static void save(struct fault_file *f, int64_t at, size_t n, bool truncates)
{
    struct undo *u = mem_alloc(sizeof *u + n);
    sqlite3_int64 size = 0;
    snprintf(u->path, sizeof u->path, "%s", f->path);
    f->real->pMethods->xFileSize(f->real, &size);
    u->size = size;
    u->at = truncates ? -1 - at : at;
    u->n = n;
    u->had = size > at ? (size_t)(size - at) : 0;
    u->had = u->had < n ? u->had : n;
    if (u->had)
        f->real->pMethods->xRead(f->real, u->old, (int)u->had, at);
    push(u);
}

/* --- one file ---------------------------------------------------------------------------------- */

static int f_close(sqlite3_file *f)
{
    return real(f)->pMethods->xClose(real(f));
}

static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return real(f)->pMethods->xRead(real(f), p, n, at);
}

static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (strikes())
        return F.kind == FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    save((struct fault_file *)f, at, (size_t)n, false);
    return real(f)->pMethods->xWrite(real(f), p, n, at);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    sqlite3_int64 had = 0;
    if (strikes())
        return SQLITE_IOERR_TRUNCATE;
    real(f)->pMethods->xFileSize(real(f), &had);
    save((struct fault_file *)f, size, had > size ? (size_t)(had - size) : 0, true);
    return real(f)->pMethods->xTruncate(real(f), size);
}

static int f_sync(sqlite3_file *f, int flags)
{
    if (strikes())
        return SQLITE_IOERR_FSYNC;
    int code = real(f)->pMethods->xSync(real(f), flags);
    if (code == SQLITE_OK)
        forget(((struct fault_file *)f)->path);
    return code;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real(f)->pMethods->xFileSize(real(f), size);
}

static int f_lock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xLock(real(f), level);
}

static int f_unlock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xUnlock(real(f), level);
}

static int f_reserved(sqlite3_file *f, int *out)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
    return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int f_sector(sqlite3_file *f)
{
    (void)f;
    return SECTOR;
}

static int f_traits(sqlite3_file *f)
{
    (void)f;
    return 0; /* promises nothing: no atomic writes, no safe append */
}

static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}

static int f_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real(f)->pMethods->xShmLock(real(f), at, n, flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static int f_shm_unmap(sqlite3_file *f, int remove)
{
    return real(f)->pMethods->xShmUnmap(real(f), remove);
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 2,
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_reserved,
    .xFileControl = f_control,
    .xSectorSize = f_sector,
    .xDeviceCharacteristics = f_traits,
    .xShmMap = f_shm_map,
    .xShmLock = f_shm_lock,
    .xShmBarrier = f_shm_barrier,
    .xShmUnmap = f_shm_unmap,
};

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct fault_file *f = (struct fault_file *)file;
    (void)v;
    f->real = (sqlite3_file *)(f + 1);
    f->base.pMethods = NULL;
    snprintf(f->path, sizeof f->path, "%s", name ? name : "");
    int code = F.real->xOpen(F.real, name, f->real, flags, out);
    if (code == SQLITE_OK)
        f->base.pMethods = &METHODS;
    return code;
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync)
{
    (void)v;
    if (F.dead)
        return SQLITE_IOERR_DELETE;
    forget(name);
    return F.real->xDelete(F.real, name, sync);
}

void fault_vfs_install(void)
{
    F.real = sqlite3_vfs_find(NULL);
    F.vfs = *F.real;
    F.vfs.zName = "fault";
    F.vfs.szOsFile = (int)sizeof(struct fault_file) + F.real->szOsFile;
    F.vfs.xOpen = v_open;
    F.vfs.xDelete = v_delete;
    sqlite3_vfs_register(&F.vfs, 1);
}

void fault_vfs_arm(enum fault_kind kind, int64_t n)
{
    pthread_mutex_lock(&F.lock);
    F.kind = kind;
    F.left = n;
    F.happened = F.dead = false;
    pthread_mutex_unlock(&F.lock);
}

bool fault_vfs_disarm(void)
{
    pthread_mutex_lock(&F.lock);
    bool happened = F.happened;
    F.left = 0;
    F.dead = F.happened = false;
    pthread_mutex_unlock(&F.lock);
    return happened;
}

static void put_back(const struct undo *u, struct prng *rng)
{
    int64_t at = u->at < 0 ? -1 - u->at : u->at;
    int fd = open(u->path, O_RDWR);
    if (fd < 0)
        return;
    uint64_t fate = prng_below(rng, 3); /* kept, dropped, torn */
    size_t from = fate == 2 ? (size_t)prng_below(rng, u->n / SECTOR + 1) * SECTOR : 0;
    if (fate == 0 || from > u->n) {
        close(fd);
        return;
    }
    if (u->had > from && pwrite(fd, u->old + from, u->had - from, at + (int64_t)from) < 0)
        abort();
    if (fate == 1 && u->at >= 0 && u->size < at + (int64_t)u->n && ftruncate(fd, u->size > at ? u->size : at) != 0)
        abort(); /* it had grown the file */
    close(fd);
}

bool fault_vfs_cut(uint64_t seed)
{
    struct prng rng;
    char shm[PATH_MAX_ + 8];
    prng_seed(&rng, seed);
    bool happened = fault_vfs_disarm();
    for (struct undo *u = F.undo; happened && u; u = u->next) { /* the newest first */
        put_back(u, &rng);
        snprintf(shm, sizeof shm, "%.*s-shm", (int)(strlen(u->path) - (strstr(u->path, "-wal") ? 4 : 0)), u->path);
        unlink(shm);
    }
    forget(NULL);
    return happened;
}
