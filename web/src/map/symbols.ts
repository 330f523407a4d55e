// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The map's symbols, drawn on a canvas: no sprite is loaded. One image per faith group, and one each for an incident and a
// context event, whose shape (a ring with a bar, a small cross) no group has; hatching for shared ground.
import type { Map as MapLibre } from "maplibre-gl";
import { groups, outlines } from "../lib/faith.ts";
import type { Palette } from "./palette.ts";

const size = 26;
const scale = 2;

function canvas(): CanvasRenderingContext2D {
  const c = document.createElement("canvas");
  c.width = c.height = size * scale;
  const g = c.getContext("2d", { willReadFrequently: true });
  if (!g) throw new Error("this browser has no canvas");
  g.scale(scale, scale);
  g.lineJoin = "round";
  return g;
}

function put(map: MapLibre, id: string, g: CanvasRenderingContext2D): void {
  const data = g.getImageData(0, 0, size * scale, size * scale);
  if (map.hasImage(id)) map.removeImage(id);
  map.addImage(id, data, { pixelRatio: scale });
}

/** A square of 8 pixels that repeats without a seam: diagonals through its corners, and half-way between them. */
function putHatch(map: MapLibre, id: string, offsets: readonly number[], colour: string): void {
  const side = 8;
  const c = document.createElement("canvas");
  c.width = c.height = side * scale;
  const g = c.getContext("2d", { willReadFrequently: true });
  if (!g) return;
  g.scale(scale, scale);
  g.strokeStyle = colour;
  g.lineWidth = 1.1;
  for (const start of offsets) {
    for (const shift of [-side, 0, side]) {
      g.beginPath();
      g.moveTo(start + shift, side);
      g.lineTo(start + shift + side, 0);
      g.stroke();
    }
  }
  if (map.hasImage(id)) map.removeImage(id);
  map.addImage(id, g.getImageData(0, 0, c.width, c.height), { pixelRatio: scale });
}

export function addSymbols(map: MapLibre, p: Palette): void {
  for (const group of groups) {
    const g = canvas();
    const path = new Path2D(outlines[group.shape]);
    g.translate(3, 3);
    g.scale(20 / 24, 20 / 24);
    g.lineWidth = 4;
    g.strokeStyle = p.halo;
    g.stroke(path);
    g.fillStyle = group.colour;
    g.fill(path, "evenodd");
    put(map, `faith-${group.id}`, g);
  }
  const g = canvas();
  g.beginPath();
  g.arc(13, 13, 8.5, 0, 7);
  g.lineWidth = 6;
  g.strokeStyle = p.incidentGround;
  g.stroke();
  g.fillStyle = p.incidentGround;
  g.fill();
  g.lineWidth = 2.5;
  g.strokeStyle = p.incident;
  g.stroke();
  g.fillStyle = p.incident;
  g.fillRect(11.7, 7.5, 2.6, 6.5);
  g.fillRect(11.7, 15.6, 2.6, 2.6);
  put(map, "incident", g);

  for (const [id, lines] of [["hatch", [0]], ["hatch-dense", [0, 4]]] as const) putHatch(map, id, lines, p.shared);

  const c = canvas();
  c.lineWidth = 2.2;
  c.strokeStyle = p.context;
  c.beginPath();
  c.moveTo(9, 9); c.lineTo(17, 17); c.moveTo(17, 9); c.lineTo(9, 17);
  c.stroke();
  put(map, "context", c);
}
