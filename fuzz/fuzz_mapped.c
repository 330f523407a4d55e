/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Tables and lists of sites. The first byte picks whether the known shapes decide, a fixed map, or the input brings its
 * own MAP.json before the first zero byte. Whatever comes out as a draft must be one the registry takes or refuses in
 * words.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sites/import_record.h"
#include "sites/mapped.h"

#define FIXED                                                                                                          \
    "{\"fields\":{\"id\":\"i\",\"name\":\"n\",\"name:*\":\"name:*\",\"wkt\":\"w\",\"names\":\"m\"},\"constant\":"      \
    "{\"class\":\"cemetery\"}}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct vocab *vocab;
    struct site_read_count count;
};

static enum rc on_draft(void *ctx, const struct site_draft *d, struct err *err)
{
    struct seen *s = ctx;
    struct buf b;
    struct arena mem;
    struct site_draft back;
    s->count.drafts++;
    if (record_fault(d, s->vocab))
        return RC_OK;
    buf_init(&b, 0);
    arena_init(&mem);
    record_encode(d, &b);
    ENSURE(record_decode(buf_str(&b), &mem, &back, err) == RC_OK);
    ENSURE(back.names_n == d->names_n && back.has_place == d->has_place);
    buf_fini(&b);
    arena_fini(&mem);
    return RC_OK;
}

static enum rc on_reject(void *ctx, int64_t line, struct str id, const char *why, struct err *err)
{
    struct seen *s = ctx;
    (void)line;
    (void)id;
    (void)err;
    ENSURE(strlen(why) > 0);
    s->count.rejected++;
    return RC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen s = {0};
    struct site_sink sink = {on_draft, on_reject, NULL, &s};
    struct site_read_count count;
    struct mapped_options opt = {0};
    struct mapped_source source;
    struct arena mem;
    struct input *in;
    struct err err;
    if (size < 1)
        return 0;
    struct str text = {(const char *)data + 1, size - 1}, head, rest;
    if (data[0] == '1')
        opt.map = STR(FIXED);
    else if (data[0] == '2' && str_cut(text, 0, &head, &rest)) {
        opt.map = head;
        text = rest;
    }
    if (vocab_new(&s.vocab, &err) != RC_OK || input_open_memory(text, NULL, &in, &err) != RC_OK)
        return 0;
    arena_init(&mem);
    if (mapped_probe(in, &opt, &mem, &source, &err) == RC_OK && mapped_read(in, &opt, &sink, &count, &err) == RC_OK)
        ENSURE(count.read == count.drafts + count.rejected && count.drafts == s.count.drafts);
    input_close(in);
    arena_fini(&mem);
    vocab_free(s.vocab);
    return 0;
}
