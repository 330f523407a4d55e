#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checks the vocabularies, areas and seed data of data/ against their own rules.

Usage: seed_check.py [COUNTRIES.geojson]
Finds the repository from its own place. Each fault is one line on stderr, FILE:LINE: reason; exit 1 when there is any, else 0.
Counts go to stdout. With a GeoJSON of countries (features with properties.alpha2) every place must lie in, or within 5 km of,
the polygon of its country; rows marked disputed are left out of that one test. Distances are on a sphere of 6371.0088 km.
A row whose note begins "Small island not drawn" may lie up to 60 km outside.
It needs only the Python standard library and never writes.
"""
import csv
import datetime
import json
import math
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LANGS = ("en", "ar", "zh", "fr", "ru", "es")
NEAR_KM = 5.0
ISLAND_KM = 60.0  # for a row whose note begins so: the map of the world does not draw its island
ISLAND_NOTE = "Small island not drawn"
EARTH_KM = 6371.0088
SITE_HEAD = ("id,name_en,name_local,lang_local,religion,denomination,kind,country,disputed,lat,lon,precision_m,whs_year,start_date,wikidata,"
             "source,source_read,note").split(",")
INC_HEAD = ("id,title,date,date_precision,country,disputed,place,lat,lon,precision,site_id,type,method,target,bias,severity,"
            "verification,killed,injured,source,source_read,note").split(",")
ISO_HEAD = ["numeric", "alpha2", "alpha3", "name"]
EXC_HEAD = ["name", "alpha2", "disputed", "note"]
RING_HEAD = ["name", "drawn_as", "alpha2", "ring", "note"]
MIN_SITES, MIN_INCIDENTS, MIN_RELIGIONS, MIN_COUNTRIES, ISO_ROWS = 300, 60, 20, 90, 249
EXTRAS = {  # what each vocabulary must say beside its labels
    "incident-types": ("odihr", "acled", "iccs", "cst", "hate_statistics", "attack"),
    "religions": ("osm", "bias"), "site-kinds": ("class",), "biases": ("odihr", "fbi"),
    "verification": ("rule", "public"), "severity": ("cap_severity",), "damage": ("ems98", "eamena"),
    "location-precision": ("radius_m",), "ucdp-precision": ("field", "value"), "bias-evidence": ("rule",),
    "methods": (), "targets": (), "outcomes": (), "date-precision": ("days",)}

faults = 0


def bad(path, line, why):
    global faults
    faults += 1
    print(f"{os.path.relpath(path, ROOT)}:{line}: {why}", file=sys.stderr)


def line_of(text, needle):
    at = text.find(needle)
    return text.count("\n", 0, at) + 1 if at >= 0 else 1


def load_json(path):
    try:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        return json.loads(text), text
    except OSError as e:
        bad(path, 1, f"cannot be read: {e.strerror}")
    except ValueError as e:
        bad(path, getattr(e, "lineno", 1), f"not valid JSON or UTF-8: {e}")
    return None, ""


def check_vocab(name, extras):
    path = os.path.join(ROOT, "data", "vocab", name + ".json")
    doc, text = load_json(path)
    if doc is None:
        return {}
    if not doc.get("about"):
        bad(path, 1, "no 'about'")
    seen = {}
    for e in doc.get("entries", []):
        code = e.get("code", "")
        line = line_of(text, f'"code": "{code}"')
        if not code:
            bad(path, line, "an entry without a code")
        if code in seen:
            bad(path, line, f"code {code} stands twice")
        seen[code] = e
        for lang in LANGS:
            if not str(e.get("labels", {}).get(lang, "")).strip():
                bad(path, line, f"{code} has no label in {lang}")
        if "en" in e.get("machine_made", []) or not isinstance(e.get("machine_made"), list):
            bad(path, line, f"{code}: machine_made must list languages other than en")
        for x in extras:
            if x not in e:
                bad(path, line, f"{code} lacks '{x}'")
    if not seen:
        bad(path, 1, "no entries")
    return seen


def check_vocab_rules(v):
    path = os.path.join(ROOT, "data", "vocab", "incident-types.json")
    for code, e in v["incident-types"].items():
        if e.get("hate_statistics") and (code == "THR-04" or code.startswith("HAZ") or not e.get("odihr")):
            bad(path, 1, f"{code} may not count in hate statistics")
    path = os.path.join(ROOT, "data", "vocab", "biases.json")
    for code, e in v["biases"].items():
        if e.get("parent") and e["parent"] not in v["biases"]:
            bad(path, 1, f"{code} names the unknown parent {e['parent']}")
    path = os.path.join(ROOT, "data", "vocab", "religions.json")
    for code, e in v["religions"].items():
        if e.get("bias") not in v["biases"]:
            bad(path, 1, f"{code} names the unknown bias {e.get('bias')}")
    if sum(1 for e in v["religions"].values() if e.get("osm")) != 22:
        bad(path, 1, "there must be 22 entries of OpenStreetMap")
    path = os.path.join(ROOT, "data", "vocab", "ucdp-precision.json")
    for code, e in v["ucdp-precision"].items():
        known = v["location-precision"] if e.get("field") == "where_prec" else v["date-precision"]
        if e.get("location_precision", e.get("date_precision")) not in known:
            bad(path, 1, f"{code} maps to an unknown precision")


def passes(filters, cond):
    return cond["key"] in filters or all(f"{cond['key']}={v}" in filters for v in cond["values"] if v != "*") and "*" not in cond["values"]


def check_features(kinds):
    path = os.path.join(ROOT, "data", "religious-features.json")
    doc, text = load_json(path)
    if doc is None:
        return 0
    filters = set(doc.get("first_filter", []))
    for i, r in enumerate(doc.get("rules", []), 1):
        line = line_of(text, '"rules"') + i
        if r.get("class") not in doc.get("classes", {}):
            bad(path, line, f"rule {i} has the unknown class {r.get('class')}")
        if r.get("kind") is not None and r["kind"] not in kinds:
            bad(path, line, f"rule {i} has the unknown kind {r['kind']}")
        if not r.get("reason") or not r.get("when"):
            bad(path, line, f"rule {i} needs 'when' and 'reason'")
        if not any(passes(filters, c) for c in r.get("when", [])):
            bad(path, line, f"rule {i} can match what the first filter does not read")
        for c in r.get("unless", []):
            if not c.get("reason"):
                bad(path, line, f"rule {i}: unless {c.get('key')} has no reason")
    rules = doc.get("rules", [{}])
    if rules[0].get("when") != [{"key": "amenity", "values": ["place_of_worship"]}] or rules[0].get("unless"):
        bad(path, 1, "the first rule must be amenity=place_of_worship without exception")
    for r in doc.get("kind_rules", []):
        if r.get("kind") not in kinds:
            bad(path, 1, f"kind rule with the unknown kind {r.get('kind')}")
    return len(rules)


def rows_of(path, head):
    try:
        with open(path, encoding="utf-8", newline="") as f:
            reader = csv.reader(f, strict=True)
            got = next(reader, [])
            if got != head:
                bad(path, 1, f"header is {','.join(got)}")
                return
            for row in reader:
                if len(row) != len(head):
                    bad(path, reader.line_num, f"{len(row)} fields instead of {len(head)}")
                    continue
                yield reader.line_num, dict(zip(head, row))
    except OSError as e:
        bad(path, 1, f"cannot be read: {e.strerror}")
    except (UnicodeDecodeError, csv.Error) as e:
        bad(path, 1, f"not valid CSV in UTF-8: {e}")


def check_iso():
    path = os.path.join(ROOT, "data", "areas", "iso-3166.csv")
    codes, seen = set(), set()
    n = 0
    for line, r in rows_of(path, ISO_HEAD):
        n += 1
        for key, pattern in (("numeric", r"\d{3}"), ("alpha2", r"[A-Z]{2}"), ("alpha3", r"[A-Z]{3}")):
            if not re.fullmatch(pattern, r[key]):
                bad(path, line, f"{key} {r[key]!r} is malformed")
            if (key, r[key]) in seen:
                bad(path, line, f"{key} {r[key]} stands twice")
            seen.add((key, r[key]))
        if not r["name"].strip():
            bad(path, line, "no name")
        codes.add(r["alpha2"])
    if n != ISO_ROWS:
        bad(path, 1, f"{n} entries instead of {ISO_ROWS}")
    path = os.path.join(ROOT, "data", "areas", "world-atlas-exceptions.csv")
    for line, r in rows_of(path, EXC_HEAD):
        if r["disputed"] not in ("yes", "no") or not r["note"]:
            bad(path, line, "needs disputed yes or no, and a note")
        if r["alpha2"]:
            codes.add(r["alpha2"])
    check_rings(os.path.join(ROOT, "data", "areas", "disputed.csv"), codes)
    return codes


def check_rings(path, codes):
    for line, r in rows_of(path, RING_HEAD):
        points = [p.split() for p in r["ring"].split(",")]
        if r["drawn_as"] not in codes or (r["alpha2"] and r["alpha2"] not in codes):
            bad(path, line, "drawn_as and alpha2 must be codes of ISO 3166-1 (alpha2 may be empty)")
        if len(points) < 4 or not all(len(p) == 2 and abs(float(p[0])) <= 180 and abs(float(p[1])) <= 90 for p in points):
            bad(path, line, "the ring needs four points or more, each 'longitude latitude'")
        if len(r["note"]) < 20:
            bad(path, line, "needs a note that says why")


def place_of(path, line, r):
    try:
        lat, lon = float(r["lat"]), float(r["lon"])
    except ValueError:
        bad(path, line, f"coordinates {r['lat']!r}, {r['lon']!r} are not numbers")
        return None
    if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0) or (lat == 0.0 and lon == 0.0):
        bad(path, line, f"coordinates {lat}, {lon} are out of range")
        return None
    return lat, lon


def check_common(path, line, r, codes, ids):
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", r["id"]):
        bad(path, line, f"id {r['id']!r} is not a lower-case slug")
    if r["id"] in ids:
        bad(path, line, f"id {r['id']} stands on line {ids[r['id']]} already")
    ids[r["id"]] = line
    for key in ("disputed", "source_read"):
        if r[key] not in ("yes", "no"):
            bad(path, line, f"{key} must be yes or no")
    if r["country"] not in codes and not (r["country"] == "" and r["disputed"] == "yes"):
        bad(path, line, f"unknown country {r['country']!r}")
    if not r["source"].strip():
        bad(path, line, "no source")
    for value in r.values():
        if value != value.strip() or "\n" in value:
            bad(path, line, "a field has blanks at its ends or a line break")
            break


def check_sites(v, codes):
    path = os.path.join(ROOT, "data", "seed", "sites.csv")
    ids, places, religions, countries, read = {}, [], set(), set(), 0
    for line, r in rows_of(path, SITE_HEAD):
        check_common(path, line, r, codes, ids)
        if not r["name_en"]:
            bad(path, line, "no name")
        if bool(r["name_local"]) != bool(r["lang_local"]):
            bad(path, line, "name_local and lang_local go together")
        if r["religion"] not in v["religions"]:
            bad(path, line, f"unknown religion {r['religion']!r}")
        if r["kind"] not in v["site-kinds"]:
            bad(path, line, f"unknown kind {r['kind']!r}")
        if not re.fullmatch(r"[1-9]\d{0,5}", r["precision_m"]):
            bad(path, line, f"precision_m {r['precision_m']!r} is not a number of metres")
        if r["whs_year"] and not (r["whs_year"].isdigit() and 1978 <= int(r["whs_year"]) <= 2100):
            bad(path, line, f"whs_year {r['whs_year']!r}")
        if r["wikidata"] and not re.fullmatch(r"Q[1-9]\d*", r["wikidata"]):
            bad(path, line, f"wikidata {r['wikidata']!r}")
        at = place_of(path, line, r)
        if at:
            places.append((path, line, r, at))
        religions.add(r["religion"])
        countries.add(r["country"])
        read += r["source_read"] == "yes"
    countries.discard("")
    for what, got, least in (("sites", len(ids), MIN_SITES), ("religions", len(religions), MIN_RELIGIONS),
                             ("countries", len(countries), MIN_COUNTRIES)):
        if got < least:
            bad(path, 1, f"only {got} {what}, at least {least} are wanted")
    print(f"sites {len(ids)}, religions {len(religions)}, countries {len(countries)}, source read {read}")
    return ids, places


def check_toll(path, line, r):
    for key in ("killed", "injured"):
        if r[key] and not r[key].isdigit():
            bad(path, line, f"{key} {r[key]!r} is not a whole number")
    if r["source_read"] == "no":
        if r["killed"] or r["injured"]:
            bad(path, line, "a toll without a source that was read")
        if r["verification"] != "V1":
            bad(path, line, "source not read: verification must be V1")
    elif r["verification"] not in ("V3", "V4"):
        bad(path, line, "source read: verification must be V3 or V4")


def check_date(path, line, r, known):
    try:
        day = datetime.date.fromisoformat(r["date"])
        if not datetime.date(2001, 1, 1) <= day <= datetime.date.today():
            bad(path, line, f"date {r['date']} is outside 2001 to today")
    except ValueError:
        bad(path, line, f"date {r['date']!r} is not YYYY-MM-DD")
    if r["date_precision"] not in known:
        bad(path, line, f"unknown date_precision {r['date_precision']!r}")


def check_incidents(v, codes, sites):
    path = os.path.join(ROOT, "data", "seed", "incidents.csv")
    ids, places, count = {}, [], {}
    for line, r in rows_of(path, INC_HEAD):
        check_common(path, line, r, codes, ids)
        check_date(path, line, r, v["date-precision"])
        check_toll(path, line, r)
        for key, vocab in (("type", "incident-types"), ("method", "methods"), ("target", "targets"), ("bias", "biases"),
                           ("severity", "severity"), ("verification", "verification"), ("precision", "location-precision")):
            for code in r[key].split(";"):
                if code not in v[vocab]:
                    bad(path, line, f"unknown {key} {code!r}")
        if r["site_id"] and r["site_id"] not in sites:
            bad(path, line, f"site_id {r['site_id']} is not in sites.csv")
        if not r["title"] or not r["place"]:
            bad(path, line, "needs a title and a place")
        at = place_of(path, line, r)
        if at:
            places.append((path, line, r, at))
        count[r["verification"]] = count.get(r["verification"], 0) + 1
    if len(ids) < MIN_INCIDENTS:
        bad(path, 1, f"only {len(ids)} incidents, at least {MIN_INCIDENTS} are wanted")
    print(f"incidents {len(ids)}, " + ", ".join(f"{k} {n}" for k, n in sorted(count.items())))
    return places


def in_ring(lat, lon, ring):
    inside = False
    for (x1, y1), (x2, y2) in zip(ring, ring[1:]):
        if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def ring_km(lat, lon, ring):
    """Distance to the ring in km, on a local plane; good enough at a few km."""
    k = math.radians(1.0) * EARTH_KM
    c = math.cos(math.radians(lat))
    best = math.inf
    for (x1, y1), (x2, y2) in zip(ring, ring[1:]):
        ax, ay, bx, by = (x1 - lon) * c * k, (y1 - lat) * k, (x2 - lon) * c * k, (y2 - lat) * k
        dx, dy = bx - ax, by - ay
        d2 = dx * dx + dy * dy
        t = 0.0 if d2 == 0.0 else max(0.0, min(1.0, -(ax * dx + ay * dy) / d2))
        best = min(best, math.hypot(ax + t * dx, ay + t * dy))
    return best


def check_polygons(geojson, places):
    doc, _ = load_json(geojson)
    if doc is None:
        return
    shapes = {}
    for f in doc["features"]:
        g = f["geometry"]
        polys = [g["coordinates"]] if g["type"] == "Polygon" else g["coordinates"]
        shapes.setdefault(f["properties"].get("alpha2"), []).extend(polys)
    done = left = 0
    for path, line, r, (lat, lon) in places:
        if r["disputed"] == "yes":
            left += 1
            continue
        polys = shapes.get(r["country"])
        if not polys:
            bad(path, line, f"{r['id']}: no polygon for {r['country']}")
            continue
        done += 1
        if any(in_ring(lat, lon, p[0]) and not any(in_ring(lat, lon, h) for h in p[1:]) for p in polys):
            continue
        km = min(ring_km(lat, lon, p[0]) for p in polys)
        if km > (ISLAND_KM if r["note"].startswith(ISLAND_NOTE) else NEAR_KM):
            bad(path, line, f"{r['id']}: {lat}, {lon} is {km:.1f} km outside {r['country']}")
    print(f"polygons: {done} places checked, {left} disputed left out")


def main(argv):
    if len(argv) > 2:
        print(__doc__.splitlines()[2], file=sys.stderr)
        return 2
    v = {name: check_vocab(name, extras) for name, extras in EXTRAS.items()}
    print("vocabularies " + ", ".join(f"{k} {len(e)}" for k, e in v.items()))
    check_vocab_rules(v)
    print(f"feature rules {check_features(v['site-kinds'])}")
    codes = check_iso()
    sites, places = check_sites(v, codes)
    places += check_incidents(v, codes, sites)
    if len(argv) == 2:
        check_polygons(argv[1], places)
    print(f"faults {faults}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
