/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See pg_server.h. test --fork--> guardian (setsid, drops to an unprivileged user) --fork--> postgres. The guardian
 * waits for the pipe from the test to close, stops the server at once and removes the folder.
 */
#define _XOPEN_SOURCE 700 /* nftw */

#include "pg_server.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "store/pg_int.h"

#define BIN         "/usr/lib/postgresql/15/bin/"
#define DIRS_MAX    4096
#define START_TRIES 600

static struct {
    bool tried, there;
    bool alone;  /* never the one that tests share */
    bool shared; /* somebody else's: nothing here stops it */
    pid_t test, guardian, postmaster;
    int pipe; /* the guardian lives as long as this is open */
    char dir[128];
    unsigned databases;
    bool template_made;
    pid_t cleaner;
    int cleaner_pipe;
    char root[64]; /* every folder lies in it; the cleaner removes it */
    char dirs[DIRS_MAX][80];
    unsigned n_dirs;
} server;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "pg_server: %s: %s\n", what, strerror(errno));
    abort();
}

static int remove_one(const char *path, const struct stat *s, int flag, struct FTW *f)
{
    (void)s, (void)flag, (void)f;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void clean_up(void)
{
    int status;
    if (getpid() != server.test)
        return; /* a child that a test forked */
    if (server.there && !server.shared) {
        close(server.pipe);
        waitpid(server.guardian, &status, 0);
    }
    close(server.cleaner_pipe);
    waitpid(server.cleaner, &status, 0);
}

/* A child that lives until the pipe from the test closes. Neither a signal to the test's group nor to its terminal
 * reaches it. In the child: the end to read from; in the test: -1. */
static int fork_watcher(pid_t *child, int *pipe_end)
{
    int p[2];
    if (pipe(p) != 0)
        die("pipe");
    fcntl(p[1], F_SETFD, FD_CLOEXEC);
    fflush(NULL);
    *child = fork();
    if (*child < 0)
        die("fork");
    if (*child > 0) {
        close(p[0]);
        *pipe_end = p[1];
        return -1;
    }
    close(p[1]);
    setsid();
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    return p[0];
}

static void wait_closed(int fd)
{
    char c;
    while (read(fd, &c, 1) == -1 && errno == EINTR)
        ;
}

static void make_root(void)
{
    const char *tmp = getenv("TMPDIR");
    if (server.test)
        return;
    server.test = getpid();
    snprintf(server.root, sizeof server.root, "%s/fane-test-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    if (!mkdtemp(server.root))
        die("mkdtemp");
    int alive = fork_watcher(&server.cleaner, &server.cleaner_pipe);
    if (alive >= 0) {
        wait_closed(alive);
        remove_tree(server.root);
        _exit(0);
    }
    atexit(clean_up);
}

const char *store_test_dir(void)
{
    make_root();
    if (server.n_dirs == DIRS_MAX)
        die("too many folders");
    char *d = server.dirs[server.n_dirs];
    snprintf(d, sizeof server.dirs[0], "%s/%u", server.root, server.n_dirs++);
    if (mkdir(d, 0700) != 0)
        die("mkdir");
    return d;
}

/* --- the guardian ------------------------------------------------------------------------------ */

static void drop_user(void)
{
    if (geteuid() != 0)
        return;
    struct passwd *u = getpwnam("postgres");
    u = u ? u : getpwnam("nobody");
    if (!u || chown(server.dir, u->pw_uid, u->pw_gid) != 0 || initgroups(u->pw_name, u->pw_gid) != 0 ||
        setgid(u->pw_gid) != 0 || setuid(u->pw_uid) != 0)
        die("cannot become an unprivileged user");
}

static pid_t start(const char *const argv[], const char *log)
{
    pid_t p = fork();
    if (p != 0)
        return p;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 || chdir("/") != 0)
        _exit(126);
    execv(argv[0], (char *const *)argv);
    _exit(127);
}

static void show(const char *log)
{
    char line[512];
    FILE *f = fopen(log, "r");
    while (f && fgets(line, sizeof line, f))
        fputs(line, stderr);
    if (f)
        fclose(f);
}

/* initdb's own files need no fsync: they outlive no crash. The server's writes have it. */
static void make_cluster(const char *data, const char *log)
{
    int status = 0;
    const char *const argv[] = {BIN "initdb",       "-D",        data, "-U", "fane", "-A", "trust", "-E", "UTF8",
                                "--locale=C.UTF-8", "--no-sync", NULL};
    pid_t p = start(argv, log);
    if (p < 0 || waitpid(p, &status, 0) != p || status != 0) {
        show(log);
        die("initdb failed");
    }
}

static _Noreturn void guard(int alive, int ready)
{
    char data[160], log[160];
    drop_user();
    snprintf(data, sizeof data, "%s/data", server.dir);
    snprintf(log, sizeof log, "%s/log", server.dir);
    make_cluster(data, log);
    const char *const argv[] = {BIN "postgres",
                                "-D",
                                data,
                                "-k",
                                server.dir,
                                "-c",
                                "listen_addresses=",
                                "-c",
                                "max_connections=300",
                                "-c",
                                "shared_buffers=32MB",
                                "-c",
                                "full_page_writes=on",
                                "-c",
                                "autovacuum=off",
                                "-c",
                                "max_wal_size=256MB",
                                "-c",
                                "log_min_messages=fatal",
                                NULL};
    pid_t p = start(argv, log);
    if (p < 0 || write(ready, &p, sizeof p) != sizeof p)
        _exit(1);
    wait_closed(alive);
    kill(p, SIGCONT);
    kill(p, SIGQUIT);
    waitpid(p, NULL, 0);
    remove_tree(server.dir);
    _exit(0);
}

static void start_guardian(void)
{
    int ready[2];
    if (pipe(ready) != 0)
        die("pipe");
    int alive = fork_watcher(&server.guardian, &server.pipe);
    if (alive >= 0) {
        close(ready[0]);
        guard(alive, ready[1]);
    }
    close(ready[1]);
    if (read(ready[0], &server.postmaster, sizeof server.postmaster) != sizeof server.postmaster)
        die("the guardian ended");
    close(ready[0]);
}

static PGconn *admin(const char *database)
{
    char info[256];
    snprintf(info, sizeof info, "host=%s user=fane dbname=%s", server.dir, database);
    return PQconnectdb(info);
}

static void admin_run(const char *sql)
{
    PGconn *c = admin("postgres");
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        fprintf(stderr, "pg_server: %s: %s\n", sql, PQerrorMessage(c));
        abort();
    }
    PQclear(r);
    PQfinish(c);
}

void pg_server_setting(const char *name, const char *value)
{
    char sql[256];
    if (value)
        snprintf(sql, sizeof sql, "ALTER SYSTEM SET %s = '%s'", name, value);
    else
        snprintf(sql, sizeof sql, "ALTER SYSTEM RESET %s", name);
    admin_run(sql);
    if (kill(server.postmaster, SIGHUP) != 0)
        die("the postmaster is gone");
    snprintf(sql, sizeof sql,
             "SELECT coalesce(sourcefile ~ 'auto', false) = %s AND (%s) FROM pg_settings WHERE name = '%s'",
             value ? "true" : "false", value ? "true" : "setting = reset_val", name);
    for (int i = 0; i < START_TRIES; i++) { /* a session that begins after the reload has it */
        PGconn *c = admin("postgres");
        PGresult *r = PQexec(c, sql);
        bool is_set = PQntuples(r) == 1 && strcmp(PQgetvalue(r, 0, 0), "t") == 0;
        PQclear(r);
        PQfinish(c);
        if (is_set)
            return;
        clock_sleep_us(20000);
    }
    die("the server did not take the setting");
}

static void wait_ready(void)
{
    for (int i = 0; i < START_TRIES; i++) {
        PGconn *c = admin("postgres");
        bool ok = PQstatus(c) == CONNECTION_OK;
        PQfinish(c);
        if (ok)
            return;
        clock_sleep_us(50000);
    }
    die("the server did not become ready");
}

void pg_server_alone(void)
{
    if (server.tried)
        die("a server is in use");
    server.alone = true;
}

const char *pg_server_socket(void)
{
    return server.dir;
}

bool pg_server_is_there(void)
{
    if (server.tried)
        return server.there;
    server.tried = true;
    make_root();
    const char *theirs = server.alone ? NULL : getenv(PG_SERVER_SHARED);
    if (theirs) {
        snprintf(server.dir, sizeof server.dir, "%s", theirs);
        server.there = server.shared = server.template_made = true;
        return true;
    }
    if (access(BIN "postgres", X_OK) != 0) {
        fprintf(stderr, "SKIPPED on PostgreSQL: " BIN "postgres is not installed (apt-get install postgresql-15)\n");
        return false;
    }
    snprintf(server.dir, sizeof server.dir, "/tmp/fane-pg-XXXXXX"); /* short: a socket's path has 107 bytes at most */
    if (!mkdtemp(server.dir))
        die("mkdtemp");
    start_guardian();
    server.there = true;
    wait_ready();
    return true;
}

static const char *keep(const char *text)
{
    size_t n = strlen(text) + 1;
    static char pool[256 * 1024];
    static size_t used;
    if (used + n > sizeof pool)
        die("too many URLs");
    char *at = memcpy(pool + used, text, n);
    used += n;
    return at;
}

static const char *new_database(const char *template)
{
    char sql[128], url[256];
    int us = (int)getpid();
    snprintf(sql, sizeof sql, "CREATE DATABASE t%d_%u TEMPLATE %s", us, ++server.databases, template);
    admin_run(sql);
    snprintf(url, sizeof url, "postgresql:///t%d_%u?host=%s&user=fane", us, server.databases, server.dir);
    return keep(url);
}

const char *pg_server_new_database(void)
{
    if (!pg_server_is_there())
        die("no server");
    return new_database("template1");
}

const char *pg_server_url_with(const char *url, const char *options)
{
    char out[512];
    size_t n = (size_t)snprintf(out, sizeof out, "%s&options=", url);
    for (const char *p = options; *p && n + 4 < sizeof out; p++)
        n += (size_t)snprintf(out + n, sizeof out - n, strchr(" =", *p) ? "%%%02X" : "%c", (unsigned char)*p);
    return keep(out);
}

/* --- both engines ------------------------------------------------------------------------------ */

static void must(enum rc rc, const struct err *err, const char *what)
{
    if (rc == RC_OK)
        return;
    fprintf(stderr, "store_test: %s: %s\n", what, err->text);
    abort();
}

static struct store *open_migrated(const char *where, bool migrate)
{
    struct err err = {0};
    struct store *st = NULL;
    must(store_open(where, NULL, &st, &err), &err, "open");
    if (migrate)
        must(store_migrate(st, &err), &err, "migrate");
    return st;
}

void pg_server_make_template(void)
{
    char url[256];
    if (server.template_made)
        return;
    admin_run("CREATE DATABASE migrated");
    snprintf(url, sizeof url, "postgresql:///migrated?host=%s&user=fane", server.dir);
    store_close(open_migrated(url, true));
    server.template_made = true;
}

/* Migrated once per server, then copied. */
static const char *migrated_database(void)
{
    pg_server_make_template();
    return new_database("migrated");
}

static void run_on(struct store_test *t, bool migrate, void (*fn)(struct store_test *t, void *ctx), void *ctx)
{
    t->st = open_migrated(t->where, migrate);
    t->dir = store_test_dir();
    fn(t, ctx);
    store_close(t->st);
}

static void each_engine(bool migrate, void (*fn)(struct store_test *t, void *ctx), void *ctx)
{
    char path[128];
    snprintf(path, sizeof path, "%s/fane.db", store_test_dir());
    struct store_test lite = {.where = keep(path), .engine = STORE_SQLITE};
    run_on(&lite, migrate, fn, ctx);
    if (!pg_server_is_there())
        return;
    struct store_test pg = {.where = migrate ? migrated_database() : pg_server_new_database(),
                            .engine = STORE_POSTGRES};
    run_on(&pg, migrate, fn, ctx);
}

void store_test_each_engine(void (*fn)(struct store_test *t, void *ctx), void *ctx)
{
    each_engine(true, fn, ctx);
}

void store_test_each_engine_bare(void (*fn)(struct store_test *t, void *ctx), void *ctx)
{
    each_engine(false, fn, ctx);
}
