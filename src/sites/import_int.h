/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside the import: a batch, and the SQL that reads what is stored and applies it (import_store.c).
 */
#ifndef SITES_IMPORT_INT_H
#define SITES_IMPORT_INT_H

#include "ledger/ledger.h"
#include "sites/import.h"
#include "sites/import_record.h"
#include "sites/import_spool.h"
#include "sites/visibility.h"

enum import_act { IMPORT_SAME, IMPORT_ADD, IMPORT_UPDATE, IMPORT_GONE };

struct import_place {
    bool has_place;
    double lat_deg, lon_deg, precision_m;
    struct str footprint;
};

/* One record of the file, of the store, or of both. */
struct import_item {
    struct str key;
    struct str bytes; /* of the file; empty with IMPORT_GONE */
    bool is_in_file, is_stored, is_gone_before;
    bool keeps_place; /* its place is the stored one, when it is stored */
    struct import_place stored_place;
    bool is_version_new;             /* and not the stored one */
    int64_t version, stored_version; /* the source's own; 0 = not told */
    struct sha256 digest, stored_digest;
    struct uuid site, public_id;
    enum import_act act;
    struct record_rows rows;    /* added and updated ones */
    enum visibility visibility; /* added ones: what it is born with */
    int64_t coarse_m;
    bool is_like; /* born so because it looks like a guarded site */
    struct guard_hit like;
};

struct release_row {
    struct uuid id, source;
    struct str label, format, state;
    struct sha256 digest;
    struct instant started, finished; /* finished.us 0: NULL */
    int64_t read, sites, added, updated, unchanged, gone, rejected;
};

struct import_batch {
    struct arena mem;
    struct import_item *items;
    size_t n;
    struct import_item **by_cell; /* the added ones, so that neighbours in space are neighbours in the tables */
    size_t by_cell_n;
    size_t bytes;
    int64_t number;
    struct release_row *release; /* borrowed */
    struct uuid actor;
    struct instant now;
    enum visibility visibility;
    struct guard *guard; /* borrowed; NULL: the batch reads what is guarded for itself */
    int64_t added, updated, unchanged, gone;
    int64_t reversioned; /* only their version changes */
};

/* What is stored of a source, in the order of its external ids. */
struct stored_record {
    struct str external_id;
    struct uuid site;
    struct sha256 digest;
    bool is_gone;
    int64_t version;
};
enum { STORED_PAGE = 8192 };
struct stored_ask {
    struct uuid source;
    struct str key;
    bool with_key; /* from this key on, else after it */
    size_t most;   /* STORED_PAGE at most */
};
MUST_CHECK enum rc import_stored_page(struct store *st, const struct stored_ask *ask, struct arena *mem,
                                      struct stored_record **out, size_t *n, struct err *err);
/* import_merge.c: the file, in the order of its keys, beside what is stored. */
struct merge_options {
    struct store *st;
    struct spool *spool;
    struct uuid source; /* nil: a new one, nothing is stored */
    bool is_change;
    import_rejected_fn rejected; /* repeated and outdated records */
    void *ctx;
};
struct import_merge;
MUST_CHECK enum rc import_merge_new(const struct merge_options *opt, struct import_merge **out, struct err *err);
void import_merge_free(struct import_merge *m);
/* Fills a batch; b->n = 0 at the end. number, actor, release and visibility of the batch are kept. */
MUST_CHECK enum rc import_merge_fill(struct import_merge *m, struct import_batch *b, struct err *err);
uint64_t import_merge_done(const struct import_merge *m); /* records of the file */
/* Records refused here that the reader had not counted as read: deletions older than what is stored. */
int64_t import_merge_late(const struct import_merge *m);

/* import_change_store.c: fills stored_place of the items that keep it. */
MUST_CHECK enum rc import_stored_places(struct store *st, struct uuid source, struct import_batch *b, struct err *err);
/* nil when there is none of that name. */
MUST_CHECK enum rc import_source_find(struct store *st, struct str name, struct uuid *out, struct err *err);

struct import_open {
    struct str source_name, licence, attribution, url;
    struct uuid actor;
    struct instant now;
    struct release_row *release; /* id, source are filled in */
};
/* Makes the source when it is new, goes on in an open release of the same digest or opens one; older open ones become
 * broken. */
/* Makes the writer ready for millions of rows (import_tune_store.c). */
MUST_CHECK enum rc import_writer_tune(struct store *st, struct err *err);
MUST_CHECK enum rc import_release_open(struct store *st, struct import_open *o, struct err *err);
MUST_CHECK enum rc import_release_close(struct store *st, struct release_row *r, struct uuid actor, struct err *err);
/* A store_fn; ctx: struct import_batch. */
enum rc import_batch_write(struct store_tx *tx, void *ctx, struct err *err);
/* New public ids. */
void import_batch_rename(struct import_batch *b);
/* A ledger_check_fn over the rows of releases. */
enum rc import_releases_check(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err);
struct sha256 import_release_digest(const struct release_row *r);

#endif
