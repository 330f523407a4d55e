/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Sites as files for others: GeoJSON (RFC 7946), CSV (RFC 4180) and GeoPackage (OGC 12-128r18), every field, names by language, source and licence
 * on every row. Streamed page by page; memory does not grow with the registry. All through the policy for the viewer
 * given (I3, T1 of sites.h).
 */
#ifndef SITES_EXPORT_H
#define SITES_EXPORT_H

#include "base/hash.h"
#include "sites/sites.h"

enum sites_export_format { SITES_EXPORT_GEOJSON, SITES_EXPORT_CSV };

struct sites_export_options {
    enum sites_export_format format;
    struct sites_filter filter; /* a box over the antimeridian has west > east */
    bool guard;                 /* CSV: an apostrophe before what a spreadsheet would run as a formula (csv.h) */
};
struct sites_export_report {
    int64_t rows;
    int64_t bytes;
    struct sha256 digest; /* of the bytes handed to write */
};
/* Takes all of it or fails. */
typedef enum rc (*sites_write_fn)(void *ctx, const void *data, size_t n, struct err *err);
/* GeoJSON: one feature per line; the geometry is the point, the footprint stands beside it in the properties as
 * "footprint"; without a place the geometry is null. CSV: one column per language among the rows, "name:LANG"; the file
 * is read twice for that. A footprint or a name is never cut. */
MUST_CHECK enum rc sites_export(struct store *st, const struct sites_export_options *opt, const struct viewer *viewer,
                                sites_write_fn write, void *ctx, struct sites_export_report *out, struct err *err);
/* A GeoPackage at path, which must not be there yet, synced to disk: layer "sites" (points; no geometry without a place)
 * and layer "footprints" (polygons, by the site's id); names by language as JSON text; sources and licences in its
 * metadata. filter NULL: all. rows: of sites; digest: of the file. */
MUST_CHECK enum rc sites_export_gpkg(struct store *st, const struct sites_filter *filter, const struct viewer *viewer,
                                     const char *path, struct sites_export_report *out, struct err *err);

#endif
