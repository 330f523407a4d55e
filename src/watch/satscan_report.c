/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The result of a scan in words for people, and as tables.
 */
#include "watch/satscan.h"

#include <math.h>

#include "base/clock.h"

enum { IDS_PER_LINE = 12 };

static void add_date(struct buf *out, int64_t day)
{
    struct civil_date d = date_from_days(day);
    buf_printf(out, "%04d-%02d-%02d", d.year, d.month, d.day);
}

static void add_ids(struct buf *out, const struct satscan_places *places, const struct watch_cluster *c)
{
    buf_printf(out, "   Places (%zu):", c->members_n);
    for (size_t i = 0; i < c->members_n; i++) {
        buf_add_z(out, i == 0 ? " " : i % IDS_PER_LINE == 0 ? ",\n      " : ", ");
        buf_add_str(out, places->ids[c->members[i]]);
    }
    buf_add_char(out, '\n');
}

static void add_cluster(struct buf *out, enum watch_coordinates kind, const struct satscan_places *places,
                        const struct watch_cluster *c, const struct watch_result *r, size_t i)
{
    const char *unit = kind == WATCH_LAT_LON ? " km" : "";
    buf_printf(out, "\n%zu. ", i + 1);
    add_date(out, c->start_day);
    buf_add_z(out, " to ");
    add_date(out, c->end_day);
    buf_printf(out, ", around " STR_FMT " (%g, %g), radius %.2f%s\n", STR_ARG(places->ids[c->centre]),
               places->a[c->centre], places->b[c->centre], c->radius_km, unit);
    buf_printf(out, "   Observed %u, expected %.2f, ratio %.2f, test statistic %.6f\n", c->observed, c->expected,
               c->observed / c->expected, c->statistic);
    if (r->replications > 0) {
        buf_printf(out, "   p = %.4g (rank %u of %u)", c->p, c->rank, r->replications + 1);
        if (!isnan(c->gumbel_p))
            buf_printf(out, ", Gumbel approximation %.3g", c->gumbel_p);
        buf_printf(out, "; by chance once in %.0f days\n", c->recurrence_days);
    }
    add_ids(out, places, c);
}

static void add_data(struct buf *out, const struct prm_plan *plan, const struct satscan_cases *cases,
                     const struct watch_result *r)
{
    buf_add_z(out, "Prospective space-time permutation scan, circles, high counts\n\nStudy period   ");
    add_date(out, plan->params.start_day);
    buf_add_z(out, " to ");
    add_date(out, plan->params.end_day);
    buf_printf(out, "\nPlaces         %u\nCases          %u\n", r->places, r->cases);
    if (cases->dropped_outside_period || cases->dropped_unknown_places)
        buf_printf(out, "Left out       %zu rows outside the period, %zu rows without coordinates\n",
                   cases->dropped_outside_period, cases->dropped_unknown_places);
    buf_printf(out, "Scanned        %llu circles, %u window lengths\n", (unsigned long long)r->circles, r->windows);
    buf_printf(out, "Replications   %u, seed %llu\n", r->replications, (unsigned long long)r->seed);
}

void satscan_write_report(const struct prm_plan *plan, const struct satscan_places *places,
                          const struct satscan_cases *cases, const struct watch_result *r, double seconds,
                          struct buf *out)
{
    add_data(out, plan, cases, r);
    buf_printf(out, "Time           %.3f s\n", seconds);
    if (r->clusters_n == 0)
        buf_add_z(out, "\nNo cluster.\n");
    for (size_t i = 0; i < r->clusters_n; i++)
        add_cluster(out, plan->coordinates, places, &r->clusters[i], r, i);
    buf_add_z(out,
              "\nA cluster says that cases stand closer together in place and time than the place's and the day's own\n"
              "counts explain. It can come from the event or from how it was reported.\n");
}

/* RFC 4180 quoting; an id is text from a file. A leading formula sign is quoted too, for spreadsheets' sake. */
static void add_csv(struct buf *out, struct str s)
{
    buf_add_char(out, '"');
    if (s.n && (s.p[0] == '=' || s.p[0] == '+' || s.p[0] == '@'))
        buf_add_char(out, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, s.p[i]);
    }
    buf_add_char(out, '"');
}

static void add_real(struct buf *out, double v, int decimals)
{
    if (!isnan(v))
        buf_printf(out, "%.*f", decimals, v);
}

void satscan_write_clusters_csv(const struct satscan_places *places, const struct watch_result *r, struct buf *out)
{
    buf_add_z(out,
              "cluster,centre,a,b,radius_km,span_km,start,end,places,statistic,p,gumbel_p,recurrence_days,observed,"
              "expected,observed_per_expected\r\n");
    for (size_t i = 0; i < r->clusters_n; i++) {
        const struct watch_cluster *c = &r->clusters[i];
        buf_printf(out, "%zu,", i + 1);
        add_csv(out, places->ids[c->centre]);
        buf_printf(out, ",%.17g,%.17g,%.4f,", places->a[c->centre], places->b[c->centre], c->radius_km);
        add_real(out, c->span_km, 4);
        buf_add_char(out, ',');
        add_date(out, c->start_day);
        buf_add_char(out, ',');
        add_date(out, c->end_day);
        buf_printf(out, ",%zu,%.6f,", c->members_n, c->statistic);
        add_real(out, c->p, 6);
        buf_add_char(out, ',');
        add_real(out, c->gumbel_p, 9);
        buf_add_char(out, ',');
        add_real(out, c->recurrence_days, 2);
        buf_printf(out, ",%u,%.6f,%.4f\r\n", c->observed, c->expected, c->observed / c->expected);
    }
}

void satscan_write_members_csv(const struct satscan_places *places, const struct watch_result *r, struct buf *out)
{
    buf_add_z(out, "cluster,place,a,b\r\n");
    for (size_t i = 0; i < r->clusters_n; i++)
        for (size_t k = 0; k < r->clusters[i].members_n; k++) {
            uint32_t m = r->clusters[i].members[k];
            buf_printf(out, "%zu,", i + 1);
            add_csv(out, places->ids[m]);
            buf_printf(out, ",%.17g,%.17g\r\n", places->a[m], places->b[m]);
        }
}

void satscan_write_maxima(const struct watch_result *r, struct buf *out)
{
    for (uint32_t i = 0; i < r->replications; i++)
        buf_printf(out, "%.6f\n", r->maxima[i]);
}
