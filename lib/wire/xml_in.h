/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Hostile XML as events (libxml2's push parser). No document type is accepted: the parser stops at "<!DOCTYPE", before
 * any entity could be declared, so there is no expansion, no external file and no network. Memory does not grow with
 * the document.
 */
#ifndef WIRE_XML_IN_H
#define WIRE_XML_IN_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "wire/gzip.h"

enum { XML_DEPTH_MAX = 64, XML_ATTRS_MAX = 256, XML_VALUE_MAX = 1 << 20 };

struct xml_attribute {
    struct str name, value; /* local name; value with references resolved */
};

/* Each may be NULL. Strings are borrowed for the call and not NUL-terminated. What they return but RC_OK ends the
 * reading with that code. */
struct xml_handler {
    enum rc (*begin)(void *ctx, struct str ns, struct str name, const struct xml_attribute *attrs, size_t n,
                     struct err *err);
    enum rc (*text)(void *ctx, struct str text, struct err *err); /* may come in several pieces */
    enum rc (*end)(void *ctx, struct str ns, struct str name, struct err *err);
    void *ctx;
};

struct xml_limits {
    uint64_t bytes; /* most document bytes; 0: no cap of its own */
};

struct xml_place {
    int64_t line; /* during a handler call: the line the parser is at */
};

/* Errors: RC_DAMAGED (not well-formed, cut short: with the line), RC_UNSUPPORTED (a document type), RC_TOO_LARGE (depth,
 * attributes, a value over 1 MB, bytes). limits and place may be NULL. */
MUST_CHECK enum rc xml_read(struct byte_source src, const struct xml_limits *limits, const struct xml_handler *handler,
                            struct xml_place *place, struct err *err);
/* The value of an attribute; empty when it is not there. */
struct str xml_attribute_peek(const struct xml_attribute *attrs, size_t n, struct str name);

#endif
