/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Records laid aside and given back in order, in bounded memory: sorted runs in one unnamed temporary file, merged.
 * The file is unlinked as soon as it is open, so nothing is left behind by a kill.
 */
#ifndef SITES_IMPORT_SPOOL_H
#define SITES_IMPORT_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define SPOOL_BYTES_MAX  (INT64_C(256) << 30) /* of the temporary file */
#define SPOOL_RECORD_MAX (64u << 20)          /* of one record */
enum { SPOOL_RUNS_MAX = 4096 };

enum { SPOOL_GONE = 1, SPOOL_KEEPS_PLACE = 2 }; /* flags */
struct spool_record {
    struct str key;
    unsigned flags;  /* as given */
    int64_t line;    /* for messages */
    int64_t version; /* of one key the highest comes first */
    uint64_t seq;    /* then the first added */
    struct str payload;
};

struct spool;
/* memory_max: bytes held at most while adding, and about as many while giving back; 0: 64 MB. dir: NULL: $TMPDIR, else
 * /tmp. */
MUST_CHECK enum rc spool_new(const char *dir, size_t memory_max, struct spool **out, struct err *err);
void spool_free(struct spool *s);
/* seq is set here. Errors: RC_IO (a full disk), RC_TOO_LARGE. */
MUST_CHECK enum rc spool_add(struct spool *s, const struct spool_record *r, struct err *err);
uint64_t spool_count(const struct spool *s);
/* No more additions; the first record comes next. */
MUST_CHECK enum rc spool_turn(struct spool *s, struct err *err);
/* By key (bytewise), version (falling), seq. Borrowed until the next call. *more = false at the end. */
MUST_CHECK enum rc spool_next(struct spool *s, struct spool_record *out, bool *more, struct err *err);

#endif
