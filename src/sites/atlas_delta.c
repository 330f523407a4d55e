/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Overlays: the image with some sites gone and some added. A delta is made whole from the image and the list of changes,
 * never altered afterwards: readers of the one before go on with it. Its clusters are in atlas_delta_levels.c.
 */
#include <stdlib.h>
#include <string.h>

#include "sites/atlas_int.h"

static void places_fini(struct atlas_places *p)
{
    free(p->cell);
    free(p->lat);
    free(p->lon);
    free(p->blocks);
}

void atlas_delta_free(struct atlas_delta *d)
{
    if (!d)
        return;
    places_fini(&d->removed);
    places_fini(&d->added);
    free(d->gone);
    free(d->removed_at);
    free(d->record);
    free(d->combos);
    free(d->religions);
    free(d->pool);
    for (int z = 0; z < ATLAS_LEVELS; z++) {
        struct atlas_level *l = &d->levels[z];
        free((void *)(uintptr_t)l->mark);
        free((void *)(uintptr_t)l->bands);
        free((void *)(uintptr_t)l->count);
        free((void *)(uintptr_t)l->religion);
        free(d->touched[z]);
    }
    for (int z = 0; z <= ATLAS_ZOOM_MAX; z++)
        free(d->dirty[z]);
    free(d);
}

static void places_init(struct atlas_places *p, size_t n)
{
    p->n = n;
    p->cell = mem_array(n + 1, sizeof *p->cell);
    p->lat = mem_array(n + 1, sizeof *p->lat);
    p->lon = mem_array(n + 1, sizeof *p->lon);
}

static void places_index(struct atlas_places *p)
{
    size_t blocks_n;
    p->blocks = geo_index_build(p->cell, p->lat, p->lon, p->n, 1, &blocks_n);
    ENSURE(geo_index_init(&p->index, p->lat, p->lon, p->n, p->blocks, blocks_n));
}

/* --- what is gone ------------------------------------------------------------------------------------------------ */

/* First position in by_id whose site's id is not below `id`. */
static size_t id_bound(const struct atlas *a, const struct uuid *id)
{
    size_t from = 0, to = a->sites;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        uint32_t at = a->by_id[mid];
        if (at < a->sites && memcmp(&a->record[at].id, id, sizeof *id) < 0) /* A3 */
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static bool is_same(const struct atlas *a, size_t index, const struct atlas_builder *b)
{
    struct atlas_site s;
    const struct atlas_staged *t = &b->sites[b->n - 1];
    const struct atlas_combo *c = &b->combos[t->combo];
    struct atlas_named mine, other;
    atlas_site_text(a, index, &s);
    atlas_name_whole(a, a->record[index].name, &mine);
    atlas_builder_name(b, t->name, &other);
    return a->index.lat_e7[index] == t->lat && a->index.lon_e7[index] == t->lon && s.flags == c->flags &&
           atlas_named_equal(&mine, &other) && str_is_equal(s.religion, atlas_builder_text(b, c->religion)) &&
           str_is_equal(s.kind, atlas_builder_text(b, c->kind)) &&
           str_is_equal(s.class_code, atlas_builder_text(b, c->class_code));
}

/* Whatever the image has of the site goes, and what it has become is staged in b; nothing when it is as it was. */
static enum rc change_one(struct atlas *a, struct atlas_builder *b, const struct atlas_change *c, struct err *err)
{
    size_t from = id_bound(a, &c->public_id), to = from;
    while (to < a->sites && a->by_id[to] < a->sites &&
           memcmp(&a->record[a->by_id[to]].id, &c->public_id, sizeof c->public_id) == 0)
        to++;
    if (c->site) {
        struct atlas_site s = *c->site;
        s.public_id = c->public_id;
        TRY(atlas_builder_add(b, &s, err));
        if (to == from + 1 && is_same(a, a->by_id[from], b)) {
            b->n--;
            return RC_OK;
        }
    }
    for (; from < to; from++)
        atlas_bit_set(a->delta->gone, a->by_id[from]);
    return RC_OK;
}

struct turn {
    const struct atlas_change *change;
    size_t at;
};

static int by_id_then_turn(const void *pa, const void *pb)
{
    const struct turn *a = pa, *b = pb;
    int d = memcmp(&a->change->public_id, &b->change->public_id, sizeof a->change->public_id);
    return d ? d : a->at < b->at ? -1 : 1;
}

static enum rc change_all(struct atlas *a, struct atlas_builder *b, const struct atlas_change *changes, size_t n,
                          struct err *err)
{
    struct turn *turns = mem_array(n + 1, sizeof *turns);
    enum rc rc = RC_OK;
    for (size_t i = 0; i < n; i++)
        turns[i] = (struct turn){&changes[i], i};
    qsort(turns, n, sizeof *turns, by_id_then_turn);
    for (size_t i = 0; i < n && rc == RC_OK; i++)
        if (i + 1 == n || !uuid_is_equal(turns[i].change->public_id, turns[i + 1].change->public_id))
            rc = change_one(a, b, turns[i].change, err);
    free(turns);
    return rc;
}

static void gather_removed(struct atlas *a)
{
    struct atlas_delta *d = a->delta;
    size_t n = 0, bytes = a->sites / 8 + 1;
    for (size_t i = 0; i < bytes; i++)
        n += (size_t)__builtin_popcount(d->gone[i]);
    places_init(&d->removed, n);
    d->removed_at = mem_array(n + 1, sizeof *d->removed_at);
    n = 0;
    for (size_t i = 0; i < bytes; i++)
        for (unsigned bits = d->gone[i]; bits; bits &= bits - 1) {
            size_t at = i * 8 + (size_t)__builtin_ctz(bits);
            d->removed_at[n] = (uint32_t)at;
            d->removed.cell[n] = a->cell[at];
            d->removed.lat[n] = a->index.lat_e7[at];
            d->removed.lon[n++] = a->index.lon_e7[at];
        }
    places_index(&d->removed);
}

/* --- what is added ----------------------------------------------------------------------------------------------- */

static uint32_t moved(const struct atlas *a, uint32_t at)
{
    return at ? at + (uint32_t)a->pool_n : 0;
}

/* The number of a religion; a text that the image knows keeps its offset, so that equal texts are equal offsets. */
static uint32_t religion_add(struct atlas *a, uint32_t at)
{
    struct str text = atlas_pool_str(a, at);
    uint32_t k = 0;
    while (k < a->religions_n && !str_is_equal(atlas_religion(a, k), text))
        k++;
    if (k == a->religions_n) {
        a->delta->religions[k] = at;
        a->religions_n++;
    }
    return a->delta->religions[k];
}

/* The builder's texts and combinations after the image's. */
static void take_texts(struct atlas *a, struct atlas_builder *b)
{
    struct atlas_delta *d = a->delta;
    size_t n = a->combos_n + b->combos_n;
    d->combos = mem_array(n + 1, sizeof *d->combos);
    d->religions = mem_array(a->religions_n + b->combos_n + 1, sizeof *d->religions);
    memcpy(d->combos, a->combos, a->combos_n * sizeof *d->combos);
    memcpy(d->religions, a->religions, a->religions_n * sizeof *d->religions);
    a->religions = d->religions;
    d->pool = b->pool;
    d->pool_n = b->pool_n;
    b->pool = NULL;
    for (size_t i = 0; i < b->combos_n; i++) {
        struct atlas_combo c = b->combos[i];
        d->combos[a->combos_n + i] = (struct atlas_combo){.religion = religion_add(a, moved(a, c.religion)),
                                                          .kind = moved(a, c.kind),
                                                          .class_code = moved(a, c.class_code),
                                                          .flags = c.flags};
    }
    a->combos = d->combos;
}

static void gather_added(struct atlas *a, struct atlas_builder *b)
{
    struct atlas_delta *d = a->delta;
    size_t n = b->n, combos = a->combos_n;
    uint32_t *order = mem_array(n + 1, sizeof *order), *tmp_order = mem_array(n + 1, sizeof *tmp_order);
    uint64_t *tmp = mem_array(n + 1, sizeof *tmp);
    places_init(&d->added, n);
    d->record = mem_array(n + 1, sizeof *d->record);
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
        d->added.cell[i] =
            geo_cell_of((struct geo_point){.lat_deg = b->sites[i].lat / 1e7, .lon_deg = b->sites[i].lon / 1e7});
    }
    atlas_sort(d->added.cell, order, tmp, tmp_order, n, 62, 1);
    for (size_t i = 0; i < n; i++) {
        const struct atlas_staged *s = &b->sites[order[i]];
        d->added.lat[i] = s->lat;
        d->added.lon[i] = s->lon;
        d->record[i] = (struct atlas_record){
            .id = b->ids[order[i]], .name = moved(a, s->name), .combo = (uint32_t)combos + s->combo};
    }
    free(order);
    free(tmp_order);
    free(tmp);
    places_index(&d->added);
    take_texts(a, b);
    a->combos_n += b->combos_n;
}

/* --- the handle --------------------------------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

static enum rc fill(struct atlas *a, const struct atlas_change *changes, size_t n, struct err *err)
{
    struct atlas_builder *b = atlas_builder_new();
    enum rc rc = change_all(a, b, changes, n, err);
    if (rc == RC_OK && (a->pool_n + b->pool_n > UINT32_MAX || a->sites + b->n > GEO_INDEX_POINTS_MAX))
        rc = err_set(err, RC_TOO_LARGE, "the changes do not fit beside the atlas; build it anew");
    if (rc == RC_OK) {
        gather_removed(a);
        gather_added(a, b);
        rc = atlas_delta_levels(a, err);
    }
    atlas_builder_free(b);
    return rc;
}

enum rc atlas_overlay(const struct atlas *base, const struct atlas_change *changes, size_t n, uint64_t number,
                      struct atlas **out, struct err *err)
{
    struct atlas *a = mem_alloc(sizeof *a);
    struct atlas_info info;
    enum rc rc = RC_OK;
    *a = base->file->plain;
    a->file = base->file;
    atomic_fetch_add(&a->file->handles, 1);
    atlas_info(a, &info);
    if (n > 0) {
        a->delta = mem_alloc(sizeof *a->delta);
        a->delta->gone = mem_alloc(a->sites / 8 + 1);
        a->delta->generation = mixed(info.generation, number + 1);
        rc = fill(a, changes, n, err);
    }
    if (rc != RC_OK) {
        atlas_close(a);
        return rc;
    }
    *out = a;
    return RC_OK;
}
