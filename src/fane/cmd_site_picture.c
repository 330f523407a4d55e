/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane site picture add ID FILE --licence L --credit NAME | list ID | remove PICTURE --reason TEXT
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "fane/cli.h"
#include "picture/picture.h"
#include "sites/pictures.h"

struct picture_words {
    const char *licence, *credit, *source, *alt, *lang, *reason, *account;
};
struct job {
    struct cli *cli;
    const struct picture_words *words;
    const char *id, *file;
    struct store *store;
    struct viewer actor;
};

static struct str given(const char *s)
{
    return s ? str_of(s) : STR_NONE;
}

static enum rc line_print(struct buf *b, struct err *err)
{
    buf_add_char(b, '\n');
    enum rc rc = cli_print(buf_str(b), err);
    buf_fini(b);
    return rc;
}

static enum rc added_print(struct cli *cli, struct uuid id, const struct picture_copy *whole, struct err *err)
{
    struct buf b;
    struct json_out j;
    buf_init(&b, 0);
    struct str text = uuid_format(&cli->mem, id);
    if (!cli->json) {
        buf_printf(&b, STR_FMT "  %d x %d pixels, %zu KB", STR_ARG(text), whole->width, whole->height,
                   (whole->jpeg.n + 1023) / 1024);
        return line_print(&b, err);
    }
    json_out_init(&j, &b);
    json_begin_object(&j);
    json_put_str(&j, "id", text);
    json_put_i64(&j, "width", whole->width);
    json_put_i64(&j, "height", whole->height);
    json_put_i64(&j, "bytes", (int64_t)whole->jpeg.n);
    json_end_object(&j);
    return line_print(&b, err);
}

static struct picture_size size_of(const struct picture_copy *c)
{
    return (struct picture_size){c->jpeg, c->width, c->height};
}

static enum rc picture_add(struct job *job, struct err *err)
{
    const struct picture_words *w = job->words;
    struct picture_copy whole, small;
    struct site *site;
    struct str file;
    struct uuid id;
    TRY(sites_find(job->store, str_of(job->id), &job->actor, &job->cli->mem, &site, err));
    TRY(file_read(job->file, PICTURE_BYTES_MAX, &job->cli->mem, &file, err));
    enum rc rc = picture_copies(file, &job->cli->mem, &whole, &small, err);
    if (rc != RC_OK) {
        err_add(err, "%s", job->file);
        return rc;
    }
    struct picture_draft d = {.site = site->id,
                              .licence = given(w->licence),
                              .credit = given(w->credit),
                              .source_url = given(w->source),
                              .alt = given(w->alt),
                              .alt_lang = given(w->lang),
                              .whole = size_of(&whole),
                              .small = size_of(&small)};
    TRY(pictures_add(job->store, &d, &job->actor, &id, err));
    return added_print(job->cli, id, &whole, err);
}

static enum rc list_print(struct cli *cli, const struct picture *list, size_t n, struct err *err)
{
    struct buf b;
    struct json_out j;
    buf_init(&b, 0);
    for (size_t i = 0; i < n && !cli->json; i++)
        buf_printf(&b, STR_FMT "  %d x %d  " STR_FMT "  " STR_FMT "%s",
                   STR_ARG(uuid_format(&cli->mem, list[i].public_id)), list[i].width, list[i].height,
                   STR_ARG(list[i].licence), STR_ARG(list[i].credit), i + 1 < n ? "\n" : "");
    if (cli->json) {
        json_out_init(&j, &b);
        json_begin_object(&j);
        pictures_json(&j, list, n);
        json_end_object(&j);
    } else if (n == 0) {
        buf_add_z(&b, "no pictures");
    }
    return line_print(&b, err);
}

static enum rc picture_list(struct job *job, struct err *err)
{
    struct picture *list;
    struct site *site;
    size_t n;
    TRY(sites_find(job->store, str_of(job->id), &job->actor, &job->cli->mem, &site, err));
    TRY(pictures_of(job->store, site, &job->cli->mem, &list, &n, err));
    return list_print(job->cli, list, n, err);
}

static enum rc picture_remove(struct job *job, struct err *err)
{
    struct uuid id;
    struct buf b;
    if (!uuid_parse(str_of(job->id), &id))
        return err_set(err, RC_INVALID, "\"%.60s\" is no id of a picture; fane site picture list SITE tells them",
                       job->id);
    TRY(pictures_remove(job->store, id, given(job->words->reason), &job->actor, err));
    buf_init(&b, 0);
    if (job->cli->json)
        buf_add_z(&b, "{\"removed\":true}");
    else
        buf_add_z(&b, "taken away; its row stays in the store with the reason");
    return line_print(&b, err);
}

static const struct verb {
    const char *name;
    size_t words; /* the two verbs among them */
    enum rc (*run)(struct job *job, struct err *err);
} VERBS[] = {{"add", 4, picture_add}, {"list", 3, picture_list}, {"remove", 3, picture_remove}};

static enum rc words_check(const struct verb *v, const struct picture_words *w, struct err *err)
{
    bool is_add = v->run == picture_add;
    if (is_add && (!w->licence || !w->credit))
        return err_set(err, RC_INVALID,
                       "say under which licence it may be shown and whom to credit: --licence ID --credit NAME");
    if (!is_add && (w->licence || w->credit || w->source || w->alt || w->lang))
        return err_set(err, RC_INVALID,
                       "--licence, --credit, --source, --alt and --lang are for: fane site picture add");
    if (v->run == picture_remove ? !w->reason : w->reason != NULL)
        return err_set(err, RC_INVALID, "--reason TEXT is for, and needed by: fane site picture remove");
    return RC_OK;
}

enum rc cmd_site_picture(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct picture_words w = {0};
    const struct cli_option options[] = {{"--licence", CLI_TEXT, &w.licence}, {"--credit", CLI_TEXT, &w.credit},
                                         {"--source", CLI_TEXT, &w.source},   {"--alt", CLI_TEXT, &w.alt},
                                         {"--lang", CLI_TEXT, &w.lang},       {"--reason", CLI_TEXT, &w.reason},
                                         {"--as", CLI_TEXT, &w.account}};
    const char *words[4] = {"", "", "", ""};
    size_t n, v = 0;
    struct instance in;
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), words, 4, &n, err));
    while (v < SA_N(VERBS) && strcmp(words[1], VERBS[v].name) != 0)
        v++;
    if (v == SA_N(VERBS) || n != VERBS[v].words)
        return err_set(err, RC_INVALID,
                       "say one of: fane site picture add ID FILE, fane site picture list ID, fane site picture remove "
                       "PICTURE");
    TRY(words_check(&VERBS[v], &w, err));
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    struct job job = {cli, &w, words[2], words[3], in.store, VIEWER_PUBLIC};
    enum rc rc = cli_actor(&in, w.account, &job.actor, err);
    if (rc == RC_OK)
        rc = VERBS[v].run(&job, err);
    instance_close(&in);
    return rc;
}
