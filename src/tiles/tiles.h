/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Vector tiles of what the policy has already allowed: sites from the atlas, and small layers (incidents, context,
 * hotspots, warnings) from arrays. Which viewer may ask for which layer is not decided here (I3).
 *
 * Counts (docs/adr/0005-atlas.md): every mark lies in exactly one tile proper, so the sum of `count` over the tiles of
 * any zoom is the number of sites. A margin (buffer) is off unless asked for; with one, what lies outside [0, 4096)
 * belongs to a neighbour and must not be added up. Zoom 0 has no margin.
 */
#ifndef TILES_TILES_H
#define TILES_TILES_H

#include "sites/atlas.h"

enum {
    TILES_ZOOM_MAX = ATLAS_ZOOM_MAX,
    TILES_EXTENT = ATLAS_EXTENT,
    TILES_BUFFER_MAX = ATLAS_BUFFER_MAX,
    TILES_RING = ATLAS_RADIUS, /* the margin for clients that clip what they draw at a tile's edge */
    TILES_LABELS_ZOOM = 8,     /* from here on a site's names in other languages are told: further out few are drawn */
    TILES_PROPS_MAX = 24,
    TILES_GZIP_MAX = 12,
    TILES_GZIP_LEVEL = 1 /* measured (bench_tiles): 6 saves 1.6 % of the bytes for 40 % more time */
};

struct tiles_query {
    int z;
    uint32_t x, y;
    uint32_t buffer;     /* units of margin; 0 by default */
    struct str religion; /* only these sites, counted exactly on a grid; "" all */
};
/* RC_INVALID outside zoom 0..14, 2^z x 2^z tiles or TILES_BUFFER_MAX. */
MUST_CHECK enum rc tiles_query_check(const struct tiles_query *q, struct err *err);

/* Buffers and compressor of one thread. */
struct tiles_maker;
struct tiles_maker *tiles_maker_new(void);
void tiles_maker_free(struct tiles_maker *t);

/* A tile is begun, gets its layers, and ends. The query must have passed tiles_query_check. */
void tiles_begin(struct tiles_maker *t, const struct tiles_query *q);
/* Layer "sites". Cluster: count, religion (the most frequent known one). Single site: id, name, religion, kind, class,
 * count = 1, and coarse, synthetic, unverified, disputed where true; what is empty is left out. */
void tiles_add_sites(struct tiles_maker *t, const struct atlas *a);

enum tiles_prop_type { TILES_STR, TILES_INT, TILES_F64, TILES_BOOL };
struct tiles_prop {
    const char *key;
    enum tiles_prop_type type;
    struct str s; /* the one that type names; an empty text is left out */
    int64_t i;
    double f;
    bool b;
};
struct tiles_point {
    struct geo_point at;
    const struct tiles_prop *props; /* at most TILES_PROPS_MAX */
    size_t props_n;
};
void tiles_add_points(struct tiles_maker *t, struct str layer, const struct tiles_point *points, size_t n);

/* Areas: a circle on the sphere, or a ring when ring_n > 0 (not closed; at most 4096 points; no edge over 180 degrees).
 * Both may cross the antimeridian; a circle that holds a pole becomes all of the map beyond its near edge. */
struct tiles_area {
    struct geo_point centre;
    double radius_m;
    const struct geo_point *ring;
    size_t ring_n;
    const struct tiles_prop *props;
    size_t props_n;
};
void tiles_add_areas(struct tiles_maker *t, struct str layer, const struct tiles_area *areas, size_t n);

/* The tile, borrowed until the next tiles_begin; empty when nothing is in it (HTTP: 204). */
struct str tiles_end(struct tiles_maker *t);
/* Gzipped, levels 0 (stored) to TILES_GZIP_MAX of libdeflate; borrowed until the next call. */
struct str tiles_gzip(struct tiles_maker *t, struct str raw, int level);

/* --- TileJSON 3.0.0 ----------------------------------------------------------------------------------------------- */

struct tiles_field {
    const char *name, *type; /* type: "String", "Number", "Boolean" */
};
struct tiles_layer {
    const char *id, *description;
    const struct tiles_field *fields;
    size_t fields_n;
};
struct tiles_json {
    const char *name;
    struct str url; /* "https://host/tiles/sites/{z}/{x}/{y}.mvt" */
    struct str attribution;
    const struct tiles_layer *layers;
    size_t layers_n;
};
void tiles_json_write(const struct tiles_json *j, struct buf *out);
/* What a file of tiles says of itself: name, attribution, the layer of sites. */
void tiles_metadata_write(struct str name, struct str attribution, struct buf *out);
/* The layer that tiles_add_sites writes. */
const struct tiles_layer *tiles_sites_layer(void);

#endif
