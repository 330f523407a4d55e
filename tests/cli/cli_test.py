#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The command line as a user has it: real files in, counts out, damaged and hostile files refused, the store unchanged.

usage: cli_test.py FANE
"""
import csv
import io
import json
import os
import random
import resource
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

FANE = os.path.abspath(sys.argv.pop(1))
SHARED = os.path.join(os.environ.get("FANE_SHARED", "."), "data")
MEMORY_CAP = 1 << 30  # bytes of address space a refusal may need is bounded below; resident memory is checked


def shared(path):
    full = os.path.join(SHARED, path)
    if not os.path.exists(full):
        raise unittest.SkipTest("no real data at " + full)
    return full


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Base(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="fane-cli-")
        self.data = os.path.join(self.dir, "data")
        self.addCleanup(shutil.rmtree, self.dir)
        self.fane("init")

    def fane(self, *args, code=0, stdin=None):
        r = subprocess.run([FANE, *args, "--data", self.data], input=stdin, capture_output=True, timeout=240)
        self.assertEqual(r.returncode, code, f"fane {' '.join(args)}: {r.stderr.decode(errors='replace')[-600:]}")
        return r

    def json(self, *args):
        return json.loads(self.fane(*args, "--json").stdout)

    def file(self, name, content):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.write(content)
        return path

    def rows(self, sql):
        db = sqlite3.connect(os.path.join(self.data, "fane.db"))
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()

    def state(self):
        return {t: self.rows(f"select count(*) from {t}")[0][0] for t in ("site", "source_release", "incident", "ledger_entry")}


class Sites(Base):
    POW = {"andorra-2025": 63, "andorra-2013": 11, "liechtenstein-2015": 21, "liechtenstein-2013": 21, "harrisburg": 25,
           "helsinki-2019": 8, "monaco-2021": 15, "monaco-2022-nometa": 16}

    def test_extracts_have_their_counts(self):
        for name, pow_count in self.POW.items():
            with self.subTest(name):
                r = self.json("import", "sites", shared(f"osm/{name}.osm.pbf"), "--source", name, "--dry-run")
                self.assertEqual(r["by_class"]["place_of_worship"], pow_count)
                self.assertEqual(r["read"], r["sites"] + r["rejected"])
                self.assertEqual(r["sites"], r["added"] + r["updated"] + r["unchanged"])
        r = self.json("import", "sites", shared("osm/harrisburg.osm.pbf"), "--dry-run")
        self.assertEqual(r["by_class"]["cemetery"], 24)

    def test_lz4_gives_the_same_sites(self):
        exports = []
        for name in ("monaco-2021", "monaco-2021.lz4"):
            self.json("import", "sites", shared(f"osm/{name}.osm.pbf"), "--source", "monaco")
            features = json.loads(self.fane("export", "sites", "--format", "geojson").stdout)["features"]
            exports.append([(f["geometry"], f["properties"].get("names"), f["properties"]["religion"]) for f in features])
        self.assertEqual(exports[0], exports[1])

    def test_the_next_edition(self):
        first = self.json("import", "sites", shared("osm/andorra-2013.osm.pbf"), "--source", "andorra")
        before = dict(self.rows("select s.public_id, r.external_id from site s join site_source r on r.site = s.id"))
        second = self.json("import", "sites", shared("osm/andorra-2025.osm.pbf"), "--source", "andorra")
        self.assertEqual(second["updated"] + second["unchanged"], 8)
        self.assertEqual(second["gone"], first["sites"] - 8)
        after = dict(self.rows("select s.public_id, r.external_id from site s join site_source r on r.site = s.id"))
        self.assertTrue(all(after[k] == v for k, v in before.items()), "identity is kept, nothing is deleted")
        kept = self.rows("select count(*) from site s join site_source r on r.site = s.id where s.class = 'place_of_worship' "
                         "and s.status <> 'gone' and s.created_us < s.updated_us")
        self.assertEqual(kept[0][0], 7)
        third = self.json("import", "sites", shared("osm/andorra-2025.osm.pbf"), "--source", "andorra")
        self.assertEqual((third["added"], third["updated"], third["gone"]), (0, 0, 0))

    def test_points_lie_in_their_polygons(self):
        self.json("import", "sites", shared("osm/andorra-2025.osm.pbf"))
        out = os.path.join(self.dir, "out.geojson")
        self.fane("export", "sites", "--format", "geojson", "--out", out)
        if not shutil.which("ogrinfo"):
            self.skipTest("ogrinfo is not installed")
        r = subprocess.run(["ogrinfo", "-ro", "-q", "-dialect", "SQLite", "-sql",
                            "select count(*) n from \"out\" where footprint is not null and not "
                            "ST_Contains(ST_GeomFromText(footprint), geometry)", out], capture_output=True, text=True)
        features = json.loads(read(out))["features"]
        self.assertGreater(sum(1 for f in features if f["properties"].get("footprint")), 20)
        if "n (Integer) = " not in r.stdout:
            self.skipTest("this GDAL has no SpatiaLite: " + r.stderr[-200:])
        self.assertIn("n (Integer) = 0", r.stdout)

    def test_dates_of_building(self):
        for extract in ("andorra-2025", "helsinki-2019", "liechtenstein-2015"):
            self.json("import", "sites", shared(f"osm/{extract}.osm.pbf"), "--source", extract)
        said = self.rows("select json_extract(r.raw, '$.start_date'), s.start_date from site s join site_source r on r.site = s.id "
                         "where json_extract(r.raw, '$.start_date') is not null order by 1")
        self.assertEqual([d for d, _ in said], ["08/1963", "1826", "1826", "1852", "1931", "1956", "1963"])
        self.assertEqual([d for d, kept in said if kept != d], ["08/1963"], "the form is none of the key's: kept as said, not shown")

    def check_rejections(self, path, read, *args):
        r = subprocess.run([FANE, "import", "sites", path, "--json", "--data", self.data, *args], capture_output=True, text=True)
        self.assertEqual(r.returncode, 0, r.stderr[-500:])
        report = json.loads(r.stdout)
        self.assertEqual(report["read"], read)
        self.assertEqual(report["read"], report["sites"] + report["rejected"])
        lines = [x for x in r.stderr.splitlines() if x.startswith("rejected ")]
        self.assertEqual(len(lines), report["rejected"])
        for line in lines:
            self.assertRegex(line, r"^rejected .+: .+")
        return report

    def test_other_sources(self):
        self.check_rejections(shared("sites/uk-osm-half.csv"), 17868)
        nz = self.check_rejections(shared("sites/nz-osm.json"), 4718)
        self.assertGreater(nz["rejected"], 0)
        names = [n for (n,) in self.rows("select name from site where name like '%indergarten%'")]
        self.assertLessEqual(len(names), 1)  # one is tagged amenity=place_of_worship by the mappers themselves
        self.check_rejections(shared("sites/wikidata-cemeteries-half.csv"), 2622)
        self.check_rejections(shared("sites/nyc-cemeteries.geojson"), 111)
        self.fane("verify")

    def test_exports_are_read_back(self):
        self.fane("seed")
        total = self.rows("select count(*) from site")[0][0]
        r = self.fane("export", "sites", "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(r.stdout.decode("utf-8-sig"))))
        self.assertEqual(len(rows), total)
        self.assertIn(str(total).encode(), r.stderr)
        with open(os.path.join(os.path.dirname(__file__), "../../data/seed/sites.csv"), encoding="utf-8", newline="") as f:
            dated = [row["start_date"] for row in csv.DictReader(f) if row["start_date"]]
        self.assertGreater(len(dated), 300)
        self.assertEqual(sorted(row["start_date"] for row in rows if row["start_date"]), sorted(dated), "all are understood")
        out = os.path.join(self.dir, "sites.geojson")
        self.fane("export", "sites", "--format", "geojson", "--out", out)
        if shutil.which("ogrinfo"):
            info = subprocess.run(["ogrinfo", "-ro", "-so", "-al", out], capture_output=True, text=True).stdout
            self.assertIn(f"Feature Count: {total}", info)
        box = json.loads(self.fane("export", "sites", "--format", "geojson", "--bbox", "177,-48,-175,-10").stdout)
        for f in box["features"]:
            lon, lat = f["geometry"]["coordinates"]
            self.assertTrue((lon >= 177 or lon <= -175) and -48 <= lat <= -10)
        shutil.rmtree(os.path.join(self.data, "atlas"))  # made anew from the store
        near = self.json("near", "41.9022", "12.4539", "--n", "3")["sites"]
        self.assertEqual(near[0]["name"], "St Peter's Basilica")
        incidents = json.loads(self.fane("export", "incidents", "--format", "geojson").stdout)["features"]
        self.assertTrue(incidents and all(f["properties"]["verification"] in ("V3", "V4") for f in incidents))

    def test_synthetic_sites_are_labelled(self):
        r = self.json("seed", "--synthetic", "5000")
        self.assertEqual(r["sites"]["added"], 5000)
        self.assertEqual(self.rows("select count(*) from site where is_synthetic = 1")[0][0], 5000)
        self.assertTrue(all(s["synthetic"] for s in self.json("near", "0", "0")["sites"]))


class Pictures(Base):
    """Added from a file, copied clean, shown with its licence, taken away; other programs read the copy."""

    CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fuzz", "corpus", "picture")
    SAID = ("--licence", "CC-BY-4.0", "--credit", "Somebody")

    def setUp(self):
        super().setUp()
        self.fane("seed")
        self.site = self.json("near", "41.9022", "12.4539", "--n", "1")["sites"][0]["id"]

    def add(self, name, *more):
        return self.json("site", "picture", "add", self.site, os.path.join(self.CORPUS, name), *self.SAID, *more)

    def test_added_served_and_taken_away(self):
        from_a_phone = self.add("turned.jpg", "--source", "https://example.org/a", "--alt", "كنيسة", "--lang", "ar")
        self.assertEqual((from_a_phone["width"], from_a_phone["height"]), (12, 16), "upright")
        for name in ("plain.jpg", "progressive.jpg", "grey.jpg", "rgb.png", "alpha.png", "lossy.webp"):
            self.add(name)
        listed = self.json("site", "picture", "list", self.site)["pictures"]
        self.assertEqual(len(listed), 7)
        self.assertEqual((listed[0]["alt"], listed[0]["alt_lang"], listed[0]["source"]), ("كنيسة", "ar", "https://example.org/a"))
        self.assertEqual(listed[0]["licence_url"], "https://creativecommons.org/licenses/by/4.0/")
        sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crash"))
        from server import Server
        server = Server(FANE, self.data).start()
        self.addCleanup(lambda: server.process.poll() is None and server.kill())
        sheet = json.loads(server.get("/api/v1/sites/" + self.site)[1])
        self.assertEqual(sheet["pictures"], listed)
        for p in listed:
            for url, size in ((p["url"], (p["width"], p["height"])), (p["small_url"], (p["small_width"], p["small_height"]))):
                status, body = server.get(url)[:2]
                self.assertEqual(status, 200)
                self.assertNotIn(b"Exif", body)
                if shutil.which("gdalinfo"):
                    info = subprocess.run(["gdalinfo", self.file("copy.jpg", body)], capture_output=True, text=True).stdout
                    self.assertIn("Driver: JPEG", info)
                    self.assertIn("Size is %d, %d" % size, info)
        self.fane("site", "picture", "remove", listed[0]["id"], "--reason", "its maker asked")
        self.assertEqual(server.get(listed[0]["url"])[0], 404)
        self.fane("site", "hide", self.site, "--reason", "threatened")
        self.assertEqual({server.get(p["url"])[0] for p in listed}, {404})
        server.kill()
        self.fane("verify")

    def test_kept_in_a_backup(self):
        self.add("rgb.png")
        bundle = os.path.join(self.dir, "all.fane")
        self.fane("backup", bundle)
        before = self.json("site", "picture", "list", self.site)
        keys = os.path.join(self.dir, "keys.fane")
        self.fane("backup", "--keys", keys)
        self.data = os.path.join(self.dir, "again")
        self.fane("restore", bundle)
        self.fane("restore", keys)
        self.assertEqual(self.json("site", "picture", "list", self.site), before)
        self.fane("verify")
        db = sqlite3.connect(os.path.join(self.data, "fane.db"))
        db.execute("update site_picture_bytes set jpeg = cast(jpeg || x'00' as blob) where size = 1")
        db.commit()
        db.close()
        self.assertIn(b"site_picture", self.fane("verify", code=8).stderr)

    def test_refused(self):
        picture, said = os.path.join(self.CORPUS, "rgb.png"), self.SAID
        for args, code in ((("add", self.site, picture), 2), (("add", self.site, picture, "--licence", "CC-BY-4.0"), 2),
                           (("add", self.site, picture, "--licence", "CC-BY-NC-4.0", "--credit", "x"), 2),
                           (("add", self.site, os.path.join(self.CORPUS, "cut.jpg"), *said), 2),
                           (("add", self.site, __file__, *said), 2), (("add", self.site, self.dir, *said), 9),
                           (("add", self.site, picture + "x", *said), 4), (("add", "x", picture, *said), 4),
                           (("add", self.site, picture, *said, "--source", "http://x.example/"), 2),
                           (("remove", "x", "--reason", "y"), 2), (("remove", self.site, "--reason", "y"), 4),
                           (("remove", self.site), 2), (("list",), 2), (("paint", self.site), 2)):
            with self.subTest(args):
                self.assertGreater(len(self.fane("site", "picture", *args, code=code).stderr), 20)
        self.assertEqual(self.rows("select count(*) from site_picture")[0][0], 0)


class RoundTrip(Base):
    """What is exported and imported elsewhere is the same registry, and a change file keeps it current."""

    OF_THIS_REGISTRY = ("id", "code", "source", "licence", "attribution", "release", "external_id", "updated")

    def dump(self):
        rows = []
        for f in json.loads(self.fane("export", "sites", "--format", "geojson").stdout)["features"]:
            facts = {k: v for k, v in f["properties"].items() if k not in self.OF_THIS_REGISTRY}
            rows.append(json.dumps([f["geometry"], facts], sort_keys=True))
        return sorted(rows)

    def test_export_then_import_is_the_same_registry(self):
        n = int(os.environ.get("FANE_ROUND_TRIP", "2000"))  # 1000000 takes minutes
        self.fane("seed")
        self.fane("seed", "--synthetic", str(n))
        for extract in ("osm/andorra-2025.osm.pbf", "sites/nyc-cemeteries.geojson"):
            if os.path.exists(os.path.join(SHARED, extract)):
                self.fane("import", "sites", os.path.join(SHARED, extract))
        before, out = self.dump(), os.path.join(self.dir, "all.geojson")
        self.assertGreater(len(before), n)
        self.fane("export", "sites", "--format", "geojson", "--out", out)
        self.data = os.path.join(self.dir, "other")
        self.fane("init")
        r = self.json("import", "sites", out, "--source", "other")
        self.assertEqual((r["added"], r["rejected"]), (len(before), 0))
        self.assertEqual(self.dump(), before)

    def test_a_change_file(self):
        node = "<node id='%d' version='%d' lat='42.5' lon='1.5'><tag k='amenity' v='place_of_worship'/>" \
               "<tag k='name' v='%s'/></node>"
        whole = self.file("a.osm", ("<osm version='0.6'>" + node % (1, 1, "One") + node % (2, 1, "Two") + "</osm>").encode())
        change = zlib.compressobj(wbits=31)
        text = "<osmChange version='0.6'><modify>" + node % (1, 2, "Uno") + "</modify><delete>" \
               "<node id='2' version='2'/></delete></osmChange>"
        path = self.file("b.osc.gz", change.compress(text.encode()) + change.flush())
        self.assertIn(b"--source", self.fane("import", "sites", path, code=2).stderr)
        self.assertIn(b"no source", self.fane("import", "sites", path, "--source", "a", code=4).stderr)
        self.assertEqual(self.json("import", "sites", whole)["added"], 2)
        report = os.path.join(self.dir, "report.csv")
        r = self.json("import", "sites", path, "--source", "a", "--changes", report)
        self.assertEqual((r["updated"], r["gone"], r["unplaced"]), (1, 1, 0))
        told = [(x["change"], x["id"], x["fields"]) for x in csv.DictReader(io.StringIO(read(report).decode()))]
        self.assertEqual(told, [("updated", "node/1", "names"), ("gone", "node/2", "")])
        self.assertEqual(os.stat(report).st_mode & 0o777, 0o600)


class Incidents(Base):
    def test_ucdp(self):
        r = self.json("import", "incidents", shared("incidents/ucdp-ged-syria-2016-2017.csv"), "--format", "ucdp-ged", "--context")
        self.assertEqual((r["read"], r["incidents"], r["rejected"]), (11757, 11757, 0))
        self.assertEqual(self.rows("select count(*) from incident where raw like '%where_prec%'")[0][0], 11757)
        self.fane("verify")


class Hostile(Base):
    """Clear error, non-zero exit, bounded memory, store unchanged."""

    def refused(self, path, *args, expect=None):
        before = self.state()
        who = resource.RUSAGE_CHILDREN
        peak = resource.getrusage(who).ru_maxrss
        r = subprocess.run([FANE, "import", "sites", path, "--data", self.data, *args], capture_output=True, timeout=240)
        self.assertNotEqual(r.returncode, 0, f"{path} was taken: {r.stdout[-200:]}")
        self.assertLess(r.returncode, 100, f"{path}: died: {r.stderr[-300:]}")
        self.assertGreater(r.returncode, 0, f"{path}: killed by a signal: {r.stderr[-300:]}")
        text = r.stderr.decode(errors="replace")
        last = text.strip().splitlines()[-1]
        self.assertTrue(last.startswith("fane import: "), text[-300:])
        if expect:
            self.assertRegex(last, expect)
        self.assertEqual(self.state(), before)
        self.assertLess(max(resource.getrusage(who).ru_maxrss, peak), 1 << 20, "over 1 GiB resident")
        return last

    def test_pbf_cut_at_random_offsets(self):
        whole = read(shared("osm/monaco-2021.osm.pbf"))
        seed = random.randrange(1 << 30)
        dice = random.Random(seed)
        for n in range(50):
            at = dice.randrange(1, len(whole))
            with self.subTest(seed=seed, at=at):
                self.refused(self.file("cut.osm.pbf", whole[:at]), "--format", "osm-pbf")

    def test_zip_bomb_blob(self):
        raw = zlib.compress(b"\0" * (256 << 20), 1)

        def field(number, wire, payload):
            key = bytes([number << 3 | wire])
            return key + (varint(len(payload)) + payload if wire == 2 else varint(payload))

        def varint(n):
            out = b""
            while n > 127:
                out += bytes([n & 127 | 128])
                n >>= 7
            return out + bytes([n])

        for size in (256 << 20, 1 << 20, (1 << 62)):
            blob = field(2, 0, size) + field(3, 2, raw)
            header = field(1, 2, b"OSMHeader") + field(3, 0, len(blob))
            self.refused(self.file("bomb.osm.pbf", struct.pack(">I", len(header)) + header + blob), "--format", "osm-pbf")

    def test_a_gigabyte_of_brackets(self):
        path = os.path.join(self.dir, "brackets.json")
        with open(path, "wb") as f:
            for _ in range(1024):
                f.write(b"[" * (1 << 20))
        self.refused(path, "--format", "json", expect="(?i)depth|deep|nest")
        self.refused(path, "--format", "geojson")
        os.unlink(path)

    def test_csv_with_nul_and_a_huge_field(self):
        head = b"id,name,lat,lon\n"
        mapping = self.file("map.json", b'{"fields":{"id":"id","name":"name","lat":"lat","lon":"lon"},"constant":{"class":"place_of_worship"}}')
        self.refused(self.file("nul.csv", head + b"1,a,1,1\n2,b\0c,2,2\n"), "--map", mapping, "--format", "csv", expect="line 3")
        self.refused(self.file("huge.csv", head + b"1,a,1,1\n2," + b"x" * (10 << 20) + b",2,2\n"), "--map", mapping,
                     "--format", "csv", expect="line 3")
        self.refused(self.file("quote.csv", head + b'1,"never closed,1,1\n'), "--map", mapping, "--format", "csv")

    def test_xml_entity_bomb(self):
        lol = b'<?xml version="1.0"?><!DOCTYPE osm [<!ENTITY a "' + b"x" * 1000 + b'">'
        for i in range(9):
            lol += b"<!ENTITY " + bytes([98 + i]) + b' "' + (b"&" + bytes([97 + i]) + b";") * 10 + b'">'
        self.refused(self.file("bomb.osm", lol + b']><osm version="0.6"><node id="1" lat="1" lon="1"><tag k="name" v="&j;"/></node></osm>'),
                     "--format", "osm-xml")
        self.refused(self.file("outside.osm", b'<?xml version="1.0"?><!DOCTYPE osm [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
                               b'<osm version="0.6"><node id="1" lat="1" lon="1"><tag k="amenity" v="place_of_worship"/>'
                               b'<tag k="name" v="&a;"/></node></osm>'), "--format", "osm-xml")

    def test_gzip_bomb_and_nonsense(self):
        # one name of two GiB of spaces: a flushed block repeats; the sum at the end is wrong, and must not be reached
        co = zlib.compressobj(9, zlib.DEFLATED, -15)
        head = co.compress(b'<osm version="0.6"><node id="1" lat="1" lon="1"><tag k="name" v="') + co.flush(zlib.Z_FULL_FLUSH)
        block = co.compress(b" " * (1 << 20)) + co.flush(zlib.Z_FULL_FLUSH)
        bomb = b"\x1f\x8b\x08" + bytes(7) + head + block * 2048 + b"\x03\0" + bytes(8)
        self.refused(self.file("bomb.osm.gz", bomb), expect="refused as a bomb")
        self.refused(self.file("empty.csv", b""))
        self.refused(self.file("noise", random.Random(7).randbytes(100000)))
        self.refused(os.path.join(self.dir, "no-such-file"))

    def test_words_are_checked(self):
        for args, code in ((["near", "91", "0"], 2), (["near", "x", "0"], 2), (["near"], 2), (["nonsense"], 2),
                           (["import", "sites"], 2), (["export", "sites", "--format", "shp"], 2),
                           (["export", "sites", "--format", "csv", "--bbox", "1,2,3"], 2), (["near", "1", "1", "--n", "0"], 2),
                           (["seed", "--synthetic", "99999999999"], 6), (["user", "add", "x"], 2)):
            with self.subTest(args):
                self.fane(*args, code=code)
        r = subprocess.run([FANE, "near", "1", "1", "--data", os.path.join(self.dir, "nothing")], capture_output=True, text=True)
        self.assertEqual(r.returncode, 4)
        self.assertIn("fane init", r.stderr)


class Scan(Base):
    """The clusters of SaTScan's own reports: statistic, dates and members of each; p within Monte Carlo error."""

    def test_satscan_cases(self):
        for name, p, runs in (("nyc_stp_prospective", 0.255, 207), ("ucdp_car_2013_stp_prospective", 0.010, 999)):
            with self.subTest(name):
                folder = os.path.dirname(shared(f"scan/{name}/{name}.prm"))
                before = sorted(os.listdir(folder))
                clusters = self.json("scan", os.path.join(folder, name + ".prm"))["clusters"]
                self.assertEqual(sorted(os.listdir(folder)), before, "nothing is written beside the inputs")
                members = {}
                for line in read(os.path.join(folder, name + ".gis.txt")).decode().splitlines():
                    place, cluster = line.split()[:2]
                    members.setdefault(cluster, set()).add(place)
                reported = [x.split() for x in read(os.path.join(folder, name + ".col.txt")).decode().splitlines()]
                for theirs, ours in zip(reported, clusters):
                    self.assertIn(f"{ours['statistic']:.6f}", theirs)
                    self.assertEqual(members[theirs[0]], set(ours["members"]))
                    day = "/".join(str(int(x)) for x in ours["start"].split("-"))
                    self.assertIn(day, ["/".join(str(int(y)) for y in x.split("/")) for x in theirs if x.count("/") == 2])
                error = 3 * (p * (1 - p) * (1 / runs + 1 / 999)) ** 0.5
                self.assertLess(abs(clusters[0]["p"] - p), error)

    def test_big_synthetic(self):
        args = ["scan", shared("scan/big_synthetic/a.prm"), "--set", "UseDistanceFromCenterOption=y",
                "--set", "MaxSpatialSizeInDistanceFromCenter=50"]
        answers = []
        for threads in ("1", "3", "4"):
            r = self.json(*args, "--threads", threads)
            answers.append(r["clusters"])
            first = r["clusters"][0]
            self.assertEqual((round(first["statistic"], 6), first["observed"], round(first["expected"], 2), first["p"]),
                             (92.083246, 40, 1.53, 0.001))
        self.assertTrue(all(a == answers[0] for a in answers), "the same on every thread count")

    def test_bad_files_are_named(self):
        self.assertIn(b"no-such", self.fane("scan", os.path.join(self.dir, "no-such.prm"), code=4).stderr)
        path = shared("scan/nyc_stp_prospective/nyc_stp_prospective.prm")
        self.assertIn(b"NoSuchKey", self.fane("scan", path, "--set", "NoSuchKey=1", code=2).stderr)
        other = shared("scan/nm_spatial_poisson/nm_spatial_poisson.prm")
        self.assertIn(b"AnalysisType", self.fane("scan", other, code=7).stderr)


class Ledger(Base):
    def test_one_flipped_byte_is_named(self):
        self.fane("seed")
        self.fane("verify")
        whole = {f: read(os.path.join(self.data, f)) for f in os.listdir(self.data) if f.startswith("fane.db")}
        n = self.rows("select count(*) from ledger_entry")[0][0]
        for seq in sorted({0, 1, n // 2, n - 1}):
            with self.subTest(seq=seq):
                db = sqlite3.connect(os.path.join(self.data, "fane.db"))
                text = db.execute("select bytes from ledger_entry where seq = ?", (seq,)).fetchone()[0]
                raw = bytearray(text.encode() if isinstance(text, str) else text)
                raw[len(raw) // 2] ^= 1
                db.execute("update ledger_entry set bytes = ? where seq = ?",
                           (raw.decode("latin-1") if isinstance(text, str) else bytes(raw), seq))
                db.commit()
                db.close()
                r = self.fane("verify", code=8)
                self.assertRegex(r.stderr.decode(), rf"\b{seq}\b")
                for f in os.listdir(self.data):
                    if f.startswith("fane.db"):
                        os.unlink(os.path.join(self.data, f))
                for f, content in whole.items():
                    with open(os.path.join(self.data, f), "wb") as out:
                        out.write(content)
        self.fane("verify")


class Warnings(Base):
    def test_from_events_to_the_feed(self):
        """Context events in, scanned, drafted, approved; what is served is read by other people's programs."""
        sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crash"))
        from server import Server
        self.fane("seed")
        self.fane("import", "incidents", shared("incidents/ucdp-ged-syria-2016-2017.csv"), "--format", "ucdp-ged", "--context")
        run = self.json("watch", "run", "--as-of", "2017-06-30")["streams"][1]
        self.assertTrue(run["scanned"] and run["drafted"] > 0)
        again = self.json("watch", "run", "--as-of", "2017-06-30")["streams"][1]
        self.assertEqual((again["clusters"], again["drafted"]), (run["clusters"], 0))
        drafts = self.json("warning", "list")["warnings"]
        self.assertTrue(all(w["status"] == "Exercise" and w["state"] == "draft" for w in drafts))
        code = drafts[0]["code"]
        self.fane("warning", "approve", code, code=3)
        self.fane("user", "add", "rev", "--role", "reviewer", stdin=b"a long enough pass phrase\n")
        self.fane("user", "add", "coord", "--role", "coordinator", stdin=b"a long enough pass phrase\n")
        self.fane("warning", "approve", code, "--as", "rev", code=3)
        self.fane("warning", "approve", code, "--as", "coord", "--scope", "Public")
        self.fane("warning", "reject", drafts[1]["code"], "--as", "coord", code=2)
        self.fane("warning", "reject", drafts[1]["code"], "--as", "coord", "--reason", "one battle, counted in parts")
        server = Server(FANE, self.data).start()
        self.addCleanup(lambda: server.process.poll() is None and server.kill())
        feed = server.get("/feeds/alerts.atom")[1]
        shown = json.loads(server.get("/api/v1/warnings")[1])["warnings"]
        self.assertEqual([(w["code"], w["coarse"]) for w in shown], [(code, True)])
        cap = self.file("alert.xml", server.get("/alerts/" + shown[0]["id"] + ".xml")[1])
        self.assertIn(b"<status>Exercise</status>", read(cap))
        if shutil.which("xmllint"):
            schema = shared("schemas/CAP-v1.2.xsd")
            self.assertEqual(subprocess.run(["xmllint", "--nonet", "--noout", "--schema", schema, cap], capture_output=True).returncode, 0)
        r = subprocess.run(["/usr/bin/python3", "-c", "import sys, feedparser; d = feedparser.parse(sys.stdin.buffer.read()); "
                            "print(d.bozo, d.version, len(d.entries), d.entries[0].links[0].href)"], input=feed, capture_output=True)
        if r.returncode == 0:
            self.assertTrue(r.stdout.startswith(b"False atom10 1 http://"), r.stdout)
        tile = self.file("0.mvt", server.request("GET", "/tiles/sites/0/0/0.mvt")[1])
        if shutil.which("ogr2ogr"):
            out = subprocess.run(["ogr2ogr", "-f", "CSV", "/vsistdout/", tile, "sites"], capture_output=True, text=True).stdout
            total = sum(int(row["count"]) for row in csv.DictReader(io.StringIO(out)))
            self.assertEqual(total, self.rows("select count(*) from site where lat is not null")[0][0])
        server.kill(15)
        self.fane("verify")


class Visibility(Base):
    """fane site and fane country: who may see what, kept over imports, all of it in the ledger."""

    ROWS = ("id,name,lat,lon,country,opening_hours,phone\n"
            "a,Saint Anne,51.5,-0.12,GB,Su 10:00,+44 20 7946 0000\nb,Saint Brigid,51.6,-0.22,GB,,\nc,San Carlo,41.9,12.5,IT,,\n")
    MAP = json.dumps({"fields": {"id": "id", "name": "name", "lat": "lat", "lon": "lon", "country": "country"}, "constant": {"class": "place_of_worship"}})

    def load(self, rows):
        self.fane("import", "sites", self.file("rows.csv", rows.encode()), "--map", self.file("map.json", self.MAP.encode()), "--source", "rows")

    def shown(self, *more):
        rows = json.loads(self.fane("export", "sites", "--format", "geojson", *more).stdout)["features"]
        return {r["properties"]["name"]: r for r in rows}

    def test_hide_coarse_show(self):
        self.load(self.ROWS)
        self.assertNotIn(b"7946", self.fane("export", "sites", "--format", "csv").stdout)
        code = self.shown()["Saint Anne"]["properties"]["code"]
        self.fane("site", "hide", code, code=2)  # why?
        said = self.json("site", "hide", code, "--reason", "asked by its people")
        self.assertEqual((said["visibility"], said["changed"]), ("hidden", True))
        self.assertNotIn("Saint Anne", self.shown())
        self.assertFalse(self.json("site", "hide", code, "--reason", "again")["changed"])
        self.load(self.ROWS.replace("a,Saint Anne,51.5,", "z,Saint Anne,51.5005,"))  # the source has renumbered it
        self.assertEqual(set(self.shown()), {"Saint Brigid", "San Carlo"})
        self.fane("site", "coarse", code, "--precision", "1234", "--reason", "x", code=2)
        self.load(self.ROWS)
        self.fane("site", "coarse", code, "--precision", "50000", "--reason", "agreed")
        place = self.shown()["Saint Anne"]["geometry"]["coordinates"]
        self.assertNotAlmostEqual(place[1], 51.5, 2)
        self.fane("site", "show", code, "--reason", "agreed")
        self.assertEqual(self.shown()["Saint Anne"]["geometry"]["coordinates"], [-0.12, 51.5])
        self.fane("verify")

    def test_country(self):
        self.load(self.ROWS)
        self.fane("country", "unpublish", "gb", "--reason", "x", code=2)
        self.assertTrue(self.json("country", "unpublish", "GB", "--reason", "an order")["changed"])
        self.assertEqual(set(self.shown()), {"San Carlo"})
        self.load(self.ROWS + "d,Saint David,51.7,-0.1,GB,,\n")
        self.assertEqual(set(self.shown()), {"San Carlo"})
        self.assertEqual(self.fane("near", "51.5", "-0.12", "--n", "3", "--json").stdout.count(b"Saint"), 0)
        self.assertEqual([(c["country"], c["sites"]) for c in self.json("country", "list")], [("GB", 3)])
        self.fane("country", "publish", "GB", "--reason", "lifted")
        self.assertEqual(len(self.shown()), 4)
        self.fane("verify")


class People(Base):
    def test_accounts(self):
        self.fane("org", "add", "Interfaith desk")
        self.fane("user", "add", "miriam", "--role", "coordinator", "--org", "Interfaith desk", stdin=b"a long enough pass phrase\n")
        self.fane("user", "add", "short", "--role", "reviewer", stdin=b"tooshort\n", code=2)
        self.fane("user", "add", "miriam", "--role", "reviewer", stdin=b"another long pass phrase\n", code=5)
        self.fane("user", "add", "x1", "--role", "emperor", stdin=b"another long pass phrase\n", code=2)
        users = self.json("user", "list")
        self.assertEqual([(u["name"], u["role"]) for u in users], [("miriam", "coordinator")])
        everything = b"".join(read(os.path.join(d, f)) for d, _, fs in os.walk(self.data) for f in fs)
        self.assertNotIn(b"a long enough pass phrase", everything)
        self.fane("verify")


if __name__ == "__main__":
    unittest.main(verbosity=1)
