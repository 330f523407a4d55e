/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Inside of pictures: rules (pictures.c) and SQL (pictures_store.c).
 */
#ifndef SITES_PICTURES_INT_H
#define SITES_PICTURES_INT_H

#include "sites/pictures.h"

struct picture_row {
    struct uuid id, site, added_by, removed_by;
    struct picture p;
    struct sha256 digest, small_digest;
    struct instant removed; /* us 0: it is there */
    struct str reason;
};
/* Of the row and, while it is there, of its bytes as they lie in the store: whole and small are their digests. */
struct sha256 picture_row_digest(const struct picture_row *r, struct sha256 whole, struct sha256 small);

/* Trims, and says what is wrong; sets the licence as the list writes it. */
MUST_CHECK enum rc picture_draft_check(struct picture_draft *d, struct err *err);

#endif
