/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What has been read of a large map, kept in a file while the reading lasts, so that a run that was interrupted goes on
 * where it stopped. One file is spool and checkpoint in one: a header that names the input, then a record for each blob
 * of each pass with the objects it gave. Only appended to; a record that was cut by a kill fails its check and is dropped.
 *   J1 what is replayed is what was read: the input (size, time of change, digest of its beginning and end), the rules and
 *      the format of the journal must be the same, else the journal is begun anew;
 *   J2 only tags that a site is judged by or that are kept of it are written: no phones, hours or contacts;
 *   J3 one process at a time: the file is locked.
 */
#ifndef SITES_OSM_JOURNAL_H
#define SITES_OSM_JOURNAL_H

#include "base/hash.h"
#include "sites/osm_rules.h"
#include "wire/osm.h"

enum { JOURNAL_PASSES_MAX = 32 }; /* a map needs six; one in an unusual order is begun again once */

struct osm_journal;
/* input: the map's descriptor. blobs: how many it has. Errors: RC_CONFLICT when another process holds the file; RC_IO. */
MUST_CHECK enum rc osm_journal_open(const char *path, int input, size_t blobs, const struct osm_rules *rules,
                                    struct sha256 rules_digest, struct osm_journal **out, struct err *err);
void osm_journal_close(struct osm_journal *j); /* the file stays */

/* A blob of a pass, as read. Threads may call all of these at once, each with its own buffer. */
struct journal_blob {
    unsigned pass;
    size_t blob;
    unsigned kinds;
    struct osm_seen seen; /* of the pass's kind */
};
bool osm_journal_has(const struct osm_journal *j, unsigned pass, size_t blob);
void osm_journal_put(const struct osm_journal *j, struct buf *objects, const struct osm_object *o);
MUST_CHECK enum rc osm_journal_add(struct osm_journal *j, const struct journal_blob *b, const struct buf *objects,
                                   struct err *err);
/* Hands the objects to fn as the reader did. b->pass and b->blob say which; the rest is filled in. */
MUST_CHECK enum rc osm_journal_replay(struct osm_journal *j, struct journal_blob *b, osm_object_fn fn, void *ctx,
                                      struct err *err);

#endif
