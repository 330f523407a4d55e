/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside of OGC API - Features: what the pages share. Everything below /ogc shows what the public may see, whoever asks.
 */
#ifndef API_OGC_INT_H
#define API_OGC_INT_H

#include "api/api_int.h"
#include "sites/areas_list.h"
#include "wire/xml_out.h"

enum ogc_format { OGC_JSON, OGC_HTML };
#define OGC_CRS84 "http://www.opengis.net/def/crs/OGC/1.3/CRS84"

struct ogc_room { /* what is made once and kept */
    struct area_shelf *shelf;
    _Atomic int names;     /* requests that read names, under way */
    struct str openapi[2]; /* before and behind the place of this server's address */
};

/* ---- ogc_common.c ---- */
/* f=json or f=html, else what Accept prefers; JSON when it does not say. */
MUST_CHECK enum rc ogc_format(const struct api_call *call, enum ogc_format *out, struct err *err);
/* Answers what stands in call->buf. json_type: of this resource. */
void ogc_answer(struct api_call *call, enum ogc_format format, const char *json_type);
/* Absolute address below /ogc. */
struct str ogc_url(const struct api_call *call, const char *path, ...) PRINTF_LIKE(2, 3);
/* The address of this request, with f and cursor as given instead of its own; both may be empty. */
struct str ogc_same_url(const struct api_call *call, struct str f, struct str cursor);
void ogc_put_link(struct json_out *j, const char *rel, const char *type, const char *title, struct str href);
/* self and alternate of this request. */
void ogc_put_self_links(struct json_out *j, const struct api_call *call, enum ogc_format format, const char *json_type);
/* Text or null. */
void ogc_put_text(struct json_out *j, const char *key, struct str s);

/* An HTML page in call->buf: head, the way here, heading. Text and attributes are escaped by the writer. */
void ogc_html_begin(struct api_call *call, struct xml_out *x, const char *title, struct str parent_url,
                    const char *parent);
void ogc_html_link(struct xml_out *x, struct str href, struct str text);
void ogc_html_row(struct xml_out *x, const char *name, struct str value); /* of a table of facts */
void ogc_html_end(const struct api_call *call, struct xml_out *x);

/* ---- ogc_items.c ---- */
enum ogc_collection { OGC_SITES, OGC_AREAS };
MUST_CHECK enum rc ogc_collection_of(const struct api_call *call, enum ogc_collection *out, struct err *err);
extern const struct ogc_about {
    const char *id, *title, *text;
} OGC_ABOUT[2];

#endif
