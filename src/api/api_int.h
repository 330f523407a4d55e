/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside of the API: the route table, a call, and what the resources share.
 */
#ifndef API_API_INT_H
#define API_API_INT_H

#include <jansson.h>

#include "api/app.h"
#include "api/ground_room.h"
#include "api/metrics.h"
#include "api/proof.h"
#include "api/tile_rooms.h"
#include "geo/geo.h"
#include "net/net.h"
#include "people/people.h"
#include "sites/vocab.h"
#include "wire/json_out.h"

enum {
    API_SEGMENTS_MAX = 4,
    API_BODY_SMALL = 16 << 10,
    API_BODY_REPORT = 64 << 10,
    API_LOGINS_MAX = 8 /* under way at once: a hash is slow by design, and others need the workers too */
};

struct api_call;
typedef enum rc (*api_handler)(struct api_call *call, struct err *err);

/* Whom a route is open to. What of an object they may see is the policy's. */
enum api_access { API_OPEN, API_REVIEWER, API_COORDINATOR };
enum {
    API_INLINE = 1,    /* answers from memory: may run in a thread that serves connections */
    API_NO_CSRF = 2,   /* changes state without a session (P3) */
    API_ANY_TYPE = 4,  /* the body is JSON whatever Content-Type says */
    API_ANY_VIEWER = 8 /* the answer is the same for everyone: the cookie is not looked at */
};
struct api_route {
    enum http_method method; /* GET answers HEAD too */
    const char *pattern;     /* "/api/v1/sites/{id}"; a segment may end in a fixed suffix: "{y}.mvt" */
    api_handler handle;
    enum api_access access;
    size_t body_max;
    int flags;
};
extern const struct api_route API_ROUTES[];
size_t api_routes_count(void);

struct api_match {
    const struct api_route *route; /* NULL: no route of this method */
    struct str segments[API_SEGMENTS_MAX];
    bool is_path_known; /* some route has this path */
    const char *allow;  /* methods of that path, when route is NULL */
};
struct api_match api_routes_match(enum http_method method, struct str path);

struct api_server {
    struct app *app;
    struct http_server *http;
    struct api_metrics metrics;
    struct proof proof;
    struct ogc_room *ogc;
    struct tile_rooms *tiles;
    struct ground_room *ground;
    struct vocab *words; /* of religions and kinds */
    struct code_list *report_types;
    struct http_prepared **files; /* by asset index; NULL for what is not served */
    size_t files_n;
    struct http_prepared *framed;             /* the page for /embed; NULL when there is no web app */
    struct str vocab, vocab_gzip, vocab_etag; /* the answer of /api/v1/vocab, made at start */
    struct arena mem;
    bool cookie_is_secure;
    char url[256];    /* what absolute addresses begin with */
    char sender[128]; /* of alerts: fane@ and the host */
    _Atomic int logins;
    _Atomic bool is_watching; /* a run asked for over HTTP is under way */
    const char **route_names; /* "GET /api/v1/sites", by route */
    _Atomic bool is_ready;    /* all of the above is set; until then requests are told to come again */
};

struct api_call {
    struct api_server *server;
    struct app *app;
    struct http_request *req;
    struct http_response *res;
    const struct api_route *route;
    struct str segments[API_SEGMENTS_MAX];
    struct viewer viewer;
    struct session session; /* when viewer is not the public */
    struct arena *mem;
    struct buf buf; /* of the JSON being written */
    struct json_out json;
};

/* ---- calls (call.c) ---- */
struct json_out *api_json_begin(struct api_call *call);
/* Ends the document and answers it. Public answers carry an ETag and may be kept for as long as they are checked. */
void api_json_end(struct api_call *call, int status);
/* Ends a page of a list: closes the array, writes "next" and (when not -1) "matched", closes the object. */
void api_page_end(struct json_out *j, struct str next, int64_t matched);
/* The body as an object; the caller ends it with json_decref. */
MUST_CHECK enum rc api_body(struct api_call *call, json_t **out, struct err *err);
MUST_CHECK enum rc api_limit(const struct api_call *call, size_t fallback, size_t most, size_t *out, struct err *err);
/* bbox=W,S,E,N; *has = false when it is not given. */
MUST_CHECK enum rc api_box(const struct api_call *call, bool *has, struct geo_box *out, struct err *err);
/* A parameter that is YYYY-MM-DD; *day is untouched when it is not given. */
MUST_CHECK enum rc api_day(const struct api_call *call, const char *name, int64_t *day, struct err *err);
MUST_CHECK enum rc api_number(const struct api_call *call, const char *name, double *out, struct err *err);
/* 0 or 1; false when not given. */
/* Header Idempotency-Key, drawn once for a sending and kept for its retries. */
enum { API_KEY_BYTES = 16 };
MUST_CHECK enum rc api_sending_key(const struct api_call *call, uint8_t bits[API_KEY_BYTES], bool *has,
                                   struct err *err);
MUST_CHECK enum rc api_flag(const struct api_call *call, const char *name, bool *out, struct err *err);
/* Refuses a parameter that is not in the list, so that a typing error is not silently no filter. */
MUST_CHECK enum rc api_known_params(const struct api_call *call, const char *const *names, size_t n, struct err *err);
/* A segment that must be a public id; anything else is not found. */
MUST_CHECK enum rc api_id(struct str segment, struct uuid *out, struct err *err);
#define API_KNOWN(call, err, ...)                                                                                      \
    api_known_params((call), (const char *const[]){__VA_ARGS__},                                                       \
                     sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), (err))

/* z/x/y from the segments; not found when there is no such tile. */
MUST_CHECK enum rc api_tile_query(const struct api_call *call, struct tiles_query *q, struct err *err);
/* Answers a packed tile: as it is, unpacked for who does not take gzip, 204 when it is empty. */
MUST_CHECK enum rc api_tile_answer(struct api_call *call, struct str packed, struct err *err);

/* The member "shared_ground": the measure of the circle around a place, null when the place is not exact. */
void api_put_shared_ground(struct json_out *j, struct api_call *call, bool is_exact, struct geo_point p);

/* "lat" and "lon" of a body: both or neither. */
MUST_CHECK enum rc api_read_place(const json_t *body, double *lat_deg, double *lon_deg, bool *has, struct err *err);
/* 201 {"receipt"}, once what it stands for is durable (I2). */
void api_send_receipt(struct api_call *call, struct str receipt);
/* Restraint under load, of what takes texts without an account: true when a proof of work was asked for, which then is
 * the answer. what: "report". */
bool api_wants_proof(struct api_call *call, const json_t *body, const char *what);

/* ---- access.c ---- */
#define API_COOKIE "fane_session"
/* Viewer from the cookie, then what the route needs. */
MUST_CHECK enum rc api_access_check(struct api_call *call, struct err *err);
/* Is the page that sent this one of ours, as far as the browser says? */
MUST_CHECK enum rc api_same_origin(const struct api_call *call, struct err *err);

/* ---- files.c ---- */
/* What a page of ours may load: itself only. */
#define API_PAGE_LOADS                                                                                                 \
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; "                                     \
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
void api_files_prepare(struct api_server *s, const struct http_app *http);
void api_files_free(struct api_server *s);
/* A file of the web app for this path, or its index page; false when the path is none of the web app's. */
bool api_files_answer(struct api_server *s, const struct http_request *req, struct http_response *res);
MUST_CHECK enum rc api_vocab_prepare(struct api_server *s, struct err *err);

/* ---- ogc.c: what is made once ---- */
MUST_CHECK enum rc api_ogc_prepare(struct api_server *s, struct err *err);
void api_ogc_free(struct api_server *s);

/* ---- resources ---- */
enum rc api_healthz(struct api_call *call, struct err *err);
enum rc api_metrics_get(struct api_call *call, struct err *err);
enum rc api_openapi(struct api_call *call, struct err *err);
enum rc api_vocab(struct api_call *call, struct err *err);
enum rc api_sites_list(struct api_call *call, struct err *err);
enum rc api_sites_get(struct api_call *call, struct err *err);
enum rc api_sites_qr(struct api_call *call, struct err *err);
enum rc api_pictures_get(struct api_call *call, struct err *err);
enum rc api_ground_list(struct api_call *call, struct err *err);
enum rc api_tiles_ground(struct api_call *call, struct err *err);
enum rc api_near(struct api_call *call, struct err *err);
enum rc api_search(struct api_call *call, struct err *err);
enum rc api_sites_hide(struct api_call *call, struct err *err);
enum rc api_sites_visibility(struct api_call *call, struct err *err);
enum rc api_joins_list(struct api_call *call, struct err *err);
enum rc api_joins_decide(struct api_call *call, struct err *err);
enum rc api_joins_undo(struct api_call *call, struct err *err);
enum rc api_visibility_reviews(struct api_call *call, struct err *err);
enum rc api_visibility_decide(struct api_call *call, struct err *err);
enum rc api_countries_list(struct api_call *call, struct err *err);
enum rc api_countries_set(struct api_call *call, struct err *err);
/* After a change of what the public may see of sites, before the answer: no outlet of this process shows the old. */
MUST_CHECK enum rc api_sites_settled(struct api_call *call, struct err *err);
/* "visibility", "precision_m", "country_published" of a site that this viewer sees whole. */
struct site;
void api_put_visibility(struct json_out *j, const struct site *s);
enum rc api_incidents_list(struct api_call *call, struct err *err);
enum rc api_incidents_get(struct api_call *call, struct err *err);
enum rc api_changes(struct api_call *call, struct err *err);
enum rc api_clusters_list(struct api_call *call, struct err *err);
enum rc api_watch_run(struct api_call *call, struct err *err);
enum rc api_warnings_list(struct api_call *call, struct err *err);
enum rc api_warnings_approve(struct api_call *call, struct err *err);
enum rc api_warnings_reject(struct api_call *call, struct err *err);
enum rc api_session_post(struct api_call *call, struct err *err);
enum rc api_session_get(struct api_call *call, struct err *err);
enum rc api_session_delete(struct api_call *call, struct err *err);
enum rc api_reports_post(struct api_call *call, struct err *err);
enum rc api_reports_status(struct api_call *call, struct err *err);
enum rc api_reports_list(struct api_call *call, struct err *err);
enum rc api_reports_review(struct api_call *call, struct err *err);
enum rc api_suggestions_post(struct api_call *call, struct err *err);
enum rc api_suggestions_status(struct api_call *call, struct err *err);
enum rc api_suggestions_list(struct api_call *call, struct err *err);
enum rc api_suggestions_decide(struct api_call *call, struct err *err);
enum rc api_tiles_sites(struct api_call *call, struct err *err);
enum rc api_tiles_incidents(struct api_call *call, struct err *err);
enum rc api_tiles_hotspots(struct api_call *call, struct err *err);
enum rc api_tiles_json(struct api_call *call, struct err *err);
enum rc api_feed_atom(struct api_call *call, struct err *err);
enum rc api_ogc_landing(struct api_call *call, struct err *err);
enum rc api_ogc_conformance(struct api_call *call, struct err *err);
enum rc api_ogc_api(struct api_call *call, struct err *err);
enum rc api_ogc_collections(struct api_call *call, struct err *err);
enum rc api_ogc_collection(struct api_call *call, struct err *err);
enum rc api_ogc_queryables(struct api_call *call, struct err *err);
enum rc api_ogc_items(struct api_call *call, struct err *err);
enum rc api_ogc_item(struct api_call *call, struct err *err);
enum rc api_cap_get(struct api_call *call, struct err *err);

#endif
