/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Readers for sources that are not OpenStreetMap's own formats: CSV and TSV, GeoJSON, JSON lists and lines. A map says
 * which column is which field; some shapes of file are known without one. MAP.json:
 *   {"delimiter": ";", "decimal": ",",
 *    "source": {"name", "licence", "attribution", "url", "visibility": "public|coarse|hidden"},
 *    "unnamed_prefix": "Record ",
 *    "fields": {"id": COLUMN, "name": COLUMN, "name:ar": COLUMN, "lat": COLUMN, ...}, "constant": {"class": "cemetery",
 * ...}} unnamed_prefix: a name of this and a number is what the source writes where there is none. COLUMN is a column's
 * name, or a list of names joined by "/" (an id of several columns). In JSON a column is a member's name, with "a.b"
 * for the member of a member, in GeoJSON of the properties; "$id" is the feature's own id. Fields: id name name:LANG
 * name:* (columns of that prefix) name_local + name_local_lang, lat lon wkt, class kind religion denomination, country
 * disputed precision_m wikidata heritage unesco whs_year start_date status, source_text source_read unverified synthetic note,
 * tags (an object of OpenStreetMap tags: then data/religious-features.json decides what is a site), names (an object of
 * texts by language), footprint (a GeoJSON Polygon or MultiPolygon beside a point that the source has chosen).
 */
#ifndef SITES_MAPPED_H
#define SITES_MAPPED_H

#include "people/policy.h"
#include "sites/draft.h"
#include "wire/gzip.h"

enum {
    MAPPED_MAP_BYTES_MAX = 64 * 1024,
    MAPPED_FIELDS_MAX = 500,
    MAPPED_COLUMNS_OF_FIELD_MAX = 4,
    MAPPED_TAGS_MAX = 500, /* of one record */
    MAPPED_WKT_POINTS_MAX = 200000
};

enum mapped_format { MAPPED_ANY, MAPPED_CSV, MAPPED_GEOJSON, MAPPED_JSON };

/* What the map, or the shape of the file, says of the source. Lies in mapped_read's mem. */
struct mapped_source {
    struct str name, licence, attribution, url;
    bool has_visibility;
    enum visibility visibility;
    const char *format; /* "csv", "geojson", "json" */
};

struct mapped_options {
    enum mapped_format format;
    struct str map; /* text of MAP.json; empty: the file's shape decides */
};

/* Learns the source from the first bytes of the file, without taking them. */
MUST_CHECK enum rc mapped_probe(struct input *in, const struct mapped_options *opt, struct arena *mem,
                                struct mapped_source *out, struct err *err);
/* Errors: RC_INVALID for a map that does not fit, or a shape that is not known and has no map; the readers' own, with
 * line and offset: damaged, cut short, over a cap. Every row is a draft or a rejection. */
MUST_CHECK enum rc mapped_read(struct input *in, const struct mapped_options *opt, const struct site_sink *sink,
                               struct site_read_count *count, struct err *err);

#endif
