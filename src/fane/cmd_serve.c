/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane serve: the API, the map and the workers in one process. Two chores run beside it: once a second the ledger is
 * sequenced and its checkpoint signed (tick), and a thread keeps the atlas up with the registry.
 */
#include "fane/cli.h"

#include "api/app.h"
#include "base/log.h"
#include "flow/atlas.h"
#include "flow/search.h"
#include "people/people.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#define DEFAULT_LISTEN "127.0.0.1:8080"

/* A signal handler has nowhere else to write to. */
static _Atomic bool stop_asked;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&stop_asked, true);
}

static void catch_signals(void)
{
    struct sigaction act = {.sa_handler = on_signal};
    sigemptyset(&act.sa_mask);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
}

struct serving {
    struct instance in;
    struct people *people;
    struct atlas_live *atlas;
    struct flow_follower *follower;
    struct flow_search *search;
    struct flow_projection projection;
};

/* ---- serving ---- */

static void ready(void *ctx, const char *where, int port)
{
    (void)ctx, (void)port;
    fprintf(stderr, "fane: serving %s\n", where);
}

static void tick(void *ctx)
{
    struct serving *s = ctx;
    struct err err;
    if (ledger_checkpoint(s->in.ledger, &err) != RC_OK)
        log_line(LOG_ERROR, "ledger.checkpoint", "error=\"%s\"", err.text);
}

static enum rc settle(void *ctx, struct err *err)
{
    struct serving *s = ctx;
    return flow_follower_sync(s->follower, err);
}

static enum rc serve(struct serving *s, const char *listen, const char *public_url, struct err *err)
{
    struct app app = {.store = s->in.store,
                      .ledger = s->in.ledger,
                      .vault = s->in.vault,
                      .people = s->people,
                      .atlas = atlas_live_ref(s->atlas),
                      .public_url = public_url,
                      .sites_changed = settle,
                      .sites_changed_ctx = s};
    struct api_options opt = {.listen = listen, .ready = ready, .tick = tick, .ctx = s};
    struct flow_follower_options follow = {
        .store = s->in.store, .dir = s->in.dir, .live = s->atlas, .projections = &s->projection, .projections_n = 1};
    TRY(flow_search_new(s->in.store, s->in.dir, &s->search, err));
    s->projection = flow_search_projection(s->search);
    app.search = flow_search_handle(s->search);
    TRY(flow_follower_open(&follow, &s->follower, err));
    TRY(flow_follower_start(s->follower, err));
    return api_serve(&app, &opt, &stop_asked, err);
}

enum rc cmd_serve(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *listen = DEFAULT_LISTEN, *public_url = NULL;
    const struct cli_option options[] = {{"--listen", CLI_TEXT, &listen}, {"--public-url", CLI_TEXT, &public_url}};
    size_t n;
    struct serving s = {0};
    TRY(cli_parse(cli, argc, argv, options, SA_N(options), NULL, 0, &n, err));
    catch_signals();
    TRY(instance_open(cli, INSTANCE_OPEN, &s.in, err));
    s.atlas = atlas_live_new();
    enum rc rc = people_open(s.in.store, s.in.vault, NULL, &s.people, err);
    if (rc == RC_OK)
        rc = serve(&s, listen, public_url, err);
    flow_follower_close(s.follower);
    flow_search_free(s.search);
    people_close(s.people);
    atlas_live_free(s.atlas);
    instance_close(&s.in);
    return rc;
}
