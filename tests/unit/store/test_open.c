/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Opening: what is no database of ours gets a clear error, and the file is nobody else's business.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/store_int.h"
#include "thing.h"

static void put_file(const char *path, const void *data, size_t n)
{
    must(file_replace(path, (struct str){data, n}, 0600, &mine));
}

static void refused(const char *path, enum rc want, const char *says)
{
    struct store *st = NULL;
    struct err err = {0};
    assert_int_equal(store_open(path, NULL, &st, &err), want);
    if (!strstr(err.text, says))
        fail_msg("\"%s\" is not in \"%s\"", says, err.text);
}

static void not_a_database(void **state)
{
    (void)state;
    char path[256], text[5000];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/x", store_test_dir());
    memset(text, 'x', sizeof text);
    put_file(path, text, 50);
    refused(path, RC_DAMAGED, "is not a database");
    put_file(path, text, sizeof text);
    refused(path, RC_DAMAGED, "is not a database");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    refused(path, RC_DAMAGED, "not one of Fane's");
    refused(store_test_dir(), RC_INVALID, "is not a file");
    refused("/nonexistent/folder/fane.db", RC_IO, "cannot make the database /nonexistent/folder/fane.db");
    refused("", RC_INVALID, "empty");
    refused(NULL, RC_INVALID, "empty");
    struct err err = {0};
    struct store *st = NULL;
    snprintf(path, sizeof path, "%s/none", store_test_dir());
    assert_int_equal(store_open(path, &(struct store_options){.read_only = true}, &st, &err), RC_NOT_FOUND);
    assert_false(file_is_there(path));
}

static void cut_short(void **state)
{
    (void)state;
    char path[256];
    struct store *st = NULL;
    struct stat s;
    snprintf(path, sizeof path, "%s/fane.db", store_test_dir());
    must(store_open(path, NULL, &st, &mine));
    must(store_migrate(st, &mine));
    store_close(st);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(truncate(path, s.st_size - 4096), 0);
    refused(path, RC_DAMAGED, "is cut short");
}

/* A crash right after the file was made leaves it empty: that is a new database. */
static void empty_file(void **state)
{
    (void)state;
    char path[256];
    struct store *st = NULL;
    snprintf(path, sizeof path, "%s/fane.db", store_test_dir());
    put_file(path, "", 0);
    must(store_open(path, NULL, &st, &mine));
    thing_make(st);
    store_close(st);
    must(store_open(path, NULL, &st, &mine));
    assert_int_equal(thing_count(st), 0);
    store_close(st);
}

static void modes(void **state)
{
    (void)state;
    static const char *const ENDS[] = {"", "-wal", "-shm"};
    char path[256], file[300];
    struct store *st = NULL;
    struct stat s;
    mode_t old = umask(0);
    snprintf(path, sizeof path, "%s/fane.db", store_test_dir());
    must(store_open(path, NULL, &st, &mine));
    thing_make(st);
    for (int i = 0; i < 3; i++) {
        snprintf(file, sizeof file, "%s%s", path, ENDS[i]);
        assert_int_equal(stat(file, &s), 0);
        assert_int_equal(s.st_mode & 07777, 0600);
    }
    store_close(st);
    umask(old);
}

/* The log is emptied while a writer goes on and on. */
static void bounded_log(void **state)
{
    (void)state;
    static char text[1 << 20];
    char path[256], wal[300];
    struct store *st = NULL;
    struct stat s;
    int64_t most = 0;
    memset(text, 'x', sizeof text);
    snprintf(path, sizeof path, "%s/fane.db", store_test_dir());
    snprintf(wal, sizeof wal, "%s-wal", path);
    must(store_open(path, NULL, &st, &mine));
    thing_make(st);
    for (int64_t k = 0; k < 200; k++) {
        must(store_write(st, thing_add_text, &(struct thing_text){k, {text, sizeof text}}, &mine));
        assert_int_equal(stat(wal, &s), 0);
        most = s.st_size > most ? s.st_size : most;
    }
    assert_true(most < 140 << 20); /* 200 MB were written */
    must(store_checkpoint(st, &mine));
    must(store_write(st, thing_add_text, &(struct thing_text){1000, STR("x")}, &mine));
    assert_int_equal(thing_count(st), 201);
    store_close(st);
    assert_false(file_is_there(wal));
}

static void durable_server_only(void **state)
{
    (void)state;
    if (!pg_server_is_there())
        skip();
    const char *url = pg_server_new_database();
    refused(pg_server_url_with(url, "-c synchronous_commit=off"), RC_UNSUPPORTED, "synchronous_commit = off");
    refused("postgresql:///nothing?host=/nonexistent&user=x&password=geheim", RC_IO, "cannot connect");
    struct err err = {0};
    struct store *st = NULL;
    assert_int_equal(store_open("postgresql:///nothing?host=/nonexistent&password=geheim", NULL, &st, &err), RC_IO);
    assert_null(strstr(err.text, "geheim"));
    refused("postgresql://host:port:port/", RC_IO, "database server");
}

struct setting {
    const char *name;
    char value[32];
};

static enum rc setting_read(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {"SELECT current_setting(?1)"};
    struct setting *s = ctx;
    struct store_arg name = SA_TEXT(str_of(s->name));
    struct store_rows *rows;
    TRY(store_query(tx, &SQL, &name, 1, &rows, err));
    if (store_next(rows))
        snprintf(s->value, sizeof s->value, STR_FMT, STR_ARG(store_text(rows, 0)));
    return store_finish(rows, err);
}

/* The server's own settings, changed by its operator: while it runs, and under an open store. */
static void server_that_forgets(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"fsync", "synchronous_commit"};
    struct setting seen = {.name = "synchronous_commit"};
    struct store *st = NULL;
    if (!pg_server_is_there())
        skip();
    const char *url = pg_server_new_database();
    for (size_t i = 0; i < 2; i++) {
        char says[64];
        snprintf(says, sizeof says, "%s = off", NAMES[i]);
        pg_server_setting(NAMES[i], "off");
        refused(url, RC_UNSUPPORTED, says);
        pg_server_setting(NAMES[i], NULL);
    }
    must(store_open(url, NULL, &st, &mine));
    pg_server_setting("synchronous_commit", "off");
    must(store_write(st, setting_read, &seen, &mine));
    assert_string_equal(seen.value, "on"); /* the open session keeps what it was judged by */
    pg_server_setting("synchronous_commit", NULL);
    store_close(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_a_database),      cmocka_unit_test(cut_short),
        cmocka_unit_test(empty_file),          cmocka_unit_test(modes),
        cmocka_unit_test(bounded_log),         cmocka_unit_test(durable_server_only),
        cmocka_unit_test(server_that_forgets),
    };
    pg_server_alone();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
