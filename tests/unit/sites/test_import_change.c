/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Change files applied to a source, on both engines: what they list and nothing else, the order of versions, places they
 * do not tell, damage. Then real editions: an extract and the change to the next one against the next extract itself.
 */
#include "sites_fixture.h"

#include <sys/stat.h>

#include "sites/import_changes.h"
#include "sites/osm.h"

#define SOURCE "map"

#define NODE(id, version, lat, lon, tags)                                                                              \
    "<node id='" id "' version='" version "' lat='" lat "' lon='" lon "'>" tags "</node>\n"
#define FAITH                       "<tag k='amenity' v='place_of_worship'/><tag k='religion' v='hindu'/>"
#define NAME(text)                  "<tag k='name' v='" text "'/>"
#define RING                        "<nd ref='11'/><nd ref='12'/><nd ref='13'/><nd ref='11'/>"
#define WAY(id, version, nds, tags) "<way id='" id "' version='" version "'>" nds tags "</way>\n"

#define MAP                                                                                                            \
    "<osm version='0.6'>\n" NODE("1", "3", "10", "20", FAITH NAME("One"))                                              \
        NODE("2", "3", "11", "21", FAITH NAME("Two")) NODE("3", "3", "12", "22", FAITH NAME("Three"))                  \
            NODE("4", "3", "13", "23", FAITH NAME("Four")) NODE("11", "1", "14", "24", "")                             \
                NODE("12", "1", "14", "24.001", "") NODE("13", "1", "14.001", "24.001", "")                            \
                    WAY("5", "2", RING, FAITH NAME("Five")) "</osm>\n"
#define CHANGE(create, modify, gone)                                                                                   \
    "<osmChange version='0.6'>\n<create>" create "</create>\n<modify>" modify "</modify>\n<delete>" gone               \
    "</delete>\n</osmChange>\n"

static struct areas *borders; /* of the world; loaded once, as each import would do it again */

static enum rc import_here(struct registry *r, const char *path, const char *source, const char *format, bool dry_run,
                           struct sites_import_report *out)
{
    struct sites_file_options o = {.format = format,
                                   .import = {.source = str_of(source), .dry_run = dry_run, .temp_dir = r->dir}};
    if (!borders)
        OK(areas_load(r->st, &borders, &r->err));
    o.import.areas = borders;
    return sites_import_file(r->st, path, &o, out, &r->err);
}

static void import_is(struct registry *r, const char *text, int64_t added, int64_t updated, int64_t unchanged,
                      int64_t gone, int64_t rejected, int64_t unplaced)
{
    struct sites_import_report p;
    const char *path = written(r, "file.xml", text, strlen(text));
    OK(import_here(r, path, SOURCE, NULL, false, &p));
    if (p.added != added || p.updated != updated || p.unchanged != unchanged || p.gone != gone ||
        p.rejected != rejected || p.unplaced != unplaced)
        fail_msg("added %lld updated %lld unchanged %lld gone %lld rejected %lld unplaced %lld", (long long)p.added,
                 (long long)p.updated, (long long)p.unchanged, (long long)p.gone, (long long)p.rejected,
                 (long long)p.unplaced);
    assert_int_equal(p.read, p.sites + p.rejected);
}

static int64_t named(struct registry *r, const char *id, const char *name)
{
    return number_of(r, str_printf(&r->mem,
                                   "SELECT count(*) FROM site s JOIN site_source r ON r.site = s.id WHERE "
                                   "r.external_id = '%s' AND r.gone_release IS NULL AND s.name = '%s'",
                                   id, name)
                            .p);
}

static int64_t placed(struct registry *r, const char *id, const char *lat)
{
    return number_of(r, str_printf(&r->mem,
                                   "SELECT count(*) FROM site s JOIN site_source r ON r.site = s.id WHERE "
                                   "r.external_id = '%s' AND s.lat > %s - 0.0008 AND s.lat < %s + 0.0008",
                                   id, lat, lat)
                            .p);
}

static void listed_only(struct registry *r)
{
    import_is(r, MAP, 5, 0, 0, 0, 0, 0);
    import_is(r,
              CHANGE(NODE("6", "1", "15", "25", FAITH NAME("Six")), NODE("1", "4", "10", "20", FAITH NAME("Uno")),
                     NODE("2", "4", "11", "21", "")),
              1, 1, 0, 1, 0, 0);
    assert_int_equal(named(r, "node/1", "Uno"), 1);
    assert_int_equal(named(r, "node/2", "Two"), 0);
    assert_int_equal(named(r, "node/3", "Three"), 1); /* not listed: as it was */
    assert_int_equal(named(r, "node/6", "Six"), 1);
    /* No religious place any more; never was one; is one now. */
    import_is(r,
              CHANGE("",
                     NODE("3", "4", "12", "22", NAME("Three")) NODE("77", "2", "1", "1", NAME("Bench"))
                         NODE("2", "5", "11", "21", FAITH NAME("Two again")),
                     NODE("78", "2", "1", "1", "")),
              0, 1, 0, 1, 0, 0);
    assert_int_equal(named(r, "node/3", "Three"), 0);
    assert_int_equal(named(r, "node/2", "Two again"), 1); /* the same site, back */
    assert_int_equal(rows_of(r, "site"), 6);
    assert_int_equal(
        number_of(r, "SELECT count(*) FROM source_release WHERE format = 'osm-change' AND state = 'closed'"), 2);
}

static void versions_in_order(struct registry *r)
{
    import_is(r, MAP, 5, 0, 0, 0, 0, 0);
    /* Several versions in one file: the highest counts. */
    import_is(r,
              CHANGE(NODE("9", "1", "1", "1", FAITH NAME("v1")),
                     NODE("9", "3", "1", "1", FAITH NAME("v3")) NODE("9", "2", "1", "1", FAITH NAME("v2"))
                         NODE("1", "5", "10", "20", FAITH NAME("v5")),
                     ""),
              1, 1, 0, 0, 2, 0);
    assert_int_equal(named(r, "node/9", "v3"), 1);
    /* An older change, late. */
    import_is(r, CHANGE("", NODE("1", "4", "10", "20", FAITH NAME("v4")), NODE("9", "2", "1", "1", "")), 0, 0, 0, 0, 2,
              0);
    assert_int_equal(named(r, "node/1", "v5"), 1);
    assert_int_equal(named(r, "node/9", "v3"), 1);
    /* Nothing that we keep changed, but the version did: what is older than that stays out as well. */
    import_is(r, CHANGE("", NODE("1", "8", "10", "20", FAITH NAME("v5") "<tag k='phone' v='1'/>"), ""), 0, 0, 1, 0, 0,
              0);
    import_is(r, CHANGE("", NODE("1", "7", "10", "20", FAITH NAME("v7")), ""), 0, 0, 0, 0, 1, 0);
    assert_int_equal(named(r, "node/1", "v5"), 1);
    /* Deleted, then an older edit and the one that was deleted: it stays gone. */
    import_is(r, CHANGE("", "", NODE("1", "9", "10", "20", "")), 0, 0, 0, 1, 0, 0);
    import_is(r, CHANGE("", NODE("1", "8", "10", "20", FAITH NAME("v8")), ""), 0, 0, 0, 0, 1, 0);
    import_is(r, CHANGE("", NODE("1", "9", "10", "20", FAITH NAME("v9")), ""), 0, 0, 0, 0, 1, 0);
    import_is(r, CHANGE("", NODE("1", "10", "10", "20", FAITH NAME("v10")), ""), 0, 1, 0, 0, 0, 0);
    assert_int_equal(named(r, "node/1", "v10"), 1);
    /* The same file twice. */
    import_is(r, CHANGE("", NODE("1", "10", "10", "20", FAITH NAME("v10")), NODE("2", "4", "1", "1", "")), 0, 0, 1, 1,
              0, 0);
    import_is(r, CHANGE("", NODE("1", "10", "10", "20", FAITH NAME("v10")), NODE("2", "4", "1", "1", "")), 0, 0, 1, 0,
              0, 0);
    /* Files without versions are believed. */
    import_is(r, CHANGE("", NODE("1", "0", "10", "20", FAITH NAME("none")), ""), 0, 1, 0, 0, 0, 0);
    assert_int_equal(named(r, "node/1", "none"), 1);
}

static void places_not_told(struct registry *r)
{
    import_is(r, MAP, 5, 0, 0, 0, 0, 0);
    assert_int_equal(placed(r, "way/5", "14"), 1);
    int64_t footprints = rows_of(r, "site_footprint");
    assert_int_equal(footprints, 1);
    /* Another name, the nodes not listed: where it stood. */
    import_is(r, CHANGE("", WAY("5", "3", RING, FAITH NAME("Cinq")), ""), 0, 1, 0, 0, 0, 1);
    assert_int_equal(named(r, "way/5", "Cinq"), 1);
    assert_int_equal(placed(r, "way/5", "14"), 1);
    assert_int_equal(rows_of(r, "site_footprint"), footprints);
    /* Nothing that we keep. */
    import_is(r, CHANGE("", WAY("5", "4", RING, FAITH NAME("Cinq") "<tag k='phone' v='1'/>"), ""), 0, 0, 1, 0, 0, 1);
    /* One node moved and listed, two not: not known whole, so not moved. */
    import_is(r, CHANGE("", NODE("11", "2", "30", "24", "") WAY("5", "5", RING, FAITH NAME("Cinq")), ""), 0, 0, 1, 0, 0,
              1);
    assert_int_equal(placed(r, "way/5", "14"), 1);
    /* All of them listed: moved. */
    import_is(r,
              CHANGE("",
                     NODE("11", "3", "30", "24", "") NODE("12", "2", "30", "24.001", "")
                         NODE("13", "2", "30.001", "24.001", "") WAY("5", "6", RING, FAITH NAME("Cinq")),
                     ""),
              0, 1, 0, 0, 0, 0);
    assert_int_equal(placed(r, "way/5", "30"), 1);
    /* A way that is new to us, of nodes that are not. */
    import_is(r, CHANGE("", WAY("99", "4", RING, FAITH NAME("Nowhere")), ""), 1, 0, 0, 0, 0, 1);
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE name = 'Nowhere' AND cell = -1"), 1);
    /* Gone and back without nodes: the last place is still known. */
    import_is(r, CHANGE("", "", WAY("5", "7", "", "")), 0, 0, 0, 1, 0, 0);
    import_is(r, CHANGE("", WAY("5", "8", RING, FAITH NAME("Back")), ""), 0, 1, 0, 0, 0, 1);
    assert_int_equal(placed(r, "way/5", "30"), 1);
}

/* ---- more stored than a page ---- */

enum { MANY = 12000 };

static void nodes_put(struct buf *b, int from, int to, int step, int version, const char *name)
{
    for (int i = from; i < to; i += step)
        buf_printf(b, "<node id='%d' version='%d' lat='%d.%03d' lon='20'>" FAITH "<tag k='name' v='%s'/></node>\n", i,
                   version, i / 1000, i % 1000, name);
}

/* A change with few keys far apart, one with all of them, one with keys between and beyond what is stored. */
static void skips_in_the_store(struct registry *r)
{
    struct sites_import_report p;
    struct buf b;
    buf_init(&b, 0);
    buf_add_z(&b, "<osm version='0.6'>");
    nodes_put(&b, 0, 2 * MANY, 2, 1, "old");
    buf_add_z(&b, "</osm>");
    OK(import_here(r, written(r, "map.xml", b.p, b.n), SOURCE, NULL, false, &p));
    assert_int_equal(p.added, MANY);
    buf_clear(&b);
    buf_add_z(&b, "<osmChange version='0.6'><modify>");
    nodes_put(&b, 0, 2 * MANY, 5000, 2, "few");
    buf_add_z(&b, "</modify><delete><node id='2' version='2'/><node id='3' version='2'/><node id='23998' version='2'/>"
                  "<node id='99999' version='2'/></delete></osmChange>");
    OK(import_here(r, written(r, "few.xml", b.p, b.n), SOURCE, NULL, false, &p));
    assert_true(p.updated == 5 && p.gone == 2 && p.added == 0 && p.rejected == 0);
    buf_clear(&b);
    buf_add_z(&b, "<osmChange version='0.6'><modify>");
    nodes_put(&b, 0, 2 * MANY + 10, 1, 3, "all");
    buf_add_z(&b, "</modify></osmChange>");
    OK(import_here(r, written(r, "all.xml", b.p, b.n), SOURCE, NULL, false, &p));
    assert_true(p.updated == MANY && p.added == MANY + 10 && p.gone == 0 && p.unchanged == 0);
    assert_int_equal(number_of(r, "SELECT count(*) FROM site WHERE name = 'all'"), 2 * MANY + 10);
    buf_fini(&b);
}

/* ---- the report of what changed ---- */

/* Lines of NDJSON without the random ids. */
static const char *told(struct registry *r, const char *name, struct uuid release)
{
    struct changes_file *f;
    struct str text, line, rest, head, tail;
    struct buf b;
    struct stat st;
    int64_t n, lines = 0;
    const char *path = str_printf(&r->mem, "%s/%s", r->dir, name).p;
    OK(changes_open(path, &f, &r->err));
    assert_int_not_equal(stat(path, &st), 0); /* not before it is whole */
    OK(changes_write(f, r->st, release, &n, &r->err));
    changes_close(f);
    assert_true(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    OK(file_read(path, 1 << 20, &r->mem, &text, &r->err));
    buf_init(&b, 0);
    for (rest = text; str_cut(rest, '\n', &line, &rest); lines++) {
        size_t at = 0;
        while (at + 6 < line.n && memcmp(line.p + at, "\"site\"", 6) != 0)
            at++;
        head = str_slice(line, 0, at);
        tail = at + 46 < line.n ? str_slice(line, at + 46, line.n) : STR_NONE; /* "site":"36 characters", */
        buf_printf(&b, STR_FMT STR_FMT "\n", STR_ARG(head), STR_ARG(tail));
    }
    assert_int_equal(lines, n);
    const char *out = str_z(&r->mem, buf_str(&b));
    buf_fini(&b);
    return out;
}

static void what_changed(struct registry *r)
{
    struct sites_import_report p;
    const char *text = CHANGE(NODE("6", "1", "15", "25", FAITH NAME("Six")),
                              NODE("1", "4", "10", "20.5", FAITH NAME("Uno") "<tag k='denomination' v='shaiva'/>"),
                              NODE("2", "4", "11", "21", ""));
    OK(import_here(r, written(r, "map.xml", MAP, strlen(MAP)), SOURCE, NULL, false, &p));
    assert_string_equal(told(r, "0.ndjson", p.release), "{\"change\":\"added\",\"id\":\"node/1\",\"name\":\"One\"}\n"
                                                        "{\"change\":\"added\",\"id\":\"node/2\",\"name\":\"Two\"}\n"
                                                        "{\"change\":\"added\",\"id\":\"node/3\",\"name\":\"Three\"}\n"
                                                        "{\"change\":\"added\",\"id\":\"node/4\",\"name\":\"Four\"}\n"
                                                        "{\"change\":\"added\",\"id\":\"way/5\",\"name\":\"Five\"}\n");
    OK(import_here(r, written(r, "change.xml", text, strlen(text)), SOURCE, NULL, false, &p));
    assert_string_equal(
        told(r, "1.ndjson", p.release),
        "{\"change\":\"updated\",\"id\":\"node/1\",\"name\":\"Uno\",\"fields\":[\"denomination\",\"place\","
        "\"names\"]}\n{\"change\":\"gone\",\"id\":\"node/2\",\"name\":\"Two\"}\n"
        "{\"change\":\"added\",\"id\":\"node/6\",\"name\":\"Six\"}\n");
    OK(import_here(r, written(r, "map.xml", MAP, strlen(MAP)), SOURCE, NULL, false, &p));
    assert_string_equal(
        told(r, "2.ndjson", p.release),
        "{\"change\":\"updated\",\"id\":\"node/1\",\"name\":\"One\",\"fields\":[\"place\",\"denomination\","
        "\"names\"]}\n{\"change\":\"updated\",\"id\":\"node/2\",\"name\":\"Two\",\"fields\":[\"status\"]}\n"
        "{\"change\":\"gone\",\"id\":\"node/6\",\"name\":\"Six\"}\n");
    struct changes_file *f;
    struct stat st;
    assert_int_equal(changes_open("/nowhere/at/all", &f, &r->err), RC_IO);
    OK(changes_open(str_printf(&r->mem, "%s/never", r->dir).p, &f, &r->err));
    changes_close(f);
    assert_int_not_equal(stat(str_printf(&r->mem, "%s/never.part", r->dir).p, &st), 0);
}

/* ---- what is refused ---- */

static struct sha256 everything(struct registry *r);

static void refused_whole(struct registry *r)
{
    static const struct {
        const char *text;
        enum rc rc;
        const char *why;
    } BAD[] = {
        {"<osmChange version='0.6'><create>", RC_DAMAGED, "not well-formed"},
        {"<osmChange version='0.6'><node id='1' version='9' lat='1' lon='1'/></osmChange>", RC_DAMAGED, "outside"},
        {"<osmChange><modify><node version='9' lat='1' lon='1'/></modify></osmChange>", RC_DAMAGED, "no id"},
        {"<!DOCTYPE osmChange [<!ENTITY a 'b'>]><osmChange></osmChange>", RC_UNSUPPORTED, "DOCTYPE"},
    };
    struct sites_import_report p;
    const char *map = written(r, "map.xml", MAP, strlen(MAP));
    const char *change = written(r, "change.xml", CHANGE("", "", ""), strlen(CHANGE("", "", "")));
    assert_int_equal(import_here(r, change, SOURCE, NULL, false, &p), RC_NOT_FOUND);
    assert_int_equal(import_here(r, change, "", NULL, false, &p), RC_INVALID);
    assert_int_equal(rows_of(r, "source"), 0);
    import_is(r, MAP, 5, 0, 0, 0, 0, 0);
    struct sha256 before = everything(r);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        const char *path = written(r, "bad.xml", BAD[i].text, strlen(BAD[i].text));
        enum rc rc = import_here(r, path, SOURCE, "osm-change", false, &p);
        if (rc != BAD[i].rc || !strstr(r->err.text, BAD[i].why))
            fail_msg("%zu: %s %s", i, rc_name(rc), r->err.text);
    }
    assert_int_equal(import_here(r, map, SOURCE, "osm-change", false, &p), RC_INVALID);
    struct sha256 after = everything(r);
    assert_true(sha256_is_equal(before, after));
}

static void nothing_of_ours(struct registry *r)
{
    import_is(r, MAP, 5, 0, 0, 0, 0, 0);
    struct sha256 before = everything(r);
    import_is(r, CHANGE("", NODE("500", "2", "1", "1", ""), NODE("501", "2", "1", "1", "")), 0, 0, 0, 0, 0, 0);
    struct sites_import_report p;
    const char *text = CHANGE("", NODE("1", "4", "10", "20", FAITH NAME("Uno")), NODE("2", "4", "1", "1", ""));
    OK(import_here(r, written(r, "dry.xml", text, strlen(text)), SOURCE, NULL, true, &p)); /* --dry-run */
    assert_true(p.updated == 1 && p.gone == 1);
    struct sha256 after = everything(r);
    assert_true(sha256_is_equal(before, after));
}

/* ---- real editions ---- */

static const struct store_sql ALL_SQL = {
    "SELECT r.external_id, r.raw, r.digest, r.version, CASE WHEN r.gone_release IS NULL THEN 0 ELSE 1 END, s.class, s.kind, "
    "s.religion, s.denomination, s.name, s.names, s.status, s.wikidata, s.heritage, s.country, s.visibility, s.cell, f.wkb "
    "FROM site_source r JOIN site s ON s.id = r.site LEFT JOIN site_footprint f ON f.site = r.site ORDER BY r.external_id"};

/* Facts of the sites, a line each; without_place: of those ids the place is left out. */
struct dump {
    struct buf text;
    const struct buf *without_place;
    struct sha256_state all;
};

static void raw_without_place(struct str raw, struct buf *out)
{
    struct str part, rest = raw;
    for (bool more = true; more;) {
        more = str_cut(rest, ',', &part, &rest);
        part = part.n && part.p[part.n - 1] == '}' ? str_slice(part, 0, part.n - 1) : part;
        if (!str_starts_with(part, STR("\"lat\"")) && !str_starts_with(part, STR("\"lon\"")) &&
            !str_starts_with(part, STR("\"precision_m\"")) && !str_starts_with(part, STR("\"note\"")))
            buf_printf(out, STR_FMT ",", STR_ARG(part));
    }
}

static enum rc dump_rows(struct store_tx *tx, void *ctx, struct err *err)
{
    struct dump *d = ctx;
    struct store_rows *rows;
    TRY(store_query(tx, &ALL_SQL, NULL, 0, &rows, err));
    while (store_next(rows)) {
        struct arena mem;
        arena_init(&mem);
        struct str id = str_printf(&mem, "\n" STR_FMT "\n", STR_ARG(store_text(rows, 0)));
        bool bare = d->without_place && str_contains(buf_str(d->without_place), id);
        for (int i = 0; i < 18; i++)
            if (i == 3 || i == 4 || i == 15 || i == 16) {
                int64_t n = store_int(rows, i);
                sha256_add(&d->all, &n, sizeof n);
            } else {
                struct str s = i == 2 || i == 17 ? store_blob(rows, i) : store_text(rows, i);
                sha256_add(&d->all, s.p, s.n);
                sha256_add(&d->all, "", 1);
            }
        if (store_int(rows, 4) == 0) {
            buf_add_str(&d->text, store_text(rows, 0));
            for (int i = 5; i <= 13; i++)
                buf_printf(&d->text, "|" STR_FMT, STR_ARG(store_text(rows, i)));
            buf_add_char(&d->text, '|');
            if (bare) {
                raw_without_place(store_text(rows, 1), &d->text);
            } else {
                buf_add_str(&d->text, store_text(rows, 1));
                buf_add_str(&d->text, str_hex(&mem, store_blob(rows, 17).p, store_blob(rows, 17).n));
            }
            buf_add_char(&d->text, '\n');
        }
        arena_fini(&mem);
    }
    return store_finish(rows, err);
}

static void dump_make(struct registry *r, const struct buf *without_place, struct dump *d)
{
    *d = (struct dump){.without_place = without_place};
    buf_init(&d->text, 0);
    sha256_begin(&d->all);
    OK(store_read(r->st, dump_rows, d, &r->err));
    buf_add_char(&d->text, 0);
}

static struct sha256 everything(struct registry *r)
{
    struct dump d;
    dump_make(r, NULL, &d);
    buf_fini(&d.text);
    return sha256_end(&d.all);
}

/* NULL when osmium or the extracts are not there. */
static const char *derived(struct registry *r, const char *from, const char *to)
{
    const char *a = shared(r, from), *b = shared(r, to), *out = str_printf(&r->mem, "%s/d.osc.gz", r->dir).p;
    if (!a || !b)
        return NULL;
    if (system(str_printf(&r->mem,
                          "osmium derive-changes --no-progress --overwrite --increment-version -o %s %s %s "
                          ">/dev/null 2>&1",
                          out, a, b)
                   .p) == 0)
        return out;
    fprintf(stderr, "skipped: osmium is not installed\n");
    return NULL;
}

/* Ids whose place the change does not tell. */
static enum rc note_unplaced(void *ctx, const struct site_draft *d, struct err *err)
{
    (void)err;
    if (d->keeps_place)
        buf_printf(ctx, STR_FMT "\n", STR_ARG(d->external_id));
    return RC_OK;
}
static enum rc no_reject(void *ctx, int64_t line, struct str id, const char *reason, struct err *err)
{
    (void)ctx, (void)line, (void)id, (void)reason, (void)err;
    return RC_OK;
}
static enum rc no_gone(void *ctx, int64_t line, struct str id, int64_t version, struct err *err)
{
    (void)ctx, (void)line, (void)id, (void)version, (void)err;
    return RC_OK;
}

/* Names the first line that differs. */
static void same_lines(const char *a, const char *b)
{
    struct str x, y, a_left = str_of(a), b_left = str_of(b);
    for (bool more = true; more;) {
        more = str_cut(a_left, '\n', &x, &a_left);
        str_cut(b_left, '\n', &y, &b_left);
        if (!str_is_equal(x, y))
            fail_msg("\n" STR_FMT "\n" STR_FMT, STR_ARG(x), STR_ARG(y));
    }
    assert_string_equal(a, b);
}

static void real_editions(struct registry *r)
{
    if (r->engine != STORE_SQLITE) /* the engines do not differ in what is tested here */
        return;
    const char *change = derived(r, "osm/andorra-2013.osm.pbf", "osm/andorra-2025.osm.pbf");
    if (!change)
        return;
    struct sites_import_report p, q;
    struct dump by_change, by_extract;
    struct buf unplaced;
    struct site_read_count count;
    struct osm_options is_change = {.is_change = true};
    struct site_sink sink = {.draft = note_unplaced, .reject = no_reject, .ctx = &unplaced, .gone = no_gone};
    buf_init(&unplaced, 0);
    buf_add_z(&unplaced, "\n");
    OK(sites_read_osm(change, OSM_FORMAT_XML, &is_change, &sink, &count, &r->err));
    OK(import_here(r, shared(r, "osm/andorra-2013.osm.pbf"), SOURCE, NULL, false, &p));
    OK(import_here(r, change, SOURCE, NULL, false, &p));
    assert_true(p.sites == 91 && p.added == 83 && p.updated == 8 && p.gone == 5);
    assert_true(p.unplaced == 19);
    dump_make(r, &unplaced, &by_change);
    OK(import_here(r, shared(r, "osm/andorra-2025.osm.pbf"), SOURCE, NULL, false, &q));
    assert_true(q.sites == 91 && q.added == 0 && q.gone == 0 && q.updated <= p.unplaced);
    dump_make(r, &unplaced, &by_extract);
    same_lines(by_change.text.p, by_extract.text.p);
    buf_fini(&by_change.text), buf_fini(&by_extract.text), buf_fini(&unplaced);
}

static void real_cut_anywhere(struct registry *r)
{
    if (r->engine != STORE_SQLITE)
        return;
    const char *change = derived(r, "osm/monaco-2021.osm.pbf", "osm/monaco-2022-nometa.osm.pbf");
    struct sites_import_report p;
    struct str whole;
    if (!change)
        return;
    OK(import_here(r, shared(r, "osm/monaco-2021.osm.pbf"), SOURCE, NULL, false, &p));
    OK(file_read(change, 1 << 24, &r->mem, &whole, &r->err));
    struct sha256 before = everything(r);
    int64_t releases = rows_of(r, "source_release");
    for (size_t i = 0; i < 50; i++) {
        const char *cut = written(r, "cut.osc.gz", whole.p, whole.n * i / 50);
        assert_int_not_equal(import_here(r, cut, SOURCE, NULL, false, &p), RC_OK);
        assert_true(strlen(r->err.text) > 10);
    }
    struct sha256 after = everything(r);
    assert_true(sha256_is_equal(before, after));
    assert_int_equal(rows_of(r, "source_release"), releases);
    OK(import_here(r, change, SOURCE, NULL, false, &p));
    after = everything(r);
    assert_false(sha256_is_equal(before, after));
}

#define ON_EACH(name)                                                                                                  \
    static void test_##name(void **s)                                                                                  \
    {                                                                                                                  \
        (void)s;                                                                                                       \
        on_each_engine(name);                                                                                          \
    }
ON_EACH(listed_only)
ON_EACH(versions_in_order)
ON_EACH(places_not_told)
ON_EACH(skips_in_the_store)
ON_EACH(what_changed)
ON_EACH(refused_whole)
ON_EACH(nothing_of_ours)
ON_EACH(real_editions)
ON_EACH(real_cut_anywhere)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listed_only),        cmocka_unit_test(test_versions_in_order),
        cmocka_unit_test(test_places_not_told),    cmocka_unit_test(test_what_changed),
        cmocka_unit_test(test_skips_in_the_store), cmocka_unit_test(test_refused_whole),
        cmocka_unit_test(test_nothing_of_ours),    cmocka_unit_test(test_real_editions),
        cmocka_unit_test(test_real_cut_anywhere),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    areas_free(borders);
    return failed;
}
