/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Areas one by one, for others' map programs: the countries that come with the program, then the loaded sets. They are
 * open reference data and the same for everyone; no policy applies. The shapes imply no opinion on any territory:
 * is_disputed and note travel with each.
 */
#ifndef SITES_AREAS_LIST_H
#define SITES_AREAS_LIST_H

#include "geo/wkb.h"
#include "sites/areas.h"
#include "sites/areas_index.h"

enum { AREAS_LIMIT_MAX = 200 };

struct area_item {
    struct str
        id; /* of a country: alpha-2, or its name in small letters where that is taken or disputed; else a UUID */
    enum area_level level;
    struct area_info info;
    struct str set; /* "" for what comes with the program; else the name of the file */
    struct str wkb;
};

/* The program's own, read once; may be asked from any thread. */
struct area_shelf;
MUST_CHECK enum rc area_shelf_new(struct area_shelf **out, struct err *err);
void area_shelf_free(struct area_shelf *s);

struct area_list {
    struct area_item *items;
    size_t n;
    struct str next; /* cursor; empty: this was the last */
    int64_t matched; /* of all pages; -1 with a box, or on any page but the first */
};
/* box NULL: everything; else what meets it. limit: 1 to AREAS_LIMIT_MAX. RC_INVALID: a cursor that is none.
 * Cost with a box: O(vertices of all areas behind the cursor until the page is full). */
MUST_CHECK enum rc areas_list(const struct area_shelf *s, struct store *st, const struct geo_box *box,
                              struct str cursor, size_t limit, struct arena *mem, struct area_list *out,
                              struct err *err);
MUST_CHECK enum rc areas_find(const struct area_shelf *s, struct store *st, struct str id, struct arena *mem,
                              struct area_item *out, struct err *err);

#endif
