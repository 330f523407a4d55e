/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Which sites answer a query. First candidates: sites that lists of several words share, then those that all but one
 * share, then the most significant of single words, then those near by; each step takes a bounded number and does a
 * bounded amount of work (F3). As sites are numbered by falling significance, what a bound cuts off is the least
 * significant. Then every candidate's names are looked at word by word, and the best are kept.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sites/search_rank_int.h"

enum {
    SMALL_LIST = 4096,       /* postings: shorter lists are put together, longer ones are read where they lie */
    UNIT_SITES_MAX = 32768,  /* sites of one word's short lists together */
    RANGE_SITES_MAX = 16384, /* of one range of terms */
    CURSORS_MAX = 24,        /* long lists of one word */
    STEPS_MAX = 60000,       /* moves in the lists of all words, for all combinations that leave out as many of them */
    ALL_MAX = 1536,          /* candidates with every word */
    SOME_MAX = 512,          /* with all words but one; with one word */
    ENOUGH = 256,            /* candidates with every word that make others needless */
    NEAR_MAX = 1024,         /* near by */
    CANDIDATES_MAX = 6144,
    TABLE = 16384, /* hash table of the candidates: never half full */
    TERM_TABLE = 2048
};
#define LEAST_WEIGHT 0.1F  /* words that count less do not choose candidates */
#define LEAST_SCORE  0.2   /* of the words' weights that must be met */
#define W_ATTRIBUTE  0.95F /* a word met by what the site is, not by its name */
#define W_OTHER_NAME 0.85F /* by another of its names */
#define W_BOTH       0.06F /* more for a word that both the name and what the site is meet */
#define UNMET        0.85  /* for each word that nothing meets */

/* The sites of one unit: short lists in one array, long ones where they are. */
struct unit_sites {
    uint32_t *sites;
    uint32_t n, at;
    struct search_cursor cursors[CURSORS_MAX];
    unsigned cursors_n;
    uint64_t size; /* all together, for the order */
};
struct ranking {
    const struct search_image *im;
    const struct query *q;
    const struct search_ask *ask;
    const uint64_t *out_bits;
    struct arena *mem;
    struct unit_sites units[QUERY_UNITS_MAX];
    uint32_t candidates[CANDIDATES_MAX];
    uint32_t candidates_n;
    uint32_t table[TABLE];           /* 1 + site */
    uint16_t term_table[TERM_TABLE]; /* 1 + option of one term, chained by next */
    uint16_t next[QUERY_OPTIONS_MAX];
    uint16_t ranges[QUERY_OPTIONS_MAX];
    unsigned ranges_n;
    uint32_t must[2]; /* terms of the filters; SEARCH_NONE */
};

/* --- lists of the units ---------------------------------------------------------------------------------------------- */

/* By three times 11 bits: lists of some ten thousand sites are sorted for every word of every query. */
static void sort_sites(uint32_t *sites, uint32_t n, struct arena *mem)
{
    enum { BITS = 11, BUCKETS = 1 << BITS };
    uint32_t *from = sites, *to = ARENA_NEW_N(mem, uint32_t, (size_t)n + 1);
    for (unsigned shift = 0; shift < 32; shift += BITS) {
        uint32_t at[BUCKETS + 1] = {0};
        for (uint32_t i = 0; i < n; i++)
            at[(from[i] >> shift & (BUCKETS - 1)) + 1]++;
        for (unsigned k = 1; k < BUCKETS; k++)
            at[k] += at[k - 1];
        for (uint32_t i = 0; i < n; i++)
            to[at[from[i] >> shift & (BUCKETS - 1)]++] = from[i];
        uint32_t *other = from;
        from = to;
        to = other;
    }
    memcpy(sites, from, n * sizeof *sites); /* three turns: the result lies in the other one */
}

static void small_add(struct ranking *r, struct unit_sites *u, uint32_t term, uint32_t most)
{
    struct search_cursor c;
    search_cursor_begin(&c, r->im, term);
    for (uint32_t i = 0; i < most && c.site != SEARCH_NONE && u->n < UNIT_SITES_MAX; i++) {
        u->sites[u->n++] = c.site;
        search_cursor_next(&c);
    }
}

static const struct search_top *top_find(const struct search_image *im, uint32_t first, uint32_t end)
{
    size_t lo = 0, hi = im->tops_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (im->tops[mid].first < first || (im->tops[mid].first == first && im->tops[mid].end > end))
            lo = mid + 1;
        else
            hi = mid;
    }
    const struct search_top *t = &im->tops[lo];
    return lo < im->tops_n && t->first == first && t->end == end && t->at <= im->top_sites_n &&
                   t->n <= im->top_sites_n - t->at
               ? t
               : NULL;
}

static void range_add(struct ranking *r, struct unit_sites *u, uint32_t first, uint32_t end)
{
    /* the word itself is an option of its own and was left out of the range; the list has it */
    const struct search_top *t = top_find(r->im, first, end);
    if (!t && first > 0)
        t = top_find(r->im, first - 1, end);
    for (uint32_t i = 0; t && i < t->n && u->n < UNIT_SITES_MAX; i++)
        u->sites[u->n++] = r->im->top_sites[t->at + i];
    uint32_t before = u->n, terms = end - first;
    for (uint32_t k = first; !t && k < end && u->n - before < RANGE_SITES_MAX; k++)
        small_add(r, u, k, terms > 64 ? RANGE_SITES_MAX / 64 : RANGE_SITES_MAX / terms + 1);
    u->size += t ? RANGE_SITES_MAX : u->n - before;
}

static void unit_fill(struct ranking *r, unsigned unit)
{
    struct unit_sites *u = &r->units[unit];
    u->sites = ARENA_NEW_N(r->mem, uint32_t, UNIT_SITES_MAX); /* zeroing it is 5 us */
    for (unsigned i = 0; i < r->q->options_n; i++) {
        const struct query_option *o = &r->q->options[i];
        if (!(o->mask >> unit & 1))
            continue;
        if (o->end - o->first > 1) {
            range_add(r, u, o->first, o->end);
            continue;
        }
        uint32_t count = r->im->info[o->first].count;
        u->size += count;
        if (count > SMALL_LIST && u->cursors_n < CURSORS_MAX)
            search_cursor_begin(&u->cursors[u->cursors_n++], r->im, o->first);
        else
            small_add(r, u, o->first, SMALL_LIST);
    }
    uint32_t n = 0;
    if (u->n > 1)
        sort_sites(u->sites, u->n, r->mem);
    for (uint32_t i = 0; i < u->n; i++)
        if (n == 0 || u->sites[n - 1] != u->sites[i])
            u->sites[n++] = u->sites[i];
    u->n = n;
}

static void unit_rewind(struct ranking *r, unsigned unit)
{
    struct unit_sites *u = &r->units[unit];
    unsigned n = 0;
    u->at = 0;
    for (unsigned i = 0; i < r->q->options_n && n < u->cursors_n; i++) {
        const struct query_option *o = &r->q->options[i];
        if ((o->mask >> unit & 1) && o->end - o->first == 1 && r->im->info[o->first].count > SMALL_LIST)
            search_cursor_begin(&u->cursors[n++], r->im, o->first);
    }
}

/* The first site >= least; SEARCH_NONE at the end. Steps forward only. */
static uint32_t unit_seek(struct unit_sites *u, uint32_t least)
{
    uint32_t step = 1, best = SEARCH_NONE;
    while (u->at + step < u->n && u->sites[u->at + step] < least) {
        u->at += step;
        step *= 2;
    }
    while (u->at < u->n && u->sites[u->at] < least) {
        step = step > 1 ? step / 2 : 1;
        if (u->at + step < u->n && u->sites[u->at + step] < least)
            u->at += step;
        else if (step == 1)
            u->at++;
    }
    if (u->at < u->n)
        best = u->sites[u->at];
    for (unsigned i = 0; i < u->cursors_n; i++) {
        search_cursor_seek(&u->cursors[i], least);
        best = u->cursors[i].site < best ? u->cursors[i].site : best;
    }
    return best;
}

/* --- candidates --------------------------------------------------------------------------------------------------------- */

static bool candidate_add(struct ranking *r, uint32_t site)
{
    uint32_t i = site * UINT32_C(2654435761) % TABLE;
    if (site >= r->im->sites || r->candidates_n == CANDIDATES_MAX)
        return false;
    if (r->out_bits && r->out_bits[site / 64] >> (site % 64) & 1)
        return false;
    for (; r->table[i]; i = (i + 1) % TABLE)
        if (r->table[i] == site + 1)
            return false;
    r->table[i] = site + 1;
    r->candidates[r->candidates_n++] = site;
    return true;
}

/* Sites that every unit of the mask has, and the filters. */
static unsigned together(struct ranking *r, uint32_t mask, unsigned most, unsigned steps_max)
{
    struct search_cursor filters[2];
    unsigned found = 0, filters_n = 0;
    for (unsigned u = 0; u < r->q->units_n; u++)
        if (mask >> u & 1)
            unit_rewind(r, u);
    for (unsigned k = 0; k < 2; k++)
        if (r->must[k] != SEARCH_NONE)
            search_cursor_begin(&filters[filters_n++], r->im, r->must[k]);
    uint32_t site = 0;
    for (unsigned steps = 0; steps < steps_max && found < most; steps++) {
        uint32_t least = site;
        for (unsigned u = 0; u < r->q->units_n && least != SEARCH_NONE; u++)
            if (mask >> u & 1)
                least = unit_seek(&r->units[u], least);
        for (unsigned k = 0; k < filters_n && least != SEARCH_NONE; k++) {
            search_cursor_seek(&filters[k], least);
            least = filters[k].site;
        }
        if (least == SEARCH_NONE)
            break;
        if (least == site) {
            found += candidate_add(r, site);
            site++;
        } else {
            site = least;
        }
    }
    return found;
}

static double cell_at(const struct search_image *im, size_t i)
{
    uint32_t site = im->by_cell[i];
    if (site >= im->sites)
        return 0;
    return (double)geo_cell_of((struct geo_point){im->site[site].lat * 1e-7, im->site[site].lon * 1e-7});
}

static size_t cell_bound(const struct search_image *im, uint64_t cell)
{
    size_t lo = 0, hi = im->placed_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cell_at(im, mid) < (double)cell)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The widest of some circles that does not hold too many; at the least the nearest in the order of cells. */
static void near_by(struct ranking *r)
{
    enum { RANGES = 8 };
    static const double RADII_M[] = {100e3, 30e3, 8e3, 2e3, 500};
    for (size_t k = 0; k < sizeof RADII_M / sizeof RADII_M[0]; k++) {
        struct geo_range ranges[RANGES];
        struct geo_box box = geo_box_around(r->ask->near, RADII_M[k]);
        size_t n = geo_box_ranges(&box, ranges, RANGES), total = 0, from[RANGES], to[RANGES];
        for (size_t i = 0; i < n; i++) {
            from[i] = cell_bound(r->im, ranges[i].first);
            to[i] = cell_bound(r->im, ranges[i].last + 1);
            total += to[i] - from[i];
        }
        if (total > NEAR_MAX && k + 1 < sizeof RADII_M / sizeof RADII_M[0])
            continue;
        for (size_t i = 0; i < n; i++)
            for (size_t at = from[i]; at < to[i] && at - from[i] < NEAR_MAX; at++)
                candidate_add(r, r->im->by_cell[at]);
        return;
    }
}

static void candidates_find(struct ranking *r)
{
    uint32_t all = 0;
    unsigned n = 0, found;
    for (unsigned u = 0; u < r->q->units_n; u++)
        if (r->q->units[u].weight >= LEAST_WEIGHT / (float)(r->q->units_n > 1 ? r->q->units_n : 1) &&
            r->units[u].size > 0) {
            all |= UINT32_C(1) << u;
            n++;
        }
    if (n == 0)
        return;
    found = together(r, all, ALL_MAX, STEPS_MAX / n);
    for (unsigned u = 0; u < r->q->units_n && n > 1 && found < ENOUGH; u++)
        if (all >> u & 1)
            together(r, all & ~(UINT32_C(1) << u), SOME_MAX, STEPS_MAX / (n * n));
    for (unsigned u = 0; u < r->q->units_n && n > 2 && found < ENOUGH; u++)
        if (all >> u & 1)
            together(r, UINT32_C(1) << u, SOME_MAX, SOME_MAX * 2);
    if (r->ask->has_near)
        near_by(r);
}

/* --- how well a site answers ------------------------------------------------------------------------------------------------ */

static void options_index(struct ranking *r)
{
    for (unsigned i = r->q->options_n; i-- > 0;) {
        const struct query_option *o = &r->q->options[i];
        if (o->end - o->first > 1) {
            r->ranges[r->ranges_n++] = (uint16_t)i;
            continue;
        }
        uint16_t *head = &r->term_table[o->first * UINT32_C(2654435761) % TERM_TABLE];
        r->next[i] = *head;
        *head = (uint16_t)(i + 1);
    }
}

struct met {
    float unit[QUERY_UNITS_MAX];
    uint64_t words; /* of the name */
};

static void met_option(struct met *m, const struct query *q, const struct query_option *o, const struct search_slot *s)
{
    for (unsigned u = 0; u < q->units_n; u++)
        if ((o->mask >> u & 1) && m->unit[u] < o->weight)
            m->unit[u] = o->weight;
    for (unsigned w = s->word; w < 64 && w < (unsigned)s->word + s->span; w++)
        m->words |= UINT64_C(1) << w;
}

static void name_meet(const struct ranking *r, const struct search_name *name, struct met *m)
{
    memset(m, 0, sizeof *m);
    for (unsigned i = 0; i < name->n; i++) {
        const struct search_slot *s = &name->slots[i];
        for (uint16_t k = r->term_table[s->term * UINT32_C(2654435761) % TERM_TABLE]; k; k = r->next[k - 1])
            if (r->q->options[k - 1].first == s->term)
                met_option(m, r->q, &r->q->options[k - 1], s);
        for (unsigned k = 0; k < r->ranges_n; k++) {
            const struct query_option *o = &r->q->options[r->ranges[k]];
            if (s->term >= o->first && s->term < o->end)
                met_option(m, r->q, o, s);
        }
    }
}

static bool has_filters(const struct ranking *r, const struct search_name *attributes)
{
    for (unsigned k = 0; k < 2; k++) {
        bool has = r->must[k] == SEARCH_NONE;
        for (unsigned i = 0; i < attributes->n && !has; i++)
            has = attributes->slots[i].term == r->must[k];
        if (!has)
            return false;
    }
    return true;
}

/* What the words of one name, the other names and the attributes meet together, 0 to 1. */
static double met_share(const struct ranking *r, const struct met *name, const struct met *others,
                        const struct met *attributes)
{
    const float least = 0.2F;
    double met = 0, total = 0, unmet = 1;
    for (unsigned u = 0; u < r->q->units_n; u++) {
        float w = name->unit[u], a = attributes->unit[u] * W_ATTRIBUTE, o = others->unit[u] * W_OTHER_NAME;
        w += w > 0 && a > 0 ? W_BOTH : 0;
        w = w > a ? w : a;
        w = w > o ? w : o;
        if (w < least && r->q->units[u].weight >= LEAST_WEIGHT)
            unmet *= UNMET;
        met += (double)(w * r->q->units[u].weight);
        total += (double)r->q->units[u].weight;
    }
    return total > 0 ? unmet * met / total : 0;
}

static unsigned bits(uint64_t v)
{
    unsigned n = 0;
    for (; v; v &= v - 1)
        n++;
    return n;
}

static double place_bonus(const struct ranking *r, const struct search_site *s)
{
    const double most = 0.9, half_m = 15e3;
    if (!r->ask->has_near || s->lat == SEARCH_NOWHERE)
        return 0;
    double d = geo_distance_m(r->ask->near, (struct geo_point){s->lat * 1e-7, s->lon * 1e-7});
    return most / (1 + d / half_m);
}

static bool site_score(const struct ranking *r, uint32_t site, struct search_name *room, struct search_found *out)
{
    const double coverage_share = 0.15, significance_share = 0.12;
    struct met names[SEARCH_NAMES_MAX + 1], others = {0}, attributes = {0};
    unsigned ordinals[SEARCH_NAMES_MAX + 1], words[SEARCH_NAMES_MAX + 1], n = 0;
    bool passes = r->must[0] == SEARCH_NONE && r->must[1] == SEARCH_NONE;
    struct search_reader reader;
    search_names_begin(&reader, r->im, site);
    while (search_names_next(&reader, room) && n <= SEARCH_NAMES_MAX) {
        if (room->ordinal == SEARCH_ATTRIBUTES) {
            name_meet(r, room, &attributes);
            passes = has_filters(r, room);
            continue;
        }
        name_meet(r, room, &names[n]);
        ordinals[n] = room->ordinal;
        words[n] = room->words ? room->words : 1;
        for (unsigned u = 0; u < r->q->units_n; u++)
            others.unit[u] = others.unit[u] > names[n].unit[u] ? others.unit[u] : names[n].unit[u];
        n++;
    }
    static const struct met NOTHING;
    double best = met_share(r, &NOTHING, &others, &attributes), top = best * (1 - coverage_share);
    unsigned ordinal = SEARCH_ATTRIBUTES;
    for (unsigned i = 0; i < n; i++) {
        double share = met_share(r, &names[i], &others, &attributes);
        double covered = (double)bits(names[i].words) / words[i];
        double score = share * (1 - coverage_share + coverage_share * (covered < 1 ? covered : 1));
        if (names[i].words && score > top) {
            top = score;
            ordinal = ordinals[i];
        }
        best = best > share ? best : share;
    }
    if (!passes || best < LEAST_SCORE)
        return false;
    const struct search_site *s = &r->im->site[site];
    double more = significance_share * s->significance / 255 + place_bonus(r, s);
    *out = (struct search_found){site, s->id, ordinal, top * (1 + more)};
    return true;
}

static bool is_better(const struct search_found *a, const struct search_found *b)
{
    return a->score != b->score ? a->score > b->score : a->site < b->site;
}

static size_t keep(struct search_found *found, size_t n, size_t limit, const struct search_found *f)
{
    size_t i = n < limit ? n : limit - 1;
    if (n == limit && !is_better(f, &found[limit - 1]))
        return n;
    for (; i > 0 && is_better(f, &found[i - 1]); i--)
        found[i] = found[i - 1];
    found[i] = *f;
    return n < limit ? n + 1 : n;
}

static bool filter_find(struct ranking *r, unsigned k, const char *begin, struct str code)
{
    char text[SEARCH_TERM_MAX];
    r->must[k] = SEARCH_NONE;
    if (code.n == 0)
        return true;
    if (code.n + 2 > sizeof text)
        return false;
    memcpy(text, begin, 2);
    memcpy(text + 2, code.p, code.n);
    r->must[k] = search_term_find(r->im, (struct str){text, code.n + 2});
    return r->must[k] != SEARCH_NONE;
}

size_t search_rank(const struct search_image *im, const struct search_ask *ask, const uint64_t *out_bits,
                   struct arena *mem, struct search_found *found)
{
    struct query *q = ARENA_NEW(mem, struct query);
    struct ranking *r = ARENA_NEW(mem, struct ranking);
    struct search_name *room = ARENA_NEW(mem, struct search_name);
    size_t n = 0;
    r->im = im;
    r->q = q;
    r->ask = ask;
    r->out_bits = out_bits;
    r->mem = mem;
    if (!filter_find(r, 0, SEARCH_IS_KIND, ask->kind) || !filter_find(r, 1, SEARCH_IS_FAITH, ask->religion))
        return 0;
    search_expand(im, ask, mem, q);
    options_index(r);
    for (unsigned u = 0; u < q->units_n; u++)
        unit_fill(r, u);
    candidates_find(r);
    for (uint32_t i = 0; i < r->candidates_n; i++) {
        struct search_found f;
        if (site_score(r, r->candidates[i], room, &f))
            n = keep(found, n, ask->limit, &f);
    }
    return n;
}
