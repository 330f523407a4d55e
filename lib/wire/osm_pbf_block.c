/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * OSM PBF: one decoded PrimitiveBlock: its texts, ways, relations and plain nodes. Dense nodes: osm_pbf_dense.c.
 * The texts are looked up in the filter once per block; after that an object whose tags do not pass costs a few loads.
 */
#include "wire/osm_pbf_int.h"

enum rc pbf_bad(const struct pbf_block *b, const char *what)
{
    return err_set(b->err, RC_DAMAGED, "blob %llu at byte %llu: %s", (unsigned long long)b->blob,
                   (unsigned long long)b->file_at, what);
}

static enum rc too_large(const struct pbf_block *b, const char *what)
{
    return err_set(b->err, RC_TOO_LARGE, "blob %llu at byte %llu: %s", (unsigned long long)b->blob,
                   (unsigned long long)b->file_at, what);
}

enum rc pbf_bad_field(const struct pbf_block *b, const struct pb *c, const char *in_what)
{
    return err_set(b->err, RC_DAMAGED, "blob %llu at byte %llu: %s, byte %zu of the unpacked block: %s",
                   (unsigned long long)b->blob, (unsigned long long)b->file_at, in_what,
                   (size_t)((const char *)c->p - b->data.p), pb_fault(c));
}

/* Each repeated number field comes as one packed piece; the format's writers do nothing else. */
static enum rc span_set(const struct pbf_block *b, struct str *span, const struct pb_field *f)
{
    if (f->wire != PB_BYTES || span->n)
        return pbf_bad(b, "a list of numbers is not packed in one piece");
    *span = f->bytes;
    return RC_OK;
}

/* --- texts --------------------------------------------------------------------------------------------------------- */

static enum rc text_add(struct pbf_block *b, struct str text)
{
    struct osm_pbf_reader *r = b->r;
    if (b->texts_n == OSM_PBF_STRINGS_MAX)
        return too_large(b, "over a million texts in one block");
    if (b->texts_n == r->texts_size) {
        size_t size = r->texts_size;
        r->texts = pbf_room(r->texts, &size, b->texts_n + 1, sizeof *r->texts);
        r->marks = pbf_room(r->marks, &r->texts_size, b->texts_n + 1, sizeof *r->marks);
    }
    r->texts[b->texts_n] = (struct pbf_text){(uint32_t)(text.p - b->data.p), (uint32_t)text.n};
    if (b->want->filter) {
        struct osm_filter_mark m = osm_filter_mark(b->want->filter, text);
        r->marks[b->texts_n] = m;
        b->keys_seen |= m.key;
        b->values_seen |= m.value;
    }
    b->texts_n++;
    return RC_OK;
}

static enum rc texts_read(struct pbf_block *b, struct str table)
{
    struct pb c = pb_of(table);
    struct pb_field f;
    enum pb_step step;
    while ((step = pb_next_quick(&c, &f)) == PB_FIELD)
        if (f.number == 1 && f.wire == PB_BYTES)
            TRY(text_add(b, f.bytes));
    return step == PB_BAD ? pbf_bad_field(b, &c, "table of texts") : RC_OK;
}

static struct str text_at(const struct pbf_block *b, size_t i)
{
    return (struct str){b->data.p + b->r->texts[i].at, b->r->texts[i].n};
}

enum rc pbf_tag(const struct pbf_block *b, uint64_t key, uint64_t value, struct osm_tag *out)
{
    if (key >= b->texts_n || value >= b->texts_n)
        return pbf_bad(b, "a tag points outside the table of texts");
    *out = (struct osm_tag){text_at(b, (size_t)key), text_at(b, (size_t)value)};
    return RC_OK;
}

/* (granularity * value + offset) nanodegrees; unsigned arithmetic, as hostile numbers may overflow. */
struct osm_coord pbf_place(const struct pbf_block *b, int64_t lat, int64_t lon)
{
    uint64_t g = (uint64_t)b->granularity;
    return osm_coord_of_nano((int64_t)(g * (uint64_t)lat + (uint64_t)b->lat_offset),
                             (int64_t)(g * (uint64_t)lon + (uint64_t)b->lon_offset));
}

/* --- plain objects: Node, Way, Relation ---------------------------------------------------------------------------- */

/* The three messages number their common fields alike. */
struct entity {
    enum osm_kind kind;
    int64_t id;
    bool has_id;
    struct str keys, values, info;
    int64_t lat, lon; /* Node 8, 9 */
    bool has_lat, has_lon;
    struct str refs;         /* Way 8, Relation 9 (memids) */
    struct str lats, lons;   /* Way 9, 10 */
    struct str roles, types; /* Relation 8, 10 */
};

static enum rc field_node(const struct pbf_block *b, struct entity *e, const struct pb_field *f)
{
    if (f->number != 8 && f->number != 9)
        return RC_OK;
    if (f->wire != PB_VARINT)
        return pbf_bad(b, "a node's place has the wrong wire type");
    *(f->number == 8 ? &e->lat : &e->lon) = pb_zigzag(f->value);
    *(f->number == 8 ? &e->has_lat : &e->has_lon) = true;
    return RC_OK;
}

static enum rc field_lists(const struct pbf_block *b, struct entity *e, const struct pb_field *f)
{
    struct str *way[] = {&e->refs, &e->lats, &e->lons}, *relation[] = {&e->roles, &e->refs, &e->types};
    if (f->number < 8 || f->number > 10)
        return RC_OK;
    return span_set(b, (e->kind == OSM_WAY ? way : relation)[f->number - 8], f);
}

static enum rc entity_field(const struct pbf_block *b, struct entity *e, const struct pb_field *f)
{
    switch (f->number) {
    case 1:
        if (f->wire != PB_VARINT)
            return pbf_bad(b, "an id has the wrong wire type");
        e->id = e->kind == OSM_NODE ? pb_zigzag(f->value) : (int64_t)f->value;
        e->has_id = true;
        return RC_OK;
    case 2:
        return span_set(b, &e->keys, f);
    case 3:
        return span_set(b, &e->values, f);
    case 4:
        return span_set(b, &e->info, f);
    default:
        return e->kind == OSM_NODE ? field_node(b, e, f) : field_lists(b, e, f);
    }
}

static enum rc entity_parse(const struct pbf_block *b, enum osm_kind kind, struct str message, struct entity *out)
{
    struct pb c = pb_of(message);
    struct pb_field f;
    enum pb_step step;
    *out = (struct entity){.kind = kind};
    while ((step = pb_next_quick(&c, &f)) == PB_FIELD)
        TRY(entity_field(b, out, &f));
    if (step == PB_BAD)
        return pbf_bad_field(b, &c, "object");
    return out->has_id ? RC_OK : pbf_bad(b, "an object has no id");
}

/* Whether a tag passes the filter. Also checks that keys and values pair up and lie in the table. */
static enum rc tags_test(const struct pbf_block *b, const struct entity *e, bool *passes)
{
    struct pb k = pb_of(e->keys), v = pb_of(e->values);
    const struct osm_filter_mark *marks = b->r->marks;
    uint32_t pass = 0;
    while (k.p < k.end) {
        uint64_t ki, vi;
        if (!pb_varint(&k, &ki) || !pb_varint(&v, &vi))
            return pbf_bad(b, "keys and values of an object do not pair up");
        if (ki >= b->texts_n || vi >= b->texts_n)
            return pbf_bad(b, "a tag points outside the table of texts");
        pass |= marks[ki].key & marks[vi].value;
    }
    if (v.p != v.end)
        return pbf_bad(b, "keys and values of an object do not pair up");
    *passes = pass != 0;
    return RC_OK;
}

static enum rc tags_read(const struct pbf_block *b, const struct entity *e, struct osm_object *o)
{
    struct pb k = pb_of(e->keys), v = pb_of(e->values);
    struct osm_pbf_reader *r = b->r;
    size_t n = 0;
    while (k.p < k.end) {
        uint64_t ki, vi;
        if (!pb_varint(&k, &ki) || !pb_varint(&v, &vi))
            return pbf_bad(b, "keys and values of an object do not pair up");
        if (n == OSM_TAGS_MAX)
            return too_large(b, "an object has over 5,000 tags");
        r->tags = pbf_room(r->tags, &r->tags_size, n + 1, sizeof *r->tags);
        TRY(pbf_tag(b, ki, vi, &r->tags[n++]));
    }
    o->tags = r->tags;
    o->tags_n = n;
    return RC_OK;
}

/* Info: 1 version (-1 = not told), 6 visible. */
static enum rc info_read(const struct pbf_block *b, struct str info, struct osm_object *o)
{
    struct pb c = pb_of(info);
    struct pb_field f;
    enum pb_step step;
    while ((step = pb_next(&c, &f)) == PB_FIELD) {
        if (f.number == 1 && f.wire == PB_VARINT)
            o->version = (int64_t)f.value > 0 && f.value <= INT32_MAX ? (int64_t)f.value : 0;
        else if (f.number == 6 && f.wire == PB_VARINT)
            o->is_visible = f.value != 0;
    }
    return step == PB_BAD ? pbf_bad_field(b, &c, "version of an object") : RC_OK;
}

static enum rc refs_read(const struct pbf_block *b, struct str span, size_t max, size_t *out_n)
{
    struct pb c = pb_of(span);
    struct osm_pbf_reader *r = b->r;
    size_t n = 0;
    uint64_t id = 0, v;
    while (c.p < c.end) {
        if (!pb_varint_mixed(&c, &v))
            return pbf_bad_field(b, &c, "list of nodes or members");
        if (n == max)
            return too_large(b, "an object has over 262,144 nodes or members");
        r->refs = pbf_room(r->refs, &r->refs_size, n + 1, sizeof *r->refs);
        id += (uint64_t)pb_zigzag(v);
        r->refs[n++] = (int64_t)id;
    }
    *out_n = n;
    return RC_OK;
}

static enum rc ref_places_read(const struct pbf_block *b, const struct entity *e, struct osm_object *o)
{
    struct pb lat = pb_of(e->lats), lon = pb_of(e->lons);
    struct osm_pbf_reader *r = b->r;
    uint64_t y = 0, x = 0, dy, dx;
    r->coords = pbf_room(r->coords, &r->coords_size, o->refs_n, sizeof *r->coords);
    for (size_t i = 0; i < o->refs_n; i++) {
        if (!pb_varint(&lat, &dy) || !pb_varint(&lon, &dx))
            return pbf_bad(b, "a way has fewer places than nodes");
        y += (uint64_t)pb_zigzag(dy);
        x += (uint64_t)pb_zigzag(dx);
        r->coords[i] = pbf_place(b, (int64_t)y, (int64_t)x);
    }
    o->ref_at = r->coords;
    return RC_OK;
}

static enum rc way_read(const struct pbf_block *b, const struct entity *e, struct osm_object *o)
{
    TRY(refs_read(b, e->refs, OSM_REFS_MAX, &o->refs_n));
    o->refs = b->r->refs;
    return e->lats.n ? ref_places_read(b, e, o) : RC_OK;
}

static enum rc relation_read(const struct pbf_block *b, const struct entity *e, struct osm_object *o)
{
    struct pb roles = pb_of(e->roles), types = pb_of(e->types);
    struct osm_pbf_reader *r = b->r;
    size_t n;
    TRY(refs_read(b, e->refs, OSM_MEMBERS_MAX, &n));
    r->members = pbf_room(r->members, &r->members_size, n, sizeof *r->members);
    for (size_t i = 0; i < n; i++) {
        uint64_t role, type;
        if (!pb_varint(&roles, &role) || !pb_varint(&types, &type))
            return pbf_bad(b, "a relation has fewer roles or types than members");
        if (role >= b->texts_n || type >= OSM_KINDS)
            return pbf_bad(b, "a relation's member has a role or type that does not exist");
        r->members[i] = (struct osm_member){r->refs[i], (enum osm_kind)type, text_at(b, (size_t)role)};
    }
    o->members = r->members;
    o->members_n = n;
    return RC_OK;
}

static enum rc entity_give(const struct pbf_block *b, const struct entity *e, unsigned why)
{
    struct osm_object o = {.kind = e->kind,
                           .why = why,
                           .is_visible = true,
                           .id = e->id,
                           .at = OSM_NOWHERE,
                           .seq = b->blob << 32 | (b->objects & UINT32_MAX)};
    TRY(info_read(b, e->info, &o));
    if (why & OSM_BY_TAG)
        TRY(tags_read(b, e, &o));
    if (e->kind == OSM_WAY)
        TRY(way_read(b, e, &o));
    else if (e->kind == OSM_RELATION)
        TRY(relation_read(b, e, &o));
    else if (e->has_lat && e->has_lon)
        o.at = pbf_place(b, e->lat, e->lon);
    return b->fn(b->ctx, &o, b->err);
}

static void seen_add(struct osm_seen *s, int64_t id)
{
    struct osm_seen one = {.n = 1, .first = id, .last = id, .least = id, .most = id, .is_rising = true};
    osm_seen_join(s, &one);
}

static bool is_wanted_id(const struct osm_want *w, enum osm_kind kind, int64_t id)
{
    size_t n = w->ids_n[kind];
    if (n == 0 || id < w->ids[kind][0] || id > w->ids[kind][n - 1])
        return false;
    return w->ids[kind][osm_ids_at(w->ids[kind], n, id)] == id;
}

static enum rc entity_scan(struct pbf_block *b, enum osm_kind kind, struct str message)
{
    struct entity e;
    bool passes = false;
    TRY(entity_parse(b, kind, message, &e));
    seen_add(&b->seen->of[kind], e.id);
    if (b->is_tag_possible && e.keys.n)
        TRY(tags_test(b, &e, &passes));
    unsigned why = (passes ? OSM_BY_TAG : 0u) | (is_wanted_id(b->want, kind, e.id) ? OSM_BY_ID : 0u);
    if (why)
        TRY(entity_give(b, &e, why));
    b->objects++;
    return RC_OK;
}

/* --- groups -------------------------------------------------------------------------------------------------------- */

/* PrimitiveGroup: 1 nodes, 2 dense, 3 ways, 4 relations, 5 changesets (skipped). Checks nothing but the kinds. */
static enum rc group_scan(struct pbf_block *b, struct str group)
{
    static const enum osm_kind KIND[] = {0, OSM_NODE, OSM_NODE, OSM_WAY, OSM_RELATION};
    struct pb c = pb_of(group);
    struct pb_field f;
    enum pb_step step;
    while ((step = pb_next_quick(&c, &f)) == PB_FIELD) {
        if (f.number > 4 || f.wire != PB_BYTES)
            continue;
        enum osm_kind kind = KIND[f.number];
        b->seen->kinds |= OSM_BIT(kind);
        if (!(b->want->kinds & OSM_BIT(kind)))
            continue;
        TRY(f.number == 2 ? pbf_scan_dense(b, f.bytes) : entity_scan(b, kind, f.bytes));
    }
    return step == PB_BAD ? pbf_bad_field(b, &c, "group") : RC_OK;
}

/* PrimitiveBlock: 1 texts, 2 groups, 17 granularity, 19 and 20 offsets. The groups need the rest, whatever the order. */
static enum rc block_head(struct pbf_block *b)
{
    struct pb c = pb_of(b->data);
    struct pb_field f;
    enum pb_step step;
    while ((step = pb_next(&c, &f)) == PB_FIELD) {
        if (f.number == 1 && f.wire == PB_BYTES && b->want->kinds)
            TRY(texts_read(b, f.bytes));
        else if (f.number == 17 && f.wire == PB_VARINT)
            b->granularity = (int64_t)f.value;
        else if (f.number == 19 && f.wire == PB_VARINT)
            b->lat_offset = (int64_t)f.value;
        else if (f.number == 20 && f.wire == PB_VARINT)
            b->lon_offset = (int64_t)f.value;
    }
    if (step == PB_BAD)
        return pbf_bad_field(b, &c, "block");
    if (b->granularity <= 0 || b->granularity > 1000000000)
        return pbf_bad(b, "its granularity is not a fraction of a degree");
    return RC_OK;
}

enum rc pbf_scan_block(struct pbf_block *b)
{
    TRY(block_head(b));
    b->is_tag_possible = b->keys_seen & b->values_seen;
    struct pb c = pb_of(b->data);
    struct pb_field f;
    while (pb_next(&c, &f) == PB_FIELD) /* block_head has seen that it is sound */
        if (f.number == 2 && f.wire == PB_BYTES)
            TRY(group_scan(b, f.bytes));
    return RC_OK;
}
