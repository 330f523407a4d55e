/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Incident to site across the two rooms: candidates from the registry, the choice by incidents/link.h.
 */
#ifndef FLOW_LINK_H
#define FLOW_LINK_H

#include "incidents/incidents.h"
#include "store/store.h"

/* Fills in->links. A site that the source itself names (in->site_key, an external id in any source) is linked with score
 * 1; otherwise the best candidate by score, or none. Incidents without a place are left alone unless named so. */
MUST_CHECK enum rc flow_link_incident(struct store *st, struct incident *in, struct arena *mem, struct err *err);

#endif
