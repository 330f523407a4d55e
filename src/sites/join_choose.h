/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * From scored pairs to decisions: joined, put before a person, or separate. A record has at most one partner in each other
 * source, so pairs stand against each other: the best goes first, and what has no rival left gains by it. Pure.
 *
 *   the sum of score, prior and (without a rival) W_ALONE:
 *     >= JOIN_MIN, leading every free rival by JOIN_LEAD     joined
 *     >= JOIN_REVIEW_MIN                                     put before a person
 *     else                                                   separate
 */
#ifndef SITES_JOIN_CHOOSE_H
#define SITES_JOIN_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOIN_FLOOR      (-6.0) /* decibans: pairs that score less are neither joined nor anybody's rival */
#define JOIN_MIN        7.0    /* five to one */
#define JOIN_REVIEW_MIN 0.0    /* even */
#define JOIN_LEAD       4.0

enum join_outcome { JOIN_SEPARATE, JOIN_REVIEW, JOIN_JOINED };

struct join_choice {
    uint32_t a, b;
    float score; /* in: join_score's; out: the sum above */
    bool is_alone;
    enum join_outcome outcome;
};

struct join_world {
    size_t records_n;
    /* Do the sources of two records meet, so that they cannot be one site? */
    bool (*meets)(void *ctx, uint32_t a, uint32_t b);
    /* Has a person said that they are two? */
    bool (*is_apart)(void *ctx, uint32_t a, uint32_t b);
    /* join_score of two records that were no candidates of each other. */
    double (*score)(void *ctx, uint32_t a, uint32_t b);
    void *ctx;
};

/* Fills outcome, is_alone and score of every pair, and sorts them by falling score, best first. */
void join_choose(struct join_choice *pairs, size_t n, const struct join_world *world);

#endif
