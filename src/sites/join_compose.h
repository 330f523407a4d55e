/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The row that shows for several records of one site, by the rules of data/join-compose.json. Pure: the same records give
 * the same row, whatever the order they come in, so that a row taken apart and composed again is the same.
 */
#ifndef SITES_JOIN_COMPOSE_H
#define SITES_JOIN_COMPOSE_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

enum { JOIN_FIELDS = 11 };

/* A row of site_own, or what is composed of them. */
struct join_row {
    struct uuid site;
    struct instant created; /* of the site */
    struct str class_code, kind, religion, denomination, name, names, search;
    bool has_place;
    double lat_deg, lon_deg, precision_m;
    int64_t cell;
    struct str country, admin1;
    bool is_disputed;
    struct str heritage, wikidata, unesco, status, note;
    int whs_year;
    struct str start_date;
    bool is_unverified, is_synthetic;
    struct instant updated;
    struct str wkb;             /* empty: none */
    struct str source, licence; /* of the record; not of what is composed */
};

struct join_rules;
MUST_CHECK enum rc join_rules_new(struct join_rules **out, struct err *err); /* from the assets */
void join_rules_free(struct join_rules *r);

/* rows: one or more, of which `kept` names the site. Records that are gone count only when all are. since: when the latest
 * was joined; the composed row is never older. Strings lie in the rows, in mem or in the
 * rules. Of a row without a class (a correction, suggest_apply.h) only what it says counts. */
void join_compose(const struct join_rules *rules, const struct join_row *rows, size_t n, struct uuid kept,
                  struct instant since, struct arena *mem, struct join_row *out);

#endif
