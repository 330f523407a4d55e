/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Features: filters and boxes against a plain evaluation of what is shown, on both engines; what is guarded stays so.
 */
#include "sites_fixture.h"

#include "base/rng.h"
#include "geo/geo.h"
#include "sites/site_features_int.h"
#include "sites/visibility.h"

enum { SHOWN_MAX = 1000, FILTERS = 60, BOXES = 40 };

/* Three sites without a place or a faith or a kind's usual word, so that null is met. */
static const char EXTRA[] =
    "{\"type\":\"FeatureCollection\",\"features\":["
    "{\"type\":\"Feature\",\"id\":\"node/1\",\"properties\":{\"amenity\":\"place_of_worship\"},"
    "\"geometry\":{\"type\":\"Point\",\"coordinates\":[-179.95,-16.5]}},"
    "{\"type\":\"Feature\",\"id\":\"node/2\",\"properties\":{\"amenity\":\"place_of_worship\",\"religion\":\"jewish\","
    "\"name\":\"100% [a]*_\\\\? \\u00e9\"},\"geometry\":null},"
    "{\"type\":\"Feature\",\"id\":\"node/3\",\"properties\":{\"amenity\":\"place_of_worship\",\"name\":\"\\u5bfa\"},"
    "\"geometry\":{\"type\":\"Point\",\"coordinates\":[179.95,-16.5]}}]}";

/* ---- a plain evaluation ---- */

enum truth { NO, YES, UNKNOWN };

static enum truth not_of(enum truth t)
{
    return t == UNKNOWN ? t : t == YES ? NO : YES;
}

static size_t char_bytes(struct str s)
{
    size_t n = 1;
    while (n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static bool like(struct str s, struct str p)
{
    if (p.n == 0)
        return s.n == 0;
    if (p.p[0] == '%')
        return like(s, str_slice(p, 1, p.n)) || (s.n && like(str_slice(s, char_bytes(s), s.n), p));
    if (s.n == 0)
        return false;
    if (p.p[0] == '_')
        return like(str_slice(s, char_bytes(s), s.n), str_slice(p, 1, p.n));
    if (p.p[0] == '\\' && p.n > 1)
        p = str_slice(p, 1, p.n);
    return s.p[0] == p.p[0] && like(str_slice(s, 1, s.n), str_slice(p, 1, p.n));
}

static struct str property_of(const struct site *s, struct str name)
{
    return str_is_equal(name, STR("faith")) ? s->religion : str_is_equal(name, STR("kind")) ? s->kind : s->name;
}

static enum truth predicate(const struct cql *c, const struct site *s)
{
    struct str v = property_of(s, c->property);
    bool is_null = str_is_empty(v), holds = false;
    if (c->op == CQL_IS_NULL)
        return is_null != c->is_negated ? YES : NO;
    if (is_null)
        return UNKNOWN;
    for (size_t i = 0; i < c->values_n; i++) {
        int order = str_compare(v, c->values[i].text);
        switch (c->op) {
        case CQL_LIKE:
            holds = like(v, c->values[i].text);
            break;
        case CQL_NOT_EQUAL:
            holds = order != 0;
            break;
        case CQL_LESS:
            holds = order < 0;
            break;
        case CQL_LESS_EQUAL:
            holds = order <= 0;
            break;
        case CQL_GREATER:
            holds = order > 0;
            break;
        case CQL_GREATER_EQUAL:
            holds = order >= 0;
            break;
        default:
            holds = holds || order == 0;
        }
    }
    return holds != c->is_negated ? YES : NO;
}

static enum truth truth_of(const struct cql *c, const struct site *s)
{
    if (c->op >= CQL_EQUAL)
        return predicate(c, s);
    if (c->op == CQL_TRUE || c->op == CQL_FALSE)
        return c->op == CQL_TRUE ? YES : NO;
    if (c->op == CQL_NOT)
        return not_of(truth_of(c->first, s));
    enum truth sum = c->op == CQL_AND ? YES : NO, decides = c->op == CQL_AND ? NO : YES;
    for (const struct cql *kid = c->first; kid; kid = kid->next) {
        enum truth t = truth_of(kid, s);
        if (t == decides)
            return t;
        sum = t == UNKNOWN ? t : sum;
    }
    return sum;
}

/* ---- the registry ---- */

struct shown {
    struct site sites[SHOWN_MAX];
    size_t n;
};

static void read_all(struct registry *r, const struct features_query *q, size_t limit, struct shown *out)
{
    struct features_page page;
    struct str cursor = STR_NONE;
    int64_t matched = -1;
    out->n = 0;
    do {
        OK(features_list(r->st, q, cursor, limit, &r->mem, &page, &r->err));
        bool is_counted = str_is_empty(cursor) && (str_is_empty(page.next) || !features_reads_names(q));
        assert_true(page.n <= limit && (page.matched >= 0) == is_counted);
        matched = page.matched >= 0 ? page.matched : matched;
        for (size_t i = 0; i < page.n; i++)
            out->sites[out->n++] = page.sites[i];
        cursor = page.next;
    } while (!str_is_empty(cursor));
    assert_true(matched < 0 || (int64_t)out->n == matched);
}

static struct site *external(struct registry *r, const char *id)
{
    struct site *s;
    OK(sites_find_external(r->st, str_of(id), &SITES_ADMIN, &r->mem, &s, &r->err));
    return s;
}

/* The seed, the extras, one hidden, one coarse, one country closed. */
static void fill(struct registry *r)
{
    struct sites_import_report p;
    OK(import_path(r, in_tree(r, "data/seed/sites.csv"), "", false, &p, NULL));
    OK(import_path(r, written(r, "extra.geojson", EXTRA, sizeof EXTRA - 1), "extra", false, &p, NULL));
    assert_int_equal(p.added, 3);
    OK(sites_hide(r->st, external(r, "sagrada-familia-barcelona")->id, STR("test"), &SITES_ADMIN, &r->err));
    OK(sites_set_visibility(r->st, external(r, "st-peters-basilica")->id, VISIBILITY_COARSE, STR("test"), &SITES_ADMIN,
                            &r->err));
}

static bool has(const struct shown *s, struct uuid id)
{
    for (size_t i = 0; i < s->n; i++)
        if (uuid_is_equal(s->sites[i].id, id))
            return true;
    return false;
}

/* ---- filters ---- */

static void add_text(struct buf *b, struct str s)
{
    buf_add_char(b, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'')
            buf_add_char(b, '\'');
        buf_add_char(b, s.p[i]);
    }
    buf_add_char(b, '\'');
}

/* A name with wildcards in it, cut between characters. */
static struct str pattern_from(struct registry *r, struct prng *rng, struct str name)
{
    struct buf b;
    buf_init(&b, 0);
    for (struct str rest = name; rest.n;) {
        size_t n = char_bytes(rest);
        uint64_t dice = prng_below(rng, 12);
        if (dice == 0)
            buf_add_char(&b, '_');
        else if (dice == 1)
            buf_add_char(&b, '%');
        else if (dice > 2 || b.n == 0) {
            if (strchr("%_\\", rest.p[0]) && dice % 2)
                buf_add_char(&b, '\\');
            buf_add(&b, rest.p, n);
        } else {
            break;
        }
        rest = str_slice(rest, n, rest.n);
    }
    buf_add_z(&b, prng_below(rng, 2) ? "%" : "");
    struct str out = str_copy(&r->mem, buf_str(&b));
    buf_fini(&b);
    size_t wild = 0;
    for (size_t i = 0; i < out.n; i++)
        wild += out.p[i] == '%';
    return wild > FEATURES_WILDCARDS_MAX || str_ends_with(out, STR("\\")) ? STR("%a%") : out;
}

static void add_predicate(struct registry *r, struct prng *rng, const struct shown *all, struct buf *b)
{
    static const char *const NAMES[] = {"faith", "kind", "name"};
    static const char *const SIGNS[] = {"=", "<>", "<", "<=", ">", ">="};
    const char *name = NAMES[prng_below(rng, 3)];
    struct str v = property_of(&all->sites[prng_below(rng, all->n)], str_of(name));
    bool negated = prng_below(rng, 3) == 0;
    buf_add_z(b, name);
    switch (prng_below(rng, 4)) {
    case 0:
        buf_add_z(b, negated ? " IS NOT NULL" : " IS NULL");
        return;
    case 1:
        buf_add_z(b, negated ? " NOT LIKE " : " LIKE ");
        add_text(b, pattern_from(r, rng, v));
        return;
    case 2:
        buf_add_z(b, negated ? " NOT IN (" : " IN (");
        add_text(b, v);
        for (uint64_t i = prng_below(rng, 4); i > 0; i--) {
            buf_add_z(b, ",");
            add_text(b, property_of(&all->sites[prng_below(rng, all->n)], str_of(name)));
        }
        buf_add_z(b, ")");
        return;
    default:
        buf_printf(b, " %s ", SIGNS[prng_below(rng, 6)]);
        add_text(b, v);
    }
}

static void add_expression(struct registry *r, struct prng *rng, const struct shown *all, struct buf *b, int depth)
{
    uint64_t dice = prng_below(rng, 4);
    if (depth == 0 || dice == 3) {
        add_predicate(r, rng, all, b);
        return;
    }
    buf_add_z(b, dice == 2 ? "NOT (" : "(");
    add_expression(r, rng, all, b, depth - 1);
    for (uint64_t i = dice == 2 ? 0 : 1 + prng_below(rng, 2); i > 0; i--) {
        buf_add_z(b, dice ? " AND " : " OR ");
        add_expression(r, rng, all, b, depth - 1);
    }
    buf_add_z(b, ")");
}

static void filters(struct registry *r)
{
    struct shown *all = ARENA_NEW(&r->mem, struct shown), *got = ARENA_NEW(&r->mem, struct shown);
    struct features_query none = {0};
    struct prng rng;
    uint64_t seed = getenv("FANE_SEED") ? strtoull(getenv("FANE_SEED"), NULL, 10) : (uint64_t)clock_now().us;
    struct buf b;
    fprintf(stderr, "FANE_SEED=%llu\n", (unsigned long long)seed);
    prng_seed(&rng, seed);
    read_all(r, &none, 97, all);
    int64_t some = 0;
    for (int i = 0; i < FILTERS; i++) {
        struct features_query q = {0};
        size_t want = 0;
        buf_init(&b, 0);
        add_expression(r, &rng, all, &b, 3);
        OK(cql_parse(buf_str(&b), &r->mem, &q.filter, &r->err));
        read_all(r, &q, 211, got);
        for (size_t k = 0; k < all->n; k++) {
            bool holds = truth_of(q.filter, &all->sites[k]) == YES;
            want += holds;
            if (holds != has(got, all->sites[k].id))
                fail_msg(STR_FMT ": %s " STR_FMT, STR_ARG(buf_str(&b)), holds ? "misses" : "gives",
                         STR_ARG(all->sites[k].name));
        }
        assert_int_equal(got->n, want);
        some += want > 0 && want < all->n;
        buf_fini(&b);
    }
    assert_true(some > FILTERS / 4);
}

/* By hand: what the random ones may not hit. */
static void meanings(struct registry *r)
{
    static const struct {
        const char *filter;
        int n; /* -1: more than none */
    } CASES[] = {{"name = '100% [a]*_\\? \xc3\xa9'", 1},
                 {"name LIKE '100\\% [a]*\\_\\\\? _'", 1},
                 {"name LIKE '100%_\xc3\xa9'", 1},
                 {"name LIKE '100\\%%[a]_%'", 1},
                 {"name LIKE '100\\%_(a)%'", 0},
                 {"name LIKE '_' AND faith IS NULL", 1},
                 {"name LIKE '*'", 0},
                 {"name IS NULL", 1},
                 {"name = ''", 0},
                 {"faith IS NULL AND NOT faith = 'jewish'", 0},
                 {"faith IS NULL AND (NOT faith = 'jewish' OR TRUE)", 2},
                 {"name LIKE 'st peter%'", 0},
                 {"name LIKE 'St Peter%'", -1},
                 {"name LIKE '%Sagrada Fam%'", 0}, /* hidden */
                 {"FALSE", 0}};
    struct shown *got = ARENA_NEW(&r->mem, struct shown);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct features_query q = {0};
        OK(cql_parse(str_of(CASES[i].filter), &r->mem, &q.filter, &r->err));
        read_all(r, &q, 100, got);
        if (CASES[i].n < 0 ? got->n == 0 : (int)got->n != CASES[i].n)
            fail_msg("%s: %zu", CASES[i].filter, got->n);
    }
    struct features_query equal = {.faith = STR("jewish"), .name = STR("100% [a]*_\\? \xc3\xa9")};
    read_all(r, &equal, 100, got);
    assert_int_equal(got->n, 1);
}

static void refused(struct registry *r)
{
    static const char *const FILTERS_BAD[] = {
        "wikidata = 'Q1'", "lat > 5",         "faith = 5",         "name > DATE('2026')",
        "s.search = 'x'",  "\"name'\" = 'x'", "visibility <> 'a'", "name LIKE '%%%%%%%%%%%'"};
    struct features_page page;
    for (size_t i = 0; i < sizeof FILTERS_BAD / sizeof FILTERS_BAD[0]; i++) {
        struct features_query q = {0};
        OK(cql_parse(str_of(FILTERS_BAD[i]), &r->mem, &q.filter, &r->err));
        enum rc rc = features_list(r->st, &q, STR_NONE, 10, &r->mem, &page, &r->err);
        if (rc != RC_INVALID && rc != RC_TOO_LARGE)
            fail_msg("%s: %s", FILTERS_BAD[i], rc_name(rc));
    }
}

/* ---- boxes, and what is guarded ---- */

static void boxes(struct registry *r)
{
    struct shown *all = ARENA_NEW(&r->mem, struct shown), *got = ARENA_NEW(&r->mem, struct shown);
    struct features_query none = {0};
    struct prng rng;
    prng_seed(&rng, 7);
    read_all(r, &none, 1000, all);
    for (int i = 0; i < BOXES; i++) {
        double a = prng_unit(&rng) * 360 - 180, b = prng_unit(&rng) * 360 - 180;
        double c = prng_unit(&rng) * 180 - 90, d = prng_unit(&rng) * 180 - 90;
        struct features_query q = {.has_box = true, .box = {a, c < d ? c : d, b, c < d ? d : c}}; /* a > b: over 180 */
        if (i == 0)
            q.box = (struct geo_box){179, -17, -179, -16};
        read_all(r, &q, 50, got);
        for (size_t k = 0; k < all->n; k++) {
            const struct site *s = &all->sites[k];
            bool holds = !s->has_place || geo_box_contains(&q.box, (struct geo_point){s->lat_deg, s->lon_deg});
            assert_int_equal(holds, has(got, s->id));
        }
        assert_true(i > 0 || got->n == 3); /* both sides of the antimeridian, and the one without a place */
    }
}

static void guarded(struct registry *r)
{
    struct shown *all = ARENA_NEW(&r->mem, struct shown);
    struct features_query q = {0};
    struct site *coarse = external(r, "st-peters-basilica"), *hidden = external(r, "sagrada-familia-barcelona");
    read_all(r, &q, 500, all);
    assert_true(has(all, coarse->id) && !has(all, hidden->id));
    q.has_box = true;
    q.box = (struct geo_box){coarse->lon_deg - 1e-4, coarse->lat_deg - 1e-4, coarse->lon_deg + 1e-4,
                             coarse->lat_deg + 1e-4};
    read_all(r, &q, 500, all);
    assert_false(has(all, coarse->id)); /* its true place finds nothing */
    for (size_t i = 0; i < all->n; i++)
        assert_false(all->sites[i].has_place && all->sites[i].is_coarse);
    const struct country_change italy = {.iso2 = STR("IT"), .reason = STR("test")};
    const struct features_query any = {0};
    bool changed;
    read_all(r, &any, 500, all);
    size_t before = all->n, italian = 0;
    for (size_t i = 0; i < all->n; i++)
        italian += str_is_equal(all->sites[i].country, STR("IT"));
    assert_true(italian > 0);
    OK(country_set(r->st, &italy, &SITES_ADMIN, &changed, &r->err));
    read_all(r, &any, 500, all);
    assert_int_equal(all->n, before - italian);
}

/* A cursor of a hidden site reads as one of no site at all. */
static void cursors(struct registry *r)
{
    struct features_query q = {0};
    struct features_page first, page, other;
    OK(features_list(r->st, &q, STR_NONE, 5, &r->mem, &first, &r->err));
    assert_true(first.next.n == 48);
    struct str hidden = str_copy(&r->mem, first.next), made_up = str_copy(&r->mem, first.next);
    struct str id = str_hex(&r->mem, external(r, "sagrada-familia-barcelona")->public_id.b, 16);
    memcpy((char *)(uintptr_t)hidden.p + 16, id.p, 32);
    memcpy((char *)(uintptr_t)made_up.p + 16, "00000000000040008000000000000000", 32);
    OK(features_list(r->st, &q, hidden, 5, &r->mem, &page, &r->err));
    OK(features_list(r->st, &q, made_up, 5, &r->mem, &other, &r->err));
    assert_int_equal(page.n, other.n);
    for (size_t i = 0; i < page.n; i++)
        assert_true(uuid_is_equal(page.sites[i].id, other.sites[i].id));
    assert_int_equal(features_list(r->st, &q, STR("junk"), 5, &r->mem, &page, &r->err), RC_INVALID);
}

/* One registry for all: filling it is what costs. */
static void answers(struct registry *r)
{
    fill(r);
    filters(r);
    meanings(r);
    refused(r);
    boxes(r);
    cursors(r);
    guarded(r); /* last: it closes a country */
}

static void test_answers(void **s)
{
    (void)s;
    on_each_engine(answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
