/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Incidents: what is believed to have happened to a site or its people, and context events (conflict near sites, not
 * aimed at one), kept apart. Their codes are those of data/vocab. What somebody sent is a report (reports.h); what the
 * machine found in many incidents is a cluster (watch).
 *
 * Invariants:
 *   N1 an import changes the store only after its whole source was read without error; it goes in by batches, each one
 *      transaction with its ledger entry (I1), and can be run again after a kill: unchanged records are left alone.
 *   N2 the public sees verification V3 and V4 only, at the coarse place; filters of the public work on that coarse place
 *      too, so that asking in ever smaller boxes tells nothing more.
 *   N3 an unknown number of killed or injured is -1, never 0.
 */
#ifndef INCIDENTS_INCIDENTS_H
#define INCIDENTS_INCIDENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/id.h"
#include "geo/geo.h"
#include "people/policy.h"
#include "store/store.h"
#include "wire/json_out.h"

enum { INCIDENTS_STAGED_MAX = 2000000, INCIDENT_TEXT_MAX = 2000, INCIDENT_RAW_MAX = 4000, INCIDENT_LINKS_MAX = 8 };

struct incident_link {
    struct uuid site;
    struct uuid site_public_id;
    double score;         /* 0..1 */
    struct str reasons;   /* JSON array of short texts */
    struct str site_name; /* filled by readers that join; empty in the store */
};

struct incident {
    struct uuid id, public_id;
    uint64_t code;
    struct str source;      /* name of the source ("ucdp-ged", "seed") */
    struct str external_id; /* the source's own id */
    bool is_context;
    struct str context_kind;               /* "state-based", "non-state", "one-sided"; empty for incidents */
    struct str title;                      /* neutral words */
    struct str type, method, target, bias; /* codes of data/vocab; method, target, bias may be empty */
    int severity;                          /* 0..5, -1 not judged */
    struct str verification;               /* V0..V4, XD, XF, XH, XM, XO, XR */
    int64_t start_day, end_day;            /* days since 1970-01-01, UTC */
    struct str date_precision;             /* code of data/vocab/date-precision.json */
    bool has_place;
    double lat_deg, lon_deg;
    struct str precision; /* L0..L5 */
    double radius_m;      /* how far off the place may be */
    struct str country;   /* alpha-2, or empty */
    bool is_disputed;
    bool
        is_of_hidden; /* read from the store: linked to a site that the public may not know of; then it is not public, either */
    struct str place;        /* words */
    int64_t killed, injured; /* N3 */
    struct str source_text;  /* the work that states it */
    bool source_read, is_unverified, is_synthetic;
    struct str raw;      /* JSON of the source's own codes (UCDP where_prec, date_prec ...), or empty */
    struct str site_key; /* import only: the source names the site by its external id */
    struct incident_link links[INCIDENT_LINKS_MAX];
    size_t links_n;
    int64_t line;
};

/* 0..4 for V0..V4, -1 for side states and anything else; what the policy is asked with. */
int incident_verification_rank(struct str verification);
struct policy_object incident_policy_object(const struct incident *in);
/* The place as a viewer may have it: true and the point, coarse when the policy says so; false without a place. */
bool incident_place(const struct incident *in, enum view view, double *lat_deg, double *lon_deg);
struct sha256 incident_digest(const struct incident *in);

/* ---- import ---- */

/* Flow fills these in: what lies outside this room. Called in the thread of the import, before anything is written. */
struct incident_helpers {
    void *ctx;
    /* Sets country (when empty) and is_disputed by polygon. */
    void (*locate)(void *ctx, struct incident *in, struct arena *mem);
    /* Fills links; not called for context events. */
    enum rc (*link)(void *ctx, struct incident *in, struct arena *mem, struct err *err);
    void (*progress)(void *ctx, int64_t done, int64_t total);
};

enum incident_format { INCIDENT_UCDP_GED, INCIDENT_CSV };
struct incident_import_options {
    enum incident_format format;
    struct str map_json; /* INCIDENT_CSV: the mapping, required */
    struct str source;   /* empty: "ucdp-ged", or "csv" */
    struct str licence;
    bool is_context, dry_run;
    struct uuid actor;
    void (*reject)(void *ctx, int64_t line, struct str external_id, const char *reason); /* each refused row (I6) */
    void *reject_ctx;
};
struct incident_import_report {
    int64_t read, incidents, added, updated, unchanged, rejected, linked;
};
/* path "-" is standard input. */
MUST_CHECK enum rc incidents_import_file(struct store *st, const char *path, const struct incident_import_options *opt,
                                         const struct incident_helpers *helpers, struct incident_import_report *out,
                                         struct err *err);
/* The seed, from data/seed/incidents.csv of the binary. */
MUST_CHECK enum rc incidents_import_seed(struct store *st, struct str csv, const struct incident_import_options *opt,
                                         const struct incident_helpers *helpers, struct incident_import_report *out,
                                         struct err *err);

/* ---- reading ---- */

struct incident_filter {
    bool has_box;
    struct geo_box box;
    int64_t from_day, to_day; /* inclusive; 0 and 0: any */
    struct str type;          /* empty: any */
    bool context;             /* context events instead of incidents */
    bool only_verified;       /* V3 and above, whoever asks */
};
struct incident_page {
    struct incident *items;
    size_t n;
    int64_t matched;
    struct str next; /* cursor, empty at the end */
};
enum { INCIDENTS_PAGE_MAX = 500 };
/* The least radius said of a coarse place: half the diagonal of a grid cell of POLICY_COARSE_ZOOM at the equator. */
#define INCIDENT_COARSE_RADIUS_M 14000.0
/* Newest first. Items come with their links. Everything through the policy of `viewer`: the place of an item that may
 * only be seen coarse is already coarse. RC_INVALID: a cursor that is not ours. */
MUST_CHECK enum rc incidents_list(struct store_tx *tx, const struct viewer *viewer,
                                  const struct incident_filter *filter, struct str cursor, size_t limit,
                                  struct arena *mem, struct incident_page *out, struct err *err);
/* By public id. RC_NOT_FOUND also when the viewer may not know of it. */
MUST_CHECK enum rc incidents_find(struct store_tx *tx, const struct viewer *viewer, struct uuid public_id,
                                  struct arena *mem, struct incident *out, struct err *err);
/* Those linked to a site, newest first, at most limit. */
MUST_CHECK enum rc incidents_of_site(struct store_tx *tx, const struct viewer *viewer, struct uuid site, size_t limit,
                                     struct arena *mem, struct incident **out, size_t *n, struct err *err);
/* Every one with a place, in order of day then id, for the watch and for tiles; the item is borrowed for the call.
 * `mem` is reset between items. Through the policy as above. */
typedef enum rc (*incident_fn)(void *ctx, const struct incident *in, struct err *err);
MUST_CHECK enum rc incidents_each(struct store_tx *tx, const struct viewer *viewer,
                                  const struct incident_filter *filter, incident_fn fn, void *ctx, struct err *err);
MUST_CHECK enum rc incidents_count(struct store_tx *tx, bool context, int64_t *out, struct err *err);

/* One incident as the API shows it; the place as incidents_list left it. */
void incident_json(struct json_out *j, const struct incident *in, enum view view);

/* ---- export ---- */
enum incident_export_format { INCIDENT_EXPORT_GEOJSON, INCIDENT_EXPORT_CSV };
struct incident_export_report {
    int64_t rows;
    struct sha256 digest;
};
typedef enum rc (*incident_write_fn)(void *ctx, struct str bytes, struct err *err);
MUST_CHECK enum rc incidents_export(struct store *st, const struct viewer *viewer, const struct incident_filter *filter,
                                    enum incident_export_format format, incident_write_fn write, void *ctx,
                                    struct incident_export_report *out, struct err *err);
/* A GeoPackage at path, which must not be there yet, synced to disk. digest: of the file. */
MUST_CHECK enum rc incidents_export_gpkg(struct store *st, const struct viewer *viewer,
                                         const struct incident_filter *filter, const char *path,
                                         struct incident_export_report *out, struct err *err);

#endif
