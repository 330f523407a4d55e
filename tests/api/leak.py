#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The leak test: nothing of what people hide leaves, by any endpoint, format, role or parameter.

Two stores, equal but for what nobody outside may know:

  A  random sites are HIDDEN, COARSE in every precision, or of a country that is not published;
  B  the same data directory in which the hidden sites do not exist at all, and the coarse ones stand somewhere else in
     their cell, with other footprints, ids, dates and notes.

Whatever the public asks must be answered alike by both: status, headers, body. That covers names, ids, counts, cursors,
bounds, ETags and error texts at once, without knowing what an answer means. Besides, every answer is searched for the names,
ids, codes and places themselves, and what staff are answered must not be kept by anybody on the way.

Routes are listed by the program itself (api_server --routes): one without a recipe here fails the test. So does a command of
the program that nobody has judged.

usage: leak.py FANE API_SERVER [--requests N] [--seed N] [--engine sqlite|postgres]     (FANE_LEAK_REQUESTS says N, too)
"""
import collections
import glob
import gzip
import http.client
import json
import math
import os
import random
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid

import database

PASSWORD = "correct horse battery"
ROLES = ("reviewer", "coordinator", "administrator")
URL = "http://leak.test"
LADDER = (1000, 5000, 10000, 50000)
CLOSED = "LI"
CENTRES = ((51.5074, -0.1278), (41.9028, 12.4964), (47.1410, 9.5209), (-16.80, 179.99), (78.22, 15.64), (35.6895, 139.6917),
           (0.0, 0.0), (24.4672, 39.6111))
COUNTRIES = ("GB", "IT", "LI", "FJ", "SJ", "JP", "", "SA")
SCRIPTS = ("Church of {}", "مسجد {}", "Храм {}", "{}寺", "मंदिर {}", "בית {}", "{} Ναός", "Sankt-{}-Kirche")
RELIGIONS = ("christian", "muslim", "jewish", "buddhist", "hindu", "sikh", "")
failures = []


def fail(what):
    failures.append(what)
    if len(failures) <= 40:
        print("LEAK: " + what[:1500], file=sys.stderr)


# ---- the grid, written apart from the program ----

def cell(lat, lon, m):
    """(row, column) and the box of the cell; the centre is its middle. None: a polar cap."""
    y = round(lat * 10**7) + 90 * 10**7
    x = (round(lon * 10**7) + 180 * 10**7) % (360 * 10**7)
    row = min(y // 4500000, 399)
    if row in (0, 399):
        return None
    far = max(abs(-90 + 0.45 * row), abs(-90 + 0.45 * (row + 1)))
    parts = 50000 // m
    columns = math.floor(2 * math.pi * 6371008.8 * math.cos(math.radians(far)) / 50000) * parts
    height = 4500000 // parts
    return y // height, x * columns // (360 * 10**7), height, columns


def elsewhere(rng, lat, lon, m):
    """Another place of the same cell."""
    c = cell(lat, lon, m)
    while True:
        south, west = c[0] * c[2] / 1e7 - 90, c[1] * 360 / c[3] - 180
        p = south + rng.uniform(0.02, 0.98) * c[2] / 1e7, west + rng.uniform(0.02, 0.98) * 360 / c[3]
        if cell(*p, m) == c:
            return p


def morton(lat, lon):
    lat = max(-85.05112877980659, min(85.05112877980659, lat))
    x = int((lon / 360 + 0.5) * 2**31) % 2**31
    s = math.sin(math.radians(lat))
    y = min(max(int((0.5 - math.log((1 + s) / (1 - s)) / (4 * math.pi)) * 2**31), 0), 2**31 - 1)
    out = 0
    for i in range(31):
        out |= (x >> i & 1) << (2 * i) | (y >> i & 1) << (2 * i + 1)
    return out


# ---- making the two stores ----

class Site:
    def __init__(self, rng, i):
        self.external = f"leak-{i}"
        self.token = "zq" + "".join(rng.choice("bcdfghjklmnpqrstvwxz") for _ in range(9))
        k = rng.randrange(len(CENTRES))
        centre, self.country = CENTRES[k], COUNTRIES[k]
        self.lat = round(centre[0] + rng.gauss(0, 0.02), 7)
        self.lon = round((centre[1] + rng.gauss(0, 0.02) + 180) % 360 - 180, 7)
        self.name = rng.choice(SCRIPTS).format(self.token.capitalize())
        self.religion = rng.choice(RELIGIONS)
        self.is_away = rng.random() < 0.04  # without a place
        self.visibility, self.precision = "public", None
        self.id = self.code = None

    def row(self):
        place = ("", "") if self.is_away else (f"{self.lat:.7f}", f"{self.lon:.7f}")
        wkt = "" if self.is_away else f"POINT({self.lon:.7f} {self.lat:.7f})"
        if not self.is_away and abs(self.lon) < 179.99:
            d = 0.0001
            ring = [(self.lon - d, self.lat - d), (self.lon + d, self.lat - d), (self.lon + d, self.lat + d), (self.lon - d, self.lat - d)]
            wkt = "POLYGON((" + ", ".join(f"{x:.7f} {y:.7f}" for x, y in ring) + "))"
        return "\t".join((self.external, self.name, self.token.upper() + " hall", *place, self.religion, wkt,
                          f"Q{int(self.external[5:]) + 900000}", f"note of {self.token}", f"before {1000 + int(self.external[5:]) % 1000}", self.country))


def run(*args, **more):
    r = subprocess.run(args, capture_output=True, text=True, timeout=300, **more)
    if r.returncode:
        raise RuntimeError(f"{args}: {r.returncode}: {r.stderr[-800:]}")
    return r.stdout


class World:
    """What the requests are made of."""

    def __init__(self, fane, dir, seed, sites, engine):
        self.fane, self.rng = fane, random.Random(seed)
        self.a, self.b = os.path.join(dir, "a"), os.path.join(dir, "b")
        self.sites = [Site(self.rng, i) for i in range(sites)]
        self.cursors = collections.defaultdict(list)
        if engine == "postgres":
            database.make(self.a)

    def fill(self):
        run(self.fane, "init", "--data", self.a)
        run(self.fane, "seed", "--data", self.a)
        for role in ROLES:
            run(self.fane, "user", "add", role, "--role", role, "--data", self.a, input=PASSWORD + "\n")
        self.load("leak", self.sites[:-20], "Leak testers")
        self.load("onlyhidden", self.sites[-20:], "Onlyhidden Register")

    def load(self, source, sites, attribution):
        dir = os.path.dirname(self.a)
        fields = {"id": "id", "name": "name", "name:en": "name_en", "lat": "lat", "lon": "lon", "religion": "religion", "wkt": "wkt",
                  "wikidata": "wikidata", "note": "note", "start_date": "built", "country": "country"}
        map = {"source": {"name": source, "licence": "CC0-1.0", "attribution": attribution}, "delimiter": "\t", "fields": fields,
               "constant": {"class": "place_of_worship"}}
        with open(os.path.join(dir, source + ".json"), "w") as f:
            json.dump(map, f)
        with open(os.path.join(dir, source + ".tsv"), "w") as f:
            f.write("id\tname\tname_en\tlat\tlon\treligion\twkt\twikidata\tnote\tbuilt\tcountry\n" + "\n".join(s.row() for s in sites) + "\n")
        out = json.loads(run(self.fane, "import", "sites", os.path.join(dir, source + ".tsv"), "--map", os.path.join(dir, source + ".json"),
                             "--source", source, "--data", self.a, "--json"))
        assert out["added"] == len(sites), out

    def picture(self):
        """Of sites that stay public, become coarse, and are hidden."""
        self.pictures, self.pictured = [], self.sites[:4] + self.sites[6:32:5] + self.sites[-2:]
        file = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fuzz", "corpus", "picture", "rgb.png")
        for s in self.pictured:
            out = run(self.fane, "site", "picture", "add", s.id, file, "--licence", "CC0-1.0", "--credit", f"Credit of {s.token}", "--alt", s.token,
                      "--data", self.a, "--json")
            self.pictures.append(json.loads(out)["id"])

    def learn(self):
        db = database.connect(self.a)
        known = {r[0]: r[1:] for r in db.rows("SELECT r.external_id, s.public_id, s.lat, s.lon, s.country FROM site_source r "
                                                 "JOIN site s ON s.id = r.site")}
        for s in self.sites:
            s.id = str(uuid.UUID(bytes=known[s.external][0]))
            s.is_closed = known[s.external][3] == CLOSED
            assert s.is_away or known[s.external][3] == s.country, (s.external, s.country, known[s.external])
            if not s.is_away:
                s.lat, s.lon = known[s.external][1:3]  # the footprint's own point
        linked = db.rows("SELECT DISTINCT s.public_id, s.name, s.lat, s.lon FROM incident_link l JOIN site s ON s.id = l.site "
                         "ORDER BY s.public_id")
        self.linked = [(str(uuid.UUID(bytes=r[0])), *r[1:]) for r in linked]
        self.incidents = [str(uuid.UUID(bytes=r[0])) for r in db.rows("SELECT public_id FROM incident ORDER BY public_id")]
        db.close()

    def guard(self, server):
        """Through the front door, as a coordinator."""
        who = Client(server.port, "coordinator")
        for i, s in enumerate(self.sites):
            if i >= len(self.sites) - 20 or i % 5 == 0:
                s.visibility = "hidden"
            elif i % 5 == 1:
                s.visibility, s.precision = "coarse", LADDER[i // 5 % 4]
            else:
                continue
            if s.visibility == "hidden":
                r = who.ask("POST", f"/api/v1/sites/{s.id}/hide", {"reason": "for the test"})
            else:
                r = who.ask("POST", f"/api/v1/sites/{s.id}/visibility", {"visibility": "coarse", "precision_m": s.precision, "reason": "for the test"})
            assert r.status == 200 and r.json()["changed"], (r.status, r.body)
        for id, *_ in self.linked[::4]:
            assert who.ask("POST", f"/api/v1/sites/{id}/hide", {"reason": "for the test"}).status == 200
        admin = Client(server.port, "administrator")
        r = admin.ask("POST", f"/api/v1/countries/{CLOSED}", {"published": False, "reason": "for the test"})
        assert r.status == 200, r.body
        assert 20 * sum(s.is_closed for s in self.sites) > len(self.sites)
        for s in self.sites:
            if s.is_closed:
                s.visibility = "hidden"
        self.hide_takes_effect_at_once(server, who)

    def hide_takes_effect_at_once(self, server, who):
        """Between the answer to *hide* and the next question no time passes: it must be gone from every outlet."""
        public = Client(server.port)
        for s in [s for s in self.sites if s.visibility == "public" and not s.is_away][:12]:
            n = 2**14
            x = int((s.lon / 360 + 0.5) * n)
            y = int((0.5 - math.log(math.tan(math.pi / 4 + math.radians(max(-85, min(85, s.lat))) / 2)) / (2 * math.pi)) * n)
            asks = (f"/tiles/sites/14/{x}/{y}.mvt", f"/api/v1/near?lat={s.lat}&lon={s.lon}&n=1", f"/api/v1/sites?q={s.token}",
                    f"/ogc/collections/sites/items?name={s.token}&f=json", f"/api/v1/search?q={s.token}")
            before = [needle(public.ask("GET", a), s) for a in asks]
            assert any(before[:1]) and before[1] and before[2], (s.id, before)
            assert who.ask("POST", f"/api/v1/sites/{s.id}/hide", {"reason": "now"}).status == 200
            s.visibility = "hidden"
            for a in asks:
                if needle(public.ask("GET", a), s, a):
                    fail(f"{a} still shows a site after its hiding was answered")

    def twin(self):
        """B: a copy in which the hidden ones never were, and the coarse ones are elsewhere in their cell."""
        database.copy(self.a, self.b)
        for d in (self.a, self.b):
            for f in glob.glob(os.path.join(d, "atlas", "*")):
                os.unlink(f)
        db = database.connect(self.b)
        tables = db.tables()
        hidden = [r[0] for r in db.rows("SELECT id FROM site WHERE visibility = 2 OR country IN (SELECT iso2 FROM country_closed)")]
        told = [r[0] for r in db.rows("SELECT DISTINCT l.incident FROM incident_link l JOIN site s ON s.id = l.site WHERE s.visibility = 2 "
                                         "OR s.country IN (SELECT iso2 FROM country_closed)")]
        self.told = [str(uuid.UUID(bytes=db.rows("SELECT public_id FROM incident WHERE id = ?", i)[0][0])) for i in told]
        for table, columns in tables.items():
            for column in [c for c in columns if c in ("site", "like_site") or (table == "site" and c == "id")]:
                for i in hidden:
                    db.run(f"DELETE FROM {table} WHERE {column} = ?", i)
            if "incident" in columns or table == "incident":
                for i in told:
                    db.run(f"DELETE FROM {table} WHERE {'id' if table == 'incident' else 'incident'} = ?", i)
        db.run("DELETE FROM country_closed")
        if "touched_n" in tables.get("site_change", ()):
            db.run("UPDATE site_change SET touched_n = (SELECT count(*) FROM site_touched t WHERE t.seq = site_change.seq) WHERE touched_n >= 0")
        self.last_change = db.rows("SELECT max(seq) FROM site_change")[0][0]
        rng, moved = random.Random(7), 0
        for id, lat, lon, m in db.rows("SELECT id, lat, lon, coarse_m FROM site WHERE visibility = 1"):
            if lat is not None and cell(lat, lon, m):
                p = elsewhere(rng, lat, lon, m)
                db.run("UPDATE site SET lat = ?, lon = ?, cell = ? WHERE id = ?", *p, morton(*p), id)
                moved += 1
            db.run("UPDATE site SET wikidata = 'Q1', unesco = '', note = 'elsewhere', start_date = '1066', admin1 = 'elsewhere' WHERE id = ?", id)
            db.run("UPDATE site_source SET external_id = external_id || '-twin', source_text = 'twin', raw = '{}' WHERE site = ?", id)
            db.run("DELETE FROM site_footprint WHERE site = ?", id)
            db.run("DELETE FROM site_picture WHERE site = ?", id)
        assert 5 * len(hidden) > len(self.sites) and 8 * moved > len(self.sites) and told, (len(hidden), moved, len(told))
        db.close()
        print(f"twin: {len(hidden)} sites never were, {moved} are elsewhere, {len(told)} incidents with them")
        self.hidden = [s for s in self.sites if s.visibility == "hidden"]
        self.coarse = [s for s in self.sites if s.visibility == "coarse"]
        self.public = [s for s in self.sites if s.visibility == "public"]


class Server:
    def __init__(self, fane, data):
        self.log = open(data + ".log", "w+")
        self.process = subprocess.Popen([fane, "serve", "--data", data, "--listen", "127.0.0.1:0", "--public-url", URL], stderr=self.log)
        self.port = None
        for _ in range(600):
            with open(data + ".log") as f:
                m = re.search(r"serving \S*:(\d+)", f.read())
            if m:
                self.port = int(m[1])
                break
            time.sleep(0.05)
        assert self.port, open(data + ".log").read()
        for _ in range(600):
            if Client(self.port).ask("GET", "/tiles/sites/0/0/0.mvt").status == 200:
                return
            time.sleep(0.05)
        raise RuntimeError("no tiles: " + open(data + ".log").read()[-500:])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        if code:
            fail(f"a server ended with {code}")


class Answer:
    def __init__(self, r):
        self.status, self.headers, raw = r.status, r.headers, r.read()
        self.body = gzip.decompress(raw) if r.headers.get("Content-Encoding") == "gzip" and raw else raw

    def json(self):
        return json.loads(self.body)


class Client:
    def __init__(self, port, role=None):
        self.port, self.role, self.headers, self.c = port, role, {}, None
        if role:
            r = self.ask("POST", "/api/v1/session", {"name": role, "password": PASSWORD})
            assert r.status == 200, r.body
            self.headers = {"Cookie": r.headers["Set-Cookie"].split(";")[0], "X-CSRF-Token": r.json()["csrf"]}

    def ask(self, method, path, body=None, headers=()):
        head = {**self.headers, "Host": "leak.test", **dict(headers)}
        raw = None
        if body is not None:
            raw = body if isinstance(body, str) else json.dumps(body)
            head["Content-Type"] = "application/json"
        for attempt in (0, 1):
            self.c = self.c or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                self.c.request(method, path, raw, head)
                return Answer(self.c.getresponse())
            except (http.client.HTTPException, ConnectionError):
                self.c.close()
                self.c = None
                if attempt:
                    raise


# ---- what an answer must not hold ----

def needle(answer, s, asked=""):
    """Whether the answer tells of the site: by name in any case, id, code, source id, or place."""
    text = answer.body.lower()
    asked = urllib.parse.unquote(asked).lower()
    if s.token.encode() in text and s.token not in asked:
        return "name"
    if s.id and (s.id.encode() in text or uuid.UUID(s.id).bytes in answer.body) and s.id not in asked:
        return "id"
    if s.id and code_of(s.id).lower().encode() in text and code_of(s.id).lower() not in asked:
        return "code"
    if re.search(rb"\b" + s.external.encode() + rb"\b", text) and s.external not in asked:
        return "source id"
    return None


def place_needle(answer, s):
    lat, lon = f"{s.lat:.5f}"[:-1].encode(), f"{s.lon:.5f}"[:-1].encode()  # ten metres
    near = re.compile(re.escape(lat) + rb"\d*.{0,80}?" + re.escape(lon) + rb"|" + re.escape(lon) + rb"\d*.{0,80}?" + re.escape(lat), re.S)
    return near.search(answer.body) is not None


CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def code_of(id):
    n = int.from_bytes(uuid.UUID(id).bytes[:5], "big")
    symbols = "".join(CROCKFORD[n >> (35 - 5 * k) & 31] for k in range(8))
    return f"{symbols[:4]}-{symbols[4:]}-{(CROCKFORD + '*~$=U')[n % 37]}"


# ---- recipes: one per route, a random path and body ----

class Recipes:
    def __init__(self, world, seed):
        self.w, self.r = world, random.Random(seed)

    def any_site(self):
        if self.r.random() < 0.15:
            return self.r.choice(self.w.pictured)
        return self.r.choice(self.r.choice((self.w.hidden, self.w.hidden, self.w.coarse, self.w.public)))

    def point(self):
        s, kind = self.any_site(), self.r.random()
        if kind < 0.1:
            return self.r.uniform(-90, 90), self.r.uniform(-180, 180)
        spread = self.r.choice((0, 1e-5, 1e-3, 0.05, 1))
        return max(-90, min(90, s.lat + self.r.gauss(0, spread))), (s.lon + self.r.gauss(0, spread) + 180) % 360 - 180

    def box(self):
        lat, lon = self.point()
        h, w = (self.r.choice((1e-5, 1e-3, 0.01, 0.2, 3, 40, 180)) * self.r.random() for _ in range(2))
        south, north = max(-90, lat - h), min(90, lat + h)
        west, east = max(-180, lon - w), min(180, lon + w)
        if self.r.random() < 0.05:
            west, east = east, west
        return f"{west:.7f},{south:.7f},{east:.7f},{north:.7f}"

    def text(self):
        s = self.any_site()
        t = self.r.choice((s.token, s.token.upper(), s.token[:self.r.randint(1, 6)], s.name, s.token[2:8], s.name.split()[0], "kirche", "chruch",
                           "مسجد", "храм", "寺", "%", "_", "a", s.token[:4] + s.token[5:], s.id, code_of(s.id), s.external, "", "Onlyhidden"))
        return t

    def id(self):
        s = self.any_site()
        other = self.w.linked[self.r.randrange(len(self.w.linked))][0]
        return self.r.choice((s.id, s.id, s.id.upper(), code_of(s.id), code_of(s.id).lower().replace("-", ""), s.external, other, code_of(other),
                              str(uuid.UUID(int=self.r.getrandbits(128), version=4)), "x"))

    def incident(self):
        return self.r.choice(self.r.choice((self.w.incidents, self.w.told)))

    def tile(self):
        z = self.r.randint(0, 14)
        lat, lon = self.point()
        n = 2**z
        lat = max(-85, min(85, lat))
        x = min(n - 1, int((lon / 360 + 0.5) * n))
        y = min(n - 1, max(0, int((0.5 - math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)) / (2 * math.pi)) * n)))
        return f"{z}/{x}/{y}"

    def cursor(self, key):
        have = self.w.cursors[key]
        if have and self.r.random() < 0.5:
            return self.r.choice(have)
        lat, lon = self.point()  # made up: a cell of a hidden place
        return self.r.choice((struct.pack(">Q", morton(lat, lon)).hex() + uuid.UUID(self.any_site().id).hex,) * 4 + ("1", "x", "2020-01-01.x"))

    def query(self, path, **options):
        """Each option: (chance, function)."""
        q = {k.rstrip("_").replace("__", "-"): f() for k, (p, f) in options.items() if self.r.random() < p}
        q = {k: v for k, v in q.items() if v is not None}
        return path + ("?" + urllib.parse.urlencode(q) if q else "")

    def limit(self):
        return self.r.choice((1, 1, 2, 3, 7, 20, 200))

    def of(self, method, pattern):
        name = (method + pattern).lower()
        name = re.sub(r"[^a-z0-9]+", "_", name).strip("_")
        return getattr(self, name, None)

    # service
    def get_healthz(self): return "/healthz"
    def get_metrics(self): return "/metrics"
    def get_openapi_json(self): return "/openapi.json"
    def get_api_v1_vocab(self): return "/api/v1/vocab"

    # sites
    def get_api_v1_sites(self):
        return self.query("/api/v1/sites", bbox=(0.5, self.box), q=(0.3, self.text), religion=(0.2, lambda: self.r.choice(RELIGIONS)),
                          kind=(0.1, lambda: self.r.choice(("CHU", "MOS", "SYN"))), class_=(0.1, lambda: "place_of_worship"),
                          country=(0.2, lambda: self.r.choice(("GB", "IT", CLOSED, "AD", "SJ", ""))), heritage=(0.1, lambda: "1"),
                          limit=(0.8, self.limit), cursor=(0.3, lambda: self.cursor("/api/v1/sites")))

    def get_api_v1_sites_id(self): return "/api/v1/sites/" + self.id()
    def get_api_v1_sites_id_qr_svg(self): return f"/api/v1/sites/{self.id()}/qr.svg"

    def get_api_v1_pictures_id_size_jpg(self):
        return f"/api/v1/pictures/{self.r.choice(self.w.pictures + [self.id()])}/{self.r.choice(('whole', 'small', 'x'))}.jpg"

    def get_api_v1_near(self):
        lat, lon = self.point()
        return self.query("/api/v1/near", lat=(0.99, lambda: f"{lat:.7f}"), lon=(0.99, lambda: f"{lon:.7f}"), n=(0.7, self.limit))

    def get_api_v1_search(self):
        lat, lon = self.point()
        place = self.r.random() < 0.4
        return self.query("/api/v1/search", q=(0.98, self.text), lat=(place, lambda: f"{lat:.6f}"), lon=(place, lambda: f"{lon:.6f}"),
                          lang=(0.2, lambda: self.r.choice(("en", "ar", "ru"))), religion=(0.2, lambda: self.r.choice(RELIGIONS)),
                          kind=(0.1, lambda: "CHU"), limit=(0.5, lambda: self.r.choice((1, 5, 20))))

    def get_api_v1_ground(self):
        return self.query("/api/v1/ground", bbox=(0.8, self.box), limit=(0.5, self.limit), cursor=(0.2, lambda: self.r.choice((0, 1, 5, 100))))

    # tiles
    def get_tiles_sites_z_x_y_mvt(self):
        return self.query(f"/tiles/sites/{self.tile()}.mvt", religion=(0.3, lambda: self.r.choice(RELIGIONS)), buffer=(0.3, lambda: self.r.choice((0, 320))))

    def get_tiles_incidents_z_x_y_mvt(self): return f"/tiles/incidents/{self.tile()}.mvt"
    def get_tiles_ground_z_x_y_mvt(self): return f"/tiles/ground/{self.tile()}.mvt"
    def get_tiles_hotspots_z_x_y_mvt(self): return f"/tiles/hotspots/{self.tile()}.mvt"
    def get_tiles_layer_json(self): return f"/tiles/{self.r.choice(('sites', 'incidents', 'hotspots', 'ground', 'x'))}.json"

    # incidents, watch, alerts
    def get_api_v1_incidents(self):
        return self.query("/api/v1/incidents", bbox=(0.5, self.box), since=(0.2, lambda: "2015-01-01"), until=(0.1, lambda: "2024-01-01"),
                          context=(0.2, lambda: self.r.choice("01")), limit=(0.8, self.limit), cursor=(0.2, lambda: self.cursor("/api/v1/incidents")))

    def get_api_v1_incidents_id(self): return "/api/v1/incidents/" + self.r.choice((self.incident(), self.id()))

    def get_api_v1_changes(self):
        """Whoever has a copy is told what to drop: sites that were public at `since` are named by id there, and nowhere else."""
        last = self.w.last_change
        return self.query("/api/v1/changes", since=(0.98, lambda: self.r.choice((0, 1, last, last, last + 1, self.r.randint(0, last)))),
                          limit=(0.2, lambda: 1000),
                          cursor=(0.2, lambda: f"{self.r.randint(0, last)}.{self.r.choice(self.w.public).id if self.r.random() < 0.5 else uuid.uuid4()}"))

    def get_api_v1_clusters(self): return "/api/v1/clusters"
    def get_api_v1_warnings(self): return self.query("/api/v1/warnings", state=(0.3, lambda: self.r.choice(("approved", "draft"))), limit=(0.3, self.limit))
    def get_alerts_id_xml(self): return f"/alerts/{self.id()}.xml"
    def get_feeds_alerts_atom(self): return "/feeds/alerts.atom"

    # OGC
    def formats(self): return self.r.choice(("json", "html", "geojson", "x"))
    def collection(self): return self.r.choice(("sites", "sites", "sites", "areas", "x"))
    def get_ogc(self): return self.query("/ogc", f=(0.5, self.formats))
    def get_ogc_conformance(self): return self.query("/ogc/conformance", f=(0.5, self.formats))
    def get_ogc_api(self): return self.query("/ogc/api", f=(0.5, self.formats))
    def get_ogc_collections(self): return self.query("/ogc/collections", f=(0.5, self.formats))
    def get_ogc_collections_collection(self): return self.query(f"/ogc/collections/{self.collection()}", f=(0.5, self.formats))
    def get_ogc_collections_collection_queryables(self): return self.query(f"/ogc/collections/{self.collection()}/queryables", f=(0.5, self.formats))

    def cql(self):
        t = self.text().replace("'", "''")
        return self.r.choice((f"name LIKE '%{t}%'", f"name = '{t}'", f"faith = '{self.r.choice(RELIGIONS)}' AND name LIKE '{t}%'",
                              f"NOT (name LIKE '%{t}%')", f"country = '{CLOSED}'", f"id = '{self.id()}'", "name >"))

    def get_ogc_collections_collection_items(self):
        c = self.collection()
        return self.query(f"/ogc/collections/{c}/items", f=(0.8, self.formats), bbox=(0.5, self.box), limit=(0.8, self.limit),
                          name=(0.2, self.text), faith=(0.2, lambda: self.r.choice(RELIGIONS)), kind=(0.1, lambda: "CHU"),
                          filter_=(0.2, self.cql), cursor=(0.2, lambda: self.cursor(f"/ogc/collections/{c}/items")))

    def get_ogc_collections_collection_items_fid(self): return self.query(f"/ogc/collections/{self.collection()}/items/{self.id()}", f=(0.7, self.formats))

    # sessions
    def get_api_v1_session(self): return "/api/v1/session"
    def delete_api_v1_session(self): return ("/api/v1/session", None) if False else None
    def post_api_v1_session(self): return "/api/v1/session", {"name": "nobody", "password": "x"} if self.r.random() < 0.01 else {}

    # for staff: what is sent is refused whoever asks, so that the two stores stay alike
    def refused(self, path, **body): return path, body
    def post_api_v1_sites_id_hide(self): return self.refused(f"/api/v1/sites/{self.id()}/hide", reason="")
    def post_api_v1_sites_id_visibility(self): return self.refused(f"/api/v1/sites/{self.id()}/visibility", visibility="x", reason="x")
    def get_api_v1_visibility_reviews(self): return self.query("/api/v1/visibility/reviews", limit=(1, lambda: 3), state=(0.3, lambda: "open"))
    def post_api_v1_visibility_reviews_id_decide(self): return self.refused(f"/api/v1/visibility/reviews/{self.id()}/decide", keep=True, reason="")
    def get_api_v1_countries(self): return "/api/v1/countries"
    def post_api_v1_countries_iso2(self): return self.refused(f"/api/v1/countries/{self.r.choice((CLOSED, 'GB', 'xx'))}", published=True, reason="")
    def post_api_v1_watch_run(self): return self.refused("/api/v1/watch/run", as_of="x")
    def post_api_v1_warnings_id_approve(self): return self.refused(f"/api/v1/warnings/{self.id()}/approve")
    def post_api_v1_warnings_id_reject(self): return self.refused(f"/api/v1/warnings/{self.id()}/reject")
    def get_api_v1_joins(self): return self.query("/api/v1/joins", state=(0.5, lambda: "open"), limit=(1, lambda: 3))
    def post_api_v1_joins_id_decide(self): return self.refused(f"/api/v1/joins/{self.id()}/decide", reason="")
    def post_api_v1_joins_id_undo(self): return self.refused(f"/api/v1/joins/{self.id()}/undo", reason="")
    def get_api_v1_suggestions(self): return self.query("/api/v1/suggestions", limit=(1, lambda: 3))
    def post_api_v1_suggestions_id_decide(self): return self.refused(f"/api/v1/suggestions/{self.id()}/decide", reason="")
    def get_api_v1_reports(self): return self.query("/api/v1/reports", limit=(1, lambda: 3))
    def post_api_v1_reports_id_review(self): return self.refused(f"/api/v1/reports/{self.id()}/review")

    # for everybody
    def post_api_v1_reports(self): return "/api/v1/reports", {"text": self.text() if self.r.random() < 0.05 else "", "site": self.id()}
    def post_api_v1_reports_status(self): return "/api/v1/reports/status", {"receipt": self.id()}
    def post_api_v1_suggestions_status(self): return "/api/v1/suggestions/status", {"receipt": self.id()}

    def post_api_v1_suggestions(self):
        """Against a hidden site and against none: one answer."""
        body = {"site": self.id(), "text": ""}
        if self.r.random() < 0.03:
            body.update(text="the name is another", changes={"name": "x"})
        return "/api/v1/suggestions", body


# ---- asking ----

VOLATILE = re.compile(rb'"(receipt|challenge|csrf|expires|nonce|token|timeStamp)"\s*:\s*"[^"]*"')
HEADERS_ASIDE = {"date", "connection", "keep-alive", "set-cookie"}
# What is counted or timed since the start, of this process and not of the registry.
COUNTED = re.compile(rb"(?m)^fane_(http|store|reports|proofs|tiles_cache|suggestions|process)_.*\n")


REMOVED = re.compile(rb'"removed":\[[^]]*\]')


def plain(a, path):
    body = VOLATILE.sub(rb'"\1":""', a.body)
    if path.startswith("/api/v1/changes"):
        return REMOVED.sub(b'"removed":[]', body)
    return COUNTED.sub(b"", body) if path == "/metrics" else body


def head_of(a):
    return sorted((k.lower(), v) for k, v in a.headers.items() if k.lower() not in HEADERS_ASIDE and not (k.lower() == "content-length" and VOLATILE.search(a.body)))


def difference(a, b):
    i = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return f"...{a[max(0, i - 60):i + 160]!r} against ...{b[max(0, i - 60):i + 160]!r} ({len(a)} and {len(b)} bytes)"


class Asking:
    def __init__(self, world, a, b, seed):
        self.w, self.recipes = world, Recipes(world, seed)
        self.a, self.b = a, b
        self.clients = {None: (Client(a.port), Client(b.port))}
        self.staff = {role: Client(a.port, role) for role in ROLES}
        self.rng = random.Random(seed + 1)
        self.count, self.by_route, self.statuses = 0, collections.Counter(), collections.Counter()
        self.needles = 0

    def make(self, method, pattern):
        made = self.recipes.of(method, pattern)()
        path, body = made if isinstance(made, tuple) else (made, None)
        return urllib.parse.quote(path, safe="/?&=%+,:;!~*'()@-_."), body

    def search(self, answer, path, what, sites):
        for s in sites:
            found = needle(answer, s, path)
            if found or (place_needle(answer, s) and not s.is_away and f"{s.lat:.3f}" not in path):
                fail(f"{what}: the {found or 'place'} of {s.external} ({s.visibility})")

    def public(self, method, pattern, headers):
        path, body = self.make(method, pattern)
        ca, cb = self.clients[None]
        a, b = ca.ask(method, path, body, headers), cb.ask(method, path, body, headers)
        self.count += 2
        self.by_route[method + " " + pattern] += 1
        self.statuses[f"{method} {pattern} {a.status}"] += 1
        what = f"{method} {path} {body if body else ''} {dict(headers) or ''}"
        if a.status != b.status:
            fail(f"{what}: {a.status} against {b.status}: {a.body[:200]!r} {b.body[:200]!r}")
            return
        if a.status >= 500 and a.status != 503:
            fail(f"{what}: {a.status} {a.body[:300]!r}")
        if plain(a, path) != plain(b, path):
            fail(f"{what}: {difference(plain(a, path), plain(b, path))}")
        if head_of(a) != head_of(b):
            if path != "/metrics" and not path.startswith("/api/v1/changes"):
                fail(f"{what}: headers {set(head_of(a)) ^ set(head_of(b))}")
        if path.startswith("/api/v1/changes"):
            a.body = REMOVED.sub(b'"removed":[]', a.body)
        if self.rng.random() < 0.05:
            self.search(a, path + json.dumps(body), what, self.w.hidden)
            for s in self.w.coarse:
                if place_needle(a, s) and f"{s.lat:.3f}" not in path:
                    fail(f"{what}: the place of {s.external} (coarse)")
            self.needles += 1
        if a.status == 200 and a.body[:1] == b"{" and b'"next"' in a.body[-400:]:
            next = a.json().get("next")
            if isinstance(next, str):
                self.w.cursors[path.split("?")[0]].append(next)
        tag = a.headers.get("ETag")
        if tag and not path.startswith("/api/v1/changes") and self.rng.random() < 0.02:  # what was public and is gone is named there
            c = ca.ask(method, path, body, {"If-None-Match": tag})
            d = cb.ask(method, path, body, {"If-None-Match": tag})
            self.count += 2
            if (c.status, c.body) != (d.status, d.body):
                fail(f"{what} with {tag}: {c.status} against {d.status}")

    def inside(self, route):
        """Staff see more; what they are answered is theirs alone, and a route that is the same for everyone stays so."""
        method, pattern, access, flags = route
        path, body = self.make(method, pattern)
        role = self.rng.choice(ROLES)
        a = self.staff[role].ask(method, path, body)
        self.count += 1
        if a.status >= 500 and a.status != 503:
            fail(f"{role} {method} {path}: {a.status} {a.body[:300]!r}")
        if a.status == 403 and role == "administrator" and access != "open" and method == "GET":
            fail(f"{role} {method} {path}: {a.body[:200]!r}")
        kept = (a.headers.get("Cache-Control") or "")
        told = any(needle(a, s, path + json.dumps(body)) for s in self.rng.sample(self.w.hidden, 12))
        if told and ("public" in kept or "max-age" in kept):
            fail(f"{role} {method} {path}: what staff may see may be kept on the way: {kept}")
        if told and "anyone" in flags:
            fail(f"{role} {method} {path}: a hidden site in an answer that is the same for everyone")

    def go(self, routes, requests):
        began = time.time()
        for route in routes:
            if not self.recipes.of(route[0], route[1]):
                fail(f"{route[0]} {route[1]} has no recipe in tests/api/leak.py: who adds a route says how it is asked")
        routes = [r for r in routes if self.recipes.of(r[0], r[1]) and self.recipes.of(r[0], r[1])() is not None]
        heavy = [r for r in routes if r[0] == "GET" and ("sites" in r[1] or "pictures" in r[1] or "near" in r[1] or "search" in r[1] or "items" in r[1] or "mvt" in r[1] or "incidents" in r[1])]
        while self.count < requests and len(failures) < 200:
            route = self.rng.choice(heavy if self.rng.random() < 0.75 else routes)
            headers = {"Accept-Encoding": "gzip"} if self.rng.random() < 0.3 else {}
            if self.rng.random() < 0.15:
                self.inside(route)
            else:
                self.public(route[0], route[1], headers)
            if self.rng.random() < 0.01:
                self.public("GET", "/api/v1/sites", {"Accept": "text/html", "Accept-Language": "ar"})
        for r in routes:
            if not self.by_route[f"{r[0]} {r[1]}"]:
                self.public(r[0], r[1], {})
        print(f"{self.count} requests over {len(routes)} routes in {time.time() - began:.0f} s, {self.needles} answers searched for names and places")
        if os.environ.get("FANE_LEAK_VERBOSE"):
            for k, v in sorted(self.statuses.items()):
                print(f"  {v:6} {k}")


# ---- the command line is an outlet, too ----

# Commands that give out what the public may see when nobody says --as: compared. The others are the operator's own.
OPERATORS = {"init", "serve", "import", "scan", "watch", "warning", "seed", "verify", "user", "org", "bench", "site", "country", "join", "backup",
             "restore", "group", "suggestion", "area", "atlas", "help"}


def command_line(world):
    said = run(world.fane, "--help")
    commands = set(re.findall(r"(?m)^  fane (\w+)", said))
    rng, recipes = random.Random(5), Recipes(world, 5)
    asks = {"export": [["export", "sites", "--format", f, *box] for f in ("geojson", "csv") for box in ([], ["--bbox", "-0.5,51.2,0.3,51.8"])] +
                      [["export", "incidents", "--format", f] for f in ("geojson", "csv")],
            "near": [["near", f"{p[0]:.6f}", f"{p[1]:.6f}", "--n", "20", "--json"] for p in (recipes.point() for _ in range(12))],
            "search": [["search", s.token] for s in rng.sample(world.hidden, 3)],
            "tiles": []}
    for c in sorted(commands - OPERATORS - set(asks)):
        fail(f"the command 'fane {c}' is judged nowhere in tests/api/leak.py")
    n = 0
    for c in sorted(commands & set(asks)):
        for words in asks[c]:
            words = [w if not w.startswith("-") or w.startswith("--") else w for w in words]
            ab = [subprocess.run([world.fane, *words[:1], "--data", d, "--", *words[1:]] if c == "near" and not any(w.startswith("--") for w in words[1:]) else
                                 [world.fane, words[0], "--data", d, *(["--n", "20", "--json", "--", *words[1:3]] if c == "near" else words[1:])],
                                 capture_output=True, timeout=120) for d in (world.a, world.b)]
            n += 1
            if ab[0].stdout != ab[1].stdout or ab[0].stderr != ab[1].stderr or ab[0].returncode:
                fail(f"fane {' '.join(words)}: {ab[0].returncode} {difference(ab[0].stdout + ab[0].stderr, ab[1].stdout + ab[1].stderr)}")
            for s in world.hidden:
                if s.token.encode() in ab[0].stdout.lower() and c != "search":
                    fail(f"fane {' '.join(words)}: the name of {s.external}")
    n += packages(world) + pyramids(world)
    print(f"{n} questions on the command line")


def pyramids(world):
    """The file of all tiles, byte by byte."""
    files = []
    for d in (world.a, world.b):
        out = os.path.join(os.path.dirname(d), os.path.basename(d) + ".pmtiles")
        r = subprocess.run([world.fane, "export", "tiles", "--out", out, "--data", d], capture_output=True, text=True, timeout=300)
        if r.returncode:
            fail(f"fane export tiles: {r.stderr}")
            return 0
        with open(out, "rb") as f:
            files.append(f.read())
    if files[0] != files[1]:
        fail(f"PMTiles: {difference(*files)}")
    return 1


def packages(world):
    """GeoPackage: a database; compared row by row."""
    dumps = []
    for d in (world.a, world.b):
        out = os.path.join(os.path.dirname(d), os.path.basename(d) + ".gpkg")
        r = subprocess.run([world.fane, "export", "sites", "--format", "gpkg", "--out", out, "--data", d], capture_output=True, text=True, timeout=120)
        if r.returncode:
            if "not written by this version" not in r.stderr:
                fail(f"fane export --format gpkg: {r.stderr}")
            return 0
        db = sqlite3.connect(out)
        rows = []
        for (t,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'rtree%' ORDER BY name").fetchall():
            columns = [c[1] for c in db.execute(f'PRAGMA table_info("{t}")') if c[1] not in ("last_change", "timestamp")]
            rows += [(t, *(re.sub(r'"created":"[^"]*"', "", c) if isinstance(c, str) else c for c in r)) for r in db.execute(f'SELECT {", ".join(chr(34) + c + chr(34) for c in columns)} FROM "{t}"')]
        db.close()
        with open(out, "rb") as f:
            whole = f.read().lower()
        for s in world.hidden if d == world.a else ():
            if s.token.encode() in whole:
                fail(f"GeoPackage: the name of {s.external}, in a row or in a page no longer used")
        dumps.append(rows)
    if dumps[0] != dumps[1]:
        fail(f"GeoPackage: {[r for r in dumps[0] if r not in dumps[1]][:3]} against {[r for r in dumps[1] if r not in dumps[0]][:3]}")
    return 1


def main():
    args = dict(zip(sys.argv[3::2], sys.argv[4::2]))
    requests = int(args.get("--requests", os.environ.get("FANE_LEAK_REQUESTS", 2500)))
    seed = int(args.get("--seed", random.SystemRandom().randrange(10**6)))
    engine = args.get("--engine", "sqlite")
    if engine == "postgres" and not database.SOCKET:
        print("SKIPPED on PostgreSQL: no server; run it under tests/unit/store/with_postgres", file=sys.stderr)
        sys.exit(77)
    print(f"{engine}, seed {seed}, at least {requests} requests")
    routes = [line.split("\t") for line in run(sys.argv[2], "--routes").splitlines()]
    with tempfile.TemporaryDirectory(prefix="fane-leak-") as dir:
        w = World(sys.argv[1], dir, seed, 420 if requests > 20000 else 220, engine)
        w.fill()
        w.learn()
        w.picture()
        s = Server(w.fane, w.a)
        try:
            w.guard(s)
        finally:
            s.stop()
        w.twin()
        a = Server(w.fane, w.a)
        b = Server(w.fane, w.b)
        try:
            Asking(w, a, b, seed).go(routes, requests)
            command_line(w)
        finally:
            a.stop()
            b.stop()
            for d in (w.a, w.b):
                database.drop(d)
    print(f"{len(failures)} leaks")
    sys.exit(1 if failures else 0)


main()
