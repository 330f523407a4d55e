/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQLite's online backup. See backup.h. The source connection holds a read transaction open from before the first page to
 * after the last: in WAL mode that is a snapshot, so the copy is never begun again, whatever is committed meanwhile
 * (https://www.sqlite.org/c3ref/backup_finish.html says when it would be).
 */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "store/store_int.h"

enum { STEP_PAGES = 2048, BUSY_MS = 10000 };

struct copying {
    sqlite3 *from, *to;
    sqlite3_backup *backup;
};

static enum rc fail(sqlite3 *db, const char *what, struct err *err)
{
    return err_set(err, RC_IO, "backup: %s: %s", what, db ? sqlite3_errmsg(db) : "no memory");
}

static enum rc make_empty(const char *path, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, RC_IO, "cannot create %s: %s", path, strerror(errno));
    close(fd);
    return RC_OK;
}

static enum rc open_both(struct copying *c, const char *from, const char *path, struct err *err)
{
    if (sqlite3_open_v2(from, &c->from, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return fail(c->from, from, err);
    sqlite3_busy_timeout(c->from, BUSY_MS);
    if (sqlite3_exec(c->from,
                     "PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0; BEGIN; SELECT count(*) FROM sqlite_master",
                     NULL, NULL, NULL) != SQLITE_OK)
        return fail(c->from, "cannot begin to read", err);
    if (sqlite3_open_v2(path, &c->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return fail(c->to, path, err);
    /* Whoever asked for the copy checks and syncs it as a whole. */
    if (sqlite3_exec(c->to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL) != SQLITE_OK)
        return fail(c->to, path, err);
    c->backup = sqlite3_backup_init(c->to, "main", c->from, "main");
    return c->backup ? RC_OK : fail(c->to, "cannot begin", err);
}

static enum rc copy(struct copying *c, store_backup_progress progress, void *ctx, struct err *err)
{
    int got;
    do {
        got = sqlite3_backup_step(c->backup, STEP_PAGES);
        if (got == SQLITE_BUSY || got == SQLITE_LOCKED) {
            clock_sleep_us(1000);
            got = SQLITE_OK;
        }
        int64_t pages = sqlite3_backup_pagecount(c->backup);
        if (progress)
            progress(ctx, pages - sqlite3_backup_remaining(c->backup), pages);
    } while (got == SQLITE_OK);
    int ended = sqlite3_backup_finish(c->backup);
    c->backup = NULL;
    if (got != SQLITE_DONE || ended != SQLITE_OK)
        return err_set(err, RC_IO, "backup: %s", sqlite3_errstr(got != SQLITE_DONE ? got : ended));
    return RC_OK;
}

enum rc store_backup(struct store *st, const char *path, store_backup_progress progress, void *ctx, struct err *err)
{
    struct copying c = {0};
    if (st->d->engine != STORE_SQLITE)
        return err_set(err, RC_UNSUPPORTED, "the database is a PostgreSQL server: back it up by its own tools");
    TRY(make_empty(path, err));
    enum rc rc = open_both(&c, st->where, path, err);
    if (rc == RC_OK)
        rc = copy(&c, progress, ctx, err);
    if (c.backup)
        sqlite3_backup_finish(c.backup);
    sqlite3_close(c.from);
    sqlite3_close(c.to);
    return rc;
}
