/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See import_record.h. The encoding is a list of length-prefixed texts and plain numbers in the machine's own order; it
 * lives no longer than one import, but its digest is stored, so a change of it makes every record look updated once.
 */
#include "sites/import_record.h"

#include <math.h>
#include <string.h>

#include "sites/import.h"
#include "sites/sites.h"
#include "wire/json_out.h"
#include "wire/osm_date.h"

#define DEFAULT_PRECISION_M 10.0 /* a point of a map drawn by hand over imagery */
#define RECORD_VERSION      "fane-record-1"

static bool is_bad_text(struct str s)
{
    return s.n > 0 && (memchr(s.p, 0, s.n) || !str_is_utf8(s));
}

static bool has_bad_text(const struct site_draft *d)
{
    const struct str all[] = {d->external_id, d->class_code,  d->kind,      d->religion, d->denomination,
                              d->wikidata,    d->heritage,    d->unesco_id, d->country,  d->status,
                              d->note,        d->source_text, d->start_date};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (is_bad_text(all[i]))
            return true;
    for (size_t i = 0; i < d->names_n; i++)
        if (is_bad_text(d->names[i].lang) || is_bad_text(d->names[i].text))
            return true;
    return false;
}

const char *record_fault(const struct site_draft *d, const struct vocab *v)
{
    if (str_is_empty(d->external_id))
        return "no id";
    if (d->external_id.n > IMPORT_TEXT_MAX)
        return "the id is longer than 500 bytes";
    if (has_bad_text(d))
        return "text that is not UTF-8, or with a NUL byte";
    if (d->has_place && !(d->lat_deg >= -90 && d->lat_deg <= 90 && d->lon_deg >= -180 && d->lon_deg <= 180))
        return "the place is outside latitude -90 to 90, longitude -180 to 180";
    if (d->names_n > SITE_NAMES_MAX)
        return "more than 400 names";
    if (!str_is_empty(d->kind) && !vocab_is_kind(v, d->kind))
        return "its kind is not one of data/vocab/site-kinds.json";
    if (!vocab_is_class(v, d->class_code))
        return "its class is not one of data/vocab/site-kinds.json";
    if (d->whs_year != 0 && (d->whs_year < 1978 || d->whs_year > 2200)) /* the first list is of 1978 */
        return "the World Heritage year is not a year";
    if (!(d->precision_m >= 0 && d->precision_m <= 1e7))
        return "the precision is not a distance in metres";
    return NULL;
}

static void put_str(struct buf *b, struct str s)
{
    uint32_t n = (uint32_t)s.n;
    buf_add(b, &n, sizeof n);
    buf_add_str(b, s);
}

static struct str text_kept(struct str s)
{
    return str_clip(s, SITE_TEXT_MAX);
}

struct fixed {
    double lat_deg, lon_deg, precision_m;
    int32_t whs_year;
    uint8_t has_place, is_disputed, is_unverified, is_synthetic, is_guarded, unused[3];
};

void record_encode(const struct site_draft *d, struct buf *out)
{
    struct fixed f;
    memset(&f, 0, sizeof f);
    f.has_place = d->has_place;
    f.lat_deg = d->has_place ? d->lat_deg + 0.0 : 0; /* + 0.0: minus zero is the same place */
    f.lon_deg = d->has_place ? d->lon_deg + 0.0 : 0;
    f.precision_m = d->precision_m;
    f.whs_year = d->whs_year;
    f.is_disputed = d->is_disputed;
    f.is_unverified = d->is_unverified;
    f.is_synthetic = d->is_synthetic;
    f.is_guarded = d->is_guarded;
    put_str(out, STR(RECORD_VERSION));
    buf_add(out, &f, sizeof f);
    const struct str texts[] = {d->class_code, d->kind,    d->religion, d->denomination, d->wikidata,   d->heritage,
                                d->unesco_id,  d->country, d->status,   d->note,         d->source_text};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        put_str(out, text_kept(texts[i]));
    put_str(out, d->footprint_wkb);
    uint32_t n = (uint32_t)d->names_n;
    buf_add(out, &n, sizeof n);
    for (size_t i = 0; i < d->names_n; i++) {
        put_str(out, text_kept(d->names[i].lang));
        put_str(out, text_kept(d->names[i].text));
    }
    if (!str_is_empty(d->start_date)) /* so that a record without one is the same as before there were any */
        put_str(out, text_kept(d->start_date));
}

static bool take(struct str *s, void *out, size_t n)
{
    if (s->n < n)
        return false;
    memcpy(out, s->p, n);
    *s = str_slice(*s, n, s->n);
    return true;
}

static bool take_str(struct str *s, struct str *out)
{
    uint32_t n;
    if (!take(s, &n, sizeof n) || s->n < n)
        return false;
    *out = str_slice(*s, 0, n);
    *s = str_slice(*s, n, s->n);
    return true;
}

static bool decode(struct str s, struct arena *mem, struct site_draft *d)
{
    struct str version;
    struct fixed f;
    uint32_t n;
    if (!take_str(&s, &version) || !str_is_equal(version, STR(RECORD_VERSION)) || !take(&s, &f, sizeof f))
        return false;
    struct str *const texts[] = {&d->class_code, &d->kind,     &d->religion,    &d->denomination,
                                 &d->wikidata,   &d->heritage, &d->unesco_id,   &d->country,
                                 &d->status,     &d->note,     &d->source_text, &d->footprint_wkb};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (!take_str(&s, texts[i]))
            return false;
    if (!take(&s, &n, sizeof n) || n > SITE_NAMES_MAX)
        return false;
    struct site_name *names = ARENA_NEW_N(mem, struct site_name, n ? n : 1);
    for (uint32_t i = 0; i < n; i++)
        if (!take_str(&s, &names[i].lang) || !take_str(&s, &names[i].text))
            return false;
    if (s.n > 0 && !take_str(&s, &d->start_date))
        return false;
    d->names = names;
    d->names_n = n;
    d->has_place = f.has_place;
    d->lat_deg = f.lat_deg;
    d->lon_deg = f.lon_deg;
    d->precision_m = f.precision_m;
    d->whs_year = f.whs_year;
    d->is_disputed = f.is_disputed;
    d->is_unverified = f.is_unverified;
    d->is_synthetic = f.is_synthetic;
    d->is_guarded = f.is_guarded;
    return s.n == 0;
}

enum rc record_decode(struct str bytes, struct arena *mem, struct site_draft *out, struct err *err)
{
    struct site_draft d = {0};
    if (!decode(bytes, mem, &d))
        return err_set(err, RC_DAMAGED, "a record laid aside came back changed: the temporary file is damaged");
    *out = d;
    return RC_OK;
}

/* The local default, else English, else the first. */
static struct str name_shown(const struct site_draft *d)
{
    struct str best = STR_NONE;
    int rank = 3;
    for (size_t i = 0; i < d->names_n && rank > 0; i++) {
        int r = str_is_empty(d->names[i].lang) ? 0 : str_is_equal(d->names[i].lang, STR("en")) ? 1 : 2;
        if (r < rank) {
            rank = r;
            best = d->names[i].text;
        }
    }
    return best;
}

struct str record_search(const struct site_name *names, size_t n, struct arena *mem)
{
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < n; i++) {
        struct str folded = sites_fold(mem, names[i].text);
        if (b.n + folded.n + 1 > SITES_SEARCH_TEXT_MAX)
            break;
        bool known = b.n > 0 && str_contains(buf_str(&b), folded);
        if (!known) {
            buf_add_char(&b, '\n'); /* begins every name, so that "\nnotre" finds beginnings only */
            buf_add_str(&b, folded);
        }
    }
    struct str out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return out;
}

static void plain_put(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_add_char(b, (unsigned char)s.p[i] < ' ' ? ' ' : s.p[i]);
}

/* Lines of "lang TAB name". */
static struct str names_text(const struct site_draft *d, struct arena *mem)
{
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < d->names_n; i++) {
        plain_put(&b, d->names[i].lang);
        buf_add_char(&b, '\t');
        plain_put(&b, d->names[i].text);
        buf_add_char(&b, '\n');
    }
    struct str out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return out;
}

/* The source's words, apart from what we made of them. */
static struct str raw_json(const struct site_draft *d, struct arena *mem)
{
    struct buf b;
    struct json_out j;
    buf_init(&b, 0);
    json_out_init(&j, &b);
    json_begin_object(&j);
    json_put_str(&j, "class", d->class_code);
    json_put_str_opt(&j, "kind", d->kind);
    json_put_str_opt(&j, "religion", d->religion);
    json_put_str_opt(&j, "denomination", d->denomination);
    if (d->has_place) {
        json_put_f64(&j, "lat", d->lat_deg, 9);
        json_put_f64(&j, "lon", d->lon_deg, 9);
    }
    if (d->precision_m > 0)
        json_put_f64(&j, "precision_m", d->precision_m, 3);
    json_put_str_opt(&j, "country", d->country);
    json_put_str_opt(&j, "wikidata", d->wikidata);
    json_put_str_opt(&j, "heritage", d->heritage);
    json_put_str_opt(&j, "unesco", d->unesco_id);
    if (d->whs_year)
        json_put_i64(&j, "whs_year", d->whs_year);
    json_put_str_opt(&j, "start_date", d->start_date);
    json_put_str_opt(&j, "status", d->status);
    json_put_str_opt(&j, "note", d->note);
    json_put_str_opt(&j, "text", d->source_text);
    if (d->is_disputed)
        json_put_bool(&j, "disputed", true);
    if (d->is_unverified)
        json_put_bool(&j, "unverified", true);
    json_end_object(&j);
    struct str out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return out;
}

static bool is_alpha2(struct str s)
{
    return s.n == 2 && s.p[0] >= 'A' && s.p[0] <= 'Z' && s.p[1] >= 'A' && s.p[1] <= 'Z';
}

static void place_fill(const struct site_draft *d, const struct areas *areas, struct record_rows *r)
{
    r->cell = r->coarse_cell = -1;
    r->country = is_alpha2(d->country) ? d->country : STR_NONE;
    r->is_disputed = d->is_disputed;
    r->has_place = d->has_place;
    if (!d->has_place)
        return;
    struct geo_point p = {d->lat_deg, d->lon_deg};
    struct policy_cell coarse = policy_cell_of(p.lat_deg, p.lon_deg, POLICY_PRECISION_DEFAULT_M);
    r->lat_deg = p.lat_deg;
    r->lon_deg = p.lon_deg;
    r->precision_m = d->precision_m > 0 ? d->precision_m : DEFAULT_PRECISION_M;
    r->cell = (int64_t)geo_cell_of(p);
    r->coarse_lat_deg = coarse.lat_deg;
    r->coarse_lon_deg = coarse.lon_deg;
    r->coarse_cell = (int64_t)geo_cell_of((struct geo_point){coarse.lat_deg, coarse.lon_deg});
    struct area_place where;
    if (d->is_disputed && str_is_empty(r->country))
        return; /* the source names no country on purpose; a polygon would take a side */
    areas_locate(areas, p, r->country, &where);
    if (!str_is_empty(where.country) || where.is_disputed)
        r->country = where.country; /* the polygon decides */
    r->admin1 = where.admin1;
    r->is_disputed |= where.is_disputed;
}

enum rc record_rows_make(struct str external_id, struct str bytes, const struct vocab *v, const struct areas *areas,
                         struct arena *mem, struct record_rows *out, struct err *err)
{
    struct site_draft d;
    TRY(record_decode(bytes, mem, &d, err));
    struct record_rows r = {.external_id = external_id,
                            .class_code = d.class_code,
                            .denomination = d.denomination,
                            .is_unverified = d.is_unverified,
                            .is_synthetic = d.is_synthetic,
                            .is_guarded = d.is_guarded,
                            .heritage = d.heritage,
                            .wikidata = d.wikidata,
                            .unesco = d.unesco_id,
                            .whs_year = d.whs_year,
                            .note = d.note,
                            .source_text = d.source_text,
                            .footprint = d.footprint_wkb};
    r.religion = vocab_religion(v, d.religion);
    r.kind = str_is_empty(d.kind) ? vocab_kind_for(v, d.class_code, r.religion) : d.kind;
    r.status = str_is_empty(d.status) ? STR("present") : d.status;
    struct osm_years years;
    r.start_date = osm_date_parse(d.start_date, &years) ? str_trim(d.start_date) : STR_NONE;
    r.name = name_shown(&d);
    r.names = names_text(&d, mem);
    r.search = record_search(d.names, d.names_n, mem);
    r.raw = raw_json(&d, mem);
    place_fill(&d, areas, &r);
    *out = r;
    return RC_OK;
}
