/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What the two readers of OpenStreetMap data (osm_pbf.h, osm_xml.h) hand out: nodes, ways and relations, and only those
 * somebody asked for: objects with a tag of the filter, and objects whose id stands in a list. No word here of what
 * the tags mean, and no geometry.
 * Sources: OpenStreetMap wiki "Elements", "OSM XML", "PBF Format" (fileformat.proto and osmformat.proto 1.3).
 */
#ifndef WIRE_OSM_H
#define WIRE_OSM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Caps on one object. The public database allows 2,000 nodes in a way and 32,000 members in a relation; other producers
 * write more. */
enum {
    OSM_TAGS_MAX = 5000,
    OSM_REFS_MAX = 1 << 18,
    OSM_MEMBERS_MAX = 1 << 18,
    OSM_FILTER_KEYS_MAX = 32,
    OSM_VALUE_PARTS_MAX = 16, /* parts of a value split at ';' that the filter looks at */
};

enum osm_kind { OSM_NODE, OSM_WAY, OSM_RELATION };
enum { OSM_KINDS = 3 };
#define OSM_BIT(kind) (1u << (kind))

/* Degrees times 10^7, as the public database keeps them. */
struct osm_coord {
    int32_t lat_e7, lon_e7;
};
#define OSM_NOWHERE ((struct osm_coord){INT32_MAX, INT32_MAX})
static inline bool osm_is_somewhere(struct osm_coord c)
{
    return c.lat_e7 != INT32_MAX;
}
/* OSM_NOWHERE outside [-90, 90] x [-180, 180]. */
struct osm_coord osm_coord_of_nano(int64_t lat_e9, int64_t lon_e9);

struct osm_tag {
    struct str key, value;
};
struct osm_member {
    int64_t ref;
    enum osm_kind kind;
    struct str role;
};

enum { OSM_BY_TAG = 1, OSM_BY_ID = 2 }; /* why an object is handed out; both may hold */

/* Everything is borrowed for the length of the call. */
struct osm_object {
    enum osm_kind kind;
    unsigned why;
    bool is_visible;            /* false: a deleted object, of a file with history or of a change */
    int64_t id;                 /* negative in files that were never uploaded */
    int64_t version;            /* 0 = not told */
    uint64_t seq;               /* grows through the file, also across blobs */
    int64_t line;               /* XML: line of the element; 0 */
    const struct osm_tag *tags; /* only with OSM_BY_TAG */
    size_t tags_n;
    struct osm_coord at;            /* nodes; OSM_NOWHERE when it has none */
    const int64_t *refs;            /* ways */
    const struct osm_coord *ref_at; /* as long as refs; NULL unless the file keeps places on ways */
    size_t refs_n;
    const struct osm_member *members; /* relations */
    size_t members_n;
};

/* Which objects pass: entries are "key" (any value) or "key=value" (a value is split at ';', each part trimmed and
 * compared exactly). Entries are borrowed for the filter's life. RC_INVALID: no entry, or one without a key;
 * RC_TOO_LARGE: over OSM_FILTER_KEYS_MAX different keys. */
struct osm_filter;
MUST_CHECK enum rc osm_filter_new(const struct str *entries, size_t n, struct osm_filter **out, struct err *err);
void osm_filter_free(struct osm_filter *f);
/* The same text as a key and as a value, one bit per key of the filter: a tag passes when key & value is not 0. */
struct osm_filter_mark {
    uint32_t key, value;
};
struct osm_filter_mark osm_filter_mark(const struct osm_filter *f, struct str text);
bool osm_filter_passes(const struct osm_filter *f, const struct osm_tag *tags, size_t n);

/* What a pass over the file wants: of each kind, objects that pass the filter and objects of the (sorted, distinct) ids. */
struct osm_want {
    unsigned kinds;                  /* OSM_BIT of the kinds to look at; others are skipped */
    const struct osm_filter *filter; /* NULL: by id only */
    const int64_t *ids[OSM_KINDS];
    size_t ids_n[OSM_KINDS];
    bool is_change; /* XML: the file must be an osmChange; else it must not. Every object is handed out then, */
    /* why 0 when neither its tags nor its id were asked for; without its tags, nodes and members then. */
};

/* What a pass saw of one kind. is_rising: each id above the one before it, so none stands twice. */
struct osm_seen {
    uint64_t n;
    int64_t first, last; /* in file order */
    int64_t least, most;
    bool is_rising;
};
/* Adds the next stretch of a file. */
void osm_seen_join(struct osm_seen *to, const struct osm_seen *next);

/* First position in the sorted ids whose id is not below `id`. */
size_t osm_ids_at(const int64_t *ids, size_t n, int64_t id);

/* Anything but RC_OK ends the pass and is passed on. */
typedef enum rc (*osm_object_fn)(void *ctx, const struct osm_object *o, struct err *err);

#endif
