/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The record of the source SUGGEST_SOURCE that an accepted suggestion becomes. A missing site becomes a record, and so a
 * site, of its own. All corrections of one site are one record, which holds what was last said of each field and nothing
 * else; it is joined to the site, whose row is composed of its records by the rules of data/join-compose.json.
 */
#ifndef SITES_SUGGEST_APPLY_H
#define SITES_SUGGEST_APPLY_H

#include "sites/suggest.h"

struct community;
/* site: what the draft corrects; NULL: a missing one. *out is NULL when the draft has no field to keep. Reads the store;
 * RC_INVALID when no record can be made of the draft. */
MUST_CHECK enum rc community_new(struct store *st, const struct suggestion_draft *draft, const struct site *site,
                                 struct uuid suggestion, struct arena *mem, struct community **out, struct err *err);
void community_free(struct community *c); /* NULL ok */
/* In a write transaction. site, public_id: the site it shows under. */
MUST_CHECK enum rc community_write(struct store_tx *tx, struct community *c, struct uuid actor, struct instant now,
                                   struct uuid *site, struct uuid *public_id, struct err *err);

#endif
