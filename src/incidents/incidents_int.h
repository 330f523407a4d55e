/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Private to the room: staging of an import, and the SQL of incidents.
 */
#ifndef INCIDENTS_INCIDENTS_INT_H
#define INCIDENTS_INCIDENTS_INT_H

#include "incidents/incidents.h"
#include "wire/code_list.h"
#include "wire/csv.h"

/* ---- staging (import.c) ---- */

struct incident_codes { /* the vocabularies an incident's codes are checked against */
    struct code_list *types, *methods, *targets, *biases, *verification, *precision, *date_precision, *ucdp;
};

struct incident_stage {
    struct arena mem; /* all staged records */
    struct incident *items;
    size_t n, cap;
    struct incident_codes codes;
    const struct incident_import_options *opt;
    struct str source;
    struct incident_import_report *report;
    struct sha256_state digest; /* of the source's bytes */
};

/* Takes a deep copy. RC_TOO_LARGE over INCIDENTS_STAGED_MAX. */
MUST_CHECK enum rc stage_add(struct incident_stage *s, const struct incident *in, struct err *err);
void stage_reject(struct incident_stage *s, int64_t line, struct str external_id, const char *reason);
/* An incident with everything unknown, born with the import's source and context flag. */
struct incident stage_blank(const struct incident_stage *s, int64_t line);
/* NULL, or what is wrong with its codes. */
const char *stage_check_codes(const struct incident_stage *s, const struct incident *in);

/* readers.c: one row each way of reading. */
MUST_CHECK enum rc read_ucdp(struct incident_stage *s, struct csv *csv, struct err *err);
MUST_CHECK enum rc read_mapped(struct incident_stage *s, struct csv *csv, struct str map_json, struct err *err);
MUST_CHECK enum rc read_seed(struct incident_stage *s, struct csv *csv, struct err *err);

/* ---- SQL (incidents_store.c) ---- */

struct incident_known { /* what the store holds of a source's record */
    struct str external_id;
    struct uuid id;
    struct sha256 digest;
};
MUST_CHECK enum rc incident_store_known(struct store_tx *tx, struct str source, struct arena *mem,
                                        struct incident_known **out, size_t *n, struct err *err);
MUST_CHECK enum rc incident_store_insert(struct store_tx *tx, const struct incident *in, struct uuid release,
                                         struct instant now, struct err *err);
MUST_CHECK enum rc incident_store_update(struct store_tx *tx, const struct incident *in, struct uuid release,
                                         struct instant now, struct err *err);
MUST_CHECK enum rc incident_store_release_open(struct store_tx *tx, struct uuid id, struct str source,
                                               struct str licence, struct str format, struct sha256 digest,
                                               struct instant now, struct err *err);
MUST_CHECK enum rc incident_store_release_close(struct store_tx *tx, struct uuid id, struct str counts,
                                                struct instant now, struct err *err);

#endif
