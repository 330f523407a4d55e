/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Problem documents (RFC 9457): what went wrong, as application/problem+json.
 */
#ifndef WIRE_PROBLEM_H
#define WIRE_PROBLEM_H

#include "base/err.h"
#include "base/str.h"
#include "wire/json_out.h"

#define PROBLEM_TYPE "application/problem+json"

/* {"type": "about:blank", "title": ..., "status": ..., "code": ..., "detail": ...}. detail may be empty.
 * Leaves the object open when `open` is given, for extension members; the caller then ends it. */
void problem_write(struct buf *b, int status, const char *title, const char *code, struct str detail,
                   struct json_out *open);
/* From an error. Faults of ours (RC_IO, RC_NOMEM) say nothing of the inside: their text is for the log. */
void problem_from_err(struct buf *b, const struct err *err);
const char *problem_title(int status); /* the reason phrase of RFC 9110 */

#endif
