// SPDX-License-Identifier: AGPL-3.0-or-later
//
// A stand-in for `fane serve` where the binary has not been built: the web tests run against either. It answers in the
// shapes of the HTTP API from data/seed and data/vocab, makes vector tiles of its own, and sends the strictest content
// security policy the app can live with. It keeps nothing and checks little: it is no reference for the server.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { readFileSync, existsSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const dist = process.env.FANE_DIST ?? join(root, "web", "dist");
const require = createRequire(join(root, "web", "package.json"));
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
  ".json": "application/json", ".geojson": "application/geo+json", ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json" };
const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
  "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

function csv(path) {
  const text = readFileSync(path, "utf8");
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
    else if (c === "\n") { row.push(field); rows.push(row); row = []; field = ""; }
    else field += c;
  }
  const [head, ...body] = rows;
  return body.map((r) => Object.fromEntries(head.map((h, i) => [h.trim(), (r[i] ?? "").trim()])));
}

function uuidOf(text) {
  const h = createHash("sha256").update(text).digest("hex");
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-8${h.slice(17, 20)}-${h.slice(20, 32)}`;
}

const vocabOf = (name) => JSON.parse(readFileSync(join(root, "data", "vocab", `${name}.json`), "utf8"));
const labels = (name) => Object.fromEntries(vocabOf(name).entries.map((e) => [e.code, e.labels]));
const kinds = new Map(vocabOf("site-kinds").entries.map((e) => [e.code, e]));
const vocab = { religions: labels("religions"), site_kinds: labels("site-kinds"), incident_types: labels("incident-types"),
  verification: labels("verification"), severity: labels("severity") };

/** Of the two plainest forms of start_date; the server knows them all. */
const started = (text) => {
  const years = /^(\d{3,4})(?:\.\.(\d{4}))?$/.exec(text), century = /^C(\d+)$/.exec(text);
  const [from, to] = years ? [Number(years[1]), Number(years[2] ?? years[1])] : century ? [100 * century[1] - 99, 100 * century[1]] : [null, null];
  return { start_date: from === null ? "" : text, start_earliest: from, start_latest: to, start_about: false };
};

const sites = csv(join(root, "data", "seed", "sites.csv")).map((r) => ({
  slug: r.id, source: r.source, note: r.note,
  json: {
    id: uuidOf(r.id), code: "7K3M-Q2ZD-5", name: r.name_local || r.name_en,
    names: { en: r.name_en, ...(r.name_local && r.lang_local ? { [r.lang_local]: r.name_local } : {}) },
    religion: r.religion, denomination: r.denomination, kind: r.kind, class: kinds.get(r.kind)?.class ?? "other",
    lat: Number(r.lat), lon: Number(r.lon), precision_m: Number(r.precision_m), coarse: false,
    country: r.country, admin1: "", disputed: r.disputed === "yes", heritage: "", whs_year: r.whs_year ? Number(r.whs_year) : null,
    ...started(r.start_date), wikidata: r.wikidata, status: "active", unverified: r.source_read !== "yes", synthetic: false,
  },
}));
const picturesOf = (slug) => slug !== "church-of-the-holy-sepulchre" ? [] : ["a", "b"].map((n) => ({
  id: uuidOf(`picture-${n}`), url: `/api/v1/pictures/${uuidOf(n)}/whole.jpg`, width: 16, height: 12, small_url: `/api/v1/pictures/${uuidOf(n)}/small.jpg`,
  small_width: 16, small_height: 12, licence: "CC-BY-SA-4.0", licence_url: "https://creativecommons.org/licenses/by-sa/4.0/", credit: "A. Photographer",
  source: "https://commons.example/x", alt: "A square of colours", alt_lang: "en" }));
const bySlug = new Map(sites.map((s) => [s.slug, s.json]));
const incidents = csv(join(root, "data", "seed", "incidents.csv")).map((r) => ({
  id: uuidOf(r.id), code: "4F9A-H2TC-1", title: r.title, date: r.date, date_precision: r.date_precision, type: r.type,
  method: r.method, target: r.target, bias: r.bias, severity: r.severity, verification: r.verification,
  lat: Math.round(Number(r.lat) * 10) / 10, lon: Math.round(Number(r.lon) * 10) / 10, precision: r.precision, coarse: true,
  country: r.country, place: r.place, killed: r.killed ? Number(r.killed) : null, injured: r.injured ? Number(r.injured) : null,
  source: r.source, source_read: r.source_read === "yes", unverified: r.source_read !== "yes", context: false,
  sites: r.site_id ? [{ id: uuidOf(r.site_id), name: bySlug.get(r.site_id)?.name ?? "", score: 0.93, reasons: ["named in the record"] }] : [],
}));
const run = { id: randomUUID(), as_of: "2017-06-30", seed: 42, replications: 999, inputs_hash: "9d1c".repeat(16), method: "space-time permutation, prospective" };
const clusters = [{ id: uuidOf("cluster"), lat: 33.51, lon: 36.3, radius_km: 120, start: "2017-05-02", end: "2017-06-30", observed: 48,
  expected: 17.3, statistic: 18.6, p: 0.001, recurrence_days: 365000, members: 31, run, warning: uuidOf("warning") }];
const warnings = [{ id: uuidOf("warning"), code: "9XQ2-M4KD-7", state: "draft", status: "Exercise", scope: null,
  headline: "More recorded events than expected", lat: 33.5, lon: 36.5, radius_km: 150, coarse: true,
  created: "2026-01-15T10:00:00Z", decided_by: null, reason: null, cap: null }];

const miles = (a, b) => Math.hypot((a.lat - b.lat) * 111320, (a.lon - b.lon) * 111320 * Math.cos((a.lat * Math.PI) / 180));
const world = (p) => {
  const s = Math.sin((p.lat * Math.PI) / 180);
  return [(p.lon + 180) / 360, 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)];
};

/** One tile of a layer: points grouped on a grid of 64 pixels up to zoom 8, singly from there. */
function features(points, z, x, y, props) {
  const n = 2 ** z;
  const cells = new Map();
  for (const p of points) {
    const [wx, wy] = world(p);
    const tx = wx * n - x, ty = wy * n - y;
    if (tx < 0 || tx >= 1 || ty < 0 || ty >= 1) continue;
    const key = z < 8 ? `${Math.floor(tx * 8)}/${Math.floor(ty * 8)}` : p.id;
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push({ p, at: [Math.round(tx * 4096), Math.round(ty * 4096)] });
  }
  return [...cells.values()].map((group) => ({
    type: 1, geometry: [group[0].at], tags: group.length > 1 ? { count: group.length } : { ...props(group[0].p), count: 1 },
  }));
}

/** Cells of zoom 15 (of tile zoom + 5 further out) in which two religions stand. */
function squares(z, x, y) {
  const zoom = Math.min(15, z + 5), n = 2 ** zoom, per = 2 ** (zoom - z), side = 4096 / per;
  const cells = new Map();
  for (const { json: s } of sites) {
    const [wx, wy] = world(s);
    const cx = Math.floor(wx * n), cy = Math.floor(wy * n);
    if (Math.floor(cx / per) !== x || Math.floor(cy / per) !== y) continue;
    const key = `${cx}/${cy}`;
    if (!cells.has(key)) cells.set(key, { cx: (cx % per) * side, cy: (cy % per) * side, all: [] });
    cells.get(key).all.push(s.religion);
  }
  return [...cells.values()].filter((c) => new Set(c.all).size > 1).map(({ cx, cy, all }) => ({
    type: 3, geometry: [[[cx, cy], [cx + side, cy], [cx + side, cy + side], [cx, cy + side], [cx, cy]]],
    tags: { faiths: new Set(all).size, sites: all.length, places: 1,
      diversity: 1 - [...new Set(all)].reduce((a, r) => a + (all.filter((v) => v === r).length / all.length) ** 2, 0) },
  }));
}

export async function startMock() {
  const vtpbf = await import(require.resolve("@maplibre/vt-pbf"));
  const encode = (layers) => Buffer.from(vtpbf.fromGeojsonVt(layers, { version: 2, extent: 4096 }));
  const users = { rita: { role: "reviewer", password: "a reviewer's password" }, cora: { role: "coordinator", password: "a coordinator's password" } };
  const sessions = new Map();
  const reports = [], suggestions = [];
  const hidden = new Map();
  const joins = [{ id: uuidOf("join"), state: "open", score: 0.71, reasons: [{ what: "distance", value: 42, weight: 3.1 }, { what: "names", value: 0.83, weight: 5.2 }], distance_m: 42, a: sites[0].json, b: { ...sites[1].json, denomination: "catholic" } }];
  const shown = () => sites.map((s) => s.json).filter((s) => !hidden.has(s.id));

  const server = createServer(async (req, res) => {
    const url = new URL(req.url, "http://localhost");
    const path = decodeURIComponent(url.pathname);
    const q = url.searchParams;
    const who = sessions.get(/fane_session=([^;]+)/.exec(req.headers.cookie ?? "")?.[1]);
    const reviewer = who !== undefined;
    const send = (status, type, body, more = {}) => {
      const packed = gzipSync(body);
      res.writeHead(status, { "content-type": type, "content-encoding": "gzip", "content-security-policy": policy, "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff", ...more });
      res.end(packed);
    };
    const json = (status, value, more) => send(status, "application/json", JSON.stringify(value), more);
    const problem = (status, detail, more = {}) => send(status, "application/problem+json", JSON.stringify({ type: "about:blank", title: String(status), status, detail, ...more }));
    const page = (list, key) => {
      const limit = Math.min(1000, Number(q.get("limit") ?? 50)), from = Number(q.get("cursor") ?? 0);
      return json(200, { [key]: list.slice(from, from + limit), next: from + limit < list.length ? String(from + limit) : null, matched: list.length });
    };
    const inBox = (p) => {
      const [w, s, e, n] = (q.get("bbox") ?? "-180,-90,180,90").split(",").map(Number);
      return p.lat >= s && p.lat <= n && (w <= e ? p.lon >= w && p.lon <= e : p.lon >= w || p.lon <= e);
    };
    let body = {};
    if (req.method === "POST") {
      const chunks = [];
      for await (const c of req) chunks.push(c);
      try { body = JSON.parse(Buffer.concat(chunks).toString("utf8") || "{}"); } catch { return problem(400, "not JSON"); }
    }
    const seen = incidents.filter((i) => reviewer || /^V[34]$/.test(i.verification));
    let m;

    if (path === "/healthz") return json(200, { status: "ok" });
    if (path === "/api/v1/vocab") return json(200, vocab);
    if (path === "/api/v1/sites") {
      const text = (q.get("q") ?? "").toLowerCase();
      return page(shown().filter((s) => (q.get("heritage") !== "1" || s.whs_year !== null) && inBox(s) && ["religion", "kind", "class", "country"].every((k) => !q.get(k) || s[k] === q.get(k)) &&
        (!text || Object.values(s.names).some((v) => v.toLowerCase().includes(text)))), "sites");
    }
    if (path === "/api/v1/search") {
      const text = (q.get("q") ?? "").toLowerCase();
      const hits = shown().flatMap((s) => Object.values(s.names).filter((v) => v.toLowerCase().includes(text)).slice(0, 1).map((matched) => ({ ...s, matched, score: 1 })));
      return json(200, { hits: hits.slice(0, Number(q.get("limit") ?? 10)) });
    }
    if ((m = /^\/api\/v1\/sites\/([^/]+)\/qr\.svg$/.exec(path))) {
      return send(200, types[".svg"], '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 29 29"><rect width="29" height="29" fill="#fff"/><path d="M4 4h7v7h-7z"/></svg>');
    }
    if ((m = /^\/api\/v1\/sites\/([^/]+)\/(hide|visibility)$/.exec(path))) {
      if (who?.role !== "coordinator" || req.headers["x-csrf-token"] !== who.csrf) return problem(403, "This needs the role coordinator.");
      const { id, code, name } = sites.find((s) => s.json.id === m[1])?.json ?? {};
      if (!id) return problem(404, "There is nothing under this address.");
      hidden.set(id, { id: uuidOf(id), site: { id, code, name }, why: "narrowed", visibility: body.visibility ?? "hidden", precision_m: null,
        before: { visibility: "public", precision_m: null }, asked_by: who.name, asked_reason: body.reason, opened: new Date().toISOString() });
      return json(200, { id });
    }
    if (path === "/api/v1/visibility/reviews") return reviewer ? page([...hidden.values()], "reviews") : problem(401, "Sign in to do this.");
    if ((m = /^\/api\/v1\/visibility\/reviews\/([^/]+)\/decide$/.exec(path))) {
      for (const [site, r] of hidden) if (r.id === m[1]) hidden.delete(site);
      return json(200, { id: m[1] });
    }
    if ((m = /^\/api\/v1\/sites\/(.+)$/.exec(path))) {
      const found = sites.find((s) => s.json.id === m[1] && !hidden.has(m[1]));
      if (!found) return problem(404, "There is nothing under this address.");
      const near = sites.map((s) => s.json).filter((s) => s.religion !== found.json.religion)
        .map((s) => ({ id: s.id, name: s.name, religion: s.religion, kind: s.kind, distance_m: Math.round(miles(s, found.json)) }))
        .filter((s) => s.distance_m <= 2000).sort((a, b) => a.distance_m - b.distance_m).slice(0, 12);
      const round = shown().filter((s) => miles(s, found.json) <= 1000);
      const counts = [...new Set(round.map((s) => s.religion))].map((r) => round.filter((s) => s.religion === r).length);
      const ground = { sites: round.length, faiths: counts.length, diversity: 1 - counts.reduce((a, c) => a + (c / round.length) ** 2, 0), radius_m: 1000 };
      return json(200, { ...found.json, note: found.note, shared_ground: ground, footprint: null, pictures: picturesOf(found.slug), neighbours: near, incidents: seen.filter((i) => i.sites.some((s) => s.id === m[1])),
        sources: [{ source: "fane-seed", licence: "CC0-1.0", release: "1", external_id: found.slug, imported: "2026-01-02T00:00:00Z", text: found.source }] });
    }
    if (/^\/api\/v1\/pictures\/[0-9a-f-]{36}\/(whole|small)\.jpg$/.test(path)) return send(200, "image/jpeg", readFileSync(join(root, "fuzz", "corpus", "picture", "plain.jpg")));
    if (path === "/api/v1/incidents") {
      return page(seen.filter((i) => q.get("context") !== "1" && inBox(i) && (!q.get("type") || i.type === q.get("type")) &&
        (!q.get("since") || i.date >= q.get("since")) && (!q.get("until") || i.date <= q.get("until"))).sort((a, b) => (a.date < b.date ? 1 : -1)), "incidents");
    }
    if (path === "/api/v1/warnings") return json(200, { warnings: warnings.filter((w) => reviewer || (w.state === "approved" && w.scope === "Public")) });
    if ((m = /^\/api\/v1\/warnings\/([^/]+)\/(approve|reject)$/.exec(path))) {
      if (who?.role !== "coordinator" || req.headers["x-csrf-token"] !== who.csrf) return problem(403, "This needs the role coordinator.");
      const w = warnings.find((v) => v.id === m[1]);
      if (!w) return problem(404, "There is nothing under this address.");
      Object.assign(w, { state: m[2] === "approve" ? "approved" : "rejected", scope: body.scope ?? null, reason: body.reason ?? "", decided_by: who.name,
        cap: m[2] === "approve" ? `/alerts/${w.id}.xml` : null });
      return json(200, w);
    }
    if (path === "/api/v1/clusters") return reviewer ? json(200, { clusters }) : problem(401, "Sign in to do this.");
    if (path === "/api/v1/watch/run") return reviewer ? json(200, { run }) : problem(401, "Sign in to do this.");
    if (path === "/api/v1/session") {
      if (req.method === "GET") return who ? json(200, { account: who.name, role: who.role, csrf: who.csrf }) : problem(401, "Nobody is signed in.");
      if (req.method === "DELETE") { sessions.clear(); res.writeHead(204); return res.end(); }
      const user = users[body.name];
      if (!user || user.password !== body.password) return problem(401, "Account and password do not fit.");
      const token = randomBytes(16).toString("hex");
      const session = { name: body.name, role: user.role, csrf: randomBytes(16).toString("hex") };
      sessions.set(token, session);
      return json(200, { account: body.name, role: user.role, csrf: session.csrf }, { "set-cookie": `fane_session=${token}; Path=/; HttpOnly; SameSite=Strict` });
    }
    if (path === "/api/v1/reports" && req.method === "POST") {
      const receipt = randomBytes(16).toString("hex").toUpperCase().replace(/(.{4})(?=.)/g, "$1-");
      reports.unshift({ receipt, id: randomUUID(), state: "received", received: new Date().toISOString(), updated: new Date().toISOString(), ...body });
      return json(201, { receipt });
    }
    if (path === "/api/v1/suggestions" && req.method === "POST") {
      const receipt = randomBytes(16).toString("hex").toUpperCase().replace(/(.{4})(?=.)/g, "$1-");
      suggestions.push({ receipt, id: randomUUID(), state: "received", received: new Date().toISOString(), urgent: body.changes?.hide === true, erased: false, ...body,
        missing: !body.site, site: sites.find((s) => s.json.id === body.site)?.json ?? null });
      return json(201, { receipt });
    }
    if (path === "/api/v1/suggestions") {
      return reviewer ? page(suggestions.filter((s) => s.state === "received").map(({ receipt: _, ...s }) => s), "suggestions") : problem(401, "Sign in to do this.");
    }
    if ((m = /^\/api\/v1\/suggestions\/([^/]+)\/decide$/.exec(path))) {
      const found = suggestions.find((s) => s.id === m[1]);
      if (!reviewer || !found) return problem(reviewer ? 404 : 401, "There is nothing under this address.");
      found.state = body.accept ? "accepted" : "rejected";
      return json(200, { id: found.id, state: found.state });
    }
    if (path === "/api/v1/countries") return reviewer ? json(200, { unpublished: [] }) : problem(401, "Sign in to do this.");
    if (path === "/api/v1/joins") return reviewer ? page(joins.filter((p) => p.state === (q.get("state") ?? "open")), "joins") : problem(401, "Sign in to do this.");
    if ((m = /^\/api\/v1\/joins\/([^/]+)\/(decide|undo)$/.exec(path))) {
      const found = joins.find((p) => p.id === m[1]);
      if (!reviewer || !found) return problem(reviewer ? 404 : 401, "There is nothing under this address.");
      found.state = m[2] === "undo" ? "open" : body.same ? "joined" : "separate";
      return json(200, { id: found.id, state: found.state });
    }
    if (path === "/api/v1/reports/status" || path === "/api/v1/suggestions/status") {
      const found = (path.includes("reports") ? reports : suggestions).find((r) => r.receipt === body.receipt);
      return found ? json(200, { state: found.state, updated: found.updated }) : problem(404, "No report has this receipt.");
    }
    if (path === "/api/v1/reports") return reviewer ? page(reports.map(({ receipt: _, ...r }) => r), "reports") : problem(401, "Sign in to do this.");
    if ((m = /^\/api\/v1\/reports\/([^/]+)\/review$/.exec(path))) {
      const found = reports.find((r) => r.id === m[1]);
      if (!reviewer || !found) return problem(reviewer ? 404 : 401, "There is nothing under this address.");
      found.state = body.state;
      return json(200, { id: found.id, state: found.state });
    }
    if ((m = /^\/tiles\/(\w+)\.json$/.exec(path))) return json(200, { tilejson: "3.0.0", tiles: [], attribution: m[1] === "sites" ? "Fane seed data (CC0 1.0)" : "" });
    if ((m = /^\/tiles\/(\w+)\/(\d+)\/(\d+)\/(\d+)\.mvt$/.exec(path))) {
      const [z, x, y] = m.slice(2).map(Number);
      const layers = m[1] === "sites"
        ? { sites: { features: features(shown().filter((s) => !q.get("religion") || s.religion === q.get("religion")), z, x, y, (s) => ({ id: s.id, name: s.name, religion: s.religion, kind: s.kind, class: s.class })) } }
        : m[1] === "ground" ? { ground: { features: squares(z, x, y) } }
        : { incidents: { features: features(seen, z, x, y, (i) => ({ id: i.id, type: i.type })) } };
      return send(200, "application/vnd.mapbox-vector-tile", encode(layers));
    }
    if (/^\/(api|tiles|feeds|alerts)\//.test(path)) return problem(404, "There is nothing under this address.");
    const file = normalize(join(dist, path));
    const real = file.startsWith(dist) && extname(file) && existsSync(file) ? file : join(dist, "index.html");
    return send(200, types[extname(real)] ?? "application/octet-stream", readFileSync(real));
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    users: { reviewer: ["rita", users.rita.password], coordinator: ["cora", users.cora.password] },
    real: false,
    stop: () => new Promise((done) => { server.closeAllConnections(); server.close(done); }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log((await startMock()).origin);
