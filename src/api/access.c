/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Who is asking (P2), and whether they may ask this (P3). The only place where a viewer other than the public is made.
 */
#include "api/api_int.h"

static enum rc find_viewer(struct api_call *call, struct err *err)
{
    struct str token = http_cookie(call->req, API_COOKIE);
    call->viewer = VIEWER_PUBLIC;
    if (token.n == 0 || (call->route->flags & API_ANY_VIEWER))
        return RC_OK;
    enum rc rc = people_session_find(call->app->people, token, call->mem, &call->session, err);
    if (rc == RC_UNAUTHENTICATED)
        return RC_OK; /* a session that is over is no session; the route says whether one is needed */
    TRY(rc);
    call->viewer = call->session.viewer;
    return RC_OK;
}

static enum rc check_role(const struct api_call *call, struct err *err)
{
    static const enum role LEAST[] = {
        [API_OPEN] = ROLE_PUBLIC, [API_REVIEWER] = ROLE_REVIEWER, [API_COORDINATOR] = ROLE_COORDINATOR};
    enum role least = LEAST[call->route->access];
    if (call->viewer.role >= least)
        return RC_OK;
    if (call->viewer.role == ROLE_PUBLIC)
        return err_set(err, RC_UNAUTHENTICATED, "Sign in to do this.");
    return err_set(err, RC_DENIED, "This needs the role %s; yours is %s.", role_name(least),
                   role_name(call->viewer.role));
}

/* "https://host:port" against the Host header: the scheme is a proxy's business. */
static bool is_own_origin(struct str origin, struct str host)
{
    struct str scheme = str_starts_with(origin, STR("https://")) ? STR("https://") : STR("http://");
    return str_starts_with(origin, scheme) && str_is_equal_nocase(str_slice(origin, scheme.n, origin.n), host);
}

enum rc api_same_origin(const struct api_call *call, struct err *err)
{
    struct str site = http_header(call->req, "Sec-Fetch-Site"), origin = http_header(call->req, "Origin");
    bool is_foreign = site.n && !str_is_equal(site, STR("same-origin")) && !str_is_equal(site, STR("none"));
    if (origin.n && !is_own_origin(origin, http_header(call->req, "Host")))
        is_foreign = true;
    return is_foreign ? err_set(err, RC_DENIED, "This may only be asked by a page of this server.") : RC_OK;
}

static enum rc check_csrf(const struct api_call *call, struct err *err)
{
    bool is_read = call->route->method == HTTP_GET;
    if (is_read || (call->route->flags & API_NO_CSRF))
        return RC_OK;
    if (call->viewer.role == ROLE_PUBLIC)
        return err_set(err, RC_UNAUTHENTICATED, "Sign in to do this.");
    TRY(api_same_origin(call, err));
    if (!session_is_csrf(&call->session, http_header(call->req, "X-CSRF-Token")))
        return err_set(err, RC_DENIED, "The header X-CSRF-Token is missing or not this session's.");
    return RC_OK;
}

enum rc api_access_check(struct api_call *call, struct err *err)
{
    TRY(find_viewer(call, err));
    TRY(check_role(call, err));
    return check_csrf(call, err);
}
