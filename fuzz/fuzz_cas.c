/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SaTScan coordinates and case files of any bytes, apart by a line "--", and a small scan of what is accepted: every
 * way of computing it must agree.
 */
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "watch/satscan.h"
#include "watch/watch_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { SCAN_CASES_MAX = 3000, SCAN_PLACES_MAX = 200 };

static void scan_both_ways(const struct watch_points *points, const struct watch_cases *cases,
                           const struct watch_params *params, struct arena *mem)
{
    static const struct engine_options usual = {0}, reference = {.reference = true};
    struct watch_result a, b;
    struct err err = {0};
    if (watch_scan_with(points, cases, params, &usual, mem, &a, &err) != RC_OK)
        return;
    ENSURE(watch_scan_with(points, cases, params, &reference, mem, &b, &err) == RC_OK);
    ENSURE(a.clusters_n == b.clusters_n);
    ENSURE(memcmp(a.maxima, b.maxima, a.replications * sizeof *a.maxima) == 0);
    for (size_t i = 0; i < a.clusters_n; i++)
        ENSURE(a.clusters[i].statistic == b.clusters[i].statistic && a.clusters[i].centre == b.clusters[i].centre);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena mem;
    struct satscan_places places;
    struct satscan_cases cases;
    struct prm_plan plan = {.params = watch_params_default(),
                            .drop_unknown_places = n & 1,
                            .drop_outside_period = n & 2,
                            .coordinates = n & 4 ? WATCH_CARTESIAN : WATCH_LAT_LON};
    struct err err = {0};
    struct str geo = {(const char *)data, n}, cas = STR_NONE;
    plan.params.start_day = date_to_days((struct civil_date){2024, 1, 1});
    plan.params.end_day = date_to_days((struct civil_date){2024, 3, 31});
    plan.params.replications = 5;
    plan.params.threads = 1;
    for (size_t i = 0; i + 4 <= n; i++)
        if (memcmp(data + i, "\n--\n", 4) == 0) {
            geo.n = i;
            cas = (struct str){(const char *)data + i + 4, n - i - 4};
            break;
        }
    arena_init(&mem);
    if (satscan_read_places(STR("fuzz.geo"), geo, plan.coordinates, &mem, &places, &err) == RC_OK &&
        satscan_read_cases(STR("fuzz.cas"), cas, &plan, &places, &mem, &cases, &err) == RC_OK) {
        uint64_t total = 0;
        for (size_t i = 0; i < cases.n; i++)
            total += cases.at[i].count;
        struct watch_points points = {plan.coordinates, places.n, places.a, places.b};
        struct watch_cases rows = {cases.n, cases.at};
        if (total <= SCAN_CASES_MAX && places.n <= SCAN_PLACES_MAX)
            scan_both_ways(&points, &rows, &plan.params, &mem);
    } else {
        ENSURE(err.text[0] != '\0');
    }
    arena_fini(&mem);
    return 0;
}
