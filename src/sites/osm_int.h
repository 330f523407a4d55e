/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Private to the OSM reader: what the passes keep (osm_found.c), and the place made of it (osm_place.c).
 */
#ifndef SITES_OSM_INT_H
#define SITES_OSM_INT_H

#include "geo/polygon.h"
#include "sites/osm_rules.h"
#include "sites/osm_source.h"
#include "sites/osm_tags.h"

enum osm_role { OSM_ROLE_OTHER, OSM_ROLE_RING, OSM_ROLE_OUTLINE };
struct osm_part { /* member of a relation */
    int64_t ref;
    uint8_t kind, role;
};

enum osm_form { OSM_FORM_POINT, OSM_FORM_LINE, OSM_FORM_AREA, OSM_FORM_BUILDING, OSM_FORM_GROUP };

/* An object that passes the first filter. One allocation each, in the arena of the worker that met it. */
struct osm_found {
    int64_t id, version, line;
    uint64_t seq;
    uint8_t kind, form;
    bool is_visible;
    struct osm_verdict verdict;
    const struct osm_tag *tags; /* the kept ones */
    size_t tags_n;
    struct osm_coord at;
    const int64_t *refs;
    const struct osm_coord *ref_at;
    size_t refs_n;
    const struct osm_part *parts;
    size_t parts_n;
};

/* A way that a relation needs, or a relation in a relation. */
struct osm_line {
    int64_t id, version;
    uint64_t seq;
    bool is_visible;
    const int64_t *refs;
    const struct osm_coord *ref_at;
    size_t refs_n;
    const struct osm_part *parts;
    size_t parts_n;
};

/* Where a needed node is. The highest (version, seq) counts. */
struct osm_spot {
    struct osm_coord at;
    int32_t version;
    uint64_t seq; /* 0 = not seen */
};

struct osm_ids {
    int64_t *v;
    size_t n, size;
};
struct osm_lines {
    struct osm_line *v; /* sorted by id once complete */
    size_t n, size;
};

/* What one worker collects. */
struct osm_catch {
    struct osm_job *job;
    struct arena mem;
    struct osm_found **found;
    size_t found_n, found_size;
    struct osm_lines lines, groups; /* ways; relations */
};

/* The latest of an object that may stand more than once. */
struct osm_latest {
    int64_t id, version;
    uint64_t seq;
    int64_t line;
    struct osm_coord at; /* nodes of a change */
};
struct osm_latest_list {
    struct osm_latest *v;
    size_t n, size;
};

struct osm_job {
    const struct osm_rules *rules;
    struct osm_source *source;
    size_t threads;
    struct osm_catch *catches;
    struct osm_found **found; /* all, by kind, id, version, seq */
    size_t found_n;
    struct osm_lines ways, groups;
    struct osm_ids node_ids;
    struct osm_spot *spots;                   /* as node_ids */
    struct osm_latest_list latest[OSM_KINDS]; /* only of kinds where an id may stand twice; of a change, all objects */
    bool is_change;
    struct osm_kept *kept;
};

/* Runs all passes. On failure the job holds nothing that matters but must still be ended. */
MUST_CHECK enum rc osm_job_collect(struct osm_job *job, struct err *err);
void osm_job_drop(struct osm_job *job); /* what was collected */

/* Of a worker's objects. RC_TOO_LARGE over OSM_KEPT_MAX. */
MUST_CHECK enum rc osm_keep(struct osm_catch *c, size_t bytes, struct err *err);
MUST_CHECK enum rc osm_found_keep(struct osm_catch *c, const struct osm_object *o, struct err *err);
MUST_CHECK enum rc osm_job_pass(struct osm_job *job, enum osm_kind kind, const struct osm_want *want, osm_object_fn fn,
                                struct osm_seen *seen, bool *redo, struct err *err);

/* osm_change.c: one pass that finds the sites of a change and lists all its objects in job->latest. */
MUST_CHECK enum rc osm_change_collect(struct osm_job *job, struct err *err);
/* Fills job->spots. */
void osm_change_spots(struct osm_job *job);
/* Whether every node of it is known. */
bool osm_place_is_whole(const struct osm_job *job, const struct osm_found *f);
/* Tells the sink of every listed object that is no site. */
MUST_CHECK enum rc osm_change_gone(const struct osm_job *job, const struct site_sink *sink, struct err *err);

struct str osm_external_id(enum osm_kind kind, int64_t id, struct arena *mem);
const struct osm_line *osm_line_at(const struct osm_lines *lines, int64_t id);
struct osm_coord osm_spot_at(const struct osm_job *job, int64_t node);
/* The version that counts, when it is not this object; else NULL. */
const struct osm_latest *osm_later_than(const struct osm_job *job, const struct osm_found *f);

struct osm_place {
    bool has_place;
    struct geo_point at;
    double precision_m;
    struct str wkb;
    struct str note; /* "" or what is missing */
};
/* Never fails: what cannot be built falls back to less, with an honest precision. */
void osm_place_make(const struct osm_job *job, const struct osm_found *f, struct geo_geos *g, struct arena *mem,
                    struct osm_place *out);

#endif
