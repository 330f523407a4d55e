/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Made-up registries for the tests of the atlas and of tiles: clustered, with stacks, poles and the antimeridian.
 */
#ifndef TEST_ATLAS_FIXTURE_H
#define TEST_ATLAS_FIXTURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "sites/atlas_int.h"

struct made_site {
    struct geo_point at;
    struct uuid id;
    char name[32];
    char label[ATLAS_LABELS][32]; /* "": none */
    char labels[ATLAS_LABELS * 34];
    size_t labels_n;
    int religion;
    unsigned flags;
};

static const char *const made_religions[] = {"", "christian", "muslim", "hindu", "buddhist", "jewish", "bahai"};

static inline double made_between(struct prng *r, double lo, double hi)
{
    return lo + prng_unit(r) * (hi - lo);
}

static inline struct geo_point made_point(struct prng *r)
{
    switch (prng_below(r, 12)) {
    case 0:
        return (struct geo_point){made_between(r, 85, 90), made_between(r, -180, 180)};
    case 1:
        return (struct geo_point){made_between(r, -90, -80), made_between(r, -180, 180)};
    case 2:
        return (struct geo_point){made_between(r, -18, -16), made_between(r, 179, 180)};
    case 3:
        return (struct geo_point){made_between(r, -18, -16), made_between(r, -180, -179)};
    case 4:
        return (struct geo_point){31.7767, 35.2345};
    case 5:
    case 6:
    case 7:
        return (struct geo_point){48.85 + 0.05 * prng_normal(r), 2.35 + 0.08 * prng_normal(r)};
    case 8:
        return (struct geo_point){25 + 3 * prng_normal(r), 80 + 4 * prng_normal(r)};
    case 9:
        return (struct geo_point){prng_below(r, 2) ? 90 : -90, 180};
    default:
        return (struct geo_point){made_between(r, -70, 75), made_between(r, -180, 180)};
    }
}

/* Some have names in other languages; one that is the name again is none. */
static inline void made_label(struct prng *r, struct made_site *s)
{
    s->labels_n = 0;
    for (int k = 0; k < ATLAS_LABELS; k++) {
        s->label[k][0] = 0;
        if (prng_below(r, 6))
            continue;
        bool is_same = prng_below(r, 4) == 0;
        const char *text = is_same ? s->name : s->label[k];
        if (!is_same)
            snprintf(s->label[k], sizeof s->label[k], "%s موقع %llu", ATLAS_LABEL_LANGS[k],
                     (unsigned long long)prng_below(r, 50));
        s->labels[s->labels_n++] = (char)k;
        s->labels[s->labels_n++] = (char)strlen(text);
        memcpy(s->labels + s->labels_n, text, strlen(text));
        s->labels_n += strlen(text);
    }
}

static inline struct made_site *made_sites(struct prng *r, size_t n)
{
    struct made_site *s = mem_array(n + 1, sizeof *s);
    for (size_t i = 0; i < n; i++) {
        struct geo_point p = made_point(r);
        s[i].at = (struct geo_point){geo_e7(p.lat_deg) / 1e7, geo_e7(p.lon_deg) / 1e7};
        for (size_t k = 0; k < 16; k++)
            s[i].id.b[k] = (uint8_t)prng_u64(r);
        snprintf(s[i].name, sizeof s[i].name, "Site %llu", (unsigned long long)prng_below(r, n / 2 + 1));
        made_label(r, &s[i]);
        s[i].religion = (int)prng_below(r, 7);
        s[i].flags = (unsigned)prng_below(r, 8);
    }
    return s;
}

static inline void made_path(char out[1024], const char *name)
{
    const char *dir = getenv("TMPDIR");
    snprintf(out, 1024, "%s/fane-%s-%ld.atlas", dir ? dir : "/tmp", name, (long)getpid());
}

static inline enum rc made_write(const struct made_site *s, size_t n, const char *path, size_t threads, struct err *err)
{
    struct atlas_builder *b = atlas_builder_new();
    enum rc rc = RC_OK;
    for (size_t i = 0; i < n && rc == RC_OK; i++) {
        struct atlas_site site = {.public_id = s[i].id,
                                  .lat_deg = s[i].at.lat_deg,
                                  .lon_deg = s[i].at.lon_deg,
                                  .name = str_of(s[i].name),
                                  .labels = {s[i].labels, s[i].labels_n},
                                  .religion = str_of(made_religions[s[i].religion]),
                                  .kind = STR("CHU"),
                                  .class_code = STR("place_of_worship"),
                                  .flags = s[i].flags};
        rc = atlas_builder_add(b, &site, err);
    }
    if (rc == RC_OK)
        rc = atlas_builder_write(b, path, STR("rev 7"), threads, err);
    atlas_builder_free(b);
    return rc;
}

/* Whether the atlas tells these labels of the site, and no others. */
static inline bool made_is_labelled(const struct atlas *a, size_t index, const struct made_site *s)
{
    struct atlas_label out[ATLAS_LABELS];
    struct atlas_site site;
    size_t n = atlas_labels(a, index, out), want = 0;
    bool is_so = true;
    atlas_site_text(a, index, &site);
    for (unsigned k = 0; k < ATLAS_LABELS; k++)
        want += s->label[k][0] != 0;
    for (size_t i = 0; i < n; i++)
        is_so = is_so && out[i].lang < ATLAS_LABELS && str_is_equal(out[i].name, str_of(s->label[out[i].lang]));
    return is_so && n == want && site.has_labels == (n > 0);
}

static inline uint64_t made_seed(void)
{
    const char *given = getenv("FANE_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)clock_monotonic_us();
    printf("seed %llu (FANE_SEED replays)\n", (unsigned long long)seed);
    return seed;
}

#endif
