#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""OGC API - Features and GeoPackage, asked by hand and read by GDAL's own drivers (OAPIF, GPKG). Where GDAL is not
installed its part is skipped with a line that says so.

usage: test_ogc.py API_SERVER FANE
"""
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse

EXE, FANE = sys.argv[1:3]
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
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
    def __init__(self, folder):
        self.process = subprocess.Popen([EXE, os.path.join(folder, "data")], stdout=subprocess.PIPE,
                                        stderr=open(os.path.join(folder, "log"), "w"), text=True)
        self.facts = {}
        for line in self.process.stdout:
            word, *rest = line.split()
            self.facts[word] = rest
            if word == "ready":
                break
        self.port = int(self.facts["ready"][0])
        self.base = f"http://127.0.0.1:{self.port}"

    def get(self, path, **headers):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        c.request("GET", path.removeprefix(self.base), headers={k.replace("_", "-"): v for k, v in headers.items()})
        r = c.getresponse()
        data = r.read()
        c.close()
        return r.status, r.headers, data

    def json(self, path):
        status, headers, data = self.get(path)
        assert status == 200, (path, status, data)
        return json.loads(data)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def link(doc, rel, media=None):
    for one in doc["links"]:
        if one["rel"] == rel and (media is None or one["type"] == media):
            return one["href"]
    return None


def pages(s, path):
    features, first = [], s.json(path)
    page = first
    while True:
        equal(page["numberReturned"], len(page["features"]), "numberReturned")
        features += page["features"]
        following = link(page, "next")
        if not following:
            return features, first.get("numberMatched")
        check(page["features"], "a page before another is not empty")
        page = s.json(following)


def items(**params):
    return "/ogc/collections/sites/items?" + urllib.parse.urlencode(params)


def test_pages_of_the_api(s):
    landing = s.json("/ogc")
    for rel in ("self", "alternate", "service-desc", "service-doc", "conformance", "data"):
        href = link(landing, rel)
        check(href and href.startswith(s.base + "/ogc"), f"landing page: {rel}")
        status, headers, _ = s.get(href)
        media = [one["type"] for one in landing["links"] if one["rel"] == rel][0]
        equal((status, headers["Content-Type"].split(";")[0]), (200, media.split(";")[0]), f"the link {rel}")
    classes = s.json("/ogc/conformance")["conformsTo"]
    for name in ("core", "geojson", "html", "oas30"):
        check(f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" in classes, f"conforms to {name}")
    status, headers, data = s.get("/ogc/api")
    equal(headers["Content-Type"], "application/vnd.oai.openapi+json;version=3.0", "type of the description")
    api = json.loads(data)
    equal((api["openapi"][:3], api["servers"][0]["url"]), ("3.0", s.base + "/ogc"), "the description")
    for path in api["paths"]:
        concrete = path.replace("{fid}", "FR" if "areas" in path else s.json(items(limit=1))["features"][0]["id"])
        equal(s.get("/ogc" + concrete.rstrip("/"))[0], 200, f"described path {path}")
    collections = s.json("/ogc/collections")["collections"]
    equal([c["id"] for c in collections], ["sites", "areas"], "collections")
    for c in collections:
        alone = s.json(link(c, "self"))
        equal((alone["id"], alone["extent"], alone["crs"]), (c["id"], c["extent"], [CRS84]), "a collection alone")
        for media in ("application/geo+json", "text/html"):
            equal(s.get(link(c, "items", media))[1]["Content-Type"].split(";")[0], media, f"items of {c['id']} as {media}")
    schema = s.json("/ogc/collections/sites/queryables")
    equal(sorted(schema["properties"]), ["faith", "kind", "name"], "queryables")
    equal(s.get("/ogc/collections/sites/queryables")[1]["Content-Type"], "application/schema+json", "type of queryables")
    for path in ("/ogc/", "/ogc/collections/x", "/ogc/collections/x/items", "/ogc/collections/areas/queryables",
                 "/ogc/collections/sites/items/x", "/ogc/collections/areas/items/nowhere", "/ogc/x"):
        equal(s.get(path)[0], 404, path)


def test_negotiation(s):
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    for accept, query, media in ((None, "", "application/geo+json"), ("*/*", "", "application/geo+json"),
                                 (browser, "", "text/html"), (browser, "&f=json", "application/geo+json"),
                                 ("application/geo+json, application/json", "", "application/geo+json"),
                                 ("application/geo+json;q=0.2, text/html;q=0.5", "", "text/html"),
                                 ("text/html;q=0, */*", "", "application/geo+json"), ("application/json", "&f=html", "text/html"),
                                 ("image/png", "", "application/geo+json")):
        _, headers, _ = s.get(items(limit=1) + query, **({"Accept": accept} if accept else {}))
        equal(headers["Content-Type"].split(";")[0], media, f"Accept {accept} {query}")
        equal(headers["Vary"], "Accept", "Vary")
    equal(s.get(items(f="xml"))[0], 400, "f=xml")
    status, headers, data = s.get(items(limit=3))
    equal(s.get(items(limit=3), If_None_Match=headers["ETag"])[0], 304, "a page is conditional")


def test_items(s):
    hidden, coarse = s.facts["hidden"], s.facts["coarse"]
    features, matched = pages(s, items(limit=37))
    equal(len(features), matched, "pages hold numberMatched")
    ids = {f["id"] for f in features}
    equal(len(ids), len(features), "no feature twice")
    check(hidden[0] not in ids and coarse[0] in ids, "hidden absent, coarse there")
    equal(len(s.json(items(limit=100000))["features"]), len(features), "a limit over the most is the most")
    one = [f for f in features if f["id"] == coarse[0]][0]
    alone = s.json("/ogc/collections/sites/items/" + coarse[0])
    equal((alone["geometry"], alone["properties"]), (one["geometry"], one["properties"]), "the feature alone")
    check(one["properties"]["coarse"] and one["properties"]["wikidata"] is None, "a coarse site keeps back what finds it")
    check(f"{float(coarse[1]):.4f}" not in json.dumps(one), "nor its latitude")
    equal(s.get("/ogc/collections/sites/items/" + hidden[0])[2],
          s.get("/ogc/collections/sites/items/00000000-0000-4000-8000-000000000000")[2], "hidden is as none")
    lon, lat = one["geometry"]["coordinates"]
    for at, there in (((float(coarse[2]), float(coarse[1])), False), ((lon, lat), True)):
        box = f"{at[0] - 1e-4},{at[1] - 1e-4},{at[0] + 1e-4},{at[1] + 1e-4}"
        equal(coarse[0] in {f["id"] for f in pages(s, items(bbox=box))[0]}, there, f"a box {'at the grid' if there else 'at the true place'}")
    for filt in (f"name = '{one['properties']['name']}'", "faith = 'sikh' AND name LIKE '%Temple%'"):
        check(coarse[0] in {f["id"] for f in pages(s, items(filter=filt))[0]}, f"a coarse site by {filt}")
    fiji = [f for f in features if f["geometry"] and (f["geometry"]["coordinates"][0] > 170 or f["geometry"]["coordinates"][0] < -170)]
    equal({f["id"] for f in pages(s, items(bbox="170,-90,-170,90", limit=5))[0]}, {f["id"] for f in fiji}, "over the antimeridian")
    equal({f["id"] for f in pages(s, items(bbox="170,-90,0,-170,90,9000"))[0]}, {f["id"] for f in fiji}, "six numbers")
    for when in ("2026-01-01T00:00:00Z", "../2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z/..", "2020-01-01/2026-01-01"):
        equal(s.json(items(datetime=when, limit=1))["numberMatched"], matched, f"datetime {when} leaves all")
    sikh = [f for f in features if f["properties"]["faith"] == "sikh"]
    for query in (dict(faith="sikh"), dict(filter="faith = 'sikh'"), {"filter": "faith='sikh'", "filter-lang": "cql2-text"}):
        equal(len(pages(s, items(limit=5, **query))[0]), len(sikh), f"{query}")
    equal(pages(s, items(filter="NOT faith = 'sikh' AND faith IS NOT NULL"))[1] + len(sikh) +
          pages(s, items(filter="faith IS NULL"))[1], matched, "a filter, its opposite, and null")
    for bad in (dict(bbox="1,2,3"), dict(bbox="a,b,c,d"), dict(bbox="0,50,10,40"), dict(bbox="0,-91,1,1"), dict(limit=0), dict(limit="x"),
                dict(cursor="junk"), dict(datetime="yesterday"), dict(datetime="../.."), dict(datetime="2026-01-02/2026-01-01"),
                dict(filter="faith ="), dict(filter="wikidata = 'Q1'"), dict(filter="lat > 1"), {"filter-lang": "cql2-json"},
                {"filter-crs": "EPSG:3857"}, dict(colour="red"), dict(filter="name = 'x' OR 1=1"), dict(q="x"),
                dict(filter="name BETWEEN 'a' AND 'b'"), dict(filter="CASEI(name) = 'x'")):
        status, headers, data = s.get(items(**bad))
        equal((status, headers["Content-Type"]), (400, "application/problem+json"), f"{bad}")
    equal(s.get(items(filter="(" * 40 + "TRUE" + ")" * 40))[0], 413, "a filter too deep")


def test_html(s):
    features, _ = pages(s, items(limit=1000))
    _, _, page = s.get(items(limit=1000, f="html"))
    text = page.decode()
    check("<script" not in text and " style=" not in text, "pages hold no script and no style")
    check(all("<table" not in (f["properties"]["name"] or "") for f in features), "names are names")
    equal(text.count("<tr>"), len(features) + 1, "a row for each")
    check('lang="en"' in text and "<main>" in text and "<caption>" in text and 'scope="col"' in text, "pages say what is what")
    quoted = s.get(items(name='"><script>alert(1)</script>', f="html"))[2].decode()
    check("<script>" not in quoted and "%3Cscript%3E" in quoted, "what is asked comes back escaped")
    for path in ("/ogc", "/ogc/conformance", "/ogc/api", "/ogc/collections", "/ogc/collections/sites", "/ogc/collections/areas",
                 "/ogc/collections/sites/queryables", "/ogc/collections/areas/items", "/ogc/collections/areas/items/FR",
                 "/ogc/collections/sites/items/" + features[0]["id"]):
        status, headers, data = s.get(path + "?f=html")
        equal((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"), path)
        check(data.decode().count("<h1>") == 1 and "default-src 'none'" in headers["Content-Security-Policy"], f"{path} is a page")


def test_areas(s):
    features, matched = pages(s, "/ogc/collections/areas/items?limit=50")
    equal((len(features), len({f["id"] for f in features})), (matched, matched), "areas page by page")
    check(matched > 200, "the world is there")
    andorra = {f["id"] for f in pages(s, "/ogc/collections/areas/items?bbox=1.55,42.55,1.56,42.56")[0]}
    equal(andorra, {"AD"}, "a box within Andorra")
    crossing = {f["id"] for f in pages(s, "/ogc/collections/areas/items?bbox=179,-20,-179,-15&limit=1")[0]}
    check("FJ" in crossing and "FR" not in crossing, "areas over the antimeridian")
    kosovo = s.json("/ogc/collections/areas/items/kosovo")
    check(kosovo["properties"]["disputed"] and kosovo["properties"]["note"], "what is disputed says so")
    equal(s.get("/ogc/collections/areas/items?filter=TRUE")[0], 400, "areas take no filter")


def ogrinfo(*args):
    done = subprocess.run(["ogrinfo", "-ro", *args], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def count_of(text):
    found = re.search(r"Feature Count: (\d+)", text)
    return int(found.group(1)) if found else None


def test_gdal_oapif(s):
    source = "OAPIF:" + s.base + "/ogc"
    _, matched = pages(s, items(limit=1000))
    code, text = ogrinfo("-so", source, "sites")
    equal((code, count_of(text)), (0, matched), "GDAL counts the sites")
    check("Geometry: Point" in text and "WGS 84" in text and "faith: String" in text, "GDAL knows the layer")
    code, text = ogrinfo("-q", "-oo", "PAGE_SIZE=17", source, "sites")
    equal((code, text.count("OGRFeature(sites)")), (0, matched), "GDAL pages through all of them")
    with_box, _ = pages(s, items(bbox="-10,35,20,60"))
    code, text = ogrinfo("-q", source, "sites", "-spat", "-10", "35", "20", "60")
    equal((code, text.count("OGRFeature(sites)")), (0, sum(f["geometry"] is not None for f in with_box)), "GDAL asks with a box")
    code, text = ogrinfo("-so", source, "sites", "-where", "faith = 'sikh'")
    equal((code, count_of(text)), (0, pages(s, items(faith="sikh"))[1]), "GDAL asks for a faith")
    code, text = ogrinfo("-so", source, "areas")
    equal((code, count_of(text)), (0, pages(s, "/ogc/collections/areas/items?limit=200")[1]), "GDAL counts the areas")
    code, text = ogrinfo("-q", source, "areas")
    equal((code, text.count("OGRFeature(areas)"), "ERROR" in text), (0, count_of(ogrinfo("-so", source, "areas")[1]), False), "GDAL reads the areas")


def fane(folder, *args):
    return subprocess.run([FANE, *args], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "FANE_DATA": os.path.join(folder, "fane-data")})


TOWN = {"type": "FeatureCollection", "features": [
    {"type": "Feature", "id": "way/1", "properties": {"amenity": "place_of_worship", "religion": "christian", "name": "St \"Q\"", "name:ar": "كنيسة"},
     "geometry": {"type": "Polygon", "coordinates": [[[179.9, -16.6], [179.95, -16.6], [179.95, -16.55], [179.9, -16.55], [179.9, -16.6]]]}},
    {"type": "Feature", "id": "node/2", "properties": {"amenity": "place_of_worship", "religion": "hindu", "name": "Mandir"},
     "geometry": {"type": "Point", "coordinates": [-179.95, -16.5]}},
    {"type": "Feature", "id": "node/3", "properties": {"amenity": "place_of_worship", "religion": "jewish", "name": "Nowhere"}, "geometry": None}]}


def test_gdal_gpkg(folder):
    out = os.path.join(folder, "sites.gpkg")
    town = os.path.join(folder, "town.geojson")
    with open(town, "w", encoding="utf-8") as f:
        json.dump(TOWN, f)
    equal(fane(folder, "init").returncode, 0, "init")
    equal(fane(folder, "import", "sites", town, "--source", "town").returncode, 0, "import")
    equal(fane(folder, "export", "sites", "--format", "gpkg").returncode, 2, "a GeoPackage does not go to standard output")
    done = fane(folder, "export", "sites", "--format", "gpkg", "--out", out)
    digest = subprocess.run(["sha256sum", out], capture_output=True, text=True).stdout[:64]
    equal((done.returncode, done.stdout, done.stderr), (0, "", f"3 rows, SHA-256 {digest}\n"), "export says rows and digest")
    equal(sorted(os.listdir(folder)), sorted(set(os.listdir(folder)) - {"sites.gpkg.part"}), "no half-made file is left")
    code, text = ogrinfo("-al", out)
    check(code == 0 and "ERROR" not in text and "Warning" not in text, f"GDAL finds no fault: {text[:300]}")
    for piece in ("Layer name: sites", "Layer name: footprints", "name (String) = St \"Q\"", "POLYGON ((", "POINT (-179.95 -16.5)",
                  'names (String) = {"und":"St \\"Q\\"","ar":"كنيسة"}', "GPKG_METADATA_ITEM", "licence (String)"):
        check(piece in text, f"GDAL shows {piece}")
    equal(text.count("OGRFeature(sites)"), 3, "all sites, the one without a place too")
    equal(count_of(ogrinfo("-so", out, "sites", "-spat", "-180", "-17", "-179", "-16")[1]), 1, "by the index")
    validator = ["/usr/bin/python3", "-m", "osgeo_utils.samples.validate_gpkg", out]  # Debian's own: gdal-bin brings it
    if subprocess.run(["/usr/bin/python3", "-c", "import osgeo_utils.samples.validate_gpkg"], capture_output=True).returncode == 0:
        done = subprocess.run(validator, capture_output=True, text=True)
        equal((done.returncode, done.stdout + done.stderr), (0, ""), "GDAL's validator of GeoPackages")
    else:
        print("skipped: GDAL's validate_gpkg is not installed (package python3-gdal)")
    copy = os.path.join(folder, "copy.gpkg")
    done = subprocess.run(["ogr2ogr", "-f", "GPKG", copy, out], capture_output=True, text=True)
    equal((done.returncode, done.stderr), (0, ""), "ogr2ogr copies it")
    edit = "UPDATE sites SET geom = NULL WHERE fid = 1; INSERT INTO sites (fid, geom, name) SELECT 9, geom, 'x' FROM sites WHERE fid = 2"
    for one in edit.split("; "):
        done = subprocess.run(["ogrinfo", out, "-sql", one], capture_output=True, text=True)
        check(done.returncode == 0 and "ERROR" not in done.stdout + done.stderr, f"its triggers hold: {done.stderr[:200]}")
    box = fane(folder, "export", "sites", "--format", "gpkg", "--bbox", "179,-17,-179,-16", "--out", os.path.join(folder, "box.gpkg"))
    check(box.stderr.startswith("2 rows"), f"a box over the antimeridian: {box.stderr}")
    none = fane(folder, "export", "incidents", "--format", "gpkg", "--out", os.path.join(folder, "none.gpkg"))
    check(none.stderr.startswith("0 rows"), "no incidents")
    code, text = ogrinfo("-so", "-al", os.path.join(folder, "none.gpkg"))
    check(code == 0 and count_of(text) == 0 and "ERROR" not in text, "an empty layer is a layer")


def main():
    with tempfile.TemporaryDirectory(prefix="fane-ogc-") as folder:
        s = Server(folder)
        for test in (test_pages_of_the_api, test_negotiation, test_items, test_html, test_areas):
            test(s)
        if shutil.which("ogrinfo"):
            test_gdal_oapif(s)
            test_gdal_gpkg(folder)
        else:
            print("skipped: GDAL's ogrinfo is not installed (package gdal-bin)")
        equal(s.stop(), 0, "the server ends well")
    print(f"{passed} checks passed, {len(failed)} failed")
    return 1 if failed else 0


sys.exit(main())
