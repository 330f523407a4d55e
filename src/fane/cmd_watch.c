/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane watch run [--as-of DATE]
 */
#include "fane/cli.h"

#include "base/clock.h"
#include "flow/watch_run.h"

#include <stdio.h>
#include <string.h>

static void report_json(struct cli *cli, const struct watch_run_report *r, struct buf *b)
{
    struct json_out j;
    json_out_init(&j, b);
    json_begin_object(&j);
    json_key(&j, "streams");
    json_begin_array(&j);
    for (int i = 0; i < WATCH_STREAMS; i++) {
        const struct watch_stream_report *s = &r->streams[i];
        json_begin_object(&j);
        json_put_str(&j, "stream", str_of(s->stream));
        json_put_i64(&j, "events", s->events);
        json_put_i64(&j, "left_out", s->left_out);
        json_put_bool(&j, "scanned", s->was_scanned);
        json_put_i64(&j, "clusters", s->clusters);
        json_put_i64(&j, "significant", s->significant);
        json_put_i64(&j, "drafted", s->drafted);
        json_put_f64(&j, "seconds", s->seconds, 3);
        json_key(&j, "run");
        if (s->was_scanned)
            json_str(&j, uuid_format(&cli->mem, s->run));
        else
            json_nil(&j);
        json_end_object(&j);
    }
    json_end_array(&j);
    json_end_object(&j);
    buf_add_char(b, '\n');
}

static void report_text(const struct watch_run_report *r, struct buf *b)
{
    for (int i = 0; i < WATCH_STREAMS; i++) {
        const struct watch_stream_report *s = &r->streams[i];
        buf_printf(b, "%s: %lld events (%lld left out, place or day too vague); ", s->stream, (long long)s->events,
                   (long long)s->left_out);
        if (s->was_scanned)
            buf_printf(b, "%lld clusters, %lld significant, %lld drafted; %.2f s\n", (long long)s->clusters,
                       (long long)s->significant, (long long)s->drafted, s->seconds);
        else
            buf_printf(b, "not scanned: fewer than %d in the last %d days, or none in the last %d\n",
                       WATCH_EVENTS_LEAST, WATCH_STUDY_DAYS, WATCH_WINDOW_DAYS);
    }
}

enum rc cmd_watch(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *as_of = NULL, *word = "";
    int64_t seed = 0, replications = 0, threads = 0;
    struct watch_run_options opt = {0};
    const struct cli_option options[] = {{"--as-of", CLI_TEXT, &as_of},
                                         {"--seed", CLI_INT, &seed},
                                         {"--replications", CLI_INT, &replications},
                                         {"--threads", CLI_INT, &threads},
                                         {"--drill", CLI_FLAG, &opt.is_drill}};
    size_t n;
    struct instance in;
    struct watch_run_report report;
    struct buf b;
    struct civil_date day = instant_date(clock_now());
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), &word, 1, &n, err));
    if (strcmp(word, "run") != 0)
        return err_set(err, RC_INVALID, "say: fane watch run");
    if (as_of && !date_parse(str_of(as_of), &day))
        return err_set(err, RC_INVALID, "--as-of wants a day as YYYY-MM-DD, not '%s'", as_of);
    if (seed < 0 || threads < 0 || threads > 256 || replications < 0 || (replications && replications < 99) ||
        replications > 99999)
        return err_set(err, RC_INVALID, "--seed from 1, --threads 1 to 256, --replications 99 to 99999");
    opt.as_of_day = date_to_days(day);
    opt.seed = (uint64_t)seed;
    opt.replications = (uint32_t)replications;
    opt.threads = (uint32_t)threads;
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    enum rc rc = flow_watch_run(in.store, &opt, &report, err);
    if (rc == RC_OK) {
        buf_init(&b, 0);
        if (cli->json)
            report_json(cli, &report, &b);
        else
            report_text(&report, &b);
        rc = cli_print(buf_str(&b), err);
        buf_fini(&b);
    }
    instance_close(&in);
    return rc;
}
