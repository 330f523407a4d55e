/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Shapes of files that are recognised without a MAP.json: our own exports and seed, OpenStreetMap exports as GeoJSON
 * (osmium, Overpass, osmtogeojson), and a few public data sets, each by columns that only it has. The maps are written
 * in the language of MAP.json; "id#2" is what is tried when "id" is empty.
 */
#include "sites/mapped_int.h"

#define ODBL                                                                                                           \
    "\"licence\":\"ODbL-1.0\",\"attribution\":\"© OpenStreetMap contributors\","                                      \
    "\"url\":\"https://www.openstreetmap.org/copyright\""

struct known {
    enum mapped_format format;
    const char *columns[8]; /* all of them must be there */
    bool is_exact;          /* and no others */
    const char *map;
};

static const struct known KNOWN[] = {
    /* our own exports */
    {MAPPED_CSV,
     {"id", "code", "class", "kind", "visibility", "is_coarse"},
     false,
     "{\"fields\":{\"id\":\"id\",\"name\":\"name\",\"name:*\":\"name:*\",\"lat\":\"lat\",\"lon\":\"lon\",\"class\":"
     "\"class\","
     "\"kind\":\"kind\",\"religion\":\"religion\",\"denomination\":\"denomination\",\"country\":\"country\","
     "\"disputed\":\"disputed\",\"precision_m\":\"precision_m\",\"wikidata\":\"wikidata\",\"heritage\":\"heritage\","
     "\"unesco\":\"unesco\",\"whs_year\":\"whs_year\",\"start_date\":\"start_date\",\"status\":\"status\",\"unverified\":\"unverified\","
     "\"synthetic\":\"synthetic\",\"note\":\"note\"}}"},
    {MAPPED_GEOJSON,
     {"id", "code", "class", "kind", "names", "coarse"},
     false,
     "{\"fields\":{\"id\":\"id\",\"name\":\"name\",\"names\":\"names\",\"class\":\"class\",\"kind\":\"kind\","
     "\"religion\":\"religion\",\"denomination\":\"denomination\",\"country\":\"country\",\"disputed\":\"disputed\","
     "\"precision_m\":\"precision_m\",\"wikidata\":\"wikidata\",\"heritage\":\"heritage\",\"unesco\":\"unesco\","
     "\"whs_year\":\"whs_year\",\"start_date\":\"start_date\",\"status\":\"status\",\"unverified\":\"unverified\",\"synthetic\":\"synthetic\","
     "\"note\":\"note\",\"footprint\":\"footprint\"}}"},
    /* data/seed/sites.csv */
    {MAPPED_CSV,
     {"id", "name_en", "name_local", "lang_local", "precision_m", "source_read", "whs_year"},
     false,
     "{\"source\":{\"name\":\"fane-seed\",\"licence\":\"CC0-1.0\",\"attribution\":\"Fane seed data\"},"
     "\"fields\":{\"id\":\"id\",\"name:en\":\"name_en\",\"name_local\":\"name_local\",\"name_local_lang\":\"lang_"
     "local\","
     "\"religion\":\"religion\",\"denomination\":\"denomination\",\"kind\":\"kind\",\"country\":\"country\","
     "\"disputed\":\"disputed\",\"lat\":\"lat\",\"lon\":\"lon\",\"precision_m\":\"precision_m\",\"whs_year\":\"whs_year\","
     "\"start_date\":\"start_date\","
     "\"wikidata\":\"wikidata\",\"source_text\":\"source\",\"source_read\":\"source_read\",\"note\":\"note\"}}"},
    /* places of worship of Great Britain by area and faith, from OpenStreetMap */
    {MAPPED_CSV,
     {"area_code", "area_name", "faith", "osm_type", "osm_id", "source_tier"},
     false,
     "{\"source\":{\"name\":\"uk-osm\"," ODBL "},\"fields\":{\"id\":[\"osm_type\",\"osm_id\"],\"name\":\"name\","
     "\"religion\":\"faith\",\"denomination\":\"denomination\",\"lat\":\"lat\",\"lon\":\"lon\"},"
     "\"constant\":{\"class\":\"place_of_worship\",\"country\":\"GB\"}}"},
    /* a query of Wikidata for cemeteries */
    {MAPPED_CSV,
     {"cemetery", "cemeteryLabel", "location"},
     false,
     "{\"source\":{\"name\":\"wikidata-cemeteries\",\"licence\":\"CC0-1.0\",\"attribution\":\"Wikidata\",\"url\":"
     "\"https://www.wikidata.org/"
     "\"},\"fields\":{\"id\":\"cemetery\",\"wikidata\":\"cemetery\",\"name\":\"cemeteryLabel\","
     "\"wkt\":\"location\"},\"constant\":{\"class\":\"cemetery\",\"kind\":\"CEM\"}}"},
    /* a list of OpenStreetMap objects of New Zealand with their tags */
    {MAPPED_JSON,
     {"osm_id", "osm_type", "lat", "lng", "tags_raw", "confidence"},
     false,
     "{\"source\":{\"name\":\"nz-osm\"," ODBL "},\"unnamed_prefix\":\"Place of Worship "
     "\",\"fields\":{\"id\":[\"osm_type\",\"osm_id\"],\"name\":\"name\",\"lat\":\"lat\","
     "\"lon\":\"lng\",\"country\":\"country_code\",\"religion\":\"religion\",\"denomination\":\"denomination\","
     "\"tags\":\"tags_raw\"}}"},
    /* cemeteries of New York City, from OpenStreetMap */
    {MAPPED_GEOJSON,
     {"name", "borough", "religion", "wikidata"},
     true,
     "{\"source\":{\"name\":\"nyc-cemeteries\"," ODBL "},\"fields\":{\"id\":[\"borough\",\"name\"],\"name\":\"name\","
     "\"religion\":\"religion\",\"wikidata\":\"wikidata\"},\"constant\":{\"class\":\"cemetery\",\"kind\":\"CEM\"}}"},
};

/* Any other GeoJSON: its properties are taken for OpenStreetMap tags. */
#define OSM_GEOJSON                                                                                                    \
    "{\"fields\":{\"id\":[\"@type\",\"@id\"],\"id#2\":\"@id\",\"id#3\":\"$id\",\"id#4\":[\"osm_type\",\"osm_id\"],"    \
    "\"id#5\":\"osm_id\",\"id#6\":\"id\",\"tags\":\"$\"}}"

enum { COLUMNS = sizeof KNOWN[0].columns / sizeof KNOWN[0].columns[0] };

static size_t columns_of(const struct known *k)
{
    size_t n = 0;
    while (n < COLUMNS && k->columns[n])
        n++;
    return n;
}

struct str mapped_known_csv(const struct csv *csv)
{
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        size_t n = columns_of(&KNOWN[i]), found = 0;
        for (size_t k = 0; k < n; k++)
            found += csv_column_find(csv, str_of(KNOWN[i].columns[k])) >= 0;
        if (KNOWN[i].format == MAPPED_CSV && found == n)
            return str_of(KNOWN[i].map);
    }
    return STR_NONE;
}

struct str mapped_known_item(const json_t *item, enum mapped_format format)
{
    const json_t *record = format == MAPPED_GEOJSON ? json_object_get(item, "properties") : item;
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        size_t n = columns_of(&KNOWN[i]), found = 0;
        for (size_t k = 0; k < n; k++)
            found += json_object_get(record, KNOWN[i].columns[k]) != NULL;
        if (KNOWN[i].format == format && found == n && (!KNOWN[i].is_exact || json_object_size(record) == n))
            return str_of(KNOWN[i].map);
    }
    return format == MAPPED_GEOJSON ? STR(OSM_GEOJSON) : STR_NONE;
}
