/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane serve: the API, the map and the workers in one process. Two chores run beside it: once a second the ledger is
 * sequenced and its checkpoint signed (tick), and a thread keeps the atlas up with the registry.
 */
#include "fane/cli.h"

#include "api/app.h"
#include "base/clock.h"
#include "base/log.h"
#include "flow/atlas.h"
#include "people/people.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { ATLAS_LOOK_US = 1000000, ATLAS_SLICE_US = 50000 };
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
    struct atlas_ref *atlas;
    char revision[FLOW_REVISION_BYTES]; /* of the image in use; the atlas thread's own */
};

/* ---- the atlas ---- */

static enum rc atlas_renew(struct serving *s, struct err *err)
{
    struct atlas *a;
    struct atlas_info info;
    TRY(flow_atlas_open(s->in.store, s->in.dir, &a, NULL, err));
    atlas_info(a, &info);
    snprintf(s->revision, sizeof s->revision, STR_FMT, STR_ARG(info.revision));
    enum rc rc = atlas_ref_set(s->atlas, a, err);
    if (rc != RC_OK)
        atlas_close(a);
    return rc;
}

/* An import changes the registry many times a second; the image follows when it has been still for one look, and at the
 * latest after ten. */
static void *atlas_follow(void *arg)
{
    enum { PATIENCE = 10 };
    struct serving *s = arg;
    char now[FLOW_REVISION_BYTES], last[FLOW_REVISION_BYTES] = "";
    int waited = 0;
    struct err err;
    while (!atomic_load(&stop_asked)) {
        for (int slept = 0; slept < ATLAS_LOOK_US && !atomic_load(&stop_asked); slept += ATLAS_SLICE_US)
            clock_sleep_us(ATLAS_SLICE_US);
        if (flow_atlas_revision(s->in.store, now, &err) != RC_OK || strcmp(now, s->revision) == 0)
            continue;
        bool still = strcmp(now, last) == 0;
        memcpy(last, now, sizeof last);
        if (!still && ++waited < PATIENCE)
            continue;
        waited = 0;
        if (atlas_renew(s, &err) != RC_OK)
            log_line(LOG_ERROR, "atlas.renew", "error=\"%s\"", err.text);
    }
    return NULL;
}

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

static enum rc serve(struct serving *s, const char *listen, const char *public_url, struct err *err)
{
    struct app app = {.store = s->in.store, .ledger = s->in.ledger, .vault = s->in.vault, .people = s->people,
                      .atlas = s->atlas, .public_url = public_url};
    struct api_options opt = {.listen = listen, .ready = ready, .tick = tick, .ctx = s};
    pthread_t follower;
    TRY(atlas_renew(s, err));
    if (pthread_create(&follower, NULL, atlas_follow, s) != 0)
        return err_set(err, RC_NOMEM, "cannot start a thread");
    enum rc rc = api_serve(&app, &opt, &stop_asked, err);
    atomic_store(&stop_asked, true);
    pthread_join(follower, NULL);
    return rc;
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
    s.atlas = atlas_ref_new();
    enum rc rc = people_open(s.in.store, s.in.vault, NULL, &s.people, err);
    if (rc == RC_OK)
        rc = serve(&s, listen, public_url, err);
    people_close(s.people);
    atlas_ref_free(s.atlas);
    instance_close(&s.in);
    return rc;
}
