// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Addresses of the app. The server answers index.html for each of them, so a link can be shared and reloaded.
// A receipt is never part of an address (it would stand in histories and logs).
import type { Component } from "svelte";

type Loader = () => Promise<{ default: Component<any> }>;
export interface Route { name: string; params: Record<string, string>; load: Loader }

const table: [RegExp, string, Loader][] = [
  [/^\/$/, "map", () => import("../pages/MapPage.svelte")],
  [/^\/site\/(?<id>[^/]+)$/, "site", () => import("../pages/SitePage.svelte")],
  [/^\/list$/, "list", () => import("../pages/ListPage.svelte")],
  [/^\/incidents$/, "incidents", () => import("../pages/IncidentsPage.svelte")],
  [/^\/report$/, "report", () => import("../pages/ReportPage.svelte")],
  [/^\/suggest$/, "suggest", () => import("../pages/SuggestPage.svelte")],
  [/^\/embed$/, "embed", () => import("../pages/EmbedPage.svelte")],
  [/^\/status$/, "status", () => import("../pages/StatusPage.svelte")],
  [/^\/desk(?:\/(?<tab>reports|incidents|hotspots|warnings|suggestions|joins|visibility))?$/, "desk", () => import("../pages/DeskPage.svelte")],
  [/^\/about$/, "about", () => import("../pages/AboutPage.svelte")],
];
const missing: Loader = () => import("../pages/MissingPage.svelte");

let path = $state(location.pathname);
let search = $state(location.search);
/** Goes up with each change of page, so that the page can take the focus. */
let visits = $state(0);

function match(p: string): Route {
  const clean = p.length > 1 ? p.replace(/\/+$/, "") : p;
  for (const [shape, name, load] of table) {
    const found = shape.exec(clean);
    if (found) {
      const params: Record<string, string> = {};
      for (const [k, v] of Object.entries(found.groups ?? {})) if (v !== undefined) params[k] = decode(v);
      return { name, params, load };
    }
  }
  return { name: "missing", params: {}, load: missing };
}

function decode(v: string): string {
  try { return decodeURIComponent(v); } catch { return v; }
}

export const router = {
  get route(): Route { return match(path); },
  get path(): string { return path; },
  get search(): URLSearchParams { return new URLSearchParams(search); },
  get visits(): number { return visits; },
};

function sync(): void {
  if (path !== location.pathname) visits++;
  path = location.pathname;
  search = location.search;
}

export function go(to: string, replace = false): void {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  sync();
  if (!replace) scrollTo(0, 0);
}

/** Turns plain clicks on the app's own links into changes of page without a reload. */
export function followLinks(): void {
  addEventListener("popstate", sync);
  document.addEventListener("click", (e) => {
    if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    const a = (e.target as Element).closest?.("a");
    if (!a || a.target || a.hasAttribute("download") || a.origin !== location.origin) return;
    if (/^\/(api|tiles|feeds|alerts|ogc)\//.test(a.pathname) || a.pathname === "/openapi.json") return;
    if (a.pathname === location.pathname && a.hash) return;
    e.preventDefault();
    go(a.pathname + a.search + a.hash);
  });
}
