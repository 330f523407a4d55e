/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The XML writer of xml_out.h.
 */
#include "wire/xml_out.h"

#include <string.h>

#include "wire/utf8_int.h"

void xml_out_init(struct xml_out *x, struct buf *b, bool indent)
{
    *x = (struct xml_out){.b = b, .indent = indent};
    buf_add_z(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

static void close_tag(struct xml_out *x)
{
    if (x->in_tag)
        buf_add_char(x->b, '>');
    x->in_tag = false;
}

static void new_line(struct xml_out *x)
{
    if (!x->indent || x->has_text)
        return;
    buf_add_char(x->b, '\n');
    for (int i = 0; i < x->depth; i++)
        buf_add_z(x->b, "  ");
}

void xml_begin(struct xml_out *x, const char *name)
{
    ENSURE(x->depth < XML_OUT_DEPTH);
    close_tag(x);
    if (x->depth > 0)
        new_line(x);
    buf_add_char(x->b, '<');
    buf_add_z(x->b, name);
    x->open[x->depth++] = name;
    x->in_tag = true;
    x->has_text = false;
}

static const char *replacement_of(unsigned char c, bool in_attr)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return in_attr ? "&quot;" : NULL;
    case '\r':
        return "&#13;"; /* a bare one would be read back as a line feed */
    case '\n':
        return in_attr ? "&#10;" : NULL; /* attribute values are normalised to spaces */
    case '\t':
        return in_attr ? "&#9;" : NULL;
    default:
        return c < 0x20 ? UTF8_REPLACEMENT : NULL;
    }
}

/* U+FFFE and U+FFFF are well-formed UTF-8 but no XML characters. */
static bool is_noncharacter(const char *p, size_t n)
{
    return n == 3 && (memcmp(p, "\xEF\xBF\xBE", 3) == 0 || memcmp(p, "\xEF\xBF\xBF", 3) == 0);
}

static void add_escaped(struct buf *b, struct str s, bool in_attr)
{
    size_t from = 0;
    for (size_t i = 0; i < s.n;) {
        bool whole;
        size_t n = utf8_take(s.p + i, s.n - i, &whole);
        const char *other = n > 1 || !whole ? NULL : replacement_of((unsigned char)s.p[i], in_attr);
        if (!whole || is_noncharacter(s.p + i, n))
            other = UTF8_REPLACEMENT;
        if (other) {
            buf_add(b, s.p + from, i - from);
            buf_add_z(b, other);
            from = i + n;
        }
        i += n;
    }
    if (from < s.n)
        buf_add(b, s.p + from, s.n - from);
}

void xml_attr(struct xml_out *x, const char *name, struct str value)
{
    ENSURE(x->in_tag);
    buf_add_char(x->b, ' ');
    buf_add_z(x->b, name);
    buf_add_z(x->b, "=\"");
    add_escaped(x->b, value, true);
    buf_add_char(x->b, '"');
}

void xml_text(struct xml_out *x, struct str s)
{
    ENSURE(x->depth > 0);
    close_tag(x);
    add_escaped(x->b, s, false);
    x->has_text = true;
}

void xml_raw(struct xml_out *x, struct str xml)
{
    close_tag(x);
    buf_add_str(x->b, xml);
    x->has_text = true;
}

void xml_end(struct xml_out *x)
{
    ENSURE(x->depth > 0);
    const char *name = x->open[--x->depth];
    if (x->in_tag) {
        buf_add_z(x->b, "/>");
        x->in_tag = false;
    } else {
        new_line(x);
        buf_add_z(x->b, "</");
        buf_add_z(x->b, name);
        buf_add_char(x->b, '>');
    }
    x->has_text = false;
    if (x->depth == 0)
        buf_add_char(x->b, '\n');
}

void xml_put(struct xml_out *x, const char *name, struct str text)
{
    xml_begin(x, name);
    xml_text(x, text);
    xml_end(x);
}

void xml_put_opt(struct xml_out *x, const char *name, struct str text)
{
    if (text.n)
        xml_put(x, name, text);
}
