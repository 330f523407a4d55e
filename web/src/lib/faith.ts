// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Faith groups as the map draws them. The vocabulary has some thirty religions, more than an eye can tell apart, so each
// belongs to one of thirteen groups with its own shape AND colour. The shapes are plain geometry on purpose: a religious
// sign for some and a dot for the rest would not treat all alike.
export type Shape =
  | "square" | "circle" | "diamond" | "triangle" | "wedge" | "pentagon" | "hexagon" | "cross" | "star" | "hourglass" | "dome" | "ring" | "dot";
export interface Group { id: string; shape: Shape; colour: string; religions: string[] }

export const groups: Group[] = [
  { id: "bahai", shape: "star", colour: "#9a6700", religions: ["bahai"] },
  { id: "buddhist", shape: "circle", colour: "#b35000", religions: ["buddhist"] },
  { id: "christian", shape: "square", colour: "#2f5fc4", religions: ["christian"] },
  { id: "east_asian", shape: "triangle", colour: "#8a3fa0",
    religions: ["shinto", "taoist", "confucian", "chinese_folk", "vietnamese_folk", "tenrikyo", "caodaism", "benzhu"] },
  { id: "hindu", shape: "diamond", colour: "#c0264f", religions: ["hindu"] },
  { id: "indigenous", shape: "dome", colour: "#6b5a1e", religions: ["indigenous", "voodoo", "candomble"] },
  { id: "jain", shape: "cross", colour: "#a8431c", religions: ["jain"] },
  { id: "jewish", shape: "wedge", colour: "#0b7285", religions: ["jewish"] },
  { id: "multifaith", shape: "ring", colour: "#4a5568", religions: ["multifaith"] },
  { id: "muslim", shape: "hexagon", colour: "#1c7a45", religions: ["muslim"] },
  { id: "sikh", shape: "pentagon", colour: "#5b4bb5", religions: ["sikh"] },
  { id: "others", shape: "hourglass", colour: "#7a4a63",
    religions: ["zoroastrian", "druze", "yazidi", "mandaean", "samaritan", "yarsani", "rastafari", "spiritualist",
      "unitarian_universalist", "pagan", "other"] },
  { id: "unknown", shape: "dot", colour: "#5c6670", religions: ["unknown", "none"] },
];

const byReligion = new Map(groups.flatMap((g) => g.religions.map((r) => [r, g] as const)));
const unknown = groups[groups.length - 1];

export function groupOf(religion: string | null | undefined): Group {
  return byReligion.get(religion ?? "") ?? unknown;
}

/** Outline on a 24 by 24 field, centred; used for the map's canvas images and the legend's SVG alike. */
export const outlines: Record<Shape, string> = {
  square: "M4.5 4.5h15v15h-15z",
  circle: "M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 1 0 0-17z",
  diamond: "M12 2l9.5 10L12 22L2.500 12z",
  triangle: "M12 2.500L22 20H2z",
  wedge: "M2 4h20L12 21.500z",
  pentagon: "M12 2.500L21.500 9.500L17.800 20.500H6.200L2.500 9.500z",
  hexagon: "M7 3.500h10L22 12L17 20.500H7L2 12z",
  cross: "M9 3h6v6h6v6h-6v6H9v-6H3V9h6z",
  star: "M12 1.500l3 6.900l7.500.700l-5.700 4.900l1.700 7.300L12 17.500l-6.500 3.800l1.700-7.300L1.500 9.100L9 8.400z",
  hourglass: "M4 3h16L14.500 12L20 21H4L9.500 12z",
  dome: "M3 19v-5a9 9 0 0 1 18 0v5z",
  ring: "M12 2.500a9.500 9.500 0 1 0 0 19a9.500 9.500 0 1 0 0-19zM12 7.500a4.500 4.500 0 1 1 0 9a4.500 4.500 0 1 1 0-9z",
  dot: "M12 7a5 5 0 1 0 0 10a5 5 0 1 0 0-10z",
};
