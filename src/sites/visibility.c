/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Rules of visibility without SQL: what is more and what is less, the digests that the ledger holds, and which new
 * records look like guarded sites.
 */
#include "sites/visibility_int.h"

#include <stdlib.h>
#include <string.h>

int visibility_rank(enum visibility v, int64_t coarse_m)
{
    int step = 0;
    switch (v) {
    case VISIBILITY_PUBLIC:
        return 0;
    case VISIBILITY_COARSE:
        while (step < POLICY_PRECISIONS && POLICY_LADDER_M[step] < coarse_m)
            step++;
        return 1 + step;
    case VISIBILITY_HIDDEN:
        return 2 + POLICY_PRECISIONS;
    }
    return 3 + POLICY_PRECISIONS;
}

enum rc visibility_reason(struct str *reason, struct err *err)
{
    *reason = str_trim(*reason);
    if (str_is_empty(*reason) || reason->n > SITES_REASON_MAX || !str_is_utf8(*reason) ||
        memchr(reason->p, 0, reason->n))
        return err_set(err, RC_INVALID, "give a reason of 1 to %d bytes", SITES_REASON_MAX);
    return RC_OK;
}

/* ---- digests ---- */

static void add_int(struct sha256_state *s, int64_t v)
{
    uint8_t b[8];
    for (int k = 0; k < 8; k++)
        b[k] = (uint8_t)((uint64_t)v >> (56 - 8 * k));
    sha256_add(s, b, sizeof b);
}

static void add_uuid(struct sha256_state *s, struct uuid id)
{
    sha256_add(s, id.b, sizeof id.b);
}

static void add_text(struct sha256_state *s, struct str text)
{
    add_int(s, (int64_t)text.n);
    sha256_add(s, text.p, text.n);
}

/* The precisions came later: a row without them has the digest it always had. */
struct sha256 visibility_row_digest(const struct visibility_row *r)
{
    struct sha256_state s;
    sha256_begin(&s);
    add_uuid(&s, r->id);
    add_uuid(&s, r->site);
    add_uuid(&s, r->actor);
    add_int(&s, r->at.us);
    add_int(&s, r->before);
    add_int(&s, r->after);
    sha256_add(&s, r->reason.p, r->reason.n);
    if (r->coarse_before || r->coarse_after) {
        add_int(&s, r->coarse_before);
        add_int(&s, r->coarse_after);
    }
    return sha256_end(&s);
}

struct sha256 review_row_digest(const struct review_row *r)
{
    struct sha256_state s;
    const struct uuid ids[] = {r->id, r->public_id, r->site, r->decision, r->like_site, r->asked_by, r->decided_by};
    const int64_t numbers[] = {r->visibility,    r->coarse_m,  r->back_visibility,
                               r->back_coarse_m, r->opened.us, r->decided.us};
    const struct str texts[] = {r->why, r->asked_reason, r->state, r->reason};
    sha256_begin(&s);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        add_uuid(&s, ids[i]);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        add_int(&s, numbers[i]);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        add_text(&s, texts[i]);
    return sha256_end(&s);
}

struct sha256 switch_row_digest(const struct switch_row *r)
{
    struct sha256_state s;
    sha256_begin(&s);
    add_uuid(&s, r->id);
    add_uuid(&s, r->actor);
    add_text(&s, r->iso2);
    add_int(&s, r->is_published);
    add_int(&s, r->at.us);
    add_text(&s, r->reason);
    return sha256_end(&s);
}

/* ---- the guard: what is near ---- */

/* Tiles of this zoom are 4.9 km wide at the equator and 0.4 km at 85 degrees: what is within the farthest distance below lies
 * in the tile itself or beside it. */
enum { GUARD_ZOOM = 13, GUARD_SIDE = 1 << GUARD_ZOOM, GUARD_SHIFT = 31 - GUARD_ZOOM, GUARD_TEXT_MAX = 1000 };
/* The same object in two sources stands 0 to 150 m apart (a node at the door, the middle of a building); equal names
 * allow for an address point. */
#define GUARD_EQUAL_M    400.0
#define GUARD_LIKE_M     300.0
#define GUARD_NAMELESS_M 100.0

struct guard *guard_new(enum visibility born)
{
    struct guard *g = mem_alloc(sizeof *g);
    arena_init(&g->mem);
    g->born = born;
    g->count = -1;
    return g;
}

void guard_free(struct guard *g)
{
    if (!g)
        return;
    arena_fini(&g->mem);
    free(g->items);
    free(g);
}

static uint64_t key_of(uint32_t x, uint32_t y)
{
    return (uint64_t)y << GUARD_ZOOM | (x & (GUARD_SIDE - 1)); /* round the antimeridian */
}

void guard_add(struct guard *g, const struct guarded *item)
{
    if (g->n == g->size) {
        g->size = g->size ? g->size * 2 : 64;
        g->items = mem_realloc(g->items, g->size * sizeof *g->items);
    }
    struct geo_merc m = geo_merc_of(item->at);
    struct guarded *to = &g->items[g->n++];
    *to = *item;
    to->key = key_of(m.x >> GUARD_SHIFT, m.y >> GUARD_SHIFT);
    to->religion = str_copy(&g->mem, item->religion);
    to->search = str_copy(&g->mem, str_clip(item->search, GUARD_TEXT_MAX));
}

static int key_compare(const void *a, const void *b)
{
    const struct guarded *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return memcmp(x->id.b, y->id.b, sizeof x->id.b);
}

void guard_sort(struct guard *g)
{
    if (g->n)
        qsort(g->items, g->n, sizeof *g->items, key_compare);
}

/* ---- the guard: what is like ---- */

enum { WORDS_MAX = 24, WORD_LEAST = 2 };
enum likeness { NAMES_DIFFER, NAMES_UNKNOWN, NAMES_LIKE, NAMES_EQUAL };

static bool name_next(struct str *rest, struct str *name)
{
    do {
        if (rest->n == 0)
            return false;
        str_cut(*rest, '\n', name, rest);
    } while (name->n == 0);
    return true;
}

static size_t words_of(struct str name, struct str out[WORDS_MAX])
{
    size_t n = 0;
    struct str word;
    while (name.n && n < WORDS_MAX) {
        str_cut(name, ' ', &word, &name);
        if (word.n >= WORD_LEAST)
            out[n++] = word;
    }
    return n;
}

/* Whether most words of the shorter name are in the other. */
static bool words_are_like(struct str a, struct str b)
{
    struct str x[WORDS_MAX], y[WORDS_MAX];
    size_t nx = words_of(a, x), ny = words_of(b, y), same = 0, least = nx < ny ? nx : ny;
    for (size_t i = 0; i < nx; i++)
        for (size_t k = 0; k < ny; k++)
            if (str_is_equal(x[i], y[k])) {
                same++;
                break;
            }
    return least > 0 && 3 * same >= 2 * least;
}

static enum likeness name_likeness(struct str a, struct str b)
{
    if (str_is_equal(a, b))
        return NAMES_EQUAL;
    if (str_contains(a, b) || str_contains(b, a) || words_are_like(a, b))
        return NAMES_LIKE;
    return NAMES_DIFFER;
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* The best of all pairs. Names in two scripts cannot be compared letter by letter: then nothing is known. */
static enum likeness names_likeness(struct str a, struct str b)
{
    enum likeness best = NAMES_DIFFER;
    struct str name, other, rest;
    bool met = false, comparable = false;
    while (name_next(&a, &name)) {
        rest = b;
        while (name_next(&rest, &other)) {
            enum likeness now = name_likeness(name, other);
            met = true;
            comparable = comparable || is_ascii(name) == is_ascii(other);
            best = now > best ? now : best;
        }
    }
    return best > NAMES_DIFFER ? best : met && comparable ? NAMES_DIFFER : NAMES_UNKNOWN;
}

static bool is_like(const struct guarded *g, const struct guard_ask *ask)
{
    double apart = geo_distance_m(g->at, (struct geo_point){ask->lat_deg, ask->lon_deg});
    if (apart > GUARD_EQUAL_M)
        return false;
    switch (names_likeness(g->search, ask->search)) {
    case NAMES_EQUAL:
        return true;
    case NAMES_LIKE:
        return apart <= GUARD_LIKE_M;
    case NAMES_UNKNOWN:
        return apart <= GUARD_NAMELESS_M &&
               (!g->religion.n || !ask->religion.n || str_is_equal(g->religion, ask->religion));
    case NAMES_DIFFER:
        return false;
    }
    return true;
}

static size_t first_at(const struct guard *g, uint64_t key)
{
    size_t low = 0, high = g->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (g->items[mid].key < key)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The most guarded one that it looks like. */
bool guard_match(const struct guard *g, const struct guard_ask *ask, struct guard_hit *out)
{
    int best = visibility_rank(ask->visibility, ask->coarse_m);
    bool found = false;
    if (g->n == 0 || !ask->has_place)
        return false;
    struct geo_merc m = geo_merc_of((struct geo_point){ask->lat_deg, ask->lon_deg});
    uint32_t x = m.x >> GUARD_SHIFT, y = m.y >> GUARD_SHIFT;
    for (uint32_t row = y ? y - 1 : 0; row <= y + 1; row++)
        for (int side = -1; side <= 1; side++) {
            uint64_t key = key_of(x + (uint32_t)side, row);
            for (size_t i = first_at(g, key); i < g->n && g->items[i].key == key; i++) {
                const struct guarded *s = &g->items[i];
                int rank = visibility_rank(s->visibility, s->coarse_m);
                if (rank <= best || !is_like(s, ask))
                    continue;
                best = rank;
                found = true;
                *out = (struct guard_hit){s->id, s->visibility, s->coarse_m};
            }
        }
    return found;
}
