/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The atlas file and what its parts share. Private to atlas*.c.
 *
 * File: header (one page), sections, chunk digests. Little-endian; sections begin at multiples of 64. A level's marks
 * are ordered by band (half a tile of its zoom high), then by x, so that a tile with its margin is four short slices.
 */
#ifndef SITES_ATLAS_INT_H
#define SITES_ATLAS_INT_H

#include <stdatomic.h>

#include "base/file.h"
#include "sites/atlas.h"

enum {
    ATLAS_VERSION = 3,
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
    SEC_BY_ID,       /* uint32: the sites by rising public id */
    SEC_RELIGIONS,   /* uint32 per religion's number, into the pool; number 0 is "none known" */
    SEC_LEVEL0,      /* the LEVEL_ sections of zoom 0, then of zoom 1, ... */
    LEVEL_BANDS = 0, /* uint32: where each band's marks begin, and the end */
    LEVEL_MARK,      /* struct atlas_placed */
    LEVEL_COUNT,     /* uint32 per cluster */
    LEVEL_RELIGION,  /* uint32 per cluster: the most frequent one's number */
    LEVEL_FROM,      /* uint32 per mark of the zoom below (per site at the last): the mark here that it is part of */
    LEVEL_SHARE_AT,  /* uint32 per cluster and one more: where its shares begin */
    LEVEL_SHARES,    /* struct atlas_share */
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
    uint64_t file_bytes, sites, combos, index_blocks, religions;
    uint64_t marks[ATLAS_LEVELS], clusters[ATLAS_LEVELS], shares[ATLAS_LEVELS];
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

/* How many members follow one religion. */
struct atlas_share {
    uint32_t religion, count; /* religion: its number, not a pool offset */
};

struct atlas_level {
    size_t marks, clusters, shares_n;
    const struct atlas_placed *mark;
    const uint32_t *bands, *count, *religion;
    const uint32_t *from, *share_at; /* NULL in a delta's */
    const struct atlas_share *shares;
};

struct atlas_file;
struct atlas_delta;

/* In a handle with a delta, sites, cell, record, index and levels are the image's alone; combos and religions are whole.
 */
struct atlas {
    struct atlas_file *file;
    const struct atlas_header *h;
    size_t sites, combos_n, pool_n, religions_n;
    const uint64_t *cell;
    const struct atlas_record *record;
    const struct atlas_combo *combos;
    const char *pool;
    const uint32_t *by_id, *religions;
    struct atlas_level levels[ATLAS_LEVELS];
    struct geo_index index;
    struct sha256 digest;
    struct atlas_delta *delta; /* NULL: none */
    unsigned slot;             /* atlas_ref.c */
};

/* The mapped file, shared by the handles on it. */
struct atlas_file {
    struct file_map map;
    atomic_int handles;
    struct atlas plain; /* as attached: overlays begin as copies of it */
};

/* What an overlay changes. Places lie by cell, like the image's. Added site k is index sites + k. */
struct atlas_places {
    size_t n;
    uint64_t *cell;
    int32_t *lat, *lon;
    struct geo_index_block *blocks;
    struct geo_index index;
};

struct atlas_delta {
    uint8_t *gone; /* a bit per site of the image */
    struct atlas_places removed, added;
    uint32_t *removed_at;        /* the removed sites' indexes, in the order of their cells */
    struct atlas_record *record; /* of the added */
    struct atlas_combo *combos;  /* the image's and then its own */
    uint32_t *religions;         /* the same */
    char *pool;                  /* offsets from the image's pool_n on */
    size_t pool_n;
    uint8_t *touched[ATLAS_LEVELS]; /* a bit per mark of the image: not to be shown, instead of it: */
    size_t touched_n[ATLAS_LEVELS];
    struct atlas_level levels[ATLAS_LEVELS];
    uint64_t *dirty[ATLAS_ZOOM_MAX + 1]; /* tiles whose answer is another than the image's: first cells, rising */
    size_t dirty_n[ATLAS_ZOOM_MAX + 1];
    uint64_t generation;
};

static inline bool atlas_bit(const uint8_t *bits, size_t i)
{
    return bits[i >> 3] >> (i & 7) & 1;
}
static inline void atlas_bit_set(uint8_t *bits, size_t i)
{
    bits[i >> 3] = (uint8_t)(bits[i >> 3] | 1u << (i & 7));
}
static inline bool atlas_is_gone(const struct atlas *a, size_t index)
{
    return a->delta && atlas_bit(a->delta->gone, index);
}
static inline const struct atlas_record *atlas_record_of(const struct atlas *a, size_t index)
{
    return index < a->sites ? &a->record[index] : &a->delta->record[index - a->sites];
}
static inline size_t atlas_added(const struct atlas *a)
{
    return a->delta ? a->delta->added.n : 0;
}
/* First of cell[0..n) that is not below `at`, from `from` on. */
size_t atlas_cell_bound(const uint64_t *cell, size_t n, size_t from, uint64_t at);
struct str atlas_religion(const struct atlas *a, uint32_t number); /* "" when out of bounds */

/* The sites by rising cell, those added among them and those gone left out: {w = {.a = a}; while (next(&w)) ...}. */
struct atlas_walk {
    const struct atlas *a;
    uint64_t last; /* largest cell wanted */
    size_t image_at, added_at;
    uint32_t index; /* of the one found */
    uint64_t cell;
};
struct atlas_walk atlas_walk_from(const struct atlas *a, uint64_t first, uint64_t last);
bool atlas_walk_next(struct atlas_walk *w);

/* Fills levels, touched and dirty of a delta whose other parts stand. RC_DAMAGED: the image contradicts itself. */
enum rc atlas_delta_levels(struct atlas *a, struct err *err);
void atlas_delta_free(struct atlas_delta *d);

/* Attaches to bytes that stay where they are and checks their shape, not their digest. */
enum rc atlas_attach(struct atlas *a, struct file_map bytes, struct err *err); /* a->file stays NULL */
/* SHA-256 of each chunk of the file between the first page and digests_at. Read, not mapped: 300 MB that are looked at
 * once should not become this process's memory. */
enum rc atlas_digest_chunks(int fd, uint64_t digests_at, size_t threads, struct sha256 *out, struct err *err);
size_t atlas_chunks(uint64_t digests_at);
struct str atlas_pool_str(const struct atlas *a, uint32_t at); /* "" when out of bounds */

/* Sorts keys, and idx with them, stably, by the lowest `bits` bits; the higher ones must be 0. tmp_* are as long. */
void atlas_sort(uint64_t *keys, uint32_t *idx, uint64_t *tmp_keys, uint32_t *tmp_idx, size_t n, int bits,
                size_t threads);

/* --- building ------------------------------------------------------------------------------------------------- */

struct atlas_staged {
    int32_t lat, lon;
    uint32_t name, combo;
};

/* at 0 = free, as offset 0 is the empty text. The hash stands here so that looking past another text, and growing, does
 * not fetch the pool (measured: half the time of gathering). */
struct atlas_text_slot {
    uint32_t hash, at;
};

struct atlas_builder {
    struct atlas_staged *sites;
    struct uuid *ids;
    size_t n, size;
    char *pool;
    size_t pool_n, pool_size;
    struct atlas_text_slot *texts; /* hash table of the pool */
    size_t texts_n, texts_size;
    struct atlas_combo *combos;
    size_t combos_n, combos_size;
    uint32_t *combo_table; /* hash table of 1 + combination */
    size_t combo_table_size;
};

struct str atlas_builder_text(const struct atlas_builder *b, uint32_t at);
MUST_CHECK enum rc atlas_builder_text_add(struct atlas_builder *b, struct str s, uint32_t *out, struct err *err);
/* Tiles must hold UTF-8, and a name is at most ATLAS_NAME_MAX bytes. */
struct str atlas_clean_name(struct str s, char room[ATLAS_NAME_MAX]);

/* --- names (atlas_labels.c) ------------------------------------------------------------------------------------ */

/* A site's name in the pool is its text, or, where it has labels, a text that begins with a byte no name begins with and
 * holds offsets of other texts: so the same name, or the same label, of many sites is there once, and a site without
 * labels costs nothing. */
struct atlas_named {
    struct str name;
    size_t n;
    struct atlas_label labels[ATLAS_LABELS];
};
MUST_CHECK enum rc atlas_name_add(struct atlas_builder *b, const struct atlas_site *s, uint32_t *out, struct err *err);
struct str atlas_name(const struct atlas *a, uint32_t at, bool *has_labels);
void atlas_name_whole(const struct atlas *a, uint32_t at, struct atlas_named *out);
void atlas_builder_name(const struct atlas_builder *b, uint32_t at, struct atlas_named *out);
bool atlas_named_equal(const struct atlas_named *a, const struct atlas_named *b);

/* --- clusters, while building --------------------------------------------------------------------------------- */

/* One zoom's marks in heap arrays, in file order. */
struct atlas_marks {
    int z;
    size_t n, clusters;
    uint32_t *x, *y, *ref, *bands;
    uint32_t *count, *share_at; /* per cluster; share_at has one more */
    struct atlas_share *shares;
    uint32_t *from; /* the mark that each one of the zoom below is part of; by site above ATLAS_ZOOM_CLUSTERS */
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
