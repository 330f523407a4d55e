/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Options and output of the command line. See cli.h.
 */
#include "fane/cli.h"

#include "base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum rc option_take(const struct cli_option *o, const char *value, struct err *err)
{
    switch (o->kind) {
    case CLI_FLAG:
        *(bool *)o->to = true;
        return RC_OK;
    case CLI_TEXT:
        *(const char **)o->to = value;
        return RC_OK;
    case CLI_INT:
        if (!str_parse_i64(str_of(value), o->to))
            return err_set(err, RC_INVALID, "%s wants a whole number, not '%s'", o->name, value);
        return RC_OK;
    case CLI_REAL:
        if (!str_parse_f64(str_of(value), o->to))
            return err_set(err, RC_INVALID, "%s wants a number, not '%s'", o->name, value);
        return RC_OK;
    case CLI_LIST: {
        struct cli_list *list = o->to;
        if (list->n == sizeof list->items / sizeof list->items[0])
            return err_set(err, RC_TOO_LARGE, "%s is given more than %zu times", o->name, list->n);
        list->items[list->n++] = value;
        return RC_OK;
    }
    }
    ENSURE(false);
}

static const struct cli_option *option_find(const struct cli_option *options, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_is_equal(str_of(options[i].name), name))
            return &options[i];
    return NULL;
}

/* A negative number is a word, not an option: `fane near -33.9 18.4`. */
static bool is_word(const char *arg)
{
    double number;
    return arg[0] != '-' || arg[1] == 0 || str_parse_f64(str_of(arg), &number);
}

enum rc cli_parse(struct cli *cli, int argc, char **argv, const struct cli_option *options, size_t options_n,
                  const char **words, size_t words_max, size_t *words_n, struct err *err)
{
    const struct cli_option common[] = {{"--data", CLI_TEXT, &cli->data_dir}, {"--json", CLI_FLAG, &cli->json}};
    bool ended = false;
    *words_n = 0;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (!ended && strcmp(arg, "--") == 0) {
            ended = true;
            continue;
        }
        if (ended || is_word(arg)) {
            if (*words_n == words_max)
                return err_set(err, RC_INVALID, "fane %s: '%s' is one word too many", argv[0], arg);
            words[(*words_n)++] = arg;
            continue;
        }
        struct str name, value;
        bool has_value = str_cut(str_of(arg), '=', &name, &value);
        const struct cli_option *o = option_find(options, options_n, name);
        if (!o)
            o = option_find(common, 2, name);
        if (!o)
            return err_set(err, RC_INVALID, "fane %s has no option '" STR_FMT "'; see fane help", argv[0],
                           STR_ARG(name));
        if (o->kind == CLI_FLAG && has_value)
            return err_set(err, RC_INVALID, "%s takes no value", o->name);
        if (o->kind != CLI_FLAG && !has_value) {
            if (i + 1 >= argc)
                return err_set(err, RC_INVALID, "%s wants a value", o->name);
            value = str_of(argv[++i]);
        }
        TRY(option_take(o, value.p, err));
    }
    return RC_OK;
}

enum rc cli_print(struct str text, struct err *err)
{
    if (fwrite(text.p ? text.p : "", 1, text.n, stdout) != text.n || fflush(stdout) != 0)
        return err_set(err, RC_IO, "cannot write to standard output: %s", strerror(errno));
    return RC_OK;
}

/* Progress is the process's one terminal line, so its state is the process's too. */
static int64_t progress_last_us;
static bool progress_shown;

void cli_progress(const char *fmt, ...)
{
    enum { EVERY_US = 100000 };
    int64_t now = clock_monotonic_us();
    if (!isatty(STDERR_FILENO) || now - progress_last_us < EVERY_US)
        return;
    progress_last_us = now;
    progress_shown = true;
    va_list ap;
    va_start(ap, fmt);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
}

void cli_progress_end(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
}
