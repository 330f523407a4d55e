/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The search follows the registry together with the atlas (I4): DIR/atlas/sites.search.
 */
#ifndef FLOW_SEARCH_H
#define FLOW_SEARCH_H

#include "flow/projection.h"
#include "sites/search.h"

struct flow_search;
MUST_CHECK enum rc flow_search_new(struct store *st, const char *dir, struct flow_search **out, struct err *err);
void flow_search_free(struct flow_search *f); /* after the follower is closed; NULL ok */
/* What is given to flow_follower_open. */
struct flow_projection flow_search_projection(struct flow_search *f);
/* What the readers hold. */
struct search *flow_search_handle(struct flow_search *f);

/* The search of this moment, for a program that asks once: opened with what was touched since, or built. */
MUST_CHECK enum rc flow_search_open(struct store *st, const char *dir, struct search **out, struct err *err);

/* After a change from the command line: what touched few sites is left to be laid over by whoever opens the images; after
 * many, the atlas and the search are built anew, so that a server starts at once. */
MUST_CHECK enum rc flow_images_follow(struct store *st, const char *dir, struct err *err);

#endif
