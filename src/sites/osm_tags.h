/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * From tags to the facts of a draft: names in all languages, faith, ids, heritage. What the list of keys does not name
 * is never kept: service times, phones, contacts, capacity, operators and access stay in the source.
 */
#ifndef SITES_OSM_TAGS_H
#define SITES_OSM_TAGS_H

#include "sites/draft.h"
#include "sites/osm_rules.h"

/* Whether the tag says something that osm_tags_fill reads. */
bool osm_tag_is_kept(struct str key);

/* Fills names, religion, denomination, wikidata, heritage, unesco_id, whs_year, start_date, country, is_disputed, is_guarded, status,
 * note, class_code and kind. Strings lie in mem or are borrowed from the tags. Values that are not UTF-8 are left out.
 * Languages of names: "" the local name; "x-alt" "x-old" "x-official" "x-int" "x-loc" "x-short" "x-nat" "x-reg" other
 * names without a language, "fr-x-alt" and so on with one. */
void osm_tags_fill(const struct osm_tag *tags, size_t n, const struct osm_verdict *verdict, struct arena *mem,
                   struct site_draft *out);

/* The BCP 47 tag of a suffix as mappers write it ("sr-Latn", "zh_pinyin", "ja_rm", "EN"); false when it is no language
 * ("etymology", "signed", "left", "etymology:wikidata"). Source: RFC 5646, section 2.1; no registry look-up. */
bool osm_language(struct str suffix, struct arena *mem, struct str *out);

#endif
