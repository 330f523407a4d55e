/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The table that the store's own tests write to.
 */
#ifndef TESTS_STORE_THING_H
#define TESTS_STORE_THING_H

#include "pg_server.h"

#define must(call)                                                                                                     \
    do {                                                                                                               \
        struct err mine = {0};                                                                                         \
        enum rc must_rc_ = (call);                                                                                     \
        if (must_rc_ != RC_OK)                                                                                         \
            fail_msg("%s: %s", rc_name(must_rc_), mine.text);                                                          \
    } while (0)

static const struct store_sql THING_CREATE = {
    .sqlite = "CREATE TABLE thing(k INTEGER PRIMARY KEY, t TEXT, r REAL, b BLOB, f INTEGER) STRICT",
    .postgres =
        "CREATE TABLE thing(k BIGINT PRIMARY KEY, t TEXT COLLATE \"C\", r DOUBLE PRECISION, b BYTEA, f SMALLINT)"};
static const struct store_sql THING_INSERT = {"INSERT INTO thing(k, t, r, b, f) VALUES (?1, ?2, ?3, ?4, ?5)", NULL,
                                              NULL};
static const struct store_sql THING_COUNT = {"SELECT count(*) FROM thing", NULL, NULL};

static inline enum rc thing_create_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    return store_exec(tx, &THING_CREATE, NULL, 0, NULL, err);
}

/* ctx: int64_t *, the key */
static inline enum rc thing_add(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct store_arg a[] = {SA_INT(*(int64_t *)ctx), SA_TEXT(STR("x")), SA_REAL(1.5), SA_NULL, SA_INT(1)};
    return store_exec(tx, &THING_INSERT, a, SA_N(a), NULL, err);
}

struct thing_text {
    int64_t k;
    struct str t;
};

static inline enum rc thing_add_text(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct thing_text *x = ctx;
    const struct store_arg a[] = {SA_INT(x->k), SA_TEXT(x->t), SA_NULL, SA_NULL, SA_NULL};
    return store_exec(tx, &THING_INSERT, a, SA_N(a), NULL, err);
}

static inline enum rc thing_count_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    return store_get_int(tx, &THING_COUNT, NULL, 0, ctx, err);
}

static inline void thing_make(struct store *st)
{
    must(store_write(st, thing_create_fn, NULL, &mine));
}

static inline int64_t thing_count(struct store *st)
{
    int64_t n = -1;
    must(store_read(st, thing_count_fn, &n, &mine));
    return n;
}

#endif
