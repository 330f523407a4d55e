/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The writer of GeoPackages: what it leaves behind when it is finished, given up, or cannot begin. That others can read
 * the files is shown in tests/peers/ogc.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "store/gpkg.h"

static const struct gpkg_column COLUMNS[] = {{"name", GPKG_TEXT}, {"n", GPKG_INTEGER}};
static const struct gpkg_layer LAYER = {
    .name = "things", .title = "Things", .description = "", .geometry = "POINT", .columns = COLUMNS, .n = 2};

struct here {
    char dir[64], path[80];
};

static void make_dir(struct here *h)
{
    snprintf(h->dir, sizeof h->dir, "/tmp/fane-gpkg-XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    snprintf(h->path, sizeof h->path, "%s/a.gpkg", h->dir);
}

static struct gpkg *begin(const struct here *h, int rows)
{
    struct err err = {0};
    struct gpkg *g;
    int layer;
    if (gpkg_new(h->path, &g, &err) != RC_OK || gpkg_layer_add(g, &LAYER, &layer, &err) != RC_OK)
        fail_msg("%s", err.text);
    for (int i = 0; i < rows; i++) {
        const struct store_arg args[] = {SA_TEXT(STR("'); DROP TABLE things; --")), SA_INT(i)};
        assert_int_equal(gpkg_point_row(g, layer, i % 10 != 0, i % 90, i % 180, args, &err), RC_OK);
    }
    return g;
}

static void test_finished(void **state)
{
    struct here h;
    struct err err = {0};
    struct gpkg_done done;
    struct file_map m;
    (void)state;
    make_dir(&h);
    struct gpkg *g = begin(&h, 5000);
    assert_int_equal(gpkg_note(g, "text/plain", "urn:x", STR("a note"), &err), RC_OK);
    assert_int_equal(gpkg_finish(g, true, &done, &err), RC_OK);
    assert_int_equal(file_map_open(h.path, &m, &err), RC_OK);
    assert_int_equal(m.n, done.bytes);
    assert_true(sha256_is_equal(sha256_of(m.p, m.n), done.digest));
    assert_memory_equal(m.p, "SQLite format 3", 16);
    assert_memory_equal(m.p + 68, "GPKG", 4); /* application_id, OGC 12-128r18, requirement 2 */
    file_map_close(&m);

    struct gpkg *again;
    assert_int_equal(gpkg_new(h.path, &again, &err), RC_IO); /* it is there; it stays */
    assert_int_equal(file_map_open(h.path, &m, &err), RC_OK);
    assert_true(sha256_is_equal(sha256_of(m.p, m.n), done.digest));
    file_map_close(&m);
    unlink(h.path);
    rmdir(h.dir);
}

static void test_given_up(void **state)
{
    struct here h;
    struct err err = {0};
    struct gpkg_done done = {.bytes = -1};
    struct gpkg *g;
    (void)state;
    make_dir(&h);
    assert_int_equal(gpkg_finish(begin(&h, 5000), false, &done, &err), RC_OK);
    assert_false(file_is_there(h.path));
    assert_int_equal(done.bytes, -1);
    assert_int_equal(rmdir(h.dir), 0); /* nothing beside it either */
    assert_int_equal(gpkg_new(h.path, &g, &err), RC_IO);
    assert_non_null(strstr(err.text, h.path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_finished), cmocka_unit_test(test_given_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
