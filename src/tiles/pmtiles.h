/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The whole pyramid in one file for a static host: PMTiles version 3 (github.com/protomaps/PMTiles, spec/v3), gzipped
 * vector tiles of zoom 0..14 without a margin, so that counts add up over the tiles of any zoom (A1). Only the layer
 * "sites", which holds what the public may see (I3). Tiles with nothing in them are not in the file.
 */
#ifndef TILES_PMTILES_H
#define TILES_PMTILES_H

#include "base/hash.h"
#include "tiles/tiles.h"

struct pmtiles_options {
    struct str name, attribution; /* of the metadata */
    size_t threads;               /* 0 = all */
};
struct pmtiles_report {
    uint64_t tiles, bytes, sites;
    struct sha256 digest; /* of the file */
};
/* The same atlas gives the same bytes, for any number of threads. The file appears whole or not at all (path.part,
 * fsync, rename). */
MUST_CHECK enum rc pmtiles_write(const struct atlas *a, const char *path, const struct pmtiles_options *opt,
                                 struct pmtiles_report *out, struct err *err);

/* Number of a tile: those of lower zooms first, then along the Hilbert curve. */
uint64_t pmtiles_id(int z, uint32_t x, uint32_t y);
void pmtiles_zxy(uint64_t id, int *z, uint32_t *x, uint32_t *y);

#endif
