/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The policy (I3): one function decides what a viewer may see of an object: all, coarse, or nothing. Every outlet calls
 * it: tiles, search, counts, exports, feeds, pages, error texts. It is pure; it reads no database. What is not
 * recognised is denied.
 */
#ifndef PEOPLE_POLICY_H
#define PEOPLE_POLICY_H

#include <stdbool.h>

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
    POLICY_INCIDENT,  /* public from V3 on, coarse; reviewers full */
    POLICY_CONTEXT,   /* context events apart from incidents: from a public source, coarse */
    POLICY_REPORT,    /* reviewers and above, never the public */
    POLICY_CLUSTER,   /* hotspots: signed-in reviewers only */
    POLICY_WARNING,   /* drafts: reviewers; approved with scope Public: everyone, coarse */
    POLICY_LEDGER,    /* reviewers and above */
    POLICY_ACCOUNT    /* administrators; oneself */
};

struct policy_object {
    enum policy_kind kind;
    enum visibility visibility; /* sites */
    int verification;           /* incidents: 0..4 for V0..V4; side states are -1 */
    bool is_approved;           /* warnings */
    bool is_scope_public;       /* warnings */
    struct uuid owner;          /* account the object belongs to, or nil */
};

/* A higher role never sees less; a role, kind, visibility or verification out of range is denied to everyone. */
enum view policy_view(const struct viewer *viewer, const struct policy_object *object);

/* What a viewer may do. Reviewing, editing and deciding need a named account besides the role: a person answers. */
enum act {
    ACT_REPORT,          /* everyone */
    ACT_REVIEW_REPORT,   /* reviewer + */
    ACT_EDIT_INCIDENT,   /* reviewer + */
    ACT_RUN_WATCH,       /* reviewer + */
    ACT_DECIDE_WARNING,  /* coordinator + */
    ACT_IMPORT,          /* administrator */
    ACT_MANAGE_PEOPLE    /* administrator */
};
bool policy_may(const struct viewer *viewer, enum act act);

/* Coarse place: the centre of the fixed grid cell of `cell_m` metres (rounded up to a power of two of Mercator cells at
 * the equator), never jittered, the same in every outlet and edition. Default cell for public incidents and COARSE
 * sites: POLICY_COARSE_ZOOM. */
enum { POLICY_COARSE_ZOOM = 11 }; /* tile zoom whose cells are the grid: about 20 km at the equator, 10 km at 60 deg */
void policy_coarse_point(double lat_deg, double lon_deg, double *out_lat_deg, double *out_lon_deg);

#endif
