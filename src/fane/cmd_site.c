/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane site hide|coarse|show ID --reason TEXT
 */
#include "fane/cli.h"

#include "sites/visibility.h"
#include "wire/json_out.h"

#include <stdio.h>
#include <string.h>

struct site_words {
    const char *reason, *account;
    int64_t precision_m;
};

static enum rc line_print(struct buf *b, struct err *err)
{
    buf_add_char(b, '\n');
    enum rc rc = cli_print(buf_str(b), err);
    buf_fini(b);
    return rc;
}

static const char *word_of(enum visibility v)
{
    return v == VISIBILITY_PUBLIC ? "public" : v == VISIBILITY_COARSE ? "coarse" : "hidden";
}

static enum rc site_print(struct cli *cli, const struct site *s, const struct visibility_done *d, struct err *err)
{
    struct buf b;
    struct json_out j;
    struct str code = code_format(&cli->mem, s->code);
    buf_init(&b, 0);
    if (!cli->json) {
        buf_printf(&b, STR_FMT "  %s -> %s%s", STR_ARG(code), word_of(d->before), word_of(d->after),
                   d->is_changed ? "" : "  (was so already)");
        return line_print(&b, err);
    }
    json_out_init(&j, &b);
    json_begin_object(&j);
    json_put_str(&j, "id", uuid_format(&cli->mem, s->public_id));
    json_put_str(&j, "visibility", str_of(word_of(d->after)));
    if (d->after == VISIBILITY_COARSE)
        json_put_i64(&j, "precision_m", d->coarse_m);
    json_put_bool(&j, "changed", d->is_changed);
    json_end_object(&j);
    return line_print(&b, err);
}

static enum rc site_set(struct cli *cli, struct instance *in, const char *id, struct visibility_change *c,
                        const struct site_words *w, struct err *err)
{
    struct viewer actor;
    struct site *site;
    struct visibility_done done;
    TRY(cli_actor(in, w->account, &actor, err));
    TRY(sites_find(in->store, str_of(id), &actor, &cli->mem, &site, err));
    c->site = site->id;
    TRY(visibility_set(in->store, c, &actor, &done, err));
    return site_print(cli, site, &done, err);
}

enum rc cmd_site(struct cli *cli, int argc, char **argv, struct err *err)
{
    static const struct {
        const char *verb;
        enum visibility to;
    } VERBS[] = {{"hide", VISIBILITY_HIDDEN}, {"coarse", VISIBILITY_COARSE}, {"show", VISIBILITY_PUBLIC}};
    struct site_words w = {0};
    const struct cli_option options[] = {
        {"--reason", CLI_TEXT, &w.reason}, {"--as", CLI_TEXT, &w.account}, {"--precision", CLI_INT, &w.precision_m}};
    const char *words[2] = {"", ""};
    size_t n, verb = 0;
    struct instance in;
    if (argc > 1 && strcmp(argv[1], "picture") == 0)
        return cmd_site_picture(cli, argc, argv, err);
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), words, 2, &n, err));
    while (verb < SA_N(VERBS) && strcmp(words[0], VERBS[verb].verb) != 0)
        verb++;
    if (n != 2 || verb == SA_N(VERBS))
        return err_set(err, RC_INVALID, "say one of: fane site hide ID, fane site coarse ID, fane site show ID");
    if (!w.reason)
        return err_set(err, RC_INVALID, "say why: --reason TEXT");
    if (w.precision_m && VERBS[verb].to != VISIBILITY_COARSE)
        return err_set(err, RC_INVALID, "--precision is for: fane site coarse");
    struct visibility_change c = {.to = VERBS[verb].to, .coarse_m = w.precision_m, .reason = str_of(w.reason)};
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    enum rc rc = site_set(cli, &in, words[1], &c, &w, err);
    instance_close(&in);
    return rc;
}
