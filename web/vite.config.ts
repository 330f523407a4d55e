// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Builds dist/: index.html, assets/ with hashed names, basemap/countries.json, sw.js, and what lies in
// public/. dist/areas is written afterwards by tools/areas.mjs. The folder is never emptied first, since the C build may be reading it: new names appear, then the
// assets that the new index.html no longer knows are removed.
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";
import { basemap } from "./tools/basemap.mjs";
import { offline } from "./tools/offline.mjs";

function dropStaleAssets(): Plugin {
  return {
    name: "drop-stale-assets",
    apply: "build",
    writeBundle(options, bundle) {
      const dir = options.dir ?? "dist";
      for (const folder of ["assets", "basemap"]) {
        for (const name of readdirSync(join(dir, folder))) if (!(`${folder}/${name}` in bundle)) rmSync(join(dir, folder, name));
      }
    },
  };
}

const api = process.env.FANE_API ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [svelte(), basemap(), offline(), dropStaleAssets()],
  worker: { format: "es" },
  build: {
    target: ["es2022", "chrome100", "firefox100", "safari16"],
    emptyOutDir: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1400,
    rollupOptions: {
      output: {
        experimentalMinChunkSize: 12_000,
        // MapLibre's worker ends in .mjs; a server that knows only .js would give it no JavaScript media type
        assetFileNames: (asset) =>
          asset.names.some((n) => n.endsWith(".mjs")) ? "assets/[name]-[hash].js" : "assets/[name]-[hash][extname]",
      },
    },
  },
  server: {
    proxy: Object.fromEntries(["/api", "/tiles", "/feeds", "/alerts"].map((p) => [p, api])),
  },
});
