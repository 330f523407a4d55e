/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The policy (I3). Each case says what it grants; the end of every function denies.
 */
#include "people/policy.h"

#include <math.h>

#include "geo/geo.h"

enum { VERIFICATION_PUBLIC = 3, VERIFICATION_MAX = 4, VERIFICATION_SIDE = -1 };

static bool is_known_role(enum role r)
{
    switch (r) {
    case ROLE_PUBLIC:
    case ROLE_REVIEWER:
    case ROLE_COORDINATOR:
    case ROLE_ADMINISTRATOR:
        return true;
    }
    return false;
}

static enum view view_site(bool is_staff, const struct policy_object *site)
{
    if (site->is_country_closed && !is_staff)
        return VIEW_DENIED;
    switch (site->visibility) {
    case VISIBILITY_PUBLIC:
        return VIEW_FULL;
    case VISIBILITY_COARSE:
        return is_staff ? VIEW_FULL : VIEW_COARSE;
    case VISIBILITY_HIDDEN:
        return is_staff ? VIEW_FULL : VIEW_DENIED;
    }
    return VIEW_DENIED;
}

static enum view view_incident(bool is_staff, const struct policy_object *in)
{
    if (in->verification < VERIFICATION_SIDE || in->verification > VERIFICATION_MAX)
        return VIEW_DENIED;
    if (is_staff)
        return VIEW_FULL;
    return in->verification >= VERIFICATION_PUBLIC && !in->is_of_hidden ? VIEW_COARSE : VIEW_DENIED;
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
    case POLICY_SITE:
        return view_site(is_staff, object);
    case POLICY_INCIDENT:
        return view_incident(is_staff, object);
    case POLICY_CONTEXT:
        return is_staff ? VIEW_FULL : object->is_of_hidden ? VIEW_DENIED : VIEW_COARSE;
    case POLICY_REPORT:
    case POLICY_CLUSTER:
    case POLICY_LEDGER:
        return is_staff ? VIEW_FULL : VIEW_DENIED;
    case POLICY_WARNING:
        if (is_staff)
            return VIEW_FULL;
        return object->is_approved && object->is_scope_public ? VIEW_COARSE : VIEW_DENIED;
    case POLICY_ACCOUNT:
        return view_account(viewer, object->owner);
    }
    return VIEW_DENIED;
}

bool policy_may(const struct viewer *viewer, enum act act)
{
    if (!is_known_role(viewer->role))
        return false;
    bool is_named = !uuid_is_nil(viewer->account);
    switch (act) {
    case ACT_REPORT:
        return true;
    case ACT_REVIEW_REPORT:
    case ACT_EDIT_INCIDENT:
        return is_named && viewer->role >= ROLE_REVIEWER;
    case ACT_RUN_WATCH:
        return viewer->role >= ROLE_REVIEWER;
    case ACT_DECIDE_WARNING:
    case ACT_REVIEW_SITE:
        return is_named && viewer->role >= ROLE_COORDINATOR;
    case ACT_EDIT_PICTURES:
        return viewer->role == ROLE_ADMINISTRATOR || (is_named && viewer->role >= ROLE_REVIEWER);
    case ACT_NARROW_SITE:
        return viewer->role == ROLE_ADMINISTRATOR || (is_named && viewer->role >= ROLE_COORDINATOR);
    case ACT_IMPORT:
    case ACT_MANAGE_PEOPLE:
    case ACT_WIDEN_SITE:
    case ACT_CLOSE_COUNTRY:
        return viewer->role == ROLE_ADMINISTRATOR;
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

/* ---- the grid of sites ---- */

const int POLICY_LADDER_M[POLICY_PRECISIONS] = {1000, 5000, 10000, POLICY_PRECISION_MAX_M};

/* Positions as whole numbers of 1e-7 degree from 90 S and 180 W. The largest cells lie in rows of 0.45 degree (50.04 km),
 * each row cut into as many equal columns as keep 50 km at its narrower edge; finer cells divide those evenly. */
#define E7       INT64_C(10000000)
#define ROUND_E7 (360 * E7)
#define ROW_E7   (E7 * 45 / 100)
#define RAD      (3.14159265358979323846 / 180)
enum { ROWS = 400 };

bool policy_is_precision(int64_t precision_m)
{
    for (int i = 0; i < POLICY_PRECISIONS; i++)
        if (POLICY_LADDER_M[i] == precision_m)
            return true;
    return false;
}

/* Of the row that begins at 90 S + row * 0.45 degree. No quotient comes within 1e-6 of a whole number (a test holds it so),
 * so every machine's cosine gives the same one. */
static int64_t columns_of(int64_t row)
{
    int64_t edge =
        row < ROWS / 2 ? ROWS / 2 - row : row + 1 - ROWS / 2; /* rows from the equator to the narrower edge */
    double around_m = 2 * 180 * RAD * EARTH_RADIUS_M * cos((double)edge * 0.45 * RAD);
    return (int64_t)(around_m / POLICY_PRECISION_MAX_M);
}

static int64_t e7_of(double deg, double most_deg)
{
    if (!(deg >= -most_deg)) /* negated: NaN too */
        deg = -most_deg;
    if (deg > most_deg)
        deg = most_deg;
    return llround((deg + most_deg) * (double)E7);
}

static struct policy_cell cap_of(bool is_north)
{
    return (struct policy_cell){is_north ? 90 : -90, 0, ceil(0.45 * RAD * EARTH_RADIUS_M)};
}

struct policy_cell policy_cell_of(double lat_deg, double lon_deg, int64_t precision_m)
{
    int64_t parts = POLICY_PRECISION_MAX_M / (policy_is_precision(precision_m) ? precision_m : POLICY_PRECISION_MAX_M);
    int64_t y = e7_of(lat_deg, 90), x = e7_of(lon_deg, 180) % ROUND_E7;
    int64_t row = y / ROW_E7 < ROWS ? y / ROW_E7 : ROWS - 1;
    if (row == 0 || row == ROWS - 1)
        return cap_of(row != 0);
    int64_t height = ROW_E7 / parts, part = y / height;
    int64_t columns = columns_of(row) * parts, column = x * columns / ROUND_E7;
    double south = (double)(part * height) / (double)E7 - 90, north = (double)((part + 1) * height) / (double)E7 - 90;
    double lon = (double)((2 * column + 1) * ROUND_E7 / (2 * columns)) / (double)E7 - 180;
    double half = 180.0 / (double)columns;
    struct geo_point centre = {(double)(2 * part * height + height) / (double)(2 * E7) - 90, lon};
    double reach_south = geo_distance_m(centre, (struct geo_point){south, lon + half > 180 ? lon - half : lon + half});
    double reach_north = geo_distance_m(centre, (struct geo_point){north, lon + half > 180 ? lon - half : lon + half});
    return (struct policy_cell){centre.lat_deg, lon, ceil(reach_south > reach_north ? reach_south : reach_north)};
}
