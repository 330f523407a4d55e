// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The one place that talks to MapLibre; loaded only when a page wants a map. MapLibre's worker is a file of this server
// (no blob), so a content security policy of script-src 'self'; worker-src 'self' holds.
import {
  Map as MapLibre, NavigationControl, ScaleControl, setWorkerUrl,
  type GeoJSONSource, type MapGeoJSONFeature, type MapMouseEvent, type VectorTileSource,
} from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import type { Cluster, Incident, Site, Warning } from "../lib/api.ts";
import { countryName, locale, t } from "../lib/i18n.svelte.ts";
import { theme } from "../lib/theme.svelte.ts";
import { circle } from "./circle.ts";
import { dark, light } from "./palette.ts";
import { detailZoom, makeStyle, nameKey } from "./style.ts";
import { addSymbols } from "./symbols.ts";
import { detail, world } from "./world.ts";

setWorkerUrl(workerUrl);

export type Pick =
  | { kind: "site"; id: string }
  | { kind: "incident"; id: string; lat: number; lon: number }
  | { kind: "area"; what: "warning" | "hotspot"; id: string }
  | { kind: "ground"; faiths: number; sites: number; diversity: number }
  | { kind: "cluster" }
  | { kind: "none"; lat: number; lon: number };
export interface View { zoom: number; lat: number; lon: number }
export interface InView { id: string; name: string; religion: string; kind: string }
export interface Layers { sites: boolean; ground: boolean; incidents: boolean; context: boolean; warnings: boolean; hotspots: boolean }
export interface Found { sites: Site[] | null; incidents: Incident[] | null }

const still = matchMedia("(prefers-reduced-motion: reduce)");
const siteLayers = ["sites-one", "found-sites-one"];
const groupLayers = ["sites-cluster", "found-sites-cluster", "incidents-cluster", "found-incidents-cluster"];
/** The name in the reader's language beside the site's own, as the tiles have it. */
function ownName(s: Site): Record<string, string> {
  const own = s.names?.[locale.code];
  return own && own !== s.name ? { [nameKey(locale.code)]: own } : {};
}
const incidentLayers = ["incidents-one", "found-incidents-one"];

/** The coarse base map, with the countries' names in the reader's language. */
async function named(): Promise<GeoJSON.FeatureCollection> {
  const { features } = await world();
  for (const f of features.features) {
    if (f.properties?.label) f.properties.name = countryName(f.properties.code);
  }
  return features;
}

export class FaneMap {
  private map!: MapLibre;
  private layers: Layers = { sites: true, ground: false, incidents: true, context: false, warnings: true, hotspots: false };
  private found: Found = { sites: null, incidents: null };
  private warnings: Warning[] = [];
  private hotspots: Cluster[] = [];
  private religion = "";
  private chosen: [number, number] | null = null;
  private detail: "no" | "loading" | "yes" = "no";
  private ready = false;
  onpick: (pick: Pick) => void = () => {};
  onmove: (view: View) => void = () => {};
  onidle: () => void = () => {};

  /** plain: the base map alone, to pick a place on. */
  static async create(box: HTMLElement, start: View, options: { plain?: boolean } = {}): Promise<FaneMap> {
    const self = new FaneMap();
    const style = makeStyle(self.palette, await named(), locale.code, { faiths: t("ground.short") });
    if (options.plain) style.layers = style.layers.filter((l) => /^(sea|world|detail|countries|chosen)/.test(l.id));
    self.map = new MapLibre({
      container: box, style, center: [start.lon, start.lat], zoom: start.zoom, minZoom: 0.2, maxZoom: 17,
      // what a browser kept of the public's tiles is not what a reviewer should see, nor the other way round
      transformRequest: (url) => (url.includes("/tiles/incidents/") ? { url, credentials: "same-origin", cache: "no-cache" } : { url }),
      attributionControl: false, dragRotate: false, pitchWithRotate: false, touchPitch: false, maxPitch: 0,
      fadeDuration: still.matches ? 0 : 150, refreshExpiredTiles: true, renderWorldCopies: true,
      locale: {
        "NavigationControl.ZoomIn": t("map.zoom_in"), "NavigationControl.ZoomOut": t("map.zoom_out"), "Map.Title": t("map.title"),
      },
      cooperativeGestures: false,
    });
    self.map.touchZoomRotate.disableRotation();
    self.map.keyboard.disableRotation();
    const side = locale.dir === "rtl" ? "left" : "right";
    self.map.addControl(new NavigationControl({ showCompass: false }), `top-${side}`);
    if (!options.plain) self.map.addControl(new ScaleControl({ unit: "metric" }), `bottom-${locale.dir === "rtl" ? "right" : "left"}`);
    self.listen(box);
    return self;
  }

  private get palette() { return theme.dark ? dark : light; }

  private listen(box: HTMLElement): void {
    const map = this.map;
    // a handle for the tests, and for anybody at a browser's console
    (box as HTMLElement & { map?: MapLibre }).map = map;
    map.on("style.load", () => this.dress());
    map.on("click", (e) => this.click(e));
    map.on("moveend", () => {
      this.onmove(this.view);
      this.loadDetail();
    });
    map.on("idle", () => this.onidle());
    for (const layer of [...siteLayers, ...groupLayers, ...incidentLayers]) {
      if (!map.getLayer(layer) && this.ready) continue;
      map.on("mouseenter", layer, () => { map.getCanvas().style.cursor = "pointer"; });
      map.on("mouseleave", layer, () => { map.getCanvas().style.cursor = ""; });
    }
  }

  /** The style anew, when light and dark change. */
  async recolour(): Promise<void> {
    const features = await named();
    this.detail = "no";
    this.map.setStyle(makeStyle(this.palette, features, locale.code, { faiths: t("ground.short") }), { diff: false });
  }

  /** After each load of the style: symbols, data and visibility again. */
  private dress(): void {
    this.ready = true;
    addSymbols(this.map, this.palette);
    this.applyLayers();
    if (this.religion) this.applyReligion();
    this.setFound(this.found);
    this.setWarnings(this.warnings);
    this.setHotspots(this.hotspots);
    this.setChosen(this.chosen);
    this.loadDetail();
  }

  private loadDetail(): void {
    if (this.detail !== "no" || !this.ready || this.map.getZoom() < detailZoom - 0.4) return;
    this.detail = "loading";
    detail()
      .then(({ features }) => {
        this.source("detail")?.setData(features);
        this.detail = "yes";
        for (const part of ["land", "border", "disputed"]) {
          if (this.map.getLayer(`world-${part}`)) this.map.setLayerZoomRange(`world-${part}`, 0, detailZoom);
        }
      })
      .catch(() => { this.detail = "no"; });
  }

  private source(id: string): GeoJSONSource | undefined {
    return this.ready ? (this.map.getSource(id) as GeoJSONSource | undefined) : undefined;
  }

  private hits(e: MapMouseEvent, layers: string[], slack: number): MapGeoJSONFeature[] {
    const { x, y } = e.point;
    const present = layers.filter((l) => this.map.getLayer(l));
    return this.map.queryRenderedFeatures([[x - slack, y - slack], [x + slack, y + slack]], { layers: present });
  }

  private click(e: MapMouseEvent): void {
    const single = this.hits(e, [...siteLayers, ...incidentLayers], 6)[0];
    if (single?.properties.id) {
      const id = String(single.properties.id);
      if (!incidentLayers.includes(single.layer.id)) this.onpick({ kind: "site", id });
      else {
        const [lon, lat] = single.geometry.type === "Point" ? single.geometry.coordinates : [e.lngLat.lng, e.lngLat.lat];
        this.onpick({ kind: "incident", id, lat, lon });
      }
      return;
    }
    const group = this.hits(e, groupLayers, 6)[0];
    if (group && group.geometry.type === "Point") {
      const [lon, lat] = group.geometry.coordinates;
      const zoom = Math.min(this.map.getZoom() + 2, 16);
      this.fly({ lat, lon, zoom });
      this.onpick({ kind: "cluster" });
      return;
    }
    const area = this.hits(e, ["hotspots-fill", "warnings-fill"], 0)[0];
    const shared = this.hits(e, ["ground-fill"], 0)[0]?.properties;
    if (area) this.onpick({ kind: "area", what: area.source === "hotspots" ? "hotspot" : "warning", id: String(area.properties.id) });
    else if (shared) this.onpick({ kind: "ground", faiths: Number(shared.faiths ?? 0), sites: Number(shared.sites ?? 0), diversity: Number(shared.diversity ?? 0) });
    else this.onpick({ kind: "none", lat: e.lngLat.lat, lon: e.lngLat.wrap().lng });
  }

  get view(): View {
    const c = this.map.getCenter().wrap();
    return { zoom: this.map.getZoom(), lat: c.lat, lon: c.lng };
  }

  /** West, south, east, north of what is seen; the whole world when more than one copy is in view. */
  get bbox(): string {
    const b = this.map.getBounds();
    const n = (v: number) => v.toFixed(4);
    if (b.getEast() - b.getWest() >= 360) return "-180,-90,180,90";
    const wrap = (lon: number) => ((((lon + 180) % 360) + 360) % 360) - 180;
    return [wrap(b.getWest()), Math.max(-90, b.getSouth()), wrap(b.getEast()), Math.min(90, b.getNorth())].map(n).join(",");
  }

  fly(view: View): void {
    const to = { center: [view.lon, view.lat] as [number, number], zoom: view.zoom };
    if (still.matches) this.map.jumpTo(to);
    else this.map.easeTo({ ...to, duration: 500 });
  }

  setLayers(layers: Layers): void {
    this.layers = layers;
    if (this.ready) this.applyLayers();
  }

  private applyLayers(): void {
    const { layers, found, map } = this;
    const show = (prefix: string, on: boolean) => {
      for (const l of map.getStyle().layers) {
        if (l.id.startsWith(`${prefix}-`)) map.setLayoutProperty(l.id, "visibility", on ? "visible" : "none");
      }
    };
    show("sites", layers.sites && !found.sites);
    show("found-sites", layers.sites && found.sites !== null);
    show("ground", layers.ground);
    show("incidents", layers.incidents && !found.incidents);
    show("found-incidents", layers.incidents && found.incidents !== null);
    show("context", layers.context);
    show("warnings", layers.warnings);
    show("hotspots", layers.hotspots);
  }

  /** The answer to a filter, drawn instead of the tiles; null means the tiles. */
  setFound(found: Found): void {
    this.found = found;
    const points = (list: (Site | Incident)[] | null) => ({
      type: "FeatureCollection" as const,
      features: (list ?? []).filter((s) => s.lat != null && s.lon != null).map((s) => ({
        type: "Feature" as const,
        properties: "religion" in s ? { id: s.id, name: s.name, ...ownName(s), religion: s.religion, kind: s.kind } : { id: s.id },
        geometry: { type: "Point" as const, coordinates: [s.lon as number, s.lat as number] },
      })),
    });
    this.source("found-sites")?.setData(points(found.sites));
    this.source("found-incidents")?.setData(points(found.incidents));
    if (this.ready) this.applyLayers();
  }

  /** Tiles of one religion only, with exact counts; empty for all. */
  setReligion(religion: string): void {
    if (religion === this.religion) return;
    this.religion = religion;
    this.applyReligion();
  }

  private applyReligion(): void {
    const tiles = this.ready ? (this.map.getSource("sites") as VectorTileSource | undefined) : undefined;
    tiles?.setTiles([`${location.origin}/tiles/sites/{z}/{x}/{y}.mvt${this.religion ? `?religion=${encodeURIComponent(this.religion)}` : ""}`]);
  }

  setWarnings(list: Warning[]): void {
    this.warnings = list;
    this.source("warnings")?.setData({
      type: "FeatureCollection", features: list.map((w) => circle(w.lat, w.lon, w.radius_km, { id: w.id })),
    });
  }

  setHotspots(list: Cluster[]): void {
    this.hotspots = list;
    this.source("hotspots")?.setData({
      type: "FeatureCollection", features: list.map((c) => circle(c.lat, c.lon, c.radius_km, { id: c.id })),
    });
  }

  setChosen(point: [number, number] | null): void {
    this.chosen = point;
    this.source("chosen")?.setData({
      type: "FeatureCollection",
      features: point ? [{ type: "Feature", properties: {}, geometry: { type: "Point", coordinates: point } }] : [],
    });
  }

  /** Moves the map if the point is not in view, or lies under the lower part that a sheet covers. */
  reveal([lon, lat]: [number, number], covered: number): void {
    const { clientWidth: w, clientHeight: h } = this.map.getContainer();
    const at = this.map.project([lon, lat]);
    const free = h - covered;
    if (at.x > 30 && at.x < w - 30 && at.y > 60 && at.y < free - 30) return;
    const to = { center: [lon, lat] as [number, number], offset: [0, (free - h) / 2] as [number, number] };
    this.map.easeTo({ ...to, duration: still.matches ? 0 : 400 });
  }

  /** Single sites now on the screen, each once, for those who go by keyboard or ear. */
  sitesInView(limit: number): { sites: InView[]; grouped: number } {
    if (!this.ready) return { sites: [], grouped: 0 };
    const present = (ids: string[]) => ids.filter((l) => this.map.getLayer(l));
    const seen = new Map<string, InView>();
    for (const f of this.map.queryRenderedFeatures({ layers: present(siteLayers) })) {
      const { id, name, religion, kind } = f.properties as InView;
      if (id && seen.size < limit) seen.set(id, { id, name: f.properties[nameKey(locale.code)] ?? name, religion, kind });
    }
    const groups = new Map<string, number>();
    for (const f of this.map.queryRenderedFeatures({ layers: present(["sites-cluster", "found-sites-cluster"]) })) {
      const at = f.geometry.type === "Point" ? f.geometry.coordinates.map((v) => v.toFixed(4)).join() : "";
      groups.set(at, Number(f.properties.count ?? f.properties.point_count ?? 0));
    }
    return { sites: [...seen.values()], grouped: [...groups.values()].reduce((a, b) => a + b, 0) };
  }

  resize(): void { this.map.resize(); }

  destroy(): void { this.map.remove(); }
}

