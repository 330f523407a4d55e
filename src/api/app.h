/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The JSON API, tiles, feeds and the web app over HTTP. One file per resource: request -> flow or room -> response.
 *
 * Invariants:
 *   P1 every route is in the table of routes.c with what it needs; nothing is served beside it but static files.
 *   P2 a viewer is made in one place (access.c) from the session cookie; what leaves goes through the policy (I3). What
 *      a viewer may not know of is "not found".
 *   P3 every route that changes state needs the session's CSRF token, but for sending a report, asking its state, and
 *      signing in.
 */
#ifndef API_APP_H
#define API_APP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "ledger/ledger.h"
#include "ledger/vault.h"
#include "store/store.h"

struct atlas_ref;
struct search;
struct people;

/* What the routes work on; filled by whoever serves, and outlives api_serve. */
struct app {
    struct store *store;
    struct ledger *ledger;
    struct vault *vault;
    struct people *people;
    struct atlas_ref *atlas; /* the current image of the registry; empty tiles until it holds one */
    struct search *search;   /* NULL: there is none, and /api/v1/search says so */
    /* Returns when every projection shows what the store holds now; NULL: there are none that lag. */
    enum rc (*sites_changed)(void *ctx, struct err *err);
    void *sites_changed_ctx;
    const char *public_url; /* "https://fane.example", no slash at the end; NULL: where it listens */
    const char *sender;     /* of CAP documents, as CAP wants it; NULL: fane@ and the host of the address */
    size_t proof_waiting;   /* requests in the queue from which a report needs a proof of work; 0: 512 */
};

struct api_options {
    const char *listen;                                /* ADDR:PORT, port 0 for any */
    int threads, workers, connections_max, request_ms; /* 0: the defaults of net/net.h */
    int stop_ms;                                       /* how long a stop waits for answers to be taken; 0: 10,000 */
    /* Called once it listens. */
    void (*ready)(void *ctx, const char *where, int port);
    /* About once a second while it serves. */
    void (*tick)(void *ctx);
    void *ctx;
};

/* Serves until *stop is set (a signal handler may), then drains. */
MUST_CHECK enum rc api_serve(struct app *app, const struct api_options *opt, const _Atomic bool *stop, struct err *err);

#endif
