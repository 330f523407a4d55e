/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Reader of OSM XML (API 0.6, Overpass, JOSM), streaming: one pass over a byte source (plain or gzip: wire/gzip.h),
 * one object in memory at a time. libxml2 parses; it gets no network, no document type, no entities but XML's own five.
 *   X1 a document type declaration is refused before a line of it is read, so there are no entities to expand;
 *   X2 one object's texts are capped, and libxml2's own limits stay on (10 MB per attribute, depth 256);
 *   X3 an object is handed out when its element has closed; on any error the caller drops what it got.
 *   X4 an osmChange file and a map are never taken for one another: want->is_change says which is expected. In a change
 *      every object stands inside <create>, <modify> or <delete>; one that stands elsewhere is an error, never left out.
 * Not read: changesets, notes. <delete>, action="delete" (JOSM) and visible="false" mean a deleted object.
 * Source: OpenStreetMap wiki "OSM XML", "OsmChange", "JOSM file format"; Overpass "out geom" adds lat and lon to <nd>.
 */
#ifndef WIRE_OSM_XML_H
#define WIRE_OSM_XML_H

#include "wire/gzip.h"
#include "wire/osm.h"

enum {
    OSM_XML_TEXT_MAX = 8 * 1024 * 1024, /* bytes of all tags and roles of one object */
    OSM_XML_DEPTH_MAX = 16,             /* osm / relation / member / nd is 4; a change has one more */
};

/* Hands the wanted objects of one pass to fn in file order; seen[OSM_KINDS] tells of the wanted kinds. */
MUST_CHECK enum rc osm_xml_scan(struct byte_source in, const struct osm_want *want, osm_object_fn fn, void *ctx,
                                struct osm_seen seen[OSM_KINDS], struct err *err);

#endif
