/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Readers that go on while images are replaced. Run under TSan by `./dev check`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "atlas_fixture.h"

enum { READERS = 3, SWAPS = 60 };

struct race {
    struct atlas_ref *ref;
    atomic_bool is_over;
    atomic_size_t reads;
};

static void count(void *ctx, const struct atlas_mark *m)
{
    *(uint64_t *)ctx += m->count;
}

/* Every image seen is whole: its tile at zoom 0 counts its own sites, whichever image it is. */
static void *read_on(void *arg)
{
    struct race *r = arg;
    while (!atomic_load(&r->is_over)) {
        const struct atlas *a = atlas_ref_get(r->ref);
        if (!a)
            continue;
        struct atlas_info info;
        uint64_t sum = 0;
        atlas_info(a, &info);
        atlas_tile(a, 0, 0, 0, 320, count, &sum);
        if (sum != info.sites)
            abort();
        atlas_ref_put(r->ref, a);
        atomic_fetch_add(&r->reads, 1);
    }
    return NULL;
}

static struct atlas *image(struct prng *rng, size_t n)
{
    char path[1024];
    struct err err;
    struct atlas *a = NULL;
    struct made_site *s = made_sites(rng, n);
    made_path(path, "ref");
    assert_int_equal(made_write(s, n, path, 1, &err), RC_OK);
    assert_int_equal(atlas_open(path, &a, &err), RC_OK);
    unlink(path);
    free(s);
    return a;
}

static void readers_go_on_while_images_change(void **state)
{
    (void)state;
    struct prng rng;
    struct err err;
    struct race r = {.ref = atlas_ref_new()};
    pthread_t t[READERS];
    prng_seed(&rng, made_seed());
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, read_on, &r), 0);
    for (int i = 0; i < SWAPS; i++) {
        struct atlas *a = i % 10 == 9 ? NULL : image(&rng, 1 + prng_below(&rng, 300));
        size_t before = atomic_load(&r.reads);
        assert_int_equal(atlas_ref_set(r.ref, a, &err), RC_OK);
        while (a && atomic_load(&r.reads) < before + 20)
            clock_sleep_us(100);
    }
    atomic_store(&r.is_over, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(t[i], NULL);
    atlas_ref_free(r.ref);
}

static void a_held_image_stays_and_too_many_are_refused(void **state)
{
    (void)state;
    struct prng rng;
    struct err err;
    struct atlas_ref *r = atlas_ref_new();
    const struct atlas *held[32];
    int n = 0;
    prng_seed(&rng, 1);
    assert_null(atlas_ref_get(r));
    for (; n < 32; n++) {
        struct atlas *a = image(&rng, 5);
        if (atlas_ref_set(r, a, &err) == RC_BUSY) {
            atlas_close(a);
            break;
        }
        held[n] = atlas_ref_get(r);
    }
    assert_int_equal(n, 16); /* 15 old ones and the current */
    uint64_t sum = 0;
    atlas_tile(held[0], 0, 0, 0, 0, count, &sum);
    assert_int_equal(sum, 5);
    atlas_ref_put(r, held[0]);
    struct atlas *a = image(&rng, 6);
    assert_int_equal(atlas_ref_set(r, a, &err), RC_OK);
    for (int i = 1; i < n; i++)
        atlas_ref_put(r, held[i]);
    atlas_ref_put(r, NULL);
    const struct atlas *last = atlas_ref_get(r);
    assert_ptr_equal(last, a);
    atlas_ref_put(r, last);
    atlas_ref_free(r);
    atlas_ref_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_go_on_while_images_change),
        cmocka_unit_test(a_held_image_stays_and_too_many_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
