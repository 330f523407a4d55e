# SPDX-License-Identifier: AGPL-3.0-or-later
"""A running server follows what other programs do to the registry: a site hidden on the command line leaves tiles, the
nearest and lists, an import comes in, a damaged image is built anew when the server starts.

usage: follow_test.py FANE
"""
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from pmtiles_test import features

FANE = os.path.abspath(sys.argv[1])


class Server:
    def __init__(self, data, log):
        self.log = open(log, "ab", buffering=0)
        self.process = subprocess.Popen([FANE, "serve", "--listen", "127.0.0.1:0", "--data", data], stderr=subprocess.PIPE)
        for line in self.process.stderr:
            self.log.write(line)
            if b"serving" in line:
                self.url = line.split()[-1].decode()
                break
        os.set_blocking(self.process.stderr.fileno(), False)

    def get(self, path):
        request = urllib.request.Request(self.url + path, headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request, timeout=30) as r:
            body = r.read()
            return gzip.decompress(body) if r.headers.get("Content-Encoding") == "gzip" else body

    def marks(self, z, x, y):
        try:
            return [f for f, _, _ in features(self.get(f"/tiles/sites/{z}/{x}/{y}.mvt"))]
        except urllib.error.HTTPError as e:
            assert e.code == 503, e.code
            return []

    def sites(self):
        return sum(f["count"] for f in self.marks(0, 0, 0))

    def near(self, lat, lon):
        got = json.loads(self.get(f"/api/v1/near?lat={lat}&lon={lon}&n=1"))
        return json.dumps(got)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=60)[1] or b""
        self.log.write(said)
        assert self.process.returncode == 0


def run(data, *args):
    r = subprocess.run([FANE, *args, "--data", data], capture_output=True, timeout=120)
    assert r.returncode == 0, (args, r.stderr[-500:])
    return r.stdout


def until(what, seconds=60):
    """How long it took; a slow machine is no failure."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, "the server did not follow"
        time.sleep(0.02)
    return time.monotonic() - began


def main():
    with tempfile.TemporaryDirectory(prefix="fane-follow-") as d:
        data = os.path.join(d, "data")
        run(data, "init")
        run(data, "seed", "--synthetic", "5000")
        listed = json.loads(run(data, "export", "sites", "--format", "geojson"))["features"]
        shown = [f for f in listed if f["geometry"]]
        server = Server(data, os.path.join(d, "log"))
        assert server.sites() == len(shown)
        victim = shown[len(shown) // 2]
        public_id = victim.get("id") or victim["properties"]["id"]
        lon, lat = victim["geometry"]["coordinates"]
        assert public_id in server.near(lat, lon)
        run(data, "site", "hide", public_id, "--reason", "test")
        took = until(lambda: server.sites() == len(shown) - 1)
        assert public_id not in server.near(lat, lon)
        for z in range(15):
            side = 2 ** z
            assert all(f.get("id") != public_id for x in range(min(side, 4)) for y in range(min(side, 4))
                       for f in server.marks(z, x, y))
        csv = os.path.join(d, "more.csv")
        with open(csv, "w") as f:
            f.write("ref,title,y,x\n" + "".join(f"m{i},More {i},-50.{i:03},-130.{i:03}\n" for i in range(100)))
        mapping = os.path.join(d, "map.json")
        with open(mapping, "w") as f:
            json.dump({"source": {"name": "more", "licence": "CC0-1.0"}, "constant": {"kind": "CHU"},
                       "fields": {"id": "ref", "name": "title", "lat": "y", "lon": "x"}}, f)
        run(data, "import", "sites", csv, "--map", mapping)
        until(lambda: server.sites() == len(shown) + 99)
        server.stop()
        image = os.path.join(data, "atlas", "sites.atlas")
        with open(image, "r+b") as f:
            f.seek(os.path.getsize(image) // 2)
            byte = f.read(1)
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte[0] ^ 16]))
        server = Server(data, os.path.join(d, "log"))
        assert server.sites() == len(shown) + 99
        assert public_id not in server.near(lat, lon)
        server.stop()
        with open(os.path.join(d, "log"), "rb") as f:
            assert b"atlas.damaged" in f.read()
    print(f"follow: passed; a hidden site was gone after {took:.2f} s")


main()
