/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The walker of json_stream.h: one block of the source in memory, a bit per nesting level saying object or array, and a
 * copy of the bytes of one value while it is wanted. The items on top of it are in json_items.c.
 */
#include "wire/json_stream.h"

#include <stdlib.h>
#include <string.h>

#include "wire/json_stream_int.h"
#include "wire/utf8_int.h"

struct json_stream *json_stream_new(struct byte_source src)
{
    struct json_stream *js = mem_alloc(sizeof *js);
    js->src = src;
    js->block = mem_alloc(BLOCK_SIZE);
    js->line = 1;
    buf_init(&js->copy, JSON_ITEM_MAX);
    buf_init(&js->key, KEY_MAX);
    return js;
}

void json_stream_free(struct json_stream *js)
{
    if (!js)
        return;
    buf_fini(&js->copy);
    buf_fini(&js->key);
    free(js->block);
    free(js);
}

uint64_t json_stream_offset(const struct json_stream *js)
{
    return js->base + js->at;
}

int64_t json_stream_line(const struct json_stream *js)
{
    return js->line;
}

enum rc json_stream_fail(const struct json_stream *js, enum rc rc, const char *what, struct err *err)
{
    return err_set(err, rc, "line %lld, byte offset %llu: %s", (long long)js->line,
                   (unsigned long long)json_stream_offset(js), what);
}

static enum rc fail_at(const struct json_stream *js, const char *wanted, struct err *err)
{
    if (js->at == js->have)
        return err_set(err, RC_DAMAGED, "line %lld, byte offset %llu: the text ends where %s should be",
                       (long long)js->line, (unsigned long long)json_stream_offset(js), wanted);
    unsigned char c = (unsigned char)js->block[js->at];
    bool shown = c > 0x20 && c < 0x7F;
    return err_set(err, RC_DAMAGED,
                   shown ? "line %lld, byte offset %llu: %s expected, not '%c'"
                         : "line %lld, byte offset %llu: %s expected, not byte 0x%02X",
                   (long long)js->line, (unsigned long long)json_stream_offset(js), wanted, c);
}

enum rc json_stream_copy_out(struct json_stream *js, struct err *err)
{
    buf_add(&js->copy, js->block + js->copy_from, js->at - js->copy_from);
    js->copy_from = js->at;
    if (buf_is_over(&js->copy))
        return json_stream_fail(js, RC_TOO_LARGE, "one value is larger than 16 MB, the most that is read at once", err);
    return RC_OK;
}

/* Makes the byte at js->at available; at the end of the text leaves at == have. */
static enum rc fill(struct json_stream *js, struct err *err)
{
    if (js->at < js->have || js->ended)
        return RC_OK;
    if (js->copying)
        TRY(json_stream_copy_out(js, err));
    if (js->keying)
        buf_add(&js->key, js->block + js->key_from, js->at - js->key_from);
    size_t got = 0;
    TRY(js->src.read(js->src.ctx, js->block, BLOCK_SIZE, &got, err));
    js->base += js->have;
    js->at = js->copy_from = js->key_from = 0;
    js->have = got;
    js->ended = got == 0;
    return RC_OK;
}

/* The current byte, -1 at the end. */
static enum rc current(struct json_stream *js, int *c, struct err *err)
{
    if (js->at == js->have)
        TRY(fill(js, err));
    *c = js->at < js->have ? (unsigned char)js->block[js->at] : -1;
    return RC_OK;
}

/* A byte order mark, which may arrive a byte at a time. */
static enum rc skip_mark(struct json_stream *js, struct err *err)
{
    int c;
    js->started = true;
    TRY(current(js, &c, err));
    for (const char *mark = "\xEF\xBB\xBF"; *mark && (c == 0xEF || js->at + js->base > 0); mark++) {
        if (c != (unsigned char)*mark)
            return fail_at(js, "a whole byte order mark", err);
        js->at++;
        TRY(current(js, &c, err));
    }
    js->copy_from = js->at;
    return RC_OK;
}

static enum rc skip_space(struct json_stream *js, int *c, struct err *err)
{
    if (!js->started)
        TRY(skip_mark(js, err));
    for (;;) {
        TRY(current(js, c, err));
        bool is_record_mark = *c == 0x1E && js->depth == 0; /* RFC 8142 */
        if (*c != ' ' && *c != '\t' && *c != '\r' && *c != '\n' && !is_record_mark)
            return RC_OK;
        js->line += *c == '\n';
        js->at++;
    }
}

static enum rc take_escape(struct json_stream *js, struct err *err)
{
    int c;
    js->at++;
    TRY(current(js, &c, err));
    if (c < 0 || !strchr("\"\\/bfnrtu", c))
        return fail_at(js, "an escape that JSON knows", err);
    js->at++;
    for (int i = 0; c == 'u' && i < 4; i++) {
        int digit;
        TRY(current(js, &digit, err));
        if (digit < 0 || !strchr("0123456789abcdefABCDEF", digit))
            return fail_at(js, "a hexadecimal digit", err);
        js->at++;
    }
    return RC_OK;
}

static enum rc take_utf8(struct json_stream *js, struct err *err)
{
    unsigned char low, high;
    int lead, want;
    TRY(current(js, &lead, err));
    want = utf8_lead((unsigned char)lead, &low, &high);
    if (want == 0)
        return fail_at(js, "UTF-8 text", err);
    js->at++;
    while (--want > 0) {
        int c;
        TRY(current(js, &c, err));
        if (c < low || c > high)
            return fail_at(js, "UTF-8 text", err);
        low = 0x80;
        high = 0xBF;
        js->at++;
    }
    return RC_OK;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* One step inside a string; *done when it took the closing quote. */
static enum rc take_string_part(struct json_stream *js, bool *done, struct err *err)
{
    int c;
    while (js->at < js->have && is_plain((unsigned char)js->block[js->at]))
        js->at++;
    TRY(current(js, &c, err));
    if (c < 0 || c < 0x20)
        return fail_at(js, "the rest of a string", err);
    *done = c == '"';
    if (c == '\\')
        return take_escape(js, err);
    if (c >= 0x80)
        return take_utf8(js, err);
    js->at += *done; /* else the block was refilled: go on in it */
    return RC_OK;
}

static enum rc take_string(struct json_stream *js, struct err *err)
{
    int c;
    TRY(current(js, &c, err));
    if (c != '"')
        return fail_at(js, "a string", err);
    js->at++;
    for (bool done = false; !done;)
        TRY(take_string_part(js, &done, err));
    return RC_OK;
}

static enum rc take_digits(struct json_stream *js, struct err *err)
{
    int c;
    TRY(current(js, &c, err));
    if (c < '0' || c > '9')
        return fail_at(js, "a digit", err);
    while (c >= '0' && c <= '9') {
        js->at++;
        TRY(current(js, &c, err));
    }
    return RC_OK;
}

static enum rc take_number(struct json_stream *js, struct err *err)
{
    int c;
    TRY(current(js, &c, err));
    if (c == '-') {
        js->at++;
        TRY(current(js, &c, err));
    }
    if (c == '0')
        js->at++; /* no digit may follow: the caller then finds neither comma nor bracket */
    else
        TRY(take_digits(js, err));
    TRY(current(js, &c, err));
    if (c == '.') {
        js->at++;
        TRY(take_digits(js, err));
        TRY(current(js, &c, err));
    }
    if (c != 'e' && c != 'E')
        return RC_OK;
    js->at++;
    TRY(current(js, &c, err));
    if (c == '+' || c == '-')
        js->at++;
    return take_digits(js, err);
}

static enum rc take_word(struct json_stream *js, const char *word, struct err *err)
{
    for (; *word; word++) {
        int c;
        TRY(current(js, &c, err));
        if (c != *word)
            return fail_at(js, "true, false or null", err);
        js->at++;
    }
    return RC_OK;
}

static enum rc take_scalar(struct json_stream *js, int c, struct err *err)
{
    if (c == '"')
        return take_string(js, err);
    if (c == '-' || (c >= '0' && c <= '9'))
        return take_number(js, err);
    if (c == 't' || c == 'f' || c == 'n')
        return take_word(js, c == 't' ? "true" : c == 'f' ? "false" : "null", err);
    return fail_at(js, "a value", err);
}

enum rc json_stream_peek(struct json_stream *js, enum json_kind *kind, struct err *err)
{
    int c;
    TRY(skip_space(js, &c, err));
    switch (c) {
    case '{':
        *kind = JSON_KIND_OBJECT;
        return RC_OK;
    case '[':
        *kind = JSON_KIND_ARRAY;
        return RC_OK;
    case '"':
        *kind = JSON_KIND_STRING;
        return RC_OK;
    case 't':
    case 'f':
    case 'n':
        *kind = JSON_KIND_WORD;
        return RC_OK;
    case -1:
        if (js->depth > 0)
            return fail_at(js, "a value", err);
        *kind = JSON_KIND_END;
        return RC_OK;
    default:
        if (c != '-' && (c < '0' || c > '9'))
            return fail_at(js, "a value", err);
        *kind = JSON_KIND_NUMBER;
        return RC_OK;
    }
}

static bool is_object_level(const struct json_stream *js)
{
    return js->depth > 0 && (js->objects >> (js->depth - 1) & 1);
}

enum rc json_stream_enter(struct json_stream *js, struct err *err)
{
    int c;
    TRY(skip_space(js, &c, err));
    if (c != '{' && c != '[')
        return fail_at(js, "an object or array", err);
    if (js->depth == JSON_STREAM_DEPTH_MAX)
        return json_stream_fail(js, RC_TOO_LARGE, "brackets are nested deeper than 64 levels", err);
    uint64_t bit = UINT64_C(1) << js->depth;
    js->objects = c == '{' ? js->objects | bit : js->objects & ~bit;
    js->depth++;
    js->fresh = true;
    js->at++;
    return RC_OK;
}

/* Takes the comma before the next member or the closing bracket. */
static enum rc take_separator(struct json_stream *js, char close, bool *more, struct err *err)
{
    int c;
    TRY(skip_space(js, &c, err));
    *more = c != close;
    if (*more && !js->fresh) {
        if (c != ',')
            return fail_at(js, close == ']' ? "',' or ']'" : "',' or '}'", err);
        js->at++;
    }
    js->fresh = false;
    if (*more)
        return RC_OK;
    js->at++;
    js->depth--;
    return RC_OK;
}

enum rc json_stream_element(struct json_stream *js, bool *more, struct err *err)
{
    ENSURE(js->depth > 0 && !is_object_level(js));
    return take_separator(js, ']', more, err);
}

/* Takes key and colon without keeping the key. */
static enum rc take_key(struct json_stream *js, bool *more, struct err *err)
{
    int c;
    TRY(take_separator(js, '}', more, err));
    if (!*more)
        return RC_OK;
    TRY(skip_space(js, &c, err));
    TRY(take_string(js, err));
    TRY(skip_space(js, &c, err));
    if (c != ':')
        return fail_at(js, "':'", err);
    js->at++;
    return RC_OK;
}

enum rc json_stream_skip(struct json_stream *js, struct err *err)
{
    int floor = js->depth;
    for (;;) {
        int c;
        TRY(skip_space(js, &c, err));
        if (c == '{' || c == '[')
            TRY(json_stream_enter(js, err));
        else
            TRY(take_scalar(js, c, err));
        bool more = false;
        while (js->depth > floor && !more)
            TRY(is_object_level(js) ? take_key(js, &more, err) : take_separator(js, ']', &more, err));
        if (!more)
            return RC_OK;
    }
}

void json_stream_copy_begin(struct json_stream *js)
{
    buf_clear(&js->copy);
    js->copying = true;
    js->copy_from = js->at;
}

enum rc json_stream_value(struct json_stream *js, struct str *text, struct err *err)
{
    int c;
    TRY(skip_space(js, &c, err));
    json_stream_copy_begin(js);
    enum rc rc = json_stream_skip(js, err);
    if (rc == RC_OK)
        rc = json_stream_copy_out(js, err);
    js->copying = false;
    if (rc == RC_OK)
        *text = buf_str(&js->copy);
    return rc;
}

/* The key's characters: js->key holds its text with quotes and escapes. */
static enum rc unescape_key(struct json_stream *js, struct err *err)
{
    json_t *v = json_loadb(js->key.p, js->key.n, JSON_DECODE_ANY, NULL);
    if (!v)
        return json_stream_fail(js, RC_DAMAGED, "the key before this holds an escape that is no character", err);
    struct str text = {json_string_value(v), json_string_length(v)};
    buf_clear(&js->key);
    buf_add_str(&js->key, text);
    json_decref(v);
    return RC_OK;
}

/* As take_string, keeping the raw text in js->key; a key lies within the copy too when one is being made. */
static enum rc take_key_text(struct json_stream *js, struct err *err)
{
    int c;
    TRY(current(js, &c, err));
    if (c != '"')
        return fail_at(js, "a key in double quotes", err);
    buf_clear(&js->key);
    js->keying = true;
    js->key_from = js->at;
    enum rc rc = take_string(js, err);
    js->keying = false;
    TRY(rc);
    buf_add(&js->key, js->block + js->key_from, js->at - js->key_from);
    if (buf_is_over(&js->key))
        return json_stream_fail(js, RC_TOO_LARGE, "a key is longer than 64 KB", err);
    return unescape_key(js, err);
}

enum rc json_stream_key(struct json_stream *js, struct str *key, bool *more, struct err *err)
{
    int c;
    ENSURE(is_object_level(js));
    TRY(take_separator(js, '}', more, err));
    if (!*more)
        return RC_OK;
    TRY(skip_space(js, &c, err));
    TRY(take_key_text(js, err));
    TRY(skip_space(js, &c, err));
    if (c != ':')
        return fail_at(js, "':'", err);
    js->at++;
    *key = buf_str(&js->key);
    return RC_OK;
}
