/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Candidates for a link. See link.h.
 */
#include "flow/link.h"

#include "incidents/link.h"
#include "sites/sites.h"

#include <stdlib.h>

/* Linking is the system's work inside; what a viewer may see of a link is decided when it is shown. */
static const struct viewer INSIDE = {.role = ROLE_ADMINISTRATOR};

struct near_site {
    const struct site *site;
    double distance_m;
};

static int by_distance(const void *a, const void *b)
{
    const struct near_site *x = a, *y = b;
    return (x->distance_m > y->distance_m) - (x->distance_m < y->distance_m);
}

static struct link_candidate candidate_of(const struct near_site *near, struct arena *mem)
{
    const struct site *s = near->site;
    struct str *names = ARENA_NEW_N(mem, struct str, s->names_n + 1);
    size_t n = 0;
    if (s->name.n)
        names[n++] = s->name;
    for (size_t i = 0; i < s->names_n; i++)
        names[n++] = s->names[i].text;
    return (struct link_candidate){.site = s->id,
                                   .site_public_id = s->public_id,
                                   .name = s->name,
                                   .names = names,
                                   .names_n = n,
                                   .religion = s->religion,
                                   .kind = s->kind,
                                   .distance_m = near->distance_m,
                                   .precision_m = s->precision_m};
}

/* All sites within the radius, nearest first. */
static enum rc sites_around(struct store *st, struct geo_point at, double radius_m, struct arena *mem,
                            struct near_site **out, size_t *n, struct err *err)
{
    struct sites_filter filter = {.has_box = true, .box = geo_box_around(at, radius_m)};
    struct near_site *found = NULL;
    size_t got = 0, size = 0;
    struct str cursor = STR_NONE;
    do {
        struct sites_page page;
        TRY(sites_list(st, &filter, &INSIDE, cursor, SITES_LIMIT_MAX, false, mem, &page, err));
        for (size_t i = 0; i < page.n; i++) {
            const struct site *s = &page.sites[i];
            double d = geo_distance_m(at, (struct geo_point){s->lat_deg, s->lon_deg});
            if (!s->has_place || d > radius_m)
                continue;
            if (got == size) {
                found = arena_grow(mem, found, size * sizeof *found, (size ? size * 2 : 64) * sizeof *found);
                size = size ? size * 2 : 64;
            }
            found[got++] = (struct near_site){s, d};
        }
        cursor = page.next;
    } while (cursor.n);
    if (got)
        qsort(found, got, sizeof *found, by_distance);
    *out = found;
    *n = got;
    return RC_OK;
}

static enum rc link_by_key(struct store *st, struct incident *in, struct arena *mem, struct err *err)
{
    struct site *site;
    enum rc rc = sites_find_external(st, in->site_key, &INSIDE, mem, &site, err);
    if (rc == RC_NOT_FOUND)
        return RC_OK; /* named, but not in the registry (yet) */
    if (rc != RC_OK)
        return rc;
    in->links[in->links_n++] = (struct incident_link){.site = site->id,
                                                      .site_public_id = site->public_id,
                                                      .score = 1,
                                                      .reasons = STR("[\"named by the source\"]"),
                                                      .site_name = site->name};
    return RC_OK;
}

enum rc flow_link_incident(struct store *st, struct incident *in, struct arena *mem, struct err *err)
{
    struct near_site *near;
    size_t n;
    struct arena scratch; /* pages and candidates of one incident; what is kept goes to `mem` */
    if (in->site_key.n)
        TRY(link_by_key(st, in, mem, err));
    if (in->links_n || !in->has_place)
        return RC_OK;
    arena_init(&scratch);
    enum rc rc =
        sites_around(st, (struct geo_point){in->lat_deg, in->lon_deg}, link_radius_m(in), &scratch, &near, &n, err);
    if (rc == RC_OK && n) {
        if (n > LINK_CANDIDATES_MAX)
            n = LINK_CANDIDATES_MAX;
        struct link_candidate *c = ARENA_NEW_N(&scratch, struct link_candidate, n);
        for (size_t i = 0; i < n; i++)
            c[i] = candidate_of(&near[i], &scratch);
        link_choose(in, c, n, &scratch);
        for (size_t i = 0; i < in->links_n; i++) {
            in->links[i].reasons = str_copy(mem, in->links[i].reasons);
            in->links[i].site_name = str_copy(mem, in->links[i].site_name);
        }
    }
    arena_fini(&scratch);
    return rc;
}
