// SPDX-License-Identifier: AGPL-3.0-or-later

/** The broad classes of data/vocab/site-kinds.json; their names are in the message files (class.*). */
export const siteClasses = [
  "place_of_worship", "monastery", "religious_building", "cemetery", "wayside", "grounds", "shrine", "natural", "other",
] as const;
