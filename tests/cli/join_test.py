# SPDX-License-Identifier: AGPL-3.0-or-later
"""The same site from two sources, from the command line to the browser's side of the API: joined by an import, decided on
and taken apart by a reviewer over HTTP, with the incidents that were linked to either record.

usage: join_test.py FANE
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crash"))
from server import Server

FANE = os.path.abspath(sys.argv.pop(1))
PASSWORD = "a long enough pass phrase"
MAP = {"fields": {"id": "id", "name": "name", "lat": "lat", "lon": "lon", "religion": "religion"},
       "constant": {"class": "place_of_worship"}}
ROWS = ["id,name,lat,lon,religion",
        "m1,Al Noor Mosque,-43.5331,172.6118,muslim",      # the seed has it, with its attack
        "m2,Somewhere Else,-43.9000,172.0000,christian",
        "m3,,-37.8000,144.9000,christian"]


class Person:
    def __init__(self, server, name):
        self.server = server
        status, body, headers = server.request("POST", "/api/v1/session", {"name": name, "password": PASSWORD})
        assert status == 200, body
        self.headers = {"Cookie": headers["Set-Cookie"].split(";")[0], "X-CSRF-Token": json.loads(body)["csrf"]}

    def call(self, method, path, body=None, csrf=True):
        headers = dict(self.headers)
        if not csrf:
            del headers["X-CSRF-Token"]
        status, data, _ = self.server.request(method, path, body, headers)
        return status, json.loads(data) if data else None


class Joining(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="fane-join-")
        self.addCleanup(self.dir.cleanup)
        self.data = os.path.join(self.dir.name, "data")
        self.fane("init")

    def fane(self, *args, stdin=None, code=0):
        p = subprocess.run([FANE, *args, "--data", self.data], input=stdin, text=True, capture_output=True)
        self.assertEqual(p.returncode, code, (args, p.stderr[-600:]))
        self.stderr = p.stderr
        return p.stdout

    def json(self, *args, **kwargs):
        return json.loads(self.fane(*args, "--json", **kwargs))

    def file(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def import_register(self, rows, *options):
        return self.json("import", "sites", self.file("register.csv", "\n".join(rows) + "\n"), "--map",
                         self.file("map.json", json.dumps(MAP)), "--source", "register", *options)

    def test_an_import_joins(self):
        self.import_register(ROWS, "--no-join")
        self.fane("seed")
        dry = self.json("join", "run", "--dry-run")
        self.assertEqual(self.json("join", "list", "--state", "joined")["joins"], [])
        run = self.json("join", "run")
        self.assertEqual((dry["joined"], run["joined"]), (1, 1))
        self.assertEqual(self.json("join", "run")["joined"], 0)
        changed = [r.replace("Al Noor Mosque", "Masjid Al-Noor") for r in ROWS]
        report = self.import_register(changed)
        self.assertEqual((report["updated"], report["added"]), (1, 0))
        exported = json.loads(self.fane("export", "sites", "--format", "geojson"))["features"]
        both = [f["properties"]["source"] for f in exported if ";" in f["properties"]["source"]]
        self.assertEqual([set(names.split("; ")) for names in both], [{"register", "seed"}])
        pair = self.json("join", "list", "--state", "joined")["joins"][0]
        self.assertEqual({s["source"] for side in (pair["a"], pair["b"]) for s in side["sources"]}, {"register", "seed"})
        self.fane("join", "undo", pair["id"], "--reason", "wrong", code=3)
        self.fane("user", "add", "rev", "--role", "reviewer", stdin=PASSWORD + "\n")
        self.fane("join", "undo", pair["id"], "--as", "rev", code=2)
        self.fane("join", "undo", pair["id"], "--as", "rev", "--reason", "two buildings")
        self.assertEqual(self.json("join", "run", "--whole")["joined"], 0)
        self.fane("join", "same", "nothing", "--as", "rev", code=4)
        self.fane("join", "everything", code=2)
        self.fane("import", "sites", self.file("register.csv", "id\n"), "--source", "community", code=2)
        self.assertIn("accepted suggestions", self.stderr)
        self.fane("verify")

    def test_over_http(self):
        self.import_register(ROWS, "--no-join")  # the register's record is the older one, so it is kept
        self.fane("seed")
        self.assertEqual(self.json("join", "run")["joined"], 1)
        for role in ("reviewer", "coordinator"):
            self.fane("user", "add", role, "--role", role, stdin=PASSWORD + "\n")
        server = Server(FANE, self.data).start()
        self.addCleanup(lambda: server.process.poll() is None and server.kill())
        self.assertEqual(server.get("/api/v1/joins")[0], 401)
        rev = Person(server, "reviewer")
        self.assertEqual(rev.call("GET", "/api/v1/joins")[1]["joins"], [])
        status, page = rev.call("GET", "/api/v1/joins?state=joined")
        self.assertEqual((status, len(page["joins"]), page["next"]), (200, 1, None))
        pair = page["joins"][0]
        self.assertTrue(pair["score"] > 0.8 and not pair["by_person"])
        self.assertIn("name", [r["what"] for r in pair["reasons"]])
        away = next(s for s in (pair["a"], pair["b"]) if s["status"] == "merged")
        kept = next(s for s in (pair["a"], pair["b"]) if s["status"] != "merged")
        sheet = json.loads(server.get("/api/v1/sites/" + away["id"])[1])
        self.assertEqual(sheet["id"], kept["id"])
        self.assertEqual({s["source"] for s in sheet["sources"]}, {"register", "seed"})
        incidents = [i["title"] for i in sheet["incidents"]]
        self.assertTrue(any("Al Noor" in t for t in incidents), incidents)
        listed = json.loads(server.get("/api/v1/incidents?limit=200")[1])["incidents"]
        linked = [s["id"] for i in listed if "Al Noor" in i["title"] for s in i["sites"]]
        self.assertEqual(linked, [kept["id"]])
        near = json.loads(server.get("/api/v1/near?lat=-43.533&lon=172.6117&n=2")[1])["sites"]
        self.assertNotIn(away["id"], [s["id"] for s in near])
        undo = "/api/v1/joins/" + pair["id"] + "/undo"
        self.assertEqual(rev.call("POST", undo, {"reason": "no"}, csrf=False)[0], 403)
        self.assertIn(rev.call("POST", undo, {})[0], (400, 422))
        self.assertEqual(rev.call("POST", "/api/v1/joins/" + kept["id"] + "/undo", {"reason": "no"})[0], 404)
        status, after = rev.call("POST", undo, {"reason": "two buildings"})
        self.assertEqual((status, after["state"], after["by_person"]), (200, "separate", True))
        self.assertEqual(rev.call("POST", undo, {"reason": "again"})[0], 409)
        sheet = json.loads(server.get("/api/v1/sites/" + away["id"])[1])
        self.assertEqual((sheet["id"], len(sheet["sources"])), (away["id"], 1))
        self.assertTrue(any("Al Noor" in i["title"] for i in sheet["incidents"]))
        near = json.loads(server.get("/api/v1/near?lat=-43.533&lon=172.6117&n=2")[1])["sites"]
        self.assertEqual({s["id"] for s in near}, {away["id"], kept["id"]})
        server.kill(15)
        self.fane("verify")


if __name__ == "__main__":
    unittest.main()
