/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What a release changed, record by record, for the operator: added, updated (in which fields), gone. Read from the store
 * after the fact, so an import that was interrupted and went on is told whole. It names sites that the public may not
 * see: the file is made for its owner alone (0600), and no outlet serves it.
 */
#ifndef SITES_IMPORT_CHANGES_H
#define SITES_IMPORT_CHANGES_H

#include "base/id.h"
#include "store/store.h"

/* NDJSON, a line each: {"change":"updated","id":"node/1","site":"<public id>","name":"...","fields":["name","place"]}.
 * With a path that ends in .csv: change,id,site,name,fields; fields separated by spaces. Sorted by id.
 * fields: class kind religion denomination names place precision_m footprint country wikidata heritage unesco whs_year
 * start_date status note text disputed unverified. A record that had been gone and came back as it was has "status". */
struct changes_file;
/* Makes PATH.part, so that a path that cannot be written is known before the import. RC_IO. */
MUST_CHECK enum rc changes_open(const char *path, struct changes_file **out, struct err *err);
/* Writes all changes of the release, and gives the file its name. */
MUST_CHECK enum rc changes_write(struct changes_file *f, struct store *st, struct uuid release, int64_t *n,
                                 struct err *err);
void changes_close(struct changes_file *f); /* without changes_write: nothing is left behind */

#endif
