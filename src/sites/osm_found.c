/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The OSM reader's passes: what is met is judged at once and kept small; what it refers to becomes the wish list of the
 * next pass.
 */
#include "sites/osm_int.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LOCKS = 64 };

struct osm_kept {
    atomic_uint_fast64_t bytes;
    pthread_mutex_t locks[LOCKS]; /* of spots, by slot */
};

static void *grown(void *p, size_t *have, size_t n, size_t size)
{
    if (n <= *have)
        return p;
    *have = *have ? 2 * *have : 64;
    *have = *have < n ? n : *have;
    return mem_realloc(p, *have * size);
}

enum rc osm_keep(struct osm_catch *c, size_t bytes, struct err *err)
{
    if (atomic_fetch_add(&c->job->kept->bytes, bytes) + bytes > OSM_KEPT_MAX)
        return err_set(err, RC_TOO_LARGE, "the objects found need over 32 GiB");
    return RC_OK;
}

/* --- keeping one object -------------------------------------------------------------------------------------------- */

static struct str tag_value(const struct osm_object *o, const char *key)
{
    for (size_t i = 0; i < o->tags_n; i++)
        if (str_is_equal(o->tags[i].key, str_of(key)))
            return o->tags[i].value;
    return STR("");
}

/* Tags like these on a closed way mean the area inside, unless area=no says that the line itself is meant. */
static enum osm_form form_of(const struct osm_object *o)
{
    if (o->kind == OSM_NODE)
        return OSM_FORM_POINT;
    if (o->kind == OSM_WAY) {
        bool closed = o->refs_n >= 4 && o->refs[0] == o->refs[o->refs_n - 1];
        return closed && !str_is_equal(tag_value(o, "area"), STR("no")) ? OSM_FORM_AREA : OSM_FORM_LINE;
    }
    struct str type = tag_value(o, "type");
    if (str_is_equal(type, STR("multipolygon")) || str_is_equal(type, STR("boundary")))
        return OSM_FORM_AREA;
    return str_is_equal(type, STR("building")) ? OSM_FORM_BUILDING : OSM_FORM_GROUP;
}

static enum osm_role role_of(struct str role)
{
    static const char *const RINGS[] = {"", "outer", "inner", "enclave", "exclave"};
    for (size_t i = 0; i < sizeof RINGS / sizeof *RINGS; i++)
        if (str_is_equal(role, str_of(RINGS[i])))
            return OSM_ROLE_RING;
    return str_is_equal(role, STR("outline")) ? OSM_ROLE_OUTLINE : OSM_ROLE_OTHER;
}

static const struct osm_part *parts_keep(struct arena *mem, const struct osm_object *o)
{
    struct osm_part *v = ARENA_NEW_N(mem, struct osm_part, o->members_n);
    for (size_t i = 0; i < o->members_n; i++)
        v[i] = (struct osm_part){o->members[i].ref, (uint8_t)o->members[i].kind, (uint8_t)role_of(o->members[i].role)};
    return v;
}

/* The tags that osm_tags_fill reads, texts in one piece. */
static void tags_keep(struct arena *mem, const struct osm_object *o, struct osm_found *f)
{
    size_t n = 0, bytes = 0;
    for (size_t i = 0; i < o->tags_n; i++)
        if (osm_tag_is_kept(o->tags[i].key)) {
            n++;
            bytes += o->tags[i].key.n + o->tags[i].value.n;
        }
    struct osm_tag *v = arena_alloc(mem, n * sizeof *v + bytes);
    char *to = (char *)(v + n);
    f->tags = v;
    f->tags_n = n;
    for (size_t i = 0; i < o->tags_n; i++) {
        struct osm_tag t = o->tags[i];
        if (!osm_tag_is_kept(t.key))
            continue;
        memcpy(to, t.key.p, t.key.n);
        memcpy(to + t.key.n, t.value.n ? t.value.p : "", t.value.n);
        *v++ = (struct osm_tag){{to, t.key.n}, {to + t.key.n, t.value.n}};
        to += t.key.n + t.value.n;
    }
}

static const int64_t *refs_keep(struct arena *mem, const struct osm_object *o)
{
    return arena_copy(mem, o->refs, o->refs_n * sizeof *o->refs);
}

static const struct osm_coord *ref_places_keep(struct arena *mem, const struct osm_object *o)
{
    return o->ref_at ? arena_copy(mem, o->ref_at, o->refs_n * sizeof *o->ref_at) : NULL;
}

static size_t size_of(const struct osm_object *o)
{
    return sizeof(struct osm_found) + o->refs_n * (sizeof *o->refs + (o->ref_at ? sizeof *o->ref_at : 0)) +
           o->members_n * sizeof(struct osm_part);
}

enum rc osm_found_keep(struct osm_catch *c, const struct osm_object *o, struct err *err)
{
    struct osm_found *f = ARENA_NEW(&c->mem, struct osm_found);
    size_t before = c->mem.used;
    *f = (struct osm_found){.id = o->id,
                            .version = o->version,
                            .line = o->line,
                            .seq = o->seq,
                            .kind = (uint8_t)o->kind,
                            .form = (uint8_t)form_of(o),
                            .is_visible = o->is_visible,
                            .at = o->at};
    f->verdict = osm_rules_judge(c->job->rules, o->tags, o->tags_n);
    if (f->verdict.is_site && f->is_visible) {
        tags_keep(&c->mem, o, f);
        f->refs = refs_keep(&c->mem, o);
        f->ref_at = ref_places_keep(&c->mem, o);
        f->refs_n = o->refs_n;
        f->parts = parts_keep(&c->mem, o);
        f->parts_n = o->members_n;
    }
    c->found = grown(c->found, &c->found_size, c->found_n + 1, sizeof *c->found);
    c->found[c->found_n++] = f;
    return osm_keep(c, sizeof *f + c->mem.used - before, err);
}

static enum rc line_keep(struct osm_catch *c, struct osm_lines *to, const struct osm_object *o, struct err *err)
{
    TRY(osm_keep(c, size_of(o), err));
    to->v = grown(to->v, &to->size, to->n + 1, sizeof *to->v);
    to->v[to->n++] = (struct osm_line){.id = o->id,
                                       .version = o->version,
                                       .seq = o->seq,
                                       .is_visible = o->is_visible,
                                       .refs = refs_keep(&c->mem, o),
                                       .ref_at = ref_places_keep(&c->mem, o),
                                       .refs_n = o->refs_n,
                                       .parts = parts_keep(&c->mem, o),
                                       .parts_n = o->members_n};
    return RC_OK;
}

static bool is_newer(int64_t version, uint64_t seq, int64_t than_version, uint64_t than_seq)
{
    return version != than_version ? version > than_version : seq > than_seq;
}

/* Several threads may meet versions of the same node; whoever comes last, the highest stays. */
static void spot_keep(struct osm_job *job, const struct osm_object *o)
{
    size_t i = osm_ids_at(job->node_ids.v, job->node_ids.n, o->id);
    struct osm_spot *spot = &job->spots[i];
    pthread_mutex_t *lock = &job->kept->locks[i % LOCKS];
    pthread_mutex_lock(lock);
    if (is_newer(o->version, o->seq, spot->version, spot->seq))
        *spot = (struct osm_spot){o->is_visible ? o->at : OSM_NOWHERE, (int32_t)o->version, o->seq};
    pthread_mutex_unlock(lock);
}

static enum rc on_object(void *ctx, const struct osm_object *o, struct err *err)
{
    struct osm_catch *c = ctx;
    if (o->why & OSM_BY_TAG)
        TRY(osm_found_keep(c, o, err));
    if (!(o->why & OSM_BY_ID))
        return RC_OK;
    if (o->kind == OSM_NODE) {
        spot_keep(c->job, o);
        return RC_OK;
    }
    return line_keep(c, o->kind == OSM_WAY ? &c->lines : &c->groups, o, err);
}

/* Of relations inside relations only the members are wanted: their tags have been judged in the first pass. */
static enum rc on_latest(void *ctx, const struct osm_object *o, struct err *err)
{
    struct osm_catch *c = ctx;
    struct osm_object bare = {.kind = o->kind, .id = o->id, .version = o->version, .seq = o->seq};
    return line_keep(c, &c->lines, &bare, err);
}

/* --- lists of ids -------------------------------------------------------------------------------------------------- */

static void id_add(struct osm_ids *ids, int64_t id)
{
    ids->v = grown(ids->v, &ids->size, ids->n + 1, sizeof *ids->v);
    ids->v[ids->n++] = id;
}

/* Least significant digit first, 11 bits at a time; digits that all ids share are skipped. */
static void ids_radix(struct osm_ids *ids)
{
    enum { BITS = 11, BUCKETS = 1 << BITS };
    int64_t *from = ids->v, *to = mem_array(ids->n, sizeof *to);
    size_t count[BUCKETS];
    for (int shift = 0; shift < 64; shift += BITS) {
        memset(count, 0, sizeof count);
        for (size_t i = 0; i < ids->n; i++)
            count[((uint64_t)from[i] ^ UINT64_C(1) << 63) >> shift & (BUCKETS - 1)]++;
        if (count[((uint64_t)from[0] ^ UINT64_C(1) << 63) >> shift & (BUCKETS - 1)] == ids->n)
            continue;
        for (size_t i = 0, at = 0; i < BUCKETS; i++) {
            size_t n = count[i];
            count[i] = at;
            at += n;
        }
        for (size_t i = 0; i < ids->n; i++)
            to[count[((uint64_t)from[i] ^ UINT64_C(1) << 63) >> shift & (BUCKETS - 1)]++] = from[i];
        int64_t *swap = from;
        from = to;
        to = swap;
    }
    free(to);
    ids->v = from;
    ids->size = ids->n;
}

static void ids_sort(struct osm_ids *ids)
{
    if (ids->n == 0)
        return;
    ids_radix(ids);
    size_t n = 1;
    for (size_t i = 1; i < ids->n; i++)
        if (ids->v[i] != ids->v[n - 1])
            ids->v[n++] = ids->v[i];
    ids->n = n;
}

static void ids_free(struct osm_ids *ids)
{
    free(ids->v);
    *ids = (struct osm_ids){0};
}

/* --- after a pass -------------------------------------------------------------------------------------------------- */

static int line_compare(const void *a, const void *b)
{
    const struct osm_line *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    if (x->version != y->version)
        return x->version < y->version ? 1 : -1; /* the version that counts first */
    return x->seq < y->seq ? 1 : x->seq > y->seq ? -1 : 0;
}

/* Moves what the workers caught into one list by id, of each id the version that counts. */
static void lines_gather(struct osm_job *job, bool groups, struct osm_lines *out)
{
    for (size_t w = 0; w < job->threads; w++) {
        struct osm_lines *from = groups ? &job->catches[w].groups : &job->catches[w].lines;
        out->v = grown(out->v, &out->size, out->n + from->n, sizeof *out->v);
        if (from->n)
            memcpy(out->v + out->n, from->v, from->n * sizeof *from->v);
        out->n += from->n;
        free(from->v);
        *from = (struct osm_lines){0};
    }
    if (out->n)
        qsort(out->v, out->n, sizeof *out->v, line_compare);
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++)
        if (n == 0 || out->v[i].id != out->v[n - 1].id)
            out->v[n++] = out->v[i];
    out->n = n;
}

static void **catch_ctxs(struct osm_job *job)
{
    void **v = mem_array(job->threads, sizeof *v);
    for (size_t w = 0; w < job->threads; w++)
        v[w] = &job->catches[w];
    return v;
}

enum rc osm_job_pass(struct osm_job *job, enum osm_kind kind, const struct osm_want *want, osm_object_fn fn,
                     struct osm_seen *seen, bool *redo, struct err *err)
{
    void **ctxs = catch_ctxs(job);
    enum rc rc = osm_source_pass(job->source, kind, want, fn, ctxs, seen, redo, err);
    free(ctxs);
    return rc;
}

static enum rc pass(struct osm_job *job, enum osm_kind kind, const struct osm_filter *filter, const struct osm_ids *ids,
                    osm_object_fn fn, struct osm_seen *seen, bool *redo, struct err *err)
{
    struct osm_want want = {.kinds = OSM_BIT(kind), .filter = filter, .is_change = job->is_change};
    want.ids[kind] = ids->v;
    want.ids_n[kind] = ids->n;
    return osm_job_pass(job, kind, &want, fn, seen, redo, err);
}

/* Ids do not rise through the file, so one may stand again, without our tags or deleted: look which version counts. */
static enum rc latest_find(struct osm_job *job, enum osm_kind kind, bool *redo, struct err *err)
{
    struct osm_ids ids = {0};
    struct osm_lines all = {0};
    struct osm_seen seen;
    for (size_t w = 0; w < job->threads; w++)
        for (size_t i = 0; i < job->catches[w].found_n; i++)
            if (job->catches[w].found[i]->kind == kind)
                id_add(&ids, job->catches[w].found[i]->id);
    ids_sort(&ids);
    enum rc rc = ids.n ? pass(job, kind, NULL, &ids, on_latest, &seen, redo, err) : RC_OK;
    lines_gather(job, false, &all);
    struct osm_latest_list *out = &job->latest[kind];
    out->v = mem_array(all.n, sizeof *out->v);
    for (; out->n < all.n; out->n++)
        out->v[out->n] =
            (struct osm_latest){.id = all.v[out->n].id, .version = all.v[out->n].version, .seq = all.v[out->n].seq};
    free(all.v);
    ids_free(&ids);
    return rc;
}

/* One kind: found by tag and by id, and the latest versions where that is in doubt. What a change has is found already. */
static enum rc kind_collect(struct osm_job *job, enum osm_kind kind, const struct osm_ids *ids, bool *redo,
                            struct err *err)
{
    struct osm_seen seen = {.is_rising = true};
    const struct osm_filter *filter = job->is_change ? NULL : osm_rules_filter(job->rules);
    if (filter || ids->n)
        TRY(pass(job, kind, filter, ids, on_object, &seen, redo, err));
    if (*redo)
        return RC_OK;
    if (kind == OSM_WAY)
        lines_gather(job, false, &job->ways);
    return seen.is_rising || job->is_change ? RC_OK : latest_find(job, kind, redo, err);
}

/* --- what the next pass needs -------------------------------------------------------------------------------------- */

static void parts_need(const struct osm_part *parts, size_t n, enum osm_kind kind, struct osm_ids *out)
{
    for (size_t i = 0; i < n; i++)
        if (parts[i].kind == kind)
            id_add(out, parts[i].ref);
}

typedef void (*found_fn)(const struct osm_found *f, struct osm_ids *out);

static void found_each(struct osm_job *job, found_fn fn, struct osm_ids *out)
{
    for (size_t w = 0; w < job->threads; w++)
        for (size_t i = 0; i < job->catches[w].found_n; i++)
            fn(job->catches[w].found[i], out);
}

static void need_groups(const struct osm_found *f, struct osm_ids *out)
{
    if (f->form == OSM_FORM_GROUP || f->form == OSM_FORM_BUILDING)
        parts_need(f->parts, f->parts_n, OSM_RELATION, out);
}

static void need_ways(const struct osm_found *f, struct osm_ids *out)
{
    parts_need(f->parts, f->parts_n, OSM_WAY, out);
}

static void need_nodes(const struct osm_found *f, struct osm_ids *out)
{
    parts_need(f->parts, f->parts_n, OSM_NODE, out);
    for (size_t i = 0; !f->ref_at && i < f->refs_n; i++)
        id_add(out, f->refs[i]);
}

static void nodes_of_lines(const struct osm_job *job, struct osm_ids *out)
{
    for (size_t i = 0; i < job->groups.n; i++)
        parts_need(job->groups.v[i].parts, job->groups.v[i].parts_n, OSM_NODE, out);
    for (size_t i = 0; i < job->ways.n; i++)
        for (size_t k = 0; !job->ways.v[i].ref_at && k < job->ways.v[i].refs_n; k++)
            id_add(out, job->ways.v[i].refs[k]);
}

static enum rc relations_collect(struct osm_job *job, bool *redo, struct err *err)
{
    struct osm_ids none = {0}, inner = {0};
    struct osm_seen seen;
    TRY(kind_collect(job, OSM_RELATION, &none, redo, err));
    found_each(job, need_groups, &inner);
    ids_sort(&inner);
    enum rc rc = RC_OK;
    if (!*redo && inner.n) {
        rc = pass(job, OSM_RELATION, NULL, &inner, on_object, &seen, redo, err);
        lines_gather(job, true, &job->groups);
    }
    ids_free(&inner);
    return rc;
}

static enum rc ways_collect(struct osm_job *job, bool *redo, struct err *err)
{
    struct osm_ids ids = {0};
    found_each(job, need_ways, &ids);
    for (size_t i = 0; i < job->groups.n; i++)
        parts_need(job->groups.v[i].parts, job->groups.v[i].parts_n, OSM_WAY, &ids);
    ids_sort(&ids);
    enum rc rc = kind_collect(job, OSM_WAY, &ids, redo, err);
    ids_free(&ids);
    return rc;
}

static enum rc nodes_collect(struct osm_job *job, bool *redo, struct err *err)
{
    found_each(job, need_nodes, &job->node_ids);
    nodes_of_lines(job, &job->node_ids);
    ids_sort(&job->node_ids);
    job->spots = mem_array(job->node_ids.n, sizeof *job->spots);
    for (size_t i = 0; i < job->node_ids.n; i++)
        job->spots[i].at = OSM_NOWHERE;
    if (job->is_change) {
        osm_change_spots(job);
        return RC_OK;
    }
    return kind_collect(job, OSM_NODE, &job->node_ids, redo, err);
}

/* --- the job ------------------------------------------------------------------------------------------------------- */

static void job_begin(struct osm_job *job)
{
    job->threads = osm_source_threads(job->source);
    job->catches = mem_array(job->threads, sizeof *job->catches);
    job->kept = mem_alloc(sizeof *job->kept);
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_init(&job->kept->locks[i], NULL);
    for (size_t w = 0; w < job->threads; w++) {
        job->catches[w].job = job;
        arena_init(&job->catches[w].mem);
    }
}

void osm_job_drop(struct osm_job *job)
{
    for (size_t w = 0; job->catches && w < job->threads; w++) {
        arena_fini(&job->catches[w].mem);
        free(job->catches[w].found);
        free(job->catches[w].lines.v);
        free(job->catches[w].groups.v);
    }
    for (size_t k = 0; k < OSM_KINDS; k++)
        free(job->latest[k].v);
    for (size_t i = 0; job->kept && i < LOCKS; i++)
        pthread_mutex_destroy(&job->kept->locks[i]);
    free(job->kept);
    free(job->catches);
    free(job->found);
    free(job->ways.v);
    free(job->groups.v);
    free(job->spots);
    ids_free(&job->node_ids);
    *job = (struct osm_job){.rules = job->rules, .source = job->source, .is_change = job->is_change};
}

static int found_compare(const void *a, const void *b)
{
    const struct osm_found *x = *(struct osm_found *const *)a, *y = *(struct osm_found *const *)b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    if (x->version != y->version)
        return x->version < y->version ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static void found_gather(struct osm_job *job)
{
    for (size_t w = 0; w < job->threads; w++)
        job->found_n += job->catches[w].found_n;
    job->found = mem_array(job->found_n, sizeof *job->found);
    size_t at = 0;
    for (size_t w = 0; w < job->threads; w++)
        for (size_t i = 0; i < job->catches[w].found_n; i++)
            job->found[at++] = job->catches[w].found[i];
    qsort(job->found, job->found_n, sizeof *job->found, found_compare);
}

enum rc osm_job_collect(struct osm_job *job, struct err *err)
{
    bool redo;
    do { /* twice at most: the second start guesses nothing */
        osm_job_drop(job);
        job_begin(job);
        redo = false;
        if (job->is_change)
            TRY(osm_change_collect(job, err));
        TRY(relations_collect(job, &redo, err));
        if (!redo)
            TRY(ways_collect(job, &redo, err));
        if (!redo)
            TRY(nodes_collect(job, &redo, err));
    } while (redo);
    found_gather(job);
    return RC_OK;
}

const struct osm_line *osm_line_at(const struct osm_lines *lines, int64_t id)
{
    size_t lo = 0, hi = lines->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (lines->v[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < lines->n && lines->v[lo].id == id && lines->v[lo].is_visible ? &lines->v[lo] : NULL;
}

struct osm_coord osm_spot_at(const struct osm_job *job, int64_t node)
{
    size_t i = osm_ids_at(job->node_ids.v, job->node_ids.n, node);
    return i < job->node_ids.n && job->node_ids.v[i] == node ? job->spots[i].at : OSM_NOWHERE;
}

const struct osm_latest *osm_later_than(const struct osm_job *job, const struct osm_found *f)
{
    const struct osm_latest_list *list = &job->latest[f->kind];
    size_t lo = 0, hi = list->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (list->v[mid].id < f->id)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == list->n || list->v[lo].id != f->id || list->v[lo].seq == f->seq)
        return NULL;
    return &list->v[lo];
}
