/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Items of a JSON file (json_each_item): finds the collection and hands on its elements one at a time. An object that may
 * turn out to be an item itself is copied while it is walked, until a collection is met in it.
 */
#include <stdio.h>
#include <string.h>

#include "wire/json_stream_int.h"

struct items {
    struct json_stream *js;
    json_item_fn fn;
    void *ctx;
    int64_t count;
    bool features_only;
};

static const char *fault_of(const struct items *it, const json_t *value, const json_error_t *why, char *text, size_t n)
{
    if (!value) {
        snprintf(text, n, "%s", why->text);
        return text;
    }
    if (!json_is_object(value))
        return "not a JSON object";
    const char *type = json_string_value(json_object_get(value, "type"));
    if (it->features_only && (!type || strcmp(type, "Feature") != 0))
        return "not a GeoJSON Feature";
    return NULL;
}

static enum rc hand_on(struct items *it, struct str bytes, int64_t line, uint64_t offset, struct err *err)
{
    json_error_t why;
    char text[JSON_ERROR_TEXT_LENGTH + 1];
    json_t *value = json_loadb(bytes.p, bytes.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    struct json_item item = {.bytes = bytes, .index = ++it->count, .line = line, .offset = offset};
    item.fault = fault_of(it, value, &why, text, sizeof text);
    item.value = item.fault ? NULL : value;
    enum rc rc = it->fn(it->ctx, &item, err);
    json_decref(value);
    return rc;
}

static enum rc one_value(struct items *it, struct err *err)
{
    enum json_kind kind;
    struct str bytes;
    TRY(json_stream_peek(it->js, &kind, err)); /* the place is that of the value, not of the space before it */
    int64_t line = json_stream_line(it->js);
    uint64_t offset = json_stream_offset(it->js);
    TRY(json_stream_value(it->js, &bytes, err));
    return hand_on(it, bytes, line, offset, err);
}

static enum rc elements(struct items *it, struct err *err)
{
    TRY(json_stream_enter(it->js, err));
    for (;;) {
        bool more;
        TRY(json_stream_element(it->js, &more, err));
        if (!more)
            return RC_OK;
        TRY(one_value(it, err));
    }
}

static bool is_collection_key(struct str key)
{
    return str_is_equal(key, STR("features")) || str_is_equal(key, STR("elements")) || str_is_equal(key, STR("items"));
}

static enum rc member(struct items *it, struct str key, bool *found, struct err *err)
{
    enum json_kind kind;
    bool is_collection = is_collection_key(key);
    TRY(json_stream_peek(it->js, &kind, err));
    if (!is_collection || kind != JSON_KIND_ARRAY)
        return json_stream_skip(it->js, err);
    if (*found)
        return json_stream_fail(it->js, RC_INVALID, "a second collection of items in one object", err);
    *found = true;
    it->js->copying = false;
    return elements(it, err);
}

static enum rc object(struct items *it, struct err *err)
{
    struct json_stream *js = it->js;
    int64_t line = json_stream_line(js);
    uint64_t offset = json_stream_offset(js);
    bool found = false, more = true;
    json_stream_copy_begin(js);
    TRY(json_stream_enter(js, err));
    for (;;) {
        struct str key;
        TRY(json_stream_key(js, &key, &more, err));
        if (!more)
            break;
        TRY(member(it, key, &found, err));
    }
    if (found)
        return RC_OK;
    TRY(json_stream_copy_out(js, err));
    js->copying = false;
    return hand_on(it, buf_str(&js->copy), line, offset, err);
}

static enum rc top(struct items *it, struct err *err)
{
    for (bool any = false;; any = true) {
        enum json_kind kind;
        TRY(json_stream_peek(it->js, &kind, err));
        if (kind == JSON_KIND_END)
            return any ? RC_OK : json_stream_fail(it->js, RC_DAMAGED, "there is no JSON in it", err);
        if (kind == JSON_KIND_OBJECT)
            TRY(object(it, err));
        else
            TRY(kind == JSON_KIND_ARRAY ? elements(it, err) : one_value(it, err));
    }
}

static enum rc run(struct byte_source src, bool features_only, json_item_fn fn, void *ctx, int64_t *items,
                   struct err *err)
{
    struct items it = {.js = json_stream_new(src), .fn = fn, .ctx = ctx, .features_only = features_only};
    enum rc rc = top(&it, err);
    json_stream_free(it.js);
    if (items)
        *items = it.count;
    return rc;
}

enum rc json_each_item(struct byte_source src, json_item_fn fn, void *ctx, int64_t *items, struct err *err)
{
    return run(src, false, fn, ctx, items, err);
}

enum rc geojson_each_feature(struct byte_source src, json_item_fn fn, void *ctx, int64_t *items, struct err *err)
{
    return run(src, true, fn, ctx, items, err);
}
