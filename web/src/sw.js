// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The app without a connection, for those who asked for it: its own files, and the part of the map that was looked at last.
//
//   W1 only what is the same for every viewer is kept: files, tiles of sites and of shared ground, the vocabulary. Nothing that
//      depends on a session, and no answer to anything that was sent.
//   W2 nothing that was written is kept or sent from here.
//   W3 what is kept is bounded; the newest are kept.
const shell = [/* files of the build */];
const files = "fane-files-build-digest";
const area = "fane-area";
const areaMost = 400;
const patience_ms = 4000;

self.addEventListener("install", (e) => {
  e.waitUntil(caches.open(files).then((c) => c.addAll(shell)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (e) => {
  e.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((n) => n.startsWith("fane-files-") && n !== files).map((n) => caches.delete(n))))
      .then(() => self.clients.claim()),
  );
});

const isFile = (path) => path.startsWith("/assets/") || path.startsWith("/basemap/") || path === "/manifest.webmanifest";
const isArea = (path) => /^\/tiles\/(sites|ground)[/.]/.test(path) || path === "/api/v1/vocab";

/** Names in /assets carry a digest of what they hold: once kept, always right. */
async function fromFiles(request) {
  const kept = await caches.match(request, { ignoreVary: true });
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) (await caches.open(files)).put(request, answer.clone());
  return answer;
}

function within(promise, ms) {
  return Promise.race([promise, new Promise((_, late) => setTimeout(() => late(new Error("late")), ms))]);
}

/** The line first; what was kept when it is down, or too slow for a page that somebody waits for. */
async function fromLine(request, name, key, most) {
  const cache = await caches.open(name);
  const line = fetch(request).then(async (answer) => {
    if (answer.ok) {
      await cache.put(key, answer.clone());
      if (most) await trim(cache, most);
    }
    return answer;
  });
  line.catch(() => {});
  const kept = await cache.match(key, { ignoreVary: true });
  if (!kept) return line;
  return within(line, patience_ms).catch(() => kept);
}

async function trim(cache, most) {
  const keys = await cache.keys();
  await Promise.all(keys.slice(0, Math.max(0, keys.length - most)).map((k) => cache.delete(k)));
}

self.addEventListener("fetch", (e) => {
  const { request } = e;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (isFile(url.pathname)) e.respondWith(fromFiles(request));
  else if (isArea(url.pathname)) e.respondWith(fromLine(request, area, request, areaMost));
  else if (request.mode === "navigate" && !/^\/(api|tiles|feeds|alerts|ogc)\//.test(url.pathname)) {
    // every address of the app is the same page
    e.respondWith(fromLine(request, files, "/", 0));
  }
});
