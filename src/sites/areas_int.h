/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside areas: the SQL (areas_store.c) and what it exchanges with areas.c.
 */
#ifndef SITES_AREAS_INT_H
#define SITES_AREAS_INT_H

#include "base/hash.h"
#include "sites/areas.h"
#include "sites/areas_index.h"

struct area_row {
    enum area_level level;
    struct area_info info;
    struct str wkb;
};
typedef enum rc (*area_row_fn)(void *ctx, const struct area_row *row, struct err *err);
/* Areas of the sets not replaced, page by page. */
MUST_CHECK enum rc areas_store_each(struct store *st, area_row_fn fn, void *ctx, struct err *err);

struct area_set {
    struct str name;
    struct sha256 digest;
    struct area_row *rows;
    size_t n;
    struct instant now;
};
/* One transaction: the set of that name is replaced. */
MUST_CHECK enum rc areas_store_put(struct store *st, struct area_set *set, struct err *err);

/* ISO 3166-1 of the assets. */
struct iso_codes;
MUST_CHECK enum rc iso_codes_new(struct iso_codes **out, struct err *err);
void iso_codes_free(struct iso_codes *c);
bool iso_codes_has(const struct iso_codes *c, struct str alpha2);
struct str iso_codes_alpha2(const struct iso_codes *c,
                            struct str alpha3); /* "" when unknown; Natural Earth's own too */

#endif
