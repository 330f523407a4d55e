/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * MAP.json: parsing, and the columns it names found in a file. What a map may say stands in mapped.h.
 */
#include "sites/mapped_int.h"

#include "wire/json_in.h"

static const struct {
    const char *name;
    enum field field;
} NAMES[] = {{"id", FIELD_ID},
             {"name", FIELD_NAME},
             {"name:*", FIELD_NAMES_BY_PREFIX},
             {"name_local", FIELD_NAME_LOCAL},
             {"name_local_lang", FIELD_NAME_LOCAL_LANG},
             {"names", FIELD_NAMES},
             {"lat", FIELD_LAT},
             {"lon", FIELD_LON},
             {"wkt", FIELD_WKT},
             {"footprint", FIELD_FOOTPRINT},
             {"class", FIELD_CLASS},
             {"kind", FIELD_KIND},
             {"religion", FIELD_RELIGION},
             {"denomination", FIELD_DENOMINATION},
             {"country", FIELD_COUNTRY},
             {"disputed", FIELD_DISPUTED},
             {"precision_m", FIELD_PRECISION},
             {"wikidata", FIELD_WIKIDATA},
             {"heritage", FIELD_HERITAGE},
             {"unesco", FIELD_UNESCO},
             {"whs_year", FIELD_WHS_YEAR},
             {"start_date", FIELD_START_DATE},
             {"status", FIELD_STATUS},
             {"source_text", FIELD_SOURCE_TEXT},
             {"source_read", FIELD_SOURCE_READ},
             {"unverified", FIELD_UNVERIFIED},
             {"synthetic", FIELD_SYNTHETIC},
             {"note", FIELD_NOTE},
             {"tags", FIELD_TAGS}};

enum { LANG_MAX = 35 }; /* RFC 5646, section 4.4.1 */

/* "name:ar" is FIELD_NAME with a language; "id#2" (known shapes only) is another column to try for the same field. */
static bool field_of(struct str key, enum field *out, struct str *lang)
{
    struct str name, again;
    str_cut(key, '#', &name, &again);
    *lang = STR_NONE;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (str_is_equal(name, str_of(NAMES[i].name))) {
            *out = NAMES[i].field;
            return true;
        }
    if (!str_starts_with(name, STR("name:")) || name.n == 5 || name.n > 5 + LANG_MAX)
        return false;
    *out = FIELD_NAME;
    *lang = str_slice(name, 5, name.n);
    return true;
}

static enum rc field_new(struct mapped_map *map, const char *at, struct str key, struct mapped_field **out,
                         struct err *err)
{
    struct mapped_field f = {0};
    struct str lang;
    if (!field_of(key, &f.field, &lang))
        return err_set(err, RC_INVALID,
                       "the map's /%s/" STR_FMT " is no field of a site; fields are: id, name, name:LANG, "
                       "lat, lon, wkt, class, kind, religion, denomination, country, precision_m, wikidata, tags ...",
                       at, STR_ARG(str_clip(key, 60)));
    if (map->n == MAPPED_FIELDS_MAX)
        return err_set(err, RC_TOO_LARGE, "the map has more than %d fields", MAPPED_FIELDS_MAX);
    f.lang = lang;
    map->fields[map->n] = f;
    *out = &map->fields[map->n++];
    return RC_OK;
}

static enum rc columns_parse(const char *key, const json_t *v, struct arena *mem, struct mapped_field *f,
                             struct err *err)
{
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    if (n == 0 || n > MAPPED_COLUMNS_OF_FIELD_MAX)
        return err_set(err, RC_INVALID, "the map's /fields/%.60s needs 1 to %d columns", key,
                       MAPPED_COLUMNS_OF_FIELD_MAX);
    for (size_t i = 0; i < n; i++) {
        const json_t *c = json_is_array(v) ? json_array_get(v, i) : v;
        if (!json_is_string(c) || json_string_length(c) == 0)
            return err_set(err, RC_INVALID, "the map's /fields/%.60s is not the name of a column", key);
        f->columns[i] = str_copy(mem, str_of(json_string_value(c)));
    }
    f->columns_n = n;
    return RC_OK;
}

static enum rc constant_parse(const char *key, const json_t *v, struct arena *mem, struct mapped_field *f,
                              struct err *err)
{
    if (json_is_string(v))
        f->constant = str_copy(mem, str_of(json_string_value(v)));
    else if (json_is_integer(v))
        f->constant = str_printf(mem, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        f->constant = str_printf(mem, "%.17g", json_real_value(v));
    else if (json_is_boolean(v))
        f->constant = json_is_true(v) ? STR("yes") : STR("no");
    else
        return err_set(err, RC_INVALID, "the map's /constant/%.60s is not a text, number or truth value", key);
    return RC_OK;
}

static enum rc fields_parse(const json_t *doc, struct arena *mem, struct mapped_map *map, struct err *err)
{
    const char *key;
    json_t *v, *fields = NULL, *constant = NULL;
    TRY(json_in_sub(doc, "", "fields", JSON_REQUIRED, &fields, err));
    TRY(json_in_sub(doc, "", "constant", JSON_OPTIONAL, &constant, err));
    map->fields = ARENA_NEW_N(mem, struct mapped_field, MAPPED_FIELDS_MAX);
    json_object_foreach(fields, key, v)
    {
        struct mapped_field *f;
        TRY(field_new(map, "fields", str_copy(mem, str_of(key)), &f, err));
        TRY(columns_parse(key, v, mem, f, err));
    }
    json_object_foreach(constant, key, v)
    {
        struct mapped_field *f;
        TRY(field_new(map, "constant", str_copy(mem, str_of(key)), &f, err));
        TRY(constant_parse(key, v, mem, f, err));
    }
    return RC_OK;
}

static enum rc visibility_parse(struct str s, struct mapped_source *out, struct err *err)
{
    static const char *const WORDS[] = {"public", "coarse", "hidden"};
    if (str_is_empty(s))
        return RC_OK;
    for (int i = 0; i < 3; i++)
        if (str_is_equal(s, str_of(WORDS[i]))) {
            out->has_visibility = true;
            out->visibility = (enum visibility)i;
            return RC_OK;
        }
    return err_set(err, RC_INVALID, "the map's /source/visibility is not public, coarse or hidden");
}

static enum rc source_parse(const json_t *doc, struct arena *mem, struct mapped_source *out, struct err *err)
{
    json_t *s = NULL;
    TRY(json_in_sub(doc, "", "source", JSON_OPTIONAL, &s, err));
    if (!s)
        return RC_OK;
    struct str visibility = STR_NONE;
    TRY(json_in_str(s, "/source", "name", JSON_OPTIONAL, 100, &out->name, err));
    TRY(json_in_str(s, "/source", "licence", JSON_OPTIONAL, 500, &out->licence, err));
    TRY(json_in_str(s, "/source", "attribution", JSON_OPTIONAL, 500, &out->attribution, err));
    TRY(json_in_str(s, "/source", "url", JSON_OPTIONAL, 500, &out->url, err));
    TRY(json_in_str(s, "/source", "visibility", JSON_OPTIONAL, 20, &visibility, err));
    out->name = str_copy(mem, out->name);
    out->licence = str_copy(mem, out->licence);
    out->attribution = str_copy(mem, out->attribution);
    out->url = str_copy(mem, out->url);
    return visibility_parse(visibility, out, err);
}

static enum rc signs_parse(const json_t *doc, struct mapped_map *map, struct err *err)
{
    struct str delimiter = STR_NONE, decimal = STR(".");
    TRY(json_in_str(doc, "", "delimiter", JSON_OPTIONAL, 4, &delimiter, err));
    TRY(json_in_str(doc, "", "decimal", JSON_OPTIONAL, 4, &decimal, err));
    if (str_is_equal(delimiter, STR("\\t")) || str_is_equal(delimiter, STR("tab")))
        delimiter = STR("\t");
    if (delimiter.n > 1 || (delimiter.n == 1 && !str_contains(STR(",;\t|"), delimiter)))
        return err_set(err, RC_INVALID, "the map's /delimiter is not one of , ; | or a tab");
    if (!str_is_equal(decimal, STR(".")) && !str_is_equal(decimal, STR(",")))
        return err_set(err, RC_INVALID, "the map's /decimal is not . or ,");
    map->delimiter = delimiter.n ? delimiter.p[0] : 0;
    map->decimal = decimal.p[0];
    return RC_OK;
}

bool mapped_map_has(const struct mapped_map *map, enum field field)
{
    for (size_t i = 0; i < map->n; i++)
        if (map->fields[i].field == field)
            return true;
    return false;
}

static enum rc whole(const struct mapped_map *map, struct err *err)
{
    if (!mapped_map_has(map, FIELD_ID))
        return err_set(err, RC_INVALID,
                       "the map has no /fields/id: which column names a record from edition to edition?");
    if (!mapped_map_has(map, FIELD_CLASS) && !mapped_map_has(map, FIELD_KIND) && !mapped_map_has(map, FIELD_TAGS))
        return err_set(err, RC_INVALID,
                       "the map does not say what the rows are: name a column of class, kind or tags, or "
                       "write \"constant\": {\"class\": \"place_of_worship\"}");
    if (mapped_map_has(map, FIELD_LAT) != mapped_map_has(map, FIELD_LON))
        return err_set(err, RC_INVALID, "the map names only one of lat and lon");
    return RC_OK;
}

enum rc mapped_map_parse(struct str json, struct arena *mem, struct mapped_map *out, struct err *err)
{
    json_t *doc;
    struct mapped_map map = {0};
    enum rc rc = json_in_object(json, MAPPED_MAP_BYTES_MAX, &doc, err);
    if (rc != RC_OK) {
        err_add(err, "the map");
        return rc;
    }
    rc = signs_parse(doc, &map, err);
    if (rc == RC_OK)
        rc = source_parse(doc, mem, &map.source, err);
    if (rc == RC_OK)
        rc = json_in_str(doc, "", "unnamed_prefix", JSON_OPTIONAL, 100, &map.unnamed_prefix, err);
    map.unnamed_prefix = str_copy(mem, map.unnamed_prefix);
    if (rc == RC_OK)
        rc = fields_parse(doc, mem, &map, err);
    json_decref(doc);
    if (rc == RC_OK)
        rc = whole(&map, err);
    if (rc == RC_OK)
        *out = map;
    return rc;
}

static enum rc prefix_bind(struct mapped_map *map, const struct csv *csv, struct arena *mem, struct err *err)
{
    for (size_t i = 0; i < csv_columns(csv); i++) {
        struct str name = csv_column_name(csv, i);
        if (!str_starts_with(name, STR("name:")) || name.n == 5)
            continue;
        struct mapped_field *f;
        TRY(field_new(map, "fields", str_copy(mem, name), &f, err));
        f->columns[0] = str_copy(mem, name);
        f->columns_n = 1;
        f->index[0] = (int)i;
    }
    return RC_OK;
}

enum rc mapped_map_bind(struct mapped_map *map, const struct csv *csv, struct arena *mem, struct err *err)
{
    size_t n = map->n;
    for (size_t i = 0; i < n; i++) {
        struct mapped_field *f = &map->fields[i];
        if (f->field == FIELD_NAMES_BY_PREFIX) {
            TRY(prefix_bind(map, csv, mem, err));
            continue;
        }
        for (size_t k = 0; k < f->columns_n; k++) {
            f->index[k] = csv_column_find(csv, f->columns[k]);
            if (f->index[k] < 0 && !map->is_known)
                return err_set(err, RC_INVALID, "the map names a column \"" STR_FMT "\" that the file does not have",
                               STR_ARG(str_clip(f->columns[k], 100)));
        }
    }
    return RC_OK;
}
