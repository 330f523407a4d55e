/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Change files of OpenStreetMap: what stands in one beside the sites themselves. An object that the file lists and that
 * is no site (any more) is gone, whether or not it ever was one: the reader does not know what the registry holds.
 */
#include "sites/osm_int.h"

#include <stdlib.h>

static enum rc on_listed(void *ctx, const struct osm_object *o, struct err *err)
{
    struct osm_catch *c = ctx;
    struct osm_latest_list *list = &c->job->latest[o->kind];
    if (list->n == list->size) {
        size_t size = list->size ? 2 * list->size : 1024;
        TRY(osm_keep(c, (size - list->size) * sizeof *list->v, err));
        list->v = mem_realloc(list->v, size * sizeof *list->v);
        list->size = size;
    }
    list->v[list->n++] = (struct osm_latest){
        .id = o->id, .version = o->version, .seq = o->seq, .line = o->line, .at = o->is_visible ? o->at : OSM_NOWHERE};
    return o->why & OSM_BY_TAG ? osm_found_keep(c, o, err) : RC_OK;
}

static int latest_compare(const void *a, const void *b)
{
    const struct osm_latest *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    if (x->version != y->version)
        return x->version < y->version ? 1 : -1; /* the version that counts first */
    return x->seq < y->seq ? 1 : x->seq > y->seq ? -1 : 0;
}

static void latest_only(struct osm_latest_list *list)
{
    size_t n = 0;
    if (list->n)
        qsort(list->v, list->n, sizeof *list->v, latest_compare);
    for (size_t i = 0; i < list->n; i++)
        if (n == 0 || list->v[i].id != list->v[n - 1].id)
            list->v[n++] = list->v[i];
    list->n = n;
}

enum rc osm_change_collect(struct osm_job *job, struct err *err)
{
    struct osm_want want = {.kinds = OSM_BIT(OSM_NODE) | OSM_BIT(OSM_WAY) | OSM_BIT(OSM_RELATION),
                            .filter = osm_rules_filter(job->rules),
                            .is_change = true};
    struct osm_seen seen;
    bool redo; /* a guess of PBF files */
    TRY(osm_job_pass(job, OSM_NODE, &want, on_listed, &seen, &redo, err));
    for (size_t k = 0; k < OSM_KINDS; k++)
        latest_only(&job->latest[k]);
    return RC_OK;
}

/* Both lists are sorted. */
void osm_change_spots(struct osm_job *job)
{
    const struct osm_latest_list *nodes = &job->latest[OSM_NODE];
    for (size_t i = 0, at = 0; i < job->node_ids.n; i++) {
        while (at < nodes->n && nodes->v[at].id < job->node_ids.v[i])
            at++;
        if (at < nodes->n && nodes->v[at].id == job->node_ids.v[i])
            job->spots[i].at = nodes->v[at].at;
    }
}

/* --- what is known of an outline ----------------------------------------------------------------------------------- */

static bool has_nodes(const struct osm_job *job, const int64_t *refs, const struct osm_coord *ref_at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!osm_is_somewhere(ref_at ? ref_at[i] : osm_spot_at(job, refs[i])))
            return false;
    return n > 0;
}

static bool has_parts(const struct osm_job *job, const struct osm_part *parts, size_t n, bool with_groups)
{
    for (size_t i = 0; i < n; i++) {
        const struct osm_line *line = NULL;
        if (parts[i].kind == OSM_NODE && !osm_is_somewhere(osm_spot_at(job, parts[i].ref)))
            return false;
        if (parts[i].kind == OSM_WAY) {
            line = osm_line_at(&job->ways, parts[i].ref);
            if (!line || !has_nodes(job, line->refs, line->ref_at, line->refs_n))
                return false;
        }
        if (parts[i].kind == OSM_RELATION && with_groups) {
            line = osm_line_at(&job->groups, parts[i].ref);
            if (!line ||
                !has_parts(job, line->parts, line->parts_n, false)) /* no deeper than the reader itself looks */
                return false;
        }
    }
    return n > 0;
}

bool osm_place_is_whole(const struct osm_job *job, const struct osm_found *f)
{
    if (f->kind == OSM_NODE)
        return osm_is_somewhere(f->at);
    if (f->kind == OSM_WAY)
        return has_nodes(job, f->refs, f->ref_at, f->refs_n);
    return has_parts(job, f->parts, f->parts_n, f->form == OSM_FORM_GROUP || f->form == OSM_FORM_BUILDING);
}

/* --- what is gone -------------------------------------------------------------------------------------------------- */

/* job->found is in order of kind, id, version, seq. */
static bool is_site(const struct osm_job *job, enum osm_kind kind, const struct osm_latest *l)
{
    size_t lo = 0, hi = job->found_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct osm_found *f = job->found[mid];
        if (f->kind < kind || (f->kind == kind && f->id < l->id))
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < job->found_n && job->found[lo]->kind == kind && job->found[lo]->id == l->id; lo++)
        if (job->found[lo]->seq == l->seq)
            return job->found[lo]->is_visible && job->found[lo]->verdict.is_site;
    return false;
}

enum rc osm_change_gone(const struct osm_job *job, const struct site_sink *sink, struct err *err)
{
    struct arena mem;
    enum rc rc = RC_OK;
    arena_init(&mem);
    for (int kind = 0; kind < OSM_KINDS; kind++)
        for (size_t i = 0; rc == RC_OK && i < job->latest[kind].n; i++) {
            const struct osm_latest *l = &job->latest[kind].v[i];
            if (is_site(job, (enum osm_kind)kind, l))
                continue;
            rc = sink->gone(sink->ctx, l->line, osm_external_id((enum osm_kind)kind, l->id, &mem), l->version, err);
            arena_reset(&mem);
        }
    arena_fini(&mem);
    return rc;
}
