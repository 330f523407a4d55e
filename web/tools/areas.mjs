// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Writes dist/areas/countries.geojson from the npm package world-atlas (Natural Earth 1:50 million, public domain): one
// feature per country with properties {alpha2, alpha3, name, disputed, note}. Natural Earth's features carry only the
// ISO numeric code and a name; ../data/areas says which alpha codes belong to them and which features have none.
// A feature that neither table knows fails the build: nobody's land is dropped without a word.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { feature } from "topojson-client";

const here = dirname(fileURLToPath(import.meta.url));
const data = join(here, "..", "..", "data", "areas");
const out = join(here, "..", "dist", "areas", "countries.geojson");

/** RFC 4180, enough for our own two tables. */
function readCsv(path) {
  const text = readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  const rows = [];
  let row = [], field = "", quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[i + 1] === '"') { field += '"'; i++; }
      else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ",") { row.push(field); field = ""; }
    else if (c === "\n") { row.push(field.replace(/\r$/, "")); rows.push(row); row = []; field = ""; }
    else field += c;
  }
  if (field !== "" || row.length) { row.push(field); rows.push(row); }
  const [head, ...body] = rows.filter((r) => r.length > 1);
  return body.map((r) => Object.fromEntries(head.map((h, i) => [h, r[i] ?? ""])));
}

/** Longitudes without jumps; a ring that goes once around the world is closed over its pole. */
function unwrapped(ring) {
  const out = [ring[0].slice()];
  for (let i = 1; i < ring.length; i++) {
    const [lon, lat] = ring[i], before = out[i - 1][0];
    out.push([lon + 360 * Math.round((before - lon) / 360), lat]);
  }
  const first = out[0], last = out[out.length - 1];
  if (Math.abs(last[0] - first[0]) > 180) {
    const pole = last[1] < 0 ? -90 : 90;
    out.push([last[0], pole], [first[0], pole], first.slice());
  }
  return out;
}

/** What lies on one side of a meridian (Sutherland and Hodgman, Reentrant polygon clipping, CACM 17(1), 1974). */
function clipped(ring, lon, keepsEast) {
  const isIn = (p) => (keepsEast ? p[0] >= lon : p[0] <= lon);
  const out = [];
  for (let i = 0; i + 1 < ring.length; i++) {
    const a = ring[i], b = ring[i + 1];
    if (isIn(a)) out.push(a);
    if (isIn(a) !== isIn(b)) out.push([lon, a[1] + ((b[1] - a[1]) * (lon - a[0])) / (b[0] - a[0])]);
  }
  if (out.length) out.push(out[0].slice());
  return out;
}

/** world-atlas joins shapes over the antimeridian (it is made for spheres); on a plane they are cut there again. */
function cutPolygon(polygon) {
  if (!polygon.some((r) => r.some((p, i) => i > 0 && Math.abs(p[0] - r[i - 1][0]) > 180))) return [polygon];
  const pieces = [];
  for (const shift of [-360, 0, 360]) {
    const rings = polygon
      .map((r) => unwrapped(r).map(([x, y]) => [x + shift, y]))
      .map((r) => clipped(clipped(r, -180, true), 180, false))
      .filter((r) => r.length >= 4);
    if (rings.length) pieces.push(rings);
  }
  return pieces;
}

function cut(geometry) {
  const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
  const pieces = polygons.flatMap(cutPolygon);
  return pieces.length === 1 ? { type: "Polygon", coordinates: pieces[0] } : { type: "MultiPolygon", coordinates: pieces };
}

const round = (v) => Math.round(v * 1e5) / 1e5;
const rounded = (c) => (typeof c[0] === "number" ? c.map(round) : c.map(rounded));
const roundedGeometry = (g) => ({ type: g.type, coordinates: rounded(g.coordinates) });

const byNumber = new Map(readCsv(join(data, "iso-3166.csv")).map((r) => [r.numeric, r]));
const byAlpha2 = new Map([...byNumber.values()].map((r) => [r.alpha2, r]));
const byName = new Map(readCsv(join(data, "world-atlas-exceptions.csv")).map((r) => [r.name, r]));

const require = createRequire(import.meta.url);
const topology = JSON.parse(readFileSync(require.resolve("world-atlas/countries-50m.json"), "utf8"));
const unknown = [];

/** The one feature that holds the land of two codes (world-atlas-exceptions.csv): cut by place. */
function parts(f) {
  if (f.properties.name !== "Indian Ocean Ter.") return [f];
  const polygons = f.geometry.type === "Polygon" ? [f.geometry.coordinates] : f.geometry.coordinates;
  const part = (id, keep) => ({
    type: "Feature", id, properties: { name: `Indian Ocean Ter. ${id}` },
    geometry: { type: "MultiPolygon", coordinates: polygons.filter((p) => keep(p[0][0][0])) },
  });
  const christmas = part("162", (lon) => lon > 101), cocos = part("166", (lon) => lon <= 101);
  return [christmas, cocos].filter((p) => p.geometry.coordinates.length);
}

const features = feature(topology, topology.objects.countries).features.flatMap(parts).map((f) => {
  const name = f.properties.name;
  const exception = byName.get(name);
  const iso = exception ? byAlpha2.get(exception.alpha2) : byNumber.get(f.id);
  if (!exception && !iso) unknown.push(`${f.id ?? "no id"} ${name}`);
  return {
    type: "Feature",
    properties: {
      alpha2: exception ? exception.alpha2 : iso?.alpha2 ?? "",
      alpha3: iso?.alpha3 ?? "",
      name: iso && !exception ? iso.name : name,
      disputed: exception?.disputed === "yes",
      note: exception?.disputed === "yes" ? exception.note : "",
    },
    geometry: roundedGeometry(cut(f.geometry)),
  };
});
if (unknown.length) {
  console.error(`areas: no code in data/areas for: ${unknown.join("; ")}`);
  process.exit(1);
}
// Rings of ../data/areas/disputed.csv: inside one, what the map draws as `drawn_as` is shown under `alpha2` and flagged.
const rings = readCsv(join(data, "disputed.csv")).map((r) => {
  const ring = r.ring.split(",").map((p) => p.trim().split(" ").map(Number));
  if (ring.length < 4 || ring.some((p) => p.length !== 2 || !p.every(Number.isFinite))) {
    console.error(`areas: the ring of ${r.name} in data/areas/disputed.csv is no list of "lon lat"`);
    process.exit(1);
  }
  return {
    type: "Feature",
    properties: {
      alpha2: r.alpha2, alpha3: byAlpha2.get(r.alpha2)?.alpha3 ?? "", name: r.name, disputed: true, note: r.note,
      drawn_as: r.drawn_as,
    },
    geometry: { type: "Polygon", coordinates: [[...ring, ring[0]]] },
  };
});
mkdirSync(dirname(out), { recursive: true });
const write = (path, list) =>
  writeFileSync(path, `{"type":"FeatureCollection","features":[\n${list.map((f) => JSON.stringify(f)).join(",\n")}\n]}\n`);
write(out, features);
write(join(dirname(out), "disputed.geojson"), rings);
console.error(`areas: ${features.length} countries`);
