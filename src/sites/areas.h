/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Which country and first-level division a point lies in. Countries come with the program (Natural Earth 1:50 million
 * through world-atlas); any GeoJSON of areas can be loaded beside them and is asked first. The shapes and codes imply
 * no opinion on the status of any territory; what is disputed is flagged, with a neutral line.
 *
 * Invariants:
 *   R1 a point within AREAS_NEAR_M of its claimed country's polygon counts as inside it; a point in no polygon takes
 * the nearest country within that distance. R2 the locator is read-only once built and may be asked from any thread.
 */
#ifndef SITES_AREAS_H
#define SITES_AREAS_H

#include "geo/geo.h"
#include "store/store.h"

#define AREAS_NEAR_M 5000.0
enum {
    AREAS_FEATURES_MAX = 1000000,
    AREAS_VERTICES_MAX = 50000000, /* of all rings together */
    AREAS_TEXT_MAX = 200           /* bytes of a code or name */
};

enum area_level { AREA_COUNTRY, AREA_ADMIN1 };

struct area_place {
    struct str country; /* ISO 3166-1 alpha-2, or ""; borrowed from the areas */
    struct str admin1;  /* ISO 3166-2 as the file says, or "" */
    bool is_disputed;
    struct str note; /* the neutral line when disputed, else "" */
};

struct areas;
/* The program's countries and what the store holds; st NULL: the former only. */
MUST_CHECK enum rc areas_load(struct store *st, struct areas **out, struct err *err);
void areas_free(struct areas *a);
/* claimed: alpha-2 the source names, or empty. Measured: about 1 us with
 * Natural Earth's 4,596 divisions loaded (tests/unit/sites/test_areas.c prints it). */
void areas_locate(const struct areas *a, struct geo_point p, struct str claimed, struct area_place *out);

enum area_answer { AREA_INSIDE, AREA_NEAR, AREA_OUTSIDE, AREA_DISPUTED, AREA_UNKNOWN };
/* Is the point in that country? DISPUTED: in a disputed area that is shown under the code, or under none. UNKNOWN: no
 * polygon of that code. distance_m (may be NULL): to the country, 0 inside, when it is below `AREAS_NEAR_M`, else -1.
 */
enum area_answer areas_check(const struct areas *a, struct geo_point p, struct str alpha2, double *distance_m);

struct areas_report {
    int64_t read, areas, rejected, countries, admin1;
    double seconds;
};
typedef void (*areas_rejected_fn)(void *ctx, int64_t line, const char *reason);
/* `fane import areas FILE`: one set, named after the file; a set of the same name is replaced. Areas with an
 * iso_3166_2 (or ISO_3166_2, shapeISO) are divisions, with iso_a2 or alpha2 alone countries; codes that Natural Earth
 * leaves as -1 or -99 fall back to adm0_a3. Errors leave the store as it was. */
MUST_CHECK enum rc areas_import_file(struct store *st, const char *path, areas_rejected_fn rejected, void *ctx,
                                     struct areas_report *out, struct err *err);
/* Asks again for every site, after areas were loaded; sites whose answer changed are updated in batches with a ledger
 * entry each. */
MUST_CHECK enum rc areas_assign(struct store *st, const struct areas *a, int64_t *changed, struct err *err);

#endif
