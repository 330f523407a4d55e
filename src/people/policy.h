/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The policy (I3): one function decides what a viewer may see of an object: all, coarse, or nothing. Every outlet calls
 * it: tiles, search, counts, exports, feeds, pages, error texts. It is pure; it reads no database. What is not
 * recognised is denied.
 */
#ifndef PEOPLE_POLICY_H
#define PEOPLE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"

enum role { ROLE_PUBLIC, ROLE_REVIEWER, ROLE_COORDINATOR, ROLE_ADMINISTRATOR };

struct viewer {
    struct uuid account; /* nil for the public */
    struct uuid org;
    enum role role;
};
#define VIEWER_PUBLIC ((struct viewer){.role = ROLE_PUBLIC})

enum view { VIEW_DENIED, VIEW_COARSE, VIEW_FULL };

/* A site is born with one of these; HIDDEN is absent from everything public, small counts included. */
enum visibility { VISIBILITY_PUBLIC, VISIBILITY_COARSE, VISIBILITY_HIDDEN };

enum policy_kind {
    POLICY_SITE,
    POLICY_INCIDENT, /* public from V3 on, coarse; reviewers full */
    POLICY_CONTEXT,  /* context events apart from incidents: from a public source, coarse */
    POLICY_REPORT,   /* reviewers and above, never the public */
    POLICY_CLUSTER,  /* hotspots: signed-in reviewers only */
    POLICY_WARNING,  /* drafts: reviewers; approved with scope Public: everyone, coarse */
    POLICY_LEDGER,   /* reviewers and above */
    POLICY_ACCOUNT   /* administrators; oneself */
};

struct policy_object {
    enum policy_kind kind;
    enum visibility visibility; /* sites */
    bool is_country_closed;     /* sites: of a country that is not published (visibility.h) */
    bool is_of_hidden;          /* incidents: linked to a site that the public may not know of */
    int verification;           /* incidents: 0..4 for V0..V4; side states are -1 */
    bool is_approved;           /* warnings */
    bool is_scope_public;       /* warnings */
    struct uuid owner;          /* account the object belongs to, or nil */
};

/* A higher role never sees less; a role, kind, visibility or verification out of range is denied to everyone. */
enum view policy_view(const struct viewer *viewer, const struct policy_object *object);

/* What a viewer may do. Reviewing, editing and deciding need a named account besides the role: a person answers. */
enum act {
    ACT_REPORT,         /* everyone */
    ACT_REVIEW_REPORT,  /* reviewer + */
    ACT_EDIT_INCIDENT,  /* reviewer + */
    ACT_EDIT_PICTURES,  /* reviewer + */
    ACT_RUN_WATCH,      /* reviewer + */
    ACT_DECIDE_WARNING, /* coordinator + */
    ACT_IMPORT,         /* administrator */
    ACT_MANAGE_PEOPLE,  /* administrator */
    ACT_NARROW_SITE,    /* show less of a site than now, at once: coordinator +, reviewed afterwards */
    ACT_REVIEW_SITE,    /* keep or revert what another has narrowed: coordinator + */
    ACT_WIDEN_SITE,     /* show more of a site than now: administrator */
    ACT_CLOSE_COUNTRY   /* stop or begin publishing a country: administrator */
};
bool policy_may(const struct viewer *viewer, enum act act);

/* Coarse place of incidents and warnings: the centre of the tile of zoom POLICY_COARSE_ZOOM in which it lies. */
enum { POLICY_COARSE_ZOOM = 11 }; /* about 20 km at the equator, 10 km at 60 deg */
void policy_coarse_point(double lat_deg, double lon_deg, double *out_lat_deg, double *out_lon_deg);

/* Coarse place of a COARSE site: the centre of a cell of a grid that is fixed for ever (docs/adr/0011-visibility.md): never
 * jittered, computed in whole numbers, the same in every outlet and edition.
 *   - no cell is narrower than the precision, in either direction;
 *   - a finer cell lies wholly in one coarser cell, so that two editions of different precision tell no more than the
 *     finer one;
 *   - within 50 km of a pole the cell is that cap, whatever the precision. */
enum { POLICY_PRECISIONS = 4, POLICY_PRECISION_DEFAULT_M = 10000, POLICY_PRECISION_MAX_M = 50000 };
extern const int POLICY_LADDER_M[POLICY_PRECISIONS]; /* rising */
bool policy_is_precision(int64_t precision_m);
struct policy_cell {
    double lat_deg, lon_deg; /* the centre */
    double reach_m;          /* no point of the cell is farther from it; whole metres */
};
/* A precision that is not on the ladder is taken as the coarsest. */
struct policy_cell policy_cell_of(double lat_deg, double lon_deg, int64_t precision_m);

#endif
