/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What a reader of some source hands to the registry: one record, not yet a site. Readers (OSM, CSV, GeoJSON, JSON)
 * make drafts and rejections; sites_import_* stages and applies them. Everything is borrowed for the call's length.
 */
#ifndef SITES_DRAFT_H
#define SITES_DRAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { SITE_NAMES_MAX = 400, SITE_TEXT_MAX = 2000 }; /* names kept of one record; bytes kept of one value */

struct site_name {
    struct str lang; /* BCP 47; "" = the local default name; "alt", "old", "official" keys become lang + "-x-alt" ... */
    struct str text;
};

struct site_draft {
    struct str external_id; /* "node/123", "way/5", "relation/7", or the row's own id; never empty */
    int64_t line;           /* where in the source (line, or feature number); 0 = none */
    struct str class_code;  /* place_of_worship, cemetery, monastery, shrine, wayside, natural, ... */
    struct str kind;        /* CHU, MOS, TEM-HIN ... of data/vocab/site-kinds.json, or empty */
    struct str religion;    /* as the source says it, lower case; "" unknown */
    struct str denomination;
    const struct site_name *names;
    size_t names_n;
    bool has_place;
    double lat_deg, lon_deg;  /* a point inside the footprint when there is one */
    double precision_m;       /* honest; 0 = as good as the source's point (10 m) */
    struct str footprint_wkb; /* WGS 84 lon/lat polygon or multipolygon, little-endian WKB; may be empty */
    struct str wikidata;      /* Q-id */
    struct str heritage;      /* what the source says, e.g. "1", "whc" */
    struct str unesco_id;
    int whs_year;          /* 0 = none */
    struct str start_date; /* when it was built, as lib/wire/osm_date.h reads it; may be anything */
    struct str country;    /* ISO 3166-1 alpha-2 as the source says, or empty; the polygon decides */
    bool is_disputed;      /* the source or the seed says so */
    bool is_unverified;    /* facts not read at a source */
    bool is_synthetic;
    bool is_guarded;   /* tagged as a home group, shelter or the like: kept, but born HIDDEN */
    struct str status; /* "" in use, or "disused", "abandoned", "ruins" (lifecycle of data/religious-features.json) */
    struct str note;
    struct str source_text; /* name of the work the row cites, for the sheet */
    int64_t version;        /* OSM object version; 0 */
    bool keeps_place;       /* of a change file that does not tell all of its outline: a stored place stays */
};

typedef enum rc (*site_draft_fn)(void *ctx, const struct site_draft *d, struct err *err);
typedef enum rc (*site_reject_fn)(void *ctx, int64_t line, struct str external_id, const char *reason, struct err *err);

/* The source says that the object is no more, or no site any more. Heard of objects that never were sites as well. */
typedef enum rc (*site_gone_fn)(void *ctx, int64_t line, struct str external_id, int64_t version, struct err *err);

struct site_sink {
    site_draft_fn draft;
    site_reject_fn reject;
    void (*progress)(void *ctx, uint64_t bytes_done, uint64_t bytes_total); /* may be NULL */
    void *ctx;
    site_gone_fn gone; /* readers of change files only */
};

/* Readers' tally: read = records offered = drafts + rejected (design.md section 10). */
struct site_read_count {
    int64_t read, drafts, rejected;
    int64_t resumed; /* blobs that an interrupted run had read */
};

#endif
