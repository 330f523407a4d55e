/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See export.h.
 */
#include "sites/export_int.h"

#include <stdlib.h>
#include <string.h>

#include "sites/sites_geojson.h"
#include "wire/csv.h"

enum { FLUSH_BYTES = 1 << 16, LANGS_MAX = 400, DECIMALS = 7 };

struct export
{
    struct store *st;
    const struct sites_export_options *opt;
    sites_write_fn write;
    void *ctx;
    struct export_page *page;
    struct buf out;
    struct sha256_state hash;
    struct sites_export_report report;
    struct arena mem;
    struct str langs[LANGS_MAX]; /* CSV: the columns name:LANG, sorted */
    size_t langs_n;
};

static enum rc flush(struct export *x, struct err *err)
{
    sha256_add(&x->hash, x->out.p, x->out.n);
    x->report.bytes += (int64_t)x->out.n;
    enum rc rc = x->out.n ? x->write(x->ctx, x->out.p, x->out.n, err) : RC_OK;
    buf_clear(&x->out);
    return rc;
}

enum rc export_walk(struct store *st, const struct sites_filter *filter, struct export_page *p, bool want_extras,
                    export_fn fn, void *ctx, struct err *err)
{
    struct sites_range ranges[SITES_RANGES_MAX];
    size_t n = sites_ranges(filter, ranges);
    p->want_extras = want_extras;
    for (size_t i = 0; i < n; i++) {
        p->range = ranges[i];
        p->after = SITES_KEY_FIRST;
        do {
            TRY(store_read(st, export_page_read, p, err));
            for (size_t k = 0; k < p->n; k++)
                TRY(fn(ctx, &p->sites[k], &p->extras[k], err));
            p->after = p->n ? p->keys[p->n - 1] : p->after;
        } while (p->n == EXPORT_PAGE);
    }
    return RC_OK;
}

static enum rc each(struct export *x, bool want_extras, export_fn fn, struct err *err)
{
    return export_walk(x->st, &x->opt->filter, x->page, want_extras, fn, x, err);
}

/* ---- GeoJSON ---- */

static void feature(struct export *x, const struct site *s, const struct export_site *e)
{
    struct json_out j;
    struct arena mem;
    arena_init(&mem);
    json_out_init(&j, &x->out);
    json_begin_object(&j);
    json_put_str(&j, "type", STR("Feature"));
    json_put_str(&j, "id", uuid_format(&mem, s->public_id));
    json_key(&j, "geometry");
    if (s->has_place)
        geojson_put_point(&j, (struct geo_point){s->lat_deg, s->lon_deg});
    else
        json_nil(&j);
    json_key(&j, "properties");
    json_begin_object(&j);
    sites_json_members(&j, s, s->is_coarse ? VIEW_COARSE : VIEW_FULL);
    json_put_str(&j, "unesco", s->unesco);
    json_put_str(&j, "note", s->note);
    json_put_str(&j, "source", e->source);
    json_put_str(&j, "licence", e->licence);
    json_put_str(&j, "attribution", e->attribution);
    json_put_str(&j, "release", e->release);
    json_put_str(&j, "external_id", e->external_id);
    json_put_str(&j, "updated", instant_format_s(&mem, s->updated));
    json_key(&j, "footprint");
    geojson_put_wkb(&j, e->footprint);
    json_end_object(&j);
    json_end_object(&j);
    arena_fini(&mem);
}

static enum rc geojson_row(void *ctx, const struct site *s, const struct export_site *e, struct err *err)
{
    struct export *x = ctx;
    buf_add_z(&x->out, x->report.rows++ ? ",\n" : "\n");
    feature(x, s, e);
    return x->out.n >= FLUSH_BYTES ? flush(x, err) : RC_OK;
}

static enum rc geojson(struct export *x, struct err *err)
{
    buf_add_z(&x->out, "{\"type\":\"FeatureCollection\",\"features\":[");
    TRY(each(x, true, geojson_row, err));
    buf_add_z(&x->out, "\n]}\n");
    return flush(x, err);
}

/* ---- CSV ---- */

static const char *const COLUMNS[] = {
    "id",         "code",        "name",        "class",   "kind",        "religion",   "denomination", "lat",
    "lon",        "precision_m", "is_coarse",   "country", "admin1",      "disputed",   "heritage",     "whs_year",
    "start_date", "wikidata",    "unesco",      "status",  "visibility",  "unverified", "synthetic",    "note",
    "source",     "licence",     "attribution", "release", "external_id", "updated"};

static int lang_compare(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static enum rc lang_collect(void *ctx, const struct site *s, const struct export_site *e, struct err *err)
{
    struct export *x = ctx;
    (void)e;
    for (size_t i = 0; i < s->names_n; i++) {
        struct str lang = s->names[i].lang;
        if (str_is_empty(lang) || (x->langs_n && bsearch(&lang, x->langs, x->langs_n, sizeof lang, lang_compare)))
            continue;
        if (x->langs_n == LANGS_MAX)
            return err_set(err, RC_TOO_LARGE, "names in more than %d languages do not fit a table; export GeoJSON",
                           LANGS_MAX);
        x->langs[x->langs_n++] = str_copy(&x->mem, lang);
        qsort(x->langs, x->langs_n, sizeof x->langs[0], lang_compare);
    }
    return RC_OK;
}

static struct str yes_no(bool b)
{
    return b ? STR("yes") : STR("no");
}

struct str export_visibility_word(enum visibility v)
{
    return v == VISIBILITY_PUBLIC ? STR("public") : v == VISIBILITY_COARSE ? STR("coarse") : STR("hidden");
}

static void csv_real(struct csv_out *c, bool has, double v, int decimals)
{
    if (has)
        csv_out_f64(c, v, decimals);
    else
        csv_out_str(c, STR_NONE);
}

/* A site may have two names of one language tag only in its record; the first stands. */
static struct str name_in(const struct site *s, struct str lang)
{
    for (size_t i = 0; i < s->names_n; i++)
        if (str_is_equal(s->names[i].lang, lang))
            return s->names[i].text;
    return STR_NONE;
}

/* The columns were collected in a walk of their own; what an import added since has none. */
static enum rc langs_check(const struct export *x, const struct site *s, struct err *err)
{
    for (size_t i = 0; i < s->names_n; i++)
        if (!str_is_empty(s->names[i].lang) &&
            !(x->langs_n && bsearch(&s->names[i].lang, x->langs, x->langs_n, sizeof x->langs[0], lang_compare)))
            return err_set(err, RC_BUSY, "the registry changed during the export; run it again");
    return RC_OK;
}

static enum rc csv_row(void *ctx, const struct site *s, const struct export_site *e, struct err *err)
{
    struct export *x = ctx;
    struct csv_out c;
    struct arena mem;
    TRY(langs_check(x, s, err));
    arena_init(&mem);
    csv_out_init(&c, &x->out, ',', x->opt->guard);
    const struct str head[] = {uuid_format(&mem, s->public_id),
                               code_format(&mem, s->code),
                               s->name,
                               s->class_code,
                               s->kind,
                               s->religion,
                               s->denomination};
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
        csv_out_str(&c, head[i]);
    csv_real(&c, s->has_place, s->lat_deg, DECIMALS);
    csv_real(&c, s->has_place, s->lon_deg, DECIMALS);
    csv_real(&c, s->has_place, s->precision_m, 1);
    struct str year = s->whs_year ? str_printf(&mem, "%d", s->whs_year) : STR_NONE;
    const struct str rest[] = {yes_no(s->is_coarse),
                               s->country,
                               s->admin1,
                               yes_no(s->is_disputed),
                               s->heritage,
                               year,
                               s->start_date,
                               s->wikidata,
                               s->unesco,
                               s->status,
                               export_visibility_word(s->visibility),
                               yes_no(s->is_unverified),
                               yes_no(s->is_synthetic),
                               s->note,
                               e->source,
                               e->licence,
                               e->attribution,
                               e->release,
                               e->external_id,
                               instant_format_s(&mem, s->updated)};
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        csv_out_str(&c, rest[i]);
    for (size_t i = 0; i < x->langs_n; i++)
        csv_out_str(&c, name_in(s, x->langs[i]));
    csv_out_end(&c);
    arena_fini(&mem);
    x->report.rows++;
    return x->out.n >= FLUSH_BYTES ? flush(x, err) : RC_OK;
}

static enum rc csv(struct export *x, struct err *err)
{
    struct csv_out c;
    TRY(each(x, false, lang_collect, err));
    csv_out_init(&c, &x->out, ',', false);
    for (size_t i = 0; i < sizeof COLUMNS / sizeof COLUMNS[0]; i++)
        csv_out_str(&c, str_of(COLUMNS[i]));
    for (size_t i = 0; i < x->langs_n; i++)
        csv_out_str(&c, str_printf(&x->mem, "name:" STR_FMT, STR_ARG(x->langs[i])));
    csv_out_end(&c);
    TRY(each(x, true, csv_row, err));
    return flush(x, err);
}

enum rc sites_export(struct store *st, const struct sites_export_options *opt, const struct viewer *viewer,
                     sites_write_fn write, void *ctx, struct sites_export_report *out, struct err *err)
{
    struct export *x = mem_alloc(sizeof *x);
    x->st = st;
    x->opt = opt;
    x->write = write;
    x->ctx = ctx;
    x->page = mem_alloc(sizeof *x->page);
    arena_init(&x->mem);
    arena_init(&x->page->mem);
    buf_init(&x->out, 0);
    sha256_begin(&x->hash);
    x->page->viewer = viewer;
    x->page->where = sites_where_of(&opt->filter, viewer, &x->mem);
    x->page->where.want_names = true;
    enum rc rc = opt->format == SITES_EXPORT_CSV ? csv(x, err) : geojson(x, err);
    if (rc == RC_OK) {
        x->report.digest = sha256_end(&x->hash);
        *out = x->report;
    }
    arena_fini(&x->page->mem);
    arena_fini(&x->mem);
    buf_fini(&x->out);
    free(x->page);
    free(x);
    return rc;
}
