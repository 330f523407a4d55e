/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The change feed, on both engines: which sites a change touched, what is said when it does not name them, and that a
 * projection that follows it holds what sites_each_public gives (F1).
 */
#include "sites_fixture.h"

#include "base/rng.h"
#include "sites/sites_int.h"
#include "sites/touched.h"

struct changed {
    struct uuid *ids;
    size_t n;
};

static enum rc change(struct store_tx *tx, void *ctx, struct err *err)
{
    struct changed *c = ctx;
    return sites_changed(tx, clock_now(), c->ids, c->n, err);
}

static void changed(struct registry *r, struct uuid *ids, size_t n)
{
    struct changed c = {ids, n};
    OK(store_write(r->st, change, &c, &r->err));
}

static struct sites_touched since(struct registry *r, int64_t seq)
{
    struct sites_touched t;
    OK(sites_touched_since(r->st, seq, &r->mem, &t, &r->err));
    return t;
}

static struct uuid id_of(unsigned n)
{
    return (struct uuid){{9, (uint8_t)(n >> 8), (uint8_t)n}};
}

static void feed(struct registry *r)
{
    struct sites_change last;
    struct instant at;
    OK(sites_change_last(r->st, &last, &r->err));
    assert_int_equal(last.seq, 0);
    assert_true(since(r, 0).n == 0 && !since(r, 0).is_whole && !since(r, 0).is_lost);
    assert_true(since(r, 3).is_lost); /* of a registry that went back */
    struct uuid two[] = {id_of(2), id_of(1)}, twice[] = {id_of(1), id_of(1)};
    changed(r, two, 2);
    changed(r, twice, 2);
    struct sites_touched t = since(r, 0);
    assert_true(t.seq == 2 && t.n == 2 && !t.is_whole && !t.is_lost);
    assert_memory_equal(&t.ids[0], &two[1], sizeof t.ids[0]);
    assert_true(since(r, 1).n == 1 && since(r, 2).n == 0);
    changed(r, NULL, 0);
    changed(r, two, 1);
    t = since(r, 2);
    assert_true(t.is_whole && !t.is_lost && t.n == 1 && t.seq == 4); /* what is named is told all the same */
    assert_false(since(r, 3).is_whole);
    struct uuid *many = ARENA_NEW_N(&r->mem, struct uuid, SITES_TOUCHED_MAX + 1);
    for (unsigned i = 0; i <= SITES_TOUCHED_MAX; i++)
        many[i] = id_of(i);
    changed(r, many, SITES_TOUCHED_MAX);
    changed(r, many, SITES_TOUCHED_MAX + 1);
    assert_true(since(r, 4).is_whole && since(r, 4).n == SITES_TOUCHED_MAX);
    OK(sites_change_last(r->st, &last, &r->err));
    OK(sites_change_find(r->st, last.seq, &at, &r->err));
    assert_true(at.us == last.at.us && last.seq == 6);
    assert_int_equal(sites_change_find(r->st, 7, &at, &r->err), RC_NOT_FOUND);
}

struct many_changes {
    struct uuid id;
    size_t n;
};

static enum rc change_often(struct store_tx *tx, void *ctx, struct err *err)
{
    struct many_changes *m = ctx;
    for (size_t i = 0; i < m->n; i++)
        TRY(sites_changed(tx, (struct instant){(int64_t)i}, &m->id, 1, err));
    return RC_OK;
}

static void only_the_latest_are_kept(struct registry *r)
{
    struct many_changes m = {id_of(1), SITES_TOUCHED_KEPT + 10};
    OK(store_write(r->st, change_often, &m, &r->err));
    assert_int_equal(rows_of(r, "site_touched"), SITES_TOUCHED_KEPT);
    assert_true(since(r, 0).is_lost && since(r, 9).is_lost);
    assert_true(!since(r, 10).is_lost && since(r, 10).n == 1);
}

/* ---- a projection that follows ---- */

enum { SITES = 60, ROUNDS = 30 };

struct shadow { /* public ids shown, with the place's key */
    struct uuid id[SITES * 2];
    double lat[SITES * 2];
    size_t n;
};

static void shadow_set(struct shadow *s, struct uuid id, const struct site *site)
{
    size_t i = 0;
    while (i < s->n && memcmp(&s->id[i], &id, sizeof id) != 0)
        i++;
    if (i < s->n) {
        s->n--;
        s->id[i] = s->id[s->n];
        s->lat[i] = s->lat[s->n];
    }
    if (site) {
        s->id[s->n] = id;
        s->lat[s->n++] = site->lat_deg;
    }
}

static enum rc see_all(void *ctx, const struct site *s, struct err *err)
{
    (void)err;
    shadow_set(ctx, s->public_id, s);
    return RC_OK;
}

static enum rc see_now(void *ctx, const struct sites_now *now, struct err *err)
{
    (void)err;
    shadow_set(ctx, now->public_id, now->site);
    return RC_OK;
}

static bool is_equal(const struct shadow *a, const struct shadow *b)
{
    struct shadow left = *b;
    for (size_t i = 0; i < a->n; i++) {
        size_t was = left.n, k = 0;
        while (k < left.n && (memcmp(&left.id[k], &a->id[i], sizeof a->id[i]) != 0 || left.lat[k] != a->lat[i]))
            k++;
        if (k == was)
            return false;
        shadow_set(&left, left.id[k], NULL);
    }
    return left.n == 0;
}

static void import_some(struct registry *r, struct prng *g)
{
    static const char MAP[] = "{\"source\":{\"name\":\"some\",\"licence\":\"CC0-1.0\"},\"fields\":{\"id\":\"ref\","
                              "\"name\":\"title\",\"lat\":\"y\",\"lon\":\"x\"},\"constant\":{\"kind\":\"CHU\"}}";
    struct sites_file_options o = {.map = written(r, "map.json", MAP, strlen(MAP))};
    struct sites_import_report p;
    struct buf csv;
    buf_init(&csv, 0);
    buf_add_z(&csv, "ref,title,y,x\n");
    for (int i = 0; i < SITES; i++)
        if (prng_below(g, 4))
            buf_printf(&csv, "s%d,Site %d,%d.5,%d.25\n", i, i, (int)prng_below(g, 3) * 20, i);
    o.import.temp_dir = r->dir;
    OK(sites_import_file(r->st, written(r, "some.csv", buf_str(&csv).p, buf_str(&csv).n), &o, &p, &r->err));
    buf_fini(&csv);
}

static void decide_one(struct registry *r, struct prng *g)
{
    struct sites_page page;
    OK(sites_list(r->st, NULL, &SITES_ADMIN, STR_NONE, SITES, false, &r->mem, &page, &r->err));
    struct uuid id = page.sites[prng_below(g, page.n)].id;
    OK(sites_set_visibility(r->st, id, (enum visibility)prng_below(g, 3), STR("test"), &SITES_ADMIN, &r->err));
}

static void following(struct registry *r)
{
    struct shadow *mine = ARENA_NEW(&r->mem, struct shadow);
    struct prng g;
    uint64_t seed = 20;
    int64_t seq = 0;
    size_t touched = 0;
    prng_seed(&g, seed);
    fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < ROUNDS; round++) {
        if (round % 10 == 0)
            import_some(r, &g);
        else
            decide_one(r, &g);
        struct sites_touched t = since(r, seq);
        assert_false(t.is_whole || t.is_lost);
        touched += t.n;
        OK(sites_each_now(r->st, t.ids, t.n, see_now, mine, &r->err));
        seq = t.seq;
        struct shadow *whole = ARENA_NEW(&r->mem, struct shadow);
        OK(sites_each_public(r->st, false, see_all, whole, &r->err));
        assert_true(is_equal(mine, whole));
    }
    assert_true(touched > SITES);
}

/* An edition that changes more records than a batch names: the one that is a home now is named all the same. */
static void edition(struct registry *r, const char *file, const char *name_of_home, const char *name)
{
    static const char MAP[] = "{\"source\":{\"name\":\"large\",\"licence\":\"CC0-1.0\"},\"fields\":{\"id\":\"ref\","
                              "\"name\":\"title\",\"lat\":\"y\",\"lon\":\"x\"},\"constant\":{\"kind\":\"CHU\"}}";
    enum { ROWS = 3000, HOME = 7 };
    struct sites_file_options o = {.map = written(r, "map.json", MAP, strlen(MAP)), .import.temp_dir = r->dir};
    struct sites_import_report p;
    struct buf csv;
    buf_init(&csv, 0);
    buf_add_z(&csv, "ref,title,y,x\n");
    for (int i = 0; i < ROWS; i++)
        buf_printf(&csv, "s%04d,%s,%d.5,%d.25\n", i, i == HOME ? name_of_home : name, i % 60, i / 60);
    OK(sites_import_file(r->st, written(r, file, buf_str(&csv).p, buf_str(&csv).n), &o, &p, &r->err));
    assert_int_equal(p.added + p.updated, ROWS);
    buf_fini(&csv);
}

static void a_home_is_named(struct registry *r)
{
    struct site *home;
    struct sites_change last;
    edition(r, "one.csv", "Chapel", "Chapel");
    OK(sites_find_external(r->st, STR("s0007"), &SITES_ADMIN, &r->mem, &home, &r->err));
    assert_int_equal(home->visibility, VISIBILITY_PUBLIC);
    OK(sites_change_last(r->st, &last, &r->err));
    edition(r, "two.csv", "House church", "Church");
    struct sites_touched t = since(r, last.seq);
    assert_true(t.is_whole && !t.is_withdrawn && t.n == 1);
    assert_memory_equal(&t.ids[0], &home->id, sizeof home->id);
    OK(sites_find_external(r->st, STR("s0007"), &SITES_ADMIN, &r->mem, &home, &r->err));
    assert_int_equal(home->visibility, VISIBILITY_HIDDEN);
}

static void test_home(void **state)
{
    (void)state;
    on_each_engine(a_home_is_named);
}

static void test_feed(void **state)
{
    (void)state;
    on_each_engine(feed);
}
static void test_kept(void **state)
{
    (void)state;
    on_each_engine(only_the_latest_are_kept);
}
static void test_following(void **state)
{
    (void)state;
    on_each_engine(following);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_feed), cmocka_unit_test(test_kept),
                                       cmocka_unit_test(test_following), cmocka_unit_test(test_home)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
