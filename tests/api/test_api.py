#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The API against a real server on a free port: every route, as every kind of viewer, with good and bad input.

usage: test_api.py API_SERVER [PART...]
"""
import concurrent.futures
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

EXE = sys.argv[1]
PASSWORD = "correct horse battery"
ROLES = ("reviewer", "coordinator", "administrator")
passed, failed = 0, []


def check(ok, what):
    global passed
    if ok:
        passed += 1
    else:
        failed.append(what)
        print(f"FAILED: {what}", file=sys.stderr)


def equal(got, want, what):
    check(got == want, f"{what}: got {got!r}, want {want!r}")


class Server:
    def __init__(self, *args):
        self.dir = tempfile.TemporaryDirectory(prefix="fane-api-")
        self.process = subprocess.Popen([EXE, os.path.join(self.dir.name, "data"), *args], stdout=subprocess.PIPE,
                                        stderr=open(os.path.join(self.dir.name, "log"), "w"), text=True)
        self.facts = {}
        for line in self.process.stdout:
            word, *rest = line.split()
            self.facts[word] = rest
            if word == "ready":
                break
        if "ready" not in self.facts:
            raise RuntimeError("the server did not start: " + self.log())
        self.port = int(self.facts["ready"][0])

    def log(self):
        with open(os.path.join(self.dir.name, "log")) as f:
            return f.read()

    def call(self, method, path, body=None, headers=None, raw=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = dict(headers or {})
        if body is not None:
            raw = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        c.request(method, path, raw, headers)
        r = c.getresponse()
        data = r.read()
        c.close()
        return Answer(r.status, r.headers, data)

    def get(self, path, **headers):
        return self.call("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        log = self.log()
        self.dir.cleanup()
        return code, log


class Answer:
    def __init__(self, status, headers, data):
        self.status, self.headers, self.data = status, headers, data

    def json(self):
        return json.loads(self.data)

    def problem(self):
        assert self.headers["Content-Type"] == "application/problem+json", (self.status, self.headers["Content-Type"])
        p = self.json()
        assert p["status"] == self.status and p["title"] and p["code"]
        return p


class Person:
    def __init__(self, server, role):
        self.server = server
        a = server.call("POST", "/api/v1/session", {"name": role, "password": PASSWORD})
        assert a.status == 200, (a.status, a.data)
        self.cookie = a.headers["Set-Cookie"]
        self.csrf = a.json()["csrf"]
        self.pair = self.cookie.split(";")[0]

    def call(self, method, path, body=None, csrf=True, **headers):
        h = {"Cookie": self.pair, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if csrf:
            h["X-CSRF-Token"] = self.csrf
        return self.server.call(method, path, body, h)

    def get(self, path):
        return self.call("GET", path, csrf=False)


def test_service_routes(s):
    a = s.get("/healthz")
    equal((a.status, a.json()), (200, {"status": "ok"}), "healthz")
    a = s.call("HEAD", "/healthz")
    equal((a.status, a.data), (200, b""), "HEAD /healthz")
    a = s.get("/openapi.json")
    equal(a.json()["openapi"][:4], "3.1.", "openapi")
    a = s.get("/api/v1/vocab")
    check("christian" in a.json()["religions"] and "en" in a.json()["severity"]["S5"], "vocab has codes and labels")
    equal(s.get("/api/v1/vocab", If_None_Match=a.headers["ETag"]).status, 304, "vocab is conditional")
    packed = s.get("/api/v1/vocab", Accept_Encoding="gzip")
    equal(packed.headers["Content-Encoding"], "gzip", "vocab is packed")
    text = s.get("/metrics").data.decode()
    check('fane_http_requests_total{route="GET /healthz",status="2xx"}' in text, "metrics count requests")
    check("fane_store_commits_total" in text, "metrics count commits")


def test_headers(s):
    for path in ("/healthz", "/api/v1/sites", "/api/v1/nothing", "/"):
        h = s.get(path).headers
        equal(h["X-Content-Type-Options"], "nosniff", f"{path} nosniff")
        equal(h["X-Frame-Options"], "DENY", f"{path} frames")
        equal(h["Referrer-Policy"], "no-referrer", f"{path} referrer")
        check("frame-ancestors 'none'" in h["Content-Security-Policy"], f"{path} CSP")
        check("http:" not in h["Content-Security-Policy"] and "https:" not in h["Content-Security-Policy"], f"{path} CSP: no third party")
        check("geolocation=(self)" in h["Permissions-Policy"], f"{path} permissions")
        check(h["Server"] is None, f"{path} names no server")


def test_unknown(s):
    for path in ("/api/v1/nothing", "/api/v2/sites", "/tiles/none/0/0/0.mvt", "/assets/none.js", "/x.php", "/.env"):
        a = s.get(path)
        equal(a.status, 404, path)
        a.problem()
    for method, path, allow in (("PUT", "/api/v1/reports", "GET, HEAD, POST"), ("POST", "/api/v1/sites", "GET, HEAD"),
                                ("GET", "/api/v1/reports/status", "POST"), ("DELETE", "/healthz", "GET, HEAD"), ("OPTIONS", "/healthz", "GET, HEAD"),
                                ("TRACE", "/healthz", "GET, HEAD")):
        a = s.call(method, path)
        equal((a.status, a.headers["Allow"]), (405, allow), f"{method} {path}")
    equal(s.call("POST", "/no/such/page", {}).status, 404, "POST to a page")


def pages(ask, path, key):
    rows, cursor, joint = [], None, "&" if "?" in path else "?"
    while True:
        a = ask(path + (f"{joint}cursor={cursor}" if cursor else ""))
        assert a.status == 200, (path, a.status, a.data)
        rows += a.json()[key]
        cursor = a.json()["next"]
        if cursor is None:
            return rows, a.json().get("matched")


def test_sites(s):
    admin = Person(s, "administrator")
    rows, matched = pages(s.get, "/api/v1/sites?limit=37", "sites")
    equal(len(rows), matched, "pages hold what matched says")
    equal(len({r["id"] for r in rows}), len(rows), "no site twice over the pages")
    check(len(rows) >= 300, "the seed is there")
    hidden, coarse = s.facts["hidden"], s.facts["coarse"]
    check(hidden[0] not in {r["id"] for r in rows}, "a hidden site is in no list")
    all_rows, all_matched = pages(admin.get, "/api/v1/sites?limit=1000", "sites")
    equal(all_matched, matched + 1, "an administrator counts the hidden site")
    a = s.get(f"/api/v1/sites/{hidden[0]}")
    equal(a.status, 404, "a hidden site is not found")
    b = s.get("/api/v1/sites/00000000-0000-4000-8000-000000000000")
    equal(a.data, b.data, "a hidden site cannot be told from none")
    equal(admin.get(f"/api/v1/sites/{hidden[0]}").status, 200, "an administrator sees the hidden site")
    box = f"{float(hidden[2]) - 0.001},{float(hidden[1]) - 0.001},{float(hidden[2]) + 0.001},{float(hidden[1]) + 0.001}"
    check(hidden[0] not in s.get(f"/api/v1/sites?bbox={box}").data.decode(), "a hidden site is in no box")
    c = s.get(f"/api/v1/sites/{coarse[0]}").json()
    check(c["coarse"] is True and (abs(c["lat"] - float(coarse[1])) > 1e-6 or abs(c["lon"] - float(coarse[2])) > 1e-6), "a coarse site has a coarse place")
    check(c["footprint"] is None and not c.get("wikidata"), "a coarse site tells nothing that finds it")
    near = s.get(f"/api/v1/near?lat={coarse[1]}&lon={coarse[2]}&n=100").data.decode()
    check(coarse[1] not in near, "near does not give the exact place of a coarse site")
    one = rows[5]
    sheet = s.get(f"/api/v1/sites/{one['id']}").json()
    equal(sheet["name"], one["name"], "the sheet is of the site")
    equal(s.get(f"/api/v1/sites/{one['code']}").json()["id"], one["id"], "a site by its code")
    for key in ("sources", "incidents", "neighbours", "footprint", "names"):
        check(key in sheet, f"the sheet has {key}")
    check(sheet["sources"] and sheet["sources"][0]["licence"] is not None, "a site has its source")
    found = s.get("/api/v1/sites?religion=sikh").json()
    check(found["sites"] and all(r["religion"] == "sikh" for r in found["sites"]), "filter by religion")
    found = s.get("/api/v1/sites?heritage=1&limit=500").json()
    check(found["sites"] and all(r["whs_year"] or r["heritage"] for r in found["sites"]), "filter by heritage")
    equal(found["matched"], sum(1 for r in rows if r["whs_year"] or r["heritage"]), "heritage is counted exactly")
    found = s.get("/api/v1/sites?q=basilica&limit=5").json()
    check(found["matched"] > 0, "search by name")
    near = s.get("/api/v1/near?lat=41.9022&lon=12.4534&n=3").json()["sites"]
    equal(len(near), 3, "near gives n")
    check(all(near[i]["distance_m"] <= near[i + 1]["distance_m"] for i in range(2)), "nearest first")
    for path in ("sites?bbox=1,2,3", "sites?bbox=a,b,c,d", "sites?bbox=0,50,10,40", "sites?limit=0", "sites?limit=1001", "sites?limit=x",
                 "sites?cursor=junk", "sites?relegion=sikh", "sites?q=%00", "sites?q=a&q=b", "near", "near?lat=x&lon=1", "near?lat=91&lon=1",
                 "near?lat=1&lon=1&n=0", "near?lat=nan&lon=1"):
        a = s.get("/api/v1/" + path)
        equal(a.status, 400, path)
        a.problem()
    for path in ("sites/x", "sites/%20", "sites/ZZZZ-ZZZZ-Z", "sites/..%2f..%2fetc"):
        equal(s.get("/api/v1/" + path).status, 404, path)


def test_incidents(s):
    reviewer = Person(s, "reviewer")
    rows, matched = pages(s.get, "/api/v1/incidents?limit=20", "incidents")
    equal(len(rows), matched, "incidents: pages hold what matched says")
    check(all(r["verification"] in ("V3", "V4") for r in rows), "the public sees verified incidents only")
    check(all(r["coarse"] for r in rows if r["lat"] is not None), "the public sees coarse places only")
    full, _ = pages(reviewer.get, "/api/v1/incidents?limit=500", "incidents")
    check(len(full) >= 60 and len(full) > len(rows), "a reviewer sees all")
    day = sorted(r["date"] for r in full)[len(full) // 2][:10]
    if len(day) == 10:
        part, _ = pages(reviewer.get, f"/api/v1/incidents?limit=500&since={day}", "incidents")
        check(0 < len(part) < len(full), "since cuts")
    one = rows[3]
    equal(s.get(f"/api/v1/incidents/{one['id']}").json(), one, "an incident alone is as in the list")
    unseen = [r for r in full if r["id"] not in {x["id"] for x in rows}][0]
    a, b = s.get(f"/api/v1/incidents/{unseen['id']}"), s.get("/api/v1/incidents/00000000-0000-4000-8000-000000000000")
    equal((a.status, a.data), (404, b.data), "an unverified incident cannot be told from none")
    equal(reviewer.get(f"/api/v1/incidents/{unseen['id']}").json()["title"], unseen["title"], "a reviewer opens it")
    equal(s.get(f"/api/v1/incidents/{one['code']}").status, 404, "incidents go by their id")
    for path in ("incidents?since=yesterday", "incidents?context=2", "incidents?limit=501", "incidents?cursor=%7B", "incidents?seed=1"):
        equal(s.get("/api/v1/" + path).status, 400, path)


def test_changes(s):
    begin = s.get("/api/v1/changes?since=0").json()
    equal((begin["reset"], begin["sites"], begin["removed"], begin["next"]), (True, [], [], None), "a copy begins with everything")
    none = s.get(f"/api/v1/changes?since={begin['seq']}").json()
    equal((none["reset"], none["sites"], none["removed"], none["seq"]), (False, [], [], begin["seq"]), "nothing since")
    told = s.get(f"/api/v1/changes?since={begin['seq'] - 2}")
    check(s.facts["hidden"][1] not in told.data.decode() and s.facts["coarse"][1] not in told.data.decode(), "no true place of what is guarded")
    equal(told.json()["removed"], [s.facts["hidden"][0]], "what was hidden is named by its id")
    equal([r["id"] for r in told.json()["sites"]], [s.facts["coarse"][0]], "what is coarse is told of as it is now")
    first = s.get(f"/api/v1/changes?since={begin['seq'] - 2}&limit=1").json()
    second = s.get(f"/api/v1/changes?since={begin['seq'] - 2}&limit=1&cursor={first['next']}").json()
    equal((len(first["sites"] + first["removed"]), len(second["sites"] + second["removed"]), second["next"], second["seq"]),
          (1, 1, None, begin["seq"]), "page by page")
    admin = Person(s, "administrator")
    equal(admin.get(f"/api/v1/changes?since={begin['seq'] - 2}").json(), told.json(), "the same for everyone")
    for path in ("changes", "changes?since=-1", "changes?since=x", "changes?since=0&limit=1001", f"changes?since={begin['seq'] - 1}&cursor=x"):
        equal(s.get("/api/v1/" + path).status, 400, path)


def test_reports(s):
    a = s.call("POST", "/api/v1/reports", {"text": "A window was broken \U0001F54C", "lat": 10.5, "lon": 20.5, "type": "PRP-05"})
    equal(a.status, 201, "a report is taken")
    check(a.headers["Set-Cookie"] is None and a.headers["Cache-Control"] == "no-store", "a report sets no cookie and is not kept")
    receipt = a.json()["receipt"]
    state = s.call("POST", "/api/v1/reports/status", {"receipt": receipt})
    equal((state.status, state.json()["state"]), (200, "received"), "its state")
    wrong = ("A" if receipt[0] != "A" else "B") + receipt[1:]
    for bad in (wrong, "x", ""):
        equal(s.call("POST", "/api/v1/reports/status", {"receipt": bad}).status, 404, f"receipt {bad!r}")
    equal(s.call("POST", "/api/v1/reports", raw='{"text":"no type named"}', headers={"Content-Type": "text/plain"}).status, 201, "any media type")
    equal(s.call("POST", "/api/v1/reports", {"text": "no place"}).status, 201, "without a place")
    def keyed(key, text): return s.call("POST", "/api/v1/reports", {"text": text}, {"Idempotency-Key": key})
    first, again = keyed("5a" * 16, "sent, and the answer lost"), keyed("5a" * 16, "sent, and the answer lost")
    equal((first.status, again.status), (201, 201), "a second attempt is answered as the first")
    equal(first.json()["receipt"], again.json()["receipt"], "with the same receipt")
    check(keyed("5a" * 16, "another text").json()["receipt"] != first.json()["receipt"], "another text under the key is another report")
    equal(keyed("5a", "x").status, 400, "a key that is none")
    for body in ({}, {"text": ""}, {"text": "   "}, {"text": 5}, {"text": "x", "lat": 1}, {"text": "x", "lat": "1", "lon": 2}, {"text": "x", "lat": 91, "lon": 2},
                 {"text": "x", "type": "NO-SUCH"}, {"text": "a\u0000b"}, [], "x", None):
        a = s.call("POST", "/api/v1/reports", raw=json.dumps(body), headers={"Content-Type": "application/json"})
        equal(a.status, 400, f"report {body!r}")
        a.problem()
    for raw in ("", "{", '{"text":"a","text":"b"}', '{"text":"\xff"}'.encode("latin-1"), "[" * 60000):
        a = s.call("POST", "/api/v1/reports", raw=raw)
        check(a.status in (400, 413), f"report {str(raw)[:20]!r}: {a.status}")
    equal(s.call("POST", "/api/v1/reports", {"text": "x" * 20001}).status, 413, "a text too long")
    equal(s.call("POST", "/api/v1/reports", raw=json.dumps({"text": "\u00e9" * 20000}, ensure_ascii=False).encode()).status, 201, "20,000 characters, not bytes")
    equal(s.call("POST", "/api/v1/reports", raw="x" * 66000).status, 413, "a body too long")
    reviewer = Person(s, "reviewer")
    rows, matched = pages(reviewer.get, "/api/v1/reports?limit=2", "reports")
    check(len(rows) == matched >= 4, "the desk sees the reports")
    mine = [r for r in rows if "window" in r.get("text", "")]
    check(len(mine) == 1 and mine[0]["lat"] == 10.5, "with their content")
    path = f"/api/v1/reports/{mine[0]['id']}/review"
    equal(reviewer.call("POST", path, {"state": "in_review", "note": "looking"}).status, 200, "review")
    equal(s.call("POST", "/api/v1/reports/status", {"receipt": receipt}).json()["state"], "in_review", "the sender sees it")
    equal(reviewer.call("POST", path, {"state": "received"}).status, 409, "no step back")
    check(reviewer.call("POST", path, {"state": "dancing"}).status in (400, 409), "no such state")
    equal(reviewer.call("POST", "/api/v1/reports/nothing/review", {"state": "closed"}).status, 404, "no such report")
    log = s.log()
    check(receipt not in log and "window" not in log and "127.0.0.1 " not in log, "the log holds no receipt, text or address")


def test_sessions(s):
    a = s.call("POST", "/api/v1/session", {"name": "reviewer", "password": PASSWORD})
    cookie = a.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="):
        check(part in cookie, f"cookie has {part}")
    check("Secure" not in cookie, "loopback http: no Secure")
    equal((a.json()["account"], a.json()["role"]), ("reviewer", "reviewer"), "who signed in")
    equal(a.headers["Cache-Control"], "no-store", "a session is not kept")
    for body in ({"name": "reviewer", "password": "wrong wrong wrong"}, {"name": "nobody", "password": PASSWORD}):
        x = s.call("POST", "/api/v1/session", body)
        equal(x.status, 401, f"log-in {body['name']}")
        check(x.headers["Set-Cookie"] is None, "no cookie")
    bad = [s.call("POST", "/api/v1/session", {"name": n, "password": "wrong wrong wrong"}).data for n in ("coordinator", "nobody")]
    equal(bad[0], bad[1], "a wrong name cannot be told from a wrong password")
    raw = json.dumps({"name": "reviewer", "password": PASSWORD})
    equal(s.call("POST", "/api/v1/session", raw=raw, headers={"Content-Type": "text/plain"}).status, 415, "log-in from a form of another site")
    equal(s.call("POST", "/api/v1/session", raw=raw).status, 415, "log-in without a type")
    for origin, want in (("https://evil.example", 403), (f"http://127.0.0.1:{s.port}", 200), ("null", 403), (f"http://127.0.0.1:{s.port}.evil.example", 403)):
        equal(s.call("POST", "/api/v1/session", raw=raw, headers={"Content-Type": "application/json", "Origin": origin}).status, want, f"log-in from {origin}")
    equal(s.call("POST", "/api/v1/session", raw=raw, headers={"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}).status, 403, "log-in across sites")
    p = Person(s, "coordinator")
    equal(p.get("/api/v1/session").json()["role"], "coordinator", "GET session")
    equal(p.get("/api/v1/session").json()["csrf"], p.csrf, "the token stays the session's")
    equal(p.call("DELETE", "/api/v1/session", csrf=False).status, 403, "signing out needs the token")
    equal(p.call("DELETE", "/api/v1/session", Origin="https://evil.example").status, 403, "signing out from another site")
    x = p.call("DELETE", "/api/v1/session")
    check(x.status == 204 and "Max-Age=0" in x.headers["Set-Cookie"], "signing out takes the cookie away")
    equal(p.get("/api/v1/session").status, 401, "and ends the session")
    equal(s.get("/api/v1/session").status, 401, "nobody")
    for junk in ("x", "a" * 5000, "%00", "fane_session=" + "0" * 32):
        equal(s.get("/api/v1/session", Cookie=f"fane_session={junk}").status, 401, "a cookie that is none")


def test_access_of_every_route(s):
    """As the public, and with a session but no token: what is guarded is 401 or 403, never done."""
    doc = s.get("/openapi.json").json()
    reviewer = Person(s, "reviewer")
    some_id = "00000000-0000-4000-8000-000000000000"
    for path, item in doc["paths"].items():
        for method, op in item.items():
            full = path.replace("{id}", some_id).replace("{z}", "0").replace("{x}", "0").replace("{y}", "0").replace("{layer}", "sites")
            body = {} if "requestBody" in op else None
            a = s.call(method.upper(), full, body)
            guarded = [x for x in op.get("security", []) if x]
            what = f"{method.upper()} {path}"
            if guarded:
                equal(a.status, 401, f"{what} as the public")
                a.problem()
            else:
                check(a.status not in (401, 403, 405) and a.status < 500 or path.endswith("/session"), f"{what} as the public: {a.status}")
            if guarded and method != "get":
                equal(reviewer.call(method.upper(), full, body, csrf=False).status, 403, f"{what} without the token")
                equal(reviewer.call(method.upper(), full, body, csrf=False, X_CSRF_Token="0" * 64).status, 403, f"{what} with a wrong token")


def fields_of(tile):
    """Layer names and keys of a vector tile, read from its protobuf."""
    def items(data):
        at = 0
        while at < len(data):
            tag, at = varint(data, at)
            if tag & 7 == 0:
                value, at = varint(data, at)
            elif tag & 7 == 2:
                n, at = varint(data, at)
                value, at = data[at:at + n], at + n
            else:
                n = 8 if tag & 7 == 1 else 4
                value, at = data[at:at + n], at + n
            yield tag >> 3, value

    def varint(data, at):
        v = shift = 0
        while True:
            b = data[at]
            v |= (b & 127) << shift
            at, shift = at + 1, shift + 7
            if b < 128:
                return v, at
    layers = {}
    for number, layer in items(tile):
        assert number == 3
        name, keys, values, features = "", [], [], []
        for n, v in items(layer):
            if n == 1:
                name = v.decode()
            elif n == 3:
                keys.append(v.decode())
            elif n == 4:
                (kind, value), = items(v)
                values.append(value.decode() if kind == 1 else (value >> 1) ^ -(value & 1) if kind == 6 else value)
            elif n == 2:
                features.append(v)
        out = []
        for f in features:
            for n, v in items(f):
                if n == 2:
                    at, tags = 0, []
                    while at < len(v):
                        t, at = varint(v, at)
                        tags.append(t)
                    out.append({keys[tags[i]]: values[tags[i + 1]] for i in range(0, len(tags), 2)})
        layers[name] = out
    return layers


def test_tiles(s):
    reviewer = Person(s, "reviewer")
    public_sites = s.get("/api/v1/sites?limit=1").json()["matched"]
    a = s.get("/tiles/sites/0/0/0.mvt")
    equal((a.status, a.headers["Content-Type"], a.headers["Content-Encoding"]), (200, "application/vnd.mapbox-vector-tile", None), "a tile")
    packed = s.get("/tiles/sites/0/0/0.mvt", Accept_Encoding="gzip")
    equal(packed.headers["Content-Encoding"], "gzip", "a packed tile")
    import gzip
    equal(gzip.decompress(packed.data), a.data, "both forms hold the same")
    equal(sum(f["count"] for f in fields_of(a.data)["sites"]), public_sites, "counts of the whole world are the public's sites")
    equal(s.get("/tiles/sites/0/0/0.mvt", If_None_Match=packed.headers["ETag"]).status, 304, "a tile is conditional")
    check("no-cache" in a.headers["Cache-Control"] and "public" in a.headers["Cache-Control"], "a tile may be kept, and is asked about each time")
    equal(s.get("/tiles/sites/14/1/16000.mvt").status, 204, "an empty tile")
    for path in ("15/0/0", "0/1/0", "3/8/0", "-1/0/0", "01/0/0", "x/0/0", "0/0/99999999999"):
        equal(s.get(f"/tiles/sites/{path}.mvt").status, 404, f"tile {path}")
    equal(s.get("/tiles/sites/0/0/0.mvt?religion=nonesuch").status, 400, "a religion that is no code")
    equal(s.get("/tiles/sites/0/0/0.mvt?v=1").status, 400, "a parameter that is none")
    sikh = fields_of(s.get("/tiles/sites/0/0/0.mvt?religion=sikh").data)["sites"]
    equal(sum(f["count"] for f in sikh), s.get("/api/v1/sites?religion=sikh&limit=1").json()["matched"], "one religion's tile counts")
    for who, ask in (("public", s.get), ("reviewer", reviewer.get)):
        tile = fields_of(ask("/tiles/incidents/0/0/0.mvt").data)
        rows, _ = pages(ask, "/api/v1/incidents?limit=500", "incidents")
        placed = [r for r in rows if r.get("lat") is not None]
        equal(sum(f["count"] for f in tile["incidents"]), len(placed), f"incidents of the world for the {who}")
    full = fields_of(reviewer.get("/tiles/incidents/0/0/0.mvt").data)["incidents"]
    part = fields_of(s.get("/tiles/incidents/0/0/0.mvt").data)["incidents"]
    check(sum(f["count"] for f in full) > sum(f["count"] for f in part), "reviewers see more incidents")
    for layer in ("sites", "incidents"):
        doc = s.get(f"/tiles/{layer}.json").json()
        check(doc["tilejson"] == "3.0.0" and f"/tiles/{layer}/{{z}}/{{x}}/{{y}}.mvt" in doc["tiles"][0], f"TileJSON of {layer}")
    equal(s.get("/tiles/hotspots.json").status, 404, "the public has no hotspots")
    equal(reviewer.get("/tiles/hotspots.json").status, 200, "reviewers have")
    equal(s.get("/tiles/none.json").status, 404, "no such layer")


def test_no_warnings(s):
    coordinator, reviewer = Person(s, "coordinator"), Person(s, "reviewer")
    equal(s.get("/api/v1/warnings").json()["warnings"], [], "no warnings yet")
    feed = s.get("/feeds/alerts.atom")
    check(feed.status == 200 and feed.headers["Content-Type"].startswith("application/atom+xml") and b"<feed" in feed.data, "the feed")
    equal(s.get("/alerts/00000000-0000-4000-8000-000000000000.xml").status, 404, "no such alert")
    path = "/api/v1/warnings/00000000-0000-4000-8000-000000000000"
    equal(coordinator.call("POST", path + "/approve", {"scope": "Public"}).status, 404, "approve nothing")
    equal(coordinator.call("POST", path + "/reject", {}).status, 400, "reject needs a reason")
    equal(reviewer.call("POST", path + "/approve", {"scope": "Public"}).status, 403, "a reviewer does not decide")


def test_visibility(s):
    """Hide now, look at it afterwards, a country's switch: who may, what is answered, and that it shows at once."""
    reviewer, coordinator, admin = (Person(s, r) for r in ROLES)
    rows, matched = pages(s.get, "/api/v1/sites?limit=1000", "sites")
    one = next(r for r in rows if not r["coarse"] and r["country"] == "IT")
    path = f"/api/v1/sites/{one['id']}"
    equal(s.call("POST", path + "/hide", {"reason": "x"}).status, 401, "hiding needs an account")
    equal(reviewer.call("POST", path + "/hide", {"reason": "x"}).status, 403, "and the role of coordinator")
    equal(coordinator.call("POST", path + "/hide", {"reason": "x"}, csrf=False).status, 403, "and the token")
    for body in ({}, {"reason": " "}, {"reason": 5}, {"reason": "x" * 2000}):
        check(coordinator.call("POST", path + "/hide", body).status in (400, 413), f"hide {body!r:.40}")
    a = coordinator.call("POST", path + "/hide", {"reason": "asked by the community"})
    equal((a.status, a.json()["visibility"], a.json()["changed"]), (200, "hidden", True), "hide")
    review = a.json()["review"]
    equal(s.get(path).status, 404, "gone at once")
    near = s.get(f"/api/v1/near?lat={one['lat']}&lon={one['lon']}&n=3").json()["sites"]
    check(one["id"] not in {r["id"] for r in near} and len(near) == 3, "near: the next ones, no gap")
    equal(pages(s.get, "/api/v1/sites?limit=1000", "sites")[1], matched - 1, "counts at once")
    equal(sum(f["count"] for f in fields_of(s.get("/tiles/sites/0/0/0.mvt").data)["sites"]), len([r for r in rows if r["lat"] is not None]) - 1, "tiles at once")
    sheet = admin.get(path).json()
    equal((sheet["visibility"], sheet["country_published"]), ("hidden", True), "people inside see what it is")
    equal(coordinator.call("POST", path + "/visibility", {"visibility": "public", "reason": "x"}).status, 403, "a coordinator shows no more")
    queue = reviewer.get("/api/v1/visibility/reviews?state=open").json()["reviews"]
    mine = next(r for r in queue if r["id"] == review)
    equal((mine["why"], mine["asked_by"], mine["before"]["visibility"], mine["site"]["id"]), ("narrowed", "coordinator", "public", one["id"]), "the review")
    decide = f"/api/v1/visibility/reviews/{review}/decide"
    equal(s.get("/api/v1/visibility/reviews").status, 401, "reviews are for people inside")
    equal(reviewer.call("POST", decide, {"keep": False, "reason": "x"}).status, 403, "a reviewer does not decide")
    equal(coordinator.call("POST", decide, {"keep": False, "reason": "x"}).status, 403, "nor who asked")
    equal(admin.call("POST", decide, {"keep": False, "reason": "a mistake"}).json()["state"], "reverted", "reverted")
    equal(s.get(path).status, 200, "shown again")
    equal(admin.call("POST", decide, {"keep": True, "reason": "x"}).status, 409, "decided once")
    a = coordinator.call("POST", path + "/visibility", {"visibility": "coarse", "precision_m": 5000, "reason": "x"})
    equal((a.status, a.json()["precision_m"]), (200, 5000), "coarse")
    c = s.get(path).json()
    check(c["coarse"] and c["lat"] != one["lat"] and c["admin1"] == "" and c["incidents"] == [], "a coarse sheet")
    equal(coordinator.call("POST", path + "/visibility", {"visibility": "coarse", "precision_m": 300, "reason": "x"}).status, 400, "no other precision")
    equal(admin.call("POST", path + "/visibility", {"visibility": "public", "reason": "x"}).status, 200, "an administrator shows")
    equal(coordinator.call("POST", "/api/v1/countries/IT", {"published": False, "reason": "x"}).status, 403, "a country needs an administrator")
    equal(admin.call("POST", "/api/v1/countries/it", {"published": False, "reason": "x"}).status, 400, "two capitals")
    equal(admin.call("POST", "/api/v1/countries/IT", {"published": False, "reason": "an order"}).status, 200, "a country is closed")
    equal(s.get("/api/v1/sites?country=IT").json()["matched"], 0, "none of it is listed")
    equal(s.get(path).status, 404, "nor found")
    check(all(r["country"] != "IT" for r in s.get("/api/v1/near?lat=41.9&lon=12.5&n=100").json()["sites"]), "nor near")
    closed = reviewer.get("/api/v1/countries").json()["unpublished"]
    equal([(c["country"], c["reason"], c["by"]) for c in closed], [("IT", "an order", "administrator")], "the list of countries")
    equal(admin.call("POST", "/api/v1/countries/IT", {"published": True, "reason": "lifted"}).status, 200, "opened again")
    equal(pages(s.get, "/api/v1/sites?limit=1000", "sites")[1], matched, "as it was")


def test_watch(s):
    """From events to a hotspot, a drafted warning, an approval, the CAP document and the feed."""
    coordinator, reviewer = Person(s, "coordinator"), Person(s, "reviewer")
    for method, path, body in (("GET", "/api/v1/clusters", None), ("POST", "/api/v1/watch/run", {}), ("GET", "/tiles/hotspots/0/0/0.mvt", None)):
        equal(s.call(method, path, body).status, 401, f"{path} as the public")
    equal(reviewer.call("POST", "/api/v1/watch/run", {"as_of": "tomorrow"}).status, 400, "as of no date")
    equal(reviewer.call("POST", "/api/v1/watch/run", {"as_of": "2999-01-01"}).status, 400, "as of the future")
    a = reviewer.call("POST", "/api/v1/watch/run", {"as_of": s.facts["cluster"][0]})
    equal(a.status, 200, "a run")
    drafted = sum(x["drafted"] for x in a.json()["streams"])
    check(drafted >= 1, f"a warning was drafted: {a.json()}")
    clusters = reviewer.get("/api/v1/clusters").json()["clusters"]
    paged, _ = pages(reviewer.get, "/api/v1/clusters?limit=1", "clusters")
    equal(paged, clusters, "clusters page by page")
    equal(reviewer.get("/api/v1/clusters?cursor=x").status, 400, "a cursor of clusters that is none")
    check(clusters and clusters[0]["observed"] > clusters[0]["expected"] and clusters[0]["run"]["seed"] is not None, "reviewers see the clusters")
    tile = fields_of(reviewer.get("/tiles/hotspots/0/0/0.mvt").data)
    check(tile["hotspots"] and tile["hotspots"][0]["observed"] >= 1, "and the hotspot on the map")
    drafts = reviewer.get("/api/v1/warnings?state=draft").json()["warnings"]
    equal(len(drafts), drafted, "drafts")
    equal(s.get("/api/v1/warnings").json()["warnings"], [], "the public sees no draft")
    one = drafts[0]
    check(one["status"] != "Actual", "as of the past: never Actual")
    path = f"/api/v1/warnings/{one['id']}"
    equal(s.get(f"/alerts/{one['id']}.xml").status, 404, "no document before approval")
    equal(reviewer.call("POST", path + "/approve", {"scope": "Public"}).status, 403, "a reviewer cannot approve")
    equal(coordinator.call("POST", path + "/approve", {"scope": "Everyone"}).status, 400, "no such scope")
    done = coordinator.call("POST", path + "/approve", {"scope": "Public", "reason": "checked"})
    equal((done.status, done.json()["state"], done.json()["status"]), (200, "approved", one["status"]), "approved")
    equal(coordinator.call("POST", path + "/reject", {"reason": "changed my mind"}).status, 409, "a decision is final")
    public = s.get("/api/v1/warnings").json()["warnings"]
    equal([w["id"] for w in public], [one["id"]], "the public sees it")
    check(public[0]["coarse"] is True, "coarse")
    cap = s.get(f"/alerts/{one['id']}.xml")
    check(cap.status == 200 and b"urn:oasis:names:tc:emergency:cap:1.2" in cap.data and f"<status>{one['status']}</status>".encode() in cap.data, "its document")
    feed = s.get("/feeds/alerts.atom").data
    check(one["id"].encode() in feed, "the feed links to it")
    if len(drafts) > 1:
        equal(coordinator.call("POST", f"/api/v1/warnings/{drafts[1]['id']}/reject", {"reason": "noise"}).json()["state"], "rejected", "rejected")


def test_bad_clients(s):
    def raw(data, wait=5):
        c = socket.create_connection(("127.0.0.1", s.port), timeout=wait)
        try:
            c.sendall(data)
            c.shutdown(socket.SHUT_WR)
            out = b""
            while True:
                got = c.recv(65536)
                if not got:
                    return out
                out += got
        except OSError:
            return b""
        finally:
            c.close()
    for data in (b"\x00" * 100, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20000 + b"\r\n", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: t\r\n\r\n",
                 b"POST /api/v1/reports HTTP/1.1\r\nHost: t\r\nContent-Length: 18446744073709551616\r\n\r\n",
                 b"POST /api/v1/reports HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
                 b"POST /api/v1/reports HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"):
        answer = raw(data)
        check(not answer or answer[9:12] >= b"400", f"{data[:30]!r} got {answer[:15]!r}")
    equal(s.get("/healthz").status, 200, "it lives")


def test_slow_clients():
    s = Server("--empty", "--request-ms", "800")
    slow = [socket.create_connection(("127.0.0.1", s.port)) for _ in range(200)]
    for c in slow:
        c.sendall(b"GET /healthz HTTP/1.1\r\nHost: t\r\nX-Slow: ")
    began, open_ones = time.time(), slow
    while open_ones and time.time() - began < 30:
        still = []
        for c in open_ones:
            try:
                c.sendall(b"a")
                c.setblocking(False)
                try:
                    if c.recv(1) == b"":
                        continue
                except BlockingIOError:
                    pass
                c.setblocking(True)
                still.append(c)
            except OSError:
                pass
        open_ones = still
        equal(s.get("/healthz").status, 200, "others are served meanwhile")
        time.sleep(0.1)
    equal(len(open_ones), 0, "slow connections are ended")
    equal(s.stop()[0], 0, "exit")


def solve(challenge, bits):
    nonce = 0
    while int.from_bytes(hashlib.sha256(f"{challenge}:{nonce}".encode()).digest(), "big") >> (256 - bits):
        nonce += 1
    return str(nonce)


def test_proof_of_work():
    s = Server("--empty", "--proof-waiting", "1", "--workers", "1")
    seen = []

    def post(n):
        c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=30)
        for _ in range(30):
            c.request("POST", "/api/v1/reports", json.dumps({"text": f"report {n}"}))
            r = c.getresponse()
            seen.append((r.status, json.loads(r.read())))
        c.close()
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(post, range(32)))
    asked = [body for status, body in seen if status == 429]
    check(asked and any(status == 201 for status, _ in seen), "under load some are asked for a proof")
    check({status for status, _ in seen} <= {201, 429}, "and nothing else")
    p = asked[-1]["proof"]
    equal(p["algorithm"], "sha-256", "the challenge names its algorithm")
    proof = {"challenge": p["challenge"], "nonce": solve(p["challenge"], p["bits"])}
    equal(s.call("POST", "/api/v1/reports", {"text": "with proof", "proof": proof}).status, 201, "a proof is taken")
    equal(s.call("POST", "/api/v1/reports", {"text": "no load"}).status, 201, "without load a bare POST is enough")
    check("fane_proofs_asked_total 0" not in s.get("/metrics").data.decode(), "metrics tell")
    equal(s.stop()[0], 0, "exit")


def test_stop_under_load():
    """Every report that was answered is there afterwards, no answer is torn, and the server ends by itself in time."""
    s = Server("--empty")
    receipts, torn, stop = [], [], threading.Event()

    def post():
        while not stop.is_set():
            try:
                c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=20)
                while not stop.is_set():
                    c.request("POST", "/api/v1/reports", json.dumps({"text": "stop"}))
                    r = c.getresponse()
                    body = r.read()
                    if r.status == 201:
                        receipts.append(json.loads(body)["receipt"])
                    elif r.status != 503:
                        torn.append((r.status, body))
            except (ConnectionError, http.client.RemoteDisconnected, http.client.CannotSendRequest):
                pass
            except (http.client.IncompleteRead, json.JSONDecodeError, TimeoutError) as e:
                torn.append(e)
    threads = [threading.Thread(target=post) for _ in range(32)]
    for t in threads:
        t.start()
    while len(receipts) < 200:
        time.sleep(0.01)
    s.process.send_signal(signal.SIGTERM)
    code = s.process.wait(20)
    stop.set()
    for t in threads:
        t.join()
    equal(code, 0, "exit under load")
    equal(torn, [], "torn answers")
    check("http.stop cut=0" in s.log(), "nothing cut off")
    s.dir.cleanup()


def run_tests(names, s):
    """Those of a module, then the server's end; other files of tests bring theirs."""
    parts = sys.argv[2:]
    for name, test in sorted(names.items()):
        if not name.startswith("test_") or (parts and name not in parts):
            continue
        before = len(failed)
        try:
            test(s) if test.__code__.co_argcount else test()
        except Exception as e:  # the next tests still run
            failed.append(f"{name}: {type(e).__name__}: {e}")
            print(f"FAILED: {name}: {type(e).__name__}: {e}", file=sys.stderr)
        print(("ok      " if len(failed) == before else "FAILED  ") + name)
    code, log = s.stop()
    equal(code, 0, "exit of the server")
    check("error" not in log.replace("api.error", "error") or " error " not in log, "no error was logged: " + log[-500:])
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_tests(globals(), Server()))
