// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Vite plugin: dist/sw.js, the service worker of those who asked for a copy on their device (src/lib/offline.svelte.ts).
// It is src/sw.js with the build's own list of files put in; the list's digest names the cache, so a new build has a new one.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const source = join(dirname(fileURLToPath(import.meta.url)), "..", "src", "sw.js");

export function offline() {
  return {
    name: "offline",
    apply: "build",
    generateBundle(_options, bundle) {
      // MapLibre and the desk are large or of no use without a line: they are kept when they were used once.
      const light = Object.keys(bundle).filter((name) => /^assets\//.test(name) && !/\/(map-|maplibre|Desk|SiteVisibility|.*\.map$)/.test(name));
      const shell = ["/", "/icon.svg", "/manifest.webmanifest", ...light.map((name) => `/${name}`)].sort();
      const digest = createHash("sha256").update(JSON.stringify(shell)).digest("hex").slice(0, 12);
      const text = readFileSync(source, "utf8").replace("[/* files of the build */]", JSON.stringify(shell)).replace("build-digest", digest);
      this.emitFile({ type: "asset", fileName: "sw.js", source: text });
    },
  };
}
