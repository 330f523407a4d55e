/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Which site was it? Scores candidates for one incident by distance, name, religion and kind, keeps the reasons, and
 * names at most one: no link is better than a wrong one. Pure: candidates come from the caller.
 *
 * Score: a sum of evidence in decibans (10 log10 of a likelihood ratio; Good, Probability and the Weighing of Evidence,
 * 1950), turned into 0..1 by 1 / (1 + 10^(-sum/10)). The weights are working values, stated in link.c, to be calibrated on
 * labelled cases.
 */
#ifndef INCIDENTS_LINK_H
#define INCIDENTS_LINK_H

#include "incidents/incidents.h"

enum { LINK_CANDIDATES_MAX = 200 };

struct link_candidate {
    struct uuid site, site_public_id;
    struct str name;         /* the one to show */
    const struct str *names; /* every one, each compared by itself */
    size_t names_n;
    struct str religion; /* code of data/vocab/religions.json */
    struct str kind;     /* CHU, MOS ... */
    double distance_m;   /* from the incident's place */
    double precision_m;  /* of the site's place */
};

/* How far around the incident candidates are worth looking at. */
double link_radius_m(const struct incident *in);
/* Adds at most one link to in->links: the best candidate, when its score reaches LINK_SCORE_MIN and it leads the next
 * one clearly. */
#define LINK_SCORE_MIN 0.75
void link_choose(struct incident *in, const struct link_candidate *candidates, size_t n, struct arena *mem);

#endif
