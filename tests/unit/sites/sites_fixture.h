/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A registry of its own per test and engine, with its ledger open, and the few calls every test of this room makes.
 * Included by tests only.
 */
#ifndef SITES_FIXTURE_H
#define SITES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "ledger/ledger.h"
#include "pg_server.h"
#include "sites/import.h"
#include "sites/sites.h"

struct registry {
    struct store *st;
    struct ledger *ledger;
    const char *dir, *where;
    enum store_engine engine;
    struct arena mem;
    struct err err;
};
typedef void (*registry_fn)(struct registry *r);

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        r->err.text[0] = 0;                                                                                            \
        enum rc ok_rc_ = (call);                                                                                       \
        if (ok_rc_ != RC_OK)                                                                                           \
            fail_msg("%s: %s: %s", #call, rc_name(ok_rc_), r->err.text);                                               \
    } while (0)

static const struct viewer SITES_ADMIN = {.account = {{1}}, .role = ROLE_ADMINISTRATOR};

static inline void registry_open(struct registry *r)
{
    OK(ledger_open(r->st, r->dir, "test.example/ledger", &r->ledger, &r->err));
    sites_ledger_checkers(r->ledger);
}

static inline void registry_test(struct store_test *t, void *ctx)
{
    registry_fn fn = *(registry_fn *)ctx;
    struct registry reg = {.st = t->st, .dir = t->dir, .where = t->where, .engine = t->engine}, *r = &reg;
    arena_init(&r->mem);
    char keys[512];
    snprintf(keys, sizeof keys, "%s/keys", t->dir);
    OK(file_make_dir(keys, 0700, &r->err));
    snprintf(keys, sizeof keys, "%s/ledger", t->dir);
    OK(file_make_dir(keys, 0700, &r->err));
    registry_open(r);
    fn(r);
    struct ledger_report report;
    OK(ledger_verify(r->ledger, &report, &r->err)); /* whatever a test did, the ledger holds */
    t->st = NULL;
    store_close(r->st);
    ledger_close(r->ledger);
    arena_fini(&r->mem);
}

static inline void on_each_engine(registry_fn fn)
{
    store_test_each_engine(registry_test, &fn);
}

/* A file of the shared data, or NULL with a line that says so. */
static inline const char *shared(struct registry *r, const char *name)
{
    const char *root = getenv("FANE_SHARED");
    const char *path = str_printf(&r->mem, "%s/data/%s", root ? root : "", name).p;
    if (root && file_is_there(path))
        return path;
    fprintf(stderr, "skipped: %s is not there\n", path);
    return NULL;
}

static inline const char *in_tree(struct registry *r, const char *name)
{
    return str_printf(&r->mem, "%s/%s", getenv("FANE_SOURCE"), name).p;
}

static inline const char *written(struct registry *r, const char *name, const char *text, size_t n)
{
    const char *path = str_printf(&r->mem, "%s/%s", r->dir, name).p;
    OK(file_replace(path, (struct str){text, n}, 0600, &r->err));
    return path;
}

/* What was refused, as "line: reason" lines. */
struct refused {
    struct buf text;
    int64_t n;
};
static inline void on_refused(void *ctx, int64_t line, struct str id, const char *reason)
{
    struct refused *f = ctx;
    (void)id;
    f->n++;
    if (f->text.n < 1 << 16)
        buf_printf(&f->text, "%lld: %s\n", (long long)line, reason);
}
static inline bool refused_has(const struct refused *f, const char *what)
{
    return str_contains(buf_str(&f->text), str_of(what));
}

static inline enum rc import_path(struct registry *r, const char *path, const char *source, bool dry_run,
                                  struct sites_import_report *out, struct refused *refused)
{
    struct sites_file_options o = {0};
    o.import.source = str_of(source);
    o.import.dry_run = dry_run;
    o.import.temp_dir = r->dir;
    o.import.rejected = refused ? on_refused : NULL;
    o.import.ctx = refused;
    return sites_import_file(r->st, path, &o, out, &r->err);
}

static inline int64_t rows_of(struct registry *r, const char *table);
struct count_rows {
    struct store_sql sql;
    int64_t n;
};
static inline enum rc count_rows(struct store_tx *tx, void *ctx, struct err *err)
{
    struct count_rows *c = ctx;
    return store_get_int(tx, &c->sql, NULL, 0, &c->n, err);
}
/* query: a SELECT of one number. */
static inline int64_t number_of(struct registry *r, const char *query)
{
    struct count_rows *c = ARENA_NEW(&r->mem, struct count_rows);
    c->sql.common = query;
    OK(store_read(r->st, count_rows, c, &r->err));
    return c->n;
}
static inline int64_t rows_of(struct registry *r, const char *table)
{
    return number_of(r, str_printf(&r->mem, "SELECT count(*) FROM %s", table).p);
}

static inline int64_t class_of(const struct sites_import_report *p, const char *code)
{
    for (size_t i = 0; i < p->classes_n; i++)
        if (strcmp(p->by_class[i].code, code) == 0)
            return p->by_class[i].n;
    return 0;
}

static inline void print_report(const char *what, const struct sites_import_report *p)
{
    fprintf(stderr, "%s: read %lld sites %lld added %lld updated %lld unchanged %lld gone %lld rejected %lld, %.3f s;",
            what, (long long)p->read, (long long)p->sites, (long long)p->added, (long long)p->updated,
            (long long)p->unchanged, (long long)p->gone, (long long)p->rejected, p->seconds);
    for (size_t i = 0; i < p->classes_n; i++)
        fprintf(stderr, " %s %lld", p->by_class[i].code, (long long)p->by_class[i].n);
    fprintf(stderr, "\n");
}

#endif
