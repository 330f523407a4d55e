/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Who may see a site, on both stores: narrowing and widening, precision, reviews, countries, the guard of imports, and
 * rows of an older grid.
 */
#include "sites_fixture.h"

#include "base/rng.h"
#include "sites/visibility.h"
#include "sites/visibility_int.h"

static const struct viewer COORDINATOR = {.account = {{2}}, .role = ROLE_COORDINATOR};
static const struct viewer OTHER = {.account = {{3}}, .role = ROLE_COORDINATOR};
static const struct viewer OPERATOR = {.role = ROLE_ADMINISTRATOR};
static const struct viewer REVIEWER = {.account = {{4}}, .role = ROLE_REVIEWER};

#define MAP                                                                                                            \
    "{\"fields\":{\"id\":\"id\",\"name\":\"name\",\"lat\":\"lat\",\"lon\":\"lon\",\"religion\":\"religion\","          \
    "\"country\":\"country\"},\"constant\":{\"class\":\"place_of_worship\"}}"

/* rows: "id,name,lat,lon,religion,country" lines */
static struct sites_import_report import_rows(struct registry *r, const char *rows)
{
    struct sites_import_report p;
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, "id,name,lat,lon,religion,country\n%s", rows);
    const char *path = written(r, "rows.csv", b.p, b.n);
    struct sites_file_options o = {.map = written(r, "map.json", MAP, sizeof MAP - 1)};
    o.import.source = STR("rows");
    o.import.temp_dir = r->dir;
    OK(sites_import_file(r->st, path, &o, &p, &r->err));
    buf_fini(&b);
    return p;
}

static struct site *seen(struct registry *r, const char *external_id, const struct viewer *viewer)
{
    struct site *s = NULL;
    enum rc rc = sites_find_external(r->st, str_of(external_id), viewer, &r->mem, &s, &r->err);
    assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
    return rc == RC_OK ? s : NULL;
}

static int64_t counted(struct registry *r, const struct viewer *viewer)
{
    struct sites_page page;
    OK(sites_list(r->st, NULL, viewer, STR_NONE, 100, true, &r->mem, &page, &r->err));
    assert_int_equal(page.matched, page.n);
    return page.matched;
}

static struct visibility_done set(struct registry *r, const char *id, enum visibility to, int coarse_m,
                                  const struct viewer *who)
{
    struct visibility_done done;
    struct visibility_change c = {
        .site = seen(r, id, &SITES_ADMIN)->id, .to = to, .coarse_m = coarse_m, .reason = STR("asked for")};
    OK(visibility_set(r->st, &c, who, &done, &r->err));
    return done;
}

static enum rc try_set(struct registry *r, const char *id, enum visibility to, int coarse_m, const struct viewer *who)
{
    struct visibility_done done;
    struct visibility_change c = {
        .site = seen(r, id, &SITES_ADMIN)->id, .to = to, .coarse_m = coarse_m, .reason = STR("asked for")};
    return visibility_set(r->st, &c, who, &done, &r->err);
}

/* ---- narrowing, widening, precision ---- */

static void narrow_and_widen(struct registry *r)
{
    import_rows(r, "a,One,51.5,-0.1,christian,GB\nb,Two,51.6,-0.2,jewish,GB\n");
    assert_int_equal(try_set(r, "a", VISIBILITY_HIDDEN, 0, &REVIEWER), RC_DENIED);
    assert_int_equal(try_set(r, "a", VISIBILITY_COARSE, 2000, &COORDINATOR), RC_INVALID);
    struct visibility_done d = set(r, "a", VISIBILITY_COARSE, 1000, &COORDINATOR);
    assert_true(d.is_changed && !uuid_is_nil(d.review));
    struct site *s = seen(r, "a", &VIEWER_PUBLIC);
    struct policy_cell cell = policy_cell_of(51.5, -0.1, 1000);
    assert_true(s->is_coarse && s->lat_deg == cell.lat_deg && s->lon_deg == cell.lon_deg &&
                s->precision_m == cell.reach_m);
    d = set(r, "a", VISIBILITY_COARSE, 50000, &COORDINATOR); /* a wider cell is less */
    assert_true(d.is_changed);
    cell = policy_cell_of(51.5, -0.1, 50000);
    s = seen(r, "a", &VIEWER_PUBLIC);
    assert_true(s->lat_deg == cell.lat_deg && s->lon_deg == cell.lon_deg);
    assert_int_equal(try_set(r, "a", VISIBILITY_COARSE, 10000, &COORDINATOR), RC_DENIED);
    d = set(r, "a", VISIBILITY_HIDDEN, 0, &COORDINATOR);
    assert_null(seen(r, "a", &VIEWER_PUBLIC));
    assert_int_equal(counted(r, &VIEWER_PUBLIC), 1);
    assert_int_equal(counted(r, &REVIEWER), 2);
    d = set(r, "a", VISIBILITY_HIDDEN, 0, &COORDINATOR);
    assert_true(!d.is_changed && uuid_is_nil(d.review)); /* so already: nothing written */
    assert_int_equal(rows_of(r, "site_visibility"), 3);
    assert_int_equal(try_set(r, "a", VISIBILITY_PUBLIC, 0, &COORDINATOR), RC_DENIED);
    d = set(r, "a", VISIBILITY_PUBLIC, 0, &SITES_ADMIN);
    assert_true(d.is_changed && uuid_is_nil(d.review));
    assert_true(seen(r, "a", &VIEWER_PUBLIC)->lat_deg == 51.5);
    assert_int_equal(counted(r, &VIEWER_PUBLIC), 2);
}

/* The place moves with its source; the precision that people chose stays. */
static void precision_stays(struct registry *r)
{
    import_rows(r, "a,One,51.5,-0.1,christian,GB\nb,Two,41.6,12.2,jewish,IT\n");
    set(r, "a", VISIBILITY_COARSE, 50000, &SITES_ADMIN);
    set(r, "b", VISIBILITY_COARSE, 1000, &SITES_ADMIN);
    import_rows(r, "a,One,52.9,-1.1,christian,GB\nb,Two,42.6,13.2,jewish,IT\n");
    const struct {
        const char *id;
        double lat, lon;
        int m;
    } NOW[] = {{"a", 52.9, -1.1, 50000}, {"b", 42.6, 13.2, 1000}};
    for (size_t i = 0; i < 2; i++) {
        struct policy_cell cell = policy_cell_of(NOW[i].lat, NOW[i].lon, NOW[i].m);
        struct site *s = seen(r, NOW[i].id, &VIEWER_PUBLIC);
        assert_true(s->lat_deg == cell.lat_deg && s->lon_deg == cell.lon_deg);
        struct sites_page page;
        struct sites_filter f = {
            .has_box = true,
            .box = {cell.lon_deg - 1e-5, cell.lat_deg - 1e-5, cell.lon_deg + 1e-5, cell.lat_deg + 1e-5}};
        OK(sites_list(r->st, &f, &VIEWER_PUBLIC, STR_NONE, 10, true, &r->mem, &page, &r->err));
        assert_int_equal(page.matched, 1); /* listed where it is shown */
    }
}

/* ---- reviews ---- */

static struct visibility_page reviews(struct registry *r, const char *state)
{
    struct visibility_page p;
    OK(visibility_reviews(r->st, &REVIEWER, str_of(state), STR_NONE, 50, &r->mem, &p, &r->err));
    return p;
}

static enum rc decide(struct registry *r, struct uuid review, bool keep, const struct viewer *who)
{
    struct uuid site;
    struct visibility_verdict v = {.review = review, .keep = keep, .reason = STR("looked at")};
    return visibility_decide(r->st, &v, who, &site, &r->err);
}

static void reviewed_afterwards(struct registry *r)
{
    struct visibility_page p;
    import_rows(r, "a,One,51.5,-0.1,christian,GB\nb,Two,51.6,-0.2,jewish,GB\n");
    struct uuid first = set(r, "a", VISIBILITY_HIDDEN, 0, &COORDINATOR).review;
    struct uuid second = set(r, "b", VISIBILITY_COARSE, 5000, &COORDINATOR).review;
    assert_int_equal(visibility_reviews(r->st, &VIEWER_PUBLIC, STR("open"), STR_NONE, 50, &r->mem, &p, &r->err),
                     RC_DENIED);
    p = reviews(r, "open");
    assert_int_equal(p.n, 2);
    assert_true(uuid_is_equal(p.items[0].id, first) && p.items[0].back == VISIBILITY_PUBLIC);
    OK(visibility_reviews(r->st, &REVIEWER, STR("open"), STR_NONE, 1, &r->mem, &p, &r->err));
    assert_true(p.n == 1 && p.next.n);
    OK(visibility_reviews(r->st, &REVIEWER, STR("open"), p.next, 1, &r->mem, &p, &r->err));
    assert_true(p.n == 1 && p.next.n == 0 && uuid_is_equal(p.items[0].id, second));
    assert_int_equal(decide(r, first, false, &COORDINATOR), RC_DENIED); /* not the one that asked */
    assert_int_equal(decide(r, first, false, &REVIEWER), RC_DENIED);
    assert_int_equal(decide(r, first, false, &OPERATOR), RC_DENIED); /* a person answers */
    OK(decide(r, first, false, &OTHER));
    assert_int_equal(seen(r, "a", &VIEWER_PUBLIC)->visibility, VISIBILITY_PUBLIC);
    assert_int_equal(decide(r, first, true, &OTHER), RC_CONFLICT);
    set(r, "b", VISIBILITY_HIDDEN, 0, &COORDINATOR);
    assert_int_equal(decide(r, second, false, &OTHER), RC_CONFLICT); /* hidden since: that comes first */
    assert_null(seen(r, "b", &VIEWER_PUBLIC));
    OK(decide(r, second, true, &OTHER));
    assert_int_equal(reviews(r, "open").n, 1);
    assert_int_equal(reviews(r, "").n, 3);
}

/* ---- countries ---- */

static void countries(struct registry *r)
{
    bool changed;
    struct country_closed *closed;
    size_t n;
    struct sites_filter gb = {.country = STR("GB")};
    struct sites_page page;
    import_rows(r, "a,One,51.5,-0.1,christian,GB\nb,Two,51.6,-0.2,jewish,GB\nc,Three,41.9,12.5,christian,IT\n");
    struct country_change close = {STR("GB"), false, STR("an order of the court")},
                          open = {STR("GB"), true, STR("lifted")};
    assert_int_equal(country_set(r->st, &close, &COORDINATOR, &changed, &r->err), RC_DENIED);
    close.iso2 = STR("gb");
    assert_int_equal(country_set(r->st, &close, &SITES_ADMIN, &changed, &r->err), RC_INVALID);
    close.iso2 = STR("GB");
    OK(country_set(r->st, &close, &SITES_ADMIN, &changed, &r->err));
    assert_true(changed);
    assert_null(seen(r, "a", &VIEWER_PUBLIC));
    assert_non_null(seen(r, "a", &REVIEWER));
    assert_int_equal(counted(r, &VIEWER_PUBLIC), 1);
    assert_int_equal(counted(r, &REVIEWER), 3);
    OK(sites_list(r->st, &gb, &VIEWER_PUBLIC, STR_NONE, 10, true, &r->mem, &page, &r->err));
    assert_int_equal(page.matched + (int64_t)page.n, 0);
    int64_t count, change;
    OK(sites_public_state(r->st, &count, &change, &r->err));
    assert_int_equal(count, 1);
    import_rows(
        r,
        "a,One,51.5,-0.1,christian,GB\nb,Two B,51.6,-0.2,jewish,GB\nc,Three,41.9,12.5,christian,IT\nd,Four,51.7,-0.2,,GB\n");
    assert_int_equal(counted(r, &VIEWER_PUBLIC), 1); /* of later imports, too */
    OK(countries_closed(r->st, &REVIEWER, &r->mem, &closed, &n, &r->err));
    assert_true(n == 1 && str_is_equal(closed[0].iso2, STR("GB")) && closed[0].sites == 3);
    OK(country_set(r->st, &close, &SITES_ADMIN, &changed, &r->err));
    assert_false(changed);
    set(r, "a", VISIBILITY_HIDDEN, 0, &COORDINATOR);
    OK(country_set(r->st, &open, &SITES_ADMIN, &changed, &r->err));
    assert_int_equal(counted(r, &VIEWER_PUBLIC), 3); /* all but the hidden one */
    assert_int_equal(rows_of(r, "country_switch"), 2);
}

/* ---- what comes in again ---- */

static void comes_again(struct registry *r)
{
    import_rows(
        r,
        "n1,Grace Prayer Hall,51.5000,-0.1000,christian,GB\nn2,,51.5200,-0.1000,sikh,GB\nn3,Open Church,51.6,-0.1,christian,GB\n");
    set(r, "n1", VISIBILITY_HIDDEN, 0, &COORDINATOR);
    set(r, "n2", VISIBILITY_COARSE, 5000, &COORDINATOR);
    /* the next edition has new ids, and the places drawn anew */
    struct sites_import_report p =
        import_rows(r, "w1,Grace Prayer Hall,51.5005,-0.1003,christian,GB\nw2,,51.5203,-0.1001,sikh,GB\n"
                       "w3,Open Church,51.6,-0.1,christian,GB\nw4,Prayer Hall: Grace,51.5010,-0.1000,,GB\n"
                       "w5,Central Mosque,51.5002,-0.1001,muslim,GB\nw6,,51.5201,-0.1001,jewish,GB\n"
                       "w7,Grace Prayer Hall,51.5100,-0.1000,christian,GB\n");
    assert_int_equal(p.added, 7);
    assert_int_equal(p.gone, 3);
    static const struct {
        const char *id;
        enum visibility is;
    } WANT[] = {{"w1", VISIBILITY_HIDDEN}, {"w2", VISIBILITY_COARSE}, {"w3", VISIBILITY_PUBLIC},
                {"w4", VISIBILITY_HIDDEN}, {"w5", VISIBILITY_PUBLIC}, {"w6", VISIBILITY_PUBLIC},
                {"w7", VISIBILITY_PUBLIC}}; /* 1.1 km off */
    for (size_t i = 0; i < sizeof WANT / sizeof *WANT; i++)
        if (seen(r, WANT[i].id, &SITES_ADMIN)->visibility != WANT[i].is)
            fail_msg("%s: %d", WANT[i].id, (int)seen(r, WANT[i].id, &SITES_ADMIN)->visibility);
    assert_null(seen(r, "w1", &VIEWER_PUBLIC));
    struct policy_cell cell = policy_cell_of(51.5203, -0.1001, 5000);
    struct site *s = seen(r, "w2", &VIEWER_PUBLIC);
    assert_true(s->is_coarse && s->coarse_m == 5000 && s->lat_deg == cell.lat_deg && s->lon_deg == cell.lon_deg);
    struct visibility_page q = reviews(r, "open");
    int like = 0;
    struct uuid w4 = {{0}};
    for (size_t i = 0; i < q.n; i++) {
        like += str_is_equal(q.items[i].why, STR("like_guarded"));
        if (uuid_is_equal(q.items[i].site, seen(r, "w4", &SITES_ADMIN)->id))
            w4 = q.items[i].id;
    }
    assert_int_equal(like, 3);
    OK(decide(r, w4, false, &COORDINATOR)); /* it was another one: shown as it would have been */
    assert_int_equal(seen(r, "w4", &VIEWER_PUBLIC)->visibility, VISIBILITY_PUBLIC);
    p = import_rows(r, "n1,Grace Prayer Hall,51.5000,-0.1000,christian,GB\n"); /* the old id comes back */
    assert_null(seen(r, "n1", &VIEWER_PUBLIC));
}

/* Names in two scripts are not compared: near and of one faith is enough. Scans find nothing that a nearer look finds not. */
static void likeness(struct registry *r)
{
    (void)r;
    static const struct {
        const char *guarded, *religion, *name, *faith;
        double north_m;
        bool want;
    } ROWS[] = {
        {"\nhouse of hope", "christian", "\nhouse of hope", "christian", 390, true},
        {"\nhouse of hope", "christian", "\nhouse of hope", "christian", 410, false},
        {"\nhouse of hope", "christian", "\nhope house", "muslim", 250, true},
        {"\nhouse of hope", "christian", "\nhope house", "christian", 350, false},
        {"\nhouse of hope", "christian", "\nsaint anne", "christian", 10, false},
        {"\nhouse of hope", "christian", "\nsaint anne\nhouse of hope", "christian", 10, true},
        {"\n\xd0\xb4\xd0\xbe\xd0\xbc", "christian", "\nhouse of hope", "christian", 90, true},
        {"\n\xd0\xb4\xd0\xbe\xd0\xbc", "christian", "\nhouse of hope", "jewish", 90, false},
        {"\n\xd0\xb4\xd0\xbe\xd0\xbc", "christian", "\nhouse of hope", "christian", 110, false},
        {"", "christian", "\nhouse of hope", "", 90, true},
        {"", "", "", "", 90, true},
    };
    for (int polar = 0; polar < 4; polar++)
        for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
            static const struct geo_point AT[] = {{51.5, -0.1}, {-16.8, 180}, {78.2, 15.6}, {0, 0}};
            struct guard *g = guard_new(VISIBILITY_PUBLIC);
            struct guarded item = {.at = AT[polar],
                                   .visibility = VISIBILITY_HIDDEN,
                                   .religion = str_of(ROWS[i].religion),
                                   .search = str_of(ROWS[i].guarded),
                                   .id = {{9}}};
            guard_add(g, &item);
            guard_sort(g);
            struct geo_point at = geo_destination(AT[polar], polar == 1 ? 90 : 0, ROWS[i].north_m);
            struct guard_ask ask = {true,
                                    at.lat_deg,
                                    at.lon_deg,
                                    str_of(ROWS[i].faith),
                                    str_of(ROWS[i].name),
                                    VISIBILITY_PUBLIC,
                                    POLICY_PRECISION_DEFAULT_M};
            struct guard_hit hit;
            if (guard_match(g, &ask, &hit) != ROWS[i].want)
                fail_msg("row %zu at %d", i, polar);
            ask.visibility = VISIBILITY_HIDDEN;
            assert_false(guard_match(g, &ask, &hit)); /* as guarded as that already */
            guard_free(g);
        }
}

/* ---- house rules: by name, in any format ---- */

static void born_hidden_by_name(struct registry *r)
{
    static const struct {
        const char *name;
        bool is_hidden;
    } NAMES[] = {
        {"Grace House Church", true},
        {"Old Meeting House Church", false},
        {"House-Church of Peace", true},
        {"Churchill Home Groups Hall", false},
        {"\xe6\x81\xa9\xe5\x85\xb8\xe5\xae\xb6\xe5\xba\xad\xe6\x95\x99\xe4\xbc\x9a", true},
        {"\xd0\x94\xd0\x9e\xd0\x9c\xd0\x90\xd0\xa8\xd0\x9d\xd0\xaf\xd0\xaf \xd1\x86\xd0\xb5\xd1\x80\xd0\xba\xd0\xbe\xd0\xb2\xd1\x8c",
         true},
        {"Saint Anne", false},
        {"", false}};
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        buf_printf(&b, "h%zu,%s,%.1f,10,christian,\n", i, NAMES[i].name, 40.0 + (double)i);
    buf_add_char(&b, '\0');
    import_rows(r, b.p);
    buf_fini(&b);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        const char *id = str_printf(&r->mem, "h%zu", i).p;
        if ((seen(r, id, &VIEWER_PUBLIC) == NULL) != NAMES[i].is_hidden)
            fail_msg("%s", NAMES[i].name);
    }
    set(r, "h0", VISIBILITY_PUBLIC, 0, &SITES_ADMIN); /* people have decided: no rule comes back on it */
    import_rows(r,
                "h0,Grace House Church and Hall,40.0,10,christian,\nh6,House Church of Saint Anne,46,10,christian,\n");
    assert_non_null(seen(r, "h0", &VIEWER_PUBLIC));
    assert_null(seen(r, "h6", &VIEWER_PUBLIC)); /* a source that says so now */
}

/* ---- rows of the grid before this one ---- */

static enum rc old_grid(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql OLD = {
        "UPDATE site SET shown_cell = 5, shown_lat = 1.5, shown_lon = 2.5 WHERE visibility = 1"};
    static const struct store_sql ASK = {"INSERT INTO site_regrid (site) SELECT id FROM site WHERE visibility = 1"};
    (void)ctx;
    TRY(store_exec(tx, &OLD, NULL, 0, NULL, err));
    return store_exec(tx, &ASK, NULL, 0, NULL, err);
}

static void settles(struct registry *r)
{
    import_rows(r, "a,One,51.5,-0.1,christian,GB\nb,Two,41.6,12.2,jewish,IT\n");
    set(r, "a", VISIBILITY_COARSE, 0, &SITES_ADMIN);
    OK(store_write(r->st, old_grid, NULL, &r->err));
    OK(visibility_settle(r->st, &r->err));
    assert_int_equal(rows_of(r, "site_regrid"), 0);
    struct policy_cell cell = policy_cell_of(51.5, -0.1, POLICY_PRECISION_DEFAULT_M);
    struct sites_filter f = {
        .has_box = true, .box = {cell.lon_deg - 1e-5, cell.lat_deg - 1e-5, cell.lon_deg + 1e-5, cell.lat_deg + 1e-5}};
    struct sites_page page;
    OK(sites_list(r->st, &f, &VIEWER_PUBLIC, STR_NONE, 10, true, &r->mem, &page, &r->err));
    assert_int_equal(page.n, 1);
    int64_t change, again, count;
    OK(sites_public_state(r->st, &count, &change, &r->err));
    OK(visibility_settle(r->st, &r->err));
    OK(sites_public_state(r->st, &count, &again, &r->err));
    assert_true(change == again);
}

/* ---- find: what is denied is not there ---- */

static void found_or_not(struct registry *r)
{
    import_rows(r, "a,One,51.5,-0.1,christian,GB\n");
    struct site *s = seen(r, "a", &VIEWER_PUBLIC), *t;
    struct str id = uuid_format(&r->mem, s->public_id), code = code_format(&r->mem, s->code);
    OK(sites_find(r->st, code, &VIEWER_PUBLIC, &r->mem, &t, &r->err));
    set(r, "a", VISIBILITY_HIDDEN, 0, &COORDINATOR);
    assert_int_equal(sites_find(r->st, id, &VIEWER_PUBLIC, &r->mem, &t, &r->err), RC_NOT_FOUND);
    struct str said = str_copy(&r->mem, str_of(r->err.text));
    assert_int_equal(
        sites_find(r->st, STR("00000000-0000-4000-8000-000000000000"), &VIEWER_PUBLIC, &r->mem, &t, &r->err),
        RC_NOT_FOUND);
    assert_true(str_is_equal(said, str_of(r->err.text)));
    assert_int_equal(sites_find(r->st, code, &VIEWER_PUBLIC, &r->mem, &t, &r->err), RC_NOT_FOUND);
    assert_true(str_is_equal(said, str_of(r->err.text)));
    OK(sites_find(r->st, code, &REVIEWER, &r->mem, &t, &r->err));
    struct str who;
    OK(sites_attribution(r->st, &r->mem, &who, &r->err));
    assert_int_equal(who.n, 0); /* nothing of that source is shown */
}

#define EACH(fn)                                                                                                       \
    static void test_##fn(void **state)                                                                                \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        on_each_engine(fn);                                                                                            \
    }
EACH(narrow_and_widen)
EACH(precision_stays)
EACH(reviewed_afterwards)
EACH(countries)
EACH(comes_again)
EACH(likeness)
EACH(born_hidden_by_name)
EACH(settles)
EACH(found_or_not)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_narrow_and_widen),    cmocka_unit_test(test_precision_stays),
        cmocka_unit_test(test_reviewed_afterwards), cmocka_unit_test(test_countries),
        cmocka_unit_test(test_comes_again),         cmocka_unit_test(test_likeness),
        cmocka_unit_test(test_born_hidden_by_name), cmocka_unit_test(test_settles),
        cmocka_unit_test(test_found_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
