/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Shared ground of 1.5M points: the grid from an image, the grid after 1,000 changes, tiles of every zoom, the circle of a
 * sheet. Nobody else does it, so the peer is the slow way: the same tiles counted site by site; the two must agree.
 */
#include "bench_util.h"

#include "sites/atlas.h"
#include "tiles/ground.h"

enum { TILES = 20000, SLOW_TILES = 200, CIRCLES = 20000, CHANGES = 1000, RELIGIONS = 9 };

static const char *const religions[] = {"christian", "muslim", "hindu",  "buddhist", "jewish",
                                        "shinto",    "sikh",   "taoist", "other"};

static struct atlas *build(const struct bench_point *p, size_t n)
{
    struct prng r;
    struct err err;
    struct atlas *a;
    char path[1024];
    prng_seed(&r, 3);
    struct atlas_builder *b = atlas_builder_new();
    for (size_t i = 0; i < n; i++) {
        struct atlas_site s = {.lat_deg = p[i].lat,
                               .lon_deg = p[i].lon,
                               .religion = str_of(religions[prng_below(&r, RELIGIONS)]),
                               .kind = STR("CHU"),
                               .class_code = STR("place_of_worship")};
        uint64_t id[2] = {prng_u64(&r), prng_u64(&r)};
        memcpy(&s.public_id, id, sizeof id);
        ENSURE(atlas_builder_add(b, &s, &err) == RC_OK);
    }
    bench_path(path, "ground.atlas");
    ENSURE(atlas_builder_write(b, path, STR("bench"), 0, &err) == RC_OK && atlas_open(path, &a, &err) == RC_OK);
    atlas_builder_free(b);
    unlink(path);
    return a;
}

/* One cell of zoom 15, from a box around it. */
struct slow {
    const struct atlas *a;
    uint64_t key;
    uint32_t of[RELIGIONS], sites, faiths;
};

static bool slow_site(void *ctx, uint32_t index, double distance_m)
{
    struct slow *s = ctx;
    struct atlas_site site;
    (void)distance_m;
    atlas_site(s->a, index, &site);
    if (geo_cell_of((struct geo_point){site.lat_deg, site.lon_deg}) >> 32 != s->key)
        return true;
    s->sites++;
    for (int i = 0; i < RELIGIONS; i++)
        if (str_is_equal(site.religion, str_of(religions[i])))
            s->faiths += s->of[i]++ == 0;
    return true;
}

/* Tile z 10: each of its 1,024 cells by a question of its own. Returns how many are shared ground. */
static size_t slow_tile(const struct atlas *a, const struct ground *g, uint32_t x, uint32_t y)
{
    size_t n, found = 0;
    const struct ground_cell *cells = ground_tile(g, 10, x, y, &n);
    for (uint32_t i = 0; i < 1024; i++) {
        uint32_t cx = x << 5 | (i & 31), cy = y << 5 | i >> 5;
        uint64_t first, last;
        geo_tile_range(15, cx, cy, &first, &last);
        struct slow s = {.a = a, .key = first >> 32};
        struct geo_box box = geo_tile_box(15, cx, cy);
        atlas_each_box(a, &box, slow_site, &s);
        if (s.faiths < 2)
            continue;
        found++;
        bool is_same = false;
        for (size_t k = 0; k < n; k++)
            is_same = is_same || (cells[k].key == s.key && cells[k].sites == s.sites && cells[k].faiths == s.faiths);
        ENSURE(is_same);
    }
    ENSURE(found == n);
    return found;
}

static double ms_since(int64_t from)
{
    return (double)(clock_monotonic_us() - from) / 1e3;
}

static struct atlas *changed(const struct atlas *a, const struct bench_point *p, size_t n)
{
    static struct atlas_site sites[CHANGES];
    static struct atlas_change changes[CHANGES];
    struct atlas *out;
    struct prng r;
    struct err err;
    prng_seed(&r, 11);
    for (size_t i = 0; i < CHANGES; i++) {
        const struct bench_point *at = &p[prng_below(&r, n)];
        uint64_t id[2] = {prng_u64(&r), prng_u64(&r)};
        memcpy(&sites[i].public_id, id, sizeof id);
        sites[i].lat_deg = at->lat;
        sites[i].lon_deg = at->lon;
        sites[i].religion = str_of(religions[prng_below(&r, RELIGIONS)]);
        sites[i].kind = STR("CHU");
        sites[i].class_code = STR("place_of_worship");
        changes[i] = (struct atlas_change){sites[i].public_id, &sites[i]};
    }
    ENSURE(atlas_overlay(a, changes, CHANGES, 1, &out, &err) == RC_OK);
    return out;
}

int main(void)
{
    size_t n;
    struct bench_point *p = bench_points(&n);
    struct atlas *a = build(p, n), *over = changed(a, p, n);
    struct prng r;
    int64_t from = clock_monotonic_us();
    struct ground *g = ground_of_image(a);
    double image_ms = ms_since(from);
    from = clock_monotonic_us();
    struct ground *now = ground_now(g, over);
    double changes_ms = ms_since(from);
    struct tiles_maker *t = tiles_maker_new();
    size_t bytes = 0, cells = 0, shared = 0;
    prng_seed(&r, 5);
    from = clock_monotonic_us();
    for (size_t i = 0; i < TILES; i++) {
        const struct bench_point *at = &p[prng_below(&r, n)];
        struct geo_merc m = geo_merc_of((struct geo_point){at->lat, at->lon});
        int z = (int)prng_below(&r, 15);
        tiles_begin(t, &(struct tiles_query){.z = z, .x = m.x >> (31 - z), .y = m.y >> (31 - z)});
        tiles_add_ground(t, now);
        bytes += tiles_end(t).n;
    }
    double tile_us = ms_since(from) * 1e3 / TILES;
    from = clock_monotonic_us();
    for (size_t i = 0; i < CIRCLES; i++) {
        const struct bench_point *at = &p[prng_below(&r, n)];
        shared += ground_at(over, (struct geo_point){at->lat, at->lon}).faiths >= 2;
    }
    double circle_us = ms_since(from) * 1e3 / CIRCLES;
    double quick_us = 0, slow_us = 0;
    for (size_t i = 0; i < SLOW_TILES; i++) {
        const struct bench_point *at = &p[prng_below(&r, n)];
        struct geo_merc m = geo_merc_of((struct geo_point){at->lat, at->lon});
        from = clock_monotonic_us();
        cells += slow_tile(over, now, m.x >> 21, m.y >> 21);
        slow_us += ms_since(from) * 1e3 / SLOW_TILES;
        from = clock_monotonic_us();
        tiles_begin(t, &(struct tiles_query){.z = 10, .x = m.x >> 21, .y = m.y >> 21});
        tiles_add_ground(t, now);
        bytes += tiles_end(t).n;
        quick_us += ms_since(from) * 1e3 / SLOW_TILES;
    }
    ENSURE(cells > 0 && shared > 0 && bytes > 0);
    printf(
        "{\"name\": \"ground\", \"n\": %zu, \"image_ms\": %.1f, \"changes\": %d, \"changes_ms\": %.1f, \"tile_us\": %.2f, "
        "\"circle_us\": %.2f}\n",
        n, image_ms, CHANGES, changes_ms, tile_us, circle_us);
    printf("{\"name\": \"ground-z10-by-site\", \"n\": %d, \"tile_us\": %.1f, \"ours_us\": %.2f, \"ratio\": %.0f}\n",
           SLOW_TILES, slow_us, quick_us, slow_us / quick_us);
    tiles_maker_free(t);
    ground_free(g);
    ground_free(now);
    atlas_close(over);
    atlas_close(a);
    free(p);
    return 0;
}
