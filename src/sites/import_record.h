/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * One record on its way: the draft as bytes (what is laid aside, and what the digest is of), and the rows made of it.
 */
#ifndef SITES_IMPORT_RECORD_H
#define SITES_IMPORT_RECORD_H

#include "base/hash.h"
#include "base/id.h"
#include "people/policy.h"
#include "sites/areas.h"
#include "sites/draft.h"
#include "sites/vocab.h"

/* NULL when the draft can be kept, else why not. */
const char *record_fault(const struct site_draft *d, const struct vocab *v);
/* Line, version and id are not part of it: the same facts on another line are unchanged. */
void record_encode(const struct site_draft *d, struct buf *out);
/* Borrows from bytes; the names' array lies in mem. RC_DAMAGED when the bytes are not what record_encode wrote. */
MUST_CHECK enum rc record_decode(struct str bytes, struct arena *mem, struct site_draft *out, struct err *err);

/* Column values of one site. Strings lie in mem or in the record's bytes. */
struct record_rows {
    struct str external_id, class_code, kind, religion, denomination, name, search;
    bool has_place;
    double lat_deg, lon_deg, precision_m;
    int64_t cell;
    int64_t coarse_cell;
    double coarse_lat_deg, coarse_lon_deg;
    struct str country, admin1;
    bool is_disputed, is_unverified, is_synthetic, is_guarded;
    struct str heritage, wikidata, unesco, status, note, source_text;
    struct str start_date; /* empty unless osm_date.h understands it */
    int whs_year;
    struct str names; /* as the table keeps them */
    struct str footprint, raw;
};
MUST_CHECK enum rc record_rows_make(struct str external_id, struct str bytes, const struct vocab *v,
                                    const struct areas *areas, struct arena *mem, struct record_rows *out,
                                    struct err *err);
/* The column `search` for these names: each folded, behind a line feed. */
struct str record_search(const struct site_name *names, size_t n, struct arena *mem);

#endif
