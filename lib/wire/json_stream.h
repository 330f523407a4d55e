/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * JSON files of any size, item by item: memory is one item's, whatever the file's size.
 *
 * Invariants:
 *   J1 the text is checked as RFC 8259 asks, skipped parts too: grammar, UTF-8, depth. A fault there fails the file, with
 *      line and byte offset, as what follows cannot be trusted.
 *   J2 nesting over JSON_STREAM_DEPTH_MAX fails at the bracket that exceeds it; nothing is read ahead but one block.
 *   J3 what is wrong with one item alone (a key twice, a number out of range, \u0000) is that item's fault: it is handed
 *      on without a value, and the file goes on.
 * Duplicate keys: in an item they are its fault; in the members around the items the first collection counts and a
 * second one is an error.
 */
#ifndef WIRE_JSON_STREAM_H
#define WIRE_JSON_STREAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "wire/gzip.h"

enum { JSON_STREAM_DEPTH_MAX = 64, JSON_ITEM_MAX = 16 << 20 };

struct json_item {
    struct str bytes;  /* the item's own text, borrowed for the call */
    json_t *value;     /* borrowed for the call; NULL when `fault` is set */
    const char *fault; /* why this item cannot be used, or NULL */
    int64_t index;     /* from 1 */
    int64_t line;      /* where it begins */
    uint64_t offset;
};
/* What it returns but RC_OK ends the reading with that code. */
typedef enum rc (*json_item_fn)(void *ctx, const struct json_item *item, struct err *err);

/* Calls fn for each item of: a top-level array; an object with "features", "elements" or "items" (the array's elements);
 * one single object (the item itself); several top-level values after each other, as in JSON Lines and RFC 8142 text
 * sequences. A byte order mark is skipped. *items (may be NULL): how many there were.
 * Errors: RC_DAMAGED (grammar, UTF-8, cut short), RC_TOO_LARGE (depth, item over JSON_ITEM_MAX), the source's own. */
MUST_CHECK enum rc json_each_item(struct byte_source src, json_item_fn fn, void *ctx, int64_t *items, struct err *err);
/* The same, refusing files that are not GeoJSON features: each item must be an object with "type": "Feature" (else it
 * has a fault). */
MUST_CHECK enum rc geojson_each_feature(struct byte_source src, json_item_fn fn, void *ctx, int64_t *items,
                                        struct err *err);

/* Underneath: a reader that walks the text value by value, for other shapes. */
enum json_kind { JSON_KIND_OBJECT, JSON_KIND_ARRAY, JSON_KIND_STRING, JSON_KIND_NUMBER, JSON_KIND_WORD, JSON_KIND_END };
struct json_stream;
struct json_stream *json_stream_new(struct byte_source src);
void json_stream_free(struct json_stream *js);
/* What the next value is, without taking it. In an array or object JSON_KIND_END means its closing bracket comes next;
 * at the top the end of the text. In an object call json_stream_key first. */
MUST_CHECK enum rc json_stream_peek(struct json_stream *js, enum json_kind *kind, struct err *err);
MUST_CHECK enum rc json_stream_enter(struct json_stream *js, struct err *err); /* takes the [ or { */
/* In an object: takes the next key (unescaped, borrowed until the next call) and colon, or with *more = false its }. */
MUST_CHECK enum rc json_stream_key(struct json_stream *js, struct str *key, bool *more, struct err *err);
/* In an array: *more = false when it took the ]; else the next value is ready to be taken. */
MUST_CHECK enum rc json_stream_element(struct json_stream *js, bool *more, struct err *err);
MUST_CHECK enum rc json_stream_skip(struct json_stream *js, struct err *err); /* takes one value, checked */
/* Takes one value and gives its text, borrowed until the next call. */
MUST_CHECK enum rc json_stream_value(struct json_stream *js, struct str *text, struct err *err);
uint64_t json_stream_offset(const struct json_stream *js);
int64_t json_stream_line(const struct json_stream *js);

#endif
