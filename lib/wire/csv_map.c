/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Column mappings. See csv_map.h.
 */
#include "wire/csv_map.h"

#include "wire/json_in.h"

#include <string.h>

static enum rc sign_read(const json_t *doc, const char *key, const char *allowed, char *out, struct err *err)
{
    struct str s = STR_NONE;
    TRY(json_in_str(doc, "", key, JSON_OPTIONAL, 4, &s, err));
    if (s.n == 0)
        return RC_OK;
    if (s.n != 1 || !strchr(allowed, s.p[0]))
        return err_set(err, RC_INVALID, "/%s: must be one of the characters %s", key, allowed);
    *out = s.p[0];
    return RC_OK;
}

static enum rc field_add(struct csv_map *map, struct arena *mem, const char *name, const json_t *value,
                         bool is_constant, struct err *err)
{
    const char *where = is_constant ? "constant" : "fields";
    if (csv_map_has(map, name))
        return err_set(err, RC_INVALID, "/%s/%s: the field is mapped twice", where, name);
    if (!json_is_string(value))
        return err_set(err, RC_INVALID, "/%s/%s: must be a string", where, name);
    struct str text = str_copy(mem, (struct str){json_string_value(value), json_string_length(value)});
    map->fields[map->n++] = (struct csv_map_field){.field = str_copy(mem, str_of(name)),
                                                   .column = is_constant ? STR("") : text,
                                                   .constant = is_constant ? text : STR(""),
                                                   .index = -1};
    return RC_OK;
}

static enum rc map_read(const json_t *doc, struct arena *mem, struct csv_map *map, struct err *err)
{
    json_t *fields = NULL, *constants = NULL, *value;
    const char *key;
    json_object_foreach(
        (json_t *)(uintptr_t)doc, key,
        value) if (strcmp(key, "delimiter") && strcmp(key, "decimal") && strcmp(key, "fields") &&
                   strcmp(
                       key,
                       "constant")) return err_set(err, RC_INVALID,
                                                   "/%s: not a key of a mapping (delimiter, decimal, fields, constant)",
                                                   key);
    TRY(sign_read(doc, "delimiter", ",;|\t", &map->delimiter, err));
    TRY(sign_read(doc, "decimal", ".,", &map->decimal, err));
    TRY(json_in_sub(doc, "", "fields", JSON_REQUIRED, &fields, err));
    TRY(json_in_sub(doc, "", "constant", JSON_OPTIONAL, &constants, err));
    size_t n = json_object_size(fields) + json_object_size(constants);
    if (n > CSV_MAP_FIELDS_MAX)
        return err_set(err, RC_TOO_LARGE, "the mapping has %zu fields, at most %d are read", n, CSV_MAP_FIELDS_MAX);
    map->fields = ARENA_NEW_N(mem, struct csv_map_field, n);
    json_object_foreach(fields, key, value) TRY(field_add(map, mem, key, value, false, err));
    json_object_foreach(constants, key, value) TRY(field_add(map, mem, key, value, true, err));
    return RC_OK;
}

enum rc csv_map_parse(struct str json, struct arena *mem, struct csv_map *out, struct err *err)
{
    json_t *doc;
    struct csv_map map = {.decimal = '.'};
    enum rc rc = json_in_object(json, CSV_MAP_BYTES_MAX, &doc, err);
    if (rc == RC_OK) {
        rc = map_read(doc, mem, &map, err);
        json_decref(doc);
    }
    if (rc != RC_OK)
        return err_add(err, "mapping: ");
    *out = map;
    return RC_OK;
}

enum rc csv_map_bind(struct csv_map *map, const struct csv *csv, struct err *err)
{
    for (size_t i = 0; i < map->n; i++) {
        struct csv_map_field *f = &map->fields[i];
        if (f->column.n == 0)
            continue;
        f->index = csv_column_find(csv, f->column);
        if (f->index < 0)
            return err_set(err, RC_INVALID,
                           "the file has no column '" STR_FMT "', which the mapping names for " STR_FMT,
                           STR_ARG(f->column), STR_ARG(f->field));
    }
    return RC_OK;
}

static const struct csv_map_field *field_find(const struct csv_map *map, const char *field)
{
    for (size_t i = 0; i < map->n; i++)
        if (str_is_equal(map->fields[i].field, str_of(field)))
            return &map->fields[i];
    return NULL;
}

bool csv_map_has(const struct csv_map *map, const char *field)
{
    return field_find(map, field) != NULL;
}

struct str csv_map_text(const struct csv_map *map, const struct csv_row *row, const char *field)
{
    const struct csv_map_field *f = field_find(map, field);
    if (!f)
        return STR("");
    if (f->column.n == 0)
        return f->constant;
    return f->index >= 0 && (size_t)f->index < row->n ? str_trim(row->fields[f->index]) : STR("");
}

bool csv_map_f64(const struct csv_map *map, const struct csv_row *row, const char *field, double *out)
{
    char z[64];
    struct str s = csv_map_text(map, row, field);
    if (map->decimal == '.' || s.n >= sizeof z)
        return str_parse_f64(s, out);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.')
            return false; /* a point is no decimal sign here, and thousands are not separated */
        z[i] = s.p[i] == ',' ? '.' : s.p[i];
    }
    return str_parse_f64((struct str){z, s.n}, out);
}
