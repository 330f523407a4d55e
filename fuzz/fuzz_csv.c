/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * CSV of any bytes, in blocks whose size the first byte says; rows hold what their counts promise.
 */
#include <stdint.h>
#include <string.h>

#include "wire/csv.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct drip d = {{(const char *)data + 1, n - 1}, data[0] & 15};
    struct csv_options opt = {.no_header = (data[0] & 16) != 0};
    struct csv *c;
    struct err err;
    if (csv_open((struct byte_source){drip_read, &d}, &opt, &c, &err) != RC_OK)
        return 0;
    struct csv_row row;
    int64_t rows = 0;
    for (bool more = true; csv_next(c, &row, &more, &err) == RC_OK && more;) {
        size_t sum = 0;
        for (size_t i = 0; i < row.n; i++) {
            sum += row.fields[i].n;
            ENSURE(!memchr(row.fields[i].p, 0, row.fields[i].n) && row.fields[i].p[row.fields[i].n] == '\0');
        }
        ENSURE(sum <= n && row.row == ++rows && row.line >= 1);
        ENSURE(row.fault || row.n == csv_columns(c));
    }
    csv_close(c);
    return 0;
}
