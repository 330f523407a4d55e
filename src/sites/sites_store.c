/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of single sites: find, sources, footprint, visibility; and the number of the last change.
 */
#include "sites/import_int.h"
#include "sites/sites_int.h"

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
                     .updated = {store_int(r, 24)}};
    s.code = code_of(s.public_id);
    if (want_names)
        names_take(&s, store_text(r, SITE_ROW_NAMES), mem);
    return s;
}

/* ---- find ---- */

static const struct store_sql BY_PUBLIC_ID_SQL = {"SELECT " SITE_ROW " FROM site s WHERE s.public_id = ?1"};
static const struct store_sql BY_CODE_SQL = {"SELECT " SITE_ROW
                                             " FROM site s WHERE s.public_id >= ?1 AND s.public_id <= ?2 LIMIT 2"};
static const struct store_sql BY_ID_SQL = {"SELECT " SITE_ROW " FROM site s WHERE s.id = ?1"};
static const struct store_sql BY_EXTERNAL_SQL = {
    "SELECT " SITE_ROW " FROM site s WHERE s.id IN (SELECT r.site FROM source o JOIN site_source r ON r.source = o.id "
    "AND r.external_id = ?1) LIMIT 2"};

struct find {
    const struct store_sql *sql;
    struct store_arg args[2];
    size_t args_n;
    struct arena *mem;
    struct site *site;
    int n;
};

static enum rc find_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct find *f = ctx;
    struct store_rows *rows;
    f->n = 0;
    TRY(store_query(tx, f->sql, f->args, f->args_n, &rows, err));
    while (store_next(rows))
        if (f->n++ == 0)
            *f->site = sites_row(rows, true, f->mem);
    return store_finish(rows, err);
}

static enum rc find(struct store *st, struct find *f, const struct viewer *viewer, struct arena *mem, struct site **out,
                    struct err *err)
{
    f->mem = mem;
    f->site = ARENA_NEW(mem, struct site);
    TRY(store_read(st, find_read, f, err));
    if (f->n != 1 || sites_view(viewer, f->site) == VIEW_DENIED)
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
    "JOIN source_release e ON e.id = r.last_release WHERE r.site = ?1 ORDER BY o.name, r.external_id LIMIT ?2"};

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
static const struct store_sql PUBLIC_COUNT_SQL = {"SELECT count(*) FROM site WHERE shown_cell >= 0"};

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

/* ---- who may see a site ---- */

static const struct store_sql SHOW_SQL = {
    "UPDATE site SET visibility = ?2, shown_cell = ?3, shown_lat = ?4, shown_lon = ?5, updated_us = ?6 WHERE id = ?1"};
static const struct store_sql DECISION_SQL = {
    "INSERT INTO site_visibility (id, site, at_us, actor, visibility_before, visibility, reason) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
static const struct store_sql DECISIONS_SQL = {"SELECT id, site, at_us, actor, visibility_before, visibility, reason "
                                               "FROM site_visibility WHERE id > ?1 ORDER BY id "
                                               "LIMIT ?2"};

static struct sha256 decision_digest(const struct sites_decision *d)
{
    struct sha256_state s;
    const int64_t numbers[] = {d->at.us, d->before, d->after};
    sha256_begin(&s);
    sha256_add(&s, d->id.b, sizeof d->id.b);
    sha256_add(&s, d->site.b, sizeof d->site.b);
    sha256_add(&s, d->actor.b, sizeof d->actor.b);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uint8_t b[8];
        for (int k = 0; k < 8; k++)
            b[k] = (uint8_t)((uint64_t)numbers[i] >> (56 - 8 * k));
        sha256_add(&s, b, sizeof b);
    }
    sha256_add(&s, d->reason.p, d->reason.n);
    return sha256_end(&s);
}

static enum rc decision_entry(struct store_tx *tx, const struct sites_decision *d, struct err *err)
{
    struct arena mem;
    arena_init(&mem);
    struct str site = uuid_format(&mem, d->site);
    struct ledger_event ev = {.action = d->after == VISIBILITY_HIDDEN ? "site.hide" : "site.show",
                              .object_kind = "site_visibility",
                              .object = d->id,
                              .actor = d->actor,
                              .at = d->at,
                              .digest = decision_digest(d),
                              .detail = str_printf(&mem, "{\"site\":\"" STR_FMT "\",\"from\":%d,\"to\":%d}",
                                                   STR_ARG(site), d->before, d->after)};
    enum rc rc = ledger_append(tx, &ev, err);
    arena_fini(&mem);
    return rc;
}

static enum rc show(struct store_tx *tx, const struct site *s, const struct sites_decision *d, struct err *err)
{
    const struct store_arg none = {.type = STORE_NULL, .i = STORE_REAL};
    bool is_coarse = d->after == VISIBILITY_COARSE, is_shown = d->after != VISIBILITY_HIDDEN;
    struct geo_point p = {s->lat_deg, s->lon_deg};
    if (is_coarse && s->has_place)
        policy_coarse_point(s->lat_deg, s->lon_deg, &p.lat_deg, &p.lon_deg);
    int64_t cell = s->has_place ? (int64_t)geo_cell_of(p) : -1;
    is_shown = is_shown && !str_is_equal(s->status, STR("gone"));
    struct store_arg args[] = {SA_UUID(d->site),
                               SA_INT(d->after),
                               is_shown ? SA_INT(cell) : (struct store_arg){.type = STORE_NULL, .i = STORE_INT},
                               is_coarse && is_shown && s->has_place ? SA_REAL(p.lat_deg) : none,
                               is_coarse && is_shown && s->has_place ? SA_REAL(p.lon_deg) : none,
                               SA_TIME(d->at)};
    return store_exec(tx, &SHOW_SQL, args, SA_N(args), NULL, err);
}

static enum rc decide(struct store_tx *tx, void *ctx, struct err *err)
{
    struct sites_decision *d = ctx;
    struct arena mem;
    struct site s;
    arena_init(&mem);
    struct find f = {.sql = &BY_ID_SQL, .args = {SA_UUID(d->site)}, .args_n = 1, .mem = &mem, .site = &s};
    enum rc rc = find_read(tx, &f, err);
    if (rc == RC_OK && f.n != 1)
        rc = err_set(err, RC_NOT_FOUND, "no such site");
    if (rc == RC_OK) {
        d->before = (int)s.visibility;
        rc = show(tx, &s, d, err);
    }
    struct store_arg args[] = {SA_UUID(d->id),    SA_UUID(d->site), SA_TIME(d->at),    SA_UUID(d->actor),
                               SA_INT(d->before), SA_INT(d->after), SA_TEXT(d->reason)};
    if (rc == RC_OK)
        rc = store_exec(tx, &DECISION_SQL, args, SA_N(args), NULL, err);
    if (rc == RC_OK)
        rc = decision_entry(tx, d, err);
    if (rc == RC_OK)
        rc = sites_changed(tx, d->at, &d->site, 1, err);
    arena_fini(&mem);
    return rc;
}

enum rc sites_set_visibility(struct store *st, struct uuid site, enum visibility visibility, struct str reason,
                             const struct viewer *actor, struct err *err)
{
    if (!policy_may(actor, ACT_IMPORT))
        return err_set(err, RC_DENIED, "changing who may see a site needs an administrator");
    reason = str_trim(reason);
    if (str_is_empty(reason) || reason.n > SITES_REASON_MAX || !str_is_utf8(reason))
        return err_set(err, RC_INVALID, "give a reason of 1 to %d bytes", SITES_REASON_MAX);
    struct instant now = clock_now();
    struct sites_decision d = {.id = uuid_v7(now),
                               .site = site,
                               .actor = actor->account,
                               .at = now,
                               .after = (int)visibility,
                               .reason = reason};
    return store_write(st, decide, &d, err);
}

enum rc sites_hide(struct store *st, struct uuid site, struct str reason, const struct viewer *actor, struct err *err)
{
    return sites_set_visibility(st, site, VISIBILITY_HIDDEN, reason, actor, err);
}

enum { DECISIONS_PAGE = 500 };

static enum rc decisions_page(struct store_tx *tx, struct uuid *last, size_t *n, ledger_digest_fn put, void *sink,
                              struct err *err)
{
    struct store_rows *rows;
    struct store_arg args[] = {SA_UUID(*last), SA_INT(DECISIONS_PAGE)};
    enum rc rc = RC_OK;
    struct uuid at = *last;
    *n = 0;
    TRY(store_query(tx, &DECISIONS_SQL, args, SA_N(args), &rows, err));
    while (rc == RC_OK && store_next(rows)) {
        struct sites_decision d = {.id = store_uuid(rows, 0),
                                   .site = store_uuid(rows, 1),
                                   .at = {store_int(rows, 2)},
                                   .actor = store_uuid(rows, 3),
                                   .before = (int)store_int(rows, 4),
                                   .after = (int)store_int(rows, 5),
                                   .reason = store_text(rows, 6)};
        at = d.id;
        rc = put(sink, d.id, decision_digest(&d), err);
        (*n)++;
    }
    *last = at;
    struct err second;
    enum rc end = store_finish(rows, rc == RC_OK ? err : &second);
    return rc == RC_OK ? end : rc;
}

static enum rc decisions_check(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    (void)ctx;
    struct uuid last = {{0}};
    size_t n;
    do
        TRY(decisions_page(tx, &last, &n, put, sink, err));
    while (n == DECISIONS_PAGE);
    return RC_OK;
}

void sites_ledger_checkers(struct ledger *l)
{
    ledger_add_checker(l, "release", import_releases_check, NULL);
    ledger_add_checker(l, "site_visibility", decisions_check, NULL);
}

/* ---- attribution ---- */

struct attribution {
    struct buf b;
};

static enum rc attribution_read(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {"SELECT DISTINCT attribution, licence FROM source ORDER BY attribution, licence"};
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
