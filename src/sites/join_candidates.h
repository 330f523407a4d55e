/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Which records of different sources lie near enough to be compared: one walk over points in the order of their Morton
 * cells. Pure: arrays in, pairs out. Memory: nothing but the caller's array.
 *
 * The walk goes tile by tile (one run of the array each) and looks at the tiles that a pair could reach into: east, and the
 * row below; the others have looked at this one. They are found by galloping from the last place looked at, which is near,
 * as the curve keeps neighbours together. Over the antimeridian the row goes on at its other end.
 */
#ifndef SITES_JOIN_CANDIDATES_H
#define SITES_JOIN_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOIN_RADIUS_M    400.0  /* beyond it places of exact records are two sites, whatever they are called */
#define JOIN_REACH_MAX_M 2000.0 /* the same for records whose place is known roughly */

struct join_point {
    uint64_t cell;   /* geo_cell_of */
    uint32_t record; /* the caller's number for it */
    uint32_t source; /* pairs of one source are no candidates */
    float reach_m;   /* added to the radius: how far off the place may be, beyond JOIN_EXACT_M */
};
#define JOIN_EXACT_M 50.0

/* Nobody needs more: where so many lie in one spot the place says nothing. */
enum { JOIN_CROWD_MAX = 512 };

typedef void (*join_pair_fn)(void *ctx, uint32_t a, uint32_t b);

struct join_candidates_report {
    uint64_t pairs;
    uint64_t
        crowded; /* points that had more neighbours in a tile than JOIN_CROWD_MAX: compared with those first in order */
};
/* points: sorted by cell. Calls fn once for every pair of different sources within JOIN_RADIUS_M plus the reach of both (at
 * most JOIN_REACH_MAX_M), by distances on the Mercator plane, which are true to a thousandth there. */
struct join_candidates_report join_candidates(const struct join_point *points, size_t n, join_pair_fn fn, void *ctx);

/* Sorts by cell, then record. */
void join_points_sort(struct join_point *points, size_t n);

#endif
