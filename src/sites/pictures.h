/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Pictures of sites, with who made them and under which licence they may be shown. They are files that a person adds:
 * nothing is ever fetched. The copies (picture/picture.h) lie in the store, so that a backup holds them and a change is
 * one transaction with its entry in the ledger (I1).
 *
 *   P1 a picture tells where a place is: who does not see a site whole sees no picture of it, and cannot tell that there
 *      is one. Hiding a site takes its pictures away with it, and showing it brings them back.
 *   P2 a picture without a licence of the list below, or without a name to credit, is not taken.
 *   P3 taking one away deletes its bytes and keeps the row, with the reason.
 */
#ifndef SITES_PICTURES_H
#define SITES_PICTURES_H

#include "base/hash.h"
#include "sites/sites.h"

enum {
    PICTURES_PER_SITE_MAX = 8,
    PICTURE_CREDIT_MAX = 200, /* bytes */
    PICTURE_SOURCE_MAX = 500,
    PICTURE_ALT_MAX = 500,
    PICTURE_JPEG_MAX = 4 << 20 /* of one copy; real ones have about 300 KB */
};

struct picture_licence {
    const char *id;  /* SPDX's, or LicenseRef-permission */
    const char *url; /* NULL: none */
};
const struct picture_licence *picture_licence_find(struct str id); /* in any case; NULL: not one of the list */
const struct picture_licence *picture_licence_at(size_t i);        /* NULL past the end */

struct picture_size {
    struct str jpeg;
    int width, height;
};

/* What is added. */
struct picture_draft {
    struct uuid site;
    struct str licence, credit;
    struct str source_url;    /* https, where it was found; or empty */
    struct str alt, alt_lang; /* what is seen on it, for who does not see, and in which language (BCP 47); or empty */
    struct picture_size whole, small;
};
/* RC_DENIED: not a reviewer; RC_INVALID; RC_NOT_FOUND: no such site; RC_TOO_LARGE: the site has enough. */
MUST_CHECK enum rc pictures_add(struct store *st, const struct picture_draft *d, const struct viewer *actor,
                                struct uuid *public_id, struct err *err);
/* RC_NOT_FOUND also when it was taken away before. */
MUST_CHECK enum rc pictures_remove(struct store *st, struct uuid public_id, struct str reason,
                                   const struct viewer *actor, struct err *err);

struct picture {
    struct uuid public_id;
    struct str licence, credit, source_url, alt, alt_lang;
    int width, height, small_width, small_height;
    struct instant added;
};
/* Of a site as some call gave it to this viewer, and of all that are joined to it; the oldest first, that is the one to
 * show. None of a site whose place is the grid's (P1). */
MUST_CHECK enum rc pictures_of(struct store *st, const struct site *site, struct arena *mem, struct picture **out,
                               size_t *n, struct err *err);
/* RC_NOT_FOUND when there is none, or none that this viewer may know of. */
MUST_CHECK enum rc pictures_jpeg(struct store *st, struct uuid public_id, bool is_small, const struct viewer *viewer,
                                 struct arena *mem, struct str *jpeg, struct sha256 *digest, struct err *err);

/* The member "pictures" of a site. */
void pictures_json(struct json_out *j, const struct picture *list, size_t n);

/* What `fane verify` compares: rows and bytes. */
void pictures_ledger_checkers(struct ledger *l);

#endif
