/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * start_date: years that are taken run forwards, within what can be written, and blanks around the text change nothing.
 */
#include "wire/osm_date.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct osm_years y, again;
    struct str s = {(const char *)data, n};
    bool taken = osm_date_parse(s, &y);
    ENSURE(osm_date_parse(str_trim(s), &again) == taken || n > OSM_DATE_TEXT_MAX);
    if (!taken)
        return 0;
    ENSURE(y.earliest == again.earliest && y.latest == again.latest && y.is_about == again.is_about);
    ENSURE(y.earliest <= y.latest && (y.earliest >= -9998 || y.earliest == OSM_DATE_NO_EARLIEST));
    ENSURE(y.latest <= OSM_DATE_YEAR_MAX || y.latest == OSM_DATE_NO_LATEST);
    ENSURE(y.earliest != OSM_DATE_NO_EARLIEST || y.latest != OSM_DATE_NO_LATEST);
    return 0;
}
