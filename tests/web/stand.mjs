// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The server under test: `fane serve` on a fresh data directory with the seed, two accounts and, where the shared data lie,
// the conflict events of which the watch makes hotspots; without a binary (FANE_BIN) the stand-in of mock.mjs.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { startMock } from "./mock.mjs";

const bin = process.env.FANE_BIN;
const shared = process.env.FANE_SHARED;

function fane(data, args, input = "") {
  const run = spawnSync(bin, [...args, "--data", data], { input, encoding: "utf8", timeout: 120_000 });
  if (run.status !== 0) throw new Error(`fane ${args.join(" ")}: exit ${run.status ?? run.signal}\n${run.stderr}`);
  return run.stdout;
}

async function startReal() {
  const data = mkdtempSync(join(tmpdir(), "fane-web-"));
  const users = { reviewer: ["rita", "plain words for a reviewer 7"], coordinator: ["cora", "plain words for a coordinator 7"] };
  let server;
  const stop = async () => {
    if (server && server.exitCode === null) {
      const ended = new Promise((done) => server.once("exit", done));
      server.kill("SIGTERM");
      const late = setTimeout(() => server.kill("SIGKILL"), 15_000);
      await ended;
      clearTimeout(late);
    }
    rmSync(data, { recursive: true, force: true });
  };
  try {
    fane(data, ["init"]);
    fane(data, ["seed"]);
    for (const [role, [name, password]] of Object.entries(users)) fane(data, ["user", "add", name, "--role", role], `${password}\n`);
    const [{ id }] = JSON.parse(fane(data, ["near", "31.7785", "35.2296", "--n", "1", "--json"])).sites; // the Holy Sepulchre
    for (const file of ["rgb.png", "turned.jpg"])
      fane(data, ["site", "picture", "add", id, fileURLToPath(new URL(`../../fuzz/corpus/picture/${file}`, import.meta.url)), "--licence", "CC-BY-SA-4.0",
        "--credit", "A. Photographer", "--source", "https://commons.example/x", "--alt", "A square of colours", "--lang", "en"]);
    const events = join(shared ?? "", "data", "incidents", "ucdp-ged-syria-2016-2017.csv");
    const hotspots = Boolean(shared) && existsSync(events);
    if (hotspots) {
      fane(data, ["import", "incidents", events, "--format", "ucdp-ged", "--context"]);
      fane(data, ["watch", "run", "--as-of", "2017-06-30"]);
    } else console.log("web: no FANE_SHARED data: the checks of hotspots are left out");
    server = spawn(bin, ["serve", "--listen", "127.0.0.1:0", "--data", data], { stdio: ["ignore", "inherit", "pipe"] });
    let log = "";
    const origin = await new Promise((found, failed) => {
      const late = setTimeout(() => failed(new Error(`fane serve: no address\n${log}`)), 60_000);
      server.once("exit", (code) => failed(new Error(`fane serve ended with ${code}\n${log}`)));
      server.stderr.setEncoding("utf8").on("data", (text) => {
        log = (log + text).slice(-20_000);
        const at = /http:\/\/127\.0\.0\.1:\d+/.exec(log);
        if (at) { clearTimeout(late); found(at[0]); }
      });
    });
    return { origin, users, real: true, hotspots, stop, log: () => log };
  } catch (e) {
    await stop();
    throw e;
  }
}

/** What this server answers: an address that it does not know is 404, whoever asks. */
async function abilities(origin) {
  const paths = { search: "/api/v1/search?q=a", suggestions: "/api/v1/suggestions", joins: "/api/v1/joins", visibility: "/api/v1/visibility/reviews", ground: "/api/v1/ground" };
  const known = await Promise.all(Object.entries(paths).map(async ([k, p]) => [k, (await fetch(origin + p)).status !== 404]));
  return Object.fromEntries(known);
}

export async function startServer() {
  const real = Boolean(bin && existsSync(bin));
  if (!real) console.log("web: no FANE_BIN: the stand-in server is used");
  const server = real ? await startReal() : { ...(await startMock()), hotspots: true, log: () => "" };
  server.has = real ? await abilities(server.origin) : { search: true, suggestions: true, joins: true, visibility: true, ground: true };
  return server;
}
