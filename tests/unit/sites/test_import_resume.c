/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The reading of a large map, interrupted: killed at any time, with any number of threads, the same command goes on and
 * says the same; a journal that is cut, damaged, locked or of another file.
 */
#include "sites_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/rng.h"
#include "sites/osm.h"

struct heard {
    struct buf text;
    uint64_t kill_at; /* bytes of the map; 0: never */
};

static enum rc on_draft(void *ctx, const struct site_draft *d, struct err *err)
{
    struct heard *h = ctx;
    struct arena mem;
    (void)err;
    arena_init(&mem);
    buf_printf(&h->text, STR_FMT " v%lld %s %a %a %a " STR_FMT " " STR_FMT " ", STR_ARG(d->external_id),
               (long long)d->version, d->has_place ? "at" : "nowhere", d->lat_deg, d->lon_deg, d->precision_m,
               STR_ARG(d->religion), STR_ARG(d->note));
    for (size_t i = 0; i < d->names_n; i++)
        buf_printf(&h->text, STR_FMT "=" STR_FMT " ", STR_ARG(d->names[i].lang), STR_ARG(d->names[i].text));
    buf_add_str(&h->text, str_hex(&mem, d->footprint_wkb.p, d->footprint_wkb.n));
    buf_add_char(&h->text, '\n');
    arena_fini(&mem);
    return RC_OK;
}

static enum rc on_reject(void *ctx, int64_t line, struct str id, const char *reason, struct err *err)
{
    struct heard *h = ctx;
    (void)line, (void)err;
    buf_printf(&h->text, "- " STR_FMT " %s\n", STR_ARG(id), reason);
    return RC_OK;
}

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
    const struct heard *h = ctx;
    (void)total;
    if (h->kill_at && done >= h->kill_at)
        raise(SIGKILL);
}

static enum rc read_map(const char *map, const char *journal, size_t threads, struct heard *h, int64_t *resumed,
                        struct err *err)
{
    struct site_sink sink = {.draft = on_draft, .reject = on_reject, .progress = on_progress, .ctx = h};
    struct osm_options opt = {.threads = threads, .journal = journal};
    struct site_read_count count = {0};
    buf_init(&h->text, 0);
    enum rc rc = sites_read_osm(map, OSM_FORMAT_PBF, &opt, &sink, &count, err);
    buf_add_char(&h->text, 0);
    *resumed = count.resumed;
    return rc;
}

static void expect_same(const char *map, const char *journal, size_t threads, const struct heard *want,
                        int64_t *resumed)
{
    struct heard h = {0};
    struct err err = {0};
    if (read_map(map, journal, threads, &h, resumed, &err) != RC_OK)
        fail_msg("%s", err.text);
    if (h.text.n != want->text.n || memcmp(h.text.p, want->text.p, h.text.n) != 0)
        fail_msg("another result after an interruption");
    buf_fini(&h.text);
}

/* A process that reads until so many bytes are done, and then is no more. */
static void read_until_killed(const char *map, const char *journal, size_t threads, uint64_t kill_at)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct heard h = {.kill_at = kill_at};
        struct err err;
        int64_t resumed;
        (void)read_map(map, journal, threads, &h, &resumed, &err);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

struct fixture {
    char dir[64], journal[96], map[1024];
    struct heard want;
    uint64_t map_n;
};

static bool fixture_make(struct fixture *f, const char *map)
{
    struct stat st;
    int64_t resumed;
    struct err err;
    const char *root = getenv("FANE_SHARED");
    *f = (struct fixture){.dir = "/tmp/fane-journal-XXXXXX"};
    snprintf(f->map, sizeof f->map, map[0] == '/' ? "%.0s%s" : "%s/data/osm/%s", root ? root : "", map);
    if (stat(f->map, &st) != 0) {
        fprintf(stderr, "skipped: %s is not there\n", f->map);
        return false;
    }
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->journal, sizeof f->journal, "%s/j", f->dir);
    f->map_n = (uint64_t)st.st_size;
    assert_int_equal(read_map(f->map, NULL, 1, &f->want, &resumed, &err), RC_OK);
    assert_true(f->want.text.n > 1000 && resumed == 0);
    return true;
}

static void fixture_end(struct fixture *f)
{
    unlink(f->journal);
    rmdir(f->dir);
    buf_fini(&f->want.text);
}

static void killed_at_any_time(void **state)
{
    struct fixture f;
    (void)state;
    if (!fixture_make(&f, "andorra-2025.osm.pbf"))
        return;
    for (size_t threads = 1; threads <= 4; threads *= 2) {
        int64_t resumed;
        for (uint64_t tenth = 2; tenth <= 8; tenth += 3) {
            read_until_killed(f.map, f.journal, threads, f.map_n * tenth / 10);
            expect_same(f.map, f.journal, 5 - threads, &f.want, &resumed);
            assert_true(resumed > 0);
            assert_int_equal(truncate(f.journal, 100), 0); /* the next run begins again */
        }
        read_until_killed(f.map, f.journal, threads, f.map_n * 3 / 10);
        read_until_killed(f.map, f.journal, threads, f.map_n * 7 / 10); /* goes on, and is killed again */
        expect_same(f.map, f.journal, threads, &f.want, &resumed);
        assert_true(resumed > 20);
        unlink(f.journal);
    }
    fixture_end(&f);
}

/* A whole journal, cut and damaged anywhere: what is left of it is used, and the rest is read again. */
static void cut_and_damaged(const struct fixture *f, unsigned seed)
{
    struct prng rng;
    struct arena mem;
    struct str whole;
    struct err err;
    int64_t resumed, most, some = 0;
    fprintf(stderr, "seed %u\n", seed);
    prng_seed(&rng, seed);
    arena_init(&mem);
    expect_same(f->map, f->journal, 2, &f->want, &resumed);
    assert_int_equal(resumed, 0);
    expect_same(f->map, f->journal, 2, &f->want, &most);
    assert_true(most > 0);
    assert_int_equal(file_read(f->journal, 1 << 26, &mem, &whole, &err), RC_OK);
    for (int i = 0; i < 40; i++) {
        char *bytes = arena_copy(&mem, whole.p, whole.n);
        size_t n = i % 2 ? whole.n : (size_t)(prng_unit(&rng) * (double)whole.n);
        if (i % 2)
            bytes[(size_t)(prng_unit(&rng) * (double)whole.n)] ^= (char)(1 << (i % 8));
        assert_int_equal(file_replace(f->journal, (struct str){bytes, n}, 0600, &err), RC_OK);
        expect_same(f->map, f->journal, 2, &f->want, &resumed);
        assert_true(resumed < most);
        some += resumed > 0;
    }
    assert_true(some > 10);
    arena_fini(&mem);
}

static void damaged_journals(void **state)
{
    struct fixture f;
    (void)state;
    if (!fixture_make(&f, "monaco-2021.osm.pbf"))
        return;
    cut_and_damaged(&f, 11);
    fixture_end(&f);
}

/* Nodes, ways, nodes, ways: the guess where which kind stands is wrong, and the reader begins again. */
static void unsorted_maps(void **state)
{
    struct fixture f;
    char command[4096], map[64] = "/tmp/fane-unsorted-XXXXXX";
    const char *root = getenv("FANE_SHARED");
    (void)state;
    int fd = mkstemp(map);
    assert_true(fd >= 0);
    close(fd);
    snprintf(command, sizeof command,
             "osmium cat --no-progress --overwrite -f pbf -o %s %s/data/osm/liechtenstein-2013.osm.pbf "
             "%s/data/osm/monaco-2021.osm.pbf %s/data/osm/helsinki-2019.osm.pbf 2>/dev/null",
             map, root, root, root);
    if (!root || system(command) != 0)
        fprintf(stderr, "skipped: osmium or the extracts are not there\n");
    else if (fixture_make(&f, map)) {
        cut_and_damaged(&f, 12);
        fixture_end(&f);
    }
    unlink(map);
}

static void another_file(void **state)
{
    struct fixture f;
    struct arena mem;
    struct str bytes;
    struct err err;
    int64_t resumed;
    char map[96];
    (void)state;
    if (!fixture_make(&f, "monaco-2021.osm.pbf"))
        return;
    arena_init(&mem);
    snprintf(map, sizeof map, "%s/m.osm.pbf", f.dir);
    assert_int_equal(file_read(f.map, 1 << 26, &mem, &bytes, &err), RC_OK);
    assert_int_equal(file_replace(map, bytes, 0600, &err), RC_OK);
    expect_same(map, f.journal, 2, &f.want, &resumed);
    expect_same(map, f.journal, 2, &f.want, &resumed);
    assert_true(resumed > 0);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000000000}};
    assert_int_equal(utimensat(AT_FDCWD, map, times, 0), 0);
    expect_same(map, f.journal, 2, &f.want, &resumed);
    assert_int_equal(resumed, 0);
    /* Held by another process. */
    struct heard h = {0};
    int fd = open(f.journal, O_RDWR);
    assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    assert_int_equal(read_map(map, f.journal, 2, &h, &resumed, &err), RC_CONFLICT);
    assert_non_null(strstr(err.text, "another import"));
    close(fd);
    buf_fini(&h.text);
    unlink(map);
    arena_fini(&mem);
    fixture_end(&f);
}

/* J2 */
static void nothing_that_is_never_kept(void **state)
{
    struct fixture f;
    struct arena mem;
    struct str bytes;
    struct err err;
    int64_t resumed;
    (void)state;
    if (!fixture_make(&f, "andorra-2025.osm.pbf"))
        return;
    arena_init(&mem);
    expect_same(f.map, f.journal, 2, &f.want, &resumed);
    assert_int_equal(file_read(f.journal, 1 << 26, &mem, &bytes, &err), RC_OK);
    struct stat st;
    assert_true(stat(f.journal, &st) == 0 && (st.st_mode & 0777) == 0600);
    assert_true(str_contains(bytes, STR("place_of_worship")));
    static const char *const NEVER[] = {"phone",    "opening_hours", "service_times",
                                        "operator", "addr:street",   "contact:"};
    for (size_t i = 0; i < sizeof NEVER / sizeof NEVER[0]; i++)
        assert_false(str_contains(bytes, str_of(NEVER[i])));
    arena_fini(&mem);
    fixture_end(&f);
}

/* ---- the whole import ---- */

static void kill_while_reading(void *ctx, enum import_phase phase, uint64_t done, uint64_t total)
{
    (void)ctx;
    if (phase == IMPORT_READING && done > total / 2)
        raise(SIGKILL);
}

static struct sites_file_options options_of(struct registry *r)
{
    struct sites_file_options o = {
        .threads = 2, .journal_least = 1, .import = {.source = STR("map"), .temp_dir = r->dir}};
    o.journal_dir = str_printf(&r->mem, "%s/import", r->dir).p;
    return o;
}

static int64_t journals(struct registry *r)
{
    return system(str_printf(&r->mem, "ls %s/import/*.journal >/dev/null 2>&1", r->dir).p) == 0;
}

static void import_goes_on(struct registry *r)
{
    const char *map = shared(r, "osm/andorra-2025.osm.pbf");
    struct sites_import_report p;
    struct sites_file_options o = options_of(r);
    int status;
    if (!map || r->engine != STORE_SQLITE)
        return;
    store_close(r->st); /* no thread and no lock of ours crosses the fork */
    ledger_close(r->ledger);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        o.import.progress = kill_while_reading;
        OK(store_open(r->where, NULL, &r->st, &r->err));
        _exit(sites_import_file(r->st, map, &o, &p, &r->err) == RC_OK);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    OK(store_open(r->where, NULL, &r->st, &r->err));
    registry_open(r);
    assert_int_equal(rows_of(r, "source_release"), 0); /* M1 */
    assert_true(journals(r));
    OK(sites_import_file(r->st, map, &o, &p, &r->err));
    assert_true(p.resumed > 10);
    assert_int_equal(p.added, 91);
    assert_false(journals(r)); /* its work is done */
    OK(sites_import_file(r->st, map, &o, &p, &r->err));
    assert_true(p.resumed == 0 && p.unchanged == 91);
    /* What is wrong with the file stays wrong: nothing is kept of it. */
    struct str bytes;
    OK(file_read(map, 1 << 26, &r->mem, &bytes, &r->err));
    char *bad = arena_copy(&r->mem, bytes.p, bytes.n);
    bad[bytes.n / 2] ^= 1;
    assert_int_equal(sites_import_file(r->st, written(r, "bad.osm.pbf", bad, bytes.n), &o, &p, &r->err), RC_DAMAGED);
    assert_false(journals(r));
}

static void test_import_goes_on(void **state)
{
    (void)state;
    on_each_engine(import_goes_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_time),
        cmocka_unit_test(damaged_journals),
        cmocka_unit_test(unsorted_maps),
        cmocka_unit_test(another_file),
        cmocka_unit_test(nothing_that_is_never_kept),
        cmocka_unit_test(test_import_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
