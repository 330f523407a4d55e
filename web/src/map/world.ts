// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The base map as tools/basemap.mjs packs it, and GeoJSON of it.
import type { Feature, FeatureCollection, Position } from "geojson";
import { worldUrl } from "virtual:basemap";

type Steps = number[];
interface Packed { scale: number; land: [string, Steps[][]][]; labels: [string, number, number, number][]; borders: Steps[]; disputed: Steps[] }
export interface World { features: FeatureCollection; labels: Map<string, { size: number; lon: number; lat: number }> }

function line(steps: Steps, scale: number): Position[] {
  const out: Position[] = [];
  let x = 0, y = 0;
  for (let i = 0; i + 1 < steps.length; i += 2) {
    x += steps[i];
    y += steps[i + 1];
    out.push([x / scale, y / scale]);
  }
  return out;
}

function unpack({ scale, land, labels, borders, disputed }: Packed): World {
  const features: Feature[] = land.map(([code, polygons]) => ({
    type: "Feature", properties: { code },
    geometry: { type: "MultiPolygon", coordinates: polygons.map((rings) => rings.map((r) => line(r, scale))) },
  }));
  const lines = (list: Steps[], isDisputed: boolean): Feature => ({
    type: "Feature", properties: { disputed: isDisputed },
    geometry: { type: "MultiLineString", coordinates: list.map((l) => line(l, scale)) },
  });
  features.push(lines(borders, false), lines(disputed, true));
  for (const [code, size, x, y] of labels) {
    features.push({ type: "Feature", properties: { code, label: true, size }, geometry: { type: "Point", coordinates: [x / scale, y / scale] } });
  }
  return {
    features: { type: "FeatureCollection", features },
    labels: new Map(labels.map(([code, size, x, y]) => [code, { size, lon: x / scale, lat: y / scale }])),
  };
}

async function load(url: string): Promise<World> {
  const r = await fetch(url);
  if (!r.ok) throw new Error(`${url}: ${r.status}`);
  return unpack((await r.json()) as Packed);
}

let coarse: Promise<World> | undefined;
/** The whole world, coarsely; asked for once. */
export function world(): Promise<World> {
  coarse ??= load(worldUrl).catch((e) => { coarse = undefined; throw e; });
  return coarse;
}

/** The finer grain, for zoom `detailZoom` and above. */
export const detail = (): Promise<World> => load("/basemap/countries.json");
