/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The follower, on both engines: after each poll the atlas is the registry of that moment; builds beside it, damage, a
 * server that starts after changes, a projection that goes along.
 */
#include "../sites/sites_fixture.h"

#include "base/rng.h"
#include "flow/atlas.h"
#include "sites/sites_int.h"
#include "sites/visibility.h"

enum { SITES = 80, STEPS = 40 };

/* A projection that keeps the names of what it was told. */
struct copy {
    struct uuid id[SITES * 4];
    char name[SITES * 4][32];
    int64_t seq[SITES * 4];
    size_t n, kept, names;
    int opened, swapped, failed;
    char revision[FLOW_REVISION_BYTES];
    struct copy *next; /* being built */
};

static void copy_put(struct copy *c, struct uuid id, const struct site *s, int64_t seq)
{
    size_t i = 0;
    while (i < c->n && !uuid_is_equal(c->id[i], id))
        i++;
    c->id[i] = id;
    c->seq[i] = seq;
    c->name[i][0] = 0;
    if (s)
        snprintf(c->name[i], sizeof c->name[i], STR_FMT, STR_ARG(s->name));
    c->names += s ? s->names_n : 0;
    c->n += i == c->n;
}
static enum rc copy_open(void *ctx, const char *revision, struct err *err)
{
    struct copy *c = ctx;
    c->opened++;
    return strcmp(revision, c->revision) == 0 ? RC_OK : err_set(err, RC_CONFLICT, "of another revision");
}
static enum rc copy_begin(void *ctx, const char *revision, int64_t seq, struct err *err)
{
    struct copy *c = ctx;
    (void)err;
    c->next = mem_alloc(sizeof *c->next);
    c->next->kept = (size_t)seq;
    snprintf(c->next->revision, sizeof c->next->revision, "%s", revision);
    return RC_OK;
}
static enum rc copy_add(void *ctx, const struct site *s, struct err *err)
{
    struct copy *c = ctx;
    (void)err;
    copy_put(c->next, s->public_id, s, (int64_t)c->next->kept);
    return RC_OK;
}
static enum rc copy_end(void *ctx, bool keep, struct err *err)
{
    struct copy *c = ctx;
    (void)err;
    c->failed += !keep;
    if (!keep) {
        free(c->next);
        c->next = NULL;
    }
    return RC_OK;
}
static enum rc copy_swap(void *ctx, int64_t seq, struct err *err)
{
    struct copy *c = ctx, *next = c->next;
    (void)err;
    for (size_t i = 0; i < c->n; i++)
        if (c->seq[i] > seq) {
            struct site s = {.name = str_of(c->name[i])};
            copy_put(next, c->id[i], c->name[i][0] ? &s : NULL, c->seq[i]);
        }
    next->opened = c->opened;
    next->swapped = c->swapped + 1;
    next->names += c->names;
    next->failed = c->failed;
    *c = *next;
    c->next = NULL;
    free(next);
    return RC_OK;
}
static enum rc copy_touched(void *ctx, const struct sites_now *now, int64_t seq, struct err *err)
{
    (void)err;
    copy_put(ctx, now->public_id, now->site, seq);
    return RC_OK;
}
static enum rc copy_applied(void *ctx, int64_t seq, struct err *err)
{
    (void)ctx;
    (void)seq;
    (void)err;
    return RC_OK;
}

struct rig {
    struct registry *r;
    struct copy copy;
    struct flow_projection projection;
    struct flow_follower_options opt;
    struct flow_follower *f;
    int64_t image_age_us;
};

static void rig_open(struct rig *g, size_t projections)
{
    struct registry *r = g->r;
    char dir[1024];
    snprintf(dir, sizeof dir, "%s/atlas", r->dir);
    OK(file_make_dir(dir, 0700, &r->err));
    g->projection = (struct flow_projection){&g->copy, copy_open, copy_begin,   copy_add,
                                             copy_end, copy_swap, copy_touched, copy_applied};
    g->opt = (struct flow_follower_options){.store = r->st,
                                            .dir = r->dir,
                                            .live = atlas_live_new(),
                                            .projections = &g->projection,
                                            .projections_n = projections,
                                            .threads = 1,
                                            .image_age_us = g->image_age_us};
    OK(flow_follower_open(&g->opt, &g->f, &r->err));
}

static void rig_close(struct rig *g)
{
    flow_follower_close(g->f);
    atlas_live_free(g->opt.live);
    free(g->copy.next);
    g->copy.next = NULL;
}

static void poll(struct rig *g)
{
    struct registry *r = g->r;
    OK(flow_follower_poll(g->f, &r->err));
}

/* Until no build is due or on its way. */
static void settle(struct rig *g)
{
    do
        poll(g);
    while (flow_follower_is_building(g->f));
}

/* ---- what should be there ---- */

struct expected {
    struct rig *g;
    const struct atlas *a;
    size_t n;
};

static void is_same(void *ctx, const struct atlas_mark *m)
{
    *(size_t *)ctx += m->count;
}

static bool find_id(void *ctx, uint32_t index)
{
    struct sites_now *want = ctx;
    struct expected *e = (struct expected *)(uintptr_t)want->site;
    struct atlas_site s;
    atlas_site(e->a, index, &s);
    return uuid_is_equal(s.public_id, want->public_id);
}

static enum rc expect_one(void *ctx, const struct site *s, struct err *err)
{
    struct expected *e = ctx;
    struct geo_near near;
    struct geo_point p = {s->lat_deg, s->lon_deg};
    struct sites_now want = {.public_id = s->public_id, .site = (const void *)e};
    (void)err;
    e->n++;
    assert_int_equal(atlas_nearest(e->a, p, 1, 0.02, find_id, &want, &near), 1);
    struct atlas_site found;
    atlas_site(e->a, near.index, &found);
    assert_true(str_is_equal(found.name, s->name));
    assert_int_equal((found.flags & ATLAS_COARSE) != 0, s->is_coarse);
    if (e->g->opt.projections_n == 0)
        return RC_OK;
    size_t i = 0;
    while (i < e->g->copy.n && !uuid_is_equal(e->g->copy.id[i], s->public_id))
        i++;
    assert_true(i < e->g->copy.n && str_is_equal(str_of(e->g->copy.name[i]), s->name));
    return RC_OK;
}

static void check(struct rig *g)
{
    struct registry *r = g->r;
    struct atlas_ref *ref = atlas_live_ref(g->opt.live);
    struct expected e = {.g = g, .a = atlas_ref_get(ref)};
    struct atlas_info info;
    assert_non_null(e.a);
    OK(sites_each_public(r->st, false, expect_one, &e, &r->err));
    atlas_info(e.a, &info);
    assert_int_equal(info.sites, e.n);
    size_t marks = 0, named = 0;
    atlas_tile(e.a, 0, 0, 0, 0, is_same, &marks);
    assert_int_equal(marks, e.n);
    for (size_t i = 0; i < g->copy.n; i++)
        named += g->copy.name[i][0] != 0;
    assert_int_equal(named, g->opt.projections_n ? e.n : 0);
    atlas_ref_put(ref, e.a);
}

/* ---- what changes ---- */

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
            buf_printf(&csv, "s%d,Site %d of %d,%d.5,%d.25\n", i, i, (int)prng_below(g, 2), (int)prng_below(g, 3) * 20,
                       i);
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

static enum rc say_whole(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    return sites_changed(tx, clock_now(), NULL, 0, err);
}

static void following(struct registry *r)
{
    struct rig *g = ARENA_NEW(&r->mem, struct rig);
    struct prng rng;
    g->r = r;
    prng_seed(&rng, 5);
    rig_open(g, 1);
    check(g);
    for (int step = 0; step < STEPS; step++) {
        if (step % 13 == 0)
            import_some(r, &rng);
        decide_one(r, &rng);
        poll(g);
        check(g);
        if (step % 10 == 5) { /* a build, with changes while it runs */
            int before = g->copy.swapped;
            OK(store_write(r->st, say_whole, NULL, &r->err));
            poll(g);
            poll(g);
            assert_true(flow_follower_is_building(g->f));
            decide_one(r, &rng);
            settle(g);
            assert_int_equal(g->copy.swapped, before + 1);
            check(g);
            decide_one(r, &rng);
            settle(g);
            check(g);
        }
        if (step % 10 == 8) { /* a new server after a change that it has not seen; the projection has lost its image */
            int before = g->copy.swapped;
            rig_close(g);
            g->copy.revision[0] = 0;
            g->copy.n = 0;
            decide_one(r, &rng);
            rig_open(g, 1);
            assert_int_equal(g->copy.swapped, before + 1);
            check(g);
        }
    }
    assert_true(g->copy.names > 0);
    rig_close(g);
}

/* ---- damage ---- */

static void damage(struct registry *r)
{
    struct rig *g = ARENA_NEW(&r->mem, struct rig);
    struct prng rng;
    struct atlas *a;
    bool was_built;
    char path[1024];
    g->r = r;
    prng_seed(&rng, 6);
    import_some(r, &rng);
    rig_open(g, 0);
    rig_close(g);
    snprintf(path, sizeof path, "%s/atlas/sites.atlas", r->dir);
    OK(flow_atlas_open(r->st, r->dir, &a, &was_built, &r->err));
    assert_false(was_built);
    atlas_close(a);
    decide_one(r, &rng);
    struct str before, bytes;
    OK(file_read(path, 1 << 24, &r->mem, &before, &r->err));
    rig_open(g, 0); /* laid over: what is on disk stays */
    check(g);
    rig_close(g);
    OK(flow_atlas_open(r->st, r->dir, &a, &was_built, &r->err));
    assert_false(was_built);
    atlas_close(a);
    OK(file_read(path, 1 << 24, &r->mem, &bytes, &r->err));
    assert_true(str_is_equal(before, bytes));
    ((char *)(uintptr_t)bytes.p)[bytes.n / 2] ^= 4;
    OK(file_replace(path, bytes, 0600, &r->err));
    rig_open(g, 0);
    check(g);
    rig_close(g);
    OK(flow_atlas_open(r->st, r->dir, &a, &was_built, &r->err));
    assert_false(was_built);
    atlas_close(a);
}

/* ---- the registry goes back, as when an older one is restored under a running server ---- */

static enum rc forget_changes(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {"DELETE FROM site_change WHERE seq > 1"};
    (void)ctx;
    return store_exec(tx, &SQL, NULL, 0, NULL, err);
}

static void gone_back(struct registry *r)
{
    struct rig *g = ARENA_NEW(&r->mem, struct rig);
    struct prng rng;
    g->r = r;
    prng_seed(&rng, 7);
    import_some(r, &rng);
    rig_open(g, 0);
    for (int i = 0; i < 4; i++)
        decide_one(r, &rng);
    poll(g);
    check(g);
    OK(store_write(r->st, forget_changes, NULL, &r->err));
    settle(g);
    check(g);
    decide_one(r, &rng);
    poll(g);
    check(g);
    rig_close(g);
}

/* Nothing laid over: an image never grows old. A site hidden: it is built anew, once. */
static void growing_old(struct registry *r)
{
    struct rig *g = ARENA_NEW(&r->mem, struct rig);
    struct sites_page page;
    struct prng rng;
    g->r = r;
    g->image_age_us = 1;
    prng_seed(&rng, 8);
    import_some(r, &rng);
    rig_open(g, 1);
    int before = g->copy.swapped;
    poll(g);
    assert_false(flow_follower_is_building(g->f));
    OK(sites_list(r->st, NULL, &SITES_ADMIN, STR_NONE, 1, false, &r->mem, &page, &r->err));
    OK(sites_set_visibility(r->st, page.sites[0].id, VISIBILITY_HIDDEN, STR("test"), &SITES_ADMIN, &r->err));
    poll(g);
    check(g);
    settle(g);
    poll(g);
    assert_int_equal(g->copy.swapped, before + 1);
    assert_false(flow_follower_is_building(g->f));
    check(g);
    rig_close(g);
}

/* ---- a country is no longer published ---- */

static void shows_nothing(struct rig *g)
{
    assert_null(atlas_ref_get(atlas_live_ref(g->opt.live)));
}

static void switch_to(struct registry *r, bool publish)
{
    struct country_change c = {.iso2 = STR("GB"), .reason = STR("an order"), .publish = publish};
    bool changed;
    OK(country_set(r->st, &c, &SITES_ADMIN, &changed, &r->err));
    assert_true(changed);
}

/* From the first poll on nothing is shown that the country still is in; a build that had begun before is not taken. A
 * server that starts after the switch builds first. */
static void withdrawn(struct registry *r)
{
    static const char MAP[] =
        "{\"source\":{\"name\":\"gb\",\"licence\":\"CC0-1.0\"},\"fields\":{\"id\":\"ref\",\"lat\":\"y\","
        "\"lon\":\"x\",\"name\":\"title\"},\"constant\":{\"kind\":\"CHU\",\"country\":\"GB\"}}";
    struct sites_file_options o = {.map = written(r, "gb.json", MAP, strlen(MAP)), .import.temp_dir = r->dir};
    struct sites_import_report p;
    struct rig *g = ARENA_NEW(&r->mem, struct rig);
    static const char CSV[] = "ref,title,y,x\na,A,51.5,-0.1\nb,B,52.5,-0.2\nc,C,53.5,-0.3\n";
    struct prng rng;
    g->r = r;
    prng_seed(&rng, 9);
    import_some(r, &rng);
    OK(sites_import_file(r->st, written(r, "gb.csv", CSV, strlen(CSV)), &o, &p, &r->err));
    assert_int_equal(p.added, 3);
    rig_open(g, 1);
    check(g);
    switch_to(r, false);
    poll(g);
    shows_nothing(g);
    settle(g);
    check(g);
    switch_to(r, true);
    poll(g); /* patient */
    settle(g);
    check(g);

    OK(store_write(r->st, say_whole, NULL, &r->err)); /* a build begins, with the country */
    poll(g);
    poll(g);
    assert_true(flow_follower_is_building(g->f));
    switch_to(r, false);
    const struct atlas *a = NULL;
    while (!a) { /* two builds: the one with the country, never shown, and the next; one if it reads after the switch */
        poll(g);
        a = atlas_ref_get(atlas_live_ref(g->opt.live));
    }
    atlas_ref_put(atlas_live_ref(g->opt.live), a);
    check(g);

    switch_to(r, true);
    poll(g); /* patient */
    settle(g);
    rig_close(g);
    switch_to(r, false);
    rig_open(g, 1);
    check(g);
    rig_close(g);
}

static void test_withdrawn(void **state)
{
    (void)state;
    on_each_engine(withdrawn);
}

static void test_growing_old(void **state)
{
    (void)state;
    on_each_engine(growing_old);
}
static void test_gone_back(void **state)
{
    (void)state;
    on_each_engine(gone_back);
}
static void test_following(void **state)
{
    (void)state;
    on_each_engine(following);
}
static void test_damage(void **state)
{
    (void)state;
    on_each_engine(damage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_following), cmocka_unit_test(test_damage),
                                       cmocka_unit_test(test_gone_back), cmocka_unit_test(test_growing_old),
                                       cmocka_unit_test(test_withdrawn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
