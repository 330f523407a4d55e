/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The whole OSM reader. On the shared extracts: the counts made with osmium, the same bytes for any number of threads,
 * for LZ4 and zlib, for PBF and XML, and an error for every truncation. On files made here: duplicates and deletions,
 * unsorted files, relations with members missing, lines, groups, streams.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <geos_c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../wire/pbf_make.h"
#include "base/file.h"
#include "base/rng.h"
#include "sites/osm.h"

/* --- reading into a text ------------------------------------------------------------------------------------------- */

struct heard {
    struct buf text;
    int64_t worship, cemeteries, areas, outside, rejected_silently;
    GEOSContextHandle_t geos;
    bool with_lines; /* XML knows lines, PBF does not */
};

static void check_inside(struct heard *h, const struct site_draft *d)
{
    GEOSWKBReader *r = GEOSWKBReader_create_r(h->geos);
    GEOSGeometry *g = GEOSWKBReader_read_r(h->geos, r, (const unsigned char *)d->footprint_wkb.p, d->footprint_wkb.n);
    GEOSGeometry *p = GEOSGeom_createPointFromXY_r(h->geos, d->lon_deg, d->lat_deg);
    h->areas++;
    if (!g || GEOSContains_r(h->geos, g, p) != 1)
        h->outside++;
    GEOSGeom_destroy_r(h->geos, p);
    GEOSGeom_destroy_r(h->geos, g);
    GEOSWKBReader_destroy_r(h->geos, r);
}

static enum rc on_draft(void *ctx, const struct site_draft *d, struct err *err)
{
    struct heard *h = ctx;
    struct arena mem;
    (void)err;
    arena_init(&mem);
    h->worship += str_is_equal(d->class_code, STR("place_of_worship"));
    h->cemeteries += str_is_equal(d->class_code, STR("cemetery"));
    if (d->footprint_wkb.n)
        check_inside(h, d);
    buf_printf(&h->text, STR_FMT " v%lld " STR_FMT " " STR_FMT " " STR_FMT "/" STR_FMT, STR_ARG(d->external_id),
               (long long)d->version, STR_ARG(d->class_code), STR_ARG(d->kind), STR_ARG(d->religion),
               STR_ARG(d->denomination));
    for (size_t i = 0; i < d->names_n; i++)
        buf_printf(&h->text, " " STR_FMT ":" STR_FMT, STR_ARG(d->names[i].lang), STR_ARG(d->names[i].text));
    if (d->has_place)
        buf_printf(&h->text, " @%.9f,%.9f p%g", d->lat_deg, d->lon_deg, d->precision_m);
    struct str hex = str_hex(&mem, d->footprint_wkb.p, d->footprint_wkb.n);
    buf_printf(&h->text, " [" STR_FMT "] " STR_FMT " " STR_FMT " (" STR_FMT ")", STR_ARG(hex), STR_ARG(d->wikidata),
               STR_ARG(d->heritage), STR_ARG(d->note));
    if (h->with_lines)
        buf_printf(&h->text, " line %lld", (long long)d->line);
    buf_add_z(&h->text, "\n");
    arena_fini(&mem);
    return RC_OK;
}

static enum rc on_reject(void *ctx, int64_t line, struct str id, const char *reason, struct err *err)
{
    struct heard *h = ctx;
    (void)line, (void)err;
    h->rejected_silently += reason[0] == 0;
    buf_printf(&h->text, "- " STR_FMT " %s\n", STR_ARG(id), reason);
    return RC_OK;
}

static void heard_init(struct heard *h)
{
    *h = (struct heard){.geos = GEOS_init_r()};
    buf_init(&h->text, 0);
}

static void heard_fini(struct heard *h)
{
    buf_fini(&h->text);
    GEOS_finish_r(h->geos);
}

static enum rc read_into(const char *path, size_t threads, struct heard *h, struct site_read_count *count,
                         struct err *err)
{
    struct site_sink sink = {.draft = on_draft, .reject = on_reject, .ctx = h};
    struct osm_options opt = {.threads = threads};
    *count = (struct site_read_count){0};
    return sites_read_osm(path, OSM_FORMAT_ANY, &opt, &sink, count, err);
}

static void read_well(const char *path, size_t threads, struct heard *h, struct site_read_count *count)
{
    struct err err = {0};
    heard_init(h);
    if (read_into(path, threads, h, count, &err) != RC_OK)
        fail_msg("%s", err.text);
    assert_int_equal(count->read, count->drafts + count->rejected);
    assert_int_equal(h->outside, 0);
    assert_int_equal(h->rejected_silently, 0);
    buf_add_char(&h->text, 0);
}

static bool shared(const char *name, char path[1024])
{
    const char *dir = getenv("FANE_SHARED");
    snprintf(path, 1024, "%s/data/osm/%s", dir ? dir : "../shared", name);
    if (file_is_there(path))
        return true;
    printf("SKIPPED: no shared data at %s\n", path);
    return false;
}

static void temp_path(char path[64], const char *end)
{
    snprintf(path, 64, "/tmp/fane-test-osm-XXXXXX%s", end);
    int fd = mkstemps(path, (int)strlen(end));
    assert_true(fd >= 0);
    close(fd);
}

static void write_file(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}

/* --- shared extracts ----------------------------------------------------------------------------------------------- */

static void counts_of_the_extracts(void **state)
{
    static const struct {
        const char *name;
        int64_t worship, cemeteries; /* -1: not counted by others */
    } FILES[] = {
        {"andorra-2025.osm.pbf", 63, 15},
        {"andorra-2013.osm.pbf", 11, 1},
        {"liechtenstein-2015.osm.pbf", 21, -1},
        {"liechtenstein-2013.osm.pbf", 21, -1},
        {"harrisburg.osm.pbf", 25, 24},
        {"helsinki-2019.osm.pbf", 8, 0},
        {"monaco-2021.osm.pbf", 15, 1},
        {"monaco-2021.lz4.osm.pbf", 15, 1},
        {"monaco-2022-nometa.osm.pbf", 16, 1},
        {"combined-visible.osm.pbf", 135, -1},
        {"monaco.osm.gz", 6, 1},
        {"north-bayreuth.osm.gz", 3, 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        char path[1024];
        struct heard h;
        struct site_read_count count;
        if (!shared(FILES[i].name, path))
            continue;
        read_well(path, 3, &h, &count);
        if (h.worship != FILES[i].worship || (FILES[i].cemeteries >= 0 && h.cemeteries != FILES[i].cemeteries))
            fail_msg("%s: %lld places of worship, %lld cemeteries", FILES[i].name, (long long)h.worship,
                     (long long)h.cemeteries);
        heard_fini(&h);
    }
}

static void same_text(const char *a, size_t a_threads, const char *b, size_t b_threads)
{
    struct heard x, y;
    struct site_read_count count;
    read_well(a, a_threads, &x, &count);
    read_well(b, b_threads, &y, &count);
    assert_true(x.text.n > 100);
    assert_string_equal(x.text.p, y.text.p);
    heard_fini(&x);
    heard_fini(&y);
}

static void same_for_any_threads_and_packing(void **state)
{
    static const char *const FILES[] = {"andorra-2025.osm.pbf", "combined-visible.osm.pbf", "harrisburg.osm.pbf"};
    char path[1024], twin[1024];
    (void)state;
    for (size_t i = 0; i < 3; i++)
        if (shared(FILES[i], path))
            for (size_t threads = 2; threads <= 4; threads++)
                same_text(path, 1, path, threads);
    if (shared("monaco-2021.osm.pbf", path) && shared("monaco-2021.lz4.osm.pbf", twin))
        same_text(path, 2, twin, 1);
}

static void same_as_xml(void **state)
{
    static const char *const FILES[] = {"andorra-2013.osm.pbf", "monaco-2021.osm.pbf", "helsinki-2019.osm.pbf"};
    (void)state;
    if (system("osmium --version >/dev/null 2>&1") != 0) {
        printf("SKIPPED: osmium is not installed\n");
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        char path[1024], xml[64], pbf[64], command[2400];
        if (!shared(FILES[i], path))
            continue;
        temp_path(xml, ".osm.gz");
        temp_path(pbf, ".osm.pbf");
        /* the second as PBF with plain nodes and raw blobs */
        snprintf(command, sizeof command,
                 "osmium cat --no-progress --overwrite -o %s %s && osmium cat --no-progress "
                 "--overwrite -f pbf,pbf_dense_nodes=false,pbf_compression=none,locations_on_ways=false -o %s %s",
                 xml, path, pbf, path);
        assert_int_equal(system(command), 0);
        same_text(path, 2, xml, 1);
        same_text(path, 2, pbf, 4);
        unlink(xml);
        unlink(pbf);
    }
}

static void truncated_anywhere(void **state)
{
    enum { CUTS = 50 };
    static const char *const FILES[] = {"monaco-2021.osm.pbf", "monaco.osm.gz"};
    struct prng r;
    (void)state;
    prng_seed(&r, 50);
    printf("seed 50\n");
    for (size_t i = 0; i < 2; i++) {
        char path[1024], cut[64];
        struct arena mem;
        struct str bytes;
        if (!shared(FILES[i], path))
            continue;
        arena_init(&mem);
        assert_int_equal(file_read(path, 1 << 26, &mem, &bytes, NULL), RC_OK);
        temp_path(cut, "");
        for (int k = 0; k < CUTS; k++) {
            struct heard h;
            struct site_read_count count;
            struct err err = {0};
            heard_init(&h);
            write_file(cut, bytes.p, 1 + (size_t)prng_below(&r, bytes.n - 1));
            assert_int_not_equal(read_into(cut, 2, &h, &count, &err), RC_OK);
            assert_true(err.text[0] != 0);
            assert_int_equal(h.text.n, 0); /* nothing is handed on */
            assert_int_equal(count.read, 0);
            heard_fini(&h);
        }
        unlink(cut);
        arena_fini(&mem);
    }
}

/* --- files made here ----------------------------------------------------------------------------------------------- */

#define POW  "<tag k='amenity' v='place_of_worship'/>"
#define HEAD "<osm version='0.6'>\n"

static void expect_xml(const char *body, const char *want)
{
    char path[64];
    struct heard h;
    struct site_read_count count;
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, HEAD "%s</osm>\n", body);
    temp_path(path, ".osm");
    write_file(path, b.p, b.n);
    read_well(path, 2, &h, &count);
    unlink(path);
    assert_string_equal(h.text.p, want);
    heard_fini(&h);
    buf_fini(&b);
}

static void the_latest_version_counts(void **state)
{
    (void)state;
    expect_xml(
        "<node id='1' version='3' lat='1' lon='1'>" POW "</node><node id='1' version='1' lat='2' lon='2'>" POW "</node>"
        "<node id='2' version='1' lat='1' lon='1'>" POW "</node><node id='2' version='2' lat='1' lon='1'/>"
        "<node id='3' version='1' lat='1' lon='1'>" POW "</node><node id='3' version='2' visible='false'/>"
        "<node id='4' version='1' lat='1' lon='1'>" POW "</node><node id='4' version='1' lat='3' lon='3'>" POW "</node>"
        "<node id='-5' visible='false' version='1'>" POW "</node>",
        "- node/-5 deleted: the file says that the object is no more\n"
        "- node/1 duplicate of node/1: version 3 in the file counts, this is version 1\n"
        "node/1 v3 place_of_worship OTHER / @1.000000000,1.000000000 p0 []   ()\n"
        "- node/2 duplicate of node/2: version 2 in the file counts, this is version 1\n"
        "- node/3 duplicate of node/3: version 2 in the file counts, this is version 1\n"
        "- node/4 duplicate of node/4: it stands again later in the file\n"
        "node/4 v1 place_of_worship OTHER / @3.000000000,3.000000000 p0 []   ()\n");
}

#define SQUARE                                                                                                         \
    "<node id='1' lat='0' lon='0'/><node id='2' lat='0' lon='1'/><node id='3' lat='1' lon='1'/><node id='4' lat='1' lon='0'/>"

static void lines_and_incomplete_ways(void **state)
{
    (void)state;
    expect_xml(SQUARE "<way id='1'><nd ref='1'/><nd ref='2'/>" POW "</way>"
                      "<way id='2'><nd ref='98'/><nd ref='99'/>" POW "</way>"
                      "<way id='3'><nd ref='1'/>" POW "</way>"
                      "<way id='4'>" POW "</way>",
               "way/1 v0 place_of_worship OTHER / @0.000000000,0.500000000 p55598 []   ()\n"
               "way/2 v0 place_of_worship OTHER / []   (2 of 2 nodes are missing in the file)\n"
               "way/3 v0 place_of_worship OTHER / @0.000000000,0.000000000 p0 []   ()\n"
               "way/4 v0 place_of_worship OTHER / []   ()\n");
}

static const char *after(const struct heard *h, const char *id)
{
    const char *at = strstr(h->text.p, id);
    assert_non_null(at);
    return at;
}

static void read_xml(const char *body, struct heard *h)
{
    char path[64];
    struct site_read_count count;
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, HEAD "%s</osm>\n", body);
    temp_path(path, ".osm");
    write_file(path, b.p, b.n);
    read_well(path, 2, h, &count);
    unlink(path);
    buf_fini(&b);
}

static void relations(void **state)
{
    struct heard h;
    (void)state;
    read_xml(
        SQUARE
        "<node id='11' lat='0.1' lon='0.1'/><node id='12' lat='0.1' lon='0.9'/><node id='13' lat='0.9' lon='0.9'/>"
        "<node id='14' lat='0.9' lon='0.1'/>"
        "<way id='1'><nd ref='1'/><nd ref='2'/><nd ref='3'/></way><way id='2'><nd ref='1'/><nd ref='4'/><nd ref='3'/></way>"
        "<way id='3'><nd ref='11'/><nd ref='12'/><nd ref='13'/><nd ref='14'/><nd ref='11'/></way>"
        "<relation id='1'><tag k='type' v='multipolygon'/>" POW "<member type='way' ref='2' role='outer'/>"
        "<member type='way' ref='1' role='outer'/><member type='way' ref='3' role='inner'/></relation>"
        "<relation id='2'><tag k='type' v='multipolygon'/>" POW "<member type='way' ref='3' role='outer'/>"
        "<member type='way' ref='77' role='outer'/></relation>"
        "<relation id='3'><tag k='type' v='multipolygon'/>" POW "<member type='way' ref='1' role='outer'/>"
        "<member type='way' ref='77' role='outer'/></relation>"
        "<relation id='4'><tag k='type' v='site'/>" POW "<member type='node' ref='1' role=''/>"
        "<member type='node' ref='2' role=''/></relation>"
        "<relation id='5'><tag k='type' v='site'/>" POW "<member type='relation' ref='4' role=''/></relation>"
        "<relation id='6'><tag k='type' v='multipolygon'/>" POW "<member type='way' ref='77' role='outer'/></relation>"
        "<relation id='7'><tag k='type' v='multipolygon'/>" POW "<member type='way' ref='1' role='outer'/></relation>",
        &h);
    assert_int_equal(h.areas, 2);
    assert_non_null(strstr(after(&h, "relation/1 "), "p0 [0103000000020000000500")); /* a polygon of two rings */
    assert_non_null(strstr(after(&h, "relation/2 "), "1 of 2 ways missing"));
    assert_non_null(strstr(after(&h, "relation/3 "), "[]   (1 of 2 member ways are missing in the file)"));
    assert_non_null(strstr(after(&h, "relation/4 "), "@0.000000000,0.500000000 p55598 []"));
    assert_non_null(strstr(after(&h, "relation/5 "), "@0.000000000,0.500000000 p55598 []"));
    assert_non_null(strstr(after(&h, "relation/6 "), "/ []   (1 of 1 member ways are missing in the file)"));
    assert_non_null(strstr(after(&h, "relation/7 "), "its outline does not close"));
    heard_fini(&h);
}

/* Blobs in the worst order: every way and relation before its nodes, kinds mixed; enough blobs for a guess, a wrong one. */
static void unsorted_pbf(void **state)
{
    enum { SITES = 60 };
    static const char *const TEXTS[] = {"amenity", "place_of_worship", NULL};
    char path[64];
    struct heard h, again;
    struct site_read_count count;
    struct buf file, block, group, way, dense;
    (void)state;
    buf_init(&file, 0), buf_init(&block, 0), buf_init(&group, 0), buf_init(&way, 0), buf_init(&dense, 0);
    mk_file_header(&file, NULL);
    for (int64_t i = SITES; i > 0; i--) {
        int64_t ref[5] = {4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3, 4 * i}, lat[4] = {0, 0, 1000, 1000},
                lon[4] = {0, 1000, 1000, 0};
        for (int k = 0; k < 4; k++)
            lat[k] += 10000 * i;
        for (int order = 0; order < 2; order++) {
            mk_texts(&block, TEXTS);
            if ((i % 3 == 0) == order) {
                mk_number(&way, 1, (uint64_t)i);
                mk_list(&way, 2, (int64_t[]){1}, 1, false);
                mk_list(&way, 3, (int64_t[]){2}, 1, false);
                mk_list(&way, 8, ref, 5, true);
                mk_sub(&group, 3, &way);
            } else {
                mk_list(&dense, 1, ref, 4, true);
                mk_list(&dense, 8, lat, 4, true);
                mk_list(&dense, 9, lon, 4, true);
                mk_sub(&group, 2, &dense);
            }
            mk_sub(&block, 2, &group);
            mk_file_add(&file, "OSMData", MK_ZLIB, buf_str(&block));
            buf_clear(&block);
        }
    }
    temp_path(path, ".pbf");
    write_file(path, file.p, file.n);
    read_well(path, 1, &h, &count);
    read_well(path, 4, &again, &count);
    unlink(path);
    assert_int_equal(count.drafts, SITES);
    assert_int_equal(h.areas, SITES);
    assert_string_equal(h.text.p, again.text.p);
    heard_fini(&h), heard_fini(&again);
    buf_fini(&file), buf_fini(&block), buf_fini(&group), buf_fini(&way), buf_fini(&dense);
}

static void what_is_no_map(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum rc rc;
        const char *text;
    } FILES[] = {
        {"", 0, RC_DAMAGED, "empty"},
        {"BZh91AY", 7, RC_UNSUPPORTED, "bzip2"},
        {"\xFD"
         "7zXZ\0",
         6, RC_UNSUPPORTED, "xz"},
        {"PK\3\4", 4, RC_UNSUPPORTED, "zip"},
        {"id,name\n1,x\n", 12, RC_DAMAGED, "OSM PBF"},
        {"<html></html>", 13, RC_INVALID, "<osm>"},
        {"\x1F\x8B\x08", 3, RC_DAMAGED, ""},
    };
    char path[64];
    (void)state;
    temp_path(path, "");
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        struct heard h;
        struct site_read_count count;
        struct err err = {0};
        heard_init(&h);
        write_file(path, FILES[i].bytes, FILES[i].n);
        enum rc rc = read_into(path, 1, &h, &count, &err);
        if (rc != FILES[i].rc || !strstr(err.text, FILES[i].text))
            fail_msg("%zu: %s %s", i, rc_name(rc), err.text);
        heard_fini(&h);
    }
    unlink(path);
    struct heard h;
    struct site_read_count count;
    struct err err;
    heard_init(&h);
    assert_int_equal(read_into("/nowhere/at/all.pbf", 1, &h, &count, &err), RC_NOT_FOUND);
    heard_fini(&h);
}

static void from_a_stream(void **state)
{
    char path[1024];
    struct heard file, stream;
    struct site_read_count count;
    (void)state;
    if (!shared("monaco-2021.osm.pbf", path))
        return;
    read_well(path, 2, &file, &count);
    int keep = dup(STDIN_FILENO), fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char chunk[4096];
        int in = open(path, O_RDONLY);
        for (ssize_t n; (n = read(in, chunk, sizeof chunk)) > 0;)
            if (write(fds[1], chunk, (size_t)n) != n)
                _exit(1);
        _exit(0);
    }
    close(fds[1]);
    dup2(fds[0], STDIN_FILENO);
    close(fds[0]);
    read_well("-", 2, &stream, &count);
    dup2(keep, STDIN_FILENO);
    close(keep);
    assert_string_equal(file.text.p, stream.text.p);
    heard_fini(&file), heard_fini(&stream);
}

static enum rc sink_fails(void *ctx, const struct site_draft *d, struct err *err)
{
    (void)ctx, (void)d;
    return err_set(err, RC_BUSY, "enough");
}

static void the_sink_may_stop(void **state)
{
    char path[1024];
    struct err err;
    struct site_sink sink = {.draft = sink_fails};
    struct site_read_count count = {77, 77, 77};
    (void)state;
    if (!shared("monaco-2021.osm.pbf", path))
        return;
    assert_int_equal(sites_read_osm(path, OSM_FORMAT_PBF, NULL, &sink, &count, &err), RC_BUSY);
    assert_int_equal(count.read, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_of_the_extracts),
        cmocka_unit_test(same_for_any_threads_and_packing),
        cmocka_unit_test(same_as_xml),
        cmocka_unit_test(truncated_anywhere),
        cmocka_unit_test(the_latest_version_counts),
        cmocka_unit_test(lines_and_incomplete_ways),
        cmocka_unit_test(relations),
        cmocka_unit_test(unsorted_pbf),
        cmocka_unit_test(what_is_no_map),
        cmocka_unit_test(from_a_stream),
        cmocka_unit_test(the_sink_may_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
