// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The style: sources and layers. It names no glyphs and no sprite address, so MapLibre draws labels with the fonts of the
// device and nothing is fetched from anywhere but this server.
import type { ExpressionSpecification, FilterSpecification, LayerSpecification, StyleSpecification } from "maplibre-gl";
import { groups } from "../lib/faith.ts";
import type { Palette } from "./palette.ts";

const font = ["Noto Sans", "Noto Sans Arabic", "system-ui", "sans-serif"];
const empty = { type: "FeatureCollection" as const, features: [] };
const many: FilterSpecification = [">", ["coalesce", ["get", "count"], 1], 1];
const one: FilterSpecification = ["<=", ["coalesce", ["get", "count"], 1], 1];
const count: ExpressionSpecification = ["coalesce", ["get", "count"], 1];

const symbolOf: ExpressionSpecification = [
  "match", ["get", "religion"],
  ...groups.filter((g) => g.id !== "unknown").flatMap((g) => [g.religions, `faith-${g.id}`]),
  "faith-unknown",
] as unknown as ExpressionSpecification;

const radius: ExpressionSpecification = ["interpolate", ["linear"], ["log10", count], 0.3, 13, 1, 15, 2, 19, 3, 23, 5, 30, 7, 36];

/** The name in the reader's language where the site has one, and under it what the people there call it. */
export const nameKey = (language: string) => `name_${language}`;
function nameOf(language: string): ExpressionSpecification {
  const own: ExpressionSpecification = ["get", nameKey(language)], local: ExpressionSpecification = ["coalesce", ["get", "name"], ""];
  return ["case", ["has", nameKey(language)], ["format", own, {}, "\n", {}, local, { "font-scale": 0.85 }], ["format", local, {}]] as unknown as ExpressionSpecification;
}

/** Sites come above incidents: the map is of places first. Layers of one source of sites, whether tiles or the answer to a filtered query. */
function siteLayers(source: string, layer: string | undefined, p: Palette, number: ExpressionSpecification, language: string): LayerSpecification[] {
  const from = layer ? { source, "source-layer": layer } : { source };
  return [
    { id: `${source}-cluster`, type: "circle", ...from, filter: many,
      paint: { "circle-color": p.cluster, "circle-radius": radius, "circle-stroke-width": 2, "circle-stroke-color": p.clusterRing, "circle-opacity": 0.94 } },
    { id: `${source}-count`, type: "symbol", ...from, filter: many,
      layout: { "text-field": number, "text-font": font, "text-size": 13, "text-allow-overlap": true, "text-ignore-placement": true },
      paint: { "text-color": p.clusterText } },
    { id: `${source}-one`, type: "symbol", ...from, filter: one,
      layout: { "icon-image": symbolOf, "icon-allow-overlap": true, "icon-size": ["interpolate", ["linear"], ["zoom"], 2, 0.8, 8, 1],
        "text-field": ["step", ["zoom"], "", 8.5, nameOf(language)], "text-font": font, "text-size": 12,
        "text-offset": [0, 1.1], "text-anchor": "top", "text-optional": true, "text-max-width": 9 },
      paint: { "text-color": p.label, "text-halo-color": p.countryHalo, "text-halo-width": 1.4 } },
  ] as LayerSpecification[];
}

function incidentLayers(source: string, layer: string | undefined, p: Palette, number: ExpressionSpecification): LayerSpecification[] {
  const from = layer ? { source, "source-layer": layer } : { source };
  return [
    { id: `${source}-cluster`, type: "circle", ...from, filter: many,
      paint: { "circle-color": p.incidentGround, "circle-radius": ["interpolate", ["linear"], ["zoom"], 1, 8.5, 5, 12], "circle-stroke-width": 2.5, "circle-stroke-color": p.incident } },
    { id: `${source}-count`, type: "symbol", ...from, filter: many,
      layout: { "text-field": number, "text-font": font, "text-size": ["interpolate", ["linear"], ["zoom"], 1, 10, 5, 12], "text-allow-overlap": true, "text-ignore-placement": true },
      paint: { "text-color": p.incident } },
    { id: `${source}-one`, type: "symbol", ...from, filter: one,
      layout: { "icon-image": "incident", "icon-allow-overlap": true, "icon-size": ["interpolate", ["linear"], ["zoom"], 1, 0.72, 5, 1] } },
  ] as LayerSpecification[];
}

const areaLayers = (source: string, colour: string): LayerSpecification[] => [
  { id: `${source}-fill`, type: "fill", source, paint: { "fill-color": colour, "fill-opacity": 0.16 } },
  { id: `${source}-line`, type: "line", source,
    paint: { "line-color": colour, "line-width": 2, "line-dasharray": source === "hotspots" ? [3, 2] : [1, 0] } },
];

/** Borders fade as one comes near: at 1:50 million they are no statement about a street. */
const fading: ExpressionSpecification = ["interpolate", ["linear"], ["zoom"], 8, 1, 11, 0.15];

function ground(source: string, p: Palette, zoom: { minzoom?: number; maxzoom?: number }): LayerSpecification[] {
  const line: FilterSpecification = ["==", ["geometry-type"], "LineString"];
  return [
    { id: `${source}-land`, type: "fill", source, ...zoom, filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "fill-color": p.land, "fill-antialias": true } },
    { id: `${source}-border`, type: "line", source, ...zoom, filter: ["all", line, ["!", ["get", "disputed"]]],
      paint: { "line-color": p.border, "line-width": ["interpolate", ["linear"], ["zoom"], 1, 0.5, 6, 1.1], "line-opacity": fading } },
    { id: `${source}-disputed`, type: "line", source, ...zoom, filter: ["all", line, ["get", "disputed"]],
      paint: { "line-color": p.disputed, "line-width": 1, "line-dasharray": [2, 2], "line-opacity": fading } },
  ] as LayerSpecification[];
}

/** From this zoom on the finer base map is drawn, and loaded when first needed. */
export const detailZoom = 3.6;

export interface Words { faiths: string }

/** Cells where several faiths stand together: hatched, the denser the more diverse; close by, the number of faiths in words. */
function sharedGround(p: Palette, language: string, words: Words): LayerSpecification[] {
  const from = { source: "ground", "source-layer": "ground" };
  const off = { visibility: "none" as const };
  const diversity: ExpressionSpecification = ["coalesce", ["get", "diversity"], 0];
  return [
    { id: "ground-fill", type: "fill", ...from, layout: off,
      paint: { "fill-pattern": ["case", [">=", diversity, 0.6], "hatch-dense", "hatch"], "fill-opacity": ["interpolate", ["linear"], diversity, 0, 0.55, 0.8, 1] } },
    { id: "ground-line", type: "line", ...from, layout: off, paint: { "line-color": p.shared, "line-width": 1, "line-opacity": 0.8 } },
    { id: "ground-label", type: "symbol", ...from, minzoom: 12.5,
      layout: { ...off, "text-field": ["concat", words.faiths, " ", ["number-format", ["get", "faiths"], { locale: language }]], "text-font": font, "text-size": 12 },
      paint: { "text-color": p.shared, "text-halo-color": p.countryHalo, "text-halo-width": 1.6 } },
  ] as LayerSpecification[];
}

export function makeStyle(p: Palette, world: GeoJSON.FeatureCollection, language: string, words: Words): StyleSpecification {
  const origin = location.origin;
  const number: ExpressionSpecification = ["number-format", count, { locale: language }];
  const tiles = (name: string) => ({
    type: "vector" as const, tiles: [`${origin}/tiles/${name}/{z}/{x}/{y}.mvt`], minzoom: 0, maxzoom: 14,
  });
  return {
    version: 8,
    sources: {
      world: { type: "geojson", data: world },
      detail: { type: "geojson", data: empty },
      sites: tiles("sites"),
      incidents: tiles("incidents"),
      // cells of 1/32768 of the world's width: a tile of zoom 12 holds them whole, deeper ones are cut from it
      ground: { ...tiles("ground"), maxzoom: 12 },
      "found-sites": { type: "geojson", data: empty, cluster: true, clusterRadius: 44, clusterMaxZoom: 9 },
      "found-incidents": { type: "geojson", data: empty, cluster: true, clusterRadius: 30, clusterMaxZoom: 6 },
      warnings: { type: "geojson", data: empty },
      hotspots: { type: "geojson", data: empty },
      chosen: { type: "geojson", data: empty },
    },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": p.sea } },
      ...ground("world", p, {}),
      ...ground("detail", p, { minzoom: detailZoom }),
      { id: "countries", type: "symbol", source: "world", minzoom: 2, maxzoom: 9,
        filter: ["all", ["has", "label"], [">=", ["get", "size"], ["step", ["zoom"], 180, 3, 40, 4, 8, 5, 1, 6, 0]]],
        layout: { "text-field": ["get", "name"], "text-font": font, "text-size": ["interpolate", ["linear"], ["zoom"], 2, 11, 7, 15],
          "text-max-width": 7, "text-padding": 6 },
        paint: { "text-color": p.country, "text-halo-color": p.countryHalo, "text-halo-width": 1.2 } },
      ...sharedGround(p, language, words),
      ...areaLayers("warnings", p.warning),
      ...areaLayers("hotspots", p.hotspot),
      { id: "context-dots", type: "symbol", source: "incidents", "source-layer": "context",
        layout: { "icon-image": "context", "icon-allow-overlap": true, visibility: "none",
          "text-field": ["case", [">", count, 1], number, ""], "text-font": font, "text-size": 11, "text-offset": [0, 0.9], "text-optional": true },
        paint: { "text-color": p.context, "text-halo-color": p.countryHalo, "text-halo-width": 1.2 } },
      ...incidentLayers("incidents", "incidents", p, number),
      ...incidentLayers("found-incidents", undefined, p, ["number-format", ["coalesce", ["get", "point_count"], 1], { locale: language }]),
      ...siteLayers("sites", "sites", p, number, language),
      ...siteLayers("found-sites", undefined, p, ["number-format", ["coalesce", ["get", "point_count"], 1], { locale: language }], language),
      { id: "chosen-ring", type: "circle", source: "chosen",
        paint: { "circle-radius": 17, "circle-color": "rgba(0,0,0,0)", "circle-stroke-width": 3, "circle-stroke-color": p.label } },
    ].map((layer) => fitFound(layer as LayerSpecification)),
  };
}

/** MapLibre's own clusters carry point_count where our tiles carry count. */
function fitFound(layer: LayerSpecification): LayerSpecification {
  if (!("source" in layer) || !String(layer.source).startsWith("found-")) return layer;
  const text = JSON.stringify(layer).replaceAll('["get","count"]', '["get","point_count"]');
  return JSON.parse(text) as LayerSpecification;
}
