/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The same site from several sources: found (join_candidates.h), weighed with reasons (join_score.h), decided
 * (join_choose.h), composed (join_compose.h), and taken apart again.
 *
 * Invariants:
 *   J1 records of one source are never joined by the machine, with each other or through others.
 *   J2 joining and taking apart are one transaction each with its ledger entry (I1); taking apart gives back both rows and
 *      footprints byte for byte; sources' records and links of incidents are never touched by either.
 *   J3 joining never shows more: the strictest visibility holds, an import of a joined record composes the row anew and
 *      neither takes it apart nor shows more of it.
 *   J4 what a person has decided the machine does not decide again.
 */
#ifndef SITES_JOIN_H
#define SITES_JOIN_H

#include "ledger/ledger.h"
#include "people/policy.h"
#include "store/store.h"
#include "wire/json_out.h"

enum { JOINS_PAGE_MAX = 200, JOIN_REASON_MAX = 1000 };

/* Two sites that may be one, or a decision on them. Ids are inner ones but for public_id. */
struct join_pair {
    struct uuid id, public_id, a, b;
    struct str state;    /* open, joined, separate */
    double score;        /* 0 to 1 */
    struct str reasons;  /* JSON: [{"what","value","weight"}], weights in decibans */
    struct uuid account; /* nil: the machine */
    struct instant at;
    struct str reason;      /* of the person */
    struct uuid kept, away; /* of joined ones */
    int kept_visibility;    /* who could see the kept one before */
    int64_t kept_coarse_m;
};

struct joins_options {
    bool dry_run;         /* decide, write nothing */
    bool is_whole;        /* compare all, not only what changed since the last run */
    bool without_osm_ids; /* some extract has ids that are not OpenStreetMap's own */
    void (*progress)(void *ctx, const char *what, int64_t done, int64_t total); /* NULL ok */
    /* Each pair that is joined or put before a person, before it is written; NULL ok. pair->id is nil. */
    void (*decided)(void *ctx, const struct join_pair *pair);
    void *ctx;
};
struct joins_report {
    int64_t records;        /* that were compared with others */
    int64_t candidates;     /* pairs */
    int64_t joined, opened; /* opened: put before a person, anew */
    int64_t crowded;        /* records with more neighbours than are compared */
    bool is_whole;
    double seconds;
};
/* Compares what changed since the last run (or all) across sources; joins, or puts before a person. As the system. */
MUST_CHECK enum rc joins_run(struct store *st, const struct joins_options *opt, struct joins_report *out,
                             struct err *err);
/* {"records","candidates","joined","opened","crowded","whole","seconds"} */
void joins_report_json(struct json_out *j, const struct joins_report *r);

struct joins_page {
    struct join_pair *items;
    size_t n;
    struct str next;
};
/* Best first. state: one of the three. Open ones whose two sites show as one by now are left out. Reviewers and above. */
MUST_CHECK enum rc joins_list(struct store *st, const struct viewer *viewer, struct str state, struct str cursor,
                              size_t limit, struct arena *mem, struct joins_page *out, struct err *err);
MUST_CHECK enum rc joins_find(struct store *st, const struct viewer *viewer, struct uuid public_id, struct arena *mem,
                              struct join_pair *out, struct err *err);

/* {"id","state","score","reasons":[],"by_person","at","reason","distance_m","a":{S,"sources":[]},"b":{}}. *shown = false and
 * nothing written when this viewer may not know of one of the two. */
MUST_CHECK enum rc joins_pair_json(struct json_out *j, struct store *st, const struct viewer *viewer,
                                   const struct join_pair *p, struct arena *mem, bool *shown, struct err *err);

/* An open pair: one site, or two. reason: needed for two. By a named account, reviewer or above. Errors: RC_CONFLICT when it
 * is not open any more. */
MUST_CHECK enum rc joins_decide(struct store *st, const struct viewer *actor, struct uuid public_id, bool same,
                                struct str reason, struct err *err);
/* A joined pair taken apart, for good: the machine does not join it again. Errors: RC_CONFLICT when it is not joined. */
MUST_CHECK enum rc joins_undo(struct store *st, const struct viewer *actor, struct uuid public_id, struct str reason,
                              struct err *err);

/* In the transaction of an import that wrote rows of site_own with this time: their sites' rows are composed anew. */
MUST_CHECK enum rc joins_recompose(struct store_tx *tx, struct instant at, struct err *err);

/* What `fane verify` compares. */
void joins_ledger_checkers(struct ledger *l);

#endif
