/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The atlas and the registry. See atlas.h.
 */
#include "flow/atlas.h"

#include "base/clock.h"
#include "base/log.h"
#include "sites/sites.h"

#include <stdio.h>


enum { PATH_MAX_BYTES = 4096 };

static void atlas_path(const char *dir, char out[PATH_MAX_BYTES])
{
    snprintf(out, PATH_MAX_BYTES, "%s/atlas/sites.atlas", dir);
}

enum rc flow_atlas_revision(struct store *st, char out[FLOW_REVISION_BYTES], struct err *err)
{
    int64_t count, newest_us;
    TRY(sites_public_state(st, &count, &newest_us, err));
    snprintf(out, FLOW_REVISION_BYTES, "%lld.%lld", (long long)count, (long long)newest_us);
    return RC_OK;
}

/* Only what the public may know comes here: sites_each_public has asked the policy (I3). */
static enum rc add_site(void *ctx, const struct site *s, struct err *err)
{
    struct atlas_site a = {.public_id = s->public_id, .lat_deg = s->lat_deg, .lon_deg = s->lon_deg, .name = s->name,
                           .religion = s->religion, .kind = s->kind, .class_code = s->class_code,
                           .flags = (s->is_coarse ? ATLAS_COARSE : 0u) | (s->is_synthetic ? ATLAS_SYNTHETIC : 0u) |
                                    (s->is_unverified ? ATLAS_UNVERIFIED : 0u) | (s->is_disputed ? ATLAS_DISPUTED : 0u)};
    return atlas_builder_add(ctx, &a, err);
}

enum rc flow_atlas_build(struct store *st, const char *dir, size_t threads, struct err *err)
{
    char revision[FLOW_REVISION_BYTES], path[PATH_MAX_BYTES];
    int64_t began = clock_monotonic_us();
    /* The revision is read first: what changes while we build makes the image stale, never wrongly fresh. */
    TRY(flow_atlas_revision(st, revision, err));
    atlas_path(dir, path);
    struct atlas_builder *b = atlas_builder_new();
    enum rc rc = sites_each_public(st, add_site, b, err);
    if (rc == RC_OK)
        rc = atlas_builder_write(b, path, str_of(revision), threads, err);
    atlas_builder_free(b);
    if (rc == RC_OK)
        log_line(LOG_INFO, "atlas.build", "revision=%s ms=%lld", revision,
                 (long long)(clock_monotonic_us() - began) / 1000);
    return rc;
}

enum rc flow_atlas_open_as(const char *dir, const char *revision, struct atlas **out, struct err *err)
{
    char path[PATH_MAX_BYTES];
    struct atlas *a;
    struct atlas_info info;
    atlas_path(dir, path);
    TRY(atlas_open(path, &a, err));
    atlas_info(a, &info);
    if (!str_is_equal(info.revision, str_of(revision))) {
        atlas_close(a);
        return err_set(err, RC_CONFLICT, "the atlas is of an older registry");
    }
    *out = a;
    return RC_OK;
}

enum rc flow_atlas_open(struct store *st, const char *dir, struct atlas **out, bool *was_built, struct err *err)
{
    char revision[FLOW_REVISION_BYTES], path[PATH_MAX_BYTES];
    TRY(flow_atlas_revision(st, revision, err));
    enum rc rc = flow_atlas_open_as(dir, revision, out, err);
    if (was_built)
        *was_built = rc != RC_OK;
    if (rc == RC_OK)
        return RC_OK;
    if (rc == RC_DAMAGED)
        log_line(LOG_WARN, "atlas.damaged", "error=\"%s\"", err->text);
    TRY(flow_atlas_build(st, dir, 0, err));
    atlas_path(dir, path);
    return atlas_open(path, out, err);
}
