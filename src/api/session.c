/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Signing in and out. The cookie cannot be read by scripts, is sent to no other site, and goes over TLS only unless the
 * server listens at the loopback address itself.
 */
#include "api/api_int.h"
#include "wire/json_in.h"

static void set_cookie(struct api_call *call, struct str token, int64_t max_age_s)
{
    const char *secure = call->server->cookie_is_secure ? "; Secure" : "";
    http_add_header(call->res, "Set-Cookie",
                    str_printf(call->mem, API_COOKIE "=" STR_FMT "; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s",
                               STR_ARG(token), (long long)max_age_s, secure));
}

static void answer_session(struct api_call *call, const struct session *s)
{
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_put_str(j, "account", s->name);
    json_put_str(j, "id", uuid_format(call->mem, s->public_id));
    json_put_str(j, "role", str_of(role_name(s->viewer.role)));
    json_put_str(j, "csrf", str_of(s->csrf));
    json_put_str(j, "expires", instant_format_s(call->mem, s->expires));
    json_end_object(j);
    http_answer_buf(call->res, 200, "application/json", &call->buf); /* never kept, unlike other answers */
}

static enum rc login(struct api_call *call, struct session *out, struct err *err)
{
    json_t *body;
    struct str name = STR_NONE, password = STR_NONE;
    TRY(api_body(call, &body, err));
    enum rc rc = json_in_str(body, "", "name", JSON_REQUIRED, (size_t)PEOPLE_NAME_MAX * 4, &name, err);
    if (rc == RC_OK)
        rc = json_in_str(body, "", "password", JSON_REQUIRED, PASSWORD_MAX, &password, err);
    if (rc == RC_OK)
        rc = people_login(call->app->people, name, password, call->mem, out, err);
    json_decref(body);
    return rc;
}

enum rc api_session_post(struct api_call *call, struct err *err)
{
    struct session session = {0};
    TRY(api_same_origin(call, err));
    int under_way = atomic_fetch_add(&call->server->logins, 1);
    enum rc rc = under_way < API_LOGINS_MAX
                     ? login(call, &session, err)
                     : err_set(err, RC_BUSY, "Many people are signing in; try again in a moment.");
    atomic_fetch_sub(&call->server->logins, 1);
    TRY(rc);
    set_cookie(call, str_copy(call->mem, str_of(session.token)), SESSION_MAX_S);
    answer_session(call, &session);
    return RC_OK;
}

enum rc api_session_get(struct api_call *call, struct err *err)
{
    if (call->viewer.role == ROLE_PUBLIC)
        return err_set(err, RC_UNAUTHENTICATED, "Nobody is signed in.");
    answer_session(call, &call->session);
    return RC_OK;
}

enum rc api_session_delete(struct api_call *call, struct err *err)
{
    TRY(people_logout(call->app->people, http_cookie(call->req, API_COOKIE), err));
    set_cookie(call, STR_NONE, 0);
    http_answer_empty(call->res, 204);
    return RC_OK;
}
