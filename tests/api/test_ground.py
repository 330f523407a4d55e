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
    equal(sheet["shared_ground"] is None, (sheet["precision_m"] or 1e9) > 1000, "who may see the place may see what is around it")
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


def test_embed(s):
    """The map may be framed, nothing else may: not even the map's own page."""
    a = s.get("/embed")
    if a.status == 404:
        print("skipped: this build has no web app")
        return
    policy = a.headers["Content-Security-Policy"]
    check("frame-ancestors *" in policy and "default-src 'none'" in policy and "form-action 'none'" in policy, policy)
    equal((a.status, a.headers["X-Frame-Options"], a.headers["X-Content-Type-Options"], a.headers["Referrer-Policy"]), (200, None, "nosniff", "no-referrer"), "embed")
    equal(s.get("/embed?theme=dark").headers["X-Frame-Options"], None, "with parameters too")
    equal(s.get("/embed", If_None_Match=a.headers["ETag"]).headers["X-Frame-Options"], None, "also when it has not changed")
    for path in ("/", "/desk", "/embed/", "/embed/x", "/report", "/api/v1/sites"):
        h = s.get(path).headers
        equal((h["X-Frame-Options"], "frame-ancestors 'none'" in h["Content-Security-Policy"]), ("DENY", True), f"{path} is never framed")


def suggest(s, body, key=None):
    return s.call("POST", "/api/v1/suggestions", body, {"Idempotency-Key": key} if key else None)


def decide(person, one, accept, reason=None):
    return person.call("POST", f"/api/v1/suggestions/{one['id']}/decide", {"accept": accept, **({"reason": reason} if reason else {})})


def queue(person, state=""):
    return pages(person.get, f"/api/v1/suggestions?limit=3&state={state}", "suggestions")


def test_suggestions_intake(s):
    hidden, reviewer, admin = s.facts["hidden"][0], Person(s, "reviewer"), Person(s, "administrator")
    site = s.get("/api/v1/sites?limit=1").json()["sites"][0]
    a = suggest(s, {"site": site["id"], "changes": {"names": {"en": "A better name", "ar": "\u0645\u0633\u062c\u062f"}}, "text": "I live next door"})
    equal(a.status, 201, "a suggestion is taken")
    check(a.headers["Set-Cookie"] is None and a.headers["Cache-Control"] == "no-store", "it sets no cookie and is not kept")
    receipt = a.json()["receipt"]
    equal(s.call("POST", "/api/v1/suggestions/status", {"receipt": receipt}).json()["state"], "received", "its state")
    for bad in (("A" if receipt[0] != "A" else "B") + receipt[1:], "x", ""):
        equal(s.call("POST", "/api/v1/suggestions/status", {"receipt": bad}).status, 404, f"receipt {bad!r}")
    equal(s.call("POST", "/api/v1/reports/status", {"receipt": receipt}).status, 404, "no receipt of a report")
    key = "0123456789abcdef" * 2
    first, again = suggest(s, {"text": "a chapel is missing"}, key), suggest(s, {"text": "a chapel is missing"}, key)
    equal((first.status, again.status, again.json()), (201, 201, first.json()), "sent twice with one key: one receipt")
    equal(suggest(s, {"text": "x"}, "short").status, 400, "a key that is none")
    # what is answered does not tell whether there is such a site
    answers = {what: suggest(s, {"site": what, "changes": {"hide": True}, "text": "people meet here"}) for what in (hidden, NOWHERE, site["id"])}
    equal({a.status for a in answers.values()}, {201}, "hidden, none and public alike")
    equal(len({len(a.data) for a in answers.values()}), 1, "and to the byte")
    for body in ({}, {"site": site["id"]}, {"site": "x", "text": "y"}, {"site": site["id"], "changes": {"colour": "red"}}, {"changes": {"hide": True}, "text": "which?"},
                 {"site": site["id"], "changes": {"religion": "nonesuch"}}, {"site": site["id"], "changes": {"kind": "XXX"}}, {"site": site["id"], "changes": {"status": "sold"}},
                 {"site": site["id"], "changes": {"names": {"en": ""}}}, {"site": site["id"], "changes": {"names": {"e n": "x"}}}, {"site": site["id"], "changes": {"names": {"en": "a\u0000b"}}},
                 {"site": site["id"], "changes": {"names": {"en": "two\nlines"}}}, {"site": site["id"], "changes": {"names": {"en": 5}}}, {"site": site["id"], "changes": {"names": ["x"]}},
                 {"site": site["id"], "changes": {"note": "a\tb"}}, {"site": site["id"], "changes": {"hide": "yes"}}, {"site": site["id"], "text": "x", "lat": 1}, {"text": "x", "lat": 91, "lon": 0},
                 {"text": "x", "licence": "all rights reserved"}, {"text": "x", "email": "a@b"}, {"text": " "}, {"text": 5}, [], "x", None):
        a = s.call("POST", "/api/v1/suggestions", body) if body is not None else s.call("POST", "/api/v1/suggestions", raw="null")
        equal(a.status, 400, f"suggestion {body!r}")
        a.problem()
    for body in ({"text": "x" * 4001}, {"site": site["id"], "changes": {"note": "x" * 501}}, {"site": site["id"], "changes": {"names": {f"x-{i}": "n" for i in range(21)}}},
                 {"site": site["id"], "changes": {"names": {"en": "x" * 201}}}):
        check(suggest(s, body).status in (400, 413), f"too long {str(body)[:40]}")
    equal(suggest(s, {"text": "\u00e9" * 4000}).status, 201, "4,000 characters, not bytes")
    equal(s.call("GET", "/api/v1/suggestions").status, 401, "the queue is not public")
    rows, matched = queue(reviewer)
    equal(len(rows), matched, "pages hold what matched says")
    equal(len({r["id"] for r in rows}), len(rows), "none twice")
    urgent = [r["urgent"] for r in rows]
    check(urgent == sorted(urgent, reverse=True) and sum(urgent) == 3, "what asks for hiding is first")
    for part in ([r["received"] for r in rows if r["urgent"]], [r["received"] for r in rows if not r["urgent"]]):
        equal(part, sorted(part), "then the oldest")
    one = [r for r in rows if r.get("text") == "I live next door"][0]
    equal((one["site"]["id"], one["changes"]["names"]["en"], one["missing"]), (site["id"], "A better name", False), "with its content")
    of_hidden = [r for r in rows if r.get("site_id") == hidden]
    check(len(of_hidden) == 1 and (of_hidden[0]["site"] is None) == (reviewer.get(f"/api/v1/sites/{hidden}").status == 404), "a hidden site is shown to whom the policy shows it")
    equal([r for r in rows if r.get("site_id") == NOWHERE][0]["site"], None, "no such site")
    for path in ("suggestions?state=dancing", "suggestions?cursor=x", "suggestions?limit=101"):
        equal(reviewer.get("/api/v1/" + path).status, 400, path)
    log = s.log()
    check(receipt not in log and "next door" not in log and key not in log and "127.0.0.1 " not in log, "the log holds no receipt, text, key or address")


def test_suggestions_reject(s):
    reviewer, coordinator = Person(s, "reviewer"), Person(s, "coordinator")
    receipt = suggest(s, {"text": "to be rejected"}).json()["receipt"]
    one = [r for r in queue(reviewer)[0] if r.get("text") == "to be rejected"][0]
    equal(decide(reviewer, one, False).status, 400, "rejecting needs a reason")
    equal(reviewer.call("POST", f"/api/v1/suggestions/{one['id']}/decide", {}).status, 400, "what is decided?")
    equal(decide(reviewer, {"id": NOWHERE}, True).status, 404, "no such suggestion")
    a = decide(reviewer, one, False, "nothing to act on")
    equal((a.status, a.json()["state"], a.json()["site"]), (200, "rejected", None), "rejected")
    equal(s.call("POST", "/api/v1/suggestions/status", {"receipt": receipt}).json()["state"], "rejected", "the sender sees it")
    equal(decide(coordinator, one, True).status, 409, "a decision is final")
    check(one["id"] in {r["id"] for r in queue(reviewer, "rejected")[0]}, "it stays to be looked at")


def test_suggestions_hide(s):
    reviewer, coordinator = Person(s, "reviewer"), Person(s, "coordinator")
    site = s.get("/api/v1/sites?limit=9").json()["sites"][8]
    for changes in ({"hide": True}, {"not_religious": True}):
        suggest(s, {"site": site["code"], "changes": changes, "text": "hide it"})
    first, second = [r for r in queue(reviewer)[0] if r.get("text") == "hide it"]
    equal(decide(reviewer, first, True).status, 403, "hiding needs a coordinator")
    equal(s.get(f"/api/v1/sites/{site['id']}").status, 200, "and was not done")
    a = decide(coordinator, first, True, "they are threatened")
    equal((a.status, a.json()["state"], a.json()["site"]), (200, "accepted", site["id"]), "accepted")
    equal(s.get(f"/api/v1/sites/{site['id']}").status, 404, "hidden at once")
    equal(decide(coordinator, second, True).status, 200, "hidden twice is hidden")


def test_suggestions_missing(s):
    reviewer, coordinator = Person(s, "reviewer"), Person(s, "coordinator")
    suggest(s, {"changes": {"names": {"": "Zzyzx Chapel", "fr": "Chapelle de Zzyzx"}, "religion": "christian", "kind": "CHU", "note": "built by hand"}, "lat": 35.143, "lon": -116.104, "text": "missing one"})
    one = [r for r in queue(reviewer)[0] if r.get("text") == "missing one"][0]
    check(one["missing"] and one["site"] is None, "a missing site")
    equal(s.get("/api/v1/sites?q=zzyzx").json()["matched"], 0, "nothing shows before it is accepted")
    a = decide(reviewer, one, True)
    equal(a.status, 200, f"accepted {a.data}")
    sheet = s.get(f"/api/v1/sites/{a.json()['site']}").json()
    equal((sheet["name"], sheet["names"]["fr"], sheet["religion"], sheet["kind"], sheet["class"]), ("Zzyzx Chapel", "Chapelle de Zzyzx", "christian", "CHU", "place_of_worship"), "it is there")
    equal((round(sheet["lat"], 3), sheet["country"], sheet["unverified"], sheet["note"]), (35.143, "US", True, "built by hand"), "where it was said to be")
    source = sheet["sources"]
    equal([(x["source"], x["licence"]) for x in source], [("community", "CC0-1.0")], "its source")
    check("next door" not in str(sheet) and "missing one" not in str(sheet), "what was said to the reviewer does not show")
    # a "missing" site that is a hidden one is born as guarded as that
    site = s.get("/api/v1/sites?limit=12").json()["sites"][11]
    exact = Person(s, "administrator").get(f"/api/v1/sites/{site['id']}").json()
    equal(coordinator.call("POST", f"/api/v1/sites/{site['id']}/hide", {"reason": "test"}).status, 200, "hide")
    suggest(s, {"changes": {"names": {"": exact["name"]}, "religion": exact["religion"]}, "lat": exact["lat"], "lon": exact["lon"], "text": "outing it"})
    one = [r for r in queue(reviewer)[0] if r.get("text") == "outing it"][0]
    a = decide(reviewer, one, True)
    equal(a.status, 200, "accepted unknowing")
    equal(s.get(f"/api/v1/sites/{a.json()['site']}").status, 404, "yet not shown")


def test_suggestions_correct(s):
    reviewer = Person(s, "reviewer")
    site = s.get("/api/v1/sites?limit=20").json()["sites"][15]
    before = s.get(f"/api/v1/sites/{site['id']}").json()

    def correct(changes, **more):
        text = f"correction {len(queue(reviewer, 'accepted')[0])} of {site['id']}"
        equal(suggest(s, {"site": site["id"], "changes": changes, "text": text, **more}).status, 201, "sent")
        one = [r for r in queue(reviewer)[0] if r.get("text") == text][0]
        a = decide(reviewer, one, True)
        equal((a.status, a.json().get("site")), (200, site["id"]), f"accepted: {a.data}")
        return s.get(f"/api/v1/sites/{site['id']}").json()

    after = correct({"names": {"eo": "Bela Loko"}, "denomination": "quaker"})
    equal((after["names"]["eo"], after["denomination"]), ("Bela Loko", "quaker"), "what was said shows")
    for key in ("name", "religion", "kind", "class", "lat", "lon", "status", "country"):
        equal(after[key], before[key], f"what was not said stays: {key}")
    names = {x["source"] for x in after["sources"]}
    check("community" in names and len(names) == 2, f"each source apart: {names}")
    after = correct({"closed": True, "names": {"eo": "Pli Bela Loko"}})
    equal((after["status"], after["denomination"], after["names"]["eo"]), ("disused", "quaker", "Pli Bela Loko"), "a second one adds to the first")
    after = correct({"status": "present"}, lat=before["lat"] + 0.001, lon=before["lon"])
    equal((after["status"], round(after["lat"] - before["lat"], 4), after["religion"]), ("present", 0.001, before["religion"]), "and a third, of the place")
    equal(s.get("/api/v1/sites?q=pli%20bela%20loko").json()["matched"], 1, "one site, found by its new name")
    check(after["kind"] == before["kind"] and after["class"] == before["class"], "kind and class stay")


if __name__ == "__main__":
    sys.exit(run_tests(globals(), Server()))
