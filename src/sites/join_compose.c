/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See join_compose.h.
 */
#include "sites/join_compose.h"

#include <stdlib.h>
#include <string.h>

#include "base/asset.h"
#include "sites/draft.h"
#include "sites/import_record.h"
#include "sites/vocab.h"
#include "wire/json_in.h"

enum { ASSET_MAX = 1 << 18, CLASSES_MAX = 16, PATTERNS_MAX = 8 };
#define EXACT_M 50.0 /* places known so well are not ranked by their precision */

enum field {
    F_NAME,
    F_PLACE,
    F_KIND,
    F_RELIGION,
    F_DENOMINATION,
    F_HERITAGE,
    F_WIKIDATA,
    F_STATUS,
    F_NOTE,
    F_FOOTPRINT,
    F_START_DATE
};
static const char *const FIELD_NAMES[JOIN_FIELDS] = {"name",         "place",     "kind",      "religion",
                                                     "denomination", "heritage",  "wikidata",  "status",
                                                     "note",         "footprint", "start_date"};

struct class_rule {
    struct str code, names[PATTERNS_MAX], licences[PATTERNS_MAX];
    size_t names_n, licences_n;
};
struct join_rules {
    struct arena mem;
    struct class_rule classes[CLASSES_MAX]; /* the last is "other" */
    size_t classes_n;
    int rank[JOIN_FIELDS][CLASSES_MAX];
    struct vocab *words;
};

/* ---- the table ---- */

static size_t patterns(struct join_rules *r, const json_t *list, struct str *out)
{
    size_t n = json_array_size(list);
    ENSURE(n <= PATTERNS_MAX); /* our own asset */
    for (size_t i = 0; i < n; i++)
        out[i] = str_copy(&r->mem, str_of(json_string_value(json_array_get(list, i))));
    return n;
}

static void classes_load(struct join_rules *r, const json_t *list)
{
    size_t i;
    json_t *c;
    json_array_foreach(list, i, c)
    {
        ENSURE(r->classes_n + 1 < CLASSES_MAX);
        struct class_rule *rule = &r->classes[r->classes_n++];
        rule->code = str_copy(&r->mem, json_str_or_empty(c, "class"));
        rule->names_n = patterns(r, json_object_get(c, "names"), rule->names);
        rule->licences_n = patterns(r, json_object_get(c, "licences"), rule->licences);
    }
    r->classes[r->classes_n++].code = STR("other");
}

static void fields_load(struct join_rules *r, const json_t *list)
{
    size_t i, k;
    json_t *f, *code;
    memset(r->rank, 0x7f, sizeof r->rank); /* not named: last */
    json_array_foreach(list, i, f) for (size_t field = 0; field < JOIN_FIELDS; field++)
    {
        if (!str_is_equal(json_str_or_empty(f, "field"), str_of(FIELD_NAMES[field])))
            continue;
        json_array_foreach(json_object_get(f, "order"), k,
                           code) for (size_t c = 0; c < r->classes_n;
                                      c++) if (str_is_equal(r->classes[c].code, str_of(json_string_value(code))))
            r->rank[field][c] = (int)k;
    }
}

enum rc join_rules_new(struct join_rules **out, struct err *err)
{
    json_t *doc;
    TRY(json_in_object(asset_text("data/join-compose.json"), ASSET_MAX, &doc, err));
    struct join_rules *r = mem_alloc(sizeof *r);
    arena_init(&r->mem);
    if (vocab_new(&r->words, err) != RC_OK) {
        json_decref(doc);
        join_rules_free(r);
        return err->rc;
    }
    classes_load(r, json_object_get(doc, "classes"));
    fields_load(r, json_object_get(doc, "fields"));
    json_decref(doc);
    *out = r;
    return RC_OK;
}

void join_rules_free(struct join_rules *r)
{
    if (!r)
        return;
    vocab_free(r->words);
    arena_fini(&r->mem);
    free(r);
}

static bool fits(const struct str *list, size_t n, struct str s)
{
    for (size_t i = 0; i < n; i++) {
        bool is_open = str_ends_with(list[i], STR("*"));
        struct str head = str_slice(list[i], 0, list[i].n - is_open);
        if (s.n >= head.n && str_is_equal_nocase(str_slice(s, 0, head.n), head) && (is_open || s.n == head.n))
            return true;
    }
    return false;
}

static size_t class_of(const struct join_rules *r, const struct join_row *row)
{
    size_t c = 0;
    while (c + 1 < r->classes_n && !fits(r->classes[c].names, r->classes[c].names_n, row->source) &&
           !fits(r->classes[c].licences, r->classes[c].licences_n, row->licence))
        c++;
    return c;
}

/* ---- composing ---- */

struct composing {
    const struct join_rules *rules;
    const struct join_row **rows; /* those that count, oldest site first */
    size_t *classes;
    size_t n;
    bool is_gone; /* no source has it any more */
};

static bool is_gone(const struct join_row *r)
{
    return str_is_equal(r->status, STR("gone"));
}

/* A correction (suggest_apply.h) says some fields of a site that other records tell of, never its class; alone it is no
 * site. */
static bool says_whole(const struct join_row *r)
{
    return r->class_code.n > 0;
}

static bool has_whole(const struct join_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_gone(&rows[i]) && says_whole(&rows[i]))
            return true;
    return false;
}

static int age_compare(const void *a, const void *b)
{
    const struct join_row *x = *(const struct join_row *const *)a, *y = *(const struct join_row *const *)b;
    if (x->created.us != y->created.us)
        return x->created.us < y->created.us ? -1 : 1;
    return memcmp(x->site.b, y->site.b, sizeof x->site.b);
}

static void rows_take(struct composing *c, const struct join_row *rows, size_t n, struct arena *mem)
{
    c->rows = ARENA_NEW_N(mem, const struct join_row *, n);
    c->classes = ARENA_NEW_N(mem, size_t, n);
    c->is_gone = !has_whole(rows, n);
    for (size_t i = 0; i < n; i++)
        if (c->is_gone || !is_gone(&rows[i]))
            c->rows[c->n++] = &rows[i];
    qsort(c->rows, c->n, sizeof *c->rows, age_compare);
    for (size_t i = 0; i < c->n; i++)
        c->classes[i] = class_of(c->rules, c->rows[i]);
}

typedef bool (*says_fn)(const struct join_row *r);

/* The first row in the order of the field that says something; NULL when none does. */
static const struct join_row *first(const struct composing *c, enum field f, says_fn says)
{
    const struct join_row *best = NULL;
    int rank = 0;
    for (size_t i = 0; i < c->n; i++) {
        int mine = c->rules->rank[f][c->classes[i]];
        if (says(c->rows[i]) && (!best || mine < rank)) {
            best = c->rows[i];
            rank = mine;
        }
    }
    return best;
}

static bool says_name(const struct join_row *r)
{
    return r->name.n > 0;
}
static bool says_exact_place(const struct join_row *r)
{
    return r->has_place && r->precision_m <= EXACT_M;
}
static bool says_kind(const struct join_row *r)
{
    return r->kind.n > 0 && !str_is_equal(r->kind, STR("OTHER"));
}
static bool says_religion(const struct join_row *r)
{
    return r->religion.n > 0 && !str_is_equal(r->religion, STR("other"));
}
static bool says_heritage(const struct join_row *r)
{
    return r->heritage.n > 0 || r->unesco.n > 0 || r->whs_year != 0;
}
static bool says_wikidata(const struct join_row *r)
{
    return r->wikidata.n > 0;
}
static bool says_status(const struct join_row *r)
{
    return r->status.n > 0;
}
static bool says_note(const struct join_row *r)
{
    return r->note.n > 0;
}
static bool says_start_date(const struct join_row *r)
{
    return r->start_date.n > 0;
}
static bool says_footprint(const struct join_row *r)
{
    return r->wkb.n > 0;
}

/* The most precise of those that are not exact; the oldest of equals. */
static const struct join_row *place_of(const struct composing *c)
{
    const struct join_row *best = first(c, F_PLACE, says_exact_place);
    for (size_t i = 0; i < c->n && (!best || best->precision_m > EXACT_M); i++)
        if (c->rows[i]->has_place && (!best || c->rows[i]->precision_m < best->precision_m))
            best = c->rows[i];
    return best;
}

static struct str denomination_of(const struct composing *c, struct str religion)
{
    const struct join_row *best = NULL;
    int rank = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct join_row *r = c->rows[i];
        int mine = c->rules->rank[F_DENOMINATION][c->classes[i]];
        bool fits_faith = r->religion.n == 0 || str_is_equal(r->religion, religion);
        if (r->denomination.n && fits_faith && (!best || mine < rank)) {
            best = r;
            rank = mine;
        }
    }
    return best ? best->denomination : STR_NONE;
}

/* ---- names ---- */

struct naming {
    struct site_name names[SITE_NAMES_MAX];
    size_t n;
};

/* A second name in a language stands beside the first, as an alternative one. */
static void name_add(struct naming *w, struct str lang, struct str text, struct arena *mem)
{
    bool has_lang = false;
    for (size_t i = 0; i < w->n; i++) {
        if (str_is_equal(w->names[i].text, text) && (lang.n == 0 || str_is_equal(w->names[i].lang, lang)))
            return;
        has_lang |= str_is_equal(w->names[i].lang, lang);
    }
    if (has_lang && !str_contains(lang, STR("x-"))) {
        struct str alt = lang.n ? str_printf(mem, STR_FMT "-x-alt", STR_ARG(lang)) : STR("x-alt");
        name_add(w, alt, text, mem);
        return;
    }
    if (w->n < SITE_NAMES_MAX)
        w->names[w->n++] = (struct site_name){lang, text};
}

static void names_of_row(struct naming *w, struct str lines, struct arena *mem)
{
    for (struct str line, lang, text; lines.n;) {
        str_cut(lines, '\n', &line, &lines);
        if (str_cut(line, '\t', &lang, &text) && text.n)
            name_add(w, lang, text, mem);
    }
}

static void names_compose(const struct composing *c, struct arena *mem, struct join_row *out)
{
    struct naming *w = ARENA_NEW(mem, struct naming);
    for (int rank = 0; rank <= CLASSES_MAX; rank++) /* what the table does not name stands last, at CLASSES_MAX */
        for (size_t i = 0; i < c->n; i++) {
            int mine = c->rules->rank[F_NAME][c->classes[i]];
            if ((mine < CLASSES_MAX ? mine : CLASSES_MAX) == rank)
                names_of_row(w, c->rows[i]->names, mem);
        }
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < w->n; i++) {
        buf_add_str(&b, w->names[i].lang);
        buf_add_char(&b, '\t');
        buf_add_str(&b, w->names[i].text);
        buf_add_char(&b, '\n');
    }
    out->names = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    out->search = record_search(w->names, w->n, mem);
}

/* ---- the row ---- */

static void place_compose(const struct composing *c, struct join_row *out)
{
    const struct join_row *r = place_of(c);
    out->cell = -1;
    if (!r)
        r = c->rows[0];
    out->has_place = r->has_place;
    out->lat_deg = r->lat_deg;
    out->lon_deg = r->lon_deg;
    out->precision_m = r->precision_m;
    out->cell = r->cell;
    out->country = r->country;
    out->admin1 = r->admin1;
}

static void identity_compose(const struct composing *c, struct join_row *out)
{
    const struct join_row *whole = first(c, F_KIND, says_whole), *r = first(c, F_KIND, says_kind);
    whole = whole ? whole : c->rows[0];
    r = r ? r : whole;
    out->kind = r->kind;
    out->class_code = says_whole(r) ? r->class_code : vocab_class_of_kind(c->rules->words, r->kind);
    if (out->class_code.n == 0)
        out->class_code = whole->class_code;
    r = first(c, F_RELIGION, says_religion);
    r = r ? r : first(c, F_RELIGION, says_whole);
    r = r ? r : whole;
    out->religion = r->religion;
    out->denomination = denomination_of(c, r->religion);
}

static void heritage_compose(const struct composing *c, struct join_row *out)
{
    const struct join_row *r = first(c, F_HERITAGE, says_heritage);
    if (r) {
        out->heritage = r->heritage;
        out->unesco = r->unesco;
        out->whs_year = r->whs_year;
    }
    r = first(c, F_WIKIDATA, says_wikidata);
    out->wikidata = r ? r->wikidata : STR_NONE;
}

void join_compose(const struct join_rules *rules, const struct join_row *rows, size_t n, struct uuid kept,
                  struct instant since, struct arena *mem, struct join_row *out)
{
    struct composing c = {.rules = rules};
    struct join_row row = {.site = kept, .updated = since, .is_unverified = true};
    const struct join_row *r;
    rows_take(&c, rows, n, mem);
    place_compose(&c, &row);
    identity_compose(&c, &row);
    heritage_compose(&c, &row);
    names_compose(&c, mem, &row);
    row.name = (r = first(&c, F_NAME, says_name)) ? r->name : STR_NONE;
    row.status = c.is_gone ? STR("gone") : first(&c, F_STATUS, says_status)->status;
    row.note = (r = first(&c, F_NOTE, says_note)) ? r->note : STR_NONE;
    row.start_date = (r = first(&c, F_START_DATE, says_start_date)) ? r->start_date : STR_NONE;
    row.wkb = (r = first(&c, F_FOOTPRINT, says_footprint)) ? r->wkb : STR_NONE;
    for (size_t i = 0; i < c.n; i++) {
        row.is_disputed |= c.rows[i]->is_disputed;
        if (c.rows[i]->is_disputed && str_is_empty(c.rows[i]->country))
            row.country = row.admin1 = STR_NONE; /* one names no country on purpose; another would take a side */
        row.is_unverified &= c.rows[i]->is_unverified;
        row.is_synthetic |= c.rows[i]->is_synthetic;
    }
    for (size_t i = 0; i < n; i++) { /* one that is gone has changed the row by going */
        row.updated.us = rows[i].updated.us > row.updated.us ? rows[i].updated.us : row.updated.us;
        if (uuid_is_equal(rows[i].site, kept))
            row.created = rows[i].created;
    }
    *out = row;
}
