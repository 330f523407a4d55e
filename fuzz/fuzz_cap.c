/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The CAP validator on any bytes: an answer, never a crash.
 */
#include <stdint.h>

#include "alerts/cap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err err;
    enum rc rc = cap_check((struct str){(const char *)data, n}, &err);
    ENSURE(rc == RC_OK || err.text[0]);
    return 0;
}
