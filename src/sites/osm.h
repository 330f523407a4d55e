/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Reads a map of OpenStreetMap (PBF or XML) into drafts of religious sites.
 *
 *   relations -> the ways and nodes they need -> ways -> the nodes they need -> nodes -> drafts, in order of kind and id
 *
 * A file sorted as usual is decoded once: its blobs are taken from the back, so that what a relation needs is known when
 * its ways come by. A file in any other order is read as often as needed.
 * Invariants:
 *   O1 memory grows with what is found and what that refers to, not with the file (but for 240 bytes per blob of it);
 *   O2 the drafts, rejections and their order are the same whatever the number of threads;
 *   O3 the sink hears nothing before the whole file has been read well;
 *   O4 of an object that stands more than once the highest version counts, the later one of equal versions; a deleted
 *      version counts as well and then there is no site.
 * Every object that passes the first filter of data/religious-features.json is read; it becomes a draft or is rejected
 * with its reason.
 */
#ifndef SITES_OSM_H
#define SITES_OSM_H

#include "base/err.h"
#include "base/str.h"
#include "sites/draft.h"

enum osm_format { OSM_FORMAT_ANY, OSM_FORMAT_PBF, OSM_FORMAT_XML }; /* ANY: by content */

/* Bytes kept of all found objects together; the planet needs about 5 GB. */
#define OSM_KEPT_MAX (UINT64_C(32) << 30)

struct osm_options {
    size_t threads;       /* 0: as many as there are processors */
    struct str rules;     /* text of another religious-features.json; empty: the one built in */
    const char *temp_dir; /* where a stream is laid aside; NULL: $TMPDIR, else /tmp */
    bool is_change;       /* an osmChange file: see below */
    const char
        *journal; /* of a PBF file: where to note what has been read, to go on there after an interruption; the */
                  /* caller removes it once it needs nothing of the file any more. NULL: not */
};

/* Of a change file, drafts are the listed objects that are sites now; of every other listed object (deleted, or not
 * tagged as a site any more) the sink hears `gone`. The file tells the place of the nodes it lists and of no others, so
 * the outline of a way or relation is known only when the file holds every node of it; if not, the draft says keeps_place
 * and has what place the known nodes give.
 *
 * path: a file, or "-" for standard input (laid aside in an unnamed temporary file, as it is read more than once).
 * opt may be NULL. sink->progress is called from the calling thread only.
 * Errors: RC_NOT_FOUND, RC_IO; RC_UNSUPPORTED (compression, feature or format, by name); RC_DAMAGED and RC_TOO_LARGE with
 * blob and byte, or line; RC_INVALID when it is no OSM file; what the sink returns. */
MUST_CHECK enum rc sites_read_osm(const char *path, enum osm_format format, const struct osm_options *opt,
                                  const struct site_sink *sink, struct site_read_count *count, struct err *err);

#endif
