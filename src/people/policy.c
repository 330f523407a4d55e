/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The policy (I3). Each case says what it grants; the end of every function denies.
 */
#include "people/policy.h"

#include "geo/geo.h"

enum { VERIFICATION_PUBLIC = 3, VERIFICATION_MAX = 4, VERIFICATION_SIDE = -1 };

static bool is_known_role(enum role r)
{
    switch (r) {
    case ROLE_PUBLIC:
    case ROLE_REVIEWER:
    case ROLE_COORDINATOR:
    case ROLE_ADMINISTRATOR: return true;
    }
    return false;
}

static enum view view_site(bool is_staff, enum visibility v)
{
    switch (v) {
    case VISIBILITY_PUBLIC: return VIEW_FULL;
    case VISIBILITY_COARSE: return is_staff ? VIEW_FULL : VIEW_COARSE;
    case VISIBILITY_HIDDEN: return is_staff ? VIEW_FULL : VIEW_DENIED;
    }
    return VIEW_DENIED;
}

static enum view view_incident(bool is_staff, int verification)
{
    if (verification < VERIFICATION_SIDE || verification > VERIFICATION_MAX)
        return VIEW_DENIED;
    if (is_staff)
        return VIEW_FULL;
    return verification >= VERIFICATION_PUBLIC ? VIEW_COARSE : VIEW_DENIED;
}

static enum view view_account(const struct viewer *viewer, struct uuid owner)
{
    if (viewer->role == ROLE_ADMINISTRATOR)
        return VIEW_FULL;
    bool is_oneself = !uuid_is_nil(viewer->account) && uuid_is_equal(viewer->account, owner);
    return is_oneself ? VIEW_FULL : VIEW_DENIED;
}

enum view policy_view(const struct viewer *viewer, const struct policy_object *object)
{
    if (!is_known_role(viewer->role))
        return VIEW_DENIED;
    bool is_staff = viewer->role >= ROLE_REVIEWER;
    switch (object->kind) {
    case POLICY_SITE: return view_site(is_staff, object->visibility);
    case POLICY_INCIDENT: return view_incident(is_staff, object->verification);
    case POLICY_CONTEXT: return is_staff ? VIEW_FULL : VIEW_COARSE;
    case POLICY_REPORT:
    case POLICY_CLUSTER:
    case POLICY_LEDGER: return is_staff ? VIEW_FULL : VIEW_DENIED;
    case POLICY_WARNING:
        if (is_staff)
            return VIEW_FULL;
        return object->is_approved && object->is_scope_public ? VIEW_COARSE : VIEW_DENIED;
    case POLICY_ACCOUNT: return view_account(viewer, object->owner);
    }
    return VIEW_DENIED;
}

bool policy_may(const struct viewer *viewer, enum act act)
{
    if (!is_known_role(viewer->role))
        return false;
    bool is_named = !uuid_is_nil(viewer->account);
    switch (act) {
    case ACT_REPORT: return true;
    case ACT_REVIEW_REPORT:
    case ACT_EDIT_INCIDENT: return is_named && viewer->role >= ROLE_REVIEWER;
    case ACT_RUN_WATCH: return viewer->role >= ROLE_REVIEWER;
    case ACT_DECIDE_WARNING: return is_named && viewer->role >= ROLE_COORDINATOR;
    case ACT_IMPORT:
    case ACT_MANAGE_PEOPLE: return viewer->role == ROLE_ADMINISTRATOR;
    }
    return false;
}

/* The grid is the tiles of one zoom: known to everyone, the same for every object, so that many coarse points of one
 * place tell no more than one does. */
void policy_coarse_point(double lat_deg, double lon_deg, double *out_lat_deg, double *out_lon_deg)
{
    const int below = 31 - POLICY_COARSE_ZOOM; /* bits of a position within its cell */
    struct geo_merc m = geo_merc_of((struct geo_point){.lat_deg = lat_deg, .lon_deg = lon_deg});
    uint32_t half = UINT32_C(1) << (below - 1);
    struct geo_merc centre = {.x = m.x >> below << below | half, .y = m.y >> below << below | half};
    struct geo_point p = geo_merc_point(centre);
    *out_lat_deg = p.lat_deg;
    *out_lon_deg = p.lon_deg;
}
