/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The atlas against the sites it was made of: counts at every zoom, tiles with and without margin, questions, damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>

#include "atlas_fixture.h"

enum { ROUNDS = 12, TILES = 300 };

static struct prng rng;

static int setup(void **state)
{
    (void)state;
    prng_seed(&rng, made_seed());
    return 0;
}

static struct atlas *made_atlas(const struct made_site *s, size_t n, size_t threads)
{
    char path[1024];
    struct err err = {0};
    struct atlas *a = NULL;
    made_path(path, "test");
    if (made_write(s, n, path, threads, &err) != RC_OK || atlas_open(path, &a, &err) != RC_OK)
        fail_msg("%s", err.text);
    unlink(path); /* the mapping keeps it */
    return a;
}

static size_t any_size(int round)
{
    static const size_t edges[] = {0, 1, 2, 17, 300};
    return round < 5 ? edges[round] : 1 + prng_below(&rng, 8000);
}

/* --- counts ----------------------------------------------------------------------------------------------------- */

struct total {
    uint64_t count;
    size_t marks, outside;
};

static void add_up(void *ctx, const struct atlas_mark *m)
{
    struct total *t = ctx;
    bool inside = m->x >= 0 && m->x < ATLAS_EXTENT && m->y >= 0 && m->y < ATLAS_EXTENT;
    t->marks += inside;
    t->outside += !inside;
    t->count += inside ? m->count : 0;
}

static int by_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The tiles of a zoom that hold a mark, from the file's own columns. */
static size_t tiles_of(const struct atlas *a, int z, uint64_t *tiles)
{
    size_t n = z == ATLAS_ZOOM_MAX ? a->sites : a->levels[z].marks, k = 0;
    for (size_t i = 0; i < n; i++) {
        struct geo_merc m = z == ATLAS_ZOOM_MAX ? geo_cell_merc(a->cell[i])
                                                : (struct geo_merc){a->levels[z].mark[i].x, a->levels[z].mark[i].y};
        tiles[i] = geo_cell_from_merc(m) >> 2 * (31 - z);
    }
    qsort(tiles, n, sizeof *tiles, by_u64);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || tiles[i] != tiles[k - 1])
            tiles[k++] = tiles[i];
    return k;
}

static void counts_are_exact_at_every_zoom(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = any_size(round);
        struct made_site *s = made_sites(&rng, n);
        struct atlas *a = made_atlas(s, n, 0);
        uint64_t *tiles = mem_array(n + 1, sizeof *tiles);
        struct atlas_info info;
        atlas_info(a, &info);
        assert_int_equal(info.sites, n);
        for (int z = 0; z <= ATLAS_ZOOM_MAX; z++) {
            struct total plain = {0}, ring = {0};
            for (size_t i = 0, k = tiles_of(a, z, tiles); i < k; i++) {
                struct geo_merc t = geo_cell_merc(tiles[i]);
                atlas_tile(a, z, t.x, t.y, 0, add_up, &plain);
                atlas_tile(a, z, t.x, t.y, ATLAS_RADIUS, add_up, &ring);
            }
            assert_int_equal(plain.count, n);
            assert_int_equal(plain.marks, info.marks[z]);
            assert_int_equal(plain.outside, 0);
            assert_int_equal(ring.count, n);
            if (z == 0)
                assert_int_equal(ring.outside, 0);
        }
        free(tiles);
        atlas_close(a);
        free(s);
    }
}

/* What the greedy rule promises: no two sites shown by themselves stand within the radius. And each level joins. */
static void lone_sites_keep_their_distance(void **state)
{
    (void)state;
    struct made_site *s = made_sites(&rng, 2500);
    struct atlas *a = made_atlas(s, 2500, 0);
    for (int z = 0; z < ATLAS_LEVELS; z++) {
        const struct atlas_level *l = &a->levels[z];
        double r = ATLAS_RADIUS * ldexp(1, 19 - z);
        for (size_t i = 0; i < l->marks; i++)
            for (size_t k = 0; k < i; k++)
                if (!(l->mark[i].ref & ATLAS_IS_CLUSTER) && !(l->mark[k].ref & ATLAS_IS_CLUSTER))
                    assert_true(hypot((double)l->mark[i].x - l->mark[k].x, (double)l->mark[i].y - l->mark[k].y) > r);
        assert_true(l->marks <= (z == ATLAS_ZOOM_CLUSTERS ? a->sites : a->levels[z + 1].marks));
    }
    assert_true(a->levels[0].marks < 150);
    atlas_close(a);
    free(s);
}

static void threads_do_not_change_the_file(void **state)
{
    (void)state;
    struct made_site *s = made_sites(&rng, 20000);
    struct atlas *one = made_atlas(s, 20000, 1), *four = made_atlas(s, 20000, 4);
    assert_true(one->file->map.n == four->file->map.n &&
                memcmp(one->file->map.p, four->file->map.p, one->file->map.n) == 0);
    atlas_close(one);
    atlas_close(four);
    free(s);
}

struct first_mark {
    struct atlas_mark m;
    size_t n;
};

static void keep_first(void *ctx, const struct atlas_mark *m)
{
    struct first_mark *f = ctx;
    if (f->n++ == 0)
        f->m = *m;
}

/* 10,000 sites on one spot: one mark that says so, and 10,000 at the last zoom; the religion most of them follow. */
static void a_stack_is_one_cluster_and_all_its_sites(void **state)
{
    (void)state;
    enum { N = 10000 };
    struct made_site *s = made_sites(&rng, N);
    for (size_t i = 0; i < N; i++) {
        s[i].at = (struct geo_point){31.7767, 35.2345};
        s[i].religion = i % 10 < 5 ? 0 : i % 10 < 8 ? 3 : 5; /* half unknown, then hindu 3, jewish 2 */
    }
    struct atlas *a = made_atlas(s, N, 0);
    struct geo_merc m = geo_merc_of(s[0].at);
    for (int z = 0; z <= ATLAS_ZOOM_CLUSTERS; z++) {
        struct first_mark f = {0};
        atlas_tile(a, z, m.x >> (31 - z), m.y >> (31 - z), ATLAS_RADIUS, keep_first, &f);
        assert_int_equal(f.n, 1);
        assert_int_equal(f.m.count, N);
        assert_true(str_is_equal(f.m.religion, STR("hindu")));
    }
    struct total t = {0};
    assert_int_equal(atlas_tile(a, 14, m.x >> 17, m.y >> 17, 0, add_up, &t), N);
    assert_int_equal(t.count, N);
    atlas_close(a);
    free(s);
}

/* --- tiles against a plain scan ------------------------------------------------------------------------------------
 */

struct seen {
    int32_t x, y;
    uint32_t count, site;
};
struct seen_list {
    struct seen v[60000];
    size_t n;
};

static void note(void *ctx, const struct atlas_mark *m)
{
    struct seen_list *l = ctx;
    assert_true(l->n < sizeof l->v / sizeof *l->v);
    l->v[l->n++] = (struct seen){m->x, m->y, m->count, m->count == 1 ? m->site : 0};
}

static int by_seen(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct seen));
}

/* All marks of the level, shifted by each whole turn of the earth, within the tile and its margin. */
static void scan(const struct atlas *a, int z, uint32_t tx, uint32_t ty, int32_t buffer, struct seen_list *l)
{
    bool is_last = z == ATLAS_ZOOM_MAX;
    size_t n = is_last ? a->sites : a->levels[z].marks;
    int64_t side = INT64_C(1) << (31 - z), unit = side / ATLAS_EXTENT, margin = unit * buffer;
    for (size_t i = 0; i < n; i++) {
        struct geo_merc m =
            is_last ? geo_cell_merc(a->cell[i]) : (struct geo_merc){a->levels[z].mark[i].x, a->levels[z].mark[i].y};
        uint32_t ref = is_last ? (uint32_t)i : a->levels[z].mark[i].ref, c = ref & ~ATLAS_IS_CLUSTER;
        uint32_t count = ref & ATLAS_IS_CLUSTER ? a->levels[z].count[c] : 1;
        for (int turn = z ? -1 : 0; turn <= (z ? 1 : 0); turn++) {
            int64_t x = m.x + turn * (INT64_C(1) << 31) - tx * side, y = m.y - ty * side;
            if (x >= -margin && x < side + margin && y >= -margin && y < side + margin)
                l->v[l->n++] = (struct seen){(int32_t)floor((double)x / (double)unit),
                                             (int32_t)floor((double)y / (double)unit), count, count == 1 ? ref : 0};
        }
    }
}

static void tiles_equal_a_plain_scan(void **state)
{
    (void)state;
    static struct seen_list got, want;
    static const uint32_t buffers[] = {0, 64, ATLAS_RADIUS, ATLAS_BUFFER_MAX};
    struct made_site *s = made_sites(&rng, 3000);
    struct atlas *a = made_atlas(s, 3000, 0);
    size_t with_ring = 0;
    for (int i = 0; i < TILES * 4; i++) {
        int z = (int)prng_below(&rng, 15);
        struct geo_merc m = geo_merc_of(i % 8 ? s[prng_below(&rng, 3000)].at : made_point(&rng));
        uint32_t x = m.x >> (31 - z), y = m.y >> (31 - z), buffer = buffers[prng_below(&rng, 4)];
        got.n = want.n = 0;
        size_t n = atlas_tile(a, z, x, y, buffer, note, &got);
        assert_int_equal(n, got.n);
        scan(a, z, x, y, (int32_t)buffer, &want);
        qsort(got.v, got.n, sizeof *got.v, by_seen);
        qsort(want.v, want.n, sizeof *want.v, by_seen);
        if (got.n != want.n || memcmp(got.v, want.v, got.n * sizeof *got.v) != 0)
            fail_msg("tile %d/%u/%u with buffer %u: %zu marks, a scan finds %zu", z, x, y, buffer, got.n, want.n);
        for (size_t k = 0; k < got.n; k++)
            with_ring += got.v[k].x < 0 && x == 0;
    }
    assert_true(with_ring > 0); /* some margin went across the antimeridian */
    atlas_close(a);
    free(s);
}

static void one_religion_counts_exactly(void **state)
{
    (void)state;
    static struct seen_list got;
    struct made_site *s = made_sites(&rng, 3000);
    struct atlas *a = made_atlas(s, 3000, 0);
    for (int i = 0; i < TILES; i++) {
        int z = (int)prng_below(&rng, 15), religion = (int)prng_below(&rng, 7);
        struct geo_merc m = geo_merc_of(s[prng_below(&rng, 3000)].at);
        uint32_t x = m.x >> (31 - z), y = m.y >> (31 - z);
        uint64_t want = 0, have = 0;
        for (size_t k = 0; k < 3000; k++) {
            struct geo_merc p = geo_merc_of(s[k].at);
            want += s[k].religion == religion && p.x >> (31 - z) == x && p.y >> (31 - z) == y;
        }
        got.n = 0;
        atlas_tile_of_religion(a, z, x, y, str_of(made_religions[religion]), note, &got);
        for (size_t k = 0; k < got.n; k++) {
            have += got.v[k].count;
            assert_true(got.v[k].x >= 0 && got.v[k].x < ATLAS_EXTENT && got.v[k].y >= 0 && got.v[k].y < ATLAS_EXTENT);
        }
        assert_int_equal(have, want);
        assert_true(z == ATLAS_ZOOM_MAX || got.n <= 256);
    }
    atlas_close(a);
    free(s);
}

/* --- sites and questions ---------------------------------------------------------------------------------------------
 */

static int by_id(const void *a, const void *b)
{
    return memcmp(&((const struct made_site *)a)->id, &((const struct made_site *)b)->id, sizeof(struct uuid));
}

static const struct made_site *made_find(const struct made_site *s, size_t n, struct uuid id)
{
    struct made_site key = {.id = id};
    return bsearch(&key, s, n, sizeof *s, by_id);
}

static void sites_come_back_as_they_went_in(void **state)
{
    (void)state;
    enum { N = 4000 };
    struct made_site *s = made_sites(&rng, N);
    struct atlas *a = made_atlas(s, N, 0);
    qsort(s, N, sizeof *s, by_id);
    for (size_t i = 0; i < N; i++) {
        struct atlas_site got;
        atlas_site(a, i, &got);
        const struct made_site *m = made_find(s, N, got.public_id);
        assert_non_null(m);
        assert_true(got.lat_deg == m->at.lat_deg && got.lon_deg == m->at.lon_deg && got.flags == m->flags);
        assert_true(str_is_equal(got.name, str_of(m->name)));
        assert_true(made_is_labelled(a, i, m));
        assert_true(str_is_equal(got.religion, str_of(made_religions[m->religion])));
        assert_true(str_is_equal(got.kind, STR("CHU")) && str_is_equal(got.class_code, STR("place_of_worship")));
        assert_true(i == 0 || a->cell[i] >= a->cell[i - 1]);
    }
    struct geo_box paris = {2.2, 48.7, 2.5, 49};
    struct geo_near near[7];
    size_t inside = 0;
    for (size_t i = 0; i < N; i++)
        inside += geo_box_contains(&paris, s[i].at);
    assert_int_equal(atlas_count_box(a, &paris), inside);
    assert_int_equal(atlas_near(a, (struct geo_point){31.7767, 35.2345}, 7, near), 7);
    assert_true(near[6].distance_m < 1);
    atlas_close(a);
    free(s);
}

static void names_are_clipped_and_codes_refused(void **state)
{
    (void)state;
    char path[1024], longest[301], code[62];
    struct err err;
    struct atlas *a;
    struct atlas_site got, s = {.lat_deg = 1, .lon_deg = 2, .religion = STR("christian")};
    struct atlas_builder *b = atlas_builder_new();
    memset(longest, 'a', 119);
    memcpy(longest + 119, "\xd9\x85\xd8\xb3", 5); /* Arabic letters of two bytes over the cut */
    s.name = str_of(longest);
    assert_int_equal(atlas_builder_add(b, &s, &err), RC_OK);
    s.name = STR("bad \xff\xfe name");
    s.lat_deg = 2;
    s.lon_deg = 3;
    assert_int_equal(atlas_builder_add(b, &s, &err), RC_OK);
    s.name = STR("\1\1marked"); /* as only the pool's own texts begin */
    s.labels = (struct str){"\0\7\1Arabic\0\3two\1\6marked\5\3\1\1\1", 27};
    s.lat_deg = 4;
    assert_int_equal(atlas_builder_add(b, &s, &err), RC_OK);
    static const struct str BAD[] = {{"\6\1x", 3}, {"\1\4abc", 5}, {"\1\1x\2", 4}};
    for (size_t i = 0; i < 3; i++) {
        s.labels = BAD[i];
        assert_int_equal(atlas_builder_add(b, &s, &err), RC_INVALID);
    }
    s.labels = STR_NONE;
    memset(code, 'x', 61);
    code[61] = 0;
    s.religion = str_of(code);
    assert_int_equal(atlas_builder_add(b, &s, &err), RC_INVALID);
    s.religion = STR("");
    s.lat_deg = NAN;
    assert_int_equal(atlas_builder_add(b, &s, &err), RC_INVALID);
    made_path(path, "names");
    assert_int_equal(atlas_builder_write(b, path, STR("r"), 0, &err), RC_OK);
    atlas_builder_free(b);
    assert_int_equal(atlas_open(path, &a, &err), RC_OK);
    unlink(path);
    assert_int_equal(a->sites, 3);
    for (size_t i = 0; i < 3; i++) {
        atlas_site(a, i, &got);
        struct atlas_label labels[ATLAS_LABELS];
        size_t n = atlas_labels(a, i, labels);
        assert_int_equal(n, got.lat_deg == 4);
        if (got.lat_deg == 1)
            assert_true(got.name.n == 119 && str_is_utf8(got.name));
        else if (got.lat_deg == 4)
            assert_true(str_is_equal(got.name, STR("marked")) && labels[0].lang == 0 &&
                        str_is_equal(labels[0].name, STR("Arabic")));
        else
            assert_true(str_is_equal(got.name, STR("bad ?? name")));
    }
    atlas_close(a);
}

/* --- damage ----------------------------------------------------------------------------------------------------------
 */

struct image {
    char path[1024];
    unsigned char *p;
    size_t n;
    struct atlas_header h;
};

static void image_load(struct image *m, size_t sites)
{
    struct made_site *s = made_sites(&rng, sites);
    struct err err = {0};
    made_path(m->path, "damage");
    if (made_write(s, sites, m->path, 0, &err) != RC_OK)
        fail_msg("%s", err.text);
    free(s);
    FILE *f = fopen(m->path, "rb");
    fseek(f, 0, SEEK_END);
    m->n = (size_t)ftell(f);
    rewind(f);
    m->p = mem_alloc(m->n);
    assert_int_equal(fread(m->p, 1, m->n, f), m->n);
    fclose(f);
    memcpy(&m->h, m->p, sizeof m->h);
}

static enum rc open_bytes(const struct image *m, size_t n)
{
    struct atlas *a = NULL;
    struct err err = {0};
    FILE *f = fopen(m->path, "wb");
    assert_int_equal(fwrite(m->p, 1, n, f), n);
    fclose(f);
    enum rc rc = atlas_open(m->path, &a, &err);
    if (rc == RC_OK)
        atlas_close(a);
    else
        assert_true(strstr(err.text, m->path) != NULL);
    return rc;
}

static void flip(struct image *m, size_t at)
{
    unsigned char bit = (unsigned char)(1U << prng_below(&rng, 8));
    m->p[at] ^= bit;
    enum rc rc = open_bytes(m, m->n);
    if (rc != RC_DAMAGED)
        fail_msg("a flipped bit at byte %zu gives %s", at, rc_name(rc));
    m->p[at] ^= bit;
}

static void damage_is_noticed(void **state)
{
    (void)state;
    struct image m;
    image_load(&m, 900);
    assert_int_equal(open_bytes(&m, m.n), RC_OK);
    for (int k = 0; k < SEC_COUNT; k++) {
        struct atlas_section s = m.h.sections[k];
        for (int i = 0; s.bytes > 0 && i < 3; i++)
            flip(&m, (size_t)(s.at + (i == 0 ? 0 : i == 1 ? s.bytes - 1 : prng_below(&rng, s.bytes))));
    }
    for (int i = 0; i < 1000; i++)
        flip(&m, prng_below(&rng, m.n));
    for (int i = 0; i < 100; i++)
        flip(&m, prng_below(&rng, ATLAS_PAGE));
    for (int i = 0; i < 50; i++)
        assert_int_equal(open_bytes(&m, prng_below(&rng, m.n)), RC_DAMAGED);
    assert_int_equal(open_bytes(&m, 0), RC_DAMAGED);
    assert_int_equal(open_bytes(&m, m.n - 1), RC_DAMAGED);
    m.p = mem_realloc(m.p, m.n + 1);
    m.p[m.n] = 0;
    assert_int_equal(open_bytes(&m, m.n + 1), RC_DAMAGED);
    unlink(m.path);
    struct atlas *a;
    struct err err;
    assert_int_equal(atlas_open(m.path, &a, &err), RC_NOT_FOUND);
    free(m.p);
}

static void ask_everything(const struct atlas *a)
{
    static struct geo_near near[10];
    struct geo_box b = {-180, -90, 180, 90};
    struct total t = {0};
    struct atlas_site s;
    struct atlas_label labels[ATLAS_LABELS];
    for (size_t i = 0; i < a->sites; i += 7) {
        atlas_site(a, i, &s);
        atlas_labels(a, i, labels);
    }
    for (int z = 0; z <= ATLAS_ZOOM_MAX; z++) {
        struct geo_merc m = geo_merc_of(made_point(&rng));
        atlas_tile(a, z, m.x >> (31 - z), m.y >> (31 - z), 320, add_up, &t);
        atlas_tile_of_religion(a, z, m.x >> (31 - z), m.y >> (31 - z), STR("muslim"), add_up, &t);
    }
    atlas_near(a, made_point(&rng), 10, near);
    atlas_count_box(a, &b);
}

/* The file's own sites go, move, or stay, and new ones come. */
static bool lay_over(const struct atlas *a, const struct made_site *s, size_t n)
{
    struct atlas_file file = {.plain = *a};
    struct atlas base = {.file = &file}, *over;
    struct atlas_change changes[30];
    struct atlas_site site = {.name = STR("Over"), .religion = STR("hindu")};
    struct err err;
    atomic_init(&file.handles, 1);
    for (size_t i = 0; i < 30; i++) {
        struct geo_point p = made_point(&rng);
        site.lat_deg = p.lat_deg;
        site.lon_deg = p.lon_deg;
        changes[i] = (struct atlas_change){.public_id = s[prng_below(&rng, n)].id, .site = i % 2 ? &site : NULL};
        changes[i].public_id.b[0] ^= i % 5 == 0;
    }
    enum rc rc = atlas_overlay(&base, changes, 30, 1, &over, &err);
    if (rc != RC_OK) {
        assert_int_equal(rc, RC_DAMAGED);
        return false;
    }
    ask_everything(over);
    atlas_close(over);
    return true;
}

/* A3: with the digests out of the way, whatever a file says is harmless. Meant for ASan. */
static void a_deceiving_file_does_no_harm(void **state)
{
    (void)state;
    struct image m;
    size_t attached = 0, over = 0;
    struct prng again = rng;
    struct made_site *s = made_sites(&again, 500); /* those of the image */
    image_load(&m, 500);
    unlink(m.path);
    unsigned char *bytes = mem_alloc(m.n);
    for (int i = 0; i < 3000; i++) {
        struct atlas a;
        struct err err;
        memcpy(bytes, m.p, m.n);
        for (uint64_t k = 1 + prng_below(&rng, 8); k > 0; k--)
            bytes[prng_below(&rng, 20) ? ATLAS_PAGE + prng_below(&rng, m.n - ATLAS_PAGE)
                                       : prng_below(&rng, sizeof m.h)] = (unsigned char)prng_u64(&rng);
        if (atlas_attach(&a, (struct file_map){bytes, m.n}, &err) == RC_OK) {
            attached++;
            ask_everything(&a);
            over += lay_over(&a, s, 500);
        }
    }
    free(bytes);
    free(s);
    printf("%zu of 3000 deceiving files were attached, %zu laid over\n", attached, over);
    assert_true(attached > 100 && over > 100);
    free(m.p);
}

static void a_failed_build_leaves_the_old_image(void **state)
{
    (void)state;
    struct err err = {0};
    struct made_site *s = made_sites(&rng, 10);
    char path[1024], over[ATLAS_REVISION_MAX + 2];
    made_path(path, "keep");
    assert_int_equal(made_write(s, 10, path, 0, &err), RC_OK);
    assert_int_equal(made_write(s, 5, "/nonexistent/sites.atlas", 0, &err), RC_IO);
    /* A disk that is full after 0, 4 KB, 8 KB ... bytes, up to where the file fits. */
    struct rlimit was, small;
    char tmp[1100];
    int failed = 0;
    snprintf(tmp, sizeof tmp, "%s.tmp", path);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &was);
    for (small = was, small.rlim_cur = 0;; small.rlim_cur += 4096, failed++) {
        setrlimit(RLIMIT_FSIZE, &small);
        enum rc rc = made_write(s, 10, path, 0, &err);
        setrlimit(RLIMIT_FSIZE, &was);
        assert_false(file_is_there(tmp));
        if (rc == RC_OK)
            break;
        assert_int_equal(rc, RC_IO);
    }
    assert_true(failed > 10);
    memset(over, 'r', sizeof over);
    struct atlas_builder *b = atlas_builder_new();
    assert_int_equal(atlas_builder_write(b, path, (struct str){over, sizeof over}, 0, &err), RC_INVALID);
    atlas_builder_free(b);
    struct atlas *a;
    struct atlas_info info;
    assert_int_equal(atlas_open(path, &a, &err), RC_OK);
    atlas_info(a, &info);
    assert_int_equal(info.sites, 10);
    assert_true(str_is_equal(info.revision, STR("rev 7")));
    atlas_close(a);
    unlink(path);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_exact_at_every_zoom),
        cmocka_unit_test(lone_sites_keep_their_distance),
        cmocka_unit_test(threads_do_not_change_the_file),
        cmocka_unit_test(a_stack_is_one_cluster_and_all_its_sites),
        cmocka_unit_test(tiles_equal_a_plain_scan),
        cmocka_unit_test(one_religion_counts_exactly),
        cmocka_unit_test(sites_come_back_as_they_went_in),
        cmocka_unit_test(names_are_clipped_and_codes_refused),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(a_deceiving_file_does_no_harm),
        cmocka_unit_test(a_failed_build_leaves_the_old_image),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
