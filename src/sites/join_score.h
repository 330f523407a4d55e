/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Are two records one site? Evidence in decibans (10 log10 of a likelihood ratio; Good, Probability and the Weighing of
 * Evidence, 1950; for records: Fellegi and Sunter, A theory for record linkage, JASA 64, 1969), each piece with its reason.
 * Pure. What stands against what: join_choose.h weighs a pair against its rivals and decides.
 */
#ifndef SITES_JOIN_SCORE_H
#define SITES_JOIN_SCORE_H

#include "base/id.h"
#include "sites/join_words.h"

enum { JOIN_NAMES_MAX = 24 }; /* names of one record that are compared */

/* A record, or a group of joined ones, as it is compared. */
struct join_side {
    struct str names; /* lines of join_name_make, each once */
    struct str class_code, kind, religion, denomination;
    struct str wikidata, unesco;
    struct str osm; /* "node/1" and the like, when that is what its source calls it; several between spaces */
    bool has_place, is_synthetic;
    double lat_deg, lon_deg, precision_m;
};

struct join_score_options {
    bool without_osm_ids; /* an extract with renumbered ids is at hand */
};

/* Decibans, without the prior of join_choose.h. reasons: NULL, or a JSON array of {"what","value","weight"} is added. */
double join_score(const struct join_words *w, const struct join_side *a, const struct join_side *b,
                  const struct join_score_options *opt, struct buf *reasons);
/* 0 to 1. */
double join_probability(double decibans);

#endif
