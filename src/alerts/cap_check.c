/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The structural validator of CAP 1.2: the schema's sequences as tables, then the rules the schema leaves to people.
 * XML digital signatures (any element of another namespace at the end of alert) are let through unread.
 */
#include "alerts/cap.h"

#include "wire/xml_in.h"

#include <math.h>
#include <string.h>

enum cap_type { CAP_TEXT, CAP_TIME, CAP_ENUM, CAP_CIRCLE, CAP_POLYGON, CAP_LANGUAGE, CAP_GROUP };
struct cap_element {
    const char *name;
    int least, most; /* most 0: any number */
    enum cap_type type;
    const char *values;               /* CAP_ENUM: between spaces */
    const struct cap_element *inside; /* CAP_GROUP; ends with a NULL name */
};

static const struct cap_element NAME_AND_VALUE[] = {{"valueName", 1, 1, CAP_TEXT, NULL, NULL},
                                                    {"value", 1, 1, CAP_TEXT, NULL, NULL},
                                                    {NULL, 0, 0, CAP_TEXT, NULL, NULL}};
static const struct cap_element RESOURCE[] = {{"resourceDesc", 1, 1, CAP_TEXT, NULL, NULL},
                                              {"mimeType", 1, 1, CAP_TEXT, NULL, NULL},
                                              {"size", 0, 1, CAP_TEXT, NULL, NULL},
                                              {"uri", 0, 1, CAP_TEXT, NULL, NULL},
                                              {"derefUri", 0, 1, CAP_TEXT, NULL, NULL},
                                              {"digest", 0, 1, CAP_TEXT, NULL, NULL},
                                              {NULL, 0, 0, CAP_TEXT, NULL, NULL}};
static const struct cap_element AREA[] = {
    {"areaDesc", 1, 1, CAP_TEXT, NULL, NULL}, {"polygon", 0, 0, CAP_POLYGON, NULL, NULL},
    {"circle", 0, 0, CAP_CIRCLE, NULL, NULL}, {"geocode", 0, 0, CAP_GROUP, NULL, NAME_AND_VALUE},
    {"altitude", 0, 1, CAP_TEXT, NULL, NULL}, {"ceiling", 0, 1, CAP_TEXT, NULL, NULL},
    {NULL, 0, 0, CAP_TEXT, NULL, NULL}};
static const struct cap_element INFO[] = {
    {"language", 1, 1, CAP_LANGUAGE, NULL, NULL}, /* optional in the schema, where it would mean en-US */
    {"category", 1, 0, CAP_ENUM, " Geo Met Safety Security Rescue Fire Health Env Transport Infra CBRNE Other ", NULL},
    {"event", 1, 1, CAP_TEXT, NULL, NULL},
    {"responseType", 0, 0, CAP_ENUM, " Shelter Evacuate Prepare Execute Avoid Monitor Assess AllClear None ", NULL},
    {"urgency", 1, 1, CAP_ENUM, " Immediate Expected Future Past Unknown ", NULL},
    {"severity", 1, 1, CAP_ENUM, " Extreme Severe Moderate Minor Unknown ", NULL},
    {"certainty", 1, 1, CAP_ENUM, " Observed Likely Possible Unlikely Unknown ", NULL},
    {"audience", 0, 1, CAP_TEXT, NULL, NULL},
    {"eventCode", 0, 0, CAP_GROUP, NULL, NAME_AND_VALUE},
    {"effective", 0, 1, CAP_TIME, NULL, NULL},
    {"onset", 0, 1, CAP_TIME, NULL, NULL},
    {"expires", 1, 1, CAP_TIME, NULL, NULL}, /* optional in the schema */
    {"senderName", 0, 1, CAP_TEXT, NULL, NULL},
    {"headline", 0, 1, CAP_TEXT, NULL, NULL},
    {"description", 0, 1, CAP_TEXT, NULL, NULL},
    {"instruction", 0, 1, CAP_TEXT, NULL, NULL},
    {"web", 0, 1, CAP_TEXT, NULL, NULL},
    {"contact", 0, 1, CAP_TEXT, NULL, NULL},
    {"parameter", 0, 0, CAP_GROUP, NULL, NAME_AND_VALUE},
    {"resource", 0, 0, CAP_GROUP, NULL, RESOURCE},
    {"area", 1, 0, CAP_GROUP, NULL, AREA},
    {NULL, 0, 0, CAP_TEXT, NULL, NULL}};
static const struct cap_element ALERT[] = {{"identifier", 1, 1, CAP_TEXT, NULL, NULL},
                                           {"sender", 1, 1, CAP_TEXT, NULL, NULL},
                                           {"sent", 1, 1, CAP_TIME, NULL, NULL},
                                           {"status", 1, 1, CAP_ENUM, " Actual Exercise System Test Draft ", NULL},
                                           {"msgType", 1, 1, CAP_ENUM, " Alert Update Cancel Ack Error ", NULL},
                                           {"source", 0, 1, CAP_TEXT, NULL, NULL},
                                           {"scope", 1, 1, CAP_ENUM, " Public Restricted Private ", NULL},
                                           {"restriction", 0, 1, CAP_TEXT, NULL, NULL},
                                           {"addresses", 0, 1, CAP_TEXT, NULL, NULL},
                                           {"code", 0, 0, CAP_TEXT, NULL, NULL},
                                           {"note", 0, 1, CAP_TEXT, NULL, NULL},
                                           {"references", 0, 1, CAP_TEXT, NULL, NULL},
                                           {"incidents", 0, 1, CAP_TEXT, NULL, NULL},
                                           {"info", 1, 0, CAP_GROUP, NULL, INFO},
                                           {NULL, 0, 0, CAP_TEXT, NULL, NULL}};

enum { DEPTH_MAX = 8, ELEMENTS_MAX = 24 };

struct level {
    const struct cap_element *table; /* NULL inside a text element */
    const struct cap_element *self;
    size_t at; /* index of the latest child: the sequence never goes back */
    int counts[ELEMENTS_MAX];
};

struct check {
    struct arena mem;
    struct level levels[DEPTH_MAX];
    int depth;
    int foreign; /* nesting inside an element of another namespace */
    struct buf text;
    /* what the rules between elements need */
    struct str identifier, sender, status, message, scope, restriction, addresses, references;
    struct instant sent, expires;
    struct str judgement, judgement_first; /* urgency severity certainty of this and of the first info */
};

/* ---- values ---- */

static bool is_reference_safe(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == ' ' || s.p[i] == ',' || s.p[i] == '<' || s.p[i] == '&' || (unsigned char)s.p[i] < 0x20)
            return false;
    return s.n > 0;
}

/* dddd-dd-ddTdd:dd:dd[+-]dd:dd: no Z, no fractions. */
static bool is_cap_time(struct str s, struct instant *out)
{
    return s.n == 25 && s.p[10] == 'T' && (s.p[19] == '+' || s.p[19] == '-') && instant_parse(s, out);
}

static bool is_language(struct str s)
{
    size_t part = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool letter = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z');
        bool digit = s.p[i] >= '0' && s.p[i] <= '9';
        if (s.p[i] == '-' ? part == 0 : !(letter || digit) || ++part > 8)
            return false;
        if (s.p[i] == '-')
            part = 0;
    }
    return s.n > 0 && part > 0;
}

static bool is_pair(struct str s, double *lat, double *lon)
{
    struct str a, b;
    return str_cut(s, ',', &a, &b) && str_parse_f64(a, lat) && str_parse_f64(b, lon) && fabs(*lat) <= 90 &&
           fabs(*lon) <= 180;
}

static bool is_circle(struct str s)
{
    struct str centre, radius;
    double lat, lon, km;
    return str_cut(s, ' ', &centre, &radius) && is_pair(centre, &lat, &lon) && str_parse_f64(radius, &km) && km >= 0;
}

static bool is_polygon(struct str s)
{
    struct str pair, first = STR_NONE, last = STR_NONE;
    double lat, lon;
    size_t n = 0;
    while (s.n) {
        str_cut(s, ' ', &pair, &s);
        if (!is_pair(pair, &lat, &lon))
            return false;
        if (n++ == 0)
            first = pair;
        last = pair;
    }
    return n >= 4 && str_is_equal(first, last);
}

static const char *value_fault(const struct cap_element *e, struct str v, struct arena *mem)
{
    struct instant t;
    switch (e->type) {
    case CAP_TEXT:
        return v.n ? NULL : "is empty";
    case CAP_TIME:
        return is_cap_time(v, &t) ? NULL : "is not a time with a numeric offset and without fractions";
    case CAP_ENUM:
        return v.n && str_contains(str_of(e->values), str_printf(mem, " " STR_FMT " ", STR_ARG(v)))
                   ? NULL
                   : "is none of its values";
    case CAP_CIRCLE:
        return is_circle(v) ? NULL : "is not 'latitude,longitude radius'";
    case CAP_POLYGON:
        return is_polygon(v) ? NULL : "is not a closed ring of at least four 'latitude,longitude' pairs";
    case CAP_LANGUAGE:
        return is_language(v) ? NULL : "is not a language tag";
    case CAP_GROUP:
        return NULL;
    }
    ENSURE(false);
}

/* ---- events of the reader ---- */

static enum rc fault(struct err *err, const char *name, const char *what)
{
    return err_set(err, RC_INVALID, "CAP: <%s> %s", name, what);
}

static enum rc enter(struct check *c, const struct cap_element *e, struct err *err)
{
    if (c->depth == DEPTH_MAX)
        return err_set(err, RC_INVALID, "CAP: nested too deep");
    c->levels[c->depth++] = (struct level){.table = e->inside, .self = e};
    buf_clear(&c->text);
    return RC_OK;
}

static const struct cap_element ROOT = {"alert", 1, 1, CAP_GROUP, NULL, ALERT};

static enum rc on_begin(void *ctx, struct str ns, struct str name, const struct xml_attribute *attrs, size_t n,
                        struct err *err)
{
    struct check *c = ctx;
    (void)attrs, (void)n;
    if (c->foreign || (c->depth == 1 && !str_is_equal(ns, STR(CAP_NAMESPACE)))) {
        c->foreign++;
        return RC_OK;
    }
    if (!str_is_equal(ns, STR(CAP_NAMESPACE)))
        return err_set(err, RC_INVALID, "CAP: <" STR_FMT "> is not of the CAP 1.2 namespace", STR_ARG(name));
    if (c->depth == 0)
        return str_is_equal(name, STR("alert")) ? enter(c, &ROOT, err) : fault(err, "alert", "is not the document");
    struct level *l = &c->levels[c->depth - 1];
    if (!l->table)
        return fault(err, l->self->name, "holds an element where text belongs");
    for (size_t i = l->at; l->table[i].name; i++) {
        if (!str_is_equal(name, str_of(l->table[i].name)))
            continue;
        l->at = i;
        if (++l->counts[i] > l->table[i].most && l->table[i].most)
            return fault(err, l->table[i].name, "stands more than once");
        return enter(c, &l->table[i], err);
    }
    return err_set(err, RC_INVALID, "CAP: <" STR_FMT "> has no place here in <%s>", STR_ARG(name), l->self->name);
}

static enum rc on_text(void *ctx, struct str text, struct err *err)
{
    struct check *c = ctx;
    (void)err;
    if (!c->foreign && c->depth && !c->levels[c->depth - 1].table)
        buf_add_str(&c->text, text);
    return RC_OK;
}

static void remember(struct check *c, const char *name, struct str v)
{
    const struct {
        const char *name;
        struct str *to;
    } kept[] = {{"identifier", &c->identifier}, {"sender", &c->sender},        {"status", &c->status},
                {"msgType", &c->message},       {"scope", &c->scope},          {"restriction", &c->restriction},
                {"addresses", &c->addresses},   {"references", &c->references}};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (strcmp(kept[i].name, name) == 0)
            *kept[i].to = str_copy(&c->mem, v);
    if (strcmp(name, "sent") == 0)
        instant_parse(v, &c->sent);
    if (strcmp(name, "expires") == 0)
        instant_parse(v, &c->expires);
    if (strcmp(name, "urgency") == 0 || strcmp(name, "severity") == 0 || strcmp(name, "certainty") == 0)
        c->judgement = str_printf(&c->mem, STR_FMT STR_FMT "/", STR_ARG(c->judgement), STR_ARG(v));
}

/* The rules of one info against the others and against the alert. */
static enum rc info_rules(struct check *c, struct err *err)
{
    if (c->expires.us <= c->sent.us)
        return fault(err, "expires", "is not after <sent>");
    if (c->judgement_first.n == 0)
        c->judgement_first = c->judgement;
    else if (!str_is_equal(c->judgement, c->judgement_first))
        return fault(err, "info", "differs from the first in urgency, severity or certainty");
    c->judgement = STR("");
    return RC_OK;
}

/* Every reference is sender,identifier,sent. */
static bool are_references(struct str refs)
{
    struct str one, sender, rest, identifier, sent;
    struct instant t;
    if (refs.n == 0)
        return false;
    while (refs.n) {
        str_cut(refs, ' ', &one, &refs);
        if (!str_cut(one, ',', &sender, &rest) || !str_cut(rest, ',', &identifier, &sent) ||
            !is_reference_safe(sender) || !is_reference_safe(identifier) || !is_cap_time(sent, &t))
            return false;
    }
    return true;
}

static enum rc alert_rules(const struct check *c, struct err *err)
{
    bool restricted = str_is_equal(c->scope, STR("Restricted")), private = str_is_equal(c->scope, STR("Private"));
    bool follows = str_is_equal(c->message, STR("Update")) || str_is_equal(c->message, STR("Cancel"));
    if (!is_reference_safe(c->identifier))
        return fault(err, "identifier", "holds a space, a comma, < or &");
    if (!is_reference_safe(c->sender))
        return fault(err, "sender", "holds a space, a comma, < or &");
    if (restricted != (c->restriction.n > 0))
        return fault(err, "restriction", "belongs to scope Restricted, and only to it");
    if (private && c->addresses.n == 0)
        return fault(err, "addresses", "is needed with scope Private");
    if (!private && c->addresses.n)
        return fault(err, "addresses", "belongs to scope Private here");
    if (follows && !are_references(c->references))
        return fault(err, "references", "must name what an Update or Cancel is about, as sender,identifier,sent");
    return RC_OK;
}

static enum rc on_end(void *ctx, struct str ns, struct str name, struct err *err)
{
    struct check *c = ctx;
    (void)ns, (void)name;
    if (c->foreign) {
        c->foreign--;
        return RC_OK;
    }
    struct level *l = &c->levels[--c->depth];
    const struct cap_element *e = l->self;
    for (size_t i = 0; l->table && l->table[i].name; i++)
        if (l->counts[i] < l->table[i].least)
            return err_set(err, RC_INVALID, "CAP: <%s> lacks <%s>", e->name, l->table[i].name);
    if (!l->table) {
        struct str v = str_trim(buf_str(&c->text));
        const char *why = value_fault(e, v, &c->mem);
        if (why)
            return fault(err, e->name, why);
        remember(c, e->name, v);
    }
    if (e->inside == INFO)
        return info_rules(c, err);
    return e->inside == ALERT ? alert_rules(c, err) : RC_OK;
}

enum rc cap_check(struct str xml, struct err *err)
{
    struct check c = {0};
    struct xml_place place = {0};
    struct xml_handler handler = {on_begin, on_text, on_end, &c};
    struct str left = xml;
    if (xml.n > CAP_BYTES_MAX)
        return err_set(err, RC_TOO_LARGE, "CAP: over %d bytes", CAP_BYTES_MAX);
    arena_init(&c.mem);
    buf_init(&c.text, CAP_BYTES_MAX);
    enum rc rc = xml_read(str_source(&left), &(struct xml_limits){CAP_BYTES_MAX}, &handler, &place, err);
    if (rc == RC_INVALID && err)
        err_add(err, "line %lld: ", (long long)place.line);
    buf_fini(&c.text);
    arena_fini(&c.mem);
    return rc;
}
