/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * For tests: a PostgreSQL 15 of our own, as Debian installs it, started as an unprivileged user on a private socket in
 * a new folder, with fsync on; and a call that runs a test on both engines. Link with store_test_dep.
 *
 * One server per test binary, started at the first need; under with_postgres (a run of the whole suite) one for all of
 * them, each test with databases of its own. A guardian process owns a server: when the process that asked for it ends in
 * whatever way (also by kill -9), the guardian stops the server and removes the folder.
 */
#ifndef TESTS_PG_SERVER_H
#define TESTS_PG_SERVER_H

#include <stdbool.h>

#include "store/store.h"

#define PG_SERVER_SHARED "FANE_TEST_POSTGRES" /* in the environment: the folder of a server's socket */

/* Before the first need: this program changes settings of the whole server, so it starts its own. */
void pg_server_alone(void);
/* False, with a line on standard error, when PostgreSQL is not installed. Aborts when it is but does not start. */
bool pg_server_is_there(void);
/* URL of a new empty database of its own, valid until the process ends. */
const char *pg_server_new_database(void);
/* The same server with other settings, e.g. "-c synchronous_commit=off": postgres's own options in a URL of `url`. */
const char *pg_server_url_with(const char *url, const char *options);
/* A setting of the whole server (pg_server_alone) from now on, as an operator changes it; value NULL: as it was made.
 * Put it back. */
void pg_server_setting(const char *name, const char *value);
/* The folder of its socket, once pg_server_is_there. */
const char *pg_server_socket(void);
/* The migrated database that every test's is a copy of; made at the first need otherwise. */
void pg_server_make_template(void);

/* A store that exists for one call of a test. */
struct store_test {
    struct store *st;  /* open, migrated */
    const char *where; /* to open it again; store_open(t->where, ...) */
    const char *dir;   /* a folder for whatever files the test needs, removed afterwards */
    enum store_engine engine;
};

/* Runs fn(t, ctx) on a fresh, migrated SQLite store and then on a fresh, migrated PostgreSQL one. fn may close t->st
 * and set it to NULL, or to another. Assertions inside fn are cmocka's. */
void store_test_each_engine(void (*fn)(struct store_test *t, void *ctx), void *ctx);
/* The same without running the migrations. */
void store_test_each_engine_bare(void (*fn)(struct store_test *t, void *ctx), void *ctx);
/* A new folder under $TMPDIR or /tmp, removed when the process ends. */
const char *store_test_dir(void);

#endif
