/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See join_score.h. The weights were set by hand in the order of magnitude that counts give (the share of right pairs among
 * those with a feature, over the share among wrong ones), then moved by tests/unit/sites/test_join_real.c on one half of
 * its data and judged on the other; ADR 0009 has the figures.
 */
#include "sites/join_score.h"

#include <math.h>
#include <stdio.h>

#include "geo/geo.h"
#include "wire/json_out.h"

struct point {
    double at, weight;
};

/* Where maps put one building twice: mostly within its own length, rarely over 150 m apart. */
static const struct point DISTANCE[] = {{0, 11},     {10, 9.5}, {25, 8},   {60, 5.5},  {100, 3.5}, {150, 1},
                                        {200, -2.5}, {300, -6}, {400, -9}, {800, -14}, {2000, -20}};
/* Likeness of the best pair of names. */
static const struct point NAME[] = {{0, -13}, {0.3, -10}, {0.45, -5}, {0.6, 0}, {0.75, 5}, {0.9, 9}, {1, 11}};

/* Decibans. Faith: two of ten neighbours share it by chance where sites are mixed, nine of ten where they are not. */
#define W_FAITH_SAME         2.0
#define W_FAITH_OTHER        (-14.0)
#define W_DENOMINATION_SAME  5.0
#define W_DENOMINATION_KIN   1.5
#define W_DENOMINATION_OTHER (-8.0)
#define W_KIND_SAME          1.0
#define W_KIND_OTHER         (-9.0)
#define W_CLASS_SAME         3.0 /* but for places of worship, which most are */
#define W_CLASS_OTHER        (-3.0)
#define W_WIKIDATA_SAME      25.0
#define W_WIKIDATA_OTHER     (-12.0)
#define W_UNESCO_SAME        4.0 /* an inscription may hold many sites */
#define W_UNESCO_OTHER       (-6.0)
#define W_OSM_SAME           25.0
#define OSM_SAME_WITHIN_M    1000.0 /* one object does not move farther; a renumbered one does */
#define W_SYNTHETIC          (-99.0)
#define SPREAD_LARGE_M       60.0 /* cemeteries and grounds: sources point at the gate, the middle, the chapel */
#define NAME_WEIGHT_WHOLE    0.9  /* words that tell so much make a likeness count in full */
#define NAME_WEIGHT_LEAST    0.5  /* the share of it that a name of common words has */

struct adding {
    double sum;
    struct json_out *j; /* NULL: nobody asks why */
};

static void add(struct adding *s, const char *what, const char *value, double weight)
{
    s->sum += weight;
    if (!s->j)
        return;
    json_begin_object(s->j);
    json_put_str(s->j, "what", str_of(what));
    json_put_str(s->j, "value", str_of(value));
    json_put_f64(s->j, "weight", weight, 1);
    json_end_object(s->j);
}

static double on_line(const struct point *line, size_t n, double at)
{
    size_t i = 1;
    if (at <= line[0].at)
        return line[0].weight;
    while (i < n && line[i].at < at)
        i++;
    if (i == n)
        return line[n - 1].weight;
    double share = (at - line[i - 1].at) / (line[i].at - line[i - 1].at);
    return line[i - 1].weight + share * (line[i].weight - line[i - 1].weight);
}

static bool is_large(const struct join_side *s)
{
    return str_is_equal(s->class_code, STR("cemetery")) || str_is_equal(s->class_code, STR("grounds")) ||
           str_is_equal(s->class_code, STR("monastery")) || str_is_equal(s->class_code, STR("natural"));
}

/* How far apart the places are beyond what each of them is good to. */
static double distance_of(const struct join_side *a, const struct join_side *b, double *straight)
{
    const double exact = 20; /* two points of 10 m each */
    double slack = a->precision_m + b->precision_m - exact;
    *straight = geo_distance_m((struct geo_point){a->lat_deg, a->lon_deg}, (struct geo_point){b->lat_deg, b->lon_deg});
    slack = slack > 0 ? slack : 0;
    slack += is_large(a) && is_large(b) ? SPREAD_LARGE_M : 0;
    return *straight > slack ? *straight - slack : 0;
}

static double add_distance(struct adding *s, const struct join_side *a, const struct join_side *b)
{
    double straight;
    char text[48];
    if (!a->has_place || !b->has_place)
        return -1;
    double d = distance_of(a, b, &straight);
    double vague = straight - d, weight = on_line(DISTANCE, sizeof DISTANCE / sizeof *DISTANCE, d);
    if (weight > 0 && vague > SPREAD_LARGE_M)
        weight *= SPREAD_LARGE_M / vague; /* what could lie anywhere says little by lying here */
    snprintf(text, sizeof text, "%.0f m", straight);
    add(s, "distance", text, weight);
    return straight;
}

static double name_weight(const struct join_likeness *l)
{
    double weight = on_line(NAME, sizeof NAME / sizeof *NAME, l->alike);
    double share = l->weight / NAME_WEIGHT_WHOLE;
    if (weight > 0)
        weight *= NAME_WEIGHT_LEAST + (1 - NAME_WEIGHT_LEAST) * (share > 1 ? 1 : share);
    return weight;
}

/* The best of every name with every name: each source gives those it has. */
static void add_name(struct adding *s, const struct join_words *w, const struct join_side *a, const struct join_side *b)
{
    struct join_likeness best = {0};
    double weight = -1e9;
    bool any = false;
    int n = 0, k;
    char text[48];
    for (struct str x, xs = a->names; xs.n && n < JOIN_NAMES_MAX; n++) {
        str_cut(xs, '\n', &x, &xs);
        k = 0;
        for (struct str y, ys = b->names; ys.n && k < JOIN_NAMES_MAX; k++) {
            str_cut(ys, '\n', &y, &ys);
            struct join_likeness l = join_names_compare(w, x, y);
            if (!l.is_telling || name_weight(&l) <= weight)
                continue;
            best = l;
            weight = name_weight(&l);
            any = true;
        }
    }
    if (!any)
        return;
    snprintf(text, sizeof text, "%.2f", best.alike);
    add(s, "name", text, weight);
}

static bool says_faith(struct str religion)
{
    return !str_is_empty(religion) && !str_is_equal(religion, STR("unknown")) &&
           !str_is_equal(religion, STR("other")) && !str_is_equal(religion, STR("multifaith")) &&
           !str_is_equal(religion, STR("none"));
}

static void add_faith(struct adding *s, const struct join_words *w, const struct join_side *a,
                      const struct join_side *b)
{
    if (says_faith(a->religion) && says_faith(b->religion)) {
        bool is_same = str_is_equal(a->religion, b->religion);
        add(s, "religion", is_same ? "same" : "other", is_same ? W_FAITH_SAME : W_FAITH_OTHER);
    }
    switch (join_denominations_fit(w, a->denomination, b->denomination)) {
    case JOIN_SAME:
        add(s, "denomination", "same", W_DENOMINATION_SAME);
        break;
    case JOIN_KIN:
        add(s, "denomination", "related", W_DENOMINATION_KIN);
        break;
    case JOIN_STRANGERS:
        add(s, "denomination", "other", W_DENOMINATION_OTHER);
        break;
    case JOIN_SILENT:
        break;
    }
}

static void add_kind(struct adding *s, const struct join_words *w, const struct join_side *a, const struct join_side *b)
{
    switch (join_kinds_fit(w, a->kind, b->kind)) {
    case JOIN_SAME:
        add(s, "kind", "same", W_KIND_SAME);
        break;
    case JOIN_STRANGERS:
        add(s, "kind", "other", W_KIND_OTHER);
        break;
    case JOIN_KIN:
    case JOIN_SILENT:
        break;
    }
    if (str_is_empty(a->class_code) || str_is_empty(b->class_code))
        return;
    if (!str_is_equal(a->class_code, b->class_code))
        add(s, "class", "other", W_CLASS_OTHER);
    else if (!str_is_equal(a->class_code, STR("place_of_worship")))
        add(s, "class", "same", W_CLASS_SAME);
}

static bool share_id(struct str a, struct str b)
{
    for (struct str x, xs = a; xs.n;) {
        str_cut(xs, ' ', &x, &xs);
        for (struct str y, ys = b; ys.n;) {
            str_cut(ys, ' ', &y, &ys);
            if (str_is_equal(x, y))
                return true;
        }
    }
    return false;
}

static void add_ids(struct adding *s, const struct join_side *a, const struct join_side *b, double distance_m,
                    const struct join_score_options *opt)
{
    if (a->wikidata.n && b->wikidata.n) {
        bool is_same = str_is_equal(a->wikidata, b->wikidata);
        add(s, "wikidata", is_same ? "same" : "other", is_same ? W_WIKIDATA_SAME : W_WIKIDATA_OTHER);
    }
    if (a->unesco.n && b->unesco.n) {
        bool is_same = str_is_equal(a->unesco, b->unesco);
        add(s, "unesco", is_same ? "same" : "other", is_same ? W_UNESCO_SAME : W_UNESCO_OTHER);
    }
    if (!opt->without_osm_ids && distance_m >= 0 && distance_m <= OSM_SAME_WITHIN_M && share_id(a->osm, b->osm))
        add(s, "osm", "same", W_OSM_SAME);
}

double join_score(const struct join_words *w, const struct join_side *a, const struct join_side *b,
                  const struct join_score_options *opt, struct buf *reasons)
{
    struct json_out j;
    struct adding s = {0};
    if (reasons) {
        json_out_init(&j, reasons);
        json_begin_array(&j);
        s.j = &j;
    }
    double distance_m = add_distance(&s, a, b);
    add_name(&s, w, a, b);
    add_faith(&s, w, a, b);
    add_kind(&s, w, a, b);
    add_ids(&s, a, b, distance_m, opt);
    if (a->is_synthetic != b->is_synthetic)
        add(&s, "synthetic", "one of them", W_SYNTHETIC);
    if (reasons)
        json_end_array(&j);
    return s.sum;
}

double join_probability(double decibans)
{
    return 1 / (1 + pow(10, -decibans / 10));
}
