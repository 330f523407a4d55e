/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * When something was built, as OpenStreetMap's key start_date says it (wiki.openstreetmap.org/wiki/Key:start_date): the
 * years that the words can mean. What is not one of these forms is not understood, and nothing is guessed:
 *
 *   1823  537  1823-05  1823-05-04  j:1700-03-01 (Julian)     a year, a month, a day
 *   1850s  1800s                                              a decade; of a round hundred also the whole century
 *   C18                                                       a century: 1701 to 1800
 *   early C18  mid C18  late C18  early 1920s ...             thirds that overlap, never sharp
 *   ~1850  ~C13  1850?                                        about
 *   480 BC  C5 BCE  AD 60  60 CE                              eras
 *   before 1823  after C12                                    open at one end
 *   1914..1918  1914-1918  mid C17..late C17                  from one to the other
 */
#ifndef WIRE_OSM_DATE_H
#define WIRE_OSM_DATE_H

#include <stdbool.h>

#include "base/str.h"

enum {
    OSM_DATE_TEXT_MAX = 64, /* bytes; longer texts are not understood */
    OSM_DATE_YEAR_MAX = 2200,
    OSM_DATE_NO_EARLIEST = -99999, /* before any year that can be written */
    OSM_DATE_NO_LATEST = 99999
};

/* Years as ISO 8601 numbers them: 1 is AD 1, 0 is 1 BC, -479 is 480 BC. earliest <= latest. */
struct osm_years {
    int earliest, latest; /* OSM_DATE_NO_...: open; never both */
    bool is_about;        /* the years are not sharp */
};

/* False: not understood, and out is not set. Reads the text once. */
bool osm_date_parse(struct str text, struct osm_years *out);

#endif
