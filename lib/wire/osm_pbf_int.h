/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Private to the PBF reader: what osm_pbf.c (file, blobs) gives to osm_pbf_block.c (one decoded block).
 */
#ifndef WIRE_OSM_PBF_INT_H
#define WIRE_OSM_PBF_INT_H

#include "wire/inflate.h"
#include "wire/osm_pbf.h"
#include "wire/pb.h"

struct pbf_text {
    uint32_t at, n; /* in the decoded block */
};

struct pbf_hit {
    size_t index; /* of the node in its dense group */
    int64_t id;
    size_t tags_at; /* offset of its first key in keys_vals */
    unsigned why;
};

/* Buffers of one thread, grown when needed and kept. */
struct osm_pbf_reader {
    struct inflater *inflater;
    unsigned char *in, *out;
    size_t in_size, out_size;
    struct pbf_text *texts;
    struct osm_filter_mark *marks;
    size_t texts_size;
    struct pbf_hit *hits;
    size_t hits_size;
    struct osm_tag *tags;
    size_t tags_size;
    int64_t *refs;
    size_t refs_size;
    struct osm_coord *coords;
    size_t coords_size;
    struct osm_member *members;
    size_t members_size;
};

/* One block being scanned. */
struct pbf_block {
    struct osm_pbf_reader *r;
    const struct osm_want *want;
    osm_object_fn fn;
    void *ctx;
    struct osm_pbf_seen *seen;
    struct err *err;
    struct str data;
    size_t texts_n;
    uint32_t keys_seen, values_seen;
    bool is_tag_possible; /* some text of the block is a key of the filter */
    uint64_t blob, file_at;
    uint64_t objects; /* counted so far, for seq */
    int64_t granularity, lat_offset, lon_offset;
};

/* Room for n elements of `size` bytes; old content kept. */
void *pbf_room(void *p, size_t *have, size_t n, size_t size);
/* RC_DAMAGED with the blob's number and place before the text. */
enum rc pbf_bad(const struct pbf_block *b, const char *what);
enum rc pbf_bad_field(const struct pbf_block *b, const struct pb *c, const char *in_what);
enum rc pbf_scan_block(struct pbf_block *b);

/* osm_pbf_dense.c */
enum rc pbf_scan_dense(struct pbf_block *b, struct str message);
struct osm_coord pbf_place(const struct pbf_block *b, int64_t lat, int64_t lon);
enum rc pbf_tag(const struct pbf_block *b, uint64_t key, uint64_t value, struct osm_tag *out);

#endif
