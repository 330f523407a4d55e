/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A run: read what is to be compared, find candidates, score them, choose, write. Two walks over the candidates: the first
 * tells whose texts are needed, the second scores.
 */
#include "sites/join_int.h"

#include <stdlib.h>
#include <string.h>

#include "sites/touched.h"

enum { BATCH = 256, FAR_PAIRS_MAX = 64 };
#define MANY_SOURCES 0x80000000u /* added to the record: a number of a source that nobody else has */
#define FAR_MAX_M    20000.0     /* one Wikidata number on two places farther apart is an error of one of them */

struct run {
    struct store *st;
    const struct joins_options *opt;
    struct join_words *words;
    struct join_rules *rules;
    struct join_lights lights;
    struct join_texts *texts;
    struct arena mem;
    struct join_known *known; /* by records, once they are looked up */
    size_t known_n;
    uint64_t *apart; /* sorted: record a << 32 | record b, a < b */
    size_t apart_n;
    struct join_choice *pairs;
    size_t pairs_n, pairs_size;
    bool is_scoring; /* else only marking whose texts are needed */
    struct joins_report report;
    int64_t seq; /* what is compared is of this change or later */
};

static void progress(const struct run *r, const char *what, int64_t done, int64_t total)
{
    if (r->opt->progress)
        r->opt->progress(r->opt->ctx, what, done, total);
}

/* ---- sources ---- */

static size_t extras_from(const struct join_lights *l, uint32_t record)
{
    size_t lo = 0, hi = l->extras_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (l->extras[mid].record < record)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool has_source(const struct join_lights *l, uint32_t record, uint32_t source)
{
    if (l->items[record].source == source)
        return true;
    for (size_t i = extras_from(l, record); i < l->extras_n && l->extras[i].record == record; i++)
        if (l->extras[i].source == source)
            return true;
    return false;
}

static bool meets(void *ctx, uint32_t a, uint32_t b)
{
    const struct join_lights *l = &((const struct run *)ctx)->lights;
    if (has_source(l, b, l->items[a].source))
        return true;
    for (size_t i = extras_from(l, a); i < l->extras_n && l->extras[i].record == a; i++)
        if (has_source(l, b, l->extras[i].source))
            return true;
    return false;
}

static uint64_t key_of(uint32_t a, uint32_t b)
{
    return a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
}

static int key_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_apart(void *ctx, uint32_t a, uint32_t b)
{
    const struct run *r = ctx;
    uint64_t key = key_of(a, b);
    return r->apart_n && bsearch(&key, r->apart, r->apart_n, sizeof key, key_compare);
}

static double score(void *ctx, uint32_t a, uint32_t b)
{
    const struct run *r = ctx;
    struct join_score_options opt = {.without_osm_ids = r->opt->without_osm_ids};
    struct join_side x = join_texts_side(r->texts, a), y = join_texts_side(r->texts, b);
    return join_score(r->words, &x, &y, &opt, NULL);
}

/* ---- candidates ---- */

static void candidate(void *ctx, uint32_t a, uint32_t b)
{
    struct run *r = ctx;
    struct join_light *x = &r->lights.items[a], *y = &r->lights.items[b];
    if ((!x->is_touched && !y->is_touched) || meets(r, a, b))
        return;
    if (!r->is_scoring) {
        x->is_needed = y->is_needed = true;
        r->report.candidates++;
        return;
    }
    double sum = score(r, a, b);
    if (sum < JOIN_FLOOR)
        return;
    if (r->pairs_n == r->pairs_size) {
        r->pairs_size = r->pairs_size ? 2 * r->pairs_size : 4096;
        r->pairs = mem_realloc(r->pairs, r->pairs_size * sizeof *r->pairs);
    }
    r->pairs[r->pairs_n++] = (struct join_choice){.a = a, .b = b, .score = (float)sum};
}

/* A group's sources are many; no other point has the same number, so that it is a candidate for all. */
static struct join_point *points_make(struct run *r, size_t *n)
{
    const struct join_lights *l = &r->lights;
    struct join_point *p = mem_array(l->n + 1, sizeof *p);
    *n = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->items[i].cell != JOIN_NO_CELL)
            p[(*n)++] = (struct join_point){l->items[i].cell, (uint32_t)i, l->items[i].source, l->items[i].reach_m};
    for (size_t i = 0, k = 0; i < *n; i++) {
        while (k < l->extras_n && l->extras[k].record < p[i].record)
            k++;
        if (k < l->extras_n && l->extras[k].record == p[i].record)
            p[i].source = MANY_SOURCES + p[i].record;
    }
    join_points_sort(p, *n);
    return p;
}

/* Sites with one Wikidata number, wherever they are: pairs that lie beyond the reach of the walk. */
struct numbered {
    uint64_t wikidata;
    uint32_t record;
};

static int numbered_compare(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    if (x->wikidata != y->wikidata)
        return x->wikidata < y->wikidata ? -1 : 1;
    return x->record < y->record ? -1 : x->record > y->record;
}

/* Whether the walk over places has not met them already. */
static bool is_far(const struct join_light *a, const struct join_light *b)
{
    if (a->cell == JOIN_NO_CELL || b->cell == JOIN_NO_CELL)
        return true;
    double d = geo_distance_m(geo_merc_point(geo_cell_merc(a->cell)), geo_merc_point(geo_cell_merc(b->cell)));
    double reach = JOIN_RADIUS_M + (double)a->reach_m + (double)b->reach_m;
    return d > 1.001 * (reach < JOIN_REACH_MAX_M ? reach : JOIN_REACH_MAX_M) && d <= FAR_MAX_M;
}

static void numbered_walk(struct run *r)
{
    struct numbered *all = mem_array(r->lights.n + 1, sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < r->lights.n; i++)
        if (r->lights.items[i].wikidata)
            all[n++] = (struct numbered){r->lights.items[i].wikidata, (uint32_t)i};
    qsort(all, n, sizeof *all, numbered_compare);
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n && k <= i + FAR_PAIRS_MAX && all[k].wikidata == all[i].wikidata; k++)
            if (is_far(&r->lights.items[all[i].record], &r->lights.items[all[k].record]))
                candidate(r, all[i].record, all[k].record);
    free(all);
}

static void walk(struct run *r, const struct join_point *points, size_t n, bool is_scoring)
{
    r->is_scoring = is_scoring;
    struct join_candidates_report c = join_candidates(points, n, candidate, r);
    numbered_walk(r);
    r->report.crowded = (int64_t)c.crowded;
}

/* ---- what has been decided before ---- */

static enum rc known_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct run *r = ctx;
    arena_reset(&r->mem);
    return join_known_read(tx, &r->mem, &r->known, &r->known_n, err);
}

/* A pair may since have come to show under other sites. */
static enum rc roots_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct run *r = ctx;
    r->apart_n = 0;
    for (size_t i = 0; i < r->known_n; i++) {
        struct uuid a, b;
        if (!r->known[i].is_apart)
            continue;
        TRY(join_root(tx, r->known[i].a, &a, err));
        TRY(join_root(tx, r->known[i].b, &b, err));
        size_t x = join_lights_find(&r->lights, a), y = join_lights_find(&r->lights, b);
        if (x != SIZE_MAX && y != SIZE_MAX)
            r->apart[r->apart_n++] = key_of((uint32_t)x, (uint32_t)y);
    }
    return RC_OK;
}

static enum rc decided_read(struct run *r, struct err *err)
{
    TRY(store_read(r->st, known_read, r, err));
    r->apart = mem_array(r->known_n + 1, sizeof *r->apart);
    TRY(store_read(r->st, roots_read, r, err));
    qsort(r->apart, r->apart_n, sizeof *r->apart, key_compare);
    return RC_OK;
}

/* ---- writing ---- */

struct batch {
    struct run *r;
    const struct join_choice *choices;
    size_t n;
    struct instant now;
    int64_t joined, opened;
};

static struct str reasons_of(struct run *r, const struct join_choice *c, struct arena *mem)
{
    struct buf b;
    struct join_score_options opt = {.without_osm_ids = r->opt->without_osm_ids};
    struct join_side x = join_texts_side(r->texts, c->a), y = join_texts_side(r->texts, c->b);
    buf_init(&b, 0);
    join_score(r->words, &x, &y, &opt, &b);
    if (c->is_alone && b.n > 1) { /* one more, before the closing bracket */
        b.n--;
        buf_add_z(&b,
                  b.n > 1 ? ",{\"what\":\"rivals\",\"value\":\"none\"}]" : "{\"what\":\"rivals\",\"value\":\"none\"}]");
    }
    struct str out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return out;
}

static struct join_pair pair_make(struct run *r, const struct join_choice *c, struct arena *mem)
{
    struct uuid a = r->lights.items[c->a].id, b = r->lights.items[c->b].id;
    bool is_turned = memcmp(a.b, b.b, sizeof a.b) > 0;
    return (struct join_pair){.a = is_turned ? b : a,
                              .b = is_turned ? a : b,
                              .state = c->outcome == JOIN_JOINED ? STR("joined") : STR("open"),
                              .score = join_probability((double)c->score),
                              .reasons = reasons_of(r, c, mem)};
}

/* One pair. What has changed since it was read (joined otherwise, decided by a person) is left for the next run. */
static enum rc one_write(struct store_tx *tx, struct batch *b, const struct join_choice *c, size_t i, struct arena *mem,
                         struct join_touched *touched, struct err *err)
{
    struct join_pair p = pair_make(b->r, c, mem), old;
    struct uuid x, y;
    bool known;
    bool is_join = c->outcome == JOIN_JOINED;
    TRY(join_pair_of(tx, p.a, p.b, mem, &known, &old, err));
    if (known && (!str_is_equal(old.state, STR("open")) || !is_join))
        return RC_OK;
    TRY(join_root(tx, p.a, &x, err));
    TRY(join_root(tx, p.b, &y, err));
    if (uuid_is_equal(x, y))
        return RC_OK;
    p.id = known ? old.id : uuid_v7(b->now);
    p.public_id = known ? old.public_id : uuid_random();
    p.at = (struct instant){b->now.us + (int64_t)i}; /* each its own, so that the order of joining is known */
    if (is_join) {
        enum rc rc = join_merge(tx, b->r->rules, &p, touched, err);
        if (rc == RC_TOO_LARGE)
            return RC_OK;
        TRY(rc);
    }
    b->joined += is_join;
    b->opened += !is_join;
    return join_pair_put(tx, &p, is_join ? "site.join" : "site.ask", err);
}

static int uuid_compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

static enum rc touched_write(struct store_tx *tx, const struct batch *b, struct uuid *ids, size_t n, struct err *err)
{
    size_t kept = 0;
    qsort(ids, n, sizeof *ids, uuid_compare);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !uuid_is_equal(ids[kept - 1], ids[i]))
            ids[kept++] = ids[i];
    if (kept == 0)
        return RC_OK;
    TRY(sites_changed(tx, b->now, ids, kept, err));
    return join_seq_advance(tx, err);
}

static enum rc batch_write(struct store_tx *tx, void *ctx, struct err *err)
{
    struct batch *b = ctx;
    struct arena mem;
    enum rc rc = RC_OK;
    size_t n = 0;
    arena_init(&mem);
    b->joined = b->opened = 0;
    struct uuid *ids = ARENA_NEW_N(&mem, struct uuid, 2 * BATCH);
    for (size_t i = 0; i < b->n && rc == RC_OK; i++) {
        struct join_touched touched = {.n = 0};
        rc = one_write(tx, b, &b->choices[i], i, &mem, &touched, err);
        for (size_t k = 0; k < touched.n && n < 2 * BATCH; k++)
            ids[n++] = touched.ids[k];
    }
    if (rc == RC_OK)
        rc = touched_write(tx, b, ids, n, err);
    arena_fini(&mem);
    return rc;
}

static void say(struct run *r, const struct join_choice *c)
{
    struct arena mem;
    arena_init(&mem);
    struct join_pair p = pair_make(r, c, &mem);
    r->opt->decided(r->opt->ctx, &p);
    arena_fini(&mem);
}

static enum rc seq_write(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct run *r = ctx;
    return join_seq_set(tx, r->seq, err);
}

/* Pairs that nothing is done about move to the end. */
static size_t chosen(struct run *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->pairs_n; i++)
        if (r->pairs[i].outcome != JOIN_SEPARATE)
            r->pairs[n++] = r->pairs[i];
    return n;
}

static enum rc pairs_write(struct run *r, struct err *err)
{
    size_t n = chosen(r);
    for (size_t i = 0; i < n && r->opt->decided; i++)
        say(r, &r->pairs[i]);
    if (r->opt->dry_run) {
        for (size_t i = 0; i < n; i++)
            *(r->pairs[i].outcome == JOIN_JOINED ? &r->report.joined : &r->report.opened) += 1;
        return RC_OK;
    }
    TRY(store_write(r->st, seq_write, r, err));
    for (size_t at = 0; at < n; at += BATCH) {
        struct batch b = {.r = r, .choices = r->pairs + at, .n = n - at < BATCH ? n - at : BATCH, .now = clock_now()};
        TRY(store_write(r->st, batch_write, &b, err));
        r->report.joined += b.joined;
        r->report.opened += b.opened;
        progress(r, "joining", (int64_t)(at + b.n), (int64_t)n);
    }
    return RC_OK;
}

/* ---- the run ---- */

static enum rc seq_read(struct store_tx *tx, void *ctx, struct err *err)
{
    return join_seq_read(tx, ctx, err);
}

static enum rc lights_read(struct run *r, struct err *err)
{
    struct arena mem;
    struct sites_touched touched = {0};
    struct sites_change last;
    int64_t seq = -1;
    TRY(sites_change_last(r->st, &last, err)); /* first, so that what comes meanwhile is compared again */
    r->seq = last.seq;
    arena_init(&mem);
    enum rc rc = store_read(r->st, seq_read, &seq, err);
    r->report.is_whole = r->opt->is_whole || seq < 0;
    if (rc == RC_OK && !r->report.is_whole) {
        rc = sites_touched_since(r->st, seq, &mem, &touched, err);
        r->report.is_whole = touched.is_whole || touched.is_lost || touched.n > SITES_TOUCHED_MAX;
    }
    progress(r, "reading", 0, 0);
    if (rc == RC_OK)
        rc = r->report.is_whole ? join_lights_read(r->st, &r->lights, err)
                                : join_lights_around(r->st, touched.ids, touched.n, &r->lights, err);
    arena_fini(&mem);
    return rc;
}

static enum rc compare(struct run *r, struct err *err)
{
    size_t n;
    struct join_point *points = points_make(r, &n);
    progress(r, "comparing", 0, 0);
    walk(r, points, n, false);
    enum rc rc = join_texts_read(r->st, r->words, &r->lights, &r->texts, err);
    if (rc == RC_OK)
        walk(r, points, n, true);
    free(points);
    for (size_t i = 0; i < r->lights.n; i++)
        r->report.records += r->lights.items[i].is_needed;
    return rc;
}

static enum rc run(struct run *r, struct err *err)
{
    int64_t sources;
    TRY(join_sources_count(r->st, &sources, err));
    if (sources < 2)
        return RC_OK;
    TRY(join_words_new(&r->words, err));
    TRY(join_rules_new(&r->rules, err));
    TRY(lights_read(r, err));
    TRY(decided_read(r, err));
    TRY(compare(r, err));
    struct join_world world = {
        .records_n = r->lights.n, .meets = meets, .is_apart = is_apart, .score = score, .ctx = r};
    join_choose(r->pairs, r->pairs_n, &world);
    return pairs_write(r, err);
}

enum rc joins_run(struct store *st, const struct joins_options *opt, struct joins_report *out, struct err *err)
{
    struct run *r = mem_alloc(sizeof *r);
    int64_t began = clock_monotonic_us();
    *r = (struct run){.st = st, .opt = opt};
    arena_init(&r->mem);
    join_lights_init(&r->lights);
    enum rc rc = run(r, err);
    r->report.seconds = (double)(clock_monotonic_us() - began) / 1e6;
    if (rc == RC_OK)
        *out = r->report;
    join_lights_fini(&r->lights);
    join_texts_free(r->texts);
    join_words_free(r->words);
    join_rules_free(r->rules);
    arena_fini(&r->mem);
    free(r->pairs);
    free(r->apart);
    free(r);
    return rc;
}

void joins_report_json(struct json_out *j, const struct joins_report *r)
{
    json_begin_object(j);
    json_put_i64(j, "records", r->records);
    json_put_i64(j, "candidates", r->candidates);
    json_put_i64(j, "joined", r->joined);
    json_put_i64(j, "opened", r->opened);
    json_put_i64(j, "crowded", r->crowded);
    json_put_bool(j, "whole", r->is_whole);
    json_put_f64(j, "seconds", r->seconds, 3);
    json_end_object(j);
}
