/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A GeoPackage 1.3 written once, from first row to last (OGC 12-128r18): feature layers in WGS 84 with a spatial index,
 * and notes on licence and origin. It is a file for others (QGIS, GDAL), no store of ours: it has no durability until
 * gpkg_finish has synced it, and what was not finished is thrown away.
 *
 *   G1 memory does not grow with the rows.
 *   G2 layer and column names are the program's own; values are parameters.
 */
#ifndef STORE_GPKG_H
#define STORE_GPKG_H

#include "base/hash.h"
#include "store/store.h"

enum { GPKG_LAYERS_MAX = 4, GPKG_COLUMNS_MAX = 48 };

enum gpkg_type { GPKG_TEXT, GPKG_INTEGER, GPKG_REAL, GPKG_BOOLEAN, GPKG_DATE, GPKG_DATETIME };
struct gpkg_column {
    const char *name;
    enum gpkg_type type;
};
struct gpkg_layer {
    const char *name, *title, *description;
    const char *geometry; /* "POINT", "GEOMETRY" */
    const struct gpkg_column *columns;
    size_t n;
};
struct gpkg_box {
    double west_deg, south_deg, east_deg, north_deg;
};

struct gpkg;
/* The file must not be there yet. */
MUST_CHECK enum rc gpkg_new(const char *path, struct gpkg **out, struct err *err);
/* about must live until gpkg_finish. *layer: its number for gpkg_row. */
MUST_CHECK enum rc gpkg_layer_add(struct gpkg *g, const struct gpkg_layer *about, int *layer, struct err *err);
/* wkb: little-endian, two dimensions; empty: no geometry. args: one per column of the layer. */
MUST_CHECK enum rc gpkg_row(struct gpkg *g, int layer, struct str wkb, const struct gpkg_box *box,
                            const struct store_arg *args, struct err *err);
/* The same for one point; is_there false: no geometry. */
MUST_CHECK enum rc gpkg_point_row(struct gpkg *g, int layer, bool is_there, double lat_deg, double lon_deg,
                                  const struct store_arg *args, struct err *err);
/* Metadata of the whole file. */
MUST_CHECK enum rc gpkg_note(struct gpkg *g, const char *mime, const char *uri, struct str text, struct err *err);
struct gpkg_done {
    int64_t bytes;
    struct sha256 digest; /* of the file */
};
/* Always call it; g is gone after it. keep false, or a failure here: the file is removed. Else it is on disk when this
 * returns RC_OK. */
MUST_CHECK enum rc gpkg_finish(struct gpkg *g, bool keep, struct gpkg_done *out, struct err *err);

#endif
