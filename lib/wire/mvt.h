/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Writer of Mapbox Vector Tiles 2.1 (github.com/mapbox/vector-tile-spec). One encoder per thread is used for tile after
 * tile; it allocates only while its buffers still grow. Texts must be UTF-8. Order of use:
 *     mvt_tile_begin  { mvt_layer_begin  { keys and values, features } mvt_layer_end }  mvt_tile_end
 * Wrong order is a bug (ENSURE).
 */
#ifndef WIRE_MVT_H
#define WIRE_MVT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { MVT_TAGS_MAX = 64, MVT_RING_MAX = 4096 }; /* key and value numbers of one feature; points of one ring */

struct mvt;
struct mvt *mvt_new(void);
void mvt_free(struct mvt *m);

void mvt_tile_begin(struct mvt *m);
/* The tile's bytes, borrowed until the next mvt_tile_begin; empty when no layer has a feature. */
struct str mvt_tile_end(struct mvt *m);

void mvt_layer_begin(struct mvt *m, struct str name, uint32_t extent);
void mvt_layer_end(struct mvt *m); /* a layer without features leaves nothing */

/* Numbers for tags, of the open layer. Equal ones are written once; mvt_str_once trusts that the text is new (ids) and
 * saves the search. */
uint32_t mvt_key(struct mvt *m, struct str key);
uint32_t mvt_str(struct mvt *m, struct str s);
uint32_t mvt_str_once(struct mvt *m, struct str s);
uint32_t mvt_uint(struct mvt *m, uint64_t v);
uint32_t mvt_int(struct mvt *m, int64_t v);
uint32_t mvt_f64(struct mvt *m, double v);
uint32_t mvt_bool(struct mvt *m, bool v);

/* Tile units from the north-west corner, y down; tags: key, value, key, value ... */
void mvt_point(struct mvt *m, int32_t x, int32_t y, const uint32_t *tags, size_t n);

struct mvt_xy {
    double x, y;
};
struct mvt_ring {
    const struct mvt_xy *p; /* not closed: the last point is not the first again */
    size_t n;
};
/* A polygon: its outer ring, then holes, either way round, cut to the square [lo, hi] and wound as the standard wants.
 * False, and nothing written, when nothing of it is left. */
bool mvt_polygon(struct mvt *m, const struct mvt_ring *rings, size_t rings_n, double lo, double hi,
                 const uint32_t *tags, size_t n);

#endif
