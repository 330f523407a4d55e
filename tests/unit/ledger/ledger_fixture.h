/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A data directory of its own per test, with store, ledger and vault open. Included by tests only.
 */
#ifndef LEDGER_FIXTURE_H
#define LEDGER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/ledger.h"
#include "ledger/vault.h"
#include "pg_server.h"

struct world {
    enum store_engine engine;
    char dir[64], where[512];
    struct store *store;
    struct ledger *ledger;
    struct vault *vault;
    struct arena mem;
    struct err err;
};

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        w->err.text[0] = 0;                                                                                            \
        enum rc ok_rc_ = (call);                                                                                       \
        if (ok_rc_ != RC_OK)                                                                                           \
            fail_msg("%s: %s: %s", #call, rc_name(ok_rc_), w->err.text);                                               \
    } while (0)

static inline void world_open_parts(struct world *w)
{
    OK(ledger_open(w->store, w->dir, "test.example/ledger", &w->ledger, &w->err));
    OK(vault_open(w->store, w->dir, &w->vault, &w->err));
}

static inline void world_start(struct world *w)
{
    OK(store_open(w->where, NULL, &w->store, &w->err));
    world_open_parts(w);
}

static inline void world_stop(struct world *w)
{
    store_close(w->store);
    ledger_close(w->ledger);
    vault_close(w->vault);
}

typedef void (*world_fn)(struct world *w);
struct world_test {
    const char *name;
    world_fn fn;
};
#define WORLD_TEST(f)                                                                                                  \
    {                                                                                                                  \
#f, f                                                                                                          \
    }

static inline void world_run(struct store_test *t, void *ctx)
{
    const struct world_test *test = ctx;
    struct world world = {.engine = t->engine, .store = t->st}, *w = &world;
    snprintf(w->dir, sizeof w->dir, "%s", t->dir);
    snprintf(w->where, sizeof w->where, "%s", t->where);
    arena_init(&w->mem);
    world_open_parts(w);
    test->fn(w);
    world_stop(w);
    arena_fini(&w->mem);
    t->st = NULL;
}

static inline void world_each(void **state)
{
    store_test_each_engine(world_run, *state);
}

/* Each test on both engines. */
static inline int worlds_run(const struct world_test *tests, size_t n)
{
    struct CMUnitTest cm[64];
    ENSURE(n <= 64);
    for (size_t i = 0; i < n; i++)
        cm[i] = (struct CMUnitTest){tests[i].name, world_each, NULL, NULL, (void *)(uintptr_t)&tests[i]};
    return _cmocka_run_group_tests("worlds", cm, n, NULL, NULL);
}

#endif
