/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane join run | list | same ID | different ID | undo ID
 */
#include "fane/cli.h"

#include "flow/search.h"
#include "people/people.h"
#include "sites/join.h"
#include "sites/sites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct join_words {
    bool dry_run, is_whole, without_osm_ids;
    const char *state, *reason, *account;
};

static enum rc line_print(struct buf *b, struct err *err)
{
    enum rc rc = cli_print(buf_str(b), err);
    buf_fini(b);
    return rc;
}

static void progress(void *ctx, const char *what, int64_t done, int64_t total)
{
    (void)ctx;
    if (total > 0)
        cli_progress("%s %lld of %lld", what, (long long)done, (long long)total);
    else
        cli_progress("%s", what);
}

static enum rc report_print(const struct cli *cli, const struct joins_report *r, const struct join_words *w,
                            struct err *err)
{
    struct buf b;
    struct json_out j;
    buf_init(&b, 0);
    if (cli->json) {
        json_out_init(&j, &b);
        joins_report_json(&j, r);
    } else {
        buf_printf(&b, "%s%lld records, %lld pairs compared: %lld joined, %lld put before a person; %.2f s",
                   w->dry_run ? "dry run: " : "", (long long)r->records, (long long)r->candidates, (long long)r->joined,
                   (long long)r->opened, r->seconds);
        if (r->crowded)
            buf_printf(&b, "\n%lld records have more neighbours than are compared", (long long)r->crowded);
    }
    buf_add_char(&b, '\n');
    return line_print(&b, err);
}

static enum rc join_run(struct cli *cli, struct instance *in, const struct join_words *w, struct err *err)
{
    struct joins_report report;
    struct joins_options opt = {
        .dry_run = w->dry_run, .is_whole = w->is_whole, .without_osm_ids = w->without_osm_ids, .progress = progress};
    TRY(joins_run(in->store, &opt, &report, err));
    cli_progress_end();
    if (!w->dry_run && report.joined > 0)
        TRY(flow_images_follow(in->store, in->dir, err));
    return report_print(cli, &report, w, err);
}

static enum rc name_of(struct cli *cli, struct instance *in, struct uuid id, struct str *out, struct err *err)
{
    struct site *s;
    enum rc rc = sites_find_id(in->store, id, &VIEWER_SYSTEM, &cli->mem, &s, err);
    *out = rc != RC_OK ? STR("?") : str_is_empty(s->name) ? STR("(no name)") : s->name;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc pair_print(struct cli *cli, struct instance *in, const struct join_pair *p, struct buf *b,
                          struct json_out *j, struct err *err)
{
    struct str x, y, id = uuid_format(&cli->mem, p->public_id);
    bool shown;
    if (cli->json)
        return joins_pair_json(j, in->store, &VIEWER_SYSTEM, p, &cli->mem, &shown, err);
    TRY(name_of(cli, in, p->a, &x, err));
    TRY(name_of(cli, in, p->b, &y, err));
    buf_printf(b, STR_FMT "  %.3f  " STR_FMT " | " STR_FMT "  " STR_FMT "\n", STR_ARG(id), p->score, STR_ARG(x),
               STR_ARG(y), STR_ARG(p->reasons));
    return RC_OK;
}

static enum rc join_list(struct cli *cli, struct instance *in, const struct join_words *w, struct err *err)
{
    struct joins_page page = {.next = STR_NONE};
    struct buf b;
    struct json_out j;
    enum rc rc;
    buf_init(&b, 0);
    json_out_init(&j, &b);
    if (cli->json) {
        json_begin_object(&j);
        json_key(&j, "joins");
        json_begin_array(&j);
    }
    do {
        rc = joins_list(in->store, &VIEWER_SYSTEM, str_of(w->state), page.next, JOINS_PAGE_MAX, &cli->mem, &page, err);
        for (size_t i = 0; rc == RC_OK && i < page.n; i++)
            rc = pair_print(cli, in, &page.items[i], &b, &j, err);
    } while (rc == RC_OK && page.next.n);
    if (rc == RC_OK && cli->json) {
        json_end_array(&j);
        json_end_object(&j);
        buf_add_char(&b, '\n');
    }
    if (rc == RC_OK)
        rc = cli_print(buf_str(&b), err);
    buf_fini(&b);
    return rc;
}

static enum rc join_decide(struct cli *cli, struct instance *in, const char *verb, const char *id,
                           const struct join_words *w, struct err *err)
{
    struct viewer actor;
    struct uuid pair;
    const char *account = w->account ? w->account : getenv("FANE_ACCOUNT");
    (void)cli;
    if (!account)
        return err_set(err, RC_UNAUTHENTICATED, "a decision needs a named account: --as ACCOUNT");
    if (!uuid_parse(str_of(id), &pair))
        return err_set(err, RC_NOT_FOUND, "no such pair: an id has 36 characters; fane join list prints them");
    TRY(cli_actor(in, account, &actor, err));
    if (strcmp(verb, "undo") == 0)
        TRY(joins_undo(in->store, &actor, pair, str_of(w->reason), err));
    else
        TRY(joins_decide(in->store, &actor, pair, strcmp(verb, "same") == 0, str_of(w->reason), err));
    return strcmp(verb, "different") == 0 ? RC_OK : flow_images_follow(in->store, in->dir, err);
}

enum rc cmd_join(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct join_words w = {.state = "open"};
    const struct cli_option options[] = {{"--dry-run", CLI_FLAG, &w.dry_run},
                                         {"--whole", CLI_FLAG, &w.is_whole},
                                         {"--without-osm-ids", CLI_FLAG, &w.without_osm_ids},
                                         {"--state", CLI_TEXT, &w.state},
                                         {"--reason", CLI_TEXT, &w.reason},
                                         {"--as", CLI_TEXT, &w.account}};
    const char *words[2] = {"", ""};
    size_t n;
    struct instance in;
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), words, 2, &n, err));
    bool is_run = n == 1 && strcmp(words[0], "run") == 0, is_list = n == 1 && strcmp(words[0], "list") == 0;
    bool is_verdict = n == 2 && (strcmp(words[0], "same") == 0 || strcmp(words[0], "different") == 0 ||
                                 strcmp(words[0], "undo") == 0);
    if (!is_run && !is_list && !is_verdict)
        return err_set(err, RC_INVALID, "say one of: fane join run, fane join list, fane join same|different|undo ID");
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    enum rc rc = is_run    ? join_run(cli, &in, &w, err)
                 : is_list ? join_list(cli, &in, &w, err)
                           : join_decide(cli, &in, words[0], words[1], &w, err);
    instance_close(&in);
    return rc;
}
