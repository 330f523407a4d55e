/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside of joining: pairs and groups as the store keeps them (join_pair_store.c, join_merge_store.c), what a run compares
 * (join_read_store.c), and the run itself (join_run.c).
 *
 *   A joined group is a tree: each pair in state "joined" hangs the site it calls away, with all below it, under the one it
 *   calls kept. merged_into names the root of the tree, so that one look finds the site to show.
 */
#ifndef SITES_JOIN_INT_H
#define SITES_JOIN_INT_H

#include "base/hash.h"
#include "sites/join.h"
#include "sites/join_candidates.h"
#include "sites/join_choose.h"
#include "sites/join_compose.h"
#include "sites/join_score.h"
#include "sites/sites_int.h"

enum { JOIN_GROUP_MAX = 64 }; /* records of one site */

/* ---- pairs: join_pair_store.c ---- */

struct sha256 join_pair_digest(const struct join_pair *p);
/* Writes the row, new or changed, and its ledger entry. */
MUST_CHECK enum rc join_pair_put(struct store_tx *tx, const struct join_pair *p, const char *action, struct err *err);
/* By its two sites in either order, or by its public id. *found = false: there is none. */
MUST_CHECK enum rc join_pair_of(struct store_tx *tx, struct uuid x, struct uuid y, struct arena *mem, bool *found,
                                struct join_pair *out, struct err *err);
/* Pairs a person has called two, and those put before a person: (a, b) one after the other, to be told apart by `is_apart`.
 */
struct join_known {
    struct uuid a, b;
    bool is_apart;
    double score;
};
MUST_CHECK enum rc join_known_read(struct store_tx *tx, struct arena *mem, struct join_known **out, size_t *n,
                                   struct err *err);
/* A ledger_check_fn. */
enum rc join_pairs_check(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err);

/* ---- groups: join_merge_store.c ---- */

/* Sites that a change touched. */
struct join_touched {
    struct uuid ids[2 * JOIN_GROUP_MAX];
    size_t n;
};
/* The site it shows under: itself when it is not joined. RC_NOT_FOUND. */
MUST_CHECK enum rc join_root(struct store_tx *tx, struct uuid site, struct uuid *out, struct err *err);
/* Joins the groups of p->a and p->b; fills p->kept, p->away and what they were like. The older site is kept. The strictest
 * visibility of the two holds. RC_CONFLICT: they are one already; RC_TOO_LARGE. */
MUST_CHECK enum rc join_merge(struct store_tx *tx, const struct join_rules *rules, struct join_pair *p,
                              struct join_touched *touched, struct err *err);
/* Takes p->away, with what hangs below it, out of its group again. Both get back who could see them, unless people have
 * decided since, or others were joined since: then neither shows more than the group did. */
MUST_CHECK enum rc join_part(struct store_tx *tx, const struct join_rules *rules, const struct join_pair *p,
                             struct join_touched *touched, struct err *err);

/* ---- what a run compares: join_read_store.c ---- */

/* One site that is shown, small: all of them are in memory. */
struct join_light {
    struct uuid id;
    uint64_t cell;     /* JOIN_NO_CELL without a place */
    uint64_t wikidata; /* its number; 0: none */
    uint32_t source;
    float reach_m;
    bool is_touched, is_needed;
};
#define JOIN_NO_CELL UINT64_MAX
/* A record joined to such a site: its source and its own id count for the whole group. */
struct join_extra {
    struct uuid root;
    uint32_t record; /* of the light one, filled in once all are read */
    uint32_t source;
    struct str external_id;
};
struct join_lights {
    struct arena mem;
    struct join_light *items; /* by id */
    size_t n, size;
    struct join_extra *extras; /* by record, then source */
    size_t extras_n, extras_size;
    struct uuid *sources;
    size_t sources_n, sources_size;
};
void join_lights_init(struct join_lights *l);
void join_lights_fini(struct join_lights *l);
/* All, or those around the ids given (touched sites). */
MUST_CHECK enum rc join_lights_read(struct store *st, struct join_lights *l, struct err *err);
MUST_CHECK enum rc join_lights_around(struct store *st, const struct uuid *ids, size_t n, struct join_lights *l,
                                      struct err *err);
/* The number of the one with this id; SIZE_MAX: none. */
size_t join_lights_find(const struct join_lights *l, struct uuid id);
/* How many sources have sites that can be compared at all. */
MUST_CHECK enum rc join_sources_count(struct store *st, int64_t *out, struct err *err);

/* What is compared of the lights that are needed. */
struct join_texts;
MUST_CHECK enum rc join_texts_read(struct store *st, const struct join_words *words, const struct join_lights *l,
                                   struct join_texts **out, struct err *err);
void join_texts_free(struct join_texts *t);
/* Borrowed; record must have been needed. */
struct join_side join_texts_side(const struct join_texts *t, uint32_t record);

/* Up to which change of the registry all has been compared: -1 never. */
MUST_CHECK enum rc join_seq_read(struct store_tx *tx, int64_t *out, struct err *err);
/* Sets it; advance: to the change just made in this transaction, if it was the one before. */
MUST_CHECK enum rc join_seq_set(struct store_tx *tx, int64_t seq, struct err *err);
MUST_CHECK enum rc join_seq_advance(struct store_tx *tx, struct err *err);

#endif
