/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane user add|list|password|role|disable|enable
 */
#include "fane/cli.h"

#include "people/people.h"
#include "wire/json_out.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* The first line of standard input; a terminal does not echo it. */
static enum rc password_read(struct cli *cli, struct str *out, struct err *err)
{
    char line[PASSWORD_MAX + 2];
    struct termios was, quiet;
    bool is_terminal = tcgetattr(STDIN_FILENO, &was) == 0;
    if (is_terminal) {
        fputs("password: ", stderr);
        quiet = was;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    bool got = fgets(line, sizeof line, stdin) != NULL;
    if (is_terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
        fputs("\n", stderr);
    }
    if (!got)
        return err_set(err, RC_INVALID, "the password is read from standard input, its first line");
    size_t n = strcspn(line, "\r\n");
    if (n > PASSWORD_MAX)
        return err_set(err, RC_TOO_LARGE, "a password has at most %d bytes", PASSWORD_MAX);
    *out = str_copy(&cli->mem, (struct str){line, n});
    explicit_bzero(line, sizeof line);
    return RC_OK;
}

static enum rc org_by_name(struct cli *cli, struct people *p, const char *name, struct uuid *out, struct err *err)
{
    struct org_page page;
    struct str cursor = STR("");
    do {
        TRY(people_list_orgs(p, &VIEWER_SYSTEM, cursor, PEOPLE_PAGE_MAX, &cli->mem, &page, err));
        for (size_t i = 0; i < page.n; i++) {
            if (str_is_equal(page.items[i].name, str_of(name))) {
                *out = page.items[i].id;
                return RC_OK;
            }
        }
        cursor = page.next;
    } while (cursor.n);
    return err_set(err, RC_NOT_FOUND, "no organisation '%s'; make it with: fane org add '%s'", name, name);
}

/* Accounts that are disabled are found here too, unlike by people_find_viewer. */
static enum rc account_by_name(struct cli *cli, struct people *p, const char *name, struct account *out,
                               struct err *err)
{
    struct account_page page;
    struct str cursor = STR("");
    do {
        TRY(people_list_accounts(p, &VIEWER_SYSTEM, cursor, PEOPLE_PAGE_MAX, &cli->mem, &page, err));
        for (size_t i = 0; i < page.n; i++) {
            if (str_is_equal_nocase(page.items[i].name, str_of(name))) {
                *out = page.items[i];
                return RC_OK;
            }
        }
        cursor = page.next;
    } while (cursor.n);
    return err_set(err, RC_NOT_FOUND, "no account '%s'", name);
}

struct user_words {
    const char *role, *org;
};

static enum rc role_read(const struct user_words *w, enum role *out, struct err *err)
{
    if (!w->role || !role_parse(str_of(w->role), out))
        return err_set(err, RC_INVALID, "--role must be reviewer, coordinator or administrator");
    return RC_OK;
}

static enum rc user_add(struct cli *cli, struct people *p, const char *name, const struct user_words *w,
                        struct err *err)
{
    struct account_new a = {.name = str_of(name)};
    struct uuid id;
    TRY(role_read(w, &a.role, err));
    if (w->org)
        TRY(org_by_name(cli, p, w->org, &a.org, err));
    TRY(password_read(cli, &a.password, err));
    TRY(people_add_account(p, &VIEWER_SYSTEM, &a, &id, err));
    fprintf(stderr, "added %s, %s\n", name, role_name(a.role));
    return RC_OK;
}

static void account_print(struct cli *cli, const struct account *a, struct json_out *j, struct buf *b)
{
    if (!cli->json) {
        buf_printf(b, STR_FMT "  %s%s\n", STR_ARG(a->name), role_name(a->role), a->is_disabled ? "  disabled" : "");
        return;
    }
    json_begin_object(j);
    json_put_str(j, "id", uuid_format(&cli->mem, a->public_id));
    json_put_str(j, "name", a->name);
    json_put_str(j, "role", str_of(role_name(a->role)));
    json_put_bool(j, "disabled", a->is_disabled);
    json_put_str(j, "created", instant_format_s(&cli->mem, a->created));
    json_end_object(j);
}

static enum rc user_list(struct cli *cli, struct people *p, struct err *err)
{
    struct account_page page = {0};
    struct json_out j;
    struct buf b;
    enum rc rc;
    buf_init(&b, 0);
    json_out_init(&j, &b);
    if (cli->json)
        json_begin_array(&j);
    do {
        rc = people_list_accounts(p, &VIEWER_SYSTEM, page.next, PEOPLE_PAGE_MAX, &cli->mem, &page, err);
        for (size_t i = 0; rc == RC_OK && i < page.n; i++)
            account_print(cli, &page.items[i], &j, &b);
    } while (rc == RC_OK && page.next.n);
    if (rc == RC_OK) {
        if (cli->json) {
            json_end_array(&j);
            buf_add_char(&b, '\n');
        }
        rc = cli_print(buf_str(&b), err);
    }
    buf_fini(&b);
    return rc;
}

static enum rc user_change(struct cli *cli, struct people *p, const char *verb, const char *name,
                           const struct user_words *w, struct err *err)
{
    struct account a;
    struct str password;
    enum role role;
    TRY(account_by_name(cli, p, name, &a, err));
    if (strcmp(verb, "disable") == 0 || strcmp(verb, "enable") == 0)
        return people_disable(p, &VIEWER_SYSTEM, a.id, verb[0] == 'd', err);
    if (strcmp(verb, "role") == 0) {
        TRY(role_read(w, &role, err));
        return people_set_role(p, &VIEWER_SYSTEM, a.id, role, err);
    }
    TRY(password_read(cli, &password, err));
    return people_set_password(p, &VIEWER_SYSTEM, a.id, password, err);
}

enum rc cmd_user(struct cli *cli, int argc, char **argv, struct err *err)
{
    static const char *const CHANGES[] = {"password", "role", "disable", "enable"};
    struct user_words w = {0};
    const struct cli_option options[] = {{"--role", CLI_TEXT, &w.role}, {"--org", CLI_TEXT, &w.org}};
    const char *words[2] = {"", ""};
    size_t n;
    struct instance in;
    struct people *p;
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), words, 2, &n, err));
    bool is_list = n == 1 && strcmp(words[0], "list") == 0, is_add = n == 2 && strcmp(words[0], "add") == 0;
    bool is_change = false;
    for (size_t i = 0; n == 2 && i < SA_N(CHANGES); i++)
        is_change |= strcmp(words[0], CHANGES[i]) == 0;
    if (!is_list && !is_add && !is_change)
        return err_set(err, RC_INVALID, "say one of: fane user add|password|role|disable|enable NAME, fane user list");
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    enum rc rc = people_open(in.store, in.vault, NULL, &p, err);
    if (rc == RC_OK) {
        rc = is_list  ? user_list(cli, p, err)
             : is_add ? user_add(cli, p, words[1], &w, err)
                      : user_change(cli, p, words[0], words[1], &w, err);
        people_close(p);
    }
    instance_close(&in);
    return rc;
}
