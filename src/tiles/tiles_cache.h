/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Gzipped tiles kept in memory: least recently used go first when the cap of bytes is reached. Sharded, so that threads
 * seldom meet. A tile handed out stays whole until it is put back, whatever the cache does meanwhile.
 */
#ifndef TILES_TILES_CACHE_H
#define TILES_TILES_CACHE_H

#include "tiles/tiles.h"

struct tile_blob {
    struct str gzip; /* empty: an empty tile (HTTP: 204) */
    size_t raw_n;    /* bytes before compression */
    char etag[20];   /* quoted, of the content: tiles that an import did not touch keep it */
};

struct tiles_cache;
/* cap_bytes counts tiles and their bookkeeping. */
struct tiles_cache *tiles_cache_new(size_t cap_bytes);
void tiles_cache_free(struct tiles_cache *c);

/* The sites tile of this atlas, from the cache or made by `t` and put there. Always puts back what it returns:
 * tile_blob_put. Which atlas is part of the key (the tile's generation), so a new image needs no clearing, and an edit
 * costs only the tiles that it changes. */
const struct tile_blob *tiles_cache_sites(struct tiles_cache *c, struct tiles_maker *t, const struct atlas *a,
                                          const struct tiles_query *q);
void tile_blob_put(const struct tile_blob *b);

struct tiles_cache_info {
    size_t bytes, tiles;
    uint64_t hits, misses;
};
void tiles_cache_info(struct tiles_cache *c, struct tiles_cache_info *out);

#endif
