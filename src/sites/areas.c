/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See areas.h. Layers, asked in this order: countries people loaded, countries of the program, first-level divisions.
 */
#include "sites/areas_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/asset.h"
#include "base/log.h"
#include "sites/sites_geojson.h"
#include "wire/json_in.h"
#include "wire/json_stream.h"

#define BUILTIN "web/areas/countries.geojson"
#define RINGS   "web/areas/disputed.geojson"
#define NEUTRAL "The status of this area is disputed. The code shown does not imply any opinion on its legal status."

enum { LAYER_OWN, LAYER_BUILTIN, LAYERS_COUNTRY, LAYER_ADMIN1 = LAYERS_COUNTRY, LAYER_RINGS, LAYERS };

struct areas {
    struct area_layer *layers[LAYERS];
    struct area_info *shown; /* of each ring, with the country it is shown under */
    struct iso_codes *iso;
};

/* ---- one feature of GeoJSON ---- */

static struct str first_of(const json_t *properties, const char *const *keys)
{
    for (; *keys; keys++) {
        struct str s = str_trim(json_str_or_empty(properties, *keys));
        if (!str_is_empty(s) && !str_is_equal(s, STR("-1")) && !str_is_equal(s, STR("-99")))
            return s;
    }
    return STR_NONE;
}

static struct str country_of(const struct iso_codes *iso, const json_t *p)
{
    static const char *const ALPHA2[] = {"alpha2", "iso_a2", "ISO_A2", "ISO_A2_EH", "country_code", NULL};
    static const char *const ALPHA3[] = {"alpha3", "adm0_a3", "ADM0_A3", "iso_a3", "ISO_A3", "shapeGroup", NULL};
    struct str s = first_of(p, ALPHA2);
    return s.n == 2 ? s : iso_codes_alpha2(iso, first_of(p, ALPHA3));
}

/* What a feature says of itself. Borrowed from it. */
static const char *feature_read(const struct iso_codes *iso, const json_t *feature, struct area_row *out)
{
    static const char *const CODE[] = {"iso_3166_2", "ISO_3166_2", "shapeISO", NULL};
    static const char *const NAME[] = {"name", "NAME", "name_en", "NAME_EN", "shapeName", NULL};
    const json_t *p = json_object_get(feature, "properties");
    if (!json_is_object(p))
        return "the feature has no properties";
    bool has_code = json_object_get(p, CODE[0]) || json_object_get(p, CODE[1]) || json_object_get(p, CODE[2]);
    struct str code = first_of(p, CODE);
    out->level = has_code ? AREA_ADMIN1 : AREA_COUNTRY;
    out->info = (struct area_info){.country = country_of(iso, p), .name = str_clip(first_of(p, NAME), AREAS_TEXT_MAX)};
    out->info.is_disputed = json_is_true(json_object_get(p, "disputed"));
    /* "-99-X04~", "BR-X01~": Natural Earth's stand-ins are no ISO 3166-2 codes */
    if (has_code && code.n >= 4 && code.n <= 6 && code.p[2] == '-' && code.p[0] != '-' &&
        !str_ends_with(code, STR("~")))
        out->info.code = code;
    out->info.note = str_clip(json_str_or_empty(p, "note"), 500);
    if (out->info.country.n != 0 && out->info.country.n != 2)
        return "the country code is not two letters";
    if (str_is_empty(out->info.country) && str_is_empty(out->info.code) && !out->info.is_disputed && !has_code)
        return "neither a country code (iso_a2, alpha2, adm0_a3) nor a division code (iso_3166_2)";
    return NULL;
}

/* ---- loading ---- */

struct load {
    struct areas *a;
    struct arena mem;
};

static enum rc builtin_feature(void *ctx, const struct json_item *item, struct err *err)
{
    struct load *l = ctx;
    struct area_row row = {0};
    struct geo_shape shape;
    arena_reset(&l->mem);
    const char *fault = item->fault ? item->fault : feature_read(l->a->iso, item->value, &row);
    if (fault)
        return err_set(err, RC_DAMAGED, "feature %lld: %s", (long long)item->index, fault);
    TRY(geojson_shape(json_object_get(item->value, "geometry"), &l->mem, &shape, err));
    return area_layer_add(l->a->layers[LAYER_BUILTIN], &row.info, &shape, err);
}

/* A ring says in "drawn_as" whose polygon it speaks of: in its layer that is the country, and the one to show the code. */
static enum rc ring_feature(void *ctx, const struct json_item *item, struct err *err)
{
    struct load *l = ctx;
    struct area_row row = {0};
    struct geo_shape shape;
    arena_reset(&l->mem);
    const char *fault = item->fault ? item->fault : feature_read(l->a->iso, item->value, &row);
    if (fault)
        return err_set(err, RC_DAMAGED, "feature %lld: %s", (long long)item->index, fault);
    row.info.code = row.info.country;
    row.info.country = json_str_or_empty(json_object_get(item->value, "properties"), "drawn_as");
    TRY(geojson_shape(json_object_get(item->value, "geometry"), &l->mem, &shape, err));
    return area_layer_add(l->a->layers[LAYER_RINGS], &row.info, &shape, err);
}

static enum rc asset_read(struct load *l, const char *path, json_item_fn fn, struct err *err)
{
    const struct asset *asset = asset_find(str_of(path));
    if (!asset) {
        log_line(LOG_WARN, "areas.missing", "asset=\"%s\" effect=\"sites get no country by place\"", path);
        return RC_OK;
    }
    struct str text = {(const char *)asset->p, asset->n};
    enum rc rc = geojson_each_feature(str_source(&text), fn, l, NULL, err);
    if (rc != RC_OK)
        err_add(err, "%s", path);
    return rc;
}

static enum rc stored_area(void *ctx, const struct area_row *row, struct err *err)
{
    struct load *l = ctx;
    struct geo_shape shape;
    arena_reset(&l->mem);
    TRY(geo_wkb_read(row->wkb, &l->mem, &shape, err));
    return area_layer_add(l->a->layers[row->level == AREA_ADMIN1 ? LAYER_ADMIN1 : LAYER_OWN], &row->info, &shape, err);
}

static enum rc layers_fill(struct areas *a, struct store *st, struct err *err)
{
    struct load l = {.a = a};
    TRY(iso_codes_new(&a->iso, err));
    arena_init(&l.mem);
    enum rc rc = asset_read(&l, BUILTIN, builtin_feature, err);
    if (rc == RC_OK)
        rc = asset_read(&l, RINGS, ring_feature, err);
    if (rc == RC_OK && st)
        rc = areas_store_each(st, stored_area, &l, err);
    arena_fini(&l.mem);
    return rc;
}

static void rings_show(struct areas *a)
{
    int n = area_layer_count(a->layers[LAYER_RINGS]);
    a->shown = mem_array((size_t)n, sizeof *a->shown);
    for (int i = 0; i < n; i++) {
        a->shown[i] = *area_layer_info(a->layers[LAYER_RINGS], i);
        a->shown[i].country = a->shown[i].code;
    }
}

enum rc areas_load(struct store *st, struct areas **out, struct err *err)
{
    struct areas *a = mem_alloc(sizeof *a);
    for (int i = 0; i < LAYERS; i++)
        a->layers[i] = area_layer_new();
    enum rc rc = layers_fill(a, st, err);
    if (rc != RC_OK) {
        areas_free(a);
        return rc;
    }
    for (int i = 0; i < LAYERS; i++)
        if (area_layer_count(a->layers[i]) > 0)
            area_layer_build(a->layers[i]);
    rings_show(a);
    *out = a;
    return RC_OK;
}

void areas_free(struct areas *a)
{
    if (!a)
        return;
    for (int i = 0; i < LAYERS; i++)
        area_layer_free(a->layers[i]);
    iso_codes_free(a->iso);
    free(a->shown);
    free(a);
}

/* ---- asking ---- */

/* What the map draws as one country and a ring of data/areas/disputed.csv flags. */
static const struct area_info *ringed(const struct areas *a, struct geo_point p, const struct area_info *drawn)
{
    const struct area_layer *l = a->layers[LAYER_RINGS];
    bool may_be = drawn && !str_is_empty(drawn->country) && area_layer_count(l) > 0;
    int found = may_be ? area_layer_find(l, p, drawn->country) : AREA_NONE;
    return found == AREA_NONE ? drawn : &a->shown[found];
}

static const struct area_info *country_holding(const struct areas *a, struct geo_point p)
{
    for (int i = 0; i < LAYERS_COUNTRY; i++) {
        if (area_layer_count(a->layers[i]) == 0)
            continue;
        int found = area_layer_find(a->layers[i], p, STR_NONE);
        if (found != AREA_NONE)
            return ringed(a, p, area_layer_info(a->layers[i], found));
    }
    return NULL;
}

static const struct area_info *country_near(const struct areas *a, struct geo_point p, struct str country,
                                            double *distance_m)
{
    const struct area_info *best = NULL;
    double radius = AREAS_NEAR_M;
    for (int i = 0; i < LAYERS_COUNTRY; i++) {
        if (area_layer_count(a->layers[i]) == 0)
            continue;
        int found = area_layer_near(a->layers[i], p, radius, country, &radius);
        if (found != AREA_NONE)
            best = area_layer_info(a->layers[i], found);
    }
    if (best && distance_m)
        *distance_m = radius;
    return best;
}

static bool country_is_drawn(const struct areas *a, struct str country)
{
    for (int i = 0; i < LAYERS_COUNTRY; i++)
        for (int k = 0; k < area_layer_count(a->layers[i]); k++)
            if (str_is_equal(area_layer_info(a->layers[i], k)->country, country))
                return true;
    return false;
}

/* The polygon decides, with R1; a code that has no polygon of its own (French Guiana at this scale) stands as claimed.
 */
static const struct area_info *country_decide(const struct areas *a, struct geo_point p, struct str claimed)
{
    const struct area_info *holds = country_holding(a, p);
    if (holds && (str_is_empty(claimed) || str_is_equal(holds->country, claimed)))
        return holds;
    if (!str_is_empty(claimed) && !(holds && holds->is_disputed)) {
        const struct area_info *near = country_near(a, p, claimed, NULL);
        if (near)
            return near;
    }
    return holds ? holds : ringed(a, p, country_near(a, p, STR_NONE, NULL));
}

static struct str admin1_decide(const struct areas *a, struct geo_point p, struct str country)
{
    const struct area_layer *l = a->layers[LAYER_ADMIN1];
    double distance_m;
    if (area_layer_count(l) == 0 || str_is_empty(country))
        return STR_NONE;
    int found = area_layer_find(l, p, country);
    if (found == AREA_NONE)
        found = area_layer_near(l, p, AREAS_NEAR_M, country, &distance_m);
    return found == AREA_NONE ? STR_NONE : area_layer_info(l, found)->code;
}

void areas_locate(const struct areas *a, struct geo_point p, struct str claimed, struct area_place *out)
{
    *out = (struct area_place){0};
    const struct area_info *found = country_decide(a, p, claimed);
    if (found) {
        out->country = found->country;
        out->is_disputed = found->is_disputed;
        out->note = !found->is_disputed ? STR_NONE : str_is_empty(found->note) ? STR(NEUTRAL) : found->note;
    }
    bool stands = !str_is_empty(claimed) && !out->is_disputed && !str_is_equal(out->country, claimed) &&
                  iso_codes_has(a->iso, claimed) && !country_is_drawn(a, claimed);
    if (stands)
        out->country = claimed;
    out->admin1 = admin1_decide(a, p, out->country);
}

enum area_answer areas_check(const struct areas *a, struct geo_point p, struct str alpha2, double *distance_m)
{
    const struct area_info *holds = country_holding(a, p);
    double d = -1;
    enum area_answer answer = AREA_OUTSIDE;
    if (!country_is_drawn(a, alpha2)) {
        answer = AREA_UNKNOWN;
    } else if (holds && str_is_equal(holds->country, alpha2)) {
        answer = holds->is_disputed ? AREA_DISPUTED : AREA_INSIDE;
        d = 0;
    } else if (holds && holds->is_disputed && str_is_empty(holds->country)) {
        answer = AREA_DISPUTED;
    } else if (country_near(a, p, alpha2, &d)) {
        answer = AREA_NEAR;
    }
    if (distance_m)
        *distance_m = d;
    return answer;
}

/* ---- loading a file ---- */

enum { SET_BYTES_MAX = 1 << 30 };

struct file_load {
    const struct iso_codes *iso;
    struct arena mem, scratch;
    struct area_set set;
    size_t size, bytes;
    areas_rejected_fn rejected;
    void *ctx;
    struct areas_report report;
};

static enum rc file_keep(struct file_load *f, const struct area_row *row, const struct geo_shape *shape,
                         struct err *err)
{
    if (f->set.n == AREAS_FEATURES_MAX || f->bytes > SET_BYTES_MAX)
        return err_set(err, RC_TOO_LARGE, "more than %d areas or %d bytes of polygons", AREAS_FEATURES_MAX,
                       SET_BYTES_MAX);
    if (f->set.n == f->size) {
        size_t old = f->size * sizeof *f->set.rows;
        f->size = f->size ? 2 * f->size : 256;
        f->set.rows = arena_grow(&f->mem, f->set.rows, old, f->size * sizeof *f->set.rows);
    }
    struct area_row *to = &f->set.rows[f->set.n++];
    *to = *row;
    to->info.code = str_copy(&f->mem, row->info.code);
    to->info.country = str_copy(&f->mem, row->info.country);
    to->info.name = str_copy(&f->mem, row->info.name);
    to->info.note = STR_NONE;
    to->wkb = geo_wkb_write(shape, &f->mem);
    f->bytes += to->wkb.n;
    f->report.areas++;
    f->report.countries += row->level == AREA_COUNTRY;
    f->report.admin1 += row->level == AREA_ADMIN1;
    return RC_OK;
}

static enum rc file_feature(void *ctx, const struct json_item *item, struct err *err)
{
    struct file_load *f = ctx;
    struct area_row row = {0};
    struct geo_shape shape;
    struct err why;
    arena_reset(&f->scratch);
    f->report.read++;
    const char *fault = item->fault ? item->fault : feature_read(f->iso, item->value, &row);
    if (!fault && geojson_shape(json_object_get(item->value, "geometry"), &f->scratch, &shape, &why) != RC_OK)
        fault = why.text;
    if (!fault)
        return file_keep(f, &row, &shape, err);
    f->report.rejected++;
    if (f->rejected)
        f->rejected(f->ctx, item->line, fault);
    return RC_OK;
}

/* Reads what the hash needs on its way. */
struct hashed {
    struct byte_source in;
    struct sha256_state state;
};

static enum rc hashed_read(void *ctx, void *out, size_t n, size_t *got, struct err *err)
{
    struct hashed *h = ctx;
    TRY(h->in.read(h->in.ctx, out, n, got, err));
    sha256_add(&h->state, out, *got);
    return RC_OK;
}

static struct str base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return str_of(slash ? slash + 1 : path);
}

static enum rc file_read_all(struct file_load *f, const char *path, struct err *err)
{
    struct input *in;
    TRY(input_open(path, NULL, &in, err));
    struct hashed h = {.in = input_source(in)};
    sha256_begin(&h.state);
    struct byte_source src = {hashed_read, &h};
    enum rc rc = geojson_each_feature(src, file_feature, f, NULL, err);
    f->set.digest = sha256_end(&h.state);
    input_close(in);
    if (rc == RC_OK && f->set.n == 0)
        rc = err_set(err, RC_INVALID, "%s has no area that can be used", path);
    return rc;
}

enum rc areas_import_file(struct store *st, const char *path, areas_rejected_fn rejected, void *ctx,
                          struct areas_report *out, struct err *err)
{
    struct iso_codes *iso;
    int64_t began = clock_monotonic_us();
    TRY(iso_codes_new(&iso, err));
    struct file_load f = {.iso = iso, .rejected = rejected, .ctx = ctx};
    f.set.name = str_clip(base_name(path), AREAS_TEXT_MAX);
    f.set.now = clock_now();
    arena_init(&f.mem);
    arena_init(&f.scratch);
    enum rc rc = file_read_all(&f, path, err);
    if (rc == RC_OK)
        rc = areas_store_put(st, &f.set, err);
    if (rc == RC_OK) {
        f.report.seconds = (double)(clock_monotonic_us() - began) / 1e6;
        *out = f.report;
    }
    arena_fini(&f.mem);
    arena_fini(&f.scratch);
    iso_codes_free(iso);
    return rc;
}
