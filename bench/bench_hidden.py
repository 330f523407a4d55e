#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Does the time of an answer tell that there are hidden sites? There is no peer: the other side is the same server without them.

Three data directories hold the same 20,000 public sites of one city; in the first 20,000 hidden ones stand among them, the
third is the control. The same questions are put to all, in random order; the answers must be the same bytes. For each kind of
question: the medians, and how often an answer of the first, and of the third, takes longer than one of the second (50 % says
nothing; Mann-Whitney, Annals of Mathematical Statistics 18, 1947, with its p).

usage: bench_hidden.py FANE [ROUNDS]
"""
import http.client
import json
import math
import os
import random
import re
import signal
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "api"))
import database

FANE, SITES = sys.argv[1], 20000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 300
WORDS = ("Saint", "Holy", "Temple", "Great", "Old", "New", "River", "Hill", "Market", "North", "South", "Grace", "Peace", "Light")
CITY = (51.5, -0.12)


def run(*args):
    subprocess.run([FANE, *args], check=True, capture_output=True, timeout=600)


def rows(rng, prefix):
    for i in range(SITES):
        # those unseen are named unlike all others, or they would be taken for one of them, and hide it
        name = " ".join(rng.sample(WORDS, 3)) + f" {rng.randrange(400)}" if prefix == "seen" else "".join(rng.choices("bcdfghklmnprstvz", k=14))
        yield f"{prefix}{i};{name};{CITY[0] + rng.gauss(0, 0.05):.6f};{CITY[1] + rng.gauss(0, 0.08):.6f};{rng.choice(('christian', 'muslim', 'hindu'))}"


def load(dir, data, name, visibility, rng):
    map = {"source": {"name": name, "licence": "CC0-1.0", "visibility": visibility}, "delimiter": ";",
           "fields": {"id": "id", "name": "name", "lat": "lat", "lon": "lon", "religion": "religion"}, "constant": {"class": "place_of_worship", "country": "GB"}}
    with open(os.path.join(dir, name + ".json"), "w") as f:
        json.dump(map, f)
    with open(os.path.join(dir, name + ".csv"), "w") as f:
        f.write("id;name;lat;lon;religion\n" + "\n".join(rows(rng, name)) + "\n")
    run("import", "sites", os.path.join(dir, name + ".csv"), "--map", os.path.join(dir, name + ".json"), "--source", name, "--data", data)


def serve(data):
    log = open(data + ".log", "w+")
    p = subprocess.Popen([FANE, "serve", "--listen", "127.0.0.1:0", "--data", data], stderr=log)
    for _ in range(600):
        with open(data + ".log") as f:
            m = re.search(r"serving \S*:(\d+)", f.read())
        if m:
            return p, int(m[1])
        time.sleep(0.1)
    raise RuntimeError("fane serve does not say where it listens")


class Client:
    def __init__(self, port):
        self.c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, path):
        began = time.perf_counter()
        self.c.request("GET", path)
        r = self.c.getresponse()
        body = r.read()
        return time.perf_counter() - began, r.status, body


def questions(rng):
    """Names of kinds, each with a fresh question of its kind."""
    def box():
        lat, lon, d = CITY[0] + rng.gauss(0, 0.04), CITY[1] + rng.gauss(0, 0.06), rng.choice((0.002, 0.01, 0.05))
        return f"{lon - d:.5f},{lat - d:.5f},{lon + d:.5f},{lat + d:.5f}"

    def tile(z):
        lat, lon, n = CITY[0] + rng.gauss(0, 0.04), CITY[1] + rng.gauss(0, 0.06), 2**z
        return f"{z}/{int((lon / 360 + 0.5) * n)}/{int((0.5 - math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)) / (2 * math.pi)) * n)}"

    q = urllib.parse.quote
    return {
        "list in a box": lambda: f"/api/v1/sites?bbox={box()}&limit=200",
        "list of a faith": lambda: f"/api/v1/sites?religion=hindu&limit=200&bbox={box()}",
        "list by a name": lambda: f"/api/v1/sites?q={q(rng.choice(WORDS))}%20{q(rng.choice(WORDS))}&limit=20",
        "search": lambda: f"/api/v1/search?q={q(rng.choice(WORDS).lower()[:5])}%20{rng.randrange(400)}",
        "nearest": lambda: f"/api/v1/near?lat={CITY[0] + rng.gauss(0, 0.04):.5f}&lon={CITY[1] + rng.gauss(0, 0.06):.5f}&n=20",
        "OGC items": lambda: f"/ogc/collections/sites/items?bbox={box()}&limit=100&f=json",
        "OGC items by a filter": lambda: f"/ogc/collections/sites/items?limit=20&f=json&filter={q('name LIKE ' + chr(39) + rng.choice(WORDS) + '%' + chr(39))}",
        "tile of zoom 8": lambda: f"/tiles/sites/{tile(8)}.mvt?buffer={rng.randrange(64)}",
        "tile of zoom 13": lambda: f"/tiles/sites/{tile(13)}.mvt?buffer={rng.randrange(64)}",
        "a site that there is not": lambda: f"/api/v1/sites/{rng.getrandbits(32):08x}-{rng.getrandbits(16):04x}-4{rng.getrandbits(12):03x}-8{rng.getrandbits(12):03x}-{rng.getrandbits(48):012x}",
        "shared ground": lambda: f"/api/v1/ground?bbox={box()}",
    }


def mann_whitney(a, b):
    """How often a is above b, and the two-sided p of the normal approximation (no ties to speak of among clock readings)."""
    both = sorted([(x, 0) for x in a] + [(x, 1) for x in b])
    rank_a = sum(i + 1 for i, (_, which) in enumerate(both) if which == 0)
    n, m = len(a), len(b)
    u = rank_a - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return u / (n * m), math.erfc(abs(z) / math.sqrt(2))


def main():
    rng = random.Random(5)
    with tempfile.TemporaryDirectory(prefix="fane-hidden-") as dir:
        a, b, c = (os.path.join(dir, name) for name in "abc")
        run("init", "--data", a)
        load(dir, a, "seen", "public", rng)
        shutil.copytree(a, b)
        shutil.copytree(a, c)
        load(dir, a, "unseen", "hidden", rng)
        db = database.connect(a)
        kept_back = db.rows("SELECT count(*) FROM site WHERE visibility = 2")[0][0]
        db.close()
        servers = [serve(data) for data in (a, b, c)]
        clients = [Client(port) for _, port in servers]
        for kind, make in questions(rng).items():
            times = ([], [], [])
            for i in range(ROUNDS + 20):
                path = make()
                got = {k: clients[k].ask(path) for k in rng.sample((0, 1, 2), 3)}
                same = {(got[k][1], re.sub(rb"127\.0\.0\.1:\d+|\"timeStamp\":\"[^\"]*\"", b"", got[k][2])) for k in got}
                assert len(same) == 1, f"{path}: another answer"
                if i >= 20:  # warm
                    for k in got:
                        times[k].append(got[k][0])
            (above, p), (chance, chance_p) = mann_whitney(times[0], times[1]), mann_whitney(times[2], times[1])
            us = [round(statistics.median(t) * 1e6) for t in times]
            print(json.dumps({"bench": "hidden", "question": kind, "public": SITES, "hidden": kept_back, "rounds": ROUNDS,
                              "with_us": us[0], "without_us": us[1], "control_us": us[2], "longer_with": round(above, 3),
                              "p": round(p, 4), "longer_control": round(chance, 3), "control_p": round(chance_p, 4)}), flush=True)
        for process, _ in servers:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


main()
