/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A server for the API's tests: a fresh data directory with the seed, an account per role, one hidden and one coarse
 * site; prints "ready PORT", serves until SIGTERM.
 *
 * usage: api_server --routes | DIR [--empty] [--proof-waiting N] [--workers N] [--request-ms N]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_int.h"
#include "base/file.h"
#include "flow/atlas.h"
#include "flow/search.h"
#include "flow/imports.h"
#include "incidents/incidents.h"
#include "people/people.h"
#include "sites/sites.h"

static _Atomic bool stop;

static void on_signal(int sig)
{
    (void)sig;
    atomic_store(&stop, true);
}

struct setup {
    struct app app;
    struct api_options options;
    const char *dir;
    bool is_empty;
    struct atlas_live *live;
    struct flow_follower *follower;
    struct flow_search *search;
    struct flow_projection projection;
    struct arena mem;
};

static void must(enum rc rc, const struct err *err)
{
    if (rc == RC_OK)
        return;
    fprintf(stderr, "api_server: %s\n", err->text);
    exit(1);
}

static int64_t option(int argc, char **argv, const char *name)
{
    for (int i = 2; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return atoll(argv[i + 1]);
    return 0;
}

static void open_rooms(struct setup *s)
{
    /* cheap hashes: what they cost is people's own test */
    const struct people_options cheap = {.password_ops = 1, .password_bytes = 8 << 20};
    struct app *a = &s->app;
    struct err err;
    must(file_make_dir(s->dir, 0700, &err), &err);
    must(file_make_dir(str_printf(&s->mem, "%s/keys", s->dir).p, 0700, &err), &err);
    must(file_make_dir(str_printf(&s->mem, "%s/ledger", s->dir).p, 0700, &err), &err);
    must(file_make_dir(str_printf(&s->mem, "%s/atlas", s->dir).p, 0700, &err), &err);
    must(store_open(str_printf(&s->mem, "%s/fane.db", s->dir).p, NULL, &a->store, &err), &err);
    must(store_migrate(a->store, &err), &err);
    must(vault_open(a->store, s->dir, &a->vault, &err), &err);
    must(ledger_open(a->store, s->dir, "fane.test", &a->ledger, &err), &err);
    must(people_open(a->store, a->vault, &cheap, &a->people, &err), &err);
}

static void add_accounts(struct setup *s)
{
    static const enum role ROLES[] = {ROLE_REVIEWER, ROLE_COORDINATOR, ROLE_ADMINISTRATOR};
    for (size_t i = 0; i < sizeof ROLES / sizeof ROLES[0]; i++) {
        struct err err;
        struct uuid id;
        struct account_new a = {
            .name = str_of(role_name(ROLES[i])), .password = STR("correct horse battery"), .role = ROLES[i]};
        must(people_add_account(s->app.people, &VIEWER_SYSTEM, &a, &id, &err), &err);
    }
}

/* Two neighbours of the list change their visibility; their names go to standard output for the test to look for. */
static void hide_some(struct setup *s)
{
    static const enum visibility TO[] = {VISIBILITY_HIDDEN, VISIBILITY_COARSE};
    struct sites_filter all = {0};
    struct sites_page page;
    struct err err;
    must(sites_list(s->app.store, &all, &VIEWER_SYSTEM, STR_NONE, 2, false, &s->mem, &page, &err), &err);
    for (size_t i = 0; i < page.n && i < 2; i++) {
        must(sites_set_visibility(s->app.store, page.sites[i].id, TO[i], STR("for the test"), &VIEWER_SYSTEM, &err),
             &err);
        printf("%s " STR_FMT " %.7f %.7f\n", i ? "coarse" : "hidden",
               STR_ARG(uuid_format(&s->mem, page.sites[i].public_id)), page.sites[i].lat_deg, page.sites[i].lon_deg);
    }
}

#define SEED_COLUMNS                                                                                                   \
    "id,title,date,date_precision,country,disputed,place,lat,lon,precision,site_id,type,method,target,bias,severity,"  \
    "verification,killed,injured,source,source_read,note\n"

static void event_row(struct buf *b, int i, int64_t day, double lat, double lon, struct arena *mem)
{
    struct str date = date_format(mem, date_from_days(day));
    buf_printf(b, "test-%d,Made up event %d,", i, i);
    buf_add_str(b, date);
    buf_printf(b, ",day,,no,Nowhere,%.4f,%.4f,L1,,PRP-05,PAINT,SITE,OTHER,S1,V3,,,made up for the test,yes,\n", lat,
               lon);
}

/* A year of scattered events and, in its last week, ten in one town: the watch must find it. */
static void add_cluster(struct setup *s)
{
    struct incident_import_options opt = {.format = INCIDENT_CSV, .source = STR("test"), .licence = STR("CC0-1.0")};
    const struct incident_helpers none = {0};
    struct incident_import_report report;
    struct err err;
    struct buf b;
    const int64_t end = date_to_days((struct civil_date){1995, 6, 30}); /* the seed has nothing that old */
    buf_init(&b, 0);
    buf_add_z(&b, SEED_COLUMNS);
    for (int i = 0; i < 120; i++)
        event_row(&b, i, end - 3 * i, 10.0 + i * 37 % 20, 20.0 + i * 53 % 20, &s->mem);
    for (int i = 0; i < 10; i++)
        event_row(&b, 1000 + i, end - i % 5, 15.0 + 0.001 * i, 50.0, &s->mem);
    must(incidents_import_seed(s->app.store, buf_str(&b), &opt, &none, &report, &err), &err);
    fprintf(stderr, "cluster: %lld events, %lld refused\n", (long long)report.incidents, (long long)report.rejected);
    printf("cluster " STR_FMT "\n", STR_ARG(date_format(&s->mem, date_from_days(end))));
    buf_fini(&b);
}

static enum rc settle(void *ctx, struct err *err)
{
    struct setup *s = ctx;
    return flow_follower_sync(s->follower, err);
}

static void fill(struct setup *s)
{
    struct flow_seed_report seeded;
    struct err err;
    add_accounts(s);
    if (!s->is_empty) {
        must(flow_seed(s->app.store, &seeded, &err), &err);
        fprintf(stderr, "seed: %lld sites of %lld, %lld incidents of %lld\n", (long long)seeded.sites.sites,
                (long long)seeded.sites.read, (long long)seeded.incidents.incidents, (long long)seeded.incidents.read);
        hide_some(s);
        add_cluster(s);
    }
    s->live = atlas_live_new();
    s->app.atlas = atlas_live_ref(s->live);
    must(flow_search_new(s->app.store, s->dir, &s->search, &err), &err);
    s->projection = flow_search_projection(s->search);
    s->app.search = flow_search_handle(s->search);
    struct flow_follower_options follow = {
        .store = s->app.store, .dir = s->dir, .live = s->live, .projections = &s->projection, .projections_n = 1};
    must(flow_follower_open(&follow, &s->follower, &err), &err);
    must(flow_follower_start(s->follower, &err), &err);
    s->app.sites_changed = settle;
    s->app.sites_changed_ctx = s;
}

static void ready(void *ctx, const char *where, int port)
{
    (void)ctx;
    (void)where;
    printf("ready %d\n", port);
    fflush(stdout);
}

static void close_rooms(struct setup *s)
{
    struct app *a = &s->app;
    flow_follower_close(s->follower);
    flow_search_free(s->search);
    atlas_live_free(s->live);
    people_close(a->people);
    store_close(a->store);
    ledger_close(a->ledger);
    vault_close(a->vault);
    arena_fini(&s->mem);
}

/* "METHOD TAB path TAB who TAB flags": what the leak test must know how to ask. */
static int routes_print(void)
{
    static const char *const WHO[] = {"open", "reviewer", "coordinator"};
    for (size_t i = 0; i < api_routes_count(); i++)
        printf("%s\t%s\t%s\t%s\n", http_method_name(API_ROUTES[i].method), API_ROUTES[i].pattern,
               WHO[API_ROUTES[i].access], API_ROUTES[i].flags & API_ANY_VIEWER ? "anyone" : "-");
    return 0;
}

int main(int argc, char **argv)
{
    struct setup s = {.options = {.listen = "127.0.0.1:0", .ready = ready, .stop_ms = 5000}};
    struct err err;
    if (argc < 2)
        return 2;
    if (strcmp(argv[1], "--routes") == 0)
        return routes_print();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    arena_init(&s.mem);
    s.dir = argv[1];
    s.is_empty = argc > 2 && strcmp(argv[2], "--empty") == 0;
    s.app.proof_waiting = (size_t)option(argc, argv, "--proof-waiting");
    s.options.workers = (int)option(argc, argv, "--workers");
    s.options.request_ms = (int)option(argc, argv, "--request-ms");
    open_rooms(&s);
    fill(&s);
    must(api_serve(&s.app, &s.options, &stop, &err), &err);
    close_rooms(&s);
    return 0;
}
