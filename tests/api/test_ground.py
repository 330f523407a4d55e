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

from test_api import Person, Server, check, equal, run_tests  # its first argument is the server, as ours

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


if __name__ == "__main__":
    sys.exit(run_tests(globals(), Server()))
