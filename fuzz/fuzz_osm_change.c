/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Any bytes as an OSM change file, plain or gzip.
 */
#include "fuzz_osm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_osm(data, n, OSM_FORMAT_XML, true);
}
