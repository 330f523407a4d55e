/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A copy of a source as another mapper would have made it, by a seeded program: moved by up to 150 m, names written in
 * another script or cut short, the religion left out in a tenth. Included by tests of joining only.
 */
#ifndef TEST_PERTURB_H
#define TEST_PERTURB_H

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>

#include "base/rng.h"
#include "geo/geo.h"
#include "sites/draft.h"

#define PERTURB_MOVE_M 150.0
enum { PERTURB_SCRIPTS = 4 };

struct perturb {
    struct prng rng;
    UTransliterator *to[PERTURB_SCRIPTS];
};

static inline void perturb_init(struct perturb *p, uint64_t seed)
{
    static const char *const IDS[PERTURB_SCRIPTS] = {"Latin-Cyrillic", "Latin-Greek", "Latin-Arabic", "Latin-Hebrew"};
    prng_seed(&p->rng, seed);
    for (int i = 0; i < PERTURB_SCRIPTS; i++) {
        UErrorCode e = U_ZERO_ERROR;
        UChar id[64];
        u_uastrcpy(id, IDS[i]);
        p->to[i] = utrans_openU(id, -1, UTRANS_FORWARD, NULL, 0, NULL, &e);
        ENSURE(U_SUCCESS(e));
    }
}

static inline void perturb_fini(struct perturb *p)
{
    for (int i = 0; i < PERTURB_SCRIPTS; i++)
        utrans_close(p->to[i]);
}

static inline struct str perturb_script(struct perturb *p, struct str name, struct arena *mem)
{
    enum { UNITS = 4000 };
    UChar *u = ARENA_NEW_N(mem, UChar, UNITS);
    int32_t n = 0, limit, bytes = 0;
    UErrorCode e = U_ZERO_ERROR;
    u_strFromUTF8WithSub(u, UNITS, &n, name.p, (int32_t)name.n, 0xFFFD, NULL, &e);
    limit = n;
    utrans_transUChars(p->to[prng_below(&p->rng, PERTURB_SCRIPTS)], u, &n, UNITS, 0, &limit, &e);
    char *out = arena_alloc(mem, (size_t)n * 3 + 1);
    u_strToUTF8WithSub(out, n * 3 + 1, &bytes, u, n, 0xFFFD, NULL, &e);
    return U_SUCCESS(e) ? (struct str){out, (size_t)bytes} : name;
}

/* How mappers shorten: customary short forms; a long word cut with a point; a word left out of a name of three or more. */
static inline struct str perturb_shorten(struct perturb *p, struct str name, struct arena *mem)
{
    static const char *const SHORT[][2] = {{"Saint", "St"},     {"Church", "Ch"},    {"and", "&"},
                                           {"Roman", "R"},      {"Catholic", "C"},   {"Methodist", "Meth"},
                                           {"Baptist", "Bapt"}, {"Centre", "Ctr"},   {"Road", "Rd"},
                                           {"United", "Utd"},   {"Cemetery", "Cem"}, {"Mount", "Mt"}};
    struct buf b;
    size_t words = 1, at = 0;
    for (size_t i = 0; i < name.n; i++)
        words += name.p[i] == ' ';
    size_t left_out = words >= 3 ? prng_below(&p->rng, words) : words, cut = prng_below(&p->rng, words);
    buf_init(&b, 0);
    for (struct str rest = name, w; rest.n; at++) {
        str_cut(rest, ' ', &w, &rest);
        if (at == left_out)
            continue;
        if (b.n)
            buf_add_char(&b, ' ');
        bool done = false;
        for (size_t i = 0; i < sizeof SHORT / sizeof *SHORT && !done; i++)
            if (str_is_equal(w, str_of(SHORT[i][0]))) {
                buf_add_z(&b, SHORT[i][1]);
                done = true;
            }
        if (!done && at == cut && w.n > 6) {
            buf_add_str(&b, str_clip(w, 4 + prng_below(&p->rng, 2)));
            buf_add_char(&b, '.');
            done = true;
        }
        if (!done)
            buf_add_str(&b, w);
    }
    struct str out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return out;
}

/* A third of the names in another script, a third shortened, a third as they are. */
static inline struct site_draft perturb_draft(struct perturb *p, const struct site_draft *d, struct arena *mem)
{
    struct site_draft out = *d;
    struct site_name *names = ARENA_NEW_N(mem, struct site_name, d->names_n ? d->names_n : 1);
    uint64_t how = prng_below(&p->rng, 3);
    for (size_t i = 0; i < d->names_n; i++) {
        names[i] = d->names[i];
        if (how == 0)
            names[i].text = perturb_script(p, d->names[i].text, mem);
        else if (how == 1)
            names[i].text = perturb_shorten(p, d->names[i].text, mem);
    }
    out.names = names;
    double bearing = 360 * prng_unit(&p->rng), r = PERTURB_MOVE_M * sqrt(prng_unit(&p->rng));
    if (d->has_place) {
        struct geo_point moved = geo_destination((struct geo_point){d->lat_deg, d->lon_deg}, bearing, r);
        out.lat_deg = moved.lat_deg;
        out.lon_deg = moved.lon_deg;
    }
    if (prng_below(&p->rng, 10) == 0)
        out.religion = out.denomination = out.kind = STR_NONE;
    out.external_id = str_printf(mem, "copy-" STR_FMT, STR_ARG(d->external_id));
    out.wikidata = out.unesco_id = STR_NONE;
    return out;
}

#endif
