/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The cache of gzipped tiles: same bytes, a cap that holds, ETags by content, many threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "../sites/atlas_fixture.h"
#include "tiles/tiles_cache.h"

static struct atlas *open_made(struct made_site *s, size_t n)
{
    char path[1024];
    struct err err = {0};
    struct atlas *a = NULL;
    made_path(path, "cache");
    if (made_write(s, n, path, 0, &err) != RC_OK || atlas_open(path, &a, &err) != RC_OK)
        fail_msg("%s", err.text);
    unlink(path);
    return a;
}

static void a_tile_is_made_once(void **state)
{
    (void)state;
    struct prng rng;
    prng_seed(&rng, made_seed());
    struct made_site *s = made_sites(&rng, 2000);
    struct atlas *a = open_made(s, 2000);
    struct tiles_maker *t = tiles_maker_new();
    struct tiles_cache *c = tiles_cache_new(1 << 20);
    struct tiles_query q = {.z = 2, .x = 2, .y = 1}, other = {.z = 2, .x = 2, .y = 1, .buffer = 320};
    struct tiles_query sea = {.z = 14, .x = 100, .y = 9000}, faith = {.z = 2, .x = 2, .y = 1, .religion = STR("hindu")};
    const struct tile_blob *one = tiles_cache_sites(c, t, a, &q), *two = tiles_cache_sites(c, t, a, &q);
    const struct tile_blob *wide = tiles_cache_sites(c, t, a, &other), *empty = tiles_cache_sites(c, t, a, &sea);
    const struct tile_blob *hindu = tiles_cache_sites(c, t, a, &faith);
    assert_ptr_equal(one, two);
    assert_true(wide != one && hindu != one && one->gzip.n > 0 && one->raw_n > one->gzip.n && strlen(one->etag) == 18);
    assert_true(empty->gzip.n == 0 && strcmp(hindu->etag, one->etag) != 0);
    struct tiles_cache_info info;
    tiles_cache_info(c, &info);
    assert_true(info.hits == 1 && info.misses == 4 && info.tiles == 4);
    /* One site more, far away: another image, the same tile, the same ETag. */
    s[0].at = (struct geo_point){-50, -100};
    for (size_t i = 1; i < 2000; i++)
        s[i] = i < 1000 ? (struct made_site){.at = {48.85, 2.35}, .id = s[i].id} : s[0];
    struct atlas *b = open_made(s, 1000), *d = open_made(s, 1001);
    struct tiles_query paris = {.z = 2, .x = 2, .y = 1};
    const struct tile_blob *before = tiles_cache_sites(c, t, b, &paris), *after = tiles_cache_sites(c, t, d, &paris);
    assert_true(before != after && strcmp(before->etag, after->etag) == 0);
    /* The same as an edit laid over: tiles that it does not reach come from the cache. */
    struct atlas_change gone = {.public_id = s[1000].id};
    struct atlas *edited;
    assert_int_equal(atlas_overlay(d, &gone, 1, 1, &edited, &(struct err){0}), RC_OK);
    struct tiles_query world = {.z = 0}, near = {.z = 6, .x = 32, .y = 22};
    const struct tile_blob *had = tiles_cache_sites(c, t, d, &near), *has = tiles_cache_sites(c, t, edited, &near);
    assert_true(had == has && had->raw_n > 0);
    tile_blob_put(had);
    tile_blob_put(has);
    had = tiles_cache_sites(c, t, d, &world);
    has = tiles_cache_sites(c, t, edited, &world);
    assert_true(had != has && strcmp(had->etag, has->etag) != 0);
    tile_blob_put(had);
    tile_blob_put(has);
    atlas_close(edited);
    const struct tile_blob *all[] = {one, two, wide, empty, hindu, before, after, NULL};
    tiles_cache_free(c); /* what is held outlives it */
    assert_int_equal((unsigned char)one->gzip.p[0], 0x1f);
    for (size_t i = 0; i < 8; i++)
        tile_blob_put(all[i]);
    tiles_maker_free(t);
    atlas_close(a);
    atlas_close(b);
    atlas_close(d);
    free(s);
}

struct worker {
    struct tiles_cache *cache;
    const struct atlas *atlas;
    uint64_t seed;
};

static void *ask(void *arg)
{
    struct worker *w = arg;
    struct tiles_maker *t = tiles_maker_new();
    struct prng r;
    prng_seed(&r, w->seed);
    for (int i = 0; i < 3000; i++) {
        int z = (int)prng_below(&r, 6);
        struct tiles_query q = {
            .z = z, .x = (uint32_t)prng_below(&r, UINT64_C(1) << z), .y = (uint32_t)prng_below(&r, UINT64_C(1) << z)};
        const struct tile_blob *b = tiles_cache_sites(w->cache, t, w->atlas, &q);
        struct str raw;
        tiles_begin(t, &q);
        tiles_add_sites(t, w->atlas);
        raw = tiles_end(t);
        if (b->raw_n != raw.n || (raw.n && b->gzip.n == 0))
            abort();
        tile_blob_put(b);
    }
    tiles_maker_free(t);
    return NULL;
}

static void threads_share_it_within_its_cap(void **state)
{
    (void)state;
    struct prng rng;
    prng_seed(&rng, made_seed());
    struct made_site *s = made_sites(&rng, 3000);
    struct atlas *a = open_made(s, 3000);
    enum { CAP = 200000 };
    struct tiles_cache *c = tiles_cache_new(CAP);
    pthread_t t[3];
    struct worker w[3];
    for (size_t i = 0; i < 3; i++) {
        w[i] = (struct worker){c, a, i + 1};
        assert_int_equal(pthread_create(&t[i], NULL, ask, &w[i]), 0);
    }
    for (size_t i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    struct tiles_cache_info info;
    tiles_cache_info(c, &info);
    assert_true(info.hits + info.misses == 9000 && info.hits > 0 && info.misses > info.tiles); /* some were let go */
    assert_true(info.bytes <= CAP + 16 * 40000); /* a shard keeps the newest tile whatever its size */
    tiles_cache_free(c);
    tiles_cache_free(NULL);
    atlas_close(a);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tile_is_made_once),
        cmocka_unit_test(threads_share_it_within_its_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
