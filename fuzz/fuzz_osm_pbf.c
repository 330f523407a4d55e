/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Any bytes as an OSM PBF file. Most of the corpus is packed raw, so that changes reach the blocks.
 */
#include "fuzz_osm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_osm(data, n, OSM_FORMAT_PBF, false);
}
