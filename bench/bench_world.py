#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A world registry on one machine: 3.5 million synthetic sites, every real file of ../shared/data, a million incidents.

Usage: bench_world.py FANE [SITES [INCIDENTS]]
Prints one JSON line each: loading, the time from exec to the first tile (page cache of the data dropped as far as an
ordinary user can), resident memory, p50/p99 of search as you type under 8 clients and of tiles under 64 (wrk, uncached and
cached). No peer holds such a registry; the figures stand beside the limits of the targets. The data directory is kept in
$FANE_BENCH_DIR (default /tmp/fane-bench)/world-SITES and used again when its registry is whole.
"""
import glob
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

FANE = os.path.abspath(sys.argv[1])
SITES = int(sys.argv[2]) if len(sys.argv) > 2 else 3_500_000
INCIDENTS = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.path.join(os.environ.get("FANE_SHARED", os.path.join(HERE, "..", "shared")), "data")
ROOT = os.path.join(os.environ.get("FANE_BENCH_DIR", "/tmp/fane-bench"), f"world-{SITES}")
PORT = int(os.environ.get("FANE_BENCH_PORT", "18970"))
URL = f"http://127.0.0.1:{PORT}"
SECONDS = int(os.environ.get("FANE_BENCH_SECONDS", "10"))


def line(name, **figures):
    print(json.dumps({"name": name, **figures}), flush=True)


def fane(*args):
    r = subprocess.run([FANE, *args, "--data", ROOT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if r.returncode != 0:
        sys.exit(f"bench_world: fane {' '.join(args)}: {r.stderr[-500:]}")
    return r.stdout


def load_sites():
    began = time.monotonic()
    fane("seed")
    fane("seed", "--synthetic", str(SITES))
    line("world_load_synthetic", n=SITES, seconds=round(time.monotonic() - began, 1))
    began, n = time.monotonic(), 0
    for path in sorted(glob.glob(SHARED + "/osm/*") + glob.glob(SHARED + "/sites/*")):
        n += json.loads(fane("import", "sites", path, "--json"))["sites"]
    line("world_load_real", n=n, seconds=round(time.monotonic() - began, 1))


def load_incidents():
    """Made ones, in clumps, marked synthetic by their source; and the real files."""
    r = random.Random(20)
    towns = [(r.uniform(-55, 65), r.uniform(-170, 170)) for _ in range(3000)]
    with tempfile.TemporaryDirectory() as tmp:
        rows, mapping = os.path.join(tmp, "incidents.csv"), os.path.join(tmp, "map.json")
        with open(rows, "w") as f:
            f.write("id,title,date,lat,lon\n")
            for i in range(INCIDENTS):
                lat, lon = r.choice(towns)
                day = f"{r.randint(2001, 2025)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}"
                f.write(f"s{i},Synthetic event {i},{day},{lat + r.gauss(0, .1):.5f},{lon + r.gauss(0, .1):.5f}\n")
        with open(mapping, "w") as f:
            json.dump({"fields": {k: k for k in ("id", "title", "date", "lat", "lon")},
                       "constant": {"precision": "L1", "verification": "V3", "synthetic": "true"}}, f)
        began = time.monotonic()
        fane("import", "incidents", rows, "--format", "csv", "--map", mapping, "--context", "--source", "synthetic")
        line("world_load_incidents", n=INCIDENTS, seconds=round(time.monotonic() - began, 1))
    real = os.path.join(SHARED, "incidents", "ucdp-ged-syria-2016-2017.csv")
    if os.path.exists(real):
        fane("import", "incidents", real, "--format", "ucdp-ged", "--context")


def prepare():
    done = os.path.join(ROOT, ".bench-whole")
    if os.path.exists(done):
        return
    shutil.rmtree(ROOT, ignore_errors=True)
    fane("init")
    load_sites()
    load_incidents()
    with open(done, "w"):
        pass


def drop_cache():
    """What an ordinary user can: ask the kernel to forget the pages of these files."""
    for path in glob.glob(ROOT + "/**", recursive=True):
        if os.path.isfile(path):
            fd = os.open(path, os.O_RDONLY)
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def get(path):
    with urllib.request.urlopen(URL + path, timeout=30) as f:
        return f.read()


def memory(pid):
    text = open(f"/proc/{pid}/status").read()
    return {k: int(re.search(rf"{k}:\s+(\d+)", text).group(1)) // 1024 for k in ("VmRSS", "RssAnon", "RssFile")}


def start(cold):
    if cold:
        drop_cache()
    began = time.monotonic()
    server = subprocess.Popen([FANE, "serve", "--listen", f"127.0.0.1:{PORT}", "--data", ROOT],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            tile = get("/tiles/sites/0/0/0.mvt")
            return server, time.monotonic() - began, tile
        except OSError:
            if server.poll() is not None or time.monotonic() - began > 600:
                sys.exit("bench_world: the server does not start")
            time.sleep(0.005)


def wrk(connections, script):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as f:
        f.write(script)
        f.flush()
        out = subprocess.run(["wrk", "-t2", f"-c{connections}", f"-d{SECONDS}", "--latency", "-s", f.name, URL],
                             stdout=subprocess.PIPE, text=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if bad:
        sys.exit(f"bench_world: {bad.group(1)} answers were no success")
    ms = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    found = {p: float(v) * ms[u] for p, v, u in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)\b", out)}
    return {"p50_ms": round(found["50"], 3), "p99_ms": round(found["99"], 3),
            "per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))}


def paths_script(paths):
    listed = ",\n".join(json.dumps(p) for p in paths)
    return f"local p = {{\n{listed}\n}}\nlocal i = math.random(#p)\nrequest = function()\n i = i % #p + 1\n" \
           "return wrk.format('GET', p[i])\nend\n"


def tile_paths(r, n):
    """Uniform over zooms, weighted by where sites are."""
    out = []
    sample = []
    while len(sample) < 200:
        w, s = r.uniform(-180, 170), r.uniform(-60, 60)
        sample += json.loads(get(f"/api/v1/sites?bbox={w},{s},{w + 8},{s + 8}&limit=10"))["sites"]
    import math
    for _ in range(n):
        s, z = r.choice(sample), r.randint(0, 14)
        x = int((s["lon"] + 180) / 360 * 2 ** z)
        y = int((1 - math.asinh(math.tan(math.radians(s["lat"]))) / math.pi) / 2 * 2 ** z)
        x, y = (min(max(v + r.randint(-3, 3), 0), 2 ** z - 1) for v in (x, y))
        out.append(f"/tiles/sites/{z}/{x}/{y}.mvt")
    return out, sample


def typing_paths(r, sample, n):
    """Every prefix of real and synthetic names from two letters on, as they are typed, with a slip now and then."""
    import urllib.parse
    names = [s["name"] for s in sample if s["name"]] + ["Kazan Cathedral", "Hagia Sophia", "Masjid al-Haram", "Borobudur",
             "Golden Temple", "Notre-Dame de Paris", "Western Wall", "Казанский собор", "مسجد", "東大寺"]
    out = []
    while len(out) < n:
        name = r.choice(names)
        if r.random() < 0.2 and len(name) > 5:
            at = r.randint(1, len(name) - 2)
            name = name[:at] + name[at + 1:]
        out += ["/api/v1/search?q=" + urllib.parse.quote(name[:k]) for k in range(2, min(len(name), 24) + 1)]
    return out[:n]


def main():
    prepare()
    if not all(os.path.exists(os.path.join(ROOT, "atlas", "sites." + image)) for image in ("atlas", "search")):
        server, seconds, _ = start(False)
        line("world_first_start_builds_images", seconds=round(seconds, 1))
        server.send_signal(signal.SIGTERM)
        server.wait()
    server, seconds, tile = start(True)
    line("world_first_tile_cold", seconds=round(seconds, 3), goal_seconds=1, bytes=len(tile))
    line("world_memory_at_start", unit="MiB", **memory(server.pid))
    server.send_signal(signal.SIGTERM)
    server.wait()
    server, seconds, _ = start(False)
    line("world_first_tile_warm", seconds=round(seconds, 3), goal_seconds=1)
    try:
        r = random.Random(7)
        tiles, sample = tile_paths(r, 20000)
        line("world_tiles_64_clients", connections=64, what="20,000 different tiles", **wrk(64, paths_script(tiles)))
        line("world_tiles_cached_64_clients", connections=64, what="200 tiles", **wrk(64, paths_script(tiles[:200])))
        line("world_search_8_clients", connections=8, what="prefixes as typed", **wrk(8, paths_script(typing_paths(r, sample, 5000))))
        line("world_memory_after_load", unit="MiB", goal=1024, **memory(server.pid))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


main()
