/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Joining pieces into rings, and plain measures. See ring.h.
 */
#include "geo/ring.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- joining ------------------------------------------------------------------------------------------------------- */

struct end {
    int64_t id;
    size_t piece;
    bool is_last; /* the piece's last node, not its first */
};

/* A piece on the path walked: entered at its node number `from` (index into the distinct end ids). */
struct step {
    size_t piece, from;
    bool is_reversed;
};

struct join {
    const struct geo_piece *pieces;
    struct end *ends; /* sorted by id, piece, side */
    size_t ends_n;
    size_t *node_of_end; /* per entry of ends: number of its distinct id */
    size_t *first_end;   /* per node: its first entry in ends; one more at the end */
    size_t nodes_n;
    size_t *next_try; /* per node: ends before it are used up */
    size_t *on_path;  /* per node: 1 + position in path where it is entered, 0 = not on it */
    bool *used;       /* per piece */
    struct step *path;
    size_t path_n;
    struct arena *mem;
    struct geo_rings *out;
    size_t rings_size;
};

static int end_compare(const void *a, const void *b)
{
    const struct end *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    if (x->piece != y->piece)
        return x->piece < y->piece ? -1 : 1;
    return (int)x->is_last - (int)y->is_last;
}

static void ring_add(struct join *j, struct geo_ring r)
{
    struct geo_rings *o = j->out;
    if (o->n == j->rings_size) {
        size_t size = j->rings_size ? 2 * j->rings_size : 8;
        o->rings = arena_grow(j->mem, o->rings, j->rings_size * sizeof *o->rings, size * sizeof *o->rings);
        j->rings_size = size;
    }
    o->rings[o->n++] = r;
}

/* Copies a piece behind what is there; the shared node stands once. */
static size_t piece_copy(const struct geo_piece *p, bool reversed, struct geo_point *to, size_t at)
{
    size_t skip = at > 0;
    for (size_t i = skip; i < p->n; i++)
        to[at++] = p->at[reversed ? p->n - 1 - i : i];
    return at;
}

/* The path from position `from` to its top has come back to where it began: a ring. */
static void path_close(struct join *j, size_t from)
{
    size_t n = 1, at = 0;
    for (size_t i = from; i < j->path_n; i++)
        n += j->pieces[j->path[i].piece].n - 1;
    struct geo_point *to = ARENA_NEW_N(j->mem, struct geo_point, n);
    for (size_t i = from; i < j->path_n; i++) {
        at = piece_copy(&j->pieces[j->path[i].piece], j->path[i].is_reversed, to, at);
        j->on_path[j->path[i].from] = 0;
    }
    j->path_n = from;
    ring_add(j, (struct geo_ring){to, n});
}

/* The next unused piece at a node, or false. */
static bool piece_at(struct join *j, size_t node, struct step *out, size_t *other)
{
    while (j->next_try[node] < j->first_end[node + 1]) {
        const struct end *e = &j->ends[j->next_try[node]++];
        if (j->used[e->piece])
            continue;
        *out = (struct step){.piece = e->piece, .from = node, .is_reversed = e->is_last};
        const struct geo_piece *p = &j->pieces[e->piece];
        struct end key = {e->is_last ? p->ids[0] : p->ids[p->n - 1], e->piece, !e->is_last};
        const struct end *at = bsearch(&key, j->ends, j->ends_n, sizeof key, end_compare);
        *other = j->node_of_end[at - j->ends];
        return true;
    }
    return false;
}

/* Walks on from a node until nothing is left to walk: closes a ring whenever the path meets itself, steps back out of
 * dead ends (their pieces are loose). */
static void walk_from(struct join *j, size_t node)
{
    for (;;) {
        struct step s;
        size_t other;
        if (j->on_path[node])
            path_close(j, j->on_path[node] - 1);
        if (piece_at(j, node, &s, &other)) {
            j->used[s.piece] = true;
            j->path[j->path_n++] = s;
            j->on_path[node] = j->path_n;
            node = other;
        } else if (j->path_n) {
            s = j->path[--j->path_n];
            j->on_path[s.from] = 0;
            j->out->loose++;
            node = s.from;
        } else {
            return;
        }
    }
}

static void ends_collect(struct join *j, size_t n)
{
    j->ends = ARENA_NEW_N(j->mem, struct end, 2 * n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct geo_piece *p = &j->pieces[i];
        if (p->n < 2) {
            j->out->loose++;
        } else if (p->ids[0] == p->ids[p->n - 1]) {
            struct geo_point *copy = arena_copy(j->mem, p->at, p->n * sizeof *copy);
            ring_add(j, (struct geo_ring){copy, p->n});
        } else {
            j->ends[j->ends_n++] = (struct end){p->ids[0], i, false};
            j->ends[j->ends_n++] = (struct end){p->ids[p->n - 1], i, true};
        }
    }
    qsort(j->ends, j->ends_n, sizeof *j->ends, end_compare);
}

static void nodes_number(struct join *j)
{
    j->node_of_end = ARENA_NEW_N(j->mem, size_t, j->ends_n + 1);
    j->first_end = ARENA_NEW_N(j->mem, size_t, j->ends_n + 2);
    for (size_t i = 0; i < j->ends_n; i++) {
        if (i == 0 || j->ends[i].id != j->ends[i - 1].id)
            j->first_end[j->nodes_n++] = i;
        j->node_of_end[i] = j->nodes_n - 1;
    }
    j->first_end[j->nodes_n] = j->ends_n;
    j->next_try = arena_copy(j->mem, j->first_end, (j->nodes_n + 1) * sizeof *j->first_end);
    j->on_path = ARENA_NEW_N(j->mem, size_t, j->nodes_n + 1);
}

void geo_rings_join(const struct geo_piece *pieces, size_t n, struct arena *mem, struct geo_rings *out)
{
    struct join j = {.pieces = pieces, .mem = mem, .out = out};
    *out = (struct geo_rings){0};
    ends_collect(&j, n);
    nodes_number(&j);
    j.used = ARENA_NEW_N(mem, bool, n + 1);
    j.path = ARENA_NEW_N(mem, struct step, n + 1);
    for (size_t node = 0; node < j.nodes_n; node++)
        walk_from(&j, node);
}

/* --- measures ------------------------------------------------------------------------------------------------------ */

double geo_ring_area(const struct geo_ring *r)
{
    double sum = 0, x0 = r->n ? r->at[0].lon_deg : 0, y0 = r->n ? r->at[0].lat_deg : 0;
    for (size_t i = 1; i < r->n; i++)
        sum += (r->at[i - 1].lon_deg - x0) * (r->at[i].lat_deg - y0) -
               (r->at[i].lon_deg - x0) * (r->at[i - 1].lat_deg - y0);
    return sum / 2;
}

bool geo_ring_holds(const struct geo_ring *r, struct geo_point p)
{
    bool in = false;
    for (size_t i = 1; i < r->n; i++) {
        struct geo_point a = r->at[i - 1], b = r->at[i];
        if ((a.lat_deg > p.lat_deg) != (b.lat_deg > p.lat_deg) &&
            p.lon_deg < a.lon_deg + (p.lat_deg - a.lat_deg) / (b.lat_deg - a.lat_deg) * (b.lon_deg - a.lon_deg))
            in = !in;
    }
    return in;
}

static double turn(struct geo_point a, struct geo_point b, struct geo_point c)
{
    return (b.lon_deg - a.lon_deg) * (c.lat_deg - a.lat_deg) - (b.lat_deg - a.lat_deg) * (c.lon_deg - a.lon_deg);
}

static bool is_apart(struct geo_point a, struct geo_point b, struct geo_point c, struct geo_point d)
{
    return fmax(a.lon_deg, b.lon_deg) < fmin(c.lon_deg, d.lon_deg) ||
           fmax(c.lon_deg, d.lon_deg) < fmin(a.lon_deg, b.lon_deg) ||
           fmax(a.lat_deg, b.lat_deg) < fmin(c.lat_deg, d.lat_deg) ||
           fmax(c.lat_deg, d.lat_deg) < fmin(a.lat_deg, b.lat_deg);
}

/* Whether segments ab and cd have a place in common. */
static bool meets(struct geo_point a, struct geo_point b, struct geo_point c, struct geo_point d)
{
    if (is_apart(a, b, c, d))
        return false;
    double c1 = turn(a, b, c), d1 = turn(a, b, d), a1 = turn(c, d, a), b1 = turn(c, d, b);
    return !((c1 > 0 && d1 > 0) || (c1 < 0 && d1 < 0) || (a1 > 0 && b1 > 0) || (a1 < 0 && b1 < 0));
}

static bool crosses(struct geo_point a, struct geo_point b, struct geo_point c, struct geo_point d)
{
    if (is_apart(a, b, c, d))
        return false;
    double c1 = turn(a, b, c), d1 = turn(a, b, d), a1 = turn(c, d, a), b1 = turn(c, d, b);
    return ((c1 > 0 && d1 < 0) || (c1 < 0 && d1 > 0)) && ((a1 > 0 && b1 < 0) || (a1 < 0 && b1 > 0));
}

/* Edges i and i + 1 of a ring of m edges fold back on one another, or have no length. */
static bool folds(const struct geo_ring *r, size_t i)
{
    size_t m = r->n - 1;
    struct geo_point a = r->at[i], b = r->at[i + 1], c = r->at[(i + 1) % m + 1];
    if (a.lat_deg == b.lat_deg && a.lon_deg == b.lon_deg)
        return true;
    double dot = (b.lon_deg - a.lon_deg) * (c.lon_deg - b.lon_deg) + (b.lat_deg - a.lat_deg) * (c.lat_deg - b.lat_deg);
    return turn(a, b, c) == 0 && dot <= 0;
}

bool geo_ring_is_simple(const struct geo_ring *r)
{
    if (r->n < 4)
        return false;
    size_t m = r->n - 1;
    for (size_t i = 0; i < m; i++) {
        if (folds(r, i))
            return false;
        for (size_t k = i + 2; k < m; k++)
            if (!(i == 0 && k == m - 1) && meets(r->at[i], r->at[i + 1], r->at[k], r->at[k + 1]))
                return false;
    }
    return true;
}

size_t geo_ring_crossings(const struct geo_ring *rings, size_t n, size_t enough)
{
    size_t seen = 0;
    for (size_t r = 0; r < n; r++)
        for (size_t i = 1; i < rings[r].n; i++)
            for (size_t q = r; q < n; q++)
                for (size_t k = q == r ? i + 1 : 1; k < rings[q].n; k++) {
                    seen += crosses(rings[r].at[i - 1], rings[r].at[i], rings[q].at[k - 1], rings[q].at[k]);
                    if (seen >= enough)
                        return seen;
                }
    return seen;
}

struct geo_point geo_line_middle(const struct geo_point *at, size_t n, double *length_m)
{
    double total = 0, done = 0;
    for (size_t i = 1; i < n; i++)
        total += geo_distance_m(at[i - 1], at[i]);
    *length_m = total;
    for (size_t i = 1; i < n; i++) {
        double d = geo_distance_m(at[i - 1], at[i]);
        if (d > 0 && done + d >= total / 2) {
            double f = (total / 2 - done) / d, dlon = at[i].lon_deg - at[i - 1].lon_deg;
            dlon = dlon > 180 ? dlon - 360 : dlon < -180 ? dlon + 360 : dlon;
            double lon = at[i - 1].lon_deg + f * dlon;
            lon = lon > 180 ? lon - 360 : lon < -180 ? lon + 360 : lon;
            return (struct geo_point){at[i - 1].lat_deg + f * (at[i].lat_deg - at[i - 1].lat_deg), lon};
        }
        done += d;
    }
    return at[0];
}
