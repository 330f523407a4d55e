/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A mapping from the columns of somebody's CSV to the fields a reader wants:
 *   {"delimiter": ";", "decimal": ",", "fields": {"lat": "latitud", ...}, "constant": {"type": "PRP-05", ...}}
 * Field names are the reader's business; a field may come from a column or be constant, not both.
 */
#ifndef WIRE_CSV_MAP_H
#define WIRE_CSV_MAP_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/csv.h"

enum { CSV_MAP_BYTES_MAX = 64 * 1024, CSV_MAP_FIELDS_MAX = 500 };

struct csv_map_field {
    struct str field, column; /* column empty: constant */
    struct str constant;
    int index; /* of the column, once bound */
};
struct csv_map {
    char delimiter; /* 0: sniffed */
    char decimal;   /* '.' or ',' */
    struct csv_map_field *fields;
    size_t n;
};

/* Errors: RC_INVALID with the JSON path of what is wrong. */
MUST_CHECK enum rc csv_map_parse(struct str json, struct arena *mem, struct csv_map *out, struct err *err);
/* Finds the columns. RC_INVALID names the column the file does not have. */
MUST_CHECK enum rc csv_map_bind(struct csv_map *map, const struct csv *csv, struct err *err);
bool csv_map_has(const struct csv_map *map, const char *field);
struct str csv_map_text(const struct csv_map *map, const struct csv_row *row, const char *field); /* trimmed; or "" */
/* False when empty or not a number; minds the decimal sign. */
bool csv_map_f64(const struct csv_map *map, const struct csv_row *row, const char *field, double *out);

#endif
