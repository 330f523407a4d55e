/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See mapped.h: which format a file is in, which map fits it, and the walk over its rows.
 */
#include "sites/mapped_int.h"

#include <string.h>

enum { PROGRESS_EVERY = 256 };

static struct str after_blank(struct str s)
{
    if (str_starts_with(s, STR("\xEF\xBB\xBF")))
        s = str_slice(s, 3, s.n);
    while (s.n && strchr(" \t\r\n\x1e", s.p[0]))
        s = str_slice(s, 1, s.n);
    return s;
}

static enum rc format_of(struct input *in, enum mapped_format given, enum mapped_format *out, struct str *head,
                         struct err *err)
{
    TRY(input_peek(in, INPUT_PEEK_MAX, head, err));
    struct str s = after_blank(*head);
    *out = given;
    if (given != MAPPED_ANY)
        return RC_OK;
    if (str_is_empty(s))
        return err_set(err, RC_INVALID, "the file is empty");
    bool is_json = s.p[0] == '{' || s.p[0] == '[';
    bool is_geojson = is_json && (str_contains(s, STR("\"FeatureCollection\"")) || str_contains(s, STR("\"Feature\"")));
    *out = is_geojson ? MAPPED_GEOJSON : is_json ? MAPPED_JSON : MAPPED_CSV;
    return RC_OK;
}

static enum rc no_map(struct err *err)
{
    return err_set(err, RC_INVALID,
                   "the columns of this file are not known; say what they are with --map MAP.json, for example "
                   "{\"fields\": {\"id\": \"ref\", \"name\": \"title\", \"lat\": \"y\", \"lon\": \"x\"}, "
                   "\"constant\": {\"class\": \"place_of_worship\"}}");
}

/* ---- CSV ---- */

static enum rc csv_map(const struct mapped_options *opt, const struct csv *csv, struct arena *mem,
                       struct mapped_map *map, struct err *err)
{
    struct str text = str_is_empty(opt->map) ? mapped_known_csv(csv) : opt->map;
    if (str_is_empty(text))
        return no_map(err);
    TRY(mapped_map_parse(text, mem, map, err));
    map->is_known = str_is_empty(opt->map);
    return mapped_map_bind(map, csv, mem, err);
}

static enum rc csv_rows(struct mapped_run *run, struct input *in, struct csv *csv, struct err *err)
{
    for (bool more = true;;) {
        struct csv_row row;
        TRY(csv_next(csv, &row, &more, err));
        if (!more)
            return RC_OK;
        struct mapped_row r = {.csv = &row, .line = row.line};
        if (row.fault)
            TRY(mapped_reject(run, row.line, STR_NONE, row.fault, err));
        else
            TRY(mapped_row_take(run, &r, err));
        if (run->sink->progress && row.row % PROGRESS_EVERY == 0)
            run->sink->progress(run->sink->ctx, input_taken(in), input_size(in));
    }
}

/* The delimiter must be known before the columns are, so a map is parsed once for it alone. */
static enum rc csv_begin(struct byte_source src, const struct mapped_options *opt, struct arena *mem, struct csv **out,
                         struct err *err)
{
    struct mapped_map map = {0};
    if (!str_is_empty(opt->map))
        TRY(mapped_map_parse(opt->map, mem, &map, err));
    struct csv_options co = {.delimiter = map.delimiter};
    return csv_open(src, &co, out, err);
}

static enum rc csv_read(struct input *in, const struct mapped_options *opt, const struct site_sink *sink,
                        struct site_read_count *count, struct err *err)
{
    struct arena mem;
    struct csv *csv;
    struct mapped_map map;
    struct mapped_run run = {0};
    arena_init(&mem);
    enum rc rc = csv_begin(input_source(in), opt, &mem, &csv, err);
    if (rc == RC_OK) {
        rc = csv_map(opt, csv, &mem, &map, err);
        if (rc == RC_OK) {
            rc = mapped_run_init(&run, &map, sink, count, err);
            if (rc == RC_OK && run.rules)
                rc = err_set(err, RC_INVALID, "tags can be mapped in JSON only");
            if (rc == RC_OK)
                rc = csv_rows(&run, in, csv, err);
            mapped_run_fini(&run);
        }
        csv_close(csv);
    }
    arena_fini(&mem);
    return rc;
}

/* ---- JSON ---- */

struct items {
    struct mapped_run run;
    struct mapped_map map;
    const struct mapped_options *opt;
    enum mapped_format format;
    const struct site_sink *sink;
    struct site_read_count *count;
    struct input *in;
    struct arena mem;
    bool is_ready;
};

static enum rc items_begin(struct items *it, const json_t *first, struct err *err)
{
    struct str text = str_is_empty(it->opt->map) ? mapped_known_item(first, it->format) : it->opt->map;
    if (str_is_empty(text))
        return no_map(err);
    TRY(mapped_map_parse(text, &it->mem, &it->map, err));
    TRY(mapped_run_init(&it->run, &it->map, it->sink, it->count, err));
    it->is_ready = true;
    return RC_OK;
}

static enum rc item_take(void *ctx, const struct json_item *item, struct err *err)
{
    struct items *it = ctx;
    if (item->fault) { /* may come before the map is known */
        it->count->read++;
        it->count->rejected++;
        return it->sink->reject(it->sink->ctx, item->line, STR_NONE, item->fault, err);
    }
    if (!it->is_ready)
        TRY(items_begin(it, item->value, err));
    bool is_feature = it->format == MAPPED_GEOJSON;
    const json_t *record = is_feature ? json_object_get(item->value, "properties") : item->value;
    struct mapped_row row = {.record = record, .feature = is_feature ? item->value : NULL, .line = item->line};
    if (it->sink->progress && item->index % PROGRESS_EVERY == 0)
        it->sink->progress(it->sink->ctx, input_taken(it->in), input_size(it->in));
    if (!json_is_object(record) && !(is_feature && (!record || json_is_null(record))))
        return mapped_reject(&it->run, item->line, STR_NONE, "the record is not an object", err);
    return mapped_row_take(&it->run, &row, err);
}

static enum rc items_read(struct input *in, const struct mapped_options *opt, enum mapped_format format,
                          const struct site_sink *sink, struct site_read_count *count, struct err *err)
{
    struct items it = {.opt = opt, .format = format, .sink = sink, .count = count, .in = in};
    arena_init(&it.mem);
    arena_init(&it.run.mem);
    enum rc rc = format == MAPPED_GEOJSON ? geojson_each_feature(input_source(in), item_take, &it, NULL, err)
                                          : json_each_item(input_source(in), item_take, &it, NULL, err);
    if (it.run.map)
        mapped_run_fini(&it.run);
    else
        arena_fini(&it.run.mem);
    arena_fini(&it.mem);
    return rc;
}

enum rc mapped_read(struct input *in, const struct mapped_options *opt, const struct site_sink *sink,
                    struct site_read_count *count, struct err *err)
{
    enum mapped_format format;
    struct str head;
    *count = (struct site_read_count){0};
    TRY(format_of(in, opt->format, &format, &head, err));
    return format == MAPPED_CSV ? csv_read(in, opt, sink, count, err) : items_read(in, opt, format, sink, count, err);
}

/* ---- the source, before reading ---- */

struct first_item {
    struct arena *mem;
    struct str map;
    enum mapped_format format;
};

static enum rc first_take(void *ctx, const struct json_item *item, struct err *err)
{
    struct first_item *f = ctx;
    f->map = mapped_known_item(item->value, f->format);
    return err_set(err, RC_BUSY, "one was enough");
}

static struct str known_map(struct str head, enum mapped_format format, struct arena *mem)
{
    struct err ignored; /* what is wrong with the file is told when it is read */
    struct first_item f = {.mem = mem, .format = format};
    struct csv *csv;
    if (format != MAPPED_CSV) {
        enum rc rc = format == MAPPED_GEOJSON ? geojson_each_feature(str_source(&head), first_take, &f, NULL, &ignored)
                                              : json_each_item(str_source(&head), first_take, &f, NULL, &ignored);
        (void)rc;
        return f.map;
    }
    if (csv_open(str_source(&head), NULL, &csv, &ignored) == RC_OK) {
        f.map = mapped_known_csv(csv);
        csv_close(csv);
    }
    return f.map;
}

enum rc mapped_probe(struct input *in, const struct mapped_options *opt, struct arena *mem, struct mapped_source *out,
                     struct err *err)
{
    static const char *const WORDS[] = {[MAPPED_CSV] = "csv", [MAPPED_GEOJSON] = "geojson", [MAPPED_JSON] = "json"};
    enum mapped_format format;
    struct str head;
    struct mapped_map map = {0};
    TRY(format_of(in, opt->format, &format, &head, err));
    struct str text = str_is_empty(opt->map) ? known_map(head, format, mem) : opt->map;
    if (!str_is_empty(text))
        TRY(mapped_map_parse(text, mem, &map, err));
    *out = map.source;
    out->format = WORDS[format];
    return RC_OK;
}
