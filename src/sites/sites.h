/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The registry of sites as the other rooms see it: find, list, iterate, hide, render. How records come in is import.h;
 * the read-optimised image is atlas.h; files out are export.h.
 *
 * Invariants:
 *   T1 whatever takes a viewer has gone through the policy (I3) when it returns: a HIDDEN site is absent from rows,
 *      counts and errors of those who may not see it; a COARSE one stands at the centre of its grid cell, is found by
 *      that place only, and has no footprint, no Wikidata id and no external ids.
 *   T2 no site is ever deleted; what a source no longer has keeps its row with status "gone".
 */
#ifndef SITES_SITES_H
#define SITES_SITES_H

#include "base/id.h"
#include "geo/geo.h"
#include "ledger/ledger.h"
#include "people/policy.h"
#include "sites/draft.h"
#include "store/store.h"
#include "wire/json_out.h"

enum {
    SITES_LIMIT_MAX = 1000,      /* rows of one page */
    SITES_QUERY_MAX = 200,       /* bytes of a search text */
    SITES_REASON_MAX = 1000,     /* bytes of a reason */
    SITES_SEARCH_TEXT_MAX = 8192 /* bytes of folded names kept for the search; later names are not searched */
};

struct site {
    struct uuid id; /* inside only */
    struct uuid public_id;
    uint64_t code;   /* the first 40 bits of public_id */
    struct str name; /* the one to show when no language is asked for; may be empty */
    struct str class_code, kind, religion, denomination;
    bool has_place;
    double lat_deg, lon_deg;
    double precision_m;
    int64_t cell; /* Morton key of lat_deg, lon_deg; -1 without a place */
    struct str country, admin1;
    bool is_disputed;
    struct str heritage;
    int whs_year;          /* 0: none */
    struct str start_date; /* when it was built, as wire/osm_date.h reads it; empty: not known */
    struct str wikidata, unesco;
    struct str status; /* present, disused, abandoned, ruins; gone: no source has it any more */
    enum visibility visibility;
    int64_t coarse_m;       /* of COARSE ones: a step of POLICY_LADDER_M */
    bool is_country_closed; /* its country is not published */
    bool is_unverified, is_synthetic;
    struct str note;
    struct instant created, updated;
    const struct site_name *names; /* where the call says that it reads them */
    size_t names_n;
    bool is_coarse; /* the place is the grid's, not the site's */
};

/* The policy for one site. Changes what must not be seen when the answer is VIEW_COARSE. */
enum view sites_view(const struct viewer *viewer, struct site *site);

/* By public id (36 characters) or code; names are read. RC_NOT_FOUND also when this viewer may not know of it. */
MUST_CHECK enum rc sites_find(struct store *st, struct str id_or_code, const struct viewer *viewer, struct arena *mem,
                              struct site **out, struct err *err);
/* By inner id, for rooms that keep it. */
MUST_CHECK enum rc sites_find_id(struct store *st, struct uuid id, const struct viewer *viewer, struct arena *mem,
                                 struct site **out, struct err *err);
/* By a source's own id, in whichever source; RC_NOT_FOUND also when several have it: no link is better than a wrong
 * one. */
MUST_CHECK enum rc sites_find_external(struct store *st, struct str external_id, const struct viewer *viewer,
                                       struct arena *mem, struct site **out, struct err *err);

struct sites_filter {
    bool has_box;
    bool is_heritage; /* only what some list of heritage names */
    struct geo_box box;
    struct str religion, kind, class_code, country; /* empty: any */
    struct str q; /* in any name, anywhere in it, folded (case, accents, Arabic and Hebrew points) */
};
struct sites_page {
    struct site *sites; /* names are read */
    size_t n;
    struct str next; /* cursor of the next page; empty: this was the last */
    int64_t matched; /* all pages together, of what this viewer may see; -1 when not asked for */
};
/* Sites in the order of their cells; those without a place last (and in no box). cursor empty: the first page; one of
 * another form is RC_INVALID; one whose site is gone from view goes on from that place. */
MUST_CHECK enum rc sites_list(struct store *st, const struct sites_filter *filter, const struct viewer *viewer,
                              struct str cursor, size_t limit, bool want_matched, struct arena *mem,
                              struct sites_page *out, struct err *err);

/* Where a site's facts come from. */
struct sites_source {
    struct str source, licence, attribution, url, release, external_id, text;
    struct instant imported;
    bool is_gone;
};
/* site: as some call above gave it to this viewer. external_id and text are empty for a coarse one. */
MUST_CHECK enum rc sites_sources(struct store *st, const struct site *site, struct arena *mem,
                                 struct sites_source **out, size_t *n, struct err *err);
/* WKB; empty when there is none or the site is coarse. */
MUST_CHECK enum rc sites_footprint(struct store *st, const struct site *site, struct arena *mem, struct str *wkb,
                                   struct err *err);

/* Every site the public may know of and that has a place, in the order of the cell it is shown at (then id): what the
 * atlas holds. The site is borrowed for the call; names are read when wanted (site->name is always). Pages inside: no long snapshot.
 */
typedef enum rc (*sites_each_fn)(void *ctx, const struct site *site, struct err *err);
MUST_CHECK enum rc sites_each_public(struct store *st, bool want_names, sites_each_fn fn, void *ctx, struct err *err);
/* How many rows sites_each_public would give, and the number of the last transaction that changed sites (0: none): an
 * image of the registry made at another number is stale. */
MUST_CHECK enum rc sites_public_state(struct store *st, int64_t *count, int64_t *change, struct err *err);

/* Who may see a site; kept over every later import. reason: not empty. The short way to visibility_set. */
MUST_CHECK enum rc sites_set_visibility(struct store *st, struct uuid site, enum visibility visibility,
                                        struct str reason, const struct viewer *actor, struct err *err);
/* The same with VISIBILITY_HIDDEN. */
MUST_CHECK enum rc sites_hide(struct store *st, struct uuid site, struct str reason, const struct viewer *actor,
                              struct err *err);

/* The object S of the API: {"id","code","name","names",...}. view: what sites_view said; never VIEW_DENIED. */
void sites_json(struct json_out *j, const struct site *site, enum view view);
/* The same members without the braces, for objects that carry more. */
void sites_json_members(struct json_out *j, const struct site *site, enum view view);

/* Members for the years of start_date: start_earliest, start_latest (null: open, or not known), start_about. */
void sites_start_json(struct json_out *j, const struct site *site);

/* The attributions of all sources, each once, between "; ": what a map of them must show. */
MUST_CHECK enum rc sites_attribution(struct store *st, struct arena *mem, struct str *out, struct err *err);

/* What `fane verify` compares of this room: the rows of releases and of decisions on visibility. */
void sites_ledger_checkers(struct ledger *l);

/* Text as the search compares it: compatibility forms, case, accents and points removed, white space single. */
struct str sites_fold(struct arena *mem, struct str text);

#endif
