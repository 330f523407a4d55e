/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * One log line, one write(2), so that lines of threads never mix.
 */
#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_int least_level = LOG_INFO;

void log_set_level(enum log_level least)
{
    atomic_store(&least_level, (int)least);
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    static const char *const NAMES[] = {"debug", "info", "warn", "error"};
    if ((int)level < atomic_load(&least_level))
        return;
    struct arena mem;
    arena_init(&mem);
    char line[2048];
    struct str at = instant_format(&mem, clock_now());
    int n = snprintf(line, sizeof line, STR_FMT " %s %s ", STR_ARG(at), NAMES[level], event);
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
    va_end(ap);
    size_t len = strlen(line);
    for (size_t i = (size_t)n; m > 0 && i < len; i++) /* nothing from outside may forge a second line */
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0) { /* nowhere left to complain */
    }
    arena_fini(&mem);
}
