// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Colours of the map, light and dark; app.css holds those of the page. Symbols of sites keep one colour in both: each has
// an outline in `halo`, so that it stands out on either ground.
export interface Palette {
  sea: string; land: string; border: string; disputed: string; country: string; countryHalo: string; halo: string;
  cluster: string; clusterText: string; clusterRing: string; label: string;
  incident: string; incidentGround: string; context: string; hotspot: string; warning: string; shared: string;
}

export const light: Palette = {
  sea: "#dbe6ea", land: "#f8f6f1", border: "#b9b3a6", disputed: "#9a9284", country: "#6f6a60", countryHalo: "#f8f6f1", halo: "#ffffff",
  cluster: "#1d4d5c", clusterText: "#ffffff", clusterRing: "#ffffff", label: "#22303a",
  incident: "#9b2c2c", incidentGround: "#ffffff", context: "#7d7568", hotspot: "#b4530a", warning: "#a67c00", shared: "#6b3fa0",
};
export const dark: Palette = {
  sea: "#10191f", land: "#24303a", border: "#46535e", disputed: "#66737e", country: "#a3afb8", countryHalo: "#1b252d", halo: "#f2f5f7",
  cluster: "#9fd3e0", clusterText: "#0c1a20", clusterRing: "#10191f", label: "#e8eef2",
  incident: "#ff9d94", incidentGround: "#331816", context: "#a39a8b", hotspot: "#ffb066", warning: "#f0cf5a", shared: "#c9a7f5",
};
