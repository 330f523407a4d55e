/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SaTScan parameter files of any bytes. What is accepted makes a plan within the caps.
 */
#include <stdint.h>

#include "watch/satscan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena mem;
    struct prm prm;
    struct prm_plan plan;
    struct err err = {0};
    arena_init(&mem);
    struct str text = {(const char *)data, n}, head;
    if (prm_read(STR("fuzz.prm"), text, &mem, &prm, &err) == RC_OK) {
        enum rc rc = prm_plan(&prm, &plan, &err);
        if (rc == RC_OK)
            ENSURE(plan.case_file.n > 0 && plan.params.replications <= WATCH_REPLICATIONS_MAX &&
                   plan.params.length > 0 && plan.params.max_percent > 0);
        else
            ENSURE(err.text[0] != '\0');
        str_cut(text, '\n', &head, &text);
        if (prm_set(&prm, str_z(&mem, str_clip(head, 200)), &mem, &err) == RC_OK &&
            prm_plan(&prm, &plan, &err) != RC_OK)
            ENSURE(err.text[0] != '\0');
    }
    arena_fini(&mem);
    return 0;
}
