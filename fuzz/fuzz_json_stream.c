/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * JSON files of any bytes, in blocks whose size the first byte says: the walker accepts what jansson accepts, and each
 * item lies inside the text.
 */
#include <stdint.h>
#include <string.h>

#include "wire/json_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct drip {
    struct str left;
    size_t step;
};

static enum rc drip_read(void *ctx, void *out, size_t n, size_t *got, struct err *err)
{
    struct drip *d = ctx;
    (void)err;
    n = d->step && n > d->step ? d->step : n;
    *got = n < d->left.n ? n : d->left.n;
    if (*got)
        memcpy(out, d->left.p, *got);
    d->left = str_slice(d->left, *got, d->left.n);
    return RC_OK;
}

static enum rc on_item(void *ctx, const struct json_item *item, struct err *err)
{
    const struct str *all = ctx;
    (void)err;
    ENSURE(item->offset + item->bytes.n <= all->n);
    ENSURE(memcmp(all->p + item->offset, item->bytes.p, item->bytes.n) == 0);
    return RC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct str all = {(const char *)data + 1, n - 1};
    struct drip d = {all, data[0] & 7};
    struct err err;
    enum rc rc = json_each_item((struct byte_source){drip_read, &d}, on_item, &all, NULL, &err);
    json_error_t why;
    if (memchr(all.p, 0, all.n)) /* jansson overlooks some NUL bytes between tokens */
        return 0;
    json_t *whole = json_loadb(all.p, all.n, JSON_ALLOW_NUL, &why);
    ENSURE(!(whole && rc == RC_DAMAGED));
    json_decref(whole);
    d = (struct drip){all, 1 + (data[0] & 3)};
    rc = geojson_each_feature((struct byte_source){drip_read, &d}, on_item, &all, NULL, &err);
    (void)rc;
    return 0;
}
