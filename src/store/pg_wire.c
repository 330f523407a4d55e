/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * One PostgreSQL connection without ever blocking on it: connecting, sending and waiting poll with our own deadline.
 */
#include "store/pg_int.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_OLDEST 150000
#define IDLE_IN_TX_MS 120000 /* a frozen Fane must not hold the writer's lock for ever */

void pg_arm(struct pg_conn *c)
{
    c->deadline_us = clock_monotonic_us() + c->base.limit_ms * 1000;
}

static struct str one_line(const char *text)
{
    struct str s = str_trim(str_of(text)), head, rest;
    return str_cut(s, '\n', &head, &rest) ? head : s;
}

enum rc pg_broken(struct pg_conn *c, enum rc rc, const char *what, struct err *err)
{
    struct str why = c->pg ? one_line(PQerrorMessage(c->pg)) : STR("no connection");
    c->base.broken = c->base.lost = true;
    c->base.again = rc != RC_BUSY;
    return err_set(err, rc, "database server: %s: " STR_FMT, what, STR_ARG(why));
}

static enum rc late(struct pg_conn *c, struct err *err)
{
    c->base.broken = c->base.lost = true;
    c->base.again = false;
    return err_set(err, RC_BUSY, "the database server did not answer within %lld ms", (long long)c->base.limit_ms);
}

/* Waits for the socket until the deadline. *ready: poll's revents. */
static enum rc wait_socket(struct pg_conn *c, short events, short *ready, struct err *err)
{
    for (;;) {
        int64_t left = c->deadline_us - clock_monotonic_us();
        struct pollfd p = {.fd = PQsocket(c->pg), .events = events};
        if (p.fd < 0)
            return pg_broken(c, RC_IO, "connection", err);
        if (left <= 0)
            return late(c, err);
        int n = poll(&p, 1, left / 1000 < 3600000 ? (int)(left / 1000) + 1 : 3600000);
        if (n > 0) {
            *ready = p.revents;
            return RC_OK;
        }
        if (n < 0 && errno != EINTR)
            return pg_broken(c, RC_IO, "poll", err);
    }
}

enum rc pg_flush(struct pg_conn *c, struct err *err)
{
    short ready;
    for (;;) {
        int more = PQflush(c->pg);
        if (more == 0)
            return RC_OK;
        if (more < 0)
            return pg_broken(c, RC_IO, "send", err);
        TRY(wait_socket(c, POLLIN | POLLOUT, &ready, err));
        /* Read while writing: a server that waits for us to read would otherwise never read. */
        if ((ready & POLLIN) && !PQconsumeInput(c->pg))
            return pg_broken(c, RC_IO, "receive", err);
    }
}

enum rc pg_sent(struct pg_conn *c, int ok, struct err *err)
{
    return ok ? RC_OK : pg_broken(c, RC_IO, "send", err);
}

enum rc pg_result(struct pg_conn *c, PGresult **out, struct err *err)
{
    short ready;
    TRY(pg_flush(c, err));
    while (PQisBusy(c->pg)) {
        TRY(wait_socket(c, POLLIN, &ready, err));
        if (!PQconsumeInput(c->pg))
            return pg_broken(c, RC_IO, "receive", err);
    }
    *out = PQgetResult(c->pg);
    return RC_OK;
}

/* --- errors ------------------------------------------------------------------------------------ */

/* Classes of SQLSTATE: PostgreSQL 15 documentation, appendix A. */
static const struct {
    const char *state; /* a prefix */
    enum rc rc;
    bool again;  /* the transaction may succeed when it runs again */
    bool broken; /* the connection is gone or about to be */
} STATES[] = {
    {"40001", RC_BUSY, true, false},      {"40P01", RC_BUSY, true, false},      {"08", RC_IO, true, true},
    {"57P01", RC_IO, true, true},         {"57P02", RC_IO, true, true},         {"57P03", RC_IO, true, true},
    {"57P05", RC_IO, true, true},         {"25P03", RC_IO, true, true},         {"23505", RC_CONFLICT, false, false},
    {"23503", RC_CONFLICT, false, false}, {"23P01", RC_CONFLICT, false, false}, {"55P03", RC_BUSY, false, false},
    {"57014", RC_BUSY, false, false},     {"53200", RC_NOMEM, false, false},    {"53300", RC_BUSY, true, true},
    {"53", RC_IO, false, false},          {"54", RC_TOO_LARGE, false, false},   {"58", RC_IO, false, false},
    {"25006", RC_IO, true, true}, /* the server became a standby: find the new primary */
    {"XX001", RC_DAMAGED, false, false},  {"XX002", RC_DAMAGED, false, false},
};

enum rc pg_judge(struct pg_conn *c, const PGresult *r, const char *what, struct err *err)
{
    ExecStatusType s = PQresultStatus(r);
    if (s != PGRES_FATAL_ERROR && s != PGRES_BAD_RESPONSE && s != PGRES_PIPELINE_ABORTED)
        return RC_OK;
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE), *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    c->base.lost = true;
    if (PQstatus(c->pg) == CONNECTION_BAD && !state)
        return pg_broken(c, RC_IO, "connection", err);
    state = state ? state : "?";
    if (strncmp(state, "22", 2) == 0) /* data exceptions may quote the value */
        text = "a value does not fit its column or operation";
    enum rc rc = RC_INVALID;
    for (size_t i = 0; i < sizeof STATES / sizeof STATES[0]; i++)
        if (strncmp(state, STATES[i].state, strlen(STATES[i].state)) == 0) {
            rc = STATES[i].rc;
            c->base.again = STATES[i].again;
            c->base.broken = c->base.broken || STATES[i].broken;
            break;
        }
    return err_set(err, rc, "database: %s: %s (SQLSTATE %s)", what, text ? text : "no message", state);
}

enum rc pg_finish_command(struct pg_conn *c, const char *what, PGresult **last, struct err *err)
{
    enum rc first = RC_OK;
    PGresult *keep = NULL, *r = NULL;
    for (;;) {
        enum rc rc = pg_result(c, &r, first == RC_OK ? err : NULL);
        if (rc != RC_OK) {
            PQclear(keep);
            return first == RC_OK ? rc : first;
        }
        if (!r)
            break;
        if (first == RC_OK)
            first = pg_judge(c, r, what, err);
        PQclear(keep);
        keep = r;
        if (PQresultStatus(r) == PGRES_COPY_IN)
            break; /* the command goes on with our data */
    }
    if (first == RC_OK && last)
        *last = keep;
    else
        PQclear(keep);
    return first;
}

enum rc pg_run(struct pg_conn *c, const char *text, const char *what, PGresult **last, struct err *err)
{
    pg_arm(c);
    TRY(pg_sent(c, PQsendQuery(c->pg, text), err));
    return pg_finish_command(c, what, last, err);
}

/* --- connecting -------------------------------------------------------------------------------- */

static enum rc poll_connect(struct pg_conn *c, struct err *err)
{
    short ready;
    PostgresPollingStatusType s = PGRES_POLLING_WRITING;
    for (;;) {
        if (s == PGRES_POLLING_OK)
            return RC_OK;
        if (s == PGRES_POLLING_FAILED)
            return pg_broken(c, RC_IO, "cannot connect", err);
        TRY(wait_socket(c, s == PGRES_POLLING_READING ? POLLIN : POLLOUT, &ready, err));
        s = PQconnectPoll(c->pg);
    }
}

static void ignore_notice(void *ctx, const PGresult *r)
{
    (void)ctx, (void)r;
}

/* Keywords before dbname are defaults that the URL may override. */
static enum rc start_connect(struct pg_conn *c, struct err *err)
{
    bool writes = c->base.kind == CONN_WRITE;
    const char *const keys[] = {"target_session_attrs", "keepalives_idle", "dbname",
                                "application_name",     "client_encoding", NULL};
    const char *const values[] = {writes ? "read-write" : "any", "30", c->where, "fane", "UTF8", NULL};
    c->pg = PQconnectStartParams(keys, values, 1);
    if (!c->pg)
        return err_set(err, RC_NOMEM, "no memory for a database connection");
    if (PQstatus(c->pg) == CONNECTION_BAD)
        return pg_broken(c, RC_IO, "cannot connect", err);
    PQsetNoticeReceiver(c->pg, ignore_notice, NULL);
    return RC_OK;
}

/* A reader streams at its own pace, so only our own waiting limits it, and the server drops it when we are gone. */
static enum rc set_session(struct pg_conn *c, struct err *err)
{
    struct buf b;
    bool writes = c->base.kind == CONN_WRITE;
    long long limit = (long long)(c->base.limit_ms - c->base.limit_ms / 10); /* the server gives up first */
    buf_init(&b, 0);
    buf_printf(
        &b,
        "SET statement_timeout = %lld; SET lock_timeout = %lld; SET idle_in_transaction_session_timeout = %d;"
        "SET client_connection_check_interval = 2000; SET standard_conforming_strings = on; SET TimeZone = 'UTC';"
        "SET client_min_messages = error;"
        /* Set to what it is: a reload of the server's settings does not change it behind this session's back. */
        "SELECT current_setting('fsync'),"
        " set_config('synchronous_commit', current_setting('synchronous_commit'), false),"
        " current_setting('server_encoding'), to_regclass('store_writer') IS NOT NULL",
        writes ? limit : 0, limit, writes ? IDLE_IN_TX_MS : 0);
    buf_add(&b, "", 1);
    PGresult *r = NULL;
    enum rc rc = pg_run(c, b.p, "session", &r, err);
    buf_fini(&b);
    if (rc != RC_OK)
        return rc;
    if (strcmp(PQgetvalue(r, 0, 0), "on") != 0)
        rc = err_set(err, RC_UNSUPPORTED,
                     "the database server runs with fsync = off: it would lose what it confirmed; set fsync = on");
    else if (strcmp(PQgetvalue(r, 0, 1), "off") == 0)
        rc = err_set(
            err, RC_UNSUPPORTED,
            "the database server runs with synchronous_commit = off: it would confirm before saving; set it on");
    else if (strcmp(PQgetvalue(r, 0, 2), "UTF8") != 0)
        rc = err_set(err, RC_UNSUPPORTED, "the database's encoding is %s, it must be UTF8", PQgetvalue(r, 0, 2));
    c->marks = PQgetvalue(r, 0, 3)[0] == 't';
    PQclear(r);
    return rc;
}

enum rc pg_connect(struct pg_conn *c, struct err *err)
{
    pg_arm(c);
    TRY(start_connect(c, err));
    TRY(poll_connect(c, err));
    if (PQsetnonblocking(c->pg, 1) != 0)
        return pg_broken(c, RC_IO, "cannot connect", err);
    int version = PQserverVersion(c->pg);
    if (version < SERVER_OLDEST)
        return err_set(err, RC_UNSUPPORTED, "the database server is PostgreSQL %d, Fane needs 15 or newer",
                       version / 10000);
    return set_session(c, err);
}
