/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * OSM PBF: dense nodes, nine tenths of every file. Nothing is kept per node: one walk over keys_vals finds the nodes
 * with a wanted tag, one walk over the ids finds those with a wanted id, and only when there are any do the places,
 * versions and visible flags get read, as far as the last of them.
 */
#include "wire/osm_pbf_int.h"

#include <string.h>

struct dense {
    struct str ids, info, lats, lons, keys_vals;
    struct str versions, visibles; /* of info; either may be absent */
    size_t hits_n;
};

static enum rc info_parse(struct pbf_block *b, struct dense *d)
{
    struct pb c = pb_of(d->info);
    struct pb_field f;
    enum pb_step step;
    while ((step = pb_next(&c, &f)) == PB_FIELD) {
        if (f.number == 1 && f.wire == PB_BYTES)
            d->versions = f.bytes;
        else if (f.number == 6 && f.wire == PB_BYTES)
            d->visibles = f.bytes;
    }
    return step == PB_BAD ? pbf_bad_field(b, &c, "dense versions") : RC_OK;
}

static enum rc dense_parse(struct pbf_block *b, struct str message, struct dense *d)
{
    struct pb c = pb_of(message);
    struct pb_field f;
    enum pb_step step;
    while ((step = pb_next(&c, &f)) == PB_FIELD) {
        struct str *to = f.number == 1    ? &d->ids
                         : f.number == 5  ? &d->info
                         : f.number == 8  ? &d->lats
                         : f.number == 9  ? &d->lons
                         : f.number == 10 ? &d->keys_vals
                                          : NULL;
        if (to && (f.wire != PB_BYTES || to->n))
            return pbf_bad(b, "a list of dense nodes is not packed in one piece");
        if (to)
            *to = f.bytes;
    }
    return step == PB_BAD ? pbf_bad_field(b, &c, "dense nodes") : RC_OK;
}

static struct pbf_hit *hit_add(struct pbf_block *b, struct dense *d)
{
    b->r->hits = pbf_room(b->r->hits, &b->r->hits_size, d->hits_n + 1, sizeof *b->r->hits);
    return &b->r->hits[d->hits_n++];
}

/* --- by tag -------------------------------------------------------------------------------------------------------- */

/* keys_vals is, for each node, key value key value ... 0. Most nodes are a lone 0: eight of them are one load. */
static enum rc tags_walk(struct pbf_block *b, struct dense *d)
{
    const unsigned char *start = (const unsigned char *)d->keys_vals.p;
    const struct osm_filter_mark *marks = b->r->marks;
    struct pb c = pb_of(d->keys_vals);
    size_t index = 0, node_at = 0;
    uint32_t pass = 0;
    while (c.p < c.end) {
        uint64_t eight, k, v;
        if (*c.p == 0) {
            if (pass) {
                struct pbf_hit *h = hit_add(b, d);
                *h = (struct pbf_hit){.index = index, .tags_at = node_at, .why = OSM_BY_TAG};
                pass = 0;
            }
            index++;
            c.p++;
            while (c.end - c.p >= 8 && (memcpy(&eight, c.p, 8), eight == 0)) {
                index += 8;
                c.p += 8;
            }
            node_at = (size_t)(c.p - start);
            continue;
        }
        if (!pb_varint(&c, &k) || !pb_varint(&c, &v))
            return pbf_bad_field(b, &c, "tags of dense nodes");
        if (k >= b->texts_n || v >= b->texts_n)
            return pbf_bad(b, "a tag points outside the table of texts");
        pass |= marks[k].key & marks[v].value;
    }
    return pass ? pbf_bad(b, "the tags of dense nodes end inside a node") : RC_OK;
}

static enum rc tags_read(const struct pbf_block *b, const struct dense *d, const struct pbf_hit *h,
                         struct osm_object *o)
{
    struct pb c = pb_of(str_slice(d->keys_vals, h->tags_at, d->keys_vals.n));
    struct osm_pbf_reader *r = b->r;
    size_t n = 0;
    uint64_t k, v;
    while (pb_varint(&c, &k) && k != 0) { /* tags_walk has been here: it ends with 0 */
        ENSURE(pb_varint(&c, &v));
        if (n == OSM_TAGS_MAX)
            return err_set(b->err, RC_TOO_LARGE, "blob %llu at byte %llu: an object has over 5,000 tags",
                           (unsigned long long)b->blob, (unsigned long long)b->file_at);
        r->tags = pbf_room(r->tags, &r->tags_size, n + 1, sizeof *r->tags);
        TRY(pbf_tag(b, k, v, &r->tags[n++]));
    }
    o->tags = r->tags;
    o->tags_n = n;
    return RC_OK;
}

/* --- by id --------------------------------------------------------------------------------------------------------- */

/* The walk over the ids. next_id is the wanted id at or above the current one while ids rise; next_tag the index of the
 * next hit by tag. The loop's common case is one compare with each. */
struct walk {
    const int64_t *ids;
    size_t ids_n, at;
    int64_t next_id;
    size_t tag_hits, tag_at, next_tag;
    struct osm_seen seen;
};

static void walk_seek(struct walk *w, int64_t id)
{
    w->at = osm_ids_at(w->ids, w->ids_n, id);
    w->next_id = w->at < w->ids_n ? w->ids[w->at] : INT64_MAX;
}

/* A node that is wanted, or may be. New hits go behind the hits by tag. */
static void walk_hit(struct pbf_block *b, struct dense *d, struct walk *w, int64_t id, size_t index)
{
    while (w->next_id < id) { /* ids rise from where walk_seek began */
        w->at++;
        w->next_id = w->at < w->ids_n ? w->ids[w->at] : INT64_MAX;
    }
    bool by_id = w->at < w->ids_n && w->next_id == id;
    if (index == w->next_tag) {
        struct pbf_hit *h = &b->r->hits[w->tag_at++];
        h->id = id;
        h->why |= by_id ? OSM_BY_ID : 0u;
        w->next_tag = w->tag_at < w->tag_hits ? b->r->hits[w->tag_at].index : SIZE_MAX;
    } else if (by_id) {
        struct pbf_hit *h = hit_add(b, d);
        *h = (struct pbf_hit){.index = index, .id = id, .why = OSM_BY_ID};
    }
}

/* Eight ids, each 1 to 63 above the one before: how far they go in all; 0 when they are not like that. */
static uint64_t eight_steps(const unsigned char *p)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t w;
    memcpy(&w, p, 8);
    if ((w & 0x81 * ones) || ((w - ones) & ~w & 0x80 * ones)) /* negative or long; a zero */
        return 0;
    w >>= 1;
    w = (w & UINT64_C(0x00FF00FF00FF00FF)) + (w >> 8 & UINT64_C(0x00FF00FF00FF00FF));
    return (w * UINT64_C(0x0001000100010001)) >> 48;
#else
    (void)p;
    return 0;
#endif
}

/* The id did not rise, or is the first: look anew where it stands among the wanted ones. */
static void walk_turn(struct walk *w, int64_t before, int64_t now)
{
    struct osm_seen *s = &w->seen;
    if (s->n++ == 0) {
        s->first = s->least = s->most = now;
        s->is_rising = true;
    } else {
        s->is_rising = false;
        s->most = before > s->most ? before : s->most;
        s->least = now < s->least ? now : s->least;
    }
    walk_seek(w, now);
}

static enum rc ids_walk(struct pbf_block *b, struct dense *d, size_t *count)
{
    struct pb c = pb_of(d->ids);
    struct walk w = {.ids = b->want->ids[OSM_NODE], .ids_n = b->want->ids_n[OSM_NODE], .tag_hits = d->hits_n};
    int64_t id = 0;
    uint64_t v, far;
    size_t index = 0;
    w.next_tag = d->hits_n ? b->r->hits[0].index : SIZE_MAX;
    while (c.p < c.end) {
        if (index && pb_left(&c) >= 8 && (far = eight_steps(c.p)) && id < INT64_MAX - 504 &&
            id + (int64_t)far < w.next_id && w.next_tag - index >= 8) {
            id += (int64_t)far;
            index += 8;
            c.p += 8;
            continue;
        }
        if (!pb_varint(&c, &v))
            return pbf_bad_field(b, &c, "ids of dense nodes");
        int64_t before = id;
        id = (int64_t)((uint64_t)id + (uint64_t)pb_zigzag(v));
        if (id <= before || index == 0)
            walk_turn(&w, before, id);
        if (id >= w.next_id || index == w.next_tag)
            walk_hit(b, d, &w, id, index);
        index++;
    }
    if (w.tag_at < w.tag_hits)
        return pbf_bad(b, "dense nodes have more tags than ids");
    w.seen.n = index;
    w.seen.last = id;
    w.seen.most = id > w.seen.most ? id : w.seen.most;
    osm_seen_join(&b->seen->of[OSM_NODE], &w.seen);
    *count = index;
    return RC_OK;
}

/* Merges the hits by tag [0, m) and by id [m, n), each rising by index, into one rising list. In place from the back is
 * not possible without room, so the list grows by n and moves down again. */
static void hits_merge(struct pbf_block *b, size_t m, size_t n)
{
    if (m == 0 || m == n)
        return;
    b->r->hits = pbf_room(b->r->hits, &b->r->hits_size, 2 * n, sizeof *b->r->hits);
    struct pbf_hit *h = b->r->hits, *to = h + n;
    size_t i = 0, j = m;
    while (i < m || j < n)
        *to++ = j == n || (i < m && h[i].index < h[j].index) ? h[i++] : h[j++];
    memmove(h, h + n, n * sizeof *h);
}

/* --- what the hits need -------------------------------------------------------------------------------------------- */

struct columns {
    struct pb lat, lon, version, visible;
    uint64_t y, x, version_now, visible_now;
    size_t done; /* nodes read */
};

static bool columns_to(struct columns *k, size_t index)
{
    uint64_t dy, dx;
    size_t todo = index + 1 - k->done;
    for (size_t i = 0; i < todo; i++) { /* two streams side by side, so that their loads overlap */
        if (!pb_varint_mixed(&k->lat, &dy) || !pb_varint_mixed(&k->lon, &dx))
            return false;
        k->y += (uint64_t)pb_zigzag(dy);
        k->x += (uint64_t)pb_zigzag(dx);
    }
    for (size_t i = 0; k->version.p && i < todo; i++)
        if (!pb_varint(&k->version, &k->version_now))
            return false;
    for (size_t i = 0; k->visible.p && i < todo; i++)
        if (!pb_varint(&k->visible, &k->visible_now))
            return false;
    k->done = index + 1;
    return true;
}

static enum rc hit_give(struct pbf_block *b, const struct dense *d, const struct columns *k, const struct pbf_hit *h)
{
    struct osm_object o = {.kind = OSM_NODE,
                           .why = h->why,
                           .is_visible = k->visible_now != 0,
                           .id = h->id,
                           .version = k->version_now <= INT32_MAX ? (int64_t)k->version_now : 0,
                           .seq = b->blob << 32 | ((b->objects + h->index) & UINT32_MAX),
                           .at = pbf_place(b, (int64_t)k->y, (int64_t)k->x)};
    if (h->why & OSM_BY_TAG)
        TRY(tags_read(b, d, h, &o));
    return b->fn(b->ctx, &o, b->err);
}

static enum rc hits_give(struct pbf_block *b, struct dense *d)
{
    TRY(info_parse(b, d));
    struct columns k = {.lat = pb_of(d->lats),
                        .lon = pb_of(d->lons),
                        .version = pb_of(d->versions),
                        .visible = pb_of(d->visibles),
                        .visible_now = 1};
    for (size_t i = 0; i < d->hits_n; i++) {
        const struct pbf_hit h = b->r->hits[i];
        if (!columns_to(&k, h.index))
            return pbf_bad(b, "dense nodes have fewer places, versions or visible flags than ids");
        TRY(hit_give(b, d, &k, &h));
    }
    return RC_OK;
}

enum rc pbf_scan_dense(struct pbf_block *b, struct str message)
{
    struct dense d = {0};
    size_t count = 0;
    TRY(dense_parse(b, message, &d));
    if (b->is_tag_possible)
        TRY(tags_walk(b, &d));
    size_t by_tag = d.hits_n;
    TRY(ids_walk(b, &d, &count));
    hits_merge(b, by_tag, d.hits_n);
    if (d.hits_n)
        TRY(hits_give(b, &d));
    b->objects += count;
    return RC_OK;
}
