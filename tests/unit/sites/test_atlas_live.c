/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Readers and a writer at once: every handle agrees with itself (A1), and what the writer has shown as gone is never
 * met again by whoever asks afterwards. Run under ThreadSanitizer by ./dev check.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "atlas_fixture.h"
#include "sites/atlas_live.h"

enum { N = 3000, READERS = 3, SHOWS = 200, IMAGES = 10 };

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        struct err ok_err_;                                                                                            \
        struct err *err = &ok_err_;                                                                                    \
        if ((call) != RC_OK)                                                                                           \
            fail_msg("%s: %s", #call, err->text);                                                                      \
    } while (0)

struct race {
    struct atlas_live *live;
    struct made_site *sites;
    atomic_uint gone; /* sites[0..gone) are shown as gone */
    atomic_bool done;
    atomic_int faults;
    atomic_long asked;
};

struct asking {
    const struct atlas *a;
    const struct made_site *sites;
    size_t count;
    uint64_t gone; /* hash-free check: the public id's first 4 bytes are the site's number */
    bool is_met;
};

static uint32_t number_of(const struct uuid *id)
{
    uint32_t n;
    memcpy(&n, id->b, sizeof n);
    return n;
}

static bool meet(void *ctx, uint32_t index, double distance_m)
{
    struct asking *q = ctx;
    struct atlas_site s;
    (void)distance_m;
    atlas_site_text(q->a, index, &s);
    q->is_met = q->is_met || number_of(&s.public_id) < q->gone;
    q->count++;
    return true;
}

static void meet_mark(void *ctx, const struct atlas_mark *m)
{
    struct asking *q = ctx;
    size_t before = q->count;
    if (m->count == 1)
        meet(q, m->site, 0);
    q->count = before + m->count;
}

static void ask(struct race *r, struct prng *rng)
{
    struct asking q = {.gone = atomic_load(&r->gone)}; /* before the handle */
    struct atlas_info info;
    struct geo_near near[20];
    struct atlas_ref *ref = atlas_live_ref(r->live);
    const struct geo_box world = {-180, -90, 180, 90};
    q.a = atlas_ref_get(ref);
    atlas_info(q.a, &info);
    bool ok = info.sites + q.gone <= N && atlas_count_box(q.a, &world) == info.sites;
    for (int z = 0; z <= 2 && ok; z++) {
        q.count = 0;
        for (uint32_t t = 0; t < 1u << 2 * z; t++)
            atlas_tile(q.a, z, t >> z, t & ((1u << z) - 1), 0, meet_mark, &q);
        ok = q.count == info.sites;
    }
    struct geo_point p = r->sites[prng_below(rng, N)].at;
    size_t n = atlas_near(q.a, p, 20, near);
    for (size_t i = 0; i < n; i++)
        meet(&q, near[i].index, 0);
    atlas_within(q.a, p, 1e5, meet, &q);
    struct geo_merc m = geo_merc_of(p);
    atlas_tile(q.a, 14, m.x >> 17, m.y >> 17, 320, meet_mark, &q);
    atlas_ref_put(ref, q.a);
    atomic_fetch_add(&r->asked, 1);
    if (!ok || q.is_met)
        atomic_fetch_add(&r->faults, 1);
}

static void *read_on(void *arg)
{
    struct race *r = arg;
    struct prng rng;
    prng_seed(&rng, (uint64_t)(uintptr_t)&rng);
    while (!atomic_load(&r->done))
        ask(r, &rng);
    return NULL;
}

/* The sites from `first` on, as an import would find them. */
static struct atlas *image_from(const struct made_site *sites, size_t first)
{
    char path[1024];
    struct atlas *a = NULL;
    made_path(path, "live");
    OK(made_write(sites + first, N - first, path, 1, err));
    OK(atlas_open(path, &a, err));
    unlink(path);
    return a;
}

static void show(struct atlas_live *live)
{
    struct err err;
    while (atlas_live_show(live, &err) == RC_BUSY)
        clock_sleep_us(1000);
}

static void readers_and_a_writer(void **state)
{
    (void)state;
    struct prng rng;
    struct race r = {.live = atlas_live_new()};
    pthread_t readers[READERS];
    prng_seed(&rng, made_seed());
    r.sites = made_sites(&rng, N);
    for (uint32_t i = 0; i < N; i++)
        memcpy(r.sites[i].id.b, &i, sizeof i);
    struct atlas *image = image_from(r.sites, 0);
    OK(atlas_live_set(r.live, image, 0, err));
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &r), 0);
    for (int64_t seq = 1; seq <= SHOWS; seq++) {
        uint32_t at = (uint32_t)(seq - 1);
        struct atlas_change gone = {.public_id = r.sites[at].id};
        struct atlas_site moved = {.lat_deg = 10, .lon_deg = (double)(seq % 300) - 150, .name = STR("moved")};
        struct atlas_change elsewhere = {.public_id = r.sites[N - 1 - at].id, .site = &moved};
        atlas_live_note(r.live, &gone, seq);
        atlas_live_note(r.live, &elsewhere, seq);
        show(r.live);
        atomic_store(&r.gone, at + 1);
        if (seq % (SHOWS / IMAGES) == 0) { /* built two changes ago: those hold on it all the same */
            struct atlas *next = image_from(r.sites, (size_t)seq - 2);
            struct err err;
            enum rc rc = atlas_live_set(r.live, next, seq - 2, &err);
            if (rc == RC_BUSY)
                show(r.live);
            assert_int_equal(atlas_live_noted(r.live), 4);
        }
    }
    while (atomic_load(&r.asked) < 50)
        clock_sleep_us(1000);
    atomic_store(&r.done, true);
    for (size_t i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(r.faults, 0);
    atlas_live_clear(r.live);
    assert_null(atlas_ref_get(atlas_live_ref(r.live)));
    atlas_live_free(r.live);
    atlas_live_free(NULL);
    free(r.sites);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers_and_a_writer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
