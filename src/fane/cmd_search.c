/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane search TEXT
 */
#include "fane/cli.h"

#include "flow/search.h"
#include "wire/json_out.h"

static void hits_json(const struct search_hit *hits, size_t n, struct buf *b)
{
    struct json_out j;
    json_out_init(&j, b);
    json_begin_object(&j);
    json_key(&j, "hits");
    json_begin_array(&j);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&j);
        sites_json_members(&j, &hits[i].site, hits[i].view);
        json_put_str(&j, "matched", hits[i].matched);
        json_put_f64(&j, "score", hits[i].score, 3);
        json_end_object(&j);
    }
    json_end_array(&j);
    json_end_object(&j);
    buf_add_char(b, '\n');
}

static void hits_text(const struct search_hit *hits, size_t n, struct arena *mem, struct buf *b)
{
    for (size_t i = 0; i < n; i++) {
        const struct site *s = &hits[i].site;
        struct str code = code_format(mem, s->code);
        bool is_own = str_is_equal(hits[i].matched, s->name) || hits[i].matched.n == 0;
        buf_printf(b, STR_FMT "  " STR_FMT "%s" STR_FMT "%s  " STR_FMT " " STR_FMT " " STR_FMT "\n", STR_ARG(code),
                   STR_ARG(s->name.n ? s->name : STR("(no name)")), is_own ? "" : " (",
                   STR_ARG(is_own ? STR_NONE : hits[i].matched), is_own ? "" : ")", STR_ARG(s->religion),
                   STR_ARG(s->kind), STR_ARG(s->country));
    }
}

static enum rc near_read(const char *said, struct search_options *o, struct err *err)
{
    struct str lat, lon;
    double lat_deg, lon_deg;
    if (!said)
        return RC_OK;
    if (!str_cut(str_of(said), ',', &lat, &lon) || !str_parse_f64(str_trim(lat), &lat_deg) ||
        !str_parse_f64(str_trim(lon), &lon_deg))
        return err_set(err, RC_INVALID, "--near wants LAT,LON in degrees");
    o->has_near = true;
    return geo_point_make(lat_deg, lon_deg, &o->near, err);
}

static enum rc search_print(struct cli *cli, struct instance *in, struct str text, const struct search_options *o,
                            struct err *err)
{
    struct search *search;
    struct search_hit *hits;
    size_t n;
    struct buf b;
    TRY(flow_search_open(in->store, in->dir, &search, err));
    enum rc rc = search_query(search, in->store, text, o, &cli->mem, &hits, &n, err);
    buf_init(&b, 0);
    if (rc == RC_OK) {
        if (cli->json)
            hits_json(hits, n, &b);
        else
            hits_text(hits, n, &cli->mem, &b);
        rc = cli_print(buf_str(&b), err);
    }
    buf_fini(&b);
    search_free(search);
    return rc;
}

enum rc cmd_search(struct cli *cli, int argc, char **argv, struct err *err)
{
    enum { WORDS_MAX = 16 };
    int64_t count = 10;
    const char *near = NULL, *words[WORDS_MAX];
    const struct cli_option options[] = {
        {"--n", CLI_INT, &count}, {"-n", CLI_INT, &count}, {"--near", CLI_TEXT, &near}};
    const struct viewer viewer = VIEWER_PUBLIC;
    struct search_options o = {.viewer = &viewer};
    struct instance in;
    struct str text = STR_NONE;
    size_t n;
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), words, WORDS_MAX, &n, err));
    for (size_t i = 0; i < n; i++)
        text = str_printf(&cli->mem, STR_FMT "%s%s", STR_ARG(text), i ? " " : "", words[i]);
    if (n == 0)
        return err_set(err, RC_INVALID, "say what to search for: fane search TEXT");
    if (count < 1 || count > SEARCH_LIMIT_MAX)
        return err_set(err, RC_INVALID, "--n wants 1 to %d", SEARCH_LIMIT_MAX);
    o.limit = (size_t)count;
    TRY(near_read(near, &o, err));
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    in.is_looking = true;
    enum rc rc = search_print(cli, &in, text, &o, err);
    instance_close(&in);
    return rc;
}
