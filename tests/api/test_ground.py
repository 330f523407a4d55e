#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Permalinks as QR codes, shared ground, suggestions: against a real server.

usage: test_ground.py API_SERVER [TEST...]
"""
import os
import shutil
import subprocess
import sys
import tempfile

from test_api import Person, Server, check, equal, fields_of, pages, run_tests  # its first argument is the server, as ours

NOWHERE = "00000000-0000-4000-8000-000000000000"


def decoded(svg):
    """What a reader of QR codes sees in the picture."""
    with tempfile.TemporaryDirectory() as d:
        png = os.path.join(d, "qr.png")
        subprocess.run(["rsvg-convert", "-o", png], input=svg, check=True)
        return subprocess.run(["zbarimg", "-q", "--raw", png], capture_output=True, check=True).stdout.decode().strip()


def test_qr(s):
    hidden, admin = s.facts["hidden"][0], Person(s, "administrator")
    site = s.get("/api/v1/sites?limit=1").json()["sites"][0]
    a = s.get(f"/api/v1/sites/{site['id']}/qr.svg")
    equal((a.status, a.headers["Content-Type"]), (200, "image/svg+xml"), "a QR code")
    equal(s.get(f"/api/v1/sites/{site['code']}/qr.svg").data, a.data, "the same by the short code")
    equal(s.get(f"/api/v1/sites/{site['id']}/qr.svg", If_None_Match=a.headers["ETag"]).status, 304, "conditional")
    none = s.get(f"/api/v1/sites/{NOWHERE}/qr.svg")
    b = s.get(f"/api/v1/sites/{hidden}/qr.svg")
    equal((b.status, b.data), (404, none.data), "a hidden site cannot be told from none")
    for what in ("x", "%20"):
        equal(s.get(f"/api/v1/sites/{what}/qr.svg").status, 404, f"no code of {what}")
    b = admin.get(f"/api/v1/sites/{hidden}/qr.svg")
    equal((b.status, b.headers["Cache-Control"], b.headers["ETag"]), (200, "no-store", None), "who may see it may print it; nothing keeps it")
    equal(s.get(f"/api/v1/sites/{site['id']}/qr.svg?size=9").status, 400, "no parameters")
    if not (shutil.which("zbarimg") and shutil.which("rsvg-convert")):
        print("skipped: reading the code back needs zbarimg (zbar-tools) and rsvg-convert (librsvg2-bin)")
        return
    equal(decoded(a.data), f"http://127.0.0.1:{s.port}/site/{site['id']}", "a reader sees the permalink")
    equal(decoded(b.data), f"http://127.0.0.1:{s.port}/site/{hidden}", "and of another")


def test_shared_ground(s):
    hidden, coarse, admin = s.facts["hidden"][0], s.facts["coarse"][0], Person(s, "administrator")
    rows = s.get("/api/v1/near?lat=31.7767&lon=35.2345&n=30").json()["sites"]
    whole = [r for r in rows if not r["coarse"]]
    g = s.get(f"/api/v1/sites/{whole[0]['id']}").json()["shared_ground"]
    check(g["faiths"] >= 2 and g["sites"] >= g["known"] >= g["faiths"] and 0 < g["diversity"] < 1 and g["radius_m"] == 1000, f"the old city is shared ground: {g}")
    equal(s.get(f"/api/v1/sites/{coarse}").json()["shared_ground"], None, "a coarse place has no walking distance")
    sheet = admin.get(f"/api/v1/sites/{hidden}").json()
    equal(sheet["shared_ground"] is None, sheet["precision_m"] > 1000, "who may see the place may see what is around it")
    a = s.get("/api/v1/ground").json()
    equal(len(a["cells"]), a["matched"], "all cells of the seed fit a page")
    check(a["matched"] >= 3 and all(c["faiths"] >= 2 and c["sites"] >= c["known"] >= c["faiths"] for c in a["cells"]), "cells")
    paged, _ = pages(s.get, "/api/v1/ground?limit=2", "cells")
    equal(paged, a["cells"], "page by page")
    w, so, e, n = a["cells"][0]["bbox"]
    inside = s.get(f"/api/v1/ground?bbox={w + 0.001},{so + 0.001},{e - 0.001},{n - 0.001}").json()["cells"]
    equal(inside, a["cells"][:1], "a box within one cell")
    for path in ("ground?bbox=1,2,3", "ground?cursor=x", "ground?cursor=-1", "ground?limit=0", "ground?zoom=3"):
        equal(s.get("/api/v1/" + path).status, 400, path)
    tile = s.get("/tiles/ground/0/0/0.mvt")
    cells = fields_of(tile.data)["ground"]
    equal(sum(c["places"] for c in cells), a["matched"], "the world's tile counts every cell")
    equal(sum(c["sites"] for c in cells), sum(c["sites"] for c in a["cells"]), "and every site in them")
    equal(s.get("/tiles/ground/0/0/0.mvt", If_None_Match=tile.headers["ETag"]).status, 304, "a tile is conditional")
    equal(s.get("/tiles/ground/14/1/8000.mvt").status, 204, "nothing in the Pacific")
    for path in ("15/0/0", "1/2/0"):
        equal(s.get(f"/tiles/ground/{path}.mvt").status, 404, path)
    doc = s.get("/tiles/ground.json").json()
    check("Gini-Simpson" in doc["vector_layers"][0]["description"], "TileJSON says what diversity is")


if __name__ == "__main__":
    sys.exit(run_tests(globals(), Server()))
