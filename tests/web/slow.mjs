// SPDX-License-Identifier: AGPL-3.0-or-later
//
// By hand, not a check: how the map's page comes up on a line of 400 kbit/s with 400 ms from end to end (Chromium's own
// throttling), from an empty cache. Prints one JSON line: milliseconds until the search can be typed in, until a list of
// sites can be opened, and until the map has drawn sites; and the bytes on the wire until each.
//   node tests/web/slow.mjs [ORIGIN] [PATH]
import { startBrowser, visitor } from "./browser.mjs";
import { startServer } from "./stand.mjs";

const own = process.argv[2] ? null : await startServer();
const origin = process.argv[2] ?? own.origin;
const path = process.argv[3] ?? "/";
const browser = await startBrowser();
const results = [];
for (let run = 0; run < 3; run++) {
  const v = await visitor(browser, origin, { size: "phone" });
  v.page.setDefaultTimeout(120_000);
  const cdp = await v.context.newCDPSession(v.page);
  await cdp.send("Network.enable");
  await cdp.send("Network.emulateNetworkConditions", { offline: false, latency: 400, downloadThroughput: 50_000, uploadThroughput: 50_000, connectionType: "cellular3g" });
  let bytes = 0;
  cdp.on("Network.loadingFinished", (e) => { bytes += e.encodedDataLength; });
  const begin = Date.now();
  const mark = () => ({ ms: Date.now() - begin, bytes });
  await v.page.goto(origin + path, { waitUntil: "commit" });
  const out = { run };
  await v.page.waitForSelector("#find, main h1");
  out.usable = mark();
  if (path === "/") {
    await v.page.waitForSelector(".first li button");
    out.list = mark();
    await v.page.waitForFunction(() => {
      const map = document.querySelector("[data-map]")?.map;
      return map?.isStyleLoaded() && map.queryRenderedFeatures().some((f) => f.layer.id.startsWith("sites-"));
    });
    out.map = mark();
  }
  results.push(out);
  console.log(JSON.stringify(out));
  await v.context.close();
}
const median = (name) => results.map((r) => r[name]?.ms).filter(Boolean).sort((a, b) => a - b)[1];
console.log(JSON.stringify({ path, usable_ms: median("usable"), list_ms: median("list"), map_ms: median("map") }));
await browser.close();
await own?.stop();
