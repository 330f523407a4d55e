// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Feature, Polygon } from "geojson";

const earth_km = 6371.0088;

/** A circle on the sphere as a polygon of 64 corners; longitudes run on past 180 so that the ring stays whole. */
export function circle(lat: number, lon: number, radius_km: number, properties: Record<string, unknown>): Feature<Polygon> {
  const rad = Math.PI / 180;
  const d = Math.min(Math.max(radius_km, 1), 5000) / earth_km;
  const ring: [number, number][] = [];
  for (let i = 0; i <= 64; i++) {
    const a = ((i % 64) / 64) * 2 * Math.PI;
    const y = Math.asin(Math.sin(lat * rad) * Math.cos(d) + Math.cos(lat * rad) * Math.sin(d) * Math.cos(a));
    const x = Math.atan2(Math.sin(a) * Math.sin(d) * Math.cos(lat * rad), Math.cos(d) - Math.sin(lat * rad) * Math.sin(y));
    ring.push([lon + x / rad, Math.max(-85, Math.min(85, y / rad))]);
  }
  return { type: "Feature", properties, geometry: { type: "Polygon", coordinates: [ring] } };
}
