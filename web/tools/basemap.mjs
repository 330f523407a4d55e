// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Vite plugin: the base map, from the npm package world-atlas (Natural Earth, public domain), in two grains.
//   world    1:110 million rounded to 0.05 degrees, loaded first: small enough for a slow line.
//   detail   1:50 million rounded to 0.01 degrees, dist/basemap/countries.json, loaded when somebody zooms in.
// Both as lists of steps between points, a third of the same as GeoJSON once packed; src/map/world.ts makes GeoJSON of it.
// Each country carries its ISO alpha-2 code, from which the browser makes the name in the reader's language; where a
// status is in dispute (data/areas) there is no code, so no name is drawn. Borders are lines of their own, each once, and
// those that a disputed area has a part in are marked `disputed`.
// `world` also holds one point per country for its name, inside its largest polygon. virtual:countries is the list of the codes.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { feature, mesh } from "topojson-client";

const require = createRequire(import.meta.url);
const areas = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "data", "areas");

/** Our own two tables have quotes in notes only; the columns read here stand before them or are matched by name. */
function table(name) {
  const [head, ...rows] = readFileSync(join(areas, name), "utf8").trim().split("\n").map((line) => line.replace(/\r$/, "").split(","));
  return rows.map((cells) => Object.fromEntries(head.map((h, i) => [h, cells[i] ?? ""])));
}

/** Shoelace area in square degrees, made smaller towards the poles; only used to compare. */
function ringArea(ring) {
  let sum = 0, lat = 0;
  for (let i = 0; i < ring.length - 1; i++) {
    sum += ring[i][0] * ring[i + 1][1] - ring[i + 1][0] * ring[i][1];
    lat += ring[i][1];
  }
  return (Math.abs(sum) / 2) * Math.cos((lat / Math.max(1, ring.length - 1)) * (Math.PI / 180));
}

/** The middle of the widest stretch inside the ring on a few lines of latitude: always inside, near the middle. */
function labelPoint(ring) {
  const ys = ring.map((p) => p[1]);
  const low = Math.min(...ys), high = Math.max(...ys);
  let best = [ring[0][0], ring[0][1], -1];
  for (const t of [0.35, 0.45, 0.5, 0.55, 0.65]) {
    const y = low + (high - low) * t;
    const xs = [];
    for (let i = 0; i < ring.length - 1; i++) {
      const [x1, y1] = ring[i], [x2, y2] = ring[i + 1];
      if (y1 > y !== y2 > y) xs.push(x1 + ((y - y1) / (y2 - y1)) * (x2 - x1));
    }
    xs.sort((a, b) => a - b);
    for (let i = 0; i + 1 < xs.length; i += 2) {
      if (xs[i + 1] - xs[i] > best[2]) best = [(xs[i] + xs[i + 1]) / 2, y, xs[i + 1] - xs[i]];
    }
  }
  return best.slice(0, 2);
}

/** Whole numbers of 1/scale degree. */
const rounder = (scale) => {
  const round = (v) => Math.round(v * scale);
  const walk = (c) => (typeof c[0] === "number" ? c.map(round) : c.map(walk));
  return walk;
};

/**
 * The part of a ring between two meridians (Sutherland and Hodgman, one side after the other). Edges along a cut are kept,
 * which is right for a fill.
 */
function clip(ring, west, east) {
  for (const [side, at] of [[1, west], [-1, east]]) {
    const out = [];
    for (let i = 0; i < ring.length; i++) {
      const p = ring[i], q = ring[(i + 1) % ring.length];
      const inP = (p[0] - at) * side >= 0, inQ = (q[0] - at) * side >= 0;
      if (inP) out.push(p);
      if (inP !== inQ) out.push([at, p[1] + ((at - p[0]) / (q[0] - p[0])) * (q[1] - p[1])]);
    }
    ring = out;
  }
  return ring;
}

/**
 * world-atlas stitches its rings over the antimeridian: a step from 179 to -179 is meant as two degrees. Such a ring is laid
 * out without the jump (one around a pole is closed along it) and cut into pieces that lie within -180 and 180.
 */
function uncross(ring) {
  const flat = [ring[0].slice()];
  for (let i = 1; i < ring.length; i++) {
    const last = flat[flat.length - 1][0];
    let lon = ring[i][0];
    while (lon - last > 180) lon -= 360;
    while (lon - last < -180) lon += 360;
    flat.push([lon, ring[i][1]]);
  }
  const turn = flat[flat.length - 1][0] - flat[0][0];
  if (Math.abs(turn) > 180) {
    const pole = flat[0][1] < 0 ? -90 : 90;
    flat.push([flat[flat.length - 1][0], pole], [flat[0][0], pole]);
  }
  const pieces = [];
  for (const shift of [-360, 0, 360]) {
    const piece = clip(flat.map(([x, y]) => [x + shift, y]), -180, 180);
    if (piece.length >= 3) pieces.push([...piece, piece[0]]);
  }
  return pieces;
}

/** Polygons of a geometry, with what crosses the antimeridian cut; a ring that is cut has no holes in this data. */
function polygonsOf(geometry) {
  const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
  return polygons.flatMap(([outer, ...holes]) => {
    const jumps = outer.some((p, i) => i > 0 && Math.abs(p[0] - outer[i - 1][0]) > 180);
    return jumps ? uncross(outer).map((piece) => [piece]) : [[outer, ...holes]];
  });
}

/** Drops points that repeat the one before; a ring that is left with fewer than four points is dropped too. */
function thin(coordinates, depth) {
  if (depth > 1) return coordinates.map((c) => thin(c, depth - 1)).filter((c) => c.length > 0);
  const ring = coordinates.filter((p, i) => i === 0 || p[0] !== coordinates[i - 1][0] || p[1] !== coordinates[i - 1][1]);
  return ring.length >= 4 ? ring : [];
}

/** A line as one list of numbers: the first point, then the steps from each to the next. */
const steps = (line) => line.flatMap(([x, y], i) => (i ? [x - line[i - 1][0], y - line[i - 1][1]] : [x, y]));

/** The borders on land that fit; a step over the antimeridian ends a line. */
function borders(topology, round, fits) {
  const half = round([180])[0];
  const lines = [];
  for (const line of mesh(topology, topology.objects.countries, (a, b) => a !== b && fits(a, b)).coordinates) {
    let run = [];
    for (const p of round(line)) {
      if (run.length && Math.abs(p[0] - run[run.length - 1][0]) > half) { lines.push(run); run = []; }
      if (!run.length || p[0] !== run[run.length - 1][0] || p[1] !== run[run.length - 1][1]) run.push(p);
    }
    lines.push(run);
  }
  return lines.filter((l) => l.length > 1).map(steps);
}

function countries(file, scale, withPoints) {
  const byNumber = new Map(table("iso-3166.csv").map((r) => [r.numeric, r.alpha2]));
  const disputed = new Map(table("world-atlas-exceptions.csv").map((r) => [r.name, r]));
  const topology = JSON.parse(readFileSync(require.resolve(`world-atlas/${file}`), "utf8"));
  const round = rounder(scale);
  const land = [], labels = [];
  for (const f of feature(topology, topology.objects.countries).features) {
    const exception = disputed.get(f.properties.name);
    const open = exception?.disputed === "yes";
    const code = open ? "" : exception ? exception.alpha2 : byNumber.get(f.id) ?? "";
    const polygons = polygonsOf(f.geometry);
    const rounded = thin(round(polygons), 3);
    if (rounded.length === 0) continue;
    land.push([code, rounded.map((polygon) => polygon.map(steps))]);
    if (!withPoints || !code) continue;
    const rings = polygons.map((polygon) => polygon[0]);
    const largest = rings.reduce((a, b) => (ringArea(b) > ringArea(a) ? b : a));
    labels.push([code, Math.round(ringArea(largest) * 10) / 10, ...round(labelPoint(largest))]);
  }
  const open = (country) => disputed.get(country.properties.name)?.disputed === "yes";
  return JSON.stringify({ scale, land, labels, borders: borders(topology, round, (a, b) => !open(a) && !open(b)),
    disputed: borders(topology, round, (a, b) => open(a) || open(b)) });
}

export function basemap() {
  const id = "virtual:basemap", codes = "virtual:countries";
  let build = true;
  const world = () => countries("countries-110m.json", 20, true);
  const detail = () => countries("countries-50m.json", 100, false);
  return {
    name: "basemap",
    configResolved(config) { build = config.command === "build"; },
    resolveId(source) { return source === id || source === codes ? `\0${source}` : undefined; },
    load(loaded) {
      if (loaded === `\0${codes}`) return `export default "${table("iso-3166.csv").map((r) => r.alpha2).sort().join(" ")}".split(" ");`;
      if (loaded !== `\0${id}`) return undefined;
      if (!build) return `export const worldUrl = "/basemap/world.geojson";`;
      const ref = this.emitFile({ type: "asset", name: "world.json", source: world() });
      return `export const worldUrl = import.meta.ROLLUP_FILE_URL_${ref};`;
    },
    buildStart() {
      if (build) this.emitFile({ type: "asset", fileName: "basemap/countries.json", source: detail() });
    },
    configureServer(server) {
      server.middlewares.use("/basemap/", (req, res) => {
        res.setHeader("content-type", "application/json");
        res.end(req.url?.includes("world") ? world() : detail());
      });
    },
  };
}
