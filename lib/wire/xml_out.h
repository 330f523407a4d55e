/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Streaming XML 1.0 writer (UTF-8) into a buffer. Escaping and tags are its business; characters XML cannot hold and
 * bytes that are not UTF-8 become U+FFFD. Unbalanced use is a bug (ENSURE). Names are the program's own, never input.
 */
#ifndef WIRE_XML_OUT_H
#define WIRE_XML_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { XML_OUT_DEPTH = 32 };
struct xml_out {
    struct buf *b;
    int depth;
    const char *open[XML_OUT_DEPTH];
    bool in_tag; /* the start tag can still take attributes */
    bool indent; /* line breaks between elements, none inside those that hold text */
    bool has_text;
};
void xml_out_init(struct xml_out *x, struct buf *b, bool indent);     /* writes the XML declaration */
void xml_begin(struct xml_out *x, const char *name);                  /* name must outlive the element */
void xml_attr(struct xml_out *x, const char *name, struct str value); /* right after xml_begin */
void xml_text(struct xml_out *x, struct str s);
void xml_end(struct xml_out *x);
void xml_put(struct xml_out *x, const char *name, struct str text);     /* begin, text, end */
void xml_put_opt(struct xml_out *x, const char *name, struct str text); /* nothing when empty */
void xml_raw(struct xml_out *x, struct str xml);                        /* already XML, as content */

#endif
