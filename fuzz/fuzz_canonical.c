/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Canonical JSON: whatever is accepted comes out as a fixed point.
 */
#include "ledger/canonical.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena mem;
    struct str once, twice;
    struct err err;
    arena_init(&mem);
    if (canonical_json((struct str){(const char *)data, n}, &mem, &once, &err) == RC_OK) {
        ENSURE(canonical_json(once, &mem, &twice, &err) == RC_OK);
        ENSURE(str_is_equal(once, twice));
    }
    arena_fini(&mem);
    return 0;
}
