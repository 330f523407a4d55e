/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Reader of OSM PBF files (fileformat 1.3): an index of the blobs, and a scan of one blob at a time, so that threads
 * can share the work. One decoded blob is held per reader, never more.
 *   F1 every size is checked against its cap and against what is left before anything is allocated or read;
 *   F2 a blob is taken whole or not at all: objects are handed out while it is read, and an error afterwards means the
 *      caller drops what it got;
 *   F3 error texts name the blob (0 = the file's header) and the byte of the file where it starts.
 * Understood: raw, zlib and LZ4 blobs; dense and plain nodes, ways, relations; granularity and offsets; visible flags
 * (HistoricalInformation); places on ways (LocationsOnWays). Other compressions and other required features are
 * refused by name. Parts of a dense block that nobody asked for (times, users, places of unwanted nodes) are not read.
 * Source: OpenStreetMap wiki "PBF Format"; fileformat.proto, osmformat.proto.
 */
#ifndef WIRE_OSM_PBF_H
#define WIRE_OSM_PBF_H

#include "wire/osm.h"

enum {
    OSM_PBF_HEADER_MAX = 64 * 1024,      /* BlobHeader; the format's own limit */
    OSM_PBF_BLOB_MAX = 32 * 1024 * 1024, /* Blob, packed and unpacked; the format's own limit */
    OSM_PBF_STRINGS_MAX = 1 << 20,       /* texts in one block; a block holds at most 8,000 objects */
    OSM_PBF_BLOBS_MAX = 1 << 26,         /* the planet has about a million */
};

struct osm_pbf;        /* an open file; shared by threads, never changed after opening */
struct osm_pbf_reader; /* one thread's buffers */

/* Reads all blob headers and the file header. fd must be seekable and stays the caller's. RC_DAMAGED when the file ends
 * inside a blob or does not start with a file header; RC_UNSUPPORTED names a required feature it does not know. */
MUST_CHECK enum rc osm_pbf_open(int fd, struct osm_pbf **out, struct err *err);
/* The same over bytes in memory, borrowed. */
MUST_CHECK enum rc osm_pbf_open_mem(struct str bytes, struct osm_pbf **out, struct err *err);
void osm_pbf_free(struct osm_pbf *f);

size_t osm_pbf_blob_count(const struct osm_pbf *f);                /* data blobs */
uint64_t osm_pbf_blob_bytes(const struct osm_pbf *f, size_t blob); /* packed size */
uint64_t osm_pbf_blob_at(const struct osm_pbf *f, size_t blob);    /* byte of the file */
uint64_t osm_pbf_file_bytes(const struct osm_pbf *f);

struct osm_pbf_reader *osm_pbf_reader_new(void);
void osm_pbf_reader_free(struct osm_pbf_reader *r);

/* What one blob held. */
struct osm_pbf_seen {
    unsigned kinds;                /* all kinds in it, wanted or not */
    struct osm_seen of[OSM_KINDS]; /* of the kinds wanted */
};

/* Reads blob number `blob` and hands the wanted objects to fn in file order. Also right with want->kinds 0: then only
 * seen->kinds is learnt. Blobs that were scanned by nobody may still be damaged. */
MUST_CHECK enum rc osm_pbf_scan(const struct osm_pbf *f, struct osm_pbf_reader *r, size_t blob,
                                const struct osm_want *want, osm_object_fn fn, void *ctx, struct osm_pbf_seen *seen,
                                struct err *err);

/* Heap bytes held by a reader, for budgets. */
size_t osm_pbf_reader_bytes(const struct osm_pbf_reader *r);

#endif
