/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * TileJSON 3.0.0 (github.com/mapbox/tilejson-spec).
 */
#include "tiles/tiles.h"
#include "wire/json_out.h"

static void write_layer(struct json_out *j, const struct tiles_layer *l)
{
    json_begin_object(j);
    json_put_str(j, "id", str_of(l->id));
    json_put_str_opt(j, "description", str_of(l->description));
    json_put_i64(j, "minzoom", 0);
    json_put_i64(j, "maxzoom", TILES_ZOOM_MAX);
    json_key(j, "fields");
    json_begin_object(j);
    for (size_t i = 0; i < l->fields_n; i++)
        json_put_str(j, l->fields[i].name, str_of(l->fields[i].type));
    json_end_object(j);
    json_end_object(j);
}

void tiles_json_write(const struct tiles_json *t, struct buf *out)
{
    static const double bounds[] = {-180, -MERCATOR_MAX_LAT_DEG, 180, MERCATOR_MAX_LAT_DEG};
    struct json_out j;
    json_out_init(&j, out);
    json_begin_object(&j);
    json_put_str(&j, "tilejson", STR("3.0.0"));
    json_put_str(&j, "name", str_of(t->name));
    json_put_str_opt(&j, "attribution", t->attribution);
    json_put_str(&j, "scheme", STR("xyz"));
    json_key(&j, "tiles");
    json_begin_array(&j);
    json_str(&j, t->url);
    json_end_array(&j);
    json_put_i64(&j, "minzoom", 0);
    json_put_i64(&j, "maxzoom", TILES_ZOOM_MAX);
    json_key(&j, "bounds");
    json_begin_array(&j);
    for (size_t i = 0; i < 4; i++)
        json_f64(&j, bounds[i], 6);
    json_end_array(&j);
    json_key(&j, "vector_layers");
    json_begin_array(&j);
    for (size_t i = 0; i < t->layers_n; i++)
        write_layer(&j, &t->layers[i]);
    json_end_array(&j);
    json_end_object(&j);
}

void tiles_metadata_write(struct str name, struct str attribution, struct buf *out)
{
    struct json_out j;
    json_out_init(&j, out);
    json_begin_object(&j);
    json_put_str(&j, "name", name);
    json_put_str(&j, "type", STR("overlay"));
    json_put_str_opt(&j, "attribution", attribution);
    json_key(&j, "vector_layers");
    json_begin_array(&j);
    write_layer(&j, tiles_sites_layer());
    json_end_array(&j);
    json_end_object(&j);
}

const struct tiles_layer *tiles_sites_layer(void)
{
    static const struct tiles_field fields[] = {
        {"count", "Number"},       {"religion", "String"},  {"id", "String"},      {"name", "String"},
        {"kind", "String"},        {"class", "String"},     {"coarse", "Boolean"}, {"synthetic", "Boolean"},
        {"unverified", "Boolean"}, {"disputed", "Boolean"}, {"name_ar", "String"}, {"name_en", "String"},
        {"name_es", "String"},     {"name_fr", "String"},   {"name_ru", "String"}, {"name_zh", "String"},
    };
    static const struct tiles_layer layer = {"sites", "Religious sites; clusters below zoom 14 carry their count.",
                                             fields, sizeof fields / sizeof *fields};
    return &layer;
}
