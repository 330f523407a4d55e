// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The map's own address, after the #: "at=ZOOM/LAT/LON" and whatever differs from the plain map. What stands there is not
// sent to the server.
import type { Layers, View } from "../map/map.ts";

export interface Filters { religion: string; class: string; country: string; heritage: string; since: string; until: string }
export interface Place { view: View; filters: Filters; layers: Layers; site: string }

export const plainLayers = (): Layers => ({ sites: true, ground: false, incidents: true, context: false, warnings: true, hotspots: true });
const day = /^\d{4}-\d{2}-\d{2}$/;

export const noFilters = (): Filters => ({ religion: "", class: "", country: "", heritage: "", since: "", until: "" });

export function readPlace(hash: string, start: View): Place {
  const p = new URLSearchParams(hash.replace(/^#/, ""));
  const [zoom, lat, lon] = (p.get("at") ?? "").split("/").map(Number);
  const ok = [zoom, lat, lon].every(Number.isFinite) && Math.abs(lat) <= 90 && Math.abs(lon) <= 180 && zoom >= 0 && zoom <= 20;
  const date = (name: string) => (day.test(p.get(name) ?? "") ? (p.get(name) as string) : "");
  const layers = plainLayers();
  const on = p.get("layers");
  if (on !== null) for (const k of Object.keys(layers) as (keyof Layers)[]) layers[k] = on.split(",").includes(k);
  return {
    view: ok ? { zoom, lat, lon } : start,
    filters: { religion: p.get("religion") ?? "", class: p.get("class") ?? "",
      country: /^[A-Z]{2}$/.test(p.get("country") ?? "") ? (p.get("country") as string) : "", heritage: p.get("heritage") === "1" ? "1" : "",
      since: date("since"), until: date("until") },
    layers,
    site: p.get("site") ?? "",
  };
}

export function writePlace({ view, filters, layers, site }: Place): string {
  const parts = [`at=${view.zoom.toFixed(2)}/${view.lat.toFixed(4)}/${view.lon.toFixed(4)}`];
  for (const [k, v] of Object.entries(filters)) if (v) parts.push(`${k}=${encodeURIComponent(v)}`);
  const plain = plainLayers();
  const keys = Object.keys(plain) as (keyof Layers)[];
  if (keys.some((k) => layers[k] !== plain[k])) parts.push(`layers=${keys.filter((k) => layers[k]).join(",")}`);
  if (site) parts.push(`site=${encodeURIComponent(site)}`);
  return `#${parts.join("&")}`;
}
