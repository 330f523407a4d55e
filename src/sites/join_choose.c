/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See join_choose.h. Greedy by falling score; groups grow as rings of records (next), named by their root.
 */
#include "sites/join_choose.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"

/* Decibans; see join_score.c for where such numbers come from. */
#define W_PRIOR       (-6.0) /* of the neighbours of another source within the radius one in five is the same site */
#define W_ALONE       5.0    /* nothing else there that it could be, for either of the two */
#define ALONE_LEAD    8.0
#define GROUP_AGAINST (-6.0) /* what joins a group may speak against none of its members as much as this */
enum { REVIEWS_MAX = 3 };    /* questions about one record at a time */

struct choosing {
    struct join_choice *pairs;
    size_t n;
    const struct join_world *world;
    uint32_t *first, *edges; /* of record r: edges[first[r]] to edges[first[r + 1]], numbers of pairs */
    uint32_t *root, *next;
    uint8_t *reviews;
};

static int by_score(const void *a, const void *b)
{
    const struct join_choice *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    return x->b < y->b ? -1 : x->b > y->b;
}

static void edges_make(struct choosing *c)
{
    size_t records = c->world->records_n;
    c->first = mem_array(records + 2, sizeof *c->first);
    c->edges = mem_array(2 * c->n + 1, sizeof *c->edges);
    for (size_t i = 0; i < c->n; i++) {
        c->first[c->pairs[i].a + 2]++;
        c->first[c->pairs[i].b + 2]++;
    }
    for (size_t r = 2; r <= records + 1; r++)
        c->first[r] += c->first[r - 1];
    for (size_t i = 0; i < c->n; i++) {
        c->edges[c->first[c->pairs[i].a + 1]++] = (uint32_t)i;
        c->edges[c->first[c->pairs[i].b + 1]++] = (uint32_t)i;
    }
}

static uint32_t root_of(struct choosing *c, uint32_t r)
{
    while (c->root[r] != r)
        r = c->root[r] = c->root[c->root[r]];
    return r;
}

/* Whether no member of one group meets the sources of the other. */
static bool may_meet(struct choosing *c, uint32_t a, uint32_t b)
{
    if (root_of(c, a) == root_of(c, b))
        return false;
    uint32_t x = a;
    do {
        uint32_t y = b;
        do {
            if (c->world->meets(c->world->ctx, x, y) || c->world->is_apart(c->world->ctx, x, y))
                return false;
            y = c->next[y];
        } while (y != b);
        x = c->next[x];
    } while (x != a);
    return true;
}

/* By how much the pair leads the best other one that would take `record` away from `partner`. */
static double lead_at(struct choosing *c, size_t pair, uint32_t record, uint32_t partner)
{
    double best = -INFINITY;
    for (uint32_t e = c->first[record]; e < c->first[record + 1]; e++) {
        const struct join_choice *p = &c->pairs[c->edges[e]];
        uint32_t other = p->a == record ? p->b : p->a;
        if (c->edges[e] == pair || p->score <= best || !c->world->meets(c->world->ctx, other, partner))
            continue;
        if (may_meet(c, record, other))
            best = p->score;
    }
    return c->pairs[pair].score - best;
}

static bool group_agrees(struct choosing *c, uint32_t a, uint32_t b)
{
    for (uint32_t x = c->next[a];; x = c->next[x]) {
        for (uint32_t y = c->next[b];; y = c->next[y]) {
            bool is_pair = x == a && y == b;
            if (!is_pair && c->world->score(c->world->ctx, x, y) + W_PRIOR < GROUP_AGAINST)
                return false;
            if (y == b)
                break;
        }
        if (x == a)
            return true;
    }
}

static void unite(struct choosing *c, uint32_t a, uint32_t b)
{
    uint32_t t = c->next[a];
    c->root[root_of(c, b)] = root_of(c, a);
    c->next[a] = c->next[b];
    c->next[b] = t;
}

static bool has_question_left(struct choosing *c, const struct join_choice *p)
{
    if (c->reviews[p->a] >= REVIEWS_MAX || c->reviews[p->b] >= REVIEWS_MAX)
        return false;
    c->reviews[p->a]++;
    c->reviews[p->b]++;
    return true;
}

static void choose_one(struct choosing *c, size_t i)
{
    struct join_choice *p = &c->pairs[i];
    p->outcome = JOIN_SEPARATE;
    if (!may_meet(c, p->a, p->b))
        return;
    double lead = fmin(lead_at(c, i, p->a, p->b), lead_at(c, i, p->b, p->a));
    p->is_alone = lead >= ALONE_LEAD;
    double sum = p->score + W_PRIOR + (p->is_alone ? W_ALONE : 0);
    if (sum >= JOIN_MIN && lead >= JOIN_LEAD && group_agrees(c, p->a, p->b)) {
        p->outcome = JOIN_JOINED;
        unite(c, p->a, p->b);
    } else if (sum >= JOIN_REVIEW_MIN && has_question_left(c, p)) {
        p->outcome = JOIN_REVIEW;
    }
}

void join_choose(struct join_choice *pairs, size_t n, const struct join_world *world)
{
    struct choosing c = {.pairs = pairs, .n = n, .world = world};
    if (n == 0)
        return;
    qsort(pairs, n, sizeof *pairs, by_score);
    edges_make(&c);
    c.root = mem_array(world->records_n + 1, sizeof *c.root);
    c.next = mem_array(world->records_n + 1, sizeof *c.next);
    c.reviews = mem_array(world->records_n + 1, 1);
    for (uint32_t r = 0; r < world->records_n; r++)
        c.root[r] = c.next[r] = r;
    for (size_t i = 0; i < n; i++)
        choose_one(&c, i);
    /* A question whose answer has meanwhile been given by a better pair is none. */
    for (size_t i = 0; i < n; i++) {
        if (pairs[i].outcome == JOIN_REVIEW && !may_meet(&c, pairs[i].a, pairs[i].b))
            pairs[i].outcome = JOIN_SEPARATE;
        pairs[i].score += (float)(W_PRIOR + (pairs[i].is_alone ? W_ALONE : 0));
    }
    free(c.first);
    free(c.edges);
    free(c.root);
    free(c.next);
    free(c.reviews);
}
