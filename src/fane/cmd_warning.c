/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane warning list|approve ID|reject ID
 */
#include "fane/cli.h"

#include "alerts/alerts.h"
#include "people/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENDER "fane@localhost" /* of documents decided on from the command line, unless --sender says otherwise */

struct warning_words {
    const char *scope, *addresses, *reason, *account, *base_url, *sender, *state;
};

struct listing {
    struct cli *cli;
    struct str state, cursor;
    struct warning_page page;
};

static enum rc list_fn(struct store_tx *tx, void *ctx, struct err *err)
{
    struct listing *l = ctx;
    return warnings_list(tx, &VIEWER_SYSTEM, l->state, l->cursor, WARNINGS_PAGE_MAX, &l->cli->mem, &l->page, err);
}

static void line_print(struct cli *cli, const struct warning *w, struct buf *b)
{
    struct str code = code_format(&cli->mem, w->code);
    struct str start = date_format(&cli->mem, date_from_days(w->start_day));
    struct str end = date_format(&cli->mem, date_from_days(w->end_day));
    buf_printf(b, STR_FMT "  %-8s  %-8s  " STR_FMT " to " STR_FMT "  %lld / %.2f  p %.4g  " STR_FMT "\n", STR_ARG(code),
               w->state.p, alert_status_name(w->status), STR_ARG(start), STR_ARG(end), (long long)w->observed,
               w->expected, w->p, STR_ARG(w->area));
}

static enum rc warning_list(struct cli *cli, struct instance *in, const struct warning_words *w, struct err *err)
{
    struct listing l = {.cli = cli, .state = str_of(w->state), .cursor = STR("")};
    struct buf b;
    struct json_out j;
    enum rc rc;
    buf_init(&b, 0);
    json_out_init(&j, &b);
    if (cli->json) {
        json_begin_object(&j);
        json_key(&j, "warnings");
        json_begin_array(&j);
    }
    do {
        rc = store_read(in->store, list_fn, &l, err);
        for (size_t i = 0; rc == RC_OK && i < l.page.n; i++) {
            if (cli->json)
                warning_json(&j, &l.page.items[i], VIEW_FULL, str_of(w->base_url));
            else
                line_print(cli, &l.page.items[i], &b);
        }
        l.cursor = l.page.next;
    } while (rc == RC_OK && l.cursor.n);
    if (rc == RC_OK) {
        if (cli->json) {
            json_end_array(&j);
            json_end_object(&j);
            buf_add_char(&b, '\n');
        }
        rc = cli_print(buf_str(&b), err);
    }
    buf_fini(&b);
    return rc;
}

static enum rc warning_decide(struct instance *in, const char *verb, const char *id, const struct warning_words *w,
                              struct err *err)
{
    struct people *p;
    struct viewer viewer;
    const char *account = w->account ? w->account : getenv("FANE_ACCOUNT");
    struct warning_decision d = {.scope = str_of(w->scope),
                                 .addresses = str_of(w->addresses),
                                 .reason = str_of(w->reason),
                                 .account = str_of(account),
                                 .sender = str_of(w->sender),
                                 .base_url = str_of(w->base_url)};
    if (!account)
        return err_set(err, RC_UNAUTHENTICATED, "a decision needs a named account: --as ACCOUNT");
    TRY(people_open(in->store, in->vault, NULL, &p, err));
    enum rc rc = people_find_viewer(p, str_of(account), &viewer, err);
    if (rc == RC_OK)
        rc = verb[0] == 'a' ? warnings_approve(in->store, &viewer, str_of(id), &d, err)
                            : warnings_reject(in->store, &viewer, str_of(id), &d, err);
    people_close(p);
    return rc;
}

enum rc cmd_warning(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct warning_words w = {
        .scope = "Restricted", .base_url = "http://localhost:8080", .sender = SENDER, .state = ""};
    const struct cli_option options[] = {
        {"--scope", CLI_TEXT, &w.scope}, {"--addresses", CLI_TEXT, &w.addresses}, {"--reason", CLI_TEXT, &w.reason},
        {"--as", CLI_TEXT, &w.account},  {"--public-url", CLI_TEXT, &w.base_url}, {"--sender", CLI_TEXT, &w.sender},
        {"--state", CLI_TEXT, &w.state}};
    const char *words[2] = {"", ""};
    size_t n;
    struct instance in;
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), words, 2, &n, err));
    bool is_list = n == 1 && strcmp(words[0], "list") == 0;
    bool is_decision = n == 2 && (strcmp(words[0], "approve") == 0 || strcmp(words[0], "reject") == 0);
    if (!is_list && !is_decision)
        return err_set(err, RC_INVALID,
                       "say one of: fane warning list, fane warning approve ID, fane warning reject ID");
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    enum rc rc = is_list ? warning_list(cli, &in, &w, err) : warning_decide(&in, words[0], words[1], &w, err);
    instance_close(&in);
    return rc;
}
