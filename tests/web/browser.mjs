// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Headless Chromium, and pages that remember what went wrong in them: requests that left the server, errors on the console,
// exceptions. Exit 77 (skipped) where there is no browser.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "web");
const require = createRequire(join(web, "package.json"));
// the shell has no windows to draw: the checks cost it three quarters of what they cost the whole browser
const chromium = process.env.FANE_CHROMIUM ?? "/usr/bin/chromium-headless-shell";
export const sizes = { phone: { width: 360, height: 800 }, desk: { width: 1440, height: 900 } };

function skip(why) {
  console.log(`web: skipped: ${why}`);
  process.exit(77);
}

export async function startBrowser() {
  if (!existsSync(chromium)) skip(`no ${chromium} (Debian package chromium-headless-shell)`);
  if (!existsSync(join(process.env.FANE_DIST ?? join(web, "dist"), "index.html"))) skip("web/dist is not built (./dev build)");
  if (!existsSync(join(web, "node_modules", "playwright-core"))) skip("web/node_modules is missing (npm ci in web/)");
  const { chromium: engine } = require("playwright-core");
  return engine.launch({
    executablePath: chromium,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
  });
}

export const axeSource = () => require("axe-core").source;

/** A context of one visitor. `faults` fills while it is used; `allow` holds patterns of console errors a check expects. */
export async function visitor(browser, origin, { size = "desk", language = "en", ...more } = {}) {
  const context = await browser.newContext({ viewport: sizes[size], locale: language, reducedMotion: "reduce", ...more });
  const faults = [], allow = [], requests = [];
  context.on("request", (r) => {
    const url = r.url();
    requests.push(url);
    if (!url.startsWith(`${origin}/`) && !/^(data|blob|about):/.test(url)) faults.push(`request left the server: ${url}`);
  });
  context.on("page", (page) => {
    page.on("pageerror", (e) => faults.push(`exception: ${e.message}`));
    page.on("console", (m) => {
      if (m.type() === "error" && !allow.some((a) => a.test(`${m.text()} ${m.location().url}`))) faults.push(`console: ${m.text()} ${m.location().url}`);
    });
  });
  const page = await context.newPage();
  page.setDefaultTimeout(Number(process.env.FANE_PATIENCE ?? 20_000));
  return { context, page, faults, allow, requests, origin, go: (path) => page.goto(origin + path, { waitUntil: "load" }) };
}

/** Waits until the map has drawn something of the layers that begin with `prefix`, and gives what it draws. */
export async function mapState(page, prefix = "sites-") {
  await page.waitForFunction((start) => {
    const map = document.querySelector("[data-map]")?.map;
    return map?.isStyleLoaded() && map.areTilesLoaded() && map.queryRenderedFeatures().some((f) => f.layer.id.startsWith(start));
  }, prefix, { timeout: 45_000 });
  return page.evaluate(async () => {
    const map = document.querySelector("[data-map]").map;
    // colours must be read while the frame is still there: in the render event itself
    const colours = await new Promise((done) => {
      map.once("render", () => {
        const gl = map.getCanvas();
        const copy = document.createElement("canvas");
        copy.width = gl.width; copy.height = gl.height;
        const g = copy.getContext("2d");
        g.drawImage(gl, 0, 0);
        const { data } = g.getImageData(0, 0, copy.width, copy.height);
        const seen = new Set();
        for (let i = 0; i < data.length; i += 4 * 7) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
        done(seen.size);
      });
      map.triggerRepaint();
    });
    const by = {};
    let sites = 0;
    const counted = new Set();
    for (const f of map.queryRenderedFeatures()) {
      by[f.layer.id] = (by[f.layer.id] ?? 0) + 1;
      if (!/^sites-(cluster|one)$/.test(f.layer.id)) continue;
      const key = f.properties.id ?? JSON.stringify(f.geometry.coordinates);
      if (!counted.has(key)) sites += Number(f.properties.count ?? 1);
      counted.add(key);
    }
    return { colours, layers: by, sites };
  });
}

export async function signIn(v, [name, password]) {
  v.allow.push(/401.*\/api\/v1\/session/);
  await v.go("/desk");
  await v.page.fill("#name", name);
  await v.page.fill("#password", password);
  await v.page.click("main form button[type=submit]");
  await v.page.waitForSelector(".tabs");
}
