/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Migrations: numbered files among the assets, forward only, each in one transaction together with its row in
 * schema_migration. Two processes may migrate at once: each looks again inside the transaction, when it is the only
 * writer.
 *   M1 what ran never changes: its digest is compared at every start.
 *   M2 a database that a newer program has migrated is refused by number.
 */
#include "store/store_int.h"

#include "base/asset.h"
#include "base/log.h"

#include <string.h>

#define MIGRATIONS_MAX 1000
#define MIGRATE_MS     3600000 /* an index over millions of rows takes its time */

struct plan {
    const struct migration *list;
    size_t n;
    size_t next; /* index of the one to run */
    bool all_run;
};

static const struct store_sql HAS_TABLE = {
    .sqlite = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migration'",
    .postgres = "SELECT count(*) FROM pg_catalog.pg_class WHERE oid = to_regclass('schema_migration')",
};
static const struct store_sql ALL_RUN = {"SELECT number, name, sha256 FROM schema_migration ORDER BY number", NULL,
                                         NULL};
static const struct store_sql RECORD = {
    "INSERT INTO schema_migration(number, name, sha256, applied_us) VALUES (?1, ?2, ?3, ?4)", NULL, NULL};

static const struct migration *by_number(const struct plan *p, int64_t number)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->list[i].number == number)
            return &p->list[i];
    return NULL;
}

static enum rc newer(const struct plan *p, int64_t number, struct str name, struct err *err)
{
    int last = p->n ? p->list[p->n - 1].number : 0;
    if (number > last)
        return err_set(err, RC_UNSUPPORTED,
                       "the database has run migration %lld (" STR_FMT
                       "), this program knows only up to %d: use a newer one",
                       (long long)number, STR_ARG(name), last);
    return err_set(err, RC_UNSUPPORTED,
                   "the database has run migration %lld (" STR_FMT "), which this program does not have",
                   (long long)number, STR_ARG(name));
}

static enum rc compare(const struct plan *p, struct store_rows *r, struct err *err)
{
    struct str name = store_text(r, 1), sum = store_blob(r, 2);
    const struct migration *m = by_number(p, store_int(r, 0));
    if (!m)
        return newer(p, store_int(r, 0), str_clip(name, 200), err);
    struct sha256 own = sha256_of(m->sql.p, m->sql.n);
    if (sum.n != sizeof own.b || memcmp(sum.p, own.b, sizeof own.b) != 0)
        return err_set(err, RC_DAMAGED,
                       "migration %d (%s) has changed since this database ran it: install the program that matches it",
                       m->number, m->name);
    return RC_OK;
}

/* Where the list stands: everything up to p->next has run, as it is now. */
static enum rc look(struct store_tx *tx, struct plan *p, struct err *err)
{
    int64_t there = 0;
    size_t seen = 0;
    struct store_rows *r;
    enum rc rc = RC_OK;
    p->next = 0;
    TRY(store_get_int(tx, &HAS_TABLE, NULL, 0, &there, err));
    if (there) {
        TRY(store_query(tx, &ALL_RUN, NULL, 0, &r, err));
        while (rc == RC_OK && store_next(r)) {
            rc = compare(p, r, err);
            if (rc == RC_OK && p->list[seen].number != store_int(r, 0))
                rc = err_set(err, RC_UNSUPPORTED,
                             "migration %d (%s) is missing in the database below %lld, which has run",
                             p->list[seen].number, p->list[seen].name, (long long)store_int(r, 0));
            seen++;
        }
        enum rc end = store_finish(r, rc == RC_OK ? err : NULL);
        TRY(rc != RC_OK ? rc : end);
    }
    p->next = seen;
    p->all_run = seen == p->n;
    return RC_OK;
}

static enum rc run_statements(struct store_tx *tx, const struct migration *m, struct err *err)
{
    struct buf b;
    struct str rest, one = STR_NONE;
    buf_init(&b, 0);
    enum rc rc = sql_expand(m->sql, store_tx_engine(tx), &b, err);
    rest = buf_str(&b);
    while (rc == RC_OK && (rc = sql_next(&rest, &one, err)) == RC_OK && one.n)
        rc = tx->c->d->script(tx->c, one, err);
    buf_fini(&b);
    return rc == RC_OK ? RC_OK : err_add(err, "migration %d (%s): ", m->number, m->name);
}

static enum rc run_next(struct store_tx *tx, void *ctx, struct err *err)
{
    struct plan *p = ctx;
    TRY(look(tx, p, err));
    if (p->all_run)
        return RC_OK;
    const struct migration *m = &p->list[p->next];
    struct sha256 sum = sha256_of(m->sql.p, m->sql.n);
    TRY(run_statements(tx, m, err));
    const struct store_arg args[] = {SA_INT(m->number), SA_TEXT(str_of(m->name)), SA_BLOB(sum.b, sizeof sum.b),
                                     SA_TIME(clock_now())};
    TRY(store_exec(tx, &RECORD, args, SA_N(args), NULL, err));
    log_line(LOG_INFO, "store.migrate", "number=%d name=%s", m->number, m->name);
    return RC_OK;
}

static enum rc look_only(struct store_tx *tx, void *ctx, struct err *err)
{
    return look(tx, ctx, err);
}

static enum rc check_list(const struct migration *list, size_t n, struct err *err)
{
    for (size_t i = 1; i < n; i++)
        if (list[i].number <= list[i - 1].number)
            return err_set(err, RC_INVALID, "migrations %s and %s are out of order", list[i - 1].name, list[i].name);
    return RC_OK;
}

enum rc store_migrate_list(struct store *st, const struct migration *list, size_t n, struct err *err)
{
    struct plan p = {.list = list, .n = n};
    TRY(check_list(list, n, err));
    TRY(store_read(st, look_only, &p, err)); /* an old program on a newer database takes no lock */
    while (!p.all_run)
        TRY(store_write_alone(st, run_next, &p, MIGRATE_MS, err));
    return RC_OK;
}

/* "data/migrations/0001_store.sql" */
static bool from_asset(const struct asset *a, struct migration *out)
{
    struct str path = str_of(a->path), prefix = STR("data/migrations/");
    int64_t number;
    if (!str_starts_with(path, prefix) || !str_ends_with(path, STR(".sql")) || path.n < prefix.n + 10 ||
        !str_parse_i64(str_slice(path, prefix.n, prefix.n + 4), &number) || path.p[prefix.n + 4] != '_')
        return false;
    *out = (struct migration){(int)number, a->path + prefix.n, {(const char *)a->p, a->n}};
    return true;
}

enum rc store_migrate(struct store *st, struct err *err)
{
    struct arena mem;
    size_t n = 0;
    arena_init(&mem);
    struct migration *list = ARENA_NEW_N(&mem, struct migration, MIGRATIONS_MAX);
    const struct asset *a;
    for (size_t i = 0; n < MIGRATIONS_MAX && (a = asset_at(i)); i++)
        n += from_asset(a, &list[n]);
    enum rc rc = store_migrate_list(st, list, n, err);
    arena_fini(&mem);
    return rc;
}
