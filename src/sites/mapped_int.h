/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside the mapped readers: the map (mapped_map.c), known shapes (mapped_known.c), a row of whatever format made a
 * draft (mapped_row.c), WKT (mapped_wkt.c).
 */
#ifndef SITES_MAPPED_INT_H
#define SITES_MAPPED_INT_H

#include <jansson.h>

#include "geo/polygon.h"
#include "sites/mapped.h"
#include "sites/osm_rules.h"
#include "wire/csv.h"
#include "wire/json_stream.h"

enum field {
    FIELD_ID,
    FIELD_NAME,
    FIELD_NAMES_BY_PREFIX,
    FIELD_NAME_LOCAL,
    FIELD_NAME_LOCAL_LANG,
    FIELD_NAMES,
    FIELD_LAT,
    FIELD_LON,
    FIELD_WKT,
    FIELD_FOOTPRINT, /* of JSON: a GeoJSON geometry beside the point */
    FIELD_CLASS,
    FIELD_KIND,
    FIELD_RELIGION,
    FIELD_DENOMINATION,
    FIELD_COUNTRY,
    FIELD_DISPUTED,
    FIELD_PRECISION,
    FIELD_WIKIDATA,
    FIELD_HERITAGE,
    FIELD_UNESCO,
    FIELD_WHS_YEAR,
    FIELD_START_DATE,
    FIELD_STATUS,
    FIELD_SOURCE_TEXT,
    FIELD_SOURCE_READ,
    FIELD_UNVERIFIED,
    FIELD_SYNTHETIC,
    FIELD_NOTE,
    FIELD_TAGS,
    FIELDS
};

struct mapped_field {
    enum field field;
    struct str lang;                                 /* FIELD_NAME */
    struct str columns[MAPPED_COLUMNS_OF_FIELD_MAX]; /* none: constant */
    int index[MAPPED_COLUMNS_OF_FIELD_MAX];          /* of a CSV's columns, once bound */
    size_t columns_n;
    struct str constant;
};

struct mapped_map {
    char delimiter, decimal;
    struct mapped_source source;
    struct str unnamed_prefix; /* this and a number is no name */
    bool is_known;             /* of a known shape: its earlier editions may lack columns */
    struct mapped_field *fields;
    size_t n;
};
MUST_CHECK enum rc mapped_map_parse(struct str json, struct arena *mem, struct mapped_map *out, struct err *err);
/* Finds the columns in a CSV; resolves name:* too. */
MUST_CHECK enum rc mapped_map_bind(struct mapped_map *map, const struct csv *csv, struct arena *mem, struct err *err);
bool mapped_map_has(const struct mapped_map *map, enum field field);

/* The map of a known shape, or an empty string. */
struct str mapped_known_csv(const struct csv *csv);
struct str mapped_known_item(const json_t *item, enum mapped_format format);

/* One reader at work. */
struct mapped_run {
    const struct mapped_map *map;
    const struct site_sink *sink;
    struct site_read_count *count;
    struct osm_rules *rules;
    struct geo_geos *geos;
    struct arena mem; /* of the row at hand */
};
void mapped_run_fini(struct mapped_run *run);
MUST_CHECK enum rc mapped_run_init(struct mapped_run *run, const struct mapped_map *map, const struct site_sink *sink,
                                   struct site_read_count *count, struct err *err);
struct mapped_row {
    const struct csv_row *csv;      /* or */
    const json_t *record, *feature; /* feature: GeoJSON, record: its properties */
    int64_t line;
};
/* Hands the row to the sink as a draft or a rejection. */
MUST_CHECK enum rc mapped_row_take(struct mapped_run *run, const struct mapped_row *row, struct err *err);
MUST_CHECK enum rc mapped_reject(struct mapped_run *run, int64_t line, struct str id, const char *why, struct err *err);

/* POINT, POLYGON, MULTIPOLYGON, in any case, "EMPTY" too, an SRID= prefix of 4326. */
struct mapped_place {
    bool has_place;
    struct geo_point point;
    struct geo_ring *rings;
    size_t rings_n; /* above 0: the place is their area, point is not set */
};
MUST_CHECK enum rc mapped_wkt_parse(struct str text, struct arena *mem, struct mapped_place *out, struct err *err);

#endif
