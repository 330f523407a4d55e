/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * OSM XML by libxml2's push parser and SAX. See osm_xml.h.
 */
#include "wire/osm_xml.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/SAX2.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 64 * 1024, NUMBER_MAX = 40 };

struct number {
    char z[NUMBER_MAX];
    size_t n;
};

/* The object being read, and the parser's place in the document. */
struct scan {
    const struct osm_want *want;
    osm_object_fn fn;
    void *ctx;
    struct osm_seen *seen;
    struct err *err;
    xmlParserCtxtPtr xml;
    enum rc rc;
    int depth;
    int base;                    /* depth at which objects stand: 2, in a change 3 */
    bool in_action, is_deleting; /* inside <create>, <modify> or <delete>; inside <delete> */
    bool is_open;                /* an object of a wanted kind */
    struct osm_object o;
    struct number lat, lon;
    struct arena texts;
    size_t text_bytes;
    struct osm_tag *tags;
    size_t tags_size;
    int64_t *refs;
    struct osm_coord *ref_at;
    size_t refs_size, ref_places;
    struct osm_member *members;
    size_t members_size;
    uint64_t objects;
};

static long line_of(const struct scan *s)
{
    return s->xml && s->xml->input ? s->xml->input->line : 0;
}

/* Stops the parser; the first reason stays. */
static void stop(struct scan *s, enum rc rc, const char *what)
{
    if (s->rc != RC_OK)
        return;
    s->rc = err_set(s->err, rc, "line %ld: %s", line_of(s), what);
    xmlStopParser(s->xml);
}

/* --- attributes: libxml2 gives them five pointers each ------------------------------------------------------------- */

static bool attribute(const xmlChar **a, int n, const char *name, struct str *out)
{
    for (int i = 0; i < n; i++, a += 5)
        if (strcmp((const char *)a[0], name) == 0) {
            *out = (struct str){(const char *)a[3], (size_t)(a[4] - a[3])};
            return true;
        }
    return false;
}

static bool attribute_i64(const xmlChar **a, int n, const char *name, int64_t *out)
{
    struct str s;
    return attribute(a, n, name, &s) && str_parse_i64(s, out);
}

static void number_keep(const xmlChar **a, int n, const char *name, struct number *out)
{
    struct str s = STR_NONE;
    attribute(a, n, name, &s);
    out->n = s.n < NUMBER_MAX ? s.n : 0;
    memcpy(out->z, s.n ? s.p : "", out->n);
}

static struct osm_coord place_of(struct str lat, struct str lon)
{
    double y, x;
    if (!str_parse_f64(lat, &y) || !str_parse_f64(lon, &x) || fabs(y) > 90 || fabs(x) > 180)
        return OSM_NOWHERE;
    return osm_coord_of_nano(llround(y * 1e9), llround(x * 1e9));
}

static struct str text_keep(struct scan *s, struct str t)
{
    s->text_bytes += t.n + 1;
    if (s->text_bytes > OSM_XML_TEXT_MAX) {
        stop(s, RC_TOO_LARGE, "the tags of one object are over 8 MiB");
        return STR_NONE;
    }
    return str_copy(&s->texts, t);
}

/* --- elements ------------------------------------------------------------------------------------------------------ */

static int kind_of(const char *name)
{
    return strcmp(name, "node") == 0       ? OSM_NODE
           : strcmp(name, "way") == 0      ? OSM_WAY
           : strcmp(name, "relation") == 0 ? OSM_RELATION
                                           : -1;
}

static void root_check(struct scan *s, const char *name)
{
    bool is_change = strcmp(name, "osmChange") == 0;
    if (is_change && !s->want->is_change)
        stop(s, RC_UNSUPPORTED, "this is an osmChange file: changes to a source, not a map; its format is osm-change");
    else if (!is_change && s->want->is_change)
        stop(s, RC_INVALID, "not an osmChange file: the outermost element is not <osmChange>");
    else if (!is_change && strcmp(name, "osm") != 0)
        stop(s, RC_INVALID, "not an OSM XML file: the outermost element is not <osm>");
}

static bool is_deleted(const xmlChar **a, int n)
{
    struct str v;
    return (attribute(a, n, "visible", &v) && str_is_equal(v, STR("false"))) ||
           (attribute(a, n, "action", &v) && str_is_equal(v, STR("delete")));
}

/* Other elements may hold what they like, but no objects (X4). */
static void action_open(struct scan *s, const char *name)
{
    s->is_deleting = strcmp(name, "delete") == 0;
    s->in_action = s->is_deleting || strcmp(name, "create") == 0 || strcmp(name, "modify") == 0;
}

static void object_open(struct scan *s, enum osm_kind kind, const xmlChar **a, int n)
{
    s->objects++;
    if (!(s->want->kinds & OSM_BIT(kind)))
        return;
    bool is_visible = !s->is_deleting && !is_deleted(a, n);
    s->o = (struct osm_object){
        .kind = kind, .is_visible = is_visible, .at = OSM_NOWHERE, .seq = s->objects, .line = line_of(s)};
    if (!attribute_i64(a, n, "id", &s->o.id)) {
        stop(s, RC_DAMAGED, "an object has no id, or one that is not a number");
        return;
    }
    if (!attribute_i64(a, n, "version", &s->o.version) || s->o.version < 0 || s->o.version > INT32_MAX)
        s->o.version = 0;
    s->is_open = true;
    s->text_bytes = 0;
    s->ref_places = 0;
    if (kind == OSM_NODE) {
        number_keep(a, n, "lat", &s->lat);
        number_keep(a, n, "lon", &s->lon);
    }
}

/* Grows the way's two arrays together or the one array given. */
static void *room(void *p, size_t *have, size_t n, size_t size)
{
    if (n <= *have)
        return p;
    *have = n + n / 2 + 64;
    return mem_realloc(p, *have * size);
}

static void tag_add(struct scan *s, const xmlChar **a, int n)
{
    struct osm_tag t;
    if (!s->want->filter)
        return;
    if (!attribute(a, n, "k", &t.key) || !attribute(a, n, "v", &t.value)) {
        stop(s, RC_DAMAGED, "a <tag> lacks k or v");
        return;
    }
    if (s->o.tags_n == OSM_TAGS_MAX) {
        stop(s, RC_TOO_LARGE, "an object has over 5,000 tags");
        return;
    }
    s->tags = room(s->tags, &s->tags_size, s->o.tags_n + 1, sizeof *s->tags);
    s->tags[s->o.tags_n++] = (struct osm_tag){text_keep(s, t.key), text_keep(s, t.value)};
}

static void ref_add(struct scan *s, const xmlChar **a, int n)
{
    int64_t id;
    struct str lat, lon;
    if (!attribute_i64(a, n, "ref", &id)) {
        stop(s, RC_DAMAGED, "an <nd> has no ref, or one that is not a number");
        return;
    }
    if (s->o.refs_n == OSM_REFS_MAX) {
        stop(s, RC_TOO_LARGE, "a way has over 262,144 nodes");
        return;
    }
    size_t size = s->refs_size;
    s->refs = room(s->refs, &size, s->o.refs_n + 1, sizeof *s->refs);
    s->ref_at = room(s->ref_at, &s->refs_size, s->o.refs_n + 1, sizeof *s->ref_at);
    s->refs[s->o.refs_n] = id;
    s->ref_at[s->o.refs_n] = OSM_NOWHERE;
    if (attribute(a, n, "lat", &lat) && attribute(a, n, "lon", &lon)) {
        s->ref_at[s->o.refs_n] = place_of(lat, lon);
        s->ref_places++;
    }
    s->o.refs_n++;
}

static void member_add(struct scan *s, const xmlChar **a, int n)
{
    struct osm_member m = {0};
    struct str type = STR_NONE;
    int kind = -1;
    if (attribute(a, n, "type", &type))
        kind = str_is_equal(type, STR("node"))       ? OSM_NODE
               : str_is_equal(type, STR("way"))      ? OSM_WAY
               : str_is_equal(type, STR("relation")) ? OSM_RELATION
                                                     : -1;
    if (kind < 0 || !attribute_i64(a, n, "ref", &m.ref)) {
        stop(s, RC_DAMAGED, "a <member> lacks its type or ref");
        return;
    }
    if (s->o.members_n == OSM_MEMBERS_MAX) {
        stop(s, RC_TOO_LARGE, "a relation has over 262,144 members");
        return;
    }
    m.kind = (enum osm_kind)kind;
    attribute(a, n, "role", &m.role);
    m.role = m.role.n ? text_keep(s, m.role) : STR_NONE;
    s->members = room(s->members, &s->members_size, s->o.members_n + 1, sizeof *s->members);
    s->members[s->o.members_n++] = m;
}

static void child_open(struct scan *s, const char *name, const xmlChar **a, int n)
{
    if (strcmp(name, "tag") == 0)
        tag_add(s, a, n);
    else if (s->o.kind == OSM_WAY && strcmp(name, "nd") == 0)
        ref_add(s, a, n);
    else if (s->o.kind == OSM_RELATION && strcmp(name, "member") == 0)
        member_add(s, a, n);
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int ns_n,
                     const xmlChar **ns, int n, int defaulted, const xmlChar **a)
{
    struct scan *s = ctx;
    const char *z = (const char *)name;
    (void)prefix, (void)uri, (void)ns_n, (void)ns, (void)defaulted;
    if (s->rc != RC_OK)
        return;
    if (++s->depth > OSM_XML_DEPTH_MAX)
        stop(s, RC_TOO_LARGE, "elements are nested over 16 deep");
    else if (s->depth == 1)
        root_check(s, z);
    else if (s->want->is_change && kind_of(z) >= 0 && !(s->depth == s->base && s->in_action))
        stop(s, RC_DAMAGED, "an object stands outside of <create>, <modify> and <delete>");
    else if (s->want->is_change && s->depth == 2)
        action_open(s, z);
    else if (s->depth == s->base && kind_of(z) >= 0)
        object_open(s, (enum osm_kind)kind_of(z), a, n);
    else if (s->depth == s->base + 1 && s->is_open)
        child_open(s, z, a, n);
}

static void object_give(struct scan *s)
{
    struct osm_object *o = &s->o;
    const struct osm_want *w = s->want;
    struct osm_seen one = {.n = 1, .first = o->id, .last = o->id, .least = o->id, .most = o->id, .is_rising = true};
    osm_seen_join(&s->seen[o->kind], &one);
    size_t at = osm_ids_at(w->ids[o->kind], w->ids_n[o->kind], o->id);
    bool by_id = at < w->ids_n[o->kind] && w->ids[o->kind][at] == o->id;
    bool by_tag = w->filter && o->tags_n && osm_filter_passes(w->filter, s->tags, o->tags_n);
    o->why = (by_tag ? OSM_BY_TAG : 0u) | (by_id ? OSM_BY_ID : 0u);
    if (!o->why && !w->is_change)
        return;
    if (!o->why)
        o->refs_n = o->members_n = 0;
    o->tags = by_tag ? s->tags : NULL;
    o->tags_n = by_tag ? o->tags_n : 0;
    o->refs = s->refs;
    o->ref_at = o->refs_n && s->ref_places == o->refs_n ? s->ref_at : NULL;
    o->members = s->members;
    if (o->kind == OSM_NODE)
        o->at = place_of((struct str){s->lat.z, s->lat.n}, (struct str){s->lon.z, s->lon.n});
    s->rc = s->fn(s->ctx, o, s->err);
    if (s->rc != RC_OK)
        xmlStopParser(s->xml);
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct scan *s = ctx;
    (void)name, (void)prefix, (void)uri;
    if (s->rc != RC_OK)
        return;
    if (--s->depth == s->base - 1 && s->is_open) {
        s->is_open = false;
        object_give(s);
        if (s->text_bytes)
            arena_reset(&s->texts);
    }
}

static void on_doctype(void *ctx, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    (void)name, (void)external, (void)system;
    stop(ctx, RC_UNSUPPORTED, "a document type declaration (<!DOCTYPE>) is not allowed: OSM XML has none");
}

#if LIBXML_VERSION >= 21200
static void on_error(void *ctx, const xmlError *e)
#else
static void on_error(void *ctx, xmlErrorPtr e)
#endif
{
    struct scan *s = ctx;
    if (s->rc != RC_OK || e->level < XML_ERR_FATAL)
        return;
    struct str what = str_clip(str_trim(str_of(e->message)), 200);
    s->rc = err_set(s->err, RC_DAMAGED, "line %d: not well-formed XML: " STR_FMT, e->line, STR_ARG(what));
}

/* --- the pass ------------------------------------------------------------------------------------------------------ */

static enum rc feed(struct scan *s, struct byte_source in)
{
    char *chunk = mem_alloc(CHUNK);
    enum rc rc = RC_OK;
    size_t got = 0;
    do {
        rc = in.read(in.ctx, chunk, CHUNK, &got, s->err);
        if (rc != RC_OK)
            break;
        int bad = xmlParseChunk(s->xml, chunk, (int)got, got == 0);
        if (s->rc == RC_OK && bad && !s->xml->wellFormed)
            stop(s, RC_DAMAGED, "not well-formed XML");
        rc = s->rc;
    } while (rc == RC_OK && got);
    free(chunk);
    if (rc == RC_OK && !s->xml->wellFormed)
        rc = err_set(s->err, RC_DAMAGED, "line %ld: the XML ends early; the file is cut short or empty", line_of(s));
    return rc;
}

enum rc osm_xml_scan(struct byte_source in, const struct osm_want *want, osm_object_fn fn, void *ctx,
                     struct osm_seen seen[OSM_KINDS], struct err *err)
{
    struct scan s = {.want = want, .fn = fn, .ctx = ctx, .seen = seen, .err = err, .base = want->is_change ? 3 : 2};
    xmlSAXHandler sax = {.initialized = XML_SAX2_MAGIC,
                         .startElementNs = on_start,
                         .endElementNs = on_end,
                         .internalSubset = on_doctype,
                         .serror = on_error};
    memset(seen, 0, OSM_KINDS * sizeof *seen);
    s.xml = xmlCreatePushParserCtxt(&sax, &s, NULL, 0, NULL);
    if (!s.xml)
        return err_set(err, RC_NOMEM, "no memory for the XML parser");
    /* NOENT: without it libxml2 hands out &amp; in attributes as &#38;. There are no other entities (X1). */
    xmlCtxtUseOptions(s.xml, XML_PARSE_NONET | XML_PARSE_COMPACT | XML_PARSE_NOENT);
    arena_init(&s.texts);
    enum rc rc = feed(&s, in);
    arena_fini(&s.texts);
    free(s.tags);
    free(s.refs);
    free(s.ref_at);
    free(s.members);
    if (s.xml->myDoc)
        xmlFreeDoc(s.xml->myDoc);
    xmlFreeParserCtxt(s.xml);
    return rc;
}
