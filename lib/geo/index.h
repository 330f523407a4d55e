/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Point index on the sphere: a packed tree of fan-out 16 over points that are already in Morton order, so that a node's
 * points are one slice and its count is arithmetic. It lives in plain arrays that may be a mapped file; it owns nothing.
 * Positions are whole 1e-7 degrees (1.1 cm). Not for shapes: points only.
 * Invariants:
 *   X1 read-only after geo_index_build: any number of threads may ask at once.
 *   X2 memory-safe on blocks of any content (a damaged file gives wrong answers, never a stray read).
 */
#ifndef GEO_INDEX_H
#define GEO_INDEX_H

#include "geo/geo.h"

enum {
    GEO_INDEX_FAN = 16,
    GEO_INDEX_LEVELS_MAX = 8,
    GEO_NEAR_MAX = 1000 /* most neighbours one question may ask for */
};
#define GEO_INDEX_POINTS_MAX UINT32_C(0x7fffffff)

/* Bounds of 16 sibling nodes: degrees for boxes, and a box around the unit vectors for distances, which needs no word
 * about the antimeridian or the poles. */
struct geo_index_block {
    int32_t lat_min[GEO_INDEX_FAN], lat_max[GEO_INDEX_FAN], lon_min[GEO_INDEX_FAN], lon_max[GEO_INDEX_FAN];
    float lo[3][GEO_INDEX_FAN], hi[3][GEO_INDEX_FAN];
};

struct geo_index {
    const int32_t *lat_e7, *lon_e7;
    size_t n;
    const struct geo_index_block *blocks; /* level 1 (16 points a node) first */
    int levels;                           /* 0 when there are no points */
    size_t level_at[GEO_INDEX_LEVELS_MAX + 1];
};

/* Blocks needed for n points. */
size_t geo_index_blocks(size_t n);
/* Fills blocks[0 .. geo_index_blocks(n)); threads 0 = all. Cost: about 0.1 us a point. */
void geo_index_build(const int32_t *lat_e7, const int32_t *lon_e7, size_t n, size_t threads,
                     struct geo_index_block *blocks);
/* The arrays are borrowed for as long as the index is used. */
void geo_index_init(struct geo_index *ix, const int32_t *lat_e7, const int32_t *lon_e7, size_t n,
                    const struct geo_index_block *blocks);

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
