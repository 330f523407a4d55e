// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The web app in a real browser against a real server: the map at phone and desk size in English and Arabic, what a reviewer
// sees and the public does not, a report and its receipt, the list by keyboard, and on every page: nothing asked of another
// server, no error on the console, no serious finding of axe. `node web.mjs NAME` runs the checks whose name holds NAME;
// FANE_SHOTS=DIR also writes screenshots.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { axeSource, mapState, signIn, sizes, startBrowser, visitor } from "./browser.mjs";
import { startServer } from "./stand.mjs";

const wanted = process.argv[2] ?? "";
const shots = process.env.FANE_SHOTS;
if (shots) mkdirSync(shots, { recursive: true });
const browser = await startBrowser();
const server = await startServer();
const { origin, users } = server;
let passed = 0, failed = 0;

// Two lanes run side by side; the checks of one lane run in their order, as some build on one before.
const lanes = { map: [], text: [] };
let lane = lanes.map;
function check(name, options, body) {
  if (name.includes(wanted)) lane.push(() => run(name, options, body));
}
async function run(name, options, body) {
  const v = await visitor(browser, origin, options);
  const begin = Date.now();
  try {
    await body(v);
    assert.deepEqual(v.faults, []);
    passed++;
    console.log(`ok   ${name} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
  } catch (e) {
    failed++;
    console.log(`FAIL ${name}\n     ${String(e.message).split("\n").slice(0, 12).join("\n     ")}`);
    for (const fault of v.faults) console.log(`     ${fault}`);
    if (shots) await v.page.screenshot({ path: join(shots, `fail-${name.replace(/\W+/g, "-")}.png`) }).catch(() => {});
  } finally {
    await v.context.close();
  }
}

const shot = async (v, name) => { if (shots) await v.page.screenshot({ path: join(shots, `${name}.png`) }); };
const side = (v, selector) => v.page.locator(selector).first().boundingBox();

// ---- the map ----
for (const [size, language] of [["phone", "ar"], ["desk", "en"]]) {
  check(`map ${size} ${language}`, { size, language }, async (v) => {
    await v.go("/#at=0.6/20/20");
    const state = await mapState(v.page);
    assert.ok(state.colours > 20, `the canvas shows ${state.colours} colours`);
    assert.ok((state.layers["sites-cluster"] ?? 0) > 3, `clusters: ${JSON.stringify(state.layers)}`);
    assert.equal(state.layers["hotspots-fill"] ?? 0, 0, "the public sees no hotspot");
    assert.ok(!v.requests.some((r) => r.includes("/clusters") || r.includes("/tiles/hotspots")), "the public asks for no hotspot");
    assert.equal(await v.page.getAttribute("html", "dir"), language === "ar" ? "rtl" : "ltr");
    const { width } = sizes[size];
    const brand = await side(v, ".brand"), zoom = await side(v, ".maplibregl-ctrl-zoom-in");
    const [first, last] = language === "ar" ? [zoom, brand] : [brand, zoom];
    assert.ok(first.x < width / 2 && last.x > width / 2, `brand at ${brand.x}, zoom at ${zoom.x}`);
    const scroll = await v.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(scroll <= width, `the page is ${scroll} wide`);
    await shot(v, `map-${size}-${language}`);
  });
}

check("map labels: the reader's language, the local name under it, anew when the language changes", { language: "ar" }, async (v) => {
  const drawn = () => v.page.evaluate(() => {
    const { map } = document.querySelector("[data-map]");
    return map.queryRenderedFeatures({ layers: ["sites-one"] }).map((f) => ({ ...f.properties, field: JSON.stringify(f.layer.layout["text-field"]) }));
  });
  await v.go("/#at=11/30.05/31.25");
  await mapState(v.page);
  const site = (await drawn()).find((f) => f.name_ar);
  assert.ok(site && site.name && site.name_ar !== site.name, JSON.stringify(site));
  assert.ok(site.field.includes(site.name_ar) && site.field.includes(site.name), site.field);
  await v.go("/?lang=en#at=11/30.05/31.25");
  await mapState(v.page);
  const again = (await drawn()).find((f) => f.id === site.id);
  assert.ok(again && !again.field.includes(site.name_ar) && again.field.includes(site.name), again?.field);
});

check("map counts every site at the widest zoom", {}, async (v) => {
  await v.go("/#at=0.2/0/0");
  await mapState(v.page);
  const { counted, matched } = await v.page.evaluate(async () => {
    const { matched } = await (await fetch("/api/v1/sites?limit=1")).json();
    const map = document.querySelector("[data-map]").map;
    const tile = map.querySourceFeatures("sites", { sourceLayer: "sites" });
    const seen = new Map(tile.map((f) => [f.properties.id ?? JSON.stringify(f.geometry.coordinates), Number(f.properties.count ?? 1)]));
    return { counted: [...seen.values()].reduce((a, b) => a + b, 0), matched };
  });
  assert.equal(counted, matched);
});

check("map: a cluster opens, a site opens its sheet, the address follows", {}, async (v) => {
  await v.go("/#at=5/41.9/12.5");
  await mapState(v.page);
  const cluster = await v.page.evaluate(() => {
    const map = document.querySelector("[data-map]").map;
    const box = map.getCanvas().getBoundingClientRect();
    const f = map.queryRenderedFeatures({ layers: ["sites-cluster"] })
      .map((c) => map.project(c.geometry.coordinates)).find((p) => p.x > 60 && p.y > 90 && p.x < box.width - 90 && p.y < box.height - 60);
    return f && { x: box.x + f.x, y: box.y + f.y, zoom: map.getZoom() };
  });
  if (cluster) {
    await v.page.mouse.click(cluster.x, cluster.y);
    await v.page.waitForFunction((z) => document.querySelector("[data-map]").map.getZoom() > z + 1, cluster.zoom);
    await v.page.waitForFunction(() => !location.hash.startsWith("#at=5.00/"));
  }
  const id = await v.page.evaluate(async () => (await (await fetch("/api/v1/sites?q=peter&limit=1")).json()).sites[0]);
  await v.go(`/?x#at=14/${id.lat}/${id.lon}`);
  await mapState(v.page);
  const box = await side(v, ".maplibregl-canvas");
  await v.page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await v.page.waitForSelector(".sheetbox .name");
  assert.ok(v.page.url().includes(`site=${id.id}`), v.page.url());
  await shot(v, "map-sheet-desk");
  await v.page.keyboard.press("Escape");
  await v.page.waitForSelector(".sheetbox", { state: "detached" });
});

check("map: filters by faith, and by class with honest numbers", {}, async (v) => {
  await v.go("/#at=1/20/20");
  const all = (await mapState(v.page)).sites;
  await v.page.selectOption("#religion", "sikh");
  await v.page.waitForFunction(() => document.querySelector("[data-map]").map.areTilesLoaded());
  await v.page.waitForFunction((n) => {
    const fs = document.querySelector("[data-map]").map.queryRenderedFeatures({ layers: ["sites-cluster", "sites-one"] });
    return fs.length > 0 && fs.reduce((a, f) => a + Number(f.properties.count ?? 1), 0) < n / 4;
  }, all);
  assert.ok(v.page.url().includes("religion=sikh"));
  await v.page.selectOption("#class", "place_of_worship");
  await v.page.waitForFunction(() => /\d/.test(document.querySelector(".side [role=status]")?.textContent ?? ""));
  const said = await v.page.textContent(".side [role=status]");
  const matched = await v.page.evaluate(async () => (await (await fetch("/api/v1/sites?religion=sikh&class=place_of_worship&limit=1")).json()).matched);
  assert.ok(said.includes(String(matched)), `${said} / ${matched}`);
  // a country comes into view by its own extent
  await v.page.selectOption("#country", "LK");
  await v.page.waitForFunction(() => { const m = document.querySelector("[data-map]").map, c = m.getCenter(); return m.getZoom() > 5 && Math.abs(c.lat - 7.5) < 2 && Math.abs(c.lng - 80.7) < 2; });
});

check("map: sites in view by keyboard", { size: "phone", language: "ar" }, async (v) => {
  await v.go("/#at=12/31.777/35.232");
  await mapState(v.page);
  await v.page.focus(".open-panel");
  await v.page.keyboard.press("Enter");
  await v.page.focus(".side .seen > summary");
  await v.page.keyboard.press("Enter");
  await v.page.waitForSelector(".inview button");
  await v.page.focus(".inview button");
  await v.page.keyboard.press("Enter");
  await v.page.waitForSelector(".sheetbox .name");
  assert.equal(await v.page.evaluate(() => document.activeElement?.className.includes("sheetbox")), true);
  await shot(v, "map-sheet-phone-ar");
});

check("map: dark as the device, light and dark by the switch", { colorScheme: "dark" }, async (v) => {
  await v.go("/#at=1.5/20/20");
  await mapState(v.page);
  const sea = (colour) => v.page.waitForFunction((c) => { const m = document.querySelector("[data-map]").map; return m.isStyleLoaded() && m.getPaintProperty("sea", "background-color") === c; }, colour);
  await sea("#10191f");
  await shot(v, "map-desk-dark");
  await v.page.click(".language");
  await v.page.check("#settings input[value=light]");
  await sea("#dbe6ea");
  await v.page.check("#settings input[value=dark]");
  await sea("#10191f");
  assert.equal(await v.page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(18, 25, 30)");
});

check("map: search as you type, by keyboard alone", { size: "phone" }, async (v) => {
  await v.go("/");
  await v.page.focus("#find");
  await v.page.keyboard.type("sepul", { delay: 40 });
  await v.page.waitForSelector("#find-list [role=option]");
  assert.equal(await v.page.getAttribute("#find", "aria-expanded"), "true");
  await v.page.keyboard.press("ArrowDown");
  const active = await v.page.getAttribute("#find", "aria-activedescendant");
  assert.equal(await v.page.getAttribute(`#${active}`, "aria-selected"), "true");
  assert.equal(await v.page.evaluate(() => document.activeElement.id), "find", "the focus stays in the field");
  await shot(v, "search-phone");
  await v.page.keyboard.press("Enter");
  await v.page.waitForSelector(".sheetbox .name");
  assert.match(await v.page.textContent(".sheetbox .name"), /Sepulchre/);
  await v.page.fill("#find", "zzzz");
  await v.page.waitForSelector(".search .none");
  await v.page.keyboard.press("Escape");
  await v.page.waitForSelector(".search .none", { state: "detached" });
});

check("map: the search asks when typing pauses, and takes back what is stale", {}, async (v) => {
  await v.go("/list");
  await v.page.waitForSelector("tbody tr");
  await v.page.evaluate(() => { const a = document.createElement("a"); a.href = "/"; document.querySelector("main").append(a); a.click(); });
  await v.page.waitForSelector("#find");
  const before = v.requests.length;
  await v.page.focus("#find");
  await v.page.keyboard.type("mosque of", { delay: 20 });
  await v.page.waitForSelector("#find-list [role=option]");
  const asked = v.requests.slice(before).filter((r) => /\/api\/v1\/(search|sites)\?/.test(r));
  assert.ok(asked.length >= 1 && asked.length <= 4, `${asked.length} questions for 9 letters`);
});

check("map: an address holds the whole state", {}, async (v) => {
  await v.go("/");
  const { sites } = await v.page.evaluate(async () => (await fetch("/api/v1/sites?religion=buddhist&country=IN&heritage=1&limit=1")).json());
  assert.ok(sites.length === 1);
  await v.go(`/?p#at=5.00/24.0000/82.0000&religion=buddhist&country=IN&heritage=1&layers=sites,ground&site=${sites[0].id}`);
  await v.page.waitForSelector(".sheetbox .name");
  await mapState(v.page, "found-sites");
  assert.equal(await v.page.inputValue("#religion"), "buddhist");
  assert.equal(await v.page.inputValue("#country"), "IN");
  assert.equal(await v.page.isChecked("#heritage"), true);
  const said = await v.page.textContent(".side .drawn");
  const { matched } = await v.page.evaluate(async () => {
    const b = document.querySelector("[data-map]").map.getBounds();
    return (await fetch(`/api/v1/sites?religion=buddhist&country=IN&heritage=1&limit=1&bbox=${[b.getWest(), b.getSouth(), b.getEast(), b.getNorth()].join()}`)).json();
  });
  assert.ok(said.includes(String(matched)), `${said} / ${matched}`);
  assert.match(v.page.url(), /religion=buddhist&country=IN&heritage=1&layers=sites%2Cground|religion=buddhist&country=IN&heritage=1&layers=sites,ground/);
  await v.page.click(".side button.second");
  await v.page.waitForFunction(() => !/religion|country|heritage/.test(location.hash));
});

check("map: a list works before the map has come", { size: "phone" }, async (v) => {
  v.allow.push(/Failed to load resource/);
  let release;
  const gate = new Promise((open) => { release = open; });
  await v.context.route(/\/assets\/map-[^/]*\.js$/, async (r) => { await gate; await r.continue(); });
  await v.go("/");
  await v.page.waitForSelector(".first li button");
  await shot(v, "first-phone");
  await v.page.click(".first li button");
  await v.page.waitForSelector(".sheetbox .name");
  await v.page.keyboard.press("Escape");
  release();
  await mapState(v.page);
  await v.page.waitForSelector(".first", { state: "detached" });
});

check("map: shared ground as a layer, and its definition", { language: "ar" }, async (v) => {
  await v.go("/#at=13/31.777/35.232&layers=sites,ground");
  await mapState(v.page, "ground-");
  const cell = await v.page.evaluate(() => document.querySelector("[data-map]").map.queryRenderedFeatures({ layers: ["ground-fill"] })[0].properties);
  assert.ok(cell.faiths >= 2 && cell.sites >= cell.faiths && cell.diversity > 0 && cell.diversity < 1, JSON.stringify(cell));
  await shot(v, "ground-desk-ar");
  await v.go("/about#ground");
  await v.page.waitForSelector("#ground");
});

check("embed: the map alone, nothing remembered, no incident asked for", {}, async (v) => {
  await v.go("/embed?theme=dark&lang=fr#at=6/41.9/12.5&layers=sites,ground");
  await mapState(v.page);
  assert.equal(await v.page.locator("header.bar").count(), 0);
  assert.ok(!v.requests.some((r) => /incidents|warnings|session|clusters/.test(r)), v.requests.filter((r) => /incidents|warnings|session/.test(r)).join());
  assert.deepEqual(await v.page.evaluate(async () => [localStorage.length, sessionStorage.length, document.cookie, (await caches.keys()).length]), [0, 0, "", 0]);
  assert.equal(await v.page.evaluate(() => document.querySelector("[data-map]").map.getPaintProperty("sea", "background-color")), "#10191f");
  await shot(v, "embed-desk");
});

// ---- the desk ----
if (server.hotspots) {
  for (const [size, language] of [["phone", "ar"], ["desk", "en"]]) {
    check(`a reviewer sees a hotspot, ${size} ${language}`, { size, language }, async (v) => {
      await signIn(v, users.reviewer);
      const cluster = await v.page.evaluate(async () => (await (await fetch("/api/v1/clusters")).json()).clusters[0]);
      assert.ok(cluster, "the watch found no hotspot");
      await v.page.click("a[href='/desk/hotspots']");
      await v.page.waitForSelector("dl.facts");
      const said = await v.page.textContent("dl.facts");
      // Node.js and the browser may carry different editions of ICU; the page's own is the one that counts.
      const shown = await v.page.evaluate(([l, n]) => new Intl.NumberFormat(l).format(n), [language, cluster.observed]);
      assert.ok(said.includes(shown), said);
      await v.page.click("main a[href^='/#at=']");
      await mapState(v.page, "hotspots-");
      await v.page.waitForFunction(() => document.querySelector("[data-map]").map.queryRenderedFeatures({ layers: ["hotspots-fill"] }).length > 0);
      await shot(v, `hotspot-${size}-${language}`);
    });
  }
  check("a coordinator approves a warning, then the public sees its area", {}, async (v) => {
    await signIn(v, users.coordinator);
    await v.page.click("a[href='/desk/warnings']");
    await v.page.waitForSelector("article.card");
    await shot(v, "desk-warnings");
    await v.page.locator("article.card:has(.mark.unsure) button").first().click();
    await v.page.check("dialog input[value=Public]");
    await v.page.click("dialog button[type=submit]");
    await v.page.waitForSelector("article.card .mark.good");
    const guest = await visitor(browser, origin, { size: "phone" });
    await guest.go("/");
    const [warning] = await guest.page.evaluate(async () => (await (await fetch("/api/v1/warnings")).json()).warnings);
    assert.equal(warning.scope, "Public");
    assert.equal(warning.coarse, true);
    await guest.go(`/?y#at=5/${warning.lat}/${warning.lon}`);
    await mapState(guest.page, "warnings-");
    await guest.page.waitForFunction(() => document.querySelector("[data-map]").map.queryRenderedFeatures({ layers: ["warnings-fill"] }).length > 0);
    assert.deepEqual(guest.faults, []);
    await guest.context.close();
  });
  check("a reviewer cannot decide", {}, async (v) => {
    await signIn(v, users.reviewer);
    await v.page.click("a[href='/desk/warnings']");
    await v.page.waitForSelector("article.card");
    assert.equal(await v.page.locator("article.card button").count(), 0);
  });
}

check("a wrong password is refused beside its field", {}, async (v) => {
  v.allow.push(/401.*session/);
  await v.go("/desk");
  await v.page.fill("#name", users.reviewer[0]);
  await v.page.fill("#password", "not this one");
  await v.page.click("main form button[type=submit]");
  await v.page.waitForSelector("#refused");
});

// ---- reports ----
lane = lanes.text;
let receipt = "";
check("report: sent, receipt shown, small before the map", { size: "phone" }, async (v) => {
  let bytes = 0;
  const counted = [];
  v.page.on("requestfinished", (r) => {
    if (!/\.(js|css)$|\/report$/.test(new URL(r.url()).pathname)) return;
    counted.push(r.sizes().then((s) => { bytes += s.responseBodySize; }));
  });
  await v.go("/report");
  await v.page.waitForSelector("#text");
  await v.page.waitForLoadState("networkidle");
  await Promise.all(counted);
  assert.ok(!v.requests.some((r) => /maplibre|\/map-/.test(r)), "the map was loaded");
  assert.ok(bytes > 1000 && bytes < 60 * 1024, `first load is ${bytes} bytes`);
  console.log(`     first load of the report page without the map: ${bytes} bytes on the wire`);
  const emergency = await side(v, ".emergency"), form = await side(v, "form");
  assert.ok(emergency.y < form.y, "the emergency note stands first");
  await v.page.click("main form button[type=submit]");
  await v.page.waitForSelector("#text-wrong");
  assert.equal(await v.page.evaluate(() => document.activeElement?.id), "text");
  await shot(v, "report");
  await v.page.fill("#text", "A window of the prayer hall was broken during the night. Nobody was hurt.");
  await v.page.selectOption("#kind", "PRP-05");
  await v.page.click("details summary");
  await v.page.fill("#lat", "33,51");
  await v.page.fill("#lon", "36.29");
  await v.page.click("details button");
  await v.page.waitForSelector("[data-place]");
  await v.page.click("main form button[type=submit]");
  receipt = (await v.page.textContent("[data-receipt]")).trim();
  assert.ok(receipt.length >= 16, receipt);
  const kept = await v.page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + location.href);
  assert.ok(!kept.includes(receipt) && !kept.includes("window of the prayer"), "something was kept");
  await shot(v, "report-receipt");
});

check("report: refusals stand beside their field", {}, async (v) => {
  v.allow.push(/40[0-9].*\/reports/);
  await v.context.route("**/api/v1/reports", (r) => r.fulfill({ status: 400, contentType: "application/problem+json",
    body: JSON.stringify({ type: "about:blank", title: "Bad Request", status: 400, detail: "/text: holds what cannot be text" }) }));
  await v.go("/report");
  await v.page.fill("#text", "x");
  await v.page.click("main form button[type=submit]");
  await v.page.waitForSelector("#text-wrong");
  assert.match(await v.page.textContent("#text-wrong"), /cannot be text/);
});

check("report: proof of work is done in the background", {}, async (v) => {
  v.allow.push(/429.*\/reports/);
  const challenge = "a.test.challenge";
  let proof;
  await v.context.route("**/api/v1/reports", async (r) => {
    const body = r.request().postDataJSON();
    if (!body.proof) {
      return r.fulfill({ status: 429, contentType: "application/problem+json", body: JSON.stringify({
        type: "about:blank", title: "Too Many Requests", status: 429, code: "proof-needed", detail: "x",
        proof: { algorithm: "sha-256", challenge, bits: 16, expires_in_s: 300 } }) });
    }
    proof = body.proof;
    delete body.proof;
    return r.continue({ postData: JSON.stringify(body) });
  });
  await v.go("/report");
  await v.page.fill("#text", "Stones were thrown at the gate.");
  await v.page.click("main form button[type=submit]");
  await v.page.waitForSelector("[data-receipt]");
  assert.equal(proof.challenge, challenge);
  assert.equal(createHash("sha256").update(`${challenge}:${proof.nonce}`).digest().readUInt16BE(0), 0);
});

check("report: waits for the line, and keeps nothing unasked", { language: "ar", size: "phone" }, async (v) => {
  v.allow.push(/ERR_INTERNET_DISCONNECTED/);
  await v.go("/report");
  await v.page.waitForSelector("#text");
  await v.page.waitForLoadState("networkidle");
  await v.page.fill("#text", "كُسرت نافذة المصلى ليلًا.");
  assert.equal(await v.page.evaluate(() => localStorage.length), 0);
  await v.page.check("main label.check input");
  assert.ok((await v.page.evaluate(() => localStorage.getItem("fane.report")))?.includes("نافذة"));
  await v.context.setOffline(true);
  await v.page.click("main form button[type=submit]");
  await v.page.waitForSelector(".note.warn");
  await v.context.setOffline(false);
  await v.page.waitForSelector("[data-receipt]");
  assert.equal(await v.page.evaluate(() => localStorage.length), 0, "the draft is erased once it is sent");
});

check("report: the quick exit leaves an empty page", {}, async (v) => {
  await v.go("/report");
  await v.page.fill("#text", "something");
  for (let i = 0; i < 3; i++) await v.page.keyboard.press("Escape");
  await v.page.waitForURL("about:blank");
});

check("status by receipt, which goes nowhere else", {}, async (v) => {
  assert.ok(receipt, "no receipt from the check before");
  await v.go("/status");
  await v.page.fill("#receipt", receipt);
  await v.page.click("main form button[type=submit]");
  await v.page.waitForSelector(".note.good");
  assert.match(await v.page.textContent(".note.good"), /Received/);
  assert.ok(!v.requests.some((r) => r.includes(receipt)), "the receipt stood in an address");
  const kept = await v.page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + location.href + JSON.stringify(history.state));
  assert.ok(!kept.includes(receipt));
  v.allow.push(/40[0-9].*status/);
  await v.page.fill("#receipt", "0000-0000-0000");
  await v.page.click("main form button[type=submit]");
  await v.page.waitForSelector("#receipt-wrong");
});

check("the desk reads the report and takes it into review", {}, async (v) => {
  await signIn(v, users.reviewer);
  const card = v.page.locator("article.card", { hasText: "window of the prayer hall" }).first();
  await card.waitFor();
  await card.locator(".row button").first().click();
  await card.locator(".mark", { hasText: "In review" }).waitFor();
  await shot(v, "desk-reports");
});

// ---- lists and sheets ----
check("list by keyboard", {}, async (v) => {
  await v.go("/list");
  await v.page.waitForSelector("table tbody tr");
  const rows = await v.page.locator("tbody tr").count();
  assert.equal(rows, 50);
  await v.page.focus("#q");
  await v.page.keyboard.type("cathedral");
  await v.page.keyboard.press("Enter");
  await v.page.waitForURL(/q=cathedral/);
  await v.page.waitForFunction(() => [...document.querySelectorAll("tbody tr td:first-child")].every((td) => /cathedral/i.test(td.textContent)));
  for (let i = 0; i < 12 && !(await v.page.evaluate(() => document.activeElement?.matches("tbody a"))); i++) await v.page.keyboard.press("Tab");
  await v.page.keyboard.press("Enter");
  await v.page.waitForURL(/\/site\//);
  await v.page.waitForSelector("h1.name");
  assert.equal(await v.page.evaluate(() => document.activeElement?.id), "main");
  await v.page.click("a[href^='/#at=']");
  await mapState(v.page);
  await v.page.waitForFunction(() => document.querySelector("[data-map]").map.queryRenderedFeatures({ layers: ["chosen-ring"] }).length > 0);
});

check("list pages to its end by cursor", {}, async (v) => {
  await v.go("/list?religion=buddhist");
  await v.page.waitForSelector("tbody tr");
  const matched = await v.page.evaluate(async () => (await (await fetch("/api/v1/sites?religion=buddhist&limit=1")).json()).matched);
  for (let i = 0; i < 20; i++) {
    const more = v.page.locator("main .page > p.row > button");
    if ((await more.count()) === 0) break;
    const rows = await v.page.locator("tbody tr").count();
    await more.click();
    await v.page.waitForFunction((n) => document.querySelectorAll("tbody tr").length > n, rows);
  }
  assert.equal(await v.page.locator("tbody tr").count(), matched);
});

check("site page: names with language and direction, sources, print", { language: "ar", size: "phone" }, async (v) => {
  await v.go("/list?q=sepulchre");
  await v.page.click("tbody a");
  await v.page.waitForSelector("h1.name");
  assert.equal(await v.page.getAttribute("h1.name bdi", "lang"), "ar");
  assert.equal(await v.page.getAttribute("h1.name bdi", "dir"), "rtl");
  assert.equal(await v.page.locator(".other bdi[lang=en]").count(), 1);
  await v.page.waitForSelector("svg.locator");
  assert.ok((await v.page.locator(".source").count()) >= 1);
  await shot(v, "site-phone-ar");
  await v.page.emulateMedia({ media: "print" });
  assert.equal(await v.page.locator("header.bar").isVisible(), false);
});

check("site page: pictures with credit and licence, from this server alone", { size: "phone" }, async (v) => {
  await v.go("/list?q=sepulchre");
  await v.page.click("tbody a");
  await v.page.waitForSelector("h1.name");
  const image = v.page.locator(".pictures img").first();
  await v.page.waitForFunction(() => document.querySelector(".pictures img")?.naturalWidth > 0);
  assert.equal(await v.page.locator(".pictures img").count(), 2);
  assert.equal(await image.getAttribute("alt"), "A square of colours");
  assert.equal(await image.getAttribute("lang"), "en");
  const said = (await v.page.locator(".pictures figcaption").first().textContent()).replace(/\s+/g, " ");
  assert.match(said, /A square of colours · A\. Photographer · CC-BY-SA-4\.0 · source/);
  assert.equal(await v.page.locator(".pictures a[rel~=license]").first().getAttribute("href"), "https://creativecommons.org/licenses/by-sa/4.0/");
  const [name, picture, facts] = await v.page.evaluate(() => ["h1", ".pictures", "dl.facts"].map((q) => document.querySelector(`.sheet ${q}`).getBoundingClientRect().y));
  assert.ok(name < picture && picture < facts);
  assert.ok(v.requests.some((r) => /\/api\/v1\/pictures\/[0-9a-f-]{36}\/(small|whole)\.jpg$/.test(r)));
  await shot(v, "pictures-phone-en");
});

check("site page: age in words of six languages", {}, async (v) => {
  await v.go("/list?q=basilica");
  await v.page.click("tbody a");
  await v.page.waitForSelector("h1.name");
  const address = new URL(v.page.url()).pathname, year = new Date().getUTCFullYear();
  let dated = {};
  await v.page.route(/\/api\/v1\/sites\/[0-9a-f-]{36}$/, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), ...dated } });
  });
  const said = async (language, from, to, about = false) => {
    dated = { start_earliest: from, start_latest: to, start_about: about };
    await v.go(`${address}?lang=${language}`);
    await v.page.waitForSelector("h1.name");
    const age = v.page.locator("dd.age");
    return (await age.count()) ? (await age.textContent()).replace(/\s+/g, " ").trim() : null;
  };
  for (const [from, to, about, text] of [
    [1488, 1488, false, `1488 · ${year - 1488} years old`], [1101, 1200, false, `12th century · more than ${Math.floor((year - 1200) / 10) * 10} years old`],
    [1201, 1400, false, /^13th century – 14th century · more than/], [1850, 1859, false, /^the 1850s · more than/],
    [1163, 1345, false, /^1163 – 1345 · more than 6\d0 years old$/], [-479, -479, false, `480 BCE · ${(year + 479).toLocaleString("en")} years old`],
    [-299, -200, false, /^3rd century BCE · more than/], [null, 1499, false, /^before 1500 · more than/], [1883, null, false, "after 1882"],
    [1250, 1250, true, /^about 1250 · more than/], [null, null, false, null]]) {
    const got = await said("en", from, to, about);
    if (text instanceof RegExp) assert.match(got, text);
    else assert.equal(got, text);
  }
  for (const [language, text] of [["fr", /^XIIe siècle · plus de/], ["ru", /^XII век · больше/], ["es", /^siglo XII · más de/], ["zh", /^12 世纪 · .*多年历史$/], ["ar", /^القرن .* · عمره أكثر من .* سنة$/]])
    assert.match(await said(language, 1101, 1200), text);
  await v.page.unroute(/\/api\/v1\/sites\/[0-9a-f-]{36}$/);
});

check("site page: significance first, shared ground and its measure, QR code", {}, async (v) => {
  await v.go("/list?q=aqsa");
  await v.page.click("tbody a");
  await v.page.waitForSelector("h1.name");
  const sheet = await v.page.evaluate(async () => (await fetch(`/api/v1/sites/${location.pathname.split("/").pop()}`)).json());
  const said = await v.page.textContent(".sheet");
  assert.ok(!sheet.note || said.includes(sheet.note), "the note stands on the sheet");
  if (sheet.shared_ground) {
    const value = await v.page.evaluate((n) => new Intl.NumberFormat("en", { maximumSignificantDigits: 2 }).format(n), sheet.shared_ground.diversity);
    assert.ok(said.includes(`Diversity ${value}`) && said.includes("Gini"), said.slice(0, 400));
  }
  await v.page.waitForFunction(() => document.querySelector(".sheet figure img[src$='qr.svg']")?.naturalWidth > 0);
  const order = await v.page.evaluate(() => ["h1", ".kind", "dl.facts", "figure img[src$='qr.svg']"].map((q) => document.querySelector(`.sheet ${q}`).getBoundingClientRect().y));
  assert.deepEqual(order, [...order].sort((a, b) => a - b));
  await shot(v, "site-desk-en");
});

check("suggestion: sent without an account, receipt, decided at the desk", { size: "phone" }, async (v) => {
  v.allow.push(/40[14].*(session|status|suggestions)/);
  await v.go("/list?q=sepulchre");
  await v.page.click("tbody a");
  await v.page.click("a[href^='/suggest']");
  await v.page.waitForFunction(() => document.querySelector("#name")?.value.length > 3);
  await v.page.click("main form button[type=submit]");
  await v.page.waitForSelector("#text-wrong");
  await v.page.fill("#name", "Church of the Holy Sepulchre (Anastasis)");
  await v.page.fill("#text", "Both names are on the sign at the door.");
  await shot(v, "suggest-phone");
  await v.page.click("main form button[type=submit]");
  if (!server.has.suggestions) { await v.page.waitForSelector("[role=alert]"); return; }
  const given = (await v.page.textContent("[data-receipt]")).trim();
  assert.ok(!v.page.url().includes(given));
  await v.go("/status");
  await v.page.fill("#receipt", given);
  await v.page.click("main form button[type=submit]");
  await v.page.waitForSelector(".note.good");
  await signIn(v, users.reviewer);
  await v.go("/desk/suggestions");
  const card = v.page.locator("article.card", { hasText: "Anastasis" }).first();
  await card.waitFor();
  await shot(v, "desk-suggestions");
  await card.locator(".row button").first().click();
  await v.page.click("dialog[open] button[type=submit]");
  await card.waitFor({ state: "detached" });
});

if (server.has.joins) {
  check("two records side by side are joined and taken apart", {}, async (v) => {
    await signIn(v, users.reviewer);
    await v.go("/desk/joins");
    const { joins } = await v.page.evaluate(async () => (await fetch("/api/v1/joins?state=open")).json());
    if (joins.length === 0) { // the seed alone has no doubtful pair
      await v.page.getByText("Nothing waits here.").waitFor();
      return;
    }
    const card = v.page.locator("article.card").first();
    await card.waitFor();
    assert.equal(await card.locator("table.pair thead th").count(), 2);
    await shot(v, "desk-joins");
    await card.locator(".row button").first().click();
    await v.page.click("dialog[open] button[type=submit]");
    await v.page.waitForSelector("#question-wrong");
    await v.page.fill("#question-reason", "The same church, seen on the spot.");
    await v.page.click("dialog[open] button[type=submit]");
    await v.page.waitForSelector("dialog[open]", { state: "detached" });
    await v.page.check("input[value=joined]");
    await v.page.locator("article.card .row button").first().click();
    await v.page.fill("#question-reason", "They are two after all.");
    await v.page.click("dialog[open] button[type=submit]");
    await v.page.waitForSelector("dialog[open]", { state: "detached" });
  });
}

if (server.has.visibility) {
  check("a site is hidden at once, and the review stands in the queue", {}, async (v) => {
    await signIn(v, users.coordinator);
    const one = await v.page.evaluate(async () => (await (await fetch("/api/v1/sites?religion=jain&limit=1")).json()).sites[0]);
    await v.page.evaluate((path) => { const a = document.createElement("a"); a.href = path; document.querySelector("main").append(a); a.click(); }, `/site/${one.id}`);
    await v.page.click("button.alarm");
    await v.page.fill("#question-reason", "The community asked for it.");
    await shot(v, "hide-desk");
    v.allow.push(/404.*\/api\/v1\/sites/);
    await v.page.click("dialog[open] button[type=submit]");
    await v.page.waitForSelector("dialog[open]", { state: "detached" });
    const guest = await visitor(browser, origin, {});
    guest.allow.push(/404/);
    await guest.go("/about");
    assert.equal(await guest.page.evaluate(async (id) => (await fetch(`/api/v1/sites/${id}`)).status, one.id), 404);
    await guest.context.close();
    await v.go("/desk/visibility");
    await v.page.locator("article.card", { hasText: "The community asked for it." }).waitFor();
    await shot(v, "desk-visibility");
  });
}

check("offline: a copy only for who asked, and it works without a line", {}, async (v) => {
  v.allow.push(/ERR_INTERNET_DISCONNECTED|ERR_FAILED|Failed to fetch/);
  await v.go("/about");
  await v.page.waitForLoadState("networkidle");
  assert.equal(await v.page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length), 0);
  await v.page.click(".language");
  await v.page.check("#settings > label input");
  await v.page.waitForFunction(async () => (await navigator.serviceWorker.getRegistrations())[0]?.active && (await caches.keys()).some((k) => k.startsWith("fane-files-")));
  await v.page.waitForFunction(() => navigator.serviceWorker.controller);
  await v.go("/report");
  await v.page.waitForSelector("#text");
  const kept = await v.page.evaluate(async () => (await Promise.all((await caches.keys()).map(async (k) => (await (await caches.open(k)).keys()).map((r) => new URL(r.url).pathname)))).flat());
  assert.ok(!kept.some((p) => p.startsWith("/api/") && p !== "/api/v1/vocab"), kept.join());
  await v.context.setOffline(true);
  await v.page.reload();
  await v.page.waitForSelector("#text");
  await v.page.click(".language");
  await v.page.uncheck("#settings > label input");
  await v.page.waitForFunction(async () => (await caches.keys()).length === 0 && (await navigator.serviceWorker.getRegistrations()).length === 0);
});

check("incidents: the public sees verified ones only", { language: "ar" }, async (v) => {
  await v.go("/incidents");
  await v.page.waitForSelector("article.card");
  const codes = await v.page.evaluate(async () => (await (await fetch("/api/v1/incidents?limit=500")).json()).incidents.map((i) => [i.verification, i.coarse]));
  assert.ok(codes.length > 0 && codes.every(([code, coarse]) => /^V[34]$/.test(code) && coarse === true), JSON.stringify(codes.slice(0, 3)));
});

check("language: switches in place, both ways", {}, async (v) => {
  await v.go("/about");
  const heading = await v.page.textContent("h1");
  await v.page.click(".language");
  await v.page.check("#settings input[value=ar]");
  await v.page.waitForFunction(() => document.documentElement.dir === "rtl");
  assert.notEqual(await v.page.textContent("h1"), heading);
  assert.ok((await v.page.textContent("#settings")).includes("آلية"), "the menu says that a machine translated");
  await v.page.check("#settings input[value=en]");
  await v.page.waitForFunction(() => document.documentElement.dir === "ltr");
  assert.equal(await v.page.textContent("h1"), heading);
});

// ---- every page: axe ----
const site = await (async () => {
  const { sites } = await (await fetch(`${origin}/api/v1/sites?q=jerusalem&limit=1`)).json();
  return sites[0]?.id ?? (await (await fetch(`${origin}/api/v1/sites?limit=1`)).json()).sites[0].id;
})();
const everyRule = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
async function axe(v, where, rules = everyRule) {
  if (rules === everyRule) await v.page.evaluate(axeSource());
  const found = await v.page.evaluate((runOnly) => globalThis.axe.run(document, { runOnly }), rules);
  assert.deepEqual(found.violations.map((x) => `${where} ${x.id}: ${x.nodes.slice(0, 3).map((n) => `${n.target.join(" ")} ${n.any[0]?.message ?? ""}`).join(" | ")}`), []);
}
const nameOf = (path) => path.split(/[/?#]/)[1] || "map";
const pages = ["/", `/site/${site}`, "/list", "/incidents", "/report", `/suggest?site=${site}`, "/status", "/desk", "/about", "/embed", "/nowhere"];
// one visitor walks all pages: the browser keeps what it compiled
for (const [size, language, colorScheme] of [["phone", "ar", "light"], ["desk", "en", "dark"]]) {
  check(`axe every page, ${size} ${language}`, { size, language, colorScheme }, async (v) => {
    v.allow.push(/401.*session/);
    for (const path of pages) {
      await v.go(path);
      if (path === "/") await mapState(v.page);
      await v.page.waitForLoadState("networkidle");
      await v.page.waitForSelector("h1");
      await axe(v, path);
      if (language === "en") { // axe measures the contrast of Latin letters only, so both grounds are tried in English
        await v.page.emulateMedia({ colorScheme: "light" });
        await axe(v, `${path} (light)`, ["color-contrast"]);
        await v.page.emulateMedia({ colorScheme });
      }
      await shot(v, `page-${nameOf(path)}-${size}-${language}`);
    }
  });
}
check("axe desk, every part", { language: "ar" }, async (v) => {
  await signIn(v, users.coordinator);
  for (const tab of ["reports", "incidents", "hotspots", "warnings", "suggestions", "joins", "visibility"]) {
    await v.page.click(`a[href='/desk/${tab}']`);
    await v.page.waitForLoadState("networkidle");
    await axe(v, tab);
    await shot(v, `desk-${tab}-ar`);
  }
});

// ---- by request: every page in every language, at both widths, light and dark ----
if (process.env.FANE_WEB_MATRIX) {
  let n = 0;
  for (const language of ["ar", "zh", "en", "fr", "ru", "es"]) {
    for (const size of ["phone", "desk"]) {
      for (const colorScheme of ["light", "dark"]) {
        for (const path of [...pages, `/#at=12/31.777/35.232&layers=sites,ground&site=${site}`]) {
          const name = `matrix ${language} ${size} ${colorScheme} ${path.includes("#") ? "sheet" : nameOf(path)}`;
          lane = Object.values(lanes)[n++ % 2];
          check(name, { language, size, colorScheme }, async (v) => {
            v.allow.push(/401.*session/);
            await v.go(path);
            if (/^\/($|#|embed)/.test(path)) await mapState(v.page);
            await v.page.waitForLoadState("networkidle");
            await v.page.waitForSelector("h1");
            assert.equal(await v.page.getAttribute("html", "lang"), language);
            const scroll = await v.page.evaluate(() => document.documentElement.scrollWidth);
            assert.ok(scroll <= sizes[size].width, `the page is ${scroll} wide`);
            await axe(v, path);
            await shot(v, name.replaceAll(" ", "-"));
          });
        }
      }
    }
  }
}

await Promise.all(Object.values(lanes).map(async (jobs) => { for (const job of jobs) await job(); }));
await browser.close();
if (failed && server.log()) console.log(server.log().split("\n").slice(-15).join("\n"));
await server.stop();
console.log(`web: ${passed} passed, ${failed} failed (${server.real ? "fane serve" : "stand-in server"}, node ${process.version})`);
process.exit(failed ? 1 : 0);
