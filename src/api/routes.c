/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The table of routes (P1) and how a path finds its row. data/openapi.json says the same to the world; a test compares
 * them.
 */
#include "api/api_int.h"

#define READ_ONLY 0

const struct api_route API_ROUTES[] = {
    {HTTP_GET, "/healthz", api_healthz, API_OPEN, 0, API_ANY_VIEWER},
    {HTTP_GET, "/metrics", api_metrics_get, API_OPEN, 0, API_ANY_VIEWER | API_INLINE},
    {HTTP_GET, "/openapi.json", api_openapi, API_OPEN, 0, API_ANY_VIEWER | API_INLINE},
    {HTTP_GET, "/api/v1/vocab", api_vocab, API_OPEN, 0, API_ANY_VIEWER | API_INLINE},
    {HTTP_GET, "/api/v1/sites", api_sites_list, API_OPEN, 0, READ_ONLY},
    {HTTP_GET, "/api/v1/sites/{id}", api_sites_get, API_OPEN, 0, READ_ONLY},
    {HTTP_GET, "/api/v1/sites/{id}/qr.svg", api_sites_qr, API_OPEN, 0, READ_ONLY},
    {HTTP_GET, "/api/v1/pictures/{id}/{size}.jpg", api_pictures_get, API_OPEN, 0, READ_ONLY},
    {HTTP_POST, "/api/v1/sites/{id}/hide", api_sites_hide, API_COORDINATOR, API_BODY_SMALL, 0},
    {HTTP_POST, "/api/v1/sites/{id}/visibility", api_sites_visibility, API_COORDINATOR, API_BODY_SMALL, 0},
    {HTTP_GET, "/api/v1/joins", api_joins_list, API_REVIEWER, 0, READ_ONLY},
    {HTTP_POST, "/api/v1/joins/{id}/decide", api_joins_decide, API_REVIEWER, API_BODY_SMALL, 0},
    {HTTP_POST, "/api/v1/joins/{id}/undo", api_joins_undo, API_REVIEWER, API_BODY_SMALL, 0},
    {HTTP_GET, "/api/v1/visibility/reviews", api_visibility_reviews, API_REVIEWER, 0, READ_ONLY},
    {HTTP_POST, "/api/v1/visibility/reviews/{id}/decide", api_visibility_decide, API_COORDINATOR, API_BODY_SMALL, 0},
    {HTTP_GET, "/api/v1/countries", api_countries_list, API_REVIEWER, 0, READ_ONLY},
    {HTTP_POST, "/api/v1/countries/{iso2}", api_countries_set, API_COORDINATOR, API_BODY_SMALL, 0},
    {HTTP_GET, "/api/v1/near", api_near, API_OPEN, 0, READ_ONLY},
    {HTTP_GET, "/api/v1/search", api_search, API_OPEN, 0, READ_ONLY},
    {HTTP_POST, "/api/v1/session", api_session_post, API_OPEN, API_BODY_SMALL, API_NO_CSRF | API_ANY_VIEWER},
    {HTTP_GET, "/api/v1/session", api_session_get, API_OPEN, 0, READ_ONLY},
    {HTTP_DELETE, "/api/v1/session", api_session_delete, API_OPEN, 0, 0},
    {HTTP_GET, "/tiles/sites/{z}/{x}/{y}.mvt", api_tiles_sites, API_OPEN, 0, API_ANY_VIEWER | API_INLINE},
    {HTTP_GET, "/tiles/incidents/{z}/{x}/{y}.mvt", api_tiles_incidents, API_OPEN, 0, READ_ONLY},
    {HTTP_GET, "/tiles/hotspots/{z}/{x}/{y}.mvt", api_tiles_hotspots, API_REVIEWER, 0, READ_ONLY},
    {HTTP_GET, "/tiles/ground/{z}/{x}/{y}.mvt", api_tiles_ground, API_OPEN, 0, API_ANY_VIEWER},
    {HTTP_GET, "/api/v1/ground", api_ground_list, API_OPEN, 0, API_ANY_VIEWER},
    {HTTP_GET, "/tiles/{layer}.json", api_tiles_json, API_OPEN, 0, READ_ONLY},
    {HTTP_GET, "/api/v1/incidents", api_incidents_list, API_OPEN, 0, READ_ONLY},
    {HTTP_GET, "/api/v1/incidents/{id}", api_incidents_get, API_OPEN, 0, READ_ONLY},
    {HTTP_GET, "/api/v1/changes", api_changes, API_OPEN, 0, API_ANY_VIEWER},
    {HTTP_GET, "/api/v1/clusters", api_clusters_list, API_REVIEWER, 0, READ_ONLY},
    {HTTP_POST, "/api/v1/watch/run", api_watch_run, API_REVIEWER, API_BODY_SMALL, 0},
    {HTTP_GET, "/api/v1/warnings", api_warnings_list, API_OPEN, 0, READ_ONLY},
    {HTTP_POST, "/api/v1/warnings/{id}/approve", api_warnings_approve, API_COORDINATOR, API_BODY_SMALL, 0},
    {HTTP_POST, "/api/v1/warnings/{id}/reject", api_warnings_reject, API_COORDINATOR, API_BODY_SMALL, 0},
    {HTTP_GET, "/alerts/{id}.xml", api_cap_get, API_OPEN, 0, READ_ONLY},
    {HTTP_GET, "/ogc", api_ogc_landing, API_OPEN, 0, API_ANY_VIEWER},
    {HTTP_GET, "/ogc/conformance", api_ogc_conformance, API_OPEN, 0, API_ANY_VIEWER},
    {HTTP_GET, "/ogc/api", api_ogc_api, API_OPEN, 0, API_ANY_VIEWER},
    {HTTP_GET, "/ogc/collections", api_ogc_collections, API_OPEN, 0, API_ANY_VIEWER},
    {HTTP_GET, "/ogc/collections/{collection}", api_ogc_collection, API_OPEN, 0, API_ANY_VIEWER},
    {HTTP_GET, "/ogc/collections/{collection}/queryables", api_ogc_queryables, API_OPEN, 0, API_ANY_VIEWER},
    {HTTP_GET, "/ogc/collections/{collection}/items", api_ogc_items, API_OPEN, 0, API_ANY_VIEWER},
    {HTTP_GET, "/ogc/collections/{collection}/items/{fid}", api_ogc_item, API_OPEN, 0, API_ANY_VIEWER},
    {HTTP_GET, "/feeds/alerts.atom", api_feed_atom, API_OPEN, 0, API_ANY_VIEWER},
    {HTTP_POST, "/api/v1/reports", api_reports_post, API_OPEN, API_BODY_REPORT,
     API_NO_CSRF | API_ANY_TYPE | API_ANY_VIEWER},
    {HTTP_GET, "/api/v1/reports", api_reports_list, API_REVIEWER, 0, READ_ONLY},
    {HTTP_POST, "/api/v1/reports/status", api_reports_status, API_OPEN, API_BODY_SMALL,
     API_NO_CSRF | API_ANY_TYPE | API_ANY_VIEWER},
    {HTTP_POST, "/api/v1/reports/{id}/review", api_reports_review, API_REVIEWER, API_BODY_SMALL, 0},
    {HTTP_POST, "/api/v1/suggestions", api_suggestions_post, API_OPEN, API_BODY_REPORT,
     API_NO_CSRF | API_ANY_TYPE | API_ANY_VIEWER},
    {HTTP_GET, "/api/v1/suggestions", api_suggestions_list, API_REVIEWER, 0, READ_ONLY},
    {HTTP_POST, "/api/v1/suggestions/status", api_suggestions_status, API_OPEN, API_BODY_SMALL,
     API_NO_CSRF | API_ANY_TYPE | API_ANY_VIEWER},
    {HTTP_POST, "/api/v1/suggestions/{id}/decide", api_suggestions_decide, API_REVIEWER, API_BODY_SMALL, 0},
};

size_t api_routes_count(void)
{
    return sizeof API_ROUTES / sizeof API_ROUTES[0];
}

/* One segment against its pattern: the same text, or "{name}" with a fixed suffix. */
static bool segment_matches(struct str pattern, struct str s, struct str *value)
{
    if (pattern.n == 0 || pattern.p[0] != '{')
        return str_is_equal(pattern, s);
    size_t close = 1;
    while (close < pattern.n && pattern.p[close] != '}')
        close++;
    struct str suffix = str_slice(pattern, close + 1, pattern.n);
    if (!str_ends_with(s, suffix) || s.n == suffix.n)
        return false;
    *value = str_slice(s, 0, s.n - suffix.n);
    return true;
}

static bool path_matches(struct str pattern, struct str path, struct str *values)
{
    size_t n = 0;
    if (str_ends_with(path, STR("/"))) /* no route ends so; cutting would lose it */
        return false;
    while (pattern.n > 0 || path.n > 0) {
        struct str want, have;
        str_cut(pattern, '/', &want, &pattern);
        str_cut(path, '/', &have, &path);
        ENSURE(n < API_SEGMENTS_MAX);
        if (!segment_matches(want, have, &values[n]))
            return false;
        n += want.n > 0 && want.p[0] == '{';
    }
    return true;
}

/* Most routes fall away at their fixed beginning. */
static bool may_match(const char *pattern, struct str path)
{
    size_t i = 0;
    while (i < path.n && pattern[i] == path.p[i])
        i++;
    return pattern[i] == '{' || (pattern[i] == '\0' && i == path.n);
}

static const char *allow_of(unsigned methods)
{
    static const char *const TEXTS[] = {[1 << HTTP_GET] = "GET, HEAD",
                                        [1 << HTTP_POST] = "POST",
                                        [1 << HTTP_GET | 1 << HTTP_POST] = "GET, HEAD, POST",
                                        [1 << HTTP_DELETE] = "DELETE",
                                        [1 << HTTP_GET | 1 << HTTP_POST | 1 << HTTP_DELETE] =
                                            "GET, HEAD, POST, DELETE"};
    const char *text = methods < sizeof TEXTS / sizeof TEXTS[0] ? TEXTS[methods] : NULL;
    return text ? text : "";
}

struct api_match api_routes_match(enum http_method method, struct str path)
{
    struct api_match m = {0};
    unsigned methods = 0;
    if (method == HTTP_HEAD)
        method = HTTP_GET;
    for (size_t i = 0; i < api_routes_count(); i++) {
        struct str values[API_SEGMENTS_MAX] = {{0}};
        if (!may_match(API_ROUTES[i].pattern, path) || !path_matches(str_of(API_ROUTES[i].pattern), path, values))
            continue;
        m.is_path_known = true;
        methods |= 1u << API_ROUTES[i].method;
        if (API_ROUTES[i].method != method || m.route)
            continue;
        m.route = &API_ROUTES[i];
        for (int k = 0; k < API_SEGMENTS_MAX; k++)
            m.segments[k] = values[k];
    }
    if (!m.route && m.is_path_known)
        m.allow = allow_of(methods);
    return m;
}
