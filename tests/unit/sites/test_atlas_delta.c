/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Overlays: an image with random changes answers as an image built from the same state does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "atlas_fixture.h"

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        struct err ok_err_;                                                                                            \
        struct err *err = &ok_err_;                                                                                    \
        if ((call) != RC_OK)                                                                                           \
            fail_msg("%s: %s", #call, err->text);                                                                      \
    } while (0)

enum { N = 4000, ROUNDS = 6, CHANGES = 400, PARTS = 10 };

static struct atlas_site site_of(const struct made_site *s)
{
    return (struct atlas_site){.public_id = s->id,
                               .lat_deg = s->at.lat_deg,
                               .lon_deg = s->at.lon_deg,
                               .name = str_of(s->name),
                               .labels = {s->labels, s->labels_n},
                               .religion = str_of(s->religion == 7 ? "zoroastrian" : made_religions[s->religion]),
                               .kind = STR("CHU"),
                               .class_code = STR("place_of_worship"),
                               .flags = s->flags};
}

/* The state: sites, some of them changed, and what changed. */
struct state {
    struct made_site *sites;
    size_t n;
    struct atlas_site *become;
    struct atlas_change *changes;
    size_t changes_n;
};

static struct atlas *built(const struct made_site *sites, size_t n, const char *name)
{
    struct atlas_builder *b = atlas_builder_new();
    struct atlas *a = NULL;
    char path[1024];
    made_path(path, name);
    for (size_t i = 0; i < n; i++) {
        struct atlas_site s = site_of(&sites[i]);
        OK(atlas_builder_add(b, &s, err));
    }
    OK(atlas_builder_write(b, path, STR("rev"), 2, err));
    OK(atlas_open(path, &a, err));
    atlas_builder_free(b);
    unlink(path);
    return a;
}

static void note(struct state *s, const struct uuid *id, const struct made_site *now)
{
    struct atlas_change *c = &s->changes[s->changes_n];
    *c = (struct atlas_change){.public_id = *id};
    if (now) {
        s->become[s->changes_n] = site_of(now);
        c->site = &s->become[s->changes_n];
    }
    s->changes_n++;
}

static struct made_site fresh_site(struct prng *r, const struct state *s)
{
    struct made_site *one = made_sites(r, 1), m = *one;
    free(one);
    if (s->n && prng_below(r, 2)) { /* beside another, or on it */
        m.at = s->sites[prng_below(r, s->n)].at;
        if (prng_below(r, 2) && fabs(m.at.lat_deg) < 80 && fabs(m.at.lon_deg) < 179)
            m.at = (struct geo_point){geo_e7(m.at.lat_deg + 0.01 * prng_normal(r)) / 1e7,
                                      geo_e7(m.at.lon_deg + 0.01 * prng_normal(r)) / 1e7};
    }
    m.religion = (int)prng_below(r, 8); /* one more than the image knows */
    return m;
}

static void change(struct state *s, struct prng *r)
{
    size_t i = s->n ? prng_below(r, s->n) : 0;
    switch (s->n ? prng_below(r, 4) : 3) {
    case 0: { /* gone; twice said */
        struct uuid id = s->sites[i].id;
        s->sites[i] = s->sites[--s->n];
        note(s, &id, NULL);
        if (prng_below(r, 4) == 0)
            note(s, &id, NULL);
        return;
    }
    case 1: { /* another place, name, religion */
        struct made_site m = fresh_site(r, s);
        m.id = s->sites[i].id;
        s->sites[i] = m;
        note(s, &m.id, &s->sites[i]);
        return;
    }
    case 2: /* touched, but as it was */
        note(s, &s->sites[i].id, &s->sites[i]);
        return;
    default: {
        struct made_site m = fresh_site(r, s);
        s->sites[s->n] = m;
        note(s, &m.id, &s->sites[s->n++]);
    }
    }
}

/* become[] points into sites[].name, which moves: so the texts are set again when all is done. */
static void settle(struct state *s)
{
    for (size_t i = 0; i < s->changes_n; i++)
        for (size_t k = 0; s->changes[i].site && k < s->n; k++)
            if (uuid_is_equal(s->sites[k].id, s->changes[i].public_id))
                s->become[i] = site_of(&s->sites[k]);
}

static void state_init(struct state *s, struct prng *r, size_t n, size_t changes)
{
    *s = (struct state){.sites = made_sites(r, n + changes), .n = n};
    s->become = mem_array(changes * 2 + 1, sizeof *s->become);
    s->changes = mem_array(changes * 2 + 1, sizeof *s->changes);
}

static void state_fini(struct state *s)
{
    free(s->sites);
    free(s->become);
    free(s->changes);
}

/* --- comparing ------------------------------------------------------------------------------------------------------ */

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

struct seen {
    const struct atlas *a;
    struct uuid *ids;
    size_t n;
    uint64_t count;
    double last;
};

static void seen_site(struct seen *s, uint32_t index)
{
    struct atlas_site site;
    atlas_site_text(s->a, index, &site);
    s->ids[s->n++] = site.public_id;
}

static bool see_index(void *ctx, uint32_t index, double distance_m)
{
    (void)distance_m;
    seen_site(ctx, index);
    return true;
}

static void see_mark(void *ctx, const struct atlas_mark *m)
{
    struct seen *s = ctx;
    if (m->x < 0 || m->x >= ATLAS_EXTENT || m->y < 0 || m->y >= ATLAS_EXTENT)
        return;
    s->count += m->count;
    if (m->count == 1)
        seen_site(s, m->site);
}

static struct seen seen_new(const struct atlas *a)
{
    struct atlas_info info;
    atlas_info(a, &info);
    return (struct seen){.a = a, .ids = mem_array(info.sites + 1, sizeof(struct uuid))};
}

static void same_ids(struct seen *a, struct seen *b)
{
    assert_int_equal(a->n, b->n);
    qsort(a->ids, a->n, sizeof *a->ids, by_id);
    qsort(b->ids, b->n, sizeof *b->ids, by_id);
    assert_true(a->n == 0 || memcmp(a->ids, b->ids, a->n * sizeof *a->ids) == 0);
    a->n = b->n = 0;
}

static int by_value(const void *pa, const void *pb)
{
    uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;
    return (a > b) - (a < b);
}

/* The tiles of a zoom that hold a mark, each once. */
static size_t tiles_of(const struct atlas *a, int z, uint64_t *out)
{
    size_t n = 0, unique = 0;
    for (int own = 0; own < (a->delta ? 2 : 1) && z < ATLAS_ZOOM_MAX; own++) {
        const struct atlas_level *l = own ? &a->delta->levels[z] : &a->levels[z];
        for (size_t i = 0; i < l->marks; i++)
            if (own || !a->delta || !atlas_bit(a->delta->touched[z], i))
                out[n++] = (uint64_t)(l->mark[i].x >> (31 - z)) << 32 | l->mark[i].y >> (31 - z);
    }
    for (struct atlas_walk w = atlas_walk_from(a, 0, INT64_MAX); z == ATLAS_ZOOM_MAX && atlas_walk_next(&w);) {
        struct geo_merc m = geo_cell_merc(w.cell);
        out[n++] = (uint64_t)(m.x >> (31 - z)) << 32 | m.y >> (31 - z);
    }
    qsort(out, n, sizeof *out, by_value);
    for (size_t i = 0; i < n; i++)
        if (unique == 0 || out[unique - 1] != out[i])
            out[unique++] = out[i];
    return unique;
}

/* A1, and that only what is there is shown. */
static void same_tiles(const struct atlas *live, const struct atlas *scratch)
{
    struct atlas_info info;
    struct seen a = seen_new(live), b = seen_new(scratch);
    atlas_info(scratch, &info);
    uint64_t *tiles = mem_array(info.sites * 2 + 1, sizeof *tiles);
    for (int z = 0; z <= ATLAS_ZOOM_MAX; z++) {
        size_t n = tiles_of(live, z, tiles);
        a.count = a.n = 0;
        for (size_t i = 0; i < n; i++)
            atlas_tile(live, z, (uint32_t)(tiles[i] >> 32), (uint32_t)tiles[i], i % 3 ? 0 : ATLAS_RADIUS, see_mark, &a);
        assert_int_equal(a.count, info.sites);
        for (size_t i = 0; i < scratch->sites; i++)
            b.ids[i] = scratch->record[i].id;
        qsort(b.ids, scratch->sites, sizeof *b.ids, by_id);
        for (size_t i = 0; i < a.n; i++)
            assert_non_null(bsearch(&a.ids[i], b.ids, scratch->sites, sizeof *b.ids, by_id));
        if (z < ATLAS_ZOOM_MAX)
            continue;
        b.n = scratch->sites;
        same_ids(&a, &b);
    }
    free(tiles);
    free(a.ids);
    free(b.ids);
}

struct grid_sum {
    uint64_t count, place;
};
static void add_grid(void *ctx, const struct atlas_mark *m)
{
    struct grid_sum *s = ctx;
    s->count += m->count;
    s->place += (uint64_t)m->x * 31 + (uint64_t)m->y * 17 * m->count;
}

static void same_religion(const struct atlas *live, const struct atlas *scratch, struct prng *r)
{
    for (int i = 0; i < 200; i++) {
        int z = (int)prng_below(r, 15);
        struct geo_merc m = geo_merc_of(made_point(r));
        struct str religion = str_of(prng_below(r, 4) ? made_religions[prng_below(r, 7)] : "zoroastrian");
        struct grid_sum a = {0}, b = {0};
        atlas_tile_of_religion(live, z, m.x >> (31 - z), m.y >> (31 - z), religion, add_grid, &a);
        atlas_tile_of_religion(scratch, z, m.x >> (31 - z), m.y >> (31 - z), religion, add_grid, &b);
        assert_true(a.count == b.count && a.place == b.place);
    }
}

static struct geo_box random_box(struct prng *r)
{
    struct geo_point p = made_point(r);
    double h = pow(10, made_between(r, -3, 2)), w = pow(10, made_between(r, -3, 2.2));
    struct geo_box b = {p.lon_deg - w, fmax(p.lat_deg - h, -90), p.lon_deg + w, fmin(p.lat_deg + h, 90)};
    b.west_deg = b.west_deg < -180 ? b.west_deg + 360 : b.west_deg;
    b.east_deg = b.east_deg > 180 ? b.east_deg - 360 : b.east_deg;
    return b;
}

static void same_places(const struct atlas *live, const struct atlas *scratch, struct prng *r)
{
    struct seen a = seen_new(live), b = seen_new(scratch);
    for (int i = 0; i < 200; i++) {
        struct geo_box box = random_box(r);
        struct geo_point p = made_point(r);
        double radius = pow(10, made_between(r, 1, 7));
        assert_int_equal(atlas_count_box(live, &box), atlas_count_box(scratch, &box));
        atlas_each_box(live, &box, see_index, &a);
        atlas_each_box(scratch, &box, see_index, &b);
        same_ids(&a, &b);
        atlas_within(live, p, radius, see_index, &a);
        atlas_within(scratch, p, radius, see_index, &b);
        same_ids(&a, &b);
        double reach = pow(10, made_between(r, -2, 1.5));
        struct geo_point corner[] = {{p.lat_deg - reach, p.lon_deg},
                                     {p.lat_deg, p.lon_deg + reach},
                                     {p.lat_deg + reach, p.lon_deg - reach},
                                     {p.lat_deg - reach, p.lon_deg}};
        struct geo_ring ring = {corner, 4};
        struct geo_shape shape = {.rings = &ring, .rings_n = 1};
        atlas_each_in_shape(live, &shape, see_index, &a);
        atlas_each_in_shape(scratch, &shape, see_index, &b);
        assert_true(a.n == atlas_count_in_shape(live, &shape) && b.n == atlas_count_in_shape(scratch, &shape));
        same_ids(&a, &b);
        struct geo_near x[40], y[40];
        size_t want = 1 + prng_below(r, 40), n = atlas_near(live, p, want, x);
        assert_int_equal(n, atlas_near(scratch, p, want, y));
        for (size_t k = 0; k < n; k++)
            assert_true(x[k].distance_m == y[k].distance_m);
    }
    free(a.ids);
    free(b.ids);
}

static void round_of(struct prng *r, size_t n, size_t changes)
{
    struct state s;
    struct atlas *live, *next;
    state_init(&s, r, n, changes);
    struct atlas *image = built(s.sites, s.n, "delta");
    OK(atlas_overlay(image, NULL, 0, 0, &live, err));
    for (int part = 0; part < PARTS; part++) { /* each overlay from the one before */
        for (size_t i = 0; i < changes / PARTS; i++)
            change(&s, r);
        settle(&s);
        OK(atlas_overlay(live, s.changes, s.changes_n, (uint64_t)part, &next, err));
        atlas_close(live);
        live = next;
    }
    atlas_close(image);
    struct atlas *scratch = built(s.sites, s.n, "delta-scratch");
    struct atlas_info a, b;
    atlas_info(live, &a);
    atlas_info(scratch, &b);
    assert_int_equal(a.sites, b.sites);
    same_tiles(live, scratch);
    same_religion(live, scratch, r);
    same_places(live, scratch, r);
    atlas_close(live);
    atlas_close(scratch);
    state_fini(&s);
}

static void test_random(void **state)
{
    (void)state;
    struct prng r;
    const char *rounds = getenv("FANE_ROUNDS");
    prng_seed(&r, made_seed());
    for (int i = 0; i < (rounds ? atoi(rounds) : ROUNDS); i++)
        round_of(&r, i == 0 ? 0 : i == 1 ? 7 : N, i == 1 ? 40 : CHANGES);
}

/* --- islands: there the clusters themselves must be those of a new build --------------------------------------------- */

enum { ISLANDS = 40, ISLAND_ZOOM = 3 };

static struct geo_point on_island(struct prng *r)
{
    size_t i = prng_below(r, ISLANDS);
    return (struct geo_point){geo_e7(-45 + 30.0 * (double)(i % 4) + 1e-4 * prng_unit(r)) / 1e7,
                              geo_e7(-171 + 36.0 * (double)(i / 4) + 1e-4 * prng_unit(r)) / 1e7};
}

struct marks {
    struct atlas_mark at[N];
    size_t n;
};
static void keep_mark(void *ctx, const struct atlas_mark *m)
{
    struct marks *k = ctx;
    k->at[k->n++] = *m;
}
static int by_place(const void *pa, const void *pb)
{
    const struct atlas_mark *a = pa, *b = pb;
    if (a->x != b->x)
        return a->x < b->x ? -1 : 1;
    return (a->y > b->y) - (a->y < b->y);
}

static void same_marks(const struct atlas *live, const struct atlas *scratch, int z)
{
    static struct marks a, b;
    static uint64_t tiles[N];
    size_t n = tiles_of(scratch, z, tiles);
    for (size_t i = 0; i < n; i++) {
        a.n = b.n = 0;
        atlas_tile(live, z, (uint32_t)(tiles[i] >> 32), (uint32_t)tiles[i], 0, keep_mark, &a);
        atlas_tile(scratch, z, (uint32_t)(tiles[i] >> 32), (uint32_t)tiles[i], 0, keep_mark, &b);
        assert_int_equal(a.n, b.n);
        qsort(a.at, a.n, sizeof *a.at, by_place);
        qsort(b.at, b.n, sizeof *b.at, by_place);
        for (size_t k = 0; k < a.n; k++) {
            struct atlas_mark *x = &a.at[k], *y = &b.at[k];
            if (x->count != y->count || x->x != y->x || x->y != y->y)
                fail_msg("zoom %d: %u at %d %d, and %u at %d %d", z, x->count, x->x, x->y, y->count, y->x, y->y);
            assert_true(str_is_equal(x->religion, y->religion));
            struct atlas_site s, t;
            if (x->count > 1)
                continue;
            atlas_site(live, x->site, &s);
            atlas_site(scratch, y->site, &t);
            assert_true(uuid_is_equal(s.public_id, t.public_id) && str_is_equal(s.name, t.name));
            struct atlas_named mine, other;
            atlas_name_whole(live, atlas_record_of(live, x->site)->name, &mine);
            atlas_name_whole(scratch, atlas_record_of(scratch, y->site)->name, &other);
            assert_true(atlas_named_equal(&mine, &other));
            assert_true(s.lat_deg == t.lat_deg && s.lon_deg == t.lon_deg && s.flags == t.flags);
        }
    }
}

static void test_islands(void **state)
{
    (void)state;
    struct prng r;
    struct state s;
    struct atlas *live;
    prng_seed(&r, made_seed());
    for (int round = 0; round < 20; round++) {
        state_init(&s, &r, ISLANDS * 2, ISLANDS);
        struct made_site *more = made_sites(&r, ISLANDS);
        for (size_t i = 0; i < s.n; i++)
            s.sites[i].at = on_island(&r);
        struct atlas *image = built(s.sites, s.n, "islands");
        for (size_t i = 0; i < ISLANDS; i++) { /* go, come, or go over to another faith */
            size_t k = prng_below(&r, s.n);
            struct uuid id = s.sites[k].id;
            if (i % 3 == 0) {
                s.sites[k] = s.sites[--s.n];
            } else if (i % 3 == 1) {
                more[i].at = on_island(&r);
                id = more[i].id;
                s.sites[s.n++] = more[i];
            } else {
                s.sites[k].religion = 7;
            }
            note(&s, &id, i % 3 == 0 ? NULL : &s.sites[i % 3 == 1 ? s.n - 1 : k]);
        }
        for (size_t i = 0; i < s.changes_n; i++) { /* what came may have gone again */
            bool is_there = false;
            for (size_t k = 0; k < s.n; k++)
                is_there = is_there || uuid_is_equal(s.sites[k].id, s.changes[i].public_id);
            s.changes[i].site = is_there ? &s.become[i] : NULL;
        }
        settle(&s);
        OK(atlas_overlay(image, s.changes, s.changes_n, 1, &live, err));
        struct atlas *scratch = built(s.sites, s.n, "islands-scratch");
        for (int z = ISLAND_ZOOM; z <= ATLAS_ZOOM_MAX; z++)
            same_marks(live, scratch, z);
        atlas_close(live);
        atlas_close(image);
        atlas_close(scratch);
        free(more);
        state_fini(&s);
    }
}

/* --- what a tile's answer depends on --------------------------------------------------------------------------------- */

static void mix_mark(void *ctx, const struct atlas_mark *m)
{
    uint64_t *h = ctx;
    *h += ((uint64_t)(uint32_t)m->x * 2654435761u + (uint32_t)m->y) * 40503u + m->count * UINT64_C(77777777777) +
          str_hash(m->religion);
}

static void test_generation(void **state)
{
    (void)state;
    struct prng r;
    struct state s;
    struct atlas *live;
    size_t clean = 0;
    prng_seed(&r, made_seed());
    state_init(&s, &r, N, 20);
    struct atlas *image = built(s.sites, s.n, "generation");
    for (int i = 0; i < 10; i++)
        change(&s, &r);
    settle(&s);
    OK(atlas_overlay(image, s.changes, s.changes_n, 5, &live, err));
    for (int i = 0; i < 20000; i++) {
        int z = (int)prng_below(&r, 15);
        struct geo_merc m = geo_merc_of(prng_below(&r, 4) ? s.sites[prng_below(&r, s.n)].at : made_point(&r));
        uint32_t x = m.x >> (31 - z), y = m.y >> (31 - z), buffer = (uint32_t)prng_below(&r, ATLAS_BUFFER_MAX + 1);
        uint64_t a = 0, b = 0;
        if (atlas_tile_generation(live, z, x, y) != atlas_tile_generation(image, z, x, y))
            continue;
        clean++;
        atlas_tile(live, z, x, y, buffer, mix_mark, &a);
        atlas_tile(image, z, x, y, buffer, mix_mark, &b);
        assert_true(a == b);
        atlas_tile_of_religion(live, z, x, y, STR("hindu"), mix_mark, &a);
        atlas_tile_of_religion(image, z, x, y, STR("hindu"), mix_mark, &b);
        assert_true(a == b);
    }
    assert_true(clean > 1000);
    atlas_close(live);
    atlas_close(image);
    state_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_islands),
                                       cmocka_unit_test(test_generation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
