/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The search as the rest of the program holds it. What readers see is a view: an image, a small one of the touched sites
 * over it, and which sites of the large one these replace. A writer makes a new view and puts it in place; a view goes
 * when its last reader has let go.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sites/search_int.h"

enum { SPARE_HITS = 16, HIDDEN_MAX = 400, TOUCHED_BYTES = 64 << 20 };

#define WEAKEST 0.4 /* of the best one's score: below, a hit only looks like noise */

struct base {
    struct search_image *image;
    unsigned refs; /* views */
};
struct view_now {
    struct base *base;
    struct search_image *delta; /* NULL: nothing was touched */
    uint64_t *out_bits;         /* sites of the base that the delta replaces */
    size_t touched;
    unsigned refs; /* readers, and one for being the current one */
};
/* Of what was touched: public_id's state; site NULL: not public. */
struct touched {
    struct uuid public_id;
    int64_t seq;
    struct site *site;
};
struct search {
    pthread_mutex_t lock; /* of now and the reference counts */
    struct view_now *now;
    /* One cutter for all, as ICU takes 200 ms to load the tables of Chinese for each, and cutting a query takes 5 us. */
    pthread_mutex_t cut_lock;
    struct search_cutter *cutter;
    struct search_words *words; /* made when the first touched or hidden site is cut */
    pthread_t warming;
    bool is_warming;
    /* the writer's own */
    struct arena mem; /* of the touched sites */
    struct touched *touched;
    size_t touched_n, touched_size;
    bool is_changed;
};

/* --- the cutter ----------------------------------------------------------------------------------------------------- */

/* Loads ICU's tables before somebody waits for them. */
static void *warm(void *arg)
{
    struct search *s = arg;
    struct search_cut cut;
    struct arena mem;
    arena_init(&mem);
    pthread_mutex_lock(&s->cut_lock);
    search_cut(s->cutter, STR("寺院 собор مسجد בית ναός मंदिर วัด 절 ぜん ტაძარი վանք"), &mem, &cut);
    pthread_mutex_unlock(&s->cut_lock);
    arena_fini(&mem);
    return NULL;
}

static void cut_query(struct search *s, struct str text, struct arena *mem, struct search_cut *out)
{
    pthread_mutex_lock(&s->cut_lock);
    search_cut(s->cutter, text, mem, out);
    pthread_mutex_unlock(&s->cut_lock);
}

/* --- views ---------------------------------------------------------------------------------------------------------- */

static void view_drop(struct search *s, struct view_now *v)
{
    struct base *base = NULL;
    if (!v)
        return;
    pthread_mutex_lock(&s->lock);
    bool is_last = --v->refs == 0;
    if (is_last && v->base && --v->base->refs == 0)
        base = v->base;
    pthread_mutex_unlock(&s->lock);
    if (!is_last)
        return;
    if (base) {
        search_image_close(base->image);
        free(base);
    }
    search_image_close(v->delta);
    free(v->out_bits);
    free(v);
}

static struct view_now *view_get(struct search *s)
{
    pthread_mutex_lock(&s->lock);
    struct view_now *v = s->now;
    if (v)
        v->refs++;
    pthread_mutex_unlock(&s->lock);
    return v;
}

static void view_put(struct search *s, struct view_now *v)
{
    pthread_mutex_lock(&s->lock);
    struct view_now *was = s->now;
    s->now = v;
    pthread_mutex_unlock(&s->lock);
    view_drop(s, was);
}

enum rc search_new(struct search **out, struct err *err)
{
    struct search *s = mem_alloc(sizeof *s);
    arena_init(&s->mem);
    enum rc rc = search_cutter_new(&s->cutter, err);
    if (rc == RC_OK && (pthread_mutex_init(&s->lock, NULL) != 0 || pthread_mutex_init(&s->cut_lock, NULL) != 0))
        rc = err_set(err, RC_NOMEM, "cannot make a lock");
    if (rc != RC_OK) {
        search_cutter_free(s->cutter);
        free(s);
        return rc;
    }
    s->is_warming = pthread_create(&s->warming, NULL, warm, s) == 0; /* without it the first ones wait */
    *out = s;
    return RC_OK;
}

void search_free(struct search *s)
{
    if (!s)
        return;
    if (s->is_warming)
        pthread_join(s->warming, NULL);
    view_put(s, NULL);
    search_cutter_free(s->cutter);
    search_words_free(s->words);
    arena_fini(&s->mem);
    free(s->touched);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->cut_lock);
    free(s);
}

void search_stats(struct search *s, struct search_stats *out)
{
    struct view_now *v = view_get(s);
    *out = (struct search_stats){0};
    if (v) {
        *out =
            (struct search_stats){v->base->image->sites, v->base->image->terms, v->base->image->map.n, v->touched, ""};
        memcpy(out->revision, v->base->image->h->revision, sizeof out->revision);
    }
    view_drop(s, v);
}

/* --- touched sites ----------------------------------------------------------------------------------------------------- */

static struct site *site_copy(struct arena *mem, const struct site *from)
{
    struct site *s = arena_copy(mem, from, sizeof *from);
    struct str *texts[] = {&s->name,   &s->class_code, &s->kind,     &s->religion, &s->denomination, &s->country,
                           &s->admin1, &s->heritage,   &s->wikidata, &s->unesco,   &s->status};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = str_copy(mem, *texts[i]);
    s->note = STR_NONE;
    struct site_name *names = ARENA_NEW_N(mem, struct site_name, s->names_n ? s->names_n : 1);
    for (size_t i = 0; i < s->names_n; i++)
        names[i] = (struct site_name){str_copy(mem, from->names[i].lang), str_copy(mem, from->names[i].text)};
    s->names = names;
    return s;
}

/* What was noted and overtaken is dropped with the arena it lies in. */
static void touched_compact(struct search *s)
{
    struct arena mem;
    if (s->mem.used < TOUCHED_BYTES)
        return;
    arena_init(&mem);
    for (size_t i = 0; i < s->touched_n; i++)
        if (s->touched[i].site)
            s->touched[i].site = site_copy(&mem, s->touched[i].site);
    arena_fini(&s->mem);
    s->mem = mem;
}

void search_touch(struct search *s, const struct sites_now *now, int64_t seq)
{
    size_t i = 0;
    while (i < s->touched_n && !uuid_is_equal(s->touched[i].public_id, now->public_id))
        i++;
    if (i == s->touched_n && s->touched_n++ == s->touched_size) {
        s->touched_size = s->touched_size ? 2 * s->touched_size : 64;
        s->touched = mem_realloc(s->touched, s->touched_size * sizeof *s->touched);
    }
    s->touched[i] = (struct touched){now->public_id, seq, now->site ? site_copy(&s->mem, now->site) : NULL};
    s->is_changed = true;
    touched_compact(s);
}

static enum rc delta_make(struct search *s, struct search_image **out, struct err *err)
{
    struct search_builder *b = NULL;
    pthread_mutex_lock(&s->cut_lock);
    enum rc rc = s->words ? RC_OK : search_words_new(&s->words, err);
    if (rc == RC_OK)
        rc = search_builder_new(s->words, s->cutter, NULL, &b, err);
    for (size_t i = 0; i < s->touched_n && rc == RC_OK; i++)
        if (s->touched[i].site)
            rc = search_builder_add(b, s->touched[i].site, err);
    pthread_mutex_unlock(&s->cut_lock);
    if (rc == RC_OK)
        rc = search_builder_image(b, out, err);
    search_builder_free(b);
    return rc;
}

static enum rc view_make(struct search *s, struct base *base, struct err *err)
{
    struct view_now *v = mem_alloc(sizeof *v);
    *v = (struct view_now){.base = base, .touched = s->touched_n, .refs = 1};
    if (s->touched_n > 0) {
        enum rc rc = delta_make(s, &v->delta, err);
        if (rc != RC_OK) {
            free(v);
            return rc;
        }
        v->out_bits = mem_array(base->image->sites / 64 + 1, sizeof *v->out_bits);
        for (size_t i = 0; i < s->touched_n; i++) {
            uint32_t site = search_site_find(base->image, s->touched[i].public_id);
            if (site != SEARCH_NONE)
                v->out_bits[site / 64] |= UINT64_C(1) << (site % 64);
        }
    }
    pthread_mutex_lock(&s->lock);
    base->refs++;
    pthread_mutex_unlock(&s->lock);
    s->is_changed = false;
    view_put(s, v);
    return RC_OK;
}

enum rc search_show(struct search *s, struct err *err)
{
    if (!s->is_changed || !s->now)
        return RC_OK;
    return view_make(s, s->now->base, err); /* only the writer changes now */
}

enum rc search_open(struct search *s, const char *path, const char *revision, int64_t seq, struct err *err)
{
    struct base *base = mem_alloc(sizeof *base);
    size_t n = 0;
    enum rc rc = search_image_open(path, search_words_hash(), revision, &base->image, err);
    if (rc != RC_OK) {
        free(base);
        return rc;
    }
    for (size_t i = 0; i < s->touched_n; i++)
        if (s->touched[i].seq > seq)
            s->touched[n++] = s->touched[i];
    s->touched_n = n;
    if (n == 0)
        arena_reset(&s->mem);
    rc = view_make(s, base, err);
    if (rc != RC_OK) {
        search_image_close(base->image);
        free(base);
    }
    return rc;
}

/* --- building ------------------------------------------------------------------------------------------------------------- */

enum { PATH_BYTES = 4096, REVISION_BYTES = SEARCH_REVISION_MAX + 1 };
#define AREA_WEIGHT 0.7

struct search_making {
    struct search_words *words;
    struct search_cutter *cutter;
    struct search_builder *builder;
    struct search_phrases *phrases;
    char path[PATH_BYTES], revision[REVISION_BYTES];
};

static void area_add(void *ctx, struct str code, struct str name)
{
    struct search_making *m = ctx;
    char term[SEARCH_TERM_MAX];
    if (code.n + 2 > sizeof term)
        return;
    memcpy(term, SEARCH_IS_ADMIN, 2);
    memcpy(term + 2, code.p, code.n);
    search_phrases_add(m->phrases, m->cutter, name, AREA_WEIGHT, (struct str){term, code.n + 2});
}

static enum rc making_open(struct search_making *m, struct store *st, struct err *err)
{
    char spool[PATH_BYTES + 8];
    snprintf(spool, sizeof spool, "%s.laid", m->path);
    TRY(search_words_new(&m->words, err));
    TRY(search_cutter_new(&m->cutter, err));
    TRY(search_builder_new(m->words, m->cutter, spool, &m->builder, err));
    m->phrases = search_phrases_new();
    return search_store_areas(st, area_add, m, err);
}

static void making_free(struct search_making *m)
{
    search_phrases_free(m->phrases);
    search_builder_free(m->builder);
    search_cutter_free(m->cutter);
    search_words_free(m->words);
    free(m);
}

enum rc search_making_begin(struct store *st, const char *path, const char *revision, struct search_making **out,
                            struct err *err)
{
    struct search_making *m = mem_alloc(sizeof *m);
    enum rc rc = RC_OK;
    if ((size_t)snprintf(m->path, sizeof m->path, "%s", path) >= sizeof m->path ||
        (size_t)snprintf(m->revision, sizeof m->revision, "%s", revision) >= sizeof m->revision)
        rc = err_set(err, RC_INVALID, "the search's path or revision is too long");
    if (rc == RC_OK)
        rc = making_open(m, st, err);
    if (rc == RC_OK)
        *out = m;
    else
        making_free(m);
    return rc;
}

enum rc search_making_add(struct search_making *m, const struct site *site, struct err *err)
{
    return search_builder_add(m->builder, site, err);
}

enum rc search_making_end(struct search_making *m, bool keep, struct err *err)
{
    enum rc rc = RC_OK;
    if (keep) {
        search_phrases_add_all(m->phrases, m->cutter, m->words);
        rc = search_builder_write(m->builder, m->path, str_of(m->revision), search_phrases_text(m->phrases), err);
    }
    making_free(m);
    return rc;
}

static enum rc build_add(void *ctx, const struct site *site, struct err *err)
{
    return search_making_add(ctx, site, err);
}

enum rc search_build(struct store *st, const char *path, struct str revision, struct err *err)
{
    char text[REVISION_BYTES];
    struct search_making *m;
    if (revision.n > SEARCH_REVISION_MAX)
        return err_set(err, RC_INVALID, "the search's revision is over %d bytes", SEARCH_REVISION_MAX);
    snprintf(text, sizeof text, STR_FMT, STR_ARG(revision));
    TRY(search_making_begin(st, path, text, &m, err));
    enum rc rc = sites_each_public(st, true, build_add, m, err);
    struct err second;
    enum rc end = search_making_end(m, rc == RC_OK, rc == RC_OK ? err : &second);
    return rc == RC_OK ? end : rc;
}

/* --- asking ------------------------------------------------------------------------------------------------------------------ */

struct asking {
    struct search *s;
    struct store *st;
    const struct search_options *opt;
    struct search_cut cut;
    struct search_ask ask;
    struct arena *mem;
    struct search_found found[2 * (SEARCH_LIMIT_MAX + SPARE_HITS) + SEARCH_LIMIT_MAX];
    size_t n;
    struct search_hit *hits;
    size_t hits_n;
};

static int by_score(const void *a, const void *b)
{
    const struct search_found *x = a, *y = b;
    return x->score != y->score ? (x->score > y->score ? -1 : 1) : (x->site > y->site) - (x->site < y->site);
}

static void find_public(struct asking *a, const struct view_now *v)
{
    a->ask.limit = a->opt->limit + SPARE_HITS; /* some may be hidden by now */
    a->ask.phrases = v->base->image->phrases;
    a->n = search_rank(v->base->image, &a->ask, v->out_bits, a->mem, a->found);
    if (v->delta)
        a->n += search_rank(v->delta, &a->ask, NULL, a->mem, a->found + a->n);
}

static enum rc hidden_add(void *ctx, const struct site *site, struct err *err)
{
    return search_builder_add(ctx, site, err);
}

/* F2: an image of their own for the few that match, for as long as the question lasts. */
static enum rc find_hidden(struct asking *a, const struct view_now *v, struct err *err)
{
    struct search *s = a->s;
    struct search_builder *b = NULL;
    struct search_image *image = NULL;
    pthread_mutex_lock(&s->cut_lock);
    enum rc rc = s->words ? RC_OK : search_words_new(&s->words, err);
    if (rc == RC_OK)
        rc = search_builder_new(s->words, s->cutter, NULL, &b, err);
    if (rc == RC_OK)
        rc = search_store_hidden(a->st, a->opt->viewer, a->cut.run, a->cut.runs, HIDDEN_MAX, hidden_add, b, err);
    pthread_mutex_unlock(&s->cut_lock);
    if (rc == RC_OK)
        rc = search_builder_image(b, &image, err);
    if (rc == RC_OK) {
        a->ask.limit = a->opt->limit;
        a->ask.phrases = v->base->image->phrases;
        a->n += search_rank(image, &a->ask, NULL, a->mem, a->found + a->n);
    }
    search_image_close(image);
    search_builder_free(b);
    return rc;
}

static struct str name_of(const struct site *s, unsigned ordinal, struct str lang)
{
    if (ordinal < s->names_n)
        return s->names[ordinal].text;
    for (size_t i = 0; i < s->names_n && ordinal == SEARCH_ATTRIBUTES && lang.n; i++)
        if (str_is_equal_nocase(s->names[i].lang, lang))
            return s->names[i].text;
    return s->name;
}

static bool is_given(const struct asking *a, struct uuid public_id)
{
    for (size_t i = 0; i < a->hits_n; i++)
        if (uuid_is_equal(a->hits[i].site.public_id, public_id))
            return true;
    return false;
}

/* F1: each as the store has it now, through the policy. */
static enum rc give(struct asking *a, struct err *err)
{
    struct uuid *ids = ARENA_NEW_N(a->mem, struct uuid, a->n + 1);
    struct site *sites = ARENA_NEW_N(a->mem, struct site, a->n + 1);
    enum view *views = ARENA_NEW_N(a->mem, enum view, a->n + 1);
    if (a->n)
        qsort(a->found, a->n, sizeof *a->found, by_score);
    size_t n = a->n < a->opt->limit + SPARE_HITS ? a->n : a->opt->limit + SPARE_HITS;
    for (size_t i = 0; i < n; i++)
        ids[i] = a->found[i].id;
    TRY(search_store_hits(a->st, ids, n, a->opt->viewer, a->mem, sites, views, err));
    /* The first that is given sets the measure, not one that this viewer may not know of. */
    for (size_t i = 0; i < n && a->hits_n < a->opt->limit; i++)
        if (views[i] != VIEW_DENIED && !is_given(a, sites[i].public_id) &&
            (a->hits_n == 0 || a->found[i].score >= WEAKEST * a->hits[0].score))
            a->hits[a->hits_n++] = (struct search_hit){
                sites[i], views[i], name_of(&sites[i], a->found[i].ordinal, a->opt->lang), a->found[i].score};
    return RC_OK;
}

/* A short code is one site's, whatever else it may spell. */
static enum rc give_code(struct asking *a, struct err *err)
{
    const double score = 1.5;
    struct site *site;
    uint64_t code;
    if (!code_parse(str_trim(a->ask.text), &code))
        return RC_OK;
    struct err none;
    enum rc rc = sites_find(a->st, str_trim(a->ask.text), a->opt->viewer, a->mem, &site, &none);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (rc != RC_OK)
        return err_set(err, rc, "%s", none.text);
    struct site again = *site;
    enum view view = again.is_coarse ? VIEW_COARSE : VIEW_FULL;
    a->hits[a->hits_n++] = (struct search_hit){again, view, again.name, score};
    return RC_OK;
}

static enum rc ask(struct asking *a, const struct view_now *v, struct err *err)
{
    struct policy_object hidden = {.kind = POLICY_SITE, .visibility = VISIBILITY_HIDDEN};
    TRY(give_code(a, err));
    if (a->hits_n > 0)
        return RC_OK;
    find_public(a, v);
    if (policy_view(a->opt->viewer, &hidden) != VIEW_DENIED)
        TRY(find_hidden(a, v, err));
    return give(a, err);
}

enum rc search_query(struct search *s, struct store *st, struct str text, const struct search_options *opt,
                     struct arena *mem, struct search_hit **out, size_t *n, struct err *err)
{
    if (text.n > SEARCH_TEXT_MAX)
        return err_set(err, RC_TOO_LARGE, "the search text is longer than %d bytes", SEARCH_TEXT_MAX);
    if (!str_is_utf8(text))
        return err_set(err, RC_INVALID, "the search text is not UTF-8");
    if (opt->limit == 0 || opt->limit > SEARCH_LIMIT_MAX)
        return err_set(err, RC_INVALID, "the limit must be 1 to %d", SEARCH_LIMIT_MAX);
    struct view_now *v = view_get(s);
    if (!v)
        return err_set(err, RC_BUSY, "The index of the search is being built; try again in a moment.");
    struct asking *a = ARENA_NEW(mem, struct asking);
    *a = (struct asking){.s = s, .st = st, .opt = opt, .mem = mem};
    a->ask = (struct search_ask){
        .text = text, .has_near = opt->has_near, .near = opt->near, .religion = opt->religion, .kind = opt->kind};
    a->hits = ARENA_NEW_N(mem, struct search_hit, opt->limit + 1);
    cut_query(s, text, mem, &a->cut);
    a->ask.cut = &a->cut;
    enum rc rc = ask(a, v, err);
    view_drop(s, v);
    if (rc == RC_OK) {
        *out = a->hits;
        *n = a->hits_n < opt->limit ? a->hits_n : opt->limit;
    }
    return rc;
}
