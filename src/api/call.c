/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What the resources share: JSON answers, bodies, parameters.
 */
#include "api/api_int.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "wire/json_in.h"

struct json_out *api_json_begin(struct api_call *call)
{
    buf_clear(&call->buf);
    json_out_init(&call->json, &call->buf);
    return &call->json;
}

void api_json_end(struct api_call *call, int status)
{
    ENSURE(call->json.depth == 0);
    bool is_public = call->viewer.role == ROLE_PUBLIC && call->route->method == HTTP_GET && status == 200;
    if (is_public) {
        struct sha256 h = sha256_of(call->buf.p, call->buf.n);
        call->res->etag = str_printf(call->mem, "\"" STR_FMT "\"", STR_ARG(str_hex(call->mem, h.b, 12)));
        call->res->cache = "no-cache"; /* kept, but asked about each time */
    }
    http_answer_buf(call->res, status, "application/json", &call->buf);
}

void api_page_end(struct json_out *j, struct str next, int64_t matched)
{
    json_end_array(j);
    json_key(j, "next");
    if (next.n)
        json_str(j, next);
    else
        json_nil(j);
    if (matched >= 0)
        json_put_i64(j, "matched", matched);
    json_end_object(j);
}

enum rc api_body(struct api_call *call, json_t **out, struct err *err)
{
    if (!(call->route->flags & API_ANY_TYPE) && !http_is_type(call->req, "application/json"))
        return err_set(err, RC_UNSUPPORTED, "The body must be JSON: send Content-Type: application/json");
    return json_in_object(call->req->body, call->route->body_max, out, err);
}

enum rc api_limit(const struct api_call *call, size_t fallback, size_t most, size_t *out, struct err *err)
{
    struct str s;
    int64_t n;
    *out = fallback;
    if (!http_query(call->req, "limit", &s))
        return RC_OK;
    if (!str_parse_i64(s, &n) || n < 1 || n > (int64_t)most)
        return err_set(err, RC_INVALID, "limit: a whole number from 1 to %zu", most);
    *out = (size_t)n;
    return RC_OK;
}

enum rc api_box(const struct api_call *call, bool *has, struct geo_box *out, struct err *err)
{
    struct str rest, part;
    double v[4];
    *has = http_query(call->req, "bbox", &rest);
    if (!*has)
        return RC_OK;
    for (int i = 0; i < 4; i++) {
        bool cut = str_cut(rest, ',', &part, &rest);
        if (cut != (i < 3) || !str_parse_f64(part, &v[i]))
            return err_set(err, RC_INVALID, "bbox: four numbers, west,south,east,north in degrees");
    }
    enum rc rc = geo_box_make(v[0], v[1], v[2], v[3], out, err);
    return rc == RC_OK ? rc : err_add(err, "bbox: ");
}

enum rc api_day(const struct api_call *call, const char *name, int64_t *day, struct err *err)
{
    struct str s;
    struct civil_date d;
    if (!http_query(call->req, name, &s) || s.n == 0)
        return RC_OK;
    if (!date_parse(s, &d))
        return err_set(err, RC_INVALID, "%s: a date as 2026-03-31", name);
    *day = date_to_days(d);
    return RC_OK;
}

enum rc api_number(const struct api_call *call, const char *name, double *out, struct err *err)
{
    struct str s;
    if (!http_query(call->req, name, &s))
        return err_set(err, RC_INVALID, "%s: missing", name);
    if (!str_parse_f64(s, out))
        return err_set(err, RC_INVALID, "%s: not a number", name);
    return RC_OK;
}

enum rc api_flag(const struct api_call *call, const char *name, bool *out, struct err *err)
{
    struct str s;
    *out = false;
    if (!http_query(call->req, name, &s) || str_is_equal(s, STR("0")))
        return RC_OK;
    *out = str_is_equal(s, STR("1"));
    return *out ? RC_OK : err_set(err, RC_INVALID, "%s: 0 or 1", name);
}

enum rc api_sending_key(const struct api_call *call, uint8_t bits[API_KEY_BYTES], bool *has, struct err *err)
{
    struct str key = http_header(call->req, "Idempotency-Key");
    *has = key.n > 0;
    if (*has && (key.n != 2 * API_KEY_BYTES || !str_unhex(key, bits, API_KEY_BYTES)))
        return err_set(err, RC_INVALID, "Idempotency-Key: 32 hexadecimal digits, drawn at random");
    return RC_OK;
}

enum rc api_known_params(const struct api_call *call, const char *const *names, size_t n, struct err *err)
{
    for (size_t i = 0; i < call->req->params_n; i++) {
        bool known = false;
        for (size_t k = 0; k < n; k++)
            known = known || str_is_equal(call->req->params[i].name, str_of(names[k]));
        if (!known)
            return err_set(err, RC_INVALID, "there is no parameter \"" STR_FMT "\" here",
                           STR_ARG(str_clip(call->req->params[i].name, 40)));
    }
    return RC_OK;
}

enum rc api_id(struct str segment, struct uuid *out, struct err *err)
{
    return uuid_parse(segment, out) ? RC_OK : err_set(err, RC_NOT_FOUND, "There is nothing under this address.");
}

enum rc api_read_place(const json_t *body, double *lat_deg, double *lon_deg, bool *has, struct err *err)
{
    const json_t *lat = json_object_get(body, "lat"), *lon = json_object_get(body, "lon");
    bool has_lat = lat && !json_is_null(lat), has_lon = lon && !json_is_null(lon);
    TRY(json_in_f64(body, "", "lat", JSON_OPTIONAL, lat_deg, err));
    TRY(json_in_f64(body, "", "lon", JSON_OPTIONAL, lon_deg, err));
    if (has_lat != has_lon)
        return err_set(err, RC_INVALID, "%s: missing: give both lat and lon, or neither", has_lat ? "/lon" : "/lat");
    *has = has_lat;
    return RC_OK;
}

void api_send_receipt(struct api_call *call, struct str receipt)
{
    struct json_out *j = api_json_begin(call);
    json_begin_object(j);
    json_put_str(j, "receipt", receipt);
    json_end_object(j);
    api_json_end(call, 201);
}
