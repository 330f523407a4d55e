/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * xml_read over libxml2's SAX2 interface. Its own limits (no huge text nodes, its depth of 256) stay on below ours.
 */
#include "wire/xml_in.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <string.h>

struct reading {
    const struct xml_handler *handler;
    struct xml_place *place;
    xmlParserCtxtPtr parser;
    int depth;
    enum rc rc;
    struct err *err;
};

static struct str str_of_xml(const xmlChar *z)
{
    return str_of((const char *)z);
}

static int line_of(const struct reading *r)
{
    return xmlSAX2GetLineNumber(r->parser);
}

static void stop(struct reading *r, enum rc rc)
{
    if (r->rc == RC_OK)
        r->rc = rc;
    xmlStopParser(r->parser);
}

static void refuse(struct reading *r, enum rc rc, const char *what)
{
    if (r->rc == RC_OK)
        err_set(r->err, rc, "line %d: %s", line_of(r), what);
    stop(r, rc);
}

static void on_doctype(void *ctx, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
    (void)name;
    (void)public_id;
    (void)system_id;
    refuse(ctx, RC_UNSUPPORTED, "a document type (<!DOCTYPE) is not accepted: take it and its entities out");
}

static bool is_stopped(struct reading *r)
{
    if (r->place)
        r->place->line = line_of(r);
    return r->rc != RC_OK;
}

static void on_begin(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int ns_n,
                     const xmlChar **ns, int n, int defaulted, const xmlChar **raw)
{
    struct reading *r = ctx;
    struct xml_attribute attrs[XML_ATTRS_MAX];
    (void)prefix;
    (void)ns_n;
    (void)ns;
    (void)defaulted;
    if (is_stopped(r))
        return;
    if (++r->depth > XML_DEPTH_MAX) {
        refuse(r, RC_TOO_LARGE, "elements are nested deeper than 64 levels");
        return;
    }
    if (n > XML_ATTRS_MAX) {
        refuse(r, RC_TOO_LARGE, "an element has more than 256 attributes");
        return;
    }
    for (int i = 0; i < n; i++, raw += 5) { /* local name, prefix, URI, value, end of value */
        attrs[i] = (struct xml_attribute){str_of_xml(raw[0]), {(const char *)raw[3], (size_t)(raw[4] - raw[3])}};
        if (attrs[i].value.n > XML_VALUE_MAX) {
            refuse(r, RC_TOO_LARGE, "an attribute is longer than 1 MB");
            return;
        }
    }
    if (!r->handler->begin)
        return;
    enum rc rc = r->handler->begin(r->handler->ctx, str_of_xml(uri), str_of_xml(name), attrs, (size_t)n, r->err);
    if (rc != RC_OK)
        stop(r, rc);
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct reading *r = ctx;
    (void)prefix;
    if (is_stopped(r))
        return;
    r->depth--;
    if (!r->handler->end)
        return;
    enum rc rc = r->handler->end(r->handler->ctx, str_of_xml(uri), str_of_xml(name), r->err);
    if (rc != RC_OK)
        stop(r, rc);
}

static void on_text(void *ctx, const xmlChar *text, int n)
{
    struct reading *r = ctx;
    if (is_stopped(r) || !r->handler->text || n <= 0)
        return;
    enum rc rc = r->handler->text(r->handler->ctx, (struct str){(const char *)text, (size_t)n}, r->err);
    if (rc != RC_OK)
        stop(r, rc);
}

static void on_error(void *ctx, const xmlError *e)
{
    struct reading *r = ctx;
    if (r->rc != RC_OK || e->level < XML_ERR_ERROR)
        return;
    struct str what = str_trim(str_of(e->message));
    bool is_size = e->code == XML_ERR_NAME_TOO_LONG || e->code == XML_ERR_INTERNAL_ERROR;
    r->rc = err_set(r->err, is_size ? RC_TOO_LARGE : RC_DAMAGED, "line %d: XML: " STR_FMT, e->line, STR_ARG(what));
}

static enum rc feed(struct reading *r, struct byte_source src, uint64_t cap)
{
    uint64_t taken = 0;
    for (size_t got = 1; got > 0 && r->rc == RC_OK;) {
        char block[16384];
        TRY(src.read(src.ctx, block, sizeof block, &got, r->err));
        taken += got;
        if (cap && taken > cap)
            return err_set(r->err, RC_TOO_LARGE, "line %d: over %llu bytes of XML", line_of(r),
                           (unsigned long long)cap);
        int code = xmlParseChunk(r->parser, block, (int)got, got == 0);
        if (code != 0 && r->rc == RC_OK)
            r->rc = err_set(r->err, RC_DAMAGED, "line %d: not well-formed XML", line_of(r));
    }
    return r->rc;
}

enum rc xml_read(struct byte_source src, const struct xml_limits *limits, const struct xml_handler *handler,
                 struct xml_place *place, struct err *err)
{
    struct reading r = {.handler = handler, .place = place, .err = err};
    xmlSAXHandler sax = {
        .initialized = XML_SAX2_MAGIC,
        .internalSubset = on_doctype,
        .startElementNs = on_begin,
        .endElementNs = on_end,
        .characters = on_text,
        .ignorableWhitespace = on_text,
        .cdataBlock = on_text,
        .serror = (xmlStructuredErrorFunc)on_error,
    };
    r.parser = xmlCreatePushParserCtxt(&sax, &r, NULL, 0, NULL);
    if (!r.parser)
        return err_set(err, RC_NOMEM, "no memory for the XML parser");
    /* NOENT resolves references in place; none can be declared but the five of XML itself, see on_doctype */
    xmlCtxtUseOptions(r.parser, XML_PARSE_NONET | XML_PARSE_NOENT);
    enum rc rc = feed(&r, src, limits ? limits->bytes : 0);
    xmlFreeDoc(r.parser->myDoc);
    r.parser->myDoc = NULL;
    xmlFreeParserCtxt(r.parser);
    return rc;
}

struct str xml_attribute_peek(const struct xml_attribute *attrs, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_is_equal(attrs[i].name, name))
            return attrs[i].value;
    return STR_NONE;
}
