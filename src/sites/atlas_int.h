/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The atlas file and what its parts share. Private to atlas*.c.
 *
 * File: header (one page), sections, chunk digests. Little-endian; sections begin at multiples of 64. A level's marks
 * are ordered by band (half a tile of its zoom high), then by x, so that a tile with its margin is four short slices.
 */
#ifndef SITES_ATLAS_INT_H
#define SITES_ATLAS_INT_H

#include "base/file.h"
#include "sites/atlas.h"

enum {
    ATLAS_VERSION = 1,
    ATLAS_PAGE = 4096,
    ATLAS_CHUNK = 1 << 20, /* bytes under one digest of the list that the file's digest covers */
    ATLAS_LEVELS = ATLAS_ZOOM_CLUSTERS + 1
};
#define ATLAS_MAGIC      "FANEATLS"
#define ATLAS_BYTE_ORDER UINT32_C(0x01020304)
#define ATLAS_IS_CLUSTER UINT32_C(0x80000000) /* in a mark's ref; the rest is an index */

enum {
    SEC_CELL, /* uint64 per site, rising */
    SEC_LAT,  /* int32 1e-7 degree */
    SEC_LON,
    SEC_RECORD,      /* struct atlas_record */
    SEC_COMBOS,      /* struct atlas_combo */
    SEC_POOL,        /* texts: a length byte, then the bytes */
    SEC_INDEX,       /* struct geo_index_block */
    SEC_LEVEL0,      /* the LEVEL_ sections of zoom 0, then of zoom 1, ... */
    LEVEL_BANDS = 0, /* uint32: where each band's marks begin, and the end */
    LEVEL_MARK,      /* struct atlas_placed */
    LEVEL_COUNT,     /* uint32 per cluster */
    LEVEL_RELIGION,  /* uint32 per cluster, into the pool */
    LEVEL_SECTIONS,
    SEC_DIGESTS = SEC_LEVEL0 + LEVEL_SECTIONS * ATLAS_LEVELS, /* SHA-256 of each chunk between page and here */
    SEC_COUNT
};

struct atlas_section {
    uint64_t at, bytes;
};

struct atlas_header {
    char magic[8];
    uint32_t version, byte_order;
    uint64_t file_bytes, sites, combos, index_blocks;
    uint64_t marks[ATLAS_LEVELS], clusters[ATLAS_LEVELS];
    char revision[ATLAS_REVISION_MAX + 1];
    struct atlas_section sections[SEC_COUNT];
    uint8_t digest[32]; /* SHA-256 of this page with zeros here, then of the chunk digests */
};
_Static_assert(sizeof(struct atlas_header) <= ATLAS_PAGE, "the header is one page");

/* Sites share few combinations of these; pool offsets. */
struct atlas_combo {
    uint32_t religion, kind, class_code, flags;
};

struct atlas_placed {
    uint32_t x, y; /* zoom-31 pixel */
    uint32_t ref;  /* a site, or ATLAS_IS_CLUSTER | cluster */
};

/* What a tile says of a site, side by side: in columns each would be a cache miss of its own (measured: bench_tiles).
 */
struct atlas_record {
    struct uuid id;
    uint32_t name, combo; /* into the pool; into the combinations */
};

static inline uint32_t atlas_bands(int z)
{
    return UINT32_C(2) << z;
}
static inline uint32_t atlas_band_of(int z, uint32_t y)
{
    return y >> (30 - z);
}

struct atlas_level {
    size_t marks, clusters;
    const struct atlas_placed *mark;
    const uint32_t *bands, *count, *religion;
};

struct atlas {
    struct file_map map;
    const struct atlas_header *h;
    size_t sites, combos_n, pool_n;
    const uint64_t *cell;
    const struct atlas_record *record;
    const struct atlas_combo *combos;
    const char *pool;
    struct atlas_level levels[ATLAS_LEVELS];
    struct geo_index index;
    struct sha256 digest;
    unsigned slot; /* atlas_ref.c */
};

/* Attaches to bytes that stay where they are and checks their shape, not their digest. */
enum rc atlas_attach(struct atlas *a, struct file_map bytes, struct err *err);
/* SHA-256 of each chunk of the file between the first page and digests_at. Read, not mapped: 300 MB that are looked at
 * once should not become this process's memory. */
enum rc atlas_digest_chunks(int fd, uint64_t digests_at, size_t threads, struct sha256 *out, struct err *err);
size_t atlas_chunks(uint64_t digests_at);
struct str atlas_pool_str(const struct atlas *a, uint32_t at); /* "" when out of bounds */

/* Sorts keys, and idx with them, stably, by the lowest `bits` bits; the higher ones must be 0. tmp_* are as long. */
void atlas_sort(uint64_t *keys, uint32_t *idx, uint64_t *tmp_keys, uint32_t *tmp_idx, size_t n, int bits,
                size_t threads);

/* --- clusters, while building --------------------------------------------------------------------------------- */

/* How many members follow one religion. */
struct atlas_share {
    uint32_t religion, count; /* religion: dense number, not a pool offset */
};

/* One zoom's marks in heap arrays, in file order. */
struct atlas_marks {
    int z;
    size_t n, clusters;
    uint32_t *x, *y, *ref, *bands;
    uint32_t *count, *share_at; /* per cluster; share_at has one more */
    struct atlas_share *shares;
};

/* The sites themselves as the marks below ATLAS_ZOOM_CLUSTERS. */
void atlas_marks_of_sites(const uint64_t *cells, size_t n, size_t threads, struct atlas_marks *out);
/* Joins `in` (zoom z + 1) to zoom z. religion_of[site's combination] is a dense number below religions; 0 = unknown. */
struct atlas_joining {
    const uint32_t *combo, *religion_of;
    uint32_t religions;
    size_t threads;
};
void atlas_marks_join(const struct atlas_joining *j, const struct atlas_marks *in, struct atlas_marks *out);
void atlas_marks_fini(struct atlas_marks *m);
/* The most frequent known religion of a cluster, 0 when none is known; the smaller number on a tie. */
uint32_t atlas_marks_religion(const struct atlas_marks *m, size_t cluster);

#endif
