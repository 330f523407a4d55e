// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Light or dark: as the device says, or as the reader chose. app.css reads data-theme of the root element; the map asks
// `theme.dark`. Like the language, a choice is kept until the tab is closed and no longer.
export const themes = ["auto", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const stored = "fane.theme";
const device = matchMedia("(prefers-color-scheme: dark)");
let choice = $state<Theme>("auto");
let deviceDark = $state(device.matches);

export const theme = {
  get choice(): Theme { return choice; },
  get dark(): boolean { return choice === "auto" ? deviceDark : choice === "dark"; },
};

const known = (text: string | null): Theme | undefined => themes.find((x) => x === text);

function apply(): void {
  if (choice === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
}

export function setTheme(next: Theme): void {
  choice = next;
  apply();
  try { sessionStorage.setItem(stored, next); } catch { /* the choice then lasts for this page */ }
}

/** ?theme= in the address (an embedding page sets it), then the choice of this tab. */
export function startTheme(): void {
  let kept: string | null = null;
  try { kept = sessionStorage.getItem(stored); } catch { /* nothing was kept then */ }
  choice = known(new URLSearchParams(location.search).get("theme")) ?? known(kept) ?? "auto";
  apply();
  device.addEventListener("change", () => { deviceDark = device.matches; });
}
