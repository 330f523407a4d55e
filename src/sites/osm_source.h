/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Private to the OSM reader: a file that can be passed over again and again, one kind of object per pass, by threads
 * where its format allows it.
 */
#ifndef SITES_OSM_SOURCE_H
#define SITES_OSM_SOURCE_H

#include "sites/osm.h"
#include "sites/osm_journal.h"
#include "wire/osm.h"

struct osm_source;

/* sink is borrowed for its progress. */
MUST_CHECK enum rc osm_source_open(const char *path, enum osm_format format, const struct osm_options *opt,
                                   const struct site_sink *sink, struct osm_source **out, struct err *err);
void osm_source_close(struct osm_source *s);
/* PBF only, else nothing: blobs that the journal at this path has are taken from there, others are added to it. */
MUST_CHECK enum rc osm_source_resume(struct osm_source *s, const char *path, const struct osm_rules *rules,
                                     struct sha256 rules_digest, struct err *err);
uint64_t osm_source_resumed(const struct osm_source *s); /* blobs of all passes taken from the journal */
size_t osm_source_threads(const struct osm_source *s);   /* workers of a pass, >= 1 */

/* Hands the wanted objects of one kind to fn; worker w gets ctxs[w]. *seen tells of the kind.
 * *redo: the file is not in the order that was guessed; drop everything and begin again with the first pass. */
MUST_CHECK enum rc osm_source_pass(struct osm_source *s, enum osm_kind kind, const struct osm_want *want,
                                   osm_object_fn fn, void *const *ctxs, struct osm_seen *seen, bool *redo,
                                   struct err *err);

#endif
