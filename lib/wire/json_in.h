/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Small JSON documents: request bodies, vocabularies, settings. Parsed by jansson after a look at size and depth; a key
 * twice in one object is refused. Getters say where: "/lat: not a number". Not for files of unknown size (json_stream).
 */
#ifndef WIRE_JSON_IN_H
#define WIRE_JSON_IN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { JSON_IN_DEPTH_MAX = 32 };

/* The caller ends *out with json_decref. Errors: RC_INVALID with line and column; RC_TOO_LARGE over cap or depth. */
MUST_CHECK enum rc json_in_parse(struct str text, size_t cap, json_t **out, struct err *err);
/* The same, and the document must be an object. */
MUST_CHECK enum rc json_in_object(struct str text, size_t cap, json_t **out, struct err *err);

enum json_need { JSON_REQUIRED, JSON_OPTIONAL }; /* optional: missing or null leaves *out as it was */

/* at: the object's own path for messages, "" for the whole document. Strings are borrowed from the document. */
MUST_CHECK enum rc json_in_str(const json_t *object, const char *at, const char *key, enum json_need need, size_t max,
                               struct str *out, struct err *err);
MUST_CHECK enum rc json_in_f64(const json_t *object, const char *at, const char *key, enum json_need need, double *out,
                               struct err *err);
MUST_CHECK enum rc json_in_i64(const json_t *object, const char *at, const char *key, enum json_need need, int64_t *out,
                               struct err *err);
MUST_CHECK enum rc json_in_bool(const json_t *object, const char *at, const char *key, enum json_need need, bool *out,
                                struct err *err);
MUST_CHECK enum rc json_in_array(const json_t *object, const char *at, const char *key, enum json_need need,
                                 json_t **out, struct err *err);
MUST_CHECK enum rc json_in_sub(const json_t *object, const char *at, const char *key, enum json_need need, json_t **out,
                               struct err *err);
/* Without errors: empty, NaN or NULL when missing or of another type; for lenient readers of others' files. */
struct str json_str_or_empty(const json_t *object, const char *key);
double json_f64_or_nan(const json_t *object, const char *key); /* numbers only, not digits in a string */

#endif
