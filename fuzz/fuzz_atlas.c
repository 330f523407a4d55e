/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The atlas file. Even an empty one has 130 KB, most of it directories, so the input is read as changes to a small
 * sound image: 4 bytes offset, 1 byte value, again and again; offsets below half of their range fall into the header.
 * The digest is not checked, as otherwise nothing would get past it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sites/atlas_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { SITES = 60, CHANGES_MAX = 256 };

/* Two stacks, a pole, the antimeridian, and a line over the map. */
static struct geo_point place(size_t i)
{
    if (i < 20)
        return (struct geo_point){31.7767, 35.2345};
    if (i < 25)
        return (struct geo_point){90, (double)i};
    if (i < 35)
        return (struct geo_point){-17, i % 2 ? 179.99 : -179.99};
    return (struct geo_point){(double)i - 40, 3.0 * (double)i - 100};
}

static struct file_map make_base(void)
{
    char path[] = "/tmp/fane-fuzz-atlas-XXXXXX";
    struct err err;
    struct file_map map;
    int fd = mkstemp(path);
    ENSURE(fd >= 0 && close(fd) == 0);
    struct atlas_builder *b = atlas_builder_new();
    for (size_t i = 0; i < SITES; i++) {
        struct geo_point p = place(i);
        struct atlas_site s = {.lat_deg = p.lat_deg,
                               .lon_deg = p.lon_deg,
                               .name = i % 3 ? STR("Abbey") : STR("Temple of the Tooth"),
                               .labels = i % 4 ? STR_NONE : STR("\1\5Abbey\5\6\xe5\xaf\xba\xe5\xba\x99"),
                               .religion = i % 2 ? STR("christian") : STR("buddhist"),
                               .flags = (unsigned)i % 16};
        ENSURE(atlas_builder_add(b, &s, &err) == RC_OK);
    }
    ENSURE(atlas_builder_write(b, path, STR("fuzz"), 1, &err) == RC_OK);
    atlas_builder_free(b);
    ENSURE(file_map_open(path, &map, &err) == RC_OK);
    unlink(path);
    return map;
}

static void note(void *ctx, const struct atlas_mark *m)
{
    *(uint64_t *)ctx += m->count + m->religion.n;
}

static bool go_on(void *ctx, uint32_t index, double distance_m)
{
    *(uint64_t *)ctx += index + (distance_m > 1);
    return true;
}

static void ask(const struct atlas *a)
{
    struct geo_near near[5];
    struct atlas_site s;
    struct atlas_label labels[ATLAS_LABELS];
    uint64_t sum = 0;
    struct geo_box world = {-180, -90, 180, 90}, pacific = {170, -30, -170, 0};
    for (size_t i = 0; i < a->sites && i < 2 * (size_t)SITES; i++) {
        atlas_site(a, i, &s);
        sum += atlas_labels(a, i, labels);
    }
    for (size_t i = 0; i < SITES; i += 9) {
        struct geo_merc m = geo_merc_of(place(i));
        for (int z = 0; z <= ATLAS_ZOOM_MAX; z++) {
            atlas_tile(a, z, m.x >> (31 - z), m.y >> (31 - z), 320, note, &sum);
            atlas_tile_of_religion(a, z, m.x >> (31 - z), m.y >> (31 - z), STR("buddhist"), note, &sum);
        }
        atlas_near(a, place(i), 5, near);
        atlas_within(a, place(i), 3e6, go_on, &sum);
    }
    atlas_each_box(a, &world, go_on, &sum);
    atlas_count_box(a, &pacific);
}

/* Some of the file's own sites go or move, and one comes. */
static void ask_over(const struct atlas *a)
{
    struct atlas_file file = {.plain = *a};
    struct atlas base = {.file = &file}, *over;
    struct atlas_change changes[8] = {{{{0}}, NULL}};
    struct atlas_site moved = {.lat_deg = 47.5, .lon_deg = 9.5, .name = STR("Over"), .religion = STR("zoroastrian")};
    struct err err;
    atomic_init(&file.handles, 1);
    for (size_t i = 0; i < 8; i++) {
        if (i < 7 && a->sites > 0)
            changes[i].public_id = a->record[i * 11 % a->sites].id;
        changes[i].site = i % 2 ? &moved : NULL;
    }
    if (atlas_overlay(&base, changes, 8, 1, &over, &err) != RC_OK) {
        ENSURE(err.rc == RC_DAMAGED);
        return;
    }
    ask(over);
    atlas_close(over);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct file_map base; /* made once: the process is the fuzzer's */
    if (!base.p)
        base = make_base();
    unsigned char *bytes = mem_alloc(base.n);
    memcpy(bytes, base.p, base.n);
    for (size_t i = 0; i + 5 <= n && i < 5 * (size_t)CHANGES_MAX; i += 5) {
        uint32_t at;
        memcpy(&at, data + i, sizeof at);
        at = at >> 31 ? (at & 0x7fffffff) % (uint32_t)base.n : at % (uint32_t)sizeof(struct atlas_header);
        bytes[at] = data[i + 4];
    }
    struct atlas a;
    struct err err;
    if (atlas_attach(&a, (struct file_map){bytes, base.n}, &err) == RC_OK) {
        ask(&a);
        ask_over(&a);
    } else {
        ENSURE(err.rc == RC_DAMAGED);
    }
    free(bytes);
    return 0;
}
