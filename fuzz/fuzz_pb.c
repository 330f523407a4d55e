/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The protocol buffers reader on any bytes: every field, and every byte field read as a message again. The quick paths
 * must agree with the plain ones.
 */
#include <stddef.h>
#include <stdint.h>

#include "wire/pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void message(struct str bytes, int depth)
{
    struct pb a = pb_of(bytes), b = a;
    struct pb_field f = {0}, g = {0};
    enum pb_step step;
    while ((step = pb_next(&a, &f)) == PB_FIELD) {
        ENSURE(pb_next_quick(&b, &g) == step && a.p == b.p && f.number == g.number && f.wire == g.wire);
        if (f.wire == PB_BYTES) {
            ENSURE(f.bytes.p >= bytes.p && f.bytes.n <= bytes.n && f.bytes.p == g.bytes.p && f.bytes.n == g.bytes.n);
            if (depth < 8)
                message(f.bytes, depth + 1);
        } else {
            ENSURE(f.value == g.value);
        }
    }
    ENSURE(pb_next_quick(&b, &g) == step);
    if (step == PB_BAD)
        ENSURE(pb_fault(&a)[0] != 0);
}

static void packed(struct str bytes)
{
    struct pb a = pb_of(bytes), b = a;
    uint64_t v, w;
    for (;;) {
        bool ok = pb_varint(&a, &v);
        ENSURE(ok == pb_varint_mixed(&b, &w) && a.p == b.p);
        if (!ok)
            return;
        ENSURE(v == w);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str bytes = {(const char *)data, n};
    message(bytes, 0);
    packed(bytes);
    return 0;
}
