/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Imports that span rooms: incidents get their country from the areas and their links from the registry; the seed brings
 * sites first and incidents after.
 */
#ifndef FLOW_IMPORTS_H
#define FLOW_IMPORTS_H

#include "incidents/incidents.h"
#include "sites/import.h"

MUST_CHECK enum rc flow_import_incidents(struct store *st, const char *path, const struct incident_import_options *opt,
                                         void (*progress)(void *ctx, int64_t done, int64_t total),
                                         struct incident_import_report *out, struct err *err);

struct flow_seed_report {
    struct sites_import_report sites;
    struct incident_import_report incidents;
};
/* Loads what the binary carries; again changes nothing. */
MUST_CHECK enum rc flow_seed(struct store *st, struct flow_seed_report *out, struct err *err);
/* `count` synthetic sites (synthetic.h), in place of those made before. */
MUST_CHECK enum rc flow_seed_synthetic(struct store *st, int64_t count, uint64_t random_seed,
                                       import_progress_fn progress, struct sites_import_report *out, struct err *err);

#endif
