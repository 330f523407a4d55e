/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside the list of areas: the SQL of loaded sets.
 */
#ifndef SITES_AREAS_LIST_INT_H
#define SITES_AREAS_LIST_INT_H

#include "sites/areas_list.h"

enum { AREAS_LIST_PAGE = 100 };

struct areas_read {
    struct uuid after; /* or the one asked for */
    struct arena *mem;
    struct area_item items[AREAS_LIST_PAGE];
    struct uuid ids[AREAS_LIST_PAGE];
    size_t n;
    int64_t count;
};
/* store_fns: the page behind `after`; the one; how many there are. */
enum rc areas_list_page(struct store_tx *tx, void *read, struct err *err);
enum rc areas_list_one(struct store_tx *tx, void *read, struct err *err);
enum rc areas_list_count(struct store_tx *tx, void *read, struct err *err);

#endif
