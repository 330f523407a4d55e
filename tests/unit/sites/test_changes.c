/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The feed of changes: a copy that follows it holds what everybody may see, and what is hidden is named to nobody who
 * could not see it before.
 */
#include "sites_fixture.h"

#include "base/rng.h"
#include "sites/changes.h"
#include "sites/visibility.h"

enum { PLACES = 40, STEPS = 25 };

/* PLACES sites, each fifth without a place; `odd`: names of this edition. */
static const char *town(struct registry *r, int edition, int n)
{
    struct buf b;
    buf_init(&b, 0);
    buf_add_z(&b, "{\"type\":\"FeatureCollection\",\"features\":[");
    for (int i = 0; i < n; i++) {
        buf_printf(&b, "%s{\"type\":\"Feature\",\"id\":\"node/%d\",\"properties\":{\"amenity\":\"place_of_worship\",",
                   i ? "," : "", i + 1);
        buf_printf(&b, "\"religion\":\"%s\",\"name\":\"House %d of %d\"},\"geometry\":", i % 2 ? "jewish" : "hindu", i,
                   i % 7 == edition % 7 ? edition : 0);
        if (i % 5 == 4)
            buf_add_z(&b, "null}");
        else
            buf_printf(&b, "{\"type\":\"Point\",\"coordinates\":[%d.5,%d.25]}}", i * 3 - 60, i - 20);
    }
    buf_add_z(&b, "]}");
    const char *path = written(r, "town.geojson", b.p, b.n);
    buf_fini(&b);
    return path;
}

static void edition(struct registry *r, int number, int n)
{
    struct sites_import_report p;
    OK(import_path(r, town(r, number, n), "town", false, &p, NULL));
}

static struct site *house(struct registry *r, int i)
{
    struct site *s;
    struct str id = str_printf(&r->mem, "node/%d", i + 1);
    OK(sites_find_external(r->st, id, &SITES_ADMIN, &r->mem, &s, &r->err));
    return s;
}

/* ---- a copy ---- */

struct entry {
    struct uuid id;
    struct str name;
    double lat_deg, lon_deg;
    bool has_place, is_coarse;
};
struct copy {
    struct entry at[4 * PLACES];
    size_t n;
    int64_t seq;
    int resets, removals;
};

static void drop(struct copy *c, struct uuid id)
{
    for (size_t i = 0; i < c->n; i++)
        if (uuid_is_equal(c->at[i].id, id))
            c->at[i--] = c->at[--c->n];
}

static void put(struct copy *c, const struct site *s)
{
    drop(c, s->public_id);
    c->at[c->n++] = (struct entry){s->public_id, s->name, s->lat_deg, s->lon_deg, s->has_place, s->is_coarse};
}

static void read_all(struct registry *r, struct copy *c)
{
    struct sites_page page;
    struct str cursor = STR_NONE;
    c->n = 0;
    do {
        OK(sites_list(r->st, NULL, &VIEWER_PUBLIC, cursor, 100, false, &r->mem, &page, &r->err));
        for (size_t i = 0; i < page.n; i++)
            put(c, &page.sites[i]);
        cursor = page.next;
    } while (!str_is_empty(cursor));
}

static void follow(struct registry *r, struct copy *c, size_t limit)
{
    struct changes_page p;
    struct str cursor = STR_NONE;
    do {
        OK(changes_since(r->st, c->seq, cursor, limit, &r->mem, &p, &r->err));
        assert_true(p.sites_n + p.removed_n <= limit);
        assert_true(!p.is_reset || p.sites_n + p.removed_n == 0);
        for (size_t i = 0; i < p.sites_n; i++)
            put(c, &p.sites[i]);
        for (size_t i = 0; i < p.removed_n; i++)
            drop(c, p.removed[i]);
        c->removals += (int)p.removed_n;
        cursor = p.next;
    } while (!str_is_empty(cursor));
    c->seq = p.seq;
    c->resets += p.is_reset;
    if (p.is_reset)
        read_all(r, c);
}

static void same(struct registry *r, const struct copy *c)
{
    struct copy *now = ARENA_NEW(&r->mem, struct copy);
    read_all(r, now);
    assert_int_equal(now->n, c->n);
    for (size_t i = 0; i < now->n; i++) {
        const struct entry *a = &now->at[i], *b = NULL;
        for (size_t k = 0; k < c->n; k++)
            b = uuid_is_equal(c->at[k].id, a->id) ? &c->at[k] : b;
        assert_non_null(b);
        assert_true(str_is_equal(a->name, b->name) && a->has_place == b->has_place && a->is_coarse == b->is_coarse);
        assert_true(!a->has_place || (a->lat_deg == b->lat_deg && a->lon_deg == b->lon_deg));
    }
}

static void copies(struct registry *r)
{
    struct copy *c = ARENA_NEW(&r->mem, struct copy);
    struct prng rng;
    uint64_t seed = getenv("FANE_SEED") ? strtoull(getenv("FANE_SEED"), NULL, 10) : (uint64_t)clock_now().us;
    fprintf(stderr, "FANE_SEED=%llu\n", (unsigned long long)seed);
    prng_seed(&rng, seed);
    edition(r, 0, PLACES);
    follow(r, c, 10);
    assert_true(c->resets == 1 && c->n == PLACES);
    for (int step = 1; step <= STEPS; step++) {
        for (uint64_t k = 1 + prng_below(&rng, 4); k > 0; k--)
            OK(sites_set_visibility(r->st, house(r, (int)prng_below(&rng, PLACES))->id,
                                    (enum visibility)prng_below(&rng, 3), STR("test"), &SITES_ADMIN, &r->err));
        if (step % 8 == 0)
            edition(r, step, step % 16 ? PLACES : PLACES - 3);
        follow(r, c, 1 + prng_below(&rng, 6));
        same(r, c);
    }
    assert_true(c->resets == 1 && c->removals > 0);
}

/* ---- what is named ---- */

static struct changes_page since(struct registry *r, int64_t seq)
{
    struct changes_page p;
    OK(changes_since(r->st, seq, STR_NONE, CHANGES_LIMIT_MAX, &r->mem, &p, &r->err));
    return p;
}

static void hidden(struct registry *r)
{
    struct changes_page p;
    edition(r, 0, 5);
    int64_t begin = since(r, 0).seq;
    assert_true(since(r, 0).is_reset && since(r, begin).seq == begin && !since(r, begin).is_reset);
    assert_true(since(r, begin + 1000).is_reset);
    struct site *s = house(r, 0);

    OK(sites_hide(r->st, s->id, STR("asked"), &SITES_ADMIN, &r->err));
    p = since(r, begin);
    assert_true(p.sites_n == 0 && p.removed_n == 1 && uuid_is_equal(p.removed[0], s->public_id));
    int64_t after = p.seq;

    /* What happens to it while it is hidden is nobody's business. */
    edition(r, 7, 5);
    p = since(r, after);
    for (size_t i = 0; i < p.sites_n; i++)
        assert_false(uuid_is_equal(p.sites[i].public_id, s->public_id));
    assert_int_equal(p.removed_n, 0);
    assert_true(p.seq > after);
    p = since(r, begin);
    assert_true(p.removed_n == 1);

    /* Shown again: told of as any site, coarse when it is. */
    int64_t before = since(r, 0).seq;
    OK(sites_set_visibility(r->st, s->id, VISIBILITY_COARSE, STR("asked"), &SITES_ADMIN, &r->err));
    p = since(r, before);
    assert_true(p.sites_n == 1 && p.removed_n == 0 && p.sites[0].is_coarse && p.sites[0].lat_deg != s->lat_deg);
    assert_true(str_is_empty(p.sites[0].wikidata));

    for (int bad = 0; bad < 4; bad++) {
        static const char *const CURSORS[] = {"x", "5.x", "-1.00000000-0000-4000-8000-000000000000",
                                              "5.00000000-0000-4000-8000-000000000000"};
        assert_int_equal(changes_since(r->st, begin, str_of(CURSORS[bad]), 5, &r->mem, &p, &r->err), RC_INVALID);
    }
}

/* A site that was never public: not when it comes, not when it changes, not when its country closes and opens. */
static void born_hidden(struct registry *r)
{
    struct sites_import_report report;
    struct sites_file_options o = {0};
    edition(r, 0, 2);
    int64_t begin = since(r, 0).seq;
    o.import.source = STR("quiet");
    o.import.temp_dir = r->dir;
    o.import.visibility = VISIBILITY_HIDDEN;
    OK(sites_import_file(r->st, town(r, 3, 6), &o, &report, &r->err));
    assert_int_equal(report.added, 6);
    struct changes_page p = since(r, begin);
    assert_true(p.seq > begin && !p.is_reset && p.sites_n == 0 && p.removed_n == 0);
}

#define ON_EACH(name)                                                                                                  \
    static void test_##name(void **s)                                                                                  \
    {                                                                                                                  \
        (void)s;                                                                                                       \
        on_each_engine(name);                                                                                          \
    }
ON_EACH(copies)
ON_EACH(hidden)
ON_EACH(born_hidden)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_copies), cmocka_unit_test(test_hidden),
                                       cmocka_unit_test(test_born_hidden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
