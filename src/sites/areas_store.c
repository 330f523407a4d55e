/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of areas: loaded sets, and sites whose area has to be asked again.
 */
#include "sites/areas_int.h"
#include "sites/join.h"

#include <stdlib.h>
#include <string.h>

#include "ledger/ledger.h"
#include "sites/sites_int.h"
#include "wire/json_out.h"

enum {
    AREAS_PAGE = 200,
    SITES_PAGE = 4096,
    ASSIGN_NAMED_MAX = 1024 /* more at a time: the registry is being filled */
};

static const struct store_sql AREAS_SQL = {
    "SELECT a.id, a.level, a.code, a.country, a.name, a.is_disputed, a.wkb FROM area a "
    "JOIN area_set s ON s.id = a.area_set WHERE s.replaced_us IS NULL AND a.id > ?1 ORDER BY a.id LIMIT ?2"};

struct areas_page {
    struct arena mem;
    struct uuid after;
    struct area_row rows[AREAS_PAGE];
    size_t n;
};

static enum rc areas_page(struct store_tx *tx, void *ctx, struct err *err)
{
    struct areas_page *p = ctx;
    struct store_rows *rows;
    struct uuid last = p->after;
    struct store_arg args[] = {SA_UUID(p->after), SA_INT(AREAS_PAGE)};
    p->n = 0;
    TRY(store_query(tx, &AREAS_SQL, args, SA_N(args), &rows, err));
    while (p->n < AREAS_PAGE && store_next(rows)) {
        last = store_uuid(rows, 0);
        p->rows[p->n++] = (struct area_row){.level = store_int(rows, 1) == AREA_ADMIN1 ? AREA_ADMIN1 : AREA_COUNTRY,
                                            .info = {.code = str_copy(&p->mem, store_text(rows, 2)),
                                                     .country = str_copy(&p->mem, store_text(rows, 3)),
                                                     .name = str_copy(&p->mem, store_text(rows, 4)),
                                                     .is_disputed = store_int(rows, 5) != 0},
                                            .wkb = str_copy(&p->mem, store_blob(rows, 6))};
    }
    TRY(store_finish(rows, err));
    p->after = last;
    return RC_OK;
}

enum rc areas_store_each(struct store *st, area_row_fn fn, void *ctx, struct err *err)
{
    struct areas_page *p = mem_alloc(sizeof *p);
    arena_init(&p->mem);
    enum rc rc;
    do {
        arena_reset(&p->mem);
        rc = store_read(st, areas_page, p, err);
        for (size_t i = 0; i < p->n && rc == RC_OK; i++)
            rc = fn(ctx, &p->rows[i], err);
    } while (rc == RC_OK && p->n == AREAS_PAGE);
    arena_fini(&p->mem);
    free(p);
    return rc;
}

static const struct store_sql DROP_SQL = {
    "DELETE FROM area WHERE area_set IN (SELECT id FROM area_set WHERE name = ?1 AND replaced_us IS NULL)"};
static const struct store_sql REPLACED_SQL = {
    "UPDATE area_set SET replaced_us = ?2 WHERE name = ?1 AND replaced_us IS NULL"};
static const struct store_sql SET_SQL = {
    "INSERT INTO area_set (id, name, digest, areas_n, created_us, replaced_us) VALUES (?1, ?2, ?3, ?4, ?5, NULL)"};
static const char *const AREA_COLUMNS[] = {"id", "area_set", "level", "code", "country", "name", "is_disputed", "wkb"};

static enum rc set_rows(struct store_tx *tx, const struct area_set *set, struct uuid id, struct err *err)
{
    struct store_bulk *bulk;
    TRY(store_bulk_open(tx, "area", AREA_COLUMNS, SA_N(AREA_COLUMNS), &bulk, err));
    enum rc rc = RC_OK;
    for (size_t i = 0; i < set->n && rc == RC_OK; i++) {
        const struct area_row *r = &set->rows[i];
        struct uuid area = uuid_v7(set->now);
        struct store_arg args[] = {SA_UUID(area),
                                   SA_UUID(id),
                                   SA_INT(r->level),
                                   SA_TEXT(r->info.code),
                                   SA_TEXT(r->info.country),
                                   SA_TEXT(r->info.name),
                                   SA_INT(r->info.is_disputed),
                                   SA_BLOB(r->wkb.p, r->wkb.n)};
        rc = store_bulk_row(bulk, args, err);
    }
    struct err second;
    enum rc end = store_bulk_close(bulk, rc == RC_OK, NULL, rc == RC_OK ? err : &second);
    return rc == RC_OK ? end : rc;
}

static enum rc entry(struct store_tx *tx, const char *action, const char *kind, struct uuid object, struct instant now,
                     struct sha256 digest, int64_t n, struct err *err)
{
    struct buf b;
    struct json_out j;
    buf_init(&b, 0);
    json_out_init(&j, &b);
    json_begin_object(&j);
    json_put_i64(&j, "n", n);
    json_end_object(&j);
    struct ledger_event ev = {
        .action = action, .object_kind = kind, .object = object, .at = now, .digest = digest, .detail = buf_str(&b)};
    enum rc rc = ledger_append(tx, &ev, err);
    buf_fini(&b);
    return rc;
}

static enum rc set_put(struct store_tx *tx, void *ctx, struct err *err)
{
    struct area_set *set = ctx;
    struct uuid id = uuid_v7(set->now);
    struct store_arg name[] = {SA_TEXT(set->name), SA_TIME(set->now)};
    struct store_arg row[] = {SA_UUID(id), SA_TEXT(set->name), SA_BLOB(set->digest.b, sizeof set->digest.b),
                              SA_INT(set->n), SA_TIME(set->now)};
    TRY(store_exec(tx, &DROP_SQL, name, 1, NULL, err));
    TRY(store_exec(tx, &REPLACED_SQL, name, SA_N(name), NULL, err));
    TRY(store_exec(tx, &SET_SQL, row, SA_N(row), NULL, err));
    TRY(set_rows(tx, set, id, err));
    return entry(tx, "areas.load", "area_set", id, set->now, set->digest, (int64_t)set->n, err);
}

enum rc areas_store_put(struct store *st, struct area_set *set, struct err *err)
{
    return store_write(st, set_put, set, err);
}

/* ---- asking again ---- */

static const struct store_sql PLACES_SQL = {
    "SELECT s.id, CASE WHEN o.site IS NULL THEN s.lat ELSE o.lat END, CASE WHEN o.site IS NULL THEN s.lon ELSE o.lon END, "
    "COALESCE(o.country, s.country), COALESCE(o.admin1, s.admin1), COALESCE(o.is_disputed, s.is_disputed), "
    "(SELECT MIN(r.raw) FROM site_source r WHERE r.site = s.id) FROM site s LEFT JOIN site_own o ON o.site = s.id "
    "WHERE s.id > ?1 ORDER BY s.id LIMIT ?2"};
/* Of joined sites what the source's own place gives; the row that shows is composed of it. */
static const struct store_sql PLACE_SET_SQL = {
    "UPDATE site SET country = ?2, admin1 = ?3, is_disputed = ?4, updated_us = ?5 WHERE id = ?1 AND NOT EXISTS (SELECT 1 "
    "FROM site_own o WHERE o.site = ?1)"};
static const struct store_sql OWN_SET_SQL = {
    "UPDATE site_own SET country = ?2, admin1 = ?3, is_disputed = ?4, updated_us = ?5 WHERE site = ?1"};

struct place_change {
    struct uuid site;
    struct str country, admin1;
    bool is_disputed;
};

struct assign {
    const struct areas *areas;
    struct arena mem;
    struct uuid after;
    size_t seen;
    struct place_change *changes;
    size_t n;
    struct instant now;
};

/* The country the source itself names: "country":"AD" in its record, written by us, so plain. */
static struct str claimed_of(struct str raw)
{
    static const char KEY[] = "\"country\":\"";
    for (size_t i = 0; i + sizeof KEY + 2 <= raw.n; i++)
        if (memcmp(raw.p + i, KEY, sizeof KEY - 1) == 0 && raw.p[i + sizeof KEY + 1] == '"')
            return (struct str){raw.p + i + sizeof KEY - 1, 2};
    return STR_NONE;
}

static void place_ask(struct assign *a, struct store_rows *rows)
{
    struct str claimed = claimed_of(store_text(rows, 6));
    bool was_disputed = store_int(rows, 5) != 0, said = str_contains(store_text(rows, 6), STR("\"disputed\":true"));
    struct area_place p;
    if (said && str_is_empty(claimed))
        return; /* disputed, and the source names no country on purpose */
    areas_locate(a->areas, (struct geo_point){store_real(rows, 1), store_real(rows, 2)}, claimed, &p);
    struct str country = str_is_empty(p.country) && !p.is_disputed ? claimed : p.country;
    bool disputed = p.is_disputed || said;
    if (str_is_equal(country, store_text(rows, 3)) && str_is_equal(p.admin1, store_text(rows, 4)) &&
        disputed == was_disputed)
        return;
    a->changes[a->n++] = (struct place_change){store_uuid(rows, 0), str_copy(&a->mem, country), p.admin1, disputed};
}

static enum rc places_page(struct store_tx *tx, void *ctx, struct err *err)
{
    struct assign *a = ctx;
    struct store_rows *rows;
    struct uuid last = a->after;
    struct store_arg args[] = {SA_UUID(a->after), SA_INT(SITES_PAGE)};
    a->n = a->seen = 0;
    TRY(store_query(tx, &PLACES_SQL, args, SA_N(args), &rows, err));
    while (a->seen < SITES_PAGE && store_next(rows)) {
        a->seen++;
        last = store_uuid(rows, 0);
        if (!store_is_null(rows, 1))
            place_ask(a, rows);
    }
    TRY(store_finish(rows, err));
    a->after = last;
    return RC_OK;
}

static enum rc places_write(struct store_tx *tx, void *ctx, struct err *err)
{
    struct assign *a = ctx;
    struct store_arg *args = arena_array(&a->mem, a->n * 5, sizeof *args);
    struct uuid *sites = ARENA_NEW_N(&a->mem, struct uuid, a->n);
    struct sha256_state s;
    sha256_begin(&s);
    for (size_t i = 0; i < a->n; i++) {
        struct place_change *c = &a->changes[i];
        sites[i] = c->site;
        struct store_arg *v = args + 5 * i;
        v[0] = SA_UUID(c->site);
        v[1] = SA_TEXT(c->country);
        v[2] = SA_TEXT(c->admin1);
        v[3] = SA_INT(c->is_disputed);
        v[4] = SA_TIME(a->now);
        sha256_add(&s, c->site.b, sizeof c->site.b);
        sha256_add(&s, c->country.p, c->country.n);
        sha256_add(&s, c->admin1.p, c->admin1.n);
    }
    TRY(store_exec_many(tx, &PLACE_SET_SQL, args, 5, a->n, NULL, err));
    TRY(store_exec_many(tx, &OWN_SET_SQL, args, 5, a->n, NULL, err));
    TRY(joins_recompose(tx, a->now, err));
    TRY(sites_changed(tx, a->now, a->n <= ASSIGN_NAMED_MAX ? sites : NULL, a->n, err));
    return entry(tx, "areas.assign", "area_assignment", uuid_v7(a->now), a->now, sha256_end(&s), (int64_t)a->n, err);
}

enum rc areas_assign(struct store *st, const struct areas *areas, int64_t *changed, struct err *err)
{
    struct assign a = {.areas = areas};
    int64_t n = 0;
    enum rc rc;
    arena_init(&a.mem);
    do {
        arena_reset(&a.mem);
        a.changes = ARENA_NEW_N(&a.mem, struct place_change, SITES_PAGE);
        a.now = clock_now();
        rc = store_read(st, places_page, &a, err);
        if (rc == RC_OK && a.n > 0)
            rc = store_write(st, places_write, &a, err);
        n += rc == RC_OK ? (int64_t)a.n : 0;
    } while (rc == RC_OK && a.seen == SITES_PAGE);
    arena_fini(&a.mem);
    if (rc == RC_OK)
        *changed = n;
    return rc;
}
