/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of single sites: find, sources, footprint; the number of the last change; attribution. Who may see them:
 * visibility_store.c.
 */
#include "sites/import_int.h"
#include "sites/join.h"
#include "sites/pictures.h"
#include "sites/visibility_int.h"

#include <string.h>

#include "wire/json_out.h"

/* Lines of "lang TAB name". */
static void names_take(struct site *s, struct str text, struct arena *mem)
{
    size_t n = 0;
    text = str_copy(mem, text);
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    struct site_name *names = ARENA_NEW_N(mem, struct site_name, n ? n : 1);
    struct str line;
    for (size_t i = 0; i < n; i++) {
        str_cut(text, '\n', &line, &text);
        str_cut(line, '\t', &names[i].lang, &names[i].text);
    }
    s->names = names;
    s->names_n = n;
}

/* The code people read out is the beginning of the public id, so one index finds both. */
static uint64_t code_of(struct uuid public_id)
{
    uint64_t code = 0;
    for (int i = 0; i < 5; i++)
        code = code << 8 | public_id.b[i];
    return code;
}

struct site sites_row(struct store_rows *r, bool want_names, struct arena *mem)
{
    struct site s = {.id = store_uuid(r, 0),
                     .public_id = store_uuid(r, 1),
                     .class_code = str_copy(mem, store_text(r, 2)),
                     .kind = str_copy(mem, store_text(r, 3)),
                     .religion = str_copy(mem, store_text(r, 4)),
                     .denomination = str_copy(mem, store_text(r, 5)),
                     .name = str_copy(mem, store_text(r, 6)),
                     .has_place = !store_is_null(r, 7) && !store_is_null(r, 8),
                     .lat_deg = store_real(r, 7),
                     .lon_deg = store_real(r, 8),
                     .cell = store_int(r, 9),
                     .precision_m = store_real(r, 10),
                     .country = str_copy(mem, store_text(r, 11)),
                     .admin1 = str_copy(mem, store_text(r, 12)),
                     .is_disputed = store_int(r, 13) != 0,
                     .heritage = str_copy(mem, store_text(r, 14)),
                     .whs_year = (int)store_int(r, 15),
                     .wikidata = str_copy(mem, store_text(r, 16)),
                     .unesco = str_copy(mem, store_text(r, 17)),
                     .status = str_copy(mem, store_text(r, 18)),
                     .visibility = (enum visibility)store_int(r, 19), /* what is not known, the policy denies */
                     .is_unverified = store_int(r, 20) != 0,
                     .is_synthetic = store_int(r, 21) != 0,
                     .note = str_copy(mem, store_text(r, 22)),
                     .created = {store_int(r, 23)},
                     .updated = {store_int(r, 24)},
                     .coarse_m = store_int(r, 25),
                     .is_country_closed = store_int(r, 26) != 0,
                     .start_date = str_copy(mem, store_text(r, 27))};
    s.code = code_of(s.public_id);
    if (want_names)
        names_take(&s, store_text(r, SITE_ROW_NAMES), mem);
    return s;
}

/* ---- find ---- */

/* A site that was joined to another answers with that one (merged_into, join.h). */
#define SHOWN_FOR(which) "(SELECT COALESCE(m.merged_into, m.id) FROM site m WHERE " which ")"
static const struct store_sql BY_PUBLIC_ID_SQL = {"SELECT " SITE_ROW
                                                  " FROM site s WHERE s.id = " SHOWN_FOR("m.public_id = ?1")};
static const struct store_sql BY_CODE_SQL = {
    "SELECT " SITE_ROW " FROM site s WHERE s.id IN " SHOWN_FOR("m.public_id >= ?1 AND m.public_id <= ?2") " LIMIT 2"};
static const struct store_sql BY_ID_SQL = {"SELECT " SITE_ROW " FROM site s WHERE s.id = " SHOWN_FOR("m.id = ?1")};
static const struct store_sql BY_EXTERNAL_SQL = {"SELECT " SITE_ROW " FROM site s WHERE s.id IN " SHOWN_FOR(
    "m.id IN (SELECT r.site FROM source o JOIN site_source r ON r.source = o.id AND r.external_id = ?1)") " LIMIT 2"};

struct find {
    const struct viewer *viewer;
    const struct store_sql *sql;
    struct store_arg args[2];
    size_t args_n;
    struct arena *mem;
    struct site *site;
    int n;
};

/* A miss reads some row all the same, so that "there is none" takes no less work than "you may not know of it". */
static enum rc decoy_read(struct store_tx *tx, const struct find *f, struct err *err)
{
    static const struct store_sql SQL = {"SELECT " SITE_ROW " FROM site s WHERE s.id >= ?1 LIMIT 1"};
    struct uuid from = uuid_random();
    struct store_arg args[] = {SA_UUID(from)};
    struct store_rows *rows;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    if (store_next(rows)) {
        struct site s = sites_row(rows, true, f->mem);
        (void)sites_view(f->viewer, &s);
    }
    return store_finish(rows, err);
}

static enum rc find_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct find *f = ctx;
    struct store_rows *rows;
    int met = 0;
    f->n = 0;
    TRY(store_query(tx, f->sql, f->args, f->args_n, &rows, err));
    while (store_next(rows)) {
        struct site s = sites_row(rows, true, f->mem);
        met++;
        if (sites_view(f->viewer, &s) != VIEW_DENIED &&
            f->n++ == 0) /* what is denied is not there: not in doubt, either */
            *f->site = s;
    }
    TRY(store_finish(rows, err));
    return met ? RC_OK : decoy_read(tx, f, err);
}

static enum rc find(struct store *st, struct find *f, const struct viewer *viewer, struct arena *mem, struct site **out,
                    struct err *err)
{
    f->viewer = viewer;
    f->mem = mem;
    f->site = ARENA_NEW(mem, struct site);
    TRY(store_read(st, find_read, f, err));
    if (f->n != 1)
        return err_set(err, RC_NOT_FOUND, "no such site");
    *out = f->site;
    return RC_OK;
}

/* All ids that begin with the code. Two of them: by the code alone neither is found, rather than the wrong one. */
static enum rc find_code(struct store *st, uint64_t code, const struct viewer *viewer, struct arena *mem,
                         struct site **out, struct err *err)
{
    struct uuid low = {{0}}, high;
    memset(high.b, 0xff, sizeof high.b);
    for (int i = 0; i < 5; i++)
        low.b[i] = high.b[i] = (uint8_t)(code >> (32 - 8 * i));
    struct find f = {.sql = &BY_CODE_SQL, .args = {SA_UUID(low), SA_UUID(high)}, .args_n = 2};
    return find(st, &f, viewer, mem, out, err);
}

enum rc sites_find(struct store *st, struct str id_or_code, const struct viewer *viewer, struct arena *mem,
                   struct site **out, struct err *err)
{
    struct uuid id;
    uint64_t code;
    if (uuid_parse(id_or_code, &id)) {
        struct find f = {.sql = &BY_PUBLIC_ID_SQL, .args = {SA_UUID(id)}, .args_n = 1};
        return find(st, &f, viewer, mem, out, err);
    }
    if (code_parse(id_or_code, &code))
        return find_code(st, code, viewer, mem, out, err);
    return err_set(err, RC_NOT_FOUND, "no such site: neither an id of 36 characters nor a code with its check symbol");
}

enum rc sites_find_id(struct store *st, struct uuid id, const struct viewer *viewer, struct arena *mem,
                      struct site **out, struct err *err)
{
    struct find f = {.sql = &BY_ID_SQL, .args = {SA_UUID(id)}, .args_n = 1};
    return find(st, &f, viewer, mem, out, err);
}

enum rc sites_find_external(struct store *st, struct str external_id, const struct viewer *viewer, struct arena *mem,
                            struct site **out, struct err *err)
{
    struct find f = {.sql = &BY_EXTERNAL_SQL, .args = {SA_TEXT(external_id)}, .args_n = 1};
    return find(st, &f, viewer, mem, out, err);
}

/* ---- sources, footprint ---- */

enum { SOURCES_MAX = 64 };
static const struct store_sql SOURCES_SQL = {
    "SELECT o.name, o.licence, o.attribution, o.url, e.label, r.external_id, r.source_text, e.started_us, "
    "CASE WHEN r.gone_release IS NULL THEN 0 ELSE 1 END FROM site_source r JOIN source o ON o.id = r.source "
    "JOIN source_release e ON e.id = r.last_release WHERE r.site IN (SELECT k.id FROM site k WHERE k.id = ?1 UNION ALL "
    "SELECT m.id FROM site m WHERE m.merged_into = ?1) ORDER BY o.name, r.external_id LIMIT ?2"};

struct sources_read {
    const struct site *site;
    struct arena *mem;
    struct sites_source *list;
    size_t n;
};

static enum rc sources_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct sources_read *s = ctx;
    struct store_rows *rows;
    struct store_arg args[] = {SA_UUID(s->site->id), SA_INT(SOURCES_MAX)};
    s->n = 0;
    TRY(store_query(tx, &SOURCES_SQL, args, SA_N(args), &rows, err));
    while (s->n < SOURCES_MAX && store_next(rows)) {
        bool may = !s->site->is_coarse; /* an id of OpenStreetMap is a place */
        s->list[s->n++] = (struct sites_source){.source = str_copy(s->mem, store_text(rows, 0)),
                                                .licence = str_copy(s->mem, store_text(rows, 1)),
                                                .attribution = str_copy(s->mem, store_text(rows, 2)),
                                                .url = str_copy(s->mem, store_text(rows, 3)),
                                                .release = str_copy(s->mem, store_text(rows, 4)),
                                                .external_id = may ? str_copy(s->mem, store_text(rows, 5)) : STR_NONE,
                                                .text = may ? str_copy(s->mem, store_text(rows, 6)) : STR_NONE,
                                                .imported = {store_int(rows, 7)},
                                                .is_gone = store_int(rows, 8) != 0};
    }
    return store_finish(rows, err);
}

enum rc sites_sources(struct store *st, const struct site *site, struct arena *mem, struct sites_source **out,
                      size_t *n, struct err *err)
{
    struct sources_read s = {.site = site, .mem = mem, .list = ARENA_NEW_N(mem, struct sites_source, SOURCES_MAX)};
    TRY(store_read(st, sources_read, &s, err));
    *out = s.list;
    *n = s.n;
    return RC_OK;
}

static const struct store_sql FOOTPRINT_SQL = {"SELECT wkb FROM site_footprint WHERE site = ?1"};

struct footprint_read {
    struct uuid site;
    struct arena *mem;
    struct str wkb;
};

static enum rc footprint_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct footprint_read *f = ctx;
    struct store_rows *rows;
    struct store_arg args[] = {SA_UUID(f->site)};
    f->wkb = STR_NONE;
    TRY(store_query(tx, &FOOTPRINT_SQL, args, SA_N(args), &rows, err));
    if (store_next(rows))
        f->wkb = str_copy(f->mem, store_blob(rows, 0));
    return store_finish(rows, err);
}

enum rc sites_footprint(struct store *st, const struct site *site, struct arena *mem, struct str *wkb, struct err *err)
{
    struct footprint_read f = {.site = site->id, .mem = mem};
    if (!site->is_coarse)
        TRY(store_read(st, footprint_read, &f, err));
    *wkb = f.wkb;
    return RC_OK;
}

/* ---- the number of the last change ---- */

static const struct store_sql CHANGE_SQL = {"SELECT COALESCE(MAX(seq), 0) FROM site_change"};
static const struct store_sql PUBLIC_COUNT_SQL = {
    "SELECT count(*) FROM site s WHERE s.shown_cell >= 0 AND NOT " SITE_IS_CLOSED};

struct state {
    int64_t count, change;
};

static enum rc state_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct state *s = ctx;
    TRY(store_get_int(tx, &CHANGE_SQL, NULL, 0, &s->change, err));
    return store_get_int(tx, &PUBLIC_COUNT_SQL, NULL, 0, &s->count, err);
}

enum rc sites_public_state(struct store *st, int64_t *count, int64_t *change, struct err *err)
{
    struct state s;
    TRY(store_read(st, state_read, &s, err));
    *count = s.count;
    *change = s.change;
    return RC_OK;
}

/* ---- what `fane verify` compares ---- */

void sites_ledger_checkers(struct ledger *l)
{
    ledger_add_checker(l, "release", import_releases_check, NULL);
    ledger_add_checker(l, "site_visibility", visibility_rows_check, NULL);
    ledger_add_checker(l, "visibility_review", review_rows_check, NULL);
    ledger_add_checker(l, "country_switch", switch_rows_check, NULL);
    pictures_ledger_checkers(l);
    joins_ledger_checkers(l);
}

/* ---- attribution ---- */

struct attribution {
    struct buf b;
};

static enum rc attribution_read(struct store_tx *tx, void *ctx, struct err *err)
{
    /* Of sources that show something: one that has only hidden sites is not named. */
    static const struct store_sql SQL = {
        "SELECT DISTINCT o.attribution, o.licence FROM source o WHERE EXISTS (SELECT 1 FROM site_source r JOIN site m "
        "ON m.id = r.site JOIN site s ON s.id = COALESCE(m.merged_into, m.id) WHERE r.source = o.id AND s.shown_cell IS "
        "NOT NULL AND NOT " SITE_IS_CLOSED ") ORDER BY o.attribution, o.licence"};
    struct attribution *a = ctx;
    struct store_rows *rows;
    buf_clear(&a->b);
    TRY(store_query(tx, &SQL, NULL, 0, &rows, err));
    while (store_next(rows)) {
        struct str who = store_text(rows, 0), licence = store_text(rows, 1);
        if (str_is_empty(who) || str_is_equal(who, STR("unknown")))
            continue;
        buf_printf(&a->b, "%s" STR_FMT " (" STR_FMT ")", a->b.n ? "; " : "", STR_ARG(who), STR_ARG(licence));
    }
    return store_finish(rows, err);
}

enum rc sites_attribution(struct store *st, struct arena *mem, struct str *out, struct err *err)
{
    enum { ATTRIBUTION_MAX = 16 * 1024 };
    struct attribution a;
    buf_init(&a.b, ATTRIBUTION_MAX);
    enum rc rc = store_read(st, attribution_read, &a, err);
    if (rc == RC_OK)
        *out = str_copy(mem, buf_str(&a.b));
    buf_fini(&a.b);
    return rc;
}
