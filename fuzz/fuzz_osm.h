/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * What the OSM targets share: the bytes as a file, read to the end by the whole reader (passes, geometry, names).
 */
#ifndef FUZZ_OSM_H
#define FUZZ_OSM_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "geo/wkb.h"
#include "sites/osm.h"

/* Small, so that loading it costs nothing: anything with a religion, and all the rest refused. */
#define FUZZ_RULES                                                                                                     \
    "{\"first_filter\":[\"religion\",\"amenity=place_of_worship\"],\"rules\":[{\"class\":\"place_of_worship\","        \
    "\"when\":[{\"key\":\"religion\",\"values\":[\"*\"]}]}]}"

static enum rc fuzz_draft(void *ctx, const struct site_draft *d, struct err *err)
{
    (void)ctx, (void)err;
    ENSURE(d->external_id.n > 0 && d->names_n <= SITE_NAMES_MAX);
    ENSURE(!d->has_place || (d->lat_deg >= -90 && d->lat_deg <= 90 && d->lon_deg >= -180 && d->lon_deg <= 180));
    ENSURE(d->precision_m >= 0 && d->precision_m < 1e8);
    if (d->footprint_wkb.n) {
        struct arena mem;
        struct geo_shape shape;
        struct err why;
        arena_init(&mem);
        ENSURE(geo_wkb_read(d->footprint_wkb, &mem, &shape, &why) == RC_OK);
        arena_fini(&mem);
    }
    return RC_OK;
}

static enum rc fuzz_reject(void *ctx, int64_t line, struct str id, const char *reason, struct err *err)
{
    (void)ctx, (void)line, (void)err;
    ENSURE(id.n > 0 && reason[0] != 0);
    return RC_OK;
}

static enum rc fuzz_gone(void *ctx, int64_t line, struct str id, int64_t version, struct err *err)
{
    (void)ctx, (void)line, (void)err;
    ENSURE(id.n > 0 && version >= 0);
    return RC_OK;
}

static inline int fuzz_osm(const uint8_t *data, size_t n, enum osm_format format, bool is_change)
{
    static FILE *file; /* one file for all runs */
    struct site_sink sink = {.draft = fuzz_draft, .reject = fuzz_reject, .gone = fuzz_gone};
    struct osm_options opt = {.threads = 1, .rules = STR(FUZZ_RULES), .is_change = is_change};
    struct site_read_count count = {0};
    struct err err = {0};
    char path[64];
    file = file ? file : tmpfile();
    if (!file || ftruncate(fileno(file), 0) != 0 || pwrite(fileno(file), data, n, 0) != (ssize_t)n)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(file));
    enum rc rc = sites_read_osm(path, format, &opt, &sink, &count, &err);
    ENSURE(rc == RC_OK ? count.read == count.drafts + count.rejected : err.text[0] != 0 && count.read == 0);
    return 0;
}

#endif
