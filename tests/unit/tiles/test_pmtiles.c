/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * PMTiles: the numbers of tiles, and a file written from an atlas with edits laid over. What is in it is read back by
 * another program (tests/cli/pmtiles_test.py); here its tiles are compared with those that are served.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>

#include "../sites/atlas_fixture.h"
#include "tiles/pmtiles.h"

static void numbers_of_tiles(void **state)
{
    (void)state;
    /* Vectors: the specification's table of tile ids (spec/v3, "Tile ID Encoding"). */
    static const struct {
        int z;
        uint32_t x, y;
        uint64_t id;
    } KNOWN[] = {
        {0, 0, 0, 0}, {1, 0, 0, 1}, {1, 0, 1, 2}, {1, 1, 1, 3}, {1, 1, 0, 4}, {2, 0, 0, 5}, {12, 3423, 1763, 19078479}};
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        assert_int_equal(pmtiles_id(KNOWN[i].z, KNOWN[i].x, KNOWN[i].y), KNOWN[i].id);
    uint32_t px = 0, py = 0;
    for (uint64_t id = 0; id < (1 << 16); id++) {
        int z;
        uint32_t x, y;
        pmtiles_zxy(id, &z, &x, &y);
        assert_int_equal(pmtiles_id(z, x, y), id);
        if (x || y) /* neighbours on the curve are neighbours on the map */
            assert_int_equal(abs((int)x - (int)px) + abs((int)y - (int)py), 1);
        px = x;
        py = y;
    }
    struct prng r;
    prng_seed(&r, made_seed());
    for (int i = 0; i < 10000; i++) {
        int z = (int)prng_below(&r, 15), back;
        uint32_t x = (uint32_t)prng_below(&r, UINT64_C(1) << z), y = (uint32_t)prng_below(&r, UINT64_C(1) << z), bx, by;
        pmtiles_zxy(pmtiles_id(z, x, y), &back, &bx, &by);
        assert_true(back == z && bx == x && by == y);
    }
}

static struct atlas *made_atlas(size_t n)
{
    struct prng r;
    struct err err;
    struct atlas *a = NULL, *over = NULL;
    char path[1024];
    prng_seed(&r, made_seed());
    struct made_site *s = made_sites(&r, n);
    made_path(path, "pmtiles");
    if (made_write(s, n, path, 0, &err) != RC_OK || atlas_open(path, &a, &err) != RC_OK)
        fail_msg("%s", err.text);
    unlink(path);
    struct atlas_site moved = {.lat_deg = 12.5, .lon_deg = -33.25, .name = STR("Moved")};
    struct atlas_change changes[] = {{.public_id = s[0].id}, {.public_id = s[1].id, .site = &moved}};
    if (atlas_overlay(a, changes, n > 1 ? 2 : 0, 1, &over, &err) != RC_OK)
        fail_msg("%s", err.text);
    atlas_close(a);
    free(s);
    return over;
}

static void the_file(void **state)
{
    (void)state;
    struct err err;
    struct arena mem;
    struct pmtiles_report one, four;
    struct pmtiles_options opt = {.name = STR("test"), .threads = 1};
    struct str first, second;
    char path[1024];
    made_path(path, "pyramid");
    arena_init(&mem);
    struct atlas *a = made_atlas(6000);
    assert_int_equal(pmtiles_write(a, path, &opt, &one, &err), RC_OK);
    assert_int_equal(file_read(path, 1 << 28, &mem, &first, &err), RC_OK);
    opt.threads = 4;
    assert_int_equal(pmtiles_write(a, path, &opt, &four, &err), RC_OK);
    assert_int_equal(file_read(path, 1 << 28, &mem, &second, &err), RC_OK);
    assert_true(str_is_equal(first, second) && one.tiles == four.tiles && one.bytes == first.n && one.sites == 5999);
    struct sha256 digest = sha256_of(first.p, first.n);
    assert_memory_equal(digest.b, one.digest.b, sizeof digest.b);
    /* The first tile is the world, as it is served. */
    struct tiles_maker *t = tiles_maker_new();
    struct tiles_query q = {0};
    tiles_begin(t, &q);
    tiles_add_sites(t, a);
    struct str served = tiles_gzip(t, tiles_end(t), TILES_GZIP_LEVEL);
    assert_true(first.n > 16384 + served.n && memcmp(first.p + 16384, served.p, served.n) == 0);
    tiles_maker_free(t);
    atlas_close(a);
    unlink(path);
    arena_fini(&mem);
}

static void a_full_disk(void **state)
{
    (void)state;
    struct err err;
    struct rlimit was, small;
    struct pmtiles_report r;
    struct pmtiles_options opt = {.name = STR("test"), .threads = 2};
    struct atlas *a = made_atlas(300);
    char path[1024], part[1100];
    int failed = 0;
    made_path(path, "full");
    snprintf(part, sizeof part, "%s.part", path);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &was);
    for (small = was, small.rlim_cur = 0;; small.rlim_cur += 8192, failed++) {
        setrlimit(RLIMIT_FSIZE, &small);
        enum rc rc = pmtiles_write(a, path, &opt, &r, &err);
        setrlimit(RLIMIT_FSIZE, &was);
        assert_false(file_is_there(part));
        if (rc == RC_OK)
            break;
        assert_int_equal(rc, RC_IO);
        assert_false(file_is_there(path));
    }
    assert_true(failed > 5);
    assert_int_equal(pmtiles_write(a, "/nonexistent/x.pmtiles", &opt, &r, &err), RC_IO);
    unlink(path);
    atlas_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_of_tiles), cmocka_unit_test(the_file),
                                       cmocka_unit_test(a_full_disk)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
