/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The change feed of the registry: which sites were touched since a change's number, and how the public may see them
 * now. Projections (the atlas, the search) follow by it (I4). Every transaction that changes sites says so by
 * sites_changed (sites_int.h).
 * Invariant F1: a projection that holds the state of change N and then takes the present state of every site touched
 * since N holds the present state, as long as neither is_whole nor is_lost is said. Taking one twice does no harm.
 */
#ifndef SITES_TOUCHED_H
#define SITES_TOUCHED_H

#include "sites/sites.h"

enum {
    SITES_TOUCHED_MAX = 4096,           /* ids one change names; one of more sites is "whole" */
    SITES_TOUCHED_KEPT = 4096,          /* the latest changes whose ids are kept */
    SITES_TOUCHED_LIST_MAX = 256 * 1024 /* ids one question gives; more: is_lost */
};

/* The number of the last change (0: none yet) and its time. One row by its key: cheap enough to ask every moment. */
struct sites_change {
    int64_t seq;
    struct instant at;
};
MUST_CHECK enum rc sites_change_last(struct store *st, struct sites_change *out, struct err *err);
/* The time of change seq; RC_NOT_FOUND when this registry has no such change. */
MUST_CHECK enum rc sites_change_find(struct store *st, int64_t seq, struct instant *at, struct err *err);

struct sites_touched {
    int64_t seq;       /* all changes up to this one are told of */
    bool is_whole;     /* some change did not name its sites: a projection must be built anew; those named are in ids */
    bool is_withdrawn; /* and is_whole: what was public is so no more, and until then nothing may be shown */
    bool is_lost; /* ids of some changes are not kept any more, or seq lies in the future: ids is not to be relied on */
    struct uuid *ids; /* inner ids, each once, rising */
    size_t n;
};
MUST_CHECK enum rc sites_touched_since(struct store *st, int64_t seq, struct arena *mem, struct sites_touched *out,
                                       struct err *err);

/* One site as it is now. */
struct sites_now {
    struct uuid id, public_id;
    const struct site *site; /* as the public may see it, names read; NULL: the public may not know of it, or it has no
                              * place. Borrowed for the call. */
};
typedef enum rc (*sites_now_fn)(void *ctx, const struct sites_now *now, struct err *err);
/* Each of the ids that is in the registry. What is NULL here is exactly what sites_each_public leaves out. */
MUST_CHECK enum rc sites_each_now(struct store *st, const struct uuid *ids, size_t n, sites_now_fn fn, void *ctx,
                                  struct err *err);

#endif
