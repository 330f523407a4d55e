/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Synthetic sites. Towns lie around the seed's places; a town's size follows a power law, as towns do; sites scatter
 * normally around their town, one in eight widely.
 */
#include "flow/synthetic.h"

#include "base/asset.h"
#include "base/rng.h"
#include "geo/geo.h"
#include "wire/csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOWNS = 20000, CENTRES_MAX = 4096 };

struct centre {
    double lat_deg, lon_deg;
    char religion[32];
    char kind[16];
};

struct town {
    double lat_deg, lon_deg, spread_deg, weight; /* weight: cumulative */
    size_t centre;
};

struct world {
    struct centre centres[CENTRES_MAX];
    size_t centres_n;
    struct town towns[TOWNS];
};

static enum rc centres_read(struct world *w, struct err *err)
{
    struct str csv = asset_text("data/seed/sites.csv");
    struct csv *c;
    struct csv_row row;
    bool more = true;
    TRY(csv_open(str_source(&csv), &(struct csv_options){.delimiter = ','}, &c, err));
    int lat = csv_column_find(c, STR("lat")), lon = csv_column_find(c, STR("lon"));
    int religion = csv_column_find(c, STR("religion")), kind = csv_column_find(c, STR("kind"));
    ENSURE(lat >= 0 && lon >= 0 && religion >= 0 && kind >= 0);
    enum rc rc = RC_OK;
    while (rc == RC_OK && w->centres_n < CENTRES_MAX && (rc = csv_next(c, &row, &more, err)) == RC_OK && more) {
        struct centre *to = &w->centres[w->centres_n];
        if (row.fault || !str_parse_f64(row.fields[lat], &to->lat_deg) || !str_parse_f64(row.fields[lon], &to->lon_deg))
            continue;
        snprintf(to->religion, sizeof to->religion, STR_FMT, STR_ARG(row.fields[religion]));
        snprintf(to->kind, sizeof to->kind, STR_FMT, STR_ARG(row.fields[kind]));
        w->centres_n++;
    }
    csv_close(c);
    return rc;
}

static void towns_make(struct world *w, struct prng *r)
{
    double total = 0;
    for (size_t i = 0; i < TOWNS; i++) {
        struct town *t = &w->towns[i];
        double size = pow((double)(i + 1), -0.85);
        t->centre = prng_below(r, w->centres_n);
        t->lat_deg = w->centres[t->centre].lat_deg + prng_normal(r) * 1.5;
        t->lon_deg = w->centres[t->centre].lon_deg + prng_normal(r) * 1.5;
        t->spread_deg = 0.012 + 0.22 * sqrt(size);
        t->weight = total += size;
    }
}

static const struct town *town_pick(const struct world *w, struct prng *r)
{
    double at = prng_unit(r) * w->towns[TOWNS - 1].weight;
    size_t lo = 0, hi = TOWNS - 1;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (w->towns[mid].weight < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return &w->towns[lo];
}

static double clamp(double v, double least, double most)
{
    return v < least ? least : v > most ? most : v;
}

static enum rc site_make(const struct world *w, struct prng *r, int64_t n, const struct site_sink *sink,
                         struct err *err)
{
    const struct town *t = town_pick(w, r);
    const struct centre *faith = &w->centres[prng_below(r, 4) ? t->centre : prng_below(r, w->centres_n)];
    double wide = prng_below(r, 8) ? 1 : 12;
    double lon = t->lon_deg + prng_normal(r) * t->spread_deg * wide;
    char id[32], name[64];
    snprintf(id, sizeof id, "s%lld", (long long)n);
    snprintf(name, sizeof name, "Synthetic site %lld", (long long)n);
    struct site_name names[] = {{STR("en"), str_of(name)}};
    struct site_draft d = {.external_id = str_of(id),
                           .line = n,
                           .class_code = STR("place_of_worship"),
                           .kind = str_of(faith->kind),
                           .religion = str_of(faith->religion),
                           .names = names,
                           .names_n = 1,
                           .has_place = true,
                           .lat_deg = clamp(t->lat_deg + prng_normal(r) * t->spread_deg * 0.8 * wide, -84, 84),
                           .lon_deg = lon > 180    ? lon - 360
                                      : lon < -180 ? lon + 360
                                                   : lon,
                           .precision_m = 10,
                           .is_unverified = true,
                           .is_synthetic = true,
                           .source_text = STR("made by fane seed --synthetic; stands for no real place")};
    return sink->draft(sink->ctx, &d, err);
}

enum rc flow_synthetic_sites(int64_t count, uint64_t random_seed, const struct site_sink *sink, struct err *err)
{
    struct prng r;
    if (count < 1 || count > SYNTHETIC_MAX)
        return err_set(err, count < 1 ? RC_INVALID : RC_TOO_LARGE, "--synthetic wants 1 to %d sites", SYNTHETIC_MAX);
    struct world *w = mem_alloc(sizeof *w);
    prng_seed(&r, random_seed);
    enum rc rc = centres_read(w, err);
    if (rc == RC_OK)
        towns_make(w, &r);
    for (int64_t n = 1; rc == RC_OK && n <= count; n++) {
        rc = site_make(w, &r, n, sink, err);
        if (sink->progress && n % 10000 == 0)
            sink->progress(sink->ctx, (uint64_t)n, (uint64_t)count);
    }
    free(w);
    return rc;
}
