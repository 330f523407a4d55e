/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Tiles of sites and of small layers of points. Areas are in tiles_area.c.
 */
#include "tiles/tiles.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tiles/tiles_int.h"

static const char *const flag_names[] = {"coarse", "synthetic", "unverified", "disputed"}; /* by bit of atlas_flag */

enum rc tiles_query_check(const struct tiles_query *q, struct err *err)
{
    if (q->z < 0 || q->z > TILES_ZOOM_MAX)
        return err_set(err, RC_INVALID, "zoom %d is outside 0..%d", q->z, TILES_ZOOM_MAX);
    if (q->x >> q->z || q->y >> q->z)
        return err_set(err, RC_INVALID, "there is no tile %u/%u at zoom %d", q->x, q->y, q->z);
    if (q->buffer > TILES_BUFFER_MAX)
        return err_set(err, RC_INVALID, "buffer %u is over %d", q->buffer, TILES_BUFFER_MAX);
    if (q->religion.n > ATLAS_CODE_MAX || (q->religion.n && memchr(q->religion.p, 0, q->religion.n)))
        return err_set(err, RC_INVALID, "a religion's code has at most %d bytes, none of them NUL", ATLAS_CODE_MAX);
    return RC_OK;
}

struct tiles_maker *tiles_maker_new(void)
{
    struct tiles_maker *t = mem_alloc(sizeof *t);
    t->mvt = mvt_new();
    buf_init(&t->gzip, 0);
    return t;
}

void tiles_maker_free(struct tiles_maker *t)
{
    if (!t)
        return;
    mvt_free(t->mvt);
    for (size_t i = 0; i <= TILES_GZIP_MAX; i++)
        if (t->compressors[i])
            libdeflate_free_compressor(t->compressors[i]);
    buf_fini(&t->gzip);
    free(t->ring);
    free(t);
}

void tiles_begin(struct tiles_maker *t, const struct tiles_query *q)
{
    t->q = *q;
    mvt_tile_begin(t->mvt);
}

struct str tiles_end(struct tiles_maker *t)
{
    return mvt_tile_end(t->mvt);
}

/* --- sites ------------------------------------------------------------------------------------------------------- */

/* Sites share few combinations of codes: their value numbers are remembered within a layer. */
static const struct combo_slot *combo_values(struct tiles_maker *t, const struct atlas_site *s)
{
    struct combo_slot *c = &t->combos[s->combo % COMBO_SLOTS];
    if (c->stamp == t->stamp && c->combo == s->combo)
        return c;
    *c = (struct combo_slot){.stamp = t->stamp, .combo = s->combo};
    if (s->religion.n)
        c->religion = mvt_str(t->mvt, s->religion);
    if (s->kind.n)
        c->kind = mvt_str(t->mvt, s->kind);
    if (s->class_code.n)
        c->class_code = mvt_str(t->mvt, s->class_code);
    return c;
}

static size_t tag(uint32_t *tags, size_t n, uint32_t key, uint32_t value)
{
    tags[n] = key;
    tags[n + 1] = value;
    return n + 2;
}

/* Names in other languages: a key is in a tile only where some site has one. */
static size_t tag_labels(struct tiles_maker *t, uint32_t site, uint32_t *tags, size_t n)
{
    struct atlas_label labels[ATLAS_LABELS];
    size_t labels_n = atlas_labels(t->atlas, site, labels);
    for (size_t i = 0; i < labels_n; i++) {
        uint32_t *key = &t->key_label[labels[i].lang];
        if (*key == UINT32_MAX) {
            char text[16];
            int chars = snprintf(text, sizeof text, "name_%s", ATLAS_LABEL_LANGS[labels[i].lang]);
            *key = mvt_key(t->mvt, (struct str){text, (size_t)chars});
        }
        n = tag(tags, n, *key, mvt_str_once(t->mvt, labels[i].name));
    }
    return n;
}

static void add_site(struct tiles_maker *t, const struct atlas_mark *m)
{
    struct atlas_site s;
    uint32_t tags[2 * (10 + ATLAS_LABELS)];
    char id[UUID_TEXT_BYTES];
    atlas_site_text(t->atlas, m->site, &s);
    uuid_text(s.public_id, id);
    size_t n = tag(tags, 0, t->key_count, t->one);
    n = tag(tags, n, t->key_id, mvt_str_once(t->mvt, (struct str){id, sizeof id}));
    if (s.name.n)
        n = tag(tags, n, t->key_name, mvt_str_once(t->mvt, s.name));
    if (s.has_labels && t->q.z >= TILES_LABELS_ZOOM)
        n = tag_labels(t, m->site, tags, n);
    const struct combo_slot *c = combo_values(t, &s);
    if (s.religion.n)
        n = tag(tags, n, t->key_religion, c->religion);
    if (s.kind.n)
        n = tag(tags, n, t->key_kind, c->kind);
    if (s.class_code.n)
        n = tag(tags, n, t->key_class, c->class_code);
    for (unsigned f = 0; s.flags >> f && f < 4; f++)
        if (s.flags >> f & 1)
            n = tag(tags, n, t->key_flag[f], t->yes);
    mvt_point(t->mvt, m->x, m->y, tags, n);
}

static void add_mark(void *ctx, const struct atlas_mark *m)
{
    struct tiles_maker *t = ctx;
    uint32_t tags[4];
    if (m->count == 1) {
        add_site(t, m);
        return;
    }
    size_t n = tag(tags, 0, t->key_count, mvt_uint(t->mvt, m->count));
    if (m->religion.n)
        n = tag(tags, n, t->key_religion, mvt_str(t->mvt, m->religion));
    mvt_point(t->mvt, m->x, m->y, tags, n);
}

void tiles_add_sites(struct tiles_maker *t, const struct atlas *a)
{
    const struct tiles_query *q = &t->q;
    t->atlas = a;
    t->stamp++;
    mvt_layer_begin(t->mvt, STR("sites"), TILES_EXTENT);
    t->key_count = mvt_key(t->mvt, STR("count"));
    t->key_religion = mvt_key(t->mvt, STR("religion"));
    t->key_id = mvt_key(t->mvt, STR("id"));
    t->key_name = mvt_key(t->mvt, STR("name"));
    t->key_kind = mvt_key(t->mvt, STR("kind"));
    t->key_class = mvt_key(t->mvt, STR("class"));
    for (size_t f = 0; f < 4; f++)
        t->key_flag[f] = mvt_key(t->mvt, str_of(flag_names[f]));
    memset(t->key_label, 0xff, sizeof t->key_label);
    t->one = mvt_uint(t->mvt, 1);
    t->yes = mvt_bool(t->mvt, true);
    if (q->religion.n)
        atlas_tile_of_religion(a, q->z, q->x, q->y, q->religion, add_mark, t);
    else
        atlas_tile(a, q->z, q->x, q->y, q->buffer, add_mark, t);
    mvt_layer_end(t->mvt);
}

/* --- small layers --------------------------------------------------------------------------------------------------
 */

size_t tiles_tags(struct tiles_maker *t, const struct tiles_prop *props, size_t n, uint32_t *tags)
{
    size_t k = 0;
    ENSURE(n <= TILES_PROPS_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct tiles_prop *p = &props[i];
        if (p->type == TILES_STR && p->s.n == 0)
            continue;
        uint32_t value = p->type == TILES_STR   ? mvt_str(t->mvt, p->s)
                         : p->type == TILES_INT ? mvt_int(t->mvt, p->i)
                         : p->type == TILES_F64 ? mvt_f64(t->mvt, p->f)
                                                : mvt_bool(t->mvt, p->b);
        k = tag(tags, k, mvt_key(t->mvt, str_of(p->key)), value);
    }
    return k;
}

void tiles_add_points(struct tiles_maker *t, struct str layer, const struct tiles_point *points, size_t n)
{
    const struct tiles_query *q = &t->q;
    const int64_t world = INT64_C(1) << 31, side = world >> q->z, unit = side / TILES_EXTENT;
    const int64_t margin = q->z > 0 ? q->buffer * unit : 0;
    mvt_layer_begin(t->mvt, layer, TILES_EXTENT);
    for (size_t i = 0; i < n; i++) {
        struct geo_merc m = geo_merc_of(points[i].at);
        int64_t y = m.y - q->y * side;
        if (y < -margin || y >= side + margin)
            continue;
        for (int64_t turn = margin ? -world : 0; turn <= (margin ? world : 0); turn += world) {
            int64_t x = m.x + turn - q->x * side;
            if (x < -margin || x >= side + margin)
                continue;
            uint32_t tags[2 * TILES_PROPS_MAX];
            size_t k = tiles_tags(t, points[i].props, points[i].props_n, tags);
            mvt_point(t->mvt, (int32_t)(x >> (19 - q->z)), (int32_t)(y >> (19 - q->z)), tags, k);
        }
    }
    mvt_layer_end(t->mvt);
}

/* --- gzip ------------------------------------------------------------------------------------------------------------
 */

struct str tiles_gzip(struct tiles_maker *t, struct str raw, int level)
{
    ENSURE(level >= 0 && level <= TILES_GZIP_MAX);
    struct libdeflate_compressor **c = &t->compressors[level];
    if (!*c)
        *c = libdeflate_alloc_compressor(level);
    ENSURE(*c != NULL);
    size_t bound = libdeflate_gzip_compress_bound(*c, raw.n);
    buf_clear(&t->gzip);
    char *to = buf_reserve(&t->gzip, bound);
    size_t n = libdeflate_gzip_compress(*c, raw.p, raw.n, to, bound);
    ENSURE(n > 0);
    buf_commit(&t->gzip, n);
    return buf_str(&t->gzip);
}
