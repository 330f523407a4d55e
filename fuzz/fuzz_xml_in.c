/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * XML of any bytes: no crash, no expansion beyond the input's own size, begin and end in step.
 */
#include <stdint.h>

#include "wire/xml_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct tally {
    int depth;
    size_t bytes;
};

static enum rc on_begin(void *ctx, struct str ns, struct str name, const struct xml_attribute *attrs, size_t n,
                        struct err *err)
{
    struct tally *t = ctx;
    (void)ns;
    (void)name;
    (void)err;
    ENSURE(++t->depth <= XML_DEPTH_MAX && n <= XML_ATTRS_MAX);
    for (size_t i = 0; i < n; i++)
        t->bytes += attrs[i].name.n + attrs[i].value.n;
    return RC_OK;
}

static enum rc on_text(void *ctx, struct str text, struct err *err)
{
    (void)err;
    ((struct tally *)ctx)->bytes += text.n;
    return RC_OK;
}

static enum rc on_end(void *ctx, struct str ns, struct str name, struct err *err)
{
    (void)ns;
    (void)name;
    (void)err;
    ENSURE(--((struct tally *)ctx)->depth >= 0);
    return RC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str left = {(const char *)data, n};
    struct tally t = {0};
    struct xml_handler h = {on_begin, on_text, on_end, &t};
    struct err err;
    enum rc rc = xml_read(str_source(&left), NULL, &h, NULL, &err);
    ENSURE(rc != RC_OK || t.depth == 0);
    ENSURE(t.bytes <= 8 * n + 64); /* one byte of another encoding is at most four of UTF-8 */
    return 0;
}
