/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane country unpublish|publish ISO2 --reason TEXT, fane country list
 */
#include "fane/cli.h"

#include "people/people.h"
#include "sites/visibility.h"
#include "wire/json_out.h"

#include <string.h>

struct country_words {
    const char *reason, *account;
};

static enum rc line_print(struct buf *b, struct err *err)
{
    buf_add_char(b, '\n');
    enum rc rc = cli_print(buf_str(b), err);
    buf_fini(b);
    return rc;
}

static enum rc country_throw(struct cli *cli, struct instance *in, const char *iso2, bool publish,
                             const struct country_words *w, struct err *err)
{
    struct viewer actor;
    struct country_change c = {.iso2 = str_of(iso2), .publish = publish, .reason = str_of(w->reason)};
    struct buf b;
    struct json_out j;
    bool changed;
    TRY(cli_actor(in, w->account, &actor, err));
    TRY(country_set(in->store, &c, &actor, &changed, err));
    buf_init(&b, 0);
    if (!cli->json) {
        buf_printf(&b, "%s  %s%s", iso2, publish ? "published" : "not published", changed ? "" : "  (was so already)");
        return line_print(&b, err);
    }
    json_out_init(&j, &b);
    json_begin_object(&j);
    json_put_str(&j, "country", c.iso2);
    json_put_bool(&j, "published", publish);
    json_put_bool(&j, "changed", changed);
    json_end_object(&j);
    return line_print(&b, err);
}

static enum rc country_list(struct cli *cli, struct instance *in, struct err *err)
{
    struct country_closed *closed;
    struct buf b;
    struct json_out j;
    size_t n;
    TRY(countries_closed(in->store, &VIEWER_SYSTEM, &cli->mem, &closed, &n, err));
    buf_init(&b, 0);
    json_out_init(&j, &b);
    if (cli->json)
        json_begin_array(&j);
    for (size_t i = 0; i < n; i++) {
        struct str since = instant_format_s(&cli->mem, closed[i].since);
        if (!cli->json) {
            buf_printf(&b, STR_FMT "  " STR_FMT "  %lld sites held back  " STR_FMT "\n", STR_ARG(closed[i].iso2),
                       STR_ARG(since), (long long)closed[i].sites, STR_ARG(closed[i].reason));
            continue;
        }
        json_begin_object(&j);
        json_put_str(&j, "country", closed[i].iso2);
        json_put_str(&j, "since", since);
        json_put_i64(&j, "sites", closed[i].sites);
        json_put_str(&j, "reason", closed[i].reason);
        json_end_object(&j);
    }
    if (cli->json) {
        json_end_array(&j);
        buf_add_char(&b, '\n');
    }
    enum rc rc = cli_print(buf_str(&b), err);
    buf_fini(&b);
    return rc;
}

enum rc cmd_country(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct country_words w = {0};
    const struct cli_option options[] = {{"--reason", CLI_TEXT, &w.reason}, {"--as", CLI_TEXT, &w.account}};
    const char *words[2] = {"", ""};
    size_t n;
    struct instance in;
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), words, 2, &n, err));
    bool is_list = n == 1 && strcmp(words[0], "list") == 0, publish = strcmp(words[0], "publish") == 0;
    if (!is_list && (n != 2 || (!publish && strcmp(words[0], "unpublish") != 0)))
        return err_set(err, RC_INVALID,
                       "say one of: fane country unpublish ISO2, fane country publish ISO2, fane country list");
    if (!is_list && !w.reason)
        return err_set(err, RC_INVALID, "say why: --reason TEXT");
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    in.is_looking = is_list;
    enum rc rc = is_list ? country_list(cli, &in, err) : country_throw(cli, &in, words[1], publish, &w, err);
    instance_close(&in);
    return rc;
}
