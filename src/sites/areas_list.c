/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See areas_list.h. A cursor is "0.N", the N-th country of the program, or "1.ID", behind a loaded area.
 */
#include "sites/areas_list_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/asset.h"
#include "geo/polygon.h"
#include "sites/sites_geojson.h"
#include "wire/gzip.h"
#include "wire/json_in.h"
#include "wire/json_stream.h"

#define BUILTIN "web/areas/countries.geojson"
enum { SHELF_MAX = 1000 };

struct area_shelf {
    struct arena mem;
    struct area_item items[SHELF_MAX];
    size_t n;
};

/* ---- the program's own ---- */

static const struct area_item *shelf_find(const struct area_shelf *s, struct str id)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_is_equal(s->items[i].id, id))
            return &s->items[i];
    return NULL;
}

static struct str slug_of(struct arena *mem, struct str name)
{
    char *to = arena_alloc(mem, name.n + 1);
    size_t n = 0;
    name = str_lower(mem, name);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (is_plain || (n && to[n - 1] != '-'))
            to[n++] = is_plain ? c : '-';
    }
    return (struct str){to, n && to[n - 1] == '-' ? n - 1 : n};
}

static struct str id_for(struct area_shelf *s, const struct area_info *info)
{
    if (info->country.n && !info->is_disputed && !shelf_find(s, info->country))
        return info->country;
    struct str slug = slug_of(&s->mem, info->name), id = slug;
    for (int i = 2; shelf_find(s, id); i++)
        id = str_printf(&s->mem, STR_FMT "-%d", STR_ARG(slug), i);
    return id;
}

static enum rc shelf_feature(void *ctx, const struct json_item *item, struct err *err)
{
    struct area_shelf *s = ctx;
    struct geo_shape shape;
    struct arena scratch;
    if (item->fault || s->n == SHELF_MAX)
        return err_set(err, RC_DAMAGED, "feature %lld: %s", (long long)item->index,
                       item->fault ? item->fault : "too many");
    const json_t *p = json_object_get(item->value, "properties");
    struct area_info info = {.country = str_copy(&s->mem, json_str_or_empty(p, "alpha2")),
                             .name = str_copy(&s->mem, json_str_or_empty(p, "name")),
                             .note = str_copy(&s->mem, json_str_or_empty(p, "note")),
                             .is_disputed = json_is_true(json_object_get(p, "disputed"))};
    arena_init(&scratch);
    enum rc rc = geojson_shape(json_object_get(item->value, "geometry"), &scratch, &shape, err);
    if (rc == RC_OK) {
        struct area_item a = {.level = AREA_COUNTRY, .info = info, .wkb = geo_wkb_write(&shape, &s->mem)};
        a.id = id_for(s, &info);
        s->items[s->n++] = a;
    }
    arena_fini(&scratch);
    return rc;
}

enum rc area_shelf_new(struct area_shelf **out, struct err *err)
{
    struct area_shelf *s = mem_alloc(sizeof *s);
    const struct asset *asset = asset_find(STR(BUILTIN));
    arena_init(&s->mem);
    if (asset) { /* a build without the web app has none */
        struct str text = {(const char *)asset->p, asset->n};
        enum rc rc = geojson_each_feature(str_source(&text), shelf_feature, s, NULL, err);
        if (rc != RC_OK) {
            area_shelf_free(s);
            return err_add(err, "%s: ", BUILTIN);
        }
    }
    *out = s;
    return RC_OK;
}

void area_shelf_free(struct area_shelf *s)
{
    if (!s)
        return;
    arena_fini(&s->mem);
    free(s);
}

/* ---- does a shape meet a box? ---- */

/* Liang and Barsky: what of the segment is left between two parallel sides. */
static bool clip(double at, double step, double low, double high, double *from, double *to)
{
    if (step == 0)
        return at >= low && at <= high;
    double a = (low - at) / step, b = (high - at) / step;
    *from = a < b ? (a > *from ? a : *from) : (b > *from ? b : *from);
    *to = a < b ? (b < *to ? b : *to) : (a < *to ? a : *to);
    return *from <= *to;
}

static bool edge_meets(struct geo_point a, struct geo_point b, const struct geo_box *box)
{
    double from = 0, to = 1;
    return clip(a.lon_deg, b.lon_deg - a.lon_deg, box->west_deg, box->east_deg, &from, &to) &&
           clip(a.lat_deg, b.lat_deg - a.lat_deg, box->south_deg, box->north_deg, &from, &to);
}

static bool shape_meets(const struct geo_shape *s, const struct geo_box *box)
{
    for (size_t r = 0; r < s->rings_n; r++)
        for (size_t i = 1; i < s->rings[r].n; i++)
            if (edge_meets(s->rings[r].at[i - 1], s->rings[r].at[i], box))
                return true;
    return geo_shape_holds(s, (struct geo_point){box->south_deg, box->west_deg}); /* no edge inside: all or nothing */
}

static bool item_meets(const struct area_item *a, const struct geo_box *box)
{
    struct geo_shape shape;
    struct arena mem;
    struct err err;
    bool meets = false;
    if (!box)
        return true;
    arena_init(&mem);
    if (geo_wkb_read(a->wkb, &mem, &shape, &err) == RC_OK) {
        struct geo_box west = *box, east = *box;
        if (box->west_deg >
            box->east_deg) { /* over the antimeridian: no shape here crosses it, so ask of both halves */
            west.west_deg = -180;
            east.east_deg = 180;
        }
        meets = shape_meets(&shape, &west) || shape_meets(&shape, &east);
    }
    arena_fini(&mem);
    return meets;
}

/* ---- pages ---- */

struct listing {
    const struct area_shelf *shelf;
    struct store *st;
    const struct geo_box *box;
    size_t limit, index; /* index: next of the shelf */
    struct uuid after;   /* of the store */
    struct str last;     /* cursor behind the last one kept */
    struct arena *mem;
    struct area_list list;
    bool is_full; /* there is one more than the page holds */
};

/* Copies: what a page of the store lent is gone with the next. */
static void keep(struct listing *l, const struct area_item *a, size_t index)
{
    if (l->is_full || !item_meets(a, l->box))
        return;
    l->is_full = l->list.n == l->limit;
    if (l->is_full) {
        l->list.next = l->last;
        return;
    }
    struct area_item *to = &l->list.items[l->list.n++];
    *to = *a;
    to->id = str_copy(l->mem, a->id);
    to->info.code = str_copy(l->mem, a->info.code);
    to->info.country = str_copy(l->mem, a->info.country);
    to->info.name = str_copy(l->mem, a->info.name);
    to->set = str_copy(l->mem, a->set);
    to->wkb = str_copy(l->mem, a->wkb);
    bool is_own = index < l->shelf->n;
    l->last = is_own ? str_printf(l->mem, "0.%zu", index + 1) : str_printf(l->mem, "1." STR_FMT, STR_ARG(a->id));
}

static enum rc cursor_read(struct listing *l, struct str cursor, struct err *err)
{
    struct str kind, rest;
    int64_t n;
    if (str_is_empty(cursor))
        return RC_OK;
    str_cut(cursor, '.', &kind, &rest);
    if (str_is_equal(kind, STR("0")) && str_parse_i64(rest, &n) && n >= 0 && n <= SHELF_MAX) {
        l->index = (size_t)n;
        return RC_OK;
    }
    l->index = SHELF_MAX;
    if (str_is_equal(kind, STR("1")) && uuid_parse(rest, &l->after))
        return RC_OK;
    return err_set(err, RC_INVALID, "the cursor is not one given out here; begin again without it");
}

static enum rc stored_read(struct listing *l, struct err *err)
{
    struct areas_read *r = mem_alloc(sizeof *r);
    struct arena mem;
    enum rc rc = RC_OK;
    arena_init(&mem);
    r->mem = &mem;
    r->after = l->after;
    r->n = AREAS_LIST_PAGE;
    while (rc == RC_OK && r->n == AREAS_LIST_PAGE && !l->is_full) {
        arena_reset(&mem);
        rc = store_read(l->st, areas_list_page, r, err);
        for (size_t i = 0; rc == RC_OK && i < r->n; i++)
            keep(l, &r->items[i], SHELF_MAX);
        if (rc == RC_OK && r->n)
            r->after = r->ids[r->n - 1];
    }
    arena_fini(&mem);
    free(r);
    return rc;
}

static enum rc count_all(struct listing *l, struct str cursor, struct err *err)
{
    struct areas_read *r;
    l->list.matched = -1;
    if (l->box || !str_is_empty(cursor))
        return RC_OK;
    r = mem_alloc(sizeof *r);
    enum rc rc = store_read(l->st, areas_list_count, r, err);
    if (rc == RC_OK)
        l->list.matched = (int64_t)l->shelf->n + r->count;
    free(r);
    return rc;
}

enum rc areas_list(const struct area_shelf *s, struct store *st, const struct geo_box *box, struct str cursor,
                   size_t limit, struct arena *mem, struct area_list *out, struct err *err)
{
    struct listing l = {.shelf = s, .st = st, .box = box, .limit = limit, .mem = mem};
    if (limit == 0 || limit > AREAS_LIMIT_MAX)
        return err_set(err, RC_INVALID, "the limit must be 1 to %d", AREAS_LIMIT_MAX);
    TRY(cursor_read(&l, cursor, err));
    l.list.items = ARENA_NEW_N(mem, struct area_item, limit);
    for (size_t i = l.index; i < s->n && !l.is_full; i++)
        keep(&l, &s->items[i], i);
    if (!l.is_full)
        TRY(stored_read(&l, err));
    TRY(count_all(&l, cursor, err));
    *out = l.list;
    return RC_OK;
}

enum rc areas_find(const struct area_shelf *s, struct store *st, struct str id, struct arena *mem,
                   struct area_item *out, struct err *err)
{
    const struct area_item *own = shelf_find(s, id);
    struct uuid uuid;
    if (own) {
        *out = *own;
        return RC_OK;
    }
    if (!uuid_parse(id, &uuid))
        return err_set(err, RC_NOT_FOUND, "There is no such area.");
    struct areas_read *r = ARENA_NEW(mem, struct areas_read);
    r->mem = mem;
    r->after = uuid;
    TRY(store_read(st, areas_list_one, r, err));
    if (r->n == 0)
        return err_set(err, RC_NOT_FOUND, "There is no such area.");
    *out = r->items[0];
    return RC_OK;
}
