/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Files built into the binary: data/ as "data/...", the built web app as "web/...". Filled by tools/embed.py.
 */
#ifndef BASE_ASSET_H
#define BASE_ASSET_H

#include <stddef.h>

#include "base/str.h"

struct asset {
    const char *path; /* "data/migrations/0001_store.sql" */
    const char *type; /* media type */
    const char *etag; /* quoted SHA-256 prefix */
    const unsigned char *p;
    size_t n;
    const unsigned char *gzip; /* NULL when compressing did not pay */
    size_t gzip_n;
};

const struct asset *asset_find(struct str path); /* NULL when there is none */
const struct asset *asset_at(size_t i);          /* in path order; NULL past the end */
struct str asset_text(const char *path);         /* aborts when missing: the build is broken */

#endif
