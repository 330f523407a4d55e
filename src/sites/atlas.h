/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The atlas: a memory-mapped, read-optimised image of the public view of the registry (docs/adr/0005-atlas.md). It
 * answers tiles, nearest, within and counts without the database; it can be deleted and is rebuilt (I4). What goes into
 * it has passed the policy before (I3): the atlas knows no viewers.
 * Invariants:
 *   A1 at every zoom the counts of all marks add up to the number of sites.
 *   A2 an open atlas never changes; a new image is a new file and a new handle (struct atlas_ref swaps them).
 *   A3 a file that is damaged is refused on opening (RC_DAMAGED: rebuild); one made to deceive gives wrong answers,
 * never a stray read. Positions are whole 1e-7 degrees.
 */
#ifndef SITES_ATLAS_H
#define SITES_ATLAS_H

#include "base/hash.h"
#include "base/id.h"
#include "base/str.h"
#include "geo/index_shape.h"

enum {
    ATLAS_NAME_MAX = 120, /* bytes kept of a name, cut at a character */
    ATLAS_CODE_MAX = 60,  /* bytes of a religion, kind or class code; longer ones are refused */
    ATLAS_REVISION_MAX = 63,
    ATLAS_ZOOM_CLUSTERS = 13, /* zooms 0..13 hold clusters */
    ATLAS_ZOOM_MAX = 14,      /* this one holds every site by itself, stacked ones too */
    ATLAS_EXTENT = 4096,      /* units on a tile's side */
    ATLAS_RADIUS = 320,       /* units within which marks join at one zoom */
    ATLAS_BUFFER_MAX = 1024   /* widest margin atlas_tile gives, in units */
};

/* The languages of the app, in which tiles tell a site's name beside its own; by index. Names of others are in the
 * registry. */
enum { ATLAS_LABELS = 6, ATLAS_LABELS_BYTES = ATLAS_LABELS * (2 + ATLAS_NAME_MAX) };
extern const char *const ATLAS_LABEL_LANGS[ATLAS_LABELS];

enum atlas_flag { ATLAS_COARSE = 1, ATLAS_SYNTHETIC = 2, ATLAS_UNVERIFIED = 4, ATLAS_DISPUTED = 8 };

struct atlas_site {
    struct uuid public_id;
    double lat_deg, lon_deg; /* as the public may know it */
    struct str name;
    struct str religion, kind, class_code; /* "" unknown */
    struct str labels;                     /* only in: for each name a byte of language, a byte of length, the name */
    bool has_labels;                       /* only out: atlas_labels gives some */
    unsigned flags;                        /* enum atlas_flag, ored */
    uint32_t combo;                        /* only out: equal numbers mean equal religion, kind, class and flags */
};

/* --- building ------------------------------------------------------------------------------------------------- */

struct atlas_builder;
struct atlas_builder *atlas_builder_new(void);
void atlas_builder_free(struct atlas_builder *b);
/* Everything is copied. RC_INVALID: no place on the earth, or a code over its cap. About 65 bytes a site are held. */
MUST_CHECK enum rc atlas_builder_add(struct atlas_builder *b, const struct atlas_site *s, struct err *err);
/* Writes the file atomically and durably (path.tmp, fsync, rename, fsync of the folder); a second
 * builder of the same path, in whichever process, waits for the first. revision: what the caller wants to read back from atlas_info, to tell whether the image is of today's registry.
 * threads 0 = all. The builder is spent afterwards: only atlas_builder_free may follow. */
MUST_CHECK enum rc atlas_builder_write(struct atlas_builder *b, const char *path, struct str revision, size_t threads,
                                       struct err *err);

/* --- reading -------------------------------------------------------------------------------------------------- */

struct atlas;
/* Errors: RC_NOT_FOUND, RC_IO; RC_DAMAGED (also: another version of the format) means build it anew. Reads the whole
 * file to check its digest, on all threads. */
MUST_CHECK enum rc atlas_open(const char *path, struct atlas **out, struct err *err);
void atlas_close(struct atlas *a);

struct atlas_info {
    size_t sites;                     /* as it is now */
    size_t removed, added;            /* by the delta */
    size_t marks[ATLAS_ZOOM_MAX + 1]; /* clusters and single sites per zoom */
    size_t bytes;
    struct str revision; /* lives as long as the atlas */
    struct sha256 digest;
    uint64_t generation; /* of the digest and the delta's number: equal atlases, equal numbers */
};
void atlas_info(const struct atlas *a, struct atlas_info *out);

/* Indexes are what the calls below give out; with a delta they are not all below `sites`. Texts live as long as the
 * atlas. */
void atlas_site(const struct atlas *a, size_t index, struct atlas_site *out);
/* The same but for the place, which is left 0: cheaper where it is known. */
void atlas_site_text(const struct atlas *a, size_t index, struct atlas_site *out);
/* Names of a site in the languages of the app, each once, none of them equal to its name; how many. */
struct atlas_label {
    unsigned lang; /* below ATLAS_LABELS */
    struct str name;
};
size_t atlas_labels(const struct atlas *a, size_t index, struct atlas_label out[ATLAS_LABELS]);
/* As the calls of geo/index.h, over what is there now; those added come last. */
size_t atlas_nearest(const struct atlas *a, struct geo_point p, size_t n, double max_m, geo_keep_fn keep, void *ctx,
                     struct geo_near *out);
size_t atlas_near(const struct atlas *a, struct geo_point p, size_t n, struct geo_near *out);
void atlas_within(const struct atlas *a, struct geo_point p, double radius_m, geo_each_fn fn, void *ctx);
size_t atlas_count_box(const struct atlas *a, const struct geo_box *b);
void atlas_each_box(const struct atlas *a, const struct geo_box *b, geo_each_fn fn, void *ctx);
void atlas_each_in_shape(const struct atlas *a, const struct geo_shape *s, geo_each_fn fn, void *ctx);
size_t atlas_count_in_shape(const struct atlas *a, const struct geo_shape *s);

/* What a tile shows at one place: a single site or a cluster. */
struct atlas_mark {
    int32_t x, y;        /* units from the tile's north-west corner; in the tile proper 0 <= x, y < ATLAS_EXTENT */
    uint32_t count;      /* 1: a single site */
    uint32_t site;       /* its index */
    struct str religion; /* of a cluster: the most frequent known one, "" when none is known */
};
typedef void (*atlas_mark_fn)(void *ctx, const struct atlas_mark *m);
/* Marks of tile z/x/y, z <= ATLAS_ZOOM_MAX, in a fixed order. With buffer > 0 also those up to so many units outside;
 * across the antimeridian from zoom 1 on, so that no mark ever comes twice. Each mark lies in exactly one tile proper
 * of its zoom: whoever adds up counts over tiles leaves those outside [0, ATLAS_EXTENT) out. Returns how many. */
size_t atlas_tile(const struct atlas *a, int z, uint32_t x, uint32_t y, uint32_t buffer, atlas_mark_fn fn, void *ctx);
/* The same counted anew over the sites of one religion: cells of a 16 x 16 grid with a mean position each below
 * ATLAS_ZOOM_MAX, no margin. Counts are exact. Cost: 1 ns per site of the tile. */
size_t atlas_tile_of_religion(const struct atlas *a, int z, uint32_t x, uint32_t y, struct str religion,
                              atlas_mark_fn fn, void *ctx);

/* Where each mark of a zoom stands (each site at ATLAS_ZOOM_MAX), in zoom-31 pixels: which tiles have something in
 * them. */
typedef void (*atlas_place_fn)(void *ctx, uint32_t x, uint32_t y);
void atlas_each_place(const struct atlas *a, int z, atlas_place_fn fn, void *ctx);

/* --- changes -------------------------------------------------------------------------------------------------------- */

/* What one site has become. */
struct atlas_change {
    struct uuid public_id;
    const struct atlas_site *site; /* NULL: it is not public any more. Its public_id is not read */
};
/* Another handle on the image of `base` (a delta of base's is not taken over) on which the changes hold: each site is
 * known by its public id, the last change of one holds. What is gone is in no answer and no count; A1 holds; clusters
 * that a change touches have their count, mean and religion anew from their members. number tells overlays of one image
 * apart (info.generation). Cost: about 20 us a change, 1 ms per million sites. base may be closed before or after. */
MUST_CHECK enum rc atlas_overlay(const struct atlas *base, const struct atlas_change *changes, size_t n,
                                 uint64_t number, struct atlas **out, struct err *err);
/* What an answer for the tile and all margins up to ATLAS_BUFFER_MAX depends on: the image's generation where the delta
 * changes nothing, the overlay's elsewhere. */
uint64_t atlas_tile_generation(const struct atlas *a, int z, uint32_t x, uint32_t y);

/* --- swapping ------------------------------------------------------------------------------------------------- */

/* Holds the current atlas for many readers. Getting and putting back are one atomic step each and never wait; an old
 * image closes when its last reader has put it back. */
struct atlas_ref;
struct atlas_ref *atlas_ref_new(void);
void atlas_ref_free(struct atlas_ref *r); /* no reader may hold anything any more */
/* Takes over `a` (NULL: none from now on). RC_BUSY when 15 older images are still being read; `a` is then not taken. */
MUST_CHECK enum rc atlas_ref_set(struct atlas_ref *r, struct atlas *a, struct err *err);
const struct atlas *atlas_ref_get(struct atlas_ref *r);         /* NULL when there is none (needs no put) */
void atlas_ref_put(struct atlas_ref *r, const struct atlas *a); /* NULL ok */

#endif
