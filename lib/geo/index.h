/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Point index on the sphere: a packed tree of fan-out at most 16 over points that are already in Morton order, so that
 * a node's points are one slice. Groups end where the order jumps farthest, as a group that spans a jump covers much
 * empty ground. It lives in plain arrays that may be a mapped file; it owns nothing. Positions are whole 1e-7 degrees
 * (1.1 cm). Not for shapes: points only. Invariants: X1 read-only after geo_index_init: any number of threads may ask
 * at once. X2 geo_index_init proves the shape of the tree (each node's slice and children), so bounds that lie, in a
 * damaged file, give wrong answers but never a stray read nor a walk without end.
 */
#ifndef GEO_INDEX_H
#define GEO_INDEX_H

#include "geo/geo.h"

enum {
    GEO_INDEX_FAN = 16,
    GEO_INDEX_LEVELS_MAX = 12,
    GEO_NEAR_MAX = 1000 /* most neighbours one question may ask for */
};
#define GEO_INDEX_POINTS_MAX UINT32_C(0x7fffffff)

/* Up to 16 sibling nodes. Unused ones have bounds that touch nothing. */
struct geo_index_block {
    int32_t lat_min[GEO_INDEX_FAN], lat_max[GEO_INDEX_FAN], lon_min[GEO_INDEX_FAN],
        lon_max[GEO_INDEX_FAN];       /* 1e-7 deg */
    float cos_min[GEO_INDEX_FAN];     /* at most the least cosine of a latitude of the node */
    uint32_t from[GEO_INDEX_FAN + 1]; /* points of node k: [from[k], from[k + 1]) */
    uint32_t child_at;                /* above level 1: the block of node 0's children; node k's is child_at + k */
    uint32_t n, level;                /* nodes used; 1 = their points are leaves */
};

struct geo_index {
    const int32_t *lat_e7, *lon_e7;
    size_t n;
    const struct geo_index_block *blocks; /* by level; the root last */
    size_t blocks_n;
};

/* Heap array of *blocks_n blocks (NULL for no points); threads 0 = all. cells[i] is the Morton key of point i, rising.
 */
struct geo_index_block *geo_index_build(const uint64_t *cells, const int32_t *lat_e7, const int32_t *lon_e7, size_t n,
                                        size_t threads, size_t *blocks_n);
/* The arrays are borrowed for as long as the index is used. False when the blocks are not a tree over n points. */
bool geo_index_init(struct geo_index *ix, const int32_t *lat_e7, const int32_t *lon_e7, size_t n,
                    const struct geo_index_block *blocks, size_t blocks_n);

int32_t geo_e7(double deg); /* nearest 1e-7 degree */
struct geo_point geo_index_point(const struct geo_index *ix, size_t i);

struct geo_near {
    uint32_t index;
    double distance_m;
};
/* Which points a question is about; NULL = all. */
typedef bool (*geo_keep_fn)(void *ctx, uint32_t index);
/* The n (<= GEO_NEAR_MAX) nearest points not farther than max_m (INFINITY: no limit), nearest first, equal distances by
 * index. Returns how many. Exact on the sphere. Cost: 2-3 us for n = 10 of 1.5M. */
size_t geo_index_near(const struct geo_index *ix, struct geo_point p, size_t n, double max_m, geo_keep_fn keep,
                      void *ctx, struct geo_near *out);

/* Called for each point found, by rising index; false stops. */
typedef bool (*geo_each_fn)(void *ctx, uint32_t index, double distance_m);
void geo_index_within(const struct geo_index *ix, struct geo_point p, double radius_m, geo_each_fn fn, void *ctx);

/* Points in the box, edges counted, as geo_box_contains. Whole subtrees are counted without being visited. */
size_t geo_index_count_box(const struct geo_index *ix, const struct geo_box *b);
/* Each of them; distance_m is 0. A box over the antimeridian gives its western part first. */
void geo_index_each_box(const struct geo_index *ix, const struct geo_box *b, geo_each_fn fn, void *ctx);

#endif
