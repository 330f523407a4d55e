/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The one table of result codes, and error texts.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int http;
    int exit;
} RC_TABLE[RC_COUNT_] = {
    [RC_OK] = {"ok", 200, 0},
    [RC_INVALID] = {"invalid", 400, 2},
    [RC_UNAUTHENTICATED] = {"unauthenticated", 401, 3},
    [RC_DENIED] = {"denied", 403, 3},
    [RC_NOT_FOUND] = {"not-found", 404, 4},
    [RC_CONFLICT] = {"conflict", 409, 5},
    [RC_TOO_LARGE] = {"too-large", 413, 6},
    [RC_UNSUPPORTED] = {"unsupported", 415, 7},
    [RC_DAMAGED] = {"damaged", 422, 8},
    [RC_IO] = {"io", 500, 9},
    [RC_NOMEM] = {"out-of-memory", 507, 10},
    [RC_BUSY] = {"busy", 503, 11},
};

const char *rc_name(enum rc rc)
{
    ENSURE(rc >= 0 && rc < RC_COUNT_);
    return RC_TABLE[rc].name;
}

int rc_http_status(enum rc rc)
{
    ENSURE(rc >= 0 && rc < RC_COUNT_);
    return RC_TABLE[rc].http;
}

int rc_exit_code(enum rc rc)
{
    ENSURE(rc >= 0 && rc < RC_COUNT_);
    return RC_TABLE[rc].exit;
}

enum rc err_set(struct err *err, enum rc rc, const char *fmt, ...)
{
    if (!err)
        return rc;
    va_list ap;
    va_start(ap, fmt);
    err->rc = rc;
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    return rc;
}

enum rc err_add(struct err *err, const char *fmt, ...)
{
    char old[sizeof err->text];
    ENSURE(err != NULL);
    memcpy(old, err->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, "%s", old);
    return err->rc;
}

_Noreturn void ensure_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "fane: internal error: %s does not hold (%s:%d)\n", cond, file, line);
    abort();
}
