/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What changed in the registry since a number, for those who keep a copy of what everybody may see. The public view only,
 * whoever asks.
 *
 * Invariants:
 *   D1 a site that may be seen is told of as it is now; never as it was, nor what changed, nor how often.
 *   D2 a site that may not be seen is named, by its public id alone, only when it could be seen at the number asked
 *      about: born hidden, or hidden since before then, it is in no answer. Why it is gone (hidden, joined, dropped by
 *      its source) is not told.
 *   D3 where the registry cannot name what changed, the answer says so (is_reset) and names nothing.
 */
#ifndef SITES_CHANGES_H
#define SITES_CHANGES_H

#include "sites/sites.h"

enum { CHANGES_LIMIT_MAX = 1000 };

struct changes_page {
    int64_t seq;        /* ask with this one next time, after the last page */
    bool is_reset;      /* read everything anew, then go on from seq */
    struct site *sites; /* names are read; ask sites_view of nothing more: it has been asked as the public */
    size_t sites_n;
    struct uuid *removed;
    size_t removed_n;
    struct str next; /* cursor; empty: this was the last page */
};
/* since: a number an earlier answer gave, or 0 to learn the present one (which is a reset). limit: of sites and removed
 * together, 1 to CHANGES_LIMIT_MAX. RC_INVALID: a cursor that is none, a number below 0. */
MUST_CHECK enum rc changes_since(struct store *st, int64_t since, struct str cursor, size_t limit, struct arena *mem,
                                 struct changes_page *out, struct err *err);

#endif
