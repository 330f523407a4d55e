/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Bringing the records of one source into the registry. A reader fills the sink; nothing of the store changes before
 * the reader has ended well; then the records are compared with what is stored and applied in batches.
 *
 *   begin -> sink (reader) -> finish:  release opened | batches: added, updated, gone | release closed
 *
 * Invariants:
 *   M1 a reader that fails leaves the store as it was, without a release row.
 *   M2 each batch is one transaction with one ledger entry (I1), opening and closing the release are one each.
 *   M3 killed between two batches, the release stays open; the same import run again goes on in it and completes.
 *   M4 a record is born with its visibility (I7), guarded when it looks like a guarded site (visibility.h, V3); a later
 *      import never shows more of it.
 *   M5 what the source no longer has is marked gone, never deleted, and comes back as the same site.
 *   M6 a change file (is_change) touches only what it lists; what it lists as gone is marked gone. A version of the source's
 *      own that is older than the stored one changes nothing, nor does one not newer than what was marked gone.
 *   M7 where a change file does not tell the place (keeps_place), the stored place stays; such records are counted.
 */
#ifndef SITES_IMPORT_H
#define SITES_IMPORT_H

#include "base/hash.h"
#include "people/policy.h"
#include "sites/areas.h"
#include "sites/draft.h"
#include "store/store.h"
#include "wire/json_out.h"

enum {
    IMPORT_SOURCE_MAX = 100, /* bytes of a source's name */
    IMPORT_TEXT_MAX = 500,   /* bytes of licence, attribution, label, external id */
    IMPORT_CLASSES_MAX = 32,
    IMPORT_BATCH_RECORDS = 16384,
    IMPORT_BATCH_BYTES = 24 << 20
};

enum import_phase { IMPORT_READING, IMPORT_APPLYING };
typedef void (*import_progress_fn)(void *ctx, enum import_phase phase, uint64_t done, uint64_t total);
/* A row that is not kept; line 0: not known. */
typedef void (*import_rejected_fn)(void *ctx, int64_t line, struct str external_id, const char *reason);

struct sites_import_options {
    struct str source;                    /* short name; one name is one source, whatever the file */
    struct str licence, attribution, url; /* empty: as stored before, else "unknown" */
    struct str label, format;             /* of this release: file name, "osm-pbf" */
    enum visibility visibility;           /* new records are born with it; is_guarded ones are HIDDEN */
    struct uuid actor;                    /* nil: the system */
    const char *temp_dir;                 /* NULL: $TMPDIR, else /tmp */
    size_t memory_max;                    /* of the staging; 0: 64 MB */
    bool dry_run;                         /* compare and count, change nothing */
    bool is_change;                       /* the records are changes to a source that must be there */
    const struct areas *areas;            /* NULL: loaded by begin */
    import_progress_fn progress;          /* NULL ok */
    import_rejected_fn rejected;          /* NULL ok */
    void *ctx;
};

struct import_class {
    char code[40];
    int64_t n;
};
struct sites_import_report {
    int64_t read, sites, added, updated, unchanged, gone, rejected;
    int64_t resumed;  /* blobs of the map that an interrupted run had read */
    int64_t unplaced; /* of sites, in a change: the file does not tell all of their outline */
    bool is_change;
    double seconds;
    struct import_class by_class[IMPORT_CLASSES_MAX];
    size_t classes_n;
    struct uuid release; /* nil in a dry run */
};

struct sites_import;
MUST_CHECK enum rc sites_import_begin(struct store *st, const struct sites_import_options *opt,
                                      struct sites_import **out, struct err *err);
/* One thread at a time may call it. */
struct site_sink *sites_import_sink(struct sites_import *im);
/* Facts that the reader learns on its way: the digest of the file, what the file says of its source (used where the
 * options are empty). Before finish. */
void sites_import_set_digest(struct sites_import *im, struct sha256 digest);
void sites_import_set_resumed(struct sites_import *im, int64_t blobs);
void sites_import_set_source(struct sites_import *im, struct str licence, struct str attribution, struct str url);
/* Errors: RC_CONFLICT when another import of the source began meanwhile. */
MUST_CHECK enum rc sites_import_finish(struct sites_import *im, struct sites_import_report *out, struct err *err);
void sites_import_free(struct sites_import *im); /* without finish: nothing has happened */

/* {"read","sites","added","updated","unchanged","gone","rejected","seconds","by_class":{}}; of a change "unplaced" too,
 * after an interruption "resumed" */
void sites_import_report_json(struct json_out *j, const struct sites_import_report *r);

/* The whole way for one file, "-" is standard input (laid aside in a temporary file first). What it is, is found by its
 * content when format is NULL: osm-pbf, osm-xml, osm-change, geojson, json, csv. source empty: what a map names, else
 * the file's name without its endings. map: path of a MAP.json, or NULL. */
struct sites_file_options {
    const char *format, *map;
    size_t threads;          /* that decode OSM; 0: as many as there are processors */
    const char *journal_dir; /* OSM PBF: where the reading is noted down, so that the same import run again after
                                         * an interruption goes on where it stopped (osm_journal.h). Made when it is missing;
                                         * empty again after the import. NULL, or a dry run: not noted */
    uint64_t journal_least;  /* bytes of a file that is worth it; 0: 32 MB */
    struct sites_import_options import; /* label and format are filled in here */
};
MUST_CHECK enum rc sites_import_file(struct store *st, const char *path, const struct sites_file_options *opt,
                                     struct sites_import_report *out, struct err *err);

#endif
