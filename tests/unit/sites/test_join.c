/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Joining and taking apart, on both stores: byte-equal rows, who may see them, the next edition of a joined record, what
 * people decided, roles.
 */
#include "sites_fixture.h"

#include "base/rng.h"
#include "sites/join_int.h"
#include "sites/visibility.h"

static const struct viewer REVIEWER = {.account = {{4}}, .role = ROLE_REVIEWER};
static const struct viewer NAMELESS = {.role = ROLE_REVIEWER};
static const struct viewer SOMEBODY = {.account = {{5}}, .role = ROLE_PUBLIC};

#define MAP                                                                                                                       \
    "{\"delimiter\":\";\",\"fields\":{\"id\":\"id\",\"name\":\"name\",\"lat\":\"lat\",\"lon\":\"lon\",\"religion\":\"religion\"," \
    "\"denomination\":\"den\",\"wikidata\":\"q\"},\"constant\":{\"class\":\"place_of_worship\"}}"
#define MAP_WKT                                                                                                        \
    "{\"delimiter\":\";\",\"fields\":{\"id\":\"id\",\"name\":\"name\",\"religion\":\"religion\","                      \
    "\"denomination\":\"den\",\"wikidata\":\"q\",\"wkt\":\"wkt\"},\"constant\":{\"class\":\"place_of_worship\"}}"
#define HEAD "id;name;lat;lon;religion;den;q;wkt\n"

static struct areas *areas_loaded; /* those of the binary, the same for every registry here */

static struct sites_import_report import_with(struct registry *r, const char *map, const char *source, const char *rows)
{
    struct sites_import_report p;
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, HEAD "%s", rows);
    const char *path = written(r, "rows.csv", b.p, b.n);
    struct sites_file_options o = {.map = written(r, "map.json", map, strlen(map))};
    o.import.source = str_of(source);
    o.import.temp_dir = r->dir;
    if (!areas_loaded)
        OK(areas_load(r->st, &areas_loaded, &r->err));
    o.import.areas = areas_loaded;
    OK(sites_import_file(r->st, path, &o, &p, &r->err));
    assert_int_equal(p.rejected, 0);
    buf_fini(&b);
    return p;
}

static struct sites_import_report import_as(struct registry *r, const char *source, const char *rows)
{
    return import_with(r, MAP, source, rows);
}

static struct joins_report run(struct registry *r, bool is_whole)
{
    struct joins_options opt = {.is_whole = is_whole};
    struct joins_report out;
    OK(joins_run(r->st, &opt, &out, &r->err));
    return out;
}

static struct site *seen(struct registry *r, const char *external_id, const struct viewer *viewer)
{
    struct site *s = NULL;
    enum rc rc = sites_find_external(r->st, str_of(external_id), viewer, &r->mem, &s, &r->err);
    assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
    return rc == RC_OK ? s : NULL;
}

static struct join_pair the_pair(struct registry *r, const char *state)
{
    struct joins_page page;
    OK(joins_list(r->st, &REVIEWER, str_of(state), STR_NONE, 10, &r->mem, &page, &r->err));
    assert_int_equal(page.n, 1);
    return page.items[0];
}

static int64_t pairs_n(struct registry *r, const char *state)
{
    return number_of(r, str_printf(&r->mem, "SELECT count(*) FROM join_pair WHERE state = '%s'", state).p);
}

/* ---- rows as bytes ---- */

/* i: number, r: real, t: text, b: blob */
static const struct {
    const char *table, *order, *columns, *types;
} TABLES[] = {
    {"site", "id",
     "id, public_id, class, kind, religion, denomination, name, names, search, lat, lon, cell, precision_m, shown_cell, "
     "shown_lat, shown_lon, country, admin1, is_disputed, heritage, whs_year, wikidata, unesco, status, visibility, "
     "is_unverified, is_synthetic, note, created_us, updated_us, coarse_m, merged_into, "
     "start_date",
     "bbtttttttrririrrttititttiiitiiibt"},
    {"site_footprint", "site", "site, wkb", "bb"},
    {"site_source", "source, external_id",
     "source, external_id, site, digest, first_release, last_release, gone_release, source_text, raw, version",
     "btbbbbbtti"},
    {"incident_link", "incident, site", "incident, site, score, reasons, decided_by, at_us", "bbrtbi"},
};
enum { TABLES_N = sizeof TABLES / sizeof TABLES[0] };

struct dump {
    struct store_sql sql;
    const char *types;
    struct sha256_state *hash;
    int64_t rows;
};

static void value_add(struct sha256_state *h, struct store_rows *rows, int i, char type)
{
    struct str s;
    char number[40];
    if (store_is_null(rows, i)) {
        sha256_add(h, "N", 1);
        return;
    }
    if (type == 'i' || type == 'r') {
        int n = type == 'i' ? snprintf(number, sizeof number, "%lld", (long long)store_int(rows, i))
                            : snprintf(number, sizeof number, "%a", store_real(rows, i));
        s = (struct str){number, (size_t)n};
    } else {
        s = type == 't' ? store_text(rows, i) : store_blob(rows, i);
    }
    sha256_add(h, &s.n, sizeof s.n);
    sha256_add(h, s.p, s.n);
}

static enum rc dump_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct dump *d = ctx;
    struct store_rows *rows;
    TRY(store_query(tx, &d->sql, NULL, 0, &rows, err));
    for (; store_next(rows); d->rows++)
        for (int i = 0; d->types[i]; i++)
            value_add(d->hash, rows, i, d->types[i]);
    return store_finish(rows, err);
}

/* Of all tables that joining could touch; where: "" or a condition on the column `site` or `id`. */
static struct sha256 bytes_of(struct registry *r, const struct uuid *sites, size_t n)
{
    struct sha256_state h;
    sha256_begin(&h);
    for (size_t t = 0; t < TABLES_N; t++) {
        struct buf b;
        buf_init(&b, 0);
        buf_printf(&b, "SELECT %s FROM %s", TABLES[t].columns, TABLES[t].table);
        for (size_t i = 0; i < n; i++) {
            const char *lead = r->engine == STORE_POSTGRES ? "'\\x" : "x'";
            buf_printf(&b, "%s %s = %s", i ? " OR" : " WHERE", t ? "site" : "id", lead);
            buf_add_str(&b, str_hex(&r->mem, sites[i].b, 16));
            buf_add_z(&b, r->engine == STORE_POSTGRES ? "'::bytea" : "'");
        }
        buf_printf(&b, " ORDER BY %s", TABLES[t].order);
        struct dump *d = ARENA_NEW(&r->mem, struct dump); /* the statement's address is its key */
        *d = (struct dump){.sql = {.common = str_copy(&r->mem, buf_str(&b)).p}, .types = TABLES[t].types, .hash = &h};
        OK(store_read(r->st, dump_read, d, &r->err));
        buf_fini(&b);
    }
    return sha256_end(&h);
}

/* ---- 1,000 pairs ---- */

/* 1,000 pairs; on PostgreSQL, where each statement is a round trip, 200 unless FANE_JOIN_WHOLE is set. */
enum { PAIRS_MAX = 1000, PAIRS_FEW = 200 };

static size_t pairs_of(const struct registry *r)
{
    return r->engine == STORE_SQLITE || getenv("FANE_JOIN_WHOLE") ? PAIRS_MAX : PAIRS_FEW;
}

static const char *rows_random(struct registry *r, struct prng *rng, const char *prefix, int n)
{
    static const char *const FAITHS[] = {"christian", "muslim", "jewish", "", "hindu"};
    static const char *const DENS[] = {"", "anglican", "sunni", "catholic"};
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < n; i++) {
        double lat = -60 + 120 * prng_unit(rng), lon = -179 + 358 * prng_unit(rng);
        buf_printf(&b, "%s%d;%s %d;%.7f;%.7f;%s;%s;", prefix, i, prng_below(rng, 4) ? "Name" : "Храм", i, lat, lon,
                   FAITHS[prng_below(rng, 5)], DENS[prng_below(rng, 4)]);
        if (prng_below(rng, 3) == 0)
            buf_printf(&b, "Q%d", (int)prng_below(rng, 1000000) + 1);
        buf_add_char(&b, ';');
        if (prng_below(rng, 4) != 0)
            buf_printf(&b, "POINT(%.6f %.6f)", lon, lat);
        else
            buf_printf(&b, "POLYGON((%.6f %.6f,%.6f %.6f,%.6f %.6f,%.6f %.6f))", lon, lat, lon + 0.001, lat, lon,
                       lat + 0.001, lon, lat);
        buf_add_char(&b, '\n');
    }
    const char *text = str_copy(&r->mem, buf_str(&b)).p;
    buf_fini(&b);
    return text;
}

struct ids {
    struct uuid *ids;
    size_t n;
};

static enum rc ids_read(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {"SELECT id FROM site ORDER BY id"};
    struct ids *x = ctx;
    struct store_rows *rows;
    x->n = 0;
    TRY(store_query(tx, &SQL, NULL, 0, &rows, err));
    while (x->n < 2 * PAIRS_MAX && store_next(rows))
        x->ids[x->n++] = store_uuid(rows, 0);
    return store_finish(rows, err);
}

static enum rc blur_write(struct store_tx *tx, void *ctx, struct err *err)
{
    /* Some hidden, some coarse, as if born so. */
    static const struct store_sql HIDE = {"UPDATE site SET visibility = 2, shown_cell = NULL WHERE id = ?1"};
    static const struct store_sql LINK = {
        "INSERT INTO incident (id, public_id, code, source, external_id, release, digest, is_context, context_kind, title, "
        "type, method, target, bias, severity, verification, start_day, end_day, date_precision, has_place, lat, lon, cell, "
        "coarse_lat, coarse_lon, precision_code, radius_m, country, disputed, place, source_text, source_read, "
        "unverified, synthetic, raw, created_us, updated_us) VALUES (?1, ?1, ?2, 't', ?3, ?1, ?1, 0, '', '', '', '', '', "
        "'', 0, 'V0', 0, 0, '', 0, 0, 0, 0, 0, 0, '', 0, '', 0, '', '', 0, 0, 0, '', 0, 0)"};
    static const struct store_sql TO = {
        "INSERT INTO incident_link (incident, site, score, reasons, decided_by, at_us) VALUES (?1, ?2, 0.5, '[]', NULL, 7)"};
    const struct ids *x = ctx;
    for (size_t i = 0; i < x->n; i++) {
        struct store_arg args[] = {SA_UUID(x->ids[i])};
        if (i % 7 == 0)
            TRY(store_exec(tx, &HIDE, args, 1, NULL, err));
        if (i % 50 != 0)
            continue;
        struct uuid id = uuid_v7(clock_now());
        char name[32];
        snprintf(name, sizeof name, "i%zu", i);
        struct store_arg incident[] = {SA_UUID(id), SA_INT((int64_t)i), SA_TEXT(str_of(name))};
        struct store_arg link[] = {SA_UUID(id), SA_UUID(x->ids[i])};
        TRY(store_exec(tx, &LINK, incident, 3, NULL, err));
        TRY(store_exec(tx, &TO, link, 2, NULL, err));
    }
    return RC_OK;
}

struct step {
    struct join_rules *rules;
    struct join_pair *pairs;
    const size_t *order; /* NULL: as they stand */
    size_t from, to;
    bool part;
};

static enum rc step_write(struct store_tx *tx, void *ctx, struct err *err)
{
    struct step *s = ctx;
    for (size_t i = s->from; i < s->to; i++) {
        struct join_pair p = s->pairs[s->order ? s->order[i] : i];
        struct join_touched touched = {.n = 0};
        TRY(s->part ? join_part(tx, s->rules, &p, &touched, err) : join_merge(tx, s->rules, &p, &touched, err));
        p.state = s->part ? STR("separate") : STR("joined");
        TRY(join_pair_put(tx, &p, s->part ? "site.part" : "site.join", err));
        s->pairs[s->order ? s->order[i] : i] = p;
    }
    return sites_changed(tx, clock_now(), NULL, 0, err);
}

static struct join_pair pair_of(struct uuid a, struct uuid b, int64_t at)
{
    bool is_turned = memcmp(a.b, b.b, 16) > 0;
    return (struct join_pair){.id = uuid_v7(clock_now()),
                              .public_id = uuid_random(),
                              .a = is_turned ? b : a,
                              .b = is_turned ? a : b,
                              .state = STR("joined"),
                              .score = 0.9,
                              .reasons = STR("[]"),
                              .reason = STR("a test"),
                              .account = SITES_ADMIN.account,
                              .at = {clock_now().us + at}};
}

static void shuffle(struct prng *rng, size_t *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t k = prng_below(rng, i), t = a[i - 1];
        a[i - 1] = a[k];
        a[k] = t;
    }
}

/* Random pairs, apart again in another random order. */
static void thousand_pairs(struct registry *r, struct prng *rng, const struct ids *x, struct join_rules *rules)
{
    const size_t count = pairs_of(r);
    struct join_pair *pairs = ARENA_NEW_N(&r->mem, struct join_pair, count);
    size_t *order = ARENA_NEW_N(&r->mem, size_t, 2 * count);
    struct sha256 before = bytes_of(r, NULL, 0);
    shuffle(rng, order, 2 * count);
    for (size_t i = 0; i < count; i++)
        pairs[i] = pair_of(x->ids[order[2 * i]], x->ids[order[2 * i + 1]], (int64_t)i);
    struct step s = {.rules = rules, .pairs = pairs, .to = count};
    OK(store_write(r->st, step_write, &s, &r->err));
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE status = 'merged' AND shown_cell IS NULL"), count);
    assert_int_equal(number_of(r,
                               "SELECT count(*) FROM site s JOIN site m ON m.merged_into = s.id WHERE m.visibility > "
                               "s.visibility"),
                     0);
    assert_false(sha256_is_equal(before, bytes_of(r, NULL, 0)));
    shuffle(rng, order, count);
    s.order = order;
    s.part = true;
    OK(store_write(r->st, step_write, &s, &r->err));
    assert_true(sha256_is_equal(before, bytes_of(r, NULL, 0)));
    assert_int_equal(rows_of(r, "site_own"), 0);
}

/* Groups that grow by joining groups, apart again from the last to the first: each step back is the state before it. */
static void nested_pairs(struct registry *r, struct prng *rng, const struct ids *x, struct join_rules *rules)
{
    enum { STEPS = 40, SITES = 30 };
    struct join_pair pairs[STEPS];
    struct sha256 states[STEPS];
    size_t n = 0;
    for (size_t tries = 0; n < STEPS && tries < 10 * STEPS; tries++) {
        struct uuid a = x->ids[prng_below(rng, SITES)], b = x->ids[prng_below(rng, SITES)];
        if (uuid_is_equal(a, b))
            continue;
        states[n] = bytes_of(r, x->ids, SITES);
        pairs[n] = pair_of(a, b, (int64_t)n);
        struct step s = {.rules = rules, .pairs = pairs, .from = n, .to = n + 1};
        enum rc rc = store_write(r->st, step_write, &s, &r->err);
        assert_true(rc == RC_OK || rc == RC_CONFLICT); /* one already */
        n += rc == RC_OK;
    }
    assert_true(n > 10);
    while (n-- > 0) {
        struct step s = {.rules = rules, .pairs = pairs, .from = n, .to = n + 1, .part = true};
        OK(store_write(r->st, step_write, &s, &r->err));
        assert_true(sha256_is_equal(states[n], bytes_of(r, x->ids, SITES)));
    }
    assert_int_equal(rows_of(r, "site_own"), 0);
}

static void apart_again(struct registry *r)
{
    const char *given = getenv("FANE_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)clock_monotonic_us();
    struct prng rng;
    struct join_rules *rules;
    fprintf(stderr, "seed %llu (FANE_SEED replays)\n", (unsigned long long)seed);
    prng_seed(&rng, seed);
    import_with(r, MAP_WKT, "osm", rows_random(r, &rng, "a", (int)pairs_of(r)));
    import_with(r, MAP_WKT, "wikidata", rows_random(r, &rng, "b", (int)pairs_of(r)));
    struct ids x = {.ids = ARENA_NEW_N(&r->mem, struct uuid, 2 * PAIRS_MAX)};
    OK(store_read(r->st, ids_read, &x, &r->err));
    assert_int_equal(x.n, 2 * pairs_of(r));
    OK(store_write(r->st, blur_write, &x, &r->err));
    OK(join_rules_new(&rules, &r->err));
    thousand_pairs(r, &rng, &x, rules);
    nested_pairs(r, &rng, &x, rules);
    join_rules_free(rules);
}

/* ---- from two files to one site ---- */

#define OSM_ROWS                                                                                                       \
    "node/1;St Mary's Church;51.5000;-0.1000;christian;anglican;Q1;\n"                                                 \
    "node/2;Central Mosque;51.6000;-0.2000;muslim;;;\n"                                                                \
    "node/3;Old Synagogue;51.7000;-0.3000;jewish;;;\n"
#define REGISTER_ROWS                                                                                                  \
    "r1;Saint Mary;51.5002;-0.1001;christian;church_of_england;;\n"                                                    \
    "r2;Мечеть Централ;51.6003;-0.2001;muslim;sunni;;\n"                                                  \
    "r9;Friends Meeting House;52.5000;-1.3000;christian;quaker;;\n"

static void two_made(struct registry *r)
{
    import_as(r, "osm", OSM_ROWS);
    import_as(r, "register", REGISTER_ROWS);
}

static bool has_name(const struct site *s, const char *name)
{
    for (size_t i = 0; i < s->names_n; i++)
        if (str_is_equal(s->names[i].text, str_of(name)))
            return true;
    return false;
}

static void one_site(struct registry *r)
{
    struct sites_source *sources;
    size_t n;
    two_made(r);
    struct uuid away = seen(r, "r1", &SITES_ADMIN)->public_id;
    struct joins_report p = run(r, false);
    assert_true(p.is_whole);
    assert_int_equal(p.joined, 2);
    assert_int_equal(rows_of(r, "site"), 6);
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE shown_cell IS NOT NULL"), 4);
    struct site *s = seen(r, "node/1", &VIEWER_PUBLIC), *same, *by_id;
    same = seen(r, "r1", &VIEWER_PUBLIC);
    OK(sites_find(r->st, uuid_format(&r->mem, away), &VIEWER_PUBLIC, &r->mem, &by_id, &r->err));
    assert_true(uuid_is_equal(s->id, same->id) && uuid_is_equal(s->id, by_id->id));
    /* the register's name shows, the other is there too; the place is OpenStreetMap's */
    assert_true(str_is_equal(s->name, STR("Saint Mary")));
    assert_true(has_name(s, "St Mary's Church") && has_name(s, "Saint Mary"));
    assert_true(str_is_equal(s->wikidata, STR("Q1")));
    assert_true(str_is_equal(s->denomination, STR("church_of_england")));
    OK(sites_sources(r->st, s, &r->mem, &sources, &n, &r->err));
    assert_int_equal(n, 2);
    struct sites_filter f = {.q = STR("st marys")};
    struct sites_page page;
    OK(sites_list(r->st, &f, &SITES_ADMIN, STR_NONE, 10, true, &r->mem, &page, &r->err));
    assert_int_equal(page.matched, 1);
    /* nothing new: nothing to do */
    p = run(r, false);
    assert_false(p.is_whole);
    assert_int_equal(p.joined + p.opened, 0);
    p = run(r, true);
    assert_int_equal(p.joined + p.opened, 0);
}

/* A third source meets what is joined already; one of the two sources again does not. */
static void incremental(struct registry *r)
{
    two_made(r);
    assert_int_equal(run(r, false).joined, 2);
    import_as(r, "wikidata", "Q1;Church of Saint Mary;51.5001;-0.0999;christian;;Q1;\n");
    struct joins_report p = run(r, false);
    assert_false(p.is_whole);
    assert_int_equal(p.joined, 1);
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE merged_into IS NOT NULL"), 3);
    import_as(r, "osm", OSM_ROWS "node/7;St Mary's Church;51.5001;-0.1000;christian;anglican;Q1;\n");
    p = run(r, false);
    assert_int_equal(p.joined, 0); /* J1: its source is in the group already */
    assert_true(seen(r, "node/7", &VIEWER_PUBLIC)->id.b[0] == seen(r, "node/7", &VIEWER_PUBLIC)->id.b[0]);
    assert_false(uuid_is_equal(seen(r, "node/7", &VIEWER_PUBLIC)->id, seen(r, "node/1", &VIEWER_PUBLIC)->id));
}

static void next_edition(struct registry *r)
{
    two_made(r);
    assert_int_equal(run(r, false).joined, 2);
    struct site *s = seen(r, "node/1", &SITES_ADMIN);
    OK(sites_hide(r->st, s->id, STR("asked for"), &SITES_ADMIN, &r->err));
    /* the record that is away gets another name and place; another is gone */
    struct sites_import_report p = import_as(r, "register",
                                             "r1;St Mary the Virgin;51.5004;-0.1002;christian;church_of_england;;\n"
                                             "r9;Friends Meeting House;52.5000;-1.3000;christian;quaker;;\n");
    assert_int_equal(p.updated, 1);
    assert_int_equal(p.gone, 1);
    s = seen(r, "node/1", &SITES_ADMIN);
    assert_true(str_is_equal(s->name, STR("St Mary the Virgin")));
    assert_true(has_name(s, "St Mary's Church"));
    assert_false(has_name(s, "Saint Mary"));
    assert_int_equal(s->visibility, VISIBILITY_HIDDEN);
    assert_null(seen(r, "r1", &VIEWER_PUBLIC));
    assert_true(uuid_is_equal(seen(r, "r1", &SITES_ADMIN)->id, s->id));
    s = seen(r, "node/2", &VIEWER_PUBLIC);
    assert_false(has_name(s, "Мечеть Централ"));
    assert_true(str_is_equal(s->status, STR("present")));
    assert_int_equal(run(r, true).joined, 0);
    /* what the record would be alone is what it says now; hidden since, so both stay hidden */
    struct joins_page page;
    OK(joins_list(r->st, &REVIEWER, STR("joined"), STR_NONE, 10, &r->mem, &page, &r->err));
    assert_int_equal(page.n, 2);
    for (size_t i = 0; i < page.n; i++)
        OK(joins_undo(r->st, &REVIEWER, page.items[i].public_id, STR("two buildings"), &r->err));
    s = seen(r, "r1", &SITES_ADMIN);
    assert_true(str_is_equal(s->name, STR("St Mary the Virgin")) && s->names_n == 1);
    assert_int_equal(s->visibility, VISIBILITY_HIDDEN);
    assert_int_equal(seen(r, "node/1", &SITES_ADMIN)->visibility, VISIBILITY_HIDDEN);
    assert_true(str_is_equal(seen(r, "node/1", &SITES_ADMIN)->name, STR("St Mary's Church")));
    assert_true(str_is_equal(seen(r, "r2", &SITES_ADMIN)->status, STR("gone")));
    assert_int_equal(rows_of(r, "site_own"), 0);
    assert_int_equal(run(r, true).joined, 0); /* J4 */
}

/* The strictest of both; back when they part. */
static void hidden_one(struct registry *r)
{
    two_made(r);
    OK(sites_hide(r->st, seen(r, "r1", &SITES_ADMIN)->id, STR("asked for"), &SITES_ADMIN, &r->err));
    assert_non_null(seen(r, "node/1", &VIEWER_PUBLIC));
    struct sha256 before = bytes_of(r, NULL, 0);
    assert_int_equal(run(r, false).joined, 2);
    assert_null(seen(r, "node/1", &VIEWER_PUBLIC));
    assert_null(seen(r, "r1", &VIEWER_PUBLIC));
    struct joins_page page;
    OK(joins_list(r->st, &REVIEWER, STR("joined"), STR_NONE, 10, &r->mem, &page, &r->err));
    for (size_t i = 0; i < page.n; i++)
        OK(joins_undo(r->st, &REVIEWER, page.items[i].public_id, STR("two buildings"), &r->err));
    assert_non_null(seen(r, "node/1", &VIEWER_PUBLIC));
    assert_null(seen(r, "r1", &VIEWER_PUBLIC));
    assert_true(sha256_is_equal(before, bytes_of(r, NULL, 0)));
}

/* ---- before a person ---- */

static void asked(struct registry *r)
{
    import_as(r, "osm", "node/1;St Mary's Church;51.5000;-0.1000;christian;;;\n");
    import_as(r, "register", "r1;;51.5010;-0.1000;christian;;;\n");
    struct joins_report p = run(r, false);
    assert_int_equal(p.joined, 0);
    assert_int_equal(p.opened, 1);
    assert_int_equal(run(r, true).opened, 0); /* asked once */
    struct join_pair q = the_pair(r, "open");
    assert_true(str_contains(q.reasons, STR("\"distance\"")));
    struct joins_page page;
    assert_int_equal(joins_list(r->st, &VIEWER_PUBLIC, STR("open"), STR_NONE, 10, &r->mem, &page, &r->err), RC_DENIED);
    assert_int_equal(joins_decide(r->st, &NAMELESS, q.public_id, true, STR("same"), &r->err), RC_DENIED);
    assert_int_equal(joins_decide(r->st, &SOMEBODY, q.public_id, true, STR("same"), &r->err), RC_DENIED);
    assert_int_equal(joins_decide(r->st, &REVIEWER, q.public_id, false, STR("  "), &r->err), RC_INVALID);
    assert_int_equal(joins_undo(r->st, &REVIEWER, q.public_id, STR("why"), &r->err), RC_CONFLICT);
    OK(joins_decide(r->st, &REVIEWER, q.public_id, true, STR_NONE, &r->err));
    assert_int_equal(joins_decide(r->st, &REVIEWER, q.public_id, true, STR_NONE, &r->err), RC_CONFLICT);
    assert_true(uuid_is_equal(seen(r, "r1", &VIEWER_PUBLIC)->id, seen(r, "node/1", &VIEWER_PUBLIC)->id));
    OK(joins_undo(r->st, &REVIEWER, q.public_id, STR("I went there"), &r->err));
    assert_false(uuid_is_equal(seen(r, "r1", &VIEWER_PUBLIC)->id, seen(r, "node/1", &VIEWER_PUBLIC)->id));
    assert_int_equal(pairs_n(r, "separate"), 1);
    p = run(r, true);
    assert_int_equal(p.joined + p.opened, 0);
}

static void decided_two(struct registry *r)
{
    two_made(r);
    assert_int_equal(run(r, false).joined, 2);
    struct joins_page page;
    OK(joins_list(r->st, &REVIEWER, STR("joined"), STR_NONE, 1, &r->mem, &page, &r->err));
    assert_int_equal(page.n, 1);
    assert_true(page.next.n > 0);
    OK(joins_undo(r->st, &REVIEWER, page.items[0].public_id, STR("two buildings"), &r->err));
    struct joins_page rest;
    OK(joins_list(r->st, &REVIEWER, STR("joined"), page.next, 1, &r->mem, &rest, &r->err));
    assert_int_equal(rest.n, 1);
    assert_false(uuid_is_equal(rest.items[0].id, page.items[0].id));
    assert_int_equal(run(r, true).joined, 0);
    assert_int_equal(pairs_n(r, "joined"), 1);
}

static void one_source_alone(struct registry *r)
{
    import_as(r, "osm", "node/1;St Mary;51.5;-0.1;christian;;Q1;\nnode/2;St Mary;51.5;-0.1;christian;;Q1;\n");
    struct joins_report p = run(r, true);
    assert_int_equal(p.joined + p.opened + p.candidates, 0);
    /* a third, from elsewhere, is one of the two: nobody knows which */
    import_as(r, "register", "r1;St Mary;51.5;-0.1;christian;;Q1;\n");
    p = run(r, true);
    assert_int_equal(p.joined, 0);
    assert_int_equal(p.opened, 2);
}

#define EACH(name)                                                                                                     \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        on_each_engine(name);                                                                                          \
    }
EACH(apart_again)
EACH(one_site)
EACH(incremental)
EACH(next_edition)
EACH(hidden_one)
EACH(asked)
EACH(decided_two)
EACH(one_source_alone)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_site),
                                       cmocka_unit_test(test_incremental),
                                       cmocka_unit_test(test_next_edition),
                                       cmocka_unit_test(test_hidden_one),
                                       cmocka_unit_test(test_asked),
                                       cmocka_unit_test(test_decided_two),
                                       cmocka_unit_test(test_one_source_alone),
                                       cmocka_unit_test(test_apart_again)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    areas_free(areas_loaded);
    return failed;
}
