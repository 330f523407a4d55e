/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Shared ground counted the slow way, from the list of sites and the words of ground.h alone.
 */
#ifndef TEST_GROUND_BRUTE_H
#define TEST_GROUND_BRUTE_H

#include "atlas_fixture.h"
#include "sites/ground.h"

enum { BRUTE_RELIGIONS = 7 }; /* made_religions; 0 is unknown */

static inline struct ground_sum brute_sum(const uint32_t *of, uint32_t sites)
{
    struct ground_sum s = {.sites = sites};
    double squares = 0;
    for (int i = 1; i < BRUTE_RELIGIONS; i++) {
        s.known += of[i];
        s.faiths += of[i] > 0;
    }
    for (int i = 1; i < BRUTE_RELIGIONS && s.known; i++)
        squares += ((double)of[i] / s.known) * ((double)of[i] / s.known);
    s.diversity = s.known ? 1 - squares : 0;
    return s;
}

/* Cell of zoom 15 by the definition of Web Mercator, not by the library's keys. */
static inline void brute_cell(struct geo_point p, uint32_t *x, uint32_t *y)
{
    struct geo_merc m = geo_merc_of(p);
    *x = m.x >> 16;
    *y = m.y >> 16;
}

struct brute_cell {
    uint32_t x, y;
    struct ground_cell sum; /* key unused */
};

static inline bool brute_is_counted(const struct made_site *s)
{
    return !(s->flags & ATLAS_COARSE);
}

/* Each cell of zoom 15 with two faiths or more, once. Caller frees. */
static inline struct brute_cell *brute_cells(const struct made_site *s, size_t n, size_t *out_n)
{
    struct brute_cell *out = mem_array(n + 1, sizeof *out);
    *out_n = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t of[BRUTE_RELIGIONS] = {0}, sites = 0, x, y, ox, oy;
        bool is_new = brute_is_counted(&s[i]);
        brute_cell(s[i].at, &x, &y);
        for (size_t k = 0; k < n && is_new; k++) {
            brute_cell(s[k].at, &ox, &oy);
            if (ox != x || oy != y || !brute_is_counted(&s[k]))
                continue;
            is_new = k >= i;
            of[s[k].religion]++;
            sites++;
        }
        struct ground_sum sum = brute_sum(of, sites);
        if (is_new && sum.faiths >= 2)
            out[(*out_n)++] = (struct brute_cell){x, y, {0, sum.sites, sum.known, 1, sum.faiths, sum.diversity}};
    }
    return out;
}

/* Those within the cell x, y of a smaller zoom, summed up. */
static inline struct ground_cell brute_joined(const struct brute_cell *c, size_t n, int zoom, uint32_t x, uint32_t y)
{
    struct ground_cell s = {0};
    double weighted = 0;
    for (size_t i = 0; i < n; i++) {
        if (c[i].x >> (15 - zoom) != x || c[i].y >> (15 - zoom) != y)
            continue;
        s.sites += c[i].sum.sites;
        s.known += c[i].sum.known;
        s.places++;
        s.faiths = c[i].sum.faiths > s.faiths ? c[i].sum.faiths : s.faiths;
        weighted += c[i].sum.diversity * c[i].sum.known;
    }
    s.diversity = s.known ? weighted / s.known : 0;
    return s;
}

#endif
