/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of the import. New rows go in by bulk load, table after table; changed ones by one statement for many rows.
 */
#include "sites/import_int.h"
#include "sites/join.h"
#include "sites/sites_int.h"

#include <string.h>

#include "wire/json_out.h"

static const struct store_sql STORED_SQL = {
    "SELECT external_id, site, digest, CASE WHEN gone_release IS NULL THEN 0 ELSE 1 END, version FROM site_source "
    "WHERE source = ?1 AND external_id > ?2 ORDER BY external_id LIMIT ?3"};
static const struct store_sql STORED_FROM_SQL = {
    "SELECT external_id, site, digest, CASE WHEN gone_release IS NULL THEN 0 ELSE 1 END, version FROM site_source "
    "WHERE source = ?1 AND external_id >= ?2 ORDER BY external_id LIMIT ?3"};

struct stored_read {
    const struct stored_ask *ask;
    struct arena *mem;
    struct stored_record *rows;
    size_t n;
};

static struct sha256 digest_of(struct str blob)
{
    struct sha256 d = {{0}};
    if (blob.n == sizeof d.b)
        memcpy(d.b, blob.p, blob.n);
    return d;
}

static enum rc stored_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct stored_read *s = ctx;
    struct store_rows *rows;
    const struct stored_ask *a = s->ask;
    struct store_arg args[] = {SA_UUID(a->source), SA_TEXT(a->key), SA_INT((int64_t)a->most)};
    s->n = 0;
    TRY(store_query(tx, a->with_key ? &STORED_FROM_SQL : &STORED_SQL, args, SA_N(args), &rows, err));
    while (s->n < a->most && store_next(rows))
        s->rows[s->n++] = (struct stored_record){.external_id = str_copy(s->mem, store_text(rows, 0)),
                                                 .site = store_uuid(rows, 1),
                                                 .digest = digest_of(store_blob(rows, 2)),
                                                 .is_gone = store_int(rows, 3) != 0,
                                                 .version = store_int(rows, 4)};
    return store_finish(rows, err);
}

enum rc import_stored_page(struct store *st, const struct stored_ask *ask, struct arena *mem,
                           struct stored_record **out, size_t *n, struct err *err)
{
    struct stored_read s = {.ask = ask, .mem = mem};
    s.rows = ARENA_NEW_N(mem, struct stored_record, ask->most);
    TRY(store_read(st, stored_read, &s, err));
    *out = s.rows;
    *n = s.n;
    return RC_OK;
}

static const struct store_sql SOURCE_SQL = {"SELECT id FROM source WHERE name = ?1"};

struct source_find {
    struct str name;
    struct uuid id;
};

static enum rc source_find(struct store_tx *tx, void *ctx, struct err *err)
{
    struct source_find *f = ctx;
    struct store_rows *rows;
    struct store_arg args[] = {SA_TEXT(f->name)};
    f->id = (struct uuid){{0}};
    TRY(store_query(tx, &SOURCE_SQL, args, SA_N(args), &rows, err));
    if (store_next(rows))
        f->id = store_uuid(rows, 0);
    return store_finish(rows, err);
}

enum rc import_source_find(struct store *st, struct str name, struct uuid *out, struct err *err)
{
    struct source_find f = {.name = name};
    TRY(store_read(st, source_find, &f, err));
    *out = f.id;
    return RC_OK;
}

/* ---- releases ---- */

struct sha256 import_release_digest(const struct release_row *r)
{
    struct sha256_state s;
    const int64_t counts[] = {r->started.us, r->finished.us, r->read, r->sites,   r->added,
                              r->updated,    r->unchanged,   r->gone, r->rejected};
    const struct str texts[] = {r->label, r->format, r->state};
    sha256_begin(&s);
    sha256_add(&s, r->id.b, sizeof r->id.b);
    sha256_add(&s, r->source.b, sizeof r->source.b);
    sha256_add(&s, r->digest.b, sizeof r->digest.b);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sha256_add(&s, texts[i].p, texts[i].n);
        sha256_add(&s, "", 1);
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        uint8_t b[8];
        for (int k = 0; k < 8; k++)
            b[k] = (uint8_t)((uint64_t)counts[i] >> (56 - 8 * k));
        sha256_add(&s, b, sizeof b);
    }
    return sha256_end(&s);
}

static void counts_json(struct buf *b, const struct release_row *r)
{
    struct json_out j;
    json_out_init(&j, b);
    json_begin_object(&j);
    json_put_str(&j, "state", r->state);
    json_put_i64(&j, "read", r->read);
    json_put_i64(&j, "sites", r->sites);
    json_put_i64(&j, "added", r->added);
    json_put_i64(&j, "updated", r->updated);
    json_put_i64(&j, "unchanged", r->unchanged);
    json_put_i64(&j, "gone", r->gone);
    json_put_i64(&j, "rejected", r->rejected);
    json_end_object(&j);
}

static enum rc release_entry(struct store_tx *tx, const char *action, const struct release_row *r, struct uuid actor,
                             struct instant at, struct err *err)
{
    struct buf b;
    buf_init(&b, 0);
    counts_json(&b, r);
    struct ledger_event ev = {.action = action,
                              .object_kind = "release",
                              .object = r->id,
                              .actor = actor,
                              .at = at,
                              .digest = import_release_digest(r),
                              .detail = buf_str(&b)};
    enum rc rc = ledger_append(tx, &ev, err);
    buf_fini(&b);
    return rc;
}

#define RELEASE_COLUMNS                                                                                                \
    "id, source, label, format, digest, state, started_us, finished_us, read_n, sites_n, added_n, updated_n, "         \
    "unchanged_n, gone_n, rejected_n"
static const struct store_sql OPEN_SQL = {
    "SELECT " RELEASE_COLUMNS " FROM source_release WHERE source = ?1 AND state = 'open' ORDER BY started_us, id"};
static const struct store_sql ALL_SQL = {"SELECT " RELEASE_COLUMNS
                                         " FROM source_release WHERE id > ?1 ORDER BY id LIMIT 500"};
static const struct store_sql RELEASE_ADD_SQL = {"INSERT INTO source_release (" RELEASE_COLUMNS
                                                 ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, 0, 0, 0, 0, 0, 0, 0)"};
static const struct store_sql SOURCE_ADD_SQL = {
    "INSERT INTO source (id, name, licence, attribution, url, created_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};
static const struct store_sql SOURCE_SET_SQL = {
    "UPDATE source SET licence = CASE WHEN ?2 = '' THEN licence ELSE ?2 END, "
    "attribution = CASE WHEN ?3 = '' THEN attribution ELSE ?3 END, url = CASE WHEN ?4 = '' THEN url ELSE ?4 END "
    "WHERE id = ?1"};
static const struct store_sql BROKEN_SQL = {
    "UPDATE source_release SET state = 'broken' WHERE id = ?1 AND state = 'open'"};
static const struct store_sql CLOSE_SQL = {
    "UPDATE source_release SET state = 'closed', finished_us = ?2, read_n = ?3, sites_n = ?4, added_n = ?5, "
    "updated_n = ?6, unchanged_n = ?7, gone_n = ?8, rejected_n = ?9 WHERE id = ?1 AND state = 'open'"};
static const struct store_sql STATE_SQL = {"SELECT count(*) FROM source_release WHERE id = ?1 AND state = 'open'"};

static struct release_row release_of(struct store_rows *rows, struct arena *mem)
{
    struct release_row r = {.id = store_uuid(rows, 0),
                            .source = store_uuid(rows, 1),
                            .label = str_copy(mem, store_text(rows, 2)),
                            .format = str_copy(mem, store_text(rows, 3)),
                            .digest = digest_of(store_blob(rows, 4)),
                            .state = str_copy(mem, store_text(rows, 5)),
                            .started = {store_int(rows, 6)},
                            .finished = {store_int(rows, 7)},
                            .read = store_int(rows, 8),
                            .sites = store_int(rows, 9),
                            .added = store_int(rows, 10),
                            .updated = store_int(rows, 11),
                            .unchanged = store_int(rows, 12),
                            .gone = store_int(rows, 13),
                            .rejected = store_int(rows, 14)};
    return r;
}

enum { OPEN_RELEASES_MAX = 64 }; /* each opening leaves at most one open */

static enum rc source_make(struct store_tx *tx, struct import_open *o, struct err *err)
{
    struct source_find f = {.name = o->source_name};
    TRY(source_find(tx, &f, err));
    o->release->source = f.id;
    if (!uuid_is_nil(f.id)) {
        struct store_arg set[] = {SA_UUID(f.id), SA_TEXT(o->licence), SA_TEXT(o->attribution), SA_TEXT(o->url)};
        return store_exec(tx, &SOURCE_SET_SQL, set, SA_N(set), NULL, err);
    }
    o->release->source = uuid_v7(o->now);
    struct str licence = str_is_empty(o->licence) ? STR("unknown") : o->licence;
    struct store_arg add[] = {SA_UUID(o->release->source), SA_TEXT(o->source_name), SA_TEXT(licence),
                              SA_TEXT(o->attribution),     SA_TEXT(o->url),         SA_TIME(o->now)};
    return store_exec(tx, &SOURCE_ADD_SQL, add, SA_N(add), NULL, err);
}

/* Goes on in the open release of the same file; others are ended as broken. */
static enum rc open_ones(struct store_tx *tx, struct import_open *o, bool *found, struct err *err)
{
    struct arena mem;
    arena_init(&mem);
    struct release_row *open = ARENA_NEW_N(&mem, struct release_row, OPEN_RELEASES_MAX);
    size_t n = 0;
    struct store_rows *rows;
    struct store_arg args[] = {SA_UUID(o->release->source)};
    enum rc rc = store_query(tx, &OPEN_SQL, args, SA_N(args), &rows, err);
    if (rc == RC_OK) {
        while (n < OPEN_RELEASES_MAX && store_next(rows))
            open[n++] = release_of(rows, &mem);
        rc = store_finish(rows, err);
    }
    *found = false;
    for (size_t i = 0; i < n && rc == RC_OK; i++) {
        if (!*found && sha256_is_equal(open[i].digest, o->release->digest) &&
            str_is_equal(open[i].label, o->release->label) && str_is_equal(open[i].format, o->release->format)) {
            *found = true;
            o->release->id = open[i].id;
            o->release->started = open[i].started;
            continue;
        }
        struct store_arg id[] = {SA_UUID(open[i].id)};
        open[i].state = STR("broken");
        rc = store_exec(tx, &BROKEN_SQL, id, SA_N(id), NULL, err);
        if (rc == RC_OK)
            rc = release_entry(tx, "release.break", &open[i], o->actor, o->now, err);
    }
    arena_fini(&mem);
    return rc;
}

static enum rc release_open(struct store_tx *tx, void *ctx, struct err *err)
{
    struct import_open *o = ctx;
    struct release_row *r = o->release;
    bool found;
    TRY(source_make(tx, o, err));
    TRY(open_ones(tx, o, &found, err));
    r->state = STR("open");
    if (found)
        return RC_OK;
    r->id = uuid_v7(o->now);
    r->started = o->now;
    struct store_arg args[] = {SA_UUID(r->id),
                               SA_UUID(r->source),
                               SA_TEXT(r->label),
                               SA_TEXT(r->format),
                               SA_BLOB(r->digest.b, sizeof r->digest.b),
                               SA_TEXT(r->state),
                               SA_TIME(r->started)};
    TRY(store_exec(tx, &RELEASE_ADD_SQL, args, SA_N(args), NULL, err));
    return release_entry(tx, "release.open", r, o->actor, o->now, err);
}

enum rc import_release_open(struct store *st, struct import_open *o, struct err *err)
{
    return store_write(st, release_open, o, err);
}

struct release_close {
    struct release_row *r;
    struct uuid actor;
};

static enum rc lost_release(struct err *err)
{
    return err_set(err, RC_CONFLICT, "another import of this source began meanwhile; run this one again");
}

static enum rc release_close(struct store_tx *tx, void *ctx, struct err *err)
{
    struct release_close *c = ctx;
    struct release_row *r = c->r;
    int64_t changed;
    struct store_arg args[] = {SA_UUID(r->id),       SA_TIME(r->finished), SA_INT(r->read),
                               SA_INT(r->sites),     SA_INT(r->added),     SA_INT(r->updated),
                               SA_INT(r->unchanged), SA_INT(r->gone),      SA_INT(r->rejected)};
    TRY(store_exec(tx, &CLOSE_SQL, args, SA_N(args), &changed, err));
    if (changed != 1)
        return lost_release(err);
    r->state = STR("closed");
    return release_entry(tx, "release.close", r, c->actor, r->finished, err);
}

enum rc import_release_close(struct store *st, struct release_row *r, struct uuid actor, struct err *err)
{
    struct release_close c = {r, actor};
    return store_write(st, release_close, &c, err);
}

/* ---- batches ---- */

static const char *const SITE_COLUMNS[] = {
    "id",         "public_id",  "class",    "kind",       "religion",      "denomination", "name",
    "names",      "search",     "lat",      "lon",        "cell",          "precision_m",  "shown_cell",
    "shown_lat",  "shown_lon",  "country",  "admin1",     "is_disputed",   "heritage",     "whs_year",
    "wikidata",   "unesco",     "status",   "visibility", "is_unverified", "is_synthetic", "note",
    "created_us", "updated_us", "coarse_m", "start_date"};
static const char *const FOOTPRINT_COLUMNS[] = {"site", "wkb"};
static const char *const RECORD_COLUMNS[] = {"source",       "external_id", "site", "digest", "first_release",
                                             "last_release", "source_text", "raw",  "version"};

static struct store_arg real_or_null(bool has, double v)
{
    return has ? SA_REAL(v) : (struct store_arg){.type = STORE_NULL, .i = STORE_REAL};
}

static enum rc site_row(struct store_bulk *bulk, const struct import_batch *b, const struct import_item *it,
                        struct err *err)
{
    const struct record_rows *r = &it->rows;
    bool p = r->has_place;
    struct sites_place place = {p, r->lat_deg, r->lon_deg, sites_is_away(r->status)};
    struct sites_shown shown = sites_shown_of(&place, it->visibility, it->coarse_m);
    struct store_arg args[] = {SA_UUID(it->site),
                               SA_UUID(it->public_id),
                               SA_TEXT(r->class_code),
                               SA_TEXT(r->kind),
                               SA_TEXT(r->religion),
                               SA_TEXT(r->denomination),
                               SA_TEXT(r->name),
                               SA_TEXT(r->names),
                               SA_TEXT(r->search),
                               real_or_null(p, r->lat_deg),
                               real_or_null(p, r->lon_deg),
                               SA_INT(r->cell),
                               SA_REAL(r->precision_m),
                               shown.cell,
                               shown.lat,
                               shown.lon,
                               SA_TEXT(r->country),
                               SA_TEXT(r->admin1),
                               SA_INT(r->is_disputed),
                               SA_TEXT(r->heritage),
                               SA_INT(r->whs_year),
                               SA_TEXT(r->wikidata),
                               SA_TEXT(r->unesco),
                               SA_TEXT(r->status),
                               SA_INT(it->visibility),
                               SA_INT(r->is_unverified),
                               SA_INT(r->is_synthetic),
                               SA_TEXT(r->note),
                               SA_TIME(b->now),
                               SA_TIME(b->now),
                               SA_INT(it->coarse_m),
                               SA_TEXT(r->start_date)};
    ENSURE(SA_N(args) == SA_N(SITE_COLUMNS));
    return store_bulk_row(bulk, args, err);
}

static enum rc footprint_row(struct store_bulk *bulk, const struct import_batch *b, const struct import_item *it,
                             struct err *err)
{
    (void)b;
    if (str_is_empty(it->rows.footprint))
        return RC_OK;
    struct store_arg args[] = {SA_UUID(it->site), SA_BLOB(it->rows.footprint.p, it->rows.footprint.n)};
    return store_bulk_row(bulk, args, err);
}

static enum rc record_row(struct store_bulk *bulk, const struct import_batch *b, const struct import_item *it,
                          struct err *err)
{
    struct store_arg args[] = {SA_UUID(b->release->source),
                               SA_TEXT(it->key),
                               SA_UUID(it->site),
                               SA_BLOB(it->digest.b, sizeof it->digest.b),
                               SA_UUID(b->release->id),
                               SA_UUID(b->release->id),
                               SA_TEXT(it->rows.source_text),
                               SA_TEXT(it->rows.raw),
                               SA_INT(it->version)};
    return store_bulk_row(bulk, args, err);
}

typedef enum rc (*row_fn)(struct store_bulk *bulk, const struct import_batch *b, const struct import_item *it,
                          struct err *err);

/* One bulk load of one table over the items whose act is in the set. */
static enum rc load(struct store_tx *tx, const struct import_batch *b, const char *table, const char *const *columns,
                    size_t n, row_fn fn, unsigned acts, struct err *err)
{
    struct store_bulk *bulk;
    TRY(store_bulk_open(tx, table, columns, n, &bulk, err));
    enum rc rc = RC_OK;
    for (size_t i = 0; i < b->n && rc == RC_OK; i++)
        if (acts & (1u << b->items[i].act))
            rc = fn(bulk, b, &b->items[i], err);
    struct err second;
    enum rc end = store_bulk_close(bulk, rc == RC_OK, NULL, rc == RC_OK ? err : &second);
    return rc == RC_OK ? end : rc;
}

/* What a new site is born with (V3 of visibility.h). */
static void born(const struct import_batch *b, const struct guard *g, struct import_item *it)
{
    const struct record_rows *r = &it->rows;
    it->visibility = r->is_guarded ? VISIBILITY_HIDDEN : b->visibility;
    it->coarse_m = POLICY_PRECISION_DEFAULT_M;
    struct guard_ask ask = {.has_place = r->has_place,
                            .lat_deg = r->lat_deg,
                            .lon_deg = r->lon_deg,
                            .religion = r->religion,
                            .search = r->search,
                            .visibility = it->visibility,
                            .coarse_m = it->coarse_m};
    it->is_like = g && guard_match(g, &ask, &it->like);
    if (it->is_like) {
        it->visibility = it->like.visibility;
        it->coarse_m = it->like.coarse_m;
    }
}

static enum rc load_guarded(struct store_tx *tx, const struct import_batch *b, struct err *err)
{
    /* An import brings its guard along, so that it is read once; what comes one by one does without. */
    struct guard *own = b->guard || b->visibility == VISIBILITY_HIDDEN ? NULL : guard_new(b->visibility);
    struct guard *g = b->guard ? b->guard : own;
    enum rc rc = g ? guard_refresh(g, tx, err) : RC_OK;
    for (size_t i = 0; i < b->by_cell_n && rc == RC_OK; i++) {
        struct import_item *it = b->by_cell[i];
        born(b, g, it);
        if (it->is_like)
            rc = guard_review(tx, it->site, &it->like, it->rows.is_guarded ? VISIBILITY_HIDDEN : b->visibility,
                              POLICY_PRECISION_DEFAULT_M, b->now, err);
    }
    guard_free(own);
    return rc;
}

static enum rc load_sites(struct store_tx *tx, const struct import_batch *b, struct err *err)
{
    struct store_bulk *bulk;
    TRY(store_bulk_open(tx, "site", SITE_COLUMNS, SA_N(SITE_COLUMNS), &bulk, err));
    enum rc rc = RC_OK;
    for (size_t i = 0; i < b->by_cell_n && rc == RC_OK; i++)
        rc = site_row(bulk, b, b->by_cell[i], err);
    struct err second;
    enum rc end = store_bulk_close(bulk, rc == RC_OK, NULL, rc == RC_OK ? err : &second);
    return rc == RC_OK ? end : rc;
}

enum { IMPORT_NAMED_MAX = 2048 };
enum { ADDED = 1u << IMPORT_ADD, CHANGED = 1u << IMPORT_UPDATE };

static const struct store_sql PAST_SQL = {
    "INSERT INTO site_source_past (source, external_id, until_release, site, digest, since_release, raw, names, "
    "footprint) "
    "SELECT r.source, r.external_id, ?3, r.site, r.digest, r.last_release, r.raw, COALESCE(o.names, s.names), "
    "CASE WHEN o.site IS NULL THEN f.wkb ELSE o.wkb END FROM site_source r JOIN site s ON s.id = r.site "
    "LEFT JOIN site_own o ON o.site = r.site LEFT JOIN site_footprint f ON f.site = r.site WHERE r.source = ?1 AND "
    "r.external_id = ?2 "
    "ON CONFLICT (source, external_id, until_release) DO NOTHING"};
static const struct store_sql RECORD_SET_SQL = {
    "UPDATE site_source SET digest = ?3, last_release = ?4, gone_release = NULL, source_text = ?5, raw = ?6, version = ?7 "
    "WHERE source = ?1 AND external_id = ?2"};
static const struct store_sql RECORD_VERSION_SQL = {
    "UPDATE site_source SET version = ?3 WHERE source = ?1 AND external_id = ?2"};
static const struct store_sql FOOTPRINT_DROP_SQL = {"DELETE FROM site_footprint WHERE site = ?1"};
/* Of a site that is one of several joined ones, what its source says stands in site_own; what shows is composed of it by
 * joins_recompose. */
#define IS_ALONE(id) " AND NOT EXISTS (SELECT 1 FROM site_own o WHERE o.site = " id ")"
static const struct store_sql OWN_SET_SQL = {
    "UPDATE site_own SET class = ?2, kind = ?3, religion = ?4, denomination = ?5, name = ?6, search = ?7, lat = ?8, "
    "lon = ?9, cell = ?10, precision_m = ?11, country = ?12, admin1 = ?13, is_disputed = ?14, heritage = ?15, "
    "whs_year = ?16, wikidata = ?17, unesco = ?18, status = ?19, is_unverified = ?20, is_synthetic = ?21, note = ?22, "
    "updated_us = ?23, names = ?24, start_date = ?25, wkb = ?26 WHERE site = ?1"};
static const struct store_sql OWN_GONE_SQL = {
    "UPDATE site_own SET status = 'gone', updated_us = ?2 WHERE site = ?1 AND status <> 'gone'"};
/* Who may see it stays; where it is shown follows from that (M4). */
static const struct store_sql SITE_SET_SQL = {
    "UPDATE site SET class = ?2, kind = ?3, religion = ?4, denomination = ?5, name = ?6, search = ?7, lat = ?8, lon = "
    "?9, "
    "cell = ?10, precision_m = ?11, shown_cell = CASE visibility WHEN 0 THEN ?10 WHEN 1 THEN ?12 ELSE NULL END, "
    "shown_lat = CASE visibility WHEN 1 THEN ?13 ELSE NULL END, shown_lon = CASE visibility WHEN 1 THEN ?14 ELSE NULL "
    "END, "
    "country = ?15, admin1 = ?16, is_disputed = ?17, heritage = ?18, whs_year = ?19, wikidata = ?20, unesco = ?21, "
    "status = ?22, is_unverified = ?23, is_synthetic = ?24, note = ?25, updated_us = ?26, names = ?27, start_date = ?28 WHERE id = ?1" IS_ALONE(
        "?1")};
static const struct store_sql RECORD_GONE_SQL = {
    "UPDATE site_source SET gone_release = ?3 WHERE source = ?1 AND external_id = ?2 AND gone_release IS NULL"};
static const struct store_sql SITE_GONE_SQL = {
    "UPDATE site SET status = 'gone', shown_cell = NULL, shown_lat = NULL, shown_lon = NULL, updated_us = ?2 WHERE id "
    "= ?1 "
    "AND NOT EXISTS (SELECT 1 FROM site_source r WHERE r.site = ?1 AND r.gone_release IS NULL)" IS_ALONE("?1")};

enum { SET_ARGS = 28, OWN_ARGS = 26 };

static void site_set_args(const struct import_batch *b, const struct import_item *it, struct store_arg *out)
{
    const struct record_rows *r = &it->rows;
    bool p = r->has_place;
    const struct store_arg args[SET_ARGS] = {SA_UUID(it->site),
                                             SA_TEXT(r->class_code),
                                             SA_TEXT(r->kind),
                                             SA_TEXT(r->religion),
                                             SA_TEXT(r->denomination),
                                             SA_TEXT(r->name),
                                             SA_TEXT(r->search),
                                             real_or_null(p, r->lat_deg),
                                             real_or_null(p, r->lon_deg),
                                             SA_INT(r->cell),
                                             SA_REAL(r->precision_m),
                                             SA_INT(r->coarse_cell),
                                             real_or_null(p, r->coarse_lat_deg),
                                             real_or_null(p, r->coarse_lon_deg),
                                             SA_TEXT(r->country),
                                             SA_TEXT(r->admin1),
                                             SA_INT(r->is_disputed),
                                             SA_TEXT(r->heritage),
                                             SA_INT(r->whs_year),
                                             SA_TEXT(r->wikidata),
                                             SA_TEXT(r->unesco),
                                             SA_TEXT(r->status),
                                             SA_INT(r->is_unverified),
                                             SA_INT(r->is_synthetic),
                                             SA_TEXT(r->note),
                                             SA_TIME(b->now),
                                             SA_TEXT(r->names),
                                             SA_TEXT(r->start_date)};
    memcpy(out, args, sizeof args);
}

static void own_set_args(const struct import_batch *b, const struct import_item *it, struct store_arg *out)
{
    struct store_arg all[SET_ARGS];
    const struct str wkb = it->rows.footprint;
    site_set_args(b, it, all);
    memcpy(out, all, 11 * sizeof *out); /* what is shown, 12 to 14, is not of the source */
    memcpy(out + 11, all + 14, (SET_ARGS - 14) * sizeof *out);
    out[OWN_ARGS - 1] = wkb.n ? SA_BLOB(wkb.p, wkb.n) : SA_NULL_OF(STORE_BLOB);
}

/* Runs one statement for every item whose act is in the set; `fill` writes its n arguments. */
typedef void (*fill_fn)(const struct import_batch *b, const struct import_item *it, struct store_arg *out);

enum { GONE = 1u << IMPORT_GONE, VERSION_ONLY = 1u << 30 };

/* VERSION_ONLY: no change of the facts, or gone, yet another version of the source's object. */
static bool is_among(const struct import_item *it, unsigned acts)
{
    if (acts == VERSION_ONLY)
        return it->is_version_new && (it->act == IMPORT_SAME || it->act == IMPORT_GONE);
    return acts & (1u << it->act);
}

static enum rc for_each(struct store_tx *tx, const struct import_batch *b, const struct store_sql *sql, size_t n,
                        fill_fn fill, unsigned acts, struct err *err)
{
    size_t count = 0;
    for (size_t i = 0; i < b->n; i++)
        count += is_among(&b->items[i], acts);
    if (count == 0)
        return RC_OK;
    struct arena mem;
    arena_init(&mem);
    struct store_arg *args = arena_array(&mem, count * n, sizeof *args);
    size_t row = 0;
    for (size_t i = 0; i < b->n; i++)
        if (is_among(&b->items[i], acts))
            fill(b, &b->items[i], args + n * row++);
    enum rc rc = store_exec_many(tx, sql, args, n, row, NULL, err);
    arena_fini(&mem);
    return rc;
}

static void fill_record_key(const struct import_batch *b, const struct import_item *it, struct store_arg *out)
{
    out[0] = SA_UUID(b->release->source);
    out[1] = SA_TEXT(it->key);
    out[2] = SA_UUID(b->release->id);
}

static void fill_record_set(const struct import_batch *b, const struct import_item *it, struct store_arg *out)
{
    out[0] = SA_UUID(b->release->source);
    out[1] = SA_TEXT(it->key);
    out[2] = SA_BLOB(it->digest.b, sizeof it->digest.b);
    out[3] = SA_UUID(b->release->id);
    out[4] = SA_TEXT(it->rows.source_text);
    out[5] = SA_TEXT(it->rows.raw);
    out[6] = SA_INT(it->version);
}

static void fill_record_version(const struct import_batch *b, const struct import_item *it, struct store_arg *out)
{
    out[0] = SA_UUID(b->release->source);
    out[1] = SA_TEXT(it->key);
    out[2] = SA_INT(it->version);
}

static void fill_site(const struct import_batch *b, const struct import_item *it, struct store_arg *out)
{
    (void)b;
    out[0] = SA_UUID(it->site);
}

static void fill_site_time(const struct import_batch *b, const struct import_item *it, struct store_arg *out)
{
    out[0] = SA_UUID(it->site);
    out[1] = SA_TIME(b->now);
}

/* A source that now says what the house rules hide: hidden, with the site it shows under, unless people have decided on
 * them. */
static const struct store_sql HOUSE_SQL = {
    "UPDATE site SET visibility = 2, shown_cell = NULL, shown_lat = NULL, shown_lon = NULL WHERE id IN (SELECT m.id FROM "
    "site m WHERE m.id = ?1 UNION ALL SELECT k.merged_into FROM site k WHERE k.id = ?1) AND "
    "visibility <> 2 AND NOT EXISTS (SELECT 1 FROM site_visibility v WHERE v.site = site.id)"};

/* Named to the feed even where the batch is too large to be: what must not be shown goes at the next poll. */
static enum rc house_hidden(struct store_tx *tx, struct uuid site, struct instant now, struct err *err)
{
    static const struct store_sql SQL = {"SELECT merged_into FROM site WHERE id = ?1"};
    struct uuid ids[2] = {site};
    struct store_arg args[] = {SA_UUID(site)};
    struct store_rows *rows;
    size_t n = 1;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    if (store_next(rows) && !store_is_null(rows, 0))
        ids[n++] = store_uuid(rows, 0);
    TRY(store_finish(rows, err));
    return sites_changed(tx, now, ids, n, err);
}

static enum rc updates_guard(struct store_tx *tx, const struct import_batch *b, struct err *err)
{
    for (size_t i = 0; i < b->n; i++) {
        struct store_arg args[] = {SA_UUID(b->items[i].site)};
        int64_t hidden = 0;
        if (b->items[i].act == IMPORT_UPDATE && b->items[i].rows.is_guarded)
            TRY(store_exec(tx, &HOUSE_SQL, args, SA_N(args), &hidden, err));
        if (hidden > 0)
            TRY(house_hidden(tx, b->items[i].site, b->now, err));
    }
    return visibility_reshow(tx, b->now, err);
}

static enum rc updates_write(struct store_tx *tx, const struct import_batch *b, struct err *err)
{
    TRY(for_each(tx, b, &PAST_SQL, 3, fill_record_key, CHANGED, err));
    TRY(for_each(tx, b, &RECORD_SET_SQL, 7, fill_record_set, CHANGED, err));
    TRY(for_each(tx, b, &SITE_SET_SQL, SET_ARGS, site_set_args, CHANGED, err));
    TRY(for_each(tx, b, &OWN_SET_SQL, OWN_ARGS, own_set_args, CHANGED, err));
    TRY(updates_guard(tx, b, err));
    TRY(for_each(tx, b, &FOOTPRINT_DROP_SQL, 1, fill_site, CHANGED, err));
    TRY(for_each(tx, b, &RECORD_GONE_SQL, 3, fill_record_key, GONE, err));
    TRY(for_each(tx, b, &RECORD_VERSION_SQL, 3, fill_record_version, VERSION_ONLY, err));
    TRY(for_each(tx, b, &OWN_GONE_SQL, 2, fill_site_time, GONE, err));
    return for_each(tx, b, &SITE_GONE_SQL, 2, fill_site_time, GONE, err);
}

static struct sha256 batch_digest(const struct import_batch *b)
{
    static const char LETTER[] = {[IMPORT_SAME] = '=', [IMPORT_ADD] = '+', [IMPORT_UPDATE] = '~', [IMPORT_GONE] = '-'};
    struct sha256_state s;
    sha256_begin(&s);
    for (size_t i = 0; i < b->n; i++) {
        const struct import_item *it = &b->items[i];
        if (it->act == IMPORT_SAME)
            continue;
        sha256_add(&s, &LETTER[it->act], 1);
        sha256_add(&s, it->key.p, it->key.n);
        sha256_add(&s, "", 1);
        sha256_add(&s, it->digest.b, sizeof it->digest.b);
    }
    return sha256_end(&s);
}

static enum rc batch_entry(struct store_tx *tx, const struct import_batch *b, struct err *err)
{
    struct buf detail;
    struct json_out j;
    struct arena mem;
    buf_init(&detail, 0);
    arena_init(&mem);
    json_out_init(&j, &detail);
    json_begin_object(&j);
    json_put_str(&j, "release", uuid_format(&mem, b->release->id));
    json_put_i64(&j, "batch", b->number);
    json_put_i64(&j, "added", b->added);
    json_put_i64(&j, "updated", b->updated);
    json_put_i64(&j, "gone", b->gone);
    json_end_object(&j);
    struct ledger_event ev = {.action = "release.batch",
                              .object_kind = "release_batch",
                              .object = uuid_v7(b->now),
                              .actor = b->actor,
                              .at = b->now,
                              .digest = batch_digest(b),
                              .detail = buf_str(&detail)};
    enum rc rc = ledger_append(tx, &ev, err);
    buf_fini(&detail);
    arena_fini(&mem);
    return rc;
}

/* A batch with many changes is part of a large import: its sites are not named. */
static enum rc touched(struct store_tx *tx, const struct import_batch *b, struct err *err)
{
    struct uuid ids[IMPORT_NAMED_MAX];
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (b->items[i].act == IMPORT_SAME)
            continue;
        if (n == IMPORT_NAMED_MAX)
            return sites_changed(tx, b->now, NULL, 0, err);
        ids[n++] = b->items[i].site;
    }
    return sites_changed(tx, b->now, ids, n, err);
}

enum rc import_batch_write(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct import_batch *b = ctx;
    int64_t open;
    struct store_arg release[] = {SA_UUID(b->release->id)};
    TRY(store_get_int(tx, &STATE_SQL, release, SA_N(release), &open, err));
    if (open != 1)
        return lost_release(err);
    if (b->updated + b->gone + b->reversioned > 0)
        TRY(updates_write(tx, b, err));
    if (b->added > 0) {
        TRY(load_guarded(tx, b, err));
        TRY(load_sites(tx, b, err));
        TRY(load(tx, b, "site_source", RECORD_COLUMNS, SA_N(RECORD_COLUMNS), record_row, ADDED, err));
    }
    TRY(load(tx, b, "site_footprint", FOOTPRINT_COLUMNS, SA_N(FOOTPRINT_COLUMNS), footprint_row, ADDED | CHANGED, err));
    if (b->updated + b->gone > 0)
        TRY(joins_recompose(tx, b->now, err));
    TRY(touched(tx, b, err));
    return batch_entry(tx, b, err);
}

void import_batch_rename(struct import_batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->items[i].act == IMPORT_ADD)
            b->items[i].public_id = uuid_random();
}

/* ---- what `fane verify` compares ---- */

enum rc import_releases_check(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    (void)ctx;
    struct uuid last = {{0}};
    for (;;) {
        struct arena mem;
        arena_init(&mem);
        struct release_row *page = ARENA_NEW_N(&mem, struct release_row, 500);
        size_t n = 0;
        struct store_rows *rows;
        struct store_arg args[] = {SA_UUID(last)};
        enum rc rc = store_query(tx, &ALL_SQL, args, SA_N(args), &rows, err);
        if (rc == RC_OK) {
            while (n < 500 && store_next(rows))
                page[n++] = release_of(rows, &mem);
            rc = store_finish(rows, err);
        }
        for (size_t i = 0; i < n && rc == RC_OK; i++)
            rc = put(sink, page[i].id, import_release_digest(&page[i]), err);
        last = n ? page[n - 1].id : last;
        arena_fini(&mem);
        if (rc != RC_OK || n < 500)
            return rc;
    }
}
