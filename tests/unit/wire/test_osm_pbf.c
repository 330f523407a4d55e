/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The PBF reader on small files made here: every kind of object and coding, every refusal by name, bombs, lies about
 * sizes, truncation at every byte, random damage.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/rng.h"
#include "pbf_make.h"
#include "wire/osm_pbf.h"

/* --- a log of what was handed out ---------------------------------------------------------------------------------- */

static enum rc on_object(void *ctx, const struct osm_object *o, struct err *err)
{
    struct buf *log = ctx;
    (void)err;
    buf_printf(log, "%c%lld v%lld%s why%u", "nwr"[o->kind], (long long)o -> id, (long long)o -> version,
               o -> is_visible ? "" : " gone", o->why);
    if (o->kind == OSM_NODE)
        buf_printf(log, " @%d,%d", o->at.lat_e7, o->at.lon_e7);
    for (size_t i = 0; i < o->tags_n; i++)
        buf_printf(log, " " STR_FMT "=" STR_FMT, STR_ARG(o->tags[i].key), STR_ARG(o->tags[i].value));
    for (size_t i = 0; i < o->refs_n; i++)
        buf_printf(log, " >%lld", (long long)o->refs[i]);
    for (size_t i = 0; o->ref_at && i < o->refs_n; i++)
        buf_printf(log, " @%d,%d", o->ref_at[i].lat_e7, o->ref_at[i].lon_e7);
    for (size_t i = 0; i < o->members_n; i++)
        buf_printf(log, " %c%lld:" STR_FMT, "nwr"[o->members[i].kind], (long long)o -> members[i].ref,
                   STR_ARG(o->members[i].role));
    buf_add_z(log, "\n");
    return RC_OK;
}

static struct osm_filter *worship(void)
{
    static const struct str ENTRIES[] = {{"amenity=place_of_worship", 24}, {"religion", 8}};
    struct osm_filter *f;
    assert_int_equal(osm_filter_new(ENTRIES, 2, &f, NULL), RC_OK);
    return f;
}

/* Everything the filter lets through and the ids, of a file in memory. */
static enum rc scan(struct str file, const struct osm_want *want, struct buf *log, struct osm_pbf_seen *all,
                    struct err *err)
{
    struct osm_pbf *f;
    enum rc rc = osm_pbf_open_mem(file, &f, err);
    if (rc != RC_OK)
        return rc;
    struct osm_pbf_reader *r = osm_pbf_reader_new();
    for (size_t i = 0; rc == RC_OK && i < osm_pbf_blob_count(f); i++)
        rc = osm_pbf_scan(f, r, i, want, on_object, log, all, err);
    osm_pbf_reader_free(r);
    osm_pbf_free(f);
    return rc;
}

static void expect(struct buf *file, const int64_t *nodes, size_t nodes_n, const char *want_log)
{
    struct osm_filter *filter = worship();
    struct osm_want want = {.kinds = 7, .filter = filter, .ids = {nodes}, .ids_n = {nodes_n}};
    struct osm_pbf_seen seen;
    struct buf log;
    struct err err = {0};
    buf_init(&log, 0);
    if (scan(buf_str(file), &want, &log, &seen, &err) != RC_OK)
        fail_msg("%s", err.text);
    buf_add_char(&log, 0);
    assert_string_equal(log.p, want_log);
    buf_fini(&log);
    osm_filter_free(filter);
}

static void expect_error(struct str file, enum rc rc, const char *text)
{
    struct osm_filter *filter = worship();
    struct osm_want want = {.kinds = 7, .filter = filter};
    struct osm_pbf_seen seen;
    struct buf log;
    struct err err = {0};
    buf_init(&log, 0);
    enum rc got = scan(file, &want, &log, &seen, &err);
    if (got != rc || !strstr(err.text, text))
        fail_msg("wanted %s \"%s\", got %s \"%s\"", rc_name(rc), text, rc_name(got), err.text);
    buf_fini(&log);
    osm_filter_free(filter);
}

/* --- a file with one of everything --------------------------------------------------------------------------------- */

static const char *const TEXTS[] = {"amenity", "place_of_worship", "name", "St. A", "religion", "bar;place_of_worship ",
                                    "outer",   "building",         NULL};
enum { T_AMENITY = 1, T_POW, T_NAME, T_ST_A, T_RELIGION, T_LIST, T_OUTER, T_BUILDING };

static void dense_group(struct buf *block, const int64_t *visible)
{
    struct buf dense, info, group;
    buf_init(&dense, 0), buf_init(&info, 0), buf_init(&group, 0);
    mk_list(&dense, 1, (int64_t[]){-5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 5000000000}, 11, true);
    mk_list(&info, 1, (int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 11, false);
    if (visible)
        mk_list(&info, 6, visible, 11, false);
    mk_sub(&dense, 5, &info);
    mk_list(&dense, 8, (int64_t[]){425000000, -425000000, 3, 4, 5, 6, 7, 8, 9, 10, 900000001}, 11, true);
    mk_list(&dense, 9, (int64_t[]){15000000, -1800000000, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 11, true);
    mk_list(&dense, 10,
            (int64_t[]){T_NAME, T_ST_A, T_AMENITY, T_POW, 0, 0, T_AMENITY, T_ST_A, 0, 0, 0, 0, 0, 0, 0, 0, T_AMENITY,
                        T_LIST, 0},
            19, false);
    mk_sub(&group, 2, &dense);
    mk_sub(block, 2, &group);
    buf_fini(&dense), buf_fini(&info), buf_fini(&group);
}

static void way_group(struct buf *block, bool with_places)
{
    struct buf way, info, group;
    buf_init(&way, 0), buf_init(&info, 0), buf_init(&group, 0);
    mk_number(&way, 1, 77);
    mk_list(&way, 2, (int64_t[]){T_RELIGION, T_BUILDING}, 2, false);
    mk_list(&way, 3, (int64_t[]){T_ST_A, T_NAME}, 2, false);
    mk_number(&info, 1, 3);
    mk_sub(&way, 4, &info);
    mk_list(&way, 8, (int64_t[]){10, 11, 12, 10}, 4, true);
    if (with_places) {
        mk_list(&way, 9, (int64_t[]){10, 20, 30, 10}, 4, true);
        mk_list(&way, 10, (int64_t[]){-10, -20, -30, -10}, 4, true);
    }
    mk_sub(&group, 3, &way);
    mk_number(&way, 1, 78); /* not wanted */
    mk_list(&way, 2, (int64_t[]){T_BUILDING}, 1, false);
    mk_list(&way, 3, (int64_t[]){T_RELIGION}, 1, false);
    mk_sub(&group, 3, &way);
    mk_sub(block, 2, &group);
    buf_fini(&way), buf_fini(&info), buf_fini(&group);
}

static void relation_group(struct buf *block)
{
    struct buf rel, info, group;
    buf_init(&rel, 0), buf_init(&info, 0), buf_init(&group, 0);
    mk_number(&rel, 1, (uint64_t)-9); /* negative int64 ids take ten bytes */
    mk_list(&rel, 2, (int64_t[]){T_AMENITY}, 1, false);
    mk_list(&rel, 3, (int64_t[]){T_POW}, 1, false);
    mk_number(&info, 1, (uint64_t)-1); /* not told */
    mk_number(&info, 6, 0);
    mk_sub(&rel, 4, &info);
    mk_list(&rel, 8, (int64_t[]){T_OUTER, 0, 0}, 3, false);
    mk_list(&rel, 9, (int64_t[]){77, -5, 4}, 3, true);
    mk_list(&rel, 10, (int64_t[]){1, 0, 2}, 3, false);
    mk_sub(&group, 4, &rel);
    mk_sub(block, 2, &group);
    buf_fini(&rel), buf_fini(&info), buf_fini(&group);
}

static void node_group(struct buf *block)
{
    struct buf node, group;
    buf_init(&node, 0), buf_init(&group, 0);
    mk_number(&node, 1, mk_zigzag(-1));
    mk_list(&node, 2, (int64_t[]){T_RELIGION}, 1, false);
    mk_list(&node, 3, (int64_t[]){T_ST_A}, 1, false);
    mk_number(&node, 8, mk_zigzag(-10000000));
    mk_number(&node, 9, mk_zigzag(20000000));
    mk_sub(&group, 1, &node);
    mk_sub(block, 2, &group);
    buf_fini(&node), buf_fini(&group);
}

static void make_file(struct buf *file, enum mk_packing how, const int64_t *visible, bool with_places)
{
    struct buf block;
    buf_init(file, 0);
    buf_init(&block, 0);
    mk_file_header(file, with_places ? "LocationsOnWays" : visible ? "HistoricalInformation" : NULL);
    dense_group(&block, visible); /* groups before texts: the order of fields is free */
    mk_texts(&block, TEXTS);
    mk_file_add(file, "OSMData", how, buf_str(&block));
    buf_clear(&block);
    mk_texts(&block, TEXTS);
    way_group(&block, with_places);
    relation_group(&block);
    node_group(&block);
    mk_file_add(file, "OSMData", how, buf_str(&block));
    buf_fini(&block);
}

#define REST                                                                                                           \
    "r-9 v0 gone why1 amenity=place_of_worship w77:outer n-5: r4:\nn-1 v0 why1 @-10000000,20000000 religion=St. A\n"

static void every_kind(void **state)
{
    (void)state;
    for (enum mk_packing how = MK_RAW; how <= MK_LZ4; how++) {
        struct buf file;
        make_file(&file, how, NULL, false);
        expect(&file, (int64_t[]){-6, -5, 10, 13, 16, 5000000000, 5000000001}, 7,
               "n-5 v1 why3 @425000000,15000000 name=St. A amenity=place_of_worship\n"
               "n10 v2 why2 @-425000000,-1800000000\n"
               "n13 v5 why2 @5,5\n"
               "n16 v8 why2 @8,8\n"
               "n5000000000 v11 why3 @2147483647,2147483647 amenity=bar;place_of_worship \n"
               "w77 v3 why1 religion=St. A building=name >10 >11 >12 >10\n" REST);
        buf_fini(&file);
    }
}

static void history_and_places_on_ways(void **state)
{
    struct buf file;
    (void)state;
    make_file(&file, MK_ZLIB, (int64_t[]){0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, true);
    expect(&file, (int64_t[]){10}, 1,
           "n-5 v1 gone why1 @425000000,15000000 name=St. A amenity=place_of_worship\n"
           "n10 v2 why2 @-425000000,-1800000000\n"
           "n5000000000 v11 why1 @2147483647,2147483647 amenity=bar;place_of_worship \n"
           "w77 v3 why1 religion=St. A building=name >10 >11 >12 >10 @10,-10 @20,-20 @30,-30 @10,-10\n" REST);
    buf_fini(&file);
}

static void granularity_and_offsets(void **state)
{
    struct buf file, block, dense, group;
    (void)state;
    buf_init(&file, 0), buf_init(&block, 0), buf_init(&dense, 0), buf_init(&group, 0);
    mk_file_header(&file, NULL);
    mk_texts(&block, TEXTS);
    mk_number(&block, 17, 1000);
    mk_number(&block, 19, 5000000000);
    mk_number(&block, 20, (uint64_t)-7000000000);
    mk_list(&dense, 1, (int64_t[]){7}, 1, true);
    mk_list(&dense, 8, (int64_t[]){1000000}, 1, true);
    mk_list(&dense, 9, (int64_t[]){-2000000}, 1, true);
    mk_sub(&group, 2, &dense);
    mk_sub(&block, 2, &group);
    mk_file_add(&file, "OSMData", MK_ZLIB, buf_str(&block));
    expect(&file, (int64_t[]){7}, 1, "n7 v0 why2 @60000000,-90000000\n"); /* 5 + 1 and -7 - 2 degrees */
    buf_fini(&file), buf_fini(&block), buf_fini(&dense), buf_fini(&group);
}

/* Ids in no order, ids that stand twice, long steps: a walk by hand is the truth. */
static void ids_in_any_order(void **state)
{
    enum { N = 400, ROUNDS = 300 };
    struct prng r;
    (void)state;
    prng_seed(&r, 11);
    printf("seed 11\n");
    for (int round = 0; round < ROUNDS; round++) {
        struct buf file, block, dense, group, log, truth;
        int64_t ids[N], zero[N] = {0}, wanted[100], id = 0;
        size_t wanted_n = 0;
        bool rising = true;
        buf_init(&file, 0), buf_init(&block, 0), buf_init(&dense, 0), buf_init(&group, 0), buf_init(&log, 0),
            buf_init(&truth, 0);
        for (size_t i = 0; i < N; i++) {
            int64_t step = prng_below(&r, 10) ? 1 + (int64_t)prng_below(&r, 3) : 1 + (int64_t)prng_below(&r, 300);
            if (round % 3 == 1 && prng_below(&r, 50) == 0)
                step = (int64_t)prng_below(&r, 2000) - 1000;
            rising = rising && (i == 0 || step > 0);
            id += step;
            ids[i] = id;
        }
        for (int64_t v = -900; v < 4000 && wanted_n < 100; v += 1 + (int64_t)prng_below(&r, 90))
            wanted[wanted_n++] = v;
        for (size_t i = 0; i < N; i++)
            for (size_t k = 0; k < wanted_n; k++)
                if (wanted[k] == ids[i])
                    buf_printf(&truth, "n%lld v0 why2 @0,0\n", (long long)ids[i]);
        mk_list(&dense, 1, ids, N, true);
        mk_list(&dense, 8, zero, N, true);
        mk_list(&dense, 9, zero, N, true);
        mk_sub(&group, 2, &dense);
        mk_sub(&block, 2, &group);
        mk_file_header(&file, NULL);
        mk_file_add(&file, "OSMData", MK_RAW, buf_str(&block));
        struct osm_want want = {.kinds = OSM_BIT(OSM_NODE), .ids = {wanted}, .ids_n = {wanted_n}};
        struct osm_pbf_seen seen;
        struct err err;
        assert_int_equal(scan(buf_str(&file), &want, &log, &seen, &err), RC_OK);
        assert_int_equal(log.n, truth.n);
        assert_true(truth.n == 0 || memcmp(log.p, truth.p, truth.n) == 0);
        assert_int_equal(seen.of[OSM_NODE].is_rising, rising);
        assert_int_equal(seen.of[OSM_NODE].n, N);
        assert_true(seen.of[OSM_NODE].first == ids[0] && seen.of[OSM_NODE].last == ids[N - 1]);
        int64_t least = ids[0], most = ids[0];
        for (size_t i = 1; i < N; i++) {
            least = ids[i] < least ? ids[i] : least;
            most = ids[i] > most ? ids[i] : most;
        }
        assert_true(seen.of[OSM_NODE].least == least && seen.of[OSM_NODE].most == most);
        buf_fini(&file), buf_fini(&block), buf_fini(&dense), buf_fini(&group), buf_fini(&log), buf_fini(&truth);
    }
}

/* --- refusals ------------------------------------------------------------------------------------------------------ */

static void refused_by_name(void **state)
{
    static const struct {
        unsigned field;
        const char *name;
    } PACKINGS[] = {{4, "LZMA"}, {5, "bzip2"}, {7, "Zstandard"}};
    struct buf file, blob;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        buf_init(&file, 0), buf_init(&blob, 0);
        mk_file_header(&file, NULL);
        mk_number(&blob, 2, 10);
        mk_bytes(&blob, PACKINGS[i].field, STR("whatever"));
        mk_file_blob(&file, "OSMData", buf_str(&blob));
        expect_error(buf_str(&file), RC_UNSUPPORTED, PACKINGS[i].name);
        expect_error(buf_str(&file), RC_UNSUPPORTED, "blob 1 at byte ");
        buf_fini(&file), buf_fini(&blob);
    }
    buf_init(&file, 0);
    mk_file_header(&file, "TimeTravel");
    expect_error(buf_str(&file), RC_UNSUPPORTED, "\"TimeTravel\"");
    buf_fini(&file);
}

static void bomb(enum mk_packing how, uint64_t says, enum rc rc, const char *text)
{
    struct buf file, blob;
    size_t n = 64 << 20;
    char *zeros = calloc(1, n), *packed = malloc(n);
    uLongf size = n;
    buf_init(&file, 0), buf_init(&blob, 0);
    if (how == MK_ZLIB)
        compress((Bytef *)packed, &size, (const Bytef *)zeros, n);
    else
        size = (uLongf)LZ4_compress_default(zeros, packed, (int)n, (int)n);
    mk_file_header(&file, NULL);
    mk_number(&blob, 2, says);
    mk_bytes(&blob, how == MK_ZLIB ? 3 : 6, (struct str){packed, size});
    mk_file_blob(&file, "OSMData", buf_str(&blob));
    free(zeros);
    free(packed);
    expect_error(buf_str(&file), rc, text);
    buf_fini(&file), buf_fini(&blob);
}

static void bombs(void **state)
{
    (void)state;
    bomb(MK_ZLIB, 1000, RC_DAMAGED, "more than the 1000 bytes announced");
    bomb(MK_ZLIB, 64 << 20, RC_TOO_LARGE, "32 MiB");
    bomb(MK_ZLIB, UINT64_MAX, RC_TOO_LARGE, "32 MiB");
    bomb(MK_LZ4, 1000, RC_DAMAGED, "more than the 1000 bytes announced");
    bomb(MK_LZ4, 64 << 20, RC_TOO_LARGE, "32 MiB");
}

static void lies_about_sizes(void **state)
{
    struct buf file, blob, plain;
    (void)state;
    buf_init(&file, 0), buf_init(&blob, 0), buf_init(&plain, 0);
    buf_add_z(&file, "\x7F\xFF\xFF\xFF");
    expect_error((struct str){"\x7F\xFF\xFF\xFF\x0A\x09OSMHeader", 15}, RC_DAMAGED, "64 KiB");
    expect_error((struct str){"\0\0\0\0", 4}, RC_DAMAGED, "64 KiB");
    expect_error(STR("<?xml version='1.0'?><osm/>"), RC_DAMAGED, "is this an OSM PBF file?");
    expect_error(STR(""), RC_DAMAGED, "empty");
    buf_clear(&file);
    mk_bytes(&plain, 1, STR("OSMHeader"));
    mk_number(&plain, 3, UINT64_C(1) << 40); /* a blob of a terabyte */
    char n[4] = {0, 0, 0, (char)plain.n};
    buf_add(&file, n, 4);
    buf_add_str(&file, buf_str(&plain));
    expect_error(buf_str(&file), RC_TOO_LARGE, "32 MiB");
    buf_clear(&file);
    mk_file_add(&file, "OSMData", MK_RAW, STR(""));
    expect_error(buf_str(&file), RC_DAMAGED, "OSMHeader");
    buf_clear(&file);
    mk_file_header(&file, NULL);
    mk_number(&blob, 2, 99);
    mk_bytes(&blob, 1, STR("too short"));
    mk_file_blob(&file, "OSMData", buf_str(&blob));
    expect_error(buf_str(&file), RC_DAMAGED, "not as long as announced");
    buf_fini(&file), buf_fini(&blob), buf_fini(&plain);
}

static void unknown_blobs_are_skipped(void **state)
{
    struct buf file, block;
    (void)state;
    buf_init(&file, 0), buf_init(&block, 0);
    mk_file_header(&file, NULL);
    mk_file_add(&file, "SomethingNew", MK_RAW, STR("\xFF\xFF\xFF"));
    mk_texts(&block, TEXTS);
    node_group(&block);
    mk_file_add(&file, "OSMData", MK_ZLIB, buf_str(&block));
    expect(&file, NULL, 0, "n-1 v0 why1 @-10000000,20000000 religion=St. A\n");
    buf_fini(&file), buf_fini(&block);
}

/* --- damage -------------------------------------------------------------------------------------------------------- */

static void truncation_at_every_byte(void **state)
{
    struct buf file;
    struct osm_filter *filter = worship();
    struct osm_want want = {.kinds = 7, .filter = filter};
    struct osm_pbf_seen seen;
    size_t whole = 0;
    (void)state;
    make_file(&file, MK_ZLIB, NULL, false);
    for (size_t cut = 0; cut < file.n; cut++) {
        char *copy = malloc(cut + 1); /* exact, so that a sanitizer sees a read past the end */
        struct buf log;
        struct err err = {0};
        buf_init(&log, 0);
        memcpy(copy, file.p, cut);
        enum rc rc = scan((struct str){copy, cut}, &want, &log, &seen, &err);
        if (rc == RC_OK)
            whole++; /* the file happens to end where a blob ends */
        else
            assert_true(err.text[0] != 0 && (rc == RC_DAMAGED || rc == RC_TOO_LARGE));
        buf_fini(&log);
        free(copy);
    }
    assert_int_equal(whole, 2); /* after the header; after the first data blob */
    buf_fini(&file);
    osm_filter_free(filter);
}

static void damage_never_reads_outside(void **state)
{
    struct buf file;
    struct osm_filter *filter = worship();
    struct osm_want want = {.kinds = 7, .filter = filter, .ids = {(int64_t[]){10, 16}}, .ids_n = {2}};
    struct osm_pbf_seen seen;
    struct prng r;
    size_t failed = 0;
    (void)state;
    prng_seed(&r, 5);
    printf("seed 5\n");
    make_file(&file, MK_RAW, NULL, true);
    for (int i = 0; i < 20000; i++) {
        char *copy = malloc(file.n);
        struct buf log;
        struct err err = {0};
        memcpy(copy, file.p, file.n);
        buf_init(&log, 0);
        for (uint64_t k = 0; k <= prng_below(&r, 3); k++)
            copy[prng_below(&r, file.n)] = (char)prng_below(&r, 256);
        failed += scan((struct str){copy, file.n}, &want, &log, &seen, &err) != RC_OK;
        buf_fini(&log);
        free(copy);
    }
    assert_true(failed > 1000);
    buf_fini(&file);
    osm_filter_free(filter);
}

/* --- the filter ---------------------------------------------------------------------------------------------------- */

static bool passes(const struct osm_filter *f, const char *key, const char *value)
{
    struct osm_tag t = {str_of(key), str_of(value)};
    return osm_filter_passes(f, &t, 1);
}

static void filter_entries(void **state)
{
    struct osm_filter *f = worship();
    (void)state;
    assert_true(passes(f, "amenity", "place_of_worship"));
    assert_true(passes(f, "amenity", " place_of_worship"));
    assert_true(passes(f, "amenity", "cafe; place_of_worship;bar"));
    assert_false(passes(f, "amenity", "place_of_worship_not"));
    assert_false(passes(f, "amenity", "Place_of_worship"));
    assert_false(passes(f, "amenity", ""));
    assert_true(passes(f, "religion", ""));
    assert_true(passes(f, "religion", "x"));
    assert_false(passes(f, "religion ", "x"));
    assert_false(passes(f, "place_of_worship", "amenity"));
    assert_false(passes(f, "", ""));
    osm_filter_free(f);
    struct err err;
    struct str bad = STR("=x");
    assert_int_equal(osm_filter_new(&bad, 1, &f, &err), RC_INVALID);
    assert_int_equal(osm_filter_new(NULL, 0, &f, &err), RC_INVALID);
    struct str many[OSM_FILTER_KEYS_MAX + 1];
    char names[OSM_FILTER_KEYS_MAX + 1][8];
    for (int i = 0; i <= OSM_FILTER_KEYS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "k%d", i);
        many[i] = str_of(names[i]);
    }
    assert_int_equal(osm_filter_new(many, OSM_FILTER_KEYS_MAX + 1, &f, &err), RC_TOO_LARGE);
    assert_int_equal(osm_filter_new(many, OSM_FILTER_KEYS_MAX, &f, &err), RC_OK);
    osm_filter_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind),
        cmocka_unit_test(history_and_places_on_ways),
        cmocka_unit_test(granularity_and_offsets),
        cmocka_unit_test(ids_in_any_order),
        cmocka_unit_test(refused_by_name),
        cmocka_unit_test(bombs),
        cmocka_unit_test(lies_about_sizes),
        cmocka_unit_test(unknown_blobs_are_skipped),
        cmocka_unit_test(truncation_at_every_byte),
        cmocka_unit_test(damage_never_reads_outside),
        cmocka_unit_test(filter_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
