/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The maker, shared by tiles*.c.
 */
#ifndef TILES_TILES_INT_H
#define TILES_TILES_INT_H

#include "tiles/tiles.h"
#include "wire/mvt.h"

enum { COMBO_SLOTS = 256 };

struct combo_slot {
    uint64_t stamp; /* the layer the numbers belong to */
    uint32_t combo, religion, kind, class_code;
};

struct tiles_maker {
    struct mvt *mvt;
    struct libdeflate_compressor *compressors[TILES_GZIP_MAX + 1]; /* by level, as asked for */
    struct buf gzip;
    struct tiles_query q;
    /* of the open layer */
    uint64_t stamp;
    const struct atlas *atlas;
    uint32_t key_count, key_religion, key_id, key_name, key_kind, key_class;
    uint32_t key_flag[4];
    uint32_t key_label[ATLAS_LABELS]; /* UINT32_MAX: not of this layer yet */
    uint32_t one, yes;                /* values 1 and true */
    struct combo_slot combos[COMBO_SLOTS];
    struct mvt_xy *ring; /* MVT_RING_MAX, for areas */
};

/* Number of each property that is written; returns how many tags. */
size_t tiles_tags(struct tiles_maker *t, const struct tiles_prop *props, size_t n, uint32_t *tags);

#endif
